"""The kill matrix: what it says of its cells, how it is filled, and what the command makes of it."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from layermodel.union.rules import UNION
from layerproof.cli import main
from layerproof.errors import WrongRequest
from layerproof.machines.store.mutants import MUTANTS
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.laws import UNION_LAWS
from layerproof.mutants.matrix import Cell, KillMatrix, kill_matrix
from layerproof.process.workers import workers

ONE, OTHER = MUTANTS[:2]
LIVES = Cell("", "", 0, False, 0.5)


def by_law(law, length):
    return Cell(law, "", length, False, 1.25)


def matrix(*rows, readings=("prove", "conform")):
    """The first mutants with their cells."""
    chosen = MUTANTS[: len(rows)]
    return KillMatrix(chosen, readings, {
        (m.name, r): cell for m, row in zip(chosen, rows, strict=True) for r, cell in zip(readings, row, strict=True)})


KILLED = matrix((by_law("DEP-1", 1), Cell("", "tag", 3, True, 2)), (LIVES, by_law("OP-2", 2)))
SURVIVED = matrix((by_law("DEP-1", 1), Cell("", "tag", 3, True, 2)), (LIVES, LIVES))
IDLE = matrix((by_law("DEP-1", 1), LIVES), (by_law("OP-2", 2), LIVES))


def test_a_mutant_survives_where_no_reading_kills_it():
    assert [OTHER.name] == KILLED.survivors("prove")
    assert [] == KILLED.survivors("prove", "conform")
    assert [OTHER.name] == SURVIVED.survivors("prove", "conform")
    assert (1.75, 3.25) == (KILLED.seconds("prove"), KILLED.seconds("conform"))


def test_a_survivor_or_a_reading_that_kills_nothing_does_not_hold():
    assert [True, False, False] == [m.holds for m in (KILLED, SURVIVED, IDLE)]
    assert [[], [], ["conform"]] == [m.idle for m in (KILLED, SURVIVED, IDLE)]


def test_a_cell_says_what_was_broken_or_which_operation_differs():
    assert ["DEP-1 in 1", "tag in 3", "-"] == [str(c) for c in (
        by_law("DEP-1", 1), Cell("", "tag", 3, False, 0), LIVES)]


def test_data_has_a_survivor_as_null():
    data = SURVIVED.to_json()
    assert data == json.loads(json.dumps(data))
    first, second = data["mutants"]
    assert {"law": None, "rule": "tag", "length": 3, "guided": True, "seconds": 2} == first["conform"]
    assert (None, OTHER.name, [OTHER.name], []) == (
        second["conform"], second["name"], data["survived"], data["idle"])
    assert {"killed": 1, "survived": 1, "survivors": [OTHER.name], "unseen": {}, "seconds": 2.5} == (
        data["readings"]["conform"])


@pytest.mark.parametrize(("made", "status", "says"), [
    (KILLED, 0, ["2 killed, 0 survived"]),
    (SURVIVED, 1, ["1 killed, 1 survived", f"SURVIVED every reading: {OTHER.name}"]),
    (IDLE, 1, ["2 killed, 0 survived", "conform kills none of these mutants"]),
])
def test_the_command_fails_unless_all_is_killed_and_every_reading_kills(monkeypatch, made, status, says):
    asked = []
    monkeypatch.setattr("layerproof.mutants.matrix.kill_matrix", lambda *a, **named: asked.append((*a, named["jobs"])) or made)
    arguments = ["mutants", "--mutant", OTHER.name, "--mutant", ONE.name, "--reading", "prove", "--jobs", "3"]
    text = CliRunner().invoke(main, arguments)
    data = CliRunner().invoke(main, [*arguments, "--format", "json"])
    assert [(STORE_SUBJECT, [ONE, OTHER], ("prove",), 3)] * 2 == asked
    assert (status, status, says) == (text.exit_code, data.exit_code, text.output.splitlines()[-len(says):])
    assert made.to_json() == json.loads(data.output)


def test_the_command_says_which_kills_the_explorer_guided(monkeypatch):
    monkeypatch.setattr("layerproof.mutants.matrix.kill_matrix", lambda *_, **__: SURVIVED)
    assert f"conform  1 killed (1 by the explorer's run), 1 survived: {OTHER.name}; 2.5 s of work" in (
        CliRunner().invoke(main, ["mutants"]).output.splitlines())


@pytest.mark.parametrize(("mutants", "readings", "says"), [
    ((ONE,), ("prove", "guess"), "unknown reading 'guess'"), ((), ("prove",), "has no mutants"), ((ONE,), (), "without readings"),
])
def test_a_matrix_that_would_say_nothing_is_a_wrong_request(mutants, readings, says):
    with pytest.raises(WrongRequest, match=says):
        kill_matrix(STORE_SUBJECT, mutants, readings)


def test_what_no_embedded_engine_can_show_is_said_with_the_reason():
    """The engine in a folder records parents, as Docker does; a mutant of their inference shows as Podman only."""
    result = CliRunner().invoke(main, ["mutants", "--mutant", "load-infers-nothing", "--mutant", "build-base-not-held",
                                       "--reading", "conform", "--jobs", "1"])
    assert (1, 1) == (result.exit_code, result.output.count("cannot be seen")), result.output
    assert "load-infers-nothing cannot be seen by conform: it breaks no law as docker, only as podman" in result.output
    assert "build-base-not-held" not in result.output.split("conform", 2)[-1]


def test_two_processes_fill_the_matrix_as_one_does():
    told = []
    chosen = [m for m in MUTANTS if m.name in ("write-lost", "load-adds-again")]
    made = [kill_matrix(STORE_SUBJECT, chosen, ("explore", "prove"), jobs=jobs, progress=told.append) for jobs in (1, 2)]
    one, two = ({place: replace(cell, seconds=0) for place, cell in m.cells.items()} for m in made)
    assert one == two
    assert all(cell.killed for cell in one.values())
    assert [("prove", "explore")] * 2 == [m.readings for m in made]
    assert 8 == len(told)
    assert told[3].startswith("4 of 4: ")


def test_the_explorer_kills_a_wrong_union():
    arguments = ["mutants", "--machine", "union", "--reading", "explore", "--mutant", "remount-opaque-root", "--jobs", "1"]
    done = CliRunner().invoke(main, [*arguments, "--format", "json"])
    cell = json.loads(done.stdout)["mutants"][0]
    assert (0, "remount-opaque-root", 1) == (done.exit_code, cell["name"], cell["explore"]["length"])
    assert UNION_LAWS.law(cell["explore"]["law"]).about(UNION.rule_by_name["remount"])
    assert "1 killed, 0 survived" == CliRunner().invoke(main, arguments).stdout.splitlines()[-1]


def test_what_workers_leave_behind_is_removed():
    with workers(1) as pool:
        left = Path(pool.submit(tempfile.mkdtemp).result())
        assert left.exists()
    assert not left.exists()
