"""Pieces that several rules of the store share: what it is for an image to come and to go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import z3
from z3 import And, If, Implies, Not, Or

from layermodel.language.rules import Definition, State, Term, Update, Witness, define, exists, forall
from layermodel.language.writing import another, together
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.words import CONTENT, IMAGE, LEASE, leased, referenced, total, used

Updates = dict[str, Update]


def adds_image(s: State, image: Term, size: Term) -> Updates:
    """The image is present with all its layers; parentage is inferred where the dialect infers it."""
    here = s.image(image)
    new = lambda l: And(s.below(l, s.top(image)), Not(s.layer(l)))
    return {
        "image": lambda j: Or(j == image, s.image(j)),
        "layer": lambda l: Or(s.layer(l), new(l)),
        "bytes": lambda l: If(new(l), s.diff(l), s.bytes(l)),
        "size": lambda j: If(And(j == image, Not(here)), size, s.size(j)),
        "usage": lambda: s.usage + total(s, new),
        "made_from": lambda d, x: Or(s.made_from(d, x), _inferred(s, image, d, x)),
    }


def registers_image(s: State, image: Term) -> Updates:
    """The image, whose layers are stored and accounted already, is present."""
    added = adds_image(s, image, chain_size(s, image))
    return {name: added[name] for name in ("image", "size", "made_from")}


def _inferred(s: State, image: Term, d: Term, x: Term) -> Term:
    """Adding the image makes d and x child and ancestor, where parentage is inferred."""
    return And(s.parents_inferred, s.extends(d, x),
               Or(And(d == image, s.image(x)), And(x == image, s.image(d))))


def chain_size(s: State, image: Term) -> Term:
    """The sum over the image's own chain of layers."""
    return total(s, lambda l: s.below(l, s.top(image)))


def moves(s: State, reference: Term, image: Term) -> Updates:
    """The reference names this image and no other; the image that it named stays."""
    return {"names": lambda q, j: If(q == reference, j == image, s.names(q, j))}


def recorded(s: State, image: Term, parent: Term) -> Updates:
    """The image (and what was made from it) is recorded as made from the parent (and what that was made from)."""
    return {"made_from": lambda d, x: Or(
        s.made_from(d, x),
        And(Or(d == image, s.made_from(d, image)), Or(x == parent, s.made_from(parent, x))),
        _inferred(s, image, d, x))}


def follows_directly(s: State, image: Term, parent: Term) -> Term:
    """The image's history is the parent's and one row more."""
    return And(s.extends(image, parent), forall(IMAGE, lambda k: Implies(
        s.extends(image, k), Or(k == parent, s.extends(parent, k)))))


def covers(s: State, layer: Term, other: Term) -> Term:
    """The layer lies directly on the other."""
    return And(s.below(other, layer), layer != other,
               forall(LAYER, lambda k: Implies(s.below(k, layer), Or(k == layer, s.below(k, other)))))


def one_more_image(s: State, parent: Term | None = None, diff: Term | None = None) -> Witness:
    """A store with an image that it lacks, of one layer more than the parent, or of one layer.

    Args:
        diff: what the layer holds; some content of no bytes if it does not matter.
    """
    image, layer, content = another(IMAGE), another(LAYER), another(CONTENT)
    on = z3.BoolVal(parent is not None)
    beneath = image if parent is None else parent
    return Witness((image, layer, content), {"image": image}, {
        "top": lambda i: layer,
        "diff": lambda l: content if diff is None else diff,
        "measure": lambda k: z3.IntVal(0),
        "below": lambda l, m: And(m == layer, Or(l == layer, And(on, s.below(l, s.top(beneath))))),
        "extends": lambda i, j: And(on, i == image, j != image, Or(j == beneath, s.extends(beneath, j))),
    })


def frees(s: State, dropped: Callable[[Term], Term], gone: Any, ended: Any = None) -> tuple[Any, Definition]:
    """Define which layers go with images that are gone and a lease that has ended.

    ``dropped`` says whether what goes needed the layer; it is freed when nothing that stays does.
    """
    def stays(l: Term) -> Term:
        kept_lease = (lambda x: z3.BoolVal(True)) if ended is None else (lambda x: x != ended)
        return Or(
            exists(IMAGE, lambda i: And(s.image(i), Not(gone(i)), s.below(l, s.top(i)))),
            exists(CONTAINER, lambda c: And(s.container(c), Not(gone(s.image_of(c))),
                                            s.below(l, s.top(s.image_of(c))))),
            exists([LEASE, LAYER], lambda x, h: And(kept_lease(x), s.holds_layer(x, h), s.below(l, h))),
        )

    return define("freed", [LAYER], lambda l: And(s.layer(l), dropped(l), Not(stays(l))))


def drops_layers(s: State, freed: Any) -> Updates:
    """The freed layers are no longer stored, and no longer accounted."""
    return {
        "layer": lambda l: And(s.layer(l), Not(freed(l))),
        "usage": lambda: s.usage - total(s, freed),
    }


def drops_images(s: State, gone: Any) -> tuple[Updates, Any, Definition]:
    """The images are gone, with the references and records that speak of them, and their layers."""
    freed, definition = frees(
        s, lambda l: exists(IMAGE, lambda x: And(gone(x), s.below(l, s.top(x)))), gone)
    images: Updates = {
        "image": lambda j: And(s.image(j), Not(gone(j))),
        "names": lambda q, j: And(s.names(q, j), Not(gone(j))),
        "made_from": lambda d, x: And(s.made_from(d, x), Not(gone(d)), Not(gone(x))),
    }
    return together(images, drops_layers(s, freed)), freed, definition


def _needless(s: State, d: Term) -> Term:
    """Nothing keeps the image: no reference, no container, no operation in progress."""
    return And(Not(referenced(s, d)), Not(used(s, d)), Not(leased(s, d)))


def goes_with(s: State, image: Term, goes: Term) -> tuple[Any, Definition]:
    """Define what goes with the image, if it goes: the ancestors that only it kept, everything between included.

    An ancestor x goes if whatever was made from it is the image or lies between the image and x and is needless.
    Source: moby daemon/images/image_delete.go, imageDeleteHelper (parents are pruned quietly).
    """
    return define("gone", [IMAGE], lambda x: And(goes, Or(x == image, And(
        s.made_from(image, x),
        _needless(s, x),
        forall(IMAGE, lambda d: Implies(
            s.made_from(d, x), Or(d == image, And(s.made_from(image, d), _needless(s, d)))))))))


def takes_containers(s: State, taken: Callable[[Term], Term]) -> Updates:
    """The containers are gone, and their names are free."""
    return {
        "container": lambda c: And(s.container(c), Not(taken(c))),
        "called": lambda c, n: And(s.called(c, n), Not(taken(c))),
    }
