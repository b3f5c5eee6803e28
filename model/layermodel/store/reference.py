"""The reference store: the grounded rules run on a concrete store that can make new images.

Its rigid part is settled as a run goes on: a few images exist from the start as archives, and slots are
kept free for those that commits, builds and imports make. A slot's rigid values are fixed when it is first
used and never again, so that at the end one rigid part explains the whole run. Before that it is free, and
given values that keep the axioms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layermodel.language.forests import Parents
from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Parameter, Rule
from layermodel.language.run import Run
from layermodel.objects import CONTAINER
from layermodel.store.universe import rigid_vector
from layermodel.store.words import IMAGE, LEASE

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


MEASURES = (0, 3, 7, 11, 21, 18, 34, 52, 5, 9)
"""Bytes of the contents; the reference's default, so that sums of few of them differ."""


class Reference(Run):
    """A concrete store: a state, and a rigid part that grows."""

    def __init__(
        self, ground: GroundMachine, traits: Mapping[str, bool], archives: Archives, shape: Shape,
        measures: Sequence[int] = MEASURES,
    ) -> None:
        """Make an empty store with some archives at hand.

        Args:
            measures: bytes of the contents, those of free layers after the others; what is not said is 0.
        """
        self.shape, self.archives = shape, archives
        self._layers: list[int | None] = [*archives.layers, *[None] * shape.free_layers]
        self._diffs: list[int] = [*archives.diffs, *range(_TOKENS, _TOKENS + shape.free_layers)]
        self._tops = [*archives.tops, *[0] * shape.free_images]
        self._images: list[int | None] = [*archives.images, *[None] * shape.free_images]
        self._measures = [*measures, *[0] * (shape.sizes["Content"] - len(measures))]
        self.used_layers, self.used_images = shape.layers, shape.images
        self.roots = frozenset(ROOTS)
        self._burden = 0
        self._thoughts: dict[tuple[str, Vector], Any] = {}
        super().__init__(ground, traits, self._settle(ground))

    @classmethod
    def fixed(cls, ground: GroundMachine, traits: Mapping[str, bool], rigid: Vector) -> Reference:
        """Make an empty store with a settled rigid part, that of a trace."""
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
        store.shape, store.archives = shape, archives
        store._layers, store._diffs, store._tops = list(layers), list(diffs), list(archives.tops)
        store._images, store._measures = list(images), [read("measure", k) for k in range(sizes["Content"])]
        store.used_layers, store.used_images = shape.layers, shape.images
        store.roots = frozenset(d for d, parent in zip(diffs, layers, strict=True) if parent is None)
        store._burden, store._thoughts = 0, {}
        Run.__init__(store, ground, traits, rigid)
        return store

    def burden(self, size: int) -> None:
        """Have the contents of root layers hold so many bytes more: those of an engine's own program.

        To be said before any operation is done. A root layer of nothing holds no program either.
        """
        self.roots -= {self.rigid[self.ground.layout.index("nothing")]}
        self._burden, self.rigid = size, self._lightened(-size)
        for content in self.roots:
            self._measures[content] += size

    def _lightened(self, size: int) -> Vector:
        """The rigid values with root layers that hold so many bytes less."""
        rigid, layout = list(self.rigid), self.ground.layout
        for content in self.roots:
            rigid[layout.index("measure", content)] -= size
        return tuple(rigid)

    @property
    def unburdened(self) -> Vector:
        """The rigid values without what :meth:`burden` added, which another engine may not have."""
        return self._lightened(self._burden)

    def measure(self, content: int) -> int:
        """The size of a content, bytes."""
        return self._measures[content]

    def _settle(self, ground: GroundMachine) -> Vector:
        tags = self.shape.tags
        return rigid_vector(
            ground, layers=self._layers, diffs=self._diffs, tops=self._tops, images=self._images,
            digests={tags + n: image for n, image in enumerate(self.archives.pins)},
            repositories=[n % 2 for n in range(tags + self.shape.digests)], measures=self._measures)

    # What an operation makes or finds.

    def run(self, rule: str, arguments: Vector) -> Outcome:
        """Do an operation; the slots for what it makes are used from now on, even if it is refused."""
        self._use(self.ground.machine.rule_by_name[rule], arguments)
        return super().run(rule, arguments)

    def settled(self, rule: Rule, arguments: Vector) -> Vector | None:
        """See :meth:`~layermodel.language.run.Run.settled`; the slots for what it makes are used from now on."""
        found = super().settled(rule, arguments)
        if found is not None:
            self._use(rule, found)
        return found

    def complete(self, rule: Rule, named: Mapping[str, int]) -> Vector | None:
        """See :meth:`~layermodel.language.run.Run.complete`; slots are used when the operation is done."""
        found = super().complete(rule, named)
        if found is not None:
            self._thoughts[rule.name, found] = self._slots
        return found

    def choose(self, rule: Rule, arguments: Vector) -> None:
        """See :meth:`~layermodel.language.run.Run.choose`: others may have been thought of for its slots since."""
        if (slots := self._thoughts.get((rule.name, arguments), self._slots)) != self._slots:
            self._slots = slots
            self.rigid = self._settle(self.ground)
        self._use(rule, arguments)

    @property
    def _slots(self) -> tuple[list[int | None], list[int], list[int | None], list[int]]:
        """What the next slots would be: an image's parent and top layer, and a layer's parent and diff."""
        image, layer = slice(self.used_images, self.used_images + 1), slice(self.used_layers, self.used_layers + 1)
        return self._images[image], self._tops[image], self._layers[layer], self._diffs[layer]

    @_slots.setter
    def _slots(self, slots: tuple[list[int | None], list[int], list[int | None], list[int]]) -> None:
        image, layer = slice(self.used_images, self.used_images + 1), slice(self.used_layers, self.used_layers + 1)
        self._images[image], self._tops[image], self._layers[layer], self._diffs[layer] = slots

    def _use(self, rule: Rule, arguments: Vector) -> None:
        """Have the slots that an operation speaks of used, so that the next ones are free."""
        self._thoughts.clear()
        for parameter, element in zip(rule.parameters, arguments, strict=True):
            if parameter.sort == IMAGE and element == self.used_images:
                self.used_images += 1
                self.used_layers = max(self.used_layers, self._tops[element] + 1)

    def candidates(self, rule: Rule, parameter: Parameter, named: Mapping[str, int]) -> Sequence[int]:
        """The slot for what would be made, if one is free; all objects that may be found."""
        if parameter.role != "new":
            return self.choices(parameter.sort.name)
        made = self._new(rule.name, parameter.sort.name, named)
        return [] if made is None else [made]

    def settled_elements(self, parameter: Parameter) -> Sequence[int]:
        """All but the slots that are free for images that are yet to be made."""
        return range(self.used_images) if parameter.sort.name == "Image" else self.elements(parameter)

    def _new(self, rule: str, sort: str, named: Mapping[str, int]) -> int | None:
        if sort in ("Container", "Lease"):
            relation, which = ("container", CONTAINER) if sort == "Container" else ("lease", LEASE)
            return next((e for e in self.ground.layout.elements(which) if not self.read(relation, e)), None)
        if rule.startswith("import"):
            return self._image(None, self._layer(None, named["content"]))
        if rule in ("commit", "commit-as"):
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
        self._layers[layer], self._diffs[layer] = parent, content
        self.rigid = self._settle(self.ground)
        return layer

    def _image(self, parent: int | None, top: int | None) -> int | None:
        if top is None or self.used_images == len(self._images):
            return None
        image = self.used_images
        self._images[image], self._tops[image] = parent, top
        self.rigid = self._settle(self.ground)
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
