"""From what was typed to a callable: a function in a file or in a package."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from derivkit.engine.model import FAILURES
from derivkit.validation import shown, text_of

__all__ = ["FileFunction", "load_function"]


def load_function(place: str) -> Callable[..., Any]:
    """Return the function at ``path/to/file.py:function`` or ``package.module:function``.

    Raises
    ------
    ValueError
        If the text is not of that form, or there is no such file or function.
    TypeError
        If what stands there cannot be called.
    """
    module, colon, name = place.rpartition(":")
    if not (colon and module and name):
        raise ValueError(
            "a model must be path/to/file.py:function or package.module:function, got "
            f"{shown(place)}"
        )
    if module.endswith(".py"):
        return FileFunction(module, name)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a module beside the user, as in `python -m`
    try:
        loaded = import_module(module)
    except ImportError:
        raise
    except FAILURES as error:
        what = f"{type(error).__name__}: {text_of(error)}"
        raise ValueError(f"{module} failed to load: {what}") from error
    return _member(loaded, name, module)


class FileFunction:
    """A function in a file; a worker process loads the file itself, once.

    Parameters
    ----------
    path : str
    name : str
    """

    def __init__(self, path: str, name: str) -> None:
        self.path = str(Path(path).resolve())
        self.name = name
        self.function = self.__wrapped__ = _member(_load_file(self.path), name, path)

    def __call__(self, *theta: Any, **named: Any) -> Any:
        """Call the function."""
        return self.function(*theta, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.name)


@cache
def _load_file(path: str) -> ModuleType:
    """Run a file as a module, once a process; files beside it can be imported by it."""
    if not Path(path).is_file():
        raise ValueError(f"the model's file must exist, got {shown(path)}")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"the model's file must be a Python file, got {shown(path)}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(Path(path).parent))
    sys.modules.setdefault(spec.name, module)  # dataclasses and the like look themselves up
    try:
        spec.loader.exec_module(module)
    except FAILURES as error:
        what = f"{type(error).__name__}: {text_of(error)}"
        raise ValueError(f"{path} failed to load: {what}") from error
    return module


def _own_function(module: ModuleType, each: Any) -> bool:
    return callable(each) and getattr(each, "__module__", None) == module.__name__


def _member(module: ModuleType, name: str, where: str) -> Callable[..., Any]:
    if not hasattr(module, name):
        found = [n for n, each in vars(module).items() if _own_function(module, each)]
        raise ValueError(f"{where} has no function {name!r}; it has {', '.join(found) or 'none'}")
    function = getattr(module, name)
    if not callable(function):
        raise TypeError(f"{name} in {where} must be a function, got {type(function).__name__}")
    return function  # type: ignore[no-any-return]
