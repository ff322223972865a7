"""Names, aliases, options, and methods that other packages bring."""

import dataclasses
import sys

import numpy as np
import pytest

from derivkit import available_methods, register_method
from derivkit.methods import Adaptive, Finite, registry
from derivkit.methods.protocol import Estimate

ALIASES = {
    "auto": ["default", "AUTO"],
    "finite": [
        "finite-difference", "finite_difference", "fd", "findiff", "finite_diff", "Finite Diff",
    ],
    "adaptive": ["adaptive-fit", "adaptive_fit", "ad", "adapt"],
    "local_polynomial": [
        "local-polynomial", "lp", "localpoly", "local_poly", "polyfit", "Local Polynomial",
    ],
    "fornberg": ["fb", "forn", "fornberg-fd", "fornberg_fd", "fornberg_weights"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "alias"), [(n, a) for n, aliases in ALIASES.items() for a in (n, *aliases)]
)
def test_names_and_aliases_are_found_whatever_their_case_and_punctuation(name, alias):
    assert registry.canonical_name(alias) == name


def test_available_methods_lists_each_name_with_its_aliases():
    listed = available_methods()
    assert listed["fornberg"] == ["fb", "forn", "fornberg-fd", "fornberg_fd", "fornberg_weights"]
    listed["fornberg"].clear()
    assert available_methods()["fornberg"]  # the caller's copy


def test_a_name_with_options_is_short_for_the_value():
    assert registry.resolve("fd", {"stepsize": 0.1, "num_points": 7}) == Finite(0.1, 7)
    assert registry.resolve(Adaptive(n_points=5), {}) == Adaptive(n_points=5)


@pytest.mark.parametrize(
    ("method", "options", "error", "text"),
    [
        ("finit", {}, ValueError, "did you mean 'finite'?"),
        ("newton", {}, ValueError, "`method` must be one of auto, finite"),
        ("finite", {"step_size": 0.1}, TypeError, "did you mean 'stepsize'?"),
        ("adaptive", {"npoints": 5}, TypeError, "did you mean 'n_points'?"),
        ("fornberg", {"colour": 1}, TypeError, "has no option 'colour'"),
        (Finite(), {"stepsize": 0.1}, TypeError, "already holds its own"),
        (Finite, {}, TypeError, "method value such as Finite()"),
        (3, {}, TypeError, "`method` must be a name"),
    ],
)
def test_what_is_not_known_is_refused_with_the_nearest_name(method, options, error, text):
    with pytest.raises(error) as caught:
        registry.resolve(method, options)
    assert text in str(caught.value)


@dataclasses.dataclass(frozen=True)
class Slope:
    """The simplest method there is."""

    step: float = 1e-6

    def solve(self, line, order):
        values = yield np.array([0.0, self.step])
        value = (values[1] - values[0]) / self.step
        return Estimate(value, np.abs(value) * 1e-3)


@pytest.fixture
def clean_registry():
    """Take back what a test registers."""
    tables = (registry._classes, registry._aliases, registry._BUILT_IN)
    before = [dict(table) for table in tables]
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)
    registry._index.cache_clear()
    registry._load_entry_points.cache_clear()


@pytest.mark.usefixtures("clean_registry")
def test_a_registered_method_goes_by_its_name_and_aliases():
    register_method("slope", Slope, aliases=["secant"])
    assert registry.resolve("Secant", {"step": 0.5}) == Slope(0.5)
    assert registry.name_of(Slope()) == "slope"
    assert available_methods()["slope"] == ["secant"]


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize("name", ["finite", "Finite", "F.D.", "polyfit", "complex"])
def test_a_taken_name_is_refused(name):
    with pytest.raises(ValueError, match="is taken by"):
        register_method(name, Slope)
    with pytest.raises(ValueError, match="is taken by"):
        register_method("mine", Slope, aliases=[name])


@pytest.mark.parametrize("cls", [Slope(), int, lambda: None, "Slope"])
def test_a_class_that_does_not_follow_the_protocol_is_refused(cls):
    with pytest.raises(TypeError, match="solve"):
        register_method("mine", cls)


@pytest.fixture
def installed(tmp_path, monkeypatch, clean_registry):
    """Install a real, tiny distribution that brings methods."""

    def install(entries, body):
        (tmp_path / "thirdparty_slopes.py").write_text(body)
        info = tmp_path / "thirdparty_slopes-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: thirdparty-slopes\nVersion: 1.0\n"
        )
        lines = [f"{name} = thirdparty_slopes:{cls}" for name, cls in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[derivkit.methods]", *lines]) + "\n")
        monkeypatch.syspath_prepend(tmp_path)
        registry._load_entry_points.cache_clear()
        registry._index.cache_clear()

    yield install
    sys.modules.pop("thirdparty_slopes", None)


BODY = """
from dataclasses import dataclass
import numpy as np
from derivkit.methods.protocol import Estimate

@dataclass(frozen=True)
class Secant:
    step: float = 1e-6

    def solve(self, line, order):
        values = yield np.array([0.0, self.step])
        value = (values[1] - values[0]) / self.step
        return Estimate(value, np.abs(value) * 1e-3)

class Nothing:
    pass
"""


def test_an_installed_package_brings_a_method(installed):
    installed({"third-party": "Secant"}, BODY)
    from derivkit import CalculusKit

    assert "third-party" in available_methods()
    result = CalculusKit(lambda x: x[0] ** 2, [3.0]).gradient_result("Third Party", step=1e-7)
    assert result.method == "third-party"
    assert result.value[0] == pytest.approx(6, rel=1e-6)
    with pytest.raises(TypeError, match="did you mean 'step'"):
        CalculusKit(lambda x: x[0] ** 2, [3.0]).gradient("third-party", stp=1)


def test_an_installed_package_cannot_take_a_name(installed):
    installed({"FD": "Secant"}, BODY)
    with pytest.warns(UserWarning, match="is ignored, as that name is taken by 'finite'"):
        available_methods()
    assert registry.resolve("fd", {}) == Finite()


def test_an_installed_class_that_is_no_method_is_refused_when_used(installed):
    installed({"nothing": "Nothing"}, BODY)
    with pytest.raises(TypeError, match="solve"):
        registry.resolve("nothing", {})
