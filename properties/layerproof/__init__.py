"""What must hold of a container store, and every way of checking it.

What is public is listed in ``__all__`` and documented in docs/api.md; it is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layerproof.checks import Checks as Checks
    from layerproof.checks import check as check
    from layerproof.commands.report import conformance_text as conformance_text
    from layerproof.commands.report import proof_text as proof_text
    from layerproof.engines.directory.engine import DirectoryEngine as DirectoryEngine
    from layerproof.engines.docker.engine import DockerEngine as DockerEngine
    from layerproof.engines.mount.engine import MountEngine as MountEngine
    from layerproof.errors import Contradiction as Contradiction
    from layerproof.errors import EngineHung as EngineHung
    from layerproof.errors import EngineUnreachable as EngineUnreachable
    from layerproof.errors import LayerproofError as LayerproofError
    from layerproof.errors import Refused as Refused
    from layerproof.errors import Unintelligible as Unintelligible
    from layerproof.errors import VacuousCheck as VacuousCheck
    from layerproof.errors import WrongRequest as WrongRequest
    from layerproof.laws.law import Algebra as Algebra
    from layerproof.laws.law import Catalogue as Catalogue
    from layerproof.laws.law import Kind as Kind
    from layerproof.laws.law import Law as Law
    from layerproof.laws.law import Runs as Runs
    from layerproof.laws.law import ends_agree as ends_agree
    from layerproof.laws.law import state_law as state_law
    from layerproof.laws.law import step_law as step_law
    from layerproof.laws.lemmas import Case as Case
    from layerproof.laws.lemmas import Lemma as Lemma
    from layerproof.laws.mutant import Mutant as Mutant
    from layerproof.laws.mutant import forgets as forgets
    from layerproof.laws.mutant import half_happens as half_happens
    from layerproof.laws.mutant import sets as sets
    from layerproof.laws.mutant import without as without
    from layerproof.machines.registry import subject as machine
    from layerproof.machines.store.engine import ContainerSeen as ContainerSeen
    from layerproof.machines.store.engine import Engine as Engine
    from layerproof.machines.store.engine import ImageSeen as ImageSeen
    from layerproof.machines.store.engine import Observation as Observation
    from layerproof.machines.union.engine import UnionEngine as UnionEngine
    from layerproof.mutants.matrix import KillMatrix as KillMatrix
    from layerproof.mutants.matrix import kill_matrix as kill_matrix
    from layerproof.readings.conform import Conformance as Conformance
    from layerproof.readings.conform import conform as conform
    from layerproof.readings.conform import replay_on as replay_on
    from layerproof.readings.drive import Driven as Driven
    from layerproof.readings.drive import drive as drive
    from layerproof.readings.exhaust import Certificate as Certificate
    from layerproof.readings.exhaust import exhaust as exhaust
    from layerproof.readings.exploration import Exploration as Exploration
    from layerproof.readings.explore import explore as explore
    from layerproof.readings.matrix import Column as Column
    from layerproof.readings.matrix import Matrix as Matrix
    from layerproof.readings.matrix import matrix as matrix
    from layerproof.readings.profile import Profile as Profile
    from layerproof.readings.profile import profile as profile
    from layerproof.readings.prove.prove import Proof as Proof
    from layerproof.readings.prove.prove import Verdict as Verdict
    from layerproof.readings.prove.prove import prove as prove
    from layerproof.readings.replay import Replayed as Replayed
    from layerproof.readings.replay import replay as replay
    from layerproof.runs.finding import Apart as Apart
    from layerproof.runs.finding import Deviation as Deviation
    from layerproof.runs.finding import Difference as Difference
    from layerproof.runs.finding import Finding as Finding
    from layerproof.runs.finding import Violation as Violation
    from layerproof.runs.trace import Event as Event
    from layerproof.runs.trace import Settled as Settled
    from layerproof.runs.trace import Trace as Trace
    from layerproof.runs.trace import trace_of as trace_of
    from layerproof.runs.trace import trace_text as trace_text
    from layerproof.subject import Answer as Answer
    from layerproof.subject import Aspect as Aspect
    from layerproof.subject import Beside as Beside
    from layerproof.subject import Drivable as Drivable
    from layerproof.subject import Exhausted as Exhausted
    from layerproof.subject import Explored as Explored
    from layerproof.subject import Figure as Figure
    from layerproof.subject import Finite as Finite
    from layerproof.subject import Judged as Judged
    from layerproof.subject import Observed as Observed
    from layerproof.subject import Plan as Plan
    from layerproof.subject import Profiled as Profiled
    from layerproof.subject import Shown as Shown
    from layerproof.subject import Small as Small
    from layerproof.subject import Subject as Subject

_FROM = {
    "Checks": "layerproof.checks:Checks",
    "check": "layerproof.checks:check",
    "conformance_text": "layerproof.commands.report:conformance_text",
    "proof_text": "layerproof.commands.report:proof_text",
    "DirectoryEngine": "layerproof.engines.directory.engine:DirectoryEngine",
    "DockerEngine": "layerproof.engines.docker.engine:DockerEngine",
    "MountEngine": "layerproof.engines.mount.engine:MountEngine",
    "Contradiction": "layerproof.errors:Contradiction",
    "EngineHung": "layerproof.errors:EngineHung",
    "EngineUnreachable": "layerproof.errors:EngineUnreachable",
    "LayerproofError": "layerproof.errors:LayerproofError",
    "Refused": "layerproof.errors:Refused",
    "Unintelligible": "layerproof.errors:Unintelligible",
    "VacuousCheck": "layerproof.errors:VacuousCheck",
    "WrongRequest": "layerproof.errors:WrongRequest",
    "Algebra": "layerproof.laws.law:Algebra",
    "Catalogue": "layerproof.laws.law:Catalogue",
    "Kind": "layerproof.laws.law:Kind",
    "Law": "layerproof.laws.law:Law",
    "Runs": "layerproof.laws.law:Runs",
    "ends_agree": "layerproof.laws.law:ends_agree",
    "state_law": "layerproof.laws.law:state_law",
    "step_law": "layerproof.laws.law:step_law",
    "Case": "layerproof.laws.lemmas:Case",
    "Lemma": "layerproof.laws.lemmas:Lemma",
    "Mutant": "layerproof.laws.mutant:Mutant",
    "forgets": "layerproof.laws.mutant:forgets",
    "half_happens": "layerproof.laws.mutant:half_happens",
    "sets": "layerproof.laws.mutant:sets",
    "without": "layerproof.laws.mutant:without",
    "machine": "layerproof.machines.registry:subject",
    "ContainerSeen": "layerproof.machines.store.engine:ContainerSeen",
    "Engine": "layerproof.machines.store.engine:Engine",
    "ImageSeen": "layerproof.machines.store.engine:ImageSeen",
    "Observation": "layerproof.machines.store.engine:Observation",
    "UnionEngine": "layerproof.machines.union.engine:UnionEngine",
    "KillMatrix": "layerproof.mutants.matrix:KillMatrix",
    "kill_matrix": "layerproof.mutants.matrix:kill_matrix",
    "Conformance": "layerproof.readings.conform:Conformance",
    "conform": "layerproof.readings.conform:conform",
    "replay_on": "layerproof.readings.conform:replay_on",
    "Driven": "layerproof.readings.drive:Driven",
    "drive": "layerproof.readings.drive:drive",
    "Exploration": "layerproof.readings.exploration:Exploration",
    "Certificate": "layerproof.readings.exhaust:Certificate",
    "exhaust": "layerproof.readings.exhaust:exhaust",
    "explore": "layerproof.readings.explore:explore",
    "Proof": "layerproof.readings.prove.prove:Proof",
    "Verdict": "layerproof.readings.prove.prove:Verdict",
    "prove": "layerproof.readings.prove.prove:prove",
    "Column": "layerproof.readings.matrix:Column",
    "Matrix": "layerproof.readings.matrix:Matrix",
    "matrix": "layerproof.readings.matrix:matrix",
    "Profile": "layerproof.readings.profile:Profile",
    "profile": "layerproof.readings.profile:profile",
    "Replayed": "layerproof.readings.replay:Replayed",
    "replay": "layerproof.readings.replay:replay",
    "Apart": "layerproof.runs.finding:Apart",
    "Deviation": "layerproof.runs.finding:Deviation",
    "Difference": "layerproof.runs.finding:Difference",
    "Finding": "layerproof.runs.finding:Finding",
    "Violation": "layerproof.runs.finding:Violation",
    "Event": "layerproof.runs.trace:Event",
    "Settled": "layerproof.runs.trace:Settled",
    "Trace": "layerproof.runs.trace:Trace",
    "trace_of": "layerproof.runs.trace:trace_of",
    "trace_text": "layerproof.runs.trace:trace_text",
    "Answer": "layerproof.subject:Answer",
    "Aspect": "layerproof.subject:Aspect",
    "Beside": "layerproof.subject:Beside",
    "Drivable": "layerproof.subject:Drivable",
    "Exhausted": "layerproof.subject:Exhausted",
    "Explored": "layerproof.subject:Explored",
    "Figure": "layerproof.subject:Figure",
    "Finite": "layerproof.subject:Finite",
    "Judged": "layerproof.subject:Judged",
    "Observed": "layerproof.subject:Observed",
    "Plan": "layerproof.subject:Plan",
    "Profiled": "layerproof.subject:Profiled",
    "Shown": "layerproof.subject:Shown",
    "Small": "layerproof.subject:Small",
    "Subject": "layerproof.subject:Subject",
}
"""Where each name comes from; it is imported when it is asked for."""

__all__ = [
    "Algebra",
    "Answer",
    "Apart",
    "Aspect",
    "Beside",
    "Case",
    "Catalogue",
    "Certificate",
    "Checks",
    "Column",
    "Conformance",
    "ContainerSeen",
    "Contradiction",
    "Deviation",
    "Difference",
    "DirectoryEngine",
    "DockerEngine",
    "Drivable",
    "Driven",
    "Engine",
    "EngineHung",
    "EngineUnreachable",
    "Event",
    "Exhausted",
    "Exploration",
    "Explored",
    "Figure",
    "Finding",
    "Finite",
    "ImageSeen",
    "Judged",
    "KillMatrix",
    "Kind",
    "Law",
    "LayerproofError",
    "Lemma",
    "Matrix",
    "MountEngine",
    "Mutant",
    "Observation",
    "Observed",
    "Plan",
    "Profile",
    "Profiled",
    "Proof",
    "Refused",
    "Replayed",
    "Runs",
    "Settled",
    "Shown",
    "Small",
    "Subject",
    "Trace",
    "Unintelligible",
    "UnionEngine",
    "VacuousCheck",
    "Verdict",
    "Violation",
    "WrongRequest",
    "check",
    "conform",
    "conformance_text",
    "drive",
    "ends_agree",
    "exhaust",
    "explore",
    "forgets",
    "half_happens",
    "kill_matrix",
    "machine",
    "matrix",
    "profile",
    "proof_text",
    "prove",
    "replay",
    "replay_on",
    "sets",
    "state_law",
    "step_law",
    "trace_of",
    "trace_text",
    "without",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _FROM[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
