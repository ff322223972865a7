"""The sub-commands of forecasts: fisher, dali, laplace."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from derivkit.cli.commands import call_options, kit_options, model_of, number, point_of, write
from derivkit.cli.models import load_function
from derivkit.cli.output import written
from derivkit.forecast_kit import ForecastKit

__all__ = ["FORECASTS", "add_options", "dali", "fisher", "laplace"]

FORECASTS = {
    "fisher": "a Fisher forecast: what data will tell of the parameters",
    "dali": "a forecast that need not be Gaussian, from higher derivatives",
    "laplace": "Laplace's approximation about a maximum of the posterior",
}


def add_options(name: str, parser: argparse.ArgumentParser) -> None:
    """Add a forecast's own options."""
    if name == "laplace":
        return
    group = parser.add_argument_group("the forecast")
    group.add_argument(
        "--cov",
        required=True,
        metavar="C",
        help="a variance, a .npy or .npz file of variances or a matrix (scipy's sparse ones too), "
        "a function file.py:cov of the parameters, or poisson for counts",
    )
    group.add_argument(
        "--prior", nargs="+", default=[], metavar="NAME=SIGMA", help="Gaussian priors, by name"
    )
    if name == "dali":
        group.add_argument("--order", type=int, default=2, help="2 to 4; default: 2")
        return
    group.add_argument(
        "--fix", nargs="+", default=[], metavar="NAME", help="parameters that keep their value"
    )
    group.add_argument(
        "--marginalise", nargs="+", default=[], metavar="NAME", help="free, but not shown"
    )
    group.add_argument("--fom", nargs=2, metavar="NAME", help="figure of merit of two parameters")
    group.add_argument(
        "--delta-nu",
        metavar="FILE",
        help="a .npy file: what a systematic adds to the data; its bias",
    )
    group.add_argument("--getdist", metavar="ROOT", help="write samples to ROOT.txt for GetDist")
    group.add_argument(
        "--no-check",
        action="store_true",
        help="do not check that the likelihood is Gaussian; saves two calls a parameter",
    )


def fisher(arguments: Namespace) -> bool:
    """Print a Fisher forecast, and what follows from it."""
    _ready(arguments)
    kit = _kit(arguments)
    whole = callable(kit.cov) and "gaussian_fisher_result"
    compute = getattr(kit, whole or "fisher_result")
    result = compute(arguments.method, **call_options(arguments))
    if not arguments.no_check and result.success:
        result = kit.check_gaussian(result, n_workers=arguments.workers).fisher
    if arguments.fix:
        result = result.fix(*arguments.fix)
    if arguments.marginalise:
        result = result.marginalise(*arguments.marginalise)
    write(written(result, arguments.format), arguments.output)
    fine = not result.verdict.hatched
    if arguments.fom:
        merit = result.figure_of_merit(*arguments.fom)
        sys.stdout.write(f"figure of merit ({', '.join(arguments.fom)}): {merit}\n")
    if arguments.delta_nu:
        bias = result.bias(np.load(arguments.delta_nu))
        sys.stdout.write(written(bias, arguments.format))
        fine = fine and not bias.verdict.hatched
    if arguments.plot:
        result.plot_corner()[0, 0].figure.savefig(arguments.plot, bbox_inches="tight")
    if arguments.getdist:
        _save_for_getdist(result, arguments.getdist)
    return fine


def dali(arguments: Namespace) -> bool:
    """Print a non-Gaussian forecast."""
    _ready(arguments)
    result = _kit(arguments).dali_result(
        arguments.order, arguments.method, **call_options(arguments)
    )
    write(written(result, arguments.format), arguments.output)
    if arguments.plot:
        axes = result.fisher.plot_corner(others={"DALI": result})
        axes[0, 0].figure.savefig(arguments.plot, bbox_inches="tight")
    return not result.verdict.hatched


def laplace(arguments: Namespace) -> bool:
    """Print Laplace's approximation of a negative log-posterior."""
    kit = ForecastKit(None, point_of(arguments.at), 1.0, **kit_options(arguments))
    result = kit.laplace_result(
        neg_logposterior=model_of(arguments), method=arguments.method, **call_options(arguments)
    )
    write(written(result, arguments.format), arguments.output)
    return result.success and result.is_maximum


def _ready(arguments: Namespace) -> None:
    """Find out that a picture cannot be written before the calls are spent."""
    if arguments.plot:
        from derivkit.plot.canvas import ready_for  # noqa: PLC0415 - an extra

        ready_for(arguments.plot)


def _kit(arguments: Namespace) -> ForecastKit:
    priors = {}
    for word in arguments.prior:
        name, _, sigma = word.rpartition("=")
        priors[name] = number("--prior", sigma)
    return ForecastKit(
        model_of(arguments),
        point_of(arguments.at),
        _covariance(arguments.cov),
        priors=priors,
        **kit_options(arguments),
    )


def _covariance(word: str) -> Any:
    if word == "poisson":
        return word
    if ":" in word:
        return load_function(word)
    if Path(word).suffix == ".npy":
        return np.load(word)
    if Path(word).suffix == ".npz":
        return _from_npz(word)
    return number("--cov", word)


def _from_npz(path: str) -> Any:
    """Return the one array of a numpy file, or the matrix that `scipy.sparse.save_npz` wrote."""
    with np.load(path) as arrays:
        names = arrays.files
        if len(names) == 1:
            return arrays[names[0]]
    if "format" not in names:
        raise ValueError(f"`--cov` must be a file of one array, got {', '.join(names)} in {path}")
    return sparse.load_npz(path)


def _save_for_getdist(result: Any, root: str) -> None:
    from derivkit.forecast.getdist_export import of_samples  # noqa: PLC0415 - an extra
    from derivkit.forecast.samples import gaussian_samples  # noqa: PLC0415

    found = gaussian_samples(result.x0, result.root, 30_000, 0, result.names)
    labels = [result.latex.get(name, name) for name in result.names]
    of_samples(found, labels, "Fisher").saveAsText(root, make_dirs=True)
