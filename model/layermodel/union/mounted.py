"""A mounted union: its state, and the rules of the machine run on windows of it.

Every change and every refusal of a :class:`Mounted` is that of a compiled rule (:mod:`layermodel.union.rules`). It
knows paths of the machine only: from the root of the mount, with no symlink on the way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from layermodel.language.ground import Vector
from layermodel.union.errors import NotSaid, error
from layermodel.union.layers import Attributes, Layer, Present
from layermodel.union.merging import merged, put_upper
from layermodel.union.rules import UNION
from layermodel.union.stored import moved_to
from layermodel.union.trees import DIRECTORY
from layermodel.union.windows import Window
from layermodel.union.words import DIALECTS

RENAMES = ("rename-to-itself", "rename", "rename-directory")
_LOOKING = frozenset(rule.name for rule in UNION.rules if not rule.step(UNION.state).effect.updates)
_TAKES = ("unlink", "rmdir", *RENAMES)
_COUNTS = ("fuse-overlayfs",)
"""Dialects in which numbers of links are what is seen, also of merged directories (measured: union, row 43)."""


@dataclass
class Descriptor:
    """An open file: its inode, the name that it was opened by or that this became, and where it is read next."""

    path: str
    inode: int
    flags: int
    position: int = 0

    @property
    def reads(self) -> bool:
        """Whether it was opened for reading."""
        return self.flags & os.O_ACCMODE != os.O_WRONLY

    @property
    def writes(self) -> bool:
        """Whether it was opened for writing."""
        return self.flags & os.O_ACCMODE != os.O_RDONLY


@dataclass(frozen=True)
class Call:
    """What an operation is asked to do beside what the rule is told.

    Attributes:
        files: the names for an error.
        creator: user and group of what is made.
        permit: raises if the process may not do it.
        first: the refusals of the rule that come before that; all others come after it.
        dry: refuse as the rule does, but change nothing.
    """

    files: tuple[Any, ...] = ()
    creator: tuple[int, int] = (0, 0)
    permit: Callable[[], None] | None = None
    first: Collection[str] = ()
    dry: bool = False


class Mounted:
    """Layers, an upper, and what is open."""

    def __init__(self, layers: Sequence[Layer], dialect: str, upper: Layer | None,
                 index: Mapping[int, Present], clock: Callable[[], int]) -> None:
        """Mount the layers, bottom first.

        Raises:
            ValueError: if there is no such dialect, or a layer or the upper is not a tree.
        """
        if dialect not in DIALECTS:
            raise ValueError(f"there is no dialect {dialect!r}, only {', '.join(DIALECTS)}")
        self.clock = clock
        self.dialect = dialect
        self.traits = tuple(DIALECTS[dialect][trait.name] for trait in UNION.traits)
        self.tree = merged(layers)
        self._next = max(self.tree.kind) + 1
        self.descriptors: dict[int, Descriptor] = {}
        self.orphans: dict[int, Attributes] = {}
        self._shown: dict[str, int | None] = {}
        window = Window(self.tree, [""])
        window.write_back(window.begin(), 0, self._next)
        if upper is not None:
            put_upper(self.tree, upper, index if DIALECTS[dialect]["index"] else None)
            self._next = max(self.tree.kind) + 1

    # What is there.

    def shows(self, path: str) -> int | None:
        """The inode seen at a path, or None."""
        if path not in self._shown:
            self._shown[path] = Window(self.tree, [path], bare=True).shows(path)
        return self._shown[path]

    def kind(self, path: str) -> int | None:
        """What is seen at a path: directory, file, symlink or FIFO, as the machine numbers them."""
        number = self.shows(path)
        return None if number is None else self.tree.kind[number]

    def of(self, number: int) -> Attributes:
        """An inode's attributes: the upper's if it holds it, else the image's (union.words.attribute)."""
        tree = self.tree
        return tree.copied.get(number) or self.orphans.get(number) or tree.built[number]

    def found(self, path: str) -> int:
        """The inode seen at a path.

        Raises:
            KeyError: if nothing is.
        """
        number = self.shows(path)
        if number is None:
            raise KeyError(path)
        return number

    def at(self, path: str) -> Attributes:
        """The attributes of what is at a path.

        Raises:
            KeyError: if nothing is.
        """
        return self.of(self.found(path))

    def inside(self, directory: str) -> list[str]:
        """The paths that are seen in a directory, sorted."""
        return [path for path in self.tree.inside(directory) if self.shows(path) is not None]

    def names(self, number: int) -> list[str]:
        """The paths at which an inode is seen, sorted."""
        return [path for path in sorted(self.tree.paths(number)) if self.shows(path) == number]

    def links(self, number: int) -> int:
        """The number of links that ``stat`` shows.

        For a directory, one for a merged one, since the kernel does not count (ovl_getattr: "nlink=1 seems to
        pacify find"; measured: union, row 43); for any other, and with fuse-overlayfs for all, two and one for
        each directory in it.

        For anything else the names that are seen, but: without an index, what is the image's has as many as in its
        layer, whatever became of the others (rows 24 and 25: copy-up of one of two, or removal, leaves the other
        with two), and one after the last is removed (row 33). With the kernel's index, names in its layer that
        another layer hides are counted, too.
        """
        tree, seen = self.tree, self.names(number)
        if tree.kind[number] == DIRECTORY:
            return self._directory_links(seen[0]) if seen else 0
        if number in tree.linked and DIALECTS[self.dialect]["index"]:
            hidden = tree.names[number] - len(tree.lower.of[number])
            return len(seen) + (0 if self.dialect in _COUNTS else hidden)
        ours = number in tree.copied or number in self.orphans
        return len(seen) if ours else tree.names[number]

    def _directory_links(self, path: str) -> int:
        tree = self.tree
        several = (Window(tree, [path], bare=True).merges(path) if path in tree.upper.at
                   else self.shows(path) in tree.merged)
        if several and self.dialect not in _COUNTS:
            return 1
        return 2 + sum(self.kind(child) == DIRECTORY for child in self.inside(path))

    # Windows and rules.

    def _window(self, rules: Sequence[str], path: str, target: str | None, key: str | None,
                creator: tuple[int, int]) -> Window:
        """The part of the tree that a rule asks about."""
        tree, named = self.tree, [path] if target is None else [path, target]
        paths, move = list(named), None
        if rules[0] in _TAKES:
            for one in named:
                for number in (tree.lower.at.get(tree.source(one)), tree.upper.at.get(one)):
                    paths += () if number is None else tree.paths(number)
        if rules[0] == "rmdir":
            paths += self._all_inside(path)
        if target is not None and rules == RENAMES:
            move = (path, target)
            paths += self._all_inside(target)
            paths += tree.upper.below(path) if path else ()  # nothing moves with the root, which is not renamed
        return Window(tree, paths, key=key, creator=creator, move=move)

    def _all_inside(self, path: str) -> list[str]:
        """What a rule that asks whether a directory is empty has to know: one name if any is seen, else all marks.

        A directory with a name in it refuses to go, whatever else is in it.
        """
        seen = next((child for child in self.tree.inside(path) if self.shows(child) is not None), None)
        return list(self.tree.upper.below(path)) if seen is None else [seen]

    def do(self, rules: str | tuple[str, ...], path: str, target: str | None = None, *, key: str | None = None,
           call: Call = Call(), **named: Any) -> None:
        """Run the one rule that speaks of this.

        Raises:
            OSError: as the rule refuses, or the call permits.
            NotSaid: if no rule speaks of it, or it concerns more paths than a window has.
        """
        rules = (rules,) if isinstance(rules, str) else rules
        window = self._window(rules, path, target, key, call.creator)
        named = {"path": path, **({} if target is None else {"target": target}), **named}
        for rule in rules:
            arguments = window.arguments(rule, self.traits, named)
            if arguments is None:
                continue
            refusal, after = window.run(rule, self.traits, arguments)
            if refusal in call.first and refusal is not None:
                raise error(refusal, *call.files)
            if call.permit is not None and rule != "rename-to-itself":  # that does nothing, and is for all
                call.permit()
            if refusal is not None:
                raise error(refusal, *call.files)
            if not call.dry and rule not in _LOOKING:
                self._written(window, rule, arguments, after, path, target)
            return
        raise NotSaid(f"the model does not say what {' or '.join(rules)} does at {path!r}")

    def _written(self, window: Window, rule: str, arguments: Vector, after: Vector, path: str,
                 target: str | None) -> None:
        names = [p.name for p in UNION.rule_by_name[rule].parameters]
        old = window.shows(path)
        chosen = arguments[names.index("inode")] if "inode" in names else None
        number = None if chosen is None else (
            self._next if chosen == window.compiled.spare else window.inodes[chosen])
        released = window.write_back(after, self.clock(), self._next)
        self._shown.clear()
        self._next += number == self._next
        for one in self.descriptors.values():
            if one.inode in released:
                self.orphans[one.inode] = released[one.inode]
            if number is not None and (one.path, one.inode) == (path, old):
                one.inode = number
            if rule in RENAMES and target is not None:
                one.path = moved_to(path, target, one.path) or one.path

    # What is open.

    def opened(self, path: str, flags: int) -> int:
        """Have what is at a path open under the lowest free number, which is returned."""
        free = next(n for n in range(3, len(self.descriptors) + 4) if n not in self.descriptors)
        self.descriptors[free] = Descriptor(path, self.found(path), flags)
        return free

    def close(self, number: int) -> None:
        """Close what is open under a number; an inode without a name goes with its last."""
        gone = self.descriptors.pop(number).inode
        if all(one.inode != gone for one in self.descriptors.values()):
            self.orphans.pop(gone, None)

    def name(self, one: Descriptor) -> str | None:
        """A name of the descriptor's inode: that it was opened by if it is still one."""
        names = self.names(one.inode)
        return one.path if one.path in names else next(iter(names), None)

    def change(self, one: Descriptor, rule: str, name: str, attribute: str, value: Any) -> None:
        """Change an attribute of a descriptor's inode, by the rule at its name."""
        path = self.name(one)
        if path is not None:
            self.do(rule, path, **{name: value})
            return
        changed = {attribute: value} | ({"mtime": self.clock()} if attribute == "content" else {})
        self.orphans[one.inode] = replace(self.of(one.inode), **changed)
