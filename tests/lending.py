"""A small machine that tests corrupt: books that are owned and lent.

It has what machines have: a rigid relation with an axiom, a symbol that means something only of what is lent, an
enumerated sort, a trait, refusals, a definition of a step's own, laws of all kinds.
"""

from __future__ import annotations

import itertools

from z3 import And, BoolVal, If, Not, Or

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import (
    BOOL,
    Axiom,
    Effect,
    Machine,
    Parameter,
    Refusal,
    Rule,
    RuleKind,
    Sort,
    Symbol,
    Trait,
    define,
    exists,
)
from layerproof.laws.law import Catalogue, Kind, Law, Runs, same, state_law, step_law, true

BOOK, READER = Sort("Book"), Sort("Reader")
STATE = Sort("Wear", "", ("new", "worn"))
NEW, WORN = (STATE.value(v) for v in STATE.values)
B, R = Parameter("book", BOOK), Parameter("reader", READER)
ALL_BOOKS = (("book", BOOK),)

SYMBOLS = (
    Symbol("stays", (BOOK,), BOOL, "it is for reading here", rigid=True),
    Symbol("owned", (BOOK,), BOOL, "the library has it"),
    Symbol("lent", (BOOK,), BOOL, "it is lent"),
    Symbol("to", (BOOK,), READER, "to whom", of="lent"),
    Symbol("wear", (BOOK,), STATE, "how it looks", of="owned"),
)
AXIOMS = (Axiom("some book may be lent", exists(BOOK, lambda b: Not(SYMBOLS[0].decl(b))), "test"),)
INITIAL = {"owned": lambda b: BoolVal(False), "lent": lambda b: BoolVal(False)}


def buy(s, b):
    return Effect(refusals=(Refusal("owned", s.owned(b), "…"),), updates={
        "owned": lambda x: Or(x == b, s.owned(x)), "wear": lambda x: If(x == b, NEW, s.wear(x))})


def lend(s, b, r):
    return Effect(
        refusals=(Refusal("not-owned", Not(s.owned(b)), "…"), Refusal("lent", s.lent(b), "…"),
                  Refusal("stays", And(s.stays(b), s.strict), "…")),
        updates={"lent": lambda x: Or(x == b, s.lent(x)), "to": lambda x: If(x == b, r, s.to(x))})


def give_back(s, b):
    return Effect(refusals=(Refusal("not-lent", Not(s.lent(b)), "…"),), updates={
        "lent": lambda x: And(x != b, s.lent(x)), "wear": lambda x: If(x == b, WORN, s.wear(x))})


def clear(s):
    gone, means = define("gone", [BOOK], lambda b: And(s.owned(b), Not(s.lent(b)), s.wear(b) == WORN))
    return Effect(definitions=(means,), updates={"owned": lambda x: And(s.owned(x), Not(gone(x)))})


def rule(body, *parameters, name=None):
    return Rule(name or body.__name__.replace("_", "-"), parameters, body, RuleKind.CHANGES, "…", "test")


BUY = rule(buy, B)
LEND = rule(lend, B, R)
BACK = rule(give_back, B)
CLEAR = rule(clear)
LENDING = Machine("lending", (BOOK, READER, STATE), SYMBOLS, (Trait("strict", "no book that stays is lent", "test"),),
                  AXIOMS, INITIAL, (BUY, LEND, BACK, CLEAR))

OWNED = state_law("OWNED", "g", "What is lent is owned.", ALL_BOOKS, lambda s, b: s.lent(b),
                  lambda s, b: {"it is owned": s.owned(b)}, ("test",))
STRICT = state_law("STRICT", "g", "No book that stays is lent.", ALL_BOOKS, lambda s, b: And(s.stays(b), s.strict),
                   lambda s, b: {"it is not lent": Not(s.lent(b))}, ("test",))
BOTH = state_law("BOTH", "g", "What is lent may be.", ALL_BOOKS, lambda s, b: And(s.lent(b), s.strict),
                 lambda s, b: {"it is owned": s.owned(b), "it may be": Not(s.stays(b))}, ("test",),
                 follows_from=("OWNED", "STRICT"))
REFUSED = step_law("REFUSED", "g", "A refusal changes nothing.", (), true,
                   lambda t: LENDING.same(t.after, t.before), ("test",), refusals=("*",))
HAS = step_law("HAS", "g", "Who borrows a book has it.", ALL_BOOKS, lambda t, b: t.named(b, BOOK),
               lambda t, b: {"it is lent": t.after.lent(b), "to the reader": t.after.to(b) == t.arguments[1]},
               ("test",), rules=("lend",))
KEEPS = step_law("KEEPS", "g", "A lent book stays the library's.", ALL_BOOKS, lambda t, b: t.before.lent(b),
                 lambda t, b: {"it stays": t.after.owned(b)}, ("test",))
TWICE = Law("TWICE", "g", Kind.ALGEBRAIC, "Clearing twice is clearing once.", (), lambda a: BoolVal(True),
            lambda a: same(a, a.right), ("test",),
            runs=Runs((), (("clear", ()), ("clear", ())), (("clear", ()),)))
LAWS = (OWNED, STRICT, BOTH, REFUSED, HAS, KEEPS, TWICE)
CATALOGUE = Catalogue(LAWS)


def universes(ground: GroundMachine) -> list[Vector]:
    """All rigid values of a small machine that satisfy its axioms."""
    layout, fits = ground.layout, ground.axioms()
    slots = [(False, True) if symbol.result == BOOL else layout.elements(symbol.result)
             for symbol in ground.machine.rigid for _ in layout.tuples(symbol)]
    return [values for values in itertools.product(*slots) if fits(values)]


