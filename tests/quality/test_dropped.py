"""No part of a rule is idle: without any one refusal, or any one update, some law is refuted."""

import pytest

from layermodel.store.rules import STORE
from layerproof.laws.mutant import Mutant, forgets, without
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.mutants.kills import kill_by_proof


@pytest.mark.parametrize("rule", STORE.rules, ids=lambda r: r.name)
def test_a_rule_without_one_of_its_parts_breaks_a_law(rule):
    effect = rule.step(STORE.state).effect
    changes = {f"refusal {r.name}": without(r.name) for r in effect.refusals}
    changes |= {f"update of {symbol}": forgets(symbol) for symbol in effect.updates}
    assert changes
    survivors = [
        what for what, change in changes.items()
        if kill_by_proof(STORE_SUBJECT, Mutant("dropped", (rule.name,), f"{what} is dropped", "", change)) is None]
    assert [] == survivors
