"""Hypothesis drives a machine: a rule-based state machine derived from its rules.

Each rule of the machine becomes a rule of the state machine. What a run starts from and what a caller of an
operation says are drawn as the machine has it (:class:`~layerproof.subject.Drivable`). What is done with a step
(only the model, or an engine beside it) is up to a :class:`World`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar

import z3
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.reporting import with_reporter
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from layermodel.language.ground import Outcome, Vector
from layermodel.language.rules import Machine, Rule
from layermodel.language.run import Run
from layerproof.errors import LayerproofError, VacuousCheck, WrongRequest
from layerproof.process.pieces import pool, recipe
from layerproof.runs.checked import Checked, only
from layerproof.runs.finding import Finding
from layerproof.runs.interest import Known, Past
from layerproof.runs.monitor import Bench
from layerproof.runs.shorten import shortened
from layerproof.runs.statistics import Statistics
from layerproof.runs.trace import Event, Scene, Trace
from layerproof.subject import Drivable, Subject, Traits
from layerproof.usual import numbers


class World(Protocol):
    """What a driven step happens to."""

    @property
    def run(self) -> Run:
        """The run of the model."""

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation; raise :class:`Broken` if something is found."""


class Broken(AssertionError):
    """A step that showed something."""

    def __init__(self, finding: Finding) -> None:
        """Carry what was found."""
        super().__init__(str(finding.signature))
        self.finding = finding


@dataclass
class Driven:
    """What driving came to."""

    statistics: Statistics
    findings: list[Finding] = field(default_factory=list)
    never: list[str] = field(default_factory=list)

    def add(self, other: Driven) -> None:
        """Add what driving with another seed came to; of findings about the same laws the shortest stays."""
        self.statistics.add(other.statistics)
        self.never = [one for one in self.never if one in other.never]
        for finding in other.findings:
            like = next((n for n, f in enumerate(self.findings) if f.laws == finding.laws), None)
            if like is None:
                self.findings.append(finding)
            elif len(finding.trace.events) < len(self.findings[like].trace.events):
                self.findings[like] = finding


class ModelWorld:
    """Steps happen to the model, and every law is asked after each."""

    def __init__(self, checked: Checked, statistics: Statistics) -> None:
        """Start from where the run is."""
        self.run, self._checked, self._statistics = checked.run, checked, statistics

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation in the model and check the laws."""
        outcome, finding = self._checked.do(rule, arguments)
        self._statistics.count(rule.name, outcome.refusal)
        if finding is not None:
            raise Broken(finding)


# The state machine.

_USUAL_WEIGHT, _OFTEN, _OFTEN_SWEEPING = 3, 24, 5


@dataclass
class _Runs:
    """What the runs of a state machine begin with. It is emptied after them: Hypothesis keeps classes for good.

    Attributes:
        known: what was had when the round began; within a round it stays, so that an example can be done again.
        turn: the seed of the round: each begins with an example of which Hypothesis draws all as simple as can be,
            and what is chosen in it is to be something else each time.
    """

    scenes: st.SearchStrategy[Any]
    world: Callable[[Scene], World] | None
    statistics: Statistics
    known: Known
    turn: int = 0

    def end(self) -> None:
        """Let go of what was run in."""
        self.scenes, self.world, self.statistics = st.nothing(), None, Statistics()


_CANDIDATES = 3
"""Operations that are drawn for one that is done: the one that comes to what was seldom had."""
_TRIES = 4
"""How often as many are drawn where each would be refused because it names nothing that ever was there."""


def state_machine(
    subject: Subject, rules: Collection[str], scenes: st.SearchStrategy[Any], world: Callable[[Scene], World],
    statistics: Statistics, often: Collection[str] = (), open_choices: bool = False,
) -> type[RuleBasedStateMachine]:
    """Derive a Hypothesis state machine from a machine's rules.

    It has one rule, which chooses some of the machine's and what their callers say, and does the one that comes to
    what was had least, see :mod:`layerproof.runs.interest`. (With a rule for each of them, Hypothesis draws thirty
    times a step whether they are to be had in this example, which takes longer than all else. That is drawn once
    for an example here; and one number for a step, from which all is chosen: Hypothesis takes longer for each
    thing that is drawn by itself than the model takes for the operation, and what it would know of them serves to
    shrink, which is not left to it.)

    Args:
        rules: the names of the rules to drive.
        scenes: what runs start from.
        world: makes the world of one example from its scene.
        statistics: what was had so far.
        often: those of them that are done more often than usual.
        open_choices: what an operation makes is at times another object than the run would take, if the rule lets
            it be: where there is no engine whose choice it is.
    """
    machine, drivable = subject.machine, subject.drivable
    weights = {name: _weight(machine.rule_by_name[name], drivable, name in often) for name in rules}

    def begin(self: Any, data: Any) -> None:
        scene = data.draw(self.runs.scenes)
        self.seed = f"{data.draw(numbers())} {self.runs.turn}"
        swarm = Random(self.seed).getrandbits(32)
        self.operations, self.turns = 0, [machine.rule_by_name[name] for name in _swarm(weights, swarm)]
        # Half of the runs go where they come to: what needs one thing over and over is seldom in seldom company.
        self.candidates = _CANDIDATES if swarm % 2 else 1
        self.choices = Random(swarm) if open_choices and swarm % 8 < 2 else None
        self.world = _keeping(self, lambda: self.runs.world(scene))
        self.past = Past(self.world.run, self.runs.known)
        coming = iter(escalating(lambda: drivable.opening(self.world.run, scene)))
        while (following := escalating(lambda: next(coming, None))) is not None:
            name, arguments = following
            if name in rules and self.world.run.given(name, arguments):
                one = machine.rule_by_name[name]
                _driven_step(self, _Operation(one, arguments, self.world.run.would(name, arguments)))

    def operation(self: Any, number: int) -> None:
        self.operations += 1
        one = _chosen(Random(f"{number} {self.operations} {self.seed}"), drivable, self)
        if one is not None:
            _driven_step(self, one if self.choices is None else _otherwise(self.world.run, one, self.choices))

    body = {"runs": _Runs(scenes, world, statistics, Known.of(statistics)),
            "begin": initialize(data=st.data())(begin), "operation": rule(number=numbers())(operation)}
    return type(f"{machine.name.title()}Machine", (RuleBasedStateMachine,), body)


@dataclass(frozen=True)
class _Operation:
    """An operation that may be done, and what it would come to."""

    rule: Rule
    arguments: Vector
    outcome: Outcome

    @property
    def refusal(self) -> str | None:
        """What it would be refused for."""
        return self.outcome.refusal


def _past(running: Any) -> Past:
    """What was done in a run; nothing, if its world has begun another."""
    past: Past = running.past
    if past.run is not running.world.run:
        past = running.past = Past(running.world.run, past.known)
    return past


def _chosen(random: Random, drivable: Drivable, running: Any) -> _Operation | None:
    """Choose some operations, and take the one that comes to what was seldom had; None if there is none."""
    run, past = running.world.run, _past(running)
    for _ in range(_TRIES):
        found = []
        for _ in range(running.candidates):
            one: Rule = random.choice(running.turns)
            arguments = escalating(partial(drivable.choose, run, one, random))
            if arguments is not None:
                found.append(_Operation(one, arguments, run.would(one.name, arguments)))
        worth = [o for o in found if not past.enough(o.rule, o.arguments, o.refusal)]
        if worth:
            return min(worth, key=lambda o: past.seldom(o.rule, o.arguments, o.outcome))
    return None


def _otherwise(run: Run, one: _Operation, random: Random) -> _Operation:
    """The same operation, which may make something else than it would, as far as the rule leaves that open."""
    new = [n for n, p in enumerate(one.rule.parameters) if p.role == "new"]
    for place in new:
        elements = list(run.settled_elements(one.rule.parameters[place]))
        random.shuffle(elements)
        for element in elements:
            arguments = (*one.arguments[:place], element, *one.arguments[place + 1:])
            if run.given(one.rule.name, arguments):
                one = _Operation(one.rule, arguments, run.would(one.rule.name, arguments))
                break
    return one


def _weight(one: Rule, drivable: Drivable, often: bool) -> int:
    """How often a rule is chosen; sweeping all the time would leave nothing to sweep."""
    if often:
        return _OFTEN_SWEEPING if one.sweeps else _OFTEN
    return drivable.weights.get(one.name, 1 if one.sweeps else _USUAL_WEIGHT)


def _swarm(weights: Mapping[str, int], swarm: int) -> list[str]:
    """The rules of one example, each as often as it weighs, and some of them left out at random.

    How many are left out is drawn, too: what needs many steps of few rules is found where the others are not in
    their way (Groce et al., *Swarm testing*, 2012).
    """
    draw = Random(swarm)
    left_out = draw.random()
    found = [name for name, weight in weights.items() for _ in range(weight) if draw.random() >= left_out]
    return found or list(weights)


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


def _driven_step(running: Any, one: _Operation) -> None:
    """Do a step in the world of a running state machine, and keep what it breaks."""
    running.world.run.choose(one.rule, one.arguments)
    running.runs.statistics.ways.update(_past(running).take(one.rule, one.arguments, one.outcome))
    _keeping(running, lambda: running.world.step(one.rule, one.arguments))


def _keeping(running: Any, action: Callable[[], _Result]) -> _Result:
    try:
        return escalating(action)
    except Broken as broken:
        type(running).latest = broken.finding  # without the frames in which it was raised
        raise


_EXAMPLES = 9
"""Examples a round. After ten Hypothesis takes to running mutations of what it ran, most of them the same
steps over again, which is not worth an engine's time; so each round starts afresh with its own seed."""

_STEPS = 50
"""Steps an example."""

ROUND = _EXAMPLES * _STEPS
"""Operations that a round does at most, beside those with which runs begin; it is always done to its end. Where
fewer are asked for, a round has fewer examples: an engine may take a second for each operation."""


def rounds(
    machine_class: Any, statistics: Statistics, enough: Callable[[], bool], seed_: int, operations: int = ROUND,
) -> Iterator[Finding]:
    """Run a state machine, round after round, until enough is done; yield what was found. Once: it is empty then.

    Args:
        operations: how many are to be done.

    Raises:
        VacuousCheck: if as many examples as a whole round has did not do a single step.
    """
    number, runs, examples = 0, machine_class.runs, min(_EXAMPLES, 1 + math.ceil(operations / _STEPS))
    idle = 0  # a few examples may each leave out so many rules that nothing can be done
    try:
        while not enough():
            before, runs.known = statistics.steps, Known.of(statistics)
            runs.turn = seed_ * 1_000_003 + number
            finding = _run_examples(machine_class, runs.turn, examples)
            number += 1
            idle = idle + examples if statistics.steps == before else 0
            if finding is None and idle >= _EXAMPLES:
                raise VacuousCheck("a whole round of examples did not do a single operation")
            if finding is not None:
                yield finding
    finally:
        runs.end()


def _cut_off(flaky: Flaky) -> BaseException | None:
    """What ended an example of which Hypothesis then said that none had ended there before: a signal, for one."""
    error: BaseException | None = flaky
    while error is not None and (isinstance(error, Exception) or type(error).__module__.startswith("hypothesis.")):
        error = error.__context__
    return error.error if isinstance(error, _Escalated) else error


def _run_examples(machine_class: type[RuleBasedStateMachine], seed_: int, examples: int) -> Finding | None:
    """Run a state machine for one round; return the finding of the run that failed, or None.

    Hypothesis does not shrink it: :mod:`layerproof.runs.shorten` takes far fewer operations.
    """
    configuration = settings(
        max_examples=examples, stateful_step_count=_STEPS, deadline=None, database=None,
        report_multiple_bugs=False, print_blob=False, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,))
    error: BaseException
    try:
        with with_reporter(lambda text: None):
            run_state_machine_as_test(seed(seed_)(machine_class), settings=configuration)
    except Broken as broken:
        return broken.finding
    except Flaky as flaky:
        cut_off = _cut_off(flaky)
        if cut_off is None:
            # An engine that does not do the same twice: what it did once is a finding all the same.
            latest = latest_of(machine_class)
            if latest is None:
                raise
            return latest
        error = cut_off
    except _Escalated as escalated:
        error = escalated.error
    else:
        return None
    # Out here, so that it is not in the context of what it is the cause of: nobody could pickle that circle.
    raise error


def latest_of(machine_class: type[RuleBasedStateMachine]) -> Finding | None:
    """What a run of the state machine showed last."""
    return getattr(machine_class, "latest", None)


def sizes_of_runs(subject: Subject) -> dict[str, int]:
    """The sizes of the sorts in random runs of the model."""
    sizes = subject.drivable.sizes
    return subject.sizes() if sizes is None else dict(sizes)


def drive(
    subject: Subject, *, dialect: str, operations: int, traits: Traits | None = None, seed: int = 0,
    rules: Iterable[str] | None = None, progress: Callable[[int], None] = lambda steps: None,
    complete: bool = True, often: Collection[str] = (), like: Bench | None = None,
) -> Driven:
    """Drive the model at random and check every law after every step, until one is broken.

    Args:
        dialect: its name; its traits are those of the subject's dialect, if no others are given.
        operations: how many at least.
        rules: the names of those that are driven; all if None.
        complete: go on until every rule and refusal was reached, for some times the operations.
        often: operations that are done more often than usual.
        like: what was compiled for a machine that differs in its rules only, see :class:`Bench`.

    Raises:
        WrongRequest: if nothing would be done, or the dialect is not known.
    """
    check_operations(operations)
    chosen = subject.dialect(dialect) if traits is None else traits
    bench = Bench(subject.machine, subject.catalogue, sizes_of_runs(subject), like)
    statistics, names = Statistics(), [r.name for r in subject.machine.rules] if rules is None else list(rules)
    begun = partial(_begun, subject, bench, dialect, chosen)

    def world(scene: Scene) -> World:
        statistics.examples += 1
        progress(statistics.steps)
        return ModelWorld(begun(scene), statistics)

    derived = state_machine(subject, names, subject.drivable.scenes(subject, bench), world, statistics,
                            often, open_choices=True)
    driven_rules = [subject.machine.rule_by_name[n] for n in names]
    unreachable = impossible(subject.machine, chosen) if complete else set()

    def enough() -> bool:
        reached = not complete or not statistics.never(driven_rules, unreachable)
        return statistics.steps >= operations and (reached or statistics.steps >= PATIENCE * operations)

    result = Driven(statistics)
    for finding in rounds(derived, statistics, enough, seed, operations):
        result.findings.append(_shrunk(subject, bench, begun, finding, names))
        break
    statistics.premises = bench.monitor.premises + bench.algebra.premises
    result.never = [] if result.findings or not complete else statistics.never(driven_rules, unreachable)
    return result


def campaign(
    subject: Subject, dialects: Iterable[str], *, operations: int, seed: int = 0, seeds: int = 1,
    often: Collection[str] = (), progress: Callable[[str], None] = lambda text: None, jobs: int = 1,
    cluster: str | None = None,
) -> dict[str, Driven]:
    """Drive the model in some dialects, and with so many seeds, each as :func:`drive` does.

    Args:
        operations: how many at least in each dialect and with each seed.
        seed: the first.
        progress: is told in words how far it is.
        jobs: the number of processes.
        cluster: the address of a Dask cluster, whose workers do it instead.

    Raises:
        WrongRequest: as :func:`drive`, or if the cluster cannot be had.
    """
    check_operations(operations)
    runs = [(name, n) for name in dialects for n in range(seed, seed + seeds)]
    found: dict[str, Driven] = {}

    def add(name: str, driven: Driven) -> None:
        if name in found:
            found[name].add(driven)
        else:
            found[name] = driven

    if jobs == 1 and cluster is None:
        for name, n in runs:
            add(name, drive(subject, dialect=name, operations=operations, seed=n, often=often,
                            progress=partial(_told, progress, name)))
        return found
    with pool(subject, partial(recipe, subject), jobs=jobs, cluster=cluster) as pieces:
        futures = [pieces.submit(f"driving as {name} with the seed {n}", _driven, name, operations, n, often)
                   for name, n in runs]
        for done, _ in enumerate(as_completed(futures), 1):
            progress(f"{done} of {len(runs)} runs")
        for (name, _), future in zip(runs, futures, strict=True):
            add(name, future.result())
    return found


def _told(progress: Callable[[str], None], dialect: str, operations: int) -> None:
    progress(f"{dialect}: {operations:,} operations")


def _driven(subject: Subject, dialect: str, operations: int, seed: int, often: Collection[str]) -> Driven:
    return drive(subject, dialect=dialect, operations=operations, seed=seed, often=often)


def check_operations(operations: int) -> None:
    """Refuse a run that would do nothing.

    Raises:
        WrongRequest: if it would.
    """
    if operations < 1:
        raise WrongRequest("a run of no operations would check nothing")


def _begun(subject: Subject, bench: Bench, dialect: str, traits: Traits, scene: Scene) -> Checked:
    run = subject.drivable.begin(bench.ground, scene, traits)
    return Checked(bench, run, dialect, traits, subject.drivable.scene, bench.algebra)


def _shrunk(
    subject: Subject, bench: Bench, begun: Callable[[Scene], Checked], found: Finding, rules: Collection[str],
) -> Finding:
    """Return a finding with no operation that could be left out or done on something simpler."""
    law = bench.catalogue.law(found.laws[0])
    # What a law about two runs does at the end of a run is not part of it.
    last = 1 if law.runs is None else len(law.runs.left)
    algebra = only(bench, law.id)

    def again(best: Finding, trace: Trace) -> Finding | None:
        checked = Checked(bench, subject.drivable.begin(bench.ground, trace.scene, trace.traits), trace.dialect,
                          trace.traits, subject.drivable.scene, algebra)
        other = first_broken(checked, subject.machine, trace.events if algebra is None else trace.events[:-last])
        return other if other is not None and law.id in other.laws else None

    return shortened(found, again, subject.drivable.simpler(subject.machine, rules), subject.drivable.tries, last)


def first_broken(checked: Checked, machine: Machine, events: Iterable[Event]) -> Finding | None:
    """Do operations until one breaks a law, which is returned; None if none does or one cannot happen."""
    for event in events:
        rule = machine.rule_by_name[event.rule]
        arguments = checked.run.settled(rule, event.arguments)
        if arguments is None:
            return None
        _, finding = checked.do(rule, arguments)
        if finding is not None:
            return finding
    return None


PATIENCE = 8  # times the operations asked for, to reach the rules and refusals that were not reached


def impossible(machine: Machine, traits: Mapping[str, bool]) -> set[tuple[str, str]]:
    """Return the refusals that a dialect never has: Z3 shows their conditions contradictory with it."""
    valuation = [t.term == traits[t.name] for t in machine.traits]
    result = set()
    for one in machine.rules:
        step = machine.step(one)
        for refusal in one.refused:
            solver = z3.SolverFor("AUFLIA")
            solver.set("rlimit", 1_000_000)
            solver.add(*valuation, step.refused(refusal))
            if solver.check() == z3.unsat:
                result.add((one.name, refusal))
    return result
