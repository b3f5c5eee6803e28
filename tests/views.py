"""Hypothesis strategies for stores as named rows, and for stores that operations reach."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine
from layermodel.store.reference import BUILDS, ROOTS, WRITES, Reference, Shape
from layermodel.store.rules import STORE
from layermodel.store.view import ContainerRow, ImageRow, LayerRow, LeaseRow, StoreView, store_view
from layermodel.store.words import DIALECTS
from layerproof.machines.store.drive import archives

LAYERS, IMAGES, REFERENCES, CONTAINERS, LEASES = 4, 4, 3, 2, 2
SIZES = st.integers(0, 5000)
ODD = ['"', "\\", "&lt;", "]", "\n", "`", "[red]", ":smile:", "%%{", "sha256:" + "0" * 64]
STATUSES = st.sampled_from(["created", "running", "paused", "exited"])


@st.composite
def store_views(draw: st.DrawFn, *, odd_names: bool = False) -> StoreView:
    """Stores that keep the laws, but that there may be layers that nothing reaches.

    Names are those of the model; or, on request, such names with any text in front.
    """
    named = _named(draw, odd_names)
    chains = _chains(draw, named)
    images, ancestors = _images(draw, named, chains)
    sizes = {name: draw(SIZES) for name in chains}
    containers = {
        named("container", n): ContainerRow(
            image, images[image], draw(STATUSES), frozenset({named("name", n)}), draw(SIZES),
            draw(st.sampled_from(["nothing", "content-1", "content-2"])))
        for n, image in enumerate(_some_of(draw, sorted(images), CONTAINERS))
    }
    leases = {
        named("lease", n): LeaseRow(_subset(draw, chains), _subset(draw, images))
        for n in range(draw(st.integers(0, LEASES)))
    }
    needed = [_subset(draw, chains), *images.values(), *(row.layers for row in leases.values())]
    stored = {m for some in needed for n in some for m in chains[n]}
    naming = _naming(draw, named, sorted(images))
    repositories = st.sampled_from(["repository-0", "repository-1"])
    told = draw(st.booleans()) and not odd_names
    return StoreView(
        {m: LayerRow(chains[m][:-1], sizes[m], f"content-{n}")
         for n, m in enumerate(chains, 1) if m in stored},
        {i: ImageRow(chain, sum(sizes[m] for m in chain),
                     frozenset(r for r, named_image in naming.items() if named_image == i), ancestors[i])
         for i, chain in images.items()},
        containers, leases, sum(sizes[m] for m in stored),
        {r: draw(repositories) for r in sorted(naming)} if told else {})


@st.composite
def damaged_views(draw: st.DrawFn) -> StoreView:
    """Stores from which images and layers were taken that may still be needed, and miscounted."""
    view = draw(store_views())
    images = _subset(draw, view.images)
    layers = _subset(draw, view.layers)
    left = {i: row for i, row in view.images.items() if i not in images}
    named = {r for row in left.values() for r in row.references}
    return replace(
        view, images=left, layers={m: row for m, row in view.layers.items() if m not in layers},
        usage=draw(st.integers(-10, 10)),
        repositories={r: name for r, name in view.repositories.items() if r in named})


# Stores that operations reach.

SHAPE = Shape(free_layers=2, free_images=3, containers=2, names=2)
_CONTENTS = {"import": ROOTS, "import-unnamed": ROOTS, "build-step": BUILDS, "build-add": BUILDS,
             "write": WRITES}
_WEIGHTS = {"prune": 1, "prune-all": 1, "container-prune": 1, "remove-by-id": 1, "remove-by-tag": 1, "untag": 1,
            "abort": 1, "load": 6, "load-with-parent": 6, "create": 6, "start": 4, "build-begin": 4}
_RULES = [r for r in STORE.rules for _ in range(_WEIGHTS.get(r.name, 2))]


@cache
def ground() -> GroundMachine:
    """The machine in which :func:`reached_stores` run."""
    return GroundMachine(STORE, SHAPE.sizes)


@st.composite
def reached_stores(draw: st.DrawFn, dialect: str) -> Reference:
    """Stores that random operations of a dialect reach from the empty one."""
    store = Reference(ground(), DIALECTS[dialect], draw(archives(SHAPE)), SHAPE)
    for tag, image in enumerate(draw(st.lists(st.sampled_from(range(SHAPE.images)), max_size=SHAPE.tags))):
        store.run("load", (image, tag))
    if draw(st.booleans()):
        _pull(store)
    for rule in draw(st.lists(st.sampled_from(_RULES), min_size=5, max_size=30)):
        named = {p.name: draw(_elements(store, p.sort.name)) for p in rule.parameters if p.role == "named"}
        if rule.name in _CONTENTS:
            named["content"] = draw(st.sampled_from(_CONTENTS[rule.name]))
        arguments = store.complete(rule, named)
        if arguments is not None and store.given(rule.name, arguments):
            store.run(rule.name, arguments)
    return store


def _pull(store):
    """Pull the image that the first digest reference pins, under a tag in the same repository."""
    image, digest = store.archives.pins[0], SHAPE.tags
    store.run("pull-begin", (0,))
    for layer in store.chain(store.read("top", image)):
        store.run("pull-layer", (0, layer))
    tag = next(r for r in range(SHAPE.tags) if store.read("repository", r) == store.read("repository", digest))
    store.run("pull-finish", (0, image, tag, digest))


def _elements(store, sort):
    """Elements of a sort: those that are there, while there are any."""
    if sort == "Bool":
        return st.booleans()
    present = {"Image": "image", "Container": "container", "Lease": "lease"}.get(sort)
    living = [e for e in store.choices(sort) if present and store.read(present, e)]
    return st.sampled_from(living or [*store.choices(sort)])


def seen(store: Reference) -> StoreView:
    """A reached store by names."""
    return store_view(store.ground, store.state, store.rigid)


def _named(draw, odd_names):
    prefixes = {}

    def named(kind, number):
        if odd_names and (kind, number) not in prefixes:
            prefixes[kind, number] = draw(st.text(max_size=4) | st.sampled_from(ODD))
        return prefixes.get((kind, number), "") + f"{kind}-{number}"

    return named


def _subset(draw, names):
    return frozenset(draw(st.sets(st.sampled_from(sorted(names))))) if names else frozenset()


def _some_of(draw, names, most):
    return draw(st.lists(st.sampled_from(names), max_size=most)) if names else []


def _chains(draw, named):
    """The chain of every layer, bottom first, itself included: a forest."""
    chains = {}
    for n in range(draw(st.integers(1, LAYERS))):
        below = draw(st.sampled_from([(), *chains.values()]))
        chains[named("layer", n)] = (*below, named("layer", n))
    return chains


def _images(draw, named, chains):
    """Images with their layers, and their recorded ancestors, whose layers they all have."""
    images, ancestors = {}, {}
    for n in range(draw(st.integers(0, IMAGES))):
        name = named("image", n)
        images[name] = draw(st.sampled_from(list(chains.values())))
        fit = [p for p in ancestors if images[name][: len(images[p])] == images[p]]
        parent = draw(st.sampled_from([None, *fit]))
        ancestors[name] = frozenset() if parent is None else ancestors[parent] | {parent}
    return images, ancestors


def _naming(draw, named, images):
    """The image that each reference names."""
    kinds = st.sampled_from(["tag", "digest"])
    return {named(draw(kinds), n): image for n, image in enumerate(_some_of(draw, images, REFERENCES))}
