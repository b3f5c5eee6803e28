"""``rename``, as three rules: to the same file, of a directory, and of anything else.

The refusals are in the order of the kernel's do_renameat2, vfs_rename and ovl_rename.
"""

from __future__ import annotations

from z3 import And, Implies, Not, Or

from layermodel.language.rules import Presupposition, Refusal, State, Term, forall
from layermodel.language.writing import CHANGES, LOOKS, Chosen, Clauses, presupposes, refuses, rule
from layermodel.union.copy_up import Upper, has_part, own_copy
from layermodel.union.lookup import NOTHING, blocked, no_way, says_blocked, says_no_way
from layermodel.union.words import (
    DIRECTORY,
    INDEX,
    PATH,
    REDIRECT_DIR,
    Container,
    Inode,
    Path,
    above,
    breaks,
    directory_at,
    inode,
    kind_at,
    populated,
    seen,
)

_PART = "the image has a part in the container's directory at the path"


def _ways(path: str) -> str:
    return f"the container sees a directory for the {path} to be in"


def _busy(s: State, container: Term, path: Term, target: Term) -> Refusal:
    return refuses(
        "EBUSY", And(Or(path == s.root, target == s.root), Not(no_way(s, container, path)),
                     Not(no_way(s, container, target))),
        f"either the path is the root or the target is the root, {_ways('path')}, and {_ways('target')}")


def _missing(s: State, container: Term, path: Term, target: Term) -> Refusal:
    return refuses("ENOENT", Or(no_way(s, container, path), no_way(s, container, target),
                                Not(seen(s, container, path))),
                   f"{says_no_way()}; or {says_no_way('target')}; or {NOTHING}")


def _blocked(s: State, container: Term, path: Term, target: Term) -> tuple[Term, Term]:
    """Something on the way to either path is in the way."""
    return blocked(s, container, path), And(directory_at(s, container, s.parent(path)),
                                            blocked(s, container, target))


_BLOCKED = f"{says_blocked()}; or {_ways('path')}, and {says_blocked('target')}"


def _same_file(s: State, container: Term, path: Term, target: Term) -> Term:
    """Both are names of one inode, so that renaming does nothing (POSIX.1-2017, rename)."""
    i = inode(s, container, path)
    return And(seen(s, container, path), seen(s, container, target), i == inode(s, container, target),
               Or(path == target, Not(breaks(s, container, i))))


def _other_file(s: State, container: Term, path: Term, target: Term) -> Presupposition:
    return presupposes(Not(_same_file(s, container, path, target)),
                       "the container does not see one inode at the path and at the target; or the target is not "
                       "the path, and copy-up breaks that inode's hard links (it is not copied up and has some "
                       f"and {INDEX.lacks})")


@rule(LOOKS, then="nothing changes", source="rename(2), same file")
def rename_to_itself(s: State, container: Container, path: Path, target: Path) -> Clauses:
    """``rename`` from one name of an inode to another, or to the same: nothing happens."""
    yield presupposes(
        _same_file(s, container, path, target),
        "the container sees one inode at the path and at the target, and either the path is the target or copy-up "
        f"does not break that inode's hard links (it is copied up or has none or {INDEX.has})")
    yield _busy(s, container, path, target)


@rule(CHANGES, then="it has the new name in the upper; a whiteout is left at the old one if the image has "
      "something there", source="rename(2); measured: union, rows 17 and 38")
def rename(s: State, container: Container, path: Path, target: Path, inode: Chosen[Inode]) -> Clauses:
    """``rename`` of anything but a directory, over anything but a directory: copy-up, then a whiteout."""
    yield _other_file(s, container, path, target)
    yield presupposes(Not(directory_at(s, container, path)), "the container sees no directory at the path")
    yield own_copy(s, container, path, inode)
    yield _busy(s, container, path, target)
    yield refuses("ENOTDIR", Or(*_blocked(s, container, path, target)), _BLOCKED)
    yield _missing(s, container, path, target)
    yield refuses("ENOTEMPTY", above(s, target, path), "the path is under the target")
    yield refuses("EISDIR", directory_at(s, container, target), "the container sees a directory at the target")
    upper = Upper(s, container)
    upper.copy_up(path, inode, target)
    upper.release(target)
    upper.take(path)
    upper.date(path)
    upper.date(target)
    yield upper.edited()


@rule(CHANGES, then="all that was under the old name is under the new one, which is opaque, or redirected if the "
      "image has a part in it", source="rename(2); measured: union, rows 19 to 22")
def rename_directory(s: State, container: Container, path: Path, target: Path) -> Clauses:
    """``rename`` of a directory: all that is in it moves along.

    One that the image has a part in is copied up, without what is in it, and redirected to where the image has
    it; any other becomes opaque.
    """
    there = And(seen(s, container, path), seen(s, container, target))
    target_is_directory = kind_at(s, container, target) == DIRECTORY
    stays = Or(s.redirect_dir, Not(has_part(s, container, path)))
    yield _other_file(s, container, path, target)
    yield presupposes(directory_at(s, container, path), "the container sees a directory at the path")
    yield presupposes(
        forall(PATH, lambda x: Implies(
            And(s.under(path, x), Or(seen(s, container, x), s.whiteout(container, x))), s.fits(path, target, x))),
        "whatever the container sees or has a whiteout of under the path has a place under the target")
    yield _busy(s, container, path, target)
    yield refuses(
        "ENOTDIR", Or(*_blocked(s, container, path, target), And(
            there, Not(target_is_directory), Not(s.under(path, target)), Not(no_way(s, container, target)))),
        f"{_BLOCKED}; or the container sees something else than a directory at the target, the target is not "
        f"under the path, and {_ways('target')}")
    yield _missing(s, container, path, target)
    yield refuses("EINVAL", above(s, path, target), "the target is under the path")
    yield refuses(
        "ENOTEMPTY", Or(above(s, target, path), And(
            there, inode(s, container, path) != inode(s, container, target), target_is_directory, stays,
            populated(s, container, target))),
        "the path is under the target; or the container sees another directory at the target than at the path, "
        f"the container sees something under the target, and either {REDIRECT_DIR.has} or the image has no part "
        "in the container's directory at the path")
    yield refuses("EXDEV", And(Not(stays), path != target),
                  f"{_PART}, {REDIRECT_DIR.off}, and the target is not the path")
    upper = Upper(s, container)
    upper.copy_up_directories(lambda x: Or(s.under(x, path), above(s, x, target)))
    upper.release(target)
    upper.move_all_in(path, target)
    upper.place(target, inode(s, container, path))
    upper.redirect(target, path)
    upper.take(path)
    upper.empty(path)
    upper.date(path)
    upper.date(target)
    yield upper.edited()
