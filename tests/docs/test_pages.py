"""Every snippet of the README and of docs/ is run, or at least read by the command line; links lead somewhere.

A comment above a block of commands says how: ``run`` runs them here and compares what the page shows (``…`` alone in
a line leaves out lines, at the end of a line the rest of it); ``mount`` does so only where mounts are required;
``status N`` is their exit status, and ``random`` ignores numbers and the widths of columns. Commands of ``sh`` blocks
are only parsed: they need root, a Docker, or minutes.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

import layermodel
import layerproof
from layerproof.cli import main
from layerproof.engines.registry import deviations
from layerproof.machines.registry import subject
from layerproof.subject import known_of
from mounts import needs

ROOT = Path(__file__).parents[2]
OWN_TEST = "machines.md"  # tests/toy does what is on it
RUN = "findings.md"  # test_findings runs what is on it
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (?P<how>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
RUNS = ("run", "mount")


def blocks(page: Path) -> list[tuple[str, str, str]]:
    return [(match["how"] or "", match["language"], match["text"]) for match in BLOCK.finditer(page.read_text())]


def having(language: str) -> list[object]:
    return [pytest.param(how, text, id=f"{page.name}-{number}") for page in PAGES if page.name != OWN_TEST
            for number, (how, spoken, text) in enumerate(blocks(page)) if spoken == language]


def shown(text: str, printed: str) -> bool:
    """Whether what is printed is what the page shows, but for what it leaves out."""
    pattern = ""
    for line in text.rstrip("\n").split("\n"):
        if line == "…":
            pattern += r"(?:.*\n)*"
        else:
            pattern += re.escape(line.removesuffix("…")) + (".*" if line.endswith("…") else "") + "\n"
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None


def plain(text: str) -> str:
    """Text without what random runs and clocks make another each time."""
    return re.sub(r"[ ]+", " ", re.sub(r"\d[\d,.]*", "N", text))


@pytest.fixture(autouse=True)
def _beside_the_samples(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def test_what_is_left_out_is_at_most_what_the_page_says():
    assert shown("a\n…\nd", "a\nb\nc\nd\n")
    assert shown("a …", "a b")
    assert not shown("a\nd", "a\nb\nd")
    assert not shown("a\n…\nd", "a\nb\nc")
    assert "N operations in N s" == plain("1,204  operations in 3.5 s")


@pytest.mark.parametrize(("how", "text"), having("python"))
def test_python_runs(how, text):
    exec(compile(text, "the page", "exec"), {"__name__": "page"})


@pytest.mark.parametrize(("how", "text"), having("console"))
def test_commands_print_what_the_page_shows(how, text):
    kind, _, rest = how.partition(":")
    said = [part.strip() for part in rest.split(",") if part.strip()]
    assert kind in RUNS, "a console block says how it is run"
    assert all(part == "random" or re.fullmatch(r"status \d", part) for part in said)
    if kind == "mount":
        if not os.environ.get("LAYERPROOF_REQUIRE_MOUNT"):
            pytest.skip("mounts are tried where they are required")
        needs("overlayfs")
    status = next((int(part.split()[1]) for part in said if part != "random"), 0)
    commands = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert "" == commands[0]
    for command in commands[1:]:
        line, _, expected = command.partition("\n")
        program, *arguments = shlex.split(line)
        assert "layerproof" == program
        done = CliRunner().invoke(main, arguments)
        assert status == done.exit_code, done.output
        pair = (expected, done.stdout)
        assert shown(*map(plain, pair) if "random" in said else pair), done.output


def simple(text: str) -> list[list[str]]:
    """The commands of a shell script, word by word, without ``sudo``."""
    found: list[list[str]] = []
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        words, command = list(lexer), list[str]()
        for word in [*words, ";"]:
            if set(word) <= set(";&|"):
                found += [command] if command else []
                command = []
            elif command or word != "sudo":
                command.append(word)
    return found


SCRIPTS = [pytest.param(text, id=f"{page.name}-{number}") for page in PAGES if page.name not in (OWN_TEST, RUN)
           for number, (_, language, text) in enumerate(blocks(page)) if language == "sh"]
COMMANDS = [pytest.param(command, id=f"{script.id}-{number}") for script in SCRIPTS
            for number, command in enumerate(simple(*script.values)) if Path(command[0]).name == "layerproof"]
ELSEWHERE = {"docker", "find", "tar"}  # what the pages have beside this project's own programs and Python's


class Reached(Exception):
    """The command would begin now."""


def reached(*_: object, **__: object) -> None:
    raise Reached


@pytest.fixture
def stopped(monkeypatch):
    """What commands do at last is not done. Everything is imported before, or it would keep what is put in its place."""
    for module in pkgutil.walk_packages(layerproof.__path__, "layerproof."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("readings.prove.prove.prove", "readings.drive.drive", "readings.explore.Explorer", "checks.check",
                 "readings.conform.conform", "readings.exhaust.exhaust", "readings.profile.profile", "readings.matrix.matrix", "readings.replay.replay", "mutants.matrix._filled"):
        monkeypatch.setattr(f"layerproof.{name}", reached)
    for module in ("engine", "profile"):
        monkeypatch.setattr(f"layerproof.commands.{module}.opened",
                            lambda *_: contextlib.nullcontext(SimpleNamespace(engine=None)))
        monkeypatch.setattr(f"layerproof.commands.{module}.check_fits", lambda *_: None)
    engine = SimpleNamespace(name="docker", version="20.10", dialect="docker")
    monkeypatch.setattr("layerproof.commands.matrix.opened",
                        lambda *_: contextlib.nullcontext(SimpleNamespace(engine=engine)))
    docker = importlib.import_module("layerproof.engines.docker.opening")
    monkeypatch.setattr(docker, "cleanup", reached)


@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_are_of_programs_that_are_known(text):
    assert 0 == subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    markers = {line.partition(":")[0] for line in declared["tool"]["pytest"]["ini_options"]["markers"]}
    for program, *words in simple(text):
        match Path(program).name, words:
            case "layerproof", _:
                pass  # see below
            case "python3", ["-m", "venv", ".venv"]:
                pass
            case "pip", ["install", "-q", "-c", constraints, what]:
                extra = re.fullmatch(r"\.\[(\w+)\]", what)
                assert (ROOT / constraints).is_file()
                assert extra is not None
                assert extra[1] in declared["project"]["optional-dependencies"]
            case "python", ["-m", "pytest", *rest]:
                assert all((ROOT / word).exists() for word in rest if "/" in word)
                assert "-m" not in rest or rest[rest.index("-m") + 1] in markers
            case name, _:
                assert name in ELSEWHERE


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("stopped")
def test_commands_that_need_more_begin(command):
    done = CliRunner().invoke(main, command[1:])
    assert isinstance(done.exception, Reached), done.output


@pytest.mark.parametrize("line", [
    "conform docker --sockets x", "conform overlay", "prove --machine unions", "mutants --reading guess",
    "prove --machine union --mutant none", "conform tmpfs --socket x", "replay samples/none.json"])
@pytest.mark.usefixtures("stopped")
def test_what_is_wrong_with_a_command_is_noticed(line):
    assert 2 == CliRunner().invoke(main, shlex.split(line)).exit_code


def test_commands_are_found_wherever_they_stand():
    assert [["a", "b c"], ["d"], ["e", "$(f -q)"]] == simple('a "b c" && sudo d | e "$(f -q)"  # g; h')
    assert ["README.md-0-2"] == [c.id for c in COMMANDS if c.id.startswith("README.md-0-")]


@pytest.mark.parametrize("text", [text for page in PAGES for _, language, text in blocks(page)
                                  if language == "text" and "KNOWN DEVIATION" in text])
def test_a_finding_on_a_page_is_one_that_is_listed(text):
    engine, version = re.match(r"KNOWN DEVIATION: (\S+) (\S+) breaks\n", text).groups()
    key, says = re.search(r"^  listed as ([\w-]+): (.*(?:\n    .*)*)", text, re.MULTILINE).groups()
    of, known = next((machine, d) for machine in ("store", "union") for d in deviations(machine) if d.key == key)
    assert [known] == known_of([known], SimpleNamespace(name=engine, version=version, options=[known.option]))
    assert shown(" ".join(says.split()), f"{known.says} ({known.source})")
    for law in known.laws:
        assert f" {law}: {subject(of).catalogue.law(law).statement} " in " ".join(text.split())
    operations = re.findall(r"^  \d+\. (\S+) (.*)$", text, re.MULTILINE)
    assert operations[-1][0] in (known.rules or (operations[-1][0],))
    for rule, arguments in operations:
        parameters = {p.name for p in subject(of).machine.rule_by_name[rule].parameters}
        assert {word.partition("=")[0] for word in arguments.split()} <= parameters


def parsed(line: str) -> click.Context:
    """Read a command as the command line does, and do nothing."""
    words = shlex.split(line.removeprefix("sudo "), comments=True)[1:]
    found = main.get_command(click.Context(main), words[0])
    assert found is not None, words[0]
    return found.make_context(words[0], words[1:])


def test_commands_in_the_text_are_known():
    for page in PAGES:
        for line in re.findall(r"`(layerproof [a-z]+ [^`]*)`", page.read_text()):
            assert parsed(line).params or "…" in line, line


def test_tests_that_are_named_are_there():
    for page in PAGES:
        for path in re.findall(r"\b(?:tests|benchmarks|samples)/[\w/]+\.(?:py|json|tar)\b", page.read_text()):
            assert (ROOT / path).is_file(), (page.name, path)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_page_is_linked_to():
    linked = {(page.parent / target).resolve() for page in PAGES
              for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())}
    assert set() == {page for page in PAGES[1:] if page.resolve() not in linked}


# Names.


def modules(package) -> set[str]:
    return {found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")}


def test_names_of_modules_are_right():
    wrong = []
    for page in PAGES:
        for name in re.findall(r"`((?:layermodel|layerproof)(?:\.\w+)+)`", page.read_text()):
            try:
                importlib.import_module(name)
            except ImportError:
                where, _, what = name.rpartition(".")
                if not hasattr(importlib.import_module(where), what):
                    wrong.append((page.name, name))
    assert [] == wrong


def test_the_architecture_page_has_a_line_for_every_module():
    room, listed = "", set()
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        if match := re.match(r"\*\*`([\w.]+)`\*\*", line):
            room = match[1]
            listed.add(room)
        elif match := re.match(r"\| `\.(\w+)` \|", line):
            listed.add(f"{room}.{match[1]}")
    there = modules(layermodel) | modules(layerproof)
    packages = {name for name in there if hasattr(importlib.import_module(name), "__path__")}
    assert there - packages == listed - packages


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    yield importlib.import_module("generate")
    sys.modules.pop("generate")


def test_generated_pages_are_what_would_be_generated(pages):
    stale = [name for name, what in pages.PAGES.items() if (ROOT / "docs" / name).read_text() != pages.page(*what)]
    assert [] == stale, "run `python docs/generate.py`"
