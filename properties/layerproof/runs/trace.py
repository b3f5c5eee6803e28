"""A run of operations as data: what a counterexample is, what ``replay`` reads.

A trace file is one JSON object: the machine, the dialect, the sizes of the sorts, the rigid values (which
layer lies on which, which image has which top layer), and the operations with their arguments by name.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from layermodel.language.ground import Vector
from layermodel.language.rules import BOOL, INT, Machine, Rule, Sort, Symbol
from layermodel.language.terms import Layout
from layermodel.store.rules import STORE
from layermodel.store.words import DIALECTS as STORE_DIALECTS
from layermodel.union.rules import UNION
from layermodel.union.words import DIALECTS as UNION_DIALECTS
from layerproof.errors import WrongRequest
from layerproof.process.files import parsed
from layerproof.words import a

FORMAT = 1
MACHINES: dict[str, tuple[Machine, Collection[str]]] = {
    "store": (STORE, STORE_DIALECTS), "union": (UNION, UNION_DIALECTS)}
"""The machines that a trace may be of, and their dialects."""


@dataclass(frozen=True)
class Event:
    """One operation: its rule, its arguments, and the refusal it was answered with, if any."""

    rule: str
    arguments: Vector
    refusal: str | None


@dataclass(frozen=True)
class Trace:
    """A run from the initial state."""

    machine: str
    dialect: str
    sizes: Mapping[str, int]
    rigid: Vector
    events: tuple[Event, ...]

    def to_json(self) -> str:
        """Return the trace file's text."""
        machine, _ = MACHINES[self.machine]
        layout = Layout.of(machine, self.sizes)
        rules = machine.rule_by_name
        open_sorts = [s.name for s in machine.sorts if not s.values]
        return json.dumps({
            "layerproof": FORMAT,
            "machine": self.machine,
            "dialect": self.dialect,
            "sizes": {name: self.sizes[name] for name in open_sorts},
            "rigid": {s.name: [self.rigid[layout.index(s.name, *a)] for a in layout.tuples(s)]
                      for s in machine.rigid},
            "events": [_event_out(rules[e.rule], e) for e in self.events],
        }, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Trace:
        """Read a trace file's text.

        Raises:
            WrongRequest: if it is not a trace, saying what is wrong and where.
        """
        data = parsed(text, "the trace")
        version = _field(data, "layerproof", int, "the trace")
        if version != FORMAT:
            raise WrongRequest(f"the trace is of format {version}; this version reads format {FORMAT}")
        name = _field(data, "machine", str, "the trace")
        if name not in MACHINES:
            raise WrongRequest(f"the trace is of an unknown machine {name!r}; known: {', '.join(MACHINES)}")
        machine, dialects = MACHINES[name]
        dialect = _field(data, "dialect", str, "the trace")
        if dialect not in dialects:
            raise WrongRequest(f"unknown dialect {dialect!r} in the trace; known: {', '.join(dialects)}")
        layout = _layout(machine, _field(data, "sizes", dict, "the trace"))
        rigid = _rigid(layout, _field(data, "rigid", dict, "the trace"))
        rows = _field(data, "events", list, "the trace")
        if not rows:
            raise WrongRequest("the trace has no events, so there is nothing to replay")
        events = tuple(_event_in(layout, number, row) for number, row in enumerate(rows, 1))
        return cls(name, dialect, layout.sizes, rigid, events)


def _field(data: Any, name: str, kind: type, where: str) -> Any:
    if not isinstance(data, dict):
        raise WrongRequest(f"{where} is not a JSON object")
    if name not in data:
        raise WrongRequest(f"{where} has no field {name!r}")
    value = data[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WrongRequest(f"the field {name!r} of {where} is not of type {kind.__name__}")
    return value


def _layout(machine: Machine, sizes: dict[str, Any]) -> Layout:
    for sort in machine.sorts:
        if not sort.values and not 1 <= _field(sizes, sort.name, int, "the sizes") <= 64:
            raise WrongRequest(f"the size of {sort.name} is not from 1 to 64")
    if unknown := sizes.keys() - {s.name for s in machine.sorts}:
        raise WrongRequest(f"the sizes name an unknown sort {min(unknown)!r}")
    return Layout.of(machine, sizes)


def _rigid(layout: Layout, data: dict[str, Any]) -> Vector:
    values: list[Any] = []
    for symbol in layout.machine.rigid:
        row = _field(data, symbol.name, list, "the rigid part")
        count = len(list(layout.tuples(symbol)))
        if len(row) != count:
            raise WrongRequest(f"the rigid symbol {symbol.name!r} has {len(row)} values, not {count}")
        values += [_value(layout, symbol, v) for v in row]
    return tuple(values)


def _value(layout: Layout, symbol: Symbol, value: Any) -> int | bool:
    where = f"a value of the rigid symbol {symbol.name!r}"
    if symbol.result == INT:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise WrongRequest(f"{where} is not an integer: {value!r}")
    return _element(layout, symbol.result, value, where)


def _element(layout: Layout, sort: Sort, value: Any, where: str) -> int | bool:
    if sort == BOOL:
        if isinstance(value, bool) or value in (0, 1):
            return bool(value)
        raise WrongRequest(f"{where} is not true or false: {value!r}")
    if not isinstance(value, int) or isinstance(value, bool) or value not in layout.elements(sort):
        raise WrongRequest(f"{where} is not the number of {a(sort.name)}: {value!r}")
    return value


def _event_out(rule: Rule, event: Event) -> dict[str, Any]:
    arguments = {p.name: a for p, a in zip(rule.parameters, event.arguments, strict=True)}
    return {"rule": event.rule, **arguments, "refused": event.refusal}


def _event_in(layout: Layout, number: int, row: Any) -> Event:
    where = f"event {number}"
    name = _field(row, "rule", str, where)
    rule = layout.machine.rule_by_name.get(name)
    if rule is None:
        raise WrongRequest(f"{where} names an unknown rule {name!r}")
    arguments = []
    for parameter in rule.parameters:
        if parameter.name not in row:
            raise WrongRequest(f"{where} ({name}) has no argument {parameter.name!r}")
        arguments.append(_element(
            layout, parameter.sort, row[parameter.name], f"the argument {parameter.name!r} of {where}"))
    extra = row.keys() - {"rule", "refused", *(p.name for p in rule.parameters)}
    if extra:
        raise WrongRequest(f"{where} ({name}) has an unknown argument {min(extra)!r}")
    refusal = row.get("refused")
    if refusal is not None and refusal not in rule.refused:
        raise WrongRequest(f"{where}: the rule {name} is never refused with {refusal!r}")
    return Event(name, tuple(arguments), refusal)
