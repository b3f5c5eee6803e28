"""Forests of numbered objects: what lies on what, by each object's parent."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

Parents = Sequence[int | None]
"""For each object its parent, a lower number, or None for a root."""


def forests(count: int) -> Iterator[tuple[int | None, ...]]:
    """Yield every forest of some objects in which a parent has a lower number than its child."""
    yield from itertools.product(*((None, *range(n)) for n in range(count)))


def ancestors(parents: Parents, child: int) -> list[int]:
    """Return an object's strict ancestors, nearest first."""
    result = []
    parent = parents[child]
    while parent is not None:
        result.append(parent)
        parent = parents[parent]
    return result
