"""What a class of tests asks of the judging of its engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Protocol

from layerproof.commands.judged import Judged, Told, of_certificate, of_conformance
from layerproof.commands.outcomes import text_of
from layerproof.commands.outcomes import told as every
from layerproof.errors import LayerproofError, WrongRequest
from layerproof.machines.registry import USUAL, subject
from layerproof.own import told
from layerproof.readings.conform import Conformance, conform
from layerproof.readings.drive import check_operations
from layerproof.readings.exhaust import Certificate, exhaust
from layerproof.runs.finding import Deviation
from layerproof.subject import Subject, Traits
from layerproof.words import counted

_MOST = 20
"""Different findings after which judging ends."""


class Options(Protocol):
    """The options of a run of pytest."""

    def getoption(self, name: str, default: Any) -> Any:
        """What was given of a name, or the default where there is no such option."""


@dataclass(frozen=True)
class Asked:
    """What is asked; what is None is as it is on the command line of ``layerproof conform``.

    Attributes:
        machine: by its name, or the user's own; the usual one, if it is None.
        sizes: with ``exhaust``, objects of each sort.
    """

    machine: str | Subject | None = None
    operations: int | None = None
    seed: int | None = None
    dialect: str | None = None
    traits: Mapping[str, bool] | None = None
    deviations: Sequence[Deviation] = ()
    strict: bool = False
    exhaust: bool = False
    sizes: Mapping[str, int] | None = None
    budget: float | None = None

    @cached_property
    def subject(self) -> Subject:
        """The machine.

        Raises:
            WrongRequest: if there is none of the name, or it has no rules or no laws to judge by.
        """
        asked = USUAL if self.machine is None else self.machine
        found = _named(asked) if isinstance(asked, str) else asked
        if not isinstance(found, Subject):
            raise WrongRequest(f"the machine {found!r} is neither a name nor a Subject")
        for what, there in (("rules", found.machine.rules), ("laws", found.catalogue.laws)):
            if not there:
                raise WrongRequest(f"the machine {found.name} has no {what}, so nothing would be judged by them")
        return found

    def check(self) -> None:
        """See that all that is asked can be, and that none of it would be ignored.

        Raises:
            WrongRequest: if something cannot, or would be.
        """
        if self.sizes is not None and not self.exhaust:
            raise WrongRequest("sizes go with exhaust=True")
        if self.exhaust and not (self.operations is None and self.seed is None):
            raise WrongRequest("operations and seed are for random operations; exhaust=True executes every one")
        if self.operations is not None:
            check_operations(self.operations)
        if self.budget is not None and not self.budget > 0:
            raise WrongRequest(f"the budget is a number of seconds above 0, not {self.budget:g}")
        self.subject.traits(() if self.dialect is None else (self.dialect,), self._settings)
        self._sizes()

    def by(self, options: Options) -> Asked:
        """The same, but for what was said for the run."""
        given = {name: options.getoption(f"--layerproof-{name}", None)
                 for name in ("budget", *(() if self.exhaust else ("operations", "seed")))}
        strict = self.strict or bool(options.getoption("--layerproof-strict", False))
        return replace(self, strict=strict, **{name: value for name, value in given.items() if value is not None})

    def outcomes(self, engine: Any) -> list[tuple[Told, str]]:
        """Judge an engine, and say what became of each test, and why in full.

        Raises:
            LayerproofError: if it cannot be judged, and nothing was found until that was clear.
        """
        judged = self._judged(engine)
        return [(one, text_of(one, judged, self.subject)) for one in every(judged, self.subject, self.strict)]

    def _judged(self, engine: Any) -> Judged:
        """Judge it; what ends the judging early leaves what was found by then."""
        try:
            judged = self._every(engine) if self.exhaust else self._random(engine)
        except LayerproofError as error:
            match error.so_far:
                case Conformance() as found:
                    judged = of_conformance(found, self.subject, self.strict, self.seed or 0)
                case Certificate() as found:
                    judged = of_certificate(found, self.subject, self.strict)
                case _:
                    raise
            return replace(judged, incomplete=str(error))
        if len(judged.findings) >= _MOST and not judged.incomplete:
            many = counted(len(judged.findings), "different finding")
            return replace(judged, incomplete=f"it ended after {many}")
        return judged

    def _random(self, engine: Any) -> Judged:
        seed = self.seed or 0
        result = conform(self.subject, engine, operations=self.operations, seed=seed, most=_MOST,
                         **self._held_to(engine))
        return of_conformance(result, self.subject, self.strict, seed)

    def _every(self, engine: Any) -> Judged:
        result = exhaust(self.subject, engine, sizes=self._sizes(), most=_MOST, **self._held_to(engine))
        return of_certificate(result, self.subject, self.strict)

    def _sizes(self) -> Sequence[Mapping[str, int]]:
        """The choice of sizes, if one was made."""
        if self.sizes is None:
            return ()
        return [self.subject.sized(",".join(f"{sort}={count}" for sort, count in self.sizes.items()) or None)]

    def _held_to(self, engine: Any) -> dict[str, Any]:
        """What the engine is held to, however it is judged."""
        return {"dialect": self.dialect, "traits": self._valuation(engine) if self.traits else None,
                "deviations": self.deviations, "budget": self.budget}

    def _valuation(self, engine: Any) -> Traits:
        """The traits of the engine's dialect, but for those that were given."""
        with told("the engine cannot be asked which dialect it speaks"):
            spoken = self.dialect or getattr(engine, "dialect", None) or next(iter(self.subject.dialects), "")
        return self.subject.traits((spoken,), self._settings)[spoken]

    @property
    def _settings(self) -> list[str]:
        return [f"{name}={str(value).lower()}" for name, value in (self.traits or {}).items()]


@cache
def _named(machine: str) -> Subject:
    """A machine by its name; what a file of the user's says is read once for all that is collected."""
    return subject(machine)
