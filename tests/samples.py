"""A small trace that several tests use."""

from layermodel.language.ground import GroundMachine
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.runs.trace import Event, Settled, Trace, trace_text

SIZES = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
         "Content": 2}


def a_trace():
    ground = GroundMachine(STORE, SIZES)
    rigid = universes(ground)[0]
    events = (Event("load-unnamed", (0,), None), Event("create", (0, 0, 0), None),
              Event("remove-by-id", (0, True), "used-by-container"))
    return Trace("store", "docker", STORE_SUBJECT.dialects["docker"], Settled(ground.layout.sizes, rigid), events)


def a_trace_file():
    return trace_text(STORE_SUBJECT, a_trace())
