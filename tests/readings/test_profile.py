"""The dialect of an engine is found by driving it."""

from contextlib import closing

import pytest

from flipped import FLIPPED
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.memory.engine import MemoryEngine
from layerproof.errors import EngineUnreachable
from layerproof.machines.registry import subject
from layerproof.readings.profile import OPERATIONS, profile

STORE = subject("store")
NAMES = [trait.name for trait in STORE.machine.traits]


def test_every_trait_can_be_flipped():
    assert FLIPPED.keys() == {*NAMES}


def test_the_dialect_of_the_engine_in_a_folder():
    with closing(DirectoryEngine()) as engine:
        found = profile(STORE, engine)
    assert ("found", ("docker",), ()) == (found.verdict, found.dialects, found.open)
    assert found.best == STORE.dialects["docker"]
    assert found.operations == sum(len(one.trace.events) for one in found.experiments) <= OPERATIONS
    assert 2 ** len(NAMES) == found.experiments[0].before
    assert 1 == found.experiments[-1].after
    # Each trait was told by one run, and none by a run that dropped nothing.
    assert sorted(NAMES) == sorted(name for one in found.experiments for name in one.told)


@pytest.mark.parametrize("trait", NAMES)
def test_a_trait_that_is_the_other_way_round_is_found(trait):
    with closing(FLIPPED[trait]()) as engine:
        found = profile(STORE, engine)
    expected = {**STORE.dialects["docker"], trait: not STORE.dialects["docker"][trait]}
    assert not found.unexplained, found.unexplained
    assert (expected, "found", ()) == (found.best, found.verdict, found.open)
    assert found.operations <= OPERATIONS


def test_what_the_engine_lacks_stays_open():
    with closing(DirectoryEngine()) as engine:
        engine.capabilities = engine.capabilities - {"commit", "commit_as", "build_step", "build_add", "pause"}
        found = profile(STORE, engine)
    assert "open" == found.verdict
    assert {"commit_adds_empty_layer", "paused_can_stop"} <= {*found.open}
    assert "docker" in found.dialects
    assert 2 ** len(found.open) == len(found.left)
    assert {"commit", "commit-as", "pause"} <= {*found.not_applicable}


def test_what_an_engine_says_of_itself_is_not_believed():
    with closing(FLIPPED["paused_can_stop"]()) as engine:
        assert "docker" == engine.dialect
        found = profile(STORE, engine)
        engine.dialect = None
        silent = profile(STORE, engine)
    assert found.contradicts
    assert not found.dialects
    assert ("docker", "docker") == (found.nearest, silent.nearest)
    assert not silent.contradicts
    assert found.best == silent.best


def test_what_no_valuation_explains_is_a_finding_and_the_rest_is_told_all_the_same():
    with closing(DirectoryEngine(faults=frozenset({"commit-stops-container"}))) as engine:
        sound = profile(STORE, engine)  # nothing that is asked shows this fault
    assert not sound.unexplained

    class Forgetful(DirectoryEngine):
        def create(self, image, name):
            container = super().create(image, name)
            self.start(container)
            return container

    with closing(Forgetful()) as engine:
        found = profile(STORE, engine)
    assert "unexplained" == found.verdict
    assert "status" in {difference.what for finding in found.unexplained for difference in finding.differences}
    assert found.value("import_is_reproducible") is False  # no container is needed for that
    assert found.value("paused_can_stop") is None


def test_it_goes_no_further_than_asked():
    with closing(DirectoryEngine()) as engine:
        found = profile(STORE, engine, operations=7)
    assert found.operations <= 7
    assert ("open", "another run would be more than 7 operations") == (found.verdict, found.ended)
    with closing(DirectoryEngine()) as engine:
        found = profile(STORE, engine, budget=0)
    assert "time limit" in found.ended
    assert 512 == len(found.left)


def test_nothing_is_left_behind():
    with closing(DirectoryEngine()) as engine:
        profile(STORE, engine)
        assert not engine.observe().images


def test_an_engine_that_dies_is_a_finding():
    class Dying(DirectoryEngine):
        def commit(self, container):
            raise EngineUnreachable("it is gone")

        def revive(self):
            self.revived = True

    with closing(Dying()) as engine:
        found = profile(STORE, engine)
        assert engine.revived
    assert {"died"} == {finding.kind for finding in found.unexplained}
    assert found.value("paused_can_stop") is True


@pytest.mark.parametrize("dialect", subject("union").dialects)
def test_a_union_file_system_is_found_out_too(dialect):
    union = subject("union")
    engine = MemoryEngine(dialect)
    found = profile(union, engine)
    assert not found.unexplained
    assert dialect in found.dialects
    assert {trait: value for trait in found.traits if (value := found.value(trait)) is not None}.items() <= (
        union.dialects[dialect].items())
    assert found.experiments
