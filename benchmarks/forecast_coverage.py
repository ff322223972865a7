"""How often the errors of a Fisher forecast hold under noise, and how wide they are.

    python -m benchmarks.forecast_coverage [seeds] [--write]

Four models, three levels of noise, three ways in which the noise of different data goes together.
For F and sigma: the part of entries within their error, and the median of error over true error.
The rule for how noise adds up was settled on ``decay`` and ``wave``; ``growth`` and ``ringing``
came afterwards. 200 seeds take half an hour.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

from benchmarks.scoring import table
from derivkit import CalculusKit, ForecastKit

RESULT = Path(__file__).parent / "results" / "forecast_coverage.md"
HEADER = [
    "model",
    "noise of the data",
    "level",
    "F held %",
    "error / true",
    "sigma held %",
    "error / true",
]
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


def row(name, kind, level, found):
    """Return a line of the table."""
    figures = (
        text for held, ratio in found.values() for text in (f"{100 * held:.1f}", f"{ratio:.1f}")
    )
    return [name, kind, f"{level:g}", *figures]


def report(found, seeds):
    """Return the table of what was found in every setting, below what all of them say."""
    held, ratios = np.array([each for one in found.values() for each in one.values()]).T
    rows = [row(*setting, each) for setting, each in found.items()]
    return (
        f"{seeds} seeds. Held in the worst setting: {100 * held.min():.1f} %; on average over "
        f"settings: {100 * held.mean():.1f} %. Error / true error: the median of the settings' "
        f"medians is {np.median(ratios):.1f}, the largest {ratios.max():.1f}; "
        f"{(ratios > 10).sum()} of {ratios.size} are above 10.\n\n{table(HEADER, rows)}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="?", default=20)
    parser.add_argument("--write", action="store_true", help=f"also to {RESULT.name}")
    options = parser.parse_args()
    found = {}
    for setting in ((name, kind, level) for name in MODELS for kind in KINDS for level in LEVELS):
        name, kind, level = setting
        found[setting] = coverage(name, level, options.seeds, kind)
        print(*row(*setting, found[setting]), flush=True)
    text = report(found, options.seeds)
    print(text)
    if options.write:
        RESULT.write_text(text)


if __name__ == "__main__":
    main()
