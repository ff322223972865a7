"""The sub-commands whose numbers come from files, or go there: covariance, sampled, plan."""

from __future__ import annotations

import argparse
import re
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from derivkit.calculus_kit import CalculusKit
from derivkit.cli.commands import call_options, kit_options, model_of, point_of, write
from derivkit.cli.output import written
from derivkit.parameter_covariance import covariance as covariance_of
from derivkit.plan.plan import Plan
from derivkit.results.table import FORMATS, Shown, rows_of, text_table
from derivkit.sampled.differences import gradient_result
from derivkit.sampled.noisy import noisy_gradient_result

__all__ = ["add_plan_options", "add_sampled_options", "covariance", "plan", "sampled"]


class _Table(Shown):
    """Rows and a sentence, to be written in any form."""

    def __init__(
        self, title: str, formats: Mapping[str, str] | None = None, /, **columns: Sequence[Any]
    ) -> None:
        self._rows, self._title, self._formats = rows_of(**columns), title, formats or {}

    def rows(self) -> list[dict[str, Any]]:
        return self._rows

    def _shown(self) -> tuple[Sequence[Mapping[str, Any]], str]:
        return self._rows, self._title

    def __str__(self) -> str:
        # all rows: they may be what the user is after
        return text_table(*self._shown(), self._formats)


def covariance(arguments: Namespace) -> bool:
    """Print standard errors at the optimum of a fit: of residuals, or of −log L."""
    kit = CalculusKit(model_of(arguments), point_of(arguments.at), **kit_options(arguments))
    options = call_options(arguments)
    at_optimum = kit.hyper_hessian_result(order=0).value
    if at_optimum.ndim:
        result = kit.jacobian_result(arguments.method, **options)
        residuals = at_optimum if arguments.sigma is None else None
        found = covariance_of(result, residuals, sigma=arguments.sigma)
    else:
        result = kit.hessian_result(arguments.method, **options)
        found = covariance_of(result, sigma=arguments.sigma)
    title = f"standard errors at the optimum, {result.message}"
    table = _Table(
        title,
        FORMATS | {"standard_error": "{:.6g}"},
        parameter=found.names,
        value=result.x0.tolist(),
        standard_error=found.standard_errors.tolist(),
        error=found.standard_errors_error.tolist(),
    )
    write(written(table, arguments.format), arguments.output)
    return bool(result.success)


def add_sampled_options(parser: argparse.ArgumentParser) -> None:
    """Add what `sampled` takes beside the output's options."""
    group = parser.add_argument_group("the samples")
    group.add_argument(
        "file", metavar="FILE", help="columns of numbers, the first the places; - for input"
    )
    group.add_argument("--order", type=int, default=1, help="default: 1")
    group.add_argument("--noisy", action="store_true", help="the samples have noise: smooth them")


def sampled(arguments: Namespace) -> bool:
    """Print the derivatives of the columns of a file with respect to the first."""
    names, rows = _columns(arguments.file)
    if rows.shape[1] < 2:
        raise ValueError(f"the file must have at least two columns, got {rows.shape[1]}")
    x, fine = rows[:, 0], True
    columns = {names[0]: x.tolist()}
    compute = noisy_gradient_result if arguments.noisy else gradient_result
    for name, y in zip(names[1:], rows[:, 1:].T, strict=True):
        result = compute(y, x, order=arguments.order)
        columns |= {f"d {name}": result.value.tolist(), f"error {name}": result.error.tolist()}
        fine = fine and bool(np.isfinite(result.error).all())
    title = f"derivatives of order {arguments.order} with respect to {names[0]}"
    write(written(_Table(title, **columns), arguments.format), arguments.output)
    return fine


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Add what `plan` takes beside the output's options."""
    group = parser.add_argument_group("the plan")
    group.add_argument("file", metavar="FILE", help="the plan's file: made with --at, read without")
    group.add_argument("--what", default="gradient", help="gradient, jacobian_result, …")
    group.add_argument("--at", nargs="+", metavar="X", help="as for gradient: makes a plan")
    group.add_argument("--tell", metavar="VALUES", help="the values at the points, - for input")


def plan(arguments: Namespace) -> bool:
    """Print the points at which a model is wanted; once all are told, the result."""
    if arguments.at:
        if Path(arguments.file).exists():
            raise ValueError(f"{arguments.file} must not exist, for --at makes a plan")
        what = arguments.what.removesuffix("_result")
        asked = Plan(f"{what.replace('-', '_')}_result", point_of(arguments.at))
    else:
        asked = Plan.load(arguments.file)
    if arguments.tell:
        asked.tell(_told(arguments.tell, len(asked.points())))
    asked.save(arguments.file)
    if not asked.done:
        write(str(asked.points().to_csv()), arguments.output)
        return True
    result = asked.result()
    write(written(result, arguments.format), arguments.output)
    return bool(result.success)


def _told(path: str, points: int) -> Any:
    """Return values: one a line in the points' order, or behind the points' numbers."""
    names, rows = _columns(path)
    if names[0] == "point":
        values = rows[:, 1].tolist() if rows.shape[1] == 2 else list(rows[:, 1:])
        return dict(zip(rows[:, 0].astype(int).tolist(), values, strict=True))
    if len(rows) != points:
        raise ValueError(f"{path} must have {points} lines, one a point, got {len(rows)}")
    return rows[:, 0].tolist() if rows.shape[1] == 1 else list(rows)


def _columns(path: str) -> tuple[list[str], Any]:
    """Return the names and the numbers (n, columns) of a file; a header is one if it is text."""
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    lines = [re.split(r"[,;\s]+", line.strip(" ,;")) for line in text.splitlines() if line.strip()]
    lines = [words for words in lines if not words[0].startswith("#")]
    if not lines:
        raise ValueError(f"{path} must hold numbers, got nothing")
    names = [f"column {k}" for k in range(1, len(lines[0]) + 1)]
    if not all(map(_is_number, lines[0])):
        names = lines.pop(0)
    wrong = [
        words for words in lines if len(words) != len(names) or not all(map(_is_number, words))
    ]
    if wrong or not lines:
        got = " ".join(wrong[0]) if wrong else "nothing"
        raise ValueError(f"{path} must hold lines of {len(names)} numbers, got {got!r}")
    return names, np.array(lines, dtype=float)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
