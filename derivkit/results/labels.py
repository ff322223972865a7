"""Structure in, structure out: tensors as nested as x0 and the model's outputs are.

Outputs stand outside and parameters inside, as in jax.jacobian. pandas and xarray are never
imported unless x0 or an output was theirs, or a Series is asked for. Libraries for trees (optree,
jax) are no run-time dependency, and name their paths otherwise than results do.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.calling import COORDINATES
from derivkit.engine.trees import Branch, Leaf, Tree, wrapped
from derivkit.validation import check_known, has, shown

__all__ = ["KINDS", "Labels", "in_order", "meant_by", "within"]

KINDS = ("array", "dict", "pandas")


@dataclass(frozen=True, slots=True)
class Labels:
    """What x0 and the outputs were, beside numbers.

    Attributes
    ----------
    names : tuple of p str
        The parameters'.
    parameters, outputs : Tree or None
        Their structure; None for a bare array.
    coordinates : tuple of p str or None
        Where parameters are followed as ``transform=`` says; empty if none is.
    """

    names: tuple[str, ...]
    parameters: Tree | None = None
    outputs: Tree | None = None
    coordinates: tuple[str | None, ...] = ()

    @property
    def own_names(self) -> tuple[str, ...]:
        """The parameters as the user calls them: "As", where the coordinate is "ln(As)"."""
        kinds = self.coordinates or (None,) * len(self.names)
        return tuple(
            name if kind is None else name[len(COORDINATES[kind].name) + 1 : -1]
            for name, kind in zip(self.names, kinds, strict=True)
        )

    def of_kind(self, kind: str | None) -> Labels:
        """Return labels that make arrays, dicts or pandas objects of the parameters."""
        if kind is None:
            return self
        kind = check_known("kind", kind, tuple(KINDS))
        if kind == "array":
            return Labels(self.names)
        keys = self._keys()
        if kind == "dict":
            return Labels(self.names, Branch("dict", keys, (Leaf(),) * len(keys)), self.outputs)
        import pandas as pd  # noqa: PLC0415 - asked for

        series = Leaf((len(keys),), "series", (pd.Index(list(keys)),))
        return Labels(self.names, series, self.outputs)

    def _keys(self) -> tuple[Hashable, ...]:
        """Return the user's own keys where x0 was one flat dict or Series, else the names."""
        tree = self.parameters
        if isinstance(tree, Branch) and len(tree.keys) == len(self.names) and tree.kind == "dict":
            return tree.keys
        if isinstance(tree, Leaf) and tree.kind == "series":
            return tuple(tree.labels[0])
        return self.names

    def given_to(self, tensor: NDArray[Any], parameter_axes: int) -> Any:
        """Return a tensor (*out, p, …, p) in the structure of outputs and parameters.

        A block of several axes is an array; with labels it is a pandas Series, a DataFrame with its
        last axis as columns, or a DataArray.
        """
        bare = self.parameters is None and self.outputs is None
        if bare or not isinstance(tensor, np.ndarray):
            return tensor
        shape = tensor.shape[: tensor.ndim - parameter_axes]
        outputs = self.outputs
        if outputs is None or (isinstance(outputs, Leaf) and outputs.shape != shape):
            outputs = Leaf(shape)  # a gradient of an array of one number has no axis for it
        array = Leaf((len(self.names),), labels=(self.names,))
        trees = [outputs, *[self.parameters or array] * parameter_axes]
        flat = tensor.reshape(-1, *tensor.shape[tensor.ndim - parameter_axes :])
        return _hung(flat, 0, trees, [])


def _hung(block: NDArray[Any], axis: int, trees: Sequence[Tree], leaves: list[Leaf]) -> Any:
    """Hang a block on trees, of which each has one flat axis, the first of them ``axis``."""
    if not trees:
        shape = [n for leaf in leaves for n in leaf.shape]
        return wrapped(block.reshape(shape), leaves)
    tree, *others = trees
    if isinstance(tree, Leaf):
        return _hung(block, axis + 1, others, [*leaves, tree])
    start, parts = 0, []
    for child in tree.children:
        stop = start + child.count
        part = block[(slice(None),) * axis + (slice(start, stop),)]
        parts.append(_hung(part, axis, [child, *others], leaves))
        start = stop
    return tree.of(parts)


def in_order(argument: str, given: Any, names: Sequence[str], otherwise: Any) -> Any:
    """Return what was given by parameter as a list in the parameters' order.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    given : object
        A mapping by names, or nested as x0 is, is put in order; one entry for a whole array or
        branch holds for all of it. Anything else is returned as it is.
    names : sequence of p str
    otherwise : object
        Stands for the parameters that are not in the mapping.

    Raises
    ------
    ValueError
        If a key is no parameter.
    """
    if has(given, "to_dict", "index"):
        given = given.to_dict()  # a Series
    if not isinstance(given, Mapping):
        return given
    found = [otherwise] * len(names)
    unknown: list[str] = []

    def put(name: str, each: Any) -> None:
        where = meant_by(name, names)
        if not where:
            unknown.append(name)
        elif isinstance(each, Mapping):
            for key, one in each.items():
                put(f"{name}.{key}" if f"{name}[{key}]" not in names else f"{name}[{key}]", one)
        else:
            alone = len(where) == 1 and names[where[0]] == name
            for i, one in zip(
                where, [each] if alone else _spread(argument, each, len(where)), strict=True
            ):
                found[i] = one

    for key, each in given.items():
        put(str(key), each)
    if unknown:
        raise ValueError(
            f"`{argument}` must be given for parameters among {', '.join(names)}, "
            f"got {', '.join(sorted(unknown))}"
        )
    return found


def meant_by(word: str, names: Sequence[str]) -> list[int]:
    """Return the parameters that a word means: the one of that name, else all within it."""
    alone = [i for i, name in enumerate(names) if name == word]
    return alone or [i for i, name in enumerate(names) if within(name, word)]


def within(name: str, whole: str) -> bool:
    """Whether a parameter is the named one, or an entry of the array or branch of that name."""
    return name == whole or name.startswith((f"{whole}.", f"{whole}["))


def _spread(argument: str, each: Any, n: int) -> list[Any]:
    """Return n entries: a number, or of bounds a pair, for all of them, or one for each."""
    if argument != "bounds":
        found = [each] * n if np.ndim(each) == 0 else np.ravel(each).tolist()
    elif len(each) == 2 and not any(map(np.iterable, each)):
        found = [each] * n
    else:
        found = [one for row in each for one in ([row] if len(each) == n else row)]
    if len(found) != n:
        raise ValueError(
            f"`{argument}` must be one for all or {n} for an array of {n}, got {shown(each)}"
        )
    return found
