"""A step that must be guessed, and a bar that holds

The log-likelihood of 1048 supernovae with noise of one part in a million, as a solver or a table
leaves it. The points are what a central difference gives at each step: at the left noise rules, at
the right curvature, and nothing says which step is right. The band is one call of derivkit, which
was told nothing.
"""

import numpy as np
import supernovae
from matplotlib.figure import Figure

from derivkit import CalculusKit
from derivkit.plot.style import headline, palette

x0 = np.array([0.32, -1.05, 23.8])  # matter, dark energy, offset
NOISE = 1e-6


def model(theta):
    seed = np.frombuffer(np.asarray(theta).tobytes(), dtype=np.uint32)
    noise = NOISE * np.random.default_rng(seed).standard_normal()
    return supernovae.log_likelihood(theta) * (1 + noise)


def central(h):
    step = np.array([h, 0.0, 0.0])
    return (model(x0 + step) - model(x0 - step)) / (2 * h)


result = CalculusKit(model, x0).gradient_result()
value, error = result.value[0], result.error[0]
truth = CalculusKit(supernovae.log_likelihood, x0).gradient()[0]
steps = np.geomspace(1e-8, 0.25, 90)
slopes = np.array([central(h) for h in steps])

colours = palette()
ax = Figure(figsize=(7.6, 4.0), layout="constrained").subplots()
ax.set_xscale("log")
ax.axhspan(value - error, value + error, color=colours.believed, alpha=0.35, lw=0)
calls = f"derivkit: {value:.2f} ± {error:.2f}, {result.nfev} calls for all 3 parameters"
ax.axhline(value, color=colours.believed, label=calls)
ax.axhline(truth, color=colours.text, ls=":", lw=1.2, label=f"truth: {truth:.2f}")
spread = 0.06 * abs(value)
beyond = np.abs(slopes - value) > spread
edge = np.where(slopes > value, value + 0.97 * spread, value - 0.97 * spread)
style = {"ls": "none", "color": colours.limit}
ax.plot(
    steps[~beyond], slopes[~beyond], "o", ms=4, label="central difference at each step", **style
)
ax.plot(steps[beyond], edge[beyond], "|", ms=7, label="the same, off the scale", **style)
ax.set(ylim=(value - spread, value + spread))
ax.set(xlabel="step in $\\Omega_m$", ylabel="d log L / d$\\Omega_m$")
ax.figure.legend(loc="outside lower center", ncols=2)
caption = "The likelihood of 1048 supernovae, with noise of one part in a million."
headline(ax, "No step to guess: one answer, with a bar that holds", caption)
