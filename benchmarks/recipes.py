"""How a random problem of each class is drawn.

A recipe returns a :class:`Draft`: an expression in natural variables u_i = (x_i - c_i) / s_i, of
order one, grown at random, and where the point and the scales lie. What the recipes vary is where s
stands against |x0|, what lies next to x0, and what noise there is.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.expressions import grow, number

INF = float("inf")


@dataclass(frozen=True)
class Draft:
    """A drawn function before its reference is known.

    `room` is, per parameter, how far the best step may reach (the distance of a wall or a few
    natural scales); `domain` a (lower, upper) pair of lists outside of which the model gives
    `outside` ("nan", "inf" or "raise").
    """

    klass: str
    kind: str
    source: str
    x0: list[float]
    room: list[float]
    noise: float = 0.0
    deviate: str = "normal"
    bounds: list[list[float]] | None = None
    domain: list[list[float]] | None = None
    outside: str = "nan"
    tags: tuple[str, ...] = ()


def decades(rng, low, high):
    """Return 10**uniform(low, high) with four digits."""
    return float(f"{10 ** rng.uniform(low, high):.4g}")


def sign(rng):
    return float(rng.choice([-1.0, 1.0]))


def natural(rng, i, x, s):
    """Return a natural variable of scale s, of order one at x: centred on 0 or off-centre."""
    if abs(x) < 3 * s and rng.random() < 0.5:
        return f"(x[{i}] / {s!r})"
    c = float(x - s * rng.uniform(-1.5, 1.5))
    return f"((x[{i}] - {c!r}) / {s!r})"


def composed(rng, klass, kind, x0, scales, *, factor=None, tags=()):
    """Return a random composition of the natural variables with these scales."""
    leaves = [natural(rng, i, x, s) for i, (x, s) in enumerate(zip(x0, scales, strict=True))]
    source = grow(rng, leaves, np.array(x0), operations=int(rng.integers(2, 5)) + len(x0))
    if factor is not None:
        source = f"{factor!r} * ({source})"
    return Draft(klass, kind, source, list(x0), [2 * s for s in scales], tags=tags)


def parameters(rng, most=4):
    """Return how many parameters: one in half of the draws."""
    return 1 if rng.random() < 0.5 else int(rng.integers(2, most + 1))


# --- A: smooth and well scaled -------------------------------------------------------------------


def smooth(rng):
    p = parameters(rng)
    x0 = [sign(rng) * decades(rng, -1, 1) for _ in range(p)]
    return composed(rng, "A", "smooth", x0, [abs(x) * decades(rng, -0.2, 0.4) for x in x0])


# --- B: badly scaled -----------------------------------------------------------------------------


def badly_scaled(rng):
    return _one_of(rng, (far_scales, far_scales, at_zero, mixed_zero, amplitude, tiny_output))(rng)


def far_scales(rng):
    x0 = [sign(rng) * decades(rng, -8, 8) for _ in range(parameters(rng))]
    return composed(rng, "B", "scales", x0, [abs(x) * decades(rng, -0.5, 0.5) for x in x0])


def at_zero(rng):
    return composed(rng, "B", "zero", [0.0], [decades(rng, -8, 8)])


def mixed_zero(rng):
    x0 = [0.0, sign(rng) * decades(rng, -8, 8)]
    return composed(rng, "B", "zeros", x0, [decades(rng, -3, 3), abs(x0[1])])


def amplitude(rng):
    """Draw A (k / pivot)**(n - 1) against the rest of a model."""
    x0 = [decades(rng, -12, -6), number(rng, 0.8, 1.2)]
    k, pivot = decades(rng, -3, 0), decades(rng, -2, -1)
    power = f"x[0] * {k / pivot!r}**(x[1] - 1)"
    kind = int(rng.integers(3))
    source = (power, f"m.log({power})", f"({power} * 1e9 - {number(rng, 1, 3)})**2")[kind]
    return Draft("B", "amplitude", source, x0, [x0[0] / 2, 0.5], tags=("amplitude",))


def tiny_output(rng):
    return replace(
        composed(rng, "B", "output", [decades(rng, -2, 2)], [1.0], factor=decades(rng, -25, 25))
        if rng.random() < 0.3
        else _scaled_output(rng),
        tags=("output",),
    )


def _scaled_output(rng):
    x0 = [sign(rng) * decades(rng, -2, 2) for _ in range(parameters(rng))]
    return composed(
        rng, "B", "output", x0, [abs(x) for x in x0], factor=sign(rng) * decades(rng, -25, 25)
    )


# --- C: walls ------------------------------------------------------------------------------------

SINGULAR = (
    "m.log({w})",
    "m.sqrt({w})",
    "({w})**{r}",
    "({w}) * m.log({w})",
    "1 / ({w})",
    "m.log({w})**2",
    "m.exp(m.sqrt({w}))",
    "m.sqrt({w}) / (1 + {w})",
)


def walls(rng):
    return _one_of(rng, (singular, singular, hidden_wall, on_bound, on_bound, narrow_box))(rng)


def _wall_side(rng):
    """Return where a wall stands, on which side the domain lies, and the distance of x0 from it."""
    wall = 0.0 if rng.random() < 0.2 else sign(rng) * decades(rng, -3, 3)
    distance = (abs(wall) or 1.0) * decades(rng, -8, -1)
    return wall, sign(rng), distance


def singular(rng):
    """Draw log, sqrt or a power of the distance to a wall, at 1e-1 … 1e-8 of |x| from it."""
    wall, side, distance = _wall_side(rng)
    x0 = float(wall + side * distance)
    s = distance if rng.random() < 0.5 else (abs(wall) or 1.0)
    w = f"({side!r} * (x[0] - {wall!r}) / {s!r})"
    term = str(rng.choice(SINGULAR)).format(w=w, r=number(rng, -1.5, 2.5))
    other = grow(rng, [natural(rng, 0, x0, abs(wall) or 1.0)], np.array([x0]), operations=2)
    source = term if rng.random() < 0.5 else f"({term}) + {number(rng, 0.1, 2)} * ({other})"
    draft = Draft("C", "singular", source, [x0], [abs(x0 - wall) / 2], tags=("wall",))
    return _walled(rng, draft, wall, side)


def hidden_wall(rng):
    """Draw a smooth function that simply is not defined beyond a wall close to x0."""
    wall, side, distance = _wall_side(rng)
    x0 = float(wall + side * distance)
    draft = composed(rng, "C", "hidden", [x0], [(abs(wall) or 1.0) * decades(rng, -0.5, 0.5)])
    return _walled(rng, replace(draft, tags=("wall",)), wall, side)


def _walled(rng, draft, wall, side):
    """Return the draft with its domain ending at the wall; in a third of cases a told bound."""
    low, high = (wall, INF) if side > 0 else (-INF, wall)
    bounds = [[low, high]] if rng.random() < 1 / 3 else None
    outside = str(rng.choice(["nan", "inf", "raise"]))
    return replace(draft, domain=[[low], [high]], outside=outside, bounds=bounds)


def on_bound(rng):
    """Draw a smooth function of one to three parameters with x0 on one side of its box."""
    p = parameters(rng, most=3)
    x0 = [0.0 if rng.random() < 0.4 else sign(rng) * decades(rng, -3, 3) for _ in range(p)]
    scales = [(abs(x) or 1.0) * decades(rng, -0.3, 0.5) for x in x0]
    draft = composed(rng, "C", "on-bound", x0, scales, tags=("wall", "bound"))
    box = [_box(rng, x, s) for x, s in zip(x0, scales, strict=True)]
    domain = [[low for low, _ in box], [high for _, high in box]]
    outside = str(rng.choice(["nan", "raise"]))
    return replace(draft, bounds=[list(b) for b in box], domain=domain, outside=outside)


def _box(rng, x, s):
    """Return an interval that x is the end of, or that holds it."""
    far = s * rng.uniform(1, 10)
    return ((x, x + far), (x - far, x), (x, INF), (x - far, x + far))[rng.integers(4)]


def narrow_box(rng):
    """Draw a barrier function inside an interval that is narrow beside |x0|."""
    x, width = sign(rng) * decades(rng, -2, 2), decades(rng, -5, -0.3)
    low = float(x - abs(x) * width * rng.uniform(0.1, 0.9))
    high = float(low + abs(x) * width)
    templates = (
        "m.log(x[0] - {a!r}) + m.log({b!r} - x[0])",
        "m.sqrt((x[0] - {a!r}) * ({b!r} - x[0]))",
        "m.arcsin(2 * (x[0] - {a!r}) / {w!r} - 1)",
        "m.log((x[0] - {a!r}) / ({b!r} - x[0]))",
    )
    source = str(rng.choice(templates)).format(a=low, b=high, w=high - low)
    bounds = [[low, high]] if rng.random() < 0.5 else None
    outside = str(rng.choice(["nan", "raise"]))
    room = min(x - low, high - x) / 2
    domain = [[low], [high]]
    return Draft("C", "box", source, [x], [room], 0.0, "normal", bounds, domain, outside, ("wall",))


# --- D: difficult but smooth ---------------------------------------------------------------------


def difficult(rng):
    kinds = (narrow, narrow, wide, feature, feature, pole, offset, flat, plain)
    return _one_of(rng, kinds)(rng)


def narrow(rng):
    """Draw features up to a thousand times narrower than |x0|."""
    x0 = [sign(rng) * decades(rng, -3, 3) for _ in range(parameters(rng, most=3))]
    return composed(rng, "D", "narrow", x0, [abs(x) * decades(rng, -3, -0.5) for x in x0])


def wide(rng):
    """Draw a function that varies on a scale up to a thousand times |x0|."""
    x0 = [sign(rng) * decades(rng, -3, 3) for _ in range(parameters(rng, most=3))]
    return composed(rng, "D", "wide", x0, [abs(x) * decades(rng, 0.5, 3) for x in x0])


def feature(rng):
    """Draw a narrow feature or a fast oscillation on a broad function."""
    x = sign(rng) * decades(rng, -2, 2)
    s = abs(x) * decades(rng, -3, -0.5)
    broad = grow(rng, [natural(rng, 0, x, abs(x))], np.array([x]), operations=2)
    u = natural(rng, 0, x, s)
    shape = str(rng.choice(["m.sin({u})", "m.exp(-{u}**2)", "1 / (1 + {u}**2)", "m.tanh({u})"]))
    source = f"{broad} + {decades(rng, -2, 1)!r} * {shape.format(u=u)}"
    return Draft("D", "feature", source, [x], [2 * s], tags=("narrow",))


def pole(rng):
    """Draw a pole, or a pair of complex ones, close to x0."""
    x = sign(rng) * decades(rng, -2, 2)
    distance = abs(x) * decades(rng, -4, -0.5)
    c = float(x + sign(rng) * distance)
    templates = (
        "1 / (x[0] - {c!r})",
        "1 / (x[0] - {c!r})**2",
        "1 / ((x[0] - {c!r})**2 + {w!r}**2)",
        "m.tan((x[0] - {c!r}) / {w!r} + 1.5707963267948966)",
    )
    source = str(rng.choice(templates)).format(c=c, w=distance)
    return Draft("D", "pole", source, [x], [distance / 2])


def offset(rng):
    """Draw a function on top of a constant that is far larger: cancellation."""
    x = sign(rng) * decades(rng, -2, 2)
    draft = composed(rng, "D", "offset", [x], [abs(x)])
    return replace(draft, source=f"{draft.source} + {decades(rng, 1, 6)!r}")


def flat(rng):
    """Draw a function whose derivative at x0 is exactly zero: even about x0."""
    x = sign(rng) * decades(rng, -1, 1)
    s = abs(x) * decades(rng, -2, 1)
    u = f"((x[0] - {x!r}) / {s!r})"
    even = ("m.cos({u})", "m.exp(-{u}**2)", "1 / (1 + {u}**2)", "{u}**2", "{u}**4", "m.cosh({u})")
    a, b = (str(t).format(u=u) for t in rng.choice(even, size=2))
    source = f"{number(rng, 0.5, 3)} + {number(rng, 0.3, 2)} * {a} + {number(rng, 0.3, 2)} * {b}"
    return Draft("D", "flat", source, [x], [s], tags=("flat",))


def plain(rng):
    """Draw a constant, a straight line or a low polynomial."""
    x = sign(rng) * decades(rng, -3, 3)
    a, b, c = (sign(rng) * decades(rng, -2, 2) for _ in range(3))
    templates = ("{a} + 0 * x[0]", "{a} + {b} * x[0]", "{a} * x[0]**2 + {b} * x[0] + {c}")
    source = str(rng.choice(templates)).format(a=a, b=b, c=c)
    return Draft("D", "plain", source, [x], [abs(x)])


# --- E: noise ------------------------------------------------------------------------------------

LEVELS = (1e-10, 1e-6, 1e-3)
SINGLE = 6e-8  # half an ulp of float32


def noisy(rng):
    base = replace(smooth(rng) if rng.random() < 0.7 else _positive_scales(rng), klass="E")
    if rng.random() < 0.15:
        return replace(base, kind="float32", noise=SINGLE, tags=("float32",))
    level = float(rng.choice(LEVELS))
    deviate = str(rng.choice(["normal", "uniform"]))
    tag = f"noise {level:.0e}"
    return replace(base, kind="noisy", noise=level, deviate=deviate, tags=(tag,))


def _positive_scales(rng):
    x0 = [sign(rng) * decades(rng, -6, 6) for _ in range(parameters(rng))]
    return composed(rng, "B", "scales", x0, [abs(x) * decades(rng, -1, 1) for x in x0])


def _one_of(rng, recipes):
    return recipes[rng.integers(len(recipes))]


RECIPES = {"A": smooth, "B": badly_scaled, "C": walls, "D": difficult, "E": noisy}
