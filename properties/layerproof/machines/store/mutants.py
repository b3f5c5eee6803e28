"""Mutants of the store machine: between them they break every law, most as some engine once did."""

from __future__ import annotations

from collections.abc import Callable

from z3 import And, BoolVal, If, Not, Or

from layermodel.language.rules import State, Term, exists
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.words import (
    EXITED,
    IMAGE,
    RUNNING,
    has_children,
    leased,
    referenced,
    several_tags,
    shared,
    tagged,
    total,
    total_rw,
    used,
)
from layerproof.laws.mutant import (
    Mutant,
    both,
    defines,
    forgets,
    half_happens,
    presupposes,
    refuses,
    relation,
    reports,
    sets,
    without,
)

SMALL = {"Layer": 2, "Image": 2, "Reference": 2, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
         "Content": 2}
"""How many objects an exploration has, unless a mutant says that it needs others."""
_TWO_CONTAINERS = {**SMALL, "Reference": 1, "Container": 2, "Name": 2}
_ONE_IMAGE = {**SMALL, "Layer": 1, "Image": 1, "Reference": 1}
_THREE_IMAGES = {**SMALL, "Layer": 1, "Image": 3, "Reference": 1}
_FAMILY = ("load-unnamed", "load-with-parent")


def _chain(s: State, i: Term) -> Callable[[Term], Term]:
    """The layer is one of the image's."""
    return lambda m: s.below(m, s.top(i))


_REMOVING_IMAGES = (
    Mutant("remove-used", ("remove-by-id",), "An image that a container uses is removed.",
           "DEP-1", both(without("used-by-container", "used-by-running-container"),
                         forgets("container", "called")), "moby#13261"),
    Mutant("remove-used-tag", ("remove-by-tag",), "Removing a tag takes an image that a container uses.",
           "DEP-15", defines("gone", lambda gone, x, s, r, f, i: Or(gone, And(x == i, used(s, x)))),
           "moby#13261"),
    Mutant("remove-held", ("remove-by-id",), "An image that an operation in progress needs is removed.",
           "DEP-9", without("used-by-lease"), "podman#18659"),
    Mutant("remove-held-tag", ("remove-by-tag",), "Removing a tag takes an image that a build needs.",
           "DEP-9", defines("gone", lambda gone, x, s, r, f, i: Or(gone, And(x == i, leased(s, x)))),
           "podman#18659"),
    Mutant("refused-but-untagged", ("remove-by-id",), "Removal is refused as in use, and the tag is gone.",
           "OP-1", half_happens("used-by-container", "names"), "moby#18873"),
    Mutant("refused-but-untagged-by-tag", ("remove-by-tag",),
           "Removal by tag is refused as in use, and the tag is gone.",
           "OP-1", half_happens("used-by-container", "names"), "moby#19435"),
    Mutant("refused-but-layers-gone", ("remove-by-id",),
           "Removal is refused because a build needs the image, and its layers are gone.",
           "OP-1", half_happens("used-by-lease", "layer", "usage"), "podman#18659"),
    Mutant("refuse-for-any-container", ("remove-by-id",),
           "Any container at all makes the removal of an image fail.", "DEP-17",
           refuses("used-by-container", lambda when, s, i, f: Or(when, exists(CONTAINER, s.container))),
           "nerdctl#1988"),
    Mutant("untag-the-others", ("remove-by-tag",), "Removing one tag takes the other tags of the image.",
           "OP-3", sets("names", lambda right, s, r, f, i: lambda q, j: And(right(q, j), j != i)),
           "podman#10685"),
    Mutant("leave-nameless", ("remove-by-tag", "remove-by-digest"),
           "Removing the last reference leaves a nameless image.", "OP-19",
           defines("gone", lambda gone, x, *_: BoolVal(False)), "podman#930"),
    Mutant("only-untag", ("remove-by-id",), "An image that is removed by ID loses its references and stays.",
           "OP-16", both(defines("gone", lambda gone, x, *_: BoolVal(False)),
                         sets("names", lambda right, s, i, f: lambda q, j: And(right(q, j), j != i)))),
    Mutant("tag-stays", ("remove-by-tag",), "A removed tag that is not the last stays.", "OP-14",
           sets("names", lambda right, s, r, f, i: lambda q, j: Or(right(q, j), And(
               s.names(q, j), several_tags(s, j))))),
    Mutant("references-left", ("remove-by-id",), "The references to a removed image stay.",
           "DEP-7", forgets("names")),
    Mutant("records-left", ("remove-by-id",), "The records of what a removed image was made from stay.",
           "DEP-4", forgets("made_from"),
           among=_FAMILY),
    Mutant("cascade-takes-tagged", ("remove-by-tag",), "A tagged parent goes with its child.", "OP-20",
           defines("gone", lambda gone, x, s, r, f, i: Or(gone, And(
               s.made_from(i, x), tagged(s, x), Not(used(s, i)), Not(used(s, x)), Not(leased(s, x)),
               Not(leased(s, i)), Not(has_children(s, i))))), "podman#1154",
           among=(*_FAMILY, "tag")),
    Mutant("cascade-takes-tagged-by-id", ("remove-by-id",), "A tagged parent goes with its child, by ID.",
           "OP-4", defines("gone", lambda gone, x, s, i, f: Or(gone, And(
               s.made_from(i, x), tagged(s, x), Not(used(s, x)), Not(leased(s, x))))), "podman#1154",
           among=(*_FAMILY, "tag")),
    Mutant("cascade-takes-used", ("remove-by-id",), "A parent goes that a container uses.", "DEP-15",
           defines("gone", lambda gone, x, s, i, f: Or(gone, And(
               s.made_from(i, x), Not(referenced(s, x)), used(s, x)))), "podman#992",
           among=(*_FAMILY, "create")),
    Mutant("cascade-takes-held", ("remove-by-id",), "A parent goes that a build needs.", "DEP-9",
           defines("gone", lambda gone, x, s, i, f: Or(gone, And(
               s.made_from(i, x), Not(referenced(s, x)), leased(s, x)))), "podman#18659",
           among=(*_FAMILY, "build-begin")),
    Mutant("cascade-forgotten", ("remove-by-tag", "remove-by-digest", "remove-by-id"),
           "Needless parents stay when their last child goes.", "OP-21",
           defines("gone", lambda gone, x, s, *a: And(gone, x == _image(a))),
           among=_FAMILY),
    Mutant("force-takes-all-containers", ("remove-by-id",),
           "Forced removal of an image takes every container.", "OP-2",
           sets("container", lambda right, s, i, f: lambda c: And(right(c), Not(f))),
           sizes=_TWO_CONTAINERS),
    Mutant("remove-parent", ("remove-by-id",),
           "An image that another was made from is removed where that is not allowed.", "DEP-20",
           without("has-child-images"), "podman#10832", among=_FAMILY),
    Mutant("untag-used", ("remove-by-tag", "remove-by-digest"),
           "The only name of an image that a container uses is removed without force.", "DEP-21",
           without("used-by-container"), "moby#13261"),
    Mutant("one-tag-takes-all", ("remove-by-tag",),
           "Removing one tag removes the image with all of its tags.", "OP-36",
           defines("gone", lambda gone, x, s, r, f, i: Or(gone, And(
               x == i, Not(used(s, x)), Not(leased(s, x)), Not(has_children(s, x))))), "buildah#133"),
    Mutant("remove-several-tags", ("remove-by-id",),
           "An image with several tags is removed by ID without force.", "OP-37",
           without("several-tags"), "moby#24688"),
)


def _image(arguments: tuple[Term, ...]) -> Term:
    """The image among the arguments of a removal."""
    return next(a for a in arguments if a.sort() == IMAGE.z3)


_PRUNING = (
    Mutant("prune-takes-tagged", ("prune",), "Prune takes tagged images that no container uses.", "OP-5",
           defines("gone", lambda gone, x, s: Or(gone, And(
               s.image(x), Not(used(s, x)), Not(leased(s, x)), Not(has_children(s, x))))), "podman#10350"),
    Mutant("prune-takes-used", ("prune",), "Prune takes dangling images that a container uses.", "OP-5",
           defines("gone", lambda gone, x, s: Or(gone, And(
               s.image(x), Not(tagged(s, x)), Not(leased(s, x)), Not(has_children(s, x))))), "moby#13261"),
    Mutant("prune-takes-held", ("prune",), "Prune takes what a build in progress has made.", "DEP-9",
           defines("gone", lambda gone, x, s: Or(gone, And(
               s.image(x), Not(tagged(s, x)), Not(used(s, x)), Not(has_children(s, x))))), "podman#18659"),
    Mutant("prune-takes-parents", ("prune",), "Prune takes an untagged image whose tagged child it leaves.",
           "DEP-20", defines("gone", lambda gone, x, s: Or(gone, And(
               s.image(x), Not(tagged(s, x)), Not(used(s, x)), Not(leased(s, x))))), "podman#10832",
           among=(*_FAMILY, "tag")),
    Mutant("prune-leaves-parents", ("prune",), "Prune takes leaves only and leaves what they were made from.",
           "OP-6", defines("gone", lambda gone, x, s: And(gone, Not(has_children(s, x)))),
           among=_FAMILY),
    Mutant("prune-once-more", ("prune",), "Prune has to be called again for the parents of what it took.",
           "OP-26", defines("gone", lambda gone, x, s: And(gone, Not(has_children(s, x)))),
           among=_FAMILY),
    Mutant("prune-all-once-more", ("prune-all",), "Prune --all has to be called again for parents.",
           "OP-27", defines("gone", lambda gone, x, s: And(gone, Not(has_children(s, x)))), "podman#1926",
           among=_FAMILY),
    Mutant("prune-all-leaves-parents", ("prune-all",), "Prune --all does not empty a store of images.",
           "DEP-18", defines("gone", lambda gone, x, s: And(gone, Not(has_children(s, x)))), "podman#1926",
           among=_FAMILY),
    Mutant("prune-all-takes-used", ("prune-all",), "Prune --all takes images that a container uses.", "DEP-1",
           defines("gone", lambda gone, x, s: Or(gone, And(
               s.image(x), Not(leased(s, x)), Not(has_children(s, x))))), "moby#13261"),
    Mutant("prune-all-untags", ("prune-all",), "Prune --all untags images that it does not remove.", "OP-3",
           sets("names", lambda right, s: lambda q, j: And(right(q, j), Not(used(s, j)))),
           "moby PR#48076"),
    Mutant("prune-counts-images", ("prune",), "Prune reports all layers of the images as reclaimed.",
           "SIZE-9", reports(lambda effect, s: total(s, lambda m: exists(IMAGE, lambda x: And(
               relation(effect, "gone")(x), s.below(m, s.top(x)))))), "podman#13516"),
    Mutant("prune-all-counts-nothing", ("prune-all",), "Prune --all reports nothing as reclaimed.",
           "SIZE-9", reports(lambda effect, s: total(s, lambda m: BoolVal(False)))),
    Mutant("container-prune-counts-all", ("container-prune",),
           "Container prune reports the files of those that stay, too.", "SIZE-9",
           reports(lambda effect, s: total_rw(s, s.container)), "podman#10215", _TWO_CONTAINERS,
           among=("load", "create", "write", "start")),
    Mutant("container-prune-takes-paused", ("container-prune",), "Container prune takes paused containers.",
           "OP-12", sets("container", lambda right, s: lambda c: And(
               s.container(c), s.status(c) == RUNNING))),
    Mutant("container-prune-leaves", ("container-prune",), "Container prune leaves those that wrote.",
           "OP-17", sets("container", lambda right, s: lambda c: Or(right(c), And(
               s.container(c), s.upper(c) != s.nothing)))),
)

_LAYERS = (
    Mutant("layers-leak", ("remove-by-id",), "A removed image's layers stay on the disk.", "DEP-5",
           forgets("layer", "usage"), "moby#46136"),
    Mutant("abort-leaks", ("abort",), "An aborted pull's layers stay.", "DEP-5", forgets("layer", "usage"),
           "moby#48909"),
    Mutant("shared-layer-freed", ("remove-by-id",), "A removed image's layers go, shared or not.", "DEP-16",
           defines("freed", lambda freed, m, s, i, f: Or(freed, And(s.layer(m), s.below(m, s.top(i))))),
           "moby#46136"),
    Mutant("prune-frees-pulled", ("prune",), "Prune frees the layers of a pull in progress.", "DEP-9",
           defines("freed", lambda freed, m, s: Or(freed, And(s.layer(m), Not(exists(
               IMAGE, lambda i: And(s.image(i), s.below(m, s.top(i)))))))), "containerd#3787"),
    Mutant("lower-freed", ("remove-by-tag",), "What lies beneath a shared layer is freed.", "DEP-3",
           defines("freed", lambda freed, m, s, r, f, i: Or(freed, And(
               s.layer(m), exists(LAYER, lambda n: And(n != m, s.below(m, n), s.below(n, s.top(i))))))),
           "moby#13261"),
    Mutant("usage-not-given-back", ("remove-by-id",), "A freed layer stays in the account.", "SIZE-4",
           forgets("usage")),
    Mutant("usage-falls-by-image", ("remove-by-id",),
           "Removing an image takes its shared layers off the account, too.", "SIZE-4",
           sets("usage", lambda right, s, i, f: lambda: s.usage - s.size(i)), "podman#7981"),
    Mutant("prune-usage-below-zero", ("prune-all",), "Prune --all takes freed layers off the account twice.",
           "SIZE-6", sets("usage", lambda right, s: lambda: right() + right() - s.usage), "moby#30257"),
    Mutant("load-stores-top-only", ("load",), "A load stores the top layer without what lies beneath.",
           "DEP-2", sets("layer", lambda right, s, i, r: lambda m: Or(s.layer(m), m == s.top(i)))),
    Mutant("container-without-layers", ("load-unnamed", "remove-by-id"),
           "A layer goes that a container's image has.", "DEP-8",
           sets("layer", lambda right, s, i, *_: lambda m: And(right(m), m != s.top(i)))),
    Mutant("load-stores-nothing", ("load",), "A load registers the layers and stores none of their files.",
           "RO-1", sets("bytes", lambda right, s, i, r: lambda m: If(
               s.layer(m), right(m), s.nothing)), "containerd#953"),
    Mutant("load-writes-over", ("load",), "A load writes over the layers that are stored already.", "RO-2",
           sets("bytes", lambda right, s, i, r: lambda m: If(s.layer(m), s.diff(s.top(i)), right(m))),
           sizes={**SMALL, "Content": 3}, among=("load-unnamed",)),
    Mutant("load-counts-again", ("load",), "A load counts layers that are stored already again.", "SIZE-10",
           sets("usage", lambda right, s, i, r: lambda: s.usage + total(s, _chain(s, i))), "moby#31944"),
    Mutant("load-adds-again", ("load",), "Loading an unchanged image again changes what is recorded of it.",
           "OP-28", sets("size", lambda right, s, i, r: lambda j: If(
               And(j == i, s.image(i)), s.size(i) + total(s, _chain(s, i)), right(j))), "moby#11285"),
    Mutant("load-resizes", ("load-unnamed",), "Loading a present image again changes its size.", "RO-4",
           sets("size", lambda right, s, i: lambda j: If(
               And(j == i, s.image(i)), s.size(i) + total(s, _chain(s, i)), right(j))), "moby#53561"),
    Mutant("size-counts-shared-twice", ("load",), "An image's size counts a shared layer twice.", "SIZE-5",
           sets("size", lambda right, s, i, r: lambda j: If(
               j == i, right(j) + total(s, lambda m: And(s.below(m, s.top(i)), shared(s, i, m))), right(j))),
           "podman#7981"),
    Mutant("build-forgets-parent-size", ("build-step",), "A built image's size is that of its last layer.",
           "SIZE-1", sets("size", lambda right, s, j, i: lambda k: If(
               k == i, s.measure(s.diff(s.top(i))), right(k))),
           among=("load-unnamed",)),
    Mutant("commit-forgets-upper-size", ("commit",), "A committed image has the size of its parent.",
           "SIZE-1", sets("size", lambda right, s, c, i: lambda j: If(
               j == i, s.size(s.image_of(c)), right(j))),
           among=("load-unnamed", "create", "write")),
    Mutant("root-fs-double", ("load",), "SizeRootFs counts the image of a container twice.", "SIZE-3",
           sets("size", lambda right, s, i, r: lambda j: If(j == i, right(j) + right(j), right(j)))),
    Mutant("commit-stores-else", ("commit",), "A commit stores other files than the upper layer's.",
           "SIZE-11", presupposes(lambda s, c, i: (
               Not(s.image(i)), s.extends(i, s.image_of(c)), s.below(s.top(s.image_of(c)), s.top(i)))),
           "containers/storage#640", among=("load-unnamed", "create", "write")),
    Mutant("commit-changes-lower", ("commit",), "A commit writes into the top layer of the image beneath.",
           "RO-2", sets("bytes", lambda right, s, c, i: lambda m: If(
               m == s.top(s.image_of(c)), s.upper(c), right(m))),
           among=("load-unnamed", "create", "write")),
    Mutant("commit-without-parent", ("commit",), "A commit does not record what the image was made from.",
           "OP-18", forgets("made_from"),
           among=("load-unnamed", "create", "write")),
    Mutant("load-records-parent-only", ("load-with-parent",),
           "A load records the parent and not what the parent was made from.", "DEP-10",
           sets("made_from", lambda right, s, i, j: lambda d, x: Or(
               s.made_from(d, x), And(d == i, x == j))),
           sizes=_THREE_IMAGES, among=_FAMILY),
    Mutant("load-without-parent", ("load-with-parent",), "A loaded child's parent is not recorded.",
           "OP-18", forgets("made_from"), among=_FAMILY),
    Mutant("load-infers-nothing", ("load",), "Parentage is not inferred of a loaded image.", "DEP-13",
           forgets("made_from"),
           among=("load-unnamed",)),
)

_TAGGING = (
    Mutant("tag-on-both", ("load",), "A loaded tag also stays on the image that it named.", "DEP-6",
           sets("names", lambda right, s, i, r: lambda q, j: Or(right(q, j), s.names(q, j)))),
    Mutant("tag-does-not-move", ("tag",), "A tag that is taken stays where it was.", "OP-13",
           sets("names", lambda right, s, i, r: lambda q, j: If(
               exists(IMAGE, lambda k: s.names(r, k)), s.names(q, j), right(q, j)))),
    Mutant("tag-deletes-old", ("tag", "load"), "The image that a moved tag leaves is deleted.", "OP-7",
           sets("image", lambda right, s, i, r: lambda j: And(right(j), Not(And(
               s.names(r, j), j != i)))), "moby#11285"),
    Mutant("tag-moves-digest", ("tag",), "A digest reference can be moved.", "DEP-12",
           without("digest-as-target")),
    Mutant("tag-unknown", ("tag",), "An image that is not there can be tagged.", "DEP-7",
           without("no-such-image")),
    Mutant("tag-takes-others", ("tag",), "Tagging takes the image's other tags away.", "OP-30",
           sets("names", lambda right, s, i, r: lambda q, j: And(right(q, j), Or(q == r, j != i))),
           "buildah#133"),
    Mutant("tag-again-untags", ("tag",), "Tagging an image again with its tag takes the tag away.", "OP-25",
           sets("names", lambda right, s, i, r: lambda q, j: And(
               right(q, j), Not(And(q == r, s.names(r, i)))))),
    Mutant("tag-adds-bytes", ("tag",), "A tag counts the image again.", "SIZE-8",
           sets("usage", lambda right, s, i, r: lambda: s.usage + s.size(i)), "moby#31944"),
    Mutant("untag-removes", ("untag",), "Untagging takes a needless image, too, without its records.",
           "OP-10", sets("image", lambda right, s, r: lambda j: And(right(j), Not(s.names(r, j))))),
    Mutant("import-takes-others", ("import",), "An import takes every other tag away.", "OP-3",
           sets("names", lambda right, s, i, r: lambda q, j: And(right(q, j), q == r)),
           among=("load",)),
    Mutant("import-not-registered", ("import-unnamed",),
           "An import without a name stores its layer and registers no image.", "DEP-5",
           forgets("image")),
    Mutant("import-takes-dangling", ("import-unnamed",),
           "An import without a name takes the place of the image that has none.", "OP-7",
           sets("image", lambda right, s, i: lambda j: And(right(j), Or(j == i, referenced(s, j))))),
    Mutant("pull-without-digest", ("pull-finish",), "A pull does not record the digest reference.", "OP-13",
           sets("names", lambda right, s, x, i, r, g: lambda q, j: If(q == g, s.names(q, j), right(q, j)))),
)

_CONTAINERS = (
    Mutant("create-unchecked", ("create",), "A container is created from an image that is not there.",
           "DEP-1", without("no-such-image")),
    Mutant("create-name-twice", ("create",), "A container gets a name that another has.", "DEP-11",
           without("name-taken"), sizes=_TWO_CONTAINERS),
    Mutant("create-nameless", ("create",), "A container is created without a name.", "DEP-14",
           forgets("called")),
    Mutant("create-copies-image", ("create",), "A fresh container's upper layer is a copy of the image's.",
           "SIZE-7", both(sets("upper", lambda right, s, i, n, c: lambda d: If(
               d == c, s.diff(s.top(i)), s.upper(d))),
               sets("size_rw", lambda right, s, i, n, c: lambda d: If(
                   d == c, s.measure(s.diff(s.top(i))), s.size_rw(d)))), "containers/storage#640"),
    Mutant("create-has-size", ("create",), "A fresh container has bytes.", "SIZE-2",
           sets("size_rw", lambda right, s, i, n, c: lambda d: If(d == c, 16384, right(d))),
           "docker/for-mac#7450"),
    Mutant("create-runs", ("create",), "A fresh container runs at once.", "OP-15",
           sets("status", lambda right, s, i, n, c: lambda d: If(d == c, RUNNING, right(d)))),
    Mutant("create-counts", ("create",), "A container's own layer is counted, and never given back.",
           "OP-29", sets("usage", lambda right, s, i, n, c: lambda: s.usage + s.size(i))),
    Mutant("start-starts-all", ("start",), "Starting one container starts all of its image.", "OP-2",
           sets("status", lambda right, s, c: lambda d: If(
               s.image_of(d) == s.image_of(c), RUNNING, right(d))), sizes=_TWO_CONTAINERS),
    Mutant("stop-stops-all", ("stop",), "Stopping one container stops all.", "OP-34",
           sets("status", lambda right, s, c: lambda d: right(c)), sizes=_TWO_CONTAINERS),
    Mutant("stop-resets", ("stop",), "Stopping a container loses its files.", "RO-5",
           both(sets("upper", lambda right, s, c: lambda d: If(d == c, s.nothing, s.upper(d))),
                sets("size_rw", lambda right, s, c: lambda d: If(d == c, 0, s.size_rw(d))))),
    Mutant("restart-untags", ("restart",), "Restarting a container takes its image's references.", "OP-8",
           sets("names", lambda right, s, c: lambda q, j: And(s.names(q, j), j != s.image_of(c)))),
    Mutant("kill-does-nothing", ("kill",), "A killed container runs on.", "OP-15", forgets("status")),
    Mutant("kill-exited", ("kill",), "A container that does not run is killed.", "OP-41",
           without("not-running")),
    Mutant("start-paused", ("start",), "A paused container is started.", "OP-41", without("is-paused")),
    Mutant("unpause-not-paused", ("unpause",), "A container that is not paused is unpaused.", "OP-41",
           without("not-paused")),
    Mutant("start-nothing", ("start",), "Starting a container that does not exist is answered as done.",
           "OP-40", without("no-such-container")),
    Mutant("write-to-nothing", ("write",), "Writing in a container that does not exist is answered as done.",
           "OP-40", without("no-such-container")),
    Mutant("rename-does-nothing", ("rename",), "A renamed container keeps its old name only.", "OP-39",
           forgets("called"), sizes={**SMALL, "Name": 2}),
    Mutant("pause-exited", ("pause",), "A container that has exited can be paused.", "OP-11",
           without("not-running")),
    Mutant("unpause-restarts", ("unpause",), "A container goes on with an empty upper layer.", "OP-35",
           both(sets("upper", lambda right, s, c: lambda d: If(d == c, s.nothing, s.upper(d))),
                sets("size_rw", lambda right, s, c: lambda d: If(d == c, 0, s.size_rw(d))))),
    Mutant("rename-keeps-old", ("rename",), "A renamed container keeps its old name, too.", "DEP-11",
           sets("called", lambda right, s, c, n: lambda d, m: Or(right(d, m), s.called(d, m))),
           sizes={**SMALL, "Name": 2}),
    Mutant("rename-to-taken", ("rename",), "A container is renamed to a name that another has.", "DEP-11",
           without("name-taken"), sizes=_TWO_CONTAINERS),
    Mutant("rename-stops", ("rename",), "Renaming a container stops it.", "OP-9",
           sets("status", lambda right, s, c, n: lambda d: If(d == c, EXITED, s.status(d))),
           sizes={**SMALL, "Name": 2}),
    Mutant("remove-keeps-name", ("remove",), "The name of a removed container stays taken.", "DEP-11",
           forgets("called")),
    Mutant("remove-running", ("remove",), "A running container is removed without force.", "OP-12",
           without("is-running")),
    Mutant("remove-not-forced", ("remove",), "A running container cannot be removed even by force.",
           "DEP-19", refuses("is-running", lambda when, s, c, f: s.status(c) == RUNNING)),
    Mutant("remove-does-nothing", ("remove",), "A removed container stays.", "OP-17",
           forgets("container", "called")),
    Mutant("remove-untags", ("remove",), "Removing a container takes its image's references.", "RO-6",
           sets("names", lambda right, s, c, f: lambda q, j: And(s.names(q, j), j != s.image_of(c)))),
    Mutant("remove-hands-on", ("remove",), "The others find the files of the removed container.", "OP-32",
           both(sets("upper", lambda right, s, c, f: lambda d: s.upper(c)),
                sets("size_rw", lambda right, s, c, f: lambda d: s.size_rw(c))), "moby PR#39209",
           {**_TWO_CONTAINERS, "Image": 1, "Layer": 1}, among=("load", "create", "write")),
    Mutant("write-through", ("write",), "A write reaches the layer beneath.", "RO-7",
           sets("bytes", lambda right, s, c, k: lambda m: If(m == s.top(s.image_of(c)), k, s.bytes(m))),
           sizes={**_ONE_IMAGE, "Content": 3}),
    Mutant("write-for-all", ("write",), "A write shows in every container of the image.", "RO-3",
           both(sets("upper", lambda right, s, c, k: lambda d: If(
               s.image_of(d) == s.image_of(c), k, s.upper(d))),
               sets("size_rw", lambda right, s, c, k: lambda d: If(
                   s.image_of(d) == s.image_of(c), s.measure(k), s.size_rw(d)))), sizes=_TWO_CONTAINERS),
    Mutant("write-overtakes", ("write",), "Of writes in two containers the later one shows in both.",
           "OP-31", both(sets("upper", lambda right, s, c, k: lambda d: k),
                         sets("size_rw", lambda right, s, c, k: lambda d: s.measure(k))),
           sizes={**_TWO_CONTAINERS, "Content": 3, "Image": 1, "Layer": 1}),
    Mutant("write-uncounted", ("write",), "SizeRw does not see what is written.", "SIZE-2",
           forgets("size_rw")),
    Mutant("write-lost", ("write",), "What is written is lost.", "OP-24", forgets("upper", "size_rw")),
    Mutant("write-untags", ("write",), "Writing in a container takes its image's references.", "OP-33",
           sets("names", lambda right, s, c, k: lambda q, j: And(s.names(q, j), j != s.image_of(c)))),
)

_IN_PROGRESS = (
    Mutant("pull-not-begun", ("pull-begin",), "A pull is answered as begun and is not in progress.",
           "OP-38", forgets("lease")),
    Mutant("abort-nothing", ("abort",), "Giving up what is not in progress is answered as done.", "OP-40",
           without("no-such-lease")),
    Mutant("pull-on-nothing", ("pull-layer",), "A layer is stored without those beneath it.", "DEP-3",
           without("missing-layer"), "containerd#2382"),
    Mutant("pull-not-held", ("pull-layer",), "A pulled layer is not held.", "OP-23",
           forgets("holds_layer"), "containerd#3787"),
    Mutant("build-base-not-held", ("build-begin",), "A build does not hold the image that it begins with.",
           "OP-23", forgets("holds_image"), "podman#18659",
           among=("load-unnamed",)),
    Mutant("build-not-held", ("build-add",), "What a build makes is not held until it is named.", "OP-23",
           forgets("holds_image"), "podman#18659",
           among=("load-unnamed", "build-begin")),
    Mutant("pull-finishes-early", ("pull-finish",), "A pull registers an image whose layers are missing.",
           "DEP-2", both(without("missing-layer"), forgets("layer", "usage"))),
    Mutant("abort-refused", ("abort",), "An operation that holds something cannot be given up.", "DEP-19",
           refuses("no-such-lease", lambda when, s, x: Or(when, exists(
               LAYER, lambda m: s.holds_layer(x, m)))), "moby#48909"),
    Mutant("abort-still-holds", ("abort",), "An operation that was given up goes on holding layers.",
           "OP-22", forgets("holds_layer"), "moby#48909",
           among=("pull-begin", "pull-layer", "load-unnamed", "remove-by-id")),
    Mutant("finish-ends-all", ("build-finish",), "A finished build ends what else is in progress.", "OP-22",
           both(sets("lease", lambda right, s, x, i, r: lambda y: BoolVal(False)),
                sets("holds_layer", lambda right, s, x, i, r: lambda y, m: BoolVal(False)),
                sets("holds_image", lambda right, s, x, i, r: lambda y, j: BoolVal(False))),
           "podman#18659", {**SMALL, "Lease": 2, "Image": 1, "Layer": 1}),
    Mutant("finish-nothing", ("pull-finish",), "A pull that is over is said to lack a layer.", "OP-42",
           without("no-such-lease"), among=("pull-begin",)),
    Mutant("untag-nothing", ("untag",), "Taking away a tag that names nothing is answered as done.", "OP-43",
           without("no-such-reference")),
    Mutant("running-not-told", ("remove-by-id",), "That a running container uses the image is said as if "
           "force would help.", "OP-44", without("used-by-running-container"),
           among=("load-unnamed", "create", "start")),
    Mutant("own-name-taken", ("rename",), "A container's own name is said to be another's.", "OP-45",
           without("same-name"), among=("load-unnamed", "create")),
)

MUTANTS: tuple[Mutant, ...] = (
    *_REMOVING_IMAGES, *_PRUNING, *_LAYERS, *_TAGGING, *_CONTAINERS, *_IN_PROGRESS)
"""All mutants of the store machine."""
