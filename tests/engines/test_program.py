"""A program in any language is judged as an engine, whatever it does."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.engines.program.engine import ProgramEngine
from layerproof.errors import EngineHung, EngineUnreachable, Refused, Unintelligible, WrongRequest
from layerproof.machines.registry import subject
from layerproof.machines.store.engine import ContainerSeen, Engine, ImageSeen, Observation
from layerproof.machines.store.messages import METHODS, arguments, observation, request, schema, shown
from layerproof.readings.conform import conform
from layerproof.readings.exhaust import exhaust

ROOT = Path(__file__).parents[2]
SERVED = shlex.join([sys.executable, str(ROOT / "tests" / "served.py")])
ONE = {"Layer": 1, "Image": 1, "Reference": 1, "Content": 1}
HELLO = {"messages": 1, "name": "mine", "version": "1", "dialect": "docker", "capabilities": ["tag"]}


LANGUAGES = {
    "perl": ("pl", ["-MArchive::Tar", "-MDigest::SHA", "-MJSON::PP", "-e", "1"], "        refuse('used-by-container') if used($id);\n"),
    "node": ("js", ["-e", "[].at(0)"], "refuse(those(containers, 'image', image).length, 'used-by-container');"),
    "ruby": ("rb", ["-rdigest", "-rjson", "-e", "eval('image = 1; {image:}')"],
             "refuse(rows(@containers, :image, image).any?, 'used-by-container');"),
    "go": ("go", ["version"], "refuse(len(users(ask.Image)) > 0, \"used-by-container\"); "),
}
"""Of each language the ending of its example, what shows that it is there, and what looks for containers."""


def sample(language):
    """The example in a language, if that can be run here."""
    ending, trial, _ = LANGUAGES[language]
    try:
        there = subprocess.run([language, *trial], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        there = False
    if not there:
        required = language in os.environ.get("LAYERPROOF_REQUIRE_LANGUAGES", "").split(",")
        (pytest.fail if required else pytest.skip)(f"needs {language} with its standard library")
    return ROOT / "samples" / "engines" / f"minimal.{ending}"


def test_the_examples_are_small_and_each_is_judged():
    lines = {path.suffix[1:]: sum(1 for line in path.read_text().splitlines() if line.strip()[:1] not in ("", "#", "/"))
             for path in (ROOT / "samples" / "engines").iterdir()}
    assert {ending for ending, _, _ in LANGUAGES.values()} == lines.keys()
    assert max(lines.values()) <= 60


def test_a_language_that_is_required_is_not_skipped(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("LAYERPROOF_REQUIRE_LANGUAGES", "perl,node")
    with pytest.raises(pytest.fail.Exception, match="needs node"):
        sample("node")
    with pytest.raises(pytest.skip.Exception, match="needs ruby"):
        sample("ruby")


def runnable(path, folder):
    """The program of an example, which may have to be made first."""
    if path.suffix != ".go":
        return str(path)
    subprocess.run(["go", "build", "-o", folder / "engine", path], check=True,
                   env={**os.environ, "HOME": str(folder), "GOFLAGS": "-modcacherw"})
    return str(folder / "engine")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_engine_of_seven_operations_holds_and_is_certified(language, tmp_path):
    engine = ProgramEngine(runnable(sample(language), tmp_path))
    try:
        judged = conform(subject("store"), engine, operations=450)
        certificate = exhaust(subject("store"), engine, sizes=[ONE])
    finally:
        engine.close()
    assert ([], [], "certified") == (judged.findings, judged.never, certificate.verdict)
    assert ["remove refused is-paused", "remove refused is-running",
            "remove-by-id refused used-by-running-container"] == judged.beyond
    assert {"commit", "start"} <= {*judged.not_applicable}


def test_one_that_does_not_say_what_it_speaks_is_found_out_and_held_to_that(tmp_path):
    right = sample("perl").read_text()
    said = "dialect => 'docker', "
    assert 1 == right.count(said)
    silent = tmp_path / "silent.pl"
    silent.write_text(right.replace(said, ""))
    silent.chmod(0o755)
    ended = CliRunner().invoke(main, ["profile", str(silent), "--format", "json"])
    assert 0 == ended.exit_code, ended.output
    told = json.loads(ended.output)
    assert (None, "open", True) == (told["says"], told["verdict"], "docker" in told["dialects"])
    assert told["traits"]["parent_needs_no_child"] is True
    assert told["traits"]["paused_can_stop"] is None
    ended = CliRunner().invoke(main, ["conform", str(silent), "--operations", "300"])
    assert 0 == ended.exit_code, ended.output
    assert re.search(r"layerproof: minimal 1 speaks docker.* \(found by \d+ operations", ended.stderr)
    assert "minimal (1) as docker" in ended.stdout


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_that_removes_what_a_container_uses_is_found_out(language, tmp_path):
    right = sample(language)
    looks = LANGUAGES[language][2]
    assert 1 == right.read_text().count(looks)
    wrong = tmp_path / right.name
    wrong.write_text(right.read_text().replace(looks, ""))
    wrong.chmod(0o755)
    engine = ProgramEngine(runnable(wrong, tmp_path))
    try:
        judged = conform(subject("store"), engine, operations=450, complete=False)
        certificate = exhaust(subject("store"), engine, sizes=[ONE])
    finally:
        engine.close()
    assert "violated" == certificate.verdict
    assert {"remove-by-id"} == {finding.trace.events[-1].rule for finding in judged.findings}
    assert "DEP-1" in {law for finding in judged.findings for law in finding.laws}


def test_an_engine_that_is_served_is_judged_as_it_is():
    engine = ProgramEngine(SERVED)
    try:
        judged = conform(subject("store"), engine, operations=450, complete=False)
    finally:
        engine.close()
    assert ([], "served") == (judged.findings, judged.engine)
    assert judged.statistics.steps >= 450


def program(folder, body, name="engine"):
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport json, sys, time, os, signal\ndef say(x): print(json.dumps(x), flush=True)\n"
                    f"HELLO = {HELLO!r}\n{body}")
    path.chmod(0o755)
    return str(path)


WELL = """
for line in sys.stdin:
    do = json.loads(line)["do"]
    say({"result": HELLO if do == "hello" else {"images": [], "containers": []} if do == "observe" else None})
"""
SICK = {
    "died": ("sys.exit(7)", EngineUnreachable, r"ended with exit status 7 \(tag\)"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", EngineUnreachable, r"was ended by SIGKILL \(tag\)"),
    "silent": ("time.sleep(60)", EngineHung, r"did not answer within 1 seconds \(tag\)"),
    "garbage": ("print('<html>', flush=True); continue", Unintelligible, "answers '<html>' to tag, which is no JSON"),
    "nothing": ("say({}); continue", Unintelligible, "is no answer to tag"),
    "list": ("say([1]); continue", Unintelligible, r"\[1\] is no answer to tag"),
    "number": ("say({'refused': 5}); continue", Unintelligible, "it refuses with no name"),
}


@pytest.mark.parametrize("how", SICK)
def test_what_a_program_does_instead_of_answering_is_told(tmp_path, how):
    does, error, says = SICK[how]
    engine = ProgramEngine(program(tmp_path, WELL.replace("    say(", f"    if do == 'tag':\n        sys.stderr.write('oh\\n'); "
                                                          f"sys.stderr.flush(); {does}\n    say(", 1)), 1.0)
    try:
        with pytest.raises(error, match=says):
            engine.tag("image", "a:b")
        assert "oh\n" == engine.log()
        engine.revive()
        assert Observation({}, {}) == engine.observe()
    finally:
        engine.close()


@pytest.mark.parametrize(("body", "error", "says"), [
    ("sys.exit(3)", EngineUnreachable, r"ended with exit status 3 \(hello\)"),
    ("say({'result': 5})", Unintelligible, "has no 'result'"),
    ("say({'result': {**HELLO, 'messages': 9}})", Unintelligible, "speaks messages 9, not 1"),
    ("say({'result': {**HELLO, 'name': None}})", Unintelligible, "says None as 'name', which is no string"),
    ("say({'result': {**HELLO, 'capabilities': 'all'}})", Unintelligible, "which is no list of strings"),
    ("say({'result': {**HELLO, 'program': {'a': '???'}}})", Unintelligible, "no object of base64 by path"),
    ("print('hi')", Unintelligible, "which is no JSON"), ("time.sleep(60)", EngineHung, "did not answer within 1 seconds"),
])
def test_one_that_is_no_engine_is_not_judged(tmp_path, body, error, says):
    with pytest.raises(error, match=says):
        ProgramEngine(program(tmp_path, f"{body}\nsys.stdin.read()\n"), 1.0)
    path = program(tmp_path, f"{body}\nsys.stdin.read()\n")
    result = CliRunner().invoke(main, ["conform", path, "--timeout", "1"])
    line, = result.output.splitlines()
    assert 2 == result.exit_code
    assert line.startswith(("layerproof: ", path))
    assert path in line


def test_what_cannot_be_run_is_said(tmp_path):
    with pytest.raises(EngineUnreachable, match="/nowhere/engine cannot be run: No such file"):
        ProgramEngine("/nowhere/engine")
    (tmp_path / "text").write_text("no program")
    with pytest.raises(EngineUnreachable, match="text cannot be run: Permission denied"):
        ProgramEngine(str(tmp_path / "text"))
    with pytest.raises(WrongRequest, match="cannot be split: no closing quotation"):
        ProgramEngine("./engine 'x")


def test_a_program_that_does_not_read_is_silent(tmp_path):
    engine = ProgramEngine(program(tmp_path, "sys.stdin.readline(); say({'result': HELLO}); time.sleep(60)"), 1.0)
    begun = time.monotonic()
    with pytest.raises(EngineHung, match=r"\(load\)"):
        engine.load(b"x" * 2_000_000)
    engine._end()
    assert time.monotonic() - begun < 10


def test_what_a_program_started_ends_with_it(tmp_path):
    pid = tmp_path / "pid"
    engine = ProgramEngine(program(tmp_path, f"""
import subprocess
open({str(pid)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))
{WELL}"""))
    engine.close()
    engine.close()
    for _ in range(100):
        if not Path(f"/proc/{pid.read_text()}").exists() or "Z" in Path(f"/proc/{pid.read_text()}/stat").read_text():
            return
        time.sleep(0.02)
    raise AssertionError("it is still there")


def test_the_run_goes_on_when_a_program_dies(tmp_path):
    body = WELL.replace("    say(", "    if do == 'tag' and os.getpid() % 2: os.kill(os.getpid(), signal.SIGSEGV)\n    say(", 1)
    result = CliRunner().invoke(main, ["conform", program(tmp_path, body), "--operations", "100", "--format", "json"])
    data = json.loads(result.output)
    assert (1, "violated") == (result.exit_code, data["verdict"])
    assert data["operations"] >= 100


# The messages.


def test_the_messages_are_those_of_the_engine():
    assert {name for name in vars(Engine) if callable(getattr(Engine, name)) and not name.startswith("_")} == METHODS.keys()
    said = schema()["messages"]
    assert {"hello", *METHODS} == said.keys()
    assert {"do", "container", "files"} == said["write"]["request"]["properties"].keys()
    images = said["observe"]["answer"]["anyOf"][0]["properties"]["result"]["properties"]["images"]
    assert {"id", *ImageSeen.__dataclass_fields__} == images["items"]["properties"].keys()
    assert {"id", "references", "parent", "layers", "size"} == {*images["items"]["required"]}


def test_calls_and_what_is_shown_come_back_as_they_were():
    call = ("container", {"a/b": b"\x00\xff", "c": b""})
    assert list(call) == arguments(json.loads(json.dumps(request("write", call))))
    assert [b"\x00", None] == arguments(json.loads(json.dumps(request("import_", (b"\x00", None)))))
    image = ImageSeen(frozenset({"a:b"}), None, ("l",), 3, None)
    for seen in (Observation({"i": image}, {"c": ContainerSeen("n", "i", "created", 1, 4)}),
                 Observation({}, {}, {"l": "d"}, 3, frozenset({"x"}))):
        assert seen == observation(json.loads(json.dumps(shown(seen))))


@pytest.mark.parametrize(("spoil", "says"), [
    (lambda s: s | {"images": None}, "has None as images, which is to be a list"),
    (lambda s: s | {"containers": [7]}, "row 0 of containers in what is observed is 7, not an object"),
    (lambda s: s | {"images": [{"id": "i"}]}, "has no references, which is to be a list of strings"),
    (lambda s: s | {"images": [{"id": "i", "references": [1]}]}, r"has \[1\] as references"),
    (lambda s: s | {"images": [{"id": "i", "references": [], "layers": [], "size": True}]}, "has True as size"),
    (lambda s: s | {"usage": "3"}, "has '3' as usage, which is to be a number"), (lambda s: None, "is None, not an object")])
def test_what_is_no_observation_is_named(spoil, says):
    with pytest.raises(Unintelligible, match=says):
        observation(spoil({"images": [], "containers": []}))


def test_what_is_shown_twice_is_said():
    one = {"id": "i", "references": [], "layers": [], "size": 1}
    assert ("the list shows image i 2 times",) == observation({"images": [one, one], "containers": []}).strange


def test_a_refusal_is_one():
    engine = ProgramEngine(SERVED)
    try:
        with pytest.raises(Refused) as refused:
            engine.tag("sha256:" + "0" * 64, "a:b")
        assert "no-such-image" == refused.value.refusal
    finally:
        engine.close()


def test_the_schema_is_printed():
    printed = CliRunner().invoke(main, ["schema", "engine"])
    assert (0, schema()) == (printed.exit_code, json.loads(printed.output))
    assert 2 == CliRunner().invoke(main, ["schema", "dreams"]).exit_code


def test_a_line_that_nobody_asked_for_is_noticed(tmp_path):
    engine = ProgramEngine(program(tmp_path, WELL.replace("    say(", "    if do == 'tag': say({'result': None})\n    say(", 1)))
    engine.tag("image", "a:b")
    time.sleep(0.2)
    with pytest.raises(Unintelligible, match="before it was asked for observe"):
        engine.observe()
    engine.close()


def test_what_has_no_result_is_to_give_none(tmp_path):
    engine = ProgramEngine(program(tmp_path, WELL.replace("    say(", "    if do == 'tag': say({'result': 7}); continue\n    say(", 1)))
    with pytest.raises(Unintelligible, match="its result is to be null"):
        engine.tag("image", "a:b")
    engine.close()


@pytest.mark.parametrize("format_", ["text", "json", "junit", "html", "markdown"])
def test_words_that_no_encoding_has_lose_nothing(tmp_path, format_):
    body = WELL.replace("    say(", "    if do == 'tag': print('{\"refused\": \"\\\\ud800\", \"detail\": \"\\\\udfff\"}', flush=True); "
                        "continue\n    say(", 1)
    result = CliRunner().invoke(main, ["conform", program(tmp_path, body), "--operations", "60", "--format", format_])
    assert (1, None) == (result.exit_code, result.exception if not isinstance(result.exception, SystemExit) else None)
    assert "tag" in result.output
