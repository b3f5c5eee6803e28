"""No part of a rule is idle: without any one refusal, or any one update, some law is refuted."""

import pytest

from layermodel.store_rules import STORE
from layerproof.mutants import Mutant, forgets, kill_by_proof, without


@pytest.mark.parametrize("rule", STORE.rules, ids=lambda r: r.name)
def test_a_rule_without_one_of_its_parts_breaks_a_law(rule):
    effect = rule.step(STORE.state).effect
    changes = {f"refusal {r.name}": without(r.name) for r in effect.refusals}
    changes |= {f"update of {symbol}": forgets(symbol) for symbol in effect.updates}
    assert changes
    survivors = [
        what for what, change in changes.items()
        if kill_by_proof(Mutant("dropped", (rule.name,), f"{what} is dropped", "", change)) is None]
    assert [] == survivors
