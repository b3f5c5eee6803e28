"""What a search over all states saw, and the steps that it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from layermodel.language.ground import GroundMachine, GroundRule, Outcome, Vector
from layermodel.language.rules import Rule
from layerproof.runs.finding import Finding
from layerproof.runs.statistics import Reached
from layerproof.runs.trace import Event, Settled, Trace
from layerproof.subject import Subject, Traits


@dataclass
class Exploration:
    """What a search saw.

    Attributes:
        states: distinct states, over all rigid values and dialects.
        steps: transitions, refused ones included.
        universes: how many rigid values were explored, and ``complete`` says whether all were, with all states.
        fired: how often each rule was done; ``refused``: how often each refusal was had.
        premises: how often each law's premise held (counted up to a thousand).
        cut: the search ended although there was more: as many states were visited as may be, or fit into the
            memory, or a callback ended it.
        stuck: states from which the initial one can no longer be reached.
        findings: by law, each with the shortest run that shows it.
        runs: a shortest run to each rule and refusal that was wanted.
        compiled: the search was done by machine code.
        stand_for: how many states those stand for that were visited: more, where of states that are alike one was.
        waiting: while it goes on, states that were found and are still to be expanded.
        memory: bytes that the states took at most, if that is known.
        largest: states of the largest search: of one universe, in one dialect.
    """

    sizes: Mapping[str, int]
    dialects: tuple[str, ...]
    states: int = 0
    steps: int = 0
    universes: int = 0
    complete: bool = True
    depth: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    premises: Counter[str] = field(default_factory=Counter)
    cut: bool = False
    stuck: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    runs: dict[Reached, Trace] = field(default_factory=dict)
    compiled: bool = False
    stand_for: int = 0
    waiting: int = 0
    memory: int = 0
    largest: int = 0

    @property
    def verdict(self) -> str:
        """``held``, ``violated``, or ``incomplete`` where more can be reached than was visited."""
        return "violated" if self.findings or self.stuck else "incomplete" if self.cut else "held"

    def keep(self, law: str, finding: Finding) -> None:
        """Keep what breaks a law, unless a shorter run is known."""
        known = self.findings.get(law)
        if known is None or len(finding.trace.events) < len(known.trace.events):
            self.findings[law] = finding

    def add(self, other: Exploration) -> None:
        """Add what a search of other universes, or in other dialects, saw, as if it had been done after this.

        How many universes there are, and in which dialects, is not in the parts.
        """
        self.states += other.states
        self.steps += other.steps
        self.stuck += other.stuck
        self.stand_for += other.stand_for
        self.fired.update(other.fired)
        self.refused.update(other.refused)
        self.premises.update(other.premises)
        cap(self.premises)
        self.depth, self.largest = max(self.depth, other.depth), max(self.largest, other.largest)
        self.memory = max(self.memory, other.memory)
        self.complete &= other.complete
        self.cut |= other.cut
        for law, finding in other.findings.items():
            self.keep(law, finding)
        for reached, trace in other.runs.items():
            self.runs.setdefault(reached, trace)


class Stop(Exception):
    """Raised by a progress callback to end a search early; what was seen so far is kept."""


_ENOUGH = 1000


def cap(premises: Counter[str]) -> None:
    """Count premises up to a thousand only: what matters is whether a law was put to the test."""
    for law, count in premises.items():
        premises[law] = min(count, _ENOUGH)


@dataclass(frozen=True)
class Wish:
    """What is asked of a search; :class:`~layerproof.readings.explore.Explorer` says what each is."""

    subject: Subject
    sizes: Mapping[str, int]
    algebra: bool
    stop_at_first: bool
    progress: Callable[[Exploration], None]
    rules: Collection[str] | None
    wanted: Collection[Reached] | None
    most: int | None
    symmetry: bool

    @property
    def asked(self) -> list[Rule]:
        """The rules that are done."""
        return [r for r in self.subject.machine.rules if self.rules is None or r.name in self.rules]


class Steps:
    """The steps from a state, as the interpreted rules take them: in one universe and dialect."""

    def __init__(self, wish: Wish, ground: GroundMachine, rigid: Vector, dialect: str, values: Traits) -> None:
        """Prepare for a search."""
        self.ground, self.rigid, self.traits = ground, rigid, ground.traits(values)
        self._wish, self._dialect, self._values = wish, dialect, values

    @property
    def moves(self) -> list[tuple[GroundRule, list[list[Vector]]]]:
        """The rules, compiled when they are first asked for, and the choices of their arguments."""
        known: list[tuple[GroundRule, list[list[Vector]]]] | None = self.ground.kept.get("moves")
        if known is None:
            fresh = self._wish.subject.finite.fresh
            known = [(self.ground.rule(r.name), _alternatives(self.ground, r, fresh)) for r in self._wish.asked]
            self.ground.kept["moves"] = known
        return known

    @property
    def ties(self) -> frozenset[str]:
        """The symbols by which a step on one object is about another, too."""
        return self._wish.subject.finite.ties

    def all(self, state: Vector) -> Iterator[tuple[Rule, Event, Outcome]]:
        """Every step from a state; of those that differ only in a new object, one."""
        rigid, traits = self.rigid, self.traits
        for rule, choices in self.moves:
            given, run = rule.given, rule.run
            for alternatives in choices:
                for arguments in alternatives:
                    if given(state, state, rigid, traits, arguments):
                        outcome = run(state, rigid, traits, arguments)
                        yield rule.rule, Event(rule.rule.name, arguments, outcome.refusal), outcome
                        break

    def trace(self, events: tuple[Event, ...]) -> Trace:
        """A run from the initial state."""
        scene = Settled(self.ground.layout.sizes, self.rigid)
        return Trace(self._wish.subject.name, self._dialect, self._values, scene, events)


def _alternatives(ground: GroundMachine, rule: Rule, fresh: frozenset[str]) -> list[list[Vector]]:
    """Every choice of arguments; together those that differ only in a new object, where any stands for all."""
    alike = [n for n, p in enumerate(rule.parameters) if p.role != "named" and p.sort.name in fresh]
    grouped: dict[Vector, list[Vector]] = {}
    for arguments in ground.arguments(rule):
        key = tuple(a for n, a in enumerate(arguments) if n not in alike)
        grouped.setdefault(key, []).append(arguments)
    return list(grouped.values())
