"""A union file system in memory, with the names of the ``os`` module, that does what the union machine says.

A test-suite for union mounts that calls ``os`` can be pointed at a :class:`UnionFileSystem` and not at a mount.
A call's path is resolved (:mod:`layermodel.union.resolving`), it is asked what the process may do
(:mod:`layermodel.union.permissions`), and a compiled rule of the machine (:mod:`layermodel.union.rules`) refuses
or changes (:mod:`layermodel.union.mounted`). Names, bytes, modes, owners, times and descriptors are payload, which
the machine knows as elements of finite sorts only.
"""

from __future__ import annotations

import copy
import os
import stat as stat_bits
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from layermodel.union import permissions
from layermodel.union.errors import NotSaid, error
from layermodel.union.layers import WHITEOUT, Directory, Fifo, File, Layer, Present, Symlink, Whiteout
from layermodel.union.merging import indexed, written
from layermodel.union.mounted import RENAMES, Call, Descriptor, Mounted
from layermodel.union.permissions import READ, SEARCH, WRITE, Process
from layermodel.union.resolving import LONGEST_PATH, Name, Resolver
from layermodel.union.stored import parent, within
from layermodel.union.trees import DIRECTORY, FIFO, FILE, SYMLINK

__all__ = ["WHITEOUT", "Directory", "Fifo", "File", "Layer", "NotSaid", "Symlink", "UnionFileSystem"]

_FORMATS = {DIRECTORY: stat_bits.S_IFDIR, FILE: stat_bits.S_IFREG, SYMLINK: stat_bits.S_IFLNK,
            FIFO: stat_bits.S_IFIFO}
_FLAGS = (os.O_ACCMODE | os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_DIRECTORY
          | os.O_NONBLOCK | os.O_CLOEXEC)
_PROTECTED = frozenset({"hardlinks", "symlinks"})
_NO_NAME = ("ENOTDIR", "ENOENT", "EEXIST")
"""What is wrong with a name to be made is said before it is asked whether it may be made."""


class _Sight:
    """What resolution sees of a mount for a process."""

    def __init__(self, mounted: Mounted, process: Process, protected: Collection[str]) -> None:
        self._mounted, self._process, self._protected = mounted, process, protected

    def kind(self, path: str) -> int | None:
        return self._mounted.kind(path)

    def target(self, path: str) -> str:
        return os.fsdecode(self._mounted.at(path).content)

    def search(self, path: str) -> str | None:
        return None if self._process.may(self._mounted.at(path), SEARCH) else "EACCES"

    def follow(self, path: str) -> str | None:
        if "symlinks" not in self._protected:
            return None
        return permissions.following(self._process, self._mounted.at(parent(path)), self._mounted.at(path))


class UnionFileSystem:
    """Layers and an upper, and what a process sees and does there, by calls of ``os``.

    Paths are resolved as Linux does it, from the root of the mount: with or without a slash before them, through
    symlinks, ``.`` and ``..``, and with a meaning of slashes at the end; an empty one is ENOENT. The process has
    all rights; :meth:`as_user` is the same file system for another.

    Calls raise :class:`OSError` with the names that they were given and the errno that path resolution,
    permissions or the rule's refusal have, in the order of Linux. What each rule refuses, and its sources, are in
    the rule book (:mod:`layermodel.union.rules`). EBADF, and EINVAL for impossible positions, lengths and flags,
    are from the manual pages of the calls.

    A descriptor is for an inode and the name that it was opened by. What is written through it is an operation
    on a name that the inode has. A descriptor stays with its file when copy-up breaks hard links (overlayfs since
    Linux 4.19). A file without a name is no part of what is seen, and is only kept for its descriptors.

    What the model does not say is made up: inode numbers (one for each inode of the model), the number of the
    device (0), the size of a directory (0), access and change times (the time of modification). The number of
    links is that of :meth:`layermodel.union.mounted.Mounted.links`.

    Attributes:
        umask: what modes of new files, directories and FIFOs are without.
    """

    O_RDONLY, O_WRONLY, O_RDWR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
    O_CREAT, O_EXCL, O_TRUNC, O_APPEND = os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND
    O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK, O_CLOEXEC = os.O_NOFOLLOW, os.O_DIRECTORY, os.O_NONBLOCK, os.O_CLOEXEC
    SEEK_SET, SEEK_CUR, SEEK_END = os.SEEK_SET, os.SEEK_CUR, os.SEEK_END

    def __init__(self, layers: Sequence[Layer] = (), dialect: str = "overlayfs", *, upper: Layer | None = None,
                 index: Mapping[int, Present] | None = None, owner: tuple[int, int] | None = None,
                 protected: Iterable[str] = (), clock: Callable[[], int] = time.time_ns) -> None:
        """Mount the layers.

        Args:
            layers: bottom first.
            dialect: one of :data:`layermodel.union.words.DIALECTS`.
            upper: what the upper holds; nothing but a root like the image's if not given. One that :meth:`upper`
                returned, over the same layers, shows what was seen then, with the same numbers of inodes.
            index: what :meth:`index` returned, for such an upper in a dialect with ``index``.
            owner: user and group of what is made; those of this process if not given. All is permitted to them.
            protected: which of ``hardlinks`` and ``symlinks`` are protected, as fs.protected_hardlinks and
                fs.protected_symlinks of proc(5) set it; the kernel's own default is neither.
            clock: the time in nanoseconds since 1970.

        Raises:
            ValueError: if there is no such dialect or protection, or a layer or the upper is not a tree.
        """
        self._layers, self._dialect, self._clock = tuple(layers), dialect, clock
        self._protected = frozenset(protected)
        if not self._protected <= _PROTECTED:
            raise ValueError(f"only {' and '.join(sorted(_PROTECTED))} can be protected")
        self.umask = 0o022
        self._process = Process(*(owner or (os.geteuid(), os.getegid())), frozenset(), True)
        self._mounted = Mounted(self._layers, dialect, upper, index or {}, clock)

    def as_user(self, uid: int, gid: int, groups: Iterable[int] = ()) -> UnionFileSystem:
        """The same file system and descriptors, for a process of this user, group and supplementary groups.

        User 0 has all rights, and no other has any (capabilities(7)).
        """
        view = copy.copy(self)
        view._process = Process(uid, gid, frozenset(groups), uid == 0)
        return view

    def upper(self) -> dict[str, Present | Whiteout]:
        """What the upper holds, as a layer; mounted over the same layers, it shows what is seen now."""
        return written(self._mounted.tree)

    def index(self) -> dict[int, Present]:
        """What a dialect with ``index`` keeps beside the upper, by number of inode (overlayfs.rst, Index).

        These are files that were copied up, and whose names in the upper are gone: the image shows others.
        """
        return indexed(self._mounted.tree)

    def remounted(self) -> UnionFileSystem:
        """A fresh one for the same process, with the same layers and an upper that holds the same."""
        result = copy.copy(self)
        result._mounted = Mounted(self._layers, self._dialect, self.upper(), self.index(), self._clock)
        return result

    # The parts of a call.

    def _resolver(self, *files: Name) -> Resolver:
        return Resolver(_Sight(self._mounted, self._process, self._protected), files)

    def _call(self, *files: Name, asks: Callable[[], str | None] | None = None, first: Collection[str] = (),
              creator: tuple[int, int] = (0, 0), dry: bool = False) -> Call:
        """What a rule is run with: the question that permits it, and what is refused before that."""

        def permit() -> None:
            refusal = None if asks is None else asks()
            if refusal is not None:
                raise error(refusal, *files)

        return Call(files, creator, permit, first, dry)

    def _may(self, file: str, bits: int) -> Callable[[], str | None]:
        return lambda: None if self._process.may(self._mounted.at(file), bits) else "EACCES"

    def _kind(self, file: str) -> int:
        return self._mounted.tree.kind[self._mounted.found(file)]

    def _made(self, rule: str, file: str, mode: int, *files: Name, **named: Any) -> None:
        """Make something at a path, which belongs to the process."""
        directory = self._mounted.at(parent(file))
        owner, mode = permissions.born(self._process, directory, mode, is_directory=rule == "mkdir")
        call = self._call(*files, asks=lambda: permissions.adding(self._process, directory), first=_NO_NAME,
                          creator=owner)
        self._mounted.do(rule, file, call=call, mode=mode, **named)

    def _cleared(self, file: str, *, chowned: bool = False) -> int:
        """The mode of what is written to or given away, which may lose set-user-ID and set-group-ID."""
        one = self._mounted.at(file)
        plain = self._kind(file) in (FILE, FIFO)
        return permissions.written_mode(self._process, one, chowned=chowned) if plain else one.mode

    def _keep(self, file: str, mode: int) -> None:
        """Have this mode, if it is another."""
        if mode != self._mounted.at(file).mode:
            self._mounted.do("chmod", file, mode=mode)

    # Descriptors.

    def open(self, path: Name, flags: int, mode: int = 0o777) -> int:
        """``os.open``. A FIFO cannot be opened for reading, and for writing is one that nobody reads.

        Raises:
            OSError: as resolution; EACCES, EEXIST, EISDIR, ELOOP, ENXIO; EINVAL for flags that are not supported.
            NotSaid: for a FIFO that would be read.
        """
        access = flags & os.O_ACCMODE
        if flags & ~_FLAGS or access == os.O_ACCMODE or (flags & os.O_CREAT and flags & os.O_DIRECTORY):
            raise error("EINVAL", path)
        exclusive, follow = bool(flags & os.O_EXCL), not flags & os.O_NOFOLLOW
        if flags & os.O_CREAT:
            file = self._resolver(path).opened(path, follow=follow and not exclusive, exclusive=exclusive)
            if exclusive or self._mounted.kind(file) is None:
                self._made("create", file, mode & 0o7777 & ~self.umask, path)
                return self._mounted.opened(file, flags)
            self._may_create_over(file, path)
        else:
            file = self._resolver(path).existing(path, follow=follow, directory=bool(flags & os.O_DIRECTORY))
        if self._mounted.kind(file) == FIFO and access != os.O_WRONLY:
            raise NotSaid(f"the model does not say what reading the FIFO {path!r} does")
        writes = access != os.O_RDONLY or bool(flags & os.O_TRUNC)
        bits = (READ if access != os.O_WRONLY else 0) | (WRITE if writes else 0)
        call = self._call(path, asks=self._may(file, bits), first=("EISDIR", "ELOOP"))
        looks = not writes and not flags & os.O_CREAT and self._mounted.kind(file) == DIRECTORY
        writing = "write" if flags & os.O_TRUNC else "open-for-writing"
        rule = "list" if looks else writing if writes else "read"
        content: Any = {"content": b""} if rule == "write" else {}
        self._mounted.do(rule, file, call=call, **content)
        if flags & os.O_TRUNC:
            self._keep(file, self._cleared(file))
        return self._mounted.opened(file, flags)

    def _may_create_over(self, file: str, path: Name) -> None:
        """Refuse a symlink that is not followed in a sticky directory, which is more than not to follow it.

        So does may_create_in_sticky of fs/namei.c, whatever fs.protected_regular and fs.protected_fifos say.
        """
        if self._kind(file) == SYMLINK:
            at = self._mounted.at
            if refusal := permissions.following(self._process, at(parent(file)), at(file)):
                raise error(refusal, path)

    def _descriptor(self, number: int, *, writes: bool | None = None) -> Descriptor:
        one = self._mounted.descriptors.get(number)
        if one is None or (writes is True and not one.writes) or (writes is False and not one.reads):
            raise error("EBADF")
        return one

    def close(self, fd: int) -> None:
        """``os.close``.

        Raises:
            OSError: EBADF.
        """
        self._descriptor(fd)
        self._mounted.close(fd)

    def _hold(self, one: Descriptor, content: bytes) -> None:
        """Have a descriptor's file hold this."""
        change, old = self._mounted.change, self._mounted.of(one.inode)
        change(one, _rule_for(old.content, content), "content", "content", content)
        mode = permissions.written_mode(self._process, old)
        if mode != old.mode:
            change(one, "chmod", "mode", "mode", mode)

    def read(self, fd: int, n: int) -> bytes:
        """``os.read``.

        Raises:
            OSError: EBADF; EISDIR, by the rule; EINVAL.
        """
        one = self._descriptor(fd, writes=False)
        if n < 0:
            raise error("EINVAL")
        if self._mounted.tree.kind[one.inode] == DIRECTORY:
            path = self._mounted.name(one)
            if path is None:
                raise NotSaid("the model does not say what reading a removed directory does")
            self._mounted.do("read", path)
        result = self._mounted.of(one.inode).content[one.position:one.position + n]
        one.position += len(result)
        return result

    def write(self, fd: int, data: bytes) -> int:
        """``os.write``; always all of the data.

        Raises:
            OSError: EBADF.
        """
        one = self._descriptor(fd, writes=True)
        if data:
            old = self._mounted.of(one.inode).content
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
        size = len(self._mounted.of(one.inode).content)
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: one.position, os.SEEK_END: size}
        if whence not in starts or starts[whence] + pos < 0:
            raise error("EINVAL")
        one.position = starts[whence] + pos
        return one.position

    def ftruncate(self, fd: int, length: int) -> None:
        """``os.ftruncate``.

        Raises:
            OSError: EBADF; EINVAL for a length below 0, or a descriptor that is not for writing.
        """
        one = self._descriptor(fd)
        if length < 0 or not one.writes:
            raise error("EINVAL")
        self._hold(one, self._mounted.of(one.inode).content[:length].ljust(length, b"\0"))

    def fchmod(self, fd: int, mode: int) -> None:
        """``os.fchmod``.

        Raises:
            OSError: EBADF, EPERM.
        """
        descriptor = self._descriptor(fd)
        one = self._mounted.of(descriptor.inode)
        if refusal := permissions.chmod(self._process, one):
            raise error(refusal)
        mode = permissions.permitted_mode(self._process, one, mode & 0o7777)
        self._mounted.change(descriptor, "chmod", "mode", "mode", mode)

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
            OSError: as resolution.
        """
        return self.stat(path, follow_symlinks=False)

    def stat(self, path: Name, *, follow_symlinks: bool = True) -> os.stat_result:
        """``os.stat``.

        Raises:
            OSError: as resolution.
        """
        file = self._resolver(path).existing(path, follow=follow_symlinks)
        self._mounted.do("stat", file, call=self._call(path))
        return self._status(self._mounted.found(file))

    def _status(self, number: int) -> os.stat_result:
        one, kind = self._mounted.of(number), self._mounted.tree.kind[number]
        seconds, size = one.mtime // 10**9, len(one.content)
        return os.stat_result((_FORMATS[kind] | one.mode, number, 0, self._mounted.links(number), *one.owner, size,
                               *[seconds] * 3, *[one.mtime / 10**9] * 3, *[one.mtime] * 3))

    def listdir(self, path: Name = "/") -> list[str]:
        """``os.listdir``, in order.

        Raises:
            OSError: as resolution; ENOTDIR, EACCES.
        """
        file = self._resolver(path).existing(path, directory=True)
        self._mounted.do("list", file, call=self._call(path, asks=self._may(file, READ)))
        return [child.rpartition("/")[2] for child in self._mounted.inside(file)]

    def readlink(self, path: Name) -> str:
        """``os.readlink``.

        Raises:
            OSError: as resolution; EINVAL.
        """
        file = self._resolver(path).existing(path, follow=False)
        self._mounted.do("readlink", file, call=self._call(path))
        return os.fsdecode(self._mounted.at(file).content)

    def getxattr(self, path: Name, attribute: str, *, follow_symlinks: bool = True) -> bytes:
        """``os.getxattr``. Refuses as taking the attribute away would, but for permissions.

        Raises:
            OSError: as resolution; EACCES, ENODATA, EOPNOTSUPP.
        """
        file = self._resolver(path).existing(path, follow=follow_symlinks)
        one, kind = self._mounted.at(file), self._kind(file)
        call = self._call(path, dry=True, asks=lambda: permissions.reading_attribute(
            self._process, one, kind, attribute))
        self._mounted.do("removexattr", file, key=attribute, call=call)
        return one.xattrs[attribute]

    def listxattr(self, path: Name, *, follow_symlinks: bool = True) -> list[str]:
        """``os.listxattr``, in order; ``trusted`` ones are shown to root only.

        Raises:
            OSError: as resolution.
        """
        file = self._resolver(path).existing(path, follow=follow_symlinks)
        self._mounted.do("stat", file, call=self._call(path))
        return sorted(key for key in self._mounted.at(file).xattrs
                      if self._process.root or not key.startswith("trusted."))

    # Changing what is there.

    def truncate(self, path: Name, length: int) -> None:
        """``os.truncate``, as opening the file for writing and ``ftruncate`` do.

        Raises:
            OSError: as resolution; EACCES, EISDIR; EINVAL for a length below 0, or a FIFO.
        """
        if length < 0:
            raise error("EINVAL", path)
        file = self._resolver(path).existing(path)
        if self._mounted.kind(file) == FIFO:
            raise error("EINVAL", path)
        old = self._mounted.at(file).content
        new = old[:length].ljust(length, b"\0")
        call = self._call(path, asks=self._may(file, WRITE), first=("EISDIR",))
        if len(old) == length:  # no modification, unlike by ftruncate (vfs_truncate sets no times)
            self._mounted.do("open-for-writing", file, call=call)
        else:
            self._mounted.do(_rule_for(old, new), file, content=new, call=call)
        self._keep(file, self._cleared(file))

    def chmod(self, path: Name, mode: int, *, follow_symlinks: bool = True) -> None:
        """``os.chmod``.

        Raises:
            OSError: as resolution; EPERM; EOPNOTSUPP for a symlink that is not followed.
        """
        file = self._resolver(path).existing(path, follow=follow_symlinks)
        if self._mounted.kind(file) == SYMLINK:
            raise error("EOPNOTSUPP", path)
        one = self._mounted.at(file)
        mode = permissions.permitted_mode(self._process, one, mode & 0o7777)
        call = self._call(path, asks=lambda: permissions.chmod(self._process, one))
        self._mounted.do("chmod", file, mode=mode, call=call)

    def chown(self, path: Name, uid: int, gid: int, *, follow_symlinks: bool = True) -> None:
        """``os.chown``; -1 leaves a number as it is.

        Raises:
            OSError: as resolution; EPERM.
        """
        file = self._resolver(path).existing(path, follow=follow_symlinks)
        one = self._mounted.at(file)
        owner = (one.owner[0] if uid == -1 else uid, one.owner[1] if gid == -1 else gid)
        mode = self._cleared(file, chowned=True)
        call = self._call(path, asks=lambda: permissions.chown(self._process, one, uid, gid, mode != one.mode))
        self._mounted.do("chown", file, owner=owner, call=call)
        self._keep(file, mode)

    def lchown(self, path: Name, uid: int, gid: int) -> None:
        """``os.lchown``; -1 leaves a number as it is.

        Raises:
            OSError: as resolution; EPERM.
        """
        self.chown(path, uid, gid, follow_symlinks=False)

    def utime(self, path: Name, times: tuple[float, float] | None = None, *, ns: tuple[int, int] | None = None,
              follow_symlinks: bool = True) -> None:
        """``os.utime``: times of access, which is not kept, and of modification, in seconds or nanoseconds.

        Raises:
            OSError: as resolution; EPERM, or EACCES where the time is now.
            ValueError: if both are given.
        """
        if times is not None and ns is not None:
            raise ValueError("times are either in seconds or in nanoseconds")
        file = self._resolver(path).existing(path, follow=follow_symlinks)
        when = ns[1] if ns is not None else self._clock() if times is None else int(times[1] * 10**9)
        one, now = self._mounted.at(file), times is None and ns is None
        call = self._call(path, asks=lambda: permissions.dating(self._process, one, now))
        self._mounted.do("utimes", file, time=when, call=call)

    def setxattr(self, path: Name, attribute: str, value: bytes, flags: int = 0, *,
                 follow_symlinks: bool = True) -> None:
        """``os.setxattr``.

        Raises:
            OSError: as resolution; EACCES, EPERM, EOPNOTSUPP.
            NotSaid: for flags.
        """
        if flags:
            raise NotSaid("the model does not say what flags of setxattr do")
        self._attribute("setxattr", path, attribute, follow_symlinks, value=bytes(value))

    def removexattr(self, path: Name, attribute: str, *, follow_symlinks: bool = True) -> None:
        """``os.removexattr``.

        Raises:
            OSError: as resolution; EACCES, EPERM, ENODATA, EOPNOTSUPP.
        """
        self._attribute("removexattr", path, attribute, follow_symlinks)

    def _attribute(self, rule: str, path: Name, attribute: str, follow_symlinks: bool, **named: Any) -> None:
        file = self._resolver(path).existing(path, follow=follow_symlinks)
        one, kind = self._mounted.at(file), self._kind(file)
        call = self._call(path, asks=lambda: permissions.writing_attribute(self._process, one, kind, attribute))
        self._mounted.do(rule, file, key=attribute, call=call, **named)

    # Names come and go.

    def mkdir(self, path: Name, mode: int = 0o777) -> None:
        """``os.mkdir``.

        Raises:
            OSError: as resolution; EACCES, EEXIST.
        """
        file = self._resolver(path).new(path, directory=True)
        self._made("mkdir", file, mode & 0o1777 & ~self.umask, path)

    def mkfifo(self, path: Name, mode: int = 0o666) -> None:
        """``os.mkfifo``.

        Raises:
            OSError: as resolution; EACCES, EEXIST.
        """
        self._made("mkfifo", self._resolver(path).new(path), mode & 0o7777 & ~self.umask, path)

    def mknod(self, path: Name, mode: int = 0o600, device: int = 0) -> None:
        """``os.mknod``, of a file or a FIFO; there is no device.

        Raises:
            OSError: as resolution; EACCES, EEXIST.
            NotSaid: for anything else.
        """
        rule = {0: "create", stat_bits.S_IFREG: "create", stat_bits.S_IFIFO: "mkfifo"}.get(stat_bits.S_IFMT(mode))
        if rule is None or device:
            raise NotSaid("the model has no devices and no sockets")
        self._made(rule, self._resolver(path).new(path), mode & 0o7777 & ~self.umask, path)

    def symlink(self, src: Name, dst: Name) -> None:
        """``os.symlink``.

        Raises:
            OSError: as resolution; EACCES, EEXIST; ENOENT and ENAMETOOLONG for what it shall point to, too.
        """
        content = os.fsencode(src)
        if not 0 < len(content) <= LONGEST_PATH:
            raise error("ENAMETOOLONG" if content else "ENOENT", src, dst)
        self._made("symlink", self._resolver(src, dst).new(dst), 0o777, src, dst, content=content)

    def link(self, src: Name, dst: Name, *, follow_symlinks: bool = False) -> None:
        """``os.link``; a symlink gets another name itself, as with link(2), unless it shall be followed.

        Raises:
            OSError: as resolution; EACCES, EEXIST, EPERM.
        """
        resolver, process = self._resolver(src, dst), self._process
        old = resolver.existing(src, follow=follow_symlinks)
        new = resolver.new(dst)
        directory, one, kind = self._mounted.at(parent(new)), self._mounted.at(old), self._kind(old)
        call = self._call(src, dst, first=_NO_NAME, asks=lambda: (
            permissions.linking(process, one, kind) if "hardlinks" in self._protected else None)
            or permissions.adding(process, directory))
        self._mounted.do("link", old, new, call=call)

    def unlink(self, path: Name) -> None:
        """``os.unlink``.

        Raises:
            OSError: as resolution; EACCES, EPERM, EISDIR; ENOTDIR for a slash at the end.
        """
        self._taken("unlink", self._resolver(path).unlinked(path), path)

    def rmdir(self, path: Name) -> None:
        """``os.rmdir``.

        Raises:
            OSError: as resolution; EACCES, EPERM, EBUSY, ENOTDIR, ENOTEMPTY; EINVAL for ``.``.
        """
        self._taken("rmdir", self._resolver(path).removed(path), path)

    def _taken(self, rule: str, file: str, path: Name) -> None:
        call = self._call(path, first=("ENOENT",), asks=lambda: permissions.removing(
            self._process, self._mounted.at(parent(file)), self._mounted.at(file)))
        self._mounted.do(rule, file, call=call)

    def rename(self, src: Name, dst: Name) -> None:
        """``os.rename``.

        Raises:
            OSError: as resolution; EACCES, EPERM, EBUSY, ENOTDIR, EINVAL, ENOTEMPTY, EISDIR, EXDEV.
        """
        old, new = self._resolver(src, dst).renamed(src, dst)
        early = ("ENOENT", "EINVAL", *(("ENOTEMPTY",) if within(old, new) else ()))
        call = self._call(src, dst, first=early, asks=lambda: self._may_rename(old, new))
        self._mounted.do(RENAMES, old, new, call=call)

    def _may_rename(self, old: str, new: str) -> str | None:
        """In the order of vfs_rename: taking the old name, making or taking the new one, then moving ``..``."""
        process, at, kind = self._process, self._mounted.at, self._mounted.kind
        there, directory = at(parent(new)), kind(old) == DIRECTORY
        refusal = permissions.removing(process, at(parent(old)), at(old)) or (
            permissions.adding(process, there) if kind(new) is None else
            permissions.removing(process, there, at(new)))
        # Where one is a directory and the other is not, the rule refuses before this is asked.
        fits = kind(new) is None or directory == (kind(new) == DIRECTORY)
        if refusal is None and directory and fits and parent(old) != parent(new):
            return self._may(old, WRITE)()
        return refusal


def _rule_for(old: bytes, new: bytes) -> str:
    """The rule that speaks of a file that held the one and then holds the other."""
    if old.startswith(new):
        return "truncate"
    return "append" if new.startswith(old) else "write"
