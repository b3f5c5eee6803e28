"""What a Docker Engine answers, taken apart: a field that is not there, or not what it is to be, is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from layerproof.errors import Unintelligible


class Fields:
    """A JSON object of an answer, of which fields are asked by name and kind."""

    def __init__(self, value: Any, what: str) -> None:
        """Take an answer, or a part of one.

        Args:
            what: the answer in words, for what is said if it is not as it should be.

        Raises:
            Unintelligible: if it is no object.
        """
        if not isinstance(value, dict):
            raise Unintelligible(f"{what} is {value!r:.80}, not an object")
        self._fields, self._what = value, what

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return name in self._fields

    def given(self, name: str) -> bool:
        """Whether there is such a field, and it is not null."""
        return self._fields.get(name) is not None

    def text(self, name: str) -> str:
        """A string."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            self._not(name, "a string")
        return value

    def number(self, name: str) -> int:
        """A number of bytes; -1 is said where it was not computed."""
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            self._not(name, "a number")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of strings; null is an empty one, as Go writes it."""
        value: Any = self._fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self._not(name, "a list of strings")
        return list(value)

    def fields(self, name: str) -> Fields:
        """An object in this one."""
        return Fields(self._fields.get(name), f"{name} in {self._what}")

    def rows(self, name: str) -> Iterator[Fields]:
        """A list of objects in this one; null is an empty one, as Go writes it."""
        value = self._fields.get(name)
        return iter(()) if value is None else rows(value, f"{name} in {self._what}")

    def _not(self, name: str, kind: str) -> NoReturn:
        if name not in self._fields:
            raise Unintelligible(f"{self._what} has no {name}, which is to be {kind}")
        raise Unintelligible(f"{self._what} has {self._fields[name]!r:.80} as {name}, which is to be {kind}")


def rows(value: Any, what: str) -> Iterator[Fields]:
    """The objects of an answer that is a list of them.

    Raises:
        Unintelligible: if it is none.
    """
    if not isinstance(value, list):
        raise Unintelligible(f"{what} is {value!r:.80}, not a list")
    for number, row in enumerate(value):
        yield Fields(row, f"row {number} of {what}")
