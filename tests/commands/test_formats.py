"""Every format tells the same of each rule and each law; what an engine says is inert in all of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from layermodel.language.ground import GroundMachine
from layerproof.cli import main
from layerproof.commands.data import SCHEMA, certificate_json, conformance_json, schema
from layerproof.commands.judged import STATES, Judged, of_certificate, of_conformance
from layerproof.commands.junit import junit_text
from layerproof.commands.markdown import fenced, markdown, words
from layerproof.commands.outcomes import told
from layerproof.commands.page import page
from layerproof.engines.directory.faults import faulty
from layerproof.errors import Contradiction, EngineHung, EngineUnreachable, Refused, Unintelligible
from layerproof.machines.registry import subject
from layerproof.readings.conform import conform
from layerproof.readings.exhaust import exhaust
from layerproof.runs.finding import Finding, States
from readings.test_known import FORGETS
from samples import a_trace
from toy.lock import SUBJECT, Forgetful, Lock

FILE = "tests/toy/lock.py"
HOSTILE = ("</pre></code></details><script>alert(1)</script><img src=x onerror=alert(1)> | \\| `` ```` "
           "\n````\n# title\n- [x](javascript:1) @everyone #1 https://evil.example www.evil.example\r\x00\x1b[31m\ud800"
           "\n</svg></style>--><!-- &lt; &#x3c; ]]> ~~~\n~~~~")


class Raises(Lock):
    def release(self, process):
        raise KeyError(HOSTILE)


class Departs(Lock):
    """It refuses for another reason than the rule has, and breaks no law."""

    def read(self, process):
        if process in self.readers:
            raise Refused("busy", HOSTILE)
        super().read(process)


class Reader(Lock):
    write = None


class Wavers(Lock):
    """It answers otherwise now and then."""

    calls = 0

    def release(self, process):
        type(self).calls += 1
        if type(self).calls % 7 == 6:
            raise KeyError(HOSTILE)
        super().release(process)


def misbehaves(error):
    class Ails(Lock):
        def log(self):
            return HOSTILE

        def revive(self):
            self.reset()

        def write(self, process):
            raise error(HOSTILE)

    return Ails


class Keeps(Lock):
    begun = False

    def reset(self):
        """Whatever is locked stays so."""
        if not self.begun:
            super().reset()
        self.begun = True


ENGINES = {
    "keeps": Keeps,
    "held": Lock, "violated": Forgetful, "departs": Departs, "raised": Raises, "reader": Reader, "wavers": Wavers,
    "died": misbehaves(EngineUnreachable), "hung": misbehaves(EngineHung),
    "known": Forgetful, "late": Lock, "unintelligible": misbehaves(Unintelligible), "contradicts": misbehaves(Contradiction)}


@cache
def judged(name):
    """What each came to, and the same as it is told; one that is known, and one that was not done to its end, too."""
    known = [FORGETS] if name == "known" else []
    result = conform(SUBJECT, ENGINES[name](), operations=300, most=2, deviations=known)
    if name == "late":
        result = replace(result, not_done=3, ended="it was gone", never=["read refused busy"])
    return result, of_conformance(result, SUBJECT, False, 0)


EVERY = pytest.mark.parametrize("name", ENGINES)


class Read(HTMLParser):
    """A page as it is read: open elements are closed in order, and nothing runs or is fetched."""

    VOID = ("meta", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.ids, self.links, self.rows, self.cell = [], set(), [], [], [], None
        self.feed(text)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.seen.add(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        assert not any(name.startswith("on") or name == "src" for name in given)
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert "svg" in self.open
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        if "td" in self.open:
            self.rows[-1][-1] += data


def of_junit(text):
    """Each rule and law with its state."""
    found = set()
    for case in ElementTree.fromstring(text).iter("testcase"):
        said = next(iter(case), None)
        found.add((case.get("classname"), case.get("name").partition(":")[0], "held" if said is None else said.get("message")))
    return found


def of_page(text):
    rows = [row for row in Read(text).rows if len(row) == 3 and row[1].split()[:1] in (["rule"], ["law"], ["run"])]
    return {(*row[1].split(" ", 1), row[0].split("\N{NO-BREAK SPACE}", 1)[1]) for row in rows}


def of_markdown(text):
    rows = re.findall(r"^\| ([^|]+) \| (rule|law|run) <code>([^|]+)</code> \| [^|]* \|$", text, re.MULTILINE)
    return {(about, unescape(name), unescape(state)) for state, about, name in rows}


def of_json(data):
    return {(one["about"], one["name"], f"{one['state']}{' ' + one['known'] if one['known'] else ''}"
             f"{', unstable' if one['unstable'] else ''}") for one in data["judged"]}


@EVERY
@pytest.mark.parametrize("strict", [False, True])
def test_every_format_tells_the_same(name, strict):
    result, what = judged(name)
    meant = {(one.about, one.name, one.label) for one in told(what, SUBJECT, strict)}
    assert len(meant) == len(SUBJECT.machine.rules) + len(SUBJECT.catalogue.laws) + 2
    assert meant == of_junit(junit_text(what, SUBJECT, strict)) == of_page(page(what, SUBJECT, strict))
    assert meant == of_markdown(markdown(what, SUBJECT, strict)) == of_json(conformance_json(result, SUBJECT, strict))


def test_every_state_is_told():
    """By some engine here; so the test above is about each."""
    assert {*STATES} == {one.state for name in ENGINES for one in told(judged(name)[1], SUBJECT)}
    assert any(one.unstable for one in told(judged("wavers")[1], SUBJECT))


@EVERY
def test_what_is_written_is_as_the_schema_says(name):
    data = json.loads(json.dumps(conformance_json(judged(name)[0], SUBJECT, False, 0)))
    Draft202012Validator(schema()).validate(data)
    assert SCHEMA == data["schema"]


@pytest.mark.parametrize("engine", [Lock, Forgetful, ENGINES["died"]])
def test_a_certificate_is_as_the_schema_says_and_tells_the_same(engine):
    certificate = exhaust(SUBJECT, engine())
    what, data = of_certificate(certificate, SUBJECT), json.loads(json.dumps(certificate_json(certificate, SUBJECT)))
    Draft202012Validator(schema()).validate(data)
    meant = {(one.about, one.name, one.label) for one in told(what, SUBJECT)}
    assert meant == of_json(data) == of_page(page(what, SUBJECT)) == of_markdown(markdown(what, SUBJECT))
    assert meant == of_junit(junit_text(what, SUBJECT))


def test_the_schema_takes_nothing_else():
    data = conformance_json(judged("violated")[0], SUBJECT, False, 0)
    valid = Draft202012Validator(schema())
    Draft202012Validator.check_schema(schema())
    for spoilt in (data | {"more": 1}, {k: v for k, v in data.items() if k != "judged"}, data | {"verdict": "fine"},
                   data | {"schema": "layerproof-report/0"},
                   data | {"findings": [data["findings"][0] | {"more": 1}]},
                   data | {"judged": [data["judged"][0] | {"state": "fine"}]}):
        assert not valid.is_valid(spoilt)


def test_the_schema_is_printed():
    printed = CliRunner().invoke(main, ["schema", "report"])
    assert (0, schema()) == (printed.exit_code, json.loads(printed.output))


# The page.


@EVERY
def test_a_page_is_whole_and_needs_nothing_beside_itself(name):
    text = page(judged(name)[1], SUBJECT)
    read = Read(text)
    assert not read.seen & {"script", "img", "link", "iframe", "object", "base", "form"}
    assert len(read.ids) == len(set(read.ids))
    assert all(link.startswith("#") and link[1:] in read.ids for link in read.links)
    assert not re.search(r"url\(|@import", text)
    assert ("findings" in read.ids) == bool(judged(name)[0].findings)


def test_a_page_tells_a_finding_step_by_step():
    result, what = judged("violated")
    text, finding = page(what, SUBJECT), result.findings[0]
    read = Read(text)
    assert f"finding-{len(result.findings)}" in read.ids
    assert finding.violations
    for told_so in (SUBJECT.catalogue.law("LOCK-3").statement, finding.violations[0].false[0], "release process=",
                    "expected", "observed", "forgetful", "1.0", "strict"):
        assert told_so in unescape(text)


def test_a_page_of_a_store_has_its_graph_before_and_after_with_what_differs():
    store = subject("store")
    engine = faulty("moved-tag-names-both")
    try:
        result = conform(store, engine, operations=500, complete=False, most=1)
    finally:
        engine.close()
    text = page(of_conformance(result, store), store)
    Read(text)
    drawings = [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    assert [False, True, True] == ["≠" in "".join(one.itertext()) for one in drawings]
    Draft202012Validator(schema()).validate(json.loads(json.dumps(conformance_json(result, store, False, 0))))
    assert "after_observed" in conformance_json(result, store)["findings"][0]


def test_a_page_shows_the_store_also_where_only_the_answer_differs():
    store, trace = subject("store"), a_trace()
    ground = GroundMachine(store.machine, trace.scene.sizes)
    state = ground.initial(trace.scene.rigid, ground.traits(trace.traits))
    finding = Finding(trace, (), states=States(trace.scene.rigid, state, state, state))
    what = Judged("docker", "1", [finding], (), ())
    text = page(what, store)
    Read(text)
    assert 3 == text.count("<svg ")
    for each in (text, markdown(what, store)):
        assert "Afterwards all that can be seen is as expected." in each
        assert "marks what differs" not in each


# Markdown.


@EVERY
def test_what_an_engine_says_is_inert_in_markdown(name):
    text, fence = markdown(judged(name)[1], SUBJECT), None
    for line in text.splitlines():
        if (found := re.fullmatch(r"(`{3,})(\w*)", line)) and (fence is None or (found[1] == fence and not found[2])):
            fence = found[1] if fence is None else None
        elif fence is not None:
            assert not re.match(f" {{0,3}}{fence}`*\\s*$", line)
        else:
            assert "alert" not in line or "<script" not in line
            assert not re.search(r"<(?!/?(?:code|details|summary)>)", line)
            assert not re.search(r"(?<!&)#1\b|@everyone|https://evil|www\.evil|\]\(", line)
            if line.startswith("|"):
                assert line.count("|") in (3, 4, 5, 7)
    assert fence is None


@pytest.mark.parametrize("text", ["", "`", "````\nx\n`````", HOSTILE, "```sh\nrm\n```"])
def test_no_text_closes_its_fence(text):
    first, *inside, last = fenced(text).split("\n")
    assert first == last + "text"
    assert not any(re.match(r"\s*" + last, line) for line in inside)


@pytest.mark.parametrize("text", ["- x", "1. x", "=====", "# x", "> x", "* x", "+ x", "a|b", "a\\|b", "_x_", "<b>", "&lt;"])
def test_words_mean_nothing_but_themselves(text):
    assert text == unescape(words(text))
    assert not re.match(r"[-=#>*+]|\d+[.)]", words(text))
    assert not re.search(r"[|\\<>*_`\[\]]|&(?!#\d+;)", words(text))


# The command.


@pytest.mark.parametrize("engine", ["Lock", "Forgetful"])
@pytest.mark.parametrize("options", [("--operations", "300"), ("--exhaust",)])
def test_the_exit_status_is_that_of_text(tmp_path, engine, options):
    ended = {}
    for format_ in ("text", "json", "junit", "html", "markdown"):
        path = tmp_path / format_
        result = CliRunner().invoke(main, ["conform", f"{FILE}:{engine}", "--machine-file", FILE, "--format", format_,
                                           "--output", str(path), *options])
        assert "" == result.output
        ended[format_] = result.exit_code
        assert path.read_text()
    assert {0 if engine == "Lock" else 1} == {*ended.values()}
    Read((tmp_path / "html").read_text())
    Draft202012Validator(schema()).validate(json.loads((tmp_path / "json").read_text()))


def test_what_was_asked_and_answered_is_told():
    """In the engine's own names: in JSON always, in text if it is asked for."""
    options = ["conform", "samples/forgetful.py:Forgetful", "--operations", "450"]
    data, text, plain = (CliRunner().invoke(main, [*options, *more]).stdout for more in (
        ["--format", "json"], ["--verbose"], []))
    finding = json.loads(data)["findings"][0]
    assert len(finding["trace"]["events"]) == len(finding["calls"])
    load = finding["calls"][0]
    assert "load" == load["call"]
    assert re.fullmatch("sha256:[0-9a-f]{64}", load["arguments"][0][0]["image"])
    assert load["arguments"][0][0]["image"] in "".join(text.split())
    assert "what was asked of it, and answered:" in text
    assert "what was asked of it" not in plain
