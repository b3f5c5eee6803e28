"""What a union file system replies that is none of the protocol is named."""

import pytest

from layerproof.engines.memory.engine import MemoryEngine
from layerproof.errors import WrongRequest
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.conform import conform


class BeginsWithNothing(MemoryEngine):
    def begin(self, *given):
        return None


class RepliesANumber(MemoryEngine):
    def do(self, request):
        return 5


class RepliesNothing(MemoryEngine):
    def do(self, request):
        return {}


class Leaves(MemoryEngine):
    def do(self, request):
        raise SystemExit(0)


@pytest.mark.parametrize(("engine", "says"), [
    (BeginsWithNothing, "the engine memory replies None, which is no mapping"),
    (RepliesANumber, "the engine memory replies 5, which is no mapping"),
    (RepliesNothing, "the engine memory replies {}, which says nothing of 'errno'"),
])
def test_a_reply_that_is_none(engine, says):
    with pytest.raises(WrongRequest, match=f"^{says}"):
        conform(UNION_SUBJECT, engine(), operations=10, complete=False)


def test_an_engine_that_leaves_is_a_finding():
    found = conform(UNION_SUBJECT, Leaves(), operations=10, complete=False, most=1).findings
    assert ["raised SystemExit"] == [finding.observed for finding in found]
