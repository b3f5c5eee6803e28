"""What an engine shows, as a state of the machine: so that laws can be asked of it.

An observation is translated element by element. What cannot be translated (an image that nobody made, a
layer of unknown bytes) is listed as strange; what an engine does not show is taken as expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from layermodel.formats.content import files_digest
from layermodel.language.ground import Vector
from layermodel.store.reference import Reference
from layermodel.store.words import STATUS
from layerproof.machines.store.engine import ContainerSeen, ImageSeen, Observation
from layerproof.machines.store.payload import Caller


@dataclass
class Translation:
    """An observed state.

    Attributes:
        state: the vector.
        strange: what does not fit into one, in words.
        figures: ``SizeRootFs`` of containers and ``shared size`` of images as reported, bytes; they are no
            part of the state, for they follow from it.
    """

    state: Vector
    strange: list[str] = field(default_factory=list)
    figures: Mapping[tuple[str, int], int] = field(default_factory=dict)


class Observer:
    """Translates the observations of one engine, knowing which IDs stand for what."""

    def __init__(self, caller: Caller) -> None:
        """Prepare the digests of all contents."""
        self._caller, self._reference = caller, caller.reference
        contents = range(caller.reference.ground.layout.sizes["Content"])
        self._contents = {files_digest(caller.files(k)): k for k in contents
                          if k == 0 or caller.reference.measure(k)}

    def translate(self, seen: Observation) -> Translation:
        """Return the observed state."""
        result = _Draft(self._reference)
        result.strange += seen.strange
        handles = self._caller.handles
        images = {identity: element for element, identity in handles.images.items()}
        references = {self._caller.reference_text(r): r for r in self._reference.choices("Reference")}
        self._learn_chains(seen, images)
        for identity, image in seen.images.items():
            if identity not in images:
                result.strange.append(f"an image that no operation made: {identity}")
                continue
            self._image(result, images[identity], image, references)
        containers = {identity: element for element, identity in handles.containers.items()}
        for identity, container in seen.containers.items():
            if identity not in containers:
                result.strange.append(f"a container that no operation made: {identity}")
                continue
            self._container(result, containers[identity], container, images)
        self._layers(result, seen)
        self._unwritten(result, seen, containers)
        self._leases(result, seen)
        result.put("usage", (), result.expected("usage") if seen.usage is None else seen.usage)
        self._ancestry(result, seen, images)
        return Translation(tuple(result.values), result.strange, result.figures)

    def _learn_chains(self, seen: Observation, images: Mapping[str, int]) -> None:
        """The chain IDs of layers that commits, builds and imports made are known once they are seen."""
        for identity, image in seen.images.items():
            if identity in images:
                chain = self._reference.chain(self._reference.read("top", images[identity]))
                if len(chain) == len(image.layers):
                    for layer, chain_id in zip(chain, image.layers, strict=True):
                        self._caller.handles.chains.setdefault(layer, chain_id)

    def _image(
        self, draft: _Draft, element: int, image: ImageSeen, references: Mapping[str, int],
    ) -> None:
        draft.put("image", (element,), True)
        draft.put("size", (element,), image.size)
        for reference in image.references:
            if reference in references:
                draft.put("names", (references[reference], element), True)
            else:
                draft.strange.append(f"a reference that no operation made: {reference}")
        chain = self._reference.chain(self._reference.read("top", element))
        expected = tuple(self._caller.handles.chains.get(m, "?") for m in chain)
        if expected != image.layers:
            draft.strange.append(f"image-{element} has other layers than it was made with: {image.layers}")
        if image.shared is not None:
            draft.figures["shared size", element] = image.shared

    def _container(
        self, draft: _Draft, element: int, container: ContainerSeen, images: Mapping[str, int],
    ) -> None:
        draft.put("container", (element,), True)
        if container.image in images:
            draft.put("image_of", (element,), images[container.image])
        else:
            draft.strange.append(f"container-{element} is of an image that no operation made")
        if container.status in STATUS.values:
            draft.put("status", (element,), STATUS.values.index(container.status))
        else:
            draft.strange.append(f"container-{element} has the status {container.status!r}")
        name = container.name.removeprefix("name-")
        if name.isdigit() and int(name) in self._reference.choices("Name"):
            draft.put("called", (element, int(name)), True)
        else:
            draft.strange.append(f"container-{element} is called {container.name!r}")
        draft.put("size_rw", (element,), container.size_rw)
        draft.figures["SizeRootFs", element] = container.size_root_fs
        if container.upper is None:
            draft.put("upper", (element,), draft.expected("upper", element))
        elif container.upper in self._contents:
            draft.put("upper", (element,), self._contents[container.upper])
        else:
            draft.strange.append(f"container-{element} holds files that nobody wrote")

    def _layers(self, draft: _Draft, seen: Observation) -> None:
        layers = range(self._reference.used_layers)
        if seen.layers is None:
            for layer in layers:
                for symbol in ("layer", "bytes"):
                    draft.put(symbol, (layer,), draft.expected(symbol, layer))
            return
        elements = {identity: layer for layer, identity in self._caller.handles.chains.items()}
        for identity, files in seen.layers.items():
            if identity not in elements:
                draft.strange.append(f"a layer that no operation made: {identity}")
                continue
            draft.put("layer", (elements[identity],), True)
            if files in self._contents:
                draft.put("bytes", (elements[identity],), self._contents[files])
            else:
                draft.strange.append(f"layer-{elements[identity]} holds other files than it was made with")

    def _unwritten(self, draft: _Draft, seen: Observation, containers: Mapping[str, int]) -> None:
        """Files that are there though no operation wrote them."""
        layers = {identity: layer for layer, identity in self._caller.handles.chains.items()}
        named = {identity: f"container-{c}" for identity, c in containers.items()} | {
            identity: f"layer-{m}" for identity, m in layers.items()}
        draft.strange += [f"{named.get(identity, identity)} holds {', '.join(paths)}, which nobody wrote"
                          for identity, paths in seen.unwritten.items() if paths]

    def _leases(self, draft: _Draft, seen: Observation) -> None:
        for lease in self._reference.choices("Lease"):
            there = draft.expected("lease", lease) if seen.leases is None else (
                self._caller.handles.leases.get(lease) in seen.leases)
            draft.put("lease", (lease,), bool(there))
            for layer in range(self._reference.used_layers):
                draft.put("holds_layer", (lease, layer), draft.expected("holds_layer", lease, layer))
            for image in self._reference.choices("Image"):
                draft.put("holds_image", (lease, image), draft.expected("holds_image", lease, image))

    def _ancestry(self, draft: _Draft, seen: Observation, images: Mapping[str, int]) -> None:
        """Recorded ancestry is the closure of the recorded parents."""
        for identity in seen.images:
            current: str | None = identity
            for _ in seen.images:  # as many steps as there are images: a cycle must not hang us
                if current is None or current not in seen.images:
                    break
                current = seen.images[current].parent
                if identity in images and current is not None and current in images:
                    draft.put("made_from", (images[identity], images[current]), True)


class _Draft:
    """A state being put together, zero where nothing is said."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self.values: list[Any] = list(reference.ground.layout.zero)
        self.strange: list[str] = []
        self.figures: dict[tuple[str, int], int] = {}

    def put(self, symbol: str, arguments: tuple[int, ...], value: int | bool) -> None:
        self.values[self._reference.ground.layout.index(symbol, *arguments)] = value

    def expected(self, symbol: str, *arguments: int) -> Any:
        return self._reference.ground.read(
            self._reference.state, self._reference.rigid, symbol, *arguments)
