"""What judging an engine came to, test by test: one for each rule and each law, and two for the whole run.

A test fails where an engine departs from a rule or breaks a law. It *held* only if that was looked at: what was
never reached, or not judged to the end, is *not judged*, which is another thing than that nothing was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from layermodel.language.rules import Rule
from layerproof.commands.layout import counted
from layerproof.commands.report import finding_text
from layerproof.laws.law import Kind, Law
from layerproof.readings.conform import Conformance
from layerproof.readings.exhaust import Certificate
from layerproof.runs.finding import Finding
from layerproof.runs.trouble import DIFFERS
from layerproof.subject import Subject

BEGINS, COMPLETE = "begins-empty", "complete"
"""The tests of the whole run: that the engine is empty before anything was done, and that all was done."""


State = Literal["held", "failed", "not judged", "known", "not applicable"]


@dataclass(frozen=True)
class Judged:
    """What is told of a judgement, at random or of every step.

    Attributes:
        not_applicable: rules that the engine cannot express; ``beyond``: refusals that need them.
        nowhere: rules and refusals that there cannot be with the sizes that were asked for.
        never: rules and refusals that were never reached.
        incomplete: why it is not all that was asked for; empty if it is.
        figures: of the run, by name.
    """

    engine: str
    version: str
    findings: Sequence[Finding]
    not_applicable: Sequence[str]
    never: Sequence[str]
    incomplete: str = ""
    figures: dict[str, str] = field(default_factory=dict)
    beyond: Sequence[str] = ()
    nowhere: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one test.

    Attributes:
        about: what it is a test of.
        name: of the rule, of the whole run (``BEGINS``, ``COMPLETE``), or the law's ID.
        title: the name, with what a law states.
        says: in a few words why it did not hold; empty if it did.
        text: that in full, with the runs that show it.
    """

    about: Literal["run", "rule", "law"]
    name: str
    title: str
    state: State = "held"
    says: str = ""
    text: str = ""


def of_run(result: Conformance, seed: int) -> Judged:
    """What is told of a judgement by random operations."""
    left = f"{counted(result.not_done, 'operation')} not done" if result.not_done else ""
    return Judged(
        result.engine, result.version, result.findings, result.not_applicable, result.never,
        ": ".join(filter(None, (left, result.ended))), {
            "dialect": result.dialect, "options": ",".join(result.options),
            "operations": str(result.statistics.steps), "runs": str(result.statistics.examples),
            "seed": str(seed)}, result.beyond)


def of_certificate(result: Certificate) -> Judged:
    """What is told of a judgement by every step; what is nowhere with the sizes asked for is not missed."""
    steps, executed = (sum(getattr(part, name) for part in result.parts) for name in ("steps", "executed"))
    left = "" if result.whole else result.ended or f"{steps - executed:,} of {steps:,} steps were not executed"
    return Judged(
        result.engine, result.version, [cause.finding for cause in result.causes.values()], result.not_applicable,
        (), left, {
            "dialect": result.dialect, "options": ",".join(result.options), "steps": str(steps),
            "executed": str(executed), "pairs": str(len(result.pairs)), "operations": str(result.operations)},
        nowhere=result.never)


def outcomes(judged: Judged, subject: Subject, strict: bool = False) -> list[Outcome]:
    """What became of all tests: those of the whole run, of the rules and of the laws.

    Args:
        strict: known deviations are failures, too.
    """
    tests = _Tests(judged, subject, strict)
    rules = {rule.name: tests.rule(rule) for rule in subject.machine.rules}
    return [tests.begins(), tests.complete(), *rules.values(),
            *(tests.law(law, rules) for law in subject.catalogue.laws)]


class _Tests:
    """The tests of one judgement."""

    def __init__(self, judged: Judged, subject: Subject, strict: bool) -> None:
        self.judged, self.subject, self.strict = judged, subject, strict
        lacking, nowhere = "the engine cannot express {}", "with the sizes that were asked for there is nowhere {}"
        self._not_there = dict.fromkeys((*judged.not_applicable, *judged.beyond), lacking) | dict.fromkeys(
            judged.nowhere, nowhere)

    def begins(self) -> Outcome:
        """That the engine is empty before anything was done."""
        test = Outcome("run", BEGINS, BEGINS)
        return self._found(test, [f for f in self.judged.findings if not f.rule]) or self._whole(test)

    def complete(self) -> Outcome:
        """That all was done that was asked for."""
        return self._whole(Outcome("run", COMPLETE, COMPLETE))

    def rule(self, rule: Rule) -> Outcome:
        """That the engine does as a rule says, whether or not a law is broken where it does not."""
        test, steps = Outcome("rule", rule.name, rule.name), [rule.name, *(
            f"{rule.name} refused {refusal}" for refusal in rule.refused)]
        found = self._found(test, [f for f in self.judged.findings if f.rule == rule.name])
        return (found or self._nowhere(test, steps[:1])
                or self._never(test, [step for step in steps if step in self.judged.never]) or self._whole(test))

    def law(self, law: Law, rules: dict[str, Outcome]) -> Outcome:
        """That a law is not broken, and was put to the test.

        Args:
            rules: what became of these.
        """
        test, steps = Outcome("law", law.id, f"{law.id}: {law.statement}"), self._steps(law)
        found = self._found(test, [f for f in self.judged.findings if law.id in broken_by(f)])
        if found is None and law.kind is Kind.ALGEBRAIC:
            return self._follows(test, law, rules)
        there = [step for step in steps if not self._is_nowhere(step)]
        missing = there if set(there) <= set(self.judged.never) else []
        return found or self._nowhere(test, steps) or self._never(test, missing) or self._whole(test)

    def _steps(self, law: Law) -> list[str]:
        """The steps, done or refused, any of which shows whether a law is kept."""
        rules = [rule for rule in self.subject.machine.rules if law.about(rule)]
        if not law.refusals:
            return [rule.name for rule in rules]
        return [f"{rule.name} refused {refusal}" for rule in rules for refusal in rule.refused
                if {"*", refusal} & set(law.refusals)]

    def _follows(self, test: Outcome, law: Law, rules: dict[str, Outcome]) -> Outcome:
        """A law about two runs. No engine is asked for both; it holds where each rule in them is followed."""
        assert law.runs is not None  # a law of its kind has them
        names = dict.fromkeys(name for name, _ in (*law.runs.left, *law.runs.right))
        for state in ("failed", "not judged", "not applicable", "known"):
            for rule in (rules[name] for name in names if rules[name].state == state):
                why = "which the engine does not follow" if state == "failed" else rule.text
                says = "not known" if state == "failed" else rule.says
                return _but(test, "not judged" if state == "failed" else rule.state, says,
                            f"it follows from {rule.name}: {why}")
        return self._whole(test)

    def _found(self, test: Outcome, findings: Sequence[Finding]) -> Outcome | None:
        """A failure if not all that was found is known; else what is known, if all was judged."""
        worst = [f for f in findings if self.strict or f.known is None]
        if worst:
            return _but(test, "failed", _kind(worst[0], test), "\n\n".join(
                finding_text(finding, self.subject) for finding in worst))
        known = next((f.known for f in findings if f.known is not None), None)
        if known is None or self.judged.incomplete:
            return None
        return _but(test, "known", f"known deviation {known.key}", f"{known.says} ({known.source})")

    def _is_nowhere(self, step: str) -> bool:
        return step in self._not_there or step.partition(" ")[0] in self.judged.not_applicable

    def _nowhere(self, test: Outcome, steps: Sequence[str]) -> Outcome | None:
        """That none of the steps can be had."""
        if not steps or not all(map(self._is_nowhere, steps)):
            return None
        text = self._not_there.get(steps[0]) or self._not_there[steps[0].partition(" ")[0]]
        return _but(test, "not applicable", "not applicable", text.format("; ".join(steps)))

    def _never(self, test: Outcome, missing: Sequence[str]) -> Outcome | None:
        """That steps were not reached that could be."""
        if not missing:
            return None
        return _but(test, "not judged", "never reached", "; ".join(missing) + (
            f" ({self.judged.incomplete})" if self.judged.incomplete else ""))

    def _whole(self, test: Outcome) -> Outcome:
        """As it is, if the run came to its end."""
        why = self.judged.incomplete
        return _but(test, "not judged", "incomplete", why) if why else test


def broken_by(finding: Finding) -> Sequence[str]:
    """The laws that a finding breaks, or as a known deviation is known to."""
    return finding.laws or (finding.known.laws if finding.known else ())


def _kind(finding: Finding, test: Outcome) -> str:
    """What a finding is to a test that is about it, in a few words."""
    if finding.kind != DIFFERS:
        return finding.kind
    kind = _FAILS[test.about]
    return f"{kind}, unstable" if finding.unstable else kind


_FAILS = {"law": "violated", "rule": "departs from the rule", "run": "does not begin empty"}
"""What a test fails with, by what it is about."""


def _but(test: Outcome, state: State, says: str, text: str) -> Outcome:
    return replace(test, state=state, says=says, text=text)
