"""A real Docker is judged: only what the catalogue lists is found."""

import pytest

from layerproof.engines.docker.deviations import DEVIATIONS
from layerproof.engines.docker.engine import DockerEngine
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import conform
from layerproof.readings.profile import OPERATIONS, profile

pytestmark = pytest.mark.docker


def test_docker_departs_only_where_it_is_known_to(needs_docker):
    engine = DockerEngine()
    try:
        result = conform(STORE_SUBJECT, engine, deviations=DEVIATIONS, operations=300, complete=False, seed=1)
    finally:
        engine.close()
    assert [] == [(f.rule, f.laws, f.differences) for f in result.unknown]
    assert result.statistics.steps >= 300


def test_its_dialect_is_found_out(needs_docker):
    engine = DockerEngine()
    try:
        found = profile(STORE_SUBJECT, engine, deviations=DEVIATIONS)
        assert not engine.observe().images
    finally:
        engine.close()
    assert ("found", ("docker",), []) == (found.verdict, found.dialects, found.unexplained)
    assert found.operations <= OPERATIONS
