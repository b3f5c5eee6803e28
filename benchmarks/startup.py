"""How long commands take that have little to do, beside Python alone and beside importing what they rest on.

Seconds are of wall time, from the start of the process to its end; all commands are run in turn, some times over,
and the median is told.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from figures import Table, rounded, tabled

ROUNDS = 7
_SAMPLES = Path(__file__).parent.parent / "samples"
_OURS = "-m", "layerproof"
PEERS = {"python -c pass": ("-c", "pass"), "python -c 'import z3, hypothesis'": ("-c", "import z3, hypothesis")}
COMMANDS = {
    "layerproof --version": (*_OURS, "--version"), "layerproof --help": (*_OURS, "--help"),
    "layerproof rules": (*_OURS, "rules"),
    "layerproof explain samples/images.tar app:1": (*_OURS, "explain", f"{_SAMPLES}/images.tar", "app:1"),
    "layerproof explain samples/forgetful.json tag-1": (*_OURS, "explain", f"{_SAMPLES}/forgetful.json", "tag-1"),
    "layerproof prove --help": (*_OURS, "prove", "--help")}


def seconds(arguments: Sequence[str], **environment: str) -> float:
    """Seconds of wall time that Python takes with some arguments, from beginning to end."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, **environment})
    return time.perf_counter() - begun


def tables() -> Iterator[Table]:
    """One table."""
    both = PEERS | COMMANDS
    for arguments in both.values():
        seconds(arguments)  # once so that all files are read and compiled
    rounds = [{name: seconds(arguments) for name, arguments in both.items()} for _ in range(ROUNDS)]
    took = {name: statistics.median(one[name] for one in rounds) for name in both}
    yield tabled("whole commands", [
        {"command": name, "seconds": rounded(took[name]),
         **{f"times {peer}": rounded(took[name] / took[peer]) for peer in PEERS}} for name in both],
        f"Medians of {ROUNDS} runs.")
