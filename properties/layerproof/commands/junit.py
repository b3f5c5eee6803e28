"""What judging an engine came to as JUnit XML: a test for each rule and each law, for whoever shows such reports.

Violated laws and departures from rules are failures; what was never reached, or ended early, is an error; what is
known of the engine or not applicable to it is skipped, each with its reason. There is no standard of the format;
no elements are used but those that Ant and Maven write.
"""

from __future__ import annotations

from xml.etree import ElementTree

from layerproof.commands.outcomes import Judged, Outcome, outcomes
from layerproof.subject import Subject

_TAGS = {"failed": "failure", "not judged": "error", "known": "skipped", "not applicable": "skipped"}
"""What says that a test did not hold, by its state."""


def junit_text(judged: Judged, subject: Subject, strict: bool = False) -> str:
    """The XML document.

    Args:
        strict: known deviations are failures, too.
    """
    suite = ElementTree.Element("testsuite", name=f"{judged.engine} {judged.version}")
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in judged.figures.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
    told = outcomes(judged, subject, strict)
    for one in told:
        _test(suite, one)
    tags = [_TAGS.get(one.state) for one in told]
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(tags.count(tag)))
    suite.set("tests", str(len(told)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _test(suite: ElementTree.Element, told: Outcome) -> None:
    """A test, with what there is to say of it."""
    test = ElementTree.SubElement(suite, "testcase", classname=told.about, name=told.title)
    if told.state in _TAGS:
        says = ElementTree.SubElement(test, _TAGS[told.state], message=told.says, type=told.says)
        says.text = "".join(
            c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in told.text)
