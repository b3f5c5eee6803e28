"""How many operations it takes until each fault that can be planted in the directory engine is found.

At random: those of a run that ends when something is found, of three seeds. By every step: those of ``conform
--exhaust`` until the first that differs. The operations with which a shorter run is looked for are not counted.
Last the length of the shortest run that was then found.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from figures import Table, rounded, tabled

from layerproof.engines.directory.faults import FAULTS, faulty
from layerproof.machines.registry import subject
from layerproof.readings.conform import conform
from layerproof.readings.exhaust import Certificate, exhaust

MOST = 20_000
"""Operations at random after which a fault counts as not found."""
MOST_STEPS = 150_000
"""Operations by every step after which it does."""
SEEDS = 3
NEVER = 10**9


class _Enough(Exception):
    """There were as many operations as may be."""


def at_random(name: str, seed: int) -> int:
    """Operations until a fault is found, or :data:`NEVER`."""
    with closing(faulty(name)) as engine:
        judged = conform(subject("store"), engine, operations=MOST, seed=seed, complete=False, most=1)
    return judged.statistics.steps if judged.findings else NEVER


def by_every_step(name: str) -> tuple[int, int, float]:
    """Operations until a fault is found, or :data:`NEVER`; of the shortest run then; and the seconds of all."""
    at: list[int] = []
    so_far: list[Certificate] = []

    def progress(certificate: Certificate) -> None:
        so_far[:] = [certificate]
        if certificate.operations >= MOST_STEPS:
            raise _Enough

    begun = time.perf_counter()
    with closing(faulty(name)) as engine:
        try:
            certificate = exhaust(subject("store"), engine, most=1, progress=progress,
                                  found=lambda finding: at.append(1))
        except _Enough:
            certificate = so_far[0]
    seconds = time.perf_counter() - begun
    if not at:
        return NEVER, 0, seconds
    cause, = certificate.causes.values()
    return certificate.operations, len(cause.finding.trace.events), seconds


def row(name: str) -> dict[str, Any]:
    """The figures of one fault."""
    counts = [at_random(name, seed) for seed in range(SEEDS)]
    steps, shortest, seconds = by_every_step(name)
    return {"fault": name, "at random": ", ".join(map(_said, counts)), "median": statistics.median_high(counts),
            "by every step": steps, "seconds": seconds, "shortest": shortest}


def _said(count: int) -> str:
    return "not found" if count == NEVER else f"{count:,}"


def tables() -> Iterator[Table]:
    """Each fault, and what they come to."""
    rows = [row(name) for name in FAULTS]
    told = [one | {"median": _said(one["median"]), "by every step": _said(one["by every step"]),
                   "seconds": rounded(one["seconds"])} for one in rows]
    yield tabled("operations to each planted fault", told,
                 f"Not found: within {MOST:,} operations at random, {MOST_STEPS:,} by every step.")
    yield tabled("operations to a planted fault", [
        {"how": how, "faults": len(rows), "found": sum(one[how] < NEVER for one in rows),
         "median": _said(statistics.median_high(one[how] for one in rows)),
         "worst found": _said(max(one[how] for one in rows if one[how] < NEVER))}
        for how in ("median", "by every step")])
