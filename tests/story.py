"""A worked example of container storage, told by any store that can do what :class:`Store` says.

Two images share two of their three layers. A container of one of them is started, stopped and written to;
the image stays as it was, and cannot be removed while the container is there.
"""

from __future__ import annotations

from typing import Protocol

from layermodel.formats.content import Files, measure

IMAGE_SIZE = 72_900_000
"""Bytes of the image's three layers: 72.9 MB."""
OTHER_TOP = 1_000
"""Bytes of the other image's own layer."""

NOTE = b"hello from inside\n"
HISTORY = b"echo hello from inside > /root/no\n"
OLD, NEW = b"as the image has it\n", b"as the container changed it\n"

NOTE_PATH, HISTORY_PATH, CHANGED_PATH = "root/notes", "root/.ash_history", "etc/motd"


def layers(program: Files) -> tuple[Files, Files, Files]:
    """Return the image's layers, bottom first; the lowest has the program and a file that fills it up."""
    middle = {CHANGED_PATH: OLD}
    top = {"app/data": b"d" * 400_000, "app/readme": b"r" * 80}
    filler = bytes(IMAGE_SIZE - measure(program) - measure(middle) - measure(top))
    return {**program, "filler": filler}, middle, top


def other_layers(program: Files) -> tuple[Files, Files, Files]:
    """Return the layers of another image, which shares the lower two."""
    bottom, middle, _ = layers(program)
    return bottom, middle, {"app/other": b"o" * OTHER_TOP}


class Store(Protocol):
    """What the story needs of a store; the image is always the one that the story is about."""

    def load(self) -> None:
        """Load the two images, each with a tag."""

    def usage(self) -> int:
        """Return the bytes of all stored layers."""

    def image_size(self) -> int:
        """Return the image's size in bytes."""

    def image_layers(self) -> list[str]:
        """Return the image's layers as inspecting it lists them."""

    def expected_layers(self) -> list[str]:
        """Return the layers as the archive has them, bottom first."""

    def create(self, name: str) -> None:
        """Create a container of the image."""

    def start(self, name: str) -> None:
        """Start a container."""

    def stop(self, name: str) -> None:
        """Stop a container."""

    def status(self, name: str) -> str:
        """Return a container's status."""

    def sizes(self, name: str) -> tuple[int, int]:
        """Return a container's SizeRw and its virtual size, SizeRootFs."""

    def write(self, name: str, path: str, data: bytes) -> None:
        """Write a file in a running container, as a process in it does."""

    def read(self, name: str, path: str) -> bytes:
        """Read a file as a process in a running container does."""

    def image_digests(self) -> dict[str, str]:
        """Return the digest of the files of each of the image's layers, as stored now."""

    def remove_image(self) -> tuple[str, list[str]]:
        """Try to remove the image by its tag; return the refusal and the containers that it is told of."""


def tell(store: Store) -> dict[str, object]:
    """Do what the story says, and return what was seen, in order."""
    seen: dict[str, object] = {}
    store.load()
    before = store.image_digests()
    seen["image size"] = store.image_size()
    seen["the layers are listed in the order of the archive"] = store.expected_layers() == store.image_layers()
    seen["layers"] = len(store.image_layers())
    seen["usage of both images"] = store.usage()

    store.create("web")
    store.start("web")
    seen["fresh container"] = store.sizes("web")
    store.stop("web")
    seen["stopped"] = store.status("web"), *store.sizes("web")
    store.start("web")
    seen["started again"] = store.status("web"), *store.sizes("web")

    store.write("web", NOTE_PATH, NOTE)
    seen["18 bytes written"] = store.sizes("web")
    store.write("web", HISTORY_PATH, HISTORY)
    seen["34 bytes of history written"] = store.sizes("web")
    store.stop("web")
    store.start("web")
    seen["after a stop and a start"] = store.sizes("web")
    seen["the note after a stop and a start"] = store.read("web", NOTE_PATH)

    store.write("web", CHANGED_PATH, NEW)
    seen["a file of the image changed"] = store.sizes("web")
    seen["as the container sees it"] = store.read("web", CHANGED_PATH)
    store.create("second")
    store.start("second")
    seen["as a second container sees it"] = store.read("second", CHANGED_PATH)
    seen["second container"] = store.sizes("second")
    seen["the image's layers are as they were"] = before == store.image_digests()
    seen["image size at the end"] = store.image_size()
    seen["usage at the end"] = store.usage()

    store.stop("web")
    store.stop("second")
    refusal, users = store.remove_image()
    seen["removing the image"] = refusal
    seen["the refusal names a container of it"] = bool(users) and {"web", "second"} >= set(users)
    seen["usage after the refusal"] = store.usage()
    return seen


_USAGE = IMAGE_SIZE + OTHER_TOP
_ALL = 18 + 34 + len(NEW)

TOLD: dict[str, object] = {
    "image size": 72_900_000,
    "the layers are listed in the order of the archive": True,
    "layers": 3,
    "usage of both images": _USAGE,
    "fresh container": (0, 72_900_000),
    "stopped": ("exited", 0, 72_900_000),
    "started again": ("running", 0, 72_900_000),
    "18 bytes written": (18, 72_900_018),
    "34 bytes of history written": (52, 72_900_052),
    "after a stop and a start": (52, 72_900_052),
    "the note after a stop and a start": NOTE,
    "a file of the image changed": (_ALL, 72_900_000 + _ALL),
    "as the container sees it": NEW,
    "as a second container sees it": OLD,
    "second container": (0, 72_900_000),
    "the image's layers are as they were": True,
    "image size at the end": 72_900_000,
    "usage at the end": _USAGE,
    "removing the image": "used-by-container",
    "the refusal names a container of it": True,
    "usage after the refusal": _USAGE,
}
"""What the store tells, whatever store it is."""
