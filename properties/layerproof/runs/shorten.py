"""Make a run that shows something shorter and simpler, as long as it goes on showing it.

Hypothesis would shrink the choices that made the run, at a price of thousands of operations; working on the
run itself takes some dozens of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Protocol, TypeVar

from layermodel.language.rules import Machine, Rule, Sort
from layermodel.store.words import IMAGE, LEASE, REFERENCE
from layerproof.runs.trace import Event

Events = tuple[Event, ...]


class Run(Protocol):
    """Operations in a row, and what they start from."""

    @property
    def events(self) -> Events:
        """The operations."""


class Shown(Protocol):
    """Something that was found, with the run that shows it."""

    @property
    def trace(self) -> Run:
        """The run that shows it."""


Found = TypeVar("Found", bound=Shown)
Again = Callable[[Found, Events], Found | None]
"""From what was found and other operations to the same thing found by these, or None."""

_TRIES = 150
"""Runs that simplifying one finding may take: a run on a real engine takes about a second."""


def shortened(
    found: Found, again: Again[Found], machine: Machine, rules: Collection[str], last: int = 1,
) -> Found:
    """Return what was found with no operation that could be left out or done on something simpler.

    Args:
        again: looks for the same thing in a run of other operations.
        rules: the operations that can be done.
        last: how many operations at the end are never left out.
    """
    best = left_out(found, again, last)
    tries = 0
    while (simpler := _simplified(best, again, machine, rules, tries)) is not None:
        better, tries = simpler
        best = left_out(better, again, last)
    return best


def left_out(found: Found, again: Again[Found], last: int = 1) -> Found:
    """Leave operations out, halves first, as long as the finding stays."""
    size = max(1, len(found.trace.events) // 2)
    best = found
    while True:
        start, smaller = len(best.trace.events) - last - size, False
        while start > -size:
            events = best.trace.events
            candidate = again(best, events[: max(0, start)] + events[start + size:])
            if candidate is not None:
                best, smaller = candidate, True
            start -= size
        if size == 1 and not smaller:
            return best
        size = size if smaller and size == 1 else max(1, size // 2)


def _simplified(
    found: Found, again: Again[Found], machine: Machine, rules: Collection[str], tries: int,
) -> tuple[Found, int] | None:
    """The finding from a simpler run, and how many were tried by then; None if there is none."""
    for events in _simpler(machine, rules, found.trace.events):
        tries += 1
        if tries > _TRIES:
            return None
        candidate = again(found, events)
        if candidate is not None:
            return candidate, tries
    return None


def _simpler(machine: Machine, rules: Collection[str], events: Events) -> Iterator[Events]:
    """Runs in which an image is loaded however it was made, or an earlier object is used instead."""
    for number in reversed(range(len(events))):
        before, event, after = events[:number], events[number], events[number + 1:]
        rule = machine.rule_by_name[event.rule]
        for load in _loads(rule, event, rules):
            yield (*_apart(machine, before, event), load, *after)
            yield (*before, load, *after)
        for position, parameter in enumerate(rule.parameters):
            for value in _earlier(machine, before, parameter.sort, event.arguments[position]):
                arguments = list(event.arguments)
                arguments[position] = value
                yield (*before, Event(event.rule, tuple(arguments), event.refusal), *after)


def _loads(rule: Rule, event: Event, rules: Collection[str]) -> Iterator[Event]:
    """Loads of the image that an operation makes, without a name or with the one that it gives."""
    given = dict(zip(rule.parameters, event.arguments, strict=True))
    made = [value for p, value in given.items() if p.sort == IMAGE and p.role != "named"]
    names = [value for p, value in given.items() if p.sort == REFERENCE]
    if made and not event.rule.startswith("load"):
        if "load-unnamed" in rules:
            yield Event("load-unnamed", (made[0],), None)
        if "load" in rules and names:
            yield Event("load", (made[0], names[0]), None)


def _apart(machine: Machine, events: Events, event: Event) -> Events:
    """The operations that are not part of the same pull or build as another one."""
    leases = _elements(machine, event, LEASE)
    return tuple(e for e in events if not leases & _elements(machine, e, LEASE))


def _elements(machine: Machine, event: Event, sort: Sort) -> set[int]:
    """The elements of a sort that an operation speaks of."""
    parameters = machine.rule_by_name[event.rule].parameters
    return {value for p, value in zip(parameters, event.arguments, strict=True) if p.sort == sort}


def _earlier(machine: Machine, events: Events, sort: Sort, value: int) -> list[int]:
    """Smaller elements of a sort that earlier operations speak of; False for True."""
    if sort.name == "Bool":
        return [0] if value else []
    spoken: set[int] = set().union(*(_elements(machine, event, sort) for event in events))
    return sorted(element for element in spoken if element < value)
