"""Unions that a command mounts, that are mounted without root, that die or hang; and their known deviations."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

import layermodel
import layerproof
from layermodel.language.ground import GroundMachine
from layermodel.union.reference import UnionReference
from layermodel.union.rules import UNION
from layermodel.union.trees import DIRECTORY, FIFO, FILE, SYMLINK, Layer
from layermodel.union.words import DIALECTS
from layerproof.engines.mount import worker
from layerproof.engines.mount.deviations import DEVIATIONS, WITHOUT_ROOT
from layerproof.engines.mount.engine import EVERY, MountEngine
from layerproof.errors import EngineUnreachable, WrongRequest
from layerproof.machines.union.compare import views
from layerproof.machines.union.lacking import (
    LACKS,
    as_expected,
    known_lacks,
    rules_lacking,
    scene_without,
    stack_without,
)
from layerproof.machines.union.mounting import NAMED, Mounting
from layerproof.machines.union.script import Shown, script
from layerproof.machines.union.stacks import PLAIN
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.machines.union.values import layer_request
from layerproof.runs.finding import Difference
from layerproof.runs.trace import Event, trace_text
from layerproof.subject import known_of
from mounts import AT, SCENE, follow, needs, over, plain

FUSE = "fuse-overlayfs -o lowerdir={lower},upperdir={upper},workdir={work} {merged}"
FOREGROUND = FUSE.replace(" -o", " -f -o", 1)
OVERLAY = "mount -t overlay overlay -o lowerdir={lower},upperdir={upper},workdir={work} {merged}"

STACK = (Layer((plain(DIRECTORY), plain(FILE), plain(DIRECTORY)), {0: 0, AT["a"]: 1, AT["b"]: 2}),
         Layer((plain(DIRECTORY), plain(DIRECTORY)), {0: 0, AT["b"]: 1}, frozenset({AT["a"]}), frozenset({AT["b"]})))
"""A file that is hidden, and a directory that hides another."""


def followed(engine, *events, stack=STACK):
    return follow(engine, over(engine.dialect, stack, (Event(*event, None) for event in events)))


@pytest.mark.parametrize("command", [OVERLAY, "sh -c 'mount \"$@\"' - " + OVERLAY.removeprefix("mount ")])
def test_a_union_that_a_command_mounts_is_judged(command):
    needs("overlayfs")
    with closing(MountEngine("mine", command=command, dialect="overlayfs")) as engine:
        assert ("unknown", [], frozenset(), EVERY) == (
            engine.version, known_of(DEVIATIONS, engine), engine.lacks, engine.capabilities)
        assert followed(engine, ("stat", (0, AT["a"])), ("mkdir", (0, AT["a"], 0, -1)), ("remount", (0,))) is None


@pytest.mark.parametrize("command", [FUSE, FOREGROUND])
def test_a_program_that_serves_a_union_is_waited_for_whether_it_stays_or_not(command):
    needs("fuse-overlayfs")
    with closing(MountEngine("mine", command=command, traits={"index": True}, unmount="umount -l {merged}")) as engine:
        assert "overlayfs-index" == engine.dialect
        for _ in range(3):
            assert {"view", "strange"} <= engine.do({"do": "remount", "container": 0})["seen"][0].keys()


@pytest.mark.parametrize(("arguments", "says"), [
    ({"command": "mount {lower}"}, "does not say where: it lacks {merged}"),
    ({"command": "mount {lowest} {merged}"}, r"unknown place \{lowest\}; known: \{lower\}"),
    ({"command": "mount 'x {merged}"}, "cannot be split into words: No closing quotation"),
    ({"command": " "}, "is empty"),
    ({"command": OVERLAY, "unmount": "umount"}, "the command 'umount' does not say where"),
    ({"command": OVERLAY, "options": ("index=on",)}, "options go into the command"),
    ({"command": OVERLAY, "name": "tmpfs"}, "needs another name"),
    ({"command": OVERLAY, "whiteouts": "ink"}, "unknown whiteouts 'ink'; known: device, wh-file"),
    ({"command": OVERLAY, "lacks": ("speed",)}, "unknown lack 'speed'"),
    ({"command": OVERLAY, "ignored": ("a/b",)}, "'a/b' is no name"),
    ({"command": OVERLAY, "dialect": "latin"}, "unknown dialect 'latin'"),
    ({"command": OVERLAY, "traits": {"speed": True}}, "unknown trait 'speed'; known: index"),
    ({"command": OVERLAY, "dialect": "overlayfs", "traits": {"index": True}}, "overlayfs has not index=true"),
    ({"command": OVERLAY, "traits": {"index": True, "opaque_always": False, "redirect_dir": True}}, "no known dialect"),
    ({"name": "mine"}, "any other needs the command"),
    ({"name": "overlayfs", "dialect": "overlayfs"}, "has a way of its own"),
])
def test_a_wrong_way_to_be_mounted_is_one_sentence(arguments, says):
    with pytest.raises(WrongRequest, match=says) as caught:
        MountEngine(**{"name": "mine", **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("command", "says"), [
    ("/nowhere/union {merged}", "/nowhere/union cannot be run"),
    ("sh -c 'echo no such luck >&2; exit 3' {merged}", "failed: no such luck"),
    ("true {merged}", "true ended and has mounted nothing"),
    ("sh -c 'echo thinking >&2; sleep 600' {merged}", "sh has mounted nothing in time; it said last: thinking"),
])
def test_a_program_that_mounts_nothing_is_one_sentence(command, says):
    needs("overlayfs")
    with pytest.raises(EngineUnreachable, match=says) as caught:
        MountEngine("mine", command=command, timeout=5)
    assert "\n" not in str(caught.value)


def children(number):
    """The processes that a process has started, and theirs."""
    for task in Path(f"/proc/{number}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from children(child)


def serving(engine):
    """The process that serves a union."""
    found = [n for n in children(engine._process.pid) if b"fuse-overlayfs\0" in Path(f"/proc/{n}/cmdline").read_bytes()]
    return found[-1]


def test_a_union_that_dies_is_an_error_with_what_was_said_last():
    needs("fuse-overlayfs")
    command = ("sh -c 'fuse-overlayfs -f -o $0 $1; echo all hands lost >&2' "
               "lowerdir={lower},upperdir={upper},workdir={work} {merged}")
    with closing(MountEngine("mine", command=command)) as engine:
        os.kill(serving(engine), signal.SIGKILL)
        with pytest.raises(EngineUnreachable, match=r"mine failed: .*\(E[A-Z]+\)"):
            engine.do({"do": "stat", "container": 0, "path": ""})
        deadline = time.monotonic() + 30
        while True:  # the shell speaks when it has seen its child's end
            with pytest.raises(EngineUnreachable) as caught:
                engine.do({"do": "stat", "container": 0, "path": ""})
            if "it said last: all hands lost" in str(caught.value) or time.monotonic() > deadline:
                break
    assert "it said last: all hands lost" in str(caught.value)


def test_a_union_that_hangs_is_an_error_and_ends_all_the_same():
    needs("fuse-overlayfs")
    engine = MountEngine("fuse-overlayfs", timeout=3)
    with closing(engine):
        before = [*children(engine._process.pid)]
        os.kill(serving(engine), signal.SIGSTOP)
        with pytest.raises(EngineUnreachable, match="did not answer within 3 s"):
            engine.do({"do": "mkdir", "container": 0, "path": "new", "mode": 0o755})
    assert len(before) >= 2
    assert [] == [n for n in before if Path(f"/proc/{n}").exists()]
    assert not engine._folder.exists()


def test_the_worker_needs_nothing_but_the_standard_library(tmp_path, monkeypatch):
    needs("overlayfs")
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    MountEngine("overlayfs").close()
    imports = [line.split()[1] for line in Path(worker.__file__).read_text().splitlines() if line.startswith("import ")]
    assert {"json"} <= {*imports} <= sys.stdlib_module_names


# Without root.

UNPRIVILEGED = """
import json
import sys
from contextlib import closing
from layerproof.engines.mount.deviations import DEVIATIONS
from layerproof.engines.mount.engine import MountEngine
from layerproof.errors import LayerproofError
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.conform import replay_on
from layerproof.runs.trace import trace_of
from layerproof.subject import known_of
try:
    with closing(MountEngine(sys.argv[1], tuple(sys.argv[2:]))) as engine:
        trace = trace_of(UNION_SUBJECT, json.load(sys.stdin))
        finding = replay_on(UNION_SUBJECT, trace, engine, deviations=DEVIATIONS)
        known = known_of(DEVIATIONS, engine)
        print(*sorted(engine.lacks), *engine.options, *sorted(d.option for d in known), finding)
except LayerproofError as error:
    print(type(error).__name__, error)
"""

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
NO_NAMESPACES = ("unshare", "--user", "--map-root-user", "sh", "-c",
                 'echo 1 > /proc/sys/user/max_user_namespaces; exec unshare --user --map-user=1000 "$@"', "-")
"""One more user namespace, in which the user is not root, and none after it."""

SYSTEM = "/usr/bin/python3"


def unprivileged(prefix, *arguments, python=sys.executable, stack=STACK):
    trace = over("overlayfs", stack, (
        Event("mkdir", (0, AT["a"], 0, -1), None), Event("rmdir", (0, AT["a"]), None), Event("remount", (0,), None)))
    sources = [str(Path(package.__file__).parents[1]) for package in (layermodel, layerproof, pytest)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*prefix, python, "-c", UNPRIVILEGED, *arguments], input=trace_text(UNION_SUBJECT, trace), text=True,
                          capture_output=True, env=environment, cwd="/", check=False)
    return done.stdout.strip() or done.stderr


def of_nobody():
    """A Python that another user can run, as can what it starts."""
    needs("overlayfs")
    for python in (sys.executable, SYSTEM):
        says = ("sh", "-c", '"$0" -c "import sys; print(sys.version_info[:2])"', python)
        done = subprocess.run([*NOBODY, *says], capture_output=True, text=True, check=False)
        if done.stdout.strip() == str(sys.version_info[:2]):
            return python
    return pytest.skip("another user cannot run this Python")


def test_a_union_is_mounted_in_a_user_namespace():
    needs("overlayfs")
    assert unprivileged(("unshare", "-Ur"), "overlayfs") == f"owners xattr userxattr userxattr {WITHOUT_ROOT} None"
    assert unprivileged(("unshare", "-Ur"), "tmpfs", stack=PLAIN) == "owners xattr None"


def test_a_union_is_mounted_by_a_user_who_is_not_root():
    assert unprivileged(NOBODY, "overlayfs", python=of_nobody()) == (
        f"owners xattr userxattr userxattr {WITHOUT_ROOT} None")


def test_without_root_what_needs_it_is_said():
    needs("overlayfs")
    assert unprivileged(("unshare", "-Ur"), "overlayfs", "redirect_dir=on") == (
        "WrongRequest the mount options userxattr and redirect_dir=on exclude each other (overlayfs.rst, User xattr); "
        "without root, userxattr is always given")
    assert unprivileged(("unshare", "-Ur"), "overlayfs", "index=on") == (
        "EngineUnreachable overlayfs: the kernel mounts it here, but gives up index=on")


def test_without_root_and_user_namespaces_it_is_said():
    needs("overlayfs")
    says = unprivileged(NO_NAMESPACES, "overlayfs")
    assert says.startswith("EngineUnreachable overlayfs needs root or a user namespace, and none can be made here: ")
    assert "\n" not in says


# What a union lacks.


def test_what_is_lacking_is_not_in_layers_nor_asked_nor_compared():
    linked = Layer((plain(DIRECTORY), plain(FIFO), plain(SYMLINK), plain(DIRECTORY)),
                   {0: 0, AT["a"]: 1, AT["b"]: 1, AT["c"]: 3, AT["c/a"]: 2}, opaque=frozenset({AT["c"]}))
    hiding = Layer((plain(DIRECTORY),), {0: 0}, frozenset({AT["a"]}))
    bare = stack_without((linked, hiding), LACKS)
    assert [FILE, FILE, DIRECTORY, FILE] == [bare[0].node(AT[p]).kind for p in ("a", "b", "c", "c/a")]
    assert not any(layer.linked(n) for layer in bare for n in range(len(layer.nodes)))
    assert not any(layer.whiteouts or layer.opaque for layer in bare)
    assert {"chown", "link", "mkfifo", "readlink", "rename"} <= rules_lacking({*LACKS, "rename"}) < EVERY
    scene = scene_without(SCENE, LACKS)
    assert (1, 1, 1) == (scene.owners, scene.values, scene.modes)
    with pytest.raises(WrongRequest, match="unknown lack"):
        known_lacks(["hardlink"])


def test_what_is_seen_of_what_is_lacking_is_as_expected():
    view = UnionReference(GroundMachine(UNION, SCENE.sizes), DIALECTS["overlayfs"], SCENE, STACK).view(0)
    paths = SCENE.paths
    strange = {"kind": "directory", "inode": 5, "content": "", "mode": 0o777, "owner": [9, 9], "mtime": 1,
               "xattr": {"user.x": "00"}}
    there = {paths.names[path]: dict(strange) for path in view}
    whats = lambda lacks: {d.what for d in views(
        0, view, paths, {"view": as_expected(lacks, view, paths, there), "strange": []}, frozenset())}
    assert {"mode", "owner", "mtime", "xattr"} == whats(())
    assert {"mode", "mtime"} == whats({"owners", "xattr", "inodes"})
    assert set() == whats(LACKS)
    numbers = [one["inode"] for one in as_expected({"inodes"}, view, paths, there).values()]
    assert len(numbers) == len({*numbers}) > 1
    assert strange == there[""]


def test_layers_hide_by_files_where_the_union_has_it_so():
    needs("overlayfs")
    layers = [layer_request(layer, SCENE.paths) for layer in STACK]
    with closing(MountEngine("mine", command=OVERLAY, whiteouts="wh-file", ignored=(".wh.a",))) as engine:
        reply = engine.begin(layers, layer_request(PLAIN[0], SCENE.paths), SCENE.paths.names, 1)
        assert {"", "a", "b", "b/.wh..wh..opq"} == reply["seen"][0]["view"].keys()
        layer = Path(f"/proc/{engine._process.pid}/root{engine._folder}/l1")
        assert [".wh.a", "b"] == sorted(p.name for p in layer.iterdir())


@pytest.mark.skipif(shutil.which("unionfs") is None, reason="needs unionfs-fuse")
def test_another_union_is_judged_and_its_script_shows_what_is_found(tmp_path):
    needs("overlayfs")
    stack = (Layer((plain(DIRECTORY), plain(FILE)), {0: 0, AT["a"]: 1}),)
    with closing(MountEngine(
            "unionfs", command="unionfs -o cow {upper}=RW:{lower} {merged}", whiteouts="hidden-file",
            ignored=[".unionfs-fuse"], lacks=["inodes", "times", "xattr"])) as engine:
        assert {"opaque"} <= engine.lacks
        assert followed(engine, ("unlink", (0, AT["a"])), ("stat", (0, AT["a"])), ("remount", (0,)), stack=stack) is None


# Deviations.


def known(name, version, options=()):
    engine = SimpleNamespace(name=name, version=version, options=options)
    return {d.key for d in known_of(DEVIATIONS, engine)}


def test_a_deviation_is_known_of_its_versions_only():
    fuse = {d.key for d in DEVIATIONS if d.engine == "fuse-overlayfs"}
    assert fuse == known("fuse-overlayfs", "1.10") == known("fuse-overlayfs", "1.13-dev") == known("fuse-overlayfs", "1.14")
    assert set() == known("fuse-overlayfs", "1.9") == known("fuse-overlayfs", "1.15") == known("fuse-overlayfs", "none")
    assert {"overlayfs-metacopy-dates"} == known("overlayfs", "Linux 6.18.44-fc-v669", ("metacopy=on",))
    assert set() == known("overlayfs", "Linux 6.18.44") == known("overlayfs", "Linux 5.10.1", ("metacopy=on",))


def differs(what, expected, observed, *tags):
    return Difference(what, expected, observed, tags=frozenset(tags))


def test_a_rename_that_did_not_happen_leaves_all_that_was_to_be_replaced():
    known = next(d for d in DEVIATIONS if d.key == "fuse-renamed-again")
    assert known.shows("rename-directory", differs("answer", "done", "EXDEV", "directory"))
    brought = [differs("kind", "nothing", "directory"), differs("mode", "711", "755", "directory"),
               differs("owner", "[1, 2]", "[0, 0]", "directory")]
    assert all(map(known.brings, brought))
    other = [differs("mode", "711", "755", "file"), differs("content", "00", "", "file"),
             differs("layer below", "unchanged", "changed"), differs("kind", "file", "directory", "file")]
    assert not any(map(known.brings, other))


def test_a_script_looks_at_everything_between_operations_and_shows_a_volatile_remount(tmp_path):
    needs("overlayfs")
    events = (Event("mkdir", (0, AT["a"], 0, -1), None), Event("remount", (0,), None), Event("stat", (0, AT["a"]), None))
    own = Mounting(OVERLAY, "umount -l {merged}")
    for mounting in (NAMED["overlayfs"].with_options(("volatile",)), own):
        text = script(Shown(False, mounting, over("overlayfs", STACK, events), [differs("answer", "done", "ENOENT")]), UNION)
        assert 2 == text.split("END")[1].splitlines().count("look")
        done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert ("directory", "") == (done.stdout.split("== m0")[1].split("== m1")[1].splitlines()[-1], done.stderr)
    assert [] == list(tmp_path.iterdir())
