"""Edits of an upper keep what edits before them said."""

from z3 import Not, Solver, unsat

from layermodel.objects import CONTAINER
from layermodel.union.copy_up import Upper
from layermodel.union.rules import UNION
from layermodel.union.words import DIRECTORY, FILE, INODE, PATH


def test_two_things_that_are_made_are_each_of_their_kind():
    upper = Upper(UNION.state, CONTAINER.constant("c"))
    (a, b), (i, j) = ([sort.constant(n) for n in names] for sort, names in ((PATH, "ab"), (INODE, "ij")))
    upper.make(a, i, DIRECTORY)
    upper.make(b, j, FILE)
    kind, solver = upper.edited().updates["kind"], Solver()
    solver.add(i != j, *UNION.enumerations[:1], Not(kind(i) == DIRECTORY))
    assert solver.check() == unsat
    solver = Solver()
    solver.add(i != j, Not(kind(j) == FILE))
    assert solver.check() == unsat
