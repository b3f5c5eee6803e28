"""What a process may do to an object with a mode and an owner, as Linux decides it (path_resolution(7), inode(7)).

Each function that refuses returns the name of the errno, or None. There are no access control lists, no
capabilities but all of them for user 0, and no security modules.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass

from layermodel.union.layers import Attributes
from layermodel.union.trees import DIRECTORY, FILE

READ, WRITE, SEARCH = 4, 2, 1


@dataclass(frozen=True)
class Process:
    """Who makes a call: effective user and group, supplementary groups, and whether it has all rights of root."""

    uid: int
    gid: int
    groups: frozenset[int]
    root: bool

    def belongs(self, gid: int) -> bool:
        """Whether the group is one of the process's."""
        return gid == self.gid or gid in self.groups

    def owns(self, one: Attributes) -> bool:
        """Whether it may do what only an owner may."""
        return self.root or self.uid == one.owner[0]

    def may(self, one: Attributes, bits: int) -> bool:
        """Whether it may do all of these: the first class that it belongs to decides (POSIX.1-2017, 4.5)."""
        uid, gid = one.owner
        shift = 6 if self.uid == uid else 3 if self.belongs(gid) else 0
        return self.root or one.mode >> shift & bits == bits


def adding(process: Process, directory: Attributes) -> str | None:
    """Making a name in a directory."""
    return None if process.may(directory, WRITE | SEARCH) else "EACCES"


def removing(process: Process, directory: Attributes, victim: Attributes) -> str | None:
    """Taking a name away from a directory; in a sticky one only for the owner of either (inode(7), S_ISVTX)."""
    if not process.may(directory, WRITE | SEARCH):
        return "EACCES"
    sticky = directory.mode & stat.S_ISVTX and not (process.owns(victim) or process.owns(directory))
    return "EPERM" if sticky else None


def chmod(process: Process, one: Attributes) -> str | None:
    """Changing a mode."""
    return None if process.owns(one) else "EPERM"


def chown(process: Process, one: Attributes, uid: int, gid: int, drops: bool) -> str | None:
    """Changing an owner: nobody but root gives a file away, or to a group that he is not in (chown(2)).

    Args:
        uid, gid: as the call was given them; -1 changes nothing, which everybody may do.
        drops: whether bits of the mode are lost by it, which is for the owner.
    """
    owns = process.uid == one.owner[0]
    allowed = ((uid == -1 or (owns and uid == one.owner[0]))
               and (gid == -1 or (owns and (gid == one.owner[1] or process.belongs(gid))))
               and (owns or not drops))
    return None if process.root or allowed else "EPERM"


def dating(process: Process, one: Attributes, now: bool) -> str | None:
    """Setting times; to now is for all who may write (utimensat(2))."""
    if process.owns(one) or (now and process.may(one, WRITE)):
        return None
    return "EACCES" if now else "EPERM"


def reading_attribute(process: Process, one: Attributes, kind: int, key: str) -> str | None:
    """Reading an extended attribute (xattr(7))."""
    space = key.partition(".")[0]
    if space == "trusted":
        return None if process.root else "ENODATA"
    if space == "user" and kind not in (FILE, DIRECTORY):
        return "ENODATA"
    if space == "security":
        return None
    if not process.may(one, READ):
        return "EACCES"
    return None if space == "user" else "EOPNOTSUPP"


def writing_attribute(process: Process, one: Attributes, kind: int, key: str) -> str | None:
    """Setting an extended attribute, or removing it (xattr(7))."""
    space = key.partition(".")[0]
    if space in ("trusted", "security"):
        return None if process.root else "EPERM"
    sticky = kind == DIRECTORY and one.mode & stat.S_ISVTX and not process.owns(one)
    if space == "user" and (kind not in (FILE, DIRECTORY) or sticky):
        return "EPERM"
    if not process.may(one, WRITE):
        return "EACCES"
    return None if space == "user" else "EOPNOTSUPP"


def linking(process: Process, one: Attributes, kind: int) -> str | None:
    """Making a hard link to what one cannot open for writing, where fs.protected_hardlinks is set (proc(5))."""
    if process.owns(one):
        return None
    special = kind != FILE or one.mode & stat.S_ISUID or (
        one.mode & (stat.S_ISGID | stat.S_IXGRP) == stat.S_ISGID | stat.S_IXGRP)
    return "EPERM" if special or not process.may(one, READ | WRITE) else None


def following(process: Process, directory: Attributes, link: Attributes) -> str | None:
    """Following a symlink in a sticky directory that all may write, where fs.protected_symlinks is set (proc(5)).

    Root is refused like anybody else.
    """
    sticky = stat.S_ISVTX | stat.S_IWOTH
    if directory.mode & sticky != sticky or link.owner[0] in (process.uid, directory.owner[0]):
        return None
    return "EACCES"


# Modes and owners that differ from what was asked for.


def born(process: Process, directory: Attributes, mode: int, *, is_directory: bool = False,
         ) -> tuple[tuple[int, int], int]:
    """The owner and the mode of a new object; a set-group-ID directory hands its group on (inode(7), S_ISGID)."""
    if not directory.mode & stat.S_ISGID:
        return (process.uid, process.gid), mode
    gid = directory.owner[1]
    if is_directory:
        mode |= stat.S_ISGID
    elif mode & stat.S_IXGRP and not (process.root or process.belongs(gid)):
        mode &= ~stat.S_ISGID
    return (process.uid, gid), mode


def permitted_mode(process: Process, one: Attributes, mode: int) -> int:
    """The mode that chmod sets: set-group-ID is only for members of the group (chmod(2))."""
    return mode if process.root or process.belongs(one.owner[1]) else mode & ~stat.S_ISGID


def written_mode(process: Process, one: Attributes, *, chowned: bool = False) -> int:
    """The mode of a file that was written to or whose owner was changed: without set-user-ID and set-group-ID.

    Root keeps them when it writes (write(2), chown(2)); a set-group-ID bit without the right of the group to
    execute, which once meant mandatory locking, is lost by those who are not in the group.
    """
    if process.root and not chowned:
        return one.mode
    group = one.mode & stat.S_IXGRP or not (process.root or process.belongs(one.owner[1]))
    return one.mode & ~(stat.S_ISUID | (stat.S_ISGID if group else 0))
