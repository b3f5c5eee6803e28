"""Laws as Python functions over finite stores: what explore, drive and conform check as they go.

The functions are compiled from the same terms that are proved. A monitor also counts how often each law's
premise held, so that a law that was never put to the test can be told from one that held.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import z3

from layermodel.language.ground import GroundMachine, Outcome, Vector, function
from layermodel.language.rules import Machine, Rule, State, Step, Term
from layermodel.language.terms import Grounding, Node, Nodes
from layerproof.laws.law import Catalogue, Kind, Law
from layerproof.runs.algebra import AlgebraMonitor
from layerproof.runs.finding import Violation


class _AfterStep(Step):
    """A step whose state after is its own vector: symbols with a prime."""

    @classmethod
    def of(cls, step: Step, after: State) -> Step:
        made = cls(step.rule, step.before, step.arguments, step.effect)
        made.__dict__["after"] = after
        return made


@dataclass
class Rows:
    """A law over the elements: at every choice of its variables, its premise and each way in which it fails."""

    law: Law
    false: tuple[str, ...]
    chosen: list[tuple[int, ...]]
    nodes: list[list[Node]]

    def touched(self, store: Nodes) -> Node:
        """The premise holds somewhere."""
        return store.disj(row[0] for row in self.nodes)

    def failing(self, store: Nodes) -> Node:
        """It fails somewhere."""
        return store.disj(node for row in self.nodes for node in row[1:])


class _Group:
    """Laws that are checked together: of states, or of one outcome of a rule. What they share is done once."""

    def __init__(self, store: Nodes, laws: list[Rows]) -> None:
        self._store, self.laws = store, laws
        self._hold = function(store, [store.conj(store.neg(law.failing(store)) for law in laws)], True)
        self._where: dict[str, Callable[..., Any]] = {}

    def violations(self, vectors: tuple[Vector, ...]) -> list[Violation]:
        """Return where the laws fail that do not hold."""
        if self._hold(*vectors):
            return []
        failing = zip(self.laws, self._which(*vectors), strict=True)
        return [self._located(law, vectors) for law, fails in failing if fails]

    @cached_property
    def _which(self) -> Callable[..., Any]:
        """Says of each law whether it fails."""
        return function(self._store, [law.failing(self._store) for law in self.laws], False)

    def _located(self, law: Rows, vectors: tuple[Vector, ...]) -> Violation:
        if law.law.id not in self._where:
            self._where[law.law.id] = function(self._store, [node for row in law.nodes for node in row[1:]], False)
        values, width = self._where[law.law.id](*vectors), len(law.false)
        row = next(n for n in range(len(law.chosen)) if any(values[n * width: (n + 1) * width]))
        false = tuple(itertools.compress(law.false, values[row * width: (row + 1) * width]))
        named = zip(law.law.variables, law.chosen[row], strict=True)
        return Violation(law.law.id, false, tuple((n, s.name, e) for (n, s), e in named))

    @cached_property
    def touched(self) -> Callable[..., Any]:
        """Says of each law whether its premise holds somewhere."""
        return function(self._store, [law.touched(self._store) for law in self.laws], False)

    @cached_property
    def touched_by_law(self) -> dict[str, Callable[..., Any]]:
        """The same of each law by itself."""
        return {law.law.id: function(self._store, [law.touched(self._store)], True) for law in self.laws}


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
    _state: _Group | None = None
    _steps: dict[tuple[str, str | None, bool], _Group] = field(default_factory=dict)
    _checked: Counter[_Group] = field(default_factory=Counter)
    _rare: dict[_Group, list[str]] = field(default_factory=dict)

    def state(self, state: Vector, rigid: Vector, traits: Vector) -> list[Violation]:
        """Return the state laws that a state violates."""
        return self._check(self._about_states(), (state, state, rigid, traits, ()))

    def step(
        self, rule: Rule, before: Vector, outcome: Outcome, rigid: Vector, traits: Vector, arguments: Vector,
    ) -> list[Violation]:
        """Return the step laws that a step violates."""
        laws = self._about_steps(rule, outcome.refusal, outcome.state is before)
        return self._check(laws, (before, outcome.state, rigid, traits, arguments))

    def _check(self, group: _Group, vectors: tuple[Vector, ...]) -> list[Violation]:
        self._checked[group] += 1
        if self._checked[group] <= _ENOUGH:
            touched = zip((law.law.id for law in group.laws), group.touched(*vectors), strict=True)
            for identifier in (law for law, holds in touched if holds):
                self.premises[identifier] += self.premises[identifier] < _ENOUGH
        else:
            if group not in self._rare:
                self._rare[group] = [law.law.id for law in group.laws if self.premises[law.law.id] < _ENOUGH]
            for identifier in self._rare[group]:
                if self.premises[identifier] < _ENOUGH and group.touched_by_law[identifier](*vectors):
                    self.premises[identifier] += 1
        return group.violations(vectors)

    def _about_states(self) -> _Group:
        if self._state is None:
            self._state = self._state_laws() if self.like is None else self.like._about_states()
        return self._state

    def _about_steps(self, rule: Rule, refusal: str | None, unchanged: bool) -> _Group:
        key = rule.name, refusal, unchanged
        if key not in self._steps:
            right = self.like if self.like is not None and self.like.ground.has(rule) else None
            self._steps[key] = (self._step_laws(rule, refusal, unchanged) if right is None
                                else right._about_steps(rule, refusal, unchanged))
        return self._steps[key]

    def _state_laws(self) -> _Group:
        return _Group(*self.about_states())

    def _step_laws(self, rule: Rule, refusal: str | None, unchanged: bool) -> _Group:
        return _Group(*self.about_steps(rule, refusal, unchanged))

    def about_states(self) -> tuple[Nodes, list[Rows]]:
        """The laws about states, as nodes."""
        grounding = Grounding(self.ground.layout)
        laws = self.catalogue.of(Kind.STATE)
        return grounding.nodes, [self._rows(law, None, grounding) for law in laws]

    def about_steps(self, rule: Rule, refusal: str | None, unchanged: bool) -> tuple[Nodes, list[Rows]]:
        """The laws about a rule that is refused so, or done, as nodes.

        Args:
            unchanged: the state after is the one before.
        """
        step = self.ground.machine.step(rule)
        parameters = tuple(p.term.decl().name() for p in rule.parameters)
        about = (law for law in self.catalogue.of(Kind.STEP) if law.about(rule) and (
            (not law.refusals) if refusal is None else (law.refusals == ("*",) or refusal in law.refusals)))
        grounding = Grounding(self.ground.layout, parameters, step.effect.definitions, unchanged=unchanged)
        return grounding.nodes, [self._rows(law, rule, grounding) for law in about]

    def _rows(self, law: Law, rule: Rule | None, grounding: Grounding) -> Rows:
        false, terms = _terms(self.ground.machine, self.catalogue, law, rule)
        chosen = list(itertools.product(*(self.ground.layout.elements(s) for _, s in law.variables)))
        rows = [[grounding.ground(term, tuple(map(grounding.nodes.const, elements))) for term in terms]
                for elements in chosen]
        return Rows(law, false, chosen, rows)


_ENOUGH = 1000
"""Evaluations of a true premise after which it is no longer counted."""


_Terms = tuple[tuple[str, ...], list[Term]]


def _terms(machine: Machine, catalogue: Catalogue, law: Law, rule: Rule | None) -> _Terms:
    """What a law of states, or of a rule's steps, says at any choice of its variables, at all sizes.

    Returns:
        The names of its conclusions, and its premise with each way in which it fails.
    """
    key = catalogue, law.id, rule and rule.name
    if key not in machine.kept:
        subject: State | Step = machine.state if rule is None else _AfterStep.of(
            machine.step(rule), machine.state.renamed("'"))
        variables = [sort.constant(f"v!{name}") for name, sort in law.variables]
        given, then = law.premise(subject, *variables), law.conclusions(subject, *variables)
        terms = [_abstract(variables, t) for t in (given, *(z3.And(given, z3.Not(t)) for t in then.values()))]
        machine.kept[key] = tuple(then), terms
    found: _Terms = machine.kept[key]
    return found


def _abstract(variables: list[Term], term: Term) -> Term:
    return z3.Lambda(variables, term).body() if variables else term


AT_MOST = 12
"""Choices of arguments for which a law about two runs is asked in a state of a random run, in turn."""


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
        self.algebra: AlgebraMonitor = AlgebraMonitor(
            self.ground, catalogue, at_most=AT_MOST, compiled=True, like=None if like is None else like.algebra)
