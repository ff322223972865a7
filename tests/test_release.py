"""What a release needs: one version everywhere, files that parse, no address that is not there."""

import re
import tomllib
from pathlib import Path

import pytest

from derivkit.version import __version__

ROOT = Path(__file__).parents[1]
COMMUNITY = [
    "CITATION.cff",
    "CODE_OF_CONDUCT.md",
    "RELEASING.md",
    "recipe/meta.yaml",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github").rglob("*.*")),
]


def text(name):
    return (ROOT / name).read_text()


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CITATION.cff", r"^version: (.*)$"),
        ("docs/citing.md", r"version = \{(.*)\}"),
        ("recipe/meta.yaml", r'set version = "(.*)"'),
        ("CHANGELOG.md", r"^## (\d\S*)"),
    ],
)
def test_one_version_stands_everywhere(file, pattern):
    assert re.search(pattern, text(file), re.MULTILINE)[1] == __version__


@pytest.mark.parametrize(
    "file", [f for f in COMMUNITY if f.endswith((".yml", ".cff"))] + ["recipe/meta.yaml"]
)
def test_files_for_machines_can_be_read(file):
    yaml = pytest.importorskip("yaml")
    plain = re.sub(r"\{%.*?%\}\n?", "", text(file)) if file.startswith("recipe") else text(file)
    plain = re.sub(r"\{\{.*?\}\}", "x", plain) if file.startswith("recipe") else plain
    assert yaml.safe_load(plain)


def test_the_conda_recipe_asks_for_what_the_package_asks_for():
    yaml = pytest.importorskip("yaml")
    jinja = pytest.importorskip("jinja2")
    rendered = jinja.Environment(undefined=jinja.StrictUndefined).from_string(
        text("recipe/meta.yaml")
    )
    recipe = yaml.safe_load(rendered.render(PYTHON="python"))
    project = tomllib.loads(text("pyproject.toml"))["project"]
    asked = {line.replace(" ", "") for line in recipe["requirements"]["run"]}
    assert asked == {*project["dependencies"], f"python{project['requires-python']}"}
    (command,) = recipe["build"]["entry_points"]
    assert dict([command.split(" = ")]) == project["scripts"]


def test_the_workflow_runs_ci_on_every_python_and_system():
    yaml = pytest.importorskip("yaml")
    jobs = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]
    assert jobs["all"]["strategy"]["matrix"] == {
        "os": ["ubuntu-latest", "macos-latest"],
        "python": ["3.11", "3.12", "3.13", "3.14"],
    }
    assert "bash .ci/run" in [step.get("run") for step in jobs["all"]["steps"]]
    assert jobs["windows"]["runs-on"] == "windows-latest"


def test_no_message_and_no_page_sends_people_to_the_package_of_the_same_name():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    files = [*(ROOT / "derivkit").rglob("*.py"), *pages]
    sent = re.compile(r"pip install (?:-\S+ )*['\"]?derivkit\b(?!` does not)")
    kept = [f for f in files if not {"_build", "_generated"} & set(f.parts)]
    assert [str(f) for f in kept if sent.search(" ".join(f.read_text().split()))] == []


@pytest.mark.parametrize("file", COMMUNITY)
def test_nobody_is_sent_to_an_address_or_an_index(file):
    assert not re.search(r"[\w.]+@[\w-]+\.\w", text(file))
    assert not re.search(r"pip install (-\S+ )?derivkit", text(file))


def test_the_citation_says_what_it_must():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load(text("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(citation)


def test_the_smoke_test_of_other_pythons_names_files_that_are_there():
    (names,) = re.findall(r'^SMOKE="(.*)"$', text(".ci/versions"), re.MULTILINE)
    assert names
    assert all((ROOT / name).exists() for name in names.split())
