"""Programs that tests start, and what there is of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 60.0
"""Seconds after which something that has to happen is taken not to."""


def start(*arguments, tmp, **options):
    """Start ``layerproof`` with a folder for its temporary files; its signals are as in a terminal."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "layerproof", *arguments], cwd=tmp, preexec_fn=signals_as_in_a_terminal,
        env={**os.environ, "TMPDIR": str(tmp), **options.pop("env", {})}, **options)


def signals_as_in_a_terminal():
    """The tests may run in the background of a shell or under nohup, which have their programs ignore these."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def children(pid):
    """The processes that a process has forked."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid):
    """Whether there is a process; one that nobody has waited for yet is none any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(reached, what):
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"it did not come to this: {what}"
        time.sleep(0.02)
