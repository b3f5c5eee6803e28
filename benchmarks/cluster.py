"""How long commands take by processes here and by two workers of a Dask cluster, and their longest pieces.

A piece is done by one worker: however many there are, a command takes as long as its longest piece, and what is
done before the first and after the last. Nothing is taken from the cache folder but machine code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from figures import Table, need, rounded, tabled, tell

COMMANDS = (
    ("prove", "--no-cache"), ("prove", "--no-cache", "--machine", "union"), ("mutants",),
    ("explore", "--size", "Container=2,Name=2"), ("drive", "--operations", "900", "--seeds", "4"),
    ("check", "--no-cache", "--machine", "store"))
JOBS = 1, 2


def seconds(*arguments: str) -> float:
    """Seconds of wall time that a command takes."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "layerproof", *arguments, "--output", os.devnull], check=False,
                          stdout=subprocess.DEVNULL)
    assert done.returncode < 2  # it was done, whatever it found
    return time.perf_counter() - begun


def pieces(address: str, *arguments: str) -> dict[str, Any]:
    """The figures of a command on a cluster whose workers have just been started."""
    from distributed import Client, get_task_stream

    with Client(address) as client:
        client.restart()
        with get_task_stream(client=client) as stream:
            took = seconds(*arguments, "--cluster", address)
        lengths = {task["key"].partition(" #")[0]: sum(
            part["stop"] - part["start"] for part in task["startstops"] if part["action"] == "compute")
            for task in stream.data if " #" in task["key"]}
    longest = max(lengths, key=lengths.__getitem__)
    return {"two workers": rounded(took), "pieces": len(lengths), "all pieces": rounded(sum(lengths.values())),
            "longest piece": rounded(lengths[longest]), "which": longest}


def tables() -> Iterator[Table]:
    """One table."""
    need(packages=["distributed"])
    from distributed import LocalCluster

    rows = []
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        for command in COMMANDS:
            tell(f"cluster: {' '.join(command)}")
            rows.append({"command": " ".join(command),
                         **{f"--jobs {jobs}": rounded(seconds(*command, "--jobs", str(jobs))) for jobs in JOBS},
                         **pieces(cluster.scheduler_address, *command)})
    yield tabled("here and on a cluster", rows, "Seconds; of pieces, as the workers take for them.")
