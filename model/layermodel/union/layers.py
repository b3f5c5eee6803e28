"""Layers of a union as people write them: what is at which path, with names, bytes and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from layermodel.union.trees import DIRECTORY, FIFO, FILE, SYMLINK


@dataclass(frozen=True, eq=False)
class File:
    """A file of a layer. The same object at two paths of one layer is a file with two names (hard links).

    Attributes:
        content: its bytes.
        mode: its permission bits.
        owner: numbers of user and group.
        mtime: when it was last changed, in nanoseconds since 1970.
        xattrs: its extended attributes, names with their prefix (``user.note``).
        inode: in an upper that was written, its number: an inode of the image that was copied up, or another.
            Looked at only when that upper is mounted again; overlayfs keeps this as ``trusted.overlay.origin``.
    """

    content: bytes = b""
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    mtime: int = 0
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    inode: int | None = None


@dataclass(frozen=True, eq=False)
class Directory:
    """A directory of a layer. The rest as for a file.

    Attributes:
        opaque: nothing of the layers beneath shows in it.
        redirect: where in the layers beneath that is which shows in it, from the root of the mount, if it is not
            what has the directory's own name (overlayfs.rst, redirect_dir: ``trusted.overlay.redirect``).
    """

    opaque: bool = False
    mode: int = 0o755
    owner: tuple[int, int] = (0, 0)
    mtime: int = 0
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    redirect: str | None = None
    inode: int | None = None


@dataclass(frozen=True, eq=False)
class Symlink:
    """A symlink of a layer, and where it points to. The rest as for a file."""

    content: bytes
    mode: int = 0o777
    owner: tuple[int, int] = (0, 0)
    mtime: int = 0
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    inode: int | None = None


@dataclass(frozen=True, eq=False)
class Fifo:
    """A FIFO of a layer. The attributes are as for a file."""

    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    mtime: int = 0
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    inode: int | None = None


class Whiteout(Enum):
    """The type of :data:`WHITEOUT`."""

    WHITEOUT = "whiteout"


WHITEOUT = Whiteout.WHITEOUT
"""Stands at a path of a layer that hides what the layers beneath have there."""

Present = File | Directory | Symlink | Fifo
Layer = Mapping[str, Present | Whiteout]
"""What a layer has, by path from the root of the mount. The root itself is ``""`` and may be left out."""

KINDS: dict[type[Present], int] = {Directory: DIRECTORY, File: FILE, Symlink: SYMLINK, Fifo: FIFO}
"""What the machine calls each."""


@dataclass(frozen=True)
class Attributes:
    """What an inode has; as for a :class:`File`."""

    content: bytes
    mode: int
    owner: tuple[int, int]
    mtime: int
    xattrs: Mapping[str, bytes]


def attributes(one: Present) -> Attributes:
    """What this has; only files and symlinks have a content."""
    content = one.content if isinstance(one, File | Symlink) else b""
    return Attributes(content, one.mode, one.owner, one.mtime, dict(one.xattrs))


def present(kind: int, one: Attributes, *, opaque: bool, redirect: str | None, inode: int) -> Present:
    """What has these attributes, as it stands in a layer."""
    match kind:
        case 0:
            return Directory(opaque, one.mode, one.owner, one.mtime, one.xattrs, redirect, inode)
        case 1:
            return File(one.content, one.mode, one.owner, one.mtime, one.xattrs, inode)
        case 2:
            return Symlink(one.content, one.mode, one.owner, one.mtime, one.xattrs, inode)
    return Fifo(one.mode, one.owner, one.mtime, one.xattrs, inode)


def check(layer: Layer) -> None:
    """Check that a layer is a tree of its own.

    Raises:
        ValueError: if it is not; says where.
    """
    for path, one in layer.items():
        if path:
            _check_path(path)
        if not path and not isinstance(one, Directory):
            raise ValueError("the root of a layer is a directory")
        if "/" in path and not isinstance(layer.get(path.rpartition("/")[0]), Directory):
            raise ValueError(f"the layer has {path!r}, but not the directory that it is in")
        if isinstance(one, Directory) and one.redirect is not None:
            _check_redirect(path, one)
    directories = [id(one) for one in layer.values() if isinstance(one, Directory)]
    if len(set(directories)) != len(directories):
        raise ValueError("directories have no hard links: one object is at two paths")


def _check_path(path: str) -> None:
    if any(name in ("", ".", "..") for name in path.split("/")):
        raise ValueError(f"{path!r} is not a path from the root of the mount")


def _check_redirect(path: str, one: Directory) -> None:
    _check_path(one.redirect or "")
    if one.opaque or not path:
        raise ValueError(f"{path!r} is redirected, which an opaque directory and the root cannot be")
