from __future__ import annotations

from functools import cache

import pytest

from layermodel.store import DIALECTS
from layermodel.store_rules import STORE
from layerproof.explore import Exploration, Explorer
from layerproof.store_laws import STORE_LAWS
from small import ONE

SEARCHES: dict[str, tuple[dict[str, int], int | None]] = {
    "one of each": (ONE, None),
    "two references": ({**ONE, "Reference": 2, "Repository": 2}, None),
    "two layers": ({**ONE, "Layer": 2}, 2),
    "two images": ({**ONE, "Image": 2}, None),
}
PINNED = {
    "one of each": (2, 282, 7769, 7, True),
    "two references": (6, 1476, 52388, 10, True),
    "two layers": (2, 668, 19116, 8, False),
    "two images": (5, 4027, 157690, 9, True),
}
"""Universes, states and steps over both dialects, the depth, and whether these are all universes."""


@cache
def search(name: str) -> Exploration:
    sizes, limit = SEARCHES[name]
    return Explorer(STORE, STORE_LAWS, sizes).run(DIALECTS, limit)


@pytest.mark.parametrize("name", SEARCHES)
def test_state_counts_are_pinned(name: str) -> None:
    found = search(name)
    assert PINNED[name] == (found.universes, found.states, found.steps, found.depth, found.complete)


@pytest.mark.parametrize("name", SEARCHES)
def test_no_law_is_broken(name: str) -> None:
    assert {} == search(name).findings


@pytest.mark.parametrize("name", SEARCHES)
def test_empty_store_can_be_reached_from_every_state(name: str) -> None:
    assert 0 == search(name).stuck
