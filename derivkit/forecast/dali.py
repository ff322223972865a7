r"""DALI: a likelihood from the derivatives of its model, to second or third order, or fourth.

With :math:`r(d) = L^{-1}(J d + H dd/2 + T ddd/6 + \dots)` the log-density is
:math:`-|r(d)|^2/2` (Sellentin, Quartin, Amendola 2014, doi:10.1093/mnras/stu689). The whitened
derivatives, a column for each distinct one, are compressed by a QR to as many rows as there are
columns, so that a density costs the square of their number, whatever the number of data. The
tensors J C^-1 H, H C^-1 H, …, of rank up to eight, are built only where they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.errors import SamplingError
from derivkit.forecast.check import GaussianCheck, checked
from derivkit.forecast.fisher import FisherResult
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import check_points
from derivkit.forecast.report import Judged
from derivkit.forecast.samples import Samples, importance_samples
from derivkit.forecast.verdict import Verdict, worst
from derivkit.plot.ellipse import Layer
from derivkit.validation import check_count, typed

__all__ = ["DaliResult", "DeltaChi2", "Tensors", "exact_indices", "monomials", "multi_indices"]

LETTERS = {1: ("F",), 2: ("D1", "D2"), 3: ("T1", "T2", "T3"), 4: ("Q1", "Q2", "Q3", "Q4")}
DIFFERENT = 0.15
"""The likelihood counts as Gaussian while DALI's sigmas differ from Fisher's by no more than this
fraction."""

SAMPLES = 20_000
AT_SIGMA = 0.1
"""Higher derivatives are unresolved if their errors move r by more than this at one sigma."""


def exact_indices(p: int, order: int) -> list[tuple[int, ...]]:
    """Return the distinct derivatives of an order, each as its parameters in ascending order."""
    return list(combinations_with_replacement(range(p), order))


def multi_indices(p: int, order: int) -> list[tuple[int, ...]]:
    """Return the distinct derivatives of all orders from 1 up to the given one."""
    return [index for k in range(1, order + 1) for index in exact_indices(p, k)]


def monomials(d: Array, indices: Sequence[tuple[int, ...]]) -> Array:
    """Return the Taylor monomials (N, n) of steps (N, p): products of d over factorials."""
    columns = np.empty((len(d), len(indices)))
    known: dict[tuple[int, ...], Array] = {(): np.ones(len(d))}
    for k, index in enumerate(indices):
        repeated = index.count(index[-1])
        known[index] = columns[:, k] = known[index[:-1]] * d[:, index[-1]] / repeated
    return columns


@dataclass(frozen=True, eq=False)
class Tensors(Mapping[str, Array]):
    """DALI's tensors by name (F, D1, D2, T1, …), each built when it is asked for.

    Attributes
    ----------
    gram : ndarray (n, n)
        Products of whitened derivatives, or their errors.
    p, order : int
    symmetrize : bool
        Average over all permutations of the indices; a density depends on this average alone.
    """

    gram: Array
    p: int
    order: int
    symmetrize: bool = True

    def __getitem__(self, name: str) -> Array:
        for k, names in LETTERS.items():
            if k <= self.order and name in names:
                return self.tensor(k, names.index(name) + 1)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for k in range(1, self.order + 1) for name in LETTERS[k])

    def __len__(self) -> int:
        return self.order * (self.order + 1) // 2

    def tensor(self, k: int, l: int) -> Array:  # noqa: E741 - as in T_kl
        """Return the product of derivatives of orders k and l, (p,) * (k + l)."""
        block = self.gram[np.ix_(self._places(k).ravel(), self._places(l).ravel())]
        tensor = block.reshape((self.p,) * (k + l))
        return _symmetric(tensor, k) if self.symmetrize else tensor

    def _places(self, k: int) -> NDArray[np.intp]:
        """Return where the derivatives of order k stand, (p,) * k."""
        place = {index: n for n, index in enumerate(multi_indices(self.p, self.order))}
        every = np.indices((self.p,) * k).reshape(k, -1).T
        return np.array([place[tuple(sorted(index))] for index in every.tolist()])


def _symmetric(tensor: Array, k: int) -> Array:
    """Average a tensor that is symmetric in its first k indices, and in its others, over all."""
    n = tensor.ndim
    total = np.zeros_like(tensor)
    choices = list(combinations(range(n), k))
    for first in choices:  # which places the first k indices take
        rest = [axis for axis in range(n) if axis not in first]
        total += np.moveaxis(tensor, range(n), [*first, *rest])
    return total / len(choices)


class DeltaChi2:
    """Chi-square over its minimum, of DerivKit's dict of tensors, as one polynomial of the step.

    Parameters
    ----------
    tensors : mapping of int to tuple of ndarray
        {1: (F,), 2: (D1, D2), …}, symmetric or not.
    """

    def __init__(self, tensors: Mapping[int, tuple[Any, ...]]) -> None:
        p, highest = len(tensors[1][0]), 2 * max(tensors)
        self.indices = multi_indices(p, highest)
        place = {index: n for n, index in enumerate(self.indices)}
        self.coefficients = np.zeros(len(self.indices))
        for k, each in tensors.items():
            for l, tensor in enumerate(each, 1):  # noqa: E741 - as in T_kl
                weight = (1 if k == l else 2) / (math.factorial(k) * math.factorial(l))
                every = np.sort(np.indices((p,) * (k + l)).reshape(k + l, -1).T, axis=1)
                places = [place[tuple(index)] for index in every.tolist()]
                np.add.at(self.coefficients, places, weight * np.ravel(tensor))
        counts = (np.unique(index, return_counts=True)[1] for index in self.indices)
        self.coefficients *= [math.prod(map(math.factorial, c.tolist())) for c in counts]

    def __call__(self, d: Array) -> Array:
        """Return it (N,) at steps (N, p)."""
        return np.asarray(monomials(d, self.indices) @ self.coefficients)


@dataclass(frozen=True, eq=False, repr=False)
class DaliResult(Judged):
    """A non-Gaussian forecast, from derivatives to ``order``.

    Attributes
    ----------
    order : int
    fisher : FisherResult
        The Gaussian forecast of the same derivatives, priors in it.
    root : ndarray (n, n)
        Whitened derivatives, a column for each of `multi_indices`, compressed to n rows.
    gram_error : ndarray (n, n)
        Errors of the products of its columns.
    lengths : ndarray (n,)
        Errors of its columns, as lengths.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import ForecastKit
    >>> result = ForecastKit(lambda t: [t[0] ** 2], [1.0], [[1.0]]).dali_result()
    >>> print(result.order, result.fisher.sigma.round(6))
    2 [0.5]
    """

    order: int
    fisher: FisherResult
    root: Array
    gram_error: Array
    lengths: Array
    symmetrize: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters."""
        return self.fisher.names

    @property
    def nfev(self) -> int:
        """Model calls, for all orders."""
        return self.fisher.nfev

    @property
    def value(self) -> Tensors:
        """The tensors by name, F, D1, D2, T1, …: each built when asked for."""
        gram = self.root.T @ self.root
        return Tensors(gram, len(self.names), self.order, self.symmetrize)

    @property
    def error(self) -> Tensors:
        """Errors of the tensors' entries."""
        return Tensors(self.gram_error, len(self.names), self.order, self.symmetrize)

    def as_derivkit(self) -> dict[int, tuple[Array, ...]]:
        """Return DerivKit's dict: order to its tensors."""
        value = self.value
        return {
            k: tuple(value.tensor(k, l) for l in range(1, k + 1))  # noqa: E741 - as in T_kl
            for k in range(1, self.order + 1)
        }

    def log_density(self, theta: Any) -> Any:
        """Return the log-density, priors in it, at points (..., p); 0 at the fiducial point."""
        points = check_points("theta", theta, self.names)
        d = points.reshape(-1, len(self.names)) - self.fisher.x0
        prior = d @ self.fisher.information.prior.T
        log = -0.5 * (self._chi2(d) + np.sum(prior**2, axis=1))
        return log.reshape(points.shape[:-1])[()]

    def log_density_error(self, theta: Any) -> Any:
        """Return the error of `log_density` that errors of the derivatives cause, at (..., p).

        It leaves out what orders beyond `order` would add.
        """
        points = check_points("theta", theta, self.names)
        d = points.reshape(-1, len(self.names)) - self.fisher.x0
        moved = np.abs(monomials(d, self._indices))
        off = np.einsum("ni,ij,nj->n", moved, self.gram_error, moved)
        return (0.5 * off).reshape(points.shape[:-1])[()]

    @cached_property
    def _indices(self) -> list[tuple[int, ...]]:
        return multi_indices(len(self.names), self.order)

    def _chi2(self, d: Array) -> Array:
        """Return chi-square (n,) of the data at steps (n, p)."""
        return np.asarray(np.sum((monomials(d, self._indices) @ self.root.T) ** 2, axis=1))

    @cached_property
    def check(self) -> GaussianCheck:
        """Chi-square of this density one sigma away, as `ForecastKit.check_gaussian` has it."""
        return checked(self.fisher, lambda steps: self._chi2(steps[:, self._places]), calls=False)

    @property
    def _places(self) -> list[int]:
        """The places of its parameters among all, some of which may be fixed."""
        return [self.fisher.point.index(name) for name in self.names]

    @typed
    def sample(self, n: int = SAMPLES, seed: int | None = None, **keywords: Any) -> Samples:
        """Return importance samples; see `importance_samples`."""
        check_count("n", n)
        return importance_samples(
            self.log_density,
            self.fisher.x0,
            self.fisher.root,
            n,
            seed,
            names=self.names,
            bounds=self.fisher.bounds[self._places],
            **keywords,
        )

    @cached_property
    def sigma(self) -> Array:
        """Standard deviations (p,) of the density, from importance samples; nan if they fail."""
        try:
            return self.sample(seed=0).sigma
        except (SamplingError, ValueError):  # the latter where a parameter is not constrained
            return np.full(len(self.names), np.nan)

    @cached_property
    def unresolved(self) -> list[str]:
        """Derivatives whose errors matter within one sigma."""
        indices = self._indices
        sigma = np.where(np.isfinite(self.fisher.sigma), self.fisher.sigma, 0.0)
        moved = self.lengths * monomials(sigma[None], indices)[0]
        return [
            "(" + ", ".join(self.names[i] for i in index) + ")"
            for index, off in zip(indices, moved.tolist(), strict=True)
            if not off <= AT_SIGMA
        ]

    @cached_property
    def verdict(self) -> Verdict:
        """The worst that applies; not Gaussian if sigmas differ from Fisher's by over 15 %."""
        found = [self.fisher.verdict]
        if self.unresolved:
            found.append(Verdict.UNRESOLVED)
        if self.fisher.verdict.success:
            off = np.abs(self.sigma / self.fisher.sigma - 1)
            near = bool((off <= DIFFERENT).all())
            found += [Verdict.TRUSTWORTHY if near else Verdict.NOT_GAUSSIAN, self.check.verdict]
        worse = [verdict for verdict in found if verdict is not Verdict.NOT_CHECKED]
        return worst(worse or found)

    @property
    def message(self) -> str:
        """The verdict in one sentence; sigmas may agree where contours are bent."""
        if self.unresolved:
            listed = ", ".join(self.unresolved[:6])
            return f"{self.verdict}: derivatives {listed} are not resolved within one sigma"
        if self.verdict is not Verdict.NOT_GAUSSIAN:
            return f"{self.verdict}: {self.verdict.text}"
        ratios = zip(self.names, self.sigma / self.fisher.sigma, strict=True)
        listed = ", ".join(f"{name}: {ratio:.2f}" for name, ratio in ratios)
        shape = f"; {self.check.message}" if self.check.verdict is Verdict.NOT_GAUSSIAN else ""
        return f"not Gaussian: DALI's sigmas over Fisher's are {listed}{shape}"

    @typed
    def layer(self, label: str = "DALI") -> Layer:
        """Return the forecast as a layer of a picture, from importance samples."""
        return self.sample(5 * SAMPLES, seed=0).layer(label, hatched=not self.verdict.success)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each parameter."""
        columns = zip(self.names, self.fisher.x0, self.sigma, self.fisher.sigma, strict=True)
        return [
            {"parameter": n, "value": float(x), "sigma": float(s), "Fisher's sigma": float(f)}
            for n, x, s, f in columns
        ]
