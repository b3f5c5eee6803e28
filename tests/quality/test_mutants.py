"""The mutants of the store machine: each is caught, what catches it is real, and the right rules are not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import cache

import pytest

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import Machine
from layermodel.store.rules import STORE
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.laws.law import Catalogue, Kind
from layerproof.laws.mutant import Mutant
from layerproof.machines.store.drive import scene_of
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.store.mutants import MUTANTS, SMALL
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.mutants.kills import Kill, Suspect, kill_by_exploration, kill_by_proof, laws_broken
from layerproof.mutants.runs import kill_by_conform, kill_by_drive
from layerproof.readings.conform import Conformance, replay_on
from layerproof.readings.drive import first_broken
from layerproof.runs.algebra import AlgebraMonitor
from layerproof.runs.checked import Checked
from layerproof.runs.finding import Finding, Violation
from layerproof.runs.monitor import Bench, Monitor
from layerproof.runs.statistics import Statistics

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
SAME = Mutant("same", tuple(r.name for r in STORE.rules), "Nothing is wrong.", "", lambda effect, *_: effect)


@cache
def proof_of(name: str) -> Kill:
    """The kill by proof, computed once for all tests."""
    kill = kill_by_proof(STORE_SUBJECT, BY_NAME[name])
    assert kill is not None, f"{name} survives: a law is missing"
    return kill


def plain(ground: GroundMachine, state: Vector) -> Vector:
    """The state with everything at zero that means nothing, as the compiled rules keep it."""
    values = list(state)
    for symbol in ground.machine.mutable:
        if symbol.of is not None:
            for at in ground.layout.tuples(symbol):
                if not state[ground.layout.index(symbol.of, at[0])]:
                    values[ground.layout.index(symbol.name, *at)] = 0
    return tuple(values)


def violations(machine: Machine, kill: Kill) -> list[Violation]:
    """What the monitor says of the step that the counterexample shows, taken by a machine's own rules."""
    found = kill.instance
    ground = GroundMachine(machine, found.sizes)
    before = plain(ground, found.states[0])
    if STORE_LAWS.law(kill.law).kind is Kind.ALGEBRAIC:
        only = Catalogue((STORE_LAWS.law(kill.law),))
        return [v for v, _ in AlgebraMonitor(ground, only).state(before, found.rigid, found.traits)]
    assert kill.verdict is not None
    rule = ground.rule(kill.verdict.rule)
    arguments = found.arguments[0]
    if not rule.given(before, before, found.rigid, found.traits, arguments):
        return []
    outcome = rule.run(before, found.rigid, found.traits, arguments)
    monitor = Monitor(ground, STORE_LAWS)
    return [*monitor.step(rule.rule, before, outcome, found.rigid, found.traits, arguments),
            *monitor.state(outcome.state, found.rigid, found.traits)]


def test_names_are_told_apart() -> None:
    assert len(MUTANTS) == len(BY_NAME)


def test_every_law_is_some_mutants() -> None:
    assert {law.id for law in STORE_LAWS.laws} == {mutant.breaks for mutant in MUTANTS}


def test_every_rule_is_mutated() -> None:
    mutated = {rule for mutant in MUTANTS for rule in mutant.rules}
    assert {rule.name for rule in STORE.rules} == mutated


@pytest.mark.parametrize("name", BY_NAME)
def test_killed_by_proof(name: str) -> None:
    kill = proof_of(name)
    assert (BY_NAME[name].breaks, "prove") == (kill.law, kill.reading)


@pytest.mark.parametrize("name", BY_NAME)
def test_counterexample_is_real(name: str) -> None:
    kill = proof_of(name)
    assert kill.law in {violation.law for violation in violations(BY_NAME[name].machine(STORE), kill)}


@pytest.mark.parametrize("name", [
    m.name for m in MUTANTS if STORE_LAWS.law(m.breaks).kind is not Kind.ALGEBRAIC])
def test_counterexample_steps_alike_in_both_readings(name: str) -> None:
    kill = proof_of(name)
    found = kill.instance
    assert kill.verdict is not None
    ground = GroundMachine(BY_NAME[name].machine(STORE), found.sizes)
    before = plain(ground, found.states[0])
    rule = ground.rule(kill.verdict.rule)
    assert rule.given(before, before, found.rigid, found.traits, found.arguments[0])
    outcome = rule.run(before, found.rigid, found.traits, found.arguments[0])
    assert (kill.verdict.refusal, plain(ground, found.states[1])) == (outcome.refusal, outcome.state)


@pytest.mark.parametrize("name", BY_NAME)
def test_right_rules_break_nothing_there(name: str) -> None:
    assert violations(STORE, proof_of(name)) == []


@pytest.mark.parametrize("name", BY_NAME)
def test_right_rules_are_not_killed(name: str) -> None:
    mutant = BY_NAME[name]
    assert list(Suspect(STORE_SUBJECT, mutant.rules).refute({mutant.breaks}, counts=(1, 2))) == []


EXPLORED: dict[str, tuple[str, int]] = {
    "leave-nameless": ("OP-19", 2),
    "records-left": ("DEP-15", 3),
    "cascade-takes-tagged": ("OP-4", 5),
    "cascade-takes-used": ("DEP-15", 4),
    "cascade-forgotten": ("OP-21", 3),
    "prune-leaves-parents": ("OP-6", 3),
    "prune-all-leaves-parents": ("DEP-18", 3),
    "load-stores-nothing": ("RO-1", 1),
    "load-adds-again": ("OP-28", 2),
    "build-forgets-parent-size": ("SIZE-1", 2),
    "commit-forgets-upper-size": ("SIZE-1", 4),
    "load-records-parent-only": ("DEP-10", 3),
    "load-without-parent": ("OP-18", 2),
    "import-takes-others": ("OP-3", 2),
    "tag-on-both": ("DEP-6", 2),
    "tag-takes-others": ("OP-3", 2),
    "create-unchecked": ("OP-40", 1),
    "create-counts": ("SIZE-10", 2),
    "remove-untags": ("OP-29", 3),
    "remove-hands-on": ("RO-6", 5),
    "write-through": ("RO-6", 4),
    "write-overtakes": ("RO-6", 5),
    "build-not-held": ("OP-23", 3),
    "refused-but-untagged": ("OP-1", 3),
    "layers-leak": ("DEP-5", 2),
    "pause-exited": ("OP-11", 3),
}
"""For some mutants the law that a search finds first, and the length of the run that shows it."""


@pytest.mark.parametrize("name", EXPLORED)
def test_killed_by_exploration(name: str) -> None:
    kill = kill_by_exploration(STORE_SUBJECT, BY_NAME[name])
    assert kill is not None
    assert kill.trace is not None
    assert (*EXPLORED[name], kill.length) == (kill.law, kill.length, len(kill.trace.events))


SAMPLE = ("load-adds-again", "build-forgets-parent-size", "create-name-twice", "write-through",
          "load-counts-again", "untag-removes")
"""Mutants that are driven, and judge a sound engine, in every run of the tests."""

NOT_SEEN_BY_DRIVE = {
    "commit-stores-else": "the driver computes what a commit makes, and so never presupposes the wrong image",
}
"""Mutants that random operations do not show, each with the reason."""

NOT_SEEN_BY_CONFORM = {
    "load-infers-nothing": "parentage is inferred in the dialect of Podman, and the engine is of Docker's",
}
"""Mutants from which a sound engine is not seen to depart, each with the reason."""


@cache
def drive_of(name: str) -> Kill:
    """The kill by random operations, computed once for all tests."""
    kill = kill_by_drive(STORE_SUBJECT, BY_NAME[name])
    assert kill is not None
    return kill


@cache
def conform_of(name: str) -> Kill:
    """The kill beside a sound engine, computed once for all tests."""
    kill = kill_by_conform(STORE_SUBJECT, BY_NAME[name])
    assert kill is not None
    return kill


def broken_on_the_way(machine: Machine, kill: Kill) -> set[str]:
    """The laws that a machine breaks where it does the operations of a run, as far as it can."""
    assert kill.trace is not None
    trace, bench = kill.trace, Bench(machine, STORE_LAWS, kill.trace.scene.sizes)
    store = STORE_SUBJECT.drivable.begin(bench.ground, trace.scene, trace.traits)
    checked = Checked(bench, store, "", trace.traits, scene_of, AlgebraMonitor(bench.ground, STORE_LAWS))
    for event in trace.events:
        if store.given(event.rule, event.arguments):
            finding = first_broken(checked, machine, [event])
            if finding is not None:
                return set(finding.laws)
    return set()


def departure(machine: Machine, kill: Kill) -> Finding | None:
    """Where a sound engine is not as a machine says in the operations of a run."""
    assert kill.finding is not None
    with closing(DirectoryEngine()) as engine:
        return replay_on(STORE_SUBJECT.of(machine), kill.finding.trace, engine)


@pytest.mark.parametrize("name", SAMPLE)
def test_killed_by_drive(name: str) -> None:
    kill = drive_of(name)
    assert kill.trace is not None
    assert ("drive", len(kill.trace.events)) == (kill.reading, kill.length)
    assert kill.length <= 6
    assert broken_on_the_way(BY_NAME[name].machine(STORE), kill)
    assert set() == broken_on_the_way(STORE, kill)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sound_engine_departs_from_a_mutant(name: str) -> None:
    kill = conform_of(name)
    assert kill.finding is not None
    assert ("conform", len(kill.finding.trace.events), False) == (kill.reading, kill.length, kill.guided)
    assert kill.length <= 6
    assert kill.finding.rule in BY_NAME[name].rules
    found = departure(BY_NAME[name].machine(STORE), kill)
    assert found is not None
    assert kill.finding.signature == found.signature
    assert departure(STORE, kill) is None


def test_what_random_operations_do_not_show_the_explorers_run_does(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = BY_NAME["finish-ends-all"]
    nothing = Conformance("directory", "1", "docker", Statistics())
    monkeypatch.setattr("layerproof.mutants.runs.conform", lambda *_, **__: nothing)
    kill = kill_by_conform(STORE_SUBJECT, mutant)
    assert kill is not None
    assert kill.guided
    assert departure(mutant.machine(STORE), kill) is not None
    assert departure(STORE, kill) is None


def test_what_is_not_wrong_survives_every_reading() -> None:
    same = replace(SAME, rules=("untag",), among=("load", "tag"))
    assert [None] * 4 == [
        kill_by_proof(STORE_SUBJECT, same), kill_by_exploration(STORE_SUBJECT, same), kill_by_drive(STORE_SUBJECT, same, operations=200),
        kill_by_conform(STORE_SUBJECT, same, operations=200)]


def test_laws_broken_has_the_expected_law_among_all() -> None:
    assert laws_broken(STORE_SUBJECT, BY_NAME["write-lost"], counts=(1,)) == ("OP-24",)


@pytest.mark.campaign
@pytest.mark.parametrize("name", BY_NAME)
def test_killed_by_exploration_too(name: str) -> None:
    assert kill_by_exploration(STORE_SUBJECT, BY_NAME[name]) is not None


@pytest.mark.campaign
@pytest.mark.parametrize("name", BY_NAME)
def test_killed_by_drive_unless_there_is_a_reason(name: str) -> None:
    kill = kill_by_drive(STORE_SUBJECT, BY_NAME[name])
    assert (name in NOT_SEEN_BY_DRIVE) == (kill is None)
    assert kill is None or 0 < kill.length <= 12


@pytest.mark.campaign
@pytest.mark.parametrize("name", BY_NAME)
def test_a_sound_engine_departs_from_each_mutant_unless_there_is_a_reason(name: str) -> None:
    kill = kill_by_conform(STORE_SUBJECT, BY_NAME[name])
    assert (name in NOT_SEEN_BY_CONFORM) == (kill is None)


@pytest.mark.campaign
def test_right_machine_is_not_killed() -> None:
    assert kill_by_proof(STORE_SUBJECT, SAME) is None


@pytest.mark.campaign
def test_right_machine_is_not_killed_by_exploration() -> None:
    assert kill_by_exploration(STORE_SUBJECT, SAME, {**SMALL, "Image": 1, "Lease": 1}) is None


@pytest.mark.campaign
def test_right_machine_is_not_killed_by_drive() -> None:
    assert kill_by_drive(STORE_SUBJECT, SAME, operations=20_000) is None
