"""Pathname resolution: what a path leads to, before a rule of the machine is asked about it.

A :class:`Resolver` turns the path that a call is given into a path of the machine, or refuses it, as POSIX.1-2017
4.13 and path_resolution(7) have it, with the errors of Linux in the order of fs/namei.c where POSIX leaves a
choice. It follows symlinks, so that the machine, whose symlinks point nowhere, has none on the way. What then
refuses or changes is the machine's.

The root of the mount is the root of all paths, as after ``chroot``, and the working directory of all processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from layermodel.union.errors import error
from layermodel.union.stored import joined, parent
from layermodel.union.trees import DIRECTORY, SYMLINK

Name = str | bytes | os.PathLike[str] | os.PathLike[bytes]

LONGEST_NAME, LONGEST_PATH, MOST_LINKS = 255, 4095, 40
"""NAME_MAX, PATH_MAX without the byte at its end, MAXSYMLINKS: bytes, bytes, and symlinks in one path."""


class Seen(Protocol):
    """What resolution has to know of a file system."""

    def kind(self, path: str) -> int | None:
        """What is at a path."""

    def target(self, path: str) -> str:
        """Where the symlink at a path points."""

    def search(self, path: str) -> str | None:
        """Why the process may not look up names in a directory: an errno, or None."""

    def follow(self, path: str) -> str | None:
        """Why the process may not follow the symlink at the end of a path: an errno, or None."""


class Last(Enum):
    """What the last component of a path is."""

    NAME, DOT, DOTDOT, ROOT = range(4)


@dataclass(frozen=True)
class End:
    """A path up to its last component, which was not looked up.

    Attributes:
        directory: what the last component is a name in.
        name: the last component.
        slash: whether slashes follow it.
    """

    directory: str
    name: str
    slash: bool

    @property
    def last(self) -> Last:
        """What the last component is."""
        return {"": Last.ROOT, ".": Last.DOT, "..": Last.DOTDOT}.get(self.name, Last.NAME)

    @property
    def path(self) -> str:
        """The path of the machine, if it is no symlink that is followed."""
        match self.last:
            case Last.NAME:
                return joined(self.directory, self.name)
            case Last.DOTDOT:
                return parent(self.directory)
        return self.directory


@dataclass
class Resolver:
    """Resolves the paths of one call.

    Every method raises :class:`OSError` for the given files: ENOENT, ENOTDIR, EACCES, ELOOP or ENAMETOOLONG for
    what is on the way, and what it names itself.
    """

    seen: Seen
    files: tuple[Name, ...]

    def _error(self, name: str) -> OSError:
        return error(name, *self.files)

    def _refuse(self, name: str | None) -> None:
        if name is not None:
            raise self._error(name)

    # On the way.

    def _begun(self, name: Name) -> str:
        text = os.fsdecode(name)
        if "\0" in text:
            raise ValueError("embedded null byte")
        if not text:
            raise self._error("ENOENT")
        if len(os.fsencode(text)) > LONGEST_PATH:
            raise self._error("ENAMETOOLONG")
        return text

    def _there(self, path: str) -> int | None:
        """Look up the last name of a path: what kind it is."""
        if len(os.fsencode(path.rpartition("/")[2])) > LONGEST_NAME:
            raise self._error("ENAMETOOLONG")
        return self.seen.kind(path)

    def end(self, name: Name) -> End:
        """Go all the way but for the last component."""
        return self._walk("", self._begun(name), _Budget(self._error))

    def _walk(self, directory: str, text: str, budget: _Budget) -> End:
        """Go from a directory to the last component of a path."""
        at = "" if text.startswith("/") else directory
        todo = _components(text)
        while todo:
            self._refuse(self.seen.search(at))
            name = todo.pop(0)
            if not todo:
                return End(at, name, text.endswith("/"))
            step = End(at, name, False)
            at = step.path
            if step.last is not Last.NAME:
                continue
            kind = self._there(at)
            if kind == SYMLINK:
                target = self._target(at, budget)
                todo = _components(target) + todo
                at = "" if target.startswith("/") else step.directory
            elif kind != DIRECTORY:
                raise self._error("ENOENT" if kind is None else "ENOTDIR")
        return End(at, "", False)

    def _target(self, path: str, budget: _Budget) -> str:
        budget.spend()
        text = self.seen.target(path)
        if not text:
            raise self._error("ENOENT")  # Linux makes no such symlink; a layer may hold one
        return text

    def _followed(self, name: Name, *, follow: bool, directory: bool = False, creates: bool = False) -> End:
        """Go to the end, and on from there while it is a symlink to be followed.

        Slashes after the last component ask for a directory, and follow; where a file would be made, EISDIR.
        """
        budget = _Budget(self._error)
        end = self._walk("", self._begun(name), budget)
        while end.last is Last.NAME:
            if end.slash and creates:
                raise self._error("EISDIR")
            follow, directory = follow or end.slash, directory or end.slash
            kind = self._there(end.path)
            if kind != SYMLINK or not follow:
                if directory and kind not in (None, DIRECTORY):
                    raise self._error("ENOTDIR")
                return end
            target = self._target(end.path, budget)
            self._refuse(self.seen.follow(end.path))
            end = self._walk(end.directory, target, budget)
        return end

    # What a call makes of the last component.

    def existing(self, name: Name, *, follow: bool = True, directory: bool = False) -> str:
        """The path of something that is there, and is a directory if it has to be one."""
        end = self._followed(name, follow=follow, directory=directory)
        if self.seen.kind(end.path) is None:
            raise self._error("ENOENT")
        return end.path

    def opened(self, name: Name, *, follow: bool, exclusive: bool) -> str:
        """Where ``open`` with O_CREAT finds or makes something; with O_EXCL, EEXIST for what is no name."""
        end = self._followed(name, follow=follow, creates=True)
        if exclusive and end.last is not Last.NAME:
            raise self._error("EEXIST")
        return end.path

    def new(self, name: Name, directory: bool = False) -> str:
        """A name to be made: EEXIST for what is no name; ENOENT for slashes at the end, but of a directory's."""
        end = self.end(name)
        if end.last is not Last.NAME:
            raise self._error("EEXIST")
        if self._there(end.path) is None and end.slash and not directory:
            raise self._error("ENOENT")
        return end.path

    def unlinked(self, name: Name) -> str:
        """A name to be taken from something that is no directory: EISDIR for ``.``, ``..`` and the root.

        With slashes at the end it is EISDIR for a directory and ENOTDIR for anything else.
        """
        end = self.end(name)
        if end.last is not Last.NAME:
            raise self._error("EISDIR")
        kind = self._there(end.path)
        if kind is not None and end.slash:
            raise self._error("EISDIR" if kind == DIRECTORY else "ENOTDIR")
        return end.path

    def removed(self, name: Name) -> str:
        """A directory to be removed: EINVAL for ``.``, ENOTEMPTY for ``..``, EBUSY for the root."""
        end = self.end(name)
        self._refuse({Last.DOT: "EINVAL", Last.DOTDOT: "ENOTEMPTY", Last.ROOT: "EBUSY"}.get(end.last))
        self._there(end.path)
        return end.path

    def renamed(self, source: Name, target: Name) -> tuple[str, str]:
        """Two names: EBUSY for ``.``, ``..`` and the root; slashes at the end of either ask for a directory."""
        old, new = self.end(source), self.end(target)
        if old.last is not Last.NAME or new.last is not Last.NAME:
            raise self._error("EBUSY")
        kind = self._there(old.path)
        if kind is None:
            raise self._error("ENOENT")
        self._there(new.path)
        if kind != DIRECTORY and (old.slash or new.slash):
            raise self._error("ENOTDIR")
        return old.path, new.path


@dataclass
class _Budget:
    """Counts the symlinks of one path."""

    error: Callable[[str], OSError]
    left: int = MOST_LINKS

    def spend(self) -> None:
        if self.left == 0:
            raise self.error("ELOOP")
        self.left -= 1


def _components(text: str) -> list[str]:
    return [name for name in text.split("/") if name]
