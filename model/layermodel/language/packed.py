"""States in a few machine words: where the value of each slot lies in them.

A truth value takes one bit, an element as many as tell the elements of its sort apart, and an integer as many as
are given; a slot lies within one word of 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from layermodel.language.rules import BOOL, INT
from layermodel.language.terms import STATE, Layout

WORD = 64


@dataclass(frozen=True)
class Place:
    """Where a slot lies: the word, its lowest bit, how many bits, and whether the highest is a sign."""

    word: int
    shift: int
    bits: int
    signed: bool

    @property
    def mask(self) -> int:
        """The slot's bits within its word."""
        return ((1 << self.bits) - 1) << self.shift


@dataclass(frozen=True)
class Packing:
    """How states of a layout are packed.

    Attributes:
        integer: bits of an integer, which is signed.
        places: of each slot of the state.
        words: how many there are, at least one.
    """

    layout: Layout
    integer: int
    places: tuple[Place, ...]
    words: int

    @classmethod
    def of(cls, layout: Layout, integer: int) -> Packing:
        """Give every slot the first word in which there is room."""
        filled: list[int] = [0]
        places = []
        for bits, signed in _widths(layout, integer):
            word = next((n for n, used in enumerate(filled) if used + bits <= WORD), len(filled))
            if word == len(filled):
                filled.append(0)
            places.append(Place(word, filled[word], bits, signed))
            filled[word] += bits
        return cls(layout, integer, tuple(places), len(filled))

    @cached_property
    def integers(self) -> tuple[int, ...]:
        """The slots that hold integers."""
        return tuple(n for n, place in enumerate(self.places) if place.signed)

    def pack(self, state: Sequence[int]) -> tuple[int, ...]:
        """Return a state in words.

        Raises:
            OverflowError: if an integer needs more bits.
        """
        words = [0] * self.words
        for value, place in zip(map(int, state), self.places, strict=True):
            low = -(1 << place.bits - 1) if place.signed else 0
            if not low <= value < low + (1 << place.bits):
                raise OverflowError(f"{value} takes more than {place.bits} bits")
            words[place.word] |= (value << place.shift) & place.mask
        return tuple(words)

    def unpack(self, words: Sequence[int]) -> tuple[int, ...]:
        """Return the state that words hold."""
        found = []
        for place in self.places:
            value = (words[place.word] & place.mask) >> place.shift
            found.append(value - (1 << place.bits) if place.signed and value >> place.bits - 1 else value)
        return tuple(found)


def _widths(layout: Layout, integer: int) -> list[tuple[int, bool]]:
    """For each slot of the state how many bits it takes, and whether it is signed."""
    found: list[tuple[int, bool]] = []
    for symbol in layout.machine.mutable:
        assert layout.slots[symbol.name][0] == STATE
        if symbol.result == INT:
            width = integer, True
        else:
            count = 2 if symbol.result == BOOL else layout.sizes[symbol.result.name]
            width = (count - 1).bit_length(), False
        found += [width for _ in layout.tuples(symbol)]
    return found
