"""What rules presuppose of new and chosen arguments can always be had: in a larger store, which is shown to be one."""

from dataclasses import replace

import pytest
from z3 import And, BoolVal, Implies, IntVal, Not, Or

from layermodel.language.rules import BOOL, Axiom, Effect, Parameter, Presupposition, Witness, forall
from layermodel.language.sound import Malformed
from layermodel.language.writing import another
from layerproof.machines.registry import names, subject
from layerproof.readings.prove.larger import lacks_room
from layerproof.readings.prove.prove import Prover, prove
from layerproof.subject import Subject
from lending import AXIOMS, BOOK, CATALOGUE, LENDING, NEW, B, R, rule

NEW_BOOK, OTHER = Parameter("book", BOOK, "new"), Parameter("other", BOOK)


def room(subject, *rules):
    """For each rule, or for all of a machine's, why there may be no room for what it presupposes."""
    prover, kept = Prover(subject), set()
    return {one.name: lacks_room(prover.obligations, prover.obligations.step(one), prover.proves, kept)
            for one in rules or subject.machine.rules
            if any(p.role in ("new", "chosen") for p in one.parameters)}


@pytest.mark.parametrize("name", names())
def test_there_is_always_room_for_what_rules_presuppose(name):
    found = room(subject(name))
    assert len(found) > 5
    assert set(found.values()) == {None}


def without_witness(which):
    """A rule of the store whose witnesses are others."""
    def make(name):
        original = subject("store").machine.rule_by_name[name]

        def body(state, *arguments):
            effect = original.body(state, *arguments)
            return replace(effect, presupposed=tuple(
                replace(p, witnesses=which(p.witnesses)) for p in effect.presupposed))
        return replace(original, body=body)
    return make


def claims(**symbols):
    """The same witnesses, which say something else of symbols."""
    return without_witness(lambda witnesses: tuple(replace(w, symbols={**w.symbols, **symbols}) for w in witnesses))


@pytest.mark.parametrize(("name", "change", "says"), [
    ("import", without_witness(lambda w: ()), "what is presupposed"),  # the top layer of any image may have others beneath
    ("build-step", without_witness(lambda w: ()), "what is presupposed"),
    ("build-step", claims(measure=lambda k: IntVal(-1)), "no content is of negative size"),
    ("build-step", claims(extends=lambda i, j: BoolVal(True)), "histories are a forest"),
    ("build-add", claims(below=lambda l, m: l == m), "who extends an image has its layers"),
    ("commit", without_witness(lambda w: w[:1]), "all cases"),
    ("commit", without_witness(lambda w: w[1:]), "a chain ID is fixed"),
    ("commit", claims(image=lambda i: BoolVal(True)), "DEP-"),
])
def test_a_witness_that_shows_nothing_is_found_out(name, change, says):
    store = subject("store")
    machine = store.machine.with_rule(change(name))
    [found] = room(replace(store, machine=machine), machine.rule_by_name[name]).values()
    assert says in found


def presupposing(holds, *parameters, witnesses=(), **changes):
    given = lambda s, a: (Presupposition(holds(s, *a), "…", tuple(w(s, *a) for w in witnesses)),)
    more = rule(lambda s, *a: Effect(updates={}, presupposed=given(s, a)), *parameters, name="more")
    return replace(LENDING, rules=(*LENDING.rules, more), **changes)


def why(machine):
    """What the proof of the lending machine says beside what it always says."""
    return [sentence for sentence in prove(Subject(machine, CATALOGUE)).vacuous if "more" in sentence]


ONE = Axiom("there is one book", forall([BOOK, BOOK], lambda b, c: b == c), "…")


@pytest.mark.parametrize("hidden", [
    # Neither of two conditions is a case by itself.
    presupposing(lambda s, b, o: And(Not(s.owned(b)), Not(And(s.owned(o), s.strict))), NEW_BOOK, OTHER),
    presupposing(lambda s, b, o: Implies(s.owned(o), And(Not(s.owned(b)), s.wear(o) != NEW)), NEW_BOOK, OTHER),
    presupposing(lambda s, b, o, r: And(Not(s.owned(b)), Or(s.to(o) == r, s.strict)), NEW_BOOK, OTHER, R),
    presupposing(lambda s, b: Not(s.owned(b)), NEW_BOOK, axioms=(*AXIOMS, ONE)),
])
def test_a_case_that_takes_several_conditions_is_not_hidden(hidden):
    assert any("presupposes" in sentence for sentence in why(hidden))


@pytest.mark.parametrize("open_", [
    presupposing(lambda s, b: Not(s.owned(b)), NEW_BOOK),
    presupposing(lambda s, b, o: And(Not(s.owned(b)), b != o, Not(s.lent(b))), NEW_BOOK, OTHER),
    presupposing(lambda s, said, b: said == s.lent(b), Parameter("said", BOOL, "chosen"), B),
    # The book that is chosen is the one that is named where that is lent, and another else.
    presupposing(lambda s, b, o: Or(And(s.lent(o), b == o), Not(Or(s.lent(o), s.owned(b)))), replace(NEW_BOOK, role="chosen"), OTHER,
                 witnesses=(lambda s, b, o: Witness(values={"book": o}, where=s.lent(o)), lambda s, b, o: Witness())),
])
def test_what_can_always_be_had_is_not_hidden(open_):
    assert why(open_) == []


E = another(BOOK)


@pytest.mark.parametrize(("witness", "says"), [
    (lambda s, b, o: Witness(some=(o,), where=s.lent(o)), r"an object \?other that is not made with another"),
    (lambda s, b, o: Witness((o,)), "that is not made with another"),
    (lambda s, b, o: Witness((E, E)), "two objects named 'another Book"),
    (lambda s, b, o: Witness((E,), some=(E,)), "two objects named 'another Book"),
    (lambda s, b, o: Witness((another(BOOL),)), "that is not made with another"),
    (lambda s, b, o: Witness(values={"other": E}, fresh=(E,)), "'other' is, which is no new or chosen parameter"),
    (lambda s, b, o: Witness(values={"book": E}), "speaks of 'another Book.*', which is nothing that it may speak of"),
    (lambda s, b, o: Witness(values={"book": s.lent(o)}), "of the sort Bool, not Book"),
    (lambda s, b, o: Witness(symbols={"lnet": lambda x: x == b}), "of 'lnet', which is no symbol"),
    (lambda s, b, o: Witness(symbols={"lent": lambda x: x}), "of the sort Book, not Bool"),
    (lambda s, b, o: Witness(where=o), "of the sort Book, not Bool"),
])
def test_a_witness_of_nothing_is_refused(witness, says):
    with pytest.raises(Malformed, match=says):
        presupposing(lambda s, b, o: Not(s.owned(b)), NEW_BOOK, OTHER, witnesses=(witness,))
