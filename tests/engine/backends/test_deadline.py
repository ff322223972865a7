"""A limit on the time of a call, beside an alarm of the user's own."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from derivkit import CalculusKit, Finite
from derivkit.engine.backends.deadline import call_within

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="alarms of Unix")


@pytest.fixture
def rang():
    rings = []
    before = signal.signal(signal.SIGALRM, lambda *_: rings.append(time.monotonic()))
    yield rings
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_alarm_of_the_users_own_rings_in_time_during_the_call_and_after_it(rang):
    def heard(rings):
        end = time.monotonic() + 30  # the limit of 60 s would be heard otherwise
        while len(rang) < rings and time.monotonic() < end:
            time.sleep(0.01)
        return len(rang) >= rings

    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    assert call_within(60.0, heard, 2)
    assert heard(len(rang) + 1)
    assert rang[0] - start > 0.05


def test_an_alarm_of_the_users_own_is_still_set_after_a_kit_with_a_timeout(rang):
    signal.setitimer(signal.ITIMER_REAL, 600.0)
    CalculusKit(lambda x: x[0] ** 2, [1.0], timeout=60).gradient()
    assert 300 < signal.getitimer(signal.ITIMER_REAL)[0] <= 600


def test_the_handler_is_never_left_behind_whenever_the_alarm_rings(rang):
    mine = signal.getsignal(signal.SIGALRM)
    too_long = 0
    for k in range(2000):
        try:
            call_within(1e-4, lambda n=1000 * (k % 100): [None for _ in range(n)])
        except TimeoutError:
            too_long += 1
        assert signal.getsignal(signal.SIGALRM) is mine
    assert too_long > 0
    assert not rang


@pytest.mark.parametrize("timeout", [1e300, np.inf, np.nan, 0, -1.0, 10**400])
def test_a_limit_that_no_alarm_can_hold_is_refused(timeout):
    with pytest.raises(ValueError, match=r"`timeout` must be a positive number of seconds"):
        CalculusKit(np.sum, [1.0], timeout=timeout)


def hangs_in_c(x):
    if x[0] > 0.504:  # the first step, not its half: each waits for the limit
        sum(range(10**11))
    return x[0] * 2


def result_beside_a_hang(**options):
    kit = CalculusKit(hangs_in_c, [0.5], undefined=TimeoutError, **options)
    finite = Finite(stepsize=1e-2, num_points=3, extrapolation=None)
    return kit.gradient_result(finite, n_workers=2)


def test_a_call_that_hears_no_alarm_is_a_timeout_like_any_other_not_a_worker_that_died(capfd):
    result = result_beside_a_hang(timeout=2.0)
    assert abs(result.value[0] - 2) <= result.error[0]
    assert result.undefined[0] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
def test_a_limit_holds_in_forks_of_a_process_that_faulthandler_watches():
    program = (
        "import faulthandler, time\n"
        "from derivkit import CalculusKit\n"
        "faulthandler.dump_traceback_later(600)\n"
        "def model(x):\n"
        "    time.sleep(60.0 * (x[0] > 0.5))\n"
        "    return x[0]\n"
        "kit = CalculusKit(model, [0.5], timeout=0.5, executor='fork', undefined=TimeoutError)\n"
        "print(kit.gradient(n_workers=2).round(6))\n"
    )
    run = [sys.executable, "-W", "error", "-c", program]
    assert subprocess.run(run, check=True, capture_output=True, timeout=60).stdout == b"[1.]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
def test_a_fork_that_hears_no_alarm_is_ended_too():
    program = (
        "from tests.engine.backends.test_deadline import *\n"
        "print(result_beside_a_hang(timeout=0.5, executor='fork').undefined[0] > 0)\n"
    )
    run = [sys.executable, "-c", program]
    done = subprocess.run(
        run, check=True, capture_output=True, timeout=120, cwd=Path(__file__).parents[3]
    )
    assert done.stdout == b"True\n"
