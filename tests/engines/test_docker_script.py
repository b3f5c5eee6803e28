"""Scripts of findings: each checks itself, and says of everything that can differ what is there."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from engines.test_docker_engine import ran
from layermodel.formats.content import ArchiveEntry, ImageSpec
from layerproof.engines.docker.questions import human
from layerproof.engines.docker.script import script
from layerproof.machines.store.engine import Call, Fact

pytestmark = pytest.mark.docker

BASE = ImageSpec(({"data": b"A" * 70},), "a")
CHILD = ImageSpec((*BASE.layers, {"data": b"bb"}), "b")
LOADED = Call("load", ((ArchiveEntry(BASE, ("r:0",)),),), "image_0")
BOTH = Call("load", ((ArchiveEntry(BASE, ("r:0",)), ArchiveEntry(CHILD, ("r:1", "r:2"), BASE.image_id)),),
            "image_0 image_1")
MADE = (BOTH, Call("create", ("image_1", "name-0"), "container_0"), Call("write", ("container_0", {"data": b"ccc", "d/e": b"f"})))


@pytest.mark.parametrize(("calls", "facts"), [
    ((LOADED, Call("tag", ("image_0", "q:7"))), [
        Fact("image_0", "there", True), Fact("image_0", "references", frozenset({"r:0", "q:7"})),
        Fact("image_0", "parent", ""), Fact("image_0", "size", 70), Fact("", "usage", 70),
        Fact("", "images", frozenset({"image_0"})), Fact("", "containers", frozenset()), Fact("", "refusal", "")]),
    (MADE, [
        Fact("image_1", "parent", "image_0"), Fact(CHILD.image_id, "references", frozenset({"r:1", "r:2"})),
        Fact("image_1", "shared", 70), Fact("container_0", "there", True), Fact("container_0", "name", "name-0"),
        Fact("container_0", "image", "image_1"), Fact("container_0", "status", "created"),
        Fact("container_0", "size_rw", 4), Fact("container_0", "size_root_fs", 76), Fact("", "usage", 72),
        Fact("container_0", "files", {"data": b"ccc", "d/e": b"f"}), Fact("", "containers", frozenset({"container_0"})),
        Fact("", "images", frozenset({"image_0", "image_1"}))]),
    ((LOADED, Call("create", ("image_0", "name-0"), "container_0"), Call("remove_by_tag", ("r:0", False))), [
        Fact("", "refusal", "used-by-container"), Fact("image_0", "there", True)]),
    ((LOADED, Call("tag", ("image_0", "q:1")), Call("remove_by_tag", ("q:1", False)),
      Call("remove_by_tag", ("r:0", False))), [Fact("image_0", "there", False)]),
    ((replace(LOADED, arguments=((ArchiveEntry(BASE),),)), Call("prune", ())), [
        Fact("", "reclaimed", 70), Fact("image_0", "there", False), Fact("", "images", frozenset())]),
    ((Call("load", ((ArchiveEntry(BASE, damaged=True),),), "image_0"),), [
        Fact("", "refusal", "damaged-archive"), Fact("image_0", "there", False), Fact("", "images", frozenset())]),
    ((*MADE, Call("commit_as", ("container_0", "q:1"), "image_2")), [
        Fact("image_2", "references", frozenset({"q:1"})), Fact("image_2", "parent", "image_1"),
        Fact("image_2", "size", 76)]),
    ((*MADE, Call("commit_as", ("container_0", f"q@sha256:{'0' * 64}"), "image_2")), [
        Fact("", "refusal", "digest-as-target"), Fact("container_0", "there", True)]),
], ids=["tag", "write", "refused", "gone", "prune", "damaged", "commit", "commit-refused"])
@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command")
def test_a_script_tells_what_is_so_from_what_is_not(docker, calls, facts):
    """On one engine: with what is so there is nothing to say; with anything else each thing is named."""
    right = ran(str(docker.socket), script(calls, tuple(facts)))
    assert (0, len(facts) + sum(len(f.expected) for f in facts if f.what == "files")) == (
        right.returncode, right.stdout.count("as expected: ")), right.stdout + right.stderr
    docker.reset()
    wrong = ran(str(docker.socket), script(calls, tuple(otherwise(fact) for fact in facts)))
    assert (1, 0) == (wrong.returncode, wrong.stdout.count("as expected: ")), wrong.stdout + wrong.stderr
    assert len(facts) <= wrong.stdout.count(": expected ")


def otherwise(fact: Fact) -> Fact:
    """The same with another value."""
    value = fact.expected
    if isinstance(value, frozenset):
        odd = "other:1" if fact.what == "references" else "container_0" if value == {"container_0"} else "image_0"
        return replace(fact, expected=value ^ {odd})
    if fact.what in ("parent", "image"):
        return replace(fact, expected="image_1" if value == "image_0" else "image_0")
    others = {bool: lambda: not value, int: lambda: value + 1, dict: lambda: {"other": b"x"}, str: lambda: "" if value
              else "other"}
    return replace(fact, expected=others[type(value)]())


def test_a_script_is_short_and_exits_with_2_where_no_engine_answers(tmp_path):
    text = script((LOADED, Call("create", ("image_0", "name-0"), "container_0"),
                   Call("remove_by_tag", ("r:0", True))), (Fact("", "refusal", "used"),))
    done = [line for line in text.split("set -x\n")[1].splitlines() if line]
    assert 12 >= len(done), text
    run = subprocess.run(["sh"], input=text, env={"DOCKER_HOST": f"unix://{tmp_path}/none", "PATH": "/usr/bin:/bin"},
                         capture_output=True, text=True, timeout=60)
    assert 2 == run.returncode


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command")
def test_what_only_a_reader_can_tell_is_not_said_to_be_fine(docker):
    refused = (LOADED, Call("remove_by_tag", ("none:1", False)))
    run = ran(str(docker.socket), script(refused, (Fact("", "why", "used-by-container"),)))
    assert 3 == run.returncode
    assert "has to be read above" in run.stdout
    docker.reset()
    assert 0 == ran(str(docker.socket), script(refused, (Fact("", "answers", True),))).returncode


@pytest.mark.parametrize(("size", "said"), [(0, "0B"), (70, "70B"), (999, "999B"), (1000, "1kB"), (72901, "72.9kB"),
                                            (123456, "123.5kB"), (72_901_000, "72.9MB")])
def test_sizes_are_said_as_docker_says_them(size, said):
    assert said == human(size)
