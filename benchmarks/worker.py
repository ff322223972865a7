"""Runs in the peers' environment: ``python -I worker.py module.function '{"argument": value}'``.

Loads the `benchmarks` package by its file, so that this repository's `derivkit` is not importable
here and `import derivkit` means the published one. Prints the function's result as one JSON line.
"""

import json
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).parent


def load_benchmarks():
    """Import this folder as the package `benchmarks` without its parent on the path."""
    spec = spec_from_file_location(
        "benchmarks", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    sys.modules["benchmarks"] = package = module_from_spec(spec)
    spec.loader.exec_module(package)


def main():
    task, arguments = sys.argv[1], json.loads(sys.argv[2])
    load_benchmarks()
    module, function = task.rsplit(".", 1)
    result = getattr(import_module(f"benchmarks.{module}"), function)(**arguments)
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
