"""The tests of what derivkit promises, with the numbers of the page of promises instead of CI's.

    python -m benchmarks.trust [--only interrupts] [--part 0.1]

Each line is a test of `tests/` with more cases, or a script; it tells how many, and how it ended.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FAULTS = "tests/engine/checkpoint/test_injected_faults.py"
PYTEST = ("-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider")
RUNS = {  # name: (cases, the variable or option that says how many, what is run)
    "bit flips of stored values": (1000, "DERIVKIT_FLIPS", (*PYTEST, FAULTS, "-k", "flipped_bit")),
    "damaged files": (1250, "DERIVKIT_DAMAGED", (*PYTEST, FAULTS, "-k", "damaged_file")),
    "crafted files": (0, "", (*PYTEST, FAULTS, "-k", "crafted_file")),
    "failing statements": (0, "", (*PYTEST, FAULTS, "-k", "statement")),
    "machines of 20 steps": (
        300,
        "DERIVKIT_MACHINES",
        (*PYTEST, "tests/engine/checkpoint/test_stateful.py"),
    ),
    "claims of each sort": (500, "DERIVKIT_CLAIMS", (*PYTEST, "tests/check/test_claims.py")),
    "workers that die": (0, "", (*PYTEST, "tests/engine/backends/test_dying_workers.py")),
    "kills -9 with resume": (60, "--kills", ("-m", "benchmarks.kill_and_resume")),
    "awkward values of names": (20_000, "--n", ("-m", "tests.fuzz")),
    "awkward words of the command": (4_000, "--n", ("-m", "tests.fuzz", "--command")),
    "interrupts in each setting": (
        100,
        "DERIVKIT_INTERRUPTS",
        (*PYTEST, "tests/engine/backends/test_random_interrupts.py"),
    ),
}


def run(cases, how, words):
    """Run one line; return how it ended, in its own last words, and the seconds."""
    option = [how, str(cases)] if how.startswith("--") else []
    environment = os.environ | ({how: str(cases)} if how and not option else {})
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, *words, *option],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
    return done.returncode == 0, last, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="lines that have this in their name")
    parser.add_argument("--part", type=float, default=1.0, help="of the cases")
    given = parser.parse_args()
    good = True
    print("| what | cases | seconds | outcome |\n|---|---|---|---|")
    for name, (cases, how, words) in RUNS.items():
        if given.only in name:
            many = max(1, round(cases * given.part)) if cases else 0
            fine, last, seconds = run(many, how, words)
            good &= fine
            print(f"| {name} | {many or 'all'} | {seconds:.0f} | {last} |", flush=True)
    return not good


if __name__ == "__main__":
    sys.exit(main())
