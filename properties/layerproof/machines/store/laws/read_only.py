"""Laws about read-only lower layers, as far as the store sees them."""

from __future__ import annotations

import z3
from z3 import And, Implies, Not

from layermodel.language.rules import BOOL
from layermodel.objects import CONTAINER
from layermodel.store.words import CONTENT, IMAGE, NAME
from layerproof.laws.law import Kind, Law, Runs, same, state_law, step_law, true
from layerproof.machines.store.laws.words import READ_ONLY, C, I, L

LAWS = (
    state_law("RO-1", READ_ONLY, "A stored layer holds the files that its ID names.", L,
              lambda s, l: s.layer(l), lambda s, l: {"its files are its diff": s.bytes(l) == s.diff(l)},
              ("OCI image-spec layer.md and config.md, Layer DiffID", "containerd#953")),
    step_law("RO-2", READ_ONLY, "A layer never changes while it exists.", L,
             lambda t, l: And(t.before.layer(l), t.after.layer(l)),
             lambda t, l: {"its files are the same": t.after.bytes(l) == t.before.bytes(l)},
             ("kernel Documentation/filesystems/overlayfs.rst, lower layers", "facts: podman-4.3, Files")),
    step_law("RO-3", READ_ONLY, "What is done in one container changes no other container's files.", C,
             lambda t, c: And(t.before.container(c), t.after.container(c), Not(t.named(c, CONTAINER))),
             lambda t, c: {
                 "its upper layer is the same": t.after.upper(c) == t.before.upper(c),
                 "its SizeRw is the same": t.after.size_rw(c) == t.before.size_rw(c)},
             ("docker docs, storage drivers, copy-on-write",)),
    step_law("RO-4", READ_ONLY, "An image's view is the same for all its life.", I + L,
             lambda t, i, l: And(t.before.image(i), t.after.image(i), t.before.below(l, t.before.top(i))),
             lambda t, i, l: {"the layer stays": Implies(t.before.layer(l), t.after.layer(l)),
                              "its files are the same": t.after.bytes(l) == t.before.bytes(l),
                              "its size is the same": t.after.size(i) == t.before.size(i)},
             ("OCI image-spec config.md, ImageID",)),
    step_law("RO-5", READ_ONLY, "Only writing changes a container's files: its upper layer survives stop, "
             "start, rename and commit.", C,
             lambda t, c: And(t.before.container(c), t.after.container(c)),
             lambda t, c: {"its upper layer is the same": t.after.upper(c) == t.before.upper(c),
                           "its SizeRw is the same": t.after.size_rw(c) == t.before.size_rw(c)},
             ("measured: docker-20.10",), rules=(
                 "start", "stop", "kill", "pause", "unpause", "restart", "rename", "commit", "commit-as", "tag")),
    Law("RO-6", READ_ONLY, Kind.ALGEBRAIC, "Removing a container restores the store that was there before "
        "it was created and written to.", (),
        lambda a: z3.BoolVal(True), lambda a: same(a, a.start),
        ("docker docs, storage drivers",), runs=Runs(
            (("image", IMAGE), ("name", NAME), ("container", CONTAINER), ("content", CONTENT),
             ("force", BOOL)),
            (("create", ("image", "name", "container")), ("write", ("container", "content")),
             ("remove", ("container", "force"))), ())),
    step_law("RO-7", READ_ONLY, "Writing in a container changes its upper layer and nothing else.", (),
             true, lambda t: {
                 name: formula for name, formula in t.before._machine.same(t.after, t.before).items()
                 if name not in ("upper", "size_rw")},
             ("docker docs, storage drivers, copy-on-write",), rules=("write",)),
)
