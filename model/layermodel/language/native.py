"""Nodes as machine code: written as LLVM functions, and compiled by llvmlite where it is installed.

Like the Python code of :mod:`layermodel.language.ground`, it has no semantics of its own. Vectors are arrays of
32-bit integers; truth values are computed as single bits and integers with 64 bits, and a node whose value could
take more is refused when it is written.
"""

from __future__ import annotations

import bisect
import ctypes
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from layermodel.language.ground import Outcome, Parts, Vector, operands
from layermodel.language.rules import BOOL, INT, Parameter, Rule
from layermodel.language.terms import NEXT, RIGID, STATE, TRAIT, Layout, Node, Nodes

BOOLEAN, INTEGER = "i1", "i64"
VECTORS = {STATE: "%S", NEXT: "%N", RIGID: "%R", TRAIT: "%T"}
"""What the arrays are called in functions."""
_LARGEST = 1 << 31
"""Bounds what a vector or an argument holds."""
_OPERATIONS = {"eq": "icmp eq", "le": "icmp sle", "lt": "icmp slt"}


_CHOOSES = 1
"""How well LLVM chooses instructions and registers: at 0 it takes a third of the time, for code half as fast."""


class TooLarge(ValueError):
    """A value could take more bits than there are."""


class Kinds:
    """Says of each node whether it is a truth value or an integer, and how large it can be."""

    def __init__(self, layout: Layout, nodes: Nodes, parameters: Sequence[Parameter]) -> None:
        """Learn which slots are truth values."""
        self._nodes, self._parameters = nodes, parameters
        self._starts: dict[str, list[tuple[int, str]]] = {}
        for symbol in layout.machine.symbols:
            vector, offset, _ = layout.slots[symbol.name]
            kind = BOOLEAN if symbol.result == BOOL else INTEGER
            self._starts.setdefault(vector, []).append((offset, kind))
        for places in self._starts.values():
            places.sort()
        self._known: dict[Node, tuple[str, int]] = {}

    def of(self, node: Node) -> str:
        """``i1`` or ``i64``."""
        return self._of(node)[0]

    def _of(self, node: Node) -> tuple[str, int]:
        stack = [node]
        while stack:
            current = stack[-1]
            missing = [n for n in operands(self._nodes.items[current]) if n not in self._known]
            if current in self._known:
                stack.pop()
            elif missing:
                stack += missing
            else:
                self._known[current] = self._kind(self._nodes.items[stack.pop()])
                if self._known[current][1] >= 1 << 62:
                    raise TooLarge("a sum or product of the machine's integers could take more than 62 bits")
        return self._known[node]

    def _kind(self, item: tuple[Any, ...]) -> tuple[str, int]:
        match item[0]:
            case "const":
                return (BOOLEAN if isinstance(item[1], bool) else INTEGER), abs(int(item[1]))
            case "param":
                return (BOOLEAN if self._parameters[item[1]].sort == BOOL else INTEGER), _LARGEST
            case "read":
                return self._read(item[1], item[2]), _LARGEST
            case "add":
                return INTEGER, sum(self._known[n][1] for n in item[1])
            case "mul":
                return INTEGER, self._known[item[1]][1] * self._known[item[2]][1]
            case "ite":
                (one, most), (other, more) = self._known[item[2]], self._known[item[3]]
                # Where a symbol means nothing it is 0, be it a number or a truth value.
                return (BOOLEAN if BOOLEAN in (one, other) else INTEGER), max(most, more)
        return BOOLEAN, 1

    def _read(self, vector: str, offset: int) -> str:
        if vector == TRAIT:
            return BOOLEAN
        starts = self._starts[STATE if vector == NEXT else vector]
        return starts[bisect.bisect_right(starts, (offset, "~")) - 1][1]


class Body:
    """Writes the lines of one LLVM function.

    Attributes:
        lines: so far. ``vectors`` are the names of the arrays, ``arguments`` those of a rule's arguments.
    """

    def __init__(self, nodes: Nodes, kinds: Kinds, vectors: dict[str, str], arguments: Sequence[str] = ()) -> None:
        """Begin an empty body."""
        self.nodes, self.kinds, self.vectors, self.arguments = nodes, kinds, vectors, arguments
        self.lines: list[str] = []
        self._numbers = itertools.count()
        self._values: dict[Node, str] = {}

    def aside(self, nodes: Nodes, kinds: Kinds, vectors: dict[str, str], arguments: Sequence[str]) -> Body:
        """A writer of other nodes into the same body."""
        made = Body(nodes, kinds, vectors, arguments)
        made.lines, made._numbers = self.lines, self._numbers
        return made

    def branch(self, known: dict[Node, str] | None = None) -> dict[Node, str]:
        """Return what is computed so far, or go back to what was: a value is not there in another branch."""
        if known is None:
            return dict(self._values)
        self._values = dict(known)
        return known

    def say(self, line: str) -> None:
        """Add a line."""
        self.lines.append(line)

    def let(self, operation: str) -> str:
        """Add an operation and return the name of its result."""
        name = f"%v{next(self._numbers)}"
        self.lines.append(f"  {name} = {operation}")
        return name

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")

    def boolean(self, node: Node) -> str:
        """The value of a node as one bit."""
        value = self.value(node)
        if self.kinds.of(node) == BOOLEAN:
            return value
        return {"0": "false", "1": "true"}.get(value) or self.let(f"icmp ne i64 {value}, 0")

    def integer(self, node: Node) -> str:
        """The value of a node with 64 bits."""
        value = self.value(node)
        if self.kinds.of(node) == INTEGER:
            return value
        return {"false": "0", "true": "1"}.get(value) or self.let(f"zext i1 {value} to i64")

    def value(self, node: Node) -> str:
        """The value of a node."""
        stack = [node]
        while stack:
            current = stack[-1]
            missing = [n for n in operands(self.nodes.items[current]) if n not in self._values]
            if current in self._values:
                stack.pop()
            elif missing:
                stack += missing
            else:
                self._values[current] = self._written(current, self.nodes.items[current])
                stack.pop()
        return self._values[node]

    def load(self, vector: str, offset: str, kind: str) -> str:
        """A value of an array of 32-bit integers."""
        place = self.let(f"getelementptr inbounds i32, ptr {vector}, i64 {offset}")
        loaded = self.let(f"load i32, ptr {place}, align 4")
        return self.let(f"icmp ne i32 {loaded}, 0" if kind == BOOLEAN else f"sext i32 {loaded} to i64")

    def store(self, vector: str, slot: int, node: Node) -> None:
        """Write the value of a node into an array."""
        value = self.value(node)
        if value.startswith("%"):
            how = "zext i1" if self.kinds.of(node) == BOOLEAN else "trunc i64"
            value = self.let(f"{how} {value} to i32")
        else:
            value = {"true": "1", "false": "0"}.get(value, value)
        place = self.let(f"getelementptr inbounds i32, ptr {vector}, i64 {slot}")
        self.say(f"  store i32 {value}, ptr {place}, align 4")

    def _written(self, node: Node, item: tuple[Any, ...]) -> str:
        match item[0]:
            case "const":
                return {True: "true", False: "false"}[item[1]] if isinstance(item[1], bool) else str(item[1])
            case "param":
                name = self.arguments[item[1]]
                return name if self.kinds.of(node) == INTEGER else self.let(f"icmp ne i64 {name}, 0")
            case "read":
                return self._read(node, item)
            case "not":
                return self.let(f"xor i1 {self.boolean(item[1])}, true")
            case "and" | "or":
                return self._joined(f"{item[0]} i1", [self.boolean(n) for n in item[1]])
            case "add":
                return self._joined("add i64", [self.integer(n) for n in item[1]])
            case "mul":
                return self.let(f"mul i64 {self.integer(item[1])}, {self.integer(item[2])}")
            case "ite":
                kind = self.kinds.of(node)
                one, other = (self._as(kind, n) for n in item[2:])
                return self.let(f"select i1 {self.boolean(item[1])}, {kind} {one}, {kind} {other}")
        kind = INTEGER if INTEGER in map(self.kinds.of, item[1:]) else BOOLEAN
        one, other = (self._as(kind, n) for n in item[1:])
        return self.let(f"{_OPERATIONS[item[0]]} {kind} {one}, {other}")

    def _as(self, kind: str, node: Node) -> str:
        return self.boolean(node) if kind == BOOLEAN else self.integer(node)

    def _read(self, node: Node, item: tuple[Any, ...]) -> str:
        offset = str(item[2])
        for index, stride in item[3]:
            value = self.integer(index)
            scaled = value if stride == 1 else self.let(f"mul i64 {value}, {stride}")
            offset = scaled if offset == "0" else self.let(f"add i64 {offset}, {scaled}")
        return self.load(self.vectors[item[1]], offset, self.kinds.of(node))

    def _joined(self, operation: str, values: list[str]) -> str:
        """Join in pairs, so that no value waits for all those before it."""
        while len(values) > 1:
            pairs = zip(values[::2], values[1::2], strict=False)
            rest = values[len(values) // 2 * 2:]
            values = [self.let(f"{operation} {one}, {other}") for one, other in pairs] + rest
        return values[0]


TOO_LARGE, NOT_GIVEN, DONE = -2, -1, 0


def safe(name: str) -> str:
    """A name that LLVM takes."""
    return name if all(c.isalnum() or c in "-._" for c in name) and name.isascii() else "x" + name.encode().hex()


def rule_text(name: str, rule: Rule, parts: Parts, layout: Layout) -> str:
    """A function that takes a step of a rule.

    It is given the state, room for the state after, the rigid values, the traits, room for the bytes that are
    reclaimed, and the arguments, and returns :data:`NOT_GIVEN` if they are not such as the rule presupposes,
    :data:`DONE`, or the refusal's position from 1 on. The state after is written unless nothing changes; it is
    :data:`TOO_LARGE` if an integer would take more than 32 bits.
    """
    arguments = [f"%a{n}" for n in range(len(rule.parameters))]
    body = Body(parts.nodes, Kinds(layout, parts.nodes, rule.parameters), VECTORS, arguments)
    body.say(f"  br i1 {body.boolean(parts.given)}, label %can, label %not")
    body.label("not")
    body.say(f"  ret i64 {NOT_GIVEN}")
    body.label("can")
    for number, (_, when, leaves) in enumerate(parts.refusals, 1):
        body.say(f"  br i1 {body.boolean(when)}, label %refused{number}, label %else{number}")
        body.label(f"refused{number}")
        known = body.branch()
        _store(body, leaves or (), layout, f"fits{number}")
        body.say(f"  ret i64 {number}")
        body.branch(known)
        body.label(f"else{number}")
    _store(body, parts.after, layout, "fits")
    if parts.reclaimed is not None:
        body.say(f"  store i64 {body.integer(parts.reclaimed)}, ptr %M, align 8")
    body.say(f"  ret i64 {DONE}")
    body.label("large")
    body.say(f"  ret i64 {TOO_LARGE}")
    given = "".join(f", i64 {a}" for a in arguments)
    return (f"define i64 @{name}(ptr noalias readonly %S, ptr noalias %N, ptr noalias readonly %R, "
            f"ptr noalias readonly %T, ptr noalias %M{given}) {{\n" + "\n".join(body.lines) + "\n}\n")


def _store(body: Body, after: Sequence[Node], layout: Layout, label: str) -> None:
    """Write a state after, or go where integers are too large for it."""
    large = "false"
    for symbol in layout.machine.mutable if after else ():
        for arguments in layout.tuples(symbol) if symbol.result == INT else ():
            value = body.integer(after[layout.index(symbol.name, *arguments)])
            if value.startswith("%"):
                raised = body.let(f"add i64 {value}, {_LARGEST}")
                large = body.let(f"or i1 {large}, {body.let(f'icmp uge i64 {raised}, {2 * _LARGEST}')}")
    body.say(f"  br i1 {large}, label %large, label %{label}")
    body.label(label)
    for slot, node in enumerate(after):
        body.store("%N", slot, node)


class CompiledRule:
    """One rule over a layout as machine code: what :class:`~layermodel.language.ground.GroundRule` does."""

    def __init__(self, rule: Rule, layout: Layout) -> None:
        """Compile the rule.

        Raises:
            TooLarge: if an integer could take more bits than there are.
        """
        self.rule, parts = rule, Parts.of(rule, layout)
        self._code = Compiled(rule_text("step", rule, parts, layout))
        self._refusals = [(name, leaves is not None) for name, _, leaves in parts.refusals]
        self._reclaims = parts.reclaimed is not None
        pointer = ctypes.c_void_p
        self._step = self._code.function("step", ctypes.c_int64, *[pointer] * 5,
                                         *[ctypes.c_int64] * len(rule.parameters))
        self._vector = ctypes.c_int32 * layout.lengths[STATE]
        self._rigid, self._traits = (ctypes.c_int32 * layout.lengths[v] for v in (RIGID, TRAIT))

    def run(self, state: Vector, rigid: Vector, traits: Vector, arguments: Vector) -> Outcome | None:
        """Take the step; None if the arguments are not such as the rule presupposes.

        Raises:
            TooLarge: if an integer would take more than 32 bits.
        """
        after, reclaimed = self._vector(), ctypes.c_int64()
        vectors = self._vector(*state), after, self._rigid(*rigid), self._traits(*traits), reclaimed
        code = self._step(*map(ctypes.byref, vectors), *arguments)
        if code == NOT_GIVEN:
            return None
        if code == TOO_LARGE:
            raise TooLarge(f"an integer of the state after {self.rule.name} takes more than 32 bits")
        if code == DONE:
            return Outcome(None, tuple(after), reclaimed.value if self._reclaims else None)
        name, leaves = self._refusals[code - 1]
        return Outcome(name, tuple(after) if leaves else state)


class Store(Protocol):
    """Where machine code is kept from one process to the next."""

    def get(self, key: bytes) -> bytes | None:
        """What was put for a key."""

    def put(self, key: bytes, data: bytes) -> None:
        """Keep something."""


class Compiled:
    """Machine code in memory.

    Attributes:
        code: as a file of objects has it.
    """

    def __init__(self, text: str | bytes, kept: Store | None = None) -> None:
        """Compile functions for this machine's processor, or take what was compiled from the same text before.

        Args:
            text: the functions; or code that was compiled by :func:`compiler` before.

        No pass of LLVM's runs but those that choose instructions and registers: what is to be found by the others,
        hash-consing has found, and they took ten times as long for code that was a tenth faster.

        Raises:
            ImportError: if llvmlite is not installed.
        """
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=_CHOOSES)
        if isinstance(text, str):
            key = f"{compiler()}\n{text}".encode()
            code = None if kept is None else kept.get(key)
            if code is None:
                code = machine.emit_object(llvm.parse_assembly(text))
                if kept is not None:
                    kept.put(key, code)
        else:
            code = text
        self.code: bytes = code
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def function(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
        """A function by name; while it runs, other threads of Python run, too."""
        return ctypes.CFUNCTYPE(result, *arguments)(self._engine.get_function_address(name))


def compiler() -> str:
    """What compiles, and for which processor: code of another is of no use.

    Raises:
        ImportError: if llvmlite is not installed.
    """
    import llvmlite
    import llvmlite.binding as llvm

    return "\n".join((llvmlite.__version__, str(llvm.llvm_version_info), llvm.get_process_triple(),
                      llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), str(_CHOOSES)))


def available() -> bool:
    """Whether llvmlite is installed and works here."""
    try:
        import llvmlite.binding
    except (ImportError, OSError):
        return False
    return bool(llvmlite.binding.llvm_version_info)

