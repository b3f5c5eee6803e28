"""Every fault that can be planted in the directory engine is found by judging it."""

from __future__ import annotations

from contextlib import closing

import pytest

from layerproof.engines.directory import pasts
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.directory.faults import FAULTS, faulty
from layerproof.engines.directory.planting import ENGINES
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import Conformance, conform
from layerproof.readings.exhaust import exhaust
from layerproof.runs.finding import Finding

RARE = {"cascade-takes-tagged-parent", "cascade-takes-used-parent", "prune-ignores-leases",
        "prune-takes-intermediate-images"}
"""Faults that random operations come upon seldom; they need longer runs."""

PASTS = [name for name, engine in ENGINES.items() if engine.__module__ == pasts.__name__]
"""Faults that need a particular past."""
UNSTEADY = {"fails-once-in-fifty", "fails-once-in-fifty-when-done"}
"""Faults that show by chance, so that no few operations show them again."""
AT_ONCE = [name for name in FAULTS if name not in PASTS]
SAMPLE = [name for n, name in enumerate(AT_ONCE) if n % 2 == 0 and name not in RARE]
REST = [name for name in AT_ONCE if name not in SAMPLE]


def judge(engine: DirectoryEngine, operations: int) -> Conformance:
    with closing(engine):
        return conform(STORE_SUBJECT, engine, operations=operations, complete=False, most=1)


def check(name: str) -> None:
    found = judge(faulty(name), 20000 if name in RARE else 6000).findings
    assert found
    assert all(0 < len(finding.trace.events) <= 12 for finding in found)


@pytest.mark.parametrize("name", SAMPLE)
def test_fault_is_found(name: str) -> None:
    check(name)


@pytest.mark.campaign
@pytest.mark.parametrize("name", REST)
def test_fault_is_found_too(name: str) -> None:
    check(name)


@pytest.mark.campaign
@pytest.mark.parametrize("name", PASTS)
def test_fault_of_a_past_is_found(name: str) -> None:
    findings = judge(faulty(name), 20000).findings
    assert findings
    assert name in UNSTEADY or all(0 < len(finding.trace.events) <= 12 for finding in findings)


# By executing every step.

DEEP = {
    "aborted-build-is-never-pruned": "a build has to have made something first: three steps, not two",
    "removed-after-rename-keeps-name": "a rename, a removal, and what then has the first name: three steps, not two",
}
"""Faults that executing every step, and every kind of two on one object, does not find soon, each with the reason."""


def exhausted(name: str, budget: float) -> list[Finding]:
    with closing(faulty(name)) as engine:
        certificate = exhaust(STORE_SUBJECT, engine, most=1, budget=budget)
    assert "certified" != certificate.verdict
    return [cause.finding for cause in certificate.causes.values()]


@pytest.mark.parametrize("name", ["remove-keeps-name", "removal-takes-shared-layers", "refused-load-leaves-layers"])
def test_a_fault_is_found_by_every_step(name: str) -> None:
    finding, = exhausted(name, 300)
    assert len(finding.trace.events) <= 6


@pytest.mark.campaign
@pytest.mark.parametrize("name", sorted(FAULTS.keys() - DEEP.keys()))
def test_every_fault_is_found_by_every_step(name: str) -> None:
    assert exhausted(name, 600)
