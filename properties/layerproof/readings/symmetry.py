"""Which objects are alike: permutations that leave all that never changes, and the initial state, as they are.

States that such a permutation takes to each other have the same future, so that one stands for all of them, their
orbit. No rule tells objects apart but by the symbols, so that nothing else has to be asked.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from layermodel.language.ground import Vector
from layermodel.language.packed import Packing
from layermodel.language.rules import Sort, Symbol
from layermodel.language.terms import Layout
from layerproof.readings.kernel import MOVE

MOST = 200
"""Permutations that are used at most: to find the least state of an orbit takes as many steps for each state."""

Permutation = Mapping[str, Sequence[int]]
"""For each sort by name where its objects go."""


class Move(NamedTuple):
    """The slot that a value goes to, how it changes, and the slot that says whether it means something, if any."""

    target: int
    change: Sequence[int] | None
    guard: int | None


@dataclass(frozen=True)
class Symmetry:
    """A group of permutations of the objects of a layout, the one that moves nothing first."""

    packing: Packing
    rigid: Vector
    group: tuple[Permutation, ...]

    @classmethod
    def of(cls, packing: Packing, rigid: Vector, start: Vector, most: int = MOST) -> Symmetry:
        """Find permutations that leave rigid values and the initial state alike: all, or those of some sorts.

        Args:
            most: how many there may be.
        """
        layout, permuted = packing.layout, list[Sort]()
        group: tuple[Permutation, ...] = ({},)
        for sort in layout.machine.sorts:
            if not sort.values:
                found = tuple(itertools.islice(_alike(layout, [*permuted, sort], rigid, start), most + 1))
                if len(found) <= most:
                    permuted.append(sort)
                    group = found
        return cls(packing, rigid, group)

    @cached_property
    def moves(self) -> list[list[Move]]:
        """For each permutation where the value of each slot goes, and how it changes."""
        return [_moves(self.packing.layout, self.rigid, g) for g in self.group]

    def canonical(self, state: Vector) -> tuple[int, ...]:
        """The words of the least state that is like one."""
        return min(self.packing.pack(_moved(state, moves)) for moves in self.moves)

    def tables(self) -> tuple[bytes, bytes]:
        """What :mod:`layerproof.readings.kernel` reads: what each permutation moves, and how values change."""
        values: list[int] = []
        known: dict[tuple[int, ...], int] = {}
        moved = []
        for found in self.moves[1:]:
            masks = [(1 << 64) - 1] * self.packing.words
            moves: list[int] = []
            for slot, (target, change, guard) in enumerate(found):
                one, other = self.packing.places[slot], self.packing.places[target]
                if not one.bits or (slot == target and change is None):
                    continue
                masks[other.word] &= ~other.mask
                where = -1
                if change is not None:
                    if tuple(change) not in known:
                        known[tuple(change)] = len(values)
                        values += change
                    where = known[tuple(change)]
                known_by = (-1, 0) if guard is None else (
                    self.packing.places[guard].word, self.packing.places[guard].shift)
                moves += [one.word, one.shift, one.bits, other.word, other.shift, where, *known_by]
            moved.append(struct.pack(f"={self.packing.words}QQ{len(moves)}i", *masks, len(moves) // MOVE, *moves))
        return b"".join(moved), struct.pack(f"={len(values)}i", *values)


def _alike(layout: Layout, sorts: Sequence[Sort], rigid: Vector, start: Vector) -> Iterator[Permutation]:
    """Every choice of permutations of some sorts that leaves all alike; the one that moves nothing first."""
    def extended(chosen: dict[str, Sequence[int]], rest: Sequence[Sort]) -> Iterator[Permutation]:
        if not rest:
            yield chosen
            return
        first, fixed = rest[0], {s.name for s in rest[1:]}
        settled = [s for s in layout.machine.symbols if not fixed & _speaks_of(s) and first.name in _speaks_of(s)]
        for permutation in itertools.permutations(layout.elements(first)):
            now = {**chosen, first.name: permutation}
            if all(_keeps(layout, s, rigid, start, now) for s in settled):
                yield from extended(now, rest[1:])

    return extended({}, sorts)


def _speaks_of(symbol: Symbol) -> set[str]:
    return {s.name for s in (*symbol.arguments, symbol.result)}


def _keeps(layout: Layout, symbol: Symbol, rigid: Vector, start: Vector, chosen: Permutation) -> bool:
    """Whether the values of a symbol are as before when objects go elsewhere, where it means something."""
    vector = rigid if symbol.rigid else start
    for arguments in layout.tuples(symbol):
        guard = _guard(layout, symbol, arguments)
        if guard is not None and not (rigid if guard[0] else start)[guard[1]]:
            continue
        there = _elsewhere(symbol, arguments, chosen)
        value = vector[layout.index(symbol.name, *arguments)]
        if vector[layout.index(symbol.name, *there)] != _changed(symbol, value, chosen):
            return False
    return True


def _guard(layout: Layout, symbol: Symbol, arguments: Sequence[int]) -> tuple[bool, int] | None:
    """What says whether a symbol means something: whether it is rigid, and its slot."""
    if symbol.of is None:
        return None
    guard = layout.machine.symbol(symbol.of)
    return guard.rigid, layout.index(guard.name, *arguments[:len(guard.arguments)])


def _elsewhere(symbol: Symbol, arguments: Sequence[int], chosen: Permutation) -> list[int]:
    return [chosen[s.name][a] if s.name in chosen else a for s, a in zip(symbol.arguments, arguments, strict=True)]


def _changed(symbol: Symbol, value: int, chosen: Permutation) -> int:
    return chosen[symbol.result.name][int(value)] if symbol.result.name in chosen else value


def _moves(layout: Layout, rigid: Vector, chosen: Permutation) -> list[Move]:
    found = []
    for symbol in layout.machine.mutable:
        change = chosen.get(symbol.result.name)
        if change is not None and list(change) == sorted(change):
            change = None
        for arguments in layout.tuples(symbol):
            guard, slot = _guard(layout, symbol, arguments), None
            means = True
            if guard is not None and guard[0]:
                means = bool(rigid[guard[1]])
            elif guard is not None:
                slot = guard[1]
            target = layout.index(symbol.name, *_elsewhere(symbol, arguments, chosen))
            found.append(Move(target, change if means else None, slot))
    return found


def _moved(state: Vector, moves: Sequence[Move]) -> list[int]:
    found = [0] * len(state)
    for value, (target, change, guard) in zip(state, moves, strict=True):
        means = guard is None or state[guard]
        found[target] = change[int(value)] if change is not None and means else int(value)
    return found
