"""Structure in, structure out: tensors as nested as x0 and the model's outputs are.

Outputs stand outside and parameters inside, as in jax.jacobian. pandas and xarray are never
imported unless x0 or an output was theirs, or a Series is asked for. Libraries for trees (optree,
jax) are no run-time dependency, and name their paths otherwise than results do.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.calling import COORDINATES
from derivkit.engine.names import order_of
from derivkit.engine.trees import Branch, Leaf, Tree, flatten, wrapped
from derivkit.validation import check_known, real_numbers

__all__ = ["KINDS", "Labels"]

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

    def taken_back(
        self, nested: Any, name: str, shape: tuple[int, ...], parameter_axes: int
    ) -> NDArray[Any] | None:
        """Return a tensor of a shape from what is nested as `given_to` would; None if it is not.

        Its entries go by their names, in whichever order they stand.
        """
        places = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        where, wanted = flatten(self.given_to(places, parameter_axes), name, real_numbers)
        flat, own = flatten(nested, name, real_numbers)
        order = order_of(own.names(), wanted.names())
        if order is None:
            return None
        tensor = np.empty(flat.size)
        tensor[where.astype(int)] = flat[order]
        return tensor.reshape(shape)


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
