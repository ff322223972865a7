"""A model that is not Python: a program that takes parameters and prints a number.

Any executable will do; here it is an awk script, a pendulum. From the shell,

    derivkit gradient --exec "awk -f examples/pendulum.awk {theta}" --at g=9.81 l=1 amplitude=0.5

and from Python:
"""

from __future__ import annotations

from pathlib import Path

from derivkit import CalculusKit, Program

SCRIPT = Path(__file__).with_name("pendulum.awk")
period = Program(f"awk -f '{SCRIPT}' {{theta}}")
PENDULUM = {"g": 9.81, "l": 1.0, "amplitude": 0.5}

if __name__ == "__main__":
    kit = CalculusKit(period, PENDULUM, bounds=[(0, None), (0, None), (None, None)])
    print(kit.gradient_result(n_workers=2))
