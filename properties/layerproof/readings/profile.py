"""Which dialect an engine speaks: runs whose outcome tells the traits apart, and what explains all that was seen.

All valuations of the traits are possible at first. Of one that is left the nearest are taken, and the shortest run
is looked for in which the two come to something else: the same rules under other traits. It is done on the engine,
once; what the engine answered is then held against every valuation that is left, by the very judge that engines
are judged by, and those that do not explain it are dropped. What no valuation explains is a finding.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.readings.diverging import Bearing, Field, diverging, fields
from layerproof.readings.drive import Broken
from layerproof.readings.judge import EngineWorld, Judge, OutOfTime
from layerproof.readings.played import Played, Recorded, Recording
from layerproof.runs.finding import Deviation, Finding
from layerproof.runs.trace import Event, Trace
from layerproof.runs.trouble import DIFFERS
from layerproof.subject import Subject, Traits
from layerproof.words import counted

OPERATIONS = 60
"""Operations that are done at most, where nobody says how many."""
_MOST_TRAITS = 14
_AT_ONCE = 16
"""Valuations that are looked for at the same time."""
_TRIES = 3
"""Runs that are done to tell two valuations apart, where what came of one does not tell."""

_Values = tuple[bool, ...]


@dataclass(frozen=True)
class Experiment:
    """A run that was done on the engine.

    Attributes:
        trace: its operations, as far as they were done, and as the valuation has them that it was looked for with.
        before, after: how many valuations explained everything before it and after it.
        told: the traits that had one value left after it, and more before.
    """

    trace: Trace
    before: int
    after: int
    told: tuple[str, ...]


@dataclass
class Profile:
    """Which dialect an engine speaks.

    Attributes:
        spoken: the dialect that the engine itself says that it speaks, if it says.
        traits: their names.
        left: the valuations that explain all that was seen, in the order of the traits.
        experiments: what was done.
        unexplained: what no valuation explains that was left.
        operations: how many were done.
        apart: dialects of the machine by name, each with its valuation.
        ended: why it ended early, or nothing.
        not_applicable: operations that the engine does not have.
    """

    engine: str
    version: str
    spoken: str | None
    traits: tuple[str, ...]
    left: list[_Values]
    known: Mapping[str, Traits] = field(default_factory=dict)
    experiments: list[Experiment] = field(default_factory=list)
    unexplained: list[Finding] = field(default_factory=list)
    operations: int = 0
    ended: str = ""
    not_applicable: Sequence[str] = ()

    def value(self, trait: str) -> bool | None:
        """The value of a trait that explains what was seen; None if either does."""
        place = self.traits.index(trait)
        values = {valuation[place] for valuation in self.left}
        return values.pop() if len(values) == 1 else None

    @property
    def open(self) -> tuple[str, ...]:
        """The traits of which nothing that was seen says whether they hold."""
        return tuple(trait for trait in self.traits if self.value(trait) is None)

    @property
    def dialects(self) -> tuple[str, ...]:
        """The machine's dialects that explain all that was seen."""
        return tuple(name for name, traits in self.known.items() if tuple(
            traits[trait] for trait in self.traits) in self.left)

    @property
    def best(self) -> dict[str, bool]:
        """One valuation that explains what was seen: that of a dialect if one does, else of few differences."""
        if self.dialects:
            return dict(self.known[self.spoken if self.spoken in self.dialects else self.dialects[0]])
        return dict(zip(self.traits, self.left[0], strict=True))

    @property
    def nearest(self) -> str:
        """The dialect of the machine that has most traits as they explain what was seen."""
        return min(self.known, key=lambda name: (name not in self.dialects, name != self.spoken, sum(
            value != self.best[trait] for trait, value in self.known[name].items())))

    @property
    def contradicts(self) -> bool:
        """Whether the engine says that it speaks a dialect that it does not speak."""
        return self.spoken is not None and self.spoken not in self.dialects

    @property
    def verdict(self) -> str:
        """``found`` if one valuation is left, ``open`` if several are, ``unexplained`` if something fits none."""
        return "unexplained" if self.unexplained else "found" if len(self.left) == 1 else "open"


def profile(
    subject: Subject, engine: Any, *, operations: int = OPERATIONS, budget: float | None = None,
    deviations: Iterable[Deviation] = (), progress: Callable[[str], None] = lambda text: None,
) -> Profile:
    """Find out which valuations of the traits explain what an engine does.

    Args:
        operations: that are done on the engine at most.
        budget: seconds after which it ends, whatever was done by then; None for no limit.
        deviations: that are known of engines; what they say in full is held against no valuation.
        progress: is told in words how it goes.

    Raises:
        WrongRequest: if the machine has no traits, or too many to try every valuation, or the engine is not such
            as the machine needs it.
        EngineUnreachable: if the engine is gone or silent.
    """
    names = tuple(trait.name for trait in subject.machine.traits)
    if not 0 < len(names) <= _MOST_TRAITS:
        raise WrongRequest(f"the machine {subject.name} has {counted(len(names), 'trait')}: "
                           + ("there is nothing to find out" if not names else
                              f"with more than {_MOST_TRAITS} not every valuation can be tried"))
    search = _Search(subject, engine, names, tuple(deviations), budget)
    try:
        while (found := search.next()) is not None:
            if search.result.operations + len(found.events) > operations:
                search.result.ended = f"another run would be more than {operations} operations"
                break
            search.do(found)
            progress(f"{counted(search.result.operations, 'operation')}, "
                     f"{counted(len(search.left), 'valuation')} left")
    except OutOfTime:
        search.result.ended = f"the time limit was reached after {counted(search.result.operations, 'operation')}"
    except BaseException as error:
        vars(error)["so_far"] = search.came_to()
        raise
    return search.came_to()


def _apart(one: _Values, other: _Values) -> int:
    """In how many traits two valuations differ."""
    return sum(a != b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True)
class _Plan:
    """A run in which two valuations come to something else, at its last operation."""

    field: Field
    events: tuple[Event, ...]


@dataclass
class _Sought:
    """How far runs that tell two valuations apart were looked for.

    Attributes:
        place: of the field in which they are looked for next.
        careful: only such runs are wanted as lead past nothing that the engine is known to do otherwise.
        whole: only such runs are wanted as the other valuation has, too: of one that it has not cannot be said
            that it explains what came.
    """

    plan: _Plan | None = None
    place: int = 0
    careful: bool = True
    whole: bool = False

    def is_at(self, end: int) -> bool:
        """Whether there is a careful run, or one is still looked for."""
        return self.careful and (self.plan is not None or self.place < end)


class _Search:
    """The valuations that are left, and what was done to tell them apart."""

    def __init__(
        self, subject: Subject, engine: Any, names: tuple[str, ...], deviations: Sequence[Deviation],
        budget: float | None,
    ) -> None:
        self._whole, self._subject = subject, subject.of(subject.machine, Catalogue(()))
        self._engine, self._names, self._deviations = engine, names, deviations
        start = next(iter(subject.dialects.values()), dict.fromkeys(names, False))
        self.at: _Values = tuple(start[name] for name in names)
        self.left = list(itertools.product((True, False), repeat=len(names)))
        self._judge = Judge(
            self._subject, engine, next(iter(subject.dialects), None), self._traits(self.at), deviations)
        self._judge.limit(budget)
        self._bearing = Bearing.of(subject.machine, self._judge.judging.figures, self._judge.rules)
        self._sought: dict[tuple[_Values, _Values], _Sought] = {}
        self._tried = Counter[tuple[frozenset[str], bool]]()
        self._barred = set[str]()
        self.result = Profile(
            engine.name, engine.version, getattr(engine, "dialect", None) or None, names, self.left,
            subject.dialects, not_applicable=self._judge.not_applicable)

    def _differing(self, other: _Values) -> frozenset[str]:
        """The traits in which a valuation is another than the one that was taken."""
        return frozenset(name for name, a, b in zip(self._names, self.at, other, strict=True) if a != b)

    def _traits(self, values: _Values) -> dict[str, bool]:
        return dict(zip(self._names, values, strict=True))

    def _judge_of(self, subject: Subject, engine: Any, values: _Values, field: Field) -> Judge:
        """A judge that holds an engine to a valuation."""
        judge = Judge(subject, engine, self._judge.dialect, self._traits(values), self._deviations,
                      field.scene.sizes, field.judge.bench if subject is self._subject else None)
        judge.until = self._judge.until
        return judge

    @cached_property
    def _fields(self) -> list[Field]:
        """All scenes of few objects."""
        return fields(self._judge, [one.sizes for one in self._judge.judging.exhausted])

    # What is to be done.

    def next(self) -> _Plan | None:
        """The shortest run that tells what is left apart; None if there is none that was not done."""
        while others := [u for u in self.left if u != self.at and self._is_open(u)]:
            # What the engine is known to do otherwise is gone past where nothing else tells.
            others = [u for u in others if self._between(u).is_at(len(self._fields))] or others
            others.sort(key=partial(_apart, self.at))
            near = [u for u in others if _apart(self.at, u) == _apart(self.at, others[0])][:_AT_ONCE]
            self._look([u for u in near if self._between(u).plan is None])
            if plans := [plan for u in near if (plan := self._between(u).plan) is not None]:
                return min(plans, key=lambda plan: len(plan.events))
        return None

    def _between(self, other: _Values) -> _Sought:
        return self._sought.setdefault((self.at, other), _Sought())

    def _is_open(self, other: _Values) -> bool:
        """Whether a valuation may still be told from the one that was taken."""
        sought, bears = self._between(other), self._bearing.all
        return sought.plan is not None or (
            self._tried[self._differing(other), sought.careful] < _TRIES
            and (sought.place < len(self._fields) or self._is_careful(sought))
            and bool(bears & self._differing(other)))

    def _is_careful(self, sought: _Sought) -> bool:
        """Whether runs that lead past what the engine is known to do otherwise are still to be looked for."""
        return sought.careful and bool(self._judge.deviations)

    def _look(self, asked: Sequence[_Values]) -> None:
        """Look for runs in which the valuation that was taken and others come to something else."""
        for sought in map(self._between, asked):
            if sought.place >= len(self._fields):
                sought.careful, sought.place = False, 0
        for place, one in enumerate(self._fields):
            for careful in (True, False):
                self._look_over(one, place, careful, [u for u in asked if self._between(u).careful == careful])

    def _look_over(self, one: Field, place: int, careful: bool, asked: Sequence[_Values]) -> None:
        """Look over one field."""
        others = [u for u in asked if self._between(u).plan is None and self._between(u).place <= place]
        for n, events in diverging(
                self._subject, one, self._bearing, self._traits(self.at), [self._traits(u) for u in others],
                [self._between(u).whole for u in others], self._barred, self._judge.check_time, careful):
            self._between(others[n]).plan = _Plan(one, events)
        for u in others:
            self._between(u).place = place + 1

    # What comes of it.

    def do(self, plan: _Plan) -> None:
        """Do a run on the engine, and drop the valuations that do not explain what it came to."""
        recording = Recording()
        judge = self._judge_of(self._subject, Recorded(self._engine, recording), self.at, plan.field)
        held = _held(judge, plan.field, plan.events, ended=True)
        events, before = _answered(plan.events[:held.done], held.finding), self.left
        self.result.operations += held.done
        if held.misbehaved:
            self._judge.revive()
        answers = list(self._answers(plan.field, events, held, recording))
        if any(answer.explains for _, answer in answers):
            # What needs no known deviation explains better than what needs one.
            self.left = [u for group, answer in answers
                         if answer.explains or (answer.lacks and answer.explains is None) for u in group]
        elif any(answer.known for _, answer in answers):
            self.left = [u for group, answer in answers if answer.explains is not False for u in group]
        elif not self._again(plan) or not any(answer.lacks for _, answer in answers):
            self._barred.add(events[-1].rule if events else "")
            self.result.unexplained.append(self._told(plan.field, events, held, recording))
        self._is_done(plan)
        trace = Trace(self._subject.name, judge.dialect, self._traits(self.at), plan.field.scene, events)
        self.result.experiments.append(Experiment(trace, len(before), len(self.left), tuple(
            name for n, name in enumerate(self._names)
            if len({u[n] for u in before}) > len({u[n] for u in self.left}))))
        if self.at not in self.left:
            self.at = min(self.left, key=partial(_apart, self.at))

    def _again(self, plan: _Plan) -> bool:
        """Look for other runs instead of one of which some valuations cannot say what comes of it."""
        sought = [one for one in self._sought.values() if one.plan == plan and not one.whole]
        for one in sought:
            one.whole, one.place = True, 0
        return bool(sought)

    def _is_done(self, plan: _Plan) -> None:
        """The run need not be done once more; of what it did not tell others may be done, but not many."""
        for (at, other), one in self._sought.items():
            if one.plan == plan:
                if at == self.at:
                    self._tried[self._differing(other), one.careful] += 1
                one.plan = None

    def _answers(
        self, one: Field, events: tuple[Event, ...], held: _Held, recording: Recording,
    ) -> Iterator[tuple[list[_Values], _Held]]:
        """The valuations that are left, by what they foresee, and what comes of holding the engine to them."""
        groups: dict[Any, list[_Values]] = {}
        for u in self.left:
            groups.setdefault(one.foreseen(self._traits(u), events), []).append(u)
        for group in groups.values():
            if self.at in group or held.misbehaved:
                yield group, held
                continue
            judge = self._judge_of(self._subject, Played(self._engine, recording), group[0], one)
            answer = _held(judge, one, events)
            # What came is what the valuation that was taken foresees; where another one has it that this cannot
            # come, it does not explain it.
            yield group, replace(answer, explains=False) if answer.lacks and held.explains else answer

    def _told(self, one: Field, events: tuple[Event, ...], held: _Held, recording: Recording) -> Finding:
        """What no valuation explains, with the laws that it breaks."""
        judge = self._judge_of(self._whole, Played(self._engine, recording), self.at, one)
        told = _held(judge, one, events, judged=True).finding or held.finding
        assert told is not None
        return told

    def came_to(self) -> Profile:
        """The result: what is left, the nearest to what was taken last first."""
        self.result.left = sorted(self.left, key=partial(_apart, self.at))
        return self.result


def _answered(events: tuple[Event, ...], finding: Finding | None) -> tuple[Event, ...]:
    """Operations, of which the last may have been answered otherwise than was foreseen."""
    if finding is None or not events:
        return events
    return (*events[:-1], replace(events[-1], refusal=finding.observed))


@dataclass(frozen=True)
class _Held:
    """What came of holding an engine to a valuation.

    Attributes:
        explains: whether the valuation explains what the engine did; None if that cannot be said: a known
            deviation showed, or there is not what the valuation foresees.
        done: operations that were done.
        lacks: there is not what the valuation foresees, with so few objects.
    """

    explains: bool | None
    done: int
    finding: Finding | None = None
    lacks: bool = False

    @property
    def known(self) -> bool:
        """Whether a known deviation showed."""
        return self.finding is not None and self.finding.known is not None

    @property
    def misbehaved(self) -> bool:
        """Whether the engine did not answer as engines do, which no valuation explains."""
        return self.finding is not None and self.finding.kind != DIFFERS


def _held(
    judge: Judge, one: Field, events: Iterable[Event], judged: bool = False, ended: bool = False,
) -> _Held:
    """Do operations on an engine beside the model, up to the first that comes to something else.

    Args:
        judged: say of what differs which laws it breaks.
        ended: leave nothing behind in the engine.
    """
    try:
        world = EngineWorld(judge, one.scene)
    except Broken as broken:
        return _Held(False, 0, broken.finding)
    held = _done(world, one, events, judged)
    left = world.end() if ended and not held.misbehaved else None
    return held if left is None or held.finding is not None else _Held(False, held.done, left)


def _done(world: EngineWorld, one: Field, events: Iterable[Event], judged: bool) -> _Held:
    """Do operations in a world that has begun."""
    done = 0
    for event in events:
        rule, run = one.ground.machine.rule_by_name[event.rule], world.run
        arguments = one.completed(run.state, run.traits, rule, event.arguments)
        if arguments is None:
            return _Held(None, done, lacks=True)
        finding = world.compare(rule, arguments, judged)
        done += 1
        if finding is not None:
            return _Held(None if finding.known is not None else False, done, finding)
    return _Held(True, done)
