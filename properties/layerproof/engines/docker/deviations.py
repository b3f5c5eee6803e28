"""Where Docker Engine is known to depart from the laws: what it does instead of the rules."""

from __future__ import annotations

import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import Arguments, State, Step, Term, exists, forall
from layermodel.objects import CONTAINER
from layermodel.store.pieces import goes_with
from layermodel.store.words import (
    IMAGE,
    REFERENCE,
    has_children,
    is_tag,
    leased,
    tagged,
    used,
    used_by_running,
)
from layerproof.engines.docker.store import NETWORK_FILES
from layerproof.laws.law import Conclusions, Kind, Law
from layerproof.laws.mutant import both, defines, forgets, half_happens, refuses, sets
from layerproof.machines.store.mutants import IMAGE_COMES
from layerproof.runs.finding import Apart, Deviation, Difference

_FORCED = ("forced removal takes away an image that a stopped container uses; the container stays, its image does "
           "not")
_MEASURED = "measured: docker-20.10, 26.1 and 28.5 (rmi --force with a created or exited container)"
_SINCE = ">=20.10,<29"


def _is_last(s: State, a: Arguments) -> Term:
    """With the tag go all references to the image."""
    return forall(REFERENCE, lambda q: Implies(s.names(q, a.image), Or(
        q == a.reference, And(Not(is_tag(s, q)), s.repository(q) == s.repository(a.reference)))))


def _goes_by_tag(gone: Term, x: Term, s: State, a: Arguments) -> Term:
    """Images that go with the last tag of one that only containers use that do not run."""
    goes = And(a.force, _is_last(s, a), Not(used_by_running(s, a.image)), Not(leased(s, a.image)),
               Not(has_children(s, a.image)))
    _, meant = goes_with(s, a.image, goes)
    return Or(gone, z3.substitute(meant.body, (meant.variables[0], x)))


def _held(layer: Term, s: State) -> Term:
    """A container is over the layer."""
    return exists(CONTAINER, lambda c: And(s.container(c), s.below(layer, s.top(s.image_of(c)))))


_CONTAINERS_STAY = both(
    forgets("container", "called"),
    sets("layer", lambda right, s, a: lambda layer: Or(right(layer), And(s.layer(layer), _held(layer, s)))))
"""The containers of what goes stay, with their layers; what the engine reports as its usage leaves these out."""

_LOSES_IMAGE = ("DEP-1", "DEP-15", "SIZE-3", "SIZE-4", "SIZE-10")
"""What is not so any more where a container's image is gone, and what is in use is not counted."""


def _keeps_one_tag(step: Step) -> Conclusions:
    """What ``prune --all`` leaves of the references."""
    s, t = step.before, step.after
    named = lambda j: exists(REFERENCE, lambda q: t.names(q, j))
    return {
        "no new name": forall([REFERENCE, IMAGE], lambda q, j: Implies(t.names(q, j), s.names(q, j))),
        "one stays of what a container uses": forall(IMAGE, lambda j: Implies(
            And(t.image(j), used(s, j), tagged(s, j)), named(j))),
        "no more than one": forall([IMAGE, REFERENCE, REFERENCE], lambda j, q, r: Implies(
            And(t.names(q, j), t.names(r, j)), q == r)),
        "none of what nothing but other images needs": forall(IMAGE, lambda j: Implies(
            And(t.image(j), Not(used(s, j))), Not(named(j)))),
    }


_PRUNED = Law(
    "docker-prune-untags", "docker", Kind.STEP,
    "An image that stays keeps one tag if a container uses it, else none.", (), lambda step: z3.BoolVal(True),
    _keeps_one_tag, ("measured: docker-20.10",), rules=("prune-all",))

def _network_files(rule: str, difference: Difference) -> bool:
    """An upper layer, or what was made of it, holds empty files over which the daemon mounts its own."""
    return difference.what == "the store" and difference.observed.endswith(
        f" holds {', '.join(NETWORK_FILES)}, which nobody wrote")


DEVIATIONS = (
    Deviation("docker-force-stopped", "docker", _SINCE, _LOSES_IMAGE, _FORCED, _MEASURED, rules=("remove-by-id",),
              change=both(refuses("used-by-container", lambda when, s, a: And(when, Not(a.force))),
                          _CONTAINERS_STAY)),
    Deviation("docker-force-stopped-tag", "docker", _SINCE, _LOSES_IMAGE, _FORCED, _MEASURED,
              rules=("remove-by-tag",), change=both(defines("gone", _goes_by_tag), _CONTAINERS_STAY)),
    Deviation(
        "docker-prune-untags", "docker", _SINCE, ("OP-3",),
        "prune --all takes tags from images that it does not remove: one that a container uses keeps only its "
        "last tag, and one that another image was made from loses its tags",
        "moby PR#45839, PR#48076; measured: docker-20.10, 26.1 and 28.5", rules=("prune-all",),
        apart=Apart(("names",), _PRUNED)),
    Deviation(
        "docker-load-keeps-misnamed", "docker", _SINCE, ("OP-1",),
        "load of an archive in which an image has a name that is none (a digest, or one in upper case) is "
        "refused, and the image is there all the same, dangling",
        "moby image/tarexport/load.go (names are read after the image was made); measured: docker-20.10 and 26.1",
        rules=("load",), change=half_happens("digest-as-target", *IMAGE_COMES)),
    Deviation(
        "docker-commit-keeps-misnamed", "docker", "<23", ("OP-1",),
        "commit under a name that is none (a digest, or one in upper case) is refused, and the image is there all "
        "the same, dangling; with the API only, as the command line looks at the name itself",
        "measured: docker-20.10; 26.1 looks at the name first", rules=("commit-as",),
        change=half_happens("digest-as-target", *IMAGE_COMES)),
    Deviation(
        "docker-cp-leaves-files", "docker", ">=26,<29", (),
        "docker cp into a running container leaves empty files etc/hostname, etc/hosts and etc/resolv.conf in its "
        "upper layer, which diff does not list, and which commit and save ship",
        "measured: docker-26.1 and 28.5; 20.10 does not, nor do they for a container that does not run",
        shows=_network_files, lasting=True),
)
