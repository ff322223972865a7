"""Derivatives as a forecast uses them: with their noise's pattern, without unresolved data.

A datum whose error bar exceeds the size of its column's entries contributes next to nothing. A few
such data are left out. Where there are many, noise hides the parameter, and its errors say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.forecast.covariance import Whitener
from derivkit.forecast.information import Array, Information
from derivkit.forecast.noise import apart, noise_patterns
from derivkit.status import Status

__all__ = ["Derivatives"]

MOST_WILD = 0.1
"""Data whose error exceeds the column's root mean square are left out, if they are fewer than this
fraction of all data."""

MOST_LOST = 0.5
"""A parameter with more than this fraction of its derivatives unresolved is given up. Otherwise the
data with the unresolved ones are left out."""


@dataclass(frozen=True, eq=False)
class Derivatives:
    """A Jacobian (m, p) with its errors and its cost.

    Attributes
    ----------
    value, error, noise : ndarray (m, p)
        Entries, their errors (inf where an entry is not known), and the part of the errors that is
        noise of known pattern.
    nfev : int
    patterns : ndarray (c, m, p)
        How the noise of the data goes together (`derivkit.forecast.noise`); 0 where unknown.
    """

    value: Array
    error: Array
    noise: Array
    nfev: int
    patterns: Array

    @classmethod
    def of(cls, result: Any, nfev: int = 0) -> Derivatives:
        """Take what a forecast needs of a derivative's result of any order."""
        m = len(result.value)
        value, error, bound, noise = (
            np.full((m, result.value.size // m), np.nan) if each is None else each.reshape(m, -1)
            for each in (result.value, result.error, result.finite_bound, result.noise_error)
        )
        fixed = result.status.reshape(m, -1) == Status.FIXED  # held fixed: no derivative, no error
        value, error = np.where(fixed, 0.0, value), np.where(fixed, 0.0, error)
        resolved = np.isfinite(error)
        error = np.where(resolved, error, bound)
        wild = ~(error <= _root_mean_square(value, resolved))
        is_noise = (result.status.reshape(m, -1) == Status.NOISE_LIMITED) & (noise > 0)
        few = wild.mean(axis=0) < MOST_WILD  # else the parameter is hidden by noise
        known = np.isfinite(value) & np.isfinite(error)
        if result.order == 1:  # higher orders are judged by what they do within one sigma
            known &= ~(wild & (few | ~resolved))
        patterns = noise_patterns(result, known & is_noise)
        return cls(
            np.where(known, value, 0.0),
            np.where(known, error, np.inf),
            np.where(patterns.any(axis=0), error, 0.0),
            result.nfev + nfev,
            patterns,
        )

    @classmethod
    def plain(cls, value: Array, error: Array, nfev: int = 0) -> Derivatives:
        """Return derivatives whose errors are no noise of known pattern."""
        return cls(value, error, np.zeros_like(error), nfev, np.zeros((0, *error.shape)))

    @classmethod
    def below(cls, parts: Sequence[Derivatives]) -> Derivatives:
        """Return the derivatives of several models' data, one after the other."""
        return cls._joined(parts, 0)

    @classmethod
    def beside(cls, parts: Sequence[Derivatives]) -> Derivatives:
        """Return derivatives of several orders of the same data, side by side."""
        return cls._joined(parts, 1)

    @classmethod
    def _joined(cls, parts: Sequence[Derivatives], axis: int) -> Derivatives:
        if len(parts) == 1:
            return parts[0]
        arrays = ([getattr(each, name) for each in parts] for name in ("value", "error", "noise"))
        value, error, noise = (np.concatenate(each, axis=axis) for each in arrays)
        nfev = sum(each.nfev for each in parts)
        return cls(value, error, noise, nfev, apart([each.patterns for each in parts], axis + 1))

    def of_rows(self, kept: NDArray[np.bool_]) -> Derivatives:
        """Return the derivatives of some of the data."""
        return self if kept.all() else self._each(lambda array: array[..., kept, :])

    def of_columns(self, kept: NDArray[np.bool_]) -> Derivatives:
        """Return those of some of the columns."""
        return self if kept.all() else self._each(lambda array: array[..., kept])

    def among(self, p: int, places: list[int]) -> Derivatives:
        """Return p columns, of which these are some and the others are 0."""

        def spread(columns: Array) -> Array:
            whole = np.zeros((*columns.shape[:-1], p))
            whole[..., places] = columns
            return whole

        return self if places == list(range(p)) else self._each(spread)

    def whitened(self, whitener: Whitener, lost: Any, gone: int = 0) -> Information:
        """Return their information; parameters that are lost (p,) contribute no error.

        Each of the ``gone`` data left out is assumed to tell no more than the best of the others.
        """
        error = np.where(lost, 0.0, self.error)
        rows, dual = whitener.both(self.value)
        missing = np.sqrt(gone) * np.abs(rows).max(axis=0)
        of_data = rows, dual, error, self.noise, self.patterns, whitener.size(error), missing, lost
        return Information.of(*of_data)

    def _each(self, change: Callable[[Array], Array]) -> Derivatives:
        """Return the derivatives with each array (…, m, p) changed in the same way."""
        value, error, noise = map(change, (self.value, self.error, self.noise))
        return Derivatives(value, error, noise, self.nfev, change(self.patterns))

    def lost(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which data (m,) to leave out, and which parameters (p,) to give up."""
        unknown = ~np.isfinite(self.error)
        parameters = unknown.mean(axis=0) > MOST_LOST
        return np.asarray(unknown[:, ~parameters].any(axis=1)), parameters


def _root_mean_square(value: Array, known: NDArray[np.bool_]) -> Array:
    """Return the size of the entries of each column that are known (p,)."""
    square = np.where(known, value, 0.0) ** 2
    return np.asarray(np.sqrt(square.sum(axis=0) / np.maximum(known.sum(axis=0), 1)))
