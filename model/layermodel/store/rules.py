"""The rules of the store machine, and the machine.

Each is a function that reads like an entry of the rule book: what it presupposes of its parameters, its refusals
in the order in which Docker looks at them, each with its condition as a term and as a phrase, and what is
different afterwards. Where Docker and Podman differ a trait stands in the formula
(:data:`layermodel.store.words.TRAITS`).

They stand in four modules, from which they are collected here: :mod:`layermodel.store.images`,
:mod:`layermodel.store.removal`, :mod:`layermodel.store.containers` and :mod:`layermodel.store.progress`.
"""

from __future__ import annotations

from layermodel.language.rules import Machine
from layermodel.store.containers import (
    container_prune,
    create,
    kill,
    pause,
    remove,
    rename,
    restart,
    start,
    stop,
    unpause,
    write,
)
from layermodel.store.images import (
    build_step,
    commit,
    commit_as,
    import_,
    import_unnamed,
    load,
    load_damaged,
    load_unnamed,
    load_with_parent,
    tag,
    untag,
)
from layermodel.store.progress import (
    abort,
    build_add,
    build_begin,
    build_finish,
    pull_begin,
    pull_finish,
    pull_layer,
)
from layermodel.store.removal import prune, prune_all, remove_by_digest, remove_by_id, remove_by_tag
from layermodel.store.words import AXIOMS, INITIAL, SORTS, SYMBOLS, TRAITS

RULES = (
    load, load_unnamed, load_damaged, load_with_parent, import_, import_unnamed, tag, untag,
    remove_by_tag, remove_by_digest, remove_by_id, prune, prune_all,
    create, start, stop, kill, pause, unpause, restart, rename, remove, container_prune, write, commit,
    commit_as, build_step, pull_begin, pull_layer, pull_finish, build_begin, build_add, build_finish, abort,
)

STORE = Machine("store", SORTS, SYMBOLS, TRAITS, AXIOMS, INITIAL, RULES)
"""The store machine."""
