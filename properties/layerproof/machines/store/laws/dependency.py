"""Laws about what depends on what."""

from __future__ import annotations

import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import Step, exists, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.words import (
    IMAGE,
    LEASE,
    NAME,
    REFERENCE,
    has_children,
    leased,
    reached,
    several_tags,
    used,
    used_by_running,
)
from layerproof.laws.law import Conclusions, Kind, Law, Runs, state_law, step_law, true
from layerproof.machines.store.laws.words import DEPENDENCY, C, I, L, R, forces

LAWS = (
    state_law("DEP-1", DEPENDENCY, "A container's image is present.", C,
              lambda s, c: s.container(c), lambda s, c: {"its image is present": s.image(s.image_of(c))},
              ("Engine API 1.41 ImageDelete (conflict)", "moby#13261")),
    state_law("DEP-2", DEPENDENCY, "An image's layers are present.", I + L,
              lambda s, i, l: And(s.image(i), s.below(l, s.top(i))),
              lambda s, i, l: {"the layer is stored": s.layer(l)},
              ("OCI image-spec config.md, rootfs.diff_ids", "podman#18659")),
    state_law("DEP-3", DEPENDENCY, "A stored layer's parents are stored.",
              (("layer", LAYER), ("parent", LAYER)),
              lambda s, l, m: And(s.layer(l), s.below(m, l)), lambda s, l, m: {"the parent is stored": s.layer(m)},
              ("OCI image-spec config.md, Layer ChainID", "containerd docs/snapshotters")),
    state_law("DEP-4", DEPENDENCY, "What parentage is recorded is between images that are present.",
              (("child", IMAGE), ("ancestor", IMAGE)),
              lambda s, d, x: s.made_from(d, x),
              lambda s, d, x: {"the child is present": s.image(d), "the ancestor is present": s.image(x)},
              ("moby image/store.go, SetParent", "podman#10832")),
    state_law("DEP-5", DEPENDENCY, "No layer is stored that nothing reaches.", L,
              lambda s, l: s.layer(l),
              lambda s, l: {"an image, a container or a lease reaches it": reached(s, l)},
              ("moby#46136", "moby#38488", "moby#48909"), universal=False),
    state_law("DEP-6", DEPENDENCY, "A reference names at most one image.",
              (("reference", REFERENCE), ("image", IMAGE), ("other", IMAGE)),
              lambda s, r, i, j: And(s.names(r, i), s.names(r, j)),
              lambda s, r, i, j: {"they are one image": i == j}, ("OCI distribution-spec, tag",)),
    state_law("DEP-7", DEPENDENCY, "An image that a reference names is present.", R + I,
              lambda s, r, i: s.names(r, i), lambda s, r, i: {"the image is present": s.image(i)},
              ("moby reference/store.go", "nerdctl#1988")),
    state_law("DEP-8", DEPENDENCY, "A container's lower layers are stored.", C + L,
              lambda s, c, l: And(s.container(c), s.below(l, s.top(s.image_of(c)))),
              lambda s, c, l: {"the layer is stored": s.layer(l)}, ("moby#13261",),
              follows_from=("DEP-1", "DEP-2")),
    state_law("DEP-9", DEPENDENCY, "What an operation in progress needs is there (a lease is a root).",
              (("lease", LEASE), ("layer", LAYER), ("image", IMAGE)),
              lambda s, x, l, i: Or(s.holds_layer(x, l), s.holds_image(x, i)),
              lambda s, x, l, i: {
                  "the operation is in progress": s.lease(x),
                  "the layer is stored": Implies(s.holds_layer(x, l), s.layer(l)),
                  "the image is present": Implies(s.holds_image(x, i), s.image(i))},
              ("containerd docs/garbage-collection.md, leases", "podman#18659", "containerd#3787")),
    state_law("DEP-10", DEPENDENCY, "Recorded parentage is an order: the dependency graph has no cycle.",
              (("child", IMAGE), ("parent", IMAGE), ("ancestor", IMAGE)),
              lambda s, d, p, x: And(s.made_from(d, p), Or(p == x, s.made_from(p, x))),
              lambda s, d, p, x: {
                  "an ancestor of an ancestor is one": s.made_from(d, x),
                  "the child's history goes on from the ancestor's": s.extends(d, x)},
              ("moby image/store.go", "OCI image-spec config.md, history")),
    state_law("DEP-11", DEPENDENCY, "A name is one container's, and a container has one name.",
              (("container", CONTAINER), ("name", NAME), ("other", CONTAINER), ("other_name", NAME)),
              lambda s, c, n, d, m: And(s.called(c, n), s.called(d, m)),
              lambda s, c, n, d, m: {
                  "the container exists": s.container(c),
                  "one name, one container": Implies(n == m, c == d),
                  "one container, one name": Implies(c == d, n == m)},
              ("Engine API 1.41 ContainerCreate (name conflict)",)),
    state_law("DEP-12", DEPENDENCY, "A digest reference names the image whose manifest it is of, or nothing.",
              R + I, lambda s, r, i: And(s.names(r, i), s.is_digest(r)),
              lambda s, r, i: {"it is that image": s.pins(r) == i}, ("OCI image-spec descriptor.md, digests",)),
    state_law("DEP-13", DEPENDENCY, "Where parentage is inferred, it is inferred of all images present.",
              (("child", IMAGE), ("ancestor", IMAGE)),
              lambda s, d, x: And(s.parents_inferred, s.image(d), s.image(x), s.extends(d, x)),
              lambda s, d, x: {"it is an ancestor": s.made_from(d, x)},
              ("podman libimage/layer_tree.go", "measured: podman-4.3")),
    state_law("DEP-14", DEPENDENCY, "A container has a name.", C,
              lambda s, c: s.container(c),
              lambda s, c: {"it has one": exists(NAME, lambda n: s.called(c, n))},
              ("Engine API 1.41 ContainerCreate",), universal=False),
    step_law("DEP-15", DEPENDENCY, "Nothing with dependents is removed: what goes leaves nothing behind that "
             "needs it.", I,
             lambda t, i: And(t.before.image(i), Not(t.after.image(i))),
             lambda t, i: {
                 "no container uses it": Not(used(t.after, i)),
                 "no recorded child of it stays": Not(has_children(t.after, i)),
                 "no operation in progress needs it": Not(leased(t.after, i)),
                 "no reference names it": forall(REFERENCE, lambda r: Not(t.after.names(r, i)))},
             ("moby#13261", "podman#10832", "podman#992")),
    step_law("DEP-16", DEPENDENCY, "No layer goes that something remaining needs.", L,
             lambda t, l: And(t.before.layer(l), Not(t.after.layer(l))),
             lambda t, l: {"nothing needs it": Not(reached(t.after, l))},
             ("moby#13261", "podman#18659")),
    step_law("DEP-17", DEPENDENCY, "A refusal to remove an image is explained by a dependent that can be "
             "listed.", (),
             lambda t: z3.BoolVal(True), lambda t: _explained(t),
             ("podman#1926", "moby#24688"), rules=("remove-by-tag", "remove-by-digest", "remove-by-id"),
             refusals=("used-by-container", "used-by-running-container", "has-child-images",
                       "used-by-lease", "several-tags")),
    Law("DEP-18", DEPENDENCY, Kind.ALGEBRAIC, "From every store the empty one can be reached: with no "
        "container and no operation left, prune --all leaves nothing.", (),
        lambda a: And(forall(CONTAINER, lambda c: Not(a.start.container(c))),
                      forall(LEASE, lambda x: Not(a.start.lease(x)))),
        lambda a: {
            "no image is left": forall(IMAGE, lambda i: Not(a.left.image(i))),
            "no layer is left": forall(LAYER, lambda l: Not(a.left.layer(l))),
            "no reference is left": forall([REFERENCE, IMAGE], lambda r, i: Not(a.left.names(r, i))),
            "nothing is accounted": a.left.usage == 0},
        ("moby#46136", "podman#1926"), sums=True, runs=Runs((), (("prune-all", ()),), ())),
    step_law("DEP-19", DEPENDENCY, "A container can always be removed by force, and an operation in progress "
             "always be given up.", (),
             true, lambda t: {"it was not there, or force was not said": Not(And(
                 t.before.container(t.argument("container")), t.argument("force"))) if t.rule.name == "remove"
                 else Not(t.before.lease(t.argument("lease")))},
             ("docker-rm(1) --force", "moby#48909"),
             rules=("remove", "abort"), refusals=("*",)),
    step_law("DEP-20", DEPENDENCY, "An image goes only with all that was made from it, unless it is named "
             "where a parent needs no child.", (("image", IMAGE), ("child", IMAGE)),
             lambda t, i, d: And(t.before.image(i), Not(t.after.image(i)), t.before.made_from(d, i),
                                 Or(t.before.parent_needs_no_child, Not(t.named(i, IMAGE)))),
             lambda t, i, d: {"the child goes, too": Not(t.after.image(d))},
             ("podman#10832", "podman#1154")),
    step_law("DEP-21", DEPENDENCY, "Without force a removal does not take the only name of an image that a "
             "container uses, nor the image.", I,
             lambda t, i: And(i == t.argument("image"), Not(Or(forces(t))), used(t.before, i)),
             lambda t, i: {"it has another name, and stays": And(
                 several_tags(t.before, i), t.after.image(i))},
             ("docker-rmi(1)", "moby#13261"), rules=("remove-by-tag", "remove-by-digest", "remove-by-id"),
             idle=("remove-by-id",)),  # it is refused
)


def _explained(t: Step) -> Conclusions:
    """For each refusal of a removal, the dependent that explains it."""
    s = t.before
    image = t.argument("image")
    explanation = {
        "used-by-container": used(s, image),
        "used-by-running-container": used_by_running(s, image),
        "has-child-images": has_children(s, image),
        "used-by-lease": leased(s, image),
        "several-tags": several_tags(s, image),
    }
    return {
        f"{name} names a dependent that is there": Implies(t.refused(name), And(s.image(image), present))
        for name, present in explanation.items() if name in t.rule.refused
    }
