from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layermodel.objects import LAYER
from layermodel.store.grounded import grounded
from layermodel.store.view import ContainerRow, ImageRow, LayerRow, LeaseRow, StoreView
from layermodel.store.words import DIALECTS, IMAGE
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.runs.monitor import Monitor
from views import damaged_views, reached_stores, seen, store_views

NOTHING = frozenset()
EMPTY = StoreView({}, {}, {}, {}, 0)


@settings(deadline=None)
@given(store_views() | store_views(odd_names=True) | damaged_views())
def test_a_view_becomes_vectors_and_a_view_again(view):
    store = grounded(view)
    assert view == store.view()
    assert store.ground.axioms()(store.rigid)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None)
@given(st.data())
def test_a_reached_store_becomes_vectors_and_the_same_view_again(dialect, data):
    reached = data.draw(reached_stores(dialect))
    view = seen(reached)
    store = grounded(view)
    assert view == store.view()
    assert store.ground.axioms()(store.rigid)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None, max_examples=25)
@given(st.data())
def test_a_reached_store_is_lawful_as_vectors_again(dialect, data):
    store = grounded(seen(data.draw(reached_stores(dialect))))
    traits = store.ground.traits(DIALECTS[dialect])
    assert [] == monitor(store.ground).state(store.state, store.rigid, traits)


@cache
def monitor(ground):
    return Monitor(ground, STORE_LAWS)


def test_an_image_without_layers_is_as_good_as_any():
    parent, child = ImageRow((), 0, NOTHING, NOTHING), ImageRow(("l",), 3, NOTHING, frozenset(["parent"]))
    view = replace(EMPTY, layers={"l": LayerRow((), 3, "f")}, images={"parent": parent, "child": child}, usage=3)
    store = grounded(view)
    assert view == store.view()
    extends = store.ground.read(
        store.state, store.rigid, "extends", store.element(IMAGE, "child"), store.element(IMAGE, "parent"))
    assert extends


def test_an_empty_store_is_one():
    assert EMPTY == grounded(EMPTY).view()


def test_files_of_one_name_and_two_sizes_are_kept_apart():
    layers = {"a": LayerRow((), 3, "f"), "b": LayerRow(("a",), 4, "f"), "c": LayerRow((), 3, "f"),
              "d": LayerRow((), 0, "nothing"), "e": LayerRow((), 1, "nothing")}
    view = replace(EMPTY, layers=layers)
    store = grounded(view)
    assert view == store.view()
    diffs = [store.ground.read(store.state, store.rigid, "diff", store.element(LAYER, m)) for m in "abcde"]
    assert 5 == len(set(diffs))


def container(image: str, *layers: str) -> ContainerRow:
    return ContainerRow(image, layers, "created", NOTHING, 0, "nothing")


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"layers": {"a": LayerRow((), 0, "f"), "b": LayerRow(("a",), 0, "g")},
      "images": {"i": ImageRow(("b",), 0, NOTHING, NOTHING)}},
     "the layer 'b' lies on nothing in one place and on 'a' in another"),
    ({"images": {"i": ImageRow(("a", "b", "a"), 0, NOTHING, NOTHING)}},
     "the layer 'a' lies on 'b' in one place and on nothing in another"),
    ({"layers": {"a": LayerRow((), -1, "f")}}, "the layer 'a' has a negative size"),
    ({"layers": {"": LayerRow((), 1, "f")}}, "a layer has an empty name"),
    ({"leases": {"x": LeaseRow(frozenset([""]), NOTHING)}}, "a layer has an empty name"),
    ({"images": {"i": ImageRow(("a", ""), 0, NOTHING, NOTHING)}}, "a layer has an empty name"),
    ({"images": {"i": ImageRow(("a",), 0, NOTHING, NOTHING)}, "containers": {"c": container("i", "b")}},
     "the image 'i' has other layers in a container than by itself"),
])
def test_what_no_store_is_like_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        grounded(replace(EMPTY, **changes))
