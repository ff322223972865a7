"""What can be typed after ``derivkit``: the sub-commands, their options and their help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

import derivkit
from derivkit.cli import commands

__all__ = ["parse"]

FUNCTION_HELP = """\
A model is a Python function of one array of parameters, given as path/to/file.py:function or
package.module:function."""

MODEL_HELP = f"""\
{FUNCTION_HELP} Or it is any program, given with --exec:
"{{theta}}" in its arguments becomes the parameters (without it they are written to its standard
input), and the numbers in the last line that it prints are the output."""

EXIT_CODES = """\
exit codes:
  0  every derivative is resolved      2  wrong usage
  1  a derivative is not resolved,     3  the model failed
     or the check disagrees            130  interrupted"""

EXAMPLES = """\
examples:
  derivkit gradient model.py:log_likelihood --at 0.5 2.0
  derivkit gradient model.py:log_likelihood --at H0=67.4 ombh2=0.0224 --workers 4 --json
  derivkit gradient model.py:loss --at 0.5 2.0 --method finite --option stepsize=1e-2
  derivkit jacobian package.module:residuals --at 250 5e-4 --csv
  derivkit hessian --exec "./simulate --params {theta}" --at 0.5 2.0 --checkpoint run.db
  derivkit check model.py:loss model.py:loss_gradient --at 0.5 2.0
  derivkit methods"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; ``run`` is the sub-command to call with them."""
    return _parser().parse_args([_protected(word) for word in argv])


def _protected(word: str) -> str:
    """Put a space before a negative number, so that argparse does not take it for an option."""
    return f" {word}" if re.match(r"-[\d.]", word) else word


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="derivkit",
        description="Derivatives of a model with respect to its parameters, with error bars.",
        epilog=f"{EXAMPLES}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=derivkit.__version__)
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in _TENSORS.items():
        _add_tensor(kinds, name, text)
    _add_check(kinds)
    methods = kinds.add_parser("methods", help="list the methods, their aliases and options")
    methods.set_defaults(run=commands.methods)
    return parser


_TENSORS = {
    "gradient": "first derivatives of a scalar model",
    "jacobian": "first derivatives of a model with several outputs",
    "hessian": "second derivatives",
    "hessian-diag": "second derivatives, each parameter by itself",
}


def _add_tensor(kinds: argparse._SubParsersAction, name: str, text: str) -> None:  # type: ignore[type-arg]
    parser = _add_command(kinds, name, text)
    parser.add_argument("model", nargs="?", help="file.py:function or package.module:function")
    _add_model_options(parser)
    _add_method_options(parser)
    _add_output_options(parser)
    parser.set_defaults(run=commands.tensor, tensor=name)


def _add_check(kinds: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add_command(kinds, "check", "compare derivatives of your own with derivkit's")
    parser.add_argument("model", help="the function, file.py:function or package.module:function")
    parser.add_argument("claim", help="its derivatives: a function, given in the same way")
    parser.add_argument(
        "--what",
        choices=("gradient", "jacobian", "hessian"),
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
            f"Compute {text}, each with an error bar.\n\n{MODEL_HELP}"
            if name in _TENSORS
            else f"{text.capitalize()}: a verdict for each.\n\n{FUNCTION_HELP}"
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
        "--bounds",
        nargs="+",
        metavar="LOW:HIGH",
        help="bounds of each parameter; leave a side empty where it is open, as in 0:",
    )
    group.add_argument(
        "--scale",
        nargs="+",
        type=float,
        metavar="S",
        help="length over which the model varies, one for all or one for each parameter",
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
    if not calls:
        return
    group.add_argument("--max-evaluations", type=int, metavar="N", help="most model calls")
    group.add_argument("--checkpoint", metavar="FILE", help="keep every finished call in this file")
    group.add_argument("--progress", action="store_true", help="show a bar on standard error")


def _add_output_options(parser: argparse.ArgumentParser, *, picture: bool = True) -> None:
    group = parser.add_argument_group("the output")
    group.add_argument(
        "--format", choices=("table", "json", "csv"), default="table", help="default: table"
    )
    group.add_argument("--json", dest="format", action="store_const", const="json", help="as JSON")
    group.add_argument("--csv", dest="format", action="store_const", const="csv", help="as CSV")
    if picture:
        group.add_argument("--plot", metavar="FILE", help="draw the result into this picture file")
