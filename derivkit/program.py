"""A program outside Python as a model: parameters in, numbers out. Knows nothing of derivatives."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Program"]

PLACEHOLDER = "{theta}"
DEFINED = 0  # a program's exit code; any other means that the model is undefined there


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
