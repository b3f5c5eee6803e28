"""Small stores and random walks through them, for tests of the readings."""

from __future__ import annotations

import random

from layermodel.language.ground import GroundMachine, GroundRule, Outcome, Vector
from layermodel.language.rules import Machine
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layermodel.store.words import DIALECTS

ONE = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
       "Content": 2}
"""One object of each sort."""

TWO = {**ONE, "Layer": 2, "Image": 2, "Reference": 2}
"""Two layers, images and references."""


def steps(
    ground: GroundMachine, count: int, seed: int,
) -> list[tuple[GroundRule, Vector, Vector, Vector, Vector, Outcome]]:
    """Steps of a random walk: the rule, the state before, rigid values, traits, arguments, the outcome."""
    chance, result = random.Random(seed), []
    rigid = chance.choice(universes(ground))
    traits = ground.traits(DIALECTS[chance.choice(sorted(DIALECTS))])
    state = ground.initial(rigid, traits)
    while len(result) < count:
        rule = ground.rule(chance.choice(ground.machine.rules).name)
        arguments = chance.choice(ground.arguments(rule.rule))
        if rule.given(state, state, rigid, traits, arguments):
            outcome = rule.run(state, rigid, traits, arguments)
            result.append((rule, state, rigid, traits, arguments, outcome))
            state = outcome.state
    return result


def store(sizes: dict[str, int], machine: Machine = STORE) -> GroundMachine:
    """A machine over few objects."""
    return GroundMachine(machine, sizes)
