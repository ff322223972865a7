"""What a function's compiled code says of it, line numbers, comments and docstrings left out.

Read from the instructions rather than the raw bytes, so that a constant's place in a table does
not matter. Knows nothing of values: see `fingerprint` for what the names stand for.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["Reading", "read"]

SILENT = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "RESUME"})  # no meaning of their own
LOADS_BY_NAME = frozenset({"LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME", "LOAD_CLASSDEREF"})
REBINDS = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})

_known: WeakKeyDictionary[CodeType, Reading] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What matters of a code object and of all code nested in it.

    Attributes
    ----------
    text : str
        The instructions, with constants left out.
    constants : tuple
        The constants they load, in order; a code object for a nested function.
    names : frozenset of str
        Every global and attribute name that occurs.
    globals : frozenset of str
        Names looked up in the module.
    imports : frozenset of (str, int)
        Modules imported by the code itself, with their relative level.
    own : frozenset of str
        Captured or global names that the code itself rebinds or appends to: a counter or a log,
        not an ingredient.
    own_items : frozenset of (str, constant)
        Items that the code itself updates in place, as in ``calls[0] += 1``.
    own_attributes : frozenset of str
        Attributes that the code itself assigns.
    """

    text: str
    constants: tuple[Any, ...]
    names: frozenset[str]
    globals: frozenset[str]
    imports: frozenset[tuple[str, int]]
    own: frozenset[str]
    own_items: frozenset[tuple[str, Any]]
    own_attributes: frozenset[str]


def read(code: CodeType) -> Reading:
    """Return what matters of a code object; read once."""
    if code not in _known:
        _known[code] = _read(code)
    return _known[code]


def _read(code: CodeType) -> Reading:
    steps = [step for step in dis.get_instructions(code) if step.opname not in SILENT]
    constants = tuple(step.argval for step in steps if step.opcode in dis.hasconst)
    nested = [read(c) for c in constants if isinstance(c, CodeType)]
    hidden = frozenset(code.co_cellvars) - frozenset(code.co_freevars)  # locals of this code

    def gathered(field: str, mine: Iterator[Any]) -> frozenset[Any]:
        below = frozenset().union(*(getattr(n, field) for n in nested))
        return frozenset(mine) | frozenset(
            x for x in below if (x[0] if isinstance(x, tuple) else x) not in hidden
        )

    return Reading(
        text="\n".join(map(_line, steps)) + f"\n{code.co_argcount} {code.co_kwonlyargcount} "
        f"{code.co_posonlyargcount} {code.co_flags & 0x2F} {code.co_exceptiontable!r}",
        constants=constants,
        names=gathered("names", iter(code.co_names)) | _names_below(nested),
        globals=_all_globals(steps, nested),
        imports=frozenset(_imports(steps)).union(*(n.imports for n in nested)),
        own=gathered("own", _rebound(steps, code)),
        own_items=gathered("own_items", _updated_items(steps)),
        own_attributes=frozenset(s.argval for s in steps if s.opname == "STORE_ATTR"),
    )


def _line(step: dis.Instruction) -> str:
    return f"{step.opname} {'' if step.opcode in dis.hasconst else step.argval}"


def _names_below(nested: Sequence[Reading]) -> frozenset[str]:
    return frozenset().union(*(n.names for n in nested))


def _all_globals(steps: Sequence[dis.Instruction], nested: Sequence[Reading]) -> frozenset[str]:
    mine = (s.argval for s in steps if s.opname in {"LOAD_GLOBAL", "LOAD_NAME"})
    return frozenset(mine).union(*(n.globals for n in nested))


def _imports(steps: Sequence[dis.Instruction]) -> Iterator[tuple[str, int]]:
    for i, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            level = steps[i - 2].argval if i >= 2 else 0
            yield step.argval, level if isinstance(level, int) else 0


def _rebound(steps: Sequence[dis.Instruction], code: CodeType) -> Iterator[str]:
    """Yield names that are assigned with ``global`` or ``nonlocal``, and logs appended to."""
    for step in steps:
        if step.opname in REBINDS and step.argval not in code.co_cellvars:
            yield step.argval
    for step, after in pairwise(steps):
        if step.opname in LOADS_BY_NAME and after.argval == "append":
            yield step.argval


def _updated_items(steps: Sequence[dis.Instruction]) -> Iterator[tuple[str, Any]]:
    """Yield (name, k) of every ``name[k] op= …`` with a constant k."""
    for i in range(len(steps) - 4):
        name, key, copy, again, subscript = steps[i : i + 5]
        if (
            name.opname in LOADS_BY_NAME
            and isinstance(key.argval, (int, str))
            and copy.opname == again.opname == "COPY"
            and (subscript.opname == "BINARY_SUBSCR" or subscript.argrepr == "[]")
        ):
            yield name.argval, key.argval
