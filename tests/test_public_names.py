"""What `derivkit` exports: one table of lazy names, which checkers, editors and users see alike."""

import ast
import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import derivkit

SOURCE = ast.parse(Path(derivkit.__file__).read_text())
FOR_CHECKERS = next(
    node.body
    for node in SOURCE.body
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
)


def test_checkers_see_the_names_that_are_exported_and_where_they_come_from():
    seen = {
        alias.asname: f"{node.module}.{alias.name}" for node in FOR_CHECKERS for alias in node.names
    }
    homes = {name: f"{home}.{name}" for name, home in derivkit._HOMES.items()}
    assert seen == homes | {name: f"derivkit.{name}" for name in derivkit._SUBMODULES}


def test_every_name_is_there_when_it_is_used():
    for name in derivkit.__all__:
        assert getattr(derivkit, name).__name__ == name


def test_dir_has_all_names_and_none_of_the_machinery():
    listed = set(dir(derivkit))
    assert {*derivkit.__all__, "sampled", "methods", "__version__"} <= listed
    assert not listed & {"import_module", "TYPE_CHECKING", "Any", "annotations"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'derivkit' has no attribute 'gradeint'"):
        derivkit.gradeint  # noqa: B018


def test_folders_are_there_without_an_import_of_their_own_and_nothing_is_imported_before():
    code = (
        "import sys, derivkit\n"
        "assert 'numpy' not in sys.modules, 'import derivkit must not import numpy'\n"
        "print(derivkit.sampled.gradient([0.0, 1.0, 4.0]).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[1.0, 2.0, 3.0]"


def test_no_module_at_the_top_hides_a_public_name():
    modules = {path.stem for path in Path(derivkit.__file__).parent.iterdir()}
    assert not modules & set(derivkit.__all__)


def examples_of(name):
    thing = inspect.unwrap(getattr(derivkit, name))
    return doctest.DocTestFinder(recurse=False).find(thing, name, globs={})[0].examples


@pytest.mark.parametrize("name", derivkit.__all__)
def test_every_public_name_has_an_example_that_prints(name):
    assert any(example.want for example in examples_of(name)), f"{name} shows no result"


@pytest.mark.parametrize(
    "module", ["plot", "sampled", *(f"calculus.{t}" for t in ("gradient", "jacobian", "hessian"))]
)
def test_every_function_of_a_public_module_has_an_example(module):
    module = import_module(f"derivkit.{module}")
    public = [name for name in module.__all__ if name.startswith(("build_", "plot_", "theme"))]
    functions = [getattr(module, name) for name in public or module.__all__]
    assert [f.__name__ for f in functions if ">>> " not in (inspect.getdoc(f) or "")] == []


@pytest.mark.parametrize("module", derivkit._SUBMODULES)
def test_every_public_name_of_a_folder_is_there(module):
    folder = import_module(f"derivkit.{module}")
    assert folder.__doc__
    for name in getattr(folder, "__all__", []):
        assert hasattr(folder, name)


USER = Path(__file__).with_name("user_of_every_call.py")


TREE = ast.parse(USER.read_text())
OF_DERIVKIT = {
    *(
        node.attr
        for node in ast.walk(TREE)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "derivkit"
    ),
    *(alias.name for node in TREE.body if isinstance(node, ast.ImportFrom) for alias in node.names),
}
OF_RESULTS = {node.attr for node in ast.walk(TREE) if isinstance(node, ast.Attribute)}

INSIDE = {  # what is public for other modules of the package, and for authors of methods
    "Plan": {"of"},
    "SparseResult": {"of"},
    "RayExecutor": {"submit"},
    "Verdict": {"rank", "hatched"},
}


def test_a_users_program_uses_every_public_name():
    assert {*derivkit.__all__} - OF_DERIVKIT == set()


def is_of_users(name):
    thing = getattr(derivkit, name)
    is_class = isinstance(thing, type) and not issubclass(thing, (BaseException, tuple))
    return is_class and not hasattr(thing, "solve")  # methods are for the engine


@pytest.mark.parametrize("name", [*filter(is_of_users, derivkit.__all__)])
def test_a_users_program_uses_every_call_of_a_public_class(name):
    parts = [each for each in getattr(derivkit, name).__mro__ if "derivkit" in each.__module__]
    calls = {
        part
        for each in parts
        for part, thing in vars(each).items()
        if not part.startswith("_") and (callable(thing) or hasattr(thing, "__get__"))
    }
    fields = {field for each in parts for field in getattr(each, "__dataclass_fields__", {})}
    assert calls - fields - INSIDE.get(name, set()) - OF_RESULTS == set()


def test_users_programs_pass_a_strict_type_checker(tmp_path):
    pytest.importorskip("mypy")
    users = [str(USER), str(USER.with_name("user_of_labelled_models.py"))]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), *users]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout
