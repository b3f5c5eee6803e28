from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from layermodel.language.ground import GroundMachine
from layermodel.store.universe import universes
from layermodel.union.rules import UNION
from layermodel.union.universe import union_universes
from layerproof.cli import main
from layerproof.errors import WrongRequest
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.runs.trace import Event, Settled, Trace, trace_json, trace_of
from small import ONE, store

GROUND = store(ONE)
TRACE = Trace("store", "docker", STORE_SUBJECT.dialects["docker"], Settled(GROUND.layout.sizes, universes(GROUND)[0]),
              (Event("load", (0, 0), None), Event("remove-by-id", (0, True), None),
               Event("tag", (0, 0), "no-such-image")))

Damage = Callable[[dict[str, Any]], object]
MALFORMED: dict[str, tuple[Damage, str]] = {
    "no format": (lambda d: d.pop("layerproof"), "the trace has no field 'layerproof'"),
    "other format": (lambda d: d.update(layerproof=9), "format 9"),
    "format not a number": (lambda d: d.update(layerproof=True), "'layerproof' of the trace"),
    "machine": (lambda d: d.update(machine="car"), "of the machine 'car', not of store"),
    "dialect": (lambda d: d.update(dialect="latin"), "unknown dialect 'latin'"),
    "size missing": (lambda d: d["sizes"].pop("Layer"), "the sizes has no field 'Layer'"),
    "size zero": (lambda d: d["sizes"].update(Layer=0), "size of Layer"),
    "size huge": (lambda d: d["sizes"].update(Layer=65), "size of Layer"),
    "size unknown": (lambda d: d["sizes"].update(Car=1), "unknown sort 'Car'"),
    "rigid missing": (lambda d: d["rigid"].pop("top"), "the rigid part has no field 'top'"),
    "rigid short": (lambda d: d["rigid"].update(top=[]), "'top' has 0 values, not 1"),
    "rigid out of range": (lambda d: d["rigid"].update(top=[7]), "'top' is not the number of a Layer: 7"),
    "rigid not boolean": (lambda d: d["rigid"].update(is_digest=[7]), "'is_digest' is not true or false: 7"),
    "rigid not a number": (lambda d: d["rigid"].update(measure=[0, "x"]), "'measure' is not an integer: 'x'"),
    "events missing": (lambda d: d.pop("events"), "the trace has no field 'events'"),
    "events not a list": (lambda d: d.update(events={}), "'events' of the trace is not of type list"),
    "no events": (lambda d: d.update(events=[]), "the trace has no events"),
    "event not an object": (lambda d: d.update(events=[1]), "event 1 is not a JSON object"),
    "unknown rule": (lambda d: d["events"][1].update(rule="fly"), "event 2 names an unknown rule 'fly'"),
    "no argument": (lambda d: d["events"][0].pop("image"), "event 1 (load) has no argument 'image'"),
    "argument out of range": (lambda d: d["events"][0].update(image=3), "'image' of event 1 is not the number of an Image: 3"),
    "argument not boolean": (lambda d: d["events"][1].update(force=2), "'force' of event 2 is not true or false"),
    "extra argument": (lambda d: d["events"][0].update(force=True), "event 1 (load) has an unknown argument 'force'"),
    "unknown field": (lambda d: d.update(colour=1), "the trace has an unknown field 'colour'"),
    "unknown rigid symbol": (lambda d: d["rigid"].update(colour=[]), "the rigid part has an unknown symbol 'colour'"),
    "enumerated size": (lambda d: d["sizes"].update(Status=4), "unknown sort 'Status'"),
    "axioms": (lambda d: d["rigid"].update(extends=[1]), "breaks the machine's axioms"),
    "refusal a list": (lambda d: d["events"][2].update(refused=["nope"]), "event 3: the rule tag is never refused with ['nope']"),
    "refusal": (lambda d: d["events"][2].update(refused="tired"), "event 3: the rule tag is never refused with 'tired'"),
}


def test_round_trip() -> None:
    assert TRACE == trace_of(STORE_SUBJECT, json.loads(json.dumps(trace_json(STORE_SUBJECT, TRACE))))


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_trace_is_refused_with_a_sentence(kind: str) -> None:
    damage, says = MALFORMED[kind]
    data = json.loads(json.dumps(trace_json(STORE_SUBJECT, TRACE)))
    damage(data)
    with pytest.raises(WrongRequest) as caught:
        trace_of(STORE_SUBJECT, data)
    assert says in str(caught.value)


UNION_GROUND = GroundMachine(UNION, UNION_SUBJECT.sizes())
BUILT = Trace("union", "overlayfs", UNION_SUBJECT.dialects["overlayfs"],
              Settled(UNION_GROUND.layout.sizes, union_universes(UNION_GROUND)[-1]), (Event("stat", (0, 0), None),))


def replayed(place: Path, data: object) -> Result:
    path = place / "trace.json"
    path.write_text(json.dumps(data))
    return CliRunner().invoke(main, ["replay", str(path)])


@pytest.mark.parametrize("symbol", ["under", "root", "parent", "fits", "empty"])
def test_rigid_values_of_a_union_that_are_no_tree_are_refused(tmp_path: Path, symbol: str) -> None:
    """What lies under what, and what every content begins with, is decided: any other value breaks an axiom."""
    right = trace_json(UNION_SUBJECT, BUILT)
    assert 0 == replayed(tmp_path, right).exit_code
    wrong = json.loads(json.dumps(right))
    row = wrong["rigid"][symbol]
    for place, value in enumerate(right["rigid"][symbol]):
        row[place] = not value if isinstance(value, bool) else (value + 1) % 2
        with pytest.raises(WrongRequest, match="breaks the machine's axioms"):
            trace_of(UNION_SUBJECT, json.loads(json.dumps(wrong)))
        row[place] = value
    row[-1] = not row[-1] if isinstance(row[-1], bool) else (row[-1] + 1) % 2
    refused = replayed(tmp_path, wrong)
    assert (2, "layerproof: the rigid part of the trace breaks the machine's axioms\n") == (
        refused.exit_code, refused.output)


@pytest.mark.parametrize("data", [[], 1, None, "trace"])
def test_what_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(WrongRequest, match="the trace is not a JSON object"):
        trace_of(STORE_SUBJECT, data)
