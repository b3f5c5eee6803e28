"""The union machine: its laws are proved for any tree, any image and any number of containers."""

import pytest

from layermodel.union.rules import UNION
from layerproof.laws.mutant import Mutant, forgets
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.prove.prove import prove


def test_every_rule_keeps_every_law():
    proof = prove(UNION_SUBJECT, jobs=2)
    assert [] == [v.name for v in proof.verdicts if v.outcome != "proved"]
    assert () == proof.vacuous


@pytest.mark.parametrize(("name", "symbol", "law"), [
    ("unlink", "whiteout", "COW-5"), ("unlink", "whiteout", "COW-8"), ("unlink", "has_upper", "COW-5"),
    ("chmod", "mode", "COW-4"), ("chmod", "content", "COW-3"), ("rename", "whiteout", "COW-5"),
])
def test_a_rule_that_forgets_an_update_is_not_proved(name, symbol, law):
    wrong = Mutant("forgetful", (name,), "", law, forgets(symbol)).machine(UNION)
    proof = prove(UNION_SUBJECT.of(wrong), rules=[name], laws=[law])
    assert ["refuted"] == [v.outcome for v in proof.verdicts]
