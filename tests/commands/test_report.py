"""What the commands print of a finding."""

import pytest

from layermodel.store.view import store_view
from layerproof.commands.report import finding_text
from layerproof.machines.store.draw import difference
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.runs.finding import Finding, States
from samples import SIZES, a_trace
from small import steps, store


@pytest.mark.parametrize("seed", range(6))
def test_a_finding_shows_the_store_expected_on_the_left_and_the_one_observed_on_the_right(monkeypatch, seed):
    monkeypatch.setenv("COLUMNS", "600")
    ground = store(SIZES)
    for _, before, rigid, _, _, outcome in steps(ground, 30, seed):
        for expected, observed in ((outcome.state, before), (before, outcome.state)):
            text = finding_text(Finding(a_trace(), ("DEP-1",), states=States(rigid, before, expected, observed)), STORE_SUBJECT)
            if expected == observed:
                assert "afterwards:" not in text
                continue
            title, _, *lines = text.partition("afterwards:\n")[2].splitlines()
            columns = [title.index(word) for word in ("object", "expected", "observed")]
            assert columns == sorted(columns)
            _, left, right = columns
            views = [store_view(ground, state, rigid) for state in (expected, observed)]
            marked = {c.name: c.mark for c in difference(*views)}
            assert marked
            shown = {line[columns[0]:left].strip(): line for line in lines if line.strip()}
            for name, mark in marked.items():
                line = shown[name]
                assert (mark != "+", mark != "-") == (bool(line[left:right].strip()), bool(line[right:].strip()))
