"""Hypothesis drives the model: it reaches everything, and it finds what is wrong."""

import pytest

from layermodel.store.rules import STORE
from layermodel.store.words import DIALECTS
from layerproof.errors import WrongRequest
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.drive import drive, impossible


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_rule_and_refusal_is_reached_and_every_law_holds(dialect):
    result = drive(STORE_SUBJECT, dialect=dialect, operations=1500)
    assert [] == result.findings
    assert [] == result.never


def test_a_dialect_rules_out_refusals():
    docker, podman = (impossible(STORE, DIALECTS[d]) for d in ("docker", "podman"))
    assert ("stop", "is-paused") in docker - podman
    assert ("remove-by-id", "has-child-images") in podman - docker


def test_no_operations_are_a_wrong_request():
    with pytest.raises(WrongRequest, match="no operations"):
        drive(STORE_SUBJECT, dialect="docker", operations=0)
