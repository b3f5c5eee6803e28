"""What a store's elements are in a real engine: files, archives, references, and calls.

The machine knows layers, images and contents as numbers. Here each content gets files of exactly its
measure in bytes, each archive of the reference store a real image, and each event the call of an engine
that does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from layermodel.formats.content import (
    ArchiveEntry,
    Files,
    ImageSpec,
    archive,
    chain_ids,
    digest,
    files_digest,
    layer_tar,
    measure,
)
from layermodel.store.reference import Reference
from layerproof.errors import Unintelligible, WrongRequest
from layerproof.machines.store.engine import Call, Engine
from layerproof.machines.store.making import MADE

_ABSENT = "0" * 64


def files_of(content: int, size: int, program: Files) -> Files:
    """The files of a content: one file ``data`` of its own letter, beside a program in root layers.

    Args:
        size: bytes of all of them.
    """
    if content == 0:
        return {}
    letter = chr(ord("@") + content).encode()
    return {**program, "data": letter * (size - measure(program))}


@dataclass
class Handles:
    """Which engine IDs stand for which elements, as they are learned."""

    images: dict[int, str] = field(default_factory=dict)
    containers: dict[int, str] = field(default_factory=dict)
    leases: dict[int, str] = field(default_factory=dict)
    chains: dict[int, str] = field(default_factory=dict)


class Caller:
    """Does events on an engine, in the engine's terms."""

    def __init__(self, engine: Engine, reference: Reference) -> None:
        """Prepare the archives."""
        self.engine, self.reference = engine, reference
        self.specs = [self._spec(image, top) for image, top in enumerate(reference.archives.tops)]
        self.handles = Handles(images={i: s.image_id for i, s in enumerate(self.specs)})
        self.calls: list[Call] = []
        self.last: dict[str, Any] = {}
        self._made: set[int] = set()
        self._unanswered: tuple[str, int] | None = None

    def _spec(self, image: int, top: int) -> ImageSpec:
        layers = tuple(self.files(self.reference.content(m)) for m in self.reference.chain(top))
        return ImageSpec(layers, label=f"image-{image}", command=self.engine.command,
                         extra=getattr(self.engine, "labels", {}), empty_rows=self._rows(image),
                         made_by=self._made_by(image))

    def _rows(self, image: int) -> tuple[bool, ...]:
        """The history rows of an archive's image: those of its parent and one more."""
        archives = self.reference.archives
        parent = archives.images[image]
        if parent is None:
            return tuple(False for _ in self.reference.chain(archives.tops[image]))
        return (*self._rows(parent), archives.tops[image] == archives.tops[parent])

    def _made_by(self, image: int) -> tuple[str, ...]:
        """Which image each row of the history is of: no history goes on from another that is not its parent's."""
        parent = self.reference.archives.images[image]
        before = () if parent is None else self._made_by(parent)
        return (*before, *[f"image-{image}"] * (len(self._rows(image)) - len(before)))

    def files(self, content: int) -> Files:
        """The files of a content in this engine."""
        program = self.engine.program if content in self.reference.roots else {}
        return files_of(content, self.reference.measure(content), program)

    def reference_text(self, reference: int) -> str:
        """A reference as engines write it."""
        repository = f"repo-{self.reference.read('repository', reference)}"
        if self.reference.read("is_digest", reference):
            return f"{repository}@{digest(f'manifest {reference}'.encode())}"
        return f"{repository}:tag-{reference}"

    def do(self, rule: str, arguments: Mapping[str, int]) -> int | None:
        """Do an event; return the bytes reported as reclaimed, if any.

        Raises:
            Refused: if the engine refuses it.
            WrongRequest: if no engine is known to do such an event.
            EngineUnreachable: if the engine is gone or silent.
        """
        method, values, made = self._call(rule, arguments)
        self._expect_layers(rule, arguments)
        names = tuple(self._symbolic(v) for v in values)
        variable = _loaded(rule, arguments) if made is None else f"{made[0]}_{made[1]}"
        self.calls.append(Call(method, names, variable))
        real = [self._handle(value) if isinstance(value, _Handle) else value for value in values]
        self.last = {"call": method, "arguments": [_shown(value) for value in real], "answered": None}
        self._unanswered = made
        result = getattr(self.engine, method)(*self._real(method, values))
        self._unanswered = None
        self.last["answered"] = result
        if made is not None:
            if not isinstance(result, str):
                raise Unintelligible(f"the method {method} of the engine {self.engine.name} returns {result!r}, "
                                     f"and is to return the ID of the new {made[0]}, a string")
            getattr(self.handles, f"{made[0]}s")[made[1]] = result
            if made[0] == "image":
                self._made.add(made[1])
        return result if method in ("prune", "prune_all", "container_prune") else None

    def adopt(self, seen: object) -> None:
        """Take an object that nobody knows for the one that the last operation would have made.

        That was refused, or no answer came.
        """
        if self._unanswered is None:
            return
        (kind, element), self._unanswered = self._unanswered, None
        known: dict[int, str] = getattr(self.handles, f"{kind}s")
        shown = getattr(seen, f"{kind}s", None) or ()  # it may be no observation, which is said later
        unknown = [one for one in shown if one not in known.values()] if isinstance(shown, Iterable) else []
        if len(unknown) == 1 and known.get(element) not in shown:
            known[element] = unknown[0]
            if kind == "image":
                self._made.add(element)

    def _expect_layers(self, rule: str, arguments: Mapping[str, int]) -> None:
        """The chain IDs of layers that come in archives are known; those that an engine packs are not."""
        if rule in MADE:
            top = self.reference.read("top", arguments["image"])
            if not self.reference.read("layer", top):  # packed once more, it may be called otherwise
                self.handles.chains.pop(top, None)
        if rule == "pull-layer":
            tops = [arguments["layer"]]
        elif rule.startswith("load"):
            tops = [self.reference.read("top", arguments[n]) for n in ("image", "parent") if n in arguments]
        else:
            return
        for chain in map(self.reference.chain, tops):
            diff_ids = [files_digest(self.files(self.reference.content(m))) for m in chain]
            for layer, identity in zip(chain, chain_ids(diff_ids), strict=True):
                self.handles.chains.setdefault(layer, identity)

    def _symbolic(self, value: object) -> object:
        if isinstance(value, _Handle):
            if value.kind == "image" and value.element not in self._made:
                return self._handle(value)
            return f"{value.kind}_{value.element}"
        return value

    def called(self, kind: str, element: int) -> str:
        """An image or a container as arguments of calls name it."""
        return str(self._symbolic(_Handle(kind, element)))

    def _real(self, method: str, values: tuple[object, ...]) -> tuple[object, ...]:
        # What the table of operations gives a method is of the kind that it takes; its type is that of all.
        if method == "load":
            return (archive(values[0]),)  # type: ignore[arg-type]
        if method == "import_":
            return (layer_tar(values[0]), *values[1:])  # type: ignore[arg-type]
        return tuple(self._handle(v) if isinstance(v, _Handle) else v for v in values)

    def _handle(self, handle: _Handle) -> str:
        known: dict[int, str] = getattr(self.handles, f"{handle.kind}s")
        absent = f"sha256:{_ABSENT}" if handle.kind == "image" else _ABSENT
        return known.get(handle.element, absent)

    def _call(  # noqa: C901 - a table of operations
        self, rule: str, a: Mapping[str, int],
    ) -> tuple[str, tuple[object, ...], tuple[str, int] | None]:
        """The engine method of a rule, its arguments, and what it makes."""
        method = rule.replace("-", "_")
        image, parent = _Handle("image", a.get("image", 0)), _Handle("image", a.get("parent", 0))
        container, lease = _Handle("container", a.get("container", 0)), _Handle("lease", a.get("lease", 0))
        reference = self.reference_text(a["reference"]) if "reference" in a else None
        made_image, made_lease = ("image", image.element), ("lease", lease.element)
        match rule:
            case "load" | "load-unnamed" | "load-damaged" | "load-with-parent":
                return "load", (self._entries(rule, a, reference),), None
            case "import" | "import-unnamed":
                return "import_", (self._top_files(image.element), reference), made_image
            case "tag":
                return method, (image, reference), None
            case "untag":
                return method, (reference,), None
            case "remove-by-tag" | "remove-by-digest":
                return method, (reference, bool(a["force"])), None
            case "remove-by-id":
                return method, (image, bool(a["force"])), None
            case "prune" | "prune-all" | "container-prune":
                return method, (), None
            case "create":
                return method, (image, f"name-{a['name']}"), ("container", container.element)
            case "rename":
                return method, (container, f"name-{a['name']}"), None
            case "remove":
                return method, (container, bool(a["force"])), None
            case "write":
                return method, (container, self.files(a["content"])), None
            case "commit":
                return method, (container,), made_image
            case "commit-as":
                return method, (container, reference), made_image
            case "build-step":
                return method, (parent, self._top_files(image.element)), made_image
            case "pull-begin":
                return method, (), made_lease
            case "pull-layer":
                return method, (lease, *self._layer(a["layer"])), None
            case "pull-finish":
                config = self.specs[image.element].config
                return method, (lease, config, reference, self.reference_text(a["digest"])), None
            case "build-begin":
                return method, (parent,), made_lease
            case "build-add":
                return method, (lease, parent, self._top_files(image.element)), made_image
            case "build-finish":
                return method, (lease, image, reference), None
            case "abort":
                return method, (lease,), None
            case "start" | "stop" | "kill" | "pause" | "unpause" | "restart":
                return method, (container,), None
        raise WrongRequest(f"no adapter knows how an engine does the operation {rule!r}")

    def _entries(self, rule: str, a: Mapping[str, int], reference: str | None) -> tuple[ArchiveEntry, ...]:
        spec = self.specs[a["image"]]
        if rule == "load-with-parent":
            parent = self.specs[a["parent"]]
            return (ArchiveEntry(parent), ArchiveEntry(spec, parent=parent.image_id))
        return (ArchiveEntry(spec, () if reference is None else (reference,), damaged=rule == "load-damaged"),)

    def _top_files(self, image: int) -> Files:
        top = self.reference.read("top", image)
        return self.files(self.reference.content(top))

    def _layer(self, layer: int) -> tuple[bytes, str | None]:
        chain = self.reference.chain(layer)
        *below, top = [self.files(self.reference.content(m)) for m in chain]
        return layer_tar(top), chain_ids([files_digest(files) for files in below])[-1] if below else None


def _shown(value: object) -> Any:
    """An argument as JSON has it: images of an archive by their IDs, files by their sizes."""
    if isinstance(value, Mapping):
        return {str(path): f"{len(data)} bytes" for path, data in value.items()}
    if isinstance(value, tuple):
        return [{"image": entry.image.image_id, "references": list(entry.references), "parent": entry.parent}
                for entry in value]
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def _loaded(rule: str, arguments: Mapping[str, int]) -> str | None:
    """The variables of the IDs of the images that are loaded, in the order in which they are in the archive."""
    if not rule.startswith("load"):
        return None
    return " ".join(f"image_{arguments[name]}" for name in ("parent", "image") if name in arguments)


@dataclass(frozen=True)
class _Handle:
    kind: str
    element: int
