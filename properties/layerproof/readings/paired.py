"""Every two steps of a graph that are about one object: which of them were not yet executed one after the other.

A step that names no object, as one that prunes, is about all of them.
"""

from __future__ import annotations

from layerproof.readings.graph import Graph

Following = list[list[int]]
"""Of each state and step the steps after it that are left, as a set of bits: bit ``n`` is that at place ``n``."""

_ALL = ("", 0)
"""Stands for all objects."""


class EveryPair:
    """The pairs that are left of a graph.

    Attributes:
        all: pairs that there are; ``count`` of them are left, and ``apart`` were given up, as one of the two
            differed.
        left: of each state and step, the steps after it.
    """

    def __init__(self, graph: Graph) -> None:
        """Begin with all of them left."""
        about = [_about(graph, number) for number in range(len(graph.steps))]
        every = [(1 << len(edges)) - 1 for edges in graph.steps]
        self._graph = graph
        self.left: Following = []
        for edges in graph.steps:
            row = []
            for edge in edges:
                after = every[edge.to] if graph.sweeps(edge) else about[edge.to].get(_ALL, 0)
                for _, one in graph.objects(edge):
                    after |= about[edge.to].get(one, 0)
                row.append(after)
            self.left.append(row)
        self.all = self.count = self._counted()
        self.apart = 0

    def _counted(self) -> int:
        return sum(after.bit_count() for row in self.left for after in row)

    def at(self, number: int) -> bool:
        """Whether a step from a state has one left after it."""
        return any(self.left[number])

    def next(self, last: tuple[int, int] | None, number: int) -> int | None:
        """The place of the step to take: one that is left after the last one, or else one with some left after it.

        Args:
            last: the step that led to the state, as state and place; None in the beginning.
        """
        if last is not None and (after := self.left[last[0]][last[1]]):
            return _most(self.left[number], after)
        if self.at(number):
            return max(range(len(self.left[number])), key=lambda place: self.left[number][place].bit_count())
        return None

    def had(self, last: tuple[int, int], place: int) -> None:
        """A step was executed after another."""
        number, first = last
        if self.left[number][first] >> place & 1:
            self.left[number][first] ^= 1 << place
            self.count -= 1

    def give_up(self, number: int, place: int) -> None:
        """A step differs: it is not taken again, neither first nor after another."""
        before = self.count
        self.count -= self.left[number][place].bit_count()
        self.left[number][place] = 0
        for other, edges in enumerate(self._graph.steps):
            for first, edge in enumerate(edges):
                if edge.to == number:
                    self.had((other, first), place)
        self.apart += before - self.count

    def packed(self) -> bytes:
        """What is left, as bytes: of each step as many as the steps after it need."""
        return b"".join(after.to_bytes(self._width(edge.to), "little") for row, edges in zip(
            self.left, self._graph.steps, strict=True) for after, edge in zip(row, edges, strict=True))

    def unpack(self, data: bytes, apart: int) -> None:
        """Go on from :meth:`packed`.

        Raises:
            ValueError: if it is of another graph.
        """
        start = 0
        for row, edges in zip(self.left, self._graph.steps, strict=True):
            for place, edge in enumerate(edges):
                width = self._width(edge.to)
                after = int.from_bytes(data[start:start + width], "little")
                if after & ~row[place]:
                    raise ValueError("there are no such steps")
                row[place], start = after, start + width
        if start != len(data):
            raise ValueError("there are not as many steps")
        self.apart, self.count = apart, self._counted()

    def _width(self, number: int) -> int:
        return (len(self._graph.steps[number]) + 7) // 8


def _about(graph: Graph, number: int) -> dict[tuple[str, int], int]:
    """Of each object the steps from a state that are about it."""
    found: dict[tuple[str, int], int] = {}
    for place, edge in enumerate(graph.steps[number]):
        for one in [o for _, o in graph.objects(edge)] or [_ALL]:
            found[one] = found.get(one, 0) | 1 << place
    return found


def _most(left: list[int], after: int) -> int:
    """Of some steps, as bits, the first that has most left after it."""
    best, most = -1, -1
    while after:
        low = after & -after
        place = low.bit_length() - 1
        if (many := left[place].bit_count()) > most:
            best, most = place, many
        after ^= low
    return best
