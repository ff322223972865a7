"""Shapes of derivatives over one driver: the layer between the faces and methods/engine."""
