"""The hand-written problems: functions of the sciences and textbook difficulties, by class."""

from importlib import import_module

from benchmarks.problems.definition import with_references

MODULES = (
    "smooth",
    "optimisation",
    "likelihoods",
    "regressions",
    "cosmology",
    "scales",
    "walls",
    "difficult",
    "noisy",
    "solvers",
)


def hand_written():
    """Return all hand-written problems with their exact derivatives."""
    for name in MODULES:
        import_module(f"benchmarks.problems.{name}")
    return with_references()
