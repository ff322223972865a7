"""The ``derivkit`` command: derivatives of a model in a file, a package or an executable.

`arguments` says what can be typed, `models` finds the model, `commands` does the work,
`output` prints it. This file only turns outcomes into exit codes and messages of one line, which a
terminal breaks between words.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from derivkit.cli.terminal import broken
from derivkit.validation import text_of

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["main"]

LONGEST_LINE = 500  # characters of a message: a name that was typed may be endless
RESOLVED = 0
NOT_RESOLVED = 1
WRONG_USAGE = 2
MODEL_FAILED = 3
INTERRUPTED = 130  # the shell's convention: 128 + SIGINT
NOBODY_READS = 141  # 128 + SIGPIPE: as of a program that `head` has ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the command's name; ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        0 if all is well; 1 if a derivative is unresolved or a check disagrees; 2 for wrong usage;
        3 if the model failed; 130 if interrupted; 141 if nobody reads the output to its end.
    """
    try:
        return _exit_code(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt as interrupt:  # also while modules are loaded
        _fail("interrupted", INTERRUPTED)
        sys.stderr.writelines(f"{note}\n" for note in getattr(interrupt, "__notes__", ()))
        return INTERRUPTED


def _exit_code(argv: Sequence[str]) -> int:
    from derivkit.cli.arguments import parse  # noqa: PLC0415 - the command alone pays for it
    from derivkit.errors import CheckpointError, ModelError, UnresolvedWarning  # noqa: PLC0415

    arguments = parse(argv)
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _one_line_warning
        if _table_on_screen(arguments):  # its first lines say the same
            warnings.simplefilter("ignore", UnresolvedWarning)
        try:
            return _run(arguments)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
            return NOBODY_READS
        except ModelError as error:
            return _fail(text_of(error), MODEL_FAILED)
        except (ValueError, TypeError, ImportError, OSError, CheckpointError) as error:
            return _fail(text_of(error), WRONG_USAGE)
        except Exception as error:
            if os.environ.get("DERIVKIT_TRACEBACK"):
                raise
            what = f"{type(error).__name__}: {text_of(error)}"
            return _fail(f"{what}; DERIVKIT_TRACEBACK=1 shows where", WRONG_USAGE)


def _table_on_screen(arguments: Namespace) -> bool:
    """Tell whether a table goes to the terminal on which warnings are read."""
    table = getattr(arguments, "format", None) == "table" and arguments.output is None
    return table and sys.stdout.isatty() and sys.stderr.isatty()


def _run(arguments: Namespace) -> int:
    resolved = arguments.run(arguments)
    sys.stdout.flush()  # while somebody can be told that it fails
    return RESOLVED if resolved else NOT_RESOLVED


def _fail(message: str, code: int) -> int:
    first = message.strip().splitlines()[0] if message.strip() else "unknown error"
    first = first if len(first) <= LONGEST_LINE else f"{first[:LONGEST_LINE]}…"
    _tell(f"derivkit: error: {first}")
    return code


def _one_line_warning(message: Warning | str, *_: object, **__: object) -> None:
    text = " ".join(text_of(Warning(str(message))).split())
    _tell(f"derivkit: warning: {text}")


def _tell(line: str) -> None:
    sys.stderr.write(f"{broken(line)}\n")
