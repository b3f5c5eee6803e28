"""What is proved beside the laws: lemmas that proofs use, and what laws together amount to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import z3

from layermodel.language.rules import Machine, Term
from layerproof.laws.obligations import Obligation
from layerproof.laws.refutation import contradict


@dataclass(frozen=True)
class Case:
    """A claim that follows from what is assumed.

    Attributes:
        possible: may be so beside what is assumed; a claim about nothing that can happen would say nothing.
    """

    assumed: tuple[Term, ...]
    claim: Term
    possible: Term | None = None

    @property
    def refuted(self) -> list[Term]:
        """Formulas that contradict each other if the claim follows."""
        return [*self.assumed, z3.Not(self.claim)]

    @property
    def witnessed(self) -> list[Term]:
        """Formulas that must not contradict each other."""
        return [*self.assumed, *([] if self.possible is None else [self.possible])]


@dataclass(frozen=True)
class Lemma:
    """A lemma: what it says, and the cases by which it is proved (for an induction two of them)."""

    name: str
    cases: tuple[Case, ...]

    @property
    def proved(self) -> bool:
        """Whether there is a claim and every one follows, none from assumptions that contradict each other."""
        return bool(self.cases) and all(
            contradict(case.refuted) and not contradict(case.witnessed) for case in self.cases)


@dataclass(frozen=True)
class Claimed:
    """A lemma that amounts to obligations about steps, which are proved as those of laws are.

    Each outcome that they are about has to be possible.

    Attributes:
        obligations: makes them.
    """

    name: str
    obligations: Callable[[], Iterator[Obligation]]


Provable = Lemma | Claimed
"""What is proved beside the laws."""


def axiom_lemmas(machine: Machine) -> tuple[Lemma, ...]:
    """The lemmas among the axioms of a machine: each follows from the axioms proper and the lemmas before it."""
    known: list[Term] = [axiom.formula for axiom in machine.axioms if not axiom.lemma]
    result = []
    for axiom in machine.axioms:
        if axiom.lemma:
            result.append(Lemma(axiom.name, (Case(tuple(known), axiom.formula),)))
            known.append(axiom.formula)
    return tuple(result)

