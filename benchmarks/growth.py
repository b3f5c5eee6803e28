"""How states, transitions, seconds and memory grow with the objects of each sort, one sort after the other.

All other sorts have their usual sizes. Each row is one exploration with all laws, in the machine's first dialect
and all its universes, by one thread. Seconds are those of the search; *ready after* is what compiling and finding
the universes take before. A sort is enlarged until it takes too long or too much memory; what was found by then is
told, too, but is not all there is.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from explorer import Watch, bytes_a_state
from figures import Missing, Table, need, rounded, tabled

from layerproof.machines.registry import names, subject
from layerproof.readings.exploration import Exploration, Stop
from layerproof.readings.explore import Explorer

LONGEST, LARGEST = 20, 1_500_000_000
"""Seconds of wall time and bytes that a search may take."""
PATIENCE = 60
"""Seconds that compiling and finding the universes may take."""
MOST = 6
"""How often a sort is enlarged at most: there are some that hardly matter, however many objects they have."""
ALL, NOT_ALL = "yes", "no"


def wait(seconds: float) -> None:
    """Have :class:`Stop` raised after so many seconds, wherever that is; never, if they are none."""
    # Once more each second, as it is lost where nothing can be raised.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1 if seconds else 0)


@contextmanager
def bounded() -> Iterator[None]:
    """Bound what is done first, and by :func:`wait` what comes then; it just ends where it takes too long."""
    over = False

    def late(*_: object) -> None:
        nonlocal over
        over = True
        raise Stop

    before = signal.signal(signal.SIGALRM, late)
    wait(PATIENCE)
    try:
        yield
    except Exception:
        if not over:  # what is raised may have become something else on its way
            raise
    finally:
        wait(0)
        signal.signal(signal.SIGALRM, before)


def searched(name: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    """One search, with other sizes than usual."""
    of, watch, begun = subject(name), Watch(), time.perf_counter()
    dialect, seen, whole = next(iter(of.dialects)), Exploration({}, ()), False

    def progress(now: Exploration) -> None:
        nonlocal seen
        if not watch.begun:
            wait(LONGEST)
        seen = now
        watch(now)

    explorer = Explorer(of, of.sizes(sizes), progress=progress, memory=LARGEST, jobs=1, compiled=True,
                        cached=False)
    with bounded():
        seen = explorer.run({dialect: of.dialects[dialect]})
        whole = seen.complete and not seen.cut
    ready = (watch.begun or time.perf_counter()) - begun
    return {"universes": seen.universes, "states": seen.states, "transitions": seen.steps,
            "seconds": rounded(time.perf_counter() - begun - ready), "bytes a state": bytes_a_state(seen),
            "ready after, s": rounded(ready), "all": ALL if whole else NOT_ALL}


def grown(name: str, sort: str, usual: int, first: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One sort, enlarged until the search is not all there is; ``first`` is that of the usual sizes."""
    before = first
    yield {"sort": sort, "objects": usual, **first}
    for count in range(usual + 1, usual + 1 + MOST):
        try:
            row = searched(name, {sort: count})
        except Exception as error:  # a machine may have no universes of such sizes
            yield {"sort": sort, "objects": count, "all": f"cannot be had: {type(error).__name__}: {error}"}
            return
        if row["all"] != ALL:
            yield {"sort": sort, "objects": count, **row}
            return
        yield {"sort": sort, "objects": count, **row,
               "times as many states": rounded(row["states"] / before["states"])}
        before = row


def tables() -> Iterator[Table]:
    """A table for each machine."""
    need(packages=["llvmlite"])
    for name in names():
        first, usual = searched(name, {}), subject(name).sizes()
        rows = [row for sort, count in usual.items() for row in grown(name, sort, count, first)]
        yield tabled(f"{name} as {next(iter(subject(name).dialects))}", rows,
                     f"A search takes up to {LONGEST} seconds and {LARGEST / 1e9:g} GB, and compiling up to "
                     f"{PATIENCE} seconds; a sort has up to {MOST} objects more than usual.")


# The plot.

_SHOWN = {"states": "states", "seconds": "seconds of the search"}
_MARKS = "osD^v<>pPX"


def plot(found: Sequence[Table], path: str) -> None:
    """Draw how states and seconds grow, of searches that are all there is.

    Raises:
        Missing: if there is nothing to draw with.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise Missing("needs matplotlib for the plot") from error
    matplotlib.use("svg")
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    pyplot.rcParams.update({"font.size": 12, "svg.hashsalt": "growth"})
    figure, axes = pyplot.subplots(len(found), len(_SHOWN), figsize=(13, 4.6 * len(found)), squeeze=False)
    for table, row in zip(found, axes, strict=True):
        rows = [dict(zip(table.columns, cells, strict=True)) for cells in table.rows]
        for axis, (column, words) in zip(row, _SHOWN.items(), strict=True):
            _curves(axis, [one for one in rows if one["all"] == ALL], column)
            axis.set(title=table.title, xlabel="objects of the sort", ylabel=words, yscale="log")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.grid(alpha=0.3)
        row[-1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})


def _curves(axis: Any, rows: Sequence[Mapping[str, Any]], column: str) -> None:
    """A line for each sort, each with a mark of its own, so that they can be told apart without colours."""
    for number, sort in enumerate(dict.fromkeys(row["sort"] for row in rows)):
        points = [(row["objects"], row[column]) for row in rows if row["sort"] == sort]
        axis.plot(*zip(*points, strict=True), marker=_MARKS[number % len(_MARKS)], label=sort, alpha=0.8)
