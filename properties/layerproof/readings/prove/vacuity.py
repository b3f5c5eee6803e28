"""Show that a proof is about something: with a witness for everything that has to be able to happen.

A proof from contradictory axioms, a rule that can never be done, a refusal that is never had and a law
whose premise never holds all prove well. Each is looked for in small stores that satisfy the axioms and
all state laws; what is not found there is reported.
"""

from __future__ import annotations

from collections.abc import Iterable

import z3

from layermodel.language.rules import Machine, Rule, Step, Term
from layerproof.laws.law import Catalogue, Kind, Law
from layerproof.laws.obligations import Obligation, Obligations, constants
from layerproof.readings.prove.finite import SmallStores

_COUNTS = (1, 2, 3)


def vacuous(
    machine: Machine, catalogue: Catalogue, stores: SmallStores, rules: Iterable[Rule], laws: Iterable[Law],
) -> tuple[list[str], set[str]]:
    """Return what could not be witnessed, in words, and what was.

    The axioms are witnessed by anything else that is.
    """
    obligations = Obligations(machine, catalogue)
    listed = list(laws)
    unseen = {law.id for law in listed}
    lacking = {rule.name: set(_outcomes(rule.step(machine.state))) for rule in rules}
    witnessed: set[str] = set()
    for count in _COUNTS:  # small stores first, for all rules: most that one does not show, another does
        for name, outcomes in lacking.items():
            step = machine.rule_by_name[name].step(machine.state)
            conditions = {n: c for n, c in _outcomes(step).items() if n in outcomes}
            premises, used = _premises(step, [law for law in listed if law.id in unseen])
            if conditions or premises:
                found = stores.possible(_any_step(obligations, step, used), conditions | premises, (count,))
                witnessed |= found
                unseen -= found
                outcomes -= found
    for law in listed:
        if law.id in unseen and law.kind is not Kind.STEP:
            obligation = obligations.algebraic(law) if law.kind is Kind.ALGEBRAIC else _state(obligations, law)
            if stores.possible(obligation, {law.id: z3.BoolVal(True)}, _COUNTS):
                unseen.discard(law.id)
                witnessed.add(law.id)
    missing = [c for outcomes in lacking.values() for c in sorted(outcomes)]
    missing += [f"the premise of {identifier} never holds" for identifier in sorted(unseen)]
    return missing, witnessed


def _outcomes(step: Step) -> dict[str, Term]:
    """The outcomes that a rule has to be able to have; each by what is to be said if it cannot."""
    name = step.rule.name
    return {f"{name} can never be done": step.done} | {
        f"{name} is never refused with {r}": step.refused(r) for r in step.rule.refused}


def _premises(step: Step, laws: list[Law]) -> tuple[dict[str, Term], list[Law]]:
    """The premises of laws to look for in the steps of one rule, and the laws whose variables they use."""
    rule, premises, used = step.rule, dict[str, Term](), []
    for law in laws:
        if law.kind is not Kind.STEP or not law.about(rule) or (law.refusals and not rule.refused):
            continue
        outcome = step.done if not law.refusals else z3.Not(step.done)
        premises[law.id] = z3.And(outcome, law.premise(step, *(term for _, _, term in constants(law))))
        used.append(law)
    return premises, used


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
