import functools
import os
import re
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from derivkit.engine.checkpoint.fingerprint import fingerprint


def function_of(source, **names):
    """Return the f that a piece of source defines."""
    namespace = {"__name__": "__main__", "np": np, **names}
    exec(compile(textwrap.dedent(source), "<model>", "exec"), namespace)
    return namespace["f"]


def digest(source, **names):
    return fingerprint(function_of(source, **names)).digest


PLAIN = """
def f(x):
    return 2.0 * x[0] + x[1]
"""


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n\n\ndef f(x):\n    # another\n    return 2.0 * x[0] + x[1]  # and one more",
        'def f(x):\n    """What it is."""\n    return 2.0 * x[0] + x[1]',
        "UNUSED = 3\n\ndef other(): pass\n\ndef f(x):\n    return (2.0 * x[0]\n        + x[1])",
        "def g(x):\n    return 2.0 * x[0] + x[1]\n\nf = g",
    ],
)
def test_comments_docstrings_layout_and_names_of_the_function_do_not_matter(same):
    assert digest(same) == digest(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return 3.0 * x[0] + x[1]",
        "def f(x):\n    return 2 * x[0] + x[1]",
        "def f(x):\n    return 2.0 * x[0] - x[1]",
        "def f(x):\n    return 2.0 * x[1] + x[0]",
        "def f(x, a=1):\n    return 2.0 * x[0] + x[1]",
        "def f(x):\n    return 2.0 * x[0] + x[1] if x[0] else 0.0",
    ],
)
def test_another_constant_operator_order_or_default_is_another_model(other):
    assert digest(other) != digest(PLAIN)


@pytest.mark.parametrize(
    ("source", "before", "after", "part"),
    [
        ("def f(x): return A * x[0]", {"A": 2.0}, {"A": 3.0}, "global A"),
        ("def f(x): return A @ x", {"A": np.ones(2)}, {"A": np.array([1.0, 1.0 + 1e-16 * 3])}, 0),
        ("def f(x): return A @ x", {"A": np.ones(2)}, {"A": np.ones(2, "f4")}, "global A"),
        ("def f(x): return A['k'] * x[0]", {"A": {"k": 1}}, {"A": {"k": 2}}, "global A"),
        ("def f(x): return x[0] in A", {"A": {"a", "b"}}, {"A": {"a", "c"}}, "global A"),
        (
            "def f(x): return A(x[0])",
            {"A": CubicSpline([0, 1, 2], [0, 1, 4])},
            {"A": CubicSpline([0, 1, 2], [0, 1, 5])},
            "global A",
        ),
        ("def f(x): return A(x)", {"A": np.sin}, {"A": np.cos}, "global A"),
        ("def f(x): return A", {"A": re.compile("a")}, {"A": re.compile("b")}, "global A"),
        (
            "def f(x): return A(x)",
            {"A": functools.partial(np.power, 2)},
            {"A": functools.partial(np.power, 3)},
            "global A",
        ),
    ],
)
def test_a_global_that_changed_is_named(source, before, after, part):
    if part == 0:  # one unit in the last place, if that is representable
        after["A"][1] = np.nextafter(1.0, 2.0)
        part = "global A"
    old, new = fingerprint(function_of(source, **before)), fingerprint(function_of(source, **after))
    assert new.changed(old.parts) == [part]


def test_captured_values_are_part_of_the_model_and_named():
    def make(a, data):
        return lambda x: a * x[0] + data[0]

    first = fingerprint(make(2, np.arange(3.0)))
    assert fingerprint(make(2, np.arange(3.0))) == first
    assert fingerprint(make(3, np.arange(3.0))).changed(first.parts) == ["captured a"]
    assert fingerprint(make(2, np.arange(4.0))).changed(first.parts) == ["captured data"]


def test_helpers_are_followed_as_deep_as_they_go():
    source = """
    def deepest(y): return y + {}
    def deep(y): return deepest(y)
    def f(x): return deep(x[0])
    """
    assert digest(source.format("1")) == digest(source.format("1"))
    assert digest(source.format("1")) != digest(source.format("2"))


def test_a_function_made_inside_and_its_globals_count():
    source = """
    A = {}
    def f(x):
        def inner(y): return A * y
        return sum(inner(y) for y in x)
    """
    assert digest(source.format("1")) != digest(source.format("2"))


def test_recursion_and_mutual_recursion_end():
    source = """
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - 1)
    def f(x): return f(x[1:]) if even(len(x)) else {}
    """
    assert digest(source.format(1)) == digest(source.format(1))
    assert digest(source.format(1)) != digest(source.format(2))


def test_of_a_users_module_only_what_is_named_counts():
    def model(used, unused):
        module = ModuleType("a_users_module")
        module.used, module.unused = used, unused
        return function_of("def f(x): return m.used * x[0]", m=module)

    first = fingerprint(model(1, 1)).digest
    assert fingerprint(model(1, 2)).digest == first
    assert fingerprint(model(2, 1)).digest != first


def test_a_module_imported_when_the_function_runs_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    source = "def f(x):\n    from {} import scale\n    return scale * x[0]"
    (tmp_path / "lazily_one.py").write_text("scale = 1")
    first = function_of(source.format("lazily_one"))
    before = fingerprint(first)
    sys.modules["lazily_one"].scale = 2
    assert fingerprint(first).changed(before.parts) == ["import lazily_one"]


class Likelihood:
    shift = 0.5

    def __init__(self, data):
        self.data = data

    def __call__(self, x):
        return float(np.sum(self.data * x[0]) + self.shift)

    def chi2(self, x):
        return self(x) ** 2


class Slotted:
    __slots__ = ("__hidden", "open")

    def __init__(self, hidden, shown):
        self.__hidden = hidden
        self.open = shown

    def __call__(self, x):
        return self.__hidden * x[0]


@dataclass
class Amplitude:
    value: float

    def __call__(self, x):
        return self.value * x[0]


@pytest.mark.parametrize(
    ("make", "one", "other"),
    [
        (Likelihood, np.arange(3.0), np.arange(1.0, 4.0)),
        (lambda data: Likelihood(data).chi2, np.arange(3.0), np.arange(1.0, 4.0)),
        (lambda hidden: Slotted(hidden, 1), 1.0, 2.0),
        (Amplitude, 1.0, 2.0),
        (lambda a: functools.partial(lambda b, x: b * x[0], a), 1.0, 2.0),
        (lambda a: functools.lru_cache(lambda x: a * x[0]), 1.0, 2.0),
        (lambda a: np.vectorize(lambda x: a * x), 1.0, 2.0),
        (lambda rng: lambda x: rng.normal() * x[0], np.random.default_rng(1), 2),
    ],
)
def test_instances_methods_partials_and_wrappers_are_seen_through(make, one, other):
    assert fingerprint(make(one)) == fingerprint(make(one))
    if isinstance(one, np.random.Generator):
        one, other = np.random.default_rng(1), np.random.default_rng(other)
    assert fingerprint(make(one)).digest != fingerprint(make(other)).digest


def test_a_changed_class_attribute_or_method_is_another_model(monkeypatch):
    before = fingerprint(Likelihood(np.ones(2)))
    monkeypatch.setattr(Likelihood, "shift", 0.75)
    assert fingerprint(Likelihood(np.ones(2))).changed(before.parts) == ["class"]


def test_what_a_model_writes_for_itself_is_not_part_of_it():
    calls, count, seen, table = [], [0], {"n": 0, "scale": 2.0}, {}

    def f(x):
        nonlocal number
        number += 1
        calls.append(x)
        count[0] += 1
        seen["n"] += 1
        f.total += 1
        return seen["scale"] * x[0] + len(table)

    number, f.total = 0, 0
    before = fingerprint(f)
    f(np.ones(1))
    assert fingerprint(f) == before
    seen["scale"] = 3.0
    assert fingerprint(f).changed(before.parts) == ["captured seen"]
    table["new"] = 1
    assert fingerprint(f).changed(before.parts) == ["captured seen", "captured table"]


def test_locks_files_and_loggers_do_not_stand_in_the_way(tmp_path):
    with (tmp_path / "log").open("w") as file:
        lock = threading.Lock()

        def f(x):
            with lock:
                file.write("called\n")
            return x[0]

        assert fingerprint(f) == fingerprint(f)


def test_an_object_array_and_a_masked_array_count_by_content():
    def make(data):
        return lambda x: data[0] * x[0]

    objects = [np.array([1, "a", None], dtype=object), np.array([1, "b", None], dtype=object)]
    assert fingerprint(make(objects[0])).digest != fingerprint(make(objects[1])).digest
    masked = [np.ma.array([1.0, 2.0], mask=m) for m in ([0, 1], [0, 0])]
    assert fingerprint(make(masked[0])).digest != fingerprint(make(masked[1])).digest
    assert fingerprint(make(masked[0])) == fingerprint(make(masked[0].copy()))


def test_what_is_nested_too_deeply_is_refused_with_the_way_out():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="version="):
        fingerprint(lambda x: deep)
    while deep:  # or the interpreter recurses when it frees them
        deep = deep.pop()


SCRIPT = """
from dataclasses import dataclass
from enum import Enum
import numpy as np
import pandas as pd
from derivkit.engine.checkpoint.fingerprint import fingerprint
{comment}
class Kind(Enum):
    ONE = 1
    TWO = 2

@dataclass(frozen=True)
class Settings:
    kind: Kind
    names: frozenset

class Model:
    tags = {{"x", "y", "z", "longer", "words"}}
    def __init__(self):
        self.frame = pd.DataFrame({{"a": [1.0, 2.0], "b": ["u", "v"]}})
        self.settings = Settings(Kind.TWO, frozenset(["p", "q", "r", "s"]))
        self.table = {{("k", i): np.full(3, i) for i in range(5)}}
        self.rng = np.random.default_rng(3)
    {comment}
    def __call__(self, x):
        if x[0] in {{"not", "a", "number"}}:
            return None
        return helper(x) + len(self.tags)

def helper(x):
    return np.sum(x) if Kind.ONE is not Kind.TWO else 0.0

print(fingerprint(Model()).digest, fingerprint(lambda x: Model()(x)).digest)
"""


def test_it_is_the_same_in_every_process_with_every_hash_seed_and_comment(tmp_path):
    printed = set()
    for seed, comment in [("0", ""), ("1", "# a comment\n"), ("77", "\n\n\n")]:
        path = tmp_path / f"model_{seed}.py"
        path.write_text(SCRIPT.format(comment=comment))
        done = subprocess.run(
            [sys.executable, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        printed.add(done.stdout)
    assert len(printed) == 1
