"""The page of promises: every test and every script that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/promises.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w/.]+)`", PAGE))))
def test_every_test_that_is_named_is_there(name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m ([\w.]+)", PAGE))))
def test_every_script_that_is_named_is_there(name):
    assert (ROOT / f"{name.replace('.', '/')}.py").exists()


def test_the_long_runs_are_of_tests_that_are_there():
    source = (ROOT / "benchmarks/trust.py").read_text()
    named = re.findall(r"tests/[\w/]+\.py", source)
    assert len(named) > 3
    assert all((ROOT / name).exists() for name in named)
    for variable in re.findall(r"DERIVKIT_\w+", source):
        assert any(variable in test.read_text() for test in (ROOT / "tests").rglob("*.py"))
