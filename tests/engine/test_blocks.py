"""The points of a round made at once are those of their rays, one by one."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit import CalculusKit
from derivkit.engine.blocks import RayTable, block_of
from derivkit.engine.points import AxisRay, ObliqueRay

X0 = np.array([1.0, -2.0, 0.0, 1e9])
FAR = np.inf


def oblique(indices, weights, lower=-FAR, upper=FAR):
    k = len(indices)
    return ObliqueRay(X0, indices, np.array(weights), np.full(k, lower), np.full(k, upper))


AXES = [AxisRay(X0, i, X0[i].item(), X0[i] - 0.5, X0[i] + FAR) for i in (2, 0, 3)]
PLANES = [oblique((0, 1), [1.0, 0.5]), oblique((3, 2), [-1.0, 1e-9]), oblique((1, 0), [0.0, 1.0])]
LINES = [oblique((2,), [-0.5]), oblique((0,), [3.0], -3.0, 1.25)]
MIXED = [AXES[0], PLANES[0], oblique((0, 1, 2), [1.0, 1.0, 1.0], -3.0, 1.25)]
PLACES = st.lists(st.sampled_from([0.0, -0.75, 1e-3, 0.1, 2.0, 1e-12]), max_size=4)


@pytest.mark.parametrize(
    ("rays", "tabled"), [(AXES, True), (PLANES, True), (LINES, True), (MIXED, False)]
)
@settings(max_examples=40, deadline=None)
@given(places=st.lists(PLACES, min_size=3, max_size=3))
def test_keys_and_points_are_those_of_the_rays(rays, tabled, places):
    together, places = RayTable.of(rays), places[: len(rays)]
    assert isinstance(together, RayTable) == tabled
    block = block_of(together, range(len(rays)), [np.array(t) for t in places])
    every = [(ray, t) for ray, ts in zip(rays, places, strict=True) for t in ts]
    assert block.keys == [ray.key(t) for ray, t in every]
    points = [ray.place(t) for ray, t in every]
    assert [x.tolist() for _, x in block] == [x.tolist() for x in points]
    if tabled and points:
        assert block.rows(len(points)).tolist() == np.array(points).tolist()
    for n, ray in enumerate(rays):
        assert together[n].key(0.3) == ray.key(0.3)
        assert together[n].place(0.3).tolist() == ray.place(0.3).tolist()


def test_complex_places_are_made_one_by_one():
    block = block_of(RayTable.of(AXES), [1, 0], [np.array([1e-20j]), np.array([0.25])])
    assert [x.dtype.kind for _, x in block] == ["c", "f"]


@pytest.mark.parametrize("p", [1, 3, 50])
def test_a_vectorised_gradient_is_that_of_single_calls_where_its_calls_are_cut(p, monkeypatch):
    monkeypatch.setattr("derivkit.engine.backends.serial.NUMBERS_OF_CALL", 7 * p)
    x0 = np.linspace(0.5, 2.0, p)
    many = CalculusKit(lambda x: (x**3).sum(axis=1), x0, vectorized=True).gradient_result()
    one = CalculusKit(lambda x: (x**3).sum(), x0).gradient_result()
    assert many.value.tolist() == one.value.tolist()
    assert many.nfev == one.nfev == 8 * p + 1


def test_points_that_are_picked_out_keep_the_keys_that_they_have(monkeypatch):
    block = block_of(MIXED, range(3), [np.array([0.0, 0.1])] * 3)  # keys of long rays cost a digest
    monkeypatch.delattr(ObliqueRay, "key")
    monkeypatch.delattr(AxisRay, "key")
    assert block.taken([1, 3, 5]).keys == block.keys[1::2]
