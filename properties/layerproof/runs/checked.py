"""A run in the model of which every law is asked, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from layermodel.language.ground import Outcome, Vector
from layermodel.language.rules import Rule
from layermodel.language.run import Run
from layerproof.laws.law import Catalogue
from layerproof.runs.algebra import AlgebraMonitor
from layerproof.runs.finding import Finding, Violation
from layerproof.runs.monitor import Bench
from layerproof.runs.trace import Event, Scene, Trace


class Checked:
    """A run with what was done in it.

    Attributes:
        run: the state, and the operations on it.
        events: what was done.
    """

    def __init__(
        self, bench: Bench, run: Run, dialect: str, traits: Mapping[str, bool], scene: Callable[[Run], Scene],
        algebra: AlgebraMonitor | None = None,
    ) -> None:
        """Begin with nothing done.

        Args:
            scene: says what a run starts from, so that it can be done again.
            algebra: the laws about two runs that are to be asked, too.
        """
        self.run, self.events = run, list[Event]()
        self._bench, self._algebra, self._scene = bench, algebra, scene
        self._dialect, self._traits = dialect, traits

    def do(self, rule: Rule, arguments: Vector) -> tuple[Outcome, Finding | None]:
        """Do an operation that is as its rule presupposes; return a law that it breaks, if any."""
        run, before = self.run, self.run.state
        outcome = run.run(rule.name, arguments)
        self.events.append(Event(rule.name, arguments, outcome.refusal))
        broken = self._bench.monitor.step(rule, before, outcome, run.rigid, run.traits, arguments)
        broken += self._bench.monitor.state(outcome.state, run.rigid, run.traits)
        if broken:
            return outcome, self._found(broken, ())
        if self._algebra is not None:
            for violation, further in self._algebra.state(
                    outcome.state, run.rigid, run.traits, turn=len(self.events)):
                return outcome, self._found([violation], further)
        return outcome, None

    def trace(self, further: tuple[Event, ...] = ()) -> Trace:
        """The run so far, with further operations."""
        return Trace(self._bench.machine.name, self._dialect, self._traits, self._scene(self.run),
                     (*self.events, *further))

    def _found(self, broken: list[Violation], further: tuple[Event, ...]) -> Finding:
        laws = tuple(dict.fromkeys(v.law for v in broken))
        return Finding(self.trace(further), laws, tuple(broken))


def only(bench: Bench, law: str) -> AlgebraMonitor | None:
    """What asks this law in every state with all choices of arguments, if it is one about two runs."""
    chosen = bench.catalogue.law(law)
    return None if chosen.runs is None else AlgebraMonitor(bench.ground, Catalogue((chosen,)), compiled=True)
