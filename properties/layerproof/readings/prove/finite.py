"""Finite counterexamples to induction: an obligation over few objects, as a propositional query.

Where Z3 refutes an obligation over unbounded sorts, or gives up on it, the same formulas are grounded over
small sorts. Without quantifiers the query is decidable, and a model of it is a store that can be drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import z3

from layermodel.language.ground import Vector, function, operands
from layermodel.language.normal import digest
from layermodel.language.rules import BOOL, INT, Sort, Step, Symbol, Term
from layermodel.language.terms import RIGID, STATE, TRAIT, Grounding, Layout, Node, Nodes
from layerproof.laws.law import Kind
from layerproof.laws.obligations import Obligation, closed, nothing
from layerproof.process.cache import Cache, sources
from layerproof.subject import Subject


@dataclass(frozen=True)
class Instance:
    """A finite store in which an obligation fails.

    Attributes:
        sizes: the number of objects of each sort.
        states: before, after each step taken, in the order of the obligation's steps.
        arguments: of each step.
        false: the conclusions that do not hold.
        variables: the law's variables and the elements at which it fails.
    """

    sizes: Mapping[str, int]
    rigid: Vector
    traits: Vector
    states: tuple[Vector, ...]
    arguments: tuple[Vector, ...]
    false: tuple[str, ...]
    variables: tuple[tuple[str, str, int], ...]


class _Query:
    """Nodes as Z3 formulas without quantifiers; slots are variables, elements are numbers.

    Where a machine has integers, elements are integers, too; else they are bit vectors, which Z3 decides by
    propositional search.
    """

    def __init__(self, layout: Layout, nodes: Nodes, known: Mapping[int, int | bool]) -> None:
        self.layout, self.nodes = layout, nodes
        integers = any(s.result.name == "Int" for s in layout.machine.symbols)
        self._bits = 0 if integers else max(layout.sizes.values()).bit_length()
        self.logic = "QF_LIA" if integers else "QF_FD"
        self.bounds: list[Term] = []
        self._owners: dict[str, list[Symbol]] = {STATE: [], RIGID: []}
        self.slots = {STATE: self._slots(False, {}), RIGID: self._slots(True, known),
                      TRAIT: [z3.Bool(f"trait-{n}") for n in range(len(layout.machine.traits))]}
        self.parameters: list[Term] = []
        self._written: dict[Node, Term] = {}
        self._equal: dict[tuple[Node, int], Term] = {}

    def _slots(self, rigid: bool, known: Mapping[int, int | bool]) -> list[Term]:
        owners = self._owners[RIGID if rigid else STATE]
        result: list[Term] = []
        for symbol in self.layout.machine.rigid if rigid else self.layout.machine.mutable:
            for arguments in self.layout.tuples(symbol):
                value = known.get(len(result))
                owners.append(symbol)
                result.append(self.variable(f"{symbol.name}{arguments}", symbol.result) if value is None
                              else self._value(value))
        return result

    def variable(self, name: str, sort: Sort) -> Term:
        """A variable of a sort, within its elements."""
        if sort.name == "Bool":
            return z3.Bool(name)
        variable = z3.BitVec(name, self._bits) if self._bits else z3.Int(name)
        if sort.name != "Int":
            most = self._value(self.layout.sizes[sort.name] - 1)
            self.bounds += [z3.ULE(variable, most)] if self._bits else [variable >= 0, variable <= most]
        return variable

    def _value(self, value: int | bool) -> Term:
        if isinstance(value, bool):
            return z3.BoolVal(value)
        return z3.BitVecVal(value, self._bits) if self._bits else z3.IntVal(value)

    def forget(self, first: Node) -> None:
        """Forget a node and all that were made after it, and the parameters."""
        for node in range(first, len(self.nodes.items)):
            self._written.pop(node, None)
        for key in [key for key in self._equal if key[0] >= first]:
            del self._equal[key]
        self.nodes.forget(first)
        self.parameters = []

    def write(self, root: Node) -> Term:
        """Return the Z3 term of a node."""
        items = self.nodes.items
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [n for n in operands(items[node]) if n not in self._written]
            if node in self._written:
                stack.pop()
            elif missing:
                stack += missing
            else:
                self._written[node] = self._term(items[node])
                stack.pop()
        return self._written[root]

    def _term(self, item: tuple[Any, ...]) -> Term:
        parts = [self._written[n] for n in operands(item)]
        match item[0]:
            case "const":
                return self._value(item[1])
            case "param":
                return self.parameters[item[1]]
            case "read":
                return self._read(item, parts)
            case "and":
                return z3.And(parts)
            case "or":
                return z3.Or(parts)
            case "not":
                return z3.Not(parts[0])
            case "ite":
                return z3.If(*parts)
            case "eq":
                return parts[0] == parts[1]
            case "le":
                return parts[0] <= parts[1]
            case "lt":
                return parts[0] < parts[1]
            case "add":
                return z3.Sum(parts)
        return parts[0] * parts[1]

    def _read(self, item: tuple[Any, ...], parts: list[Term]) -> Term:
        """A read at indices that are not known: a choice over all of them."""
        _, vector, offset, indices = item
        if not indices:
            return self.slots[vector][offset]
        counts = self._counts(vector, offset, [stride for _, stride in indices])

        def at(place: int, number: int) -> Term:
            if number == len(indices):
                return self.slots[vector][place]
            index, stride = indices[number]
            result = at(place + (counts[number] - 1) * stride, number + 1)
            for element in reversed(range(counts[number] - 1)):
                result = z3.If(self._is(index, parts[number], element), at(place + element * stride, number + 1),
                               result)
            return result

        return at(offset, 0)

    def _is(self, node: Node, term: Term, element: int) -> Term:
        """The node has this value; each such term is made once, as making them takes most of the time."""
        key = node, element
        if key not in self._equal:
            self._equal[key] = term == self._value(element)
        return self._equal[key]

    def _counts(self, vector: str, offset: int, strides: Sequence[int]) -> list[int]:
        """How many elements each unknown index ranges over, from the symbol that is read."""
        symbol = self._owners[vector][offset]
        _, _, all_strides = self.layout.slots[symbol.name]
        # Of two arguments with one stride the first is of a sort with one element.
        sizes = {s: len(self.layout.elements(a)) for s, a in zip(all_strides, symbol.arguments, strict=True)
                 if len(self.layout.elements(a)) > 1}
        return [sizes.get(stride, 1) for stride in strides]


PROVERS = ("layermodel.language", "layerproof.laws", "layerproof.readings.prove")
"""Where stands how proofs are done: what another version of it found is looked for again."""

SIZES = (1, 2, 3)
"""How many objects of each sort are tried, in turn."""

class _Room:
    """The stores of one size that satisfy the axioms and all state laws, and what is known of all of them."""

    def __init__(self, subject: Subject, count: int) -> None:
        machine, catalogue, least = subject.machine, subject.catalogue, subject.least(count)
        self.layout = Layout.of(machine, least.sizes)
        known = least.known(self.layout)
        self.nodes = Nodes({(RIGID, place): value for place, value in known.items()})
        self.query = _Query(self.layout, self.nodes, known)
        grounding = Grounding(self.layout, nodes=self.nodes)
        # Lemmas follow from the other axioms.
        self.axioms = [self.query.write(grounding.ground(axiom.formula)) for axiom in machine.axioms
                       if not axiom.lemma]
        self.laws = [self.query.write(grounding.ground(closed(law, machine.state)))
                     for law in catalogue.of(Kind.STATE)]
        self._first = len(self.nodes.items)
        self.nothing = {nothing(s.result).decl().name(): s.result for s in machine.symbols
                        if s.of is not None and s.result not in (BOOL, INT)}

    def problem(self, obligation: Obligation) -> Problem:
        """Return an obligation over these stores; the one before is forgotten."""
        self.query.forget(self._first)
        return Problem(self, obligation)


class Problem:
    """An obligation's hypotheses and premise over few objects."""

    def __init__(self, room: _Room, obligation: Obligation) -> None:
        """Ground what is the obligation's own."""
        self.query, query = room.query, room.query
        self.obligation = obligation
        self.constants = _parameters(obligation) | room.nothing
        definitions = [d for step in obligation.steps for d in step.effect.definitions]
        self._grounding = Grounding(room.layout, list(self.constants), definitions, room.nodes)
        shared = len(query.bounds)
        query.parameters = [query.variable(n, sort) for n, sort in self.constants.items()]
        self.solver = z3.SolverFor(query.logic)
        self.solver.add(*query.bounds, *room.axioms)
        del query.bounds[shared:]
        if obligation.rule != "init":
            self.solver.add(*room.laws)
        self.solver.add(*(self.write(f) for f in (*obligation.own.values(), obligation.premise)))

    def write(self, formula: Term) -> Term:
        """The formula without quantifiers."""
        return self.query.write(self._grounding.ground(formula))

    def possible(self, *conditions: Term) -> bool:
        """Whether there is a store in which the hypotheses and further conditions hold."""
        return bool(self.solver.check(*map(self.write, conditions)) == z3.sat)

    @property
    def fails(self) -> bool:
        """Whether there is a store in which the conclusions do not follow."""
        return self.possible(z3.Not(z3.And(list(self.obligation.conclusions.values()))))

    def after(self, step: Step) -> list[Node]:
        """The state after a step, slot by slot."""
        layout = self.query.layout
        return [self._grounding.symbol_at(symbol, step.after, arguments)
                for symbol in layout.machine.mutable for arguments in layout.tuples(symbol)]

    def instance(self) -> Instance:
        """The store that the solver found, with the states after the steps and the conclusions that are false."""
        model, query, nodes = self.solver.model(), self.query, self.query.nodes

        def value(term: Term) -> Any:
            result = model.eval(term, model_completion=True)
            return z3.is_true(result) if z3.is_bool(result) else result.as_long()

        before, rigid, traits = (tuple(map(value, query.slots[v])) for v in (STATE, RIGID, TRAIT))
        arguments = tuple(map(value, query.parameters))
        evaluated = lambda roots: function(nodes, roots, False)(
            before, before, rigid, traits, arguments)
        conclusions = self.obligation.conclusions
        holds = evaluated([self._grounding.ground(formula) for formula in conclusions.values()])
        chosen = dict(zip(self.constants, arguments, strict=True))
        return Instance(
            dict(query.layout.sizes), rigid, traits,
            (before, *(tuple(evaluated(self.after(step))) for step in self.obligation.steps)),
            tuple(tuple(chosen[a.decl().name()] for a in step.arguments) for step in self.obligation.steps),
            tuple(name for name, true in zip(conclusions, holds, strict=True) if not true),
            tuple((name, sort.name, chosen[term.decl().name()])
                  for name, sort, term in self.obligation.variables),
        )


class SmallStores:
    """The small stores of a machine that satisfy its axioms and all state laws of its catalogue.

    What obligations share is grounded once for each size. Rules do not matter to it: a machine with other rules
    has the same stores.
    """

    def __init__(self, subject: Subject, *, cached: bool = False) -> None:
        """Ground nothing yet.

        Args:
            cached: what was found possible before is taken from the user's cache folder, and kept there.
        """
        self._subject = subject
        self._rooms: dict[int, _Room] = {}
        self._cache = Cache("possible", used=cached)

    def problem(self, obligation: Obligation, count: int) -> Problem:
        """Return an obligation over so many objects of each sort; no more than one at a time can be used."""
        if count not in self._rooms:
            self._rooms[count] = _Room(self._subject, count)
        return self._rooms[count].problem(obligation)

    def counterexample(self, obligation: Obligation, counts: Iterable[int] = SIZES) -> Instance | None:
        """Search for a store in which an obligation fails; None if there is none."""
        for count in counts:
            problem = self.problem(obligation, count)
            if problem.fails:
                return problem.instance()
        return None

    def possible(
        self, obligation: Obligation, conditions: Mapping[str, Term], counts: Iterable[int] = SIZES,
        limit: int | None = None,
    ) -> set[str]:
        """Return which of the conditions can hold together with the hypotheses, in some store.

        Args:
            limit: of what looking for each may take, in Z3 resource units; what takes more is left out.
        """
        found: set[str] = set()
        for count in counts:
            left = {name: condition for name, condition in conditions.items() if name not in found}
            if left:
                found |= self._looked(obligation, left, count) if limit is None else self._possible(
                    obligation, left, count, limit)
        return found

    def _looked(self, obligation: Obligation, conditions: Mapping[str, Term], count: int) -> set[str]:
        """Look for it, if that was not done before."""
        if not self._cache.there:
            return self._possible(obligation, conditions, count)
        definitions = [formula for step in obligation.steps for formula in step.definitions]
        said = digest([*self._supposed, *definitions, *obligation.own.values(), obligation.premise,
                       *conditions.values()])
        least = self._subject.least(count)
        known = least.known(Layout.of(self._subject.machine, least.sizes))
        key = json.dumps([z3.get_version_string(), sources(PROVERS), said, [*conditions], [*obligation.own],
                          dict(least.sizes), list(known.items())]).encode()
        data = self._cache.get(key)
        if data is not None:
            return set(json.loads(data))
        result = self._possible(obligation, conditions, count)
        self._cache.put(key, json.dumps(sorted(result)).encode())
        return result

    def _possible(
        self, obligation: Obligation, conditions: Mapping[str, Term], count: int, limit: int | None = None,
    ) -> set[str]:
        problem = self.problem(obligation, count)
        if limit is not None:
            problem.solver.set("rlimit", limit)
        return {name for name, condition in conditions.items() if problem.possible(condition)}

    @cached_property
    def _supposed(self) -> list[Term]:
        """What is so in all of these stores."""
        machine = self._subject.machine
        return [*(axiom.formula for axiom in machine.axioms if not axiom.lemma), *machine.enumerations,
                *(closed(law, machine.state) for law in self._subject.catalogue.of(Kind.STATE))]


def _parameters(obligation: Obligation) -> dict[str, Sort]:
    """The constants of an obligation: arguments of its steps and variables of its law."""
    result: dict[str, Sort] = {}
    for step in obligation.steps:
        for parameter, argument in zip(step.rule.parameters, step.arguments, strict=True):
            result[argument.decl().name()] = parameter.sort
    for _, sort, term in obligation.variables:
        result[term.decl().name()] = sort
    return result
