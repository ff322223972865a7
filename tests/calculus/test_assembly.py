"""A tensor's parts: every array follows when entries are taken, joined, put in or scaled."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.calculus.assembly import StageResults, TensorParts, stacked
from derivkit.methods.protocol import Estimate
from derivkit.status import Status

ARRAYS = [f.name for f in fields(TensorParts) if f.name != "extra"]


def parts(n, start=0.0):
    """Two outputs, n lines; every array holds other numbers."""
    estimates = [
        Estimate(
            np.array([k, k + 0.5]) + start,
            np.array([0.1, 0.2]) + k,
            (Status.CONVERGED, Status.NOISE_LIMITED),
            step=1.0 + k,
            noise=np.array([k, 2.0]),
            reach=10.0 + k,
            noise_error=np.array([0.01, 0.02]) + k,
        )
        for k in range(n)
    ]
    gap = [np.array([-k, 7.0]) + start for k in range(n)]
    stated = [np.array([3.0, k]) for k in range(n)]
    return stacked(StageResults(estimates, (2,), list(range(n)), [1] * n, gap, stated))


def same(one, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("entries", [1, [2, 0], np.array([[0, 1], [1, 2]]), slice(0, 0)])
def test_entries_are_taken_from_every_array(entries):
    whole = parts(3)
    taken = whole.take(entries, parameter_axes=7)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(taken, name), getattr(whole, name)[..., entries])
    assert taken.extra == {"parameter_axes": 7}


def test_an_entry_of_one_output_is_taken_from_arrays_with_and_without_outputs():
    taken = parts(3).take([2, 0, 2], outputs=[0, 1, 1])
    assert taken.value.tolist() == [2.0, 0.5, 2.5]
    assert taken.nfev.tolist() == [2, 0, 2]


def test_joined_and_inserted_parts_can_be_taken_apart_again():
    one, other = parts(3), parts(2, start=50.0)
    both = one.joined(other)
    same(both.take([0, 1, 2]), one)
    same(both.take([3, 4]), other)
    put_in = one.insert(1, other.take(0))
    same(put_in.take([0, 2, 3]), one)
    same(put_in.take(1), other.take(0))


def test_what_is_better_is_taken_from_the_other_and_calls_are_of_both():
    one, other = parts(2), parts(2, start=50.0)
    chosen = one.where(np.array([[True, False], [False, False]]), other)
    assert chosen.value.tolist() == [[50.0, 1.0], [0.5, 1.5]]
    assert chosen.nfev.tolist() == [0, 2]
    assert chosen.undefined.tolist() == [2, 2]


def test_a_factor_scales_values_with_their_sign_and_errors_without():
    scaled = parts(2).scaled(-2.0)
    assert scaled.value.tolist() == [[0.0, -2.0], [-1.0, -3.0]]
    np.testing.assert_allclose(scaled.noise_error, [[0.02, 2.02], [0.04, 2.04]])
    np.testing.assert_allclose(scaled.finite_bound, scaled.error)


def test_lines_of_a_stage_are_picked_and_joined_in_order():
    estimates = [Estimate(np.array([float(k)]), np.zeros(1)) for k in range(4)]
    results = StageResults(estimates, (), [0, 1, 2, 3], [4, 5, 6, 7])
    again = results.of([2, 3]).joined(results.of([0, 1])).of([2, 3, 0, 1])
    assert again == results


@dataclass(frozen=True)
class Telling:
    """A central difference that says how much of its error is noise, and knows a finite bound."""

    resolved: bool = True

    def solve(self, line, order):
        h = 2.0**-6 * line.scale
        v = yield np.array([-h, 0.0, h])
        slope = (v[2] - v[0]) / (2 * h) if order == 1 else (v[2] - 2 * v[1] + v[0]) / h**2
        noise = np.full(slope.shape, 2.0**-20)
        error = noise + (2.0**-10 if self.resolved else np.inf)
        status = Status.CONVERGED if self.resolved else Status.UNRESOLVED
        return Estimate(slope, error, status, noise_error=noise, finite_bound=8.0 * noise)


def model(x):
    return x[0] ** 2 + 3.0 * x[0] * x[1]


@pytest.mark.parametrize("what", ["gradient", "hessian", "hyper_hessian"])
def test_the_part_of_an_error_that_is_noise_is_told_of_every_tensor(what):
    result = getattr(CalculusKit(model, [1.0, 1.0]), f"{what}_result")(Telling())
    assert result.noise_error.shape == result.value.shape
    np.testing.assert_array_equal(result.finite_bound, result.error)
    share = result.noise_error / result.error  # as of each line, whatever the weights
    np.testing.assert_allclose(share, 2.0**-20 / (2.0**-20 + 2.0**-10))


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
@pytest.mark.parametrize("what", ["gradient", "hessian", "directional"])
def test_an_unresolved_derivative_has_the_bound_that_its_method_defends(what):
    arguments = {"v": [1.0, 2.0]} if what == "directional" else {}
    kit = CalculusKit(model, [1.0, 1.0])
    result = getattr(kit, f"{what}_result")(method=Telling(resolved=False), **arguments)
    assert np.isinf(result.error).all()
    np.testing.assert_allclose(result.finite_bound, 8.0 * result.noise_error)


def test_a_method_that_does_not_tell_leaves_nan_and_its_own_error():
    result = CalculusKit(model, [1.0, 1.0]).gradient_result("complex_step")
    assert np.isnan(result.noise_error).all()
    np.testing.assert_array_equal(result.finite_bound, result.error)
    again = type(result).from_json(result.to_json())
    np.testing.assert_array_equal(again.finite_bound, result.finite_bound)


def test_a_result_without_these_fields_can_still_be_read():
    result = CalculusKit(model, [1.0, 1.0]).gradient_result()
    plain = replace(result, noise_error=None, finite_bound=None)
    assert type(result).from_json(plain.to_json()).finite_bound is None
