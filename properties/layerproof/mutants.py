"""Deliberately wrong machines: each must be caught, or a law is missing.

A mutant changes the effect of one or a few rules: it forgets a check, lets a refused operation half-happen,
takes one image too many. It never says again what a rule does. The table is
:mod:`layerproof.store_mutants`; what is here makes the machines and looks for the law that each breaks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from layermodel.rules import Definition, Effect, Machine, Refusal, Rule, State, Term, Update
from layermodel.store import DIALECTS
from layermodel.store_rules import STORE
from layerproof.explore import Explorer
from layerproof.finite import Instance, Problem, SmallStores
from layerproof.laws import Catalogue
from layerproof.obligations import Obligation, Obligations
from layerproof.prove import Verdict
from layerproof.store_laws import STORE_LAWS
from layerproof.traces import Trace

if TYPE_CHECKING:
    from layerproof.conform import EngineFinding
    from layerproof.union_conform import UnionFinding

Change = Callable[[Effect, State, tuple[Term, ...]], Effect]
"""From what a rule does in a state with given arguments to what the mutant does there."""

SMALL: Mapping[str, int] = {
    "Layer": 2, "Image": 2, "Reference": 2, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
    "Content": 2,
}
"""How many objects an exploration has, unless a mutant says that it needs others."""


@dataclass(frozen=True)
class Mutant:
    """One way of getting the rules wrong.

    Attributes:
        name: a stable name.
        rules: the rules that are changed.
        says: what is wrong now.
        breaks: the law that says so most directly.
        bug: a public thread that it is modelled on.
        sizes: objects of each sort with which an exploration finds it.
        among: the operations, besides its own, that its runs are confined to; all if empty.
    """

    name: str
    rules: tuple[str, ...]
    says: str
    breaks: str
    change: Change
    bug: str = ""
    sizes: Mapping[str, int] = field(default_factory=lambda: SMALL)
    among: tuple[str, ...] = ()

    def machine(self, machine: Machine = STORE) -> Machine:
        """Return the machine with this mutant's rules in place of its own."""
        for name in self.rules:
            machine = machine.with_rule(_changed(machine, machine.rule_by_name[name], self.change))
        return machine

    def confined(self, machine: Machine = STORE, catalogue: Catalogue = STORE_LAWS) -> tuple[Machine, Catalogue]:
        """Return the mutated machine with the operations that its runs need, and the laws of no others."""
        mutated = self.machine(machine)
        if not self.among:
            return mutated, catalogue
        names = {*self.rules, *self.among}
        laws = tuple(law for law in catalogue.laws
                     if law.runs is None or {rule for rule, _ in (*law.runs.left, *law.runs.right)} <= names)
        return replace(mutated, rules=tuple(r for r in mutated.rules if r.name in names)), Catalogue(laws)


def _changed(machine: Machine, rule: Rule, change: Change) -> Rule:
    """The rule with a changed effect; refusals that this leaves out are no longer among the rule's."""
    @lru_cache(maxsize=1)  # it is asked for here and, in the same words, for the obligations
    def body(s: State, *arguments: Term) -> Effect:
        return change(rule.body(s, *arguments), s, arguments)

    changed = replace(rule, body=body)
    left = {refusal.name for refusal in changed.step(machine.state).effect.refusals}
    return replace(changed, refused={name: says for name, says in rule.refused.items() if name in left})


# Ways of changing an effect.


def without(*refusals: str) -> Change:
    """Forget to look at these refusals."""
    return lambda effect, *_: replace(
        effect, refusals=tuple(r for r in effect.refusals if r.name not in refusals))


def refuses(name: str, when: Callable[..., Term]) -> Change:
    """Refuse on another condition: ``when`` is told the right one, the state and the arguments."""
    def change(effect: Effect, s: State, arguments: tuple[Term, ...]) -> Effect:
        def changed(refusal: Refusal) -> Refusal:
            return replace(refusal, when=when(refusal.when, s, *arguments))
        return replace(effect, refusals=tuple(
            changed(r) if r.name == name else r for r in effect.refusals))
    return change


def half_happens(name: str, *symbols: str) -> Change:
    """Refuse, but update these symbols nevertheless."""
    def change(effect: Effect, *_: object) -> Effect:
        leaves = {symbol: effect.updates[symbol] for symbol in symbols}
        return replace(effect, refusals=tuple(
            replace(r, leaves=leaves) if r.name == name else r for r in effect.refusals))
    return change


def forgets(*symbols: str) -> Change:
    """Leave these symbols as they were."""
    return lambda effect, *_: replace(
        effect, updates={name: u for name, u in effect.updates.items() if name not in symbols})


def sets(symbol: str, to: Callable[..., Update]) -> Change:
    """Update a symbol otherwise: ``to`` is told the right update, the state and the arguments."""
    def change(effect: Effect, s: State, arguments: tuple[Term, ...]) -> Effect:
        right = effect.updates.get(symbol, lambda *at: getattr(s, symbol)(*at) if at else getattr(s, symbol))
        return replace(effect, updates={**effect.updates, symbol: to(right, s, *arguments)})
    return change


def defines(name: str, body: Callable[..., Term]) -> Change:
    """Define a relation of the step otherwise: ``body`` is told the right one, the object and the rest."""
    def change(effect: Effect, s: State, arguments: tuple[Term, ...]) -> Effect:
        def changed(definition: Definition) -> Definition:
            return replace(definition, body=body(definition.body, *definition.variables, s, *arguments))
        found = relation(effect, name)
        return replace(effect, definitions=tuple(
            changed(d) if d.decl.eq(found) else d for d in effect.definitions))
    return change


def presupposes(given: Callable[..., tuple[Term, ...]]) -> Change:
    """Presuppose something else of the arguments."""
    return lambda effect, s, arguments: replace(effect, given=given(s, *arguments))


def reports(reclaimed: Callable[[Effect, State], Term]) -> Change:
    """Report other bytes as reclaimed."""
    return lambda effect, s, *_: replace(effect, reclaimed=reclaimed(effect, s))


def both(*changes: Change) -> Change:
    """Make several changes, one after the other."""
    def change(effect: Effect, s: State, arguments: tuple[Term, ...]) -> Effect:
        for one in changes:
            effect = one(effect, s, arguments)
        return effect
    return change


def relation(effect: Effect, name: str) -> Term:
    """Return the declaration of a relation that a step defines for its own use."""
    return next(d.decl for d in effect.definitions if d.decl.name().split("!")[0] == name)


# Catching mutants.


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
