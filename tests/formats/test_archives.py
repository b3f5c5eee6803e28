"""Image archives of every kind become the store that loading them makes, or one sentence."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import importlib
import io
import json
import lzma
import sys
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layermodel.formats.archives import read_archive
from layermodel.formats.content import ArchiveEntry, ImageSpec, archive, chain_ids, digest
from layermodel.formats.digests import digest_of
from layermodel.formats.documents import Malformed
from layermodel.formats.tars import Limits
from layermodel.store.loading import loaded
from layermodel.store.words import DIALECTS

ZSTD = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
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


def config_by(image, algorithm):
    """The config of an image, with diff IDs by an algorithm."""
    config = json.loads(image.config)
    config["rootfs"]["diff_ids"] = [digest_of(tar, algorithm) for tar in image.tars]
    return json.dumps(config, sort_keys=True).encode()


def layout(*images, compress=lambda tar: tar, names=(), algorithm="sha256", diffs="sha256"):
    """An OCI image layout, with the algorithms of its digests and of its diff IDs."""
    blobs, rows = {}, []

    def put(data, media):
        named = digest_of(data, algorithm)
        blobs[f"blobs/{named.replace(':', '/')}"] = data
        return {"mediaType": media, "digest": named, "size": len(data)}

    for number, image in enumerate(images):
        config = config_by(image, diffs)
        manifest = {"schemaVersion": 2, "config": put(config, "application/vnd.oci.image.config.v1+json"),
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


COMPRESSIONS = {"plain": lambda tar: tar, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress,
                "xz, two streams": lambda tar: lzma.compress(tar[:99]) + bytes(4) + lzma.compress(tar[99:]),
                "zstd": ZSTD.compress}


@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS)
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
    read = [read_archive(written(tmp_path, compress(SAVED))) for compress in COMPRESSIONS.values()]
    assert [read[0]] * len(COMPRESSIONS) == read


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress, gzip.compress, ZSTD.compress])
def test_what_is_compressed_and_cut_short_is_damaged(tmp_path, compress):
    with pytest.raises(Malformed, match="is damaged"):
        read_archive(written(tmp_path, compress(SAVED)[:-40]))


def test_zstd_of_other_bytes_is_damaged(tmp_path):
    data = bytearray(ZSTD.compress(SAVED))
    data[12] ^= 0xFF
    with pytest.raises(Malformed, match=r"the archive is damaged: .*[Cc]orrupt"):
        read_archive(written(tmp_path, bytes(data)))
    with pytest.raises(Malformed, match="'0' is damaged"):
        read_archive(written(tmp_path, saved_of(bytes(data))))


def test_xz_that_would_take_too_much_memory_is_refused(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 512 << 20, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3}]
    data = lzma.compress(SAVED, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])
    assert read_archive(written(tmp_path, data))
    with pytest.raises(Malformed, match=r"is damaged: .*[Mm]emory"):
        read_archive(written(tmp_path, lzma.compress(SAVED, filters=filters)))


def test_zstd_without_what_reads_it_is_one_sentence(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr("layermodel.formats.tars.importlib.import_module", absent)
    with pytest.raises(Malformed, match=r"needs Python 3.14 or the package backports.zstd"):
        read_archive(written(tmp_path, ZSTD.compress(SAVED)))


def test_a_layer_of_no_bytes_is_one_without_files(tmp_path):
    empty = digest(b"")
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [empty]}}).encode()
    manifest = json.dumps([{"Config": "c", "Layers": ["l"], "RepoTags": ["a:1"]}]).encode()
    saved = read_archive(written(tmp_path, packed({"c": config, "l": b"", "manifest.json": manifest})))
    assert ({empty: 0}, digest(config)) == (dict(saved.sizes), saved.images[0].image_id)


def test_a_folder_that_skopeo_made_holds_its_image(tmp_path):
    files = layout(CHILD)
    index = json.loads(files["index.json"])
    flat = {name.rpartition("/")[2]: data for name, data in files.items() if name.startswith("blobs/")}
    manifest = flat.pop(index["manifests"][0]["digest"].removeprefix("sha256:"))
    for name, data in {**flat, "manifest.json": manifest, "version": b"Directory Transport Version: 1.1\n"}.items():
        (tmp_path / name).write_bytes(data)
    image, = read_archive(tmp_path).images
    assert (CHILD.image_id, ()) == (image.image_id, image.names)
    (tmp_path / "manifest.json").write_bytes(files["index.json"])
    with pytest.raises(Malformed, match=r"manifest.json is not of one image"):
        read_archive(tmp_path)
    (tmp_path / "version").unlink()
    with pytest.raises(Malformed, match=r"manifest.json: not a list"):
        read_archive(tmp_path)


@pytest.mark.parametrize("compress", [lambda tar: tar, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(("algorithm", "diffs"), [("sha512", "sha256"), ("sha256", "sha512"), ("sha512", "sha512")])
def test_each_digest_is_checked_by_its_own_algorithm(tmp_path, algorithm, diffs, compress):
    files = layout(PARENT, CHILD, names=("p:1", "c:1"), compress=compress, algorithm=algorithm, diffs=diffs)
    saved = read_archive(written(tmp_path, packed(files)))
    ids = [digest_of(tar, diffs) for tar in CHILD.tars]
    assert [digest(config_by(CHILD, diffs)), tuple(ids)] == [saved.images[1].image_id, saved.images[1].diff_ids]
    assert dict(zip(ids, (8, 5), strict=True)) == dict(saved.sizes)
    view = loaded(saved, DIALECTS["docker"])
    assert {ids[0], digest(f"{ids[0]} {ids[1]}".encode())} == set(view.layers)
    for name in filter(lambda n: n.startswith("blobs/"), files):
        with pytest.raises(Malformed, match=r"does not match its digest|bytes, not"):
            read_archive(written(tmp_path, packed({**files, name: files[name][:-1] + b"!"})))


def test_one_layer_may_have_diff_ids_of_two_algorithms(tmp_path):
    both = [layout(PARENT, names=("a:1",)), layout(PARENT, names=("b:1",), diffs="sha512")]
    index = {"manifests": [row for files in both for row in json.loads(files["index.json"])["manifests"]]}
    files = {**both[0], **both[1], "index.json": json.dumps(index).encode()}
    saved = read_archive(written(tmp_path, packed(files)))
    tar, = PARENT.tars
    assert {digest(tar): 8, digest_of(tar, "sha512"): 8} == dict(saved.sizes)


def other_algorithm(files, place):
    """A layout in which something is named by an algorithm that nobody here knows."""
    index = json.loads(files["index.json"])
    row = index["manifests"][0]
    name = "blobs/" + row["digest"].replace(":", "/")
    if place == "index":
        row["digest"] = "blake3:" + "0" * 64
    else:
        manifest = json.loads(files.pop(name))
        for one in [manifest["config"]] if place == "config" else manifest["layers"]:
            one["digest"] = "blake3:" + "0" * 64
        data = json.dumps(manifest).encode()
        row |= {"digest": digest(data), "size": len(data)}
        files["blobs/" + row["digest"].replace(":", "/")] = data
    return {**files, "index.json": json.dumps(index).encode()}


@pytest.mark.parametrize("place", ["index", "config", "layers"])
def test_an_algorithm_that_is_not_known_is_one_sentence(tmp_path, place):
    files = other_algorithm(layout(PARENT), place)
    with pytest.raises(Malformed, match=r"'blake3:0+' cannot be checked: .* sha256 and sha512 are known here") as caught:
        read_archive(written(tmp_path, packed(files)))
    assert "\n" not in str(caught.value)


def test_what_is_not_read_may_be_of_any_algorithm(tmp_path):
    files = layout(PARENT)
    index = json.loads(files["index.json"])
    index["manifests"].append({"mediaType": "text/plain", "digest": "multihash+base58:QmRZxt2b1FVZ", "size": 1})
    assert read_archive(written(tmp_path, packed({**files, "index.json": json.dumps(index).encode()}))).images


@pytest.mark.parametrize("diffs", ["sha256", "sha512"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_path_of_a_blob_says_its_digest_in_a_saved_archive_too(tmp_path, algorithm, diffs):
    config, tar = config_by(PARENT, diffs), PARENT.tars[0]
    names = ["blobs/" + digest_of(data, algorithm).replace(":", "/") for data in (config, tar)]
    files = dict(zip(names, (config, tar), strict=True))
    manifest = [{"Config": names[0], "Layers": names[1:], "RepoTags": ["a:1"]}]
    files["manifest.json"] = json.dumps(manifest).encode()
    assert digest(config) == read_archive(written(tmp_path, packed(files))).images[0].image_id
    for name in names:
        with pytest.raises(Malformed, match="does not match its digest"):
            read_archive(written(tmp_path, packed({**files, name: files[name] + b" "})))
    odd = names[0].replace(algorithm, "blake3")
    manifest[0]["Config"] = odd
    with pytest.raises(Malformed, match="cannot be checked"):
        read_archive(written(tmp_path, packed({**files, odd: config, "manifest.json": json.dumps(manifest).encode()})))


def platforms(*there):
    """A layout of two images, each for a platform, of which one's blobs but its manifest may be missing."""
    files = layout(PARENT, CHILD, names=("a:1", "b:1"))
    index = json.loads(files["index.json"])
    for row, spec in zip(index["manifests"], (PARENT, CHILD), strict=True):
        row["platform"] = {"os": "linux", "architecture": spec.label}
        manifest = json.loads(files["blobs/" + row["digest"].replace(":", "/")])
        if spec not in there:
            for one in (manifest["config"], *manifest["layers"][-1:]):
                files.pop("blobs/" + one["digest"].replace(":", "/"), None)
    return packed({**files, "index.json": json.dumps(index).encode()})


def test_what_is_there_of_several_platforms_is_read(tmp_path):
    both, one = (read_archive(written(tmp_path, platforms(*there))) for there in ((PARENT, CHILD), (PARENT,)))
    assert 2 == len(both.images)
    assert [PARENT.image_id] == [image.image_id for image in one.images]
    assert set(PARENT.diff_ids) == set(one.sizes)
    with pytest.raises(Malformed, match="is missing"):
        read_archive(written(tmp_path, platforms()))


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
    (packed({"repositories": b"{}", "a/layer.tar": b""}), "of the format before Docker 1.10"),
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
    (Limits(layers=1), "more than 1 images"), (Limits(members=2), "more than 2 members"),
    (Limits(document=10), "more than 10 bytes"), (Limits(bytes=100), "more than 100 bytes"),
])
def test_everything_has_a_limit(tmp_path, limits, says):
    with pytest.raises(Malformed, match=says):
        read_archive(written(tmp_path, SAVED), limits)


def saved_of(*layers, times=1, rows=1, config=None):
    """An archive of an image whose layers are these bytes, each so many times, in so many rows."""
    names = [str(number) for number in range(len(layers))]
    made = {"rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in layers] * times}, **(config or {})}
    row = {"Config": "config", "Layers": names * times}
    return packed({"config": json.dumps(made).encode(), **dict(zip(names, layers, strict=True)),
                   "manifest.json": json.dumps([row] * rows).encode()})


def test_what_is_named_often_is_not_read_for_ever(tmp_path):
    tar, = PARENT.tars
    assert read_archive(written(tmp_path, saved_of(tar, times=3, rows=3)), Limits(layers=3)).images
    for often, says in (({"times": 4}, "more than 3 layers"), ({"rows": 4}, "more than 3 images")):
        with pytest.raises(Malformed, match=says):
            read_archive(written(tmp_path, saved_of(tar, **often)), Limits(layers=3))
    large = saved_of(tar, rows=3, config={"comment": "x" * 1_000})
    with pytest.raises(Malformed, match=r"manifests, indexes and configs hold is more than 3,000 bytes"):
        read_archive(written(tmp_path, large), Limits(documents=3_000))


def header(kind, data, **pax):
    """A header of a tar archive, with what it is of; extended headers before it."""
    info = tarfile.TarInfo("name")
    info.type, info.size, info.pax_headers = kind, len(data), pax
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def sparse(said, size):
    """A sparse member, in the way of version 1.0: where it has data stands before that."""
    return header(tarfile.REGTYPE, said, **{
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": size})


MAP = b"1\n0\n5\n".ljust(512, b"\0") + b"12345"
SOME = header(tarfile.REGTYPE, b"12345")


def test_a_sparse_file_is_as_large_as_it_looks(tmp_path):
    saved = read_archive(written(tmp_path, saved_of(sparse(MAP, "9000") + bytes(1024))))
    assert [9000] == list(saved.sizes.values())


def test_all_sizes_have_64_bits(tmp_path):
    half = sparse(MAP, str(1 << 62)) + bytes(1024)
    assert [1 << 62] == list(read_archive(written(tmp_path, saved_of(half))).sizes.values())
    with pytest.raises(Malformed, match="the files of the images are more than 9,223,372,036,854,775,807 bytes"):
        read_archive(written(tmp_path, saved_of(half, times=2)))


@pytest.mark.parametrize(("tar", "says"), [
    (sparse(MAP, "-5"), "a negative size"),
    (sparse(b"900000\n" + b"0\n0\n" * 900_000, "5"), "the headers of one member are more than 2,097,152 bytes"),
    (header(tarfile.XHDTYPE, b"a" * 900_000) * 3 + SOME, "the headers of one member are more than 2,097,152 bytes"),
    (header(tarfile.XHDTYPE, b"1" * 100_000) + SOME, "a number of 100,000 digits"),
    (header(tarfile.XGLTYPE, b"a" * 70_000) + SOME, "a header speaks of 70,000 bytes"),
    (b"".join(header(tarfile.XGLTYPE, b"".join(b"8 %03x=1\n" % n for n in range(k, k + 60))) + SOME
              for k in range(0, 1200, 60)), "says more than 1,000 things of all its members"),
])
@pytest.mark.parametrize("place", ["layer", "archive"])
def test_headers_have_limits(tmp_path, tar, says, place):
    # In a layer names may not stand twice, which is said of the second.
    data = saved_of(tar + bytes(1024)) if place == "layer" else tar + saved_of(SOME + bytes(1024))
    if place == "layer" and tar.count(SOME) > 1:
        says = "has the path 'name' twice"
    with pytest.raises(Malformed, match=says) as caught:
        read_archive(written(tmp_path, data))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("begun", [b"\x1f\x8b", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"])
def test_a_layer_that_is_no_more_than_begun_is_damaged(tmp_path, begun):
    with pytest.raises(Malformed, match=r"'0' (is damaged|does not match the diff ID)"):
        read_archive(written(tmp_path, saved_of(begun)))


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


@pytest.mark.parametrize("name", ["Foo:1", "foo", f"foo@sha256:{'0' * 64}", "foo:1:2"])
def test_a_name_that_docker_refuses_is_refused(tmp_path, name):
    path = tmp_path / "a.tar"
    path.write_bytes(archive([ArchiveEntry(ImageSpec(({"a": b"1"},), "a"), (name,))]))
    with pytest.raises(Malformed, match=r"RepoTags: .* is no name for an image"):
        read_archive(path)
