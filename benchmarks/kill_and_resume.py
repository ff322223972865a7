"""Kill a checkpointed gradient at random moments and resume it: what is lost, and what remains.

Each of 20 rounds starts a gradient of about 200 calls on a few workers in a process group of its
own, kills the whole group with SIGKILL at a random moment, looks for survivors, checks the file,
resumes in new processes with another number of workers, and compares the bits with those of a run
that nobody disturbed. An evaluation counts as finished when the model has written its last line.

    python benchmarks/kill_and_resume.py [--kills 20] [--seed 1] [--seconds 0.01]
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from derivkit.engine.checkpoint.rows import Origin, place_from
from derivkit.engine.points import point_at

PARAMETERS = 25
WORKERS = (1, 2, 3, 4)
GRACE = 3.0  # seconds after which no process of a killed run may be alive

SCRIPT = f"""
import os, sys, time
import numpy as np
from derivkit import CalculusKit

log, workers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

def model(x):
    time.sleep(seconds)
    value = float(np.sum(np.sin(x) * np.exp(0.1 * np.roll(x, 1))))
    line = x.tobytes().hex() + "\\n"
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)
    return value

x0 = np.linspace(0.5, 2.5, {PARAMETERS})
kit = CalculusKit(model, x0, checkpoint=sys.argv[4] if len(sys.argv) > 4 else None)
print(kit.gradient(n_workers=workers).tobytes().hex())
"""


def start(folder, workers, seconds, *checkpoint):
    """Start a gradient in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, folder / "log", str(workers), str(seconds), *checkpoint],
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
    )


def finished(folder):
    """Return the points that the model has finished, once for each time."""
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def stored(path):
    """Return the points in the file; fail if it is damaged."""
    if not path.exists():
        return set()
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    rows = connection.execute("select origin, x from evaluation").fetchall() if tables else []
    origins = connection.execute("select id, x from origin").fetchall() if tables else []
    connection.close()
    known = {number: Origin(number, point_at(x), b"") for number, x in origins}
    return {place_from(known.get(number), x).hex() for number, x in rows}


def survivors(session):
    """Return the processes of a session that are still alive."""
    alive = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                alive.append(int(entry.name))
    return alive


def kill_one(folder, moment, seconds, workers):
    """Kill a run when it has finished ``moment`` evaluations more; return what was lost."""
    path = folder / "run.db"
    before = len(finished(folder))
    run = start(folder, workers, seconds, str(path))
    while len(finished(folder)) < before + moment and run.poll() is None:
        time.sleep(0.001)
    ended = run.poll() is not None
    os.killpg(run.pid, signal.SIGKILL) if not ended else None
    run.communicate()
    time.sleep(GRACE)
    return len(set(finished(folder)) - stored(path)), survivors(run.pid), ended


def main():
    """Kill, resume and compare; print a line for each kill and the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.01)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as home:
        quiet = Path(home) / "undisturbed"
        quiet.mkdir()
        undisturbed = start(quiet, 1, 0.0).communicate()[0].strip()
        calls = len(finished(quiet))
        print(f"undisturbed: {calls} calls")
        worst, orphans, wrong, total = 0, 0, 0, 0
        for k in range(asked.kills):
            folder = Path(home) / str(k)
            folder.mkdir()
            workers, moment = draw.choice(WORKERS), draw.randrange(1, calls - 10)
            lost, alive, ended = kill_one(folder, moment, asked.seconds, workers)
            other = draw.choice([w for w in WORKERS if w != workers])
            resumed = start(folder, other, asked.seconds, str(folder / "run.db"))
            same = resumed.communicate()[0].strip() == undisturbed
            again = len(finished(folder)) - calls
            whole = len(stored(folder / "run.db")) == calls
            print(
                f"{k + 1:2}: killed {'too late' if ended else f'after {moment:3} calls'} on "
                f"{workers} workers, lost {lost}, alive {len(alive)}, resumed on {other}: "
                f"same bits {same}, file whole {whole}, made again {again}"
            )
            worst, total = max(worst, lost), total + lost
            orphans, wrong = orphans + len(alive), wrong + (not same or not whole)
        print(f"lost {total} in {asked.kills} kills, at most {worst} in one")
        print(f"{orphans} orphans after {GRACE:g} s; {wrong} wrong after the resume")
    return int(worst > 3 or orphans > 0 or wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
