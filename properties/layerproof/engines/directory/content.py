"""What the directory engine reads and writes: archives, image configs, folders of files."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from layermodel.formats.content import Files, chain_ids, digest, files_digest
from layerproof.errors import UNCLASSIFIED, Refused

_BLOCK = 512  # bytes of a tar block
_NAME_BYTES, _PATH_BYTES = 255, 2048  # Linux allows 255 and 4096, the store's own folder included
WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_MALFORMED = (tarfile.TarError, ValueError, LookupError, OverflowError)  # what tarfile raises on bad bytes


@dataclass(frozen=True)
class Tree:
    """The files and directories of a tar archive, by path relative to its root."""

    files: dict[str, bytes]
    directories: frozenset[str]


@dataclass(frozen=True)
class ArchiveRow:
    """One image of a ``docker save`` archive: config, layer archives by chain ID bottom first, tags, parent."""

    config: bytes
    trees: Mapping[str, bytes]
    tags: tuple[str, ...]
    parent: str | None


def _bad(sentence: str) -> Refused:
    return Refused(UNCLASSIFIED, sentence)


def clean_path(path: str) -> str:
    """Return a path relative to the root in its plain form, ``""`` for the root itself.

    Raises:
        Refused: ``unclassified`` if it is absolute, climbs with ``..``, or can't be a file name.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    try:
        lengths = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError:
        raise _bad(f"{path!r} can't be a file name") from None
    if path.startswith("/") or ".." in parts:
        raise _bad(f"{path!r} leads outside the root")
    if "\0" in path or max(lengths, default=0) > _NAME_BYTES or sum(lengths) + len(parts) > _PATH_BYTES:
        raise _bad(f"{path!r} can't be a file name")
    return "/".join(parts)


def _check_tree(files: Collection[str], directories: Collection[str]) -> None:
    """Refuse a path given twice, or beneath a file, or the root as a file."""
    seen: set[str] = set()
    for path in (*files, *directories):
        if not path:
            raise _bad("the root is not a file")
        if path in seen:
            raise _bad(f"{path!r} stands twice")
        seen.add(path)
    for path in seen:
        parts = path.split("/")
        if any("/".join(parts[:n]) in files for n in range(1, len(parts))):
            raise _bad(f"{path!r} lies beneath a file")


def clean_files(files: Files) -> dict[str, bytes]:
    """Return files by their plain paths.

    Raises:
        Refused: ``unclassified`` if they can't all be files of one folder.
    """
    paths = [clean_path(path) for path in files]
    _check_tree(paths, ())
    return dict(zip(paths, files.values(), strict=True))


def read_tar(data: bytes) -> Tree:
    """Return what an uncompressed tar archive of regular files and directories holds.

    Raises:
        Refused: ``unclassified`` if it is no such archive, or ends too soon, or holds a path twice or one
            that leads outside the root.
    """
    files: dict[str, bytes] = {}
    paths: list[str] = []
    directories: list[str] = []
    end = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar.getmembers():
                path = clean_path(member.name)
                if member.isdir():
                    directories += [path] if path else []
                elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and (file := tar.extractfile(member)):
                    files[path] = file.read()
                    paths.append(path)
                else:
                    raise _bad(f"{path!r} is neither a regular file nor a directory")
                end = member.offset_data + (-(-member.size // _BLOCK) * _BLOCK if member.isfile() else 0)
    except _MALFORMED as error:
        raise _bad(f"not a whole tar archive: {error}") from error
    # tarfile takes an unreadable header for the end, so the two zero blocks that end an archive are checked.
    if data[end : end + 2 * _BLOCK] != bytes(2 * _BLOCK):
        raise _bad("not a whole tar archive: its end is missing")
    _check_tree(paths, directories)
    return Tree(files, frozenset(directories))


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def read_config(data: bytes) -> dict[str, Any]:
    """Return an image config as an object whose fields that the store uses have the right types.

    Raises:
        Refused: ``unclassified`` if it is not an image config.
    """
    try:
        config = json.loads(data)
        settings, history = config.get("config") or {}, config.get("history") or []
        labels, diff_ids = settings.get("Labels") or {}, config["rootfs"]["diff_ids"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _bad(f"not an image config: {error}") from error
    if not (isinstance(labels, dict) and isinstance(history, list) and _strings(diff_ids)):
        raise _bad("not an image config: a field has the wrong type")
    return {**config, "config": {**settings, "Labels": labels}, "history": history}


def _read_row(row: Any, members: Mapping[str, bytes], stored: Collection[str]) -> ArchiveRow:
    """Return one row of an archive's manifest with all of it; what is not stored has its digests checked."""
    try:
        config = members[row["Config"]]
        trees = tuple(members[name] for name in row["Layers"])
        tags, parent = row.get("RepoTags") or [], row.get("Parent") or None
    except (LookupError, TypeError, AttributeError) as error:
        raise _bad(f"the archive's manifest is wrong: {error}") from error
    if not _strings(tags) or not isinstance(parent, str | None):
        raise _bad("the archive's manifest is wrong: a field has the wrong type")
    if any("@" in tag for tag in tags):
        raise Refused("digest-as-target", "a digest reference is among the tags of the archive")
    diff_ids = read_config(config)["rootfs"]["diff_ids"]
    if len(trees) != len(diff_ids):
        raise _bad("the archive's manifest has another number of layers than the image config")
    chain = chain_ids(diff_ids)
    for layer, diff_id, tree in zip(chain, diff_ids, trees, strict=True):
        if layer not in stored and digest(tree) != diff_id:
            raise Refused("damaged-archive", f"a layer of the archive is not {diff_id}, which its config names")
    for tree in set(trees):
        read_tar(tree)
    return ArchiveRow(config, dict(zip(chain, trees, strict=True)), tuple(tags), parent)


def read_archive(data: bytes, stored: Collection[str] = ()) -> list[ArchiveRow]:
    """Return the images of an uncompressed ``docker save`` archive, wholly checked.

    Args:
        stored: the chain IDs of layers that are stored, whose bytes are not looked at again.

    Raises:
        Refused: ``damaged-archive`` if a layer is another than its config says, ``digest-as-target`` if a
            reference is a digest, and ``unclassified`` if anything else in it is wrong.
    """
    members = read_tar(data).files
    try:
        manifest = json.loads(members["manifest.json"])
    except (ValueError, LookupError) as error:
        raise _bad(f"the archive has no readable manifest.json: {error}") from error
    if not isinstance(manifest, list):
        raise _bad("the archive's manifest is wrong: not a list")
    return [_read_row(row, members, stored) for row in manifest]


def repository(reference: str) -> str:
    """Return the repository of a tag or digest reference: ``host:5000/a`` of ``host:5000/a:1``."""
    path = reference.partition("@")[0]
    head, slash, last = path.rpartition("/")
    return head + slash + last.partition(":")[0]


def check_acyclic(parents: Mapping[str, str]) -> None:
    """Refuse parents that lead back to the image they started from."""
    for start in parents:
        current, steps = parents.get(start), 0
        while current is not None and steps <= len(parents):
            if current == start:
                raise _bad("the archive makes an image its own ancestor")
            current, steps = parents.get(current), steps + 1


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the regular files in a folder, by path relative to it."""
    files: dict[str, bytes] = {}
    pending = [""]
    while pending:
        prefix = pending.pop()
        for entry in os.scandir(folder / prefix):
            if entry.is_dir():
                pending.append(f"{prefix}{entry.name}/")
            else:
                files[prefix + entry.name] = Path(entry.path).read_bytes()
    return dict(sorted(files.items()))


@lru_cache(maxsize=1024)
def _digest_of_items(items: tuple[tuple[str, bytes], ...]) -> str:
    """Return :func:`files_digest`; content that was seen before need not be archived again."""
    return files_digest(dict(items))


def digest_of_folder(folder: Path) -> str:
    """Return the digest of the regular files that are in a folder now."""
    return _digest_of_items(tuple(read_files(folder).items()))


def write_files(folder: Path, files: Files, directories: Collection[str] = ()) -> None:
    """Write files and directories into a folder, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for directory in directories:
        (folder / directory).mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def hides(folder: Path, path: str) -> bool:
    """Say whether a layer's folder hides a path in the layers beneath it.

    It does by a whiteout of the path or of a directory above it, by an opaque directory above it, by a file
    where a directory was, or by a directory where a file was (OCI image-spec ``layer.md``, *Whiteouts*).
    """
    parts = path.split("/")
    for n, part in enumerate(parts):
        above = folder.joinpath(*parts[:n])
        if (above / _OPAQUE).exists() or (above / (WHITEOUT + part)).exists():
            return True
        if (above / part).is_file() or (n == len(parts) - 1 and (above / part).is_dir()):
            return True
    return False
