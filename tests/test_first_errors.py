"""What goes wrong the first time: each a message that names the cause and says what to do."""

import threading

import numpy as np
import pytest

import derivkit
from derivkit import CalculusKit, ModelError


def f(theta):
    return theta[0] ** 2


def forgets_to_return(theta):
    theta[0] ** 2


async def is_async(theta):
    return theta[0] ** 2


def imports_what_is_not_there(theta):
    import not_there

    return not_there.f(theta)


FIRST_ERRORS = {
    "arguments in the wrong order": (
        lambda: CalculusKit([1.0], f),
        TypeError,
        r"`function` must be callable, got list; the order of arguments is \(function, x0\)",
    ),
    "the function's value instead of the function": (
        lambda: CalculusKit(f(np.ones(1)), [1.0]),
        TypeError,
        "`function` must be callable, got float64",
    ),
    "a function of several arguments": (
        lambda: CalculusKit(lambda a, b: a * b, [1.0, 2.0]).gradient(),
        ModelError,
        r"one array of all parameters: write f\(theta\), not f\(a, b\)",
    ),
    "a function of a dict, and x0 an array": (
        lambda: CalculusKit(lambda theta: theta["H0"], [67.0]).gradient(),
        ModelError,
        "gets what x0 is: make x0 a dict, a Series",
    ),
    "a function of an array, and x0 a dict": (
        lambda: CalculusKit(lambda theta: theta[0], {"H0": 67.0}).gradient(),
        ModelError,
        "gets what x0 is, a dict for a dict: give call='array' for the bare array",
    ),
    "a function of attributes": (
        lambda: CalculusKit(lambda theta: theta.H0, {"H0": 67.0}).gradient(),
        ModelError,
        "gets what x0 is, a dict for a dict",
    ),
    "a function of a number's entries": (
        lambda: CalculusKit(f, 67.0).gradient(),
        ModelError,
        "x0 is one number: make it a list of one",
    ),
    "too short an x0": (
        lambda: CalculusKit(lambda theta: theta[0] * theta[2], [1.0, 2.0]).gradient(),
        ModelError,
        "x0 must hold every parameter that `function` uses",
    ),
    "no return": (
        lambda: CalculusKit(forgets_to_return, [1.0]).gradient(),
        TypeError,
        "got NoneType; is its `return` missing",
    ),
    "an async function": (
        lambda: CalculusKit(is_async, [1.0]).gradient(),
        TypeError,
        "got coroutine; it must not be async: await inside it, with asyncio.run",
    ),
    "a module that is not there": (
        lambda: CalculusKit(imports_what_is_not_there, [1.0]).gradient(),
        ModelError,
        "No module named 'not_there'; .*in worker processes, install it or put its folder on",
    ),
    "a vector where a scalar is due": (
        lambda: CalculusKit(lambda theta: theta**2, [1.0, 2.0]).gradient(),
        TypeError,
        r"got an array of shape \(2,\); use jacobian",
    ),
    "a scalar where a vector is due": (
        lambda: CalculusKit(f, [1.0, 2.0]).jacobian(),
        TypeError,
        "got a scalar; use gradient",
    ),
    "nan at x0": (
        lambda: CalculusKit(lambda theta: np.nan * theta[0], [-1.0]).gradient(),
        ModelError,
        "must be defined at x0, but it returned nan there; choose an x0 inside its domain",
    ),
    "an error at x0": (
        lambda: CalculusKit(lambda theta: 1.0 / int(theta[0]), [0.0]).gradient(),
        ModelError,
        r"failed at x0 = \[0.\]: ZeroDivisionError",
    ),
    "a bound that is one number": (
        lambda: CalculusKit(lambda d: d["a"], {"a": 1.0, "b": 0.7}, bounds={"b": 0.7}),
        TypeError,
        r"a value twice, \(0.7, 0.7\), holds a parameter fixed",
    ),
    "x0 outside its bounds": (
        lambda: CalculusKit(f, [1.0], bounds=[(2.0, None)]),
        ValueError,
        r"`x0` must lie inside `bounds`, got x0\[0\] = 1.0 outside \(2.0, inf\)",
    ),
    "nothing as x0": (
        lambda: CalculusKit(f, []),
        ValueError,
        "`x0` must be one point of at least one parameter, got none",
    ),
    "a misspelt method": (
        lambda: CalculusKit(f, [1.0]).gradient("finit"),
        ValueError,
        "did you mean 'finite'",
    ),
    "a misspelt option": (
        lambda: CalculusKit(f, [1.0]).gradient("finite", step_size=1e-3),
        TypeError,
        "did you mean 'stepsize'",
    ),
    "a function that cannot be sent to processes": (
        lambda: CalculusKit(lambda theta, lock=threading.Lock(): theta[0], [1.0]).gradient(  # noqa: B008
            n_workers=2
        ),
        TypeError,
        "cannot be sent to worker processes: .* a lock, cannot be pickled",
    ),
}


CALLED_HERE = {  # what people type: what is said of it
    "n_jobs": "`n_workers`",
    "workers": "n_workers",
    "h": "`scale`, a step of your own method='finite', stepsize",
    "step": "stepsize",
    "central": "extrapolation",
    "richardson": "extrapolation='richardson'",
    "order": "hessian_diag",
    "wrt": r"belongs to the kit: CalculusKit\(function, x0, wrt=…\)",
    "bounds": "belongs to the kit",
    "argnums": "derivkit.grad",
    "max_nfev": "`max_evaluations`",
    "full_output": "gradient_result",
    "verbose": "progress=True",
    "n_worker": "did you mean 'n_workers'",
    "fixed": "equal bounds",
}


@pytest.mark.parametrize("word", CALLED_HERE)
def test_words_of_other_packages_get_their_name_here(word):
    kit = CalculusKit(f, [1.0])
    calls = (
        lambda: kit.gradient(**{word: 2}),
        lambda: kit.hessian_result(**{word: 2}),
        lambda: derivkit.grad(f, **{word: 2}),
        lambda: derivkit.check_gradient(f, [1.0], [1.0], **{word: 2}),
    )
    for call in calls[:2] if word in {"wrt", "bounds", "argnums"} else calls:
        with pytest.raises(TypeError, match=f"'{word}'.*{CALLED_HERE[word]}") as told:
            call()
        said = str(told.value)  # the name that was meant, or all that call and method take
        assert "max_evaluations" in said or "did you mean" in said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("n_workers", "belongs to the call: kit.gradient"),
        ("method", "belongs to the call"),
        ("n_jobs", "`n_workers`"),
        ("theta0", "the second argument, `x0`"),
        ("lower", "`bounds`"),
        ("boundz", "did you mean 'bounds'"),
        ("colour", "`keyword` must be one of"),
    ],
)
def test_a_kit_says_where_a_keyword_belongs(word, said):
    with pytest.raises(TypeError, match=said):
        CalculusKit(f, [1.0], **{word: 2})


@pytest.mark.parametrize("mistake", FIRST_ERRORS)
def test_the_message_says_what_to_do(mistake):
    make, kind, text = FIRST_ERRORS[mistake]
    with pytest.raises(kind, match=text) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_closures_and_lambdas_go_to_processes_without_further_ado():
    offset = 3.0
    assert CalculusKit(lambda theta: theta[0] ** 2 + offset, [1.0]).gradient(
        n_workers=2
    ) == pytest.approx([2.0], abs=1e-9)
