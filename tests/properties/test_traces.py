"""Trace files: what is written is read again, and what is wrong is named."""

import json

import pytest
from layerproof.errors import WrongRequest
from layerproof.traces import Trace
from samples import a_trace

def test_round_trip():
    trace = a_trace()
    read = Trace.from_json(trace.to_json())
    assert (trace.rigid, trace.events, trace.dialect) == (read.rigid, read.events, read.dialect)


@pytest.mark.parametrize(("change", "says"), [
    (lambda d: d.pop("machine"), "no field 'machine'"),
    (lambda d: d.update(machine="other"), "unknown machine 'other'"),
    (lambda d: d.update(dialect="lxc"), "unknown dialect 'lxc'"),
    (lambda d: d.update(layerproof=9), "format 9"),
    (lambda d: d.update(events=[]), "no events"),
    (lambda d: d.update(events=7), "'events' of the trace is not of type list"),
    (lambda d: d["sizes"].update(Layer=0), "size of Layer"),
    (lambda d: d["sizes"].update(Moon=1), "unknown sort 'Moon'"),
    (lambda d: d["rigid"].update(top=[3]), "'top' is not the number of a Layer: 3"),
    (lambda d: d["rigid"].update(top=[]), "has 0 values, not 1"),
    (lambda d: d["events"][0].update(rule="fly"), "event 1 names an unknown rule 'fly'"),
    (lambda d: d["events"][0].update(image=5), "'image' of event 1"),
    (lambda d: d["events"][0].pop("image"), "event 1 (load-unnamed) has no argument 'image'"),
    (lambda d: d["events"][0].update(colour=1), "unknown argument 'colour'"),
    (lambda d: d["events"][1].update(refused="is-paused"), "never refused with 'is-paused'"),
])
def test_what_is_wrong_is_named(change, says):
    data = json.loads(a_trace().to_json())
    change(data)
    with pytest.raises(WrongRequest) as caught:
        Trace.from_json(json.dumps(data))
    assert says in str(caught.value)


def test_not_json():
    with pytest.raises(WrongRequest, match="not JSON"):
        Trace.from_json("hello")
