"""Show that a proof is about something: with a witness for everything that has to be able to happen.

A proof from contradictory axioms, a rule that can never be done, a refusal that is never had and a law
whose premise never holds all prove well. Each is looked for in small stores that satisfy the axioms and
all state laws; what is not found there is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import z3

from layermodel.rules import Machine, Rule, Step, Term
from layerproof.finite import possible
from layerproof.laws import Catalogue, Kind, Law
from layerproof.obligations import Obligation, Obligations, constants

_COUNTS = (2, 3)


def vacuous(
    machine: Machine, catalogue: Catalogue, state_laws: Mapping[str, Term], rules: Iterable[Rule],
    laws: Iterable[Law],
) -> tuple[list[str], set[str]]:
    """Return what could not be witnessed, in words, and what was.

    The axioms are witnessed by anything else that is.
    """
    obligations = Obligations(machine, catalogue)
    listed = list(laws)
    missing: list[str] = []
    witnessed: set[str] = set()
    unseen = {law.id for law in listed}
    for rule in rules:
        step = rule.step(machine.state)
        conditions, used = _of_rule(step, listed, unseen)
        found = possible(machine, _any_step(obligations, step, used), state_laws, conditions, _COUNTS)
        witnessed |= found
        unseen -= found
        missing += [c for c in conditions if c not in found and c not in {law.id for law in listed}]
    for law in listed:
        if law.id in unseen and law.kind is not Kind.STEP:
            obligation = obligations.algebraic(law) if law.kind is Kind.ALGEBRAIC else _state(obligations, law)
            if possible(machine, obligation, state_laws, {law.id: z3.BoolVal(True)}, _COUNTS):
                unseen.discard(law.id)
                witnessed.add(law.id)
    missing += [f"the premise of {identifier} never holds" for identifier in sorted(unseen)]
    return missing, witnessed


def _of_rule(step: Step, laws: list[Law], unseen: set[str]) -> tuple[dict[str, Term], list[Law]]:
    """The conditions to look for in the steps of one rule, and the laws whose variables they use."""
    rule = step.rule
    conditions = {f"{rule.name} can never be done": step.done}
    conditions |= {f"{rule.name} is never refused with {r}": step.refused(r) for r in rule.refused}
    used = []
    for law in laws:
        if law.kind is Kind.STEP and law.about(rule) and law.id in unseen:
            outcome = step.done if not law.refusals else z3.Not(step.done)
            if law.refusals and not rule.refused:
                continue
            terms = [term for _, _, term in constants(law)]
            conditions[law.id] = z3.And(outcome, law.premise(step, *terms))
            used.append(law)
    return conditions, used


def _any_step(obligations: Obligations, step: Step, laws: list[Law]) -> Obligation:
    """A step of a rule, whatever comes of it."""
    variables = {term.decl().name(): (name, sort, term) for law in laws for name, sort, term in constants(law)}
    hypotheses = dict(obligations.axioms) | {"given": step.given}
    return Obligation(step.rule.name, obligations.catalogue.laws[0], None, hypotheses, z3.BoolVal(True), {},
                      tuple(variables.values()), (step,))


def _state(obligations: Obligations, law: Law) -> Obligation:
    """Any state in which a state law's premise holds."""
    variables = constants(law)
    premise = law.premise(obligations.machine.state, *(term for _, _, term in variables))
    return Obligation("any", law, None, dict(obligations.axioms), premise, {}, variables)
