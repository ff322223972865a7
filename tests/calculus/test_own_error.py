"""A model's own error, which no sample shows, is in the bar once another model tells it."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from derivkit import CalculusKit, ModelError, UnresolvedWarning, check_gradient
from derivkit.status import Status

X0 = [0.5, 2.0, 1.0]


def model(x):
    return np.exp(x[0]) * x[1] ** 2 * x[2]


def tighter(x):
    return 1.001 * model(x) + 1e-3 * x[0] * x[1]


def several(x):
    return np.array([model(x), x[0] * x[2]])


def several_tighter(x):
    return np.array([tighter(x), x[0] * x[2]])


@pytest.mark.parametrize("method", ["auto", "finite", "adaptive", "local_polynomial"])
def test_the_gap_is_what_the_derivatives_of_two_models_differ_by(method):
    kit = CalculusKit(model, X0)
    own = kit.gradient_result(method)
    result = kit.gradient_result(method, compare=tighter)
    exact = CalculusKit(lambda x: tighter(x) - model(x), X0).gradient()
    assert result.gap == pytest.approx(np.abs(exact), rel=1e-5)
    assert (result.value == own.value).all()
    assert result.error == pytest.approx(own.error + 1.5 * result.gap)
    assert (result.status == Status.MODEL_LIMITED).all()
    assert result.success


def test_a_model_compared_with_itself_has_no_gap_and_keeps_its_status():
    result = CalculusKit(model, X0).gradient_result(compare=model)
    assert not result.gap.any()
    assert (result.status == Status.CONVERGED).all()


def test_jacobians_know_the_gap_of_each_output():
    result = CalculusKit(several, X0).jacobian_result(compare=several_tighter)
    exact = CalculusKit(lambda x: tighter(x) - model(x), X0).gradient()
    assert result.gap == pytest.approx(np.array([np.abs(exact), np.zeros(3)]), abs=1e-9)
    assert (result.status[0] == Status.MODEL_LIMITED).all()
    assert set(result.status[1]) == {Status.CONVERGED, Status.CONSTANT}


@pytest.mark.parametrize("p", [3, 9])  # few pairs, and so many that they are followed in brief
def test_hessians_know_the_gap_of_each_pair(p):
    def loss(x):
        return np.exp(0.1 * np.sum(x)) * (1 + x[0] * x[-1])

    def other(x):
        return loss(x) + 1e-3 * np.sin(x[0]) * x[-1] ** 2

    x0 = np.linspace(0.5, 1.5, p)
    result = CalculusKit(loss, x0).hessian_result(compare=other)
    exact = np.zeros((p, p))
    exact[0, 0] = 1e-3 * np.sin(x0[0]) * x0[-1] ** 2
    exact[0, -1] = exact[-1, 0] = 2e-3 * np.cos(x0[0]) * x0[-1]
    exact[-1, -1] = 2e-3 * np.sin(x0[0])
    assert result.gap == pytest.approx(exact, abs=1e-7)
    assert result.status[0, -1] is Status.MODEL_LIMITED
    assert (result.gap == result.gap.T).all()


def test_a_hessian_from_a_gradient_and_complex_outputs_have_a_gap_too():
    def gradient(x):
        return np.array([2 * x[0] + x[1], x[0]])

    kit = CalculusKit(gradient, [1.0, 2.0])
    found = kit.hessian_result(from_gradient=True, compare=lambda x: 1.01 * gradient(x))
    assert found.gap == pytest.approx(0.01 * np.array([[2, 1], [1, 0]]), abs=1e-9)

    def wave(x):
        return np.array([np.exp(1j * x[0])])

    found = CalculusKit(wave, [0.3]).jacobian_result(compare=lambda x: (1 + 0.01j) * wave(x))
    assert found.gap == pytest.approx(0.01)


def test_the_other_model_is_called_as_the_model_is_and_its_calls_count():
    calls = {"model": 0, "other": 0}

    def f(p, factor):
        calls["model"] += 1
        return factor * p["a"] ** 2 * p["b"]

    def g(p, factor):
        calls["other"] += 1
        return 1.01 * factor * p["a"] ** 2 * p["b"]

    kit = CalculusKit(f, {"a": 1.0, "b": 2.0}, args=(2.0,))
    result = kit.gradient_result(compare=g)
    assert result.nfev == calls["model"] + calls["other"]
    assert 0 < calls["other"] <= calls["model"]
    assert result.labelled("gap")["a"] == pytest.approx(0.08)
    assert result.nfev_per_parameter.sum() == result.nfev - 2  # x0 of both belongs to no line
    before = dict(calls)
    assert kit.gradient_result(compare=g).nfev == 0
    assert calls == before


@pytest.mark.parametrize("budget", [1, 2, 5, 9, 14, 20, 40])
@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
def test_a_budget_holds_for_both_models_together(budget):
    calls = []

    def counted(f):
        return lambda x: (calls.append(1), f(x))[1]

    kit = CalculusKit(counted(model), X0)
    result = kit.gradient_result(compare=counted(tighter), max_evaluations=budget)
    assert len(calls) == result.nfev <= budget
    unknown = ~np.isfinite(result.gap)
    assert np.isinf(result.error[unknown]).all()
    assert not {Status.CONVERGED, Status.MODEL_LIMITED} & set(result.status[unknown])


def test_where_the_other_model_is_undefined_nothing_is_claimed():
    def other(x):
        return model(x) if x[0] <= 0.5 else np.nan

    with pytest.warns(UnresolvedWarning, match=r"x\[0\]"):
        result = CalculusKit(model, X0).gradient_result(compare=other)
    assert result.status[0] is Status.UNDEFINED
    assert np.isinf(result.error[0])
    assert np.isfinite(result.error[1:]).all()


def test_a_checkpoint_keeps_the_calls_of_both_models_apart(tmp_path):
    file = tmp_path / "run.db"
    first = CalculusKit(model, X0, checkpoint=file).gradient_result(compare=tighter)
    kit = CalculusKit(model, X0, checkpoint=file)
    again = kit.gradient_result(compare=tighter)
    assert (again.gap == first.gap).all()
    assert kit.checkpoint.stored == 0
    with_itself = CalculusKit(model, X0, checkpoint=file).gradient_result(compare=model)
    assert not with_itself.gap.any()
    alone = CalculusKit(model, X0).gradient_result()
    assert (CalculusKit(model, X0, checkpoint=file).gradient() == alone.value).all()


def test_workers_change_no_bit_of_the_gap():
    serial = CalculusKit(model, X0).hessian_result(compare=tighter)
    threads = CalculusKit(model, X0, executor="threads").hessian_result(
        compare=tighter, n_workers=3
    )
    assert (serial.gap == threads.gap).all()
    assert serial.nfev == threads.nfev


def test_a_result_with_a_gap_is_written_and_read():
    result = CalculusKit(model, X0).gradient_result(compare=tighter)
    assert (type(result).from_json(result.to_json()).gap == result.gap).all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"compare": 3}, TypeError, "`compare` must be a function"),
        ({"compare": model, "method": "complex_step"}, TypeError, "real places"),
        ({"compare": lambda x: np.array([1.0, x[0]])}, TypeError, "must return a scalar"),
    ],
)
def test_what_cannot_be_compared_is_said(arguments, error, words):
    with pytest.raises(error, match=words):
        CalculusKit(model, X0).gradient_result(**arguments)


def test_compare_is_refused_where_one_model_alone_is_called():
    kit = CalculusKit(several, X0)
    with pytest.raises(ValueError, match="sparsity"):
        kit.jacobian_result(sparsity="detect", compare=several)
    with pytest.raises(TypeError, match="belongs to"):
        kit.plan("jacobian_result", compare=several)
    with pytest.raises(TypeError, match="shape"):
        kit.jacobian_result(compare=lambda x: several(x)[:1])


# -- accuracy= ------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["gradient", "hessian", "hyper_hessian", "hessian_diag"])
def test_a_stated_accuracy_widens_the_bar_and_costs_no_call(what):
    plain = getattr(CalculusKit(model, X0), f"{what}_result")()
    stated = getattr(CalculusKit(model, X0, accuracy=1e-6), f"{what}_result")()
    assert (stated.value == plain.value).all()
    assert stated.nfev == plain.nfev
    assert (stated.error > plain.error).all()
    none = getattr(CalculusKit(model, X0, accuracy=0.0), f"{what}_result")()
    assert (none.error == plain.error).all()


def test_errors_of_the_stated_size_are_covered():
    random = np.random.default_rng(5)

    def rough(x):  # another error at every place, as a table or an adaptive grid makes it
        return model(x) * (1 + 1e-5 * random.uniform(-1, 1))

    exact = CalculusKit(model, X0).gradient()
    smooth = CalculusKit(model, X0, accuracy=1e-5).gradient_result()
    weights = (smooth.error - CalculusKit(model, X0).gradient_result().error) / 1e-5
    # |f| ||weights||: no less than that of the best of all formulas within the step, two samples
    assert (weights >= 0.5 * model(X0) / smooth.step).all()
    found = CalculusKit(rough, X0, accuracy=1e-5).gradient_result()
    assert (np.abs(found.value - exact) <= found.error).all()


def test_an_accuracy_may_be_one_an_output():
    plain = CalculusKit(several, X0).jacobian_result()
    result = CalculusKit(several, X0, accuracy=[1e-6, 0.0]).jacobian_result()
    assert (result.error[0] > plain.error[0]).all()
    assert (result.error[1] == plain.error[1]).all()
    with pytest.raises(ValueError, match="one an output"):
        CalculusKit(several, X0, accuracy=[1e-6] * 3).jacobian()


@pytest.mark.parametrize("bad", [-1e-3, 2.0, np.nan])
def test_an_accuracy_is_a_part_of_the_output(bad):
    with pytest.raises(ValueError, match="`accuracy`"):
        CalculusKit(model, X0, accuracy=bad)


def test_an_accuracy_reaches_gradient_checks():
    def wrong_by_a_tolerance(x):
        return (1 + 1e-7 * np.cos(x[0])) * model(x)

    exact = CalculusKit(model, X0).gradient()
    assert not check_gradient(wrong_by_a_tolerance, exact, X0).success
    assert check_gradient(wrong_by_a_tolerance, exact, X0, accuracy=1e-6).success


# -- the ODE at its usual tolerance -----------------------------------------------------------


def _lotka_volterra(x, rtol, method="RK45"):
    def rate(_, y):
        return [x[0] * y[0] - x[1] * y[0] * y[1], 0.4 * y[0] * y[1] - x[2] * y[1]]

    found = solve_ivp(rate, (0, 6), [x[3], 1.5], rtol=rtol, atol=1e-3 * rtol, method=method)
    return found.y[:, -1]


def _van_der_pol(x, rtol, method="RK45"):
    def rate(_, y):
        return [y[1], x[0] * (1 - y[0] ** 2) * y[1] - x[1] * y[0]]

    found = solve_ivp(rate, (0, 5), [x[2], x[3]], rtol=rtol, atol=1e-3 * rtol, method=method)
    return found.y[:, -1]


def test_an_ode_at_its_usual_tolerance_is_covered_once_it_is_compared():
    random = np.random.default_rng(3)
    alone, compared, entries = 0, 0, 0
    for ode in (_lotka_volterra, _van_der_pol):
        x0 = random.uniform(0.6, 1.4, 4)
        kit = CalculusKit(lambda x, ode=ode: ode(x, 1e-6), x0)
        exact = CalculusKit(lambda x, ode=ode: ode(x, 1e-12, "DOP853"), x0).jacobian()
        own = kit.jacobian_result()
        both = kit.jacobian_result(compare=lambda x, ode=ode: ode(x, 1e-9, "DOP853"))
        alone += np.sum(np.abs(own.value - exact) <= own.error)
        compared += np.sum(np.abs(both.value - exact) <= both.error)
        entries += exact.size
    assert alone < 0.5 * entries  # the samples do not show it
    assert compared >= 0.95 * entries


def test_what_the_other_model_raises_is_told_to_be_its_own():
    kit = CalculusKit(lambda x: x[0] ** 2, [1.0])
    with pytest.raises(ModelError) as caught:
        kit.gradient_result(compare=lambda x: 1 / 0)
    assert "`compare`" in caught.value.__notes__[-1]
