"""What the elements of the union machine's sorts stand for, and its layers and operations as a worker has them.

A person can read in a trace file what is where: layers by path, and operations by the names and values of
their arguments.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layermodel.language.ground import usual_name
from layermodel.language.rules import Machine, Parameter, Rule, Sort
from layermodel.language.run import named_in
from layermodel.union.reference import Scene, View
from layermodel.union.trees import CONTENTS, DIRECTORY, SYMLINK, Layer, Node, Paths, Stack
from layermodel.union.words import KIND
from layerproof.errors import WrongRequest
from layerproof.runs.trace import Event, field_of, short

MODES = (0o755, 0o644, 0o600, 0o711)
OWNERS = ((0, 0), (1, 2), (3, 4))
TIMES = (0, *(1_000_000_000_123_456_789 + n * 1_000_000_000_000 for n in range(1, 4)))
"""Nanoseconds since 1970; the first stands for the time of the operation."""
KEYS = ("trusted.x", "trusted.y")
VALUES = (None, b"", b"v")
"""What the elements of the sorts stand for. No attribute that a namespace would refuse on a symlink is used."""

Request = dict[str, Any]


@dataclass(frozen=True)
class Mounted:
    """The scene of a run of the union machine: containers over one stack of layers.

    Attributes:
        room: the tree of paths, and how many of everything else there are.
    """

    stack: Stack
    room: Scene

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of objects of each sort."""
        return self.room.sizes


def scene_json(_: Machine, scene: Mounted) -> dict[str, Any]:
    """The fields of a trace file that say paths, containers and layers."""
    paths = scene.room.paths
    return {"paths": list(paths.names), "containers": scene.room.containers,
            "layers": [layer_request(layer, paths) for layer in scene.stack]}


_MOST_CONTAINERS = 9


def scene_of(_: Machine, data: dict[str, Any]) -> Mounted:
    """Read paths, containers and layers, and take them out of the data.

    Raises:
        WrongRequest: if they are malformed; the sentence says what is wrong, and where.
    """
    names, layers = (field_of(data, name, list, "the trace") for name in ("paths", "layers"))
    containers = _number(field_of(data, "containers", int, "the trace"), 1, _MOST_CONTAINERS, "containers")
    for name, listed in (("paths", names), ("layers", layers)):
        if not listed:
            raise WrongRequest(f"the trace has no {name}")
    for number, name in enumerate(names, 1):
        if not isinstance(name, str):
            raise WrongRequest(f"path {number} of the trace is not a string: {short(name)}")
    try:
        room = Scene(_paths(names), containers=containers)
    except ValueError as error:
        raise WrongRequest(f"the trace is malformed: {error}") from None
    stack = tuple(_layer(one, room.paths, f"layer {n}") for n, one in enumerate(layers, 1))
    for name in ("paths", "layers", "containers"):
        del data[name]
    return Mounted(stack, room)


def _paths(names: list[str]) -> Paths:
    """The tree of paths, which can be printed; no name is what a symlink can point to, which a kernel follows."""
    paths = Paths(tuple(names))
    for name in names:
        if not name.isprintable():
            raise WrongRequest(f"the path {name!r} has characters that cannot be printed")
        if leads := {os.fsencode(part) for part in name.split("/") if part} & {*CONTENTS}:
            raise WrongRequest(f"the path {name!r} has the name {min(leads).decode()!r}, to which symlinks point")
    return paths


def _number(value: object, least: int, most: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise WrongRequest(f"{what} is not a number from {least} to {most}: {short(value)}")
    return value


# Elements and what they stand for.


def node_request(node: Node) -> Request:
    """A node as the worker makes it."""
    return {**{name: known[getattr(node, name)] for name, known in _PUT.items()},
            "xattr": {KEYS[k]: value.hex() for k, v in enumerate(node.xattr) if (value := VALUES[v]) is not None}}


_PUT: Mapping[str, Sequence[Any]] = {
    "kind": KIND.values, "content": [content.hex() for content in CONTENTS], "mode": MODES,
    "owner": [list(owner) for owner in OWNERS], "mtime": TIMES}
"""What stands for each element in the attributes of a node."""


def layer_request(layer: Layer, paths: Paths) -> Request:
    """A layer as the worker builds it."""
    return {"entries": [[paths.names[p], n] for p, n in layer.entries.items()],
            "nodes": [node_request(node) for node in layer.nodes],
            "whiteouts": [paths.names[p] for p in sorted(layer.whiteouts)],
            "opaque": [paths.names[p] for p in sorted(layer.opaque)]}


def _layer(data: Any, paths: Paths, where: str) -> Layer:
    """The layer that the fields of a trace file say."""
    rows, listed, hidden, bare = (field_of(data, name, list, where) for name in _FIELDS)
    _only(data, _FIELDS, where)
    nodes = tuple(_node(one, f"node {n} of {where}") for n, one in enumerate(rows))
    layer = Layer(nodes, _entries(listed, len(nodes), paths, where),
                  *(frozenset(_path(p, paths, f"the field {name!r} of {where}") for p in names)
                    for name, names in (("whiteouts", hidden), ("opaque", bare))))
    if 0 not in layer.entries or layer.node(0).kind != DIRECTORY:
        raise WrongRequest(f"{where}: its root is no directory")
    for number, node in enumerate(nodes):
        named = [paths.names[p] for p, n in layer.entries.items() if n == number]
        if len(named) > 1 and node.kind == DIRECTORY:
            raise WrongRequest(f"{where}: a directory has two names, {named[0]!r} and {named[1]!r}")
        if node.kind == SYMLINK and not CONTENTS[node.content]:
            raise WrongRequest(f"{where}: node {number} is a symlink that points to nothing")
    for path in (*layer.entries, *layer.whiteouts):
        parent = paths.parents[path]
        if parent not in layer.entries or layer.node(parent).kind:
            raise WrongRequest(f"{where}: {paths.names[path]!r} is in no directory of the layer")
    if layer.whiteouts & layer.entries.keys() or any(
            p not in layer.entries or layer.node(p).kind for p in layer.opaque):
        raise WrongRequest(f"{where}: a whiteout is something else as well, or what is opaque is no directory")
    return layer


_FIELDS = ("nodes", "entries", "whiteouts", "opaque")


def _entries(rows: list[Any], nodes: int, paths: Paths, where: str) -> dict[int, int]:
    """The number of the node at each path."""
    found: dict[int, int] = {}
    for row in rows:
        if not isinstance(row, list) or len(row) != len(("path", "node")):
            raise WrongRequest(f"an entry of {where} is not a path with the number of a node: {short(row)}")
        path = _path(row[0], paths, f"the field 'entries' of {where}")
        if path in found:
            raise WrongRequest(f"the field 'entries' of {where} has the path {row[0]!r} twice")
        if not nodes:
            raise WrongRequest(f"{where} has entries and no nodes")
        found[path] = _number(row[1], 0, nodes - 1, f"the node of {row[0]!r} in the field 'entries' of {where}")
    return found


def _path(name: Any, paths: Paths, where: str) -> int:
    if not isinstance(name, str) or name not in paths.number:
        raise WrongRequest(f"{where} names what is none of the trace's paths: {short(name)}")
    return paths.number[name]


def _only(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse an object that has other fields.

    Raises:
        WrongRequest: if it has.
    """
    if unknown := set(data) - set(known):
        raise WrongRequest(f"{where} has an unknown field {min(unknown)!r}")


def _node(data: Any, where: str) -> Node:
    xattr = field_of(data, "xattr", dict, where)
    _only(data, (*_PUT, "xattr"), where)
    _only(xattr, KEYS, f"the xattr of {where}")
    set_to = [None if value is None else value.hex() for value in VALUES]
    return Node(**{name: _place(known, data, name, where) for name, known in _PUT.items()}, xattr=tuple(
        _place(set_to, xattr, key, f"the xattr of {where}") if key in xattr else 0 for key in KEYS))


def _place(known: Sequence[Any], data: dict[str, Any], name: str, where: str) -> int:
    """The element for which the field of an object stands."""
    value = field_of(data, name, type(known[-1]), where)
    if value not in known:
        says = ", ".join(json.dumps(one) for one in known if one is not None)
        raise WrongRequest(f"the field {name!r} of {where} is none of {says}: {short(value)}")
    return known.index(value)


def request(rule: Rule, event: Event, paths: Paths, before: View) -> Request:
    """An operation as the worker does it, in a container that sees this: to append is to write what is new."""
    said = spoken(rule, event, paths)
    if rule.name == "append" and (node := before.get(named_in(rule, event.arguments)["path"])) is not None:
        said["content"] = said["content"][len(CONTENTS[node.content].hex()):]
    return {"do": "rename" if rule.name.startswith("rename") else rule.name, **{
        {"content": "data"}.get(k, k): v for k, v in said.items()}}


def spoken(rule: Rule, event: Event, paths: Paths) -> Request:
    """The arguments of an operation by name, as what they stand for."""
    return {p.name: _value(p.sort, element, paths)
            for p, element in zip(rule.parameters, event.arguments, strict=True) if p.role == "named"}


def _value(sort: Sort, element: int, paths: Paths) -> Any:
    match sort.name:
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


def put(parameter: Parameter, element: int, scene: Mounted) -> Any:
    """An argument as what it stands for; which inode is made or found is settled when the operation is done."""
    return _value(parameter.sort, element, scene.room.paths) if parameter.role == "named" else None


def got(parameter: Parameter, value: Any, scene: Mounted, where: str) -> int:
    """The element that stands for a value."""
    for element in range(scene.sizes[parameter.sort.name]):
        if parameter.sort.name == "Value" and element == 0:
            continue  # no attribute at all, which cannot be set
        if _value(parameter.sort, element, scene.room.paths) == value:
            return element
    raise WrongRequest(f"{where} is none that the model has: {short(value)}")


def says(sort: Sort, element: int, scene: Mounted) -> str:
    """An element in words."""
    value = _value(sort, element, scene.room.paths)
    match sort.name:
        case "Data":
            return repr(CONTENTS[element].decode())
        case "Path":
            return f"/{value}"
        case "Mode":
            return f"{value:o}"
        case "Value" if VALUES[element] is None:
            return "unset"
        case "Owner" | "Time" | "Key" | "Value":
            return str(value)
    return usual_name(sort, element)
