"""What layerproof needs of an engine: one method per operation, and the whole observable state.

Nothing has to be subclassed: any object that satisfies :class:`Engine` can be judged. A method does the
operation and returns, or raises :class:`~layerproof.errors.Refused` with the name of the refusal, or
:class:`~layerproof.errors.EngineUnreachable` when the engine is gone or silent.

Images and containers are addressed by the IDs that the engine itself gave them, references and container
names by the strings that the caller chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from layermodel.formats.content import Files

REFUSALS = (
    "no-such-image",
    "no-such-reference",
    "no-such-container",
    "no-such-lease",
    "name-taken",
    "same-name",
    "used-by-container",
    "used-by-running-container",
    "used-by-lease",
    "has-child-images",
    "several-tags",
    "is-running",
    "is-paused",
    "not-running",
    "not-paused",
    "digest-as-target",
    "damaged-archive",
    "missing-layer",
    "not-in-build",
)
"""The names an engine may refuse with; any other counts as ``unclassified``."""


@dataclass(frozen=True)
class ImageSeen:
    """One image as the engine reports it.

    Attributes:
        references: the full references (``repo:tag`` or ``repo@sha256:…``) that name it.
        parent: the image ID of the recorded parent image, or None.
        layers: its layers' chain IDs, bottom first.
        size: bytes, as the engine reports them.
        shared: bytes in layers that another image has too, or None if the engine does not say.
    """

    references: frozenset[str]
    parent: str | None
    layers: tuple[str, ...]
    size: int
    shared: int | None = None


@dataclass(frozen=True)
class ContainerSeen:
    """One container as the engine reports it.

    Attributes:
        image: the image ID that it was created from.
        status: ``created``, ``running``, ``paused`` or ``exited``.
        size_rw: bytes in its upper layer.
        size_root_fs: bytes of the image's layers plus ``size_rw``.
        upper: the digest of the regular files in its upper layer
            (:func:`layermodel.formats.content.files_digest`), or None if the engine does not let one see them.
    """

    name: str
    image: str
    status: str
    size_rw: int
    size_root_fs: int
    upper: str | None = None


@dataclass(frozen=True)
class Observation:
    """The whole observable state of an engine's store.

    Attributes:
        images: by image ID.
        containers: by container ID.
        layers: every layer stored, chain ID to the digest of its files
            (:func:`layermodel.formats.content.files_digest`), or None if the engine does not let one see them.
        usage: bytes of all stored layers, each counted once, as the engine reports it, or None.
        leases: the operations in progress, or None if the engine has none.
        strange: what its answers say that cannot be so, in words: that a list shows an object twice, for one.
        unwritten: of containers and layers, by their IDs, the paths of files that are there though no operation
            wrote them; ``upper`` and ``layers`` are without these.
    """

    images: Mapping[str, ImageSeen]
    containers: Mapping[str, ContainerSeen]
    layers: Mapping[str, str] | None = None
    usage: int | None = None
    leases: frozenset[str] | None = None
    strange: tuple[str, ...] = ()
    unwritten: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@runtime_checkable
class Engine(Protocol):
    """A container engine under judgement.

    Attributes:
        name: ``directory``, ``docker`` …
        version: the engine's own version string.
        dialect: the name of the dialect whose traits it is expected to have; None if that is to be found out.
        capabilities: the operations (method names) it can express; the others are not applicable.
        program: files that a root layer needs for a container to be startable (may be empty), and
        command: what a container then runs.

    It may have ``labels``, too: labels that the configs of the images in all archives carry, so that what a run
    made can be told from what others have.
    """

    name: str
    version: str
    dialect: str | None
    capabilities: frozenset[str]
    program: Files
    command: tuple[str, ...]

    def load(self, archive: bytes) -> None:
        """Load a ``docker save`` archive; references in it move to its images.

        One of which a layer is not what its diff ID says is refused as ``damaged-archive``, unless a layer of that
        chain ID is stored; one with a reference that is a digest as ``digest-as-target``.
        """

    def import_(self, tree: bytes, reference: str | None) -> str:
        """Make an image of one layer from a root file system's tar archive; return its image ID."""

    def tag(self, image: str, reference: str) -> None:
        """Make a reference name an image."""

    def untag(self, reference: str) -> None:
        """Take a reference away; the image stays."""

    def remove_by_tag(self, reference: str, force: bool) -> None:
        """``rmi TAG``."""

    def remove_by_digest(self, reference: str, force: bool) -> None:
        """``rmi REPO@DIGEST``."""

    def remove_by_id(self, image: str, force: bool) -> None:
        """``rmi ID``."""

    def prune(self) -> int:
        """Remove dangling images; return the bytes reported as reclaimed."""

    def prune_all(self) -> int:
        """Remove all unused images; return the bytes reported as reclaimed."""

    def create(self, image: str, name: str) -> str:
        """Create a container of an image; return its ID."""

    def start(self, container: str) -> None:
        """Start a container."""

    def stop(self, container: str) -> None:
        """Stop a container."""

    def kill(self, container: str) -> None:
        """Kill a container's main process."""

    def pause(self, container: str) -> None:
        """Pause a container."""

    def unpause(self, container: str) -> None:
        """Unpause a container."""

    def restart(self, container: str) -> None:
        """Restart a container."""

    def rename(self, container: str, name: str) -> None:
        """Give a container another name."""

    def remove(self, container: str, force: bool) -> None:
        """Remove a container."""

    def container_prune(self) -> int:
        """Remove containers that are not running; return the bytes reported as reclaimed."""

    def write(self, container: str, files: Files) -> None:
        """Make the container's upper layer hold these files, replacing files of the same path."""

    def commit(self, container: str) -> str:
        """Make an image without a reference from a container; return its image ID."""

    def commit_as(self, container: str, reference: str) -> str:
        """Make an image from a container and name it; return its image ID. A digest is ``digest-as-target``."""

    def build_step(self, image: str, files: Files) -> str:
        """Make an image from another by adding a layer of these files; return its image ID."""

    def pull_begin(self) -> str:
        """Begin a pull; return its lease."""

    def pull_layer(self, lease: str, tree: bytes, parent: str | None) -> None:
        """Store a pulled layer on top of the layer with chain ID ``parent``, held by the lease."""

    def pull_finish(self, lease: str, config: bytes, reference: str, digest_reference: str) -> str:
        """Register the pulled image under both references, end the lease; return the image ID."""

    def build_begin(self, image: str) -> str:
        """Begin a build from an image; return its lease, which holds the image."""

    def build_add(self, lease: str, image: str, files: Files) -> str:
        """Add a step to a build on an image that its lease holds; return the new image's ID."""

    def build_finish(self, lease: str, image: str, reference: str) -> None:
        """Make a reference name an image that the lease holds, and end the lease."""

    def abort(self, lease: str) -> None:
        """End a lease without finishing."""

    def observe(self) -> Observation:
        """Return the whole observable state."""

    def reset(self) -> None:
        """Remove everything that this run made, without restarting the engine."""

    def close(self) -> None:
        """Remove everything that this run made and stop what this run started; may be called twice."""


@dataclass(frozen=True)
class Call:
    """One call of an engine, for scripts: the method's name and what it was given and gave.

    ``arguments`` are the method's positional arguments with engine IDs replaced by variable names such as
    ``image_3`` or ``container_0``; ``result`` is the variable name that the returned ID is bound to.
    """

    method: str
    arguments: tuple[object, ...]
    result: str | None = None


@dataclass(frozen=True)
class Fact:
    """Something that can be seen after the last call, for scripts, with the value that it is to have.

    Attributes:
        of: an image or a container as arguments of a :class:`Call` name it; empty if it is of the whole store.
        what: of an object whether it is ``there`` (bool); of an image its ``references`` (a set), its ``parent``
            (named as ``of``, or empty), its ``size`` and what it has ``shared`` (bytes); of a container its
            ``name``, its ``image`` (named as ``of``), ``status``, ``size_rw`` and ``size_root_fs`` (bytes), and
            the ``files`` in its upper layer; of the store its ``usage`` (bytes), the sets of all ``images`` and
            ``containers``, what the last call ``reclaimed`` (bytes), its ``refusal`` (empty if it is to be done),
            ``why`` it is to be refused where it is refused for another reason, whether it ``answers`` (bool), and
            that what differs is ``unseen`` from outside.
    """

    of: str
    what: str
    expected: object
