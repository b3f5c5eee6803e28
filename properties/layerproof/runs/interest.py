"""Which operation of a random run is worth doing: one that comes to what was seldom had, on objects with a past.

Faults hide where an object was renamed, removed, made again or refused before. What is counted are *pairs* of
consecutive operations on one object: which rules they were, what they came to, and as what the object was named in
each (:data:`Pair`). And what each of them changed matters (:data:`Way`): a commit that adds a layer is another one
than a commit that adds none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from layermodel.language.ground import Outcome, Vector
from layermodel.language.rules import BOOL, Machine, Rule
from layermodel.language.run import Run
from layermodel.language.terms import Layout
from layerproof.runs.statistics import Change, Reached, Statistics, Way

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


def change(layout: Layout, before: Vector, after: Vector) -> Change:
    """The symbols of which a value differs, in order."""
    if before == after:
        return ()
    return tuple(name for name, begin, end in layout.spans if before[begin:end] != after[begin:end])


@dataclass(frozen=True)
class Known:
    """How often outcomes and ways were had before."""

    outcomes: Mapping[Reached, int]
    ways: Mapping[Way, int]

    @classmethod
    def of(cls, statistics: Statistics) -> Known:
        """What was counted so far; what is counted from now on is not in it."""
        return cls(statistics.outcomes, dict(statistics.ways))


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
    _last: dict[tuple[str, int], tuple[str, str | None, str, Change]] = field(default_factory=dict)
    _outcomes: Counter[Reached] = field(default_factory=Counter)
    _ways: Counter[Way] = field(default_factory=Counter)
    _steps: int = 0
    _trivial: int = 0

    def _objects(self, rule: Rule, arguments: Vector) -> Iterable[tuple[str, tuple[str, int]]]:
        sorts = object_sorts(self.run.ground.machine)
        return ((p.name, (p.sort.name, int(a))) for p, a in zip(rule.parameters, arguments, strict=True)
                if p.sort.name in sorts)

    def ways(self, rule: Rule, arguments: Vector, outcome: Outcome) -> list[Way]:
        """The ways in which an operation would follow what was done before on the objects that it names.

        One that names none, as a prune, is about all.
        """
        found, named = list[Way](), list(self._objects(rule, arguments))
        now = change(self.run.ground.layout, self.run.state, outcome.state)
        for role, one in named or [("", one) for one in self._last]:
            if one in self._last:
                before, came_to, as_what, changed = self._last[one]
                found.append(((before, came_to, as_what, role, rule.name, outcome.refusal), changed, now))
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

    def seldom(self, rule: Rule, arguments: Vector, outcome: Outcome) -> tuple[int, int]:
        """How often what it comes to was had: in the company in which that was least often, and at all."""
        reached = rule.name, outcome.refusal
        had = self.known.outcomes.get(reached, 0) + self._outcomes[reached]
        ways = [self.known.ways.get(w, 0) + self._ways[w] for w in self.ways(rule, arguments, outcome)]
        return min(ways, default=had), had

    def take(self, rule: Rule, arguments: Vector, outcome: Outcome) -> list[Way]:
        """Take note of an operation before it is done, and return its ways."""
        self._steps += 1
        self._trivial += self.trivial(rule, arguments, outcome.refusal)
        ways = self.ways(rule, arguments, outcome)
        self._outcomes[rule.name, outcome.refusal] += 1
        self._ways.update(ways)
        named = list(self._objects(rule, arguments))
        changed = change(self.run.ground.layout, self.run.state, outcome.state)
        for role, one in named or [("", one) for one in self._last]:
            self._last[one] = rule.name, outcome.refusal, role, changed
        if outcome.refusal is None:
            self.there.update(one for _, one in named)
        return ways
