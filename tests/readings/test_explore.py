"""State counts are pinned: a change of the rules that changes them has to be meant."""

import pytest

from layermodel.language.ground import GroundMachine
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layermodel.store.words import DIALECTS
from layerproof.errors import WrongRequest
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.exploration import Stop
from layerproof.readings.explore import Explorer
from layerproof.readings.replay import replay

ONE = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
       "Content": 2}


@pytest.mark.parametrize(("sizes", "counts"), [
    (ONE, (2, 282, 7769)),
    (ONE | {"Container": 2, "Name": 2}, (2, 4842, 192801)),
    (ONE | {"Layer": 2, "Image": 2}, (16, 23659, 927491)),
    (ONE | {"Image": 2, "Reference": 2}, (10, 16634, 845385)),
])
def test_state_counts(sizes, counts):
    result = Explorer(STORE_SUBJECT, sizes, algebra=False).run(DIALECTS)
    assert {} == result.findings
    assert 0 == result.stuck
    assert result.complete
    assert counts == (result.universes, result.states, result.steps)


def test_all_universes_satisfy_the_axioms():
    ground = GroundMachine(STORE, ONE | {"Layer": 2, "Image": 2})
    valid = ground.axioms()
    assert all(valid(rigid) for rigid in universes(ground))


def test_the_laws_about_two_runs_hold():
    result = Explorer(STORE_SUBJECT, ONE | {"Container": 2, "Name": 2}).run(DIALECTS)
    assert {} == result.findings
    assert result.premises["OP-31"] > 0


FIELDS = ("states", "steps", "universes", "complete", "depth", "fired", "refused", "premises", "cut", "stuck")


def same(subject, sizes, *, jobs=1, **options):
    """Explore by machine code and by interpreted rules; both come to the same."""
    results = [Explorer(subject, subject.sizes(sizes), compiled=compiled, jobs=jobs, **options).run(subject.dialects)
               for compiled in (True, False)]
    assert [True, False] == [r.compiled for r in results]
    code, interpreted = results
    for field in FIELDS:
        assert getattr(interpreted, field) == getattr(code, field), field
    found = [{law: (len(f.trace.events), f.violations) for law, f in r.findings.items()} for r in results]
    assert {law: length for law, (length, _) in found[1].items()} == {law: length for law, (length, _) in found[0].items()}
    return code


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize(("subject", "sizes"), [
    (STORE_SUBJECT, ONE), (STORE_SUBJECT, ONE | {"Container": 2, "Name": 2}), (UNION_SUBJECT, {"Path": 2, "Inode": 3})],
    ids=["store", "store-two-containers", "union"])
def test_machine_code_comes_to_the_same_as_interpreted_rules(subject, sizes, jobs):
    assert {} == same(subject, sizes, jobs=jobs).findings


@pytest.mark.parametrize(("subject", "sizes", "name"), [
    *((STORE_SUBJECT, ONE, m) for m in ("remove-used", "refused-but-layers-gone", "abort-leaks")),
    *((UNION_SUBJECT, {"Path": 2, "Inode": 3}, m) for m in ("copy-up-loses-content", "write-in-place"))])
def test_what_is_broken_is_found_by_both_in_runs_of_the_same_length(subject, sizes, name):
    wrong = subject.of(subject.mutant(name).machine(subject.machine))
    found = same(wrong, sizes, jobs=2).findings
    assert found
    first = Explorer(wrong, subject.sizes(sizes), stop_at_first=True, jobs=1).run(subject.dialects)
    assert min(len(f.trace.events) for f in found.values()) == min(len(f.trace.events) for f in first.findings.values())
    for finding in found.values():
        replayed = replay(wrong, finding.trace)
        assert finding.laws[0] in {law for f in replayed.findings for law in f.laws} or subject.catalogue.law(
            finding.laws[0]).runs is not None


def test_a_search_ends_with_what_the_memory_holds():
    full = Explorer(STORE_SUBJECT, STORE_SUBJECT.sizes(ONE | {"Container": 2, "Name": 2}), memory=20_000).run(DIALECTS)
    assert ("incomplete", True, False, {}) == (full.verdict, full.cut, full.complete, full.findings)
    assert 500 < full.states < 4842
    assert full.memory < 60_000


@pytest.mark.parametrize("compiled", [True, False])
def test_a_callback_ends_a_search_which_is_incomplete_then(compiled):
    def tell(e):
        if e.states > 100:
            raise Stop

    ended = Explorer(STORE_SUBJECT, STORE_SUBJECT.sizes(ONE), progress=tell, compiled=compiled).run(DIALECTS)
    assert ("incomplete", True, False) == (ended.verdict, ended.cut, ended.complete)
    assert ended.states > 100


def test_the_rules_are_interpreted_where_no_machine_code_can_be_made(monkeypatch):
    monkeypatch.setattr("layerproof.readings.compiled.available", lambda: False)
    result = Explorer(STORE_SUBJECT, STORE_SUBJECT.sizes(ONE), algebra=False).run(DIALECTS)
    assert (False, 282, 7769) == (result.compiled, result.states, result.steps)
    with pytest.raises(WrongRequest, match="llvmlite is not installed"):
        Explorer(STORE_SUBJECT, STORE_SUBJECT.sizes(ONE), compiled=True).run(DIALECTS)
