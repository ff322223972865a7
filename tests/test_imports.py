"""Imports only go down, and no two modules need each other: by any reading of the source.

Imports for type checking alone, and those inside functions, count like the others.
"""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import derivkit

ROOT = Path(derivkit.__file__).parent


def name_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported(path):
    """Return the modules of the package that a file names in an import statement, anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} has a relative import, which this test cannot read"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {n if n in FILES else node.module for n in names}
    return found & FILES.keys()


# `import derivkit` there is for the version; what __init__ names, it imports when it is used
GRAPH = {
    name: imported(path) - {name, "derivkit"} for name, path in FILES.items() if name != "derivkit"
}


def circle(graph):
    """Return the modules of a circle, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_no_module_needs_itself_by_way_of_others():
    assert circle(GRAPH) is None


def test_no_folder_needs_itself_by_way_of_others():
    def house(name):
        return ".".join(name.split(".")[:2])

    folders = {house(name): set() for name in GRAPH}
    for name, needed in GRAPH.items():
        folders[house(name)] |= {house(each) for each in needed} - {house(name)}
    assert circle(folders) is None


def test_the_test_would_see_a_circle():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "c", "b", "a"]
    assert "derivkit.calculus.driver" in GRAPH["derivkit.calculus.operators"]


def test_what_other_modules_import_of_a_module_is_what_it_says_it_has_for_them():
    sources = {name: ast.parse(path.read_text()) for name, path in FILES.items()}
    hidden = [
        f"{importer}: {node.module}.{alias.name}"
        for importer, source in sources.items()
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and node.module in FILES
        for alias in node.names
        if alias.name in not_for_others(sources[node.module])
    ]
    assert hidden == []


@cache
def not_for_others(source):
    """Return the functions and classes of a module that its literal ``__all__`` leaves out."""
    lists = [
        node.value.elts
        for node in source.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    if not lists or not all(isinstance(each, ast.Constant) for each in lists[0]):
        return set()
    return {getattr(node, "name", "") for node in source.body} - {n.value for n in lists[0]}
