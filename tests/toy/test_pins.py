"""An engine names what it makes as it likes; what is made twice, lost or leaked is found all the same."""

from dataclasses import replace

import pytest
from z3 import BoolVal

from layermodel import Symbol
from layerproof import WrongRequest, conform, drive, explore, prove
from layerproof.commands.report import finding_text
from layerproof.subject import Finite, Subject
from toy.pins import PIN, PINS, SUBJECT, Cache


class FromZero(Cache):
    """It numbers its pins from zero, and a number that is free again is taken again."""

    def called(self):
        return next(n for n in range(9) if n not in self.pins)


class Backwards(Cache):
    def called(self):
        return next(n for n in (1, 0, 2) if n not in self.pins)


class Objects(Cache):
    def called(self):
        return object()


@pytest.mark.parametrize("engine", [Cache, FromZero, Backwards, Objects])
def test_any_names_will_do(engine):
    result = conform(SUBJECT, engine(), operations=600)
    assert ([], []) == (result.findings, result.never)
    assert result.statistics.done["pin"] > 20
    assert result.statistics.refused["unpin", "no-such-pin"] > 20


def test_all_readings_take_the_machine():
    assert prove(SUBJECT).holds
    assert explore(SUBJECT).verdict == "held"
    assert not (driven := drive(SUBJECT, dialect=next(iter(SUBJECT.dialects)), operations=300)).findings
    assert not driven.never


class OneForAll(Cache):
    """All pins are one."""

    def called(self):
        return "the pin"


class Leaks(Cache):
    """What is evicted leaves a pin that nobody has asked for."""

    def evict(self, key):
        super().evict(key)
        self.pins["leaked"] = 0


class ForgetsOthers(Cache):
    """Unpinning lets all pins of a key go."""

    def unpin(self, pin):
        key = self.pins.get(pin)
        super().unpin(pin)
        self.pins = {p: k for p, k in self.pins.items() if k != key}


class PointsNowhere(Cache):
    def observe(self):
        return {**super().observe(), "of": {p: 1 - k for p, k in self.pins.items()}}


@pytest.mark.parametrize(("engine", "events", "shows"), [
    (OneForAll, ["put", "pin", "pin"], "held of pin-"),
    (Leaks, ["evict"], "held of 'leaked': expected no such object, observed True"),
    (ForgetsOthers, ["put", "pin", "pin", "unpin"], "held of pin-"),
    (PointsNowhere, ["put", "pin"], "of of pin-0: expected key-0, observed key-1"),
])
def test_what_is_wrong_with_what_was_made_is_found(engine, events, shows):
    [finding, *_] = conform(SUBJECT, engine(), operations=600).findings
    assert events == [e.rule for e in finding.trace.events]
    assert any(str(d).startswith(shows) for d in finding.differences)


@pytest.mark.parametrize(("engine", "says"), [
    (Leaks, "FINDING: cache 1 departs from the rule evict, and breaks no law"),
    (ForgetsOthers, "FINDING: cache 1 breaks"),
])
def test_a_finding_says_what_is_broken_or_that_nothing_is(engine, says):
    [finding, *_] = conform(SUBJECT, engine(), operations=600).findings
    assert says == finding_text(finding, SUBJECT).splitlines()[0]


class SaysNothing(Cache):
    def pin(self, key):
        super().pin(key)


class Lists(Cache):
    def pin(self, key):
        if key not in self.keys:
            return super().pin(key)
        return [1]


@pytest.mark.parametrize(("engine", "says"), [
    (SaysNothing, "the method pin of the engine cache returns None, and is to return how the engine calls the new pin"),
    (Lists, "the engine cache calls the new pin [1], which no mapping can have as a key"),
])
def test_an_engine_that_does_not_say_what_it_made_is_told_to(engine, says):
    finding, = conform(SUBJECT, engine(), operations=100, most=1).findings
    assert ("unintelligible answer", says, "pin") == (finding.kind, finding.detail, finding.rule)


class Begins(Cache):
    """A pin is there at first, under its number."""

    def reset(self):
        super().reset()
        self.keys, self.pins = {0, 1}, {0: 0}


def test_what_is_there_at_first_has_its_number():
    first = Symbol("first", (), PIN, "the pin that is there at first", rigid=True)
    begun = replace(PINS, symbols=(*PINS.symbols, first), initial={
        "there": lambda k: BoolVal(True), "held": lambda p: p == first.decl()})
    subject = Subject(begun, SUBJECT.catalogue, finite=Finite(universes=lambda ground: [(0,)]))
    result = conform(subject, Begins(), operations=300)
    assert ([], []) == (result.findings, result.never)
    [finding, *_] = conform(subject, Cache(), operations=300).findings
    assert not finding.trace.events


def test_a_choice_needs_a_way_to_see_it():
    pin = PINS.rule_by_name["pin"]
    chosen = replace(pin, parameters=tuple(replace(p, role="chosen" if p.role == "new" else p.role) for p in pin.parameters))
    with pytest.raises(WrongRequest, match="the rule pin leaves a choice of pin, and how to see what an engine has chosen"):
        conform(Subject(PINS.with_rule(chosen), SUBJECT.catalogue), Cache(), operations=10)
