"""Random runs of the union machine: over random stacks of layers, by its own rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import Machine, Rule
from layermodel.language.run import Run, named_in
from layermodel.union.reference import Scene, UnionReference, Views
from layermodel.union.trees import DIRECTORY, Merger, Paths
from layerproof.machines.union.stacks import random_stack
from layerproof.machines.union.stacks import simpler as simpler_stacks
from layerproof.machines.union.values import Mounted
from layerproof.runs.monitor import Bench
from layerproof.runs.trace import Event, Settled, Trace
from layerproof.subject import Drivable, Subject, Traits
from layerproof.usual import numbers

_WEIGHTS = {"unlink": 5, "rmdir": 5, "mkdir": 6, "create": 5, "rename": 5, "rename-directory": 8,
            "rename-to-itself": 1, "remount": 1, "stat": 1, "read": 2, "list": 2, "readlink": 2,
            "open-for-writing": 4, "append": 4}
_TRIES = 600
"""Runs that shrinking one finding may take: a run in a mount takes some ten milliseconds."""

SMALL = Scene(Paths(("", "a", "b", "c", "a/a", "b/a", "c/a")), contents=3, modes=2, owners=2, times=3, keys=2,
              values=2)
"""What random runs of the model alone use: every law is checked after every step."""


def scenes(room: Scene, bench: Bench) -> st.SearchStrategy[Mounted]:
    """Draw a stack of layers over a tree of paths.

    Stacks are shrunk as stacks and not by way of the choices that made them: one number is enough.
    """
    merger = Views.of(bench.ground, room).merger
    return numbers().map(lambda n: Mounted(random_stack(Random(n), room, merger), room))


def begin(ground: GroundMachine, scene: Any, traits: Traits) -> Run:
    """Make empty uppers over a stack, or over settled rigid values."""
    if isinstance(scene, Mounted):
        return UnionReference(ground, traits, scene.room, scene.stack)
    return Run(ground, traits, scene.rigid)


def scene_of(run: Run) -> Mounted | Settled:
    """The stack, or else the rigid values."""
    if isinstance(run, UnionReference):
        return Mounted(run.stack, run.scene)
    return Settled(run.ground.layout.sizes, run.rigid)


# What callers say.

_AS_CHOSEN, _REFUSED, _TURNS = 4, 10, 15
"""Of so many turns, the first take the paths as they were chosen, the last look for some with which the operation
is refused in some way, and the others for some with which it is done."""

_ATTEMPTS = 24
_OF_DIRECTORIES = ("rmdir", "rename-directory")


def choose(run: Run, rule: Rule, random: Random) -> Vector | None:
    """Choose arguments, and mostly look for some near them with which the outcome is one that is wanted."""
    assert isinstance(run, UnionReference)
    sizes = run.scene.sizes
    named = {p.name: random.randrange(sizes[p.sort.name]) for p in rule.parameters if p.role == "named"}
    turn = random.randrange(_TURNS + 1)
    return run.complete(rule, named) if turn < _AS_CHOSEN else _near(run, rule, named, turn, random)


def _near(
    reference: UnionReference, one: Rule, named: Mapping[str, int], turn: int, random: Random,
) -> Vector | None:
    """Arguments near those chosen with which the operation has an outcome, if there are any; else other ones."""
    view, tree = reference.view(named["container"]), reference.scene.paths
    there = [p for p in sorted(view) if one.name not in _OF_DIRECTORIES or view[p].kind == DIRECTORY]
    free = [p for p, parent in enumerate(tree.parents)
            if p not in view and parent in view and view[parent].kind == DIRECTORY]
    makes = any(p.role == "new" for p in one.parameters)
    paths = [name for name in ("path", "target") if name in named]
    refusals = list(one.refused)
    wanted = refusals[sum(named.values()) % len(refusals)] if turn >= _REFUSED and refusals else None
    last, tried = None, set[tuple[int, ...]]()
    for attempt in range(_ATTEMPTS if paths else 1):
        near = dict(named)
        for number, name in enumerate(paths):
            if wanted:  # more often than not something is there
                choices = list(range(len(tree.names))) if attempt % 3 == 2 else there
            else:
                choices = (free if makes or (number and attempt % 3) else there) or there
            near[name] = random.choice(choices) if attempt else named[name]
        if "content" in near and attempt >= _ATTEMPTS // 2:
            near["content"] = 0  # no bytes, with which every content begins
        if turn == _TURNS and len(paths) == 2:
            near["target"] = near["path"]
        if (again := tuple(near.values())) in tried:
            continue
        tried.add(again)
        arguments = reference.complete(one, near)
        if arguments is not None:
            last = arguments
            if reference.would(one.name, arguments).refusal == wanted:
                return arguments
    return last


# Simpler runs.


def simpler(machine: Machine, rules: Collection[str]) -> Sequence[Callable[[Trace], Iterator[Trace]]]:
    """Ways to runs without a name that is given on the way, with less in the layers, with plainer arguments."""
    return [partial(_without_names, machine), partial(_less_in_layers, machine), partial(_plainer, machine)]


def _less_in_layers(machine: Machine, trace: Trace) -> Iterator[Trace]:
    scene = trace.scene
    assert isinstance(scene, Mounted)
    for stack in simpler_stacks(scene.stack, _merger(machine, scene.room)):
        yield replace(trace, scene=replace(scene, stack=stack))


_MERGERS: dict[Scene, Merger] = {}


def _merger(machine: Machine, room: Scene) -> Merger:
    """What merges layers over a tree of paths; it is the same for all machines that differ in their rules only."""
    if room not in _MERGERS:
        _MERGERS[room] = Views.of(GroundMachine(machine, room.sizes), room).merger
    return _MERGERS[room]


def _without_names(machine: Machine, trace: Trace) -> Iterator[Trace]:
    """Runs without an operation that gives something another name, and with the name that it had.

    What is in a directory that is made may be in the directory above it instead.
    """
    scene = trace.scene
    assert isinstance(scene, Mounted)
    paths = scene.room.paths
    for number, event in enumerate(trace.events[:-1]):
        named = named_in(machine.rule_by_name[event.rule], event.arguments)
        if "target" in named:
            source, target = named["target"], named["path"]
        elif event.rule == "mkdir":
            source, target = named["path"], paths.parents[named["path"]]
        else:
            continue
        later = (_moved(machine.rule_by_name[e.rule], e, paths, source, target) for e in trace.events[number + 1:])
        yield replace(trace, events=(*trace.events[:number], *later))


def _moved(rule: Rule, event: Event, paths: Paths, source: int, target: int) -> Event:
    """The operation with paths under the target instead of under the source."""
    def there(path: int) -> int:
        moved = paths.moved(source, target, path)
        return path if moved is None else moved

    return Event(event.rule, tuple(
        there(a) if p.sort.name == "Path" else a
        for p, a in zip(rule.parameters, event.arguments, strict=True)), None)


def _plainer(machine: Machine, trace: Trace) -> Iterator[Trace]:
    """Runs in the first container, and with the least values that an operation can have."""
    for number, event in enumerate(trace.events):
        for arguments in _least(machine.rule_by_name[event.rule], event.arguments):
            plain = Event(event.rule, arguments, None)
            yield replace(trace, events=(*trace.events[:number], plain, *trace.events[number + 1:]))


def _least(rule: Rule, arguments: Vector) -> Iterator[Vector]:
    for position, parameter in enumerate(rule.parameters):
        least = 1 if parameter.sort.name in ("Time", "Value") else 0
        if parameter.role == "named" and parameter.sort.name != "Path" and arguments[position] > least:
            yield (*arguments[:position], least, *arguments[position + 1:])


def drivable() -> Drivable:
    """What random runs of the union machine ask."""
    return Drivable(SMALL.sizes, _scenes, begin, scene_of, choose=choose, weights=_WEIGHTS, simpler=simpler,
                    tries=_TRIES)


def _scenes(_: Subject, bench: Bench) -> st.SearchStrategy[Mounted]:
    return scenes(SMALL, bench)
