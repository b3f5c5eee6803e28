"""Random stacks of layers, such as builders make: deep merges, whiteouts, opaque directories, hard links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from layermodel.union.reference import Scene
from layermodel.union.trees import DIRECTORY, FIFO, FILE, SYMLINK, Layer, Merger, Node, Paths, Shown, Stack

MOST_LAYERS = 6


def random_stack(random: Random, scene: Scene, merger: Merger) -> Stack:
    """Draw a stack: from one layer to six, each a tree over what shows beneath it."""
    layers: list[Layer] = []
    count = 1 + min(random.randrange(MOST_LAYERS), random.randrange(MOST_LAYERS))
    density = random.choice((0.3, 0.5, 0.8))
    for _ in range(count):
        layers.append(_layer(random, scene, merger.shown(layers), density))
    return tuple(layers)


def _layer(random: Random, scene: Scene, beneath: Shown, density: float) -> Layer:
    paths = scene.paths
    nodes, entries = [_node(random, scene, DIRECTORY)], {0: 0}
    whiteouts, opaque = set[int](), set[int]()
    for path in range(1, len(paths.names)):
        parent = paths.parents[path]
        if parent not in entries or nodes[entries[parent]].kind != DIRECTORY or random.random() > density:
            continue
        shows = path in beneath.entries and not _cut(paths, opaque, path)
        if shows and random.random() < 0.25:
            whiteouts.add(path)
            continue
        others = [n for n, node in enumerate(nodes) if node.kind != DIRECTORY]
        if others and random.random() < 0.25:
            files = [n for n in others if nodes[n].kind == FILE]
            entries[path] = random.choice(files or others)
            continue
        kind = random.choice((DIRECTORY, DIRECTORY, DIRECTORY, FILE, FILE, FILE, SYMLINK, FIFO))
        entries[path] = len(nodes)
        nodes.append(_node(random, scene, kind))
        if kind == DIRECTORY and random.random() < 0.2:
            opaque.add(path)
    return Layer(tuple(nodes), entries, frozenset(whiteouts), frozenset(opaque))


def _cut(paths: Paths, opaque: set[int], path: int) -> bool:
    """Whether a directory on the way to the path is opaque in this layer."""
    while path:
        path = paths.parents[path]
        if path in opaque:
            return True
    return False


def _node(random: Random, scene: Scene, kind: int) -> Node:
    """Draw the attributes of a node; a symlink points somewhere."""
    content = random.randrange(scene.contents) if kind in (FILE, SYMLINK) else 0
    return Node(
        kind, content=content or int(kind == SYMLINK), mode=random.randrange(scene.modes),
        owner=random.randrange(scene.owners), mtime=random.randrange(1, scene.times),
        # The kernel keeps user attributes from what is no file or directory; those of root are for all.
        xattr=tuple(random.choice((0, 0, *range(scene.values))) for _ in range(scene.keys)))


PLAIN: Stack = (Layer((Node(DIRECTORY, xattr=(0, 0)),), {0: 0}),)
"""A stack with nothing in it."""


def simpler(stack: Stack, merger: Merger) -> Iterator[Stack]:
    """Yield stacks with less in them: without a layer, without a path in one, with plainer nodes."""
    for number in range(len(stack)):
        if len(stack) > 1:
            yield _lawful(stack[:number] + stack[number + 1:], merger)
    for number, layer in enumerate(stack):
        for path in sorted({*layer.entries, *layer.whiteouts} - {0}, reverse=True):
            yield _lawful((*stack[:number], _without(layer, path, merger.paths), *stack[number + 1:]), merger)
        for path in layer.opaque:
            yield (*stack[:number], replace(layer, opaque=layer.opaque - {path}), *stack[number + 1:])
    for number, layer in enumerate(stack):
        for index, node in enumerate(layer.nodes):
            for plain in _plainer(node):
                nodes = (*layer.nodes[:index], plain, *layer.nodes[index + 1:])
                yield (*stack[:number], replace(layer, nodes=nodes), *stack[number + 1:])


def _plainer(node: Node) -> Iterator[Node]:
    plain = Node(node.kind, content=int(node.kind == SYMLINK), xattr=(0,) * len(node.xattr))
    if node != plain:
        yield plain
        for name in ("content", "mode", "owner", "mtime", "xattr"):
            if getattr(node, name) != getattr(plain, name):
                yield replace(node, **{name: getattr(plain, name)})


def _without(layer: Layer, path: int, paths: Paths) -> Layer:
    """A layer without a path and all under it."""
    keeps = lambda p: not paths.under(path, p)
    return replace(layer, entries={p: n for p, n in layer.entries.items() if keeps(p)},
                   whiteouts=frozenset(filter(keeps, layer.whiteouts)),
                   opaque=frozenset(filter(keeps, layer.opaque)))


def _lawful(stack: Stack, merger: Merger) -> Stack:
    """A stack without the whiteouts that hide nothing, which no builder makes."""
    result: list[Layer] = []
    for layer in stack:
        beneath = merger.shown(result)
        kept = frozenset(p for p in layer.whiteouts if p in beneath.entries and not any(
            merger.paths.under(q, p) for q in layer.opaque))
        result.append(replace(layer, whiteouts=kept))
    return tuple(result)
