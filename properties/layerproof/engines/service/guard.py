"""The process that owns a private engine, so that nothing of it outlives the run that wanted it.

It is run by path with nothing but the standard library, in a session of its own. It has a folder, whose lock
(:mod:`layerproof.process.folders`) it inherits, and puts the engine into a PID namespace and a mount namespace.
When the namespace's first process dies, the kernel kills every other one in it (shims, monitors, containers),
whatever state they are in, and every mount made there goes with the last of them; see pid_namespaces(7) and
mount_namespaces(7). What then is left to remove is the folder and the control groups.

It ends when its standard input is closed, when the process that started it is gone (even by SIGKILL), or on
SIGTERM. It speaks in lines on standard output: ``ended`` if the daemon ended by itself, or ``failed WORDS`` if it
could not be started.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1

LONGEST_SOCKET = 107
"""Bytes that the path of a Unix socket may have, see unix(7)."""


def _call(name: str, *arguments: int | bytes | None) -> None:
    """Call a function of the C library, and raise OSError if it says that it failed."""
    function = ctypes.CDLL(None, use_errno=True)[name]
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(kind: str, target: str) -> None:
    _call("mount", kind.encode(), target.encode(), kind.encode(), 0, None)


def _enter_namespaces(hides: Sequence[str]) -> None:
    """Be the first process of the PID namespace, with mounts of its own, and empty folders in place of some.

    Where the machine lacks such a folder, it is made, and stays: others may have begun to use it meanwhile.
    """
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _call("unshare", CLONE_NEWNS)
    _call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    _mount("proc", "/proc")
    for hidden in hides:
        os.makedirs(hidden, exist_ok=True)
        _mount("tmpfs", hidden)


def _run_as_init(command: list[str], log_file: str) -> None:
    """Start the engine, reap orphans, end when the engine ends."""
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDWR)
    daemon = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, nothing, 0)]
        + [(os.POSIX_SPAWN_DUP2, log, number) for number in (1, 2)],
        setsigdef=[signal.SIGINT, signal.SIGHUP, signal.SIGTERM],
    )
    # The parent hears that the daemon ended from our death; holding its pipes would only confuse it.
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    while os.wait()[0] != daemon:
        pass


def _start_namespace(command: list[str], log_file: str, hides: Sequence[str]) -> int:
    """Start the engine in namespaces of its own; return the process ID of the first process there."""
    _call("unshare", CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        doing = "cannot make namespaces for the daemon"
        try:
            _enter_namespaces(hides)
            doing = f"{command[0]} cannot be run"
            _run_as_init(command, log_file)
        except OSError as error:
            with open(log_file, "a", encoding="utf-8") as log:
                log.write(f"{doing}: {error.strerror}\n")
        finally:
            os._exit(0)
    return child


def _say(words: str) -> None:
    """Tell the owner something; it may be gone."""
    with contextlib.suppress(OSError):
        print(words, flush=True)


def _wait_for_the_end(init: int, owner: int) -> None:
    """Return when the pipe closes or the owner is gone; say so when the daemon ends before that."""
    pipe = sys.stdin.fileno()
    daemon = os.pidfd_open(init)
    ready, _, _ = select.select([pipe, owner, daemon], [], [])
    if ready == [daemon]:
        _say("ended")
        select.select([pipe, owner], [], [])


def _cgroup_roots() -> list[str]:
    """Return where the control group hierarchies are mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        rows = [line.split() for line in lines]
    return [row[4] for row in rows if row[row.index("-") + 1] in ("cgroup", "cgroup2")]


def _cgroups(name: str) -> list[str]:
    """Return the control groups of a name, and those below first, in every hierarchy."""
    return [
        folder for root in _cgroup_roots() for folder, _, _ in os.walk(f"{root}/{name}", topdown=False)
    ]


def thaw(name: str) -> None:
    """Let paused containers run: in a hierarchy of version 1 not even SIGKILL ends a frozen process."""
    for group in _cgroups(name):
        for file, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            with contextlib.suppress(OSError), open(f"{group}/{file}", "r+", encoding="ascii") as state:
                state.write(word)


def remove_cgroups(name: str, limit: float = 5.0) -> None:
    """Remove the control groups of a name; try again for some seconds, while what is in them dies."""
    deadline = time.monotonic() + limit
    while groups := _cgroups(name):
        thaw(name)
        for group in groups:
            with contextlib.suppress(OSError):
                os.rmdir(group)
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)


def remove_folder(folder: str, limit: float = 5.0) -> None:
    """Remove a folder; try again for some seconds, as a dying process may still write to it."""
    deadline = time.monotonic() + limit
    while os.path.lexists(folder):
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            return
        if os.path.lexists(folder):
            time.sleep(0.05)


def _guard(owner: int, folder: str, plan: Mapping[str, Any]) -> None:
    cgroup = os.path.basename(folder)
    init = 0
    try:
        if any(len(f"{folder}/{path}".encode()) > LONGEST_SOCKET for path in plan["sockets"]):
            raise OSError(f"the path of the temporary folder {folder} is too long for a Unix socket")
        init = _start_namespace(plan["command"], f"{folder}/{plan['log']}", plan["hides"])
        _wait_for_the_end(init, owner)
    except OSError as error:
        _say(f"failed {error}")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if init:
            os.kill(init, signal.SIGKILL)
            while os.waitpid(init, os.WNOHANG)[0] == 0:
                thaw(cgroup)
                time.sleep(0.01)
        remove_cgroups(cgroup)
        remove_folder(folder)


def _on_term(*_: object) -> None:
    raise SystemExit(0)


def main(arguments: Sequence[str]) -> None:
    """Guard one engine.

    Arguments are the owner's process ID, the folder, the file that is its lock, the number by which that is open
    here, and as JSON what :class:`layerproof.engines.service.daemon.Plan` says. The engine has this process's
    environment.
    """
    signal.signal(signal.SIGTERM, _on_term)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        owner = os.pidfd_open(int(arguments[0]))
    except ProcessLookupError:
        return
    folder, lock, descriptor, plan = arguments[1:]
    os.set_inheritable(int(descriptor), False)  # what is left of the engine must not hold the folder
    _guard(owner, folder, json.loads(plan))
    if not os.path.lexists(folder):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
