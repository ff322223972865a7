"""Every example in the README and the documentation runs, and the README's commands are CI's.

An example below a comment "needs: NAME" on its page runs where that package is installed.
"""

import doctest
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from derivkit.cli import main
from derivkit.methods import registry

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"^(?:<!-- needs: (?P<package>\w+) -->\n)?```(?:python|pycon)\n(?P<code>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if "_build" not in page.parts and "\n>>> " in page.read_text()
)


def examples_of(page):
    """Return the fenced examples of a page as one doctest with the page's line numbers."""
    text = page.read_text()
    kept = [""] * (text.count("\n") + 1)
    for fence in FENCE.finditer(text):
        needed = fence["package"]
        if ">>> " in fence["code"] and (needed is None or find_spec(needed)):
            first = text.count("\n", 0, fence.start("code"))
            for offset, line in enumerate(fence["code"].splitlines()):
                kept[first + offset] = line
    return doctest.DocTestParser().get_doctest("\n".join(kept), {}, page.name, str(page), 0)


@pytest.fixture
def registry_as_it_was(monkeypatch):
    """A page that registers a method leaves no trace in the other tests."""
    monkeypatch.setattr(registry, "_aliases", dict(registry._aliases))
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    yield
    registry._index.cache_clear()


@pytest.mark.usefixtures("registry_as_it_was")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_on_the_page_prints_what_stands_there(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples")  # tutorials run in that folder
    failures = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    runner.run(examples_of(page), out=failures.append)
    assert not failures, "".join(failures)


def readme_command(name):
    text = (ROOT / "README.md").read_text()
    return re.search(rf"<!-- command: {name} -->\n```bash\n(.*?)\n```", text, re.DOTALL)[1]


def test_the_main_job_of_the_readme_computes_a_vanishing_gradient(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    words = shlex.split(readme_command("main job").split("bin/derivkit ")[1])
    assert main(words) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    values = {name: float(value) for name, value, *_ in rows}
    # the parameters are given to 11 digits: the gradient is within curvature times last digit
    assert abs(values["x[0]"]) < 1e-5
    assert abs(values["x[1]"]) < 1.0


def test_ci_runs_the_commands_that_stand_in_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    assert "readme_command tests" in script
    assert 'readme_command "main job"' in script
    assert "-m pytest" in readme_command("tests")


@pytest.mark.parametrize("file", ["docs/install.md", "Makefile", "CONTRIBUTING.md", ".ci/versions"])
def test_the_tests_are_started_as_the_readme_says(file):
    options = readme_command("tests").split("-m pytest ")[1]
    assert options in (ROOT / file).read_text()
