"""How fast all states are visited: machine code beside interpreted rules, in one run, with ratios.

Each row is one exploration with all laws: the machine and its sizes, what searches, states and transitions a
second from its first round on (the way back to the empty store is in them, compiling is not), bytes of memory a
state in the largest search, and how often the transitions a second of the interpreted rules go into those.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from figures import Table, need, rounded, sizes_said, tabled
from startup import seconds

from layerproof.machines.registry import subject
from layerproof.readings.exploration import Exploration
from layerproof.readings.explore import Explorer
from layerproof.readings.search import Search
from layerproof.subject import Subject

CASES: tuple[tuple[str, Mapping[str, int]], ...] = (
    ("store", {}), ("store", {"Container": 2, "Name": 2}), ("store", {"Container": 3, "Name": 3}), ("union", {}))
WAYS = ("machine code", 1, False), ("machine code", None, False), ("symmetry", 1, True)
INTERPRETED = 2000
"""States that the interpreted rules visit: enough to tell how fast they are."""
UNIVERSES = {3: 4}
"""How many universes are explored where there are so many containers; else all."""


@dataclass
class Watch:
    """Learns how long a search took from the first time that it tells how it goes."""

    begun: float = 0.0
    ended: float = 0.0
    first: int = 0
    steps: int = 0
    states: int = 0
    seen: int = 0

    def __call__(self, e: Exploration) -> None:
        now = time.perf_counter()
        if not self.begun:
            self.begun, self.first, self.seen = now, e.steps, e.states
        self.ended, self.steps, self.states = now, e.steps, e.states

    def rates(self) -> tuple[float, float]:
        """States and transitions a second."""
        passed = max(self.ended - self.begun, 1e-9)
        return (self.states - self.seen) / passed, (self.steps - self.first) / passed


def bytes_a_state(result: Exploration) -> float | None:
    """Of the largest search; None if that is not known."""
    return rounded(result.memory / result.largest) if result.memory and result.largest else None


def searched(name: str, sizes: Mapping[str, int], how: str, jobs: int | None, **options: Any) -> dict[str, Any]:
    """One search."""
    machine, watch = subject(name), Watch()
    explorer = Explorer(machine, machine.sizes(sizes), progress=watch, jobs=jobs, memory=4 << 30, **options)
    result = explorer.run(machine.dialects, UNIVERSES.get(sizes.get("Container", 0)))
    states, steps = watch.rates()
    return {"machine and sizes": f"{name}, {sizes_said(sizes)}", "how": how, "threads": jobs or "all",
            "states": result.states, "stand for": result.stand_for, "transitions": result.steps,
            "states a second": round(states), "transitions a second": round(steps),
            "bytes a state": bytes_a_state(result)}


@contextmanager
def clock() -> Iterator[list[float]]:
    """Count the seconds of each search from here on, and of looking for the way back; compiling is not in them."""
    spent, usual = list[float](), (Search.run, Search.stuck)

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            begun = time.perf_counter()
            try:
                return method(*given)
            finally:
                spent.append(time.perf_counter() - begun)

        return timed

    # To measure without a hook in the search: its methods are put back at the end.
    Search.run, Search.stuck = counted(usual[0]), counted(usual[1])  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        Search.run, Search.stuck = usual  # type: ignore[method-assign]


def timed(of: Subject, dialect: str, sizes: Mapping[str, int], *, algebra: bool) -> tuple[Exploration, float]:
    """What a search by one thread in one dialect came to, and its seconds: the better of two times.

    Args:
        algebra: laws about two runs are asked and the way back is looked for, too, which other model checkers
            do not do.
    """
    machine = of if algebra else replace(of, finite=replace(of.finite, empties=False))
    explorer = Explorer(machine, machine.sizes(sizes), algebra=algebra, jobs=1, compiled=True)
    took = list[float]()
    for _ in range(2):
        with clock() as spent:
            result = explorer.run({dialect: machine.dialects[dialect]})
        took.append(sum(spent))
    return result, min(took)


def searches() -> Iterator[dict[str, Any]]:
    """All searches, each beside the interpreted rules."""
    for name, sizes in CASES:
        slow = searched(name, sizes, "interpreted", 1, compiled=False, most=INTERPRETED)
        yield slow
        for how, jobs, symmetry in WAYS:
            one = searched(name, sizes, how, jobs, compiled=True, symmetry=symmetry)
            yield {**one, "times interpreted": rounded(one["transitions a second"] / slow["transitions a second"])}


def commands() -> Iterator[dict[str, Any]]:
    """The whole command, with nothing kept from before and with the code of before."""
    with tempfile.TemporaryDirectory() as place:
        took = [seconds(("-m", "layerproof", "explore"), XDG_CACHE_HOME=place) for _ in range(4)]
    for when, one in (("the first time", took[0]), ("with the code of before", min(took[1:]))):
        yield {"layerproof explore": when, "seconds": rounded(one), "times the first": rounded(one / took[0])}


def tables() -> Iterator[Table]:
    """The searches, and the whole command."""
    need(packages=["llvmlite"])
    yield tabled("searches", searches(),
                 f"Interpreted rules visit {INTERPRETED:,} states. Where there are three containers, four "
                 "universes are explored, else all.")
    yield tabled("the whole command", commands())
