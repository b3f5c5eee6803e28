"""What a machine must be so that a proof about it means anything: checked when it is made.

A proof takes axioms, definitions and enumerated values for granted, and it knows symbols by their names. A
machine that says one thing twice, or speaks of what it does not have, could be proved anything of: an axiom about
the state is never proved after a step, a definition of itself may contradict itself, two parameters of one name
are one object to Z3. Such a machine is refused here, in a sentence that says what is wrong and where.

A rule is looked at in a state whose symbols have names of their own, so that one that reads another state than it
is given is found out, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import z3

from layermodel.language.rules import (
    BOOL,
    INT,
    Definition,
    Effect,
    Machine,
    Rule,
    Sort,
    State,
    Symbol,
    Term,
    Update,
    Witness,
)


class Malformed(ValueError):
    """A machine that nothing can be proved of, and why."""


_WORD = re.compile(r"[A-Za-z]\w*")  # of what formulas say as ``s.word``
_NAME = re.compile(r"[A-Za-z][\w-]*")
_PLACE = re.compile(r"v\d+")
_ANOTHER = re.compile(r"another \w+!\d+")
_DEFINED = re.compile(r"[A-Za-z]\w*!\w+")
_ROLES = ("named", "new", "found", "chosen")
_NEXT = "'"


def check_machine(machine: Machine) -> None:
    """Check a machine; what was found to be sound in another that shares it is not looked at again.

    Raises:
        Malformed: if it is not one that a proof could be about.
    """
    words = (machine.sorts, machine.symbols, machine.traits, machine.axioms, machine.initial, machine.hints)
    if not any(_identical(words, known) for known in _sound):
        _check_words(machine)
        _sound.append(words)
        del _sound[:-_REMEMBERED]
    unique(f"the machine {machine.name} has two rules", (r.name for r in machine.rules))
    vocabulary = words[:3]
    for rule in machine.rules:
        if not _identical(vocabulary, rule.__dict__.get(_MARK, ())):
            _check_rule(machine, rule)
            rule.__dict__[_MARK] = vocabulary


_REMEMBERED = 8
_sound: list[tuple[Any, ...]] = []
"""Of machines that were checked: their sorts, symbols, traits, axioms, initial conditions and hints."""
_MARK = "_sound_with"
"""Where a rule keeps the sorts, symbols and traits with which it was found to be sound."""


def _identical(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise Malformed(sentence)


def unique(what: str, names: Iterable[str]) -> None:
    """Check that no name comes twice.

    Raises:
        Malformed: with ``what`` and the name.
    """
    seen: set[str] = set()
    for name in names:
        _require(name not in seen, f"{what} named {name!r}")
        seen.add(name)


# Sorts, symbols, traits, axioms, the initial condition.


def _check_words(machine: Machine) -> None:
    where = f"the machine {machine.name}"
    unique(f"{where} has two sorts", (s.name for s in machine.sorts))
    for sort in machine.sorts:
        _check_sort(where, sort)
    words = [*(s.name for s in machine.symbols), *(t.name for t in machine.traits)]
    unique(f"{where} has two symbols or traits", words)
    for word in words:
        _require(bool(_WORD.fullmatch(word)) and not hasattr(State, word) and not _PLACE.fullmatch(word),
                 f"{where} can't have a symbol or trait named {word!r}: formulas say it as an attribute of a "
                 "state, and v0, v1, … are the names of bound variables")
    for symbol in machine.symbols:
        _check_symbol(machine, symbol)
    unique(f"{where} has two axioms", (a.name for a in machine.axioms))
    rigid = Vocabulary.of(machine, machine.rigid, traits=False)
    for axiom in machine.axioms:
        rigid.check(f"the axiom {axiom.name!r} of {where}", axiom.formula)
    _check_initial(machine)
    for hint in machine.hints:
        for sort in hint.sorts:
            check_sort_known(machine, sort, f"a hint of {where}")


def _check_sort(where: str, sort: Sort) -> None:
    _require(bool(_WORD.fullmatch(sort.name)) and sort.name not in ("Bool", "Int", "trait", "sum", "v"),
             f"{where} can't have a sort named {sort.name!r}")
    unique(f"the sort {sort.name} has two values", sort.values)
    for value in sort.values:
        _require(bool(_NAME.fullmatch(value)), f"the sort {sort.name} can't have a value named {value!r}")


def check_sort_known(machine: Machine, sort: Sort, what: str) -> None:
    """Check that something is of one of a machine's sorts.

    Raises:
        Malformed: if it is of none.
    """
    if sort in machine.sorts:
        return
    alike = any(s.name == sort.name for s in machine.sorts)
    raise Malformed(f"{what} is of the sort {sort.name}, which the machine {machine.name} " + (
        "has otherwise" if alike else "does not have"))


def _check_symbol(machine: Machine, symbol: Symbol) -> None:
    what = f"the symbol {symbol.name}"
    for sort in symbol.arguments:
        check_sort_known(machine, sort, f"an argument of {what}")
    if symbol.result not in (BOOL, INT):
        check_sort_known(machine, symbol.result, what)
    if symbol.of is None:
        return
    guard = machine.symbol_by_name.get(symbol.of)
    if guard is None or guard.result != BOOL or guard.name == symbol.name:
        raise Malformed(f"{what} means something while {symbol.of!r} holds, which is no other relation")
    _require(guard.arguments == symbol.arguments[:len(guard.arguments)],
             f"{what} means something while {guard.name} holds of its first arguments, which are of other sorts")
    _require(guard.rigid or not symbol.rigid, f"{what} never changes, and {guard.name}, of which it is, does")


def _check_initial(machine: Machine) -> None:
    rigid = Vocabulary.of(machine, machine.rigid, more=_all_places(machine))
    for name, update in machine.initial.items():
        symbol = machine.symbol_by_name.get(name)
        if symbol is None or symbol.rigid:
            raise Malformed(f"the initial condition of the machine {machine.name} speaks of {name!r}, which is no "
                            "symbol that changes")
        _check_update(f"the initial value of {name}", symbol, update, rigid)
    missing = [s.name for s in machine.mutable if s.of is None and s.name not in machine.initial]
    _require(not missing, f"the initial condition of the machine {machine.name} says nothing of "
             f"{', '.join(missing)}")


# Rules.


def _check_rule(machine: Machine, rule: Rule) -> None:
    where = f"the rule {rule.name}"
    _require(bool(_NAME.fullmatch(rule.name)) and rule.name not in ("init", "nothing", "any"),
             f"a rule can't be named {rule.name!r}")
    unique(f"{where} has two parameters", (p.name for p in rule.parameters))
    for parameter in rule.parameters:
        what = f"the parameter {parameter.name} of {where}"
        _require(bool(_NAME.fullmatch(parameter.name)), f"{where} can't have {parameter.name!r} as a parameter")
        _require(parameter.role in _ROLES, f"{what} is {parameter.role!r}, and not {', '.join(_ROLES)}")
        if parameter.sort != BOOL:
            check_sort_known(machine, parameter.sort, what)
    state = machine.state.renamed(_NEXT)
    try:
        effect = rule.step(state).effect
    except (AttributeError, TypeError, z3.Z3Exception) as error:
        raise Malformed(f"{where} can't be applied to its parameters: {error}") from error
    _check_effect(machine, rule, effect)


def _check_effect(machine: Machine, rule: Rule, effect: Effect) -> None:
    where = f"the rule {rule.name}"
    unique(f"{where} has two refusals", [r.name for r in effect.refusals])
    known = Vocabulary.of(machine, machine.rigid, more=[
        *map(_renamed, machine.mutable), *(p.term.decl() for p in rule.parameters)])
    _check_definitions(where, effect.definitions, known)
    known = known.and_also([*(d.decl for d in effect.definitions), *_all_places(machine)])
    for presupposed in effect.presupposed:
        known.check(f"what {where} presupposes", presupposed.holds)
        _require(bool(presupposed.says.strip()), f"what {where} presupposes has no phrase")
    for refusal in effect.refusals:
        known.check(f"the refusal {refusal.name!r} of {where}", refusal.when)
        _require(bool(refusal.says.strip()), f"the refusal {refusal.name!r} of {where} has no phrase")
        _check_updates(machine, f"the refusal {refusal.name!r} of {where}", refusal.leaves, known)
    _check_updates(machine, where, effect.updates, known)
    for witness in effect.witnesses:
        _check_witness(machine, rule, witness, known)
    if effect.reclaimed is not None:
        known.check(f"what {where} reports as reclaimed", effect.reclaimed, INT.z3)


def _check_witness(machine: Machine, rule: Rule, witness: Witness, known: Vocabulary) -> None:
    """A witness is of objects of its own: of a named argument, say, it would show nothing but of that one."""
    where = f"a witness of the rule {rule.name}"
    own = [*witness.fresh, *witness.some]
    sorts = [sort.z3 for sort in machine.sorts if not sort.values]
    for term in own:
        own_name = z3.is_const(term) and _ANOTHER.fullmatch(term.decl().name())
        _require(bool(own_name) and term.sort() in sorts,
                 f"{where} has an object {term!s} that is not made with another(), of a sort without values")
    unique(f"{where} has two objects", (str(term) for term in own))
    known = known.and_also(term.decl() for term in own)
    known.check(f"the condition of {where}", witness.where)
    parameters = {p.name: p for p in rule.parameters if p.role in ("new", "chosen")}
    for name, value in witness.values.items():
        _require(name in parameters, f"{where} says what {name!r} is, which is no new or chosen parameter")
        known.check(f"what {where} says that {name} is", value, parameters[name].sort.z3)
    for name, update in witness.symbols.items():
        symbol = machine.symbol_by_name.get(name)
        if symbol is None or not symbol.arguments:
            raise Malformed(f"{where} says something of {name!r}, which is no symbol with arguments")
        _check_update(f"what {where} says of {name}", symbol, update, known)


def _renamed(symbol: Symbol) -> Term:
    return z3.Function(symbol.name + _NEXT, *(s.z3 for s in symbol.arguments), symbol.result.z3)


def _check_definitions(where: str, definitions: Sequence[Definition], known: Vocabulary) -> None:
    """Each is of a new relation and none comes back to itself: then there is exactly one such relation."""
    unique(f"{where} defines two relations", (d.decl.name() for d in definitions))
    names = {d.decl.name(): d.decl for d in definitions}
    for name in names:
        _require(bool(_DEFINED.fullmatch(name)), f"{where} defines {name!r}: a relation of a step's own is made "
                 "with define(), which gives it a name of its own")
    uses: dict[str, set[str]] = {}
    for definition in definitions:
        name, variables = definition.decl.name(), definition.variables
        what = f"the definition of {name.split('!')[0]} by {where}"
        own = {v.decl().name(): v.decl() for v in variables}
        _require(len(own) == len(variables) and all(z3.is_const(v) for v in variables)
                 and [v.sort() for v in variables] == [definition.decl.domain(n) for n in
                                                       range(definition.decl.arity())],
                 f"{what} is not for different variables of its arguments' sorts")
        known.and_also([*names.values(), *own.values()]).check(what, definition.body, definition.decl.range())
        uses[name] = mentioned(definition.body) & (names.keys() - own.keys())
    circle = cycle(uses)
    _require(not circle, f"{where} defines {' by '.join(n.split('!')[0] for n in circle)}: a definition that "
             "comes back to itself")


def cycle(uses: Mapping[str, Iterable[str]]) -> list[str]:
    """Return names each of which uses the next, the last being the first again; none if there is no circle."""
    done: set[str] = set()
    for start in uses:
        way, stack = [start], [iter(uses[start])]
        while stack and start not in done:
            following = next(stack[-1], None)
            if following is None:
                done.add(way.pop())
                stack.pop()
            elif following in way:
                return [*way[way.index(following):], following]
            elif following not in done and following in uses:
                way.append(following)
                stack.append(iter(uses[following]))
    return []


def _check_updates(
    machine: Machine, where: str, updates: Mapping[str, Update], known: Vocabulary,
) -> None:
    for name, update in updates.items():
        symbol = machine.symbol_by_name.get(name)
        _require(symbol is not None, f"{where} changes {name!r}, which the machine {machine.name} does not have")
        assert symbol is not None
        _require(not symbol.rigid, f"{where} changes {name}, which never changes")
        _check_update(f"what {where} makes of {name}", symbol, update, known)


def _check_update(what: str, symbol: Symbol, update: Callable[..., Term], known: Vocabulary) -> None:
    places = _places(symbol)
    try:
        value = update(*places)
    except (AttributeError, TypeError, z3.Z3Exception) as error:
        raise Malformed(f"{what} can't be had for {len(places)} arguments: {error}") from error
    known.check(what, value, symbol.result.z3)


# Terms.


class Vocabulary:
    """What a term may speak of; a part of a term that was looked at is not looked at again."""

    def __init__(self, decls: Iterable[Term]) -> None:
        """Take the declarations of constants and functions."""
        self._known = {decl.name(): decl for decl in decls}
        self._seen: dict[int, Term] = {}  # with the terms, as ids are only unique among terms that are alive

    @classmethod
    def of(cls, machine: Machine, symbols: Iterable[Symbol], *, traits: bool = True, more: Iterable[Term] = (),
           ) -> Vocabulary:
        """Symbols, values of enumerated sorts, sums, traits, and more."""
        values = [s.value(v).decl() for s in machine.sorts for v in s.values]
        sums = [z3.Function(f"sum.{s.name}", z3.ArraySort(s.z3, INT.z3), INT.z3) for s in machine.sorts]
        named = [t.term.decl() for t in machine.traits] if traits else []
        return cls([*(s.decl for s in symbols), *values, *sums, *named, *more])

    def and_also(self, decls: Iterable[Term]) -> Vocabulary:
        """The same and more."""
        return Vocabulary([*self._known.values(), *decls])

    def check(self, what: str, term: Term, sort: Term | None = None) -> None:
        """Check what a term speaks of, and that it is of a sort, which is Boolean if none is said.

        Raises:
            Malformed: if it is no term, of another sort, or speaks of something else.
        """
        wanted = z3.BoolSort() if sort is None else sort
        if not z3.is_expr(term):
            raise Malformed(f"{what} is {term!r}, which is no Z3 term")
        _require(term.sort() == wanted, f"{what} is of the sort {term.sort()}, not {wanted}")
        for part in _parts(term, self._seen):
            if z3.is_app(part):
                self._check(what, part.decl())

    def _check(self, what: str, decl: Term) -> None:
        if decl.kind() != z3.Z3_OP_UNINTERPRETED:
            return
        name = decl.name()
        known = self._known.get(name)
        if known is not None and decl.eq(known):
            return
        plain = name.removesuffix(_NEXT)
        _require(known is not None or plain + _NEXT not in self._known,
                 f"{what} speaks of {plain!r} of another state than the one that it is given")
        _require(known is not None, f"{what} speaks of {plain!r}, which is nothing that it may speak of")
        raise Malformed(f"{what} speaks of a {name!r} of other sorts")


def _parts(term: Term, seen: dict[int, Term]) -> Iterator[Term]:
    stack = [term]
    while stack:
        part = stack.pop()
        if part.get_id() not in seen:
            seen[part.get_id()] = part
            yield part
            stack += [part.body()] if z3.is_quantifier(part) else part.children()


def mentioned(term: Term) -> set[str]:
    """Return the names of the constants and functions that a term mentions."""
    return {part.decl().name() for part in _parts(term, {})
            if z3.is_app(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED}


def _places(symbol: Symbol) -> list[Term]:
    return [sort.constant(f"at {n} {sort.name}") for n, sort in enumerate(symbol.arguments)]


def _all_places(machine: Machine) -> list[Term]:
    return [place.decl() for symbol in machine.mutable for place in _places(symbol)]
