"""What an active joblib.parallel_config makes of a call."""

import joblib
import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.engine.backends.joblib_config import configured

X0 = [0.3, 0.7]


def f(x):
    return float(np.sin(x[0]) * np.exp(x[1]))


def test_without_a_configuration_calls_are_serial():
    assert configured(None, None, None) is None


@pytest.mark.parametrize("backend", ["threading", "loky", "sequential"])
def test_the_result_is_the_same_to_the_bit_under_every_configuration(backend):
    plain = CalculusKit(f, X0).gradient()
    with joblib.parallel_config(backend=backend, n_jobs=2):
        np.testing.assert_array_equal(CalculusKit(f, X0).gradient(), plain)


def test_the_configurations_number_of_jobs_is_that_of_the_workers():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert configured(None, None, None).workers == 3
        assert configured(None, 2, None).workers == 2


def test_a_configuration_of_one_job_is_serial():
    with joblib.parallel_config(backend="threading", n_jobs=1):
        backend = configured(None, None, None)
    assert getattr(backend, "workers", 0) in {0, 1}
