"""A union shows what a plain file system shows, but for the departures; wrong unions do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from z3 import BoolVal

from layermodel.union.rules import UNION
from layerproof.machines.union import plain
from layerproof.machines.union.mutants import UNION_MUTANTS
from layerproof.machines.union.plain import DEPARTURES, plain_lemmas
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.prove.finite import SmallStores
from layerproof.readings.prove.prove import Prover

LEMMAS = {lemma.name: lemma for lemma in plain_lemmas()}
STORES = SmallStores(UNION_SUBJECT)
PROVER = Prover(UNION_SUBJECT)


def of(lemmas, rule):
    """The lemma about a rule."""
    return next(lemma for lemma in lemmas if lemma.name.startswith(f"{rule} "))


def fails(lemma):
    """Whether a small store shows that it is wrong, of what is said of the rule and not of laws."""
    return any(STORES.counterexample(obligation, (1, 2)) for obligation in lemma.obligations()
               if len(obligation.steps) == 2)


@pytest.mark.parametrize("name", LEMMAS)
def test_a_union_is_a_plain_file_system_but_for_its_departures(name):
    assert PROVER.establishes(LEMMAS[name])


def test_every_rule_and_every_outcome_is_compared():
    outcomes = {(o.rule, o.refusal) for lemma in LEMMAS.values() for o in lemma.obligations()}
    assert {(r.name, refusal) for r in UNION.rules for refusal in (None, *r.refused)} == outcomes


@pytest.mark.parametrize("name", [
    "unlink-no-whiteout", "mkdir-not-opaque", "copy-up-loses-mode", "rename-leaves"])
def test_a_wrong_union_shows_something_else(name):
    mutant = next(m for m in UNION_MUTANTS if m.name == name)
    wrong = of(plain_lemmas(mutant.machine(UNION)), mutant.rules[0])
    assert fails(wrong)
    assert not fails(of(LEMMAS.values(), mutant.rules[0]))


def test_without_its_departures_a_union_is_no_plain_file_system(monkeypatch):
    monkeypatch.setattr(plain, "DEPARTURES", ())
    assert fails(of(plain_lemmas(), "chmod"))  # a hard link is broken
    assert fails(of(plain_lemmas(), "rename-directory"))  # EXDEV


def test_what_always_departs_proves_nothing(monkeypatch):
    always = replace(DEPARTURES[0], when=lambda t: BoolVal(True))
    monkeypatch.setattr(plain, "DEPARTURES", (always, DEPARTURES[1]))
    assert not PROVER.establishes(of(plain_lemmas(), "stat"))


def test_each_departure_has_a_name_and_a_source():
    assert len({d.name for d in DEPARTURES}) == len(DEPARTURES) == 2
    assert all(d.source for d in DEPARTURES)
