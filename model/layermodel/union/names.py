"""System calls by which names come and go."""

from __future__ import annotations

from z3 import And, Not, Or

from layermodel.language.rules import State, Term
from layermodel.language.writing import MAKES, TAKES, Change, Chosen, Clauses, New, presupposes, refuses, rule
from layermodel.union.copy_up import Upper, new_inode, own_copy
from layermodel.union.lookup import (
    NOTHING,
    blocked,
    found,
    found_directory,
    free,
    is_directory,
    no_way,
    says_blocked,
    says_no_way,
)
from layermodel.union.words import (
    DIRECTORY,
    FIFO,
    FILE,
    SYMLINK,
    Container,
    Data,
    Inode,
    Mode,
    Path,
    populated,
    seen,
)


def _free_name(s: State, container: Term, path: Term, inode: Term) -> Clauses:
    """What is made is new, and its name is not there."""
    yield new_inode(s, inode)
    yield presupposes(path != s.root, "the path is not the root")
    yield from free(s, container, path)


def _made(s: State, container: Term, path: Term, inode: Term, kind: Term, **attributes: Term) -> Change:
    """A new inode of this kind is at the path."""
    upper = Upper(s, container)
    upper.copy_up_way(path)
    upper.make(path, inode, kind, **attributes)
    upper.date(path)
    return upper.edited()


@rule(MAKES, then="the upper has a new empty file there", source="open(2) O_EXCL; measured: union, rows 1 and 10")
def create(s: State, container: Container, path: Path, mode: Mode, inode: New[Inode]) -> Clauses:
    """``open`` with O_CREAT and O_EXCL: a new empty file."""
    yield from _free_name(s, container, path, inode)
    yield _made(s, container, path, inode, FILE, mode=mode)


@rule(MAKES, then="the upper has a new directory there, and nothing beneath shows in it",
      source="mkdir(2); measured: union, rows 11 and 13")
def mkdir(s: State, container: Container, path: Path, mode: Mode, inode: New[Inode]) -> Clauses:
    """``mkdir``; opaque if it is made over a whiteout (measured: union, rows 11 and 13)."""
    yield from _free_name(s, container, path, inode)
    yield _made(s, container, path, inode, DIRECTORY, mode=mode)


@rule(MAKES, then="the upper has a new symlink there", source="symlink(2); measured: union, row 10")
def symlink(s: State, container: Container, path: Path, content: Data, mode: Mode, inode: New[Inode]) -> Clauses:
    """``symlink``, to anywhere but an empty path; its mode is of no account."""
    yield from _free_name(s, container, path, inode)
    yield presupposes(content != s.empty, "the content is not empty")
    yield _made(s, container, path, inode, SYMLINK, mode=mode, content=content)


@rule(MAKES, then="the upper has a new FIFO there", source="mknod(2); measured: union, row 10")
def mkfifo(s: State, container: Container, path: Path, mode: Mode, inode: New[Inode]) -> Clauses:
    """``mknod`` of a FIFO."""
    yield from _free_name(s, container, path, inode)
    yield _made(s, container, path, inode, FIFO, mode=mode)


@rule(MAKES, then="what the path names is in the upper, and the target is another name of it",
      source="link(2); measured: union, row 26")
def link(s: State, container: Container, path: Path, target: Path, inode: Chosen[Inode]) -> Clauses:
    """``link``: the target becomes another name of what the path names, which is copied up first."""
    yield own_copy(s, container, path, inode)
    yield presupposes(target != s.root, "the target is not the root")
    yield refuses("ENOTDIR", Or(blocked(s, container, path),
                                And(seen(s, container, path), blocked(s, container, target))),
                  f"{says_blocked()}; or the container sees something at the path, and {says_blocked('target')}")
    yield refuses("ENOENT", Or(Not(seen(s, container, path)), no_way(s, container, target)),
                  f"{NOTHING}; or {says_no_way('target')}")
    yield refuses("EEXIST", seen(s, container, target), "the container sees something at the target")
    yield is_directory(s, container, path, "EPERM")
    upper = Upper(s, container)
    upper.copy_up(path, inode, path, target)
    upper.date(target)
    yield upper.edited()


@rule(TAKES, then="the name is gone; a whiteout is left if the image has something there",
      source="unlink(2); measured: union, rows 8, 9 and 41")
def unlink(s: State, container: Container, path: Path) -> Clauses:
    """``unlink``."""
    yield from found(s, container, path)
    yield is_directory(s, container, path)
    upper = Upper(s, container)
    upper.copy_up_way(path)
    upper.release(path)
    upper.take(path)
    upper.date(path)
    yield upper.edited()


@rule(TAKES, then="the directory is gone; a whiteout is left if the image has something there",
      source="rmdir(2); measured: union, row 12")
def rmdir(s: State, container: Container, path: Path) -> Clauses:
    """``rmdir``; whiteouts in the directory go with it (measured: union, row 12)."""
    yield refuses("EBUSY", path == s.root, "the path is the root")
    yield from found_directory(s, container, path)
    yield refuses("ENOTEMPTY", populated(s, container, path), "the container sees something under the path")
    upper = Upper(s, container)
    upper.copy_up_way(path)
    upper.release(path)
    upper.take(path)
    upper.empty(path)
    upper.date(path)
    yield upper.edited()
