"""E: noise of known relative level, single precision, rounded output: functions of the other
classes again.
"""

from benchmarks.problem import in_float32
from benchmarks.problems import likelihoods, optimisation, scales, smooth
from benchmarks.problems.definition import noisy, problem
from benchmarks.taylor import FLOATS

MODELS = (
    smooth.exponential,
    smooth.damped_oscillation,
    smooth.power_law,
    smooth.sine_and_square,
    smooth.van_der_waals,
    optimisation.himmelblau,
    likelihoods.poisson_regression,
    likelihoods.weibull_survival,
    scales.escape_velocity,
    scales.michaelis_menten,
)
LEVELS = (1e-10, 1e-6, 1e-3)

for _k, _model in enumerate(MODELS):
    for _level in LEVELS:
        noisy(_model, noise=_level, deviate=("normal", "uniform")[_k % 2])


def _single(body):
    return in_float32(lambda x: body(x, FLOATS))


def _printed(body, digits=8):
    """Return the model as it reads from a text file of so many significant digits."""
    return lambda x: float(f"{body(x, FLOATS):.{digits - 1}e}")


for _model in (smooth.exponential, smooth.runge, smooth.sine_and_square, smooth.van_der_waals):
    noisy(_model, noise=6e-8, model=_single(_model), kind="float32")

for _model in (smooth.gaussian, smooth.damped_oscillation, likelihoods.logit):
    noisy(_model, noise=5e-8, model=_printed(_model), kind="printed")


@problem("E", [0.8], noise=1e-6)
def noise_beside_wall(x, m):
    return m.log(x[0] - 0.5)


@problem("E", [12.0], noise=1e-6)
def noise_on_oscillation(x, m):
    return 2 + m.sin(3 * x[0])


@problem("E", [0.0], noise=1e-6)
def noise_at_zero(x, m):
    return m.exp(2 * x[0])


@problem("E", [0.0], bounds=[(0.0, 1.0)], noise=1e-6, inside=lambda x: 0 <= x[0] <= 1)
def noise_on_bound(x, m):
    return m.exp(-x[0]) + x[0] ** 2
