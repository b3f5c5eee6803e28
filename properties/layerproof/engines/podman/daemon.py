"""A private Podman: its service with its own storage, state and locks, in a temporary folder."""

from __future__ import annotations

import os
import re
import shutil

from layerproof.engines.service.daemon import Kind, Plan, PrivateService, program

_HIDDEN = ("/dev/shm", "/var/tmp", "/run/libpod", "/run/runc", "/run/crun")
"""What Podman and its runtimes write to whatever they are told: the locks of all the machine's containers, too."""
_LEVEL = re.compile(r'level=(?:error|fatal) msg="((?:[^"\\]|\\.)*)"')
_LIMITS = '["nofile=1024:1024", "nproc=1000:1000"]'
"""Limits of a container's processes that any machine allows; Podman's own may be more than a machine gives."""
DRIVERS = ("overlay", "vfs")
"""Storage drivers that keep all in the folder."""


def last_words(log: str) -> str:
    """Return the last line of a log of Podman's that tells why it failed: an error, or a line in plain words."""
    words = ""
    for line in log.splitlines():
        if found := _LEVEL.search(line):
            words = found[1].replace('\\"', '"')
        else:
            words = line.removeprefix("Error: ").strip() or words
    return words


class PrivatePodman(PrivateService):
    """A running private Podman service; needs root and an installed Podman."""

    kind = Kind("Podman", "podman", "podman.sock", last_words)

    def __init__(self, *, podman: str = "podman", limit: float = 30.0, storage_driver: str = "overlay") -> None:
        """Start the service and wait until it answers.

        Args:
            podman: the program.
            limit: seconds that it may take until it answers.
            storage_driver: one of :data:`DRIVERS`.

        Raises:
            EngineUnreachable: if it can't be started here, or doesn't answer within the limit.
        """
        path = program(podman, self.kind)
        self.storage_driver = storage_driver
        self.run(limit, lambda folder: Plan((path, *_arguments(folder, storage_driver)), "podman.log", _HIDDEN,
                                            ("podman.sock",)),
                 lambda folder: _files(folder, storage_driver), _environment)

    @property
    def root(self) -> str:
        """The folder of its images, layers and containers."""
        return f"{self.folder}/root"

    @property
    def control_group(self) -> str:
        """The control group that its containers are to be in."""
        return f"/{os.path.basename(self.folder)}"


def _arguments(folder: str, driver: str) -> list[str]:
    """Return the flags that keep everything a Podman writes inside a folder."""
    return [
        *("--root", f"{folder}/root"), *("--runroot", f"{folder}/run"), *("--tmpdir", f"{folder}/tmp"),
        *("--storage-driver", driver), *("--cgroup-manager", "cgroupfs"), *("--events-backend", "file"),
        *("--log-level", "error"),
        *("system", "service", "--time", "0", f"unix://{folder}/podman.sock"),
    ]


def _files(folder: str, driver: str) -> dict[str, str]:
    """The texts of its settings. Where runc is there it is the runtime: crun refuses mixed hierarchies."""
    runtime = 'runtime = "runc"\n' if shutil.which("runc") else ""
    return {
        "containers.conf": f'[engine]\n{runtime}'
                           f"[containers]\nnetns = \"none\"\ndefault_ulimits = {_LIMITS}\n",
        "storage.conf": f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/root"\n'
                        f'runroot = "{folder}/run"\n',
        "registries.conf": "",
    }


def _environment(folder: str) -> dict[str, str]:
    """Return its environment: nothing of the user's settings is read."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("CONTAINER", "PODMAN_", "DOCKER_", "LISTEN_", "STORAGE_", "BUILDAH_"))}
    return {**kept, "TMPDIR": folder, "HOME": folder, "CONTAINERS_CONF": f"{folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": f"{folder}/registries.conf"}
