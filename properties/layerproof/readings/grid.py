"""The situations in which an operation can be, as the rules tell them apart, each with the shortest run to it.

An operation, whether it is forced, and of each object that it names one case of each aspect (how many names, what
containers) is a situation. The explorer has the shortest run to each that few objects can come to. What no
valuation tells apart is one: an aspect is left out of a rule where nothing that the rule comes to depends on it.
A sweep, which names nothing, is in a situation with each object that is there, and what counts is whether it goes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import BOOL, INT, Rule, Sort, Symbol
from layerproof.readings.diverging import Field
from layerproof.readings.exploration import Steps, Wish
from layerproof.runs.interest import change, presences
from layerproof.runs.trace import Event
from layerproof.subject import Aspect, Subject, Traits

LONGEST = 6
"""Operations that a run has at most that is looked for, with the one that it is for."""

Case = tuple[str, str]
"""What is asked of a situation, and which case it is."""
Cases = tuple[Case, ...]
_Object = tuple[str, Sort, int]
"""What an object is to an operation, its sort, and which it is."""


@dataclass(frozen=True)
class Way:
    """A run to a situation, and the operation in it.

    Attributes:
        refusal: what it comes to by the rules, or None if it is done.
        changed: the symbols that it changes.
        focus: of a sweep the object that the situation is about, as its sort's name and its number.
    """

    field: Field
    events: tuple[Event, ...]
    refusal: str | None
    changed: tuple[str, ...]
    focus: tuple[str, int] | None = None

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What is compared to see whether an aspect matters."""
        return self.refusal, self.changed


@dataclass(frozen=True)
class Situation:
    """One row of the grid.

    Attributes:
        rule: the operation's name.
        cases: of it, those that matter.
        ways: a shortest run to it under each valuation under which it can be come to, by the column's name.
    """

    rule: str
    cases: Cases
    ways: Mapping[str, Way]


@dataclass
class _Seen:
    """What was seen of one rule: under each valuation, by all its cases, the ways that come to something else."""

    ways: dict[str, dict[Cases, list[Way]]] = field(default_factory=dict)

    def add(self, name: str, cases: Cases, way: Way) -> None:
        """Add a way, unless a shorter one to the same outcome is known."""
        known = self.ways.setdefault(name, {}).setdefault(cases, [])
        if all(way.outcome != other.outcome for other in known):
            known.append(way)


def grid(
    subject: Subject, columns: Mapping[str, tuple[Sequence[Field], Traits]], rules: Collection[str],
    look: Callable[[], None] = lambda: None,
) -> list[Situation]:
    """All situations of the operations that can be done, rule by rule.

    Args:
        columns: by name over what runs are looked for, and the traits under which they are.
        rules: the operations, by name.
        look: is called now and then, and may end the search by raising.
    """
    seen: dict[str, _Seen] = {}
    for name, (fields, traits) in columns.items():
        for one in fields:
            for rule, cases, way in _situations(subject, one, traits, rules, look):
                seen.setdefault(rule.name, _Seen()).add(name, cases, way)
    order = [rule.name for rule in subject.machine.rules]
    return [situation for name in sorted(seen, key=order.index) for situation in _reduced(name, seen[name])]


def _situations(
    subject: Subject, one: Field, traits: Traits, rules: Collection[str], look: Callable[[], None],
) -> Iterator[tuple[Rule, Cases, Way]]:
    """Every situation that can be come to over a scene, each outcome of it once."""
    done = [name for name in one.judge.rules if name in rules]
    wish = Wish(subject, one.ground.layout.sizes, False, False, lambda _: None, done, None, None, False)
    steps = Steps(wish, one.ground, one.rigid, one.judge.dialect, traits)
    cases = _Cases(one.ground, one.rigid, one.judge.judging.aspects)
    start = one.ground.initial(one.rigid, steps.traits)
    came: dict[Vector, tuple[Event, ...]] = {start: ()}
    had = set[Any]()
    for state in (order := [start]):
        look()
        if len(came[state]) >= LONGEST:
            return
        for rule, event, outcome in steps.all(state):
            if not one.doable(rule, event.arguments) or one.is_again(came[state], state, rule, event.arguments):
                continue
            way = (*came[state], event)
            changed = _changed(one, state, outcome.state)
            for focus, found in cases.of(rule, event.arguments, state, steps.traits):
                what = changed if focus is None else _of_focus(one, focus, outcome.state)
                if (key := (rule.name, found, outcome.refusal, what)) not in had:
                    had.add(key)
                    yield rule, found, Way(one, way, outcome.refusal, what, focus)
            if outcome.state not in came and not one.deviates(
                    state, steps.traits, rule, event.arguments, outcome):
                came[outcome.state] = way
                order.append(outcome.state)


def _changed(one: Field, before: Vector, after: Vector) -> tuple[str, ...]:
    """The relations that are others, and what is another of an object that is there before and after; no sizes."""
    found, layout = list[str](), one.ground.layout
    for name in change(layout, before, after):
        symbol = layout.machine.symbol(name)
        if symbol.result == BOOL or (symbol.result != INT and symbol.of is not None and any(
                before[place] != after[place] and before[guard] and after[guard]
                for at in layout.tuples(symbol)
                for place, guard in [(layout.index(name, *at), layout.index(symbol.of, *at))])):
            found.append(name)
    return tuple(found)


def _of_focus(one: Field, focus: tuple[str, int], after: Vector) -> tuple[str, ...]:
    """What a sweep changes of one object: whether it goes."""
    says = presences(one.ground.machine)[focus[0]]
    return () if one.ground.read(after, one.rigid, says, focus[1]) else (says,)


@dataclass(frozen=True)
class _Cases:
    """Which cases an operation is in."""

    ground: GroundMachine
    rigid: Vector
    aspects: Sequence[Aspect]

    def of(
        self, rule: Rule, arguments: Vector, state: Vector, traits: Vector,
    ) -> Iterator[tuple[tuple[str, int] | None, Cases]]:
        """The cases of an operation; of a sweep those with each object that has aspects, and which that is."""
        named = list(zip(rule.parameters, (int(a) for a in arguments), strict=True))
        own = [(p.name, "yes" if value else "no") for p, value in named if p.sort == BOOL]
        objects = [(p.name, p.sort, value) for p, value in named if p.role == "named"]
        found = [(p.name, p.sort, value) for p, value in named if p.role not in ("named", "new")]
        objects += [one for one in found if any(self._relations(other, one, state) for other in objects)]
        if not rule.sweeps:
            yield None, (*own, *self._aspects(objects, state, traits), *self._related(objects, state))
            return
        says = presences(self.ground.machine)
        for sort in dict.fromkeys(aspect.sort for aspect in self.aspects if aspect.sort.name in says):
            for element in self.ground.layout.elements(sort):
                if self.ground.read(state, self.rigid, says[sort.name], element):
                    one = (f"some {sort.name.lower()}", sort, element)
                    yield (sort.name, element), (*own, *self._aspects([one], state, traits))

    def _aspects(self, objects: Iterable[_Object], state: Vector, traits: Vector) -> Iterator[Case]:
        for name, sort, element in objects:
            for aspect in self.aspects:
                if aspect.sort == sort:
                    case = aspect.case(self.ground, state, self.rigid, traits, element)
                    if case is not None:
                        yield f"{name}: {aspect.name}" if aspect.name else name, case

    def _related(self, objects: Sequence[_Object], state: Vector) -> Iterator[Case]:
        """Whether relations hold between two objects that are named."""
        for one, other in itertools.permutations(objects, 2):
            for symbol in self._symbols(one, other):
                holds = self.ground.read(state, self.rigid, symbol.name, one[2], other[2])
                yield f"{one[0]} {symbol.name} {other[0]}", "yes" if holds else "no"

    def _relations(self, one: _Object, other: _Object, state: Vector) -> bool:
        """Whether some relation holds between two objects."""
        return any(self.ground.read(state, self.rigid, symbol.name, one[2], other[2])
                   for symbol in self._symbols(one, other))

    def _symbols(self, one: _Object, other: _Object) -> Iterator[Symbol]:
        for symbol in self.ground.machine.mutable:
            if symbol.result == BOOL and symbol.arguments == (one[1], other[1]) and one[1] != other[1]:
                yield symbol


def _reduced(rule: str, seen: _Seen) -> list[Situation]:
    """The situations of a rule, without what nothing depends on."""
    asked = list(dict.fromkeys(what for ways in seen.ways.values() for cases in ways for what, _ in cases))
    for what in reversed(asked[:]):
        fewer = [other for other in asked if other != what]
        if not any(other.startswith(f"{what}: ") for other in asked) and _is_idle(seen, asked, fewer):
            asked = fewer
    rows: dict[Cases, dict[str, Way]] = {}
    for name, ways in seen.ways.items():
        for cases, every in ways.items():
            row = rows.setdefault(_only(cases, asked), {})
            best = min(every, key=lambda way: len(way.events))
            if name not in row or len(best.events) < len(row[name].events):
                row[name] = best
    # What is left of cases with objects that do not matter is no situation of its own.
    return [Situation(rule, cases, found) for cases, found in rows.items() if cases or len(rows) == 1]


def _only(cases: Cases, asked: Sequence[str]) -> Cases:
    return tuple(case for case in cases if case[0] in asked)


def _is_idle(seen: _Seen, asked: Sequence[str], fewer: Sequence[str]) -> bool:
    """Whether fewer aspects tell as much: what they put together comes to the same, under each valuation."""
    for ways in seen.ways.values():
        apart: dict[Cases, set[Any]] = {}
        for cases, every in ways.items():
            apart.setdefault(_only(cases, asked), set()).update(way.outcome for way in every)
        together: dict[Cases, set[Any]] = {}
        for cases, outcomes in apart.items():
            if together.setdefault(_only(cases, fewer), outcomes) != outcomes:
                return False
    return True
