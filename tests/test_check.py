"""What ``check`` makes of its readings: what is violated, what is incomplete, and what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from click.testing import CliRunner

import layerproof.checks
from layerproof import checks
from layerproof.checks import Check, Checks, Stage, check
from layerproof.cli import main
from layerproof.commands.check import _progress as told_as
from layerproof.commands.check import _text
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.machines.registry import subject
from layerproof.machines.store.mutants import MUTANTS
from layerproof.readings.drive import Driven
from layerproof.readings.exploration import Exploration
from layerproof.readings.prove.prove import Proof, Task, Verdict
from layerproof.readings.prove.vacuity import Witnesses
from layerproof.runs.statistics import Statistics
from layerproof.subject import Explored, Plan

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
    monkeypatch.setattr("layerproof.checks.check", lambda *_, **__: Checks([one], 1))
    done = CliRunner().invoke(main, ["check"])
    assert int(one.verdict != "held") == done.exit_code
    assert f"         {says}" in done.output.splitlines()


def test_one_machine_may_be_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr("layerproof.checks.check", lambda subjects, tell, **_: asked.append(
        [s.name for s in subjects]) or Checks([sound()], 1))
    for arguments in ([], ["--machine", "union"]):
        CliRunner().invoke(main, ["check", *arguments])
    assert [["store", "union"], ["union"]] == asked


@pytest.fixture
def little():
    """The store, with which ``check`` does little: two laws, two mutants, and few operations."""
    plan = Plan((Explored({"Layer": 1, "Image": 1, "Lease": 1}, ("docker",), algebra=False),), driven=100, judged=800)
    return replace(STORE, catalogue=Catalogue(STORE.catalogue.laws[:2]), mutants=lambda: MUTANTS[:2], plan=plan)


def test_it_tells_how_far_each_reading_is(little):
    told = []
    result = check([little], told.append)
    rules = [rule for rule in RULES for law in little.catalogue.laws if law.about(rule)]
    expected = {"explore": 2, "drive": 100 * len(STORE.dialects), "conform": 800, "mutants": 2,
                "prove": len(rules) + 2, "witness": 4, "lemmas": len(Task(little).lemmas)}
    for stages in told:
        assert expected == {s.reading: s.total for s in stages}
        assert all(0 <= s.done <= s.total for s in stages)
    before = {s.reading: 0 for s in told[0]}
    for stages in told:
        assert all(before[s.reading] <= s.done for s in stages)
        before = {s.reading: s.done for s in stages}
    assert expected == before
    assert any(0 < s.done < s.total for stages in told for s in stages if s.reading == "prove")
    one = result.machines[0]
    assert (expected["prove"], 2, 2) == (len(one.proof.verdicts), one.explorations[0].universes, len(one.kills))


def test_how_far_it_is_leaves_out_what_is_done():
    stages = [Stage("store", "prove", 5, 1297, "laws of rules"), Stage("store", "mutants", 3, 3, "mutants"),
              Stage("union", "drive", 4000, 4000, "operations")]
    assert "store: prove 5 of 1,297 laws of rules\nunion: done" == told_as(stages)


def test_a_reading_that_fails_ends_it_all(little, monkeypatch):
    def fails(*_, **__):
        raise WrongRequest("as it must")

    monkeypatch.setattr("layerproof.checks.killer", fails)
    with pytest.raises(WrongRequest, match="as it must"):
        check([little])


def test_what_was_not_met_by_luck_is_driven_for_again(little, monkeypatch):
    law = little.catalogue.laws[0].id
    asked = []

    def drives(*_, dialect, seed, **__):
        asked.append((dialect, seed))
        met = Counter(x.id for x in little.catalogue.laws if x.id != law or seed == len(STORE.dialects))
        return Driven(Statistics(premises=met, steps=1))

    monkeypatch.setattr("layerproof.checks.drive", drives)
    found = layerproof.checks._driven(layerproof.checks._Asked(little), lambda _: None, 0)
    names = [*STORE.dialects]
    assert [(name, n) for n, name in enumerate([*names, *names])] == asked
    assert dict.fromkeys(names, 2) == {name: one.statistics.steps for name, one in found.items()}
    assert 1 == sum(one.statistics.premises[law] for one in found.values())


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "layerproof"


def test_what_was_computed_is_known_as_long_as_nothing_has_changed(place, monkeypatch):
    """Of a machine as it is shipped; what took too long is asked again, and so is what another version said."""
    one = sound()
    results = {"prove": [[(n, v) for n, v in enumerate(one.proof.verdicts)]], "witness": [Witnesses()],
               "lemmas": [dict(one.proof.lemmas)], "explore": one.explorations, "drive": [one.driven],
               "mutants": [one.kills]}
    asked = []
    monkeypatch.setattr(checks, "_computed", lambda subjects, *_: {
        s.name: asked.append(s.name) or results for s in subjects})
    once = checks.check([STORE]).machines[0]
    again = checks.check([STORE]).machines[0]
    assert (["store"], "", False) == (asked, once.known, "" == again.known)
    assert replace(once, known=again.known) == again
    assert f"changed since {again.known}," in _text(Checks([again], 1)).replace("\n", " ")
    checks.check([STORE], cached=False)
    checks.check([replace(STORE, machine=replace(STORE.machine))])
    assert 3 == len(asked)
    monkeypatch.setattr(checks, "sources", lambda: "another version")
    results["prove"] = [[(0, replace(one.proof.verdicts[0], outcome="timed out"))]]
    for _ in range(2):
        assert "incomplete" == checks.check([STORE]).verdict
    assert 5 == len(asked)


def test_a_damaged_result_is_computed_again(place, monkeypatch):
    checks._keep(sound(), {"prove": []})
    assert checks._kept(STORE) is not None
    for entry in place.iterdir():
        entry.write_bytes(entry.read_bytes()[:-1])
    assert checks._kept(STORE) is None
