"""Union file systems as text: a little tree for each layer, each upper, and what each container sees."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import Machine, Sort
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.view import element_name
from layermodel.union.reference import Scene
from layermodel.union.trees import CONTENTS, Layer, Node, Paths, Stack
from layermodel.union.words import ATTRIBUTES, INODE, KIND, PATH, attribute, inode, seen
from layerproof.machines.union.values import KEYS, MODES, OWNERS, TIMES, VALUES
from layerproof.process import terminal

Labels = Mapping[int, str]
"""What is written at each path."""

Says = Callable[[Sort, int], str]
"""From an element of a sort to what it is called."""

_SLASH = "/"


def tree(title: str, parents: Sequence[int], names: Sequence[str], labels: Labels) -> Tree:
    """Return a tree of the paths that have a label, with those on the way to them."""
    drawn = {0: Tree(f"{title}{labels.get(0, '')}", guide_style="")}
    wanted = set(labels)
    for path in labels:
        while path:
            path = parents[path]
            wanted.add(path)
    # Parents first: a path is further from the root than its parent, whatever their numbers.
    for path in sorted(wanted - {0}, key=lambda p: (_depth(parents, p), names[p])):
        label = f"{names[path]}{labels.get(path, '')}"
        drawn[path] = drawn[parents[path]].add(label)
    return drawn[0]


def _depth(parents: Sequence[int], path: int) -> int:
    return 0 if not path else 1 + _depth(parents, parents[path])


def rendered(item: object, width: int | None = None) -> str:
    """Return something that rich can draw as plain text, as wide as there is room if no width is said."""
    out = io.StringIO()
    columns = terminal.width() if width is None else width
    Console(file=out, width=columns, color_system=None, markup=False, highlight=False).print(item)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


# Stores of the model.


class _Reader:
    """Reads a state of the union machine over few objects."""

    def __init__(self, ground: GroundMachine, rigid: Vector, says: Says = element_name) -> None:
        self.ground, self.rigid, self.layout, self.says = ground, rigid, ground.layout, says
        state = ground.machine.state
        c, p, i = CONTAINER.constant("?c"), PATH.constant("?p"), INODE.constant("?i")
        self.seen = ground.formula(seen(state, c, p), ("?c", "?p"))
        self.inode = ground.formula(inode(state, c, p), ("?c", "?p"))
        self.attributes = {
            name: ground.formula(
                attribute(state, name)(c, i, *(k.constant("?k") for k in keys)), ("?c", "?i", "?k"))
            for name, (keys, _) in ATTRIBUTES.items()}
        root = self.read((), "root")
        paths = self.layout.elements(PATH)
        # The drawing has the root first.
        self.order = [root, *(p for p in paths if p != root)]
        number = {p: n for n, p in enumerate(self.order)}
        self.parents = [number[self.read((), "parent", p)] for p in self.order]
        self.names = ["/", *(says(PATH, p).rpartition("/")[2] for p in self.order[1:])]

    def read(self, state: Vector, name: str, *arguments: int) -> int:
        return int(self.ground.read(state, self.rigid, name, *arguments))

    def label(self, kind: int, number: int, values: Mapping[str, int]) -> str:
        shown = " ".join(
            self.says(sort, values[name]) for name, (keys, sort) in ATTRIBUTES.items() if not keys)
        extended = " ".join(f"{n}={self.says(ATTRIBUTES['xattr'][1], v)}" for n, v in values.items()
                            if n not in ATTRIBUTES and v != self.read((), "unset"))
        return f"  {KIND.values[kind]} {element_name(INODE, number)} {shown} {extended}".rstrip()

    def values(self, state: Vector, prefix: str, *arguments: int) -> dict[str, int]:
        result = {}
        for name, (keys, _) in ATTRIBUTES.items():
            if not keys:
                result[name] = self.read(state, prefix + name, *arguments)
                continue
            for key in self.layout.elements(keys[0]):
                result[element_name(keys[0], key)] = self.read(state, prefix + name, *arguments, key)
        return result

    def layer(self, state: Vector, layer: int) -> Labels:
        result = {}
        for n, p in enumerate(self.order):
            if self.read(state, "has_lower", layer, p):
                i = self.read(state, "lower", layer, p)
                result[n] = self.label(self.read(state, "kind", i), i, self.values(state, "lower_", i))
        return result

    def upper(self, state: Vector, container: int) -> Labels:
        result = {}
        for n, p in enumerate(self.order):
            if self.read(state, "has_upper", container, p):
                i = self.read(state, "upper", container, p)
                mark = "  opaque" if self.read(state, "opaque", container, p) else ""
                if self.read(state, "redirected", container, p):
                    place = self.read(state, "redirect", container, p)
                    mark += f"  redirected to {element_name(PATH, place)}"
                label = self.label(self.read(state, "kind", i), i, self.values(state, "", container, i))
                result[n] = mark + label
            elif self.read(state, "whiteout", container, p):
                result[n] = "  whiteout"
        return result

    def view(self, state: Vector, container: int) -> Labels:
        result = {}
        for n, p in enumerate(self.order):
            vectors = (state, state, self.rigid, (), (container, p))
            if self.seen(*vectors):
                i = self.inode(*vectors)
                values = {}
                for name, (keys, _) in ATTRIBUTES.items():
                    for key in self.layout.elements(keys[0]) if keys else [0]:
                        called = self.says(keys[0], key) if keys else name
                        values[called] = self.attributes[name](
                            state, state, self.rigid, (), (container, i, key))
                result[n] = self.label(self.read(state, "kind", i), i, values)
        return result

    def parts(self, state: Vector) -> dict[str, Labels]:
        """Every layer, every upper, every view."""
        result = {f"{element_name(LAYER, layer)} (below)": self.layer(state, layer)
                  for layer in self.layout.elements(LAYER)}
        for container in self.layout.elements(CONTAINER):
            name = element_name(CONTAINER, container)
            result[f"upper of {name}"] = self.upper(state, container)
            result[f"{name} sees"] = self.view(state, container)
        return result


def states_text(machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector],
                width: int | None = None, titles: tuple[str, str] = ("before", "after")) -> str:
    """Draw one state, or two side by side; what differs is marked.

    Args:
        sizes: the number of objects of each sort.
        states: the state before, and after each step.
        titles: of the two.
        width: in columns; what there is, if it is None.
    """
    reader = _Reader(GroundMachine(machine, sizes), rigid)
    parts = [reader.parts(state) for state in (states[0], states[-1])[:len(states)]]
    grid = Table(box=None, pad_edge=False, show_header=len(parts) > 1, padding=(0, 3, 1, 0))
    for heading in titles[:len(parts)]:
        grid.add_column(heading, overflow="fold")
    for title in parts[0]:
        marked = [{p: (" *" if len(parts) > 1 and _differs(parts, title, p) else "") + text
                   for p, text in part[title].items()} for part in parts]
        grid.add_row(*(tree(f"{title}: /", reader.parents, reader.names, labels) for labels in marked))
    return rendered(grid, width)


def sights(machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector], says: Says,
           ) -> Sequence[str]:
    """What each container sees in each state; where the last two states differ, the last two are marked.

    Args:
        says: what elements are called.
    """
    reader = _Reader(GroundMachine(machine, sizes), rigid, says)
    parts = [{f"{says(CONTAINER, c)} sees": reader.view(state, c) for c in reader.layout.elements(CONTAINER)}
             for state in states]
    drawn = []
    for number, part in enumerate(parts, 1):
        trees = []
        for title, labels in part.items():
            marked = {path: (" *" if number > len(parts) - 2 and _differs(parts[-2:], title, path) else "") + text
                      for path, text in labels.items()}
            trees.append(rendered(tree(f"{title}: /", reader.parents, reader.names, marked), _WIDE))
        drawn.append("\n\n".join(trees))
    return drawn


_WIDE = 400
"""Columns for what is not wrapped."""


def states_json(machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector]) -> Any:
    """The same as data: for each state each layer, upper and view, by path."""
    reader = _Reader(GroundMachine(machine, sizes), rigid)
    return [{title: {reader.names[p]: text.strip() for p, text in labels.items()}
             for title, labels in reader.parts(state).items()} for state in states]


def _differs(parts: Sequence[Mapping[str, Labels]], title: str, path: int) -> bool:
    return parts[0][title].get(path) != parts[1][title].get(path)


# Stacks of layers.


def node_text(node: Node) -> str:
    """A file, directory, symlink or FIFO in words."""
    content = CONTENTS[node.content].decode()
    parts = [KIND.values[node.kind], *([repr(content)] if KIND.values[node.kind] in ("file", "symlink") else []),
             f"{MODES[node.mode]:o}", ":".join(map(str, OWNERS[node.owner]))]
    parts += [f"@{TIMES[node.mtime] // 1_000_000_000}"] if node.mtime else []
    for key, value in zip(KEYS, node.xattr, strict=True):
        if (data := VALUES[value]) is not None:
            parts.append(f"{key}={data.decode()!r}")
    return " ".join(parts)


def stack_text(stack: Stack, scene: Scene) -> str:
    """The layers of a stack, the top first."""
    return "\n".join(_layer_text(layer, scene.paths, n) for n, layer in reversed(list(enumerate(stack))))


def _layer_text(layer: Layer, paths: Paths, number: int) -> str:
    labels = {}
    for path, node in layer.entries.items():
        others = [paths.names[p] for p, n in layer.entries.items() if n == node and p != path]
        labels[path] = "  " + node_text(layer.nodes[node]) + ("  opaque" if path in layer.opaque else "") + (
            f"  also {', '.join(others)}" if others else "")
    labels |= dict.fromkeys(layer.whiteouts, "  whiteout")
    names = [name.rpartition("/")[2] or _SLASH for name in paths.names]
    return rendered(tree(f"layer {number}: /", paths.parents, names, labels))
