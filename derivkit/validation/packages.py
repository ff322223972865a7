"""Packages that are no dependency: imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["optional"]


def optional(module: str, needed_by: str) -> Any:
    """Return a module.

    Raises
    ------
    ImportError
        If it is not installed; the text says who needs it, and what to install.

    Examples
    --------
    >>> optional("no_such_package.part", "this picture")
    Traceback (most recent call last):
    ImportError: this picture needs 'no_such_package'; pip install no_such_package
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{needed_by} needs {package!r}; pip install {package}") from error
