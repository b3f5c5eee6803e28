"""What ``check`` makes of its readings: what is violated, what is incomplete, and what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from click.testing import CliRunner

from layerproof.check import Check, Checks
from layerproof.cli import main
from layerproof.machines.registry import subject
from layerproof.readings.drive import Driven
from layerproof.readings.explore import Exploration
from layerproof.readings.prove.prove import Proof, Verdict
from layerproof.runs.statistics import Statistics

STORE = subject("store")
RULES = STORE.machine.rules
REFUSALS = [(rule.name, refusal) for rule in RULES for refusal in rule.refused]
LAWS = [law.id for law in STORE.catalogue.laws]


def proof(outcome="proved", lemma=True):
    return Proof((Verdict("tag", LAWS[0], None, outcome),), {"lemma": lemma}, (), 1)


def sound(**changed):
    """The results of a machine of which everything was shown."""
    explored = Exploration({}, ("docker",), fired=Counter(r.name for r in RULES), refused=Counter(REFUSALS),
                           premises=Counter(LAWS))
    statistics = Statistics(Counter(r.name for r in RULES), Counter(REFUSALS), Counter(LAWS), 10, 1)
    made = Check(STORE, proof(), [explored] * len(STORE.plan.explored), {"docker": Driven(statistics)}, None,
                 {m.name: m.breaks for m in STORE.mutants()})
    return replace(made, **changed)


def driven(**changed):
    statistics = sound().driven["docker"].statistics
    return {"docker": Driven(replace(statistics, **changed))}


FEWER = Counter(r.name for r in RULES if r.name != "tag")
HALF = Counter(law for law in LAWS if law != LAWS[0])


@pytest.mark.parametrize(("changed", "verdict"), [
    ({}, "held"),
    ({"proof": proof("refuted")}, "violated"),
    ({"proof": proof("undecided")}, "incomplete"),
    ({"proof": proof(lemma=False)}, "incomplete"),
    ({"kills": {"remove-used": None}}, "violated"),
    ({"driven": driven(done=FEWER)}, "held"),  # it was explored
    ({"driven": driven(done=FEWER), "explorations": [
        replace(e, fired=FEWER) for e in sound().explorations]}, "incomplete"),
    ({"driven": driven(premises=HALF)}, "incomplete"),
    ({"explorations": [replace(e, premises=HALF) for e in sound().explorations]}, "incomplete"),
    ({"explorations": [replace(e, stuck=1) for e in sound().explorations]}, "violated"),
])
def test_the_verdict_is_that_of_the_worst(changed, verdict):
    one = sound(**changed)
    assert verdict == one.verdict == one.to_json()["verdict"]
    assert verdict == Checks([sound(), one], 1).verdict


def test_what_no_dialect_has_need_not_be_reached():
    fewer = Counter(pair for pair in REFUSALS if pair != ("rename", "same-name"))
    one = sound(driven=driven(refused=fewer), explorations=[replace(e, refused=fewer) for e in sound().explorations])
    without = {n: {**traits, "same_name_told_apart": False} for n, traits in STORE.dialects.items()}
    assert ["rename refused same-name"] == one.never
    assert [] == replace(one, subject=replace(STORE, dialects=without)).never


@pytest.mark.parametrize(("changed", "says"), [
    ({}, "every rule and refusal was reached"),
    ({"driven": driven(done=FEWER)}, "every rule and refusal was reached (explored, not driven: tag)"),
    ({"driven": driven(done=FEWER), "explorations": [replace(e, fired=FEWER) for e in sound().explorations]},
     "NEVER REACHED: tag")])
def test_the_command_says_what_was_reached(changed, says, monkeypatch):
    one = sound(**changed)
    monkeypatch.setattr("layerproof.check.check", lambda *_: Checks([one], 1))
    done = CliRunner().invoke(main, ["check"])
    assert int(one.verdict != "held") == done.exit_code
    assert f"         {says}" in done.output.splitlines()


def test_one_machine_may_be_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr("layerproof.check.check", lambda subjects, tell: asked.append(
        [s.name for s in subjects]) or Checks([sound()], 1))
    for arguments in ([], ["--machine", "union"]):
        CliRunner().invoke(main, ["check", *arguments])
    assert [["store", "union"], ["union"]] == asked
