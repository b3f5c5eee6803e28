"""How engines behave beside each other, as it is printed."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof.cli import main

PERL = str(Path(__file__).parents[2] / "samples" / "engines" / "minimal.pl")
OTHER = """
from layerproof import DirectoryEngine, Refused
class Own(DirectoryEngine):
    def __init__(self):
        super().__init__()
        self.name, self.capabilities = "own <b>", frozenset({"load", "tag", "create", "remove"})
    def tag(self, image, reference):
        if "@" in reference:
            raise Refused("digest-as-target", "first of all")
        super().tag(image, reference)
class Few(Own):
    def __init__(self):
        super().__init__()
        self.name = "few"
    tag = DirectoryEngine.tag
"""


def printed(tmp_path, *more, status=1):
    (tmp_path / "mine.py").write_text(OTHER)
    ended = CliRunner().invoke(main, ["matrix", f"{tmp_path}/mine.py:Few", f"{tmp_path}/mine.py:Own", *more],
                               env={"COLUMNS": "80"})
    assert status == ended.exit_code, ended.output
    return ended.stdout


def test_text(tmp_path):
    text = printed(tmp_path)
    assert re.search(r"≠ image: there is none; reference: a free digest; reference names image: no\n"
                     r"    few: no-such-image\n    own <b>: ✗ digest-as-target\n", text)
    assert "  container: created\n    few, own <b>: done, container goes\n" in text
    assert "✗ departs from its rules: the outcome was observed, and is neither" in text
    assert re.search(r"\d+ situations of 7 operations; in 1 engines were seen to behave\s+otherwise", text)
    assert max(map(len, text.splitlines())) <= 80
    differing = printed(tmp_path, "--differing")
    assert "≠" in differing
    assert "container goes" not in differing


def test_json(tmp_path):
    told = json.loads(printed(tmp_path, "--format", "json"))
    assert ["few", "own <b>"] == [column["name"] for column in told["columns"]]
    assert told["situations"] == len(told["rows"])
    row, = (row for row in told["rows"] if row["differs"])
    assert ("tag", "digest-as-target") == (row["operation"], row["cells"]["own <b>"]["outcome"])
    assert "departs from its rules" == row["cells"]["own <b>"]["standing"]
    assert [{"image": 0, "reference": 0}] == [
        {name: event[name] for name in ("image", "reference")} for event in row["cells"]["few"]["trace"]["events"]]
    assert row["cells"]["own <b>"]["finding"]["rule"] == "tag"
    assert all(cell["outcome"] for row in told["rows"] for cell in row["cells"].values())


def test_markdown(tmp_path):
    text = printed(tmp_path, "--format", "markdown")
    tables = re.findall(r"^\| situation \| .*$", text, re.MULTILINE)
    assert 7 == len(tables) == len(re.findall(r"^## ", text, re.MULTILINE))
    assert "<b>" not in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert {2} == widths


def test_the_page_is_one_of_well_formed_html(tmp_path):
    class Balanced(HTMLParser):
        depth, tables, text = 0, 0, ""

        def handle_starttag(self, tag, attributes):
            self.depth += tag not in ("meta", "!doctype")
            self.tables += tag == "table"

        def handle_endtag(self, tag):
            self.depth -= 1

        def handle_data(self, data):
            self.text += data

    parsed = Balanced()
    parsed.feed(printed(tmp_path, "--format", "html"))
    assert (0, 7) == (parsed.depth, parsed.tables)
    assert "own <b>" in parsed.text
    assert "✗ digest-as-target" in parsed.text


@pytest.mark.parametrize(("arguments", "says"), [
    (["directory,depth=3"], "'depth=3' in 'directory,depth=3' is no option of an engine with its value; known: dockerd"),
    (["docker,dockerd=a,dockerd=b"], "says dockerd twice"),
    (["directory,dockerd=a"], "the engine directory has no daemon"),
    (["directory", "memory"], "the engines of one table are to be of one machine"),
    (["memory"], "does not say by which aspects"),
    (["nothing"], "unknown engine 'nothing'"),
])
def test_what_is_wrong_is_one_sentence(arguments, says):
    ended = CliRunner().invoke(main, ["matrix", *arguments])
    assert 2 == ended.exit_code
    assert says in ended.output
    assert 1 == len(ended.output.splitlines())


def test_an_engine_in_another_language_is_a_column(tmp_path):
    (tmp_path / "mine.py").write_text(OTHER)
    ended = CliRunner().invoke(main, ["matrix", PERL, f"{tmp_path}/mine.py:Few", "--format", "json"])
    assert 0 == ended.exit_code, ended.output
    told = json.loads(ended.stdout)
    assert {"minimal", "few"} == {column["name"] for column in told["columns"]}
    assert not any(row["differs"] for row in told["rows"])
