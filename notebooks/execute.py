"""Run every notebook here from top to bottom; fail at the first cell that raises.

The notebooks in the repository hold no outputs. The executed copies go to docs/_generated, from
where the documentation takes them. A notebook that needs a package that is missing says so in its
first cell and goes on with what is there.

    python notebooks/execute.py [name ...]
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
EXECUTED = HERE.parent / "docs" / "_generated" / "notebooks"
MOST_SECONDS = 600  # for one cell
LARGEST = 100_000  # bytes of a notebook in the repository


def execute(path):
    notebook = nbformat.read(path, as_version=4)
    if path.stat().st_size > LARGEST or any(c.get("outputs") for c in notebook.cells):
        raise SystemExit(f"{path.name} must be committed without outputs")
    start = time.perf_counter()
    client = NotebookClient(notebook, timeout=MOST_SECONDS, kernel_name="python3")
    client.execute(cwd=str(HERE))
    EXECUTED.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, EXECUTED / path.name)
    print(f"{path.name}: {len(notebook.cells)} cells in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    wanted = [HERE / f"{name.removesuffix('.ipynb')}.ipynb" for name in sys.argv[1:]]
    for path in wanted or sorted(HERE.glob("*.ipynb")):
        execute(path)
