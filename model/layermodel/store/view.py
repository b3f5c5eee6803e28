"""A concrete store read out of a state vector: named rows instead of slots.

It is what reports, the dependency graph and traces speak of. Elements are called ``image-0``,
``layer-2``, ``container-1``; a reference also carries whether it is a digest. A store that was read from
an archive has the names that engines use. :mod:`layermodel.store.grounded` goes the other way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from layermodel.language.ground import GroundMachine, Vector, usual_name
from layermodel.language.rules import Sort
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.words import CONTENT, IMAGE, LEASE, NAME, REFERENCE, REPOSITORY, STATUS

NO_LAYERS = ""
"""The layer that stands for a chain without layers (an image of metadata alone); no row ever has it."""

Naming = Callable[[Sort, int], str]
"""From an element of a sort to its name."""

_DIGEST = re.compile(r"@|^digest-\d+$")
_TAGGED = re.compile(r"(.+?)(@.*|:[^/:]*)")


@dataclass(frozen=True)
class LayerRow:
    """A stored layer: the layers beneath it (bottom first), its size in bytes, and its files' name."""

    beneath: tuple[str, ...]
    size: int
    files: str


@dataclass(frozen=True)
class ImageRow:
    """A present image: its layers (bottom first), recorded size, references, and recorded ancestors."""

    layers: tuple[str, ...]
    size: int
    references: frozenset[str]
    ancestors: frozenset[str]


@dataclass(frozen=True)
class ContainerRow:
    """A container: its image (which may be absent), status, names, SizeRw in bytes, upper's files."""

    image: str
    layers: tuple[str, ...]
    status: str
    names: frozenset[str]
    size_rw: int
    upper: str


@dataclass(frozen=True)
class LeaseRow:
    """An operation in progress: the layers and images that it holds."""

    layers: frozenset[str]
    images: frozenset[str]


@dataclass(frozen=True)
class StoreView:
    """A store, by the names of its objects.

    Attributes:
        usage: bytes of stored layers as accounted.
        repositories: the repositories of those references whose names do not tell them (``tag-0``).
    """

    layers: Mapping[str, LayerRow]
    images: Mapping[str, ImageRow]
    containers: Mapping[str, ContainerRow]
    leases: Mapping[str, LeaseRow]
    usage: int
    repositories: Mapping[str, str] = field(default_factory=dict)


def element_name(sort: Sort, element: int) -> str:
    """Return what reports call an element, e.g. ``image-0``; the content 0 is nothing."""
    return "nothing" if sort == CONTENT and element == 0 else usual_name(sort, element)


def store_view(
    ground: GroundMachine, state: Vector, rigid: Vector, naming: Naming | None = None,
) -> StoreView:
    """Read a store out of a state of the store machine.

    Args:
        naming: what elements are called; without it they have the model's names.
    """
    return _Reading(ground, state, rigid, naming).view()


class _Reading:
    """A state, and what its elements are called."""

    def __init__(self, ground: GroundMachine, state: Vector, rigid: Vector, naming: Naming | None) -> None:
        self._ground, self._state, self._rigid = ground, state, rigid
        self._label = naming or self._model_name

    def _read(self, name: str, *arguments: int) -> int:
        return int(self._ground.read(self._state, self._rigid, name, *arguments))

    def _model_name(self, sort: Sort, element: int) -> str:
        return reference_name(self._read, element) if sort == REFERENCE else element_name(sort, element)

    def _present(self, sort: Sort, relation: str) -> dict[str, int]:
        """The elements of a sort that are in a relation of one place, by their names."""
        found = {self._label(sort, e): e for e in self._ground.layout.elements(sort)
                 if self._read(relation, e)}
        found.pop(NO_LAYERS, None)
        return found

    def _names(self, sort: Sort, holds: Callable[[int], int]) -> frozenset[str]:
        return frozenset(self._label(sort, e) for e in self._ground.layout.elements(sort) if holds(e))

    def _chain(self, layer: int) -> tuple[str, ...]:
        """The layers of a chain, bottom first."""
        found = sorted(self._below[layer], key=lambda m: len(self._below[m]))
        return tuple(name for name in (self._label(LAYER, m) for m in found) if name != NO_LAYERS)

    @cached_property
    def _below(self) -> list[list[int]]:
        """For each layer itself and those beneath."""
        elements = self._ground.layout.elements(LAYER)
        return [[k for k in elements if self._read("below", k, m)] for m in elements]

    def view(self) -> StoreView:
        """Read the whole store."""
        images = {name: self._image(i) for name, i in self._present(IMAGE, "image").items()}
        used = frozenset().union(*(row.references for row in images.values()))
        return StoreView(
            {name: self._layer(m) for name, m in self._present(LAYER, "layer").items()},
            images,
            {name: self._container(c) for name, c in self._present(CONTAINER, "container").items()},
            {name: self._lease(x) for name, x in self._present(LEASE, "lease").items()},
            self._read("usage"),
            self._repositories(used))

    def _layer(self, m: int) -> LayerRow:
        return LayerRow(self._chain(m)[:-1], self._read("measure", self._read("diff", m)),
                        self._label(CONTENT, self._read("bytes", m)))

    def _image(self, i: int) -> ImageRow:
        return ImageRow(
            self._chain(self._read("top", i)), self._read("size", i),
            self._names(REFERENCE, lambda r: self._read("names", r, i)),
            self._names(IMAGE, lambda x: self._read("made_from", i, x)))

    def _container(self, c: int) -> ContainerRow:
        image = self._read("image_of", c)
        return ContainerRow(
            self._label(IMAGE, image), self._chain(self._read("top", image)),
            self._label(STATUS, self._read("status", c)),
            self._names(NAME, lambda n: self._read("called", c, n)),
            self._read("size_rw", c), self._label(CONTENT, self._read("upper", c)))

    def _lease(self, x: int) -> LeaseRow:
        return LeaseRow(self._names(LAYER, lambda m: self._read("holds_layer", x, m)),
                        self._names(IMAGE, lambda i: self._read("holds_image", x, i)))

    def _repositories(self, references: frozenset[str]) -> dict[str, str]:
        """The repositories of the references that a store uses, as far as names do not tell them."""
        found = {}
        for r in self._ground.layout.elements(REFERENCE):
            name, repository = self._label(REFERENCE, r), self._label(REPOSITORY, self._read("repository", r))
            if name in references and repository not in (repository_in(name), ""):
                found[name] = repository
        return found


def reference_name(read: Callable[..., int], reference: int) -> str:
    """Return what reports call a reference: ``tag-0`` or ``digest-1``."""
    return f"{'digest' if read('is_digest', reference) else 'tag'}-{reference}"


def is_digest(reference: str) -> bool:
    """Whether a reference is a digest (``repo@sha256:…``, or ``digest-1`` in the model), not a tag."""
    return _DIGEST.search(reference) is not None


def repository_in(reference: str) -> str | None:
    """Return the repository part of a reference as engines write it; None of the model's own names."""
    found = _TAGGED.fullmatch(reference)
    return found[1] if found else None


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
