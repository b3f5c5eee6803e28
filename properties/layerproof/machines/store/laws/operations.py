"""Laws about what operations do, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable

import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import BOOL, Arguments, Step, Term, exists, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.rules import STORE
from layermodel.store.words import (
    CONTENT,
    CREATED,
    IMAGE,
    LEASE,
    NAME,
    PAUSED,
    REFERENCE,
    RUNNING,
    has_children,
    is_running,
    is_tag,
    leased,
    several_tags,
    tagged,
    used,
    used_by_running,
)
from layerproof.laws.law import (
    Conclusions,
    Kind,
    Law,
    Runs,
    Variables,
    ends_agree,
    same,
    step_law,
    true,
)
from layerproof.machines.store.laws.words import OPERATIONS, C, I, L, R, X, forces, images_of


def _nothing_else(name: str) -> Callable[..., Conclusions]:
    """Everything but one symbol is as before."""
    return lambda t: {n: f for n, f in t.before._machine.same(t.after, t.before).items() if n != name}


def _only(identifier: str, statement: str, symbol: str, rules: tuple[str, ...]) -> Law:
    return step_law(identifier, OPERATIONS, statement, (), true, _nothing_else(symbol),
                 ("podman#10685", "moby PR#45839"), rules=rules)


def _commutes(identifier: str, statement: str, parameters: Variables, one: tuple[str, tuple[str, ...]],
              other: tuple[str, tuple[str, ...]], premise: Callable[[Arguments], Term]) -> Law:
    runs = Runs(parameters, (one, other), (other, one))
    shared = Arguments(identifier, {n: s.constant(f"?{n}") for n, s in parameters})
    return Law(identifier, OPERATIONS, Kind.ALGEBRAIC, statement, (), lambda a: premise(shared), ends_agree,
               ("commutation of independent operations; sequential counterpart of moby PR#39209",), runs=runs)


def _twice(identifier: str, statement: str, rule: str, parameters: Variables,
           sources: tuple[str, ...], sums: bool = False) -> Law:
    call = (rule, tuple(name for name, _ in parameters))
    return Law(identifier, OPERATIONS, Kind.ALGEBRAIC, statement, (), lambda a: z3.BoolVal(True),
               ends_agree, sources, sums=sums, runs=Runs(parameters, (call, call), (call,)))


_BEGINS = ("pull-begin", "build-begin")
_THERE = {"Image": "image", "Container": "container", "Lease": "lease"}
_NEEDS_WHAT_IT_NAMES = (
    "tag", "remove-by-id", "create", "start", "stop", "kill", "pause", "unpause", "restart", "rename",
    "remove", "write", "commit", "commit-as", "build-step", "pull-layer", "pull-finish", "build-begin",
    "build-add", "build-finish", "abort")
_OTHER = tuple(dict.fromkeys(
    name for rule in _NEEDS_WHAT_IT_NAMES for name in STORE.rule_by_name[rule].refused
    if not name.startswith("no-such-")))
_STATUS_RULES = ("start", "stop", "kill", "pause", "unpause", "restart")

LAWS = (
    step_law("OP-1", OPERATIONS, "A refused operation changes nothing.", (),
             true, lambda t: t.before._machine.same(t.after, t.before),
             ("moby#18873", "moby#19435", "moby#20469"), refusals=("*",)),
    step_law("OP-2", OPERATIONS, "A container that an operation does not name is as it was, unless a prune or a "
             "forced removal of its image takes it.", (*C, ("name", NAME)),
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
    step_law("OP-3", OPERATIONS, "A tag that an operation does not name stays where it is, unless its image is "
             "removed.", R + I,
             lambda t, r, i: And(is_tag(t.before, r), Not(t.named(r, REFERENCE))),
             lambda t, r, i: {"it names what it named": Or(
                 t.after.names(r, i) == t.before.names(r, i),
                 And(t.before.names(r, i), t.before.image(i), Not(t.after.image(i))))},
             ("podman#10685", "moby PR#17460", "buildah#133", "moby PR#48076")),
    step_law("OP-4", OPERATIONS, "A tagged image goes only when it is named, or by prune --all.", R + I,
             lambda t, r, i: And(t.before.names(r, i), is_tag(t.before, r), Not(t.named(i, IMAGE)),
                                 t.before.image(i)),
             lambda t, r, i: {"it stays": Or(t.after.image(i), z3.BoolVal(t.rule.name == "prune-all"))},
             ("podman#1154", "podman#992", "podman#10350")),
    step_law("OP-5", OPERATIONS, "Prune without --all takes no tagged and no used image.", I,
             lambda t, i: And(t.before.image(i), Or(tagged(t.before, i), used(t.before, i))),
             lambda t, i: {"it stays": t.after.image(i)},
             ("docker-image-prune(1)", "podman#10350"), rules=("prune",)),
    step_law("OP-6", OPERATIONS, "Prune removes every dangling image that nothing needs.", I,
             lambda t, i: And(t.after.image(i), Not(tagged(t.after, i)), Not(has_children(t.after, i))),
             lambda t, i: {"something needs it": Or(used(t.after, i), leased(t.after, i))},
             ("docker-image-prune(1)",), rules=("prune",)),
    step_law("OP-7", OPERATIONS, "Making an image (load, import, commit, build) and tagging remove nothing.",
             I + L,
             lambda t, i, l: Or(t.before.image(i), t.before.layer(l)),
             lambda t, i, l: {"the image stays": Implies(t.before.image(i), t.after.image(i)),
                              "the layer stays": Implies(t.before.layer(l), t.after.layer(l))},
             ("moby#11285", "measured: docker-20.10"), rules=(
                 "load", "load-unnamed", "load-damaged", "load-with-parent", "import", "import-unnamed", "tag",
                 "untag", "commit", "commit-as", "build-step", "build-add", "pull-layer")),
    _only("OP-8", "Starting, stopping, killing, pausing, unpausing and restarting change the status and "
          "nothing else.", "status", _STATUS_RULES),
    _only("OP-9", "Renaming changes the name and nothing else.", "called", ("rename",)),
    _only("OP-10", "Tagging and untagging change what references name and nothing else.", "names",
          ("tag", "untag")),
    step_law("OP-11", OPERATIONS, "A container's status moves as documented: paused only from running, never "
             "back to created.", C,
             lambda t, c: And(t.before.container(c), t.after.container(c)),
             lambda t, c: {
                 "paused comes from running": Implies(
                     And(t.after.status(c) == PAUSED, t.before.status(c) != PAUSED),
                     t.before.status(c) == RUNNING),
                 "created stays behind": Implies(t.after.status(c) == CREATED, t.before.status(c) == CREATED),
                 "only its own operations move it": Implies(
                     t.after.status(c) != t.before.status(c), t.named(c, CONTAINER))},
             ("Engine API 1.41, containers by state",)),
    step_law("OP-12", OPERATIONS, "A running or paused container goes only by force.", C,
             lambda t, c: And(t.before.container(c), is_running(t.before, c)),
             lambda t, c: {"it stays, or force was said": Or([t.after.container(c), *forces(t)])},
             ("docker-rm(1)",)),
    step_law("OP-13", OPERATIONS, "After an operation has named an image, the reference names that image.",
             R, lambda t, r: t.named(r, REFERENCE),
             lambda t, r: {"it names it": Or([t.after.names(r, a) for a in images_of(t)])},
             ("OCI distribution-spec, tag",),
             rules=("load", "import", "tag", "commit-as", "pull-finish", "build-finish")),
    step_law("OP-14", OPERATIONS, "After a removal has taken a reference, it names nothing.", R + I,
             lambda t, r, i: t.named(r, REFERENCE),
             lambda t, r, i: {"it names nothing": Not(t.after.names(r, i))},
             ("docker-rmi(1)",), rules=("remove-by-tag", "remove-by-digest", "untag")),
    step_law("OP-15", OPERATIONS, "What was made is there, and as documented: a new container is created; a "
             "started one runs.", C, lambda t, c: t.named(c, CONTAINER),
             lambda t, c: {"its status is as documented": _documented(t, c)},
             ("Engine API 1.41, containers by state",), rules=("create", *_STATUS_RULES)),
    step_law("OP-16", OPERATIONS, "An image that is removed by ID is gone.", I,
             lambda t, i: i == t.argument("image"),
             lambda t, i: {"it is gone": Not(t.after.image(i))}, ("docker-rmi(1)",), rules=("remove-by-id",)),
    step_law("OP-17", OPERATIONS, "A container that is removed is gone, and a prune leaves only running ones.",
             C, lambda t, c: Or(t.named(c, CONTAINER), z3.BoolVal(t.rule.name == "container-prune")),
             lambda t, c: {"it is gone, or it runs": Or(
                 Not(t.after.container(c)),
                 And(z3.BoolVal(t.rule.name == "container-prune"), is_running(t.after, c)))},
             ("docker-rm(1)", "Engine API 1.41 ContainerPrune"), rules=("remove", "container-prune")),
    step_law("OP-18", OPERATIONS, "A made image is there, with its parent recorded.",
             (("image", IMAGE), ("parent", IMAGE)),
             lambda t, i, j: And(i == t.argument("image"), j == _made_from(t)),
             lambda t, i, j: {"it is there": t.after.image(i), "its parent is recorded": t.after.made_from(i, j)},
             ("measured: docker-20.10 (Parent is set by commit and build)",),
             rules=("commit", "commit-as", "build-step", "build-add", "load-with-parent")),
    step_law("OP-19", OPERATIONS, "Removing the last reference takes the image, unless something needs it.", I,
             lambda t, i: And(i == t.argument("image"), t.after.image(i)),
             lambda t, i: {"something needs it": Or(
                 exists(REFERENCE, lambda r: t.after.names(r, i)), used(t.after, i), leased(t.after, i),
                 And(t.after.parent_needs_no_child, has_children(t.after, i)))},
             ("docker-rmi(1)", "moby#24688"), rules=("remove-by-tag", "remove-by-digest")),
    step_law("OP-20", OPERATIONS, "A removal takes, besides what it names, only the untagged ancestors that "
             "nothing else keeps.", I,
             lambda t, i: And(t.before.image(i), Not(t.after.image(i)), Not(t.named(i, IMAGE))),
             lambda t, i: {
                 "it had no reference": forall(REFERENCE, lambda r: Not(t.before.names(r, i))),
                 "it was an ancestor of what is named": Or([t.before.made_from(a, i) for a in images_of(t)])},
             ("podman#10832", "podman#992"), rules=("remove-by-tag", "remove-by-digest", "remove-by-id")),
    step_law("OP-21", OPERATIONS, "A needless parent goes with its last child.",
             (("image", IMAGE), ("child", IMAGE)),
             lambda t, i, d: And(t.before.made_from(d, i), t.after.image(i), Not(t.after.image(d))),
             lambda t, i, d: {"something keeps the parent": Or(
                 exists(REFERENCE, lambda r: t.after.names(r, i)), used(t.after, i), leased(t.after, i),
                 has_children(t.after, i))},
             ("measured: docker-20.10 (rmi of the last child)",),
             rules=("remove-by-tag", "remove-by-digest", "remove-by-id")),
    step_law("OP-22", OPERATIONS, "An operation that is over holds nothing, and one that it does not name goes "
             "on.", X + I + L,
             lambda t, x, i, l: z3.BoolVal(True),
             lambda t, x, i, l: {
                 "what has ended holds nothing": Implies(Not(t.after.lease(x)), And(
                     Not(t.after.holds_layer(x, l)), Not(t.after.holds_image(x, i)))),
                 "the others go on": Implies(And(t.before.lease(x), Not(t.named(x, LEASE))), And(
                     t.after.lease(x), t.after.holds_layer(x, l) == t.before.holds_layer(x, l),
                     t.after.holds_image(x, i) == t.before.holds_image(x, i)))},
             ("containerd docs/garbage-collection.md, leases",)),
    step_law("OP-23", OPERATIONS, "What an operation in progress stores or makes, it holds.", X + L + I,
             lambda t, x, l, i: And(t.named(x, LEASE), Or(t.named(l, LAYER), t.named(i, IMAGE))),
             lambda t, x, l, i: {
                 "it holds the layer": Implies(t.named(l, LAYER), t.after.holds_layer(x, l)),
                 "it holds the image": Implies(t.named(i, IMAGE), t.after.holds_image(x, i))},
             ("podman#18659", "containerd#3787"), rules=("pull-layer", "build-begin", "build-add")),
    step_law("OP-24", OPERATIONS, "What is written is what the upper layer holds.", (),
             true, lambda t: {"it holds it": t.after.upper(t.argument("container")) == t.argument("content")},
             ("Engine API 1.41 PutContainerArchive",), rules=("write",)),
    _twice("OP-25", "Tagging twice is tagging once.", "tag", I + R, ("measured: docker-20.10",)),
    _twice("OP-26", "Pruning twice is pruning once.", "prune", (), ("docker-image-prune(1)",), sums=True),
    _twice("OP-27", "Pruning all twice is pruning all once.", "prune-all", (), ("docker-image-prune(1)",),
           sums=True),
    _twice("OP-28", "Loading twice is loading once.", "load", I + R,
           ("moby#11285", "moby#53561", "measured: docker-20.10"), sums=True),
    Law("OP-29", OPERATIONS, Kind.ALGEBRAIC, "Creating and removing a container is doing nothing.", (),
        lambda a: z3.BoolVal(True), lambda a: same(a, a.start), ("measured: docker-20.10",), runs=Runs(
            (("image", IMAGE), ("name", NAME), ("container", CONTAINER), ("force", BOOL)),
            (("create", ("image", "name", "container")), ("remove", ("container", "force"))), ())),
    _commutes("OP-30", "Tagging with two tags gives the same in either order.",
              (("image", IMAGE), ("other", IMAGE), ("reference", REFERENCE), ("second", REFERENCE)),
              ("tag", ("image", "reference")), ("tag", ("other", "second")),
              lambda p: p.reference != p.second),
    _commutes("OP-31", "Writing in two containers gives the same in either order.",
              (("container", CONTAINER), ("other", CONTAINER), ("content", CONTENT), ("second", CONTENT)),
              ("write", ("container", "content")), ("write", ("other", "second")),
              lambda p: p.container != p.other),
    _commutes("OP-32", "Removing two containers gives the same in either order.",
              (("container", CONTAINER), ("other", CONTAINER), ("force", BOOL)),
              ("remove", ("container", "force")), ("remove", ("other", "force")),
              lambda p: p.container != p.other),
    _commutes("OP-33", "Writing in a container and tagging an image do not touch each other.",
              (("container", CONTAINER), ("content", CONTENT), ("image", IMAGE), ("reference", REFERENCE)),
              ("write", ("container", "content")), ("tag", ("image", "reference")),
              lambda p: z3.BoolVal(True)),
    _commutes("OP-34", "Stopping one container and starting another gives the same in either order.",
              (("container", CONTAINER), ("other", CONTAINER)),
              ("stop", ("container",)), ("start", ("other",)), lambda p: p.container != p.other),
    Law("OP-35", OPERATIONS, Kind.ALGEBRAIC, "Pausing and unpausing is doing nothing.", (),
        lambda a: z3.BoolVal(True), lambda a: same(a, a.start),
        ("Engine API 1.41, containers by state",), runs=Runs(
            C, (("pause", ("container",)), ("unpause", ("container",))), ())),
    step_law("OP-36", OPERATIONS, "Removing a reference leaves every other tag.", R + I,
             lambda t, r, i: And(t.before.names(r, i), is_tag(t.before, r), Not(t.named(r, REFERENCE))),
             lambda t, r, i: {"it names what it named": t.after.names(r, i)},
             ("podman#10685", "moby PR#17460", "buildah#133"),
             rules=("remove-by-tag", "remove-by-digest", "untag")),
    step_law("OP-37", OPERATIONS, "Without force an image with several tags is not removed by ID.", I,
             lambda t, i: And(i == t.argument("image"), Not(t.argument("force"))),
             lambda t, i: {"it had one at most": Not(several_tags(t.before, i))},
             ("docker-rmi(1)", "moby#24688"), rules=("remove-by-id",)),
    step_law("OP-38", OPERATIONS, "What was begun is in progress, and what was finished or given up is not.",
             X, lambda t, x: t.named(x, LEASE),
             lambda t, x: {"it is in progress as it ought to be": t.after.lease(x) == z3.BoolVal(
                 t.rule.name in _BEGINS)},
             ("containerd docs/garbage-collection.md, leases",),
             rules=("pull-begin", "build-begin", "pull-finish", "build-finish", "abort")),
    step_law("OP-39", OPERATIONS, "A renamed container has the new name.", (),
             true, lambda t: {"it has it": t.after.called(t.argument("container"), t.argument("name"))},
             ("Engine API 1.41 ContainerRename",), rules=("rename",)),
    step_law("OP-40", OPERATIONS, "What is done presupposes that what it names is there.", (),
             true, lambda t: _there(t),
             ("Engine API 1.41, status 404",), rules=_NEEDS_WHAT_IT_NAMES),
    step_law("OP-41", OPERATIONS, "A container's process is stopped, killed, paused or resumed only in a status "
             "that allows it.", C, lambda t, c: t.named(c, CONTAINER),
             lambda t, c: {"its status allowed it": _allowed(t, c)},
             ("Engine API 1.41, containers by state", "measured: docker-20.10 and podman-4.3"),
             rules=_STATUS_RULES),
    step_law("OP-42", OPERATIONS, "What is missing is said to be missing: any other refusal presupposes that "
             "what the operation names is there (an image in a build: or is not in it; an image that is tagged: "
             "or the name is a digest, where that is refused first).", (),
             true, lambda t: {what: formula for what, formula in _there(t).items()
                              if "not-in-build" not in t.rule.refused or "lease" in what},
             ("Engine API 1.41, status 404 before 409",), rules=tuple(
                 name for name in _NEEDS_WHAT_IT_NAMES if {*_OTHER} & {*STORE.rule_by_name[name].refused}),
             refusals=_OTHER),
    step_law("OP-43", OPERATIONS, "A reference that is taken away named an image.", R,
             lambda t, r: t.named(r, REFERENCE),
             lambda t, r: {"it named one": exists(IMAGE, lambda i: t.before.names(r, i))},
             ("Engine API 1.41 ImageDelete, status 404", "podman-untag(1)"),
             rules=("untag", "remove-by-tag", "remove-by-digest")),
    step_law("OP-44", OPERATIONS, "Removal by ID is refused for any container's sake only where no running "
             "one uses the image, unless force would take containers, too.", I,
             lambda t, i: i == t.argument("image"),
             lambda t, i: {"no running container uses it": Or(
                 t.before.force_takes_containers, Not(used_by_running(t.before, i)))},
             ("moby daemon/images/image_delete.go, conflictRunningContainer is a hard conflict",),
             rules=("remove-by-id",), refusals=("used-by-container",)),
    step_law("OP-45", OPERATIONS, "A container's own name is not said to be another's, where that is told "
             "apart.", (),
             true, lambda t: {"another container has it": Or(
                 Not(t.before.same_name_told_apart),
                 Not(t.before.called(t.argument("container"), t.argument("name"))))},
             ("moby daemon/rename.go", "measured: docker-20.10"), rules=("rename",),
             refusals=("name-taken",)),
)


def _there(t: Step) -> Conclusions:
    """The images, containers and leases that the step names are there, or need not be looked for."""
    s = t.before
    checked = t.rule.name in ("tag", "commit-as")
    first = And(s.digest_refused_first, s.is_digest(t.argument("reference"))) if checked else z3.BoolVal(False)
    return {f"the {p.name} is there": Or(getattr(s, _THERE[p.sort.name])(a), first)
            for p, a in zip(t.rule.parameters, t.arguments, strict=True)
            if p.role == "named" and p.sort.name in _THERE}


def _takes(t: Step, c: Term) -> Term:
    """This rule may take a container that it does not name."""
    if t.rule.name == "container-prune":
        return Not(is_running(t.before, c))
    if t.rule.name in ("remove-by-tag", "remove-by-digest", "remove-by-id"):
        return And(t.before.force_takes_containers, Or([t.before.image_of(c) == a for a in images_of(t)]),
                   *forces(t))
    return z3.BoolVal(False)


def _made_from(t: Step) -> Term:
    """The image that what the step makes is made from."""
    return t.before.image_of(t.argument("container")) if t.rule.name.startswith("commit") else t.argument("parent")


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
