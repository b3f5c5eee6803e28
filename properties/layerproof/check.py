"""The main job: everything about the model, and what it says law by law."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from layerproof.engines.registry import embedded
from layerproof.laws.law import Kind, Law
from layerproof.mutants.kills import killer
from layerproof.process.workers import workers
from layerproof.readings.conform import Conformance, conform
from layerproof.readings.drive import Driven, drive, impossible, sizes_of_runs
from layerproof.readings.explore import Exploration, Explorer
from layerproof.readings.prove.prove import (
    PORTIONS,
    Placed,
    Proof,
    Task,
    portion,
    prove_lemmas,
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
    """

    subject: Subject
    proof: Proof
    explorations: list[Exploration]
    driven: dict[str, Driven]
    judged: Conformance | None
    kills: dict[str, str | None]

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
        never = [self.never, self._of_engine("never"), self.idle]
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
            "prove": {o: sum(v.outcome == o for v in mine) for o in ("proved", "refuted", "undecided")},
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
            "obligations": {o: self.proof.count(o) for o in ("proved", "refuted", "undecided")},
            "witnesses": self.proof.witnesses,
            "vacuous": list(self.proof.vacuous),
            "lemmas": dict(self.proof.lemmas),
            "states": sum(e.states for e in self.explorations),
            "explored": [{"sizes": dict(e.sizes), "dialects": list(e.dialects), "universes": e.universes,
                          "states": e.states, "steps": e.steps, "stuck": e.stuck, "algebra": plan.algebra}
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
            "obligations": {o: total("obligations", o) for o in ("proved", "refuted", "undecided")},
            "states": sum(one["states"] for one in machines.values()),
            "mutants": {"killed": total("mutants", "killed"),
                        "survived": [m for one in machines.values() for m in one["mutants"]["survived"]]},
            "machines": machines,
            "seconds": round(self.seconds, 1),
        }


Progress = Callable[[str], None]


def explored(subject: Subject) -> tuple[Explored, ...]:
    """What is explored of a machine: what its plan says, or else the usual sizes in every dialect."""
    return subject.plan.explored or (Explored({}, tuple(subject.dialects)),)


_inherited: dict[str, Subject] = {}
"""What forked workers find: machines hold functions, which cannot be sent between processes."""


def _explored(name: str, number: int) -> Exploration:
    subject = _inherited[name]
    plan = explored(subject)[number]
    explorer = Explorer(subject, subject.sizes(plan.sizes), algebra=plan.algebra)
    return explorer.run({d: subject.dialects[d] for d in plan.dialects})


def _driven(name: str) -> dict[str, Driven]:
    subject = _inherited[name]
    bench = Bench(subject.machine, subject.catalogue, sizes_of_runs(subject))
    return {dialect: drive(subject, dialect=dialect, seed=number, operations=subject.plan.driven, complete=False,
                           like=bench)
            for number, dialect in enumerate(subject.dialects)}


def _judged(name: str) -> Conformance | None:
    subject, openings = _inherited[name], embedded(name)
    if not openings or not subject.plan.judged:
        return None
    with closing(openings[0]()) as engine:
        return conform(subject, engine, operations=subject.plan.judged)


def _kills(name: str) -> dict[str, str | None]:
    """Each mutant with the law that kills it, or None."""
    subject = _inherited[name]
    return {mutant.name: killer(subject, mutant) for mutant in subject.mutants()}


def _proved(name: str, number: int) -> list[Placed]:
    return list(portion(_task(_inherited[name]), number, PORTIONS))


def _witnesses(name: str, number: int) -> Witnesses:
    return witnesses(_task(_inherited[name]), number, _SHARES)


_SHARES = 4


def _task(subject: Subject) -> Task:
    return Task(subject, beside=subject.lemmas())


def check(subjects: Iterable[Subject], progress: Progress = lambda text: None) -> Checks:
    """Run all readings of the machines, in two processes: what takes long first, the proofs piece by piece."""
    start, chosen = time.perf_counter(), list(subjects)
    _inherited.update({one.name: one for one in chosen})
    with workers(2) as pool:
        begun = {one.name: _begin(pool, one) for one in chosen}
        proofs = {one.name: (
            [pool.submit(_proved, one.name, n) for n in range(PORTIONS)],
            [pool.submit(_witnesses, one.name, n) for n in range(_SHARES)]) for one in chosen}
        machines = []
        for one in chosen:
            explorations, driven, judged, kills = begun[one.name]
            progress(f"{one.name}: explore, drive, mutants, and prove every law of every rule")
            machines.append(Check(
                one, together(_task(one), [p.result() for p in proofs[one.name][0]],
                              [w.result() for w in proofs[one.name][1]], prove_lemmas(_task(one))),
                [e.result() for e in explorations], driven.result(), judged.result(), kills.result()))
    return Checks(machines, time.perf_counter() - start)


def _begin(pool: ProcessPoolExecutor, subject: Subject) -> tuple[
    list[Future[Exploration]], Future[dict[str, Driven]], Future[Conformance | None],
    Future[dict[str, str | None]],
]:
    """Start all but the proofs."""
    driven = pool.submit(_driven, subject.name)
    return ([pool.submit(_explored, subject.name, n) for n in range(len(explored(subject)))], driven,
            pool.submit(_judged, subject.name), pool.submit(_kills, subject.name))
