"""Which operation of a random run is worth doing: one that comes to what was seldom had, on objects with a past.

Faults hide where an object was renamed, removed, made again or refused before. What is counted are *pairs* of
consecutive operations on one object: which rules they were, what they came to, and as what the object was named in
each (:data:`Pair`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from layermodel.language.ground import Vector
from layermodel.language.rules import BOOL, Machine, Rule
from layermodel.language.run import Run
from layerproof.runs.statistics import Pair, Reached, Statistics

_TRIVIAL = 5
"""Of so many operations of a run at most one is refused because what it names is not there."""
_FIRST = 4
"""So many operations at the beginning of a run may be refused so, in any case."""


@lru_cache(maxsize=16)
def object_sorts(machine: Machine) -> frozenset[str]:
    """The sorts of objects that come and go, or are related to what does: not those of contents, say."""
    return frozenset(sort.name for symbol in machine.mutable if symbol.result == BOOL
                     for sort in symbol.arguments if not sort.values and sort != BOOL)


@lru_cache(maxsize=16)
def presences(machine: Machine) -> Mapping[str, str]:
    """For each sort of which objects are there or not the symbol that says so."""
    guards = {symbol.of for symbol in machine.mutable}
    return {symbol.arguments[0].name: symbol.name for symbol in machine.mutable
            if symbol.result == BOOL and len(symbol.arguments) == 1 and symbol.name in guards}


@dataclass(frozen=True)
class Known:
    """How often outcomes and pairs were had before."""

    outcomes: Mapping[Reached, int]
    pairs: Mapping[Pair, int]

    @classmethod
    def of(cls, statistics: Statistics) -> Known:
        """What was counted so far; what is counted from now on is not in it."""
        return cls(statistics.outcomes, dict(statistics.pairs))


@dataclass
class Past:
    """What was done in one run, by object.

    Attributes:
        known: what was had in runs before it.
        there: the objects of which an operation was ever done.
    """

    run: Run
    known: Known
    there: set[tuple[str, int]] = field(default_factory=set)
    _last: dict[tuple[str, int], tuple[str, str | None, str]] = field(default_factory=dict)
    _outcomes: Counter[Reached] = field(default_factory=Counter)
    _pairs: Counter[Pair] = field(default_factory=Counter)
    _steps: int = 0
    _trivial: int = 0

    def _objects(self, rule: Rule, arguments: Vector) -> Iterable[tuple[str, tuple[str, int]]]:
        sorts = object_sorts(self.run.ground.machine)
        return ((p.name, (p.sort.name, int(a))) for p, a in zip(rule.parameters, arguments, strict=True)
                if p.sort.name in sorts)

    def pairs(self, rule: Rule, arguments: Vector, refusal: str | None) -> list[Pair]:
        """The pairs that an operation would make with what was done before on the objects that it names.

        One that names none, as a prune, is about all.
        """
        found, named = [], list(self._objects(rule, arguments))
        for role, one in named or [("", one) for one in self._last]:
            if one in self._last:
                before, came_to, as_what = self._last[one]
                found.append((before, came_to, as_what, role, rule.name, refusal))
        return found

    def trivial(self, rule: Rule, arguments: Vector, refusal: str | None) -> bool:
        """Whether an operation is refused and names something that is not there, or nothing that ever was."""
        if refusal is None:
            return False
        objects = [one for _, one in self._objects(rule, arguments)]
        says = presences(self.run.ground.machine)
        return not any(one in self.there for one in objects) or any(
            sort in says and not self.run.read(says[sort], element) for sort, element in objects)

    def enough(self, rule: Rule, arguments: Vector, refusal: str | None) -> bool:
        """Whether an operation is trivial, and there were enough of them."""
        return (self._steps >= _FIRST and self._trivial * _TRIVIAL >= self._steps
                and self.trivial(rule, arguments, refusal))

    def seldom(self, rule: Rule, arguments: Vector, refusal: str | None) -> tuple[int, int]:
        """How often what it comes to was had: in the company in which that was least often, and at all."""
        outcome = rule.name, refusal
        had = self.known.outcomes.get(outcome, 0) + self._outcomes[outcome]
        pairs = [self.known.pairs.get(p, 0) + self._pairs[p] for p in self.pairs(rule, arguments, refusal)]
        return min(pairs, default=had), had

    def take(self, rule: Rule, arguments: Vector, refusal: str | None) -> list[Pair]:
        """Take note of an operation that is done, and return its pairs."""
        self._steps += 1
        self._trivial += self.trivial(rule, arguments, refusal)
        pairs = self.pairs(rule, arguments, refusal)
        self._outcomes[rule.name, refusal] += 1
        self._pairs.update(pairs)
        named = list(self._objects(rule, arguments))
        for role, one in named or [("", one) for one in self._last]:
            self._last[one] = rule.name, refusal, role
        if refusal is None:
            self.there.update(one for _, one in named)
        return pairs
