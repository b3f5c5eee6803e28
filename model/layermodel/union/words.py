"""The union machine: what a container sees of its image's files and its own, and where these are kept.

A container has a read-only chain of layers below and a layer of its own, the *upper*, above. What it sees,
the *merged view*, is not state: it is defined here from the two. A chain of layers is given by what is seen
at its top (``lower``); how that comes about from the layers of a chain is not in this machine.

The words here are shared by rules, laws and the oracle; :mod:`layermodel.union.axioms` says what is always true,
and how an upper begins. Sources: kernel Documentation/filesystems/overlayfs.rst; OCI image-spec layer.md;
measured: union, by row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from z3 import And, If, Not, Or

from layermodel.language.rules import BOOL, Sort, State, Symbol, Term, Trait, exists
from layermodel.objects import CONTAINER, LAYER

PATH = Sort("Path", "a place in a tree of names, from the root of the mount")
INODE = Sort("Inode", "a file, directory, symlink or FIFO, whatever its names are")
DATA = Sort("Data", "what a file holds, or where a symlink points")
MODE = Sort("Mode", "permission bits")
OWNER = Sort("Owner", "user and group")
TIME = Sort("Time", "a time of modification")
KEY = Sort("Key", "the name of an extended attribute")
VALUE = Sort("Value", "the value of an extended attribute")
KIND = Sort("Kind", "what an inode is", ("directory", "file", "symlink", "fifo"))
DIRECTORY, FILE, SYMLINK, FIFO = (KIND.value(v) for v in KIND.values)
SORTS = (PATH, LAYER, CONTAINER, INODE, DATA, MODE, OWNER, TIME, KEY, VALUE, KIND)

Container = Annotated[Term, CONTAINER]
Path = Annotated[Term, PATH]
Inode = Annotated[Term, INODE]
Data = Annotated[Term, DATA]
Mode = Annotated[Term, MODE]
Owner = Annotated[Term, OWNER]
Time = Annotated[Term, TIME]
Key = Annotated[Term, KEY]
Value = Annotated[Term, VALUE]

ATTRIBUTES: Mapping[str, tuple[tuple[Sort, ...], Sort]] = {
    "content": ((), DATA), "mode": ((), MODE), "owner": ((), OWNER), "mtime": ((), TIME),
    "xattr": ((KEY,), VALUE),
}
"""The attributes of an inode: further arguments, and the sort of the value."""

_TREE = (
    Symbol("under", (PATH, PATH), BOOL, "the first path is the second, or on the way to it", rigid=True),
    Symbol("root", (), PATH, "the root of the mount", rigid=True),
    Symbol("parent", (PATH,), PATH, "the directory that a path is a name in; the root's is the root",
           rigid=True),
    Symbol("moved", (PATH, PATH, PATH), PATH, "what becomes of the third path when the first is renamed to "
           "the second", rigid=True),
    Symbol("fits", (PATH, PATH, PATH), BOOL, "the third path lies under the first, and there is a path that it "
           "becomes", rigid=True),
)
_VALUES = (
    Symbol("base", (CONTAINER,), LAYER, "the top layer of the container's image", rigid=True),
    Symbol("in_image", (INODE,), BOOL, "the inode belongs to a layer", rigid=True),
    Symbol("linked", (INODE,), BOOL, "the inode of a layer has several names (hard links)", rigid=True),
    Symbol("starts", (DATA, DATA), BOOL, "the second content begins with the first", rigid=True),
    Symbol("empty", (), DATA, "no bytes", rigid=True),
    Symbol("now", (), TIME, "the time of the operation, later than any that was set", rigid=True),
    Symbol("unset", (), VALUE, "there is no such attribute", rigid=True),
    Symbol("creator", (), OWNER, "the user and group of the process", rigid=True),
)
_BUILT = (
    Symbol("has_built", (LAYER, PATH), BOOL, "the chain of layers was built with something at the path",
           rigid=True),
    Symbol("built", (LAYER, PATH), INODE, "what it was built with", rigid=True),
    Symbol("built_kind", (INODE,), KIND, "the kind that the inode of a layer was built with", rigid=True),
    *(Symbol(f"built_{name}", (INODE, *keys), sort, f"the {name} that it was built with", rigid=True)
      for name, (keys, sort) in ATTRIBUTES.items()),
)
_LOWER = (
    Symbol("has_lower", (LAYER, PATH), BOOL, "the chain of layers has something at the path"),
    Symbol("lower", (LAYER, PATH), INODE, "what it has there", of="has_lower"),
    *(Symbol(f"lower_{name}", (INODE, *keys), sort, f"the {name} of the inode in its layer")
      for name, (keys, sort) in ATTRIBUTES.items()),
)
_UPPER = (
    Symbol("has_upper", (CONTAINER, PATH), BOOL, "the container's upper has something at the path"),
    Symbol("upper", (CONTAINER, PATH), INODE, "what it has there", of="has_upper"),
    Symbol("whiteout", (CONTAINER, PATH), BOOL, "the upper has a whiteout at the path"),
    Symbol("opaque", (CONTAINER, PATH), BOOL, "the upper's directory is opaque: nothing beneath shows in it"),
    Symbol("redirected", (CONTAINER, PATH), BOOL, "the upper's directory was renamed: what is beneath shows in it "
           "from elsewhere in the image"),
    Symbol("redirect", (CONTAINER, PATH), PATH, "from where in the image", of="redirected"),
    Symbol("anchor", (CONTAINER, PATH), PATH, "the directory from which the image is looked at for the path: the "
           "nearest above it that is redirected, or the root"),
    Symbol("has_source", (CONTAINER, PATH), BOOL, "the image is looked at for the path, if nothing hides it"),
    Symbol("source", (CONTAINER, PATH), PATH, "at which of its paths", of="has_source"),
    Symbol("copied", (CONTAINER, INODE), BOOL, "the upper holds the inode"),
    *(Symbol(name, (CONTAINER, INODE, *keys), sort, f"the {name} of the inode in the upper", of="copied")
      for name, (keys, sort) in ATTRIBUTES.items()),
    Symbol("kind", (INODE,), KIND, "directory, file, symlink or FIFO"),
)
SYMBOLS = _TREE + _VALUES + _BUILT + _LOWER + _UPPER

INDEX = Trait(
    "index", "hard links of a layer survive copy-up",
    "kernel overlayfs.rst, index=on; measured: union, rows 24 and 25; fuse-overlayfs while mounted",
    where="hard links survive copy-up", where_not="hard links do not survive copy-up")
OPAQUE_ALWAYS = Trait(
    "opaque_always", "every new directory is marked opaque",
    "measured: union, rows 11 and 13 (fuse-overlayfs, and overlayfs with redirect_dir=on)",
    where="every new directory is opaque", where_not="only a directory made over a whiteout is opaque")
REDIRECT_DIR = Trait(
    "redirect_dir", "a directory that the image has a part in can be renamed",
    "kernel overlayfs.rst, renaming directories; measured: union, row 19; metacopy=on turns it on",
    where="a directory that the image has a part in can be renamed",
    where_not="no directory that the image has a part in can be renamed")
TRAITS = (INDEX, OPAQUE_ALWAYS, REDIRECT_DIR)

DIALECTS: dict[str, dict[str, bool]] = {
    "overlayfs": {"index": False, "opaque_always": False, "redirect_dir": False},
    "overlayfs-index": {"index": True, "opaque_always": False, "redirect_dir": False},
    "overlayfs-redirect": {"index": False, "opaque_always": True, "redirect_dir": True},
    "overlayfs-index-redirect": {"index": True, "opaque_always": True, "redirect_dir": True},
    "fuse-overlayfs": {"index": True, "opaque_always": True, "redirect_dir": False},
}
"""Valuations of the traits: overlayfs as Docker mounts it, with index=on, with redirect_dir=on (or metacopy=on),
with both, and fuse-overlayfs 1.10."""


# The merged view.


def above(s: State, q: Term, p: Term) -> Term:
    """Path q is on the way to p, and is not p."""
    return And(s.under(q, p), q != p)


def hides(s: State, c: Term, q: Term) -> Term:
    """What the upper has at q hides all that is beneath q: a whiteout, an opaque mark, or no directory.

    Source: overlayfs.rst, Upper and Lower, whiteouts and opaque directories; measured: union, rows 38, 39.
    """
    return Or(s.whiteout(c, q), s.opaque(c, q), And(s.has_upper(c, q), s.kind(s.upper(c, q)) != DIRECTORY))


def beneath(s: State, c: Term, p: Term) -> Term:
    """The image has something that would be seen at p, if the upper had nothing at p itself.

    The image is looked at from the anchor of p on, so that only what lies between the two can hide it.
    """
    return And(s.has_source(c, p), s.has_lower(s.base(c), s.source(c, p)), Not(exists(PATH, lambda q: And(
        s.under(s.anchor(c, p), q), above(s, q, p), hides(s, c, q)))))


def lower_inode(s: State, c: Term, p: Term) -> Term:
    """What the image has beneath p."""
    return s.lower(s.base(c), s.source(c, p))


def below(s: State, c: Term, p: Term) -> Term:
    """What the container sees at p comes from its image."""
    return And(Not(s.has_upper(c, p)), Not(s.whiteout(c, p)), beneath(s, c, p))


def seen(s: State, c: Term, p: Term) -> Term:
    """The container sees something at p: the first layer from the top that has the name decides."""
    return Or(s.has_upper(c, p), below(s, c, p))


def inode(s: State, c: Term, p: Term) -> Term:
    """The inode that the container sees at p."""
    return If(s.has_upper(c, p), s.upper(c, p), lower_inode(s, c, p))


def attribute(s: State, name: str) -> Callable[..., Term]:
    """An attribute of an inode as a container sees it: the upper's if it holds the inode, else the layer's."""
    return lambda c, i, *k: If(
        s.copied(c, i), getattr(s, name)(c, i, *k), getattr(s, f"lower_{name}")(i, *k))


def kind_at(s: State, c: Term, p: Term) -> Term:
    """What the container sees at p is of this kind."""
    return s.kind(inode(s, c, p))


def directory_at(s: State, c: Term, p: Term) -> Term:
    """The container sees a directory at p."""
    return And(seen(s, c, p), kind_at(s, c, p) == DIRECTORY)


def merged(s: State, c: Term, p: Term) -> Term:
    """The upper's directory at p is merged with one of the image."""
    return And(s.has_upper(c, p), Not(s.opaque(c, p)), Or(s.redirected(c, p), And(
        beneath(s, c, p), s.kind(lower_inode(s, c, p)) == DIRECTORY)))


def populated(s: State, c: Term, p: Term) -> Term:
    """The container sees a name in the directory p."""
    return exists(PATH, lambda x: And(above(s, p, x), seen(s, c, x)))


def breaks(s: State, c: Term, i: Term) -> Term:
    """Copying the inode up breaks its hard links: the copy is an inode of its own.

    Source: overlayfs.rst, Non-standard behavior; measured: union, row 24.
    """
    return And(s.linked(i), Not(s.copied(c, i)), Not(s.index))
