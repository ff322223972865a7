"""What the documented calls of the gradient print, to the letter; how wide the help is."""

import numpy as np
import pytest

from derivkit import Adaptive, CalculusKit, Finite
from derivkit.cli import main

X0 = [0.5, 2.0]

RIDDERS = {"stepsize": 1e-2, "num_points": 5, "extrapolation": "ridders", "levels": 4}
FIT = {"n_points": 12, "spacing": "auto", "ridge": 1e-10}


def f1(theta):
    return np.sin(theta[0]) + theta[1] ** 2


def f3(theta):
    return np.sin(theta[0]) + theta[1] ** 2 + np.cos(theta[2])


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (None, {}),
        ("finite", RIDDERS),
        ("adaptive", FIT),
        (Finite(**RIDDERS), {}),
        (Adaptive(**FIT), {}),
        ("finite", {}),
        ("fornberg", {}),
        ("local_polynomial", {}),
        *(("finite", {"extrapolation": e}) for e in ("richardson", "ridders", "gre")),
    ],
    ids=str,
)
def test_the_gradient_prints_as_documented(method, options):
    gradient = CalculusKit(f1, x0=X0).gradient(method=method, **options)
    assert str(np.round(gradient, 6)) == "[0.877583 4.      ]"


def test_three_workers_print_as_documented():
    kit = CalculusKit(f3, x0=[0.5, 2.0, 0.1])
    gradient = kit.gradient(method="finite", n_workers=3, stepsize=1e-2, num_points=5)
    assert str(np.round(gradient, 6)) == "[ 0.877583  4.       -0.099833]"


@pytest.mark.parametrize(
    ("method", "options", "calls"),
    [
        ("finite", {}, 6),
        ("finite", RIDDERS, 10),
        ("finite", {"extrapolation": "ridders"}, 8),
        ("adaptive", {}, 10),
        ("fornberg", {}, 8),
        ("local_polynomial", {}, 12),
    ],
    ids=str,
)
def test_x0_is_evaluated_once_for_all_parameters(method, options, calls):
    asked = []

    def model(x):
        asked.append(tuple(x))
        return float(np.sum(np.exp(x)))

    x0 = (1.0, 1.1, 1.2)
    result = CalculusKit(model, x0).gradient_result(method, **options)
    assert asked.count(x0) == 1
    assert len(set(asked)) == len(asked) == result.nfev
    assert (result.nfev_per_parameter == calls).all()
    assert result.nfev == 3 * calls + 1


COMMANDS = (
    "gradient jacobian hessian hessian-diag hyper-hessian directional fisher dali laplace "
    "covariance sampled plan check"
)


@pytest.mark.parametrize("command", [None, *COMMANDS.split()])
def test_the_commands_help_fits_a_terminal_of_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*([command] if command else []), "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert [line for line in lines if len(line) > 80] == []
