"""The reference of the union machine: its grounded rules, run on a concrete stack of layers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layermodel.language.ground import GroundMachine, Outcome, Vector, function
from layermodel.language.rules import Machine, Rule
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


class GroundUnion:
    """The union machine laid out for a scene, and what containers see, as Python code."""

    def __init__(self, scene: Scene, machine: Machine, like: GroundUnion | None = None) -> None:
        """Lay it out; rules are compiled when first asked for.

        Args:
            like: one for the same scene and a machine that differs in its rules only.
        """
        self.scene, self.machine = scene, machine
        self.ground: GroundMachine = GroundMachine(machine, scene.sizes, None if like is None else like.ground)
        self.merger: Merger = Merger(self.ground, scene.paths) if like is None else like.merger
        self._view: Any = self._compiled() if like is None else like._view

    def _compiled(self) -> Any:
        state = self.machine.state
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


class UnionReference:
    """Containers over one image: the state, and the operations on it."""

    def __init__(self, union: GroundUnion, traits: Mapping[str, bool], stack: Stack) -> None:
        """Start with empty uppers over a stack of layers."""
        self.union, self.ground, self.stack = union, union.ground, stack
        self.traits = self.ground.traits(traits)
        shown = union.merger.shown(stack)
        self._image = len(shown.nodes)
        self.linked = frozenset(n for n, (_, linked) in enumerate(shown.nodes) if linked)
        self.rigid = union.merger.rigid(shown)
        self.state = self.ground.initial(self.rigid, self.traits)

    def view(self, container: int) -> View:
        """What a container sees now."""
        return self.union.view(self.state, self.rigid, container)

    def given(self, rule: str, arguments: Vector) -> bool:
        """Whether the arguments are such as the rule presupposes."""
        compiled = self.ground.rule(rule)
        return bool(compiled.given(self.state, self.state, self.rigid, self.traits, arguments))

    def run(self, rule: str, arguments: Vector) -> Outcome:
        """Do an operation; the state becomes that of the outcome, which is returned."""
        outcome = self.ground.rule(rule).run(self.state, self.rigid, self.traits, arguments)
        self.state = outcome.state
        return outcome

    def would(self, rule: str, arguments: Vector) -> str | None:
        """The refusal that an operation would have; nothing is changed."""
        return self.ground.rule(rule).run(self.state, self.rigid, self.traits, arguments).refusal

    def complete(self, rule: Rule, named: Mapping[str, int]) -> Vector | None:
        """Add the inode that an operation makes or finds; None if there is no choice as the rule presupposes."""
        unknown = [p for p in rule.parameters if p.name not in named]
        for chosen in itertools.product(*(self._candidates(named, p.role) for p in unknown)):
            found = dict(named) | dict(zip((p.name for p in unknown), chosen, strict=True))
            arguments = tuple(found[p.name] for p in rule.parameters)
            if self.given(rule.name, arguments):
                return arguments
        return None

    def _candidates(self, named: Mapping[str, int], role: str) -> Sequence[int]:
        """Inodes that may be meant: what the path names, then any that is free."""
        layout, state = self.ground.layout, self.state
        free = self._free()
        if role == "new":
            return free
        path, container = named["path"], named["container"]
        has = state[layout.index("has_upper", container, path)]
        there = state[layout.index("upper", container, path)] if has else (
            state[layout.index("lower", 0, path)])
        return [there, *free]

    def _free(self) -> list[int]:
        """The first inode that is neither the image's nor in an upper."""
        size, start = self.ground.layout.sizes["Inode"], self.ground.layout.index("copied", 0, 0)
        containers = range(self.union.scene.containers)
        return next(([i] for i in range(self._image, size)
                     if not any(self.state[start + d * size + i] for d in containers)), [])
