"""Z3 terms over finite sorts as hash-consed nodes without quantifiers.

:class:`Grounding` turns any term of a machine into a node: quantifiers become conjunctions and
disjunctions over the elements, sums become sums, and symbols become reads of a state. Elements are the
integers from 0; an enumerated sort's elements are its values in order. What a node then becomes (Python
code in :mod:`layermodel.language.ground`, a propositional query in ``layerproof.readings.prove.finite``) is not
known here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple

import z3

from layermodel.language.rules import BOOL, Definition, Machine, Sort, State, Symbol, Term

STATE, NEXT, RIGID, TRAIT = "S", "N", "R", "T"
"""Where a read goes: the state, the state after, the rigid symbols, the traits."""

Node = int
_NEXT_SUFFIX = "'"


@dataclass(frozen=True)
class Layout:
    """Where the value of each symbol at each element lies in a flat tuple.

    Attributes:
        sizes: the number of elements of each sort by name.
        slots: for each symbol by name its vector, its offset and its strides.
    """

    machine: Machine
    sizes: Mapping[str, int]
    slots: Mapping[str, tuple[str, int, tuple[int, ...]]]
    lengths: Mapping[str, int]

    @classmethod
    def of(cls, machine: Machine, sizes: Mapping[str, int]) -> Layout:
        """Lay out a machine; sizes of enumerated sorts are theirs, of the others as given.

        Raises:
            KeyError: if the size of a sort is missing.
        """
        full = {s.name: len(s.values) or sizes[s.name] for s in machine.sorts} | {"Bool": 2}
        slots: dict[str, tuple[str, int, tuple[int, ...]]] = {}
        lengths = {STATE: 0, RIGID: 0, TRAIT: len(machine.traits)}
        for symbol in machine.symbols:
            vector = RIGID if symbol.rigid else STATE
            counts = [full[s.name] for s in symbol.arguments]
            strides = tuple(reduce(lambda a, b: a * b, counts[n + 1:], 1) for n in range(len(counts)))
            slots[symbol.name] = (vector, lengths[vector], strides)
            lengths[vector] += reduce(lambda a, b: a * b, counts, 1)
        return cls(machine, full, slots, lengths)

    @cached_property
    def zero(self) -> tuple[int | bool, ...]:
        """A state in which nothing is there."""
        return tuple(False if symbol.result == BOOL else 0
                     for symbol in self.machine.mutable for _ in self.tuples(symbol))

    @cached_property
    def spans(self) -> tuple[tuple[str, int, int], ...]:
        """The symbols that change, with where in a state the values of each begin and end."""
        begins = [(symbol.name, self.slots[symbol.name][1]) for symbol in self.machine.mutable]
        ends = [*(begin for _, begin in begins[1:]), self.lengths[STATE]]
        return tuple((name, begin, end) for (name, begin), end in zip(begins, ends, strict=True))

    def elements(self, sort: Sort) -> range:
        """The elements of a sort."""
        return range(self.sizes[sort.name])

    def tuples(self, symbol: Symbol) -> Iterable[tuple[int, ...]]:
        """All argument tuples of a symbol, in the order of its slots."""
        return itertools.product(*(self.elements(s) for s in symbol.arguments))

    def index(self, name: str, *arguments: int) -> int:
        """The position of a symbol's value at these arguments."""
        _, place, strides = self.slots[name]
        for argument, stride in zip(arguments, strides, strict=True):  # a sum takes twice as long, and this is hot
            place += argument * stride
        return place


class Nodes:
    """A store of nodes, each a tuple of an operator and its operands, folded as it is made.

    Operators: ``const`` value; ``read`` vector, offset, ((node, stride), …); ``param`` number; ``and`` and
    ``or`` nodes; ``not``; ``ite``; ``eq``; ``le``; ``lt``; ``add`` nodes; ``mul``.
    """

    def __init__(self, known: Mapping[tuple[str, int], int | bool] | None = None) -> None:
        """Make an empty store.

        Args:
            known: values at places of vectors; a read there is a constant.
        """
        self._known = dict(known or {})
        self.items: list[tuple[Any, ...]] = []
        self._numbers: dict[tuple[Any, ...], Node] = {}
        self.true = self.const(True)
        self.false = self.const(False)

    def _make(self, *item: Any) -> Node:
        key = self._key(item)
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(item)
        return self._numbers[key]

    @staticmethod
    def _key(item: tuple[Any, ...]) -> tuple[Any, ...]:
        # True == 1 in Python, but a Boolean node is not an integer node: keep their types in the key.
        return (*item, type(item[1])) if item[0] == "const" else item

    def forget(self, first: Node) -> None:
        """Forget this node and all that were made after it."""
        for item in self.items[first:]:
            del self._numbers[self._key(item)]
        del self.items[first:]

    def const(self, value: int | bool) -> Node:
        """A constant."""
        return self._make("const", value)

    def value(self, node: Node) -> int | bool | None:
        """The value of a constant node, or None."""
        item = self.items[node]
        return item[1] if item[0] == "const" else None

    def param(self, number: int) -> Node:
        """A parameter by number."""
        return self._make("param", number)

    def read(self, vector: str, offset: int, indices: Sequence[tuple[Node, int]]) -> Node:
        """A read of a vector at an offset plus nodes times strides."""
        rest = []
        for node, stride in indices:
            known = self.value(node)
            if known is None:
                rest.append((node, stride))
            else:
                offset += int(known) * stride
        if not rest and (vector, offset) in self._known:
            return self.const(self._known[vector, offset])
        return self._make("read", vector, offset, tuple(rest))

    def conj(self, operands: Iterable[Node]) -> Node:
        """All hold."""
        return self._join("and", operands, self.true, self.false)

    def disj(self, operands: Iterable[Node]) -> Node:
        """Some holds."""
        return self._join("or", operands, self.false, self.true)

    def _join(self, operator: str, operands: Iterable[Node], unit: Node, zero: Node) -> Node:
        flat: dict[Node, None] = {}
        for operand in operands:
            if operand == zero:
                return zero
            item = self.items[operand]
            for one in item[1] if item[0] == operator else (operand,):
                flat[one] = None
        flat.pop(unit, None)
        if any(self.neg(one) in flat for one in flat):
            return zero
        if len(flat) < 2:
            return next(iter(flat), unit)
        return self._make(operator, tuple(sorted(flat)))

    def neg(self, operand: Node) -> Node:
        """It does not hold."""
        item = self.items[operand]
        if item[0] == "const":
            return self.const(not item[1])
        return item[1] if item[0] == "not" else self._make("not", operand)

    def ite(self, condition: Node, then: Node, other: Node) -> Node:
        """One or the other."""
        if condition == self.true or then == other:
            return then
        if condition == self.false:
            return other
        if then == self.true:
            return self.disj([condition, other])
        if then == self.false:
            return self.conj([self.neg(condition), other])
        if other == self.false:
            return self.conj([condition, then])
        if other == self.true:
            return self.disj([self.neg(condition), then])
        return self._make("ite", condition, then, other)

    def eq(self, one: Node, other: Node) -> Node:
        """They are equal."""
        if one == other:
            return self.true
        values = self.value(one), self.value(other)
        if None not in values:
            return self.const(values[0] == values[1])
        for known, unknown in ((values[0], other), (values[1], one)):
            if known is True:
                return unknown
            if known is False:
                return self.neg(unknown)
        return self._make("eq", *sorted((one, other)))

    def compare(self, operator: str, one: Node, other: Node) -> Node:
        """``le`` or ``lt``."""
        left, right = self.value(one), self.value(other)
        if left is not None and right is not None:
            return self.const(left <= right if operator == "le" else left < right)
        return self._make(operator, one, other)

    def add(self, operands: Iterable[Node]) -> Node:
        """Their sum."""
        constant, rest = 0, []
        for operand in operands:
            known = self.value(operand)
            if known is None:
                rest.append(operand)
            else:
                constant += int(known)
        if constant or not rest:
            rest.append(self.const(constant))
        return rest[0] if len(rest) == 1 else self._make("add", tuple(sorted(rest)))

    def mul(self, one: Node, other: Node) -> Node:
        """Their product."""
        left, right = self.value(one), self.value(other)
        if left is not None and right is not None:
            return self.const(int(left) * int(right))
        if left == 0 or right == 0:
            return self.const(0)
        if left == 1 and left is not True:
            return other
        return one if right == 1 and right is not True else self._make("mul", one, other)


class Shape(NamedTuple):
    """A Z3 term read once: asking z3py again for every choice of elements would be slow.

    ``kind`` is ``variable`` (data: its index), ``integer``, ``forall``, ``exists`` or ``lambda`` (data: the
    names of the sorts), ``sum``, ``symbol`` (data: its name) or ``operator`` (data: Z3's kind); ``free``
    are the indices of its free variables. Two shapes with one ``number`` are of the same term.
    """

    number: int
    kind: str
    data: Any
    parts: tuple[Shape, ...]
    free: tuple[int, ...]


class _Shapes:
    """Reads Z3 terms, each once, whatever they are read for; what was read is forgotten when it is too much."""

    def __init__(self) -> None:
        self._read: dict[int, Shape] = {}
        self._alive: list[Term] = []  # ids of Z3 terms are only unique among terms that are alive
        self._numbers = itertools.count()

    def of(self, term: Term) -> Shape:
        """Return the shape of a term."""
        if len(self._read) > _MOST_SHAPES:
            self._read.clear()
            self._alive.clear()
        self._alive.append(term)
        return self._shape(term)

    def _shape(self, term: Term) -> Shape:
        key = term.get_id()
        if key not in self._read:
            self._read[key] = self._make(term)
        return self._read[key]

    def _make(self, term: Term) -> Shape:
        if z3.is_var(term):
            index = z3.get_var_index(term)
            return Shape(-1 - index, "variable", index, (), (index,))
        if z3.is_quantifier(term):
            count = term.num_vars()
            body = self._shape(term.body())
            kind = "lambda" if term.is_lambda() else "forall" if term.is_forall() else "exists"
            free = tuple(n - count for n in body.free if n >= count)
            names = tuple(term.var_sort(n).name() for n in range(count))
            return Shape(next(self._numbers), kind, names, (body,), free)
        if z3.is_int_value(term):
            return Shape(next(self._numbers), "integer", term.as_long(), (), ())
        parts = tuple(self._shape(child) for child in term.children())
        free = tuple(sorted({n for part in parts for n in part.free}))
        name, operator = term.decl().name(), term.decl().kind()
        if name.startswith("sum.") and len(parts) == 1:
            return Shape(next(self._numbers), "sum", None, parts, free)
        if operator == z3.Z3_OP_UNINTERPRETED:
            return Shape(next(self._numbers), "symbol", name, parts, free)
        return Shape(next(self._numbers), "operator", operator, parts, free)


_MOST_SHAPES = 500_000
_SHAPES = _Shapes()


class Grounding:
    """Turns terms of one machine over one layout into nodes.

    Args:
        parameters: names of constants (``?image``) that become ``param`` nodes, in order.
        definitions: of the relations that steps define for their own use.
        nodes: a store to share between groundings.
        unchanged: the state after is the state before.
    """

    def __init__(
        self, layout: Layout, parameters: Sequence[str] = (), definitions: Iterable[Definition] = (),
        nodes: Nodes | None = None, unchanged: bool = False,
    ) -> None:
        """Prepare to ground terms."""
        self.layout = layout
        self._unchanged = unchanged
        self.nodes = nodes or Nodes()
        self._parameters = {name: self.nodes.param(n) for n, name in enumerate(parameters)}
        self._definitions = {d.decl.name(): d for d in definitions}
        self._constants = self._known_constants()
        self._memo: dict[tuple[int, tuple[Node, ...]], Node] = {}
        self._defined: dict[tuple[str, tuple[Node, ...]], Node] = {}
        self._abstracted: dict[tuple[str, int], Shape] = {}
        self._states: list[State] = []

    def _known_constants(self) -> dict[str, Node]:
        machine = self.layout.machine
        values = {f"{s.name}.{v}": self.nodes.const(n) for s in machine.sorts for n, v in enumerate(s.values)}
        traits = {t.term.decl().name(): self.nodes.read(TRAIT, n, ()) for n, t in enumerate(machine.traits)}
        return values | traits

    def ground(self, term: Term, bound: tuple[Node, ...] = ()) -> Node:
        """Return the node of a term; ``bound`` are its bound variables, innermost last.

        Raises:
            ValueError: for a constant or function that the machine does not have.
        """
        return self._term(_SHAPES.of(term), bound)

    def symbol_at(self, symbol: Symbol, state: State, arguments: tuple[int, ...]) -> Node:
        """Return the node of a symbol of a state at elements."""
        value = getattr(state, symbol.name)
        if not symbol.arguments:
            return self.ground(value)
        key = symbol.name, id(state)
        if key not in self._abstracted:
            variables = [z3.Const(f"at!{n}", s.z3) for n, s in enumerate(symbol.arguments)]
            self._abstracted[key] = _SHAPES.of(z3.Lambda(variables, value(*variables)).body())
            self._states.append(state)  # an id is only unique among objects that are alive
        return self._term(self._abstracted[key], tuple(self.nodes.const(a) for a in arguments))

    def _term(self, shape: Shape, bound: tuple[Node, ...]) -> Node:
        key = (shape.number, tuple([bound[-1 - n] for n in shape.free]))
        node = self._memo.get(key)
        if node is None:
            node = self._memo[key] = self._evaluate(shape, bound)
        return node

    def _evaluate(self, shape: Shape, bound: tuple[Node, ...]) -> Node:
        match shape.kind:
            case "variable":
                return bound[-1 - int(shape.data)]
            case "integer":
                return self.nodes.const(shape.data)
            case "forall":
                return self.nodes.conj(self._over_elements(shape, bound))
            case "exists":
                return self.nodes.disj(self._over_elements(shape, bound))
            case "sum":
                return self.nodes.add(self._over_elements(shape.parts[0], bound))
            case "symbol":
                return self._symbol(shape.data, tuple([self._term(p, bound) for p in shape.parts]))
        return self._operator(shape.data, [self._term(p, bound) for p in shape.parts])

    def _over_elements(self, shape: Shape, bound: tuple[Node, ...]) -> list[Node]:
        """The body of a quantifier or lambda at every choice of elements."""
        choices = [
            [self.nodes.const(bool(e) if name == "Bool" else e) for e in range(self.layout.sizes[name])]
            for name in shape.data
        ]
        return [self._term(shape.parts[0], bound + chosen) for chosen in itertools.product(*choices)]

    def _symbol(self, name: str, operands: tuple[Node, ...]) -> Node:
        if name in self._definitions:
            return self._definition(name, operands)
        base = name.removesuffix(_NEXT_SUFFIX)
        if base in self.layout.slots:
            vector, offset, strides = self.layout.slots[base]
            where = NEXT if base != name and not self._unchanged else vector
            return self.nodes.read(where, offset, list(zip(operands, strides, strict=True)))
        node = self._parameters.get(name, self._constants.get(name))
        if node is None:
            raise ValueError(f"the machine {self.layout.machine.name} has no symbol {name!r}")
        return node

    def _definition(self, name: str, operands: tuple[Node, ...]) -> Node:
        if (name, operands) not in self._defined:
            definition = self._definitions[name]
            # The definition speaks of its variables by name; abstract them into bound ones.
            body = z3.Lambda(list(definition.variables), definition.body).body()
            self._defined[name, operands] = self._term(_SHAPES.of(body), operands)
        return self._defined[name, operands]

    def _operator(self, kind: int, operands: list[Node]) -> Node:  # noqa: C901 - a table of operators
        nodes = self.nodes
        first, last = operands[0] if operands else nodes.true, operands[-1] if operands else nodes.true
        if kind in _COMPARISONS:
            operator, swapped = _COMPARISONS[kind]
            return nodes.compare(operator, *((last, first) if swapped else (first, last)))
        match kind:
            case z3.Z3_OP_TRUE:
                return nodes.true
            case z3.Z3_OP_FALSE:
                return nodes.false
            case z3.Z3_OP_AND:
                return nodes.conj(operands)
            case z3.Z3_OP_OR:
                return nodes.disj(operands)
            case z3.Z3_OP_NOT:
                return nodes.neg(first)
            case z3.Z3_OP_IMPLIES:
                return nodes.disj([nodes.neg(first), last])
            case z3.Z3_OP_EQ | z3.Z3_OP_IFF:
                return nodes.eq(first, last)
            case z3.Z3_OP_ITE:
                return nodes.ite(*operands)
            case z3.Z3_OP_DISTINCT:
                return nodes.conj(nodes.neg(nodes.eq(a, b)) for a, b in itertools.combinations(operands, 2))
            case z3.Z3_OP_ADD:
                return nodes.add(operands)
            case z3.Z3_OP_SUB:
                minus = nodes.const(-1)
                return nodes.add([first, *(nodes.mul(minus, o) for o in operands[1:])])
            case z3.Z3_OP_UMINUS:
                return nodes.mul(nodes.const(-1), first)
            case z3.Z3_OP_MUL:
                return reduce(nodes.mul, operands)
        raise ValueError(f"no grounding for the Z3 operator of kind {kind}")


_COMPARISONS = {
    z3.Z3_OP_LE: ("le", False), z3.Z3_OP_GE: ("le", True),
    z3.Z3_OP_LT: ("lt", False), z3.Z3_OP_GT: ("lt", True),
}
