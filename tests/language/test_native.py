"""Machine code does what the interpreted rules do: on random states, which need not be such as can be reached."""

import random

import pytest
from z3 import IntVal

from layermodel.language.ground import GroundMachine
from layermodel.language.native import CompiledRule, TooLarge, available
from layermodel.language.packed import Packing
from layermodel.language.rules import INT, Effect, Machine, Rule, RuleKind, Sort, Symbol
from layermodel.language.terms import RIGID, STATE
from layermodel.store.rules import STORE
from layermodel.union.rules import UNION
from layerproof.machines.store.mutants import MUTANTS

SIZES = {
    "store": {"Layer": 2, "Image": 3, "Reference": 2, "Repository": 2, "Container": 2, "Name": 2, "Lease": 1, "Content": 3},
    "union": {"Path": 4, "Layer": 1, "Container": 1, "Inode": 5, "Data": 2, "Mode": 2, "Owner": 1, "Time": 2, "Key": 1, "Value": 2},
}
ROUNDS = {"store": 500_000, "union": 500_000}


def vector(ground, rigid, draw):
    """Random values of all symbols that are rigid, or of those that are not."""
    found = []
    for symbol in ground.machine.symbols:
        if symbol.rigid is rigid:
            count = {"Bool": 2, "Int": 9}.get(symbol.result.name) or ground.layout.sizes[symbol.result.name]
            less = 4 if symbol.result == INT else 0
            found += [int(draw.random() * count) - less for _ in ground.layout.tuples(symbol)]
    return tuple(found)


@pytest.mark.parametrize("machine", [STORE, UNION], ids=lambda m: m.name)
def test_rules_are_the_same_as_interpreted_on_half_a_million_random_states(machine):
    assert available()
    ground, draw = GroundMachine(machine, SIZES[machine.name]), random.Random(5)
    rounds, kinds = ROUNDS[machine.name] // len(machine.rules) // 50, set()
    for rule in machine.rules:
        compiled, interpreted = CompiledRule(rule, ground.layout), ground.rule(rule.name)
        choices = ground.arguments(rule)
        for _ in range(rounds):
            state, rigid = vector(ground, False, draw), vector(ground, True, draw)
            traits = tuple(draw.random() < 0.5 for _ in machine.traits)
            for arguments in draw.choices(choices, k=50):
                given = interpreted.given(state, state, rigid, traits, arguments)
                expected = interpreted.run(state, rigid, traits, arguments) if given else None
                assert expected == compiled.run(state, rigid, traits, arguments)
                kinds.add((rule.name, expected and expected.refusal, given))
    reached = {(name, refusal) for name, refusal, given in kinds if given}
    assert {(r.name, None) for r in machine.rules} <= reached
    assert len(reached) >= 0.8 * sum(1 + len(r.refused) for r in machine.rules)


def test_a_refusal_that_half_happens_is_the_same_too():
    mutant = next(m for m in MUTANTS if m.name == "refused-but-untagged").machine(STORE)
    ground, draw, left = GroundMachine(mutant, SIZES["store"]), random.Random(1), 0
    rule = mutant.rule_by_name["remove-by-id"]
    compiled, interpreted = CompiledRule(rule, ground.layout), ground.rule(rule.name)
    for _ in range(5000):
        state, rigid = vector(ground, False, draw), vector(ground, True, draw)
        traits = tuple(draw.random() < 0.5 for _ in mutant.traits)
        arguments = draw.choice(ground.arguments(rule))
        if interpreted.given(state, state, rigid, traits, arguments):
            expected = interpreted.run(state, rigid, traits, arguments)
            assert expected == compiled.run(state, rigid, traits, arguments)
            left += expected.refusal is not None and expected.state != state
    assert left > 10


@pytest.mark.parametrize("machine", [STORE, UNION], ids=lambda m: m.name)
@pytest.mark.parametrize("bits", [4, 8, 32])
def test_a_state_that_is_packed_is_the_same_when_unpacked(machine, bits):
    ground, draw = GroundMachine(machine, SIZES[machine.name]), random.Random(2)
    packing = Packing.of(ground.layout, bits)
    assert sum(place.bits for place in packing.places) <= 64 * packing.words
    taken = [(p.word, bit) for p in packing.places for bit in range(p.shift, p.shift + p.bits)]
    assert len(taken) == len(set(taken))
    assert max((bit for _, bit in taken), default=0) < 64
    for _ in range(2000):
        state = vector(ground, False, draw)
        assert state == packing.unpack(packing.pack(state))
    if packing.integers:
        large = list(state)
        large[packing.integers[0]] = 1 << bits - 1
        with pytest.raises(OverflowError, match=f"takes more than {bits} bits"):
            packing.pack(large)


THING = Sort("Thing")


def test_what_could_take_more_than_there_are_bits_for_is_not_compiled():
    def grow(s):
        n = s.n
        return Effect({"n": lambda: n * n * n * IntVal(3)})

    rule = Rule("grow", (), grow, RuleKind.CHANGES, "it grows", "none")
    machine = Machine("growing", (THING,), (Symbol("n", (), INT, "a number"),), (), (), {"n": lambda: IntVal(2)}, (rule,))
    layout = GroundMachine(machine, {"Thing": 1}).layout
    assert (1, 0) == (layout.lengths[STATE], layout.lengths[RIGID])
    with pytest.raises(TooLarge, match="more than 62 bits"):
        CompiledRule(rule, layout)
