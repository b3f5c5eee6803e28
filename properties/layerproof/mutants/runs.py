"""Catching mutants by runs: driven at random, and beside a sound engine.

What proves and explores them is :mod:`layerproof.laws.mutant`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from typing import Any

from layermodel.language.rules import Machine
from layermodel.store.reference import Shape
from layermodel.store.rules import STORE
from layermodel.store.words import DIALECTS
from layermodel.union.reference import GroundUnion, Scene
from layermodel.union.rules import UNION
from layermodel.union.words import DIALECTS as UNION_DIALECTS
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.mount.engine import MountEngine
from layerproof.laws.law import Catalogue
from layerproof.laws.mutant import Mutant
from layerproof.machines.store.engine import Engine
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.union.conform import UnionFinding, conform_union
from layerproof.machines.union.drive import SMALL, UnionBench, drive_union
from layerproof.machines.union.laws import UNION_LAWS
from layerproof.mutants.kills import Kill, kill_by_exploration
from layerproof.readings.conform import EngineFinding, conform, replay
from layerproof.readings.drive import Driven, drive
from layerproof.runs.monitor import Bench

DRIVEN, JUDGED = 3000, 2000
"""Operations that a mutant is driven for in each dialect, and judges a sound engine by, before it survives."""


def kill_by_drive(
    mutant: Mutant, *, operations: int = DRIVEN, entropy: int = 0,
    dialects: Mapping[str, Mapping[str, bool]] = DIALECTS,
) -> Kill | None:
    """Drive a mutant at random, in one dialect after the other, until it breaks a law.

    Args:
        operations: how many are done at least, in each dialect, before the mutant survives.
    """
    machine, laws = mutant.confined()
    return _first(drive, machine, laws, dialects, operations=operations, entropy=entropy, often=_often(mutant),
                  like=_right())


def kill_union_by_drive(
    mutant: Mutant, *, operations: int = DRIVEN, entropy: int = 0,
    dialects: Mapping[str, Mapping[str, bool]] = UNION_DIALECTS,
) -> Kill | None:
    """Drive a mutant of the union machine at random, in one dialect after the other, until it breaks a law.

    Args:
        operations: how many are done at least, in each dialect, before the mutant survives.
    """
    return _first(drive_union, mutant.machine(UNION), UNION_LAWS, dialects, operations=operations, entropy=entropy,
                  often=mutant.rules, like=_right_union())


def _first(
    run: Callable[..., Driven], machine: Machine, laws: Catalogue, dialects: Mapping[str, Mapping[str, bool]],
    **options: Any,
) -> Kill | None:
    """What the first dialect shows in which a law is broken."""
    for dialect, traits in dialects.items():
        driven = run(machine, laws, traits=traits, dialect=dialect, complete=False, **options)
        for finding in driven.findings:
            return Kill("drive", finding.violation.law, len(finding.trace.events), trace=finding.trace)
    return None


_MOUNTED: tuple[tuple[str, ...], ...] = ((), ("index=on",), ("redirect_dir=on",))


def kill_union_by_conform(mutant: Mutant, *, operations: int = JUDGED, entropy: int = 0) -> Kill | None:
    """Judge the kernel's overlayfs by a mutant, with one mount option after the other.

    Args:
        operations: how many are done at least, with each option, before the mutant survives.

    Raises:
        EngineUnreachable: without root, or where the kernel has no overlayfs.
    """
    machine = mutant.machine(UNION)
    for options in _MOUNTED:
        with closing(MountEngine("overlayfs", options)) as engine:
            judged = conform_union(machine, UNION_LAWS, engine, operations=operations, entropy=entropy, most=1,
                                   complete=False, often=mutant.rules, like=_right_mounted())
        for finding in judged.unknown:
            return _differs(finding, guided=False)
    return None


@cache
def _right_mounted() -> GroundUnion:
    return GroundUnion(Scene(), UNION)


@cache
def _right_union() -> UnionBench:
    return UnionBench(UNION, UNION_LAWS, SMALL)


def _often(mutant: Mutant) -> tuple[str, ...]:
    """The operations that are done more often than usual: its own, where many others are done beside them."""
    return () if mutant.among else mutant.rules


@cache
def _right() -> Bench:
    """The right machine, so that of a mutant only its own rules are compiled."""
    return Bench(STORE, STORE_LAWS, Shape().sizes)


def kill_by_conform(
    mutant: Mutant, *, operations: int = JUDGED, entropy: int = 0,
    opened: Callable[[], Engine] = DirectoryEngine,
) -> Kill | None:
    """Judge a sound engine by a mutant: that they differ shows that the comparison sees the mutation.

    Where random operations show no difference, the explorer's shortest run is done on the engine.

    Args:
        operations: how many are done at least before the explorer is asked.
        opened: opens the engine.
    """
    machine, laws = mutant.confined()
    with closing(opened()) as engine:
        judged = conform(machine, laws, engine, operations=operations, entropy=entropy, complete=False, most=1,
                         often=_often(mutant))
        for finding in judged.findings:
            return _differs(finding, guided=False)
        explored = kill_by_exploration(mutant, dialects={engine.dialect: DIALECTS[engine.dialect]})
        if explored is None or explored.trace is None:
            return None
        for finding in replay(machine, laws, explored.trace, engine):
            return _differs(finding, guided=True)
    return None


def _differs(finding: EngineFinding | UnionFinding, guided: bool) -> Kill:
    law = next(iter(finding.laws), "")
    return Kill("conform", law, len(finding.trace.events), finding=finding, guided=guided)
