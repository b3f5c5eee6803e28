"""Another machine that is no store: a cache whose keys can be pinned, by pins that the cache makes and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from z3 import And, BoolVal, If, Not, Or

from layermodel import (
    BOOL,
    MAKES,
    TAKES,
    Clauses,
    Machine,
    New,
    Sort,
    State,
    Symbol,
    Term,
    exists,
    presupposes,
    refuses,
    rule,
    updates,
)
from layerproof import Catalogue, Refused, Subject, state_law, step_law

KEY, PIN = Sort("Key"), Sort("Pin")
Key, Pin = Annotated[Term, KEY], Annotated[Term, PIN]


@rule(MAKES, then="the key is there", source="none")
def put(s: State, key: Key) -> Clauses:
    """Put something under a key."""
    yield updates({"there": lambda k: Or(k == key, s.there(k))})


@rule(MAKES, then="the key is pinned by a new pin", source="none")
def pin(s: State, key: Key, pin: New[Pin]) -> Clauses:
    """Pin a key."""
    yield presupposes(Not(s.held(pin)), "the pin is new")
    yield refuses("no-such-key", Not(s.there(key)), "key is not there")
    yield updates({"held": lambda p: Or(p == pin, s.held(p)), "of": lambda p: If(p == pin, key, s.of(p))})


@rule(TAKES, then="the pin is gone", source="none")
def unpin(s: State, pin: Pin) -> Clauses:
    """Let a pin go."""
    yield refuses("no-such-pin", Not(s.held(pin)), "pin is not held")
    yield updates({"held": lambda p: And(p != pin, s.held(p))})


@rule(TAKES, then="the key is gone", source="none")
def evict(s: State, key: Key) -> Clauses:
    """Take a key out."""
    yield refuses("is-pinned", exists(PIN, lambda p: And(s.held(p), s.of(p) == key)), "a pin holds key")
    yield updates({"there": lambda k: And(k != key, s.there(k))})


PINS = Machine("pins", (KEY, PIN), (
    Symbol("there", (KEY,), BOOL, "it is in the cache"), Symbol("held", (PIN,), BOOL, "it is held"),
    Symbol("of", (PIN,), KEY, "what it pins", of="held")), (), (),
    {"there": lambda k: BoolVal(False), "held": lambda p: BoolVal(False)}, (put, pin, unpin, evict))

SUBJECT = Subject(PINS, Catalogue((
    state_law("PIN-1", "Safety", "What is pinned is there.", (("pin", PIN),), lambda s, p: s.held(p),
              lambda s, p: {"its key is there": s.there(s.of(p))}, ("none",)),
    step_law("PIN-2", "Steps", "A pin that is not named stays.", (("pin", PIN),),
             lambda t, p: And(t.before.held(p), Not(t.named(p, PIN))),
             lambda t, p: {"it is held": t.after.held(p), "of its key": t.after.of(p) == t.before.of(p)}, ("none",)),
)))


class Cache:
    """A cache that names its pins as no other does, and never twice."""

    name, version = "cache", "1"

    def reset(self) -> None:
        """Nothing is in it."""
        self.keys: set[int] = set()
        self.pins: dict[Any, int] = {}
        self.made = 0

    def observe(self) -> Mapping[str, Mapping[Any, Any]]:
        """What is in it, and the pins that are held."""
        return {"there": {k: k in self.keys for k in range(2)}, "held": dict.fromkeys(self.pins, True), "of": self.pins}

    def called(self) -> Any:
        """What the next pin is called."""
        self.made += 1
        return f"pin #{self.made}"

    def put(self, key: int) -> None:
        """Put something under a key."""
        self.keys.add(key)

    def pin(self, key: int) -> Any:
        """Pin a key; returns the pin."""
        if key not in self.keys:
            raise Refused("no-such-key")
        name = self.called()
        self.pins[name] = key
        return name

    def unpin(self, pin: Any) -> None:
        """Let a pin go."""
        if self.pins.pop(pin, None) is None:
            raise Refused("no-such-pin", f"there is no {pin}")

    def evict(self, key: int) -> None:
        """Take a key out."""
        if key in self.pins.values():
            raise Refused("is-pinned")
        self.keys.discard(key)
