"""Random runs do what was seldom had, on objects with a past."""

from collections import Counter

import pytest

from layermodel.language.ground import Outcome
from layermodel.store.reference import Archives, Reference
from layerproof.machines.registry import subject
from layerproof.machines.store.drive import SHAPE
from layerproof.readings import drive as driving
from layerproof.readings.drive import drive
from layerproof.runs.interest import Known, Past, change, object_sorts, presences
from layerproof.runs.statistics import Statistics

STORE = subject("store")


def followed(monkeypatch, name, **options):
    """What is done in random runs of a machine: for each run the operations, and whether what each names is there."""
    runs = []

    class Noting(driving.ModelWorld):
        def __init__(self, checked, statistics):
            super().__init__(checked, statistics)
            runs.append([])

        def step(self, rule, arguments):
            says = presences(self.run.ground.machine)
            absent = [p.name for p, a in zip(rule.parameters, arguments, strict=True)
                      if p.role == "named" and p.sort.name in says and not self.run.read(says[p.sort.name], a)]
            refusal = self.run.would(rule.name, arguments).refusal
            runs[-1].append((rule.name, arguments, refusal, absent))
            super().step(rule, arguments)

    monkeypatch.setattr(driving, "ModelWorld", Noting)
    of = subject(name)
    return runs, drive(of, dialect=next(iter(of.dialects)), operations=2000, complete=False, **options)


def test_at_most_one_in_five_is_refused_because_what_it_names_is_not_there(monkeypatch):
    runs, result = followed(monkeypatch, "store", seed=4)
    trivial = [sum(bool(refusal and absent) for _, _, refusal, absent in run) for run in runs]
    assert all(count <= 4 + len(run) / 5 + 1 for count, run in zip(trivial, runs, strict=True))
    assert sum(trivial) < 0.22 * result.statistics.steps
    # They are not left out: what is not there is asked for, too.
    assert sum(trivial) > 0.05 * result.statistics.steps


def test_the_pairs_are_those_of_the_runs(monkeypatch):
    runs, result = followed(monkeypatch, "store", seed=5)
    sorts, expected = object_sorts(STORE.machine), Counter()
    assert {"Image", "Container", "Reference", "Lease", "Name"} <= sorts
    assert "Content" not in sorts
    for run in runs:
        last = {}
        for name, arguments, refusal, _ in run:
            named = [(p.name, (p.sort.name, int(a)))
                     for p, a in zip(STORE.machine.rule_by_name[name].parameters, arguments, strict=True)
                     if p.sort.name in sorts] or [("", one) for one in last]  # a sweep is about all
            expected.update((*last[one], role, name, refusal) for role, one in named if one in last)
            last |= {one: (name, refusal, role) for role, one in named}
    assert expected == result.statistics.pairs
    assert len(expected) > 500


def test_more_is_had_than_by_what_comes_first(monkeypatch):
    pairs = {}
    for candidates in (1, driving._CANDIDATES):
        monkeypatch.setattr(driving, "_CANDIDATES", candidates)
        found = [drive(STORE, dialect="docker", operations=2000, complete=False, seed=seed) for seed in range(3)]
        pairs[candidates] = sum(len(one.statistics.pairs) for one in found)
    few, many = pairs.values()
    assert many > few


@pytest.mark.parametrize("name", ["store", "union"])
def test_the_same_seed_does_the_same(monkeypatch, name):
    first, _ = followed(monkeypatch, name, seed=7)
    monkeypatch.undo()
    second, _ = followed(monkeypatch, name, seed=7)
    assert first == second
    assert sum(map(len, first)) >= 2000


def test_what_was_seldom_had_in_its_company_is_preferred():
    ground = driving.Bench(STORE.machine, STORE.catalogue, driving.sizes_of_runs(STORE)).ground
    archives = Archives((None,) * SHAPE.layers, (0,) * SHAPE.layers, (0,) * SHAPE.images, (None,) * SHAPE.images,
                        (0,) * SHAPE.digests)
    run = Reference(ground, STORE.dialects["docker"], archives, SHAPE)
    statistics = Statistics()
    tag, untag = STORE.machine.rule_by_name["tag"], STORE.machine.rule_by_name["untag"]
    past = Past(run, Known.of(statistics))
    assert past.trivial(tag, (0, 0), "no-such-image")
    assert not past.trivial(tag, (0, 0), None)
    done, named = Outcome(None, run.state), changed(run, "names")
    assert [] == past.take(tag, (0, 0), named)
    ways = past.take(untag, (0,), named)
    pair = ("tag", None, "reference", "reference", "untag", None)
    assert [(pair, ("names",), ("names",))] == ways
    statistics.ways.update(ways)
    statistics.done.update(["tag", "untag"])
    assert {pair: 1} == statistics.pairs
    again = Past(run, Known.of(statistics))
    again.take(tag, (0, 0), named)
    assert (1, 1) == again.seldom(untag, (0,), named)
    assert (0, 1) == again.seldom(untag, (0,), done)  # it was never had that it changes nothing
    assert (0, 0) == again.seldom(untag, (0,), Outcome("no-such-reference", run.state))


def changed(run, name):
    """An outcome in which the first value of a symbol is another one."""
    state = list(run.state)
    state[run.ground.layout.index(name, 0, 0)] ^= 1
    return Outcome(None, tuple(state))


def test_what_an_operation_changes_is_told_by_symbol():
    layout = driving.Bench(STORE.machine, STORE.catalogue, driving.sizes_of_runs(STORE)).ground.layout
    assert () == change(layout, layout.zero, layout.zero)
    for symbol in STORE.machine.mutable:
        first, *_, last = places = [layout.index(symbol.name, *at) for at in layout.tuples(symbol)] * 2
        assert places
        for place in (first, last):
            other = list(layout.zero)
            other[place] = 1
            assert (symbol.name,) == change(layout, layout.zero, tuple(other))
