"""What can be typed after ``derivkit``: the sub-commands, their options and their help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from derivkit.calculus_kit import CalculusKit
from derivkit.cli import commands, files, forecasts
from derivkit.cli.completion import SHELLS
from derivkit.validation import LONGEST_SHOWN, shown
from derivkit.version import __version__

__all__ = ["parse"]

FUNCTION_HELP = """\
A model is a Python function of one array of parameters, given as
path/to/file.py:function or package.module:function."""

MODEL_HELP = f"""\
{FUNCTION_HELP}
Or it is any program, given with --exec: "{{theta}}" in its arguments becomes
the parameters, "{{name}}" the one of that name (without either they are written
to its standard input), and the numbers in the last line that it prints are
the output."""

_ABOUT = {
    "sampled": """\
Columns of numbers, separated by commas or blanks; the first are the places.""",
    "plan": """\
With --at a plan is made, and the points are printed at which the model is
wanted. Call it there, and tell the values with --tell, one line a point: the
next points are printed, or the result. Lines may begin with the point's
number, under a header point,value.""",
}

EXIT_CODES = """\
exit codes:
  0  every derivative is resolved      2  wrong usage
  1  a derivative is not resolved,     3  the model failed
     the check disagrees, or the       130  interrupted
     forecast is not to be trusted"""

EXAMPLES = """\
examples:
  derivkit gradient model.py:log_likelihood --at 0.5 2.0
  derivkit gradient model.py:loss --at H0=67.4 ombh2=0.0224 --workers 4 --json
  derivkit gradient model.py:loss --at 0.5 2 --method finite --option stepsize=1
  derivkit jacobian package.module:residuals --at 250 5e-4 --csv
  derivkit hessian --exec "./simulate {theta}" --at 0.5 2.0 --checkpoint run.db
  derivkit fisher model.py:spectrum --cov 0.01 --at As=2e-9 ns=1 --prior ns=0.01
  derivkit check model.py:loss model.py:loss_gradient --at 0.5 2.0
  derivkit gradient model.py:loss --at 0.5 2.0 --compare model.py:tighter
  derivkit covariance model.py:residuals --at 250 5e-4
  derivkit sampled curve.csv --noisy
  derivkit plan run.plan --at 0.5 2.0; derivkit plan run.plan --tell values.csv
  derivkit methods
  derivkit doctor"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; ``run`` is the sub-command to call with them."""
    parser = _parser()
    arguments = parser.parse_args([_protected(word) for word in argv])
    if hasattr(arguments, "program") and arguments.model is None and not arguments.program:
        arguments.model = _swallowed(arguments)
    return arguments


def _swallowed(arguments: argparse.Namespace) -> str | None:
    """Return the model where it was typed behind numbers, and so was taken for one of them."""
    for words in (arguments.at, arguments.bounds, arguments.scale):
        if words and len(words) > 1 and re.search(r":[A-Za-z_]\w*$", words[-1]):
            return str(words.pop())
    return None


def _protected(word: str) -> str:
    """Put a space before a negative number, so that argparse does not take it for an option."""
    return f" {word}" if re.match(r"-[\d.]", word) else word


class _Parser(argparse.ArgumentParser):
    """argparse, which shows what was typed as it is, however long."""

    def error(self, message: str) -> NoReturn:
        words = [word if len(word) <= LONGEST_SHOWN else shown(word) for word in message.split()]
        super().error(" ".join(words))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="derivkit",
        description="Derivatives of a model with respect to its parameters, with error bars.",
        epilog=f"{EXAMPLES}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (compute, text) in _TENSORS.items():
        _add_tensor(kinds, name, text).set_defaults(run=commands.tensor, compute=compute)
    for name, text in forecasts.FORECASTS.items():
        parser_of = _add_tensor(kinds, name, text)
        forecasts.add_options(name, parser_of)
        parser_of.set_defaults(run=getattr(forecasts, name))
    _add_tensor(kinds, "covariance", "standard errors at the optimum of a fit").set_defaults(
        run=files.covariance
    )
    for name, add, text in (
        ("sampled", files.add_sampled_options, "derivatives of samples in a file"),
        ("plan", files.add_plan_options, "derivatives of a model that runs elsewhere"),
    ):
        parser_of = _add_command(kinds, name, text)
        add(parser_of)
        _add_output_options(parser_of, picture=False)
        parser_of.set_defaults(run=getattr(files, name))
    _add_check(kinds)
    methods = kinds.add_parser("methods", help="list the methods, their aliases and options")
    methods.set_defaults(run=commands.methods)
    doctor = kinds.add_parser("doctor", help="versions, optional packages, workers, a self-test")
    doctor.set_defaults(run=commands.doctor)
    shells = kinds.add_parser("completion", help="a script that completes commands and options")
    shells.add_argument("shell", choices=SHELLS, help="your shell")
    shells.set_defaults(run=lambda given: commands.complete(parser, given.shell))
    return parser


_TENSORS = {
    "gradient": (CalculusKit.gradient_result, "first derivatives of a scalar model"),
    "jacobian": (
        CalculusKit.jacobian_result,
        "first derivatives of a model with several outputs",
    ),
    "hessian": (CalculusKit.hessian_result, "second derivatives"),
    "hessian-diag": (
        CalculusKit.hessian_diag_result,
        "second derivatives, each parameter by itself",
    ),
    "hyper-hessian": (CalculusKit.hyper_hessian_result, "derivatives of any order"),
    "directional": (CalculusKit.directional_result, "the derivative along a direction"),
}

_OWN_OPTIONS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "hyper-hessian": (("--order", {"type": int, "default": 3, "help": "default: 3"}),),
    "directional": (
        ("--along", {"nargs": "+", "required": True, "metavar": "V", "help": "as --at is typed"}),
        ("--order", {"type": int, "default": 1, "help": "default: 1"}),
    ),
    "covariance": (
        ("--sigma", {"type": float, "help": "the data's standard deviation, with residuals"}),
    ),
} | dict.fromkeys(
    ("gradient", "jacobian", "hessian"),
    (
        (
            "--compare",
            {
                "metavar": "MODEL",
                "help": "the model at a tighter setting, with --exec its command: what derivatives "
                "differ by joins the error",
            },
        ),
    ),
)


def _add_tensor(
    kinds: argparse._SubParsersAction,  # type: ignore[type-arg]
    name: str,
    text: str,
) -> argparse.ArgumentParser:
    parser = _add_command(kinds, name, text)
    parser.add_argument("model", nargs="?", help="file.py:function or package.module:function")
    for option, keywords in _OWN_OPTIONS.get(name, ()):
        parser.add_argument(option, **keywords)
    _add_model_options(parser)
    if name not in forecasts.FORECASTS:
        _add_parameter_options(parser)
    _add_method_options(parser)
    _add_output_options(parser)
    return parser


def _add_parameter_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the parameters")
    group.add_argument("--fix", dest="held", nargs="+", metavar="NAME", help="that do not vary")
    group.add_argument("--log", nargs="+", metavar="NAME", help="of which the logarithm varies")
    group.add_argument(
        "--accuracy", type=float, metavar="A", help="to what part of itself the output is right"
    )


def _add_check(kinds: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add_command(kinds, "check", "compare derivatives of your own with derivkit's")
    parser.add_argument("model", help="the function, file.py:function or package.module:function")
    parser.add_argument("claim", help="its derivatives: a function, given in the same way")
    parser.add_argument(
        "--what",
        choices=tuple(commands.CHECKS),
        default="gradient",
        help="what the second function returns; default: gradient",
    )
    _add_model_options(parser, program=False)
    _add_method_options(parser, calls=False)
    _add_output_options(parser, picture=False)
    parser.set_defaults(run=commands.check)


def _add_command(
    kinds: argparse._SubParsersAction,  # type: ignore[type-arg]
    name: str,
    text: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=text,
        description=(
            f"Compute {text},\neach with an error bar.\n\n{MODEL_HELP}"
            if name in _TENSORS or name in forecasts.FORECASTS or name == "covariance"
            else f"{text.capitalize()}.\n\n{_ABOUT.get(name, FUNCTION_HELP)}"
        ),
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _add_model_options(parser: argparse.ArgumentParser, *, program: bool = True) -> None:
    group = parser.add_argument_group("the model and the point")
    group.add_argument(
        "--at",
        nargs="+",
        required=True,
        metavar="X",
        help="the parameters: numbers, or name=number for each",
    )
    if program:
        group.add_argument("--exec", dest="program", metavar="COMMAND", help="the model's command")
        group.add_argument(
            "--output-pattern",
            metavar="REGEX",
            help="where the numbers are in what it prints: the groups, or all matches",
        )
    group.add_argument(
        "--bounds",
        nargs="+",
        metavar="LOW:HIGH",
        help="bounds of each parameter, or name=LOW:HIGH; leave a side empty where it is open",
    )
    group.add_argument(
        "--scale",
        nargs="+",
        metavar="S",
        help="length over which the model varies: one for all, one for each, or name=S",
    )
    group.add_argument(
        "--call",
        choices=("array", "same", "keywords", "positional"),
        default="array",
        help="how the function is called; with names in --at, same is a dict; default: array",
    )
    group.add_argument(
        "--vectorized", action="store_true", help="the function takes many points at once"
    )


def _add_method_options(parser: argparse.ArgumentParser, *, calls: bool = True) -> None:
    group = parser.add_argument_group("the method and the calls")
    group.add_argument("--method", metavar="NAME", help="see `derivkit methods`; default: auto")
    group.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the method; may be repeated",
    )
    group.add_argument("--workers", type=int, metavar="N", help="model calls at the same time")
    group.add_argument("--timeout", type=float, metavar="S", help="most seconds for one call")
    if not calls:
        return
    group.add_argument("--max-evaluations", type=int, metavar="N", help="most model calls")
    group.add_argument("--checkpoint", metavar="FILE", help="keep every finished call in this file")
    group.add_argument("--model-version", metavar="TEXT", help="names the model in the checkpoint")
    group.add_argument(
        "--checkpoint-mismatch",
        choices=("refuse", "discard", "trust"),
        default="refuse",
        help="what to do with a checkpoint of another model; default: refuse",
    )
    group.add_argument("--progress", action="store_true", help="show a bar on standard error")


def _add_output_options(parser: argparse.ArgumentParser, *, picture: bool = True) -> None:
    group = parser.add_argument_group("the output")
    group.add_argument(
        "--format", choices=("table", "json", "csv"), default="table", help="default: table"
    )
    group.add_argument("--output", metavar="FILE", help="write there, not to standard output")
    group.add_argument("--json", dest="format", action="store_const", const="json", help="as JSON")
    group.add_argument("--csv", dest="format", action="store_const", const="csv", help="as CSV")
    if picture:
        group.add_argument("--plot", metavar="FILE", help="draw the result into this picture file")
