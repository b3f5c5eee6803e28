"""What judging asks of a union file system: a stack of layers to be mounted, one system call after the other.

Requests and replies are those of :mod:`layerproof.engines.mount.worker`, which is the program that mounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Request = dict[str, Any]


class UnionEngine(Protocol):
    """A union file system under judgement.

    Attributes:
        name, version: for reports.
        dialect: the dialect of the union machine that it is held to.
        capabilities: names of the rules that it can do.
        image: whether it has layers below; a plain folder has none.
        options: the mount options that were given.
    """

    name: str
    version: str
    dialect: str
    capabilities: frozenset[str]
    image: bool
    options: tuple[str, ...]

    def begin(self, layers: Sequence[Request], upper: Request, names: Sequence[str], containers: int) -> Request:
        """Start afresh: containers over a stack of layers, bottom first; return what is seen."""

    def do(self, request: Request) -> Request:
        """Do one operation; return its answer and what is seen afterwards."""

    def close(self) -> None:
        """End it; nothing is left."""


LOOKING = frozenset({"stat", "read", "list", "readlink"})
EVERY = LOOKING | {
    "remount", "open-for-writing", "write", "append", "truncate", "chmod", "chown", "utimes", "setxattr",
    "removexattr", "create", "mkdir", "symlink", "mkfifo", "link", "unlink", "rmdir", "rename-to-itself", "rename",
    "rename-directory"}
"""The rules of the union machine, all of which are system calls."""
