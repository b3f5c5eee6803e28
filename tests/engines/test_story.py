"""The worked example of :mod:`story`, told by the model and by a real Docker Engine: both tell the same."""

from __future__ import annotations

import functools
import os
import shlex
from typing import Any

import docker as sdk
import pytest

import story
from layermodel.formats.content import ArchiveEntry, Files, ImageSpec, archive, chain_ids, measure
from layermodel.language.ground import GroundMachine
from layermodel.store.graph import blockers
from layermodel.store.reference import Archives, Reference, Shape
from layermodel.store.rules import STORE
from layermodel.store.view import StoreView, store_view
from layermodel.store.words import DIALECTS
from layerproof.engines.docker.engine import DockerEngine
from layerproof.errors import Refused

_NAMES = ("web", "second")


class ModelStore:
    """The story's store as the model has it: the compiled rules, with what each content holds beside it."""

    def __init__(self, program: Files) -> None:
        bottom, middle, top = story.layers(program)
        uppers: list[Files] = [{story.NOTE_PATH: story.NOTE}]
        uppers.append({**uppers[-1], story.HISTORY_PATH: story.HISTORY})
        uppers.append({**uppers[-1], story.CHANGED_PATH: story.NEW})
        self._files: list[Files] = [{}, bottom, middle, top, story.other_layers(program)[2], *uppers]
        # Layers 0 and 1 are shared; 2 is the top layer of image 0, and 3 of image 1.
        archives = Archives(
            layers=(None, 0, 1, 1), diffs=(1, 2, 3, 4), tops=(2, 3), images=(None, None), pins=())
        shape = Shape(layers=4, images=2, free_layers=0, free_images=0, tags=2, digests=0, containers=2,
                      names=2, leases=1)
        self._store = Reference(
            GroundMachine(STORE, shape.sizes), DIALECTS["docker"], archives, shape,
            [measure(files) for files in self._files])

    def _run(self, rule: str, *arguments: int) -> str | None:
        assert self._store.given(rule, arguments)
        return self._store.run(rule, arguments).refusal

    def _do(self, rule: str, *arguments: int) -> None:
        assert self._run(rule, *arguments) is None

    @property
    def _view(self) -> StoreView:
        return store_view(self._store.ground, self._store.state, self._store.rigid)

    def load(self) -> None:
        self._do("load", 0, 0)
        self._do("load", 1, 1)

    def usage(self) -> int:
        return self._view.usage

    def image_size(self) -> int:
        return self._view.images["image-0"].size

    def image_layers(self) -> list[str]:
        return list(self._view.images["image-0"].layers)

    def expected_layers(self) -> list[str]:
        return ["layer-0", "layer-1", "layer-2"]

    def create(self, name: str) -> None:
        number = _NAMES.index(name)
        self._do("create", 0, number, number)

    def start(self, name: str) -> None:
        self._do("start", _NAMES.index(name))

    def stop(self, name: str) -> None:
        self._do("stop", _NAMES.index(name))

    def status(self, name: str) -> str:
        return self._view.containers[f"container-{_NAMES.index(name)}"].status

    def sizes(self, name: str) -> tuple[int, int]:
        row = self._view.containers[f"container-{_NAMES.index(name)}"]
        return row.size_rw, self._view.images[row.image].size + row.size_rw

    def write(self, name: str, path: str, data: bytes) -> None:
        container = _NAMES.index(name)
        upper = {**self._files[self._store.read("upper", container)], path: data}
        self._do("write", container, self._files.index(upper))

    def read(self, name: str, path: str) -> bytes:
        held = [self._store.read("bytes", layer) for layer in (0, 1, 2)]
        merged: dict[str, bytes] = {}
        for content in (*held, self._store.read("upper", _NAMES.index(name))):
            merged |= self._files[content]
        return merged[path]

    def image_digests(self) -> dict[str, str]:
        return {layer: self._view.layers[layer].files for layer in self.image_layers()}

    def remove_image(self) -> tuple[str, list[str]]:
        refusal = self._run("remove-by-tag", 0, False, 0)
        users = [b.name for b in blockers(self._view, "image-0") if b.kind == "container"]
        return str(refusal), [_NAMES[int(user.removeprefix("container-"))] for user in users]


class DockerStore:
    """The story's store in a private Docker Engine; files are written and read by processes in containers."""

    def __init__(self, engine: DockerEngine, client: sdk.DockerClient) -> None:
        self._engine, self._client = engine, client
        self._image = ImageSpec(story.layers(engine.program), "story", engine.command)
        self._other = ImageSpec(story.other_layers(engine.program), "other", engine.command)
        self._containers: dict[str, str] = {}

    def load(self) -> None:
        self._engine.load(archive([
            ArchiveEntry(self._image, ("story:latest",)), ArchiveEntry(self._other, ("other:latest",))]))

    def usage(self) -> int:
        return int(self._client.df()["LayersSize"])

    def image_size(self) -> int:
        return int(self._inspect()["Size"])

    def image_layers(self) -> list[str]:
        return list(self._inspect()["RootFS"]["Layers"])

    def expected_layers(self) -> list[str]:
        return list(self._image.diff_ids)

    def _inspect(self) -> dict[str, Any]:
        return dict(self._client.api.inspect_image("story:latest"))

    def create(self, name: str) -> None:
        self._containers[name] = self._engine.create(self._image.image_id, name)

    def start(self, name: str) -> None:
        self._engine.start(self._containers[name])

    def stop(self, name: str) -> None:
        self._engine.stop(self._containers[name])

    def status(self, name: str) -> str:
        return self._engine.observe().containers[self._containers[name]].status

    def sizes(self, name: str) -> tuple[int, int]:
        seen = self._engine.observe().containers[self._containers[name]]
        return seen.size_rw, seen.size_root_fs

    def _shell(self, name: str, command: str) -> bytes:
        container = self._client.containers.get(self._containers[name])
        status, output = container.exec_run(["/busybox", "sh", "-c", command])
        assert isinstance(output, bytes)
        assert status == 0, output
        return output

    def write(self, name: str, path: str, data: bytes) -> None:
        folder = path.rpartition("/")[0]
        self._shell(name, f"/busybox mkdir -p /{folder}; printf %s {shlex.quote(data.decode())} > /{path}")

    def read(self, name: str, path: str) -> bytes:
        return self._shell(name, f"/busybox cat /{path}")

    def image_digests(self) -> dict[str, str]:
        stored = self._engine.observe().layers
        assert stored is not None
        return {chain: stored[chain] for chain in chain_ids(self._image.diff_ids)}

    def remove_image(self) -> tuple[str, list[str]]:
        try:
            self._engine.remove_by_tag("story:latest", force=False)
        except Refused as refused:
            named = [name for name, identity in self._containers.items() if identity[:12] in refused.detail]
            return refused.refusal, named
        return "", []


@functools.cache
def _told_by_model() -> dict[str, object]:
    return story.tell(ModelStore({"busybox": b"b" * 2_000_000}))


def test_the_story_is_what_it_says() -> None:
    assert (18, 34) == (len(story.NOTE), len(story.HISTORY))


@pytest.mark.parametrize("fact", story.TOLD)
def test_model_tells_the_story(fact: str) -> None:
    assert story.TOLD[fact] == _told_by_model()[fact]


@pytest.mark.docker
def test_docker_tells_the_same(docker: DockerEngine) -> None:
    if "busybox" not in docker.program:
        skip = pytest.fail if os.environ.get("LAYERPROOF_REQUIRE_DOCKER") == "1" else pytest.skip
        skip("needs a static busybox to run commands in containers")
    client = sdk.DockerClient(base_url=docker.socket)
    try:
        told = story.tell(DockerStore(docker, client))
    finally:
        client.close()
    assert story.TOLD == told
    assert list(_told_by_model().items()) == list(told.items())
