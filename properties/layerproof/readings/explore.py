"""Visit every state that can be reached with few objects, breadth first.

Where llvmlite is installed, rules and laws become machine code (:mod:`layerproof.readings.compiled`), which comes
to the same as interpreting them (:mod:`layerproof.readings.interpreted`) in a hundredth of the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from layermodel.language.ground import GroundMachine, Vector
from layerproof.errors import LayerproofError, WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.process.pieces import Recipe, pool, recipe
from layerproof.readings.compiled import CannotCompile, Compiler
from layerproof.readings.exploration import Exploration, Stop, Wish
from layerproof.readings.interpreted import Interpreter
from layerproof.runs.statistics import Reached
from layerproof.subject import Subject, Traits

_NO_CODE = ("no machine code can be made: llvmlite is not installed, an integer takes more than 32 bits, "
            "or a rigid value is none of its sort")


@dataclass
class Explorer:
    """A search over one machine at given sizes of its open sorts.

    Attributes:
        sizes: of every sort that is no enumeration.
        algebra: check the laws about two runs, too.
        stop_at_first: end with the first law that is broken.
        progress: is told how it goes, after each state or some; it may end the search by raising
            :class:`~layerproof.readings.exploration.Stop`.
        rules: the operations that are done; all if None.
        wanted: rules and refusals to which a shortest run is looked for; with one to each the search ends.
        most: states that are visited at most; a search that needs more is not complete. If None, what the memory
            holds, or a million where rules are interpreted.
        memory: bytes that states may take; None for two gigabytes.
        jobs: threads that search; None for as many as there are processors.
        compiled: whether machine code is made; None for where it can be.
        cached: take machine code from the user's cache folder, and keep it there.
        symmetry: of states that differ only in which object is which, visit one; for machine code only.
        resume: a file from which the exploration goes on, if it is there, and where it is left if it ends before
            its end and nothing was found; for machine code only.
        cluster: the address of a Dask cluster, whose workers do it instead, universe by universe and dialect by
            dialect; the memory is that of each of them, and each searches by one thread.
    """

    subject: Subject
    sizes: Mapping[str, int]
    algebra: bool = True
    stop_at_first: bool = False
    progress: Callable[[Exploration], None] = lambda exploration: None
    rules: Collection[str] | None = None
    wanted: Collection[Reached] | None = None
    most: int | None = None
    memory: int | None = None
    jobs: int | None = None
    compiled: bool | None = None
    cached: bool = True
    symmetry: bool = False
    resume: Path | None = None
    cluster: str | None = None

    def run(self, dialects: Mapping[str, Traits], limit: int | None = None) -> Exploration:
        """Explore every universe (at most ``limit`` of them, evenly chosen) in every dialect.

        Raises:
            WrongRequest: if there is no dialect, or machine code is asked for and cannot be made, or the file to
                go on from is damaged, or of another exploration; or if the cluster cannot be had. What others have
                found when a piece cannot be done is in its ``so_far``.
        """
        if not dialects:
            raise WrongRequest("an exploration in no dialect would check nothing")
        every = self.subject.finite.universes(self._ground)
        chosen = every if limit is None or limit >= len(every) else [
            every[n * len(every) // limit] for n in range(limit)]
        result = Exploration(dict(self.sizes), tuple(dialects), complete=len(chosen) == len(every))
        if self.cluster is None:
            return self._explored(chosen, dialects, result)
        return self._by_pieces(self.cluster, chosen, dialects, result)

    @cached_property
    def _ground(self) -> GroundMachine:
        return GroundMachine(self.subject.machine, self.sizes)

    def _explored(
        self, chosen: Sequence[Vector], dialects: Mapping[str, Traits], result: Exploration,
    ) -> Exploration:
        """Explore some universes in this process, beginning with an empty result."""
        whole = result.complete
        wish = Wish(self.subject, self.sizes, self.algebra, self.stop_at_first, self.progress, self.rules,
                    self.wanted, self.most, self.symmetry)
        try:
            if self.compiled is not False:
                try:
                    Compiler(wish, self._ground, result, self.memory, self.jobs, self.cached, self.resume).run(
                        chosen, dialects)
                    return result
                except CannotCompile as error:
                    if self.compiled or self.symmetry or self.resume:
                        raise WrongRequest(_NO_CODE) from error
                    result = Exploration(dict(self.sizes), tuple(dialects), complete=whole)
            Interpreter(wish, self._ground, result).run(chosen, dialects)
        except Stop:
            result.complete = False
        return result

    def _by_pieces(
        self, cluster: str, chosen: Sequence[Vector], dialects: Mapping[str, Traits], result: Exploration,
    ) -> Exploration:
        """Have a cluster explore each universe in each dialect; they are added up in the order of one process."""
        if self.stop_at_first or self.wanted is not None or self.most is not None or self.resume is not None:
            raise WrongRequest("the workers of a cluster do not know what the others have visited: they keep to "
                               "no limit of states, end at no first finding, and go on from no file")
        places = [(n, name) for n in range(len(chosen)) for name in dialects]
        parts = dict[tuple[int, str], Exploration]()
        try:
            with pool(self, self._recipe, jobs=1, cluster=cluster) as pieces:
                running = {pieces.submit(f"universe {n + 1} as {name}", Explorer._piece, chosen[n], name,
                                         dialects[name]): (n, name) for n, name in places}
                seen, left = replace(_added(result, {}, ()), universes=len(chosen)), {*running}
                while left:
                    done, left = wait(left, _EVERY, FIRST_COMPLETED)
                    for future in done:
                        parts[running[future]] = future.result()
                        seen.add(future.result())
                        seen.waiting = len(left)
                    self.progress(seen)
        except Stop:
            result.cut, result.complete = True, False
        except LayerproofError as error:
            if parts:
                result.cut, result.complete = True, False
                error.so_far = _added(result, parts, places)
            raise
        return _added(result, parts, places)

    def _piece(self, rigid: Vector, dialect: str, traits: Traits) -> Exploration:
        return self._explored([rigid], {dialect: traits}, Exploration(dict(self.sizes), (dialect,)))

    def _recipe(self) -> Recipe[Explorer]:
        """How a worker makes the same; it searches by one thread, and tells nobody how it goes."""
        here = {"subject", "progress", "jobs", "cluster"}
        options = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in here}
        return partial(_explorer, recipe(self.subject), options)


_EVERY = 0.2
"""Seconds between two looks at how far the pieces are."""


def _explorer(subject: Recipe[Subject], options: Mapping[str, Any]) -> Explorer:
    return Explorer(subject(), jobs=1, **options)


def _added(
    empty: Exploration, parts: Mapping[tuple[int, str], Exploration], places: Sequence[tuple[int, str]],
) -> Exploration:
    """What the parts come to that are there."""
    result = replace(empty, universes=len({n for n, _ in parts}), fired=Counter(), refused=Counter(),
                     premises=Counter(), findings={}, runs={}, compiled=all(e.compiled for e in parts.values()))
    for place in places:
        if place in parts:
            result.add(parts[place])
    return result


def explore(
    subject: Subject, sizes: Mapping[str, int] | None = None, *, dialects: Collection[str] | None = None,
    limit: int | None = None, **options: Any,
) -> Exploration:
    """Visit every state that can be reached with few objects, and ask every law of each.

    Args:
        sizes: of the sorts, other than the machine's usual ones.
        dialects: names; all if None.
        limit: universes that are explored at most.
        options: see :class:`Explorer`.

    Raises:
        WrongRequest: if a dialect is not known, or there is none.
    """
    chosen = subject.traits(dialects or ())
    return Explorer(subject, subject.sizes(sizes), **options).run(chosen, limit)


def shortest(
    subject: Subject, sizes: Mapping[str, int], traits: Traits, dialect: str, rules: Collection[str],
    wanted: Collection[Reached], progress: Callable[[], None] = lambda: None, most: int | None = None,
) -> Exploration:
    """Look for a run of few operations to each wanted rule and refusal; they are the ``runs`` of what is returned.

    The first universe in which it can be reached is taken, and in it a shortest run. What is not there cannot be
    reached with these sizes, unless the search was cut. No law is asked.

    Args:
        progress: is called for each state, and may end the search by raising.
        most: states that are visited at most.
    """
    lawless = replace(subject, catalogue=Catalogue(()), finite=replace(
        subject.finite, empties=False, large=frozenset()))
    explorer = Explorer(lawless, subject.sizes(sizes), algebra=False, rules=rules, wanted=wanted,
                        progress=lambda _: progress(), most=most)
    return explorer.run({dialect: traits})
