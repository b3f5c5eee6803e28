"""A real Docker is judged: only what the catalogue lists is found."""

import pytest

from layerproof.engines.docker.deviations import DEVIATIONS
from layerproof.engines.docker.engine import DockerEngine
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import conform

pytestmark = pytest.mark.docker


def test_docker_departs_only_where_it_is_known_to(needs_docker):
    engine = DockerEngine()
    try:
        result = conform(STORE_SUBJECT, engine, deviations=DEVIATIONS, operations=300, complete=False, seed=1)
    finally:
        engine.close()
    assert [] == [(f.rule, f.laws, f.differences) for f in result.unknown]
    assert result.statistics.steps >= 300
