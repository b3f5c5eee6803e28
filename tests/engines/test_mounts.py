"""The kernel's overlayfs, fuse-overlayfs and a plain folder are judged, each where nobody else sees it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from layermodel.union.rules import UNION
from layermodel.union.trees import DIRECTORY, FIFO, FILE, Layer, Node
from layerproof.commands.report import conformance_text, verdict_of
from layerproof.engines.mount.deviations import DEVIATIONS
from layerproof.engines.mount.engine import MountEngine
from layerproof.errors import EngineUnreachable, WrongRequest
from layerproof.machines.union.mutants import UNION_MUTANTS
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.mutants.runs import kill_by_conform
from layerproof.readings.conform import conform, conform_to
from layerproof.readings.drive import ROUND
from layerproof.runs.trace import Event, trace_json, trace_of
from mounts import AT, follow, judged, needs, over, plain


@pytest.mark.parametrize(("name", "options"), [
    ("overlayfs", ()), ("overlayfs", ("index=on",)), ("overlayfs", ("xino=on",)), ("tmpfs", ()),
    ("overlayfs", ("redirect_dir=on",))])
def test_a_sound_union_is_not_accused(name, options):
    needs(name)
    with closing(MountEngine(name, options)) as engine:
        result = judged(engine, operations=1000, complete=False)
    assert [] == [str(d) for f in result.findings for d in f.differences]
    assert result.statistics.steps >= 1000
    assert result.statistics.examples >= 15


def test_what_is_opened_for_writing_is_dated_by_the_kernel_with_metacopy():
    needs("overlayfs")
    layer = Layer((plain(DIRECTORY), Node(FILE, content=1, xattr=(0, 0))), {0: 0, AT["a"]: 1})
    trace = over("overlayfs-redirect", (layer,), (
        Event("chown", (0, AT["a"], 1, 1), None), Event("open-for-writing", (0, AT["a"], 1), None)))
    for options, known in ((("metacopy=on",), ["overlayfs-metacopy-dates"]), (("redirect_dir=on",), [])):
        with closing(MountEngine("overlayfs", options)) as engine:
            finding = follow(engine, trace)
        assert known == [finding.known.key for finding in ([] if finding is None else [finding])]


def test_fuse_overlayfs_departs_only_as_is_known():
    needs("fuse-overlayfs")
    with closing(MountEngine("fuse-overlayfs")) as engine:
        result = judged(engine, operations=500, complete=False)
    assert [] == [(f.rule, [str(d) for d in f.differences]) for f in result.unknown]
    assert {"fuse-dates-directories", "fuse-fifo"} <= {f.known.key for f in result.findings}
    assert all(len(f.trace.events) <= 4 for f in result.findings)
    assert "0 findings" in conformance_text(result, UNION_SUBJECT)


def test_what_was_asked_for_is_done_at_most_twice():
    needs("tmpfs")
    with closing(MountEngine("tmpfs")) as engine:
        result = judged(engine, operations=300)
    assert 300 <= result.statistics.steps <= 2 * 300 + ROUND
    assert result.never
    assert "incomplete" == verdict_of(result)


@pytest.mark.campaign
@pytest.mark.parametrize(("name", "options", "operations"), [
    ("overlayfs", (), 100_000), ("overlayfs", ("index=on",), 20_000), ("overlayfs", ("redirect_dir=on",), 20_000),
    ("overlayfs", ("metacopy=on",), 20_000), ("fuse-overlayfs", (), 20_000), ("tmpfs", (), 20_000)])
def test_a_long_campaign_finds_nothing_new(name, options, operations):
    needs(name)
    with closing(MountEngine(name, options)) as engine:
        result = judged(engine, operations=operations)
    assert ([], []) == (result.unknown, result.never)
    assert operations < 100_000 or result.statistics.examples >= 2000


@pytest.mark.parametrize(("options", "dialect"), [
    ((), "overlayfs"), (("index=on",), "overlayfs-index"), (("redirect_dir=on",), "overlayfs-redirect"),
    (("metacopy=on",), "overlayfs-redirect"), (("index=on", "metacopy=on"), "overlayfs-index-redirect"),
    (("redirect_dir=off",), "overlayfs")])
def test_the_dialect_is_that_of_the_options(options, dialect):
    needs("overlayfs")
    with closing(MountEngine("overlayfs", options)) as engine:
        assert dialect == engine.dialect


REMADE = over("fuse-overlayfs", (Layer((plain(DIRECTORY), plain(DIRECTORY)), {0: 0, AT["a"]: 1}),), (
    Event("mkdir", (0, AT["b"], 0, -1), None), Event("rmdir", (0, AT["a"]), None),
    Event("mkdir", (0, AT["a"], 0, -1), None), Event("rename-directory", (0, AT["a"], AT["b/c"]), None)))
"""A directory of the image is removed, made again and renamed."""


def test_a_directory_that_was_made_again_leaves_its_old_name_as_it_should_in_the_kernel():
    needs("overlayfs")
    with closing(MountEngine("overlayfs")) as engine:
        assert follow(engine, REMADE) is None


def test_a_finding_has_a_script_that_shows_it(tmp_path):
    needs("fuse-overlayfs")
    with closing(MountEngine("fuse-overlayfs")) as engine:
        finding = follow(engine, REMADE)
    assert ("fuse-renamed-directory", ("COW-5", "COW-14", "COW-19")) == (finding.known.key, finding.laws)
    path = tmp_path / "shows.sh"
    path.write_text(finding.script())
    done = subprocess.run(["sh", str(path)], capture_output=True, text=True, check=True, cwd=tmp_path)
    after = done.stdout.split("== m0")[2].split("== m1")[0]
    assert {"./a", "./b", "./b/c"} <= {line.split()[0] for line in after.splitlines() if line.strip()}
    assert [path] == list(tmp_path.iterdir())

HIDES = (Layer((plain(DIRECTORY), plain(FILE)), {0: 0, AT["a"]: 1}),
         Layer((plain(DIRECTORY), plain(FILE), plain(DIRECTORY)), {0: 0, AT["b"]: 1, AT["c"]: 2}, frozenset({AT["a"]})))
"""A file that a layer above hides; beside that a file and a directory."""
MOVED = (Event("rename", (0, AT["b"], AT["c/b"], -1), None), Event("unlink", (0, AT["c/b"]), None))
"""A file of the image is put into another directory, and removed there."""


@pytest.mark.parametrize("before", [
    (*MOVED, Event("mkdir", (0, AT["c/a"], 0, -1), None), Event("rename-directory", (0, AT["c/a"], AT["a"]), None)),
    (Event("mkdir", (0, AT["a"], 0, -1), None), *MOVED)])
def test_a_directory_that_stands_where_something_was_hidden_is_not_renamed_by_fuse(before, tmp_path):
    needs("fuse-overlayfs")
    events = (*before, Event("rename-directory", (0, AT["a"], AT["c"]), None))
    with closing(MountEngine("fuse-overlayfs")) as engine:
        result = conform_to(UNION_SUBJECT, over("fuse-overlayfs", HIDES, events), engine, deviations=DEVIATIONS)
    finding = next(f for f in result.findings if f.known.key == "fuse-renamed-again")
    assert [] == result.unknown
    assert (len(events), "rename-directory", "EXDEV") == (len(finding.trace.events), finding.rule, finding.observed)
    done = subprocess.run(["sh"], input=finding.script(), capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "cross-device" in done.stderr
    with closing(MountEngine("overlayfs")) as engine:
        assert follow(engine, over("overlayfs", HIDES, events)) is None


UNDER = (Layer((plain(DIRECTORY), plain(DIRECTORY), plain(FILE)), {0: 0, AT["a"]: 1, AT["a/b"]: 2}),
         Layer((plain(DIRECTORY),), {0: 0}, frozenset({AT["a"]})),
         Layer((plain(DIRECTORY), plain(FILE)), {0: 0, AT["c"]: 1}))
"""A directory with a file, which a layer above hides; above that another file."""


@pytest.mark.parametrize("rule", ["create", "mkdir", "mkfifo"])
def test_what_is_there_unlisted_is_known_as_such_whatever_was_to_be_made(rule):
    """A FIFO is not what is known of FIFOs: it is not made, as there is something of its name."""
    needs("fuse-overlayfs")
    made = (0, AT["a/b"], 0, -1)
    events = (Event("mkdir", (0, AT["a"], 0, -1), None), Event("unlink", (0, AT["c"]), None),
              Event("create", (0, AT["a/c"], 0, -1), None), Event(rule, made, None))
    with closing(MountEngine("fuse-overlayfs")) as engine:
        result = conform_to(UNION_SUBJECT, over("fuse-overlayfs", UNDER, events), engine, deviations=DEVIATIONS)
    assert ([], {"fuse-made-again"}) == (result.unknown, {finding.known.key for finding in result.findings})


def test_a_trace_is_read_as_it_was_written():
    assert REMADE == trace_of(UNION_SUBJECT, trace_json(UNION_SUBJECT, REMADE))


KERNELS = [partial(MountEngine, "overlayfs", options) for options in ((), ("index=on",), ("redirect_dir=on",))]


@pytest.mark.parametrize("name", [
    "unlink-no-whiteout", "copy-up-loses-mode", "write-shared", "rename-content-stays", "removexattr-keeps",
    "hard-links-kept", "rename-leaves", "link-copies", "utimes-now", "hard-link-split"])
def test_a_wrong_model_is_told_from_the_kernel(name):
    needs("overlayfs")
    mutant = next(m for m in UNION_MUTANTS if m.name == name)
    kill = kill_by_conform(UNION_SUBJECT, mutant, engines=KERNELS)
    assert ("conform", mutant.rules[0]) == (kill.reading, kill.finding.rule)
    assert kill.length == len(kill.finding.trace.events) <= 4


DIRECTORIES = Layer(tuple(plain(DIRECTORY) for _ in range(4)), {0: 0, AT["a"]: 1, AT["a/a"]: 2, AT["b"]: 3})
"""A directory in a directory, and an empty one."""


@pytest.mark.parametrize(("name", "options", "events"), [
    ("mkdir-not-opaque", (), (
        Event("rmdir", (0, AT["a/a"]), None), Event("rmdir", (0, AT["a"]), None),
        Event("mkdir", (0, AT["a"], 0, -1), None))),
    ("redirect-unnoticed", ("redirect_dir=on",), (
        Event("rmdir", (0, AT["b"]), None), Event("mkdir", (0, AT["b"], 0, -1), None),
        Event("rename-directory", (0, AT["a"], AT["b/a"]), None)))])
def test_a_wrong_model_of_what_is_hidden_is_told_from_the_kernel(name, options, events):
    needs("overlayfs")
    mutant = next(m for m in UNION_MUTANTS if m.name == name)
    with closing(MountEngine("overlayfs", options)) as engine:
        trace = over(engine.dialect, (DIRECTORIES,), events)
        found = [follow(engine, trace, machine)
                 for machine in (UNION, mutant.machine(UNION))]
    assert found[0] is None
    assert events[-1].rule == found[1].rule


def test_a_write_into_a_layer_is_seen():
    needs("overlayfs")
    layer = Layer((plain(DIRECTORY), plain(FILE), plain(FIFO)), {0: 0, AT["a"]: 1, AT["b"]: 2})
    trace = over("overlayfs", (layer,), (Event("stat", (0, AT["a"]), None),))
    with closing(MountEngine("overlayfs")) as engine:
        do = engine.do

        def meddling(request):
            worker = Path(f"/proc/{engine._process.pid}/root{engine._folder}/l0/a")
            worker.write_bytes(b"0")
            return do(request)

        engine.do = meddling
        finding = follow(engine, trace)
    assert "LOWER-2" in finding.laws
    assert "layer below" in {d.what for d in finding.differences}


@pytest.mark.parametrize(("arguments", "error", "says"), [
    ({"name": "zfs"}, WrongRequest, "unknown union file system 'zfs'"),
    ({"name": "overlayfs", "options": ("speed=11",)}, WrongRequest, "unknown mount option 'speed=11'"),
    ({"name": "tmpfs", "options": ("index=on",)}, WrongRequest, "takes no mount options"),
    ({"name": "overlayfs", "options": ("metacopy=on", "redirect_dir=off")}, WrongRequest,
     "metacopy=on and redirect_dir=off exclude each other"),
    ({"name": "fuse-overlayfs", "program": "/nowhere/fuse"}, EngineUnreachable, "/nowhere/fuse cannot be run"),
])
def test_what_cannot_be_mounted_is_one_sentence(arguments, error, says):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with pytest.raises(error, match=says) as caught:
        MountEngine(**arguments)
    assert "\n" not in str(caught.value)


def left(before):
    """What there is that was not there before: folders, and processes of the worker."""
    folders = set(Path("/tmp").glob("layerproof-*")) - before
    workers = subprocess.run(["pgrep", "-f", "mount/worker.py"], capture_output=True, text=True,
                             check=False).stdout.split()
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "layerproof" in line]
    return [f for f in folders if f.exists()], [w for w in workers if Path(f"/proc/{w}").exists()], mounts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_however_it_ends(tmp_path, number):
    needs("overlayfs")
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " \
        "from layerproof.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "conform", "overlayfs", "--operations", "1000000"], text=True,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        while not list(tmp_path.glob("layerproof-*")):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(1.5)
        process.send_signal(number)
        report, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (128 + number, f"layerproof: ended by {number.name}\n") == (process.returncode, said)
    if report:  # what it had come to, if to anything
        assert re.search(rf"operations were not done,\s+as {number.name}\n", report)
    assert [] == list(tmp_path.iterdir())


def test_a_worker_that_dies_is_found_to_and_another_one_started():
    needs("overlayfs")
    engine, calls, do = MountEngine("overlayfs"), [], MountEngine.do

    def dying(request):
        calls.append(request["do"])
        if calls[-1] == "rmdir" and calls.count("rmdir") == 3:  # once, so that it does not show again
            engine._process.kill()
        return do(engine, request)

    with closing(engine):
        engine.do = dying
        result = conform(UNION_SUBJECT, engine, operations=900, complete=False)
    finding, = result.findings
    assert ("died", True) == (finding.kind, finding.unstable)
    assert "overlayfs: its process is gone" in finding.detail
    assert result.statistics.steps >= 900


def test_a_worker_that_is_killed_is_an_error_and_leaves_nothing():
    needs("overlayfs")
    before = set(Path("/tmp").glob("layerproof-*"))
    engine = MountEngine("overlayfs")
    with closing(engine):
        engine._process.kill()
        engine._process.wait()
        with pytest.raises(EngineUnreachable, match="its process is gone"):
            engine.do({"do": "stat", "container": 0, "path": ""})
    folder = engine._folder
    assert not folder.exists()
    assert [] == left(before)[2]
