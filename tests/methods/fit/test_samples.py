"""The samples of one line: in order of places, each once, with what is undefined told apart."""

import numpy as np
import pytest

from derivkit.methods.fit.samples import Samples


@pytest.fixture
def samples():
    """Three places, two outputs; the second is undefined to the right."""
    found = Samples()
    found.add(np.array([0.0, 0.5]), np.array([[1.0, 10.0], [2.0, np.nan]]))
    found.add(np.array([-0.25]), np.array([[0.5, 5.0]]))
    return found


def test_places_are_ascending_however_they_came(samples):
    assert samples.t.tolist() == [-0.25, 0.0, 0.5]
    assert samples.values[:, 0].tolist() == [0.5, 1.0, 2.0]
    assert samples.reach == 0.5


def test_only_places_without_a_sample_are_new_and_each_once(samples):
    assert samples.new(np.array([0.5, 0.1, -0.25, 0.1])) == [0.1]


def test_an_output_is_known_where_it_is_defined_and_its_wall_where_not(samples):
    whole, cut = samples.column(0), samples.column(1)
    assert whole.t.tolist() == [-0.25, 0.0, 0.5]
    assert cut.t.tolist() == [-0.25, 0.0]
    assert (whole.wall_above, whole.wall_below) == (np.inf, np.inf)
    assert (cut.wall_above, cut.wall_below) == (0.5, np.inf)
    assert not whole.one_sided
    assert cut.one_sided
    assert cut.at_x0
    assert cut.holds(-0.25)
    assert not cut.holds(0.5)
    assert cut.value_at(-0.25) == 5.0


def test_a_column_has_the_samples_that_came_since_and_those_of_its_branch(samples):
    before = samples.column(0)
    assert samples.column(0, (-0.1, 1.0)).t.tolist() == [0.0, 0.5]
    assert samples.column(1).t.tolist() == [-0.25, 0.0]
    samples.add(np.array([0.25]), np.array([[1.5, 15.0]]))
    assert samples.column(1).t.tolist() == [-0.25, 0.0, 0.25]
    assert samples.column(0).t.tolist() == [-0.25, 0.0, 0.25, 0.5]
    assert before.t.tolist() == [-0.25, 0.0, 0.5]


def test_outputs_defined_at_the_same_places_share_a_pattern_and_their_columns(samples):
    assert samples.pattern(0) != samples.pattern(1)
    everywhere = (0.0, -np.inf, np.inf)
    assert samples.columns([0], 3.0, everywhere).t.tolist() == [-0.25, 0.0, 0.5]
    t, f, origin = samples.columns([1], 3.0, everywhere)
    assert (t.tolist(), f.tolist(), origin) == ([-0.25, 0.0], [[5.0], [10.0]], 3.0)


def test_columns_may_leave_out_what_is_near_x0_or_beyond_two_places(samples):
    assert samples.columns([0], 0.0, (0.3, -np.inf, np.inf)).t.tolist() == [0.0, 0.5]
    assert samples.columns([0], 0.0, (0.0, -0.25, 0.6)).t.tolist() == [0.0, 0.5]
    assert samples.columns([0], 0.0, (0.0, -0.3, 0.5)).t.tolist() == [-0.25, 0.0]


def test_infinite_values_count_as_undefined():
    found = Samples()
    found.add(np.array([0.0, 1.0]), np.array([[1.0], [np.inf]]))
    assert found.column(0).wall_above == 1.0


def test_whether_all_outputs_are_flat_is_worked_out_once_and_anew_with_new_samples(monkeypatch):
    class Counted(np.ndarray):
        def __eq__(self, other):
            compared.append(1)
            return np.asarray(self) == np.asarray(other)

        __hash__ = None

    compared, found = [], Samples()
    found.add(np.array([0.0, 0.5]), np.ones((2, 3)))
    monkeypatch.setattr(found, "values", found.values.view(Counted))
    assert [found.flat for _ in range(1000)] == [True] * 1000
    assert len(compared) == 1  # of a million outputs, thousands ask
    found.add(np.array([1.0]), np.array([[1.0, 1.0, 2.0]]))
    assert not found.flat
