"""Image archives of every kind become the store that loading them makes, or one sentence."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layermodel.formats.archives import read_archive
from layermodel.formats.content import ArchiveEntry, ImageSpec, archive, chain_ids, digest
from layermodel.formats.documents import Malformed
from layermodel.formats.tars import Limits
from layermodel.store.loading import loaded
from layermodel.store.words import DIALECTS

BASE = {"etc/motd": b"hello\n", "bin/sh": b"#!"}
PARENT = ImageSpec((BASE,), "parent")
CHILD = ImageSpec((BASE, {"data": b"12345"}), "child")
SAVED = archive([ArchiveEntry(PARENT, ("p:1",)), ArchiveEntry(CHILD, ("c:1", "c:2"), PARENT.image_id)])


def written(tmp_path, data):
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    return path


def members(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar.getmembers()}


def packed(files, links=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return out.getvalue()


def layout(*images, compress=lambda tar: tar, names=()):
    """An OCI image layout."""
    blobs, rows = {}, []

    def put(data, media):
        blobs[f"blobs/sha256/{digest(data).removeprefix('sha256:')}"] = data
        return {"mediaType": media, "digest": digest(data), "size": len(data)}

    for number, image in enumerate(images):
        manifest = {"schemaVersion": 2, "config": put(image.config, "application/vnd.oci.image.config.v1+json"),
                    "layers": [put(compress(tar), "application/vnd.oci.image.layer.v1.tar") for tar in image.tars]}
        row = put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
        name = names[number] if number < len(names) else None
        rows.append(row | ({"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}))
    return {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": json.dumps({"schemaVersion": 2, "manifests": rows}).encode(), **blobs}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_saved_archive_is_the_store_that_loading_it_makes(tmp_path, dialect):
    view = loaded(read_archive(written(tmp_path, SAVED)), DIALECTS[dialect])
    assert {PARENT.image_id: 8, CHILD.image_id: 13} == {i: row.size for i, row in view.images.items()}
    assert ["c:1", "c:2"] == sorted(view.images[CHILD.image_id].references)
    assert set(chain_ids(CHILD.diff_ids)) == set(view.layers)
    assert frozenset({PARENT.image_id}) == view.images[CHILD.image_id].ancestors
    assert (13, {}, {}) == (view.usage, view.containers, view.leases)


@pytest.mark.parametrize("compress", [lambda tar: tar, gzip.compress])
@pytest.mark.parametrize("folder", [False, True])
def test_an_image_layout_holds_the_same_images(tmp_path, compress, folder):
    files = layout(PARENT, CHILD, compress=compress, names=("p:1", "c:1"))
    path = tmp_path / "layout"
    if folder:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    else:
        path.write_bytes(packed(files))
    saved = read_archive(path)
    assert [PARENT.image_id, CHILD.image_id] == [image.image_id for image in saved.images]
    assert [("p:1",), ("c:1",)] == [image.names for image in saved.images]
    assert dict(zip(CHILD.diff_ids, (8, 5), strict=True)) == dict(saved.sizes)


def test_an_archive_may_be_compressed_as_a_whole(tmp_path):
    assert read_archive(written(tmp_path, SAVED)) == read_archive(written(tmp_path, gzip.compress(SAVED)))


def changed(name, data):
    """The saved archive with another member instead of one; without it if there is no data."""
    files = members(SAVED)
    if name not in files and name.endswith(".json"):
        name = next(n for n in files if n.endswith(".json") and n != "manifest.json")
    if name.endswith(".tar"):
        name = next(n for n in files if n.endswith(".tar"))
    if data is None:
        del files[name]
    else:
        files[name] = data
    return packed(files)


@pytest.mark.parametrize(("data", "says"), [
    (b"", "the archive is damaged: empty file"),
    (b"no archive at all, but more than a block of bytes" * 20, "the archive is damaged"),
    (SAVED[:3000], "damaged|ends too early|missing"),
    (changed("manifest.json", None), "neither manifest.json nor index.json"),
    (changed("manifest.json", b"{"), "manifest.json is not JSON"),
    (changed("manifest.json", b"[]"), "holds no image"),
    (changed("manifest.json", b"[7]"), "row 1 of manifest.json: not an object"),
    (changed("manifest.json", b"[" * 5000), "nested too deep"),
    (changed("manifest.json", b'[{"Config": "../x", "Layers": []}]'), "leads out of it"),
    (changed("a.json", b"{}"), "does not match its digest"),
    (changed("a.json", None), "the config of row [12] of manifest.json is missing"),
    (changed("a.tar", None), "a layer of sha256:.* is missing"),
    (changed("a.tar", b"no layer"), "does not match the diff ID|damaged"),
])
def test_a_damaged_archive_is_one_sentence(tmp_path, data, says):
    with pytest.raises(Malformed, match=says) as caught:
        read_archive(written(tmp_path, data))
    assert "\n" not in str(caught.value)


def test_a_link_out_of_a_folder_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("[]")
    folder = tmp_path / "layout"
    folder.mkdir()
    (folder / "manifest.json").symlink_to(secret)
    with pytest.raises(Malformed, match="link that leads out of the folder"):
        read_archive(folder)


def test_a_member_that_links_to_itself_leads_nowhere(tmp_path):
    data = packed({}, [("manifest.json", "manifest.json")])
    with pytest.raises(Malformed, match="a link that leads nowhere"):
        read_archive(written(tmp_path, data))


@pytest.mark.parametrize(("limits", "says"), [
    (Limits(layers=1), "more than 1 layers"), (Limits(members=2), "more than 2 members"),
    (Limits(document=10), "more than 10 bytes"), (Limits(bytes=100), "more than 100 bytes"),
])
def test_everything_has_a_limit(tmp_path, limits, says):
    with pytest.raises(Malformed, match=says):
        read_archive(written(tmp_path, SAVED), limits)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_damage_ends_in_a_store_or_in_one_sentence(tmp_path_factory, data):
    whole = data.draw(st.sampled_from([SAVED, packed(layout(CHILD)), gzip.compress(SAVED)]))
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)) | st.just(len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "image.tar"
    path.write_bytes(damaged)
    with contextlib.suppress(Malformed):
        assert loaded(read_archive(path, Limits(bytes=1 << 20)), DIALECTS["docker"]).images
