"""Exact derivatives of a model: Taylor arithmetic in 50-digit numbers.

A benchmark model is written once, as ``body(x, m)``: ``m`` holds the elementary functions. With ``m
= FLOATS`` it is an ordinary numpy function; with ``m = SERIES`` and one coordinate of ``x`` a
:class:`Series` it gives that function's Taylor coefficients, exact to 50 digits. So a model and its
reference cannot drift apart.
"""

from types import SimpleNamespace

import mpmath
import numpy as np
import scipy.special
from mpmath import mp, mpf

DIGITS = 50  # references are compared at 16 digits: 34 are left for cancellation
mp.dps = DIGITS


class Series:
    """A truncated Taylor series sum c[k] t**k with 50-digit coefficients."""

    __slots__ = ("c",)

    def __init__(self, coefficients):
        self.c = coefficients

    def __add__(self, other):
        if isinstance(other, Series):
            return Series([a + b for a, b in zip(self.c, other.c, strict=True)])
        return Series([self.c[0] + mpf(other), *self.c[1:]])

    __radd__ = __add__

    def __neg__(self):
        return Series([-a for a in self.c])

    def __pos__(self):
        return self

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        if not isinstance(other, Series):
            factor = mpf(other)
            return Series([a * factor for a in self.c])
        a, b = self.c, other.c
        return Series([mp.fsum(a[i] * b[k - i] for i in range(k + 1)) for k in range(len(a))])

    __rmul__ = __mul__

    def __truediv__(self, other):
        if not isinstance(other, Series):
            divisor = mpf(other)
            return Series([a / divisor for a in self.c])
        q, b = [], other.c
        for k, a in enumerate(self.c):
            q.append((a - mp.fsum(q[i] * b[k - i] for i in range(k))) / b[0])
        return Series(q)

    def __rtruediv__(self, other):
        return self.constant(other) / self

    def __pow__(self, power):
        if isinstance(power, Series):
            return exp(power * log(self))
        if float(power).is_integer() and power >= 0:
            return self._integer_power(int(power))
        return self._real_power(mpf(power))

    def __rpow__(self, base):
        return exp(self * mp.log(mpf(base)))

    def __abs__(self):
        return -self if self.c[0] < 0 else self

    def _integer_power(self, n):
        result = self.constant(1)
        for _ in range(n):
            result = result * self
        return result

    def _real_power(self, r):
        # y = u**r solves u y' = r u' y.
        u, y = self.c, [self.c[0] ** r]
        for k in range(1, len(u)):
            terms = ((r * i - (k - i)) * u[i] * y[k - i] for i in range(1, k + 1))
            y.append(mp.fsum(terms) / (k * u[0]))
        return Series(y)

    def constant(self, value):
        """Return the series of a constant, of this series' length."""
        return Series([mpf(value)] + [mpf(0)] * (len(self.c) - 1))

    def slope_of(self, outer_slope, value):
        """Return y with y(0) = value and y' = outer_slope * u'  (the series of a primitive's
        composition).
        """
        u, g = self.c, outer_slope.c
        rest = [mp.fsum(i * u[i] * g[k - i] for i in range(1, k + 1)) / k for k in range(1, len(u))]
        return Series([value, *rest])


def variable(value, order):
    """Return the series value + t to the given order."""
    return Series([mpf(value), mpf(1)] + [mpf(0)] * (order - 1))


def exp(u):
    """Exponential of a series or a number."""
    if not isinstance(u, Series):
        return mp.exp(u)
    c, y = u.c, [mp.exp(u.c[0])]
    for k in range(1, len(c)):
        y.append(mp.fsum(i * c[i] * y[k - i] for i in range(1, k + 1)) / k)
    return Series(y)


def log(u):
    """Natural logarithm."""
    return u.slope_of(1 / u, mp.log(u.c[0])) if isinstance(u, Series) else mp.log(u)


def _sincos(u):
    c = u.c
    s, k = [mp.sin(c[0])], [mp.cos(c[0])]
    for n in range(1, len(c)):
        s_n = mp.fsum(i * c[i] * k[n - i] for i in range(1, n + 1)) / n
        k.append(-mp.fsum(i * c[i] * s[n - i] for i in range(1, n + 1)) / n)
        s.append(s_n)
    return Series(s), Series(k)


def sin(u):
    """Sine."""
    return _sincos(u)[0] if isinstance(u, Series) else mp.sin(u)


def cos(u):
    """Cosine."""
    return _sincos(u)[1] if isinstance(u, Series) else mp.cos(u)


def sqrt(u):
    """Square root."""
    return u ** mpf("0.5") if isinstance(u, Series) else mp.sqrt(u)


def _from_differential_equation(u, value, slope_of_value):
    """Solve y' = g(y) u' order by order: g needs y to order k - 1 only."""
    y = Series([value] + [mpf(0)] * (len(u.c) - 1))
    for k in range(1, len(u.c)):
        g = slope_of_value(y).c
        y.c[k] = mp.fsum(i * u.c[i] * g[k - i] for i in range(1, k + 1)) / k
    return y


def tanh(u):
    """Hyperbolic tangent: y' = (1 - y**2) u'."""
    if not isinstance(u, Series):
        return mp.tanh(u)
    return _from_differential_equation(u, mp.tanh(u.c[0]), lambda y: 1 - y * y)


def tan(u):
    """Tangent: y' = (1 + y**2) u'."""
    if not isinstance(u, Series):
        return mp.tan(u)
    return _from_differential_equation(u, mp.tan(u.c[0]), lambda y: 1 + y * y)


def _unary(function, slope):
    """Lift a function of numbers whose derivative is `slope` (written in series arithmetic)."""

    def lifted(u):
        if not isinstance(u, Series):
            return function(u)
        return u.slope_of(slope(u), function(u.c[0]))

    return lifted


def _lgamma(u):
    if not isinstance(u, Series):
        return mp.loggamma(u)
    return _composed(u, [mp.loggamma(u.c[0])] + [mp.psi(k, u.c[0]) for k in range(len(u.c) - 1)])


def _j0(u):
    if not isinstance(u, Series):
        return mp.besselj(0, u)
    return _composed(u, [mp.besselj(0, u.c[0], derivative=k) for k in range(len(u.c))])


def _composed(u, outer_derivatives):
    """Return sum g^(k)(u0)/k! (u - u0)**k."""
    h = u - u.c[0]
    power, result = u.constant(1), u.constant(0)
    for k, d in enumerate(outer_derivatives):
        result = result + power * (d / mp.factorial(k))
        power = power * h
    return result


SERIES = SimpleNamespace(
    exp=exp,
    log=log,
    sin=sin,
    cos=cos,
    tan=tan,
    tanh=tanh,
    sqrt=sqrt,
    sinh=lambda u: (exp(u) - exp(-u)) / 2,
    cosh=lambda u: (exp(u) + exp(-u)) / 2,
    expm1=lambda u: exp(u) - 1,
    log1p=lambda u: log(1 + u),
    arctan=_unary(mp.atan, lambda u: 1 / (1 + u * u)),
    arcsin=_unary(mp.asin, lambda u: 1 / sqrt(1 - u * u)),
    arccos=_unary(mp.acos, lambda u: -1 / sqrt(1 - u * u)),
    erf=_unary(mp.erf, lambda u: exp(-u * u) * (2 / mp.sqrt(mp.pi))),
    lgamma=_lgamma,
    j0=_j0,
)

FLOATS = SimpleNamespace(
    exp=np.exp,
    log=np.log,
    sin=np.sin,
    cos=np.cos,
    tan=np.tan,
    tanh=np.tanh,
    sqrt=np.sqrt,
    sinh=np.sinh,
    cosh=np.cosh,
    expm1=np.expm1,
    log1p=np.log1p,
    arctan=np.arctan,
    arcsin=np.arcsin,
    arccos=np.arccos,
    erf=scipy.special.erf,
    lgamma=scipy.special.gammaln,
    j0=scipy.special.j0,
)


def along(body, x0, direction, order):
    """Return (f, f', …, f^(order)) of t -> body(x0 + t * direction) at 0, 50 digits each.

    For a body that returns a list, a list of such lists.
    """
    x = [
        mpf(float(v)) + float(d) * variable(0, order) if d else mpf(float(v))
        for v, d in zip(x0, direction, strict=True)
    ]
    y = body(x, SERIES)
    return [_derivatives(v, order) for v in y] if isinstance(y, list) else _derivatives(y, order)


def _derivatives(y, order):
    c = y.c if isinstance(y, Series) else [mpf(y)] + [mpf(0)] * order
    return [mpmath.factorial(k) * c[k] for k in range(order + 1)]


def partials(body, x0, order):
    """Return, for each parameter, the derivatives of orders 0 … `order` of the model along it."""
    unit = np.eye(len(x0))
    return [along(body, x0, e, order) for e in unit]


def hessian(body, x0):
    """Return the exact Hessian: mixed entries from the second derivatives along e_i + e_j."""
    unit = np.eye(len(x0))
    second = [along(body, x0, e, 2)[2] for e in unit]
    H = np.diag(np.array(second, dtype=object))
    for i in range(len(x0)):
        for j in range(i):
            both = along(body, x0, unit[i] + unit[j], 2)[2]
            H[i, j] = H[j, i] = (both - second[i] - second[j]) / 2
    return H
