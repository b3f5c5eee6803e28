"""Prove that what a rule presupposes of new and chosen arguments can always be had, in a larger store.

A store is the part of a larger one in which no object is *fresh*. What is known of it, its axioms and its state
laws, is known of the other objects alone: quantifiers do not range over fresh ones, and no function leads to one.
In the larger store each symbol says of the other objects what it said, and where a fresh one is among its
arguments what the rule's :class:`~layermodel.language.rules.Witness` declares. So there is such a structure
whatever is declared; proved is that it satisfies the axioms and the state laws, for a store of any size, and that
the rule can be applied in it to the same named arguments as it presupposes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import z3

from layermodel.language.rules import BOOL, Sort, Step, Symbol, Term, Update, Witness
from layermodel.language.sound import mentioned
from layerproof.laws.law import Kind, Law, step_law, true
from layerproof.laws.obligations import Obligation, Obligations, at, closed, constants, implied

PRESUPPOSED = step_law("presupposed", "", "What a rule presupposes hides nothing.", (), true, lambda step: {}, ())
"""What is proved of what rules presuppose is of no catalogue's law."""
_DETERMINED = ("named", "found")


def presupposed(step: Step, roles: Iterable[str]) -> list[Term]:
    """What a step presupposes that speaks of no parameters but those of some roles."""
    others = {p.term.decl().name() for p in step.rule.parameters if p.role not in roles}
    return [given for given in step.effect.given if not mentioned(given) & others]


@dataclass
class _Said:
    """Terms said again of other objects: with quantifiers over fewer, or symbols that say something else.

    Attributes:
        ranges: whether a bound variable is one of the objects; all are, if it returns None.
        symbols: by name, what is put for a symbol.
    """

    ranges: Callable[[Term], Term | None]
    symbols: Mapping[str, Update] = field(default_factory=dict)
    _known: dict[int, tuple[Term, Term]] = field(default_factory=dict)
    _open: int = 0

    def __call__(self, term: Term) -> Term:
        key = term.get_id()
        if key not in self._known:
            self._known[key] = term, self._bound(term) if z3.is_quantifier(term) else self._applied(term)
        return self._known[key][1]

    def _applied(self, term: Term) -> Term:
        parts = [self(part) for part in term.children()]
        if term.decl().kind() == z3.Z3_OP_UNINTERPRETED and term.decl().name() in self.symbols:
            return self.symbols[term.decl().name()](*parts)
        return term.update(*parts) if parts else term

    def _bound(self, term: Term) -> Term:
        names = range(self._open, self._open + term.num_vars())
        variables = [z3.Const(f"x.{name}", term.var_sort(n)) for n, name in enumerate(names)]
        self._open += len(names)
        body = self(z3.substitute_vars(term.body(), *reversed(variables)))
        self._open -= len(names)
        within = [one for one in map(self.ranges, variables) if one is not None]
        if term.is_lambda():  # of a sum: what is not there adds nothing
            return z3.Lambda(variables, z3.If(z3.And(within), body, 0) if within else body)
        if term.is_forall():
            return z3.ForAll(variables, z3.Implies(z3.And(within), body) if within else body)
        return z3.Exists(variables, z3.And(*within, body))


class _Larger:
    """A store, and the larger one that a witness for a step declares."""

    def __init__(self, obligations: Obligations, step: Step, witness: Witness, before: Iterable[Witness]) -> None:
        self.machine, self.catalogue, self.step, self.witness = (
            obligations.machine, obligations.catalogue, step, witness)
        open_ = [p for p in step.rule.parameters if p.role not in _DETERMINED]
        self._left = [p for p in open_ if p.name not in witness.values]
        new = {p.name: z3.FreshConst(p.sort.z3, p.name) for p in self._left if not _values(p.sort)}
        self.values = {**witness.values, **new}
        self.fresh: dict[str, list[Term]] = {}
        for term in (*witness.fresh, *new.values()):
            self.fresh.setdefault(term.sort().name(), []).append(term)
        self.inside = _Said(self._old)
        self.large = _Said(lambda variable: None, {
            symbol.decl.name(): self._symbol(symbol) for symbol in self.machine.symbols
            if any(sort.name in self.fresh for sort in symbol.arguments)})
        self._before = tuple(before)
        self._values = {f"values {n}": f for n, f in enumerate(self.machine.enumerations)}

    @property
    def words(self) -> str:
        """What the larger store has more, in words."""
        return " and ".join(f"{len(terms)} more {name}" for name, terms in self.fresh.items())

    @cached_property
    def usual(self) -> tuple[str, ...] | None:
        """What is the same of all witnesses of which nothing is declared; None if something is."""
        declared = self.witness.symbols or self.witness.some or not z3.is_true(self.witness.where)
        return None if declared else tuple(sorted(t.sort().name() for terms in self.fresh.values() for t in terms))

    def _old(self, term: Term) -> Term | None:
        """The object is none of the fresh ones; None if its sort has none."""
        fresh = self.fresh.get(term.sort().name())
        return z3.And([term != one for one in fresh]) if fresh else None

    def _all_old(self, terms: Iterable[Term]) -> Term:
        return z3.And([old for old in map(self._old, terms) if old is not None])

    def _symbol(self, symbol: Symbol) -> Update:
        """What a symbol says in the larger store."""
        declared = self.witness.symbols.get(symbol.name)
        if declared is None and not symbol.rigid:
            declared = self.machine.initial.get(symbol.name)
        if declared is None:
            declared = (lambda *_: z3.BoolVal(False)) if symbol.result == BOOL and symbol.rigid else symbol.decl
        return lambda *a: z3.If(self._all_old(a), symbol.decl(*a), self.inside(declared(*a)))

    @cached_property
    def _store(self) -> dict[str, Term]:
        """What is known of the store, but for sums, and of the objects that the witness is for."""
        state, known = self.machine.state, dict(self._values)
        for fresh in self.fresh.values():
            known[f"apart {fresh[0]}"] = z3.Distinct(*fresh)
        for symbol in self.machine.symbols:
            if symbol.result.name in self.fresh:
                places = [sort.constant(f"v{n}") for n, sort in enumerate(symbol.arguments)]
                leads = z3.Implies(self._all_old(places), self._old(symbol.decl(*places)))
                known[f"closed {symbol.name}"] = z3.ForAll(places, leads) if places else leads
        for axiom in self.machine.axioms:
            if axiom.for_proofs:
                known[f"axiom {axiom.name}"] = self.inside(axiom.formula)
        for law in self.catalogue.of(Kind.STATE):
            if not law.sums:
                known[f"law {law.id}"] = self.inside(closed(law, state))
        arguments = [p.term for p in self.step.rule.parameters if p.role in _DETERMINED]
        known["arguments"] = self._all_old([*arguments, *self.witness.some])
        known["where"] = self.inside(self.witness.where)
        for n, other in enumerate(self._before):
            known[f"not {n}"] = self.inside(z3.Not(there_is(other)))
        return known

    def claims(self, whole: bool) -> Iterator[tuple[str, Obligation]]:
        """What has to be proved, each with what it says.

        Args:
            whole: also what does not depend on what the rule presupposes.
        """
        if whole:
            for axiom in self.machine.axioms:
                if not axiom.lemma:
                    known = {**self._store, "here": self.inside(axiom.formula)}
                    yield from self._kept(f"the axiom {axiom.name!r}", axiom.formula, known)
            for law in self.catalogue.of(Kind.STATE):
                yield from self._law(law)
        # What a definition is worth depends on arguments that are to be chosen, too.
        given = [g for g in presupposed(self.step, _DETERMINED) if not any("!" in name for name in mentioned(g))]
        known, met = {**self._store, "given": self.inside(z3.And(given))}, list(self._met())
        known |= {f"definition {n}": z3.And(means) for n, (means, _) in enumerate(met)}
        yield "what is presupposed", self._obligation(known, z3.Or([given for _, given in met]))

    def _met(self) -> Iterator[tuple[list[Term], Term]]:
        """What is presupposed in the larger store, for each value of arguments that have few, and definitions."""
        chosen = [(p.term, self.inside(self.values[p.name])) for p in self.step.rule.parameters
                  if p.name in self.values]
        few = [p for p in self._left if p.name not in self.values]
        for values in itertools.product(*(_values(p.sort) for p in few)):
            put = [*chosen, *zip((p.term for p in few), values, strict=True)]
            # What is defined for one value is not what is defined for another.
            own = _Said(lambda variable: None, {
                d.decl.name(): z3.Function(f"{d.decl.name()} of {values}", *(v.sort() for v in d.variables),
                                           d.decl.range())
                for d in self.step.effect.definitions})
            again = lambda term, put=put, own=own: own(self.large(z3.substitute(term, *put)))
            yield [*map(again, self.step.definitions)], again(z3.And(list(self.step.effect.given)))

    def _law(self, law: Law) -> Iterator[tuple[str, Obligation]]:
        """A state law; one that follows from others does so in the larger store, of which these are shown, too."""
        state, variables = self.machine.state, constants(law)
        terms = tuple(term for _, _, term in variables)
        if law.follows_from:
            known = {f"larger {axiom.name}": self.large(axiom.formula) for axiom in self.machine.axioms
                     if axiom.for_proofs}
            known |= {f"larger {name}": self.large(implied(self.machine, self.catalogue.law(name), terms, state))
                      for name in law.follows_from}
        elif not law.sums:
            variables, terms, known = (), (), self._store
        else:
            # A sum that depends on a bound variable is not one number: the law is asked of any objects.
            known = {**self._store, "law": z3.Implies(self._all_old(terms), self.inside(at(law, state, terms)))}
        formula = at(law, state, terms) if terms else closed(law, state)
        yield from self._kept(law.id, formula, known, variables, sums=law.sums)

    def _kept(
        self, what: str, formula: Term, known: Mapping[str, Term],
        variables: tuple[tuple[str, Sort, Term], ...] = (), *, sums: bool = False,
    ) -> Iterator[tuple[str, Obligation]]:
        """What held of the store holds of the larger one; nothing if it is about nothing that it has more of."""
        if not self.fresh.keys() & {sort.name for _, sort, _ in variables} \
                and self.large(formula).eq(self.inside(formula)):
            return
        yield what, self._obligation({**self._values, **known}, self.large(formula), variables, sums=sums)

    def _obligation(
        self, hypotheses: Mapping[str, Term], claim: Term,
        variables: tuple[tuple[str, Sort, Term], ...] = (), *, sums: bool = False,
    ) -> Obligation:
        return Obligation(self.step.rule.name, PRESUPPOSED, None, hypotheses, z3.BoolVal(True), {"": claim},
                          variables, needs_sums=sums)


def _values(sort: Sort) -> list[Term]:
    """The values of a sort that has few; none of one that can have more objects."""
    return [z3.BoolVal(True), z3.BoolVal(False)] if sort == BOOL else [sort.value(v) for v in sort.values]


def there_is(witness: Witness) -> Term:
    """A store has the objects that a witness is for."""
    return z3.Exists(list(witness.some), witness.where) if witness.some else witness.where


def lacks_room(
    obligations: Obligations, step: Step, proves: Callable[[Obligation], bool], kept: set[tuple[str, ...]],
) -> str | None:
    """Return, in words, why it is not shown that what a step presupposes can always be had; None if it is.

    Args:
        kept: the sorts of which it was shown before that a store can have more objects of which nothing is so; to
            these is added.
    """
    name, before = step.rule.name, list[Witness]()
    for witness in step.effect.witnesses:
        larger = _Larger(obligations, step, witness, before)
        known = larger.usual
        for what, claim in larger.claims(whole=known is None or known not in kept):
            if not proves(claim):
                return (f"{name} presupposes what there may be no room for: it is not shown that {what} holds "
                        f"with {larger.words}")
        if known is not None:
            kept.add(known)
        before.append(witness)
    if not any(z3.is_true(witness.where) for witness in before):
        hypotheses = {**obligations.axioms, **obligations.universal, **obligations.existential,
                      "given": z3.And(presupposed(step, _DETERMINED))}
        if not proves(Obligation(name, PRESUPPOSED, None, hypotheses, z3.BoolVal(True),
                                 {"": z3.Or(list(map(there_is, before)))}, ())):
            return f"{name} presupposes what there may be no room for: its witnesses are not shown to be all cases"
    return None
