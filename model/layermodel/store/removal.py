"""Operations of the store by which images go."""

from __future__ import annotations

from collections.abc import Callable

import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import Presupposition, Refusal, State, Term, define, exists, forall
from layermodel.language.writing import (
    SWEEPS,
    TAKES,
    Change,
    Clauses,
    Flag,
    Found,
    instead,
    presupposes,
    refuses,
    rule,
    together,
    updates,
)
from layermodel.store.pieces import drops_images, goes_with, takes_containers
from layermodel.store.words import (
    FORCE_TAKES_CONTAINERS,
    IMAGE,
    PARENT_NEEDS_NO_CHILD,
    REFERENCE,
    Image,
    Reference,
    has_children,
    is_tag,
    leased,
    several_tags,
    tagged,
    total,
    used,
    used_by_running,
)

_SOURCE = "Engine API 1.41 ImageDelete; moby daemon/images/image_delete.go; measured: docker-20.10"
_GOES = ("if that was the image's last reference, and no operation in progress needs it, and no container uses it "
         f"(or the removal is forced, {FORCE_TAKES_CONTAINERS.on}: the containers go, too), and no image was made "
         f"from it (or {PARENT_NEEDS_NO_CHILD.lacks}): the image is gone, and every ancestor that only it "
         "kept, and every layer that no remaining image, container or lease reaches")


def _names_it(s: State, reference: Term, image: Term) -> Presupposition:
    return presupposes(Implies(exists(IMAGE, lambda j: s.names(reference, j)), s.names(reference, image)),
                       "if the reference names an image: the reference names the image")


def _no_reference(s: State, reference: Term, fits: Term, misfit: str) -> Refusal:
    return refuses("no-such-reference", Not(And(fits, exists(IMAGE, lambda j: s.names(reference, j)))),
                   f"the reference is a {misfit}; or the reference names no image")


def _last_name(s: State, image: Term, force: Term) -> Refusal:
    return refuses("used-by-container", And(Not(force), Not(several_tags(s, image)), used(s, image)),
                   "a container uses the image, neither two tags nor references of two repositories name the "
                   "image, and the removal is not forced")


def _unreferences(s: State, image: Term, force: Term, dropped: Callable[[Term], Term]) -> Change:
    """References to the image are gone and, if no other is left and nothing needs the image, the image."""
    last = Not(exists(REFERENCE, lambda q: And(s.names(q, image), Not(dropped(q)))))
    with_containers = And(force, s.force_takes_containers)
    parts = And(last, Not(leased(s, image)))
    needed = Or(And(used(s, image), Not(with_containers)), And(s.parent_needs_no_child, has_children(s, image)))
    gone, gone_means = goes_with(s, image, And(parts, Not(needed)))
    images, _, freed_means = drops_images(s, gone)
    names = {"names": lambda q, j: And(s.names(q, j), Not(gone(j)), Not(And(j == image, dropped(q))))}
    containers = takes_containers(s, lambda c: And(gone(image), s.container(c), s.image_of(c) == image))
    return updates(together(instead(images, names), containers), gone_means, freed_means)


@rule(TAKES, then="the tag names nothing, nor, if it was the last of its repository on the image, do the "
      "repository's digests; " + _GOES, source=_SOURCE)
def remove_by_tag(s: State, reference: Reference, force: Flag, image: Found[Image]) -> Clauses:
    """``rmi TAG``: with the last tag of a repository go the repository's digest references."""
    same_repository = lambda q: s.repository(q) == s.repository(reference)
    other_tag = exists(REFERENCE, lambda q: And(
        s.names(q, image), is_tag(s, q), q != reference, same_repository(q)))
    yield _names_it(s, reference, image)
    yield _no_reference(s, reference, is_tag(s, reference), "digest")
    yield _last_name(s, image, force)
    yield _unreferences(s, image, force, lambda q: Or(
        q == reference, And(s.is_digest(q), same_repository(q), Not(other_tag))))


@rule(TAKES, then="the digest reference names nothing; " + _GOES, source=_SOURCE)
def remove_by_digest(s: State, reference: Reference, force: Flag, image: Found[Image]) -> Clauses:
    """``rmi REPO@DIGEST``: other references stay."""
    yield _names_it(s, reference, image)
    yield _no_reference(s, reference, s.is_digest(reference), "tag")
    yield _last_name(s, image, force)
    yield _unreferences(s, image, force, lambda q: q == reference)


@rule(TAKES, then="no reference names the image; it is gone, with its containers where force takes them, and "
      "every ancestor that only it kept, and every layer that no remaining image, container or lease reaches",
      source=_SOURCE)
def remove_by_id(s: State, image: Image, force: Flag) -> Clauses:
    """``rmi ID``: all references to the image go with it."""
    with_containers = And(force, s.force_takes_containers)
    yield refuses("no-such-image", Not(s.image(image)), "the image is not present")
    yield refuses("has-child-images", And(s.parent_needs_no_child, has_children(s, image)),
                  f"another image was made from the image, {PARENT_NEEDS_NO_CHILD.on}")
    yield refuses("used-by-running-container", And(Not(s.force_takes_containers), used_by_running(s, image)),
                  f"a running or paused container uses the image, {FORCE_TAKES_CONTAINERS.off}")
    yield refuses("used-by-lease", leased(s, image), "an operation in progress needs the image")
    yield refuses("several-tags", And(Not(force), several_tags(s, image)),
                  "two tags or references of two repositories name the image, and the removal is not forced")
    yield refuses("used-by-container", And(used(s, image), Not(with_containers)),
                  "a container uses the image, and either the removal is not forced or "
                  f"{FORCE_TAKES_CONTAINERS.lacks}")
    gone, gone_means = goes_with(s, image, z3.BoolVal(True))
    images, _, freed_means = drops_images(s, gone)
    containers = takes_containers(s, lambda c: And(s.container(c), s.image_of(c) == image))
    yield updates(together(images, containers), gone_means, freed_means)


def _sweeps(s: State, disposable: Callable[[Term], Term]) -> Change:
    """Every disposable image is gone from which only disposable images were made."""
    gone, gone_means = define("gone", [IMAGE], lambda x: And(
        s.image(x), disposable(x),
        forall(IMAGE, lambda d: Implies(s.made_from(d, x), disposable(d)))))
    images, freed, freed_means = drops_images(s, gone)
    return updates(images, gone_means, freed_means, reclaimed=total(s, freed))


@rule(SWEEPS, then="every image that has no tag, no container and no lease, and from which only such images were "
      "made, is gone, and every layer that nothing reaches any more",
      source="Engine API 1.41 ImagePrune; docker-image-prune(1)")
def prune(s: State) -> Clauses:
    """``image prune``: untagged images that nothing needs."""
    yield _sweeps(s, lambda x: And(Not(tagged(s, x)), Not(used(s, x)), Not(leased(s, x))))


@rule(SWEEPS, then="every image that has no container and no lease, and from which only such images were made, is "
      "gone with its references, and every layer that nothing reaches any more",
      source="Engine API 1.41 ImagePrune dangling=false; docker-image-prune(1) --all")
def prune_all(s: State) -> Clauses:
    """``image prune --all``: images that no container and no operation in progress needs."""
    yield _sweeps(s, lambda x: And(Not(used(s, x)), Not(leased(s, x))))
