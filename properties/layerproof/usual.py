"""What stands for the parts of a machine of which nothing is said: how it is explored, drawn and shown."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from layermodel.language.ground import GroundMachine, Vector, usual_name
from layermodel.language.rules import INT, Machine, Rule, Sort, Symbol
from layermodel.language.run import Run
from layermodel.language.terms import Layout
from layerproof.errors import WrongRequest
from layerproof.process.terminal import width
from layerproof.runs.trace import Event, Settled, Trace

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from layerproof.runs.monitor import Bench

_MOST = 1_000_000
"""Choices of rigid values that are looked through for those that keep the axioms."""
_NUMBERS = (0, 1, 2)
"""What a rigid integer can be, where a machine does not say which universes there are."""


def universes(ground: GroundMachine) -> list[Vector]:
    """Return all rigid values that keep the axioms; integers are from zero to two.

    Raises:
        WrongRequest: if there are too many to look through, or none keeps the axioms.
    """
    layout, machine = ground.layout, ground.machine
    ranges = [_values(layout, symbol) for symbol in machine.rigid for _ in layout.tuples(symbol)]
    if (count := math.prod(map(len, ranges))) > _MOST:
        raise WrongRequest(f"the machine {machine.name} has {count:,} choices of rigid values at these sizes, "
                           f"more than {_MOST:,}: take smaller ones, or say which there are (Finite.universes)")
    valid = ground.axioms()
    found = [vector for vector in itertools.product(*ranges) if valid(vector)]
    if not found:
        raise WrongRequest(f"no rigid values of the machine {machine.name} keep its axioms at these sizes")
    return found


def _values(layout: Layout, symbol: Symbol) -> Sequence[int | bool]:
    if symbol.result == INT:
        return _NUMBERS
    return (False, True) if symbol.result.name == "Bool" else layout.elements(symbol.result)


# Random runs.


def numbers() -> SearchStrategy[int]:
    """Draw numbers to make something at random from, evenly, each as likely as any other.

    Hypothesis prefers small numbers, and those that stand in the sources of whatever a process has imported, so
    that the same seed would draw otherwise in another one. It has no such preference so far from zero.
    """
    from hypothesis import strategies as st

    return st.integers(_FAR, _FAR + (1 << 64) - 1)


_FAR = 3 << 200


def scenes(subject: Any, bench: Bench) -> SearchStrategy[Any]:
    """Draw one of the universes that are explored.

    Args:
        subject: the machine, a :class:`~layerproof.subject.Subject`.
    """
    every = [Settled(bench.ground.layout.sizes, rigid) for rigid in subject.finite.universes(bench.ground)]
    return numbers().map(lambda number: every[number % len(every)])


def begin(ground: GroundMachine, scene: Any, traits: Mapping[str, bool]) -> Run:
    """Make a run over settled rigid values."""
    return Run(ground, traits, scene.rigid)


def scene(run: Run) -> Settled:
    """The sizes and the rigid values."""
    return Settled(run.ground.layout.sizes, run.rigid)


_TRIES = 6


def choose(run: Run, rule: Rule, random: Random) -> Vector | None:
    """Choose what a caller says until it is as the rule presupposes; in most of a few tries, it is not refused."""
    refusable, last = random.randrange(4) == 0, None
    for _ in range(_TRIES):
        named = {p.name: random.choice(run.elements(p))
                 for p in rule.parameters if p.role == "named"}
        arguments = run.complete(rule, named)
        if arguments is not None:
            last = arguments
            if refusable or run.would(rule.name, arguments).refusal is None:
                break
    return last


def simpler(machine: Machine, rules: Collection[str]) -> Sequence[Callable[[Trace], Iterator[Trace]]]:
    """Ways to runs in which an operation is about an earlier object, or is not forced, or all of them are."""
    return [lambda trace: _smaller(machine, trace), lambda trace: _exchanged(machine, trace)]


def _smaller(machine: Machine, trace: Trace) -> Iterator[Trace]:
    for number in reversed(range(len(trace.events))):
        event = trace.events[number]
        for position, parameter in enumerate(machine.rule_by_name[event.rule].parameters):
            if parameter.role == "named" and not parameter.sort.values:
                for value in range(int(event.arguments[position])):
                    arguments = (*event.arguments[:position], value, *event.arguments[position + 1:])
                    plain = Event(event.rule, arguments, None)
                    yield replace(trace, events=(*trace.events[:number], plain, *trace.events[number + 1:]))


def _exchanged(machine: Machine, trace: Trace) -> Iterator[Trace]:
    """Runs with two objects exchanged, where the earlier one of them is then used first."""
    places = [(p.sort, number, position) for number, event in enumerate(trace.events)
              for position, p in enumerate(machine.rule_by_name[event.rule].parameters)]
    for sort in (s for s in machine.sorts if not s.values):
        used = [trace.events[n].arguments[i] for s, n, i in places if s == sort]
        for one, other in itertools.combinations(sorted({*used, *range(max(used, default=0))}), 2):
            first = next((value for value in used if value in (one, other)), one)
            if first == other:
                yield replace(trace, events=tuple(_exchange(machine, e, sort, one, other) for e in trace.events))


def _exchange(machine: Machine, event: Event, sort: Sort, one: int, other: int) -> Event:
    parameters, exchanged = machine.rule_by_name[event.rule].parameters, {one: other, other: one}
    return Event(event.rule, tuple(exchanged.get(a, a) if p.sort == sort else a
                                   for p, a in zip(parameters, event.arguments, strict=True)), None)


# Showing.


def says(sort: Sort, element: int, scene: Any) -> str:
    """The name of an element."""
    return usual_name(sort, element)


def data(machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector]) -> list[Any]:
    """Every symbol of each state: its value, or its values by the objects that it is of."""
    layout = Layout.of(machine, sizes)
    return [{symbol.name: _table(layout, symbol, state, rigid, _as_json) for symbol in machine.symbols}
            for state in states]


def _as_json(sort: Sort, value: int) -> Any:
    if sort.name == "Bool":
        return bool(value)
    return int(value) if sort.name == "Int" else usual_name(sort, value)


def _table(layout: Layout, symbol: Symbol, state: Vector, rigid: Vector, put: Callable[[Sort, int], Any]) -> Any:
    vector = rigid if symbol.rigid else state
    at = {_objects(symbol, a): put(symbol.result, vector[layout.index(symbol.name, *a)])
          for a in layout.tuples(symbol) if means(layout, symbol, a, state, rigid)}
    return at if symbol.arguments else at[""]


def _objects(symbol: Symbol, arguments: tuple[int, ...]) -> str:
    return ", ".join(usual_name(s, a) for s, a in zip(symbol.arguments, arguments, strict=True))


def means(layout: Layout, symbol: Symbol, arguments: tuple[int, ...], state: Vector, rigid: Vector) -> bool:
    """Whether a symbol means something of these objects in a state."""
    if symbol.of is None:
        return True
    guard = layout.machine.symbol(symbol.of)
    vector = rigid if guard.rigid else state
    return bool(vector[layout.index(guard.name, *arguments[:len(guard.arguments)])])


def picture(
    machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector], style: str,
    titles: tuple[str, str],
) -> str:
    """A table of the state, or of the states before and after; what differs is marked with ``*``.

    Raises:
        WrongRequest: for a style other than text.
    """
    if style != "text":
        raise WrongRequest(f"states of the machine {machine.name} are drawn as text only, not for {style}")
    layout, ends = Layout.of(machine, sizes), (states[0], states[-1])[:len(states)]
    rows = []
    for symbol in machine.symbols:
        cells = [_cells(layout, symbol, state, rigid) for state in ends]
        for objects in sorted({o for cell in cells for o in cell}):
            shown = [cell.get(objects, "") for cell in cells]
            mark = "*" if len(set(shown)) > 1 else ""
            rows.append((mark, f"{symbol.name}({objects})" if objects else symbol.name, *shown))
    return _drawn(("", "symbol", *(titles if len(ends) > 1 else ("value",))), rows)


def _cells(layout: Layout, symbol: Symbol, state: Vector, rigid: Vector) -> dict[str, str]:
    table = _table(layout, symbol, state, rigid, usual_name)
    return {objects: value for objects, value in table.items() if value != "false"} if symbol.arguments else {
        "": table}


def _drawn(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, pad_edge=False)
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    out = io.StringIO()
    Console(file=out, width=width(), color_system=None, markup=False, highlight=False).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())
