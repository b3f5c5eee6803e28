"""What was computed before, in the user's cache folder: it is never needed, and damaged entries are not there."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

_MOST = 256 << 20
"""Bytes that are kept; the entries that were not used for longest go first."""
_SWEEP = 500
"""How many entries are kept between two looks at how much there is."""
_MARK = b"layerproof cache 1\n"


def folder() -> Path | None:
    """The folder, which is made if need be; None if there can be none that is the user's alone."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "layerproof"
    if not path.is_absolute():
        return None
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.lstat()
    except OSError:
        return None
    # What lies here is run: nobody else may have put it there.
    alone = stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o022
    return path if alone else None


@lru_cache(maxsize=4)
def sources(packages: tuple[str, ...] = ("layermodel", "layerproof")) -> str:
    """A digest of what packages say, by which is known that they have not changed; of all of this project."""
    digest = hashlib.sha256()
    for package in packages:
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.submodule_search_locations is not None
        root = Path(found.submodule_search_locations[0])
        for path in sorted(root.rglob("*.py")):
            data = path.read_bytes()
            digest.update(f"{path.relative_to(root)} {len(data)}\n".encode() + data)
    return digest.hexdigest()


class Cache:
    """Entries of bytes by key. One that is damaged, or cannot be read or written, is as if it were not there."""

    def __init__(self, kind: str, *, used: bool = True) -> None:
        """Entries of one kind; there are none, and none is kept, if it is not to be used."""
        self._kind, self._folder = kind, folder() if used else None
        self._put = 0

    @property
    def there(self) -> bool:
        """Whether anything can be in it."""
        return self._folder is not None

    def get(self, key: bytes) -> bytes | None:
        """What was put for a key, all of which says what it is of."""
        if self._folder is None:
            return None
        path = self._path(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        head = _MARK + hashlib.sha256(data[len(_MARK) + 32:]).digest()
        return data[len(head):] if data.startswith(head) else None

    def put(self, key: bytes, data: bytes) -> None:
        """Keep something, all of it or nothing."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            handle, name = tempfile.mkstemp(dir=self._folder, prefix="new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_MARK + hashlib.sha256(data).digest() + data)
                os.replace(name, self._path(key))
            except OSError:
                os.unlink(name)
                raise
            if self._put % _SWEEP == 0:
                self._sweep()
            self._put += 1

    def _path(self, key: bytes) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._kind}-{hashlib.sha256(key).hexdigest()}"

    def _sweep(self) -> None:
        assert self._folder is not None
        entries = sorted(((e.stat().st_mtime_ns, e.stat().st_size, e.path) for e in os.scandir(self._folder)),
                         reverse=True)
        total = 0
        for _, size, path in entries:
            total += size
            if total > _MOST:
                os.unlink(path)
