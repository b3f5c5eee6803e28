"""Hypothesis strategies for stores as named rows."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from layermodel.view import ContainerRow, ImageRow, LayerRow, LeaseRow, StoreView

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
    return StoreView(
        {m: LayerRow(chains[m][:-1], sizes[m], f"content-{n}")
         for n, m in enumerate(chains, 1) if m in stored},
        {i: ImageRow(chain, sum(sizes[m] for m in chain),
                     frozenset(r for r, named_image in naming.items() if named_image == i), ancestors[i])
         for i, chain in images.items()},
        containers, leases, sum(sizes[m] for m in stored))


@st.composite
def damaged_views(draw: st.DrawFn) -> StoreView:
    """Stores from which images and layers were taken that may still be needed, and miscounted."""
    view = draw(store_views())
    images = _subset(draw, view.images)
    layers = _subset(draw, view.layers)
    return replace(
        view, images={i: row for i, row in view.images.items() if i not in images},
        layers={m: row for m, row in view.layers.items() if m not in layers},
        usage=draw(st.integers(-10, 10)))


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
