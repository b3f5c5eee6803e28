"""A small content-addressed container store in a folder, for the directory engine.

The folder holds::

    store.json                  the format, and the last serial number given to an object
    references.json             tags and digest references, each to an image ID
    parents.json                image ID to the recorded parent image's ID
    images/HEX.json             the exact bytes of the image config; HEX is their SHA-256
    layers/HEX/layer.json       diff ID, size in bytes and parent of the layer with chain ID sha256:HEX
    layers/HEX/diff/            its files
    containers/ID/container.json
    containers/ID/upper/N/      the files of its upper layer after the Nth write
    leases/ID.json              the layers and images that an operation in progress needs
    staging/                    what is being written or deleted

All state is in these files: every operation reads what it needs, so that opening the folder again gives the
same store. A file or folder appears, changes and goes by one rename. An operation that touches several does
so in an order in which nothing present ever needs what is missing; what an interrupted operation left over
is swept when the folder is opened. Nothing is forced to the disk, so this holds for a crash of the process,
not of the machine. One engine at a time may have a folder open.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from layermodel.formats.content import chain_id, chain_ids, digest, measure
from layerproof.engines.directory.content import read_config, read_tar, repository, write_files
from layerproof.errors import EngineUnreachable, Refused, WrongRequest

EPOCH = "1970-01-01T00:00:00Z"
FOLDERS = ("images", "layers", "containers", "leases", "staging")


@dataclass(frozen=True)
class LayerRecord:
    """What the store notes of a layer: its diff ID, its size in bytes, the chain ID beneath it."""

    diff_id: str
    size: int
    parent: str | None


@dataclass(frozen=True)
class ContainerRecord:
    """What the store notes of a container; ``generation`` counts the writes, ``size_rw`` is in bytes."""

    name: str
    image: str
    status: str = "created"
    size_rw: int = 0
    generation: int = 0


@dataclass(frozen=True)
class LeaseRecord:
    """What an operation in progress needs: layers by chain ID (and all beneath them), images by image ID."""

    layers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


def lineage(start: str, parents: Mapping[str, str | None]) -> list[str]:
    """Return a layer or image and everything beneath it, itself first."""
    result: list[str] = []
    current: str | None = start
    while current is not None:
        result.append(current)
        current = parents.get(current)
    return result


def _hex(identifier: str) -> str:
    return identifier.removeprefix("sha256:")


class DirectoryStore:
    """The folder of a directory engine: its objects, and the changes that operations are made of.

    Args:
        root: the store's folder, made if missing.

    Raises:
        WrongRequest: if the folder holds something else.
    """

    def __init__(self, root: Path) -> None:
        """Open the store, see the class."""
        self.root = root
        self._open()

    # Files of the store

    def _open(self) -> None:
        """Make the store if the folder is empty, and sweep what an interrupted operation left over."""
        self.root.mkdir(parents=True, exist_ok=True)
        marker = self.root / "store.json"
        if not marker.exists() and any(entry.name not in FOLDERS for entry in self.root.iterdir()):
            raise WrongRequest(f"{self.root} is neither empty nor a store of layerproof")
        shutil.rmtree(self.root / "staging", ignore_errors=True)
        for folder in FOLDERS:
            (self.root / folder).mkdir(exist_ok=True)
        for name, empty in (("store", {"format": 1, "serial": 0}), ("references", {}), ("parents", {})):
            if not (self.root / f"{name}.json").exists():
                self._save(name, empty)
        images = self._images()
        self._save("parents", {c: p for c, p in self._load("parents").items() if c in images})
        for identifier, record in self._containers().items():
            uppers = self.root / "containers" / identifier / "upper"
            for upper in uppers.iterdir():
                if upper.name != str(record.generation):
                    self._discard(upper)
        self._collect()

    def _load(self, name: str) -> dict[str, Any]:
        """Return one of the store's JSON objects."""
        try:
            value: dict[str, Any] = json.loads((self.root / f"{name}.json").read_bytes())
        except FileNotFoundError as error:
            raise EngineUnreachable(f"{error.filename} is not there any more") from error
        return value

    def _save(self, name: str, value: Mapping[str, object]) -> None:
        """Replace one of the store's JSON objects."""
        self._save_bytes(f"{name}.json", json.dumps(value).encode())

    def _save_bytes(self, name: str, data: bytes) -> None:
        staged = self.root / "staging" / "file"
        staged.write_bytes(data)
        staged.replace(self.root / name)

    def _stage(self) -> Path:
        """Return a new folder, to be filled and then renamed to its place."""
        return Path(tempfile.mkdtemp(dir=self.root / "staging"))

    def _discard(self, folder: Path) -> None:
        """Delete a folder: at once out of the store, then piece by piece."""
        staged = self._stage()
        folder.replace(staged)
        shutil.rmtree(staged)

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self.root / folder))
        except FileNotFoundError as error:
            raise EngineUnreachable(f"{error.filename} is not there any more") from error

    def _serial(self) -> int:
        """Return the next serial number."""
        store = self._load("store")
        store["serial"] += 1
        self._save("store", store)
        return int(store["serial"])

    # What is stored

    def _references(self) -> dict[str, str]:
        return self._load("references")

    def _parents(self) -> dict[str, str]:
        return self._load("parents")

    def _config(self, image: str) -> bytes:
        return (self.root / "images" / f"{_hex(image)}.json").read_bytes()

    def _images(self) -> dict[str, list[str]]:
        """Return every image with its layers' chain IDs, bottom first."""
        ids = ["sha256:" + name.removesuffix(".json") for name in self._names("images")]
        return {image: chain_ids(json.loads(self._config(image))["rootfs"]["diff_ids"]) for image in ids}

    def _layers(self) -> dict[str, LayerRecord]:
        names = self._names("layers")
        return {"sha256:" + name: LayerRecord(**self._load(f"layers/{name}/layer")) for name in names}

    def _containers(self) -> dict[str, ContainerRecord]:
        names = self._names("containers")
        return {name: ContainerRecord(**self._load(f"containers/{name}/container")) for name in names}

    def _leases(self) -> dict[str, LeaseRecord]:
        names = [file.removesuffix(".json") for file in self._names("leases")]
        rows = {name: self._load(f"leases/{name}") for name in names}
        return {name: LeaseRecord(tuple(row["layers"]), tuple(row["images"])) for name, row in rows.items()}

    def _diff(self, layer: str) -> Path:
        return self.root / "layers" / _hex(layer) / "diff"

    def _upper(self, container: str, record: ContainerRecord) -> Path:
        return self.root / "containers" / container / "upper" / str(record.generation)

    def _tags(self, image: str) -> list[str]:
        return [r for r, named in self._references().items() if named == image and "@" not in r]

    def _digests(self, image: str) -> list[str]:
        return [r for r, named in self._references().items() if named == image and "@" in r]

    def _users(self, image: str) -> list[ContainerRecord]:
        return [record for record in self._containers().values() if record.image == image]

    def _children(self, image: str) -> set[str]:
        return {child for child, parent in self._parents().items() if parent == image}

    def _leased(self, image: str) -> bool:
        return any(image in lease.images for lease in self._leases().values())

    def _single_reference(self, image: str) -> bool:
        """Say whether the image goes by one name: moby's ``isSingleReference``."""
        tags, digests = self._tags(image), self._digests(image)
        repositories = {repository(reference) for reference in (*tags, *digests)}
        return len(tags) + len(digests) <= 1 or (len(tags) <= 1 and len(repositories) == 1)

    def _image(self, image: str) -> None:
        if image not in self._images():
            raise Refused("no-such-image", f"there is no image {image}")

    def _container(self, container: str) -> ContainerRecord:
        record = self._containers().get(container)
        if record is None:
            raise Refused("no-such-container", f"there is no container {container}")
        return record

    def _lease(self, lease: str) -> LeaseRecord:
        record = self._leases().get(lease)
        if record is None:
            raise Refused("no-such-lease", f"no operation in progress has the lease {lease}")
        return record

    # Changing what is stored

    def _name(self, reference: str, image: str) -> None:
        self._save("references", {**self._references(), reference: image})

    def _unname(self, *references: str) -> None:
        self._save("references", {r: i for r, i in self._references().items() if r not in references})

    def _save_container(self, container: str, record: ContainerRecord) -> None:
        self._save(f"containers/{container}/container", asdict(record))

    def _store_layer(self, tree: bytes, parent: str | None) -> str:
        """Store a layer on another, unless it is there already; return its chain ID."""
        diff_id = digest(tree)
        layer = chain_id([diff_id] if parent is None else [parent, diff_id])
        if layer not in self._layers():
            content, staged = read_tar(tree), self._stage()
            write_files(staged / "diff", content.files, content.directories)
            record = LayerRecord(diff_id, measure(content.files), parent)
            (staged / "layer.json").write_text(json.dumps(asdict(record)))
            staged.replace(self.root / "layers" / _hex(layer))
        return layer

    def _register(self, config: bytes, parent: str | None = None) -> str:
        """Store an image config whose layers are stored; return the image ID."""
        image = digest(config)
        self._save_bytes(f"images/{_hex(image)}.json", config)
        if parent is not None:
            self._save("parents", {**self._parents(), image: parent})
        return image

    def _derive(self, base: bytes, tree: bytes | None, parent: str | None, created_by: str) -> str:
        """Make an image that was never there from another's config and one more layer, if any."""
        old = read_config(base)
        diff_ids: list[str] = old["rootfs"]["diff_ids"]
        row: dict[str, object] = {"created": EPOCH, "created_by": created_by}
        if tree is None:
            row["empty_layer"] = True
        else:
            self._store_layer(tree, chain_id(diff_ids) if diff_ids else None)
            diff_ids = [*diff_ids, digest(tree)]
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        config = {**old, "rootfs": rootfs, "history": [*old["history"], row]}
        present = self._images()
        while True:
            labels = {**old["config"]["Labels"], "org.layerproof.serial": str(self._serial())}
            config["config"] = {**old["config"], "Labels": labels}
            data = json.dumps(config, sort_keys=True).encode()
            if digest(data) not in present:
                return self._register(data, parent)

    def _collect(self) -> int:
        """Delete the layers that nothing reaches; return their bytes."""
        layers = self._layers()
        beneath = {layer: record.parent for layer, record in layers.items()}
        reached = {layer for stack in self._images().values() for layer in stack}
        for lease in self._leases().values():
            reached.update(*(lineage(layer, beneath) for layer in lease.layers))
        garbage = [layer for layer in layers if layer not in reached]
        for layer in sorted(garbage, key=lambda layer: -len(lineage(layer, beneath))):
            self._discard(self.root / "layers" / _hex(layer))
        return sum(layers[layer].size for layer in garbage)

    def _delete_images(self, images: Collection[str]) -> int:
        """Delete images with their references, children first; return the bytes of layers freed."""
        parents = self._parents()
        self._unname(*(r for r, image in self._references().items() if image in images))
        for image in sorted(images, key=lambda image: -len(lineage(image, parents))):
            (self.root / "images" / f"{_hex(image)}.json").unlink()
        self._save("parents", {c: p for c, p in parents.items() if c not in images})
        return self._collect()

    def _is_free(self, image: str, gone: Collection[str]) -> bool:
        """Say whether no name, container, lease or recorded child keeps an image, once others are gone."""
        named = self._tags(image) or self._digests(image)
        return not (named or self._users(image) or self._leased(image) or self._children(image) - {*gone})

    def _cascade(self, image: str) -> list[str]:
        """Return an image and the ancestors that only it keeps."""
        going = [image]
        for ancestor in lineage(image, self._parents())[1:]:
            if not self._is_free(ancestor, going):
                break
            going.append(ancestor)
        return going

    def _remove_if_free(self, image: str) -> None:
        if self._is_free(image, ()):
            self._delete_images(self._cascade(image))

    def _end_lease(self, lease: str) -> None:
        (self.root / "leases" / f"{lease}.json").unlink()
        self._collect()
