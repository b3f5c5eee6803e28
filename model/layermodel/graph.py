"""The dependency graph of a store: what needs what, and what could go.

An edge leads from what needs to what is needed: a reference to its image, a container to its image, an
image to its top layer and to its parent image, a layer to the one directly beneath, a lease to what it
holds. Something that is needed but not there is a node, too, with ``present`` false.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import networkx as nx

from layermodel.view import ContainerRow, StoreView

if TYPE_CHECKING:
    Graph = nx.DiGraph[str]

KINDS = ("reference", "container", "lease", "image", "layer")
"""The kinds of nodes, those that need before those that are needed."""

NAMES, CREATED_FROM, TOP_LAYER = "names", "was created from", "has as its top layer"
MADE_FROM, LIES_ON, HOLDS = "was made from", "lies on", "holds"

_DIGEST = re.compile(r"@|^digest-\d+$")


@dataclass(frozen=True)
class Blocker:
    """Something that stands in the way of a removal: its name, its kind, and one sentence that says why."""

    name: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Freed:
    """What goes with an image: images, layers, and the bytes of those layers."""

    images: frozenset[str]
    layers: frozenset[str]
    bytes: int


def dependency_graph(view: StoreView) -> Graph:
    """Return the dependency graph.

    Nodes have the attributes ``kind`` (one of :data:`KINDS`), ``size`` in bytes (SizeRw of a container; zero
    of what has none) and ``present``; edges have ``relation``, a verb.

    Raises:
        ValueError: if one name stands for things of two kinds.
    """
    graph: Graph = nx.DiGraph()
    _add_layers(graph, view)
    _add_images(graph, view)
    for name, container in view.containers.items():
        _add(graph, name, "container", container.size_rw, present=True)
        _need(graph, name, container.image, "image", CREATED_FROM)
        if container.image not in view.images:
            _add_chain(graph, container.image, container.layers)
    for name, lease in view.leases.items():
        _add(graph, name, "lease", present=True)
        for kind, held in (("layer", lease.layers), ("image", lease.images)):
            for target in sorted(held):
                _need(graph, name, target, kind, HOLDS)
    return graph


def _add(graph: Graph, name: str, kind: str, size: int = 0, *, present: bool) -> None:
    """Add a node; what is present stays so when it is mentioned again as needed."""
    known = graph.nodes.get(name)
    if known is not None and known["kind"] != kind:
        first, second = sorted((known["kind"], kind), key=KINDS.index)
        raise ValueError(f"the name {name!r} stands for things of two kinds: {first} and {second}")
    if known is None or present:
        graph.add_node(name, kind=kind, size=size, present=present)


def _need(graph: Graph, source: str, target: str, kind: str, relation: str) -> None:
    _add(graph, target, kind, present=False)
    graph.add_edge(source, target, relation=relation)


def _add_layers(graph: Graph, view: StoreView) -> None:
    for name, row in view.layers.items():
        _add(graph, name, "layer", row.size, present=True)
        _stack(graph, (*row.beneath, name))


def _stack(graph: Graph, layers: Sequence[str]) -> None:
    """Add the edges between the layers of a chain, given bottom first."""
    for lower, upper in pairwise(layers):
        _add(graph, upper, "layer", present=False)
        _need(graph, upper, lower, "layer", LIES_ON)


def _add_chain(graph: Graph, image: str, layers: Sequence[str]) -> None:
    _stack(graph, layers)
    if layers:
        _need(graph, image, layers[-1], "layer", TOP_LAYER)


def _add_images(graph: Graph, view: StoreView) -> None:
    for name, row in view.images.items():
        _add(graph, name, "image", row.size, present=True)
        _add_chain(graph, name, row.layers)
        for parent in sorted(parents(view, name)):
            _need(graph, name, parent, "image", MADE_FROM)
        for reference in sorted(row.references):
            _add(graph, reference, "reference", present=True)
            _need(graph, reference, name, "image", NAMES)


def parents(view: StoreView, image: str) -> frozenset[str]:
    """Return the nearest recorded ancestors of an image: one or none where the records are a forest.

    It is the ancestor that has all the others as its own ancestors. Where the records are broken there
    may be several.

    Raises:
        KeyError: if the image is not present.
    """
    ancestors = view.images[image].ancestors

    def further(x: str) -> bool:
        return any(x in _ancestors(view, y) and y not in _ancestors(view, x) for y in ancestors)

    return frozenset(x for x in ancestors if not further(x))


def _ancestors(view: StoreView, image: str) -> frozenset[str]:
    return view.images[image].ancestors if image in view.images else frozenset()


def is_digest(reference: str) -> bool:
    """Whether a reference is a digest (``repo@sha256:…``, or ``digest-1`` in the model), not a tag."""
    return _DIGEST.search(reference) is not None


# What stands in the way of a removal, and what it would free.


def blockers(view: StoreView, thing: str) -> list[Blocker]:
    """List what stands in the way of removing something, in Docker's semantics, and why.

    An image goes with its references, by force where it has several; child images, containers and leases
    keep it. A layer goes when nothing reaches it. A container goes unless it is running or paused. A
    reference goes unless it is its image's last and a container uses the image. Nothing keeps a lease.

    Raises:
        KeyError: if nothing in the store has or needs the name.
    """
    graph = dependency_graph(view)
    kind: str = graph.nodes[thing]["kind"]
    if kind == "layer":
        found = _layer_blockers(graph, thing)
    elif kind == "image":
        found = [_blocker(graph, source, thing) for source in graph.pred[thing]
                 if graph.nodes[source]["kind"] != "reference"]
    elif kind == "reference":
        found = _reference_blockers(view, graph, thing)
    elif kind == "container":
        found = _status_blockers(thing, view.containers[thing])
    else:
        found = []
    return sorted(set(found), key=lambda b: (KINDS.index(b.kind), b.name, b.reason))


def _blocker(graph: Graph, source: str, target: str, why: str = "") -> Blocker:
    reason = f"{source} {graph.edges[source, target]['relation']} {target}{why}"
    return Blocker(source, graph.nodes[source]["kind"], reason)


def _layer_blockers(graph: Graph, layer: str) -> list[Blocker]:
    """Whatever has the layer, or one on top of it, and the layers that lie on it."""
    layers = graph.subgraph([n for n in graph if graph.nodes[n]["kind"] == "layer"])
    found = _layers_on(layers, layer)
    for upper in (layer, *nx.ancestors(layers, layer)):
        for source in graph.pred[upper]:
            kind, present = graph.nodes[source]["kind"], graph.nodes[source]["present"]
            if kind == "lease":
                found.append(_blocker(graph, source, upper, _above(upper, layer)))
            elif kind == "image" and present:
                found.append(Blocker(source, kind, f"{source} has {layer} among its layers"))
            elif kind == "image":
                why = f", which is not present and has {layer} among its layers"
                found += [_blocker(graph, c, source, why) for c in graph.pred[source]
                          if graph.nodes[c]["kind"] == "container"]
    return found


def _layers_on(layers: Graph, layer: str) -> list[Blocker]:
    """The nearest present layers above, past those that are missing."""
    found, seen, ahead = [], {layer}, [layer]
    while ahead:
        for upper in set(layers.pred[ahead.pop()]) - seen:
            seen.add(upper)
            if layers.nodes[upper]["present"]:
                where = "lies on" if layers.has_edge(upper, layer) else "lies above"
                found.append(Blocker(upper, "layer", f"{upper} {where} {layer}"))
            else:
                ahead.append(upper)
    return found


def _above(upper: str, layer: str) -> str:
    return "" if upper == layer else f", which lies above {layer}"


def _reference_blockers(view: StoreView, graph: Graph, reference: str) -> list[Blocker]:
    found = []
    for image in graph.succ[reference]:
        if not _several_tags(view.images[image].references):
            found += [_blocker(graph, source, image, f", whose last reference is {reference}")
                      for source in graph.pred[image] if graph.nodes[source]["kind"] == "container"]
    return found


def _several_tags(references: Iterable[str]) -> bool:
    """More than one tag with the digest references of its own repository (as far as names tell)."""
    repositories = {_repository(r) for r in references} - {None}
    return len([r for r in references if not is_digest(r)]) > 1 or len(repositories) > 1


def _repository(reference: str) -> str | None:
    """The repository part of a reference as engines write it; None of the model's own names."""
    found = re.match(r"(.+?)(@.*|:[^/:]*)$", reference)
    return found[1] if found else None


def _status_blockers(name: str, row: ContainerRow) -> list[Blocker]:
    if row.status in ("running", "paused"):
        return [Blocker(name, "container", f"{name} is {row.status}")]
    return []


def freed_by(view: StoreView, image: str) -> Freed:
    """Return what removing an image by its ID, with its references, frees in Docker's semantics.

    Its recorded ancestors go, too, if they have no reference, container or lease and all that was made
    from them goes. Layers go that no other image, container or lease reaches. Where something stands in
    the way (:func:`blockers`), nothing is freed.

    Raises:
        KeyError: if the image is not present.
    """
    if image not in view.images:
        raise KeyError(image)
    if blockers(view, image):
        return Freed(frozenset(), frozenset(), 0)
    gone = {image} | _cascade(view, image)
    rest = dependency_graph(view)
    dropped = _layers_under(rest, gone)
    rest.remove_nodes_from(gone)
    layers = frozenset(dropped - _layers_under(rest, _roots(rest))) & view.layers.keys()
    return Freed(frozenset(gone), layers, sum(view.layers[m].size for m in layers))


def _cascade(view: StoreView, image: str) -> set[str]:
    """The recorded ancestors that only the image kept."""
    between = {x for x in view.images[image].ancestors & view.images.keys() if _needless(view, x)}
    return {x for x in between if _descendants(view, x) <= between | {image}}


def _descendants(view: StoreView, image: str) -> set[str]:
    return {d for d, row in view.images.items() if image in row.ancestors}


def _needless(view: StoreView, image: str) -> bool:
    """Nothing keeps the image: no reference, no container, no lease."""
    return not (
        view.images[image].references
        or any(c.image == image for c in view.containers.values())
        or any(image in lease.images for lease in view.leases.values()))


def _roots(graph: Graph) -> list[str]:
    """What keeps layers: present images, containers and leases."""
    return [n for n, data in graph.nodes(data=True)
            if data["present"] and data["kind"] in ("image", "container", "lease")]


def _layers_under(graph: Graph, nodes: Iterable[str]) -> set[str]:
    """The layers that the nodes reach, through images that are not present, too."""
    found: set[str] = set().union(*(nx.descendants(graph, n) for n in nodes))
    return {n for n in found if graph.nodes[n]["kind"] == "layer"}


# Sharing.


def sharing(view: StoreView) -> dict[str, frozenset[str]]:
    """Return, for every stored layer, the images that have it."""
    return {m: frozenset(i for i, row in view.images.items() if m in row.layers) for m in view.layers}


def unique_bytes(view: StoreView, image: str) -> int:
    """Return the bytes of an image's stored layers that no other image has.

    Raises:
        KeyError: if the image is not present.
    """
    return _bytes_where(view, image, shared=False)


def shared_bytes(view: StoreView, image: str) -> int:
    """Return the bytes of an image's stored layers that another image has, too.

    Raises:
        KeyError: if the image is not present.
    """
    return _bytes_where(view, image, shared=True)


def _bytes_where(view: StoreView, image: str, *, shared: bool) -> int:
    layers, users = view.images[image].layers, sharing(view)
    return sum(view.layers[m].size for m in set(layers) & users.keys() if (len(users[m]) > 1) == shared)


# The health of a store.


def is_acyclic(view: StoreView) -> bool:
    """Whether nothing needs itself, directly or through others."""
    return nx.is_directed_acyclic_graph(dependency_graph(view))


def unreachable(view: StoreView) -> frozenset[str]:
    """Return the stored layers that no image, container or lease reaches."""
    graph = dependency_graph(view)
    return frozenset(view.layers.keys() - _layers_under(graph, _roots(graph)))


def dangling(view: StoreView) -> frozenset[str]:
    """Return the images that no tag names."""
    return frozenset(i for i, row in view.images.items() if all(map(is_digest, row.references)))


def missing(view: StoreView) -> Mapping[str, str]:
    """Return what is needed but not there: the kind of each thing by its name."""
    graph = dependency_graph(view)
    return {n: graph.nodes[n]["kind"] for n in sorted(graph) if not graph.nodes[n]["present"]}
