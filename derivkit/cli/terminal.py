"""Messages on standard error: one line, which a terminal has broken between words."""

from __future__ import annotations

import shutil
import sys
import textwrap

__all__ = ["broken"]


def broken(line: str) -> str:
    """Return a line as it is, or broken between words to the width of the terminal it goes to.

    Words stay whole, also those with hyphens: they may be options.
    """
    if not sys.stderr.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
