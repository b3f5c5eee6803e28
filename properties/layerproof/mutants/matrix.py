"""The kill matrix: every mutant by every reading, with the law that it breaks and how many operations show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any

from layerproof.errors import WrongRequest
from layerproof.laws.mutant import Mutant
from layerproof.mutants.kills import Kill, kill_by_exploration, kill_by_proof
from layerproof.mutants.runs import kill_by_conform, kill_by_drive, why_unseen
from layerproof.process.pieces import Recipe, pool, recipe
from layerproof.subject import Subject

READINGS: Mapping[str, Callable[[Subject, Mutant], Kill | None]] = {
    "prove": kill_by_proof, "explore": kill_by_exploration, "drive": kill_by_drive, "conform": kill_by_conform}
"""What each reading does to kill a mutant, in the order of the columns."""


@dataclass(frozen=True)
class Cell:
    """What one reading made of one mutant.

    Attributes:
        law: the law that is broken; empty where an engine departs from the mutant's rule and from no law.
        rule: of ``conform``, the operation after which engine and mutant differ.
        length: how many operations show it; 0 if the mutant survives.
        guided: of ``conform``: the explorer's run showed it, and random operations did not.
        seconds: how long the reading took.
        unseen: of ``conform``, why a mutant that survives cannot be seen on the engine, where that is known.
    """

    law: str
    rule: str
    length: int
    guided: bool
    seconds: float
    unseen: str = ""

    @property
    def killed(self) -> bool:
        """Whether the reading kills the mutant."""
        return self.length > 0

    def to_json(self) -> dict[str, Any] | None:
        """What JSON says of it: null if the mutant survives."""
        if not self.killed:
            return None
        return {"law": self.law or None, "rule": self.rule or None, "length": self.length,
                "guided": self.guided, "seconds": round(self.seconds, 2)}

    def __str__(self) -> str:
        """As in a table: what was broken, and in how many operations."""
        return f"{self.law or self.rule} in {self.length}" if self.killed else "-"


@dataclass(frozen=True)
class KillMatrix:
    """Mutants by readings."""

    mutants: tuple[Mutant, ...]
    readings: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    def survivors(self, *readings: str) -> list[str]:
        """The names of the mutants that none of these readings kills."""
        return [m.name for m in self.mutants if not any(self.cells[m.name, r].killed for r in readings)]

    @property
    def idle(self) -> list[str]:
        """The readings that kill none of the mutants: what they hold says nothing about these mistakes."""
        return [r for r in self.readings if len(self.survivors(r)) == len(self.mutants)]

    @property
    def holds(self) -> bool:
        """Whether every mutant is killed by some reading, and every reading kills some mutant."""
        return not self.survivors(*self.readings) and not self.idle

    def unseen(self, reading: str) -> dict[str, str]:
        """Why a reading cannot see some of the mutants that survive it, by name."""
        cells = {m.name: self.cells[m.name, reading] for m in self.mutants}
        return {name: cell.unseen for name, cell in cells.items() if cell.unseen}

    def seconds(self, reading: str) -> float:
        """How long a reading took for all mutants, in one process after the other."""
        return sum(self.cells[m.name, reading].seconds for m in self.mutants)

    def to_json(self) -> dict[str, Any]:
        """The one object that ``mutants --format json`` prints."""
        readings = {}
        for reading in self.readings:
            survivors = self.survivors(reading)
            readings[reading] = {
                "killed": len(self.mutants) - len(survivors), "survived": len(survivors),
                "survivors": survivors, "unseen": self.unseen(reading), "seconds": round(self.seconds(reading), 1)}
        return {
            "mutants": [{
                "name": m.name, "rules": list(m.rules), "says": m.says, "bug": m.bug,
                **{r: self.cells[m.name, r].to_json() for r in self.readings}} for m in self.mutants],
            "readings": readings, "survived": self.survivors(*self.readings), "idle": self.idle,
        }


def kill_matrix(
    subject: Subject, mutants: Iterable[Mutant], readings: Iterable[str], *, jobs: int = 1,
    progress: Callable[[str], None] = lambda text: None, cluster: str | None = None,
) -> KillMatrix:
    """Have every reading try to kill every mutant.

    Args:
        subject: the right machine.
        jobs: the number of processes.
        progress: is told which cell is done.
        cluster: the address of a Dask cluster, whose workers do it instead; the mutants are the machine's
            own then.

    Raises:
        WrongRequest: if a reading is not known, or there is no mutant or no reading, or the cluster cannot be
            had.
    """
    chosen, wanted = tuple(mutants), set(readings)
    for reading in sorted(wanted - READINGS.keys()):
        raise WrongRequest(f"unknown reading {reading!r}; known: {', '.join(READINGS)}")
    if not chosen:
        raise WrongRequest(f"the machine {subject.name} has no mutants to kill")
    if not wanted:
        raise WrongRequest("a kill matrix without readings would say nothing")
    columns = tuple(r for r in READINGS if r in wanted)
    work = [(reading, number) for reading in columns for number in range(len(chosen))]
    cells = {}
    for (reading, number), cell in _filled(subject, chosen, work, jobs, cluster):
        name = chosen[number].name
        cells[name, reading] = cell
        progress(f"{len(cells)} of {len(work)}: {name} by {reading}: {cell}")
    return KillMatrix(chosen, columns, cells)


Place = tuple[str, int]
"""A reading, and the number of a mutant."""

_Suspects = tuple[Subject, Sequence[Mutant]]


def _filled(
    subject: Subject, mutants: Sequence[Mutant], work: Sequence[Place], jobs: int, cluster: str | None,
) -> Iterator[tuple[Place, Cell]]:
    """Fill the cells, in any order."""
    suspects = subject, mutants
    if jobs == 1 and cluster is None:
        yield from ((place, _cell(suspects, place)) for place in work)
        return

    def anew() -> Recipe[_Suspects]:
        return partial(_suspects, recipe(subject), [mutant.name for mutant in mutants])

    with pool(suspects, anew, jobs=jobs, cluster=cluster) as pieces:
        running = {pieces.submit(f"{mutants[place[1]].name} by {place[0]}", _cell, place): place for place in work}
        for done in as_completed(running):
            yield running[done], done.result()


def _suspects(right: Recipe[Subject], names: Sequence[str]) -> _Suspects:
    """The same in another process."""
    subject = right()
    return subject, [subject.mutant(name) for name in names]


def _cell(suspects: _Suspects, place: Place) -> Cell:
    (subject, mutants), (reading, number) = suspects, place
    start = time.perf_counter()
    kill = READINGS[reading](subject, mutants[number])
    seconds = time.perf_counter() - start
    if kill is None:
        unseen = why_unseen(subject, mutants[number]) if reading == "conform" else ""
        return Cell("", "", 0, False, seconds, unseen)
    rule = "" if kill.finding is None else kill.finding.rule
    return Cell(kill.law, rule, kill.length, kill.guided, seconds)
