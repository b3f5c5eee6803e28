"""Random runs of the store machine: what there is as archives, and what callers say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import BOOL, Machine, Rule, Sort
from layermodel.language.run import Run
from layermodel.language.terms import Layout
from layermodel.objects import LAYER
from layermodel.store.reference import BUILDS, ROOTS, UPPERS, WRITES, Archives, Reference, Shape
from layermodel.store.words import IMAGE, LEASE, REFERENCE
from layerproof.runs.monitor import Bench
from layerproof.runs.trace import Event, Scene, Settled, Trace
from layerproof.subject import Drivable, Subject, Traits
from layerproof.usual import numbers

SHAPE = Shape()
"""What random runs have."""

_CONTENTS = {"import": ROOTS, "import-unnamed": ROOTS, "build-step": BUILDS, "build-add": BUILDS,
             "write": WRITES}
_WEIGHTS = {"create": 12, "load": 6, "start": 6, "tag": 6, "build-step": 4, "pull-layer": 6, "prune": 3,
            "pull-finish": 9, "build-add": 9, "remove-by-digest": 6, "pause": 9, "remove": 6,
            "prune-all": 1, "container-prune": 1, "abort": 3, "load-damaged": 1, "load-unnamed": 1,
            "import-unnamed": 1}
"""How often a rule is chosen: more often what most others need, more seldom what sweeps or fills up."""

_OF_BUILDS = {"build-add": "parent", "build-finish": "image"}
"""Operations on an image that a build holds."""
_TAG_ONLY = ("pull-finish", "build-finish")
_TAG_USUALLY = ("load", "import", "commit-as")
_LIVE = {"Image": "image", "Container": "container", "Lease": "lease"}
_FEW = 2
_TRIES = 150
"""Runs that simplifying one finding may take: a run on a real engine takes about a second."""


@dataclass(frozen=True)
class Drawn:
    """The scene of a random run: archives, and what is loaded, pulled and created before all else.

    Attributes:
        loaded: images, each under a tag of its own.
        pulled: pull the image that the first digest reference pins.
        created: containers of the first image that is there.
    """

    archives: Archives
    loaded: tuple[int, ...]
    pulled: bool
    created: int

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of objects of each sort."""
        return SHAPE.sizes


def archives(shape: Shape) -> st.SearchStrategy[Archives]:
    """Draw the images that exist as archives. They are shrunk as such: one number is enough."""
    return numbers().map(lambda n: _archives(Random(n), shape))


def _archives(random: Random, shape: Shape) -> Archives:
    layers: list[int | None] = [None]
    diffs = [random.choice(ROOTS)]
    for n in range(1, shape.layers):
        taken = set(zip(layers, diffs, strict=True))
        free = [(p, d) for p in (None, *range(n)) for d in (ROOTS if p is None else UPPERS)
                if (p, d) not in taken]
        parent, diff = random.choice(free)
        layers.append(parent)
        diffs.append(diff)
    tops: list[int] = []
    images: list[int | None] = []
    for n in range(shape.images):
        plain = [(top, None) for top in range(shape.layers)]
        children = [(top, j) for top in range(shape.layers) for j in range(n) if tops[j] == layers[top]]
        chosen: tuple[int, int | None] = random.choice(random.choice((plain, children or plain)))
        tops.append(chosen[0])
        images.append(chosen[1])
    pins = tuple(random.randrange(shape.images) for _ in range(shape.digests))
    return Archives(tuple(layers), tuple(diffs), tuple(tops), tuple(images), pins)


def scenes(_: Subject, __: Bench) -> st.SearchStrategy[Drawn]:
    """Draw what a run starts from."""
    return numbers().map(lambda number: _drawn(Random(number)))


def _drawn(random: Random) -> Drawn:
    loaded = tuple(random.randrange(SHAPE.images) for _ in range(random.randrange(SHAPE.tags + 1)))
    return Drawn(_archives(random, SHAPE), loaded, random.random() < 0.5, random.randrange(3))


def begin(ground: GroundMachine, scene: Any, traits: Traits) -> Run:
    """Make an empty store of what was drawn, or over settled rigid values."""
    if isinstance(scene, Drawn):
        return Reference(ground, traits, scene.archives, SHAPE)
    return Reference.fixed(ground, traits, scene.rigid)


def scene_of(run: Run) -> Scene:
    """The rigid values of all that was made, without what only one engine has."""
    assert isinstance(run, Reference)
    return Settled(run.ground.layout.sizes, run.unburdened)


def opening(run: Run, scene: Any) -> Iterator[tuple[str, Vector]]:
    """What is loaded, pulled and created first."""
    if not isinstance(scene, Drawn):
        return
    assert isinstance(run, Reference)
    yield from (("load", (i, r)) for r, i in enumerate(scene.loaded))
    present = list(scene.loaded)
    if scene.pulled and SHAPE.digests:
        yield from _pull(run)
        present.insert(0, scene.archives.pins[0])
    yield from (("create", (present[0], c, c)) for c in range(scene.created if present else 0))


def _pull(reference: Reference) -> list[tuple[str, Vector]]:
    """The operations that pull the first image that has a digest reference."""
    image, digest = reference.archives.pins[0], SHAPE.tags
    layers = reference.chain(reference.read("top", image))
    tag = next(r for r in range(SHAPE.tags)
               if reference.read("repository", r) == reference.read("repository", digest))
    steps: list[tuple[str, Vector]] = [("pull-begin", (0,)), *(("pull-layer", (0, m)) for m in layers)]
    return [*steps, ("pull-finish", (0, image, tag, digest))]


# What callers say.


def choose(run: Run, rule: Rule, random: Random) -> Vector | None:
    """Choose what a caller says: most operations are to find what they name, some of it removed or never there."""
    assert isinstance(run, Reference)
    if rule.sweeps and _objects(run) <= _FEW:  # there is little to sweep in an almost empty store
        return None
    usual = random.randrange(_SELDOM) > 0 and not rule.name.startswith("load")
    named = {}
    for parameter in (p for p in rule.parameters if p.role == "named"):
        element = random.randrange(2) if parameter.sort == BOOL else random.choice(
            _elements(run, rule.name, parameter.name, parameter.sort.name))
        named[parameter.name] = _living(run, parameter.sort.name, element) if usual else element
    if usual and rule.name in _OF_BUILDS and random.randrange(_SOMETIMES):
        held = [i for i in run.choices("Image") if run.read("holds_image", named["lease"], i)]
        if held:
            named[_OF_BUILDS[rule.name]] = random.choice(held)
    if rule.name in _CONTENTS:
        named["content"] = random.choice(_CONTENTS[rule.name])
    return run.complete(rule, named)


_SELDOM = 8
"""Once in so many times an operation may name what is not there."""
_SOMETIMES = 4
"""Once in so many times a build goes on with any image that is there, whether it holds that or not."""


def _elements(run: Reference, rule: str, name: str, sort: str) -> Sequence[int]:
    """The elements that an argument may be: archives, and what earlier steps made."""
    tags, digests = range(SHAPE.tags), range(SHAPE.tags, SHAPE.tags + SHAPE.digests)
    if name == "digest" or (rule == "remove-by-digest" and name == "reference"):
        return digests
    if name == "reference" and rule in _TAG_ONLY:
        return tags
    if name == "reference" and rule in _TAG_USUALLY:
        return (*tags, *tags, *tags, SHAPE.tags)
    if sort == "Image" and rule.startswith("load"):
        return range(SHAPE.images)
    return run.choices(sort)


def _objects(reference: Reference) -> int:
    """The number of images and containers that are there."""
    return sum(bool(reference.read(relation, e)) for sort, relation in (
        ("Image", "image"), ("Container", "container")) for e in reference.choices(sort))


def _living(reference: Reference, sort: str, element: int) -> int:
    """The element, or if it is not there one that is."""
    if sort == "Reference":
        images = reference.choices("Image")
        living = [r for r in reference.choices(sort) if any(reference.read("names", r, i) for i in images)
                  and reference.read("is_digest", r) == reference.read("is_digest", element)]
    elif sort in _LIVE:
        living = [e for e in reference.choices(sort) if reference.read(_LIVE[sort], e)]
    else:
        return element
    return element if element in living or not living else living[element % len(living)]


# Simpler runs.


def simpler(machine: Machine, rules: Collection[str]) -> list[Callable[[Trace], Iterator[Trace]]]:
    """Ways to runs in which an image is loaded however it was made, has fewer layers, or is an earlier one."""
    return [lambda trace: (replace(trace, events=e) for e in _loaded(machine, rules, trace.events)),
            lambda trace: (replace(trace, events=e) for e in _fewer_layers(machine, trace)),
            lambda trace: (replace(trace, events=e) for e in _earlier(machine, trace.events))]


_Events = tuple[Event, ...]


def _loaded(machine: Machine, rules: Collection[str], events: _Events) -> Iterator[_Events]:
    for number in reversed(range(len(events))):
        before, event, after = events[:number], events[number], events[number + 1:]
        for load in _loads(machine.rule_by_name[event.rule], event, rules):
            yield (*_apart(machine, before, event), load, *after)
            yield (*before, load, *after)


def _fewer_layers(machine: Machine, trace: Trace) -> Iterator[_Events]:
    """Runs in which an image that is loaded is another one, which has fewer layers."""
    if not isinstance(trace.scene, Settled):
        return
    layout, rigid = Layout.of(machine, trace.scene.sizes), trace.scene.rigid

    def layers(image: int) -> int:
        top = int(rigid[layout.index("top", image)])
        return sum(bool(rigid[layout.index("below", m, top)]) for m in layout.elements(LAYER))

    spoken = set[int]().union(*(_spoken(machine, event, IMAGE) for event in trace.events))
    loaded = set[int]().union(*(_spoken(machine, e, IMAGE) for e in trace.events if e.rule.startswith("load")))
    for image in sorted(loaded, key=layers, reverse=True):
        for other in sorted(layout.elements(IMAGE), key=layers):
            if layers(other) < layers(image) and other not in spoken:
                yield tuple(replace(event, arguments=tuple(
                    other if p.sort == IMAGE and a == image else a for p, a in zip(
                        machine.rule_by_name[event.rule].parameters, event.arguments, strict=True)))
                    for event in trace.events)


def _loads(rule: Rule, event: Event, rules: Collection[str]) -> Iterator[Event]:
    """Loads of the image that an operation makes, without a name or with the one that it gives."""
    given = dict(zip(rule.parameters, event.arguments, strict=True))
    made = [value for p, value in given.items() if p.sort == IMAGE and p.role != "named"]
    names = [value for p, value in given.items() if p.sort == REFERENCE]
    if made and not event.rule.startswith("load"):
        if "load-unnamed" in rules:
            yield Event("load-unnamed", (made[0],), None)
        if "load" in rules and names:
            yield Event("load", (made[0], names[0]), None)


def _apart(machine: Machine, events: _Events, event: Event) -> _Events:
    """The operations that are not part of the same pull or build as another one."""
    leases = _spoken(machine, event, LEASE)
    return tuple(e for e in events if not leases & _spoken(machine, e, LEASE))


def _spoken(machine: Machine, event: Event, sort: Sort) -> set[int]:
    """The elements of a sort that an operation speaks of."""
    parameters = machine.rule_by_name[event.rule].parameters
    return {value for p, value in zip(parameters, event.arguments, strict=True) if p.sort == sort}


def _earlier(machine: Machine, events: _Events) -> Iterator[_Events]:
    for number in reversed(range(len(events))):
        event = events[number]
        for position, parameter in enumerate(machine.rule_by_name[event.rule].parameters):
            for value in _smaller(machine, events[:number], parameter.sort, event.arguments[position]):
                arguments = (*event.arguments[:position], value, *event.arguments[position + 1:])
                yield (*events[:number], Event(event.rule, arguments, event.refusal), *events[number + 1:])


def _smaller(machine: Machine, events: _Events, sort: Sort, value: int) -> list[int]:
    """Smaller elements of a sort that earlier operations speak of; False for True."""
    if sort.name == "Bool":
        return [0] if value else []
    spoken: set[int] = set().union(*(_spoken(machine, event, sort) for event in events))
    return sorted(element for element in spoken if element < value)


def drivable() -> Drivable:
    """What random runs of the store machine ask."""
    return Drivable(SHAPE.sizes, scenes, begin, scene_of, opening, choose, _WEIGHTS, simpler, _TRIES)
