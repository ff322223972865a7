"""What belongs to Python or an installed package, and what is the user's own code."""

import sys
import types

import numpy as np
import pytest
import scipy.special

from derivkit.engine.checkpoint.installed import is_library, named_in_library


@pytest.mark.parametrize(
    "module", ["math", "json.decoder", "numpy", "scipy.special", "derivkit.status"]
)
def test_the_standard_library_and_installed_packages_are_libraries(module):
    assert is_library(module)


@pytest.mark.parametrize("module", ["__main__", "no_such_module_anywhere"])
def test_scripts_and_what_cannot_be_found_are_not(module):
    assert not is_library(module)


def test_a_module_in_the_users_folder_is_not(tmp_path, monkeypatch):
    (tmp_path / "my_model_of_today.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_library("my_model_of_today")


@pytest.mark.parametrize("value", [np.linalg.inv, len, scipy.special.logsumexp])
def test_what_is_found_under_its_own_name_is_known_by_it(value):
    assert named_in_library(value)


def test_a_function_that_claims_to_be_of_a_library_is_not_believed():
    def inv(a):
        return a

    inv.__module__, inv.__qualname__ = "numpy.linalg", "inv"
    assert not named_in_library(inv)


def test_a_name_that_is_no_text_is_no_name():
    odd = types.SimpleNamespace(__module__="math", __qualname__=None)
    assert not named_in_library(odd)
    assert "math" in sys.modules
