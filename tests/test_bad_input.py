"""Bad input: each a TypeError or ValueError of one sentence that names the argument, no call."""

import json

import numpy as np
import pytest

from derivkit import (
    BlockDiagonal,
    CalculusKit,
    Cholesky,
    DerivativeKit,
    ForecastKit,
    Kronecker,
    Plan,
    Precision,
    covariance,
    grad,
    register_method,
    sampled,
)

CALLS = []


def f(x):
    CALLS.append(1)
    return float(np.sum(np.square(x)))


def kit(**keywords):
    return CalculusKit(f, [1.0, 2.0], **keywords)


TABLE = np.linspace(0, 3, 7)

CIRCLE = [1.0]
CIRCLE.append(CIRCLE)

BEFORE_ANY_CALL = {
    "no function": (lambda: CalculusKit(None, [1.0]), TypeError, "`function`"),
    "a number as function": (lambda: CalculusKit(3.0, [1.0]), TypeError, "`function`"),
    "swapped arguments": (lambda: CalculusKit([1.0], f), TypeError, r"\(function, x0\)"),
    "x0 is None": (lambda: CalculusKit(f, None), TypeError, "`x0`"),
    "empty x0": (lambda: CalculusKit(f, []), ValueError, "`x0`"),
    "nan in x0": (lambda: CalculusKit(f, [1.0, np.nan]), ValueError, "`x0` must be finite"),
    "inf in x0": (lambda: CalculusKit(f, [np.inf]), ValueError, "`x0` must be finite"),
    "x0 as text": (lambda: CalculusKit(f, "1, 2"), TypeError, "`x0`"),
    "text in x0": (lambda: CalculusKit(f, ["a", "b"]), TypeError, "`x0`"),
    "ragged x0": (lambda: CalculusKit(f, [[1.0], [2.0, 3.0]]), TypeError, "`x0`"),
    "None in x0": (lambda: CalculusKit(f, [1.0, None]), TypeError, "`x0`"),
    "complex x0": (lambda: CalculusKit(f, [1j]), TypeError, "`x0`"),
    "x0 of bools": (lambda: CalculusKit(f, [True, False]), TypeError, "`x0`"),
    "too few bounds": (lambda: kit(bounds=[(0, 1)]), ValueError, "`bounds`"),
    "bounds as a number": (lambda: kit(bounds=3), TypeError, "`bounds`"),
    "bounds of three": (lambda: kit(bounds=[(0, 1, 2)] * 2), ValueError, "`bounds`"),
    "bounds upside down": (lambda: kit(bounds=[(3, 0)] * 2), ValueError, "`bounds`"),
    "crossed bounds": (lambda: kit(bounds=[(2, 1), (0, 3)]), ValueError, "`bounds`"),
    "nan in bounds": (lambda: kit(bounds=[(np.nan, 3)] * 2), ValueError, "`bounds`"),
    "text in bounds": (lambda: kit(bounds=[("a", "b")] * 2), TypeError, "`bounds`"),
    "x0 outside bounds": (lambda: kit(bounds=[(0, 1)] * 2), ValueError, "`x0`.*`bounds`"),
    "negative scale": (lambda: kit(scale=-1.0), ValueError, "`scale`"),
    "zero scale": (lambda: kit(scale=[1.0, 0.0]), ValueError, "`scale`"),
    "scale of another length": (lambda: kit(scale=[1.0] * 3), ValueError, "`scale`"),
    "scale as text": (lambda: kit(scale="big"), TypeError, "`scale`"),
    "a period that holds itself": (lambda: kit(period=CIRCLE), TypeError, "`period`"),
    "too few names": (lambda: kit(names=["a"]), ValueError, "`names`"),
    "equal names": (lambda: kit(names=["a", "a"]), ValueError, "`names`"),
    "names as text": (lambda: kit(names="ab"), TypeError, "`names`"),
    "undefined is no exception": (lambda: kit(undefined=["no"]), TypeError, "`undefined`"),
    "unknown keyword of the kit": (lambda: kit(bound=[(0, 1)]), TypeError, "bound"),
    "unknown method": (lambda: kit().gradient("finit"), ValueError, "did you mean 'finite'"),
    "a number as method": (lambda: kit().gradient(3), TypeError, "`method`"),
    "a method's class": (lambda: kit().gradient(dict), TypeError, "`method`"),
    "unknown option": (lambda: kit().gradient("finite", stepsiz=1), TypeError, "stepsize"),
    "unknown option of auto": (lambda: kit().gradient(stepsize=1), TypeError, "stepsize"),
    "negative step": (lambda: kit().gradient("finite", stepsize=-1), ValueError, "`stepsize`"),
    "step as text": (lambda: kit().gradient("finite", stepsize="big"), ValueError, "`stepsize`"),
    "even stencil": (lambda: kit().gradient("finite", num_points=4), ValueError, "`num_points`"),
    "one level": (lambda: kit().gradient("finite", levels=1), ValueError, "`levels`"),
    "no workers": (lambda: kit().gradient(n_workers=0), ValueError, "`n_workers`"),
    "minus two workers": (lambda: kit().hessian(n_workers=-2), ValueError, "`n_workers`"),
    "two workers in words": (lambda: kit().gradient(n_workers="two"), TypeError, "`n_workers`"),
    "half a worker": (lambda: kit().gradient(n_workers=0.5), TypeError, "`n_workers`"),
    "no evaluations": (
        lambda: kit().gradient(max_evaluations=0),
        ValueError,
        "`max_evaluations`",
    ),
    "many evaluations in words": (
        lambda: kit().gradient(max_evaluations="many"),
        ValueError,
        "`max_evaluations`",
    ),
    "negative order": (lambda: kit().hyper_hessian(order=-1), ValueError, "`order`"),
    "order in words": (lambda: kit().hyper_hessian(order="three"), ValueError, "`order`"),
    "a short direction": (lambda: kit().directional([1.0]), ValueError, "`v`"),
    "a direction of zeros": (lambda: kit().hvp([0.0, 0.0]), ValueError, "`v`"),
    "nan in a direction": (lambda: kit().directional([1.0, np.nan]), ValueError, "`v`"),
    "a direction of text": (lambda: kit().hvp(["a", "b"]), TypeError, "`v`"),
    "no index": (lambda: kit().mixed(), ValueError, "`indices`"),
    "an index too large": (lambda: kit().mixed(0, 2), ValueError, "`indices`"),
    "half an index": (lambda: kit().mixed(0.5), TypeError, "`indices`"),
    "an unknown name": (lambda: kit(names=["a", "b"]).mixed("c"), ValueError, "`indices`"),
    "order 0 of a number": (
        lambda: DerivativeKit(f, 1.0).differentiate(order=0),
        ValueError,
        "order",
    ),
    "no function of a number": (lambda: DerivativeKit(None, 1.0), TypeError, "`function`"),
    "no x0": (lambda: DerivativeKit(f), TypeError, "`x0`"),
    "no numbers": (lambda: DerivativeKit(f, []), ValueError, "`x0`"),
    "nan as number": (lambda: DerivativeKit(f, np.nan), ValueError, "`x0`"),
    "a number outside": (lambda: DerivativeKit(f, 3.0, bounds=(0, 1)), ValueError, "`x0`"),
    "function and table": (
        lambda: DerivativeKit(f, 1.0, tab_x=TABLE, tab_y=TABLE),
        TypeError,
        "`function`",
    ),
    "half a table": (lambda: DerivativeKit(x0=1.0, tab_x=TABLE), TypeError, "`tab_y`"),
    "unequal columns": (
        lambda: DerivativeKit(x0=1.0, tab_x=TABLE, tab_y=TABLE[1:]),
        ValueError,
        "`tab_y`",
    ),
    "equal places": (
        lambda: DerivativeKit(x0=1.0, tab_x=[0, 1, 1], tab_y=[0, 1, 2]),
        ValueError,
        "`tab_x`",
    ),
    "nan in a table": (
        lambda: DerivativeKit(x0=1.0, tab_x=[0.0, 1, 2], tab_y=[0, np.nan, 2]),
        ValueError,
        "`tab_y`",
    ),
    "a table of text": (
        lambda: DerivativeKit(x0=1.0, tab_x=list("abc"), tab_y=[0, 1, 2]),
        TypeError,
        "`tab_x`",
    ),
    "x0 outside the table": (
        lambda: DerivativeKit(x0=4.0, tab_x=TABLE, tab_y=TABLE),
        ValueError,
        "`x0`",
    ),
    "too high an order for a table": (
        lambda: DerivativeKit(x0=1.0, tab_x=TABLE, tab_y=TABLE).differentiate(order=7),
        ValueError,
        "`order`",
    ),
    "grad of a number": (lambda: grad(3.0), TypeError, "`function`"),
    "grad by an unknown method": (lambda: grad(f, "finit"), ValueError, "did you mean"),
    "grad with an unknown option": (lambda: grad(f, "finite", stepsiz=1), TypeError, "stepsize"),
}


@pytest.mark.parametrize("case", BEFORE_ANY_CALL)
def test_bad_input_is_refused_before_any_call(case):
    attempt, error, match = BEFORE_ANY_CALL[case]
    CALLS.clear()
    with pytest.raises(error, match=match) as caught:
        attempt()
    assert not CALLS
    assert "\n" not in str(caught.value)


AFTER_ONE_CALL = {
    "None": (lambda x: None, TypeError, "`function` must return"),
    "text": (lambda x: "3", TypeError, "`function` must return"),
    "a vector": (lambda x: x, TypeError, "use jacobian"),
    "a list of lists of text": (lambda x: [["a"]], TypeError, "`function` must return"),
}


@pytest.mark.parametrize("case", AFTER_ONE_CALL)
@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
def test_bad_output_is_refused_after_one_call(case, method):
    model, error, match = AFTER_ONE_CALL[case]
    calls = []

    def counted(x):
        calls.append(1)
        return model(x)

    with pytest.raises(error, match=match):
        CalculusKit(counted, [1.0, 2.0]).gradient(method)
    assert len(calls) == 1


def test_a_covariance_needs_a_jacobian_or_a_hessian():
    result = kit().gradient_result()
    with pytest.raises(TypeError, match="`result`"):
        covariance(result)


def test_text_where_a_truth_or_names_are_due_is_refused():
    with pytest.raises(TypeError, match="`vectorized` must be True or False, got 'no'"):
        CalculusKit(len, [1.0], vectorized="no")
    with pytest.raises(TypeError, match="`aliases` must be a sequence of strings"):
        register_method("mine", len, aliases="text")


@pytest.mark.parametrize(("field", "numbers"), [("upper", [0.5, 0.5]), ("scale", [-1.0, 0.0])])
def test_a_plans_file_passes_the_same_door_as_arguments(tmp_path, field, numbers):
    path = tmp_path / "plan.json"
    Plan("gradient", [1.0, 2.0]).save(path)
    state = json.loads(path.read_text())
    state[field]["array"] = numbers
    path.write_text(json.dumps(state))
    with pytest.raises(ValueError, match="its bounds, scale and x0 do not fit"):
        Plan.load(path)


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "bell\x07", "\udce9", "\u202eabc"])
def test_names_that_would_steer_a_terminal_are_refused(name):
    for made in (lambda: CalculusKit(f, [1.0], names=[name]), lambda: CalculusKit(f, {name: 1.0})):
        with pytest.raises(ValueError, match="`names` must be of characters that can be printed"):
            made()


MASKED = np.ma.array(np.eye(2), mask=[[False, True], [True, False]])


@pytest.mark.filterwarnings("ignore::derivkit.ForecastWarning")  # it is the mean's alone
@pytest.mark.parametrize(
    "cov",
    [
        np.ma.array([1.0, 2.0], mask=[False, True]),
        MASKED,
        Precision(MASKED),
        Cholesky(MASKED),
        Kronecker(MASKED, [[1.0]]),
        BlockDiagonal([MASKED]),
        lambda theta: MASKED,
    ],
    ids=["variances", "matrix", "precision", "factor", "product", "blocks", "of theta"],
)
def test_what_lies_under_a_mask_is_no_covariance(cov):
    with pytest.raises(ValueError, match="must have no masked numbers"):
        ForecastKit(lambda x: x * 1.0, [1.0, 2.0], cov).fisher()


def test_what_lies_under_a_mask_is_no_pattern_no_place_and_nothing_known_of_data():
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    three = CalculusKit(lambda x: np.array([x[0], x[1], x[0] + x[1]]), [1.0, 2.0])
    with pytest.raises(ValueError, match="`sparsity` must have no masked numbers"):
        three.jacobian(sparsity=np.ma.array(np.ones((3, 2)), mask=np.eye(3, 2)))
    for given in ({"residuals": masked}, {"sigma": masked}, {"cov": masked}):
        with pytest.raises(ValueError, match="must have no masked numbers"):
            covariance(three.jacobian_result(), **given)
    with pytest.raises(ValueError, match="spacing of axis 0` must have no masked numbers"):
        sampled.gradient(np.ones(3), masked, accuracy=2)
