"""Podman as an engine: what its API says, in the model's words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.test_docker_daemon import processes, traces, traces_after
from layermodel.formats.content import ArchiveEntry, Files, ImageSpec, archive, files_digest, layer_tar
from layerproof.engines.podman.api import PodmanApi
from layerproof.engines.podman.daemon import PrivatePodman, last_words
from layerproof.engines.podman.engine import PodmanEngine
from layerproof.errors import EngineUnreachable, Refused, WrongRequest

pytestmark = [pytest.mark.podman, pytest.mark.usefixtures("needs_podman")]

DIGEST = f"repo@sha256:{'1' * 64}"
ABSENT = "0" * 64


def spec(engine: PodmanEngine, *above: Files, by: tuple[str, ...] | None = None) -> ImageSpec:
    return ImageSpec(({**engine.program, "data": b"root"}, *above), command=engine.command, made_by=by)


def load(engine: PodmanEngine, image: ImageSpec, *references: str, damaged: bool = False) -> str:
    engine.load(archive([ArchiveEntry(image, references, damaged=damaged)]))
    return image.image_id


def refusal(operation: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(Refused) as caught:
        operation(*arguments)
    return caught.value.refusal


def test_sizes_are_in_bytes_of_files_and_layers_have_their_chain_ids(podman: PodmanEngine) -> None:
    image = spec(podman, {"etc/x": b"12345", "y": bytes(700)})
    load(podman, image, "repo:one")
    container = podman.create(image.image_id, "alpha")
    podman.write(container, {"etc/x": b"changed"})
    seen = podman.observe()
    assert image.size == seen.images[image.image_id].size
    assert frozenset({"repo:one"}) == seen.images[image.image_id].references
    assert seen.layers is not None
    assert dict(zip(seen.images[image.image_id].layers, image.diff_ids, strict=True)) == seen.layers
    assert (7, image.size + 7) == (seen.containers[container].size_rw, seen.containers[container].size_root_fs)
    assert files_digest({"etc/x": b"changed"}) == seen.containers[container].upper
    made = podman.commit_as(container, "repo:two")
    after = podman.observe()
    assert image.size + 7 == after.images[made].size
    assert image.image_id == after.images[made].parent


def test_a_size_that_is_reported_wrongly_is_seen_as_reported(podman: PodmanEngine, monkeypatch) -> None:
    """What is taken from the size is known of the layers, and does not come from the size itself."""
    image = load(podman, spec(podman))
    right, get = podman.observe().images[image].size, PodmanApi.get

    def larger(api, path, **params):
        answer = get(api, path, **params)
        return [{**row, "Size": row["Size"] + 1} for row in answer] if path == "/images/json" else answer

    monkeypatch.setattr(PodmanApi, "get", larger)
    assert right + 1 == podman.observe().images[image].size


def test_a_start_makes_no_files_and_a_commit_has_none_but_those_written(podman: PodmanEngine) -> None:
    container = podman.create(load(podman, spec(podman)), "alpha")
    podman.start(container)
    seen = podman.observe().containers[container]
    assert ("running", 0, files_digest({})) == (seen.status, seen.size_rw, seen.upper)
    podman.write(container, {"data": b"x"})
    made = podman.commit(container)
    seen_after = podman.observe()
    assert seen_after.layers is not None
    assert files_digest({"data": b"x"}) == seen_after.layers[seen_after.images[made].layers[-1]]


def test_what_a_running_container_has_mounts_over_is_written_beneath_them(podman: PodmanEngine) -> None:
    container = podman.create(load(podman, spec(podman)), "alpha")
    files = {**podman.program, "data": b"other"}
    for _ in range(2):
        podman.write(container, files)
        seen = podman.observe().containers[container]
        assert (sum(map(len, files.values())), files_digest(files)) == (seen.size_rw, seen.upper)
        podman.start(container)
    assert "no-such-container" == refusal(podman.write, ABSENT, files)


def test_what_is_refused_for_a_state_is_told_by_the_state(podman: PodmanEngine) -> None:
    container = podman.create(load(podman, spec(podman)), "alpha")
    assert "not-running" == refusal(podman.pause, container)
    assert "not-running" == refusal(podman.kill, container)
    assert "not-paused" == refusal(podman.unpause, container)
    podman.start(container)
    assert "is-running" == refusal(podman.remove, container, False)
    assert "not-paused" == refusal(podman.unpause, container)
    podman.pause(container)
    for operation in (podman.start, podman.stop, podman.restart, podman.pause):
        assert "is-paused" == refusal(operation, container)
    assert "is-paused" == refusal(podman.remove, container, False)
    podman.kill(container)
    assert "not-running" == refusal(podman.kill, container)
    podman.stop(container)
    assert "exited" == podman.observe().containers[container].status


def test_what_is_missing_or_taken_is_told_by_what_podman_says_it_is(podman: PodmanEngine) -> None:
    image = load(podman, spec(podman), "repo:one", "repo:two")
    assert "no-such-image" == refusal(podman.create, f"sha256:{ABSENT}", "alpha")
    assert "no-such-image" == refusal(podman.tag, f"sha256:{ABSENT}", "repo:three")
    assert "no-such-image" == refusal(podman.build_step, f"sha256:{ABSENT}", {"data": b"x"})
    assert "no-such-reference" == refusal(podman.untag, "repo:three")
    assert "no-such-reference" == refusal(podman.remove_by_tag, "repo:three", True)
    assert "several-tags" == refusal(podman.remove_by_id, image, False)
    for operation in (podman.start, podman.commit):
        assert "no-such-container" == refusal(operation, ABSENT)
    container, other = podman.create(image, "alpha"), podman.create(image, "beta")
    assert "name-taken" == refusal(podman.create, image, "alpha")
    assert "name-taken" == refusal(podman.rename, other, "alpha")
    podman.untag("repo:two")
    assert "used-by-container" == refusal(podman.remove_by_tag, "repo:one", False)
    assert "used-by-container" == refusal(podman.remove_by_id, image, False)
    assert "digest-as-target" == refusal(podman.tag, image, DIGEST)
    assert "digest-as-target" == refusal(podman.commit_as, container, DIGEST)
    assert "digest-as-target" == refusal(podman.import_, layer_tar({"data": b"x"}), DIGEST)
    assert "digest-as-target" == refusal(load, podman, spec(podman), DIGEST)


def test_layers_that_a_failed_load_leaves_are_seen_and_gone_after_a_reset(podman: PodmanEngine) -> None:
    def damaged() -> None:
        load(podman, spec(podman, {"data": b"above"}), damaged=True)

    assert "damaged-archive" == refusal(damaged)
    assert 1 == len(podman.observe().layers or ())
    load(podman, spec(podman))
    with pytest.raises(Refused):
        load(podman, spec(podman, {"data": b"above"}, {"data": b"more"}), damaged=True)
    assert 2 == len(podman.observe().layers or ()), "one of them is the image's, and lies beneath the other"
    podman.reset()
    assert ((), {}) == (podman.leaked, podman.observe().layers)


def test_a_prune_names_what_is_used_and_goes_on(podman: PodmanEngine) -> None:
    used, free = load(podman, spec(podman)), spec(podman, {"data": b"above"}, by=("one", "two"))
    load(podman, free)
    podman.create(used, "alpha")
    assert free.size == podman.prune_all(), "its size is told whole, though a layer of it stays"
    assert [used] == [*podman.observe().images]
    container = podman.create(used, "beta")
    podman.write(container, {"data": b"123"})
    assert 3 == podman.container_prune()
    assert {} == podman.observe().containers


def test_with_vfs_the_same_is_seen_but_the_files_of_layers() -> None:
    with PodmanEngine(storage_driver="vfs") as engine:
        image = spec(engine, {"data": b"12345"})
        load(engine, image, "repo:one")
        container = engine.create(image.image_id, "alpha")
        engine.start(container)
        engine.write(container, {"more": b"12"})
        made = engine.commit(container)
        seen = engine.observe()
        assert [image.size, image.size + 2] == [seen.images[one].size for one in (image.image_id, made)]
        assert (None, None) == (seen.layers, seen.containers[container].upper)
        assert 2 == seen.containers[container].size_rw
    with pytest.raises(WrongRequest, match="'zfs' is none of overlay, vfs"):
        PodmanEngine(storage_driver="zfs")


OWNER = """
from layermodel.formats.content import ArchiveEntry, ImageSpec, archive
from layerproof.engines.podman.engine import PodmanEngine
with PodmanEngine() as engine:
    image = ImageSpec((engine.program,), command=engine.command)
    engine.load(archive([ArchiveEntry(image)]))
    for name in ("alpha", "beta"):
        engine.start(container := engine.create(image.image_id, name))
    engine.pause(container)
    print(engine.daemon.folder, flush=True)
    import time
    time.sleep(60)
"""


def locks() -> list[str]:
    """What there is in the folders that all of the machine share."""
    return sorted(str(path) for folder in ("/dev/shm", "/run/libpod", "/run/runc", "/var/tmp")
                  for path in Path(folder).glob("*"))


def test_nothing_is_left_after_the_owner_was_killed_by_sigkill() -> None:
    before = locks()
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder = owner.stdout.readline().strip()
    there = " ".join(processes(folder).values())
    assert all(word in there for word in ("conmon", "busybox", "system service")), there
    owner.kill()
    owner.wait(timeout=30)
    owner.stdout.close()
    assert [] == traces_after(folder)
    assert before == locks()


@pytest.mark.parametrize("killed", ["nothing", "podman"])
def test_nothing_is_left_of_a_closed_or_killed_podman(killed: str) -> None:
    engine = PodmanEngine(timeout=10.0)
    assert engine.daemon is not None
    folder = engine.daemon.folder
    engine.start(engine.create(load(engine, spec(engine)), "alpha"))
    if killed == "podman":
        service = next(pid for pid, line in processes(folder).items() if line.split()[0].endswith("/podman"))
        os.kill(service, signal.SIGKILL)
        with pytest.raises(EngineUnreachable, match=r"the Podman at .* is not reachable"):
            engine.observe()
        engine.revive()
        assert {} == engine.observe().images
        folder, old = engine.daemon.folder, folder
        assert [] == traces(old)
    engine.close()
    engine.close()
    assert [] == traces(folder)


def test_what_does_not_start_is_explained(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="there is no program no-such-podman here"):
        PodmanEngine(podman="no-such-podman")
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\necho 'Error: out of luck' >&2\nexit 125\n")
    program.chmod(0o755)
    with pytest.raises(EngineUnreachable, match="the private Podman did not start: out of luck"):
        PrivatePodman(podman=str(program))
    assert 'no "space"' == last_words('Getting image\ntime="x" level=error msg="no \\"space\\""\n')


def test_an_answer_that_nobody_knows_stays_unclassified() -> None:
    api = PodmanApi.__new__(PodmanApi)
    assert "unclassified" == api.refusal("out of order", b'{"cause": "out of order", "message": "out of order"}')
    assert "unclassified" == api.refusal("no JSON", b"no JSON")
    words = json.dumps({"cause": "image not known", "message": "x: image not known"}).encode()
    assert "no-such-image" == api.refusal("x: image not known", words)
