"""What belongs to Python or to an installed package, and what is the user's own code."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["is_library", "named_in_library"]

LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})


def named_in_library(value: Any) -> bool:
    """Whether a value is found under its own name in an installed package."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(name, str) or not (module is None or isinstance(module, str)):
        return False
    if module is None or not is_library(module):
        return module is None and hasattr(builtins, name)
    found: Any = sys.modules.get(module)
    for each in name.split("."):
        found = getattr(found, each, None)
    return found is value


@cache
def _library_roots() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple(Path(paths[k]).resolve() for k in ("stdlib", "platstdlib", "purelib", "platlib"))


@cache
def is_library(module: str) -> bool:
    """Whether a module is part of Python or of an installed package, by its name."""
    top = module.partition(".")[0]
    if top == "derivkit" or top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return True
    if top == "__main__":
        return False
    file = getattr(sys.modules.get(module) or sys.modules.get(top), "__file__", None)
    if file is None:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError, AttributeError):
            spec = None
        file = None if spec is None else spec.origin
    if file is None:
        return False
    path = Path(file).resolve()
    inside = any(root in path.parents for root in _library_roots())
    return inside or not LIBRARY_FOLDERS.isdisjoint(path.parts)
