"""Versions of Docker Engine beside the one that is installed: those whose daemons LAYERPROOF_DOCKERDS names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from layermodel.formats.content import layer_tar
from layerproof.engines.docker import store as docker_store
from layerproof.engines.docker.api import refusal_of
from layerproof.engines.docker.deviations import DEVIATIONS
from layerproof.engines.docker.dialects import DIALECTS, dialect_of
from layerproof.engines.docker.engine import DockerEngine
from layerproof.engines.docker.opening import entry
from layerproof.errors import WrongRequest
from layerproof.machines.registry import subject
from layerproof.readings.conform import Conformance, conform
from layerproof.readings.profile import OPERATIONS, profile
from layerproof.subject import Subject, known_of

DAEMONS = [path for path in os.environ.get("LAYERPROOF_DOCKERDS", "").split(os.pathsep) if path]
LEAVES = next(d for d in DEVIATIONS if d.key == "docker-cp-leaves-files")


def store() -> Subject:
    """The store machine, with the dialects that Docker brings."""
    of = subject("store")
    return replace(of, dialects={**of.dialects, **entry("docker").dialects})


@pytest.mark.parametrize(("version", "dialect"), [
    ("20.10.24+dfsg1", "docker"), ("19.03.1", "docker"), ("26.1.5+dfsg1", "docker-26"), ("28.5.1", "docker-26"),
    ("dev", "docker-26")])
def test_a_version_says_which_dialect(version: str, dialect: str) -> None:
    assert dialect == dialect_of(version)
    assert dialect in {**subject("store").dialects, **DIALECTS}


def test_what_is_known_of_newer_versions_only_is_not_known_of_older_ones() -> None:
    engines = [SimpleNamespace(name="docker", version=v, options=[]) for v in ("20.10.24+dfsg1", "26.1.5+dfsg1", "29.0")]
    assert [[], [LEAVES], []] == [known_of([LEAVES], engine) for engine in engines]


def test_both_wordings_say_that_a_digest_is_no_name() -> None:
    assert {"digest-as-target"} == {refusal_of(words) for words in (
        "refusing to create a tag with a digest reference", "cannot import digest reference")}


@pytest.fixture(scope="module", params=DAEMONS or [pytest.param("", marks=pytest.mark.skip("no LAYERPROOF_DOCKERDS"))])
def newer(request: pytest.FixtureRequest, needs_docker: None) -> Iterator[DockerEngine]:
    with DockerEngine(dockerd=request.param, timeout=60.0) as engine:
        yield engine


@pytest.fixture(scope="module")
def judged(newer: DockerEngine) -> Conformance:
    return conform(store(), newer, deviations=DEVIATIONS, operations=300, complete=False, seed=1)


@pytest.mark.docker
def test_another_version_departs_only_where_it_is_known_to(judged: Conformance) -> None:
    assert [] == [(f.rule, f.laws, f.differences) for f in judged.unknown]
    assert judged.statistics.steps >= 300
    assert "docker-26" == judged.dialect


@pytest.mark.docker
def test_its_dialect_is_found_out(newer: DockerEngine) -> None:
    found = profile(store(), newer, deviations=DEVIATIONS)
    assert ("found", ("docker-26",), []) == (found.verdict, found.dialects, found.unexplained)
    assert found.operations <= OPERATIONS


@pytest.mark.docker
@pytest.mark.parametrize(("trait", "law", "operations"), [
    ("digest_refused_first", "OP-42", 20), ("intermediate_images_hidden", "SIZE-5", 220)])
def test_it_does_not_hold_as_the_older_one(newer: DockerEngine, trait: str, law: str, operations: int) -> None:
    """Each trait in which the dialects differ shows on the engine: with the older one's, a law is broken."""
    older, traits = subject("store").dialects["docker"], DIALECTS["docker-26"]
    assert {"digest_refused_first", "intermediate_images_hidden"} == {t for t in traits if traits[t] != older[t]}
    found = conform(store(), newer, traits={**traits, trait: older[trait]}, dialect="neither", deviations=DEVIATIONS,
                    operations=operations, complete=False, seed=1, most=3)
    assert law in {broken for finding in found.unknown for broken in finding.laws}


@pytest.mark.docker
def test_what_a_copy_into_a_running_container_leaves_is_told_and_not_taken_for_content(newer: DockerEngine) -> None:
    newer.reset()
    image = newer.import_(layer_tar(newer.program), "a:1")
    resting, running = newer.create(image, "rests"), newer.create(image, "runs")
    newer.start(running)
    for container in (resting, running):
        newer.write(container, {"file": b"hello"})
    seen = newer.observe()
    assert {running: docker_store.NETWORK_FILES} == seen.unwritten
    assert 1 == len({seen.containers[c].upper for c in (resting, running)})
    made = newer.commit(running)
    top = newer.observe().images[made].layers[-1]
    assert docker_store.NETWORK_FILES == newer.observe().unwritten[top]


@pytest.mark.docker
@pytest.mark.usefixtures("needs_docker")
@pytest.mark.parametrize("daemon", DAEMONS or [pytest.param("", marks=pytest.mark.skip("no LAYERPROOF_DOCKERDS"))])
def test_one_that_keeps_its_images_in_containerd_is_not_held_to_what_it_does_not_claim(
    tmp_path: Path, daemon: str,
) -> None:
    (tmp_path / "daemon.json").write_text('{"features": {"containerd-snapshotter": true}}')
    with pytest.raises(WrongRequest, match="keeps its images in containerd"):
        DockerEngine(dockerd=daemon, daemon_config=str(tmp_path / "daemon.json"))


# On disk, without a daemon.


def test_only_empty_files_that_a_daemon_mounts_over_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "diff"
    (folder / "etc").mkdir(parents=True)
    (folder / "data").write_bytes(b"1")
    disk = docker_store.DiskStore(str(tmp_path))
    alone = disk.folder_digest(str(folder))
    assert () == disk.left_in(str(folder))
    for name in docker_store.NETWORK_FILES:
        (folder / name).touch()
    assert alone == disk.folder_digest(str(folder))
    assert docker_store.NETWORK_FILES == disk.left_in(str(folder))
    (folder / "etc" / "hosts").write_bytes(b"127.0.0.1")
    assert alone != disk.folder_digest(str(folder))
    assert ("etc/hostname", "etc/resolv.conf") == disk.left_in(str(folder))
