"""What a benchmark problem is: a plain numpy function, a point, and its exact derivatives."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri

CLASSES = {
    "A": "smooth and well scaled",
    "B": "badly scaled parameters",
    "C": "walls and bounds",
    "D": "difficult but smooth",
    "E": "noise and numerical models",
}
FAIL = 1e-3  # a relative error above this is a failure …
FAIL_COARSE = 0.1  # … or above this where three digits are all the function has


@dataclass(frozen=True)
class Problem:
    """A function, a point and the exact partial derivatives there.

    Attributes
    ----------
    name, klass, kind
        A unique name, the class, "A" to "E" (:data:`CLASSES`), and what sort of problem it is
        within its class.
    f
        Takes an array (p,), returns a number; may return nan or inf, or raise ``ValueError``,
        outside its domain.
    x0, gradient, second
        The point, ∂f/∂x_i and ∂²f/∂x_i² there (p,), of the mathematical function at exactly this
        binary64 point.
    value
        f(x0) of the mathematical function.
    unit
        The size (p,) against which the error of a component is measured: |gradient| where that is
        not zero, else |value| / |x0_i| (with 1 in place of a zero).
    noise
        The relative level of the noise in f, as far as it is known: for reports, never shown to a
        method.
    bounds
        None, or (lower, upper) pairs as in `scipy.optimize`.
    fail
        The relative error that counts as a failure.
    tags
        Words to filter by, such as "wall" or "noise 1e-6".
    given_unit
        The unit, where it is another one. For a Hessian or a Jacobian `gradient` and it are the
        matrix, flattened.
    """

    name: str
    klass: str
    f: Callable[[np.ndarray], Any]
    x0: np.ndarray
    gradient: np.ndarray
    second: np.ndarray
    value: float
    kind: str = ""
    noise: float = 0.0
    bounds: list[tuple[float, float]] | None = None
    fail: float = FAIL
    tags: tuple[str, ...] = field(default=())
    given_unit: np.ndarray | None = None

    @property
    def p(self):
        return len(self.x0)

    @property
    def size(self):
        """How many derivatives are asked for."""
        return self.gradient.size

    @property
    def unit(self):
        if self.given_unit is not None:
            return self.given_unit
        return relative_unit(self.gradient, self.value, self.x0)


def relative_unit(exact, value, x0, order=1):
    """Return |exact|, or where that is 0 the natural size |value| / |x0|**order (1 for a zero)."""
    size = abs(value) or 1.0
    scale = np.where(x0 == 0, 1.0, np.abs(x0)) ** order
    return np.where(exact == 0, size / scale, np.abs(exact))


def deviate(x, kind="normal"):
    """Return a random number of variance 1 that depends on nothing but the bytes of x.

    The same point always gives the same number, as in a deterministic simulator; neighbours are
    independent.
    """
    digest = hashlib.blake2b(np.ascontiguousarray(x, dtype=float).tobytes(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "little") + 0.5) / 2.0**64
    return ndtri(uniform) if kind == "normal" else np.sqrt(12) * (uniform - 0.5)


def with_noise(f, level, kind="normal"):
    """Return f with a relative noise of standard deviation `level`."""

    def noisy(x):
        return f(x) * (1.0 + level * deviate(x, kind))

    return noisy


def in_float32(f):
    """Return f as a single-precision code computes it: input, arithmetic and output rounded."""

    def rounded(x):
        return float(f(np.asarray(x, dtype=np.float32)))

    return rounded


def guarded(f, inside, outside="nan"):
    """Return f where `inside(x)` holds; elsewhere nan, inf or a ValueError."""

    def walled(x):
        if inside(x):
            return f(x)
        if outside == "raise":
            raise ValueError("outside the model's domain")
        return np.nan if outside == "nan" else np.inf

    return walled
