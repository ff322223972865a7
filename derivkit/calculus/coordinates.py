"""Parameters in other coordinates: derivatives with respect to ln As instead of As."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.calling import COORDINATES
from derivkit.engine.names import in_order
from derivkit.validation import check_index, check_known, check_sequence

__all__ = ["Coordinates", "must_be_own"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Which parameters are followed in which coordinate; false if all are followed as given.

    Attributes
    ----------
    names : tuple of p str
        As the user calls the parameters themselves.
    kinds : dict of int to str
        "log" or "log10", by parameter.
    """

    names: tuple[str, ...]
    kinds: Mapping[int, str]

    def __bool__(self) -> bool:
        return bool(self.kinds)

    @classmethod
    def of(cls, transform: Any, names: tuple[str, ...]) -> Coordinates:
        """Return those that were asked for: one for all, by name, branch or index, or in order."""
        if transform is None:
            return cls(names, {})
        if isinstance(transform, str):
            transform = [transform] * len(names)
        elif isinstance(transform, Mapping):
            known = {
                key if isinstance(key, str) else names[check_index("transform", key, names)]: each
                for key, each in transform.items()
            }
            transform = in_order("transform", known, names, None)
        kinds = dict(enumerate(check_sequence("transform", transform, "names")))
        if len(kinds) != len(names):
            raise ValueError(f"`transform` must be one for all or {len(names)}, got {len(kinds)}")
        known_kinds = tuple(COORDINATES)
        return cls(
            names,
            {
                i: check_known("transform", kind, known_kinds)
                for i, kind in kinds.items()
                if kind is not None
            },
        )

    def shown(self) -> tuple[str, ...]:
        """Return the names of the coordinates: "ln(As)"."""
        if not self.kinds:
            return self.names
        named = {i: f"{COORDINATES[kind].name}({self.names[i]})" for i, kind in self.kinds.items()}
        return tuple(named.get(i, name) for i, name in enumerate(self.names))

    def in_order(self, chosen: Sequence[int] | None) -> tuple[str | None, ...]:
        """Return the kind of each parameter, or of the chosen ones; () where none is moved."""
        if not self.kinds:
            return ()
        places = range(len(self.names)) if chosen is None else chosen
        return tuple(self.kinds.get(i) for i in places)

    def inside(self, lower: Floats, upper: Floats) -> dict[int, tuple[str, float, float]]:
        """Return what `Calling` needs: the kinds, and the bounds that rounding may cross."""
        return {i: (kind, float(lower[i]), float(upper[i])) for i, kind in self.kinds.items()}

    def at(self, x: Floats) -> Floats:
        """Return points (..., p) in these coordinates; −inf where a bound is not positive."""
        moved = np.array(x)
        for i, kind in self.kinds.items():
            with np.errstate(divide="ignore"):
                moved[..., i] = COORDINATES[kind].forward(np.maximum(moved[..., i], 0.0))
        return moved

    def point(self, x0: Floats) -> Floats:
        """Return x0 (..., p) in these coordinates.

        Raises
        ------
        ValueError
            If a parameter has no logarithm.
        """
        for i, kind in self.kinds.items():
            if not (x0[..., i] > 0).all():
                raise ValueError(
                    f"`x0` must be positive where `transform` is {kind!r}, got {self.names[i]} = "
                    f"{np.min(x0[..., i])}"
                )
        return self.at(x0)

    def lengths(self, x0: Floats, scale: Floats, given: NDArray[np.bool_]) -> Floats:
        """Return scales: those that were given, in the new unit; else one e-fold."""
        moved = np.array(scale)
        for i, kind in self.kinds.items():
            unit = COORDINATES[kind].forward(np.e)
            moved[..., i] = unit * (moved[..., i] / x0[..., i] if given[i] else 1.0)
        return moved


def must_be_own(transform: Any, because: str) -> None:
    """Raise a ValueError if a transform was asked for where derivatives by x0 itself are needed."""
    if transform is not None:
        raise ValueError(f"`transform` must be None here: {because}")
