"""A run of operations as data: what a counterexample is, what ``replay`` reads.

A trace file is one JSON object: the machine, the dialect (or the traits, where they are not those of a
dialect), the scene that the run starts from, and the operations with their arguments by name. What a scene is
and how the arguments are put is the machine's to say (:class:`Language`); where a machine says nothing, it is
the sizes of the sorts with the rigid values, and the numbers of elements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import BOOL, INT, Machine, Parameter, Rule, Sort, Symbol
from layermodel.language.run import UNSETTLED
from layermodel.language.terms import Layout
from layerproof.errors import WrongRequest
from layerproof.words import a

FORMAT = 2
_MOST = 64
"""Objects of a sort that a trace may have."""


@dataclass(frozen=True)
class Event:
    """One operation.

    Attributes:
        rule: its name.
        arguments: elements, in the order of the rule's parameters.
        refusal: what it was answered with, or None if it was done.
        recorded: whether the answer is known; a trace that somebody wrote by hand may leave it out.
    """

    rule: str
    arguments: Vector
    refusal: str | None
    recorded: bool = True


class Scene(Protocol):
    """What a run starts from."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of objects of each sort."""


@dataclass(frozen=True)
class Settled:
    """The scene of any machine: the sizes of its sorts, and the rigid values."""

    sizes: Mapping[str, int]
    rigid: Vector


@dataclass(frozen=True)
class Trace:
    """A run from the initial state.

    Attributes:
        machine: the name of the machine.
        dialect: the name of the dialect.
        traits: the valuation of the traits, that of the dialect unless it was changed by hand.
        scene: what the run starts from.
    """

    machine: str
    dialect: str
    traits: Mapping[str, bool]
    scene: Scene
    events: tuple[Event, ...]


class Language(Protocol):
    """How a machine puts its runs: all that reading and writing a trace asks of it."""

    @property
    def machine(self) -> Machine:
        """The machine."""

    @property
    def dialects(self) -> Mapping[str, Mapping[str, bool]]:
        """Valuations of its traits, by name."""

    def scene_json(self, scene: Scene) -> dict[str, Any]:
        """A scene as the fields of a trace file."""

    def scene_of(self, data: dict[str, Any]) -> Scene:
        """The scene that the fields of a trace file say; they are taken out of the data."""

    def put(self, parameter: Parameter, element: int, scene: Scene) -> Any:
        """An argument as JSON; None leaves out one that the operation makes or finds."""

    def got(self, parameter: Parameter, value: Any, scene: Scene, where: str) -> int:
        """The element that a JSON value stands for."""


def trace_json(language: Language, trace: Trace) -> dict[str, Any]:
    """Return a trace as data that JSON can have."""
    rules = language.machine.rule_by_name
    usual = language.dialects.get(trace.dialect) == trace.traits
    return {
        "layerproof": FORMAT, "machine": trace.machine, "dialect": trace.dialect,
        **({} if usual else {"traits": dict(trace.traits)}), **language.scene_json(trace.scene),
        "events": [_event_out(language, rules[e.rule], e, trace.scene) for e in trace.events]}


def trace_text(language: Language, trace: Trace) -> str:
    """Return the text of a trace file."""
    return json.dumps(trace_json(language, trace), indent=1)


def machine_of(data: Any) -> str:
    """The name of the machine that a trace file is of.

    Raises:
        WrongRequest: if it is no trace, or of another format.
    """
    version = field_of(data, "layerproof", int, "the trace")
    if version != FORMAT:
        raise WrongRequest(f"the trace is of format {version}; this version reads format {FORMAT}")
    name: str = field_of(data, "machine", str, "the trace")
    return name


def trace_of(language: Language, data: Any) -> Trace:
    """Read a trace from data, of the machine of the language.

    Raises:
        WrongRequest: if it is not one, saying what is wrong and where.
    """
    name = machine_of(data)
    if name != language.machine.name:
        raise WrongRequest(f"the trace is of the machine {name!r}, not of {language.machine.name}")
    rest = {k: v for k, v in data.items() if k not in ("layerproof", "machine")}
    dialect = field_of(rest, "dialect", str, "the trace")
    traits = _traits(language, dialect, rest)
    del rest["dialect"]
    rows = field_of(rest, "events", list, "the trace")
    del rest["events"]
    scene = language.scene_of(rest)
    if rest:
        raise WrongRequest(f"the trace has an unknown field {min(rest)!r}")
    if not rows:
        raise WrongRequest("the trace has no events, so there is nothing to replay")
    events = tuple(_event_in(language, scene, number, row) for number, row in enumerate(rows, 1))
    return Trace(name, dialect, traits, scene, events)


def _traits(language: Language, dialect: str, rest: dict[str, Any]) -> Mapping[str, bool]:
    """The traits of the dialect, or those that the trace gives."""
    if "traits" not in rest:
        if dialect not in language.dialects:
            known = ", ".join(language.dialects)
            raise WrongRequest(f"unknown dialect {dialect!r} in the trace; known: {known}")
        return language.dialects[dialect]
    given = field_of(rest, "traits", dict, "the trace")
    names = [t.name for t in language.machine.traits]
    if unknown := given.keys() - set(names):
        raise WrongRequest(f"the traits of the trace name an unknown one {min(unknown)!r}")
    del rest["traits"]
    return {name: bool(field_of(given, name, bool, "the traits")) for name in names}


# The scene of any machine.


def settled_json(machine: Machine, scene: Settled) -> dict[str, Any]:
    """The fields of a trace file that say sizes and rigid values."""
    layout = Layout.of(machine, scene.sizes)
    return {
        "sizes": {s.name: scene.sizes[s.name] for s in machine.sorts if not s.values},
        "rigid": {s.name: [scene.rigid[layout.index(s.name, *at)] for at in layout.tuples(s)]
                  for s in machine.rigid}}


def settled_of(machine: Machine, data: dict[str, Any]) -> Settled:
    """Read sizes and rigid values, and take them out of the data.

    Raises:
        WrongRequest: if they are malformed, or break the machine's axioms.
    """
    layout = _layout(machine, field_of(data, "sizes", dict, "the trace"))
    rigid = _rigid(layout, field_of(data, "rigid", dict, "the trace"))
    del data["sizes"], data["rigid"]
    if not GroundMachine(machine, layout.sizes).axioms()(rigid):
        raise WrongRequest("the rigid part of the trace breaks the machine's axioms")
    return Settled(layout.sizes, rigid)


def _layout(machine: Machine, sizes: dict[str, Any]) -> Layout:
    for sort in machine.sorts:
        if not sort.values and not 1 <= field_of(sizes, sort.name, int, "the sizes") <= _MOST:
            raise WrongRequest(f"the size of {sort.name} is not from 1 to {_MOST}")
    if unknown := sizes.keys() - {s.name for s in machine.sorts if not s.values}:
        raise WrongRequest(f"the sizes name an unknown sort {min(unknown)!r}")
    return Layout.of(machine, sizes)


def _rigid(layout: Layout, data: dict[str, Any]) -> Vector:
    values: list[Any] = []
    for symbol in layout.machine.rigid:
        row = field_of(data, symbol.name, list, "the rigid part")
        count = len(list(layout.tuples(symbol)))
        if len(row) != count:
            raise WrongRequest(f"the rigid symbol {symbol.name!r} has {len(row)} values, not {count}")
        values += [_value(layout, symbol, v) for v in row]
    if unknown := data.keys() - {s.name for s in layout.machine.rigid}:
        raise WrongRequest(f"the rigid part has an unknown symbol {min(unknown)!r}")
    return tuple(values)


def _value(layout: Layout, symbol: Symbol, value: Any) -> int | bool:
    where = f"a value of the rigid symbol {symbol.name!r}"
    if symbol.result == INT:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise WrongRequest(f"{where} is not an integer: {short(value)}")
    return element_of(layout.sizes, symbol.result, value, where)


def element_of(sizes: Mapping[str, int], sort: Sort, value: Any, where: str) -> int | bool:
    """The element that a number (or true, false) stands for.

    Raises:
        WrongRequest: if it is none of the sort.
    """
    if sort == BOOL:
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        raise WrongRequest(f"{where} is not true or false: {short(value)}")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < sizes[sort.name]:
        raise WrongRequest(f"{where} is not the number of {a(sort.name)}: {short(value)}")
    return value


# Events.


def _event_out(language: Language, rule: Rule, event: Event, scene: Scene) -> dict[str, Any]:
    said = {p.name: language.put(p, element, scene) for p, element in _pairs(rule, event) if element != UNSETTLED}
    said = {name: value for name, value in said.items() if value is not None}
    return {"rule": event.rule, **said, **({"refused": event.refusal} if event.recorded else {})}


def _pairs(rule: Rule, event: Event) -> Sequence[tuple[Parameter, int]]:
    return list(zip(rule.parameters, event.arguments, strict=True))


def _event_in(language: Language, scene: Scene, number: int, row: Any) -> Event:
    where = f"event {number}"
    name = field_of(row, "rule", str, where)
    rule = language.machine.rule_by_name.get(name)
    if rule is None:
        raise WrongRequest(f"{where} names an unknown rule {short(name)}")
    extra = row.keys() - {"rule", "refused", *(p.name for p in rule.parameters)}
    if extra:
        raise WrongRequest(f"{where} ({name}) has an unknown argument {min(extra)!r}")
    arguments = []
    for parameter in rule.parameters:
        if parameter.name in row:
            arguments.append(language.got(
                parameter, row[parameter.name], scene, f"the argument {parameter.name!r} of {where}"))
        elif parameter.role == "named":
            raise WrongRequest(f"{where} ({name}) has no argument {parameter.name!r}")
        else:
            arguments.append(UNSETTLED)
    refusal = row.get("refused")
    if refusal is not None and (not isinstance(refusal, str) or refusal not in rule.refused):
        raise WrongRequest(f"{where}: the rule {name} is never refused with {short(refusal)}")
    return Event(name, tuple(arguments), refusal, "refused" in row)


def field_of(data: Any, name: str, kind: type, where: str) -> Any:
    """A field of an object.

    Raises:
        WrongRequest: if there is none, or it is of another type.
    """
    if not isinstance(data, dict):
        raise WrongRequest(f"{where} is not a JSON object")
    if name not in data:
        raise WrongRequest(f"{where} has no field {name!r}")
    value = data[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WrongRequest(f"the field {name!r} of {where} is not of type {kind.__name__}")
    return value


def short(value: Any) -> str:
    """A value as a sentence can have it."""
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


_LONGEST = 60
