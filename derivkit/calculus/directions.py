r"""The directions from whose pure derivatives a symmetric tensor of any order follows.

An order-k tensor T over some parameters and a direction u are tied by

    D^k_u f = sum over multi-indices a with |a| = k of  k! / a! · u^a · T_a,

one equation a direction, one unknown a multi-index. The entries whose multi-index involves
exactly the parameters of a set S need directions inside S and inside its subsets only. So the
system falls apart into small ones, the same for all sets of a size: a table for each size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

__all__ = ["EntryTable", "compositions", "directions_of", "entry_table"]


@dataclass(frozen=True, eq=False)
class EntryTable:
    """How the entries that involve all of r parameters follow from pure derivatives.

    Attributes
    ----------
    entries : tuple of multi-indices
        Tuples of r positive numbers that add up to the order.
    sources : tuple of (positions, m)
        The directions used: the m-th one of the subset of the r parameters at these positions.
    weights : ndarray (len(entries), len(sources))
    """

    entries: tuple[tuple[int, ...], ...]
    sources: tuple[tuple[tuple[int, ...], int], ...]
    weights: NDArray[np.float64]


def compositions(order: int, r: int) -> list[tuple[int, ...]]:
    """Return the ways to write ``order`` as a sum of r positive numbers, with regard to order."""
    cuts = combinations(range(1, order), r - 1)
    return [tuple(np.diff((0, *cut, order)).tolist()) for cut in cuts]


@cache
def directions_of(order: int, r: int, inward: bool) -> NDArray[np.float64]:
    """Return the directions (n, r), n = C(order - 1, r - 1), for sets of r parameters.

    They are picked by pivoting from all whose coordinates are proportional to a composition of the
    order, with all signs (only positive ones if ``inward``): first the one that tells most, then
    the one that tells most beyond it, and so on. The largest coordinate is 1.
    """
    wanted = compositions(order, r)
    signs = [(1.0, *s) for s in product((1.0, -1.0), repeat=0 if inward else r - 1)]
    if inward:
        signs = [(1.0,) * r]
    candidates = np.array([np.multiply(s, w) / max(w) for s in signs for w in wanted])
    rows = _equations(candidates, wanted)
    return np.asarray(candidates[_pivots(rows, len(wanted))])


@cache
def entry_table(order: int, r: int, inward: bool) -> EntryTable:
    """Solve the small system for the entries that involve all of r parameters."""
    sources = [
        (positions, m)
        for size in range(1, r + 1)
        for positions in combinations(range(r), size)
        for m in range(math.comb(order - 1, size - 1))
    ]
    u = np.zeros((len(sources), r))
    for row, (positions, m) in zip(u, sources, strict=True):
        row[list(positions)] = directions_of(order, len(positions), inward)[m]
    unknowns = [a for a in product(range(order + 1), repeat=r) if sum(a) == order]
    inverse = np.linalg.inv(_equations(u, unknowns))
    whole = [k for k, a in enumerate(unknowns) if all(a)]
    weights: NDArray[np.float64] = np.asarray(inverse[whole], dtype=float)
    weights[np.abs(weights) < 1e-12 * np.abs(weights).max()] = 0.0  # exact zeros, rounded
    return EntryTable(tuple(unknowns[k] for k in whole), tuple(sources), weights)


def _equations(u: NDArray[np.float64], unknowns: list[tuple[int, ...]]) -> NDArray[np.float64]:
    """Return k! / a! · u^a, a row for each direction, a column for each multi-index a."""
    a = np.array(unknowns)
    order = int(a[0].sum())
    many = np.array([math.factorial(order) / math.prod(map(math.factorial, each)) for each in a])
    return np.asarray(many * np.prod(u[:, None, :] ** a, axis=2))


def _pivots(rows: NDArray[np.float64], n: int) -> list[int]:
    """Return the n rows that tell most, each beyond those before it; ties go to the first."""
    left = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    left = np.round(left, 12)  # ties are decided by order, not by the last bit
    chosen: list[int] = []
    for _ in range(n):
        best = int(np.argmax(np.round(np.linalg.norm(left, axis=1), 9)))
        chosen.append(best)
        axis = left[best] / np.linalg.norm(left[best])
        left = left - np.outer(left @ axis, axis)
    return chosen
