"""An exploration that ended before its end, in a file, so that another run can go on from there.

The file is a line that says what it is, a line of JSON (what is explored, and what came of the searches that were
done), the arrays of the search that was not done, and a digest of all that. Numbers are as the machine has them.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import z3

from layerproof.errors import WrongRequest
from layerproof.process.cache import sources
from layerproof.readings.exploration import Exploration, Wish

_MARK = b"layerproof unfinished exploration 1\n"
_CHUNK = 1 << 20
_DIGEST = hashlib.blake2b().digest_size
_COUNTED = "states", "steps", "universes", "depth", "stuck", "stand_for", "memory", "largest"


@dataclass
class Unfinished:
    """What there is of an exploration.

    Attributes:
        search: numbers of the search that was not done, by name.
        blobs: its arrays, each from an address on, so many bytes; or what was read of them.
        result: what the searches before it came to.
    """

    search: dict[str, Any]
    result: dict[str, Any]
    blobs: dict[str, tuple[int, int]] = field(default_factory=dict)
    read: dict[str, bytearray] = field(default_factory=dict)


def about(wish: Wish, dialects: Mapping[str, Any], universes: int) -> dict[str, Any]:
    """What is explored: only the very same is gone on with."""
    return {"sources": sources(), "z3": z3.get_version_string(), "byte order": sys.byteorder,
            "machine": wish.subject.name, "sizes": dict(wish.sizes), "algebra": wish.algebra,
            "rules": [r.name for r in wish.asked], "symmetry": wish.symmetry,
            "dialects": {name: dict(values) for name, values in dialects.items()}, "universes": universes}


def counted(result: Exploration) -> dict[str, Any]:
    """What searches came to, as JSON has it."""
    return {name: getattr(result, name) for name in _COUNTED} | {
        "fired": list(result.fired.items()), "premises": list(result.premises.items()),
        "refused": [[rule, refusal, n] for (rule, refusal), n in result.refused.items()]}


def restore(result: Exploration, data: Mapping[str, Any]) -> None:
    """Let an exploration have come to what others did."""
    for name in _COUNTED:
        setattr(result, name, data[name])
    result.fired, result.premises = Counter(dict(data["fired"])), Counter(dict(data["premises"]))
    result.refused = Counter({(rule, refusal): n for rule, refusal, n in data["refused"]})


def write(path: Path, of: Mapping[str, Any], kept: Unfinished) -> None:
    """Write a file, or leave the one that is there as it is.

    Raises:
        WrongRequest: if it cannot be written.
    """
    head = {"of": of, "search": kept.search, "result": kept.result,
            "blobs": {name: size for name, (_, size) in kept.blobs.items()}}
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                digest = hashlib.blake2b()
                for part in (_MARK, json.dumps(head).encode() + b"\n", *_parts(kept)):
                    digest.update(part)
                    file.write(part)
                file.write(digest.digest())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WrongRequest(f"{path} cannot be written: {error.strerror}") from error


def _parts(kept: Unfinished) -> Iterator[bytes]:
    for address, size in kept.blobs.values():
        for start in range(0, size, _CHUNK):
            yield ctypes.string_at(address + start, min(_CHUNK, size - start))


def read(path: Path, of: Mapping[str, Any]) -> Unfinished | None:
    """Read a file; None if there is none.

    Raises:
        WrongRequest: if it is no such file, is damaged, or is of another exploration.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path, of)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WrongRequest(f"{path} cannot be read: {error.strerror}") from error


def _read(file: BinaryIO, path: Path, of: Mapping[str, Any]) -> Unfinished:
    if file.read(len(_MARK)) != _MARK:
        raise WrongRequest(f"{path} is no unfinished exploration")
    line, digest = file.readline(), hashlib.blake2b(_MARK)
    digest.update(line)
    try:
        head = json.loads(line)
        blobs = {name: _blob(file, size, digest) for name, size in head["blobs"].items()}
    except (ValueError, KeyError, MemoryError, OverflowError, AttributeError, TypeError) as error:
        raise WrongRequest(f"{path} is damaged") from error
    if file.read(_DIGEST + 1) != digest.digest():
        raise WrongRequest(f"{path} is damaged")
    given = json.loads(json.dumps(of))
    for what in given:
        if head["of"].get(what) != given[what]:
            raise WrongRequest(f"{path} is of another exploration: {_differs(what)}")
    return Unfinished(head["search"], head["result"], read=blobs)


def _blob(file: BinaryIO, size: int, digest: Any) -> bytearray:
    data = bytearray()
    while len(data) < size:
        part = file.read(min(_CHUNK, size - len(data)))
        if not part:
            raise ValueError
        digest.update(part)
        data += part
    return data


def _differs(what: str) -> str:
    if what in ("sources", "z3", "byte order"):
        return f"it was written by another version ({what})"
    return f"its {what} are not those of this one" if what.endswith("s") else f"its {what} is not that of this one"
