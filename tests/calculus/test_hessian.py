"""Hessians: values with errors that hold, few calls, scales, bounds, noise, corners."""

from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import pytest

from derivkit import Auto, CalculusKit, UnresolvedWarning
from derivkit.calculus.hessian import build_hessian, build_hessian_diag


def waves(p, seed):
    """A sum of sines of random projections with its exact Hessian."""
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(p, p)) / np.sqrt(p), rng.normal(size=p)
    x0 = rng.uniform(0.5, 2.0, p)
    u = A @ x0 + b
    return lambda x: float(np.sin(A @ x + b).sum()), x0, -(A.T * np.sin(u)) @ A


def ratio(p, seed):
    """The inverse of a positive quadratic form with its exact Hessian."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(p, p))
    Q, x0 = A.T @ A / p, rng.uniform(0.5, 2.0, p)
    d, g = 1 + x0 @ Q @ x0, 2 * Q @ x0
    exact = 2 * np.outer(g, g) / d**3 - 2 * Q / d**2
    return lambda x: float(1 / (1 + x @ Q @ x)), x0, exact


def relative(error, exact):
    """The error relative to sqrt(|H_ii H_jj|)."""
    size = np.sqrt(np.abs(np.diag(exact)))
    return np.abs(error) / np.outer(size, size)


@pytest.mark.parametrize("problem", [waves, ratio])
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_parameters_take_at_most_250_calls_or_hardly_more_at_nine_digits(problem, seed):
    f, x0, exact = problem(10, seed)
    result = CalculusKit(f, x0).hessian_result()
    assert result.nfev <= 255
    assert np.median(relative(result.value - exact, exact)) < 1e-9
    assert (np.abs(result.value - exact) <= result.error).mean() > 0.95


def test_a_typical_hessian_of_ten_parameters_takes_245_calls():
    calls = [CalculusKit(*waves(10, seed)[:2]).hessian_result().nfev for seed in range(3, 8)]
    assert np.median(calls) <= 250


@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
@pytest.mark.parametrize("problem", [waves, ratio])
def test_errors_cover_the_truth_whatever_the_method(problem, method):
    inside = []
    for seed in range(4):
        f, x0, exact = problem(3, seed)
        result = CalculusKit(f, x0).hessian_result(method)
        inside.append(np.abs(result.value - exact) <= result.error)
    assert np.mean(inside) > 0.9


def test_a_hessian_is_exactly_symmetric():
    f, x0, _ = waves(5, 0)
    result = CalculusKit(f, x0).hessian_result()
    np.testing.assert_array_equal(result.value, result.value.T)
    np.testing.assert_array_equal(result.error, result.error.T)


def test_parameters_of_any_scale_stand_in_one_hessian():
    s = np.array([1e-9, 1.0, 1e5])

    def f(x):
        u = x / s
        return float(np.exp(u[0] * u[1]) + np.sin(u[1] * u[2]) + u[0] * u[2] ** 2)

    c, n = np.cos(1), np.sin(1)
    e = np.e
    exact = np.array([[e, 2 * e, 2], [2 * e, e - n, c - n], [2, c - n, 2 - n]]) / np.outer(s, s)
    result = CalculusKit(f, s).hessian_result()
    np.testing.assert_allclose(result.value, exact, rtol=1e-8)
    assert (np.abs(result.value - exact) <= result.error).all()


def test_a_length_that_x0_does_not_tell_is_found_on_the_axes():
    def f(x):
        return float(np.sin(300 * x[0] + x[1]))

    exact = -np.sin(300.2) * np.array([[9e4, 300], [300, 1]])
    result = CalculusKit(f, [1.0, 0.2]).hessian_result()
    assert relative(result.value - exact, exact).max() < 1e-7
    assert (np.abs(result.value - exact) <= result.error).all()


def test_a_tiny_entry_beside_a_huge_diagonal_is_right():
    def f(x):
        return float(1e6 * x[0] ** 2 + 1e6 * x[1] ** 4 + 1e-3 * x[0] * x[1])

    result = CalculusKit(f, [1.0, 1.0]).hessian_result()
    assert abs(result.value[0, 1] - 1e-3) <= min(result.error[0, 1], 1e-2)  # of 5e6


def test_a_vector_function_gives_a_hessian_an_output():
    H = CalculusKit(lambda x: np.array([np.sin(x[0]), x[0] * x[1] + x[1] ** 2]), [0.5, 2]).hessian()
    assert H.shape == (2, 2, 2)
    np.testing.assert_allclose(H[0], [[-np.sin(0.5), 0], [0, 0]], atol=1e-9)
    np.testing.assert_allclose(H[1], [[0, 1], [1, 2]], atol=1e-9)


def test_no_point_is_outside_and_mixed_derivatives_at_a_corner_are_right():
    low, high = np.array([0.5, -np.inf]), np.array([np.inf, 1.0])

    def f(x):
        assert (x >= low).all()
        assert (x <= high).all()
        return float(np.exp(x[0] * x[1]))

    kit = CalculusKit(f, [0.5, 1.0], bounds=[(0.5, None), (None, 1.0)])
    result = kit.hessian_result()
    exact = np.exp(0.5) * np.array([[1, 1.5], [1.5, 0.25]])
    np.testing.assert_allclose(result.value, exact, rtol=1e-5)
    assert (np.abs(result.value - exact) <= result.error).all()


def test_a_corner_of_the_domain_that_nobody_declared_is_found():
    def f(x):
        if x[0] < 0 or x[1] > 1:
            raise ValueError("outside")
        return float(np.exp(x[0] - x[1]) + x[0] * x[1])

    result = CalculusKit(f, [1e-3, 1 - 1e-3]).hessian_result()
    e = np.exp(1e-3 - 1 + 1e-3)
    exact = np.array([[e, 1 - e], [1 - e, e]])
    assert (np.abs(result.value - exact) <= 3 * result.error).all()
    assert np.abs(result.value - exact).max() < 1e-3


def test_an_entry_that_cannot_be_resolved_is_inf_and_its_pair_is_named():
    kit = CalculusKit(lambda x: float(abs(x[0]) + x[1] ** 2), [0.0, 1.0], names=["a", "b"])
    with pytest.warns(UnresolvedWarning, match=r"\(a, a\), \(a, b\)") as caught:
        result = kit.hessian_result()
    assert caught[0].filename == __file__  # the user's own line
    assert len(caught) == 1
    assert np.isinf(result.error[0]).all()
    assert abs(result.value[1, 1] - 2) <= result.error[1, 1] < 1e-9


def with_noise(f, level):
    """f with a relative noise that is the same one at the same point."""
    return lambda x: f(x) * (1 + level * np.random.default_rng(crc32(x.tobytes())).normal())


def test_noise_widens_the_errors_and_they_still_hold():
    f, x0, exact = ratio(3, 5)
    result = CalculusKit(with_noise(f, 1e-8), x0).hessian_result()
    assert (np.abs(result.value - exact) <= result.error).mean() >= 0.75
    assert relative(result.error, exact).max() < 0.1


@pytest.mark.parametrize(
    ("noise", "pure", "crossed"),
    [(1e-10, 2.5e-8, 5e-8), (1e-8, 2.5e-6, 3e-6), (1e-6, 8e-5, 1.5e-4)],
)
def test_in_noise_entries_are_as_good_as_wide_steps_make_them(noise, pure, crossed):
    """With steps for first derivatives, and one diagonal, they are two to eight times worse."""
    diagonal, mixed, inside = [], [], []
    for seed in range(12):
        f, x0, exact = waves(3, seed)
        result = CalculusKit(with_noise(f, noise), x0).hessian_result()
        off = relative(result.value - exact, exact)
        diagonal.extend(np.diag(off))
        mixed.extend(off[np.triu_indices(3, 1)])
        inside.append(np.abs(result.value - exact) <= result.error)
    assert np.median(diagonal) < pure
    assert np.median(mixed) < crossed
    assert np.mean(inside) > 0.96


def test_in_noise_a_pair_takes_twelve_calls_and_six_without():
    f, x0, _ = waves(2, 1)
    quiet, noisy = (CalculusKit(g, x0).hessian_result() for g in (f, with_noise(f, 1e-8)))
    assert quiet.nfev_per_parameter[0, 1] == 6
    assert noisy.nfev_per_parameter[0, 1] == 12


@pytest.mark.parametrize(("p", "calls"), [(8, 6), (9, 4)])
def test_a_pair_takes_six_calls_for_up_to_eight_parameters_and_four_for_more(p, calls):
    result = CalculusKit(*waves(p, 1)[:2]).hessian_result()
    assert np.median(result.nfev_per_parameter[np.triu_indices(p, 1)]) == calls


def test_in_noise_a_budget_leaves_one_diagonal():
    f, x0, exact = waves(2, 1)
    result = CalculusKit(with_noise(f, 1e-8), x0).hessian_result(max_evaluations=36)
    assert result.nfev_per_parameter[0, 1] == 4
    assert abs(result.value[0, 1] - exact[0, 1]) <= result.error[0, 1] < 1e-4


def test_in_noise_beside_a_wall_no_second_diagonal_is_tried():
    f, x0, exact = waves(2, 1)
    noisy = with_noise(f, 1e-8)
    result = CalculusKit(lambda x: np.nan if x[0] < x0[0] - 1e-3 else noisy(x), x0).hessian_result()
    assert result.undefined[0, 1] <= 4
    assert abs(result.value[0, 1] - exact[0, 1]) <= result.error[0, 1] < 1e-3


def test_in_noise_the_diagonal_that_can_be_followed_is_enough():
    f, x0, exact = waves(2, 2)
    noisy = with_noise(f, 1e-8)

    def cornered(x):  # undefined where y - x is far from that of x0, on either side
        t = x - x0
        return np.nan if abs(t[0] - t[1]) > 0.02 and t.all() else noisy(x)

    result = CalculusKit(cornered, x0).hessian_result()
    assert abs(result.value[0, 1] - exact[0, 1]) <= result.error[0, 1] < 1e-4
    assert result.nfev_per_parameter[0, 1] == 12 + 6


def test_in_noise_the_bits_are_those_of_any_number_of_workers():
    f, x0, _ = waves(3, 4)
    one, four = (
        CalculusKit(with_noise(f, 1e-8), x0, executor="threads").hessian_result(n_workers=n)
        for n in (1, 4)
    )
    np.testing.assert_array_equal(one.value, four.value)
    np.testing.assert_array_equal(one.error, four.error)
    assert one.nfev == four.nfev


def test_the_gap_to_another_model_is_known_in_noise_too():
    f, x0, _ = waves(2, 1)
    noisy = with_noise(f, 1e-8)
    other = lambda x: noisy(x) + 1e-3 * x[0] * x[1]
    result = CalculusKit(noisy, x0).hessian_result(compare=other)
    assert result.gap[0, 1] == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize("budget", [1, 5, 30, 80])
def test_a_budget_is_never_exceeded(budget):
    f, x0, exact = waves(4, 1)
    calls = []

    def counted(x):
        calls.append(1)
        return f(x)

    kit = CalculusKit(counted, x0)
    if budget < 80:
        with pytest.warns(UnresolvedWarning):
            result = kit.hessian_result(max_evaluations=budget)
    else:
        result = kit.hessian_result(max_evaluations=budget)
    assert len(calls) <= budget
    known = np.isfinite(result.error)  # one bar in fifty is a little short
    assert (np.abs(result.value - exact)[known] <= 2 * result.error[known]).all()


def test_value_gradient_and_hessian_come_from_one_plan():
    f, x0, exact = waves(3, 2)
    value, gradient, hessian = CalculusKit(f, x0).value_gradient_hessian_result()
    assert float(value.value) == f(x0)
    assert float(value.error) == 0
    alone = CalculusKit(f, x0)
    np.testing.assert_array_equal(gradient.value, alone.gradient())
    np.testing.assert_array_equal(hessian.value, alone.hessian())
    assert gradient.nfev == hessian.nfev <= 60
    np.testing.assert_allclose(hessian.value, exact, atol=1e-7)


def test_results_do_not_depend_on_what_was_asked_before():
    f, x0, _ = waves(3, 3)
    kit = CalculusKit(f, x0)
    kit.hessian(method="finite")
    kit.gradient()
    np.testing.assert_array_equal(kit.hessian(), CalculusKit(f, x0).hessian())


def test_the_diagonal_alone_is_that_of_the_whole():
    f, x0, exact = waves(4, 4)
    np.testing.assert_allclose(CalculusKit(f, x0).hessian_diag(), np.diag(exact), rtol=1e-8)
    np.testing.assert_array_equal(build_hessian_diag(f, x0), CalculusKit(f, x0).hessian_diag())
    np.testing.assert_array_equal(build_hessian(f, x0), CalculusKit(f, x0).hessian())


def test_one_parameter_has_a_hessian_of_one_entry():
    assert CalculusKit(lambda x: x[0] ** 3, [2.0]).hessian().shape == (1, 1)


@dataclass(frozen=True)
class Renamed:
    """A method that offers what the default one does, under another name."""

    inner: Auto = field(default_factory=Auto)

    def solve(self, line, order):
        return self.inner.solve(line, order)

    def brief_second(self, noise):
        return self.inner.brief_second(noise)

    def informed_seconds(self, *known, **planes):
        return self.inner.informed_seconds(*known, **planes)


def test_a_method_that_offers_second_derivatives_is_taken_at_its_word_whatever_its_name():
    x0 = np.linspace(0.3, 1.2, 9)  # 36 pairs: enough for the brief method too

    def f(x):
        return np.sin(x.sum()) + np.prod(x)

    own, default = (CalculusKit(f, x0).hessian_result(m) for m in (Renamed(), Auto()))
    assert own.nfev == default.nfev
    np.testing.assert_array_equal(own.value, default.value)


def test_where_f_is_huge_farther_out_its_rounding_there_is_not_that_of_the_samples():
    """The search along the second parameter sees exp(80)."""

    def model(x):
        return np.exp(-1000 * x[1]) * np.sin(x[0]) + np.exp(-x[0])

    result = CalculusKit(model, [1.0, 0.01]).hessian_result()
    exact = -1000 * np.exp(-10.0) * np.cos(1.0)
    assert abs(result.value[0, 1] - exact) <= result.error[0, 1] < 1e-6 * abs(exact)
