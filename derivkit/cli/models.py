"""From what was typed to a callable: a function in a file, in a package, or a program."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FileFunction", "Program", "load_function"]

PLACEHOLDER = "{theta}"
DEFINED = 0  # a program's exit code; any other means that the model is undefined there


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
            f"a model must be path/to/file.py:function or package.module:function, got {place!r}"
        )
    if module.endswith(".py"):
        return FileFunction(module, name)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a module beside the user, as in `python -m`
    return _member(import_module(module), name, module)


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
        self.function = _member(_load_file(self.path), name, path)

    def __call__(self, theta: NDArray[Any]) -> Any:
        """Call the function."""
        return self.function(theta)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.name)


class Program:
    """A program as a model: parameters in its arguments or on its standard input, numbers out.

    Parameters
    ----------
    command : str
        As typed in a shell, though no shell runs it. ``{theta}`` becomes the parameters, each an
        argument of its own; without it they are written to the standard input, one a line.

    Notes
    -----
    The numbers are written with 17 significant digits, so that the program sees the same bits.
    An exit code other than 0 means that the model is undefined at these parameters.

    Examples
    --------
    >>> import numpy as np
    >>> Program("echo {theta}")(np.array([0.5, -2.0]))
    array([ 0.5, -2. ])
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self._words = shlex.split(command)
        if not self._words:
            raise ValueError("`--exec` must be a command, got nothing")

    def __call__(self, theta: NDArray[Any]) -> Any:
        """Run the program once; return its number, or its numbers as an array."""
        numbers = [repr(float(each)) for each in theta]
        arguments, given = self._arguments(numbers)
        ran = subprocess.run(  # noqa: S603 - running the user's program is what was asked for
            arguments,
            input="" if given else "\n".join(numbers) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != DEFINED:
            raise ArithmeticError(
                f"{self._words[0]} ended with exit code {ran.returncode}: {_last_line(ran.stderr)}"
            )
        return _numbers(ran.stdout, self._words[0])

    def _arguments(self, numbers: list[str]) -> tuple[list[str], bool]:
        """Return the words of the command with the parameters, and whether they stand there."""
        words: list[str] = []
        for word in self._words:
            if word == PLACEHOLDER:
                words += numbers
            else:
                words.append(word.replace(PLACEHOLDER, " ".join(numbers)))
        return words, any(PLACEHOLDER in word for word in self._words)


def _numbers(text: str, program: str) -> Any:
    line = _last_line(text)
    try:
        values = np.array([float(each) for each in line.replace(",", " ").split()])
    except ValueError:
        values = np.empty(0)
    if values.size == 0:
        raise RuntimeError(
            f"the last line that {program} prints must be a number or numbers, got {line!r}"
        )
    return float(values[0]) if values.size == 1 else values


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


@cache
def _load_file(path: str) -> ModuleType:
    """Run a file as a module, once a process; files beside it can be imported by it."""
    if not Path(path).is_file():
        raise ValueError(f"the model's file must exist, got {path!r}")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"the model's file must be a Python file, got {path!r}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(Path(path).parent))
    sys.modules.setdefault(spec.name, module)  # dataclasses and the like look themselves up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path} failed to load: {type(error).__name__}: {error}") from error
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
