"""The archives that adapters send: files for a container, a build context, renamed references.

Also the program that containers run: a static busybox of this machine, or else a tiny one made here.
"""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable
from typing import Any

from layermodel.formats.content import Files, digest

AUTO = "auto"
"""Look for a static busybox on this machine."""


def is_static_elf(path: str) -> bool:
    """Tell whether a file is a 64-bit ELF program without an interpreter, which runs in an empty image."""
    with open(path, "rb") as stream:
        header = stream.read(64)
        if len(header) < 64 or header[:5] != b"\x7fELF\x02":
            return False
        offset, size, count = (
            struct.unpack_from(form, header, at)[0] for form, at in (("<Q", 32), ("<H", 54), ("<H", 56))
        )
        stream.seek(offset)
        table = stream.read(size * count)
    types = [struct.unpack_from("<I", table, n * size)[0] for n in range(count)]
    return bool(types) and 3 not in types  # PT_INTERP


def tiny_program() -> bytes:
    """Return a static program that sleeps until it is killed.

    Raises:
        ValueError: on a processor other than x86-64 and AArch64.
    """
    machines = {
        # mov eax, 34 (pause); syscall; jmp back
        "x86_64": (62, bytes.fromhex("b8220000000f05ebf7")),
        # mov x0..x3, 0; mov x8, 73 (ppoll); svc 0; b back
        "aarch64": (
            183,
            struct.pack("<7I", *(0xD2800000 | n for n in range(4)), 0xD2800928, 0xD4000001, 0x17FFFFFA),
        ),
    }
    if platform.machine() not in machines:
        raise ValueError(f"no program is known for the processor {platform.machine()}")
    machine, code = machines[platform.machine()]
    base, start = 0x400000, 120
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    length = start + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, length, length, 0x1000)
    return ident + header + segment + code


def find_program(busybox: str | None) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files that an image needs to be startable, and the command that sleeps.

    Args:
        busybox: a path, ``AUTO``, or None for the tiny program.
    """
    path = shutil.which("busybox") if busybox == AUTO else busybox
    if path is not None and os.path.isfile(path) and is_static_elf(path):
        with open(path, "rb") as stream:
            return {"busybox": stream.read()}, ("/busybox", "sleep", "1000000")
    return {"init": tiny_program()}, ("/init",)


def written_tar(files: Files, padded: bool = True) -> bytes:
    """Return an archive of files to be written into a container; parent directories are left to the engine.

    The time of a file is a function of its content: Docker's comparison of layers takes files of equal size
    and time for equal, so different content needs another time, and equal content deserves the same layer.

    Args:
        padded: fill it up to whole records, as tar does, after the two blocks that mark its end.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, data in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.mode, info.size = 0o755, len(data)
            info.mtime = 1_000_000_000 + zlib.crc32(data) % 100_000_000
            tar.addfile(info, io.BytesIO(data))
        end = buffer.tell() + 2 * tarfile.BLOCKSIZE
    return buffer.getvalue() if padded else buffer.getvalue()[:end]


def unpack(archive: bytes, folder: str) -> None:
    """Unpack an archive of files; those of the same path are replaced, and not written into, as they may run."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            target = f"{folder}/{info.name}"
            if os.path.lexists(target):
                os.unlink(target)
            tar.extract(info, folder, filter="fully_trusted")


def build_context(base: str, files: Files) -> bytes:
    """Return the context of a build that adds one layer of some files to an image."""
    recipe = f"FROM {base}\nCOPY layer/ /\n".encode()
    return written_tar({"Dockerfile": recipe, **{f"layer/{path}": data for path, data in files.items()}})


def image_ids_in(archive: bytes) -> list[str]:
    """Return the image IDs that loading a ``docker save`` archive makes: the digests of its configs."""
    members = _members(archive)
    return [digest(members[row["Config"]]) for row in _manifest(members)]


def with_references(archive: bytes, rename: Callable[[str], str]) -> bytes:
    """Return a ``docker save`` archive with other references on its images."""
    members = _members(archive)
    rows = _manifest(members)
    for row in rows:
        row["RepoTags"] = [rename(tag) for tag in row.get("RepoTags") or ()] or None
    members["manifest.json"] = json.dumps(rows, sort_keys=True).encode()
    return written_tar(members)


def _members(archive: bytes) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            stream = tar.extractfile(info) if info.isreg() else None
            if stream is not None:
                members[info.name] = stream.read()
    return members


def _manifest(members: dict[str, bytes]) -> list[dict[str, Any]]:
    return list(json.loads(members["manifest.json"]))
