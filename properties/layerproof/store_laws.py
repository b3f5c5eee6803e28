"""The laws of the store machine: the catalogue that ``layerproof laws`` prints."""

from __future__ import annotations

from collections.abc import Callable

import z3
from z3 import And, Implies, Not, Or

from layermodel.rules import BOOL, Sort, State, Step, Term, exists, forall
from layermodel.store import (
    CONTAINER,
    CONTENT,
    CREATED,
    IMAGE,
    LAYER,
    LEASE,
    NAME,
    PAUSED,
    REFERENCE,
    RUNNING,
    has_children,
    is_running,
    is_tag,
    layer_size,
    leased,
    reached,
    several_tags,
    shared,
    size_root_fs,
    tagged,
    total,
    total_rw,
    used,
    used_by_running,
)
from layerproof.laws import Algebra, Catalogue, Conclusions, Deviation, Kind, Law, Runs

DEPENDENCY, READ_ONLY, SIZES, OPERATIONS = "Dependency", "Read-only lower layers", "Sizes", "Operations"

_Variables = tuple[tuple[str, Sort], ...]
_C: _Variables = (("container", CONTAINER),)
_I: _Variables = (("image", IMAGE),)
_L: _Variables = (("layer", LAYER),)
_R: _Variables = (("reference", REFERENCE),)
_X: _Variables = (("lease", LEASE),)


def _true(*_: object) -> Term:
    return z3.BoolVal(True)


def _state(
    identifier: str, group: str, statement: str, variables: _Variables, premise: Callable[..., Term],
    conclusions: Callable[..., Conclusions], sources: tuple[str, ...], *, universal: bool = True,
    sums: bool = False, follows_from: tuple[str, ...] = (), deviations: tuple[Deviation, ...] = (),
) -> Law:
    return Law(identifier, group, Kind.STATE, statement, variables, premise, conclusions, sources,
               universal=universal, sums=sums, follows_from=follows_from, deviations=deviations)


def _step(
    identifier: str, group: str, statement: str, variables: _Variables, premise: Callable[..., Term],
    conclusions: Callable[..., Conclusions], sources: tuple[str, ...], *, rules: tuple[str, ...] = (),
    refusals: tuple[str, ...] = (), sums: bool = False, follows_from: tuple[str, ...] = (),
    deviations: tuple[Deviation, ...] = (),
) -> Law:
    return Law(identifier, group, Kind.STEP, statement, variables, premise, conclusions, sources,
               rules=rules, refusals=refusals, sums=sums, follows_from=follows_from, deviations=deviations)


_FORCED = Deviation(
    "docker-force-stopped", "docker", "20.10", "remove-by-id",
    "forced removal takes away an image that a stopped container uses; the container stays, its image does "
    "not", "measured: docker-20.10 (rmi --force with a created or exited container)")
_FORCED_TAG = Deviation(
    "docker-force-stopped-tag", "docker", "20.10", "remove-by-tag", _FORCED.says, _FORCED.source)
_PRUNE_UNTAGS = Deviation(
    "docker-prune-untags", "docker", "20.10", "prune-all",
    "prune --all takes tags from images that it does not remove: one that a container uses keeps only its "
    "last tag, and one that another image was made from loses its tags",
    "moby PR#45839, PR#48076; measured: docker-20.10")

_DEPENDENCY = (
    _state("DEP-1", DEPENDENCY, "A container's image is present.", _C,
           lambda s, c: s.container(c), lambda s, c: {"its image is present": s.image(s.image_of(c))},
           ("Engine API 1.41 ImageDelete (conflict)", "moby#13261"), deviations=(_FORCED, _FORCED_TAG)),
    _state("DEP-2", DEPENDENCY, "An image's layers are present.", _I + _L,
           lambda s, i, l: And(s.image(i), s.below(l, s.top(i))),
           lambda s, i, l: {"the layer is stored": s.layer(l)},
           ("OCI image-spec config.md, rootfs.diff_ids", "podman#18659")),
    _state("DEP-3", DEPENDENCY, "A stored layer's parents are stored.",
           (("layer", LAYER), ("parent", LAYER)),
           lambda s, l, m: And(s.layer(l), s.below(m, l)), lambda s, l, m: {"the parent is stored": s.layer(m)},
           ("OCI image-spec config.md, Layer ChainID", "containerd docs/snapshotters")),
    _state("DEP-4", DEPENDENCY, "What parentage is recorded is between images that are present.",
           (("child", IMAGE), ("ancestor", IMAGE)),
           lambda s, d, x: s.made_from(d, x),
           lambda s, d, x: {"the child is present": s.image(d), "the ancestor is present": s.image(x)},
           ("moby image/store.go, SetParent", "podman#10832")),
    _state("DEP-5", DEPENDENCY, "No layer is stored that nothing reaches.", _L,
           lambda s, l: s.layer(l),
           lambda s, l: {"an image, a container or a lease reaches it": reached(s, l)},
           ("moby#46136", "moby#38488", "moby#48909"), universal=False),
    _state("DEP-6", DEPENDENCY, "A reference names at most one image.",
           (("reference", REFERENCE), ("image", IMAGE), ("other", IMAGE)),
           lambda s, r, i, j: And(s.names(r, i), s.names(r, j)),
           lambda s, r, i, j: {"they are one image": i == j}, ("OCI distribution-spec, tag",)),
    _state("DEP-7", DEPENDENCY, "An image that a reference names is present.", _R + _I,
           lambda s, r, i: s.names(r, i), lambda s, r, i: {"the image is present": s.image(i)},
           ("moby reference/store.go", "nerdctl#1988")),
    _state("DEP-8", DEPENDENCY, "A container's lower layers are stored.", _C + _L,
           lambda s, c, l: And(s.container(c), s.below(l, s.top(s.image_of(c)))),
           lambda s, c, l: {"the layer is stored": s.layer(l)}, ("moby#13261",), follows_from=("DEP-1", "DEP-2")),
    _state("DEP-9", DEPENDENCY, "What an operation in progress needs is there (a lease is a root).",
           (("lease", LEASE), ("layer", LAYER), ("image", IMAGE)),
           lambda s, x, l, i: Or(s.holds_layer(x, l), s.holds_image(x, i)),
           lambda s, x, l, i: {
               "the operation is in progress": s.lease(x),
               "the layer is stored": Implies(s.holds_layer(x, l), s.layer(l)),
               "the image is present": Implies(s.holds_image(x, i), s.image(i))},
           ("containerd docs/garbage-collection.md, leases", "podman#18659", "containerd#3787")),
    _state("DEP-10", DEPENDENCY, "Recorded parentage is an order: the dependency graph has no cycle.",
           (("child", IMAGE), ("parent", IMAGE), ("ancestor", IMAGE)),
           lambda s, d, p, x: And(s.made_from(d, p), Or(p == x, s.made_from(p, x))),
           lambda s, d, p, x: {
               "an ancestor of an ancestor is one": s.made_from(d, x),
               "the child's history goes on from the ancestor's": s.extends(d, x)},
           ("moby image/store.go", "OCI image-spec config.md, history")),
    _state("DEP-11", DEPENDENCY, "A name is one container's, and a container has one name.",
           (("container", CONTAINER), ("name", NAME), ("other", CONTAINER), ("other_name", NAME)),
           lambda s, c, n, d, m: And(s.called(c, n), s.called(d, m)),
           lambda s, c, n, d, m: {
               "the container exists": s.container(c),
               "one name, one container": Implies(n == m, c == d),
               "one container, one name": Implies(c == d, n == m)},
           ("Engine API 1.41 ContainerCreate (name conflict)",)),
    _state("DEP-12", DEPENDENCY, "A digest reference names the image whose manifest it is of, or nothing.",
           _R + _I, lambda s, r, i: And(s.names(r, i), s.is_digest(r)),
           lambda s, r, i: {"it is that image": s.pins(r) == i}, ("OCI image-spec descriptor.md, digests",)),
    _state("DEP-13", DEPENDENCY, "Where parentage is inferred, it is inferred of all images present.",
           (("child", IMAGE), ("ancestor", IMAGE)),
           lambda s, d, x: And(s.parents_inferred, s.image(d), s.image(x), s.extends(d, x)),
           lambda s, d, x: {"it is an ancestor": s.made_from(d, x)},
           ("podman libimage/layer_tree.go", "measured: podman-4.3")),
    _state("DEP-14", DEPENDENCY, "A container has a name.", _C,
           lambda s, c: s.container(c),
           lambda s, c: {"it has one": exists(NAME, lambda n: s.called(c, n))},
           ("Engine API 1.41 ContainerCreate",), universal=False),
    _step("DEP-15", DEPENDENCY, "Nothing with dependents is removed: what goes leaves nothing behind that "
          "needs it.", _I,
          lambda t, i: And(t.before.image(i), Not(t.after.image(i))),
          lambda t, i: {
              "no container uses it": Not(used(t.after, i)),
              "no recorded child of it stays": Not(has_children(t.after, i)),
              "no operation in progress needs it": Not(leased(t.after, i)),
              "no reference names it": forall(REFERENCE, lambda r: Not(t.after.names(r, i)))},
          ("moby#13261", "podman#10832", "podman#992")),
    _step("DEP-16", DEPENDENCY, "No layer goes that something remaining needs.", _L,
          lambda t, l: And(t.before.layer(l), Not(t.after.layer(l))),
          lambda t, l: {"nothing needs it": Not(reached(t.after, l))},
          ("moby#13261", "podman#18659")),
    _step("DEP-17", DEPENDENCY, "A refusal to remove an image is explained by a dependent that can be "
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
    _step("DEP-19", DEPENDENCY, "A container can always be removed by force, and an operation in progress "
          "always be given up.", (),
          _true, lambda t: {"it was not there, or force was not said": Not(And(
              t.before.container(t.arguments[0]), t.arguments[1])) if t.rule.name == "remove" else Not(
              t.before.lease(t.arguments[0]))},
          ("docker-rm(1) --force", "moby#48909"),
          rules=("remove", "abort"), refusals=("*",)),
    _step("DEP-20", DEPENDENCY, "An image goes only with all that was made from it, unless it is named "
          "where a parent needs no child.", (("image", IMAGE), ("child", IMAGE)),
          lambda t, i, d: And(t.before.image(i), Not(t.after.image(i)), t.before.made_from(d, i),
                              Or(t.before.parent_needs_no_child, Not(t.named(i, IMAGE)))),
          lambda t, i, d: {"the child goes, too": Not(t.after.image(d))},
          ("podman#10832", "podman#1154")),
    _step("DEP-21", DEPENDENCY, "Without force a removal does not take the only name of an image that a "
          "container uses, nor the image.", _I,
          lambda t, i: And(i == _images(t)[0], Not(Or(_forces(t))), used(t.before, i)),
          lambda t, i: {"it has another name, and stays": And(
              several_tags(t.before, i), t.after.image(i))},
          ("docker-rmi(1)", "moby#13261"), rules=("remove-by-tag", "remove-by-digest", "remove-by-id")),
)


def _explained(t: Step) -> Conclusions:
    """For each refusal of a removal, the dependent that explains it."""
    s = t.before
    image = next(a for p, a in zip(t.rule.parameters, t.arguments, strict=True) if p.sort == IMAGE)
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


_READ_ONLY = (
    _state("RO-1", READ_ONLY, "A stored layer holds the files that its ID names.", _L,
           lambda s, l: s.layer(l), lambda s, l: {"its files are its diff": s.bytes(l) == s.diff(l)},
           ("OCI image-spec layer.md and config.md, Layer DiffID", "containerd#953")),
    _step("RO-2", READ_ONLY, "A layer never changes while it exists.", _L,
          lambda t, l: And(t.before.layer(l), t.after.layer(l)),
          lambda t, l: {"its files are the same": t.after.bytes(l) == t.before.bytes(l)},
          ("kernel Documentation/filesystems/overlayfs.rst, lower layers", "facts: podman-4.3, Files")),
    _step("RO-3", READ_ONLY, "What is done in one container changes no other container's files.", _C,
          lambda t, c: And(t.before.container(c), t.after.container(c), Not(t.named(c, CONTAINER))),
          lambda t, c: {
              "its upper layer is the same": t.after.upper(c) == t.before.upper(c),
              "its SizeRw is the same": t.after.size_rw(c) == t.before.size_rw(c)},
          ("docker docs, storage drivers, copy-on-write",)),
    _step("RO-4", READ_ONLY, "An image's view is the same for all its life.", _I + _L,
          lambda t, i, l: And(t.before.image(i), t.after.image(i), t.before.below(l, t.before.top(i))),
          lambda t, i, l: {"the layer stays": Implies(t.before.layer(l), t.after.layer(l)),
                           "its files are the same": t.after.bytes(l) == t.before.bytes(l),
                           "its size is the same": t.after.size(i) == t.before.size(i)},
          ("OCI image-spec config.md, ImageID",)),
    _step("RO-5", READ_ONLY, "Only writing changes a container's files: its upper layer survives stop, "
          "start, rename and commit.", _C,
          lambda t, c: And(t.before.container(c), t.after.container(c)),
          lambda t, c: {"its upper layer is the same": t.after.upper(c) == t.before.upper(c),
                        "its SizeRw is the same": t.after.size_rw(c) == t.before.size_rw(c)},
          ("measured: docker-20.10",), rules=(
              "start", "stop", "kill", "pause", "unpause", "restart", "rename", "commit", "tag")),
    Law("RO-6", READ_ONLY, Kind.ALGEBRAIC, "Removing a container restores the store that was there before "
        "it was created and written to.", (),
        lambda a: z3.BoolVal(True), lambda a: _same(a, a.start),
        ("docker docs, storage drivers",), runs=Runs(
            (("image", IMAGE), ("name", NAME), ("container", CONTAINER), ("content", CONTENT),
             ("force", BOOL)),
            (("create", ("image", "name", "container")), ("write", ("container", "content")),
             ("remove", ("container", "force"))), ())),
    _step("RO-7", READ_ONLY, "Writing in a container changes its upper layer and nothing else.", (),
          _true, lambda t: {
              name: formula for name, formula in t.before._machine.same(t.after, t.before).items()
              if name not in ("upper", "size_rw")},
          ("docker docs, storage drivers, copy-on-write",), rules=("write",)),
)


def _same(a: Algebra, other: State) -> Conclusions:
    return {f"{name} is the same": formula
            for name, formula in a.machine.same(a.left, other).items()}


def _ends_agree(a: Algebra) -> Conclusions:
    return _same(a, a.right)


_SIZES = (
    _state("SIZE-1", SIZES, "An image's size is the sum of its layers' sizes.", _I,
           lambda s, i: s.image(i),
           lambda s, i: {"size = sum over its chain": s.size(i) == total(s, lambda l: s.below(l, s.top(i)))},
           ("measured: docker-20.10, Sizes",), sums=True),
    _state("SIZE-2", SIZES, "SizeRw is the size of the upper layer: nothing written, no bytes.", _C,
           lambda s, c: s.container(c),
           lambda s, c: {"SizeRw = bytes in the upper layer": s.size_rw(c) == s.measure(s.upper(c))},
           ("measured: docker-20.10, Sizes", "docker/for-mac#7450")),
    _state("SIZE-3", SIZES, "SizeRootFs is the size of the image's layers and SizeRw.", _C,
           lambda s, c: s.container(c),
           lambda s, c: {"SizeRootFs = layers + SizeRw": size_root_fs(s, c) == total(
               s, lambda l: s.below(l, s.top(s.image_of(c)))) + s.size_rw(c)},
           ("measured: docker-20.10, Sizes",), sums=True, follows_from=("DEP-1", "SIZE-1")),
    _state("SIZE-4", SIZES, "Disk usage counts each stored layer once.", (),
           _true, lambda s: {"usage = sum over stored layers": s.usage == total(s, s.layer)},
           ("Engine API 1.41 SystemDataUsage LayersSize", "moby#31944"), sums=True),
    _state("SIZE-5", SIZES, "Shared and unique size make up an image's size.", _I,
           lambda s, i: s.image(i),
           lambda s, i: {"size = shared + unique": s.size(i) == total(
               s, lambda l: And(s.below(l, s.top(i)), shared(s, i, l))) + total(
               s, lambda l: And(s.below(l, s.top(i)), Not(shared(s, i, l))))},
           ("docker-system-df(1)", "podman#7981"), sums=True, follows_from=("SIZE-1",)),
    _state("SIZE-6", SIZES, "No size is negative.", _I + _C,
           lambda s, i, c: Or(s.image(i), s.container(c)),
           lambda s, i, c: {"size": Implies(s.image(i), s.size(i) >= 0),
                            "SizeRw": Implies(s.container(c), s.size_rw(c) >= 0),
                            "usage": s.usage >= 0},
           ("podman#7981", "moby#30257"), sums=True, follows_from=("SIZE-1", "SIZE-2", "SIZE-4")),
    _step("SIZE-7", SIZES, "A fresh container has SizeRw 0.", _C,
          lambda t, c: And(Not(t.before.container(c)), t.after.container(c)),
          lambda t, c: {"SizeRw is 0": t.after.size_rw(c) == 0,
                        "its upper layer is empty": t.after.upper(c) == t.after.nothing},
          ("docker/for-mac#7450",), rules=("create",)),
    _step("SIZE-8", SIZES, "Naming changes no byte count.", _I,
          _true, lambda t, i: {"usage is the same": t.after.usage == t.before.usage,
                               "sizes are the same": t.after.size(i) == t.before.size(i)},
          ("measured: docker-20.10",), rules=("tag", "untag", "rename")),
    _step("SIZE-9", SIZES, "What a prune reports as reclaimed is what usage falls by.", (),
          _true, lambda t: {"reclaimed = usage before - usage after":
                            t.effect.reclaimed == _all_bytes(t.before) - _all_bytes(t.after)},
          ("podman#13516", "podman#10215"), sums=True, rules=("prune", "prune-all", "container-prune")),
    _step("SIZE-10", SIZES, "A layer that is stored already is not stored, nor counted, again.", (),
          lambda t: forall(LAYER, lambda l: t.before.layer(l) == t.after.layer(l)),
          lambda t: {"usage is the same": t.after.usage == t.before.usage},
          ("measured: docker-20.10, Content addressing",), sums=True, follows_from=("SIZE-4",)),
    _step("SIZE-11", SIZES, "A layer that a commit adds has the size that SizeRw said.", _L,
          lambda t, l: And(t.before.container(t.arguments[0]), Not(t.before.layer(l)), t.after.layer(l)),
          lambda t, l: {"its size is SizeRw": layer_size(t.after, l) == t.before.size_rw(t.arguments[0])},
          ("measured: docker-20.10, Sizes",), rules=("commit",)),
)


def _all_bytes(s: State) -> Term:
    """Bytes of stored layers and of containers' upper layers."""
    return s.usage + total_rw(s, s.container)


def _nothing_else(name: str) -> Callable[..., Conclusions]:
    """Everything but one symbol is as before."""
    return lambda t: {n: f for n, f in t.before._machine.same(t.after, t.before).items() if n != name}


def _only(identifier: str, statement: str, symbol: str, rules: tuple[str, ...]) -> Law:
    return _step(identifier, OPERATIONS, statement, (), _true, _nothing_else(symbol),
                 ("podman#10685", "moby PR#45839"), rules=rules)


def _commutes(identifier: str, statement: str, parameters: _Variables, one: tuple[str, tuple[str, ...]],
              other: tuple[str, tuple[str, ...]], premise: Callable[[Algebra, list[Term]], Term]) -> Law:
    runs = Runs(parameters, (one, other), (other, one))
    return Law(identifier, OPERATIONS, Kind.ALGEBRAIC, statement, (),
               lambda a: premise(a, [z3.Const(f"?{n}", s.z3) for n, s in parameters]), _ends_agree,
               ("commutation of independent operations; sequential counterpart of moby PR#39209",), runs=runs)


def _twice(identifier: str, statement: str, rule: str, parameters: _Variables,
           sources: tuple[str, ...], sums: bool = False) -> Law:
    call = (rule, tuple(name for name, _ in parameters))
    return Law(identifier, OPERATIONS, Kind.ALGEBRAIC, statement, (), lambda a: z3.BoolVal(True),
               _ends_agree, sources, sums=sums, runs=Runs(parameters, (call, call), (call,)))


_BEGINS = ("pull-begin", "build-begin")
_THERE = {"Image": "image", "Container": "container", "Lease": "lease"}
_NEEDS_WHAT_IT_NAMES = (
    "tag", "remove-by-id", "create", "start", "stop", "kill", "pause", "unpause", "restart", "rename",
    "remove", "write", "commit", "build-step", "pull-layer", "pull-finish", "build-begin", "build-add",
    "build-finish", "abort")
_STATUS_RULES = ("start", "stop", "kill", "pause", "unpause", "restart")

_OPERATIONS = (
    _step("OP-1", OPERATIONS, "A refused operation changes nothing.", (),
          _true, lambda t: t.before._machine.same(t.after, t.before),
          ("moby#18873", "moby#19435", "moby#20469"), refusals=("*",)),
    _step("OP-2", OPERATIONS, "A container that an operation does not name is as it was, unless a prune or a "
          "forced removal of its image takes it.", (*_C, ("name", NAME)),
          lambda t, c, n: And(t.before.container(c), Not(t.named(c, CONTAINER))),
          lambda t, c, n: {
              "it stays": Or(t.after.container(c), _takes(t, c)),
              "its status is the same": Implies(t.after.container(c),
                                                t.after.status(c) == t.before.status(c)),
              "its image is the same": Implies(t.after.container(c),
                                               t.after.image_of(c) == t.before.image_of(c)),
              "its name is the same": Implies(t.after.container(c),
                                              t.after.called(c, n) == t.before.called(c, n))},
          ("nerdctl#1988",)),
    _step("OP-3", OPERATIONS, "A tag that an operation does not name stays where it is, unless its image is "
          "removed.", _R + _I,
          lambda t, r, i: And(is_tag(t.before, r), Not(t.named(r, REFERENCE))),
          lambda t, r, i: {"it names what it named": Or(
              t.after.names(r, i) == t.before.names(r, i),
              And(t.before.names(r, i), t.before.image(i), Not(t.after.image(i))))},
          ("podman#10685", "moby PR#17460", "buildah#133", "moby PR#48076"), deviations=(_PRUNE_UNTAGS,)),
    _step("OP-4", OPERATIONS, "A tagged image goes only when it is named, or by prune --all.", _R + _I,
          lambda t, r, i: And(t.before.names(r, i), is_tag(t.before, r), Not(t.named(i, IMAGE)),
                              t.before.image(i)),
          lambda t, r, i: {"it stays": Or(t.after.image(i), z3.BoolVal(t.rule.name == "prune-all"))},
          ("podman#1154", "podman#992", "podman#10350")),
    _step("OP-5", OPERATIONS, "Prune without --all takes no tagged and no used image.", _I,
          lambda t, i: And(t.before.image(i), Or(tagged(t.before, i), used(t.before, i))),
          lambda t, i: {"it stays": t.after.image(i)},
          ("docker-image-prune(1)", "podman#10350"), rules=("prune",)),
    _step("OP-6", OPERATIONS, "Prune removes every dangling image that nothing needs.", _I,
          lambda t, i: And(t.after.image(i), Not(tagged(t.after, i)), Not(has_children(t.after, i))),
          lambda t, i: {"something needs it": Or(used(t.after, i), leased(t.after, i))},
          ("docker-image-prune(1)",), rules=("prune",)),
    _step("OP-7", OPERATIONS, "Making an image (load, import, commit, build) and tagging remove nothing.",
          _I + _L,
          lambda t, i, l: Or(t.before.image(i), t.before.layer(l)),
          lambda t, i, l: {"the image stays": Implies(t.before.image(i), t.after.image(i)),
                           "the layer stays": Implies(t.before.layer(l), t.after.layer(l))},
          ("moby#11285", "measured: docker-20.10"), rules=(
              "load", "load-unnamed", "load-with-parent", "import", "import-unnamed", "tag", "untag",
              "commit", "build-step", "build-add", "pull-layer")),
    _only("OP-8", "Starting, stopping, killing, pausing, unpausing and restarting change the status and "
          "nothing else.", "status", _STATUS_RULES),
    _only("OP-9", "Renaming changes the name and nothing else.", "called", ("rename",)),
    _only("OP-10", "Tagging and untagging change what references name and nothing else.", "names",
          ("tag", "untag")),
    _step("OP-11", OPERATIONS, "A container's status moves as documented: paused only from running, never "
          "back to created.", _C,
          lambda t, c: And(t.before.container(c), t.after.container(c)),
          lambda t, c: {
              "paused comes from running": Implies(
                  And(t.after.status(c) == PAUSED, t.before.status(c) != PAUSED),
                  t.before.status(c) == RUNNING),
              "created stays behind": Implies(t.after.status(c) == CREATED, t.before.status(c) == CREATED),
              "only its own operations move it": Implies(
                  t.after.status(c) != t.before.status(c), t.named(c, CONTAINER))},
          ("Engine API 1.41, containers by state",)),
    _step("OP-12", OPERATIONS, "A running or paused container goes only by force.", _C,
          lambda t, c: And(t.before.container(c), is_running(t.before, c)),
          lambda t, c: {"it stays, or force was said": Or([t.after.container(c), *_forces(t)])},
          ("docker-rm(1)",)),
    _step("OP-13", OPERATIONS, "After an operation has named an image, the reference names that image.",
          _R, lambda t, r: t.named(r, REFERENCE),
          lambda t, r: {"it names it": Or([t.after.names(r, a) for a in _images(t)])},
          ("OCI distribution-spec, tag",),
          rules=("load", "import", "tag", "pull-finish", "build-finish")),
    _step("OP-14", OPERATIONS, "After a removal has taken a reference, it names nothing.", _R + _I,
          lambda t, r, i: t.named(r, REFERENCE),
          lambda t, r, i: {"it names nothing": Not(t.after.names(r, i))},
          ("docker-rmi(1)",), rules=("remove-by-tag", "remove-by-digest", "untag")),
    _step("OP-15", OPERATIONS, "What was made is there, and as documented: a new container is created; a "
          "started one runs.", _C, lambda t, c: t.named(c, CONTAINER),
          lambda t, c: {"its status is as documented": _documented(t, c)},
          ("Engine API 1.41, containers by state",), rules=("create", *_STATUS_RULES)),
    _step("OP-16", OPERATIONS, "An image that is removed by ID is gone.", _I,
          lambda t, i: i == t.arguments[0],
          lambda t, i: {"it is gone": Not(t.after.image(i))}, ("docker-rmi(1)",), rules=("remove-by-id",)),
    _step("OP-17", OPERATIONS, "A container that is removed is gone, and a prune leaves only running ones.",
          _C, lambda t, c: Or(t.named(c, CONTAINER), z3.BoolVal(t.rule.name == "container-prune")),
          lambda t, c: {"it is gone, or it runs": Or(
              Not(t.after.container(c)),
              And(z3.BoolVal(t.rule.name == "container-prune"), is_running(t.after, c)))},
          ("docker-rm(1)", "Engine API 1.41 ContainerPrune"), rules=("remove", "container-prune")),
    _step("OP-18", OPERATIONS, "A made image is there, with its parent recorded.",
          (("image", IMAGE), ("parent", IMAGE)),
          lambda t, i, j: And(i == _made(t)[0], j == _made(t)[1]),
          lambda t, i, j: {"it is there": t.after.image(i), "its parent is recorded": t.after.made_from(i, j)},
          ("measured: docker-20.10 (Parent is set by commit and build)",),
          rules=("commit", "build-step", "build-add", "load-with-parent")),
    _step("OP-19", OPERATIONS, "Removing the last reference takes the image, unless something needs it.", _I,
          lambda t, i: And(i == t.arguments[-1], t.after.image(i)),
          lambda t, i: {"something needs it": Or(
              exists(REFERENCE, lambda r: t.after.names(r, i)), used(t.after, i), leased(t.after, i),
              And(t.after.parent_needs_no_child, has_children(t.after, i)))},
          ("docker-rmi(1)", "moby#24688"), rules=("remove-by-tag", "remove-by-digest")),
    _step("OP-20", OPERATIONS, "A removal takes, besides what it names, only the untagged ancestors that "
          "nothing else keeps.", _I,
          lambda t, i: And(t.before.image(i), Not(t.after.image(i)), Not(t.named(i, IMAGE))),
          lambda t, i: {
              "it had no reference": forall(REFERENCE, lambda r: Not(t.before.names(r, i))),
              "it was an ancestor of what is named": Or([t.before.made_from(a, i) for a in _images(t)])},
          ("podman#10832", "podman#992"), rules=("remove-by-tag", "remove-by-digest", "remove-by-id")),
    _step("OP-21", OPERATIONS, "A needless parent goes with its last child.",
          (("image", IMAGE), ("child", IMAGE)),
          lambda t, i, d: And(t.before.made_from(d, i), t.after.image(i), Not(t.after.image(d))),
          lambda t, i, d: {"something keeps the parent": Or(
              exists(REFERENCE, lambda r: t.after.names(r, i)), used(t.after, i), leased(t.after, i),
              has_children(t.after, i))},
          ("measured: docker-20.10 (rmi of the last child)",),
          rules=("remove-by-tag", "remove-by-digest", "remove-by-id")),
    _step("OP-22", OPERATIONS, "An operation that is over holds nothing, and one that it does not name goes "
          "on.", _X + _I + _L,
          lambda t, x, i, l: z3.BoolVal(True),
          lambda t, x, i, l: {
              "what has ended holds nothing": Implies(Not(t.after.lease(x)), And(
                  Not(t.after.holds_layer(x, l)), Not(t.after.holds_image(x, i)))),
              "the others go on": Implies(And(t.before.lease(x), Not(t.named(x, LEASE))), And(
                  t.after.lease(x), t.after.holds_layer(x, l) == t.before.holds_layer(x, l),
                  t.after.holds_image(x, i) == t.before.holds_image(x, i)))},
          ("containerd docs/garbage-collection.md, leases",)),
    _step("OP-23", OPERATIONS, "What an operation in progress stores or makes, it holds.", _X + _L + _I,
          lambda t, x, l, i: And(t.named(x, LEASE), Or(t.named(l, LAYER), t.named(i, IMAGE))),
          lambda t, x, l, i: {
              "it holds the layer": Implies(t.named(l, LAYER), t.after.holds_layer(x, l)),
              "it holds the image": Implies(t.named(i, IMAGE), t.after.holds_image(x, i))},
          ("podman#18659", "containerd#3787"), rules=("pull-layer", "build-begin", "build-add")),
    _step("OP-24", OPERATIONS, "What is written is what the upper layer holds.", (),
          _true, lambda t: {"it holds it": t.after.upper(t.arguments[0]) == t.arguments[1]},
          ("Engine API 1.41 PutContainerArchive",), rules=("write",)),
    _twice("OP-25", "Tagging twice is tagging once.", "tag", _I + _R, ("measured: docker-20.10",)),
    _twice("OP-26", "Pruning twice is pruning once.", "prune", (), ("docker-image-prune(1)",), sums=True),
    _twice("OP-27", "Pruning all twice is pruning all once.", "prune-all", (), ("docker-image-prune(1)",),
           sums=True),
    _twice("OP-28", "Loading twice is loading once.", "load", _I + _R,
           ("moby#11285", "moby#53561", "measured: docker-20.10"), sums=True),
    Law("OP-29", OPERATIONS, Kind.ALGEBRAIC, "Creating and removing a container is doing nothing.", (),
        lambda a: z3.BoolVal(True), lambda a: _same(a, a.start), ("measured: docker-20.10",), runs=Runs(
            (("image", IMAGE), ("name", NAME), ("container", CONTAINER), ("force", BOOL)),
            (("create", ("image", "name", "container")), ("remove", ("container", "force"))), ())),
    _commutes("OP-30", "Tagging with two tags gives the same in either order.",
              (("image", IMAGE), ("other", IMAGE), ("reference", REFERENCE), ("second", REFERENCE)),
              ("tag", ("image", "reference")), ("tag", ("other", "second")),
              lambda a, p: p[2] != p[3]),
    _commutes("OP-31", "Writing in two containers gives the same in either order.",
              (("container", CONTAINER), ("other", CONTAINER), ("content", CONTENT), ("second", CONTENT)),
              ("write", ("container", "content")), ("write", ("other", "second")),
              lambda a, p: p[0] != p[1]),
    _commutes("OP-32", "Removing two containers gives the same in either order.",
              (("container", CONTAINER), ("other", CONTAINER), ("force", BOOL)),
              ("remove", ("container", "force")), ("remove", ("other", "force")),
              lambda a, p: p[0] != p[1]),
    _commutes("OP-33", "Writing in a container and tagging an image do not touch each other.",
              (("container", CONTAINER), ("content", CONTENT), ("image", IMAGE), ("reference", REFERENCE)),
              ("write", ("container", "content")), ("tag", ("image", "reference")),
              lambda a, p: z3.BoolVal(True)),
    _commutes("OP-34", "Stopping one container and starting another gives the same in either order.",
              (("container", CONTAINER), ("other", CONTAINER)),
              ("stop", ("container",)), ("start", ("other",)), lambda a, p: p[0] != p[1]),
    Law("OP-35", OPERATIONS, Kind.ALGEBRAIC, "Pausing and unpausing is doing nothing.", (),
        lambda a: z3.BoolVal(True), lambda a: _same(a, a.start),
        ("Engine API 1.41, containers by state",), runs=Runs(
            _C, (("pause", ("container",)), ("unpause", ("container",))), ())),
    _step("OP-36", OPERATIONS, "Removing a reference leaves every other tag.", _R + _I,
          lambda t, r, i: And(t.before.names(r, i), is_tag(t.before, r), Not(t.named(r, REFERENCE))),
          lambda t, r, i: {"it names what it named": t.after.names(r, i)},
          ("podman#10685", "moby PR#17460", "buildah#133"),
          rules=("remove-by-tag", "remove-by-digest", "untag")),
    _step("OP-37", OPERATIONS, "Without force an image with several tags is not removed by ID.", _I,
          lambda t, i: And(i == t.arguments[0], Not(t.arguments[1])),
          lambda t, i: {"it had one at most": Not(several_tags(t.before, i))},
          ("docker-rmi(1)", "moby#24688"), rules=("remove-by-id",)),
    _step("OP-38", OPERATIONS, "What was begun is in progress, and what was finished or given up is not.",
          _X, lambda t, x: t.named(x, LEASE),
          lambda t, x: {"it is in progress as it ought to be": t.after.lease(x) == z3.BoolVal(
              t.rule.name in _BEGINS)},
          ("containerd docs/garbage-collection.md, leases",),
          rules=("pull-begin", "build-begin", "pull-finish", "build-finish", "abort")),
    _step("OP-39", OPERATIONS, "A renamed container has the new name.", (),
          _true, lambda t: {"it has it": t.after.called(t.arguments[0], t.arguments[1])},
          ("Engine API 1.41 ContainerRename",), rules=("rename",)),
    _step("OP-40", OPERATIONS, "What is done presupposes that what it names is there.", (),
          _true, lambda t: {f"the {p.name} is there": getattr(t.before, _THERE[p.sort.name])(a)
                            for p, a in zip(t.rule.parameters, t.arguments, strict=True)
                            if p.role == "named" and p.sort.name in _THERE
                            },
          ("Engine API 1.41, status 404",), rules=_NEEDS_WHAT_IT_NAMES),
    _step("OP-41", OPERATIONS, "A container's process is stopped, killed, paused or resumed only in a status "
          "that allows it.", _C, lambda t, c: t.named(c, CONTAINER),
          lambda t, c: {"its status allowed it": _allowed(t, c)},
          ("Engine API 1.41, containers by state", "measured: docker-20.10 and podman-4.3"),
          rules=_STATUS_RULES),
)


def _takes(t: Step, c: Term) -> Term:
    """This rule may take a container that it does not name."""
    if t.rule.name == "container-prune":
        return Not(is_running(t.before, c))
    if t.rule.name in ("remove-by-tag", "remove-by-digest", "remove-by-id"):
        return And(t.before.force_takes_containers, Or([t.before.image_of(c) == a for a in _images(t)]),
                   *_forces(t))
    return z3.BoolVal(False)


def _forces(t: Step) -> list[Term]:
    """The step's force argument, if its rule has one."""
    return [a for p, a in zip(t.rule.parameters, t.arguments, strict=True) if p.name == "force"]


def _images(t: Step) -> list[Term]:
    """The images that the step has as arguments."""
    return [a for p, a in zip(t.rule.parameters, t.arguments, strict=True) if p.sort == IMAGE]


def _made(t: Step) -> tuple[Term, Term]:
    """The image that the step makes, and the one that it is made from."""
    if t.rule.name == "commit":
        return t.arguments[1], t.before.image_of(t.arguments[0])
    if t.rule.name == "load-with-parent":
        return t.arguments[0], t.arguments[1]
    return t.arguments[-1], t.arguments[-2]


def _allowed(t: Step, c: Term) -> Term:
    """The status in which an operation may be done to a container."""
    status, name = t.before.status(c), t.rule.name
    if name == "unpause":
        return status == PAUSED
    if name == "pause":
        return status == RUNNING
    if name == "kill":
        return is_running(t.before, c)
    if name == "start":
        return status != PAUSED
    return Or(status != PAUSED, t.before.paused_can_stop)


def _documented(t: Step, c: Term) -> Term:
    """The status that a container has after an operation of this name."""
    after = t.after.status(c)
    if t.rule.name == "create":
        return after == CREATED
    if t.rule.name in ("stop", "kill"):
        return Not(is_running(t.after, c))
    return after == (PAUSED if t.rule.name == "pause" else RUNNING)


STORE_LAWS = Catalogue(_DEPENDENCY + _READ_ONLY + _SIZES + _OPERATIONS)
"""The laws of the store machine."""
