"""A machine at given sizes as a Promela model for Spin: the same rules and laws, from the nodes of the same terms.

One process chooses a universe, and then, again and again, a rule and its arguments. Each step is one ``d_step``:
what lies between two steps is no state, so that Spin counts the states that the explorer counts, and one more,
before the universe is chosen. Arguments are 0 again after each step, and so is what a symbol says of an object
that is not there. Laws are assertions: of each state, and of each step, done or refused. Those about two runs are
left out.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from layermodel.language.ground import Code, GroundMachine, Parts, Vector
from layermodel.language.rules import BOOL, INT, Rule, Symbol
from layermodel.language.terms import NEXT, RIGID, STATE, TRAIT, Node, Nodes
from layerproof.readings.moves import changes
from layerproof.runs.algebra import counts
from layerproof.runs.monitor import Monitor, Rows
from layerproof.subject import Subject

_JOINTS = {"and": " && ", "or": " || ", "eq": " == ", "le": " <= ", "lt": " < ", "add": " + ", "mul": " * "}
_RESERVED = frozenset((
    "active", "assert", "atomic", "bit", "bool", "break", "byte", "chan", "do", "else", "empty", "enabled", "fi",
    "full", "goto", "hidden", "if", "init", "inline", "int", "len", "mtype", "never", "nempty", "nfull", "od",
    "of", "pid", "printf", "priority", "proctype", "provided", "run", "short", "skip", "timeout", "typedef",
    "unless", "unsigned", "xr", "xs", "arg", "part", "alike", "tried"))


def promela(subject: Subject, dialect: str, sizes: Mapping[str, int] | None = None) -> str:
    """Return the model of a machine in one dialect.

    Args:
        sizes: of the sorts, other than the machine's usual ones.

    Raises:
        WrongRequest: if there is no such dialect.
    """
    traits = subject.traits((dialect,))[dialect]
    ground = GroundMachine(subject.machine, subject.sizes(sizes))
    return _Model(subject, ground, ground.traits(traits)).text(subject.finite.universes(ground), dialect)


class _Model:
    """Writes one model."""

    def __init__(self, subject: Subject, ground: GroundMachine, traits: Vector) -> None:
        self._subject, self._ground, self._layout, self._traits = subject, ground, ground.layout, traits
        self._monitor = Monitor(ground, subject.catalogue)
        self._names = 0
        self._places: dict[str, list[tuple[int, Symbol]]] = {STATE: [], RIGID: []}
        for symbol in self._layout.machine.symbols:
            vector, offset, _ = self._layout.slots[symbol.name]
            self._places[vector].append((offset, symbol))

    def text(self, universes: Sequence[Vector], dialect: str) -> str:
        """All of it."""
        machine = self._ground.machine
        rules = machine.rules
        steps = [line for rule in rules for line in self._rule(rule)]
        starts = [line for universe in universes for line in self._universe(universe)]
        first = self._state_laws()
        sizes = " ".join(f"{s.name}={self._layout.sizes[s.name]}" for s in machine.sorts if not s.values)
        most = max((len(r.parameters) for r in rules), default=0)
        return "\n".join([
            f"/* The machine {machine.name}{f' in the dialect {dialect}' if machine.traits else ''}: {sizes}.",
            "   Written by layerproof from the rules that it proves; laws about two runs are left out. */",
            *self._declared(most),
            "", f"active proctype {_safe(machine.name)}() {{",
            "    atomic {  /* a universe */", "        if", *_indented(starts, 4), "        fi;",
            "        d_step {", *_indented(first, 12), "            skip", "        }", "    }",
            "end:", "    do", *steps, "    od", "}", ""])

    # What there is.

    def _declared(self, most: int) -> list[str]:
        lines = []
        for symbol in self._layout.machine.symbols:
            said = f" /* {symbol.doc.replace('*/', '* /')} */" if symbol.doc else ""
            lines.append(f"{self._type(symbol)} {_safe(symbol.name)}[{self._length(symbol)}];{said}")
        lines += [f"hidden {'int' if s.result == INT else 'byte'} new_{_safe(s.name)}[{self._length(s)}];"
                  for s in self._layout.machine.mutable]
        if most:
            lines.append(f"byte arg[{most}];  /* the arguments of a step, 0 between two */")
        return [*lines, f"hidden int part[{max(self._names, 1)}];  /* parts of expressions that are used twice */",
                "hidden int alike; hidden byte tried;"]

    def _type(self, symbol: Symbol) -> str:
        if symbol.result == INT:
            return "int"
        return "bit" if symbol.result == BOOL else "byte"

    def _length(self, symbol: Symbol) -> int:
        return math.prod(self._layout.sizes[s.name] for s in symbol.arguments)

    def _universe(self, rigid: Vector) -> Iterator[str]:
        state = self._ground.initial(rigid, self._traits)
        yield "    :: d_step {"
        for vector, values in ((RIGID, rigid), (STATE, state)):
            for offset, symbol in self._places[vector]:
                put = [f"{_safe(symbol.name)}[{n}] = {int(values[offset + n])}"
                       for n in range(self._length(symbol)) if values[offset + n]]
                if put:
                    yield f"        {'; '.join(put)};"
        yield "        skip"
        yield "    }"

    # Expressions.

    def _code(self, nodes: Nodes, fresh: Mapping[str, str]) -> Code:
        """Writes expressions; ``fresh`` has what comes before the names of symbols of the state after."""
        def text(item: tuple[Any, ...], parts: list[str]) -> str:
            match item[0]:
                case "const":
                    return str(int(item[1]))
                case "param":
                    return f"arg[{item[1]}]"
                case "not":
                    return f"!{parts[0]}" if parts[0].startswith("(") else f"!({parts[0]})"
                case "ite":
                    return f"({parts[0]} -> {parts[1]} : {parts[2]})"
                case "read":
                    return self._read(item, parts, fresh)
            return "(" + _JOINTS[item[0]].join(parts) + ")"

        return Code(nodes, text, "part[{}]")

    def _read(self, item: tuple[Any, ...], parts: list[str], fresh: Mapping[str, str]) -> str:
        _, vector, offset, indices = item
        if vector == TRAIT:
            return str(int(self._traits[offset]))
        starts = self._places[STATE if vector == NEXT else vector]
        start, symbol = next(p for p in reversed(starts) if p[0] <= offset)
        terms = [p if stride == 1 else f"{p}*{stride}" for p, (_, stride) in zip(parts, indices, strict=True)]
        place = "+".join([*([str(offset - start)] if offset > start or not terms else []), *terms])
        before = fresh.get(symbol.name, "") if vector == NEXT else ""
        return f"{before}{_safe(symbol.name)}[{place}]"

    def _put(self, code: Code, node: Node, lines: list[str]) -> str:
        """The expression of a node, after the lines that it relies on."""
        text = code.expression(node)
        lines += [f"{line};" for line in code.lines]
        code.lines.clear()
        self._names = max(self._names, code.names)
        return text

    # Laws.

    def _state_laws(self) -> list[str]:
        nodes, rows = self._monitor.about_states()
        return self._asserted(nodes, rows, {})

    def _asserted(self, nodes: Nodes, rows: Sequence[Rows], fresh: Mapping[str, str]) -> list[str]:
        """Assertions that laws hold."""
        code, lines = self._code(nodes, fresh), list[str]()
        asked = [(row.law.id, row.failing(nodes)) for row in rows]
        code.expect([failing for _, failing in asked])
        for law, failing in asked:
            if failing != nodes.false:
                broken = self._put(code, failing, lines)
                lines += [f'if :: {broken} -> printf("broken: {law}\\n"); assert(false) :: else fi;']
        return lines

    # Steps.

    def _rule(self, rule: Rule) -> Iterator[str]:
        """One choice of the process: a rule, its arguments, and what comes of it."""
        sizes = counts(self._ground, rule.parameters)
        fresh = self._subject.finite.fresh
        alike = [n for n, p in enumerate(rule.parameters) if p.role != "named" and p.sort.name in fresh]
        yield f"    :: atomic {{  /* {rule.name}({', '.join(p.name for p in rule.parameters)}): {rule.source} */"
        # All arguments at once, so that each step is as long as any other in a search breadth first.
        open_ = [range(1) if n in alike else range(size) for n, size in enumerate(sizes)]
        yield "        if"
        for chosen in itertools.product(*open_):
            put = "; ".join(f"arg[{n}] = {value}" for n, value in enumerate(chosen) if value)
            yield f"        :: d_step {{ {put} }}" if put else "        :: skip"
        yield "        fi;"
        yield "        d_step {"
        yield from _indented(self._step(rule, alike, sizes), 12)
        if rule.parameters:
            yield f"            {'; '.join(f'arg[{n}] = 0' for n in range(len(rule.parameters)))};"
        yield "        }"
        yield "    }"

    def _step(self, rule: Rule, alike: Sequence[int], sizes: Sequence[int]) -> list[str]:
        parts = Parts.of(rule, self._layout)
        code = self._code(parts.nodes, {})
        refused = (node for _, when, leaves in parts.refusals for node in (when, *(leaves or ())))
        code.expect([parts.given, *refused, *parts.after])
        lines, given = list[str](), list[str]()
        may = self._put(code, parts.given, given)
        if alike:
            # Objects that are not made yet are all alike: the first stands for all.
            put, left = list[str](), "alike"
            for n in reversed(alike):
                put.append(f"arg[{n}] = {left} % {sizes[n]};")
                left = f"({left} / {sizes[n]})"
            most = math.prod(sizes[n] for n in alike)
            lines += ["alike = 0; tried = 0;", "do", ":: alike < " + f"{most} ->", *_indented([*put, *given], 4),
                      f"    if :: {may} -> tried = 1; break :: else -> alike = alike + 1 fi", ":: else -> break",
                      "od;"]
            may = "tried"
        else:
            lines += given
        lines += ["if", f":: {may} ->", *_indented(self._outcomes(rule, parts, code), 4), ":: else fi;"]
        return lines

    def _outcomes(self, rule: Rule, parts: Parts, code: Code) -> list[str]:
        """The refusals in their order, and else what is done."""
        lines, close = list[str](), list[str]()
        for name, when, leaves in parts.refusals:
            refused = self._put(code, when, lines)
            leave = code.branch()
            outcome = self._outcome(rule, name, parts.nodes, leaves, code)
            lines += ["if", f":: {refused} ->", *_indented(outcome, 4), ":: else ->"]
            leave()
            close.append("fi;")
        return [*lines, *self._outcome(rule, None, parts.nodes, parts.after, code), *close]

    def _outcome(
        self, rule: Rule, refusal: str | None, nodes: Nodes, after: tuple[Node, ...] | None, code: Code,
    ) -> list[str]:
        said = f"{rule.name}({', '.join(['%d'] * len(rule.parameters))}){f': {refusal}' if refusal else ''}"
        arguments = "".join(f", arg[{n}]" for n in range(len(rule.parameters)))
        lines = [f'printf("{said}\\n"{arguments});']
        changed = changes(self._ground, nodes, after)
        symbols = dict.fromkeys(self._symbol(slot) for slot, _ in changed)
        fresh = {s.name: "new_" for s in symbols}
        values = [(self._slot(slot), self._put(code, node, lines)) for slot, node in changed]
        lines += [f"new_{name}[{n}] = {name}[{n}];" for s in symbols for name in (_safe(s.name),)
                  for n in range(self._length(s)) if f"{name}[{n}]" not in dict(values)]
        lines += [f"new_{place} = {value};" for place, value in values]
        lines += self._asserted(*self._monitor.about_steps(rule, refusal, after is None), fresh)
        lines += [f"{place} = new_{place};" for place, _ in values]
        return [*lines, *(self._state_laws() if changed else ()), "skip"]

    def _symbol(self, slot: int) -> Symbol:
        return next(s for offset, s in reversed(self._places[STATE]) if offset <= slot)

    def _slot(self, slot: int) -> str:
        offset, symbol = next(p for p in reversed(self._places[STATE]) if p[0] <= slot)
        return f"{_safe(symbol.name)}[{slot - offset}]"


def _indented(lines: Sequence[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


def _safe(name: str) -> str:
    """A name that Promela takes."""
    plain = re.sub(r"\W", "_", name)
    return f"{plain}_" if plain in _RESERVED or not plain[:1].isalpha() else plain


