r"""The algebra of a forecast: from a whitened Jacobian A = L^-1 J to covariances and their errors.

A is scaled to columns of unit length, A = B D, and all follows from the singular values of B: with
:math:`B = U S V^T` the covariance is :math:`C = K K^T`, :math:`K = D^{-1} V S^{-1}`. The Fisher
matrix :math:`F = A^T A` is only shown: it is never inverted, so its condition number, the square of
B's, does not matter. Parameters of sizes 2e-9 and 70 together lose no digits, and what the data do
not constrain is reported as a direction.

**Errors.** The derivatives J are known to within E, entry by entry. With the dual
:math:`V = C_d^{-1} J` (m, p), a weighted sum :math:`x^T A^T L^{-1} dJ` is at most
:math:`|V x|^T E`, so that to first order

.. math:: dF \le |V|^T E + (\ldots)^T, \qquad dC \le (|V C|^T E)\,|C| + (\ldots)^T.

The second order is bounded by the lengths :math:`e_j` of the whitened errors. Where a derivative
is limited by noise, its whole error is a multiple of the noise, and adds up over the data as the
noise does: `derivkit.forecast.noise` has how. Over parameters it adds up in squares, since each
has samples of its own.

A *basis* T (p0, p) says how the parameters of J move with those now in use (fixed ones are left
out, others reparametrised), *outputs* L (k, p) which linear functions of them are shown (all, some
when others are marginalised, derived ones). Both carry errors of their own where they come from
derivatives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Information", "compressed"]

Array = NDArray[np.float64]

CHUNK = 100_000  # rows of a block of the QR decomposition: memory is that of one block
EPS = float(np.finfo(float).eps)
MOST_NOISE = 0.1
"""First-order errors hold while noise is less than this part of a parameter's information."""

SEPARATE = 0.1
"""While errors move the singular values of B by less than this, a direction whose value lies within
them is flat; beyond, noise hides it."""

TAKES_PART = 1e-6
"""A parameter takes part in a direction if it moves by at least this fraction of its scale there.
"""


def compressed(blocks: Iterable[Array]) -> Array:
    """Return R (n, n) with R^T R = X^T X for rows X that come in blocks, one held at a time."""
    R: Array | None = None
    for block in blocks:
        for start in range(0, max(len(block), 1), CHUNK):
            part = block[start : start + CHUNK]
            rows = part if R is None else np.concatenate([R, part])
            R = np.asarray(np.linalg.qr(rows, mode="r"))
    if R is None:
        raise ValueError("there must be at least one block of rows")
    n = R.shape[1]
    return R if len(R) == n else np.concatenate([R, np.zeros((n - len(R), n))])


@dataclass(frozen=True, eq=False)
class Information:
    """What the data say about p0 parameters, as seen in a basis of p, through k outputs.

    Attributes
    ----------
    rows : ndarray (n, p0)
        Whitened derivatives of all data.
    dual : ndarray (m, p0)
        C_d^-1 J.
    error, noise : ndarray (m, p0)
        Errors of the entries of J, and the part of them that is noise.
    patterns : ndarray (c, m, p0)
        How the noise of different data goes together (`derivkit.forecast.noise`).
    size : ndarray (p0,)
        Bounds on the errors of the columns of ``rows``, as lengths.
    missing : ndarray (p0,)
        Bounds on what the data left out would add to the columns, as lengths.
    lost : ndarray (p0,) of bool
        Parameters whose derivatives are unknown.
    basis, basis_error : ndarray (p0, p)
    prior : ndarray (r, p)
        Rows of prior information.
    outputs, outputs_error : ndarray (k, p)
    """

    rows: Array
    dual: Array
    error: Array
    noise: Array
    patterns: Array
    size: Array
    missing: Array
    lost: NDArray[np.bool_]
    basis: Array
    basis_error: Array
    prior: Array
    outputs: Array
    outputs_error: Array

    def __post_init__(self) -> None:
        """Restore the shape of an empty prior, which JSON loses."""
        object.__setattr__(self, "prior", self.prior.reshape(-1, self.basis.shape[1]))

    @classmethod
    def of(
        cls,
        rows: Array,
        dual: Array,
        error: Array,
        noise: Array,
        patterns: Array,
        size: Array,
        missing: Array,
        lost: NDArray[np.bool_],
    ) -> Information:
        """Return the information of derivatives, all of whose parameters are shown."""
        p = rows.shape[1]
        none, one = np.zeros((p, p)), np.eye(p)
        no_prior = np.zeros((0, p))
        of_data = (rows, dual, error, noise, patterns, size, missing, lost)
        return cls(*of_data, one, none, no_prior, one, none)

    # -- the algebra -----------------------------------------------------------------------------

    @cached_property
    def _data(self) -> Array:
        """R (p0, p0) of the data alone."""
        return compressed([self.rows])

    @cached_property
    def triangle(self) -> Array:
        """R (p, p) with F = R^T R, the priors in it."""
        return compressed([self._data @ self.basis, self.prior])

    @cached_property
    def scale(self) -> Array:
        """Length D (p,) of each parameter's column; 1 where it has none.

        A column of a changed basis can be a sum of columns that cancel to within their errors.
        Nothing changes in that direction, and the length is that of what cancelled.
        """
        length = np.linalg.norm(self.triangle, axis=0)
        parts = np.linalg.norm(self._data, axis=0) @ np.abs(self.basis)
        parts = parts + np.linalg.norm(self.prior, axis=0)
        nothing = length <= self.lengths + 8 * EPS * len(length) * parts
        length = np.where(nothing, np.maximum(length, parts), length)
        return np.where(length > 0, length, 1.0)

    @cached_property
    def _svd(self) -> tuple[Array, Array]:
        """Singular values (p,) of B and its right vectors (p, p), as columns."""
        scaled = self.triangle / self.scale
        if not np.isfinite(scaled).all():
            raise ValueError("the model's derivatives must fit into floats; choose other units")
        _, values, vectors = np.linalg.svd(scaled)
        return values, vectors.T

    @cached_property
    def uncertain(self) -> float:
        """Bound on the errors of the singular values of B (Weyl), without rounding."""
        return float(np.linalg.norm(self.lengths / self.scale))

    @cached_property
    def lengths(self) -> Array:
        """Errors of the columns (p,), as lengths."""
        known = np.linalg.norm(self._data, axis=1) @ self.basis_error
        return np.asarray(np.abs(self.basis).T @ self.size + known)

    @property
    def rounding(self) -> float:
        """Singular values below this are rounding."""
        return 8 * EPS * len(self.scale) * float(self._svd[0][0])

    @cached_property
    def flat(self) -> NDArray[np.bool_]:
        """Which directions (p,) of B may, within errors, change nothing."""
        values = self._svd[0]
        doubt = self.uncertain if self.uncertain < SEPARATE else 0.0
        return np.asarray(values <= max(self.rounding, doubt))

    @cached_property
    def hidden(self) -> NDArray[np.bool_]:
        """Which directions (p,) of B may be nothing but noise."""
        values = self._svd[0]
        return np.asarray((values <= self.uncertain) & ~self.flat)

    def directions(self, which: NDArray[np.bool_]) -> Array:
        """Return some directions as columns of unit length, in the parameters' own units."""
        columns = self._svd[1][:, which] / self.scale[:, None]
        length = np.linalg.norm(columns, axis=0)
        largest = np.take_along_axis(columns, np.abs(columns).argmax(axis=0)[None], axis=0)
        return np.asarray(columns / length * np.sign(largest))

    def taking_part(self, which: NDArray[np.bool_], maps: Array | None = None) -> NDArray[np.bool_]:
        """Return which outputs (k,) move along some directions."""
        scaled = (self.outputs if maps is None else maps) / self.scale
        length = np.linalg.norm(scaled, axis=1)
        moved = np.linalg.norm(scaled @ self._svd[1][:, which], axis=1)
        return np.asarray(moved > max(TAKES_PART, self.uncertain if which.any() else 0) * length)

    @cached_property
    def root(self) -> Array:
        """K (p, p') with C = K K^T, over the directions that are not flat."""
        values, vectors = self._svd
        return np.asarray(vectors[:, ~self.flat] / values[~self.flat] / self.scale[:, None])

    @cached_property
    def full_covariance(self) -> Array:
        """C (p, p) over the directions that are not flat."""
        return self.root @ self.root.T

    @cached_property
    def unconstrained(self) -> NDArray[np.bool_]:
        """Which outputs (k,) move along a flat direction."""
        return self.taking_part(self.flat)

    @cached_property
    def covariance(self) -> Array:
        """Covariance (k, k) of the outputs; inf for those that are not constrained."""
        K = self.outputs @ self.root
        C = np.asarray(K @ K.T)
        C[self.unconstrained] = C[:, self.unconstrained] = np.nan
        C[np.diag_indices_from(C)] = np.where(self.unconstrained, np.inf, np.diag(C))
        return C

    @cached_property
    def fisher(self) -> Array:
        """Information (k, k) about the outputs, all else marginalised."""
        if self._is_whole:
            R = self.triangle
            return np.asarray(R.T @ R)
        return _inverse_of_square(self.outputs @ self.root, self.unconstrained)

    @property
    def _is_whole(self) -> bool:
        """Whether all parameters of the basis are shown as they are."""
        k, p = self.outputs.shape
        return k == p and bool((self.outputs == np.eye(p)).all())

    # -- what it may be off ----------------------------------------------------------------------

    def bound(self, weights: Array, moved: Array) -> Array:
        """Return bounds (k, l) on weights^T dJ moved, for weights (m, k) and moved (p0, l)."""
        common, noise = self._bounds(weights, moved)
        return np.asarray(common + noise)

    def _bounds(self, weights: Array, moved: Array) -> tuple[Array, Array]:
        """Return those from errors that add up, and those from noise."""
        size, far = np.abs(weights), np.abs(moved)
        common = size.T @ (self.error - self.noise) @ far
        if not self.noise.any():
            return common, np.zeros_like(common)
        apart = (size**2).T @ self.noise**2
        along = np.einsum("mk,mp,cmp->ckp", weights, self.noise, self.patterns, optimize=True)
        with np.errstate(over="ignore"):  # a bound of inf is one
            spread = np.sqrt(np.maximum(apart, np.sum(along**2, axis=0)) @ far**2)
        return common, np.minimum(spread, size.T @ self.noise @ far)

    def _both(self, x: Array) -> Array:
        """Return bounds (k, k) on x^T A^T dA x and its transpose together, for x (p, k).

        Noise along different parameters is independent.
        """
        common, noise = self._bounds(self.dual @ (self.basis @ x), self.basis @ x)
        common = common + self._known(x) @ np.abs(x)
        both = np.where(np.eye(len(noise)) > 0, 2 * noise, np.hypot(noise, noise.T))
        return np.asarray(common + common.T + both)

    def _known(self, x: Array) -> Array:
        """Return bounds (k, p) on x^T A^T A dT, of errors of the basis."""
        known = np.abs(self._data.T @ (self._data @ (self.basis @ x)))
        return np.asarray(known.T @ self.basis_error)

    def _second(self, x: Array) -> Array:
        """Return bounds (k, k) on x^T dA^T dA x."""
        off = self.lengths @ np.abs(x)
        return np.outer(off, off)

    def _change_of_information(self, x: Array) -> Array:
        """Return bounds (k, k) on x^T dF x, for x (p, k)."""
        return np.asarray(self._both(x) + self._second(x))

    @cached_property
    def fisher_error(self) -> Array:
        """Errors of ``fisher`` (k, k)."""
        if self._is_whole:
            error = self._change_of_information(np.eye(len(self.scale)))
            error += 8 * EPS * np.outer(self.scale, self.scale)
            more = self.missing @ np.abs(self.basis)
            error += np.outer(more, more)
            error[self.unknown] = error[:, self.unknown] = np.inf
            return error
        size = np.abs(self.fisher)
        return np.asarray(size @ np.where(size > 0, self.covariance_error, 0) @ size)

    @cached_property
    def covariance_error(self) -> Array:
        """Errors of ``covariance`` (k, k); inf where it is not known."""
        x = self.full_covariance @ self.outputs.T
        error = self._change_of_information(x)
        if self.outputs_error.any():
            half = self.outputs_error @ np.abs(x)
            error += (
                half
                + half.T
                + self.outputs_error @ np.abs(self.full_covariance) @ self.outputs_error.T
            )
        diagonal = np.linalg.norm(self.outputs @ self.root, axis=1)
        error += self.relative_rounding * np.outer(diagonal, diagonal)
        part = np.diag(error) / np.where(diagonal > 0, diagonal, 1.0) ** 2
        unknown = self.doubtful | (part >= 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = error / np.sqrt(np.outer(1 - part, 1 - part))  # what higher orders add
        more = self.missing @ np.abs(self.basis @ x)  # data that were left out only narrow it
        more = more / np.sqrt(1 + (more / np.where(diagonal > 0, diagonal, 1.0)) ** 2)
        error = error + np.outer(more, more)
        error[unknown] = error[:, unknown] = np.inf
        return np.asarray(error)

    def log_det_root(self) -> tuple[float, float]:
        """Return log sqrt(det F) of the outputs, and what it may be off."""
        if self.unconstrained.any():
            return -np.inf, np.inf
        K = self.outputs @ self.root
        length = np.linalg.norm(K, axis=1)
        R = compressed([(K / length[:, None]).T])
        value = -float(np.sum(np.log(np.abs(np.diag(R)))) + np.sum(np.log(length)))
        x = self.full_covariance @ self.outputs.T
        inverse = _inverse_of_square(K, self.unconstrained)
        scaled = x @ inverse
        weights = self.dual @ (self.basis @ scaled)
        error = np.trace(self.bound(weights, self.basis @ x))
        error += np.trace(self._known(scaled) @ np.abs(x) + self.outputs_error @ np.abs(scaled))
        error += 0.5 * np.sum(np.abs(inverse) * self._second(x)) + self.relative_rounding
        return value, np.inf if self.doubtful.any() else float(error)

    @property
    def relative_rounding(self) -> float:
        """Error of a covariance by rounding, relative to its diagonal."""
        values = self._svd[0]
        least = values[~self.flat].min(initial=values[0])
        return 8 * EPS * float(values[0] / least) if least > 0 else np.inf

    @cached_property
    def unknown(self) -> NDArray[np.bool_]:
        """Which parameters (p,) have unknown derivatives."""
        return np.asarray(np.abs(self.basis).T @ self.lost.astype(float) > 0)

    @cached_property
    def noisy(self) -> NDArray[np.bool_]:
        """Which parameters (p,) may owe more than a tenth of their information to noise."""
        return np.asarray(self.unknown | ((self.lengths / self.scale) ** 2 > MOST_NOISE))

    @cached_property
    def doubtful(self) -> NDArray[np.bool_]:
        """Which outputs (k,) have a sigma whose error is not bounded."""
        touched = (self.outputs != 0) & self.noisy
        others = self.lost.any() & np.ones(len(self.outputs), dtype=bool)
        return np.asarray(
            touched.any(axis=1) | self.taking_part(self.hidden) | others | self.unconstrained
        )

    # -- other parameters ------------------------------------------------------------------------

    def restricted(self, kept: NDArray[np.intp]) -> Information:
        """Return the information where all parameters of the basis but some are fixed."""
        outputs = self.outputs[:, kept]
        shown = outputs.any(axis=1)
        return replace(
            self,
            basis=self.basis[:, kept],
            basis_error=self.basis_error[:, kept],
            prior=self.prior[:, kept],
            outputs=outputs[shown],
            outputs_error=self.outputs_error[shown][:, kept],
        )

    def showing(self, outputs: Array, error: Array) -> Information:
        """Return the information about other linear functions (k, p) of the parameters."""
        return replace(self, outputs=outputs, outputs_error=error)

    def with_rows(self, rows: Array) -> Information:
        """Return the information with more rows (r, p) of prior information."""
        return replace(self, prior=np.concatenate([self.prior, rows]))

    def in_basis(self, change: Array, error: Array) -> Information:
        """Return the information in parameters phi with d theta = change d phi; both (p, p)."""
        size = np.abs(change)
        return replace(
            self,
            basis=self.basis @ change,
            basis_error=self.basis_error @ size + np.abs(self.basis) @ error,
            prior=self.prior @ change,
            outputs=self.outputs @ change,
            outputs_error=self.outputs_error @ size + np.abs(self.outputs) @ error,
        )

    def shift(
        self, residuals: Array, duals: Array, outputs: Array, at: Array | None = None
    ) -> tuple[Array, Array]:
        """Return least-squares shifts (k,) for whitened residuals, and what they may be off.

        Parameters
        ----------
        residuals : ndarray (n,)
            Of the means; a covariance's derivatives, whose rows are last, have none.
        duals : ndarray (m,)
            C_d^-1 of them, not whitened.
        outputs : ndarray (k, p)
            Which functions of the parameters.
        at : ndarray (p,), optional
            Where the parameters are already, which priors resist; by default at the fiducial point.
        """
        residuals = _padded(residuals, len(self.rows))
        duals = _padded(duals, len(self.dual))
        known = np.column_stack([self.prior, self.prior @ (0 * self.scale if at is None else -at)])
        R = compressed([np.column_stack([self.rows @ self.basis, residuals]), known])
        u, values, vt = np.linalg.svd(R[:-1, :-1] / self.scale)
        kept = ~self.flat
        solved = vt[kept].T @ ((u.T @ R[:-1, -1])[kept] / values[kept]) / self.scale
        left = duals - self.dual @ (self.basis @ solved)
        x = self.full_covariance @ outputs.T
        error = self.bound(left[:, None], self.basis @ x)[0]
        error = (
            error + self.bound(self.dual @ (self.basis @ x), (self.basis @ solved)[:, None])[:, 0]
        )
        length = np.linalg.norm(outputs @ self.root, axis=1) * np.linalg.norm(residuals)
        return outputs @ solved, error + self.relative_rounding * length


def _padded(x: Array, n: int) -> Array:
    return np.concatenate([x, np.zeros(n - len(x))])


def _inverse_of_square(K: Array, unknown: NDArray[np.bool_]) -> Array:
    """Return (K K^T)^-1 (k, k) by a QR of K^T; 0 for what is not constrained, nan if singular."""
    F = np.zeros((len(K), len(K)))
    inner = K[~unknown]
    length = np.linalg.norm(inner, axis=1)
    R = compressed([(inner / length[:, None]).T])
    if inner.size and np.abs(np.diag(R)).min() <= 8 * EPS * len(R):
        return np.full_like(F, np.nan)
    inverse = np.linalg.inv(R) / length[:, None]
    F[np.ix_(~unknown, ~unknown)] = inverse @ inverse.T
    return F
