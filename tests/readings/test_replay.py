"""A trace in the model again: every law is asked on the way, each operation once, for as long as there is time."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import pytest

from layermodel.union.trees import DIRECTORY, Layer, Node
from layerproof.laws.law import Kind
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.drive import SMALL
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.machines.union.values import Mounted
from layerproof.readings import replay as module
from layerproof.readings.replay import replay
from layerproof.runs.trace import Event, Trace
from samples import a_trace

AT = SMALL.paths.number
OVER = {"store": a_trace().scene, "union": Mounted((Layer((Node(DIRECTORY, xattr=(0, 0)),), {0: 0}),), SMALL)}
SUBJECTS = {"store": STORE_SUBJECT, "union": UNION_SUBJECT}
MADE = Event("mkdir", (0, AT["a"], 0, -1), None)


def over(machine, *events):
    subject = SUBJECTS[machine]
    dialect, traits = next(iter(subject.dialects.items()))
    return Trace(machine, dialect, traits, OVER[machine], events)


CREATED = over("store", Event("load-unnamed", (0,), None), Event("create", (0, 0, 0), None))
USED = {"store": a_trace(), "union": over("union", MADE, Event("rmdir", (0, AT["a"]), None), MADE)}


@pytest.mark.parametrize(("trace", "mutant"), [
    (CREATED, "create-nameless"),
    (CREATED, "create-has-size"),
    (over("store", Event("load", (0, 0), None), Event("remove-by-id", (0, 1), None)), "references-left"),
    (over("union", MADE, Event("link", (0, AT["a"], AT["b"], -1), None, recorded=False)), "link-of-directory"),
    (over("union", Event("create", (0, AT["a"], 0, -1), None), Event("unlink", (0, AT["a"]), None)), "unlink-holds"),
])
def test_the_laws_of_states_are_asked(trace, mutant):
    subject = SUBJECTS[trace.machine]
    wrong = subject.mutant(mutant)
    assert Kind.STATE is subject.catalogue.law(wrong.breaks).kind
    again = replay(subject.of(wrong.machine(subject.machine)), trace)
    assert ("violated", True) == (again.verdict, wrong.breaks in {law for f in again.findings for law in f.laws})
    assert ("held", []) == ((right := replay(subject, trace)).verdict, right.findings)


@pytest.mark.parametrize("machine", SUBJECTS)
def test_time_ends_it_after_so_many_operations(monkeypatch, machine):
    for reached in range(4):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=count().__next__))  # ticks when it is looked at
        done = replay(SUBJECTS[machine], USED[machine], budget=reached + 0.5)
        assert (reached, 3 - reached) == (len(done.trace.events), done.not_done)
        assert ("held" if reached == 3 else "incomplete") == done.verdict


@pytest.mark.parametrize("machine", SUBJECTS)
def test_each_operation_is_answered_once_and_told(machine):
    told = []
    done = replay(SUBJECTS[machine], USED[machine], progress=told.append)
    assert [e.refusal for e in USED[machine].events] == [e.refusal for e in done.trace.events]
    assert [1, 2, 3] == told

