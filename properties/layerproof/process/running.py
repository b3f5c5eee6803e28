"""Whether the process that did something is still there: by what it left written."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path


def identity() -> str:
    """What tells this process from all others, now and later: its machine, boot, namespace, number and start."""
    return ".".join((_machine(), _read("/proc/sys/kernel/random/boot_id")[:8], _namespace(), str(os.getpid()),
                     _start(os.getpid())))


def goes_on(said: str) -> bool | None:
    """Whether a process is still there, by its :func:`identity`; None if that cannot be told from here.

    It cannot be told of a process on another machine, or in a container on this one.
    """
    parts = said.split(".")
    if len(parts) != 5 or parts[0] != _machine() or not parts[3].isdigit():
        return None
    _, boot, namespace, process, start = parts
    if boot != _read("/proc/sys/kernel/random/boot_id")[:8]:
        return False
    if namespace != _namespace():
        return None
    if start:
        return _start(int(process)) == start
    try:
        os.kill(int(process), 0)  # where there is no /proc
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _machine() -> str:
    """The machine, as a digest: what leaves it need not say its name."""
    name = _read("/etc/machine-id") or socket.gethostname()
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _namespace() -> str:
    with suppress(OSError):
        return str(os.stat("/proc/self/ns/pid").st_ino)
    return ""


def _start(process: int) -> str:
    """When a process began, in ticks since the machine did; empty if it is not there."""
    # The name of the program, in parentheses, may have anything in it.
    return next(iter(_read(f"/proc/{process}/stat").rpartition(")")[2].split()[19:20]), "")


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(errors="replace").strip()
    return ""
