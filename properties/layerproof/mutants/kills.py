"""Catching a mutant: the law that it breaks, by a proof or by exploration.

What catches them by runs is :mod:`layerproof.mutants.runs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from layermodel.language.rules import Machine
from layermodel.store.rules import STORE
from layermodel.store.words import DIALECTS
from layerproof.laws.law import Catalogue
from layerproof.laws.mutant import Mutant
from layerproof.laws.obligations import Obligation, Obligations
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.readings.explore import Explorer
from layerproof.readings.prove.finite import Instance, Problem, SmallStores
from layerproof.readings.prove.prove import Verdict
from layerproof.runs.trace import Trace

if TYPE_CHECKING:
    from layerproof.machines.union.conform import UnionFinding
    from layerproof.readings.conform import EngineFinding

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
    finding: EngineFinding | UnionFinding | None = None
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

    def __init__(self, machine: Machine, rules: Sequence[str], catalogue: Catalogue = STORE_LAWS,
                 stores: SmallStores | None = None) -> None:
        """Prepare the obligations of some rules.

        Args:
            stores: the small stores of a machine that differs in its rules only.
        """
        self.catalogue = _by_themselves(catalogue)
        self.rules = set(rules)
        self._stores = stores or SmallStores(machine, self.catalogue)
        self._all = Obligations(machine, self.catalogue)

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
def _small_stores(machine: Machine, catalogue: Catalogue) -> SmallStores:
    """The small stores of a machine, which are those of all its mutants."""
    return SmallStores(machine, catalogue)


def kill_by_proof(
    mutant: Mutant, *, first_only: bool = True, machine: Machine = STORE, catalogue: Catalogue = STORE_LAWS,
) -> Kill | None:
    """Look for a store in which a changed rule breaks a law: a counterexample to induction.

    Args:
        first_only: take the first that is found; else the shortest of all the laws that are broken.
    """
    suspect, expected = _suspect(mutant, machine, catalogue), _expected(mutant, catalogue)
    found = next(suspect.refute(expected), None) if expected else None
    if found is None:
        found = next(suspect.refute(), None)
    elif not first_only:
        found = min(suspect.refute(), key=_steps)
    return None if found is None else Kill("prove", found.law, _steps(found), verdict=found)


def killer(mutant: Mutant, *, machine: Machine = STORE, catalogue: Catalogue = STORE_LAWS) -> str | None:
    """Return the law that :func:`kill_by_proof` finds broken first, without the store; None if there is none."""
    suspect, expected = _suspect(mutant, machine, catalogue), _expected(mutant, catalogue)
    problems = itertools.chain(suspect.failing(expected) if expected else (), suspect.failing())
    return next((problem.obligation.law.id for problem in problems), None)


def _suspect(mutant: Mutant, machine: Machine, catalogue: Catalogue) -> Suspect:
    return Suspect(mutant.machine(machine), mutant.rules, catalogue, _small_stores(machine, catalogue))


def _expected(mutant: Mutant, catalogue: Catalogue) -> set[str]:
    """The law that a mutant breaks most directly, if it is among these."""
    return {mutant.breaks} & {law.id for law in catalogue.laws}


def _steps(verdict: Verdict) -> int:
    assert verdict.instance is not None
    return len(verdict.instance.arguments)


def laws_broken(
    mutant: Mutant, counts: Sequence[int] = (1, 2, 3), *, machine: Machine = STORE,
    catalogue: Catalogue = STORE_LAWS,
) -> tuple[str, ...]:
    """Return all laws that a mutant is found to break, in the order of the catalogue."""
    found = {problem.obligation.law.id for problem in _suspect(mutant, machine, catalogue).failing(None, counts)}
    return tuple(law.id for law in catalogue.laws if law.id in found)


def kill_by_exploration(
    mutant: Mutant, sizes: Mapping[str, int] | None = None, *, limit: int | None = None,
    dialects: Mapping[str, Mapping[str, bool]] = DIALECTS, machine: Machine = STORE,
    catalogue: Catalogue = STORE_LAWS, algebra: bool = True,
) -> Kill | None:
    """Look for a run from the empty store that breaks a law: a shortest in its universe and dialect.

    Args:
        sizes: other than the mutant's own.
        limit: how many universes are explored at most.
        algebra: check the laws about two runs, too.
    """
    confined, laws = mutant.confined(machine, catalogue)
    explorer = Explorer(confined, laws, sizes or mutant.sizes, algebra=algebra, stop_at_first=True)
    findings = explorer.run(dialects, limit).findings
    if not findings:
        return None
    finding = min(findings.values(), key=lambda f: len(f.trace.events))
    return Kill("explore", finding.violation.law, len(finding.trace.events), trace=finding.trace)
