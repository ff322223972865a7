"""The inverse of a positive definite matrix, with errors; an error message for other matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derivkit.forecast.information import Array
from derivkit.validation import real_numbers

__all__ = ["inverse_of"]

FLAT = 1e-10
"""A curvature below this fraction of the largest, in scaled parameters, counts as 0."""

SKEW = 1e-6
"""A matrix may be asymmetric by this part of its diagonal, as numerical Hessians are."""

EPS = float(np.finfo(float).eps)

LEAST_SHARE = 1e-3
"""A direction names the parameters that take at least this part in it."""


def inverse_of(
    matrix: Any, error: Any = None, names: Any = None, what: str = "`hessian`"
) -> tuple[Array, Array]:
    """Return the inverse of a positive definite matrix (p, p), and its errors.

    Raises
    ------
    ValueError
        If it is not positive definite, naming the direction in which it is not.
    """
    H, names = _checked(matrix, names, what)
    E = np.zeros_like(H) if error is None else np.asarray(error, dtype=float)
    size = np.sqrt(np.abs(np.diag(H)))
    size = np.where(size > 0, size, np.sqrt(np.abs(H).max(axis=0)))
    size = np.where(size > 0, size, 1.0)
    scaled = H / np.outer(size, size)
    if np.abs(scaled - scaled.T).max() > SKEW:
        raise ValueError(f"{what} must be symmetric, got one that is not")
    values, vectors = np.linalg.eigh(0.5 * (scaled + scaled.T))
    if values[0] <= len(H) * EPS * np.abs(values).max():
        flat = _flat_direction(values, vectors[:, 0], size, E, names)
        raise ValueError(f"{what} must be positive definite, got one whose curvature {flat}")
    root = vectors / np.sqrt(values) / size[:, None]
    C = root @ root.T
    rounding = 8 * EPS * values[-1] / values[0] * np.sqrt(np.outer(np.diag(C), np.diag(C)))
    return C, _error(C, E, rounding)


def _checked(matrix: Any, names: Any, what: str) -> tuple[Array, Sequence[str]]:
    """Return finite numbers (p, p), and p names."""
    H = real_numbers(what.strip("`"), matrix)
    if H.ndim != 2 or H.shape[0] != H.shape[1]:
        raise ValueError(f"{what} must be a square matrix, got shape {H.shape}")
    names = [f"p{i}" for i in range(len(H))] if names is None else names
    if len(names) != len(H):
        raise ValueError(f"{what} must have shape ({len(names)}, {len(names)}), got {H.shape}")
    if not np.isfinite(H).all():
        i, j = np.argwhere(~np.isfinite(H))[0].tolist()
        raise ValueError(f"{what} must be finite, got {H[i, j]} at ({names[i]}, {names[j]})")
    return H, names


def _flat_direction(
    values: Array, vector: Array, size: Array, E: Array, names: Sequence[str]
) -> str:
    """Say in which direction a matrix, scaled by size, is not positive definite, and how."""
    direction = vector / size
    direction = direction / np.linalg.norm(direction)
    share = np.abs(vector)
    moves = ", ".join(
        f"{n} {d:+.3g}" for n, d, s in zip(names, direction, share, strict=True) if s > LEAST_SHARE
    )
    kind = "negative: the negative log-likelihood has no minimum there"
    if abs(values[0]) <= share @ (E / np.outer(size, size)) @ share:
        kind = "lost in the errors of the derivatives: look at the noise of the function"
    if abs(values[0]) <= FLAT * np.abs(values).max():
        kind = "0: nothing is known there"
    return f"along ({moves}) is {kind}"


def _error(C: Array, E: Array, rounding: Array) -> Array:
    """Return errors of the inverse C of a matrix known to within E; inf where unbounded.

    They are |C| E |C| to first order; for higher orders this is divided by 1 minus its share of the
    diagonal.
    """
    part = np.abs(C)
    off = part @ np.where(np.isfinite(E), E, 0.0) @ part + rounding
    lost = part @ (~np.isfinite(E)).astype(float) @ part > 0
    share = np.diag(off) / np.diag(C)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = off / np.sqrt(np.outer(1 - share, 1 - share))
    lost |= np.logical_or.outer(share >= 1, share >= 1)
    return np.asarray(np.where(lost, np.inf, off))
