"""Make a run on a union file system shorter and simpler, as long as it goes on showing what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Protocol, TypeVar

from layermodel.language.ground import Vector
from layermodel.language.rules import Machine, Rule
from layermodel.union.trees import Merger, Paths
from layerproof.machines.union.stacks import simpler
from layerproof.machines.union.traces import UnionTrace
from layerproof.runs.shorten import left_out
from layerproof.runs.trace import Event


class Shown(Protocol):
    """Something that was found, with the run that shows it."""

    @property
    def trace(self) -> UnionTrace:
        """The run over its stack of layers."""


Found = TypeVar("Found", bound=Shown)
Again = Callable[[Found, UnionTrace], Found | None]
"""From what was found and another run to the same thing found by that, or None."""

Ways = Callable[[UnionTrace], Iterator[UnionTrace]]
"""From a run to simpler ones."""

_TRIES = 600
"""Runs that shrinking one finding may take: a run in a mount takes some ten milliseconds."""


def shortened(found: Found, again: Again[Found], machine: Machine, merger: Merger) -> Found:
    """Return what was found with nothing that could be left out: operations first, then what is in the layers."""
    tries = 0

    def counted(best: Found, trace: UnionTrace) -> Found | None:
        nonlocal tries
        tries += 1
        return again(best, trace) if tries <= _TRIES else None

    def of_events(best: Found, events: tuple[Event, ...]) -> Found | None:
        return counted(best, replace(best.trace, events=events))

    ways: list[Ways] = [lambda trace: _without_names(trace, machine, merger.paths),
                        lambda trace: (replace(trace, stack=stack) for stack in simpler(trace.stack, merger)),
                        lambda trace: _plainer(trace, machine)]
    best = found
    while True:
        before = best
        best = left_out(best, of_events)
        for way in ways:
            best = _simplified(best, counted, way)
        if best is before:
            return best


def _simplified(best: Found, again: Again[Found], candidates: Ways) -> Found:
    """Take every simpler run that shows the same; what came after one that did has its place in the next list."""
    place, waiting = 0, candidates(best.trace)
    while (trace := next(waiting, None)) is not None:
        simpler_one = again(best, trace)
        if simpler_one is None:
            place += 1
        else:
            best, waiting = simpler_one, islice(candidates(simpler_one.trace), place, None)
    return best


def _without_names(trace: UnionTrace, machine: Machine, paths: Paths) -> Iterator[UnionTrace]:
    """Runs without an operation that gives something another name, and with the name that it had.

    What is in a directory that is made may be in the directory above it instead.
    """
    for number, event in enumerate(trace.events[:-1]):
        parameters = machine.rule_by_name[event.rule].parameters
        named = {p.name: a for p, a in zip(parameters, event.arguments, strict=True)}
        if "target" in named:
            source, target = named["target"], named["path"]
        elif event.rule == "mkdir":
            source, target = named["path"], paths.parents[named["path"]]
        else:
            continue
        later = (_moved(machine.rule_by_name[e.rule], e, paths, source, target) for e in trace.events[number + 1:])
        yield replace(trace, events=(*trace.events[:number], *later))


def _moved(rule: Rule, event: Event, paths: Paths, source: int, target: int) -> Event:
    """The operation with paths under the target instead of under the source."""
    def there(path: int) -> int:
        moved = paths.moved(source, target, path)
        return path if moved is None else moved

    return Event(event.rule, tuple(
        there(a) if p.sort.name == "Path" else a
        for p, a in zip(rule.parameters, event.arguments, strict=True)), None)


def _plainer(trace: UnionTrace, machine: Machine) -> Iterator[UnionTrace]:
    """Runs in the first container, and with the least values that an operation can have."""
    for number, event in enumerate(trace.events):
        for arguments in _least(machine.rule_by_name[event.rule], event.arguments):
            plain = Event(event.rule, arguments, None)
            yield replace(trace, events=(*trace.events[:number], plain, *trace.events[number + 1:]))


def _least(rule: Rule, arguments: Vector) -> Iterator[Vector]:
    for position, parameter in enumerate(rule.parameters):
        least = 1 if parameter.sort.name in ("Time", "Value") else 0
        if parameter.role == "named" and parameter.sort.name != "Path" and arguments[position] > least:
            yield (*arguments[:position], least, *arguments[position + 1:])
