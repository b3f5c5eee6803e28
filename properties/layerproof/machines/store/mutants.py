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

SMALL = {"Layer": 2, "Image": 2, "Reference": 2, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1, "Content": 2}
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
           "DEP-15", defines("gone", lambda gone, x, s, a: Or(gone, And(x == a.image, used(s, x)))),
           "moby#13261"),
    Mutant("remove-held", ("remove-by-id",), "An image that an operation in progress needs is removed.",
           "DEP-9", without("used-by-lease"), "podman#18659"),
    Mutant("remove-held-tag", ("remove-by-tag",), "Removing a tag takes an image that a build needs.",
           "DEP-9", defines("gone", lambda gone, x, s, a: Or(gone, And(x == a.image, leased(s, x)))),
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
           refuses("used-by-container", lambda when, s, a: Or(when, exists(CONTAINER, s.container))),
           "nerdctl#1988"),
    Mutant("untag-the-others", ("remove-by-tag",), "Removing one tag takes the other tags of the image.",
           "OP-3", sets("names", lambda right, s, a: lambda q, j: And(right(q, j), j != a.image)),
           "podman#10685"),
    Mutant("leave-nameless", ("remove-by-tag", "remove-by-digest"),
           "Removing the last reference leaves a nameless image.", "OP-19",
           defines("gone", lambda gone, x, s, a: BoolVal(False)), "podman#930"),
    Mutant("only-untag", ("remove-by-id",), "An image that is removed by ID loses its references and stays.",
           "OP-16", both(defines("gone", lambda gone, x, s, a: BoolVal(False)),
                         sets("names", lambda right, s, a: lambda q, j: And(right(q, j), j != a.image)))),
    Mutant("tag-stays", ("remove-by-tag",), "A removed tag that is not the last stays.", "OP-14",
           sets("names", lambda right, s, a: lambda q, j: Or(right(q, j), And(
               s.names(q, j), several_tags(s, j))))),
    Mutant("references-left", ("remove-by-id",), "The references to a removed image stay.",
           "DEP-7", forgets("names")),
    Mutant("records-left", ("remove-by-id",), "The records of what a removed image was made from stay.",
           "DEP-4", forgets("made_from"),
           among=_FAMILY),
    Mutant("cascade-takes-tagged", ("remove-by-tag",), "A tagged parent goes with its child.", "OP-20",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.made_from(a.image, x), tagged(s, x), Not(used(s, a.image)), Not(used(s, x)), Not(leased(s, x)),
               Not(leased(s, a.image)), Not(has_children(s, a.image))))), "podman#1154",
           among=(*_FAMILY, "tag")),
    Mutant("cascade-takes-tagged-by-id", ("remove-by-id",), "A tagged parent goes with its child, by ID.",
           "OP-4", defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.made_from(a.image, x), tagged(s, x), Not(used(s, x)), Not(leased(s, x))))), "podman#1154",
           among=(*_FAMILY, "tag")),
    Mutant("cascade-takes-used", ("remove-by-id",), "A parent goes that a container uses.", "DEP-15",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.made_from(a.image, x), Not(referenced(s, x)), used(s, x)))), "podman#992",
           among=(*_FAMILY, "create")),
    Mutant("cascade-takes-held", ("remove-by-id",), "A parent goes that a build needs.", "DEP-9",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.made_from(a.image, x), Not(referenced(s, x)), leased(s, x)))), "podman#18659",
           among=(*_FAMILY, "build-begin")),
    Mutant("cascade-forgotten", ("remove-by-tag", "remove-by-digest", "remove-by-id"),
           "Needless parents stay when their last child goes.", "OP-21",
           defines("gone", lambda gone, x, s, a: And(gone, x == a.image)),
           among=_FAMILY),
    Mutant("force-takes-all-containers", ("remove-by-id",),
           "Forced removal of an image takes every container.", "OP-2",
           sets("container", lambda right, s, a: lambda c: And(right(c), Not(a.force))),
           sizes=_TWO_CONTAINERS),
    Mutant("remove-parent", ("remove-by-id",),
           "An image that another was made from is removed where that is not allowed.", "DEP-20",
           without("has-child-images"), "podman#10832", among=_FAMILY),
    Mutant("untag-used", ("remove-by-tag", "remove-by-digest"),
           "The only name of an image that a container uses is removed without force.", "DEP-21",
           without("used-by-container"), "moby#13261"),
    Mutant("one-tag-takes-all", ("remove-by-tag",),
           "Removing one tag removes the image with all of its tags.", "OP-36",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               x == a.image, Not(used(s, x)), Not(leased(s, x)), Not(has_children(s, x))))), "buildah#133"),
    Mutant("remove-several-tags", ("remove-by-id",),
           "An image with several tags is removed by ID without force.", "OP-37",
           without("several-tags"), "moby#24688"),
)

_PRUNING = (
    Mutant("prune-takes-tagged", ("prune",), "Prune takes tagged images that no container uses.", "OP-5",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.image(x), Not(used(s, x)), Not(leased(s, x)), Not(has_children(s, x))))), "podman#10350"),
    Mutant("prune-takes-used", ("prune",), "Prune takes dangling images that a container uses.", "OP-5",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.image(x), Not(tagged(s, x)), Not(leased(s, x)), Not(has_children(s, x))))), "moby#13261"),
    Mutant("prune-takes-held", ("prune",), "Prune takes what a build in progress has made.", "DEP-9",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.image(x), Not(tagged(s, x)), Not(used(s, x)), Not(has_children(s, x))))), "podman#18659"),
    Mutant("prune-takes-parents", ("prune",), "Prune takes an untagged image whose tagged child it leaves.",
           "DEP-20", defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.image(x), Not(tagged(s, x)), Not(used(s, x)), Not(leased(s, x))))), "podman#10832",
           among=(*_FAMILY, "tag")),
    Mutant("prune-leaves-parents", ("prune",), "Prune takes leaves only and leaves what they were made from.",
           "OP-6", defines("gone", lambda gone, x, s, a: And(gone, Not(has_children(s, x)))),
           among=_FAMILY),
    Mutant("prune-once-more", ("prune",), "Prune has to be called again for the parents of what it took.",
           "OP-26", defines("gone", lambda gone, x, s, a: And(gone, Not(has_children(s, x)))),
           among=_FAMILY),
    Mutant("prune-all-once-more", ("prune-all",), "Prune --all has to be called again for parents.",
           "OP-27", defines("gone", lambda gone, x, s, a: And(gone, Not(has_children(s, x)))), "podman#1926",
           among=_FAMILY),
    Mutant("prune-all-leaves-parents", ("prune-all",), "Prune --all does not empty a store of images.",
           "DEP-18", defines("gone", lambda gone, x, s, a: And(gone, Not(has_children(s, x)))), "podman#1926",
           among=_FAMILY),
    Mutant("prune-all-takes-used", ("prune-all",), "Prune --all takes images that a container uses.", "DEP-1",
           defines("gone", lambda gone, x, s, a: Or(gone, And(
               s.image(x), Not(leased(s, x)), Not(has_children(s, x))))), "moby#13261"),
    Mutant("prune-all-untags", ("prune-all",), "Prune --all untags images that it does not remove.", "OP-3",
           sets("names", lambda right, s, a: lambda q, j: And(right(q, j), Not(used(s, j)))),
           "moby PR#48076"),
    Mutant("prune-counts-images", ("prune",), "Prune reports all layers of the images as reclaimed.",
           "SIZE-9", reports(lambda effect, s, a: total(s, lambda m: exists(IMAGE, lambda x: And(
               relation(effect, "gone")(x), s.below(m, s.top(x)))))), "podman#13516"),
    Mutant("prune-all-counts-nothing", ("prune-all",), "Prune --all reports nothing as reclaimed.",
           "SIZE-9", reports(lambda effect, s, a: total(s, lambda m: BoolVal(False)))),
    Mutant("container-prune-counts-all", ("container-prune",),
           "Container prune reports the files of those that stay, too.", "SIZE-9",
           reports(lambda effect, s, a: total_rw(s, s.container)), "podman#10215", _TWO_CONTAINERS,
           among=("load", "create", "write", "start")),
    Mutant("container-prune-takes-paused", ("container-prune",), "Container prune takes paused containers.",
           "OP-12", sets("container", lambda right, s, a: lambda c: And(
               s.container(c), s.status(c) == RUNNING))),
    Mutant("container-prune-leaves", ("container-prune",), "Container prune leaves those that wrote.",
           "OP-17", sets("container", lambda right, s, a: lambda c: Or(right(c), And(
               s.container(c), s.upper(c) != s.nothing)))),
)

_LAYERS = (
    Mutant("layers-leak", ("remove-by-id",), "A removed image's layers stay on the disk.", "DEP-5",
           forgets("layer", "usage"), "moby#46136"),
    Mutant("abort-leaks", ("abort",), "An aborted pull's layers stay.", "DEP-5", forgets("layer", "usage"),
           "moby#48909"),
    Mutant("shared-layer-freed", ("remove-by-id",), "A removed image's layers go, shared or not.", "DEP-16",
           defines("freed", lambda freed, m, s, a: Or(freed, And(s.layer(m), s.below(m, s.top(a.image))))),
           "moby#46136"),
    Mutant("prune-frees-pulled", ("prune",), "Prune frees the layers of a pull in progress.", "DEP-9",
           defines("freed", lambda freed, m, s, a: Or(freed, And(s.layer(m), Not(exists(
               IMAGE, lambda i: And(s.image(i), s.below(m, s.top(i)))))))), "containerd#3787"),
    Mutant("lower-freed", ("remove-by-tag",), "What lies beneath a shared layer is freed.", "DEP-3",
           defines("freed", lambda freed, m, s, a: Or(freed, And(
               s.layer(m), exists(LAYER, lambda n: And(n != m, s.below(m, n), s.below(n, s.top(a.image))))))),
           "moby#13261"),
    Mutant("usage-not-given-back", ("remove-by-id",), "A freed layer stays in the account.", "SIZE-4",
           forgets("usage")),
    Mutant("usage-falls-by-image", ("remove-by-id",),
           "Removing an image takes its shared layers off the account, too.", "SIZE-4",
           sets("usage", lambda right, s, a: lambda: s.usage - s.size(a.image)), "podman#7981"),
    Mutant("prune-usage-below-zero", ("prune-all",), "Prune --all takes freed layers off the account twice.",
           "SIZE-6", sets("usage", lambda right, s, a: lambda: right() + right() - s.usage), "moby#30257"),
    Mutant("load-stores-top-only", ("load",), "A load stores the top layer without what lies beneath.",
           "DEP-2", sets("layer", lambda right, s, a: lambda m: Or(s.layer(m), m == s.top(a.image)))),
    Mutant("container-without-layers", ("load-unnamed", "remove-by-id"),
           "A layer goes that a container's image has.", "DEP-8",
           sets("layer", lambda right, s, a: lambda m: And(right(m), m != s.top(a.image)))),
    Mutant("load-stores-nothing", ("load",), "A load registers the layers and stores none of their files.",
           "RO-1", sets("bytes", lambda right, s, a: lambda m: If(
               s.layer(m), right(m), s.nothing)), "containerd#953"),
    Mutant("load-writes-over", ("load",), "A load writes over the layers that are stored already.", "RO-2",
           sets("bytes", lambda right, s, a: lambda m: If(s.layer(m), s.diff(s.top(a.image)), right(m))),
           sizes={**SMALL, "Content": 3}, among=("load-unnamed",)),
    Mutant("load-counts-again", ("load",), "A load counts layers that are stored already again.", "SIZE-10",
           sets("usage", lambda right, s, a: lambda: s.usage + total(s, _chain(s, a.image))), "moby#31944"),
    Mutant("load-adds-again", ("load",), "Loading an unchanged image again changes what is recorded of it.",
           "OP-28", sets("size", lambda right, s, a: lambda j: If(
               And(j == a.image, s.image(j)), s.size(j) + total(s, _chain(s, j)), right(j))), "moby#11285"),
    Mutant("load-resizes", ("load-unnamed",), "Loading a present image again changes its size.", "RO-4",
           sets("size", lambda right, s, a: lambda j: If(
               And(j == a.image, s.image(j)), s.size(j) + total(s, _chain(s, j)), right(j))), "moby#53561"),
    Mutant("size-counts-shared-twice", ("load",), "An image's size counts a shared layer twice.", "SIZE-5",
           sets("size", lambda right, s, a: lambda j: If(
               j == a.image,
               right(j) + total(s, lambda m: And(s.below(m, s.top(a.image)), shared(s, a.image, m))), right(j))),
           "podman#7981"),
    Mutant("build-forgets-parent-size", ("build-step",), "A built image's size is that of its last layer.",
           "SIZE-1", sets("size", lambda right, s, a: lambda k: If(
               k == a.image, s.measure(s.diff(s.top(a.image))), right(k))),
           among=("load-unnamed",)),
    Mutant("commit-forgets-upper-size", ("commit",), "A committed image has the size of its parent.",
           "SIZE-1", sets("size", lambda right, s, a: lambda j: If(
               j == a.image, s.size(s.image_of(a.container)), right(j))),
           among=("load-unnamed", "create", "write")),
    Mutant("root-fs-double", ("load",), "SizeRootFs counts the image of a container twice.", "SIZE-3",
           sets("size", lambda right, s, a: lambda j: If(j == a.image, right(j) + right(j), right(j)))),
    Mutant("commit-stores-else", ("commit",), "A commit stores other files than the upper layer's.",
           "SIZE-11", presupposes(
               "the image is new, and its history and its layers go on from those of the container's image",
               lambda s, a: And(Not(s.image(a.image)), s.extends(a.image, s.image_of(a.container)),
                                s.below(s.top(s.image_of(a.container)), s.top(a.image)))),
           "containers/storage#640", among=("load-unnamed", "create", "write")),
    Mutant("commit-changes-lower", ("commit",), "A commit writes into the top layer of the image beneath.",
           "RO-2", sets("bytes", lambda right, s, a: lambda m: If(
               m == s.top(s.image_of(a.container)), s.upper(a.container), right(m))),
           among=("load-unnamed", "create", "write")),
    Mutant("commit-without-parent", ("commit",), "A commit does not record what the image was made from.",
           "OP-18", forgets("made_from"),
           among=("load-unnamed", "create", "write")),
    Mutant("load-records-parent-only", ("load-with-parent",),
           "A load records the parent and not what the parent was made from.", "DEP-10",
           sets("made_from", lambda right, s, a: lambda d, x: Or(
               s.made_from(d, x), And(d == a.image, x == a.parent))),
           sizes=_THREE_IMAGES, among=_FAMILY),
    Mutant("load-without-parent", ("load-with-parent",), "A loaded child's parent is not recorded.",
           "OP-18", forgets("made_from"), among=_FAMILY),
    Mutant("load-infers-nothing", ("load",), "Parentage is not inferred of a loaded image.", "DEP-13",
           forgets("made_from"),
           among=("load-unnamed",)),
)

_TAGGING = (
    Mutant("tag-on-both", ("load",), "A loaded tag also stays on the image that it named.", "DEP-6",
           sets("names", lambda right, s, a: lambda q, j: Or(right(q, j), s.names(q, j)))),
    Mutant("tag-does-not-move", ("tag",), "A tag that is taken stays where it was.", "OP-13",
           sets("names", lambda right, s, a: lambda q, j: If(
               exists(IMAGE, lambda k: s.names(a.reference, k)), s.names(q, j), right(q, j)))),
    Mutant("tag-deletes-old", ("tag", "load"), "The image that a moved tag leaves is deleted.", "OP-7",
           sets("image", lambda right, s, a: lambda j: And(right(j), Not(And(
               s.names(a.reference, j), j != a.image)))), "moby#11285"),
    Mutant("tag-moves-digest", ("tag",), "A digest reference can be moved.", "DEP-12",
           without("digest-as-target")),
    Mutant("tag-unknown", ("tag",), "An image that is not there can be tagged.", "DEP-7",
           without("no-such-image")),
    Mutant("tag-takes-others", ("tag",), "Tagging takes the image's other tags away.", "OP-30",
           sets("names", lambda right, s, a: lambda q, j: And(right(q, j), Or(q == a.reference, j != a.image))),
           "buildah#133"),
    Mutant("tag-again-untags", ("tag",), "Tagging an image again with its tag takes the tag away.", "OP-25",
           sets("names", lambda right, s, a: lambda q, j: And(
               right(q, j), Not(And(q == a.reference, s.names(a.reference, a.image)))))),
    Mutant("tag-adds-bytes", ("tag",), "A tag counts the image again.", "SIZE-8",
           sets("usage", lambda right, s, a: lambda: s.usage + s.size(a.image)), "moby#31944"),
    Mutant("untag-removes", ("untag",), "Untagging takes a needless image, too, without its records.",
           "OP-10", sets("image", lambda right, s, a: lambda j: And(right(j), Not(s.names(a.reference, j))))),
    Mutant("import-takes-others", ("import",), "An import takes every other tag away.", "OP-3",
           sets("names", lambda right, s, a: lambda q, j: And(right(q, j), q == a.reference)),
           among=("load",)),
    Mutant("import-not-registered", ("import-unnamed",),
           "An import without a name stores its layer and registers no image.", "DEP-5",
           forgets("image")),
    Mutant("import-takes-dangling", ("import-unnamed",),
           "An import without a name takes the place of the image that has none.", "OP-7",
           sets("image", lambda right, s, a: lambda j: And(right(j), Or(j == a.image, referenced(s, j))))),
    Mutant("pull-without-digest", ("pull-finish",), "A pull does not record the digest reference.", "OP-13",
           sets("names", lambda right, s, a: lambda q, j: If(q == a.digest, s.names(q, j), right(q, j)))),
)

_CONTAINERS = (
    Mutant("create-unchecked", ("create",), "A container is created from an image that is not there.",
           "DEP-1", without("no-such-image")),
    Mutant("create-name-twice", ("create",), "A container gets a name that another has.", "DEP-11",
           without("name-taken"), sizes=_TWO_CONTAINERS),
    Mutant("create-nameless", ("create",), "A container is created without a name.", "DEP-14",
           forgets("called")),
    Mutant("create-copies-image", ("create",), "A fresh container's upper layer is a copy of the image's.",
           "SIZE-7", both(sets("upper", lambda right, s, a: lambda d: If(
               d == a.container, s.diff(s.top(a.image)), s.upper(d))),
               sets("size_rw", lambda right, s, a: lambda d: If(
                   d == a.container, s.measure(s.diff(s.top(a.image))), s.size_rw(d)))), "containers/storage#640"),
    Mutant("create-has-size", ("create",), "A fresh container has bytes.", "SIZE-2",
           sets("size_rw", lambda right, s, a: lambda d: If(d == a.container, 16384, right(d))),
           "docker/for-mac#7450"),
    Mutant("create-runs", ("create",), "A fresh container runs at once.", "OP-15",
           sets("status", lambda right, s, a: lambda d: If(d == a.container, RUNNING, right(d)))),
    Mutant("create-counts", ("create",), "A container's own layer is counted, and never given back.",
           "OP-29", sets("usage", lambda right, s, a: lambda: s.usage + s.size(a.image))),
    Mutant("start-starts-all", ("start",), "Starting one container starts all of its image.", "OP-2",
           sets("status", lambda right, s, a: lambda d: If(
               s.image_of(d) == s.image_of(a.container), RUNNING, right(d))), sizes=_TWO_CONTAINERS),
    Mutant("stop-stops-all", ("stop",), "Stopping one container stops all.", "OP-34",
           sets("status", lambda right, s, a: lambda d: right(a.container)), sizes=_TWO_CONTAINERS),
    Mutant("stop-resets", ("stop",), "Stopping a container loses its files.", "RO-5",
           both(sets("upper", lambda right, s, a: lambda d: If(d == a.container, s.nothing, s.upper(d))),
                sets("size_rw", lambda right, s, a: lambda d: If(d == a.container, 0, s.size_rw(d))))),
    Mutant("restart-untags", ("restart",), "Restarting a container takes its image's references.", "OP-8",
           sets("names", lambda right, s, a: lambda q, j: And(s.names(q, j), j != s.image_of(a.container)))),
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
           both(sets("upper", lambda right, s, a: lambda d: If(d == a.container, s.nothing, s.upper(d))),
                sets("size_rw", lambda right, s, a: lambda d: If(d == a.container, 0, s.size_rw(d))))),
    Mutant("rename-keeps-old", ("rename",), "A renamed container keeps its old name, too.", "DEP-11",
           sets("called", lambda right, s, a: lambda d, m: Or(right(d, m), s.called(d, m))),
           sizes={**SMALL, "Name": 2}),
    Mutant("rename-to-taken", ("rename",), "A container is renamed to a name that another has.", "DEP-11",
           without("name-taken"), sizes=_TWO_CONTAINERS),
    Mutant("rename-stops", ("rename",), "Renaming a container stops it.", "OP-9",
           sets("status", lambda right, s, a: lambda d: If(d == a.container, EXITED, s.status(d))),
           sizes={**SMALL, "Name": 2}),
    Mutant("remove-keeps-name", ("remove",), "The name of a removed container stays taken.", "DEP-11",
           forgets("called")),
    Mutant("remove-running", ("remove",), "A running container is removed without force.", "OP-12",
           without("is-running")),
    Mutant("remove-not-forced", ("remove",), "A running container cannot be removed even by force.",
           "DEP-19", refuses("is-running", lambda when, s, a: s.status(a.container) == RUNNING)),
    Mutant("remove-does-nothing", ("remove",), "A removed container stays.", "OP-17",
           forgets("container", "called")),
    Mutant("remove-untags", ("remove",), "Removing a container takes its image's references.", "RO-6",
           sets("names", lambda right, s, a: lambda q, j: And(s.names(q, j), j != s.image_of(a.container)))),
    Mutant("remove-hands-on", ("remove",), "The others find the files of the removed container.", "OP-32",
           both(sets("upper", lambda right, s, a: lambda d: s.upper(a.container)),
                sets("size_rw", lambda right, s, a: lambda d: s.size_rw(a.container))), "moby PR#39209",
           {**_TWO_CONTAINERS, "Image": 1, "Layer": 1}, among=("load", "create", "write")),
    Mutant("write-through", ("write",), "A write reaches the layer beneath.", "RO-7",
           sets("bytes", lambda right, s, a: lambda m: If(
               m == s.top(s.image_of(a.container)), a.content, s.bytes(m))),
           sizes={**_ONE_IMAGE, "Content": 3}),
    Mutant("write-for-all", ("write",), "A write shows in every container of the image.", "RO-3",
           both(sets("upper", lambda right, s, a: lambda d: If(
               s.image_of(d) == s.image_of(a.container), a.content, s.upper(d))),
               sets("size_rw", lambda right, s, a: lambda d: If(
                   s.image_of(d) == s.image_of(a.container), s.measure(a.content), s.size_rw(d)))),
           sizes=_TWO_CONTAINERS),
    Mutant("write-overtakes", ("write",), "Of writes in two containers the later one shows in both.",
           "OP-31", both(sets("upper", lambda right, s, a: lambda d: a.content),
                         sets("size_rw", lambda right, s, a: lambda d: s.measure(a.content))),
           sizes={**_TWO_CONTAINERS, "Content": 3, "Image": 1, "Layer": 1}),
    Mutant("write-uncounted", ("write",), "SizeRw does not see what is written.", "SIZE-2",
           forgets("size_rw")),
    Mutant("write-lost", ("write",), "What is written is lost.", "OP-24", forgets("upper", "size_rw")),
    Mutant("write-untags", ("write",), "Writing in a container takes its image's references.", "OP-33",
           sets("names", lambda right, s, a: lambda q, j: And(s.names(q, j), j != s.image_of(a.container)))),
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
           refuses("no-such-lease", lambda when, s, a: Or(when, exists(
               LAYER, lambda m: s.holds_layer(a.lease, m)))), "moby#48909"),
    Mutant("abort-still-holds", ("abort",), "An operation that was given up goes on holding layers.",
           "OP-22", forgets("holds_layer"), "moby#48909",
           among=("pull-begin", "pull-layer", "load-unnamed", "remove-by-id")),
    Mutant("finish-ends-all", ("build-finish",), "A finished build ends what else is in progress.", "OP-22",
           both(sets("lease", lambda right, s, a: lambda y: BoolVal(False)),
                sets("holds_layer", lambda right, s, a: lambda y, m: BoolVal(False)),
                sets("holds_image", lambda right, s, a: lambda y, j: BoolVal(False))),
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
