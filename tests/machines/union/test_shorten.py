"""A run on a union file system is made as short as what it shows allows."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from layermodel.language.ground import GroundMachine
from layermodel.union.reference import Scene, UnionReference, Views
from layermodel.union.rules import UNION
from layermodel.union.trees import DIRECTORY, FILE, SYMLINK, Layer, Node
from layermodel.union.words import DIALECTS
from layerproof.machines.union.drive import simpler
from layerproof.machines.union.stacks import random_stack
from layerproof.machines.union.values import Mounted
from layerproof.runs.shorten import shortened
from layerproof.runs.trace import Event, Trace

SCENE = Scene()
AT = SCENE.paths.number
GROUND = GroundMachine(UNION, SCENE.sizes)
MERGER = Views.of(GROUND, SCENE).merger
WAYS = simpler(UNION, ())


def over(stack, events):
    return Trace("union", "overlayfs", DIALECTS["overlayfs"], Mounted(stack, SCENE), events)


@dataclass(frozen=True)
class Shows:
    """A run that shows something, and how many were tried until it was found."""

    trace: Trace


def kind_of_last(trace):
    """The kind that the last operation's path has before it, or None if the run cannot be."""
    reference = UnionReference(GROUND, trace.traits, SCENE, trace.scene.stack)
    seen = None
    for event in trace.events:
        rule = UNION.rule_by_name[event.rule]
        arguments = reference.settled(rule, event.arguments)
        if arguments is None:
            return None
        seen = reference.view(arguments[0]).get(arguments[1])
        if reference.run(rule.name, arguments).refusal is not None:
            return None
    return None if seen is None else seen.kind


LONG = (
    Event("mkdir", (0, AT["a"], 0, -1), None), Event("symlink", (0, AT["a/c"], 4, 0, -1), None),
    Event("mkdir", (0, AT["b"], 2, -1), None), Event("mkdir", (0, AT["c"], 2, -1), None),
    Event("link", (0, AT["a/c"], AT["b/b"], -1), None), Event("rmdir", (0, AT["c"]), None),
    Event("rename", (0, AT["b/b"], AT["b/c"], -1), None), Event("setxattr", (0, AT["b/c"], 1, 2, -1), None))


def test_what_gives_another_name_and_what_is_above_are_left_out():
    nothing = (Layer((Node(DIRECTORY, xattr=(0, 0)),), {0: 0}),)
    found = Shows(over(nothing, LONG))
    shortest = shortened(found, shows_a_symlink, WAYS, 600).trace
    assert ["symlink", "setxattr"] == [e.rule for e in shortest.events]
    assert (0, 1) == shortest.events[1].arguments[2:4]


def shows_a_symlink(found, trace):
    ends_so = trace.events and trace.events[-1].rule == "setxattr"
    return Shows(trace) if ends_so and kind_of_last(trace) == SYMLINK else None


@pytest.mark.parametrize("seed", range(5))
def test_what_is_not_needed_of_the_layers_is_left_out(seed):
    random, stack = Random(seed), ()
    file = Layer((Node(DIRECTORY, xattr=(0, 0)), Node(FILE, 3, 2, 1, 3, (2, 1))), {0: 0, AT["c"]: 1})
    while not stack or AT["c"] in stack[0].entries:
        stack = (*random_stack(random, SCENE, MERGER)[:2], file)
    trace = over(stack, (Event("stat", (0, AT["c"]), None),))

    def shows_the_file(found, trace):
        return Shows(trace) if kind_of_last(trace) == FILE else None

    shortest = shortened(Shows(trace), shows_the_file, WAYS, 600).trace
    assert {AT["c"]} == {p for layer in shortest.scene.stack for p in layer.entries if p}
    assert (1, frozenset()) == (len(shortest.scene.stack), shortest.scene.stack[0].whiteouts)
    assert Node(FILE, xattr=(0, 0)) == shortest.scene.stack[0].node(AT["c"])
