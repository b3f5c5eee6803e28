from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from layerproof.engines.docker.engine import DockerEngine
from layerproof.engines.podman.engine import PodmanEngine


@pytest.fixture(scope="session")
def needs_docker() -> None:
    """Skip, or fail where Docker is required, if no private Docker Engine can be started here."""
    missing = [] if shutil.which("dockerd") else ["dockerd"]
    missing += [] if os.geteuid() == 0 else ["root"]
    if missing and os.environ.get("LAYERPROOF_REQUIRE_DOCKER") == "1":
        pytest.fail(f"LAYERPROOF_REQUIRE_DOCKER is set, but there is no {' and no '.join(missing)}")
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")


@pytest.fixture(scope="session")
def shared_docker(needs_docker: None) -> Iterator[DockerEngine]:
    with DockerEngine(timeout=30.0) as engine:
        yield engine


@pytest.fixture
def docker(shared_docker: DockerEngine) -> Iterator[DockerEngine]:
    """Return an empty private Docker Engine; it's the same daemon for all tests."""
    yield shared_docker
    shared_docker.reset()
    assert () == shared_docker.leaked


@pytest.fixture(scope="session")
def needs_podman() -> None:
    """Skip, or fail where Podman is required, if no private Podman can be started here."""
    missing = [] if shutil.which("podman") else ["podman"]
    missing += [] if os.geteuid() == 0 else ["root"]
    if missing and os.environ.get("LAYERPROOF_REQUIRE_PODMAN") == "1":
        pytest.fail(f"LAYERPROOF_REQUIRE_PODMAN is set, but there is no {' and no '.join(missing)}")
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")


@pytest.fixture(scope="session")
def shared_podman(needs_podman: None) -> Iterator[PodmanEngine]:
    with PodmanEngine(timeout=30.0) as engine:
        yield engine


@pytest.fixture
def podman(shared_podman: PodmanEngine) -> Iterator[PodmanEngine]:
    """Return an empty private Podman; it's the same service for all tests."""
    yield shared_podman
    shared_podman.reset()
    assert () == shared_podman.leaked
