"""How many operations at random it takes to find each mutant of the catalogues.

Runs are as those of ``layerproof mutants --reading drive``: what the mutant changes is done more often than usual,
unless it shows only among many others. Operations are those until the law was broken, in the dialect in which they
were fewest; each seed is another such run, and of a mutant the median of them is told.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from figures import Table, tabled

from layerproof.laws.mutant import Mutant
from layerproof.machines.registry import names, subject
from layerproof.mutants.kills import confined
from layerproof.mutants.runs import often, right
from layerproof.readings.drive import drive
from layerproof.subject import Subject

MOST = 6000
"""Operations after which a run is given up."""
NEVER = 10**9
SEEDS = 3
"""Runs of each mutant."""


def operations(of: Subject, mutant: Mutant, seed: int) -> int:
    """How many operations it takes to find a mutant, or :data:`NEVER`."""
    wrong, found = confined(of, mutant), NEVER
    for dialect, traits in of.traits(()).items():
        driven = drive(wrong, traits=traits, dialect=dialect, operations=min(found, MOST), seed=seed,
                       complete=False, often=often(mutant), like=right(of))
        if driven.findings:
            found = min(found, driven.statistics.steps)
    return found


def row(name: str, took: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The figures of one machine."""
    typical = {mutant: statistics.median_high(counts) for mutant, counts in took.items()}
    worst = sorted(typical, key=typical.__getitem__)[-3:]
    return {"machine": name, "mutants": len(took), "median": _said(statistics.median_high(typical.values())),
            "worst": ", ".join(f"{mutant} {_said(typical[mutant])}" for mutant in reversed(worst)),
            "worst of all runs": _said(max(max(counts) for counts in took.values())),
            "not found in any run": ", ".join(m for m, c in took.items() if min(c) == NEVER) or "none"}


def _said(count: int) -> str:
    return f"more than {MOST:,}" if count == NEVER else f"{count:,}"


def tables() -> Iterator[Table]:
    """Each machine's mutants one by one, and last what they come to."""
    rows = []
    for name in names():
        of = subject(name)
        took = {m.name: [operations(of, m, seed) for seed in range(SEEDS)] for m in of.mutants()}
        rows.append(row(name, took))
        yield tabled(f"operations to each mutant of the {name}", [
            {"mutant": mutant, **{f"seed {seed}": _said(count) for seed, count in enumerate(counts)}}
            for mutant, counts in took.items()])
    yield tabled("operations to a mutant", rows, f"Each was run {SEEDS} times.")
