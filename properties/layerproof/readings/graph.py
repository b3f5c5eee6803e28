"""All states of a few objects with all steps between them, and which steps can follow each other on one object."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from layermodel.language.ground import Vector
from layermodel.language.rules import BOOL, Rule, Symbol
from layermodel.language.terms import Layout
from layerproof.readings.exploration import Steps
from layerproof.runs.interest import object_sorts
from layerproof.runs.statistics import Pair, Reached
from layerproof.subject import Doable


@dataclass(frozen=True)
class Edge:
    """One step from a state.

    Attributes:
        refusal: its name, or None if it is done.
        to: the number of the state that it leads to.
    """

    rule: str
    arguments: Vector
    refusal: str | None
    to: int


Object = tuple[str, int]
"""One of a sort."""
Following = tuple[int, int, int]
"""Two steps, one after the other: the state, and the places of the two among the steps of it and of the next."""


@dataclass(frozen=True)
class Ties:
    """Relations and functions from one object to another, of which some are so in a state."""

    layout: Layout
    symbols: tuple[Symbol, ...]

    @classmethod
    def of(cls, layout: Layout, names: Collection[str]) -> Ties:
        """Those with these names."""
        return cls(layout, tuple(symbol for symbol in layout.machine.mutable if symbol.name in names))

    def in_state(self, state: Vector) -> Mapping[Object, Sequence[tuple[str, Object]]]:
        """By object the others that it is tied to in a state, each with the symbol that says so."""
        found: dict[Object, list[tuple[str, Object]]] = {}
        for symbol in self.symbols:
            for one, *others in self.layout.tuples(symbol):
                value = state[self.layout.index(symbol.name, one, *others)]
                if symbol.result == BOOL and value:
                    to = symbol.arguments[1].name, others[0]
                elif symbol.result != BOOL and (
                        symbol.of is None or state[self.layout.index(symbol.of, one)]):
                    to = symbol.result.name, int(value)
                else:
                    continue
                found.setdefault((symbol.arguments[0].name, one), []).append((symbol.name, to))
        return found


@dataclass
class Graph:
    """What can be reached from the initial state, whose number is zero.

    Attributes:
        rules: by name.
        sorts: of the objects that steps can have in common: see :func:`layerproof.runs.interest.object_sorts`.
        ties: by which a step on one object is about another, too: see :class:`~layerproof.subject.Finite`.
        states: vectors, in the order in which a breadth-first search comes to them, and their ``numbers``.
        steps: of each state, all of them, in an order that is always the same.
    """

    rules: Mapping[str, Rule]
    sorts: frozenset[str]
    ties: Ties | None = None
    states: list[Vector] = field(default_factory=list)
    numbers: dict[Vector, int] = field(default_factory=dict)
    steps: list[tuple[Edge, ...]] = field(default_factory=list)
    _known_ties: dict[int, Mapping[Object, Sequence[tuple[str, Object]]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, steps: Steps, start: Vector, doable: Doable, progress: Callable[[int], None] = lambda states: None,
    ) -> Graph:
        """Visit every state that is reached by what can be done.

        Args:
            progress: is told how many states there are, and may end it by raising.
        """
        graph = cls({rule.rule.name: rule.rule for rule, _ in steps.moves}, object_sorts(steps.ground.machine),
                    Ties.of(steps.ground.layout, steps.ties))
        graph._number(start)
        for state in graph.states:  # which grows while it is gone through
            progress(len(graph.states))
            graph.steps.append(tuple(
                Edge(event.rule, event.arguments, outcome.refusal, graph._number(outcome.state))
                for rule, event, outcome in steps.all(state) if doable(rule, event.arguments)))
        return graph

    def _number(self, state: Vector) -> int:
        number = self.numbers.setdefault(state, len(self.states))
        if number == len(self.states):
            self.states.append(state)
        return number

    @property
    def size(self) -> int:
        """How many steps there are."""
        return sum(map(len, self.steps))

    @cached_property
    def outcomes(self) -> frozenset[Reached]:
        """Every rule that is done somewhere, and every refusal that is had."""
        return frozenset((edge.rule, edge.refusal) for edges in self.steps for edge in edges)

    @cached_property
    def digest(self) -> str:
        """Of all of it: what was done of another graph says nothing of this one."""
        text = hashlib.blake2b(digest_size=16)
        for edges in self.steps:
            text.update(repr([(e.rule, e.arguments, e.refusal, e.to) for e in edges]).encode())
        return text.hexdigest()

    def objects(self, edge: Edge) -> Iterator[tuple[str, Object]]:
        """The objects that a step names, makes or finds, each with what it is to it."""
        for parameter, argument in zip(self.rules[edge.rule].parameters, edge.arguments, strict=True):
            if parameter.sort.name in self.sorts:
                yield parameter.name, (parameter.sort.name, int(argument))

    def concerned(self, number: int, edge: Edge) -> Iterator[tuple[str, Object]]:
        """The same of a step from a state, and what these are tied to there, as a container is to its name."""
        for role, one in self.objects(edge):
            yield role, one
            for symbol, other in self._tied(number).get(one, ()):
                yield f"{role}: {symbol}", other

    def _tied(self, number: int) -> Mapping[Object, Sequence[tuple[str, Object]]]:
        if self.ties is None:
            return {}
        if number not in self._known_ties:
            self._known_ties[number] = self.ties.in_state(self.states[number])
        return self._known_ties[number]

    def sweeps(self, edge: Edge) -> bool:
        """Whether a step names no object, so that it is about all of them."""
        return not any(True for _ in self.objects(edge))

    def pairs(self, number: int, first: Edge, second: Edge) -> Iterator[Pair]:
        """In which ways one step, from a state, is followed by another on an object that it is about."""
        if self.sweeps(first) or self.sweeps(second):
            yield _pair(first, "", "", second)
        for role, one in self.objects(second):
            for as_what, other in self.concerned(number, first):
                if one == other:
                    yield _pair(first, as_what, role, second)

    def following(self) -> dict[Pair, Following]:
        """Every way in which a step can follow another on what that is about, each with two steps that do."""
        about, found = [self._by_object(edges) for edges in self.steps], dict[Pair, Following]()
        ends = [self._ends(edges) for edges in self.steps]
        for number, edges in enumerate(self.steps):
            for place, first in enumerate(edges):
                for as_what, one in self.concerned(number, first):
                    for (role, rule, refusal), then in about[first.to].get(one, {}).items():
                        found.setdefault((first.rule, first.refusal, as_what, role, rule, refusal),
                                         (number, place, then))
                for then in ends[first.to][self.sweeps(first)]:
                    found.setdefault(_pair(first, "", "", self.steps[first.to][then]), (number, place, then))
        return found

    def _ends(self, edges: Sequence[Edge]) -> tuple[list[int], list[int]]:
        """Of each outcome a step: of those that are about all objects, and of all."""
        every: dict[Reached, int] = {}
        for place, edge in enumerate(edges):
            every.setdefault((edge.rule, edge.refusal), place)
        return [place for place in every.values() if self.sweeps(edges[place])], list(every.values())

    def _by_object(self, edges: Iterable[Edge]) -> dict[tuple[str, int], dict[tuple[str, str, str | None], int]]:
        """Steps by the objects that they are about: as what, which rule, what it comes to."""
        found: dict[tuple[str, int], dict[tuple[str, str, str | None], int]] = {}
        for place, edge in enumerate(edges):
            for role, one in self.objects(edge):
                found.setdefault(one, {}).setdefault((role, edge.rule, edge.refusal), place)
        return found

    @cached_property
    def moves(self) -> list[list[tuple[int, int]]]:
        """Of each state the steps that lead to another one, as place and number."""
        return [[(place, edge.to) for place, edge in enumerate(edges) if edge.to != number]
                for number, edges in enumerate(self.steps)]

    def way(self, start: int, wanted: Callable[[int], bool], barred: Collection[tuple[int, int]] = ()) -> (
            list[tuple[int, int]] | None):
        """A shortest way from a state to one that is wanted, as states and places; None if there is none.

        Args:
            barred: steps that are not taken.
        """
        came: dict[int, tuple[int, int] | None] = {start: None}
        order = [start]
        for number in order:
            if wanted(number):
                return _back(came, number)
            for place, to in self.moves[number]:
                if to not in came and (number, place) not in barred:
                    came[to] = number, place
                    order.append(to)
        return None


def _pair(first: Edge, as_what: str, role: str, second: Edge) -> Pair:
    return first.rule, first.refusal, as_what, role, second.rule, second.refusal


def _back(came: Mapping[int, tuple[int, int] | None], number: int) -> list[tuple[int, int]]:
    steps = []
    while (step := came[number]) is not None:
        steps.append(step)
        number = step[0]
    return steps[::-1]
