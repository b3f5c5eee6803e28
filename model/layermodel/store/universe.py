"""Rigid values of the store machine over few objects: which layers there are and what lies on what.

The explorer wants all of them up to renaming; a random run wants one with room for new images. Either
way what is made here is checked against the machine's axioms.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from layermodel.language.forests import Parents, ancestors, forests
from layermodel.language.ground import GroundMachine, Vector
from layermodel.objects import LAYER
from layermodel.store.words import CONTENT, IMAGE, REFERENCE, REPOSITORY


def rigid_vector(
    ground: GroundMachine, *, layers: Parents, diffs: Sequence[int], tops: Sequence[int],
    images: Parents, digests: Mapping[int, int], repositories: Sequence[int], measures: Sequence[int],
) -> Vector:
    """Return the rigid values of the store machine.

    Args:
        layers: each layer's parent; ``diffs``: the content of its diff.
        tops: each image's top layer; ``images``: the image that its history goes on from.
        digests: digest references and the images that they pin; the others are tags.
        repositories: of each reference.
        measures: bytes of each content; the first is the empty one and has none.
    """
    layout, machine = ground.layout, ground.machine
    every = {sort: layout.elements(sort) for sort in (LAYER, IMAGE, REFERENCE, CONTENT)}
    beneath = [{n, *ancestors(layers, n)} for n in every[LAYER]]
    parents = [{*ancestors(images, n)} for n in every[IMAGE]]
    # Each symbol's values in the order of its slots: a run settles this each time that it makes an image.
    values: dict[str, Sequence[int | bool]] = {
        "below": [m in beneath[n] for m in every[LAYER] for n in every[LAYER]],
        "extends": [m in parents[n] for n in every[IMAGE] for m in every[IMAGE]],
        "diff": diffs, "top": tops, "repository": repositories, "measure": measures,
        "is_digest": [r in digests for r in every[REFERENCE]],
        "pins": [digests.get(r, 0) for r in every[REFERENCE]], "nothing": (0,)}
    return tuple(itertools.chain.from_iterable(values[symbol.name] for symbol in machine.rigid))


def universes(ground: GroundMachine) -> list[Vector]:
    """Return all rigid values over the machine's sizes, one of each class of equals up to renaming.

    Contents other than the empty one have 1, 2, 4 … bytes, so that different sets of layers have
    different sums.
    """
    layout = ground.layout
    valid = ground.axioms()
    measures = [0, *(1 << n for n in range(layout.sizes["Content"] - 1))]
    found: dict[Vector, None] = {}
    for vector in _candidates(ground, measures):
        if valid(vector):
            found.setdefault(_canonical(ground, vector))
    return sorted(found)


def _candidates(ground: GroundMachine, measures: Sequence[int]) -> Iterator[Vector]:
    layout = ground.layout
    layers, images, references = (layout.sizes[s.name] for s in (LAYER, IMAGE, REFERENCE))
    contents = range(1, layout.sizes["Content"]) or range(1)
    for layer_parents, image_parents in itertools.product(forests(layers), forests(images)):
        for diffs in itertools.product(contents, repeat=layers):
            for tops in itertools.product(range(layers), repeat=images):
                for pinned in itertools.product((None, *range(images)), repeat=references):
                    for repositories in itertools.product(
                            layout.elements(REPOSITORY), repeat=references):
                        yield rigid_vector(
                            ground, layers=layer_parents, diffs=diffs, tops=tops, images=image_parents,
                            digests={r: i for r, i in enumerate(pinned) if i is not None},
                            repositories=repositories, measures=measures)


def _canonical(ground: GroundMachine, vector: Vector) -> Vector:
    """The least of the values that differ only in how the objects are numbered."""
    layout = ground.layout
    sorts = (LAYER, IMAGE, REFERENCE, REPOSITORY)
    best: Vector | None = None
    for chosen in itertools.product(*(itertools.permutations(layout.elements(s)) for s in sorts)):
        renamed = _renamed(ground, vector, dict(zip((s.name for s in sorts), chosen, strict=True)))
        if best is None or renamed < best:
            best = renamed
    assert best is not None
    return best


def _renamed(ground: GroundMachine, vector: Vector, renaming: Mapping[str, Sequence[int]]) -> Vector:
    layout = ground.layout
    result: list[int | bool] = list(vector)
    for symbol in ground.machine.rigid:
        rename = renaming.get(symbol.result.name)
        for arguments in layout.tuples(symbol):
            moved = tuple(renaming[s.name][a] if s.name in renaming else a
                          for s, a in zip(symbol.arguments, arguments, strict=True))
            value = vector[layout.index(symbol.name, *arguments)]
            means = symbol.of is None or vector[layout.index(symbol.of, arguments[0])]
            result[layout.index(symbol.name, *moved)] = rename[value] if rename and means else value
    return tuple(result)
