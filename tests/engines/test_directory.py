"""The directory engine on its own: what it stores, what it refuses, and that planted faults show."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from layermodel.formats.content import (
    ArchiveEntry,
    ImageSpec,
    archive,
    chain_id,
    chain_ids,
    digest,
    files_digest,
    layer_tar,
)
from layerproof.engines.directory import faults
from layerproof.engines.directory.content import repository
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.directory.faults import FAULTS, faulty
from layerproof.engines.directory.planting import ENGINES
from layerproof.errors import EngineUnreachable, Refused, WrongRequest
from layerproof.machines.store.engine import REFUSALS, Engine, Observation
from recording import BASE, ONE, TOP, TWO, Recorder

DIGEST = "sha256:" + "d" * 64


@pytest.fixture
def engine() -> Iterator[DirectoryEngine]:
    directory = DirectoryEngine()
    yield directory
    directory.close()


def loaded(engine: DirectoryEngine, image: ImageSpec = ONE, *references: str) -> str:
    engine.load(archive([ArchiveEntry(image, references)]))
    return image.image_id


def refused(engine: DirectoryEngine, operation: Callable[[], object]) -> str:
    """Return the refusal of an operation that must be refused and change nothing."""
    before = engine.observe()
    with pytest.raises(Refused) as caught:
        operation()
    assert before == engine.observe()
    return caught.value.refusal


def references(engine: DirectoryEngine) -> dict[str, str]:
    return {r: i for i, image in engine.observe().images.items() for r in image.references}


def tar_of(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def disk(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


# The engine and its folder


def test_satisfies_the_protocol(engine: DirectoryEngine) -> None:
    assert isinstance(engine, Engine)
    assert ("directory", "docker") == (engine.name, engine.dialect)
    assert {"load", "import_", "abort", "write"} <= engine.capabilities
    assert not {"observe", "reset", "close"} & engine.capabilities
    assert all(callable(getattr(engine, name)) for name in engine.capabilities)


def test_close_removes_a_temporary_folder_only(tmp_path: Path) -> None:
    temporary, given = DirectoryEngine(), DirectoryEngine(tmp_path)
    for engine in (temporary, given, temporary):
        engine.close()
    assert (False, True) == (temporary.root.exists(), tmp_path.exists())
    with pytest.raises(EngineUnreachable):
        temporary.observe()
    with pytest.raises(EngineUnreachable):
        temporary.prune()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("valuable")
    with pytest.raises(WrongRequest):
        DirectoryEngine(tmp_path)
    assert ["thesis.tex"] == [path.name for path in tmp_path.iterdir()]


def test_reopening_gives_the_same_store(tmp_path: Path) -> None:
    first = DirectoryEngine(tmp_path)
    image = loaded(first, TWO, "a:1")
    container = first.create(image, "c")
    first.write(container, {"x": b"1"})
    child = first.commit(container)
    first.start(container)
    lease = first.pull_begin()
    first.pull_layer(lease, layer_tar({"pulled": b"2"}), None)
    build = first.build_begin(child)
    before, again = first.observe(), DirectoryEngine(tmp_path)
    assert before == again.observe()
    assert frozenset({lease, build}) == before.leases
    assert b"1" == again.read(container, "x")
    assert container != again.create(image, "d")


def test_opening_sweeps_what_an_interrupted_operation_left_over(tmp_path: Path) -> None:
    engine = DirectoryEngine(tmp_path)
    container = engine.create(loaded(engine), "c")
    before = engine.observe()
    engine._store_layer(layer_tar({"orphan": b"1"}), None)
    engine._save("parents", {DIGEST: ONE.image_id})
    (tmp_path / "containers" / container / "upper" / "1").mkdir()
    (tmp_path / "staging" / "half").mkdir()
    assert before != engine.observe()
    assert before == DirectoryEngine(tmp_path).observe()
    assert [] == list((tmp_path / "staging").iterdir())
    assert ["0"] == [p.name for p in (tmp_path / "containers" / container / "upper").iterdir()]
    assert {} == json.loads((tmp_path / "parents.json").read_bytes())


def test_reset_empties_the_store(engine: DirectoryEngine) -> None:
    empty = engine.observe()
    engine.write(engine.create(loaded(engine, ONE, "a:1"), "c"), TOP)
    engine.pull_begin()
    engine.reset()
    assert empty == engine.observe()
    assert Observation({}, {}, {}, 0, frozenset()) == empty


def test_equal_calls_give_equal_states(engine: DirectoryEngine) -> None:
    def run() -> Observation:
        image = engine.import_(layer_tar(BASE), "a:1")
        engine.write(engine.create(image, "c"), TOP)
        return engine.observe()

    first = run()
    engine.reset()
    assert first == run()


# Loading and importing


def test_load_stores_config_layers_and_references(engine: DirectoryEngine) -> None:
    image = loaded(engine, TWO, "a:1", "b:1")
    chains = chain_ids(TWO.diff_ids)
    seen = engine.observe()
    assert {image} == set(seen.images)
    assert frozenset({"a:1", "b:1"}) == seen.images[image].references
    assert (tuple(chains), 8, 0, None) == (
        seen.images[image].layers,
        seen.images[image].size,
        seen.images[image].shared,
        seen.images[image].parent,
    )
    assert {chains[0]: files_digest(BASE), chains[1]: files_digest(TOP)} == seen.layers
    assert 8 == seen.usage
    assert TWO.config == (engine.root / "images" / f"{image[7:]}.json").read_bytes()


def test_loading_again_changes_nothing_but_tags(engine: DirectoryEngine) -> None:
    loaded(engine, ONE, "a:1")
    before = engine.observe()
    loaded(engine, ONE, "a:1")
    assert before == engine.observe()
    loaded(engine, TWO, "a:1")
    assert {"a:1": TWO.image_id} == references(engine)
    assert frozenset() == engine.observe().images[ONE.image_id].references


def test_parent_is_recorded_only_within_one_archive(engine: DirectoryEngine) -> None:
    child = ArchiveEntry(TWO, (), ONE.image_id)
    engine.load(archive([ArchiveEntry(ONE)]))
    engine.load(archive([child]))
    assert None is engine.observe().images[TWO.image_id].parent
    engine.load(archive([ArchiveEntry(ONE), child]))
    assert ONE.image_id == engine.observe().images[TWO.image_id].parent


def test_equal_layers_in_another_order_share_nothing(engine: DirectoryEngine) -> None:
    ab, ba = ImageSpec((BASE, TOP), "ab"), ImageSpec((TOP, BASE), "ba")
    engine.load(archive([ArchiveEntry(ab), ArchiveEntry(ba)]))
    seen = engine.observe()
    assert [0, 0] == [image.shared for image in seen.images.values()]
    assert 16 == seen.usage


def test_a_layer_may_be_repeated(engine: DirectoryEngine) -> None:
    image = loaded(engine, ImageSpec((BASE, TOP, BASE), "aba"))
    assert (13, 13) == (engine.observe().images[image].size, engine.observe().usage)


def test_importing_twice_makes_two_images_of_one_layer(engine: DirectoryEngine) -> None:
    first = engine.import_(layer_tar(BASE), "a:1")
    second = engine.import_(layer_tar(BASE), "a:1")
    seen = engine.observe()
    assert {first, second} == set(seen.images)
    assert (first != second, 1, 5) == (True, len(seen.layers or ()), seen.usage)
    assert {"a:1": second} == references(engine)
    assert 5 == seen.images[first].shared


def test_an_image_id_from_another_store_is_not_made_again() -> None:
    one, other = DirectoryEngine(), DirectoryEngine()
    first = one.import_(layer_tar(BASE), None)
    other._store_layer(layer_tar(BASE), None)
    other._register(one._config(first))
    assert first != other.import_(layer_tar(BASE), None)
    one.close()
    other.close()


ROW: dict[str, Any] = {"Config": "c.json", "Layers": ["l.tar"]}


def wrong_diff_id() -> bytes:
    return with_manifest([{**ROW, "RepoTags": ["a:1"]}], tree=layer_tar(TOP))


def of_layer(tree: bytes) -> bytes:
    config = {**json.loads(ONE.config), "rootfs": {"type": "layers", "diff_ids": [digest(tree)]}}
    return with_manifest([ROW], json.dumps(config).encode(), tree)


def with_manifest(manifest: Any, config: bytes = ONE.config, tree: bytes = ONE.tars[0]) -> bytes:
    return layer_tar({"c.json": config, "l.tar": tree, "manifest.json": json.dumps(manifest).encode()})


LATER = ArchiveEntry(TWO, (), ONE.image_id)
BAD_TREES = {
    "empty": b"",
    "not a tar": b"no archive" * 200,
    "truncated": tar_of(("a", b"x" * 2000))[:1800],
    "without an end": tar_of(("a", b"x"))[:1024],
    "broken header": tar_of(("a", b"x"), ("b", b"y"))[:1024] + b"\1" * 512 + bytes(4096),
    "duplicate path": tar_of(("a", b"x"), ("a", b"y")),
    "duplicate path, spelt otherwise": tar_of(("a", b"x"), ("./a", b"y")),
    "escaping": tar_of(("../a", b"x")),
    "escaping further down": tar_of(("b/../../a", b"x")),
    "absolute": tar_of(("/etc/passwd", b"x")),
    "beneath a file": tar_of(("a", b"x"), ("a/b", b"y")),
    "root as a file": tar_of((".", b"x")),
    "too long a name": tar_of(("n" * 300, b"x")),
}
BAD_ARCHIVES = {
    "wrong diff ID": wrong_diff_id(),
    "truncated": archive([ArchiveEntry(TWO, ("a:1",))])[:3000],
    "not a tar": b"no archive",
    "no manifest": layer_tar({"c.json": ONE.config}),
    "manifest is no JSON": layer_tar({"manifest.json": b"{"}),
    "manifest is no list": with_manifest({}),
    "row is no object": with_manifest([1]),
    "config missing": with_manifest([{**ROW, "Config": "d.json"}]),
    "layer missing": with_manifest([{**ROW, "Layers": ["m.tar"]}]),
    "tags are no list": with_manifest([{**ROW, "RepoTags": "a:1"}]),
    "digest among tags": with_manifest([{**ROW, "RepoTags": [f"a@{DIGEST}"]}]),
    "config is no object": with_manifest([ROW], b"[]"),
    "config has no layers": with_manifest([ROW], b"{}"),
    "config has a wrong history": with_manifest([ROW], b'{"rootfs": {"diff_ids": []}, "history": 1}'),
    "own ancestor": archive([ArchiveEntry(ONE, (), ONE.image_id)]),
    "ancestors in a circle": archive([ArchiveEntry(ONE, (), TWO.image_id), LATER]),
    "good row before a bad one": with_manifest([ROW, {**ROW, "Config": "d.json"}]),
    **{f"layer: {name}": of_layer(tree) for name, tree in BAD_TREES.items()},
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_is_refused(engine: DirectoryEngine, name: str) -> None:
    loaded(engine, ImageSpec((TOP,), "other"), "a:1")
    known = {"wrong diff ID": "damaged-archive", "digest among tags": "digest-as-target"}
    assert known.get(name, "unclassified") == refused(engine, lambda: engine.load(BAD_ARCHIVES[name]))


def test_what_is_stored_is_not_read_again(engine: DirectoryEngine) -> None:
    """As Docker does: a layer that is there is taken as it is, whatever the archive has in its place."""
    engine.load(archive([ArchiveEntry(ONE, ("a:1",))]))
    before = engine.observe()
    engine.load(archive([ArchiveEntry(ONE, damaged=True)]))
    assert before == engine.observe()
    engine.remove_by_tag("a:1", force=False)
    assert "damaged-archive" == refused(engine, lambda: engine.load(archive([ArchiveEntry(ONE, damaged=True)])))


@pytest.mark.parametrize("name", BAD_TREES)
def test_a_bad_tree_is_refused(engine: DirectoryEngine, name: str) -> None:
    lease = engine.pull_begin()
    before = disk(engine.root)
    assert "unclassified" == refused(engine, lambda: engine.import_(BAD_TREES[name], "a:1"))
    assert "unclassified" == refused(engine, lambda: engine.pull_layer(lease, BAD_TREES[name], None))
    assert before == disk(engine.root)


def test_a_tree_of_links_is_refused(engine: DirectoryEngine) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    assert "unclassified" == refused(engine, lambda: engine.import_(buffer.getvalue(), None))


# References and removal


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("a:1", "a"),
        ("a", "a"),
        ("host:5000/a/b:1", "host:5000/a/b"),
        ("host:5000/a", "host:5000/a"),
        (f"host:5000/a@{DIGEST}", "host:5000/a"),
        (f"a:1@{DIGEST}", "a"),
    ],
)
def test_repository(reference: str, expected: str) -> None:
    assert expected == repository(reference)


def pulled(engine: DirectoryEngine, image: ImageSpec, reference: str) -> str:
    lease, below = engine.pull_begin(), None
    for tree in image.tars:
        engine.pull_layer(lease, tree, below)
        below = chain_id([digest(tree)] if below is None else [below, digest(tree)])
    return engine.pull_finish(lease, image.config, reference, f"{repository(reference)}@{image.image_id}")


def test_tag_moves_and_the_old_image_stays(engine: DirectoryEngine) -> None:
    one, two = loaded(engine, ONE, "a:1"), loaded(engine, TWO)
    usage = engine.observe().usage
    engine.tag(two, "a:1")
    assert {"a:1": two} == references(engine)
    assert ({one, two}, usage) == (set(engine.observe().images), engine.observe().usage)


def test_refusals_of_names(engine: DirectoryEngine) -> None:
    image = pulled(engine, ONE, "a:1")
    named = f"a@{image}"
    assert "no-such-image" == refused(engine, lambda: engine.tag("sha256:none", f"a@{DIGEST}"))
    assert "no-such-image" == refused(engine, lambda: engine.tag("sha256:none", "a:1"))
    assert "no-such-reference" == refused(engine, lambda: engine.untag("b:1"))
    assert "no-such-reference" == refused(engine, lambda: engine.remove_by_tag("b:1", False))
    assert "no-such-reference" == refused(engine, lambda: engine.remove_by_tag(named, True))
    assert "no-such-reference" == refused(engine, lambda: engine.remove_by_digest("a:1", True))
    assert "no-such-image" == refused(engine, lambda: engine.remove_by_id("sha256:none", True))
    assert "no-such-image" == refused(engine, lambda: engine.remove_by_id("../../store", True))


def test_untag_leaves_the_image(engine: DirectoryEngine) -> None:
    image = loaded(engine, ONE, "a:1")
    engine.untag("a:1")
    assert ({image}, {}) == (set(engine.observe().images), references(engine))


def test_removing_the_last_tag_removes_image_and_layers(engine: DirectoryEngine) -> None:
    one = loaded(engine, ONE, "a:1", "b:1")
    two = loaded(engine, TWO, "c:1")
    engine.remove_by_tag("c:1", False)
    assert ({one}, 5) == (set(engine.observe().images), engine.observe().usage)
    engine.remove_by_tag("a:1", False)
    assert {one} == set(engine.observe().images)
    engine.remove_by_tag("b:1", False)
    assert Observation({}, {}, {}, 0, frozenset()) == engine.observe()
    assert two not in engine.observe().images


def test_the_last_tag_of_a_repository_takes_its_digests(engine: DirectoryEngine) -> None:
    image = pulled(engine, ONE, "a:1")
    engine.tag(image, "a:2")
    engine.tag(image, "b:1")
    engine.remove_by_tag("a:1", False)
    assert {"a:2", "b:1", f"a@{image}"} == set(references(engine))
    engine.remove_by_tag("a:2", False)
    assert {"b:1"} == set(references(engine))


def test_removal_by_digest_leaves_other_digests(engine: DirectoryEngine) -> None:
    image = pulled(engine, ONE, "a:1")
    pulled(engine, ONE, "b:1")
    engine.untag("a:1")
    engine.untag("b:1")
    engine.remove_by_digest(f"a@{image}", False)
    assert {f"b@{image}"} == set(references(engine))
    engine.remove_by_digest(f"b@{image}", False)
    assert {} == engine.observe().images


def test_a_tag_and_its_digest_count_as_one_reference(engine: DirectoryEngine) -> None:
    image = pulled(engine, ONE, "a:1")
    container = engine.create(image, "c")
    assert "used-by-container" == refused(engine, lambda: engine.remove_by_tag("a:1", False))
    assert "used-by-container" == refused(engine, lambda: engine.remove_by_digest(f"a@{image}", False))
    pulled(engine, ONE, "b:1")
    assert "several-tags" == refused(engine, lambda: engine.remove_by_id(image, False))
    engine.remove_by_tag("b:1", False)
    engine.remove_by_tag("a:1", True)
    assert ({image}, {}) == (set(engine.observe().images), references(engine))
    engine.remove(container, False)
    engine.remove_by_id(image, False)
    assert {} == engine.observe().images


def test_refusals_of_removal_by_id_in_their_order(engine: DirectoryEngine) -> None:
    image = loaded(engine, ONE, "a:1", "b:1")
    child = engine.build_step(image, TOP)
    container = engine.create(image, "c")
    engine.start(container)
    lease = engine.build_begin(image)
    assert "has-child-images" == refused(engine, lambda: engine.remove_by_id(image, True))
    engine.remove_by_id(child, False)
    assert "used-by-running-container" == refused(engine, lambda: engine.remove_by_id(image, True))
    engine.pause(container)
    assert "used-by-running-container" == refused(engine, lambda: engine.remove_by_id(image, True))
    engine.stop(container)
    assert "used-by-lease" == refused(engine, lambda: engine.remove_by_id(image, True))
    engine.abort(lease)
    assert "several-tags" == refused(engine, lambda: engine.remove_by_id(image, False))
    assert "used-by-container" == refused(engine, lambda: engine.remove_by_id(image, True))
    engine.remove(container, False)
    engine.remove_by_id(image, True)
    assert {} == engine.observe().images


def family(engine: DirectoryEngine) -> tuple[str, str, str]:
    """Return a parent without a name, its child, and the tagged child of that."""
    parent = loaded(engine, ONE)
    child = engine.build_step(parent, TOP)
    grandchild = engine.build_step(child, {"g": b"1"})
    engine.tag(grandchild, "g:1")
    return parent, child, grandchild


def test_cascade_takes_every_needless_ancestor(engine: DirectoryEngine) -> None:
    family(engine)
    engine.remove_by_tag("g:1", False)
    assert ({}, {}) == (engine.observe().images, engine.observe().layers)


def keep_by_tag(engine: DirectoryEngine, image: str) -> None:
    engine.tag(image, "kept:1")


def keep_by_digest(engine: DirectoryEngine, image: str) -> None:
    engine._name(f"kept@{DIGEST}", image)


def keep_by_container(engine: DirectoryEngine, image: str) -> None:
    engine.create(image, "keeper")


def keep_by_lease(engine: DirectoryEngine, image: str) -> None:
    engine.build_begin(image)


def keep_by_child(engine: DirectoryEngine, image: str) -> None:
    engine.build_step(image, {"other": b"1"})


KEEPERS = [keep_by_tag, keep_by_digest, keep_by_container, keep_by_lease, keep_by_child]


@pytest.mark.parametrize("keep", KEEPERS)
def test_cascade_stops_at_what_something_keeps(
    engine: DirectoryEngine, keep: Callable[[DirectoryEngine, str], None]
) -> None:
    parent, child, grandchild = family(engine)
    keep(engine, child)
    engine.remove_by_id(grandchild, False)
    assert {parent, child} <= set(engine.observe().images)
    assert grandchild not in engine.observe().images


def test_a_parent_that_loses_its_tag_is_untagged_only(engine: DirectoryEngine) -> None:
    parent, child, grandchild = family(engine)
    engine.tag(parent, "p:1")
    engine.remove_by_tag("p:1", True)
    assert {parent, child, grandchild} == set(engine.observe().images)


# Prune


def test_prune_takes_whole_dangling_families_and_reports_freed_bytes(engine: DirectoryEngine) -> None:
    family(engine)
    one = engine.import_(layer_tar(BASE), "i:1")
    assert 0 == engine.prune()
    engine.untag("g:1")
    before = engine.observe().usage
    assert 4 == engine.prune()
    assert ({one}, 9, 5) == (set(engine.observe().images), before, engine.observe().usage)
    assert 0 == engine.prune()


def test_prune_is_not_stopped_by_digest_references(engine: DirectoryEngine) -> None:
    image = pulled(engine, ONE, "a:1")
    engine.untag("a:1")
    assert {f"a@{image}": image} == references(engine)
    assert 5 == engine.prune()
    assert {} == references(engine)


@pytest.mark.parametrize("keep", [keep_by_container, keep_by_lease])
def test_prune_all_leaves_what_is_used_with_its_names(
    engine: DirectoryEngine, keep: Callable[[DirectoryEngine, str], None]
) -> None:
    parent, child, _ = family(engine)
    keep_by_tag(engine, child)
    keep(engine, child)
    assert 1 == engine.prune_all()
    assert ({parent, child}, {"kept:1": child}) == (set(engine.observe().images), references(engine))


# Containers


def test_statuses_and_their_refusals(engine: DirectoryEngine) -> None:
    container = engine.create(loaded(engine), "c")

    def status() -> str:
        return engine.observe().containers[container].status

    steps: list[tuple[str, str, str | None]] = [
        ("stop", "created", None),
        ("kill", "created", "not-running"),
        ("pause", "created", "not-running"),
        ("unpause", "created", "not-paused"),
        ("start", "running", None),
        ("start", "running", None),
        ("unpause", "running", "not-paused"),
        ("pause", "paused", None),
        ("pause", "paused", "is-paused"),
        ("start", "paused", "is-paused"),
        ("restart", "running", None),
        ("pause", "paused", None),
        ("unpause", "running", None),
        ("kill", "exited", None),
        ("kill", "exited", "not-running"),
        ("pause", "exited", "not-running"),
        ("stop", "exited", None),
        ("restart", "running", None),
        ("pause", "paused", None),
        ("stop", "exited", None),
        ("start", "running", None),
        ("stop", "exited", None),
    ]
    assert "created" == status()
    for method, expected, refusal in steps:
        operation = getattr(engine, method)
        if refusal is None:
            operation(container)
        else:
            assert refusal == refused(engine, partial(operation, container))
        assert expected == status()


@pytest.mark.parametrize("method", ["start", "stop", "kill", "pause", "unpause", "restart", "commit"])
def test_a_missing_container_is_refused(engine: DirectoryEngine, method: str) -> None:
    assert "no-such-container" == refused(engine, lambda: getattr(engine, method)("container-9"))


def test_refusals_of_create_rename_remove_write_and_read(engine: DirectoryEngine) -> None:
    image = loaded(engine)
    one, two = engine.create(image, "c"), engine.create(image, "d")
    assert "no-such-image" == refused(engine, lambda: engine.create("sha256:none", "c"))
    assert "name-taken" == refused(engine, lambda: engine.create(image, "c"))
    assert "no-such-container" == refused(engine, lambda: engine.rename("container-9", "c"))
    assert "same-name" == refused(engine, lambda: engine.rename(one, "c"))
    assert "name-taken" == refused(engine, lambda: engine.rename(two, "c"))
    assert "no-such-container" == refused(engine, lambda: engine.remove("container-9", True))
    assert "no-such-container" == refused(engine, lambda: engine.write("container-9", TOP))
    assert "unclassified" == refused(engine, lambda: engine.write(one, {"../a": b"x"}))
    assert "unclassified" == refused(engine, lambda: engine.write(one, {"a": b"x", "a/b": b"y"}))
    assert "unclassified" == refused(engine, lambda: engine.build_step(image, {"/a": b"x"}))
    assert "no-such-image" == refused(engine, lambda: engine.build_step("sha256:none", TOP))
    assert "no-such-container" == refused(engine, lambda: engine.read("container-9", "base"))
    assert "no-such-path" == refused(engine, lambda: engine.read(one, "nothing"))


def test_rename_frees_the_old_name_and_remove_the_name(engine: DirectoryEngine) -> None:
    image = loaded(engine)
    one = engine.create(image, "c")
    engine.rename(one, "d")
    two = engine.create(image, "c")
    engine.remove(one, False)
    engine.rename(two, "d")
    assert ["d"] == [seen.name for seen in engine.observe().containers.values()]


def test_running_and_paused_containers_go_only_by_force(engine: DirectoryEngine) -> None:
    image = loaded(engine)
    empty = engine.observe()
    container = engine.create(image, "c")
    engine.start(container)
    assert "is-running" == refused(engine, lambda: engine.remove(container, False))
    engine.pause(container)
    assert "is-paused" == refused(engine, lambda: engine.remove(container, False))
    engine.remove(container, True)
    assert empty == engine.observe()


def test_container_prune_takes_created_and_exited_ones(engine: DirectoryEngine) -> None:
    image = loaded(engine)
    containers = {name: engine.create(image, name) for name in ("created", "running", "paused", "exited")}
    for container in containers.values():
        engine.write(container, {"x": b"123"})
    for name in ("running", "paused", "exited"):
        engine.start(containers[name])
    engine.pause(containers["paused"])
    engine.stop(containers["exited"])
    assert 6 == engine.container_prune()
    assert {containers["running"], containers["paused"]} == set(engine.observe().containers)
    assert 0 == engine.container_prune()


def test_a_write_replaces_the_whole_upper(engine: DirectoryEngine) -> None:
    container = engine.create(loaded(engine), "c")
    fresh = engine.observe().containers[container]
    assert (0, 5, files_digest({})) == (fresh.size_rw, fresh.size_root_fs, fresh.upper)
    for files in ({"a/b": b"12", "c": b"3"}, {"a": b"1"}, {}):
        engine.write(container, files)
        seen = engine.observe().containers[container]
        size = sum(map(len, files.values()))
        assert (size, 5 + size, files_digest(files)) == (seen.size_rw, seen.size_root_fs, seen.upper)


def test_writes_never_touch_layers_images_or_other_containers(engine: DirectoryEngine) -> None:
    image = loaded(engine, TWO, "a:1")
    one, two = engine.create(image, "c"), engine.create(image, "d")
    before, seen = disk(engine.root), engine.observe()
    engine.write(one, {"base": b"changed", "etc/top": b"changed"})
    engine.write(one, {"base": b"changed again"})
    own = f"containers/{one}/"
    after = disk(engine.root)
    assert {k: v for k, v in before.items() if not k.startswith(own)} == {
        k: v for k, v in after.items() if not k.startswith(own)
    }
    assert (seen.layers, seen.images) == (engine.observe().layers, engine.observe().images)
    assert (b"changed again", b"123") == (engine.read(one, "base"), engine.read(one, "etc/top"))
    assert b"12345" == engine.read(two, "base")


def test_a_changed_layer_on_disk_shows(engine: DirectoryEngine) -> None:
    loaded(engine)
    before = engine.observe()
    (engine.root / "layers" / chain_id(ONE.diff_ids)[7:] / "diff" / "base").write_bytes(b"54321")
    assert before.layers != engine.observe().layers


def test_reading_goes_through_the_layers_from_the_top(engine: DirectoryEngine) -> None:
    layers = ({"a": b"0", "d/x": b"0", "e/x": b"0", "f": b"0", "g/x": b"0"}, {"a": b"1", "d/y": b"1"})
    marks = {".wh.f": b"", "e/.wh..wh..opq": b"", "e/z": b"2", "g": b"2"}
    container = engine.create(loaded(engine, ImageSpec((*layers, marks), "deep")), "c")
    found = {"a": b"1", "d/x": b"0", "d/y": b"1", "e/z": b"2", "g": b"2", "./d//x": b"0"}
    assert found == {path: engine.read(container, path) for path in found}
    for path in ("f", "e/x", "g/x", "d", ".wh.f", "e/.wh..wh..opq", ""):
        assert "no-such-path" == refused(engine, partial(engine.read, container, path))
    engine.write(container, {"a": b"3", "f": b"3"})
    assert (b"3", b"3") == (engine.read(container, "a"), engine.read(container, "f"))


def test_commit_adds_the_upper_as_a_layer(engine: DirectoryEngine) -> None:
    image = loaded(engine, ONE, "a:1")
    container = engine.create(image, "c")
    bare = engine.commit(container)
    engine.write(container, TOP)
    full, again = engine.commit(container), engine.commit(container)
    seen = engine.observe().images
    assert 4 == len({image, bare, full, again})
    assert [image] * 3 == [seen[made].parent for made in (bare, full, again)]
    assert (seen[image].layers, tuple(chain_ids(TWO.diff_ids))) == (seen[bare].layers, seen[full].layers)
    assert [5, 8, 8] == [seen[made].size for made in (bare, full, again)]
    assert 8 == engine.observe().usage
    histories = [json.loads(engine._config(made))["history"] for made in (image, bare, full)]
    assert [1, 2, 2] == [len(history) for history in histories]
    assert b"123" == engine.read(engine.create(full, "d"), "etc/top")


# Operations in progress


def test_a_pull_holds_its_layers_until_it_ends(engine: DirectoryEngine) -> None:
    lease = engine.pull_begin()
    bottom, top = chain_ids(TWO.diff_ids)
    engine.pull_layer(lease, TWO.tars[0], None)
    assert "missing-layer" == refused(engine, lambda: engine.pull_finish(lease, TWO.config, "a:1", "a@x"))
    engine.pull_layer(lease, TWO.tars[1], bottom)
    assert (0, {bottom, top}) == (engine.prune_all(), set(engine.observe().layers or ()))
    image = engine.pull_finish(lease, TWO.config, "a:1", f"a@{DIGEST}")
    assert {"a:1": image, f"a@{DIGEST}": image} == references(engine)
    assert (TWO.image_id, frozenset()) == (image, engine.observe().leases)


def test_an_aborted_pull_leaves_nothing(engine: DirectoryEngine) -> None:
    loaded(engine, ONE, "a:1")
    before = engine.observe()
    lease = engine.pull_begin()
    engine.pull_layer(lease, TWO.tars[0], None)
    engine.pull_layer(lease, TWO.tars[1], chain_id(TWO.diff_ids[:1]))
    engine.abort(lease)
    assert before == engine.observe()


def test_a_pull_keeps_a_layer_whose_image_goes(engine: DirectoryEngine) -> None:
    loaded(engine, ONE, "a:1")
    lease, bottom = engine.pull_begin(), chain_id(ONE.diff_ids)
    engine.pull_layer(lease, layer_tar(TOP), bottom)
    engine.remove_by_tag("a:1", False)
    assert set(chain_ids(TWO.diff_ids)) == set(engine.observe().layers or ())
    assert TWO.image_id == engine.pull_finish(lease, TWO.config, "b:1", f"b@{DIGEST}")


def test_a_build_holds_its_images_until_it_ends(engine: DirectoryEngine) -> None:
    base = loaded(engine, ONE)
    lease = engine.build_begin(base)
    step = engine.build_add(lease, base, TOP)
    last = engine.build_add(lease, step, {"g": b"1"})
    assert 0 == engine.prune_all()
    assert "used-by-lease" == refused(engine, lambda: engine.remove_by_id(last, True))
    engine.build_finish(lease, last, "built:1")
    assert (0, {"built:1": last}) == (engine.prune(), references(engine))
    assert [None, base, step] == [engine.observe().images[image].parent for image in (base, step, last)]


def test_an_aborted_build_leaves_its_images_dangling(engine: DirectoryEngine) -> None:
    base = loaded(engine, ONE, "a:1")
    lease = engine.build_begin(base)
    step = engine.build_add(lease, base, TOP)
    engine.abort(lease)
    assert (step in engine.observe().images, 3) == (True, engine.prune())


def test_refusals_of_operations_in_progress(engine: DirectoryEngine) -> None:
    one, two = loaded(engine, ONE), loaded(engine, TWO)
    lease = engine.build_begin(one)
    gone = "lease-99"
    assert "no-such-lease" == refused(engine, lambda: engine.pull_layer(gone, TWO.tars[0], None))
    assert "missing-layer" == refused(engine, lambda: engine.pull_layer(lease, TWO.tars[0], DIGEST))
    assert "no-such-lease" == refused(engine, lambda: engine.pull_finish(gone, TWO.config, "a:1", "a@x"))
    assert "missing-layer" == refused(engine, lambda: engine.pull_finish(lease, TWO.config, "a:1", "a@x"))
    assert "unclassified" == refused(engine, lambda: engine.pull_finish(lease, b"no config", "a:1", "a@x"))
    assert "no-such-image" == refused(engine, lambda: engine.build_begin("sha256:none"))
    assert "no-such-lease" == refused(engine, lambda: engine.build_add(gone, one, TOP))
    assert "not-in-build" == refused(engine, lambda: engine.build_add(lease, two, TOP))
    assert "no-such-lease" == refused(engine, lambda: engine.build_finish(gone, one, "a:1"))
    assert "not-in-build" == refused(engine, lambda: engine.build_finish(lease, two, "a:1"))
    assert "no-such-lease" == refused(engine, lambda: engine.abort(gone))
    assert "used-by-lease" in REFUSALS


# Planted faults


def images_and_names(do: Recorder) -> None:
    """Removal, tags and digests of images that share layers, some of them used."""
    do("load", archive([ArchiveEntry(ONE, ("a:1", "b:1")), ArchiveEntry(TWO, ("c:1",))]))
    do("load", archive([ArchiveEntry(ONE, ("a:1",))]))
    do("load", with_manifest([ROW, {**ROW, "Config": "missing"}], tree=layer_tar({"bad": b"1"})))
    do("tag", ONE.image_id, "c:1")
    do("remove_by_tag", "a:1", True)
    do("remove_by_id", TWO.image_id, False)
    do("create", ONE.image_id, "c")
    for force in (False, True):
        do("remove_by_id", ONE.image_id, force)
    do("remove_by_tag", "c:1", False)
    lease = do("pull_begin")
    tree = layer_tar({"p": b"123456"})
    config = ImageSpec(({"p": b"123456"},), "pulled")
    do("pull_layer", lease, tree, None)
    do("pull_finish", lease, config.config, "p:1", f"p@{DIGEST}")
    do("remove_by_tag", "p:1", False)


def families(do: Recorder) -> None:
    """Cascades over parents that a tag or a container keeps."""
    for number, keep in enumerate(("tag", "create", None)):
        base = do("import_", layer_tar({"f": b"%d" % number}), None)
        child = do("build_step", base, TOP)
        if keep is not None:
            do(keep, base, f"keeper-{number}:1")
        do("remove_by_id", base, True)
        do("remove_by_id", child, False)


def prunes(do: Recorder) -> None:
    """Prunes beside tagged children, tags, containers, and operations in progress."""
    do("load", archive([ArchiveEntry(ONE), ArchiveEntry(TWO, ("two:1",), ONE.image_id)]))
    used = do("import_", layer_tar(BASE), "used:1")
    do("import_", layer_tar(BASE), None)
    do("create", used, "c")
    lease = do("pull_begin")
    do("pull_layer", lease, layer_tar({"p": b"1"}), None)
    for method in ("prune", "prune_all"):
        do(method)
    do("abort", lease)
    do("abort", lease)


def containers(do: Recorder) -> None:
    """Names, statuses, writes and commits of two containers of one image."""
    do("load", archive([ArchiveEntry(TWO, ("a:1",))]))
    one, two = do("create", TWO.image_id, "c"), do("create", TWO.image_id, "d")
    do("create", TWO.image_id, "c")
    for files in ({"x": b"1"}, {"x": b"22", "y": b"3"}):
        do("write", one, files)
    for method in ("start", "pause", "restart", "stop", "pause", "commit"):
        do(method, one)
    do("rename", one, "e")
    do("rename", two, "c")
    do("remove", two, True)
    do("create", TWO.image_id, "c")


def builds(do: Recorder) -> None:
    """A build during which somebody prunes."""
    base = do("import_", layer_tar(BASE), "base:1")
    lease = do("build_begin", base)
    step = do("build_add", lease, base, TOP)
    do("prune")
    do("build_finish", lease, step, "built:1")


SCENARIOS = [images_and_names, families, prunes, containers, builds]


def record(engine: DirectoryEngine) -> list[list[object]]:
    """Return what each scenario shows on an engine, which is closed then."""
    recorded = []
    try:
        for scenario in SCENARIOS:
            engine.reset()
            do = Recorder(engine)
            scenario(do)
            recorded.append(do.seen)
    finally:
        engine.close()
    return recorded


@pytest.fixture(scope="module")
def sound() -> list[list[object]]:
    return record(DirectoryEngine())


@pytest.mark.parametrize("name", [name for name, engine in ENGINES.items() if engine.__module__ == faults.__name__])
def test_every_fault_shows(name: str, sound: list[list[object]]) -> None:
    assert FAULTS[name].endswith(".")
    assert sound != record(faulty(name))


def test_faults_show_where_they_are_planted(sound: list[list[object]]) -> None:
    names = ("removal-leaks-layers", "size-rw-adds-up")
    both, *alone = (record(DirectoryEngine(None, frozenset(some))) for some in (names, names[:1], names[1:]))
    shown = [[seen != good for seen, good in zip(each, sound, strict=True)] for each in (*alone, both)]
    assert [one or other for one, other in zip(*shown[:2], strict=True)] == shown[2]
    assert shown[0] != shown[1]


def test_an_unknown_fault_is_a_wrong_request() -> None:
    with pytest.raises(WrongRequest, match="there is no fault named nonsense"):
        faulty("nonsense")


def test_faults_of_a_kind_are_not_left_after_a_reset() -> None:
    engine = faulty("remove-keeps-name")
    engine.remove(engine.create(loaded(engine), "c"), False)
    assert "name-taken" == refused(engine, lambda: engine.create(ONE.image_id, "c"))
    engine.reset()
    assert "container-1" == engine.create(loaded(engine), "c")
    engine.close()
