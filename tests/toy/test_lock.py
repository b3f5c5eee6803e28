"""A machine that is nobody's but its own goes through every reading, every report and every command."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof import (
    WrongRequest,
    conform,
    conformance_text,
    drive,
    explore,
    kill_matrix,
    profile,
    proof_text,
    prove,
    replay,
    replay_on,
    trace_of,
    trace_text,
)
from layerproof.cli import main
from layerproof.mutants.runs import kill_by_conform
from toy.lock import LAWS, MUTANTS, SUBJECT, Forgetful, Lock, Upgrading
from toy.pins import SUBJECT as PINS
from toy.pins import Cache

FILE = str(Path(__file__).with_name("lock.py"))
LAW_IDS = ["LOCK-1", "LOCK-2", "LOCK-3", "LOCK-4", "LOCK-5"]
NAMES = [m.name for m in MUTANTS]
MINE = ("--machine-file", FILE)


def run(*arguments, columns="80"):
    return CliRunner().invoke(main, list(arguments), env={"COLUMNS": columns})


def said(*arguments, status=0):
    """What a command about the machine prints, which fits in 80 columns and speaks of no other machine."""
    result = run(*arguments, *MINE)
    assert status == result.exit_code, result.output
    if "json" not in arguments:
        assert [] == [line for line in result.output.splitlines() if len(line) > 80 and FILE not in line]
    for word in ("store", "image", "layer", "container", "directory"):
        assert word not in result.output.replace("layerproof", "").replace(FILE, ""), word
    return result.output


RUN = r"  1. read process=process-A\n  2. read process=process-B\n  3. release process=process-[AB]\n$"


def any_two(text):
    """The same of whichever two processes a random run was about: A is the one of them that reads first."""
    first = re.search(r"1\. read process=process-(\d)", text)
    second = re.search(r"2\. read process=process-(\d)", text)
    return text.replace(f"process-{first[1]}", "process-A").replace(f"process-{second[1]}", "process-B")


# In Python.


def test_it_is_proved():
    proof = prove(SUBJECT)
    assert proof.holds
    assert set(LAW_IDS) == {v.law for v in proof.verdicts}
    assert "17 proved, 0 refuted, 0 undecided" in proof_text(proof, SUBJECT)


def test_it_is_explored():
    """Of one dialect: nobody, any set of readers, or one writer; of three processes."""
    found = explore(SUBJECT, dialects=["strict"])
    assert 2 ** 3 + 3 == found.states
    assert (True, 0, {}, "held") == (found.complete, found.stuck, found.findings, found.verdict)
    assert set(LAW_IDS) == {law for law, times in found.premises.items() if times}


@pytest.mark.parametrize("dialect", ["strict", "upgrading"])
def test_it_is_driven(dialect):
    driven = drive(SUBJECT, dialect=dialect, operations=500)
    assert ([], []) == (driven.findings, driven.never)
    assert driven.statistics.refused["write", "held"]


@pytest.mark.parametrize("dialect", ["strict", "upgrading"])
def test_a_sound_engine_passes_in_its_own_dialect_only(dialect):
    """Where the dialects differ is what a reader is answered that would write."""
    answers = [{(f.rule, f.expected, f.observed) for f in conform(SUBJECT, engine, operations=1000, dialect=dialect).findings}
               for engine in (Lock(), Upgrading())]
    strict, upgrading = answers if dialect == "strict" else reversed(answers)
    assert set() == strict
    pairs = ((None, "held"), ("busy", "held")) if dialect == "upgrading" else (("held", None), ("held", "busy"))
    assert set() < upgrading <= {("write", *pair) for pair in pairs}  # which of them is a matter of luck


def test_a_wrong_engine_is_found_out_in_the_fewest_operations():
    engine = Forgetful()
    finding, = conform(SUBJECT, engine, operations=500).findings
    assert (("LOCK-3",), ["read", "read", "release"]) == (finding.laws, [e.rule for e in finding.trace.events])
    other, = {e.arguments[0] for e in finding.trace.events[:2]} - {finding.trace.events[2].arguments[0]}
    assert [f"reading of process-{other}: expected true, observed false"] == [str(d) for d in finding.differences]
    trace = trace_of(SUBJECT, json.loads(trace_text(SUBJECT, finding.trace)))
    assert "held" == replay(SUBJECT, trace).verdict
    assert replay_on(SUBJECT, trace, engine).laws == finding.laws
    assert replay_on(SUBJECT, trace, Lock()) is None
    assert "0 findings, 0 known deviations: held" in conformance_text(conform(SUBJECT, Lock(), operations=99), SUBJECT)


@pytest.mark.parametrize(("engine", "dialect"), [(Lock, "strict"), (Upgrading, "upgrading")])
def test_its_dialect_is_found_out(engine, dialect):
    found = profile(SUBJECT, engine())
    assert ((dialect,), "found", 1) == (found.dialects, found.verdict, len(found.experiments))
    told, = found.experiments
    assert ["read", "write"] == [event.rule for event in told.trace.events]
    assert 2 == found.operations


def test_a_machine_without_traits_has_no_dialect_to_be_found_out():
    with pytest.raises(WrongRequest, match="the machine pins has 0 traits: there is nothing to find out"):
        profile(PINS, Cache())


def test_what_random_operations_do_not_reach_is_reached_by_the_shortest_run():
    few = conform(SUBJECT, Lock(), operations=1)
    assert ([], []) == (few.never, few.findings)
    assert few.statistics.refused["read", "busy"]


def test_every_mutant_is_killed_by_every_reading():
    matrix = kill_matrix(SUBJECT, MUTANTS, ["prove", "explore", "drive"])
    for mutant in MUTANTS:
        assert [mutant.breaks] * 2 == [matrix.cells[mutant.name, r].law for r in ("prove", "explore")]
        assert matrix.cells[mutant.name, "drive"].killed
        kill = kill_by_conform(SUBJECT, mutant, engines=[Lock, Upgrading])
        assert kill is not None
        assert kill.finding.rule in mutant.rules
    assert {m.breaks for m in MUTANTS} == {law.id for law in LAWS.laws}


def test_an_engine_that_can_be_closed_is_closed_after_a_mutant_has_judged_it():
    made = []

    class Closed(Lock):
        closed = False

        def close(self):
            self.closed = True

    def opened():
        made.append(Closed())
        return made[-1]

    assert kill_by_conform(SUBJECT, MUTANTS[-1], engines=[opened]) is not None
    assert made
    assert all(engine.closed for engine in made)


# On the command line.


def test_prove():
    text = said("prove")
    assert text.endswith("17 proved, 0 refuted, 0 undecided, for any number of objects and all traits\n"
                         "free; 12 witnesses that none of it is vacuous\n")
    assert "5 proved, 0 refuted" in said("prove", "--rule", "read")
    assert "1 proved, 0 refuted" in said("prove", "--law", "LOCK-5")
    assert "1 proved, 0 refuted" in said("prove", "--law", "LOCK-1", "--rule", "write")
    wrong = said("prove", "--mutant", "goes-on-reading", status=1)
    assert "write keeps LOCK-2: refuted. LOCK-2: Nobody reads and writes." in wrong
    assert "*  writing(process-0)          true" in wrong
    assert "held" == json.loads(said("prove", "--format", "json"))["verdict"]
    drawn = run("prove", "--mutant", "goes-on-reading", "--dot", *MINE)
    assert 2 == drawn.exit_code
    assert "states of the machine lock are drawn as text only, not for dot" in drawn.output


def test_explore():
    assert said("explore") == (
        "Process=3, in the dialects strict and upgrading\n"
        "22 states, 198 steps, depth 3; from every one the initial state can be reached\nagain\n"
        "every law held in every state and step that was visited\n")
    assert "Process=2, in the dialect strict\n6 states" in said("explore", "--size", "Process=2", "--dialect", "strict")
    assert "6 states" in said("explore", "--size", "Process=2", "--dialect", "strict", "--trait", "upgrades=true")
    data = json.loads(said("explore", "--format", "json"))
    assert ("held", 22, True) == (data["verdict"], data["states"], data["complete"])
    assert "; from every one the initial state" in said("explore", "--universes", "1")
    short = said("explore", "--no-algebra")
    assert "every law held in every state and step that was visited; not put to the test:\nLOCK-5\n" in short
    cut = said("explore", "--states", "20", status=1)
    assert "NOT ALL OF IT: the search ended after 20 states" in cut
    assert "every law held in every state and step that was visited; verdict: incomplete" in cut.replace("\n", " ")


def test_drive_record_and_replay(tmp_path):
    record = str(tmp_path / "trace.json")
    assert "write" in said("drive", "--operations", "200", "--dialect", "strict")
    data = json.loads(said("drive", "--operations", "100", "--format", "json"))
    assert {"strict", "upgrading"} == data.keys()
    wrong = said("drive", "--mutant", "releases-all", "--dialect", "strict", "--record", record, status=1)
    assert "LOCK-3: An operation of one process takes nothing from another. False: it reads" in wrong
    assert re.search(RUN, any_two(wrong))
    held = said("replay", record)
    assert held.endswith("3 operations in the model: every law held\n")
    assert "LOCK" not in held
    assert said("replay", record, "--on", f"{FILE}:Lock").endswith("lock.py:Lock: it did the same\n")
    found = said("replay", record, "--on", f"{FILE}:Forgetful", status=1)
    assert "FINDING: forgetful 1.0 breaks\n  LOCK-3" in found
    assert "violated" == json.loads(
        said("replay", record, "--on", f"{FILE}:Forgetful", "--format", "json", status=1))["verdict"]
    lost = run("replay", record)
    assert (2, "layerproof: the trace is of an unknown machine 'lock'; known: store, union, or give yours by "
            "--machine-file\n") == (lost.exit_code, lost.output)


def test_conform(tmp_path):
    record = str(tmp_path / "trace.json")
    assert said("conform", f"{FILE}:Lock", "--operations", "300").endswith("0 findings, 0 known deviations: held\n")
    found = said("conform", f"{FILE}:Forgetful", "--operations", "300", "--record", record, status=1)
    other = re.search(r"3\. release process=process-([AB])\nthe last one: expected done, observed done\n"
                      r"  reading of process-([AB]): expected true, observed false\n", any_two(found))
    assert other is not None
    assert other[1] != other[2]
    assert found.endswith("1 finding, 0 known deviations: violated\n")
    assert ["read", "read", "release"] == [e["rule"] for e in json.loads(Path(record).read_text())["events"]]
    data = json.loads(said("conform", f"{FILE}:Forgetful", "--operations", "300", "--format", "json", status=1))
    assert [["LOCK-3"]] == [f["laws"] for f in data["findings"]]
    assert "as upgrading" in said("conform", f"{FILE}:Lock", "--operations", "300", "--dialect", "upgrading", status=1)


def test_mutants():
    text = said("mutants", "--reading", "prove", "--reading", "explore", "--mutant", "goes-on-writing")
    assert "LOCK-5 in" in text
    assert text.endswith("1 killed, 0 survived\n")
    data = json.loads(said("mutants", "--format", "json"))
    assert NAMES == [m["name"] for m in data["mutants"]]
    assert [] == data["survived"]
    refused = run("mutants", "--reading", "conform", *MINE)
    assert 2 == refused.exit_code
    assert refused.output.startswith("layerproof: the machine lock has no embedded engine that its mutants could judge")
    assert 1 == len(refused.output.splitlines())


def test_laws_and_rules():
    assert "LOCK-5  To take the lock and to release it is to do nothing." in said("laws")
    assert LAW_IDS == [law["id"] for law in json.loads(said("laws", "--format", "json"))]
    assert "LOCK-1" not in said("laws", "--law", "LOCK-2")
    assert "  refused      held  process writes already; or process reads, where a reader" in said("rules")
    assert ["read", "write", "release"] == [r["name"] for r in json.loads(said("rules", "--format", "json"))]
    assert "release" not in said("rules", "--rule", "read")


def test_check():
    text = said("check")
    assert "prove    17 proved, 0 refuted, 0 undecided: any number of objects, all traits" in text
    assert "mutants  5 killed, 0 survived" in text
    assert "verdict: held" in text
    assert "conform docker" not in text
    assert "Next: `layerproof conform --machine-file" in text
    data = json.loads(said("check", "--format", "json"))
    assert ("held", ["lock"], None) == (data["verdict"], [*data["machines"]], data["machines"]["lock"]["engine"])


@pytest.mark.parametrize("arguments", [
    ("prove", "--law", "LOCK-9"), ("prove", "--rule", "lock"), ("prove", "--mutant", "none"),
    ("explore", "--size", "Layer=2"), ("explore", "--dialect", "docker"), ("explore", "--trait", "force=true"),
    ("conform", "directory"), ("conform", f"{FILE}:Lock", "--dialect", "docker"),
    ("conform", f"{FILE}:Lock", "--options", "x=1"),
])
def test_what_it_does_not_have_is_one_sentence(arguments):
    result = run(*arguments, *MINE)
    assert 2 == result.exit_code
    assert 1 == len(result.output.splitlines())
    assert result.output.startswith("layerproof: ")


def test_what_lists_its_laws_is_said_as_it_was_called():
    assert f"`layerproof laws --machine-file {FILE}` lists them (LOCK-1 … LOCK-5)" in run(
        "prove", "--law", "X", *MINE).output


def test_it_is_found_as_a_module_too():
    """In a process of its own, whose path says where modules are."""
    here = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "layerproof", "explore", "--machine", "lock:SUBJECT", "--size", "Process=1"],
        env={**os.environ, "PYTHONPATH": here}, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert "Process=1, in the dialects strict and upgrading\n6 states" in done.stdout
