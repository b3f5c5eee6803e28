"""What an engine's own program adds to root layers, and not to a layer of nothing."""

import pytest

from layermodel.language.ground import GroundMachine
from layermodel.store.reference import Reference
from layermodel.store.rules import STORE
from layermodel.store.words import DIALECTS
from layerproof.machines.registry import subject

SIZES = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1}


@pytest.mark.parametrize(("contents", "root"), [(1, 0), (2, 1)])
def test_only_a_root_layer_that_holds_something_holds_the_program(contents, root):
    ground = GroundMachine(STORE, SIZES | {"Content": contents})
    rigid = subject("store").finite.universes(ground)[0]
    store = Reference.fixed(ground, DIALECTS["docker"], rigid)
    assert root == store.read("diff", 0)
    before = [store.measure(k) for k in range(contents)]
    store.burden(100)
    added = [store.measure(k) - size for k, size in enumerate(before)]
    assert [100 if k == root and k else 0 for k in range(contents)] == added
    assert added == [store.read("measure", k) - size for k, size in enumerate(before)]
    assert 0 == store.read("measure", store.read("nothing"))
    assert rigid == store.unburdened
