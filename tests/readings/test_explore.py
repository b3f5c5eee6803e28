"""State counts are pinned: a change of the rules that changes them has to be meant."""

import pytest

from layermodel.language.ground import GroundMachine
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layermodel.store.words import DIALECTS
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.explore import Explorer

ONE = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
       "Content": 2}


@pytest.mark.parametrize(("sizes", "counts"), [
    (ONE, (2, 282, 7769)),
    (ONE | {"Container": 2, "Name": 2}, (2, 4842, 192801)),
    (ONE | {"Layer": 2, "Image": 2}, (16, 23659, 927491)),
    (ONE | {"Image": 2, "Reference": 2}, (10, 16634, 845385)),
])
def test_state_counts(sizes, counts):
    result = Explorer(STORE_SUBJECT, sizes, algebra=False).run(DIALECTS)
    assert {} == result.findings
    assert 0 == result.stuck
    assert result.complete
    assert counts == (result.universes, result.states, result.steps)


def test_all_universes_satisfy_the_axioms():
    ground = GroundMachine(STORE, ONE | {"Layer": 2, "Image": 2})
    valid = ground.axioms()
    assert all(valid(rigid) for rigid in universes(ground))


def test_the_laws_about_two_runs_hold():
    result = Explorer(STORE_SUBJECT, ONE | {"Container": 2, "Name": 2}).run(DIALECTS)
    assert {} == result.findings
    assert result.premises["OP-31"] > 0
