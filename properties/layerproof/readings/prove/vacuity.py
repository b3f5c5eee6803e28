"""Show that a proof is about something: with a witness for everything that has to be able to happen.

A proof from contradictory axioms, a rule that can never be done, a refusal that is never had, a law whose premise
never holds and a conclusion on a condition that never comes about all prove well. Each is looked for in small
stores that satisfy the axioms and all state laws; what is not found there is reported.

A law that names its rules says something of each of them, and one about refusals of each refusal: its premise has
to hold there. A law that names no rules speaks of whatever happens; that its premise holds in a step of some rule
is enough, as of most rules there is nothing to say (nothing goes when a container is started).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import z3

from layermodel.language.rules import Rule, Sort, Step, Term
from layerproof.laws.law import Kind, Law
from layerproof.laws.obligations import Obligation, Obligations, RefusedStep
from layerproof.readings.prove.finite import SmallStores

_COUNTS = (1, 2, 3)


@dataclass
class Witnesses:
    """What was seen to happen.

    Attributes:
        seen: sentences that something never happens, each of which was found to be false.
        missing: those of these rules and laws that were not.
        unseen: those about steps of any rule that were not found to be false in steps of these.
    """

    seen: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Wanted:
    """A sentence that something never happens, and when it would happen.

    Attributes:
        anywhere: it is enough that it happens in a step of some rule.
        idle: a law says the same of itself: it is there so that this never comes about.
    """

    sentence: str
    when: Term
    anywhere: bool = False
    idle: bool = False


def witnesses(
    obligations: Obligations, stores: SmallStores, rules: Iterable[Rule], laws: Iterable[Law],
    steps: Iterable[Law], whole: bool,
) -> Witnesses:
    """Look for all that has to be able to happen.

    The axioms are witnessed by anything else that is.

    Args:
        laws: whose premises are looked for in states.
        steps: whose premises are looked for in steps of the rules.
        whole: whether what needs to happen in a step of some rule is looked for, too.
    """
    result, listed = Witnesses(), list(steps)
    wanted = {rule.name: [w for w in _in_steps(obligations, rule, listed) if whole or not w.anywhere]
              for rule in rules}
    for count in _COUNTS:  # small stores first, for all rules: most that one does not show, another does
        for name, those in wanted.items():
            left: dict[str, Term] = {}
            for one in those:
                if one.sentence not in result.seen:
                    left[one.sentence] = z3.Or(left[one.sentence], one.when) if one.sentence in left else one.when
            if left:
                step = obligations.step(obligations.machine.rule_by_name[name])
                result.seen |= stores.possible(_any_step(obligations, step, listed), left, (count,))
    for law in laws:
        obligation, found = _of_states(obligations, law)
        result.seen |= stores.possible(obligation, found, _COUNTS)
        result.missing += [sentence for sentence in found if sentence not in result.seen]
    for those in wanted.values():
        absent = [w for w in those if w.sentence not in result.seen]
        result.missing += [w.sentence for w in absent if not w.anywhere and not w.idle]
        result.missing += [f"it is not so that {w.sentence}" for w in those if w.idle and w not in absent]
        result.unseen |= {w.sentence for w in absent if w.anywhere}
    return result


def missing(parts: Iterable[Witnesses]) -> tuple[list[str], int]:
    """Put together what was found in parts: what never happens, and how much does."""
    listed = list(parts)
    seen = set().union(*(part.seen for part in listed))
    never = [sentence for part in listed for sentence in part.missing]
    return [*never, *sorted(set().union(*(part.unseen for part in listed)) - seen)], len(seen)


def _in_steps(obligations: Obligations, rule: Rule, laws: Iterable[Law]) -> Iterator[_Wanted]:
    """What has to be able to happen in steps of a rule."""
    done, name = obligations.step(rule), rule.name
    yield _Wanted(f"{name} can never be done", done.done)
    for refusal in rule.refused:
        yield _Wanted(f"{name} is never refused with {refusal}", done.refused(refusal))
    for law in laws:
        if law.kind is not Kind.STEP or not law.about(rule):
            continue
        if not law.refusals:
            yield from _of_law(law, done, done.done, f"when {name} is done")
        for error in obligations.refusals(rule, law) if law.refusals else ():
            yield from _of_law(law, RefusedStep.of(done, error), done.refused(error),
                               f"when {name} is refused with {error}")


def _of_law(law: Law, step: Step, outcome: Term, how: str) -> Iterator[_Wanted]:
    terms = tuple(term for _, _, term in _constants(law))
    premise, never = law.premise(step, *terms), f"the premise of {law.id} never holds"
    if law.rules or law.refusals:
        # What always holds does so whenever there is such a step, and that is looked for anyway.
        if not z3.is_true(z3.simplify(premise)):
            yield _Wanted(f"{never} {how}", z3.And(outcome, premise), idle=step.rule.name in law.idle)
    else:
        yield _Wanted(never, z3.And(outcome, premise), anywhere=True)
    for sentence, when in _conditions(law, law.conclusions(step, *terms)).items():
        yield _Wanted(sentence, z3.And(outcome, premise, when), anywhere=True)


def _conditions(law: Law, conclusions: Mapping[str, Term]) -> dict[str, Term]:
    """The conditions on which conclusions say something, of those that do so on a condition."""
    found = {name: _condition(formula) for name, formula in conclusions.items()}
    return {f"the condition of {law.id} that {name} is never met": condition
            for name, condition in found.items() if condition is not None}


def _condition(formula: Term, depth: int = 0) -> Term | None:
    """What an implication supposes, also if it is one about all objects."""
    if z3.is_quantifier(formula) and formula.is_forall():
        variables = [z3.Const(f"so {n} {depth}", formula.var_sort(n)) for n in range(formula.num_vars())]
        inner = _condition(z3.substitute_vars(formula.body(), *reversed(variables)), depth + 1)
        return None if inner is None else z3.Exists(variables, inner)
    return formula.arg(0) if z3.is_implies(formula) else None


def _constants(law: Law) -> tuple[tuple[str, Sort, Term], ...]:
    """A law's variables as constants that are the same for all laws with such a variable, and for no others."""
    return tuple((name, sort, sort.constant(f"!{sort.name} {name}")) for name, sort in law.variables)


def _any_step(obligations: Obligations, step: Step, laws: Iterable[Law]) -> Obligation:
    """A step of a rule, whatever comes of it."""
    variables = {term: (name, sort, term) for law in laws for name, sort, term in _constants(law)
                 if law.kind is Kind.STEP and law.about(step.rule)}
    hypotheses = dict(obligations.axioms) | {"given": step.given}
    return Obligation(step.rule.name, obligations.catalogue.laws[0], None, hypotheses, z3.BoolVal(True), {},
                      tuple(variables.values()), (step,))


def _of_states(obligations: Obligations, law: Law) -> tuple[Obligation, dict[str, Term]]:
    """A state, or the start of two runs, in which a law's premise holds; and what has to be so in one."""
    never = f"the premise of {law.id} never holds"
    if law.kind is Kind.ALGEBRAIC:
        return obligations.algebraic(law), {never: z3.BoolVal(True)}
    variables, state = _constants(law), obligations.machine.state
    terms = tuple(term for _, _, term in variables)
    premise = law.premise(state, *terms)
    return (Obligation("any", law, None, dict(obligations.axioms), premise, {}, variables),
            {never: z3.BoolVal(True), **_conditions(law, law.conclusions(state, *terms))})
