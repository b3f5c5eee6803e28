"""A small content-addressed container store in a folder: an engine of our own that needs no privileges.

The store itself is :mod:`layerproof.engines.directory.store`; here are the operations on it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from layermodel.formats.content import Files, chain_id, digest, layer_tar, measure
from layerproof.engines.directory.content import (
    WHITEOUT,
    check_acyclic,
    clean_files,
    clean_path,
    digest_of_folder,
    hides,
    read_archive,
    read_config,
    read_files,
    read_tar,
    repository,
    write_files,
)
from layerproof.engines.directory.store import (
    EPOCH,
    FOLDERS,
    ContainerRecord,
    DirectoryStore,
    LeaseRecord,
    lineage,
)
from layerproof.errors import Refused
from layerproof.machines.store.engine import ContainerSeen, Engine, ImageSeen, Observation
from layerproof.process.folders import Temporary


def _version() -> str:
    try:
        return version("layerproof")
    except PackageNotFoundError:
        return "0"


OPERATIONS = frozenset(
    name for name, value in vars(Engine).items() if callable(value) and not name.startswith("_")
) - {"observe", "reset", "close"}
"""Every operation of the protocol."""


class DirectoryEngine(DirectoryStore):
    """A container store in a folder; its IDs are deterministic, so that equal calls give equal states.

    Args:
        root: the store's folder, made if missing; without it a temporary one that :meth:`close` removes.
        faults: names of :data:`~layerproof.engines.directory.faults.FAULTS` to plant, to see whether a
            check finds them.

    Raises:
        WrongRequest: if the folder holds something else, or there is no fault of that name.
    """

    def __new__(cls, root: Path | None = None, faults: frozenset[str] = frozenset()) -> DirectoryEngine:
        """Return an engine with the faults planted, as a subclass, so that this class knows none of them."""
        del root
        if not faults:
            return object.__new__(cls)
        from layerproof.engines.directory.faults import with_faults  # it builds on this module

        return object.__new__(with_faults(cls, faults))

    def __init__(self, root: Path | None = None, faults: frozenset[str] = frozenset()) -> None:
        """Open the store, see the class."""
        self.name = "directory"
        self.version = _version()
        self.dialect = "docker"
        self.capabilities = OPERATIONS
        self.program: Files = {}
        self.command: tuple[str, ...] = ()
        self.faults = faults
        self._temporary: Temporary | None = None
        if root is None:
            self._temporary = Temporary()
            root = self._temporary.path
        super().__init__(root)

    # Images

    def load(self, archive: bytes) -> None:
        """Load a ``docker save`` archive; what is wrong in it is refused, if only as ``unclassified``."""
        rows = read_archive(archive, self._layers())
        ids = [digest(row.config) for row in rows]
        links = {image: row.parent for image, row in zip(ids, rows, strict=True) if row.parent in ids}
        parents = {**{c: p for c, p in links.items() if p is not None}, **self._parents()}
        check_acyclic(parents)
        present = self._images()
        for image, row in zip(ids, rows, strict=True):
            layer: str | None = None
            for chain, tree in row.trees.items():
                if chain not in self._layers():
                    self._store_layer(tree, layer)
                layer = chain
            if image not in present:
                self._register(row.config)
        self._save("parents", parents)
        tags = {tag: image for image, row in zip(ids, rows, strict=True) for tag in row.tags}
        self._save("references", {**self._references(), **tags})

    def import_(self, tree: bytes, reference: str | None) -> str:
        """Make a new image of one layer; a bad archive is refused as ``unclassified``."""
        read_tar(tree)
        self._no_digest(reference)
        empty = {"architecture": "amd64", "os": "linux", "created": EPOCH, "rootfs": {"diff_ids": []}}
        image = self._derive(json.dumps(empty).encode(), tree, None, "import")
        if reference is not None:
            self._name(reference, image)
        return image

    def tag(self, image: str, reference: str) -> None:
        """Make a tag name an image; the image that it named stays."""
        self._image(image)
        self._no_digest(reference)
        self._name(reference, image)

    def _no_digest(self, reference: str | None) -> None:
        if reference is not None and "@" in reference:
            raise Refused("digest-as-target", f"{reference} is a digest reference")

    def untag(self, reference: str) -> None:
        """Take a reference away; the image stays."""
        self._named_image(reference, self._references())
        self._unname(reference)

    def _named_image(self, reference: str, references: Mapping[str, str]) -> str:
        if reference not in references:
            raise Refused("no-such-reference", f"{reference} names no image")
        return references[reference]

    def _check_last_name(self, image: str, force: bool) -> None:
        if not force and self._users(image) and self._single_reference(image):
            raise Refused("used-by-container", f"a container uses {image}, which has no other name")

    def remove_by_tag(self, reference: str, force: bool) -> None:
        """Take a tag away, and the image with it if nothing else keeps it."""
        tags = {r: image for r, image in self._references().items() if "@" not in r}
        image = self._named_image(reference, tags)
        self._check_last_name(image, force)
        own = repository(reference)
        dropped = [reference]
        if not any(repository(tag) == own for tag in self._tags(image) if tag != reference):
            dropped += [r for r in self._digests(image) if repository(r) == own]
        self._unname(*dropped)
        self._remove_if_free(image)

    def remove_by_digest(self, reference: str, force: bool) -> None:
        """Take a digest reference away, and the image with it if nothing else keeps it."""
        digests = {r: image for r, image in self._references().items() if "@" in r}
        image = self._named_image(reference, digests)
        self._check_last_name(image, force)
        self._unname(reference)
        self._remove_if_free(image)

    def remove_by_id(self, image: str, force: bool) -> None:
        """Remove an image with all its names, and the ancestors that only it keeps."""
        self._image(image)
        users = self._users(image)
        if self._children(image):
            raise Refused("has-child-images", f"other images were made from {image}")
        if any(user.status in ("running", "paused") for user in users):
            raise Refused("used-by-running-container", f"a running container uses {image}")
        if self._leased(image):
            raise Refused("used-by-lease", f"an operation in progress needs {image}")
        if not force and not self._single_reference(image):
            raise Refused("several-tags", f"{image} has several names")
        if users:
            raise Refused("used-by-container", f"a stopped container uses {image}")
        self._delete_images(self._cascade(image))

    def _prunable(self, spare_tagged: bool) -> set[str]:
        """Return the unused images that keep no used one, optionally the untagged among them."""
        images, parents = self._images(), self._parents()
        keep = [i for i in images if self._users(i) or self._leased(i) or (spare_tagged and self._tags(i))]
        return set(images).difference(*(lineage(image, parents) for image in keep))

    def prune(self) -> int:
        """Remove the untagged images that nothing uses; return the bytes of layers freed."""
        return self._delete_images(self._prunable(spare_tagged=True))

    def prune_all(self) -> int:
        """Remove the images that nothing uses, tagged or not; return the bytes of layers freed."""
        return self._delete_images(self._prunable(spare_tagged=False))

    # Containers

    def _check_name(self, name: str) -> None:
        if any(record.name == name for record in self._containers().values()):
            raise Refused("name-taken", f"a container named {name} exists")

    def create(self, image: str, name: str) -> str:
        """Create a container with an empty upper layer; return its ID."""
        self._image(image)
        self._check_name(name)
        container, staged = f"container-{self._serial()}", self._stage()
        record = ContainerRecord(name, image)
        write_files(staged / "upper" / str(record.generation), {})
        (staged / "container.json").write_text(json.dumps(asdict(record)))
        staged.replace(self.root / "containers" / container)
        return container

    def _set_status(self, container: str, status: str) -> None:
        self._save_container(container, replace(self._container(container), status=status))

    def start(self, container: str) -> None:
        """Mark a container as running; a paused one is refused."""
        if self._container(container).status == "paused":
            raise Refused("is-paused", f"{container} is paused")
        self._set_status(container, "running")

    def stop(self, container: str) -> None:
        """Mark a running or paused container as exited."""
        if self._container(container).status in ("running", "paused"):
            self._set_status(container, "exited")

    def kill(self, container: str) -> None:
        """Mark a container as exited; one that is not running is refused."""
        if self._container(container).status not in ("running", "paused"):
            raise Refused("not-running", f"{container} is not running")
        self._set_status(container, "exited")

    def pause(self, container: str) -> None:
        """Mark a running container as paused."""
        status = self._container(container).status
        if status == "paused":
            raise Refused("is-paused", f"{container} is paused already")
        if status != "running":
            raise Refused("not-running", f"{container} is not running")
        self._set_status(container, "paused")

    def unpause(self, container: str) -> None:
        """Mark a paused container as running."""
        if self._container(container).status != "paused":
            raise Refused("not-paused", f"{container} is not paused")
        self._set_status(container, "running")

    def restart(self, container: str) -> None:
        """Mark a container as running, whatever it was."""
        self._set_status(container, "running")

    def rename(self, container: str, name: str) -> None:
        """Give a container a name that none has."""
        record = self._container(container)
        if record.name == name:
            raise Refused("same-name", f"{container} has the name {name} already")
        self._check_name(name)
        self._save_container(container, replace(record, name=name))

    def _delete_container(self, container: str) -> None:
        self._discard(self.root / "containers" / container)
        self._collect()

    def remove(self, container: str, force: bool) -> None:
        """Remove a container with its upper layer; a running or paused one only by force."""
        status = self._container(container).status
        if status in ("paused", "running") and not force:
            raise Refused(f"is-{status}", f"{container} is {status}")
        self._delete_container(container)

    def container_prune(self) -> int:
        """Remove the created and exited containers; return the bytes of their upper layers."""
        going = {c: r for c, r in self._containers().items() if r.status in ("created", "exited")}
        for container in going:
            self._delete_container(container)
        return sum(record.size_rw for record in going.values())

    def write(self, container: str, files: Files) -> None:
        """Make a container's upper layer hold these files and no others."""
        old = self._container(container)
        clean = clean_files(files)
        new = replace(old, size_rw=measure(files), generation=old.generation + 1)
        staged = self._stage()
        write_files(staged, clean)
        staged.replace(self._upper(container, new))
        self._save_container(container, new)
        self._discard(self._upper(container, old))

    def read(self, container: str, path: str) -> bytes:
        """Return a file as the container sees it: its upper layer's, else the topmost layer's that has it.

        Raises:
            Refused: ``no-such-container``, or ``no-such-path`` where the container sees no regular file.
        """
        record, name = self._container(container), clean_path(path)
        stack = [self._upper(container, record), *map(self._diff, reversed(self._images()[record.image]))]
        marked = any(part.startswith(WHITEOUT) for part in name.split("/"))
        for folder in [] if marked else stack:
            if (folder / name).is_file():
                return (folder / name).read_bytes()
            if hides(folder, name):
                break
        raise Refused("no-such-path", f"{container} has no file {path}")

    def commit(self, container: str) -> str:
        """Make an image of a container's image and upper layer; an empty upper adds no layer."""
        record = self._container(container)
        files = read_files(self._upper(container, record))
        tree = layer_tar(files) if files else None
        return self._derive(self._config(record.image), tree, record.image, "commit")

    def commit_as(self, container: str, reference: str) -> str:
        """Make an image of a container as commit does, and a tag name it."""
        self._container(container)
        self._no_digest(reference)
        image = self.commit(container)
        self._name(reference, image)
        return image

    # Builds and pulls

    def build_step(self, image: str, files: Files) -> str:
        """Make a new image by adding a layer; impossible paths are refused as ``unclassified``."""
        self._image(image)
        return self._derive(self._config(image), layer_tar(clean_files(files)), image, "build")

    def _begin(self, record: LeaseRecord) -> str:
        lease = f"lease-{self._serial()}"
        self._save(f"leases/{lease}", asdict(record))
        return lease

    def pull_begin(self) -> str:
        """Begin a pull; return its lease."""
        return self._begin(LeaseRecord())

    def pull_layer(self, lease: str, tree: bytes, parent: str | None) -> None:
        """Store a pulled layer; the lease holds it and everything beneath it."""
        record = self._lease(lease)
        if parent is not None and parent not in self._layers():
            raise Refused("missing-layer", f"there is no layer {parent}")
        layer = self._store_layer(tree, parent)
        held = tuple(dict.fromkeys((*record.layers, layer)))
        self._save(f"leases/{lease}", asdict(replace(record, layers=held)))

    def pull_finish(self, lease: str, config: bytes, reference: str, digest_reference: str) -> str:
        """Register the pulled image under both references and end the lease; return the image ID."""
        record = self._lease(lease)
        diff_ids = read_config(config)["rootfs"]["diff_ids"]
        beneath = {layer: stored.parent for layer, stored in self._layers().items()}
        held = {layer for top in record.layers for layer in lineage(top, beneath)}
        if diff_ids and chain_id(diff_ids) not in held:
            raise Refused("missing-layer", f"the pull did not store {chain_id(diff_ids)}")
        image = self._register(config)
        self._save("references", {**self._references(), reference: image, digest_reference: image})
        self._end_lease(lease)
        return image

    def build_begin(self, image: str) -> str:
        """Begin a build; return its lease, which holds the image."""
        self._image(image)
        return self._begin(LeaseRecord(images=(image,)))

    def _leased_image(self, lease: str, image: str) -> LeaseRecord:
        record = self._lease(lease)
        if image not in record.images:
            raise Refused("not-in-build", f"{image} is no part of the build with the lease {lease}")
        return record

    def build_add(self, lease: str, image: str, files: Files) -> str:
        """Add a step to a build; its lease holds the new image."""
        record = self._leased_image(lease, image)
        new = self.build_step(image, files)
        self._save(f"leases/{lease}", asdict(replace(record, images=(*record.images, new))))
        return new

    def build_finish(self, lease: str, image: str, reference: str) -> None:
        """Make a reference name an image of the build, and end the lease."""
        self._leased_image(lease, image)
        self._name(reference, image)
        self._end_lease(lease)

    def abort(self, lease: str) -> None:
        """End a lease: layers that only it kept go, images that the build made stay."""
        self._lease(lease)
        self._end_lease(lease)

    # The whole store

    def observe(self) -> Observation:
        """Return the whole observable state; digests are of the files on disk, sizes in bytes as recorded."""
        sizes = {layer: record.size for layer, record in self._layers().items()}
        images = self._seen_images(sizes)
        layers = {layer: digest_of_folder(self._diff(layer)) for layer in sizes}
        containers = self._seen_containers(images)
        return Observation(images, containers, layers, sum(sizes.values()), frozenset(self._leases()))

    def _seen_containers(self, images: Mapping[str, ImageSeen]) -> dict[str, ContainerSeen]:
        return {
            container: ContainerSeen(
                name=record.name,
                image=record.image,
                status=record.status,
                size_rw=record.size_rw,
                size_root_fs=images[record.image].size + record.size_rw,
                upper=digest_of_folder(self._upper(container, record)),
            )
            for container, record in self._containers().items()
        }

    def _seen_images(self, sizes: Mapping[str, int]) -> dict[str, ImageSeen]:
        stacks, parents, references = self._images(), self._parents(), self._references()
        # An untagged image that others were made from is not listed, and shares with nobody but its own.
        hidden = set(parents.values()) - set(references.values())
        needed = {layer for stack in stacks.values() for layer in stack}
        owners = {layer: {i for i in stacks if layer in stacks[i] and i not in hidden} for layer in needed}
        return {
            image: ImageSeen(
                references=frozenset(r for r, named in references.items() if named == image),
                parent=parents.get(image),
                layers=tuple(stack),
                size=sum(sizes[layer] for layer in stack),
                shared=sum(sizes[layer] for layer in stack if owners[layer] - {image}),
            )
            for image, stack in stacks.items()
        }

    def reset(self) -> None:
        """Empty the store."""
        for name in (*FOLDERS, "references.json", "parents.json", "store.json"):
            path = self.root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self._open()

    def close(self) -> None:
        """Remove the folder if it is a temporary one; may be called twice."""
        if self._temporary is not None:
            self._temporary.remove()
