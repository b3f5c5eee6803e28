"""What judges an engine: the model and the engine beside each other, and what was found so far."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from layermodel.language.ground import Outcome, Vector
from layermodel.language.rules import Rule
from layerproof import anyengine
from layerproof.errors import EngineHung, EngineUnreachable, LayerproofError, Unintelligible, WrongRequest
from layerproof.own import told
from layerproof.readings.drive import Broken, impossible, sizes_of_runs
from layerproof.readings.known import Way
from layerproof.runs.finding import Deviation, Difference, Finding, States, Violation
from layerproof.runs.monitor import Bench
from layerproof.runs.statistics import Statistics
from layerproof.runs.trace import Event, Scene, Trace
from layerproof.runs.trouble import DIFFERS, RAISED, Trouble, trouble_of
from layerproof.subject import Answer, Beside, Judged, Subject, Traits, known_of
from layerproof.words import counted


class OutOfTime(LayerproofError):
    """The time limit of a run was reached."""


class Judge:
    """What is shared by all runs against one engine.

    Attributes:
        counting: whether what is done counts: not what Hypothesis does over again, nor what shrinking does.
        until: the moment at which the run ends, as :func:`time.monotonic` tells it.
        seen: what was found so far, by signature; ``watched`` is the signature of what is being shrunk.
        pending: what was found last, and is not among those yet.
        unsteady: in what manner the engine fails now and then, whatever is done.
        ailing: the engine misbehaved, and may have to be started anew.
        beyond: refusals that cannot be had without operations that the engine cannot express.
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
        self._ways: dict[str, Way] = {}
        self.statistics = Statistics()
        self.counting, self.until = True, math.inf
        self.seen: dict[tuple[object, ...], Finding] = {}
        self.watched: tuple[object, ...] = ()
        self.pending: Finding | None = None
        self.unsteady: set[tuple[object, ...]] = set()
        self.ailing = False
        self.beyond: set[tuple[str, str]] = set()
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

    def limit(self, budget: float | None) -> None:
        """Let the run end after so many seconds from now; at no time, if it is None."""
        self.until = math.inf if budget is None else time.monotonic() + budget

    def like(self, sizes: Any) -> Judge:
        """One for other sizes, that counts and remembers as this one does."""
        other = Judge(self.subject, self.engine, self.dialect, self.traits, self.deviations, sizes)
        other.statistics, other.until = self.statistics, self.until
        other.seen, other.unsteady = self.seen, self.unsteady
        return other

    def known(self, rule: str, differences: Sequence[Difference]) -> Deviation | None:
        """The known deviation that all that differs after an operation shows, of those about differences."""
        explained = [self._shown(rule, one) for one in differences]
        found = [d for d in explained if d is not None]
        rest = (one for one, d in zip(differences, explained, strict=True) if d is None)
        if not found or not all(any(d.brings(one) for d in found) for one in rest):
            return None
        return min(found, key=lambda d: d.lasting)  # one that harms what follows may bring others with it

    def ways(self, rule: str) -> Iterator[Way]:
        """What the engine is known to do instead of a rule."""
        for deviation in self.deviations:
            if deviation.exact and deviation.about(rule):
                if deviation.key not in self._ways:
                    self._ways[deviation.key] = Way(deviation, self.bench)
                yield self._ways[deviation.key]

    def _shown(self, rule: str, difference: Difference) -> Deviation | None:
        return next((d for d in self.deviations if d.shows is not None and d.about(rule)
                     and d.shows(rule, difference)), None)

    def overlooks(self, rule: str, difference: Difference) -> bool:
        """Whether a run goes on past a difference: it was reported before, and does no harm to what follows."""
        known = self._shown(rule, difference)
        return known is not None and known.lasting and (known.key,) in self.seen.keys() - {self.watched}

    def is_new(self, finding: Finding) -> bool:
        """Whether a finding is none of those that were made, or is what is being looked for once more."""
        return finding.signature == self.watched or not (
            finding.signature in self.seen or finding.manner in self.unsteady)

    def keep(self, finding: Finding) -> None:
        """Put a finding among those that were made."""
        self.seen[finding.signature], self.pending = finding, None
        if finding.unstable and finding.manner is not None:
            self.unsteady.add(finding.manner)

    def keep_pending(self) -> None:
        """Keep what was found last, where there was no time for more."""
        if self.pending is not None:
            self.keep(self.seen.get(self.pending.signature, self.pending))

    def revive(self) -> None:
        """Have an engine that misbehaved started anew, if it can be.

        Raises:
            EngineUnreachable: if it does not come back.
        """
        if callable(anew := getattr(self.engine, "revive", None)):
            with told(f"the engine {self.engine.name} cannot be started anew", raising=EngineUnreachable):
                anew()
        self.ailing = False

    def log(self) -> str:
        """What the engine's own log said last, if it has one that can be read."""
        with contextlib.suppress(Exception):
            if callable(last := getattr(self.engine, "log", None)):
                return str(last())
        return ""

    @property
    def begun(self) -> bool:
        """Whether anything was done, so that what goes wrong now is the engine's, and not how it was set up."""
        return self.statistics.steps > 0

    def notes(self, finding: Finding) -> bool:
        """Take note of a finding of a run of given operations; whether it was not seen before."""
        if finding.signature in self.seen:
            return False  # it is not overlooked, though it was reported: more differs
        self.seen[finding.signature] = finding
        return True

    @property
    def overlooked(self) -> set[str]:
        """The laws that lasting deviations break, which were reported before."""
        return {law for key, f in self.seen.items() if f.known and f.known.lasting and key != self.watched
                for law in f.known.laws}

    def check_time(self) -> None:
        """Raise OutOfTime if the run has lasted as long as it may."""
        if time.monotonic() > self.until:
            raise OutOfTime(f"the time limit was reached after {counted(self.statistics.steps, 'operation')}")


_Result = TypeVar("_Result")


class EngineWorld:
    """Steps happen to the model and to an engine."""

    def __init__(self, judge: Judge, scene: Scene) -> None:
        """Start both from a scene.

        That they differ before anything is done, as was found before, is in ``finding``; nothing can be done then.

        Raises:
            Broken: if they differ before anything is done, and that was not found before.
        """
        self._judge, self._scene = judge, scene
        self.finding: Finding | None = None
        self._begin()

    def _begin(self) -> None:
        judge, subject = self._judge, self._judge.subject
        judge.check_time()
        if ailed := judge.ailing:
            judge.revive()
        self.run = subject.drivable.begin(judge.bench.ground, self._scene, judge.traits)
        self.events: list[Event] = []
        self._calls: list[Mapping[str, Any]] = []
        with told(f"the engine {judge.engine.name} cannot be put beside the model"):
            self.beside: Beside = judge.judging.beside(judge.engine, self.run)
        begun, trouble = self._asked(
            self.beside.begin, f"the engine {judge.engine.name} cannot be emptied, or does not say what it shows")
        if trouble is not None and (not judge.begun or (ailed and isinstance(trouble.error, EngineUnreachable))):
            judge.ailing = ailed
            raise trouble.error  # it was never judged, or it is gone for good
        outcome = Outcome(None, self.run.state)
        if trouble is not None:
            self._found_at_begin(self._troubled("", outcome, trouble))
        elif differences := [d for d in begun or () if not judge.overlooks("", d)]:
            self._found_at_begin(self._finding("", outcome, Answer(None), differences, (),
                                               known=judge.known("", differences)))

    def _found_at_begin(self, finding: Finding) -> None:
        self.finding = finding  # nothing can be learned from what is wrong already
        if self._judge.is_new(finding):
            self._raise(finding)

    def _raise(self, finding: Finding) -> None:
        self._judge.counting = False  # until the next round: Hypothesis runs the example once more
        self._judge.pending = finding
        raise Broken(finding)

    def step(self, rule: Rule, arguments: Vector) -> None:
        """Do one operation on both and compare."""
        if self.finding is not None:
            return
        finding = self.compare(rule, arguments, judged=False)
        if finding is None:
            return
        if self._judge.is_new(finding):
            self._raise(finding)
        self._begin()

    def compare(self, rule: Rule, arguments: Vector, judged: bool = True) -> Finding | None:
        """Do one operation on both; return a finding if they differ.

        Args:
            judged: say which laws are broken, which may take longer than all else.
        """
        judge, run, before = self._judge, self.run, self.run.state
        judge.check_time()
        answer, trouble = self._asked(partial(self.beside.do, rule, arguments))
        outcome = run.run(rule.name, arguments)
        self.events.append(Event(rule.name, arguments, outcome.refusal))
        if judge.counting:
            judge.statistics.count(rule.name, outcome.refusal)
        if answer is None:
            assert trouble is not None
            return self._after_silence(self._troubled(rule.name, outcome, trouble), rule, arguments, before)
        if answer.called is not None:
            self._calls.append(answer.called)
        compared, trouble = self._asked(partial(self._compared, rule, arguments, outcome, answer))
        if trouble is not None:
            return self._troubled(rule.name, outcome, trouble)
        differences = [d for d in compared or () if not judge.overlooks(rule.name, d)]
        if not differences:
            return None
        return self._differing(rule, arguments, before, outcome, answer, differences, judged)

    def _after_silence(
        self, finding: Finding, rule: Rule, arguments: Vector, before: Vector,
    ) -> Finding | None:
        """What is found where an engine was silent: that, or once it is known what it shows when it answers again.

        The operation may have been done, and the run goes on; or not, or not yet, so that nothing is known of what
        follows and the run ends. An engine that shows neither has done half of it.
        """
        judge, run, done = self._judge, self.run, self.run.state
        if finding.kind != EngineHung.kind or judge.is_new(finding):
            return finding
        answer, _ = self._asked(self.beside.look)
        if answer is None:
            return finding
        apart = list[list[Difference]]()
        for state in (done, before):
            run.state = state
            compared, _ = self._asked(partial(self._compared, rule, arguments, Outcome(None, state), answer))
            if compared is None:
                return finding
            apart.append([d for d in compared if not judge.overlooks(rule.name, d)])
        run.state = done
        if not apart[0]:
            judge.ailing = False
            return None
        if not apart[1]:
            return finding
        known = judge.known(rule.name, apart[0])
        return self._finding(rule.name, Outcome(None, done), answer, apart[0], (), known=known)

    def _differing(
        self, rule: Rule, arguments: Vector, before: Vector, outcome: Outcome, answer: Answer,
        differences: Sequence[Difference], judged: bool,
    ) -> Finding | None:
        """What is found where something differs; nothing, if it was found before and the run can go on from it."""
        judge, laws, states, broken = self._judge, tuple[str, ...](), None, tuple[Violation, ...]()
        known, following = self._instead(rule, arguments, before, outcome, answer)
        if judged or known is not None:
            found, trouble = self._asked(partial(self._laws, rule, arguments, before, outcome, answer))
            if found is None:
                assert trouble is not None
                return self._troubled(rule.name, outcome, trouble)
            broken, states = found
            laws = tuple(violation.law for violation in broken)
            if known is not None and not set(laws) <= set(known.laws):
                known = None
            if known is None:
                laws = tuple(dict.fromkeys((*laws, *(d.law for d in differences if d.law))))
        if known is None:
            known = judge.known(rule.name, differences)
        elif self._goes_on(known, following):
            self.run.state = following
            return None
        found_so = self._finding(rule.name, outcome, answer, differences, laws, states, known=known)
        return replace(found_so, violations=broken)

    def _instead(
        self, rule: Rule, arguments: Vector, before: Vector, outcome: Outcome, answer: Answer,
    ) -> tuple[Deviation | None, Vector]:
        """The deviation that says in full what the engine has done, and the state that it shows."""
        run = self.run
        try:
            for way in self._judge.ways(rule.name):
                other = way.outcome(run, rule, arguments, before)
                if self._rest(rule, arguments, other, answer, way.apart):
                    continue
                there = self.beside.observed(before, other, answer).state
                seen = Outcome(other.refusal, there, other.reclaimed)
                # Figures that follow from what is left apart are right if they follow from what is shown of it.
                if way.fits(run, rule, arguments, before, seen) and not self._rest(rule, arguments, seen, answer):
                    return way.deviation, there
        finally:
            run.state = outcome.state
        return None, outcome.state

    def _rest(
        self, rule: Rule, arguments: Vector, outcome: Outcome, answer: Answer, apart: Collection[str] = (),
    ) -> bool:
        """Whether anything differs from an outcome, beside some symbols and what follows from them."""
        self.run.state = outcome.state
        compared, trouble = self._asked(partial(self._compared, rule, arguments, outcome, answer))
        return trouble is not None or any(
            d.what not in apart and not (apart and d.figure) and not self._judge.overlooks(rule.name, d)
            for d in compared or ())

    def goes_on(self, finding: Finding) -> bool:
        """Whether the run goes on past a finding that was noted: it is known, and harms nothing that follows."""
        known, states = finding.known, finding.states
        if known is None or not known.exact:
            return known is not None and known.lasting
        if states is None or not self._goes_on(known, states.observed):
            return False
        self.run.state = states.observed
        return True

    def _goes_on(self, known: Deviation, state: Vector) -> bool:
        """Whether a run goes on from what a deviation left: it was reported before, and the state is sound."""
        judge = self._judge
        return (known.key,) in judge.seen.keys() - {judge.watched} and not judge.bench.monitor.state(
            state, self.run.rigid, self.run.traits)

    def _asked(self, action: Callable[[], _Result], doing: str = "") -> tuple[_Result | None, Trouble | None]:
        """What the engine is asked for, or what came instead.

        Args:
            doing: how a sentence begins about what it raises.
        """
        try:
            return action(), None
        except BaseException as error:
            trouble = trouble_of(error, doing)
            if trouble is None:
                raise
            return None, trouble

    def _troubled(self, rule: str, outcome: Outcome, trouble: Trouble) -> Finding:
        """What is found when an engine misbehaves; it may have to be started anew."""
        self._judge.ailing = trouble.kind != RAISED
        failed = Difference("answer", outcome.refusal or "done", trouble.answer)
        answer = Answer(trouble.answer, trouble.detail)
        return self._finding(rule, outcome, answer, [failed], (), kind=trouble.kind)

    def _compared(
        self, rule: Rule, arguments: Vector, outcome: Outcome, answer: Answer,
    ) -> Sequence[Difference]:
        with told(f"the engine {self._judge.engine.name} shows what cannot be compared", raising=Unintelligible):
            return self.beside.compare(rule, arguments, outcome, answer)

    def _finding(
        self, rule: str, outcome: Outcome, answer: Answer, differences: Sequence[Difference],
        laws: tuple[str, ...], states: States | None = None, kind: str = DIFFERS, known: Deviation | None = None,
    ) -> Finding:
        judge = self._judge
        trace = Trace(judge.subject.name, judge.dialect, judge.traits, judge.subject.drivable.scene(self.run),
                      tuple(self.events))
        return Finding(
            trace, laws, (), judge.engine.name, judge.engine.version, outcome.refusal, answer.refusal,
            answer.detail, tuple(differences), states, kind, "" if kind in (DIFFERS, RAISED) else judge.log(),
            (0, 0), known, self._script(trace, differences), tuple(self._calls))

    def _script(self, trace: Trace, differences: Sequence[Difference]) -> Callable[[], str | None]:
        """What makes a script of the run; a finding is not lost because none can be made of it."""
        words = f"the engine {self._judge.engine.name} cannot make a script"

        def tried(action: Callable[[], _Result]) -> _Result | str:
            try:
                with told(words):
                    return action()
            except WrongRequest as error:
                return f"({error})"

        make = tried(lambda: self.beside.script(trace, differences))  # of what was called until now
        return lambda: make if isinstance(make, str) else tried(make)

    def end(self) -> Finding | None:
        """The engine is not needed any more; return a finding if it cannot be emptied."""
        doing = f"the engine {self._judge.engine.name} cannot be emptied"
        _, trouble = self._asked(self.beside.end, doing)
        return None if trouble is None else self._troubled(
            self.events[-1].rule if self.events else "", Outcome(None, self.run.state), trouble)

    def _laws(
        self, rule: Rule, arguments: Vector, before: Vector, outcome: Outcome, answer: Answer,
    ) -> tuple[tuple[Violation, ...], States]:
        """The laws that the observed state or step breaks, with objects and what is false of them."""
        run, monitor, broken = self.run, self._judge.bench.monitor, list[Violation]()
        with told(f"the engine {self._judge.engine.name} shows what is no state", raising=Unintelligible):
            there = self.beside.observed(before, outcome, answer)
        if there.whole:
            broken += monitor.state(there.state, run.rigid, run.traits)
        if answer.refusal is None or answer.refusal in rule.refused:
            seen = Outcome(answer.refusal, there.state, answer.reclaimed)
            broken += (v for v in monitor.step(rule, before, seen, run.rigid, run.traits, arguments)
                       if v.law not in there.hidden)
        overlooked = self._judge.overlooked
        return (tuple(v for v in broken if v.law not in overlooked),
                States(run.rigid, before, outcome.state, there.state))


def _name(engine: Any) -> str:
    """What to call an engine of which it is not known whether it has a name."""
    with contextlib.suppress(Exception):
        return str(engine.name)
    return type(engine).__name__
