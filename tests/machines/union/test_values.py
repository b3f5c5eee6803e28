"""A trace file of the union machine: what it says is kept, and what no union could be, or leads out of it, is refused."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine
from layermodel.union.rules import UNION
from layermodel.union.trees import Merger, Paths
from layerproof.cli import main
from layerproof.errors import WrongRequest
from layerproof.machines.union.beside import ROOM
from layerproof.machines.union.stacks import random_stack
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.machines.union.values import Mounted, scene_json, scene_of
from layerproof.runs.trace import trace_of

NODE = {"kind": "directory", "content": "", "mode": 493, "owner": [0, 0], "mtime": 1000001000123456789, "xattr": {}}
FILE, SYMLINK = {**NODE, "kind": "file"}, {**NODE, "kind": "symlink", "content": b"0".hex()}


def trace(path="a", paths=(), entries=(("", 0),), nodes=(NODE,), rule="stat"):
    return {"layerproof": 2, "machine": "union", "dialect": "overlayfs", "paths": ["", *(paths or [path])], "containers": 1,
            "layers": [{"entries": [*map(list, entries)], "nodes": list(nodes), "whiteouts": [], "opaque": []}],
            "events": [{"rule": rule, "container": 0, "path": path, "refused": None}]}


def test_the_scene_of_a_trace_is_read():
    assert trace_of(UNION_SUBJECT, trace(entries=[("", 0), ("a", 1)], nodes=[NODE, SYMLINK])).events


@pytest.fixture(scope="module")
def merger():
    return Merger(GroundMachine(UNION, ROOM.sizes), ROOM.paths)


@given(random=st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_what_is_drawn_can_be_written_and_read(random, merger):
    scene = Mounted(random_stack(random, ROOM, merger), ROOM)
    assert scene.stack == scene_of(UNION, json.loads(json.dumps(scene_json(UNION, scene)))).stack


@pytest.mark.parametrize("path", ["/pwned", "..", ".", "a/../b", "a//b", "a/", "a\0b", "/", "../../pwned"])
def test_a_path_that_leads_out_of_the_union_is_refused(path):
    with pytest.raises(ValueError, match="is not made of names"):
        Paths(("", path))
    with pytest.raises(WrongRequest, match="is not made of names, with one slash between two of them"):
        trace_of(UNION_SUBJECT, trace(path))


def test_nothing_is_made_where_a_trace_leads_out(tmp_path):
    """With no engine, and with one that would do as root what it says."""
    out, file = tmp_path / "out", tmp_path / "trace.json"
    for path in (str(out), f"../../../../../../../..{out}"):
        event = {**trace(path), "events": [{"rule": "mkdir", "container": 0, "path": path, "mode": 493, "refused": None}]}
        file.write_text(json.dumps(event))
        for more in ([], ["--on", "memory"], ["--on", "overlayfs"]):
            result = CliRunner().invoke(main, ["replay", str(file), *more])
            assert (2, 1) == (result.exit_code, len(result.output.splitlines())), result.output
    assert not out.exists()


@pytest.mark.parametrize(("damaged", "says"), [
    (trace("01"), "the path '01' has the name '01', to which symlinks point"),
    (trace("a\nb"), r"the path 'a\nb' has characters that cannot be printed"),
    (trace("a/10", paths=["a", "a/10"]), "the path 'a/10' has the name '10'"),
    (trace(entries=[("", 0), ("a", 0)]), "layer 1: a directory has two names, '' and 'a'"),
    (trace(entries=[("", 0), ("a", 1), ("a", 1)], nodes=[NODE, FILE]), "layer 1 has the path 'a' twice"),
    (trace(entries=[("a", 0)]), "layer 1: its root is no directory"),
    (trace(nodes=[FILE]), "layer 1: its root is no directory"),
    (trace(entries=[("", 0), ("a", 1)], nodes=[NODE, {**SYMLINK, "content": ""}]), "layer 1: node 1 is a symlink that points to nothing"),
    (trace("a/b", paths=["a", "a/b"], entries=[("", 0), ("a", 1), ("a/b", 1)], nodes=[NODE, FILE]), "is in no directory of the layer"),
    (trace("a/b"), "the parent of the path 'a/b' is not before it"),
])
def test_what_no_union_is_is_refused(damaged, says):
    with pytest.raises(WrongRequest) as refused:
        trace_of(UNION_SUBJECT, damaged)
    assert says in str(refused.value)
