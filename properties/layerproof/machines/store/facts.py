"""What can be seen of an engine where it differs: each thing with the value that it is to have, for a script.

A script that shows a finding asks for these by the engine's own commands, and says whether they are so.
"""

from __future__ import annotations

from collections.abc import Iterator

from layermodel.language.ground import Outcome, Vector
from layermodel.store.words import STATUS
from layerproof.machines.store.engine import Fact
from layerproof.machines.store.observed import Translation
from layerproof.machines.store.payload import Caller
from layerproof.subject import Answer

_OF_IMAGES = ("image", "size", "made_from", "names")
_OF_CONTAINERS = ("container", "image_of", "status", "called", "upper", "size_rw")


class Facts:
    """What is expected after the last operation of a run, as far as it is otherwise there.

    Args:
        expected: the state that is expected.
        figures: what is expected of the figures that are no part of it.
    """

    def __init__(
        self, caller: Caller, expected: Vector, seen: Translation, figures: dict[tuple[str, int], int],
    ) -> None:
        """Take what was seen, too."""
        self._caller, self._expected, self._seen, self._figures = caller, expected, seen, figures
        self._layout = caller.reference.ground.layout

    def of(self, outcome: Outcome, answer: Answer) -> tuple[Fact, ...]:
        """All that differs: the answer first, then what is there."""
        return (*_answer(outcome, answer), *self._images(), *self._containers(), *self._rest())

    def _value(self, symbol: str, *arguments: int) -> int:
        return int(self._expected[self._layout.index(symbol, *arguments)])

    def _differing(self, symbol: str) -> Iterator[tuple[int, ...]]:
        """The arguments at which a symbol's value is not as expected."""
        for arguments in self._layout.tuples(self._layout.machine.symbol(symbol)):
            place = self._layout.index(symbol, *arguments)
            if self._expected[place] != self._seen.state[place]:
                yield arguments

    def _objects(self, kind: str, symbols: tuple[str, ...]) -> Iterator[tuple[int, str, dict[str, None]]]:
        """The objects of a kind of which something differs, what they are called, and the symbols that differ."""
        found: dict[int, dict[str, None]] = {}
        for symbol in symbols:
            for arguments in self._differing(symbol):
                element = arguments[-1] if symbol == "names" else arguments[0]
                found.setdefault(element, {})[symbol] = None
        for element, differing in sorted(found.items()):
            yield element, self._caller.called(kind, element), differing

    def _images(self) -> Iterator[Fact]:
        for image, name, differing in self._objects("image", _OF_IMAGES):
            there = bool(self._value("image", image))
            if "image" in differing:
                yield Fact(name, "there", there)
            elif there:
                if "names" in differing:
                    yield Fact(name, "references", self._references(image))
                if "made_from" in differing:
                    yield Fact(name, "parent", self._parent(image))
                if "size" in differing:
                    yield Fact(name, "size", self._value("size", image))

    def _references(self, image: int) -> frozenset[str]:
        reference = self._caller.reference
        return frozenset(self._caller.reference_text(r) for r in reference.choices("Reference")
                         if self._value("names", r, image))

    def _parent(self, image: int) -> str:
        """What the nearest of the images is called that it was made from; empty if there is none."""
        images = self._caller.reference.choices("Image")
        above = [m for m in images if self._value("made_from", image, m)]
        nearest = next((m for m in above if not any(
            self._value("made_from", k, m) for k in above if k != m)), None)
        return "" if nearest is None else self._caller.called("image", nearest)

    def _containers(self) -> Iterator[Fact]:
        for container, name, differing in self._objects("container", _OF_CONTAINERS):
            there = bool(self._value("container", container))
            if "container" in differing:
                yield Fact(name, "there", there)
            elif there:
                yield from (self._of_container(container, name, symbol) for symbol in differing)

    def _of_container(self, container: int, name: str, symbol: str) -> Fact:
        if symbol == "called":
            names = (n for n in self._caller.reference.choices("Name") if self._value("called", container, n))
            return Fact(name, "name", next((f"name-{n}" for n in names), ""))
        value = self._value(symbol, container)
        if symbol == "image_of":
            return Fact(name, "image", self._caller.called("image", value))
        if symbol == "upper":
            return Fact(name, "files", self._caller.files(value))
        return Fact(name, symbol, STATUS.values[value] if symbol == "status" else value)

    def _rest(self) -> Iterator[Fact]:
        """Figures, and, where something is there that nobody made or that is listed twice, the lists."""
        for (what, element), wanted in self._figures.items():
            if self._seen.figures.get((what, element), wanted) != wanted:
                kind, field = ("image", "shared") if what == "shared size" else ("container", "size_root_fs")
                yield Fact(self._caller.called(kind, element), field, wanted)
        if any(self._differing("usage")):
            yield Fact("", "usage", self._value("usage"))
        if self._seen.strange:
            for kind, sort in (("image", "Image"), ("container", "Container")):
                there = (e for e in self._caller.reference.choices(sort) if self._value(kind, e))
                yield Fact("", f"{kind}s", frozenset(self._caller.called(kind, e) for e in there))


def _answer(outcome: Outcome, answer: Answer) -> Iterator[Fact]:
    if (outcome.refusal is None) != (answer.refusal is None):
        yield Fact("", "refusal", outcome.refusal or "")
    elif outcome.refusal != answer.refusal:
        yield Fact("", "why", outcome.refusal)
    elif outcome.refusal is None and outcome.reclaimed != answer.reclaimed and outcome.reclaimed is not None:
        yield Fact("", "reclaimed", outcome.reclaimed)
