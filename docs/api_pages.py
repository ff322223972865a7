"""The pages of the API reference: one for each public object, made from the package's own lists.

A name that is added to `derivkit.__all__`, or to a public module's, has its page at the next build.
"""

import inspect
from importlib import import_module

from sphinx.pycode import ModuleAnalyzer

import derivkit

GROUPS = {  # title: modules whose names it takes; the first that fits
    "Derivatives": ("derivkit.calculus_kit", "derivkit.derivative_kit", "derivkit.transforms",
                    "derivkit.batch", "derivkit.calculus"),
    "Results": ("derivkit.results", "derivkit.status"),
    "Methods": ("derivkit.methods",),
    "Forecasts and fits": ("derivkit.forecast", "derivkit.parameter_covariance",
                           "derivkit.likelihood_kit"),
    "Checks": ("derivkit.check",),
    "Models and adapters": ("derivkit.models", "derivkit.adapters", "derivkit.sampled"),
    "Running the model": ("derivkit.engine", "derivkit.plan"),
    "Errors and warnings": ("derivkit.errors",),
}  # fmt: skip
MODULES = {  # public modules beside the package itself: their own `__all__`
    "Derivatives of samples": "derivkit.sampled",
    "Pictures": "derivkit.plot",
    "Testing a method": "derivkit.testing",
}
BUILDERS = {
    "derivkit.calculus.gradient": ["build_gradient"],
    "derivkit.calculus.jacobian": ["build_jacobian"],
    "derivkit.calculus.hessian": ["build_hessian"],
    "derivkit.calculus.hyper_hessian": ["build_hyper_hessian"],
    "derivkit.methods.weights": ["fornberg_weights", "weight_table"],
}
INSIDE = {  # for those who write a method or a backend
    "The contract of a method": "derivkit.methods.protocol",
    "What runs a model": "derivkit.engine.model",
    "Rounds": "derivkit.engine.rounds",
    "Progress": "derivkit.engine.progress",
    "Replay": "derivkit.engine.replay",
    "Checkpoints": "derivkit.engine.checkpoint.checkpoint",
    "The store behind them": "derivkit.engine.checkpoint.store",
    "The fingerprint of a model": "derivkit.engine.checkpoint.fingerprint",
}
PICTURES = {
    "derivkit.DerivativeResult": "bars",
    "derivkit.plot.plot_result": "hessian",
    "derivkit.plot.plot_steps": "steps",
    "derivkit.plot.plot_samples": "samples",
    "derivkit.plot.plot_convergence": "convergence",
    "derivkit.plot.theme": "jacobian",
}


def group_of(home):
    """Return the title under which the names of a module stand."""
    fits = (title for title, homes in GROUPS.items() if home.startswith(homes))
    return next(fits, "Other")


def public_objects():
    """Return {title: [qualified name]} of everything public."""
    found = {}
    for name in derivkit.__all__:
        value = getattr(derivkit, name)
        home = getattr(value, "__module__", "") if not inspect.ismodule(value) else None
        if home is not None:
            found.setdefault(group_of(home), []).append(f"derivkit.{name}")
    for title, module in MODULES.items():
        found[title] = [f"{module}.{name}" for name in sorted(import_module(module).__all__)]
    found["Builders and weights"] = [
        f"{module}.{name}" for module, names in BUILDERS.items() for name in names
    ]
    order = [*GROUPS, *MODULES, "Builders and weights", "Other"]
    return {title: sorted(found[title], key=str.lower) for title in order if title in found}


def looked_up(qualified):
    """Return the object of a qualified name."""
    module, name = qualified.rsplit(".", 1)
    return getattr(import_module(module), name)


def first_sentence(value, qualified=None):
    """Return the first paragraph of a docstring, or of the text below a constant; for a table."""
    if qualified and not (inspect.isclass(value) or inspect.isroutine(value)):
        module, name = qualified.rsplit(".", 1)
        text = "\n".join(ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name), []))
    else:
        text = inspect.getdoc(value) or ""
    text = text.split("\n\n")[0].replace("\n", " ").strip()
    return text.replace("|", "\\|").replace("``", "`")


def page(qualified):
    """Return the page of an object, as Markdown."""
    value = looked_up(qualified)
    name = qualified.rsplit(".", 1)[1]
    kind = "autoclass" if inspect.isclass(value) else "autofunction"
    if not callable(value):
        kind = "autodata"
    options = (
        "\n   :members:\n   :inherited-members: Exception, tuple, Executor"
        if kind == "autoclass"
        else ""
    )
    enum = inspect.isclass(value) and hasattr(value, "__members__")
    options = "\n   :members:\n   :undoc-members:" if enum else options
    lines = [f"# {name}", ""]
    if kind == "autoclass":
        lines += summary(value, qualified)
    lines += ["```{eval-rst}", f".. {kind}:: {qualified}{options}", "```", ""]
    picture = PICTURES.get(qualified)
    if picture:
        lines += ["## Its picture", ""]
        lines += [f"```{{picture}} {picture}", f":alt: The picture of {name}", "```", ""]
    return "\n".join(lines)


def summary(kind, qualified):
    """Return a table of a class's own methods, each with its first sentence."""
    methods = [
        (name, value)
        for name, value in inspect.getmembers(kind, callable)
        if not name.startswith("_")
        and (getattr(value, "__module__", "") or "").startswith("derivkit")
        and inspect.getdoc(value)
    ]
    if len(methods) < 3:
        return []
    rows = [f"| [`{n}`](#{qualified}.{n}) | {first_sentence(v)} |" for n, v in methods]
    return ["| method | what it does |", "|---|---|", *rows, ""]


def index(objects):
    """Return the page of tables that lists everything."""
    lines = [
        "# API reference",
        "",
        "A page an object, made from its docstring; the examples run in CI.",
        "",
    ]
    for title, names in objects.items():
        lines += [f"## {title}", "", "| name | what it is |", "|---|---|"]
        for each in names:
            shown = each.removeprefix("derivkit.")
            lines.append(f"| [`{shown}`]({each}.md) | {first_sentence(looked_up(each), each)} |")
        lines.append("")
    lines += ["## Inside", "", "Nothing here is needed to use derivkit.", ""]
    lines += [f"- [{title}](inside.{home}.md)" for title, home in INSIDE.items()]
    names = [each for group in objects.values() for each in group]
    toctree = ["", "```{toctree}", ":hidden:", "", *names]
    return "\n".join([*lines, *toctree, *(f"inside.{home}" for home in INSIDE.values()), "```", ""])


def write(folder):
    """Write all pages into a folder; leave alone those that are as they were."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = public_objects()
    pages = {each: page(each) for names in objects.values() for each in names}
    pages["index"] = index(objects)
    for title, home in INSIDE.items():
        body = f"```{{eval-rst}}\n.. automodule:: {home}\n   :members:\n```\n"
        pages[f"inside.{home}"] = f"# {title}\n\n{body}"
    for stale in folder.glob("*.md"):
        if stale.stem not in pages:
            stale.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
