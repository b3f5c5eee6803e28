"""Judging an engine of a machine that does not say itself how: methods named after the rules, and one that looks.

Nothing has to be subclassed. An engine has a ``name``, a ``version``, a method for each rule that it can do (with
``_`` for ``-``) that takes what a caller says as keyword arguments and raises :class:`~layerproof.errors.Refused`
where it will not do it, ``reset()``, which makes it as it was at first, and ``observe()``, which returns what it
shows: by the name of a symbol its value, or its values by object (``{0: True, 1: False}``; by a tuple of them
where a symbol takes several). Values of enumerated sorts are their names. What it does not show is taken as
expected, and can neither pass nor fail.

Objects are numbers from zero. What a rule makes is called as the engine calls it: the method returns that, and the
engine is told and shows it from there on. A caller may also say an object that the engine has not made, which is
an :class:`Unmade`. Of a relation of objects that rules make, what the engine does not show is not so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from inspect import signature
from typing import Any

from layermodel.language.ground import Outcome, Vector, usual_name
from layermodel.language.rules import BOOL, INT, Machine, Rule, Sort, Symbol
from layermodel.language.run import Run, named_in
from layerproof.errors import Refused, Unintelligible, WrongRequest
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
    check_has(engine, ("name", "version"), ("reset", "observe"))
    check_capabilities(machine, engine, lambda rule: rule, method_of)
    for rule in machine.rules:
        if _can(engine, rule.name):
            _check_method(engine, rule)
            for parameter in rule.parameters:
                if parameter.role == "chosen":
                    raise WrongRequest(
                        f"the rule {rule.name} leaves a choice of {parameter.name}, and how to see what an engine "
                        f"has chosen is not said: the machine {machine.name} needs a Judged of its own")


def check_has(engine: Any, attributes: Iterable[str], methods: Iterable[str]) -> None:
    """See that an engine has attributes and methods.

    Raises:
        WrongRequest: if it has not, naming what is missing.
    """
    name = getattr(engine, "name", type(engine).__name__)
    for wanted in attributes:
        if not hasattr(engine, wanted):
            raise WrongRequest(f"the engine {name} has no attribute {wanted!r}")
    for wanted in methods:
        if not callable(getattr(engine, wanted, None)):
            raise WrongRequest(f"the engine {name} has no method {wanted!r}")
    for wanted in ("name", "version", "dialect"):
        if not isinstance(value := getattr(engine, wanted, None), str) and (
                wanted != "dialect" or value is not None):
            raise WrongRequest(f"the engine {name} has no attribute {wanted!r} that is a string, but {value!r}")
    for wanted in ("capabilities", "options", "conditions"):
        if (value := getattr(engine, wanted, None)) is not None and not is_texts(value):
            raise WrongRequest(f"the engine {name} has {value!r} as {wanted!r}, which is no set of strings")


def is_texts(value: Any) -> bool:
    """Whether something is a collection of strings, and not a string, which would be one of letters."""
    return isinstance(value, Collection) and not isinstance(value, (str, bytes)) and all(
        isinstance(one, str) for one in value)


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


class Unmade:
    """An object that the engine has not made, when a caller says one: it is equal to nothing else."""

    def __init__(self, name: str) -> None:
        """Name it, as the machine does."""
        self._name = name

    def __repr__(self) -> str:
        """Its name."""
        return self._name


class AnyBeside:
    """An engine beside a run of any machine."""

    def __init__(self, engine: Any, run: Run) -> None:
        """Put the engine beside the run."""
        self._engine, self._run = engine, run
        self._made = {p.sort for rule in run.ground.machine.rules for p in rule.parameters if p.role == "new"}
        self._called: dict[tuple[Sort, int], Any] = {}

    def begin(self) -> Sequence[Difference]:
        """Empty the engine; return in what it differs from the initial state.

        What is there at first, though rules make such objects, has its number as its name.
        """
        self._engine.reset()
        self._called = {(sort, element): element for sort, element in self._there()}
        return self._differences(self._run.state, self._engine.observe())

    def _there(self) -> Iterator[tuple[Sort, int]]:
        """The objects of sorts that rules make of which something is so."""
        layout, state = self._run.ground.layout, self._run.state
        for symbol in self._run.ground.machine.mutable:
            if symbol.result == BOOL and self._made & {*symbol.arguments}:
                for arguments in layout.tuples(symbol):
                    if state[layout.index(symbol.name, *arguments)]:
                        objects = zip(symbol.arguments, arguments, strict=True)
                        yield from ((sort, element) for sort, element in objects if sort in self._made)

    def do(self, rule: Rule, arguments: Vector) -> Answer:
        """Call the method of the rule."""
        named = named_in(rule, arguments)
        said = {p.name.replace("-", "_"): self._said(p.sort, named[p.name]) for p in rule.parameters
                if p.name in named}
        refusal, detail = None, ""
        called = {"call": method_of(rule.name), "arguments": {name: str(value) for name, value in said.items()}}
        try:
            made = getattr(self._engine, method_of(rule.name))(**said)
        except Refused as refused:
            refusal, detail = str(refused.refusal), str(refused.detail)
        else:
            self._calls(rule, arguments, made)
        called["answered"] = repr(made) if refusal is None else f"refused: {refusal}: {detail}"
        return Answer(refusal, detail, None, self._engine.observe(), called)

    def look(self) -> Answer:
        """What the engine shows now."""
        return Answer(None, seen=self._engine.observe())

    def _said(self, sort: Sort, element: int) -> Any:
        """An argument as the engine calls it."""
        if sort.values:
            return sort.values[element]
        if sort in self._made:
            return self._called.get((sort, element), Unmade(usual_name(sort, element)))
        return bool(element) if sort == BOOL else element

    def _calls(self, rule: Rule, arguments: Vector, made: Any) -> None:
        """Remember how the engine calls what the rule has made.

        Raises:
            Unintelligible: if it does not say.
        """
        new = [(p, a) for p, a in zip(rule.parameters, arguments, strict=True) if p.role == "new"]
        names = made if len(new) > 1 else (made,)
        if not isinstance(names, tuple) or len(names) < len(new) or (new and None in names):
            raise Unintelligible(
                f"the method {method_of(rule.name)} of the engine {self._engine.name} returns {made!r}, and is to "
                f"return how the engine calls {' and '.join(f'the new {p.name}' for p, _ in new)}"
                f"{' (a tuple)' if len(new) > 1 else ''}")
        for (parameter, element), name in zip(new, names, strict=False):
            if not isinstance(name, Hashable):
                raise Unintelligible(f"the engine {self._engine.name} calls the new {parameter.name} {name!r}, "
                                   "which no mapping can have as a key")
            again = [key for key, other in self._called.items() if key[0] == parameter.sort and other == name]
            for key in again:  # what had the name has it no longer
                del self._called[key]
            self._called[parameter.sort, int(element)] = name

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
        observed, result = self._read(expected, seen)
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
            Unintelligible: if the engine shows what no state can have.
        """
        return self._read(expected, seen)[0]

    def _read(self, expected: Vector, seen: Mapping[str, Any]) -> tuple[Vector, list[Difference]]:
        """The expected state with what is seen in its place, and what is seen of objects that nobody knows."""
        layout, values, unknown = self._run.ground.layout, list(expected), list[Difference]()
        if not isinstance(seen, Mapping):
            raise Unintelligible(f"{self._shows} {seen!r}, which is no mapping from symbols to values")
        known = {(sort, name): element for (sort, element), name in self._called.items()}
        for name, shown in seen.items():
            symbol = self._symbol(name, shown)
            if symbol.result == BOOL and self._made & {*symbol.arguments}:
                for arguments in layout.tuples(symbol):
                    values[layout.index(name, *arguments)] = False
            for at, value in (shown.items() if symbol.arguments else [((), shown)]):
                objects = at if isinstance(at, tuple) and len(symbol.arguments) != 1 else (at,)
                if len(objects) != len(symbol.arguments):
                    raise Unintelligible(f"{self._shows} {name} of {at!r}, not of {len(symbol.arguments)} objects")
                found = [self._element(symbol, sort, one, known)
                         for sort, one in zip(symbol.arguments, objects, strict=True)]
                places, there = [p for p in found if p is not None], self._value(symbol, value, known)
                if len(places) == len(found) and there is not None:
                    values[layout.index(name, *places)] = there
                elif value is not False:  # of what was made, and of which nothing is so, nothing need be known
                    unknown.append(Difference(name, "no such object", repr(value), ", ".join(map(repr, objects))))
        return tuple(values), unknown

    @property
    def _shows(self) -> str:
        return f"the engine {self._engine.name} shows"

    def _symbol(self, name: str, shown: Any) -> Symbol:
        """The symbol of this name, which is shown as it can be.

        Raises:
            Unintelligible: if there is none, or it is not.
        """
        symbol = self._run.ground.machine.symbol_by_name.get(name)
        if symbol is None or symbol.rigid:
            raise Unintelligible(f"{self._shows} {name!r}, which is no symbol of the state")
        if symbol.arguments and not isinstance(shown, Mapping):
            raise Unintelligible(f"{self._shows} {shown!r} as {name}, which is no mapping from objects to values")
        return symbol

    def _element(self, symbol: Symbol, sort: Sort, name: Any, known: Mapping[tuple[Sort, Any], int]) -> int | None:
        """The object that the engine calls so; None if it is one of those that rules make, and none made it.

        Raises:
            Unintelligible: if there is no such object.
        """
        if sort in self._made and isinstance(name, Hashable):
            return known.get((sort, name))
        elements = self._run.ground.layout.elements(sort)
        if isinstance(name, int) and not isinstance(name, bool) and name in elements:
            return name
        raise Unintelligible(f"{self._shows} {symbol.name} of {name!r}, which is no object: of the sort "
                             f"{sort.name} there are {elements[0]} to {elements[-1]}")

    def _value(self, symbol: Symbol, value: Any, known: Mapping[tuple[Sort, Any], int]) -> int | bool | None:
        """The value that the engine shows; None if it is an object of those that rules make, and none made it.

        Raises:
            Unintelligible: if it is none of the symbol's.
        """
        sort, number = symbol.result, isinstance(value, int) and not isinstance(value, bool)
        if sort.values and value in sort.values:
            return sort.values.index(value)
        if isinstance(value, bool) if sort == BOOL else sort == INT and number:
            return bool(value) if sort == BOOL else int(value)
        if sort in self._made and isinstance(value, Hashable):
            return known.get((sort, value))
        if number and not sort.values and value in self._run.ground.layout.elements(sort):
            return int(value)
        raise Unintelligible(f"{self._shows} {value!r} as {symbol.name}, which is no {sort.name}")
