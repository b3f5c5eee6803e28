"""Concrete trees of files: a finite tree of paths, layers over it, and what a stack of layers shows.

This is data for the union machine (:mod:`layermodel.union.words`). What a stack shows is not defined here: each
layer is put over what the layers beneath it show, and the machine's own terms are asked what is seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.terms import RIGID, Layout
from layermodel.union.words import ATTRIBUTES, KIND, inode, seen

DIRECTORY, FILE, SYMLINK, FIFO = range(len(KIND.values))

CONTENTS = (b"", b"0", b"01", b"012", b"1", b"10")
"""What files hold and symlinks point to, by element of Data: some begin with others, none is a name."""


@dataclass(frozen=True)
class Paths:
    """A finite tree of paths.

    Attributes:
        names: relative to the root, whose name is empty; every directory before what is in it.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that it is a tree, of names that a directory can have.

        Raises:
            ValueError: if the root or a parent is missing, or is not before its children, or a name could lead out
                of the root.
        """
        for n, name in enumerate(self.names):
            if n and any(part in ("", ".", "..") or "\0" in part for part in name.split("/")):
                raise ValueError(f"the path {name!r} is not made of names, with one slash between two of them")
            if self.names.index(name) != n or (name == "") != (n == 0):
                raise ValueError(f"the path {name!r} is there twice, or the root is not the first")
            if n and self._parent_name(name) not in self.names[:n]:
                raise ValueError(f"the parent of the path {name!r} is not before it")

    @staticmethod
    def _parent_name(name: str) -> str:
        return name.rpartition("/")[0]

    @cached_property
    def number(self) -> Mapping[str, int]:
        """The element of each name."""
        return {name: n for n, name in enumerate(self.names)}

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """The parent of each path; the root's is the root."""
        return tuple(self.number[self._parent_name(name)] for name in self.names)

    def under(self, one: int, other: int) -> bool:
        """Whether the first path is the second, or on the way to it."""
        while other not in (one, 0):
            other = self.parents[other]
        return one == other

    def moved(self, source: int, target: int, path: int) -> int | None:
        """What becomes of a path under the source when that is renamed to the target, if it is in the tree."""
        if not self.under(source, path):
            return None
        rest = self.names[path][len(self.names[source]):].lstrip("/")
        there = "/".join(part for part in (self.names[target], rest) if part)
        return self.number.get(there)


@dataclass(frozen=True)
class Node:
    """A file, directory, symlink or FIFO of a layer, each attribute an element of its sort."""

    kind: int
    content: int = 0
    mode: int = 0
    owner: int = 0
    mtime: int = 1
    xattr: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layer:
    """One layer: what it has at which path.

    Attributes:
        entries: the number of the node at each path; two paths with one node are hard links.
        whiteouts: paths at which the layer hides what is beneath.
        opaque: directories of the layer in which nothing beneath shows.
    """

    nodes: tuple[Node, ...]
    entries: Mapping[int, int]
    whiteouts: frozenset[int] = frozenset()
    opaque: frozenset[int] = frozenset()

    def node(self, path: int) -> Node:
        """What is at a path.

        Raises:
            KeyError: if nothing is.
        """
        return self.nodes[self.entries[path]]

    def linked(self, number: int) -> bool:
        """Whether a node has several names."""
        return sum(n == number for n in self.entries.values()) > 1


Stack = tuple[Layer, ...]
"""The layers of an image, bottom first."""


@dataclass
class Shown:
    """What a stack shows: at each path a node, and which node has several names in its layer."""

    entries: dict[int, int] = field(default_factory=dict)
    nodes: list[tuple[Node, bool]] = field(default_factory=list)


class Merger:
    """Says what a stack of layers shows, by the machine's own definition of what is seen."""

    def __init__(self, ground: GroundMachine, paths: Paths, contents: Sequence[bytes] = CONTENTS) -> None:
        """Compile the definition for the tree of paths.

        Args:
            contents: the bytes of each element of Data; the first is empty.

        Raises:
            ValueError: if the machine is not laid out for so many paths.
        """
        sizes = ground.layout.sizes
        if sizes["Path"] != len(paths.names):
            raise ValueError("the machine is not laid out for this tree of paths")
        self.ground, self.paths = ground, paths
        state, machine = ground.machine.state, ground.machine
        container = machine.symbol("base").arguments[0].constant("?c")
        path = machine.symbol("parent").result.constant("?p")
        self._seen = ground.formula(seen(state, container, path), ("?c", "?p"))
        self._inode = ground.formula(inode(state, container, path), ("?c", "?p"))
        values: list[int | bool] = [0] * ground.layout.lengths[RIGID]
        for place, value in tree_values(ground.layout, paths, contents).items():
            values[place] = value
        self._rigid = tuple(values)

    def shown(self, stack: Iterable[Layer]) -> Shown:
        """What a stack shows at its top.

        Raises:
            ValueError: if the machine is not laid out for twice as many inodes as there are paths.
        """
        if self.ground.layout.sizes["Inode"] < 2 * len(self.paths.names):
            raise ValueError("the machine is laid out for too few inodes to merge layers")
        result = Shown()
        for layer in stack:
            result = self._over(layer, result)
        return result

    def rigid(self, image: Shown) -> Vector:
        """Return the rigid values of the machine where all containers have one image, that shows this."""
        layout, values = self.ground.layout, list(self._rigid)

        def put(name: str, *arguments: int, value: int | bool = True) -> None:
            values[layout.index(name, *arguments)] = value

        for layer in range(layout.sizes["Layer"]):
            for path, number in image.entries.items():
                put("has_built", layer, path)
                put("built", layer, path, value=number)
        for number, (node, linked) in enumerate(image.nodes):
            put("in_image", number)
            put("linked", number, value=linked)
            put("built_kind", number, value=node.kind)
            for name, (keys, _) in ATTRIBUTES.items():
                if not keys:
                    put(f"built_{name}", number, value=getattr(node, name))
            for key, value in enumerate(node.xattr):
                put("built_xattr", number, key, value=value)
        return tuple(values)

    def _over(self, layer: Layer, beneath: Shown) -> Shown:
        """What is seen of a layer over what shows beneath it."""
        state = self._state(layer, beneath)
        nodes = [*beneath.nodes, *((n, layer.linked(i)) for i, n in enumerate(layer.nodes))]
        result, numbers = Shown(), dict[int, int]()
        for path in range(len(self.paths.names)):
            vectors = (state, state, self._rigid, (), (0, path))
            if self._seen(*vectors):
                old = self._inode(*vectors)
                if old not in numbers:
                    numbers[old] = len(result.nodes)
                    result.nodes.append(nodes[old])
                result.entries[path] = numbers[old]
        return result

    def _state(self, layer: Layer, beneath: Shown) -> Vector:
        layout = self.ground.layout
        state: list[int | bool] = [0] * layout.lengths["S"]
        first = len(beneath.nodes)
        for path, number in beneath.entries.items():
            state[layout.index("has_lower", 0, path)] = True
            state[layout.index("lower", 0, path)] = number
        for path, number in layer.entries.items():
            state[layout.index("has_upper", 0, path)] = True
            state[layout.index("upper", 0, path)] = first + number
        for path in range(len(self.paths.names)):
            state[layout.index("has_source", 0, path)] = True
            state[layout.index("source", 0, path)] = path
        for name, there in (("whiteout", layer.whiteouts), ("opaque", layer.opaque)):
            for path in there:
                state[layout.index(name, 0, path)] = True
        kinds = [*(node.kind for node, _ in beneath.nodes), *(node.kind for node in layer.nodes)]
        for number, kind in enumerate(kinds):
            state[layout.index("kind", number)] = kind
        return tuple(state)


def tree_values(layout: Layout, paths: Paths, contents: Sequence[bytes] = CONTENTS) -> dict[int, int | bool]:
    """Return the rigid values that speak of paths and contents, whatever the image, by their places.

    The constants (the root, no bytes, now, …) are the first elements of their sorts.
    """
    every, data = range(len(paths.names)), range(layout.sizes["Data"])
    contents = (*contents, *(b"2%d" % n for n in range(len(data) - len(contents))))  # more than files have in runs
    values: dict[int, int | bool] = {
        layout.index(symbol.name): 0 for symbol in layout.machine.rigid if not symbol.arguments}
    for p, q in itertools.product(every, every):
        values[layout.index("under", p, q)] = paths.under(p, q)
        for x in every:
            there = paths.moved(p, q, x)
            values[layout.index("fits", p, q, x)] = there is not None
            values[layout.index("moved", p, q, x)] = there or 0
    for p in every:
        values[layout.index("parent", p)] = paths.parents[p]
    for k, m in itertools.product(data, data):
        values[layout.index("starts", k, m)] = contents[m].startswith(contents[k])
    return values
