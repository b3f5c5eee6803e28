"""Operations of the store by which images come, and references name them."""

from __future__ import annotations

from dataclasses import replace

from z3 import And, If, Implies, Not, Or

from layermodel.language.rules import Presupposition, Refusal, State, Term, exists, forall
from layermodel.language.writing import (
    CHANGES,
    MAKES,
    TAKES,
    Clauses,
    Found,
    New,
    another,
    instead,
    presupposes,
    refuses,
    rule,
    together,
    updates,
)
from layermodel.objects import LAYER
from layermodel.store.containers import no_container
from layermodel.store.pieces import (
    Updates,
    adds_image,
    chain_size,
    covers,
    follows_directly,
    moves,
    one_more_image,
    recorded,
    registers_image,
)
from layermodel.store.words import (
    COMMIT_ADDS_EMPTY_LAYER,
    DIGEST_REFUSED_FIRST,
    IMAGE,
    IMPORT_IS_REPRODUCIBLE,
    Container,
    Image,
    Reference,
    is_tag,
)

_LOAD = "Engine API 1.41 ImageLoad; measured: docker-20.10"
_IMPORT = "Engine API 1.41 ImageCreate fromSrc; measured: docker-20.10"
_COMMIT = "Engine API 1.41 ImageCommit; measured: docker-20.10"
BUILD = "Engine API 1.41 ImageBuild; podman#18659 (what a build needs is a root)"
"""The source of the rules of a build."""


def to_a_tag(s: State, reference: Term) -> Presupposition:
    """What is named by this operation gets a tag."""
    return presupposes(is_tag(s, reference), "the reference is a tag")


def _no_digest(s: State, reference: Term) -> Refusal:
    return refuses("digest-as-target", s.is_digest(reference), "the reference is a digest")


@rule(MAKES, then="the image is present with all its layers; the tag names it and nothing else", source=_LOAD)
def load(s: State, image: Image, reference: Reference) -> Clauses:
    """Load an archive of one image under a tag."""
    yield _no_digest(s, reference)
    yield updates(together(adds_image(s, image, chain_size(s, image)), moves(s, reference, image)))


@rule(MAKES, then="the image is present with all its layers", source=_LOAD)
def load_unnamed(s: State, image: Image) -> Clauses:
    """Load an archive of one image without a tag."""
    yield updates(adds_image(s, image, chain_size(s, image)))


@rule(MAKES, then="the image is present; its layers were stored already", source="OCI image-spec config, DiffID; "
      "moby image/tarexport/load.go (a stored layer is not read again); measured: docker-20.10 and 26.1")
def load_damaged(s: State, image: Image) -> Clauses:
    """Load an archive of one image, without a tag, whose top layer is not what its diff ID says."""
    yield refuses("damaged-archive", Not(s.layer(s.top(image))), "the image's top layer is not stored")
    yield updates(registers_image(s, image))


@rule(MAKES, then="the image is present with all its layers and is recorded as made from its parent",
      source="moby image/tarexport/load.go, setParentID; measured: docker-20.10")
def load_with_parent(s: State, image: Image, parent: Found[Image]) -> Clauses:
    """Load an archive of a present or absent image on top of its present parent, parentage recorded."""
    yield presupposes(exists(IMAGE, lambda j: And(follows_directly(s, image, j), s.image(j))),
                      "the image's history is that of a present image and one row more")
    yield presupposes(follows_directly(s, image, parent), "the image's history is the parent's and one row more")
    yield presupposes(s.image(parent), "the parent is present")
    yield updates(instead(adds_image(s, image, chain_size(s, image)), recorded(s, image, parent)))


def _imports(s: State, image: Term) -> Clauses:
    yield presupposes(Or(Not(s.image(image)), s.import_is_reproducible),
                      f"either the image is new or {IMPORT_IS_REPRODUCIBLE.has}")
    yield presupposes(forall(LAYER, lambda l: Implies(s.below(l, s.top(image)), l == s.top(image))),
                      "the image has one layer")
    yield presupposes(forall(IMAGE, lambda j: Not(s.extends(image, j))), "the image's history begins with it",
                      one_more_image(s))


@rule(MAKES, then="a new image of one layer is present; the tag names it and nothing else", source=_IMPORT)
def import_(s: State, image: New[Image], reference: Reference) -> Clauses:
    """Import a tar of a root file system as an image of one layer, under a tag."""
    yield from _imports(s, image)
    yield _no_digest(s, reference)
    yield updates(together(adds_image(s, image, chain_size(s, image)), moves(s, reference, image)))


@rule(MAKES, then="a new image of one layer is present", source=_IMPORT)
def import_unnamed(s: State, image: New[Image]) -> Clauses:
    """Import a tar of a root file system as an image of one layer, without a tag."""
    yield from _imports(s, image)
    yield updates(adds_image(s, image, chain_size(s, image)))


def _commits(s: State, container: Term, image: Term) -> tuple[Presupposition, Updates]:
    """Make an image of a container's files: what that presupposes, and what is different afterwards."""
    beneath = s.image_of(container)
    unchanged = And(s.upper(container) == s.nothing, Not(s.commit_adds_empty_layer))

    def fits(layer: Term) -> Term:
        one_more = And(covers(s, layer, s.top(beneath)), s.diff(layer) == s.upper(container))
        return If(unchanged, layer == s.top(beneath), one_more)

    there, upon = another(LAYER), one_more_image(s, beneath)
    given = presupposes(
        Implies(s.container(container), And(
            Not(s.image(image)), follows_directly(s, image, beneath), fits(s.top(image)))),
        "if the container exists: the image is new, the image's history is that of the container's image and one "
        "row more, and the image has the layers of the container's image and (unless the container has written "
        f"nothing {COMMIT_ADDS_EMPTY_LAYER.off}) one more that holds what the container has written",
        # A chain ID names one layer: if there is one such, it is the image's.
        replace(upon, symbols={**upon.symbols, "top": lambda i: there}, some=(there,), where=fits(there)),
        one_more_image(s, beneath, s.upper(container)))
    size = s.size(beneath) + s.size_rw(container)
    return given, instead(adds_image(s, image, size), recorded(s, image, beneath))


@rule(MAKES, then="a new image is present, recorded as made from the container's image, with the upper layer as "
      "one more layer if it holds anything", source=_COMMIT)
def commit(s: State, container: Container, image: New[Image]) -> Clauses:
    """Make an image of a container's files: its image's layers and, if it changed any, its upper."""
    given, committed = _commits(s, container, image)
    yield given
    yield no_container(s, container)
    yield updates(committed)


@rule(MAKES, then="a new image is present, recorded as made from the container's image, with the upper layer as "
      "one more layer if it holds anything; the tag names it and nothing else", source=_COMMIT)
def commit_as(s: State, container: Container, reference: Reference, image: New[Image]) -> Clauses:
    """Make an image of a container's files, as commit does, under a tag."""
    given, committed = _commits(s, container, image)
    yield given
    yield refuses(
        "no-such-container",
        And(Not(s.container(container)), Or(Not(s.is_digest(reference)), Not(s.digest_refused_first))),
        "the container does not exist, and the reference is a tag; or the container does not exist, "
        f"{DIGEST_REFUSED_FIRST.off}")
    yield _no_digest(s, reference)
    yield updates(together(committed, moves(s, reference, image)))


def builds(s: State, parent: Term, image: Term, if_: Term, says: str) -> tuple[Presupposition, Updates]:
    """Add one layer to an image: what that presupposes if it can be done, and what is different afterwards."""
    size = s.size(parent) + s.measure(s.diff(s.top(image)))
    given = presupposes(
        Implies(if_, And(Not(s.image(image)), follows_directly(s, image, parent),
                         covers(s, s.top(image), s.top(parent)))),
        f"if {says}: the image is new, the image's history is the parent's and one row more, and the image has "
        "the parent's layers and one more", one_more_image(s, parent))
    return given, instead(adds_image(s, image, size), recorded(s, image, parent))


@rule(MAKES, then="a new image is present, recorded as made from its parent, with one layer more", source=BUILD)
def build_step(s: State, parent: Image, image: New[Image]) -> Clauses:
    """Make an image from another by adding one layer (a build of one step)."""
    given, built = builds(s, parent, image, s.image(parent), "the parent is present")
    yield given
    yield refuses("no-such-image", Not(s.image(parent)), "the parent is not present")
    yield updates(built)


# References.


@rule(CHANGES, then="the tag names the image and nothing else; the image that it named stays",
      source="Engine API 1.41 ImageTag; measured: docker-20.10")
def tag(s: State, image: Image, reference: Reference) -> Clauses:
    """Make a reference name an image; the image that it named before stays, perhaps dangling."""
    yield refuses(
        "no-such-image", And(Not(s.image(image)), Or(Not(s.is_digest(reference)), Not(s.digest_refused_first))),
        "the image is not present, and the reference is a tag; or the image is not present, "
        f"{DIGEST_REFUSED_FIRST.off}")
    yield _no_digest(s, reference)
    yield updates(moves(s, reference, image))


@rule(TAKES, then="the reference names nothing; the image stays", source="podman-untag(1); measured: podman-4.3")
def untag(s: State, reference: Reference) -> Clauses:
    """Take a reference away; the image stays."""
    yield refuses("no-such-reference", Not(exists(IMAGE, lambda i: s.names(reference, i))),
                  "the reference names no image")
    yield updates({"names": lambda q, j: And(s.names(q, j), q != reference)})
