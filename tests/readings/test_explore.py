"""State counts are pinned: a change of the rules that changes them has to be meant."""

import itertools
from dataclasses import replace

import pytest
from click.testing import CliRunner

from layermodel.language.ground import GroundMachine
from layermodel.language.packed import Packing
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layermodel.store.words import DIALECTS
from layerproof.cli import main
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.compiled import _fits
from layerproof.readings.exploration import Stop
from layerproof.readings.explore import Explorer
from layerproof.readings.moves import Writer
from layerproof.readings.replay import replay
from layerproof.readings.symmetry import Symmetry

ONE = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
       "Content": 2}


@pytest.mark.parametrize(("sizes", "counts"), [
    (ONE, (2, 282, 8240)),
    (ONE | {"Container": 2, "Name": 2}, (2, 4842, 201114)),
    (ONE | {"Layer": 2, "Image": 2}, (16, 23659, 1001859)),
    (ONE | {"Image": 2, "Reference": 2}, (10, 16634, 916889)),
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


def run(*arguments):
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "80"})


FIELDS = ("states", "stand_for", "steps", "universes", "complete", "depth", "fired", "refused", "premises", "cut", "stuck")


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
    assert (False, 282, 8240) == (result.compiled, result.states, result.steps)
    with pytest.raises(WrongRequest, match="llvmlite is not installed"):
        Explorer(STORE_SUBJECT, STORE_SUBJECT.sizes(ONE), compiled=True).run(DIALECTS)


WITHOUT_FRESH = replace(UNION_SUBJECT, finite=replace(UNION_SUBJECT.finite, fresh=frozenset()))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("subject", "sizes", "visited"), [
    (STORE_SUBJECT, ONE, 282), (STORE_SUBJECT, ONE | {"Container": 2, "Name": 2}, 1362),
    (STORE_SUBJECT, ONE | {"Image": 2, "Layer": 2}, 21695), (STORE_SUBJECT, ONE | {"Container": 3, "Name": 3}, 4962),
    (WITHOUT_FRESH, {"Path": 2, "Inode": 3}, 815)])
def test_states_that_are_alike_are_visited_once_and_all_are_counted(subject, sizes, visited, jobs):
    one, every = (Explorer(subject, subject.sizes(sizes), compiled=True, symmetry=symmetry, jobs=jobs).run(subject.dialects)
                  for symmetry in (True, False))
    assert (visited, every.states) == (one.states, one.stand_for)
    assert (every.depth, every.stuck, {}, "held") == (one.depth, one.stuck, one.findings, one.verdict)
    assert every.fired.keys() == one.fired.keys()
    assert every.refused.keys() == one.refused.keys()
    assert every.premises.keys() == one.premises.keys()


@pytest.mark.parametrize("name", ["remove-used", "rename-keeps-old", "refused-but-layers-gone", "prune-leaves-parents"])
def test_a_law_that_is_broken_is_shown_by_a_run_of_real_operations(name):
    mutant = STORE_SUBJECT.mutant(name)
    wrong, sizes = STORE_SUBJECT.of(mutant.machine(STORE)), STORE_SUBJECT.sizes({**ONE, "Container": 2, "Name": 2, "Image": 2})
    one, every = (Explorer(wrong, sizes, compiled=True, symmetry=symmetry).run(DIALECTS, 4) for symmetry in (True, False))
    assert one.states < every.states
    assert {law: len(f.trace.events) for law, f in every.findings.items()} == {
        law: len(f.trace.events) for law, f in one.findings.items()}
    for law, finding in one.findings.items():
        if STORE_SUBJECT.catalogue.law(law).runs is None:
            assert law in {broken for f in replay(wrong, finding.trace).findings for broken in f.laws}


def rigid_of(subject, sizes):
    ground = GroundMachine(subject.machine, subject.sizes(sizes))
    return ground, subject.finite.universes(ground)


@pytest.mark.parametrize(("subject", "sizes"), [
    (STORE_SUBJECT, {"Image": 3, "Layer": 3, "Reference": 2, "Container": 2}), (UNION_SUBJECT, {"Path": 4, "Inode": 4})])
def test_permutations_are_a_group_and_leave_the_rigid_values_alike(subject, sizes):
    ground, universes = rigid_of(subject, sizes)
    several = 0
    for rigid in universes[:: max(len(universes) // 20, 1)]:
        start = ground.initial(rigid, ground.traits(next(iter(subject.dialects.values()))))
        group = Symmetry.of(Packing.of(ground.layout, 8), rigid, start).group
        several += len(group) > 2
        assert all(tuple(p) == tuple(range(len(p))) for p in group[0].values())
        taken = {tuple(sorted((sort, tuple(p)) for sort, p in g.items())) for g in group}
        assert len(taken) == len(group) <= 200
        for g, h in itertools.islice(itertools.product(group, repeat=2), 500):
            both = {sort: tuple(h[sort][n] for n in g[sort]) for sort in g}
            assert tuple(sorted(both.items())) in taken
        for g in group:
            for symbol in ground.machine.rigid:
                for at in ground.layout.tuples(symbol) if symbol.of is None else ():
                    there = tuple(g[s.name][a] if s.name in g else a for s, a in zip(symbol.arguments, at, strict=True))
                    value = ground.read((), rigid, symbol.name, *at)
                    moved = g[symbol.result.name][value] if symbol.result.name in g else value
                    assert moved == ground.read((), rigid, symbol.name, *there)
    assert several


def test_symmetry_is_refused_where_rules_are_interpreted():
    result = run("explore", "--symmetry", "--interpreted")
    assert (2, "--symmetry is for machine code only, and --interpreted makes none") == (
        result.exit_code, result.output.strip().removeprefix("layerproof: "))


def test_only_a_machine_as_it_is_shipped_is_known_by_its_sources():
    for subject in (STORE_SUBJECT, UNION_SUBJECT):
        assert subject.as_shipped
        assert not subject.of(subject.mutants()[0].machine(subject.machine)).as_shipped
        assert not subject.of(subject.machine, Catalogue(subject.catalogue.laws[:1])).as_shipped
    assert not replace(STORE_SUBJECT, shipped=None).as_shipped


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "layerproof"


def visited(**options):
    result = Explorer(STORE_SUBJECT, STORE_SUBJECT.sizes(ONE), compiled=True, **options).run(DIALECTS)
    return {field: getattr(result, field) for field in FIELDS}


def test_code_of_before_does_the_same_and_the_terms_are_not_looked_at(place, monkeypatch):
    first = visited()
    assert 1 == len(list(place.iterdir()))
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "write", lambda self: pytest.fail("it was written again"))
        assert first == visited()
        for options in ({"algebra": False}, {"rules": ("load",)}, {"cached": False}):
            with pytest.raises(pytest.fail.Exception, match="written again"):
                visited(**options)
        patched.setattr("layerproof.readings.compiled.sources", lambda: "others")
        with pytest.raises(pytest.fail.Exception, match="written again"):
            visited()
    entry = next(place.iterdir())
    entry.write_bytes(entry.read_bytes()[:-1] + b"!")
    assert first == visited()
    assert first == visited(cached=False)


def test_a_wrong_machine_does_not_take_the_code_of_the_right_one(place):
    visited()
    wrong = STORE_SUBJECT.of(STORE_SUBJECT.mutant("remove-used").machine(STORE))
    assert Explorer(wrong, STORE_SUBJECT.sizes(ONE), compiled=True).run(DIALECTS).findings


@pytest.mark.parametrize("subject", [STORE_SUBJECT, UNION_SUBJECT], ids=lambda s: s.name)
def test_rigid_values_for_which_there_is_no_room_are_told(subject):
    """Such are interpreted: all of a machine's own are among those for which there is."""
    for sizes in ({}, *(one.sizes for one in subject.plan.explored)):
        ground = GroundMachine(subject.machine, subject.sizes(sizes))
        universes = subject.finite.universes(ground)
        assert all(_fits(ground.layout, rigid) for rigid in universes)
    assert not any(_fits(ground.layout, (*universes[0][:n], 1 << 31, *universes[0][n + 1:]))
                   for n in range(len(universes[0])))