"""An engine beside the store machine: every operation as a call of it, and its whole store compared after each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from z3 import And

from layermodel.formats.content import measure
from layermodel.language.ground import Outcome, Vector
from layermodel.language.rules import Machine, Rule, Sort, State, Term
from layermodel.language.run import Run
from layermodel.objects import CONTAINER
from layermodel.store.pieces import chain_size
from layermodel.store.reference import Reference
from layermodel.store.view import element_name, reference_name
from layermodel.store.words import IMAGE, REFERENCE, shared, total
from layerproof.anyengine import check_capabilities, check_has, is_texts
from layerproof.errors import Refused, WrongRequest
from layerproof.machines.store.aspects import ASPECTS
from layerproof.machines.store.engine import Engine, Fact, Observation
from layerproof.machines.store.facts import Facts
from layerproof.machines.store.making import emptied, remade, runs
from layerproof.machines.store.observed import Observer, Translation
from layerproof.machines.store.payload import Caller
from layerproof.machines.store.shown import check_observation
from layerproof.runs.finding import Difference
from layerproof.runs.trace import Trace
from layerproof.subject import Answer, Exhausted, Figure, Judged, Observed, Profiled

_ATTRIBUTES = ("name", "version", "dialect", "capabilities", "program", "command")
_METHODS = ("observe", "reset")


def method_of(rule: str) -> str:
    """The engine method that does a rule."""
    if rule.startswith("load"):
        return "load"
    return "import_" if rule.startswith("import") else rule.replace("-", "_")


def check_engine(machine: Machine, engine: Any) -> None:
    """See that an engine has what :class:`~layerproof.machines.store.engine.Engine` asks.

    Raises:
        WrongRequest: if it has not, naming what is missing.
    """
    check_has(engine, _ATTRIBUTES, _METHODS)
    check_capabilities(machine, engine, method_of, method_of)
    if not isinstance(engine.program, Mapping) or not all(isinstance(f, bytes) for f in engine.program.values()):
        raise WrongRequest(f"the engine {engine.name} has {engine.program!r} as 'program', which is no mapping "
                           "from paths to bytes")
    if not isinstance(engine.command, tuple) or not is_texts(engine.command):
        raise WrongRequest(f"the engine {engine.name} has {engine.command!r} as 'command', which is no tuple of "
                           "strings")
    labels = getattr(engine, "labels", {})
    if not isinstance(labels, Mapping) or not is_texts(labels) or not is_texts(list(labels.values())):
        raise WrongRequest(f"the engine {engine.name} has {labels!r} as 'labels', which is no mapping from "
                           "strings to strings")


class StoreBeside:
    """An engine beside a reference store."""

    def __init__(self, engine: Engine, run: Run) -> None:
        """Have the store's contents be of the sizes that they have in this engine."""
        assert isinstance(run, Reference)
        self._engine, self._run = engine, run
        run.burden(measure(engine.program))
        self._caller = Caller(engine, run)
        self._observer = Observer(self._caller)
        self._compared: tuple[Outcome, Answer] | None = None

    def begin(self) -> Sequence[Difference]:
        """Empty the engine; return what an earlier run has left behind all the same."""
        self._engine.reset()
        self._look(self._engine.observe())
        return self._state(self._run.state, self._seen)

    def _look(self, seen: Any) -> None:
        check_observation(self._engine.name, seen)
        self._seen = self._observer.translate(seen)

    def do(self, rule: Rule, arguments: Vector) -> Answer:
        """Do an operation, and look at all that is there afterwards."""
        refusal, detail, reclaimed, self._compared = None, "", None, None
        named = {p.name: a for p, a in zip(rule.parameters, arguments, strict=True)}
        try:
            reclaimed = self._caller.do(rule.name, named)
        except Refused as refused:
            refusal, detail = str(refused.refusal), str(refused.detail)
            self._caller.last["answered"] = f"refused: {refusal}: {detail}"
        return Answer(refusal, detail, reclaimed, self._seen_now(), self._caller.last)

    def look(self) -> Answer:
        """What the engine shows now."""
        return Answer(None, seen=self._seen_now())

    def _seen_now(self) -> Observation:
        seen = self._engine.observe()
        self._caller.adopt(seen)
        return seen

    def compare(self, rule: Rule, arguments: Vector, outcome: Outcome, answer: Answer) -> Sequence[Difference]:
        """The answers, the states, and the figures that an engine reports for itself."""
        self._look(answer.seen)
        if self._compared is None:  # later it is compared with what is known of the engine
            self._compared = outcome, answer
        return [*_answers(outcome, answer), *self._state(outcome.state, self._seen), *self._figures(self._seen)]

    def observed(self, before: Vector, outcome: Outcome, answer: Answer) -> Observed:
        """The state that was translated when it was compared."""
        return Observed(self._seen.state)

    def script(self, trace: Trace, differences: Sequence[Difference]) -> Callable[[], str | None]:
        """What the engine's own writer of scripts makes of the calls and of what is to be, if it has one."""
        writer, calls = getattr(self._engine, "script", None), tuple(self._caller.calls)
        facts: tuple[Fact, ...] = (Fact("", "answers", True),)
        if writer is not None and self._compared is not None:
            expected = self._compared[0].state
            found = Facts(self._caller, expected, self._seen, self._expected_figures())
            facts = found.of(*self._compared) or (Fact("", "unseen", True),)
        return lambda: None if writer is None else writer(calls, facts)

    def end(self) -> None:
        """Empty the engine."""
        self._engine.reset()

    def _state(self, expected: Vector, observed: Translation) -> list[Difference]:
        """The slots in which the states differ, and what does not fit into one."""
        result = [Difference("the store", "nothing else", text) for text in observed.strange]
        if expected == observed.state:
            return result
        layout = self._run.ground.layout
        for symbol in layout.machine.mutable:
            for arguments in layout.tuples(symbol):
                position = layout.index(symbol.name, *arguments)
                wanted, seen = expected[position], observed.state[position]
                if wanted != seen:
                    where = ", ".join(self._called(s, a) for s, a in zip(symbol.arguments, arguments, strict=True))
                    says = {value: self._called(symbol.result, value) for value in (wanted, seen)}
                    result.append(Difference(symbol.name, says[wanted], says[seen], where))
        return result

    def _called(self, sort: Sort, element: int) -> str:
        return called(self._run, sort, element)

    def _figures(self, observed: Translation) -> list[Difference]:
        """Figures that follow from the state and that the engine reports for itself."""
        result = []
        for (what, element), wanted in self._expected_figures().items():
            if (seen := observed.figures[what, element]) != wanted:
                figure = _FIGURE[what]
                result.append(Difference(
                    what, str(wanted), str(seen), self._called(figure.sort, element), figure.law, figure=True))
        return result

    def _expected_figures(self) -> dict[tuple[str, int], int]:
        """What is expected of the figures that the engine reports."""
        run = self._run
        return {(what, element): _FIGURE[what].value(run.ground, run.state, run.rigid, run.traits, element)
                for what, element in self._seen.figures}


def called(run: Run, sort: Sort, element: int) -> str:
    """The name of an element in a run; a reference is called a tag or a digest."""
    return reference_name(run.read, element) if sort == REFERENCE else element_name(sort, element)


def _shared_size(state: State, image: Term) -> Term:
    """The size of those of an image's layers that another one has, too, bytes."""
    return total(state, lambda x: And(state.below(x, state.top(image)), shared(state, image, x)))


def _size_root_fs(state: State, container: Term) -> Term:
    """SizeRootFs as SIZE-3 has it, so that it is right even where the container's image was taken away."""
    return chain_size(state, state.image_of(container)) + state.size_rw(container)


_FIGURES = (Figure("shared size", IMAGE, "SIZE-5", _shared_size),
            Figure("SizeRootFs", CONTAINER, "SIZE-3", _size_root_fs))
_FIGURE = {figure.name: figure for figure in _FIGURES}


def _answers(outcome: Outcome, answer: Answer) -> list[Difference]:
    """In which the answers differ."""
    if outcome.refusal != answer.refusal:
        return [Difference("the answer", outcome.refusal or "done", answer.refusal or "done")]
    if outcome.refusal is None and outcome.reclaimed != answer.reclaimed:
        return [Difference("bytes reclaimed", str(outcome.reclaimed), str(answer.reclaimed), law="SIZE-9")]
    return []


def _unreachable(machine: Machine, rules: Collection[str]) -> set[tuple[str, str]]:
    """Refusals that need an operation in progress, where the engine's are over when they return."""
    if {"pull-begin", "build-begin"} & set(rules):
        return set()
    return {(r.name, "used-by-lease") for r in machine.rules if "used-by-lease" in r.refused}


_TOURS = (
    {"Layer": 1, "Image": 1, "Reference": 2, "Repository": 1, "Container": 2, "Name": 2, "Lease": 1,
     "Content": 2},
    {"Layer": 2, "Image": 2, "Reference": 2, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
     "Content": 3},
)
"""Sizes in which the shortest runs are looked for to what random operations did not reach."""


_SMALL = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
          "Content": 2}
_EXHAUSTED = (
    Exhausted(_SMALL), Exhausted(_SMALL | {"Reference": 2, "Repository": 2}),
    Exhausted(_SMALL | {"Layer": 2, "Image": 2, "Content": 3}, everywhere=False),
    Exhausted(_SMALL | {"Container": 2, "Name": 2}))
"""One of each; two references; two images of unlike layers, one upon the other where an operation needs that; two
containers."""

_PROFILED = (Profiled(_SMALL | {"Image": 2}, remade), Profiled(_SMALL | {"Layer": 2, "Image": 3}, emptied))

_GRIDDED = (_SMALL | {"Image": 2}, _SMALL | {"Image": 2, "Reference": 2, "Repository": 2},
            _SMALL | {"Container": 2, "Name": 2})


def judged(machine: Machine) -> Judged:
    """What judging a container engine asks."""
    return Judged(
        StoreBeside, lambda engine, rule: method_of(rule) in engine.capabilities,
        needs=lambda engine: check_engine(machine, engine), tours=_TOURS, exhausted=_EXHAUSTED,
        runs=runs, aspects=ASPECTS, gridded=_GRIDDED, figures=_FIGURES, profiled=_PROFILED,
        unreachable=lambda engine, rules: _unreachable(machine, rules))
