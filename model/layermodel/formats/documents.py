"""Files that somebody else wrote, read without trust: regular ones or pipes, of a limited size, and JSON.

What is wrong is said in one sentence (:class:`Malformed`), and never found by running out of memory or by
waiting for ever.
"""

from __future__ import annotations

import json
import math
import os
import select
import stat
from collections import Counter
from pathlib import Path
from typing import IO, Any

_CHUNK = 1 << 20
_LONGEST_SHOWN = 200
SILENCE = 30.0
"""Seconds that one waits for the next bytes of a pipe."""


class Malformed(ValueError):
    """What was read is not what it should be; one sentence says what is wrong, and where."""


def quoted(text: str) -> str:
    """Return a name that somebody else chose, fit to be shown."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")


def opened(path: Path) -> IO[bytes]:
    """Open a regular file to be read; whatever else is there is not waited for.

    Raises:
        OSError: if it cannot be opened.
        Malformed: if it is no regular file.
    """
    descriptor = _descriptor(path)
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise Malformed(f"it is {_KINDS.get(kind, 'something else')}, not a file")
    return os.fdopen(descriptor, "rb")


def contents(path: Path, limit: int) -> bytes:
    """Read a regular file, or a pipe to its end.

    Args:
        limit: in bytes.

    Raises:
        OSError: if it cannot be opened or read.
        Malformed: if it is neither, is larger than the limit or than memory, or a pipe in which nothing comes.
    """
    descriptor = _descriptor(path)
    try:
        info = os.fstat(descriptor)
        kind = stat.S_IFMT(info.st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFIFO):
            raise Malformed(f"it is {_KINDS.get(kind, 'something else')}, not a file")
        if info.st_size > limit:
            raise Malformed(f"it has {info.st_size:,} bytes, and at most {limit:,} are read")
        parts, left = [], limit
        while chunk := _next(descriptor, kind == stat.S_IFIFO):
            parts.append(chunk)
            left -= len(chunk)
            if left < 0:
                raise Malformed(f"it has more than {limit:,} bytes, and no more are read")
        return b"".join(parts)
    except MemoryError:
        raise Malformed("it is too large for the memory there is") from None
    finally:
        os.close(descriptor)


def _descriptor(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def _next(descriptor: int, pipe: bool) -> bytes:
    """The next bytes; nothing at the end."""
    while pipe:
        # One that was never opened for writing looks like one that has ended, but for this.
        if not select.select([descriptor], [], [], SILENCE)[0]:
            raise Malformed(f"it is a pipe, and nothing came through it within {SILENCE:g} s")
        try:
            return os.read(descriptor, _CHUNK)
        except BlockingIOError:  # another reader was faster
            continue
    return os.read(descriptor, _CHUNK)


_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFIFO: "a pipe",
          stat.S_IFSOCK: "a socket"}


def text_of(data: bytes) -> str:
    """Return what bytes say in UTF-8.

    Raises:
        Malformed: if they are something else.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start
        raise Malformed(f"it is not text in UTF-8: there is a byte {data[at]:#04x} at {at:,}") from None


def parsed(text: str | bytes, what: str) -> Any:
    """Return what JSON says.

    JSON is taken strictly: a key stands once in an object, a number is finite, an integer has 64 bits
    (RFC 8259, sections 4 and 6, leaves what is not so to the reader).

    Args:
        what: what the text is, for the sentence that says what is wrong.

    Raises:
        Malformed: if it is not JSON.
    """
    try:
        return json.loads(text_of(text) if isinstance(text, bytes) else text, object_pairs_hook=_object,
                          parse_int=_integer, parse_float=_float, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error}") from None
    except Malformed as error:
        raise Malformed(f"{what} is not JSON that can be read: {error}") from None
    except RecursionError:
        raise Malformed(f"{what} is not JSON that can be read: it is nested too deep") from None
    except MemoryError:
        raise Malformed(f"{what} is too large for the memory there is") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise Malformed(f"the key {quoted(max(found, key=counts.__getitem__))} is in one object more than once")
    return found


def _integer(digits: str) -> int:
    # Python refuses to convert some thousand digits; so many are no size, no time and no number of anything.
    if len(digits) > _DIGITS or not -(1 << 63) <= int(digits) < 1 << 63:
        raise Malformed(f"an integer of {len(digits.lstrip('-')):,} digits is more than 64 bits hold")
    return int(digits)


_DIGITS = 20


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Malformed(f"the number {quoted(digits)} is too large")
    return value


def _constant(name: str) -> float:
    raise Malformed(f"{name} is no number")
