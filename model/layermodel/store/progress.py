"""Operations of the store in steps: pulls and builds in progress, and what they hold by a lease."""

from __future__ import annotations

from collections.abc import Callable

import z3
from z3 import And, If, Not, Or

from layermodel.language.rules import Definition, Presupposition, Refusal, State, Term, exists
from layermodel.language.writing import (
    CHANGES,
    MAKES,
    TAKES,
    Clauses,
    Found,
    New,
    presupposes,
    refuses,
    rule,
    together,
    updates,
)
from layermodel.objects import LAYER
from layermodel.store.images import BUILD, builds, to_a_tag
from layermodel.store.pieces import Updates, drops_layers, frees, moves, registers_image
from layermodel.store.words import Image, Layer, Lease, Reference

_PULL = "containerd docs/garbage-collection.md, leases; distribution-spec, pulling; containerd#3787"


def _no_lease(s: State, lease: Term) -> Refusal:
    return refuses("no-such-lease", Not(s.lease(lease)), "no operation is in progress under the lease")


def _new_lease(s: State, lease: Term) -> Presupposition:
    return presupposes(Not(s.lease(lease)), "the lease is new")


def _not_in_build(s: State, lease: Term, image: Term, what: str) -> Refusal:
    return refuses("not-in-build", Not(s.holds_image(lease, image)), f"the lease does not hold the {what}")


def _begins(s: State, lease: Term) -> Updates:
    """An operation is in progress under the lease."""
    return {"lease": lambda y: Or(y == lease, s.lease(y))}


def _holds_image(s: State, lease: Term, image: Term) -> Updates:
    """The operation needs the image, too."""
    return {"holds_image": lambda y, i: Or(s.holds_image(y, i), And(y == lease, i == image))}


def _holds(s: State, lease: Term, layer: Term) -> Term:
    """The operation needs the layer, or one on top of it."""
    return exists(LAYER, lambda h: And(s.holds_layer(lease, h), s.below(layer, h)))


def _ends(s: State, lease: Term) -> Updates:
    """The operation is no longer in progress and holds nothing."""
    return {
        "lease": lambda y: And(s.lease(y), y != lease),
        "holds_layer": lambda y, l: And(s.holds_layer(y, l), y != lease),
        "holds_image": lambda y, i: And(s.holds_image(y, i), y != lease),
    }


def _lets_go(s: State, lease: Term, unless: Callable[[Term], Term]) -> tuple[Updates, Definition]:
    """The operation is over; layers that only it needed are gone (those excepted that it leaves)."""
    freed, definition = frees(
        s, lambda l: And(_holds(s, lease, l), Not(unless(l))), lambda j: z3.BoolVal(False), lease)
    return together(drops_layers(s, freed), _ends(s, lease)), definition


@rule(MAKES, then="a pull is in progress", source=_PULL)
def pull_begin(s: State, lease: New[Lease]) -> Clauses:
    """Begin to pull an image."""
    yield _new_lease(s, lease)
    yield updates(_begins(s, lease))


@rule(MAKES, then="the layer is stored and held", source=_PULL)
def pull_layer(s: State, lease: Lease, layer: Layer) -> Clauses:
    """Store one more layer of the image that is being pulled, and hold it."""
    new = And(Not(s.layer(layer)))
    yield _no_lease(s, lease)
    yield refuses("missing-layer", exists(LAYER, lambda m: And(s.below(m, layer), m != layer, Not(s.layer(m)))),
                  "a layer beneath the layer is not stored")
    yield updates({
        "layer": lambda m: Or(m == layer, s.layer(m)),
        "bytes": lambda m: If(And(m == layer, new), s.diff(layer), s.bytes(m)),
        "usage": lambda: s.usage + If(new, s.measure(s.diff(layer)), 0),
        "holds_layer": lambda y, m: Or(s.holds_layer(y, m), And(y == lease, m == layer)),
    })


@rule(MAKES, then="the image is present, named by its tag and its digest; the pull is over and layers that only "
      "it needed are gone", source=_PULL)
def pull_finish(s: State, lease: Lease, image: Found[Image], reference: Reference, digest: Reference) -> Clauses:
    """Register the pulled image under its tag and its digest; what else was held is let go."""
    yield to_a_tag(s, reference)
    yield presupposes(s.is_digest(digest), "the digest is a digest reference")
    yield presupposes(s.pins(digest) == image, "the digest is that of the image's manifest")
    yield presupposes(s.repository(digest) == s.repository(reference),
                      "the digest and the reference are in one repository")
    yield _no_lease(s, lease)
    yield refuses("missing-layer", Not(_holds(s, lease, s.top(image))),
                  "the lease holds neither the image's top layer nor one on top of that")
    ends, freed_means = _lets_go(s, lease, lambda l: s.below(l, s.top(image)))
    yield updates(together(
        registers_image(s, image),
        {"names": lambda q, j: If(Or(q == reference, q == digest), j == image, s.names(q, j))},
        ends), freed_means)


@rule(MAKES, then="a build is in progress and holds the image", source=BUILD)
def build_begin(s: State, parent: Image, lease: New[Lease]) -> Clauses:
    """Begin to build on an image, and hold it."""
    yield _new_lease(s, lease)
    yield refuses("no-such-image", Not(s.image(parent)), "the parent is not present")
    yield updates(together(_begins(s, lease), _holds_image(s, lease, parent)))


@rule(MAKES, then="a new image is present, recorded as made from its parent, and held", source=BUILD)
def build_add(s: State, lease: Lease, parent: Image, image: New[Image]) -> Clauses:
    """Add a step to a build on an image that it holds, and hold the new image, too."""
    given, built = builds(s, parent, image, s.holds_image(lease, parent), "the lease holds the parent")
    yield given
    yield _no_lease(s, lease)
    yield _not_in_build(s, lease, parent, "parent")
    yield updates(together(built, _holds_image(s, lease, image)))


@rule(CHANGES, then="the tag names the image and nothing else; the build is over", source=BUILD)
def build_finish(s: State, lease: Lease, image: Image, reference: Reference) -> Clauses:
    """Name what was built, and let go of the rest."""
    yield to_a_tag(s, reference)
    yield _no_lease(s, lease)
    yield _not_in_build(s, lease, image, "image")
    ends, freed_means = _lets_go(s, lease, lambda l: z3.BoolVal(False))
    yield updates(together(moves(s, reference, image), ends), freed_means)


@rule(TAKES, then="the operation is over, and layers that only it needed are gone", source=_PULL)
def abort(s: State, lease: Lease) -> Clauses:
    """Give an operation up; layers that only it needed go, images that a build made stay, dangling."""
    yield _no_lease(s, lease)
    ends, freed_means = _lets_go(s, lease, lambda l: z3.BoolVal(False))
    yield updates(ends, freed_means)
