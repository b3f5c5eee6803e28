"""How long commands take by one process, by two, and by two workers of a Dask cluster; and their longest pieces.

A piece is done by one worker: with ever more of them a command takes as long as its longest piece, and what is done
before the first and after the last.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

COMMANDS = {
    "prove": (["prove", "--no-cache"], ("1", "2")),
    "prove-union": (["prove", "--no-cache", "--machine", "union"], ("1", "2")),
    "mutants": (["mutants"], ("1", "2")),
    "explore": (["explore", "--size", "Container=2,Name=2"], ("1", "2")),
    "drive": (["drive", "--operations", "900", "--seeds", "4"], ("1", "2")),
    "check": (["check", "--no-cache", "--machine", "store"], ("2",)),
}


def seconds(arguments: list[str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "layerproof", *arguments, "--output", os.devnull], check=False,
                          capture_output=True, text=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return time.perf_counter() - begun


def pieces(address: str, arguments: list[str]) -> dict[str, Any]:
    """The command on a cluster: how long it took, and each of its pieces."""
    from distributed import get_task_stream

    with Client(address) as client:
        client.restart()  # nothing is imported or made yet
        with get_task_stream(client=client) as stream:
            took = seconds([*arguments, "--cluster", address])
        lengths = {task["key"].partition(" #")[0]: sum(
            part["stop"] - part["start"] for part in task["startstops"] if part["action"] == "compute")
            for task in stream.data if " #" in task["key"]}
    longest = sorted(lengths, key=lengths.__getitem__)[-3:][::-1]
    return {"cluster": round(took, 1), "pieces": len(lengths), "work": round(sum(lengths.values()), 1),
            "longest": {name: round(lengths[name], 2) for name in longest}}


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("commands", nargs="*", default=list(COMMANDS))
    asked = parser.parse_args()
    results = {}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        for name in asked.commands:
            arguments, jobs = COMMANDS[name]
            results[name] = {**{f"jobs {n}": round(seconds([*arguments, "--jobs", n]), 1) for n in jobs},
                             **pieces(cluster.scheduler_address, arguments)}
            print(name, json.dumps(results[name]), flush=True)
    asked.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
