"""Content addressing: diff ID, chain ID, image ID, and the archives that carry them.

Everything here is deterministic: the same files give the same bytes, hence the same digests.

Sources: OCI image-spec v1.1 ``config.md`` (*Layer DiffID*, *Layer ChainID*, *ImageID*) and Docker's
image tarball format (``docker save``, moby ``image/spec/v1.2.md``).
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate

Files = Mapping[str, bytes]
"""Regular files by path relative to the root, e.g. ``{"etc/motd": b"hello\\n"}``."""


def digest(data: bytes) -> str:
    """Return the OCI digest of some bytes, ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def measure(files: Files) -> int:
    """Return the size of a layer of these files: the sum of their lengths in bytes.

    Docker counts ``st_size`` of distinct non-directory inodes; regular files are all we make.
    """
    return sum(len(data) for data in files.values())


def layer_tar(files: Files) -> bytes:
    """Return the uncompressed layer archive of some files, the same bytes for the same files.

    Entries are sorted, owned by root, of the epoch, and executable, so that a file may be a program.
    Parent directories are written before what is in them.
    """
    return _packed(tuple(files.items()))


def files_digest(files: Files) -> str:
    """Return one digest for some files: that of their layer archive, which is the layer's diff ID."""
    return _packed_digest(tuple(files.items()))


_KEPT = 32
"""Layers of which archive and digest are kept: one run after the other makes them of the same few contents."""


@lru_cache(maxsize=_KEPT)
def _packed(files: tuple[tuple[str, bytes], ...]) -> bytes:
    paths = [path.split("/") for path, _ in files]
    directories = {"/".join(parts[:n]) for parts in paths for n in range(1, len(parts))}
    entries: list[tuple[str, bytes | None]] = [*((d, None) for d in directories), *files]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, data in sorted(entries, key=lambda entry: entry[0]):
            info = tarfile.TarInfo(path)
            info.mode = 0o755
            if data is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@lru_cache(maxsize=_KEPT)
def _packed_digest(files: tuple[tuple[str, bytes], ...]) -> str:
    return digest(_packed(files))


def chain_id(diff_ids: Sequence[str]) -> str:
    """Return the chain ID of a stack of diff IDs, bottom first, by the recursion of the image-spec.

    Raises:
        ValueError: if there is no diff ID.
    """
    if not diff_ids:
        raise ValueError("a chain ID needs at least one diff ID")
    return chain_ids(diff_ids)[-1]


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return the chain ID of every prefix of a stack of diff IDs, bottom first.

    The lowest is the diff ID itself, of whatever algorithm; all others are SHA-256 (image-spec ``identity``,
    ``chainid.go``).
    """
    return list(accumulate(diff_ids, lambda beneath, diff: digest(f"{beneath} {diff}".encode())))


@dataclass(frozen=True)
class ImageSpec:
    """An image as its author sees it: layers, a label that tells two configs apart, a command.

    Attributes:
        layers: the files of each layer, bottom first; at least one.
        label: goes into the config, so that images of equal layers get different image IDs.
        command: what a container of it runs.
        stop_signal: what stopping a container of it sends; SIGKILL, so that a stop never waits.
        extra: further labels.
        empty_rows: for each row of the config's history whether it is of no layer; None for one row a
            layer. A parent's history is its child's without the last row.
        made_by: for each row of the config's history what made it, so that of two images of equal layers one's
            history does not go on from the other's; None where that does not matter.
    """

    layers: tuple[Files, ...]
    label: str = ""
    command: tuple[str, ...] = ()
    stop_signal: str = "SIGKILL"
    architecture: str = "amd64"
    extra: Mapping[str, str] = field(default_factory=dict)
    empty_rows: tuple[bool, ...] | None = None
    made_by: tuple[str, ...] | None = None

    @cached_property
    def tars(self) -> tuple[bytes, ...]:
        """The layers' uncompressed archives, bottom first."""
        return tuple(layer_tar(files) for files in self.layers)

    @cached_property
    def diff_ids(self) -> tuple[str, ...]:
        """The digests of the uncompressed layer archives, bottom first."""
        return tuple(files_digest(files) for files in self.layers)

    @cached_property
    def config(self) -> bytes:
        """The image config: the bytes whose digest is the image ID."""
        labels = {"org.layerproof.label": self.label, **self.extra}
        config = {
            "architecture": self.architecture,
            "config": {"Cmd": list(self.command), "Labels": labels, "StopSignal": self.stop_signal},
            "created": "1970-01-01T00:00:00Z",
            "history": self._history(),
            "os": "linux",
            "rootfs": {"diff_ids": list(self.diff_ids), "type": "layers"},
        }
        return json.dumps(config, sort_keys=True).encode()

    def _history(self) -> list[dict[str, object]]:
        empty = self.empty_rows or (False,) * len(self.layers)
        made_by = self.made_by or ("layerproof",) * len(empty)
        return [_history_row(*row) for row in zip(empty, made_by, strict=True)]

    @property
    def image_id(self) -> str:
        """The digest of the config."""
        return digest(self.config)

    @property
    def size(self) -> int:
        """The sum of the sizes of its layers, bytes."""
        return sum(measure(files) for files in self.layers)


def _history_row(empty: bool, by: str) -> dict[str, object]:
    row: dict[str, object] = {"created": "1970-01-01T00:00:00Z", "created_by": by}
    return row | {"empty_layer": True} if empty else row


@dataclass(frozen=True)
class ArchiveEntry:
    """One image of an archive: the references that loading puts on it, and its parent's image ID.

    Attributes:
        damaged: its top layer is another one than its config says.
    """

    image: ImageSpec
    references: tuple[str, ...] = ()
    parent: str | None = None
    damaged: bool = False

    @property
    def tars(self) -> tuple[bytes, ...]:
        """The layers as they are in the archive."""
        tars = self.image.tars
        return (*tars[:-1], layer_tar(DAMAGE)) if self.damaged else tars


DAMAGE: Files = {"damaged": b"these are other bytes"}
"""What is in the top layer of a damaged archive."""


def archive(entries: Iterable[ArchiveEntry]) -> bytes:
    """Return a ``docker save`` archive of some images, the same bytes for the same images."""
    members: dict[str, bytes] = {}
    manifest: list[dict[str, object]] = []
    for entry in entries:
        image = entry.image
        config_name = image.image_id.removeprefix("sha256:") + ".json"
        members[config_name] = image.config
        names = [diff.removeprefix("sha256:") + ".tar" for diff in image.diff_ids]
        members.update(zip(names, entry.tars, strict=True))
        row: dict[str, object] = {
            "Config": config_name,
            "RepoTags": list(entry.references) or None,
            "Layers": names,
        }
        if entry.parent is not None:
            row["Parent"] = entry.parent
        manifest.append(row)
    members["manifest.json"] = json.dumps(manifest, sort_keys=True).encode()
    return layer_tar(members)
