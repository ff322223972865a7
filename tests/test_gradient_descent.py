"""The worked example of gradient descent reaches the published fit, by both paths."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "gradient_descent.py"))

PUBLISHED = np.array([212.7, 0.0641])  # Bates & Watts 1988
PUBLISHED_SUM_OF_SQUARES = 1195.0


@pytest.mark.parametrize(("method", "most_steps"), [("descend", 400), ("newton", 8)])
def test_the_fit_is_the_published_one(method, most_steps):
    path = EXAMPLE[method](EXAMPLE["START"])
    np.testing.assert_allclose(np.exp(path[-1]), PUBLISHED, rtol=1e-3)
    assert EXAMPLE["misfit"](path[-1]) == pytest.approx(PUBLISHED_SUM_OF_SQUARES, abs=0.5)
    assert len(path) - 1 <= most_steps


def test_every_step_of_the_descent_goes_down():
    heights = [EXAMPLE["misfit"](theta) for theta in EXAMPLE["descend"](EXAMPLE["START"], 60)]
    assert np.all(np.diff(heights) < 0)


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    file = tmp_path / "path.svg"
    EXAMPLE["draw"](
        str(file), dict.fromkeys(["descent", "other"], EXAMPLE["descend"](EXAMPLE["START"], 5))
    )
    assert "</svg>" in file.read_text()
