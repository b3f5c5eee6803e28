"""Laws about two runs from one state: both are taken, and where they end is compared.

Where llvmlite is installed they are asked by machine code, written from the same terms. What fails there is asked
of the interpreted rules, too.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layermodel.language.ground import GroundMachine, Parts, Vector
from layermodel.language.native import (
    DONE,
    TOO_LARGE,
    VECTORS,
    Body,
    Compiled,
    Kinds,
    TooLarge,
    available,
    rule_text,
    safe,
)
from layermodel.language.rules import BOOL, Parameter, Rule
from layermodel.language.terms import NEXT, STATE, Grounding, Node, Nodes
from layerproof.laws.law import Algebra, Catalogue, Kind, Law
from layerproof.process.cache import Cache
from layerproof.runs.finding import Violation
from layerproof.runs.trace import Event


def left_run(law: Law, arguments: Vector) -> tuple[Event, ...]:
    """The left of the two runs."""
    assert law.runs is not None
    values = dict(zip((name for name, _ in law.runs.parameters), arguments, strict=True))
    return tuple(Event(rule, tuple(values[c] for c in chosen), None) for rule, chosen in law.runs.left)


def counts(ground: GroundMachine, parameters: Sequence[Parameter]) -> list[int]:
    """How many elements each parameter can be."""
    return [2 if p.sort == BOOL else ground.layout.sizes[p.sort.name] for p in parameters]


def applied(laws: Sequence[Law]) -> list[str]:
    """The rules of which the runs are made."""
    return sorted({name for law in laws if law.runs for run in (law.runs.left, law.runs.right) for name, _ in run})


def step_text(rule: Rule, parts: Parts, ground: GroundMachine) -> str:
    """The function by which :class:`TwoRuns` take a step of a rule."""
    return rule_text(f"step.{safe(rule.name)}", rule, parts, ground.layout)


@dataclass
class TwoRuns:
    """A law about two runs, as nodes, for machine code.

    Attributes:
        premise, then: that it holds of the state, and of the two ends: the left is the state after, the right
            the state.
    """

    law: Law
    ground: GroundMachine
    parameters: list[Parameter]
    nodes: Nodes
    premise: Node
    then: Node

    @classmethod
    def of(cls, law: Law, ground: GroundMachine) -> TwoRuns:
        """Ground a law."""
        assert law.runs is not None
        machine = ground.machine
        parameters = [Parameter(name, sort) for name, sort in law.runs.parameters]
        algebra = Algebra(machine, machine.state, machine.state.renamed("'"), machine.state, law.runs)
        grounding = Grounding(ground.layout, [f"?{p.name}" for p in parameters])
        premise = grounding.ground(law.premise(algebra))
        then = grounding.nodes.conj(grounding.ground(f) for f in law.conclusions(algebra).values())
        return cls(law, ground, parameters, grounding.nodes, premise, then)

    def body(self) -> Body:
        """An empty function, whose arguments are ``%a0``, ``%a1`` and so on."""
        kinds = Kinds(self.ground.layout, self.nodes, self.parameters)
        return Body(self.nodes, kinds, {**VECTORS, NEXT: "%S"}, [f"%a{n}" for n in range(len(self.parameters))])

    def rooms(self) -> list[str]:
        """The lines with which a function begins that asks the law: room for the states between."""
        slots = max(self.ground.layout.lengths[STATE], 1)
        return ["  %reclaimed = alloca i64, align 8",
                *(f"  %room.{side}.{n} = alloca [{slots} x i32], align 8" for side in (0, 1) for n in (0, 1))]

    def ask(self, body: Body, number: int, onward: str, broken: str, large: str) -> None:
        """Ask the law: go on at a label where it holds or says nothing, it fails, or integers are too large.

        Args:
            number: which of the counters in ``%L`` counts how often both runs were had.
        """
        assert self.law.runs is not None
        body.say(f"  br i1 {body.boolean(self.premise)}, label %run, label %{onward}")
        body.label("run")
        ends = [self._taken(body, side, run, onward, large)
                for side, run in enumerate((self.law.runs.left, self.law.runs.right))]
        place = body.let(f"getelementptr inbounds i64, ptr %L, i64 {number}")
        before = body.let(f"load i64, ptr {place}, align 8")
        body.say(f"  store i64 {body.let(f'add i64 {before}, 1')}, ptr {place}, align 8")
        after = body.aside(self.nodes, body.kinds, {**VECTORS, NEXT: ends[0], STATE: ends[1]}, body.arguments)
        body.say(f"  br i1 {after.boolean(self.then)}, label %{onward}, label %{broken}")

    def _taken(
        self, body: Body, side: int, run: Sequence[tuple[str, Sequence[str]]], onward: str, large: str,
    ) -> str:
        """Take a run, if all of it can be done, and say where its end is."""
        current, names = "%S", [p.name for p in self.parameters]
        for n, (name, chosen) in enumerate(run):
            target = f"%room.{side}.{n % 2}"
            given = "".join(f", i64 %a{names.index(c)}" for c in chosen)
            vectors = f"ptr {current}, ptr {target}, ptr %R, ptr %T, ptr %reclaimed"
            code = body.let(f"call i64 @step.{safe(name)}({vectors}{given})")
            body.say(f"  switch i64 {code}, label %{onward} [ i64 {DONE}, label %ran.{side}.{n} "
                     f"i64 {TOO_LARGE}, label %{large} ]")
            body.label(f"ran.{side}.{n}")
            current = target
        return current


def _law_text(number: int, asked: TwoRuns) -> str:
    """A function that asks a law for some of the choices of arguments: which of them fails first, or -1."""
    body, sizes = asked.body(), counts(asked.ground, asked.parameters)
    body.say("  br label %loop\nloop:\n  %i = phi i64 [ %from, %entry ], [ %i1, %next ]\n"
             "  %go = icmp slt i64 %i, %to\n  br i1 %go, label %in, label %end\nin:")
    rest = body.let(f"urem i64 %i, {math.prod(sizes)}")
    for n, size in reversed(list(enumerate(sizes))):
        body.say(f"  %a{n} = urem i64 {rest}, {size}")
        rest = body.let(f"udiv i64 {rest}, {size}")
    asked.ask(body, number, "next", "broken", "large")
    body.say("next:\n  %i1 = add i64 %i, 1\n  br label %loop\nbroken:\n  ret i64 %i\n"
             f"large:\n  ret i64 {TOO_LARGE}\nend:\n  ret i64 -1")
    lines = "\n".join(["entry:", *asked.rooms(), *body.lines])
    return (f"define internal i64 @law.{number}(ptr %S, ptr %R, ptr %T, ptr %L, i64 %from, i64 %to) {{\n"
            f"{lines}\n}}\n")


def _all_text(sizes: Sequence[int]) -> str:
    """A function that asks every law, given how many choices each is asked for at most, and whose turn it is.

    What each comes to is written into ``%F``.
    """
    body = ""
    for n, size in enumerate(sizes):
        body += (f"  %few{n} = icmp ult i64 %most, {size}\n  %some{n} = select i1 %few{n}, i64 %most, i64 {size}\n"
                 f"  %turn{n} = select i1 %few{n}, i64 %turn, i64 0\n  %far{n} = mul i64 %turn{n}, %some{n}\n"
                 f"  %from{n} = urem i64 %far{n}, {size}\n  %to{n} = add i64 %from{n}, %some{n}\n"
                 f"  %found{n} = call i64 @law.{n}(ptr %S, ptr %R, ptr %T, ptr %L, i64 %from{n}, i64 %to{n})\n"
                 f"  %at{n} = getelementptr inbounds i64, ptr %F, i64 {n}\n"
                 f"  store i64 %found{n}, ptr %at{n}, align 8\n")
    return ("define void @laws(ptr %S, ptr %R, ptr %T, ptr %L, ptr %F, i64 %turn, i64 %most) {\n"
            f"{body}  ret void\n}}\n")


class _Code:
    """Laws about two runs as machine code.

    Attributes:
        had: how often both runs of each law were had.
    """

    def __init__(self, laws: Sequence[Law], ground: GroundMachine) -> None:
        """Compile them, or take what was compiled before.

        Raises:
            TooLarge: if an integer could take more bits than there are.
        """
        rules = (ground.machine.rule_by_name[name] for name in applied(laws))
        text = [step_text(rule, Parts.of(rule, ground.layout), ground) for rule in rules]
        asked = [TwoRuns.of(law, ground) for law in laws]
        text += [_law_text(number, law) for number, law in enumerate(asked)]
        sizes = [math.prod(counts(ground, law.parameters)) for law in asked]
        self._code = Compiled("\n".join([*text, _all_text(sizes)]), Cache("code"))
        self._ask = self._code.function("laws", None, *[ctypes.c_void_p] * 5, *[ctypes.c_int64] * 2)
        self.had, self._failing = array("q", [0] * len(laws)), array("q", [0] * len(laws))

    def failing(self, vectors: Sequence[array[int]], turn: int, most: int) -> list[int]:
        """Of each law the first of the choices of arguments for which it fails, -1, or :data:`TOO_LARGE`."""
        places = (vector.buffer_info()[0] for vector in (*vectors, self.had, self._failing))
        self._ask(*places, turn, most)
        return self._failing.tolist()


_ALL = 1 << 62
"""More choices of arguments than a law has."""


class AlgebraMonitor:
    """The laws about two runs over one layout."""

    def __init__(
        self, ground: GroundMachine, catalogue: Catalogue, at_most: int | None = None, *, compiled: bool = False,
        like: AlgebraMonitor | None = None,
    ) -> None:
        """Prepare the laws; they are compiled when they are first needed.

        Args:
            at_most: how many choices of arguments to try for each law and state; None for all.
            compiled: ask by machine code, where it can be made.
            like: one of the same laws over the same layout; what is the same for its rules is compiled once.
        """
        self.ground, self._like = ground, like
        self._at_most, self._compiled = at_most, compiled
        self._laws = catalogue.of(Kind.ALGEBRAIC)
        self._had: Counter[str] = Counter()

    @property
    def premises(self) -> Counter[str]:
        """How often both runs of a law were had."""
        return +self._had

    def state(
        self, state: Vector, rigid: Vector, traits: Vector, turn: int = 0,
    ) -> list[tuple[Violation, tuple[Event, ...]]]:
        """Return the laws that fail from a state, with the left run that shows it.

        Args:
            turn: which of the choices of arguments to try, where not all are.
        """
        asked = self._asked(state, rigid, traits, turn) if self._code is not None else None
        return self._interpreted(state, rigid, traits, turn) if asked is None else asked

    @cached_property
    def _code(self) -> _Code | None:
        if not self._compiled or not self._laws or not available():
            return None
        rules = [self.ground.machine.rule_by_name[name] for name in applied(self._laws)]
        if self._like is not None and all(self._like.ground.has(rule) for rule in rules):
            return self._like._code
        try:
            return _Code(self._laws, self.ground)
        except TooLarge:
            return None

    def _asked(
        self, state: Vector, rigid: Vector, traits: Vector, turn: int,
    ) -> list[tuple[Violation, tuple[Event, ...]]] | None:
        """The same by machine code; None if an integer is too large for it."""
        code = self._code
        assert code is not None
        try:
            vectors = [array("i", vector) for vector in (state, rigid, traits)]
        except OverflowError:
            return None
        before, found = code.had.tolist(), []
        failing = code.failing(vectors, turn, self._at_most or _ALL)
        if TOO_LARGE in failing:
            return None
        for number, law in enumerate(self._laws):
            self._had[law.id] += code.had[number] - before[number]
            if failing[number] >= 0:
                arguments = self._choices[number][failing[number] % len(self._choices[number])]
                false = self._false(number, state, rigid, traits, arguments)
                if not false:
                    raise AssertionError(f"the compiled law {law.id} fails for {arguments}, the interpreted holds")
                found.append((Violation(law.id, false), left_run(law, arguments)))
        return found

    def _interpreted(
        self, state: Vector, rigid: Vector, traits: Vector, turn: int,
    ) -> list[tuple[Violation, tuple[Event, ...]]]:
        found = []
        for number, law in enumerate(self._laws):
            for arguments in self._in_turn(number, turn):
                false = self._false(number, state, rigid, traits, arguments)
                self._had[law.id] += false is not None
                if false:
                    found.append((Violation(law.id, false), left_run(law, arguments)))
                    break
        return found

    def _some(self, number: int, turn: int) -> tuple[int, int]:
        """Which of the choices of arguments are in turn; those behind the last are the first again."""
        every = len(self._choices[number])
        if self._at_most is None or every <= self._at_most:
            return 0, every
        first = turn * self._at_most % every
        return first, first + self._at_most

    def _in_turn(self, number: int, turn: int) -> Iterator[Vector]:
        choices = self._choices[number]
        return (choices[i % len(choices)] for i in range(*self._some(number, turn)))

    @cached_property
    def _choices(self) -> list[list[Vector]]:
        """Of each law every choice of arguments."""
        layout = self.ground.layout
        return [list(itertools.product(*(
            (False, True) if sort == BOOL else layout.elements(sort) for _, sort in law.runs.parameters)))
            for law in self._laws if law.runs is not None]

    @cached_property
    def _formulas(self) -> list[tuple[Callable[..., Any], dict[str, Callable[..., Any]]]]:
        """Of each law its premise and its conclusions.

        Two ends are compared: the left is the primed state, the right (which is the start where the right run is
        empty) the plain one.
        """
        made, machine = [], self.ground.machine
        for law in self._laws:
            assert law.runs is not None
            names = tuple(f"?{name}" for name, _ in law.runs.parameters)
            algebra = Algebra(machine, machine.state, machine.state.renamed("'"), machine.state, law.runs)
            made.append((self.ground.formula(law.premise(algebra), names),
                         {n: self.ground.formula(f, names) for n, f in law.conclusions(algebra).items()}))
        return made

    def _false(
        self, number: int, state: Vector, rigid: Vector, traits: Vector, arguments: Vector,
    ) -> tuple[str, ...] | None:
        """Which conclusions of a law are false; None if it says nothing: not both runs can be done."""
        law, (premise, conclusions) = self._laws[number], self._formulas[number]
        assert law.runs is not None
        if not premise(state, state, rigid, traits, arguments):
            return None
        values = dict(zip((name for name, _ in law.runs.parameters), arguments, strict=True))
        ends = []
        for run in (law.runs.left, law.runs.right):
            current = state
            for name, chosen in run:
                rule, given = self.ground.rule(name), tuple(values[c] for c in chosen)
                if not rule.given(current, current, rigid, traits, given):
                    return None
                outcome = rule.run(current, rigid, traits, given)
                if outcome.refusal is not None:
                    return None
                current = outcome.state
            ends.append(current)
        left, right = ends
        return tuple(n for n, c in conclusions.items() if not c(right, left, rigid, traits, arguments))
