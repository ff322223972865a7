"""ARCHITECTURE.md and CONTRIBUTING.md lead to files and names that are there."""

import ast
import re
from pathlib import Path

import pytest

import derivkit

PACKAGE = Path(derivkit.__file__).parent
ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md")]
FILES = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*/**/*.py")}


def named_files(text):
    return {each for each in re.findall(r"`([\w/.]+\.py)`", text) if "<" not in each}


def found(name):
    return [path for path in FILES if path == name or path.endswith("/" + name)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page):
    missing = sorted(name for name in named_files(page.read_text()) if not found(name))
    assert missing == []


def definitions(path):
    """Return classes, functions, methods as Class.method, and constants of a module."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        names.add(getattr(node, "name", None))
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{getattr(each, 'name', '')}" for each in node.body}
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        names |= {each.id for each in targets if isinstance(each, ast.Name)}
    return names


def test_every_name_that_is_said_to_be_in_a_file_is_there():
    text = PAGES[0].read_text()
    said = re.findall(r"`(\w+(?:\.\w+)?)` in `([\w/]+\.py)`", text)
    assert len(said) > 5
    missing = [
        f"{name} in {file}"
        for name, file in said
        if not any(name in definitions(ROOT / path) for path in found(file))
    ]
    assert missing == []


def test_the_tree_names_every_folder_and_every_file_at_the_top():
    tree = PAGES[0].read_text().split("```")[1]
    here = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    here |= {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(name for name in here if name not in tree) == []
