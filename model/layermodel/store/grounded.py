"""A store by names as vectors, so that the compiled rules run on it.

The way back from :func:`layermodel.store.view.store_view`: named rows become elements, and from then on whatever
is asked of the store is answered by the rules and definitions themselves. What rows do not tell (whose
history goes on from whose) is chosen so that the machine's axioms hold; no operation
that takes something away looks at it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TypeVar
from weakref import WeakKeyDictionary

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Machine, Sort
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.rules import STORE
from layermodel.store.universe import rigid_vector
from layermodel.store.view import NO_LAYERS, StoreView, element_name, is_digest, parents, repository_in, store_view
from layermodel.store.words import CONTENT, DIALECTS, IMAGE, LEASE, NAME, REFERENCE, REPOSITORY, STATUS

NOTHING = element_name(CONTENT, 0)
"""The name of the empty content."""


_Value = TypeVar("_Value")


@dataclass
class Known:
    """What never changes in a store, by names.

    Attributes:
        beneath: every layer, with the one directly beneath it or None.
        diff: the content of each layer's diff.
        measure: bytes of each content but the empty one.
        top: every image's top layer; :data:`~layermodel.store.view.NO_LAYERS` for one without layers.
        follows: the image that an image's history goes on from.
        repository: of every reference.
        pins: the image whose manifest a digest reference names.
    """

    beneath: dict[str, str | None] = field(default_factory=dict)
    diff: dict[str, str] = field(default_factory=dict)
    measure: dict[str, int] = field(default_factory=dict)
    top: dict[str, str] = field(default_factory=dict)
    follows: dict[str, str] = field(default_factory=dict)
    repository: dict[str, str] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)

    def stack(self, chain: Sequence[str]) -> str:
        """Add a chain of layers, bottom first, and return its top.

        Raises:
            ValueError: if one of them is known to lie on another layer, or has no name.
        """
        if NO_LAYERS in chain:
            raise ValueError("a layer has an empty name")
        lower: str | None = None
        for layer in (NO_LAYERS, *chain):
            if self.beneath.setdefault(layer, lower) != lower:
                known = self.beneath[layer]
                raise ValueError(f"the layer {layer!r} lies on {_or_nothing(lower)} in one place and on "
                                 f"{_or_nothing(known)} in another")
            lower = layer
        return chain[-1] if chain else NO_LAYERS

    def chain(self, layer: str) -> list[str]:
        """Return a layer with those beneath it, bottom first."""
        found, current = [layer], self.beneath[layer]
        while current is not None:
            found.insert(0, current)
            current = self.beneath[current]
        return found

    def empty(
        self, *, containers: Iterable[str] = (), names: Iterable[str] = (), leases: Iterable[str] = (),
        machine: Machine = STORE,
    ) -> Grounded:
        """Return the empty store in which all this is known, with room for some containers and leases."""
        elements = {
            LAYER: [*self.beneath], IMAGE: [*self.top], REFERENCE: [*self.repository],
            REPOSITORY: [*dict.fromkeys(self.repository.values())], CONTAINER: [*containers],
            NAME: [*names], LEASE: [*leases], CONTENT: [NOTHING, *self.measure],
        }
        rooms = {sort: _room(len(found)) for sort, found in elements.items()}
        rooms[CONTENT] = _room(len(elements[CONTENT]) + rooms[LAYER])
        ground = _ground(machine, tuple((sort.name, room) for sort, room in rooms.items()))
        rigid = self._rigid(ground, elements)
        named = {sort.name: tuple(found) for sort, found in elements.items()}
        return Grounded(ground, named, rigid, _nothing_there(ground, rigid))

    def _rigid(self, ground: GroundMachine, elements: Mapping[Sort, Sequence[str]]) -> Vector:
        """The rigid values; a spare layer has a diff that nothing else has, so that it is one of its own."""
        number = {sort: {name: n for n, name in enumerate(found)} for sort, found in elements.items()}
        rooms = ground.layout.sizes
        spares = range(len(elements[CONTENT]), rooms["Content"])
        diffs = [number[CONTENT][self.diff.get(m, NOTHING)] for m in self.beneath]
        below = (None if m is None else number[LAYER][m] for m in self.beneath.values())
        followed = (self.follows.get(image) for image in self.top)
        return rigid_vector(
            ground,
            layers=_filled(below, rooms["Layer"], None),
            diffs=[*diffs, *spares][: rooms["Layer"]],
            tops=_filled((number[LAYER][m] for m in self.top.values()), rooms["Image"], 0),
            images=_filled((None if i is None else number[IMAGE][i] for i in followed), rooms["Image"], None),
            digests={n: number[IMAGE][self.pins[r]] for n, r in enumerate(self.repository) if is_digest(r)},
            repositories=_filled((number[REPOSITORY][r] for r in self.repository.values()),
                                 rooms["Reference"], 0),
            measures=_filled([0, *self.measure.values()], rooms["Content"], 0))


def _room(count: int) -> int:
    """Room for some elements and perhaps a few that never appear: so stores of about one size share code."""
    return -4 * (-count // 4)


def _filled(values: Iterable[_Value], count: int, spare: _Value) -> list[_Value]:
    found = [*values]
    return found + [spare] * (count - len(found))


def _or_nothing(layer: str | None) -> str:
    return repr(layer) if layer else "nothing"


def _ground(machine: Machine, sizes: tuple[tuple[str, int], ...]) -> GroundMachine:
    """The machine over some sizes; that of the right machine is compiled only once."""
    return _right_machine(sizes) if machine is STORE else GroundMachine(machine, dict(sizes))


@lru_cache(maxsize=64)
def _right_machine(sizes: tuple[tuple[str, int], ...]) -> GroundMachine:
    return GroundMachine(STORE, dict(sizes))


_empty_states: WeakKeyDictionary[GroundMachine, Vector] = WeakKeyDictionary()


def _nothing_there(ground: GroundMachine, rigid: Vector) -> Vector:
    """The empty state, which is the same whatever the rigid values and the traits."""
    if ground not in _empty_states:
        _empty_states[ground] = ground.initial(rigid, ground.traits(DIALECTS["docker"]))
    return _empty_states[ground]


@dataclass(frozen=True)
class Grounded:
    """A store as vectors, and what its elements are called.

    Attributes:
        ground: the compiled machine.
        names: the names of the elements of each open sort, in order.
        rigid: what never changes.
        state: what is now.
    """

    ground: GroundMachine
    names: Mapping[str, tuple[str, ...]]
    rigid: Vector
    state: Vector

    @cached_property
    def _numbers(self) -> dict[str, dict[str, int]]:
        return {sort: {name: n for n, name in enumerate(names)} for sort, names in self.names.items()}

    def element(self, sort: Sort, name: str) -> int:
        """Return the element that a name stands for.

        Raises:
            KeyError: if there is none.
        """
        return self._numbers[sort.name][name]

    def label(self, sort: Sort, element: int) -> str:
        """Return the name of an element; a spare one, which never appears, has none."""
        if sort.values:
            return element_name(sort, element)
        names = self.names[sort.name]
        return names[element] if element < len(names) else ""

    def view(self) -> StoreView:
        """Return the store by names."""
        return store_view(self.ground, self.state, self.rigid, self.label)


    def arguments(self, rule: str, traits: Vector, /, **named: int) -> Vector:
        """Return the arguments of a rule: those named, and what they determine (what a tag names).

        Raises:
            ValueError: if there is no choice of arguments as the rule presupposes.
        """
        compiled = self.ground.rule(rule)
        choices = [[named[p.name]] if p.name in named else self.ground.layout.elements(p.sort)
                   for p in compiled.rule.parameters]
        for chosen in itertools.product(*choices):
            if compiled.given(self.state, self.state, self.rigid, traits, chosen):
                return chosen
        raise ValueError(f"no arguments are as {rule} presupposes")

    def run(self, rule: str, traits: Vector, arguments: Vector) -> Outcome:
        """Do an operation; this store stays as it is, and the outcome has the state after."""
        return self.ground.rule(rule).run(self.state, self.rigid, traits, arguments)

    def after(self, outcome: Outcome) -> Grounded:
        """Return the store after an operation."""
        return replace(self, state=outcome.state)

    def put(self, values: Mapping[tuple[str, tuple[int, ...]], int | bool]) -> Grounded:
        """Return the store in which symbols have the given values at the given elements."""
        state = list(self.state)
        for (symbol, arguments), value in values.items():
            state[self.ground.layout.index(symbol, *arguments)] = value
        return replace(self, state=tuple(state))


def grounded(view: StoreView, machine: Machine = STORE) -> Grounded:
    """Return a store of named rows as vectors; its :meth:`Grounded.view` is the same rows again.

    Raises:
        ValueError: if no store is like that: a layer lies on two others, an image has two chains, or
            something has a negative size. One sentence says which.
    """
    known = _known(view)
    called = dict.fromkeys(name for row in view.containers.values() for name in sorted(row.names))
    store = known.empty(containers=view.containers, names=called, leases=view.leases, machine=machine)
    return store.put(_Values(store, view).all)


def _known(view: StoreView) -> Known:
    known = Known()
    known.stack(())
    _know_layers(known, view)
    for name in dict.fromkeys(_images(view)):
        known.top.setdefault(name, NO_LAYERS)
    for name in view.images:
        _follow(known, view, name)
    for name, row in view.images.items():
        for reference in sorted(row.references):
            known.repository[reference] = view.repositories.get(reference) or repository_in(reference) or ""
            known.pins[reference] = name
    return known


def _know_layers(known: Known, view: StoreView) -> None:
    for name, row in view.layers.items():
        known.stack((*row.beneath, name))
    chains = [(name, row.layers) for name, row in view.images.items()]
    for name, layers in [*chains, *((row.image, row.layers) for row in view.containers.values())]:
        top = known.stack(layers)
        if known.top.setdefault(name, top) != top:
            raise ValueError(f"the image {name!r} has other layers in a container than by itself")
    for name in sorted({m for row in view.leases.values() for m in row.layers}):
        if name not in known.beneath or name == NO_LAYERS:
            known.stack((name,))
    _know_contents(known, view)


def _know_contents(known: Known, view: StoreView) -> None:
    """Give every layer a diff of the layer's size: the files that it has, where that is possible.

    In a broken store files of one name may be of two sizes. And two layers on the same layer are one if
    they have the same diff. Then, and for a layer that is not stored, the diff has a name of its own.
    """
    taken: set[tuple[str | None, str]] = set()
    for name, row in view.layers.items():
        if row.size < 0:
            raise ValueError(f"the layer {name!r} has a negative size")
        size = known.measure.setdefault(row.files, row.size) if row.files != NOTHING else 0
        place = known.beneath[name], row.files
        known.diff[name] = row.files if size == row.size and place not in taken else f"diff of {name}"
        known.measure.setdefault(known.diff[name], row.size)
        taken.add(place)
    known.measure.pop(NOTHING, None)
    for container in view.containers.values():
        if container.upper != NOTHING:
            known.measure.setdefault(container.upper, max(container.size_rw, 0))
    for name in known.beneath.keys() - view.layers.keys() - {NO_LAYERS}:
        known.diff[name] = f"diff of {name}"
        known.measure.setdefault(known.diff[name], 0)


def _images(view: StoreView) -> Iterable[str]:
    """Every image that is spoken of, present or not."""
    yield from view.images
    for row in view.images.values():
        yield from sorted(row.ancestors)
    for container in view.containers.values():
        yield container.image
    for lease in view.leases.values():
        yield from sorted(lease.images)


def _follow(known: Known, view: StoreView, image: str) -> None:
    """The history of an image goes on from its parent's, if the records are such as histories can be."""
    nearest = parents(view, image)
    parent = next(iter(nearest)) if len(nearest) == 1 else image
    chain, lower = known.chain(known.top[image]), known.chain(known.top[parent])
    current: str | None = parent
    while current is not None and current != image:
        current = known.follows.get(current)
    if current is None and chain[: len(lower)] == lower:
        known.follows[image] = parent


class _Values:
    """The values that make an empty store like a view."""

    def __init__(self, store: Grounded, view: StoreView) -> None:
        self._store = store
        self.all: dict[tuple[str, tuple[int, ...]], int | bool] = {("usage", ()): view.usage}
        self._layers(view)
        self._images(view)
        self._containers(view)
        self._leases(view)

    def _put(self, symbol: str, *arguments: str, value: int | bool = True) -> None:
        sorts = self._store.ground.machine.symbol(symbol).arguments
        elements = tuple(self._store.element(s, name) for s, name in zip(sorts, arguments, strict=True))
        self.all[symbol, elements] = value

    def _layers(self, view: StoreView) -> None:
        if view.layers:
            self._put("layer", NO_LAYERS)
        for name, row in view.layers.items():
            self._put("layer", name)
            self._put("bytes", name, value=self._store.element(CONTENT, row.files))

    def _images(self, view: StoreView) -> None:
        for name, row in view.images.items():
            self._put("image", name)
            self._put("layer", NO_LAYERS)
            self._put("size", name, value=row.size)
            for reference in row.references:
                self._put("names", reference, name)
            for ancestor in row.ancestors:
                self._put("made_from", name, ancestor)

    def _containers(self, view: StoreView) -> None:
        for name, row in view.containers.items():
            self._put("container", name)
            self._put("layer", NO_LAYERS)
            self._put("image_of", name, value=self._store.element(IMAGE, row.image))
            self._put("status", name, value=STATUS.values.index(row.status))
            self._put("size_rw", name, value=row.size_rw)
            self._put("upper", name, value=self._store.element(CONTENT, row.upper))
            for called in row.names:
                self._put("called", name, called)

    def _leases(self, view: StoreView) -> None:
        for name, row in view.leases.items():
            self._put("lease", name)
            for layer in row.layers:
                self._put("holds_layer", name, layer)
            for image in row.images:
                self._put("holds_image", name, image)
