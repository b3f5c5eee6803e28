"""Terms in their normal form: the same whenever the same is said, and no other."""

import z3
from hypothesis import given
from hypothesis import strategies as st

from layermodel.language.normal import digest, renamed, written
from layermodel.language.rules import Sort, define, exists, forall, sum_of

A, B = Sort("Apple", ""), Sort("Basket", "")
IN = z3.Function("in", A.z3, B.z3, z3.BoolSort())
RIPE = z3.Function("ripe", A.z3, z3.BoolSort())


def said(kept=()):
    """Formulas with an object that is made anew; others of the same kind are made before."""
    apple = z3.FreshConst(A.z3, "another Apple")
    return [forall(B, lambda b: z3.Not(IN(apple, b))), exists([A, B], lambda a, b: z3.And(IN(a, b), a != apple))]


def test_what_is_said_again_is_the_same_term():
    assert forall(B, lambda b: exists(A, lambda a: IN(a, b))).eq(forall(B, lambda b: exists(A, lambda a: IN(a, b))))


def test_quantifiers_within_others_bind_variables_of_their_own():
    """Two of one sort: the inner one must not take the outer one's variable for its own."""
    two = exists(A, lambda one: exists(A, lambda other: one != other))
    solver = z3.Solver()
    solver.add(two)
    assert z3.sat == solver.check()
    solver.add(forall(A, lambda one: forall(A, lambda other: one == other)))
    assert z3.unsat == solver.check()


def test_a_sum_within_a_quantifier_binds_its_own():
    total = lambda b: sum_of(A, lambda a: z3.If(IN(a, b), 1, 0))
    nested = forall(A, lambda outer: exists(B, lambda b: z3.And(IN(outer, b), total(b) > 0)))
    assert 3 == len({"a.0", "b.1", "a.2"} & set(nested.sexpr().replace("(", " ").replace(")", " ").split()))


def test_names_made_anew_do_not_matter_and_which_is_which_does():
    one, other = said(), said()
    assert digest(one) == digest(other) != digest(reversed(one))
    assert digest(one) != digest([one[0], other[1]])
    assert [f.sexpr() for f in renamed(one)] == [f.sexpr() for f in renamed(other)]
    assert renamed([one[0], other[1]])[1].sexpr() != renamed(one)[1].sexpr()


def test_one_name_of_two_sorts_is_not_the_same():
    x, y = z3.Const("x", A.z3), z3.Const("x", B.z3)
    assert (x == x).sexpr() == (y == y).sexpr()
    assert digest([z3.Not(x == z3.Const("y", A.z3))]) != digest([z3.Not(y == z3.Const("y", B.z3))])


def test_a_definition_is_named_by_what_it_means():
    ripe = lambda: define("good", [A], lambda a: exists(B, lambda b: z3.And(IN(a, b), RIPE(a))))
    others = define("good", [A], RIPE), define("good", [A], lambda a: z3.Not(RIPE(a)))
    assert ripe()[0].eq(ripe()[0])
    assert 3 == len({ripe()[0].name(), *(decl.name() for decl, _ in others)})


@given(st.lists(st.integers(0, 5), max_size=6))
def test_the_normal_form_does_not_depend_on_what_else_there_is(before):
    """How Z3 writes a term depends on what of it is used elsewhere in the process; the normal form must not."""
    term = forall(B, lambda b: z3.Implies(exists(A, lambda a: z3.And(IN(a, b), RIPE(a))),
                                          exists(A, lambda a: z3.Or(IN(a, b), RIPE(a)))))
    held, stack = [], [term]
    while stack and len(held) < 40:
        part = stack.pop()
        held += [part] * (before[len(held) % len(before)] if before else 1)
        stack += [part.body()] if z3.is_quantifier(part) else part.children()
    text = term.sexpr()
    assert written(term).digest == written(z3.parse_smt2_string(
        "(declare-sort Apple)(declare-sort Basket)(declare-fun in (Apple Basket) Bool)"
        f"(declare-fun ripe (Apple) Bool)(assert {text})")[0]).digest
