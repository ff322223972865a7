"""What of a function's code matters to its fingerprint, and what does not."""

from derivkit.engine.checkpoint.bytecode import read

SCALE = 2.0


def reading(source, name="f"):
    scope = {}
    exec(compile(source, "model.py", "exec"), scope)
    return read(scope[name].__code__)


def test_comments_docstrings_and_line_numbers_do_not_matter():
    plain = reading("def f(x):\n    return 2.0 * x[0]\n")
    same = reading("\n\n\ndef f(x):\n    # why\n    return 2.0 * x[0]  # so\n")
    assert (plain.text, plain.constants) == (same.text, same.constants)


def test_another_constant_operation_or_default_order_matters():
    def mark(source):
        found = reading(source)
        return found.text, found.constants

    plain = mark("def f(x):\n    return 2.0 * x[0]\n")
    assert mark("def f(x):\n    return 3.0 * x[0]\n") != plain
    assert mark("def f(x):\n    return 2.0 + x[0]\n") != plain


def test_globals_and_imports_are_told_also_of_functions_inside():
    found = reading(
        "def f(x):\n    import math\n    def g(y):\n        return SCALE * math.sin(y)\n"
        "    return g(x[0])\n"
    )
    assert "SCALE" in found.globals
    assert ("math", 0) in found.imports


def test_a_counter_and_a_log_are_the_functions_own_and_no_ingredient():
    counted = reading("def f(x):\n    global calls\n    calls += 1\n    return x[0]\n")
    logged = reading("def f(x):\n    log.append(x)\n    return x[0]\n")
    assert "calls" in counted.own
    assert "log" in logged.own


def test_items_and_attributes_that_the_code_updates_are_told():
    found = reading("def f(x):\n    calls[0] += 1\n    return x[0]\n")
    assert ("calls", 0) in found.own_items
    kept = reading("def f(self, x):\n    self.last = x\n    return x[0]\n")
    assert "last" in kept.own_attributes
