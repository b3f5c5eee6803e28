from __future__ import annotations

import pytest
import z3

from layerproof.laws.lemmas import Lemma
from layerproof.readings.prove.sums import eliminate, sum_lemmas

X = z3.DeclareSort("Thing")
SUM = z3.Function("sum.Thing", z3.ArraySort(X, z3.IntSort()), z3.IntSort())
x, a = z3.Consts("x a", X)
f, g = (z3.Function(n, X, z3.IntSort()) for n in "fg")


def total(body: z3.ExprRef) -> z3.ExprRef:
    return SUM(z3.Lambda([x], body))


def verdict(*formulas: z3.ExprRef) -> z3.CheckSatResult:
    solver = z3.SimpleSolver()
    solver.set("rlimit", 2_000_000)
    solver.add(*eliminate(formulas, [a]))
    return solver.check()


@pytest.mark.parametrize("lemma", sum_lemmas(), ids=lambda lemma: lemma.name)
def test_lemma_without_its_assumption_is_not_proved(lemma: Lemma) -> None:
    solver = z3.Solver()
    solver.set("rlimit", 2_000_000)
    solver.add(*(formula for formula in lemma.cases[1].refuted if not z3.is_quantifier(formula)))
    assert z3.unsat != solver.check()


def test_sum_of_parts() -> None:
    assert z3.unsat == verdict(total(f(x) + g(x)) != total(f(x)) + total(g(x)))


def test_one_point_more() -> None:
    assert z3.unsat == verdict(total(z3.If(x == a, f(x) + 1, f(x))) != total(f(x)) + 1)


def test_false_claim_is_not_proved() -> None:
    assert z3.unsat != verdict(total(f(x) + g(x)) != total(f(x)))
