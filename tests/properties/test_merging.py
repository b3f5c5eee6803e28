"""Stacks of layers of any height show what the definition of a whole stack says, and may be squashed."""

from dataclasses import replace

import pytest
import z3

from layermodel.union_rules import UNION
from layerproof import merging
from layerproof.merging import contradictions, stack_lemmas
from layerproof.prove import prove_lemmas

NAMES = [lemma.name for lemma in stack_lemmas()]


def refuted(formulas):
    solver = z3.SimpleSolver()
    solver.set("rlimit", 2_000_000)
    solver.add(*formulas)
    return solver.check() == z3.unsat


def test_the_lemmas_are_proved():
    proved = dict(prove_lemmas(UNION))
    assert dict.fromkeys(NAMES, True) == {name: proved[name] for name in NAMES}


@pytest.mark.parametrize("lemma", stack_lemmas(), ids=lambda lemma: lemma.name)
def test_what_is_assumed_does_not_contradict_itself(lemma):
    assert not refuted(contradictions(lemma)[1])


@pytest.mark.parametrize(("lemma", "number"), [(lemma, n) for lemma in stack_lemmas()
                                               for n in range(len(lemma.assumed))])
def test_without_something_that_is_assumed_a_lemma_is_not_proved(lemma, number):
    fewer = lemma.assumed[:number] + lemma.assumed[number + 1:]
    assert not refuted(contradictions(replace(lemma, assumed=fewer))[0])


def test_a_machine_that_forgets_what_hides_is_not_proved(monkeypatch):
    monkeypatch.setattr(merging, "hides", lambda s, c, q: s.whiteout(c, q))
    assert not all(refuted(contradictions(lemma)[0]) for lemma in stack_lemmas())


@pytest.mark.parametrize("forgotten", ["whiteout", "opaque"])
def test_squashing_that_forgets_a_mark_is_not_proved(forgotten, monkeypatch):
    right = merging._squashed
    monkeypatch.setattr(merging, "_squashed", lambda one, other: replace(
        right(one, other), **{forgotten: getattr(one, forgotten)}))
    assert not refuted(contradictions(stack_lemmas()[-1])[0])
