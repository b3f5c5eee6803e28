"""How long proofs of each machine take, without any cache: by rule, by law, and the slowest obligations.

Seconds are of processor time in one process; what obligations share is made in the first of them that needs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from figures import Table, rounded, tabled

from layerproof.laws.obligations import Obligation
from layerproof.machines.registry import names, subject
from layerproof.readings.prove.prove import Task, Verdict, witnesses
from layerproof.subject import Subject

SLOWEST = 10
"""How many obligations are told one by one."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Took:
    """An obligation, and the seconds that it took to build it and to decide it."""

    verdict: Verdict
    seconds: float


def timed(action: Callable[[], _Result]) -> tuple[_Result, float]:
    """What an action comes to, and its seconds."""
    begun = time.process_time()
    result = action()
    return result, time.process_time() - begun


def _listed(unit: Callable[[], Iterable[Obligation]]) -> list[Obligation]:
    """Build the obligations of one rule and law."""
    return list(unit())


def decided(task: Task) -> Iterator[Took]:
    """Every obligation of a machine, decided one after the other."""
    prover = task.prover
    for unit in prover.obligations.units():
        obligations, left = timed(partial(_listed, unit))
        for obligation in obligations:
            verdict, seconds = timed(partial(prover.verdict, obligation))
            # Those of one rule and law are built together; the first has the seconds of that.
            yield Took(verdict, seconds + left)
            left = 0.0


def summed(took: Iterable[Took], what: str, name: Callable[[Verdict], str]) -> Iterator[dict[str, Any]]:
    """Seconds of all obligations that have a name in common, the largest first."""
    listed, found = list(took), dict[str, list[float]]()
    for one in listed:
        found.setdefault(name(one.verdict), []).append(one.seconds)
    whole = sum(one.seconds for one in listed)
    for said, seconds in sorted(found.items(), key=lambda pair: -sum(pair[1])):
        yield {what: said, "obligations": len(seconds), "seconds": rounded(sum(seconds)),
               "slowest, s": rounded(max(seconds)), "share": f"{sum(seconds) / whole:.1%}"}


def parts(of: Subject) -> tuple[list[Took], Table]:
    """All obligations of a machine, and what the parts of its proof take."""
    task = Task(of, beside=(*of.lemmas(), *of.longer()), cached=False)
    prepared = timed(lambda: task.prover)[1]
    took = list(decided(task))
    shown = [timed(partial(task.lemma, number)) for number in range(len(task.lemmas))]
    looked = timed(lambda: witnesses(task))[1]
    proved = sum(one.verdict.outcome == "proved" for one in took)
    rows = [("preparing", None, None, prepared), ("obligations", len(took), proved, sum(t.seconds for t in took)),
            ("lemmas", len(shown), sum(holds for holds, _ in shown), sum(seconds for _, seconds in shown)),
            ("that they mean something", None, None, looked)]
    whole = sum(seconds for *_, seconds in rows)
    return took, tabled(f"{of.name}: the whole proof", [
        {"part": part, "count": count, "proved": true, "seconds": rounded(seconds),
         "share": f"{seconds / whole:.1%}"}
        for part, count, true, seconds in (*rows, ("all", None, None, whole))])


def tables() -> Iterator[Table]:
    """Four tables for each machine."""
    for name in names():
        took, whole = parts(subject(name))
        yield whole
        yield tabled(f"{name}: by rule", summed(took, "rule", lambda verdict: verdict.rule),
                     "A law about two runs is under these, and what holds in the beginning under init.")
        yield tabled(f"{name}: by law", summed(took, "law", lambda verdict: verdict.law))
        slowest = sorted(took, key=lambda one: -one.seconds)[:SLOWEST]
        yield tabled(f"{name}: the {SLOWEST} slowest obligations", [
            {"obligation": one.verdict.name, "outcome": one.verdict.outcome, "seconds": rounded(one.seconds)}
            for one in slowest])
