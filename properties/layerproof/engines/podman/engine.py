"""Podman as an :class:`~layerproof.machines.store.engine.Engine`, a private one, through its own API.

Source: Podman's libpod REST API 4.0. The stored layers are read from its root, too.

Podman counts the bytes of an image in archives, and the model those of files; how much of an image is no contents
of files is known exactly of what is stored (:meth:`~layerproof.engines.podman.store.DiskStore.framings`), and is
taken from the size that Podman reports. Bytes of containers it counts in files.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from layermodel.formats.content import Files, chain_ids
from layerproof.engines.podman.api import IMPROPER, PodmanApi
from layerproof.engines.podman.daemon import DRIVERS, PrivatePodman
from layerproof.engines.podman.store import DiskStore
from layerproof.engines.service import files as service_files
from layerproof.engines.service.served import Served, quoted, repeated
from layerproof.errors import UNCLASSIFIED, EngineUnreachable, Refused, Unintelligible, WrongRequest
from layerproof.fields import Fields, rows
from layerproof.machines.store.engine import ContainerSeen, ImageSeen, Observation

_CAPABILITIES = frozenset((
    *("load", "import_", "tag", "untag", "remove_by_tag", "remove_by_id", "prune", "prune_all"),
    *("create", "start", "stop", "kill", "pause", "unpause", "restart", "rename", "remove", "container_prune"),
    *("write", "commit", "commit_as", "build_step"),
))
_HERE = "localhost/"
"""What Podman puts before a name that says no registry; said at once, it is put nowhere else."""
_MADE_AT_A_START = ("dev/kept", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc/kept",
                    "run/.containerenv", "sys/kept")
"""What Podman and its runtime make in a container's upper layer when it is started, if an image lacks it.

So that nothing is made, root layers have the files, and for the folders a file in each.
"""
_OF_STATE = {
    "start": {"paused": "is-paused"}, "stop": {"paused": "is-paused"}, "restart": {"paused": "is-paused"},
    "pause": {"paused": "is-paused", "created": "not-running", "exited": "not-running"},
    "kill": {"created": "not-running", "exited": "not-running"},
    "unpause": {"created": "not-paused", "running": "not-paused", "exited": "not-paused"},
    "remove": {"paused": "is-paused", "running": "is-running"},
}
"""By operation and state of the container, what it is refused for where Podman says that the state is improper."""
_ALIKE = {"stopped": "exited", "initialized": "created", "configured": "created"}
"""States that are seen for a moment, and what they are called here."""


def _split(reference: str) -> tuple[str, str]:
    """The repository and the tag as the API has them: a digest reference is all repository."""
    if "@" in reference:
        return reference, ""
    repository, _, tag = reference.rpartition(":")
    return repository, tag


class PodmanEngine(Served[PrivatePodman]):
    """A Podman under judgement; see :class:`~layerproof.machines.store.engine.Engine` for the operations.

    Attributes:
        name: ``podman``.
        version: the service's version string.
        dialect: see :mod:`layerproof.engines.podman.dialects`.
        capabilities: the operations it can express.
        program: what a root layer needs for a container to be startable, and so that a start makes no files.
        command: what a container then runs.
        socket: the address of the API.
        api: what speaks to it.
        daemon: the private Podman.
        leaked: what the last reset could not remove: layers, images or containers, as Podman names them.
        not_compared: what it reports, and nothing is compared with.
    """

    name = "podman"
    dialect = "podman-api"
    capabilities = _CAPABILITIES
    not_compared = ("SharedSize and UniqueSize, which Podman counts by parent images and not by layers",
                    "Config of images and containers", "times", "labels", "networks", "mounts", "history")

    def __init__(
        self, *, podman: str = "podman", storage_driver: str = "overlay", timeout: float = 60.0,
        busybox: str | None = service_files.AUTO,
    ) -> None:
        """Start a private Podman.

        Args:
            podman: its program.
            storage_driver: ``overlay`` or ``vfs``.
            timeout: seconds that it may be silent in any one request.
            busybox: a static busybox for containers to run, ``auto``, or None for a tiny program made here.

        Raises:
            EngineUnreachable: if it can't be started or does not answer.
            WrongRequest: if the storage driver is neither.
        """
        if storage_driver not in DRIVERS:
            raise WrongRequest(f"the storage driver {storage_driver!r} is none of {', '.join(DRIVERS)}, which "
                               "keep all in a folder")
        self.leaked: tuple[str, ...] = ()
        self._timeout, self._podman, self._driver = timeout, podman, storage_driver
        self._uppers: dict[str, str] = {}
        self._loose: set[str] = set()  # layers of no image that were seen since all was empty, and beneath
        self._closed = False
        program, self.command = service_files.find_program(busybox)
        self.program: Files = {**program, **dict.fromkeys(_MADE_AT_A_START, b"")}
        self._start()

    def _start(self) -> None:
        self.daemon = daemon = PrivatePodman(podman=self._podman, limit=self._timeout, storage_driver=self._driver)
        self.socket = daemon.socket
        self._group = daemon.control_group
        self._disk = DiskStore(daemon.root, self._driver)
        try:
            self.api = PodmanApi(daemon.socket, self._timeout)
        except BaseException:
            daemon.stop()
            raise
        self.version = self.api.engine_version

    def revive(self) -> None:
        """Start it anew, where it does not answer.

        Raises:
            EngineUnreachable: if it can't be started.
        """
        assert self.daemon is not None
        self.api.close()
        self.daemon.stop()
        self._uppers.clear()
        self._loose.clear()
        self._start()

    # Images

    def load(self, archive: bytes) -> None:
        """Load a ``docker save`` archive; references in it move to its images."""
        self.api.request("POST", "/images/load", data=service_files.with_references(archive, _outer))

    def import_(self, tree: bytes, reference: str | None) -> str:
        """Make an image of one layer from a root file system's archive, with the engine's command."""
        named = {} if reference is None else {"reference": _outer(reference)}
        content = self.api.request("POST", "/images/import", data=tree,
                                   params={"changes": (f"CMD {json.dumps(self.command)}",), **named})
        return _whole(self._answer(content, "POST /images/import").text("Id"))

    def tag(self, image: str, reference: str) -> None:
        """Make a reference name an image."""
        repository, tag = _split(_outer(reference))
        self.api.post(f"/images/{quoted(image)}/tag", repo=repository, tag=tag)

    def untag(self, reference: str) -> None:
        """Take a reference away; the image stays."""
        repository, tag = _split(_outer(reference))
        with _missing_reference():
            self.api.post(f"/images/{quoted(_outer(reference))}/untag", repo=repository, tag=tag)

    def remove_by_tag(self, reference: str, force: bool) -> None:
        """``rmi TAG``."""
        with _missing_reference():
            self._remove_image(_outer(reference), force)

    def remove_by_id(self, image: str, force: bool) -> None:
        """``rmi ID``."""
        self._remove_image(image, force)

    def remove_by_digest(self, reference: str, force: bool) -> None:
        """Not applicable: without a registry no image has a digest reference of its own."""
        self._cannot("remove_by_digest", reference, force)

    def _remove_image(self, name: str, force: bool) -> None:
        path = f"/images/{quoted(name)}"
        content = self.api.request("DELETE", path, params={"force": force})
        for words in self._answer(content, f"DELETE {path}").texts("Errors"):
            raise Refused(self.api.refusal(words, content), words)

    def prune(self) -> int:
        """Remove dangling images; return the bytes reported as reclaimed, in files."""
        return self._pruned("/images/prune", self._disk.framings())

    def prune_all(self) -> int:
        """Remove all unused images; return the bytes reported as reclaimed, in files."""
        return self._pruned("/images/prune", self._disk.framings(), all=True)

    def _pruned(self, path: str, framings: dict[str, int], **params: object) -> int:
        """Prune, and add up what is reported of each thing.

        Of images that containers use the API says so, and goes on; the command line leaves that out.
        """
        reclaimed = 0
        for row in rows(self.api.post(path, **params), f"the answer of POST {path}", nulls=True):
            words = row.text("Err") if row.given("Err") else ""
            if not words:
                reclaimed += row.number("Size") - framings.get(row.text("Id"), 0)
            elif not words.startswith("image used by "):
                raise Refused(UNCLASSIFIED, words)
        return reclaimed

    def commit(self, container: str) -> str:
        """Make an image without a reference from a container, without pausing it; return its image ID."""
        return _whole(self._posted("/commit", container=container, pause=False).text("Id"))

    def commit_as(self, container: str, reference: str) -> str:
        """Make an image from a container as :meth:`commit` does, and name it; return its image ID."""
        repository, tag = _split(_outer(reference))
        return _whole(self._posted(
            "/commit", container=container, pause=False, repo=repository, tag=tag).text("Id"))

    def build_step(self, image: str, files: Files) -> str:
        """Make an image from another by adding a layer of these files; return its image ID."""
        # The builder would look for a missing base image in a registry.
        self.api.get(f"/images/{quoted(image)}/json")
        context = service_files.build_context(image, files)
        options = {"nocache": True, "rm": True, "forcerm": True, "networkmode": "none", "q": True, "layers": True}
        told = self.api.stream("/build", context, **options)
        said = Fields(told[-1] if told else None, "the last message of POST /build").text("stream").strip()
        if len(said) != 64:
            raise Unintelligible(f"the answer of POST /build ends in {said!r:.100}, which is no image ID")
        return _whole(said)

    # Containers

    def create(self, image: str, name: str) -> str:
        """Create a container of an image, with its command and without a network; return its ID."""
        body = {"image": image, "name": name, "stop_signal": 9, "netns": {"nsmode": "none"},
                "cgroup_parent": self._group}
        return self._posted("/containers/create", body).text("Id")

    def start(self, container: str) -> None:
        """Start a container."""
        self._act(container, "start")

    def stop(self, container: str) -> None:
        """Stop a container at once."""
        self._act(container, "stop", timeout=0)

    def kill(self, container: str) -> None:
        """Kill a container's main process, and wait until it is gone."""
        self._act(container, "kill", signal="SIGKILL")
        self._settle(container, ("exited",))

    def pause(self, container: str) -> None:
        """Pause a container."""
        self._act(container, "pause")

    def unpause(self, container: str) -> None:
        """Unpause a container."""
        self._act(container, "unpause")

    def restart(self, container: str) -> None:
        """Restart a container."""
        self._act(container, "restart", t=0)

    def rename(self, container: str, name: str) -> None:
        """Give a container another name."""
        self._act(container, "rename", name=name)

    def remove(self, container: str, force: bool) -> None:
        """Remove a container."""
        with self._by_state(container, "remove"):
            self.api.request("DELETE", f"/containers/{container}", params={"force": force, "timeout": 0})
        self._uppers.pop(container, None)

    def container_prune(self) -> int:
        """Remove containers that are not running; return the bytes reported as reclaimed."""
        return self._pruned("/containers/prune", {})

    def write(self, container: str, files: Files) -> None:
        """Write files into a container as ``podman cp`` does, in any state, paused included.

        Files written before under other paths stay. The archive ends where its end is marked: what unpacks it
        stops there, and while it is still sent more the request fails, now and then. Over some files of root
        layers a container that runs has mounts, and they are written as one does with ``podman mount``.
        """
        if files.keys() & set(_MADE_AT_A_START):
            self._write_beneath(container, files)
            return
        archive = service_files.written_tar(files, padded=False)
        path = f"/containers/{container}/archive"
        self.api.request("PUT", path, params={"path": "/", "pause": False}, data=archive)

    def _write_beneath(self, container: str, files: Files) -> None:
        """Write files into a container's root file system as it is without the mounts of a container that runs."""
        assert self.daemon is not None
        path = f"/containers/{container}/mount"
        where = self.api.request("POST", path).decode(errors="replace").strip()
        if not where.startswith(self.daemon.root):
            raise Unintelligible(f"the answer of POST {path} is {where!r:.100}, which is no folder of its own")
        try:
            service_files.unpack(service_files.written_tar(files), self.daemon.view(where))
        finally:
            self.api.post(f"/containers/{container}/unmount")

    def _act(self, container: str, action: str, /, **params: object) -> None:
        with self._by_state(container, action):
            self.api.post(f"/containers/{container}/{action}", **params)

    @contextlib.contextmanager
    def _by_state(self, container: str, action: str) -> Iterator[None]:
        """Tell by the container's state what an operation was refused for that Podman says it is improper for."""
        try:
            yield
        except Refused as refused:
            if refused.refusal != IMPROPER:
                raise
            state = self._settle(container)
            raise Refused(_OF_STATE.get(action, {}).get(state, UNCLASSIFIED), refused.detail) from None

    def _answer(self, content: bytes, operation: str) -> Fields:
        """The object that an answer is."""
        try:
            value: Any = json.loads(content)
        except ValueError:
            raise Unintelligible(f"Podman did not answer in JSON ({operation}): {content!r:.100}") from None
        return Fields(value, f"the answer of {operation}", nulls=True)

    # What is there

    def _container_rows(self, size: bool = False) -> list[Fields]:
        return [_alike(row, row.text("State")) for row in self._rows("/containers/json", all=True, size=size)]

    def _status(self, container: str) -> str:
        status = super()._status(container)
        return _ALIKE.get(status, status)

    def observe(self) -> Observation:
        """Return the whole observable state.

        Raises:
            EngineUnreachable: also if it will not tell.
        """
        try:
            return self._observed()
        except Refused as refused:
            words = f"the Podman at {self.socket} would not tell its state: {refused.detail}"
            raise EngineUnreachable(words) from refused

    def _observed(self) -> Observation:
        images, containers = self._rows("/images/json", all=True), self._settled_rows()
        framings, stored = self._disk.framings(), self._disk.layers()
        often = Counter(stack[-1] for stack, _ in stored)
        seen = {_whole(row.text("Id")): self._image_seen(row, framings) for row in images}
        reached = {chain for image in seen.values() for chain in image.layers}
        self._loose.update(*(stack for stack, _ in stored if stack[-1] not in reached))
        return Observation(
            images=seen,
            containers={row.text("Id"): self._container_seen(row) for row in containers},
            layers={stack[-1]: files for stack, files in stored} if self._disk.apart else None,
            strange=(*repeated("image", images), *repeated("container", containers),
                     *(f"layer {chain} is stored {n} times" for chain, n in often.items() if n > 1)),
        )

    def _image_seen(self, row: Fields, framings: dict[str, int]) -> ImageSeen:
        identity = row.text("Id")
        shown = self._fields(f"/images/{identity}/json")
        return ImageSeen(
            references=frozenset(map(_inner, row.texts("Names"))),
            parent=_whole(row.text("ParentId")) if row.text("ParentId") else None,
            layers=tuple(chain_ids(shown.fields("RootFS").texts("Layers"))),
            size=row.number("Size") - framings.get(identity, 0),
        )

    def _container_seen(self, row: Fields) -> ContainerSeen:
        names, size = row.texts("Names"), row.fields("Size")
        written = size.number("rwSize")
        return ContainerSeen(
            name=names[0] if names else "",
            image=_whole(row.text("ImageID")),
            status=row.text("State"),
            size_rw=written,
            # Podman reports the two apart, and Docker the first with the second in it.
            size_root_fs=size.number("rootFsSize") + written,
            upper=self._upper(row.text("Id")),
        )

    def _upper(self, container: str) -> str | None:
        """Return the digest of the files in a container's upper layer, where that is a folder of its own."""
        if not self._disk.apart:
            return None
        if container not in self._uppers:
            driver = self._fields(f"/containers/{container}/json").fields("GraphDriver")
            self._uppers[container] = driver.fields("Data").text("UpperDir")
        try:
            return self._disk.folder_digest(self._uppers[container])
        except FileNotFoundError:
            return "missing"

    # The end

    def reset(self) -> None:
        """Remove everything there is; set ``leaked``. Where layers of no image were seen, it is started anew."""
        for row in self._container_rows():
            with contextlib.suppress(Refused):
                self.api.request("DELETE", f"/containers/{row.text('Id')}", params={"force": True, "timeout": 0})
        while images := self._rows("/images/json", all=True):
            if not sum(self._removed(row.text("Id")) for row in images):
                break
        left = [row.text("Id") for row in (*self._container_rows(), *self._rows("/images/json", all=True))]
        loose = {stack[-1] for stack, _ in self._disk.layers()}
        if not left and loose and loose <= self._loose:
            self.revive()  # they were seen, or are beneath such, and no request removes them
            loose = set()
        self.leaked = (*left, *sorted(loose))
        self._loose.clear()
        self._uppers.clear()

    def _removed(self, image: str) -> bool:
        try:
            self._remove_image(image, force=True)
        except Refused:
            return False
        return True

    def close(self) -> None:
        """Stop it and remove everything of it; may be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self.leaked = ()
            if self.daemon is not None:
                self.daemon.stop()
        finally:
            self.api.close()


@contextlib.contextmanager
def _missing_reference() -> Iterator[None]:
    """What is missing where an image is asked for by a name is the name."""
    try:
        yield
    except Refused as refused:
        if refused.refusal == "no-such-image":
            raise Refused("no-such-reference", refused.detail) from None
        raise


def _outer(reference: str) -> str:
    """Podman's name of a reference of the caller."""
    return _HERE + reference


def _inner(name: str) -> str:
    """The caller's name of a reference of Podman's."""
    return name.removeprefix(_HERE)


def _whole(identity: str) -> str:
    """An image ID as a digest; Podman leaves out of which kind."""
    return identity if identity.startswith("sha256:") else f"sha256:{identity}"


def _alike(row: Fields, state: str) -> Fields:
    """A row of a list of containers, with a state that is seen for a moment called as what it comes to."""
    return row.with_text("State", _ALIKE[state]) if state in _ALIKE else row
