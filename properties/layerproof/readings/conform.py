"""Judge an engine: the same operations on the engine and in the model, compared after each.

A difference is a finding, and so is an operation that fails otherwise than by a refusal. It names the laws that
the observed state or step breaks; where none is broken the engine departs from the rule itself. Findings that the
engine's catalogue lists as known deviations are reported as such; after any finding the run goes on from the
beginning, and a finding already known is not shrunk again.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from layermodel.language.ground import Outcome, Vector
from layermodel.language.rules import Rule
from layerproof import anyengine
from layerproof.errors import LayerproofError, VacuousCheck, WrongRequest
from layerproof.own import is_theirs, said, told
from layerproof.readings.drive import (
    Broken,
    check_operations,
    impossible,
    latest_of,
    rounds,
    sizes_of_runs,
    state_machine,
)
from layerproof.readings.explore import shortest
from layerproof.runs.finding import Deviation, Difference, Finding, States, listed
from layerproof.runs.monitor import Bench
from layerproof.runs.shorten import shortened
from layerproof.runs.statistics import Reached, Statistics
from layerproof.runs.trace import Event, Scene, Trace
from layerproof.subject import Answer, Beside, Judged, Subject, Traits, known_of
from layerproof.words import counted


class OutOfTime(LayerproofError):
    """The time limit of a run was reached."""


@dataclass
class Conformance:
    """What judging an engine came to.

    Attributes:
        options: of the engine.
        never: rules and refusals that were never reached, of a run that was to reach them all.
        not_applicable: rules that the engine cannot express.
        not_done: operations that there was no time for.
    """

    engine: str
    version: str
    dialect: str
    statistics: Statistics
    options: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    not_applicable: list[str] = field(default_factory=list)
    not_done: int = 0

    @property
    def unknown(self) -> list[Finding]:
        """The findings that no catalogue lists."""
        return listed(self.findings)[0]


class Judge:
    """What is shared by all runs against one engine.

    Attributes:
        counting: whether what is done counts: not what Hypothesis does over again, nor what shrinking does.
        until: the moment at which the run ends, as :func:`time.monotonic` tells it.
        seen: what was found so far, by signature; ``watched`` is the signature of what is being shrunk.
    """

    def __init__(
        self, subject: Subject, engine: Any, dialect: str | None = None, traits: Traits | None = None,
        deviations: Iterable[Deviation] = (), sizes: Any = None, like: Bench | None = None,
    ) -> None:
        """Prepare the model for an engine.

        Raises:
            WrongRequest: if the engine lacks what it must have, can do nothing, or speaks an unknown dialect.
        """
        self.subject, self.engine = subject, engine
        self.judging: Judged = subject.judged() if subject.judged else anyengine.judged(subject.machine)
        with told(f"the engine {_name(engine)} cannot be asked what it has"):
            self._ask()
        self.dialect = dialect or self._spoken or next(iter(subject.traits(())))
        self.traits = subject.dialect(self.dialect) if traits is None else traits
        self.bench = Bench(subject.machine, subject.catalogue, sizes or self._sizes(), like)
        self.deviations = known_of(deviations, engine)
        self.statistics = Statistics()
        self.counting, self.until = True, math.inf
        self.seen: dict[tuple[object, ...], Finding] = {}
        self.watched: tuple[object, ...] = ()
        self.not_applicable = [r.name for r in subject.machine.rules if r.name not in self.rules]
        if not self.rules:
            raise WrongRequest(f"the engine {engine.name} says that it can do none of the operations")

    def _ask(self) -> None:
        """See that the engine has what it must have, and ask what it speaks and what it can do."""
        self.judging.needs(self.engine)
        self._spoken: str | None = getattr(self.engine, "dialect", None)
        self.rules = [r.name for r in self.subject.machine.rules if self.judging.able(self.engine, r.name)]

    def _sizes(self) -> dict[str, int]:
        sizes = self.judging.sizes
        return sizes_of_runs(self.subject) if sizes is None else dict(sizes(self.engine))

    @property
    def unreachable(self) -> set[tuple[str, str]]:
        """The refusals that cannot be had, in the dialect or of the engine."""
        return impossible(self.subject.machine, self.traits) | self.judging.unreachable(self.engine, self.rules)

    def scenes(self) -> Any:
        """Draws what runs start from."""
        if self.judging.scenes is not None:
            return self.judging.scenes(self.subject, self.bench, self.engine)
        return self.subject.drivable.scenes(self.subject, self.bench)

    def like(self, sizes: Any) -> Judge:
        """One for other sizes, that counts as this one does."""
        other = Judge(self.subject, self.engine, self.dialect, self.traits, self.deviations, sizes)
        other.statistics, other.until = self.statistics, self.until
        return other

    def known(self, rule: str, differences: Sequence[Difference], laws: Sequence[str]) -> Deviation | None:
        """The known deviation that what differs after an operation shows, if all of it is known."""
        for deviation in self.deviations:
            if deviation.shows is None and deviation.about(rule) and set(deviation.laws) & set(laws):
                return deviation
        explained = [self._shown(rule, one) for one in differences]
        found = [d for d in explained if d is not None]
        rest = (one for one, d in zip(differences, explained, strict=True) if d is None)
        if not found or not all(any(d.brings(one) for d in found) for one in rest):
            return None
        return min(found, key=lambda d: d.lasting)  # one that harms what follows may bring others with it

    def _shown(self, rule: str, difference: Difference) -> Deviation | None:
        return next((d for d in self.deviations if d.shows is not None and d.about(rule)
                     and d.shows(rule, difference)), None)

    def overlooks(self, rule: str, difference: Difference) -> bool:
        """Whether a run goes on past a difference: it was reported before, and does no harm to what follows."""
        known = self._shown(rule, difference)
        return known is not None and known.lasting and (known.key,) in self.seen.keys() - {self.watched}

    def passes(self, finding: Finding) -> bool:
        """Take note of a finding; whether a run of given operations goes on past it."""
        if finding.signature in self.seen:
            return False  # it is not overlooked, though it was reported: more differs
        self.seen[finding.signature] = finding
        return finding.known is not None and finding.known.lasting

    @property
    def overlooked(self) -> set[str]:
        """The laws that lasting deviations break, which were reported before."""
        return {law for key, f in self.seen.items() if f.known and f.known.lasting and key != self.watched
                for law in f.known.laws}

    def check_time(self) -> None:
        """Raise OutOfTime if the run has lasted as long as it may."""
        if time.monotonic() > self.until:
            raise OutOfTime(f"the time limit was reached after {counted(self.statistics.steps, 'operation')}")


class EngineWorld:
    """Steps happen to the model and to an engine."""

    def __init__(self, judge: Judge, scene: Scene) -> None:
        """Start both from a scene.

        Raises:
            Broken: if they differ before anything is done, and that was not found before.
        """
        self._judge, self._scene = judge, scene
        self._dead = False
        self._begin()

    def _begin(self) -> None:
        judge, subject = self._judge, self._judge.subject
        judge.check_time()
        self.run = subject.drivable.begin(judge.bench.ground, self._scene, judge.traits)
        self.events: list[Event] = []
        with told(f"the engine {judge.engine.name} cannot be emptied, or does not say what it shows"):
            self.beside: Beside = judge.judging.beside(judge.engine, self.run)
            begun = self.beside.begin()
        differences = [d for d in begun if not judge.overlooks("", d)]
        if differences:
            finding = self._finding("", Outcome(None, self.run.state), Answer(None), differences, ())
            if finding.signature not in judge.seen.keys() - {judge.watched}:
                raise Broken(finding)
            self._dead = True  # nothing can be learned from what is wrong already

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation on both and compare."""
        if self._dead:
            return
        finding = self.compare(rule, arguments, judged=False)
        if finding is None:
            return
        if finding.signature not in self._judge.seen:
            self._judge.counting = False  # until the next round: Hypothesis runs the example once more
            raise Broken(finding)
        self._begin()

    def compare(self, rule: Rule, arguments: Vector, judged: bool = True) -> Finding | None:
        """Do one operation on both; return a finding if they differ.

        Args:
            judged: say which laws are broken, which may take longer than all else.
        """
        judge, run, before = self._judge, self.run, self.run.state
        judge.check_time()
        answer, failure = self._do(rule, arguments)
        outcome = run.run(rule.name, arguments)
        self.events.append(Event(rule.name, arguments, outcome.refusal))
        if judge.counting:
            judge.statistics.count(rule.name, outcome.refusal)
        if failure:
            failed = Difference("answer", outcome.refusal or "done", failure)
            return self._finding(rule.name, outcome, answer, [failed], ())
        differences = [d for d in self._compared(rule, arguments, outcome, answer)
                       if not judge.overlooks(rule.name, d)]
        if not differences:
            return None
        laws: tuple[str, ...] = ()
        states = None
        if judged or any(d.shows is None for d in judge.deviations):
            laws, states = self._laws(rule, arguments, before, outcome, answer, differences)
        return self._finding(rule.name, outcome, answer, differences, laws, states)

    def _do(self, rule: Rule, arguments: Vector) -> tuple[Answer, str]:
        """What the engine answers, and if it fails otherwise than by a refusal, in one word how."""
        try:
            return self.beside.do(rule, arguments), ""
        except BaseException as error:
            if not is_theirs(error):
                raise
            kind = type(error).__name__
            return Answer(f"raised {kind}", said(error).removeprefix(f"{kind}: ")), f"raised {kind}"

    def _compared(
        self, rule: Rule, arguments: Vector, outcome: Outcome, answer: Answer,
    ) -> Sequence[Difference]:
        try:
            with told(f"the engine {self._judge.engine.name} shows what cannot be compared"):
                return self.beside.compare(rule, arguments, outcome, answer)
        except WrongRequest as error:
            raise WrongRequest(f"{error} (after {rule.name}, operation {len(self.events)} of a run)") from error

    def _finding(
        self, rule: str, outcome: Outcome, answer: Answer, differences: Sequence[Difference],
        laws: tuple[str, ...], states: States | None = None,
    ) -> Finding:
        judge = self._judge
        trace = Trace(judge.subject.name, judge.dialect, judge.traits, judge.subject.drivable.scene(self.run),
                      tuple(self.events))
        return Finding(
            trace, laws, (), judge.engine.name, judge.engine.version, outcome.refusal, answer.refusal,
            answer.detail, tuple(differences), states, judge.known(rule, differences, laws),
            self._script(trace, differences))

    def _script(self, trace: Trace, differences: Sequence[Difference]) -> Callable[[], str | None]:
        """What makes a script of the run; a finding is not lost because none can be made of it."""
        words = f"the engine {self._judge.engine.name} cannot make a script"
        with told(words):
            make = self.beside.script(trace, differences)

        def made() -> str | None:
            try:
                with told(words):
                    return make()
            except WrongRequest as error:
                return f"({error})"

        return made

    def end(self) -> None:
        """The engine is not needed any more."""
        with told(f"the engine {self._judge.engine.name} cannot be emptied"):
            self.beside.end()

    def _laws(
        self, rule: Rule, arguments: Vector, before: Vector, outcome: Outcome, answer: Answer,
        differences: Sequence[Difference],
    ) -> tuple[tuple[str, ...], States]:
        """The laws that the observed state or step breaks."""
        run, monitor, broken = self.run, self._judge.bench.monitor, dict[str, None]()
        with told(f"the engine {self._judge.engine.name} shows what is no state"):
            there = self.beside.observed(before, outcome, answer)
        if there.whole:
            broken |= {v.law: None for v in monitor.state(there.state, run.rigid, run.traits)}
        if answer.refusal is None or answer.refusal in rule.refused:
            seen = Outcome(answer.refusal, there.state, answer.reclaimed)
            broken |= {v.law: None for v in monitor.step(rule, before, seen, run.rigid, run.traits, arguments)
                       if v.law not in there.hidden}
        broken |= {d.law: None for d in differences if d.law}
        overlooked = self._judge.overlooked
        return (tuple(law for law in broken if law not in overlooked),
                States(run.rigid, before, outcome.state, there.state))


def conform(
    subject: Subject, engine: Any, *, operations: int | None = None, seed: int = 0, dialect: str | None = None,
    traits: Traits | None = None, deviations: Iterable[Deviation] = (), complete: bool = True, most: int = 20,
    budget: float | None = None, often: Collection[str] = (), like: Bench | None = None,
    progress: Callable[[int], None] = lambda steps: None,
) -> Conformance:
    """Judge an engine by random operations.

    Args:
        operations: how many at least; as many as the machine says, if it is None.
        dialect, traits: what the engine is held to; what it says itself, if nothing is said.
        deviations: that are known of engines.
        complete: go on until every rule and refusal was reached, at random for twice the operations (the round
            that comes to them is done to its end) and then by the shortest runs that the explorer finds.
        most: stop after so many different findings.
        budget: seconds after which the run stops, whatever was done by then; None for no limit.
        often: operations that are done more often than usual.
        like: what was compiled for the same sizes and a machine that differs in its rules only.

    Raises:
        WrongRequest: if nothing would be done, or the engine is not such as the machine needs it.
        EngineUnreachable: if the engine is gone or silent. This and the former have in ``so_far`` what had been
            found before, if anything had.
    """
    until = _until(budget)
    judge = Judge(subject, engine, dialect, traits, deviations, like=like)
    judge.until = until
    check_operations(least := judge.judging.operations if operations is None else operations)
    statistics, unreachable = judge.statistics, judge.unreachable
    asked = [subject.machine.rule_by_name[n] for n in judge.rules] if complete else []

    def enough() -> bool:
        enough_steps = 2 * least if statistics.never(asked, unreachable) else least
        return len(judge.seen) >= most or statistics.steps >= enough_steps

    def world(scene: Scene) -> EngineWorld:
        statistics.examples += judge.counting
        progress(statistics.steps)
        return EngineWorld(judge, scene)

    derived = state_machine(subject, judge.rules, judge.scenes(), world, statistics, often)
    not_done = 0
    try:
        _search(judge, derived, enough, seed)
        if complete and len(judge.seen) < most:
            _tour(judge, statistics.missing(asked, unreachable))
    except VacuousCheck:
        if not judge.seen:
            raise
        not_done = max(1, least - statistics.steps)  # nothing can be done where all is wrong from the start
    except OutOfTime:
        not_done = max(0, least - statistics.steps)
    except LayerproofError as error:
        if judge.seen:
            error.so_far = _came_to(judge, asked, unreachable, max(1, least - statistics.steps))
        raise
    return _came_to(judge, asked, unreachable, not_done)


def _search(judge: Judge, derived: type[Any], enough: Callable[[], bool], seed: int) -> None:
    """Keep what random operations find, each made shorter; and what they found last, when time is up."""
    try:
        for finding in rounds(derived, judge.statistics, enough, seed):
            judge.seen[finding.signature] = finding  # there may be no time to make it shorter
            judge.seen[finding.signature] = shrunk(judge, finding)
            judge.counting, judge.watched = True, ()
    except OutOfTime:
        if (latest := latest_of(derived)) is not None:
            judge.seen.setdefault(latest.signature, latest)
        raise


def _came_to(
    judge: Judge, rules: Sequence[Rule], unreachable: set[tuple[str, str]], not_done: int,
) -> Conformance:
    """What is said at the end; of the rules it is asked whether they were reached."""
    engine, statistics = judge.engine, judge.statistics
    return Conformance(
        engine.name, engine.version, judge.dialect, statistics, tuple(getattr(engine, "options", ())),
        list(judge.seen.values()), statistics.never(rules, unreachable), judge.not_applicable,
        not_done)


def _name(engine: Any) -> str:
    """What to call an engine of which it is not known whether it has a name."""
    with contextlib.suppress(Exception):
        return str(engine.name)
    return type(engine).__name__


def _until(budget: float | None) -> float:
    """The moment at which a time limit that begins now is reached."""
    return math.inf if budget is None else time.monotonic() + budget


def _tour(judge: Judge, wanted: set[Reached]) -> None:
    """Take the shortest run to each rule and refusal that was not reached, and compare as always."""
    for sizes in judge.judging.tours:
        if not wanted:
            return
        found = shortest(judge.subject, sizes, judge.traits, judge.dialect, judge.rules, wanted, judge.check_time,
                         judge.judging.searched)
        touring = judge.like(sizes)
        for trace in found.values():
            finding = next(_follow(touring, trace), None)
            if finding is not None:
                judge.seen.setdefault(finding.signature, finding)
        wanted = wanted - found.keys()


def _follow(judge: Judge, trace: Trace) -> Iterator[Finding]:
    """Do the operations of a trace; yield what differs, up to the first that harms what follows.

    Raises:
        WrongRequest: if an operation cannot happen in the state that it comes to.
    """
    world: EngineWorld | None = None
    while world is None:
        try:
            world = EngineWorld(judge, trace.scene)
        except Broken as broken:
            yield broken.finding
            if not judge.passes(broken.finding):
                return
    for number, event in enumerate(trace.events, 1):
        rule = judge.subject.machine.rule_by_name[event.rule]
        arguments = world.run.settled(rule, event.arguments)
        if arguments is None:
            raise cannot_happen(number, event)
        finding = world.compare(rule, arguments)
        if finding is not None:
            yield finding
            if not judge.passes(finding):
                return
    world.end()


def cannot_happen(number: int, event: Event) -> WrongRequest:
    """What to say of an event of a trace that cannot happen in the state that it comes to."""
    return WrongRequest(
        f"event {number}: {event.rule} presupposes what is not so there (a new object that is there already, say, "
        "or one that is not such as the operation makes)")


def replay_on(
    subject: Subject, trace: Trace, engine: Any, *, deviations: Iterable[Deviation] = (),
    budget: float | None = None,
) -> Finding | None:
    """Do the operations of a trace on an engine and compare after each; return the first difference.

    Raises:
        OutOfTime: if they were not done within the budget, which is in seconds.
        WrongRequest: if the engine cannot do one of them, or one is not such as its rule presupposes.
        EngineUnreachable: if the engine is gone or silent.
    """
    return next(_follow(_judge_of(subject, trace, engine, deviations, budget), trace), None)


def conform_to(
    subject: Subject, trace: Trace, engine: Any, *, deviations: Iterable[Deviation] = (),
    budget: float | None = None,
) -> Conformance:
    """Judge an engine by the operations of a trace, past what is known of it and does no harm to what follows.

    Raises:
        OutOfTime, WrongRequest, EngineUnreachable: as :func:`replay_on`; the first has in ``so_far`` what it had
            come to.
    """
    judge = _judge_of(subject, trace, engine, deviations, budget)
    try:
        for _ in _follow(judge, trace):  # what is found is seen by the judge
            pass
    except OutOfTime as error:
        error.so_far = _came_to(judge, (), set(), len(trace.events) - judge.statistics.steps)
        raise
    return _came_to(judge, (), set(), len(trace.events) - judge.statistics.steps)


def _judge_of(
    subject: Subject, trace: Trace, engine: Any, deviations: Iterable[Deviation], budget: float | None,
) -> Judge:
    """A judge of the operations of a trace, all of which the engine has."""
    until = _until(budget)
    judge = Judge(subject, engine, trace.dialect, trace.traits, deviations, trace.scene.sizes)
    judge.until = until
    for number, event in enumerate(trace.events, 1):
        if event.rule not in judge.rules:
            raise WrongRequest(f"event {number}: the engine {engine.name} has no operation {event.rule}")
    return judge


def shrunk(judge: Judge, finding: Finding) -> Finding:
    """Return the finding with nothing that could be left out, and with the laws that are broken there."""
    judge.watched = finding.signature
    ways = judge.subject.drivable.simpler(judge.subject.machine, judge.rules)
    best = shortened(finding, partial(_again, judge), ways, judge.subject.drivable.tries)
    return _again(judge, best, best.trace, judged=True) or best


def _again(judge: Judge, finding: Finding, trace: Trace, judged: bool = False) -> Finding | None:
    """The same finding from another run, or None."""
    try:
        world = EngineWorld(judge, trace.scene)
    except Broken as broken:
        return broken.finding if broken.finding.signature == finding.signature else None
    for event in trace.events:
        rule = judge.subject.machine.rule_by_name[event.rule]
        arguments = world.run.settled(rule, event.arguments)
        if arguments is None:
            return None
        found = world.compare(rule, arguments, judged)
        if found is not None:
            return found if found.signature == finding.signature else None
    return None
