"""Random smooth expressions, as Python source that numpy and 50-digit Taylor arithmetic both
evaluate.
"""

import numpy as np

from benchmarks.taylor import FLOATS

# Each needs an argument of order one; the guard says for which arguments it is smooth on that
# scale.
UNARY = {
    "m.exp({u})": lambda v: True,
    "m.sin({u})": lambda v: True,
    "m.cos({u})": lambda v: True,
    "m.tanh({u})": lambda v: True,
    "m.arctan({u})": lambda v: True,
    "m.erf({u})": lambda v: True,
    "m.exp(-({u})**2 / 2)": lambda v: True,
    "1 / (1 + ({u})**2)": lambda v: True,
    "1 / (1 + m.exp(-({u})))": lambda v: True,
    "m.sqrt(1 + ({u})**2)": lambda v: True,
    "m.log(1 + ({u})**2)": lambda v: True,
    "({u})**2": lambda v: True,
    "({u})**3": lambda v: True,
    "m.cosh({u})": lambda v: True,
    "m.log({u})": lambda v: v > 0.4,
    "m.sqrt({u})": lambda v: v > 0.4,
    "({u})**{r}": lambda v: v > 0.4,
    "1 / ({u})": lambda v: abs(v) > 0.4,
}
BINARY = ("({a}) + {c} * ({b})", "({a}) * ({b})", "({a}) / ({b})", "({a}) - {c} * ({b})")
SMALL_DIVISOR = 0.3


def compiled(source):
    """Return the function body(x, m) of an expression in x[0], x[1], … and m.exp, m.sin, …"""
    return eval(f"lambda x, m: {source}")


def number(rng, low, high):
    """Return a random number in [low, high] with four digits, as it stands in the source."""
    return float(f"{rng.uniform(low, high):.4g}")


def affine(rng, node, value):
    """Return a * node + b with an argument of order one."""
    a = number(rng, 0.4, 1.6) * rng.choice([-1.0, 1.0])
    if abs(value) > 2:
        a = float(f"{a * 2 / abs(value):.4g}")
    return f"{a} * ({node}) + {number(rng, -1, 1)}"


def grow(rng, leaves, x0, operations):
    """Merge the leaves into one expression by unary and binary operations in random order."""
    nodes = list(leaves)
    while len(nodes) > 1 or operations > 0:
        operations -= 1
        if len(nodes) > 1 and (operations <= 0 or rng.random() < 0.5):
            i, j = rng.choice(len(nodes), size=2, replace=False)
            merged = binary(rng, nodes[i], nodes[j], x0)
            nodes = [n for k, n in enumerate(nodes) if k not in (i, j)] + [merged]
        else:
            k = rng.integers(len(nodes))
            nodes[k] = unary(rng, nodes[k], x0)
    return nodes[0]


def binary(rng, a, b, x0):
    """Join two expressions; never divide by one that is nearly zero."""
    template = str(rng.choice(BINARY))
    if "/" in template and abs(value_at(b, x0)) < SMALL_DIVISOR:
        template = BINARY[1]
    return template.format(a=a, b=b, c=number(rng, 0.3, 2))


def unary(rng, node, x0):
    """Apply one elementary function that is smooth at the node's value."""
    inner = affine(rng, node, value_at(node, x0))
    value = value_at(inner, x0)
    fitting = [template for template, fits in UNARY.items() if fits(value)]
    return str(rng.choice(fitting)).format(u=inner, r=number(rng, -2, 3))


def value_at(source, x0):
    """Return the expression's value in floating point."""
    with np.errstate(all="ignore"):
        return float(compiled(source)(x0, FLOATS))
