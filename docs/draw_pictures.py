"""The pictures of docs/pictures.md, drawn when the site is built: `python docs/draw_pictures.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np

from derivkit import CalculusKit

X0 = {"H0": 0.7, "ombh2": 0.3, "tau": 1e-3}


def model(theta):
    """Return a smooth function with noise of 1e-6, the same for the same parameters."""
    seed = np.frombuffer(theta.tobytes(), dtype=np.uint32)
    noise = 1e-6 * np.random.default_rng(seed).standard_normal()
    return np.sin(3 * theta[0]) * np.exp(theta[1]) + np.log(theta[2]) / 1e3 + noise


def draw(folder):
    """Write the four pictures as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    kit = CalculusKit(model, X0, bounds=[(None, None), (None, None), (0.0, None)])
    gradient = kit.gradient_result()
    pictures = {
        "bars": gradient.plot(),
        "steps": gradient.plot_steps("H0"),
        "samples": gradient.plot_samples("H0"),
        "matrix": kit.hessian_result().plot(),
    }
    for name, ax in pictures.items():
        ax.figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
