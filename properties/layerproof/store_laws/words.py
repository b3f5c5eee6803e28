"""Words that the laws of the store machine share."""

from __future__ import annotations

from collections.abc import Callable

import z3

from layermodel.rules import Sort, State, Step, Term
from layermodel.store import (
    CONTAINER,
    IMAGE,
    LAYER,
    LEASE,
    REFERENCE,
)
from layerproof.laws import Algebra, Conclusions, Deviation, Kind, Law

DEPENDENCY, READ_ONLY, SIZES, OPERATIONS = "Dependency", "Read-only lower layers", "Sizes", "Operations"

Variables = tuple[tuple[str, Sort], ...]
C: Variables = (("container", CONTAINER),)
I: Variables = (("image", IMAGE),)
L: Variables = (("layer", LAYER),)
R: Variables = (("reference", REFERENCE),)
X: Variables = (("lease", LEASE),)


def true(*_: object) -> Term:
    """A premise that always holds."""
    return z3.BoolVal(True)


def state_law(
    identifier: str, group: str, statement: str, variables: Variables, premise: Callable[..., Term],
    conclusions: Callable[..., Conclusions], sources: tuple[str, ...], *, universal: bool = True,
    sums: bool = False, follows_from: tuple[str, ...] = (), deviations: tuple[Deviation, ...] = (),
) -> Law:
    """A law about every reachable state."""
    return Law(identifier, group, Kind.STATE, statement, variables, premise, conclusions, sources,
               universal=universal, sums=sums, follows_from=follows_from, deviations=deviations)


def step_law(
    identifier: str, group: str, statement: str, variables: Variables, premise: Callable[..., Term],
    conclusions: Callable[..., Conclusions], sources: tuple[str, ...], *, rules: tuple[str, ...] = (),
    refusals: tuple[str, ...] = (), sums: bool = False, follows_from: tuple[str, ...] = (),
    deviations: tuple[Deviation, ...] = (),
) -> Law:
    """A law about what is before and after a step."""
    return Law(identifier, group, Kind.STEP, statement, variables, premise, conclusions, sources,
               rules=rules, refusals=refusals, sums=sums, follows_from=follows_from, deviations=deviations)


def same(a: Algebra, other: State) -> Conclusions:
    """The end of the first run is as another state."""
    return {f"{name} is the same": formula
            for name, formula in a.machine.same(a.left, other).items()}


def ends_agree(a: Algebra) -> Conclusions:
    """Both runs end in the same state."""
    return same(a, a.right)


def forces(t: Step) -> list[Term]:
    """The step's force argument, if its rule has one."""
    return [a for p, a in zip(t.rule.parameters, t.arguments, strict=True) if p.name == "force"]


def images_of(t: Step) -> list[Term]:
    """The images that the step has as arguments."""
    return [a for p, a in zip(t.rule.parameters, t.arguments, strict=True) if p.sort == IMAGE]
