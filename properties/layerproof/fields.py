"""What an engine answers in JSON, taken apart: a field that is not there, or not what it is to be, is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from layerproof.errors import Unintelligible


class Fields:
    """A JSON object of an answer, of which fields are asked by name and kind.

    Each raises :class:`~layerproof.errors.Unintelligible` if the field is not of that kind.
    """

    def __init__(self, value: Any, what: str, nulls: bool = False) -> None:
        """Take an answer, or a part of one.

        Args:
            what: the answer in words, for what is said if it is not as it should be.
            nulls: null is an empty list, as programs in Go write it.

        Raises:
            Unintelligible: if it is no object.
        """
        if not isinstance(value, dict):
            raise Unintelligible(f"{what} is {brief(value)}, not an object")
        self._fields, self._what, self._nulls = value, what, nulls

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return name in self._fields

    def given(self, name: str) -> bool:
        """Whether there is such a field, and it is not null."""
        return self._fields.get(name) is not None

    def optional(self, name: str, get: Callable[[str], Any]) -> Any:
        """What a method says of a field; None if it is not given."""
        return get(name) if self.given(name) else None

    def text(self, name: str) -> str:
        """A string."""
        return str(self._of(name, str, "a string"))

    def with_text(self, name: str, text: str) -> Fields:
        """The same with another string as one of its fields."""
        return Fields({**self._fields, name: text}, self._what, self._nulls)

    def number(self, name: str) -> int:
        """A whole number, such as of bytes."""
        return int(self._of(name, int, "a number"))

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        found = self.listed(name, "a list of strings")
        if not all(isinstance(one, str) for one in found):
            self._not(name, "a list of strings")
        return found

    def fields(self, name: str) -> Fields:
        """An object in this one."""
        return Fields(self._fields.get(name), f"{name} in {self._what}", self._nulls)

    def rows(self, name: str) -> Iterator[Fields]:
        """A list of objects in this one."""
        return rows(self.listed(name), f"{name} in {self._what}", self._nulls)

    def listed(self, name: str, kind: str = "a list") -> list[Any]:
        """A list of whatever it is."""
        if self._nulls and self._fields.get(name) is None:
            return []
        return list(self._of(name, list, kind))

    def _of(self, name: str, kind: type, words: str) -> Any:
        value = self._fields.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            self._not(name, words)
        return value

    def _not(self, name: str, kind: str) -> NoReturn:
        if name not in self._fields:
            raise Unintelligible(f"{self._what} has no {name}, which is to be {kind}")
        raise Unintelligible(f"{self._what} has {brief(self._fields[name])} as {name}, which is to be {kind}")


def rows(value: Any, what: str, nulls: bool = False) -> Iterator[Fields]:
    """The objects of an answer that is a list of them; see :class:`Fields` for the arguments.

    Raises:
        Unintelligible: if it is none.
    """
    if not isinstance(value, list):
        raise Unintelligible(f"{what} is {brief(value)}, not a list")
    for number, row in enumerate(value):
        yield Fields(row, f"row {number} of {what}", nulls)


def brief(value: Any) -> str:
    """The beginning of a value as part of a sentence."""
    return f"{value!r:.120}"
