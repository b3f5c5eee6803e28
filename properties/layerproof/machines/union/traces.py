"""Runs on a union file system as data: a stack of layers, and operations on containers over it.

A trace file is one JSON object in which a person can read what is where: layers by path, and operations by
the names and values of their arguments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from layermodel.language.rules import Parameter, Rule
from layermodel.union.reference import Scene, View
from layermodel.union.rules import UNION
from layermodel.union.trees import CONTENTS, Layer, Node, Paths, Stack
from layermodel.union.words import DIALECTS, KIND
from layerproof.errors import WrongRequest
from layerproof.process.files import parsed
from layerproof.runs.trace import FORMAT, Event

MODES = (0o755, 0o644, 0o600, 0o711)
OWNERS = ((0, 0), (1, 2), (3, 4))
TIMES = (0, *(1_000_000_000_123_456_789 + n * 1_000_000_000_000 for n in range(1, 4)))
"""Nanoseconds since 1970; the first stands for the time of the operation."""
KEYS = ("trusted.x", "trusted.y")
VALUES = (None, b"", b"v")
"""What the elements of the sorts stand for. No attribute that a namespace would refuse on a symlink is used."""

Request = dict[str, Any]


@dataclass(frozen=True)
class UnionTrace:
    """A run: operations on containers over one stack of layers."""

    dialect: str
    stack: Stack
    events: tuple[Event, ...]
    scene: Scene = field(default_factory=Scene)

    def to_json(self) -> str:
        """Return the trace file's text."""
        return json.dumps({
            "layerproof": FORMAT, "machine": "union", "dialect": self.dialect,
            "paths": list(self.scene.paths.names), "containers": self.scene.containers,
            "layers": [layer_request(layer, self.scene.paths) for layer in self.stack],
            "events": [{"rule": e.rule, **spoken(UNION.rule_by_name[e.rule], e, self.scene.paths),
                        "refusal": e.refusal} for e in self.events]}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> UnionTrace:
        """Read a trace file.

        Raises:
            WrongRequest: if it is not one; the sentence says what is wrong, and where.
        """
        data = _object(text)
        try:
            names = tuple(data["paths"])
            scene = Scene(Paths(names), containers=_number(data["containers"], 1, 9, "containers"))
            dialect = data["dialect"]
            if dialect not in DIALECTS:
                raise WrongRequest(f"the trace has the unknown dialect {dialect!r}")
            stack = tuple(_layer(one, scene.paths, n) for n, one in enumerate(data["layers"], 1))
            events = tuple(_event(one, scene, n) for n, one in enumerate(data["events"], 1))
        except KeyError as error:
            raise WrongRequest(f"the trace has no {error}") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise WrongRequest(f"the trace is malformed: {error}") from None
        if not events:
            raise WrongRequest("the trace has no events, so there is nothing to do")
        if not stack:
            raise WrongRequest("the trace has no layers")
        return cls(dialect, stack, events, scene)


def _object(text: str) -> dict[str, Any]:
    data = parsed(text, "the trace")
    if not isinstance(data, dict) or data.get("layerproof") != FORMAT or data.get("machine") != "union":
        raise WrongRequest("this is no trace of the union machine")
    return data


def _number(value: object, least: int, most: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise WrongRequest(f"{what} is not a number from {least} to {most}: {value!r}")
    return value


# Elements and what they stand for.


def node_request(node: Node) -> Request:
    """A node as the worker makes it."""
    return {"kind": KIND.values[node.kind], "content": CONTENTS[node.content].hex(), "mode": MODES[node.mode],
            "owner": list(OWNERS[node.owner]), "mtime": TIMES[node.mtime],
            "xattr": {KEYS[k]: value.hex() for k, v in enumerate(node.xattr) if (value := VALUES[v]) is not None}}


def layer_request(layer: Layer, paths: Paths) -> Request:
    """A layer as the worker builds it."""
    return {"entries": [[paths.names[p], n] for p, n in layer.entries.items()],
            "nodes": [node_request(node) for node in layer.nodes],
            "whiteouts": [paths.names[p] for p in sorted(layer.whiteouts)],
            "opaque": [paths.names[p] for p in sorted(layer.opaque)]}


def _layer(data: Mapping[str, Any], paths: Paths, number: int) -> Layer:
    where = f"layer {number}"
    try:
        nodes = tuple(_node(one) for one in data["nodes"])
        entries = {paths.number[name]: _number(n, 0, len(nodes) - 1, where) for name, n in data["entries"]}
        layer = Layer(nodes, entries, frozenset(paths.number[p] for p in data["whiteouts"]),
                      frozenset(paths.number[p] for p in data["opaque"]))
    except KeyError as error:
        raise WrongRequest(f"{where}: there is no {error}") from None
    for path in (*layer.entries, *layer.whiteouts):
        parent = paths.parents[path]
        if parent not in layer.entries or layer.node(parent).kind:
            raise WrongRequest(f"{where}: {paths.names[path]!r} is in no directory of the layer")
    if layer.whiteouts & layer.entries.keys() or any(
            p not in layer.entries or layer.node(p).kind for p in layer.opaque):
        raise WrongRequest(f"{where}: a whiteout is something else as well, or what is opaque is no directory")
    return layer


def _node(data: Mapping[str, Any]) -> Node:
    content, xattr = bytes.fromhex(data["content"]), data["xattr"]
    return Node(KIND.values.index(data["kind"]), CONTENTS.index(content), MODES.index(data["mode"]),
                OWNERS.index(tuple(data["owner"])), TIMES.index(data["mtime"]),
                tuple(VALUES.index(bytes.fromhex(xattr[k]) if k in xattr else None) for k in KEYS))


def request(rule: Rule, event: Event, paths: Paths, before: View) -> Request:
    """An operation as the worker does it, in a container that sees this: to append is to write what is new."""
    said = spoken(rule, event, paths)
    if rule.name == "append" and (node := before.get(event.arguments[1])) is not None:
        said["content"] = said["content"][len(CONTENTS[node.content].hex()):]
    return {"do": "rename" if rule.name.startswith("rename") else rule.name, **{
        {"content": "data"}.get(k, k): v for k, v in said.items()}}


def spoken(rule: Rule, event: Event, paths: Paths) -> Request:
    """The arguments of an operation by name, as what they stand for."""
    return {p.name: _value(p, element, paths) for p, element in zip(rule.parameters, event.arguments, strict=True)
            if p.role == "named"}


def _value(parameter: Parameter, element: int, paths: Paths) -> Any:
    match parameter.sort.name:
        case "Path":
            return paths.names[element]
        case "Data":
            return CONTENTS[element].hex()
        case "Mode":
            return MODES[element]
        case "Owner":
            return list(OWNERS[element])
        case "Time":
            return TIMES[element]
        case "Key":
            return KEYS[element]
        case "Value":
            return (VALUES[element] or b"").hex()
    return element


def _event(data: Mapping[str, Any], scene: Scene, number: int) -> Event:
    """An event of a trace file; the inode that it makes or finds is settled when it is done."""
    where = f"event {number}"
    rule = UNION.rule_by_name.get(data["rule"])
    if rule is None:
        raise WrongRequest(f"{where}: unknown rule {data['rule']!r}")
    arguments = []
    for parameter in rule.parameters:
        if parameter.role != "named":
            arguments.append(-1)
            continue
        if parameter.name not in data:
            raise WrongRequest(f"{where}: {rule.name} has no {parameter.name}")
        arguments.append(_element(parameter, data[parameter.name], scene, where))
    return Event(rule.name, tuple(arguments), data.get("refusal"))


def _element(parameter: Parameter, value: Any, scene: Scene, where: str) -> int:
    """The element that stands for a value."""
    for element in range(scene.sizes[parameter.sort.name]):
        if parameter.sort.name == "Value" and element == 0:
            continue  # no attribute at all, which cannot be set
        if _value(parameter, element, scene.paths) == value:
            return element
    raise WrongRequest(f"{where}: the {parameter.name} {value!r} is none that the model has")
