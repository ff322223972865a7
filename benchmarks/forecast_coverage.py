"""How often the errors of a Fisher forecast hold under noise, and how wide they are.

    python -m benchmarks.forecast_coverage [seeds]

Four models, three levels of noise, three ways in which the noise of different data goes together.
For F and sigma: the part of entries within their error, and the median of error over true error.
The rule for how noise adds up was settled on ``decay`` and ``wave``; ``growth`` and ``ringing``
came afterwards. 200 seeds take a quarter of an hour.
"""

import sys
import warnings
from functools import partial

import numpy as np

from derivkit import CalculusKit, ForecastKit

LEVELS = (1e-6, 1e-4, 1e-3)
VARIANCE = 1e-4


def decay(theta):
    t = np.linspace(0, 4, 30)
    return theta[0] * np.exp(-theta[1] * t)


def wave(theta):
    x = np.linspace(0, 1, 12)
    return theta[0] * np.sin(5 * theta[1] * x) + theta[2] * x


def growth(theta):
    t = np.linspace(0, 10, 40)
    return theta[0] / (1 + np.exp(-theta[1] * (t - theta[2])))


def ringing(theta):
    t = np.linspace(0, 6, 150)
    return theta[0] * np.exp(-theta[1] * t) * np.cos(theta[2] * t + theta[3])


MODELS = {
    "decay": (decay, [2.0, 0.7]),
    "wave": (wave, [1.0, 1.2, 0.5]),
    "growth": (growth, [3.0, 1.1, 4.0]),
    "ringing": (ringing, [1.5, 0.3, 2.5, 0.4]),
}


def independent(out, generator):
    """Another factor for each datum."""
    return out * generator.standard_normal(out.size)


def one_factor(out, generator):
    """One factor for all data, as of a solver's step."""
    return out * generator.standard_normal()


def neighbours(out, generator):
    """Added noise, alike in neighbouring data."""
    white = generator.standard_normal(out.size + 4)
    return np.abs(out).max() * np.convolve(white, np.full(5, 5**-0.5), "valid")


KINDS = {"independent": independent, "one factor": one_factor, "neighbours": neighbours}


def noisy(model, level, seed, kind):
    """Return the model with noise that depends on the point and the seed alone."""

    def function(theta):
        words = np.frombuffer(np.asarray(theta, float).tobytes(), np.uint32)
        generator = np.random.default_rng([seed, *words.tolist()])
        out = model(theta)
        return out + level * KINDS[kind](out, generator)

    return function


def coverage(name, level, seeds, kind="independent"):
    """Return (held, median ratio) of F and of sigma."""
    model, theta = MODELS[name]
    J = CalculusKit(model, theta).jacobian()  # without noise, to 1e-13
    F = J.T @ J / VARIANCE
    sigma = np.sqrt(np.diag(np.linalg.inv(F)))
    upper = np.triu_indices(len(F))
    ratios = {"F": [], "sigma": []}
    for seed in range(seeds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function = noisy(model, level, seed, kind)
            result = ForecastKit(function, theta, VARIANCE).fisher_result()
        ratios["F"].append((result.error / np.abs(result.value - F))[upper])
        ratios["sigma"].append(result.sigma_error / np.abs(result.sigma - sigma))
    joined = {what: np.concatenate(each) for what, each in ratios.items()}
    return {k: (float(np.mean(each >= 1)), float(np.median(each))) for k, each in joined.items()}


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    say = partial(print, flush=True)
    say(f"{seeds} seeds; part within the error, median error / true error")
    every = []
    for name in MODELS:
        for kind in KINDS:
            for level in LEVELS:
                found = coverage(name, level, seeds, kind)
                every += found.values()
                told = "  ".join(f"{k} {c:.3f} {r:5.1f}" for k, (c, r) in found.items())
                say(f"{name:8} {kind:12} {level:g}  {told}")
    held, ratios = np.array(every).T
    say(f"least {held.min():.3f}, all {held.mean():.3f}; median ratio {np.median(ratios):.1f}")


if __name__ == "__main__":
    main()
