"""The prover proves what holds, refutes what does not, and says when it does not know."""

from dataclasses import replace

import pytest

from layermodel.language.rules import Presupposition
from layermodel.store.rules import STORE
from layerproof.errors import WrongRequest
from layerproof.laws.obligations import Obligations
from layerproof.laws.refutation import Found
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.prove.prove import Proof, Prover, Tier, Verdict, prove


def without(rule_name, *, refusals=None, update=None):
    rule = STORE.rule_by_name[rule_name]

    def body(s, *arguments):
        effect = rule.body(s, *arguments)
        kept = tuple(r for r in effect.refusals if r.name != refusals)
        return replace(effect, refusals=kept, updates={n: u for n, u in effect.updates.items() if n != update})

    return STORE.with_rule(replace(rule, body=body))


def test_every_law_of_some_rules_is_proved():
    proof = prove(STORE_SUBJECT, rules=["tag", "create", "remove-by-id", "prune"])
    assert (True, 0, 0) == (proof.holds, proof.count("refuted"), proof.count("undecided"))
    assert proof.count("proved") > 100
    assert [] == list(proof.vacuous)


@pytest.mark.parametrize(("rule", "refusal", "update", "law"), [
    ("create", "no-such-image", None, "DEP-1"),
    ("create", "name-taken", None, "DEP-11"),
    ("remove-by-id", None, "layer", "DEP-5"),
    ("remove-by-id", None, "names", "DEP-7"),
    ("load", None, "usage", "SIZE-4"),
    ("write", None, "size_rw", "SIZE-2"),
])
def test_breaking_a_rule_by_hand_is_refuted_with_an_instance(rule, refusal, update, law):
    machine = without(rule, refusals=refusal, update=update)
    proof = prove(STORE_SUBJECT.of(machine), rules=[rule], laws=[law])
    assert ["refuted"] == [v.outcome for v in proof.verdicts]
    assert proof.verdicts[0].instance is not None
    assert proof.verdicts[0].instance.false


def test_what_cannot_be_decided_is_never_called_proved():
    """With no resources at all an obligation that holds is undecided: there is no counterexample, either."""
    prover = Prover(STORE_SUBJECT, tiers=(Tier(existential=False, model_based=False, limit=1),))
    obligation = next(Obligations(STORE, STORE_LAWS).all({"remove-by-id"}, {"DEP-5"}))
    assert "undecided" == prover.verdict(obligation).outcome


def test_a_rule_that_can_never_be_done_is_vacuous():
    import z3

    rule = STORE.rule_by_name["tag"]
    nothing = Presupposition(z3.BoolVal(False), "what is never so")
    never = replace(rule, body=lambda s, *a: replace(rule.body(s, *a), presupposed=(nothing,)))
    proof = prove(STORE_SUBJECT.of(STORE.with_rule(never)), rules=["tag"], laws=["DEP-6"])
    assert "tag can never be done" in proof.vacuous
    assert not proof.holds


def test_contradictory_axioms_are_vacuous():
    import z3

    from layermodel.language.rules import Axiom

    machine = replace(STORE, axioms=(*STORE.axioms, Axiom("false", z3.BoolVal(False), "")))
    proof = prove(STORE_SUBJECT.of(machine), rules=["tag"], laws=["DEP-6"])
    assert proof.vacuous
    assert not proof.holds


def test_nothing_to_prove_is_a_wrong_request():
    with pytest.raises(WrongRequest, match="nothing to prove"):
        prove(STORE_SUBJECT, rules=["create"], laws=["OP-5"])


def test_each_proof_lists_the_laws_that_it_used():
    proof = prove(STORE_SUBJECT, rules=["create"], laws=["DEP-8"])
    assert all(isinstance(v.used, tuple) for v in proof.verdicts)
    used = prove(STORE_SUBJECT, rules=["remove-by-id"], laws=["DEP-10"]).verdicts[0].used
    assert "DEP-10" in used


def test_the_initial_state_is_proved():
    prover = Prover(STORE_SUBJECT)
    assert "proved" == prover.verdict(prover.obligations.initial(STORE_LAWS.law("DEP-5"))).outcome


@pytest.mark.parametrize("proof", [
    Proof((), {}),
    Proof((Verdict("r", "L", None, "undecided"),), {}),
    Proof((Verdict("r", "L", None, "proved"),), {"lemma": False}),
    Proof((Verdict("r", "L", None, "proved"),), {}, vacuous=("axioms",)),
])
def test_a_gap_is_not_a_proof(proof):
    assert not proof.holds


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "layerproof"


def outcome(prover, rule="create", law="DEP-1"):
    return prover.verdict(next(prover.obligations.all({rule}, {law})))


def forbidden(*_):
    raise AssertionError("it was proved anew")


def test_what_was_proved_is_known_and_what_was_changed_is_not(cache, monkeypatch):
    """With the same laws used; a rule without one of its refusals is refuted, whatever was proved of the other."""
    first = outcome(Prover(STORE_SUBJECT))
    assert "proved" == first.outcome
    assert first.used
    with monkeypatch.context() as without_z3:
        without_z3.setattr(Prover, "attempt", forbidden)
        assert first == outcome(Prover(STORE_SUBJECT))
        with pytest.raises(AssertionError, match="proved anew"):
            outcome(Prover(STORE_SUBJECT, cached=False))
        with pytest.raises(AssertionError, match="proved anew"):
            outcome(Prover(STORE_SUBJECT, tiers=(Tier(False, 300_000),)))
    assert "refuted" == outcome(Prover(STORE_SUBJECT.of(without("create", refusals="no-such-image")))).outcome


def test_what_was_refuted_undecided_or_timed_out_is_not_kept(cache, monkeypatch):
    Prover(STORE_SUBJECT)
    outcome(Prover(STORE_SUBJECT.of(without("create", refusals="no-such-image"))))
    monkeypatch.setattr("layerproof.readings.prove.prove.ask", lambda *_: Found("timed out"))
    assert "timed out" == outcome(Prover(STORE_SUBJECT)).outcome
    assert [] == [entry for entry in cache.iterdir() if entry.name.startswith("proof")]


def test_a_damaged_entry_is_not_there(cache, monkeypatch):
    first = outcome(Prover(STORE_SUBJECT))
    for entry in cache.iterdir():
        entry.write_bytes(entry.read_bytes()[:-2] + b"?]")
    assert first == outcome(Prover(STORE_SUBJECT))
    monkeypatch.setattr("layerproof.readings.prove.prove.sources", lambda _: "another version")
    monkeypatch.setattr(Prover, "attempt", forbidden)
    with pytest.raises(AssertionError, match="proved anew"):
        outcome(Prover(STORE_SUBJECT))


@pytest.mark.parametrize("subject", [STORE_SUBJECT, UNION_SUBJECT], ids=lambda s: s.name)
def test_obligations_are_the_same_in_whatever_order_they_are_built(subject):
    """Else they would be proved again and again; each is another, else one would be taken for another."""
    forth, back = Prover(subject), Prover(subject.of(replace(subject.machine)))
    every = [o for unit in forth.obligations.units() for o in unit()]
    keys = {o.name: forth._key(o) for o in every}
    assert keys == {o.name: back._key(o) for unit in reversed([*back.obligations.units()]) for o in unit()}
    same = {}
    for one in every:  # to pause and to stop a container that is not there is refused alike, and changes nothing
        said = [f.sexpr() for f in (*one.hypotheses.values(), one.premise, *one.conclusions.values())]
        assert said == same.setdefault(keys[one.name], said)
    assert len(same) > 0.95 * len(keys) > 800


def test_a_law_that_says_the_same_after_a_step_needs_no_proof(monkeypatch):
    """Only if the step changes nothing of what the law speaks of."""
    prover = Prover(STORE_SUBJECT, cached=False)
    monkeypatch.setattr(Prover, "attempt", forbidden)
    kept = outcome(prover, "pause", "DEP-1")
    assert ("proved", ("DEP-1",)) == (kept.outcome, kept.used)
    with pytest.raises(AssertionError, match="proved anew"):
        outcome(prover, "create", "DEP-1")
