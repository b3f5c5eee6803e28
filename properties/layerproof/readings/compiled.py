"""Visit every state breadth first by machine code, and show what it found by the interpreted rules.

The search keeps where a law failed first; the interpreted rules take the same way, and the interpreted laws say
what is broken there. That they agree is asked each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import z3

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.native import Compiled, TooLarge, available, compiler
from layermodel.language.packed import Packing
from layermodel.language.rules import BOOL, INT
from layermodel.language.terms import Layout
from layerproof.process.cache import Cache, sources
from layerproof.process.signals import Ended
from layerproof.readings.exploration import Exploration, Steps, Stop, Wish, cap
from layerproof.readings.moves import OF_STATES, Moves, Writer
from layerproof.readings.search import Broken, Search
from layerproof.readings.symmetry import Symmetry
from layerproof.readings.unfinished import Unfinished, about, counted, read, restore, write
from layerproof.runs.algebra import AlgebraMonitor
from layerproof.runs.finding import Finding, Violation
from layerproof.runs.monitor import Monitor
from layerproof.runs.trace import Event
from layerproof.subject import Traits

_BITS = (8, 16, 32)
"""Widths of integers that are tried, one after the other."""
_WORTH_SPLITTING = 50_000
"""States up to which one thread searches alone: with fewer, several wait for each other more than they search."""
MEMORY = 2 << 30
"""Bytes that a search may take, if nothing else is said."""


class CannotCompile(Exception):
    """The interpreted rules have to do it."""


class Disagreement(AssertionError):
    """The compiled and the interpreted rules disagree, which must not be."""


def _fits(layout: Layout, rigid: Vector) -> bool:
    """Whether rigid values are such as there is room for: all others come of these."""
    for symbol in layout.machine.rigid:
        least, most = (-(1 << 31), 1 << 31) if symbol.result == INT else (
            0, 2 if symbol.result == BOOL else layout.sizes[symbol.result.name])
        if not all(least <= int(rigid[layout.index(symbol.name, *at)]) < most for at in layout.tuples(symbol)):
            return False
    return True


class Compiler:
    """Searches over one machine by machine code.

    Args:
        memory: bytes that the states may take.
        jobs: how many threads search; None for as many as there are processors, where it is worth it.
        cached: take code from the user's cache folder, and keep it there.
        resume: a file from which an exploration goes on, and where it is left if it ends before its end.
    """

    def __init__(
        self, wish: Wish, ground: GroundMachine, result: Exploration, memory: int | None, jobs: int | None,
        cached: bool, resume: Path | None = None,
    ) -> None:
        """Prepare a search; nothing is compiled yet."""
        if not available():
            raise CannotCompile
        self._wish, self._ground, self._result = wish, ground, result
        self._memory = MEMORY if memory is None else memory
        self._jobs, self._jobs_now = jobs or len(os.sched_getaffinity(0)), jobs or 1
        self._cache = Cache("code", used=cached)
        self._told: frozenset[int] = frozenset()
        self._resume = resume
        self._bits = self._room = 0
        self._alone = False
        self._search: Search | None = None
        self._made: tuple[Packing, Moves, Compiled] | None = None
        self._symmetry: Symmetry | None = None
        self._monitor = Monitor(ground, wish.subject.catalogue)
        self._algebra = AlgebraMonitor(ground, wish.subject.catalogue) if wish.algebra else None

    def run(self, universes: Sequence[Vector], dialects: Mapping[str, Traits]) -> None:
        """Explore universes in dialects.

        Raises:
            CannotCompile: if integers are too large, or a rigid value is none of its sort; nothing is done then.
            Stop: if the search ends before its end.
        """
        if not all(_fits(self._ground.layout, rigid) for rigid in universes):
            raise CannotCompile
        self._result.compiled = True
        every = [(n, rigid, name) for n, rigid in enumerate(universes, 1) for name in dialects]
        of = about(self._wish, dialects, len(universes)) if self._resume else {}
        kept = read(self._resume, of) if self._resume else None
        first = 0 if kept is None else self._go_on(kept)
        try:
            for number, (universe, rigid, name) in enumerate(every[first:], first):
                before = counted(self._result)
                self._result.universes = universe
                try:
                    self._explore(Steps(self._wish, self._ground, rigid, name, dialects[name]), kept)
                except (Stop, KeyboardInterrupt, Ended):
                    self._leave(number, before, of)
                    raise
                kept = None
            if self._resume and first:
                self._resume.unlink(missing_ok=True)
        finally:
            if self._search is not None:
                self._search.close()
            cap(self._result.premises)

    def _go_on(self, kept: Unfinished) -> int:
        """Be as another was that did not end; which search is next."""
        restore(self._result, kept.result)
        self._bits, self._told = kept.search["bits"], frozenset(kept.search["told"])
        if kept.search["parts"]:
            self._jobs = self._jobs_now = len(kept.search["parts"])
        return int(kept.search["number"])

    def _leave(self, number: int, before: dict[str, Any], of: dict[str, Any]) -> None:
        """Leave what is not done in a file; what has found something is done."""
        if self._resume is None or self._search is None or self._result.findings or self._result.stuck:
            return
        # A search by one thread that has just begun, and may yet become one by several, begins anew.
        kept = Unfinished({"parts": []}, {}) if self._alone else self._search.unfinished()
        kept.search |= {"number": number, "bits": self._bits, "told": sorted(self._told)}
        kept.result = before
        write(self._resume, of, kept)

    def _explore(self, steps: Steps, kept: Unfinished | None = None) -> None:
        """One search, once more with wider integers if they take more, or to be told which laws fail."""
        before = self._result.states, self._result.steps
        while True:
            search = self._search or self._compiled()
            search.stop_at_first = self._wish.stop_at_first
            self._symmetry = self._alike(search.packing, steps)
            stopped = self._run(search, steps, before, kept if kept and kept.search["parts"] else None)
            kept = None
            broken = search.broken()
            together = {b.outcome for b in broken if b.law is None} - self._told
            if search.overflow:
                self._bits += 1
                self._forget()
            elif search.full and self._alone:
                self._jobs_now = self._jobs
                self._forget(code=False)
            elif together and not self._wish.stop_at_first and not stopped:
                self._told |= together
                self._forget()
            else:
                break
        self._result.states, self._result.steps = before
        self._came_to(search, steps, broken, stopped)
        if stopped or search.full or (broken and self._wish.stop_at_first) or self._has_all(search):
            raise Stop

    def _run(
        self, search: Search, steps: Steps, before: tuple[int, int], kept: Unfinished | None = None,
    ) -> bool:
        """Search from the initial state, or go on; whether the callback has ended it."""
        stopped = False

        def look() -> bool:
            nonlocal stopped
            self._result.states = before[0] + search.states
            self._result.steps = before[1] + sum(search.counts())
            self._result.waiting, self._result.memory = search.waiting, max(self._result.memory, search.memory)
            try:
                self._wish.progress(self._result)
            except Stop:
                stopped = True
            return stopped or self._has_all(search)

        most = self._room if self._wish.most is None else min(self._wish.most - before[0], self._room)
        self._alone = self._jobs_now < self._jobs and most > _WORTH_SPLITTING
        if self._alone:
            most = _WORTH_SPLITTING
        search.run(self._ground.initial(steps.rigid, steps.traits), steps.rigid, steps.traits, most, look,
                   self._symmetry, kept)
        return stopped

    def _alike(self, packing: Packing, steps: Steps) -> Symmetry | None:
        """The permutations that leave a universe alike, if they are to be used and one of them moves anything."""
        if not self._wish.symmetry:
            return None
        found = Symmetry.of(packing, steps.rigid, self._ground.initial(steps.rigid, steps.traits))
        return found if len(found.group) > 1 else None

    def _forget(self, *, code: bool = True) -> None:
        """Make another search, with other code if that is to be other."""
        if self._search is not None:
            self._search.close()
        self._search = None
        if code:
            self._made = None

    def _compiled(self) -> Search:
        if self._made is None:
            if self._bits == len(_BITS):
                raise CannotCompile
            known, of = self._ground.kept, f"code of {self._bits} {sorted(self._told)}"
            if of not in known:  # one explorer explores universe after universe
                packing = Packing.of(self._ground.layout, _BITS[self._bits])
                known[of] = (packing, *self._code(packing))
            made: tuple[Packing, Moves, Compiled] = known[of]
            self._made = made
        packing, self._moves, code = self._made
        # A state is its words, its parent, and from five to eleven bytes of the table.
        self._room = max(self._memory // (8 * packing.words + 4 + 11), 1)
        self._search = Search(packing, self._moves, code, self._room, self._jobs_now)
        return self._search

    def _code(self, packing: Packing) -> tuple[Moves, Compiled]:
        """The machine's moves as code: of a machine as it is shipped, without so much as looking at its terms."""
        wish, cache, key = self._wish, self._cache, b""
        if wish.subject.as_shipped:
            key = json.dumps([
                sources(), z3.get_version_string(), compiler(), wish.subject.name, wish.sizes, packing.integer,
                [r.name for r in wish.asked], sorted(wish.subject.finite.fresh), wish.algebra, sorted(self._told),
            ]).encode()
            if (kept := cache.get(key)) is not None:
                described, _, code = kept.partition(b"\n")
                return Moves.of(described.decode()), Compiled(code)
        try:
            moves = Writer(self._ground, wish.subject.catalogue, packing, wish.asked, wish.subject.finite.fresh,
                           wish.algebra, self._told).write()
        except TooLarge as error:
            raise CannotCompile from error
        if not key:
            return moves, Compiled(moves.text, cache)
        compiled = Compiled(moves.text)
        cache.put(key, moves.described().encode() + b"\n" + compiled.code)
        return moves, compiled

    def _has_all(self, search: Search) -> bool:
        """Whether there is a run to all that is wanted."""
        wanted = self._wish.wanted
        if wanted is None:
            return False
        had = {outcome for outcome, first in zip(self._moves.outcomes, search.firsts(), strict=True) if first}
        return all(one in had or one in self._result.runs for one in wanted)

    def _came_to(self, search: Search, steps: Steps, broken: list[Broken], stopped: bool) -> None:
        """Add what a search came to."""
        result = self._result
        result.states += search.states
        result.largest = max(result.largest, search.states)
        result.stand_for += search.stands_for() if self._symmetry is not None else search.states
        result.depth = max(result.depth, search.depth)
        result.cut |= search.full or stopped
        for (rule, refusal), count in zip(self._moves.outcomes, search.counts(), strict=True):
            result.steps += count
            if count and refusal is None:
                result.fired[rule] += count
            elif count and refusal is not None:
                result.refused[rule, refusal] += count
        result.premises.update({law: count for law, count in search.premises().items() if count})
        ended = search.full or stopped or (broken and self._wish.stop_at_first)
        if self._wish.subject.finite.empties and not ended:
            result.stuck += search.stuck()
        # In the order in which the interpreted laws are asked: of the state, of two runs from it, of its steps.
        for one in sorted(broken, key=lambda b: (b.outcome, b.law is not None)):
            if one.law is not None or self._wish.stop_at_first:
                self._show(search, steps, one)
        for outcome, first in zip(self._moves.outcomes, search.firsts(), strict=True):
            if first and self._wish.wanted is not None and outcome in self._wish.wanted:
                events, state = self._events(search, steps, first.state)
                last = next(event for event, _ in self._taken(steps, state, first))
                result.runs.setdefault(outcome, steps.trace((*events, last)))

    def _events(self, search: Search, steps: Steps, state: int) -> tuple[tuple[Event, ...], Vector]:
        """A shortest run to a state, or to one that is like it, and where it ends."""
        path = search.path(state)
        events, current = [], self._ground.initial(steps.rigid, steps.traits)
        for reached in path[1:]:
            found = next(((e, o.state) for _, e, o in steps.all(current) if self._is(o.state, reached)), None)
            if found is None:
                raise Disagreement(f"the compiled rules lead from {current} to {reached}, the interpreted do not")
            events.append(found[0])
            current = found[1]
        return tuple(events), current

    def _is(self, state: Vector, found: Vector) -> bool:
        """Whether a state is the one that the search found for it."""
        if self._symmetry is None:
            return state == found
        return self._symmetry.canonical(state) == self._symmetry.packing.pack(found)

    def _taken(self, steps: Steps, state: Vector, broken: Broken) -> Iterator[tuple[Event, Outcome]]:
        """The step from a state; the objects may be others that are like those of the search."""
        name, refusal = self._moves.outcomes[broken.outcome]
        rule = self._ground.machine.rule_by_name[name]
        if self._symmetry is None:
            arguments = self._moves.arguments(rule, broken.code)
            yield (Event(name, arguments, refusal),
                   self._ground.rule(name).run(state, steps.rigid, steps.traits, arguments))
            return
        for one, event, outcome in steps.all(state):
            if one is rule and event.refusal == refusal:
                yield event, outcome

    def _show(self, search: Search, steps: Steps, broken: Broken) -> None:
        """Find out by the interpreted laws what is broken, and keep it."""
        events, state = self._events(search, steps, broken.state)
        shown = [(v, last) for v, last in self._violations(steps, state, broken) if broken.law in (None, v.law)]
        if not shown:
            raise Disagreement(f"the compiled laws fail ({broken}), the interpreted hold")
        for violation, last in shown:
            self._result.keep(violation.law, Finding(
                steps.trace((*events, *last)), (violation.law,), (violation,)))

    def _violations(
        self, steps: Steps, state: Vector, broken: Broken,
    ) -> list[tuple[Violation, tuple[Event, ...]]]:
        if self._algebra and broken.law is not None and self._about_runs(broken.law):
            return self._algebra.state(state, steps.rigid, steps.traits)
        if broken.outcome == OF_STATES:
            return [(v, ()) for v in self._monitor.state(state, steps.rigid, steps.traits)]
        rule = self._ground.machine.rule_by_name[self._moves.outcomes[broken.outcome][0]]
        return [(v, (event,)) for event, outcome in self._taken(steps, state, broken) for v in self._monitor.step(
            rule, state, outcome, steps.rigid, steps.traits, event.arguments)]

    def _about_runs(self, law: str) -> bool:
        return self._wish.subject.catalogue.law(law).runs is not None
