"""The environment of the peers, and how a peer is run in it.

``python -m benchmarks.environment`` makes benchmarks/.venv with the pinned packages of peers.txt.

The published DerivKit has the import name of this package. So peers run in a process of their own
whose path holds neither this repository nor anything installed beside it, whatever PYTHONPATH says:
`worker.py` loads only the `benchmarks` package, by its file.
"""

import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.running import Outcome

HERE = Path(__file__).parent
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
CACHE = HERE / "_cache"


def make():
    """Create the environment and install the peers."""
    venv.create(VENV, with_pip=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "-r", HERE / "peers.txt"], check=True)


def available():
    """Tell whether the peers' environment has been made."""
    return PYTHON.exists()


def work(task, **arguments):
    """Run benchmarks.<task>(**arguments) in the peers' environment; return what it returns, through
    JSON.
    """
    if not available():
        raise SystemExit("the peers have no environment yet: python -m benchmarks.environment")
    command = [PYTHON, "-I", HERE / "worker.py", task, json.dumps(arguments)]
    done = subprocess.run(command, check=True, cwd="/", stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_peer(name, spec):
    """Return the outcomes of a peer on a set of problems; from the disk if nothing has changed."""
    path = CACHE / f"outcomes-{_key(name, spec)}.json"
    if not path.exists():
        outcomes = work("worker_tasks.outcomes", name=name, spec=spec)
        CACHE.mkdir(exist_ok=True)
        path.write_text(json.dumps(outcomes))
    return [Outcome(**o) for o in json.loads(path.read_text())]


def _key(name, spec):
    """Return a hash of all that the outcomes depend on."""
    text = json.dumps([name, spec]).encode()
    sources = sorted(p for p in [*HERE.glob("*.py"), *HERE.glob("problems/*.py")] if _matters(p))
    return hashlib.sha256(text + b"".join(p.read_bytes() for p in sources)).hexdigest()[:16]


MATTERING = (
    "peers",
    "peer_tensors",
    "running",
    "problem",
    "held_out",
    "recipes",
    "expressions",
    "taylor",
    "problem_sets",
    "worker_tasks",
)


def _matters(path):
    return path.parent.name == "problems" or path.stem in MATTERING


if __name__ == "__main__":
    make()
    print(f"made {VENV}", file=sys.stderr)
