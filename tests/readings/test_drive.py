"""Hypothesis drives the model: it reaches everything, and it finds what is wrong."""

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from layermodel.store.rules import STORE
from layermodel.store.words import DIALECTS
from layerproof.errors import VacuousCheck, WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings import drive as driving
from layerproof.readings.drive import PATIENCE, ROUND, drive, impossible, rounds
from layerproof.runs.statistics import Statistics
from layerproof.subject import mutated


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_rule_and_refusal_is_reached_and_every_law_holds(dialect):
    result = drive(STORE_SUBJECT, dialect=dialect, operations=1500)
    assert [] == result.findings
    assert [] == result.never


def test_what_a_rule_leaves_open_is_chosen_otherwise_at_times():
    """A commit that may make any image would make the right one each time, if nobody chose another."""
    wrong = mutated(STORE_SUBJECT, "commit-stores-else")
    result = drive(wrong, dialect="docker", operations=6000, seed=1, complete=False, often=("commit",),
                   rules=("load-unnamed", "create", "write", "commit", "remove", "remove-by-id"))
    assert {"SIZE-11", "SIZE-1", "SIZE-5"} & {*result.findings[0].laws}


@pytest.mark.parametrize(("steps", "ends"), [((0, 0, 3), "done"), ((0, 0, 0, 0, 0), "vacuous")])
def test_a_few_examples_that_do_nothing_are_chance_and_as_many_as_a_round_has_are_not(monkeypatch, steps, ends):
    """A run of few operations has two examples, each of which may leave out so many rules that none can be done."""
    counted, left, ended = Statistics(), list(steps), []

    class Driven:
        class runs:
            end = staticmethod(lambda: ended.append(True))

    def examples(machine_class, seed, number):
        assert number == 2
        counted.steps += left.pop(0)

    monkeypatch.setattr(driving, "_run_examples", examples)
    run = rounds(Driven, counted, lambda: counted.steps > 0, 0, operations=1)
    if ends == "done":
        assert [] == list(run)
    else:
        with pytest.raises(VacuousCheck, match="did not do a single operation"):
            list(run)
    assert ([True], []) == (ended, left)


_COUNTED = """
from layerproof import drive, machine
store, rules = machine("store"), ("load", "create", "rename", "remove", "remove-by-tag")
done = drive(store, dialect="docker", operations=300, seed=5, complete=False, rules=rules)
print(sorted((rule, refusal or "", n) for (rule, refusal), n in done.statistics.outcomes.items()))
"""


def test_the_same_seed_does_the_same_whatever_else_is_imported(tmp_path):
    """Hypothesis prefers the constants that it finds in the sources of what a process has imported."""
    (tmp_path / "numbers_of_somebody.py").write_text("".join(f"A{n} = {n}\n" for n in range(101, 2000)))
    said = [subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": os.pathsep.join((*sys.path, str(tmp_path)))}).stdout
            for text in (_COUNTED, f"import numbers_of_somebody\n{_COUNTED}")]
    assert said[0] == said[1] != ""


def test_a_dialect_rules_out_refusals():
    docker, podman = (impossible(STORE, DIALECTS[d]) for d in ("docker", "podman"))
    assert ("stop", "is-paused") in docker - podman
    assert ("remove-by-id", "has-child-images") in podman - docker


def test_no_operations_are_a_wrong_request():
    with pytest.raises(WrongRequest, match="no operations"):
        drive(STORE_SUBJECT, dialect="docker", operations=0)


@pytest.mark.parametrize("operations", [1, 60, ROUND + 50])
@pytest.mark.parametrize("subject", [STORE_SUBJECT, UNION_SUBJECT], ids=lambda subject: subject.name)
def test_so_many_operations_are_done_and_more_only_to_reach_the_rest(subject, operations):
    """At least so many, and up to eight times as many where something was not reached; a round is done to its end."""
    few = subject.of(subject.machine, Catalogue(subject.catalogue.laws[:1]))  # how many does not depend on laws
    dialect = next(iter(subject.dialects))
    plain = drive(few, dialect=dialect, operations=operations, complete=False).statistics.steps
    assert operations <= plain < operations + ROUND * 3 // 2  # some begin with operations that count, too
    if operations < ROUND:
        result = drive(few, dialect=dialect, operations=operations)
        assert plain <= result.statistics.steps < PATIENCE * operations + ROUND * 3 // 2
        assert 8 == PATIENCE
        assert [] == result.never or result.statistics.steps >= PATIENCE * operations


def test_a_signal_while_hypothesis_draws_is_the_signal():
    # Hypothesis says of an example that ends where none ended before that it is flaky.
    class Signal(BaseException):
        pass

    class Machine(RuleBasedStateMachine):
        left = 58

        @rule(_=st.booleans())
        def step(self, _):
            type(self).left -= 1
            if not self.left:
                raise Signal

    raised = []
    for left in range(40, 60):
        Machine.left = left
        try:
            run_state_machine_as_test(seed(left)(Machine), settings=settings(
                max_examples=100, stateful_step_count=3, database=None, phases=(Phase.generate,), deadline=None,
                suppress_health_check=list(HealthCheck)))
        except (Signal, Flaky) as error:
            raised.append(error)
    assert 20 == len(raised)
    assert any(isinstance(error, Flaky) for error in raised)
    assert all(isinstance(driving._cut_off(error), Signal) for error in raised)
    assert driving._cut_off(Flaky("an engine that does not do the same twice")) is None
