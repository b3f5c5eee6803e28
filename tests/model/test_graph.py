from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given, settings

from layermodel.graph import (
    Blocker,
    Freed,
    blockers,
    dangling,
    dependency_graph,
    freed_by,
    is_acyclic,
    is_digest,
    missing,
    parents,
    shared_bytes,
    sharing,
    unique_bytes,
    unreachable,
)
from layermodel.ground import GroundMachine
from layermodel.store import DIALECTS, STATUS
from layermodel.store_rules import STORE
from layermodel.terms import RIGID, STATE
from layermodel.view import ContainerRow, ImageRow, LayerRow, LeaseRow, StoreView, store_view
from views import CONTAINERS, IMAGES, LAYERS, LEASES, REFERENCES, damaged_views, store_views

NOTHING = frozenset()
EMPTY = StoreView({}, {}, {}, {}, 0)


def layer(*beneath: str, size: int = 1) -> LayerRow:
    return LayerRow(beneath, size, "content")


def image(*layers: str, references: str = "", ancestors: str = "") -> ImageRow:
    return ImageRow(layers, 0, frozenset(references.split()), frozenset(ancestors.split()))


def container(of: str, *layers: str, status: str = "exited") -> ContainerRow:
    return ContainerRow(of, layers, status, NOTHING, 0, "nothing")


BUILT = StoreView(
    {"base": layer(size=100), "middle": layer("base", size=20), "top": layer("base", "middle", size=3)},
    {"i0": image("base"), "i1": image("base", "middle", ancestors="i0"),
     "i2": image("base", "middle", "top", references="app:1", ancestors="i0 i1")},
    {}, {}, 123)
"""A build of three steps, of which only the last image has a tag."""


# The graph.


@given(store_views())
def test_nodes_are_the_objects_with_kind_and_size(view):
    graph = dependency_graph(view)
    for kind, rows, size in (("layer", view.layers, "size"), ("image", view.images, "size"),
                             ("container", view.containers, "size_rw")):
        expected = {name: getattr(row, size) for name, row in rows.items()}
        assert expected == {n: d["size"] for n, d in graph.nodes(data=True) if d["kind"] == kind}
    references = {r for row in view.images.values() for r in row.references}
    assert references == {n for n, d in graph.nodes(data=True) if d["kind"] == "reference"}
    assert set(view.leases) == {n for n, d in graph.nodes(data=True) if d["kind"] == "lease"}


@given(store_views())
def test_a_lawful_store_is_acyclic_and_misses_nothing(view):
    assert is_acyclic(view)
    assert not missing(view)
    assert all(present for _, present in dependency_graph(view).nodes(data="present"))


@given(store_views())
def test_the_layers_that_an_image_reaches_through_layers_are_its_chain(view):
    graph = dependency_graph(view)
    for name, row in view.images.items():
        tops = [n for n in graph.succ[name] if graph.nodes[n]["kind"] == "layer"]
        assert [row.layers[-1]] == tops
        assert set(row.layers) == nx.descendants(graph, tops[0]) | set(tops)


@given(store_views())
def test_ancestors_are_reached_through_parents(view):
    for name, row in view.images.items():
        found, ahead = set(), [name]
        while ahead:
            nearest = parents(view, ahead.pop())
            assert len(nearest) <= 1
            found |= nearest
            ahead += nearest
        assert row.ancestors == found


@given(damaged_views())
def test_what_is_missing_is_what_is_needed_and_not_there(view):
    chains = [row.layers for row in (*view.images.values(), *view.containers.values(), *view.leases.values())]
    layers = {m for chain in chains for m in chain} | {m for r in view.layers.values() for m in r.beneath}
    images = {i for row in view.leases.values() for i in row.images}
    images |= {i for row in view.images.values() for i in row.ancestors}
    images |= {c.image for c in view.containers.values()}
    found = missing(view)
    assert layers - view.layers.keys() == {n for n, kind in found.items() if kind == "layer"}
    assert {n for n, kind in found.items() if kind == "image"} <= images - view.images.keys()
    assert set(found) == {n for n, present in dependency_graph(view).nodes(data="present") if not present}


def test_an_absent_image_is_a_node_with_the_layers_of_its_container():
    view = replace(EMPTY, layers={"l": layer()}, containers={"c": container("i", "l")})
    graph = dependency_graph(view)
    expected = {"i": "image"}
    assert expected == missing(view)
    assert {("c", "i"), ("i", "l")} == set(graph.edges)
    assert not unreachable(view)
    reason = "c was created from i, which is not present and has l among its layers"
    assert [Blocker("c", "container", reason)] == blockers(view, "l")


def test_an_image_without_layers_needs_none():
    view = replace(EMPTY, images={"scratch": image()})
    assert not dependency_graph(view).edges
    assert Freed(frozenset({"scratch"}), NOTHING, 0) == freed_by(view, "scratch")


def test_images_recorded_as_ancestors_of_each_other_are_a_cycle():
    for first, second in (("b", "a"), ("a b", "a b")):
        images = {"a": image(ancestors=first), "b": image(ancestors=second)}
        assert not is_acyclic(replace(EMPTY, images=images))


def test_a_name_stands_for_one_kind_of_thing():
    view = replace(EMPTY, layers={"x": layer()}, images={"x": image("x")})
    with pytest.raises(ValueError, match="'x' stands for things of two kinds: image and layer"):
        dependency_graph(view)


# Blockers.


def test_blockers_of_an_image_are_its_children_containers_and_leases():
    view = replace(BUILT, containers={"c": container("i1", "base", "middle")},
                   leases={"x": LeaseRow(NOTHING, frozenset({"i1"}))})
    expected = [
        Blocker("c", "container", "c was created from i1"),
        Blocker("x", "lease", "x holds i1"),
        Blocker("i2", "image", "i2 was made from i1"),
    ]
    assert expected == blockers(view, "i1")
    assert not blockers(view, "i2")


def test_blockers_of_a_layer_are_all_that_have_it():
    view = replace(BUILT, images={"i1": image("base", "middle")},
                   leases={"x": LeaseRow(frozenset({"top"}), NOTHING)})
    expected = [
        Blocker("x", "lease", "x holds top, which lies above base"),
        Blocker("i1", "image", "i1 has base among its layers"),
        Blocker("middle", "layer", "middle lies on base"),
    ]
    assert expected == blockers(view, "base")


@pytest.mark.parametrize(("references", "blocked"), [
    ("app:1", True), ("app:1 app@sha256:0", True), ("app:1 other@sha256:0", False), ("app:1 app:2", False),
    ("host:5000/app:1 host:5000/app@sha256:0", True), ("tag-0 digest-1", True), ("tag-0 tag-1", False),
])
def test_the_last_reference_of_an_image_in_use_is_blocked(references, blocked):
    view = replace(EMPTY, images={"i": image(references=references)}, containers={"c": container("i")})
    reference = references.split()[0]
    expected = f"c was created from i, whose last reference is {reference}"
    assert [expected] * blocked == [b.reason for b in blockers(view, reference)]


@pytest.mark.parametrize("status", STATUS.values)
def test_a_container_is_blocked_while_it_has_a_process(status):
    view = replace(EMPTY, images={"i": image()}, containers={"c": container("i", status=status)})
    expected = [f"c is {status}"] * (status in ("running", "paused"))
    assert expected == [b.reason for b in blockers(view, "c")]


@given(store_views())
def test_blockers_are_present_and_say_so_by_name(view):
    graph = dependency_graph(view)
    for thing in graph:
        for blocker in blockers(view, thing):
            assert graph.nodes[blocker.name]["present"]
            assert blocker.kind == graph.nodes[blocker.name]["kind"]
            assert blocker.reason.startswith(f"{blocker.name} ")
            assert thing in blocker.reason


@given(damaged_views())
def test_a_layer_without_blockers_is_one_that_nothing_reaches_or_lies_on(view):
    below = {m for row in view.layers.values() for m in row.beneath}
    expected = unreachable(view) - below
    assert expected == {m for m in view.layers if not blockers(view, m)}


# What a removal frees.


def test_removing_the_last_image_of_a_build_frees_all_of_it():
    assert Freed(frozenset(BUILT.images), frozenset(BUILT.layers), 123) == freed_by(BUILT, "i2")


def test_an_ancestor_that_is_kept_keeps_those_before_it():
    kept = replace(BUILT, containers={"c": container("i1", "base", "middle")})
    assert Freed(frozenset({"i2"}), frozenset({"top"}), 3) == freed_by(kept, "i2")
    other = replace(BUILT, images={**BUILT.images, "i3": image("base", references="x:1", ancestors="i0")})
    assert Freed(frozenset({"i1", "i2"}), frozenset({"middle", "top"}), 23) == freed_by(other, "i2")


@given(store_views())
def test_no_blocker_means_that_removal_frees_the_image(view):
    for name in view.images:
        freed = freed_by(view, name)
        assert (not blockers(view, name)) == (name in freed.images)
        assert bool(freed.images) == (name in freed.images)


@given(store_views())
def test_freed_and_remaining_bytes_are_the_usage(view):
    for name in view.images:
        freed = freed_by(view, name)
        rest = StoreView(
            {m: row for m, row in view.layers.items() if m not in freed.layers},
            {i: row for i, row in view.images.items() if i not in freed.images},
            view.containers, view.leases, view.usage - freed.bytes)
        assert rest.usage == sum(row.size for row in rest.layers.values())
        assert unreachable(view) or not missing(rest)
        assert unreachable(view) == unreachable(rest)


@given(store_views())
def test_an_image_of_its_own_frees_its_unique_bytes(view):
    for name, row in view.images.items():
        freed = freed_by(view, name)
        held = {m for lease in view.leases.values() for m in lease.layers}
        if freed.images == {name} and not held:
            assert freed.bytes == unique_bytes(view, name)
        assert freed.layers <= {*row.layers}


@pytest.mark.parametrize("query", [blockers, freed_by, unique_bytes, shared_bytes, parents])
def test_an_unknown_name_is_a_key_error(query):
    with pytest.raises(KeyError) as caught:
        query(BUILT, "nobody")
    assert [*caught.value.args] == ["nobody"]


# The same questions put to the machine.

SIZES = {"Layer": LAYERS, "Image": IMAGES, "Reference": REFERENCES, "Repository": 1, "Container": CONTAINERS,
         "Name": CONTAINERS, "Lease": LEASES, "Content": LAYERS + 1}
GROUND = GroundMachine(STORE, SIZES)
TRAITS = GROUND.traits(DIALECTS["docker"])


def number(name: str) -> int:
    return 0 if name == "nothing" else int(name.rpartition("-")[2])


class Vectors:
    """The vectors of a store with the model's names."""

    def __init__(self, view: StoreView) -> None:
        self.values = {vector: [0] * length for vector, length in GROUND.layout.lengths.items()}
        for n in range(LAYERS):
            self.put("below", n, n)
            self.put("diff", n, value=n + 1)
        self.put("usage", value=view.usage)
        self._layers(view)
        self._images(view)
        self._containers(view)
        self._leases(view)
        self.state, self.rigid = tuple(self.values[STATE]), tuple(self.values[RIGID])

    def put(self, symbol: str, *arguments: int, value: int = True) -> None:
        self.values[GROUND.layout.slots[symbol][0]][GROUND.layout.index(symbol, *arguments)] = value

    def _layers(self, view: StoreView) -> None:
        for name, row in view.layers.items():
            self.put("layer", number(name))
            self.put("bytes", number(name), value=number(row.files))
            self.put("measure", number(row.files), value=row.size)
            for below in row.beneath:
                self.put("below", number(below), number(name))

    def _images(self, view: StoreView) -> None:
        for name, row in view.images.items():
            self.put("image", number(name))
            self.put("size", number(name), value=row.size)
            self.put("top", number(name), value=number(row.layers[-1]))
            for reference in row.references:
                self.put("names", number(reference), number(name))
                self.put("is_digest", number(reference), value=is_digest(reference))
            for ancestor in row.ancestors:
                self.put("made_from", number(name), number(ancestor))

    def _containers(self, view: StoreView) -> None:
        for name, row in view.containers.items():
            self.put("container", number(name))
            self.put("image_of", number(name), value=number(row.image))
            self.put("status", number(name), value=STATUS.values.index(row.status))
            self.put("size_rw", number(name), value=row.size_rw)
            self.put("upper", number(name), value=number(row.upper))
            for called in row.names:
                self.put("called", number(name), number(called))

    def _leases(self, view: StoreView) -> None:
        for name, row in view.leases.items():
            self.put("lease", number(name))
            for held in row.layers:
                self.put("holds_layer", number(name), number(held))
            for held in row.images:
                self.put("holds_image", number(name), number(held))


@settings(deadline=None)
@given(store_views())
def test_the_machine_removes_an_image_as_the_graph_says(view):
    vectors = Vectors(view)
    assert view == store_view(GROUND, vectors.state, vectors.rigid)
    for name in view.images:
        outcome = GROUND.rule("remove-by-id").run(
            vectors.state, vectors.rigid, TRAITS, (number(name), True))
        after, freed = store_view(GROUND, outcome.state, vectors.rigid), freed_by(view, name)
        assert (outcome.refusal is not None) == bool(blockers(view, name))
        assert view.images.keys() - freed.images == after.images.keys()
        assert view.layers.keys() - freed.layers == after.layers.keys()
        assert view.usage - freed.bytes == after.usage


@settings(deadline=None)
@given(store_views())
def test_the_machine_refuses_what_the_graph_says_is_blocked(view):
    vectors = Vectors(view)
    for name in view.containers:
        outcome = GROUND.rule("remove").run(vectors.state, vectors.rigid, TRAITS, (number(name), False))
        assert (outcome.refusal is not None) == bool(blockers(view, name))
    for name, row in view.images.items():
        for reference in row.references:
            rule = GROUND.rule("remove-by-digest" if is_digest(reference) else "remove-by-tag")
            outcome = rule.run(
                vectors.state, vectors.rigid, TRAITS, (number(reference), False, number(name)))
            assert (outcome.refusal is not None) == bool(blockers(view, reference))


# Sharing, and the health of a store.


@given(store_views())
def test_shared_and_unique_bytes_are_the_bytes_of_the_images_layers(view):
    for name, row in view.images.items():
        total = sum(view.layers[m].size for m in row.layers)
        assert total == unique_bytes(view, name) + shared_bytes(view, name)


@given(damaged_views())
def test_unique_bytes_are_those_of_layers_with_one_image(view):
    found = sharing(view)
    assert view.layers.keys() == found.keys()
    expected = sum(view.layers[m].size for m, images in found.items() if len(images) == 1)
    assert expected == sum(unique_bytes(view, i) for i in view.images)
    times = sum(view.layers[m].size * len(images) for m, images in found.items() if len(images) > 1)
    assert times == sum(shared_bytes(view, i) for i in view.images)


@given(store_views())
def test_layers_are_unreachable_that_no_row_reaches(view):
    held = {m for row in view.leases.values() for m in row.layers}
    kept = {m for h in held for m in (*view.layers[h].beneath, h)}
    kept |= {m for row in view.images.values() for m in row.layers}
    assert view.layers.keys() - kept == unreachable(view)


def test_an_image_is_dangling_without_a_tag_whether_or_not_it_has_a_digest():
    images = {"a": image(references="app:1"), "b": image(), "c": image(references="app@sha256:0"),
              "d": image(references="tag-0 digest-1"), "e": image(references="digest-2")}
    assert frozenset("bce") == dangling(replace(EMPTY, images=images))
