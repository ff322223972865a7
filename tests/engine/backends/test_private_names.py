"""Private names of other packages that this one uses: a sentence for each, for when one goes."""

import argparse
import ast
import re
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import numpy as np
import pytest
from joblib.externals.loky import ProcessPoolExecutor as LokyExecutor

import derivkit

PACKAGE = Path(derivkit.__file__).parent


def must_have(thing, name, use):
    assert hasattr(thing, name), f"{type(thing).__module__} no longer has `{name}`, which {use}"


@pytest.fixture(params=["loky", "fork"])
def executor(request):
    if request.param == "fork" and "fork" not in get_all_start_methods():
        pytest.skip("this system cannot fork")
    made = (
        LokyExecutor(1) if request.param == "loky" else ProcessPoolExecutor(1, get_context("fork"))
    )
    assert made.submit(abs, -3).result(timeout=300) == 3
    yield made
    made.shutdown(wait=True)


def test_a_pool_of_processes_tells_its_workers_and_its_pipes(executor):
    must_have(executor, "_processes", "backends/processes.py ends workers by, at an interrupt")
    assert all(hasattr(p, "exitcode") for p in executor._processes.values())
    must_have(executor, "_executor_manager_thread", "backends/processes.py waits for at the end")
    thread = executor._executor_manager_thread
    must_have(thread, "executor_reference", "backends/processes.py tells replaced pools by")
    must_have(thread, "pending_work_items", "backends/processes.py tells pools in use by")
    must_have(thread, "result_queue", "backends/processes.py closes, so that no thread waits")
    must_have(thread, "call_queue", "backends/processes.py closes, so that no thread waits")
    must_have(thread.result_queue, "_writer", "backends/processes.py closes at an interrupt")
    must_have(thread.call_queue, "_reader", "backends/processes.py closes at an interrupt")


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor, LokyExecutor])
def test_an_executor_tells_how_many_tasks_run_at_a_time(kind):
    executor = kind(3)
    must_have(executor, "_max_workers", "backends/clusters.py sizes a user's executor by")
    assert executor._max_workers == 3
    executor.shutdown(wait=True)


def test_a_dask_executor_tells_its_client():
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as client:
        executor = client.get_executor()
        must_have(executor, "_client", "backends/clusters.py knows a Dask executor by")
        must_have(executor, "_kwargs", "backends/dask_tasks.py hands on to the tasks")
        must_have(executor._client, "scatter", "backends/clusters.py places large models with")


def test_scipy_groups_columns_that_share_no_row():
    numdiff = pytest.importorskip(
        "scipy.optimize._numdiff", reason="scipy has moved _numdiff: see calculus/sparsity.py"
    )
    must_have(numdiff, "group_columns", "calculus/sparsity.py groups columns with")
    groups = numdiff.group_columns(np.eye(4, dtype=bool), order=np.arange(4))
    assert set(groups) == {0}, "group_columns must put columns that share no row into one group"


def test_loky_ends_a_process_with_all_of_its_children():
    utils = pytest.importorskip("joblib.externals.loky.backend.utils")
    must_have(utils, "kill_process_tree", "backends/processes.py ends workers with")


def test_threading_tells_when_python_ends():
    use = "backends/processes.py ends idle workers with, before loky waits for them"
    must_have(threading, "_register_atexit", use)


def test_argparse_tells_its_options_and_sub_commands():
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(dest="command")
    kinds.add_parser("gradient", help="of a scalar")
    use = "cli/completion.py completes commands from"
    must_have(argparse, "_SubParsersAction", use)
    must_have(parser, "_actions", use)
    must_have(kinds, "_choices_actions", use)
    must_have(kinds, "_get_subactions", "cli/arguments.py puts sub-commands in one column with")
    assert [each.dest for each in kinds._choices_actions] == ["gradient"]


TESTED = {  # here, or part of the language
    *("group_columns", "_actions", "_SubParsersAction", "_choices_actions"),
    *("_get_subactions", "_executor_manager_thread", "_make", "_replace", "_writer", "_reader"),
    *("_exit", "_getframe", "_register_atexit"),
    *("_client", "_kwargs", "_max_workers", "_fields"),
}


def test_no_other_private_name_is_used():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    own = {node.name for _, node in nodes if hasattr(node, "name")}
    own |= {
        n.attr for _, n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
    }
    own |= {node.id for _, node in nodes if isinstance(node, ast.Name)}
    used = [(path, n.attr, n.lineno) for path, n in nodes if isinstance(n, ast.Attribute)]
    for path, node in nodes:
        if isinstance(node, ast.ImportFrom) and re.search(r"(^|\.)_[a-z]", node.module or ""):
            used += [(path, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            used += [(path, a.name, node.lineno) for a in node.names if a.name.startswith("_")]
    private = [
        f"{path.name}:{line}: {name}"
        for path, name, line in used
        if (re.match(r"_[a-zA-Z]", name) or name == "group_columns") and name not in own | TESTED
    ]
    for path, node in nodes:  # names that are asked for as texts may be other packages' own
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "hasattr"}:
            name = ast.literal_eval(node.args[1]) if isinstance(node.args[1], ast.Constant) else ""
            if re.match(r"_[a-zA-Z]", name) and name not in TESTED:
                private.append(f"{path.name}:{node.lineno}: {name}")
    assert private == []
