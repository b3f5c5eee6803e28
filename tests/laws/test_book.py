"""The rule book has an entry for every rule, with all its parameters and conditions."""

import pytest

from layermodel.store.rules import STORE
from layermodel.union.rules import UNION
from layerproof.laws.book import rule_entries
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.union.laws import UNION_LAWS


@pytest.mark.parametrize(("rule", "catalogue"), [
    *((r, STORE_LAWS) for r in STORE.rules), *((r, UNION_LAWS) for r in UNION.rules)],
    ids=lambda one: getattr(one, "name", ""))
def test_an_entry_says_all_of_a_rule(rule, catalogue):
    text = "\n".join(paragraph for paragraph, _ in rule_entries(rule, catalogue))
    for parameter in rule.parameters:
        assert parameter.name in text
    for name, says in rule.refused.items():
        assert name in text
        assert f"  {says}" in text
    for says in rule.presupposed:
        assert f"  {says}" in text
    assert f"  {rule.kind.value}\n" in text
    assert [f"  then         {rule.then}"] == [line for line in text.splitlines() if line.startswith("  then ")]
