"""What the fuzzer calls: every public name, with arguments that are right."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import derivkit
from derivkit import (
    CalculusKit,
    DerivativeKit,
    ForecastKit,
    LikelihoodKit,
    Plan,
    sampled,
)
from derivkit.calculus.driver import run_together
from derivkit.methods import registry

EXAMPLES = Path(__file__).parents[1] / "examples"
CALLS: list[int] = []
X = [1.0, 2.0]
XS = np.linspace(0.0, 1.0, 9)


def f(x, *_, **__):
    """Return one number, whatever the point is."""
    CALLS.append(1)
    values = list(x.values()) if isinstance(x, dict) else x
    with np.errstate(all="ignore"):
        return 1.0 + float(np.sum(np.square(np.asarray(values, dtype=float))))


def g(x, *_, **__):
    """Return three numbers."""
    CALLS.append(1)
    x = np.asarray(list(x.values()) if isinstance(x, dict) else x, dtype=float).ravel()
    with np.errstate(all="ignore"):
        return np.array([x[0], x[-1] ** 2, x[0] * x[-1]])


def line(x, a, b):
    return a + b * np.asarray(x)


def chi2(theta):
    return float(np.sum(np.square(np.asarray(theta) - X)))


@dataclass(frozen=True)
class Target:
    """A call, the signature it has, and arguments that are right.

    Attributes
    ----------
    ready : callable
        Returns what to call with keywords, and keywords that are right.
    signature : mapping
        The annotation of each argument.
    """

    name: str
    ready: Callable[[], tuple[Callable[..., object], dict[str, object]]]
    signature: tuple[tuple[str, str], ...]

    @property
    def arguments(self):
        return [name for name, _ in self.signature]

    def annotation(self, argument):
        return dict(self.signature)[argument]


def annotations(thing, *further):
    """Return the arguments of a callable and their annotations; ``**keywords`` are further ones."""
    found = {}
    for each in (thing, *further):
        for p in inspect.signature(each).parameters.values():
            if p.kind is not p.VAR_KEYWORD and p.name != "self":
                found.setdefault(p.name, p.annotation if p.annotation is not p.empty else "Any")
    return found


def target(name, thing, given, *, then=None, also=(), without=()):
    """Return a target: ``thing(**given)``, and what is done with what it returns."""
    signature = annotations(thing, *also)
    spread = [
        p.name for p in inspect.signature(thing).parameters.values() if p.kind is p.VAR_POSITIONAL
    ]

    def ready():
        values = given() if callable(given) else dict(given)
        bound = values.pop("self", None)

        def call(**keywords):
            head = []
            if spread and spread[0] in keywords:
                parameters = [p for p in inspect.signature(thing).parameters if p != "self"]
                before = parameters[: parameters.index(spread[0])]
                head = [keywords.pop(p) for p in before if p in keywords]
                several = keywords.pop(spread[0])
                head += [several]
            called = thing if bound is None else getattr(bound, thing.__name__)
            made = called(*head, **keywords)
            return made if then is None else then(made)

        return call, values

    return Target(name, ready, tuple((k, v) for k, v in signature.items() if k not in without))


PROBLEM = CalculusKit.__init__
OF_PROBLEM = {"function", "x0"}


def kit(function=f):
    return CalculusKit(function, X)


def forecast(**keywords):
    return ForecastKit(g, X, np.eye(3), **keywords)


@cache
def gradient_result():
    return kit().gradient_result()


@cache
def hessian_result():
    return kit().hessian_result()


@cache
def fisher():
    return forecast().fisher_result()


@cache
def dali():
    return forecast().dali_result()


def saved_plan():
    Plan("gradient", X).save("good.json")
    return "good.json"


def finished(made):
    """Use what was made."""
    made.gradient()


_ARGUMENTS = {
    "directional": {"v": [1.0, 0.0]},
    "hvp": {"v": [1.0, 0.0]},
    "mixed": {"indices": 0},
    "at_many": {"what": "gradient", "points": [X]},
}


def kit_methods():
    for name, method in inspect.getmembers(CalculusKit, inspect.isfunction):
        if name.startswith("_"):
            continue
        given = _ARGUMENTS.get(name.removesuffix("_result"), {})
        further = [Plan.__init__] if name == "plan" else []
        yield target(
            f"CalculusKit.{name}",
            method,
            lambda given=given, model=g if "jacobian" in name else f: {"self": kit(model), **given},
            also=further,
            without={"x0", "bounds", "scale", "names", "problem"} if further else (),
        )


def methods_of(cls, make, given, *, skip=()):
    """Yield a target for every public method of a class."""
    for name, method in inspect.getmembers(cls, callable):
        if name.startswith("_") or name in skip or not callable(method):
            continue
        arguments = given.get(name, {})
        if not annotations(method):
            continue
        if not arguments:
            needed = inspect.signature(method).parameters.values()
            arguments = {
                p.name: GUESSES[p.name]
                for p in needed
                if p.default is p.empty and p.name in GUESSES
            }
        yield target(
            f"{cls.__name__}.{name}",
            method,
            lambda arguments=arguments: {
                "self": make(),
                **(arguments() if callable(arguments) else arguments),
            },
        )


SIMPLE = {
    "gradients": {"function": f, "points": [X]},
    "derivative": {"function": lambda x: f([x]), "x": 1.0},
    "check_gradient": {"function": f, "gradient": [2.0, 4.0], "x0": X},
    "check_jacobian": {"function": g, "jacobian": [[1.0, 0.0], [0.0, 4.0], [2.0, 1.0]], "x0": X},
    "check_hessian": {"function": f, "hessian": [[2.0, 0.0], [0.0, 2.0]], "x0": X},
    "propagate": {"function": f, "x0": X, "cov": np.eye(2)},
    "jvp": {"function": f, "x0": X, "v": [1.0, 0.0]},
    "vjp": {"function": f, "x0": X},
    "standard_errors": {
        "function": line,
        "xdata": XS,
        "ydata": line(XS, 1.0, 2.0),
        "popt": [1.0, 2.0],
    },
    "Adaptive": {},
    "Auto": {},
    "Finite": {},
    "Fornberg": {},
    "LocalPolynomial": {},
    "Program": {"command": "true {theta}"},
    "Plan": {"what": "gradient", "x0": X},
    "LikelihoodKit": {"data": [1.0, 2.0], "model_parameters": [1.0, 2.0]},
}

COVARIANCES = {
    "BlockDiagonal": {"blocks": [np.eye(2), np.eye(1)]},
    "Cholesky": {"factor": np.eye(3)},
    "Kronecker": {"first": np.eye(3), "second": np.eye(1)},
    "Precision": {"matrix": np.eye(3)},
}

TRANSFORMS = {"grad": f, "value_and_grad": f, "hessian": f, "jacobian": g}

NOT_TRIED = {
    "Covariance": "made by covariance()",
    "Propagated": "made by propagate()",
    "DerivativeResult": "made by a kit; its methods are tried",
    "SparseResult": "made by a kit",
    "FisherResult": "made by a kit; its methods are tried",
    "DaliResult": "made by a kit; its methods are tried",
    "LaplaceResult": "made by a kit",
    "Status": "an enumeration",
    "Verdict": "an enumeration",
    "RayExecutor": "needs a cluster",
    "available_methods": "has no argument",
    "assert_gradient": "check_gradient, with an AssertionError",
    "assert_jacobian": "check_jacobian, with an AssertionError",
    "assert_hessian": "check_hessian, with an AssertionError",
    "as_torch": "as as_jax",
    "as_pytensor": "as as_jax",
    "for_openmdao": "needs OpenMDAO",
    "for_lmfit": "needs lmfit's Parameters",
}


@cache
def targets():
    """Return every target."""
    found = [
        target("CalculusKit", CalculusKit, {"function": f, "x0": X}, then=finished),
        target(
            "DerivativeKit",
            DerivativeKit,
            {"function": lambda x: f([x]), "x0": 1.0},
            then=lambda made: made.differentiate(),
            without={"tab_x", "tab_y"},
        ),
        target(
            "DerivativeKit of a table",
            DerivativeKit,
            {"x0": 0.5, "tab_x": XS, "tab_y": XS**2},
            then=lambda made: made.differentiate(),
            without={"function", "bounds", "scale"},  # a table has its own
        ),
        target(
            "DerivativeKit.differentiate",
            DerivativeKit.differentiate,
            lambda: {"self": DerivativeKit(lambda x: f([x]), 1.0)},
        ),
        *kit_methods(),
        target("Plan.points", Plan.points, lambda: {"self": Plan("gradient", X)}),
        target("Plan.tell", Plan.tell, lambda: {"self": Plan("gradient", X), "values": {0: 1.0}}),
        target("Plan.save", Plan.save, lambda: {"self": Plan("gradient", X), "path": "plan.json"}),
        target("Plan.load", Plan.load, lambda: {"path": saved_plan()}),
        target("register_method", registering, lambda: {"name": "mine", "cls": derivkit.Finite}),
        target("covariance", derivkit.covariance, lambda: {"result": hessian_result()}),
        target(
            "Covariance.interval",
            derivkit.Covariance.interval,
            lambda: {"self": derivkit.covariance(hessian_result()), "x": X},
        ),
        target(
            "ForecastKit",
            ForecastKit,
            {"function": g, "theta0": X, "cov": np.eye(3)},
            also=[PROBLEM],
            then=lambda made: made.fisher_result(),
            without={"x0"},
        ),
        *[
            target(
                name,
                getattr(derivkit, name),
                given,
                then=lambda made: ForecastKit(g, X, made).fisher_result(),
            )
            for name, given in COVARIANCES.items()
        ],
        target(
            "DataBlock",
            derivkit.DataBlock,
            {"model": g, "cov": np.eye(3)},
            then=lambda made: ForecastKit({"a": made}, X).fisher_result(),
        ),
        target(
            "GaussianMeanCov",
            derivkit.GaussianMeanCov,
            {"mu": g, "cov": lambda x: np.eye(3)},
            then=lambda made: ForecastKit(made, X).fisher_result(),
        ),
        target(
            "Poisson",
            derivkit.Poisson,
            {"rate": lambda x: np.abs(g(x)) + 1},
            then=lambda made: ForecastKit(made, X).fisher_result(),
        ),
        *methods_of(
            ForecastKit,
            forecast,
            FORECAST,
            skip={
                "combine",
                "getdist_dali_emcee",
                "getdist_dali_importance",
                "getdist_fisher_samples",
            },
        ),
        *methods_of(derivkit.FisherResult, fisher, FISHER, skip={"from_dict", "from_json"}),
        target(
            "FisherResult.from_json",
            derivkit.FisherResult.from_json,
            lambda: {"text": fisher().to_json()},
        ),
        target(
            "FisherResult.from_dict",
            derivkit.FisherResult.from_dict,
            lambda: {"data": fisher().to_dict()},
        ),
        *methods_of(
            derivkit.DaliResult,
            dali,
            {"log_density": {"theta": X}, "sample": {"n": 20000}},
            skip={"from_dict", "from_json"},
        ),
        *methods_of(derivkit.DerivativeResult, gradient_result, RESULT, skip={"from_json"}),
        target(
            "DerivativeResult.from_json",
            derivkit.DerivativeResult.from_json,
            lambda: {"text": gradient_result().to_json()},
        ),
        *methods_of(
            LikelihoodKit,
            lambda: LikelihoodKit([1.0, 2.0], [1.0, 2.0]),
            {"gaussian": {"cov": np.eye(2)}},
        ),
        target(
            "PointTable",
            derivkit.plan.PointTable,
            {"points": np.eye(2), "numbers": (0, 1), "names": ("a", "b")},
        ),
        target("theme", derivkit.plot.theme, {"name": "dark"}, then=nullcontext),
        target("plot_result", derivkit.plot.plot_result, lambda: {"result": gradient_result()}),
        target(
            "plot_samples", derivkit.plot.plot_samples, lambda: {"scan": gradient_result().scan(0)}
        ),
        target("plot_steps", derivkit.plot.plot_steps, lambda: {"scan": gradient_result().scan(0)}),
        target(
            "follow", derivkit.testing.follow, {"method": derivkit.Finite(), "function": np.exp}
        ),
        target("check_method", derivkit.testing.check_method, {"method": derivkit.Finite()}),
        target(
            "for_curve_fit",
            derivkit.for_curve_fit,
            {"function": line},
            then=lambda made: made(XS, 1.0, 2.0),
            also=[PROBLEM],
            without={"x0"},
        ),
        target(
            "for_iminuit",
            derivkit.for_iminuit,
            {"function": f},
            then=lambda made: made(*X),
            also=[PROBLEM],
            without={"x0", "call"},
        ),  # it has one way of being called
    ]
    if find_spec("jax"):
        found += [
            target(
                "as_jax",
                derivkit.as_jax,
                {"function": f},
                without=set(annotations(PROBLEM)) | set(annotations(run_together)) | {"compare"},
            )  # those go to every call's own kit
        ]
    found += [
        target(
            name,
            getattr(derivkit, name),
            given,
            also=[PROBLEM] if takes_more(name) else (),
            without={"tab_x", "tab_y"},
        )
        for name, given in SIMPLE.items()
    ]
    found += [
        target(
            name,
            getattr(derivkit, name),
            {"function": function},
            then=lambda made: made(np.array(X)),
            also=[PROBLEM],
            without={"x0"},
        )
        for name, function in TRANSFORMS.items()
    ]
    for name in sampled.__all__:
        if name.startswith(("gradient", "noisy", "spline")):
            theirs = {"f", "varargs"} if name == "gradient" else ()  # numpy's own, to the exception
            given = {"f": XS**2}
            found.append(target(f"sampled.{name}", getattr(sampled, name), given, without=theirs))
    return found


def takes_more(name):
    parameters = inspect.signature(getattr(derivkit, name)).parameters
    return "keywords" in parameters


def registering(name: str, cls: Callable[..., object], aliases: "Iterable[str]" = ()):  # noqa: F821, UP037
    """Register a method, and forget it."""
    before = {
        k: dict(v) for k, v in vars(registry).items() if isinstance(v, dict) and k[:2] != "__"
    }
    try:
        derivkit.register_method(name, cls, aliases=aliases)
    finally:
        for k, v in before.items():
            vars(registry)[k].clear()
            vars(registry)[k].update(v)


GUESSES = {"theta": X, "cov": np.eye(2), "delta_nu": [1.0, 2.0, 3.0], "name": "p0", "path": "new"}

FORECAST = {
    "build_prior": {},
    "delta_chi2_dali": lambda: {"theta": X, "dali": dali().as_derivkit()},
    "delta_chi2_fisher": {"theta": X, "fisher": np.eye(2)},
    "logposterior_dali": lambda: {"theta": X, "dali": dali().as_derivkit()},
    "logposterior_fisher": {"theta": X, "fisher": np.eye(2)},
    "delta_nu": {"data_unbiased": [1.0, 2.0, 3.0], "data_biased": [1.0, 2.0, 3.5]},
    "fisher_bias": {"fisher_matrix": np.eye(2), "delta_nu": [1.0, 2.0, 3.0]},
    "getdist_fisher_gaussian": {"fisher": np.eye(2)},
    "laplace_approximation": {"neg_logposterior": chi2},
    "laplace_covariance": {"hessian": np.eye(2)},
    "laplace_hessian": {"neg_logposterior": chi2},
    "laplace_result": {"neg_logposterior": chi2},
    "negative_logposterior": {"theta": X, "logposterior": chi2},
    "xy_fisher": {"x0": [1.0], "mu_xy": lambda x, t: np.array([t[0] * x[0]]), "cov_xy": np.eye(2)},
    "xy_fisher_result": {
        "x0": [1.0],
        "mu_xy": lambda x, t: np.array([t[0] * x[0]]),
        "cov_xy": np.eye(2),
    },
}

FISHER = {
    "bias": {"delta_nu": [1.0, 2.0, 3.0]},
    "derived": {"functions": {"c": lambda p: 2.0 * p[0]}},
    "reparametrise": {"functions": {"c": lambda p: p[0], "d": lambda p: p[1]}},
    "ellipse": {"a": "p0", "b": "p1"},
    "figure_of_merit": {},
    "log_density": {"theta": X},
    "pivot": {"w0": "p0", "wa": "p1"},
    "with_information": {"matrix": np.eye(2)},
    "fix": {"names": "p0"},
    "marginalise": {"names": "p0"},
    "marginalize": {"names": "p0"},
}

RESULT = {
    "plot_samples": {"parameter": 0},
    "plot_steps": {"parameter": 0},
    "scan": {"parameter": 0},
}

FREE = {  # arguments that may be anything, and why
    ("*", "args"),  # the model's own
    ("*", "kwargs"),
    ("*", "function"),  # whether it can be called is seen when it is
    ("register_method", "cls"),
}

LATE = {  # arguments that can only be judged by what the model returns, at x0
    *("function", "model", "mu", "rate", "neg_logposterior", "logposterior"),
    *("call", "args", "kwargs", "vectorized", "batch", "has_aux"),
    *("accuracy", "period", "sparsity", "wrt", "from_gradient"),
    *("cov", "blocks", "factor", "first", "second", "matrix", "cov_samples", "circular"),
    *("delta_nu", "fisher_matrix", "compare", "jacobian", "hessian", "gradient"),
}

LATER = {  # those of them that need more of its calls
    "compare",  # another model: it is called at the samples of this one
    *("jacobian", "hessian", "gradient"),  # claims, which are functions of theta themselves
}

NAMED = {  # how messages name an argument beside its own name
    "function": ("function", "model", "cov"),
    "theta0": ("x0",),
    "x": ("x0", "coordinates"),
    "varargs": ("spacing", "coordinates"),
    "points": ("x0",),
    "model": ("function", "cov"),
    "mu": ("function",),
    "rate": ("function",),
    "method": ("method", "option"),
    "checkpoint_mismatch": ("checkpoint",),
    "theta_map": ("theta0", "names"),
    "xdata": ("function", "ydata"),
    "popt": ("x0",),
    "v": ("x0",),
    "wrt": ("gradient", "jacobian", "hessian"),
    "gradient": ("method",),
    "jacobian": ("method",),
    "hessian": ("method",),
    "dali": ("forecast_order",),
    "forecast_order": ("dali",),
    "compare": ("function",),
    "sigma": ("cov",),
    "cov_xy": ("covariance",),
    "max_evaluations": ("Jacobian",),
    "x0": ("x0", "units", "cov", "gradient", "hessian", "jacobian", "bounds", "v"),
    **dict.fromkeys(("w0", "wa"), ("names",)),
    **dict.fromkeys(("blocks", "factor", "first", "second", "matrix"), ("cov", "covariance")),
    "terms": ("prior",),
    "names": ("names", "matrix"),
    "sigmas": ("parameter", "sigma"),
}


@dataclass(frozen=True)
class Command:
    words: tuple[str, ...]
    options: tuple[str, ...]


def commands():
    """Return every sub-command with words that are right, and its options."""
    parser = import_module("derivkit.cli.arguments")._parser()
    kinds = next(
        a for a in parser._actions if hasattr(a, "choices") and isinstance(a.choices, dict)
    )
    for name, kind in kinds.choices.items():
        options = tuple(
            a.option_strings[-1] for a in kind._actions if a.option_strings and a.nargs != 0
        )
        words = [name]
        if any(a.dest == "model" for a in kind._actions):
            words += [f"{EXAMPLES}/misra1a.py:log_likelihood"]
            words += [words[-1]] if name == "check" else []
            words += ["--at", "238.9", "5.5e-4"]
        if name in {"fisher", "dali"}:
            words += ["--cov", "1"]
        words += ["bash"] if name == "completion" else []
        yield Command(tuple(words), options)


COMMANDS = tuple(commands())
