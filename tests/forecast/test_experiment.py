"""An experiment: the data of its probes one after the other, steps of all its parameters."""

import numpy as np
import pytest

from derivkit import ForecastKit
from derivkit.forecast.experiment import Experiment
from derivkit.forecast.inputs import Point
from derivkit.forecast.probe import probe_of


def experiment(**bounds):
    point = Point.of({"a": 1.0, "b": 2.0})
    limits = [bounds.get(name, (-np.inf, np.inf)) for name in point.names]
    first = probe_of(lambda t: [t["a"], t["b"] ** 2], point, 4.0, {"bounds": limits})
    own = Point.of({"b": 2.0})
    second = probe_of(lambda t: [3 * t["b"]], own, 1.0, {"bounds": limits[1:]})
    return Experiment(point, {"first": first, "second": second}, {}, {})


def test_the_means_are_those_of_each_probe_in_turn():
    assert experiment().mean.tolist() == [1.0, 4.0, 6.0]


def test_a_probe_that_does_not_know_a_parameter_has_no_derivative_with_respect_to_it():
    found = experiment().derivatives(lambda probe: probe.jacobian(None))
    np.testing.assert_allclose(found.value, [[1, 0], [0, 4], [0, 3]], atol=1e-9)


def test_chi_square_adds_up_over_the_probes():
    whole = experiment()
    step = np.array([[0.0, 1.0]])
    expected = (9.0 - 4.0) ** 2 / 4 + (9.0 - 6.0) ** 2
    assert whole.chi2(step, whole.data(np.ones(3, bool)))[0] == pytest.approx(expected)


def test_steps_of_what_varies_leave_fixed_parameters_where_they_are():
    whole = experiment(a=(1.0, 1.0))
    assert whole.varied.names == ("b",)
    assert whole.of_all(np.array([[0.5]])).tolist() == [[0.0, 0.5]]


def test_what_is_no_mapping_is_refused_as_covariances_between_blocks():
    with pytest.raises(TypeError, match="`cross` must be a mapping"):
        ForecastKit(lambda t: [t[0]], [1.0], 1.0, cross="a text")
