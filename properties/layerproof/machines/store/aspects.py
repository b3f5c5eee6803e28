"""What of an image, a container, a reference or a name matters for what comes of an operation on it."""

from __future__ import annotations

from collections.abc import Callable

from z3 import And, Not

from layermodel.language.rules import State, Term, exists
from layermodel.objects import CONTAINER
from layermodel.store.words import (
    CREATED,
    EXITED,
    IMAGE,
    NAME,
    PAUSED,
    REFERENCE,
    RUNNING,
    has_children,
    is_tag,
    leased,
    referenced,
    tagged,
    used,
)
from layerproof.subject import Aspect


def _several(s: State, image: Term) -> Term:
    """More than one reference names the image."""
    return exists([REFERENCE] * 2, lambda q, r: And(q != r, s.names(q, image), s.names(r, image)))


def _repositories(s: State, image: Term) -> Term:
    """References of more than one repository name the image."""
    return exists([REFERENCE] * 2, lambda q, r: And(
        s.names(q, image), s.names(r, image), s.repository(q) != s.repository(r)))


def _used_as(status: Term) -> Callable[[State, Term], Term]:
    return lambda s, image: exists(CONTAINER, lambda c: And(
        s.container(c), s.image_of(c) == image, s.status(c) == status))


def _used_by_several(s: State, image: Term) -> Term:
    return exists([CONTAINER] * 2, lambda c, d: And(
        c != d, s.container(c), s.container(d), s.image_of(c) == image, s.image_of(d) == image))


def _parent(s: State, image: Term, named: bool) -> Term:
    """The image was made from one that has a name, or from one that has none."""
    return exists(IMAGE, lambda p: And(
        s.made_from(image, p), referenced(s, p) if named else Not(referenced(s, p))))


def _is(status: Term) -> Callable[[State, Term], Term]:
    return lambda s, container: And(s.container(container), s.status(container) == status)


def _no_names(s: State, reference: Term) -> Term:
    return Not(exists(IMAGE, lambda i: s.names(reference, i)))


def _present(holds: Callable[[State, Term], Term]) -> Callable[[State, Term], Term]:
    """The same of an image that is there."""
    return lambda s, image: And(s.image(image), holds(s, image))


ASPECTS = (
    Aspect("", IMAGE, (
        ("there is none", lambda s, image: Not(s.image(image))), ("there", lambda s, image: s.image(image)))),
    Aspect("names", IMAGE, (
        ("none", _present(lambda s, image: Not(referenced(s, image)))),
        ("a digest", _present(lambda s, image: Not(tagged(s, image)))),
        ("of two repositories", _repositories), ("two of one repository", _several), ("one", tagged))),
    Aspect("containers", IMAGE, (
        ("none", _present(lambda s, image: Not(used(s, image)))), ("several", _used_by_several),
        ("created", _used_as(CREATED)), ("running", _used_as(RUNNING)), ("paused", _used_as(PAUSED)),
        ("exited", _used_as(EXITED)))),
    Aspect("child images", IMAGE, (
        ("some", has_children), ("none", lambda s, image: s.image(image)))),
    Aspect("parent", IMAGE, (
        ("named", lambda s, image: _parent(s, image, True)),
        ("unnamed", lambda s, image: _parent(s, image, False)),
        ("none", lambda s, image: s.image(image)))),
    Aspect("needed by an operation in progress", IMAGE, (
        ("yes", leased), ("no", lambda s, image: s.image(image)))),
    Aspect("", CONTAINER, (
        ("there is none", lambda s, container: Not(s.container(container))), ("created", _is(CREATED)),
        ("running", _is(RUNNING)), ("paused", _is(PAUSED)), ("exited", _is(EXITED)))),
    Aspect("files", CONTAINER, (
        ("none", lambda s, container: And(s.container(container), s.upper(container) == s.nothing)),
        ("some", lambda s, container: s.container(container)))),
    Aspect("", REFERENCE, (
        ("a free tag", lambda s, reference: And(is_tag(s, reference), _no_names(s, reference))),
        ("a taken tag", is_tag), ("a free digest", _no_names),
        ("a taken digest", lambda s, reference: Not(is_tag(s, reference))))),
    Aspect("", NAME, (
        ("taken", lambda s, name: exists(CONTAINER, lambda c: And(s.container(c), s.called(c, name)))),
        ("free", lambda s, name: Not(exists(CONTAINER, lambda c: And(s.container(c), s.called(c, name))))))),
)
"""Each with its cases, of which the first is meant that holds; what has no name says whether there is such."""
