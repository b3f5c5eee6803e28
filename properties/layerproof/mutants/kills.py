"""Catching a mutant: the law that it breaks, by a proof or by exploration.

What catches them by runs is :mod:`layerproof.mutants.runs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from layerproof.laws.law import Catalogue
from layerproof.laws.mutant import Mutant
from layerproof.laws.obligations import Obligation, Obligations
from layerproof.readings.explore import Explorer
from layerproof.readings.prove.finite import Instance, Problem, SmallStores
from layerproof.readings.prove.prove import Verdict
from layerproof.runs.finding import Finding
from layerproof.runs.trace import Trace
from layerproof.subject import Subject, Traits


@dataclass(frozen=True)
class Kill:
    """How a mutant was caught.

    Attributes:
        reading: ``prove``, ``explore``, ``drive`` or ``conform``.
        law: the law that it was seen to break; empty where an engine departs from the mutant's rule and
            from no law.
        length: how many operations show it.
        verdict: of ``prove``: the obligation that fails and the finite store in which it does.
        trace: of ``explore`` and ``drive``: the run from the initial state.
        finding: of ``conform``: where a sound engine is not as the mutant says, with the run that shows it.
        guided: of ``conform``: random operations did not show it, and the explorer's run did.
    """

    reading: str
    law: str
    length: int
    verdict: Verdict | None = None
    trace: Trace | None = None
    finding: Finding | None = None
    guided: bool = False

    @property
    def instance(self) -> Instance:
        """The counterexample to induction that ``prove`` found."""
        assert self.verdict is not None
        assert self.verdict.instance is not None
        return self.verdict.instance


class Suspect:
    """The obligations of a machine's rules, refuted rather than proved: only small stores are searched.

    A law that follows from others is judged by itself here: what it follows from may be broken, too.
    """

    def __init__(self, subject: Subject, rules: Sequence[str], stores: SmallStores | None = None) -> None:
        """Prepare the obligations of some rules.

        Args:
            stores: the small stores of a machine that differs in its rules only.
        """
        catalogue = _by_themselves(subject.catalogue)
        self.rules = set(rules)
        self._stores = stores or SmallStores(subject.of(subject.machine, catalogue))
        self._all = Obligations(subject.machine, catalogue)

    @cached_property
    def _obligations(self) -> list[Obligation]:
        return list(self._all.all(self.rules))

    def failing(self, laws: set[str] | None = None, counts: Sequence[int] = (1, 2, 3)) -> Iterator[Problem]:
        """Yield the obligations that fail in a store with so many objects of each sort, smallest first.

        Each as the problem that was solved, which the next one makes useless.
        """
        left = list(self._all.all(self.rules, laws) if laws else self._obligations)
        for count in counts:
            undecided = []
            for obligation in left:
                problem = self._stores.problem(obligation, count)
                if problem.fails:
                    yield problem
                else:
                    undecided.append(obligation)
            left = undecided

    def refute(self, laws: set[str] | None = None, counts: Sequence[int] = (1, 2, 3)) -> Iterator[Verdict]:
        """Yield the same as verdicts, each with the store."""
        for problem in self.failing(laws, counts):
            obligation = problem.obligation
            yield Verdict(obligation.rule, obligation.law.id, obligation.refusal, "refuted",
                          instance=problem.instance())


@lru_cache(maxsize=4)
def _by_themselves(catalogue: Catalogue) -> Catalogue:
    return Catalogue(tuple(replace(law, follows_from=()) for law in catalogue.laws))


@lru_cache(maxsize=4)
def _small_stores(subject: Subject) -> SmallStores:
    """The small stores of a machine, which are those of all its mutants."""
    return SmallStores(subject)


def kill_by_proof(subject: Subject, mutant: Mutant, *, first_only: bool = True) -> Kill | None:
    """Look for a store in which a changed rule breaks a law: a counterexample to induction.

    Args:
        first_only: take the first that is found; else the shortest of all the laws that are broken.
    """
    suspect, expected = _suspect(subject, mutant), _expected(subject, mutant)
    found = next(suspect.refute(expected), None) if expected else None
    if found is None:
        found = next(suspect.refute(), None)
    elif not first_only:
        found = min(suspect.refute(), key=_steps)
    return None if found is None else Kill("prove", found.law, _steps(found), verdict=found)


def killer(subject: Subject, mutant: Mutant) -> str | None:
    """Return the law that :func:`kill_by_proof` finds broken first, without the store; None if there is none."""
    suspect, expected = _suspect(subject, mutant), _expected(subject, mutant)
    problems = itertools.chain(suspect.failing(expected) if expected else (), suspect.failing())
    return next((problem.obligation.law.id for problem in problems), None)


def _suspect(subject: Subject, mutant: Mutant) -> Suspect:
    return Suspect(subject.of(mutant.machine(subject.machine)), mutant.rules, _small_stores(subject))


def _expected(subject: Subject, mutant: Mutant) -> set[str]:
    """The law that a mutant breaks most directly, if it is among these."""
    return {mutant.breaks} & {law.id for law in subject.catalogue.laws}


def _steps(verdict: Verdict) -> int:
    assert verdict.instance is not None
    return len(verdict.instance.arguments)


def laws_broken(subject: Subject, mutant: Mutant, counts: Sequence[int] = (1, 2, 3)) -> tuple[str, ...]:
    """Return all laws that a mutant is found to break, in the order of the catalogue."""
    found = {problem.obligation.law.id for problem in _suspect(subject, mutant).failing(None, counts)}
    return tuple(law.id for law in subject.catalogue.laws if law.id in found)


def confined(subject: Subject, mutant: Mutant) -> Subject:
    """The mutated machine with the operations that its runs need, and the laws of no others."""
    return subject.of(*mutant.confined(subject.machine, subject.catalogue))


def kill_by_exploration(
    subject: Subject, mutant: Mutant, sizes: Mapping[str, int] | None = None, *, limit: int | None = None,
    dialects: Mapping[str, Traits] | None = None, algebra: bool = True,
) -> Kill | None:
    """Look for a run from the initial state that breaks a law: a shortest in its universe and dialect.

    Args:
        sizes: other than the mutant's own.
        limit: how many universes are explored at most.
        dialects: those that are explored; all if None.
        algebra: check the laws about two runs, too.
    """
    chosen = subject.sizes(sizes or mutant.sizes or subject.finite.mutated)
    explorer = Explorer(confined(subject, mutant), chosen, algebra=algebra, stop_at_first=True, jobs=1)
    findings = explorer.run(subject.traits(()) if dialects is None else dialects, limit).findings
    if not findings:
        return None
    finding = min(findings.values(), key=lambda f: len(f.trace.events))
    return Kill("explore", finding.laws[0], len(finding.trace.events), trace=finding.trace)
