"""What judging an engine came to, as data: one state for each rule, each law and the run as a whole.

Whatever is printed for people and programs (JUnit XML, HTML, Markdown, JSON) says these states, and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from layerproof.commands import certificate, report
from layerproof.commands.layout import counted
from layerproof.readings.conform import Conformance
from layerproof.readings.exhaust import Certificate
from layerproof.runs.finding import Finding, listed
from layerproof.runs.trouble import DIFFERS
from layerproof.subject import Subject

HELD, VIOLATED, DEPARTS, KNOWN = "held", "violated", "departs from the rule", "known deviation"
NOT_APPLICABLE, NEVER, INCOMPLETE = "not applicable", "never reached", "incomplete"

STATES: Mapping[str, str] = {
    HELD: "nothing differed that it is about",
    VIOLATED: "the engine breaks the law",
    DEPARTS: "the engine does otherwise than the rule says, and breaks no law",
    KNOWN: "what differed is listed as known of the engine",
    NOT_APPLICABLE: "the engine cannot express it",
    NEVER: "it, or one of its refusals, was not done, so that nothing is known of that",
    INCOMPLETE: "not all was done that was asked for",
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
        not_applicable: rules that the engine cannot express.
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
         "Nor what needs them": c.beyond, "Not compared, though the engine reports it": c.not_compared})


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


# What is told of each rule and each law.


def told(judged: Judged, subject: Subject, strict: bool = False) -> list[Told]:
    """The state of each rule, then of each law, then of the run.

    What breaks a law is told with the law, whatever rule shows it.

    Args:
        strict: known deviations are wrong, too.
    """
    begins = [""] if any(not finding.rule for finding in judged.findings) else []
    rules = [_rule(judged, name, strict) for name in [*begins, *(rule.name for rule in subject.machine.rules)]]
    laws = [_law(judged, law.id, law.statement, strict) for law in subject.catalogue.laws]
    return [*rules, *laws, _run(judged)]


def _rule(judged: Judged, rule: str, strict: bool) -> Told:
    name = rule or "begins empty"
    if rule in judged.not_applicable:
        return Told("rule", name, "", NOT_APPLICABLE, EXCUSED, "the engine cannot express it")
    departs = [n for n, f in _numbered(judged) if f.rule == rule and not f.breaks]
    of_findings = _found("rule", name, "", judged, departs, strict)
    if of_findings.comes_to == FAILED:
        return of_findings
    for texts, comes_to, where in ((judged.never, UNKNOWN, ""), (judged.nowhere, EXCUSED, " with these sizes")):
        if missing := [text for text in texts if text == rule or text.startswith(f"{rule} refused ")]:
            why = "; ".join("never done" if text == rule else f"never {text.removeprefix(rule).lstrip()}"
                            for text in missing) + where
            return Told("rule", name, "", NEVER, comes_to, f"{why}; and {of_findings.label}: {of_findings.why}"
                        if departs else why, findings=of_findings.findings)
    if departs:
        return of_findings
    broke = [n for n, f in _numbered(judged) if f.rule == rule and f.breaks]
    return Told("rule", name, why="what was found with it is told with the law that it breaks" if broke else "",
                findings=tuple(broke))


def _law(judged: Judged, identifier: str, statement: str, strict: bool) -> Told:
    breaks = [n for n, f in _numbered(judged) if identifier in f.breaks]
    return _found("law", identifier, statement, judged, breaks, strict)


def _run(judged: Judged) -> Told:
    if judged.incomplete:
        return Told("run", "complete", "", INCOMPLETE, UNKNOWN, judged.incomplete)
    return Told("run", "complete")


def _numbered(judged: Judged) -> Iterator[tuple[int, Finding]]:
    return enumerate(judged.findings, 1)


def _found(about: str, name: str, says: str, judged: Judged, numbers: Sequence[int], strict: bool) -> Told:
    """What is told for findings: the worst of them, or that it held if there is none."""
    findings = {n: judged.findings[n - 1] for n in numbers}
    worst = [n for n, f in findings.items() if strict or f.known is None] or list(findings)
    if not worst:
        return Told(about, name, says)
    first = findings[worst[0]]
    if first.known is not None and not strict:
        return Told(about, name, says, KNOWN, EXCUSED, first.known.says, first.known.key, findings=tuple(worst))
    return Told(about, name, says, state_of(first), FAILED, "", "", first.unstable, tuple(worst))


def state_of(finding: Finding) -> str:
    """The state that a finding brings about, whether or not it is known."""
    return finding.kind if finding.kind != DIFFERS else VIOLATED if finding.breaks else DEPARTS
