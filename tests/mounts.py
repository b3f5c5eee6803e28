"""What tests of mounted unions share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from layermodel.union.reference import Scene
from layermodel.union.trees import Node
from layerproof.engines.mount.engine import MountEngine
from layerproof.errors import EngineUnreachable

SCENE = Scene()
AT = SCENE.paths.number


def plain(kind: int) -> Node:
    return Node(kind, content=int(kind == 2), xattr=(0, 0))


def _usable(name: str) -> str:
    """Why a union file system cannot be mounted here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if name == "fuse-overlayfs" and shutil.which(name) is None:
        return "needs fuse-overlayfs"
    try:
        MountEngine(name).close()
    except EngineUnreachable as error:
        return str(error)
    return ""


def needs(name: str) -> None:
    """Skip a test, or fail it where the engine has to be there."""
    if why := _usable(name):
        if os.environ.get("LAYERPROOF_REQUIRE_MOUNT") and (name != "fuse-overlayfs" or Path("/dev/fuse").exists()):
            pytest.fail(why)
        pytest.skip(why)
