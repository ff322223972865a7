"""The libraries under test: each is skipped, with the reason, where it is not installed."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest

from derivkit.methods.registry import load_class

MODULES = {
    "jax": "jax.numpy",
    "torch": "torch",
    "tensorflow": "tensorflow",
    "autograd": "autograd.numpy",
}
NAMES = ("sin", "cos", "exp", "sqrt", "tanh")


@pytest.fixture(params=MODULES)
def library(request):
    """The library's name, its method, and its elementary functions under common names."""
    name = request.param
    pytest.importorskip(name, reason=f"{name} is not installed: pip install {name}")
    module = import_module(MODULES[name])
    functions = {each: getattr(module, each) for each in NAMES}
    functions["log"] = module.math.log if name == "tensorflow" else module.log
    functions["sum"] = module.reduce_sum if name == "tensorflow" else module.sum
    return SimpleNamespace(name=name, method=load_class(name)(), **functions)
