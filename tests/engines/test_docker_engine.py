from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from layermodel.formats.content import ArchiveEntry, Files, ImageSpec, archive, files_digest, layer_tar, measure
from layerproof.engines.docker.api import DockerApi
from layerproof.engines.docker.engine import DockerEngine
from layerproof.engines.docker.script import script
from layerproof.errors import EngineUnreachable, Refused, WrongRequest
from layerproof.machines.store.engine import Call, Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("needs_docker")]

NOTHING = "0" * 64


def spec(engine: DockerEngine, *more: Files, label: str = "") -> ImageSpec:
    return ImageSpec(({**engine.program, "data": b"base"}, *more), label, engine.command)


def load(engine: DockerEngine, *references: str, label: str = "") -> str:
    image = spec(engine, label=label)
    engine.load(archive([ArchiveEntry(image, references)]))
    return image.image_id


def load_parent_and_child(engine: DockerEngine) -> tuple[ImageSpec, ImageSpec]:
    parent, child = spec(engine), spec(engine, {"data": b"child"})
    entries = [ArchiveEntry(parent, ("p:latest",)), ArchiveEntry(child, ("c:latest",), parent.image_id)]
    engine.load(archive(entries))
    return parent, child


def container_in(engine: DockerEngine, image: str, status: str, name: str = "alpha") -> str:
    container = engine.create(image, name)
    if status != "created":
        engine.start(container)
    if status == "paused":
        engine.pause(container)
    if status == "exited":
        engine.kill(container)
    assert status == engine.observe().containers[container].status
    return container


def outcome(action: Callable[[], object]) -> str:
    try:
        action()
    except Refused as refused:
        return refused.refusal
    return "ok"


def test_it_is_an_engine(docker: DockerEngine) -> None:
    engine: Engine = docker
    assert isinstance(engine, Engine)
    assert ("docker", "docker") == (engine.name, engine.dialect)
    assert {"observe", "untag"}.isdisjoint(engine.capabilities)


def test_load_shows_images_layers_and_sizes_exactly(docker: DockerEngine) -> None:
    parent, child = load_parent_and_child(docker)
    seen = docker.observe()
    base = measure(parent.layers[0])
    assert {parent.image_id, child.image_id} == set(seen.images)
    assert parent.image_id == seen.images[child.image_id].parent
    assert frozenset({"c:latest"}) == seen.images[child.image_id].references
    assert (child.size, base) == (seen.images[child.image_id].size, seen.images[child.image_id].shared)
    chains = seen.images[child.image_id].layers
    assert {chain: files_digest(f) for chain, f in zip(chains, child.layers, strict=True)} == seen.layers
    assert base + len(b"child") == seen.usage


def test_a_changed_lower_file_is_noticed(docker: DockerEngine) -> None:
    load(docker, "r0:latest")
    before = docker.observe().layers
    assert docker.daemon is not None
    data = next(Path(docker.daemon.data_root, "overlay2").glob("*/diff/data"))
    data.write_bytes(b"BASE")
    assert before != docker.observe().layers


def test_import_commit_and_build(docker: DockerEngine) -> None:
    files = {**docker.program, "data": b"1"}
    image = docker.import_(layer_tar(files), "r0:latest")
    container = container_in(docker, image, "running")
    docker.write(container, {"data": b"written"})
    committed = docker.commit(container)
    built = docker.build_step(committed, {"data": b"built", "deep/er": b"12"})
    seen = docker.observe()
    assert frozenset({"r0:latest"}) == seen.images[image].references
    assert [measure(files), measure(files) + 7, measure(files) + 7 + 7] == [
        seen.images[i].size for i in (image, committed, built)
    ]
    assert [None, image, committed] == [seen.images[i].parent for i in (image, committed, built)]
    assert seen.layers is not None
    assert files_digest({"data": b"written"}) == seen.layers[seen.images[committed].layers[-1]]
    assert files_digest({"data": b"built", "deep/er": b"12"}) == seen.layers[seen.images[built].layers[-1]]
    assert {container} == set(seen.containers), "the builder leaves no container"
    assert {image, committed, built} == set(seen.images), "the builder leaves no other image"


@pytest.mark.parametrize("status", ["created", "running", "paused", "exited"])
def test_write_in_every_state(docker: DockerEngine, status: str) -> None:
    image = load(docker, "r0:latest")
    container = container_in(docker, image, status)
    fresh = docker.observe().containers[container]
    assert (0, files_digest({})) == (fresh.size_rw, fresh.upper)
    for data in (b"hello", b"HELLO", b""):
        docker.write(container, {"data": data})
        seen = docker.observe().containers[container]
        assert (len(data), files_digest({"data": data})) == (seen.size_rw, seen.upper)
        assert docker.observe().images[image].size + len(data) == seen.size_root_fs
        assert status == seen.status


ACTIONS = {
    "start": ("running", "running", "is-paused", "running"),
    "stop": ("created", "exited", "exited", "exited"),
    "kill": ("not-running", "exited", "exited", "not-running"),
    "pause": ("not-running", "paused", "is-paused", "not-running"),
    "unpause": ("not-paused", "not-paused", "running", "not-paused"),
    "restart": ("running", "running", "running", "running"),
    "remove": ("gone", "is-running", "is-paused", "gone"),
    "remove force": ("gone", "gone", "gone", "gone"),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_container_actions_by_state(docker: DockerEngine, action: str) -> None:
    image = load(docker, "r0:latest")
    results = []
    for number, status in enumerate(("created", "running", "paused", "exited")):
        container = container_in(docker, image, status, f"name{number}")
        method, _, force = action.partition(" ")
        extra = (bool(force),) if method == "remove" else ()
        answer = outcome(partial(getattr(docker, method), container, *extra))
        seen = docker.observe().containers.get(container)
        assert seen is None or answer == "ok" or status == seen.status, "a refusal changes nothing"
        results.append(answer if answer != "ok" else seen.status if seen is not None else "gone")
    assert ACTIONS[action] == tuple(results)


@pytest.mark.parametrize("status", ["created", "running", "paused", "exited"])
@pytest.mark.parametrize("tags", [0, 1, 2])
def test_removal_of_an_image_that_a_container_uses(docker: DockerEngine, tags: int, status: str) -> None:
    alive = status in ("running", "paused")
    by_id = "used-by-running-container" if alive else "several-tags" if tags == 2 else "used-by-container"
    expected = {
        "tag": "ok" if tags == 2 else "used-by-container",
        "id": by_id,
        "id force": "used-by-running-container" if alive else "ok",
        "tag force": "ok",
    }
    for way in [way for way in expected if tags or "tag" not in way]:
        image = load(docker, *[f"t{n}:latest" for n in range(tags)])
        container = container_in(docker, image, status)
        method, target = ("tag", "t0:latest") if "tag" in way else ("id", image)
        remove = docker.remove_by_tag if method == "tag" else docker.remove_by_id
        assert expected[way] == outcome(partial(remove, target, "force" in way)), way
        seen = docker.observe()
        gone = expected[way] == "ok" and (way == "id force" or (tags == 1 and not alive))
        assert gone == (image not in seen.images), way
        assert image == seen.containers[container].image
        assert seen.layers is not None
        assert 1 == len(seen.layers), "the container keeps the layers of its image"
        docker.reset()


def test_refusals_of_images(docker: DockerEngine) -> None:
    parent, child = load_parent_and_child(docker)
    assert "has-child-images" == outcome(lambda: docker.remove_by_id(parent.image_id, True))
    docker.tag(child.image_id, "d:latest")
    assert "several-tags" == outcome(lambda: docker.remove_by_id(child.image_id, False))
    assert "no-such-reference" == outcome(lambda: docker.remove_by_tag("none:latest", True))
    assert "no-such-image" == outcome(lambda: docker.remove_by_id(f"sha256:{NOTHING}", True))
    assert "no-such-image" == outcome(lambda: docker.tag(f"sha256:{NOTHING}", "e:latest"))
    assert "no-such-image" == outcome(lambda: docker.create(f"sha256:{NOTHING}", "alpha"))
    assert "no-such-image" == outcome(lambda: docker.build_step(f"sha256:{NOTHING}", {"data": b""}))
    assert "digest-as-target" == outcome(lambda: docker.tag(child.image_id, f"d@sha256:{NOTHING}"))
    assert "unclassified" == outcome(lambda: docker.load(b"no archive"))


def test_refusals_of_containers(docker: DockerEngine) -> None:
    image = load(docker)
    alpha, _ = docker.create(image, "alpha"), docker.create(image, "beta")
    assert "name-taken" == outcome(lambda: docker.create(image, "beta"))
    assert "name-taken" == outcome(lambda: docker.rename(alpha, "beta"))
    assert "same-name" == outcome(lambda: docker.rename(alpha, "alpha"))
    docker.rename(alpha, "gamma")
    assert "gamma" == docker.observe().containers[alpha].name
    for method in ("start", "stop", "kill", "pause", "unpause", "restart", "commit"):
        assert "no-such-container" == outcome(partial(getattr(docker, method), NOTHING)), method
    assert "no-such-container" == outcome(lambda: docker.remove(NOTHING, True))
    assert "no-such-container" == outcome(lambda: docker.rename(NOTHING, "delta"))
    assert "no-such-container" == outcome(lambda: docker.write(NOTHING, {"data": b""}))
    docker.remove_by_id(image, True)
    assert "no-such-image" == outcome(lambda: docker.commit(alpha))


def test_prunes_report_what_usage_falls_by(docker: DockerEngine) -> None:
    load(docker, label="dangling")
    container = docker.create(load(docker, "used:latest", label="used"), "alpha")
    lonely = ImageSpec(({"data": b"12345"},))
    docker.load(archive([ArchiveEntry(lonely)]))
    docker.write(container, {"data": b"123"})
    before = docker.observe().usage
    assert before is not None
    assert (5, before - 5) == (docker.prune(), docker.observe().usage)
    assert 0 == docker.prune_all()
    assert 3 == docker.container_prune()
    assert (before - 5, 0) == (docker.prune_all(), docker.observe().usage)


def test_operations_that_docker_lacks(docker: DockerEngine) -> None:
    with pytest.raises(WrongRequest, match="no operation untag"):
        docker.untag("r0:latest")


def test_observe_is_fast(docker: DockerEngine) -> None:
    for number in range(5):
        image = load(docker, f"r{number}:latest", label=str(number))
    for number in range(3):
        docker.create(image, f"name{number}")
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        docker.observe()
        times.append(time.perf_counter() - begin)
    assert sorted(times)[4] < 0.2, "measured: 0.01 seconds on an idle machine"


def test_the_tiny_program_runs(shared_docker: DockerEngine) -> None:
    with DockerEngine(socket=shared_docker.socket, busybox=None) as engine:
        assert ("/init",) == engine.command
        image = load(engine)
        container = container_in(engine, image, "running")
        assert "running" == engine.observe().containers[container].status


def test_a_shared_engine_keeps_what_is_not_ours(docker: DockerEngine) -> None:
    foreign = load(docker, "theirs:latest", label="foreign")
    dangling = load(docker, label="dangling")
    docker.start(docker.create(foreign, "theirs"))
    before = docker.observe()
    with DockerEngine(socket=docker.socket) as engine:
        assert engine.capabilities.isdisjoint({"prune", "prune_all", "container_prune"})
        assert {} == engine.observe().images
        with pytest.raises(WrongRequest, match="before"):
            engine.load(archive([ArchiveEntry(spec(docker, label="dangling"), ("r0:latest",))]))
        image = load(engine, "r0:latest", "theirs:latest", label="ours")
        container = engine.create(image, "theirs")
        engine.write(container, {"data": b"hello"})
        built = engine.build_step(engine.commit(container), {"data": b"more"})
        engine.tag(built, "r1:latest")
        imported = engine.import_(layer_tar({"data": b"1"}), "r2:latest")
        seen = engine.observe()
        assert frozenset({"r0:latest", "theirs:latest"}) == seen.images[image].references
        assert frozenset({"r2:latest"}) == seen.images[imported].references
        assert ("theirs", 5) == (seen.containers[container].name, seen.containers[container].size_rw)
        assert 4 == len(seen.images)
        assert {foreign, dangling}.isdisjoint(seen.images)
        assert "no-such-image" == outcome(lambda: engine.remove_by_id(dangling, True))
        assert "no-such-reference" == outcome(lambda: engine.remove_by_tag("none:latest", False))
        assert "no-such-container" == outcome(lambda: engine.remove(next(iter(before.containers)), True))
        assert f"{engine.prefix}r1:latest" in docker.observe().images[built].references
        engine.reset()
        assert () == engine.leaked
        load(engine, "r0:latest", label="ours")
    assert before == docker.observe()


def test_a_socket_that_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="is not reachable"):
        DockerEngine(socket=f"unix://{tmp_path}/none", timeout=1.0)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/silent")
        silent.listen()
        begin = time.monotonic()
        with pytest.raises(EngineUnreachable, match="did not answer within 1 seconds"):
            DockerApi(f"{tmp_path}/silent", 1.0)
        assert time.monotonic() - begin < 3.0
    assert 1 == threading.active_count()


def ran(address: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run a script of ``docker`` commands on an engine at an address."""
    environment = {"DOCKER_HOST": address, "PATH": os.environ["PATH"]}
    return subprocess.run(["sh"], input=text, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command")
def test_a_script_reproduces_the_calls(docker: DockerEngine) -> None:
    base = ImageSpec(({**docker.program, "data": b"it's 100%\n"},), "a", docker.command)
    child = ImageSpec((*base.layers, {"data": b"b", "d/e": b"\x00\\x"}), "b", docker.command)
    entries = (ArchiveEntry(base, ("r0:latest",)), ArchiveEntry(child, ("r1:latest",), base.image_id))
    calls = (
        Call("load", (entries,), "image_0 image_1"),
        Call("create", ("image_1", "alpha"), "container_0"),
        Call("start", ("container_0",)),
        Call("write", ("container_0", {"data": b"hello"})),
        Call("commit", ("container_0",), "image_2"),
        Call("build_step", ("image_2", {"data": b"zz", "q/r": b"1"}), "image_3"),
        Call("import_", (layer_tar({"data": b"imported"}), "r2:latest"), "image_4"),
        Call("remove_by_id", ("image_1", True)),
        Call("rename", ("container_0", "beta")),
        Call("kill", ("container_0",)),
    )
    run = ran(str(docker.socket), script(calls))
    assert 0 == run.returncode, run.stderr
    seen = docker.observe()
    sizes = [base.size, child.size, child.size + 5, child.size + 5 + 3, 8]
    assert sorted(sizes) == sorted(image.size for image in seen.images.values())
    assert seen.layers is not None
    expected = [*child.layers, {"data": b"hello"}, {"data": b"zz", "q/r": b"1"}, {"data": b"imported"}]
    assert {files_digest(files) for files in expected} == set(seen.layers.values())
    assert [("beta", "exited", 5)] == [(c.name, c.status, c.size_rw) for c in seen.containers.values()]
