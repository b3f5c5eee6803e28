"""A known deviation excuses what it says, and nothing beside it."""

from dataclasses import replace

import pytest
from z3 import And, BoolVal, Implies, Not

from layermodel.language.rules import forall
from layerproof import Deviation, conform
from layerproof.errors import WrongRequest
from layerproof.laws.law import Kind, Law
from layerproof.laws.mutant import sets
from layerproof.readings.conform import conform_to
from layerproof.runs.finding import Apart
from layerproof.runs.trace import Event, Settled, Trace
from toy.lock import LOCK, SUBJECT, Forgetful

FORGETS = Deviation(
    "forgets", "forgetful", ">=1,<2", ("LOCK-3",), "Who releases releases all.", "measured", rules=("release",),
    change=sets("reading", lambda right, s, a: lambda p: BoolVal(False)))


def judged(engine, *deviations, **options):
    result = conform(SUBJECT, engine, operations=1000, deviations=deviations, **options)
    return [(f.rule, f.known and f.known.key) for f in result.findings], result


def test_what_is_known_is_known_and_the_run_goes_on():
    found, result = judged(Forgetful(), FORGETS)
    assert [("release", "forgets")] == found
    assert ([], "LOCK-3") == (result.never, *result.findings[0].laws)
    release = SUBJECT.machine.rule_by_name["release"]
    trace = Trace("lock", "strict", SUBJECT.dialect("strict"), Settled({"Process": 3}, {}), (
        Event("read", (0,), None), Event("read", (1,), None), Event(release.name, (0,), None), Event("write", (2,), None)))
    passed = conform_to(SUBJECT, trace, Forgetful(), deviations=[FORGETS])
    assert (4, 0, ["forgets"]) == (passed.statistics.steps, passed.not_done, [f.known.key for f in passed.findings])


class Swaps(Forgetful):
    """It does more than is known of it."""

    def release(self, process):
        others = self.readers - {process}
        super().release(process)
        if len(others) > 1:
            self.writer = min(others)


class KeepsOne(Forgetful):
    """It does less: one that is known to leave none leaves one."""

    def release(self, process):
        others = self.readers - {process}
        super().release(process)
        self.readers = set(sorted(others)[1:])


@pytest.mark.parametrize("engine", [Swaps, KeepsOne])
def test_what_is_done_beside_it_is_a_finding(engine):
    found, _ = judged(engine(), FORGETS)
    assert ("release", None) in found


@pytest.mark.parametrize("other", [
    replace(FORGETS, versions=">=2"), replace(FORGETS, laws=("LOCK-1",)), replace(FORGETS, rules=("read",)),
    replace(FORGETS, engine="lock"), replace(FORGETS, option="fast")])
def test_what_is_known_of_other_versions_laws_operations_and_engines_excuses_nothing(other):
    assert [("release", None)] == judged(Forgetful(), other)[0]


ONE_STAYS = Law("one-stays", "x", Kind.STEP, "Of those that read one may stay.", (), lambda t: BoolVal(True), lambda t: {
    "none is new": forall(LOCK.sorts[0], lambda p: Implies(t.after.reading(p), t.before.reading(p))),
    "one": forall([LOCK.sorts[0], LOCK.sorts[0]], lambda p, q: Implies(
        And(t.after.reading(p), t.after.reading(q)), p == q))}, ("measured",), rules=("release",))


class KeepsAny(Forgetful):
    """Of those that read one stays, now this, now that."""

    def release(self, process):
        others = self.readers - {process}
        super().release(process)
        self.readers = {sorted(others)[-1]} if others else set()


def test_a_choice_that_an_engine_has_is_a_law():
    choice = replace(FORGETS, change=None, apart=Apart(("reading",), ONE_STAYS))
    assert [("release", "forgets")] == judged(KeepsAny(), choice)[0]
    none = replace(ONE_STAYS, conclusions=lambda t: {"none": forall(LOCK.sorts[0], lambda p: Not(t.after.reading(p)))})
    assert [("release", None)] == judged(KeepsAny(), replace(choice, apart=Apart(("reading",), none)))[0]
    assert ("release", None) in judged(Swaps(), choice)[0]


def test_one_that_says_nothing_of_what_is_done_would_excuse_anything():
    with pytest.raises(WrongRequest, match="the deviation forgets is to say what is done instead of which rules"):
        replace(FORGETS, change=None)
    with pytest.raises(WrongRequest, match="is to say"):
        replace(FORGETS, rules=())
    with pytest.raises(WrongRequest, match="is to say"):
        replace(FORGETS, shows=lambda rule, difference: True)
