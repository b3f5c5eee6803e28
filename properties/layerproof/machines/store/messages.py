"""What an engine that is a program of its own is asked, and what it answers: lines of JSON.

The messages are those of :class:`~layerproof.machines.store.engine.Engine`, taken from its methods and from what
it shows, so that there is one definition of both: a request is ``{"do": METHOD, …}`` with the method's arguments
by name, an answer ``{"result": …}``, or ``{"refused": NAME, "detail": WORDS}``. Bytes are base64, files an object
of these by path. What is observed is lists, in which an object may be shown twice.
"""

from __future__ import annotations

import base64
import binascii
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from layermodel.formats.content import Files
from layerproof.errors import Refused, Unintelligible
from layerproof.fields import Fields, brief
from layerproof.machines.store.engine import ContainerSeen, Engine, ImageSeen, Observation

VERSION = 1
"""Of the messages. A program says in its first answer which it speaks."""

METHODS: Mapping[str, inspect.Signature] = {
    name: inspect.signature(method, eval_str=True) for name, method in vars(Engine).items()
    if inspect.isfunction(method) and not name.startswith("_")}
"""The methods of an engine, by name."""

_ALWAYS = {"observe", "reset", "close"}
"""Methods that every engine has, and does not name among what it can do."""

_Json = dict[str, Any]
_BYTES: _Json = {"type": "string", "contentEncoding": "base64"}
_FILES: _Json = {"type": "object", "additionalProperties": _BYTES}
_KINDS: dict[Any, _Json] = {
    str: {"type": "string"}, bool: {"type": "boolean"}, int: {"type": "integer"}, bytes: _BYTES, Files: _FILES,
    None: {"type": "null"}, type(None): {"type": "null"},
    frozenset[str]: {"type": "array", "items": {"type": "string"}},
    tuple[str, ...]: {"type": "array", "items": {"type": "string"}}}


def _schema(kind: Any) -> _Json:
    """The schema of a type of the protocol."""
    parts = getattr(kind, "__args__", ())
    if type(None) in parts:
        return {"anyOf": [_schema(part) for part in parts]}
    return _KINDS[kind]


def encoded(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return {key: encoded(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def request(method: str, arguments: Sequence[Any]) -> _Json:
    """What a program is asked for a call of a method."""
    names = [name for name in METHODS[method].parameters if name != "self"]
    return {"do": method, **{name.rstrip("_"): encoded(one) for name, one in zip(names, arguments, strict=True)}}


def result(method: str, answer: Any) -> Any:
    """What a method returns, from a program's answer.

    Raises:
        Refused: if the program refused it.
        Unintelligible: if the answer is not as it should be.
    """
    if not isinstance(answer, dict) or not answer.keys() & {"result", "refused"}:
        raise Unintelligible(f"{brief(answer)} is no answer to {method}: it has neither 'result' nor 'refused'")
    if (name := answer.get("refused")) is not None:
        if not isinstance(name, str) or not isinstance(words := answer.get("detail", ""), str):
            raise Unintelligible(f"{brief(answer)} is no answer to {method}: it refuses with no name")
        raise Refused(name, words)
    value, kind = answer["result"], METHODS[method].return_annotation
    if method == "observe":
        return observation(value)
    if kind in (str, int) and (not isinstance(value, kind) or isinstance(value, bool)):
        raise Unintelligible(f"{brief(answer)} is no answer to {method}: its result is no {_WORDS[kind]}")
    if kind is None and value is not None:
        raise Unintelligible(f"{brief(answer)} is no answer to {method}: its result is to be null")
    return value


_WORDS = {str: "string", int: "number"}


def observation(value: Any) -> Observation:
    """What a program shows.

    Raises:
        Unintelligible: if it is not as the schema says.
    """
    whole = Fields(value, "what is observed")
    images, containers = list(whole.rows("images")), list(whole.rows("containers"))
    layers = {one.text("id"): one.text("files") for one in whole.rows("layers")} if whole.given("layers") else None
    leases = frozenset(whole.texts("leases")) if whole.given("leases") else None
    return Observation(
        {one.text("id"): _image(one) for one in images}, {one.text("id"): _container(one) for one in containers},
        layers, whole.optional("usage", whole.number), leases,
        (*_repeated("image", images), *_repeated("container", containers)))


def _repeated(what: str, parts: Sequence[Fields]) -> Iterator[str]:
    """What a list shows more than once, in words."""
    for identity, times in Counter(part.text("id") for part in parts).items():
        if times > 1:
            yield f"the list shows {what} {identity} {times} times"


def _image(one: Fields) -> ImageSeen:
    return ImageSeen(frozenset(one.texts("references")), one.optional("parent", one.text),
                     tuple(one.texts("layers")), one.number("size"), one.optional("shared", one.number))


def _container(one: Fields) -> ContainerSeen:
    return ContainerSeen(one.text("name"), one.text("image"), one.text("status"), one.number("size_rw"),
                         one.number("size_root_fs"), one.optional("upper", one.text))


def arguments(message: Mapping[str, Any]) -> list[Any]:
    """The arguments of a call, from what was asked: what an engine in Python that is a program needs.

    Raises:
        Unintelligible: if bytes or files are none.
    """
    found = []
    for parameter in METHODS[message["do"]].parameters.values():
        if parameter.name != "self":
            value, kind = message[parameter.name.rstrip("_")], parameter.annotation
            if kind is Files:
                value = files_of(value, parameter.name)
            found.append(files_of({"": value}, parameter.name)[""] if kind is bytes else value)
    return found


def shown(seen: Observation) -> _Json:
    """An observation as JSON."""
    def plain(one: Any) -> _Json:
        return {f.name: sorted(v) if isinstance(v := getattr(one, f.name), frozenset) else
                list(v) if isinstance(v, tuple) else v for f in fields(one)}

    return {"images": [{"id": i, **plain(one)} for i, one in seen.images.items()],
            "containers": [{"id": c, **plain(one)} for c, one in seen.containers.items()],
            "layers": None if seen.layers is None else [{"id": i, "files": f} for i, f in seen.layers.items()],
            "usage": seen.usage, "leases": None if seen.leases is None else sorted(seen.leases)}


def files_of(value: Any, what: str) -> dict[str, bytes]:
    """Files from JSON.

    Raises:
        Unintelligible: if they are none.
    """
    try:
        return {str(path): base64.b64decode(text, validate=True) for path, text in value.items()}
    except (AttributeError, TypeError, ValueError, binascii.Error):
        raise Unintelligible(f"{what} is {brief(value)}, no object of base64 by path") from None


# The schema.


def _object(properties: _Json, required: Sequence[str]) -> _Json:
    return {"type": "object", "properties": properties, "required": list(required)}


def _seen(kind: type, named: bool = True) -> _Json:
    """The schema of something that is observed: its fields, and its ID."""
    hints = get_type_hints(kind)
    properties = {one.name: _schema(hints[one.name]) for one in fields(kind)}
    required = [one.name for one in fields(kind) if one.default is MISSING]
    return _object({"id": _KINDS[str], **properties}, ["id", *required])


def schema() -> _Json:
    """The JSON Schema of requests and of the answers to each."""
    texts = _KINDS[tuple[str, ...]]
    observed = _object({
        "images": {"type": "array", "items": _seen(ImageSeen)},
        "containers": {"type": "array", "items": _seen(ContainerSeen)},
        "layers": {"anyOf": [{"type": "array", "items": _object({"id": _KINDS[str], "files": _KINDS[str]},
                                                               ["id", "files"])}, _KINDS[None]]},
        "usage": _schema(int | None), "leases": {"anyOf": [texts, _KINDS[None]]}}, ["images", "containers"])
    hello = _object({
        "messages": {"const": VERSION}, "name": _KINDS[str], "version": _KINDS[str],
        "dialect": _schema(str | None),
        "capabilities": {"type": "array", "items": {"enum": sorted(METHODS.keys() - _ALWAYS)}},
        "program": _FILES, "command": texts}, ["messages", "name", "version", "capabilities"])
    refused = _object({"refused": _KINDS[str], "detail": _KINDS[str]}, ["refused"])
    methods = {}
    for method, signature in METHODS.items():
        named = {p.name.rstrip("_"): _schema(p.annotation) for p in signature.parameters.values()
                 if p.name != "self"}
        returns = observed if method == "observe" else _schema(signature.return_annotation)
        methods[method] = {
            "request": _object({"do": {"const": method}, **named}, ["do", *named]),
            "answer": {"anyOf": [_object({"result": returns}, ["result"]), refused]}}
    hi = {"request": _object({"do": {"const": "hello"}, "messages": {"const": VERSION}}, ["do", "messages"]),
          "answer": _object({"result": hello}, ["result"])}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "layerproof: messages to an engine", "version": VERSION, "messages": {"hello": hi, **methods}}
