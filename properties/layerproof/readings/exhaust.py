"""Execute every step of a machine over few objects on an engine, and say in a certificate what was executed.

The states of a few objects and the steps between them are a graph. First every way in which one step can follow
another on one object is had, in a run that leads there at once, for faults that hide in the past. Then a tour goes
along all edges: at each state first the steps that lead nowhere (refusals, most of them), then one that was not
taken yet; where there is none, the shortest way to a state where there is, or from the beginning. If it is asked
for, every two steps on one object are then executed one after the other, by a tour along all such pairs. After
each step the engine is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

from layerproof.errors import LayerproofError, Misbehaved, WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.own import code_of
from layerproof.readings.conform import shrunk
from layerproof.readings.drive import Broken
from layerproof.readings.exploration import Steps, Wish
from layerproof.readings.graph import Edge, Graph
from layerproof.readings.judge import EngineWorld, Judge, OutOfTime
from layerproof.readings.paired import EveryPair
from layerproof.readings.toured import Kept, got, put
from layerproof.runs.finding import Deviation, Finding
from layerproof.runs.statistics import Pair, Statistics
from layerproof.runs.trace import Event, Scene, Trace
from layerproof.subject import Doable, Exhausted, Sizes, Subject, Traits

_RESET = 3
"""Steps that to begin anew is worth: an engine is emptied and looked at."""


@dataclass
class Covered:
    """What was executed with one choice of sizes.

    Attributes:
        universes: choices of rigid values, and of the operations that can be done in one run, that were gone
            through, ``of`` all that there are.
        states, steps: that there are; ``executed``: steps that were, ``differed`` of them.
    """

    sizes: dict[str, int]
    universes: int = 0
    of: int = 0
    states: int = 0
    steps: int = 0
    executed: int = 0
    differed: int = 0


@dataclass
class Cause:
    """What differed in the same way: a finding, and how often."""

    finding: Finding
    count: int = 0


@dataclass
class Certificate:
    """What executing every step came to.

    Attributes:
        parts: by sizes.
        pairs: ways in which one step can follow another on one object; ``pairs_had``: those that did, and
            ``pairs_apart`` those of which one of two steps differed.
        every: if it was asked for, every two steps on one object of each graph.
        causes: what differed, by signature.
        operations: executed in all, those on the way to another included; ``resets``: beginnings.
        never: rules and refusals that there are nowhere with these sizes.
        ended: why it ended before its end, if it did.
    """

    engine: str
    version: str
    dialect: str
    options: tuple[str, ...] = ()
    parts: list[Covered] = field(default_factory=list)
    pairs: set[Pair] = field(default_factory=set)
    pairs_had: set[Pair] = field(default_factory=set)
    pairs_apart: set[Pair] = field(default_factory=set)
    every: list[EveryPair] = field(default_factory=list)
    causes: dict[tuple[object, ...], Cause] = field(default_factory=dict)
    operations: int = 0
    resets: int = 0
    never: list[str] = field(default_factory=list)
    not_applicable: list[str] = field(default_factory=list)
    ended: str = ""

    @property
    def whole(self) -> bool:
        """Whether every step was executed, and every pair had or differed; there was something to execute."""
        return (not self.ended and bool(self.parts) and self.pairs_had | self.pairs_apart >= self.pairs
                and not any(every.count for every in self.every)
                and all(0 < part.steps == part.executed for part in self.parts))

    @property
    def verdict(self) -> str:
        """``certified``, ``violated`` where something differs that is not known, or ``incomplete``."""
        if any(cause.finding.known is None for cause in self.causes.values()):
            return "violated"
        return "certified" if self.whole else "incomplete"


@dataclass(frozen=True)
class _Asked:
    """What is asked of an exhaustive run: see :func:`exhaust`."""

    sizes: Sequence[Sizes]
    everywhere: bool
    pairs: bool
    every_pair: bool
    most: int
    resume: Path | None


def exhaust(
    subject: Subject, engine: Any, *, sizes: Sequence[Sizes] = (), everywhere: bool = False, pairs: bool = True,
    every_pair: bool = False, most: int = 20, resume: Path | None = None, dialect: str | None = None,
    traits: Traits | None = None, deviations: Sequence[Deviation] = (), budget: float | None = None,
    progress: Callable[[Certificate], None] = lambda certificate: None,
    found: Callable[[Finding], None] = lambda finding: None,
) -> Certificate:
    """Execute every step of few objects on an engine.

    Args:
        sizes: choices of sizes; those that the machine names, if there are none.
        everywhere: of those that the machine names, all universes, and not only such as bring a rule or refusal.
        pairs: every way in which one step can follow another is had, too.
        every_pair: every two steps on one object are executed one after the other, too, which takes ten times as
            long.
        most: different findings after which it ends.
        resume: where to go on from, if it is there, and where to leave what was done.
        dialect, traits, deviations, budget, found: as of :func:`~layerproof.readings.conform.conform`.
        progress: is told how it goes, after some steps.

    Raises:
        WrongRequest: if nothing would be executed, or the file to go on from is of another run.
        BaseException: whatever ends the run has in ``so_far`` what it had come to.
    """
    judge = Judge(subject, engine, dialect, traits, deviations)
    judge.limit(budget)
    run = _Run(judge, _Asked(sizes, everywhere, pairs, every_pair, most, resume), progress, found)
    try:
        run.all()
    except OutOfTime:
        run.certificate.ended = f"the time limit was reached after {run.certificate.operations:,} operations"
    except Misbehaved as error:
        if not run.certificate.causes:
            raise
        run.certificate.ended = str(error)
    except _Enough:
        run.certificate.ended = f"there were {len(run.certificate.causes)} different findings"
    except BaseException as error:
        run.certificate.ended = str(error) or type(error).__name__
        vars(error)["so_far"] = run.certificate
        raise
    finally:
        try:
            run.leave()
        except WrongRequest as error:
            error.so_far = run.certificate
            raise
    return run.certificate


class _Enough(LayerproofError):
    """There were as many findings as may be."""


class _Run:
    """All sizes and universes, one after the other."""

    def __init__(
        self, judge: Judge, asked: _Asked, progress: Callable[[Certificate], None],
        found: Callable[[Finding], None],
    ) -> None:
        self.judge, self.asked, self.progress, self.found = judge, asked, progress, found
        engine = judge.engine
        self.certificate = Certificate(engine.name, engine.version, judge.dialect,
                                       tuple(getattr(engine, "options", ())), not_applicable=judge.not_applicable)
        self.kept = Kept(asked.resume, {
            "machine": judge.subject.name, "engine": engine.name, "version": engine.version,
            "options": list(self.certificate.options), "code": code_of(engine), "dialect": judge.dialect,
            "traits": dict(judge.traits)})
        self.certificate.pairs_had |= self.kept.pairs
        self.certificate.pairs_apart |= self.kept.apart
        known = {deviation.key: deviation for deviation in judge.deviations}
        for one in self.kept.causes:
            finding = got(judge.subject, one, known)
            judge.keep(finding)
            self.certificate.causes[finding.signature] = Cause(finding, one["count"])

    def all(self) -> None:
        """Go through them all."""
        judge, had, tours = self.judge, set[Any](), list[_Tour]()
        asked = [Exhausted(sizes) for sizes in self.asked.sizes] or judge.judging.exhausted or [Exhausted({})]
        for one in asked:
            touring = judge.like(judge.judging.laid(judge.subject.sizes(one.sizes)))
            ground = touring.bench.ground
            runs = judge.judging.runs(judge.subject, ground, judge.engine)
            part = Covered(dict(ground.layout.sizes), of=len(runs))
            self.certificate.parts.append(part)
            for number, (scene, doable) in enumerate(runs):
                tour = _Tour(self, touring, part, f"{len(self.certificate.parts)}/{number}", scene, doable)
                if one.everywhere or self.asked.everywhere or not tour.graph.outcomes <= had:
                    had |= tour.graph.outcomes
                    part.universes += 1
                    tours.append(tour)
                    tour.first()
        for tour in tours:
            tour.rest()
        for tour in tours:
            tour.every_pair()
        statistics = Statistics()
        for rule, refusal in had:
            statistics.count(rule, refusal)
        rules = [judge.subject.machine.rule_by_name[name] for name in judge.rules]
        self.certificate.never = statistics.never(rules, judge.unreachable)

    def differs(self, judge: Judge, finding: Finding, shorter: Iterable[Trace]) -> None:
        """Count what differed; of what is new look for a short run, first among those that end as it did.

        Raises:
            _Enough: if there are as many as may be.
        """
        causes = self.certificate.causes
        known = finding.signature
        if known not in causes:
            self.found(finding)
            judge.keep(finding)
            causes[known], judge.counting = Cause(finding), False
            causes[known] = Cause(shrunk(judge, finding, shorter))
            judge.watched, judge.counting = (), True
        causes[known].count += 1
        if len(causes) >= self.asked.most:
            raise _Enough("there were as many findings as may be")

    def leave(self) -> None:
        """Keep what was done, if that is asked for."""
        self.kept.pairs, self.kept.apart = self.certificate.pairs_had, self.certificate.pairs_apart
        self.kept.causes = [put(self.judge.subject, cause.finding, cause.count)
                            for cause in self.certificate.causes.values()]
        self.kept.write()


class _Tour:
    """One universe: its graph, and what of it was executed."""

    def __init__(
        self, run: _Run, judge: Judge, part: Covered, name: str, scene: Scene, doable: Doable,
    ) -> None:
        """Begin on the engine, for the run says what the rigid values are there."""
        self.run, self.judge, self.part, self.certificate = run, judge, part, run.certificate
        self.scene = scene
        self.world = self._begun()
        subject = judge.subject
        lawless = subject.of(subject.machine, Catalogue(()))
        wish = Wish(lawless, part.sizes, False, False, lambda _: None, judge.rules, None, None, False)
        steps = Steps(wish, judge.bench.ground, self.world.run.rigid, judge.dialect, judge.traits)
        self.graph = Graph.of(steps, self.world.run.state, doable, lambda _: judge.check_time())
        self.done = run.kept.done(name, self.graph)
        self.every = run.kept.every(name, self.graph) if run.asked.every_pair else None
        if self.every is not None:
            self.certificate.every.append(self.every)
        self.at = 0
        self.last: tuple[int, int] | None = None
        self.path: list[tuple[int, int]] = []
        self.barred = {(number, place) for number, row in enumerate(self.done)
                       for place, done in enumerate(row) if done == _DIFFERED}

    def _begun(self) -> EngineWorld:
        """An empty engine beside the model.

        Raises:
            Misbehaved: if it is not empty, which is counted as a finding.
        """
        try:
            world = EngineWorld(self.judge, self.scene)
        except Broken as broken:
            finding = broken.finding
            self.judge.counting = True
        else:
            if world.finding is None:
                return world
            finding = world.finding
        self.certificate.causes.setdefault(finding.signature, Cause(finding)).count += 1
        raise Misbehaved(f"the engine is not as it was, though it was emptied ({finding.differences[0]})")

    def first(self) -> None:
        """Have every pair that was not had, which finds soon most of what there is to find."""
        part = self.part
        part.states += len(self.graph.states)
        part.steps += self.graph.size
        part.executed += sum(done > 0 for row in self.done for done in row)
        part.differed += len(self.barred)
        if self.run.asked.pairs:
            self._pairs()

    def rest(self) -> None:
        """Execute every step."""
        if self._way_is_there():
            self._begin()
            self._tour(self._undone, self._execute_all)

    def every_pair(self) -> None:
        """Execute every two steps on one object one after the other, if that is asked for."""
        every = self.every
        if every is None or not every.count:
            return
        self._begin()
        while every.count:
            place = every.next(self.last, self.at)
            if place is not None:
                self._step(self.at, place)
            elif (way := self._way(every.at)) is None:
                return
            else:
                all(self._step(number, place) for number, place in way)

    def _way_is_there(self) -> bool:
        """Whether anything is left to be executed, and can be come to."""
        return self.graph.way(0, self._undone, self.barred) is not None

    def _undone(self, number: int) -> bool:
        return 0 in self.done[number]

    def _tour(self, wanted: Callable[[int], bool], there: Callable[[], None], anew: bool = False) -> None:
        """Go to where something is wanted, as long as there is such a place, and do it there.

        Args:
            anew: always from the beginning, so that what was done before is but what leads there.
        """
        while (way := self._from_the_beginning(wanted) if anew else self._way(wanted)) is not None:
            if all(self._step(number, place) for number, place in way) and wanted(self.at):
                there()

    def _way(self, wanted: Callable[[int], bool]) -> list[tuple[int, int]] | None:
        """The shortest way to where something is wanted; the run has begun anew, if it leads from there."""
        here = self.graph.way(self.at, wanted, self.barred)
        if here is not None and len(here) <= _RESET:
            return here
        anew = self.graph.way(0, wanted, self.barred)
        if anew is not None and (here is None or len(anew) + _RESET < len(here)):
            self._begin()
            return anew
        return here

    def _from_the_beginning(self, wanted: Callable[[int], bool]) -> list[tuple[int, int]] | None:
        """The shortest way to where something is wanted, in a run that has begun anew."""
        way = self.graph.way(0, wanted, self.barred)
        if way is not None and (self.at or self.last is not None):
            self._begin()
        return way

    def _execute_all(self) -> None:
        """Take all steps from here that lead nowhere, and then one that does."""
        number, edges = self.at, self.graph.steps[self.at]
        undone = [place for place, done in enumerate(self.done[number]) if not done]
        for place in (p for p in undone if edges[p].to == number):
            if not self._step(number, place):
                return
        moving = [p for p in undone if edges[p].to != number]
        if moving:
            self._step(number, max(moving, key=lambda p: self.done[edges[p].to].count(0)))

    def _pairs(self) -> None:
        """Have each way in which a step follows another at least once."""
        following = self.graph.following()
        self.certificate.pairs |= following.keys()
        missing: dict[int, list[tuple[Pair, int, int]]] = {}
        for pair, (number, place, then) in following.items():
            missing.setdefault(number, []).append((pair, place, then))
        had, apart = self.certificate.pairs_had, self.certificate.pairs_apart

        def wanted(number: int) -> bool:
            left = [one for one in missing.get(number, ()) if one[0] not in had and one[0] not in apart]
            if left:
                missing[number] = left
            else:
                missing.pop(number, None)
            return bool(left)

        def there() -> None:
            number = self.at
            pair, place, then = missing[number][0]
            if self._step(number, place):
                self._step(self.graph.steps[number][place].to, then)
            if pair not in had:
                apart.add(pair)

        self._tour(wanted, there, anew=True)

    def _step(self, number: int, place: int) -> bool:
        """Execute a step; whether the engine is where it leads."""
        edge = self.graph.steps[number][place]
        rule = self.judge.subject.machine.rule_by_name[edge.rule]
        first = not self.done[number][place]
        finding = self.world.compare(rule, edge.arguments)
        self.done[number][place] = max(self.done[number][place], _EXECUTED)
        self.part.executed += first
        self.certificate.operations += 1
        if self.last is not None:
            before, along = self.last
            self.certificate.pairs_had.update(self.graph.pairs(before, self.graph.steps[before][along], edge))
            if self.every is not None:
                self.every.had(self.last, place)
        if self.certificate.operations % _TELL == 0:
            self.run.progress(self.certificate)
        if self.certificate.operations % _KEEP == 0:
            self.run.leave()
        if finding is None and self.world.run.state == self.graph.states[edge.to]:
            self.at, self.last = edge.to, (number, place)
            self.path.append(self.last)
            return True
        self.part.differed += (number, place) not in self.barred
        if self.every is not None:
            self.every.give_up(number, place)
        self.done[number][place] = _DIFFERED
        self.barred.add((number, place))
        if finding is not None:
            self.run.differs(self.judge, finding, self._shorter(number, place))
            self._begin()
        else:  # it did what it is known to do, and is elsewhere
            self._known(edge)
        return False

    def _known(self, edge: Edge) -> None:
        """Go on from what a known deviation left, if there is such a state; it is counted as often as it shows."""
        for cause in self.certificate.causes.values():
            known = cause.finding.known
            if known is not None and known.exact and known.about(edge.rule):
                cause.count += 1
                break
        to = self.graph.numbers.get(self.world.run.state)
        if to is None:
            self._begin()
        else:
            self.at, self.last = to, None
            self.path.clear()

    def _shorter(self, number: int, place: int) -> Iterator[Trace]:
        """Runs that end as this one did, with a step: with it alone, with two, with four, with eight …

        Each comes at once to where those began, so that what hides in a past is found with little beside it.
        """
        path, tail = [*self.path, (number, place)], 1
        while tail < 2 * len(path):
            last = path[-tail:]
            way = self.graph.way(0, partial(eq, last[0][0])) or []
            edges = [self.graph.steps[n][p] for n, p in [*way, *last]]
            if len(edges) < len(path) or tail == 1:
                events = tuple(Event(e.rule, e.arguments, e.refusal) for e in edges)
                yield Trace(self.judge.subject.name, self.judge.dialect, self.judge.traits, self.scene, events)
            tail *= 2

    def _begin(self) -> None:
        """Begin anew, on an empty engine."""
        self.world = self._begun()
        self.certificate.resets += 1
        self.at, self.last = 0, None
        self.path.clear()


_TELL = 64
"""Steps between two words about how it goes."""
_KEEP = 20_000
"""Steps between two times that what was done is written to the file, should the run be killed."""
_EXECUTED, _DIFFERED = 1, 2
