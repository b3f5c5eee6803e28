"""What judging an engine came to as JUnit XML: a test for each rule and each law, for whoever shows such reports.

Violated laws and departures from rules are failures; what was never reached, or ended early, is an error; what is
known of the engine or not applicable to it is skipped, each with its reason. There is no standard of the format;
no elements are used but those that Ant and Maven write.
"""

from __future__ import annotations

from xml.etree import ElementTree

from layerproof.commands.judged import EXCUSED, FAILED, UNKNOWN, Judged, Told
from layerproof.commands.layout import printable
from layerproof.commands.outcomes import text_of, told
from layerproof.subject import Subject

_TAGS = {FAILED: "failure", UNKNOWN: "error", EXCUSED: "skipped"}
"""The element that says what a state comes to."""


def junit_text(judged: Judged, subject: Subject, strict: bool = False) -> str:
    """The XML document.

    Args:
        strict: known deviations are failures, too.
    """
    suite = ElementTree.Element("testsuite", name=printable(f"{judged.engine} {judged.version}"))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in judged.figures.items():
        ElementTree.SubElement(properties, "property", name=name, value=printable(value))
    every = told(judged, subject, strict)
    for one in every:
        _test(suite, one, judged, subject)
    for comes_to, kind in ((FAILED, "failures"), (UNKNOWN, "errors"), (EXCUSED, "skipped")):
        suite.set(kind, str(sum(one.comes_to == comes_to for one in every)))
    suite.set("tests", str(len(every)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _test(suite: ElementTree.Element, one: Told, judged: Judged, subject: Subject) -> None:
    """A test for what is told, with all findings if it failed."""
    test = ElementTree.SubElement(suite, "testcase", classname=one.about, name=one.title)
    if one.comes_to in _TAGS:
        said = ElementTree.SubElement(test, _TAGS[one.comes_to], message=one.label, type=one.label)
        said.text = printable(text_of(one, judged, subject))
