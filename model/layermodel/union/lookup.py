"""How a path is looked up, and with which errno that ends: refusals that many rules of the union share.

Named as errno names them, and in the order in which Linux looks at them. A path is taken as it is: an operation
that is given a symlink acts on the symlink; symlinks point nowhere, so that a way through one ends with ENOENT.
"""

from __future__ import annotations

from z3 import And, Not, Or

from layermodel.language.rules import Refusal, State, Term, exists
from layermodel.language.writing import Clauses, refuses
from layermodel.union.words import (
    DIRECTORY,
    FIFO,
    PATH,
    SYMLINK,
    above,
    directory_at,
    kind_at,
    seen,
)


def blocked(s: State, container: Term, path: Term) -> Term:
    """Something on the way to the path is there and is neither a directory nor a symlink."""
    return exists(PATH, lambda q: And(
        above(s, q, path), seen(s, container, q), kind_at(s, container, q) != DIRECTORY,
        kind_at(s, container, q) != SYMLINK))


def no_way(s: State, container: Term, path: Term) -> Term:
    """The directory that the path would be a name in is not there."""
    return Not(directory_at(s, container, s.parent(path)))


def says_blocked(path: str = "path") -> str:
    """The phrase for :func:`blocked`."""
    return f"on the way to the {path} the container sees something that is neither a directory nor a symlink"


def says_no_way(path: str = "path") -> str:
    """The phrase for :func:`no_way`."""
    return f"the container sees no directory for the {path} to be in"


NOTHING = "the container sees nothing at the path"
NO_DIRECTORY = "the container sees something else than a directory at the path"


def is_directory(s: State, container: Term, path: Term, name: str = "EISDIR") -> Refusal:
    """There must not be a directory."""
    return refuses(name, kind_at(s, container, path) == DIRECTORY, "the container sees a directory at the path")


def is_symlink(s: State, container: Term, path: Term) -> Refusal:
    """There must not be a symlink, which is not followed."""
    return refuses("ELOOP", kind_at(s, container, path) == SYMLINK, "the container sees a symlink at the path")


def found(s: State, container: Term, path: Term) -> Clauses:
    """The path has to lead to something."""
    yield refuses("ENOTDIR", blocked(s, container, path), says_blocked())
    yield refuses("ENOENT", Not(seen(s, container, path)), NOTHING)


def found_followed(s: State, container: Term, path: Term) -> Clauses:
    """The path has to lead to something that is no symlink: one is followed, and points nowhere."""
    yield refuses("ENOTDIR", blocked(s, container, path), says_blocked())
    yield refuses("ENOENT", Or(Not(seen(s, container, path)), kind_at(s, container, path) == SYMLINK),
                  f"{NOTHING}; or the container sees a symlink at the path")


def found_directory(s: State, container: Term, path: Term) -> Clauses:
    """The path has to lead to a directory."""
    other = And(seen(s, container, path), kind_at(s, container, path) != DIRECTORY)
    yield refuses("ENOTDIR", Or(blocked(s, container, path), other), f"{says_blocked()}; or {NO_DIRECTORY}")
    yield refuses("ENOENT", Not(seen(s, container, path)), NOTHING)


def free(s: State, container: Term, path: Term) -> Clauses:
    """The path has to be a name that is not there, in a directory that is."""
    yield refuses("ENOTDIR", blocked(s, container, path), says_blocked())
    yield refuses("ENOENT", no_way(s, container, path), says_no_way())
    yield refuses("EEXIST", seen(s, container, path), "the container sees something at the path")


def writable(s: State, container: Term, path: Term) -> Clauses:
    """The path has to lead to a file that can be opened for writing, without following a symlink."""
    yield from found(s, container, path)
    yield is_directory(s, container, path)
    yield is_symlink(s, container, path)
    yield refuses("ENXIO", kind_at(s, container, path) == FIFO, "the container sees a FIFO at the path")
