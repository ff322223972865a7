"""Compare the speed of derivkit.sampled.gradient with numpy.gradient on 10^7 samples.

Run: python benchmarks/sampled_speed.py [samples]
The two take turns and the best of seven counts, so that a busy machine slows both alike.
"""

import sys
import time

import numpy as np

from derivkit import sampled

ROUNDS = 7
ALLOWED = 1.3


def best_of(*functions):
    """Return the shortest time of each, run in turns."""
    times = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, spent in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            spent.append(time.perf_counter() - start)
    return [min(spent) for spent in times]


def main():
    size = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**7
    x = np.linspace(0, 100, size)
    f = np.sin(x)
    side = int(size**0.5)
    square = f[: side**2].reshape(side, side)
    forms = {
        "unit spacing": ((f,), {}),
        "one distance": ((f, 0.1), {}),
        "coordinates": ((f, x**1.1), {}),
        "edges of order 2": ((f, 0.1), {"edge_order": 2}),
        "two axes": ((square,), {}),
    }
    print(f"{size:.0e} samples, best of {ROUNDS}     numpy  derivkit   ratio")
    ratios = []
    for name, (args, kwargs) in forms.items():
        numpy, ours = best_of(
            lambda a=args, k=kwargs: np.gradient(*a, **k),
            lambda a=args, k=kwargs: sampled.gradient(*a, **k),
        )
        ratios.append(ours / numpy)
        print(f"{name:28}  {numpy * 1e3:6.1f}ms  {ours * 1e3:6.1f}ms  {ours / numpy:6.2f}")
    for accuracy in (2, 4, 6, 8):
        (ours,) = best_of(lambda p=accuracy: sampled.gradient(f, 0.1, accuracy=p))
        print(f"accuracy={accuracy}, one distance                {ours * 1e3:6.1f}ms")
    if max(ratios) > ALLOWED:
        sys.exit(f"slower than {ALLOWED} times numpy")


if __name__ == "__main__":
    main()
