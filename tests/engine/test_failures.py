"""What is said of a call that failed: where, why, what to do."""

import subprocess
import sys

import numpy as np
import pytest

from derivkit.engine.failures import MOST_NAMED, hint, model_error, say_what_is_kept
from derivkit.engine.points import AxisRay, ObliqueRay
from derivkit.errors import WorkerDiedError

X0 = np.arange(6.0)
NAMES = list("abcdef")


def test_an_error_away_from_x0_names_the_parameter_its_value_and_the_cause():
    error = model_error(KeyError("H0"), AxisRay(X0, 2, 2.0), 0.5, NAMES)
    assert str(error) == "the model failed while c was varied, at c = 2.5: KeyError: 'H0'"
    assert error.parameter == "c"
    assert error.x.tolist() == [0.0, 1.0, 2.5, 3.0, 4.0, 5.0]


def test_an_error_at_x0_says_what_it_usually_means():
    missing = TypeError("f() missing 1 required positional argument: 'b'")
    error = model_error(missing, AxisRay(X0, 2, 2.0), 0.0, NAMES)
    assert str(error).startswith("the model failed at x0 = ")
    assert "write f(theta), not f(a, b)" in str(error)
    assert error.parameter is None


def test_of_many_parameters_only_some_are_named():
    far = np.full(6, np.inf)
    ray = ObliqueRay(X0, tuple(range(6)), np.ones(6), -far, far)
    error = model_error(ValueError("no"), ray, 1.0, NAMES)
    assert error.parameter == ", ".join(NAMES[:MOST_NAMED])


def test_at_a_complex_point_the_complex_step_is_told_of():
    error = model_error(TypeError("no complex"), AxisRay(X0, 0, 0.0), 1e-20j, NAMES)
    assert "the complex step needs a model that takes complex numbers" in str(error)


def test_a_worker_that_died_speaks_for_itself():
    error = model_error(WorkerDiedError("its worker died"), AxisRay(X0, 0, 0.0), 1.0, NAMES)
    assert str(error).endswith("at a = 1.0: its worker died")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (IndexError("index 3 is out of bounds for axis 0 with size 2"), "x0 must hold every"),
        (ModuleNotFoundError("No module named 'camb'"), "PYTHONPATH"),
        (AttributeError("'numpy.ndarray' object has no attribute 'H0'"), "make x0 a dict"),
        (ValueError("too many values to unpack (expected 2)"), "x0 holds more parameters"),
    ],
)
def test_first_time_errors_have_advice(error, advice):
    assert advice in hint(error)


INTERRUPTED = """
import sys
from derivkit import CalculusKit
calls = []
def model(x):
    calls.append(x)
    if len(calls) == 5:
        raise KeyboardInterrupt
    return x[0] ** 2
{hook}
CalculusKit(model, [1.0]).gradient()
"""


@pytest.mark.parametrize(
    ("hook", "lines"),
    [
        (
            "",
            [
                "KeyboardInterrupt",
                "4 finished evaluations are kept in the kit: the same call goes on from there",
            ],
        ),
        ("sys.excepthook = lambda *_: print('mine', file=sys.stderr)", ["mine"]),
    ],
    ids=["bare", "a_hook_of_the_users"],
)
def test_an_interrupt_ends_a_script_in_a_few_lines(hook, lines):
    script = INTERRUPTED.format(hook=hook)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.stderr.splitlines() == lines
    assert run.returncode != 0


def test_an_interrupt_ends_a_cell_of_ipython_in_a_few_lines():
    pytest.importorskip("IPython")
    cell = INTERRUPTED.format(hook="")
    script = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"InteractiveShell(colors='NoColor', history_length=0).run_cell({cell!r})\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    shown = (run.stdout + run.stderr).split("KeyboardInterrupt")[1].strip().splitlines()
    assert len(shown) == 1
    assert "finished evaluations are kept" in shown[0]
    assert "Traceback" not in run.stdout + run.stderr


def test_any_other_error_after_a_caught_interrupt_is_shown_as_ever():
    script = INTERRUPTED.format(hook="").replace(
        "CalculusKit(model, [1.0]).gradient()",
        "try:\n    CalculusKit(model, [1.0]).gradient()\nexcept KeyboardInterrupt:\n    1 / 0",
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.stderr.startswith("Traceback")
    assert run.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_an_interrupt_says_how_much_is_kept_and_where_if_anywhere():
    interrupt = KeyboardInterrupt()
    say_what_is_kept(interrupt, 7, "run.db")
    assert interrupt.__notes__ == [
        "7 finished evaluations are kept in run.db: the same call goes on from there"
    ]
    nowhere = KeyboardInterrupt()
    say_what_is_kept(nowhere, 7, "")
    assert not hasattr(nowhere, "__notes__")
