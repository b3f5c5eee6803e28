"""What is in folders that an engine keeps layers in: the digests of their regular files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from layermodel.formats.content import files_digest

_Fingerprint = tuple[tuple[str, int, int, int, int], ...]


class Folders:
    """Folders of files.

    One is read again only if the fingerprint of its files (path, inode, size, times of modification and
    of change) differs from what it was, so that looking is cheap and a changed file is noticed.
    """

    def __init__(self, passed_over: Sequence[str] = ()) -> None:
        """Know no folder yet.

        Args:
            passed_over: paths of files that do not count where they are empty.
        """
        self._passed_over = passed_over
        self._digests: dict[str, tuple[_Fingerprint, str]] = {}
        self._left: dict[str, tuple[str, ...]] = {}

    def left_in(self, folder: str) -> tuple[str, ...]:
        """Files that are passed over and were in a folder, empty, when it was last read."""
        return self._left.get(folder, ())

    def folder_digest(self, folder: str) -> str:
        """Return the digest of the regular files in a folder, :func:`layermodel.formats.content.files_digest`.

        Without those that are passed over and empty; they are told by :meth:`left_in`.

        Raises:
            FileNotFoundError: if there is no such folder.
        """
        found = list(_regular_files(folder, ""))
        fingerprint = tuple((path, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in found)
        known = self._digests.get(folder)
        if known is not None and known[0] == fingerprint:
            return known[1]
        self._left[folder] = left = tuple(path for path, s in found if path in self._passed_over and not s.st_size)
        result = files_digest({path: _read(f"{folder}/{path}") for path, _ in found if path not in left})
        self._digests[folder] = fingerprint, result
        return result


def _regular_files(folder: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files below a folder; whiteouts are devices, and links are no content."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            state = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(state.st_mode):
                yield prefix + entry.name, state
            elif stat.S_ISDIR(state.st_mode):
                yield from _regular_files(entry.path, f"{prefix}{entry.name}/")


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
