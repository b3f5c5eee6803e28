"""Visit every state that can be reached with few objects, breadth first.

The search knows nothing of the compiled rules but that they take a state to an outcome; what it finds
first is a shortest counterexample.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Rule
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.runs.finding import Finding, Violation
from layerproof.runs.monitor import AlgebraMonitor, Monitor
from layerproof.runs.statistics import Reached
from layerproof.runs.trace import Event, Settled, Trace
from layerproof.subject import Subject, Traits


@dataclass
class Exploration:
    """What a search saw.

    Attributes:
        states: distinct states, over all rigid values and dialects.
        steps: transitions, refused ones included.
        universes: how many rigid values were explored, and ``complete`` says whether all were, with all states.
        fired: how often each rule was done; ``refused``: how often each refusal was had.
        premises: how often each law's premise held (counted up to a thousand).
        cut: the search ended because more states could be reached than it may visit.
        stuck: states from which the initial one can no longer be reached.
        findings: by law, each with the shortest run that shows it.
        runs: a shortest run to each rule and refusal that was wanted.
    """

    sizes: Mapping[str, int]
    dialects: tuple[str, ...]
    states: int = 0
    steps: int = 0
    universes: int = 0
    complete: bool = True
    depth: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    premises: Counter[str] = field(default_factory=Counter)
    cut: bool = False
    stuck: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    runs: dict[Reached, Trace] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``held``, ``violated``, or ``incomplete`` where more can be reached than was visited."""
        return "violated" if self.findings or self.stuck else "incomplete" if self.cut else "held"


class Stop(Exception):
    """Raised by a progress callback to end a search early; what was seen so far is kept."""


MOST = 1_000_000
"""States that are visited at most, if nothing else is said: some minutes, and a gigabyte or more of memory."""


@dataclass
class Explorer:
    """A search over one machine at given sizes of its open sorts.

    Attributes:
        sizes: of every sort that is no enumeration.
        algebra: check the laws about two runs, too.
        stop_at_first: end with the first law that is broken.
        progress: is told after each state; it may end the search by raising :class:`Stop`.
        rules: the operations that are done; all if None.
        wanted: rules and refusals to which a shortest run is looked for; with one to each the search ends.
        most: states that are visited at most; a search that needs more is not complete.
    """

    subject: Subject
    sizes: Mapping[str, int]
    algebra: bool = True
    stop_at_first: bool = False
    progress: Callable[[Exploration], None] = lambda exploration: None
    rules: Collection[str] | None = None
    wanted: Collection[Reached] | None = None
    most: int = MOST

    def run(self, dialects: Mapping[str, Traits], limit: int | None = None) -> Exploration:
        """Explore every universe (at most ``limit`` of them, evenly chosen) in every dialect.

        Raises:
            WrongRequest: if there is no dialect.
        """
        if not dialects:
            raise WrongRequest("an exploration in no dialect would check nothing")
        machine, catalogue = self.subject.machine, self.subject.catalogue
        self._ground = GroundMachine(machine, self.sizes)
        self._monitor = Monitor(self._ground, catalogue)
        self._algebra = AlgebraMonitor(self._ground, catalogue) if self.algebra else None
        self._moves = [(self._ground.rule(r.name), self._alternatives(r)) for r in machine.rules
                       if self.rules is None or r.name in self.rules]
        result = Exploration(dict(self.sizes), tuple(dialects))
        every = self.subject.finite.universes(self._ground)
        chosen = every if limit is None or limit >= len(every) else [
            every[n * len(every) // limit] for n in range(limit)]
        result.complete = len(chosen) == len(every)
        try:
            for rigid in chosen:
                result.universes += 1
                for name, values in dialects.items():
                    _Search(self, result, rigid, values, name).run()
        except Stop:
            result.complete = False
        result.premises += self._monitor.premises
        if self._algebra:
            result.premises += self._algebra.premises
        return result

    def _alternatives(self, rule: Rule) -> list[list[Vector]]:
        """Every choice of arguments; together those that differ only in a new object, where any stands for all."""
        alike = self.subject.finite.fresh
        fresh = [n for n, p in enumerate(rule.parameters) if p.role != "named" and p.sort.name in alike]
        grouped: dict[Vector, list[Vector]] = {}
        for arguments in self._ground.arguments(rule):
            key = tuple(a for n, a in enumerate(arguments) if n not in fresh)
            grouped.setdefault(key, []).append(arguments)
        return list(grouped.values())


def explore(
    subject: Subject, sizes: Mapping[str, int] | None = None, *, dialects: Collection[str] | None = None,
    limit: int | None = None, **options: Any,
) -> Exploration:
    """Visit every state that can be reached with few objects, and ask every law of each.

    Args:
        sizes: of the sorts, other than the machine's usual ones.
        dialects: names; all if None.
        limit: universes that are explored at most.
        options: see :class:`Explorer`.

    Raises:
        WrongRequest: if a dialect is not known, or there is none.
    """
    chosen = subject.traits(dialects or ())
    return Explorer(subject, subject.sizes(sizes), **options).run(chosen, limit)


class _Search:
    """One search: one universe, one dialect."""

    def __init__(
        self, explorer: Explorer, result: Exploration, rigid: Vector, values: Traits, dialect: str,
    ) -> None:
        self.explorer, self.result = explorer, result
        self.rigid, self.values, self.dialect = rigid, values, dialect
        self.traits = explorer._ground.traits(values)
        start = explorer._ground.initial(rigid, self.traits)
        self.start = start
        self.came: dict[Vector, tuple[Vector, Event, int] | None] = {start: None}
        self.back: dict[Vector, set[Vector]] = {}

    def run(self) -> None:
        """Visit all reachable states."""
        empties = self.explorer.subject.finite.empties
        self._judge(self.start)
        queue = deque([self.start])
        while queue:
            state = queue.popleft()
            for event, outcome in self._steps(state):
                reached = outcome.state
                if empties:
                    self.back.setdefault(reached, set()).add(state)
                if reached not in self.came:
                    depth = self._depth(state) + 1
                    self.came[reached] = state, event, depth
                    self.result.depth = max(self.result.depth, depth)
                    queue.append(reached)
                    self._judge(reached)
            self.explorer.progress(self.result)
        if empties:
            self.result.stuck += len(self.came) - len(_reaching(self.start, self.back))

    def _depth(self, state: Vector) -> int:
        came = self.came[state]
        return 0 if came is None else came[2]

    def _steps(self, state: Vector) -> Iterable[tuple[Event, Outcome]]:
        result, monitor, rigid, traits = self.result, self.explorer._monitor, self.rigid, self.traits
        wanted, lawless = self.explorer.wanted is not None, not self.explorer.subject.catalogue.laws
        for rule, choices in self.explorer._moves:
            name, given, run = rule.rule.name, rule.given, rule.run
            for alternatives in choices:
                for arguments in alternatives:
                    if given(state, state, rigid, traits, arguments):
                        break
                else:
                    continue
                outcome = run(state, rigid, traits, arguments)
                result.steps += 1
                event = Event(name, arguments, outcome.refusal)
                if wanted:
                    self._reached(state, event)
                if outcome.refusal is None:
                    result.fired[name] += 1
                else:
                    result.refused[name, outcome.refusal] += 1
                if not lawless:
                    for violation in monitor.step(rule.rule, state, outcome, rigid, traits, arguments):
                        self._found(violation, state, (event,))
                yield event, outcome

    def _reached(self, state: Vector, event: Event) -> None:
        """Keep a run to what is wanted; the first is a shortest one."""
        wanted, runs, key = self.explorer.wanted, self.result.runs, (event.rule, event.refusal)
        if wanted is not None and key in wanted and key not in runs:
            runs[key] = self._trace(state, (event,))
            if len(runs) == len(wanted):
                raise Stop

    def _judge(self, state: Vector) -> None:
        """Check the laws about states, and those about two runs from a state."""
        if self.result.states == self.explorer.most:
            self.result.cut = True
            raise Stop
        self.result.states += 1
        for violation in self.explorer._monitor.state(state, self.rigid, self.traits):
            self._found(violation, state, ())
        if self.explorer._algebra:
            for violation, events in self.explorer._algebra.state(state, self.rigid, self.traits):
                self._found(violation, state, events)

    def _found(self, violation: Violation, state: Vector, last: tuple[Event, ...]) -> None:
        trace = self._trace(state, last)
        known = self.result.findings.get(violation.law)
        if known is None or len(trace.events) < len(known.trace.events):
            self.result.findings[violation.law] = Finding(trace, (violation.law,), (violation,))
        if self.explorer.stop_at_first:
            raise Stop

    def _trace(self, state: Vector, last: tuple[Event, ...]) -> Trace:
        scene = Settled(self.explorer._ground.layout.sizes, self.rigid)
        return Trace(self.explorer.subject.name, self.dialect, self.values, scene, (*self._path(state), *last))

    def _path(self, state: Vector) -> tuple[Event, ...]:
        events: list[Event] = []
        came = self.came[state]
        while came is not None:
            events.append(came[1])
            came = self.came[came[0]]
        return tuple(reversed(events))


def _reaching(goal: Vector, back: Mapping[Vector, set[Vector]]) -> set[Vector]:
    """The states from which the goal can be reached."""
    seen, stack = {goal}, [goal]
    while stack:
        for state in back.get(stack.pop(), ()):
            if state not in seen:
                seen.add(state)
                stack.append(state)
    return seen


def shortest(
    subject: Subject, sizes: Mapping[str, int], traits: Traits, dialect: str, rules: Collection[str],
    wanted: Collection[Reached], progress: Callable[[], None] = lambda: None, most: int = MOST,
) -> dict[Reached, Trace]:
    """Return for each wanted rule and refusal a run of few operations that ends with it.

    The first universe in which it can be reached is taken, and in it a shortest run; what cannot be reached with
    these sizes is left out. No law is asked.

    Args:
        progress: is called for each state, and may end the search by raising.
        most: states that are visited at most.
    """
    lawless = replace(subject, catalogue=Catalogue(()), finite=replace(
        subject.finite, empties=False, large=frozenset()))
    explorer = Explorer(lawless, subject.sizes(sizes), algebra=False, rules=rules, wanted=wanted,
                        progress=lambda _: progress(), most=most)
    return explorer.run({dialect: traits}).runs
