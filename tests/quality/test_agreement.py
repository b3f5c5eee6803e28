"""The readings agree: on what a term means, on what is refused, on successors, and on what is broken."""

import random

import pytest
import z3

from layermodel.language.ground import GroundMachine
from layermodel.store.reference import Reference
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layermodel.store.words import DIALECTS
from layerproof.laws.law import Catalogue
from layerproof.laws.obligations import Obligation, Obligations
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.store.mutants import MUTANTS
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.mutants.kills import kill_by_exploration
from layerproof.readings.prove.finite import SmallStores
from layerproof.runs.monitor import Monitor

SIZES = {"Layer": 2, "Image": 2, "Reference": 2, "Repository": 2, "Container": 2, "Name": 2, "Lease": 2,
         "Content": 3}


@pytest.mark.parametrize("rule", [r.name for r in STORE.rules])
def test_z3_and_the_compiled_rule_take_the_same_step(rule):
    """Z3 chooses a store in which the rule is done, and says what is there after; the code agrees."""
    step = STORE.rule_by_name[rule].step(STORE.state)
    laws = Obligations(STORE, STORE_LAWS)
    obligation = Obligation(rule, STORE_LAWS.laws[0], None, dict(laws.axioms) | {"given": step.given},
                            z3.BoolVal(True), {}, (), (step,))
    ground = GroundMachine(STORE, SIZES)
    stores = SmallStores(STORE_SUBJECT.of(STORE, Catalogue(())))
    for wanted in (None, *STORE.rule_by_name[rule].refused):
        problem = stores.problem(obligation, 2)
        query = problem.query
        ends = [query.write(node) for node in problem.after(step)]
        assert problem.possible(step.done if wanted is None else step.refused(wanted))
        model = problem.solver.model()

        def value(term, model=model):
            result = model.eval(term, model_completion=True)
            return z3.is_true(result) if z3.is_bool(result) else result.as_long()

        state, rigid, traits = (tuple(map(value, query.slots[v])) for v in "SRT")
        arguments = tuple(map(value, query.parameters))
        outcome = ground.rule(rule).run(state, rigid, traits, arguments)
        assert wanted == outcome.refusal
        if wanted is None:
            expected = tuple(map(value, ends))
            assert meaningful(ground, expected) == meaningful(ground, outcome.state)


def meaningful(ground, state):
    """A state with what means nothing at zero."""
    layout, values = ground.layout, list(state)
    for symbol in STORE.mutable:
        for arguments in layout.tuples(symbol) if symbol.of else ():
            if not state[layout.index(symbol.of, arguments[0])]:
                values[layout.index(symbol.name, *arguments)] = 0
    return tuple(values)


def test_explore_and_the_reference_store_agree_on_random_runs():
    ground = GroundMachine(STORE, SIZES)
    chance = random.Random(1)
    choices = [(r.name, ground.arguments(r)) for r in STORE.rules]
    monitor = Monitor(ground, STORE_LAWS)
    rigid = universes(ground)[7]
    reference = Reference.fixed(ground, DIALECTS["docker"], rigid)
    done = 0
    for _ in range(3000):
        name, arguments = chance.choice(choices)
        chosen = chance.choice(arguments)
        if reference.given(name, chosen):
            before = reference.state
            outcome = reference.run(name, chosen)
            done += outcome.refusal is None
            assert [] == monitor.step(STORE.rule_by_name[name], before, outcome, rigid,
                                      reference.traits, chosen)
            assert [] == monitor.state(outcome.state, rigid, reference.traits)
    assert done > 300


@pytest.mark.parametrize("mutant", MUTANTS[:12:3], ids=lambda m: m.name)
def test_what_explore_finds_in_a_mutant_replays_in_the_right_machine_without_a_broken_law(mutant):
    kill = kill_by_exploration(STORE_SUBJECT, mutant)
    assert kill is not None
    ground = GroundMachine(STORE, kill.trace.scene.sizes)
    reference = Reference.fixed(ground, DIALECTS[kill.trace.dialect], kill.trace.scene.rigid)
    monitor = Monitor(ground, STORE_LAWS)
    for event in kill.trace.events:
        if reference.given(event.rule, event.arguments):
            reference.run(event.rule, event.arguments)
            assert [] == monitor.state(reference.state, reference.rigid, reference.traits)
