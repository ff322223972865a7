"""Measures derivkit and its peers on problems with exact references. See README.md."""
