"""Laws about sizes, in bytes."""

from __future__ import annotations

from z3 import And, Implies, Not, Or

from layermodel.language.rules import State, Term, forall
from layermodel.objects import LAYER
from layermodel.store.words import layer_size, shared, size_root_fs, total, total_rw
from layerproof.laws.law import state_law, step_law, true
from layerproof.machines.store.laws.words import SIZES, C, I, L

LAWS = (
    state_law("SIZE-1", SIZES, "An image's size is the sum of its layers' sizes.", I,
              lambda s, i: s.image(i),
              lambda s, i: {"size = sum over its chain": s.size(i) == total(s, lambda l: s.below(l, s.top(i)))},
              ("measured: docker-20.10, Sizes",), sums=True),
    state_law("SIZE-2", SIZES, "SizeRw is the size of the upper layer: nothing written, no bytes.", C,
              lambda s, c: s.container(c),
              lambda s, c: {"SizeRw = bytes in the upper layer": s.size_rw(c) == s.measure(s.upper(c))},
              ("measured: docker-20.10, Sizes", "docker/for-mac#7450")),
    state_law("SIZE-3", SIZES, "SizeRootFs is the size of the image's layers and SizeRw.", C,
              lambda s, c: s.container(c),
              lambda s, c: {"SizeRootFs = layers + SizeRw": size_root_fs(s, c) == total(
                  s, lambda l: s.below(l, s.top(s.image_of(c)))) + s.size_rw(c)},
              ("measured: docker-20.10, Sizes",), sums=True, follows_from=("DEP-1", "SIZE-1")),
    state_law("SIZE-4", SIZES, "Disk usage counts each stored layer once.", (),
              true, lambda s: {"usage = sum over stored layers": s.usage == total(s, s.layer)},
              ("Engine API 1.41 SystemDataUsage LayersSize", "moby#31944"), sums=True),
    state_law("SIZE-5", SIZES, "Shared and unique size make up an image's size.", I,
              lambda s, i: s.image(i),
              lambda s, i: {"size = shared + unique": s.size(i) == total(
                  s, lambda l: And(s.below(l, s.top(i)), shared(s, i, l))) + total(
                  s, lambda l: And(s.below(l, s.top(i)), Not(shared(s, i, l))))},
              ("docker-system-df(1)", "podman#7981"), sums=True, follows_from=("SIZE-1",)),
    state_law("SIZE-6", SIZES, "No size is negative.", I + C,
              lambda s, i, c: Or(s.image(i), s.container(c)),
              lambda s, i, c: {"size": Implies(s.image(i), s.size(i) >= 0),
                               "SizeRw": Implies(s.container(c), s.size_rw(c) >= 0),
                               "usage": s.usage >= 0},
              ("podman#7981", "moby#30257"), sums=True, follows_from=("SIZE-1", "SIZE-2", "SIZE-4")),
    step_law("SIZE-7", SIZES, "A fresh container has SizeRw 0.", C,
             lambda t, c: And(Not(t.before.container(c)), t.after.container(c)),
             lambda t, c: {"SizeRw is 0": t.after.size_rw(c) == 0,
                           "its upper layer is empty": t.after.upper(c) == t.after.nothing},
             ("docker/for-mac#7450",), rules=("create",)),
    step_law("SIZE-8", SIZES, "Naming changes no byte count.", I,
             true, lambda t, i: {"usage is the same": t.after.usage == t.before.usage,
                                  "sizes are the same": t.after.size(i) == t.before.size(i)},
             ("measured: docker-20.10",), rules=("tag", "untag", "rename")),
    step_law("SIZE-9", SIZES, "What a prune reports as reclaimed is what usage falls by.", (),
             true, lambda t: {"reclaimed = usage before - usage after":
                               t.effect.reclaimed == _all_bytes(t.before) - _all_bytes(t.after)},
             ("podman#13516", "podman#10215"), sums=True, rules=("prune", "prune-all", "container-prune")),
    step_law("SIZE-10", SIZES, "A layer that is stored already is not stored, nor counted, again.", (),
             lambda t: forall(LAYER, lambda l: t.before.layer(l) == t.after.layer(l)),
             lambda t: {"usage is the same": t.after.usage == t.before.usage},
             ("measured: docker-20.10, Content addressing",), sums=True, follows_from=("SIZE-4",)),
    step_law("SIZE-11", SIZES, "A layer that a commit adds has the size that SizeRw said.", L,
             lambda t, l: And(t.before.container(t.argument("container")), Not(t.before.layer(l)),
                              t.after.layer(l)),
             lambda t, l: {
                 "its size is SizeRw": layer_size(t.after, l) == t.before.size_rw(t.argument("container"))},
             ("measured: docker-20.10, Sizes",), rules=("commit", "commit-as")),
)


def _all_bytes(s: State) -> Term:
    """Bytes of stored layers and of containers' upper layers."""
    return s.usage + total_rw(s, s.container)
