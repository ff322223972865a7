"""The form of numpy.gradient: the same numbers, types and exceptions."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from derivkit import sampled

DTYPES = ["i1", "u2", "i8", "f2", "f4", "f8", "g", "c8", "c16", "M8[s]", "m8[s]", "O"]
BAD_DTYPES = ["?", "U3", "S2"]
NUMBERS = st.floats(-1e3, 1e3, allow_nan=False, width=16)


def outcome(function, *args, **kwargs):
    """Return the arrays, or the type of the exception."""
    try:
        # Overflow and division by zero are part of what numpy does with such input.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            out = function(*args, **kwargs)
    except Exception as error:
        return type(error)
    return tuple(out) if isinstance(out, (list, tuple)) else (out,)


def assert_same(args, kwargs):
    """Compare what numpy gives with ours; return it."""
    ours, theirs = outcome(sampled.gradient, *args, **kwargs), outcome(np.gradient, *args, **kwargs)
    if isinstance(theirs, type):
        assert ours is theirs
        return theirs
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    return theirs


@st.composite
def spacing(draw, size):
    kind = draw(st.sampled_from(["scalar", "even", "uneven", "any", "integer"]))
    if kind == "scalar":
        return draw(NUMBERS)
    if kind == "even":
        return np.arange(size) * draw(st.sampled_from([0.5, -1.0, 0.1]))
    if kind == "uneven":
        return np.cumsum(draw(st.lists(st.floats(0.125, 8), min_size=size, max_size=size)))
    if kind == "any":
        return draw(st.lists(NUMBERS, min_size=size, max_size=size))
    return np.array(draw(st.lists(st.integers(0, 255), min_size=size, max_size=size)), "u1")


@st.composite
def calls(draw):
    """Make a call of numpy.gradient, half of them with something wrong in it."""
    wrong = draw(
        st.sampled_from([None] * 5 + ["axis", "count", "spacing", "edge_order", "size", "dtype"])
    )
    least = 0 if wrong == "size" else 3
    shape = draw(hnp.array_shapes(min_dims=least // 3, max_dims=3, min_side=least, max_side=6))
    dtype = np.dtype(draw(st.sampled_from(BAD_DTYPES if wrong == "dtype" else DTYPES)))
    f = np.asarray(draw(hnp.arrays("i1", shape))).astype(dtype)

    numbers = range(-len(shape), len(shape))
    axes = draw(
        st.lists(st.sampled_from(numbers), unique_by=lambda a: a % len(shape))
        if shape
        else st.just([])
    )
    if wrong == "axis":
        axes = [*axes, draw(st.sampled_from([len(shape), -len(shape) - 1, *axes]))]
    single = len(axes) == 1 and draw(st.booleans())
    axis = draw(st.sampled_from([None, axes[0] if single else tuple(axes)]))
    sizes = shape if axis is None else [shape[a] if a in numbers else 3 for a in axes]

    form = draw(st.sampled_from(["none", "one", "each", "each"]))
    spacings = [] if form == "none" else [draw(NUMBERS)]
    if form == "each":
        spacings = [draw(spacing(s)) for s in sizes]
    if wrong == "count":
        spacings = [1.0] * (len(sizes) + draw(st.sampled_from([1, 2])))
    if wrong == "spacing" and spacings:
        bad = [np.ones(9), np.ones((3, 1)), "x", None, [1.0, "x"], 0.0, np.inf, np.nan]
        spacings[-1] = draw(st.sampled_from(bad))
    orders = [0, 3, 7, -1, "2", None] if wrong == "edge_order" else [1, 2]
    edge_order = draw(st.sampled_from(orders))
    f = f.tolist() if dtype.kind in "ifc" and draw(st.booleans()) else f
    return (f, *spacings), {"axis": axis, "edge_order": edge_order}


def test_any_call_gives_what_numpy_gives():
    """It would prove little if nearly all calls were rejected, or none were."""
    kinds = {"arrays": 0, "tuples": 0, "errors": 0}

    @settings(max_examples=600, deadline=None, derandomize=True, database=None)
    @given(calls())
    def same(call):
        out = assert_same(*call)
        kinds["errors" if isinstance(out, type) else "tuples" if len(out) > 1 else "arrays"] += 1

    same()
    assert min(kinds.values()) > 100


F = np.array([1, 2, 4, 7, 11, 16])
G = np.array([[1, 2, 6], [3, 4, 5]])


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((F,), {}, [1.0, 1.5, 2.5, 3.5, 4.5, 5.0]),
        ((F, 2), {}, [0.5, 0.75, 1.25, 1.75, 2.25, 2.5]),
        ((F, np.arange(6)), {}, [1.0, 1.5, 2.5, 3.5, 4.5, 5.0]),
        ((F, np.array([0.0, 1.0, 1.5, 3.5, 4.0, 6.0])), {}, [1.0, 3.0, 3.5, 6.7, 6.9, 2.5]),
        ((G,), {}, ([[2, 2, -1], [2, 2, -1]], [[1, 2.5, 4], [1, 1, 1]])),
        ((G, 2.0, [1.0, 1.5, 3.5]), {}, ([[1, 1, -0.5]] * 2, [[2, 2, 2], [2, 1.7, 0.5]])),
        ((np.arange(5) ** 2,), {"edge_order": 1}, [1, 2, 4, 6, 7]),
        ((np.arange(5) ** 2,), {"edge_order": 2}, [0, 2, 4, 6, 8]),
        ((G,), {"axis": 0}, [[2, 2, -1], [2, 2, -1]]),
        (
            (np.array([0, 4, 9, 36, 64]), np.array([0.0, 2, 3, 6, 8])),
            {"edge_order": 2},
            [0, 4, 6, 12, 16],
        ),
    ],
)
def test_the_examples_of_numpy_s_documentation(args, kwargs, expected):
    np.testing.assert_allclose(sampled.gradient(*args, **kwargs), expected, rtol=1e-14)


def test_the_meshgrid_example_of_numpy_s_documentation():
    x, y = np.arange(0, 6, 2), np.arange(0, 9, 3)
    xs, ys = np.meshgrid(x, y)
    for spacings in ((3, 2), (y, 2)):
        by_row, by_column = sampled.gradient(xs + 2 * ys, *spacings)
        np.testing.assert_array_equal(by_row, np.full((3, 3), 2.0))
        np.testing.assert_array_equal(by_column, np.ones((3, 3)))


def test_masked_samples_stay_masked():
    f = np.ma.masked_greater(np.arange(8.0), 5)
    np.testing.assert_array_equal(sampled.gradient(f).mask, np.gradient(f).mask)


def test_several_axes_give_a_tuple_and_one_an_array():
    assert isinstance(sampled.gradient(G), tuple)
    assert isinstance(sampled.gradient(G, axis=(1,)), np.ndarray)
