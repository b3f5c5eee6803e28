"""Reading tar archives and folders that somebody else made: nothing is extracted, everything has a limit.

What is wrong is said in one sentence (:class:`Malformed`), and never found by running out of memory.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import posixpath
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

from layermodel.formats.digests import ALGORITHMS, USUAL
from layermodel.formats.documents import Malformed, opened, quoted

_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK)
_LONGEST_HEADER = 1 << 20
_LONGEST_GLOBAL, _MOST_GLOBAL = 1 << 16, 1_000
"""Bytes of a header that speaks of all members after it, and what such headers may say: it is kept."""
_MOST_HEADERS = 2 << 20
"""Bytes that are read for what is said of one member: its headers, and where a sparse one has holes."""
_LONGEST_NUMBER = 1_000
"""Digits in a row in an extended header: what reads them takes time by the square of it, before Python 3.11.10."""
_CHUNK = 1 << 20
_GZIP, _ZSTD, _XZ, _BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"BZh"
_COMPRESSED = _GZIP, _ZSTD, _XZ, _BZIP2
_MEMORY = 256 << 20
"""Bytes that unpacking xz may take: what was compressed with ``xz -9`` takes 65 MiB."""
_AHEAD = max(map(len, _COMPRESSED))
_MOST_LINKS = 40


@dataclass(frozen=True)
class Limits:
    """What is read at most.

    Attributes:
        layers: different ones in an archive, those of an image, and images, as often as something names them.
        members: of one archive, and of one layer.
        document: bytes of a manifest, an index or a config. Registries take manifests of 4 MiB
            (OCI distribution-spec, pushing manifests).
        documents: bytes of all those, as often as something names them.
        bytes: that are read of all layers of an archive, as they are stored; so many again that they unpack to,
            and that a compressed archive itself does.
    """

    layers: int = 1_000
    members: int = 1_000_000
    document: int = 8 << 20
    documents: int = 64 << 20
    bytes: int = 64 << 30


class Budget:
    """Bytes that may be read in all, from however many streams."""

    def __init__(self, most: int, what: str) -> None:
        """Name what the streams are together."""
        self._most, self._what, self._left = most, what, most

    def spend(self, count: int) -> None:
        """Count what was read.

        Raises:
            Malformed: if it is more than there was.
        """
        self._left -= count
        if self._left < 0:
            raise Malformed(f"{self._what} is more than {self._most:,} bytes, and no more are read")


class Reader:
    """A stream that is hashed and counted as it is read."""

    def __init__(self, stream: Any, budget: Budget, algorithm: str = USUAL) -> None:
        """Read a stream within a budget, and hash it by an algorithm that there is."""
        self._stream, self._budget, self._algorithm = stream, budget, algorithm
        self._hash = ALGORITHMS[algorithm]()
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data: bytes = self._stream.read(size)
        self._hash.update(data)
        self.count += len(data)
        self._budget.spend(len(data))
        return data

    def drain(self) -> None:
        """Read what is left."""
        while self.read(_CHUNK):
            pass

    @property
    def digest(self) -> str:
        """The digest of what was read."""
        return f"{self._algorithm}:{self._hash.hexdigest()}"


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn whatever a damaged archive makes the standard library raise into one sentence."""
    try:
        yield
    except Malformed:
        raise
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError, ArithmeticError,
            LookupError, RecursionError, lzma.LZMAError) as error:
        raise Malformed(f"{where} is damaged: {_said(error)}") from None


def _said(error: Exception) -> str:
    """An error's own words, fit to be shown."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return "".join(c if c.isprintable() else " " for c in words or type(error).__name__)


class _Strict(tarfile.TarInfo):
    """A header that must be right: tarfile takes a broken one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Strict:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if not any(buf):  # the block of zeros at the end, or the end of the file
                raise
            raise ValueError("a header is broken") from None
        most = _LONGEST_GLOBAL if info.type == tarfile.XGLTYPE else _LONGEST_HEADER
        if info.size < 0 or (info.type in _HEADERS and info.size > most):
            raise ValueError(f"a header speaks of {info.size:,} bytes")
        return info


class _Headers:
    """What tarfile sees of a stream: headers; it reads them one after another for as long as they go on."""

    def __init__(self, stream: Any, skip: Callable[[int], object] | None) -> None:
        """Begin with the first member; how to go to a place, if not by reading on to it."""
        self._stream, self._skip = stream, skip
        self._at, self._left = 0, _MOST_HEADERS

    def begin(self) -> None:
        """Go on to the next member."""
        self._left = _MOST_HEADERS

    def read(self, size: int) -> bytes:
        """Read a header, or a part of one; less only at the end."""
        self._left -= size
        if self._left < 0:
            raise ValueError(f"the headers of one member are more than {_MOST_HEADERS:,} bytes")
        data = b"".join(self._parts(size))
        longest = max(map(len, _DIGITS.findall(data)), default=0) if size > tarfile.BLOCKSIZE else 0
        if longest > _LONGEST_NUMBER:
            raise ValueError(f"a header has a number of {longest:,} digits")
        return data

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def seek(self, place: int) -> None:
        """Go on to a place, over what is no header."""
        if place < self._at:
            raise ValueError("a header speaks of a negative size")
        if self._skip is not None:
            self._skip(place)
            self._at = place
        for _ in self._parts(place - self._at):
            pass

    def _parts(self, size: int) -> Iterator[bytes]:
        end = self._at + size
        while self._at < end and (part := self._stream.read(min(end - self._at, _CHUNK))):
            self._at += len(part)
            yield part


_DIGITS = re.compile(rb"\d+")


def members(
    stream: Any, where: str, limits: Limits, skip: Callable[[int], object] | None = None,
) -> Iterator[tarfile.TarInfo]:
    """Yield the members of a tar archive, without their extended headers.

    Args:
        skip: how to go on to a place in the stream, which else is read up to there.

    Raises:
        Malformed: if it is not a tar archive, ends too early, or has too many members.
    """
    with explained(where):
        headers = _Headers(stream, skip)
        tar = cast(Any, tarfile.open)(fileobj=headers, mode="r:", tarinfo=_Strict)
        last, count = -1, 0
        while (info := tar.next()) is not None:
            if tar.offset <= last or info.size < 0:  # the first would send it round for ever
                raise ValueError("a header speaks of a negative size")
            last, count = tar.offset, count + 1
            if count > limits.members:
                raise Malformed(f"{where} has more than {limits.members:,} members")
            if len(tar.pax_headers) > _MOST_GLOBAL:
                raise Malformed(f"{where} says more than {_MOST_GLOBAL:,} things of all its members")
            del tar.members[:]  # else it keeps them all
            info.pax_headers = {}
            if info.sparse is not None:
                info.sparse = []
            headers.begin()
            yield info


def inside(name: str, where: str) -> str:
    """Return the plain form of a path within an archive: ``a/b``, or ``.`` for its root.

    Raises:
        Malformed: if the path leads out of it.
    """
    plain = posixpath.normpath(name.lstrip("/") or ".")
    if plain == ".." or plain.startswith("../"):
        raise Malformed(f"{where} has the path {quoted(name)}, which leads out of it")
    return plain


def unpacked(stream: Any, where: str) -> Any:
    """Return the stream, decompressed if it begins like gzip, zstd, xz or bzip2.

    Raises:
        Malformed: if it is zstd, and what reads that is not there.
    """
    with explained(where):
        ahead = Ahead(stream)
        if ahead.begins(_GZIP):
            return gzip.GzipFile(fileobj=cast(IO[bytes], ahead))
        if ahead.begins(_ZSTD):
            return _zstd(ahead, where)
        if ahead.begins(_XZ):
            return _Unpacking(ahead, lambda: lzma.LZMADecompressor(memlimit=_MEMORY))
        if ahead.begins(_BZIP2):
            return _Unpacking(ahead, bz2.BZ2Decompressor)
        return ahead


def _zstd(stream: object, where: str) -> Any:
    for name in ("compression.zstd", "backports.zstd"):  # in the standard library since Python 3.14
        try:
            return _Zstd(importlib.import_module(name), stream)
        except ImportError:
            continue
    raise Malformed(f"{where} is compressed with zstd, which needs Python 3.14 or the package backports.zstd")


class _Zstd:
    """What is unpacked of a stream of zstd; its error is of a kind that only that module knows."""

    def __init__(self, module: Any, stream: object) -> None:
        self._file, self._error = module.ZstdFile(stream), module.ZstdError

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._file.read(size))
        except self._error as error:
            raise ValueError(str(error)) from None


class _Unpacking:
    """What is unpacked of a stream, never more at once than is asked for; several streams in a row are one."""

    def __init__(self, stream: Any, decompressor: Callable[[], Any]) -> None:
        self._stream, self._new = stream, decompressor
        self._now = decompressor()

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        while size:
            if self._now.eof:
                rest = self._now.unused_data or self._stream.read(_CHUNK)
                while rest and not rest.strip(b"\0"):  # streams of xz may be padded with zeros
                    rest = self._stream.read(_CHUNK)
                if not (rest := rest.lstrip(b"\0")):
                    return b""
                self._now = self._new()
            else:
                rest = self._stream.read(_CHUNK) if self._now.needs_input else b""
                if self._now.needs_input and not rest:
                    raise EOFError("it ends too early")
            if data := self._now.decompress(rest, size):
                return bytes(data)
        return b""


class Ahead:
    """A stream whose first bytes can be looked at before it is read."""

    def __init__(self, stream: Any) -> None:
        """Read the first bytes."""
        self._stream = stream
        self._first: bytes = stream.read(_AHEAD)

    @property
    def empty(self) -> bool:
        """Whether nothing is left to be read; to be asked before anything is."""
        return not self._first

    def begins(self, magic: bytes) -> bool:
        """Whether it begins so."""
        return self._first.startswith(magic)

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        if not self._first:
            return bytes(self._stream.read(size))
        first, self._first = (self._first, b"") if size < 0 else (self._first[:size], self._first[size:])
        return first + bytes(self._stream.read(size if size < 0 else size - len(first)))


# Where the files of a layout are.


class Readable(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Read on; nothing at the end."""


class Source(Protocol):
    """The files of an archive, or of a folder that is laid out like one."""

    def open(self, name: str) -> AbstractContextManager[Readable | None]:
        """Open a regular file by its path; None if there is no such file."""

    def close(self) -> None:
        """Let go of it."""


class Folder:
    """The files in a folder."""

    def __init__(self, path: Path) -> None:
        """Look into a folder."""
        self._path = path.resolve()

    @contextmanager
    def open(self, name: str) -> Iterator[Readable | None]:
        """Open a file; a link that leads out of the folder is refused."""
        with explained(f"the file {quoted(name)}"):
            path = (self._path / inside(name, "the folder")).resolve()
            if not path.is_relative_to(self._path):
                raise Malformed(f"the file {quoted(name)} is a link that leads out of the folder")
            stream = opened(path) if path.is_file() else None
        if stream is None:
            yield None
        else:
            with stream:
                yield stream

    def close(self) -> None:
        """There is nothing to let go of."""


class Tar:
    """The regular files of a tar archive, by their paths; the last of one path counts, as when extracting."""

    def __init__(self, path: Path, limits: Limits) -> None:
        """Read the headers of a tar archive, which may be compressed."""
        self._file: IO[bytes] = opened(path)
        self._members: dict[str, tarfile.TarInfo] = {}
        try:
            self._file = _plain(self._file, limits)
            for info in members(self._file, "the archive", limits, self._file.seek):
                self._members[inside(info.name, "the archive")] = info
        except BaseException:
            self._file.close()
            raise

    @contextmanager
    def open(self, name: str) -> Iterator[Readable | None]:
        """Open a file; links between members are followed."""
        yield self._slice(name)

    def _slice(self, name: str) -> Readable | None:
        where = inside(name, "the archive")
        for _ in range(_MOST_LINKS):
            info = self._members.get(where)
            if info is None or info.isdir():
                return None
            if not (info.issym() or info.islnk()):
                break
            folder = posixpath.dirname(where) if info.issym() else ""
            where = inside(posixpath.join(folder, info.linkname), "the archive")
        else:
            raise Malformed(f"the member {quoted(name)} is a link that leads nowhere")
        if not info.isreg() or info.issparse():
            raise Malformed(f"the member {quoted(name)} is not a plain file")
        return _Slice(self._file, info.offset_data, info.size, f"the member {quoted(name)}")

    def close(self) -> None:
        """Close the archive."""
        self._file.close()


class _Slice:
    """A part of a file."""

    def __init__(self, file: IO[bytes], start: int, size: int, where: str) -> None:
        self._file, self._at, self._left, self._where = file, start, size, where

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        self._file.seek(self._at)
        found = self._file.read(wanted)
        if len(found) < wanted:
            raise Malformed(f"{self._where} ends too early")
        self._at += wanted
        self._left -= wanted
        return found


def _plain(file: IO[bytes], limits: Limits) -> IO[bytes]:
    """The file itself, or if it is compressed a temporary file of what it holds."""
    first = file.read(_AHEAD)
    file.seek(0)
    if not first.startswith(_COMPRESSED):
        return file
    result = tempfile.TemporaryFile()  # noqa: SIM115 - whoever has it closes it
    try:
        with file, explained("the archive"):
            stream = Reader(unpacked(file, "the archive"), Budget(limits.bytes, "the archive, unpacked,"))
            while chunk := stream.read(_CHUNK):
                result.write(chunk)
        result.seek(0)
    except BaseException:
        result.close()
        raise
    return result


def open_source(path: Path, limits: Limits) -> Source:
    """Open a tar archive or a folder.

    Raises:
        Malformed: if it cannot be read, or is neither.
    """
    with explained("the archive"):
        return Folder(path) if path.is_dir() else Tar(path, limits)


def looks_like_one(path: Path) -> bool:
    """Whether a path is that of a folder or of a file that begins like a tar archive, compressed or not.

    Raises:
        OSError: if it cannot be read.
    """
    if path.is_dir():
        return True
    if not path.is_file():  # a pipe: what is read of it is gone
        path.stat()
        return False
    with opened(path) as file:
        return begins_like_one(file.read(512))


def begins_like_one(first: bytes) -> bool:
    """Whether the first 512 bytes of a file are those of a tar archive, compressed or not."""
    return first.startswith(_COMPRESSED) or first[257:262] == b"ustar"
