"""Finite counterexamples to induction: an obligation over few objects, as a propositional query.

Where Z3 refutes an obligation over unbounded sorts, or gives up on it, the same formulas are grounded over
small sorts. Without quantifiers the query is decidable, and a model of it is a store that can be drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from layermodel.ground import Vector, operands
from layermodel.rules import Machine, Sort, Step, Term
from layermodel.terms import RIGID, STATE, TRAIT, Grounding, Layout, Node
from layerproof.obligations import Obligation


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
    """Nodes as Z3 formulas without quantifiers; slots are variables, elements are integers."""

    def __init__(self, machine: Machine, sizes: Mapping[str, int]) -> None:
        self.layout = Layout.of(machine, sizes)
        self.solver = z3.SolverFor("QF_LIA")
        self.slots = {STATE: self._slots(rigid=False), RIGID: self._slots(rigid=True),
                      TRAIT: [z3.Bool(f"trait-{n}") for n in range(len(machine.traits))]}
        self._written: dict[Node, Term] = {}
        self.parameters: list[Term] = []

    def _slots(self, *, rigid: bool) -> list[Term]:
        result = []
        for symbol in self.layout.machine.rigid if rigid else self.layout.machine.mutable:
            for arguments in self.layout.tuples(symbol):
                result.append(self.variable(f"{symbol.name}{arguments}", symbol.result))
        return result

    def variable(self, name: str, sort: Sort) -> Term:
        """A variable of a sort, within its elements."""
        if sort.name == "Bool":
            return z3.Bool(name)
        variable = z3.Int(name)
        if sort.name != "Int":
            self.solver.add(variable >= 0, variable < self.layout.sizes[sort.name])
        return variable

    def write(self, grounding: Grounding, root: Node) -> Term:
        """Return the Z3 term of a node."""
        items = grounding.nodes.items
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
                return z3.BoolVal(item[1]) if isinstance(item[1], bool) else z3.IntVal(item[1])
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
        slots = self.slots[vector]
        if not indices:
            return slots[offset]
        counts = self._counts(vector, offset, [stride for _, stride in indices])
        choices = list(itertools.product(*(range(n) for n in counts)))
        at = lambda c: slots[offset + sum(  # noqa: E731
            e * stride for e, (_, stride) in zip(c, indices, strict=True))]
        result = at(choices[-1])
        for chosen in reversed(choices[:-1]):
            here = z3.And([p == e for p, e in zip(parts, chosen, strict=True)])
            result = z3.If(here, at(chosen), result)
        return result

    def _counts(self, vector: str, offset: int, strides: Sequence[int]) -> list[int]:
        """How many elements each unknown index ranges over, from the symbol that is read."""
        for symbol in self.layout.machine.symbols:
            where, start, all_strides = self.layout.slots[symbol.name]
            length = len(list(self.layout.tuples(symbol)))
            if where == vector and start <= offset < start + length:
                sizes = {s: len(self.layout.elements(a))
                         for s, a in zip(all_strides, symbol.arguments, strict=True)}
                return [sizes[stride] for stride in strides]
        raise AssertionError(f"no symbol at {vector}[{offset}]")


SIZES = (1, 2, 3)
"""How many objects of each sort are tried, in turn."""

_FIXED = {"store": {"Repository": 2, "Content": 3},
          "union": {"Layer": 1, "Container": 2, "Data": 3, "Mode": 2, "Owner": 2, "Key": 2, "Value": 2}}
_MORE = {"union": {"Path": 2, "Inode": 2}}
"""Sorts of each machine of which there are always so many, and of which there are so many more than of others:
to move a directory takes four paths, and what is in it an inode for each."""


def sizes_of(machine: Machine, count: int) -> dict[str, int]:
    """Sizes of all open sorts for a search with a given count."""
    fixed, more = _FIXED.get(machine.name, {}), _MORE.get(machine.name, {})
    return {s.name: fixed.get(s.name, count + more.get(s.name, 0)) for s in machine.sorts if not s.values}


def counterexample(
    machine: Machine, obligation: Obligation, state_laws: Mapping[str, Term],
    counts: Iterable[int] = SIZES,
) -> Instance | None:
    """Search small stores for one in which the obligation fails; None if there is none.

    Args:
        state_laws: closed formulas that hold in the state before, sums and all.
    """
    for count in counts:
        found = _search(machine, obligation, state_laws, count)
        if found is not None:
            return found
    return None


class _Problem:
    """An obligation's hypotheses and premise over few objects."""

    def __init__(self, machine: Machine, obligation: Obligation, state_laws: Mapping[str, Term],
                 count: int) -> None:
        self.query = _Query(machine, sizes_of(machine, count))
        self.constants = _parameters(obligation)
        definitions = [d for step in obligation.steps for d in step.effect.definitions]
        self.grounding = Grounding(self.query.layout, list(self.constants), definitions)
        self.query.parameters = [self.query.variable(n, sort) for n, sort in self.constants.items()]
        needless = {*state_laws, *(axiom.name for axiom in machine.axioms if axiom.lemma)}
        hypotheses = {n: f for n, f in obligation.hypotheses.items()
                      if n not in needless and not n.startswith(("definition", "values"))}
        if obligation.rule != "init":
            hypotheses |= dict(state_laws)
        for formula in (*hypotheses.values(), obligation.premise):
            self.query.solver.add(self.write(formula))

    def write(self, formula: Term) -> Term:
        """The formula without quantifiers."""
        return self.query.write(self.grounding, self.grounding.ground(formula))

    def possible(self, *conditions: Term) -> bool:
        """Whether there is a store in which the hypotheses and further conditions hold."""
        return bool(self.query.solver.check(*[self.write(c) for c in conditions]) == z3.sat)


def possible(
    machine: Machine, obligation: Obligation, state_laws: Mapping[str, Term],
    conditions: Mapping[str, Term], counts: Iterable[int] = SIZES,
) -> set[str]:
    """Return which of the conditions can hold together with the hypotheses, in some small store."""
    found: set[str] = set()
    for count in counts:
        if len(found) < len(conditions):
            problem = _Problem(machine, obligation, state_laws, count)
            found |= {n for n, c in conditions.items() if n not in found and problem.possible(c)}
    return found


def _search(
    machine: Machine, obligation: Obligation, state_laws: Mapping[str, Term], count: int,
) -> Instance | None:
    problem = _Problem(machine, obligation, state_laws, count)
    query, grounding = problem.query, problem.grounding
    conclusions = {name: problem.write(formula) for name, formula in obligation.conclusions.items()}
    query.solver.add(z3.Not(z3.And(list(conclusions.values()))))
    ends = [[query.write(grounding, node) for node in _state(grounding, step)] for step in obligation.steps]
    if query.solver.check() != z3.sat:
        return None
    return _instance(query, obligation, problem.constants, conclusions, ends)


def _state(grounding: Grounding, step: Step) -> list[Node]:
    layout = grounding.layout
    return [grounding.symbol_at(symbol, step.after, arguments)
            for symbol in layout.machine.mutable for arguments in layout.tuples(symbol)]


def _parameters(obligation: Obligation) -> dict[str, Sort]:
    """The constants of an obligation: arguments of its steps and variables of its law."""
    result: dict[str, Sort] = {}
    for step in obligation.steps:
        for parameter, argument in zip(step.rule.parameters, step.arguments, strict=True):
            result[argument.decl().name()] = parameter.sort
    for _, sort, term in obligation.variables:
        result[term.decl().name()] = sort
    return result


def _instance(
    query: _Query, obligation: Obligation, constants: Mapping[str, Sort],
    conclusions: Mapping[str, Term], ends: Sequence[Sequence[Term]],
) -> Instance:
    model = query.solver.model()

    def value(term: Term) -> Any:
        result = model.eval(term, model_completion=True)
        return z3.is_true(result) if z3.is_bool(result) else result.as_long()

    chosen = dict(zip(constants, (value(p) for p in query.parameters), strict=True))
    return Instance(
        dict(query.layout.sizes),
        tuple(value(t) for t in query.slots[RIGID]),
        tuple(value(t) for t in query.slots[TRAIT]),
        (tuple(value(t) for t in query.slots[STATE]), *(tuple(value(t) for t in end) for end in ends)),
        tuple(tuple(chosen[a.decl().name()] for a in step.arguments) for step in obligation.steps),
        tuple(name for name, term in conclusions.items() if not value(term)),
        tuple((name, sort.name, chosen[term.decl().name()]) for name, sort, term in obligation.variables),
    )
