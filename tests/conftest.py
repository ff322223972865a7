"""What every test leaves behind is taken away."""

import sys

import pytest


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Close the figures that pyplot keeps: it warns of more than 20, and any test may load it."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
