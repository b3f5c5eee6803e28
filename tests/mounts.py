"""What tests of mounted unions share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from layermodel.union.reference import Scene
from layermodel.union.rules import UNION
from layermodel.union.trees import Node
from layermodel.union.words import DIALECTS
from layerproof.engines.mount.deviations import DEVIATIONS
from layerproof.engines.mount.engine import MountEngine
from layerproof.errors import EngineUnreachable
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.machines.union.values import Mounted
from layerproof.readings.conform import conform, replay_on
from layerproof.runs.trace import Trace

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


def over(dialect, stack, events, scene=SCENE):
    """A run over a stack of layers."""
    return Trace("union", dialect, DIALECTS[dialect], Mounted(stack, scene), tuple(events))


def follow(engine, trace, machine=UNION):
    """Do a run in a mount; return the first difference from the machine."""
    return replay_on(UNION_SUBJECT.of(machine), trace, engine, deviations=DEVIATIONS)


def judged(engine, **options):
    """Judge a mount."""
    return conform(UNION_SUBJECT, engine, deviations=DEVIATIONS, **options)
