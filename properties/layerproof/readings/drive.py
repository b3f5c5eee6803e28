"""Hypothesis drives a machine: a rule-based state machine derived from its rules.

Each rule of the machine becomes a rule of the state machine; its parameters are drawn from bundles of the
objects that earlier steps made (some of them gone by now, so that refusals are drawn, too), and what it
makes goes into those bundles. What is done with a step (only the model, or an engine beside it) is up to a
:class:`World`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import z3
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.reporting import with_reporter
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from layermodel.language.ground import Vector
from layermodel.language.rules import Machine, Rule
from layermodel.store.reference import BUILDS, ROOTS, UPPERS, WRITES, Archives, Reference, Shape
from layerproof.errors import LayerproofError, VacuousCheck, WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.runs.monitor import AlgebraMonitor, Bench, Monitor, Violation
from layerproof.runs.shorten import Events, shortened
from layerproof.runs.trace import Event, Trace


class World(Protocol):
    """What a driven step happens to."""

    reference: Reference

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation; raise :class:`Broken` if a law is."""

    def close(self) -> None:
        """The example is over."""


class Broken(AssertionError):
    """A step that broke a law."""

    def __init__(self, finding: object) -> None:
        """Carry what was found."""
        super().__init__(str(finding))
        self.finding = finding


@dataclass
class Statistics:
    """How often each rule was done and each refusal had, and how many steps and examples that took."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    premises: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    examples: int = 0

    def count(self, rule: str, refusal: str | None) -> None:
        """Count one step."""
        self.steps += 1
        if refusal is None:
            self.done[rule] += 1
        else:
            self.refused[rule, refusal] += 1

    def add(self, other: Statistics) -> None:
        """Add what was counted elsewhere."""
        self.done += other.done
        self.refused += other.refused
        self.premises += other.premises
        self.steps += other.steps
        self.examples += other.examples

    def never(self, rules: Iterable[Rule], unreachable: Iterable[tuple[str, str]] = ()) -> list[str]:
        """Return the rules that were never done and the refusals that were never had."""
        return named(self.missing(rules, unreachable))

    def missing(
        self, rules: Iterable[Rule], unreachable: Iterable[tuple[str, str]] = (),
    ) -> set[tuple[str, str | None]]:
        """Return the same as pairs: a rule, and the refusal or None."""
        result: set[tuple[str, str | None]] = set()
        for one in rules:
            result |= {(one.name, r) for r in one.refused if not self.refused[one.name, r]}
            result |= set() if self.done[one.name] else {(one.name, None)}
        return result - set(unreachable)


def named(missing: Iterable[tuple[str, str | None]]) -> list[str]:
    """What was never reached in words, in order."""
    return sorted(name if refusal is None else f"{name} refused {refusal}" for name, refusal in missing)


@dataclass(frozen=True)
class Finding:
    """A law broken by a step of the model, with the run that led there."""

    violation: Violation
    trace: Trace


@dataclass
class Driven:
    """What driving came to."""

    statistics: Statistics
    findings: list[Any] = field(default_factory=list)
    never: list[str] = field(default_factory=list)


# The world in which there is only the model.


class ModelWorld:
    """Steps happen to a reference store, and every law is checked after each."""

    def __init__(
        self, reference: Reference, monitor: Monitor, algebra: AlgebraMonitor | None,
        statistics: Statistics, dialect: str,
    ) -> None:
        """Start from the reference's empty store."""
        self.reference, self._monitor, self._algebra = reference, monitor, algebra
        self._statistics, self._dialect = statistics, dialect
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
            self._fail(broken[0], ())
        if self._algebra is not None:
            for violation, run in self._algebra.state(
                    outcome.state, rigid, traits, turn=len(self._events)):
                self._fail(violation, run)

    def _fail(self, violation: Violation, run: tuple[Event, ...]) -> None:
        trace = Trace("store", self._dialect, self.reference.shape.sizes, self.reference.rigid,
                      (*self._events, *run))
        raise Broken(Finding(violation, trace))

    def close(self) -> None:
        """Nothing is to be cleaned up."""


# The state machine.

_CONTENTS = {"import": ROOTS, "import-unnamed": ROOTS, "build-step": BUILDS, "build-add": BUILDS,
             "write": WRITES}
_USUAL_WEIGHT, _OFTEN, _OFTEN_SWEEPING = 3, 24, 5
_WEIGHTS = {"create": 12, "load": 6, "start": 6, "tag": 6, "build-step": 6, "pull-layer": 6, "prune": 1,
            "pull-finish": 9, "remove-by-digest": 6, "pause": 9, "remove": 6,
            "prune-all": 1, "container-prune": 1, "abort": 1, "load-unnamed": 1, "import-unnamed": 1}
"""How often a rule is chosen: more often what most others need, more seldom what sweeps or fills up."""

_TAG_ONLY = ("load", "import", "pull-finish", "build-finish")

_LIVE = {"Image": "image", "Container": "container", "Lease": "lease"}
_OPEN = {"Image": "images", "Container": "containers", "Lease": "leases"}


@st.composite
def archives(draw: st.DrawFn, shape: Shape) -> Archives:
    """Draw the images that exist as archives."""
    layers: list[int | None] = [None]
    diffs = [draw(st.sampled_from(ROOTS))]
    for n in range(1, shape.layers):
        taken = set(zip(layers, diffs, strict=True))
        free = [(p, d) for p in (None, *range(n)) for d in (ROOTS if p is None else UPPERS)
                if (p, d) not in taken]
        parent, diff = draw(st.sampled_from(free))
        layers.append(parent)
        diffs.append(diff)
    tops: list[int] = []
    images: list[int | None] = []
    for n in range(shape.images):
        plain = [(top, None) for top in range(shape.layers)]
        children = [(top, j) for top in range(shape.layers) for j in range(n) if tops[j] == layers[top]]
        chosen: tuple[int, int | None] = draw(st.sampled_from(plain) | st.sampled_from(children or plain))
        tops.append(chosen[0])
        images.append(chosen[1])
    pins = tuple(draw(st.sampled_from(range(shape.images))) for _ in range(shape.digests))
    return Archives(tuple(layers), tuple(diffs), tuple(tops), tuple(images), pins)


def state_machine(
    machine: Machine, shape: Shape, rules: Sequence[str], world: Callable[[Archives], World],
    often: Collection[str] = (),
) -> type[RuleBasedStateMachine]:
    """Derive a Hypothesis state machine from a machine's rules.

    Args:
        rules: the names of the rules to drive.
        world: makes the world of one example from its archives.
        often: those of them that are done more often than usual.
    """
    bundles = {sort: Bundle(name) for sort, name in _OPEN.items()}
    body: dict[str, Any] = {}

    def begin(self: Any, drawn: Archives, loaded: list[int], pulled: bool, created: int) -> None:
        self.world = escalating(lambda: world(drawn))
        start: list[tuple[str, Vector]] = [("load", (i, r)) for r, i in enumerate(loaded)]
        present = list(loaded)
        if pulled and shape.digests:
            start += _pull(self.world.reference, shape)
            present.insert(0, drawn.pins[0])
        start += [("create", (present[0], c, c)) for c in range(created if present else 0)]
        for name, arguments in start if {n for n, _ in start} <= set(rules) else []:
            driven_step(self, machine.rule_by_name[name], arguments)

    def teardown(self: Any) -> None:
        if hasattr(self, "world"):
            self.world.close()

    body["begin"] = initialize(
        drawn=archives(shape), pulled=st.booleans(), created=st.integers(0, 2),
        loaded=st.lists(st.sampled_from(range(shape.images)), max_size=shape.tags))(begin)
    body["teardown"] = teardown
    for name in rules:
        one = machine.rule_by_name[name]
        for copy in range(_weight(one, name in often)):
            body[f"{_method_name(name)}_{copy}"] = _driven(one, shape, bundles)
    return type(f"{machine.name.title()}Machine", (RuleBasedStateMachine,), body)


def _weight(one: Rule, often: bool) -> int:
    """How often a rule is chosen; sweeping all the time would leave nothing to sweep."""
    if often:
        return _OFTEN_SWEEPING if one.sweeps else _OFTEN
    return _WEIGHTS.get(one.name, _USUAL_WEIGHT)


class _Escalated(BaseException):
    """An error that is not about a law: it goes through Hypothesis, which would try to shrink it."""

    def __init__(self, error: LayerproofError) -> None:
        super().__init__(str(error))
        self.error = error


_Result = TypeVar("_Result")


def escalating(action: Callable[[], _Result]) -> _Result:
    """Do something whose errors Hypothesis is not to take for failures of what it drives."""
    try:
        return action()
    except LayerproofError as error:
        raise _Escalated(error) from error


def driven_step(running: Any, one: Rule, arguments: Vector) -> None:
    """Do a step in the world of a running state machine, and keep what it breaks."""
    try:
        escalating(lambda: running.world.step(one, arguments))
    except Broken as broken:
        type(running).latest = broken
        raise


def _method_name(rule_name: str) -> str:
    return "do_" + rule_name.replace("-", "_")


def _pull(reference: Reference, shape: Shape) -> list[tuple[str, Vector]]:
    """The operations that pull the first image that has a digest reference."""
    image, digest = reference.archives.pins[0], shape.tags
    layers = reference.chain(reference.read("top", image))
    tag = next(r for r in range(shape.tags)
               if reference.read("repository", r) == reference.read("repository", digest))
    steps: list[tuple[str, Vector]] = [("pull-begin", (0,)), *(("pull-layer", (0, m)) for m in layers)]
    return [*steps, ("pull-finish", (0, image, tag, digest))]


def _driven(one: Rule, shape: Shape, bundles: dict[str, Any]) -> Any:
    """The state machine's rule for a rule of the machine."""
    strategies = {p.name: _strategy(p.sort.name, shape, bundles) for p in one.parameters if p.role == "named"}
    if one.name in _TAG_ONLY:
        strategies["reference"] = st.sampled_from(range(shape.tags))
    if one.name == "pull-finish" or one.name == "remove-by-digest":
        name = "digest" if one.name == "pull-finish" else "reference"
        strategies[name] = st.sampled_from(range(shape.tags, shape.tags + shape.digests))
    if one.name.startswith("load"):
        strategies["image"] = st.sampled_from(range(shape.images))
    if one.name in _CONTENTS:
        strategies["content"] = st.sampled_from(_CONTENTS[one.name])
    made = next((p for p in one.parameters if p.role == "new"), None)
    sorts = {p.name: p.sort.name for p in one.parameters} | {"content": "Content"}
    touched = made or next((p for p in one.parameters if p.sort.name == "Image" and p.role == "named"), None)

    def method(self: Any, usual: bool, **named: int) -> Any:
        if usual and not one.name.startswith("load"):
            named = {n: _living(self.world.reference, sorts[n], e) for n, e in named.items()}
        arguments = self.world.reference.complete(one, named)
        if arguments is None:
            return None if touched is None else multiple()
        driven_step(self, one, arguments)
        if touched is None:
            return None
        return arguments[one.parameters.index(touched)]

    method.__name__ = _method_name(one.name)
    target = {"target": bundles[touched.sort.name]} if touched else {}
    driven = rule(**target, usual=_USUAL, **strategies)(method)
    if one.sweeps:  # there is little to sweep in an almost empty store
        return precondition(lambda self: _objects(self.world.reference) > _FEW)(driven)
    return driven


_FEW = 2


def _objects(reference: Reference) -> int:
    """The number of images and containers that are there."""
    return sum(bool(reference.read(relation, e)) for sort, relation in (
        ("Image", "image"), ("Container", "container")) for e in reference.choices(sort))


_USUAL = st.sampled_from([True] * 7 + [False])


def _living(reference: Reference, sort: str, element: int) -> int:
    """The element, or if it is not there one that is: most operations are to find what they name."""
    if sort == "Reference":
        images = reference.choices("Image")
        living = [r for r in reference.choices(sort) if any(reference.read("names", r, i) for i in images)
                  and reference.read("is_digest", r) == reference.read("is_digest", element)]
    elif sort in _LIVE:
        living = [e for e in reference.choices(sort) if reference.read(_LIVE[sort], e)]
    else:
        return element
    return element if element in living or not living else living[element % len(living)]


def _strategy(sort: str, shape: Shape, bundles: dict[str, Any]) -> Any:
    if sort == "Bool":
        return st.booleans()
    if sort in bundles:
        # Beside what earlier steps made, any object at all: archives, and what was never there.
        return bundles[sort] | st.sampled_from(range(shape.images if sort == "Image" else shape.sizes[sort]))
    if sort == "Layer":
        return st.sampled_from(range(shape.layers))
    return st.sampled_from(range(shape.sizes[sort]))


_EXAMPLES = 9
"""Examples a round. After ten Hypothesis takes to running mutations of what it ran, most of them the same
steps over again, which is not worth an engine's time; so each round starts afresh with its own seed."""

_STEPS = 50
"""Steps an example."""


def rounds(
    machine_class: type[RuleBasedStateMachine], statistics: Statistics, enough: Callable[[], bool],
    entropy: int,
) -> Iterator[Any]:
    """Run a state machine, round after round, until enough is done; yield what was found.

    Raises:
        VacuousCheck: if a whole round did not do a single step.
    """
    number = 0
    while not enough():
        before = statistics.steps
        finding = run_examples(machine_class, entropy=entropy * 1_000_003 + number)
        number += 1
        if finding is not None:
            yield finding
        elif statistics.steps == before:
            raise VacuousCheck("a whole round of examples did not do a single operation")


def run_examples(machine_class: type[RuleBasedStateMachine], *, entropy: int) -> Any:
    """Run a state machine for one round; return the finding of the run that failed, or None.

    Hypothesis does not shrink it: :mod:`layerproof.runs.shorten` takes far fewer operations.
    """
    configuration = settings(
        max_examples=_EXAMPLES, stateful_step_count=_STEPS, deadline=None, database=None,
        report_multiple_bugs=False, print_blob=False, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,))
    try:
        with with_reporter(lambda text: None):
            run_state_machine_as_test(seed(entropy)(machine_class), settings=configuration)
    except Broken as broken:
        return broken.finding
    except Flaky:
        # An engine that does not do the same twice: what it did once is a finding all the same.
        latest = getattr(machine_class, "latest", None)
        if latest is None:
            raise
        return latest.finding
    except _Escalated as escalated:
        raise escalated.error from None
    return None


def drive(
    machine: Machine, catalogue: Catalogue, *, traits: Mapping[str, bool], dialect: str, operations: int,
    entropy: int = 0, shape: Shape | None = None, rules: Iterable[str] | None = None,
    progress: Callable[[int], None] = lambda steps: None, complete: bool = True,
    often: Collection[str] = (), like: Bench | None = None,
) -> Driven:
    """Drive the model at random and check every law after every step, until one is broken.

    Args:
        operations: how many at least.
        complete: go on until every rule and refusal was reached, for some times the operations.
        often: operations that are done more often than usual.
        like: what was compiled for a machine that differs in its rules only, see :class:`Bench`.

    Raises:
        WrongRequest: if nothing would be done.
    """
    if operations < 1:
        raise WrongRequest("a run of no operations would check nothing")
    chosen = shape or Shape()
    bench = Bench(machine, catalogue, chosen.sizes, like)
    statistics = Statistics()
    names = [r.name for r in machine.rules] if rules is None else list(rules)

    def world(drawn: Archives) -> World:
        statistics.examples += 1
        progress(statistics.steps)
        return ModelWorld(
            Reference(bench.ground, traits, drawn, chosen), bench.monitor, bench.algebra, statistics, dialect)

    derived = state_machine(machine, chosen, names, world, often)
    result = Driven(statistics)
    driven_rules = [machine.rule_by_name[n] for n in names]
    unreachable = impossible(machine, traits) if complete else set()

    def enough() -> bool:
        reached = not complete or not statistics.never(driven_rules, unreachable)
        return statistics.steps >= operations and (reached or statistics.steps >= PATIENCE * operations)

    for finding in rounds(derived, statistics, enough, entropy):
        result.findings.append(shrunk(bench, traits, finding, names))
        break
    statistics.premises = bench.monitor.premises + bench.algebra.premises
    result.never = [] if result.findings else statistics.never(driven_rules, unreachable)
    return result


def shrunk(bench: Bench, traits: Mapping[str, bool], found: Finding, rules: Collection[str]) -> Finding:
    """Return a finding with no operation that could be left out or done on something simpler."""
    law = bench.catalogue.law(found.violation.law)
    # What a law about two runs does at the end of a run is not part of it.
    last = 1 if law.runs is None else len(law.runs.left)
    algebra = None if law.runs is None else AlgebraMonitor(bench.ground, Catalogue((law,)))

    def again(best: Finding, events: Events) -> Finding | None:
        reference = Reference.fixed(bench.ground, traits, best.trace.rigid)
        world = ModelWorld(reference, bench.monitor, algebra, Statistics(), best.trace.dialect)
        try:
            for event in events if algebra is None else events[:-last]:
                if not reference.given(event.rule, event.arguments):
                    return None
                world.step(bench.machine.rule_by_name[event.rule], event.arguments)
        except Broken as broken:
            return _same_law(best, broken.finding)
        return None

    return shortened(found, again, bench.machine, rules, last)


def _same_law(best: Finding, other: Any) -> Finding | None:
    """The other finding in the universe of the first if it is of the same law, or None."""
    if other.violation.law != best.violation.law:
        return None
    return Finding(other.violation, replace(best.trace, events=other.trace.events))


PATIENCE = 8  # times the operations asked for, to reach the rules and refusals that were not reached


def impossible(machine: Machine, traits: Mapping[str, bool]) -> set[tuple[str, str]]:
    """Return the refusals that a dialect never has: Z3 shows their conditions contradictory with it."""
    valuation = [t.term == traits[t.name] for t in machine.traits]
    result = set()
    for one in machine.rules:
        step = one.step(machine.state)
        for refusal in one.refused:
            solver = z3.SolverFor("AUFLIA")
            solver.set("rlimit", 1_000_000)
            solver.add(*valuation, step.refused(refusal))
            if solver.check() == z3.unsat:
                result.add((one.name, refusal))
    return result
