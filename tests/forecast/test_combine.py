"""Several probes together: what their data share, and what each one's covariance is known from."""

import numpy as np
import pytest

from derivkit import DataBlock, ForecastKit, Poisson

X, Y = np.linspace(0, 1, 5), np.linspace(1, 2, 7)
GENERATOR = np.random.default_rng(1)
CROSS = 0.004 * GENERATOR.standard_normal((5, 7))
JOINT = np.block([[0.01 * np.eye(5), CROSS], [CROSS.T, 0.04 * np.eye(7)]])
SLOPES = np.concatenate(
    [np.stack([X, X**2, 0 * X], axis=1), np.stack([Y, 0 * Y, np.sqrt(Y)], axis=1)]
)


def first(theta):
    return theta["H"] * X + theta["n"] * X**2


def second(theta):
    return theta["H"] * Y + theta["k"] * np.sqrt(Y)


ONE = ForecastKit(first, {"H": 1.0, "n": 0.5}, 0.01)
TWO = ForecastKit(second, {"H": 1.0, "k": 0.3}, 0.04)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10 * np.abs(wanted).max())


def test_a_combination_within_a_combination_keeps_its_cross_covariance():
    pair = ForecastKit.combine(one=ONE, two=TWO, cross={("one", "two"): CROSS})
    more = ForecastKit(lambda t: [t["H"]], {"H": 1.0}, 1.0)
    whole = ForecastKit.combine(pair=pair, more=more)
    close(whole.fisher(), SLOPES.T @ np.linalg.solve(JOINT, SLOPES) + np.diag([1.0, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("cross", "says"),
    [
        ({("one", "one"): np.eye(5)}, "between two blocks"),
        ({("one",): np.eye(5)}, "between two blocks"),
        ({("one", "two"): CROSS, ("two", "one"): CROSS.T}, "once"),
        ({("one", "two"): CROSS.T}, "shape"),
        ({("one", "two"): 0.1 + 0 * CROSS}, "cov with cross"),
    ],
)
def test_cross_covariances_that_are_none_are_refused(cross, says):
    with pytest.raises(ValueError, match=says):
        ForecastKit.combine(one=ONE, two=TWO, cross=cross).fisher()


@pytest.mark.parametrize("cov", [np.full(5, 0.01), lambda t: np.full(5, 0.01 * t["n"])])
def test_the_same_data_are_known_by_what_they_are(cov):
    def again():
        return cov if callable(cov) else cov.copy()

    kits = {key: ForecastKit(first, {"H": 1.0, "n": 0.5}, again()) for key in ("one", "two")}
    with pytest.raises(ValueError, match="two and one hold the same data"):
        ForecastKit.combine(**kits)


def test_other_data_of_the_same_kind_count_once_their_covariance_is_given():
    both = ForecastKit.combine(
        one=ONE,
        two=ForecastKit(first, {"H": 1.0, "n": 0.5}, 0.01),
        cross={("one", "two"): np.zeros((5, 5))},
    )
    close(both.fisher(), 2 * ONE.fisher())


def test_simulations_of_blocks_correct_each_by_its_own_size():
    blocks = {"one": DataBlock(first, 0.01), "two": DataBlock(lambda t: t["H"] * Y - t["n"], 0.04)}
    at = {"H": 1.0, "n": 0.5}
    kit = ForecastKit(blocks, at, cov_samples=30)
    parts = [ForecastKit({key: each}, at).fisher() for key, each in blocks.items()]
    close(kit.fisher(), parts[0] * (30 - 5 - 2) / 29 + parts[1] * (30 - 7 - 2) / 29)
    assert "C^-1 of one is multiplied by Hartlap's factor 0.7931" in kit.fisher_result().message
    table = kit.by_probe()
    np.testing.assert_allclose(table.sigma[2], kit.fisher_result().sigma, rtol=1e-10)


def test_counts_have_no_covariance_from_simulations():
    rate = Poisson(lambda t: 100 * t["H"] * Y)
    with pytest.raises(ValueError, match="`cov_samples` must be None for counts"):
        ForecastKit(rate, {"H": 1.0}, cov_samples=30).fisher()
    beside = ForecastKit({"one": DataBlock(first, 0.01), "counts": rate}, {"H": 1.0, "n": 0.5})
    few = ForecastKit(beside.function, {"H": 1.0, "n": 0.5}, cov_samples=30)
    off = few.fisher() - beside.fisher()
    close(
        off,
        (23 / 29 - 1) * ForecastKit({"one": DataBlock(first, 0.01)}, {"H": 1.0, "n": 0.5}).fisher(),
    )


def test_kits_without_a_name_are_told_to_have_one():
    kit = ForecastKit(lambda t: [t[0]], [1.0], 1.0)
    for given in ((kit, kit), ([kit, kit],)):
        with pytest.raises(TypeError, match=r"given by name.*combine\(sn=kit1, bao=kit2\)"):
            ForecastKit.combine(*given)
