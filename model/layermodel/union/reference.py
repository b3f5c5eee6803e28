"""The reference of the union machine: its grounded rules, run on a concrete stack of layers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layermodel.language.ground import GroundMachine, Vector, function
from layermodel.language.rules import Parameter, Rule
from layermodel.language.run import Run, named_in
from layermodel.language.terms import Grounding
from layermodel.objects import CONTAINER
from layermodel.union.trees import Merger, Paths, Stack
from layermodel.union.words import ATTRIBUTES, PATH, attribute, inode, kind_at, seen

PATHS = Paths((
    "", "a", "b", "c", "a/a", "a/b", "a/c", "b/a", "b/b", "b/c", "c/a", "c/b", "a/a/a", "a/a/b", "a/b/a",
    "b/a/a", "b/a/b"))
"""The tree of paths that random runs use: three names, three deep where renamed directories can go."""


@dataclass(frozen=True)
class Scene:
    """The sizes of a run: its tree of paths and how many of everything else there are."""

    paths: Paths = PATHS
    containers: int = 2
    contents: int = 6
    modes: int = 4
    owners: int = 3
    times: int = 4
    keys: int = 2
    values: int = 3

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The sizes of the sorts. Each path may have an inode in the image and one in each upper."""
        count = len(self.paths.names)
        return {"Path": count, "Layer": 1, "Container": self.containers,
                "Inode": (1 + self.containers) * count + 1, "Data": self.contents, "Mode": self.modes,
                "Owner": self.owners, "Time": self.times, "Key": self.keys, "Value": self.values}


@dataclass(frozen=True)
class Seen:
    """What a container sees at a path; attributes are elements of their sorts."""

    kind: int
    inode: int
    content: int
    mode: int
    owner: int
    mtime: int
    xattr: tuple[int, ...]


View = dict[int, Seen]
"""What a container sees, by path."""


class Views:
    """What containers see over a scene, and how its layers merge, as Python code."""

    def __init__(self, ground: GroundMachine, scene: Scene) -> None:
        """Compile what is seen; rules do not matter to it."""
        self.scene, self.ground = scene, ground
        self.merger: Merger = Merger(ground, scene.paths)
        self._view: Any = self._compiled()

    @classmethod
    def of(cls, ground: GroundMachine, scene: Scene) -> Views:
        """Return those over a scene, made once for all machines that differ in their rules only."""
        kept = ground.origin.kept
        if scene not in kept:
            kept[scene] = cls(ground.origin, scene)
        made: Views = kept[scene]
        return made

    def _compiled(self) -> Any:
        state = self.ground.machine.state
        c, p = CONTAINER.constant("?c"), PATH.constant("?p")
        i = inode(state, c, p)
        terms = [seen(state, c, p), kind_at(state, c, p), i]
        for name, (keys, _) in ATTRIBUTES.items():
            choices = itertools.product(*(self.ground.layout.elements(k) for k in keys))
            terms += [attribute(state, name)(c, i, *(k.constant(f"?k{n}") for k in keys))
                      for n, _ in enumerate(choices)]
        key = ATTRIBUTES["xattr"][0][0]
        names = ("?c", "?p", *(f"?k{n}" for n in self.ground.layout.elements(key)))
        grounding = Grounding(self.ground.layout, names)
        return function(grounding.nodes, [grounding.ground(t) for t in terms], False)

    def view(self, state: Vector, rigid: Vector, container: int) -> View:
        """What a container sees."""
        result: View = {}
        keys = tuple(range(self.scene.keys))
        for path in range(len(self.scene.paths.names)):
            there, kind, number, content, mode, owner, mtime, *xattr = self._view(
                state, state, rigid, (), (container, path, *keys))
            if there:
                result[path] = Seen(kind, number, content, mode, owner, mtime, tuple(xattr))
        return result


class UnionReference(Run):
    """Containers over one image: the state, and the operations on it."""

    def __init__(self, ground: GroundMachine, traits: Mapping[str, bool], scene: Scene, stack: Stack) -> None:
        """Start with empty uppers over a stack of layers."""
        self.views, self.scene, self.stack = Views.of(ground, scene), scene, stack
        shown = self.views.merger.shown(stack)
        self._image = len(shown.nodes)
        self.linked = frozenset(n for n, (_, linked) in enumerate(shown.nodes) if linked)
        super().__init__(ground, traits, self.views.merger.rigid(shown))

    def view(self, container: int) -> View:
        """What a container sees now."""
        return self.views.view(self.state, self.rigid, container)

    def candidates(self, rule: Rule, parameter: Parameter, named: Mapping[str, int]) -> Sequence[int]:
        """Inodes that may be meant: what the path names, then any that is free."""
        layout, state = self.ground.layout, self.state
        free = self._free()
        if parameter.role == "new":
            return free
        path, container = named["path"], named["container"]
        has = state[layout.index("has_upper", container, path)]
        there = state[layout.index("upper", container, path)] if has else (
            state[layout.index("lower", 0, path)])
        return [there, *free]

    def settled(self, rule: Rule, arguments: Vector) -> Vector | None:
        """The arguments with the inode that the operation makes or finds here."""
        return self.complete(rule, named_in(rule, arguments))

    def _free(self) -> list[int]:
        """The first inode that is neither the image's nor in an upper."""
        size, start = self.ground.layout.sizes["Inode"], self.ground.layout.index("copied", 0, 0)
        containers = range(self.scene.containers)
        return next(([i] for i in range(self._image, size)
                     if not any(self.state[start + d * size + i] for d in containers)), [])
