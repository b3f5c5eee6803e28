"""The traces that ship: each is read, replayed and judged as docs/traces.md says, and made by the commands on it."""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof import machine, replay, replay_on, trace_of, trace_text
from layerproof.cli import main
from layerproof.engines.mount.engine import MountEngine
from mounts import needs

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
VERDICTS = {"remove-used": ("store", "violated"), "forgetful": ("store", "held"),
            "unlink-no-whiteout": ("union", "held")}


def module(name):
    specification = importlib.util.spec_from_file_location(name, SAMPLES / f"{name}.py")
    found = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(found)
    return found


def read(name):
    of = machine(VERDICTS[name][0])
    text = (SAMPLES / f"{name}.json").read_text()
    trace = trace_of(of, json.loads(text))
    assert text == trace_text(of, trace) + "\n"
    return of, trace


def test_all_samples_are_known():
    assert set(VERDICTS) == {path.stem for path in SAMPLES.glob("*.json")}


@pytest.mark.parametrize("name", VERDICTS)
def test_a_sample_is_replayed(name):
    of, trace = read(name)
    done = replay(of, trace)
    assert (VERDICTS[name][1], 0) == (done.verdict, done.not_done)


def test_the_forgetful_engine_is_found_out_by_its_trace():
    of, trace = read("forgetful")
    finding = replay_on(of, trace, module("forgetful").Forgetful())
    assert "RO-5" in finding.laws


def test_a_wrong_union_is_found_out_by_its_trace():
    of, trace = read("unlink-no-whiteout")
    wrong = of.of(of.mutant("unlink-no-whiteout").machine(of.machine))
    done = replay(wrong, trace)
    assert {"COW-5", "COW-8"} <= {law for finding in done.findings for law in finding.laws}


def test_overlayfs_does_what_the_trace_says():
    needs("overlayfs")
    of, trace = read("unlink-no-whiteout")
    engine = MountEngine("overlayfs")
    try:
        assert replay_on(of, trace, engine) is None
    finally:
        engine.close()


def test_the_archive_is_what_its_program_writes():
    assert module("images").images() == (SAMPLES / "images.tar").read_bytes()


COMMANDS = re.findall(r"^\| `(samples/[\w-]+\.json)` \| `(layerproof [^`]+)` \|", (ROOT / "docs" / "traces.md").read_text(),
                      re.MULTILINE)


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_the_command_on_the_page_makes_a_trace_like_it(path, command, tmp_path, monkeypatch):
    assert len(VERDICTS) == len(COMMANDS)
    monkeypatch.chdir(ROOT)
    made = tmp_path / "made.json"
    arguments = shlex.split(command)[1:]
    assert path == arguments[-1]
    # The runs are those of the library that draws them; the operations that show the fault are the same.
    assert 1 == CliRunner().invoke(main, [*arguments[:-1], str(made)]).exit_code
    one, other = (json.loads(file.read_text()) for file in (made, ROOT / path))
    assert [event["rule"] for event in one["events"]][-1] == [event["rule"] for event in other["events"]][-1]
