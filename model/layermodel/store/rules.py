"""The operations of the store machine.

Each function is a rule as data: what its parameters presuppose, its refusals in the order in which Docker
looks at them, and what is different afterwards. Where Docker and Podman differ a trait stands in the
formula (:data:`layermodel.store.words.TRAITS`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import z3
from z3 import And, If, Implies, Not, Or

from layermodel.language.rules import (
    BOOL,
    Definition,
    Effect,
    Machine,
    Parameter,
    Refusal,
    Rule,
    State,
    Term,
    define,
    exists,
    forall,
)
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.words import (
    AXIOMS,
    CONTENT,
    CREATED,
    EXITED,
    IMAGE,
    INITIAL,
    LEASE,
    NAME,
    PAUSED,
    REFERENCE,
    RUNNING,
    SORTS,
    SYMBOLS,
    TRAITS,
    has_children,
    is_running,
    is_tag,
    leased,
    referenced,
    several_tags,
    tagged,
    total,
    total_rw,
    used,
    used_by_running,
)

Updates = dict[str, Callable[..., Term]]

REFUSED = {
    "no-such-image": "the image is not present",
    "no-such-reference": "the reference names no image",
    "no-such-container": "the container does not exist",
    "no-such-lease": "the operation is not in progress",
    "name-taken": "another container has the name",
    "same-name": "the container has this name already",
    "used-by-container": "a container uses the image",
    "used-by-running-container": "a running or paused container uses the image",
    "used-by-lease": "an operation in progress needs the image",
    "has-child-images": "another image was made from it",
    "several-tags": "more than one tag names the image",
    "is-running": "the container is running",
    "is-paused": "the container is paused",
    "not-running": "the container is not running",
    "not-paused": "the container is not paused",
    "digest-as-target": "the reference is a digest, and a digest cannot be moved",
    "missing-layer": "a layer that is needed beneath is not there",
    "not-in-build": "the build does not hold the image",
}
"""What each refusal says is wrong."""


# Pieces that several rules share.


def _adds_image(s: State, i: Term, size: Term) -> Updates:
    """The image is present with all its layers; parentage is inferred where the dialect infers it."""
    here = s.image(i)
    new = lambda l: And(s.below(l, s.top(i)), Not(s.layer(l)))
    return {
        "image": lambda j: Or(j == i, s.image(j)),
        "layer": lambda l: Or(s.layer(l), new(l)),
        "bytes": lambda l: If(new(l), s.diff(l), s.bytes(l)),
        "size": lambda j: If(And(j == i, Not(here)), size, s.size(j)),
        "usage": lambda: s.usage + total(s, new),
        "made_from": lambda d, x: Or(s.made_from(d, x), _inferred(s, i, d, x)),
    }


def _inferred(s: State, i: Term, d: Term, x: Term) -> Term:
    """Adding image i makes d and x child and ancestor, where parentage is inferred."""
    return And(s.parents_inferred, s.extends(d, x),
               Or(And(d == i, s.image(x)), And(x == i, s.image(d))))


def _chain_size(s: State, i: Term) -> Term:
    """The sum over the image's own chain of layers."""
    return total(s, lambda l: s.below(l, s.top(i)))


def _moves(s: State, r: Term, i: Term) -> Updates:
    """The reference names this image and no other; the image that it named stays."""
    return {"names": lambda q, j: If(q == r, j == i, s.names(q, j))}


def _recorded(s: State, i: Term, j: Term) -> Updates:
    """Image i (and what was made from it) is recorded as made from j (and what j was made from)."""
    return {"made_from": lambda d, x: Or(
        s.made_from(d, x),
        And(Or(d == i, s.made_from(d, i)), Or(x == j, s.made_from(j, x))),
        _inferred(s, i, d, x))}


def _steps_on(s: State, i: Term, j: Term) -> list[Term]:
    """Image i is new, and its history goes on from that of j by one row."""
    return [
        Not(s.image(i)),
        s.extends(i, j),
        forall(IMAGE, lambda k: Implies(s.extends(i, k), Or(k == j, s.extends(j, k)))),
    ]


def _covers(s: State, l: Term, m: Term) -> Term:
    """Layer l lies directly on layer m."""
    return And(s.below(m, l), l != m,
               forall(LAYER, lambda k: Implies(s.below(k, l), Or(k == l, s.below(k, m)))))


def _freed(s: State, dropped: Callable[[Term], Term], gone: Any, ended: Any = None) -> Any:
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


def _drops_layers(s: State, freed: Any) -> Updates:
    """The freed layers are no longer stored, and no longer accounted."""
    return {
        "layer": lambda l: And(s.layer(l), Not(freed(l))),
        "usage": lambda: s.usage - total(s, freed),
    }


def _drops_images(s: State, gone: Any) -> tuple[Updates, Any, Definition]:
    """The images are gone, with the references and records that speak of them, and their layers."""
    freed, definition = _freed(
        s, lambda l: exists(IMAGE, lambda x: And(gone(x), s.below(l, s.top(x)))), gone)
    updates: Updates = {
        "image": lambda j: And(s.image(j), Not(gone(j))),
        "names": lambda q, j: And(s.names(q, j), Not(gone(j))),
        "made_from": lambda d, x: And(s.made_from(d, x), Not(gone(d)), Not(gone(x))),
        **_drops_layers(s, freed),
    }
    return updates, freed, definition


def _needless(s: State, d: Term) -> Term:
    """Nothing keeps the image: no reference, no container, no operation in progress."""
    return And(Not(referenced(s, d)), Not(used(s, d)), Not(leased(s, d)))


def _cascade(s: State, i: Term, goes: Term) -> tuple[Any, Definition]:
    """Define what goes with image i: the ancestors that only it kept, everything between included.

    An ancestor x goes if whatever was made from it is i or lies between i and x and is needless.
    Source: moby daemon/images/image_delete.go, imageDeleteHelper (parents are pruned quietly).
    """
    return define("gone", [IMAGE], lambda x: And(goes, Or(x == i, And(
        s.made_from(i, x),
        _needless(s, x),
        forall(IMAGE, lambda d: Implies(
            s.made_from(d, x), Or(d == i, And(s.made_from(i, d), _needless(s, d)))))))))


def _takes_containers(s: State, taken: Callable[[Term], Term]) -> Updates:
    """The containers are gone, and their names are free."""
    return {
        "container": lambda c: And(s.container(c), Not(taken(c))),
        "called": lambda c, n: And(s.called(c, n), Not(taken(c))),
    }


def _no_container(s: State, c: Term) -> Refusal:
    return Refusal("no-such-container", Not(s.container(c)))


# Images come.


def load(s: State, i: Term, r: Term) -> Effect:
    """Load an archive of one image under a tag."""
    return Effect(given=(is_tag(s, r),), updates={**_adds_image(s, i, _chain_size(s, i)), **_moves(s, r, i)})


def load_unnamed(s: State, i: Term) -> Effect:
    """Load an archive of one image without a tag."""
    return Effect(updates=_adds_image(s, i, _chain_size(s, i)))


def _follows(s: State, i: Term, j: Term) -> Term:
    """Image j is present, and the history of image i goes on from it by one row."""
    return And(s.image(j), *_steps_on(s, i, j)[1:])


def load_with_parent(s: State, i: Term, j: Term) -> Effect:
    """Load an archive of a present or absent image on top of its present parent, parentage recorded."""
    return Effect(
        given=(exists(IMAGE, lambda k: _follows(s, i, k)), _follows(s, i, j)),
        updates={**_adds_image(s, i, _chain_size(s, i)), **_recorded(s, i, j)},
    )


def _imports(s: State, i: Term) -> tuple[Term, ...]:
    return (
        Or(Not(s.image(i)), s.import_is_reproducible),
        forall(LAYER, lambda l: Implies(s.below(l, s.top(i)), l == s.top(i))),
        forall(IMAGE, lambda j: Not(s.extends(i, j))),
    )


def import_(s: State, i: Term, r: Term) -> Effect:
    """Import a tar of a root file system as an image of one layer, under a tag."""
    return Effect(
        given=(*_imports(s, i), is_tag(s, r)),
        updates={**_adds_image(s, i, _chain_size(s, i)), **_moves(s, r, i)},
    )


def import_unnamed(s: State, i: Term) -> Effect:
    """Import a tar of a root file system as an image of one layer, without a tag."""
    return Effect(given=_imports(s, i), updates=_adds_image(s, i, _chain_size(s, i)))


def commit(s: State, c: Term, i: Term) -> Effect:
    """Make an image of a container's files: its image's layers and, if it changed any, its upper."""
    j = s.image_of(c)
    unchanged = And(s.upper(c) == s.nothing, Not(s.commit_adds_empty_layer))
    same_layers = s.top(i) == s.top(j)
    one_more = And(_covers(s, s.top(i), s.top(j)), s.diff(s.top(i)) == s.upper(c))
    return Effect(
        given=(Implies(s.container(c), And(*_steps_on(s, i, j), If(unchanged, same_layers, one_more))),),
        refusals=(_no_container(s, c),),
        updates={**_adds_image(s, i, s.size(j) + s.size_rw(c)), **_recorded(s, i, j)},
    )


def _builds(s: State, j: Term, i: Term) -> tuple[list[Term], Updates]:
    given = [*_steps_on(s, i, j), _covers(s, s.top(i), s.top(j))]
    size = s.size(j) + s.measure(s.diff(s.top(i)))
    return given, {**_adds_image(s, i, size), **_recorded(s, i, j)}


def build_step(s: State, j: Term, i: Term) -> Effect:
    """Make an image from another by adding one layer (a build of one step)."""
    given, updates = _builds(s, j, i)
    return Effect(
        given=(Implies(s.image(j), And(given)),),
        refusals=(Refusal("no-such-image", Not(s.image(j))),),
        updates=updates,
    )


# References.


def tag(s: State, i: Term, r: Term) -> Effect:
    """Make a reference name an image; the image that it named before stays, perhaps dangling."""
    return Effect(
        refusals=(Refusal("no-such-image", Not(s.image(i))), Refusal("digest-as-target", s.is_digest(r))),
        updates=_moves(s, r, i),
    )


def untag(s: State, r: Term) -> Effect:
    """Take a reference away; the image stays."""
    return Effect(
        refusals=(Refusal("no-such-reference", Not(exists(IMAGE, lambda i: s.names(r, i)))),),
        updates={"names": lambda q, j: And(s.names(q, j), q != r)},
    )


# Images go.


def _unreference(s: State, r: Term, i: Term, force: Term, dropped: Callable[[Term], Term]) -> Effect:
    """Remove a reference to image i and, if it was the last and nothing needs the image, the image."""
    last = Not(exists(REFERENCE, lambda q: And(s.names(q, i), Not(dropped(q)))))
    with_containers = And(force, s.force_takes_containers)
    parts = And(last, Not(leased(s, i)))
    needed = Or(And(used(s, i), Not(with_containers)), And(s.parent_needs_no_child, has_children(s, i)))
    gone, gone_means = _cascade(s, i, And(parts, Not(needed)))
    updates, _, freed_means = _drops_images(s, gone)
    return Effect(
        given=(Implies(exists(IMAGE, lambda j: s.names(r, j)), s.names(r, i)),),
        refusals=(
            Refusal("used-by-container", And(Not(force), Not(several_tags(s, i)), used(s, i))),
        ),
        definitions=(gone_means, freed_means),
        updates={
            **updates,
            **_takes_containers(s, lambda c: And(gone(i), s.container(c), s.image_of(c) == i)),
            "names": lambda q, j: And(s.names(q, j), Not(gone(j)), Not(And(j == i, dropped(q)))),
        },
    )


def _no_reference(s: State, r: Term, fits: Term) -> Refusal:
    return Refusal("no-such-reference", Not(And(fits, exists(IMAGE, lambda j: s.names(r, j)))))


def remove_by_tag(s: State, r: Term, force: Term, i: Term) -> Effect:
    """``rmi TAG``: with the last tag of a repository go the repository's digest references."""
    other_tag = exists(REFERENCE, lambda q: And(
        s.names(q, i), is_tag(s, q), q != r, s.repository(q) == s.repository(r)))
    effect = _unreference(s, r, i, force, lambda q: Or(
        q == r, And(s.is_digest(q), s.repository(q) == s.repository(r), Not(other_tag))))
    return replace(effect, refusals=(_no_reference(s, r, is_tag(s, r)), *effect.refusals))


def remove_by_digest(s: State, r: Term, force: Term, i: Term) -> Effect:
    """``rmi REPO@DIGEST``: other references stay."""
    effect = _unreference(s, r, i, force, lambda q: q == r)
    return replace(effect, refusals=(_no_reference(s, r, s.is_digest(r)), *effect.refusals))


def remove_by_id(s: State, i: Term, force: Term) -> Effect:
    """``rmi ID``: all references to the image go with it."""
    with_containers = And(force, s.force_takes_containers)
    gone, gone_means = _cascade(s, i, z3.BoolVal(True))
    updates, _, freed_means = _drops_images(s, gone)
    return Effect(
        refusals=(
            Refusal("no-such-image", Not(s.image(i))),
            Refusal("has-child-images", And(s.parent_needs_no_child, has_children(s, i))),
            Refusal("used-by-running-container", And(
                Not(s.force_takes_containers), used_by_running(s, i))),
            Refusal("used-by-lease", leased(s, i)),
            Refusal("several-tags", And(Not(force), several_tags(s, i))),
            Refusal("used-by-container", And(used(s, i), Not(with_containers))),
        ),
        definitions=(gone_means, freed_means),
        updates={**updates, **_takes_containers(s, lambda c: And(s.container(c), s.image_of(c) == i))},
    )


def _prunes(s: State, disposable: Callable[[Term], Term]) -> Effect:
    """Remove every disposable image from which only disposable images were made."""
    gone, gone_means = define("gone", [IMAGE], lambda x: And(
        s.image(x), disposable(x),
        forall(IMAGE, lambda d: Implies(s.made_from(d, x), disposable(d)))))
    updates, freed, freed_means = _drops_images(s, gone)
    return Effect(definitions=(gone_means, freed_means), updates=updates, reclaimed=total(s, freed))


def prune(s: State) -> Effect:
    """``image prune``: untagged images that nothing needs."""
    return _prunes(s, lambda x: And(Not(tagged(s, x)), Not(used(s, x)), Not(leased(s, x))))


def prune_all(s: State) -> Effect:
    """``image prune --all``: images that no container and no operation in progress needs."""
    return _prunes(s, lambda x: And(Not(used(s, x)), Not(leased(s, x))))


# Containers.


def create(s: State, i: Term, n: Term, c: Term) -> Effect:
    """Create a container with an empty upper layer."""
    return Effect(
        given=(Not(s.container(c)),),
        refusals=(
            Refusal("no-such-image", Not(s.image(i))),
            Refusal("name-taken", exists(CONTAINER, lambda d: s.called(d, n))),
        ),
        updates={
            "container": lambda d: Or(d == c, s.container(d)),
            "image_of": lambda d: If(d == c, i, s.image_of(d)),
            "status": lambda d: If(d == c, CREATED, s.status(d)),
            "called": lambda d, m: If(d == c, m == n, s.called(d, m)),
            "upper": lambda d: If(d == c, s.nothing, s.upper(d)),
            "size_rw": lambda d: If(d == c, 0, s.size_rw(d)),
        },
    )


def _becomes(s: State, c: Term, status: Term) -> Updates:
    return {"status": lambda d: If(d == c, status, s.status(d))}


def _paused(s: State, c: Term, unless: Term | bool = False) -> Refusal:
    return Refusal("is-paused", And(s.status(c) == PAUSED, Not(unless)))


def _not_running(s: State, c: Term) -> Refusal:
    return Refusal("not-running", Not(is_running(s, c)))


def start(s: State, c: Term) -> Effect:
    """Start a container; a running one stays running."""
    return Effect(refusals=(_no_container(s, c), _paused(s, c)), updates=_becomes(s, c, RUNNING))


def stop(s: State, c: Term) -> Effect:
    """Stop a container; one that is not running stays as it is."""
    status = If(is_running(s, c), EXITED, s.status(c))
    refusals = (_no_container(s, c), _paused(s, c, unless=s.paused_can_stop))
    return Effect(refusals=refusals, updates=_becomes(s, c, status))


def kill(s: State, c: Term) -> Effect:
    """Kill a container's main process."""
    return Effect(refusals=(_no_container(s, c), _not_running(s, c)), updates=_becomes(s, c, EXITED))


def pause(s: State, c: Term) -> Effect:
    """Pause a running container."""
    refusals = (_no_container(s, c), _not_running(s, c), _paused(s, c))
    return Effect(refusals=refusals, updates=_becomes(s, c, PAUSED))


def unpause(s: State, c: Term) -> Effect:
    """Let a paused container go on."""
    refusals = (_no_container(s, c), Refusal("not-paused", s.status(c) != PAUSED))
    return Effect(refusals=refusals, updates=_becomes(s, c, RUNNING))


def restart(s: State, c: Term) -> Effect:
    """Restart a container, or start one that is not running."""
    refusals = (_no_container(s, c), _paused(s, c, unless=s.paused_can_stop))
    return Effect(refusals=refusals, updates=_becomes(s, c, RUNNING))


def rename(s: State, c: Term, n: Term) -> Effect:
    """Give a container another name; its old name is free."""
    return Effect(
        refusals=(
            _no_container(s, c),
            Refusal("same-name", And(s.same_name_told_apart, s.called(c, n))),
            Refusal("name-taken", exists(CONTAINER, lambda d: s.called(d, n))),
        ),
        updates={"called": lambda d, m: If(d == c, m == n, s.called(d, m))},
    )


def remove(s: State, c: Term, force: Term) -> Effect:
    """Remove a container with its upper layer; with force, a running or paused one, too."""
    return Effect(
        refusals=(
            _no_container(s, c),
            Refusal("is-paused", And(Not(force), s.status(c) == PAUSED)),
            Refusal("is-running", And(Not(force), s.status(c) == RUNNING)),
        ),
        updates=_takes_containers(s, lambda d: d == c),
    )


def container_prune(s: State) -> Effect:
    """Remove all containers that are not running."""
    gone = lambda c: And(s.container(c), Not(is_running(s, c)))
    return Effect(updates=_takes_containers(s, gone), reclaimed=total_rw(s, gone))


def write(s: State, c: Term, k: Term) -> Effect:
    """Change a container's files, so that its upper layer holds this content."""
    return Effect(
        given=(k != s.nothing,),
        refusals=(_no_container(s, c),),
        updates={
            "upper": lambda d: If(d == c, k, s.upper(d)),
            "size_rw": lambda d: If(d == c, s.measure(k), s.size_rw(d)),
        },
    )


# Operations in progress.


def _no_lease(s: State, x: Term) -> Refusal:
    return Refusal("no-such-lease", Not(s.lease(x)))


def _ends(s: State, x: Term) -> Updates:
    """The operation is no longer in progress and holds nothing."""
    return {
        "lease": lambda y: And(s.lease(y), y != x),
        "holds_layer": lambda y, l: And(s.holds_layer(y, l), y != x),
        "holds_image": lambda y, i: And(s.holds_image(y, i), y != x),
    }


def _lets_go(s: State, x: Term, unless: Callable[[Term], Term]) -> tuple[Updates, Definition]:
    """The operation is over; layers that only it needed are gone (those excepted that it leaves)."""
    freed, definition = _freed(
        s, lambda l: And(_holds(s, x, l), Not(unless(l))), lambda j: z3.BoolVal(False), x)
    return {**_drops_layers(s, freed), **_ends(s, x)}, definition


def _holds(s: State, x: Term, l: Term) -> Term:
    """The operation needs the layer, or one on top of it."""
    return exists(LAYER, lambda h: And(s.holds_layer(x, h), s.below(l, h)))


def pull_begin(s: State, x: Term) -> Effect:
    """Begin to pull an image."""
    return Effect(given=(Not(s.lease(x)),), updates={"lease": lambda y: Or(y == x, s.lease(y))})


def pull_layer(s: State, x: Term, l: Term) -> Effect:
    """Store one more layer of the image that is being pulled, and hold it."""
    new = And(Not(s.layer(l)))
    return Effect(
        refusals=(
            _no_lease(s, x),
            Refusal("missing-layer", exists(LAYER, lambda m: And(
                s.below(m, l), m != l, Not(s.layer(m))))),
        ),
        updates={
            "layer": lambda m: Or(m == l, s.layer(m)),
            "bytes": lambda m: If(And(m == l, new), s.diff(l), s.bytes(m)),
            "usage": lambda: s.usage + If(new, s.measure(s.diff(l)), 0),
            "holds_layer": lambda y, m: Or(s.holds_layer(y, m), And(y == x, m == l)),
        },
    )


def pull_finish(s: State, x: Term, i: Term, r: Term, g: Term) -> Effect:
    """Register the pulled image under its tag and its digest; what else was held is let go."""
    ends, freed_means = _lets_go(s, x, lambda l: s.below(l, s.top(i)))
    added = _adds_image(s, i, _chain_size(s, i))
    return Effect(
        given=(is_tag(s, r), s.is_digest(g), s.pins(g) == i, s.repository(g) == s.repository(r)),
        refusals=(_no_lease(s, x), Refusal("missing-layer", Not(_holds(s, x, s.top(i))))),
        definitions=(freed_means,),
        updates={
            **{name: added[name] for name in ("image", "size", "made_from")},
            "names": lambda q, j: If(Or(q == r, q == g), j == i, s.names(q, j)),
            **ends,
        },
    )


def build_begin(s: State, j: Term, x: Term) -> Effect:
    """Begin to build on an image, and hold it."""
    return Effect(
        given=(Not(s.lease(x)),),
        refusals=(Refusal("no-such-image", Not(s.image(j))),),
        updates={
            "lease": lambda y: Or(y == x, s.lease(y)),
            "holds_image": lambda y, i: Or(s.holds_image(y, i), And(y == x, i == j)),
        },
    )


def _not_in_build(s: State, x: Term, i: Term) -> Refusal:
    return Refusal("not-in-build", Not(s.holds_image(x, i)))


def build_add(s: State, x: Term, j: Term, i: Term) -> Effect:
    """Add a step to a build on an image that it holds, and hold the new image, too."""
    given, updates = _builds(s, j, i)
    return Effect(
        given=(Implies(s.holds_image(x, j), And(given)),),
        refusals=(_no_lease(s, x), _not_in_build(s, x, j)),
        updates={**updates, "holds_image": lambda y, k: Or(s.holds_image(y, k), And(y == x, k == i))},
    )


def build_finish(s: State, x: Term, i: Term, r: Term) -> Effect:
    """Name what was built, and let go of the rest."""
    ends, freed_means = _lets_go(s, x, lambda l: z3.BoolVal(False))
    return Effect(
        given=(is_tag(s, r),),
        refusals=(_no_lease(s, x), _not_in_build(s, x, i)),
        definitions=(freed_means,),
        updates={**_moves(s, r, i), **ends},
    )


def abort(s: State, x: Term) -> Effect:
    """Give an operation up; layers that only it needed go, images that a build made stay, dangling."""
    ends, freed_means = _lets_go(s, x, lambda l: z3.BoolVal(False))
    return Effect(refusals=(_no_lease(s, x),), definitions=(freed_means,), updates=ends)


_PARAMETERS = {
    "i": Parameter("image", IMAGE), "j": Parameter("parent", IMAGE), "r": Parameter("reference", REFERENCE),
    "g": Parameter("digest", REFERENCE), "c": Parameter("container", CONTAINER),
    "n": Parameter("name", NAME), "x": Parameter("lease", LEASE), "l": Parameter("layer", LAYER),
    "k": Parameter("content", CONTENT), "f": Parameter("force", BOOL),
    "+i": Parameter("image", IMAGE, "new"), "+c": Parameter("container", CONTAINER, "new"),
    "+x": Parameter("lease", LEASE, "new"), "=i": Parameter("image", IMAGE, "found"),
    "=j": Parameter("parent", IMAGE, "found"),
}

_IMAGE_DELETE = "Engine API 1.41 ImageDelete; moby daemon/images/image_delete.go; measured: docker-20.10"
_CONTAINERS = "Engine API 1.41, containers; measured: docker-20.10 and podman-4.3, containers by state"
_LOAD = "Engine API 1.41 ImageLoad; measured: docker-20.10"
_PULL = "containerd docs/garbage-collection.md, leases; distribution-spec, pulling; containerd#3787"
_BUILD = "Engine API 1.41 ImageBuild; podman#18659 (what a build needs is a root)"


def _rule(body: Callable[..., Effect], parameters: str, then: str, refused: str, source: str,
          sweeps: bool = False) -> Rule:
    name = body.__name__.strip("_").replace("_", "-")
    return Rule(
        name=name,
        parameters=tuple(_PARAMETERS[p] for p in parameters.split()),
        body=body,
        then=then,
        refused={r: REFUSED[r] for r in refused.split()},
        source=source,
        sweeps=sweeps,
    )


_GOES = ("if that was its last reference, and no container or operation in progress uses it, and no image "
         "was made from it: the image is gone, and every ancestor that only it kept, and every layer that "
         "no remaining image, container or lease reaches")

RULES = (
    _rule(load, "i r", "the image is present with all its layers; the tag names it and nothing else",
          "", _LOAD),
    _rule(load_unnamed, "i", "the image is present with all its layers", "", _LOAD),
    _rule(load_with_parent, "i =j", "the image is present with all its layers and is recorded as made from "
          "its parent", "", "moby image/tarexport/load.go, setParentID; measured: docker-20.10"),
    _rule(import_, "+i r", "a new image of one layer is present; the tag names it and nothing else",
          "", "Engine API 1.41 ImageCreate fromSrc; measured: docker-20.10"),
    _rule(import_unnamed, "+i", "a new image of one layer is present",
          "", "Engine API 1.41 ImageCreate fromSrc; measured: docker-20.10"),
    _rule(tag, "i r", "the tag names the image and nothing else; the image that it named stays",
          "no-such-image digest-as-target", "Engine API 1.41 ImageTag; measured: docker-20.10"),
    _rule(untag, "r", "the reference names nothing; the image stays",
          "no-such-reference", "podman-untag(1); measured: podman-4.3"),
    _rule(remove_by_tag, "r f =i", "the tag names nothing, nor, if it was the last of its repository on "
          "the image, do the repository's digests; " + _GOES,
          "no-such-reference used-by-container", _IMAGE_DELETE),
    _rule(remove_by_digest, "r f =i", "the digest reference names nothing; " + _GOES,
          "no-such-reference used-by-container", _IMAGE_DELETE),
    _rule(remove_by_id, "i f", "no reference names the image; it is gone, and every ancestor that only it "
          "kept, and every layer that no remaining image, container or lease reaches",
          "no-such-image has-child-images used-by-running-container used-by-lease several-tags "
          "used-by-container", _IMAGE_DELETE),
    _rule(prune, "", "every image that has no tag, no container and no lease, and from which only such "
          "images were made, is gone, and every layer that nothing reaches any more",
          "", "Engine API 1.41 ImagePrune; docker-image-prune(1)", sweeps=True),
    _rule(prune_all, "", "every image that has no container and no lease, and from which only such images "
          "were made, is gone with its references, and every layer that nothing reaches any more",
          "", "Engine API 1.41 ImagePrune dangling=false; docker-image-prune(1) --all", sweeps=True),
    _rule(create, "i n +c", "the container exists, created, with this name and an empty upper layer",
          "no-such-image name-taken", _CONTAINERS),
    _rule(start, "c", "it is running", "no-such-container is-paused", _CONTAINERS),
    _rule(stop, "c", "it has exited, if it was running or paused", "no-such-container is-paused",
          _CONTAINERS),
    _rule(kill, "c", "it has exited", "no-such-container not-running", _CONTAINERS),
    _rule(pause, "c", "it is paused", "no-such-container not-running is-paused", _CONTAINERS),
    _rule(unpause, "c", "it is running", "no-such-container not-paused", _CONTAINERS),
    _rule(restart, "c", "it is running", "no-such-container is-paused", _CONTAINERS),
    _rule(rename, "c n", "it has this name and no other", "no-such-container same-name name-taken",
          _CONTAINERS),
    _rule(remove, "c f", "it is gone, with its name and its upper layer",
          "no-such-container is-paused is-running", _CONTAINERS),
    _rule(container_prune, "", "every container that is created or exited is gone", "",
          "Engine API 1.41 ContainerPrune", sweeps=True),
    _rule(write, "c k", "its upper layer holds the content, and SizeRw is the content's size",
          "no-such-container", "Engine API 1.41 PutContainerArchive; measured: docker-20.10, Sizes"),
    _rule(commit, "c +i", "a new image is present, recorded as made from the container's image, with the "
          "upper layer as one more layer if it holds anything",
          "no-such-container", "Engine API 1.41 ImageCommit; measured: docker-20.10"),
    _rule(build_step, "j +i", "a new image is present, recorded as made from its parent, with one layer "
          "more", "no-such-image", _BUILD),
    _rule(pull_begin, "+x", "a pull is in progress", "", _PULL),
    _rule(pull_layer, "x l", "the layer is stored and held", "no-such-lease missing-layer", _PULL),
    _rule(pull_finish, "x =i r g", "the image is present, named by its tag and its digest; the pull is over "
          "and layers that only it needed are gone", "no-such-lease missing-layer", _PULL),
    _rule(build_begin, "j +x", "a build is in progress and holds the image", "no-such-image", _BUILD),
    _rule(build_add, "x j +i", "a new image is present, recorded as made from its parent, and held",
          "no-such-lease not-in-build", _BUILD),
    _rule(build_finish, "x i r", "the tag names the image and nothing else; the build is over",
          "no-such-lease not-in-build", _BUILD),
    _rule(abort, "x", "the operation is over, and layers that only it needed are gone",
          "no-such-lease", _PULL),
)

STORE = Machine("store", SORTS, SYMBOLS, TRAITS, AXIOMS, INITIAL, RULES)
"""The store machine."""
