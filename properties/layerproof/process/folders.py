"""Temporary folders that outlive no run: what a killed one left is removed by the next of the same user.

Beside each folder lies a file of its name with ``.lock`` at the end. Whoever uses the folder holds a lock on
the file (flock(2)), which the kernel lets go of when the last process that has it open is gone, however that
came about. What nobody holds a lock on is left behind. The file is there, locked and written, before the
folder is made, and is removed after it, so that no moment leaves a folder that nobody will ever remove.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import sys
import tempfile
from pathlib import Path

_PREFIX = "layerproof-"
_LOCK = ".lock"
_SAYS = re.compile(rb"layerproof: process [0-9]+ has the folder beside this file\n")
"""What a lock file says; no other file is touched, whatever its name."""


class Temporary:
    """A temporary folder, empty at first, which nobody but its user may enter.

    Attributes:
        path: the folder.
        lock: the file beside it.
        descriptor: by which that is open. A process that inherits it holds the folder, too.
    """

    def __init__(self, kind: str = "") -> None:
        """Make the folder where temporary files go; the first one of a process also clears what was left there.

        Args:
            kind: stands in the folder's name.

        Raises:
            OSError: if it cannot be made.
        """
        _clear_once()
        self.path, self.descriptor = _made(f"{_PREFIX}{kind}-" if kind else _PREFIX)
        self.lock = _lock_of(self.path)
        self._owner = os.getpid()

    def remove(self) -> None:
        """Remove the folder; may be called again, and does nothing in a forked process, which does not own it."""
        if self.descriptor < 0 or os.getpid() != self._owner:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        if not self.path.exists():
            self.lock.unlink(missing_ok=True)
        os.close(self.descriptor)
        self.descriptor = -1


def _said(process: int) -> bytes:
    return f"layerproof: process {process} has the folder beside this file\n".encode()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _made(prefix: str) -> tuple[Path, int]:
    """Make a lock file, lock it, and make the folder beside it."""
    while True:
        descriptor, name = tempfile.mkstemp(_LOCK, prefix)
        folder = Path(name.removesuffix(_LOCK))
        try:
            # Until it is locked, somebody who clears may take it for one that was left.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, name):
                os.write(descriptor, _said(os.getpid()))
                folder.mkdir(0o700)
                return folder, descriptor
        except FileExistsError:  # somebody else's folder of that name
            os.unlink(name)
        except BaseException:
            os.unlink(name)
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(descriptor: int, name: str) -> bool:
    """Whether an open file is what the name stands for."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(name))
    except FileNotFoundError:
        return False


_cleared = False


def _clear_once() -> None:
    global _cleared
    if not _cleared:
        _cleared = True
        if left := clear():
            names = ", ".join(str(folder) for folder in left)
            with contextlib.suppress(OSError):
                print(f"layerproof: removed what a run that was killed had left: {names}", file=sys.stderr)


def clear() -> list[Path]:
    """Remove the folders that runs of this user left behind; return those that are gone."""
    gone = []
    for lock in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_LOCK}")):
        with contextlib.suppress(OSError):  # another run may be clearing, too
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if _cleared_one(descriptor, lock):
                    gone.append(lock.with_suffix(""))
            finally:
                os.close(descriptor)
    return gone


def _cleared_one(descriptor: int, lock: Path) -> bool:
    """Remove the folder of a lock file, if nobody holds it; return whether there was one."""
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
        return False
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    words = os.read(descriptor, 200)
    if not _is_at(descriptor, str(lock)) or not (words == b"" or _SAYS.fullmatch(words)):
        return False
    folder = lock.with_suffix("")
    mine = bool(words) and folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
    if mine:
        shutil.rmtree(folder)
    lock.unlink()
    return mine
