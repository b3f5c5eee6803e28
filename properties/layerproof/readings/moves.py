"""A machine's moves and laws as LLVM functions, for the search of :mod:`layerproof.readings.kernel`.

They are written from the nodes of the same terms that the interpreted rules and monitors are made of. Where a law
fails, the search keeps the state and the operation only; what fails there is then asked of the interpreted laws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from layermodel.language.ground import GroundMachine, Parts
from layermodel.language.native import VECTORS, Body, Kinds, safe
from layermodel.language.packed import Packing, Place
from layermodel.language.rules import Parameter, Rule
from layermodel.language.terms import STATE, Node, Nodes
from layerproof.laws.law import Catalogue, Kind, Law
from layerproof.readings import kernel
from layerproof.runs.algebra import TwoRuns, applied, counts, step_text
from layerproof.runs.monitor import Monitor, Rows
from layerproof.runs.statistics import Reached

OF_STATES = -1
"""Stands for no outcome: what is asked of states."""
_POINTERS = "ptr noalias readonly %S, ptr noalias %N, ptr noalias readonly %R, ptr noalias readonly %T"
_READ = "ptr readonly %S, ptr readonly %N, ptr noalias readonly %R, ptr noalias readonly %T"
_GIVEN = "ptr %S, ptr %N, ptr %R, ptr %T"


@dataclass
class Moves:
    """The functions of one machine and catalogue over one layout.

    Attributes:
        text: the functions.
        outcomes: of each rule done, and of each refusal, in the order of their counters.
        laws: the laws in the order of theirs.
        most: how many other states can be reached in one step, at most.
    """

    text: str
    outcomes: list[Reached]
    laws: list[str]
    most: int
    counts: dict[str, list[int]] = field(default_factory=dict)

    def described(self) -> str:
        """All but the text, as JSON."""
        return json.dumps([self.outcomes, self.laws, self.most, self.counts])

    @classmethod
    def of(cls, described: str) -> Moves:
        """What was described, without the text."""
        outcomes, laws, most, counts = json.loads(described)
        return cls("", [(rule, refusal) for rule, refusal in outcomes], laws, most, counts)

    def arguments(self, rule: Rule, code: int) -> tuple[int, ...]:
        """The arguments that a number stands for."""
        found = []
        for count in reversed(self.counts[rule.name]):
            code, digit = divmod(code, count)
            found.append(digit)
        return tuple(reversed(found))


class Writer:
    """Writes the functions of a machine.

    Args:
        rules: that are done.
        fresh: sorts whose objects are all alike until they are made.
        algebra: ask the laws about two runs, too.
        told: where laws fail together, of which outcomes it is told which fail (by number, or :data:`OF_STATES`).
    """

    def __init__(
        self, ground: GroundMachine, catalogue: Catalogue, packing: Packing, rules: Sequence[Rule],
        fresh: frozenset[str], algebra: bool, told: frozenset[int] = frozenset(),
    ) -> None:
        """Prepare to write."""
        self._ground, self._catalogue, self._packing = ground, catalogue, packing
        self._rules, self._fresh, self._told = rules, fresh, told
        self._monitor = Monitor(ground, catalogue)
        self._algebra = catalogue.of(Kind.ALGEBRAIC) if algebra else []
        self._outcomes: list[Reached] = []
        self._laws = [law.id for law in catalogue.laws if algebra or law.kind is not Kind.ALGEBRAIC]
        self._number = {law: n for n, law in enumerate(self._laws)}
        self._parts: dict[str, Parts] = {}
        self._texts: list[str] = []

    def write(self) -> Moves:
        """Write all of it."""
        self._texts.append(_reads(self._packing))
        self._asks = self._laws_function("state", OF_STATES, *self._monitor.about_states(), ())
        for rule in self._rules:
            self._move(rule)
        for name in applied(self._algebra):
            rule = self._ground.machine.rule_by_name[name]
            self._texts.append(step_text(rule, self.parts(rule), self._ground))
        for law in self._algebra:
            self._two_runs(law)
        self._texts.append(self._expand())
        every = {r.name: counts(self._ground, r.parameters) for r in self._ground.machine.rules}
        most = sum(math.prod(every[r.name]) for r in self._rules)
        text = kernel.kernel(self._packing.words) + "\n".join(self._texts)
        return Moves(text, self._outcomes, self._laws, most, every)

    def parts(self, rule: Rule) -> Parts:
        """A rule's nodes."""
        if rule.name not in self._parts:
            self._parts[rule.name] = Parts.of(rule, self._ground.layout)
        return self._parts[rule.name]

    # Laws.

    def _laws_function(
        self, name: str, outcome: int, nodes: Nodes, rows: list[Rows], parameters: Sequence[Parameter],
    ) -> bool:
        """Write whether laws hold, which counts their premises, and what is done if not; nothing, if all do."""
        rows = [row for row in rows if row.touched(nodes) != nodes.false]
        if not rows:
            return False
        given = "".join(f", i64 %a{n}" for n in range(len(parameters)))
        body = Body(nodes, Kinds(self._ground.layout, nodes, parameters), VECTORS,
                    [f"%a{n}" for n in range(len(parameters))])
        for row in rows:
            touched = body.let(f"zext i1 {body.boolean(row.touched(nodes))} to i64")
            place = body.let(f"getelementptr inbounds i64, ptr %L, i64 {self._number[row.law.id]}")
            before = body.let(f"load i64, ptr {place}, align 8")
            body.say(f"  store i64 {body.let(f'add i64 {before}, {touched}')}, ptr {place}, align 8")
        holds = body.boolean(nodes.conj(nodes.neg(row.failing(nodes)) for row in rows))
        body.say(f"  ret i1 {holds}")
        self._texts.append(_function(f"i1 @laws.{name}({_READ}, ptr noalias %L{given})", body.lines))
        body = Body(nodes, Kinds(self._ground.layout, nodes, parameters), VECTORS,
                    [f"%a{n}" for n in range(len(parameters))])
        together = len(self._laws) + 1 + outcome
        body.say(f"  call void @failed(ptr %c, i64 {together}, i64 %place, i64 %outcome, i64 %code)")
        for n, row in enumerate(rows if outcome in self._told else ()):
            body.say(f"  br i1 {body.boolean(row.failing(nodes))}, label %fails{n}, label %next{n}")
            body.label(f"fails{n}")
            body.say(f"  call void @failed(ptr %c, i64 {self._number[row.law.id]}, i64 %place, i64 %outcome, "
                     f"i64 %code)\n  br label %next{n}")
            body.label(f"next{n}")
        body.say("  ret void")
        self._texts.append(_function(
            f"void @which.{name}(ptr %c, {_READ}, i64 %place, i64 %outcome, i64 %code{given}) cold", body.lines))
        return True

    # Rules.

    def _move(self, rule: Rule) -> None:
        """Write a function that takes every step of a rule from a state."""
        parts, parameters = self.parts(rule), rule.parameters
        body = Body(parts.nodes, Kinds(self._ground.layout, parts.nodes, parameters), VECTORS,
                    [f"%a{n}" for n in range(len(parameters))])
        alike = [n for n, p in enumerate(parameters) if p.role != "named" and p.sort.name in self._fresh]
        order = [n for n in range(len(parameters)) if n not in alike] + alike
        sizes = counts(self._ground, parameters)
        loops = _Loops(body, [(n, sizes[n]) for n in order], len(order) - len(alike))
        loops.open()
        body.say(f"  br i1 {body.boolean(parts.given)}, label %do, label %{loops.inner}")
        body.label("do")
        code = "0"
        for n in range(len(parameters)):
            code = body.let(f"mul i64 {code}, {sizes[n]}")
            code = body.let(f"add i64 {code}, %a{n}")
        for n, (name, when, leaves) in enumerate(parts.refusals):
            body.say(f"  br i1 {body.boolean(when)}, label %refused{n}, label %else{n}")
            body.label(f"refused{n}")
            known = body.branch()
            self._outcome(body, rule, name, leaves, code, loops.after, f"r{n}")
            body.branch(known)
            body.label(f"else{n}")
        self._outcome(body, rule, None, parts.after, code, loops.after, "d")
        loops.close()
        body.label("back")
        body.say("  ret i1 true")
        body.label("end")
        body.say("  ret i1 false")
        self._texts.append(_function(
            f"i1 @move.{safe(rule.name)}(ptr %c, {_POINTERS}, ptr noalias %K, ptr noalias %L, i64 %place, "
            f"i1 %quiet, {kernel.words(self._packing.words)})", body.lines))

    def _outcome(
        self, body: Body, rule: Rule, refusal: str | None, after: tuple[Node, ...] | None, code: str, onward: str,
        label: str,
    ) -> None:
        """What happens when a rule is done or refused: it is counted, the laws are asked, the state is offered."""
        number = len(self._outcomes)
        self._outcomes.append((rule.name, refusal))
        changed = changes(self._ground, body.nodes, after)
        name = f"{safe(rule.name)}.{label}"
        laws = self._monitor.about_steps(rule, refusal, after is None)
        asked = self._laws_function(name, number, *laws, rule.parameters)
        given = "".join(f", i64 %a{n}" for n in range(len(rule.parameters)))
        body.say(f"  br i1 %quiet, label %moved.{label}, label %count.{label}")
        body.label(f"count.{label}")
        known = body.branch()
        place = body.let(f"getelementptr inbounds i64, ptr %K, i64 {number}")
        before = body.let(f"load i64, ptr {place}, align 8")
        body.say(f"  store i64 {body.let(f'add i64 {before}, 1')}, ptr {place}, align 8")
        body.say(f"  br i1 {body.let(f'icmp eq i64 {before}, 0')}, label %first.{label}, label %ask.{label}")
        body.label(f"first.{label}")
        body.say(f"  call void @had(ptr %c, i64 {number}, i64 %place, i64 {code})\n  br label %ask.{label}")
        body.label(f"ask.{label}")
        if asked:
            next_vector = "%N" if changed else "%S"
            for slot, node in changed:
                body.store("%N", slot, node)
            vectors = f"ptr %S, ptr {next_vector}, ptr %R, ptr %T"
            holds = body.let(f"call i1 @laws.{name}({vectors}, ptr %L{given})")
            body.say(f"  br i1 {holds}, label %held.{label}, label %broken.{label}")
            body.label(f"broken.{label}")
            body.say(f"  call void @which.{name}(ptr %c, {vectors}, i64 %place, i64 {number}, i64 {code}{given})\n"
                     f"  br label %held.{label}")
            body.label(f"held.{label}")
            for slot, _ in changed:
                old = body.let(f"getelementptr inbounds i32, ptr %S, i64 {slot}")
                new = body.let(f"getelementptr inbounds i32, ptr %N, i64 {slot}")
                body.say(f"  store i32 {body.let(f'load i32, ptr {old}, align 4')}, ptr {new}, align 4")
        body.say(f"  br label %moved.{label}")
        body.branch(known)
        body.label(f"moved.{label}")
        if changed:
            self._offered(body, changed, label, onward)
        body.say(f"  br label %{onward}")

    def _offered(self, body: Body, changed: list[tuple[int, Node]], label: str, onward: str) -> None:
        """Pack what has changed, and offer the state, unless it is the same."""
        new = [f"%w{n}" for n in range(self._packing.words)]
        for word in range(self._packing.words):
            within = [(node, p) for slot, node in changed
                      if (p := self._packing.places[slot]).word == word and p.bits]
            if within:
                cleared = ~sum(p.mask for _, p in within) & (1 << 64) - 1
                parts = [body.let(f"and i64 {new[word]}, {_signed(cleared)}")]
                parts += [self._placed(body, node, p) for node, p in within]
                while len(parts) > 1:
                    parts = [body.let(f"or i64 {parts[0]}, {parts[1]}"), *parts[2:]]
                new[word] = parts[0]
        same = "true"
        for n, value in enumerate(new):
            if value != f"%w{n}":
                same = body.let(f"and i1 {same}, {body.let(f'icmp eq i64 {value}, %w{n}')}")
        body.say(f"  br i1 {same}, label %{onward}, label %other.{label}")
        body.label(f"other.{label}")
        given = ", ".join(f"i64 {value}" for value in new)
        body.say(f"  br i1 %quiet, label %look.{label}, label %offer.{label}")
        body.label(f"look.{label}")
        body.say(f"  br i1 {body.let(f'call i1 @look(ptr %c, {given})')}, label %back, label %{onward}")
        body.label(f"offer.{label}")
        body.say(f"  call void @offer(ptr %c, {given}, i64 %place)")

    def _placed(self, body: Body, node: Node, place: Place) -> str:
        """A value where it lies in its word; an integer that does not fit is reported."""
        if not place.signed:
            whole = body.integer(node)
            return whole if not place.shift else body.let(f"shl i64 {whole}, {place.shift}")
        value = body.integer(node)
        raised = body.let(f"add i64 {value}, {1 << place.bits - 1}")
        over = body.let(f"icmp uge i64 {raised}, {1 << place.bits}")
        body.say(f"  call void @over(ptr %c, i1 {over})")
        low = body.let(f"and i64 {value}, {(1 << place.bits) - 1}")
        return low if not place.shift else body.let(f"shl i64 {low}, {place.shift}")

    def _two_runs(self, law: Law) -> None:
        """Write a function that asks a law about two runs from a state."""
        asked, number = TwoRuns.of(law, self._ground), self._number[law.id]
        body, sizes = asked.body(), counts(self._ground, asked.parameters)
        loops = _Loops(body, list(enumerate(sizes)), len(sizes))
        loops.open()
        asked.ask(body, number, loops.inner, "broken", "large")
        body.label("broken")
        code = "0"
        for n, size in enumerate(sizes):
            code = body.let(f"mul i64 {code}, {size}")
            code = body.let(f"add i64 {code}, %a{n}")
        body.say(f"  call void @failed(ptr %c, i64 {number}, i64 %place, i64 -1, i64 {code})\n  br label %end")
        body.label("large")
        body.say("  call void @over(ptr %c, i1 true)\n  br label %end")
        loops.close()
        body.label("end")
        body.say("  ret void")
        self._texts.append(_function(
            f"void @runs.{number}(ptr %c, {_READ}, ptr noalias %L, i64 %place)", [*asked.rooms(), *body.lines]))

    # A state.

    def _expand(self) -> str:
        """Two functions: what is done with each new state, and whether the first can be reached from it."""
        count = self._packing.words
        arrays = "".join(kernel.pointer(name, into=letter) for name, letter in (
            ("before", "S"), ("after", "N"), ("rigid", "R"), ("traits", "T"), ("counts", "K"), ("premises", "L"),
            ("states", "states")))
        unpacked = self._unpacked()
        asked = ""
        if self._asks:
            asked = ("  %holds = call i1 @laws.state(ptr %S, ptr %S, ptr %R, ptr %T, ptr %L)\n"
                     "  br i1 %holds, label %moves, label %broken\n"
                     "broken:\n  call void @which.state(ptr %c, ptr %S, ptr %S, ptr %R, ptr %T, i64 %i, "
                     f"i64 {OF_STATES}, i64 0)\n  br label %moves\nmoves:\n")
        runs = "".join(f"  call void @runs.{self._number[law.id]}(ptr %c, {_GIVEN}, ptr %L, i64 %i)\n"
                       for law in self._algebra)

        def moves(quiet: str, each: Callable[[int], str]) -> str:
            return "".join(
                f"  %back{n} = call i1 @move.{safe(rule.name)}(ptr %c, {_GIVEN}, ptr %K, ptr %L, i64 %i, "
                f"i1 {quiet}, {kernel.words(count)})\n" + each(n) for n, rule in enumerate(self._rules))

        expand = (
            "define i64 @expand(ptr %c, i64 %to, i64 %most) {\nentry:\n" + arrays + "  br label %loop\n"
            "loop:\n" + kernel.field("head", into="i") + "  %go = icmp ult i64 %i, %to\n"
            "  br i1 %go, label %fits, label %done\n"
            "fits:\n" + kernel.field("count", into="n") + kernel.field("mask", into="mask")
            + "  %could = add i64 %n, %most\n  %need = mul i64 %could, 4\n  %have = mul i64 %mask, 3\n"
            "  %room = icmp ult i64 %need, %have\n"
            "  br i1 %room, label %sends, label %grow\n"
            "sends:\n" + kernel.field("room_left", into="left")
            + "  %enough = icmp uge i64 %left, %most\n  br i1 %enough, label %body, label %send\n"
            "body:\n" + kernel.load_words(count, "%states", "%i", "w") + unpacked + asked + runs
            + moves("false", lambda n: "")
            + "  %next = add i64 %i, 1\n" + kernel.put("head", "%next")
            + kernel.field("stop", into="stop") + kernel.field("full", into="full")
            + "  %either = or i64 %stop, %full\n  %ends = icmp ne i64 %either, 0\n"
            "  br i1 %ends, label %done, label %loop\n"
            "done:\n  ret i64 0\ngrow:\n  ret i64 1\nsend:\n  ret i64 2\n}\n")
        reach = (
            "define void @reach(ptr %c) {\nentry:\n" + arrays + kernel.pointer("good", into="good")
            + kernel.field("count", into="n") + "  br label %loop\n"
            "loop:\n  %after = phi i64 [ %n, %entry ], [ %i, %next ]\n  %go = icmp ugt i64 %after, 0\n"
            "  br i1 %go, label %see, label %done\n"
            "see:\n  %i = sub i64 %after, 1\n  %gp = getelementptr inbounds i8, ptr %good, i64 %i\n"
            "  %g = load i8, ptr %gp, align 1\n  %is = icmp ne i8 %g, 0\n  br i1 %is, label %next, label %body\n"
            "body:\n" + kernel.load_words(count, "%states", "%i", "w") + unpacked
            + moves("true", lambda n: f"  br i1 %back{n}, label %reaches, label %on{n}\non{n}:\n")
            + "  br label %next\n"
            "reaches:\n  store i8 1, ptr %gp, align 1\n" + kernel.field("changed", into="changed")
            + "  %more = add i64 %changed, 1\n" + kernel.put("changed", "%more") + "  br label %next\n"
            "next:\n  br label %loop\ndone:\n  ret void\n}\n")
        return expand + reach

    def _unpacked(self) -> str:
        """Lines that write a state into both arrays."""
        lines = []
        for slot, place in enumerate(self._packing.places):
            lines += [f"  %u{slot}.s = {'ashr' if place.signed else 'lshr'} i64 %u{slot}.l, {64 - place.bits}"
                      if place.bits else f"  %u{slot}.s = add i64 0, 0"]
            if place.bits:
                lines.insert(-1, f"  %u{slot}.l = shl i64 %w{place.word}, {64 - place.bits - place.shift}")
            lines += [f"  %u{slot} = trunc i64 %u{slot}.s to i32",
                      f"  %u{slot}.p = getelementptr inbounds i32, ptr %S, i64 {slot}",
                      f"  store i32 %u{slot}, ptr %u{slot}.p, align 4",
                      f"  %u{slot}.q = getelementptr inbounds i32, ptr %N, i64 {slot}",
                      f"  store i32 %u{slot}, ptr %u{slot}.q, align 4"]
        return "\n".join(lines) + "\n"


def changes(ground: GroundMachine, nodes: Nodes, after: tuple[Node, ...] | None) -> list[tuple[int, Node]]:
    """The slots that may be otherwise after a step, and their nodes.

    In a state of a search a symbol is zero where it means nothing, so that a slot that is set to what it was, or
    to zero where it means nothing, is the same.
    """
    if after is None:
        return []
    found, layout = [], ground.layout
    for symbol in layout.machine.mutable:
        for arguments in layout.tuples(symbol):
            slot = layout.index(symbol.name, *arguments)
            same = [nodes.read(STATE, slot, ())]
            if symbol.of is not None:
                guard = layout.machine.symbol(symbol.of)
                vector, _, _ = layout.slots[guard.name]
                live = nodes.read(vector, layout.index(guard.name, *arguments[:len(guard.arguments)]), ())
                same.append(nodes.ite(live, same[0], nodes.const(0)))
            if after[slot] not in same:
                found.append((slot, after[slot]))
    return found


class _Loops:
    """Loops over the arguments of a rule.

    Attributes:
        inner: the block that goes on with the next choice.
        after: the block that goes on when the step was taken: past others that only differ in what is new.
    """

    def __init__(self, body: Body, loops: list[tuple[int, int]], outer: int) -> None:
        self._body, self._loops = body, loops
        self.inner = f"next{len(loops) - 1}" if loops else "end"
        self.after = f"next{outer - 1}" if outer else "end"

    def open(self) -> None:
        """Begin them."""
        body = self._body
        for depth, (number, count) in enumerate(self._loops):
            body.say(f"  br label %before{depth}")
            body.label(f"before{depth}")
            body.say(f"  br label %loop{depth}")
            body.label(f"loop{depth}")
            body.say(f"  %a{number} = phi i64 [ 0, %before{depth} ], [ %inc{depth}, %next{depth} ]")
            body.say(f"  %go{depth} = icmp slt i64 %a{number}, {count}")
            outside = f"next{depth - 1}" if depth else "end"
            body.say(f"  br i1 %go{depth}, label %in{depth}, label %{outside}")
            body.label(f"in{depth}")

    def close(self) -> None:
        """End them."""
        for depth, (number, _) in reversed(list(enumerate(self._loops))):
            self._body.label(f"next{depth}")
            self._body.say(f"  %inc{depth} = add i64 %a{number}, 1")
            self._body.say(f"  br label %loop{depth}")


def _function(head: str, lines: list[str]) -> str:
    return f"define internal {head} {{\n" + "\n".join(lines) + "\n}\n"


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def _reads(packing: Packing) -> str:
    """What reports that an integer does not fit."""
    return ("define internal void @over(ptr %c, i1 %is) alwaysinline {\n  br i1 %is, label %yes, label %no\n"
            "yes:\n" + kernel.put("overflow", "1") + "  br label %no\nno:\n  ret void\n}\n")
