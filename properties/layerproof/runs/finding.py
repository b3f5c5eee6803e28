"""What was found: a law that is broken, or an engine that is not as the model says, with the run that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from layermodel.language.ground import Vector
from layerproof.errors import UNCLASSIFIED, WrongRequest
from layerproof.laws.law import Law
from layerproof.laws.mutant import Change
from layerproof.runs.trace import Trace
from layerproof.runs.trouble import DIFFERS


@dataclass(frozen=True)
class Violation:
    """A law that does not hold: which, for which objects, and which of its conclusions are false."""

    law: str
    false: tuple[str, ...]
    variables: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Difference:
    """One thing in which an engine and the model differ.

    Attributes:
        what: ``answer``, ``mtime``, ``size`` …
        where: the object, or nothing.
        law: one that says that it may not differ, if that is known without looking further.
        tags: what the object is, for telling known deviations.
        figure: it is reported, and follows from what is there.
    """

    what: str
    expected: str
    observed: str
    where: str = ""
    law: str = ""
    tags: frozenset[str] = frozenset()
    figure: bool = False

    def __str__(self) -> str:
        """One line."""
        where = f" of {self.where}" if self.where else ""
        return f"{self.what}{where}: expected {self.expected}, observed {self.observed}"


def _never(difference: Difference) -> bool:
    return False


def _unsaid(rule: str, difference: Difference) -> bool:
    """What stands in another process for what a deviation says; nothing is judged there."""
    raise NotImplementedError


@dataclass(frozen=True)
class Deviation:
    """A departure that is known of an engine; it excuses what it says and nothing beside it.

    What the engine does is said in one of two ways: of a whole step, by ``change`` and ``apart``, or of single
    differences, by ``shows``.

    Attributes:
        key: a stable name for it.
        engine: of which it is known.
        versions: of the engine in which it is known, as a version specifier (PEP 440); for overlayfs the kernel's.
        laws: that are broken, and no others.
        says: one sentence.
        source: a measurement or a public thread.
        rules: the operations with which it shows; all if empty, which ``change`` does not allow.
        change: what the engine does instead of the rule, as a mutant of the machine does; answer and store are to
            be what that comes to.
        apart: symbols of which what is shown need not be so, and the law that is so of the step with them.
        shows: whether a difference after an operation (a rule's name) is this one.
        brings: whether a difference that would not be known by itself comes of this one, where both are.
        lasting: what differs goes on to differ without doing harm; a run looks past it and goes on.
        option: the option of the engine, or the condition, without which it is not known.

    Raises:
        WrongRequest: if it does not say what the engine does.
    """

    key: str
    engine: str
    versions: str
    laws: tuple[str, ...]
    says: str
    source: str
    rules: tuple[str, ...] = ()
    change: Change | None = None
    apart: Apart | None = None
    shows: Callable[[str, Difference], bool] | None = None
    brings: Callable[[Difference], bool] = _never
    lasting: bool = False
    option: str = ""

    def __post_init__(self) -> None:
        """See that it says one thing."""
        if self.exact == (self.shows is not None) or (self.exact and not self.rules):
            raise WrongRequest(f"the deviation {self.key} is to say what is done instead of which rules, or which "
                               "differences are known")

    @property
    def exact(self) -> bool:
        """Whether it says of the whole step what the engine does."""
        return self.change is not None or self.apart is not None

    def about(self, rule: str) -> bool:
        """Whether it can show with an operation."""
        return not self.rules or rule in self.rules


@dataclass(frozen=True)
class Apart:
    """Symbols that a step may leave otherwise than its rule says, and what is so of the step then: a step law."""

    symbols: tuple[str, ...]
    law: Law


@dataclass(frozen=True)
class States:
    """The states around the last operation of a finding, over rigid values: before, as expected, as observed."""

    rigid: Vector
    before: Vector
    expected: Vector
    observed: Vector


@dataclass(frozen=True)
class _Written:
    """A script that is written already, or none."""

    text: str | None = None

    def __call__(self) -> str | None:
        return self.text


@dataclass(frozen=True)
class Finding:
    """Something that was found, with the run that shows it.

    Attributes:
        trace: the run; its last operation shows it.
        laws: the laws that are broken there; empty if an engine departs from the rule only.
        violations: the same with objects and false conclusions, as far as they are known.
        engine, version: what departs; empty for a law that the machine itself breaks.
        expected, observed: the refusals answered to the last operation, None for done.
        detail: the engine's own words.
        differences: between what was expected and what is there.
        states: around the last operation.
        kind: ``differs``, or how the engine misbehaved: see :class:`~layerproof.runs.trouble.Trouble`.
        log: what the engine's own log said last, where it misbehaved.
        again: in how many of how many further runs of the same operations it showed again, as far as that was
            tried.
        known: the deviation that the engine's catalogue lists, if it does.
        script: makes a shell script that shows it, or None.
        calls: what was really asked of the engine in the run, and what it answered, as far as that is known: see
            :class:`~layerproof.subject.Answer`.
    """

    trace: Trace
    laws: tuple[str, ...]
    violations: tuple[Violation, ...] = ()
    engine: str = ""
    version: str = ""
    expected: str | None = None
    observed: str | None = None
    detail: str = ""
    differences: tuple[Difference, ...] = ()
    states: States | None = None
    kind: str = DIFFERS
    log: str = ""
    again: tuple[int, int] = (0, 0)
    known: Deviation | None = None
    script: Callable[[], str | None] = _Written()
    calls: tuple[Mapping[str, Any], ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to another process: data, and not the functions that made it."""
        known = self.known and replace(self.known, change=None, apart=None, shows=_unsaid, brings=_never)
        return {**self.__dict__, "known": known, "script": _Written(self.script())}

    @property
    def rule(self) -> str:
        """The operation that shows it; empty if what was begun with departs already."""
        return self.trace.events[-1].rule if self.trace.events else ""

    @property
    def breaks(self) -> tuple[str, ...]:
        """The laws that are broken, by what was seen or by what is known of the engine."""
        return self.laws or (self.known.laws if self.known else ())

    @property
    def unstable(self) -> bool:
        """Whether it did not show each time that the same operations were done again."""
        shown, tried = self.again
        return shown < tried

    @property
    def signature(self) -> tuple[object, ...]:
        """What makes two findings the same one: the operation, both answers, and what broke or differs first.

        A figure that an engine reports wrongly, though all that it is computed from is right, is one finding,
        whatever operation it shows after.
        """
        if self.known is not None:
            return (self.known.key,)
        if self.differences and all(d.figure for d in self.differences):
            return ("figure", self.differences[0].what)
        broke = self.laws[:1] if not self.differences else self.differences[0].what
        return (self.rule, self.expected, self.observed, broke)

    @property
    def manner(self) -> tuple[object, ...] | None:
        """What one unstable finding has in common with others of the same cause, whatever was done; or None."""
        if self.kind != DIFFERS or self.observed == UNCLASSIFIED:
            return (self.kind, self.observed)
        return None


def listed(findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Tell findings that are not listed as known from those that are."""
    every = list(findings)
    return [f for f in every if f.known is None], [f for f in every if f.known is not None]
