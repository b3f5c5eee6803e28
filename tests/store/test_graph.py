from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layermodel.store.graph import (
    REACHED,
    Blocker,
    Freed,
    blockers,
    chain,
    chain_text,
    dangling,
    dependency_graph,
    freed_by,
    is_acyclic,
    missing,
    removal,
    shared_bytes,
    sharing,
    unique_bytes,
    unreachable,
)
from layermodel.store.rules import STORE
from layermodel.store.view import ContainerRow, ImageRow, LayerRow, LeaseRow, StoreView, parents
from layermodel.store.words import DIALECTS, STATUS
from layerproof.machines.store.mutants import MUTANTS
from views import damaged_views, reached_stores, seen, store_views

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


@settings(deadline=None)
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


@settings(deadline=None)
@given(store_views())
def test_a_lawful_store_is_acyclic_and_misses_nothing(view):
    assert is_acyclic(view)
    assert not missing(view)
    assert all(present for _, present in dependency_graph(view).nodes(data="present"))


@settings(deadline=None)
@given(store_views())
def test_the_layers_that_an_image_reaches_through_layers_are_its_chain(view):
    graph = dependency_graph(view)
    for name, row in view.images.items():
        tops = [n for n in graph.succ[name] if graph.nodes[n]["kind"] == "layer"]
        assert [row.layers[-1]] == tops
        assert set(row.layers) == nx.descendants(graph, tops[0]) | set(tops)


@settings(deadline=None)
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


@settings(deadline=None)
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
    reason = "c was created from i, which has as its top layer l"
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


# Chains of dependence.


@settings(deadline=None)
@given(store_views())
def test_a_chain_leads_from_what_depends_to_what_it_depends_on(view):
    graph = dependency_graph(view)
    for source in graph:
        for target in graph:
            found = chain(graph, source, target)
            assert bool(found) == (target in nx.descendants(graph, source) | {source})
            assert all(graph.has_edge(*pair) for pair in nx.utils.pairwise(found))
            assert not found or (source, target) == (found[0], found[-1])


def test_a_chain_in_words_leaves_out_the_middle():
    graph = dependency_graph(replace(BUILT, containers={"c": container("i2", "base", "middle", "top")}))
    told = [chain_text(graph, chain(graph, "c", target)) for target in ("i0", "i1", "top", "middle")]
    assert [
        "c was created from i2, which was made from i0",
        "c was created from i2, which was made from i1",
        "c was created from i2, which has as its top layer top",
        "c was created from i2, which has as its top layer top, which lies on middle",
    ] == told
    assert "top lies above base" == chain_text(graph, chain(graph, "top", "base"))
    assert [] == chain(graph, "base", "top")
    assert [] == chain(graph, "base", "nobody")


# Blockers.


def test_blockers_of_an_image_are_its_children_containers_and_leases():
    view = replace(BUILT, containers={"c": container("i1", "base", "middle")},
                   leases={"x": LeaseRow(NOTHING, frozenset({"i1"}))})
    children = [Blocker("i2", "image", "i2 was made from i1")]
    assert ("remove-by-id", "has-child-images") == refusal(view, "i1")
    assert children == blockers(view, "i1")
    assert not blockers(view, "i2")
    leases = [Blocker("x", "lease", "x holds i1")]
    assert ("remove-by-id", "used-by-lease") == refusal(view, "i1", PODMAN)
    assert leases == blockers(view, "i1", PODMAN)
    users = [Blocker("c", "container", "c was created from i1")]
    assert users == blockers(replace(view, leases={}), "i1", PODMAN)
    assert not blockers(replace(view, leases={}), "i1", PODMAN, force=True)


def refusal(view, thing, traits=DIALECTS["docker"], force=False):
    found = removal(view, thing, traits, force=force)
    return found.rule, found.refusal


PODMAN = DIALECTS["podman"]


def test_all_of_several_users_stand_in_the_way():
    users = {f"c{n}": container("i2", status=status) for n, status in enumerate(STATUS.values)}
    view = replace(BUILT, containers={n: replace(c, layers=BUILT.images["i2"].layers) for n, c in users.items()})
    assert ("remove-by-id", "used-by-running-container") == refusal(view, "i2")
    assert ["c1", "c2"] == [b.name for b in blockers(view, "i2")]
    assert ("remove-by-tag", "used-by-container") == refusal(view, "app:1")
    expected = Blocker("c0", "container", "c0 was created from i2, and app:1 names i2")
    assert expected == blockers(view, "app:1")[0]
    assert ["c0", "c1", "c2", "c3"] == [b.name for b in blockers(view, "app:1")]


def test_several_tags_stand_in_the_way_of_their_image_unless_by_force():
    view = replace(BUILT, images={**BUILT.images, "i2": replace(
        BUILT.images["i2"], references=frozenset(["a:1", "a:2", "b@sha256:0"]))})
    assert ("remove-by-id", "several-tags") == refusal(view, "i2")
    assert ["a:1", "a:2", "b@sha256:0"] == [b.name for b in blockers(view, "i2")]
    assert "a:1 names i2" == blockers(view, "i2")[0].reason
    assert frozenset(["i0", "i1", "i2"]) == freed_by(view, "i2", force=True).images


def test_blockers_of_a_layer_are_all_that_need_it():
    view = replace(BUILT, images={"i1": image("base", "middle")},
                   leases={"x": LeaseRow(frozenset({"top"}), NOTHING)})
    expected = [
        Blocker("x", "lease", "x holds top, which lies above base"),
        Blocker("i1", "image", "i1 has as its top layer middle, which lies on base"),
    ]
    assert expected == blockers(view, "base")
    assert (None, REACHED) == refusal(view, "base")


@pytest.mark.parametrize(("references", "blocked"), [
    ("app:1", True), ("app:1 app@sha256:0", True), ("app:1 other@sha256:0", False), ("app:1 app:2", False),
    ("host:5000/app:1 host:5000/app@sha256:0", True), ("tag-0 digest-1", True), ("tag-0 tag-1", False),
])
def test_the_last_reference_of_an_image_in_use_is_blocked(references, blocked):
    view = replace(EMPTY, images={"i": image(references=references)}, containers={"c": container("i")})
    reference = references.split()[0]
    expected = f"c was created from i, and {reference} names i"
    assert [expected] * blocked == [b.reason for b in blockers(view, reference)]


def test_the_models_references_have_their_repositories():
    view = replace(EMPTY, images={"i": image(references="tag-0 digest-1")}, containers={"c": container("i")},
                   repositories={"tag-0": "repository-0", "digest-1": "repository-1"})
    assert not blockers(view, "tag-0")


@pytest.mark.parametrize("status", STATUS.values)
def test_a_container_is_blocked_while_it_has_a_process(status):
    view = replace(EMPTY, images={"i": image()}, containers={"c": container("i", status=status)})
    expected = [f"c: the container is {status}, and the removal is not forced"] * (status in ("running", "paused"))
    assert expected == [b.reason for b in blockers(view, "c")]
    assert not blockers(view, "c", force=True)


def test_what_is_not_there_stands_in_its_own_way():
    view = replace(EMPTY, layers={"l": layer()}, containers={"c": container("i", "l")})
    assert [Blocker("i", "image", "i: the image is not present")] == blockers(view, "i")


VIEWS = store_views() | damaged_views()


@settings(deadline=None)
@given(VIEWS, st.sampled_from(sorted(DIALECTS)), st.booleans())
def test_every_refusal_has_a_blocker_that_is_listed(view, dialect, force):
    graph = dependency_graph(view)
    for thing in graph:
        found = removal(view, thing, DIALECTS[dialect], force=force)
        assert (found.refusal is not None) == bool(found.blockers)
        for blocker in found.blockers:
            assert blocker.kind == graph.nodes[blocker.name]["kind"]
            assert blocker.reason.startswith(blocker.name)
            assert thing in blocker.reason
            assert graph.nodes[blocker.name]["present"] or blocker.name == thing


@settings(deadline=None)
@given(damaged_views())
def test_a_layer_without_blockers_is_one_that_nothing_reaches(view):
    assert unreachable(view) == {m for m in view.layers if not blockers(view, m)}


# What a removal frees.


def test_removing_the_last_image_of_a_build_frees_all_of_it():
    expected = Freed(frozenset(BUILT.images), frozenset(BUILT.layers), 123, frozenset(["app:1"]))
    assert expected == freed_by(BUILT, "i2")
    assert expected == freed_by(BUILT, "app:1")


def test_an_ancestor_that_is_kept_keeps_those_before_it():
    kept = replace(BUILT, containers={"c": container("i1", "base", "middle")})
    freed = freed_by(kept, "i2")
    assert (frozenset({"i2"}), frozenset({"top"}), 3) == (freed.images, freed.layers, freed.bytes)
    other = replace(BUILT, images={**BUILT.images, "i3": image("base", references="x:1", ancestors="i0")})
    freed = freed_by(other, "i2")
    assert (frozenset({"i1", "i2"}), frozenset({"middle", "top"}), 23) == (freed.images, freed.layers, freed.bytes)


def test_a_container_frees_its_upper_layer_and_takes_nothing_else():
    view = replace(EMPTY, images={"i": image()}, containers={"c": replace(container("i"), size_rw=7)})
    assert Freed(NOTHING, NOTHING, 7, NOTHING, frozenset("c")) == freed_by(view, "c")
    assert Freed(frozenset("i"), NOTHING, 7, NOTHING, frozenset("c")) == freed_by(view, "i", PODMAN, force=True)


def test_an_operation_that_is_given_up_frees_what_only_it_held():
    view = replace(BUILT, layers={**BUILT.layers, "new": layer("base", size=5)},
                   leases={"x": LeaseRow(frozenset({"new"}), NOTHING)}, usage=128)
    assert Freed(NOTHING, frozenset({"new"}), 5) == freed_by(view, "x")


@settings(deadline=None)
@given(store_views())
def test_no_blocker_means_that_removal_frees_the_image(view):
    for name in view.images:
        freed = freed_by(view, name)
        assert (not blockers(view, name)) == (name in freed.images)
        assert bool(freed.images) == (name in freed.images)


@settings(deadline=None)
@given(store_views())
def test_freed_and_remaining_bytes_are_the_usage(view):
    for name in view.images:
        found = removal(view, name, force=True)
        assert view.usage - found.freed.bytes == found.after.usage
        assert found.after.usage == sum(row.size for row in found.after.layers.values())
        assert unreachable(view) or not missing(found.after)
        assert unreachable(view) == unreachable(found.after)


@settings(deadline=None)
@given(store_views())
def test_an_image_of_its_own_frees_its_unique_bytes(view):
    # Where no image is hidden, so that what is shared is what another image has.
    traits = {**DIALECTS["docker"], "intermediate_images_hidden": False}
    for name, row in view.images.items():
        freed = freed_by(view, name, traits)
        held = {m for lease in view.leases.values() for m in lease.layers}
        if freed.images == {name} and not held:
            assert freed.bytes == unique_bytes(view, name, traits)
        assert freed.layers <= {*row.layers}


@pytest.mark.parametrize("query", [blockers, freed_by, unique_bytes, shared_bytes, parents])
def test_an_unknown_name_is_a_key_error(query):
    with pytest.raises(KeyError) as caught:
        query(BUILT, "nobody")
    assert [*caught.value.args] == ["nobody"]


# The same questions put to the machine that the store was reached in, of other sizes and numbers.


def request(store, rule, thing, force):
    """The arguments of a removal in the store's own machine, or None if there are none."""
    parameter, element = rule.parameters[0].name, int(thing.rpartition("-")[2])
    return store.complete(rule, {parameter: element, "force": force})


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None)
@given(st.data(), st.booleans())
def test_a_reached_store_removes_as_the_graph_says(dialect, data, force):
    store = data.draw(reached_stores(dialect))
    view, before = seen(store), store.state
    assert not missing(view)
    for thing in dependency_graph(view):
        found = removal(view, thing, DIALECTS[dialect], force=force)
        if found.rule is not None:
            rule = STORE.rule_by_name[found.rule]
            outcome = store.run(rule.name, request(store, rule, thing, force))
            assert outcome.refusal == found.refusal
            assert seen(store) == found.after
            store.state = before


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None)
@given(st.data())
def test_what_stands_in_the_way_can_be_taken_out_of_it(dialect, data):
    store = data.draw(reached_stores(dialect))
    view, traits = seen(store), DIALECTS[dialect]
    for thing in dependency_graph(view):
        left = without(view, thing, traits)
        assert thing not in dependency_graph(left)


def without(view, thing, traits):
    """The store after something was removed, and before it whatever stood in the way."""
    if thing not in dependency_graph(view):  # it went with something else
        return view
    found = removal(view, thing, traits)
    if found.rule is None and found.refusal is None:  # a layer that nothing needs is not stored any more
        return view
    if found.refusal is None:
        return found.after
    assert found.blockers
    for blocker in found.blockers:
        if blocker.name == thing:
            assert blocker.kind == "container"
            return removal(view, thing, traits, force=True).after
        view = without(view, blocker.name, traits)
    return without(view, thing, traits)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None)
@given(st.data())
def test_who_stands_in_the_way_would_do_so_alone_or_with_one_other(dialect, data):
    """A blocker is no mere bystander: of any two others none makes the removal refused, it does."""
    view, traits = seen(data.draw(reached_stores(dialect))), DIALECTS[dialect]
    for name in view.images:
        found = removal(view, name, traits)
        if found.refusal in ("used-by-container", "used-by-running-container"):
            for blocker in found.blockers:
                alone = {c: row for c, row in view.containers.items()
                         if c == blocker.name or row.image != name}
                refused = removal(replace(view, containers=alone), name, traits)
                assert (found.refusal, (blocker,)) == (refused.refusal, refused.blockers)
            names = {b.name for b in found.blockers}
            rest = {c: row for c, row in view.containers.items() if c not in names}
            assert found.refusal != removal(replace(view, containers=rest), name, traits).refusal


def test_other_rules_make_other_blockers():
    """What the graph says comes from the rules: a machine in which a refusal is missing has no blocker."""
    mutant = next(m for m in MUTANTS if m.name == "remove-used")
    users = {"c": container("i2", "base", "middle", "top")}
    view = replace(BUILT, containers=users)
    assert ["c"] == [b.name for b in removal(view, "i2").blockers]
    assert frozenset(BUILT.images) == removal(view, "i2", machine=mutant.machine(STORE)).freed.images


# Sharing, and the health of a store.


@settings(deadline=None)
@given(store_views())
def test_shared_and_unique_bytes_are_the_bytes_of_the_images_layers(view):
    for name, row in view.images.items():
        total = sum(view.layers[m].size for m in row.layers)
        assert total == unique_bytes(view, name) + shared_bytes(view, name)


@settings(deadline=None)
@given(damaged_views())
def test_unique_bytes_are_those_of_layers_with_one_image(view):
    found = sharing(view)
    traits = {**DIALECTS["docker"], "intermediate_images_hidden": False}
    assert view.layers.keys() == found.keys()
    expected = sum(view.layers[m].size for m, images in found.items() if len(images) == 1)
    assert expected == sum(unique_bytes(view, i, traits) for i in view.images)
    times = sum(view.layers[m].size * len(images) for m, images in found.items() if len(images) > 1)
    assert times == sum(shared_bytes(view, i, traits) for i in view.images)


def test_layers_shared_with_intermediate_images_alone_do_not_count_as_shared():
    assert (0, 123) == (shared_bytes(BUILT, "i2"), unique_bytes(BUILT, "i2"))
    other = replace(BUILT, images={**BUILT.images, "i3": image("base", "middle", references="x:1")})
    assert (120, 3) == (shared_bytes(other, "i2"), unique_bytes(other, "i2"))


@settings(deadline=None)
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
