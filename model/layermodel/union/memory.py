"""A union file system in memory, with the names of the ``os`` module, that does what the union machine says.

A test-suite for union mounts that calls ``os`` can be pointed at a :class:`UnionFileSystem` and not at a mount.
Every change and every refusal is that of a compiled rule (:mod:`layermodel.union.rules`), run on a window of the
file system (:mod:`layermodel.union.windows`). What is added is payload, which the machine knows as elements of
finite sorts only: names, bytes, modes, owners, times; and descriptors.
"""

from __future__ import annotations

import errno
import os
import stat as stat_bits
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from layermodel.language.ground import Vector
from layermodel.union.rules import UNION
from layermodel.union.trees import DIRECTORY, FIFO, FILE, SYMLINK
from layermodel.union.windows import (
    SIZES,
    WHITEOUT,
    Attributes,
    Directory,
    Fifo,
    File,
    Layer,
    NotSaid,
    Present,
    Symlink,
    Whiteout,
    Window,
    merged,
    moved_to,
    way,
)
from layermodel.union.words import DIALECTS

__all__ = ["WHITEOUT", "Directory", "Fifo", "File", "Layer", "NotSaid", "Symlink", "UnionFileSystem"]

_FORMATS = {DIRECTORY: stat_bits.S_IFDIR, FILE: stat_bits.S_IFREG, SYMLINK: stat_bits.S_IFLNK,
            FIFO: stat_bits.S_IFIFO}

_RENAMES = ("rename-to-itself", "rename", "rename-directory")
_LOOKING = frozenset(rule.name for rule in UNION.rules if not rule.step(UNION.state).effect.updates)
_TAKES = ("unlink", "rmdir", *_RENAMES)
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_FLAGS = (_ACCESS | os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_DIRECTORY
          | os.O_NONBLOCK | os.O_CLOEXEC)

Name = str | bytes | os.PathLike[str] | os.PathLike[bytes]


@dataclass
class _Descriptor:
    path: str
    inode: int
    flags: int
    position: int = 0

    @property
    def reads(self) -> bool:
        return self.flags & _ACCESS != os.O_WRONLY

    @property
    def writes(self) -> bool:
        return self.flags & _ACCESS != os.O_RDONLY


class UnionFileSystem:
    """Layers, and an upper that begins empty: what a process with all rights sees of it, by calls of ``os``.

    Paths are from the root of the mount, with or without a slash before them. Symlinks are never followed: the
    model says that they point nowhere, so that a way through one ends with ENOENT, and so does a call that would
    follow one. Names ``.`` and ``..`` and a slash at the end are nothing that the model speaks of
    (:class:`NotSaid`); nor are permissions, which are kept and refuse nothing.

    Calls raise :class:`OSError` with the errno and the file names that the rule's refusal has; what each rule
    refuses, and its sources, are in the rule book (:mod:`layermodel.union.rules`). Only EBADF, and EINVAL for
    impossible positions, lengths and flags, are this object's own, from the manual pages of the calls.

    A descriptor is for an inode and the name that it was opened by. What is written through it is an operation
    on a name that the inode has. A descriptor stays with its file when copy-up breaks hard links (overlayfs since
    Linux 4.19). A file without a name is no part of what is seen, and is only kept for its descriptors.

    What the model does not say is made up: inode numbers (one for each inode of the model), the number of links
    (the names that are seen; 1 for a directory), the size of a directory (0), access and change times (the time
    of modification).

    Attributes:
        umask: what modes of new files, directories and FIFOs are without.
    """

    O_RDONLY, O_WRONLY, O_RDWR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
    O_CREAT, O_EXCL, O_TRUNC, O_APPEND = os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND
    O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK, O_CLOEXEC = os.O_NOFOLLOW, os.O_DIRECTORY, os.O_NONBLOCK, os.O_CLOEXEC
    SEEK_SET, SEEK_CUR, SEEK_END = os.SEEK_SET, os.SEEK_CUR, os.SEEK_END

    def __init__(self, layers: Sequence[Layer] = (), dialect: str = "overlayfs", *,
                 owner: tuple[int, int] | None = None, clock: Callable[[], int] = time.time_ns) -> None:
        """Mount the layers.

        Args:
            layers: bottom first.
            dialect: one of :data:`layermodel.union.words.DIALECTS` without ``redirect_dir``.
            owner: user and group of what is made; those of this process if not given.
            clock: the time in nanoseconds since 1970.

        Raises:
            ValueError: if there is no such dialect, if it is one with ``redirect_dir``, or a layer is not a tree.
        """
        if dialect not in DIALECTS:
            raise ValueError(f"there is no dialect {dialect!r}, only {', '.join(DIALECTS)}")
        if DIALECTS[dialect]["redirect_dir"]:
            raise ValueError(f"redirected directories are not kept in memory, as {dialect!r} would have it")
        self.umask = 0o022
        self._owner = owner or (os.geteuid(), os.getegid())
        self._clock = clock
        self._traits = tuple(DIALECTS[dialect][trait.name] for trait in UNION.traits)
        self._tree = merged(layers)
        self._next = max(self._tree.kind) + 1
        self._descriptors: dict[int, _Descriptor] = {}
        self._orphans: dict[int, Attributes] = {}
        window = Window(self._tree, [""])
        window.write_back(window.begin(), 0, self._next)

    def upper(self) -> dict[str, Present | Whiteout]:
        """What the upper holds, as a layer; mounted over the same layers, it shows what is seen now."""
        tree = self._tree
        made = {number: self._present(number, any(p in tree.opaque for p in paths))
                for number, paths in tree.upper.of.items()}
        result: dict[str, Present | Whiteout] = {path: made[number] for path, number in tree.upper.at.items()}
        return result | dict.fromkeys(tree.whiteouts, WHITEOUT)

    def _present(self, number: int, opaque: bool) -> Present:
        one = self._tree.copied[number]
        rest: Any = {"mode": one.mode, "owner": one.owner, "mtime": one.mtime, "xattrs": one.xattrs}
        match self._tree.kind[number]:
            case 0:
                return Directory(opaque, **rest)
            case 1:
                return File(one.content, **rest)
            case 2:
                return Symlink(one.content, **rest)
        return Fifo(**rest)

    # Windows and rules.

    def _window(self, rules: Sequence[str], path: str, target: str | None, key: str | None) -> Window:
        """The part of the tree that a rule asks about."""
        tree, named = self._tree, [path] if target is None else [path, target]
        paths = list(named)
        if rules[0] in _TAKES:
            for one in named:
                for number in {tree.lower.at.get(one), tree.upper.at.get(one)} - {None}:
                    paths += tree.lower.of.get(cast(int, number), ())
                    paths += tree.upper.of.get(cast(int, number), ())
        if rules[0] == "rmdir":
            paths += self._inside(path)
        if target is not None and rules == _RENAMES:
            paths += self._inside(target)
            paths += tree.upper.below(path) if path else ()  # nothing moves with the root, which is not renamed
            paths = self._with_moved(paths, path, target)
        window = Window(tree, paths, key=key, creator=self._owner)
        if target is not None and rules == _RENAMES:
            window.moves(path, target)
        return window

    def _with_moved(self, paths: Sequence[str], source: str, target: str) -> list[str]:
        """The paths, and those that they become when the source is renamed to the target.

        A new path of something may be one at which there is something already, if the target is in the source.
        """
        tree = self._tree
        result = {step for path in paths for step in way(path)}
        todo = list(result)
        while todo:
            there = moved_to(source, target, todo.pop())
            if there is not None:
                new = set(way(there)) - result
                result |= new
                todo += [one for one in new
                         if one in tree.lower.at or one in tree.upper.at or one in tree.whiteouts]
        return list(result)

    def _inside(self, path: str) -> list[str]:
        """What a rule that asks whether a directory is empty has to know: one name if any is seen, else all marks.

        A directory with a name in it refuses to go, whatever else is in it.
        """
        for part in self._parts(path):
            window = Window(self._tree, part, bare=True)
            for child in part:
                if window.shows(child) is not None:
                    return [child]
        return list(self._tree.upper.below(path))

    def _parts(self, path: str) -> Iterator[list[str]]:
        """What may be in a directory, in parts that fit in small windows."""
        tree = self._tree
        children = sorted(tree.lower.inside.get(path, set()) | tree.upper.inside.get(path, set()))
        room = max(SIZES[1] - len(way(path)), 1)
        for n in range(0, len(children), room):
            yield children[n:n + room]

    def _do(self, rules: str | tuple[str, ...], path: str, target: str | None = None, *, key: str | None = None,
            files: tuple[str, ...] | None = None, dry: bool = False, **named: Any) -> int | None:
        """Run the one rule that speaks of this; return the inode that is there then, if the rule names one.

        Args:
            files: the names for an error, if not the paths.
            dry: refuse as the rule does, but change nothing.
        """
        rules = (rules,) if isinstance(rules, str) else rules
        window = self._window(rules, path, target, key)
        named = {"path": path, **({} if target is None else {"target": target}), **named}
        for rule in rules:
            arguments = window.arguments(rule, self._traits, named)
            if arguments is None:
                continue
            refusal, after = window.run(rule, self._traits, arguments)
            if refusal is not None:
                raise _error(refusal, *(files or (path, *(() if target is None else (target,)))))
            if dry or rule in _LOOKING:
                return None
            return self._written(window, rule, arguments, after, path, target)
        raise NotSaid(f"the model does not say what {' or '.join(rules)} does at {path!r}")

    def _written(self, window: Window, rule: str, arguments: Vector, after: Vector, path: str,
                 target: str | None) -> int | None:
        names = [p.name for p in UNION.rule_by_name[rule].parameters]
        old = window.shows(path)
        chosen = arguments[names.index("inode")] if "inode" in names else None
        number = None if chosen is None else (
            self._next if chosen == window.compiled.spare else window.inodes[chosen])
        released = window.write_back(after, self._clock(), self._next)
        self._next += number == self._next
        for descriptor in self._descriptors.values():
            if descriptor.inode in released:
                self._orphans[descriptor.inode] = released[descriptor.inode]
            if number is not None and (descriptor.path, descriptor.inode) == (path, old):
                descriptor.inode = number
                descriptor.path = target if rule == "rename" and target is not None else path
        return number

    def _shows(self, path: str) -> int | None:
        return Window(self._tree, [path], bare=True).shows(path)

    def _of(self, number: int) -> Attributes:
        """An inode's attributes: the upper's if it holds it, else the image's (union.words.attribute)."""
        tree = self._tree
        return tree.copied.get(number) or self._orphans.get(number) or tree.built[number]

    def _found(self, path: str) -> int:
        """The inode at a path, which has to be there."""
        self._do("stat", path)
        return cast(int, self._shows(path))

    def _through(self, path: str, follow: bool = True) -> str:
        """The path that a call which follows a symlink comes to: one in the symlink, where nothing ever is."""
        number = self._shows(path) if follow else None
        return f"{path}/" if number is not None and self._tree.kind[number] == SYMLINK else path

    # Descriptors.

    def open(self, path: Name, flags: int, mode: int = 0o777) -> int:
        """``os.open``. A FIFO cannot be opened for reading, and for writing is one that nobody reads.

        Raises:
            OSError: ENOTDIR, ENOENT, EEXIST, EISDIR, ELOOP, ENXIO; EINVAL for flags that are not supported.
            NotSaid: for a FIFO that would be read.
        """
        file, given = _path(path), flags
        if flags & ~_FLAGS or flags & _ACCESS == _ACCESS or (flags & os.O_CREAT and flags & os.O_DIRECTORY):
            raise _error("EINVAL", file)
        exclusive = bool(flags & os.O_CREAT and flags & os.O_EXCL)
        file = self._through(file, not exclusive and not flags & os.O_NOFOLLOW)
        there = self._shows(file)
        files = (file.rstrip("/"),)
        if exclusive or (flags & os.O_CREAT and there is None):
            number = self._do("create", file, files=files, mode=mode & 0o7777 & ~self.umask)
        elif flags & os.O_DIRECTORY or (
                flags & (_ACCESS | os.O_CREAT | os.O_TRUNC) == os.O_RDONLY
                and there is not None and self._tree.kind[there] == DIRECTORY):
            number = None
            self._listed(file, flags)
        elif flags & os.O_TRUNC:
            number = self._do("write", file, files=files, content=b"")
        elif flags & _ACCESS:
            number = self._do("open-for-writing", file, files=files)
        else:
            number = self._do("read", file, files=files)
        found = there if number is None else number
        descriptor = next(n for n in range(3, len(self._descriptors) + 4) if n not in self._descriptors)
        self._descriptors[descriptor] = _Descriptor(file, cast(int, found), given)
        return descriptor

    def _listed(self, file: str, flags: int) -> None:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC):
            self._do("list", file, dry=True)
            self._do("open-for-writing", file, dry=True)  # refuses a directory
        self._do("list", file)

    def _descriptor(self, number: int, *, writes: bool | None = None) -> _Descriptor:
        one = self._descriptors.get(number)
        if one is None or (writes is True and not one.writes) or (writes is False and not one.reads):
            raise _error("EBADF")
        return one

    def close(self, fd: int) -> None:
        """``os.close``.

        Raises:
            OSError: EBADF.
        """
        gone = self._descriptor(fd).inode
        del self._descriptors[fd]
        if all(one.inode != gone for one in self._descriptors.values()):
            self._orphans.pop(gone, None)

    def _name(self, one: _Descriptor) -> str | None:
        """A name of the descriptor's inode: that it was opened by if it is still one."""
        names = self._tree.upper.of.get(one.inode, set()) | self._tree.lower.of.get(one.inode, set())
        for path in sorted(names, key=lambda path: (path != one.path, path)):
            if self._shows(path) == one.inode:
                return path
        return None

    def _change(self, one: _Descriptor, rule: str, name: str, attribute: str, value: Any) -> None:
        """Change an attribute of a descriptor's inode, by the rule at its name."""
        path = self._name(one)
        if path is not None:
            self._do(rule, path, **{name: value})
            return
        changed = {attribute: value} | ({"mtime": self._clock()} if attribute == "content" else {})
        self._orphans[one.inode] = replace(self._of(one.inode), **changed)

    def _hold(self, one: _Descriptor, content: bytes) -> None:
        self._change(one, _rule_for(self._of(one.inode).content, content), "content", "content", content)

    def read(self, fd: int, n: int) -> bytes:
        """``os.read``.

        Raises:
            OSError: EBADF; EISDIR, by the rule; EINVAL.
        """
        one = self._descriptor(fd, writes=False)
        if n < 0:
            raise _error("EINVAL")
        if self._tree.kind[one.inode] == DIRECTORY:
            path = self._name(one)
            if path is None:
                raise NotSaid("the model does not say what reading a removed directory does")
            self._do("read", path, files=())
        result = self._of(one.inode).content[one.position:one.position + n]
        one.position += len(result)
        return result

    def write(self, fd: int, data: bytes) -> int:
        """``os.write``; always all of the data.

        Raises:
            OSError: EBADF.
        """
        one = self._descriptor(fd, writes=True)
        if data:
            old = self._of(one.inode).content
            start = len(old) if one.flags & os.O_APPEND else one.position
            self._hold(one, old[:start].ljust(start, b"\0") + bytes(data) + old[start + len(data):])
            one.position = start + len(data)
        return len(data)

    def lseek(self, fd: int, pos: int, whence: int) -> int:
        """``os.lseek``, in a file.

        Raises:
            OSError: EBADF, EINVAL.
        """
        one = self._descriptor(fd)
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: one.position, os.SEEK_END: len(self._of(one.inode).content)}
        if whence not in starts or starts[whence] + pos < 0:
            raise _error("EINVAL")
        one.position = starts[whence] + pos
        return one.position

    def ftruncate(self, fd: int, length: int) -> None:
        """``os.ftruncate``.

        Raises:
            OSError: EBADF; EINVAL for a length below 0, or a descriptor that is not for writing.
        """
        one = self._descriptor(fd)
        if length < 0 or not one.writes:
            raise _error("EINVAL")
        self._hold(one, self._of(one.inode).content[:length].ljust(length, b"\0"))

    def fchmod(self, fd: int, mode: int) -> None:
        """``os.fchmod``.

        Raises:
            OSError: EBADF.
        """
        self._change(self._descriptor(fd), "chmod", "mode", "mode", mode & 0o7777)

    def fstat(self, fd: int) -> os.stat_result:
        """``os.fstat``.

        Raises:
            OSError: EBADF.
        """
        return self._status(self._descriptor(fd).inode)

    # Looking.

    def lstat(self, path: Name) -> os.stat_result:
        """``os.lstat``.

        Raises:
            OSError: ENOTDIR, ENOENT.
        """
        return self._status(self._found(_path(path)))

    def stat(self, path: Name, *, follow_symlinks: bool = True) -> os.stat_result:
        """``os.stat``.

        Raises:
            OSError: ENOTDIR, ENOENT.
        """
        file = _path(path)
        self._do("stat", self._through(file, follow_symlinks), files=(file,))
        return self._status(cast(int, self._shows(file)))

    def _status(self, number: int) -> os.stat_result:
        one, kind = self._of(number), self._tree.kind[number]
        seconds, size = one.mtime // 10**9, len(one.content)
        return os.stat_result((_FORMATS[kind] | one.mode, number, 0, self._links(number), *one.owner, size,
                               *[seconds] * 3, *[one.mtime / 10**9] * 3, *[one.mtime] * 3))

    def _links(self, number: int) -> int:
        if self._tree.kind[number] == DIRECTORY:
            return 1
        names = self._tree.upper.of.get(number, set()) | self._tree.lower.of.get(number, set())
        return sum(self._shows(path) == number for path in names)

    def listdir(self, path: Name = "/") -> list[str]:
        """``os.listdir``, in order.

        Raises:
            OSError: ENOTDIR, ENOENT.
        """
        file = _path(path)
        self._do("list", self._through(file), files=(file,))
        result = []
        for part in self._parts(file):
            window = Window(self._tree, part, bare=True)
            result += [child.rpartition("/")[2] for child in part if window.shows(child) is not None]
        return result

    def readlink(self, path: Name) -> str:
        """``os.readlink``.

        Raises:
            OSError: ENOTDIR, ENOENT, EINVAL.
        """
        file = _path(path)
        self._do("readlink", file)
        return os.fsdecode(self._of(self._found(file)).content)

    def getxattr(self, path: Name, attribute: str, *, follow_symlinks: bool = True) -> bytes:
        """``os.getxattr``. Refuses as taking the attribute away would.

        Raises:
            OSError: ENOTDIR, ENOENT, ENODATA.
        """
        file = _path(path)
        self._do("removexattr", self._through(file, follow_symlinks), key=attribute, files=(file,), dry=True)
        return self._of(cast(int, self._shows(file))).xattrs[attribute]

    def listxattr(self, path: Name, *, follow_symlinks: bool = True) -> list[str]:
        """``os.listxattr``, in order.

        Raises:
            OSError: ENOTDIR, ENOENT.
        """
        file = _path(path)
        self._do("stat", self._through(file, follow_symlinks), files=(file,))
        return sorted(self._of(cast(int, self._shows(file))).xattrs)

    # Changing what is there.

    def truncate(self, path: Name, length: int) -> None:
        """``os.truncate``, as opening the file for writing and ``ftruncate`` do.

        Raises:
            OSError: ENOTDIR, ENOENT, EISDIR, ENXIO; EINVAL for a length below 0.
        """
        file = _path(path)
        if length < 0:
            raise _error("EINVAL", file)
        there = self._shows(file)
        old = b"" if there is None else self._of(there).content
        new = old[:length].ljust(length, b"\0")
        self._do(_rule_for(old, new), self._through(file), files=(file,), content=new)

    def chmod(self, path: Name, mode: int) -> None:
        """``os.chmod``.

        Raises:
            OSError: ENOTDIR, ENOENT.
        """
        self._do("chmod", _path(path), mode=mode & 0o7777)

    def chown(self, path: Name, uid: int, gid: int, *, follow_symlinks: bool = True) -> None:
        """``os.chown``; -1 leaves a number as it is.

        Raises:
            OSError: ENOTDIR, ENOENT.
        """
        file = _path(path)
        there = self._shows(file)
        old = (0, 0) if there is None else self._of(there).owner
        owner = (old[0] if uid == -1 else uid, old[1] if gid == -1 else gid)
        self._do("chown", self._through(file, follow_symlinks), files=(file,), owner=owner)

    def lchown(self, path: Name, uid: int, gid: int) -> None:
        """``os.lchown``; -1 leaves a number as it is.

        Raises:
            OSError: ENOTDIR, ENOENT.
        """
        self.chown(path, uid, gid, follow_symlinks=False)

    def utime(self, path: Name, times: tuple[float, float] | None = None, *, ns: tuple[int, int] | None = None,
              follow_symlinks: bool = True) -> None:
        """``os.utime``: times of access, which is not kept, and of modification, in seconds or nanoseconds.

        Raises:
            OSError: ENOTDIR, ENOENT.
            ValueError: if both are given.
        """
        if times is not None and ns is not None:
            raise ValueError("times are either in seconds or in nanoseconds")
        file = _path(path)
        when = ns[1] if ns is not None else self._clock() if times is None else int(times[1] * 10**9)
        self._do("utimes", self._through(file, follow_symlinks), files=(file,), time=when)

    def setxattr(self, path: Name, attribute: str, value: bytes, flags: int = 0, *,
                 follow_symlinks: bool = True) -> None:
        """``os.setxattr``.

        Raises:
            OSError: ENOTDIR, ENOENT.
            NotSaid: for flags.
        """
        if flags:
            raise NotSaid("the model does not say what flags of setxattr do")
        file = _path(path)
        through = self._through(file, follow_symlinks)
        self._do("setxattr", through, files=(file,), key=attribute, value=bytes(value))

    def removexattr(self, path: Name, attribute: str, *, follow_symlinks: bool = True) -> None:
        """``os.removexattr``.

        Raises:
            OSError: ENOTDIR, ENOENT, ENODATA.
        """
        file = _path(path)
        self._do("removexattr", self._through(file, follow_symlinks), files=(file,), key=attribute)

    # Names come and go.

    def mkdir(self, path: Name, mode: int = 0o777) -> None:
        """``os.mkdir``.

        Raises:
            OSError: ENOTDIR, ENOENT, EEXIST.
        """
        self._do("mkdir", _path(path), mode=mode & 0o1777 & ~self.umask)

    def mkfifo(self, path: Name, mode: int = 0o666) -> None:
        """``os.mkfifo``.

        Raises:
            OSError: ENOTDIR, ENOENT, EEXIST.
        """
        self._do("mkfifo", _path(path), mode=mode & 0o7777 & ~self.umask)

    def symlink(self, src: Name, dst: Name) -> None:
        """``os.symlink``.

        Raises:
            OSError: ENOTDIR, ENOENT, EEXIST.
            NotSaid: for a symlink to an empty path.
        """
        file = _path(dst)
        self._do("symlink", file, files=(os.fsdecode(src), file), content=os.fsencode(src), mode=0o777)

    def link(self, src: Name, dst: Name) -> None:
        """``os.link``, without following a symlink.

        Raises:
            OSError: ENOTDIR, ENOENT, EEXIST, EPERM.
        """
        self._do("link", _path(src), _path(dst))

    def unlink(self, path: Name) -> None:
        """``os.unlink``.

        Raises:
            OSError: ENOTDIR, ENOENT, EISDIR.
        """
        self._do("unlink", _path(path))

    def rmdir(self, path: Name) -> None:
        """``os.rmdir``.

        Raises:
            OSError: EBUSY, ENOTDIR, ENOENT, ENOTEMPTY.
        """
        self._do("rmdir", _path(path))

    def rename(self, src: Name, dst: Name) -> None:
        """``os.rename``.

        Raises:
            OSError: EBUSY, ENOTDIR, ENOENT, EINVAL, ENOTEMPTY, EISDIR, EXDEV.
        """
        self._do(_RENAMES, _path(src), _path(dst))


def _rule_for(old: bytes, new: bytes) -> str:
    """The rule that speaks of a file that held the one and then holds the other."""
    if old.startswith(new):
        return "truncate"
    return "append" if new.startswith(old) else "write"


def _path(name: Name) -> str:
    """The path from the root of the mount, which is the empty one.

    Raises:
        NotSaid: for a path that the model has no such place for.
    """
    text = os.fsdecode(name)
    if text.strip("/") == "":
        return ""
    parts = [part for part in text.split("/") if part]
    if text.endswith("/") or "." in parts or ".." in parts:
        raise NotSaid(f"the model says nothing of '.', '..' and a slash at the end: {text!r}")
    return "/".join(parts)


def _error(name: str, *files: str) -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), *(files[:1] if len(files) < 2 else (files[0], None, files[1])))
