"""Lemmas beside the laws: each is proved, needs what it assumes, and assumes nothing impossible."""

from __future__ import annotations

from dataclasses import replace

import pytest
import z3

from layermodel.objects import CONTAINER
from layermodel.union.rules import UNION
from layerproof.laws.lemmas import Case, Lemma, contradict
from layerproof.laws.obligations import AnyAfter
from layerproof.machines.registry import names, subject
from layerproof.machines.union import merging, refinement
from layerproof.machines.union.merging import stack_lemmas
from layerproof.machines.union.refinement import refinement_lemmas
from layerproof.readings.prove.prove import Task
from layerproof.readings.prove.sums import sum_lemmas

SUBJECTS = [subject(name) for name in names()]
TASKS = {s.name: Task(s, beside=s.lemmas()) for s in SUBJECTS}
LEMMAS = {f"{name}: {lemma.name}": lemma for name, task in TASKS.items() for lemma in task.lemmas}
A, B = z3.Bools("a b")


@pytest.mark.parametrize("name", LEMMAS)
def test_a_lemma_is_proved(name):
    assert LEMMAS[name].proved


def test_each_machine_has_its_own():
    own = {name: {lemma.name for lemma in task.lemmas} for name, task in TASKS.items()}
    assert {lemma.name for lemma in sum_lemmas()} == own["store"]
    axioms = {axiom.name for axiom in UNION.axioms if axiom.lemma}
    beside = {lemma.name for lemma in (*stack_lemmas(), *refinement_lemmas())}
    assert (3, axioms | beside) == (len(axioms), own["union"])


@pytest.mark.parametrize(("case", "proved"), [
    (Case((A,), z3.Or(A, B)), True),
    (Case((A,), B), False),
    (Case((A, z3.Not(A)), B), False),  # of nothing that can be
    (Case((A,), z3.Or(A, B), possible=z3.Not(A)), False),  # nor this
    (Case((A,), z3.Or(A, B), possible=B), True)])
def test_a_lemma_is_proved_if_its_claim_follows_from_what_can_be(case, proved):
    assert proved == Lemma("", (case,)).proved
    assert not Lemma("", (case, Case((), A))).proved


NEEDED = [(name, c, n) for name, lemma in LEMMAS.items() for c, case in enumerate(lemma.cases)
          for n, formula in enumerate(case.assumed)
          if not any(formula.eq(axiom.formula) for s in SUBJECTS for axiom in s.machine.axioms)
          and not any(formula.eq(values) for values in UNION.enumerations)]


def follows(case):
    """Whether the claim follows, with less patience than a proof has."""
    solver = z3.SimpleSolver()
    solver.set("rlimit", 2_000_000)
    solver.add(*case.refuted)
    return solver.check() == z3.unsat


@pytest.mark.parametrize(("name", "number"), sorted({(n, c) for n, c, _ in NEEDED if not n.startswith("store")}))
def test_without_something_that_is_assumed_a_lemma_is_not_proved(name, number):
    case = LEMMAS[name].cases[number]
    needed = [n for name_, c, n in NEEDED if (name_, c) == (name, number)]
    needless = [n for n in needed if follows(
        replace(case, assumed=case.assumed[:n] + case.assumed[n + 1:]))]
    assert [] == needless


def test_a_machine_that_forgets_what_hides_does_not_merge_its_layers(monkeypatch):
    monkeypatch.setattr(merging, "hides", lambda s, c, q: s.whiteout(c, q))
    assert not all(lemma.proved for lemma in stack_lemmas())


@pytest.mark.parametrize("forgotten", ["whiteout", "opaque"])
def test_squashing_that_forgets_a_mark_is_not_proved(forgotten, monkeypatch):
    right = merging._squashed
    monkeypatch.setattr(merging, "_squashed", lambda one, other: replace(
        right(one, other), **{forgotten: getattr(one, forgotten)}))
    assert not stack_lemmas()[-1].proved


@pytest.mark.parametrize("forgotten", ["it is of the same kind", "its marks are the same", "its mode is the same"])
def test_a_law_that_forgets_part_of_an_upper_makes_no_refinement(forgotten, monkeypatch):
    law = refinement.UNION_LAWS.law("LOWER-5")
    step = AnyAfter.of(UNION.rules[0].step(UNION.state))
    weaker = replace(law, conclusions=lambda t, c, p: {
        n: f for n, f in law.conclusions(t, c, p).items() if n != forgotten})
    assert forgotten in law.conclusions(step, CONTAINER.constant("c"), UNION.state.root)
    whole = refinement._extensional(step)
    monkeypatch.setattr(refinement, "_extensional", lambda t: whole)
    monkeypatch.setattr(refinement, "UNION_LAWS", type(refinement.UNION_LAWS)(tuple(
        weaker if one is law else one for one in refinement.UNION_LAWS.laws)))
    assert not refinement._done().proved


def test_contradictions_are_told_from_what_is_possible():
    assert contradict([A, z3.Not(A)])
    assert not contradict([A, B])
