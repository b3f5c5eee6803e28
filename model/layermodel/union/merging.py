"""What a stack of layers shows, and an upper put over it; the machine is asked what is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from layermodel.union.layers import (
    KINDS,
    WHITEOUT,
    Directory,
    Layer,
    Present,
    Whiteout,
    attributes,
    check,
    present,
)
from layermodel.union.stored import Tree
from layermodel.union.trees import DIRECTORY
from layermodel.union.windows import Window


def merged(layers: Iterable[Layer]) -> Tree:
    """Put each layer over what the layers beneath it show.

    Raises:
        ValueError: if a layer is not a tree, or redirects a directory to where there is none beneath.
    """
    tree, number = Tree(), 0
    for layer in layers:
        number = _over(tree, layer, number)
        tree = _flat(tree)
    if "" not in tree.lower.at:
        tree.lower.put("", number)
        tree.kind[number], tree.built[number] = DIRECTORY, attributes(Directory())
    return tree


def _over(tree: Tree, layer: Layer, number: int) -> int:
    """Have the layer as an upper, as inodes of the image from this number on; return the next number."""
    check(layer)
    numbers: dict[int, int] = {}
    for path, one in sorted(layer.items()):
        if isinstance(one, Whiteout):
            tree.mark(path, None, whiteout=True)
            continue
        if id(one) in numbers:
            tree.linked.add(numbers[id(one)])
        else:
            numbers[id(one)], number = number, number + 1
        mine = numbers[id(one)]
        tree.names[mine] = tree.names.get(mine, 0) + 1
        tree.kind[mine], tree.built[mine] = KINDS[type(one)], attributes(one)
        _mark(tree, path, one, mine)
    return number


def _mark(tree: Tree, path: str, one: Present, number: int) -> None:
    opaque, redirect = (one.opaque, one.redirect) if isinstance(one, Directory) else (False, None)
    if redirect is not None and tree.kind.get(tree.lower.at.get(redirect, -1)) != DIRECTORY:
        raise ValueError(f"{path!r} is redirected to {redirect!r}, where the layers beneath have no directory")
    tree.mark(path, number, opaque=opaque, redirect=redirect)


def _flat(tree: Tree) -> Tree:
    """The same, but with all that is seen in the image, and nothing in the upper."""
    result, todo = Tree(), [""]
    while todo:
        path = todo.pop()
        window = Window(tree, [path], bare=True)
        number = window.shows(path)
        if number is None:
            todo += [] if path else tree.inside(path)
            continue
        result.lower.put(path, number)
        result.lower.enter(path)
        result.kind[number], result.built[number] = tree.kind[number], tree.built[number]
        result.names[number] = tree.names.get(number, 1)
        if tree.kind[number] == DIRECTORY:
            if number in tree.merged or window.merges(path):
                result.merged.add(number)
            todo += tree.inside(path)
    result.linked = tree.linked & result.kind.keys()
    return result


def put_upper(tree: Tree, upper: Layer, index: Mapping[int, Present] | None) -> None:
    """Have this as the upper: as one that was written over the same image, or as it comes.

    A root without a number is that of the image: what is mounted has one root.

    Args:
        index: if copying up one of several names does not break them, what :func:`indexed` returned.

    Raises:
        ValueError: if it is not a tree, redirects a directory to where the image has none, or it or the index
            gives the number of an inode of the image to what is of another kind.
    """
    check(upper)
    for number, kept in (index or {}).items():
        if number not in tree.linked or tree.kind[number] != KINDS[type(kept)]:
            raise ValueError(f"the index has an inode {number}, which the image does not have under several names")
        tree.copied[number] = attributes(kept)
    image, given = set(tree.kind), {one.inode for one in upper.values() if isinstance(one, Present)}
    free = max(image | {number for number in given if number is not None}) + 1
    numbers: dict[int, int] = {}
    for path, one in sorted(upper.items()):
        if isinstance(one, Whiteout):
            tree.mark(path, None, whiteout=True)
            continue
        if id(one) not in numbers:
            breaks = one.inode in tree.linked and index is None
            own = tree.lower.at[""] if path == "" and one.inode is None else one.inode
            number = free if own is None or breaks else own
            if number in numbers.values() or (number in image and tree.kind[number] != KINDS[type(one)]):
                raise ValueError(f"{path!r} cannot be the inode {number}, which is another")
            numbers[id(one)], free = number, max(free, number + 1)
            tree.kind[number], tree.copied[number] = KINDS[type(one)], attributes(one)
        _mark(tree, path, one, numbers[id(one)])


def written(tree: Tree) -> dict[str, Present | Whiteout]:
    """What the upper holds, as a layer."""
    made = {}
    for number, paths in tree.upper.of.items():
        redirects = [tree.redirects[path] for path in paths if path in tree.redirects]
        made[number] = present(tree.kind[number], tree.copied[number], inode=number,
                               opaque=any(path in tree.opaque for path in paths),
                               redirect=redirects[0] if redirects else None)
    return {path: made[number] for path, number in tree.upper.at.items()} | dict.fromkeys(
        tree.whiteouts, WHITEOUT)


def indexed(tree: Tree) -> dict[int, Present]:
    """What was copied up and has no name in the upper, by number; other names of it are seen in the image."""
    return {number: present(tree.kind[number], one, opaque=False, redirect=None, inode=number)
            for number, one in tree.copied.items() if number not in tree.upper.of}
