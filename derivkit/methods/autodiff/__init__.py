"""Automatic differentiation as methods: each library differentiates the function itself.

`protocol` says what such a method is; one module a library; `choice` picks among them. No library
is imported before it is used.
"""
