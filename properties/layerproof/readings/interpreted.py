"""Visit every state breadth first by the interpreted rules: where no machine code can be made, and to compare.

What it finds first is a shortest counterexample.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layerproof.readings.exploration import Exploration, Steps, Stop, Wish, cap
from layerproof.runs.algebra import AlgebraMonitor
from layerproof.runs.finding import Finding, Violation
from layerproof.runs.monitor import Monitor
from layerproof.runs.trace import Event, Trace
from layerproof.subject import Traits

MOST = 1_000_000
"""States that are visited at most, if nothing else is said: some minutes, and a gigabyte or more of memory."""


class Interpreter:
    """Searches over one machine by its interpreted rules."""

    def __init__(self, wish: Wish, ground: GroundMachine, result: Exploration) -> None:
        """Prepare the laws."""
        self.wish, self.ground, self.result = wish, ground, result
        self.monitor = Monitor(ground, wish.subject.catalogue)
        self.algebra = AlgebraMonitor(ground, wish.subject.catalogue) if wish.algebra else None

    def run(self, universes: Sequence[Vector], dialects: Mapping[str, Traits]) -> None:
        """Explore universes in dialects.

        Raises:
            Stop: if the search ends before its end.
        """
        try:
            for rigid in universes:
                self.result.universes += 1
                for name, values in dialects.items():
                    _Search(self, Steps(self.wish, self.ground, rigid, name, values)).run()
        finally:
            self.result.premises += self.monitor.premises
            if self.algebra:
                self.result.premises += self.algebra.premises
            cap(self.result.premises)


class _Search:
    """One search: one universe, one dialect."""

    def __init__(self, searcher: Interpreter, steps: Steps) -> None:
        self.searcher, self.result, self.wish, self.steps = searcher, searcher.result, searcher.wish, steps
        self.rigid, self.traits = steps.rigid, steps.traits
        self.start = searcher.ground.initial(self.rigid, self.traits)
        self.came: dict[Vector, tuple[Vector, Event, int] | None] = {}
        self.queue: deque[Vector] = deque()
        self.broken = False
        self.back: dict[Vector, set[Vector]] = {}

    def run(self) -> None:
        """Visit all reachable states."""
        empties = self.wish.subject.finite.empties
        self._add(self.start, None)
        while self.queue:
            state = self.queue.popleft()
            self._judge(state)
            for event, outcome in self._steps(state):
                reached = outcome.state
                if empties:
                    self.back.setdefault(reached, set()).add(state)
                if reached not in self.came:
                    self._add(reached, (state, event, self._depth(state) + 1))
            if self.wish.stop_at_first and self.broken:
                raise Stop
            self.result.waiting = len(self.queue)
            try:
                self.wish.progress(self.result)
            except Stop:
                self.result.cut = True
                raise
        if empties:
            self.result.stuck += len(self.came) - len(_reaching(self.start, self.back))

    def _add(self, state: Vector, came: tuple[Vector, Event, int] | None) -> None:
        """Keep a state that was found."""
        if self.result.states == (self.wish.most or MOST):
            self.result.cut = True
            raise Stop
        self.came[state] = came
        self.result.states += 1
        self.result.stand_for += 1
        self.result.depth = max(self.result.depth, self._depth(state))
        self.queue.append(state)

    def _depth(self, state: Vector) -> int:
        came = self.came[state]
        return 0 if came is None else came[2]

    def _steps(self, state: Vector) -> Iterable[tuple[Event, Outcome]]:
        result, monitor, rigid, traits = self.result, self.searcher.monitor, self.rigid, self.traits
        wanted, lawless = self.wish.wanted is not None, not self.wish.subject.catalogue.laws
        for rule, event, outcome in self.steps.all(state):
            result.steps += 1
            if wanted:
                self._reached(state, event)
            if outcome.refusal is None:
                result.fired[rule.name] += 1
            else:
                result.refused[rule.name, outcome.refusal] += 1
            if not lawless:
                for violation in monitor.step(rule, state, outcome, rigid, traits, event.arguments):
                    self._found(violation, state, (event,))
            yield event, outcome

    def _reached(self, state: Vector, event: Event) -> None:
        """Keep a run to what is wanted; the first is a shortest one."""
        wanted, runs, key = self.wish.wanted, self.result.runs, (event.rule, event.refusal)
        if wanted is not None and key in wanted and key not in runs:
            runs[key] = self._trace(state, (event,))
            if len(runs) == len(wanted):
                raise Stop

    def _judge(self, state: Vector) -> None:
        """Check the laws about states, and those about two runs from a state."""
        for violation in self.searcher.monitor.state(state, self.rigid, self.traits):
            self._found(violation, state, ())
        if self.searcher.algebra:
            for violation, events in self.searcher.algebra.state(state, self.rigid, self.traits):
                self._found(violation, state, events)

    def _found(self, violation: Violation, state: Vector, last: tuple[Event, ...]) -> None:
        self.result.keep(violation.law, Finding(self._trace(state, last), (violation.law,), (violation,)))
        self.broken = True

    def _trace(self, state: Vector, last: tuple[Event, ...]) -> Trace:
        return self.steps.trace((*self._path(state), *last))

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
