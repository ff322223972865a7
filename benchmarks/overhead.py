"""What a gradient costs beside the model's own time: seconds, memory, import.

    python -m benchmarks.overhead [--most 1000]

The model is a sum of squares of about a microsecond; p = 1 … 1000; plain and vectorised, beside the
peers in their own environment in the same run. Times are the best of several runs, in milliseconds.
"""

import argparse
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.environment import available, work
from benchmarks.scoring import table
from benchmarks.timing import best_time, peak_memory, plain, point, vectorised

RESULTS = Path(__file__).parent / "results"
SIZES = (1, 10, 100, 1000)
METHODS = {
    "derivkit auto": {},
    "derivkit finite, ridders": {"method": "finite", "extrapolation": "ridders"},
    "derivkit adaptive": {"method": "adaptive"},
}
IMPORTS = {
    "derivkit": "import derivkit",
    "derivkit, first gradient": "import derivkit; "
    "derivkit.CalculusKit(lambda x: x[0]**2, [1.0]).gradient()",
    "numpy + scipy.linalg + joblib": "import numpy, scipy.linalg, joblib",
}
REPEATS = 5


def ours(p, options, vectorized):
    """Return a call of derivkit's gradient on p parameters."""
    from derivkit import CalculusKit

    f = vectorised if vectorized else plain

    def gradient():
        return CalculusKit(f, point(p), vectorized=vectorized).gradient(**options)

    return gradient


def time_rows(sizes):
    """Return the times of derivkit, then of the peers."""
    rows = []
    for name, options in METHODS.items():
        for vectorized in (False, True):
            times = [1e3 * best_time(ours(p, options, vectorized)) for p in sizes]
            rows.append([name + (", vectorized" if vectorized else ""), *map(_ms, times)])
    if available():
        measured = work("timing.peer_times", sizes=list(sizes))
        rows += [[name, *(_ms(1e3 * t) for t in times)] for name, times in measured.items()]
    return rows


def memory_rows(p):
    """Return the peak memory of one gradient beyond what was there before, in MB."""
    rows = [
        [name, f"{peak_memory(ours(p, options, vectorized=False)) / 1e6:.1f}"]
        for name, options in METHODS.items()
    ]
    if available():
        measured = work("timing.peer_memory", p=p)
        rows += [[name, f"{bytes_ / 1e6:.1f}"] for name, bytes_ in measured.items()]
    return rows


def import_rows():
    """Return the seconds a fresh interpreter takes for an import, less its own start."""
    empty = best_time(partial(_python, "pass"), repeats=REPEATS)
    return [
        [name, f"{best_time(partial(_python, code), repeats=REPEATS) - empty:.3f}"]
        for name, code in IMPORTS.items()
    ]


def _python(code):
    subprocess.run([sys.executable, "-c", code], check=True)


def _ms(milliseconds):
    return f"{milliseconds:.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of parameters")
    most = parser.parse_args().most
    sizes = [p for p in SIZES if p <= most]
    parts = [
        table(["gradient, ms", *(f"p = {p}" for p in sizes)], time_rows(sizes)),
        table([f"memory at p = {most}", "MB"], memory_rows(most)),
        table(["import", "s"], import_rows()),
    ]
    text = "\n\n".join(parts)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overhead.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
