"""How a private daemon is configured by the caller: without reaching beyond its folder and its control group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerproof.errors import WrongRequest

_OURS = frozenset({
    "data-root", "graph", "g", "exec-root", "pidfile", "p", "host", "hosts", "H", "config-file", "cgroup-parent",
    "containerd", "bridge", "b", "iptables", "ip6tables", "ip-forward", "ip-masq", "group", "G", "userland-proxy"})
"""Settings that keep a private daemon apart from the machine; names of flags, and of fields of the file."""
_DRIVER = frozenset({"storage-driver", "s"})


@dataclass(frozen=True)
class Configured:
    """What the caller says of a private daemon.

    Attributes:
        text: of its ``daemon.json``.
        flags: for dockerd, after those that keep it apart.
        driver: whether the caller says which storage driver it takes, or that containerd keeps its images.
    """

    text: str = "{}\n"
    flags: tuple[str, ...] = ()
    driver: bool = False


def configured(file: str | None, arguments: Iterable[str]) -> Configured:
    """Read what the caller says.

    Args:
        file: the path of a ``daemon.json``, or None.
        arguments: for dockerd.

    Raises:
        WrongRequest: if the file cannot be read or is no object, or a setting would reach beyond the daemon's own.
    """
    flags, config = tuple(arguments), dict[str, Any]()
    if file is not None:
        try:
            text = Path(file).read_text(encoding="utf-8")
            config = json.loads(text)
        except OSError as error:
            raise WrongRequest(f"{file} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise WrongRequest(f"{file} is no daemon.json: {error}") from error
        if not isinstance(config, dict):
            raise WrongRequest(f"{file} is no daemon.json: it is no object")
    names = _names(flags)
    for name in (*names, *config):
        if name in _OURS:
            raise WrongRequest(f"{name} cannot be set: it is what keeps a private Docker Engine apart from this "
                               "machine")
    driver = not _DRIVER.isdisjoint((*names, *config)) or _by_containerd(config)
    return Configured(f"{json.dumps(config)}\n", flags, driver)


def _names(flags: Sequence[str]) -> list[str]:
    """The names of flags: ``--name=value``, ``--name value``, ``-n value``, ``-nvalue``."""
    found = []
    for flag in flags:
        if flag.startswith("--"):
            found.append(flag[2:].partition("=")[0])
        elif flag.startswith("-"):
            found.append(flag[1:2])
    return found


def _by_containerd(config: Mapping[str, Any]) -> bool:
    features = config.get("features")
    return isinstance(features, dict) and features.get("containerd-snapshotter") is True
