"""How fast random runs of the model are, beside Hypothesis with rules that do nothing, in one run.

Both run as many operations in rounds of a state machine. *Hypothesis* draws the same beginnings of runs, for each
step once for each thing that the caller of an operation says and once more (a run chooses, too, what it is to come
to), and counts the step: once with as many rules as the machine has, as one would write them, and once with a
single one that draws which it is. The machine has one number drawn a step, from which it chooses all, in half of
the runs of three operations the one that was seldom had. Steps are those a second of processor time; compiling is
not in it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

from figures import Table, rounded, tabled
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from layermodel.language.rules import Rule
from layerproof.machines.registry import names, subject
from layerproof.readings import drive as driving
from layerproof.runs.monitor import Bench
from layerproof.runs.statistics import Statistics
from layerproof.subject import Subject

OPERATIONS = 6000
ROUNDS = 3
"""Times that all are measured, in turn; the median ratio is what is told."""


class Said:
    """Counts what callers say of the operations that are chosen.

    Attributes:
        subject: the machine, of which that is counted.
    """

    def __init__(self, subject: Subject) -> None:
        """Begin with nothing chosen."""
        self.operations = self.arguments = 0
        drivable = subject.drivable

        def counted(run: Any, one: Rule, random: Random) -> Any:
            self.operations += 1
            self.arguments += sum(p.role == "named" for p in one.parameters)
            return drivable.choose(run, one, random)

        self.subject = replace(subject, driven=lambda: replace(drivable, choose=counted))


def bare(rules: int, draws: float, scenes: Any) -> type[RuleBasedStateMachine]:
    """A state machine of so many rules that draw so often, on average, and do nothing."""
    some = st.sampled_from(range(5))
    whole, part = divmod(draws, 1)

    def make(number: int) -> Any:
        def method(self: Any, data: Any) -> None:
            # Of so many steps this one draws once more that it is as often on average.
            steps = type(self).counted.steps
            for _ in range(int(whole) + (int((steps + 1) * part) > int(steps * part))):
                data.draw(some)
            type(self).counted.steps += 1

        method.__name__ = f"rule_{number}"
        return rule(data=st.data())(method)

    def begin(self: Any, scene: Any) -> None:
        type(self).counted.examples += 1

    body = {f"rule_{n}": make(n) for n in range(rules)}
    # What the rounds ask of a state machine.
    runs = SimpleNamespace(known=None, turn=0, end=lambda: None)
    return type("Bare", (RuleBasedStateMachine,), {
        "runs": runs, "counted": Statistics(), "begin": initialize(scene=scenes)(begin), **body})


def by_hypothesis(rules: int, draws: float, scenes: Any, seed: int) -> float:
    """Steps a second of what does nothing."""
    made: Any = bare(rules, draws, scenes)
    begun = time.process_time()
    for _ in driving.rounds(made, made.counted, lambda: made.counted.steps >= OPERATIONS, seed):
        raise AssertionError
    steps: int = made.counted.steps
    return steps / (time.process_time() - begun)


def driven(of: Subject, dialect: str, seed: int, bench: Bench) -> float:
    """Steps a second of the machine."""
    begun = time.process_time()
    done = driving.drive(of, dialect=dialect, operations=OPERATIONS, seed=seed, complete=False, like=bench)
    assert not done.findings
    return done.statistics.steps / (time.process_time() - begun)


def row(name: str) -> dict[str, Any]:
    """The figures of one machine."""
    of = subject(name)
    dialect, rules = next(iter(of.dialects)), len(of.machine.rules)
    bench = Bench(of.machine, of.catalogue, driving.sizes_of_runs(of))
    counted = Said(of)
    driven(counted.subject, dialect, 9, bench)  # which compiles what is in use, too
    draws = counted.arguments / counted.operations + 1
    found = []
    for seed in range(ROUNDS):
        scenes = of.drivable.scenes(of, bench)
        found.append((driven(of, dialect, seed, bench), by_hypothesis(rules, draws, scenes, seed),
                      by_hypothesis(1, draws + 1, scenes, seed)))
    ours, many, one = (round(statistics.median(column)) for column in zip(*found, strict=True))
    return {"machine": f"{name} as {dialect}", "rules": rules, "draws a step": rounded(draws),
            "steps a second": ours,
            "Hypothesis, as many rules": many, "ratio": _ratio((o, m) for o, m, _ in found),
            "Hypothesis, one rule": one, "ratio to it": _ratio((o, s) for o, _, s in found)}


def _ratio(pairs: Iterator[tuple[float, float]]) -> float:
    return round(statistics.median(ours / theirs for ours, theirs in pairs), 2)


def tables() -> Iterator[Table]:
    """One table."""
    yield tabled("random runs", [row(name) for name in names()],
                 f"{OPERATIONS:,} operations, medians of {ROUNDS}. With a ratio of 1 it is as fast as Hypothesis "
                 "that does nothing.")
