"""Many outputs on one line: they share samples and are judged in one go, as each is alone."""

import warnings

import numpy as np
import pytest

from derivkit import CalculusKit, UnresolvedWarning
from derivkit.methods.auto import bundle
from derivkit.methods.auto.auto import Auto
from derivkit.methods.auto.criteria import Goal, content
from derivkit.methods.auto.lepski import select
from derivkit.methods.auto.questions import FitQuestion, LineQuestions, SidesQuestion
from derivkit.methods.fit.samples import Columns, Samples
from derivkit.methods.fit.window import EPS, Noise
from derivkit.methods.protocol import Line

OUTPUTS = 300
SMOOTH = 4  # outputs without noise among those of `columns`


def noisy(clean, level, relative=True):
    """Return the model with noise that is the same at the same point."""

    def model(x):
        y = clean(x)
        rng = np.random.default_rng(np.array(x).view(np.uint32).tolist())
        size = np.abs(y) if relative else np.max(np.abs(y))
        return y + level * size * rng.standard_normal(y.shape)

    return model


def spectrum(x):
    k = np.linspace(0.01, 3.0, OUTPUTS)
    return x[0] * k ** x[1] * np.exp(-k * x[2]) * (1 + 0.3 * np.cos(20 * k * x[3]))


def network(x):
    w = np.random.default_rng(3).standard_normal((OUTPUTS, 4))
    return np.tanh(w @ x) + np.sin(w[:, ::-1] @ x)


def ratios(x):
    k = np.linspace(0.5, 5.0, OUTPUTS)
    return (x[0] + k) / (x[1] ** 2 + k * x[2]) + np.log(k + x[3])


def exact(model, x0):
    """Return the Jacobian by complex steps."""
    steps = 1e-30j * np.eye(len(x0))
    return np.imag([model(x0 + step) for step in steps]).T / 1e-30


MODELS = [
    (spectrum, [2.0, 0.4, 1.3, 0.8]),
    (network, [0.5, -0.8, 1.2, 0.3]),
    (ratios, [1.0, 0.9, 1.6, 2.0]),
]


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")  # an entry in 200 may be
@pytest.mark.parametrize(("model", "x0"), MODELS)
@pytest.mark.parametrize(("level", "relative"), [(1e-6, True), (1e-3, False), (1e-9, False)])
def test_hundreds_of_noisy_outputs_are_resolved_with_the_calls_of_one(model, x0, level, relative):
    x0 = np.array(x0)
    result = CalculusKit(noisy(model, level, relative), x0).jacobian_result()
    assert np.isfinite(result.error).mean() > 0.995
    assert (np.abs(result.value - exact(model, x0)) <= result.error).mean() > 0.95
    assert result.nfev <= 1 + 24 * len(x0)


def test_outputs_buried_in_noise_do_not_push_the_others_out_of_their_domain():
    def model(x):  # half of the outputs do not depend on x at all
        return np.where(np.arange(40) % 2, np.exp(x[0]), 1.0)

    result = CalculusKit(noisy(model, 1e-3), [1.0]).jacobian_result()
    assert result.reach.max() <= 0.5
    alone = CalculusKit(noisy(lambda x: np.ones(1), 1e-3), [1.0]).jacobian_result()
    assert alone.reach.max() > 0.5


def test_a_sharp_output_among_many_smooth_ones_gets_steps_of_its_own():
    def model(x):
        return np.append(np.exp(np.linspace(0.1, 2.0, 50) * x[0]), np.sin(300 * x[0]))

    result = CalculusKit(model, [1.0]).jacobian_result()
    assert abs(result.value[-1, 0] - 300 * np.cos(300.0)) <= result.error[-1, 0] < 1e-5


def test_fast_outputs_are_judged_by_what_rounding_of_x_does_where_they_are_steep():
    """A wide window holds whole periods: its first coefficient tells nothing of the slopes."""
    w, x0 = np.linspace(20.3, 400.7, 40), 1.2345

    def model(x):
        return np.concatenate([np.exp(np.linspace(0.1, 2.0, 20) * x[0]), np.sin(w * x[0])])

    result = CalculusKit(model, [x0]).jacobian_result()
    error = np.abs(result.value[20:, 0] - w * np.cos(w * x0))
    assert np.count_nonzero(error <= result.error[20:, 0]) >= 38
    assert (error <= 2 * result.error[20:, 0]).all()


def test_one_output_in_hundreds_that_is_good_enough_costs_no_calls():
    def model(x):
        return np.append(np.sin(np.linspace(0.1, 1.0, 400) * x[0]), np.sin(9 * x[0]))

    result = CalculusKit(model, [1.0]).jacobian_result()
    assert result.nfev == 9
    assert abs(result.value[-1, 0] - 9 * np.cos(9.0)) <= result.error[-1, 0] < 1e-3


def test_one_output_in_many_that_does_not_depend_on_a_parameter_costs_no_calls():
    t = np.linspace(0.0, 1.0, 50)  # at 0 the decay rate does nothing
    result = CalculusKit(lambda x: x[0] * np.exp(-x[1] * t), [1.0, 2.0]).jacobian_result()
    assert result.nfev == 17
    assert (np.abs(result.value[:, 1] + t * np.exp(-2.0 * t)) <= result.error[:, 1]).all()


def columns(seed):
    """Return samples of smooth, noisy, grainy, single-precision and constant outputs."""
    rng = np.random.default_rng(seed)
    t = np.sort(np.append(0.0, rng.uniform(-0.1, 0.1, 14)))
    smooth = np.exp(np.outer(t, rng.uniform(0.5, 9.0, SMOOTH)))
    rough = smooth + 1e-6 * rng.standard_normal(smooth.shape)
    others = [np.round(smooth, 3), smooth.astype(np.float32).astype(float), np.ones((15, 1))]
    return t, np.hstack([smooth, rough, *others])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("known", [False, True])
def test_outputs_are_believed_as_each_would_be_alone(seed, known):
    t, f = columns(seed)
    goal = Goal(None, 0.0, np.where(np.arange(f.shape[1]) % 3, 0.0, 1e-3))  # of a vector
    enough = lambda v, which: content(v, goal.of(which), 1)
    noise = lambda n: Noise(np.full(n, 1e-6), np.full(n, 20.0)) if known else None
    together = select([Columns(t, f, 1.0)], 1, noise(f.shape[1]), enough, np.zeros(f.shape[1]))
    units = np.array([belief.eps for belief in together])
    assert (units[:8] == EPS).all()  # smooth and rough ones
    assert (units[8:12] > 1e-4).all()  # printed with three decimals
    assert ((units[12:16] > 1e-8) & (units[12:16] < 1e-6)).all()  # in single precision
    for j, belief in enumerate(together):
        own_enough = lambda v, _, j=j: content(v, goal.of([j]), 1)
        [alone] = select([Columns(t, f[:, [j]], 1.0)], 1, noise(1), own_enough, np.zeros(1))
        assert (alone.content, alone.compared) == (belief.content, belief.compared)
        assert alone.eps == belief.eps
        for own, shared in zip(alone[:2], belief[:2], strict=True):  # the best window, and the near
            assert abs(own.value - shared.value) <= own.error
            if j < SMOOTH:  # noise is rounding there, and bits of products choose the window
                continue
            assert own.radius == shared.radius
            assert own.error == pytest.approx(shared.error, rel=0.2)
            assert abs(own.value - shared.value) <= 0.2 * own.error


def test_questions_of_all_kinds_are_answered_each_to_its_output():
    t, f = columns(9)
    f[0, 2] = np.nan  # so that it is judged by other places than the rest
    samples = Samples()
    samples.add(t, f)
    goal = Goal(None, 0.0)
    asked = {0: FitQuestion(1), 2: FitQuestion(1), 1: FitQuestion(2)}
    asked |= {5: FitQuestion(1, noise=(1e-6, 20.0)), 6: SidesQuestion(1, 0.1)}
    asked |= {7: SidesQuestion(1, 0.0)}  # 0.0 is False, as "not noise" is, but another question

    def answers(questions):
        line = LineQuestions(samples, 1.0, goal, questions)
        return line.answered([line])[0]

    together = answers(asked)
    assert set(together) == set(asked)
    for j, question in asked.items():
        alone = answers({j: question})[j]
        if isinstance(question, SidesQuestion):
            assert together[j] == alone
        else:
            assert together[j].best == pytest.approx(alone.best, rel=1e-6, abs=1e-9)


def test_outputs_of_unlike_scales_and_frequencies_are_each_judged_on_their_own_ladders():
    """What one output calls for near x0 is rounding to another, by chance with little scatter."""
    w, size = np.geomspace(1.0, 1e4, 120), np.geomspace(1e-3, 1e3, 120)
    c = np.geomspace(3.0, 3e4, 120)
    for phase in (c, c[::-1]):
        kit = CalculusKit(lambda x, phase=phase: size * np.sin(phase + w * x[0]), [0.0])
        result = kit.jacobian_result()
        exact = size * w * np.cos(phase)
        off = np.abs(result.value[:, 0] - exact)
        assert result.success
        assert np.mean(off <= result.error[:, 0]) >= 0.95  # 0.75 by everybody's ladders
        assert np.max(off / (size * w)) < 1e-4  # 0.03


@pytest.mark.parametrize("together", [7, 40, 10**6])
def test_lines_and_outputs_are_judged_to_the_bit_alike_in_blocks_of_any_size(together, monkeypatch):
    x0 = [2.0, 0.4, 1.3, 0.8]  # of three phases
    smooth = {f: CalculusKit(f, x0).jacobian_result() for f in (spectrum, lambda x: x * x + x[0])}
    monkeypatch.setattr(bundle, "TOGETHER", together)
    for model, before in smooth.items():
        again = CalculusKit(model, x0).jacobian_result()
        for field in ("value", "error", "noise", "noise_error", "step"):
            assert getattr(again, field).tobytes() == getattr(before, field).tobytes()
        assert (again.status == before.status).all()


def test_a_line_of_very_many_outputs_is_judged_no_further_than_to_the_first_that_is_open(
    monkeypatch,
):
    judged = []

    def counted(b, radii, f, order, origins):
        judged.append(f.shape[1])
        return judge_by(b, radii, f, order, origins)

    judge_by = bundle.judge_by
    monkeypatch.setattr(bundle, "judge_by", counted)
    monkeypatch.setattr(bundle, "TOGETHER", 10)
    waves = np.append(300.0, np.full(99, 0.1))
    CalculusKit(lambda x: np.sin(waves * x[0]) + np.exp(x[1]), [1.0, 1.0]).jacobian()
    assert judged == [10] + [10] * 10  # along the first parameter output 0 is open


def test_many_outputs_do_not_hold_on_to_their_samples_for_a_second_derivative():
    def answer(q):
        a, b = Auto().solve_together([Line(), Line(scale=2.0, point=1)], 1)
        for solver in (a, b):
            solver.send(None)
        at = [
            bundle.Bundle([Line(), Line(scale=2.0)], 1, Goal(None, 0.0)).ladder(k) for k in (0, 1)
        ]
        for solver, t in zip((a, b), at, strict=True):
            solver.send(np.exp(np.outer(t, np.linspace(0.5, 1.0, q))))
        with pytest.raises(StopIteration) as stop:
            a.send(np.empty((0, q)))
        return stop.value.value

    assert 2 in answer(1).also
    assert 2 not in answer(2).also


@pytest.mark.parametrize(("model", "x0"), MODELS)
def test_outputs_that_count_together_cost_no_calls_for_the_digits_of_each(model, x0):
    line = lambda x: model(np.array([*x0[:2], x[0], x0[3]]))
    one_vector = Auto().of_one_vector(np.linalg.norm, np.ones(OUTPUTS), 1e-7)
    each, together = (
        CalculusKit(line, [x0[2]]).hyper_hessian_result(method, order=3)
        for method in (Auto(), one_vector)
    )
    length = np.linalg.norm(each.value)
    assert together.nfev < each.nfev
    assert np.linalg.norm(together.error) <= 2e-7 * length
    assert np.linalg.norm(together.value - each.value) <= 2e-7 * length


def test_a_derivative_that_is_0_in_all_outputs_is_not_looked_for():
    x = np.linspace(0, 1, OUTPUTS)
    one_vector = Auto().of_one_vector(np.linalg.norm, np.ones(OUTPUTS), 1e-7)
    found = CalculusKit(lambda t: np.exp(x) * t[0], [2.0]).hyper_hessian_result(one_vector, order=3)
    assert found.nfev == 9
    assert (np.abs(found.value) <= found.error).all()
    assert found.error.max() < 1e-9


def test_outputs_of_which_some_are_printed_are_one_vector_too():
    x = np.linspace(0, 3, 40)

    def model(t):
        out = np.sin((1 + t[0]) * x)
        return np.append(out[:20], np.round(out[20:], 6))

    found = CalculusKit(model, [0.5]).hyper_hessian_result(
        Auto().of_one_vector(np.linalg.norm, np.ones(40), 1e-7), order=3
    )
    exact = -(x**3) * np.cos(1.5 * x)
    assert (np.abs(found.value[:, 0, 0, 0] - exact) <= found.error[:, 0, 0, 0]).mean() >= 0.95


def test_what_lies_in_memory_beyond_the_block_that_settles_nothing_is_never_looked_at(monkeypatch):
    """The line of x1 is left after its first block, where an output does not depend on it."""

    def empty(shape, *args, **more):
        return np.full(shape, np.finfo(float).max)

    class Full:
        def __getattr__(self, name):
            return empty if name == "empty" else getattr(np, name)

    monkeypatch.setattr(bundle, "np", Full())
    t = np.linspace(0.0, 1.0, 2 * bundle.TOGETHER)
    kit = CalculusKit(lambda x: x[0] * np.exp(-x[1] * t), [1.0, 2.0])
    assert kit.jacobian_result().success


@pytest.mark.parametrize("seed", range(6))
def test_of_many_hinges_beside_x0_none_is_claimed_wrongly(seed):
    rng = np.random.default_rng(seed)
    away = rng.choice([-1, 1], size=40) * 10 ** rng.uniform(-4, 0, size=40)
    slopes, offsets = (
        10 ** rng.uniform(-1, 1, size=40),
        rng.normal(size=40) * rng.choice([0, 1], 40),
    )
    model = lambda x: offsets + slopes * np.maximum(0.0, x[0] - 0.7 - away)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnresolvedWarning)
        result = CalculusKit(model, [0.7]).jacobian_result()
    off = np.abs(result.value[:, 0] - slopes * (away < 0))
    assert (off <= result.error[:, 0] + 1e-13).all()
    assert np.count_nonzero(result.error[:, 0] < 1e-3 * slopes) >= 34
