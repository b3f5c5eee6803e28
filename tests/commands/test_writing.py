"""What is asked to be written: it is seen to before a run, and a result is not lost where it fails after all."""

import json
import os

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.readings.conform import Conformance
from layerproof.runs.finding import Finding
from layerproof.runs.statistics import Statistics
from samples import a_trace

FOUND = ("drive", "--mutant", "remove-used", "--dialect", "docker", "--operations", "20")
"""A run that finds something, so that there is a trace to write."""


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def _no_run(monkeypatch):
    """A run that would be begun is an error of another kind."""
    for place in ("drive.drive", "explore.Explorer", "conform.conform"):
        monkeypatch.delattr(f"layerproof.readings.{place}")


COMMANDS = [("drive",), ("explore",), ("conform", "directory")]


@pytest.mark.usefixtures("_no_run")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["record", "output"])
def test_what_cannot_be_written_is_said_before_the_run(monkeypatch, tmp_path, command, option):
    monkeypatch.chdir(tmp_path)
    for name, says in (
            ("/nowhere/x", f"the {option} file /nowhere/x cannot be written: No such file or directory"),
            (".", f"the {option} file . cannot be written: Is a directory"),
            ("", f"--{option} takes the name of a file, and is empty")):
        result = run(*command, f"--{option}", name)
        assert (2, f"layerproof: {says}\n") == (result.exit_code, result.output)


@pytest.mark.usefixtures("_no_run")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("there", [False, True])
def test_one_file_for_the_trace_and_the_result_is_refused(monkeypatch, tmp_path, command, there):
    monkeypatch.chdir(tmp_path)
    if there:
        (tmp_path / "r").write_text("as it was")
    result = run(*command, "--record", "r", "--output", str(tmp_path / "r"))
    assert (2, 1) == (result.exit_code, len(result.output.splitlines()))
    assert "--record and --output name the same file" in result.output
    assert there == (tmp_path / "r").exists()
    assert not there or "as it was" == (tmp_path / "r").read_text()


def test_a_file_that_is_there_stays_until_the_trace_is_written(tmp_path):
    path = tmp_path / "r"
    path.write_text("as it was")
    held = run("explore", "--size", "Layer=1,Image=1", "--states", "50", "--record", str(path))
    assert "nothing was found" in held.stderr
    assert "as it was" == path.read_text()
    result = run(*FOUND, "--record", str(path), "--output", str(tmp_path / "o"))
    assert (1, "") == (result.exit_code, result.output)
    assert "store" == json.loads(path.read_text())["machine"]
    assert "1. load" in (tmp_path / "o").read_text()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize("command", [FOUND, ("conform", "directory")])
def test_a_result_is_printed_though_its_trace_cannot_be_written(monkeypatch, command):
    judged = Conformance("mine", "1", "docker", Statistics(), findings=[Finding(a_trace(), ("DEP-1",), engine="mine")])
    monkeypatch.setattr("layerproof.readings.conform.conform", lambda *_, **__: judged)
    result = run(*command, "--record", "/dev/full")
    assert 2 == result.exit_code
    assert "1. load" in result.stdout
    assert "force=" in result.stdout
    assert "layerproof: the record file /dev/full cannot be written: No space left on device\n" == result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_trace_is_written_though_the_result_cannot_be(tmp_path):
    result = run(*FOUND, "--record", str(tmp_path / "r"), "--output", "/dev/full")
    assert 2 == result.exit_code
    assert "store" == json.loads((tmp_path / "r").read_text())["machine"]


# Graphs.


@pytest.mark.parametrize("command", [("explain", "/nowhere"), ("prove",)])
@pytest.mark.parametrize(("options", "says"), [
    (("--dot", "--format", "json"), "--dot prints a graph, which --format json cannot"),
    (("--mermaid", "--format", "json"), "--mermaid prints a graph, which --format json cannot"),
    (("--dot", "--mermaid"), "--dot and --mermaid each print a graph"),
    (("--mermaid", "--dot"), "--dot and --mermaid each print a graph")])
def test_a_graph_is_one_graph_and_nothing_else(monkeypatch, command, options, says):
    monkeypatch.delattr("layerproof.readings.prove.prove.prove")
    result = run(*command, *options)
    assert (2, f"layerproof: {says}; choose one of the two\n") == (result.exit_code, result.output)
