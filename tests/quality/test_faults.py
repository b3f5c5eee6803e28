"""Does the judge find faults that are planted in an engine?"""

import pytest
from layermodel.store_rules import STORE
from layerproof.conform import conform
from layerproof.engines.faults import FAULTS, faulty
from layerproof.store_laws import STORE_LAWS


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_planted_fault_is_found_and_shrunk(fault):
    engine = faulty(fault)
    try:
        result = conform(STORE, STORE_LAWS, engine, operations=6000, complete=False, most=1)
    finally:
        engine.close()
    assert 1 == len(result.findings)
    assert len(result.findings[0].trace.events) <= 9
