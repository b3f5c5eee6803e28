"""How fast Spin visits the states of the exported model, and how fast the explorer does, in one run.

Prints a table in Markdown; ``--output FILE`` writes the same as JSON. Spin is asked as the explorer is: one
processor, no reduction, the laws of states and of steps as assertions. *As Spin* leaves out what Spin does not do,
the laws about two runs and the way back to the initial state; *all* does not. Transitions are those of the rules,
which are the same; Spin's own count has arguments that a rule does not take, too. Spin's seconds are those of the
search, without 5 to 30 in which the model is compiled; the explorer's are those of the search, too.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from layerproof.machines.registry import subject
from layerproof.readings.exploration import Exploration
from layerproof.readings.explore import Explorer
from layerproof.readings.promela import promela

CASES: tuple[tuple[str, str, Mapping[str, int]], ...] = (
    ("store", "docker", {}), ("store", "docker", {"Container": 2, "Name": 2}),
    ("union", "overlayfs", {"Path": 3, "Data": 1, "Time": 1}),
    ("union", "overlayfs", {"Path": 2, "Container": 2, "Data": 1, "Time": 1}))
_FLAGS = "-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=8192"


def by_spin(model: str) -> tuple[int, float, float]:
    """States, seconds of the search, and seconds until it could begin."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "model.pml").write_text(model)
        begun = time.perf_counter()
        subprocess.run(["spin", "-a", "model.pml"], cwd=place, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["gcc", *_FLAGS, "-o", "pan", "pan.c"], cwd=place, check=True)
        ready = time.perf_counter()
        said = subprocess.run(["./pan", "-m1000000", "-w24", "-n"], cwd=place, check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        seconds = time.perf_counter() - ready
    assert "errors: 0" in said, said
    found = re.search(r"(\d+) states, stored", said)
    assert found is not None, said
    return int(found[1]) - 1, seconds, ready - begun


def by_explorer(name: str, dialect: str, sizes: Mapping[str, int], whole: bool) -> tuple[int, int, float]:
    """States, transitions, and seconds of the search."""
    machine, times = subject(name), list[float]()
    if not whole:
        machine = replace(machine, finite=replace(machine.finite, empties=False))

    def told(_: Exploration) -> None:
        times.append(time.perf_counter())

    explorer = Explorer(machine, machine.sizes(sizes), algebra=whole, jobs=1, compiled=True, progress=told)
    for _ in range(2):  # the second has the code of the first
        begun = time.perf_counter()
        result = explorer.run({dialect: machine.dialects[dialect]})
        seconds = time.perf_counter() - begun
    return result.states, result.steps, min(seconds, times[-1] - begun)


def row(name: str, dialect: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    """One machine and sizes, by both."""
    states, seconds, ready = by_spin(promela(subject(name), dialect, sizes))
    found: dict[str, Any] = {"machine": name, "dialect": dialect, "sizes": dict(sizes), "states": states,
                             "spin": round(seconds, 3), "spin is ready after": round(ready, 1)}
    for what, whole in (("as Spin", False), ("all", True)):
        ours, steps, taken = by_explorer(name, dialect, sizes, whole)
        assert ours == states, f"Spin counts {states:,} states, and the explorer {ours:,}"
        found |= {"transitions": steps, what: round(taken, 3), f"{what}: times Spin": round(seconds / taken, 1)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", help="write the figures as JSON to this file")
    output = parser.parse_args().output
    print("| machine and sizes | states | transitions | Spin | as Spin | all | times Spin |\n|" + "---|" * 7)
    rows = []
    for name, dialect, sizes in CASES:
        one = row(name, dialect, sizes)
        rows.append(one)
        said = ", ".join(f"{n}={c}" for n, c in sizes.items()) or "usual"
        print(f"| {name} as {dialect}, {said} | {one['states']:,} | {one['transitions']:,} | {one['spin']} s | "
              f"{one['as Spin']} s | {one['all']} s | {one['as Spin: times Spin']}, {one['all: times Spin']} |")
        sys.stdout.flush()
    if output:
        version = subprocess.run(["spin", "-V"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        Path(output).write_text(json.dumps({"spin": version, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
