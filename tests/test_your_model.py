"""Models as people have them: a table of shapes of parameters, outputs and calls."""

import collections
import decimal
import fractions
import warnings
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import mpmath
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.sparse import csr_array

import derivkit
from derivkit import CalculusKit, ModelError, UnresolvedWarning


class Cosmology(NamedTuple):
    h: float
    Om: float


@dataclass(frozen=True)
class Setup:
    mass: float
    bias: np.ndarray

    def __post_init__(self):
        if self.mass <= 0:
            raise ValueError("a mass is positive")


A, B, C = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0]), 0.7
NESTED = {"cosmo": {"h": 0.7, "Om": 0.3}, "bias": np.array([1.0, 2.0])}
SERIES = pd.Series({"h": 0.7, "Om": 0.3})
W = np.array([[1.0, 2.0], [3.0, 4.0]])


def approx(found, expected):
    """Compare nested things by structure and number."""
    assert type(found) is type(expected) or isinstance(expected, float), (found, expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            approx(found[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            approx(one, other)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected, atol=1e-7)
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, atol=1e-7)
    elif isinstance(expected, xr.DataArray):
        xr.testing.assert_allclose(found, expected, atol=1e-7)
    elif isinstance(expected, Setup):
        approx(found.mass, expected.mass)
        approx(found.bias, expected.bias)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-7)
        assert np.shape(found) == np.shape(expected)


GRADIENTS = {  # what x0 is: function, x0, keywords, gradient, names
    "a list": (lambda x: x[0] ** 2 * x[1], [3.0, 2.0], {}, np.array([12.0, 9.0]), "x[0] x[1]"),
    "a tuple of numbers is an array": (
        lambda x: (x**2).sum(),
        (3.0, 2.0),
        {},
        np.array([6.0, 4.0]),
        "x[0] x[1]",
    ),
    "a number": (lambda x: x**2, 3.0, {}, 6.0, "x"),
    "an integer": (lambda x: x**2, 3, {}, 6.0, "x"),
    "a matrix": (lambda x: (x**3).sum(), W, {}, 3 * W**2, "x[0,0] x[0,1] x[1,0] x[1,1]"),
    "nested lists of numbers": (
        lambda x: x[1, 0] ** 2,
        [[1, 2], [3, 4]],
        {},
        np.array([[0, 0], [6.0, 0]]),
        None,
    ),
    "a dict": (
        lambda p: p["a"] ** 2 * p["b"],
        {"a": 3.0, "b": 2.0},
        {},
        {"a": 12.0, "b": 9.0},
        "a b",
    ),
    "a dict with an array": (
        lambda p: p["a"] * (p["v"] ** 2).sum(),
        {"a": 3.0, "v": A},
        {},
        {"a": 5.0, "v": 6 * A},
        "a v[0] v[1]",
    ),
    "a dict with a list of numbers": (
        lambda p: p["v"] @ p["v"],
        {"v": [1.0, 2.0]},
        {},
        {"v": 2 * A},
        "v[0] v[1]",
    ),
    "nested dicts": (
        lambda p: p["cosmo"]["h"] ** 2 * p["cosmo"]["Om"] + p["bias"] @ p["bias"],
        NESTED,
        {},
        {"cosmo": {"h": 0.42, "Om": 0.49}, "bias": 2 * NESTED["bias"]},
        "cosmo.h cosmo.Om bias[0] bias[1]",
    ),
    "a Series": (
        lambda s: s["h"] ** 2 * s["Om"],
        SERIES,
        {},
        pd.Series({"h": 0.42, "Om": 0.49}),
        "h Om",
    ),
    "a Series, by attribute": (
        lambda s: s.h * s.Om,
        SERIES,
        {},
        pd.Series({"h": 0.3, "Om": 0.7}),
        "h Om",
    ),
    "a Series in a dict": (
        lambda p: p["cosmo"].h * p["s"],
        {"cosmo": SERIES, "s": 2.0},
        {},
        {"cosmo": pd.Series({"h": 2.0, "Om": 0.0}), "s": 0.7},
        "cosmo.h cosmo.Om s",
    ),
    "a tuple of arrays": (
        lambda t: t[0] @ t[0] + t[1].sum(),
        (A, B),
        {},
        (2 * A, np.ones(3)),
        None,
    ),
    "a list of an array and a number": (
        lambda t: t[0].sum() * t[1],
        [A, C],
        {},
        [np.full(2, C), 3.0],
        "x[0][0] x[0][1] x[1]",
    ),
    "a named tuple": (
        lambda c: c.h**2 * c.Om,
        Cosmology(0.7, 0.3),
        {},
        Cosmology(0.42, 0.49),
        "h Om",
    ),
    "a dataclass that checks its numbers": (
        lambda s: -s.mass * s.bias.sum(),
        Setup(2.0, A),
        {},
        Setup.__new__(Setup),
        "mass bias[0] bias[1]",
    ),
    "an xarray": (
        lambda d: float((d.sel(k=10) ** 2).item()),
        xr.DataArray(A, dims="k", coords={"k": [10, 20]}),
        {},
        xr.DataArray([2.0, 0.0], dims="k", coords={"k": [10, 20]}),
        None,
    ),
    "Fractions": (lambda x: x[0] ** 2, [fractions.Fraction(1, 2)], {}, np.array([1.0]), None),
    "Decimals": (lambda x: x[0] ** 2, [decimal.Decimal("0.5")], {}, np.array([1.0]), None),
    "keywords": (
        lambda a, b: a**2 * b,
        {"a": 3.0, "b": 2.0},
        {"call": "keywords"},
        {"a": 12.0, "b": 9.0},
        "a b",
    ),
    "keywords of a Series": (
        lambda h, Om: h * Om,
        SERIES,
        {"call": "keywords"},
        pd.Series({"h": 0.3, "Om": 0.7}),
        None,
    ),
    "keywords by names": (
        lambda a, b: a**2 * b,
        [3.0, 2.0],
        {"call": "keywords", "names": ["a", "b"]},
        np.array([12.0, 9.0]),
        "a b",
    ),
    "keywords with an array among them": (
        lambda *, a, v: a * v.sum(),
        {"a": 3.0, "v": A},
        {"call": "keywords"},
        {"a": 3.0, "v": np.full(2, 3.0)},
        None,
    ),
    "positional": (
        lambda a, b: a**2 * b,
        [3.0, 2.0],
        {"call": "positional"},
        np.array([12.0, 9.0]),
        None,
    ),
    "positional of a dict": (
        lambda a, b: a**2 * b,
        {"a": 3.0, "b": 2.0},
        {"call": "positional"},
        {"a": 12.0, "b": 9.0},
        None,
    ),
    "positional of a tuple of arrays": (
        lambda a, b: a @ a + b.sum(),
        (A, B),
        {"call": "positional"},
        (2 * A, np.ones(3)),
        None,
    ),
    "the bare array of a dict": (
        lambda x: x[0] ** 2 * x[1],
        {"a": 3.0, "b": 2.0},
        {"call": "array"},
        {"a": 12.0, "b": 9.0},
        "a b",
    ),
    "the bare array of nested dicts": (
        lambda x: x @ x,
        NESTED,
        {"call": "array"},
        {"cosmo": {"h": 1.4, "Om": 0.6}, "bias": 2 * A},
        None,
    ),
    "args": (
        lambda x, data, k: (k * x[0] - data) ** 2,
        [3.0],
        {"args": (1.0, 2.0)},
        np.array([20.0]),
        None,
    ),
    "kwargs": (
        lambda x, k=1.0: k * x[0] ** 2,
        [3.0],
        {"kwargs": {"k": 2.0}},
        np.array([12.0]),
        None,
    ),
    "args behind keywords": (
        lambda data, a, k: k * (a - data) ** 2,
        {"a": 3.0},
        {"call": "keywords", "args": (1.0,), "kwargs": {"k": 2.0}},
        {"a": 8.0},
        None,
    ),
    "args behind positional": (
        lambda a, b, data: a * b * data,
        [3.0, 2.0],
        {"call": "positional", "args": (5.0,)},
        np.array([10.0, 15.0]),
        None,
    ),
    "vectorized": (
        lambda X: (X**2).sum(1),
        [3.0, 2.0],
        {"vectorized": True},
        np.array([6.0, 4.0]),
        None,
    ),
    "vectorized with a number": (lambda x: x**2, 3.0, {"vectorized": True}, 6.0, None),
    "vectorized with a matrix": (
        lambda X: (X**2).sum((1, 2)),
        W,
        {"vectorized": True},
        2 * W,
        None,
    ),
    "vectorized with a dict": (
        lambda p: p["cosmo"]["h"] * p["cosmo"]["Om"] + p["bias"].sum(axis=1),
        NESTED,
        {"vectorized": True},
        {"cosmo": {"h": 0.3, "Om": 0.7}, "bias": np.ones(2)},
        None,
    ),
    "vectorized with a Series": (
        lambda f: f["h"] * f["Om"],
        SERIES,
        {"vectorized": True},
        pd.Series({"h": 0.3, "Om": 0.7}),
        None,
    ),
    "vectorized with keywords": (
        lambda a, b: a**2 * b,
        {"a": 3.0, "b": 2.0},
        {"vectorized": True, "call": "keywords"},
        {"a": 12.0, "b": 9.0},
        None,
    ),
    "vectorized positional": (
        lambda a, b: a**2 * b,
        [3.0, 2.0],
        {"vectorized": True, "call": "positional"},
        np.array([12.0, 9.0]),
        None,
    ),
    "a Fraction as output": (
        lambda x: fractions.Fraction(x[0]) ** 2,
        [3.0],
        {},
        np.array([6.0]),
        None,
    ),
    "a Decimal as output": (lambda x: decimal.Decimal(x[0]) ** 2, [3.0], {}, np.array([6.0]), None),
    "mpmath": (lambda x: mpmath.sin(x[0]), [0.5], {}, np.array([np.cos(0.5)]), None),
    "integers beyond 64 bits": (lambda x: 10**30 * int(x[0]) ** 0, [1.0], {}, np.zeros(1), None),
    "an array of one number as output": (lambda x: x[:1] ** 2, [3.0], {}, np.array([6.0]), None),
    "a Series of one number as output": (
        lambda s: s["h"] ** 2,
        pd.Series({"h": 3.0}),
        {},
        pd.Series({"h": 6.0}),
        None,
    ),
    "an xarray of one number as output": (
        lambda x: xr.DataArray(x[0] ** 2),
        [3.0],
        {},
        np.array([6.0]),
        None,
    ),
    "complex output": (
        lambda x: np.exp(1j * x[0]) * x[1],
        [0.5, 2.0],
        {},
        np.array([2j, 1]) * np.exp(0.5j),
        None,
    ),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_a_gradient_comes_in_the_structure_of_x0(case):
    function, x0, keywords, expected, names = GRADIENTS[case]
    kit = CalculusKit(function, x0, **keywords)
    if isinstance(expected, Setup):
        object.__setattr__(expected, "mass", -3.0)
        object.__setattr__(expected, "bias", np.full(2, -2.0))
    approx(kit.gradient(), expected)
    result = kit.gradient_result()
    assert np.asarray(result).shape == result.value.shape == (len(result.names),)
    assert result.success
    if names is not None:
        assert " ".join(result.names) == names


JACOBIANS = {  # what the output is: function, x0, jacobian
    "an array": (
        lambda x: np.array([x[0] ** 2, x[0] * x[1]]),
        [3.0, 2.0],
        np.array([[6.0, 0.0], [2.0, 3.0]]),
    ),
    "a list of numbers": (
        lambda x: [x[0] ** 2, x[0] * x[1]],
        [3.0, 2.0],
        np.array([[6.0, 0.0], [2.0, 3.0]]),
    ),
    "a tuple of numbers": (
        lambda x: (x[0] ** 2, x[0] * x[1]),
        [3.0, 2.0],
        np.array([[6.0, 0.0], [2.0, 3.0]]),
    ),
    "an array of a number": (lambda x: np.array([x, x**2]), 3.0, np.array([1.0, 6.0])),
    "an array of a matrix": (
        lambda x: x.sum(axis=0),
        W,
        np.array([[[1.0, 0], [1, 0]], [[0, 1.0], [0, 1]]]),
    ),
    "an array of a dict": (lambda p: p["a"] * np.arange(3.0), {"a": 2.0}, {"a": np.arange(3.0)}),
    "a dict": (
        lambda x: {"mass": x[0] ** 2, "flux": x * x[0]},
        [3.0, 2.0],
        {"mass": np.array([6.0, 0.0]), "flux": np.array([[6.0, 0.0], [2.0, 3.0]])},
    ),
    "a dict of a dict": (
        lambda p: {"mass": p["a"] ** 2, "flux": p["a"] * p["v"]},
        {"a": 3.0, "v": A},
        {"mass": {"a": 6.0, "v": np.zeros(2)}, "flux": {"a": A, "v": 3 * np.eye(2)}},
    ),
    "nested dicts": (
        lambda x: {"a": {"b": x[0] ** 2, "c": (x[0], x * 2)}},
        [3.0],
        {"a": {"b": np.array([6.0]), "c": (np.array([1.0]), np.array([[2.0]]))}},
    ),
    "a dict whose order changes": (
        lambda x: {"a": x[0], "b": 2 * x[0]} if x[0] <= 1 else {"b": 2 * x[0], "a": x[0]},
        [1.0],
        {"a": np.array([1.0]), "b": np.array([2.0])},
    ),
    "a tuple of arrays": (
        lambda x: (x * 2, x[0] * np.ones(3)),
        [3.0, 2.0],
        (2 * np.eye(2), np.eye(2)[[0, 0, 0]]),
    ),
    "a tuple of a number and a list": (
        lambda x: (x[0], [x[0], 2 * x[0]]),
        [3.0],
        (np.array([1.0]), np.array([[1.0], [2.0]])),
    ),
    "a named tuple": (
        lambda x: Cosmology(x[0], x * x[0]),
        [3.0],
        Cosmology(np.array([1.0]), np.array([[6.0]])),
    ),
    "a Series": (
        lambda x: pd.Series({"u": x[0] ** 2, "v": x[1]}),
        [3.0, 2.0],
        pd.DataFrame([[6.0, 0.0], [0.0, 1.0]], index=["u", "v"], columns=["x[0]", "x[1]"]),
    ),
    "a Series of a Series": (
        lambda s: s * s.h,
        SERIES,
        pd.DataFrame([[1.4, 0.0], [0.3, 0.7]], index=["h", "Om"], columns=["h", "Om"]),
    ),
    "a Series of a dict": (
        lambda p: pd.Series({"u": p["a"] ** 2}),
        {"a": 3.0},
        {"a": pd.Series({"u": 6.0})},
    ),
    "a Series of a number": (lambda x: pd.Series({"u": x**2}), 3.0, pd.Series({"u": 6.0})),
    "a frame": (
        lambda x: pd.DataFrame(
            [[x[0], x[1]], [x[0] * x[1], 1.0]], index=["r", "s"], columns=["c", "d"]
        ),
        [3.0, 2.0],
        pd.DataFrame(
            [[1.0, 0.0], [0.0, 1.0], [2.0, 3.0], [0.0, 0.0]],
            index=pd.MultiIndex.from_product([["r", "s"], ["c", "d"]]),
            columns=["x[0]", "x[1]"],
        ),
    ),
    "an xarray": (
        lambda x: xr.DataArray(x[0] * np.arange(2.0), dims="k", coords={"k": [10, 20]}, name="P"),
        [3.0, 2.0],
        xr.DataArray(
            [[0.0, 0], [1, 0]],
            dims=["k", "parameter"],
            coords={"k": [10, 20], "parameter": ["x[0]", "x[1]"]},
            name="P",
        ),
    ),
    "an xarray of a dict": (
        lambda p: xr.DataArray(p["a"] * np.arange(2.0), dims="k", coords={"k": [10, 20]}),
        {"a": 3.0},
        {"a": xr.DataArray([0.0, 1.0], dims="k", coords={"k": [10, 20]})},
    ),
    "a dataset": (
        lambda p: xr.Dataset({"P": ("k", p["a"] * np.arange(2.0)), "s": p["a"] ** 2}),
        {"a": 3.0},
        {"P": {"a": xr.DataArray([0.0, 1.0], dims="k")}, "s": {"a": 6.0}},
    ),
    "complex numbers": (
        lambda x: np.array([x[0] + 2j * x[1], 1j * x[0] ** 2]),
        [3.0, 2.0],
        np.array([[1, 2j], [6j, 0]]),
    ),
    "a dict of complex and real": (
        lambda p: {"z": 1j * p["a"] ** 2, "r": p["a"] * np.ones(2)},
        {"a": 3.0},
        {"z": {"a": 6j}, "r": {"a": np.ones(2)}},
    ),
    "masked numbers": (
        lambda x: np.ma.array([x[0] ** 2, 7.0], mask=[x[0] > 3.0, False]),
        [3.0],
        np.array([[6.0], [0.0]]),
    ),
    "Fractions": (
        lambda x: [fractions.Fraction(x[0]), decimal.Decimal(2)],
        [3.0],
        np.array([[1.0], [0.0]]),
    ),
    "booleans and integers": (lambda x: [True, 3], [3.0], np.zeros((2, 1))),
}


@pytest.mark.parametrize("case", JACOBIANS)
def test_a_jacobian_has_outputs_outside_and_parameters_inside(case):
    function, x0, expected = JACOBIANS[case]
    kit = CalculusKit(function, x0)
    approx(kit.jacobian(), expected)
    result = kit.jacobian_result()
    assert np.asarray(result).shape == result.error.shape == result.status.shape


@pytest.mark.parametrize(
    "options", [{}, {"executor": "threads"}, {"executor": "processes"}], ids=str
)
def test_nested_outputs_are_the_same_wherever_the_model_runs(options):
    function, x0, expected = JACOBIANS["a dict of a dict"]
    approx(CalculusKit(function, x0, **options).jacobian(n_workers=2), expected)
    function, x0, expected = JACOBIANS["a dict of complex and real"]
    approx(CalculusKit(function, x0, **options).jacobian(n_workers=2), expected)


def test_vectorized_outputs_have_a_leading_axis_at_each_leaf():
    def model(p):
        a, v = p["a"], p["v"]
        return {"mass": a**2, "flux": a[:, None] * v, "sums": (v.sum(axis=1), a)}

    found = CalculusKit(model, {"a": 3.0, "v": A}, vectorized=True).jacobian()
    approx(found["flux"], {"a": A, "v": 3 * np.eye(2)})
    approx(found["sums"], ({"a": 0.0, "v": np.ones(2)}, {"a": 1.0, "v": np.zeros(2)}))


def test_a_vectorized_leaf_without_that_axis_is_refused():
    with pytest.raises(TypeError, match=r"leaves of n rows each, got shape \(2,\) at .flux"):
        CalculusKit(lambda x: {"flux": np.ones(2)}, [1.0, 2.0, 3.0], vectorized=True).jacobian()


def test_a_hessian_is_nested_twice():
    found = CalculusKit(lambda p: p["a"] ** 2 * (p["v"] ** 2).sum(), {"a": 3.0, "v": A}).hessian()
    approx(found, {"a": {"a": 10.0, "v": 12 * A}, "v": {"a": 12 * A, "v": 18 * np.eye(2)}})


def test_each_call_gets_a_fresh_writable_thing():
    def model(p):
        p["v"] *= 2
        p["a"] = None
        return p["v"] @ p["v"]

    x0 = {"a": 1.0, "v": A.copy()}
    approx(CalculusKit(model, x0).gradient(), {"a": 0.0, "v": 8 * A})
    np.testing.assert_array_equal(x0["v"], A)


BAD_POINTS = {
    "text": ({"cosmo": {"h": "0.7"}}, "`x0.cosmo.h` must be real numbers, got '0.7'"),
    "None": ({"cosmo": {"h": None}}, r"`x0.cosmo.h` must be numbers, got None"),
    "text in a list": ([A, "b"], r"`x0\[1\]` must be real numbers, got 'b'"),
    "a truth value": ({"a": True}, "`x0.a` must be real numbers, got True"),
    "a function": ({"f": np.sin}, "`x0.f` must be numbers"),
}


@pytest.mark.parametrize("case", BAD_POINTS)
def test_a_leaf_that_is_no_number_is_named(case):
    x0, message = BAD_POINTS[case]
    with pytest.raises(TypeError, match=message):
        CalculusKit(lambda _: 0.0, x0)


@pytest.mark.parametrize(
    "x0",
    [
        {"a.b": 1.0, "a": {"b": 2.0}},
        {"a.c": 1.0, "a": {"b": 2.0}},  # "a" would mean both
        {"v[0]": 1.0, "v": A},
        {1: 1.0, "1": 2.0},
        pd.Series([1.0, 2.0], index=["a", "a"]),
    ],
    ids=str,
)
def test_keys_that_make_one_name_are_refused(x0):
    with pytest.raises(ValueError, match="`x0` must name each parameter differently"):
        CalculusKit(lambda _: 0.0, x0)


def test_a_name_with_a_dot_means_that_parameter_alone():
    x0 = {"bias": 3.0, "bias.z": 2.0}
    kit = CalculusKit(lambda p: p["bias"] ** 2 * p["bias.z"], x0, wrt="bias")
    approx(kit.gradient(), {"bias": 12.0})


class Attributes(dict):
    """The kind of dict that people write for themselves."""

    __getattr__ = dict.__getitem__


class Linked(dict):
    def __init__(self, *args):
        super().__init__(*args)
        self.__dict__ = self


@pytest.mark.parametrize("kind", [Attributes, Linked, lambda d: SimpleNamespace(**d)])
def test_what_has_attributes_is_handed_on_as_such(kind):
    x0 = kind({"a": 3.0, "v": kind({"b": 2.0})})
    gradient = CalculusKit(lambda p: p.a**2 * p.v.b, x0).gradient()
    assert type(gradient) is type(x0)
    approx([gradient.a, gradient.v.b], [12.0, 9.0])


def test_kinds_of_dict_stay_what_they_are():
    ordered = collections.OrderedDict(b=2.0, a=3.0)
    gradient = CalculusKit(lambda p: p["a"] ** 2 * next(iter(p.values())), ordered).gradient()
    assert isinstance(gradient, collections.OrderedDict)
    assert list(gradient) == ["b", "a"]
    counted = collections.defaultdict(float, a=3.0)
    approx(CalculusKit(lambda p: p["a"] ** 2, counted).gradient(), {"a": 6.0})


def test_an_argument_that_is_also_a_parameter_is_refused():
    with pytest.raises(ValueError, match="`kwargs` must not name parameters of x0, got a"):
        CalculusKit(lambda a, b: a * b, {"a": 1.0, "b": 2.0}, call="keywords", kwargs={"a": 3.0})


def test_periods_go_by_the_keys_of_outputs():
    def model(x):
        return {
            "r": x[0],
            "at": {"phi": (100 * x[0]) % 360, "w": np.array([x[0], 400 * x[0] % 360])},
        }

    period = {"at": {"phi": 360, "w": [np.inf, 360]}}
    J = CalculusKit(model, [3.6], period=period).jacobian()
    np.testing.assert_allclose([J["r"][0], J["at"]["phi"][0]], [1.0, 100.0])
    np.testing.assert_allclose(J["at"]["w"].ravel(), [1.0, 400.0])
    for given in (pd.Series({"phi": 360, "r": None}), {"phi": 360, "r": np.inf}):
        kit = CalculusKit(
            lambda x: pd.Series({"r": x[0], "phi": 100 * x[0] % 360}), [3.6], period=given
        )
        np.testing.assert_allclose(kit.jacobian().to_numpy().ravel(), [1.0, 100.0])
    kit = CalculusKit(lambda x: np.array([x[0], 100 * x[0] % 360]), [3.6], period=[None, 360])
    np.testing.assert_allclose(kit.jacobian().ravel(), [1.0, 100.0])
    for wrong, message in (
        ({"phi": 360}, "outputs among r, at.phi, .*, got phi"),
        ({"at": [1.0, 2.0, 3.0]}, "`period` must be numbers like the outputs"),
        ({"r": -1.0}, "`period` must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            CalculusKit(model, [3.6], period=wrong).jacobian()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ((9.0, "ok"), "has_aux=True"),
        ([9.0, None], "got list with None in it"),
        (["9.0"], "got list with '9.0' in it"),
        (np.array(["9.0"]), "got ndarray of text"),
        ([[9.0, "a"]], "got list of text"),
        (pd.Series(["a"]), "'a' in it"),
        (((1.0, 2.0), (1.0,)), "make an array of each item"),
        ([], "must return at least one number, got none"),
        ({}, "must return at least one number, got none"),
        (csr_array([[1.0]]), r"give its \.toarray\(\)"),
        pytest.param(iter([1.0]), "make it a list", id="an iterator"),
        ({1.0}, "make it a list"),
    ],
    ids=str,
)
def test_an_output_that_is_no_number_is_refused_with_what_to_do(output, message):
    with pytest.raises(TypeError, match=message):
        CalculusKit(lambda _: output, [3.0]).jacobian()


@pytest.mark.parametrize(
    ("x0", "message"),
    [
        ((i for i in [1.0]), "make it a list"),
        ({"a": 1.0}.values(), "make it a list"),
        ([[1.0, 2.0], [3.0]], "its rows differ in length"),
    ],
    ids=["generator", "values", "ragged"],
)
def test_an_x0_that_is_no_array_is_refused_with_what_to_do(x0, message):
    with pytest.raises(TypeError, match=message):
        CalculusKit(lambda _: 0.0, x0)


def test_another_coordinate_needs_a_numerical_method():
    kit = CalculusKit(lambda x: x[0] ** 2, [3.0], transform="log")
    with pytest.raises(TypeError, match="`transform` needs a numerical method"):
        kit.gradient("autograd")
    np.testing.assert_allclose(kit.gradient("complex_step"), [18.0])


def test_none_away_from_x0_means_undefined_there():
    def gives_up(x):
        return x[0] ** 2 if x[0] <= 3.0 else None

    result = CalculusKit(gives_up, [3.0]).gradient_result()
    np.testing.assert_allclose(result.value, [6.0])
    assert "NoneType" in result.raised[0].text
    with pytest.raises(TypeError, match="is its `return` missing"):
        CalculusKit(lambda _: None, [3.0]).gradient()
    with pytest.raises(TypeError, match="NoneType"):
        CalculusKit(gives_up, [3.0], errors="raise").gradient()


def test_accuracies_go_by_the_names_of_outputs():
    def model(p):
        return {"u": p["a"] ** 2, "w": p["b"]}

    for given in ({"w": 1e-3}, pd.Series({"w": 1e-3, "u": 0.0}), [0.0, 1e-3]):
        error = CalculusKit(model, {"a": 3.0, "b": 2.0}, accuracy=given).jacobian_result().error
        assert error[0].max() < 1e-8
        assert error[1].max() > 1e-6
    with pytest.raises(ValueError, match="`accuracy` must be given for outputs among u, w, got x"):
        CalculusKit(model, {"a": 3.0, "b": 2.0}, accuracy={"x": 0.1}).jacobian()


def test_wrt_names_at_least_one():
    with pytest.raises(ValueError, match="`wrt` must name at least one parameter"):
        CalculusKit(lambda x: x[0], [1.0], wrt=[])


def test_steps_by_name_may_leave_out_what_is_not_varied():
    kit = CalculusKit(lambda p: p["a"] * p["b"], {"a": 3.0, "b": 2.0}, wrt="a")
    approx(kit.gradient("finite", stepsize={"a": 1e-3}), {"a": 2.0})


def test_a_direction_along_what_is_held_is_refused():
    kit = CalculusKit(lambda x: x[0] ** 2 * x[1], [3.0, 2.0], bounds=[(None, None), (2.0, 2.0)])
    assert kit.directional([1.0, 0.0]) == pytest.approx(12.0)
    with pytest.raises(ValueError, match=r"`v` must be 0 along what bounds hold fixed, got x\[1\]"):
        kit.directional([1.0, 1.0])


def test_bounds_and_scale_are_nested_as_x0_is_or_named():
    seen = []

    def model(p):
        seen.append((p["cosmo"]["h"], *p["bias"]))
        return p["cosmo"]["h"] ** 2 + p["bias"].sum()

    for bounds in (
        {"cosmo": {"h": (0.7, None)}, "bias": (None, 2.0)},
        {"cosmo.h": (0.7, None), "bias": [(None, 2.0), (None, 2.0)]},
        {"cosmo.h": (0.7, None), "bias[0]": (None, 2.0), "bias[1]": (None, 2.0)},
    ):
        kit = CalculusKit(model, NESTED, bounds=bounds, scale={"cosmo": {"h": 0.1}, "bias": 1.0})
        assert kit.gradient()["cosmo"]["h"] == pytest.approx(1.4, abs=1e-7)
    assert min(h for h, _, _ in seen) == 0.7
    assert max(max(b) for _, *b in seen) == 2.0


X0 = {"a": 3.0, "b": 2.0}


def product(p):
    return p["a"] ** 2 * p["b"]


def test_a_scale_goes_by_its_names():
    seen = []

    def model(p):
        seen.append(p["a"])
        return product(p)

    for scale in ({"b": 1.0, "a": 1e-6}, pd.Series({"b": 1.0, "a": 1e-6})):
        seen.clear()
        CalculusKit(model, X0, scale=scale).gradient("finite")
        assert np.ptp(seen) < 1e-5


def test_claims_go_by_their_names():
    gradient = {"b": 9.0, "a": 12.0}
    assert derivkit.check_gradient(product, gradient, X0).success
    assert derivkit.check_gradient(product, gradient, X0, bounds={"a": (3.0, 3.0)}).success
    assert derivkit.check_gradient(product, pd.Series(gradient), pd.Series(X0)).success
    assert not derivkit.check_gradient(product, {"a": 9.0, "b": 12.0}, X0).success
    hessian = {"b": {"b": 0.0, "a": 6.0}, "a": {"a": 4.0, "b": 6.0}}
    assert derivkit.check_hessian(product, hessian, X0).success
    jacobian = {"w": {"a": 1.0, "b": 0.0}, "u": {"b": 9.0, "a": 12.0}}
    both = derivkit.check_jacobian(lambda p: {"u": product(p), "w": p["a"]}, jacobian, X0)
    assert both.success
    frame = pd.DataFrame([[0.0, 1.0], [9.0, 12.0]], index=["w", "u"], columns=["b", "a"])
    outputs = derivkit.check_jacobian(
        lambda p: pd.Series({"u": product(p), "w": p["a"]}), frame, pd.Series(X0)
    )
    assert outputs.success


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_another_models_outputs_go_by_their_names(kind):
    kit = CalculusKit(lambda p: kind({"u": p["a"] ** 2, "w": p["b"]}), X0)
    result = kit.jacobian_result(compare=lambda p: kind({"w": p["b"], "u": p["a"] ** 2}))
    np.testing.assert_allclose(result.gap, np.zeros((2, 2)), atol=1e-12)
    with pytest.raises(TypeError, match="`compare` must return what `function` does, u, w"):
        kit.jacobian_result(compare=lambda p: kind({"w": p["b"], "v": p["a"] ** 2}))


def test_a_series_whose_order_changes_is_the_same_output():
    def model(x):
        found = {"u": x[0] ** 2, "v": 1j * x[0]}
        return pd.Series(found if x[0] <= 3 else dict(reversed(found.items())))

    J = CalculusKit(model, [3.0]).jacobian()
    np.testing.assert_allclose(J["x[0]"], [6.0, 1j], atol=1e-9)


@pytest.mark.parametrize(
    "other",
    [
        {"x0": {"b": 3.0, "a": 2.0}},
        {"call": "keywords"},
        {"transform": {"a": "log"}},
    ],
    ids=str,
)
def test_a_version_does_not_stand_for_what_the_numbers_of_a_point_are(tmp_path, other):
    def model(*p, **q):
        return product(p[0] if p else q)

    settings = {"x0": X0, "checkpoint": tmp_path / "run.db", "version": "1"}
    CalculusKit(model, **settings).gradient()
    CalculusKit(model, **settings).gradient()
    with pytest.raises(derivkit.CheckpointMismatchError, match="meaning of x0"):
        CalculusKit(model, **(settings | other)).gradient()


def test_a_result_with_nested_labels_reads_back_from_json():
    function, x0, expected = JACOBIANS["a dict of complex and real"]
    result = CalculusKit(function, x0).jacobian_result()
    again = derivkit.DerivativeResult.from_json(result.to_json())
    approx(again.labelled(), expected)
    np.testing.assert_array_equal(again.value, result.value)


def test_a_checkpoint_gives_nested_outputs_back(tmp_path):
    calls = []

    def model(p):
        calls.append(p)
        return {"z": 1j * p["a"] ** 2, "s": pd.Series({"u": p["a"]})}

    settings = {"checkpoint": tmp_path / "run.db", "version": "1"}
    first = CalculusKit(model, {"a": 3.0}, **settings).jacobian()
    n = len(calls)
    again = CalculusKit(model, {"a": 3.0}, **settings).jacobian()
    assert len(calls) == n
    approx(again, first)


def test_the_errors_of_complex_outputs_are_those_of_the_modulus():
    result = CalculusKit(lambda x: np.exp(1j * x[0]) / x[0] ** 2, [0.5]).gradient_result()
    exact = np.exp(0.5j) * (1j / 0.25 - 2 / 0.125)
    assert np.abs(result.value - exact).item() <= result.error.item() < 1e-8
    assert result.status.shape == (1,)
    assert "j" in str(result)


def test_the_complex_step_refuses_complex_outputs():
    with pytest.raises(TypeError, match="for the complex step, got complex ones"):
        CalculusKit(lambda x: 1j * x[0] ** 2, [0.5]).gradient("complex_step")


@pytest.mark.parametrize("slope", [1e2, 1e5])
@pytest.mark.parametrize("method", ["auto", "adaptive", "local_polynomial"])
def test_an_output_that_turns_more_than_steps_tell_is_right_or_unresolved(slope, method):
    kit = CalculusKit(lambda x: (slope * x[0] + 0.3) % (2 * np.pi), [1.0], period=2 * np.pi)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnresolvedWarning)
        found = kit.gradient_result(method)
    assert abs(found.value[0] - slope) <= found.error[0]


@pytest.mark.parametrize("period", [1e-20, {"a": 360.0, "b": 1e-20}])
def test_a_period_below_the_rounding_of_the_output_is_refused_at_the_first_reply(period):
    calls = []

    def model(x):
        calls.append(x)
        return {"a": x[0], "b": x[1]}

    with pytest.raises(ValueError, match="`period` must be above the rounding of the output, got"):
        CalculusKit(model, [1.0, 2.0], period=period).jacobian()
    assert len(calls) == 1


def test_an_accuracy_of_other_outputs_is_refused_at_the_first_reply():
    calls = []

    def model(x):
        calls.append(x)
        return x**2

    with pytest.raises(ValueError, match="`accuracy` must be one number, or one an output"):
        CalculusKit(model, [1.0, 2.0], accuracy=[1e-6] * 3).jacobian()
    assert len(calls) == 1


def test_periodic_outputs_are_unwrapped():
    def angles(x):
        return np.array([np.degrees(x[0]) % 360.0, x[0]])

    J = CalculusKit(angles, [2 * np.pi], period=[360.0, np.inf]).jacobian()
    np.testing.assert_allclose(J[:, 0], [180 / np.pi, 1.0], rtol=1e-8)
    g = CalculusKit(lambda x: np.angle(np.exp(1j * x[0])), [np.pi], period=2 * np.pi).gradient()
    np.testing.assert_allclose(g, 1.0, rtol=1e-8)


@pytest.mark.parametrize(
    ("aux", "calls"),
    [
        ({"chi2": 1.25, "names": ["a", "b"], "ok": True}, 0),
        ("text", 0),
        (np.array([1.0, 2.0]), 1),  # no plain data: the model is called at x0 once more
        ((1, 2), 1),
        (None, 1),
    ],
)
def test_what_stands_beside_an_output_comes_out_of_a_checkpoint(tmp_path, aux, calls):
    made = []

    def model(x):
        made.append(1)
        return {"a": x[0] ** 2, "b": x[1]}, aux

    def once():
        # a version, since the list of calls belongs to the function
        file = {"checkpoint": tmp_path / "run.db", "version": "1"}
        return CalculusKit(model, [1.0, 2.0], has_aux=True, **file).jacobian_result()

    first = once()
    made.clear()
    again = once()
    assert len(made) == calls
    assert (again.value == first.value).all()
    assert type(again.aux) is type(aux)
    assert np.array_equal(np.asarray(again.aux, dtype=object), np.asarray(aux, dtype=object))


def test_what_stands_beside_an_output_is_on_the_result():
    kit = CalculusKit(lambda x: (x[0] ** 2, {"x": x}), [3.0], has_aux=True)
    result = kit.gradient_result()
    np.testing.assert_array_equal(result.aux["x"], [3.0])
    np.testing.assert_allclose(kit.gradient(), [6.0])
    with pytest.raises(TypeError, match=r"must return a pair \(output, aux\), got float"):
        CalculusKit(lambda x: x[0], [3.0], has_aux=True).gradient()


class SolverError(Exception):
    """A package's own."""


def walled(error):
    def model(x):
        if x[0] > 1.0:
            raise error
        return x[0] ** 2

    return model


AWAY = {
    "RuntimeError": RuntimeError("no convergence"),
    "a package's own": SolverError("no root in the bracket"),
    "StopIteration": StopIteration("no more steps"),
    "a warning made an error": RuntimeWarning("overflow"),
}


@pytest.mark.parametrize("case", AWAY)
def test_what_a_model_raises_away_from_x0_means_undefined_there_and_is_noted(case):
    error = AWAY[case]
    result = CalculusKit(walled(error), {"H0": 1.0}, call="array").gradient_result()
    np.testing.assert_allclose(result.value, [2.0], rtol=1e-6)
    (note,) = result.raised
    assert (note.type, note.text) == (type(error).__name__, str(error))
    assert note.point["H0"] > 1.0
    assert note.count == result.undefined.sum() > 0
    assert f"{note.type} " in result.message
    assert str(error) in " ".join(str(result).split())  # it is wrapped


@pytest.mark.parametrize(
    "error",
    [
        TypeError("t"), NameError("n"), AttributeError("a"), ImportError("i"), KeyError("k"),
        IndexError("x"), AssertionError("s"), NotImplementedError("m"), MemoryError("y"),
        OSError("o"), TimeoutError("o"), RecursionError("r"), ModelError("d"), SystemExit(3),
        derivkit.WorkerDiedError("w"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_programming_error_ends_the_run_and_may_be_widened(error):
    with pytest.raises(ModelError, match=r"while H0 was varied, at H0 = 1\.0"):
        CalculusKit(walled(error), [1.0], names=["H0"]).gradient()
    if isinstance(error, Exception):
        kit = CalculusKit(walled(error), [1.0], undefined=type(error))
        np.testing.assert_allclose(kit.gradient(), [2.0], rtol=1e-6)


def test_strictness_can_be_restored():
    with pytest.raises(ModelError, match="SolverError: no root"):
        CalculusKit(walled(AWAY["a package's own"]), [1.0], errors="raise").gradient()
    for fine in (ValueError("v"), ZeroDivisionError("z"), np.linalg.LinAlgError("l")):
        CalculusKit(walled(fine), [1.0], errors="raise").gradient()
    kit = CalculusKit(walled(SolverError("s")), [1.0], errors="raise", undefined=SolverError)
    np.testing.assert_allclose(kit.gradient(), [2.0], rtol=1e-6)


def test_at_x0_any_exception_is_raised_with_the_point():
    def model(x):
        raise SolverError("no root in the bracket")

    with pytest.raises(ModelError, match=r"failed at x0 = \[1\.\]: SolverError: no root") as caught:
        CalculusKit(model, [1.0]).gradient()
    assert caught.value.undefined
    assert isinstance(caught.value.__cause__, SolverError)


def test_the_notes_do_not_depend_on_workers():
    def model(x):
        if x[0] > 1.0 or x[1] < 2.0:
            raise SolverError(f"no root at {x}")
        return x[0] ** 2 * x[1]

    alone = CalculusKit(model, [1.0, 2.0]).gradient_result().raised
    together = (
        CalculusKit(model, [1.0, 2.0], executor="threads").gradient_result(n_workers=2).raised
    )
    assert alone == together


def test_an_ode_solver_that_stops_early_is_undefined_there():
    def trajectory(x):
        n = 5 if x[0] <= 1.0 else 3
        return np.arange(n) * x[0]

    result = CalculusKit(trajectory, [1.0]).jacobian_result()
    np.testing.assert_allclose(result.value[:, 0], np.arange(5.0), atol=1e-8)
    assert result.raised[0].text == "shape (3,) where shape (5,) is due"
    assert "away from x0 the model gave another shape 4 times, first at x[0] = 1" in result.message


def test_sys_exit_in_a_vectorized_model_is_an_error_of_the_model():
    def model(X):
        if (X != 1.0).any():
            raise SystemExit(2)
        return X[:, 0]

    with pytest.raises(ModelError, match="SystemExit: 2"):
        CalculusKit(model, [1.0], vectorized=True).gradient()
