"""An engine that writes down what it is asked and what it answers, and one that answers the same once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from layerproof.errors import Misbehaved

_NOT_PLAYED = frozenset({"script", "log", "revive"})
"""What engines may have beside their operations, and what a finding is told with."""


@dataclass
class Recording:
    """What an engine was asked, and what it answered.

    Attributes:
        calls: each with the method's name, what it was given, by place and by name, whether it failed, and what it
            returned or raised.
    """

    calls: list[tuple[str, tuple[tuple[Any, ...], dict[str, Any]], bool, Any]] = field(default_factory=list)


class Recorded:
    """An engine of which all is written down that is asked of it."""

    def __init__(self, engine: Any, recording: Recording) -> None:
        """Ask this engine."""
        self._engine, self._recording = engine, recording

    def __getattr__(self, name: str) -> Any:
        """What the engine has; of its methods such as write down what they are given and give."""
        there = getattr(self._engine, name)
        return there if name in _NOT_PLAYED or not callable(there) else self._written(name, there)

    def _written(self, name: str, there: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(there)  # what it takes is looked at
        def called(*given: Any, **named: Any) -> Any:
            try:
                answer = there(*given, **named)
            except Exception as error:
                self._recording.calls.append((name, (given, named), True, error))
                raise
            self._recording.calls.append((name, (given, named), False, answer))
            return answer

        return called


class Diverged(Misbehaved):
    """Something else is asked than what was recorded: what the engine would have answered is not known."""

    kind = "diverged"


class Played:
    """An engine that answers what another one did, as long as the same is asked in the same order."""

    def __init__(self, engine: Any, recording: Recording) -> None:
        """Be like this engine in all but its methods."""
        self._engine, self._coming = engine, iter(recording.calls)

    def __getattr__(self, name: str) -> Any:
        """What the engine has; of its methods such as answer what was recorded."""
        if name in _NOT_PLAYED:
            raise AttributeError(name)
        there = getattr(self._engine, name)
        return self._again(name, there) if callable(there) else there

    def _again(self, name: str, there: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(there)
        def called(*given: Any, **named: Any) -> Any:
            asked = next(self._coming, None)
            if asked is None or asked[:2] != (name, (given, named)):
                raise Diverged(f"{name} was not asked then")
            _, _, failed, answer = asked
            if failed:
                raise answer
            return answer

        return called
