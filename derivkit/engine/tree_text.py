"""The structure of nested numbers as text, for files: JSON, without classes and without pickles."""

from __future__ import annotations

import json
from typing import Any

from derivkit.engine.trees import Branch, Leaf, Tree

__all__ = ["as_text", "from_text"]


def as_text(tree: Tree) -> str | None:
    """Return a tree as JSON that `from_text` reads; None where a label is no text or number."""
    try:
        return json.dumps(_plain(tree), separators=(",", ":"))
    except TypeError:
        return None


def _plain(tree: Tree) -> list[Any]:
    if isinstance(tree, Branch):
        kind = tree.kind if isinstance(tree.kind, str) else "dict" * issubclass(tree.kind, dict)
        if not kind or not all(type(k) in {str, int, float} for k in tree.keys):
            raise TypeError
        return [kind, list(tree.keys), [_plain(child) for child in tree.children]]
    if tree.kind == "dataarray":
        raise TypeError
    return [
        tree.kind,
        list(tree.shape),
        [list(each) for each in tree.labels],
        tree.about,
        tree.is_complex,
    ]


def from_text(text: str) -> Tree:
    """Return the tree that `as_text` wrote.

    Raises
    ------
    ValueError
        If it wrote something else.
    """
    try:
        return _from_plain(json.loads(text))
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"no structure of outputs: {text[:80]!r}") from error


def _from_plain(plain: list[Any]) -> Tree:
    kind, first, second, *rest = plain
    if kind in {"dict", "list", "tuple"}:
        return Branch(kind, tuple(first), tuple(map(_from_plain, second)))
    about, is_complex = rest
    labels: tuple[Any, ...] = ()
    if kind in {"series", "frame"}:
        import pandas as pd  # noqa: PLC0415 - the labels are pandas'

        # of an index of several levels a label is a tuple, which JSON makes a list
        labels = tuple(
            pd.Index([tuple(one) if isinstance(one, list) else one for one in each])
            for each in second
        )
    return Leaf(tuple(map(int, first)), str(kind), labels, about, bool(is_complex))
