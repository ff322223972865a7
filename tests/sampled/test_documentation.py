"""Every example of the docstrings runs; the import is light."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from derivkit import sampled

MODULES = [f"derivkit.sampled.{m.name}" for m in pkgutil.iter_modules(sampled.__path__)]
WITH_EXAMPLES = {"differences", "noisy", "tables", "stencils"}


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert failed == 0
    assert attempted or name.rsplit(".", 1)[1] not in WITH_EXAMPLES


def test_importing_loads_neither_scipy_nor_labels_nor_jax():
    code = (
        "import sys, derivkit.sampled;"
        "print([m for m in ('scipy', 'pandas', 'xarray', 'jax') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert out.stdout.strip() == "[]"
