"""How faults are planted in the directory engine: each is a subclass of it that does one thing wrong."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from layermodel.formats.content import Files
from layerproof.engines.directory.content import write_files
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.errors import Refused, WrongRequest
from layerproof.machines.store.engine import ContainerSeen, ImageSeen

FAULTS: dict[str, str] = {}
"""What goes wrong, in one sentence, by the fault's name."""

ENGINES: dict[str, type[DirectoryEngine]] = {}
"""The engine with the fault, by its name."""


def with_faults(base: type[DirectoryEngine], names: Collection[str]) -> type[DirectoryEngine]:
    """Return the engine with these faults planted.

    Raises:
        WrongRequest: if there is no fault of a name.
    """
    unknown = sorted(set(names) - set(FAULTS))
    if unknown:
        raise WrongRequest(f"there is no fault named {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return type("FaultyDirectoryEngine", (*(ENGINES[name] for name in sorted(names)), base), {})


def faulty(name: str, root: Path | None = None) -> DirectoryEngine:
    """Return a directory engine with one fault planted.

    Raises:
        WrongRequest: if there is no fault of that name.
    """
    return DirectoryEngine(root, frozenset({name}))


def fault(name: str, sentence: str) -> Callable[[type[DirectoryEngine]], type[DirectoryEngine]]:
    """Let a subclass be the fault of a name; the sentence says what goes wrong."""

    def register(engine: type[DirectoryEngine]) -> type[DirectoryEngine]:
        FAULTS[name] = sentence
        ENGINES[name] = engine
        return engine

    return register


class Faulty(DirectoryEngine):
    """What faults have in common: the store stays readable where something that is needed is missing."""

    def _config(self, image: str) -> bytes:
        try:
            return super()._config(image)
        except FileNotFoundError:
            raise Refused("no-such-image", f"there is no image {image}") from None

    def _delete_images(self, images: Collection[str]) -> int:
        return super()._delete_images(set(images) & set(self._images()))

    def _seen_images(self, sizes: Mapping[str, int]) -> dict[str, ImageSeen]:
        return super()._seen_images(defaultdict(int, sizes))

    def _seen_containers(self, images: Mapping[str, ImageSeen]) -> dict[str, ContainerSeen]:
        missing = {record.image for record in self._containers().values()} - set(images)
        nothing = ImageSeen(frozenset(), None, (), 0)
        return super()._seen_containers({**images, **dict.fromkeys(missing, nothing)})

    def notes(self, topic: str) -> list[str]:
        """Return what a fault has noted in the store."""
        notes: list[str] = self._load("faults").get(topic, []) if (self.root / "faults.json").exists() else []
        return notes

    def note(self, topic: str, text: str) -> None:
        """Note something in the store."""
        before = self._load("faults") if (self.root / "faults.json").exists() else {}
        self._save("faults", {**before, topic: [*self.notes(topic), text]})

    def write_lower(self, image: str, files: Files) -> None:
        """Write files into the top layer of an image, as far as they fit among what is there."""
        stack = self._images().get(image, [])
        if stack and self._diff(stack[-1]).exists():
            for path, data in files.items():
                with contextlib.suppress(OSError):
                    write_files(self._diff(stack[-1]), {path: data})

    def reset(self) -> None:
        """Empty the store, and forget the notes."""
        (self.root / "faults.json").unlink(missing_ok=True)
        super().reset()
