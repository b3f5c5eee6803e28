"""Which images come in archives and which an engine makes: in one run, no image does both.

An image that an engine makes (by an import, a commit, a build) has the ID that the engine gives it, and its top
layer the bytes that the engine packs; an archive that would be the very same image cannot be written beforehand.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import Rule
from layermodel.store.universe import rigid_vector
from layerproof.errors import WrongRequest
from layerproof.runs.trace import Settled
from layerproof.subject import Doable, Subject

_ARCHIVED = {"load": ("image",), "load-unnamed": ("image",), "load-damaged": ("image",),
             "load-with-parent": ("image", "parent"),
             "pull-finish": ("image",)}
"""Operations by which images come, and which of their arguments are such."""
MADE = ("import", "import-unnamed", "commit", "commit-as", "build-step", "build-add")
"""Operations by which an engine makes an image of its own."""


def runs(subject: Subject, ground: GroundMachine, engine: Any) -> list[tuple[Settled, Doable]]:
    """All universes, each with every choice of what comes in archives; first those whose layers differ most.

    What is written into the wrong layer shows only where the right one holds something else. Where containers need
    a program to run, root layers are not empty.

    Raises:
        WrongRequest: if they cannot but be empty.
    """
    layout = ground.layout
    if engine.program and layout.sizes["Content"] < 2:
        raise WrongRequest(f"the containers of {engine.name} need a program to run, and with Content=1 no layer "
                           "holds anything: take Content=2 at least")

    def alike(rigid: Vector) -> int:
        return -len({ground.read(layout.zero, rigid, "diff", layer) for layer in range(layout.sizes["Layer"])})

    return [(Settled(layout.sizes, rigid), doable) for rigid in sorted(subject.finite.universes(ground), key=alike)
            for doable in ways_of_making(ground, rigid)]


def remade(subject: Subject, ground: GroundMachine, engine: Any) -> list[tuple[Settled, Doable]]:
    """Universes in which all images have one top layer, and in which nothing is added to images.

    What is made there is made of what is there, or of one tar: no engine packs it in two ways. No image in an
    archive has the history of one that is made, which is the engine's.
    """
    layout, found = ground.layout, list[tuple[Settled, Doable]]()
    images = range(layout.sizes["Image"])
    for rigid in subject.finite.universes(ground):
        read = partial(ground.read, layout.zero, rigid)
        if len({read("top", i) for i in images}) == 1:
            found += [(Settled(layout.sizes, rigid), _unpacked(archived)) for n in range(len(images) + 1)
                      for archived in itertools.combinations(images, n)
                      if all(j in archived for i in archived for j in images if read("extends", i, j))]
    return found


def emptied(subject: Subject, ground: GroundMachine, engine: Any) -> list[tuple[Settled, Doable]]:
    """One universe: an image in an archive, and two that may be made of it, of which one has an empty layer more.

    That is what a commit without changes may come to. No universe that is explored has an empty layer.
    """
    layout = ground.layout
    layers, images, references = (layout.sizes[name] for name in ("Layer", "Image", "Reference"))
    rigid = rigid_vector(
        ground, layers=(None, 0), diffs=(1, 0), tops=(0, 0, 1), images=(None, 0, 0), digests={},
        repositories=[0] * references, measures=[0, *(1 << n for n in range(layout.sizes["Content"] - 1))])
    assert (layers, images) == (2, 3)
    return [(Settled(layout.sizes, rigid), _unpacked((0,)))]


def _unpacked(archived: Sequence[int]) -> Doable:
    """What can be done where these images come in archives, without what adds to images."""
    doable = _doable(archived, ())
    return lambda rule, arguments: rule.name not in _PACKING and doable(rule, arguments)


_PACKING = ("write", "build-step", "build-add", "pull-layer")
"""Operations by which an engine, or what is pulled, has layers of its own."""


def ways_of_making(ground: GroundMachine, rigid: Vector) -> list[Doable]:
    """Every choice of the images that come in archives, such that the others can be made beside them.

    No two images that are made have the same top layer, nor is that one of an image in an archive: what an engine
    packs twice need not be the same bytes.
    """
    layout = ground.layout
    images, layers = range(layout.sizes["Image"]), range(layout.sizes["Layer"])
    top = [int(ground.read(layout.zero, rigid, "top", i)) for i in images]
    chain = [{m for m in layers if ground.read(layout.zero, rigid, "below", m, top[i])} for i in images]
    found = []
    for archived in itertools.chain.from_iterable(
            itertools.combinations(images, n) for n in range(len(images), -1, -1)):
        made = [top[i] for i in images if i not in archived]
        packed = set[int]().union(*(chain[i] for i in archived))
        if len(set(made)) == len(made) and packed.isdisjoint(made):
            found.append(_doable(archived, packed))
    return found


def _doable(archived: Sequence[int], layers: Collection[int]) -> Doable:
    """Whether an operation can be done where these images, of these layers, come in archives."""
    def doable(rule: Rule, arguments: Vector) -> bool:
        named = {p.name: int(a) for p, a in zip(rule.parameters, arguments, strict=True)}
        if rule.name in _ARCHIVED:
            return all(named[name] in archived for name in _ARCHIVED[rule.name])
        if rule.name in MADE:
            return named["image"] not in archived
        return rule.name != "pull-layer" or named["layer"] in layers

    return doable
