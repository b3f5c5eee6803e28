from __future__ import annotations

from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import Definition, Term, forall
from layermodel.objects import LAYER
from layermodel.store.rules import STORE
from layermodel.store.words import IMAGE, has_children, reached, several_tags, shared, tagged, total, used
from small import ONE, TWO, steps, store

GROUND = store(TWO)
FORMULAS = {
    "tagged": lambda s, i: tagged(s, i),
    "used": lambda s, i: used(s, i),
    "children": lambda s, i: has_children(s, i),
    "several": lambda s, i: several_tags(s, i),
    "reached": lambda s, i: reached(s, s.top(i)),
    "shared": lambda s, i: forall(LAYER, lambda m: shared(s, i, m)),
    "present": lambda s, i: z3.And(s.image(i), s.size(i) >= 1),
}


def valuation(ground: GroundMachine, state: Vector, rigid: Vector, traits: Vector) -> list[Term]:
    """The store as axioms for Z3: sorts of so many elements, and every symbol's value at each of them."""
    layout, result = ground.layout, []
    elements = {s.name: [s.value(v) for v in s.values] or [
        s.constant(f"{s.name}-{n}") for n in layout.elements(s)] for s in ground.machine.sorts}

    def literal(sort: str, value: Any) -> Term:
        return z3.BoolVal(bool(value)) if sort == "Bool" else (
            z3.IntVal(value) if sort == "Int" else elements[sort][value])

    for sort in ground.machine.sorts:
        x = sort.constant("x")
        result += [z3.Distinct(elements[sort.name]), z3.ForAll([x], z3.Or([x == e for e in elements[sort.name]]))]
    for symbol in ground.machine.symbols:
        for at in layout.tuples(symbol):
            where = [elements[s.name][a] for s, a in zip(symbol.arguments, at, strict=True)]
            value = ground.read(state, rigid, symbol.name, *at)
            result.append(symbol.decl(*where) == literal(symbol.result.name, value))
    return result + [t.term == z3.BoolVal(bool(v)) for t, v in zip(ground.machine.traits, traits, strict=True)]


def in_z3(axioms: list[Term], claim: Term, definitions: tuple[Definition, ...] = ()) -> bool:
    """What Z3 says of a claim in a store that the axioms fix."""
    verdicts = []
    for formula in (claim, z3.Not(claim)):
        solver = z3.Solver()
        solver.add(*axioms, *(d.formula for d in definitions), formula)
        verdicts.append(solver.check() == z3.sat)
    assert verdicts[0] != verdicts[1], "Z3 is of two minds"
    return verdicts[0]


@settings(max_examples=8, deadline=None, database=None, derandomize=True)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(FORMULAS)), image=st.integers(0, 1))
def test_compiled_formula_is_what_z3_says(seed: int, name: str, image: int) -> None:
    state, rigid, traits = steps(GROUND, 8, seed)[-1][1:4]
    compiled = GROUND.formula(FORMULAS[name](STORE.state, IMAGE.constant("?i")), ("?i",))
    claim = FORMULAS[name](STORE.state, IMAGE.constant(f"Image-{image}"))
    expected = in_z3(valuation(GROUND, state, rigid, traits), claim)
    assert expected == bool(compiled(state, state, rigid, traits, (image,)))


@settings(max_examples=20, deadline=None, database=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_sum_is_the_sum(seed: int) -> None:
    state, rigid, traits = steps(GROUND, 8, seed)[-1][1:4]
    compiled = GROUND.formula(total(STORE.state, STORE.state.layer))
    read = lambda name, *at: GROUND.read(state, rigid, name, *at)
    expected = sum(read("measure", read("diff", m)) for m in range(2) if read("layer", m))
    assert expected == compiled(state, state, rigid, traits, ())


def test_unknown_symbol_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no symbol"):
        store(ONE).formula(z3.Bool("who"))
