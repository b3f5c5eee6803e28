"""What judging an engine came to, as data: one state for each rule, each law and the run as a whole.

Whatever is printed for people and programs (JUnit XML, HTML, Markdown, JSON) says these states, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from layerproof.commands import certificate, report
from layerproof.commands.layout import counted
from layerproof.readings.conform import Conformance
from layerproof.readings.exhaust import Certificate
from layerproof.runs.finding import Finding, listed
from layerproof.subject import Subject

HELD, VIOLATED, DEPARTS, KNOWN = "held", "violated", "departs from the rule", "known deviation"
NOT_APPLICABLE, NEVER, INCOMPLETE, NOT_KNOWN = "not applicable", "never reached", "incomplete", "not known"
NOT_EMPTY = "does not begin empty"

STATES: Mapping[str, str] = {
    HELD: "nothing differed that it is about, and it was put to the test",
    VIOLATED: "the engine breaks the law",
    DEPARTS: "the engine does otherwise than the rule says",
    NOT_EMPTY: "the engine is not empty where a run begins, or cannot be emptied",
    KNOWN: "what differed is listed as known of the engine",
    NOT_APPLICABLE: "the engine cannot express it, or there is nowhere with the sizes that were asked for",
    NEVER: "it, or one of its refusals, or all that a law is about, was not done",
    INCOMPLETE: "nothing differed, and not all was done that was asked for",
    NOT_KNOWN: "the law follows from rules, one of which the engine does not follow",
    "died": "the engine died, or could not be reached any more",
    "hung": "the engine did not answer in time",
    "unintelligible answer": "the engine answered what cannot be understood",
    "contradicts itself": "two answers of the engine cannot both be so",
    "raised": "the engine raised an exception that is no refusal",
}
"""The states with what they mean; the last five are ways to misbehave."""

PASSED, FAILED, UNKNOWN, EXCUSED = "passed", "failed", "unknown", "excused"
"""What a state comes to: as it should be; wrong; not known, though it is to be; not judged, which may be."""


@dataclass(frozen=True)
class Told:
    """What is told of a rule, a law, or the run as a whole.

    Attributes:
        about: ``rule``, ``law`` or ``run``.
        says: a law's statement.
        state: one of :data:`STATES`.
        comes_to: what that means for whoever asks whether all is well.
        why: in words.
        key: of the deviation that is known.
        unstable: what was found did not show each time that the same operations were done.
        findings: what it is told for: numbers of findings, from 1.
    """

    about: str
    name: str
    says: str = ""
    state: str = HELD
    comes_to: str = PASSED
    why: str = ""
    key: str = ""
    unstable: bool = False
    findings: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """The name, with what a law states."""
        return f"{self.name}: {self.says}" if self.says else self.name

    @property
    def label(self) -> str:
        """The state in words, with the name of what is known, and that it is unstable."""
        return f"{self.state}{f' {self.key}' if self.key else ''}{', unstable' if self.unstable else ''}"

    @property
    def sentence(self) -> str:
        """Why, as a sentence; nothing if there is nothing to say."""
        return _sentence(self.why) if self.why else ""


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


@dataclass(frozen=True)
class Table:
    """Rows below headings."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Judged:
    """What is told of a judgement, at random or of every step.

    Attributes:
        not_applicable: rules that the engine cannot express; ``beyond``: refusals that need them.
        never: rules and refusals that were never reached, and were to be.
        incomplete: why it is not all that was asked for; empty if it is.
        figures: of the run, by name.
        nowhere: rules and refusals that there are nowhere with the sizes that were asked for.
        verdict, concludes: in a word, and in a sentence.
        done: what was done and how often.
        sentences: what else is to be said of it.
        lists: the same as lists, by title.
        shown: how often each finding showed, where that was counted.
    """

    engine: str
    version: str
    findings: Sequence[Finding]
    not_applicable: Sequence[str]
    never: Sequence[str]
    incomplete: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    nowhere: Sequence[str] = ()
    verdict: str = ""
    concludes: str = ""
    done: Table | None = None
    sentences: Sequence[str] = ()
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shown: Sequence[int] = ()
    beyond: Sequence[str] = ()


def facts(judged: Judged, subject: Subject, strict: bool) -> dict[str, str]:
    """What stands at the top of a report, by name: who was judged, how, and by what."""
    return {"engine": judged.engine, "version": judged.version or "unknown", "machine": subject.name,
            **{name: value or "none" for name, value in judged.figures.items()},
            "known deviations": "fail the run" if strict else "do not fail the run"}


# What a reading came to.


def of_conformance(c: Conformance, subject: Subject, strict: bool = False, seed: int | None = None) -> Judged:
    """What judging by random operations came to."""
    statistics, left = c.statistics, f"{counted(c.not_done, 'operation')} not done" if c.not_done else ""
    unknown, known = listed(c.findings)
    verdict = report.verdict_of(c, strict)
    figures = {"dialect": c.dialect, "options": ",".join(c.options), "operations": str(statistics.steps),
               "runs": str(statistics.examples), **({} if seed is None else {"seed": str(seed)})}
    names = sorted({*statistics.done, *(rule for rule, _ in statistics.refused)})
    done = Table("What was done", ("rule", "done", "refused"), [
        (name, f"{statistics.done[name]:,}", ", ".join(
            f"{refusal} {times:,}" for (rule, refusal), times in sorted(statistics.refused.items())
            if rule == name) or "-") for name in names])
    return Judged(
        c.engine, c.version, c.findings, c.not_applicable, c.never, ": ".join(filter(None, (left, c.ended))),
        figures, (), verdict, _concluded(verdict, len(unknown), len(known)), done,
        [f"{report.done_text(statistics)}; after each the answer and the whole observable state were compared.",
         f"{counted(len(statistics.done), 'rule')} done, {counted(len(statistics.refused), 'refusal')} had, "
         f"{len(c.never):,} of both never reached."],
        {"Never reached": c.never, "Not applicable, as the engine cannot express them": c.not_applicable,
         "Nor what needs them": c.beyond, "Not compared, though the engine reports it": c.not_compared},
        beyond=c.beyond)


def of_certificate(c: Certificate, subject: Subject, strict: bool = False) -> Judged:
    """What executing every step came to."""
    steps, executed = (sum(getattr(part, name) for part in c.parts) for name in ("steps", "executed"))
    findings = [cause.finding for cause in c.causes.values()]
    unknown, known = listed(findings)
    verdict = certificate.verdict_of(c, strict)
    figures = {"dialect": c.dialect, "options": ",".join(c.options), "steps": str(steps),
               "executed": str(executed), "pairs": str(len(c.pairs)), "operations": str(c.operations)}
    done = Table("What was executed", certificate.HEADINGS, [certificate.row(part, subject) for part in c.parts])
    left = f"{steps - executed:,} of {steps:,} steps were not executed" if executed < steps or not steps else (
        "not every way in which one step can follow another was had")
    return Judged(
        c.engine, c.version, findings, c.not_applicable, (), "" if c.whole else c.ended or left,
        figures, c.never, verdict, _concluded(verdict, len(unknown), len(known)), done,
        [f"{certificate.done_text(c)}; after each the answer and the whole observable state were compared.",
         _sentence(certificate.pairs_text(c))],
        {"Nowhere with these sizes": c.never,
         "Not applicable, as the engine cannot express them": c.not_applicable},
        [cause.count for cause in c.causes.values()])


def _concluded(verdict: str, unknown: int, known: int) -> str:
    return f"{counted(unknown, 'finding')}, {counted(known, 'known deviation')}: {verdict}"
