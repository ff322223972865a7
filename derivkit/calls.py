"""A kit's method by name, to be run on another memo and at another point than the kit's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from derivkit.calculus.inputs import Problem, check_known
from derivkit.calculus_kit import CalculusKit
from derivkit.engine.choice import Execution

if TYPE_CHECKING:
    from derivkit.engine.memo import RoutedMemo

__all__ = ["call_of"]

NOT_DERIVATIVES = frozenset({"at_many", "plan"})


def call_of(
    kit: CalculusKit, what: str, arguments: Mapping[str, Any], problem: Problem
) -> Callable[[RoutedMemo], Any]:
    """Return a function of a memo that calls the kit's method ``what`` for another problem.

    Nothing is called but the memo's route: no pool is started, whatever the kit was told.

    Raises
    ------
    ValueError
        If ``what`` is not a method that gives derivatives.
    """
    names = [
        name
        for name in dir(CalculusKit)
        if callable(getattr(CalculusKit, name))
        and not name.startswith("_")
        and name not in NOT_DERIVATIVES
    ]
    check_known("what", what, names)
    here = replace(problem, execution=Execution())
    keywords = {**arguments, "n_workers": 1, "progress": None}
    indices = keywords.pop("indices", ())  # of `mixed`, which takes them one by one
    return lambda memo: getattr(kit._with(here, memo), what)(*indices, **keywords)  # noqa: SLF001
