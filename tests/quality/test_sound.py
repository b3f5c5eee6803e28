"""Nobody's machine talks the prover into a false proof: every attack is refused, fails, or is harmless."""

from dataclasses import replace

import pytest
import z3
from z3 import And, BoolVal, Implies, Not, Or

from layermodel.language.rules import (
    BOOL,
    INT,
    Axiom,
    Definition,
    Effect,
    Hint,
    Parameter,
    Presupposition,
    Refusal,
    Sort,
    Symbol,
    Trait,
    define,
    exists,
    forall,
    sum_of,
)
from layermodel.language.sound import Malformed
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue, Runs, state_law, step_law, true
from layerproof.laws.lemmas import Case, Lemma
from layerproof.readings import explore
from layerproof.readings.prove import prove as proving
from layerproof.readings.prove.prove import supposed
from layerproof.subject import Finite, Subject
from lending import (
    ALL_BOOKS,
    AXIOMS,
    BACK,
    BOOK,
    BUY,
    CATALOGUE,
    CLEAR,
    HAS,
    INITIAL,
    KEEPS,
    LAWS,
    LEND,
    LENDING,
    NEW,
    OWNED,
    READER,
    REFUSED,
    STATE,
    STRICT,
    SYMBOLS,
    TWICE,
    B,
    R,
    rule,
    universes,
)


def prove(machine, catalogue, **chosen):
    return proving.prove(Subject(machine, catalogue), **chosen)


def Prover(machine, catalogue):
    return proving.Prover(Subject(machine, catalogue))


def Explorer(machine, catalogue, sizes, universes, empties):
    return explore.Explorer(Subject(machine, catalogue, finite=Finite(universes=universes, empties=empties)), sizes)

TRAITS = LENDING.traits
STAYS, OWNS, LENT, TO, WEAR = SYMBOLS
FREE = BOOK.constant("loose")


def machine(**changes):
    return replace(LENDING, **changes)


def axioms(*more):
    return machine(axioms=(*AXIOMS, *more))


def symbols(*changed, more=()):
    by_name = {s.name: s for s in changed}
    kept = tuple(by_name.pop(s.name, s) for s in SYMBOLS)
    return machine(symbols=(*kept, *by_name.values(), *more))


def having(body, *parameters):
    """The machine with one more rule."""
    return machine(rules=(*LENDING.rules, rule(body, *(parameters or (B,)), name="more")))


def updating(**updates):
    return lambda: having(lambda s, b: Effect(updates=updates))


def refusing(*refusals):
    return lambda: having(lambda s, b: Effect(updates={}, refusals=refusals))


def defining(*make):
    """A rule whose definitions are made of what this makes of their declarations."""
    decls = [z3.Function(f"d!{n}x", BOOK.z3, z3.BoolSort()) for n in range(len(make))]
    b = BOOK.constant("b")
    definitions = tuple(Definition(d, (b,), body(b, *decls)) for d, body in zip(decls, make, strict=True))
    return lambda: having(lambda s, _: Effect(updates={}, definitions=definitions))


def looping(b, d):
    return Not(d(b))


B_AT = BOOK.constant("b")
D = z3.Function("d!x", BOOK.z3, z3.BoolSort())
BAD_MACHINES = {
    # Axioms are never proved after a step, so they may not speak of what changes.
    "an axiom about the state": (lambda: axioms(Axiom("a", forall(BOOK, lambda b: Not(LENT.decl(b))), "")),
                                 "the axiom 'a' of the machine lending speaks of 'lent'"),
    "an axiom with a free variable": (lambda: axioms(Axiom("a", STAYS.decl(FREE), "")), "speaks of 'loose'"),
    "an axiom about a trait": (lambda: axioms(Axiom("a", TRAITS[0].term, "")), r"speaks of 'trait\.strict'"),
    "two axioms of one name": (lambda: axioms(AXIOMS[0]), "two axioms named"),
    "two symbols of one name": (lambda: machine(symbols=(*SYMBOLS, LENT)), "two symbols or traits named 'lent'"),
    "a symbol that is a trait": (lambda: machine(traits=(*TRAITS, Trait("lent", "", ""))), "two symbols or traits"),
    "two sorts of one name": (lambda: machine(sorts=(*LENDING.sorts, Sort("Book", "another"))), "two sorts named"),
    "a sort that is built in": (lambda: machine(sorts=(*LENDING.sorts, Sort("Int"))), "sort named 'Int'"),
    "a symbol named like one after": (lambda: symbols(Symbol("lent'", (BOOK,), BOOL, "", True)), "named \"lent'\""),
    "a symbol named like a bound variable": (lambda: symbols(Symbol("v0", (), BOOK, "", True)), "named 'v0'"),
    "a symbol named like a method": (lambda: symbols(Symbol("updated", (), BOOK, "", True)), "named 'updated'"),
    # Z3 would be told that a value differs from itself, and the small stores would not.
    "a value twice": (lambda: machine(sorts=(BOOK, READER, Sort("Wear", "", ("new", "new")))), "two values named 'new'"),
    "a sort with other values": (lambda: machine(sorts=(BOOK, READER, Sort("Wear"))), "which the machine lending has otherwise"),
    "a sort that is not there": (lambda: machine(sorts=(BOOK, STATE)), "sort Reader, which the machine lending does not have"),
    "a value of what is no relation": (lambda: symbols(replace(TO, of="wear")), "'wear' holds, which is no other relation"),
    "a value of nothing": (lambda: symbols(replace(TO, of="nothing")), "'nothing' holds, which is no other relation"),
    "a value of other arguments": (lambda: symbols(replace(LENT, of="reads"), more=(
        Symbol("reads", (READER,), BOOL, "", True),)), "holds of its first arguments, which are of other sorts"),
    "a rigid value of what changes": (lambda: symbols(replace(STAYS, of="owned")), "never changes, and owned"),
    "a function of integers": (lambda: symbols(Symbol("f", (INT,), BOOL, "", True)), "sort Int"),
    "an initial value missing": (lambda: machine(initial={"lent": INITIAL["lent"]}), "says nothing of owned"),
    "an initial value of what changes": (lambda: machine(initial={**INITIAL, "lent": OWNS.decl}), "speaks of 'owned'"),
    "an initial value of what never changes": (lambda: machine(initial={**INITIAL, "stays": INITIAL["lent"]}),
                                               "speaks of 'stays', which is no symbol that changes"),
    "an initial value of another sort": (lambda: machine(initial={**INITIAL, "lent": lambda b: NEW}), "of the sort Wear, not Bool"),
    "two rules of one name": (lambda: machine(rules=(*LENDING.rules, BUY)), "two rules named 'buy'"),
    "a rule named like the initial state": (lambda: machine(rules=(replace(BUY, name="init"),)), "can't be named 'init'"),
    # Two parameters of one name are one object to Z3: only equal arguments would be looked at.
    "two parameters of one name": (lambda: having(lambda s, a, b: Effect(updates={}), B, B), "two parameters named 'book'"),
    "a role that is none": (lambda: having(lambda s, b: Effect(updates={}), replace(B, role="old")), "is 'old', and not"),
    "a parameter of another sort": (lambda: having(lambda s, b: Effect(updates={}), Parameter("n", INT)), "sort Int"),
    "a body of fewer parameters": (lambda: having(lambda s: Effect(updates={})), "can't be applied to its parameters"),
    "a symbol that there is not": (lambda: having(lambda s, b: Effect(updates={"lent": lambda x: s.gone(x)})), "no symbol or trait 'gone'"),
    "a change of what never changes": (updating(stays=lambda x: BoolVal(True)), "changes stays, which never changes"),
    "a change of what is not there": (updating(gone=lambda x: BoolVal(True)), "changes 'gone', which the machine"),
    "a change to another sort": (updating(lent=lambda x: NEW), "of the sort Wear, not Bool"),
    "a change of other arguments": (updating(lent=lambda: BoolVal(True)), "can't be had for 1 arguments"),
    "a change that is no term": (updating(lent=lambda x: True), "is True, which is no Z3 term"),
    "a change to anything": (updating(lent=lambda x: x == FREE), "speaks of 'loose'"),
    "a change by another rule's parameter": (updating(to=lambda x: R.term), r"speaks of '\?reader'"),
    # Of runs of two steps, the second would speak of the state before the first.
    "a change by another state": (updating(lent=lambda x: LENDING.state.owned(x)), "'owned' of another state"),
    "what is presupposed is no formula": (lambda: having(lambda s, b: Effect(updates={}, presupposed=(Presupposition(s.to(b), "…"),))), "of the sort Reader, not Bool"),
    "bytes that are none": (lambda: having(lambda s, b: Effect(updates={}, reclaimed=s.lent(b))), "reports as reclaimed is of the sort Bool"),
    "a sum over another sort": (lambda: having(lambda s, b: Effect(updates={}, reclaimed=sum_of(Sort("Page"), lambda p: z3.IntVal(1)))),
                                r"speaks of 'sum\.Page'"),
    "a refusal twice": (refusing(Refusal("no", BoolVal(False), "…"), Refusal("no", BoolVal(True), "…")), "two refusals named 'no'"),
    "a refusal without a phrase": (refusing(Refusal("no", BoolVal(False), "")), "the refusal 'no' of the rule more has no phrase"),
    "what is presupposed without a phrase": (lambda: having(lambda s, b: Effect(updates={}, presupposed=(Presupposition(BoolVal(True), " "),))),
                                             "what the rule more presupposes has no phrase"),
    "a refusal that leaves what never changes": (refusing(Refusal("no", BoolVal(False), "…", {"stays": lambda x: BoolVal(True)})),
                                                 "the refusal 'no' of the rule more changes stays"),
    # A definition is taken for granted: it must be one of a new relation, and not come back to itself.
    "a definition that contradicts itself": (defining(looping), "defines d by d: a definition that comes back to itself"),
    "a definition of itself": (defining(lambda b, d: d(b)), "comes back to itself"),
    "definitions of each other": (defining(lambda b, d, e: e(b), lambda b, d, e: Not(d(b))), "d by d by d: a definition"),
    "a relation defined twice": (lambda: having(lambda s, b: Effect(updates={}, definitions=(
        Definition(D, (B_AT,), BoolVal(True)), Definition(D, (B_AT,), BoolVal(False))))), "defines two relations"),
    "a definition of a symbol": (lambda: having(lambda s, b: Effect(updates={}, definitions=(
        Definition(LENT.decl, (B_AT,), BoolVal(False)),))), "defines 'lent': a relation of a step's own"),
    "a definition of anything": (lambda: having(lambda s, b: Effect(updates={}, definitions=(
        Definition(D, (B_AT,), s.lent(FREE)),))), "speaks of 'loose'"),
    "a definition for one variable twice": (lambda: having(lambda s, b: Effect(updates={}, definitions=(
        Definition(z3.Function("d!y", BOOK.z3, BOOK.z3, z3.BoolSort()), (B_AT, B_AT), BoolVal(False)),))), "not for different variables"),
    "a definition for another sort": (lambda: having(lambda s, b: Effect(updates={}, definitions=(
        Definition(D, (READER.constant("r"),), BoolVal(False)),))), "not for different variables of its arguments' sorts"),
    "a definition's variable outside": (lambda: having(lambda s, b: Effect(presupposed=(Presupposition(s.lent(B_AT), "…"),), updates={}, definitions=(
        Definition(D, (B_AT,), BoolVal(False)),))), "presupposes speaks of 'b'"),
    "a hint of another sort": (lambda: machine(hints=(Hint((Sort("Page"),), lambda s, p: []),)), "a hint of the machine lending is of the sort Page"),
}


@pytest.mark.parametrize("attack", BAD_MACHINES)
def test_a_machine_that_nothing_can_be_proved_of_is_refused(attack):
    make, says = BAD_MACHINES[attack]
    with pytest.raises(Malformed, match=says):
        make()


def with_laws(*changed, more=()):
    by_id = {law.id: law for law in changed}
    return Catalogue((*(by_id.get(law.id, law) for law in LAWS), *more))


BAD_CATALOGUES = {
    "two that follow from each other": ((replace(OWNED, follows_from=("BOTH",)),), "OWNED is proved from BOTH is proved from OWNED"),
    "one that follows from itself": ((replace(STRICT, follows_from=("STRICT",)),), "STRICT is proved from STRICT"),
    "a step law from a state law from it": ((
        replace(OWNED, from_steps={"lend": ("KEEPS",)}, focus=true), replace(KEEPS, follows_from=("OWNED",))), "can't be proved from itself"),
    "step laws from each other": ((replace(KEEPS, from_steps={"lend": ("HAS",)}), replace(HAS, from_steps={"lend": ("KEEPS",)})),
                                  "can't be proved from itself"),
    "what follows from nothing known": ((replace(OWNED, follows_from=("OWNS",)),), "OWNED is proved from 'OWNS', which is no law"),
    "what follows from a step law": ((replace(OWNED, follows_from=("KEEPS",)),), "KEEPS, which is no state law"),
    "what uses a state law as one of steps": ((replace(KEEPS, from_steps={"lend": ("OWNED",)}),), "no law about lend being done"),
    # It is proved of refused steps only.
    "what uses a law of refusals": ((replace(KEEPS, from_steps={"lend": ("REFUSED",)}),), "REFUSED, which is no law about lend being done"),
    "what uses a law of another rule": ((replace(KEEPS, from_steps={"buy": ("HAS",)}),), "HAS, which is no law about buy being done"),
    "what uses step laws without a focus": ((replace(OWNED, from_steps={"lend": ("KEEPS",)}),), "nothing of the focus"),
    "a refusal from step laws": ((replace(REFUSED, from_steps={"lend": ("KEEPS",)}),), "is about refused steps"),
    # Two variables of one name are one object to Z3.
    "two variables of one name": ((replace(OWNED, variables=ALL_BOOKS * 2),), "OWNED is about two objects named 'book'"),
    "a variable without a name": ((replace(OWNED, variables=(("", BOOK),)),), "can't be about an object named ''"),
    # It would be proved of these rules, and assumed before all.
    "a state law of some rules": ((replace(OWNED, rules=("lend",)),), "OWNED is state and has rules"),
    "a state law of refusals": ((replace(OWNED, refusals=("lent",)),), "OWNED is state and has refusals"),
    "a law of two runs without them": ((replace(TWICE, runs=None),), "TWICE is algebraic"),
    "a step law with two runs": ((replace(KEEPS, runs=TWICE.runs),), "KEEPS is step"),
    "a law of two runs with variables": ((replace(TWICE, variables=ALL_BOOKS),), "TWICE is algebraic and has variables"),
    "idle of another rule": ((replace(HAS, idle=("buy",)),), "idle of rules that it is not about"),
    "a law with a reserved ID": ((replace(OWNED, id="given"),), "can't have the ID 'given'"),
}


@pytest.mark.parametrize("attack", BAD_CATALOGUES)
def test_a_catalogue_that_proves_nothing_is_refused(attack):
    changed, says = BAD_CATALOGUES[attack]
    with pytest.raises(WrongRequest, match=says):
        with_laws(*changed, more=tuple(law for law in changed if law.id not in {own.id for own in LAWS}))


def test_two_laws_of_one_id_are_refused():
    with pytest.raises(WrongRequest, match="two laws named 'OWNED'"):
        with_laws(more=(OWNED,))


def runs(left, parameters=(("book", BOOK), ("reader", READER))):
    return (replace(TWICE, runs=Runs(parameters, left, ())),)


NOT_TOGETHER = {
    "a rule that is not there": ((replace(HAS, rules=("lent-out",)),), "HAS speaks of the rule 'lent-out', which"),
    "a rule's proof that is not there": ((replace(KEEPS, from_steps={"burn": ("REFUSED2",)}), step_law(
        "REFUSED2", "g", "", (), true, lambda t: {"x": BoolVal(True)}, ())), "KEEPS speaks of the rule 'burn'"),
    "an axiom that is not there": ((replace(OWNED, axioms=("none",)),), "the axiom 'none'"),
    "an object of another sort": ((replace(OWNED, variables=(("book", Sort("Page")),)),), "OWNED, the book is of the sort Page"),
    "runs of another rule": (runs((("burn", ("book",)),)), "TWICE speaks of the rule 'burn'"),
    "runs of fewer arguments": (runs((("lend", ("book",)),)), r"calls lend with \(book\), and its parameters are \(book: Book, reader"),
    "runs of other sorts": (runs((("lend", ("reader", "book")),)), "calls lend with"),
    "runs of unknown arguments": (runs((("lend", ("book", "who")),)), "calls lend with"),
    "runs of two parameters of one name": (runs((("buy", ("book",)),), (("book", BOOK), ("book", BOOK))), "two parameters of one name"),
    "no steps on the left": (runs(()), "a left run of no steps"),
    # It would be proved of the state after by what holds before.
    "a law of another state": ((replace(OWNED, premise=lambda s, b: LENDING.state.lent(b), conclusions=lambda s, b: {
        "x": LENDING.state.owned(b)}),), "the premise of OWNED speaks of 'lent' of another state"),
    "a law of anything": ((replace(OWNED, premise=lambda s, b: s.lent(FREE)),), "the premise of OWNED speaks of 'loose'"),
    "a law of a rule's parameter": ((replace(OWNED, premise=lambda s, b: And(s.lent(b), b == B.term)),), r"speaks of '\?book'"),
    "a law that is no formula": ((replace(OWNED, conclusions=lambda s, b: {"x": s.wear(b)}),), "the conclusion 'x' of OWNED is of the sort Wear"),
    "a law that is a value": ((replace(OWNED, conclusions=lambda s, b: {"x": True}),), "is True, which is no Z3 term"),
    "a law that concludes nothing": ((replace(OWNED, conclusions=lambda s, b: {}),), "OWNED concludes nothing of init"),
    "a step law that concludes nothing": ((replace(HAS, conclusions=lambda t, b: {}),), "HAS concludes nothing of lend"),
    "a refusal that concludes nothing": ((replace(REFUSED, conclusions=lambda t: {}),), "REFUSED concludes nothing of buy refused with 'owned'"),
    "two runs that conclude nothing": ((replace(TWICE, conclusions=lambda a: {}),), "TWICE concludes nothing"),
}


@pytest.mark.parametrize("attack", NOT_TOGETHER)
def test_a_catalogue_of_another_machine_is_refused(attack):
    changed, says = NOT_TOGETHER[attack]
    more = tuple(law for law in changed if law.id not in {own.id for own in LAWS})
    with pytest.raises(WrongRequest, match=says):
        prove(LENDING, with_laws(*changed, more=more))


def test_a_machine_without_rules_or_laws_is_refused():
    with pytest.raises(WrongRequest, match="has no rule"):
        prove(machine(rules=()), Catalogue((OWNED,)))
    with pytest.raises(WrongRequest, match="has no laws"):
        prove(LENDING, Catalogue(()))


@pytest.mark.parametrize(("chosen", "says"), [({"rules": ["lend", "burn"]}, "no rule 'burn'"), ({"laws": ["OWNED", "X"]}, "no law 'X'")])
def test_names_that_are_not_known_are_refused(chosen, says):
    with pytest.raises(WrongRequest, match=says):
        prove(LENDING, CATALOGUE, **chosen)


def law(identifier, premise, conclusion, **more):
    return step_law(identifier, "g", "…", ALL_BOOKS, premise, lambda t, b: {"it is so": conclusion(t, b)}, ("test",), **more)


NOT_SHOWN = {
    "a premise that one of its rules never meets": (
        law("L", lambda t, b: And(t.before.lent(b), t.named(b, BOOK)), lambda t, b: t.before.owned(b), rules=("give-back", "buy")),
        "the premise of L never holds when buy is done"),
    "a premise that one of its refusals never meets": (
        law("L", lambda t, b: And(t.named(b, BOOK), Not(t.before.owned(b))), lambda t, b: Not(t.before.lent(b)), rules=("lend",), refusals=("lent", "not-owned")),
        "the premise of L never holds when lend is refused with lent"),
    "a premise that one rule's refusals never meet": (
        law("L", lambda t, b: And(t.named(b, BOOK), Not(t.before.owned(b))), lambda t, b: Not(t.before.lent(b)), refusals=("*",)),
        "the premise of L never holds when buy is refused with owned"),
    "a premise that never holds": (
        law("L", lambda t, b: And(t.before.lent(b), Not(t.before.owned(b))), lambda t, b: BoolVal(False)), "the premise of L never holds"),
    "a condition that is never met": (
        law("L", lambda t, b: t.before.lent(b), lambda t, b: Implies(Not(t.before.owned(b)), t.after.lent(b))),
        "the condition of L that it is so is never met"),
    "a refusal that no rule has": (law("L", true, lambda t, b: BoolVal(False), refusals=("gone",)), "L is about the refusal 'gone', which none"),
    "a rule without its refusals": (law("L", true, lambda t, b: t.before.owned(b) == t.after.owned(b), rules=("lend", "buy"), refusals=("stays",)),
                                    "L is about buy, which has none of its refusals"),
    "a rule said to be idle that is not": (
        law("L", lambda t, b: t.before.lent(b), lambda t, b: t.after.owned(b), rules=("lend",), idle=("lend",)),
        "it is not so that the premise of L never holds when lend is done"),
    "a state law of no state": (
        state_law("L", "g", "…", ALL_BOOKS, lambda s, b: And(s.lent(b), Not(s.owned(b))), lambda s, b: {"x": BoolVal(False)}, ()),
        "the premise of L never holds"),
    "a state law on a condition that is never met": (
        state_law("L", "g", "…", (), true, lambda s: {"x": forall(BOOK, lambda b: Implies(And(s.lent(b), Not(s.owned(b))), s.stays(b)))}, ()),
        "the condition of L that x is never met"),
    "two runs that are never done": (
        replace(TWICE, id="L", runs=Runs((("book", BOOK),), (("buy", ("book",)), ("buy", ("book",))), ())), "the premise of L never holds"),
}


@pytest.mark.parametrize("attack", NOT_SHOWN)
def test_what_is_proved_of_nothing_is_said(attack):
    added, says = NOT_SHOWN[attack]
    proof = prove(LENDING, with_laws(more=(added,)))
    assert (len(proof.verdicts), False) == (proof.count("proved"), proof.holds)
    assert any(sentence.startswith(says) for sentence in proof.vacuous)


def test_a_rule_that_a_law_says_is_idle_may_be():
    idle = law("L", lambda t, b: And(t.before.lent(b), t.named(b, BOOK)), lambda t, b: t.before.owned(b), rules=("give-back", "buy"), idle=("buy",))
    assert prove(LENDING, with_laws(more=(idle,))).holds


def test_a_lemma_among_the_axioms_is_always_proved():
    false = Axiom("every book may be lent", forall(BOOK, lambda b: Not(STAYS.decl(b))), "", lemma=True)
    proof = prove(axioms(false), CATALOGUE)
    assert (False, {false.name: False}) == (proof.holds, dict(proof.lemmas))
    true_one = Axiom("not all books stay", Not(forall(BOOK, STAYS.decl)), "", lemma=True)
    proof = prove(axioms(true_one), CATALOGUE)
    assert (True, {true_one.name: True}) == (proof.holds, dict(proof.lemmas))


def test_a_lemma_is_not_proved_by_another_of_its_name():
    false = Axiom("every book may be lent", forall(BOOK, lambda b: Not(STAYS.decl(b))), "", lemma=True)
    with pytest.raises(WrongRequest, match="two lemmas named 'every book may be lent'"):
        prove(axioms(false), CATALOGUE, beside=[Lemma(false.name, (Case((), BoolVal(True)),))])


@pytest.mark.parametrize("cases", [(), (Case((BoolVal(False),), BoolVal(False)),), (Case((), z3.Bool("x")),)])
def test_a_lemma_without_a_case_or_of_nothing_is_not_proved(cases):
    proof = prove(LENDING, CATALOGUE, beside=[Lemma("l", cases)])
    assert (False, False) == (proof.holds, proof.lemmas["l"])


def test_sums_are_used_only_with_their_lemmas():
    counted = Symbol("count", (), INT, "")
    grows = rule(lambda s, b: Effect(updates={"count": lambda: s.count + sum_of(BOOK, lambda x: z3.IntVal(0))}), B, name="count")
    wider = machine(symbols=(*SYMBOLS, counted), initial={**INITIAL, "count": lambda: z3.IntVal(0)}, rules=(*LENDING.rules, grows))
    zero = state_law("ZERO", "g", "…", (), true, lambda s: {"it is zero": s.count == 0}, (), sums=True)
    proof = prove(wider, with_laws(more=(zero,)))
    assert (True, 5) == (proof.holds, len(proof.lemmas))
    unsaid = prove(wider, with_laws(more=(replace(zero, sums=False),)))  # a weaker proof, and no false one
    assert (0, 1) == (unsaid.count("refuted"), unsaid.count("undecided"))
    assert unsaid.verdicts[-1].outcome in ("proved", "undecided")


def test_a_sum_that_depends_on_a_bound_variable_is_not_one_number():
    """Else a law that says of every book the sum over the others would be one about all books at once."""
    pages = Symbol("pages", (BOOK,), INT, "")
    ones = lambda b: sum_of(BOOK, lambda x: z3.If(x == b, 1, 0))
    wider = machine(symbols=(*SYMBOLS, pages), initial={**INITIAL, "pages": lambda b: z3.IntVal(0)}, rules=(
        *LENDING.rules, rule(lambda s: Effect(updates={"pages": lambda b: z3.If(s.stays(b), ones(b), sum_of(BOOK, lambda x: z3.If(
            And(x == b, s.owned(b)), 1, 0)))}), name="count")))
    same = state_law("SAME", "g", "…", (), true, lambda s: {"all alike": Or(
        forall(BOOK, lambda b: s.pages(b) == 0), forall([BOOK] * 2, lambda a, b: s.pages(a) == s.pages(b)))}, (), sums=True)
    proof = prove(wider, with_laws(more=(same,)))
    assert not proof.holds
    assert "proved" not in [v.outcome for v in proof.verdicts if (v.rule, v.law) == ("count", "SAME")]


def test_a_refusal_that_half_happens_breaks_state_laws_too():
    half = replace(BUY, body=lambda s, b: Effect(updates={}, refusals=(
        Refusal("owned", s.owned(b), "…", {"lent": lambda x: BoolVal(True)}),)))
    proof = prove(LENDING.with_rule(half), Catalogue((OWNED,)))
    assert ("refuted", "owned") in [(v.outcome, v.refusal) for v in proof.verdicts if v.rule == "buy"]


def test_nothing_is_proved_of_what_is_not_there():
    """What a symbol says of that which is not there is of no account, and nothing can be concluded from it."""
    to_one = law("L", true, lambda t, b: t.after.to(b) == t.before.to(b), rules=("give-back",))
    assert "refuted" in [v.outcome for v in prove(LENDING, with_laws(more=(to_one,))).verdicts]
    explored = Explorer(LENDING, Catalogue((to_one,)), {"Book": 1, "Reader": 2}, universes=universes, empties=False)
    assert "L" in explored.run({"lax": {"strict": False}}).findings
    kept = state_law("L", "g", "…", (("book", BOOK), ("reader", READER)), lambda s, b, r: Not(s.owned(b)), lambda s, b, r: {
        "it is as it was": s.wear(b) == NEW}, ())
    begun = machine(initial={**INITIAL, "wear": lambda b: NEW})
    assert not prove(begun, with_laws(more=(kept,))).holds


def test_a_relation_that_two_steps_define_is_not_both():
    """Of two runs each step must define its own, or they would contradict each other."""
    gone = z3.Function("gone!1", BOOK.z3, z3.BoolSort())
    fixed = replace(CLEAR, body=lambda s: Effect(
        definitions=(Definition(gone, (B_AT,), And(s.owned(B_AT), Not(s.lent(B_AT)))),),
        updates={"owned": lambda x: And(s.owned(x), Not(gone(x)))}))
    with pytest.raises(WrongRequest, match=r"TWICE: two steps define one relation 'gone!1'"):
        prove(LENDING.with_rule(fixed), CATALOGUE)


@pytest.mark.parametrize("broken", [
    machine(axioms=(Axiom("none", BoolVal(False), ""),)),
    machine(axioms=(*AXIOMS, Axiom("none may", forall(BOOK, STAYS.decl), ""))),
])
def test_contradictory_axioms_are_seen(broken):
    proof = prove(broken, CATALOGUE)
    assert not proof.holds
    assert "buy can never be done" in proof.vacuous


def test_state_laws_that_contradict_each_other_are_seen():
    never = state_law("NEVER", "g", "…", (), true, lambda s: {"x": BoolVal(False)}, ())
    proof = prove(LENDING, with_laws(more=(never,)))
    assert not proof.holds
    assert "buy can never be done" in proof.vacuous


# What a proof rests on.


def test_a_proof_of_some_laws_says_which_others_it_rests_on():
    proof = prove(LENDING, CATALOGUE, laws=["BOTH"])
    assert (("OWNED", "STRICT"), True) == (proof.rests_on, proof.begun)
    assert ["rests on OWNED, STRICT: assumed before each step, and not proved here"] == supposed(proof)
    assert all({"OWNED", "STRICT"} <= {*v.used} for v in proof.verdicts)


def test_a_proof_of_some_rules_rests_on_its_own_laws_and_on_the_beginning():
    proof = prove(LENDING, CATALOGUE, rules=["lend"], laws=["OWNED"])
    assert (("OWNED",), False) == (proof.rests_on, proof.begun)
    assert "the initial state and the other rules" in supposed(proof)[1]


def test_a_whole_proof_rests_on_nothing():
    proof = prove(LENDING, CATALOGUE)
    assert ((), True, []) == (proof.rests_on, proof.begun, supposed(proof))
    assert proof.holds


# Harmless.


def test_hints_say_nothing_whatever_their_terms():
    """They are asked whether they are mentioned, by a name that no symbol can have."""
    hints = (Hint((BOOK,), lambda s, b: [Not(s.lent(b)), BoolVal(False), s.to(b)]),)
    wrong = replace(BACK, body=lambda s, b: Effect(updates={"owned": lambda x: And(s.owned(x), x != b)}))
    for named in ("mentioned", "canonical", "nothing", "any", "x"):
        more = (Symbol(named, (BOOK,), BOOL, "", True),)
        hinted = machine(hints=hints, symbols=(*SYMBOLS, *more))
        assert prove(hinted, CATALOGUE).holds
        assert "refuted" in [v.outcome for v in prove(hinted.with_rule(wrong), CATALOGUE, laws=["OWNED"]).verdicts]


@pytest.mark.parametrize("changes", [{"universal": False}, {"sums": True}, {"universal": False, "sums": True}])
def test_what_a_law_says_of_its_form_makes_no_false_proof(changes):
    """It decides when a law is used as a hypothesis, not whether it may be; of sums it is used for few objects."""
    other = Catalogue(tuple(replace(law, **changes) if law.kind.value == "state" else law for law in LAWS))
    right = prove(LENDING, other)
    assert (0, "sums" not in changes) == (right.count("refuted"), right.holds)
    wrong = replace(BACK, body=lambda s, b: Effect(updates={"owned": lambda x: And(s.owned(x), x != b)}))
    assert "refuted" in [v.outcome for v in prove(LENDING.with_rule(wrong), other).verdicts]


def test_a_focus_that_does_not_cover_leaves_the_rest_to_be_proved():
    focused = replace(OWNED, from_steps={"lend": ("HAS",)}, focus=lambda t, b: BoolVal(False))
    assert prove(LENDING, with_laws(focused)).holds
    wrong = replace(LEND, body=lambda s, b, r: Effect(updates={"lent": lambda x: BoolVal(True), "to": lambda x: r}))
    proof = prove(LENDING.with_rule(wrong), with_laws(focused), laws=["OWNED"])
    assert "refuted" in [v.outcome for v in proof.verdicts if v.rule == "lend"]


def test_names_that_laws_parameters_and_axioms_share_are_different_things():
    """A law's book is not the rule's, and an axiom of the name of a hypothesis takes the place of none that matters."""
    for name in ("given", "outcome", "definition 0", "values 0", "OWNED"):
        odd = axioms(Axiom(name, BoolVal(True), "", for_proofs=False))
        assert prove(odd, CATALOGUE, laws=["KEEPS", "BOTH"]).count("refuted") == 0
    other = law("L", lambda t, b: t.before.lent(b), lambda t, b: t.named(b, BOOK), rules=("lend",))
    assert "refuted" in [v.outcome for v in prove(LENDING, with_laws(more=(other,))).verdicts]


def test_an_axiom_that_narrows_the_machine_is_no_contradiction():
    assert prove(axioms(Axiom("no book stays", forall(BOOK, lambda b: Not(STAYS.decl(b))), "")), Catalogue((OWNED,))).count("refuted") == 0


def test_a_definition_named_like_a_bound_variable_is_its_own():
    def body(s, b):
        odd, means = define("x", [BOOK], lambda x: And(s.lent(x), exists(BOOK, lambda y: y == b)))
        return Effect(definitions=(means,), updates={"lent": lambda x: odd(x)})

    assert prove(having(body), Catalogue((OWNED,))).holds


def test_a_law_follows_from_others_of_more_objects_and_other_sorts():
    """No image of a container is looked for: what the state says of the objects there are, or all objects."""
    nobody = state_law("READS", "g", "…", (("reader", READER), ("book", BOOK)), lambda s, r, b: And(s.lent(b), s.to(b) == r),
                       lambda s, r, b: {"owned": s.owned(b)}, (), follows_from=("OWNED",))
    about_none = state_law("NONE", "g", "…", (), lambda s: exists(BOOK, s.lent), lambda s: {"owned": exists(BOOK, s.owned)}, (),
                           follows_from=("OWNED",))
    proof = prove(LENDING, with_laws(more=(nobody, about_none)))
    assert proof.holds


def test_what_can_be_decided_by_the_prover_alone_is_not_less_sound():
    prover = Prover(LENDING, CATALOGUE)
    assert all("proved" == prover.verdict(o).outcome for o in prover.obligations.all())


# What rules presuppose.


def presupposing(given, *parameters, refusals=(), **updates):
    """The machine with one more rule that presupposes something."""
    return having(lambda s, *a: Effect(
        updates=updates, presupposed=tuple(Presupposition(one, "…") for one in given(s, *a)),
        refusals=tuple(Refusal(name, when(s, *a), "…") for name, when in refusals)), *parameters)


FOUND, NEW_BOOK = Parameter("reader", READER, "found"), Parameter("book", BOOK, "new")
OTHER = Parameter("other", BOOK)


def defining_by_found(s, b, r):
    """A refusal that depends on what is found through a definition only."""
    reads, means = define("reads", [BOOK], lambda x: s.to(x) == r)
    return Effect(updates={}, definitions=(means,), refusals=(
        Refusal("no", reads(b), "…"), Refusal("else", BoolVal(True), "…")))


HIDDEN = {
    "one that may not be there": (presupposing(lambda s, b, r: (And(s.lent(b), s.to(b) == r),), B, FOUND), "there may be nothing"),
    "one of several": (presupposing(lambda s, b, r: (Implies(s.lent(b), s.stays(b) == s.stays(b)),), B, FOUND), "may find more than one reader"),
    "one of which the refusal depends": (presupposing(lambda s, b, r: (), B, FOUND, refusals=[
        ("no", lambda s, b, r: s.to(b) != r), ("else", lambda s, b, r: BoolVal(True))]), "may find more than one reader"),
    "one that a definition speaks of": (having(defining_by_found, B, FOUND), "may find more than one reader"),
    "a case hidden with what is found": (presupposing(lambda s, b, r: (And(Not(s.lent(b)), s.to(b) == r),), B, FOUND),
                                         "there may be nothing"),
    "a case hidden with what is new": (presupposing(lambda s, b, o: (Implies(s.owned(o), And(Not(s.lent(o)), Not(s.owned(b)))), Not(s.owned(b))), NEW_BOOK, OTHER),
                                       "more presupposes, and does not say, that it is not so that lent(other)"),
    "a value hidden with what is new": (presupposing(lambda s, b, o: (Or(Not(s.owned(b)), b == o), Implies(s.owned(o), And(s.wear(o) == NEW, b != o)),), NEW_BOOK, OTHER),
                                        "that it is not so that wear(other) is worn"),
    "a trait hidden with what is new": (presupposing(lambda s, b: (And(Not(s.owned(b)), Not(And(s.strict, b == b))),), NEW_BOOK),
                                        "that it is not so that strict"),
}


@pytest.mark.parametrize("attack", HIDDEN)
def test_a_case_that_is_hidden_in_what_is_presupposed_is_said(attack):
    hiding, says = HIDDEN[attack]
    proof = prove(hiding, CATALOGUE)
    assert not proof.holds
    assert any(says in sentence for sentence in proof.vacuous)


@pytest.mark.parametrize("open_", [
    presupposing(lambda s, b, r: (s.to(b) == r,), B, FOUND),
    presupposing(lambda s, b, r: (Implies(s.lent(b), s.to(b) == r),), B, FOUND, refusals=[("not-lent", lambda s, b, r: Not(s.lent(b)))]),
    presupposing(lambda s, b, r: (s.lent(b), Implies(s.lent(b), s.to(b) == r)), B, FOUND),  # the case is one of what is named
    presupposing(lambda s, b, r: (), B, replace(FOUND, role="chosen")),
    presupposing(lambda s, b, o: (Not(s.owned(b)), b != o), NEW_BOOK, OTHER),
    presupposing(lambda s, b: (Not(s.lent(b)),), B),
])
def test_what_is_presupposed_may_say_which_object_is_meant(open_):
    assert prove(open_, CATALOGUE).holds
