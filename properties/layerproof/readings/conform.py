"""Judge an engine: the same operations on the engine and in the model, compared after each.

A difference is a finding, and so is an operation that fails otherwise than by a refusal. It names the laws that
the observed state or step breaks; where none is broken the engine departs from the rule itself. Findings that the
engine's catalogue lists as known deviations are reported as such. After a finding a run begins anew, or goes on
from what a known deviation left, where the model has such a store; a finding already made is not shrunk again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from layermodel.language.rules import Rule
from layerproof.errors import EngineHung, LayerproofError, Misbehaved, VacuousCheck, WrongRequest
from layerproof.readings.drive import Broken, check_operations, rounds, state_machine
from layerproof.readings.explore import shortest
from layerproof.readings.judge import EngineWorld, Judge, OutOfTime
from layerproof.runs.finding import Deviation, Finding, listed
from layerproof.runs.monitor import Bench
from layerproof.runs.shorten import shortened
from layerproof.runs.statistics import Reached, Statistics
from layerproof.runs.trace import Event, Scene, Trace
from layerproof.subject import Subject, Traits
from layerproof.words import counted


@dataclass
class Conformance:
    """What judging an engine came to.

    Attributes:
        options: of the engine.
        never: rules and refusals that were never reached, of a run that was to reach them all.
        not_applicable: rules that the engine cannot express.
        beyond: refusals that cannot be had without what it cannot express, of what few objects can come to.
        not_done: operations that were not done.
        ended: why not, if not for lack of time: the engine was gone, a signal ended the run, or there were as many
            findings as were asked for.
        not_compared: what the engine reports, and nothing was compared with.
    """

    engine: str
    version: str
    dialect: str
    statistics: Statistics
    options: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    not_applicable: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    not_done: int = 0
    ended: str = ""
    not_compared: tuple[str, ...] = ()

    @property
    def unknown(self) -> list[Finding]:
        """The findings that no catalogue lists."""
        return listed(self.findings)[0]


def conform(
    subject: Subject, engine: Any, *, operations: int | None = None, seed: int = 0, dialect: str | None = None,
    traits: Traits | None = None, deviations: Iterable[Deviation] = (), complete: bool = True, most: int = 20,
    budget: float | None = None, often: Collection[str] = (), like: Bench | None = None,
    progress: Callable[[int], None] = lambda steps: None, found: Callable[[Finding], None] = lambda finding: None,
) -> Conformance:
    """Judge an engine by random operations.

    That it dies, hangs, or answers what nobody can read is a finding like any other; an engine that can be started
    anew (``revive``) is, and the run goes on.

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
        found: is told of each finding as soon as it is made, before it is made shorter.

    Raises:
        WrongRequest: if nothing would be done, or the engine is not such as the machine needs it.
        EngineUnreachable: if the engine is gone or silent before anything was done.
        BaseException: whatever else ends the run, a signal for one. All of these have in ``so_far`` what the run
            had come to, if it had come to anything.
    """
    judge = Judge(subject, engine, dialect, traits, deviations, like=like)
    judge.limit(budget)
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
    not_done, ended = 0, ""
    try:
        _search(judge, rounds(derived, statistics, enough, seed, least), found)
        if len(judge.seen) >= most:
            not_done = max(0, least - statistics.steps)
            ended = f"it ended after {counted(most, 'different finding')}" if not_done else ""
        elif complete:
            out_of_reach = _tour(judge, statistics.missing(asked, unreachable), found)
            if judge.not_applicable:  # it is for want of these
                judge.beyond = {(rule, refusal) for rule, refusal in out_of_reach if refusal is not None}
                unreachable = unreachable | judge.beyond
    except VacuousCheck:
        if not judge.seen:
            raise
        not_done = max(1, least - statistics.steps)  # nothing can be done where all is wrong from the start
    except OutOfTime:
        not_done = max(0, least - statistics.steps)
    except Misbehaved as error:
        if not judge.seen:
            raise
        not_done, ended = max(1, least - statistics.steps), str(error)  # it is gone for good
    except BaseException as error:
        if judge.seen or (judge.begun and not isinstance(error, LayerproofError)):
            vars(error)["so_far"] = _came_to(judge, asked, unreachable, max(1, least - statistics.steps),
                                             str(error) or type(error).__name__)
        raise
    return _came_to(judge, asked, unreachable, not_done, ended)


def _search(judge: Judge, every: Iterator[Finding], found: Callable[[Finding], None]) -> None:
    """Keep what random operations find, each made shorter; and what they found last, whatever ends them."""
    try:
        for finding in every:
            judge.keep(finding)  # there may be no time to make it shorter
            found(finding)
            shorter = shrunk(judge, finding)
            judge.seen.pop(finding.signature, None)  # its laws are known now, and with them what it is
            judge.keep(shorter)
            judge.counting, judge.watched = True, ()
    finally:
        judge.keep_pending()


def _came_to(
    judge: Judge, rules: Sequence[Rule], unreachable: set[tuple[str, str]], not_done: int, ended: str = "",
) -> Conformance:
    """What is said at the end; of the rules it is asked whether they were reached."""
    engine, statistics = judge.engine, judge.statistics
    return Conformance(
        engine.name, engine.version, judge.dialect, statistics, tuple(getattr(engine, "options", ())),
        list(judge.seen.values()), statistics.never(rules, unreachable), judge.not_applicable,
        sorted(f"{rule} refused {refusal}" for rule, refusal in judge.beyond), not_done, ended,
        tuple(getattr(engine, "not_compared", ())))


def _tour(judge: Judge, wanted: set[Reached], tell: Callable[[Finding], None]) -> set[Reached]:
    """Take the shortest run to each rule and refusal that was not reached, and compare as always.

    Returns what cannot be reached by the operations that the engine has, of all that there is with few objects.
    """
    whole = bool(judge.judging.tours)
    for sizes in judge.judging.tours:
        if not wanted:
            break
        found = shortest(judge.subject, sizes, judge.traits, judge.dialect, judge.rules, wanted, judge.check_time,
                         judge.judging.searched)
        whole = whole and not found.cut
        touring = judge.like(sizes)
        for trace in found.runs.values():
            finding = next(_follow(touring, trace), None)
            if finding is not None and judge.is_new(finding):
                judge.keep(finding)
                tell(finding)
        wanted = wanted - found.runs.keys()
    return wanted if whole else set()


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
            known = broken.finding.known
            if not judge.notes(broken.finding) or known is None or not known.lasting:
                return
    for number, event in enumerate(trace.events, 1):
        rule = judge.subject.machine.rule_by_name[event.rule]
        arguments = world.run.settled(rule, event.arguments)
        if arguments is None:
            raise cannot_happen(number, event)
        finding = world.compare(rule, arguments)
        if finding is not None:
            yield finding
            if not judge.notes(finding) or not world.goes_on(finding):
                return
    if (left := world.end()) is not None:
        yield left


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
        EngineUnreachable: if the engine is gone or silent before anything was done.
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
    judge = Judge(subject, engine, trace.dialect, trace.traits, deviations, trace.scene.sizes)
    judge.limit(budget)
    for number, event in enumerate(trace.events, 1):
        if event.rule not in judge.rules:
            raise WrongRequest(f"event {number}: the engine {engine.name} has no operation {event.rule}")
    return judge


_AGAIN = 3
"""How often a run is done again that did not show at once what it had shown."""
_SURE = 2
"""How often the shortest run is done again, which may show it by chance."""
_HANGS = 8
"""Runs that making a finding shorter may take where each waits until the time for an answer is over."""


def shrunk(judge: Judge, finding: Finding, shorter: Iterable[Trace] = ()) -> Finding:
    """Return the finding with nothing that could be left out, and with the laws that are broken there.

    What does not show each time that the same is done is unstable, and is said to be; it stays as it was found.

    Args:
        shorter: other runs that may show it, of which the first is taken that does.
    """
    judge.watched = finding.signature
    found = (_again(judge, finding, trace, judged=True) for trace in shorter)
    finding = next((one for one in found if one is not None), finding)
    again, shown, tried = _repeated(judge, finding, 1)
    if again is None or shown < tried:
        return replace(finding, again=(shown, tried))
    ways = judge.subject.drivable.simpler(judge.subject.machine, judge.rules)
    tries = _HANGS if finding.kind == EngineHung.kind else judge.subject.drivable.tries
    best = shortened(again, partial(_again, judge), ways, tries)
    last, shown, tried = _repeated(judge, best, _SURE)
    if last is not None and shown == tried:
        return replace(last, again=(shown, tried))
    again, shown, tried = _repeated(judge, finding, _AGAIN)
    return replace(again or finding, again=(shown, tried))


def _repeated(judge: Judge, finding: Finding, times: int) -> tuple[Finding | None, int, int]:
    """Do the same operations again: what they showed then, and how often of how many times.

    Args:
        times: as often at least, and some more if they did not show it each time.
    """
    last, shown, tried = None, 0, 0
    while tried < (times if shown == tried else max(times, _AGAIN)):
        once = _again(judge, finding, finding.trace, judged=True)
        last, shown, tried = once or last, shown + (once is not None), tried + 1
    return last, shown, tried


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
