"""Docker Engine as an :class:`~layerproof.machines.store.engine.Engine`: a private one, or one shared with others.

Source: Docker Engine API 1.41. Private mode reads the stored layers from the data root too; in shared mode
the adapter touches nothing that the run did not make, and its references and names carry a prefix.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from layermodel.formats.content import Files, chain_ids
from layerproof.engines.docker.api import DockerApi
from layerproof.engines.docker.configured import Configured, configured
from layerproof.engines.docker.daemon import PrivateDaemon
from layerproof.engines.docker.dialects import dialect_of
from layerproof.engines.docker.leftovers import LABEL, OWN, Left, Mark, left_behind, mark_of, told
from layerproof.engines.docker.store import DiskStore
from layerproof.engines.service import files as service_files
from layerproof.engines.service.served import Served, quoted, repeated
from layerproof.errors import (
    EngineUnreachable,
    Refused,
    Unintelligible,
    WrongRequest,
)
from layerproof.fields import Fields
from layerproof.machines.store.engine import Call, ContainerSeen, Fact, ImageSeen, Observation
from layerproof.process.signals import held_back

_ALWAYS = frozenset(
    (
        *("load", "import_", "tag", "remove_by_tag", "remove_by_id", "commit", "commit_as", "build_step"),
        *("create", "start", "stop", "kill", "pause", "unpause", "restart", "rename", "remove", "write"),
    )
)
_PRIVATE = frozenset({"prune", "prune_all", "container_prune"})
_COMES_BACK = 10.0
"""Seconds that a shared engine may take until it answers again, as when a supervisor starts it anew."""

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


def _split(reference: str) -> tuple[str, str]:
    """The repository and the tag as the API has them: a digest reference is all repository."""
    if "@" in reference:
        return reference, ""
    repository, _, tag = reference.rpartition(":")
    return repository, tag


def _whole(
    operation: Callable[Concatenate[DockerEngine, _Arguments], _Answer],
) -> Callable[Concatenate[DockerEngine, _Arguments], _Answer]:
    """Let a signal wait until a shared engine has answered: only the answer tells what there is to remove."""

    @functools.wraps(operation)
    def whole(self: DockerEngine, /, *arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Answer:
        with held_back() if self.daemon is None else contextlib.nullcontext():
            return operation(self, *arguments, **named)

    return whole


class DockerEngine(Served[PrivateDaemon]):
    """A Docker Engine under judgement; see :class:`~layerproof.machines.store.engine.Engine` for the operations.

    Attributes:
        name: ``docker``.
        version: the server's version string.
        dialect: the one of its version: see :mod:`layerproof.engines.docker.dialects`.
        capabilities: the operations it can express; in shared mode without those that reach beyond the run.
        program: what a root layer needs for a container to be startable: busybox, or a tiny program.
        command: what a container then runs.
        prefix: what this run's references and container names begin with; empty in private mode.
        socket: the address of the API.
        api: what speaks to it.
        daemon: the private daemon, or None in shared mode.
        labels: what all carries that this run makes, beside others' things: whose it is; nothing in private mode.
        warnings: what is to be said before the run, a sentence each.
        leaked: what the last reset could not remove: layers, images or containers, as the engine names them.
        not_compared: what it reports, and nothing is compared with.
    """

    name = "docker"
    not_compared = ("Config of images and containers", "times", "labels", "networks", "mounts", "history")

    def __init__(
        self,
        *,
        socket: str | None = None,
        dockerd: str = "dockerd",
        daemon_config: str | None = None,
        daemon_arg: Sequence[str] = (),
        timeout: float = 60.0,
        prefix: str | None = None,
        busybox: str | None = service_files.AUTO,
    ) -> None:
        """Start a private engine, or connect to a running one.

        Args:
            socket: the address of a running engine, or None for a private one.
            dockerd: the program of the private engine.
            daemon_config: the path of a ``daemon.json`` for it, or None.
            daemon_arg: further arguments for it.
            timeout: seconds that the engine may be silent in any one request.
            prefix: for shared mode; chosen at random if it is None.
            busybox: a static busybox for containers to run, ``auto``, or None for a tiny program made here.

        Raises:
            EngineUnreachable: if it can't be started or does not answer.
            WrongRequest: if the socket is no address, the private engine is to be configured so that it would not
                be private, or the engine keeps its images in a way that there is no dialect of.
        """
        self._configured = configured(daemon_config, daemon_arg)
        if socket is not None and self._configured != Configured():
            raise WrongRequest("--daemon-config and --daemon-arg are for a private Docker Engine: not with "
                               "--socket")
        self.leaked: tuple[str, ...] = ()
        self._timeout = timeout
        self._images: set[str] = set()
        self._containers: set[str] = set()
        self._uppers: dict[str, str] = {}
        self._closed = False
        self.program: Files
        self.program, self.command = service_files.find_program(busybox)
        self.prefix, self.labels = "", dict[str, str]()
        # A prefix that was chosen for us may be another's, too.
        self._unique = socket is not None and prefix is None
        if socket is not None:
            # Layers of its own: what two runs share would be removed for one by the other.
            self.prefix = f"{prefix or 'lp-' + secrets.token_hex(4)}-"
            self.labels = {LABEL: str(Mark.own(self.prefix))}
            self.program = {**self.program, OWN: f"{self.prefix}{secrets.token_hex(4)}".encode()}
        self._dockerd = dockerd
        self.daemon = None
        self.capabilities = _ALWAYS if socket is not None else _ALWAYS | _PRIVATE
        self._start(socket)
        self.warnings = tuple(filter(None, (told(left_behind(self.api)),))) if socket is not None else ()

    def _start(self, socket: str | None) -> None:
        """Connect to a running engine, or start a private one."""
        said = self._configured
        self.daemon = None if socket is not None else PrivateDaemon(
            dockerd=self._dockerd, limit=self._timeout, storage_driver=None if said.driver else "overlay2",
            flags=said.flags, config=said.text)
        self.socket = socket if self.daemon is None else self.daemon.socket
        try:
            self.api = DockerApi(str(self.socket), self._timeout)
            self._disk = self._disk_store(self._fields("/info"))
        except BaseException:
            if self.daemon is not None:
                self.daemon.stop()
            raise
        self.version = self.api.engine_version
        self.dialect = dialect_of(self.version)

    def revive(self) -> None:
        """Have an engine answer again that does not: a private one is started anew, a shared one is waited for.

        Raises:
            EngineUnreachable: if it can't be started, or does not answer.
        """
        self.api.close()
        if self.daemon is None:
            self._start_again(str(self.socket))
            return
        self.daemon.stop()
        for known in (self._images, self._containers, self._uppers):
            known.clear()
        self._start(None)

    def _start_again(self, socket: str) -> None:
        """Connect to a shared engine that may be about to come back."""
        deadline = time.monotonic() + min(self._timeout, _COMES_BACK)
        while True:
            try:
                return self._start(socket)
            except EngineUnreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def script(self, calls: tuple[Call, ...], facts: tuple[Fact, ...] = ()) -> str:
        """A shell script of ``docker`` commands that does these calls, and then checks these facts."""
        from layerproof.engines.docker.script import script

        return script(calls, facts)

    def _disk_store(self, info: Fields) -> DiskStore | None:
        """Return the view of the private engine's layers, if it keeps them in a way that we can read.

        Raises:
            WrongRequest: if containerd keeps its images: it behaves otherwise, and there is no dialect of that.
        """
        if any("io.containerd.snapshotter.v1" in row for row in info.listed("DriverStatus")):
            raise WrongRequest(
                f"the Docker Engine at {self.socket} keeps its images in containerd; how it behaves then is no "
                "dialect that layerproof knows yet, and it would be held to what it does not claim: judge one "
                'with a graph driver (in daemon.json: {"features": {"containerd-snapshotter": false}})')
        if self.daemon is None or info.text("Driver") != "overlay2":
            return None
        return DiskStore(self.daemon.data_root)

    # Images

    @_whole
    def load(self, archive: bytes) -> None:
        """Load a ``docker save`` archive; references in it move to its images.

        Raises:
            WrongRequest: in shared mode, if the engine had one of the images before this run.
        """
        if self.daemon is not None:
            self.api.stream("/images/load", archive, quiet=True)
            return
        before = self._image_ids()
        made = set(service_files.image_ids_in(archive))
        if foreign := (made & before) - self._images:
            raise WrongRequest(f"the Docker Engine had image {min(foreign)} before; it is left alone")
        renamed = service_files.with_references(archive, self._outer)
        # A load that fails, or of which no answer comes, may have stored some of its images.
        self._images |= made
        told = self.api.stream("/images/load", renamed, quiet=True)
        self._images |= set(self._loaded(told)) - before

    def _loaded(self, told: list[dict[str, Any]]) -> Iterator[str]:
        """Yield the image IDs that the engine said it loaded; with containerd's store no config's digest."""
        for line in "".join(str(message.get("stream", "")) for message in told).splitlines():
            words, _, name = line.partition(": ")
            if words in ("Loaded image", "Loaded image ID"):
                yield self._fields(f"/images/{quoted(name.strip())}/json").text("Id")

    @_whole
    def import_(self, tree: bytes, reference: str | None) -> str:
        """Make an image of one layer from a root file system's archive; return its image ID.

        Its command is the engine's ``command``; import cannot set a stop signal.
        """
        repository, tag = _split(self._outer(reference)) if reference else ("", "")
        command = ",".join(f'"{word}"' for word in self.command)
        told = self.api.stream(
            "/images/create", tree, fromSrc="-", repo=repository, tag=tag,
            changes=(f"CMD [{command}]", *(f"LABEL {name}={value}" for name, value in self.labels.items()))
        )
        last = told[-1] if told else None
        return self._own_image(Fields(last, "the last message of POST /images/create", nulls=True).text("status"))

    @_whole
    def tag(self, image: str, reference: str) -> None:
        """Make a reference name an image."""
        self._need_image(image)
        self.api.post(f"/images/{quoted(image)}/tag", repo=self._outer(reference))

    def remove_by_tag(self, reference: str, force: bool) -> None:
        """``rmi TAG``."""
        try:
            self._remove_image(self._outer(reference), force)
        except Refused as refused:
            if refused.refusal == "no-such-image":
                raise Refused("no-such-reference", refused.detail) from None
            raise

    def remove_by_id(self, image: str, force: bool) -> None:
        """``rmi ID``."""
        self._need_image(image)
        self._remove_image(image, force)

    @_whole
    def _remove_image(self, name: str, force: bool) -> None:
        self.api.request("DELETE", f"/images/{quoted(name)}", params={"force": force})

    def prune(self) -> int:
        """Remove dangling images; return the bytes reported as reclaimed."""
        return self._prune_images('{"dangling": ["true"]}')

    def prune_all(self) -> int:
        """Remove all unused images; return the bytes reported as reclaimed."""
        return self._prune_images('{"dangling": ["false"]}')

    def _prune_images(self, filters: str) -> int:
        self._private_only("prune")
        return self._posted("/images/prune", filters=filters).number("SpaceReclaimed")

    @_whole
    def commit(self, container: str) -> str:
        """Make an image without a reference from a container, without pausing it; return its image ID."""
        self._need_container(container)
        return self._own_image(self._posted("/commit", {}, container=container, pause=False).text("Id"))

    @_whole
    def commit_as(self, container: str, reference: str) -> str:
        """Make an image from a container as :meth:`commit` does, and name it; return its image ID."""
        self._need_container(container)
        repository, tag = _split(self._outer(reference))
        return self._own_image(self._posted(
            "/commit", {}, container=container, pause=False, repo=repository, tag=tag).text("Id"))

    @_whole
    def build_step(self, image: str, files: Files) -> str:
        """Make an image from another by adding a layer of these files; return its image ID.

        Uses the classic builder, which needs no network and records the parent.
        """
        self._need_image(image)
        # The builder would look for a missing base image in a registry.
        self.api.get(f"/images/{quoted(image)}/json")
        context = service_files.build_context(image, files)
        options = {"nocache": True, "rm": True, "forcerm": True, "networkmode": "none", "version": 1}
        told = self.api.stream("/build", context, **options)
        return self._own_image(self._made(told, "the answer of POST /build"))

    # Containers

    @_whole
    def create(self, image: str, name: str) -> str:
        """Create a container of an image, with its command and without a network; return its ID."""
        self._need_image(image)
        body = {"Image": image, "StopSignal": "SIGKILL", "HostConfig": {"NetworkMode": "none"},
                "Labels": self.labels}
        container = self._posted("/containers/create", body, name=self.prefix + name).text("Id")
        self._containers.add(container)
        return container

    def start(self, container: str) -> None:
        """Start a container."""
        self._act(container, "start")

    def stop(self, container: str) -> None:
        """Stop a container at once."""
        self._act(container, "stop", t=0)
        self._settle(container, ("created", "exited"))

    def kill(self, container: str) -> None:
        """Kill a container's main process, and wait until it is gone."""
        self._act(container, "kill", signal="SIGKILL")
        self._settle(container, ("exited",))

    def pause(self, container: str) -> None:
        """Pause a container."""
        self._act(container, "pause")

    def unpause(self, container: str) -> None:
        """Unpause a container."""
        try:
            self._act(container, "unpause")
        except Refused as refused:
            # Docker words it as "is not paused", whatever else the container is.
            name = "not-paused" if "not paused" in refused.detail else refused.refusal
            raise Refused(name, refused.detail) from None

    def restart(self, container: str) -> None:
        """Restart a container."""
        self._act(container, "restart", t=0)
        self._settle(container)

    def rename(self, container: str, name: str) -> None:
        """Give a container another name."""
        self._act(container, "rename", name=self.prefix + name)

    @_whole
    def remove(self, container: str, force: bool) -> None:
        """Remove a container."""
        self._need_container(container)
        self.api.request("DELETE", f"/containers/{container}", params={"force": force})
        self._uppers.pop(container, None)

    def container_prune(self) -> int:
        """Remove containers that are not running; return the bytes reported as reclaimed."""
        self._private_only("container_prune")
        return self._posted("/containers/prune").number("SpaceReclaimed")

    @_whole
    def write(self, container: str, files: Files) -> None:
        """Write files into a container as ``docker cp`` does, in any state, paused included.

        Files written before under other paths stay: Docker can't delete in a container that does not run.
        """
        self._need_container(container)
        path = f"/containers/{container}/archive"
        self.api.request("PUT", path, params={"path": "/"}, data=service_files.written_tar(files))

    @_whole
    def _act(self, container: str, action: str, /, **params: object) -> None:
        self._need_container(container)
        self.api.post(f"/containers/{container}/{action}", **params)

    # What Docker has no operation for

    def untag(self, reference: str) -> None:
        """Not applicable: Docker takes a reference away by :meth:`remove_by_tag` only."""
        self._cannot("untag", reference)

    def remove_by_digest(self, reference: str, force: bool) -> None:
        """Not applicable: without a registry no image has a digest reference."""
        self._cannot("remove_by_digest", reference, force)

    def _private_only(self, operation: str) -> None:
        if self.daemon is None:
            raise WrongRequest(f"{operation} would reach beyond this run on a shared Docker Engine")

    # Whose is what

    def _outer(self, reference: str) -> str:
        """Return the engine's name of a reference of the caller."""
        return self.prefix + reference

    def _inner(self, references: list[str]) -> frozenset[str]:
        """Return the caller's names of the engine's references, without those of others."""
        own = (name for name in references if name.startswith(self.prefix) and "<none>" not in name)
        return frozenset(name.removeprefix(self.prefix) for name in own)

    def _own_image(self, image: str) -> str:
        self._images.add(image)
        return image

    def _need_image(self, image: str) -> None:
        if self.daemon is None and image not in self._images:
            raise Refused("no-such-image", f"{image} is not an image of this run")

    def _need_container(self, container: str) -> None:
        if self.daemon is None and container not in self._containers:
            raise Refused("no-such-container", f"{container} is not a container of this run")

    @staticmethod
    def _made(messages: list[dict[str, Any]], what: str) -> str:
        """The ID of the image that a stream of messages says last."""
        found = [Fields(row["aux"], what).text("ID") for row in messages if isinstance(row.get("aux"), dict)
                 and "ID" in row["aux"]]
        if not found:
            raise Unintelligible(f"{what} says of no image that it was made")
        return found[-1]

    def _image_ids(self) -> set[str]:
        return {row.text("Id") for row in self._rows("/images/json", all=True)}

    def _image_rows(self) -> list[Fields]:
        return [row for row in self._rows("/images/json", all=True)
                if self._is_own(row.text("Id") in self._images or self._is_marked(row), row.texts("RepoTags"))]

    def _container_rows(self, size: bool = False) -> list[Fields]:
        return [row for row in self._rows("/containers/json", all=True, size=size)
                if self._is_own(row.text("Id") in self._containers, row.texts("Names"))]

    def _is_marked(self, row: Fields) -> bool:
        """Whether an image is labelled as this run's, and nobody else has named it: what is made of it is, too."""
        return self.daemon is None and mark_of(row) == self.labels[LABEL] and all(
            tag.startswith((self.prefix, "<none>")) for tag in row.texts("RepoTags"))

    def _is_own(self, known: bool, names: list[str]) -> bool:
        """Tell whether a thing is this run's; the answer that told its ID may never have come."""
        if known or self.daemon is not None:
            return True
        return self._unique and any(name.lstrip("/").startswith(self.prefix) for name in names)

    # What is there

    def observe(self) -> Observation:
        """Return the whole observable state; in shared mode, that of this run.

        Raises:
            EngineUnreachable: also if the engine will not tell.
        """
        try:
            return self._observed()
        except Refused as refused:
            words = f"the Docker Engine at {self.socket} would not tell its state: {refused.detail}"
            raise EngineUnreachable(words) from refused

    def _observed(self) -> Observation:
        usage = self._fields("/system/df") if self.daemon is not None else None
        shared = {} if usage is None else {
            row.text("Id"): size for row in usage.rows("Images") if (size := row.number("SharedSize")) >= 0}
        images, containers = self._image_rows(), self._settled_rows()
        seen = {row.text("Id"): self._container_seen(row) for row in containers}
        layers = self._disk.layers() if self._disk is not None else None
        return Observation(
            images={(identity := row.text("Id")): self._image_seen(row, shared.get(identity)) for row in images},
            containers=seen,
            layers=layers,
            usage=None if usage is None else usage.number("LayersSize"),
            strange=(*repeated("image", images), *repeated("container", containers), *_sized_twice(images)),
            unwritten=self._unwritten(),
        )

    def _image_seen(self, row: Fields, shared: int | None) -> ImageSeen:
        shown = self._fields(f"/images/{quoted(row.text('Id'))}/json")
        return ImageSeen(
            references=self._inner(row.texts("RepoTags")) | self._inner(row.texts("RepoDigests")),
            parent=row.text("ParentId") or None,
            layers=tuple(chain_ids(shown.fields("RootFS").texts("Layers"))),
            size=row.number("Size"),
            shared=shared,
        )

    def _container_seen(self, row: Fields) -> ContainerSeen:
        names = row.texts("Names")
        return ContainerSeen(
            name=names[0].removeprefix("/").removeprefix(self.prefix) if names else "",
            image=row.text("ImageID"),
            status=row.text("State"),
            size_rw=row.number("SizeRw") if row.has("SizeRw") else 0,
            size_root_fs=row.number("SizeRootFs") if row.has("SizeRootFs") else 0,
            upper=self._upper(row.text("Id")),
        )

    def _upper(self, container: str) -> str | None:
        """Return the digest of the files in a container's upper layer, where the disk can be read."""
        if self._disk is None:
            return None
        if container not in self._uppers:
            driver = self._fields(f"/containers/{container}/json").fields("GraphDriver")
            self._uppers[container] = driver.fields("Data").text("UpperDir")
        try:
            return self._disk.folder_digest(self._uppers[container])
        except FileNotFoundError:
            return "missing"

    def _unwritten(self) -> dict[str, tuple[str, ...]]:
        """Files that the daemon itself left in uppers and layers, as they were just read."""
        if self._disk is None:
            return {}
        uppers = {container: self._disk.left_in(folder) for container, folder in self._uppers.items()}
        return {identity: left for identity, left in {**uppers, **self._disk.left()}.items() if left}

    # The end

    @_whole
    def reset(self) -> None:
        """Remove everything that this run made, in private mode everything there is; set ``leaked``."""
        for row in self._container_rows():
            with contextlib.suppress(Refused):
                self.api.request("DELETE", f"/containers/{row.text('Id')}", params={"force": True})
        while rows := self._image_rows():
            if not sum(self._try_remove(row) for row in rows):
                break
        left = [row.text("Id") for row in (*self._container_rows(), *self._image_rows())]
        if self._disk is not None:
            left += self._disk.chains()
        self.leaked = tuple(left)
        self._uppers.clear()
        self._images.intersection_update(left)
        self._containers.intersection_update(left)

    def remove_left(self, left: Left) -> tuple[str, ...]:
        """Remove what another run left; what that run would remove at its end, and nothing else.

        Returns:
            What could not be removed, as somebody else uses it: IDs.
        """
        mine = self.prefix, self.labels, self._images, self._containers, self.leaked
        try:
            self.prefix, self.labels = left.mark.prefix, {LABEL: str(left.mark)}
            self._images, self._containers = set(left.images), set(left.containers)
            self.reset()
            return self.leaked
        finally:
            self.prefix, self.labels, self._images, self._containers, self.leaked = mine

    def _try_remove(self, row: Fields) -> bool:
        """Remove an image, unless others of the engine use it; tell whether anything was removed."""
        if self.daemon is not None:
            return self._removed(row.text("Id"), force=True)
        tags = [tag for tag in row.texts("RepoTags") if "<none>" not in tag]
        own = [tag for tag in tags if tag.startswith(self.prefix)]
        if own:
            return sum(self._removed(tag, force=False) for tag in own) > 0
        return not tags and self._removed(row.text("Id"), force=False)

    def _removed(self, name: str, force: bool) -> bool:
        try:
            self._remove_image(name, force)
        except Refused:
            return False
        return True

    def close(self) -> None:
        """Remove everything that this run made and stop what it started; may be called twice.

        Raises:
            EngineUnreachable: in shared mode, if the engine is gone or silent, so that nothing was removed.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self.daemon is not None:
                self.leaked = ()
                self.daemon.stop()
            else:
                self.reset()
        except EngineUnreachable as error:
            left = f"what this run made there may be left, the names of it begin with {self.prefix}"
            raise EngineUnreachable(f"{error}; {left}") from error
        finally:
            self.api.close()

def _sized_twice(images: list[Fields]) -> Iterator[str]:
    """Images of which two sizes are reported, in words. ``VirtualSize`` is ``Size``, until API 1.43."""
    for row in images:
        if row.has("VirtualSize") and row.number("VirtualSize") != row.number("Size"):
            yield (f"image {row.text('Id')} has {row.number('Size')} as Size and {row.number('VirtualSize')} as "
                   "VirtualSize")
