"""A container's upper as an operation leaves it: edits, in the order in which they are made.

The image's layers are never touched. What is to be changed is brought into the upper first, with all directories
on the way to it (*copy-up*); what is taken away leaves a whiteout where the image would show again.
"""

from __future__ import annotations

from collections.abc import Callable

from z3 import And, BoolVal, If, Implies, Not, Or

from layermodel.language.rules import (
    Definition,
    Presupposition,
    State,
    Term,
    Update,
    Witness,
    define,
    exists,
    forall,
)
from layermodel.language.writing import Change, another, presupposes, updates
from layermodel.objects import CONTAINER
from layermodel.union.words import (
    ATTRIBUTES,
    DIRECTORY,
    INDEX,
    INODE,
    PATH,
    above,
    attribute,
    below,
    beneath,
    breaks,
    inode,
    lower_inode,
    merged,
    seen,
)

Where = Callable[..., Term]
"""From a symbol's arguments to whether it is to be changed there."""


class Upper:
    """A container's upper, edited.

    Every edit speaks of the state before the operation. Where two edits set the same place, the later one holds.
    """

    def __init__(self, s: State, container: Term) -> None:
        """Begin with the upper of a container as it is."""
        self._before, self._container = s, container
        self._updates: dict[str, Update] = {}
        self._definitions: list[Definition] = []

    def edited(self) -> Change:
        """What is different after all edits."""
        return updates(self._updates, *self._definitions)

    # Copy-up.

    def copy_up_way(self, *paths: Term) -> None:
        """Copy up the directories on the way to the paths."""
        self.copy_up_directories(lambda q: Or([above(self._before, q, p) for p in paths]))

    def copy_up_directories(self, which: Callable[[Term], Term]) -> None:
        """Copy up directories, without what is in them; every inode keeps the attributes with which it is seen."""
        s, c = self._before, self._container
        new = lambda q: And(which(q), Not(s.has_upper(c, q)))
        raised, meaning = define("raised", [INODE], lambda i: exists(
            PATH, lambda q: And(new(q), lower_inode(s, c, q) == i)))
        self._definitions.append(meaning)
        self._begin("has_upper", lambda d, q: Or(s.has_upper(d, q), And(d == c, which(q))))
        self._begin("upper", lambda d, q: If(And(d == c, new(q)), lower_inode(s, c, q), s.upper(d, q)))
        self._begin("copied", lambda d, i: Or(s.copied(d, i), And(d == c, raised(i))))
        for name in ATTRIBUTES:
            self._begin(name, self._as_seen(name))

    def _as_seen(self, name: str) -> Update:
        s, c = self._before, self._container
        return lambda d, i, *k: If(d == c, attribute(s, name)(c, i, *k), getattr(s, name)(d, i, *k))

    def copy_up(self, path: Term, as_: Term, *to: Term) -> None:
        """Copy up what is at the path, as an inode, to these places, with the directories on the way to all."""
        s, c = self._before, self._container
        i = inode(s, c, path)
        self.copy_up_way(path, *to)
        for place in to:
            self.place(place, as_)
        self._is_of_kind(as_, s.kind(i))
        for name in ATTRIBUTES:
            self.set_attribute(as_, name, lambda d, x, *k, name=name: attribute(s, name)(c, i, *k))

    # What is where.

    def place(self, path: Term, inode_: Term) -> None:
        """The upper has the inode at the path, and no whiteout."""
        here = self._at(path)
        self._set("has_upper", here, lambda d, q: BoolVal(True))
        self._set("upper", here, lambda d, q: inode_)
        self._set("whiteout", here, lambda d, q: BoolVal(False))
        self._set("copied", self._of(inode_), lambda d, i: BoolVal(True))

    def make(self, path: Term, new: Term, kind: Term, **attributes: Term) -> None:
        """A new inode is at the path; a directory over a whiteout is opaque, as the image must not show in it."""
        s, c = self._before, self._container
        self.place(path, new)
        self._set("opaque", self._at(path), lambda d, q: And(
            kind == DIRECTORY, Or(s.whiteout(c, path), s.opaque_always)))
        self._is_of_kind(new, kind)
        fresh = {"content": s.empty, "owner": s.creator, "mtime": s.now, "xattr": s.unset, **attributes}
        for name, value in fresh.items():
            self.set_attribute(new, name, lambda d, i, *k, value=value: value)

    def take(self, path: Term) -> None:
        """The name is taken away: a whiteout is left exactly where the image would show again."""
        here = self._at(path)
        self._set("has_upper", here, lambda d, q: BoolVal(False))
        self._set("whiteout", here, lambda d, q: beneath(self._before, self._container, path))
        self._set("redirected", here, lambda d, q: BoolVal(False))
        self._set("opaque", here, lambda d, q: BoolVal(False))

    def release(self, path: Term) -> None:
        """The upper no longer holds the inode that was at the path, unless it has another name."""
        s, c = self._before, self._container
        i = inode(s, c, path)
        other = exists(PATH, lambda q: And(
            q != path, Or(And(s.has_upper(c, q), s.upper(c, q) == i),
                          And(s.index, below(s, c, q), lower_inode(s, c, q) == i))))
        self._set("copied", lambda d, x: And(d == c, seen(s, c, path), x == i),
                  lambda d, x: And(s.copied(d, x), other))

    # Attributes.

    def set_attribute(self, of: Term, name: str, value: Callable[..., Term]) -> None:
        """An attribute of an inode in the upper is this."""
        self._set(name, self._of(of), value)

    def date(self, path: Term) -> None:
        """The directory that the path is a name in was changed now."""
        s, c = self._before, self._container
        self.set_attribute(inode(s, c, s.parent(path)), "mtime", lambda d, i: s.now)

    # Directories with all that is in them.

    def empty(self, path: Term) -> None:
        """Nothing is in the directory, and the image is not looked at from it or from anything in it."""
        s, c = self._before, self._container
        inside = self._in(path)
        for name in ("has_upper", "whiteout", "opaque", "redirected"):
            self._set(name, inside, lambda d, q: BoolVal(False))
        self._set("has_source", inside, lambda d, q: And(s.has_source(c, q), s.anchor(c, q) == s.anchor(c, path)))
        self._set("anchor", inside, lambda d, q: s.anchor(c, path))

    def move_all_in(self, source: Term, target: Term) -> None:
        """What was in the source is in the target, and the image is looked at for it where it was before."""
        s, c = self._before, self._container
        inside, old = self._in(target), lambda x: s.moved(target, source, x)
        for name in ("has_upper", "whiteout", "opaque", "redirected", "has_source"):
            self._set(name, inside, lambda d, x, name=name: And(
                s.fits(target, source, x), getattr(s, name)(c, old(x))))
        for name in ("upper", "redirect", "source"):
            self._set(name, inside, lambda d, x, name=name: getattr(s, name)(c, old(x)))
        # An anchor in the directory moves along; for all else the directory itself is the anchor now.
        self._set("anchor", inside, lambda d, x: If(
            And(s.fits(target, source, x), above(s, source, s.anchor(c, old(x)))),
            s.moved(source, target, s.anchor(c, old(x))), target))

    def redirect(self, target: Term, source: Term) -> None:
        """The target is redirected to where the image has its part in the source; if it has none, it is opaque."""
        s, c = self._before, self._container
        here = self._at(target)
        self._set("opaque", here, lambda d, x: Not(has_part(s, c, source)))
        self._set("redirected", here, lambda d, x: has_part(s, c, source))
        self._set("redirect", here, lambda d, x: If(
            s.redirected(c, source), s.redirect(c, source), s.source(c, source)))

    # How an edit becomes an update.

    def _begin(self, symbol: str, update: Update) -> None:
        """Update a symbol that no edit has touched yet."""
        if symbol in self._updates:
            raise ValueError(f"{symbol} was edited before directories were copied up, which would be lost")
        self._updates[symbol] = update

    def _set(self, symbol: str, where: Where, value: Callable[..., Term]) -> None:
        """A symbol has a value at some places; elsewhere it is as the edits before leave it."""
        old = self._updates.get(symbol, getattr(self._before, symbol))
        self._updates[symbol] = lambda *a: If(where(*a), value(*a), old(*a))

    def _is_of_kind(self, new: Term, kind: Term) -> None:
        self._set("kind", lambda x: x == new, lambda x: kind)

    def _at(self, path: Term) -> Where:
        return lambda d, q: And(d == self._container, q == path)

    def _in(self, path: Term) -> Where:
        return lambda d, q: And(d == self._container, above(self._before, path, q))

    def _of(self, of: Term) -> Where:
        return lambda d, i, *k: And(d == self._container, i == of)


def has_part(s: State, container: Term, path: Term) -> Term:
    """The image has a part in the directory at the path."""
    return Or(below(s, container, path), merged(s, container, path))


def new_inode(s: State, inode_: Term) -> Presupposition:
    """An operation that makes something makes a new inode."""
    return presupposes(_new(s, inode_), "the inode is new")


def own_copy(s: State, container: Term, path: Term, inode_: Term) -> Presupposition:
    """The inode is that which what is at the path has in the upper: its own, or a new one if hard links break."""
    i, new = inode(s, container, path), another(INODE)
    return presupposes(
        Implies(seen(s, container, path), If(breaks(s, container, i), _new(s, inode_), inode_ == i)),
        "if the container sees something at the path: the inode is the one that the container sees there or (if "
        f"copy-up breaks that one's hard links {INDEX.off}) a new one",
        Witness((new,), {"inode": If(breaks(s, container, i), new, i)}))


def _new(s: State, inode_: Term) -> Term:
    """No name is this inode's."""
    return And(Not(s.in_image(inode_)), forall([CONTAINER], lambda d: Not(s.copied(d, inode_))))
