"""Hypothesis drives the union machine: over random stacks of layers, by its own rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from layermodel.language.ground import Vector
from layermodel.language.rules import Machine, Rule
from layermodel.union.reference import GroundUnion, Scene, UnionReference
from layermodel.union.trees import DIRECTORY, Paths, Stack
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.machines.union.stacks import random_stack
from layerproof.readings.drive import (
    PATIENCE,
    Broken,
    Driven,
    Finding,
    Statistics,
    driven_step,
    escalating,
    impossible,
    rounds,
)
from layerproof.runs.monitor import Monitor
from layerproof.runs.shorten import Events, shortened
from layerproof.runs.trace import Event, Trace


class UnionBench:
    """The union machine over a scene and the monitor of its laws: what random runs are done with."""

    def __init__(
        self, machine: Machine, catalogue: Catalogue, scene: Scene, like: UnionBench | None = None,
    ) -> None:
        """Lay the machine out; rules and laws are compiled when they are first needed.

        Args:
            like: one for the same scene and laws, and a machine that differs in its rules only.
        """
        self.union: GroundUnion = GroundUnion(scene, machine, None if like is None else like.union)
        self.monitor: Monitor = Monitor(self.union.ground, catalogue, like=None if like is None else like.monitor)


class UnionWorld(Protocol):
    """What a driven step happens to."""

    reference: UnionReference

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation; raise :class:`~layerproof.readings.drive.Broken` if a law is."""

    def close(self) -> None:
        """The example is over."""


class ModelWorld:
    """Steps happen to the model, and every law is checked after each."""

    def __init__(self, reference: UnionReference, monitor: Monitor, statistics: Statistics, dialect: str) -> None:
        """Start from the reference's empty uppers."""
        self.reference, self._monitor, self._statistics, self._dialect = reference, monitor, statistics, dialect
        self._events: list[Event] = []

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation in the model and check the laws."""
        reference, before = self.reference, self.reference.state
        outcome = reference.run(rule.name, arguments)
        self._events.append(Event(rule.name, arguments, outcome.refusal))
        self._statistics.count(rule.name, outcome.refusal)
        rigid, traits = reference.rigid, reference.traits
        broken = self._monitor.step(rule, before, outcome, rigid, traits, arguments)
        broken += self._monitor.state(outcome.state, rigid, traits)
        if broken:
            raise Broken(Finding(broken[0], Trace(
                "union", self._dialect, reference.union.scene.sizes, rigid, tuple(self._events))))

    def close(self) -> None:
        """Nothing is to be cleaned up."""


_WEIGHTS = {"unlink": 5, "rmdir": 5, "mkdir": 6, "create": 5, "rename": 5, "rename-directory": 8,
            "rename-to-itself": 1, "remount": 1, "stat": 1, "read": 2, "list": 2, "readlink": 2,
            "open-for-writing": 4, "append": 4}
_USUAL_WEIGHT, _OFTEN = 3, 25

SMALL = Scene(Paths(("", "a", "b", "c", "a/a", "b/a", "c/a")), contents=3, modes=2, owners=2, times=3, keys=2,
              values=2)
"""What random runs of the model alone use: every law is checked after every step."""

Begin = Callable[[Stack], UnionWorld]


def union_state_machine(
    machine: Machine, union: GroundUnion, rules: Sequence[str], world: Begin,
    stacks: Callable[[Random], Stack] | None = None, often: Collection[str] = (),
) -> type[RuleBasedStateMachine]:
    """Derive a Hypothesis state machine from the rules of the union machine.

    Args:
        rules: the names of the rules to drive.
        world: makes the world of one example from its stack of layers.
        stacks: draws a stack; random ones if it is not given.
        often: operations that are done more often than usual.
    """
    draw = stacks or (lambda random: random_stack(random, union.scene, union.merger))

    def begin(self: Any, number: int) -> None:
        self.world = escalating(lambda: world(draw(Random(number))))

    def teardown(self: Any) -> None:
        if hasattr(self, "world"):
            self.world.close()

    # Stacks are shrunk as stacks and not by way of the choices that made them: one number is enough.
    body: dict[str, Any] = {"begin": initialize(number=st.integers(0, (1 << 62) - 1))(begin),
                            "teardown": teardown}
    for name in rules:
        for copy in range(_OFTEN if name in often else _WEIGHTS.get(name, _USUAL_WEIGHT)):
            body[f"do_{name.replace('-', '_')}_{copy}"] = _driven(machine.rule_by_name[name], union.scene)
    return type("UnionMachine", (RuleBasedStateMachine,), body)


def _driven(one: Rule, scene: Scene) -> Any:
    """The state machine's rule for a rule of the machine."""
    sizes = scene.sizes
    # Hypothesis has a meaning of its own for an argument that is called target.
    strategies: dict[str, Any] = {
        f"{p.name}_": st.integers(0, sizes[p.sort.name] - 1) for p in one.parameters if p.role == "named"}

    def method(self: Any, usual: int, **drawn: int) -> None:
        reference = self.world.reference
        named = {name.removesuffix("_"): element for name, element in drawn.items()}
        arguments = reference.complete(one, named) if usual < _AS_DRAWN else _near(reference, one, named, usual)
        if arguments is not None:
            driven_step(self, one, arguments)

    method.__name__ = f"do_{one.name.replace('-', '_')}"
    return rule(**strategies, usual=st.integers(0, _TURNS))(method)


_AS_DRAWN, _REFUSED, _TURNS = 4, 10, 15
"""Of so many turns, the first take the paths as they were drawn, the last look for some with which the operation
is refused in some way, and the others for some with which it is done."""

_ATTEMPTS = 24
_OF_DIRECTORIES = ("rmdir", "rename-directory")


def _near(reference: UnionReference, one: Rule, named: Mapping[str, int], turn: int) -> Vector | None:
    """Arguments near those drawn with which the operation has an outcome, if there are any; else other ones."""
    view, tree = reference.view(named["container"]), reference.union.scene.paths
    there = [p for p in sorted(view) if one.name not in _OF_DIRECTORIES or view[p].kind == DIRECTORY]
    free = [p for p, parent in enumerate(tree.parents)
            if p not in view and parent in view and view[parent].kind == DIRECTORY]
    makes = any(p.role == "new" for p in one.parameters)
    paths = [name for name in ("path", "target") if name in named]
    refusals = list(one.refused)
    wanted = refusals[sum(named.values()) % len(refusals)] if turn >= _REFUSED and refusals else None
    random, last = Random(hash((turn, *named.values()))), None
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
        arguments = reference.complete(one, near)
        if arguments is not None:
            last = arguments
            if reference.would(one.name, arguments) == wanted:
                return arguments
    return last


def _shrunk(union: GroundUnion, traits: Mapping[str, bool], monitor: Monitor, found: Finding) -> Finding:
    """Return a finding with no operation that could be left out or done on something simpler."""
    machine = union.machine

    def again(best: Finding, events: Events) -> Finding | None:
        state = union.ground.initial(best.trace.rigid, union.ground.traits(traits))
        vectors = best.trace.rigid, union.ground.traits(traits)
        for number, event in enumerate(events, 1):
            rule = union.ground.rule(event.rule)
            if not rule.given(state, state, *vectors, event.arguments):
                return None
            outcome = rule.run(state, *vectors, event.arguments)
            broken = monitor.step(rule.rule, state, outcome, *vectors, event.arguments)
            broken += monitor.state(outcome.state, *vectors)
            if broken:
                shorter = Finding(broken[0], replace(best.trace, events=events[:number]))
                return shorter if broken[0].law == best.violation.law else None
            state = outcome.state
        return None

    return shortened(found, again, machine, [r.name for r in machine.rules])


def drive_union(
    machine: Machine, catalogue: Catalogue, *, traits: Mapping[str, bool], dialect: str, operations: int,
    entropy: int = 0, scene: Scene = SMALL, progress: Callable[[int], None] = lambda steps: None,
    complete: bool = True, often: Collection[str] = (), like: UnionBench | None = None,
) -> Driven:
    """Drive the union machine at random and check every law after every step, until one is broken.

    Args:
        operations: how many at least.
        complete: go on until every rule and refusal was reached, for some times the operations.
        often: operations that are done more often than usual.
        like: what was compiled for a machine that differs in its rules only.

    Raises:
        WrongRequest: if nothing would be done.
    """
    if operations < 1:
        raise WrongRequest("a run of no operations would check nothing")
    bench, statistics = UnionBench(machine, catalogue, scene, like), Statistics()
    union, monitor = bench.union, bench.monitor
    unreachable = impossible(machine, traits) if complete else set()

    def world(stack: Stack) -> UnionWorld:
        statistics.examples += 1
        progress(statistics.steps)
        return ModelWorld(UnionReference(union, traits, stack), monitor, statistics, dialect)

    def enough() -> bool:
        reached = not complete or not statistics.never(machine.rules, unreachable)
        return statistics.steps >= operations and (reached or statistics.steps >= PATIENCE * operations)

    result = Driven(statistics)
    derived = union_state_machine(machine, union, [r.name for r in machine.rules], world, often=often)
    for finding in rounds(derived, statistics, enough, entropy):
        result.findings.append(_shrunk(union, traits, monitor, finding))
        break
    statistics.premises = monitor.premises
    result.never = [] if result.findings or not complete else statistics.never(machine.rules, unreachable)
    return result
