"""Judge a union file system: the same system calls in the mount and in the model, compared after each.

Compared are the answer (done, or which error), what a call that looks has seen, everything that every
container sees (listing, kinds, contents, modes, owners, times, attributes, which names are one inode, whether
an inode keeps its number), and the layers below, byte for byte.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from layermodel.language.ground import Outcome, Vector
from layermodel.language.rules import Machine, Rule
from layermodel.union.reference import GroundUnion, Scene, UnionReference, View
from layermodel.union.trees import SYMLINK, Layer, Stack
from layermodel.union.words import DIALECTS
from layerproof.engines.mount.deviations import DEVIATIONS, UnionDeviation
from layerproof.engines.mount.engine import LOOKING, UnionEngine
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.machines.union.compare import Departure, Inodes, answers, looked, views
from layerproof.machines.union.drive import union_state_machine
from layerproof.machines.union.observed import HIDDEN, Encoder, seen_of
from layerproof.machines.union.shorten import shortened
from layerproof.machines.union.stacks import PLAIN, random_stack
from layerproof.machines.union.traces import UnionTrace, layer_request, request
from layerproof.readings.conform import OutOfTime
from layerproof.readings.drive import Broken, Statistics, impossible, rounds
from layerproof.runs.monitor import Monitor
from layerproof.runs.trace import Event

Request = dict[str, Any]


@dataclass(frozen=True)
class UnionFinding:
    """An operation after which a union file system is not as the model says.

    Attributes:
        rule: the operation; ``expected`` and ``observed`` are the errors answered, None for done.
        laws: the laws that are broken there.
        departures: between what was expected and what is there.
        trace: the shrunk run.
        known: the deviation that the catalogue lists, if it does.
    """

    engine: str
    version: str
    rule: str
    expected: str | None
    observed: str | None
    laws: tuple[str, ...]
    departures: tuple[Departure, ...]
    trace: UnionTrace
    known: UnionDeviation | None = None

    @property
    def signature(self) -> tuple[object, ...]:
        """What makes two findings the same one: the operation, both answers, and what differs first."""
        if self.known is not None:
            return (self.known.key,)
        return (self.rule, self.expected, self.observed, self.departures[0].what)


@dataclass
class UnionConformance:
    """What judging a union file system came to; ``not_done`` are operations that there was no time for."""

    engine: str
    version: str
    dialect: str
    statistics: Statistics
    stacks: int = 0
    findings: list[UnionFinding] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    not_applicable: list[str] = field(default_factory=list)
    not_done: int = 0

    @property
    def unknown(self) -> list[UnionFinding]:
        """The findings that the catalogue does not list."""
        return [f for f in self.findings if f.known is None]


class UnionJudge:
    """What is shared by all examples of one run against one engine."""

    def __init__(self, machine: Machine, catalogue: Catalogue, engine: UnionEngine, scene: Scene,
                 dialect: str | None = None, like: GroundUnion | None = None) -> None:
        """Lay the model out for a scene.

        Args:
            like: one for the same scene and a machine that differs in its rules only.
        """
        self.machine, self.catalogue, self.engine = machine, catalogue, engine
        self.dialect = dialect or engine.dialect
        self.traits = DIALECTS[self.dialect]
        self.union = GroundUnion(scene, machine, like)
        self.monitor = Monitor(self.union.ground, catalogue)
        self.statistics = Statistics()
        self.counting, self.until = True, math.inf
        self.seen: dict[tuple[object, ...], UnionFinding] = {}
        self.watched: tuple[object, ...] = ()  # the signature of what is being shrunk
        self.rules = [r.name for r in machine.rules if r.name in engine.capabilities]
        if not self.rules:
            raise WrongRequest(f"the engine {engine.name} says that it can do none of the operations")

    def reference(self, stack: Stack) -> UnionReference:
        """The model with empty uppers over a stack."""
        return UnionReference(self.union, self.traits, stack)

    def _deviation(self, rule: str, departure: Departure) -> UnionDeviation | None:
        options = ("", *self.engine.options)
        return next((d for d in DEVIATIONS if d.engine == self.engine.name and d.option in options
                     and d.shows(rule, departure)), None)

    def known(self, rule: str, departures: Sequence[Departure]) -> UnionDeviation | None:
        """The known deviation of this engine that what differs after an operation shows, if all is known."""
        explained = [self._deviation(rule, one) for one in departures]
        found = [d for d in explained if d is not None]
        rest = (one for one, d in zip(departures, explained, strict=True) if d is None)
        if not found or not all(any(d.brings(one) for d in found) for one in rest):
            return None
        return min(found, key=lambda d: d.lasting)  # one that harms what follows may bring others with it

    def overlooks(self, rule: str, departure: Departure) -> bool:
        """Whether a run goes on past a departure: it was reported before, and does no harm to what follows."""
        known = self._deviation(rule, departure)
        return known is not None and known.lasting and (known.key,) in self.seen.keys() - {self.watched}

    def check_time(self) -> None:
        """Raise OutOfTime if the run has lasted as long as it may."""
        if time.monotonic() > self.until:
            raise OutOfTime(f"the time limit was reached after {self.statistics.steps} operations")


class UnionEngineWorld:
    """Steps happen to the model and to a mount."""

    def __init__(self, judge: UnionJudge, stack: Stack) -> None:
        """Start both from the stack, with empty uppers."""
        self.judge = judge
        self._begin(stack)

    def _begin(self, stack: Stack) -> None:
        judge, paths = self.judge, self.judge.union.scene.paths
        self.reference = judge.reference(stack)
        self.events: list[Event] = []
        self._inodes = [Inodes() for _ in range(judge.union.scene.containers)]
        shown = judge.union.merger.shown(stack)
        upper = Layer((shown.nodes[shown.entries[0]][0],), {0: 0})
        reply = judge.engine.begin([layer_request(one, paths) for one in stack], layer_request(upper, paths),
                                   paths.names, judge.union.scene.containers)
        departures = self._compared(reply)
        if departures:  # before any operation: the layers are not merged as the model merges them
            raise Broken(UnionFinding(judge.engine.name, judge.engine.version, "mount", None, None, (),
                                      tuple(departures), self._trace(), judge.known("mount", departures)))

    def close(self) -> None:
        """The next example starts afresh."""

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation on both and compare."""
        finding = self.compare(rule, arguments, judged=False)
        if finding is None:
            return
        if finding.signature not in self.judge.seen:
            self.judge.counting = False  # until the next round: Hypothesis runs the example once more
            raise Broken(finding)
        self._begin(self.reference.stack)

    def compare(self, rule: Rule, arguments: Vector, judged: bool = True) -> UnionFinding | None:
        """Do one operation on both; return a finding if they differ.

        Args:
            judged: say which laws are broken; it takes longer than all else.
        """
        judge, before, view = self.judge, self.reference.state, self.reference.view(arguments[0])
        judge.check_time()
        outcome = self.reference.run(rule.name, arguments)
        event, paths = Event(rule.name, arguments, outcome.refusal), judge.union.scene.paths
        self.events.append(event)
        reply = judge.engine.do(request(rule, event, paths, view))
        if judge.counting:
            judge.statistics.count(rule.name, outcome.refusal)
        named = view.get(arguments[1]) if len(arguments) > 1 else None
        departures = answers(outcome, reply["errno"], named, self.reference.linked)
        if rule.name in LOOKING and not departures and outcome.refusal is None:
            departures = looked(rule.name, arguments[1], view, paths, reply["value"])
        numbers = [dict(one.numbers) for one in self._inodes]
        departures += self._compared(reply)
        departures = [d for d in departures if not judge.overlooks(rule.name, d)]
        if not departures:
            return None
        laws = self._laws(rule, outcome, reply, before, arguments, numbers) if judged else ()
        return UnionFinding(
            judge.engine.name, judge.engine.version, rule.name, outcome.refusal, reply["errno"], laws,
            tuple(departures), self._trace(), judge.known(rule.name, departures))

    def _trace(self) -> UnionTrace:
        """What was done so far."""
        return UnionTrace(self.judge.dialect, self.reference.stack, tuple(self.events), self.judge.union.scene)

    def _compared(self, reply: Request) -> list[Departure]:
        """In which what is seen and stored differs from the model."""
        paths = self.judge.union.scene.paths
        result = [Departure("layer below", "unchanged", "changed", name) for name in reply["changed"]]
        for container, there in enumerate(reply["seen"]):
            view, linked = self.reference.view(container), self.reference.linked
            result += views(container, view, paths, there, linked)
            result += self._inodes[container].compare(container, view, paths, there["view"], linked)
        return result

    def _laws(self, rule: Rule, outcome: Outcome, reply: Request, before: Vector, arguments: Vector,
              numbers: list[dict[int, int]]) -> tuple[str, ...]:
        """The laws that what is seen and stored breaks."""
        judge, errno, rigid = self.judge, reply["errno"], self.reference.rigid
        broken = {"LOWER-2": None} if reply["changed"] else {}
        if errno is None or errno in rule.refused:
            after, hidden = self._observed(
                outcome.state if errno == outcome.refusal else before, reply, numbers)
            answer = Outcome(errno, after)
            for violation in judge.monitor.step(rule, before, answer, rigid, self.reference.traits, arguments):
                if not (hidden and violation.law in HIDDEN):
                    broken[violation.law] = None
        overlooked = {law for key, f in judge.seen.items() if f.known and f.known.lasting and key != judge.watched
                      for law in f.known.laws}
        return tuple(law for law in broken if law not in overlooked)

    def _observed(
        self, base: Vector, reply: Request, numbers: list[dict[int, int]],
    ) -> tuple[Vector, bool]:
        """The state that the mounts show, and whether uppers had to be made up for it."""
        reference, names = self.reference, self.judge.union.scene.paths.names
        encoder, hidden = Encoder(reference, base), False
        for container, there in enumerate(reply["seen"]):
            expected = reference.union.view(base, reference.rigid, container)
            known = {number: inode for inode, number in numbers[container].items()}
            number = {p: there["view"][name]["inode"] for p, name in enumerate(names) if name in there["view"]}
            view = {p: seen_of(there["view"][names[p]]) for p in number}
            if _agrees(expected, view, number, known):
                continue
            hidden = True
            encoder.write(container, view, expected, number, known)
        return encoder.state, hidden


def _agrees(expected: View, view: View, number: dict[int, int], known: dict[int, int]) -> bool:
    """Whether a container shows what is expected."""
    if expected.keys() != view.keys():
        return False
    return all(replace(one, inode=0, mode=one.mode if one.kind != SYMLINK else 0)
               == replace(view[p], inode=0, mode=view[p].mode if one.kind != SYMLINK else 0)
               and known.get(number[p], one.inode) == one.inode for p, one in expected.items())


def conform_union(
    machine: Machine, catalogue: Catalogue, engine: UnionEngine, *, operations: int, entropy: int = 0,
    dialect: str | None = None, scene: Scene | None = None, most: int = 20, budget: float | None = None,
    complete: bool = True, often: Collection[str] = (), like: GroundUnion | None = None,
    progress: Callable[[int], None] = lambda steps: None,
) -> UnionConformance:
    """Judge a union file system by random operations over random stacks of layers.

    Args:
        operations: how many at least; more are done until every rule and refusal was reached, up to twice.
        most: stop after so many different findings.
        budget: seconds after which the run stops, whatever was done by then; None for no limit.
        complete: go on until every rule and refusal was reached.
        often: operations that are done more often than usual.
        like: what was compiled for the same scene and a machine that differs in its rules only.

    Raises:
        WrongRequest: if nothing would be done.
        EngineUnreachable: if the engine is gone or silent.
    """
    if operations < 1:
        raise WrongRequest("a run of no operations would check nothing")
    judge = UnionJudge(machine, catalogue, engine, scene or Scene(), dialect, like)
    judge.until = math.inf if budget is None else time.monotonic() + budget
    statistics = judge.statistics
    rules = [machine.rule_by_name[n] for n in judge.rules]
    unreachable = impossible(machine, judge.traits) | (set() if engine.image else _NEEDS_IMAGE)
    result = UnionConformance(engine.name, engine.version, judge.dialect, statistics)

    def enough() -> bool:
        reached = not complete or not statistics.never(rules, unreachable)
        many = len(judge.seen) >= most
        return many or (statistics.steps >= operations and (
            reached or statistics.steps >= max(2 * operations, _PATIENCE)))

    def world(stack: Stack) -> UnionEngineWorld:
        result.stacks += judge.counting
        progress(statistics.steps)
        return UnionEngineWorld(judge, stack)

    def stacks(random: Random) -> Stack:
        return random_stack(random, judge.union.scene, judge.union.merger) if engine.image else PLAIN

    derived = union_state_machine(machine, judge.union, judge.rules, world, stacks, often)
    try:
        for finding in rounds(derived, statistics, enough, entropy):
            judge.seen[finding.signature] = finding
            judge.seen[finding.signature] = shrunk(judge, finding)
            judge.counting, judge.watched = True, ()
    except OutOfTime:
        result.not_done = max(0, operations - statistics.steps)
    result.findings = list(judge.seen.values())
    result.never = statistics.never(rules, unreachable)
    result.not_applicable = [r.name for r in machine.rules if r.name not in judge.rules]
    return result


_PATIENCE = 20_000
"""Operations that are done to reach what was not reached by the number asked for; an operation takes 2 ms."""

_NEEDS_IMAGE = {("rename-directory", "EXDEV")}
"""Refusals that only a union has."""


def follow(judge: UnionJudge, trace: UnionTrace) -> UnionFinding | None:
    """Do the operations of a trace on the engine; return the first difference.

    Raises:
        WrongRequest: if an operation cannot happen in the state that it comes to.
    """
    world = UnionEngineWorld(judge, trace.stack)
    for number, event in enumerate(trace.events, 1):
        rule = judge.machine.rule_by_name[event.rule]
        arguments = settled(world.reference, rule, event)
        if arguments is None:
            raise WrongRequest(f"event {number}: {event.rule} presupposes what is not so there")
        finding = world.compare(rule, arguments)
        if finding is not None:
            return finding
    return None


def settled(reference: UnionReference, rule: Rule, event: Event) -> Vector | None:
    """The arguments of an event, with the inode that it makes or finds in the state that it comes to."""
    named = {p.name: element for p, element in zip(rule.parameters, event.arguments, strict=True)
             if p.role == "named"}
    return reference.complete(rule, named)


def shrunk(judge: UnionJudge, finding: UnionFinding) -> UnionFinding:
    """Return the finding with nothing that could be left out, and with the laws that are broken there."""
    judge.watched = finding.signature
    best = shortened(finding, lambda found, trace: _again(judge, found, trace), judge.machine, judge.union.merger)
    return _again(judge, best, best.trace, judged=True) or best


def _again(
    judge: UnionJudge, finding: UnionFinding, trace: UnionTrace, judged: bool = False,
) -> UnionFinding | None:
    """The same finding from another run, or None."""
    try:
        world = UnionEngineWorld(judge, trace.stack)
    except Broken as broken:
        found: UnionFinding = broken.finding  # type: ignore[assignment]
        return found if found.signature == finding.signature else None
    for event in trace.events:
        rule = judge.machine.rule_by_name[event.rule]
        arguments = settled(world.reference, rule, event)
        if arguments is None:
            return None
        judge.check_time()
        found_here = world.compare(rule, arguments, judged)
        if found_here is not None:
            return found_here if found_here.signature == finding.signature else None
    return None
