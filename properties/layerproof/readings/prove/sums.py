"""Sums over sets of any size, for Z3.

A sum is an uninterpreted function of a lambda term. A query replaces each sum in it by an integer constant
and adds instances of five lemmas about the terms under the sums. The lemmas are proved here by induction
on the finite set of objects at which a term is not zero: ``S(D, f)`` sums ``f`` over ``D``, with
``S({}, f) = 0`` and ``S(D + x, f) = S(D, f) + f(x)`` for ``x`` not in ``D``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import z3

from layermodel.language.rules import Term
from layerproof.laws.lemmas import Case, Lemma

_X = z3.DeclareSort("Element")
_SETS = z3.ArraySort(_X, z3.BoolSort())
_TERMS = z3.ArraySort(_X, z3.IntSort())
_SUM = z3.Function("S", _SETS, _TERMS, z3.IntSort())


def _induction(name: str, assumed: Term, claim: Term, domain: Term) -> Lemma:
    """Induction on a set: the claim for the empty one, and for one more element if for the set."""
    x = z3.Const("x", _X)
    f, g, h = (z3.Const(n, _TERMS) for n in "fgh")
    empty, more = z3.K(_X, z3.BoolVal(False)), z3.Store(domain, x, z3.BoolVal(True))
    terms = (f, g, h)
    start = [_SUM(empty, t) == 0 for t in terms]
    grown = [_SUM(more, t) == _SUM(domain, t) + t[x] for t in terms]
    return Lemma(name, (
        Case((*start, assumed), z3.substitute(claim, (domain, empty))),
        Case((z3.Not(domain[x]), *grown, assumed, claim), z3.substitute(claim, (domain, more)))))


def sum_lemmas() -> tuple[Lemma, ...]:
    """Return the lemmas, each with its proof by induction."""
    f, g, h = (z3.Const(n, _TERMS) for n in "fgh")
    x, a = z3.Consts("y a", _X)
    domain = z3.Const("D", _SETS)
    total = lambda term: _SUM(domain, term)
    return (
        _induction("if f = g + h everywhere, then sum f = sum g + sum h",
                   z3.ForAll([x], f[x] == g[x] + h[x]), total(f) == total(g) + total(h), domain),
        _induction("if f = g everywhere, then sum f = sum g",
                   z3.ForAll([x], f[x] == g[x]), total(f) == total(g), domain),
        _induction("if f = 0 everywhere, then sum f = 0",
                   z3.ForAll([x], f[x] == 0), total(f) == 0, domain),
        _induction("if f >= 0 everywhere, then sum f >= 0",
                   z3.ForAll([x], f[x] >= 0), total(f) >= 0, domain),
        _induction("if f = g except at a, then sum f - sum g = f(a) - g(a) (a in the set)",
                   z3.ForAll([x], z3.Implies(x != a, f[x] == g[x])),
                   total(f) - total(g) == z3.If(domain[a], f[a] - g[a], 0), domain),
    )


def is_sum(term: Term) -> bool:
    """Whether a term is a sum."""
    return bool(z3.is_app(term) and term.num_args() == 1 and term.decl().name().startswith("sum."))


def _sums_in(term: Term, found: dict[int, Term], seen: set[int]) -> None:
    if term.get_id() in seen:
        return
    seen.add(term.get_id())
    if is_sum(term) and not _depends(term, 0):
        found[term.get_id()] = term
    for child in [term.body()] if z3.is_quantifier(term) else term.children():
        _sums_in(child, found, seen)


def _depends(term: Term, bound: int) -> bool:
    """Whether a term depends on variables that are bound outside of it; so many are bound within."""
    if z3.is_var(term):
        return bool(z3.get_var_index(term) >= bound)
    if z3.is_quantifier(term):
        return _depends(term.body(), bound + term.num_vars())
    return any(_depends(child, bound) for child in term.children())


@dataclass(frozen=True)
class _Sum:
    term: Term
    constant: Term
    body: Term
    variable: Term


def eliminate(formulas: Sequence[Term], points: Sequence[Term]) -> list[Term]:
    """Replace sums by integer constants and add the lemma instances about them.

    Args:
        formulas: a sum in them that depends on a bound variable is not one number; it stays as it is, and nothing
            is known of it.
        points: terms at which two summed terms may differ (lemma *one point*).
    """
    with_sums = [_sums_of(formula) for formula in formulas]
    found = {term.get_id(): term for terms in with_sums for term in terms}
    if not found:
        return list(formulas)
    sums = _distinct(list(found.values()))
    replaced = [(term, s.constant) for s in sums for term in found.values() if _canonical(term) == s.term]
    result = [z3.substitute(formula, *replaced) if terms else formula
              for formula, terms in zip(formulas, with_sums, strict=True)]
    return result + _instances(sums, points)


_REMEMBERED = 4096
_remembered: dict[int, tuple[Term, tuple[Term, ...]]] = {}
"""The sums in formulas that were looked through, by their ids; most are hypotheses of many queries. A formula is
kept as long as its id is, which could be another's else."""


def _sums_of(formula: Term) -> tuple[Term, ...]:
    key = formula.get_id()
    if key not in _remembered:
        if len(_remembered) >= _REMEMBERED:
            _remembered.clear()
        found: dict[int, Term] = {}
        _sums_in(formula, found, set())
        _remembered[key] = formula, tuple(found.values())
    return _remembered[key][1]


def _canonical(term: Term) -> Term:
    """The sum with its bound variable named by its sort, so that equal bodies are equal terms."""
    array = term.arg(0)
    variable = z3.Const(f"summed {array.var_sort(0)}", array.var_sort(0))
    return z3.Function("canonical", z3.IntSort(), array.var_sort(0), z3.IntSort())(
        z3.substitute_vars(array.body(), variable), variable)


def _distinct(terms: Sequence[Term]) -> list[_Sum]:
    sums: dict[Term, _Sum] = {}
    for term in terms:
        key = _canonical(term)
        if key not in sums:
            sums[key] = _Sum(key, z3.Int(f"sum {len(sums)}"), key.arg(0), key.arg(1))
    return list(sums.values())


def _instances(sums: Sequence[_Sum], points: Sequence[Term]) -> list[Term]:
    """The lemmas for every choice of sums over one sort."""
    result: list[Term] = []
    for s in sums:
        result.append(_if_everywhere(s.variable, s.body == 0, s.constant == 0))
        result.append(_if_everywhere(s.variable, s.body >= 0, s.constant >= 0))
    for s, t in itertools.permutations(sums, 2):
        if s.variable.sort() != t.variable.sort():
            continue
        result.append(_if_everywhere(s.variable, s.body == t.body, s.constant == t.constant))
        for a in (p for p in points if p.sort() == s.variable.sort()):
            at = [z3.substitute(u.body, (u.variable, a)) for u in (s, t)]
            result.append(_if_everywhere(
                s.variable, z3.Or(s.variable == a, s.body == t.body),
                s.constant - t.constant == at[0] - at[1]))
    for s, t, u in itertools.permutations(sums, 3):
        if t.constant.get_id() < u.constant.get_id() and s.variable.sort() == t.variable.sort() \
                and t.variable.sort() == u.variable.sort():
            result.append(_if_everywhere(
                s.variable, s.body == t.body + u.body, s.constant == t.constant + u.constant))
    return result


def _if_everywhere(variable: Term, condition: Term, then: Term) -> Term:
    return z3.Implies(z3.ForAll([variable], condition), then)
