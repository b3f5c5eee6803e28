"""An engine that dies, hangs or answers nonsense is found to; what was found before is not lost."""

from random import Random

import pytest

from layerproof import conform
from layerproof.errors import Contradiction, EngineHung, EngineUnreachable, Refused, Unintelligible, WrongRequest
from layerproof.readings.conform import replay_on
from toy.lock import SUBJECT, Forgetful, Lock


class Sick(Lock):
    """When a third reads, it is as its class says, until it is started anew."""

    name, error, well = "sick", EngineUnreachable, True
    revived = 0

    def read(self, process):
        super().read(process)
        if len(self.readers) == 2:
            self.well = False
            raise self.error("nobody answers")

    def reset(self):
        if not self.well:
            raise self.error("nobody answers")
        super().reset()

    def observe(self):
        if not self.well:
            raise self.error("nobody answers")
        return super().observe()

    def revive(self):
        self.revived += 1
        self.well = True

    def log(self):
        return "panic: at the disco\n"


KINDS = {EngineUnreachable: "died", EngineHung: "hung", Unintelligible: "unintelligible answer",
         Contradiction: "contradicts itself"}


@pytest.mark.parametrize("error", KINDS)
def test_what_it_does_is_a_finding_and_the_run_goes_on(error):
    engine = Sick()
    engine.error = error
    result = conform(SUBJECT, engine, operations=1000)
    finding, = result.findings
    assert (KINDS[error], ["read", "read"]) == (finding.kind, [e.rule for e in finding.trace.events])
    assert ("nobody answers", "panic: at the disco\n", (2, 2)) == (finding.detail, finding.log, finding.again)
    assert ([], 0, "") == (result.never, result.not_done, result.ended)
    assert result.statistics.steps >= 1000
    assert engine.revived > 1
    assert replay_on(SUBJECT, finding.trace, engine).signature == finding.signature


class Gone(Sick):
    """It does not come back."""

    name, revive = "gone", None


class ForgetfulAndGone(Gone, Forgetful):
    name = "forgetful"


def test_one_that_does_not_come_back_ends_the_run_with_all_that_was_found():
    result = conform(SUBJECT, Gone(), operations=1000)
    assert (["died"], "nobody answers") == ([f.kind for f in result.findings], result.ended)
    assert result.not_done > 0
    both = conform(SUBJECT, ForgetfulAndGone(), operations=3000)
    assert {"died", "differs"} >= {f.kind for f in both.findings} >= {"died"}


class CannotBeRevived(Sick):
    def revive(self):
        raise OSError("no such daemon")


def test_one_that_cannot_be_started_anew_is_as_good_as_gone():
    result = conform(SUBJECT, CannotBeRevived(), operations=1000)
    assert 1 == len(result.findings)
    assert "the engine sick cannot be started anew: OSError: no such daemon" in result.ended


def test_one_that_is_gone_before_anything_was_done_was_not_judged():
    engine = Gone()
    engine.well = False
    with pytest.raises(EngineUnreachable, match="nobody answers"):
        conform(SUBJECT, engine, operations=100)


class NowAndThen(Lock):
    """Every so often it is out of order, whatever it is asked."""

    name = "flaky"

    def __init__(self):
        self.chance = Random(3)

    def _count(self):
        if self.chance.random() < 0.02:
            self.fail()

    def fail(self):
        raise Refused("unclassified", "500: out of order")

    def read(self, process):
        self._count()
        super().read(process)

    def write(self, process):
        super().write(process)
        self._count()

    def release(self, process):
        self._count()
        super().release(process)


class DiesNowAndThen(NowAndThen):
    def fail(self):
        raise EngineUnreachable("the connection was closed")


class RaisesNowAndThen(NowAndThen):
    def fail(self):
        raise KeyError("lost")


@pytest.mark.parametrize(("engine", "kind", "observed"), [
    (NowAndThen, "differs", "unclassified"), (DiesNowAndThen, "died", "died"),
    (RaisesNowAndThen, "raised", "raised KeyError")])
def test_what_does_not_show_again_is_unstable_and_one_finding(engine, kind, observed):
    result = conform(SUBJECT, engine(), operations=2000)
    finding, = result.findings
    assert (kind, observed, True) == (finding.kind, finding.observed, finding.unstable)
    assert finding.again[0] < finding.again[1] == 3
    assert result.statistics.steps >= 2000
    assert [] == result.never


class CannotBeEmptiedOnce(Forgetful):
    resets = 0

    def reset(self):
        self.resets += 1
        if self.resets == 3:
            raise OSError("busy")
        super().reset()


def test_that_it_cannot_be_emptied_once_loses_nothing():
    result = conform(SUBJECT, CannotBeEmptiedOnce(), operations=1000)
    assert {("", "raised"), ("release", "differs")} == {(f.rule, f.kind) for f in result.findings}
    assert result.findings[0].unstable


class LooksWrong(Lock):
    def observe(self):
        seen = super().observe()
        return {"reading": {"nobody": True}} if seen["writing"][1] else seen


def test_how_often_it_was_tried_again_is_said():
    finding, = conform(SUBJECT, LooksWrong(), operations=600, most=1).findings
    assert ("unintelligible answer", (2, 2), False) == (finding.kind, finding.again, finding.unstable)


class NeverEmptied(Lock):
    def reset(self):
        raise OSError("busy")


def test_one_that_can_never_be_emptied_was_not_judged():
    with pytest.raises(WrongRequest, match="cannot be emptied, or does not say what it shows: OSError: busy"):
        conform(SUBJECT, NeverEmptied(), operations=100)


class Speechless(Lock):
    def write(self, process):
        class Silent(Exception):
            def __str__(self):
                raise RuntimeError

        raise Silent


def test_what_cannot_say_what_is_wrong_is_found_to_all_the_same():
    finding, = conform(SUBJECT, Speechless(), operations=300, most=1).findings
    assert ("raised", "raised Silent") == (finding.kind, finding.observed)
