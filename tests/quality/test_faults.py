"""Every fault that can be planted in the directory engine is found by judging it."""

from __future__ import annotations

from contextlib import closing

import pytest

from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.directory.faults import FAULTS, faulty
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import Conformance, conform

NOT_FOUND: dict[str, str] = {
    "refused-load-leaves-layers": "damaged archives are not generated",
}
"""Faults that are not found, each with the reason."""

RARE = {"cascade-takes-tagged-parent", "cascade-takes-used-parent", "prune-ignores-leases",
        "prune-takes-intermediate-images"}
"""Faults that random operations come upon seldom; they need longer runs."""

SAMPLE = [name for number, name in enumerate(FAULTS) if number % 2 == 0 and name not in RARE | NOT_FOUND.keys()]
REST = [name for name in FAULTS if name not in SAMPLE]


def judge(engine: DirectoryEngine, operations: int) -> Conformance:
    with closing(engine):
        return conform(STORE_SUBJECT, engine, operations=operations, complete=False, most=1)


def check(name: str) -> None:
    found = judge(faulty(name), 20000 if name in RARE else 6000).findings
    assert (name not in NOT_FOUND) == bool(found)
    assert all(0 < len(finding.trace.events) <= 12 for finding in found)


@pytest.mark.parametrize("name", SAMPLE)
def test_fault_is_found(name: str) -> None:
    check(name)


@pytest.mark.campaign
@pytest.mark.parametrize("name", REST)
def test_fault_is_found_too(name: str) -> None:
    check(name)
