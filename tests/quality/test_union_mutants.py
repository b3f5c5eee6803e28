"""Every deliberately wrong union file system is caught, by the law that says so."""

import pytest

from layermodel.union.rules import UNION
from layerproof.machines.union.laws import UNION_LAWS
from layerproof.machines.union.mutants import UNION_MUTANTS
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.mutants.kills import kill_by_proof
from layerproof.readings.drive import drive

BY_NAME = {mutant.name: mutant for mutant in UNION_MUTANTS}


def test_each_has_its_own_name():
    assert len(UNION_MUTANTS) == len(BY_NAME) >= 25


def test_every_law_and_every_rule_is_some_mutants():
    assert {law.id for law in UNION_LAWS.laws} == {mutant.breaks for mutant in UNION_MUTANTS}
    assert {rule.name for rule in UNION.rules} == {rule for mutant in UNION_MUTANTS for rule in mutant.rules}


@pytest.mark.parametrize("name", BY_NAME)
def test_killed_by_proof(name):
    kill = kill_by_proof(UNION_SUBJECT, BY_NAME[name])
    assert (BY_NAME[name].breaks, 1) == (kill.law, max(1, kill.length))


def driven(machine, dialect, operations=1500):
    return drive(UNION_SUBJECT.of(machine), dialect=dialect, operations=operations)


@pytest.mark.parametrize("name", ["copy-up-loses-mode", "write-in-place", "unlink-no-whiteout", "link-copies"])
def test_killed_by_random_runs(name):
    findings = driven(BY_NAME[name].machine(UNION), "overlayfs").findings
    assert 1 == len(findings)
    assert len(findings[0].trace.events) <= 8  # what is in the image's directories is not chosen, and may be much


def test_the_right_machine_breaks_no_law_at_random():
    result = driven(UNION, "overlayfs", 500)
    assert [] == result.findings
    assert result.statistics.steps >= 500
