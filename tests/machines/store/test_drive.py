"""Runs of the store machine are drawn from one number, and made simpler as a reader would have them."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine
from layermodel.objects import LAYER
from layermodel.store.reference import Reference
from layermodel.store.rules import STORE
from layermodel.store.words import DIALECTS, IMAGE
from layerproof.machines.store.drive import SHAPE, _fewer_layers, archives, choose, scene_of
from layerproof.runs.trace import Event, Trace

GROUND = GroundMachine(STORE, SHAPE.sizes)


def reference(drawn):
    return Reference(GROUND, DIALECTS["docker"], drawn, SHAPE)


def layers(run, image):
    return sum(bool(run.read("below", m, run.read("top", image))) for m in GROUND.layout.elements(LAYER))


@settings(deadline=None)
@given(archives(SHAPE))
def test_what_is_drawn_keeps_the_axioms(drawn):
    assert GROUND.axioms()(reference(drawn).rigid)


@settings(deadline=None)
@given(archives(SHAPE), st.integers(0, SHAPE.images - 1))
def test_an_image_that_is_loaded_may_be_one_of_fewer_layers(drawn, image):
    run = reference(drawn)
    events = (Event("load-unnamed", (image,), None), Event("create", (image, 0, 0), None))
    trace = Trace("store", "docker", DIALECTS["docker"], scene_of(run), events)
    simpler = list(_fewer_layers(STORE, trace))
    assert all(("load-unnamed", "create") == tuple(e.rule for e in one) for one in simpler)
    others = [one[0].arguments[0] for one in simpler]
    assert others == [one[1].arguments[0] for one in simpler]
    fewer = [e for e in GROUND.layout.elements(IMAGE) if layers(run, e) < layers(run, image)]
    assert sorted(fewer) == sorted(others)
    assert [layers(run, e) for e in others] == sorted(layers(run, e) for e in others)


@settings(deadline=None)
@given(archives(SHAPE), st.integers(0, 1 << 64))
def test_what_is_chosen_is_as_the_rule_presupposes_and_the_same_for_the_same_number(drawn, number):
    runs = reference(drawn), reference(drawn)  # each has slots of its own for what is made
    for rule in STORE.rules:
        chosen, again = (choose(run, rule, Random(number)) for run in runs)
        assert chosen == again
        assert chosen is None or runs[0].given(rule.name, chosen)
