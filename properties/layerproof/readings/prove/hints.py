"""What Z3 is given besides the hypotheses of an obligation, so that it need not guess how to use them."""

from __future__ import annotations

import itertools

import z3

from layermodel.language.rules import Machine, Term
from layerproof.laws.law import Kind
from layerproof.laws.obligations import Obligation, at


def hints(machine: Machine, obligation: Obligation) -> dict[str, Term]:
    """Return terms for triggers, and a state law's induction hypothesis for the objects that it is asked of."""
    law, objects = obligation.law, tuple(term for _, _, term in obligation.variables)
    result = {law.id: at(law, machine.state, objects)} if law.kind is Kind.STATE and obligation.steps else {}
    return result | {f"hint {n}": _mentioned(t) for n, t in enumerate(_terms(machine, obligation))}


def _terms(machine: Machine, obligation: Obligation) -> list[Term]:
    known = _objects(machine, obligation)
    terms = [term for found in known.values() for term in found]
    for hint in machine.hints:
        for chosen in itertools.product(*(known[sort.name] for sort in hint.sorts)):
            terms += hint.terms(machine.state, *chosen)
    return terms


def _objects(machine: Machine, obligation: Obligation) -> dict[str, list[Term]]:
    """What the obligation speaks of, by sort, with the machine's own constants; of each sort at least one."""
    terms = [argument for step in obligation.steps for argument in step.arguments]
    terms += [term for _, _, term in obligation.variables]
    terms += [symbol.decl() for symbol in machine.rigid if not symbol.arguments]
    found: dict[str, dict[Term, None]] = {sort.name: {} for sort in machine.sorts}
    for term in terms:
        if term.sort().name() in found:  # truth values and integers are no objects
            found[term.sort().name()][term] = None
    return {sort.name: list(found[sort.name]) or [sort.constant("any")] for sort in machine.sorts}


def _mentioned(term: Term) -> Term:
    """A formula that says nothing of the term, and that has it. No machine can have a symbol of this name."""
    return z3.Function("is mentioned", term.sort(), z3.BoolSort())(term)
