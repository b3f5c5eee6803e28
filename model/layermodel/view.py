"""A concrete store read out of a state vector: named rows instead of slots.

It is what reports, the dependency graph and traces speak of. Elements are called ``image-0``,
``layer-2``, ``container-1``; a reference also carries whether it is a digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from layermodel.ground import GroundMachine, Vector
from layermodel.rules import Sort
from layermodel.store import CONTAINER, CONTENT, IMAGE, LAYER, LEASE, NAME, REFERENCE, STATUS


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
    """A store, by the names of its objects."""

    layers: Mapping[str, LayerRow]
    images: Mapping[str, ImageRow]
    containers: Mapping[str, ContainerRow]
    leases: Mapping[str, LeaseRow]
    usage: int


def element_name(sort: Sort, element: int) -> str:
    """Return what reports call an element, e.g. ``image-0``; values of enumerated sorts as they are."""
    if sort.values:
        return sort.values[element]
    if sort.name == "Bool":
        return "true" if element else "false"
    if sort == CONTENT and element == 0:
        return "nothing"
    return f"{sort.name.lower()}-{element}"


def store_view(ground: GroundMachine, state: Vector, rigid: Vector) -> StoreView:
    """Read a store out of a state of the store machine."""
    def read(name: str, *arguments: int) -> int:
        return int(ground.read(state, rigid, name, *arguments))

    elements = ground.layout.elements
    label = element_name

    def chain(image: int) -> tuple[str, ...]:
        found = [m for m in elements(LAYER) if read("below", m, read("top", image))]
        found.sort(key=lambda m: sum(read("below", k, m) for k in elements(LAYER)))
        return tuple(label(LAYER, m) for m in found)

    layers = {
        label(LAYER, m): LayerRow(
            tuple(label(LAYER, k) for k in sorted(
                elements(LAYER), key=lambda k: sum(read("below", j, k) for j in elements(LAYER)))
                if k != m and read("below", k, m)),
            read("measure", read("diff", m)), label(CONTENT, read("bytes", m)))
        for m in elements(LAYER) if read("layer", m)
    }
    images = {
        label(IMAGE, i): ImageRow(
            chain(i), read("size", i),
            frozenset(reference_name(read, r) for r in elements(REFERENCE) if read("names", r, i)),
            frozenset(label(IMAGE, x) for x in elements(IMAGE) if read("made_from", i, x)))
        for i in elements(IMAGE) if read("image", i)
    }
    containers = {
        label(CONTAINER, c): ContainerRow(
            label(IMAGE, read("image_of", c)), chain(read("image_of", c)),
            label(STATUS, read("status", c)),
            frozenset(label(NAME, n) for n in elements(NAME) if read("called", c, n)),
            read("size_rw", c), label(CONTENT, read("upper", c)))
        for c in elements(CONTAINER) if read("container", c)
    }
    leases = {
        label(LEASE, x): LeaseRow(
            frozenset(label(LAYER, m) for m in elements(LAYER) if read("holds_layer", x, m)),
            frozenset(label(IMAGE, i) for i in elements(IMAGE) if read("holds_image", x, i)))
        for x in elements(LEASE) if read("lease", x)
    }
    return StoreView(layers, images, containers, leases, read("usage"))


def reference_name(read: Callable[..., int], reference: int) -> str:
    """Return what reports call a reference: ``tag-0`` or ``digest-1``."""
    return f"{'digest' if read('is_digest', reference) else 'tag'}-{reference}"
