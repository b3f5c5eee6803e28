"""How fast all states are visited: machine code beside interpreted rules, in one run, with ratios.

Prints a table in Markdown; ``--output FILE`` writes the same as JSON, with the machine, the date and the versions.
Each row is one exploration with all laws: the machine and its sizes, what searches, states and transitions a
second from its first round on (the way back to the empty store is in them, compiling is not), bytes of memory a
state in the largest search, and how often the transitions a second of the interpreted rules go into those.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layerproof.machines.registry import subject
from layerproof.readings.exploration import Exploration
from layerproof.readings.explore import Explorer

CASES: tuple[tuple[str, Mapping[str, int]], ...] = (
    ("store", {}), ("store", {"Container": 2, "Name": 2}), ("store", {"Container": 3, "Name": 3}), ("union", {}))
WAYS = ("machine code", 1, False), ("machine code", None, False), ("symmetry", 1, True)
INTERPRETED = 2000
"""States that the interpreted rules visit: enough to tell how fast they are."""


@dataclass
class Watch:
    """Learns how long a search took from the first time that it tells how it goes."""

    begun: float = 0.0
    ended: float = 0.0
    first: int = 0
    steps: int = 0
    states: int = 0
    seen: int = 0

    def __call__(self, e: Exploration) -> None:
        now = time.perf_counter()
        if not self.begun:
            self.begun, self.first, self.seen = now, e.steps, e.states
        self.ended, self.steps, self.states = now, e.steps, e.states

    def rates(self) -> tuple[float, float]:
        """States and transitions a second."""
        passed = max(self.ended - self.begun, 1e-9)
        return (self.states - self.seen) / passed, (self.steps - self.first) / passed


def measured(name: str, sizes: Mapping[str, int], how: str, jobs: int | None, **options: Any) -> dict[str, Any]:
    """One search."""
    machine, watch, begun = subject(name), Watch(), time.perf_counter()
    explorer = Explorer(machine, machine.sizes(sizes), progress=watch, jobs=jobs, memory=4 << 30, **options)
    result = explorer.run(machine.dialects, 4 if sizes.get("Container") == 3 else None)
    states, steps = watch.rates()
    return {"machine": name, "sizes": dict(sizes), "how": how, "jobs": jobs, "states": result.states,
            "stand for": result.stand_for, "transitions": result.steps, "states a second": round(states),
            "transitions a second": round(steps), "seconds": round(time.perf_counter() - begun, 2),
            "bytes a state": round(result.memory / result.largest, 1) if result.memory else None}


def rows() -> list[dict[str, Any]]:
    """All searches, each beside the interpreted rules."""
    found = []
    for name, sizes in CASES:
        slow = measured(name, sizes, "interpreted", 1, compiled=False, most=INTERPRETED)
        found.append(slow)
        for how, jobs, symmetry in WAYS:
            one = measured(name, sizes, how, jobs, compiled=True, symmetry=symmetry)
            one["times interpreted"] = round(one["transitions a second"] / slow["transitions a second"])
            found.append(one)
    return found


def commands() -> dict[str, float]:
    """Seconds of the whole command, with nothing kept from before and with the code of before."""
    with tempfile.TemporaryDirectory() as place:
        seconds = []
        for _ in range(3):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-m", "layerproof", "explore"], check=True, stdout=subprocess.DEVNULL,
                           env={**os.environ, "XDG_CACHE_HOME": place})
            seconds.append(round(time.perf_counter() - begun, 2))
    return {"layerproof explore, first": seconds[0], "layerproof explore, again": min(seconds[1:])}


def table(found: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    numbers = "states", "stand for", "states a second", "transitions a second"
    head = "machine and sizes", "how", "threads", *numbers, "bytes a state", "times interpreted"
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in found:
        sizes = ", ".join(f"{n}={c}" for n, c in row["sizes"].items()) or "usual"
        cells = [f"{row['machine']}, {sizes}", row["how"], str(row["jobs"] or "all")]
        cells += [f"{row[n]:,}" for n in numbers]
        cells += [str(row["bytes a state"] or ""), str(row.get("times interpreted", ""))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", help="write the figures as JSON to this file")
    arguments = parser.parse_args()
    found, whole = rows(), commands()
    print(table(found))
    print("\n" + "\n".join(f"{what}: {seconds} s" for what, seconds in whole.items()))
    if arguments.output:
        about = {"date": datetime.date.today().isoformat(), "machine": platform.machine(),
                 "system": platform.platform(), "processors": os.cpu_count(), "python": platform.python_version(),
                 "versions": {p: importlib.metadata.version(p) for p in ("llvmlite", "z3-solver")}}
        with open(arguments.output, "w", encoding="utf-8") as file:
            json.dump({"about": about, "commands": whole, "rows": found}, file, indent=1)


if __name__ == "__main__":
    main()
