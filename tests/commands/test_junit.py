"""JUnit XML tells each rule and each law apart, and what was not judged from what held."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.commands.judged import Judged
from layerproof.commands.junit import junit_text
from layerproof.readings.conform import conform
from readings.test_known import FORGETS
from toy.lock import SUBJECT, Forgetful, Lock

FILE = "tests/toy/lock.py"


def cases(text):
    suite = ElementTree.fromstring(text).find("testsuite")
    return suite, {(case.get("classname"), case.get("name").partition(":")[0]):
                   {child.tag: child.get("message") for child in case} for case in suite.iter("testcase")}


def case_of(suite):
    return {case.get("name").partition(":")[0]: case for case in suite.iter("testcase")}


def told(result, strict=False, **other):
    return cases(junit_text(replace(Judged(
        result.engine, result.version, result.findings, result.not_applicable, result.never), **other), SUBJECT, strict))


def test_what_held_has_nothing():
    suite, found = told(conform(SUBJECT, Lock(), operations=300))
    assert {("rule", r.name) for r in SUBJECT.machine.rules} | {("law", law.id) for law in SUBJECT.catalogue.laws} | {
        ("run", "complete"), ("run", "begins-empty")} == found.keys()
    assert all(not value for value in found.values())
    assert (str(len(found)), "0", "0", "0") == tuple(suite.get(n) for n in ("tests", "failures", "errors", "skipped"))


def test_a_broken_law_is_a_failure_with_the_run():
    suite, found = told(conform(SUBJECT, Forgetful(), operations=300))
    assert {"failure": "violated"} == found["law", "LOCK-3"]
    assert {} == found["law", "LOCK-1"] == found["rule", "read"]
    assert {"failure": "departs from the rule"} == found["rule", "release"]
    assert {"error": "not known"} == found["law", "LOCK-5"]  # it is about releasing, too
    assert "3. release process=" in case_of(suite)["LOCK-3"].find("failure").text
    assert ("2", "1") == (suite.get("failures"), suite.get("errors"))


def test_what_is_known_is_skipped_unless_it_is_strict():
    result = conform(SUBJECT, Forgetful(), operations=300, deviations=[FORGETS])
    assert {"skipped": "known deviation forgets"} == told(result)[1]["law", "LOCK-3"]
    assert {"failure": "violated"} == told(result, strict=True)[1]["law", "LOCK-3"]


class Raises(Lock):
    def release(self, process):
        raise KeyError("nobody")


def test_what_departs_from_a_rule_is_a_failure_of_the_rule():
    result = conform(SUBJECT, Raises(), operations=300, most=1)
    assert {"failure": "raised"} == told(result)[1]["rule", "release"]


def test_what_was_not_judged_did_not_pass():
    class Reader(Lock):
        write = None

    result = conform(SUBJECT, Reader(), operations=300)
    found = told(result, never=["read refused busy"], incomplete="3 operations not done")[1]
    assert {"skipped": "not applicable"} == found["rule", "write"]
    assert {"error": "never reached"} == found["rule", "read"]
    assert {"error": "incomplete"} == found["run", "complete"]


def test_characters_that_xml_has_not_are_replaced():
    result = conform(SUBJECT, Raises(), operations=300, most=1)
    finding = replace(result.findings[0], detail="a\x00b\x1b")
    assert "a\N{REPLACEMENT CHARACTER}b" in case_of(told(result, findings=[finding])[0])["release"].find("failure").text


@pytest.mark.parametrize("options", [("--operations", "300"), ("--exhaust",)])
def test_the_command_writes_it(tmp_path, options):
    path = tmp_path / "report.xml"
    result = CliRunner().invoke(main, ["conform", f"{FILE}:Forgetful", "--machine-file", FILE, "--format", "junit",
                                       "--output", str(path), *options])
    assert (1, "") == (result.exit_code, result.output)
    suite, found = cases(path.read_text())
    assert ("forgetful 1.0", {"failure": "violated"}) == (suite.get("name"), found["law", "LOCK-3"])
    assert ("dialect", "strict") in {(p.get("name"), p.get("value")) for p in suite.find("properties")}


def test_what_was_never_reached_is_not_hidden_by_what_is_known():
    """Or all would be skipped or passed in a run that is incomplete."""
    result = conform(SUBJECT, Raises(), operations=300, most=1)
    known = [replace(result.findings[0], known=replace(FORGETS, laws=()))]
    found = told(result, findings=known, never=["release refused not-held"])
    assert {"error": "never reached"} == found[1]["rule", "release"]
    assert "release refused not-held; and known deviation forgets" in case_of(found[0])["release"].find("error").text


def test_what_there_is_nowhere_with_the_sizes_is_skipped():
    found = told(conform(SUBJECT, Lock(), operations=300), nowhere=["read", "read refused busy"], never=[])
    assert {"skipped": "not applicable"} == found[1]["rule", "read"]
    assert "with the sizes that were asked for there is nowhere read" == case_of(found[0])["read"].find("skipped").text
