"""Awkward values for every argument of every public name, built from the signatures.

    python -m tests.fuzz --n 20000 --seed 1

A value is accepted, or refused by one sentence that names the argument, before any call of the
model. Everything else is a finding: ``crash`` (another exception), ``leak`` (a message of Python's
or numpy's), ``nonsense`` (accepted, though the annotation says no), ``late`` (refused after model
calls), ``lines`` (a message of several lines, or an endless one), ``unnamed`` (it does not name the
argument), ``hang``. What is tried stands in `fuzz_targets`, with what in `fuzz_values`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import linecache
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import derivkit
from derivkit.errors import CheckpointError, ModelError, SamplingError
from tests.fuzz_targets import CALLS, COMMANDS, FREE, LATE, LATER, NAMED, Target, targets
from tests.fuzz_values import HOSTILE, VALUES, WORDS, fits

PACKAGE = str(Path(derivkit.__file__).parent)
REFUSALS = (TypeError, ValueError, ImportError, OSError, ModelError, CheckpointError, SamplingError)
LONGEST = 600  # characters of a sentence
MOST_SECONDS = 60  # of one trial
BEYOND = {"tiny", "large"}
MANY = {"minus one", "ten", "huge", "a million", "numpy's int"}
THEIRS = {"a function", "a lambda of nothing", "a class", "raising __call__"}
SKIPPED = {  # values that start many processes; and functions of the user's that fail as they like
    "n_workers": MANY,
    **dict.fromkeys(("gradient", "jacobian", "hessian"), THEIRS),
    **dict.fromkeys(("first", "second", "blocks", "factor", "matrix"), BEYOND),
    "varargs": {"tiny"},  # numpy warns of the overflow, as it does for its own
    "points": {"endless"},  # as long as the user wants
    **dict.fromkeys(("progress", "cov", "functions", "logposterior", "neg_logposterior"), THEIRS),
}


@dataclass(frozen=True)
class Trial:
    """One value for one argument."""

    target: Target
    argument: str
    value: str  # its name in VALUES

    def __str__(self):
        return f"{self.target.name}({self.argument}={self.value})"


@dataclass(frozen=True)
class Finding:
    """What must not happen."""

    kind: str
    trial: object
    text: str

    def __str__(self):
        return f"{self.kind:8} {self.trial}: {self.text}"


def trials():
    """Return every argument of every target with every value."""
    return [
        Trial(target, argument, value)
        for target in targets()
        for argument in target.arguments
        for value in VALUES
        if value not in SKIPPED.get(argument, ())
        and not (target.name == "follow" and value in THEIRS)
    ]


def judged(trial):
    """Return a finding, or None, and whether the value was accepted."""
    call, given = trial.target.ready()
    value = VALUES[trial.value]()
    CALLS.clear()
    with quiet() as caught:
        try:
            with alarm():
                call(**{**given, trial.argument: value})
        except Hang as error:
            return Finding("hang", trial, last_own(error)), False
        except REFUSALS as error:
            return refused(trial, error), False
        except RuntimeError as error:
            if type(error) is RuntimeError and raised_here(error):
                return refused(trial, error), False
            return Finding("crash", trial, described(error)), False
        except BaseException as error:
            return Finding("crash", trial, described(error)), False
    strange = [w for w in caught if not issubclass(w.category, UserWarning)]
    if strange:
        where = f"{strange[0].filename.removeprefix(PACKAGE)}:{strange[0].lineno}"
        return Finding("leak", trial, f"{strange[0].message} ({where})"), True
    if not accepts(trial, value):
        return Finding("nonsense", trial, "accepted"), True
    return None, True


def accepts(trial, value):
    if (trial.target.name, trial.argument) in FREE or ("*", trial.argument) in FREE:
        return True
    return fits(trial.target.annotation(trial.argument), value, hostile=trial.value in HOSTILE)


def refused(trial, error):
    """Return what is wrong with a refusal."""
    try:
        text = str(error)
    except Exception as broken:
        return Finding("crash", trial, described(broken))
    if isinstance(error, OSError):
        return None  # it names the file
    if not raised_here(error):
        return Finding("leak", trial, described(error))
    if "\n" in text or len(text) > LONGEST:
        return Finding("lines", trial, repr(text[:200]))
    allowed = 0 if trial.argument not in LATE else 1 if trial.argument not in LATER else sys.maxsize
    if len(CALLS) > allowed and not isinstance(error, ModelError):
        return Finding("late", trial, f"{len(CALLS)} calls, {text[:120]}")
    names = (trial.argument, *NAMED.get(trial.argument, ()))
    if not isinstance(error, (ModelError, SamplingError)) and not any(
        name in text for name in names
    ):
        return Finding("unnamed", trial, text[:200])
    return None


def raised_here(error):
    """Whether the exception comes from a ``raise`` of this package, not from what it has called."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or not frames[-1].filename.startswith(PACKAGE):
        return isinstance(error, TypeError) and "argument" in str(error) and len(frames) <= 3
    line = linecache.getline(frames[-1].filename, frames[-1].lineno)
    return line.lstrip().startswith("raise")


def last_own(error):
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(PACKAGE)
    ]
    if not frames:
        return "?"
    return f"{frames[-1].filename.removeprefix(PACKAGE + os.sep)}:{frames[-1].lineno}"


def described(error):
    try:
        text = " ".join(str(error).split())[:160]
    except Exception:
        text = "(no text)"
    return f"{type(error).__name__}: {text} [{last_own(error)}]"


class Hang(BaseException):
    """The time of a trial is up."""


@contextlib.contextmanager
def alarm():
    def ring(*_):
        raise Hang

    if sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def quiet():
    """Catch warnings, and what is written."""
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("always")
        yield caught


# -- the command line ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Typed:
    """A command with an awkward word in one place."""

    words: tuple[str, ...]

    def __str__(self):
        return ascii(" ".join(self.words))[:150]


def typed():
    """Return every command with every awkward word behind every option, and in every place."""
    for command in COMMANDS:
        for word in WORDS:
            for option in command.options:
                yield Typed((*command.words, option, word))
            for i in range(1, len(command.words)):
                yield Typed((*command.words[:i], word, *command.words[i + 1 :]))


def judged_command(trial):
    """Return a finding, or None, and whether the command succeeded."""
    from derivkit.cli import main

    with quiet():
        errors = sys.stderr
        try:
            with alarm():
                code = main(trial.words)
        except Hang as error:
            return Finding("hang", trial, last_own(error)), False
        except SystemExit as error:
            code = error.code
        except BaseException as error:
            return Finding("crash", trial, described(error)), False
        told = [line for line in errors.getvalue().splitlines() if "warning: " not in line]
    if code in {0, 1}:
        return None, True
    if code == 2 and told and told[0].startswith("usage:"):  # which shows how, and where to read on
        told = [line for line in told if "error: " in line]
    if code not in {2, 3} or len(told) != 1 or "error: " not in told[0]:
        return Finding("lines", trial, f"exit {code}: {told[-3:]}"), False
    if len(told[0]) > LONGEST or not told[0].isprintable():
        return Finding("lines", trial, ascii(told[0][:200])), False
    if "DERIVKIT_TRACEBACK" in told[0]:
        return Finding("crash", trial, told[0][:200]), False
    return None, False


# -- runs ----------------------------------------------------------------------------------------


def run(n, seed, *, command=False, only=""):
    """Try n of all trials, chosen at random; all where n is None.

    Returns
    -------
    findings : list of Finding
    accepted, refused : int
    """
    every = list(typed()) if command else trials()
    every = [trial for trial in every if only in str(trial)]
    # by hashes: other names that come or go change no trial of this seed
    chosen = sorted(every, key=lambda trial: crc32(f"{seed} {trial}".encode("utf8", "replace")))[:n]
    judge = judged_command if command else judged
    findings, counted = [], Counter()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for trial in chosen:
                finding, accepted = judge(trial)
                counted[accepted] += 1
                findings += [finding] if finding else []
        finally:
            os.chdir(here)
    return findings, counted[True], counted[False]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, help="how many; all if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="trials whose text has this in it")
    parser.add_argument("--command", action="store_true", help="the command line, not the names")
    given = parser.parse_args()
    findings, accepted, refused = run(given.n, given.seed, command=given.command, only=given.only)
    for finding in findings:
        print(str(finding).encode("ascii", "backslashreplace").decode())
    kinds = Counter(f.kind for f in findings)
    print(f"{accepted} accepted, {refused} refused; findings: {dict(kinds) or 'none'}")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
