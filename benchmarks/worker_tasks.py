"""What the peers' process can be asked for."""

import multiprocessing

from benchmarks import peer_tensors, peers
from benchmarks.problem_sets import load
from benchmarks.running import TIMEOUT, Outcome, run

GRACE = 10  # seconds beyond the time limit after which a child hangs in C and is killed


def outcomes(name, spec):
    """Return the outcomes of one peer on a problem set, whatever hangs or crashes."""
    adapters = {"gradient": peers.ADAPTERS, **peer_tensors.ADAPTERS}[spec.get("tensor", "gradient")]
    problems, found = load(**spec), []
    while len(found) < len(problems):
        found += _until_killed(adapters[name], problems[len(found) :])
    return [o.as_dict() for o in found]


def _until_killed(adapter, problems):
    """Return outcomes from a forked child; the last one is a blank if it had to be killed."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send_all, args=(adapter, problems, sender), daemon=True)
    child.start()
    sender.close()
    found = []
    try:
        while len(found) < len(problems) and receiver.poll(TIMEOUT + GRACE):
            found.append(receiver.recv())
    except EOFError:
        pass  # the child died
    child.kill()
    child.join()
    return found if len(found) == len(problems) else [*found, _blank(problems[len(found)])]


def _send_all(adapter, problems, sender):
    for problem in problems:
        sender.send(run(adapter, [problem])[0])


def _blank(problem):
    nothing = [float("nan")] * problem.size
    return Outcome(problem.name, nothing, None, 0, 0.0, 0.0, None, "killed: hung or died in C")
