"""The laws of the union machine: read-only lower layers, copy-on-write, and a plain file system.

Step laws speak of what a container *sees* (:mod:`layermodel.union.words`), before and after; where the upper keeps
it is the subject of the few laws about whiteouts and about what the upper holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import RuleKind, Sort, State, Step, Term, exists, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.union.axioms import MOVING
from layermodel.union.rules import UNION
from layermodel.union.words import (
    ATTRIBUTES,
    DIRECTORY,
    FIFO,
    FILE,
    INODE,
    KEY,
    PATH,
    SYMLINK,
    above,
    attribute,
    below,
    beneath,
    breaks,
    directory_at,
    hides,
    inode,
    kind_at,
    lower_inode,
    merged,
    populated,
    seen,
)
from layerproof.laws.law import Catalogue, Conclusions, Law, Variables, state_law, step_law, true

VIEW, READ_ONLY, COPY_UP, PLAIN = "Merged view", "Read-only lower layers", "Copy-on-write", "Plain file system"

_CP: Variables = (("container", CONTAINER), ("path", PATH))
_CPQ: Variables = (*_CP, ("other", PATH))
_CPX: Variables = (*_CP, ("key", KEY))

_OVERLAY = "kernel Documentation/filesystems/overlayfs.rst"
_LOOKS = tuple(rule.name for rule in UNION.rules if rule.kind is RuleKind.LOOKS)
_CHANGES = {
    "open-for-writing": (), "write": ("content", "mtime"), "append": ("content", "mtime"),
    "truncate": ("content", "mtime"), "chmod": ("mode",), "chown": ("owner",), "utimes": ("mtime",),
    "setxattr": ("xattr",), "removexattr": ("xattr",), "link": (),
}
"""Operations on what is there, and the attributes that they change."""
_MAKES = {"create": FILE, "mkdir": DIRECTORY, "symlink": SYMLINK, "mkfifo": FIFO}
_RENAMES = ("rename", "rename-directory")
_TAKES = (*(rule.name for rule in UNION.rules if rule.kind is RuleKind.TAKES), *_RENAMES)


def _paths(t: Step) -> list[Term]:
    """The paths that a step names."""
    return t.of_sort(PATH)


def _c(t: Step) -> Term:
    return t.argument("container")


def _p(t: Step) -> Term:
    return t.argument("path")


def _q(t: Step) -> Term:
    return t.argument("target")


def _touched(t: Step, p: Term) -> Term:
    """The step names the path, or renames a directory that it is under."""
    if t.rule.name == "rename-directory":
        return Or([t.before.under(q, p) for q in _paths(t)])
    return Or([p == q for q in _paths(t)])


def agree(keys: tuple[Sort, ...], one: Callable[..., Term], other: Callable[..., Term]) -> Term:
    """Two attributes have the same value, or the same under every key."""
    return forall(keys, lambda *k: one(*k) == other(*k)) if keys else one() == other()


def _values(t: Step, c: Term, i: Term, j: Term, but: tuple[str, ...] = ()) -> Conclusions:
    """Inode j has after the step, for this container, the attributes that i had before."""
    return {
        f"its {name} is the same": agree(
            keys, partial(attribute(t.after, name), c, j), partial(attribute(t.before, name), c, i))
        for name, (keys, _) in ATTRIBUTES.items() if name not in but}


def _here(t: Step, c: Term, *_: Term) -> Term:
    """The law is asked of the container in which the step happens."""
    return c == _c(t)


def _inside(t: Step, c: Term, p: Term) -> Term:
    """The law is asked of what is in the directory that was renamed."""
    return And(c == _c(t), above(t.before, _q(t), p))


def _looked_from(s: State, c: Term, p: Term) -> Term:
    """The place of the image that the anchor of p shows."""
    a = s.anchor(c, p)
    return z3.If(s.redirected(c, a), s.redirect(c, a), s.root)


_STATE_LAWS = (
    state_law("VIEW-1", VIEW, "What a chain of layers has is a tree with a root.",
              (("layer", LAYER), ("path", PATH), ("way", PATH)),
              lambda s, l, p, q: And(s.has_lower(l, p), above(s, q, p)),
              lambda s, l, p, q: {"on the way is a directory": And(
                  s.has_lower(l, q), s.kind(s.lower(l, q)) == DIRECTORY)},
              ("OCI image-spec layer.md",)),
    state_law("VIEW-2", VIEW, "What an upper has is a tree.", (*_CP, ("way", PATH)),
              lambda s, c, p, q: And(Or(s.has_upper(c, p), s.whiteout(c, p)), above(s, q, p)),
              lambda s, c, p, q: {"on the way is a directory": And(
                  s.has_upper(c, q), s.kind(s.upper(c, q)) == DIRECTORY)}, (_OVERLAY,)),
    state_law("VIEW-3", VIEW, "An upper has a root directory.", (("container", CONTAINER),), true,
              lambda s, c: {"it is there": s.has_upper(c, s.root),
                            "it is a directory": s.kind(s.upper(c, s.root)) == DIRECTORY,
                            "it hides nothing": Not(s.opaque(c, s.root)),
                            "it is merged with the image's": And(
                                Not(s.redirected(c, s.root)), s.anchor(c, s.root) == s.root,
                                s.has_source(c, s.root), s.source(c, s.root) == s.root)},
              ("measured: union, row 43",)),
    state_law("VIEW-4", VIEW, "A name in an upper is a whiteout or something, and only directories are opaque.",
              _CP, lambda s, c, p: Or(s.whiteout(c, p), s.opaque(c, p)),
              lambda s, c, p: {
                  "a whiteout is nothing else": Implies(s.whiteout(c, p), Not(s.has_upper(c, p))),
                  "what is opaque is a directory": Implies(s.opaque(c, p), And(
                      s.has_upper(c, p), s.kind(s.upper(c, p)) == DIRECTORY))}, (_OVERLAY,)),
    state_law("VIEW-5", VIEW, "A whiteout is only where the image would show.", _CP,
              lambda s, c, p: s.whiteout(c, p),
              lambda s, c, p: {"the image has it": beneath(s, c, p)}, ("measured: union, rows 9 and 41",)),
    state_law("VIEW-6", VIEW, "What a container sees is a tree.", (*_CP, ("way", PATH)),
              lambda s, c, p, q: And(seen(s, c, p), above(s, q, p)),
              lambda s, c, p, q: {"on the way is a directory": directory_at(s, c, q)},
              ("POSIX.1-2017 4.13",), universal=False,
              from_steps={
                  "rmdir": ("COW-1", "COW-5", "PLAIN-3"), "rename": ("COW-1", "COW-5", "COW-13", "PLAIN-5"),
                  "link": ("COW-1", "COW-3", "COW-15", "PLAIN-2"),
                  **dict.fromkeys(_MAKES, ("COW-1", "COW-16", "PLAIN-2")),
                  "rename-directory": ("COW-13", "COW-14", "COW-20")}, focus=_here),
    state_law("VIEW-7", VIEW, "A directory has one name.", _CPQ,
              lambda s, c, p, q: And(seen(s, c, p), seen(s, c, q), inode(s, c, p) == inode(s, c, q),
                                     kind_at(s, c, p) == DIRECTORY),
              lambda s, c, p, q: {"it is one": p == q}, ("link(2), EPERM",), universal=False,
              from_steps={
                  "unlink": ("COW-1", "COW-5"), "rmdir": ("COW-1", "COW-5"),
                  "link": ("COW-1", "COW-3", "COW-15", "PLAIN-4"),
                  **dict.fromkeys(_MAKES, ("COW-1", "COW-16")),
                  "rename": ("COW-1", "COW-5", "COW-13"), "rename-directory": ("COW-19",)}, focus=_here),
    state_law("VIEW-8", VIEW, "An upper holds the inodes of its names.", _CP,
              lambda s, c, p: s.has_upper(c, p),
              lambda s, c, p: {"it holds it": s.copied(c, s.upper(c, p))}, (_OVERLAY,)),
    state_law("VIEW-9", VIEW, "An inode of the image that is not yet copied up and one in the upper are the "
              "same only as hard links that the index keeps.", _CPQ,
              lambda s, c, p, q: And(s.has_upper(c, p), below(s, c, q),
                                     s.upper(c, p) == lower_inode(s, c, q)),
              lambda s, c, p, q: {"the index keeps them": And(s.index, s.linked(s.upper(c, p)))},
              ("measured: union, row 24",), universal=False,
              from_steps={"rename-directory": ("COW-18", "COW-19")}, focus=_here),
    state_law("VIEW-10", VIEW, "An upper holds no inode that has no name.",
              (("container", CONTAINER), ("inode", INODE)),
              lambda s, c, i: s.copied(c, i),
              lambda s, c, i: {"it has a name": exists(PATH, lambda p: And(
                  seen(s, c, p), inode(s, c, p) == i))}, ("measured: union, row 9",), universal=False,
              from_steps={"rename-directory": ("COW-14", "COW-21")}, focus=_here),
    state_law("VIEW-11", VIEW, "A directory in an upper has one name there.", _CPQ,
              lambda s, c, p, q: And(s.has_upper(c, p), s.has_upper(c, q), s.upper(c, p) == s.upper(c, q),
                                     s.kind(s.upper(c, p)) == DIRECTORY),
              lambda s, c, p, q: {"it is one": p == q}, ("link(2), EPERM",)),
    state_law("VIEW-12", VIEW, "Without the index no inode with hard links in the image is in an upper.",
              (("container", CONTAINER), ("inode", INODE)),
              lambda s, c, i: And(s.copied(c, i), s.linked(i)),
              lambda s, c, i: {"there is an index": s.index}, ("measured: union, row 24",)),
    state_law("VIEW-13", VIEW, "A redirected directory is merged with a directory of the image.", _CP,
              lambda s, c, p: s.redirected(c, p),
              lambda s, c, p: {
                  "it is in the upper": And(s.has_upper(c, p), s.kind(s.upper(c, p)) == DIRECTORY),
                  "it hides nothing": Not(s.opaque(c, p)),
                  "it is not the root": p != s.root,
                  "the image has it": And(s.has_lower(s.base(c), s.redirect(c, p)), s.kind(
                      s.lower(s.base(c), s.redirect(c, p))) == DIRECTORY),
                  "there is redirect_dir": s.redirect_dir},
              (_OVERLAY + ", renaming directories",)),
    state_law("VIEW-14", VIEW, "The image is looked at for a path from the nearest directory above it that is "
              "redirected or hides all beneath, or from the root.", (*_CP, ("way", PATH)),
              lambda s, c, p, q: And(p != s.root, s.under(q, p)),
              lambda s, c, p, q: {
                  "it is above": above(s, s.anchor(c, p), p),
                  "it is the root, redirected or opaque": Or(
                      Not(s.has_source(c, p)), s.anchor(c, p) == s.root,
                      s.redirected(c, s.anchor(c, p)), s.opaque(c, s.anchor(c, p))),
                  "none that is redirected is nearer": Implies(
                      And(s.has_source(c, p), q != p, s.redirected(c, q)), s.under(q, s.anchor(c, p))),
                  "what lies between has the same": Implies(
                      And(s.has_source(c, p), above(s, s.anchor(c, p), q)), And(
                          s.has_source(c, q), s.anchor(c, q) == s.anchor(c, p)))},
              (_OVERLAY + ", renaming directories",)),
    state_law("VIEW-15", VIEW, "The image is looked at under the place that the anchor is redirected to, by the "
              "same names.", _CP,
              lambda s, c, p: And(s.has_source(c, p), Not(s.opaque(c, s.anchor(c, p)))),
              lambda s, c, p: {
                  "at the same names": And(
                      s.fits(s.anchor(c, p), _looked_from(s, c, p), p),
                      s.source(c, p) == s.moved(s.anchor(c, p), _looked_from(s, c, p), p))},
              (_OVERLAY + ", renaming directories", "measured: union, row 19"),
              from_steps={"rename-directory": ("COW-22",)}, focus=_inside, axioms=tuple(MOVING)),
    state_law("VIEW-16", VIEW, "No two names show the same place of the image.", _CPQ,
              lambda s, c, p, q: And(beneath(s, c, p), beneath(s, c, q), s.source(c, p) == s.source(c, q)),
              lambda s, c, p, q: {"they are one": p == q}, (_OVERLAY + ", renaming directories",),
              universal=False,
              from_steps={**dict.fromkeys((*_MAKES, "link", "unlink", "rmdir", "rename"), ("COW-23",)),
                          "rename-directory": ("COW-18",)}, focus=_here),
    state_law("LOWER-1", READ_ONLY, "A layer has the names that it was built with.",
              (("layer", LAYER), ("path", PATH)), true,
              lambda s, l, p: {"the name is there": s.has_lower(l, p) == s.has_built(l, p),
                               "it names the same": Implies(s.has_built(l, p),
                                                            s.lower(l, p) == s.built(l, p))},
              (_OVERLAY + ", lower layers", "measured: union")),
    state_law("LOWER-2", READ_ONLY, "The files of a layer are as they were built.",
              (("inode", INODE),), lambda s, i: s.in_image(i),
              lambda s, i: {
                  "its kind is the same": s.kind(i) == s.built_kind(i),
                  **{f"its {n} is the same": agree(
                      keys, partial(getattr(s, f"lower_{n}"), i), partial(getattr(s, f"built_{n}"), i))
                     for n, (keys, _) in ATTRIBUTES.items()}},
              (_OVERLAY + ", lower layers", "measured: union")),
)

_STEP_LAWS = (
    step_law("LOWER-3", READ_ONLY, "What is done in one container is invisible in every other.", _CP,
             lambda t, c, p: And(c != _c(t), seen(t.before, c, p)),
             lambda t, c, p: {
                 "the name is seen": seen(t.after, c, p),
                 "it names the same": inode(t.after, c, p) == inode(t.before, c, p),
                 "it is of the same kind": kind_at(t.after, c, p) == kind_at(t.before, c, p),
                 **_values(t, c, inode(t.before, c, p), inode(t.before, c, p))},
             ("docker docs, storage drivers, copy-on-write",)),
    step_law("LOWER-4", READ_ONLY, "What is done in one container makes no name appear in another.", _CP,
             lambda t, c, p: And(c != _c(t), Not(seen(t.before, c, p))),
             lambda t, c, p: {"it is not seen": Not(seen(t.after, c, p))},
             ("docker docs, storage drivers, copy-on-write",)),
    step_law("LOWER-5", READ_ONLY, "What is done in one container leaves the upper of every other as it is.", _CP,
             lambda t, c, p: c != _c(t),
             lambda t, c, p: {
                 "its entry is the same": And(t.after.has_upper(c, p) == t.before.has_upper(c, p), Implies(
                     t.before.has_upper(c, p), t.after.upper(c, p) == t.before.upper(c, p))),
                 "it is of the same kind": Implies(t.before.has_upper(c, p), t.after.kind(
                     t.before.upper(c, p)) == t.before.kind(t.before.upper(c, p))),
                 "its marks are the same": And([getattr(t.after, mark)(c, p) == getattr(t.before, mark)(c, p)
                                                for mark in ("whiteout", "opaque", "redirected")]),
                 "its redirect is the same": Implies(
                     t.before.redirected(c, p), t.after.redirect(c, p) == t.before.redirect(c, p)),
                 **{f"its {name} is the same": Implies(t.before.has_upper(c, p), agree(
                     keys, partial(getattr(t.after, name), c, t.before.upper(c, p)),
                     partial(getattr(t.before, name), c, t.before.upper(c, p))))
                    for name, (keys, _) in ATTRIBUTES.items()}},
             (_OVERLAY + ", upper and lower", "docker docs, storage drivers, copy-on-write")),
    step_law("COW-1", COPY_UP, "A name that an operation does not name is there after it as before, and names "
             "the same.", _CP,
             lambda t, c, p: And(c == _c(t), Not(_touched(t, p))),
             lambda t, c, p: {
                 "it is seen as before": seen(t.after, c, p) == seen(t.before, c, p),
                 "it names the same": Implies(seen(t.before, c, p), And(
                     inode(t.after, c, p) == inode(t.before, c, p),
                     kind_at(t.after, c, p) == kind_at(t.before, c, p)))},
             (_OVERLAY, "measured: union, row 35")),
    step_law("COW-2", COPY_UP, "What no named path names keeps its attributes, but for the time of the "
             "directory of a name that comes or goes.", _CP,
             lambda t, c, p: And(c == _c(t), seen(t.before, c, p), Not(_touched(t, p)), *(
                 Or(Not(seen(t.before, c, q)), inode(t.before, c, q) != inode(t.before, c, p))
                 for q in _paths(t))),
             lambda t, c, p: {
                 **_values(t, c, inode(t.before, c, p), inode(t.before, c, p), ("mtime",)),
                 "its mtime is the same": Or(
                     attribute(t.after, "mtime")(c, inode(t.before, c, p))
                     == attribute(t.before, "mtime")(c, inode(t.before, c, p)),
                     *(And(z3.BoolVal(t.rule.name not in _CHANGES or t.rule.name == "link"),
                           p == t.before.parent(q)) for q in _paths(t)))},
             ("measured: union, rows 2, 43 and 44",)),
    step_law("COW-3", COPY_UP, "Copy-up keeps all but what the operation changes: content, mode, owner, time "
             "and extended attributes.", _CP,
             lambda t, c, p: And(c == _c(t), p == _p(t)),
             lambda t, c, p: {
                 "it is seen": seen(t.after, c, p),
                 "it is of the same kind": kind_at(t.after, c, p) == kind_at(t.before, c, p),
                 **_values(t, c, inode(t.before, c, p), inode(t.after, c, p), _CHANGES[t.rule.name])},
             ("measured: union, rows 2 to 6",), rules=tuple(_CHANGES)),
    step_law("COW-4", COPY_UP, "What an operation sets has the value that it set.", _CPX,
             lambda t, c, p, x: And(c == _c(t), p == _p(t)), lambda t, c, p, x: _as_set(t, c, p, x),
             ("write(2)", "chmod(2)", "chown(2)", "utimensat(2)", "setxattr(2)"),
             rules=tuple(name for name, changed in _CHANGES.items() if changed)),
    step_law("COW-5", COPY_UP, "A name that is removed is not seen.", (),
             true, lambda t: {"it is not seen": Not(seen(t.after, _c(t), _p(t)))},
             ("unlink(2)", "rmdir(2)", "rename(2)"), rules=_TAKES),
    step_law("COW-6", COPY_UP, "A name that is not seen stays so, whatever is beneath, until it is made again.",
             _CP, lambda t, c, p: And(c == _c(t), Not(seen(t.before, c, p)), seen(t.after, c, p)),
             lambda t, c, p: {"it was made": _touched(t, p),
                              "by what makes names": z3.BoolVal(
                                  t.rule.name in (*_MAKES, "link", *_RENAMES))},
             (_OVERLAY + ", whiteouts and opaque directories",)),
    step_law("COW-7", COPY_UP, "A directory that is made is empty, whatever the image has beneath.", (),
             true, lambda t: {"nothing is in it": Not(populated(t.after, _c(t), _p(t)))},
             ("measured: union, rows 11 and 13",), rules=("mkdir",)),
    step_law("COW-8", COPY_UP, "A whiteout is left exactly when the name is visible beneath.", (),
             true, lambda t: {"it is left as it should": t.after.whiteout(_c(t), _p(t))
                              == beneath(t.before, _c(t), _p(t))},
             ("measured: union, rows 8, 9, 12 and 41",), rules=_TAKES),
    step_law("COW-9", COPY_UP, "Copy-up keeps the inode, unless it breaks hard links.", (),
             true, lambda t: {"it is the same inode": Or(
                 inode(t.after, _c(t), _p(t)) == inode(t.before, _c(t), _p(t)),
                 breaks(t.before, _c(t), inode(t.before, _c(t), _p(t))))},
             ("measured: union, row 35",), rules=tuple(_CHANGES)),
    step_law("COW-10", COPY_UP, "An upper holds nothing that was not touched.", _CP,
             lambda t, c, p: And(Or(t.after.has_upper(c, p), t.after.whiteout(c, p)),
                                 Not(t.before.has_upper(c, p)), Not(t.before.whiteout(c, p))),
             lambda t, c, p: {"it, or what is in it, is named": And(c == _c(t), Or(
                 _touched(t, p), *(above(t.before, p, q) for q in _paths(t))))},
             (_OVERLAY, "measured: union, row 44")),
    step_law("COW-11", COPY_UP, "A refused operation changes nothing.", (),
             true, lambda t: UNION.same(t.after, t.before), ("POSIX.1-2017 2.3, error numbers",),
             refusals=("*",)),
    step_law("COW-12", COPY_UP, "Looking changes nothing, and what is mounted again is what it was.", (),
             true, lambda t: UNION.same(t.after, t.before), ("measured: union, rows 7 and 35",), rules=_LOOKS),
    step_law("COW-13", COPY_UP, "What is renamed has its new name, and is what it was.",
             _CP, lambda t, c, p: And(c == _c(t), p == _p(t)),
             lambda t, c, p: {
                 "it is seen": seen(t.after, c, _q(t)),
                 "it is of the same kind": kind_at(t.after, c, _q(t)) == kind_at(t.before, c, p),
                 "it is the same inode": Or(
                     inode(t.after, c, _q(t)) == inode(t.before, c, p),
                     breaks(t.before, c, inode(t.before, c, p))),
                 **_values(t, c, inode(t.before, c, p), inode(t.after, c, _q(t)))},
             ("rename(2)", "measured: union, row 17"), rules=_RENAMES),
    step_law("COW-14", COPY_UP, "What was seen before a directory was renamed is seen after it, there or under "
             "the new name, but for the directory that was replaced.",
             _CP, lambda t, c, p: And(c == _c(t), p != _q(t), seen(t.before, c, p)),
             lambda t, c, p: {
                 "it is seen": seen(t.after, c, _becomes(t, p)),
                 "it is the same": And(inode(t.after, c, _becomes(t, p)) == inode(t.before, c, p),
                                       kind_at(t.after, c, _becomes(t, p)) == kind_at(t.before, c, p)),
                 "it is not seen under the old name": Implies(
                     t.before.under(_p(t), p), Not(seen(t.after, c, p)))},
             ("rename(2)", "measured: union, rows 20 and 21"), rules=("rename-directory",)),
    step_law("COW-15", COPY_UP, "Two names that are made links name one inode.", (),
             true, lambda t: {
                 "both are seen": And(seen(t.after, _c(t), _p(t)), seen(t.after, _c(t), _q(t))),
                 "they name one inode": inode(t.after, _c(t), _p(t))
                 == inode(t.after, _c(t), _q(t))},
             ("link(2)", "measured: union, row 26"), rules=("link",)),
    step_law("COW-16", COPY_UP, "What is made is there, new, as it was ordered, and dated now.", (("key", KEY),),
             true, lambda t, x: _as_made(t, x), ("open(2)", "mkdir(2)", "symlink(2)", "mknod(2)"),
             rules=tuple(_MAKES)),
    step_law("COW-17", COPY_UP, "The directory of a name that comes or goes is dated now.", _CP,
             lambda t, c, p: And(c == _c(t), Or([p == t.before.parent(q) for q in _dated_paths(t)])),
             lambda t, c, p: {"its mtime is now": attribute(t.after, "mtime")(c, inode(t.after, c, p))
                              == t.before.now},
             ("POSIX.1-2017 4.9, file times update",), rules=(*_MAKES, "link", *_TAKES)),
    step_law("COW-18", COPY_UP, "What the image shows in a renamed directory moves along, and nothing else does.",
             _CP, lambda t, c, p: And(c == _c(t), beneath(t.after, c, p)),
             lambda t, c, p: {
                 "what hides moved along": forall(PATH, lambda q: Implies(
                     And(above(t.before, _p(t), q), t.before.fits(_p(t), _q(t), q),
                         hides(t.before, c, q)),
                     hides(t.after, c, t.before.moved(_p(t), _q(t), q)))),
                 "it was looked at": t.before.has_source(c, _old(t, p)),
                 "nothing in the old name hid it": Not(exists(PATH, lambda q: And(
                     t.before.under(t.before.anchor(c, _old(t, p)), q), above(t.before, q, _old(t, p)),
                     above(t.before, _p(t), q), hides(t.before, c, q)))),
                 "it was beneath the old name": beneath(t.before, c, _old(t, p)),
                 "it is the same": t.after.source(c, p) == t.before.source(c, _old(t, p)),
                 "it is where it was moved to": p == z3.If(
                     above(t.before, _p(t), _old(t, p)),
                     t.before.moved(_p(t), _q(t), _old(t, p)), _old(t, p)),
                 "none is under the old name": Not(above(t.before, _p(t), p))},
             (_OVERLAY + ", renaming directories",), rules=("rename-directory",)),
    step_law("COW-19", COPY_UP, "What is seen after a directory was renamed was seen before, there or under the "
             "old name.", _CP, lambda t, c, p: And(c == _c(t), seen(t.after, c, p)),
             lambda t, c, p: {
                 "what is the image's was": Implies(below(t.after, c, p), below(t.before, c, was(t, p))),
                 "only directories are copied up": Or(
                     Not(t.after.has_upper(c, p)), t.before.has_upper(c, was(t, p)),
                     directory_at(t.before, c, was(t, p))),
                 "it was seen": seen(t.before, c, was(t, p)),
                 "it is the same": And(inode(t.after, c, p) == inode(t.before, c, was(t, p)),
                                       kind_at(t.after, c, p) == kind_at(t.before, c, was(t, p))),
                 "it is not under the old name": Not(t.before.under(_p(t), p)),
                 "it is where it was moved to": p == _becomes(t, was(t, p))},
             ("rename(2)",), rules=("rename-directory",), from_steps={"rename-directory": ("COW-18",)}),
    step_law("COW-20", COPY_UP, "The way to what is seen after a directory was renamed was one of directories "
             "before.",
             (*_CP, ("way", PATH)),
             lambda t, c, p, q: And(c == _c(t), seen(t.after, c, p), above(t.before, q, p), q != _q(t)),
             lambda t, c, p, q: {
                 "it is where it was moved to": q == _becomes(t, was(t, q)),
                 "it was on the way, or on that to the new name": Or(
                     above(t.before, was(t, q), was(t, p)), above(t.before, q, _q(t))),
                 "it was a directory": directory_at(t.before, c, was(t, q))},
             ("rename(2)",), rules=("rename-directory",), from_steps={"rename-directory": ("COW-19",)}),
    step_law("COW-21", COPY_UP, "What the upper holds after a directory was renamed had another name before than "
             "the new one.",
             (("container", CONTAINER), ("inode", INODE)),
             lambda t, c, i: And(c == _c(t), t.after.copied(c, i)),
             lambda t, c, i: {"it had a name": exists(PATH, lambda p: And(
                 p != _q(t), seen(t.before, c, p), inode(t.before, c, p) == i))},
             ("rename(2)",), rules=("rename-directory",)),
    step_law("COW-22", COPY_UP, "In a renamed directory the image is looked at where it was, from the directory "
             "or from one in it that was redirected before.",
             _CP, lambda t, c, p: And(_inside(t, c, p), t.after.has_source(c, p),
                                      Not(t.after.opaque(c, t.after.anchor(c, p)))),
             lambda t, c, p: _looked_along(t, c, p), (_OVERLAY + ", renaming directories",),
             rules=("rename-directory",)),
    step_law("COW-23", COPY_UP, "What the image shows after an operation it showed before, from the same place, "
             "unless a directory is renamed.",
             _CP, lambda t, c, p: And(c == _c(t), beneath(t.after, c, p)),
             lambda t, c, p: {"it was beneath": beneath(t.before, c, p),
                              "from the same place": t.after.source(c, p) == t.before.source(c, p)},
             (_OVERLAY + ", whiteouts and opaque directories",),
             rules=tuple(r.name for r in UNION.rules if r.name != "rename-directory")),
    step_law("PLAIN-1", PLAIN, "What is done presupposes that what it works on is there.", (),
             true, lambda t: {"it is there": seen(t.before, _c(t), _p(t))}, ("POSIX.1-2017, ENOENT",),
             rules=(*_CHANGES, *_TAKES, "stat", "read", "list", "readlink", "rename-to-itself")),
    step_law("PLAIN-2", PLAIN, "A name is made only where there is none, in a directory that is there.", (),
             true, lambda t: {
                 "it was not there": Not(seen(t.before, _c(t), _paths(t)[-1])),
                 "its directory was": directory_at(t.before, _c(t), t.before.parent(_paths(t)[-1]))},
             ("POSIX.1-2017, EEXIST",), rules=(*_MAKES, "link")),
    step_law("PLAIN-3", PLAIN, "Only an empty directory is removed or replaced.", (),
             true, lambda t: {"it was empty": Or(
                 Not(directory_at(t.before, _c(t), _paths(t)[-1])),
                 Not(populated(t.before, _c(t), _paths(t)[-1])))},
             ("rmdir(2)", "rename(2), ENOTEMPTY"), rules=("rmdir", *_RENAMES)),
    step_law("PLAIN-4", PLAIN, "An operation is done only to what it can be done to.", (),
             true, lambda t: {"it is of such a kind": _fit(t)},
             ("POSIX.1-2017, EISDIR, ENOTDIR, ELOOP, ENXIO, EPERM and EINVAL",),
             rules=("open-for-writing", "write", "append", "truncate", "read", "list", "readlink", "unlink",
                    "rmdir", "link", "chmod")),
    step_law("PLAIN-5", PLAIN, "Something is renamed only over its like, into a directory that is there, and "
             "not into itself.", (),
             true, lambda t: {
                 "a directory only over a directory": Implies(
                     seen(t.before, _c(t), _q(t)),
                     directory_at(t.before, _c(t), _p(t)) == directory_at(t.before, _c(t), _q(t))),
                 "into a directory": directory_at(t.before, _c(t), t.before.parent(_q(t))),
                 "not into itself": Not(above(t.before, _p(t), _q(t)))},
             ("rename(2), EISDIR, ENOTDIR, ENOENT and EINVAL",), rules=_RENAMES),
    step_law("PLAIN-6", PLAIN, "The root is neither removed nor renamed.", (),
             true, lambda t: {"it is not the root": And([q != t.before.root for q in _paths(t)])},
             ("rmdir(2), EBUSY", "rename(2), EBUSY"), rules=("unlink", "rmdir", *_RENAMES)),
    step_law("PLAIN-7", PLAIN, "EXDEV is answered only for a directory that the image has a part in, and such a "
             "directory is not renamed.", (),
             true, lambda t: {"the image has a part in it": And(
                 directory_at(t.before, _c(t), _p(t)), beneath(t.before, _c(t), _p(t))),
                 "there is no redirect_dir": Not(t.before.redirect_dir)},
             ("measured: union, row 19",), rules=("rename-directory",), refusals=("EXDEV",)),
    step_law("PLAIN-8", PLAIN, "A directory that is renamed is the upper's alone, but with redirect_dir.", (),
             true, lambda t: {"it is the upper's": Or(t.before.redirect_dir, And(
                 t.before.has_upper(_c(t), _p(t)), Not(merged(t.before, _c(t), _p(t)))))},
             ("measured: union, rows 19 to 21",), rules=("rename-directory",)),
    step_law("PLAIN-9", PLAIN, "ENOENT is answered only where something is missing.", (),
             true, lambda t: {"something is missing": Or(
                 # What is to be made need not be there, nor what a new name replaces.
                 *(Not(seen(t.before, _c(t), q)) for q in _paths(t)[:0 if t.rule.name in _MAKES else 1]),
                 *(Not(directory_at(t.before, _c(t), t.before.parent(q))) for q in _paths(t)),
                 And(z3.BoolVal(t.rule.name == "chmod"), kind_at(t.before, _c(t), _p(t)) == SYMLINK))},
             ("POSIX.1-2017, ENOENT",), refusals=("ENOENT",)),
    step_law("PLAIN-10", PLAIN, "EEXIST is answered only where the name is there.", (),
             true, lambda t: {"it is there": seen(t.before, _c(t), _paths(t)[-1])},
             ("POSIX.1-2017, EEXIST",), refusals=("EEXIST",)),
    step_law("PLAIN-11", PLAIN, "ENOTEMPTY is answered only for a directory with something in it.", (),
             true, lambda t: {"something is in it": populated(t.before, _c(t), _paths(t)[-1])},
             ("POSIX.1-2017, ENOTEMPTY",), refusals=("ENOTEMPTY",)),
    step_law("PLAIN-12", PLAIN, "ENOTDIR is answered only where something is not a directory.", (),
             true, lambda t: {"something is not": exists(PATH, lambda q: And(
                 seen(t.before, _c(t), q), kind_at(t.before, _c(t), q) != DIRECTORY,
                 Or([t.before.under(q, x) for x in _paths(t)])))},
             ("POSIX.1-2017, ENOTDIR",), refusals=("ENOTDIR",)),
    step_law("PLAIN-13", PLAIN, "A removed attribute was there.", (),
             true, lambda t: {"it was set": attribute(t.before, "xattr")(
                 _c(t), inode(t.before, _c(t), _p(t)), t.argument("key")) != t.before.unset},
             ("removexattr(2), ENODATA",), rules=("removexattr",)),
)


def _dated_paths(t: Step) -> list[Term]:
    """The names that come or go."""
    return _paths(t)[1:] if t.rule.name == "link" else _paths(t)


def _becomes(t: Step, p: Term) -> Term:
    """What becomes of p when a directory is renamed."""
    source, target = _p(t), _q(t)
    return z3.If(t.before.under(source, p), t.before.moved(source, target, p), p)


def _looked_along(t: Step, c: Term, p: Term) -> Conclusions:
    """Where the image is looked at for p in a renamed directory, and from where."""
    source, target, old = _p(t), _q(t), was(t, p)
    anchor, nearer = t.before.anchor(c, old), above(t.before, source, t.before.anchor(c, old))
    place = z3.If(t.before.redirected(c, source), t.before.redirect(c, source), t.before.source(c, source))
    return {
        "it was in the directory": And(t.before.fits(target, source, p), above(t.before, source, old)),
        "it is looked at where it was": And(t.before.has_source(c, old),
                                            t.after.source(c, p) == t.before.source(c, old)),
        "from one in it": Implies(nearer, And(
            t.after.anchor(c, p) == t.before.moved(source, target, anchor), t.before.fits(source, target, anchor),
            _looked_from(t.after, c, p) == _looked_from(t.before, c, old),
            Not(t.before.opaque(c, anchor)))),
        "or from itself": Or(nearer, And(
            t.after.anchor(c, p) == target, _looked_from(t.after, c, p) == place,
            Not(t.before.opaque(c, source)),
            Or(And(t.before.redirected(c, source), anchor == source),
               And(t.before.has_source(c, source), anchor == t.before.anchor(c, source),
                   Not(t.before.redirected(c, source)), Not(t.before.opaque(c, anchor)))))),
    }


def _old(t: Step, p: Term) -> Term:
    """What became p when a directory was renamed, if p is in it now."""
    return z3.If(p == _q(t), p, was(t, p))


def was(t: Step, p: Term) -> Term:
    """What became p when a directory was renamed, if p is it or in it now."""
    source, target = _p(t), _q(t)
    return z3.If(t.before.under(target, p), t.before.moved(target, source, p), p)


def _as_set(t: Step, c: Term, p: Term, x: Term) -> Conclusions:
    """What the operation's arguments say."""
    after: Callable[..., Term] = lambda name, *k: attribute(t.after, name)(c, inode(t.after, c, p), *k)
    before = lambda name, *k: attribute(t.before, name)(c, inode(t.before, c, p), *k)
    if t.rule.name in ("setxattr", "removexattr"):
        value = t.argument("value") if t.rule.name == "setxattr" else t.before.unset
        key = t.argument("key")
        return {"the attribute has the value": after("xattr", key) == value,
                "other attributes have theirs": Implies(x != key, after("xattr", x) == before("xattr", x))}
    if t.rule.name in ("chmod", "chown", "utimes"):
        name, parameter = {"chmod": ("mode", "mode"), "chown": ("owner", "owner"),
                           "utimes": ("mtime", "time")}[t.rule.name]
        return {f"the {name} is as set": after(name) == t.argument(parameter)}
    return {"it holds the content": after("content") == t.argument("content"),
            "it is dated now": after("mtime") == t.before.now}


def _as_made(t: Step, x: Term) -> Conclusions:
    """A new inode as ordered."""
    c, p, i = _c(t), _p(t), t.argument("inode")
    after = lambda name, *k: attribute(t.after, name)(c, i, *k)
    content = t.argument("content") if t.rule.name == "symlink" else t.before.empty
    return {
        "it is seen": seen(t.after, c, p),
        "it is the new inode": inode(t.after, c, p) == i,
        "the inode is new": forall(PATH, lambda q: Not(And(
            seen(t.before, c, q), inode(t.before, c, q) == i))),
        "it is of that kind": kind_at(t.after, c, p) == _MAKES[t.rule.name],
        "its content is as ordered": after("content") == content,
        "its mode is as ordered": after("mode") == t.argument("mode"),
        "its owner is the creator": after("owner") == t.before.creator,
        "it is dated now": after("mtime") == t.before.now,
        "it has no attribute": after("xattr", x) == t.before.unset,
    }


def _fit(t: Step) -> Term:
    """The kind of what the path names is one for the operation."""
    kind = kind_at(t.before, _c(t), _p(t))
    if t.rule.name in ("open-for-writing", "write", "append", "truncate"):
        return kind == FILE
    if t.rule.name == "read":
        return And(kind != DIRECTORY, kind != SYMLINK)
    if t.rule.name in ("list", "rmdir"):
        return kind == DIRECTORY
    if t.rule.name in ("readlink", "chmod"):
        return (kind == SYMLINK) == z3.BoolVal(t.rule.name == "readlink")
    return kind != DIRECTORY


def _laws() -> tuple[Law, ...]:
    return _STATE_LAWS + _STEP_LAWS


UNION_LAWS = Catalogue(_laws())
"""The laws of the union machine."""
