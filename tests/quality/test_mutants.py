"""The mutants of the store machine: each is caught, what catches it is real, and the right rules are not."""

from __future__ import annotations

from functools import cache

import pytest

from layermodel.ground import GroundMachine, Vector
from layermodel.rules import Machine
from layermodel.store_rules import STORE
from layerproof.laws import Catalogue, Kind
from layerproof.monitor import AlgebraMonitor, Monitor, Violation
from layerproof.mutants import (
    SMALL,
    Kill,
    Mutant,
    Suspect,
    kill_by_exploration,
    kill_by_proof,
    kill_by_run,
    laws_broken,
)
from layerproof.store_laws import STORE_LAWS
from layerproof.store_mutants import MUTANTS

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
SAME = Mutant("same", tuple(r.name for r in STORE.rules), "Nothing is wrong.", "", lambda effect, *_: effect)


@cache
def proof_of(name: str) -> Kill:
    """The kill by proof, computed once for all tests."""
    kill = kill_by_proof(BY_NAME[name])
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
    assert kill.law in {violation.law for violation in violations(BY_NAME[name].machine(), kill)}


@pytest.mark.parametrize("name", [
    m.name for m in MUTANTS if STORE_LAWS.law(m.breaks).kind is not Kind.ALGEBRAIC])
def test_counterexample_steps_alike_in_both_readings(name: str) -> None:
    kill = proof_of(name)
    found = kill.instance
    assert kill.verdict is not None
    ground = GroundMachine(BY_NAME[name].machine(), found.sizes)
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
    assert list(Suspect(STORE, mutant.rules).refute({mutant.breaks}, counts=(1, 2))) == []


EXPLORED: dict[str, tuple[str, int]] = {
    "leave-nameless": ("OP-19", 2),
    "records-left": ("DEP-15", 3),
    "cascade-takes-tagged": ("OP-4", 5),
    "cascade-takes-used": ("DEP-15", 4),
    "cascade-forgotten": ("OP-21", 3),
    "prune-leaves-parents": ("OP-26", 4),
    "prune-all-leaves-parents": ("DEP-18", 3),
    "load-stores-nothing": ("RO-1", 1),
    "load-adds-again": ("OP-28", 2),
    "build-forgets-parent-size": ("SIZE-1", 2),
    "commit-forgets-upper-size": ("SIZE-1", 4),
    "load-records-parent-only": ("DEP-10", 3),
    "load-without-parent": ("OP-18", 2),
    "import-takes-others": ("OP-3", 2),
    "tag-on-both": ("DEP-6", 2),
    "tag-takes-others": ("OP-30", 3),
    "create-unchecked": ("OP-40", 1),
    "create-counts": ("RO-6", 4),
    "remove-untags": ("RO-6", 4),
    "remove-hands-on": ("RO-6", 5),
    "write-through": ("RO-6", 4),
    "write-overtakes": ("RO-6", 5),
    "build-not-held": ("OP-23", 3),
    "refused-but-untagged": ("OP-1", 3),
    "layers-leak": ("DEP-5", 2),
    "pause-exited": ("OP-35", 4),
}
"""For some mutants the law that a search finds first, and the length of the run that shows it."""


@pytest.mark.parametrize("name", EXPLORED)
def test_killed_by_exploration(name: str) -> None:
    kill = kill_by_exploration(BY_NAME[name])
    assert kill is not None
    assert kill.trace is not None
    assert (*EXPLORED[name], kill.length) == (kill.law, kill.length, len(kill.trace.events))


def test_kill_by_run_tells_what_the_run_found() -> None:
    mutant = BY_NAME["tag-on-both"]

    def run(machine: Machine) -> tuple[str, int] | None:
        return None if machine is STORE else ("DEP-6", 2)

    assert Kill("drive", "DEP-6", 2) == kill_by_run(mutant, run)
    assert kill_by_run(mutant, lambda _: None) is None


def test_laws_broken_has_the_expected_law_among_all() -> None:
    assert laws_broken(BY_NAME["write-lost"], counts=(1,)) == ("OP-24",)


@pytest.mark.campaign
@pytest.mark.parametrize("name", BY_NAME)
def test_killed_by_exploration_too(name: str) -> None:
    assert kill_by_exploration(BY_NAME[name]) is not None


@pytest.mark.campaign
def test_right_machine_is_not_killed() -> None:
    assert kill_by_proof(SAME) is None


@pytest.mark.campaign
def test_right_machine_is_not_killed_by_exploration() -> None:
    assert kill_by_exploration(SAME, {**SMALL, "Image": 1, "Lease": 1}) is None
