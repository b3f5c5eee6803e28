"""What an engine of the store machine shows: whether it is such as :class:`Observation` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from layerproof.anyengine import is_texts
from layerproof.errors import Unintelligible


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_layers(value: Any) -> bool:
    return isinstance(value, Mapping) and is_texts(value) and is_texts(list(value.values()))


def _is_paths(value: Any) -> bool:
    return isinstance(value, Mapping) and is_texts(value) and all(
        isinstance(paths, tuple) and is_texts(paths) for paths in value.values())


def _or_none(is_so: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_so(value)


_Fields = Mapping[str, tuple[Callable[[Any], bool], str]]

_STORE: _Fields = {
    "images": (lambda value: isinstance(value, Mapping), "a mapping from image IDs to ImageSeen"),
    "containers": (lambda value: isinstance(value, Mapping), "a mapping from container IDs to ContainerSeen"),
    "layers": (_or_none(_is_layers), "a mapping from chain IDs to digests, or None"),
    "usage": (_or_none(_is_number), "a number of bytes, or None"),
    "leases": (_or_none(is_texts), "a set of leases, or None"),
    "strange": (is_texts, "a tuple of sentences"),
    "unwritten": (_is_paths, "a mapping from IDs to paths"),
}
_IMAGE: _Fields = {
    "references": (is_texts, "a set of references"),
    "parent": (_or_none(_is_text), "an image ID, or None"),
    "layers": (lambda value: isinstance(value, tuple) and is_texts(value), "a tuple of chain IDs"),
    "size": (_is_number, "a number of bytes"),
    "shared": (_or_none(_is_number), "a number of bytes, or None"),
}
_CONTAINER: _Fields = {
    "name": (_is_text, "a string"),
    "image": (_is_text, "an image ID"),
    "status": (_is_text, "a string"),
    "size_rw": (_is_number, "a number of bytes"),
    "size_root_fs": (_is_number, "a number of bytes"),
    "upper": (_or_none(_is_text), "a digest, or None"),
}
"""What each attribute is to be, with words for it."""


def check_observation(engine: str, seen: Any) -> None:
    """See that what an engine shows is an observation.

    Raises:
        Unintelligible: if it is none, naming what was shown.
    """
    _check(engine, "an Observation", seen, _STORE, "")
    for images, kind, fields, what in ((seen.images, "an ImageSeen", _IMAGE, "image"),
                                       (seen.containers, "a ContainerSeen", _CONTAINER, "container")):
        for identity, one in images.items():
            if not isinstance(identity, str):
                raise Unintelligible(f"the engine {engine} shows {identity!r} among its {what}s, which is no ID: "
                                   "no string")
            _check(engine, kind, one, fields, f" of the {what} {identity}")


def _check(engine: str, kind: str, one: Any, fields: _Fields, of: str) -> None:
    """See that something shown has the attributes of its kind, and each as it is to be."""
    for name, (is_so, words) in fields.items():
        if not hasattr(one, name):
            raise Unintelligible(f"the engine {engine} shows {one!r}{of}, which is not {kind}: it has no {name!r}")
        if not is_so(value := getattr(one, name)):
            raise Unintelligible(f"the engine {engine} shows {value!r} as {name!r}{of}, which is not {words}")
