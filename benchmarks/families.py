"""Everyday kinds of models as random families: what a model looks like that is no smooth formula.

A family is a function of a random generator that returns a :class:`Draw`: the model, the point, and
what is true of the derivative there. Each family is one kind of trouble with its size at random, so
that no constant of a method can be tuned to it:

>>> draw = drawn("kink", seed=7, i=0)
>>> draw.outputs[0].truth
'none'

What can be true of an entry: its derivative is known (`exact`); it does not exist (`none`: a kink);
it exists but the samples cannot tell it (`hidden`: one printed digit). The exact derivative is that
of the branch that x0 lies on, in 50-digit Taylor arithmetic at exactly the binary64 point.
"""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.problem import FAIL, FAIL_COARSE, deviate
from benchmarks.recipes import decades, sign
from benchmarks.taylor import FLOATS, along

SINGLE, DOUBLE = 6e-8, 1.1e-16  # half an ulp
NEEDED = 30.0  # a derivative is asked for to a threshold this many times what the samples can tell
TINY_PART = 3e-2  # draws whose derivative is less of |f| / scale are drawn again: they are `flat`
FAMILIES = {}


@dataclass(frozen=True)
class Output:
    """What is true of one entry.

    Attributes
    ----------
    truth
        "exact", "none" or "hidden".
    exact
        The derivative; where it does not exist a tuple of the two one-sided ones.
    unit
        What an error is compared with: |exact|, or the natural size of the derivative.
    fail
        The share of the unit above which an error is a failure.
    function
        The mathematical function as ``function(x, m)``, for checks of `exact`.
    """

    truth: str
    exact: float | tuple[float, float]
    unit: float
    fail: float
    function: Callable


@dataclass(frozen=True)
class Draw:
    """One model with its point; `f` takes an array (1,) and gives a number or an array (m,)."""

    family: str
    f: Callable
    x0: float
    outputs: list[Output]
    order: int = 1
    options: dict = field(default_factory=dict)


def family(generator):
    """Enter the decorated function among the families, under its name."""
    FAMILIES[generator.__name__] = generator
    return generator


def drawn(name, seed, i):
    """Return the i-th draw of a family: the same one for the same seed."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), i])
    while True:
        draw = FAMILIES[name](rng)
        if draw is not None:
            return draw


# --- smooth parts --------------------------------------------------------------------------------

SHAPES = (
    lambda u, a, m: m.sin(u + a),
    lambda u, a, m: m.exp(0.7 * u + 0.2 * a),
    lambda u, a, m: m.tanh(0.8 * u + a),
    lambda u, a, m: 1 / (1 + (u + a) * (u + a)),
    lambda u, a, m: m.log(2 + (u + a) * (u + a)),
    lambda u, a, m: m.sqrt(1 + (u - a) * (u - a)),
    lambda u, a, m: (u + a) * (u + a) * (u + a) / 6 + u,
    lambda u, a, m: m.exp(-(u + a) * (u + a) / 2),
)


def curve(rng, x0, s, offset=True):
    """Return a random smooth body(x, m) that varies over the distance s around x0."""
    shapes = [SHAPES[k] for k in rng.integers(len(SHAPES), size=2)]
    a, b = (float(v) for v in rng.uniform(-1, 1, size=2))
    weights = [sign(rng) * decades(rng, -0.5, 0.5) for _ in shapes]
    constant = sign(rng) * decades(rng, -1, 1) if offset else 0.0

    def body(x, m):
        u = (x - x0) / s
        return weights[0] * shapes[0](u, a, m) + weights[1] * shapes[1](u, b, m) + constant

    return body


def place(rng, low=-3, high=3):
    """Return a point, and a scale that is of its size."""
    x0 = sign(rng) * decades(rng, low, high)
    return x0, abs(x0) * decades(rng, -0.4, 0.5)


def derivatives(function, x0, order):
    """Return f, f', … of function(x, m) at x0, as floats that are exact to rounding."""
    return [float(d) for d in along(lambda x, m: function(x[0], m), [x0], [1.0], order)]


def entry(function, x0, s, order=1, blur=DOUBLE, branch=None):
    """Return the Output of a function of scale s, whose values are only good to blur |f|.

    `branch` is the smooth function that x0 lies on, where `function` has several. Returns None for
    a derivative that is accidentally small.
    """
    d = derivatives(branch or function, x0, order)
    size = (abs(d[0]) or abs(d[order]) * s**order) / s**order
    if not (math.isfinite(d[order]) and abs(d[order]) > TINY_PART * size):
        return None
    told = NEEDED * blur * size / abs(d[order])
    if told > FAIL_COARSE:
        return Output("hidden", d[order], abs(d[order]), FAIL_COARSE, function)
    fail = FAIL if told < FAIL else FAIL_COARSE
    return Output("exact", d[order], abs(d[order]), fail, function)


def floats(function):
    """Return function(x, m) as a model of an array (1,)."""
    return lambda x: float(function(float(x[0]), FLOATS))


def simple(name, function, x0, s, *, model=None, order=1, blur=DOUBLE, branch=None, **options):
    """Return the Draw of one function; None where the derivative is accidentally small."""
    output = entry(function, x0, s, order, blur, branch)
    if output is None:
        return None
    return Draw(name, model or floats(function), x0, [output], order, options)


def flat_entry(function, x0, s, order=1):
    """Return the Output of a derivative that is exactly 0."""
    unit = (abs(derivatives(function, x0, 0)[0]) or 1.0) / s**order
    return Output("exact", 0.0, unit, FAIL, function)


# --- smooth --------------------------------------------------------------------------------------


@family
def smooth(rng):
    x0, s = place(rng)
    return simple("smooth", curve(rng, x0, s), x0, s)


@family
def zero_derivative(rng):
    """Even about x0, a constant, or a straight line's second derivative."""
    x0, s = place(rng)
    a, b = sign(rng) * decades(rng, -2, 2), decades(rng, -1, 1)
    even = (
        lambda x, m: a + b * m.cos((x - x0) / s),
        lambda x, m: a * m.exp(-(((x - x0) / s) ** 2)) + b,
        lambda x, m: a + b * ((x - x0) / s) ** 4,
        lambda x, m: a + 0 * x,
    )
    if rng.random() < 0.2:
        line = lambda x, m: a + b * x / s
        return Draw("zero_derivative", floats(line), x0, [flat_entry(line, x0, s, 2)], 2)
    function = even[rng.integers(len(even))]
    return Draw("zero_derivative", floats(function), x0, [flat_entry(function, x0, s)])


def langevin(u, m):
    """coth(u) - 1/u, as one would write it down."""
    if u == 0:
        return u
    return 1 / m.tanh(u) - 1 / u


def langevin_series(u, m):
    """The Langevin function around 0."""
    terms = (1 / 3, -1 / 45, 2 / 945, -1 / 4725)
    return sum(c * u ** (2 * k + 1) for k, c in enumerate(terms))


@family
def odd_or_even_at_0(rng):
    """Odd or even functions at x0 = 0, with frequencies up to 3000."""
    w = decades(rng, -1, 3.5)
    shapes = (
        lambda x, m: m.sin(w * x),
        lambda x, m: m.tanh(w * x),
        lambda x, m: w * x / (1 + (w * x) ** 2),
        lambda x, m: m.arctan(w * x),
        lambda x, m: m.erf(w * x),
        lambda x, m: m.exp(-((w * x) ** 2)) * m.sin(w * x),
        lambda x, m: langevin(w * x, m),
        lambda x, m: m.cos(w * x),
        lambda x, m: 1 / (1 + (w * x) ** 2),
        lambda x, m: m.exp(-((w * x) ** 2) / 2),
    )
    k = int(rng.integers(len(shapes)))
    function, options = shapes[k], {"scale": decades(rng, -1, 0)} if rng.random() < 0.3 else {}
    if k < 7:
        branch = (lambda x, m: langevin_series(w * x, m)) if k == 6 else None
        return simple("odd_or_even_at_0", function, 0.0, 1 / w, branch=branch, **options)
    if rng.random() < 0.5:
        return simple("odd_or_even_at_0", function, 0.0, 1 / w, order=2, **options)
    output = flat_entry(function, 0.0, 1 / w)
    return Draw("odd_or_even_at_0", floats(function), 0.0, [output], 1, options)


@family
def tiny_x0(rng):
    """A parameter that an optimiser has driven to nearly, not exactly, 0."""
    x0, s = sign(rng) * 10 ** -float(rng.uniform(4, 30)), decades(rng, -0.5, 0.5)
    order = int(rng.integers(1, 3))
    line = lambda x, m: x / s - 3.0
    function = line if order == 1 and rng.random() < 0.3 else curve(rng, 0.0, s)
    return simple("tiny_x0", function, float(x0), s, order=order)


@family
def high_order(rng):
    """Derivatives of orders 3 to 12."""
    order = int(rng.integers(3, 13))
    x0 = 0.0 if rng.random() < 0.5 else sign(rng) * decades(rng, -1, 1)
    s = (abs(x0) or 1.0) * decades(rng, -0.3, 0.3)
    shapes = (
        lambda x, m: m.exp(x / s),
        lambda x, m: m.sin(x / s + 0.6),
        lambda x, m: 1 / (2.3 + (x - x0) / s),
        lambda x, m: m.log(2.1 + (x - x0) / s),
        lambda x, m: m.exp(m.sin(x / s + 0.3)),
    )
    function = shapes[rng.integers(len(shapes))]
    d = derivatives(function, x0, order)
    fail = FAIL if order <= 6 else FAIL_COARSE
    output = Output("exact", d[order], abs(d[order]), fail, function)
    return Draw("high_order", floats(function), x0, [output], order)


# --- noise ---------------------------------------------------------------------------------------


def noisy(rng, name, level):
    """Draw a smooth function with hashed noise of this relative level."""
    x0, s = place(rng)
    function, law = curve(rng, x0, s), str(rng.choice(["normal", "uniform"]))
    model = lambda x: function(float(x[0]), FLOATS) * (1 + level * deviate(x, law))
    return simple(name, function, x0, s, model=model, blur=level)


@family
def noise_1e_10(rng):
    return noisy(rng, "noise_1e_10", 1e-10)


@family
def noise_1e_6(rng):
    return noisy(rng, "noise_1e_6", 1e-6)


@family
def noise_1e_3(rng):
    return noisy(rng, "noise_1e_3", 1e-3)


@family
def float32(rng):
    """A model that computes in single precision: input, arithmetic and output rounded."""
    x0, s = place(rng)
    x0 = float(np.float32(x0)) if rng.random() < 0.5 else x0
    function = curve(rng, x0, s)
    blur = SINGLE * (1 + abs(x0) / s) * 2

    def model(x):
        return float(np.float32(function(np.float32(x[0]), FLOATS)))

    return simple("float32", function, x0, s, model=model, blur=blur)


@family
def float32_blow_up(rng):
    """Fast exponentials at 0: their values 0, 1 and inf look like single precision."""
    w = sign(rng) * decades(rng, 2, 7)
    function = lambda x, m: m.exp(w * x)
    return simple("float32_blow_up", function, 0.0, 1 / abs(w))


@family
def sharp_and_noisy(rng):
    """A front that is narrow beside x0, with noise."""
    x0 = sign(rng) * decades(rng, -1, 1)
    s = abs(x0) * decades(rng, -3, -1)
    level = float(rng.choice([1e-9, 1e-7, 1e-6, 1e-5]))
    c = float(x0 + s * rng.uniform(-1, 1))
    function = lambda x, m: 2 + m.tanh((x - c) / s) + 0.1 * m.exp((x - x0) / abs(x0))
    model = lambda x: function(float(x[0]), FLOATS) * (1 + level * deviate(x))
    return simple("sharp_and_noisy", function, x0, s, model=model, blur=level)


@family
def iteration(rng):
    """A root found by bisection to a tolerance: values that hop by it."""
    x0, tolerance = decades(rng, -0.5, 0.5), decades(rng, -11, -4)

    def model(x):  # the root y of y + sinh(y) = x
        low, high = -20.0, 20.0 + float(x[0]) * 1e-3
        while high - low > tolerance:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if middle + math.sinh(middle) < x[0] else (low, middle)
        return 0.5 * (low + high)

    def function(x, m):
        y = model([x if isinstance(x, float) else float(getattr(x, "c", [x])[0])])
        for _ in range(30):
            y = y - (y + (m.exp(y) - m.exp(-y)) / 2 - x) / (1 + (m.exp(y) + m.exp(-y)) / 2)
        return y

    blur = tolerance / model([x0])
    return simple("iteration", function, x0, x0, model=model, blur=blur)


# --- treads --------------------------------------------------------------------------------------


@family
def text(rng):
    """Output printed with 2 to 12 digits, or with so many decimals."""
    x0, s = place(rng, -1, 1)
    digits, function = int(rng.integers(2, 13)), curve(rng, x0, s)
    form = str(rng.choice([".{}g", ".{}e", ".{}f"])).format(digits)
    model = lambda x: float(format(float(function(float(x[0]), FLOATS)), form))
    lost = 10.0**-digits
    if form.endswith("f"):
        lost /= abs(function(x0, FLOATS))
    return simple("text", function, x0, s, model=model, blur=lost)


def treads(rng, name, x0, s, width, kept):
    """Draw a smooth function whose input is kept to treads of this width, some with noise."""
    function = curve(rng, x0, s)
    level = decades(rng, -12, -8) if rng.random() < 0.4 else 0.0

    def model(x):
        u = kept(float(x[0]))
        return float(function(u, FLOATS)) * (1 + level * deviate(np.array([u])))

    return simple(name, function, x0, s, model=model, blur=width / s)


@family
def rounded_input(rng):
    """The parameter is written to a file with few decimals."""
    decimals = int(rng.integers(2, 8))
    x0 = sign(rng) * decades(rng, -1, 1)
    s = abs(x0) * decades(rng, -0.4, 0.5)
    return treads(rng, "rounded_input", x0, s, 10.0**-decimals, lambda x: round(x, decimals))


@family
def whole_dates(rng):
    """Dates in whole days, or times in whole seconds."""
    x0 = float(rng.choice([60000.0, 2460000.5, 738000.0])) + float(rng.uniform(0, 1000))
    return treads(rng, "whole_dates", x0, decades(rng, 1, 4), 1.0, math.floor)


@family
def nearest_table(rng):
    """The nearest entry of a table."""
    x0, s = place(rng, -1, 1)
    spacing = s * decades(rng, -5, -1)
    return treads(
        rng, "nearest_table", x0, s, spacing, lambda x: round(x / spacing) * float(spacing)
    )


def linear_table(function, start, spacing):
    """Return piecewise(x, m, cell) of a table with linear interpolation; `cell` None for x's."""

    def value(k):
        return float(function(start + k * spacing, FLOATS))

    def piecewise(x, m, cell=None):
        k = math.floor((x - start) / spacing) if cell is None else cell
        low, high = value(k), value(k + 1)
        return low + (x - (start + k * spacing)) * ((high - low) / spacing)

    return piecewise


@family
def table_between(rng):
    """A table with linear interpolation, between two nodes."""
    x0, s = place(rng, -1, 1)
    spacing = float(s * decades(rng, -4, -0.7))
    start = float(x0 - spacing * (rng.uniform(0.02, 0.98) + 40))
    table = linear_table(curve(rng, x0, s), start, spacing)
    cell = math.floor((x0 - start) / spacing)
    branch = lambda x, m: table(x, m, cell)
    return simple("table_between", table, x0, s, branch=branch)


@family
def table_node(rng):
    """A table with linear interpolation, at a node."""
    x0, s = place(rng, -1, 1)
    spacing = float(s * decades(rng, -2.5, -0.5))
    table = linear_table(curve(rng, x0, s), x0, spacing)
    return kinked("table_node", table, x0, s, [lambda x, m, k=k: table(x, m, k) for k in (-1, 0)])


@family
def counted_events(rng):
    """The share of a fixed sample below x: a staircase of random steps, whose noise walks."""
    n, x0 = int(decades(rng, 3, 5)), float(rng.uniform(-1.5, 1.5))
    events = np.sort(rng.normal(size=n))
    function = lambda x, m: (1 + m.erf(x / math.sqrt(2))) / 2
    model = lambda x: np.searchsorted(events, float(x[0])) / n
    return simple("counted_events", function, x0, 1.0, model=model, blur=0.5 / math.sqrt(n))


# --- kinks, jumps, walls -------------------------------------------------------------------------


def two_sided_entry(function, x0, s, sides, order=1):
    """Return the Output of a function whose derivatives differ on the two sides."""
    left, right = (derivatives(side, x0, order)[order] for side in sides)
    unit = max(abs(left), abs(right), abs(right - left))
    if abs(right - left) < 3e-3 * unit:
        return None  # no one can be asked to see it
    return Output("none", (left, right), unit, FAIL, function)


def kinked(name, function, x0, s, sides, order=1, model=None):
    output = two_sided_entry(function, x0, s, sides, order)
    return output and Draw(name, model or floats(function), x0, [output], order)


def bent(rng, x0, s, power=1):
    """Return a smooth curve plus a part that is bent at x0, and the curve on each side.

    The slopes' ratio is anything: from a hundredth to a hundred times, equal or opposite signs.
    """
    base, bend = curve(rng, x0, s), sign(rng) * decades(rng, -1.5, 1.5)
    right = lambda x, m: base(x, m) + bend * ((x - x0) / s) ** power
    function = lambda x, m: right(x, m) if x > x0 else base(x, m)
    return function, (base, right)


@family
def kink(rng):
    """A kink at x0 itself; in a third of draws at 0, in a fifth with noise."""
    x0, s = place(rng)
    if rng.random() < 1 / 3:
        x0 = 0.0
    function, sides = bent(rng, x0, s)
    level = float(rng.choice([0.0, 0.0, 0.0, 0.0, 1e-9]))
    model = lambda x: function(float(x[0]), FLOATS) * (1 + level * deviate(x))
    return kinked("kink", function, x0, s, sides, model=model)


@family
def kink_of_second(rng):
    """f'' jumps at x0: f' exists, and is asked for in a third of draws."""
    x0, s = (0.0, decades(rng, -1, 1)) if rng.random() < 0.5 else place(rng)
    function, sides = bent(rng, x0, s, power=2)
    if rng.random() < 1 / 3:
        return simple("kink_of_second", function, x0, s, branch=sides[0])
    return kinked("kink_of_second", function, x0, s, sides, order=2)


@family
def threshold(rng):
    """f is constant up to a threshold and rises beyond it, with x0 at it or on either side."""
    x0, s = place(rng)
    place_of_x0 = rng.choice(["at", "below", "above"])
    away = {"at": 0.0, "below": decades(rng, -6, -1), "above": -decades(rng, -5, -1)}[place_of_x0]
    way, level = sign(rng), float(rng.choice([0.0, 1.0, rng.normal()]))
    c, height = float(x0 + way * away * s), sign(rng) * decades(rng, -2, 2)
    shapes = (
        lambda u, m: u,
        lambda u, m: m.tanh(u),
        lambda u, m: m.exp(u) - 1,
        lambda u, m: u * u,
        lambda u, m: u * u * u,
    )
    k = int(rng.integers(len(shapes)))
    rising = lambda x, m: level + height * shapes[k](way * (x - c) / s, m)
    still = lambda x, m: level + 0 * x
    function = lambda x, m: rising(x, m) if (x - c) * way > 0 else still(x, m)
    if place_of_x0 == "at" and k < 3:
        return kinked("threshold", function, x0, s, [still, rising][:: int(way)])
    if place_of_x0 == "above":
        blur = DOUBLE * s / abs(c - x0)
        return simple("threshold", function, x0, s, branch=rising, blur=blur)
    output = Output("exact", 0.0, abs(height) / s, FAIL, function)
    return Draw("threshold", floats(function), x0, [output])


def beside(rng, s):
    """Return a signed distance from x0: all distances, from 1e-7 to a third of the scale."""
    return sign(rng) * s * decades(rng, -7, -0.5)


@family
def kink_beside(rng):
    """A kink at any distance beside x0."""
    x0, s = place(rng)
    c = float(x0 + beside(rng, s))
    function, sides = bent(rng, c, s)
    blur = DOUBLE * s / abs(c - x0)
    return simple("kink_beside", function, x0, s, branch=sides[int(x0 > c)], blur=blur)


@family
def jump_beside(rng):
    """A jump, of a hundredth to ten times f, at any distance beside x0."""
    x0, s = place(rng)
    c, base = float(x0 + beside(rng, s)), curve(rng, x0, s)
    jump = sign(rng) * abs(base(x0, FLOATS)) * decades(rng, -2, 1)
    beyond = lambda x: (x - c) * (c - x0) > 0
    function = lambda x, m: base(x, m) + float(jump) if beyond(x) else base(x, m)
    blur = DOUBLE * s / abs(c - x0)
    return simple("jump_beside", function, x0, s, branch=base, blur=blur)


@family
def penalty_beside(rng):
    """1e3 to 1e30 beyond a border at any distance beside x0."""
    x0, s = place(rng)
    c, base = float(x0 + beside(rng, s)), curve(rng, x0, s)
    penalty = 10.0 ** int(rng.integers(3, 31))
    beyond = lambda x: (x - c) * (c - x0) > 0
    function = lambda x, m: penalty + 0 * x if beyond(x) else base(x, m)
    blur = DOUBLE * s / abs(c - x0)
    return simple("penalty_beside", function, x0, s, branch=base, blur=blur)


@family
def wrapped_angle(rng):
    """An angle that is reduced to one turn, with the cut beside x0."""
    s = decades(rng, -1, 1)
    h = beside(rng, s)
    x0 = float(sign(rng) * decades(rng, 0, 2))
    phase = float(math.pi - h / s - 0.1 * math.sin(h / s))  # half a turn is reached at x0 + h

    def turned(x, m):
        return phase + (x - x0) / s + 0.1 * m.sin((x - x0) / s)

    def function(x, m):
        u = turned(x, m)
        return u - 2 * math.pi if u > math.pi else u

    start = turned(x0, FLOATS)
    turns = -2 * math.pi if start > math.pi else 0.0
    branch = lambda x, m: turned(x, m) + turns
    return simple("wrapped_angle", function, x0, s, branch=branch, blur=DOUBLE * s / abs(h))


@family
def near_wall(rng):
    """Undefined or singular at a distance far below any first step; also x log x at its bound."""
    wall = 0.0 if rng.random() < 0.6 else sign(rng) * decades(rng, -1, 1)
    distance = (abs(wall) or 1.0) * (decades(rng, -14, -3) if wall == 0 else decades(rng, -8, -3))
    if rng.random() < 0.2:
        return entropy_at_bound(rng)
    x0 = wall if wall == 0 else float(wall + distance)
    w = (lambda x: x + distance) if wall == 0 else (lambda x: x - wall)
    power = float(rng.choice([0.5, 0.25, -0.5, 1.5]))
    shapes = (
        lambda x, m: m.log(w(x)),
        lambda x, m: w(x) ** power,
        lambda x, m: 1 / w(x),
        lambda x, m: w(x) * m.log(w(x)),
    )
    function = shapes[rng.integers(len(shapes))]

    def model(x):
        with np.errstate(all="ignore"):
            return float(function(np.float64(x[0]), FLOATS)) if w(x[0]) > 0 else math.nan

    bounds = {"bounds": [(0.0, None)]} if wall == 0 and rng.random() < 0.5 else {}
    d = derivatives(function, x0, 1)
    output = Output("exact", d[1], abs(d[1]), FAIL, function)
    return Draw("near_wall", model, x0, [output], 1, bounds)


def entropy_at_bound(rng):
    """x log x and roots at the bound 0, where the slope is infinite."""
    power = float(rng.uniform(0.2, 0.9))
    shapes = (lambda x, m: x * m.log(x) if x > 0 else 0 * x, lambda x, m: x**power)
    function = shapes[rng.integers(2)]
    output = Output("none", (-math.inf, math.inf), 1.0, FAIL, function)
    return Draw("near_wall", floats(function), 0.0, [output], 1, {"bounds": [(0.0, None)]})


# --- scales --------------------------------------------------------------------------------------


@family
def ripple(rng):
    """A small ripple, far below x0 in wavelength, whose slope counts."""
    x0, s = place(rng, -1, 1)
    wavelength, base = s * decades(rng, -6, -2), curve(rng, x0, s)
    slope, phase = decades(rng, -4, 0.5) / s, float(rng.uniform(0, 6))  # of the ripple
    height = slope * wavelength
    function = lambda x, m: base(x, m) + height * m.sin((x - x0) / wavelength + phase)
    blur = DOUBLE * s / wavelength
    return simple("ripple", function, x0, s, blur=blur)


@family
def fast_oscillation(rng):
    """A wave of up to 1e9 radians between 0 and x0."""
    x0, cycles = sign(rng) * decades(rng, -3, 3), decades(rng, 0.5, 9)
    w, phase = float(cycles / abs(x0)), float(rng.uniform(0, 6))
    function = lambda x, m: m.sin(w * x + phase) + 0.3 * m.cos(0.7 * w * x)
    return simple("fast_oscillation", function, x0, 1 / w, blur=DOUBLE * cycles)


EPOCHS = (  # where clocks stand today, and the periods that models have on them, as powers of ten
    (1.187e9, 1e8, -3, 5),  # GPS, s
    (1.76e9, 1e8, -3, 6),  # unix, s
    (1.76e12, 1e11, 0, 7),  # unix, ms
    (2.46e6, 5e3, -3, 3),  # Julian dates, d
    (6.0e4, 5e3, -4, 3),  # modified Julian dates, d
)


@family
def epoch(rng):
    """A signal on a clock whose origin is far away; in a third of draws its phase is float32."""
    base, spread, low, high = EPOCHS[rng.integers(len(EPOCHS))]
    x0 = float(base + spread * rng.uniform(-1, 1))
    s = max(decades(rng, low, high), 30 * math.ulp(x0)) / (2 * math.pi)
    reference = float(x0 - s * rng.uniform(-9, 9))
    function = lambda x, m: m.sin((x - reference) / s + 0.3) + 0.5
    if rng.random() < 1 / 3:

        def model(x):
            return float(np.sin(np.float32((x[0] - reference) / s + 0.3))) + 0.5

        return simple("epoch", function, x0, s, model=model, blur=20 * SINGLE)
    return simple("epoch", function, x0, s)


@family
def far_exploration(rng):
    """A parameter that f hardly depends on, of a model that fails some way off."""
    x0 = 0.0 if rng.random() < 0.5 else sign(rng) * decades(rng, -1, 1)
    s = abs(x0) or 1.0
    share, room = decades(rng, -15, -3), s * decades(rng, -0.7, 0.7)
    base = curve(rng, x0, s)
    function = lambda x, m: 2 + share * base(x, m)
    answer = str(rng.choice(["raise", "shape", "nan"]))

    def model(x):
        if abs(x[0] - x0) <= room:
            return float(function(float(x[0]), FLOATS))
        if answer == "raise":
            raise RuntimeError("no convergence")
        return np.empty(0) if answer == "shape" else math.nan

    d = derivatives(function, x0, 1)
    resolved = NEEDED * DOUBLE * 2 / (min(s, room) * abs(d[1])) < FAIL_COARSE
    output = Output("exact" if resolved else "hidden", d[1], abs(d[1]), FAIL_COARSE, function)
    return Draw("far_exploration", model, x0, [output])


@family
def common_rounding(rng):
    """An intermediate result that rounds alike in all samples, or cancels."""
    x0, k = decades(rng, -8, -3), decades(rng, 3, 6)
    shapes = (
        (lambda x, m: m.exp(k * m.log(1 + x)), 1 / k, DOUBLE * k),
        (lambda x, m: m.sin(k * (1 + x)), 1 / k, DOUBLE * k),
        (lambda x, m: (1 + x) ** 2 * k - k, x0, DOUBLE / x0),
        (lambda x, m: (1 - m.cos(k * x)) / (k * x) ** 2, 1 / k, DOUBLE / (k * x0) ** 3),
        (lambda x, m: (m.exp(x) - 1) / x, 1.0, DOUBLE / x0),
    )
    function, s, blur = shapes[rng.integers(len(shapes))]
    d = derivatives(function, x0, 1)
    told = NEEDED * blur * abs(d[0]) / (s * abs(d[1]))
    if not told < 1e3:
        return None
    truth = "exact" if told < FAIL_COARSE else "hidden"
    fail = FAIL if told < FAIL else FAIL_COARSE
    output = Output(truth, d[1], abs(d[1]), fail, function)
    return Draw("common_rounding", floats(function), x0, [output])


# --- several outputs -----------------------------------------------------------------------------


@family
def outputs_some_kinked(rng):
    """Five to forty outputs of one parameter; up to half of them have a kink at or beside x0."""
    x0, s = place(rng)
    m, share = int(rng.integers(5, 41)), float(rng.uniform(0, 0.5))
    functions, entries = [], []
    while len(functions) < m:
        function, found = _output(rng, x0, s, kinked=rng.random() < share)
        if found is not None:
            functions.append(function)
            entries.append(found)
    model = lambda x: np.array([f(float(x[0]), FLOATS) for f in functions])
    return Draw("outputs_some_kinked", model, x0, entries)


def _output(rng, x0, s, kinked):
    if not kinked:
        function = curve(rng, x0, s)
        return function, entry(function, x0, s)
    if rng.random() < 0.5:
        function, sides = bent(rng, x0, s)
        return function, two_sided_entry(function, x0, s, sides)
    c = float(x0 + beside(rng, s))
    function, sides = bent(rng, c, s)
    return function, entry(
        function, x0, s, blur=DOUBLE * s / abs(c - x0), branch=sides[int(x0 > c)]
    )
