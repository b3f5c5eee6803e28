"""The reference store: the grounded rules run on a concrete store that can make new images.

Its rigid part is settled as a run goes on: a few images exist from the start as archives, and slots are
kept free for those that commits, builds and imports make. A slot's rigid values are fixed when it is first
used and never again, so that at the end one rigid part explains the whole run. Before that it is free, and
given values that keep the axioms.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from layermodel.language.forests import Parents
from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Rule
from layermodel.objects import CONTAINER
from layermodel.store.universe import rigid_vector
from layermodel.store.words import LEASE

ROOTS, UPPERS, WRITES, BUILDS = range(1, 3), range(3, 5), range(5, 8), range(8, 10)
"""Contents by who makes them: root layers and further layers of archives, writes in containers, builds.

They are kept apart because an engine may pack the same files differently on each way (times in the
archive), and would then rightly store them as different layers.
"""

_TOKENS = 10


@dataclass(frozen=True)
class Shape:
    """How many archives and free slots a reference store has, and how many of everything else."""

    layers: int = 5
    images: int = 4
    free_layers: int = 4
    free_images: int = 5
    tags: int = 3
    digests: int = 2
    containers: int = 3
    names: int = 3
    leases: int = 2

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the sorts. Each free layer slot has a content of its own until it is used."""
        return {
            "Layer": self.layers + self.free_layers, "Image": self.images + self.free_images,
            "Reference": self.tags + self.digests, "Repository": 2, "Container": self.containers,
            "Name": self.names, "Lease": self.leases, "Content": _TOKENS + self.free_layers,
        }


@dataclass(frozen=True)
class Archives:
    """The images that exist as archives: layers with parents and diffs, and images on top of them."""

    layers: Parents
    diffs: tuple[int, ...]
    tops: tuple[int, ...]
    images: Parents
    pins: tuple[int, ...]

    def legal(self) -> bool:
        """No two layers are one, and an image's parent has exactly its layers but the top one."""
        identities = list(zip(self.layers, self.diffs, strict=True))
        return len(set(identities)) == len(identities) and all(
            parent is None or self.tops[parent] == self.layers[self.tops[image]]
            for image, parent in enumerate(self.images))


MEASURES = (0, 3, 7, 11, 21, 18, 34, 52, 5, 9)
"""Bytes of the contents; the reference's default, so that sums of few of them differ."""


class Reference:
    """A concrete store: a state, and a rigid part that grows."""

    def __init__(
        self, ground: GroundMachine, traits: Mapping[str, bool], archives: Archives, shape: Shape,
        measures: Sequence[int] = MEASURES,
    ) -> None:
        """Make an empty store with some archives at hand."""
        self.ground, self.shape, self.archives = ground, shape, archives
        self.traits = ground.traits(traits)
        self._layers: list[int | None] = [*archives.layers, *[None] * shape.free_layers]
        self._diffs: list[int] = [*archives.diffs, *range(_TOKENS, _TOKENS + shape.free_layers)]
        self._tops = [*archives.tops, *[0] * shape.free_images]
        self._images: list[int | None] = [*archives.images, *[None] * shape.free_images]
        self._measures = [*measures, *[0] * shape.free_layers]
        self.used_layers, self.used_images = shape.layers, shape.images
        self.roots = frozenset(ROOTS)
        self.rigid = self._settle()
        self.state = ground.initial(self.rigid, self.traits)

    @classmethod
    def fixed(cls, ground: GroundMachine, traits: Mapping[str, bool], rigid: Vector,
              program_size: int = 0) -> Reference:
        """Make an empty store with a settled rigid part, that of a trace.

        Args:
            program_size: bytes that root layers hold besides what the trace says.
        """
        sizes, layout = ground.layout.sizes, ground.layout
        read = lambda name, *a: rigid[layout.index(name, *a)]
        layers = [_nearest(sizes["Layer"], n, lambda m, n: read("below", m, n))
                  for n in range(sizes["Layer"])]
        images = [_nearest(sizes["Image"], n, lambda m, n: read("extends", n, m))
                  for n in range(sizes["Image"])]
        shape = Shape(sizes["Layer"], sizes["Image"], 0, 0, sizes["Reference"], 0, sizes["Container"],
                      sizes["Name"], sizes["Lease"])
        diffs = tuple(read("diff", n) for n in range(sizes["Layer"]))
        archives = Archives(tuple(layers), diffs, tuple(read("top", n) for n in range(sizes["Image"])),
                            tuple(images), ())
        store = cls.__new__(cls)
        store.ground, store.shape, store.archives = ground, shape, archives
        store.traits = ground.traits(traits)
        store._layers, store._diffs, store._tops = list(layers), list(diffs), list(archives.tops)
        store._images, store._measures = list(images), [read("measure", k) for k in range(sizes["Content"])]
        store.used_layers, store.used_images = shape.layers, shape.images
        store.roots = frozenset(d for d, parent in zip(diffs, layers, strict=True) if parent is None)
        settled = list(rigid)
        for content in store.roots:
            settled[layout.index("measure", content)] += program_size
            store._measures[content] += program_size
        store.rigid = tuple(settled)
        store.state = ground.initial(store.rigid, store.traits)
        return store

    def measure(self, content: int) -> int:
        """The size of a content, bytes."""
        return self._measures[content]

    def _settle(self) -> Vector:
        tags = self.shape.tags
        return rigid_vector(
            self.ground, layers=self._layers, diffs=self._diffs, tops=self._tops, images=self._images,
            digests={tags + n: image for n, image in enumerate(self.archives.pins)},
            repositories=[n % 2 for n in range(tags + self.shape.digests)], measures=self._measures)

    def read(self, name: str, *arguments: int) -> int:
        """The value of a symbol now."""
        return int(self.ground.read(self.state, self.rigid, name, *arguments))

    def given(self, rule: str, arguments: Vector) -> bool:
        """Whether the arguments are such as the rule presupposes."""
        compiled = self.ground.rule(rule)
        return bool(compiled.given(self.state, self.state, self.rigid, self.traits, arguments))

    def run(self, rule: str, arguments: Vector) -> Outcome:
        """Do an operation; the state becomes that of the outcome, which is returned."""
        outcome = self.ground.rule(rule).run(self.state, self.rigid, self.traits, arguments)
        self.state = outcome.state
        return outcome

    # What an operation makes or finds.

    def complete(self, rule: Rule, named: Mapping[str, int]) -> Vector | None:
        """Add to the arguments that a caller names those that the operation makes or finds.

        Returns None where no slot is free for what would be made, or no choice is as the rule presupposes.
        """
        values = dict(named)
        for parameter in rule.parameters:
            if parameter.role == "new":
                made = self._new(rule.name, parameter.sort.name, named)
                if made is None:
                    return None
                values[parameter.name] = made
        return self._find(rule, values)

    def _find(self, rule: Rule, values: Mapping[str, int]) -> Vector | None:
        """Add the arguments that the others determine: those with which the rule's presuppositions hold."""
        unknown = [p for p in rule.parameters if p.name not in values]
        ranges = [self.choices(p.sort.name) for p in unknown]
        for elements in itertools.product(*ranges):
            found = dict(values) | dict(zip((p.name for p in unknown), elements, strict=True))
            arguments = tuple(found[p.name] for p in rule.parameters)
            if self.given(rule.name, arguments):
                return arguments
        return None

    def _new(self, rule: str, sort: str, named: Mapping[str, int]) -> int | None:
        if sort in ("Container", "Lease"):
            relation, which = ("container", CONTAINER) if sort == "Container" else ("lease", LEASE)
            return next((e for e in self.ground.layout.elements(which) if not self.read(relation, e)), None)
        if rule.startswith("import"):
            return self._image(None, self._layer(None, named["content"]))
        if rule == "commit":
            if not self.read("container", named["container"]):
                return 0
            parent, content = self.read("image_of", named["container"]), self.read("upper", named["container"])
        else:
            parent, content = named["parent"], named["content"]
            if not self.read("image", parent):
                return 0
        top = self.read("top", parent)
        adds = content != 0 or self.traits[self._trait("commit_adds_empty_layer")]
        return self._image(parent, self._layer(top, content) if adds else top)

    def _trait(self, name: str) -> int:
        return [t.name for t in self.ground.machine.traits].index(name)

    def _layer(self, parent: int | None, content: int) -> int | None:
        """The layer of a diff on a parent: the one that there is, or a free slot."""
        for layer in range(self.used_layers):
            if self._layers[layer] == parent and self._diffs[layer] == content:
                return layer
        if self.used_layers == len(self._layers):
            return None
        layer = self.used_layers
        self.used_layers += 1
        self._layers[layer], self._diffs[layer] = parent, content
        self.rigid = self._settle()
        return layer

    def _image(self, parent: int | None, top: int | None) -> int | None:
        if top is None or self.used_images == len(self._images):
            return None
        image = self.used_images
        self.used_images += 1
        self._images[image], self._tops[image] = parent, top
        self.rigid = self._settle()
        return image

    def chain(self, layer: int) -> list[int]:
        """The layers of a chain, bottom first."""
        result: list[int] = []
        current: int | None = layer
        while current is not None:
            result.insert(0, current)
            current = self._layers[current]
        return result

    def content(self, layer: int) -> int:
        """The content of a layer's diff."""
        return self._diffs[layer]

    def choices(self, sort: str) -> range:
        """The elements of a sort that a caller may name: layers and images once they exist."""
        bounds = {"Layer": self.shape.layers, "Image": self.used_images}
        sorts = {s.name: s for s in self.ground.machine.sorts}
        return range(bounds[sort]) if sort in bounds else self.ground.layout.elements(sorts[sort])




def _nearest(count: int, child: int, related: Callable[[int, int], object]) -> int | None:
    """The nearest strict ancestor of an object in a forest: the one with most ancestors of its own."""
    above = [m for m in range(count) if m != child and related(m, child)]
    depths = {m: sum(bool(related(k, m)) for k in range(count)) for m in above}
    return max(depths, key=depths.__getitem__, default=None)
