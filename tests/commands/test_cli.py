"""The command line: what it prints, and its exit status."""

import dataclasses
import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from layermodel.formats.content import ArchiveEntry, ImageSpec, archive, layer_tar
from layerproof.cli import main
from layerproof.commands.engine import chosen
from layerproof.commands.report import finding_text
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.directory.faults import faulty
from layerproof.engines.docker.deviations import DEVIATIONS
from layerproof.engines.registry import Entry, deviations, entry
from layerproof.errors import Refused
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import Conformance, replay_on
from layerproof.runs.finding import Deviation, Finding
from layerproof.runs.statistics import Statistics
from layerproof.runs.trace import trace_text
from samples import a_trace, a_trace_file

SAMPLES = Path(__file__).parents[2] / "samples"


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(("arguments", "says"), [
    (("prove", "--law", "X-1"), "unknown law 'X-1'"),
    (("prove", "--rule", "fly"), "unknown rule 'fly'"),
    (("prove", "--mutant", "none"), "unknown mutant 'none'"),
    (("prove", "--mutant", "tag-move-digest"), "that are known these are most like it: tag-moves-digest, "),
    (("prove", "--law", "OP-5", "--rule", "create"), "nothing to prove"),
    (("mutants", "--mutant", "write-lost", "--mutant", "none"), "unknown mutant 'none'"),
    (("mutants", "--reading", "guess"), "unknown reading 'guess'; known: prove, explore, drive, conform"),
    (("explore", "--size", "Moon=2"), "unknown sort 'Moon'"),
    (("explore", "--size", "Layer=x"), "size of Layer"),
    (("explore", "--size", ""), "unknown sort ''"),
    (("explore", "--size", "Layer=1,Layer=2"), "--size names the sort Layer twice"),
    (("explore", "--size", "Layer=1", "--size", "Layer=2"), "--size names the sort Layer twice"),
    (("explore", "--trait", "x=true"), "unknown trait 'x'"),
    *(((*command, "--trait", "paused_can_stop=true", "--trait", "paused_can_stop=false"),
       "--trait sets the trait paused_can_stop twice") for command in (("explore",), ("conform", "directory"))),
    (("conform", "overlayfs", "--options", "index=on", "--options", "index=off"), "index is given twice"),
    (("explore", "--dialect", "lxc"), "unknown dialect 'lxc'"),
    (("drive", "--operations", "0"), "no operations"),
    (("conform", "nothing"), "unknown engine 'nothing'"),
    (("conform", "directory", "--operations", "0"), "no operations"),
    (("conform", "directory", "--socket", "x"), "has no socket"),
    (("conform", "docker", "--socket", "/nowhere.sock"), "not reachable"),
    (("conform", "directory", "--budget", "0"), "--budget takes a number of seconds above 0"),
    (("conform", "docker", "--timeout", "nan"), "--timeout takes a number of seconds above 0"),
    (("conform", "docker", "--timeout", "1e9"), "not 1e+09"),
    (("laws", "--output", "/none/laws"), "/none/laws cannot be written: No such file or directory"),
    (("replay", "/nowhere.json"), "cannot be read"),
])
def test_a_wrong_request_is_one_sentence_and_status_2(arguments, says):
    result = run(*arguments)
    assert 2 == result.exit_code
    assert says in result.output
    assert 1 == len(result.output.strip().splitlines())


def test_sizes_of_several_sorts_may_be_given_one_by_one():
    sizes = ("--size", "Layer=1", "--size", "Image=1,Container=1")
    found = json.loads(run("explore", *sizes, "--states", "10", "--format", "json").output)["sizes"]
    assert (1, 1, 1) == (found["Layer"], found["Image"], found["Container"])


def test_an_engine_that_is_none_of_the_usual_machine_is_told_which_was_meant(tmp_path):
    path = tmp_path / "shelf.py"
    path.write_text("class Shelf:\n    name, version, dialect = 'shelf', '1', 'town'\n")
    meant = "; no machine was named, so store was meant (--machine or --machine-file names another)"
    for named, more in ((), meant), (("--machine", "store"), ""):
        result = run("conform", f"{path}:Shelf", *named)
        assert 2 == result.exit_code
        assert f"layerproof: the engine shelf has no attribute 'capabilities'{more}\n" == result.output


def test_an_engine_of_which_nobody_knows_the_version_is_said_so():
    for version, says in ("unknown", "mine (version unknown) breaks"), ("1.2", "mine 1.2 breaks"):
        assert says in finding_text(Finding(a_trace(), ("DEP-1",), engine="mine", version=version), STORE_SUBJECT)


def test_an_empty_trace_is_a_wrong_request(tmp_path):
    empty = tmp_path / "trace.json"
    empty.write_text("")
    assert 2 == run("replay", str(empty)).exit_code


def test_laws_are_listed_with_their_sources():
    listed = json.loads(run("laws", "--format", "json").output)
    assert [law.id for law in STORE_LAWS.laws] == [law["id"] for law in listed]
    assert all(law["sources"] for law in listed)


@pytest.mark.parametrize("machine", ["store", "union"])
def test_laws_are_listed_with_what_is_known_of_engines(machine):
    listed = json.loads(run("laws", "--machine", machine, "--format", "json").output)
    shown = {(law["id"], d["key"]) for law in listed for d in law["deviations"]}
    known = deviations(machine)
    assert {(law, d.key) for d in known for law in d.laws} == shown
    text = "".join(run("laws", "--machine", machine).output.split())
    assert all(d.key in text for d in known if d.laws)
    assert known


def test_an_engine_brings_its_own_dialect(monkeypatch):
    known = entry("directory", "store")
    traits = dict.fromkeys(STORE_SUBJECT.dialects["docker"], True)
    monkeypatch.setattr("layerproof.engines.registry.entry",
                        lambda *_: dataclasses.replace(known, dialects={"all-on": traits}))
    _, judge, _ = chosen("mine", None, {})
    assert traits == judge.dialect("all-on")
    assert [*STORE_SUBJECT.dialects, "all-on"] == list(judge.dialects)


def test_the_rule_book_reads_aloud():
    book = run("rules", "--rule", "create").output
    assert "no-such-image" in book
    assert "presupposes the container is new" in " ".join(book.split())
    assert "name-taken a container has the name then the container exists" in " ".join(book.split())


def test_a_mutant_is_refuted_with_a_drawing():
    result = run("prove", "--mutant", "tag-moves-digest", "--law", "DEP-12", "--jobs", "1")
    assert 1 == result.exit_code
    assert "step: tag" in result.output
    assert "dependencies after the step" in result.output


@pytest.mark.parametrize(("option", "first", "rest"), [
    ("--dot", "digraph store {", r"  \w+.*;|}"), ("--mermaid", "flowchart LR", r"  n\d+.*")])
def test_a_counterexample_is_drawn_as_a_graph_alone(tmp_path, option, first, rest):
    arguments, kept = ("prove", "--mutant", "tag-moves-digest", "--law", "DEP-12", "--jobs", "1", option), tmp_path / "graph"
    printed = run(*arguments, "--format", "text")
    written = run(*arguments, "--output", str(kept))
    assert (1, 1, "") == (printed.exit_code, written.exit_code, written.stdout)
    for text in (printed.stdout, kept.read_text()):
        lines = text.splitlines()
        assert first == lines[0]
        assert all(re.fullmatch(rest, line) for line in lines[1:])
    assert "0 proved, 1 refuted" in printed.stderr
    both = run(*arguments, "--format", "json")
    assert (2, "") == (both.exit_code, both.stdout)
    assert f"layerproof: {option} prints a graph, which --format json cannot; choose one of the two\n" == both.stderr


def test_where_nothing_is_refuted_no_graph_is_drawn():
    proved = run("prove", "--law", "DEP-12", "--rule", "tag", "--jobs", "1", "--dot")
    assert (0, "") == (proved.exit_code, proved.stdout)
    assert "1 proved, 0 refuted" in proved.stderr


def test_a_trace_replays_and_is_explained(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(a_trace_file())
    assert 0 == run("replay", str(path)).exit_code
    assert 0 == run("replay", str(path), "--on", "directory").exit_code
    explained = run("explain", str(path), "image-0").output
    assert "container-0 stands in the way" in explained
    assert "digraph" in run("explain", str(path), "--dot").output
    assert 2 == run("explain", str(path), "image-7").exit_code


class DockerLike(DirectoryEngine):
    """As Docker does it: what is forced to go goes, the container stays with its layers, which nobody counts."""

    taken = frozenset()

    def __init__(self):
        super().__init__()
        self.name, self.version = "docker", "20.10.24"  # of which the catalogue knows this

    def remove_by_id(self, image, force):
        try:
            super().remove_by_id(image, force)
        except Refused as refused:
            if not force or refused.refusal != "used-by-container":
                raise
            self.taken |= {image}

    def observe(self):
        seen, sizes = super().observe(), self._layers()
        images = {image: shown for image, shown in seen.images.items() if image not in self.taken}
        counted = {layer for shown in images.values() for layer in shown.layers}
        return replace(seen, images=images, usage=sum(sizes[layer].size for layer in counted))


def test_what_a_known_deviation_does_and_no_more_is_known():
    engine = faulty("forced-removal-takes-used-image")  # and the container's layers
    engine.name, engine.version = "docker", "20.10.24"
    try:
        assert replay_on(STORE_SUBJECT, a_trace(), engine, deviations=DEVIATIONS).known is None
    finally:
        engine.close()


@pytest.mark.parametrize(("options", "verdict", "status"), [((), "held", 0), (("--strict",), "violated", 1)])
def test_known_deviations_fail_a_strict_run_in_text_data_and_status(monkeypatch, options, verdict, status):
    engine = DockerLike()
    try:
        finding = replay_on(STORE_SUBJECT, a_trace(), engine, deviations=DEVIATIONS)
    finally:
        engine.close()
    assert "docker-force-stopped" == finding.known.key
    judged = Conformance("docker", "1", "docker", Statistics(), findings=[finding])
    monkeypatch.setattr("layerproof.readings.conform.conform", lambda *_, **__: judged)
    text = run("conform", "directory", *options)
    data = run("conform", "directory", *options, "--format", "json")
    assert f"0 findings, 1 known deviation: {verdict}" == text.output.splitlines()[-1]
    assert verdict == json.loads(data.output)["verdict"]
    assert (status, status) == (text.exit_code, data.exit_code)


def test_findings_are_written_as_they_are_made(tmp_path):
    path = tmp_path / "findings.jsonl"
    path.write_text("of another run\n")
    arguments = ("conform", "samples/forgetful.py:Forgetful", "--operations", "3000", "--format", "json")
    judged = json.loads(run(*arguments, "--findings", str(path)).stdout)
    early = [json.loads(line) for line in path.read_text().splitlines()]
    assert [f["rule"] for f in judged["findings"]] == [f["rule"] for f in early]
    assert len(judged["findings"][0]["trace"]["events"]) < len(early[0]["trace"]["events"])
    assert "the findings file / cannot be written" in run(*arguments, "--findings", "/").output


def test_a_run_that_its_budget_ends_is_incomplete():
    result = run("conform", "directory", "--operations", "1000000", "--budget", "2", "--format", "json")
    data = json.loads(result.output)
    assert (1, "incomplete", 1000000) == (result.exit_code, data["verdict"], data["operations"] + data["not_done"])
    assert data["operations"] > 0
    text = run("conform", "directory", "--operations", "7", "--budget", "0.000001")
    assert "the run ended early: 7 operations were not done" in text.output
    assert "0 findings, 0 known deviations: incomplete" == text.output.splitlines()[-1]


def test_a_replay_that_its_budget_ends_is_incomplete(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(a_trace_file())
    arguments = ("replay", str(path), "--on", "directory", "--budget")
    late = run(*arguments, "0.000001")
    assert 1 == late.exit_code
    assert f"the time limit was reached after 0 operations of {len(a_trace().events)}: incomplete" in late.output
    assert "incomplete" == json.loads(run(*arguments, "0.000001", "--format", "json").output)["verdict"]
    assert "held" == json.loads(run(*arguments, "1000", "--format", "json").output)["verdict"]


@pytest.mark.parametrize("reached", [0, 1, 3])
@pytest.mark.parametrize("machine", ["store", "union"])
def test_a_replay_in_the_model_says_how_far_it_came(tmp_path, monkeypatch, machine, reached):
    path = tmp_path / "trace.json"
    path.write_text(a_trace_file() if machine == "store" else (SAMPLES / "unlink-no-whiteout.json").read_text())
    total, result = len(json.loads(path.read_text())["events"]), {}
    for format_ in ("text", "json"):  # the clock ticks when it is looked at
        monkeypatch.setattr("layerproof.readings.replay.time", SimpleNamespace(monotonic=itertools.count().__next__))
        result[format_] = run("replay", str(path), "--budget", str(reached + 0.5), "--format", format_)
    done = min(reached, total)
    data, last = json.loads(result["json"].output), result["text"].output.splitlines()[-1]
    assert (done, total - done) == (len(data["refusals"]), data["not_done"])
    if done < total:
        noun = "operation" if done == 1 else "operations"
        assert f"the time limit was reached after {done} {noun} of {total}: incomplete" == last
        assert (1, 1, "incomplete") == (result["text"].exit_code, result["json"].exit_code, data["verdict"])
    else:
        assert (0, 0, "held") == (result["text"].exit_code, result["json"].exit_code, data["verdict"])


def on_a_faulty_engine(monkeypatch, tmp_path, fault, shows, lasting=False, events=3):
    """Replay the first operations of a trace on an engine with a fault that is known if it shows so."""
    known = Deviation("listed", "directory", ">=0", ("DEP-1",), "It is so.", "measured", shows=shows, lasting=lasting)
    monkeypatch.setattr("layerproof.engines.registry.entry",
                        lambda *_: Entry("store", lambda **_: faulty(fault), deviations=(known,)))
    whole, path = a_trace(), tmp_path / "trace.json"
    path.write_text(trace_text(STORE_SUBJECT, dataclasses.replace(whole, events=whole.events[:events])))
    text, data = (run("replay", str(path), "--on", "mine", *more) for more in ((), ("--format", "json")))
    assert text.exit_code == data.exit_code
    return text.exit_code, text.output, json.loads(data.output)


@pytest.mark.parametrize(("fault", "events", "lasting", "verdict", "says"), [
    ("forced-removal-takes-used-image", 3, False, "held", "3 operations on mine: it did the same, but for what is known of it"),
    ("fresh-container-has-size", 3, True, "held", "3 operations on mine: it did the same, but for what is known of it"),
    ("fresh-container-has-size", 2, False, "held", "2 operations on mine: it did the same, but for what is known of it"),
    ("fresh-container-has-size", 3, False, "incomplete", "2 operations on mine: it did the same, but for what is known "
     "of it; 1 operation after that was not done: incomplete")])
def test_a_known_deviation_does_not_fail_a_replay(monkeypatch, tmp_path, fault, events, lasting, verdict, says):
    status, text, data = on_a_faulty_engine(monkeypatch, tmp_path, fault, lambda *_: True, lasting, events)
    assert "KNOWN DEVIATION: directory" in text
    assert says == text.splitlines()[-1]
    assert (verdict, ["listed"]) == (data["verdict"], [f["known"] for f in data["findings"]])
    assert (verdict != "held", verdict != "held") == (status, data["not_done"])


def test_what_is_not_known_fails_a_replay(monkeypatch, tmp_path):
    status, text, data = on_a_faulty_engine(
        monkeypatch, tmp_path, "fresh-container-has-size", lambda *_: False)
    assert (1, "violated", [None]) == (status, data["verdict"], [f["known"] for f in data["findings"]])
    assert "it did the same" not in text


def test_an_output_file_is_written_at_the_end_only(tmp_path):
    path = tmp_path / "laws.txt"
    assert 2 == run("laws", "--law", "X-1", "--output", str(path)).exit_code
    assert not path.exists()
    path.write_text("as it was")
    assert 2 == run("laws", "--law", "X-1", "--output", str(path)).exit_code
    assert "as it was" == path.read_text()
    assert (0, "") == ((written := run("laws", "--output", str(path))).exit_code, written.output)
    assert run("laws").output == path.read_text()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_result_that_cannot_be_written_is_printed():
    result = run("laws", "--output", "/dev/full")
    assert 2 == result.exit_code
    assert run("laws").stdout == result.stdout
    assert "layerproof: the output file /dev/full cannot be written: No space left on device\n" == result.stderr


def catches_signals(process):
    """Whether a program has a handler for SIGHUP, which Python itself does not install."""
    with open(f"/proc/{process.pid}/status") as lines:
        caught = next(line for line in lines if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) & 1 << signal.SIGHUP - 1


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [
    ("prove", "--jobs", "2"), ("drive", "--operations", "1000000"), ("conform", "directory", "--operations", "1000000"),
    ("mutants", "--reading", "conform", "--jobs", "2"),
])
def test_a_signal_ends_a_command_in_one_sentence(tmp_path, arguments, number):
    # The tests may run in the background of a shell or under nohup, which have their programs ignore these.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " \
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); from layerproof.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while not catches_signals(process):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(1.0)  # let it get to the middle
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (128 + number, f"layerproof: ended by {number.name}\n") == (process.returncode, err)
    if out:  # what judging an engine had come to, if it had begun
        assert "conform" == arguments[0]
        said = " ".join(out.split())  # wherever its lines are broken
        assert said.endswith(f"were not done, as {number.name} 0 findings, 0 known deviations: incomplete")
    assert [] == [name for name in os.listdir(tmp_path) if name != ".hypothesis"]


def test_an_archive_is_explained(tmp_path):
    parent = ImageSpec(({"a": b"12345678"},), "parent")
    child = ImageSpec((*parent.layers, {"b": b"12345"}), "child")
    path = tmp_path / "images.tar"
    path.write_bytes(archive([ArchiveEntry(parent, ("p:1",)), ArchiveEntry(child, ("c:1",), parent.image_id)]))
    whole = run("explain", str(path))
    assert (0, True) == (whole.exit_code, "c:1" in whole.output)
    freed = json.loads(run("explain", str(path), "c:1", "--format", "json").output)
    assert "5" in json.dumps(freed)
    blocked = run("explain", str(path), parent.image_id)
    assert "stands in the way" in blocked.output
    assert 2 == run("explain", str(path), "nobody:1").exit_code
    path.write_bytes(path.read_bytes()[:700])
    damaged = run("explain", str(path))
    assert (2, 1) == (damaged.exit_code, len(damaged.output.strip().splitlines()))


def test_a_layer_is_found_by_the_beginning_of_its_digest(tmp_path):
    path, image = tmp_path / "images.tar", ImageSpec(({"a": b"12345"},), "a")
    diff_id = "sha512:" + hashlib.sha512(image.tars[0]).hexdigest()
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()
    manifest = json.dumps([{"Config": "config", "Layers": ["layer"], "RepoTags": ["a:1"]}]).encode()
    path.write_bytes(layer_tar({"config": config, "layer": image.tars[0], "manifest.json": manifest}))
    for thing in (diff_id, diff_id[:15], diff_id[7:17]):
        told = run("explain", str(path), thing)
        assert (0, True) == (told.exit_code, f"layer {diff_id[:19]} " in told.output)
        assert diff_id[:20] not in told.output
    assert 2 == run("explain", str(path), diff_id.replace("512", "256")[:15]).exit_code


def test_what_comes_from_the_hub_is_found_by_its_short_name(tmp_path):
    path = tmp_path / "images.tar"
    path.write_bytes(archive([ArchiveEntry(ImageSpec(({"a": b"1"},), "a"), ("docker.io/library/foo:1",))]))
    for thing in ("foo:1", "docker.io/foo:1", "index.docker.io/library/foo:1", "docker.io/library/foo:1"):
        assert 0 == run("explain", str(path), thing).exit_code
    for thing in ("foo:2", "quay.io/library/foo:1", "library/bar:1"):
        assert 2 == run("explain", str(path), thing).exit_code
