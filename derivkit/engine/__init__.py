"""Evaluation of the model: where, in which order, and once only. Knows no method."""
