"""The main job: everything about the model, and what it says law by law."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import closing
from dataclasses import dataclass, replace
from mmap import mmap
from typing import Any

from layermodel.language.ground import GroundMachine
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.laws.law import Kind, Law
from layerproof.laws.obligations import Obligations
from layerproof.machines.registry import SUBJECTS, Subject
from layerproof.mutants.kills import killer
from layerproof.process.workers import workers
from layerproof.readings.conform import Conformance, conform
from layerproof.readings.drive import Driven, impossible, named
from layerproof.readings.explore import Exploration
from layerproof.readings.prove.prove import PORTIONS, Placed, Proof, Task, Witnesses, portion, together, witnesses


@dataclass(frozen=True)
class Explored:
    """What ``check`` explores: sizes other than the machine's usual ones, the dialects, and whether laws about two
    runs are checked, too, which takes as long as all the others."""

    sizes: Mapping[str, int]
    dialects: tuple[str, ...]
    algebra: bool = True


@dataclass(frozen=True)
class Plan:
    """What ``check`` does with a machine besides proving it.

    Attributes:
        driven: operations in each dialect.
        judged: operations on the embedded engine; 0 if there is none for the machine.
    """

    explored: tuple[Explored, ...]
    driven: int
    judged: int = 0


_STORE = ("docker", "podman")
PLANS: Mapping[str, Plan] = {
    "store": Plan((
        Explored({"Layer": 1, "Image": 1, "Container": 2, "Name": 2}, _STORE),  # two containers
        Explored({}, _STORE, algebra=False),  # two images
        Explored({"Layer": 1, "Image": 1, "Reference": 2, "Repository": 2}, _STORE),  # two references
    ), driven=1000, judged=1000),
    "union": Plan((
        # A name in a directory, two containers, attributes.
        Explored({"Path": 3, "Data": 1, "Time": 1}, ("overlayfs", "overlayfs-index-redirect")),
        Explored({"Path": 2, "Container": 2, "Data": 1, "Time": 1}, ("overlayfs",)),
        Explored({"Path": 2, "Value": 2}, ("overlayfs", "fuse-overlayfs")),
    ), driven=800),
}

_NEVER = "premise never held"
_NOT_APPLICABLE = "not applicable"


@dataclass
class Check:
    """All results for one machine.

    Attributes:
        directory: the run on the embedded engine, where there is one for the machine.
        kills: each mutant with the law that a proof refutes for it, or None.
    """

    subject: Subject
    proof: Proof
    explorations: list[Exploration]
    driven: dict[str, Driven]
    directory: Conformance | None
    kills: dict[str, str | None]

    @property
    def survived(self) -> list[str]:
        """The mutants that no proof refutes."""
        return [mutant for mutant, law in self.kills.items() if law is None]

    @property
    def verdict(self) -> str:
        """``held``, ``violated``, or ``incomplete`` where something was undecided or never reached."""
        findings = [*(e.findings or e.stuck for e in self.explorations),
                    *(d.findings for d in self.driven.values()), self._judged("findings")]
        if self.proof.count("refuted") or any(findings) or self.survived:
            return "violated"
        never = [self.never, self._judged("never"), self.idle]
        return "held" if self.proof.holds and not any(never) else "incomplete"

    @property
    def undriven(self) -> set[tuple[str, str | None]]:
        """The rules and refusals that no random run has reached."""
        return set.intersection(*(d.statistics.missing(self.subject.machine.rules) for d in self.driven.values()))

    @property
    def never(self) -> list[str]:
        """Those that were not explored, either, though some dialect has them."""
        left = self.undriven - {pair for e in self.explorations for pair in e.refused}
        left -= {(rule, None) for e in self.explorations for rule in e.fired}
        if not left:
            return []
        machine, dialects = self.subject.machine, self.subject.dialects.values()
        return named(pair for pair in left if not all(pair in impossible(machine, traits) for traits in dialects))

    def _judged(self, what: str) -> list[Any]:
        return [] if self.directory is None else getattr(self.directory, what)

    @property
    def idle(self) -> list[str]:
        """Laws whose premise held nowhere in what was explored, or nowhere in what was driven.

        A law that only a larger store can put to the test has to be so in what was driven.
        """
        return [law.id for law in self.subject.catalogue.laws if self.law(law)["drive"] == _NEVER
                or (self.law(law)["explore"] == _NEVER and law.id not in self.subject.large)]

    def law(self, law: Law) -> dict[str, Any]:
        """What each reading showed of a law."""
        mine = [v for v in self.proof.verdicts if v.law == law.id]
        broken = {reading for reading, laws in self._broken().items() if law.id in laws}
        return {
            "machine": self.subject.name, "id": law.id, "statement": law.statement, "kind": law.kind.value,
            "prove": {o: sum(v.outcome == o for v in mine) for o in ("proved", "refuted", "undecided")},
            "explore": "broken" if "explore" in broken else self._held(
                sum(e.premises[law.id] for e in self.explorations)),
            "drive": "broken" if "drive" in broken else self._held(
                sum(d.statistics.premises[law.id] for d in self.driven.values())),
            # An engine is asked only where it differs; it is compared with a model that keeps the law.
            "directory": "broken" if "directory" in broken else (
                _NOT_APPLICABLE if law.kind is Kind.ALGEBRAIC or self.directory is None else "agrees"),
            "mutants": sum(killer == law.id for killer in self.kills.values()),
        }

    def _held(self, times: int) -> str:
        return "held" if times else _NEVER

    def _broken(self) -> dict[str, set[str]]:
        return {
            "explore": {i for e in self.explorations for i in e.findings},
            "drive": {f.violation.law for d in self.driven.values() for f in d.findings},
            "directory": {i for f in self._judged("findings") for i in f.laws},
        }

    def to_json(self) -> dict[str, Any]:
        """The part of what ``check --format json`` prints that is about this machine."""
        return {
            "verdict": self.verdict,
            "obligations": {o: self.proof.count(o) for o in ("proved", "refuted", "undecided")},
            "witnesses": self.proof.witnesses,
            "vacuous": list(self.proof.vacuous),
            "lemmas": dict(self.proof.lemmas),
            "states": sum(e.states for e in self.explorations),
            "explored": [{"sizes": dict(e.sizes), "dialects": list(e.dialects), "universes": e.universes,
                          "states": e.states, "steps": e.steps, "stuck": e.stuck, "algebra": plan.algebra}
                         for e, plan in zip(self.explorations, PLANS[self.subject.name].explored, strict=True)],
            "driven": {"operations": {d: r.statistics.steps for d, r in self.driven.items()},
                       "not reached": named(self.undriven)},
            "never": self.never,
            "directory": None if self.directory is None else {
                "operations": self.directory.statistics.steps,
                "findings": len(self.directory.findings), "never": self.directory.never},
            "mutants": {"killed": len(self.kills) - len(self.survived), "survived": self.survived},
        }


@dataclass
class Checks:
    """The results for all machines that were asked for."""

    machines: list[Check]
    seconds: float

    @property
    def verdict(self) -> str:
        """The worst of all: ``violated``, ``incomplete`` or ``held``."""
        verdicts = {one.verdict for one in self.machines}
        return next(v for v in ("violated", "incomplete", "held") if v in verdicts)

    def to_json(self) -> dict[str, Any]:
        """The one object that ``check --format json`` prints."""
        machines = {one.subject.name: one.to_json() for one in self.machines}
        total: Callable[[str, str], int] = lambda part, what: sum(
            one[part][what] for one in machines.values())
        return {
            "verdict": self.verdict,
            "laws": [one.law(law) for one in self.machines for law in one.subject.catalogue.laws],
            "obligations": {o: total("obligations", o) for o in ("proved", "refuted", "undecided")},
            "states": sum(one["states"] for one in machines.values()),
            "mutants": {"killed": total("mutants", "killed"),
                        "survived": [m for one in machines.values() for m in one["mutants"]["survived"]]},
            "machines": machines,
            "seconds": round(self.seconds, 1),
        }


# How far it is.


@dataclass(frozen=True)
class Stage:
    """How far one reading of one machine is: so many of its ``total`` of ``what`` are done."""

    machine: str
    reading: str
    done: int
    total: int
    what: str


Progress = Callable[[Sequence[Stage]], None]
"""Is told of all stages, a few times a second."""

_Tell = Callable[[int], None]
"""Is told how much of a piece of work is done."""


@dataclass(frozen=True)
class _Piece:
    """A piece of work that one process does.

    Attributes:
        do: is given what to tell how far it is, the machine's name, and ``number``.
        total: how much it is, of ``what``.
    """

    machine: str
    reading: str
    do: Callable[[_Tell, str, int], Any]
    number: int
    total: int
    what: str


_EVERY = 0.2
"""Seconds between two looks at how far it is."""

_counts: memoryview = memoryview(b"")
"""How much of each piece is done: memory that forked workers share, each of whom writes those of its pieces."""


def _pieces(subject: Subject) -> list[_Piece]:
    """All but the proofs: what takes long."""
    plan, name = PLANS[subject.name], subject.name
    pieces = []
    for number, explored in enumerate(plan.explored):
        ground = GroundMachine(subject.machine, {**subject.sizes, **explored.sizes})
        pieces.append(_Piece(name, "explore", _explored, number, len(subject.universes(ground)), "universes"))
    pieces.append(_Piece(name, "drive", _driven, 0, plan.driven * len(subject.dialects), "operations"))
    if plan.judged:
        pieces.append(_Piece(name, "conform", _judged, 0, plan.judged, "operations"))
    return [*pieces, _Piece(name, "mutants", _kills, 0, len(subject.mutants()), "mutants")]


def _proofs(subject: Subject) -> list[_Piece]:
    units = sum(1 for _ in Obligations(subject.machine, subject.catalogue).units())
    return [
        *(_Piece(subject.name, "prove", _proved, n, len(range(n, units, PORTIONS)), "laws of rules")
          for n in range(PORTIONS)),
        *(_Piece(subject.name, "witness", _witnesses, n, 1, "parts") for n in range(_SHARES)),
        _Piece(subject.name, "lemmas", _lemmas, 0, len(subject.lemmas()), "lemmas")]


def _stages(pieces: Sequence[_Piece]) -> list[Stage]:
    stages: dict[tuple[str, str], Stage] = {}
    for slot, piece in enumerate(pieces):
        place = piece.machine, piece.reading
        before = stages.get(place) or Stage(*place, 0, 0, piece.what)
        stages[place] = replace(before, done=before.done + min(_counts[slot], piece.total),
                                total=before.total + piece.total)
    return list(stages.values())


# The work.


def _explored(tell: _Tell, name: str, number: int) -> Exploration:
    subject, plan = SUBJECTS[name], PLANS[name].explored[number]
    explorer = subject.explorer({**subject.sizes, **plan.sizes}, algebra=plan.algebra,
                                progress=lambda e: tell(e.universes - 1))
    return explorer.run({d: subject.dialects[d] for d in plan.dialects})


def _driven(tell: _Tell, name: str, _: int) -> dict[str, Driven]:
    """Drive all dialects, some times over if there is a law whose premise held in none of them.

    It is a matter of luck what a thousand operations come across, and Hypothesis draws from what stands in the
    source of whatever is imported, if that is not installed but run from a folder: the draws differ there.
    """
    subject, operations = SUBJECTS[name], PLANS[name].driven
    bench, laws, found = subject.bench(), {law.id for law in subject.catalogue.laws}, dict[str, Driven]()
    for entropy in range(_DRIVES * len(subject.dialects)):
        again, number = divmod(entropy, len(subject.dialects))
        if again and not number and (
                laws <= {law for one in found.values() for law in one.statistics.premises}
                or any(one.findings for one in found.values())):
            break
        dialect = [*subject.dialects][number]
        driven = subject.drive(
            subject.machine, subject.catalogue, traits=subject.dialects[dialect], dialect=dialect, entropy=entropy,
            operations=operations, complete=False, like=bench,
            progress=lambda done, before=entropy * operations: tell(before + min(done, operations)))
        if again:
            found[dialect].statistics.add(driven.statistics)
            found[dialect].findings.extend(driven.findings)
        else:
            found[dialect] = driven
    return found


_DRIVES = 5
"""How often at most each dialect is driven."""


def _judged(tell: _Tell, name: str, _: int) -> Conformance:
    subject = SUBJECTS[name]
    with closing(DirectoryEngine()) as engine:
        return conform(subject.machine, subject.catalogue, engine, operations=PLANS[name].judged, progress=tell)


def _kills(tell: _Tell, name: str, _: int) -> dict[str, str | None]:
    """Each mutant with the law that kills it, or None."""
    subject, found = SUBJECTS[name], dict[str, str | None]()
    for mutant in subject.mutants():
        tell(len(found))
        found[mutant.name] = killer(mutant, machine=subject.machine, catalogue=subject.catalogue)
    return found


def _proved(tell: _Tell, name: str, number: int) -> list[Placed]:
    found: list[Placed] = []
    for place, verdict in portion(_task(SUBJECTS[name]), number, PORTIONS):
        found.append((place, verdict))
        tell(len(range(number, place, PORTIONS)))
    return found


def _witnesses(_: _Tell, name: str, number: int) -> Witnesses:
    return witnesses(_task(SUBJECTS[name]), number, _SHARES)


_SHARES = 4


def _lemmas(tell: _Tell, name: str, _: int) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for lemma in SUBJECTS[name].lemmas():
        tell(len(found))
        found[lemma.name] = lemma.proved
    return found


def _task(subject: Subject) -> Task:
    return Task(subject.machine, subject.catalogue)


def _do(slot: int, piece: _Piece) -> Any:
    """Do a piece of work in a worker."""
    def tell(done: int) -> None:
        _counts[slot] = done

    result = piece.do(tell, piece.machine, piece.number)
    tell(piece.total)
    return result


def check(
    progress: Progress = lambda stages: None, subjects: Iterable[Subject] = tuple(SUBJECTS.values()),
) -> Checks:
    """Run all readings of the machines, in two processes: what takes long first, the proofs piece by piece.

    Args:
        progress: is told how far each reading of each machine is.
    """
    global _counts
    start, chosen = time.perf_counter(), list(subjects)
    pieces = [piece for part in (_pieces, _proofs) for one in chosen for piece in part(one)]
    _counts = memoryview(mmap(-1, 8 * len(pieces))).cast("q")
    with workers(2) as pool:
        futures = [pool.submit(_do, slot, piece) for slot, piece in enumerate(pieces)]
        left: set[Future[Any]] = set(futures)
        while left:
            done, left = wait(left, _EVERY, FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises at once what went wrong
            progress(_stages(pieces))
    found: dict[tuple[str, str], list[Any]] = {}
    for piece, future in zip(pieces, futures, strict=True):
        found.setdefault((piece.machine, piece.reading), []).append(future.result())
    return Checks([_together(one, {r: parts for (name, r), parts in found.items() if name == one.name})
                   for one in chosen], time.perf_counter() - start)


def _together(subject: Subject, found: Mapping[str, list[Any]]) -> Check:
    """The results of all pieces of a machine."""
    driven, lemmas, kills = (found[reading][0] for reading in ("drive", "lemmas", "mutants"))
    return Check(subject, together(found["prove"], found["witness"], lemmas), found["explore"], driven,
                 found.get("conform", [None])[0], kills)
