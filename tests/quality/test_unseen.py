"""Mutants that no sound engine can be told from: what a container sees is the same, whatever is done."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from layermodel.language.run import named_in
from layermodel.union.reference import View, Views
from layerproof.machines.registry import subject
from layerproof.machines.union.drive import SMALL
from layerproof.machines.union.stacks import random_stack
from layerproof.machines.union.values import Mounted
from layerproof.runs.monitor import Bench

UNION = subject("union")
RIGHT = Bench(UNION.machine, UNION.catalogue, SMALL.sizes)

UNSEEN = {
    "create-keeps-whiteout": "a whiteout beside a file hides nothing",
    "unlink-useless-whiteout": "a whiteout where the image has nothing hides nothing",
    "rmdir-leaves-whiteouts": "whiteouts below a directory that is gone, or opaque when it is made anew, hide nothing",
    "redirect-to-itself": "a directory that is redirected to its own name shows what it would without",
    "rename-holds-replaced": "an inode that no name leads to is not seen",
    "rename-useless-whiteout": "a whiteout where the image has nothing hides nothing",
}
"""What they do otherwise is in the upper layer alone, and no engine shows that but through its mount."""


def shown(view: View) -> dict[int, tuple[Any, ...]]:
    """What a container sees, whatever its inodes are called: each by the first path that names it."""
    names: dict[int, int] = {}
    return {path: (names.setdefault(node.inode, path), replace(node, inode=0)) for path, node in sorted(view.items())}


def told_apart(name: str, dialect: str, seed: int, runs: int = 30, steps: int = 40) -> str:
    """The first thing in which a mutant shows something else than the right machine in random runs, or nothing."""
    mutant = UNION.mutant(name)
    wrong = Bench(UNION.of(mutant.machine(UNION.machine)).machine, UNION.catalogue, SMALL.sizes, RIGHT)
    traits, random = UNION.dialect(dialect), Random(seed)
    rules = [*UNION.machine.rules, *(UNION.machine.rule_by_name[n] for n in mutant.rules * 8)]
    merger = Views.of(RIGHT.ground, SMALL).merger
    for _ in range(runs):
        scene = Mounted(random_stack(random, SMALL, merger), SMALL)
        one, other = (UNION.drivable.begin(bench.ground, scene, traits) for bench in (RIGHT, wrong))
        for _ in range(steps):
            rule = random.choice(rules)
            arguments = UNION.drivable.choose(one, rule, random)
            if arguments is None:
                continue
            said = named_in(rule, arguments)
            there = other.settled(rule, arguments) or other.complete(rule, said)
            if there is None:  # its rules do not say what happens then, so that nothing can be held against them
                break
            outcomes = [one.run(rule.name, arguments).refusal, other.run(rule.name, there).refusal]
            if outcomes[0] != outcomes[1]:
                return f"{rule.name}: {outcomes}"
            for container in range(SMALL.sizes["Container"]):
                if shown(one.view(container)) != shown(other.view(container)):
                    return f"{rule.name}: what container-{container} sees"
    return ""


@pytest.mark.parametrize("name", UNSEEN)
def test_what_only_the_upper_layer_has_is_not_seen(name: str) -> None:
    assert [""] * len(UNION.dialects) == [told_apart(name, dialect, 1) for dialect in UNION.dialects]


@pytest.mark.parametrize("name", ["create-revives", "unlink-directory", "rename-two-names"])
def test_what_is_seen_is_told_apart(name: str) -> None:
    assert any(told_apart(name, dialect, seed) for dialect in UNION.dialects for seed in range(3))
