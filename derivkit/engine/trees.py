"""Numbers as users keep them – nested dicts, lists, arrays, Series – and flat, as the engine does.

`flatten` takes a thing apart into one flat array and a tree, which is its structure alone; the
tree builds the same kind of thing from other numbers. A leaf of the tree is a block of numbers:
one number, an array of any shape, or what carries labels (pandas, xarray). A complex number counts
as two, all real parts of a leaf before all imaginary ones. Neither pandas nor xarray is imported
here unless a leaf is theirs. Not jax.tree or optree: they are no dependencies, and know neither
labels nor complex numbers as two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.names import fields_of, in_order, order_of
from derivkit.validation import has

__all__ = [
    "Branch",
    "Leaf",
    "Path",
    "Tree",
    "conformed",
    "flatten",
    "numbers_by_name",
    "periods_of",
    "wrapped",
]

Path: TypeAlias = tuple[Any, ...]
"""Keys, fields and positions from the root to a leaf."""

Numbers: TypeAlias = Callable[[str, Any], NDArray[Any]]
"""Takes a leaf's name and what stands there, returns an array of float or complex; or raises."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A block of numbers.

    Attributes
    ----------
    shape : tuple of int
        () for a number.
    kind : {"array", "series", "frame", "dataarray"}
    labels : tuple
        What labels each axis: an index of pandas, or None.
    about : object
        The name of a Series; name, dims, coordinates and attributes of a DataArray.
    is_complex : bool
    """

    shape: tuple[int, ...] = ()
    kind: str = "array"
    labels: tuple[Any, ...] = ()
    about: Any = None
    is_complex: bool = False

    @property
    def size(self) -> int:
        """How many real numbers it holds."""
        return prod(self.shape) * (2 if self.is_complex else 1)

    @property
    def count(self) -> int:
        """How many numbers it holds, a complex one counted once."""
        return prod(self.shape)

    def only(self, chosen: AbstractSet[int], start: int = 0) -> Leaf | None:
        """Return the block of the entries that are chosen; flat where these are not all."""
        inside = [i for i in range(self.count) if start + i in chosen]
        if len(inside) == self.count:
            return self
        if not inside:
            return None
        if self.kind == "series":
            return Leaf((len(inside),), "series", (self.labels[0][inside],), self.about)
        return Leaf((len(inside),))

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
        """Yield the one leaf."""
        yield path, self

    def same_place(self, other: Leaf) -> bool:
        """Whether another block has the same entries, whatever their numbers are."""
        return self.shape == other.shape and (
            len(self.labels) == len(other.labels)
            and all(map(_same_index, self.labels, other.labels))
        )

    def build(self, flat: NDArray[Any]) -> Any:
        """Return the thing with these numbers (*lead, size), of many points if there is a lead."""
        lead = flat.shape[:-1]
        if self.is_complex and flat.dtype.kind != "c":
            flat = flat[..., : self.count] + 1j * flat[..., self.count :]
        if self.kind == "array" and not self.shape and not lead:
            return flat.item() if isinstance(flat, np.ndarray) else flat[0]
        block = flat.reshape(lead + self.shape)
        return block if self.kind == "array" else wrapped(block, (Leaf(lead), self))

    def names(self, root: str = "") -> list[str]:
        """Return the name of each entry: "W[0,1]", "cosmo.h" of a Series; "x" without a root."""
        if self.kind == "series":
            start = f"{root}." if root else ""
            return [f"{start}{_text(label)}" for label in self.labels[0]]
        axes = [
            map(_text, self.labels[axis]) if self.kind == "frame" else map(str, range(n))
            for axis, n in enumerate(self.shape)
        ]
        return [
            f"{root or 'x'}[{','.join(entry)}]" if entry else root or "x"
            for entry in product(*axes)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A dict, list, tuple, named tuple or dataclass of trees.

    Attributes
    ----------
    kind : str or type
        "dict", "list", "tuple", or the class of a named tuple, dataclass, namespace or dict.
    keys : tuple
        Keys, positions or field names.
    children : tuple of Tree
    """

    kind: Any
    keys: tuple[Any, ...]
    children: tuple[Tree, ...]

    @property
    def size(self) -> int:
        """How many real numbers it holds."""
        return sum(child.size for child in self.children)

    @property
    def count(self) -> int:
        """How many numbers it holds, a complex one counted once."""
        return sum(child.count for child in self.children)

    @property
    def is_complex(self) -> bool:
        """Whether a leaf is."""
        return any(child.is_complex for child in self.children)

    def only(self, chosen: AbstractSet[int], start: int = 0) -> Branch | None:
        """Return the branch with the entries that are chosen, without children that have none."""
        kept = []
        for key, child in zip(self.keys, self.children, strict=True):
            part = child.only(chosen, start)
            start += child.count
            if part is not None:
                kept.append((key, part))
        if not kept:
            return None
        keys, children = zip(*kept, strict=True)
        whole = len(keys) == len(self.keys)
        return Branch(
            self.kind if whole or self.kind in {"list", "tuple"} else "dict", keys, children
        )

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
        """Yield every leaf with the path that leads to it."""
        for key, child in zip(self.keys, self.children, strict=True):
            yield from child.leaves((*path, key))

    def build(self, flat: NDArray[Any]) -> Any:
        """Return the thing with these numbers (*lead, size), of many points if there is a lead."""
        start, parts = 0, []
        for child in self.children:
            stop = start + child.size
            parts.append(child.build(flat[..., start:stop]))
            start = stop
        if isinstance(self.kind, str) or issubclass(self.kind, (dict, tuple)):
            return self.of(parts)
        return self.kind(**dict(zip(self.keys, parts, strict=True)))

    def names(self, root: str = "") -> list[str]:
        """Return the name of each entry: "cosmo.h", "bias[0]"."""
        nested = zip(self.keys, self.children, strict=True)
        return [name for key, child in nested for name in child.names(self.name_of(key, root))]

    def name_of(self, key: Any, root: str = "") -> str:
        """Return the name of a child."""
        if self.kind in {"list", "tuple"}:
            return f"{root or 'x'}[{key}]"
        return f"{root}.{_text(key)}" if root else _text(key)

    def of(self, parts: Sequence[Any]) -> Any:
        """Return the thing with these children."""
        if self.kind == "dict":
            return dict(zip(self.keys, parts, strict=True))
        if isinstance(self.kind, str):
            return list(parts) if self.kind == "list" else tuple(parts)
        if issubclass(self.kind, dict):
            return self.kind(dict(zip(self.keys, parts, strict=True)))
        if issubclass(self.kind, tuple):
            return self.kind._make(parts)
        thing = self.kind.__new__(self.kind)  # its __init__ may check numbers: derivatives differ
        for key, part in zip(self.keys, parts, strict=True):
            object.__setattr__(thing, key, part)
        return thing


Tree: TypeAlias = Leaf | Branch


def flatten(
    value: Any,
    name: str,
    numbers: Numbers,
    *,
    lead: tuple[int, ...] = (),
    split: bool = True,
) -> tuple[NDArray[Any], Tree]:
    """Return the numbers of a thing, one after the other, and its structure.

    Parameters
    ----------
    value : object
    name : str
        What messages call it.
    numbers : callable
        Makes an array of what stands at a leaf.
    lead : tuple of int
        () for one point; (n,) for the outputs of n points, where every leaf has a first axis of n.
    split : bool
        Whether complex numbers become two real ones.

    Returns
    -------
    flat : ndarray (*lead, size)
    tree : Tree
        That of one point.

    Examples
    --------
    >>> from derivkit.validation import real_numbers
    >>> flat, tree = flatten({"h": 0.7, "bias": [1.0, 2.0]}, "x0", real_numbers)
    >>> flat
    array([0.7, 1. , 2. ])
    >>> tree.build(2 * flat)
    {'h': 1.4, 'bias': array([2., 4.])}
    """
    parts: list[NDArray[Any]] = []
    try:
        tree = _taken_apart(value, name, numbers, lead, parts)
    except RecursionError as error:
        raise TypeError(f"`{name}` must be numbers, got what holds itself") from error
    if split:
        parts = [_real(part) for part in parts]
    if len(parts) == 1:
        return parts[0], tree
    return np.concatenate(parts, axis=-1) if parts else np.empty((*lead, 0)), tree


def _taken_apart(
    value: Any, name: str, numbers: Numbers, lead: tuple[int, ...], parts: list[NDArray[Any]]
) -> Tree:
    found = _children(value, lead)
    if found is None:
        block, leaf = _leaf(value, numbers(name, value), name, lead)
        parts.append(block)
        return leaf
    kind, items = found
    dotted = kind not in {"list", "tuple"}
    return Branch(
        kind,
        tuple(items),
        tuple(
            _taken_apart(
                each, f"{name}.{key}" if dotted else f"{name}[{key}]", numbers, lead, parts
            )
            for key, each in items.items()
        ),
    )


def _children(value: Any, lead: tuple[int, ...]) -> tuple[Any, dict[Any, Any]] | None:
    """Return the kind of a branch and its children by key; None for a leaf."""
    if isinstance(value, dict):
        return _kind_of(value), dict(value)
    if isinstance(value, Mapping):
        variables: Any = value  # of a Dataset, which also maps its coordinates
        return "dict", dict((variables.data_vars if has(value, "data_vars") else value).items())
    held = fields_of(value)
    if held is not None:
        return type(value), held
    if isinstance(value, (list, tuple)):
        ragged = isinstance(value, tuple) and len(set(map(_axes, value))) > 1
        if ragged or ((isinstance(value, tuple) or not lead) and _holds_a_tree(value)):
            return type(value).__name__, dict(enumerate(value))
    return None


def _kind_of(value: dict[Any, Any]) -> Any:
    """Return the class of a dict that may have attributes, as people make them; else "dict"."""
    cls = type(value)
    if cls is dict:
        return "dict"
    try:
        again = cls(dict(value))
    except Exception:  # noqa: BLE001 - it is made from something else: a defaultdict
        return "dict"
    return cls if isinstance(again, dict) and list(again) == list(value) else "dict"


def _holds_a_tree(items: Sequence[Any]) -> bool:
    """Whether an item is an array, a dict, a Series …: more than numbers or lists of them."""
    for each in items:
        if isinstance(each, (float, int)):  # the usual case, without the questions below
            continue
        if isinstance(each, Mapping) or fields_of(each) is not None:
            return True
        if isinstance(each, (list, tuple)):
            if _holds_a_tree(each):
                return True
        elif len(getattr(each, "shape", ())) > 0:
            return True
    return False


def _axes(value: Any) -> int:
    """Return how many axes numbers have; -1 where they make no array."""
    try:
        return np.ndim(value)
    except ValueError:
        return -1


def _leaf(
    value: Any, block: NDArray[Any], name: str, lead: tuple[int, ...]
) -> tuple[NDArray[Any], Leaf]:
    """Return the numbers (*lead, size) of a block (*lead, *shape), and its leaf."""
    if block.shape[: len(lead)] != lead:
        where = name[name.find(".") :] if "." in name else ""
        raise ValueError(f"shape {block.shape}" + (f" at {where}" if where else ""))
    kind, labels, about = _labels(value)
    if lead and kind in {"series", "frame"}:  # the rows are points
        labels, kind, about = labels[1:], "series" if kind == "frame" else "array", None
    elif lead and kind == "dataarray":
        labels, about = labels[1:], (about[0], about[1][1:], about[2], about[3])
    leaf = Leaf(block.shape[len(lead) :], kind, labels, about, block.dtype.kind == "c")
    return block.reshape(*lead, prod(leaf.shape)), leaf


def _real(flat: NDArray[Any]) -> NDArray[Any]:
    if flat.dtype.kind != "c":
        return flat
    return np.concatenate([flat.real, flat.imag], axis=-1)


def _labels(value: Any) -> tuple[str, tuple[Any, ...], Any]:
    """Return kind, labels and whatever else is to be kept of a labelled block."""
    if has(value, "dims", "coords") and value.dims:
        labels = tuple(value.indexes.get(dim) for dim in value.dims)
        coords = {k: (c.dims, c.values, c.attrs) for k, c in value.coords.items()}
        return "dataarray", labels, (value.name, tuple(value.dims), coords, dict(value.attrs))
    if has(value, "to_numpy", "index") and not callable(value.index):
        if hasattr(value, "columns"):
            return "frame", (value.index, value.columns), None
        return "series", (value.index,), value.name
    return "array", (), None


def conformed(values: NDArray[Any], tree: Tree, wanted: Tree) -> NDArray[Any] | None:
    """Return a tree's numbers in the order of another tree; None if that has other entries.

    A dict may have its keys in another order, a Series its labels; where complex numbers are
    wanted, real ones will do.
    """
    start, mine = 0, {}
    for path, leaf in tree.leaves():
        mine[path] = leaf, values[start : start + leaf.size]
        start += leaf.size
    parts = []
    for path, leaf in wanted.leaves():
        own, part = mine.pop(path, (None, values))
        if own is None or own.is_complex > leaf.is_complex:
            return None
        if not own.same_place(leaf):
            order = None if own.kind == "array" else order_of(own.names(), leaf.names())
            if order is None or own.kind != leaf.kind or own.kind == "dataarray":
                return None
            part = _reordered(part, order)
        parts.append(part)
        if leaf.is_complex > own.is_complex:
            parts.append(np.zeros(own.size))
    return None if mine else np.concatenate(parts)


def _reordered(part: NDArray[Any], order: list[int]) -> NDArray[Any]:
    """Return a leaf's numbers in another order: of complex ones all real parts stand first."""
    halves = part.reshape(-1, len(order), *part.shape[1:])
    return halves[:, order].reshape(part.shape)


def numbers_by_name(
    argument: str, given: Any, names: Sequence[str], numbers: Numbers, *, what: str = "parameters"
) -> NDArray[Any]:
    """Return numbers that are given flat, by name, or nested, in the order of these names.

    Of what is named, or nested with the same names, the order is free; what is not named is 0.

    Raises
    ------
    ValueError
        If one is given for what is none of the names.
    """
    flat, own = flatten(given, argument, numbers)
    order = order_of(own.names(), names)
    if order is not None:
        return np.asarray(flat[order])
    named = in_order(argument, given, names, 0.0, what=what)
    return flat if named is given else numbers(argument, named)


def periods_of(tree: Tree, given: Mapping[Any, Any]) -> NDArray[np.float64]:
    """Return the period of each output, from those given by key or branch; inf for the others.

    Raises
    ------
    ValueError
        If a key is no output, or a period has not its shape.
    """
    parts, used = [np.empty(0)], set()
    for path, leaf in tree.leaves():
        period: Any = given
        for depth, key in enumerate(path, 1):
            period = period.get(key, np.inf) if isinstance(period, Mapping) else period
            used.add(path[:depth])
        if isinstance(period, Mapping):  # the labels of a Series
            period = in_order("period", period, leaf.names(), np.inf, what="outputs")
        try:
            each = np.broadcast_to(np.asarray(period, dtype=float), leaf.shape).ravel()
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`period` must be numbers like the outputs {', '.join(tree.names())}"
            ) from error
        parts += [each] * (2 if leaf.is_complex else 1)
    unknown = [key for key in given if (key,) not in used and isinstance(tree, Branch)]
    if unknown:
        raise ValueError(
            f"`period` must be given for outputs among {', '.join(tree.names())}, got {unknown[0]}"
        )
    return np.concatenate(parts)


# -- blocks of derivatives, labelled --------------------------------------------------------


def wrapped(block: NDArray[Any], leaves: Sequence[Leaf]) -> Any:
    """Return an array, whose axes are those of the leaves in turn, labelled as they are.

    With xarray among them it is a DataArray. With pandas: the last axis as columns, all before it
    as rows; a Series where there is but one.
    """
    kinds = {leaf.kind for leaf in leaves}
    if "dataarray" in kinds:
        return _as_dataarray(block, leaves)
    if not kinds & {"series", "frame"}:
        return block if block.ndim else block.item()
    import pandas as pd  # noqa: PLC0415 - a leaf is pandas'

    axes = [
        pd.RangeIndex(n) if label is None else pd.Index(label)
        for leaf in leaves
        for n, label in zip(leaf.shape, leaf.labels or (None,) * len(leaf.shape), strict=True)
    ]
    if block.ndim == 1:
        alone = [leaf.about for leaf in leaves if leaf.kind == "series"]
        return pd.Series(block, index=axes[0], name=alone[0])
    rows = axes[0] if len(axes) == 2 else pd.MultiIndex.from_product(axes[:-1])
    return pd.DataFrame(block.reshape(-1, block.shape[-1]), index=rows, columns=axes[-1])


def _as_dataarray(block: NDArray[Any], leaves: Sequence[Leaf]) -> Any:
    import xarray as xr  # noqa: PLC0415 - a leaf is xarray's

    dims: list[Any] = []
    coords: dict[Any, Any] = {}
    named = next(leaf for leaf in leaves if leaf.kind == "dataarray")
    name, _, _, attrs = named.about
    for leaf in leaves:
        labels = leaf.labels or (None,) * len(leaf.shape)
        own = leaf.about[1] if leaf.kind == "dataarray" else ("parameter",) * len(leaf.shape)
        new: list[Any] = []
        for dim in own:
            new.append(_unlike(dim, [*dims, *new]))
        renamed = dict(zip(own, new, strict=True))
        for key, (over, values, kept) in (
            leaf.about[2] if leaf.kind == "dataarray" else {}
        ).items():
            new_key = renamed.get(key, _unlike(key, [*coords]))
            coords[new_key] = tuple(renamed[d] for d in over), values, kept
        if leaf.kind != "dataarray":
            coords |= {
                d: (d, [_text(each) if isinstance(each, tuple) else each for each in at])
                for d, at in zip(new, labels, strict=True)
                if at is not None
            }
        dims += new
    return xr.DataArray(block, dims=dims, coords=coords, name=name, attrs=attrs)


def _unlike(name: Any, taken: Sequence[Any]) -> Any:
    """Return a name, or with a number behind it one that is not taken."""
    others = (f"{name}_{k}" for k in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in others if each not in taken)


def _same_index(a: Any, b: Any) -> bool:
    return a is b or (a is not None and b is not None and bool(a.equals(b)))


def _text(label: Any) -> str:
    return ".".join(map(str, label)) if isinstance(label, tuple) else str(label)
