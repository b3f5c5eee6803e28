"""Operations of the store on containers."""

from __future__ import annotations

from z3 import And, If, Not, Or

from layermodel.language.rules import Refusal, State, Term, exists
from layermodel.language.writing import (
    CHANGES,
    MAKES,
    SWEEPS,
    TAKES,
    Change,
    Clauses,
    Flag,
    New,
    presupposes,
    refuses,
    rule,
    updates,
)
from layermodel.objects import CONTAINER
from layermodel.store.pieces import takes_containers
from layermodel.store.words import (
    CREATED,
    EXITED,
    PAUSED,
    PAUSED_CAN_STOP,
    RUNNING,
    SAME_NAME_TOLD_APART,
    Container,
    Content,
    Image,
    Name,
    is_running,
    total_rw,
)

_SOURCE = "Engine API 1.41, containers; measured: docker-20.10 and podman-4.3, containers by state"


def no_container(s: State, container: Term) -> Refusal:
    """There has to be such a container."""
    return refuses("no-such-container", Not(s.container(container)), "the container does not exist")


def _paused(s: State, container: Term) -> Refusal:
    return refuses("is-paused", s.status(container) == PAUSED, "the container is paused")


def _paused_cannot_stop(s: State, container: Term) -> Refusal:
    return refuses("is-paused", And(s.status(container) == PAUSED, Not(s.paused_can_stop)),
                   f"the container is paused, {PAUSED_CAN_STOP.off}")


def _not_running(s: State, container: Term) -> Refusal:
    return refuses("not-running", Not(is_running(s, container)), "the container is neither running nor paused")


def _name_taken(s: State, name: Term) -> Refusal:
    return refuses("name-taken", exists(CONTAINER, lambda d: s.called(d, name)), "a container has the name")


def _becomes(s: State, container: Term, status: Term) -> Change:
    return updates({"status": lambda d: If(d == container, status, s.status(d))})


@rule(MAKES, then="the container exists, created, with this name and an empty upper layer", source=_SOURCE)
def create(s: State, image: Image, name: Name, container: New[Container]) -> Clauses:
    """Create a container with an empty upper layer."""
    yield presupposes(Not(s.container(container)), "the container is new")
    yield refuses("no-such-image", Not(s.image(image)), "the image is not present")
    yield _name_taken(s, name)
    yield updates({
        "container": lambda d: Or(d == container, s.container(d)),
        "image_of": lambda d: If(d == container, image, s.image_of(d)),
        "status": lambda d: If(d == container, CREATED, s.status(d)),
        "called": lambda d, m: If(d == container, m == name, s.called(d, m)),
        "upper": lambda d: If(d == container, s.nothing, s.upper(d)),
        "size_rw": lambda d: If(d == container, 0, s.size_rw(d)),
    })


@rule(CHANGES, then="it is running", source=_SOURCE)
def start(s: State, container: Container) -> Clauses:
    """Start a container; a running one stays running."""
    yield no_container(s, container)
    yield _paused(s, container)
    yield _becomes(s, container, RUNNING)


@rule(CHANGES, then="it has exited, if it was running or paused", source=_SOURCE)
def stop(s: State, container: Container) -> Clauses:
    """Stop a container; one that is not running stays as it is."""
    yield no_container(s, container)
    yield _paused_cannot_stop(s, container)
    yield _becomes(s, container, If(is_running(s, container), EXITED, s.status(container)))


@rule(CHANGES, then="it has exited", source=_SOURCE)
def kill(s: State, container: Container) -> Clauses:
    """Kill a container's main process."""
    yield no_container(s, container)
    yield _not_running(s, container)
    yield _becomes(s, container, EXITED)


@rule(CHANGES, then="it is paused", source=_SOURCE)
def pause(s: State, container: Container) -> Clauses:
    """Pause a running container."""
    yield no_container(s, container)
    yield _not_running(s, container)
    yield _paused(s, container)
    yield _becomes(s, container, PAUSED)


@rule(CHANGES, then="it is running", source=_SOURCE)
def unpause(s: State, container: Container) -> Clauses:
    """Let a paused container go on."""
    yield no_container(s, container)
    yield refuses("not-paused", s.status(container) != PAUSED, "the container is not paused")
    yield _becomes(s, container, RUNNING)


@rule(CHANGES, then="it is running", source=_SOURCE)
def restart(s: State, container: Container) -> Clauses:
    """Restart a container, or start one that is not running."""
    yield no_container(s, container)
    yield _paused_cannot_stop(s, container)
    yield _becomes(s, container, RUNNING)


@rule(CHANGES, then="it has this name and no other", source=_SOURCE)
def rename(s: State, container: Container, name: Name) -> Clauses:
    """Give a container another name; its old name is free."""
    yield no_container(s, container)
    yield refuses("same-name", And(s.same_name_told_apart, s.called(container, name)),
                  f"the container has the name already, {SAME_NAME_TOLD_APART.on}")
    yield _name_taken(s, name)
    yield updates({"called": lambda d, m: If(d == container, m == name, s.called(d, m))})


@rule(TAKES, then="it is gone, with its name and its upper layer", source=_SOURCE)
def remove(s: State, container: Container, force: Flag) -> Clauses:
    """Remove a container with its upper layer; with force, a running or paused one, too."""
    yield no_container(s, container)
    yield refuses("is-paused", And(Not(force), s.status(container) == PAUSED),
                  "the container is paused, and the removal is not forced")
    yield refuses("is-running", And(Not(force), s.status(container) == RUNNING),
                  "the container is running, and the removal is not forced")
    yield updates(takes_containers(s, lambda d: d == container))


@rule(SWEEPS, then="every container that is created or exited is gone", source="Engine API 1.41 ContainerPrune")
def container_prune(s: State) -> Clauses:
    """Remove all containers that are not running."""
    gone = lambda c: And(s.container(c), Not(is_running(s, c)))
    yield updates(takes_containers(s, gone), reclaimed=total_rw(s, gone))


@rule(CHANGES, then="its upper layer holds the content, and SizeRw is the content's size",
      source="Engine API 1.41 PutContainerArchive; measured: docker-20.10, Sizes")
def write(s: State, container: Container, content: Content) -> Clauses:
    """Change a container's files, so that its upper layer holds this content."""
    yield presupposes(content != s.nothing, "the content is not empty")
    yield no_container(s, container)
    yield updates({
        "upper": lambda d: If(d == container, content, s.upper(d)),
        "size_rw": lambda d: If(d == container, s.measure(content), s.size_rw(d)),
    })
