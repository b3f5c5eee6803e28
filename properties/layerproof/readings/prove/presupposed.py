"""Show that what rules presuppose hides nothing.

A proof says nothing of a step that a rule does not presuppose. What a rule presupposes of *named* arguments alone
is a case that it leaves out, which the rule book prints. All else that it presupposes says which object is made or
found, and must leave out no further case: of what is found there is always one and, when the operation is done, no
other, unless the rule says that one is *chosen*; and of what is new or chosen there is always one in a larger
store (:mod:`layerproof.readings.prove.larger`). If that is not shown, cases are looked for in which there is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import z3

from layermodel.language.rules import BOOL, Machine, Parameter, Rule, Step, Term
from layerproof.laws.obligations import Obligation, Obligations
from layerproof.readings.prove.finite import SmallStores
from layerproof.readings.prove.larger import PRESUPPOSED, lacks_room, presupposed

_FEW, _COUNTS = (1, 2), (1, 2, 3)
"""How many objects of each sort there are where a case is looked for, and where it is with an object that fits."""

_LIMIT = 1_000_000
"""Z3 resource units to look for a case; one that takes more is rare, and no case at all in most of them."""


def hidden(
    obligations: Obligations, stores: SmallStores, proves: Callable[[Obligation], bool], rules: Iterable[Rule],
) -> list[str]:
    """Return, in words, what rules presuppose without saying that they leave a case out."""
    result, kept = list[str](), set[tuple[str, ...]]()
    for rule in rules:
        step, roles = obligations.step(rule), {p.role for p in rule.parameters}
        if "found" in roles:
            result += [says for says, claim in _found(obligations, step) if not proves(claim)]
        if roles & {"new", "chosen"}:
            lacking = lacks_room(obligations, step, proves, kept)
            if lacking is not None:
                cases = [f"{rule.name} presupposes, and does not say, that it is not so that {case}"
                         for case in _left_out(obligations, stores, step)]
                result += cases or [lacking]
    return result


def _found(obligations: Obligations, step: Step) -> Iterator[tuple[str, Obligation]]:
    """What has to be proved of what is found; each with what is to be said if it cannot be."""
    name = step.rule.name
    found = [p for p in step.rule.parameters if p.role == "found"]
    hypotheses = {**obligations.axioms, **obligations.universal, **obligations.existential}
    others = [p.sort.constant(f"?other {p.name}") for p in found]
    names = list(zip((p.term for p in found), others, strict=True))
    fits = z3.substitute(z3.And(presupposed(step, ("named", "found"))), *names)
    yield f"{name} presupposes that there is something to be found, and there may be nothing", Obligation(
        name, PRESUPPOSED, None, {**hypotheses, "given": z3.And(presupposed(step, ("named",)))},
        z3.ForAll(others, z3.Not(fits)), {"one is found": z3.BoolVal(False)}, (), (step,))
    other = step.rule.apply(step.before, *(z3.substitute(a, *names) for a in step.arguments))
    defined = {f"definition {n}": f for n, f in enumerate((*step.definitions, *other.definitions))}
    alike = {f"it is refused with {r}, too": z3.Implies(step.refused(r), other.refused(r))
             for r in step.rule.refused}
    what = " and ".join(p.name for p in found)
    yield f"{name} may find more than one {what}, and does not say that it is chosen", Obligation(
        name, PRESUPPOSED, None, {**hypotheses, **defined, "given": z3.And(step.given, other.given)},
        z3.Or([one != two for one, two in names]), {"it is refused": z3.Not(step.done), **alike}, (), (step,))


def _left_out(obligations: Obligations, stores: SmallStores, step: Step) -> Iterator[str]:
    """Cases of the named arguments in which the operation could be done, and is never as the rule presupposes."""
    machine, rule = obligations.machine, step.rule
    cases = dict(_cases(machine, step, [p for p in rule.parameters if p.role == "named"]))
    problem = Obligation(rule.name, PRESUPPOSED, None, {"given": z3.And(presupposed(step, ("named",)))},
                         z3.BoolVal(True), {}, (), (step,))
    given, done = z3.And(list(step.effect.given)), step.done
    may_be = stores.possible(problem, {name: z3.And(case, done) for name, case in cases.items()}, _FEW,
                             _LIMIT)
    left = {name: z3.And(given, cases[name], done) for name in sorted(may_be)}
    for count in _COUNTS:
        met = stores.possible(problem, left, (count,)) if left else set()
        left = {name: case for name, case in left.items() if name not in met}
    yield from left


def _cases(machine: Machine, step: Step, named: list[Parameter]) -> Iterator[tuple[str, Term]]:
    """What may be so of arguments: relations of one or two, values of sorts that have such, equality, traits."""
    state = step.before
    constants = [(s.name, s.result, s.decl()) for s in machine.rigid
                 if not s.arguments and s.result in machine.sorts]
    objects = [(p.name, p.sort, p.term) for p in named]
    for symbol in machine.symbols:
        for chosen in itertools.product(*([o for o in objects if o[1] == sort] for sort in symbol.arguments)):
            if len(chosen) not in (1, 2):
                continue
            value = getattr(state, symbol.name)(*(term for _, _, term in chosen))
            says = f"{symbol.name}({', '.join(name for name, _, _ in chosen)})"
            there = z3.BoolVal(True) if symbol.of is None else getattr(state, symbol.of)(
                *(term for _, _, term in chosen[:len(machine.symbol(symbol.of).arguments)]))
            if symbol.result == BOOL:
                yield from _either(says, value, there)
            for one in symbol.result.values:
                yield f"{says} is {one}", z3.And(there, value == symbol.result.value(one))
    for (name, sort, one), (other, another, two) in itertools.combinations([*objects, *constants], 2):
        if sort == another != BOOL:
            yield from _either(f"{name} is {other}", one == two)
    for name, sort, term in objects:
        if sort == BOOL:
            yield from _either(name, term)
    for trait in machine.traits:
        yield from _either(trait.name, trait.term)


def _either(says: str, formula: Term, there: Term | bool = True) -> Iterator[tuple[str, Term]]:
    yield says, z3.And(there, formula)
    yield f"not {says}", z3.And(there, z3.Not(formula))
