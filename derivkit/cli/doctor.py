"""``derivkit doctor``: what is installed, what the machine has, and a self-test of a second."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus_kit import CalculusKit
from derivkit.version import __version__

__all__ = ["diagnosis"]

NEEDED = ("numpy", "scipy", "joblib")
EXTRAS = {  # package: what it is for
    "matplotlib": "pictures",
    "pandas": "data frames",
    "tqdm": "progress bars",
    "distributed": "Dask clusters",
    "ray": "Ray clusters",
    "jax": "automatic differentiation",
    "torch": "automatic differentiation",
    "tensorflow": "automatic differentiation",
    "autograd": "automatic differentiation",
}
X0, EXACT = np.array([0.5, 2.0]), np.array([np.cos(0.5), 4.0])


def diagnosis() -> tuple[list[str], bool]:
    """Return the lines to print, and whether all is well."""
    system = f"{platform.system()} {platform.machine()}"
    lines = [f"derivkit {__version__}, Python {platform.python_version()}, {system}"]
    lines += [f"  {name:12}{_installed(name)}" for name in NEEDED]
    lines += ["optional"]
    for name, purpose in EXTRAS.items():
        found = _installed(name)
        lines.append(f"  {name:12}{found or f'not installed; {purpose}: pip install {name}'}")
    lines += ["machine", f"  {_cores()} cores for this process"]
    outcomes = [_outcome(name, test) for name, test in TESTS.items()]
    lines += ["self-test", *(f"  {line}" for line, _ in outcomes)]
    well = all(passed for _, passed in outcomes)
    return [*lines, "all is well" if well else "something is wrong: see above"], well


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _outcome(name: str, test: Callable[[], str]) -> tuple[str, bool]:
    """Return the line of a test, and whether it passed; whatever goes wrong is told, not raised."""
    start = time.perf_counter()
    try:
        told = test()
    except Exception as error:  # noqa: BLE001 - a doctor that dies of the illness is of no use
        return f"{name:12}FAILED: {type(error).__name__}: {error}".splitlines()[0], False
    return f"{name:12}{told}, {time.perf_counter() - start:.2g} s", True


def _model(theta: NDArray[Any]) -> float:
    return float(np.sin(theta[0]) + theta[1] ** 2)


def _serial() -> str:
    result = CalculusKit(_model, X0).gradient_result()
    off = np.abs(result.value - EXACT)
    if not np.all(off <= result.error):
        raise ArithmeticError(f"the gradient is {result.value}, its error {result.error}")
    return f"a gradient in {result.nfev} calls, right to {off.max():.0e}"


def _workers() -> str:
    serial = CalculusKit(_model, X0).gradient()
    parallel = CalculusKit(_model, X0).gradient(n_workers=2)
    if not np.array_equal(serial, parallel):
        raise ArithmeticError(f"two workers give {parallel}, one gives {serial}")
    return "two processes give the same bits"


def _checkpoint() -> str:
    calls = []

    def counted(theta: NDArray[Any]) -> float:
        calls.append(theta)
        return _model(theta)

    with TemporaryDirectory() as folder:
        file = Path(folder) / "run.db"
        CalculusKit(counted, X0, checkpoint=file, version="doctor").gradient()
        first = len(calls)
        CalculusKit(counted, X0, checkpoint=file, version="doctor").gradient()
    if len(calls) > first:
        raise ArithmeticError(f"{len(calls) - first} calls were made again")
    return "a run goes on from its file without a call"


TESTS = {"serial": _serial, "workers": _workers, "checkpoint": _checkpoint}
