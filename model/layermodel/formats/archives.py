"""Image archives: what ``docker save`` writes, OCI image layouts, and what ``skopeo copy … dir:`` makes.

All in a tar archive or in a folder; archives and layers plain or compressed with gzip, zstd, xz or bzip2.

Reading checks everything that can be checked: digests of blobs, diff IDs of layers (decompressed), each by its
own algorithm, sizes, and that a config's history has a row for each layer. What loading makes of it is
:mod:`layermodel.store.loading`.

Sources: moby ``image/spec/v1.2.md`` and ``image/tarexport/load.go`` (``manifest.json``); OCI image-spec v1.1
``image-layout.md``, ``manifest.md``, ``image-index.md``, ``config.md`` and ``layer.md``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from layermodel.formats.content import digest
from layermodel.formats.digests import USUAL, algorithm_of, digest_of, of_hex, well_formed
from layermodel.formats.documents import Malformed, parsed, quoted
from layermodel.formats.references import is_tagged
from layermodel.formats.tars import (
    Ahead,
    Budget,
    Limits,
    Reader,
    Source,
    explained,
    inside,
    members,
    open_source,
    unpacked,
)

_INDEXES = ("application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json",
              "application/vnd.docker.distribution.manifest.v2+json")
_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_REF_NAME, _FULL_NAME = "org.opencontainers.image.ref.name", "io.containerd.image.name"
_ATTESTED = "vnd.docker.reference.type"
_BLOB = re.compile(r"blobs/([a-z0-9+._-]+)/([0-9a-f]{32,})")
_NAME = re.compile(r"\w[\w.:/@+-]{0,511}", re.ASCII)
_WHITEOUT = ".wh."
_MOST_FILES = (1 << 63) - 1
"""Bytes of all images' files, so that every size of a store has 64 bits (:mod:`layermodel.formats.documents`)."""
_Type = TypeVar("_Type")


@dataclass(frozen=True)
class SavedImage:
    """An image of an archive.

    Attributes:
        image_id: the digest of its config.
        diff_ids: of its layers, bottom first.
        history: the rows of its config's history.
        names: what loading calls it, in order.
        parent: the image ID that ``manifest.json`` records as its parent.
    """

    image_id: str
    diff_ids: tuple[str, ...]
    history: tuple[Mapping[str, object], ...] = ()
    names: tuple[str, ...] = ()
    parent: str | None = None


@dataclass(frozen=True)
class Saved:
    """What an archive holds: images in its order, and the bytes of each layer by its diff ID."""

    images: tuple[SavedImage, ...]
    sizes: Mapping[str, int]


def read_archive(path: Path, limits: Limits | None = None) -> Saved:
    """Read an archive: a ``docker save`` archive or an OCI image layout, a tar archive or a folder.

    Raises:
        Malformed: if it is not one, or is damaged; one sentence says what is wrong, and where.
    """
    chosen = limits or Limits()
    source = open_source(path, chosen)
    try:
        reading = _Reading(source, chosen)
        images = reading.images()
        return Saved(tuple(images), reading.sizes)
    finally:
        source.close()


@dataclass(frozen=True)
class _Blob:
    """A layer as it was read: digests of it as stored and unpacked, bytes as stored, and of its files.

    ``broken`` is what was wrong with its compression, ``malformed`` what was wrong with the tar archive.
    """

    digest: str
    count: int
    diff_id: str
    size: int = 0
    broken: Malformed | None = None
    malformed: Malformed | None = None


class _Absent(Malformed):
    """A blob is not there."""


class _Reading:
    """The reading of one archive."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source, self._limits = source, limits
        self._stored = Budget(limits.bytes, "what the layers are stored as")
        self._unpacked = Budget(limits.bytes, "what the layers unpack to")
        self._documents = Budget(limits.documents, "what the manifests, indexes and configs hold")
        self._layers: dict[tuple[str, str, str], _Blob] = {}
        self._visits = self._files = 0
        self._flat = False
        self.sizes: dict[str, int] = {}

    def images(self) -> list[SavedImage]:
        """Read all images, each once with all its names."""
        manifest = self._bytes("manifest.json")
        if manifest is not None:
            data = parsed(manifest, "manifest.json")
            found = self._directory(data) if isinstance(data, dict) else list(self._saved(data))
        else:
            index = self._bytes("index.json")
            if index is None and self._bytes("repositories") is not None:
                raise Malformed("it is of the format before Docker 1.10 (repositories, and no manifest.json), in "
                                "which images have no IDs")
            if index is None:
                raise Malformed("it has neither manifest.json nor index.json")
            found = self._layout(parsed(index, "index.json"))
        if not found:
            raise Malformed("it holds no image")
        return _merged(found)

    def _visit(self) -> None:
        """Count what names an image, or several."""
        self._visits += 1
        if self._visits > self._limits.layers:
            raise Malformed(f"there are more than {self._limits.layers:,} images")

    # Files.

    def _bytes(self, name: str) -> bytes | None:
        """A document; None if there is none."""
        with self._source.open(name) as stream:
            if stream is None:
                return None
            with explained(name):
                data = stream.read(self._limits.document + 1)
        if len(data) > self._limits.document:
            raise Malformed(f"{name} is more than {self._limits.document:,} bytes")
        self._documents.spend(len(data))
        return data

    def _present(self, name: str, what: str) -> bytes:
        data = self._bytes(name)
        if data is None:
            raise _Absent(f"{what} is missing: there is no {quoted(name)}")
        return data

    def _layer(self, name: str, stored: str, diff: str, what: str) -> _Blob:
        """A layer; one that several images have is read once for each two algorithms of its digests."""
        read = inside(name, "the archive"), stored, diff
        if read not in self._layers:
            with self._source.open(read[0]) as stream:
                if stream is None:
                    raise _Absent(f"{what} is missing: there is no {quoted(name)}")
                packed = Reader(stream, self._stored, stored)
                self._layers[read] = _read_layer(packed, quoted(name), self._limits, self._unpacked, diff)
        return self._layers[read]

    # Images, whatever names them.

    def _image(
        self, config: bytes, layers: Sequence[tuple[str, str | None, int | None]], names: Sequence[str],
        parent: str | None = None,
    ) -> SavedImage:
        """An image of a config and layers, given as paths with the digest and size that are known."""
        image_id = digest(config)
        where = f"the config {image_id[:19]}"
        data = _object(parsed(config, where), where)
        root = _field(data, "rootfs", dict, where)
        if root.get("type") != "layers":
            raise Malformed(f"{where} has a root file system that does not consist of layers")
        diff_ids = [_typed(d, str, f"{where}, diff_ids") for d in _field(root, "diff_ids", list, where, [])]
        kinds = [algorithm_of(diff_id, f"{where}, diff_ids") for diff_id in diff_ids]
        if len(diff_ids) != len(layers):
            raise Malformed(f"{where} has {len(diff_ids)} diff IDs, but the manifest has {len(layers)} layers")
        history = [_object(row, f"{where}, history") for row in _field(data, "history", list, where, [])]
        rows = sum(not row.get("empty_layer") for row in history)
        if history and rows != len(layers):
            raise Malformed(f"{where} has {rows} rows of history with a layer, but {len(layers)} layers")
        if max(len(diff_ids), len({*self.sizes, *diff_ids})) > self._limits.layers:
            raise Malformed(f"there are more than {self._limits.layers:,} layers")
        for (name, known, size), diff_id, kind in zip(layers, diff_ids, kinds, strict=True):
            stored = algorithm_of(known, f"a layer of {image_id[:19]}") if known else USUAL
            blob = self._layer(name, stored, kind, f"a layer of {image_id[:19]}")
            self.sizes[diff_id] = _checked(blob, name, known, size, diff_id)
            self._files += self.sizes[diff_id]
        if self._files > _MOST_FILES:  # sparse files may say anything
            raise Malformed(f"the files of the images are more than {_MOST_FILES:,} bytes")
        return SavedImage(image_id, tuple(diff_ids), tuple(history), tuple(names), parent)

    # manifest.json

    def _saved(self, data: object) -> Iterator[SavedImage]:
        for number, row in enumerate(_typed(data, list, "manifest.json"), 1):
            where = f"row {number} of manifest.json"
            self._visit()
            row = _object(row, where)
            name = _field(row, "Config", str, where)
            config = self._present(name, f"the config of {where}")
            named = _digest_in(name) or of_hex(posixpath.basename(posixpath.normpath(name)).removesuffix(".json"))
            if named and digest_of(config, algorithm_of(named, f"the config of {where}")) != named:
                raise Malformed(f"{quoted(name)} does not match its digest")
            layers = [_typed(n, str, f"{where}, Layers") for n in _field(row, "Layers", list, where, [])]
            names = [_tag(n, f"{where}, RepoTags") for n in _field(row, "RepoTags", list, where, [])]
            parent = _field(row, "Parent", str, where, "")
            yield self._image(config, [(n, _digest_in(n), None) for n in layers], names, parent or None)

    # The folder that ``skopeo copy … dir:`` makes

    def _directory(self, manifest: Mapping[str, Any]) -> list[SavedImage]:
        """The image of a folder in which blobs are called by their digests alone; it has no name there."""
        version = self._bytes("version") or b""
        if not version.startswith(b"Directory Transport Version: 1."):
            raise Malformed("manifest.json: not a list")
        if "config" not in manifest:
            raise Malformed("manifest.json is not of one image: copy it with skopeo for one platform")
        self._flat = True
        return self._manifest(manifest, "manifest.json", ())

    # OCI image layouts

    def _layout(self, data: object) -> list[SavedImage]:
        marker = _object(parsed(self._present("oci-layout", "the marker of an OCI image layout"),
                                "oci-layout"), "oci-layout")
        version = _field(marker, "imageLayoutVersion", str, "oci-layout")
        if not version.startswith("1."):
            raise Malformed(f"oci-layout is of version {quoted(version)}; this reads version 1")
        return self._index(_object(data, "index.json"), "index.json", (), 0)

    def _index(
        self, index: Mapping[str, Any], where: str, names: Sequence[str], depth: int,
    ) -> list[SavedImage]:
        """The images of an index.

        Of images that are for some platform, and in an index within an index, blobs may be missing
        (image-layout.md, blobs), but not of all; the names that lead there go to the first image that there is.
        """
        found: list[SavedImage] = []
        missing: _Absent | None = None
        for row in _field(index, "manifests", list, where):
            descriptor = _Descriptor.of(_object(row, f"a descriptor in {where}"), f"a descriptor in {where}")
            self._visit()
            called, sizes = descriptor.names or (names if not found else ()), dict(self.sizes)
            try:
                found += self._described(descriptor, called, depth)
            except _Absent as error:
                if not (depth or descriptor.platform):
                    raise
                missing, self.sizes = missing or error, sizes
        if missing is not None and not found:
            raise missing
        return found

    def _described(self, descriptor: _Descriptor, names: Sequence[str], depth: int) -> list[SavedImage]:
        """The images behind a descriptor; none behind an attestation or another artifact."""
        if descriptor.attests or descriptor.media_type not in (*_INDEXES, *_MANIFESTS, ""):
            return []
        where = self._path(descriptor)
        data = _object(parsed(self._verified(descriptor), where), where)
        if descriptor.media_type in _INDEXES or (not descriptor.media_type and "manifests" in data):
            if depth >= _DEEPEST:
                raise Malformed(f"{where} is an index nested too deep")
            return self._index(data, where, names, depth + 1)
        return self._manifest(data, where, names)

    def _manifest(self, data: Mapping[str, Any], where: str, names: Sequence[str]) -> list[SavedImage]:
        """The image of a manifest; none if it is of another artifact."""
        config = _Descriptor.of(_object(data.get("config"), f"the config in {where}"), f"the config in {where}")
        if config.media_type not in _CONFIGS:
            return []
        layers = [_Descriptor.of(_object(row, f"a layer in {where}"), f"a layer in {where}")
                  for row in _field(data, "layers", list, where)]
        return [self._image(self._verified(config), [(self._path(x), x.digest, x.size) for x in layers], names)]

    def _path(self, descriptor: _Descriptor) -> str:
        return descriptor.digest.partition(":")[2] if self._flat else descriptor.path

    def _verified(self, descriptor: _Descriptor) -> bytes:
        path = self._path(descriptor)
        algorithm = algorithm_of(descriptor.digest, "a blob")
        data = self._present(path, "a blob")
        if len(data) != descriptor.size:
            raise Malformed(f"{path} has {len(data):,} bytes, not {descriptor.size:,}")
        if digest_of(data, algorithm) != descriptor.digest:
            raise Malformed(f"{path} does not match its digest")
        return data


_DEEPEST = 8


@dataclass(frozen=True)
class _Descriptor:
    """An OCI content descriptor (image-spec descriptor.md)."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, Any] = field(default_factory=dict)
    platform: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any], where: str) -> _Descriptor:
        return cls(_field(row, "mediaType", str, where, ""),
                   well_formed(_field(row, "digest", str, where), where), _field(row, "size", int, where),
                   _field(row, "annotations", dict, where, {}), row.get("platform") is not None)

    @property
    def path(self) -> str:
        return f"blobs/{self.digest.replace(':', '/')}"

    @property
    def attests(self) -> bool:
        return _ATTESTED in self.annotations

    @property
    def names(self) -> tuple[str, ...]:
        """Its name: containerd's, which is full, or else the annotation of the image-spec."""
        name = self.annotations.get(_FULL_NAME) or self.annotations.get(_REF_NAME)
        return (_name(name, self.path),) if name else ()


def _merged(images: Sequence[SavedImage]) -> list[SavedImage]:
    found: dict[str, SavedImage] = {}
    for image in images:
        known = found.setdefault(image.image_id, replace(image, names=()))
        found[image.image_id] = replace(
            known, names=tuple(dict.fromkeys((*known.names, *image.names))), parent=known.parent or image.parent)
    return list(found.values())


# Layers.


def _read_layer(packed: Reader, where: str, limits: Limits, budget: Budget, diff: str) -> _Blob:
    """Read a layer once: what it is as stored, unpacked (by the algorithm of its diff ID), and as files."""
    size, broken, malformed = 0, None, None
    diff_id = ""
    try:
        plain = Reader(unpacked(packed, where), budget, diff)
        try:
            size = _files_size(plain, where, limits)
        except Malformed as error:
            malformed = error
        with explained(where):
            plain.drain()
        diff_id = plain.digest
    except Malformed as error:
        broken = error
    with explained(where):
        packed.drain()
    return _Blob(packed.digest, packed.count, diff_id, size, broken, malformed)


def _files_size(stream: Reader, where: str, limits: Limits) -> int:
    """The bytes of the files of a layer, as Docker counts them.

    That is st_size of distinct inodes other than directories: regular files, and the lengths of what
    symbolic links say; nothing for a whiteout or a further hard link (measured: docker-20.10, Sizes). A path
    that is there twice and a hard link to nothing are refused, as loading refuses them.
    """
    total, paths = 0, set()
    with explained(where):
        ahead = Ahead(stream)
    if ahead.empty:  # no tar archive, and engines load it (measured: docker-20.10, podman-4.3)
        return 0
    for info in members(ahead, where, limits):
        path = inside(info.name, where)
        if path in paths:
            raise Malformed(f"{where} has the path {quoted(path)} twice")
        paths.add(path)
        if posixpath.basename(path).startswith(_WHITEOUT):
            continue
        if info.isreg():
            total += info.size
        elif info.issym():
            total += len(info.linkname.encode(errors="surrogateescape"))
        elif info.islnk() and inside(info.linkname, where) not in paths:
            raise Malformed(f"{where} links {quoted(path)} to {quoted(info.linkname)}, which is not in it")
    return total


def _checked(blob: _Blob, name: str, known: str | None, count: int | None, diff_id: str) -> int:
    """The size of a layer's files, if it is what the manifest and the config say."""
    if known is not None and blob.digest != known:
        raise Malformed(f"{quoted(name)} does not match its digest")
    if count is not None and blob.count != count:
        raise Malformed(f"{quoted(name)} has {blob.count:,} bytes, not {count:,}")
    if blob.broken is not None:
        raise blob.broken
    if blob.diff_id != diff_id:
        raise Malformed(f"{quoted(name)} does not match the diff ID {diff_id[:19]} of its config")
    if blob.malformed is not None:
        raise blob.malformed
    return blob.size


# JSON that somebody else wrote.


_KINDS = {dict: "an object", list: "a list", str: "a string", int: "a whole number"}


def _typed(value: object, kind: type[_Type], where: str) -> _Type:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Malformed(f"{where}: not {_KINDS[kind]}")
    return value


def _object(value: object, where: str) -> dict[str, Any]:
    return _typed(value, dict, where)


def _field(row: Mapping[str, Any], key: str, kind: type[_Type], where: str, otherwise: Any = None) -> _Type:
    """A field of an object; if it may be absent or null, what stands for it otherwise."""
    value = row.get(key)
    if value is None and otherwise is not None:
        value = otherwise
    if value is None:
        raise Malformed(f"{where} has no {key}")
    return _typed(value, kind, f"{where}, {key}")


def _digest_in(path: str) -> str | None:
    """The digest that the path of a blob names."""
    found = _BLOB.fullmatch(posixpath.normpath(path))
    return f"{found[1]}:{found[2]}" if found else None


def _tag(value: object, where: str) -> str:
    """A name that loading gives an image: Docker refuses others (and keeps the image)."""
    text = _name(value, where)
    if not is_tagged(text):
        raise Malformed(f"{where}: {quoted(text)} is no name for an image, as foo:1 or host/path/foo:1 is")
    return text


def _name(value: object, where: str) -> str:
    text = _typed(value, str, where)
    if not _NAME.fullmatch(text):
        raise Malformed(f"{where}: {quoted(text)} is not a name")
    return text
