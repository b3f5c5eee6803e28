"""The table of mount options and the kernel agree on what may be given."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from contextlib import closing
from random import Random

import pytest

from layermodel.union.rules import UNION
from layermodel.union.trees import DIRECTORY, FILE, Layer
from layerproof.engines.mount.engine import MountEngine
from layerproof.engines.mount.options import OPTIONS, checked
from layerproof.errors import EngineUnreachable, WrongRequest
from layerproof.runs.trace import Event
from mounts import AT, follow, needs, over, plain

CHOICES = {name: [f"{name}={value}" for value in values] or [name] for name, values in OPTIONS.items()}

MOUNTS = """
import ctypes, json, os, sys, tempfile
libc, folder = ctypes.CDLL(None, use_errno=True), sys.argv[1]
assert libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, None) == 0
os.chdir(folder)
os.mkdir("l")
os.mkdir("m")
done = []
for number, options in enumerate(json.load(sys.stdin)):
    os.mkdir(f"u{number}")
    os.mkdir(f"w{number}")
    given = ",".join(["lowerdir=l", f"upperdir=u{number}", f"workdir=w{number}", *options])
    done.append(libc.mount(b"overlay", b"m", b"overlay", 0, given.encode()) == 0)
    if done[-1]:
        assert libc.umount2(b"m", 0) == 0
print(json.dumps(done))
"""


def mounted(folder, many):
    """Which of many lists of options the kernel takes."""
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, "-c", MOUNTS, folder],
                          input=json.dumps(many), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def taken(options):
    """Whether the table takes them."""
    try:
        checked(options)
    except WrongRequest:
        return False
    return True


def test_the_table_and_the_kernel_agree_on_every_option_and_every_two_of_them(tmp_path):
    needs("overlayfs")
    every = [option for options in CHOICES.values() for option in options]
    twos = [pair for one, other in itertools.permutations(CHOICES.values(), 2) for pair in itertools.product(one, other)]
    random = Random(0)
    more = [[option for options in CHOICES.values() if (option := random.choice((None, *options)))] for _ in range(500)]
    many = [[option] for option in every] + [list(pair) for pair in twos] + more
    assert [] == [options for options, is_mounted in zip(many, mounted(tmp_path, many), strict=True)
                  if taken(options) != is_mounted]
    assert {True, False} == {taken(options) for options in many}


def test_the_table_and_the_kernel_agree_on_values_that_an_option_cannot_have(tmp_path):
    needs("overlayfs")
    many = [[f"{name}={value}"] for name in OPTIONS for value in ("", "maybe", "ON")]
    many += [[name] for name, values in OPTIONS.items() if values]
    many += [["speed=11"], ["index=offx"]]
    assert [False] * len(many) == mounted(tmp_path, many) == [taken(options) for options in many]


@pytest.mark.parametrize(("options", "says"), [
    (("index=on", "index=off"), "index is given twice: 'index=on' and 'index=off'"),
    (("index=on", ""), "a mount option is empty"),
    (("lowerdir=/etc",), "lowerdir is not for you to give"),
    (("uuid=",), "uuid is one of on, auto, null, off; not ''"),
    (("volatile=on",), "volatile takes no value, and has 'on'"),
    (("nfs_export=on", "index=off"), r"exclude each other \(overlayfs.rst, NFS export\)")])
def test_what_the_kernel_would_take_silently_or_refuse_without_a_word_is_said(options, says):
    with pytest.raises(WrongRequest, match=says):
        MountEngine("overlayfs", options)


@pytest.mark.parametrize(("options", "dialect"), [
    (("nfs_export=on",), "overlayfs-index"), (("userxattr",), "overlayfs"), (("redirect_dir=follow",), "overlayfs")])
def test_the_dialect_is_what_the_kernel_makes_of_the_options(options, dialect):
    needs("overlayfs")
    with closing(MountEngine("overlayfs", options)) as engine:
        assert dialect == engine.dialect


def test_a_volatile_overlay_is_mounted_again():
    needs("overlayfs")
    layer = Layer((plain(DIRECTORY), plain(FILE)), {0: 0, AT["a"]: 1})
    events = (Event("write", (0, AT["a"], 2, -1), None), Event("remount", (0,), None),
              Event("unlink", (0, AT["a"]), None), Event("remount", (0,), None))
    with closing(MountEngine("overlayfs", ("volatile",))) as engine:
        assert "remount" in engine.capabilities
        rules = [UNION.rule_by_name[e.rule] for e in events]
        events = tuple(Event(e.rule, (*e.arguments, *[-1] * len(r.parameters))[:len(r.parameters)], None)
                       for e, r in zip(events, rules, strict=True))
        trace = over("overlayfs", (layer,), events)
        assert follow(engine, trace) is None


def test_a_folder_that_options_cannot_hold_is_said(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    odd = tmp_path / "a,b"
    odd.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    with pytest.raises(EngineUnreachable, match=r"mount options cannot hold the folder .* for ',' in it"):
        MountEngine("overlayfs")
    assert [] == list(odd.iterdir())
