"""A line on the terminal says how far a command is; what is no terminal gets nothing."""

import contextlib
import io
import json
import os
import pty
import re
import select
import sys
from dataclasses import replace

from click.testing import CliRunner

from layerproof.cli import main
from layerproof.commands.common import Progress
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.runs.trace import Event, trace_text
from processes import until
from samples import a_trace

ROUNDS = 1000
AGAIN = (Event("create", (0, 0, 0), None), Event("remove", (0, 1), None), Event("stop", (0,), "no-such-container"))
LONG = replace(a_trace(), events=(Event("load-unnamed", (0,), None), *AGAIN * ROUNDS))


@contextlib.contextmanager
def terminal(monkeypatch):
    """Both sides of a terminal that standard error is."""
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = pty.openpty()
    with open(follower, "w") as file, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", file)
        yield leader, follower
    os.close(leader)


def read(leader, what):
    """Read from a terminal until something stands there."""
    found = bytearray()

    def there():
        if select.select([leader], [], [], 0)[0]:
            found.extend(os.read(leader, 4096))
        return what.encode() in found

    until(there, what)
    return found.decode()


def test_a_terminal_shows_what_is_told_and_the_line_goes(monkeypatch):
    with terminal(monkeypatch) as (leader, follower):
        with Progress() as tell:
            for told in ("one of two", "two of two"):
                tell(told)
                read(leader, told)
        os.write(follower, b"after")
        assert re.search(r"\x1b\[2K\S*after", read(leader, "after"))  # the line is erased


def test_what_is_no_terminal_is_told_nothing(monkeypatch):
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress() as tell:
            tell("one of two")
        assert stream is None or not stream.getvalue()


def test_a_long_replay_tells_how_far_it_is_and_answers_each_operation_once(tmp_path, monkeypatch):
    path, told = tmp_path / "trace.json", []
    path.write_text(trace_text(STORE_SUBJECT, LONG))
    monkeypatch.setattr("layerproof.commands.replay.Progress", lambda: contextlib.nullcontext(told.append))
    done = CliRunner().invoke(main, ["replay", str(path), "--format", "json"])
    data = json.loads(done.stdout)
    assert (0, "held", 0) == (done.exit_code, data["verdict"], data["not_done"])
    assert [event.refusal for event in LONG.events] == data["refusals"]
    count = len(LONG.events)
    assert [f"{n:,} of {count:,} operations" for n in range(64, count + 1, 64)] == told
