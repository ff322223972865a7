"""A user's program with labelled models: read by type checkers, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import derivkit
from derivkit import CalculusKit, DerivativeResult, ForecastKit, check_gradient

Array = NDArray[np.float64]


class Cosmology(NamedTuple):
    h: float
    Om: float


@dataclass(frozen=True)
class Setup:
    mass: float
    bias: Array


def of_dict(p: dict[str, float]) -> float:
    return p["h"] ** 2 * p["Om"]


def of_nested(p: dict[str, dict[str, float]]) -> dict[str, float]:
    return {"mass": p["cosmo"]["h"], "flux": p["cosmo"]["Om"]}


def of_series(s: pd.Series[float]) -> float:
    return float(s["h"])


def of_keywords(*, h: float, Om: float, power: int = 2) -> float:
    return h**power * Om


def of_tuple(c: Cosmology) -> float:
    return c.h * c.Om


def of_setup(s: Setup) -> float:
    return float(s.mass * s.bias.sum())


def with_aux(p: dict[str, float]) -> tuple[float, str]:
    return p["h"], "told"


def kits() -> None:
    x0 = {"h": 0.7, "Om": 0.3}
    kit = CalculusKit(of_dict, x0, bounds={"h": (0.5, 0.9)}, scale={"h": 0.1}, wrt="h")
    assert_type(kit.gradient(), dict[Any, Any])
    assert_type(kit.gradient_result(compare=of_dict), DerivativeResult)
    CalculusKit(of_dict, x0, transform={"Om": "log"}, accuracy=1e-4).hessian()
    CalculusKit(of_dict, x0).gradient("finite", stepsize={"h": 1e-3, "Om": 1e-4})
    CalculusKit(of_nested, {"cosmo": x0}).jacobian()["mass"]["cosmo"]["h"]
    CalculusKit(of_series, pd.Series(x0)).gradient()
    CalculusKit(of_keywords, x0, call="keywords", kwargs={"power": 3}).gradient()
    CalculusKit(of_tuple, Cosmology(0.7, 0.3)).gradient()
    CalculusKit(of_setup, Setup(1.0, np.ones(2))).gradient()
    assert CalculusKit(with_aux, x0, has_aux=True).gradient_result().aux == "told"


def functions() -> None:
    x0 = {"h": 0.7, "Om": 0.3}
    assert_type(derivkit.grad(of_dict)(x0), dict[Any, Any])
    pair, gradient = derivkit.value_and_grad(with_aux, has_aux=True)(x0)
    assert len(pair) == len(gradient)
    check_gradient(of_dict, {"h": 0.42, "Om": 0.49}, x0, n_workers=1)
    ForecastKit(of_nested, {"cosmo": x0}, cov=[0.1, 0.2]).fisher()
    operator = CalculusKit(of_nested, {"cosmo": x0}).jacobian_operator()
    assert operator.shape == (2, 2)
