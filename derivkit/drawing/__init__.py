"""How results are drawn: one module a picture, over the canvas they share. Needs matplotlib."""
