"""The main job: everything about the model, and what it says law by law."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layermodel.rules import Machine
from layermodel.store import DIALECTS
from layermodel.store_rules import STORE
from layerproof.conform import Conformance, conform
from layerproof.drive import Driven, drive
from layerproof.engines.directory import DirectoryEngine
from layerproof.explore import Exploration, Explorer
from layerproof.laws import Catalogue, Kind, Law
from layerproof.mutants import kill_by_proof
from layerproof.prove import Proof, prove
from layerproof.store_laws import STORE_LAWS
from layerproof.store_mutants import MUTANTS
from layerproof.workers import workers

EXPLORED: tuple[Mapping[str, int], ...] = (
    {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 2, "Name": 2, "Lease": 1,
     "Content": 2},
    {"Layer": 2, "Image": 2, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
     "Content": 2},
    {"Layer": 1, "Image": 1, "Reference": 2, "Repository": 2, "Container": 1, "Name": 1, "Lease": 1,
     "Content": 2},
)
"""The sizes that ``check`` explores: two containers, two images, two references."""

_NEVER = "premise never held"

DRIVEN, JUDGED = 2500, 1000
"""Operations that ``check`` drives in each dialect, and does on the embedded engine."""


@dataclass
class Check:
    """All results."""

    catalogue: Catalogue
    proof: Proof
    explorations: list[Exploration]
    driven: dict[str, Driven]
    directory: Conformance
    killed: dict[str, str]
    survived: list[str]
    seconds: float

    @property
    def verdict(self) -> str:
        """``held``, ``violated``, or ``incomplete`` where something was undecided or never reached."""
        findings = [*(e.findings or e.stuck for e in self.explorations),
                    *(d.findings for d in self.driven.values()), self.directory.findings]
        if self.proof.count("refuted") or any(findings) or self.survived:
            return "violated"
        never = [*(d.never for d in self.driven.values()), self.directory.never, self.idle]
        return "held" if self.proof.holds and not any(never) else "incomplete"

    @property
    def idle(self) -> list[str]:
        """Laws whose premise held nowhere in what was explored, or nowhere in what was driven."""
        return [law.id for law in self.catalogue.laws
                if _NEVER in (self.law(law)["explore"], self.law(law)["drive"])]

    def law(self, law: Law) -> dict[str, Any]:
        """What each reading showed of a law."""
        mine = [v for v in self.proof.verdicts if v.law == law.id]
        broken = {reading for reading, laws in self._broken().items() if law.id in laws}
        return {
            "id": law.id, "statement": law.statement, "kind": law.kind.value,
            "prove": {o: sum(v.outcome == o for v in mine) for o in ("proved", "refuted", "undecided")},
            "explore": "broken" if "explore" in broken else self._held(
                sum(e.premises[law.id] for e in self.explorations)),
            "drive": "broken" if "drive" in broken else self._held(
                sum(d.statistics.premises[law.id] for d in self.driven.values())),
            # An engine is asked only where it differs; it is compared with a model that keeps the law.
            "directory": "broken" if "directory" in broken else (
                "not applicable" if law.kind is Kind.ALGEBRAIC else "agrees"),
            "mutants": sum(killer == law.id for killer in self.killed.values()),
        }

    def _held(self, times: int) -> str:
        return "held" if times else _NEVER

    def _broken(self) -> dict[str, set[str]]:
        return {
            "explore": {i for e in self.explorations for i in e.findings},
            "drive": {f.violation.law for d in self.driven.values() for f in d.findings},
            "directory": {i for f in self.directory.findings for i in f.laws},
        }

    def to_json(self) -> dict[str, Any]:
        """The one object that ``check --format json`` prints."""
        return {
            "verdict": self.verdict,
            "laws": [self.law(law) for law in self.catalogue.laws],
            "obligations": {o: self.proof.count(o) for o in ("proved", "refuted", "undecided")},
            "witnesses": self.proof.witnesses,
            "vacuous": list(self.proof.vacuous),
            "states": sum(e.states for e in self.explorations),
            "explored": [{"sizes": dict(e.sizes), "universes": e.universes, "states": e.states,
                          "steps": e.steps, "stuck": e.stuck} for e in self.explorations],
            "driven": {d: {"operations": r.statistics.steps, "never": r.never}
                       for d, r in self.driven.items()},
            "directory": {"operations": self.directory.statistics.steps,
                          "findings": len(self.directory.findings), "never": self.directory.never},
            "mutants": {"killed": len(self.killed), "survived": self.survived},
            "seconds": round(self.seconds, 1),
        }


Progress = Callable[[str], None]


def _other_readings(_: object) -> tuple[list[Exploration], dict[str, Driven], Conformance]:
    """Explore, drive and the embedded engine: what runs beside the proofs."""
    explorations = [Explorer(STORE, STORE_LAWS, sizes).run(DIALECTS) for sizes in EXPLORED]
    driven = {name: drive(STORE, STORE_LAWS, traits=traits, dialect=name, operations=DRIVEN)
              for name, traits in DIALECTS.items()}
    engine = DirectoryEngine()
    try:
        judged = conform(STORE, STORE_LAWS, engine, operations=JUDGED)
    finally:
        engine.close()
    return explorations, driven, judged


def check(progress: Progress = lambda text: None, machine: Machine = STORE,
          catalogue: Catalogue = STORE_LAWS) -> Check:
    """Run all readings of the store machine, the proofs in one process and the rest in another."""
    start = time.perf_counter()
    with workers(1) as pool:
        progress("explore, drive and the embedded engine (in the background)")
        others = pool.submit(_other_readings, None)
        progress("kill the mutants")
        killed, survived = _kill()
        progress("prove every law of every rule")
        proof = prove(machine, catalogue, jobs=2)
        progress("wait for explore, drive and the embedded engine")
        explorations, driven, judged = others.result()
    return Check(catalogue, proof, explorations, driven, judged, killed, survived,
                 time.perf_counter() - start)


def _kill() -> tuple[dict[str, str], list[str]]:
    """Each mutant with the law that kills it, and the mutants that survive."""
    killed: dict[str, str] = {}
    survived = []
    for mutant in MUTANTS:
        kill = kill_by_proof(mutant)
        if kill is None:
            survived.append(mutant.name)
        else:
            killed[mutant.name] = kill.law
    return killed, survived
