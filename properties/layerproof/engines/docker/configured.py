"""How a private daemon is configured by the caller: without reaching beyond its folder and its control group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from layerproof.errors import WrongRequest

_MAY = frozenset({
    "debug", "log-level", "log-format", "raw-logs", "log-opt", "log-opts", "experimental",
    "features", "storage-opt", "storage-opts", "init", "label", "labels", "max-concurrent-downloads",
    "max-concurrent-uploads", "max-download-attempts", "insecure-registry", "insecure-registries",
    "registry-mirror", "registry-mirrors", "http-proxy", "https-proxy", "no-proxy", "proxies",
    "default-cgroupns-mode", "default-ipc-mode", "default-shm-size", "default-ulimit", "default-ulimits",
    "no-new-privileges", "seccomp-profile", "selinux-enabled", "shutdown-timeout"})
"""Settings that concern only the daemon's own folder and its containers: flags, and fields of the file."""
_DRIVER = "storage-driver"
_SWITCHES = frozenset({"debug", "raw-logs", "experimental", "init", "no-new-privileges", "selinux-enabled"})
"""Flags that take no value, unless it is said with ``=``."""
_SHORT = {"D": "debug", "l": "log-level", "s": _DRIVER}
"""Those that have a short flag, of which ``-D`` alone takes no value."""
_DRIVERS = frozenset({"overlay2", "overlay", "fuse-overlayfs", "vfs", "aufs", "btrfs"})
"""Those that keep all in the data root; others make loop devices, or file systems of a pool that is there."""
_ONLY = {_DRIVER: _DRIVERS, "log-driver": frozenset({"none", "local", "json-file"})}
"""Settings of which some values only keep all in the data root: other logs are the machine's, or elsewhere."""


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
            config = json.loads(text, parse_constant=_no_number)
        except OSError as error:
            raise WrongRequest(f"{file} cannot be read: {error.strerror}") from error
        except RecursionError:
            raise WrongRequest(f"{file} is no daemon.json: it is nested too deeply") from None
        except ValueError as error:
            raise WrongRequest(f"{file} is no daemon.json: {error}") from error
        if not isinstance(config, dict):
            raise WrongRequest(f"{file} is no daemon.json: it is no object")
    settings = [*_settings(flags), *config.items()]
    for name, value in settings:
        only = _ONLY.get(name)
        if only is not None and not (isinstance(value, str) and value in only):
            raise WrongRequest(f"{name} {value!r} cannot be set for a private Docker Engine: only "
                               f"{', '.join(sorted(only))} keep all in its own folder")
        if only is None and name not in _MAY:
            raise WrongRequest(f"{name} cannot be set for a private Docker Engine: it is none of the settings "
                               "that concern only its own folder and its containers")
    driver = any(name == _DRIVER for name, _ in settings) or _by_containerd(config)
    return Configured(f"{json.dumps(config)}\n", flags, driver)


def _settings(flags: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What flags set: ``--name=value``, ``--name value``, ``-n value``, ``-nvalue``, and ``-Dnvalue``.

    Raises:
        WrongRequest: if a value begins with a hyphen, which would be read as a flag here.
    """
    for flag, after in zip_longest(flags, flags[1:], fillvalue=""):
        if flag.startswith("--"):
            name, said, value = flag[2:].partition("=")
            yield name, value if said else _value(name, after)
        elif flag.startswith("-"):
            letter, rest = flag[1:2], flag[2:]
            while letter == "D" and rest[:1] not in ("", "="):  # it takes no value, so that others may follow it
                letter, rest = rest[0], rest[1:]
            name = _SHORT.get(letter, letter)
            yield name, rest.removeprefix("=") or _value(name, after)


def _value(name: str, after: str) -> str:
    if after.startswith("-") and name not in _SWITCHES:
        raise WrongRequest(f"{name} has a value that begins with a hyphen, {after!r}, which cannot be set for a "
                           "private Docker Engine")
    return after


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _by_containerd(config: Mapping[str, Any]) -> bool:
    features = config.get("features")
    return isinstance(features, dict) and features.get("containerd-snapshotter") is True
