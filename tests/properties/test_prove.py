from __future__ import annotations

import pytest

from layermodel.store_rules import STORE
from layerproof.mutants import Mutant, forgets, without
from layerproof.prove import Proof, Prover, Tier, Verdict, prove
from layerproof.store_laws import STORE_LAWS

DROPPED_REFUSAL = Mutant("unchecked", ("create",), "", "DEP-1", without("no-such-image"))
DROPPED_UPDATE = Mutant("references stay", ("remove-by-id",), "", "DEP-7", forgets("names"))


def outcomes(proof: Proof) -> set[str]:
    return {verdict.outcome for verdict in proof.verdicts}


@pytest.mark.parametrize(("rule", "law"), [
    ("create", "DEP-1"), ("remove-by-id", "DEP-7"), ("load", "SIZE-4"), ("prune", "OP-6"), ("write", "OP-24")])
def test_right_rule_is_proved(rule: str, law: str) -> None:
    assert {"proved"} == outcomes(prove(STORE, STORE_LAWS, rules=[rule], laws=[law]))


@pytest.mark.parametrize("mutant", [DROPPED_REFUSAL, DROPPED_UPDATE], ids=lambda m: m.name)
def test_wrong_rule_is_refuted_with_an_instance(mutant: Mutant) -> None:
    proof = prove(mutant.machine(), STORE_LAWS, rules=mutant.rules, laws=[mutant.breaks])
    assert [("refuted", True)] == [(v.outcome, v.instance is not None) for v in proof.verdicts]
    assert not proof.holds


def test_initial_state_is_proved() -> None:
    prover = Prover(STORE, STORE_LAWS)
    assert "proved" == prover.verdict(prover.obligations.initial(STORE_LAWS.law("DEP-5"))).outcome


def test_without_resources_nothing_is_proved() -> None:
    prover = Prover(STORE, STORE_LAWS, tiers=(Tier(existential=True, model_based=True, limit=1),))
    found = [prover.verdict(o).outcome for o in prover.obligations.all({"create"}, {"DEP-1", "DEP-11"})]
    assert ["undecided"] * 2 == found


def test_nothing_proved_does_not_hold() -> None:
    assert not Proof((), {}).holds


@pytest.mark.parametrize("proof", [
    Proof((Verdict("r", "L", None, "undecided"),), {}),
    Proof((Verdict("r", "L", None, "proved"),), {"lemma": False}),
    Proof((Verdict("r", "L", None, "proved"),), {}, vacuous=("axioms",)),
])
def test_gap_is_not_a_proof(proof: Proof) -> None:
    assert not proof.holds
