"""How ``conform`` has an engine judged: by random operations, or by every one; and what is kept meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from layerproof.commands.common import not_writable, record_trace
from layerproof.process.files import check_named
from layerproof.words import counted

if TYPE_CHECKING:
    from layerproof.commands.judged import Judged
    from layerproof.readings.conform import Conformance
    from layerproof.readings.exhaust import Certificate
    from layerproof.runs.finding import Finding
    from layerproof.subject import Subject


class Kept:
    """Keeps each finding as soon as it is made, should nothing follow: the first as a trace, all as lines of JSON.

    Attributes:
        number: how many there were.
    """

    def __init__(self, record: str | None, findings: str | None, subject: Subject) -> None:
        """Nothing was found yet; the file of findings is empty."""
        self.number, self._record, self._findings, self._subject = 0, record, findings, subject
        self._write("", "w")

    def __call__(self, finding: Finding) -> None:
        """Keep it.

        Raises:
            WrongRequest: if it cannot be written.
        """
        from layerproof.commands.data import finding_json

        self.number += 1
        self._write(json.dumps(finding_json(finding, self._subject)) + "\n", "a")
        if self.number == 1 and self._record is not None:
            record_trace(self._record, self._subject, [finding])

    def _write(self, text: str, mode: str) -> None:
        if self._findings is None:
            return
        try:
            with open(self._findings, mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise not_writable("findings", self._findings, error) from None


class Judging(Protocol):
    """A way of judging, whose results are its own."""

    def run(self, engine: Any, tell: Callable[[str], None], **options: Any) -> Any:
        """Judge it; ``tell`` is told how it goes."""

    def findings(self, result: Any) -> list[Finding]:
        """What was found."""

    def data(self, result: Any, strict: bool) -> Any:
        """What it came to, as JSON."""

    def text(self, result: Any, strict: bool) -> str:
        """What it came to, as text."""

    def judged(self, result: Any, strict: bool) -> Judged:
        """What it came to, rule by rule and law by law."""

    def held(self, result: Any, strict: bool) -> bool:
        """Whether all is as it should be."""


@dataclass(frozen=True)
class AtRandom:
    """Random operations."""

    judge: Subject
    operations: int | None
    seed: int
    kept: Kept
    verbose: bool = False

    def run(self, engine: Any, tell: Callable[[str], None], **options: Any) -> Conformance:
        """Judge it; ``tell`` is told how it goes."""
        from layerproof.readings.conform import conform

        return conform(self.judge, engine, operations=self.operations, seed=self.seed, progress=lambda n: tell(
            f"{n:,} operations, {counted(self.kept.number, 'finding')}"), **options)

    def findings(self, result: Conformance) -> list[Finding]:
        """What was found."""
        return result.findings

    def data(self, result: Conformance, strict: bool) -> Any:
        """What it came to, as JSON."""
        from layerproof.commands.data import conformance_json

        return conformance_json(result, self.judge, strict, self.seed)

    def text(self, result: Conformance, strict: bool) -> str:
        """What it came to, as text."""
        from layerproof.commands.report import conformance_text

        return conformance_text(result, self.judge, strict, self.verbose)

    def judged(self, result: Conformance, strict: bool) -> Judged:
        """What it came to, rule by rule and law by law."""
        from layerproof.commands.judged import of_conformance

        return of_conformance(result, self.judge, strict, self.seed)

    def held(self, result: Conformance, strict: bool) -> bool:
        """Whether all is as it should be."""
        from layerproof.commands.report import verdict_of

        return verdict_of(result, strict) == "held"


@dataclass(frozen=True)
class Exhausting:
    """Every step of few objects."""

    judge: Subject
    sizes: str | None
    everywhere: bool
    every_pair: bool
    resume: str | None
    kept: Kept
    verbose: bool = False

    def run(self, engine: Any, tell: Callable[[str], None], **options: Any) -> Certificate:
        """Judge it; ``tell`` is told how it goes."""
        from layerproof.readings.exhaust import exhaust

        if self.resume is not None:
            check_named(self.resume)
        return exhaust(
            self.judge, engine, sizes=() if self.sizes is None else [self.judge.sized(self.sizes)],
            everywhere=self.everywhere, every_pair=self.every_pair,
            resume=None if self.resume is None else Path(self.resume),
            progress=lambda c: tell(_progress(c)), **options)

    def findings(self, result: Certificate) -> list[Finding]:
        """What was found."""
        return [cause.finding for cause in result.causes.values()]

    def data(self, result: Certificate, strict: bool) -> Any:
        """What it came to, as JSON."""
        from layerproof.commands.data import certificate_json

        return certificate_json(result, self.judge, strict)

    def text(self, result: Certificate, strict: bool) -> str:
        """What it came to, as text."""
        from layerproof.commands.certificate import certificate_text

        return certificate_text(result, self.judge, strict, self.verbose)

    def judged(self, result: Certificate, strict: bool) -> Judged:
        """What it came to, rule by rule and law by law."""
        from layerproof.commands.judged import of_certificate

        return of_certificate(result, self.judge, strict)

    def held(self, result: Certificate, strict: bool) -> bool:
        """Whether all is as it should be."""
        from layerproof.commands.certificate import verdict_of

        return verdict_of(result, strict) == "certified"


def _progress(c: Certificate) -> str:
    left = sum(every.count for every in c.every)
    return (f"{sum(p.executed for p in c.parts):,} steps executed, {c.operations:,} operations, "
            f"{counted(len(c.causes), 'finding')}" + (f", {counted(left, 'pair')} left" if left else ""))


FORMATS = ("junit", "html", "markdown")
"""What a judgement is printed as beside text and JSON."""


def formatted(format_: str, judged: Judged, subject: Subject, strict: bool) -> str:
    """A judgement in one of :data:`FORMATS`; what takes long to import is imported for that one only."""
    if format_ == "junit":
        from layerproof.commands.junit import junit_text

        return junit_text(judged, subject, strict)
    if format_ == "html":
        from layerproof.commands.page import page

        return page(judged, subject, strict)
    from layerproof.commands.markdown import markdown

    return markdown(judged, subject, strict)
