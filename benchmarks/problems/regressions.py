"""Residual sums of squares of the NIST regressions, at their published starting points and off the
optimum.
"""

from benchmarks.problems.definition import problem
from benchmarks.problems.nist_strd import DATA


def sum_of_squares(name, predicted):
    """Return the body of sum (y - predicted(b, x))**2 over a dataset's observations."""
    pairs = list(zip(DATA[name]["y"], DATA[name]["x"], strict=True))

    def body(b, m):
        return sum((y - predicted(b, x, m)) ** 2 for y, x in pairs)

    return body


def declare(name, predicted):
    """Declare the sum at both starting points and 1 % off the certified parameters, where it nearly
    cancels.
    """
    body = sum_of_squares(name, predicted)
    body.__name__, body.__module__ = name.lower(), __name__
    off = [1.01 * v for v in DATA[name]["certified"]]
    problem("A", DATA[name]["start 1"], DATA[name]["start 2"], off)(body)


declare("Misra1a", lambda b, x, m: b[0] * (1 - m.exp(-b[1] * x)))
declare("BoxBOD", lambda b, x, m: b[0] * (1 - m.exp(-b[1] * x)))
declare("Chwirut2", lambda b, x, m: m.exp(-b[0] * x) / (b[1] + b[2] * x))
declare("MGH09", lambda b, x, m: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]))
declare("Rat43", lambda b, x, m: b[0] / (1 + m.exp(b[1] - b[2] * x)) ** (1 / b[3]))
declare(
    "Thurber",
    lambda b, x, m: (
        (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)
    ),
)
