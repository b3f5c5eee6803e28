"""The rule book of the store says what the rules say, and a rule is of the kind that it says it is."""

from dataclasses import replace

import pytest
import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import RuleKind, exists, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.rules import STORE
from layermodel.store.words import IMAGE, LEASE, PAUSED, REFERENCE, RUNNING
from phrases import Reader, complaints


def is_named(s, reference):
    return exists(IMAGE, lambda i: s.names(reference, i))


def uses(s, container, image):
    return And(s.container(container), s.image_of(container) == image)


def one_row_more(s, image, parent):
    """What the image's history goes on from is the parent, and what that goes on from."""
    return And(s.extends(image, parent), forall(IMAGE, lambda k: Implies(
        And(s.extends(image, k), k != parent), s.extends(parent, k))))


def one_layer_more(s, image, parent):
    """Beneath the image's top layer are the parent's layers and no others."""
    top, under = s.top(image), s.top(parent)
    return And(s.below(under, top), under != top, forall(LAYER, lambda l: Implies(
        And(s.below(l, top), l != top), s.below(l, under))))


def several(s, image):
    """Two tags name the image, or two references that are not of one repository."""
    named = lambda r: s.names(r, image)
    return Or(
        exists([REFERENCE] * 2, lambda q, r: And(
            q != r, named(q), named(r), Not(s.is_digest(q)), Not(s.is_digest(r)))),
        exists([REFERENCE] * 2, lambda q, r: And(
            q != r, named(q), named(r), s.repository(q) != s.repository(r))))


def committed(s, image, container):
    parent = s.image_of(container)
    same = And(s.upper(container) == s.nothing, Not(s.commit_adds_empty_layer))
    return Or(And(same, s.top(image) == s.top(parent)),
              And(Not(same), one_layer_more(s, image, parent), s.diff(s.top(image)) == s.upper(container)))


LEXICON = {
    r"the (image|parent) is present": lambda s, i: s.image(i),
    r"the (image|parent) is not present": lambda s, i: Not(s.image(i)),
    r"the (image)'s top layer is not stored": lambda s, i: Not(s.layer(s.top(i))),
    r"the (image) is new": lambda s, i: Not(s.image(i)),
    r"the (container) is new": lambda s, c: Not(s.container(c)),
    r"the (lease) is new": lambda s, x: Not(s.lease(x)),
    r"the (reference) is a tag": lambda s, r: Not(s.is_digest(r)),
    r"the (reference) is a digest": lambda s, r: s.is_digest(r),
    r"the (digest) is a digest reference": lambda s, g: s.is_digest(g),
    r"the (digest) is that of the (image)'s manifest": lambda s, g, i: s.pins(g) == i,
    r"the (digest) and the (reference) are in one repository": lambda s, g, r: s.repository(g) == s.repository(r),
    r"the (reference) names no image": lambda s, r: Not(is_named(s, r)),
    r"the (reference) names an image": is_named,
    r"the (reference) names the (image)": lambda s, r, i: s.names(r, i),
    r"two tags or references of two repositories name the (image)": several,
    r"neither two tags nor references of two repositories name the (image)": lambda s, i: Not(several(s, i)),
    r"the (image)'s history is the (parent)'s and one row more": one_row_more,
    r"the (image)'s history is that of the (container)'s image and one row more":
        lambda s, i, c: one_row_more(s, i, s.image_of(c)),
    r"the (image)'s history is that of a present image and one row more":
        lambda s, i: exists(IMAGE, lambda j: And(s.image(j), one_row_more(s, i, j))),
    r"the (image)'s history begins with it": lambda s, i: Not(exists(IMAGE, lambda j: s.extends(i, j))),
    r"the (image) has one layer": lambda s, i: Not(exists(LAYER, lambda l: And(
        s.below(l, s.top(i)), l != s.top(i)))),
    r"the (image) has the (parent)'s layers and one more": one_layer_more,
    r"the (image) has the layers of the (container)'s image and \(unless the container has written nothing where a "
    r"commit adds no empty layer \[not commit_adds_empty_layer\]\) one more that holds what the container has written":
        committed,
    r"another image was made from the (image)": lambda s, i: exists(IMAGE, lambda d: s.made_from(d, i)),
    r"a container uses the (image)": lambda s, i: exists(CONTAINER, lambda c: uses(s, c, i)),
    r"a running or paused container uses the (image)": lambda s, i: exists(CONTAINER, lambda c: And(
        uses(s, c, i), Or(s.status(c) == RUNNING, s.status(c) == PAUSED))),
    r"an operation in progress needs the (image)": lambda s, i: exists(LEASE, lambda x: s.holds_image(x, i)),
    r"the removal is not forced": lambda s: Not(z3.Bool("?force")),
    r"the (container) exists": lambda s, c: s.container(c),
    r"the (container) does not exist": lambda s, c: Not(s.container(c)),
    r"the (container) is running": lambda s, c: s.status(c) == RUNNING,
    r"the (container) is paused": lambda s, c: s.status(c) == PAUSED,
    r"the (container) is not paused": lambda s, c: s.status(c) != PAUSED,
    r"the (container) is neither running nor paused": lambda s, c: And(s.status(c) != RUNNING, s.status(c) != PAUSED),
    r"a container has the (name)": lambda s, n: exists(CONTAINER, lambda c: s.called(c, n)),
    r"the (container) has the (name) already": lambda s, c, n: s.called(c, n),
    r"the (content) is not empty": lambda s, k: k != s.nothing,
    r"no operation is in progress under the (lease)": lambda s, x: Not(s.lease(x)),
    r"the (lease) holds the (parent)": lambda s, x, j: s.holds_image(x, j),
    r"the (lease) does not hold the (parent|image)": lambda s, x, i: Not(s.holds_image(x, i)),
    r"the (lease) holds neither the (image)'s top layer nor one on top of that": lambda s, x, i: forall(
        LAYER, lambda h: Implies(s.holds_layer(x, h), Not(s.below(s.top(i), h)))),
    r"a layer beneath the (layer) is not stored": lambda s, l: exists(LAYER, lambda m: And(
        s.below(m, l), m != l, Not(s.layer(m)))),
}
READER = Reader(STORE, LEXICON)


@pytest.mark.parametrize("name", [r.name for r in STORE.rules])
def test_a_phrase_says_what_the_condition_says(name):
    assert [] == complaints(READER, STORE.rule_by_name[name])


@pytest.mark.parametrize(("name", "refusal", "says", "complaint"), [
    ("remove-by-tag", "used-by-container", "a container uses the image", "does not speak of force"),
    ("remove-by-id", "used-by-container", "a container uses the image, and the removal is not forced",
     "does not speak of force_takes_containers"),
    ("remove-by-id", "has-child-images", "another image was made from the image",
     "does not speak of parent_needs_no_child"),
    ("stop", "is-paused", "the container is paused", "does not speak of paused_can_stop"),
    ("stop", "is-paused", "the container is paused, where it cannot be stopped [not paused_can_stop]",
     "nobody knows what"),
    ("remove", "is-running", "the container is paused, and the removal is not forced", "is not what the condition"),
    ("tag", "no-such-image", "it is not present", "does not speak of the image"),
    ("create", "name-taken", "a container has the name; or the image is not present", None),
    ("kill", "not-running", "the container is not paused", "is not what the condition"),
    ("unpause", "not-paused", "the container is not present", "nobody knows what"),
])
def test_a_phrase_that_says_something_else_is_found(name, refusal, says, complaint):
    """Refusals come one after the other: what an earlier one has seen to need not be said, and may be."""
    right = STORE.rule_by_name[name]

    def body(s, *arguments):
        effect = right.body(s, *arguments)
        return replace(effect, refusals=tuple(
            replace(r, says=says) if r.name == refusal else r for r in effect.refusals))

    found = complaints(READER, replace(right, body=body))
    assert any(complaint in one for one in found) if complaint else not found


@pytest.mark.parametrize("name", [r.name for r in STORE.rules])
def test_a_rule_is_of_the_kind_that_it_says(name):
    """Only what makes makes; what changes takes no image and no container; what takes without a name sweeps."""
    rule = STORE.rule_by_name[name]
    step = rule.step(STORE.state)
    may = {
        (relation, sort, gains): _may(step, getattr(step.before, relation), getattr(step.after, relation), sort, gains)
        for relation, sort in (("image", IMAGE), ("container", CONTAINER), ("layer", LAYER), ("lease", LEASE))
        for gains in (True, False)}
    gains, takes = ({r for (r, _, one), so in may.items() if so and one is way} for way in (True, False))
    assert bool(gains) == (rule.kind is RuleKind.MAKES)
    if rule.kind not in (RuleKind.TAKES, RuleKind.SWEEPS):
        assert not takes & {"image", "container"}
    assert rule.sweeps == (bool(takes) and not rule.parameters)
    assert rule.sweeps == (step.effect.reclaimed is not None)


def _may(step, before, after, sort, gains):
    """Whether an object may come to be in a relation, or to be in it no longer."""
    x = sort.constant("x")
    solver = z3.SimpleSolver()
    solver.set("rlimit", 3_000_000)
    solver.add(*step.definitions, step.given, step.done, *STORE.enumerations, before(x) == (not gains), after(x) == gains)
    return solver.check() != z3.unsat
