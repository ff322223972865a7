"""Packages that are no dependency: who needs them, and what to install."""

import sys

import numpy as np
import pytest

from derivkit.forecast.getdist_export import Density, Walk, chain
from derivkit.validation import optional


def test_a_module_of_an_installed_package_is_returned():
    assert optional("numpy.linalg", "this") is np.linalg


def test_who_needs_a_missing_package_is_said_with_the_package_that_holds_the_module():
    with pytest.raises(ImportError, match="a picture needs 'no_such'; pip install no_such"):
        optional("no_such.part", "a picture")


def test_a_chain_without_emcee_says_to_install_emcee(monkeypatch):
    monkeypatch.setitem(sys.modules, "emcee", None)
    walk = Walk(100, 10, 1, None, 0.5, None)
    with pytest.raises(ImportError, match="pip install emcee"):
        chain(Density(lambda x: -0.5 * x[:, 0] ** 2), np.zeros(1), np.eye(1), ["a"], walk)
