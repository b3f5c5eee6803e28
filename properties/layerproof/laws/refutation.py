"""Ask Z3 whether formulas contradict each other, in a context of its own for each question.

In a context that others were asked in before terms have other numbers, by which Z3 chooses what it looks at
first, and a question of a second may take minutes. That does not make all runs alike: in a process that has done
much else an attempt that is known to succeed was seen to fail, which is why there are many, of other seeds.
Names that were made anew (``gone!17``) are numbered in the order in which they appear, so that the same rules,
built again, ask the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import z3

from layermodel.language.normal import renamed
from layermodel.language.rules import Term

SECONDS = 60
"""After which a question is given up, whatever it has come to: many times what any takes that is answered. What Z3
counts as work bounds no time: it may allocate for minutes and count nothing."""


@dataclass(frozen=True)
class Limits:
    """How one attempt goes about a question.

    Attributes:
        limit: of its work, in Z3 resource units, so that the answer does not depend on the machine's load.
        model_based: quantifiers are instantiated where a model of the rest breaks them, and not only by triggers.
    """

    model_based: bool
    limit: int
    seed: int = 0


@dataclass(frozen=True)
class Found:
    """What came of a question.

    Attributes:
        answer: ``unsat`` if the formulas contradict each other, ``sat`` if they do not, ``unknown`` where that
            was not found within the limits, ``timed out`` where the seconds were over before.
        core: the labels of those that contradict each other with what has no label, if they do.
    """

    answer: str
    core: frozenset[str] = frozenset()


def ask(formulas: Iterable[Term], labelled: Mapping[str, Term], limits: Limits) -> Found:
    """Ask whether formulas contradict each other.

    Args:
        labelled: those of which the answer says whether they were needed.
    """
    listed = [*formulas]
    context, vector = z3.Context(), z3.AstVector()
    for formula in renamed([*listed, *labelled.values()]):
        vector.push(formula)
    own = vector.translate(context)
    solver = z3.SimpleSolver(ctx=context)
    solver.set("rlimit", limits.limit)
    solver.set("mbqi", limits.model_based)
    solver.set("random_seed", limits.seed)
    solver.set("timeout", int(1000 * SECONDS))
    marks = {f"use {label}": label for label in labelled}
    named = [z3.Bool(mark, context) for mark in marks]
    # The words of z3py look at each formula again, which takes longer than to assert it.
    for number in range(len(own)):
        formula = z3.Z3_ast_vector_get(context.ref(), own.vector, number)
        if number < len(listed):
            z3.Z3_solver_assert(context.ref(), solver.solver, formula)
        else:
            z3.Z3_solver_assert_and_track(context.ref(), solver.solver, formula,
                                          named[number - len(listed)].as_ast())
    start = time.monotonic()
    answer = str(solver.check())
    if answer == "unknown" and time.monotonic() - start >= SECONDS:
        return Found("timed out")
    core = solver.unsat_core() if answer == "unsat" else []
    return Found(answer, frozenset(marks[str(mark)] for mark in core))


_ATTEMPTS = (Limits(False, 1_000_000), *(Limits(True, 200_000, seed) for seed in range(1, 25)),
             *(Limits(True, 1_000_000, seed) for seed in range(1, 8)))
"""One after the other. Which models are looked at is a matter of luck; what is found is mostly found soon."""


def contradict(formulas: Sequence[Term]) -> bool:
    """Whether Z3 shows that formulas contradict each other."""
    for limits in _ATTEMPTS:
        found = ask(formulas, {}, limits)
        if found.answer in ("sat", "unsat"):
            return found.answer == "unsat"
    return False
