"""The store machine: layers, images, references, containers and leases, and what depends on what.

A *layer* here is what its chain ID names: a diff on top of a chain of others. Since a chain ID fixes all
that is beneath it, ancestry of layers is rigid, and so are a layer's diff and an image's top layer (the
image ID is the digest of the config, which lists the diff IDs). What changes is what is *present*, what
names what, and what containers and operations in progress hold.

:mod:`layermodel.store.rules` has the operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import z3

from layermodel.language.rules import (
    BOOL,
    INT,
    Axiom,
    Sort,
    State,
    Symbol,
    Term,
    Trait,
    Update,
    exists,
    forall,
    sum_of,
)
from layermodel.objects import CONTAINER, LAYER

IMAGE = Sort("Image", "an image as its image ID names it")
REFERENCE = Sort("Reference", "a tag (repo:tag) or a digest reference (repo@sha256:…)")
REPOSITORY = Sort("Repository", "the repository part of references")
NAME = Sort("Name", "a container's name")
LEASE = Sort("Lease", "what an operation in progress (a pull, a build) holds its needs by")
CONTENT = Sort("Content", "a set of changed files: what a layer or a container's upper layer holds")
STATUS = Sort("Status", "a container's status", ("created", "running", "paused", "exited"))
SORTS = (LAYER, IMAGE, REFERENCE, REPOSITORY, CONTAINER, NAME, LEASE, CONTENT, STATUS)

CREATED, RUNNING, PAUSED, EXITED = (STATUS.value(v) for v in STATUS.values)

Layer = Annotated[Term, LAYER]
Image = Annotated[Term, IMAGE]
Reference = Annotated[Term, REFERENCE]
Container = Annotated[Term, CONTAINER]
Name = Annotated[Term, NAME]
Lease = Annotated[Term, LEASE]
Content = Annotated[Term, CONTENT]


def _symbols() -> tuple[Symbol, ...]:
    rigid = (
        Symbol("below", (LAYER, LAYER), BOOL, "the first layer is the second or beneath it", rigid=True),
        Symbol("diff", (LAYER,), CONTENT, "the files that the layer's diff ID names", rigid=True),
        Symbol("measure", (CONTENT,), INT, "bytes in regular files of the content", rigid=True),
        Symbol("nothing", (), CONTENT, "the empty content of a fresh upper layer", rigid=True),
        Symbol("top", (IMAGE,), LAYER, "the image's top layer", rigid=True),
        Symbol("extends", (IMAGE, IMAGE), BOOL, "the first config's history goes on from the second's",
               rigid=True),
        Symbol("is_digest", (REFERENCE,), BOOL, "it is a digest reference, not a tag", rigid=True),
        Symbol("repository", (REFERENCE,), REPOSITORY, "the repository the reference is in", rigid=True),
        Symbol("pins", (REFERENCE,), IMAGE, "the image whose manifest a digest reference names",
               rigid=True, of="is_digest"),
    )
    mutable = (
        Symbol("image", (IMAGE,), BOOL, "the image is present"),
        Symbol("layer", (LAYER,), BOOL, "the layer is stored"),
        Symbol("bytes", (LAYER,), CONTENT, "the files stored for the layer", of="layer"),
        Symbol("size", (IMAGE,), INT, "the image's size as recorded, bytes", of="image"),
        Symbol("made_from", (IMAGE, IMAGE), BOOL,
               "the second image is recorded as an ancestor (parent, its parent …) of the first"),
        Symbol("names", (REFERENCE, IMAGE), BOOL, "the reference names the image"),
        Symbol("container", (CONTAINER,), BOOL, "the container exists"),
        Symbol("image_of", (CONTAINER,), IMAGE, "the image the container was created from", of="container"),
        Symbol("status", (CONTAINER,), STATUS, "created, running, paused or exited", of="container"),
        Symbol("called", (CONTAINER, NAME), BOOL, "the container has the name"),
        Symbol("upper", (CONTAINER,), CONTENT, "the files in the container's upper layer", of="container"),
        Symbol("size_rw", (CONTAINER,), INT, "SizeRw: bytes in the upper layer", of="container"),
        Symbol("lease", (LEASE,), BOOL, "the operation is in progress"),
        Symbol("holds_layer", (LEASE, LAYER), BOOL, "the operation needs the layer"),
        Symbol("holds_image", (LEASE, IMAGE), BOOL, "the operation needs the image"),
        Symbol("usage", (), INT, "LayersSize: bytes of stored layers as accounted"),
    )
    return rigid + mutable


SYMBOLS = _symbols()

PARENT_NEEDS_NO_CHILD = Trait(
    "parent_needs_no_child", "an image that another was made from cannot be removed by ID, and "
    "removing its last tag only untags it",
    "moby daemon/images/image_delete.go; measured: docker-20.10; Podman allows it",
    where="an image stays as long as one that was made from it",
    where_not="an image need not stay for one that was made from it")
FORCE_TAKES_CONTAINERS = Trait(
    "force_takes_containers", "forced removal of an image removes its containers, too",
    "podman-rmi(1) --force; measured: podman-4.3",
    where="forced removal takes an image's containers", where_not="forced removal leaves an image's containers")
PARENTS_INFERRED = Trait(
    "parents_inferred", "parentage is inferred from layers and history, not recorded by commit and build",
    "podman libimage/layer_tree.go; measured: podman-4.3",
    where="parentage is inferred", where_not="parentage is recorded")
COMMIT_ADDS_EMPTY_LAYER = Trait(
    "commit_adds_empty_layer", "a commit without changes adds an empty layer",
    "measured: podman-4.3; Docker: the same layers",
    where="a commit adds a layer even if it is empty", where_not="a commit adds no empty layer")
IMPORT_IS_REPRODUCIBLE = Trait(
    "import_is_reproducible", "importing one tar twice gives one image ID",
    "measured: podman-4.3; Docker: two images, one layer",
    where="importing one tar twice gives one image", where_not="importing one tar twice gives two images")
PAUSED_CAN_STOP = Trait(
    "paused_can_stop", "a paused container can be stopped and restarted",
    "measured: docker-20.10; Podman refuses",
    where="a paused container can be stopped", where_not="a paused container cannot be stopped")
INTERMEDIATE_IMAGES_HIDDEN = Trait(
    "intermediate_images_hidden", "layers shared with untagged images that others were made from do not count as "
    "shared",
    "docker-images(1) --all; moby daemon/images/images.go; measured: docker-20.10; 26.1 and 28.5 count them")
SAME_NAME_TOLD_APART = Trait(
    "same_name_told_apart", "renaming a container to its own name is refused as such, not as taken",
    "moby daemon/rename.go; measured: docker-20.10",
    where="a container's own name is told apart from a taken one",
    where_not="a container's own name counts as taken")
DIGEST_REFUSED_FIRST = Trait(
    "digest_refused_first", "that a digest is no name for an image is said before it is looked whether there is "
    "the image",
    "measured: docker-26.1 and 28.5; Docker 20.10 and Podman 4.3 look first",
    where="a digest is refused first", where_not="a digest is refused last")
TRAITS = (
    PARENT_NEEDS_NO_CHILD, FORCE_TAKES_CONTAINERS, PARENTS_INFERRED, COMMIT_ADDS_EMPTY_LAYER,
    IMPORT_IS_REPRODUCIBLE, PAUSED_CAN_STOP, INTERMEDIATE_IMAGES_HIDDEN, SAME_NAME_TOLD_APART,
    DIGEST_REFUSED_FIRST)

DIALECTS: dict[str, dict[str, bool]] = {
    "docker": {
        "parent_needs_no_child": True,
        "force_takes_containers": False,
        "parents_inferred": False,
        "commit_adds_empty_layer": False,
        "import_is_reproducible": False,
        "paused_can_stop": True,
        "intermediate_images_hidden": True,
        "same_name_told_apart": True,
        "digest_refused_first": False,
    },
    "podman": {
        "parent_needs_no_child": False,
        "force_takes_containers": True,
        "parents_inferred": True,
        "commit_adds_empty_layer": True,
        "import_is_reproducible": True,
        "paused_can_stop": False,
        "intermediate_images_hidden": True,
        "same_name_told_apart": False,
        "digest_refused_first": False,
    },
}
"""Valuations of the traits: Docker Engine 20.10 with overlay2, and Podman 4.3."""


def layer_size(s: State, layer: Term) -> Term:
    """The size of a layer: that of its own diff, bytes."""
    return s.measure(s.diff(layer))


def total(s: State, condition: Callable[[Term], Term]) -> Term:
    """The sum of the sizes of the layers that satisfy a condition, bytes."""
    return sum_of(LAYER, lambda x: z3.If(condition(x), layer_size(s, x), 0))


def total_rw(s: State, condition: Callable[[Term], Term]) -> Term:
    """The sum of SizeRw over the containers that satisfy a condition, bytes."""
    return sum_of(CONTAINER, lambda c: z3.If(condition(c), s.size_rw(c), 0))


def _order(relation: Term, sort: Sort, *, strict: bool) -> list[Term]:
    """The axioms of a rigid order in which what is beneath any one object is a chain (a forest)."""
    def related(a: Term, b: Term) -> Term:
        return z3.Or(a == b, relation(a, b), relation(b, a))

    beneath = (lambda a, x: relation(x, a)) if strict else (lambda a, x: relation(a, x))
    identity = (lambda a: z3.Not(relation(a, a))) if strict else (lambda a: relation(a, a))
    axioms = [
        forall(sort, identity),
        forall([sort] * 3, lambda a, b, c: z3.Implies(z3.And(relation(a, b), relation(b, c)),
                                                      relation(a, c))),
        forall([sort] * 3, lambda a, b, x: z3.Implies(z3.And(beneath(a, x), beneath(b, x)), related(a, b))),
    ]
    if not strict:
        axioms.append(forall([sort] * 2, lambda a, b: z3.Implies(z3.And(relation(a, b), relation(b, a)),
                                                                 a == b)))
    return axioms


def _axioms() -> tuple[Axiom, ...]:
    symbol = {s.name: s.decl for s in SYMBOLS}
    below, extends, measure, diff = (symbol[n] for n in ("below", "extends", "measure", "diff"))
    top, nothing = symbol["top"], symbol["nothing"]()
    chain = "OCI image-spec config.md, Layer ChainID: a chain ID fixes the chain beneath"
    history = "OCI image-spec config.md, history; moby image/tarexport/load.go checkValidParent"
    return (
        *(Axiom(f"layers are a forest ({n})", f, chain)
          for n, f in enumerate(_order(below, LAYER, strict=False), 1)),
        Axiom("a chain ID is fixed by the chain beneath and the diff",
              forall([LAYER] * 2, lambda a, b: z3.Implies(
                  z3.And(diff(a) == diff(b),
                         forall(LAYER, lambda m: z3.And(below(m, a), m != a)
                                == z3.And(below(m, b), m != b))),
                  a == b)), chain, for_proofs=False),
        *(Axiom(f"histories are a forest ({n})", f, history)
          for n, f in enumerate(_order(extends, IMAGE, strict=True), 1)),
        Axiom("who extends an image has its layers",
              forall([IMAGE] * 2, lambda d, x: z3.Implies(extends(d, x), below(top(x), top(d)))), history),
        Axiom("no content is of negative size", forall(CONTENT, lambda k: measure(k) >= 0),
              "a file's st_size is not negative"),
        Axiom("the empty content has no bytes", measure(nothing) == 0, "measured: docker-20.10, Sizes"),
    )


AXIOMS = _axioms()

INITIAL: dict[str, Update] = {
    "layer": lambda layer: z3.BoolVal(False),
    "image": lambda image: z3.BoolVal(False),
    "made_from": lambda child, parent: z3.BoolVal(False),
    "names": lambda reference, image: z3.BoolVal(False),
    "container": lambda container: z3.BoolVal(False),
    "called": lambda container, name: z3.BoolVal(False),
    "lease": lambda lease: z3.BoolVal(False),
    "holds_layer": lambda lease, layer: z3.BoolVal(False),
    "holds_image": lambda lease, image: z3.BoolVal(False),
    "usage": lambda: z3.IntVal(0),
}
"""The empty store. Symbols that mean something only of what is present are left open."""


# What the rules and the laws both speak of.


def is_tag(s: State, reference: Term) -> Term:
    """The reference is a tag."""
    return z3.Not(s.is_digest(reference))


def tagged(s: State, image: Term) -> Term:
    """Some tag names the image."""
    return exists(REFERENCE, lambda r: z3.And(s.names(r, image), is_tag(s, r)))


def referenced(s: State, image: Term) -> Term:
    """Some tag or digest reference names the image."""
    return exists(REFERENCE, lambda r: s.names(r, image))


def used(s: State, image: Term) -> Term:
    """Some container was created from the image."""
    return exists(CONTAINER, lambda c: z3.And(s.container(c), s.image_of(c) == image))


def is_running(s: State, container: Term) -> Term:
    """The container's main process exists: it is running or paused."""
    return z3.Or(s.status(container) == RUNNING, s.status(container) == PAUSED)


def used_by_running(s: State, image: Term) -> Term:
    """Some running or paused container was created from the image."""
    return exists(
        CONTAINER, lambda c: z3.And(s.container(c), s.image_of(c) == image, is_running(s, c))
    )


def leased(s: State, image: Term) -> Term:
    """An operation in progress needs the image."""
    return exists(LEASE, lambda x: s.holds_image(x, image))


def has_children(s: State, image: Term) -> Term:
    """Some image is recorded as made from this one."""
    return exists(IMAGE, lambda d: s.made_from(d, image))


def several_tags(s: State, image: Term) -> Term:
    """The references are more than one tag with the digest references of its own repository.

    Source: moby daemon/images/image_delete.go, isSingleReference.
    """
    return exists([REFERENCE] * 2, lambda q, r: z3.And(
        s.names(q, image), s.names(r, image), q != r,
        z3.Or(z3.And(is_tag(s, q), is_tag(s, r)), s.repository(q) != s.repository(r))))


def reached(s: State, layer: Term) -> Term:
    """An image, a container (through its image) or an operation in progress needs the layer."""
    return z3.Or(
        exists(IMAGE, lambda i: z3.And(s.image(i), s.below(layer, s.top(i)))),
        exists(CONTAINER, lambda c: z3.And(s.container(c), s.below(layer, s.top(s.image_of(c))))),
        exists([LEASE, LAYER], lambda x, h: z3.And(s.holds_layer(x, h), s.below(layer, h))),
    )


def listed(s: State, image: Term) -> Term:
    """The image counts for shared sizes: not as an untagged one with children, where these are left out."""
    return z3.Not(z3.And(
        s.intermediate_images_hidden, z3.Not(referenced(s, image)), has_children(s, image)))


def shared(s: State, image: Term, layer: Term) -> Term:
    """Another image that is listed has the layer, too."""
    return exists(IMAGE, lambda j: z3.And(
        s.image(j), j != image, s.below(layer, s.top(j)), listed(s, j)))


def size_root_fs(s: State, container: Term) -> Term:
    """SizeRootFs: the recorded size of the container's image and its SizeRw, bytes."""
    return s.size(s.image_of(container)) + s.size_rw(container)
