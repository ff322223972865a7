"""What can be typed after ``derivkit``: the sub-commands, their options and their help."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

from derivkit.calculus_kit import CalculusKit
from derivkit.cli import commands, files, forecasts
from derivkit.cli.completion import SHELLS
from derivkit.cli.terminal import broken
from derivkit.validation.words import LONGEST_SHOWN, shown, suggestion
from derivkit.version import __version__

__all__ = ["parse"]

Group: TypeAlias = Any
"""Options under one heading: what `add_argument_group` gives, which argparse has no name for."""

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
    "fisher": f"The model returns the data that it predicts.\n\n{MODEL_HELP}",
    "dali": f"The model returns the data that it predicts.\n\n{MODEL_HELP}",
    "laplace": f"The model returns the negative logarithm of the posterior.\n\n{MODEL_HELP}",
    "covariance": f"""\
The model returns residuals, or one number: a negative log-likelihood.

{MODEL_HELP}""",
    "check": FUNCTION_HELP,
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


_MODEL_OR_PROGRAM = "%(prog)s MODEL {0} [options]\n       %(prog)s --exec COMMAND {0} [options]"
_USAGES = {
    "check": "%(prog)s MODEL CLAIM --at X [X ...] [options]",
    "sampled": "%(prog)s FILE [options]",
    "plan": "%(prog)s FILE --at X [X ...] [options]\n       %(prog)s FILE --tell VALUES [options]",
}  # of a sub-command: what it cannot do without; of the others:
_WITHOUT = {
    "directional": "--along V ... --at X ...",
    "fisher": "--cov C --at X [X ...]",
    "dali": "--cov C --at X [X ...]",
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; ``run`` is the sub-command to call with them."""
    parser = _parser()
    arguments, unknown = parser.parse_known_args([_protected(word) for word in argv])
    if unknown:
        arguments.parser.unknown(unknown)
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
    """argparse, which shows what was typed as it is, however long, and suggests what was meant."""

    def error(self, message: str) -> NoReturn:
        words = [word if len(word) <= LONGEST_SHOWN else shown(word) for word in message.split()]
        text = broken(f"{self.prog}: error: {self._suggested(' '.join(words))}")
        self.print_usage(sys.stderr)
        self.exit(2, f"{text}\n`{self.prog} --help` has more\n")

    @staticmethod
    def _suggested(message: str) -> str:
        """Return argparse's message; where the nearest choice is near, that and no long list."""
        choice = re.search(r"(invalid choice: '(.*)') \(choose from (.*)\)$", message)
        near = choice and suggestion(choice[2], re.findall(r"[\w-]+", choice[3]))
        return f"{message[: choice.end(1)]}{near}" if choice and near else message

    def unknown(self, words: list[str]) -> NoReturn:
        """End with what this parser does not know."""
        options = [option for action in self._actions for option in action.option_strings]
        near = suggestion(words[0], options) if words[0].startswith("-") else ""
        self.error(f"unrecognized arguments: {' '.join(words)}{near}")


class _Help(argparse.RawDescriptionHelpFormatter):
    """argparse's help, the sub-commands in one column."""

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no other door
            return "".join(map(super()._format_action, action._get_subactions()))  # noqa: SLF001
        return super()._format_action(action)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="derivkit",
        description="Derivatives of a model with respect to its parameters, with error bars.",
        epilog=f"{EXAMPLES}\n\n{EXIT_CODES}",
        formatter_class=_Help,
    )
    parser.set_defaults(parser=parser)
    parser.add_argument("--version", action="version", version=__version__)
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (compute, text) in _TENSORS.items():
        _add_tensor(kinds, name, text).set_defaults(run=commands.tensor, compute=compute)
    for name, text in forecasts.FORECASTS.items():
        _add_tensor(kinds, name, text).set_defaults(run=getattr(forecasts, name))
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
    for name, run, text in (
        ("methods", commands.methods, "list the methods, their aliases and options"),
        ("doctor", commands.doctor, "versions, optional packages, workers, a self-test"),
        ("completion", None, "a script that completes commands and options"),
    ):
        parser_of = kinds.add_parser(name, help=text, description=f"{_capital(text)}.")
        parser_of.set_defaults(run=run, parser=parser_of)
    parser_of.add_argument("shell", choices=SHELLS, help="your shell")
    parser_of.set_defaults(run=lambda given: commands.complete(parser, given.shell))
    return parser


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


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

_OWN_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "hyper-hessian": {"--order": {"type": int, "default": 3, "help": "default: 3"}},
    "directional": {
        "--along": {
            "nargs": "+",
            "required": True,
            "metavar": "V",
            "help": "the direction, as --at",
        },
        "--order": {"type": int, "default": 1, "help": "default: 1"},
    },
    "covariance": {
        "--sigma": {"type": float, "help": "the data's standard deviation, with residuals"}
    },
}
_COMPARED = ("gradient", "jacobian", "hessian")


def _add_tensor(
    kinds: argparse._SubParsersAction,  # type: ignore[type-arg]
    name: str,
    text: str,
) -> argparse.ArgumentParser:
    parser = _add_command(kinds, name, text)
    group = parser.add_argument_group("what to differentiate")
    group.add_argument(
        "model", nargs="?", metavar="MODEL", help="file.py:function or package.module:function"
    )
    _add_model_options(group)
    for option, keywords in _OWN_OPTIONS.get(name, {}).items():
        group.add_argument(option, **keywords)
    if name in forecasts.FORECASTS:
        forecasts.add_options(name, parser)
        _add_parameter_options(parser)
        _add_method_options(parser)
    else:
        _add_own_parameters(_add_parameter_options(parser))
        _add_own_error(_add_method_options(parser), compared=name in _COMPARED)
    group = _add_parallel_options(parser)
    group.add_argument("--max-evaluations", type=int, metavar="N", help="most model calls")
    group.add_argument("--progress", action="store_true", help="show a bar on standard error")
    _add_checkpoint_options(parser)
    _add_output_options(parser)
    return parser


def _add_check(kinds: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add_command(kinds, "check", "compare derivatives of your own with derivkit's")
    group = parser.add_argument_group("what to check")
    group.add_argument(
        "model", metavar="MODEL", help="the function, file.py:function or package.module:function"
    )
    group.add_argument(
        "claim", metavar="CLAIM", help="its derivatives: a function, given in the same way"
    )
    group.add_argument(
        "--what",
        choices=tuple(commands.CHECKS),
        default="gradient",
        help="what the second function returns; default: gradient",
    )
    _add_model_options(group, program=False)
    _add_parameter_options(parser)
    _add_method_options(parser)
    _add_parallel_options(parser)
    _add_output_options(parser, picture=False)
    parser.set_defaults(run=commands.check)


def _add_command(
    kinds: argparse._SubParsersAction,  # type: ignore[type-arg]
    name: str,
    text: str,
) -> argparse.ArgumentParser:
    bars = ", with error bars" if name in _TENSORS else ""
    needed = _WITHOUT.get(name, "--at X [X ...]")
    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=text,
        usage=_USAGES.get(name, _MODEL_OR_PROGRAM.format(needed)),
        description=f"{_capital(text)}{bars}.\n\n{_ABOUT.get(name, MODEL_HELP)}",
        epilog=EXIT_CODES,
        formatter_class=_Help,
    )
    parser.set_defaults(parser=parser)
    return parser


def _add_model_options(group: Group, *, program: bool = True) -> None:
    group.add_argument(
        "--at",
        nargs="+",
        required=True,
        metavar="X",
        help="the parameters: numbers, or name=number for each",
    )
    if program:
        group.add_argument(
            "--exec", dest="program", metavar="COMMAND", help="a program as the model: its command"
        )
        group.add_argument(
            "--output-pattern",
            metavar="REGEX",
            help="finds the numbers in what the program prints: the groups, or all matches",
        )
    group.add_argument(
        "--call",
        choices=("array", "same", "keywords", "positional"),
        default="array",
        help="what the function gets; same is a dict where --at has names; default: array",
    )


def _add_parameter_options(parser: argparse.ArgumentParser) -> Group:
    group = parser.add_argument_group("the parameters")
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
    return group


def _add_own_parameters(group: Group) -> None:
    group.add_argument(
        "--fix", dest="held", nargs="+", metavar="NAME", help="that keep their value"
    )
    group.add_argument(
        "--log", nargs="+", metavar="NAME", help="with respect to whose logarithm to differentiate"
    )


def _add_method_options(parser: argparse.ArgumentParser) -> Group:
    group = parser.add_argument_group("steps and accuracy")
    group.add_argument("--method", metavar="NAME", help="see `derivkit methods`; default: auto")
    group.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the method; may be repeated",
    )
    return group


def _add_own_error(group: Group, *, compared: bool) -> None:
    group.add_argument(
        "--accuracy",
        type=float,
        metavar="A",
        help="relative error of the model's output, such as a solver's tolerance",
    )
    if compared:
        group.add_argument(
            "--compare",
            metavar="MODEL",
            help="the same model at a tighter setting (with --exec: its command); how far "
            "the derivatives differ is added to the errors",
        )


def _add_parallel_options(parser: argparse.ArgumentParser) -> Group:
    group = parser.add_argument_group("the calls")
    group.add_argument("--workers", type=int, metavar="N", help="model calls at the same time")
    group.add_argument(
        "--vectorized", action="store_true", help="the function takes many points at once"
    )
    group.add_argument("--timeout", type=float, metavar="S", help="most seconds for one call")
    return group


def _add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the checkpoint")
    group.add_argument("--checkpoint", metavar="FILE", help="keep every finished call in this file")
    group.add_argument("--model-version", metavar="TEXT", help="names the model in the checkpoint")
    group.add_argument(
        "--checkpoint-mismatch",
        choices=("refuse", "discard", "trust"),
        default="refuse",
        help="what to do with a checkpoint of another model; default: refuse",
    )


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
