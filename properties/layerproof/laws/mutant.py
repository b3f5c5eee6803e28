"""Deliberately wrong machines: each must be caught, or a law is missing.

A mutant changes the effect of one or a few rules: it forgets a check, lets a refused operation half-happen,
takes one image too many. It never says again what a rule does. Each machine has a table of them; what catches
them is :mod:`layerproof.mutants`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import z3

from layermodel.language.rules import (
    Arguments,
    Definition,
    Effect,
    Machine,
    Presupposition,
    Refusal,
    Rule,
    State,
    Term,
    Unknown,
    Update,
)
from layerproof.laws.law import Catalogue

Change = Callable[[Effect, State, Arguments], Effect]
"""From what a rule does in a state with given arguments, which have names, to what the mutant does there."""


@dataclass(frozen=True)
class Mutant:
    """One way of getting the rules wrong.

    Attributes:
        name: a stable name.
        rules: the rules that are changed.
        says: what is wrong now.
        breaks: the law that says so most directly.
        bug: a public thread that it is modelled on.
        sizes: objects of each sort with which an exploration finds it; the machine's usual ones if empty.
        among: the operations, besides its own, that its runs are confined to; all if empty.
    """

    name: str
    rules: tuple[str, ...]
    says: str
    breaks: str
    change: Change
    bug: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    among: tuple[str, ...] = ()

    def machine(self, machine: Machine) -> Machine:
        """Return the machine with this mutant's rules in place of its own."""
        for name in self.rules:
            machine = machine.with_rule(_changed(machine.rule_by_name[name], self.change))
        return machine

    def confined(self, machine: Machine, catalogue: Catalogue) -> tuple[Machine, Catalogue]:
        """Return the mutated machine with the operations that its runs need, and the laws of no others."""
        mutated = self.machine(machine)
        if not self.among:
            return mutated, catalogue
        names = {*self.rules, *self.among}
        laws = tuple(law for law in catalogue.laws
                     if law.runs is None or {rule for rule, _ in (*law.runs.left, *law.runs.right)} <= names)
        return replace(mutated, rules=tuple(r for r in mutated.rules if r.name in names)), Catalogue(laws)


def _changed(rule: Rule, change: Change) -> Rule:
    """The rule with a changed effect."""
    @lru_cache(maxsize=1)  # it is asked for in the same words again and again
    def body(s: State, *arguments: Term) -> Effect:
        return change(rule.body(s, *arguments), s, rule.by_name(arguments))

    return replace(rule, body=body)


# Ways of changing an effect.


def _has(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """See that a rule has what is to be changed: a mutant that changes nothing would survive.

    Raises:
        Unknown: if it has not.
    """
    has = list(known)
    for name in names:
        if name not in has:
            raise Unknown(f"the rule has no {what} {name!r}, but {', '.join(has) or 'none at all'}")


def without(*refusals: str) -> Change:
    """Forget to look at these refusals."""
    def change(effect: Effect, *_: object) -> Effect:
        _has("refusal", refusals, (r.name for r in effect.refusals))
        return replace(effect, refusals=tuple(r for r in effect.refusals if r.name not in refusals))
    return change


def refuses(name: str, when: Callable[..., Term]) -> Change:
    """Refuse on another condition: ``when`` is told the right one, the state and the arguments."""
    def change(effect: Effect, s: State, a: Arguments) -> Effect:
        def changed(refusal: Refusal) -> Refusal:
            return replace(refusal, when=when(refusal.when, s, a))
        _has("refusal", [name], (r.name for r in effect.refusals))
        return replace(effect, refusals=tuple(
            changed(r) if r.name == name else r for r in effect.refusals))
    return change


def half_happens(name: str, *symbols: str, where: Callable[[State, Arguments], Term] | None = None) -> Change:
    """Refuse, but update these symbols nevertheless.

    Args:
        where: only there, if what the operation would do means nothing elsewhere.
    """
    def change(effect: Effect, s: State, a: Arguments) -> Effect:
        _has("refusal", [name], (r.name for r in effect.refusals))
        _has("update of", symbols, effect.updates)
        leaves = {symbol: effect.updates[symbol] for symbol in symbols}
        if where is not None:
            leaves = {symbol: _only(where(s, a), update, getattr(s, symbol)) for symbol, update in leaves.items()}
        return replace(effect, refusals=tuple(
            replace(r, leaves=leaves) if r.name == name else r for r in effect.refusals))
    return change


def _only(so: Term, update: Update, before: Term) -> Update:
    """The update where it is so, and elsewhere what was before."""
    return lambda *at: z3.If(so, update(*at), before(*at) if at else before)


def forgets(*symbols: str) -> Change:
    """Leave these symbols as they were."""
    def change(effect: Effect, *_: object) -> Effect:
        _has("update of", symbols, effect.updates)
        return replace(effect, updates={name: u for name, u in effect.updates.items() if name not in symbols})
    return change


def sets(symbol: str, to: Callable[..., Update]) -> Change:
    """Update a symbol otherwise: ``to`` is told the right update, the state and the arguments."""
    def change(effect: Effect, s: State, a: Arguments) -> Effect:
        right = effect.updates.get(symbol, lambda *at: getattr(s, symbol)(*at) if at else getattr(s, symbol))
        return replace(effect, updates={**effect.updates, symbol: to(right, s, a)})
    return change


def defines(name: str, body: Callable[..., Term]) -> Change:
    """Define a relation of the step otherwise: ``body`` is told the right one, the object and the rest."""
    def change(effect: Effect, s: State, a: Arguments) -> Effect:
        def changed(definition: Definition) -> Definition:
            return replace(definition, body=body(definition.body, *definition.variables, s, a))
        found = relation(effect, name)
        return replace(effect, definitions=tuple(
            changed(d) if d.decl.eq(found) else d for d in effect.definitions))
    return change


def presupposes(says: str, given: Callable[[State, Arguments], Term]) -> Change:
    """Presuppose of the arguments this and nothing else."""
    return lambda effect, s, a: replace(effect, presupposed=(Presupposition(given(s, a), says),))


def reports(reclaimed: Callable[[Effect, State, Arguments], Term]) -> Change:
    """Report other bytes as reclaimed."""
    return lambda effect, s, a: replace(effect, reclaimed=reclaimed(effect, s, a))


def both(*changes: Change) -> Change:
    """Make several changes, one after the other."""
    def change(effect: Effect, s: State, a: Arguments) -> Effect:
        for one in changes:
            effect = one(effect, s, a)
        return effect
    return change


def relation(effect: Effect, name: str) -> Term:
    """Return the declaration of a relation that a step defines for its own use."""
    found = {d.decl.name().split("!")[0]: d.decl for d in effect.definitions}
    _has("definition", [name], found)
    return found[name]
