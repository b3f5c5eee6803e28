"""Judge an engine: the same operations on the engine and on the reference store, compared after each.

A difference is a finding. It names the laws that the observed state or step breaks; where none is broken
the engine departs from the rule itself. Findings that the catalogue lists as known deviations of the
engine are reported as such; after any finding the run goes on from an empty store, and a finding already
known is not shrunk again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from z3 import And

from layermodel.formats.content import measure
from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Machine, Rule, Sort
from layermodel.store.reference import Archives, Reference, Shape
from layermodel.store.view import StoreView, element_name, store_view
from layermodel.store.words import DIALECTS, IMAGE, shared, size_root_fs, total
from layerproof.errors import LayerproofError, Refused, WrongRequest
from layerproof.laws.law import Catalogue, Deviation
from layerproof.machines.store.engine import Call, Engine
from layerproof.machines.store.observed import Observer, Translation
from layerproof.machines.store.payload import Caller, measures, named
from layerproof.readings.drive import Broken, Statistics, impossible, rounds, state_machine
from layerproof.readings.explore import Reached, shortest
from layerproof.runs.monitor import Monitor
from layerproof.runs.shorten import shortened
from layerproof.runs.trace import Event, Trace


class OutOfTime(LayerproofError):
    """The time limit of a run was reached."""


@dataclass(frozen=True)
class Difference:
    """One thing in which the engine and the model differ: what, as expected, as observed."""

    what: str
    expected: str
    observed: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.what}: expected {self.expected}, observed {self.observed}"


@dataclass(frozen=True)
class EngineFinding:
    """An operation after which an engine is not as the model says.

    Attributes:
        rule: the operation; ``expected`` and ``observed`` are the refusals answered, None for done.
        laws: the laws that the engine breaks there; empty if it departs from the rule only.
        before, after, seen: the store before, and after as expected and as observed.
        trace: the shrunk run; ``calls`` are its engine calls, for a script.
        known: the deviation that the catalogue lists, if it does.
    """

    engine: str
    version: str
    rule: str
    expected: str | None
    observed: str | None
    detail: str
    laws: tuple[str, ...]
    differences: tuple[Difference, ...]
    before: StoreView
    after: StoreView
    seen: StoreView
    trace: Trace
    calls: tuple[Call, ...]
    known: Deviation | None = None

    @property
    def signature(self) -> tuple[object, ...]:
        """What makes two findings the same one: the operation, both answers, and what broke first."""
        if self.known is not None:
            return (self.known.key,)
        # The objects' numbers are accidents of the run, and so is what else follows from the first break.
        broke = self.laws[:1] or tuple(sorted({d.what.split(" of ")[0].split("-")[0]
                                               for d in self.differences}))
        return (self.rule, self.expected, self.observed, broke)


@dataclass
class Conformance:
    """What judging an engine came to; ``not_done`` are operations that there was no time for."""

    engine: str
    version: str
    dialect: str
    statistics: Statistics
    findings: list[EngineFinding] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    not_applicable: list[str] = field(default_factory=list)
    not_done: int = 0

    @property
    def unknown(self) -> list[EngineFinding]:
        """The findings that the catalogue does not list."""
        return [f for f in self.findings if f.known is None]


def method_of(rule: str) -> str:
    """The engine method that does a rule."""
    if rule.startswith("load"):
        return "load"
    return "import_" if rule.startswith("import") else rule.replace("-", "_")


class Judge:
    """What is shared by all examples of one run against one engine."""

    def __init__(self, machine: Machine, catalogue: Catalogue, engine: Engine, dialect: str,
                 shape: Shape | None = None, sizes: Mapping[str, int] | None = None) -> None:
        """Prepare the reference for an engine."""
        self.machine, self.catalogue, self.engine, self.dialect = machine, catalogue, engine, dialect
        self.shape = shape or Shape()
        self.traits = DIALECTS[dialect]
        self.ground = GroundMachine(machine, sizes or self.shape.sizes)
        self.monitor = Monitor(self.ground, catalogue)
        self.statistics = Statistics()
        self.counting = True
        self.until = math.inf
        self.seen: dict[tuple[object, ...], EngineFinding] = {}
        self.rules = [r.name for r in machine.rules if method_of(r.name) in engine.capabilities]
        self.not_applicable = [r.name for r in machine.rules if r.name not in self.rules]
        if not self.rules:
            raise WrongRequest(f"the engine {engine.name} says that it can do none of the operations")
        image = IMAGE.constant("?image")
        state = machine.state
        self.shared = self.ground.formula(
            total(state, lambda x: And(state.below(x, state.top(image)), shared(state, image, x))), ("?image",))
        container = next(s for s in machine.sorts if s.name == "Container").constant("?container")
        self.root_fs = self.ground.formula(size_root_fs(state, container), ("?container",))

    def reference(self, archives: Archives) -> Reference:
        """An empty reference store whose contents have the sizes that they have in this engine."""
        return Reference(
            self.ground, self.traits, archives, self.shape, measures(self.engine.program))

    def known(self, rule: str, laws: Iterable[str]) -> Deviation | None:
        """The deviation of this engine that the catalogue lists for an operation and a law."""
        for law in map(self.catalogue.law, laws):
            for deviation in law.deviations:
                if deviation.engine == self.engine.name and deviation.rule == rule:
                    return deviation
        return None

    def check_time(self) -> None:
        """Raise OutOfTime if the run has lasted as long as it may."""
        if time.monotonic() > self.until:
            raise OutOfTime(f"the time limit was reached after {self.statistics.steps} operations")


class EngineWorld:
    """Steps happen to a reference store and to an engine."""

    def __init__(self, judge: Judge, reference: Reference) -> None:
        """Start both from empty."""
        self.judge = judge
        self._begin(reference)

    def _begin(self, reference: Reference) -> None:
        self.judge.engine.reset()
        self.reference = reference
        self.caller = Caller(self.judge.engine, reference)
        self.observer = Observer(self.caller)
        self.events: list[Event] = []

    def close(self) -> None:
        """The next example empties the engine."""

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation on both and compare."""
        finding = self.compare(rule, arguments)
        if finding is None:
            return
        if finding.signature not in self.judge.seen:
            self.judge.counting = False  # until the next round: Hypothesis runs the example once more
            raise Broken(finding)
        self._begin(self.judge.reference(self.reference.archives))  # go on from an empty store

    def compare(self, rule: Rule, arguments: Vector) -> EngineFinding | None:
        """Do one operation on both; return a finding if they differ."""
        judge, before = self.judge, self.reference.state
        judge.check_time()
        outcome = self.reference.run(rule.name, arguments)
        self.events.append(Event(rule.name, arguments, outcome.refusal))
        refusal, detail, reclaimed = None, "", None
        try:
            reclaimed = self.caller.do(rule.name, named(tuple(p.name for p in rule.parameters), arguments))
        except Refused as refused:
            refusal, detail = refused.refusal, refused.detail
        if judge.counting:
            judge.statistics.count(rule.name, outcome.refusal)
        observed = self.observer.translate(judge.engine.observe())
        differences = [
            *_answers(outcome, refusal, reclaimed), *self._state(outcome.state, observed),
            *self._figures(observed)]
        if not differences:
            return None
        answer = Outcome(refusal, observed.state, reclaimed)
        return self._finding(rule, arguments, before, outcome, answer, detail, differences)

    def _state(self, expected: Vector, observed: Translation) -> list[Difference]:
        """The slots in which the states differ, and what does not fit into one."""
        result = [Difference("the store", "nothing else", text) for text in observed.strange]
        layout = self.reference.ground.layout
        for symbol in layout.machine.mutable:
            for arguments in layout.tuples(symbol):
                position = layout.index(symbol.name, *arguments)
                wanted, seen = expected[position], observed.state[position]
                if wanted != seen:
                    objects = ", ".join(
                        element_name(s, a) for s, a in zip(symbol.arguments, arguments, strict=True))
                    result.append(Difference(
                        f"{symbol.name} of {objects}" if objects else symbol.name,
                        _shown(symbol.result, wanted), _shown(symbol.result, seen)))
        return result

    def _figures(self, observed: Translation) -> list[Difference]:
        """Figures that follow from the state and that the engine reports for itself."""
        result = []
        reference = self.reference
        for (what, element), seen in observed.figures.items():
            compiled = self.judge.shared if what == "shared size" else self.judge.root_fs
            wanted = compiled(reference.state, (), reference.rigid, reference.traits, (element,))
            if wanted != seen:
                kind = "image" if what == "shared size" else "container"
                result.append(Difference(f"{what} of {kind}-{element}", str(wanted), str(seen)))
        return result

    def _finding(
        self, rule: Rule, arguments: Vector, before: Vector, outcome: Outcome, answer: Outcome,
        detail: str, differences: list[Difference],
    ) -> EngineFinding:
        judge, reference = self.judge, self.reference
        laws = self._laws(rule, arguments, before, answer, differences)
        view = lambda state: store_view(reference.ground, state, reference.rigid)
        return EngineFinding(
            judge.engine.name, judge.engine.version, rule.name, outcome.refusal, answer.refusal, detail,
            laws, tuple(differences), view(before), view(outcome.state), view(answer.state),
            Trace("store", judge.dialect, self._sizes(), self._rigid(), tuple(self.events)),
            tuple(self.caller.calls), judge.known(rule.name, laws))

    def _sizes(self) -> dict[str, int]:
        return {s.name: self.reference.ground.layout.sizes[s.name] for s in self.judge.machine.sorts}

    def _rigid(self) -> Vector:
        """The rigid part without the bytes of the engine's program, which another engine may not have."""
        rigid, layout = list(self.reference.rigid), self.reference.ground.layout
        for content in self.reference.roots:
            rigid[layout.index("measure", content)] -= measure(self.judge.engine.program)
        return tuple(rigid)

    def _laws(
        self, rule: Rule, arguments: Vector, before: Vector, answer: Outcome,
        differences: list[Difference],
    ) -> tuple[str, ...]:
        """The laws that the observed state or step breaks."""
        reference, monitor = self.reference, self.judge.monitor
        rigid, traits = reference.rigid, reference.traits
        broken = {v.law: None for v in monitor.state(answer.state, rigid, traits)}
        if answer.refusal is None or answer.refusal in rule.refused:
            broken |= {v.law: None for v in monitor.step(rule, before, answer, rigid, traits, arguments)}
        for difference in differences:
            for prefix, law in _FIGURE_LAWS.items():
                if difference.what.startswith(prefix):
                    broken[law] = None
        return tuple(broken)


_FIGURE_LAWS = {"shared size": "SIZE-5", "SizeRootFs": "SIZE-3", "bytes reclaimed": "SIZE-9"}


def _shown(sort: Sort, value: int) -> str:
    return str(int(value)) if sort.name == "Int" else element_name(sort, value)


def _answers(outcome: Outcome, refusal: str | None, reclaimed: int | None) -> list[Difference]:
    """In which the answers differ."""
    result = []
    if outcome.refusal != refusal:
        result.append(Difference("the answer", outcome.refusal or "done", refusal or "done"))
    elif outcome.refusal is None and outcome.reclaimed != reclaimed:
        result.append(Difference("bytes reclaimed", str(outcome.reclaimed), str(reclaimed)))
    return result


def conform(
    machine: Machine, catalogue: Catalogue, engine: Engine, *, operations: int, entropy: int = 0,
    dialect: str | None = None, complete: bool = True,
    progress: Callable[[int], None] = lambda steps: None, most: int = 20, budget: float | None = None,
    often: Collection[str] = (),
) -> Conformance:
    """Judge an engine by random operations.

    Args:
        operations: how many at least; more are done until every rule and refusal was reached.
        complete: go on until every rule and refusal was reached, at random for twice the operations and
            then by the shortest runs that the explorer finds.
        most: stop after so many different findings.
        budget: seconds after which the run stops, whatever was done by then; None for no limit.
        often: operations that are done more often than usual.

    Raises:
        WrongRequest: if nothing would be done.
        EngineUnreachable: if the engine is gone or silent.
    """
    if operations < 1:
        raise WrongRequest("a run of no operations would check nothing")
    until = _until(budget)
    judge = Judge(machine, catalogue, engine, dialect or engine.dialect)
    judge.until = until
    statistics = judge.statistics
    rules = [machine.rule_by_name[n] for n in judge.rules]
    unreachable = impossible(machine, judge.traits) | _without_leases(judge)

    def enough() -> bool:
        reached = not complete or not statistics.never(rules, unreachable)
        many = len(judge.seen) >= most
        return many or (statistics.steps >= operations and (reached or statistics.steps >= 2 * operations))

    def world(archives: Archives) -> Any:
        statistics.examples += 1
        progress(statistics.steps)
        return EngineWorld(judge, judge.reference(archives))

    derived = state_machine(machine, judge.shape, judge.rules, world, often)
    not_done = 0
    try:
        for finding in rounds(derived, statistics, enough, entropy):
            judge.seen[finding.signature] = finding  # there may be no time to make it shorter
            judge.seen[finding.signature] = shrunk(judge, finding)
            judge.counting = True
        if complete and len(judge.seen) < most:
            _tour(judge, statistics.missing(rules, unreachable))
    except OutOfTime:
        not_done = max(0, operations - statistics.steps)
        latest = getattr(derived, "latest", None)
        if latest is not None:
            judge.seen.setdefault(latest.finding.signature, latest.finding)
    engine.reset()
    return Conformance(
        engine.name, engine.version, judge.dialect, statistics, list(judge.seen.values()),
        statistics.never(rules, unreachable), judge.not_applicable, not_done)


def _until(budget: float | None) -> float:
    """The moment at which a time limit that begins now is reached."""
    return math.inf if budget is None else time.monotonic() + budget


_TOURS = (
    {"Layer": 1, "Image": 1, "Reference": 2, "Repository": 1, "Container": 2, "Name": 2, "Lease": 1,
     "Content": 2},
    {"Layer": 2, "Image": 2, "Reference": 2, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
     "Content": 3},
)
"""Sizes in which the shortest runs are looked for to what random operations did not reach."""


def _tour(judge: Judge, wanted: set[Reached]) -> None:
    """Take the shortest run to each rule and refusal that was not reached, and compare as always."""
    for sizes in _TOURS:
        if not wanted:
            return
        found = shortest(
            judge.machine, sizes, judge.traits, judge.dialect, judge.rules, wanted, judge.check_time)
        for trace in found.values():
            touring = Judge(judge.machine, judge.catalogue, judge.engine, judge.dialect, sizes=trace.sizes)
            touring.statistics, touring.until = judge.statistics, judge.until
            finding = _follow(touring, trace)
            if finding is not None:
                judge.seen.setdefault(finding.signature, finding)
        wanted = wanted - found.keys()


def _follow(judge: Judge, trace: Trace) -> EngineFinding | None:
    """Do the operations of a trace; return the first difference."""
    program = measure(judge.engine.program)
    world = EngineWorld(judge, Reference.fixed(judge.ground, judge.traits, trace.rigid, program))
    for number, event in enumerate(trace.events, 1):
        check_given(world.reference, number, event)
        finding = world.compare(judge.machine.rule_by_name[event.rule], event.arguments)
        if finding is not None:
            return finding
    return None


def _without_leases(judge: Judge) -> set[tuple[str, str]]:
    """Refusals that need an operation in progress, where the engine's are over when they return."""
    if {"pull-begin", "build-begin"} & set(judge.rules):
        return set()
    return {(r.name, "used-by-lease") for r in judge.machine.rules}


def replay(
    machine: Machine, catalogue: Catalogue, trace: Trace, engine: Engine, budget: float | None = None,
) -> list[EngineFinding]:
    """Do the operations of a trace on an engine and compare after each; stop at the first difference.

    Raises:
        OutOfTime: if they were not done within the budget, which is in seconds.
        WrongRequest: if the engine cannot do one of them, or one is not such as its rule presupposes.
        EngineUnreachable: if the engine is gone or silent.
    """
    until = _until(budget)
    shape = Reference.fixed(GroundMachine(machine, trace.sizes), DIALECTS[trace.dialect], trace.rigid).shape
    judge = Judge(machine, catalogue, engine, trace.dialect, shape, trace.sizes)
    judge.until = until
    for number, event in enumerate(trace.events, 1):
        if event.rule not in judge.rules:
            raise WrongRequest(f"event {number}: the engine {engine.name} has no operation {event.rule}")
    finding = _follow(judge, trace)
    engine.reset()
    return [] if finding is None else [finding]


def shrunk(judge: Judge, finding: EngineFinding) -> EngineFinding:
    """Return the finding with no operation that could be left out or done on something simpler."""
    return shortened(finding, lambda best, events: _again(judge, best, events), judge.machine, judge.rules)


def _again(judge: Judge, finding: EngineFinding, events: tuple[Event, ...]) -> EngineFinding | None:
    """The same finding from fewer events, or None."""
    program = measure(judge.engine.program)
    world = EngineWorld(judge, Reference.fixed(judge.ground, judge.traits, finding.trace.rigid, program))
    for event in events:
        if not world.reference.given(event.rule, event.arguments):
            return None
        found = world.compare(judge.machine.rule_by_name[event.rule], event.arguments)
        if found is not None:
            return found if found.signature == finding.signature else None
    return None


def check_given(reference: Reference, number: int, event: Event) -> None:
    """Raise WrongRequest if an event of a trace cannot happen in the state that it comes to."""
    if not reference.given(event.rule, event.arguments):
        raise WrongRequest(
            f"event {number}: {event.rule} presupposes what is not so there (a new object that is there "
            "already, or an image that does not have the layers that it would be made with)")
