"""The judge finds nothing in a sound engine, and what replays is what was found."""

import pytest

from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.directory.faults import faulty
from layerproof.errors import WrongRequest
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import conform, replay_on
from layerproof.runs.trace import trace_json, trace_of


def test_the_directory_engine_conforms():
    engine = DirectoryEngine()
    try:
        result = conform(STORE_SUBJECT, engine, operations=2000)
    finally:
        engine.close()
    assert [] == result.findings
    assert [] == result.never
    assert result.statistics.steps >= 2000


def test_a_finding_is_shrunk_and_replays_from_its_trace_file():
    engine = faulty("moved-tag-deletes-old-image")
    try:
        result = conform(STORE_SUBJECT, engine, operations=2000, complete=False, most=1)
        finding = result.findings[0]
        assert len(finding.trace.events) <= 4
        assert {v.law for v in finding.violations} <= {*finding.laws}
        assert all(v.false for v in finding.violations)
        assert finding.violations
        again = replay_on(STORE_SUBJECT, trace_of(STORE_SUBJECT, trace_json(STORE_SUBJECT, finding.trace)), engine)
        assert again is not None
        assert finding.rule == again.rule
    finally:
        engine.close()


def test_a_sound_engine_passes_the_trace_that_a_faulty_one_fails():
    faults, sound = faulty("rename-keeps-old-name"), DirectoryEngine()
    try:
        found = conform(STORE_SUBJECT, faults, operations=2000, complete=False, most=1).findings[0]
        assert replay_on(STORE_SUBJECT, found.trace, sound) is None
    finally:
        faults.close()
        sound.close()


def test_no_operations_are_a_wrong_request():
    engine = DirectoryEngine()
    try:
        with pytest.raises(WrongRequest, match="no operations"):
            conform(STORE_SUBJECT, engine, operations=0)
    finally:
        engine.close()
