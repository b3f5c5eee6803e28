"""Runs in which the rules come to something else under other traits, the shortest first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layermodel.language.ground import GroundMachine, Outcome, Parts, Vector
from layermodel.language.rules import BOOL, Machine, Rule
from layermodel.language.terms import TRAIT, Grounding, Layout, Nodes
from layerproof.readings.exploration import Steps, Wish
from layerproof.readings.judge import Judge
from layerproof.runs.interest import presences
from layerproof.runs.trace import Event, Settled
from layerproof.subject import Doable, Figure, Profiled, Sizes, Subject, Traits

LONGEST = 7
"""Operations that a run has at most in which two valuations are looked for to come apart."""


@dataclass(frozen=True)
class Field:
    """Over what runs are looked for: a scene, the judge of its sizes, and what can be done in one run."""

    judge: Judge
    scene: Settled
    doable: Doable

    @property
    def ground(self) -> GroundMachine:
        """The compiled rules."""
        return self.judge.bench.ground

    @cached_property
    def rigid(self) -> Vector:
        """The rigid values, as they are in a run."""
        subject, traits = self.judge.subject, self.judge.traits
        return subject.drivable.begin(self.ground, self.scene, traits).rigid

    def completed(self, state: Vector, traits: Vector, rule: Rule, arguments: Vector) -> Vector | None:
        """The arguments of an operation, with what it makes or finds as it has to be; None if nothing is so."""
        given, rigid = self.ground.rule(rule.name).given, self.rigid
        if given(state, state, rigid, traits, arguments):
            return arguments
        choices = [(a,) if p.role == "named" else (0, 1) if p.sort == BOOL else self.ground.layout.elements(p.sort)
                   for p, a in zip(rule.parameters, arguments, strict=True)]
        return next((chosen for chosen in itertools.product(*choices)
                     if given(state, state, rigid, traits, chosen) and self.doable(rule, chosen)), None)

    def is_again(self, way: Sequence[Event], state: Vector, rule: Rule, arguments: Vector) -> bool:
        """Whether an operation makes what the engine made before and is gone: it would make something else."""
        says = presences(self.ground.machine)

        def made(other: Rule, given: Vector) -> set[tuple[str, int]]:
            return {(p.sort.name, int(a)) for p, a in zip(other.parameters, given, strict=True)
                    if p.role == "new" and p.sort.name not in self.judge.subject.finite.fresh}

        earlier = set[tuple[str, int]]().union(*(
            made(self.ground.machine.rule_by_name[e.rule], e.arguments) for e in way if e.refusal is None))
        return any(not self.ground.read(state, self.rigid, says[sort], element)
                   for sort, element in made(rule, arguments) & earlier if sort in says)

    def deviates(self, state: Vector, traits: Vector, rule: Rule, arguments: Vector, outcome: Outcome) -> bool:
        """Whether the engine is known to do something else instead: that tells nothing of its traits."""
        return any(way.comes_to(rule, arguments, state, self.rigid, traits) != outcome
                   for way in self.judge.ways(rule.name))

    def figures(self, state: Vector, traits: Vector) -> tuple[int, ...]:
        """The figures that are compared, of all objects that are there."""
        says = presences(self.ground.machine)
        return tuple(
            figure.value(self.ground, state, self.rigid, traits, element)
            for figure in self.judge.judging.figures for element in self.ground.layout.elements(figure.sort)
            if self.ground.read(state, self.rigid, says[figure.sort.name], element))

    def foreseen(self, traits: Traits, events: Iterable[Event]) -> tuple[Any, ...]:
        """What operations come to under some traits, up to the first that cannot happen; to be compared."""
        values, found = self.ground.traits(traits), list[Any]()
        state = self.ground.initial(self.rigid, values)
        for event in events:
            rule = self.ground.machine.rule_by_name[event.rule]
            arguments = self.completed(state, values, rule, event.arguments)
            if arguments is None:
                return (*found, None)
            outcome = self.ground.rule(rule.name).run(state, self.rigid, values, arguments)
            state = outcome.state
            found.append((arguments, outcome.refusal, outcome.reclaimed, state, self.figures(state, values)))
        return tuple(found)


def fields(judge: Judge, sizes: Sequence[Sizes]) -> list[Field]:
    """Over what runs are looked for: what the machine names for that, and what every step is executed over.

    Args:
        sizes: of the latter, other than the machine's usual ones.
    """
    subject, judging, found = judge.subject, judge.judging, list[Field]()
    asked = [*judging.profiled, *(Profiled(other, judging.runs) for other in sizes)]
    for one in asked or [Profiled({}, judging.runs)]:
        sized = judge.like(judging.laid(subject.sizes(one.sizes)))
        found += [Field(sized, scene, doable)
                  for scene, doable in one.runs(subject, sized.bench.ground, judge.engine)]
    return found


@dataclass(frozen=True)
class Bearing:
    """Which traits what comes to: of each rule by name, and of the figures together."""

    rules: Mapping[str, frozenset[str]]
    figures: frozenset[str]

    @classmethod
    def of(cls, machine: Machine, figures: Iterable[Figure], rules: Iterable[str]) -> Bearing:
        """Of these rules."""
        layout = Layout.of(machine, {sort.name: 1 for sort in machine.sorts if not sort.values})
        grounding = Grounding(layout, ("?object",))
        for figure in figures:
            grounding.ground(figure.term(machine.state, figure.sort.constant("?object")))
        return cls({name: _read(machine, Parts.of(machine.rule_by_name[name], layout).nodes) for name in rules},
                   _read(machine, grounding.nodes))

    @property
    def all(self) -> frozenset[str]:
        """All traits that anything depends on."""
        return self.figures.union(*self.rules.values())


def _read(machine: Machine, nodes: Nodes) -> frozenset[str]:
    """The traits that nodes read."""
    return frozenset(machine.traits[item[2]].name for item in nodes.items if item[:2] == ("read", TRAIT))


def diverging(
    subject: Subject, one: Field, bearing: Bearing, at: Traits, others: Sequence[Traits], whole: Sequence[bool],
    barred: Iterable[str], look: Callable[[], None], careful: bool = True,
) -> Iterator[tuple[int, tuple[Event, ...]]]:
    """Of each of some valuations a shortest run over a scene in which it and another one come apart at the end.

    Args:
        at: the other one.
        whole: for each of the valuations whether only such a run is wanted as can be done under it, too.
        barred: rules that are not done.
        look: is called now and then, and may end the search by raising.
        careful: no operation is done with which the engine is known to do something else.

    Yields:
        the places of valuations, each with the run.
    """
    ground, rigid, barred = one.ground, one.rigid, frozenset(barred)
    wish = Wish(subject, ground.layout.sizes, False, False, lambda _: None, one.judge.rules, None, None, False)
    steps = Steps(wish, ground, rigid, one.judge.dialect, at)
    values = [ground.traits(other) for other in others]
    apart = {n: frozenset(name for name in at if at[name] != other[name]) for n, other in enumerate(others)}
    came: dict[Vector, tuple[Event, ...]] = dict.fromkeys([ground.initial(rigid, steps.traits)], ())
    order = list(came)
    for state in order:
        look()
        if not apart or len(came[state]) >= LONGEST:
            return
        for rule, event, outcome in steps.all(state):
            if rule.name in barred or not one.doable(rule, event.arguments) or one.is_again(
                    came[state], state, rule, event.arguments) or (
                    careful and one.deviates(state, steps.traits, rule, event.arguments, outcome)):
                continue
            way, new = (*came[state], event), outcome.state not in came
            for n, differing in list(apart.items()):
                if (differing & bearing.rules[rule.name] and _differs(
                        one, state, event, outcome, values[n], whole[n])) or (
                        new and differing & bearing.figures
                        and one.figures(outcome.state, steps.traits) != one.figures(outcome.state, values[n])):
                    del apart[n]
                    yield n, way
            if new:
                came[outcome.state] = way
                order.append(outcome.state)
        for n, event in _elsewhere(one, bearing, state, steps, {n: (values[n], apart[n]) for n in apart}):
            if event.rule not in barred and n in apart:
                del apart[n]
                yield n, (*came[state], event)


def _elsewhere(
    one: Field, bearing: Bearing, state: Vector, steps: Steps, others: Mapping[int, tuple[Vector, frozenset[str]]],
) -> Iterator[tuple[int, Event]]:
    """Operations that make something under other traits that they cannot make under these, but something else."""
    for rule, choices in steps.moves:
        for n, (traits, differing) in others.items():
            if not differing & bearing.rules[rule.rule.name]:
                continue
            for arguments in itertools.chain.from_iterable(choices):
                if (rule.given(state, state, one.rigid, traits, arguments)
                        and not rule.given(state, state, one.rigid, steps.traits, arguments)
                        and one.doable(rule.rule, arguments)
                        and one.completed(state, steps.traits, rule.rule, arguments) is not None):
                    yield n, Event(rule.rule.name, arguments, None)
                    break


def _differs(
    one: Field, state: Vector, event: Event, outcome: Outcome, traits: Vector, whole: bool,
) -> bool:
    """Whether under other traits an operation cannot happen so, or comes to something else.

    Args:
        whole: it is to be one that can happen somehow.
    """
    rule, rigid = one.ground.rule(event.rule), one.rigid
    if not rule.given(state, state, rigid, traits, event.arguments):
        return not whole or one.completed(state, traits, rule.rule, event.arguments) is not None
    return rule.run(state, rigid, traits, event.arguments) != outcome
