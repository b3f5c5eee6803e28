"""How engines behave, beside each other: each situation of the grid on each, and what was seen to come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layermodel.language.ground import Vector
from layermodel.language.rules import BOOL, INT, Symbol
from layermodel.language.terms import Layout
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.readings.diverging import Field, fields
from layerproof.readings.drive import Broken
from layerproof.readings.grid import Cases, Situation, Way, grid
from layerproof.readings.judge import EngineWorld, Judge, OutOfTime
from layerproof.runs.finding import Deviation, Finding
from layerproof.runs.interest import presences
from layerproof.runs.trace import Trace
from layerproof.runs.trouble import DIFFERS
from layerproof.subject import Subject, Traits
from layerproof.words import counted

AGREES, KNOWN, DEPARTS = "as its rules say", "known deviation", "departs from its rules"
NOT_COME_TO, NOT_APPLICABLE, NO_SITUATION = (
    "not come to", "not applicable", "no such situation")
OBSERVED = frozenset({AGREES, KNOWN, DEPARTS})
"""The standings of cells of which the outcome was observed."""


@dataclass(frozen=True)
class Cell:
    """What came of an operation in a situation, on one engine.

    Attributes:
        standing: how that stands to the rules, under the engine's traits; or why nothing was observed: the engine
            has no such operation, its rules know no such situation, what came before was otherwise already, or
            there was no time.
        outcome: ``done`` or the refusal, as it was observed.
        changes: what was observed to be another then, in words.
        why: what more there is to say: the deviation's name, or what was otherwise.
        trace: the run, if one was done.
        finding: what differed.
    """

    standing: str
    outcome: str = ""
    changes: tuple[str, ...] = ()
    why: str = ""
    trace: Trace | None = None
    finding: Finding | None = None

    @property
    def seen(self) -> tuple[str, tuple[str, ...]] | None:
        """What was observed; None if nothing was."""
        return (self.outcome, self.changes) if self.standing in OBSERVED else None


@dataclass(frozen=True)
class Row:
    """One situation, and what came of it on each engine, by the column's name."""

    rule: str
    cases: Cases
    cells: Mapping[str, Cell]

    @property
    def differs(self) -> bool:
        """Whether engines were seen to behave otherwise than others."""
        return len({cell.seen for cell in self.cells.values() if cell.seen is not None}) > 1


@dataclass(frozen=True)
class Column:
    """An engine of the table.

    Attributes:
        name: how it is called in the table.
        subject: the machine, with the dialects that the engine brings.
        dialect, traits: what it is held to.
        deviations: that are known of it.
    """

    name: str
    subject: Subject
    engine: Any
    dialect: str
    traits: Traits
    deviations: Sequence[Deviation] = ()


@dataclass
class Matrix:
    """How engines behave.

    Attributes:
        columns: the engines.
        rows: as far as they were done.
        situations: how many there are in all.
        operations: that were done on all of them.
        ended: why it ended early, or nothing.
    """

    columns: Sequence[Column]
    rows: list[Row] = field(default_factory=list)
    situations: int = 0
    operations: int = 0
    ended: str = ""

    @property
    def cells(self) -> Iterator[Cell]:
        """All cells."""
        return (cell for row in self.rows for cell in row.cells.values())

    @property
    def departs(self) -> int:
        """How many cells are otherwise than the engine's rules say, and not known to be."""
        return sum(cell.standing == DEPARTS for cell in self.cells)


def matrix(
    columns: Sequence[Column], *, budget: float | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Matrix:
    """Have every situation on every engine.

    Args:
        budget: seconds after which it ends, whatever was done by then; None for no limit.
        progress: is told in words how it goes.

    Raises:
        WrongRequest: if there is no engine, two have one name, or the machine does not say what matters of
            objects.
        BaseException: whatever ends the run has in ``so_far`` what it had come to.
    """
    _check(columns)
    ways = {column.name: _Engine(column, budget) for column in columns}
    result = Matrix(columns)
    try:
        progress("looking for the situations")
        first = next(iter(ways.values()))
        situations = grid(first.lawless, {name: (one.fields, one.column.traits) for name, one in ways.items()},
                          _shared(list(ways.values())), first.judge.check_time)
        result.situations = len(situations)
        for situation in situations:
            cells = {name: one.cell(situation, situation.ways.get(name)) for name, one in ways.items()}
            result.rows.append(Row(situation.rule, situation.cases, cells))
            result.operations = sum(one.judge.statistics.steps for one in ways.values())
            progress(f"{len(result.rows):,} of {counted(len(situations), 'situation')}")
    except OutOfTime:
        result.ended = "the time limit was reached"
    except BaseException as error:
        result.ended = str(error) or type(error).__name__
        vars(error)["so_far"] = result
        raise
    return result


def _check(columns: Sequence[Column]) -> None:
    if not columns:
        raise WrongRequest("a table of no engine would say nothing")
    names = [column.name for column in columns]
    if twice := [name for name in names if names.count(name) > 1]:
        raise WrongRequest(f"two columns of the table have the name {twice[0]}")


def _shared(engines: Sequence[_Engine]) -> set[str]:
    """The operations that two of the engines have at least, or the only one has."""
    has = Counter(name for one in engines for name in one.judge.rules)
    return {name for name, count in has.items() if count >= min(2, len(engines))}


class _Engine:
    """One column, with what it takes to fill it."""

    def __init__(self, column: Column, budget: float | None) -> None:
        self.column = column
        self.lawless = column.subject.of(column.subject.machine, Catalogue(()))
        self.judge = Judge(self.lawless, column.engine, column.dialect, column.traits, column.deviations)
        self.judge.limit(budget)
        if not self.judge.judging.aspects:
            raise WrongRequest(f"the machine {column.subject.name} does not say by which aspects of its objects "
                               "situations are told apart")
        self.fields = fields(self.judge, self.judge.judging.gridded)
        self._judges: dict[int, Judge] = {}

    def cell(self, situation: Situation, way: Way | None) -> Cell:
        """Have a situation, and say what came."""
        if situation.rule in self.judge.not_applicable:
            return Cell(NOT_APPLICABLE)
        if way is None:
            return Cell(NO_SITUATION)
        judge = self._judge_of(way.field)
        judge.seen.clear()  # each situation is had by itself
        try:
            world = EngineWorld(judge, way.field.scene)
        except Broken as broken:
            return Cell(NOT_COME_TO, why=str(broken.finding.differences[0]), finding=broken.finding)
        cell = self._had(world, judge, way)
        if cell.finding is None or cell.finding.kind == DIFFERS:
            world.end()
        return cell

    def _had(self, world: EngineWorld, judge: Judge, way: Way) -> Cell:
        """Come to a situation, and say what came."""
        for event in way.events[:-1]:
            finding = self._step(world, way.field, event.rule, event.arguments)
            # What lasts and harms nothing is looked past from then on.
            if finding is not None and not (judge.notes(finding) and world.goes_on(finding)):
                return Cell(NOT_COME_TO, why=f"{event.rule}: {finding.differences[0]}", finding=finding)
        last = way.events[-1]
        before = world.run.state
        finding = self._step(world, way.field, last.rule, last.arguments)
        return self._seen(world, way, before, finding)

    def _judge_of(self, one: Field) -> Judge:
        """The judge of the field, whose laws are asked of what differs."""
        key = id(one.judge)
        if key not in self._judges:
            judge = Judge(self.column.subject, self.column.engine, self.column.dialect, self.column.traits,
                          self.column.deviations, one.judge.bench.ground.layout.sizes)
            judge.statistics, judge.until = self.judge.statistics, self.judge.until
            self._judges[key] = judge
        return self._judges[key]

    def _step(self, world: EngineWorld, one: Field, rule: str, arguments: Vector) -> Finding | None:
        """Do an operation; what differs is a finding."""
        named = self.lawless.machine.rule_by_name[rule]
        completed = one.completed(world.run.state, world.run.traits, named, arguments)
        assert completed is not None  # it was found so
        finding = world.compare(named, completed)
        if finding is not None and finding.kind != DIFFERS:
            self.judge.revive()
        return finding

    def _seen(self, world: EngineWorld, way: Way, before: Vector, finding: Finding | None) -> Cell:
        """What came of the last operation."""
        last = way.events[-1]
        judge = self.judge
        trace = Trace(judge.subject.name, judge.dialect, judge.traits, way.field.scene, tuple(world.events))
        parameters = self.lawless.machine.rule_by_name[last.rule].parameters
        roles = {(p.sort.name, int(a)): p.name for p, a in zip(parameters, last.arguments, strict=True)}
        if way.focus is not None:
            roles[way.focus] = f"the {way.focus[0].lower()}"
        words = _Words(way.field, roles)
        if finding is None:
            return Cell(AGREES, last.refusal or "done", words.changes(before, world.run.state), trace=trace)
        outcome = finding.observed or "done"
        after = world.run.state if finding.states is None else finding.states.observed
        changes = words.changes(before, after) if finding.kind == DIFFERS else ()
        if finding.known is not None:
            return Cell(KNOWN, outcome, changes, finding.known.key, trace, finding)
        return Cell(DEPARTS, outcome, changes, str(finding.differences[0]), trace, finding)


@dataclass(frozen=True)
class _Words:
    """What is another in a state than in one before, of what situations are told apart by.

    Attributes:
        roles: what an object is to the operation.
    """

    field: Field
    roles: Mapping[tuple[str, int], str]

    def changes(self, before: Vector, after: Vector) -> tuple[str, ...]:
        """In words, in order."""
        layout = self.field.ground.layout
        sorts = {aspect.sort.name for aspect in self.field.judge.judging.aspects}
        gone = set(self._gone(layout, before, after))
        found = list[str]()
        for symbol in layout.machine.mutable:
            if symbol.result == INT or not symbol.arguments or not sorts.issuperset(
                    sort.name for sort in symbol.arguments):
                continue
            for at in layout.tuples(symbol):
                place = layout.index(symbol.name, *at)
                if before[place] != after[place] and (says := self._says(symbol, at, after, gone)):
                    found.append(says)
        return tuple(sorted(found))

    def _gone(self, layout: Layout, before: Vector, after: Vector) -> Iterator[tuple[str, int]]:
        """The objects that are there no more."""
        for sort, name in presences(layout.machine).items():
            for element in range(layout.sizes[sort]):
                place = layout.index(name, element)
                if before[place] and not after[place]:
                    yield sort, element

    def _says(self, symbol: Symbol, at: tuple[int, ...], after: Vector, gone: set[tuple[str, int]]) -> str:
        """One difference in words; nothing, if it is said already by what is gone or has come."""
        layout = self.field.ground.layout
        value = after[layout.index(symbol.name, *at)]
        objects = [(sort.name, element) for sort, element in zip(symbol.arguments, at, strict=True)]
        names = [self.roles.get(one, f"another {one[0].lower()}") for one in objects]
        if symbol.name in presences(layout.machine).values():
            return f"{names[0]} {'comes' if value else 'goes'}"
        if any(one in gone for one in objects):
            return ""
        if symbol.result == BOOL:
            relation, others = symbol.name.replace("_", " "), " ".join(names[1:])
            return f"{names[0]} {relation} {others}" if value else f"{names[0]} no longer {relation} {others}"
        if not symbol.result.values or (symbol.of is not None and not after[layout.index(symbol.of, at[0])]):
            return ""
        return f"{names[0]} is {symbol.result.values[value]}"
