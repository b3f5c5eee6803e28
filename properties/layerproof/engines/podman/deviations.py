"""Where Podman is known to depart from the laws: what it does instead of the rules.

Source: containers/common ``libimage/layer_tree.go`` (an image's parent is that of which the history is its own
without the last row; what is between and gone cuts it off) and ``libimage/image.go`` (with an image goes its
parent, if it has no name and no child left, and so on; what is asked of the image is asked of the parent, too).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import Arguments, Effect, Refusal, State, Term, Update, exists, forall, sum_of
from layermodel.store.pieces import takes_containers
from layermodel.store.words import IMAGE, leased, referenced, total, used
from layerproof.laws.mutant import both, defines, half_happens, refuses, relation, reports
from layerproof.machines.store.mutants import IMAGE_COMES
from layerproof.runs.finding import Deviation

_MEASURED = "measured: podman-4.3"
_IN = "==4.3.*"
_REMOVALS = ("remove-by-id", "remove-by-tag")
_GOES = ("image", "layer", "usage", "made_from", "names")
"""What changes where images go, and no containers."""


def _nearest(effect: Effect, s: State, a: Arguments) -> Effect:
    """An image is recorded as made from another if both are there, and all whose histories lie between."""
    there = effect.updates["image"]
    between = lambda d, x: forall(IMAGE, lambda k: Implies(And(s.extends(d, k), s.extends(k, x)), there(k)))
    return replace(effect, updates={
        **effect.updates,
        "made_from": lambda d, x: And(there(d), there(x), s.extends(d, x), between(d, x))})


# Removal of one image.


def _body(effect: Effect) -> Callable[[Term], Term]:
    """What of an image says whether it goes."""
    found = next(d for d in effect.definitions if d.decl.eq(relation(effect, "gone")))
    return lambda x: z3.substitute(found.body, (found.variables[0], x))


def _kept(s: State, x: Term) -> Term:
    """Something but a container keeps the image."""
    return Or(referenced(s, x), leased(s, x))


def _without_children(s: State, a: Arguments, x: Term, clear: Callable[[Term], Term]) -> Term:
    """Nothing keeps the ancestor but containers, and what was made from it goes, or is cut off by what goes."""
    return And(s.made_from(a.image, x), Not(_kept(s, x)), forall(IMAGE, lambda d: Implies(s.made_from(d, x), Or(
        d == a.image, s.made_from(d, a.image), And(s.made_from(a.image, d), clear(d))))))


def _unused(s: State) -> Callable[[Term], Term]:
    return lambda x: Not(Or(_kept(s, x), used(s, x)))


def _climbs(clear: Callable[[State, Arguments], Callable[[Term], Term]]) -> Callable[..., Term]:
    """Which images go with one: ancestors, as long as they are clear and have no child left."""
    def gone(right: Term, x: Term, s: State, a: Arguments) -> Term:
        goes = z3.substitute(right, (x, a.image))
        return And(goes, Or(x == a.image, And(clear(s, a)(x), _without_children(s, a, x, clear(s, a)))))
    return gone


_CUTS = both(defines("gone", _climbs(lambda s, a: _unused(s))), _nearest)
"""What was made from the image that goes keeps no ancestor of it any more."""


def _stuck(effect: Effect, s: State, a: Arguments) -> Term:
    """The image goes, and then its parent, too, was to go, and a container uses that."""
    return And(_body(effect)(a.image), Not(a.force), Not(used(s, a.image)), exists(
        IMAGE, lambda x: And(used(s, x), _without_children(s, a, x, _unused(s)))))


def _fails(stuck: Callable[[Effect, State, Arguments], Term]) -> Callable[[Effect, State, Arguments], Effect]:
    """The removal is refused where it is stuck, when all else is done."""
    def change(effect: Effect, s: State, a: Arguments) -> Effect:
        so = stuck(effect, s, a)
        return both(refuses("used-by-container", lambda when, s, a: Or(when, so)),
                    half_happens("used-by-container", *_GOES, where=lambda s, a: so))(effect, s, a)
    return change


def _takes_theirs(effect: Effect, s: State, a: Arguments) -> Effect:
    """The containers of all images that go are gone."""
    gone = relation(effect, "gone")
    return replace(effect, updates={
        **effect.updates, **takes_containers(s, lambda c: And(s.container(c), gone(s.image_of(c))))})


_FORCED = both(
    defines("gone", _climbs(lambda s, a: lambda x: And(Not(_kept(s, x)), Or(a.force, Not(used(s, x)))))),
    _nearest, _takes_theirs)


# What fails and is done in part.


def _keeps_beneath(effect: Effect, s: State, a: Arguments) -> Effect:
    """The layers beneath the one that is damaged stay, and nothing reaches them."""
    top = s.top(a.image)
    new = lambda l: And(s.below(l, top), l != top, Not(s.layer(l)))
    leaves: dict[str, Update] = {
        "layer": lambda l: Or(s.layer(l), new(l)), "bytes": lambda l: z3.If(new(l), s.diff(l), s.bytes(l)),
        "usage": lambda: s.usage + total(s, new)}
    return replace(effect, refusals=tuple(replace(r, leaves=leaves) for r in effect.refusals))


# Prunes.


def _whole_sizes(effect: Effect, s: State, a: Arguments) -> Term:
    """The sizes of the images that are gone, each with all its layers."""
    gone = relation(effect, "gone")
    return sum_of(IMAGE, lambda x: z3.If(gone(x), s.size(x), 0))


def _left_alone(effect: Effect, s: State, a: Arguments) -> Term:
    """All that was made next from an image without a name goes, and a container uses that image."""
    gone = _body(effect)
    next_to = lambda d, x: And(s.made_from(d, x), Not(exists(IMAGE, lambda k: And(
        s.made_from(d, k), s.made_from(k, x)))))
    return exists(IMAGE, lambda x: And(
        s.image(x), used(s, x), Not(_kept(s, x)), exists(IMAGE, lambda d: s.made_from(d, x)),
        forall(IMAGE, lambda d: Implies(next_to(d, x), gone(d)))))


def _prune_fails(effect: Effect, s: State, a: Arguments) -> Effect:
    """The prune is refused where a container uses an image that has no children left, when all else is done."""
    stuck = _left_alone(effect, s, a)
    fails = Refusal("used-by-container", stuck, "a container uses an image that has no children left")
    refused = replace(effect, refusals=(*effect.refusals, fails))
    return half_happens("used-by-container", *_GOES)(refused, s, a)


_TAKES_PARENTS = both(
    defines("gone", lambda right, x, s, a: And(s.image(x), Not(used(s, x)), Not(leased(s, x)))),
    reports(_whole_sizes), _nearest)

DEVIATIONS = (
    Deviation(
        "podman-rename-to-itself", "podman", _IN, (),
        "a container can be renamed to the name that it has", _MEASURED, rules=("rename",),
        change=refuses("name-taken", lambda when, s, a: And(when, Not(s.called(a.container, a.name))))),
    Deviation(
        "podman-import-keeps-misnamed", "podman", _IN, ("OP-1",),
        "import under a digest as a name is refused, and the image is there all the same, dangling", _MEASURED,
        rules=("import",), change=half_happens("digest-as-target", *IMAGE_COMES)),
    Deviation(
        "podman-load-keeps-layers", "podman", _IN, ("DEP-5", "OP-1"),
        "load of an archive with a damaged layer is refused, and the layers beneath that stay; no command removes "
        "them but a reset of all", _MEASURED, rules=("load-damaged",), change=_keeps_beneath),
    Deviation(
        "podman-nearest-parent", "podman", _IN, ("DEP-13",),
        "an image's ancestors are found only as long as each image between is there, too", _MEASURED,
        rules=("load", "load-unnamed", "load-damaged", "load-with-parent"), change=_nearest),
    Deviation(
        "podman-cut-off", "podman", _IN, ("DEP-13", "DEP-20"),
        "removal of an image between others cuts off those made from it: they keep no ancestor any more",
        _MEASURED, rules=_REMOVALS, change=_CUTS),
    Deviation(
        "podman-rmi-fails-on-parent", "podman", _IN, ("OP-1", "DEP-13", "DEP-20"),
        "removal of an image whose parent has no name and no other child, and is used by a container, fails as if "
        "the image were used; it is removed all the same", _MEASURED, rules=_REMOVALS,
        change=both(_CUTS, _fails(_stuck))),
    Deviation(
        "podman-force-takes-parents-containers", "podman", _IN, ("OP-2", "DEP-13", "DEP-20"),
        "forced removal of an image removes the containers of its parent, too, with the parent, if that has no "
        "name and no other child", _MEASURED, rules=_REMOVALS, change=_FORCED),
    Deviation(
        "podman-prune-counts-whole", "podman", _IN, ("SIZE-9",),
        "what a prune of images reports of each is its whole size, though layers of it stay, or were reported of "
        "another", _MEASURED, rules=("prune", "prune-all"), change=reports(_whole_sizes)),
    Deviation(
        "podman-prune-all-takes-parents", "podman", _IN, ("DEP-13", "DEP-20", "SIZE-9"),
        "prune --all removes images from which others were made that stay", _MEASURED, rules=("prune-all",),
        change=_TAKES_PARENTS),
    Deviation(
        "podman-prune-fails-on-parent", "podman", _IN, ("OP-1", "DEP-13", "DEP-20"),
        "a prune that removes all children of an image without a name fails if a container uses that image; what "
        "was to be removed is", _MEASURED, rules=("prune",), change=_prune_fails),
    Deviation(
        "podman-prune-all-fails-on-parent", "podman", _IN, ("OP-1", "DEP-13", "DEP-20"),
        "prune --all fails likewise", _MEASURED, rules=("prune-all",), change=both(_TAKES_PARENTS, _prune_fails)),
)
