"""What a law is. The catalogues of laws are their machines'.

There are three kinds. A *state law* must hold in every reachable state and is proved as (part of) an
inductive invariant. A *step law* compares the states before and after one step. An *algebraic law*
compares two short runs from the same state. Each has variables that it is about, a premise, and named
conclusions, so that a failure can say which part is false and a check that the premise never holds can be
told from a law.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import z3

from layermodel.language.rules import Machine, Rule, Sort, State, Term
from layerproof.laws.sound import check_laws

Conclusions = Mapping[str, Term]


class Kind(Enum):
    """What a law speaks of."""

    STATE = "state"
    STEP = "step"
    ALGEBRAIC = "algebraic"


@dataclass(frozen=True)
class Deviation:
    """A departure from a law that is known of a real engine.

    Attributes:
        key: a stable name for it.
        engine: e.g. ``docker``; ``versions`` says where it was seen.
        rule: the operation with which it shows.
        says: one sentence.
        source: a measurement or a public thread.
    """

    key: str
    engine: str
    versions: str
    rule: str
    says: str
    source: str


@dataclass(frozen=True)
class Law:
    """One law.

    Attributes:
        id: e.g. ``DEP-3``; stable.
        group: the part of the catalogue that it belongs to.
        statement: one plain sentence.
        variables: the sorts of the objects it is about, by the names used in reports.
        premise, conclusions: functions of what the kind speaks of and of the variables: a state, a step,
            or an :class:`Algebra`.
        sources: spec clauses, documentation, measurements, public bugs.
        universal: the formula is a universal one (no object is claimed to exist for each other), which
            makes it a good hypothesis; the others are used only where they are needed.
        sums: the formula speaks of sums, which have to be instantiated by hand.
        follows_from: state laws that imply this one in the same state (a step law: in the state after); it is
            proved from them. No law may come back to itself by these and by ``from_steps``.
        from_steps: by rule, step laws that are hypotheses, beside the usual ones, of the proof for that rule when
            it is done. A state law has them together with a ``focus``.
        focus: of a step and the variables, what the step laws in ``from_steps`` speak of; the proof for all else
            looks at what the rule does. For a state law.
        axioms: those that its proofs use although they are not for all proofs.
        rules: the rules that a step law is about; empty for all.
        refusals: a step law about refused steps: the refusals that it is about.
        idle: those among its rules of which the premise never holds: the law is there so that it does not come
            about.
    """

    id: str
    group: str
    kind: Kind
    statement: str
    variables: tuple[tuple[str, Sort], ...]
    premise: Callable[..., Term]
    conclusions: Callable[..., Conclusions]
    sources: tuple[str, ...]
    universal: bool = True
    sums: bool = False
    follows_from: tuple[str, ...] = ()
    from_steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    focus: Callable[..., Term] | None = None
    axioms: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    runs: Runs | None = None
    deviations: tuple[Deviation, ...] = ()

    def about(self, rule: Rule) -> bool:
        """Whether a step law speaks of this rule."""
        return not self.rules or rule.name in self.rules


@dataclass(frozen=True)
class Runs:
    """The two runs of an algebraic law: rule names with the positions of their arguments.

    ``parameters`` are the sorts of the values that the runs share; each call names its arguments by their
    names. The premise may restrict the parameters and the state; all steps of a run are presupposed to be
    done (not refused) unless ``refusable``: then a refused step leaves the state as it was, and outcomes
    must agree, too.
    """

    parameters: tuple[tuple[str, Sort], ...]
    left: tuple[tuple[str, tuple[str, ...]], ...]
    right: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Algebra:
    """What an algebraic law sees: the start and both ends of its runs, and what they share."""

    machine: Machine
    start: State
    left: State
    right: State
    runs: Runs

    def argument(self, name: str) -> Term:
        """Return a value that the runs share, by its name.

        Raises:
            AttributeError: if they share none of that name.
        """
        sorts = dict(self.runs.parameters)
        if name not in sorts:
            raise AttributeError(f"the runs have no parameter {name!r}, but {', '.join(sorts) or 'none'}")
        return sorts[name].constant(f"?{name}")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All laws of a machine.

    Raises:
        WrongRequest: if a proof of them would be no proof (:mod:`layerproof.laws.sound`).
    """

    laws: tuple[Law, ...]

    def __post_init__(self) -> None:
        """Refuse laws that would be proved from themselves, and the like."""
        check_laws(self.laws)

    def of(self, kind: Kind) -> tuple[Law, ...]:
        """Return the laws of one kind."""
        return tuple(law for law in self.laws if law.kind is kind)

    def law(self, identifier: str) -> Law:
        """Return a law by ID.

        Raises:
            KeyError: if there is none.
        """
        return {law.id: law for law in self.laws}[identifier]


Variables = tuple[tuple[str, Sort], ...]
"""The names and sorts of a law's variables."""


def true(*_: object) -> Term:
    """A premise that always holds."""
    return z3.BoolVal(True)


def state_law(
    identifier: str, group: str, statement: str, variables: Variables, premise: Callable[..., Term],
    conclusions: Callable[..., Conclusions], sources: tuple[str, ...], *, universal: bool = True,
    sums: bool = False, follows_from: tuple[str, ...] = (),
    from_steps: Mapping[str, tuple[str, ...]] | None = None, focus: Callable[..., Term] | None = None,
    axioms: tuple[str, ...] = (), deviations: tuple[Deviation, ...] = (),
) -> Law:
    """A law about every reachable state."""
    return Law(identifier, group, Kind.STATE, statement, variables, premise, conclusions, sources,
               universal=universal, sums=sums, follows_from=follows_from, from_steps=from_steps or {},
               focus=focus, axioms=axioms, deviations=deviations)


def step_law(
    identifier: str, group: str, statement: str, variables: Variables, premise: Callable[..., Term],
    conclusions: Callable[..., Conclusions], sources: tuple[str, ...], *, rules: tuple[str, ...] = (),
    refusals: tuple[str, ...] = (), idle: tuple[str, ...] = (), sums: bool = False,
    follows_from: tuple[str, ...] = (), from_steps: Mapping[str, tuple[str, ...]] | None = None,
    deviations: tuple[Deviation, ...] = (),
) -> Law:
    """A law about what is before and after a step."""
    return Law(identifier, group, Kind.STEP, statement, variables, premise, conclusions, sources,
               rules=rules, refusals=refusals, idle=idle, sums=sums, follows_from=follows_from,
               from_steps=from_steps or {}, deviations=deviations)


def same(a: Algebra, other: State) -> Conclusions:
    """The end of the first run is as another state."""
    return {f"{name} is the same": formula
            for name, formula in a.machine.same(a.left, other).items()}


def ends_agree(a: Algebra) -> Conclusions:
    """Both runs end in the same state."""
    return same(a, a.right)
