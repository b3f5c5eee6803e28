"""Deliberately wrong union file systems: what a forgotten check or a careless copy-up would do."""

from __future__ import annotations

from collections.abc import Callable

from z3 import And, BoolVal, If, Not, Or

from layermodel.language.rules import Arguments, State, Term, exists
from layermodel.objects import CONTAINER
from layermodel.union.words import DIRECTORY, PATH, above, attribute, inode, seen
from layerproof.laws.mutant import (
    Change,
    Mutant,
    both,
    forgets,
    half_happens,
    presupposes,
    refuses,
    sets,
    without,
)

# Ways of changing a union file system's rules.


def _elsewhere(symbol: str, where: Callable[..., Term], value: Callable[..., Term]) -> Change:
    """Update a symbol as it should be, but otherwise at some places.

    Args:
        where: from the state, the rule's arguments and the symbol's to whether it is such a place.
        value: from the same to the value there.
    """
    def to(right: Callable[..., Term], s: State, a: Arguments) -> Callable[..., Term]:
        return lambda *at: If(where(s, a, *at), value(s, a, *at), right(*at))
    return sets(symbol, to)


def _at(*paths: str) -> Callable[..., Term]:
    """At the paths that are these arguments, in the container in which the operation happens."""
    return lambda s, a, d, q: And(d == a.container, Or([q == getattr(a, path) for path in paths]))


def _beside(s: State, a: Arguments, d: Term, q: Term) -> Term:
    """At the names in the directory of the path, in the container in which the operation happens."""
    return And(d == a.container, s.parent(q) == s.parent(a.path))


def _under(path: str) -> Callable[..., Term]:
    """Under a path that is an argument, in the container in which the operation happens."""
    return lambda s, a, d, q: And(d == a.container, above(s, getattr(a, path), q))


def _of_the_inode(_: State, a: Arguments, d: Term, i: Term, *__: Term) -> Term:
    """Of the operation's inode, in the container in which it happens."""
    return And(d == a.container, i == a.inode)


def _no(*_: object) -> Term:
    return BoolVal(False)


def _yes(*_: object) -> Term:
    return BoolVal(True)


def _before(symbol: str) -> Callable[..., Term]:
    """What the symbol was before the operation."""
    return lambda s, a, *at: getattr(s, symbol)(*at)


def _attribute_before(name: str) -> Callable[..., Term]:
    """What the attribute of what is at the path was before the operation."""
    return lambda s, a, d, i, *k: attribute(s, name)(d, inode(s, d, a.path), *k)


def _drops(name: str) -> Change:
    """What is copied up has, of one attribute, what the upper happened to have for that inode."""
    return sets(name, lambda right, s, a: lambda d, i, *k: If(
        And(d == a.container, Not(s.copied(d, i))), getattr(s, name)(d, i, *k), right(d, i, *k)))


def _lower(name: str, value: Callable[[State, Arguments], Term]) -> Change:
    """An attribute of the layer's own inode is changed."""
    return sets(f"lower_{name}", lambda right, s, a: lambda i, *k: If(
        i == inode(s, a.container, a.path), value(s, a), right(i, *k)))


def _no_whiteout(path: str) -> Change:
    """No whiteout is left at the path that is this argument of the rule."""
    return _elsewhere("whiteout", _at(path), _no)


def _always_whiteout() -> Change:
    """A whiteout is left though the image has nothing there."""
    return _elsewhere("whiteout", _at("path"), _yes)


_COPY_UP = (
    *(Mutant(f"copy-up-loses-{name}", ("open-for-writing",), f"Copy-up loses the {name}.", "COW-3", _drops(name),
             bug) for name, bug in (
                 ("content", "measured: union, row 49"), ("mode", "moby#34375"), ("owner", "moby#5505"),
                 ("mtime", "measured: union, row 44"), ("xattr", "moby#1070"))),
    Mutant("copy-up-dates-directory", ("chmod",), "Copying up a file dates the directory that it is in.", "COW-2",
           _elsewhere("mtime", lambda s, a, d, i: And(d == a.container, seen(s, a.container, a.path), i == inode(
               s, a.container, s.parent(a.path))), lambda s, a, d, i: s.now), "measured: union, row 44"),
    Mutant("write-in-place", ("write",), "A file is written where it is, in the layer.", "LOWER-2",
           _lower("content", lambda s, a: a.content), "containers/storage#1779"),
    Mutant("chmod-in-place", ("chmod",), "A mode is set in the layer.", "LOWER-2", _lower(
        "mode", lambda s, a: a.mode)),
    Mutant("unlink-in-place", ("unlink",), "A name is removed from the layer.", "LOWER-1",
           sets("has_lower", lambda right, s, a: lambda l, q: And(right(l, q), q != a.path))),
    Mutant("append-truncates", ("open-for-writing",), "To open a file for writing empties it.", "COW-3",
           _elsewhere("content", _of_the_inode, lambda s, a, d, i: s.empty)),
    Mutant("copy-up-of-neighbour", ("open-for-writing",), "The directory's other names are copied up as well.",
           "COW-10", both(
               _elsewhere("has_upper", lambda s, a, d, q: And(
                   _beside(s, a, d, q), q != s.root, Not(s.has_upper(d, q)), seen(s, d, q)), _yes),
               _elsewhere("upper", lambda s, a, d, q: And(
                   _beside(s, a, d, q), q != a.path, Not(s.has_upper(d, q)), seen(s, d, q)),
                   lambda s, a, d, q: inode(s, d, q)))),
    Mutant("copy-up-new-inode", ("chown",), "What is copied up is another inode than before.", "COW-9",
           presupposes("the inode is new to the container", lambda s, a: And(
               Not(s.in_image(a.inode)), Not(s.copied(a.container, a.inode)))), "measured: union, row 36"),
    Mutant("write-shared", ("write",), "What one container writes, another sees.", "LOWER-3", _elsewhere(
        "content", lambda s, a, d, i: And(d != a.container, i == inode(s, d, a.path)),
        lambda s, a, d, i: a.content)),
    Mutant("create-shared", ("create",), "What one container creates is in another's upper.", "LOWER-4", both(
        _elsewhere("has_upper", lambda s, a, d, q: And(q == a.path, s.has_upper(d, s.parent(q))), _yes),
        _elsewhere("upper", lambda s, a, d, q: And(q == a.path, Not(s.has_upper(d, q))),
                   lambda s, a, d, q: a.inode))),
    Mutant("opaque-shared", ("mkdir",), "What one container makes is opaque in another's upper.", "LOWER-5",
           _elsewhere("opaque", lambda s, a, d, q: And(d != a.container, q == a.path, s.has_upper(d, q)), _yes)),
)

_ATTRIBUTES = (
    Mutant("write-nothing", ("write",), "A write is lost.", "COW-4", _elsewhere(
        "content", _of_the_inode, _attribute_before("content"))),
    Mutant("write-undated", ("append",), "To append does not date the file.", "COW-4", _elsewhere(
        "mtime", _of_the_inode, _attribute_before("mtime"))),
    Mutant("truncate-empties", ("truncate",), "To shorten a file empties it.", "COW-4", _elsewhere(
        "content", _of_the_inode, lambda s, a, d, i: s.empty)),
    Mutant("truncate-resets-mode", ("truncate",), "To shorten a file sets its owner.", "COW-3", _elsewhere(
        "owner", _of_the_inode, lambda s, a, d, i: s.creator), "measured: union, row 6"),
    Mutant("chmod-of-parent", ("chmod",), "The directory has the new mode, too.", "COW-2", _elsewhere(
        "mode", lambda s, a, d, i: And(d == a.container, i == inode(s, d, s.parent(a.path))),
        lambda s, a, d, i: a.mode)),
    Mutant("chown-not", ("chown",), "The owner is not set.", "COW-4", _elsewhere(
        "owner", _of_the_inode, _attribute_before("owner"))),
    Mutant("utimes-now", ("utimes",), "A time that is set by hand is that of the operation.", "COW-4", _elsewhere(
        "mtime", _of_the_inode, lambda s, a, d, i: s.now)),
    Mutant("utimes-owner", ("utimes",), "Setting the time sets the owner.", "COW-3", _elsewhere(
        "owner", _of_the_inode, lambda s, a, d, i: s.creator)),
    Mutant("setxattr-clears", ("setxattr",), "To set an attribute removes the others.", "COW-4", _elsewhere(
        "xattr", lambda s, a, d, i, x: And(_of_the_inode(s, a, d, i), x != a.key),
        lambda s, a, d, i, x: s.unset)),
    Mutant("removexattr-keeps", ("removexattr",), "An attribute that is removed stays.", "COW-4", _elsewhere(
        "xattr", _of_the_inode, _attribute_before("xattr"))),
    Mutant("removexattr-absent", ("removexattr",), "An attribute that is not there is removed.", "PLAIN-13",
           without("ENODATA")),
    Mutant("read-dates", ("read",), "To read a file dates it.", "COW-12", _elsewhere(
        "mtime", lambda s, a, d, i: And(d == a.container, s.copied(d, i), i == inode(s, d, a.path)),
        lambda s, a, d, i: s.now), "measured: union, row 7"),
    Mutant("stat-copies", ("stat",), "To look at a directory makes it opaque.", "COW-12", _elsewhere(
        "opaque", lambda s, a, d, q: And(d == a.container, q == a.path, s.has_upper(d, q), q != s.root,
                                         s.kind(s.upper(d, q)) == DIRECTORY), _yes)),
    Mutant("remount-forgets-opaque", ("remount",), "Opaque marks are lost when it is mounted again.", "COW-12",
           _elsewhere("opaque", lambda s, a, d, q: d == a.container, _no), among=("mkdir", "rmdir", "unlink")),
    Mutant("list-forgets", ("list",), "To list a directory loses the whiteouts in it.", "COW-12", _elsewhere(
        "whiteout", lambda s, a, d, q: And(d == a.container, s.parent(q) == a.path), _no),
        "measured: union, row 40"),
    Mutant("readlink-of-file", ("readlink",), "A file is read as if it were a symlink.", "PLAIN-4",
           without("EINVAL")),
)

_NAMES = (
    Mutant("mkdir-not-opaque", ("mkdir",), "A directory made over a whiteout is not opaque.", "COW-7",
           forgets("opaque"), "moby#25244"),
    Mutant("create-unseen", ("create",), "A new file is not in the upper.", "COW-16", forgets("has_upper")),
    Mutant("create-keeps-whiteout", ("create",), "The whiteout stays beside the new file.", "VIEW-4",
           forgets("whiteout")),
    Mutant("create-undated", ("create",), "The directory of a new file is not dated.", "COW-17", _elsewhere(
        "mtime", lambda s, a, d, i: And(d == a.container, i == inode(s, d, s.parent(a.path))),
        lambda s, a, d, i: attribute(s, "mtime")(d, i))),
    Mutant("create-over", ("create",), "A name that is there is made again.", "PLAIN-2", without("EEXIST")),
    Mutant("create-nowhere", ("create",), "A name is made in a directory that is not there.", "PLAIN-2",
           without("ENOENT", "ENOTDIR")),
    Mutant("symlink-elsewhere", ("symlink",), "A symlink points to nothing.", "COW-16", _elsewhere(
        "content", _of_the_inode, lambda s, a, d, i: s.empty)),
    Mutant("mkfifo-file", ("mkfifo",), "A FIFO becomes a directory.", "COW-16",
           sets("kind", lambda right, s, a: lambda i: If(i == a.inode, DIRECTORY, right(i))),
           "measured: union, row 28"),
    Mutant("mkfifo-refused", ("mkfifo",), "A FIFO that cannot be made is there all the same.", "COW-11",
           half_happens("ENOENT", "mtime")),
    Mutant("create-exists-wrongly", ("mkdir",), "A name that was removed is said to be there.", "PLAIN-10",
           refuses("EEXIST", lambda when, s, a: Or(when, s.whiteout(a.container, a.path)))),
    Mutant("create-missing-wrongly", ("create",), "A name is said to be missing because it was removed.",
           "PLAIN-9",
           refuses("ENOENT", lambda when, s, a: Or(when, s.whiteout(a.container, a.path)))),
    Mutant("enotdir-wrongly", ("create",), "A directory of the image is said to be none.", "PLAIN-12",
           refuses("ENOTDIR", lambda when, s, a: Or(when, Not(s.has_upper(a.container, s.parent(a.path)))))),
    Mutant("unlink-no-whiteout", ("unlink",), "No whiteout is left, and the image shows again.", "COW-5",
           _no_whiteout("path")),
    Mutant("unlink-useless-whiteout", ("unlink",), "A whiteout is left though the image has nothing there.",
           "COW-8", _always_whiteout(), "measured: union, row 41"),
    Mutant("unlink-directory", ("unlink",), "A directory is removed like a file.", "PLAIN-4", without("EISDIR")),
    Mutant("unlink-holds", ("unlink",), "The upper goes on holding what has no name.", "VIEW-10",
           forgets("copied")),
    Mutant("unlink-neighbour", ("unlink",), "Another name of the directory goes as well.", "COW-1", _elsewhere(
        "has_upper", lambda s, a, d, q: And(_beside(s, a, d, q), q != s.root, Not(exists(
            PATH, lambda x: And(above(s, q, x), Or(s.has_upper(d, x), s.whiteout(d, x)))))), _no)),
    Mutant("rmdir-full", ("rmdir",), "A directory with something in it is removed.", "PLAIN-3",
           without("ENOTEMPTY")),
    Mutant("rmdir-empty-refused", ("rmdir",), "A directory whose names were removed is said not to be empty.",
           "PLAIN-11", refuses("ENOTEMPTY", lambda when, s, a: Or(when, exists(
               PATH, lambda q: And(above(s, a.path, q), s.whiteout(a.container, q))))), "measured: union, row 12"),
    Mutant("rmdir-root", ("rmdir",), "The root is removed.", "PLAIN-6", without("EBUSY")),
    Mutant("rmdir-leaves-whiteouts", ("rmdir",), "The whiteouts in a removed directory stay.", "VIEW-2",
           _elsewhere("whiteout", _under("path"), _before("whiteout")), "measured: union, row 22"),
    Mutant("rmdir-no-whiteout", ("rmdir",), "No whiteout is left for a directory of the image.", "COW-5",
           _no_whiteout("path")),
    Mutant("rmdir-of-file", ("rmdir",), "A file is removed as if it were a directory.", "PLAIN-4",
           without("ENOTDIR")),
)

_LINKS = (
    Mutant("link-copies", ("link",), "A hard link is a copy of its own.", "COW-15", _elsewhere(
        "upper", _at("target"), lambda s, a, d, q: inode(s, d, s.root)),
        "containers/storage#601"),
    Mutant("link-of-directory", ("link",), "A directory has two names.", "VIEW-7", without("EPERM")),
    Mutant("link-of-nothing", ("link",), "What is not there is linked.", "PLAIN-1", without("ENOENT")),
    Mutant("hard-links-kept", ("open-for-writing",), "Without an index a hard link of the image survives copy-up.",
           "VIEW-12", presupposes("the inode is the one that the container sees at the path",
                                  lambda s, a: a.inode == inode(s, a.container, a.path)),
           "measured: union, row 24"),
    Mutant("hard-link-split", ("open-for-writing",), "With an index a hard link of the image breaks at copy-up.",
           "COW-9", presupposes("the inode is new", lambda s, a: And(
               Not(s.in_image(a.inode)), Not(exists(CONTAINER, lambda d: s.copied(d, a.inode)))))),
)

_RENAMES = (
    Mutant("rename-leaves", ("rename",), "The old name stays.", "COW-5", _elsewhere(
        "has_upper", _at("path"), _before("has_upper"))),
    Mutant("rename-no-whiteout", ("rename",), "No whiteout is left at the old name.", "COW-5",
           _no_whiteout("path")),
    Mutant("rename-loses-mode", ("rename",), "What is renamed loses its mode.", "COW-13", _drops("mode")),
    Mutant("rename-over-directory", ("rename",), "A file is renamed over a directory.", "PLAIN-5",
           without("EISDIR")),
    Mutant("rename-merged", ("rename-directory",), "A directory that the image has a part in is renamed.",
           "PLAIN-8",
           without("EXDEV"), "measured: union, row 19"),
    Mutant("rename-exdev-always", ("rename-directory",), "A directory of the upper cannot be renamed.", "PLAIN-7",
           refuses("EXDEV", lambda when, s, a: Not(Or(s.under(a.path, a.target), s.under(a.target, a.path)))),
           "measured: union, row 20"),
    Mutant("rename-into-itself", ("rename-directory",), "A directory is moved into itself.", "PLAIN-5",
           without("EINVAL")),
    Mutant("rename-over-full", ("rename-directory",), "A directory replaces one with something in it.", "PLAIN-3",
           without("ENOTEMPTY")),
    Mutant("rename-content-stays", ("rename-directory",), "What is in a renamed directory does not move along.",
           "COW-14", _elsewhere("has_upper", _under("target"), _no)),
    Mutant("rename-not-opaque", ("rename-directory",), "A renamed directory is not opaque.", "COW-19",
           _elsewhere("opaque", _at("target"), _no), "measured: union, row 20"),
    Mutant("rename-leaves-directory", ("rename-directory",),
           "A directory that was made again stays at its old name.",
           "COW-5", _no_whiteout("path"), "fuse-overlayfs 1.10, found by this project"),
    Mutant("rename-to-itself-touches", ("rename-to-itself",), "To rename to the same file dates it.", "COW-12",
           _elsewhere("mtime", lambda s, a, d, i: And(d == a.container, s.copied(d, i), i == inode(s, d, a.path)),
                      lambda s, a, d, i: s.now)),
)

_REDIRECTS = (
    Mutant("redirect-opaque", ("rename-directory",), "A redirected directory is opaque, too.", "VIEW-13",
           _elsewhere("opaque", _at("target"), _yes)),
    Mutant("redirect-unnoticed", ("rename-directory",), "What is in a redirected directory is looked for as if it "
           "were not.", "VIEW-14", _elsewhere("anchor", _under("target"), _before("anchor"))),
    Mutant("redirect-to-itself", ("rename-directory",), "A renamed directory is redirected to its new name.",
           "VIEW-15", _elsewhere("redirect", _at("target"), lambda s, a, d, q: q)),
    Mutant("remount-loses-names", ("remount",), "Mounted again, all names show the image's root.", "VIEW-16",
           _elsewhere("source", lambda s, a, d, q: d == a.container, lambda s, a, d, q: s.root)),
    Mutant("rename-image-stays", ("rename-directory",), "What the image has in a renamed directory is under the "
           "old name, too.", "COW-18", both(_no_whiteout("path"), _elsewhere(
               "has_source", _under("path"), _before("has_source")))),
    Mutant("rename-looks-at-new-name", ("rename-directory",), "In a renamed directory the image is looked at "
           "by the new names.", "COW-22", _elsewhere(
               "source", _under("target"), lambda s, a, d, q: q)),
    Mutant("rename-nowhere", ("rename-directory",), "A directory is moved to where there is none.", "COW-20",
           without("ENOENT", "ENOTDIR")),
    Mutant("rename-holds-replaced", ("rename-directory",), "The upper goes on holding a directory that was "
           "replaced.", "COW-21",
           sets("copied", lambda right, s, a: lambda d, i: Or(right(d, i), s.copied(d, i)))),
)

_TREES = (
    Mutant("rmdir-in-place", ("rmdir",), "A directory is removed from the layer, and what is in it is not.",
           "VIEW-1",
           sets("has_lower", lambda right, s, a: lambda l, q: And(right(l, q), q != a.path))),
    Mutant("remount-opaque-root", ("remount",), "Mounted again, the root hides the image.", "VIEW-3", _elsewhere(
        "opaque", lambda s, a, d, q: And(d == a.container, q == s.root), _yes)),
    Mutant("rename-useless-whiteout", ("rename",), "A whiteout is left at a name that only the upper had.",
           "VIEW-5",
           _always_whiteout(), "measured: union, row 18"),
    Mutant("mkdir-nowhere", ("mkdir",), "A directory is made in one that is not there.", "VIEW-6",
           without("ENOENT", "ENOTDIR")),
    Mutant("link-not-held", ("link",), "The upper has a name for an inode that it does not hold.", "VIEW-8",
           forgets("copied")),
    Mutant("link-source-below", ("link",), "Only the new name of a hard link is in the upper.", "VIEW-9",
           _elsewhere("has_upper", _at("path"), _before("has_upper")),
           "fuse-overlayfs 1.10, found by this project"),
    Mutant("rename-two-names", ("rename-directory",), "A renamed directory has both names.", "VIEW-11", _elsewhere(
        "has_upper", _at("path"), _before("has_upper"))),
    Mutant("unlink-reveals", ("unlink",), "The directory of a removed name is opaque no longer.", "COW-23",
           _elsewhere("opaque", lambda s, a, d, q: And(d == a.container, q == s.parent(a.path)), _no),
           among=("create", "mkdir", "rename-directory")),
    Mutant("create-revives", ("create",), "What was removed beside a new file is there again.", "COW-6",
           _elsewhere("whiteout", _beside, _no)),
)

UNION_MUTANTS: tuple[Mutant, ...] = (*_COPY_UP, *_ATTRIBUTES, *_NAMES, *_LINKS, *_RENAMES, *_REDIRECTS, *_TREES)
"""All deliberately wrong union file systems."""
