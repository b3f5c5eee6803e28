"""The rules of the union machine, and the machine: system calls, by what they do to a container's upper.

Each is a function that reads like an entry of the rule book: what it presupposes of its parameters, its refusals,
named as errno names them and in the order in which Linux looks at them, each with its condition as a term and as a
phrase, and then the edits of the container's upper (:class:`layermodel.union.copy_up.Upper`) in the order in which
they are made.

They stand in three modules, from which they are collected here: :mod:`layermodel.union.files`,
:mod:`layermodel.union.names` and :mod:`layermodel.union.renaming`.
"""

from __future__ import annotations

from layermodel.language.rules import Machine
from layermodel.union.axioms import AXIOMS, HINTS, INITIAL
from layermodel.union.files import (
    append,
    chmod,
    chown,
    list_,
    open_for_writing,
    read,
    readlink,
    remount,
    removexattr,
    setxattr,
    stat,
    truncate,
    utimes,
    write,
)
from layermodel.union.names import create, link, mkdir, mkfifo, rmdir, symlink, unlink
from layermodel.union.renaming import rename, rename_directory, rename_to_itself
from layermodel.union.words import SORTS, SYMBOLS, TRAITS

RULES = (
    stat, read, list_, readlink, remount,
    open_for_writing, write, append, truncate, chmod, chown, utimes, setxattr, removexattr,
    create, mkdir, symlink, mkfifo, link, unlink, rmdir, rename_to_itself, rename, rename_directory,
)

UNION = Machine("union", SORTS, SYMBOLS, TRAITS, AXIOMS, INITIAL, RULES, HINTS)
"""The union machine."""
