"""Ways to differentiate along a line. Methods ask for points and never call a model."""
