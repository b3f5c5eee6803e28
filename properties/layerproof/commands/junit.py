"""What judging an engine came to as JUnit XML: a test for each rule and each law, for whoever shows such reports.

Violated laws and departures from rules are failures; what was never reached, or ended early, is an error; what is
known of the engine or not applicable to it is skipped, each with its reason. There is no standard of the format;
no elements are used but those that Ant and Maven write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from layerproof.commands.report import finding_text
from layerproof.runs.finding import Finding
from layerproof.subject import Subject


@dataclass(frozen=True)
class Judged:
    """What is told of a judgement, at random or of every step.

    Attributes:
        not_applicable: rules that the engine cannot express.
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


def junit_text(judged: Judged, subject: Subject, strict: bool = False) -> str:
    """The XML document.

    Args:
        strict: known deviations are failures, too.
    """
    suite = ElementTree.Element("testsuite", name=f"{judged.engine} {judged.version}")
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in judged.figures.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
    tests = [*_rules(suite, judged, subject, strict), *_laws(suite, judged, subject, strict)]
    whole = ElementTree.SubElement(suite, "testcase", classname="run", name="complete")
    if judged.incomplete:
        _says(whole, "error", "incomplete", judged.incomplete)
    tests.append(whole)
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(sum(test.find(tag) is not None for test in tests)))
    suite.set("tests", str(len(tests)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _rules(
    suite: ElementTree.Element, judged: Judged, subject: Subject, strict: bool,
) -> Iterable[ElementTree.Element]:
    """A test for each rule: that the engine does as it says. What breaks a law is told with the law."""
    begins = [""] if any(not finding.rule for finding in judged.findings) else []
    for rule in [*begins, *(rule.name for rule in subject.machine.rules)]:
        test = ElementTree.SubElement(suite, "testcase", classname="rule", name=rule or "begins empty")
        missing = [text for text in judged.never if text == rule or text.startswith(f"{rule} refused ")]
        departs = [f for f in judged.findings if f.rule == rule and not _breaks(f)]
        if rule in judged.not_applicable:
            _says(test, "skipped", "not applicable", "the engine cannot express it")
        elif not _found(test, departs, subject, strict) and missing:
            _says(test, "error", "never reached", "; ".join(missing))
        yield test


def _laws(
    suite: ElementTree.Element, judged: Judged, subject: Subject, strict: bool,
) -> Iterable[ElementTree.Element]:
    """A test for each law."""
    for law in subject.catalogue.laws:
        test = ElementTree.SubElement(suite, "testcase", classname="law", name=f"{law.id}: {law.statement}")
        _found(test, [f for f in judged.findings if law.id in _breaks(f)], subject, strict)
        yield test


def _breaks(finding: Finding) -> Sequence[str]:
    return finding.laws or (finding.known.laws if finding.known else ())


def _found(test: ElementTree.Element, findings: Sequence[Finding], subject: Subject, strict: bool) -> bool:
    """Say in a test what was found that it is about, a failure if not all is known; return whether any was."""
    worst = [f for f in findings if strict or f.known is None] or findings
    if not worst:
        return False
    first = worst[0]
    if first.known is not None and not strict:
        _says(test, "skipped", f"known deviation {first.known.key}", first.known.says)
        return True
    kind = "violated" if _breaks(first) else "departs from the rule"
    kind = first.kind if first.kind != "differs" else f"{kind}, unstable" if first.unstable else kind
    _says(test, "failure", kind, "\n\n".join(finding_text(finding, subject) for finding in worst))
    return True


def _says(test: ElementTree.Element, tag: str, message: str, text: str) -> None:
    ElementTree.SubElement(test, tag, message=message, type=message).text = "".join(
        c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
