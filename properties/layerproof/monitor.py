"""Laws as Python functions over finite stores: what explore, drive and conform check as they go.

The functions are compiled from the same terms that are proved. A monitor also counts how often each law's
premise held, so that a law that was never put to the test can be told from one that held.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import z3

from layermodel.ground import GroundMachine, Outcome, Vector, function
from layermodel.rules import Machine, Rule, State, Step, Term
from layermodel.terms import Grounding
from layerproof.laws import Algebra, Catalogue, Kind, Law
from layerproof.traces import Event


@dataclass(frozen=True)
class Violation:
    """A law that does not hold: which, for which objects, and which of its conclusions are false."""

    law: str
    false: tuple[str, ...]
    variables: tuple[tuple[str, str, int], ...] = ()


class _AfterStep(Step):
    """A step whose state after is its own vector: symbols with a prime."""

    @classmethod
    def of(cls, step: Step, after: State) -> Step:
        made = cls(step.rule, step.before, step.arguments, step.effect)
        made.__dict__["after"] = after
        return made


@dataclass
class _Compiled:
    """A law ready to be evaluated: is the premise ever true, does it hold, and where does it fail."""

    law: Law
    touched: Callable[..., Any]
    holds: Callable[..., Any]
    locate: Callable[..., Violation]


@dataclass
class Monitor:
    """The laws of a catalogue over one layout.

    Attributes:
        like: a monitor of the same laws about states and steps over the same layout; what is the same for
            its rules is compiled once for both.
    """

    ground: GroundMachine
    catalogue: Catalogue
    premises: Counter[str] = field(default_factory=Counter)
    like: Monitor | None = None
    _state: list[_Compiled] | None = None
    _steps: dict[tuple[str, str | None], list[_Compiled]] = field(default_factory=dict)

    def state(self, state: Vector, rigid: Vector, traits: Vector) -> list[Violation]:
        """Return the state laws that a state violates."""
        return self._check(self._about_states(), (state, state, rigid, traits, ()))

    def step(
        self, rule: Rule, before: Vector, outcome: Outcome, rigid: Vector, traits: Vector, arguments: Vector,
    ) -> list[Violation]:
        """Return the step laws that a step violates."""
        laws = self._about_steps(rule, outcome.refusal)
        return self._check(laws, (before, outcome.state, rigid, traits, arguments))

    def _about_states(self) -> list[_Compiled]:
        if self._state is None:
            self._state = self._state_laws() if self.like is None else self.like._about_states()
        return self._state

    def _about_steps(self, rule: Rule, refusal: str | None) -> list[_Compiled]:
        key = rule.name, refusal
        if key not in self._steps:
            self._steps[key] = (
                self.like._about_steps(rule, refusal) if self.like is not None and self.like.ground.has(rule)
                else self._step_laws(rule, refusal))
        return self._steps[key]

    def _state_laws(self) -> list[_Compiled]:
        before = self.ground.machine.state
        return [self._compile(law, lambda *v, law=law: law.premise(before, *v),
                              lambda *v, law=law: law.conclusions(before, *v), (), ())
                for law in self.catalogue.of(Kind.STATE)]

    def _step_laws(self, rule: Rule, refusal: str | None) -> list[_Compiled]:
        machine = self.ground.machine
        step = _AfterStep.of(rule.step(machine.state), machine.state.renamed("'"))
        parameters = tuple(p.term.decl().name() for p in rule.parameters)
        result = []
        for law in self.catalogue.of(Kind.STEP):
            about = (not law.refusals) if refusal is None else (
                law.refusals == ("*",) or refusal in law.refusals)
            if law.about(rule) and about:
                result.append(self._compile(
                    law, lambda *v, law=law: law.premise(step, *v),
                    lambda *v, law=law: law.conclusions(step, *v), parameters, step.effect.definitions))
        return result

    def _check(self, laws: Iterable[_Compiled], vectors: tuple[Vector, ...]) -> list[Violation]:
        violations = []
        for compiled in laws:
            if not compiled.holds(*vectors):
                violations.append(compiled.locate(*vectors))
            elif self.premises[compiled.law.id] < _ENOUGH and compiled.touched(*vectors):
                self.premises[compiled.law.id] += 1
        return violations

    def _compile(
        self, law: Law, premise: Callable[..., Term], conclusions: Callable[..., Any],
        parameters: tuple[str, ...], definitions: Any,
    ) -> _Compiled:
        variables = [sort.constant(f"v!{name}") for name, sort in law.variables]
        given, then = premise(*variables), conclusions(*variables)
        grounding = Grounding(self.ground.layout, parameters, definitions)
        nodes = grounding.nodes
        elements = list(itertools.product(*(self.ground.layout.elements(s) for _, s in law.variables)))
        terms = [given, *(z3.And(given, z3.Not(t)) for t in then.values())]
        rows = [[grounding.ground(b, tuple(nodes.const(e) for e in chosen))
                 for b in (_abstract(variables, t) for t in terms)] for chosen in elements]
        touched = nodes.disj(row[0] for row in rows)
        failing = nodes.disj(node for row in rows for node in row[1:])

        def locate(*vectors: Vector) -> Violation:
            for chosen, row in zip(elements, rows, strict=True):
                values = function(nodes, row[1:], False)(*vectors)
                if any(values):
                    false = tuple(n for n, v in zip(then, values, strict=True) if v)
                    named = tuple((n, s.name, e) for (n, s), e in zip(law.variables, chosen, strict=True))
                    return Violation(law.id, false, named)
            raise AssertionError(f"{law.id} fails nowhere")

        return _Compiled(law, function(nodes, [touched], True),
                         function(nodes, [nodes.neg(failing)], True), locate)


_ENOUGH = 1000  # evaluations of a true premise after which it is no longer counted


def _abstract(variables: list[Term], term: Term) -> Term:
    return z3.Lambda(variables, term).body() if variables else term


def _left_run(law: Law, arguments: Vector) -> tuple[Event, ...]:
    assert law.runs is not None
    values = dict(zip((name for name, _ in law.runs.parameters), arguments, strict=True))
    return tuple(Event(rule, tuple(values[c] for c in chosen), None) for rule, chosen in law.runs.left)


class AlgebraMonitor:
    """The algebraic laws over one layout: both runs are taken from a state, and the ends compared."""

    def __init__(self, ground: GroundMachine, catalogue: Catalogue, at_most: int | None = None) -> None:
        """Prepare the laws.

        Args:
            at_most: how many choices of arguments to try for each law and state; None for all.
        """
        self.ground = ground
        self._at_most = at_most
        self.premises: Counter[str] = Counter()
        self._laws = [self._compile(law) for law in catalogue.of(Kind.ALGEBRAIC)]

    def _compile(self, law: Law) -> tuple[Law, Callable[..., Any], dict[str, Callable[..., Any]], list[Vector]]:
        assert law.runs is not None
        machine, layout = self.ground.machine, self.ground.layout
        names = tuple(f"?{name}" for name, _ in law.runs.parameters)
        # Two ends are compared: the left is the primed state, the right (which is the start where the
        # right run is empty) the plain one.
        algebra = Algebra(machine, machine.state, machine.state.renamed("'"), machine.state)
        premise = self.ground.formula(law.premise(algebra), names)
        conclusions = {n: self.ground.formula(f, names) for n, f in law.conclusions(algebra).items()}
        choices = list(itertools.product(*(
            (False, True) if s.name == "Bool" else layout.elements(s) for _, s in law.runs.parameters)))
        return law, premise, conclusions, choices

    def state(
        self, state: Vector, rigid: Vector, traits: Vector, turn: int = 0,
    ) -> list[tuple[Violation, tuple[Event, ...]]]:
        """Return the algebraic laws that fail from a state, with the left run that shows it.

        Args:
            turn: which of the choices of arguments to try, where not all are.
        """
        violations = []
        for law, premise, conclusions, choices in self._laws:
            for arguments in self._some(choices, turn):
                ends = self._ends(law, state, rigid, traits, arguments, premise)
                if ends is None:
                    continue
                self.premises[law.id] += 1
                left, right = ends
                false = tuple(n for n, c in conclusions.items()
                              if not c(right, left, rigid, traits, arguments))
                if false:
                    violations.append((Violation(law.id, false), _left_run(law, arguments)))
                    break
        return violations

    def _some(self, choices: list[Vector], turn: int) -> list[Vector]:
        if self._at_most is None or len(choices) <= self._at_most:
            return choices
        start = turn * self._at_most % len(choices)
        return (choices + choices)[start: start + self._at_most]

    def _ends(
        self, law: Law, state: Vector, rigid: Vector, traits: Vector, arguments: Vector,
        premise: Callable[..., Any],
    ) -> tuple[Vector, Vector] | None:
        assert law.runs is not None
        if not premise(state, state, rigid, traits, arguments):
            return None
        values = dict(zip((name for name, _ in law.runs.parameters), arguments, strict=True))
        ends = []
        for run in (law.runs.left, law.runs.right):
            current = state
            for name, chosen in run:
                rule = self.ground.rule(name)
                given = tuple(values[c] for c in chosen)
                if not rule.given(current, current, rigid, traits, given):
                    return None
                outcome = rule.run(current, rigid, traits, given)
                if outcome.refusal is not None:
                    return None
                current = outcome.state
            ends.append(current)
        return ends[0], ends[1]


class Bench:
    """A machine over finite sorts and the monitors of its laws: what random runs are done with.

    Attributes:
        ground: the compiled rules.
        monitor: the laws about states and steps.
        algebra: the laws about two runs, a few choices of arguments at a time.
    """

    def __init__(
        self, machine: Machine, catalogue: Catalogue, sizes: Mapping[str, int], like: Bench | None = None,
    ) -> None:
        """Lay a machine out; rules and laws are compiled when they are first needed.

        Args:
            like: one for the same symbols, sizes, and laws about states and steps; what is the same in both
                is compiled once.
        """
        self.machine, self.catalogue = machine, catalogue
        self.ground: GroundMachine = GroundMachine(machine, sizes, None if like is None else like.ground)
        self.monitor: Monitor = Monitor(self.ground, catalogue, like=None if like is None else like.monitor)
        self.algebra = AlgebraMonitor(self.ground, catalogue, at_most=6)
