"""How fast Spin visits the states of the exported model, and how fast the explorer does, in one run.

Spin is asked as the explorer is: one processor, no reduction, the laws of states and of steps as assertions. *As
Spin* leaves out what Spin does not do, the laws about two runs and the way back to the initial state; *all* does
not. Transitions are those of the rules, which are the same; Spin's own count has arguments that a rule does not
take, too. Spin's seconds are those of the search, without 5 to 30 in which the model is compiled; the explorer's
are those of the search, too.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from explorer import timed
from figures import Table, need, rounded, sizes_said, tabled

from layerproof.machines.registry import subject
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


def row(name: str, dialect: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    """One machine and sizes, by both."""
    of = subject(name)
    states, theirs, ready = by_spin(promela(of, dialect, sizes))
    found: dict[str, Any] = {}
    for what, whole in (("as Spin", False), ("all", True)):
        result, ours = timed(of, dialect, sizes, algebra=whole)
        assert result.states == states, f"Spin counts {states:,} states, and the explorer {result.states:,}"
        found |= {f"{what}, s": rounded(ours), f"{what}: times as fast as Spin": rounded(theirs / ours)}
    return {"machine and sizes": f"{name} as {dialect}, {sizes_said(sizes)}", "states": states,
            "transitions": result.steps, "Spin, s": rounded(theirs), **found,
            "Spin is ready after, s": rounded(ready)}


def tables() -> Iterator[Table]:
    """One table."""
    need(programs=["spin", "gcc"], packages=["llvmlite"])
    version = subprocess.run(["spin", "-V"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    yield tabled("the explorer beside Spin", [row(*case) for case in CASES], f"{version}.")
