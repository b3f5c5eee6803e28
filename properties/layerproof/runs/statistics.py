"""How often what was done, in random runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from layermodel.language.rules import Rule

Reached = tuple[str, str | None]
"""A rule, and the refusal that it had, or None if it was done."""

Pair = tuple[str, str | None, str, str, str, str | None]
"""Two consecutive operations on one object: the rule and its refusal, or None; as what the object was named in it,
and in the next; its rule and refusal."""

Change = tuple[str, ...]
"""The symbols of which an operation changed a value, in order."""

Way = tuple[Pair, Change, Change]
"""A pair, and what each of its two operations changed."""


@dataclass
class Statistics:
    """How often each rule was done and each refusal had, and how many steps and examples that took.

    Attributes:
        premises: how often the premise of each law held (counted up to a thousand).
        ways: how often two operations followed each other on one object, apart by what each of the two changed.
    """

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    premises: Counter[str] = field(default_factory=Counter)
    ways: Counter[Way] = field(default_factory=Counter)
    steps: int = 0
    examples: int = 0

    def count(self, rule: str, refusal: str | None) -> None:
        """Count one step."""
        self.steps += 1
        if refusal is None:
            self.done[rule] += 1
        else:
            self.refused[rule, refusal] += 1

    @property
    def pairs(self) -> Counter[Pair]:
        """How often two operations followed each other on one object."""
        found = Counter[Pair]()
        for (pair, _, _), times in self.ways.items():
            found[pair] += times
        return found

    @property
    def outcomes(self) -> dict[Reached, int]:
        """How often each rule was done, and each refusal had."""
        found: dict[Reached, int] = {(rule, None): times for rule, times in self.done.items()}
        return found | dict(self.refused.items())

    def add(self, other: Statistics) -> None:
        """Add what was counted elsewhere."""
        self.done += other.done
        self.refused += other.refused
        self.premises += other.premises
        self.ways += other.ways
        self.steps += other.steps
        self.examples += other.examples

    def never(self, rules: Iterable[Rule], unreachable: Iterable[tuple[str, str]] = ()) -> list[str]:
        """Return the rules that were never done and the refusals that were never had."""
        return named(self.missing(rules, unreachable))

    def missing(self, rules: Iterable[Rule], unreachable: Iterable[tuple[str, str]] = ()) -> set[Reached]:
        """Return the same as pairs."""
        result: set[Reached] = set()
        for one in rules:
            result |= {(one.name, r) for r in one.refused if not self.refused[one.name, r]}
            result |= set() if self.done[one.name] else {(one.name, None)}
        return result - set(unreachable)


def named(missing: Iterable[Reached]) -> list[str]:
    """What was never reached in words, in order."""
    return sorted(name if refusal is None else f"{name} refused {refusal}" for name, refusal in missing)
