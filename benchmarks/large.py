"""Many parameters, outputs, points, pairs and rows of files: time and memory beside the bare calls.

    python -m benchmarks.large [overhead noise hessians outputs parameters points files] [--write]

"Bare" is the time that the same number of calls of the model takes in a loop, or in a list of
blocks where the model is vectorised, in the same process within the same seconds; a row says how
many times that the derivative takes. Memory is the growth of the peak of a process of its own. The
peers do the same work in their own environment (`python -m benchmarks.environment`), beside the
same bare calls there. Times are of the processor, so that other programs disturb less; the best of
several runs.
"""

import argparse
import gc
import tempfile
import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.environment import available, work
from benchmarks.peer_sizes import best, chain, sines, sines_of_first_axis, sums_of_sines
from benchmarks.scoring import table, written
from derivkit import CalculusKit, DerivativeKit, Plan, gradients

RESULT = Path(__file__).parent / "results" / "large.md"


def overhead():
    """Gradients of a sum of sines beside scipy.differentiate.jacobian, plain and vectorised."""
    from scipy.differentiate import jacobian

    rows = []
    for p, goals in ((10, (0.7, 0.9)), (100, (1.2, 2.5)), (1000, (0.35, 0.6))):
        x = np.linspace(1.0, 2.0, p)
        calls = {
            "apply": lambda x=x: jacobian(partial(np.apply_along_axis, sines, 0), x),
            "vector": lambda x=x: jacobian(sines_of_first_axis, x),
            "auto": lambda x=x: CalculusKit(sines, x).gradient_result(),
            "auto, vectorized": lambda x=x: CalculusKit(
                sums_of_sines, x, vectorized=True
            ).gradient_result(),
            "bare": lambda x=x: [sines(x.copy()) for _ in range(8 * len(x) + 1)],
            "finite": lambda x=x: CalculusKit(sines, x).gradient_result("finite"),
            "adaptive": lambda x=x: CalculusKit(sines, x).gradient_result("adaptive"),
        }
        t = best(calls, least=10)
        plain, vector = t["auto"] / t["apply"], t["auto, vectorized"] / t["vector"]
        bare = t["bare"] / t["apply"]
        rows += [
            [f"auto, p = {p}, beside scipy through apply_along_axis", f"{plain:.2f}", goals[0]],
            [f"its {8 * p + 1} bare calls, p = {p}, beside the same", f"{bare:.2f}", ""],
            [f"auto, p = {p}, both vectorised", f"{vector:.2f}", goals[1]],
            [f"adaptive, p = {p}, beside finite", f"{t['adaptive'] / t['finite']:.2f}", 3],
        ]
        rows += _peers("gradients", p=p)
    return "Gradients of a sum of sines beside scipy.differentiate.jacobian", rows


def noise():
    """Gradients and Jacobians of noisy models beside as many bare calls as each makes."""
    p, m = 100, 3_000
    x, t = np.linspace(1.0, 2.0, p), np.linspace(0.0, 1.0, m)
    rng = np.random.default_rng(0)

    def number(x):
        return np.sin(x).sum() + 1e-6 * rng.standard_normal()

    def curve(x):
        return x[0] * np.exp(-x[1] * t) + np.sin(x[2] * t) + 1e-6 * rng.standard_normal(m)

    rows = []
    for title, model, derivative in (
        (f"gradient, p = {p}", number, lambda: CalculusKit(number, x).gradient_result()),
        (f"Jacobian of {m} outputs", curve, lambda: CalculusKit(curve, x[:3]).jacobian_result()),
    ):
        n = derivative().nfev
        bare = lambda model=model, n=n: [model(x) for _ in range(n)]
        times = best({"auto": derivative, "bare": bare}, least=2)
        rows.append([f"{title}, {n} calls", f"{times['auto'] / times['bare']:.0f}", ""])
    return "Noisy models beside their own bare calls", rows


def hessians():
    """Second derivatives of a chain of sines beside as many bare calls as each makes."""
    rows = []
    for p in (10, 30, 100, 300):
        x = np.linspace(1.0, 2.0, p)
        result = CalculusKit(chain, x).hessian_result()
        calls = {
            "auto": lambda x=x: CalculusKit(chain, x).hessian(),
            "vectorized": lambda x=x: CalculusKit(_chains, x, vectorized=True).hessian(),
            "bare": lambda x=x, n=result.nfev: [chain(x) for _ in range(n)],
        }
        t = best(calls, least=3 if p < 300 else 1)
        rows += [
            [f"p = {p}, {result.nfev} calls", f"{t['auto'] / t['bare']:.1f}", 8],
            [f"p = {p}, vectorized", f"{t['vectorized'] / t['bare']:.1f}", ""],
        ]
        rows += _peers("hessians", p=p) if p < 300 else []  # minutes
    return "Hessians beside their own bare calls", rows


def _chains(x):
    return np.sin(x).sum(axis=1) + np.einsum("ij,ij->i", x[:, :-1], x[:, 1:])


def outputs():
    """Jacobians of very many outputs of three parameters beside 25 bare calls."""
    rows = []
    for m in (1_000, 100_000, 1_000_000):
        ratio, grown = in_child(_jacobian, m)
        rows += [
            [f"m = {m}, beside 25 bare calls", f"{ratio:.1f}", 8],
            [f"m = {m}, bytes an entry", f"{grown / (3 * m):.0f}", "1.5 GB in all" * (m == 10**6)],
        ]
    return "Jacobians of many outputs, three parameters", rows


def _jacobian(m):
    t = np.linspace(0.0, 1.0, m)

    def model(x):
        return x[0] * np.exp(-x[1] * t) + np.sin(x[2] * t)

    x = np.array([1.0, 2.0, 3.0])
    CalculusKit(lambda x: x, x).jacobian()  # loads what is loaded late
    before = peak()
    result = CalculusKit(model, x).jacobian_result()
    grown = peak() - before
    assert result.success
    del result
    calls = {
        "bare": lambda: [model(x) for _ in range(25)],
        "jacobian": lambda: CalculusKit(model, x).jacobian_result(),
    }
    t = best(calls, least=1)
    return t["jacobian"] / t["bare"], grown


def parameters():
    """Models of very many parameters."""
    rows = []
    for p in (1_000, 10_000):
        ratio, grown, serial = in_child(_vectorised, p)
        rows += [
            [f"p = {p}, vectorized, beside its own calls", f"{ratio:.2f}", 1.5],
            [f"p = {p}, vectorized, beside serial", f"{serial:.2f}", 1],
            [f"p = {p}, vectorized, MB", f"{grown / 1e6:.0f}", 200],
        ]
    ratio, grown = in_child(_long_gradient, 100_000)
    rows += [
        ["p = 100,000, each call two numbers' work, µs a call", f"{ratio * 1e6:.0f}", ""],
        ["p = 100,000, bytes a parameter", f"{grown / 100_000:.0f}", ""],
    ]
    for p in (100_000, 1_000_000):
        ratio, grown = in_child(_sparse, p)
        rows += [
            [f"tridiagonal Jacobian, p = {p}, beside its bare calls", f"{ratio:.1f}", ""],
            [f"tridiagonal Jacobian, p = {p}, bytes a parameter", f"{grown / p:.0f}", ""],
        ]
    return "Many parameters", rows


def _vectorised(p):
    seconds = []

    def model(x):
        start = time.process_time()
        y = np.sin(x).sum(axis=1)
        seconds.append(time.process_time() - start)
        return y

    x = np.ones(p)
    model(np.ones((max(1, 2**18 // p), p)))
    before = peak()
    CalculusKit(model, x, vectorized=True).gradient()
    grown = peak() - before
    seconds.clear()
    start = time.process_time()
    CalculusKit(model, x, vectorized=True).gradient()
    took = time.process_time() - start
    start = time.process_time()
    CalculusKit(sines, x).gradient()
    return took / sum(seconds), grown, took / (time.process_time() - start)


def _long_gradient(p):
    x = np.ones(p)
    kit = CalculusKit(lambda x: x[0] * x[-1], x)
    before, start = peak(), time.process_time()
    result = kit.gradient_result("finite", stepsize=1e-3, num_points=3)
    return (time.process_time() - start) / result.nfev, peak() - before


def _sparse(p):
    from scipy import sparse

    def model(x):
        y = np.sin(x)
        y[1:] += x[:-1]
        y[:-1] -= x[1:]
        return y

    pattern = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(p, p), format="csr")
    x = np.linspace(1.0, 2.0, p)
    model(x)
    before, start = peak(), time.process_time()
    result = CalculusKit(model, x).jacobian_result(sparsity=pattern)
    seconds, grown = time.process_time() - start, peak() - before
    bare = best({"bare": lambda: [model(x) for _ in range(result.nfev)]}, least=1)["bare"]
    return seconds / bare, grown


def points():
    """One model at many points."""
    n = 10_000
    x = np.random.default_rng(0).uniform(1.0, 2.0, (n, 3))
    calls = {
        "kit": lambda: DerivativeKit(np.sin, x[:, 0]).differentiate(),
        "one": lambda: gradients(lambda x: np.sin(x[0]), x[:, :1]),
        "three": lambda: gradients(sines, x),
        "vectorized": lambda: gradients(sums_of_sines, x, vectorized=True),
        "bare": lambda: [sines(row) for row in x for _ in range(9)],
    }
    t = best(calls, least=2)
    _, grown = in_child(_many_points, 100_000)
    return "Gradients at 10,000 points", [
        ["DerivativeKit on an array, µs a point", f"{t['kit'] / n * 1e6:.0f}", 50],
        ["gradients, p = 1, beside that", f"{t['one'] / t['kit']:.2f}", 1],
        ["gradients, p = 3, beside p = 1", f"{t['three'] / t['one']:.2f}", 4],
        ["gradients, p = 3, vectorized, beside p = 1", f"{t['vectorized'] / t['one']:.2f}", ""],
        ["gradients, p = 1, beside nine bare calls a point", f"{t['one'] / t['bare']:.1f}", ""],
        ["gradients, p = 3, beside 25 of them", f"{t['three'] / t['bare'] * 9 / 25:.1f}", ""],
        ["100,000 points of p = 3, MB", f"{grown / 1e6:.0f}", ""],
        *_peers("points", n=300),
    ]


def _many_points(n):
    x = np.random.default_rng(0).uniform(1.0, 2.0, (n, 3))
    gradients(sums_of_sines, x[:10], vectorized=True)
    before = peak()
    gradients(sums_of_sines, x, vectorized=True)
    return 0.0, peak() - before


def files():
    """Plans and checkpoints on the disk."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for p in (300, 1000):
            path, start = Path(folder) / "plan.json", time.process_time()
            plan = Plan("gradient", np.linspace(1.0, 2.0, p))
            while not plan.done:
                plan.tell([sines(x) for x in plan.points()])
            plan.save(path)
            Plan.load(path)
            rows += [
                [f"plan, p = {p}, s in all", f"{time.process_time() - start:.1f}", ""],
                [f"plan, p = {p}, MB", f"{path.stat().st_size / 1e6:.2f}", 1],
            ]
        x, path = np.linspace(1.0, 2.0, 1000), Path(folder) / "run.db"
        three = {"method": "finite", "stepsize": 1e-3, "num_points": 3, "levels": None}
        nfev = CalculusKit(sines, x, checkpoint=path).gradient_result(**three).nfev
        gc.collect()  # closes the file
        size = sum(each.stat().st_size for each in path.parent.glob("run.db*"))
        rows.append([f"checkpoint of {nfev} rows, p = 1000, MB", f"{size / 1e6:.2f}", 4])
        x = np.linspace(1.0, 2.0, 100)
        calls = {
            "bare": lambda: [sines(x) for _ in range(801)],
            "serial": lambda: CalculusKit(sines, x).gradient(),
            "kept": lambda: CalculusKit(
                sines, x, checkpoint=Path(tempfile.mkdtemp(dir=folder)) / "run.db"
            ).gradient(),
        }
        t = best(calls)
        ratio = (t["kept"] - t["bare"]) / (t["serial"] - t["bare"])
        rows.append(["a checkpoint, beside the serial engine's own cost", f"{ratio:.1f}", 5])
    return "Files", rows


def _peers(part, **arguments):
    """Return rows of the peers' ratios, where their environment has been made."""
    if not available():
        return []
    label = " ".join(f"{k} = {v}" for k, v in arguments.items())
    measured = work(f"peer_sizes.{part}", **arguments)
    return [[f"{name}, {label}", f"{ratio:.2f}", "peer"] for name, ratio in measured.items()]


def in_child(function, *arguments):
    """Return what a function returns in a fresh process, so that its peak of memory is its own.

    A fork would begin with the memory that its parent has had, and take from that.
    """
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak():
    """Return the peak of this program's memory so far, in bytes.

    That of `getrusage` begins with what the parent had when it started this program.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


PARTS = {f.__name__: f for f in (overhead, noise, hessians, outputs, parameters, points, files)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help=f"also to {RESULT.name}")
    wanted = parser.parse_args()
    for name in wanted.parts or PARTS:
        title, rows = PARTS[name]()
        cells = [[str(cell) for cell in row] for row in rows]
        text = f"### {title}\n\n{table(['', 'measured', 'goal'], cells)}\n"
        print(text, flush=True)
        if wanted.write:
            written(RESULT, title, text)


if __name__ == "__main__":
    main()
