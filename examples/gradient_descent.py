"""Gradient descent on a real fit: from a model's gradient to its parameters, and a picture of it.

The speed of an enzyme's reaction at twelve concentrations of its substrate, and the
Michaelis-Menten law for it,

    speed = v_max c / (k + c),

fitted by least squares. v_max is near 200 and k near 0.06, so the descent works in their
logarithms, in which both matter alike. It stops where the gradient is no larger than its own
error bar: there is nothing left to follow.

    python examples/gradient_descent.py                # the two fits
    python examples/gradient_descent.py path.svg       # and the picture of their paths

Source
------
Treloar, M. A. (1974), Effects of puromycin on galactosyltransferase in Golgi membranes, M.Sc.
thesis, University of Toronto; Bates, D. M. & Watts, D. G. (1988), Nonlinear regression analysis
and its applications, Wiley, appendix A1.3: the treated enzyme. Their fit: v_max = 212.7,
k = 0.0641, sum of squares 1195.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit import CalculusKit

CONCENTRATION = np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.10], 2)  # ppm
SPEED = np.array([76.0, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200])  # counts / min**2
START = np.log([100.0, 0.5])

SUFFICIENT = 0.3  # of the decrease that the gradient promises
SHORTEST = 1e-12  # step, in units of the logarithms: below, rounding decides


def misfit(theta: NDArray[Any]) -> float:
    """Return the sum of squared residuals, for theta = log(v_max, k)."""
    v_max, k = np.exp(theta)
    return float(np.sum((SPEED - v_max * CONCENTRATION / (k + CONCENTRATION)) ** 2))


def line_search(theta: NDArray[Any], direction: NDArray[Any], slope: float, first: float) -> float:
    """Return a step that decreases the misfit as its slope promises; 0 if there is none."""
    step, before = first, misfit(theta)
    while step > SHORTEST:
        if misfit(theta + step * direction) <= before + SUFFICIENT * step * slope:
            return step
        step /= 2
    return 0.0


def descend(theta: NDArray[Any], most_steps: int = 500) -> NDArray[Any]:
    """Follow the negative gradient; return the path (n, 2)."""
    path, step = [theta], 1e-4
    while len(path) <= most_steps:
        gradient = CalculusKit(misfit, theta).gradient_result()
        if np.all(np.abs(gradient.value) <= gradient.error):
            break
        slope = -float(gradient.value @ gradient.value)
        step = line_search(theta, -gradient.value, slope, 2 * step)
        if step == 0:
            break
        theta = theta - step * gradient.value
        path.append(theta)
    return np.array(path)


def newton(theta: NDArray[Any], most_steps: int = 50) -> NDArray[Any]:
    """Let the Hessian say how far to go, and which way; return the path (n, 2)."""
    path = [theta]
    while len(path) <= most_steps:
        kit = CalculusKit(misfit, theta)
        gradient = kit.gradient_result()
        if np.all(np.abs(gradient.value) <= gradient.error):
            break
        curvature, axes = np.linalg.eigh(kit.hessian())
        direction = -axes @ (axes.T @ gradient.value / np.abs(curvature))  # downhill everywhere
        step = line_search(theta, direction, float(gradient.value @ direction), 1.0)
        if step == 0:
            break
        theta = theta + step * direction
        path.append(theta)
    return np.array(path)


def draw(file: str, paths: dict[str, NDArray[Any]]) -> None:
    """Draw the misfit's contours and the paths over them."""
    import matplotlib as mpl  # noqa: PLC0415 - only the picture needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "derivkit"  # the same file each time
    v_max, k = np.geomspace(75, 360, 121), np.geomspace(0.03, 0.7, 121)
    grid = np.array([[misfit(np.log([v, c])) for v in v_max] for c in k])
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.contour(v_max, k, grid, levels=np.geomspace(1300, 3e5, 14), colors="0.75", linewidths=0.8)
    for (label, path), style in zip(paths.items(), ["C0.-", "C3o--"], strict=True):
        steps = f"{label}, {len(path) - 1} steps"
        axes.plot(*np.exp(path.T), style, markersize=4, linewidth=1, label=steps)
    axes.plot(*np.exp(path[-1]), "k*", markersize=11, label="best fit")
    axes.set(xscale="log", yscale="log", xlabel="v_max (counts / min²)", ylabel="k (ppm)")
    axes.set_xticks([100, 150, 200, 300], ["100", "150", "200", "300"])
    axes.set_yticks([0.05, 0.1, 0.2, 0.5], ["0.05", "0.1", "0.2", "0.5"])
    axes.minorticks_off()
    axes.legend()
    figure.savefig(file, metadata={"Date": None} if file.endswith(".svg") else None)


def main() -> None:
    """Print both fits; draw them into the file named on the command line."""
    paths = {"gradient descent": descend(START), "Newton": newton(START)}
    for label, path in paths.items():
        v_max, k = np.exp(path[-1])
        print(
            f"{label}: v_max = {v_max:.4f}, k = {k:.6f}, sum of squares {misfit(path[-1]):.4f} "
            f"after {len(path) - 1} steps"
        )
    if sys.argv[1:]:
        draw(sys.argv[1], paths)


if __name__ == "__main__":
    main()
