"""Quantities of real packages: refused with their conversion, or reduced to numbers."""

import numpy as np
import pytest

from derivkit import CalculusKit


def quantities(package):
    """Return a length of 2, two lengths, and 2 without dimension."""
    if package == "pint":
        unit = pytest.importorskip("pint").UnitRegistry()
        return 2.0 * unit.m, np.array([1.0, 2.0]) * unit.km, 2.0 * unit.m / unit.m
    if package == "astropy":
        u = pytest.importorskip("astropy.units")
        return 2.0 * u.m, np.array([1.0, 2.0]) * u.km, 2.0 * u.m / u.m
    u = pytest.importorskip("unyt")
    return 2.0 * u.m, np.array([1.0, 2.0]) * u.km, u.unyt_quantity(2.0, "")


CONVERSION = {"pint": r"\.to\(.*\)\.magnitude", "astropy": r"\.to_value\(", "unyt": r"\.to_value\("}
PACKAGES = pytest.mark.parametrize("package", CONVERSION)


@PACKAGES
def test_a_quantity_in_x0_is_refused_with_its_conversion(package):
    length, lengths, _ = quantities(package)
    for x0 in (length, lengths, [length], {"a": length, "b": 1.0}, {"a": {"b": lengths}}):
        with pytest.raises(TypeError, match=CONVERSION[package]):
            CalculusKit(lambda x: 1.0, x0)


@PACKAGES
def test_a_quantity_as_output_is_refused_with_its_conversion(package):
    length, lengths, _ = quantities(package)
    with pytest.raises(TypeError, match=CONVERSION[package]):
        CalculusKit(lambda x: x[0] * length, [1.0]).gradient()
    with pytest.raises(TypeError, match=CONVERSION[package]):
        CalculusKit(lambda x: x[0] * lengths, [1.0]).jacobian()
    with pytest.raises(TypeError, match=CONVERSION[package]):
        CalculusKit(lambda x: {"d": x[0] * length}, [1.0]).jacobian()


@PACKAGES
def test_one_without_dimension_is_a_number(package):
    length, _, number = quantities(package)
    assert CalculusKit(lambda x: x[0] ** 2 * number, [3.0]).gradient() == pytest.approx([12.0])
    assert CalculusKit(lambda x: x[0] ** 2, [number]).gradient() == pytest.approx([4.0])
    ratio = CalculusKit(lambda x: (x[0] * length) / length, [3.0])
    assert ratio.gradient() == pytest.approx([1.0])
