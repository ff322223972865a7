"""What every test needs, and what it leaves behind."""

import contextlib
import signal
import sys

import pytest

# The same examples in every run; `pytest --hypothesis-profile=default` seeks new ones.
with contextlib.suppress(ImportError):  # a quick run on another Python has pytest alone
    from hypothesis import settings

    settings.register_profile("the same", derandomize=True, database=None)
    settings.load_profile("the same")

# A job in the background ignores SIGINT, and so do the programs it starts: here they must not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def numbers_of_jax_are_short():
    """Undo what numpyro and pytensor do to all of a process when they are loaded."""
    if (jax := sys.modules.get("jax")) and jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", False)


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Close the figures that pyplot keeps: it warns of more than 20, and any test may load it."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def pytest_terminal_summary(terminalreporter, config):
    """Tell how to have the same order again: with -q the head of the report is not shown."""
    seed = getattr(config.option, "randomly_seed", None)
    if isinstance(seed, int):
        terminalreporter.write_line(f"order of the tests: pytest --randomly-seed={seed}")
