"""A machine at given sizes as a TLA+ module for TLC, with the rules, refusals and laws as the Z3 terms say them.

A sort is a set of numbers, or of strings where its values have names; a symbol is a variable, a function of its
objects. What never changes is chosen in the initial state. Each rule is three operators: what it presupposes, with
which refusal it answers (``""`` for none), and the step that it takes. TLC counts the states that the explorer
counts: what a symbol says of an object that is not there is the first value of its sort, and of new objects that
are all alike the first is taken. State laws are invariants, step laws about steps that are done are properties.
Laws about refused steps and about two runs are left out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import z3

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import BOOL, INT, Definition, Rule, Sort, State, Step, Symbol, Term
from layermodel.language.terms import Layout
from layerproof.laws.law import Kind, Law
from layerproof.laws.obligations import Obligations, RefusedStep, nothing
from layerproof.subject import Subject

_OWN = frozenset(("Int", "Nat", "Sum", "Init", "Next", "Universes", "vars", "rigid"))
"""What is defined beside a machine's own names; the words of TLA+ are all in capitals."""
_JOINTS = {
    z3.Z3_OP_AND: r" /\ ", z3.Z3_OP_OR: r" \/ ", z3.Z3_OP_IMPLIES: " => ", z3.Z3_OP_EQ: " = ", z3.Z3_OP_LE: " <= ",
    z3.Z3_OP_GE: " >= ", z3.Z3_OP_LT: " < ", z3.Z3_OP_GT: " > ", z3.Z3_OP_ADD: " + ", z3.Z3_OP_SUB: " - ",
    z3.Z3_OP_MUL: " * ", z3.Z3_OP_XOR: " # ", z3.Z3_OP_DISTINCT: " # "}
_NEXT = "'"


def tla(subject: Subject, dialect: str, sizes: Mapping[str, int] | None = None) -> str:
    """Return the module of a machine in one dialect, and below its end the configuration that TLC needs.

    Args:
        sizes: of the sorts, other than the machine's usual ones.

    Raises:
        WrongRequest: if there is no such dialect.
    """
    traits = subject.traits((dialect,))[dialect]
    ground = GroundMachine(subject.machine, subject.sizes(sizes))
    module = _Module(subject, ground, traits)
    return module.text(subject.finite.universes(ground), dialect) + module.configuration()


class _Module:
    """Writes one module."""

    def __init__(self, subject: Subject, ground: GroundMachine, traits: Mapping[str, bool]) -> None:
        self._subject, self._machine, self._traits = subject, subject.machine, traits
        self._layout: Layout = ground.layout
        self._obligations = Obligations(subject.machine, subject.catalogue)
        self._known = self._constants()
        self._laws: list[tuple[Law, str]] = []

    def _constants(self) -> dict[str, str]:
        """What constants are called."""
        machine = self._machine
        known = {s.value(v).decl().name(): f'"{v}"' for s in machine.sorts for v in s.values}
        known |= {t.term.decl().name(): "TRUE" if self._traits[t.name] else "FALSE" for t in machine.traits}
        known |= {nothing(s.result).decl().name(): self._first(s.result) for s in machine.symbols
                  if s.result not in (BOOL, INT)}
        return known

    @staticmethod
    def _first(sort: Sort) -> str:
        """What an object that is not there has."""
        if sort == BOOL:
            return "FALSE"
        return f'"{sort.values[0]}"' if sort.values else "0"

    def text(self, universes: Sequence[Vector], dialect: str) -> str:
        """All of it."""
        machine = self._machine
        sizes = " ".join(f"{s.name}={self._layout.sizes[s.name]}" for s in machine.sorts if not s.values)
        name = f" MODULE {_safe(machine.name)} "
        steps = [line for rule in machine.rules for line in self._rule(rule)]
        laws = [line for law in self._subject.catalogue.laws for line in self._law(law)]
        return "\n".join([
            name.center(78, "-"),
            f"(* The machine {machine.name}{f' in the dialect {dialect}' if machine.traits else ''}: {sizes}.",
            "   Written by layerproof from the rules that it proves. *)",
            "EXTENDS Integers, TLC", "",
            "RECURSIVE Sum(_, _)",
            r"Sum(S, f) == IF S = {} THEN 0 ELSE LET x == CHOOSE y \in S : TRUE IN f[x] + Sum(S \ {x}, f)", "",
            *(f"{s.name} == {self._set(s)}  \\* {s.doc}" for s in machine.sorts), "",
            "VARIABLES", *_listed([f"    {_safe(s.name)}" for s in machine.symbols]), "",
            f"rigid == <<{', '.join(_safe(s.name) for s in machine.rigid)}>>",
            f"vars == <<{', '.join(_safe(s.name) for s in machine.symbols)}>>", "",
            *self._universes(universes), "", *self._initial(), "", *steps, *self._next(), "", *laws, "=" * 78, ""])

    def configuration(self) -> str:
        """What TLC is to check."""
        kinds = {Kind.STATE: "INVARIANT", Kind.STEP: "PROPERTY"}
        asked = [f"{kinds[law.kind]} {name}" for law, name in self._laws]
        return "\n".join([r"\* What TLC is to check; it reads this from a file of its own.",
                          "INIT Init", "NEXT Next", *asked, ""])

    def _set(self, sort: Sort) -> str:
        if sort == BOOL:
            return "BOOLEAN"
        if sort.values:
            return "{" + ", ".join(f'"{v}"' for v in sort.values) + "}"
        return f"0..{self._layout.sizes[sort.name] - 1}"

    # What is there in the beginning.

    def _value(self, sort: Sort, value: int | bool) -> str:
        if sort == BOOL:
            return "TRUE" if value else "FALSE"
        return f'"{sort.values[int(value)]}"' if sort.values else str(int(value))

    def _universes(self, universes: Sequence[Vector]) -> Iterator[str]:
        rows = []
        for universe in universes:
            fields = []
            for symbol in self._machine.rigid:
                put = [(at, self._value(symbol.result, universe[self._layout.index(symbol.name, *at)]))
                       for at in self._layout.tuples(symbol)]
                if not symbol.arguments:
                    said = put[0][1]
                else:
                    said = " @@ ".join(f"{self._at(symbol, at)} :> {value}" for at, value in put)
                fields.append(f"{_safe(symbol.name)} |-> {said if not symbol.arguments else f'({said})'}")
            rows.append(f"    [{', '.join(fields) or 'none |-> 0'}]")
        yield "Universes == {"
        yield from _listed(rows)
        yield "}"

    def _at(self, symbol: Symbol, at: Sequence[int]) -> str:
        """A place of a symbol."""
        said = [self._value(sort, place) for sort, place in zip(symbol.arguments, at, strict=True)]
        return said[0] if len(said) == 1 else f"<<{', '.join(said)}>>"

    def _initial(self) -> Iterator[str]:
        yield r"Init == \E u \in Universes :"
        for symbol in self._machine.rigid:
            yield rf"    /\ {_safe(symbol.name)} = u.{_safe(symbol.name)}"
        start = self._machine.start
        for symbol in self._machine.mutable:
            if symbol.name in self._machine.initial:
                said = self._function(symbol, self._settled(start, symbol), {})
            else:
                said = self._function(symbol, lambda *_, symbol=symbol: None, {})
            yield rf"    /\ {_safe(symbol.name)} = {said}"

    def _settled(self, state: State, symbol: Symbol) -> Callable[..., Term]:
        """What a symbol says in a state of what is there, and nothing of what is not."""
        if symbol.of is None:
            return getattr(state, symbol.name) if symbol.arguments else lambda: getattr(state, symbol.name)
        there = self._machine.symbol(symbol.of)
        return lambda *at: z3.If(self._settled(state, there)(*at[:len(there.arguments)]),
                                 getattr(state, symbol.name)(*at), nothing(symbol.result))

    def _function(self, symbol: Symbol, value: Callable[..., Term | None], names: Mapping[str, str]) -> str:
        """A symbol's value everywhere."""
        places = [s.constant(f"place {n}") for n, s in enumerate(symbol.arguments)]
        own = {f"place {n}": f"at{n}" for n in range(len(places))}
        term = value(*places)
        said = self._first(symbol.result) if term is None else self._term(term, {**names, **own})
        if not places:
            return said
        bound = ", ".join(rf"at{n} \in {s.name}" for n, s in enumerate(symbol.arguments))
        return f"[{bound} |-> {said}]"

    # Terms.

    def _term(self, term: Term, names: Mapping[str, str]) -> str:
        """A term; ``names`` are those of constants and relations that are no symbols."""
        known: dict[tuple[int, tuple[str, ...]], str] = {}

        def say(part: Term, bound: tuple[str, ...]) -> str:
            """A part of it, with the variables that are bound around it, the innermost last."""
            key = part.get_id(), bound
            if key not in known:
                known[key] = self._said(part, names, bound, say)
            return known[key]

        return say(term, ())

    def _said(self, term: Term, names: Mapping[str, str], bound: tuple[str, ...], say: _Say) -> str:
        if z3.is_var(term):
            return bound[-1 - int(z3.get_var_index(term))]
        if z3.is_quantifier(term):
            return _quantified(term, bound, say)
        if z3.is_int_value(term):
            return f"{term.as_long()}"
        parts = [say(child, bound) for child in term.children()]
        if term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            return self._applied(term.decl().name(), parts, names)
        return _operated(term.decl(), parts)

    def _applied(self, name: str, parts: Sequence[str], names: Mapping[str, str]) -> str:
        if name.startswith("sum."):
            return f"Sum({name.removeprefix('sum.')}, {parts[0]})"
        said = names.get(name) or self._known.get(name)
        if said is None:
            base = name.removesuffix(_NEXT)
            if base not in self._machine.symbol_by_name:
                raise ValueError(f"the machine {self._machine.name} has no symbol {name!r}")
            rigid = self._machine.symbol(base).rigid
            said = _safe(base) + (_NEXT if name != base and not rigid else "")
        return f"{said}[{', '.join(parts)}]" if parts else said

    def _defining(self, formulas: Iterable[str], definitions: Sequence[Definition], names: Mapping[str, str],
                  ) -> str:
        """``LET … IN`` for those relations of a step that formulas mention, each after those that it mentions."""
        said = {names[d.decl.name()]: self._definition(d, names) for d in definitions}
        needed, order = "\n".join(formulas), list[str]()

        def need(text: str) -> None:
            for name, means in said.items():
                if name not in order and re.search(rf"\b{name}\b", text):
                    need(means)
                    order.append(name)

        need(needed)
        return "LET " + " ".join(f"{name} == {said[name]}" for name in order) + " IN " if order else ""

    def _definition(self, definition: Definition, names: Mapping[str, str]) -> str:
        own = {v.decl().name(): f"in{n}" for n, v in enumerate(definition.variables)}
        over = ", ".join(rf"in{n} \in {_set_of(v.sort())}" for n, v in enumerate(definition.variables))
        return f"[{over} |-> {self._term(definition.body, {**names, **own})}]"

    # Rules.

    def _names(self, rule: Rule) -> dict[str, str]:
        """What a rule's parameters and its step's relations are called."""
        step = self._obligations.step(rule)
        return {**{p.term.decl().name(): f"the_{_safe(p.name)}" for p in rule.parameters},
                **{d.decl.name(): f"step_{d.decl.name().split('!')[0]}_{n}"
                   for n, d in enumerate(step.effect.definitions)}}

    def _rule(self, rule: Rule) -> Iterator[str]:
        step, names = self._obligations.step(rule), self._names(rule)
        head = _head(rule)
        term: Callable[[Term], str] = lambda formula: self._term(formula, names)
        defining: Callable[[Iterable[str]], str] = lambda formulas: self._defining(
            formulas, step.effect.definitions, names)
        given = [term(g) for g in step.effect.given]
        yield f"\\* {rule.name}: {rule.source}"
        yield f"Given{head} == {defining(given)}{_all(given)}"
        refused = "".join(f'IF {term(r.when)} THEN "{r.name}" ELSE ' for r in step.effect.refusals) + '""'
        yield f"Refusal{head} == {defining([refused])}{refused}"
        yield from self._step(f"Done{head}", rule, step.after, "", names)
        for refusal in step.effect.refusals:
            if refusal.leaves:
                left = RefusedStep.of(step, refusal.name).after
                yield from self._step(f"Refused_{_safe(refusal.name)}_{head}", rule, left, refusal.name, names)
        yield ""

    def _step(self, name: str, rule: Rule, after: State, refusal: str, names: Mapping[str, str]) -> Iterator[str]:
        """An operator that takes a step."""
        definitions = self._obligations.step(rule).effect.definitions
        updates, same = list[str](), list[str]()
        for symbol in self._machine.mutable:
            value = getattr(after, symbol.name)
            places = [s.constant(f"place {n}") for n, s in enumerate(symbol.arguments)]
            now = value(*places) if places else value
            if now.eq(symbol.decl(*places)):
                same.append(_safe(symbol.name))
            else:
                made = self._function(symbol, value if places else lambda now=now: now, names)
                updates.append(f"{_safe(symbol.name)}' = {made}")
        yield f"{name} == {self._defining(updates, definitions, names)}"
        head = _head(rule)
        yield rf"    /\ Given{head}"
        yield rf'    /\ Refusal{head} = "{refusal}"'
        yield from (rf"    /\ {update}" for update in updates)
        yield rf"    /\ UNCHANGED <<{', '.join([*(_safe(s.name) for s in self._machine.rigid), *same])}>>"

    def _next(self) -> Iterator[str]:
        yield "Next =="
        for rule in self._machine.rules:
            head = _head(rule)
            yield rf"    \/ {self._choosing(rule)}Done{head}"
            for refusal in self._obligations.step(rule).effect.refusals:
                if refusal.leaves:
                    yield rf"    \/ {self._choosing(rule)}Refused_{_safe(refusal.name)}_{head}"

    @staticmethod
    def _over(rule: Rule, quantifier: str) -> str:
        """All arguments of a rule, or some."""
        over = [rf"the_{_safe(p.name)} \in {_set_of(p.sort.z3)}" for p in rule.parameters]
        return rf"\{quantifier} {', '.join(over)} : " if over else ""

    def _choosing(self, rule: Rule) -> str:
        """Which arguments a rule takes: of new objects that are all alike the first."""
        alike = [p for p in rule.parameters if p.role != "named" and p.sort.name in self._subject.finite.fresh]
        first = ""
        if alike:
            others = {p.name: f"other_{_safe(p.name)}" for p in alike}
            before = " \\/ ".join(
                "(" + r" /\ ".join([*(f"{others[q.name]} = the_{_safe(q.name)}" for q in alike[:n]),
                                    f"{others[p.name]} < the_{_safe(p.name)}"]) + ")"
                for n, p in enumerate(alike))
            call = ", ".join(others.get(p.name, f"the_{_safe(p.name)}") for p in rule.parameters)
            each = ", ".join(rf"{others[p.name]} \in {p.sort.name}" for p in alike)
            first = rf"(\A {each} : ({before}) => ~Given_{_safe(rule.name)}({call})) /\ "
        return self._over(rule, "E") + first

    # Laws.

    def _law(self, law: Law) -> Iterator[str]:
        variables = [(sort.constant(f"law {name}"), sort, f"v_{_safe(name)}") for name, sort in law.variables]
        names = {term.decl().name(): said for term, _, said in variables}
        terms = [term for term, _, _ in variables]
        over = ", ".join(rf"{said} \in {_set_of(sort.z3)}" for _, sort, said in variables)
        each = rf"\A {over} : " if over else ""
        name = _safe(f"Law_{law.id}")
        if law.kind is Kind.STATE:
            state = self._machine.state
            says = self._implied(law, state, terms, names)
            self._laws.append((law, name))
            yield f"{name} ==  \\* {law.statement}\n    {each}{says}"
        elif law.kind is Kind.STEP and not law.refusals:
            parts = []
            for rule in (r for r in self._machine.rules if law.about(r)):
                step = self._obligations.step(rule)
                primed = Step(step.rule, step.before, step.arguments, step.effect)
                primed.__dict__["after"] = step.before.renamed(_NEXT)
                own = {**self._names(rule), **names}
                says = self._implied(law, primed, terms, own)
                let = self._defining([says], step.effect.definitions, own)
                parts.append(rf"    /\ ({self._over(rule, 'A')}Done{_head(rule)} => {let}({each}{says}))")
            self._laws.append((law, name))
            yield f"{name} == [][  \\* {law.statement}"
            yield from parts
            yield "    ]_vars"

    def _implied(self, law: Law, subject: Any, terms: Sequence[Term], names: Mapping[str, str]) -> str:
        premise = self._term(law.premise(subject, *terms), names)
        then = _all([self._term(c, names) for c in law.conclusions(subject, *terms).values()])
        return f"({premise} => {then})"


_Say = Callable[[Term, tuple[str, ...]], str]


def _quantified(term: Term, bound: tuple[str, ...], say: _Say) -> str:
    """A quantifier, or a function of what it binds."""
    own = tuple(f"{term.var_sort(n).name()[0].lower()}{len(bound) + n}" for n in range(term.num_vars()))
    body = say(term.body(), bound + own)
    over = ", ".join(rf"{name} \in {_set_of(term.var_sort(n))}" for n, name in enumerate(own))
    if term.is_lambda():
        return f"[{over} |-> {body}]"
    return rf"(\{'A' if term.is_forall() else 'E'} {over} : {body})"


def _operated(decl: Term, parts: Sequence[str]) -> str:
    """What is neither a symbol nor a variable."""
    match decl.kind():
        case z3.Z3_OP_TRUE | z3.Z3_OP_FALSE:
            return "TRUE" if decl.kind() == z3.Z3_OP_TRUE else "FALSE"
        case z3.Z3_OP_NOT:
            return f"~{parts[0]}" if parts[0].startswith("(") else f"~({parts[0]})"
        case z3.Z3_OP_ITE:
            return f"(IF {parts[0]} THEN {parts[1]} ELSE {parts[2]})"
        case z3.Z3_OP_UMINUS:
            return f"(-{parts[0]})"
        case z3.Z3_OP_DISTINCT if len(parts) > 2:
            return "(" + r" /\ ".join(f"{one} # {two}" for one, two in itertools.combinations(parts, 2)) + ")"
        case z3.Z3_OP_AND | z3.Z3_OP_OR if not parts:  # of no formulas all hold, and not one
            return "TRUE" if decl.kind() == z3.Z3_OP_AND else "FALSE"
    if decl.kind() not in _JOINTS:
        raise ValueError(f"there is no word for {decl.name()!r} in TLA+")
    return "(" + _JOINTS[decl.kind()].join(parts) + ")"


def _all(formulas: Sequence[str]) -> str:
    return "(" + r" /\ ".join(formulas) + ")" if formulas else "TRUE"


def _listed(lines: Sequence[str]) -> list[str]:
    """Lines with a comma after each but the last."""
    return [f"{line}," for line in lines[:-1]] + list(lines[-1:])


def _head(rule: Rule) -> str:
    parameters = ", ".join(f"the_{_safe(p.name)}" for p in rule.parameters)
    return f"_{_safe(rule.name)}({parameters})" if parameters else f"_{_safe(rule.name)}"


def _set_of(sort: Term) -> str:
    return "BOOLEAN" if sort == z3.BoolSort() else f"{sort.name()}"


def _safe(name: str) -> str:
    """A name that TLA+ takes."""
    plain = re.sub(r"\W", "_", name)
    return f"{plain}_" if plain in _OWN or plain.isupper() or not plain[:1].isalpha() else plain
