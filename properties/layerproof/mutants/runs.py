"""Catching mutants by runs: driven at random, and beside a sound engine.

What proves and explores them is :mod:`layerproof.mutants.kills`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from layerproof.engines.registry import closed, embedded
from layerproof.errors import WrongRequest
from layerproof.laws.mutant import Mutant
from layerproof.mutants.kills import Kill, confined, kill_by_exploration
from layerproof.readings.conform import conform, replay_on
from layerproof.readings.drive import drive, sizes_of_runs
from layerproof.readings.judge import Judge
from layerproof.runs.finding import Finding
from layerproof.runs.monitor import Bench
from layerproof.subject import Subject, Traits

DRIVEN, JUDGED = 3000, 2000
"""Operations that a mutant is driven for in each dialect, and judges a sound engine by, before it survives."""

Opened = Callable[[], Any]
"""Opens an engine."""


def kill_by_drive(
    subject: Subject, mutant: Mutant, *, operations: int = DRIVEN, seed: int = 0,
    dialects: Mapping[str, Traits] | None = None,
) -> Kill | None:
    """Drive a mutant at random, in one dialect after the other, until it breaks a law.

    Args:
        operations: how many are done at least, in each dialect, before the mutant survives.
        dialects: all if None.
    """
    wrong = confined(subject, mutant)
    for dialect, traits in (subject.traits(()) if dialects is None else dialects).items():
        driven = drive(wrong, traits=traits, dialect=dialect, operations=operations, seed=seed, complete=False,
                       often=often(mutant), like=right(subject))
        for finding in driven.findings:
            return Kill("drive", finding.laws[0], len(finding.trace.events), trace=finding.trace)
    return None


def often(mutant: Mutant) -> tuple[str, ...]:
    """The operations that are done more often than usual: its own, where many others are done beside them."""
    return () if mutant.among else mutant.rules


@cache
def right(subject: Subject) -> Bench:
    """The right machine, so that of a mutant only its own rules are compiled."""
    return Bench(subject.machine, subject.catalogue, sizes_of_runs(subject))


@cache
def _right_beside(subject: Subject, opened: Opened) -> Bench:
    """The same for runs beside an engine."""
    with closed(opened) as engine:
        return Judge(subject, engine).bench


def kill_by_conform(
    subject: Subject, mutant: Mutant, *, operations: int = JUDGED, seed: int = 0,
    engines: Iterable[Opened] | None = None,
) -> Kill | None:
    """Judge a sound engine by a mutant: that they differ shows that the comparison sees the mutation.

    Where random operations show no difference, the explorer's shortest run is done on the engine, if it can be.

    Args:
        operations: how many are done at least before the explorer is asked.
        engines: what opens the engines, one after the other; the embedded ones of the machine if None.

    Raises:
        WrongRequest: if the machine has no embedded engine.
        EngineUnreachable: if an engine cannot be opened.
    """
    wrong = confined(subject, mutant)
    openings = embedded(subject.name) if engines is None else tuple(engines)
    if not openings:
        raise WrongRequest(f"the machine {subject.name} has no embedded engine that its mutants could judge; take "
                           "the other readings, or in Python kill_by_conform with an engine of its own")
    for opened in openings:
        right = _right_beside(subject, opened)
        with closed(opened) as engine:
            judged = conform(wrong, engine, operations=operations, seed=seed, complete=False, most=1,
                             often=often(mutant), like=right)
            for finding in judged.unknown:
                return _differs(finding, guided=False)
            if subject.judged is not None and (guided := _guided(subject, wrong, mutant, engine)) is not None:
                return guided
    return None


def _guided(subject: Subject, wrong: Subject, mutant: Mutant, engine: Any) -> Kill | None:
    """What the explorer's shortest run shows on an engine on which such a run can be done."""
    if not Judge(subject, engine).judging.tours:
        return None
    explored = kill_by_exploration(subject, mutant, dialects={engine.dialect: subject.dialect(engine.dialect)})
    if explored is None or explored.trace is None:
        return None
    finding = replay_on(wrong, explored.trace, engine)
    return None if finding is None else _differs(finding, guided=True)


def why_unseen(subject: Subject, mutant: Mutant) -> str:
    """Why no embedded engine of a machine can show a mutant, in words; empty if that is not so, or not known.

    It breaks no law in any run of few objects in the dialects that the engines speak.
    """
    spoken = set()
    for opened in embedded(subject.name):
        with closed(opened) as engine:
            spoken.add(Judge(subject, engine).dialect)
    if not spoken or kill_by_exploration(subject, mutant, dialects={d: subject.dialect(d) for d in spoken}):
        return ""
    others = {d: traits for d, traits in subject.traits(()).items() if d not in spoken}
    shown = [d for d, traits in others.items() if kill_by_exploration(subject, mutant, dialects={d: traits})]
    if not shown:
        return ""
    return f"it breaks no law as {' or '.join(sorted(spoken))}, only as {' and '.join(shown)}"


def _differs(finding: Finding, guided: bool) -> Kill:
    law = next(iter(finding.laws), "")
    return Kill("conform", law, len(finding.trace.events), finding=finding, guided=guided)
