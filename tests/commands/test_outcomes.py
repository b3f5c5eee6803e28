"""What judging came to is one outcome for each rule and each law, and held is said of what was looked at only."""

from dataclasses import replace

import pytest

from layerproof.commands import outcomes
from layerproof.commands.judged import EXCUSED, FAILED, KNOWN, PASSED, UNKNOWN, Judged
from layerproof.errors import WrongRequest
from layerproof.readings.conform import conform
from layerproof.testing import asked
from layerproof.testing.asked import Asked
from readings.test_known import FORGETS
from toy.lock import SUBJECT, Forgetful, Lock

RIGHT = Judged("lock", "1.0", (), (), ())
EVERY_REFUSAL = tuple(f"{rule.name} refused {refusal}" for rule in SUBJECT.machine.rules for refusal in rule.refused)


def told(judged, strict=False):
    return {one.name: one for one in outcomes.told(judged, SUBJECT, strict)}


def short(one):
    """What it comes to; of what is excused whether it is known."""
    return {FAILED: "failed", UNKNOWN: "not judged", PASSED: "held",
            EXCUSED: "known" if one.state == KNOWN else "not applicable"}[one.comes_to]


def states(judged, *names):
    found = told(judged)
    return [short(found[name]) for name in names]


def found(engine, **options):
    result = conform(SUBJECT, engine, operations=300, **options)
    return replace(RIGHT, findings=result.findings)


def test_there_is_one_of_each():
    names = [rule.name for rule in SUBJECT.machine.rules] + [law.id for law in SUBJECT.catalogue.laws]
    assert ["begins-empty", "complete", *names] == list(told(RIGHT))
    assert {"held"} == {short(one) for one in told(RIGHT).values()}


def test_nothing_holds_of_a_run_that_ended_early():
    assert {("not judged", "incomplete", "no time")} == {
        (short(one), one.state, one.why) for name, one in told(replace(RIGHT, incomplete="no time")).items()
        if not name.startswith("LOCK-5")}
    assert "not judged" == short(told(replace(RIGHT, incomplete="no time"))["LOCK-5"])


def test_what_was_found_is_told_though_the_run_ended_early():
    judged = replace(found(Forgetful()), incomplete="no time")
    assert ["failed", "failed", "not judged"] == states(judged, "LOCK-3", "release", "read")


def test_what_is_known_is_not_all_that_is_known_of_a_run_that_ended_early():
    known = found(Forgetful(), deviations=[FORGETS])
    assert ["known", "known", "known", "held"] == states(known, "LOCK-3", "release", "LOCK-5", "LOCK-1")
    assert ["not judged", "not judged"] == states(replace(known, incomplete="no time"), "LOCK-3", "release")


@pytest.mark.parametrize(("never", "not_judged"), [
    (("read refused busy",), {"read"}),
    (("write",), {"write", "LOCK-5"}),
    (EVERY_REFUSAL, {"read", "write", "release", "LOCK-4", "LOCK-5"}),
    (EVERY_REFUSAL[1:], {"read", "write", "release", "LOCK-5"}),
])
def test_a_law_is_put_to_the_test_by_one_of_its_steps(never, not_judged):
    judged = told(replace(RIGHT, never=never))
    assert not_judged == {name for name, one in judged.items() if short(one) == "not judged"}
    assert {"never reached"} == {judged[name].state for name in not_judged}


@pytest.mark.parametrize("where", ["beyond", "nowhere"])
def test_what_cannot_be_is_not_applicable(where):
    assert ["not applicable", "held", "held"] == states(
        replace(RIGHT, **{where: EVERY_REFUSAL}), "LOCK-4", "LOCK-1", "read")
    # None of those that can be was reached.
    assert ["not judged"] == states(replace(RIGHT, **{where: EVERY_REFUSAL[1:]}, never=EVERY_REFUSAL[:1]), "LOCK-4")


def test_a_rule_that_is_not_there_is_not_applicable_nor_are_its_refusals():
    lacks = replace(RIGHT, not_applicable=["read", "write", "release"])
    assert {"begins-empty", "complete"} == {name for name, one in told(lacks).items() if short(one) != "not applicable"}
    assert "the engine cannot express read refused held; " in told(lacks)["LOCK-4"].why


# What pytest asks.


def test_an_engine_with_many_findings_was_not_judged_to_the_end(monkeypatch):
    monkeypatch.setattr(asked, "_MOST", 1)
    judged = {one.name: one for one, _ in Asked(SUBJECT, 300).outcomes(Forgetful())}
    assert "not judged" == short(judged["LOCK-1"])
    assert judged["LOCK-1"].why.endswith("it ended after 1 different finding")
    assert "failed" == short(judged["LOCK-3"])


@pytest.mark.parametrize("exhaust", [False, True])
def test_an_error_leaves_what_was_found_by_then(monkeypatch, exhaust):
    name = "exhaust" if exhaust else "conform"
    real = getattr(asked, name)

    def breaks_off(*arguments, **options):
        error = WrongRequest("nothing more can be done")
        error.so_far = real(*arguments, **options)
        raise error

    monkeypatch.setattr(asked, name, breaks_off)
    judged = {one.name: one for one, _ in Asked(SUBJECT, exhaust=exhaust).outcomes(Forgetful())}
    assert "failed" == short(judged["LOCK-3"])
    assert ("not judged", "nothing more can be done") == (short(judged["LOCK-1"]), judged["LOCK-1"].why)


def test_what_an_engine_is_held_to_is_what_is_asked():
    assert "held" == told_by(Asked(SUBJECT, 300), Lock())["write"]
    assert "failed" == told_by(Asked(SUBJECT, 300, dialect="upgrading"), Lock())["write"]
    assert "failed" == told_by(Asked(SUBJECT, 300, traits={"upgrades": True}), Lock())["write"]


def told_by(what, engine):
    return {one.name: short(one) for one, _ in what.outcomes(engine)}


def test_an_engine_that_does_not_say_its_dialect_cannot_be_judged():
    class Silent(Lock):
        @property
        def dialect(self):
            raise OSError("no answer")

    for traits in (None, {"upgrades": True}):
        with pytest.raises(WrongRequest, match="no answer"):
            Asked(SUBJECT, 300, traits=traits).outcomes(Silent())
