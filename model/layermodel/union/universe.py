"""Rigid values of the union machine over few paths: the trees there are, and what an image may show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from layermodel.language.forests import forests
from layermodel.language.ground import GroundMachine, Vector
from layermodel.union.trees import DIRECTORY, FILE, Merger, Node, Paths, Shown

_LETTERS = "abcdefgh"


def trees(count: int) -> Iterator[Paths]:
    """Yield every tree of so many paths, one of each class of equals up to renaming."""
    found = set()
    for parents in forests(count - 1):
        shape = _shape(parents, None)
        if shape not in found:
            found.add(shape)
            yield Paths(("", *_named(parents)))


def _shape(parents: tuple[int | None, ...], root: int | None) -> tuple[object, ...]:
    """What is under a path, in an order that does not depend on numbers."""
    return tuple(sorted((_shape(parents, n) for n, p in enumerate(parents) if p == root), key=repr))


def _named(parents: tuple[int | None, ...]) -> list[str]:
    """The names of paths whose parents come before them."""
    names: list[str] = []
    for n, parent in enumerate(parents):
        letter = _LETTERS[sum(p == parent for p in parents[:n])]
        names.append(letter if parent is None else f"{names[parent]}/{letter}")
    return names


def images(paths: Paths, values: int, times: int = 2) -> Iterator[Shown]:
    """Yield what an image may show: at each path nothing, a directory, a file, or a hard link to one.

    Args:
        values: how many values contents have; the files of images have the last one.
        times: how many times there are, the first being now; the nodes of images have the second, if there is one.
    """
    count = len(paths.names)
    for chosen in itertools.product((None, "directory", "file", "link"), repeat=count - 1):
        shown = _shown(paths, chosen, values - 1, min(1, times - 1))
        if shown is not None:
            yield shown


def _shown(paths: Paths, chosen: tuple[str | None, ...], content: int, mtime: int) -> Shown | None:
    """What an image shows, if what is chosen is a tree and a link is one to an earlier file."""
    shown = Shown({0: 0}, [(Node(DIRECTORY, mtime=mtime), False)])
    linked: int | None = None
    for path, what in enumerate(chosen, 1):
        if what is None:
            continue
        parent = shown.entries.get(paths.parents[path])
        if parent is None or shown.nodes[parent][0].kind != DIRECTORY:
            return None
        if what == "link":
            linked = linked if linked is not None else next(
                (n for n in shown.entries.values() if shown.nodes[n][0].kind == FILE), None)
            if linked is None:
                return None
            shown.nodes[linked] = (shown.nodes[linked][0], True)
            shown.entries[path] = linked
            continue
        shown.entries[path] = len(shown.nodes)
        kind = DIRECTORY if what == "directory" else FILE
        shown.nodes.append((Node(kind, content=content if kind == FILE else 0, mtime=mtime), False))
    return shown


def union_universes(ground: GroundMachine) -> list[Vector]:
    """Return all rigid values over the machine's sizes, but for what files of images are like.

    Raises:
        ValueError: if the sizes leave no inode to be made.
    """
    sizes = ground.layout.sizes
    result: dict[Vector, None] = {}
    for paths in trees(sizes["Path"]):
        merger = Merger(ground, paths)
        for shown in images(paths, sizes["Data"], sizes["Time"]):
            if len(shown.nodes) < sizes["Inode"]:
                result[merger.rigid(shown)] = None
    if not result:
        raise ValueError("there are too few inodes for any image")
    return list(result)
