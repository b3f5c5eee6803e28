"""Make a run that shows something shorter and simpler, as long as it goes on showing it.

Hypothesis would shrink the choices that made the run, at a price of thousands of operations; working on the
run itself takes some dozens of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol, TypeVar

from layerproof.runs.trace import Event, Trace


class Shown(Protocol):
    """Something that was found, with the run that shows it."""

    @property
    def trace(self) -> Trace:
        """The run that shows it."""


Found = TypeVar("Found", bound=Shown)
Again = Callable[[Found, Trace], Found | None]
"""From what was found and another run to the same thing found by that, or None."""
Way = Callable[[Trace], Iterator[Trace]]
"""From a run to simpler ones."""


def shortened(found: Found, again: Again[Found], ways: Sequence[Way], tries: int, last: int = 1) -> Found:
    """Return what was found with no operation that could be left out, in the simplest run that there is.

    Args:
        again: looks for the same thing in another run.
        ways: to simpler runs.
        tries: runs that this may take.
        last: how many operations at the end are never left out.
    """
    done = 0

    def counted(best: Found, trace: Trace) -> Found | None:
        nonlocal done
        done += 1
        return again(best, trace) if done <= tries else None

    best = found
    while True:
        before = best
        best = left_out(best, counted, last)
        for way in ways:
            best = _simplified(best, counted, way)
        if best is before:
            return best


def left_out(found: Found, again: Again[Found], last: int = 1) -> Found:
    """Leave operations out, halves first, as long as the finding stays."""
    size = max(1, len(found.trace.events) // 2)
    best = found
    while True:
        start, smaller = len(best.trace.events) - last - size, False
        while start > -size:
            events: tuple[Event, ...] = best.trace.events
            candidate = again(best, replace(best.trace, events=events[: max(0, start)] + events[start + size:]))
            if candidate is not None:
                best, smaller = candidate, True
            start -= size
        if size == 1 and not smaller:
            return best
        size = size if smaller and size == 1 else max(1, size // 2)


def _simplified(best: Found, again: Again[Found], candidates: Way) -> Found:
    """Take every simpler run that shows the same; what came after one that did has its place in the next list."""
    place, waiting = 0, candidates(best.trace)
    while (trace := next(waiting, None)) is not None:
        simpler = again(best, trace)
        if simpler is None:
            place += 1
        else:
            best, waiting = simpler, islice(candidates(simpler.trace), place, None)
    return best
