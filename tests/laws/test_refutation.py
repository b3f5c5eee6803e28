"""Questions to Z3: the answer is about the formulas, and about nothing that was asked before."""

import z3

from layermodel.language.rules import Sort
from layerproof.laws import refutation
from layerproof.laws.refutation import Found, Limits, ask, contradict

A = Sort("Apple", "")
P, Q = (z3.Function(name, A.z3, z3.BoolSort()) for name in "pq")
X = A.constant("x")
ALL = z3.ForAll([X], z3.Implies(P(X), Q(X)))
ONE = A.constant("one")


def test_what_contradicts_is_named_and_what_is_not_needed_is_not():
    labelled = {"all": ALL, "needless": z3.ForAll([X], z3.Or(P(X), Q(X))), "not": z3.Not(Q(ONE))}
    assert Found("unsat", frozenset({"all", "not"})) == ask([P(ONE)], labelled, Limits(False, 100_000))


def test_what_does_not_contradict_is_known_with_models_and_unknown_without():
    assert "sat" == ask([ALL, P(ONE)], {}, Limits(True, 1_000_000)).answer
    assert "unknown" == ask([ALL, P(ONE)], {}, Limits(False, 1_000_000)).answer
    assert "unknown" == ask([ALL, P(ONE), z3.Not(Q(ONE))], {}, Limits(True, 1)).answer


def test_a_question_that_takes_too_long_is_timed_out_and_not_unknown(monkeypatch):
    monkeypatch.setattr(refutation, "SECONDS", 0.05)
    numbers = [z3.Int(f"n{n}") for n in range(12)]
    hard = [z3.Sum([n * n * n for n in numbers]) == 7 ** 11, *(n > 1 for n in numbers), z3.Product(numbers) == 1 << 61]
    assert "timed out" == ask(hard, {}, Limits(True, 4_000_000_000)).answer


def test_constants_made_anew_stay_apart():
    one, other = z3.FreshConst(A.z3, "another"), z3.FreshConst(A.z3, "another")
    assert not contradict([P(one), z3.Not(P(other))])
    assert contradict([P(one), z3.Not(P(one))])


def test_functions_made_anew_within_quantifiers_stay_themselves():
    """Z3's own way to put one function for another breaks where its arguments are bound variables."""
    f, g = z3.Function("gone!17", A.z3, A.z3, z3.BoolSort()), z3.Function("step", A.z3, A.z3)
    y = A.constant("y")
    claim = z3.ForAll([X], z3.Exists([y], f(g(X), y)))
    assert contradict([claim, z3.ForAll([X, y], z3.Not(f(X, y)))])
    assert not contradict([claim, z3.ForAll([X, y], f(X, y))])
