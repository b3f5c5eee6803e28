"""A private Docker Engine: a dockerd with its own data, socket and containerd, in a temporary folder."""

from __future__ import annotations

import os
import re

from layerproof.engines.service.daemon import Kind, Plan, PrivateService, program

_LEVEL = re.compile(r'level=(?P<level>\w+) msg="(?P<words>(?:[^"\\]|\\.)*)"')
_HIDDEN = ("/run/containerd", "/run/docker", "/etc/docker")
"""System folders that dockerd and its shims write to whatever they are told."""
_LONGEST = "exec/containerd/containerd-debug.sock.ttrpc"


def last_words(log: str) -> str:
    """Return the last line of a dockerd log that tells why it failed: an error, or a line in plain words.

    dockerd's own last line is plain (``failed to start daemon: …``); else the last error counts.
    """
    words = ""
    for line in log.splitlines():
        found = _LEVEL.search(line)
        if found is None:
            words = line.strip() or words
        elif found["level"] in ("error", "fatal"):
            words = found["words"].replace('\\"', '"')
    return words


class PrivateDaemon(PrivateService):
    """A running private dockerd; needs root and an installed Docker Engine."""

    kind = Kind("Docker Engine", "docker", "docker.sock", last_words)

    def __init__(
        self,
        *,
        dockerd: str = "dockerd",
        limit: float = 30.0,
        storage_driver: str | None = "overlay2",
        flags: tuple[str, ...] = (),
        config: str = "{}\n",
    ) -> None:
        """Start the daemon and wait until it answers.

        Args:
            dockerd: the daemon's program; a containerd in the same folder is preferred to another.
            limit: seconds that it may take until it answers.
            storage_driver: Docker's name of it, or None for the daemon's own choice.
            flags: further flags for dockerd.
            config: the text of its ``daemon.json``.

        Raises:
            EngineUnreachable: if it can't be started here, or doesn't answer within the limit.
        """
        path = program(dockerd, self.kind)
        driver = ("--storage-driver", storage_driver) if storage_driver else ()
        self.run(limit, lambda folder: Plan((path, *_arguments(folder), *driver, *flags), "dockerd.log", _HIDDEN,
                                            (_LONGEST,)),
                 lambda _: {"daemon.json": config}, lambda folder: _environment(path, folder))

    @property
    def data_root(self) -> str:
        """The folder of its images, layers and containers."""
        return f"{self.folder}/data"


def _arguments(folder: str) -> list[str]:
    """Return the flags that keep everything a dockerd writes inside a folder and a control group."""
    return [
        *("--config-file", f"{folder}/daemon.json"),
        *("--data-root", f"{folder}/data"),
        *("--exec-root", f"{folder}/exec"),
        *("--pidfile", f"{folder}/docker.pid"),
        *("-H", f"unix://{folder}/docker.sock"),
        *("--cgroup-parent", f"/{os.path.basename(folder)}"),
        *("--exec-opt", "native.cgroupdriver=cgroupfs"),
        "--iptables=false",
        "--ip6tables=false",
        "--bridge=none",
    ]


def _environment(dockerd: str, folder: str) -> dict[str, str]:
    """Return the daemon's environment: its own containerd and shim are looked for beside it first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "LISTEN_"))}
    path = os.path.dirname(dockerd) + os.pathsep + os.environ.get("PATH", os.defpath)
    return {**kept, "PATH": path, "TMPDIR": folder}
