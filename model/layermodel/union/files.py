"""System calls that look at what a path names, or change it where it is."""

from __future__ import annotations

from collections.abc import Callable

from z3 import And, If, Implies

from layermodel.language.rules import Presupposition, State, Term
from layermodel.language.writing import (
    CHANGES,
    LOOKS,
    Change,
    Chosen,
    Clauses,
    presupposes,
    refuses,
    rule,
)
from layermodel.union.copy_up import Upper, own_copy
from layermodel.union.lookup import (
    found,
    found_directory,
    found_followed,
    is_directory,
    is_symlink,
    writable,
)
from layermodel.union.words import (
    FIFO,
    SYMLINK,
    Container,
    Data,
    Inode,
    Key,
    Mode,
    Owner,
    Path,
    Time,
    Value,
    attribute,
    inode,
    kind_at,
    seen,
)

_COPY = "it is in the upper, with the directories on the way to it, "


# Operations that look.


@rule(LOOKS, then="nothing changes", source="lstat(2)")
def stat(s: State, container: Container, path: Path) -> Clauses:
    """``lstat``."""
    yield from found(s, container, path)


@rule(LOOKS, then="nothing changes", source="open(2), read(2)")
def read(s: State, container: Container, path: Path) -> Clauses:
    """``open`` for reading without following a symlink, and ``read``."""
    yield presupposes(Implies(seen(s, container, path), kind_at(s, container, path) != FIFO),
                      "the container sees no FIFO at the path")
    yield from found(s, container, path)
    yield is_directory(s, container, path)
    yield is_symlink(s, container, path)


@rule(LOOKS, then="nothing changes", source="getdents(2); measured: union, row 14")
def list_(s: State, container: Container, path: Path) -> Clauses:
    """``getdents``: the names in a directory."""
    yield presupposes(Implies(seen(s, container, path), kind_at(s, container, path) != SYMLINK),
                      "the container sees no symlink at the path")
    yield from found_directory(s, container, path)


@rule(LOOKS, then="nothing changes", source="readlink(2)")
def readlink(s: State, container: Container, path: Path) -> Clauses:
    """``readlink``."""
    yield from found(s, container, path)
    yield refuses("EINVAL", kind_at(s, container, path) != SYMLINK,
                  "the container sees something else than a symlink at the path")


@rule(LOOKS, then="nothing changes", source="overlayfs.rst; measured: union, row 35")
def remount(s: State, container: Container) -> Clauses:
    """Unmount the union and mount it again with the same layers."""
    yield Upper(s, container).edited()


# Operations that change what is there.


def _changed(s: State, container: Term, path: Term, inode_: Term, **attributes: Callable[..., Term]) -> Change:
    """What is at the path is copied up, and some of its attributes are these."""
    upper = Upper(s, container)
    upper.copy_up(path, inode_, path)
    for name, value in attributes.items():
        upper.set_attribute(inode_, name, value)
    return upper.edited()


def _now_holds(s: State, container: Term, path: Term, inode_: Term, content: Term) -> Change:
    """The file at the path has this content, and is dated now."""
    return _changed(s, container, path, inode_, content=lambda *_: content, mtime=lambda *_: s.now)


@rule(CHANGES, then=_COPY + "as it was", source="overlayfs.rst, Non-directories; measured: union, row 2")
def open_for_writing(s: State, container: Container, path: Path, inode: Chosen[Inode]) -> Clauses:
    """``open`` for writing, and nothing written: what is opened for writing is copied up."""
    yield own_copy(s, container, path, inode)
    yield from writable(s, container, path)
    yield _changed(s, container, path, inode)


@rule(CHANGES, then=_COPY + "and holds the content", source="write(2); measured: union, row 3")
def write(s: State, container: Container, path: Path, content: Data, inode: Chosen[Inode]) -> Clauses:
    """``open`` with O_TRUNC, and ``write``: afterwards the file holds this content."""
    yield own_copy(s, container, path, inode)
    yield from writable(s, container, path)
    yield _now_holds(s, container, path, inode, content)


def _if_there(s: State, container: Term, path: Term, holds: Term, says: str) -> Presupposition:
    return presupposes(Implies(seen(s, container, path), holds),
                       f"if the container sees something at the path: {says}")


def _content(s: State, container: Term, path: Term) -> Term:
    return attribute(s, "content")(container, inode(s, container, path))


@rule(CHANGES, then=_COPY + "and holds the longer content", source="write(2); measured: union, row 6")
def append(s: State, container: Container, path: Path, content: Data, inode: Chosen[Inode]) -> Clauses:
    """``open`` with O_APPEND, and ``write``: the file holds more than before."""
    old = _content(s, container, path)
    yield _if_there(s, container, path, And(s.starts(old, content), old != content),
                    "the content is that of the path's file and more")
    yield own_copy(s, container, path, inode)
    yield from writable(s, container, path)
    yield _now_holds(s, container, path, inode, content)


@rule(CHANGES, then=_COPY + "and holds the beginning", source="ftruncate(2); measured: union, row 6")
def truncate(s: State, container: Container, path: Path, content: Data, inode: Chosen[Inode]) -> Clauses:
    """``ftruncate``: the file holds a beginning of what it held."""
    yield _if_there(s, container, path, s.starts(content, _content(s, container, path)),
                    "the content is a beginning of that of the path's file")
    yield own_copy(s, container, path, inode)
    yield from writable(s, container, path)
    yield _now_holds(s, container, path, inode, content)


@rule(CHANGES, then=_COPY + "and has the mode", source="chmod(2); measured: union, row 5")
def chmod(s: State, container: Container, path: Path, mode: Mode, inode: Chosen[Inode]) -> Clauses:
    """``chmod``; a mode that is the same is copied up, too (measured: union, row 5)."""
    yield own_copy(s, container, path, inode)
    yield from found_followed(s, container, path)
    yield _changed(s, container, path, inode, mode=lambda *_: mode)


@rule(CHANGES, then=_COPY + "and has the owner", source="lchown(2); measured: union, rows 4 and 27")
def chown(s: State, container: Container, path: Path, owner: Owner, inode: Chosen[Inode]) -> Clauses:
    """``lchown``."""
    yield own_copy(s, container, path, inode)
    yield from found(s, container, path)
    yield _changed(s, container, path, inode, owner=lambda *_: owner)


@rule(CHANGES, then=_COPY + "and has the time", source="utimensat(2); measured: union, rows 4 and 27")
def utimes(s: State, container: Container, path: Path, time: Time, inode: Chosen[Inode]) -> Clauses:
    """``utimensat``, without following a symlink."""
    yield presupposes(time != s.now, "the time is not that of the operation")
    yield own_copy(s, container, path, inode)
    yield from found(s, container, path)
    yield _changed(s, container, path, inode, mtime=lambda *_: time)


def _attribute(s: State, container: Term, path: Term, key: Term) -> Term:
    return attribute(s, "xattr")(container, inode(s, container, path), key)


def _attribute_set(s: State, container: Term, path: Term, key: Term, value: Term, inode_: Term) -> Change:
    """What is at the path has the value under the key, and what it had under others."""
    return _changed(s, container, path, inode_, xattr=lambda d, i, y: If(
        y == key, value, _attribute(s, container, path, y)))


@rule(CHANGES, then=_COPY + "and has the attribute", source="lsetxattr(2); measured: union, row 4")
def setxattr(s: State, container: Container, path: Path, key: Key, value: Value, inode: Chosen[Inode]) -> Clauses:
    """``lsetxattr``."""
    yield own_copy(s, container, path, inode)
    yield presupposes(value != s.unset, "the value is one")
    yield from found(s, container, path)
    yield _attribute_set(s, container, path, key, value, inode)


@rule(CHANGES, then=_COPY + "and has no such attribute", source="lremovexattr(2)")
def removexattr(s: State, container: Container, path: Path, key: Key, inode: Chosen[Inode]) -> Clauses:
    """``lremovexattr``."""
    absent = _attribute(s, container, path, key) == s.unset
    yield own_copy(s, container, path, inode)
    yield from found(s, container, path)
    yield refuses("ENODATA", absent, "what the container sees at the path has no value under the key")
    yield _attribute_set(s, container, path, key, s.unset, inode)
