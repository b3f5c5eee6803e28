"""The search of :mod:`layerproof.readings.kernel` for one machine: its memory, its rounds, and what it came to."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from layermodel.language.ground import Vector
from layermodel.language.native import Compiled
from layermodel.language.packed import Packing
from layerproof.readings.kernel import FIELDS, PLACE
from layerproof.readings.moves import Moves
from layerproof.readings.symmetry import Symmetry
from layerproof.readings.unfinished import Unfinished

_FIRST_TABLE = 1 << 12
_FIRST_ROUND, _LONGEST_ROUND = 256, 1 << 16
"""States that are expanded between two looks at the clock, at first and at most."""
_SENT = 1 << 16
"""States that one part can send another between two exchanges, at least."""


_NORESERVE = 0x4000  # Linux's MAP_NORESERVE, which Python names from 3.13 on
_HUGE = 1 << 22


_SMALL = "firsts", "counts", "premises", "found"


class Array:
    """Memory that is zero at first and taken only where it is written to."""

    def __init__(self, size: int) -> None:
        """Reserve some bytes."""
        self._map = mmap.mmap(-1, max(size, 1), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)
        if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            self._map.madvise(mmap.MADV_HUGEPAGE)
        self.size = size
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def clear(self, size: int | None = None) -> None:
        """Make the first bytes zero, or all."""
        ctypes.memset(self.address, 0, self.size if size is None else size)

    def numbers(self, count: int, width: Any = ctypes.c_int64) -> Any:
        """The first bytes as numbers."""
        return (width * count).from_address(self.address)


class Part:
    """One part of a search: a context and the arrays that it points to."""

    def __init__(self, packing: Packing, moves: Moves, room: int, number: int, parts: int) -> None:
        """Reserve what it needs for so many states."""
        slots = len(packing.places)
        self._words = packing.words
        self._fields = Array(8 * len(FIELDS))
        self.context = self._fields.address
        self._values = self._fields.numbers(len(FIELDS))
        self._arrays = {
            "states": Array(8 * packing.words * room), "parents": Array(4 * room),
            "table": Array(4 * _FIRST_TABLE),
            "before": Array(4 * slots), "after": Array(4 * slots), "best": Array(8 * packing.words),
            "counts": Array(8 * len(moves.outcomes)), "firsts": Array(16 * len(moves.outcomes)),
            "premises": Array(8 * len(moves.laws)),
            "found": Array(24 * (len(moves.laws) + 1 + len(moves.outcomes))),
            "outbox": Array(8 * (packing.words + 1) * (_SENT + moves.most) * parts if parts > 1 else 0),
            "sent": Array(8 * parts)}
        self["me"], self["parts"] = number, parts
        self["room"] = self["room_left"] = _SENT + moves.most
        self["mask"] = _FIRST_TABLE - 1
        self._point()

    def _point(self) -> None:
        for name, array in self._arrays.items():
            self[name] = array.address

    def __getitem__(self, name: str) -> int:
        """A field."""
        return int(self._values[PLACE[name]])

    def __setitem__(self, name: str, value: int) -> None:
        """Set a field."""
        self._values[PLACE[name]] = value

    def numbers(self, name: str, count: int) -> Any:
        """Numbers of 64 bits of an array."""
        return self._arrays[name].numbers(count)

    def keep(self, name: str, array: Array) -> None:
        """Point to an array that others may have, too."""
        self._arrays[name] = array
        self[name] = array.address

    def begin(self, most: int) -> None:
        """Forget what was found and counted in a search before; so many states are kept at most."""
        self["most"] = most
        self._arrays["table"].clear()
        self._arrays["found"].clear()
        for name in ("firsts", "counts", "premises"):
            self._arrays[name].clear()
        for name in ("count", "head", "stop", "overflow", "full"):
            self[name] = 0

    def larger(self) -> None:
        """Take a table twice as large, which is still to be filled."""
        size = 2 * self._arrays["table"].size
        self.keep("table", Array(size))
        self["mask"] = size // 4 - 1

    def small(self) -> dict[str, Any]:
        """A copy of all but the states."""
        return {name: self[name] for name in ("count", "head")} | {
            name: ctypes.string_at(self[name], self._arrays[name].size) for name in _SMALL}

    def back(self, before: Mapping[str, Any]) -> None:
        """Be as it was; its table holds states that are not there any more."""
        self["count"], self["head"] = before["count"], before["head"]
        for name in _SMALL:
            ctypes.memmove(self[name], before[name], len(before[name]))

    def kept(self) -> dict[str, tuple[int, int]]:
        """The arrays that make a search, but for the table: where they begin and how many bytes they are."""
        large = {"states": 8 * self._words * self["count"], "parents": 4 * self["count"]}
        small = {name: self._arrays[name].size for name in _SMALL}
        return {name: (self[name], size) for name, size in (large | small).items()}

    def resume(self, numbers: Mapping[str, int], arrays: Mapping[str, bytearray]) -> None:
        """Have the states of another search; the table is still to be filled."""
        self["count"], self["head"] = numbers["count"], numbers["head"]
        for name, data in arrays.items():
            ctypes.memmove(self[name], bytes(data), len(data))

    def words(self, place: int) -> tuple[int, ...]:
        """The words of a state."""
        start = self["states"] + 8 * self._words * place
        return tuple((ctypes.c_uint64 * self._words).from_address(start))

    def parent(self, place: int) -> int:
        """What a state was found from."""
        return int(ctypes.c_uint32.from_address(self["parents"] + 4 * place).value)

    @property
    def taken(self) -> int:
        """Bytes that its states take."""
        return (8 * self._words + 4) * self["count"] + self._arrays["table"].size


@dataclass(frozen=True)
class Broken:
    """The first time that a law failed, or one of those that are asked together, or that an outcome was had.

    Attributes:
        state: from which; ``outcome``: by number; ``code``: the arguments as one number.
    """

    law: str | None
    state: int
    outcome: int
    code: int


class Search:
    """Searches over one machine's moves. A state is named by its place times the parts, plus the part.

    Attributes:
        depth: of the states that were found last.
    """

    def __init__(self, packing: Packing, moves: Moves, code: Compiled, room: int, parts: int = 1) -> None:
        """Reserve the memory for so many states; it is taken where they are found."""
        self.packing, self._moves = packing, moves
        self._code = code  # its functions are there as long as it is
        self.parts = [Part(packing, moves, room, n, parts) for n in range(parts)]
        contexts = Array(8 * parts)
        for number, part in enumerate(self.parts):
            contexts.numbers(parts)[number] = part.context
            part.keep("contexts", contexts)
        pointer, number_ = ctypes.c_void_p, ctypes.c_int64
        self._expand = code.function("expand", number_, pointer, number_, number_)
        self._owner = code.function("owner", number_, pointer, number_)
        self._accept = code.function("accept", None, pointer, pointer, number_)
        self._rehash = code.function("rehash", None, pointer)
        self._orbits = code.function("orbits", number_, pointer)
        self._reach = code.function("reach", None, pointer)
        self._pool = ThreadPoolExecutor(parts) if parts > 1 else None
        self.depth, self.stop_at_first, self._root, self._most = 0, False, 0, room
        self._round_of, self._ends = _FIRST_ROUND, list[int]()
        self._before: list[dict[str, Any]] | None = None

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown()

    @property
    def states(self) -> int:
        """How many states were found."""
        return sum(part["count"] for part in self.parts)

    @property
    def waiting(self) -> int:
        """How many of them are still to be expanded."""
        return sum(part["count"] - part["head"] for part in self.parts)

    @property
    def memory(self) -> int:
        """Bytes that they take."""
        return sum(part.taken for part in self.parts)

    @property
    def overflow(self) -> bool:
        """Whether an integer took more bits than it was given: what was found is not so."""
        return any(part["overflow"] for part in self.parts)

    @property
    def full(self) -> bool:
        """Whether there are more states than were to be found."""
        return any(part["full"] for part in self.parts) or self.states > self._most

    def run(
        self, start: Vector, rigid: Vector, traits: Vector, most: int, look: Callable[[], bool],
        symmetry: Symmetry | None = None, unfinished: Unfinished | None = None,
    ) -> None:
        """Find all states that can be reached from one, or so many (some more where there are parts).

        Args:
            look: is called now and then, and ends the search if it says so.
            symmetry: of states that are alike by it only the least is kept.
            unfinished: another search for the same, to go on with.
        """
        self._most = most
        alike, tables = (0, (b"", b"")) if symmetry is None else (len(symmetry.group) - 1, symmetry.tables())
        for part in self.parts:
            part.begin(most)
            part["symmetries"] = alike
            for name, table in zip(("moved", "values"), tables, strict=True):
                part.keep(name, _filled(table))
            part["stop_at_first"] = self.stop_at_first
            part.keep("rigid", _integers(rigid))
            part.keep("traits", _integers(traits))
        if unfinished is None:
            self._begin(start)
        else:
            self._resume(unfinished)
        while True:
            ended = self._level(self._ends, look)
            found = [part["count"] for part in self.parts]
            if ended:
                return
            self.depth += found != self._ends
            if found == self._ends:
                return
            self._ends = found

    def _begin(self, start: Vector) -> None:
        """Find the first state."""
        first = Array(8 * (self.packing.words + 1))
        for n, word in enumerate(self.packing.pack(start)):
            first.numbers(self.packing.words + 1, ctypes.c_uint64)[n] = word
        self._root = self._owner(first.address, len(self.parts))
        self._accept(self.parts[self._root].context, first.address, 1)
        self.depth, self._round_of = 0, _FIRST_ROUND
        self._ends = [part["count"] for part in self.parts]

    def unfinished(self) -> Unfinished:
        """What there is of a search that was ended, as it was before its last round; it cannot go on itself."""
        self.close()  # no thread is to write any more
        if self._before is not None:
            for part, before in zip(self.parts, self._before, strict=True):
                part.back(before)
        kept = Unfinished({"depth": self.depth, "root": self._root, "ends": self._ends, "parts": []}, {})
        for number, part in enumerate(self.parts):
            kept.search["parts"].append({name: part[name] for name in ("count", "head")})
            kept.blobs |= {f"{name} {number}": blob for name, blob in part.kept().items()}
        return kept

    def _resume(self, kept: Unfinished) -> None:
        """Go on with another search."""
        self.depth, self._root, self._ends = kept.search["depth"], kept.search["root"], kept.search["ends"]
        for number, (part, numbers) in enumerate(zip(self.parts, kept.search["parts"], strict=True)):
            part.resume(numbers, {name: kept.read.pop(f"{name} {number}") for name in part.kept()})
            while not self._has_room(part, self._moves.most):
                part.larger()
            self._rehash(part.context)

    def _level(self, ends: list[int], look: Callable[[], bool]) -> bool:
        """Expand all states before some places; whether the search ends there."""
        while any(part["head"] < end for part, end in zip(self.parts, ends, strict=True)):
            self._before = [part.small() for part in self.parts]
            self._round([min(end, part["head"] + self._round_of)
                         for part, end in zip(self.parts, ends, strict=True)])
            self._round_of = min(2 * self._round_of, _LONGEST_ROUND)
            if look() or self.full or any(part[why] for part in self.parts for why in ("stop", "overflow")):
                return True
        return False

    def _round(self, to: list[int]) -> None:
        """Expand the states before some places."""
        most = self._moves.most
        waiting = [n for n, part in enumerate(self.parts) if part["head"] < to[n]]
        while waiting:
            codes = self._all([(self._expand, self.parts[n].context, to[n], most) for n in waiting])
            for number, code in zip(list(waiting), codes, strict=True):
                if code == 1:
                    self.parts[number].larger()
                    self._rehash(self.parts[number].context)
                elif code == 0:
                    waiting.remove(number)
            self._exchange()

    def _all(self, calls: Sequence[tuple[Any, ...]]) -> list[int]:
        if self._pool is None or len(calls) == 1:
            return [call(*arguments) for call, *arguments in calls]
        return [f.result() for f in [self._pool.submit(call, *arguments) for call, *arguments in calls]]

    def _exchange(self) -> None:
        """Give every part the states that others found for it."""
        if len(self.parts) == 1:
            return
        wide = 8 * (self.packing.words + 1)
        for part in self.parts:
            for number, other in enumerate(self.parts):
                sent = part.numbers("sent", len(self.parts))[number]
                if sent:
                    self._fits(other, sent)
                    self._accept(other.context, part["outbox"] + number * part["room"] * wide, sent)
                    part.numbers("sent", len(self.parts))[number] = 0
            part["room_left"] = part["room"]

    def _fits(self, part: Part, more: int) -> None:
        while not self._has_room(part, more):
            part.larger()
            self._rehash(part.context)

    def _has_room(self, part: Part, more: int) -> bool:
        return 4 * (part["count"] + more) < 3 * part["mask"]

    def stuck(self) -> int:
        """How many states there are from which the first can no longer be reached."""
        for part in self.parts:
            part.keep("good", Array(part["count"]))
            part["changed"] = 0
        ctypes.memset(self.parts[self._root]["good"], 1, 1)
        reached, before = 1, 0
        while reached != before:
            before = reached
            self._all([(self._reach, part.context) for part in self.parts])
            reached = 1 + sum(part["changed"] for part in self.parts)
        return self.states - reached

    def stands_for(self) -> int:
        """How many states those that were found stand for: with each all that are like it."""
        return sum(self._all([(self._orbits, part.context) for part in self.parts]))

    def counts(self) -> list[int]:
        """How often each outcome was had."""
        return _sums([part.numbers("counts", len(self._moves.outcomes)) for part in self.parts])

    def premises(self) -> dict[str, int]:
        """How often each law's premise held."""
        laws = self._moves.laws
        return dict(zip(laws, _sums([part.numbers("premises", len(laws)) for part in self.parts]), strict=True))

    def broken(self) -> list[Broken]:
        """What failed in this search, each where it failed first: laws, and those that are asked together."""
        found: dict[int, Broken] = {}
        laws = [*self._moves.laws, *(None for _ in range(1 + len(self._moves.outcomes)))]
        for number, part in enumerate(self.parts):
            kept = part.numbers("found", 3 * len(laws))
            for n, law in enumerate(laws):
                place, outcome, code = kept[3 * n: 3 * n + 3]
                if place:
                    one = Broken(law, (place - 1) * len(self.parts) + number, outcome, code)
                    if n not in found or self._length(one) < self._length(found[n]):
                        found[n] = one
        return list(found.values())

    def firsts(self) -> list[Broken | None]:
        """For each outcome where it was had first, if it was."""
        found: list[Broken | None] = [None] * len(self._moves.outcomes)
        for number, part in enumerate(self.parts):
            kept = part.numbers("firsts", 2 * len(found))
            for n, known in enumerate(found):
                if kept[2 * n]:
                    one = Broken(None, (kept[2 * n] - 1) * len(self.parts) + number, n, kept[2 * n + 1])
                    if known is None or self._length(one) < self._length(known):
                        found[n] = one
        return found

    def _length(self, broken: Broken) -> int:
        return len(self.path(broken.state)) + (broken.outcome >= 0)

    def path(self, state: int) -> list[Vector]:
        """The states on a shortest way to one, the first and it included."""
        ways, parts = [], len(self.parts)
        while True:
            part, place = self.parts[state % parts], state // parts
            ways.append(self.packing.unpack(part.words(place)))
            if place == 0 and state % parts == self._root:
                return ways[::-1]
            state = part.parent(place)


def _filled(data: bytes) -> Array:
    array = Array(len(data))
    ctypes.memmove(array.address, data, len(data))
    return array


def _integers(values: Sequence[int]) -> Array:
    array = Array(4 * len(values))
    numbers = array.numbers(len(values), ctypes.c_int32)
    for n, value in enumerate(values):
        numbers[n] = int(value)
    return array


def _sums(rows: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]
