"""The dependency graph of a store: what needs what, and what could go.

An edge leads from what needs to what is needed: a reference to its image, a container to its image, an
image to its top layer and to its parent image, a layer to the one directly beneath, a lease to what it
holds. Something that is needed but not there is a node, too, with ``present`` false.

The graph says who depends on whom, and through what. What comes of a removal (:func:`removal`) and what
counts as shared is not worked out here: the store is grounded, and the rules and definitions are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import networkx as nx
from z3 import And, Not

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import BOOL, Machine, Rule, Sort
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.grounded import Grounded, grounded
from layermodel.store.rules import STORE
from layermodel.store.view import StoreView, is_digest, parents
from layermodel.store.words import DIALECTS, IMAGE, LEASE, REFERENCE, reached, shared, total

if TYPE_CHECKING:
    Graph = nx.DiGraph[str]

KINDS = ("reference", "container", "lease", "image", "layer")
"""The kinds of nodes, those that need before those that are needed."""

NAMES, CREATED_FROM, TOP_LAYER = "names", "was created from", "has as its top layer"
MADE_FROM, LIES_ON, HOLDS = "was made from", "lies on", "holds"

REACHED = "reached"
"""What stands for a refusal of a layer's removal, which is no operation: something needs the layer."""

_SORTS = dict(zip(KINDS, (REFERENCE, CONTAINER, LEASE, IMAGE, LAYER), strict=True))
_KEEPERS = {*_SORTS.values()} - {LAYER}  # no layer keeps anything
_DOCKER = DIALECTS["docker"]
_Traits = Mapping[str, bool]
_Object = tuple[Sort, int]


@dataclass(frozen=True)
class Blocker:
    """Something that stands in the way of a removal: its name, its kind, and one sentence that says why."""

    name: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Freed:
    """What goes with a removal, by kind.

    ``bytes`` are those no longer accounted for stored layers, and those of the upper layers of containers
    that go.
    """

    images: frozenset[str]
    layers: frozenset[str]
    bytes: int
    references: frozenset[str] = frozenset()
    containers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Removal:
    """What comes of a removal.

    Attributes:
        rule: the operation; None for a layer, which no operation removes.
        refusal: what it is refused with, or None.
        blockers: what stands in the way, if it is refused.
        freed: what goes, if it is not.
        after: the store afterwards.
    """

    rule: str | None
    refusal: str | None
    blockers: tuple[Blocker, ...]
    freed: Freed
    after: StoreView


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


# Chains of dependence.


def chain(graph: Graph, source: str, target: str) -> list[str]:
    """Return a shortest chain of dependence, both ends included; nothing if there is none."""
    if source not in graph or target not in graph or not nx.has_path(graph, source, target):
        return []
    return list(nx.shortest_path(graph, source, target))


def chain_text(graph: Graph, nodes: Sequence[str]) -> str:
    """Put a chain of dependence into words; the inner layers and images of a long one are left out."""
    links = [(str(graph.edges[pair]["relation"]), pair[1]) for pair in pairwise(nodes)]
    words, again = [], False
    for (relation, target), following in zip(links, [*(r for r, _ in links[1:]), None], strict=True):
        if following != relation:
            words.append(f"{'lies above' if again and relation == LIES_ON else relation} {target}")
        again = following == relation
    return f"{nodes[0]} {', which '.join(words)}"


# What stands in the way of a removal, and what it would free: the rules say it.


def removal(
    view: StoreView, thing: str, traits: _Traits = _DOCKER, *, force: bool = False, machine: Machine = STORE,
) -> Removal:
    """Return what comes of removing something from a store, by the machine's own rules.

    An image is removed by its ID, a reference by its name, a container as such; an operation in progress
    is given up. No operation removes a layer: something stands in its way while it is needed.

    Args:
        traits: those of a dialect (:data:`layermodel.store.words.DIALECTS`).
        force: ask by force, where the operation knows that.
        machine: whose rules are asked; other than the store machine only to see what they would say.

    Raises:
        KeyError: if nothing in the store has or needs the name.
        ValueError: if no store is like that (:func:`layermodel.store.grounded.grounded`).
    """
    graph = dependency_graph(view)
    kind: str = graph.nodes[thing]["kind"]
    store = grounded(view, machine)
    request = _Request(store, graph, thing, store.ground.traits(traits))
    if kind == "layer":
        return _of_layer(request, view)
    rule = machine.rule_by_name[_rule_name(kind, thing)]
    named = {_SORTS[kind].name.lower(): store.element(_SORTS[kind], thing), "force": force}
    arguments = store.arguments(rule.name, request.traits, **named)
    outcome = store.run(rule.name, request.traits, arguments)
    if outcome.refusal is None:
        after = store.after(outcome).view()
        return Removal(rule.name, None, (), _difference(view, after), after)
    standing = request.refused(rule, arguments, outcome.refusal)
    return Removal(rule.name, outcome.refusal, standing, _difference(view, view), view)


def _rule_name(kind: str, thing: str) -> str:
    if kind == "reference":
        return "remove-by-digest" if is_digest(thing) else "remove-by-tag"
    return {"image": "remove-by-id", "container": "remove", "lease": "abort"}[kind]


def _of_layer(request: _Request, view: StoreView) -> Removal:
    layer = request.store.element(LAYER, request.thing)
    standing = request.explain(_reached(request.store.ground), [(LAYER, layer)], "it is needed")
    return Removal(None, REACHED if standing else None, standing, _difference(view, view), view)


def _difference(before: StoreView, after: StoreView) -> Freed:
    containers = before.containers.keys() - after.containers.keys()
    return Freed(
        frozenset(before.images.keys() - after.images.keys()),
        frozenset(before.layers.keys() - after.layers.keys()),
        before.usage - after.usage + sum(before.containers[c].size_rw for c in containers),
        _references(before) - _references(after), frozenset(containers))


def _references(view: StoreView) -> frozenset[str]:
    return frozenset(r for row in view.images.values() for r in row.references)


@dataclass(frozen=True)
class _Request:
    """A removal that is asked for."""

    store: Grounded
    graph: Graph
    thing: str
    traits: Vector

    def refused(self, rule: Rule, arguments: Vector, refusal: str) -> tuple[Blocker, ...]:
        """What stands in the way, when the rule is refused."""
        objects = [(p.sort, a) for p, a in zip(rule.parameters, arguments, strict=True)]
        condition = _condition(self.store.ground, rule.name, refusal)
        return self.explain(condition, objects, rule.refused[refusal])

    def explain(
        self, compiled: Callable[..., object], arguments: Sequence[_Object], phrase: str,
    ) -> tuple[Blocker, ...]:
        """What makes a condition hold; the thing itself, if nothing else does; nothing if it does not hold."""
        values = tuple(element for _, element in arguments)
        fixed = {a for a in arguments if a[0] != BOOL}
        parts = _Parts(self.store, fixed)

        def holds(kept: Collection[_Object]) -> bool:
            return bool(compiled(parts.only(kept), (), self.store.rigid, self.traits, values))

        if not holds(parts.objects):
            return ()
        names = [self.store.label(*o) for o in _makers(parts.objects, holds)]
        ends = [self.thing, *(self.store.label(*a) for a in arguments if a[0] != BOOL)]
        found = [self._blocker(name, ends, phrase) for name in names or [self.thing]]
        return tuple(sorted(found, key=lambda b: (KINDS.index(b.kind), b.name)))

    def _blocker(self, name: str, ends: Sequence[str], phrase: str) -> Blocker:
        chains = [found for end in ends if name != end and (found := chain(self.graph, name, end))]
        reason = f"{name}: {phrase}"
        if chains:
            reason = chain_text(self.graph, chains[0])
            if chains[0][-1] != self.thing:
                reason += f", and {chain_text(self.graph, chain(self.graph, self.thing, chains[0][-1]))}"
        return Blocker(name, self.graph.nodes[name]["kind"], reason)


@lru_cache(maxsize=256)
def _condition(ground: GroundMachine, name: str, refusal: str) -> Callable[..., object]:
    """The condition of a refusal, compiled."""
    rule = ground.machine.rule_by_name[name]
    when = next(r.when for r in ground.machine.step(rule).effect.refusals if r.name == refusal)
    return ground.formula(when, [p.term.decl().name() for p in rule.parameters])


@lru_cache(maxsize=64)
def _reached(ground: GroundMachine) -> Callable[..., object]:
    """The definition of a layer that is needed, compiled."""
    return ground.formula(reached(ground.machine.state, LAYER.constant("?layer")), ["?layer"])


class _Parts:
    """A state taken apart into the objects that it speaks of."""

    def __init__(self, store: Grounded, fixed: Collection[_Object]) -> None:
        """Take the state of a store apart; the objects that are fixed stay in any case."""
        layout = store.ground.layout
        self._length = len(store.state)
        self._values: list[tuple[int, int | bool, frozenset[_Object]]] = []
        for symbol in layout.machine.mutable:
            for elements in layout.tuples(symbol):
                slot = layout.index(symbol.name, *elements)
                about = {o for o in zip(symbol.arguments, elements, strict=True) if o[0] in _KEEPERS}
                if store.state[slot]:
                    self._values.append((slot, store.state[slot], frozenset(about - {*fixed})))
        self.objects: list[_Object] = list(dict.fromkeys(
            o for _, _, about in self._values for o in sorted(about, key=lambda o: (o[0].name, o[1]))))

    def only(self, kept: Collection[_Object]) -> Vector:
        """The state in which there is only what is about the objects kept."""
        state: list[int | bool] = [0] * self._length
        for slot, value, about in self._values:
            if about.issubset(kept):
                state[slot] = value
        return tuple(state)


def _makers(
    objects: Sequence[_Object], holds: Callable[[Collection[_Object]], bool],
) -> list[_Object]:
    """The objects that make a condition hold: those of a least set that does, and what can stand for one.

    A condition that holds of anything at all (*some* container uses the image) holds as long as one is
    left, so that no single object is needed. What a least set needs, or would need if it had this object
    for one of its own, is.
    """
    least = set(objects)
    for one in objects:
        if holds(least - {one}):
            least.remove(one)
    return [o for o in objects if o in least or any(holds(least - {m} | {o}) for m in least)]


def blockers(
    view: StoreView, thing: str, traits: _Traits = _DOCKER, *, force: bool = False,
) -> list[Blocker]:
    """List what stands in the way of removing something, and why; see :func:`removal`.

    Raises:
        KeyError: if nothing in the store has or needs the name.
        ValueError: if no store is like that.
    """
    return list(removal(view, thing, traits, force=force).blockers)


def freed_by(view: StoreView, thing: str, traits: _Traits = _DOCKER, *, force: bool = False) -> Freed:
    """Return what goes when something is removed, nothing where that is refused; see :func:`removal`.

    Raises:
        KeyError: if nothing in the store has or needs the name.
        ValueError: if no store is like that.
    """
    return removal(view, thing, traits, force=force).freed


# Sharing.


def sharing(view: StoreView) -> dict[str, frozenset[str]]:
    """Return, for every stored layer, the images that have it."""
    found: dict[str, set[str]] = {m: set() for m in view.layers}
    for image, row in view.images.items():
        for layer in row.layers:
            if layer in found:
                found[layer].add(image)
    return {m: frozenset(images) for m, images in found.items()}


def unique_bytes(view: StoreView, image: str, traits: _Traits = _DOCKER) -> int:
    """Return the bytes of an image's stored layers that do not count as shared.

    Raises:
        KeyError: if the image is not present.
        ValueError: if no store is like that.
    """
    return _bytes_where(view, image, traits, also_elsewhere=False)


def shared_bytes(view: StoreView, image: str, traits: _Traits = _DOCKER) -> int:
    """Return the bytes of an image's stored layers that count as shared (:func:`layermodel.store.words.shared`).

    That is what ``docker system df -v`` says: another image has the layer, one that is listed.

    Raises:
        KeyError: if the image is not present.
        ValueError: if no store is like that.
    """
    return _bytes_where(view, image, traits, also_elsewhere=True)


def _bytes_where(view: StoreView, image: str, traits: _Traits, *, also_elsewhere: bool) -> int:
    if image not in view.images:
        raise KeyError(image)
    store = grounded(view)
    compiled = _counted(store.ground, also_elsewhere)
    arguments = (store.element(IMAGE, image),)
    return int(compiled(store.state, (), store.rigid, store.ground.traits(traits), arguments))


@lru_cache(maxsize=64)
def _counted(ground: GroundMachine, also_elsewhere: bool) -> Callable[..., Any]:
    """The bytes of an image's stored layers that count as shared, or of the others, compiled."""
    s, i = ground.machine.state, IMAGE.constant("?image")
    condition = (lambda m: shared(s, i, m)) if also_elsewhere else (lambda m: Not(shared(s, i, m)))
    return ground.formula(
        total(s, lambda m: And(s.layer(m), s.below(m, s.top(i)), condition(m))), ["?image"])


# The health of a store.


def is_acyclic(view: StoreView) -> bool:
    """Whether nothing needs itself, directly or through others."""
    return nx.is_directed_acyclic_graph(dependency_graph(view))


def unreachable(view: StoreView) -> frozenset[str]:
    """Return the stored layers that no image, container or lease reaches (:func:`layermodel.store.words.reached`).

    Raises:
        ValueError: if no store is like that.
    """
    store = grounded(view)
    traits = store.ground.traits(_DOCKER)  # on which nothing of this depends
    compiled = _reached(store.ground)
    return frozenset(m for m in view.layers if not compiled(
        store.state, (), store.rigid, traits, (store.element(LAYER, m),)))


def dangling(view: StoreView) -> frozenset[str]:
    """Return the images that no tag names."""
    return frozenset(i for i, row in view.images.items() if all(map(is_digest, row.references)))


def missing(view: StoreView) -> Mapping[str, str]:
    """Return what is needed but not there: the kind of each thing by its name."""
    graph = dependency_graph(view)
    return {n: graph.nodes[n]["kind"] for n in sorted(graph) if not graph.nodes[n]["present"]}
