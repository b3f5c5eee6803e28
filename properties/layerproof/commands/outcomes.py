"""What became of each rule and each law that an engine was judged by, and of the run as a whole.

Something *held* only if it was looked at: what was never reached, or not judged to the end, is another thing than
that nothing was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from layermodel.language.rules import Rule
from layerproof.commands.judged import (
    DEPARTS,
    EXCUSED,
    FAILED,
    HELD,
    INCOMPLETE,
    KNOWN,
    NEVER,
    NOT_APPLICABLE,
    NOT_EMPTY,
    NOT_KNOWN,
    PASSED,
    UNKNOWN,
    VIOLATED,
    Judged,
    Told,
)
from layerproof.commands.report import finding_text
from layerproof.laws.law import Kind, Law
from layerproof.runs.finding import Finding
from layerproof.runs.trouble import DIFFERS
from layerproof.subject import Subject

BEGINS, COMPLETE = "begins-empty", "complete"
"""What is told of the whole run: that the engine is empty before anything was done, and that all was done."""


def told(judged: Judged, subject: Subject, strict: bool = False) -> list[Told]:
    """The state of the run as a whole, of each rule, and of each law.

    Args:
        strict: known deviations are wrong, too.
    """
    tests = _Tests(judged, subject, strict)
    rules = {rule.name: tests.rule(rule) for rule in subject.machine.rules}
    return [tests.begins(), tests.complete(), *rules.values(),
            *(tests.law(law, rules) for law in subject.catalogue.laws)]


def text_of(one: Told, judged: Judged, subject: Subject) -> str:
    """Why something did not hold, in full: with the runs that show what is wrong."""
    if one.comes_to != FAILED:
        return one.why
    return "\n\n".join(finding_text(judged.findings[n - 1], subject) for n in one.findings)


def state_of(finding: Finding) -> str:
    """The state that a finding brings about, whether or not it is known."""
    return finding.kind if finding.kind != DIFFERS else VIOLATED if finding.breaks else DEPARTS


_DIFFERS = {"law": VIOLATED, "rule": DEPARTS, "run": NOT_EMPTY}


class _Tests:
    """What one judgement says of each."""

    def __init__(self, judged: Judged, subject: Subject, strict: bool) -> None:
        self.judged, self.subject, self.strict = judged, subject, strict
        lacking, nowhere = "the engine cannot express {}", "with the sizes that were asked for there is nowhere {}"
        self._not_there = dict.fromkeys((*judged.not_applicable, *judged.beyond), lacking) | dict.fromkeys(
            judged.nowhere, nowhere)

    def begins(self) -> Told:
        """That the engine is empty before anything was done."""
        return self._told(Told("run", BEGINS), lambda finding: not finding.rule, [], [])

    def complete(self) -> Told:
        """That all was done that was asked for."""
        return self._told(Told("run", COMPLETE), lambda finding: False, [], [])

    def rule(self, rule: Rule) -> Told:
        """That the engine does as a rule says, whether or not a law is broken where it does not."""
        steps = [rule.name, *(f"{rule.name} refused {refusal}" for refusal in rule.refused)]
        missing = [step for step in steps if step in self.judged.never]
        return self._told(Told("rule", rule.name), lambda finding: finding.rule == rule.name, steps[:1], missing)

    def law(self, law: Law, rules: Mapping[str, Told]) -> Told:
        """That a law is not broken, and was put to the test.

        Args:
            rules: what is told of these.
        """
        one, steps = Told("law", law.id, law.statement), self._steps(law)
        there = [step for step in steps if not self._is_nowhere(step)]
        missing = there if set(there) <= set(self.judged.never) else []
        said = self._told(one, lambda finding: law.id in finding.breaks, steps, missing)
        return self._follows(one, law, rules) if law.kind is Kind.ALGEBRAIC and not said.findings else said

    def _steps(self, law: Law) -> list[str]:
        """The steps, done or refused, any of which shows whether a law is kept."""
        rules = [rule for rule in self.subject.machine.rules if law.about(rule)]
        if not law.refusals:
            return [rule.name for rule in rules]
        return [f"{rule.name} refused {refusal}" for rule in rules for refusal in rule.refused
                if {"*", refusal} & set(law.refusals)]

    def _follows(self, one: Told, law: Law, rules: Mapping[str, Told]) -> Told:
        """A law about two runs. No engine is asked for both; it holds where each rule in them is followed."""
        assert law.runs is not None  # a law of its kind has them
        names = dict.fromkeys(name for name, _ in (*law.runs.left, *law.runs.right))
        for comes_to in (FAILED, UNKNOWN, EXCUSED):
            for rule in (rules[name] for name in names if rules[name].comes_to == comes_to):
                if comes_to == FAILED:
                    why = f"it follows from {rule.name}, which the engine does not follow"
                    return replace(one, state=NOT_KNOWN, comes_to=UNKNOWN, why=why, findings=rule.findings)
                return replace(rule, about=one.about, name=one.name, says=one.says,
                               why=f"it follows from {rule.name}: {rule.why}")
        return one

    def _told(
        self, one: Told, about: Callable[[Finding], bool], steps: Sequence[str], missing: Sequence[str],
    ) -> Told:
        """The worst that is to be said of something.

        Args:
            about: whether a finding is.
            steps: if there can be none of these, it is not applicable.
            missing: what was to be reached and was not.
        """
        found = {n: finding for n, finding in enumerate(self.judged.findings, 1) if about(finding)}
        wrong = [n for n, finding in found.items() if self.strict or finding.known is None]
        if wrong:
            first = found[wrong[0]]
            state = _DIFFERS[one.about] if first.kind == DIFFERS else first.kind
            return replace(one, state=state, comes_to=FAILED, unstable=first.unstable, findings=tuple(wrong))
        one = replace(one, findings=tuple(found))
        known = next((finding.known for finding in found.values() if finding.known is not None), None)
        if steps and all(map(self._is_nowhere, steps)):
            text = self._not_there.get(steps[0]) or self._not_there[steps[0].partition(" ")[0]]
            return replace(one, state=NOT_APPLICABLE, comes_to=EXCUSED, why=text.format("; ".join(steps)))
        if missing:
            ended = f" ({self.judged.incomplete})" if self.judged.incomplete else ""
            besides = f"; and known deviation {known.key}: {known.says}" if known is not None else ""
            return replace(one, state=NEVER, comes_to=UNKNOWN, why=f"{'; '.join(missing)}{ended}{besides}")
        if self.judged.incomplete:
            return replace(one, state=INCOMPLETE, comes_to=UNKNOWN, why=self.judged.incomplete)
        if known is not None:
            return replace(one, state=KNOWN, comes_to=EXCUSED, why=f"{known.says} ({known.source})", key=known.key)
        return replace(one, state=HELD, comes_to=PASSED)

    def _is_nowhere(self, step: str) -> bool:
        return step in self._not_there or step.partition(" ")[0] in self.judged.not_applicable
