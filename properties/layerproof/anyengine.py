"""Judging an engine of a machine that does not say itself how: methods named after the rules, and one that looks.

Nothing has to be subclassed. An engine has a ``name``, a ``version``, a method for each rule that it can do (with
``_`` for ``-``) that takes what a caller says as keyword arguments and raises :class:`~layerproof.errors.Refused`
where it will not do it, ``reset()``, which makes it as it was at first, and ``observe()``, which returns what it
shows: by the name of a symbol its value, or its values by object (``{0: True, 1: False}``; by a tuple of them
where a symbol takes several). Values of enumerated sorts are their names. What it does not show is taken as
expected, and can neither pass nor fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from layermodel.language.ground import Outcome, Vector, usual_name
from layermodel.language.rules import INT, Machine, Rule, Sort
from layermodel.language.run import Run, named_in
from layermodel.language.terms import Layout
from layerproof.errors import Refused, WrongRequest
from layerproof.runs.finding import Difference
from layerproof.runs.trace import Trace
from layerproof.subject import Answer, Judged, Observed
from layerproof.usual import means

_SEARCHED = 50_000
"""States of a machine of any kind that are visited for a run to what random operations did not reach: seconds."""


def method_of(rule: str) -> str:
    """The engine's method for a rule."""
    return rule.replace("-", "_")


def judged(machine: Machine) -> Judged:
    """What judging an engine of a machine asks."""
    return Judged(AnyBeside, lambda engine, rule: _can(engine, rule),
                  needs=lambda engine: check_engine(machine, engine), tours=({},), searched=_SEARCHED)


def _can(engine: Any, rule: str) -> bool:
    able = getattr(engine, "capabilities", None)
    return callable(getattr(engine, method_of(rule), None)) and (able is None or rule in able)


def check_engine(machine: Machine, engine: Any) -> None:
    """See that an engine has what it must have.

    Raises:
        WrongRequest: if it has not, naming what is missing.
    """
    name = getattr(engine, "name", type(engine).__name__)
    for wanted in ("name", "version"):
        if not isinstance(getattr(engine, wanted, None), str):
            raise WrongRequest(f"the engine {name} has no attribute {wanted!r} that is a string")
    for wanted in ("reset", "observe"):
        if not callable(getattr(engine, wanted, None)):
            raise WrongRequest(f"the engine {name} has no method {wanted!r}")
    check_capabilities(machine, engine, lambda rule: rule, method_of)
    for rule in machine.rules:
        if _can(engine, rule.name):
            _check_method(engine, rule)


def _check_method(engine: Any, rule: Rule) -> None:
    """See that a method takes what a caller of the rule says."""
    said = [p.name.replace("-", "_") for p in rule.parameters if p.role == "named"]
    try:
        taken = signature(getattr(engine, method_of(rule.name)))
    except ValueError:  # one that is not written in Python need not say
        return
    try:
        taken.bind(**dict.fromkeys(said))
    except TypeError as error:
        raise WrongRequest(f"the engine {engine.name} is to take {rule.name} as {method_of(rule.name)}"
                           f"({', '.join(f'{name}=…' for name in said)}), and takes {taken}: {error}") from None


def check_capabilities(
    machine: Machine, engine: Any, capability: Callable[[str], str], method: Callable[[str], str],
) -> None:
    """See that what an engine says it can do is something, and that it has the methods for it.

    Args:
        capability: the word for a rule among the engine's capabilities; ``method``: the method that does it.

    Raises:
        WrongRequest: if not, naming what is wrong.
    """
    words = {capability(r.name): r.name for r in machine.rules}
    claimed = getattr(engine, "capabilities", None)
    if claimed is None:
        return
    for word in sorted(claimed):
        if word not in words:
            raise WrongRequest(f"the engine {engine.name} says that it can do {word!r}, which is no operation of "
                               f"the machine {machine.name}; known: {', '.join(words)}")
        if not callable(getattr(engine, method(words[word]), None)):
            raise WrongRequest(f"the engine {engine.name} says that it can do {word!r}, and has no method "
                               f"{method(words[word])!r}")


class AnyBeside:
    """An engine beside a run of any machine."""

    def __init__(self, engine: Any, run: Run) -> None:
        """Put the engine beside the run."""
        self._engine, self._run = engine, run

    def begin(self) -> Sequence[Difference]:
        """Empty the engine; return in what it differs from the initial state."""
        self._engine.reset()
        return self._differences(self._run.state, self._engine.observe())

    def do(self, rule: Rule, arguments: Vector) -> Answer:
        """Call the method of the rule."""
        named = named_in(rule, arguments)
        said = {p.name.replace("-", "_"): _said(p.sort, named[p.name]) for p in rule.parameters if p.name in named}
        refusal, detail = None, ""
        try:
            getattr(self._engine, method_of(rule.name))(**said)
        except Refused as refused:
            refusal, detail = str(refused.refusal), str(refused.detail)
        return Answer(refusal, detail, None, self._engine.observe())

    def compare(self, rule: Rule, arguments: Vector, outcome: Outcome, answer: Answer) -> Sequence[Difference]:
        """The answers, and every symbol that the engine shows."""
        result = []
        if outcome.refusal != answer.refusal:
            result.append(Difference("answer", outcome.refusal or "done", answer.refusal or "done"))
        return [*result, *self._differences(outcome.state, answer.seen)]

    def observed(self, before: Vector, outcome: Outcome, answer: Answer) -> Observed:
        """The expected state with what the engine shows in its place."""
        return Observed(self._state(outcome.state, answer.seen))

    def script(self, trace: Trace, differences: Sequence[Difference]) -> Callable[[], str | None]:
        """There is none: nobody knows how such an engine is called from a shell."""
        return lambda: None

    def end(self) -> None:
        """Empty the engine."""
        self._engine.reset()

    def _differences(self, expected: Vector, seen: Mapping[str, Any]) -> list[Difference]:
        """What is shown otherwise and means something in both; where only in one, that it does is what differs."""
        machine, layout, rigid = self._run.ground.machine, self._run.ground.layout, self._run.rigid
        observed, result = self._state(expected, seen), []
        for symbol in machine.mutable:
            for arguments in layout.tuples(symbol):
                place = layout.index(symbol.name, *arguments)
                if expected[place] != observed[place] and all(
                        means(layout, symbol, arguments, state, rigid) for state in (expected, observed)):
                    where = ", ".join(usual_name(s, a) for s, a in zip(symbol.arguments, arguments, strict=True))
                    wanted, there = (usual_name(symbol.result, v[place]) for v in (expected, observed))
                    result.append(Difference(symbol.name, wanted, there, where))
        return result

    def _state(self, expected: Vector, seen: Mapping[str, Any]) -> Vector:
        """The expected state with what is seen in its place.

        Raises:
            WrongRequest: if the engine shows what no state can have.
        """
        machine, layout, engine = self._run.ground.machine, self._run.ground.layout, self._engine.name
        values = list(expected)
        if not isinstance(seen, Mapping):
            raise WrongRequest(f"the engine {engine} shows {seen!r}, which is no mapping from symbols to values")
        for name, shown in seen.items():
            symbol = machine.symbol_by_name.get(name)
            if symbol is None or symbol.rigid:
                raise WrongRequest(f"the engine {engine} shows {name!r}, which is no symbol of the state")
            if symbol.arguments and not isinstance(shown, Mapping):
                raise WrongRequest(f"the engine {engine} shows {shown!r} as {name}, which is no mapping from "
                                   "objects to values")
            for at, value in (shown.items() if symbol.arguments else [((), shown)]):
                objects = at if isinstance(at, tuple) else (at,)
                if not _are(layout, symbol.arguments, objects):
                    raise WrongRequest(f"the engine {engine} shows {name} of {at!r}, which is no object")
                values[layout.index(name, *objects)] = _element(engine, layout, name, symbol.result, value)
        return tuple(values)


def _are(layout: Layout, sorts: Sequence[Sort], objects: tuple[Any, ...]) -> bool:
    return len(sorts) == len(objects) and all(o in layout.elements(s) for s, o in zip(sorts, objects, strict=True))


def _said(sort: Sort, element: int) -> Any:
    if sort.values:
        return sort.values[element]
    return bool(element) if sort.name == "Bool" else element


def _element(engine: str, layout: Layout, symbol: str, sort: Sort, value: Any) -> int | bool:
    if sort.values and value in sort.values:
        return sort.values.index(value)
    if sort.name == "Bool" and isinstance(value, bool):
        return value
    if not sort.values and sort.name != "Bool" and isinstance(value, int) and not isinstance(value, bool) and (
            sort == INT or value in layout.elements(sort)):
        return value
    raise WrongRequest(f"the engine {engine} shows {value!r} as {symbol}, which is no {sort.name}")
