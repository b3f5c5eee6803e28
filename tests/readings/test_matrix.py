"""Engines beside each other: every situation that the rules tell apart, and what was seen to come of it."""

from contextlib import closing

import pytest

from flipped import FLIPPED
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.errors import EngineUnreachable, Refused, WrongRequest
from layerproof.machines.registry import subject
from layerproof.readings.grid import LONGEST
from layerproof.readings.matrix import AGREES, DEPARTS, NOT_APPLICABLE, NOT_COME_TO, OBSERVED, Column, matrix

STORE = subject("store")
FEW = frozenset({"load", "tag", "create", "start", "pause", "stop", "remove_by_tag", "prune"})


def column(name, engine, capabilities=FEW, **traits):
    engine.capabilities = capabilities
    return Column(name, STORE, engine, "docker", {**STORE.dialects["docker"], **traits})


@pytest.fixture(scope="module")
def two():
    """The engine in a folder beside one that does not stop what is paused, each held to what it is."""
    with closing(DirectoryEngine()) as one, closing(FLIPPED["paused_can_stop"]()) as other:
        yield matrix([column("one", one), column("other", other, FEW - {"prune"}, paused_can_stop=False)])


def rows(result, rule):
    return {row.cases: row for row in result.rows if row.rule == rule}


def test_all_that_the_rules_tell_apart_is_there_once(two):
    assert two.situations == len(two.rows) == len({(row.rule, row.cases) for row in two.rows})
    stops = rows(two, "stop")
    assert {"there is none", "created", "running", "paused", "exited"} == {case for (_, case), in stops}
    forced = {dict(cases).get("force") for cases in rows(two, "remove-by-tag")}
    assert {"yes", "no"} == forced
    used = {dict(cases).get("image: containers") for cases in rows(two, "remove-by-tag")}
    assert {"none", "created", "running", "paused", "exited"} <= used
    names = {dict(cases).get("image: names") for cases in rows(two, "remove-by-tag")}
    assert {"one", "two of one repository", "of two repositories"} <= names


def test_what_the_rules_do_not_tell_apart_is_one(two):
    assert all(len(cases) == 1 for cases in rows(two, "start"))
    assert {"image", "name"} == {what for cases in rows(two, "create") for what, _ in cases}


def test_they_differ_in_what_they_do_otherwise_and_nowhere_else(two):
    paused, = (row for row in two.rows if row.differs)
    assert ("stop", (("container", "paused"),)) == (paused.rule, paused.cases)
    assert ("done", ("container is exited",)) == paused.cells["one"].seen
    assert ("is-paused", ()) == paused.cells["other"].seen
    assert 0 == two.departs
    assert {AGREES} == {cell.standing for cell in two.cells}


def test_every_cell_was_observed_by_a_run_of_few_operations(two):
    assert all(0 < len(cell.trace.events) <= LONGEST for cell in two.cells)
    assert two.operations == sum(len(cell.trace.events) for cell in two.cells)
    for row in two.rows:
        assert {row.rule} == {cell.trace.events[-1].rule for cell in row.cells.values()}


def test_an_operation_that_one_engine_alone_has_is_no_row(two):
    assert not rows(two, "prune")
    with closing(DirectoryEngine()) as engine:
        alone = matrix([column("alone", engine)])
    assert rows(alone, "prune")


def test_what_departs_from_the_rules_is_no_difference_of_dialects():
    class Stubborn(DirectoryEngine):
        def remove_by_tag(self, reference, force):
            if force:
                raise Refused("used-by-container", "it will not")
            super().remove_by_tag(reference, force)

    with closing(DirectoryEngine()) as right, closing(Stubborn()) as wrong:
        result = matrix([column("right", right), column("wrong", wrong)])
    departed = [row for row in result.rows if row.cells["wrong"].standing == DEPARTS]
    assert result.departs == len(departed) > 5
    assert {"remove-by-tag"} == {row.rule for row in departed}
    assert all(row.cells["wrong"].finding is not None for row in departed)
    assert {"yes"} == {dict(row.cases)["force"] for row in departed}
    assert not any(row.differs for row in result.rows if row.rule != "remove-by-tag")


def test_what_cannot_be_come_to_is_no_outcome():
    class Sleepy(DirectoryEngine):
        def start(self, container):
            self._container(container)

    with closing(Sleepy()) as engine:
        result = matrix([column("sleepy", engine)])
    paused = rows(result, "stop")[(("container", "paused"),)].cells["sleepy"]
    assert (NOT_COME_TO, None) == (paused.standing, paused.seen)
    assert paused.why.startswith("start: status of container-0")
    assert NOT_COME_TO not in OBSERVED
    assert DEPARTS == rows(result, "start")[(("container", "created"),)].cells["sleepy"].standing


def test_what_an_engine_does_not_have_is_not_applicable():
    with closing(DirectoryEngine()) as one, closing(DirectoryEngine()) as other, closing(DirectoryEngine()) as third:
        result = matrix([column("one", one), column("other", other), column("third", third, FEW - {"tag"})])
    assert {NOT_APPLICABLE} == {row.cells["third"].standing for row in rows(result, "tag").values()}
    assert not any(row.differs for row in result.rows)


def test_what_was_seen_is_kept_when_it_ends():
    with closing(DirectoryEngine()) as engine:
        late = matrix([column("late", engine)], budget=0)
    assert ("the time limit was reached", 0) == (late.ended, len(late.rows))

    class Dying(DirectoryEngine):
        def tag(self, image, reference):
            raise KeyboardInterrupt

    with closing(Dying()) as engine, pytest.raises(KeyboardInterrupt) as ended:
        matrix([column("dying", engine)])
    assert 0 < len(ended.value.so_far.rows) < ended.value.so_far.situations

    class Gone(DirectoryEngine):
        def tag(self, image, reference):
            raise EngineUnreachable("it is gone")

        def revive(self):
            pass

    with closing(Gone()) as engine:
        gone = matrix([column("gone", engine)])
    assert {("died", DEPARTS)} == {(row.cells["gone"].outcome, row.cells["gone"].standing)
                                   for row in rows(gone, "tag").values()}


def test_a_table_of_nothing_is_refused():
    with pytest.raises(WrongRequest, match="no engine"):
        matrix([])
    with closing(DirectoryEngine()) as engine, pytest.raises(WrongRequest, match="two columns of the table have the name x"):
        matrix([column("x", engine), column("x", engine)])
