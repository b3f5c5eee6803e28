"""Traces run in the model."""

from __future__ import annotations

from typing import Any

from layermodel.language.ground import GroundMachine
from layermodel.store.reference import Reference
from layermodel.store.rules import STORE
from layermodel.store.view import StoreView, store_view
from layermodel.store.words import DIALECTS
from layerproof.errors import WrongRequest
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.readings.conform import check_given
from layerproof.runs.monitor import Monitor
from layerproof.runs.trace import Trace


def replayed(trace: Trace) -> tuple[list[StoreView], list[Any]]:
    """The stores of a trace in the model, and the laws that are broken on the way."""
    ground = GroundMachine(STORE, trace.sizes)
    if not ground.axioms()(trace.rigid):
        raise WrongRequest("the rigid part of the trace breaks the machine's axioms")
    reference = Reference.fixed(ground, DIALECTS[trace.dialect], trace.rigid)
    monitor = Monitor(ground, STORE_LAWS)
    views, broken = [store_view(ground, reference.state, reference.rigid)], []
    for number, event in enumerate(trace.events, 1):
        check_given(reference, number, event)
        before = reference.state
        outcome = reference.run(event.rule, event.arguments)
        broken += monitor.step(STORE.rule_by_name[event.rule], before, outcome, reference.rigid,
                               reference.traits, event.arguments)
        broken += monitor.state(outcome.state, reference.rigid, reference.traits)
        views.append(store_view(ground, outcome.state, reference.rigid))
    return views, broken
