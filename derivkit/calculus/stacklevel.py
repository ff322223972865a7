"""Where the user's own code called in, so that a warning points at their line."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["level_of_user"]

_PACKAGE = str(Path(__file__).parents[1])


def level_of_user() -> int:
    """Return the ``stacklevel`` at which the caller's ``warnings.warn`` leaves this package."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to look up the stack
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level
