"""The operations of the union machine: system calls, by what they do to a container's upper.

Each function is a rule as data: refusals, named as errno names them and in the order in which Linux looks
at them, and what is different afterwards. Copy-up is in the rules: what is to be changed is brought into the
upper first, with all directories on the way to it, and the image's layers are never touched.

An operation that is given a symlink acts on the symlink; symlinks point nowhere, so that a way through one
ends with ENOENT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from z3 import And, BoolVal, If, Implies, Not, Or

from layermodel.language.rules import (
    Definition,
    Effect,
    Machine,
    Parameter,
    Refusal,
    Rule,
    State,
    Term,
    Update,
    define,
    exists,
    forall,
)
from layermodel.objects import CONTAINER
from layermodel.union.words import (
    ATTRIBUTES,
    AXIOMS,
    DATA,
    DIRECTORY,
    FIFO,
    FILE,
    HINTS,
    INITIAL,
    INODE,
    KEY,
    MODE,
    OWNER,
    PATH,
    SORTS,
    SYMBOLS,
    SYMLINK,
    TIME,
    TRAITS,
    VALUE,
    above,
    attribute,
    below,
    beneath,
    breaks,
    directory_at,
    inode,
    kind_at,
    lower_inode,
    merged,
    populated,
    seen,
)

Updates = dict[str, Update]

REFUSED = {
    "ENOENT": "there is no such name, or no directory on the way to it",
    "ENOTDIR": "what would have to be a directory is not one",
    "EEXIST": "the name is there already",
    "EISDIR": "it is a directory",
    "ELOOP": "it is a symlink, which is not to be followed",
    "ENXIO": "it is a FIFO that nobody reads",
    "EPERM": "it cannot be done to what this is",
    "ENOTEMPTY": "there is a name in the directory",
    "EINVAL": "it would be moved into itself, or is not a symlink",
    "EXDEV": "the directory is the image's, at least in part",
    "ENODATA": "there is no such attribute",
    "EBUSY": "it is the root of the mount",
}
"""What each refusal says is wrong."""


# Refusals.


def _blocked(s: State, c: Term, p: Term) -> Term:
    """Something on the way to p is there and is neither a directory nor a symlink."""
    return exists(PATH, lambda q: And(above(s, q, p), seen(s, c, q), kind_at(s, c, q) != DIRECTORY,
                                      kind_at(s, c, q) != SYMLINK))


def _no_way(s: State, c: Term, p: Term) -> Term:
    """The directory that p would be a name in is not there."""
    return Not(directory_at(s, c, s.parent(p)))


def _found(s: State, c: Term, p: Term) -> tuple[Refusal, ...]:
    """The path has to lead to something."""
    return (Refusal("ENOTDIR", _blocked(s, c, p)), Refusal("ENOENT", Not(seen(s, c, p))))


def _free(s: State, c: Term, p: Term) -> tuple[Refusal, ...]:
    """The path has to be a name that is not there, in a directory that is."""
    return (Refusal("ENOTDIR", _blocked(s, c, p)), Refusal("ENOENT", _no_way(s, c, p)),
            Refusal("EEXIST", seen(s, c, p)))


def _writable(s: State, c: Term, p: Term) -> tuple[Refusal, ...]:
    """The path has to lead to a file that can be opened for writing, without following a symlink."""
    kind = kind_at(s, c, p)
    return (*_found(s, c, p), Refusal("EISDIR", kind == DIRECTORY), Refusal("ELOOP", kind == SYMLINK),
            Refusal("ENXIO", kind == FIFO))


# Pieces of effects.


def _set(updates: Updates, s: State, name: str, where: Callable[..., Term], value: Callable[..., Term],
         ) -> Updates:
    """The updates, but at some places a symbol has another value."""
    old = updates.get(name, getattr(s, name))
    return {**updates, name: lambda *a: If(where(*a), value(*a), old(*a))}


def _raises(s: State, c: Term, way: Callable[[Term], Term]) -> tuple[Updates, Definition]:
    """Copy up the directories on the way; every inode keeps the attributes with which it is seen."""
    new = lambda q: And(way(q), Not(s.has_upper(c, q)))
    raised, meaning = define("raised", [INODE], lambda i: exists(
        PATH, lambda q: And(new(q), lower_inode(s, c, q) == i)))
    updates: Updates = {
        "has_upper": lambda d, q: Or(s.has_upper(d, q), And(d == c, way(q))),
        "upper": lambda d, q: If(And(d == c, new(q)), lower_inode(s, c, q), s.upper(d, q)),
        "copied": lambda d, i: Or(s.copied(d, i), And(d == c, raised(i))),
    }
    for name in ATTRIBUTES:
        updates[name] = _kept(s, c, name)
    return updates, meaning


def _kept(s: State, c: Term, name: str) -> Update:
    return lambda d, i, *k: If(d == c, attribute(s, name)(c, i, *k), getattr(s, name)(d, i, *k))


def _copies_up(s: State, c: Term, p: Term, j: Term, *places: Term) -> tuple[Updates, tuple[Definition, ...]]:
    """Copy up what is at p, as inode j, to these places, with the directories on the way to them and to p."""
    i = inode(s, c, p)
    updates, raised = _raises(s, c, lambda q: Or([above(s, q, x) for x in (p, *places)]))
    for place in places:
        updates = _placed(updates, s, c, place, j)
    updates["kind"] = lambda x: If(x == j, s.kind(i), s.kind(x))
    for name in ATTRIBUTES:
        value = lambda d, x, *k, name=name: attribute(s, name)(c, i, *k)
        updates = _set(updates, s, name, lambda d, x, *k: And(d == c, x == j), value)
    return updates, (raised,)


def _placed(updates: Updates, s: State, c: Term, p: Term, j: Term) -> Updates:
    """The upper has inode j at p."""
    here = lambda d, q: And(d == c, q == p)
    updates = _set(updates, s, "has_upper", here, lambda d, q: BoolVal(True))
    updates = _set(updates, s, "upper", here, lambda d, q: j)
    updates = _set(updates, s, "whiteout", here, lambda d, q: BoolVal(False))
    return _set(updates, s, "copied", lambda d, i: And(d == c, i == j), lambda d, i: BoolVal(True))


def _copy(s: State, c: Term, p: Term, j: Term) -> Term:
    """Inode j is the one that what is at p has in the upper: its own, or a new one if hard links break."""
    i = inode(s, c, p)
    return Implies(seen(s, c, p), If(breaks(s, c, i), _new(s, j), j == i))


def _new(s: State, j: Term) -> Term:
    """No name is this inode's."""
    return And(Not(s.in_image(j)), forall([CONTAINER], lambda d: Not(s.copied(d, j))))


def _dated(updates: Updates, s: State, c: Term, p: Term) -> Updates:
    """The directory that p is a name in was changed now."""
    return _set(updates, s, "mtime", lambda d, i: And(d == c, i == inode(s, c, s.parent(p))),
                lambda d, i: s.now)


def _changes(s: State, c: Term, p: Term, j: Term, refusals: tuple[Refusal, ...],
             values: dict[str, Callable[..., Term]], given: tuple[Term, ...] = ()) -> Effect:
    """Copy up what is at p and give it new attributes."""
    updates, definitions = _copies_up(s, c, p, j, p)
    for name, value in values.items():
        updates = _set(updates, s, name, lambda d, i, *k: And(d == c, i == j), value)
    return Effect(updates, refusals, (*given, _copy(s, c, p, j)), definitions)


def _makes(s: State, c: Term, p: Term, j: Term, kind: Term, values: dict[str, Term]) -> Effect:
    """Make a new inode at p, where nothing is seen."""
    updates, raised = _raises(s, c, lambda q: above(s, q, p))
    updates = _placed(updates, s, c, p, j)
    updates = _set(updates, s, "opaque", lambda d, q: And(d == c, q == p), lambda d, q: And(
        kind == DIRECTORY, Or(s.whiteout(c, p), s.opaque_always)))
    updates["kind"] = lambda x: If(x == j, kind, s.kind(x))
    fresh = {"content": s.empty, "owner": s.creator, "mtime": s.now, "xattr": s.unset, **values}
    for name, value in fresh.items():
        updates = _set(updates, s, name, lambda d, i, *k: And(d == c, i == j),
                       lambda d, i, *k, value=value: value)
    return Effect(_dated(updates, s, c, p), _free(s, c, p), (_new(s, j), p != s.root), (raised,))


def _takes(updates: Updates, s: State, c: Term, p: Term) -> Updates:
    """The name p is taken away: a whiteout is left exactly where the image would show again."""
    here = lambda d, q: And(d == c, q == p)
    updates = _set(updates, s, "has_upper", here, lambda d, q: BoolVal(False))
    updates = _set(updates, s, "whiteout", here, lambda d, q: beneath(s, c, p))
    updates = _set(updates, s, "redirected", here, lambda d, q: BoolVal(False))
    return _set(updates, s, "opaque", here, lambda d, q: BoolVal(False))


def _releases(updates: Updates, s: State, c: Term, p: Term) -> Updates:
    """The upper no longer holds what was at p, unless it has another name."""
    i = inode(s, c, p)
    other = exists(PATH, lambda q: And(
        q != p, Or(And(s.has_upper(c, q), s.upper(c, q) == i),
                   And(s.index, below(s, c, q), lower_inode(s, c, q) == i))))
    return _set(updates, s, "copied", lambda d, x: And(d == c, seen(s, c, p), x == i),
                lambda d, x: And(s.copied(d, x), other))


# Operations that look.


def stat(s: State, c: Term, p: Term) -> Effect:
    """``lstat``."""
    return Effect({}, _found(s, c, p))


def read(s: State, c: Term, p: Term) -> Effect:
    """``open`` for reading without following a symlink, and ``read``."""
    kind = kind_at(s, c, p)
    return Effect({}, (*_found(s, c, p), Refusal("EISDIR", kind == DIRECTORY),
                       Refusal("ELOOP", kind == SYMLINK)), (Implies(seen(s, c, p), kind != FIFO),))


def list_(s: State, c: Term, p: Term) -> Effect:
    """``getdents``: the names in a directory."""
    found = _found(s, c, p)
    other = And(seen(s, c, p), kind_at(s, c, p) != DIRECTORY)
    return Effect({}, (Refusal("ENOTDIR", Or(found[0].when, other)), found[1]),
                  (Implies(seen(s, c, p), kind_at(s, c, p) != SYMLINK),))


def readlink(s: State, c: Term, p: Term) -> Effect:
    """``readlink``."""
    return Effect({}, (*_found(s, c, p), Refusal("EINVAL", kind_at(s, c, p) != SYMLINK)))


def remount(_: State, __: Term) -> Effect:
    """Unmount the union and mount it again with the same layers."""
    return Effect({})


# Operations on what is there.


def open_(s: State, c: Term, p: Term, j: Term) -> Effect:
    """``open`` for writing, and nothing written: what is opened for writing is copied up."""
    return _changes(s, c, p, j, _writable(s, c, p), {})


def _holds(s: State, c: Term, p: Term, j: Term, k: Term, given: Term) -> Effect:
    return _changes(s, c, p, j, _writable(s, c, p), {
        "content": lambda *_: k, "mtime": lambda *_: s.now}, (Implies(seen(s, c, p), given),))


def write(s: State, c: Term, p: Term, k: Term, j: Term) -> Effect:
    """``open`` with O_TRUNC, and ``write``: afterwards the file holds this content."""
    return _holds(s, c, p, j, k, BoolVal(True))


def append(s: State, c: Term, p: Term, k: Term, j: Term) -> Effect:
    """``open`` with O_APPEND, and ``write``: the file holds more than before."""
    old = attribute(s, "content")(c, inode(s, c, p))
    return _holds(s, c, p, j, k, And(s.starts(old, k), old != k))


def truncate(s: State, c: Term, p: Term, k: Term, j: Term) -> Effect:
    """``ftruncate``: the file holds a beginning of what it held."""
    return _holds(s, c, p, j, k, s.starts(k, attribute(s, "content")(c, inode(s, c, p))))


def _followed(s: State, c: Term, p: Term) -> tuple[Refusal, ...]:
    """The path has to lead to something that is no symlink: one is followed, and points nowhere."""
    blocked, missing = _found(s, c, p)
    return blocked, Refusal("ENOENT", Or(missing.when, kind_at(s, c, p) == SYMLINK))


def chmod(s: State, c: Term, p: Term, m: Term, j: Term) -> Effect:
    """``chmod``; a mode that is the same is copied up, too (measured: union, row 5)."""
    return _changes(s, c, p, j, _followed(s, c, p), {"mode": lambda *_: m})


def chown(s: State, c: Term, p: Term, o: Term, j: Term) -> Effect:
    """``lchown``."""
    return _changes(s, c, p, j, _found(s, c, p), {"owner": lambda *_: o})


def utimes(s: State, c: Term, p: Term, t: Term, j: Term) -> Effect:
    """``utimensat``, without following a symlink."""
    return _changes(s, c, p, j, _found(s, c, p), {"mtime": lambda *_: t}, (t != s.now,))


def _sets(s: State, c: Term, p: Term, x: Term, v: Term, j: Term, refusals: tuple[Refusal, ...]) -> Effect:
    return _changes(s, c, p, j, refusals, {
        "xattr": lambda d, i, y: If(y == x, v, attribute(s, "xattr")(c, inode(s, c, p), y))})


def setxattr(s: State, c: Term, p: Term, x: Term, v: Term, j: Term) -> Effect:
    """``lsetxattr``."""
    effect = _sets(s, c, p, x, v, j, _found(s, c, p))
    return Effect(effect.updates, effect.refusals, (*effect.given, v != s.unset), effect.definitions)


def removexattr(s: State, c: Term, p: Term, x: Term, j: Term) -> Effect:
    """``lremovexattr``."""
    absent = attribute(s, "xattr")(c, inode(s, c, p), x) == s.unset
    return _sets(s, c, p, x, s.unset, j, (*_found(s, c, p), Refusal("ENODATA", absent)))


# Names come and go.


def create(s: State, c: Term, p: Term, m: Term, j: Term) -> Effect:
    """``open`` with O_CREAT and O_EXCL: a new empty file."""
    return _makes(s, c, p, j, FILE, {"mode": m})


def mkdir(s: State, c: Term, p: Term, m: Term, j: Term) -> Effect:
    """``mkdir``; opaque if it is made over a whiteout (measured: union, rows 11 and 13)."""
    return _makes(s, c, p, j, DIRECTORY, {"mode": m})


def symlink(s: State, c: Term, p: Term, k: Term, m: Term, j: Term) -> Effect:
    """``symlink``, to anywhere but an empty path; its mode is of no account."""
    effect = _makes(s, c, p, j, SYMLINK, {"mode": m, "content": k})
    return replace(effect, given=(*effect.given, k != s.empty))


def mkfifo(s: State, c: Term, p: Term, m: Term, j: Term) -> Effect:
    """``mknod`` of a FIFO."""
    return _makes(s, c, p, j, FIFO, {"mode": m})


def link(s: State, c: Term, p: Term, q: Term, j: Term) -> Effect:
    """``link``: q becomes another name of what p names, which is copied up first."""
    refusals = (
        Refusal("ENOTDIR", Or(_blocked(s, c, p), And(seen(s, c, p), _blocked(s, c, q)))),
        Refusal("ENOENT", Or(Not(seen(s, c, p)), _no_way(s, c, q))),
        Refusal("EEXIST", seen(s, c, q)),
        Refusal("EPERM", kind_at(s, c, p) == DIRECTORY),
    )
    updates, definitions = _copies_up(s, c, p, j, p, q)
    return Effect(_dated(updates, s, c, q), refusals, (_copy(s, c, p, j), q != s.root), definitions)


def unlink(s: State, c: Term, p: Term) -> Effect:
    """``unlink``."""
    updates, raised = _raises(s, c, lambda q: above(s, q, p))
    updates = _takes(_releases(updates, s, c, p), s, c, p)
    return Effect(_dated(updates, s, c, p), (
        *_found(s, c, p), Refusal("EISDIR", kind_at(s, c, p) == DIRECTORY)), definitions=(raised,))


def rmdir(s: State, c: Term, p: Term) -> Effect:
    """``rmdir``; whiteouts in the directory go with it (measured: union, row 12)."""
    updates, raised = _raises(s, c, lambda q: above(s, q, p))
    updates = _emptied(_takes(_releases(updates, s, c, p), s, c, p), s, c, p)
    refusals = (
        Refusal("EBUSY", p == s.root),
        Refusal("ENOTDIR", Or(_blocked(s, c, p), And(seen(s, c, p), kind_at(s, c, p) != DIRECTORY))),
        Refusal("ENOENT", Not(seen(s, c, p))),
        Refusal("ENOTEMPTY", populated(s, c, p)),
    )
    return Effect(_dated(updates, s, c, p), refusals, definitions=(raised,))


def _emptied(updates: Updates, s: State, c: Term, p: Term) -> Updates:
    """The upper has nothing under p, and the image is not looked at from p or from anything under it."""
    inside = lambda d, q: And(d == c, above(s, p, q))
    for name in ("has_upper", "whiteout", "opaque", "redirected"):
        updates = _set(updates, s, name, inside, lambda d, q: BoolVal(False))
    updates = _set(updates, s, "has_source", inside, lambda d, q: And(
        s.has_source(c, q), s.anchor(c, q) == s.anchor(c, p)))
    return _set(updates, s, "anchor", inside, lambda d, q: s.anchor(c, p))


# Renaming.


def _shared(s: State, c: Term, p: Term) -> Term:
    """The image has a part in the directory at p."""
    return Or(below(s, c, p), merged(s, c, p))


def _renames(s: State, c: Term, p: Term, q: Term) -> tuple[Refusal, ...]:
    """Refusals of ``rename``, in the order of the kernel's do_renameat2, vfs_rename and ovl_rename."""
    source, target = kind_at(s, c, p) == DIRECTORY, kind_at(s, c, q) == DIRECTORY
    there = And(seen(s, c, p), seen(s, c, q))
    same = inode(s, c, p) == inode(s, c, q)
    stays = Or(Not(source), s.redirect_dir, Not(_shared(s, c, p)))
    return (
        Refusal("EBUSY", And(Or(p == s.root, q == s.root), Not(_no_way(s, c, p)), Not(_no_way(s, c, q)))),
        Refusal("ENOTDIR", Or(
            _blocked(s, c, p), And(directory_at(s, c, s.parent(p)), _blocked(s, c, q)),
            And(there, source, Not(target), Not(s.under(p, q)), Not(_no_way(s, c, q))))),
        Refusal("ENOENT", Or(_no_way(s, c, p), _no_way(s, c, q), Not(seen(s, c, p)))),
        Refusal("EINVAL", above(s, p, q)),
        Refusal("ENOTEMPTY", Or(above(s, q, p), And(
            there, Not(same), source, target, stays, populated(s, c, q)))),
        Refusal("EISDIR", And(there, Not(source), target)),
        Refusal("EXDEV", And(Not(stays), p != q)),
    )


def _only(refusals: tuple[Refusal, ...], names: str) -> tuple[Refusal, ...]:
    """Those refusals that there can be, given what is renamed."""
    return tuple(r for r in refusals if r.name in names.split())


def _itself(s: State, c: Term, p: Term, q: Term) -> Term:
    """Both are names of one inode, so that renaming does nothing (POSIX.1-2017, rename)."""
    i = inode(s, c, p)
    return And(seen(s, c, p), seen(s, c, q), i == inode(s, c, q), Or(p == q, Not(breaks(s, c, i))))


def rename_to_itself(s: State, c: Term, p: Term, q: Term) -> Effect:
    """``rename`` from one name of an inode to another, or to the same: nothing happens."""
    return Effect({}, _only(_renames(s, c, p, q), "EBUSY"), (_itself(s, c, p, q),))


def rename(s: State, c: Term, p: Term, q: Term, j: Term) -> Effect:
    """``rename`` of anything but a directory, over anything but a directory: copy-up, then a whiteout."""
    updates, definitions = _copies_up(s, c, p, j, q)
    updates = _takes(_releases(updates, s, c, q), s, c, p)
    given = (Not(_itself(s, c, p, q)), Not(directory_at(s, c, p)), _copy(s, c, p, j))
    # What is no directory has nothing in it that it could be moved into, and is never merged.
    refusals = _only(_renames(s, c, p, q), "EBUSY ENOTDIR ENOENT ENOTEMPTY EISDIR")
    return Effect(_dated(_dated(updates, s, c, p), s, c, q), refusals, given, definitions)


def rename_directory(s: State, c: Term, p: Term, q: Term) -> Effect:
    """``rename`` of a directory: all that is in it moves along.

    One that the image has a part in is copied up, without what is in it, and redirected to where the image has
    it; any other becomes opaque.
    """
    updates, raised = _raises(s, c, lambda x: Or(s.under(x, p), above(s, x, q)))
    updates = _releases(updates, s, c, q)
    updates = _moved_along(updates, s, c, p, q)
    updates = _placed(updates, s, c, q, inode(s, c, p))
    here = lambda d, x: And(d == c, x == q)
    updates = _set(updates, s, "opaque", here, lambda d, x: Not(_shared(s, c, p)))
    updates = _set(updates, s, "redirected", here, lambda d, x: _shared(s, c, p))
    updates = _set(updates, s, "redirect", here, lambda d, x: If(
        s.redirected(c, p), s.redirect(c, p), s.source(c, p)))
    updates = _emptied(_takes(updates, s, c, p), s, c, p)
    given = (Not(_itself(s, c, p, q)), directory_at(s, c, p), forall(PATH, lambda x: Implies(
        And(s.under(p, x), Or(seen(s, c, x), s.whiteout(c, x))), s.fits(p, q, x))))
    refusals = _only(_renames(s, c, p, q), "EBUSY ENOTDIR ENOENT EINVAL ENOTEMPTY EXDEV")
    return Effect(_dated(_dated(updates, s, c, p), s, c, q), refusals, given, (raised,))


def _moved_along(updates: Updates, s: State, c: Term, p: Term, q: Term) -> Updates:
    """What the upper has under q is what it had under p, and the image is looked at where it was before."""
    inside = lambda d, x: And(d == c, above(s, q, x))
    source = lambda x: s.moved(q, p, x)
    for name in ("has_upper", "whiteout", "opaque", "redirected", "has_source"):
        updates = _set(updates, s, name, inside, lambda d, x, name=name: And(
            s.fits(q, p, x), getattr(s, name)(c, source(x))))
    for name in ("upper", "redirect", "source"):
        updates = _set(updates, s, name, inside, lambda d, x, name=name: getattr(s, name)(c, source(x)))
    # An anchor in the directory moves along; for all else the directory itself is the anchor now.
    return _set(updates, s, "anchor", inside, lambda d, x: If(
        And(s.fits(q, p, x), above(s, p, s.anchor(c, source(x)))),
        s.moved(p, q, s.anchor(c, source(x))), q))


_PARAMETERS = {
    "c": Parameter("container", CONTAINER), "p": Parameter("path", PATH), "q": Parameter("target", PATH),
    "k": Parameter("content", DATA), "m": Parameter("mode", MODE), "o": Parameter("owner", OWNER),
    "t": Parameter("time", TIME), "x": Parameter("key", KEY), "v": Parameter("value", VALUE),
    "+j": Parameter("inode", INODE, "new"), "=j": Parameter("inode", INODE, "chosen"),
}



def _rule(body: Callable[..., Effect], parameters: str, then: str, refused: str, source: str) -> Rule:
    return Rule(
        name=body.__name__.strip("_").replace("_", "-"),
        parameters=tuple(_PARAMETERS[p] for p in parameters.split()),
        body=body,
        then=then,
        refused={r: REFUSED[r] for r in refused.split()},
        source=source,
    )


_COPY = "it is in the upper, with the directories on the way to it, "

RULES = (
    _rule(stat, "c p", "nothing changes", "ENOTDIR ENOENT", "lstat(2)"),
    _rule(read, "c p", "nothing changes", "ENOTDIR ENOENT EISDIR ELOOP", "open(2), read(2)"),
    _rule(list_, "c p", "nothing changes", "ENOTDIR ENOENT", "getdents(2); measured: union, row 14"),
    _rule(readlink, "c p", "nothing changes", "ENOTDIR ENOENT EINVAL", "readlink(2)"),
    _rule(remount, "c", "nothing changes", "", "overlayfs.rst; measured: union, row 35"),
    _rule(open_, "c p =j", _COPY + "as it was", "ENOTDIR ENOENT EISDIR ELOOP ENXIO",
          "overlayfs.rst, Non-directories; measured: union, row 2"),
    _rule(write, "c p k =j", _COPY + "and holds the content", "ENOTDIR ENOENT EISDIR ELOOP ENXIO",
          "write(2); measured: union, row 3"),
    _rule(append, "c p k =j", _COPY + "and holds the longer content", "ENOTDIR ENOENT EISDIR ELOOP ENXIO",
          "write(2); measured: union, row 6"),
    _rule(truncate, "c p k =j", _COPY + "and holds the beginning", "ENOTDIR ENOENT EISDIR ELOOP ENXIO",
          "ftruncate(2); measured: union, row 6"),
    _rule(chmod, "c p m =j", _COPY + "and has the mode", "ENOTDIR ENOENT", "chmod(2); measured: union, row 5"),
    _rule(chown, "c p o =j", _COPY + "and has the owner", "ENOTDIR ENOENT",
          "lchown(2); measured: union, rows 4 and 27"),
    _rule(utimes, "c p t =j", _COPY + "and has the time", "ENOTDIR ENOENT",
          "utimensat(2); measured: union, rows 4 and 27"),
    _rule(setxattr, "c p x v =j", _COPY + "and has the attribute", "ENOTDIR ENOENT",
          "lsetxattr(2); measured: union, row 4"),
    _rule(removexattr, "c p x =j", _COPY + "and has no such attribute", "ENOTDIR ENOENT ENODATA",
          "lremovexattr(2)"),
    _rule(create, "c p m +j", "the upper has a new empty file there", "ENOTDIR ENOENT EEXIST",
          "open(2) O_EXCL; measured: union, rows 1 and 10"),
    _rule(mkdir, "c p m +j", "the upper has a new directory there, and nothing beneath shows in it",
          "ENOTDIR ENOENT EEXIST", "mkdir(2); measured: union, rows 11 and 13"),
    _rule(symlink, "c p k m +j", "the upper has a new symlink there", "ENOTDIR ENOENT EEXIST",
          "symlink(2); measured: union, row 10"),
    _rule(mkfifo, "c p m +j", "the upper has a new FIFO there", "ENOTDIR ENOENT EEXIST",
          "mknod(2); measured: union, row 10"),
    _rule(link, "c p q =j", "what the path names is in the upper, and the target is another name of it",
          "ENOTDIR ENOENT EEXIST EPERM", "link(2); measured: union, row 26"),
    _rule(unlink, "c p", "the name is gone; a whiteout is left if the image has something there",
          "ENOTDIR ENOENT EISDIR", "unlink(2); measured: union, rows 8, 9 and 41"),
    _rule(rmdir, "c p", "the directory is gone; a whiteout is left if the image has something there",
          "EBUSY ENOTDIR ENOENT ENOTEMPTY", "rmdir(2); measured: union, row 12"),
    _rule(rename_to_itself, "c p q", "nothing changes", "EBUSY", "rename(2), same file"),
    _rule(rename, "c p q =j", "it has the new name in the upper; a whiteout is left at the old one if the "
          "image has something there", "EBUSY ENOTDIR ENOENT ENOTEMPTY EISDIR",
          "rename(2); measured: union, rows 17 and 38"),
    _rule(rename_directory, "c p q", "all that was under the old name is under the new one, which is opaque, or "
          "redirected if the image has a part in it",
          "EBUSY ENOTDIR ENOENT EINVAL ENOTEMPTY EXDEV", "rename(2); measured: union, rows 19 to 22"),
)

UNION = Machine("union", SORTS, SYMBOLS, TRAITS, AXIOMS, INITIAL, RULES, HINTS)
"""The union machine."""
