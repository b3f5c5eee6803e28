"""A trace of the union machine that is malformed is refused in one sentence, which says where."""

import json

import pytest

from layerproof.errors import WrongRequest
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.runs.trace import trace_json, trace_of


def trace():
    node = {"content": "", "mode": 493, "owner": [0, 0], "mtime": 0, "xattr": {}}
    return {"layerproof": 2, "machine": "union", "dialect": "overlayfs", "paths": ["", "a", "b"], "containers": 1,
            "layers": [{"nodes": [{"kind": "directory", **node}, {"kind": "file", **node, "xattr": {"trusted.x": "76"}}],
                        "entries": [["", 0], ["a", 1]], "whiteouts": ["b"], "opaque": [""]}],
            "events": [{"rule": "stat", "container": 0, "path": "a"}]}


def in_node(**fields):
    return lambda d: d["layers"][0]["nodes"][1].update(fields)


def in_layer(**fields):
    return lambda d: d["layers"][0].update(fields)


MALFORMED = [
    (in_node(mode=511), "the field 'mode' of node 1 of layer 1 is none of 493, 420, 384, 457: 511"),
    (in_node(mode=True), "the field 'mode' of node 1 of layer 1 is not of type int"),
    (in_node(owner=[9, 9]), "the field 'owner' of node 1 of layer 1 is none of [0, 0], [1, 2], [3, 4]: [9, 9]"),
    (in_node(owner=5), "the field 'owner' of node 1 of layer 1 is not of type list"),
    (in_node(kind="socket"), "the field 'kind' of node 1 of layer 1 is none of \"directory\", \"file\", \"symlink\", "
     "\"fifo\": 'socket'"),
    (in_node(content="xy"), "the field 'content' of node 1 of layer 1 is none of"),
    (in_node(content="ff"), "the field 'content' of node 1 of layer 1 is none of"),
    (in_node(content=None), "the field 'content' of node 1 of layer 1 is not of type str"),
    (in_node(mtime=7), "the field 'mtime' of node 1 of layer 1 is none of"),
    (in_node(xattr=[]), "the field 'xattr' of node 1 of layer 1 is not of type dict"),
    (in_node(xattr={"user.x": ""}), "the xattr of node 1 of layer 1 has an unknown field 'user.x'"),
    (in_node(xattr={"trusted.y": "77"}), "the field 'trusted.y' of the xattr of node 1 of layer 1 is none of \"\", \"76\": "
     "'77'"),
    (in_node(xattr={"trusted.y": None}), "the field 'trusted.y' of the xattr of node 1 of layer 1 is not of type str"),
    (in_node(colour=1), "node 1 of layer 1 has an unknown field 'colour'"),
    (lambda d: d["layers"][0]["nodes"][1].pop("mode"), "node 1 of layer 1 has no field 'mode'"),
    (in_layer(nodes=[1]), "node 0 of layer 1 is not a JSON object"),
    (in_layer(nodes=5), "the field 'nodes' of layer 1 is not of type list"),
    (in_layer(nodes=[]), "layer 1 has entries and no nodes"),
    (in_layer(colour=5), "layer 1 has an unknown field 'colour'"),
    (in_layer(entries=[["", 9]]),
     "the node of '' in the field 'entries' of layer 1 is not a number from 0 to 1: 9"),
    (in_layer(entries=[["", 0], ["", 0]]), "the field 'entries' of layer 1 has the path '' twice"),
    (in_layer(entries=["ab"]), "an entry of layer 1 is not a path with the number of a node: 'ab'"),
    (in_layer(entries=[["x", 0]]), "the field 'entries' of layer 1 names what is none of the trace's paths: 'x'"),
    (in_layer(whiteouts=[["b"]]), "the field 'whiteouts' of layer 1 names what is none of the trace's paths: ['b']"),
    (in_layer(opaque=["x"]), "the field 'opaque' of layer 1 names what is none of the trace's paths: 'x'"),
    (in_layer(opaque=["a"]), "layer 1: a whiteout is something else as well, or what is opaque is no directory"),
    (lambda d: d.update(layers=[5]), "layer 1 is not a JSON object"),
    (lambda d: d.update(layers=[]), "the trace has no layers"),
    (lambda d: d.update(paths=[]), "the trace has no paths"),
    (lambda d: d.update(paths=["", 7]), "path 2 of the trace is not a string: 7"),
    (lambda d: d.update(paths=["a", ""]), "the path 'a' is there twice, or the root is not the first"),
]


def test_what_is_not_malformed_is_read_and_written_again():
    data = trace()
    again = trace_json(UNION_SUBJECT, trace_of(UNION_SUBJECT, data))
    assert data == trace()
    assert data["layers"] == json.loads(json.dumps(again))["layers"]


@pytest.mark.parametrize(("damage", "says"), MALFORMED)
def test_what_is_malformed_is_said_with_its_place(damage, says):
    data = trace()
    damage(data)
    with pytest.raises(WrongRequest) as caught:
        trace_of(UNION_SUBJECT, data)
    assert says in str(caught.value)
