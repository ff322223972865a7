"""A program outside Python as a model: parameters in, numbers out. Knows nothing of derivatives."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.validation import check_texts, shown

__all__ = ["Program"]

ALL = "{theta}"
PLACEHOLDER = re.compile(r"\{[A-Za-z_]\w*\}")
FOR_A_SHELL = re.compile(r"[();<>|&]+|\$\{?\w+\}?|`.*|~/.*")  # words that only a shell understands
INDEX_OF_R = re.compile(r"^\s*\[\d+\]\s")  # R prints "[1] 4.47"
LARGE = 100_000_000  # bytes; of a larger file the size and the time stand for what is in it
DEFINED = 0  # a program's exit code; any other means that the model is undefined there


class Program:
    """A program as a model: parameters in its arguments or on its standard input, numbers out.

    Parameters
    ----------
    command : str
        As typed in a shell, though no shell runs it. ``{theta}`` becomes the parameters, each an
        argument of its own, and ``{name}`` the one of that name; without either they are written
        to the standard input, one a line.
    names : sequence of str, optional
        The parameters', for ``{name}``.
    pattern : str, optional
        A regular expression, searched in all that the program prints: its groups, or all matches
        of it, are the output. Without it the last line must hold numbers and nothing else.

    Raises
    ------
    ValueError
        If the command is empty, has an unknown placeholder, or needs a shell.

    Notes
    -----
    The numbers are written with 17 significant digits, so that the program sees the same bits.
    An exit code other than 0 means that the model is undefined at these parameters; a program that
    a signal ends (a crash, no memory) is an error that names the signal. What the program has
    started is ended with it.

    Examples
    --------
    >>> import numpy as np
    >>> Program("echo {theta}")(np.array([0.5, -2.0]))
    array([ 0.5, -2. ])
    >>> Program("echo chi2 is {b}", names=["a", "b"], pattern="is (.*)")(np.array([0.5, -2.0]))
    -2.0
    """

    def __init__(
        self, command: str, names: Sequence[str] | None = None, pattern: str | None = None
    ) -> None:
        for name, value in {"command": command, "pattern": pattern}.items():
            if not isinstance(value, str) and (value is not None or name == "command"):
                raise TypeError(f"`{name}` must be text, got {shown(value)}")
        self.command = command
        self.names = None if names is None else check_texts("names", names)
        self.pattern = pattern
        self._words = _words(command)
        self._places = {f"{{{name}}}": i for i, name in enumerate(self.names or ())}
        self._check_placeholders()
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    f"`pattern` must be a regular expression, got {shown(pattern)}: {error}"
                ) from error
        if shutil.which(self._words[0]) is None:
            raise ValueError(
                "`command` (--exec) must begin with a program that can be run, got "
                f"{shown(self._words[0])}"
            )
        self.files = tuple(_identity(word) for word in self._words)

    def _check_placeholders(self) -> None:
        known = {ALL, *self._places}
        for word in self._words:
            unknown = [each for each in PLACEHOLDER.findall(word) if each not in known]
            if unknown:
                raise ValueError(
                    "`command` (--exec) must have no placeholder but "
                    f"{', '.join(sorted(known))}, got {unknown[0]}"
                    + ("; give `--at` as name=number" if not self._places else "")
                )

    def __call__(self, theta: NDArray[Any]) -> Any:
        """Run the program once; return its number, or its numbers as an array."""
        numbers = [repr(float(each)) for each in theta]
        arguments, given = self._arguments(numbers)
        code, printed, errors = _run(arguments, "" if given else "\n".join(numbers) + "\n")
        if code < 0:
            raise ChildProcessError(f"{self._words[0]} was ended by {_signal(-code)}")
        if code != DEFINED:
            raise ArithmeticError(
                f"{self._words[0]} ended with exit code {code}: {_last_line(errors)}"
            )
        return _numbers(printed, self._words[0], self.pattern)

    def _arguments(self, numbers: list[str]) -> tuple[list[str], bool]:
        """Return the words of the command with the parameters, and whether they stand there."""
        words: list[str] = []
        for word in self._words:
            if word == ALL:
                words += numbers
                continue
            filled = word.replace(ALL, " ".join(numbers))
            for place, i in self._places.items():
                filled = filled.replace(place, numbers[i])
            words.append(filled)
        known = (ALL, *self._places)
        return words, any(place in word for word in self._words for place in known)


def _words(command: str) -> list[str]:
    """Split a command as a shell does; what only a shell could do is refused."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise ValueError(
            f"`command` (--exec) must be a command, got {shown(command)}: {error}"
        ) from error
    if not words:
        raise ValueError("`command` (--exec) must be a command, got nothing")
    for word in words:
        if FOR_A_SHELL.fullmatch(word):
            raise ValueError(
                f"`command` (--exec) must be one command, which no shell runs, got {shown(word)} "
                "in it; put it into a script, or quote it for sh -c '…'"
            )
    return words


def _identity(word: str) -> tuple[str, str]:
    """Return a word of a command, and a digest of the file that it names."""
    path = Path(shutil.which(word) or word)
    try:
        if not path.is_file():
            return word, ""
        about = path.stat()
        if about.st_size > LARGE:
            return word, f"{about.st_size} {about.st_mtime_ns}"
        return word, sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return word, ""


def _run(arguments: list[str], text: str) -> tuple[int, str, str]:
    """Run a program; it ends, with all it has started, when this call does."""
    group = {"process_group": 0} if sys.platform != "win32" else {}
    with subprocess.Popen(  # noqa: S603 - running the user's program is what was asked for
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        **group,  # type: ignore[call-overload]
    ) as program:
        try:
            printed, errors = program.communicate(text)
        except BaseException:  # a timeout, an interrupt
            if group:
                with suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)
            program.kill()
            raise
    return program.returncode, printed, errors


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _numbers(text: str, program: str, pattern: str | None) -> Any:
    if pattern is None:
        line = INDEX_OF_R.sub("", _last_line(text))
        found = line.replace(",", " ").split()
    else:
        line = text
        matches = re.findall(pattern, text)
        found = [each for m in matches for each in ((m,) if isinstance(m, str) else m)]
    try:
        values = np.array([float(each) for each in found])
    except ValueError:
        values = np.empty(0)
    if values.size == 0:
        where = "the last line that" if pattern is None else f"what {shown(pattern)} finds in what"
        raise RuntimeError(
            f"{where} {program} prints must be a number or numbers, got {shown(line)}; "
            "--output-pattern says where they are"
        )
    return float(values[0]) if values.size == 1 else values


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
