"""A Dask cluster of two workers on this machine, and pieces of work that are done on it.

As a program it begins one, prints its address, and ends it when its standard input ends.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def begun(folder):
    """The program, and the address of the cluster that it has begun."""
    paths = [str(Path(__file__).parent), *(path for path in sys.path if path)]
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=folder, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths),
                                    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"})
    return process, json.loads(process.stdout.readline())


def _serve():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        print(json.dumps(cluster.scheduler_address), flush=True)
        sys.stdin.read()


# Pieces.


def makes(folder):
    """A recipe of a folder; each time that it is used is written down there."""
    _write(Path(folder, "made"))
    return Path(folder)


def works(folder, name, seconds):
    """Take some time, and write down that it was begun, and by whom."""
    _write(folder / name)
    time.sleep(seconds)
    return f"{name} done"


def kills_once(folder, name):
    """Kill the worker that does it, the first time."""
    _write(folder / name)
    if len(times(folder, name)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{name} done"


def kills(folder, name):
    """Kill the worker that does it."""
    _write(folder / name)
    os.kill(os.getpid(), signal.SIGKILL)


def dies(*_):
    """Kill the process that does it, when it has given on what it did before."""
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


def _write(path):
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")


def times(folder, name):
    """The processes in which a piece was begun."""
    path = Path(folder, name)
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    _serve()
