"""What a union file system replies that is none of the protocol is named."""

import pytest

from layerproof.engines.memory.engine import MemoryEngine
from layerproof.errors import Unintelligible
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


def test_one_that_replies_nonsense_from_the_first_is_not_judged():
    with pytest.raises(Unintelligible, match=r"^the engine memory replies None, which is no mapping"):
        conform(UNION_SUBJECT, BeginsWithNothing(), operations=10, complete=False)


@pytest.mark.parametrize(("engine", "says"), [
    (RepliesANumber, "the engine memory replies 5, which is no mapping"),
    (RepliesNothing, "the engine memory replies {}, which says nothing of 'errno'"),
])
def test_a_reply_that_is_none_is_a_finding(engine, says):
    finding, = conform(UNION_SUBJECT, engine(), operations=10, complete=False, most=1).findings
    assert "unintelligible answer" == finding.kind
    assert finding.detail.startswith(says)


def test_an_engine_that_leaves_is_a_finding():
    found = conform(UNION_SUBJECT, Leaves(), operations=10, complete=False, most=1).findings
    assert ["raised SystemExit"] == [finding.observed for finding in found]
