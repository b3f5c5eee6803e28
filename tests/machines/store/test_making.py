"""What comes in archives and what an engine makes are apart."""

from functools import partial
from types import SimpleNamespace

import pytest

from layermodel.language.ground import GroundMachine
from layermodel.store.rules import STORE
from layerproof.errors import WrongRequest
from layerproof.machines.store.making import MADE, runs, ways_of_making
from layerproof.machines.store.subject import STORE_SUBJECT

SIZES = {"Layer": 2, "Image": 2, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1, "Content": 2}
PLAIN, WITH_PROGRAM = (SimpleNamespace(name="engine", program=program) for program in ({}, {"run": b"#!"}))


def test_each_image_is_one_or_the_other_in_a_run_and_each_is_both_in_some():
    ground = GroundMachine(STORE, SIZES)
    load, make = STORE.rule_by_name["load-unnamed"], STORE.rule_by_name["import-unnamed"]
    both = set()
    for rigid in STORE_SUBJECT.finite.universes(ground):
        ways = ways_of_making(ground, rigid)
        both |= {(way(make, (0,)), way(make, (1,))) for way in ways}
        assert all(way(load, (0,)) != way(make, (0,)) and way(load, (1,)) != way(make, (1,)) for way in ways)
        assert any(way(load, (0,)) and way(load, (1,)) for way in ways)
        top = [ground.read(ground.layout.zero, rigid, "top", i) for i in (0, 1)]
        for way in ways:
            made = [top[i] for i in (0, 1) if not way(load, (i,))]
            assert len(made) == len(set(made)), "no layer is packed twice"
            assert not {top[i] for i in (0, 1) if way(load, (i,))} & {*made}
    assert {(False, False), (True, False), (True, True)} <= both


def test_all_that_neither_comes_nor_is_made_can_be_done_in_every_run():
    ground = GroundMachine(STORE, SIZES)
    scenes = runs(STORE_SUBJECT, ground, PLAIN)
    others = [rule for rule in STORE.rules if rule.name not in MADE and not rule.name.startswith(("load", "pull"))]
    assert len(scenes) > len(STORE_SUBJECT.finite.universes(ground))
    for _, doable in scenes:
        assert all(doable(rule, tuple(0 for _ in rule.parameters)) for rule in others)


def test_every_rule_can_be_done_in_some_run():
    ground = GroundMachine(STORE, SIZES)
    for rule in STORE.rules:
        assert any(doable(rule, tuple(0 for _ in rule.parameters)) for _, doable in runs(STORE_SUBJECT, ground, PLAIN))


def test_unlike_layers_come_first():
    ground = GroundMachine(STORE, SIZES | {"Content": 3})
    contents = [{ground.read(ground.layout.zero, scene.rigid, "diff", n) for n in (0, 1)}
                for scene, _ in runs(STORE_SUBJECT, ground, PLAIN)]
    assert [2, 1] == [len(contents[0]), len(contents[-1])]
    assert sorted(map(len, contents), reverse=True) == [*map(len, contents)]


def test_where_no_layer_holds_anything_no_program_can_run():
    ground = GroundMachine(STORE, SIZES | {"Content": 1})
    assert runs(STORE_SUBJECT, ground, PLAIN)
    with pytest.raises(WrongRequest, match="need a program to run, and with Content=1 no layer holds anything"):
        runs(STORE_SUBJECT, ground, WITH_PROGRAM)
    ground = GroundMachine(STORE, SIZES)
    read = partial(ground.read, ground.layout.zero)
    assert all(read(scene.rigid, "diff", n) != read(scene.rigid, "nothing")
               for scene, _ in runs(STORE_SUBJECT, ground, WITH_PROGRAM) for n in (0, 1))
