"""The main job: everything about the model, and what it says law by law."""

from __future__ import annotations

import contextlib
import json
import pickle
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from mmap import mmap
from typing import Any

from layermodel.language.ground import GroundMachine
from layerproof.engines.registry import closed, embedded
from layerproof.laws.law import Kind, Law
from layerproof.laws.obligations import Obligations
from layerproof.mutants.kills import killer
from layerproof.process.cache import Cache, sources
from layerproof.process.pieces import Recipe, pool, recipe
from layerproof.readings.conform import Conformance, conform
from layerproof.readings.drive import Driven, drive, impossible, sizes_of_runs
from layerproof.readings.exploration import Exploration
from layerproof.readings.explore import Explorer
from layerproof.readings.prove.prove import (
    OUTCOMES,
    PORTIONS,
    Placed,
    Proof,
    Task,
    portion,
    together,
    witnesses,
)
from layerproof.readings.prove.vacuity import Witnesses
from layerproof.runs.monitor import Bench
from layerproof.runs.statistics import named
from layerproof.subject import Explored, Subject

_NEVER = "premise never held"
_NOT_APPLICABLE = "not applicable"


@dataclass
class Check:
    """All results for one machine.

    Attributes:
        judged: the run on the embedded engine, where there is one for the machine.
        kills: each mutant with the law that a proof refutes for it, or None.
        known: when it was computed, if that was before, and nothing has changed since; else empty.
    """

    subject: Subject
    proof: Proof
    explorations: list[Exploration]
    driven: dict[str, Driven]
    judged: Conformance | None
    kills: dict[str, str | None]
    known: str = ""

    @property
    def survived(self) -> list[str]:
        """The mutants that no proof refutes."""
        return [mutant for mutant, law in self.kills.items() if law is None]

    @property
    def verdict(self) -> str:
        """``held``, ``violated``, or ``incomplete`` where something was undecided or never reached."""
        findings = [*(e.findings or e.stuck for e in self.explorations),
                    *(d.findings for d in self.driven.values()), self._of_engine("findings")]
        if self.proof.count("refuted") or any(findings) or self.survived:
            return "violated"
        never = [self.never, self._of_engine("never"), self.idle, [e for e in self.explorations if e.cut]]
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

    def _of_engine(self, what: str) -> list[Any]:
        return [] if self.judged is None else getattr(self.judged, what)

    @property
    def idle(self) -> list[str]:
        """Laws whose premise held nowhere in what was explored, or nowhere in what was driven.

        A law that only a larger store can put to the test has to be so in what was driven.
        """
        return [law.id for law in self.subject.catalogue.laws if self.law(law)["drive"] == _NEVER
                or (self.law(law)["explore"] == _NEVER and law.id not in self.subject.finite.large)]

    def law(self, law: Law) -> dict[str, Any]:
        """What each reading showed of a law."""
        mine = [v for v in self.proof.verdicts if v.law == law.id]
        broken = {reading for reading, laws in self._broken().items() if law.id in laws}
        return {
            "machine": self.subject.name, "id": law.id, "statement": law.statement, "kind": law.kind.value,
            "prove": {o: sum(v.outcome == o for v in mine) for o in OUTCOMES},
            "explore": "broken" if "explore" in broken else self._held(
                sum(e.premises[law.id] for e in self.explorations)),
            "drive": "broken" if "drive" in broken else self._held(
                sum(d.statistics.premises[law.id] for d in self.driven.values())),
            # An engine is asked only where it differs; it is compared with a model that keeps the law.
            "engine": "broken" if "engine" in broken else (
                _NOT_APPLICABLE if law.kind is Kind.ALGEBRAIC or self.judged is None else "agrees"),
            "mutants": sum(killer == law.id for killer in self.kills.values()),
        }

    def _held(self, times: int) -> str:
        return "held" if times else _NEVER

    def _broken(self) -> dict[str, set[str]]:
        return {
            "explore": {i for e in self.explorations for i in e.findings},
            "drive": {i for d in self.driven.values() for f in d.findings for i in f.laws},
            "engine": {i for f in self._of_engine("findings") for i in f.laws},
        }

    def to_json(self) -> dict[str, Any]:
        """The part of what ``check --format json`` prints that is about this machine."""
        return {
            "verdict": self.verdict,
            "known": self.known or None,
            "obligations": {o: self.proof.count(o) for o in OUTCOMES},
            "witnesses": self.proof.witnesses,
            "vacuous": list(self.proof.vacuous),
            "lemmas": dict(self.proof.lemmas),
            "states": sum(e.states for e in self.explorations),
            "explored": [{"sizes": dict(e.sizes), "dialects": list(e.dialects), "universes": e.universes,
                          "states": e.states, "steps": e.steps, "stuck": e.stuck, "cut": e.cut,
                          "algebra": plan.algebra}
                         for e, plan in zip(self.explorations, explored(self.subject), strict=True)],
            "driven": {"operations": {d: r.statistics.steps for d, r in self.driven.items()},
                       "not reached": named(self.undriven)},
            "never": self.never,
            "engine": None if self.judged is None else {
                "name": self.judged.engine, "operations": self.judged.statistics.steps,
                "findings": len(self.judged.findings), "never": self.judged.never},
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
            "obligations": {o: total("obligations", o) for o in OUTCOMES},
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
class _Asked:
    """A machine, and whether what was computed before is used."""

    subject: Subject
    cached: bool = True


@dataclass(frozen=True)
class _Piece:
    """A piece of work that one process does.

    Attributes:
        do: is given the machine, what to tell how far it is, and ``number``.
        total: how much it is, of ``what``.
    """

    machine: str
    reading: str
    do: Callable[[_Asked, _Tell, int], Any]
    number: int
    total: int
    what: str


_EVERY = 0.2
"""Seconds between two looks at how far it is."""

_counts: memoryview = memoryview(b"")
"""How much of each piece is done: memory that forked workers share, each of whom writes those of its pieces. The
workers of a cluster have none: of them it is known which pieces are done."""


def _pieces(subject: Subject) -> list[_Piece]:
    """All but the proofs: what takes long."""
    plan, name = subject.plan, subject.name
    pieces = []
    for number, one in enumerate(explored(subject)):
        ground = GroundMachine(subject.machine, subject.sizes(one.sizes))
        universes = len(subject.finite.universes(ground))
        pieces.append(_Piece(name, "explore", _explored, number, universes, "universes"))
    pieces.append(_Piece(name, "drive", _driven, 0, plan.driven * len(subject.dialects), "operations"))
    if plan.judged and embedded(name):
        pieces.append(_Piece(name, "conform", _judged, 0, plan.judged, "operations"))
    mutants = len(subject.mutants())
    return [*pieces, *(_Piece(name, "mutants", _kills, n, len(range(n, mutants, _SHARES)), "mutants")
                       for n in range(_SHARES))]


def _proofs(subject: Subject) -> list[_Piece]:
    units = sum(1 for _ in Obligations(subject.machine, subject.catalogue).units())
    return [
        *(_Piece(subject.name, "prove", _proved, n, len(range(n, units, PORTIONS)), "laws of rules")
          for n in range(PORTIONS)),
        *(_Piece(subject.name, "witness", _witnesses, n, 1, "parts") for n in range(_SHARES)),
        _Piece(subject.name, "lemmas", _lemmas, 0, len(_task(_Asked(subject)).lemmas), "lemmas")]


def _stages(pieces: Sequence[_Piece]) -> list[Stage]:
    stages: dict[tuple[str, str], Stage] = {}
    for slot, piece in enumerate(pieces):
        place = piece.machine, piece.reading
        before = stages.get(place) or Stage(*place, 0, 0, piece.what)
        stages[place] = replace(before, done=before.done + min(_counts[slot], piece.total),
                                total=before.total + piece.total)
    return list(stages.values())


# The work.


def explored(subject: Subject) -> tuple[Explored, ...]:
    """What is explored of a machine: what its plan says, or else the usual sizes in every dialect."""
    return subject.plan.explored or (Explored({}, tuple(subject.dialects)),)


def _explored(asked: _Asked, tell: _Tell, number: int) -> Exploration:
    subject = asked.subject
    plan = explored(subject)[number]
    explorer = Explorer(subject, subject.sizes(plan.sizes), algebra=plan.algebra, jobs=1, cached=asked.cached,
                        progress=lambda e: tell(e.universes - 1))
    return explorer.run({d: subject.dialects[d] for d in plan.dialects})


def _driven(asked: _Asked, tell: _Tell, _: int) -> dict[str, Driven]:
    """Drive all dialects, some times over if there is a law whose premise held in none of them.

    It is a matter of luck what a thousand operations come across.
    """
    subject = asked.subject
    operations, dialects, found = subject.plan.driven, [*subject.dialects], dict[str, Driven]()
    laws = {law.id for law in subject.catalogue.laws}
    bench = Bench(subject.machine, subject.catalogue, sizes_of_runs(subject))
    for seed in range(_DRIVES * len(dialects)):
        again, number = divmod(seed, len(dialects))
        if again and not number and (
                laws <= {law for one in found.values() for law in one.statistics.premises}
                or any(one.findings for one in found.values())):
            break
        dialect = dialects[number]
        driven = drive(subject, dialect=dialect, seed=seed, operations=operations, complete=False, like=bench,
                       progress=partial(_told, tell, seed * operations, operations))
        if again:
            found[dialect].statistics.add(driven.statistics)
            found[dialect].findings.extend(driven.findings)
        else:
            found[dialect] = driven
    return found


_DRIVES = 5
"""How often at most each dialect is driven."""


def _told(tell: _Tell, before: int, most: int, done: int) -> None:
    tell(before + min(done, most))


def _judged(asked: _Asked, tell: _Tell, _: int) -> Conformance:
    subject = asked.subject
    with closed(embedded(subject.name)[0]) as engine:
        # Where there are no tours, it may take many times the operations to reach all: that is for `conform`.
        complete = subject.judged is not None and bool(subject.judged().tours)
        return conform(subject, engine, operations=subject.plan.judged, complete=complete, progress=tell)


def _kills(asked: _Asked, tell: _Tell, number: int) -> dict[str, str | None]:
    """Each mutant of a share with the law that kills it, or None."""
    subject, found = asked.subject, dict[str, str | None]()
    for mutant in subject.mutants()[number::_SHARES]:
        tell(len(found))
        found[mutant.name] = killer(subject, mutant)
    return found


def _proved(asked: _Asked, tell: _Tell, number: int) -> list[Placed]:
    found: list[Placed] = []
    for place, verdict in portion(_task(asked), number, PORTIONS):
        found.append((place, verdict))
        tell(len(range(number, place, PORTIONS)))
    return found


def _witnesses(asked: _Asked, _: _Tell, number: int) -> Witnesses:
    return witnesses(_task(asked), number, _SHARES)


_SHARES = 4
"""Into how many pieces mutants and witnesses are divided."""


def _lemmas(asked: _Asked, tell: _Tell, _: int) -> dict[str, bool]:
    task, found = _task(asked), dict[str, bool]()
    for number, lemma in enumerate(task.lemmas):
        tell(number)
        found[lemma.name] = task.lemma(number)
    return found


def _task(asked: _Asked) -> Task:
    return Task(asked.subject, beside=asked.subject.lemmas(), cached=asked.cached)


def _do(asked: Mapping[str, _Asked], slot: int, piece: _Piece) -> Any:
    """Do a piece of work in a worker."""
    def tell(done: int) -> None:
        if slot < len(_counts):
            _counts[slot] = done

    return piece.do(asked[piece.machine], tell, piece.number)


def _asked(recipes: Mapping[str, Recipe[Subject]], cached: bool) -> Mapping[str, _Asked]:
    """The machines in another process."""
    return {name: _Asked(subject(), cached) for name, subject in recipes.items()}


def check(
    subjects: Iterable[Subject], progress: Progress = lambda stages: None, *, cached: bool = True, jobs: int = 2,
    cluster: str | None = None,
) -> Checks:
    """Run all readings of the machines, in some processes: what takes long first, the proofs piece by piece.

    Args:
        progress: is told how far each reading of each machine is.
        cached: what was computed before is taken from the user's cache folder, and what is computed is kept
            there: proofs as long as their obligations are the same, and all of a machine as it is shipped as long
            as nothing in this project has changed.
        jobs: the number of processes.
        cluster: the address of a Dask cluster, whose workers do it instead; the cache folders are theirs then.

    Raises:
        WrongRequest: if a machine has traits and no dialect that says which of them hold, or the cluster cannot be
            had.
    """
    start, chosen = time.perf_counter(), list(subjects)
    for one in chosen:
        one.traits(())
    kept = {one.name: _kept(one) for one in chosen} if cached else {}
    new = [one for one in chosen if kept.get(one.name) is None]
    results = _computed(new, progress, cached, jobs, cluster) if new else {}
    checks = []
    for one in chosen:
        found, known = kept.get(one.name) or (results[one.name], "")
        checks.append(_together(one, found, known))
        if cached and not known:
            _keep(checks[-1], found)
    return Checks(checks, time.perf_counter() - start)


Found = dict[str, list[Any]]
"""The results of all pieces of a machine, by readings."""


def _computed(
    subjects: Sequence[Subject], progress: Progress, cached: bool, jobs: int, cluster: str | None,
) -> dict[str, Found]:
    """Do all pieces of some machines."""
    global _counts
    pieces = [piece for part in (_pieces, _proofs) for one in subjects for piece in part(one)]
    _counts = memoryview(mmap(-1, 8 * len(pieces))).cast("q")

    def anew() -> Recipe[Mapping[str, _Asked]]:
        return partial(_asked, {one.name: recipe(one) for one in subjects}, cached)

    asked: Mapping[str, _Asked] = {one.name: _Asked(one, cached) for one in subjects}
    with pool(asked, anew, jobs=jobs, cluster=cluster) as having:
        futures = {having.submit(f"{piece.reading} {piece.number + 1} of {piece.machine}", _do, slot, piece): slot
                   for slot, piece in enumerate(pieces)}
        left: set[Future[Any]] = set(futures)
        while left:
            done, left = wait(left, _EVERY, FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises at once what went wrong
                _counts[futures[future]] = pieces[futures[future]].total
            progress(_stages(pieces))
    found: dict[str, Found] = {one.name: {} for one in subjects}
    for piece, future in zip(pieces, futures, strict=True):
        found[piece.machine].setdefault(piece.reading, []).append(future.result())
    return found


def _together(subject: Subject, found: Found, known: str) -> Check:
    """The results of all pieces of a machine."""
    driven, lemmas = found["drive"][0], found["lemmas"][0]
    by_name = {name: law for share in found["mutants"] for name, law in share.items()}
    kills = {mutant.name: by_name[mutant.name] for mutant in subject.mutants()}
    proof = together(_task(_Asked(subject)), found["prove"], found["witness"], lemmas)
    return Check(subject, proof, found["explore"], driven, found.get("conform", [None])[0], kills, known)


# What was computed before.


def _kept(subject: Subject) -> tuple[Found, str] | None:
    """All results of a machine as it is shipped, and when they were computed; None if they were not."""
    data = Cache("check").get(_key(subject)) if subject.as_shipped else None
    return None if data is None else pickle.loads(data)


def _keep(check: Check, found: Found) -> None:
    """Keep the results, if none of them was a matter of how long it took."""
    if check.subject.as_shipped and not check.proof.count("timed out"):
        now = datetime.now(UTC).isoformat(" ", "seconds").replace("+00:00", " UTC")
        Cache("check").put(_key(check.subject), pickle.dumps((found, now)))


def _key(subject: Subject) -> bytes:
    """All that the results of a machine as it is shipped come of: they are the same each time."""
    packages = ("hypothesis", "llvmlite", "networkx", "z3-solver")
    return json.dumps([subject.name, sources(), platform.python_version(), platform.machine(),
                       [_version(package) for package in packages]]).encode()


def _version(package: str) -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version(package)
    return ""
