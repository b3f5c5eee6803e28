"""A machine over finite sorts as Python code: its rules run, and formulas are evaluated.

The code is straight-line Python made from the nodes of :mod:`layermodel.language.terms`; it has no semantics of
its own. A state is a flat tuple (:class:`~layermodel.language.terms.Layout`); what a symbol says of an object that
is not there is of no account and is kept at zero, so that equal stores are equal tuples.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layermodel.language.rules import Definition, Machine, Rule, Sort, State, Symbol, Term
from layermodel.language.terms import NEXT, RIGID, STATE, TRAIT, Grounding, Layout, Node, Nodes

Vector = tuple[Any, ...]
_ARGUMENTS = f"{STATE}, {NEXT}, {RIGID}, {TRAIT}, P"
_DEEPEST = 20  # of nested parentheses; beyond, a subexpression gets a name of its own


class Code:
    """Writes nodes as expressions, usually of Python; what is used twice or nests too deep gets a name.

    Attributes:
        lines: that give the names so far.
        names: how many there are.
    """

    def __init__(
        self, nodes: Nodes, text: Callable[[tuple[Any, ...], list[str]], str] | None = None, name: str = "t{}",
    ) -> None:
        """Begin without a line.

        Args:
            text: says a node, given what its operands are.
            name: of the so-manieth that has one.
        """
        self._nodes, self._text, self._name = nodes, text or _text, name
        self.lines: list[str] = []
        self.names = 0
        self._written: dict[Node, tuple[str, int]] = {}
        self._uses: dict[Node, int] = {}

    def expect(self, roots: Sequence[Node]) -> None:
        """Count how often each node below the roots is used."""
        stack = list(roots)
        while stack:
            node = stack.pop()
            self._uses[node] = self._uses.get(node, 0) + 1
            if self._uses[node] == 1:
                stack += operands(self._nodes.items[node])

    def expression(self, node: Node) -> str:
        """Return the expression of a node, after the lines that it relies on."""
        stack = [node]
        while stack:
            current = stack[-1]
            missing = [n for n in operands(self._nodes.items[current]) if n not in self._written]
            if current in self._written:
                stack.pop()
            elif missing:
                stack += missing
            else:
                self._write(current)
                stack.pop()
        return self._written[node][0]

    def branch(self) -> Callable[[], None]:
        """Return what forgets the names that are given from here on: in another branch they mean nothing."""
        known = dict(self._written)

        def leave() -> None:
            self._written = dict(known)

        return leave

    def _write(self, node: Node) -> None:
        item = self._nodes.items[node]
        parts = [self._written[n] for n in operands(item)]
        text = self._text(item, [p[0] for p in parts])
        depth = 1 + max((p[1] for p in parts), default=0)
        plain = item[0] in ("const", "param") or (item[0] == "read" and not item[3])
        if not plain and (self._uses.get(node, 0) > 1 or depth > _DEEPEST):
            name = self._name.format(self.names)
            self.names += 1
            self.lines.append(f"{name} = {text}")
            text, depth = name, 0
        self._written[node] = text, depth


def operands(item: tuple[Any, ...]) -> list[Node]:
    """The nodes that a node refers to."""
    match item[0]:
        case "const" | "param":
            return []
        case "read":
            return [node for node, _ in item[3]]
        case "and" | "or" | "add":
            return list(item[1])
    return list(item[1:])


def _text(item: tuple[Any, ...], parts: list[str]) -> str:
    match item[0]:
        case "const":
            return repr(item[1])
        case "param":
            return f"P[{item[1]}]"
        case "read":
            terms = [p if stride == 1 else f"{p}*{stride}"
                     for p, (_, stride) in zip(parts, item[3], strict=True)]
            return f"{item[1]}[{'+'.join([*([str(item[2])] if item[2] or not terms else []), *terms])}]"
        case "not":
            return f"(not {parts[0]})"
        case "ite":
            return f"({parts[1]} if {parts[0]} else {parts[2]})"
    joint = {"and": " and ", "or": " or ", "eq": " == ", "le": " <= ", "lt": " < ", "add": " + ",
             "mul": " * "}[item[0]]
    return "(" + joint.join(parts) + ")"


def function(nodes: Nodes, roots: Sequence[Node], single: bool) -> Callable[..., Any]:
    """Compile nodes into a function of the vectors that returns their values (or the only one)."""
    code = Code(nodes)
    code.expect(roots)
    results = [code.expression(root) for root in roots]
    value = results[0] if single else "(" + "".join(f"{r}, " for r in results) + ")"
    source = "\n    ".join([f"def compiled({_ARGUMENTS}):", *code.lines, f"return {value}"])
    scope: dict[str, Any] = {}
    exec(compile(source, "<rule>", "exec"), scope)
    result: Callable[..., Any] = scope["compiled"]
    return result


def usual_name(sort: Sort, element: int) -> str:
    """Return what reports call an element, e.g. ``image-0``; values of enumerated sorts as they are."""
    if sort.values:
        return sort.values[element]
    if sort.name == "Bool":
        return "true" if element else "false"
    return str(int(element)) if sort.name == "Int" else f"{sort.name.lower()}-{element}"


@dataclass(frozen=True)
class Outcome:
    """What a step came to: the refusal's name or None, the state after, and the bytes reclaimed."""

    refusal: str | None
    state: Vector
    reclaimed: int | None = None


@dataclass(frozen=True)
class Parts:
    """One rule over a layout, as nodes.

    Attributes:
        given: what it presupposes of its arguments.
        refusals: each with its name, its condition, and every slot of the state that it leaves, if another.
        after: every slot of the state after.
        reclaimed: the bytes that it reports, if it does.
    """

    nodes: Nodes
    given: Node
    refusals: tuple[tuple[str, Node, tuple[Node, ...] | None], ...]
    after: tuple[Node, ...]
    reclaimed: Node | None

    @classmethod
    def of(cls, rule: Rule, layout: Layout) -> Parts:
        """Ground a rule."""
        step = layout.machine.step(rule)
        grounding = Grounding(layout, [p.term.decl().name() for p in rule.parameters], step.effect.definitions)
        ground, nodes = grounding.ground, grounding.nodes

        def slots(after: State) -> tuple[Node, ...]:
            return tuple(successor(grounding, layout, after))

        given = nodes.conj(ground(g) for g in step.effect.given)
        refusals = tuple((r.name, ground(r.when), slots(step.after_refusal(r.name)) if r.leaves else None)
                         for r in step.effect.refusals)
        reclaimed = step.effect.reclaimed
        return cls(nodes, given, refusals, slots(step.after), None if reclaimed is None else ground(reclaimed))


class GroundRule:
    """One rule over a layout. ``P`` is the tuple of its arguments, in the rule's order."""

    def __init__(self, rule: Rule, layout: Layout) -> None:
        """Compile the rule."""
        self.rule = rule
        self.layout = layout
        parts = Parts.of(rule, layout)
        nodes = parts.nodes
        self.given = function(nodes, [parts.given], True)
        self._refusals: list[tuple[str, Callable[..., Any], Callable[..., Any] | None]] = [
            (name, function(nodes, [when], True), None if leaves is None else function(nodes, leaves, False))
            for name, when, leaves in parts.refusals]
        self._update = function(nodes, parts.after, False)
        self._reclaimed = None if parts.reclaimed is None else function(nodes, [parts.reclaimed], True)

    def run(self, state: Vector, rigid: Vector, traits: Vector, arguments: Vector) -> Outcome:
        """Take the step. The arguments must be such as the rule presupposes (:attr:`given`)."""
        for name, holds, leaves in self._refusals:
            if holds(state, state, rigid, traits, arguments):
                left = state if leaves is None else leaves(state, state, rigid, traits, arguments)
                return Outcome(name, left)
        reclaimed = self._reclaimed
        return Outcome(
            None, self._update(state, state, rigid, traits, arguments),
            None if reclaimed is None else reclaimed(state, state, rigid, traits, arguments))


def successor(grounding: Grounding, layout: Layout, after: State) -> list[Node]:
    """The node of every slot of the state after, zero where it means nothing."""
    result = []
    for symbol in layout.machine.mutable:
        for arguments in layout.tuples(symbol):
            result.append(_value(grounding, symbol, after, arguments))
    return result


def _value(grounding: Grounding, symbol: Symbol, after: State, arguments: tuple[int, ...]) -> Node:
    nodes = grounding.nodes
    value = grounding.symbol_at(symbol, after, arguments)
    if symbol.of is None:
        return value
    guard = grounding.layout.machine.symbol(symbol.of)
    live = _value(grounding, guard, after, arguments[:len(guard.arguments)])
    return nodes.ite(live, value, nodes.const(0))


class GroundMachine:
    """A machine over finite sorts: its rules, its initial state, and formulas as Python functions.

    Attributes:
        kept: what others have compiled for it, by a key of theirs, to be had again.
    """

    def __init__(
        self, machine: Machine, sizes: Mapping[str, int], like: GroundMachine | None = None,
    ) -> None:
        """Lay the machine out; rules are compiled when first asked for.

        Args:
            like: one with the same symbols and sizes; rules that are its own, too, are compiled once for both.
        """
        self.machine = machine
        self.layout = Layout.of(machine, sizes)
        self._like = like
        self._rules: dict[str, GroundRule] = {}
        self.kept: dict[Any, Any] = {}

    def rule(self, name: str) -> GroundRule:
        """Return a compiled rule."""
        if name not in self._rules:
            rule = self.machine.rule_by_name[name]
            self._rules[name] = (self._like.rule(name) if self._like is not None and self._like.has(rule)
                                 else GroundRule(rule, self.layout))
        return self._rules[name]

    @property
    def origin(self) -> GroundMachine:
        """The first of those that were made like each other: what no rule matters to is compiled once for it."""
        return self if self._like is None else self._like.origin

    def has(self, rule: Rule) -> bool:
        """Whether this very rule is one of the machine's, and not just another of its name."""
        return self.machine.rule_by_name.get(rule.name) is rule

    def initial(self, rigid: Vector, traits: Vector) -> Vector:
        """The initial state."""
        return self._initial((), (), rigid, traits, ())

    @cached_property
    def _initial(self) -> Callable[..., Vector]:
        grounding = Grounding(self.layout)
        zero = {s.name: s for s in self.machine.mutable if s.name not in self.machine.initial}
        if missing := [n for n, s in zero.items() if s.of is None]:
            raise ValueError(f"the initial condition says nothing of {', '.join(missing)}")
        roots = []
        for symbol in self.machine.mutable:
            for arguments in self.layout.tuples(symbol):
                roots.append(grounding.nodes.const(0) if symbol.name in zero else (
                    _value(grounding, symbol, self.machine.start, arguments)))
        return function(grounding.nodes, roots, False)

    def traits(self, values: Mapping[str, bool]) -> Vector:
        """The vector of a valuation of the traits."""
        return tuple(values[t.name] for t in self.machine.traits)

    def axioms(self) -> Callable[[Vector], bool]:
        """A function that says whether rigid values satisfy the axioms."""
        grounding = Grounding(self.layout)
        node = grounding.nodes.conj(grounding.ground(a.formula) for a in self.machine.axioms)
        compiled = function(grounding.nodes, [node], True)
        return lambda rigid: bool(compiled((), (), rigid, (), ()))

    def formula(
        self, term: Term, parameters: Sequence[str] = (), definitions: Sequence[Definition] = (),
    ) -> Callable[..., Any]:
        """Compile a formula about a state (and the one after: symbols with a prime)."""
        grounding = Grounding(self.layout, parameters, definitions)
        return function(grounding.nodes, [grounding.ground(term)], True)

    def arguments(self, rule: Rule) -> list[Vector]:
        """Every choice of arguments for a rule."""
        return list(itertools.product(*(
            (False, True) if p.sort.name == "Bool" else self.layout.elements(p.sort)
            for p in rule.parameters)))

    def read(self, state: Vector, rigid: Vector, name: str, *arguments: int) -> Any:
        """The value of a symbol in a state."""
        vector, place, strides = self.layout.slots[name]
        for argument, stride in zip(arguments, strides, strict=True):  # as Layout.index does, and as hot
            place += argument * stride
        return (rigid if vector == RIGID else state)[place]
