"""Each script of docs/findings.md shows its fault on the real engine, without anything of this project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerproof.engines.docker.deviations import DEVIATIONS as OF_DOCKER
from layerproof.engines.docker.engine import DockerEngine
from layerproof.engines.mount.deviations import DEVIATIONS as OF_MOUNTS
from layerproof.engines.podman.deviations import DEVIATIONS as OF_PODMAN
from layerproof.engines.podman.engine import PodmanEngine
from mounts import needs

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text()
SCRIPTS: dict[str, str] = dict(re.findall(r"```sh\n# ([a-z-]+)[^\n]*\n(.*?)```", PAGE, re.DOTALL))
BY_CHANCE = {"docker-pause-race"}
BEGINNINGS = ("docker", "fuse", "podman")
NEWER = [path for path in os.environ.get("LAYERPROOF_DOCKERDS", "").split(os.pathsep) if path]
NOT_OLD, NOT_NEW = {"docker-cp-leaves-files"}, {"docker-commit-keeps-misnamed"}
"""Faults that Docker 20.10 and 26.1 do not have."""


def of(engine: str) -> list[str]:
    return sorted(name for name in SCRIPTS.keys() - {engine} - BY_CHANCE if name.startswith(f"{engine}-"))


def run(beginning: str, name: str, **env: str) -> int:
    script = SCRIPTS.get(beginning, "") + SCRIPTS[name]
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, check=False, timeout=120,
                          env={**os.environ, **env})
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode


def test_each_is_a_known_deviation_and_there_are_ten_at_least() -> None:
    known = {deviation.key for deviation in (*OF_DOCKER, *OF_MOUNTS, *OF_PODMAN)}
    found = SCRIPTS.keys() - {*BEGINNINGS} - BY_CHANCE
    assert found <= known
    assert len(found) >= 10
    assert {d.key for d in (*OF_DOCKER, *OF_PODMAN)} <= found


@pytest.fixture(scope="module")
def podman() -> Iterator[PodmanEngine]:
    if shutil.which("podman") is None or os.geteuid():
        required = os.environ.get("LAYERPROOF_REQUIRE_PODMAN") == "1"
        (pytest.fail if required else pytest.skip)("needs podman and root")
    with PodmanEngine(timeout=60.0) as engine:
        yield engine


@pytest.mark.podman
@pytest.mark.parametrize("name", of("podman"))
def test_podman_has_it(podman: PodmanEngine, name: str) -> None:
    podman.observe()  # what no image has is then gone after the reset
    podman.reset()
    assert 1 == run("podman", name, CONTAINER_HOST=str(podman.socket))
    podman.observe()
    podman.reset()
    assert () == podman.leaked


@pytest.fixture(scope="module", params=["dockerd", *NEWER])
def docker(request: pytest.FixtureRequest) -> Iterator[DockerEngine]:
    if shutil.which("dockerd") is None or os.geteuid():
        required = os.environ.get("LAYERPROOF_REQUIRE_DOCKER") == "1"
        (pytest.fail if required else pytest.skip)("needs dockerd and root")
    with DockerEngine(dockerd=request.param, timeout=60.0) as engine:
        yield engine


@pytest.mark.docker
@pytest.mark.parametrize("name", of("docker"))
def test_docker_has_it(docker: DockerEngine, name: str) -> None:
    docker.reset()
    old = docker.dialect == "docker"
    assert (name not in (NOT_OLD if old else NOT_NEW)) == run("docker", name, DOCKER_HOST=str(docker.socket))


@pytest.mark.parametrize("name", of("fuse"))
def test_fuse_overlayfs_has_it(name: str) -> None:
    needs("fuse-overlayfs")
    assert 1 == run("fuse", name)


@pytest.mark.parametrize("name", of("fuse"))
def test_the_kernel_has_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scripts on the kernel's overlayfs, so that they tell it from what does not show."""
    needs("overlayfs")
    on_tmpfs = 'cd "$(mktemp -d)" && mount -t tmpfs tmpfs . && cd "$PWD"'
    kernel = SCRIPTS["fuse"].replace("fuse-overlayfs", "mount -t overlay overlay").replace('cd "$(mktemp -d)"', on_tmpfs)
    monkeypatch.setitem(SCRIPTS, "kernel", kernel.replace("umount merged", "umount merged; umount -l ."))
    assert 0 == run("kernel", name)


@pytest.mark.parametrize("engine", ["docker", "fuse"])
def test_where_there_is_no_such_engine_nothing_is_said_of_it(engine: str) -> None:
    programs = "/nowhere" if engine == "docker" else "/usr/bin:/bin"
    script = SCRIPTS[engine].replace("fuse-overlayfs -o", "false -o") + "mounted 2> /dev/null; exit 0"
    done = subprocess.run(["/bin/sh"], input=script, text=True, capture_output=True, check=False,
                          env={"PATH": programs, "HOME": "/"})
    assert 2 == done.returncode


@pytest.mark.parametrize("name", of("overlayfs"))
def test_overlayfs_has_it(name: str) -> None:
    needs("overlayfs")
    assert 1 == run("", name)
