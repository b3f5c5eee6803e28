"""Whether the process that left something is still there can be told, or it is said that it cannot."""

import subprocess
import sys

import pytest

from layerproof.process import running
from layerproof.process.running import goes_on, identity

SAYS = "from layerproof.process.running import identity; print(identity(), flush=True); input()"


def test_a_process_goes_on_until_it_ends():
    with subprocess.Popen([sys.executable, "-c", SAYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        said = one.stdout.readline().strip()
        assert goes_on(said) is True
        assert said != identity()
        one.communicate("\n")
    assert goes_on(said) is False
    assert goes_on(identity()) is True


@pytest.mark.parametrize(("part", "other", "then"), [
    (0, "another", None), (1, "another", False), (2, "another", None), (3, "none", None), (4, "1", False)])
def test_it_is_told_by_each_part(part, other, then):
    parts = identity().split(".")
    parts[part] = other
    assert goes_on(".".join(parts)) is then


@pytest.mark.parametrize("said", ["", "somebody", "a.b.c.d", "a.b.c.d.e.f"])
def test_of_what_nobody_here_wrote_nothing_is_known(said):
    assert goes_on(said) is None


def test_where_there_is_no_proc_the_number_decides(monkeypatch):
    monkeypatch.setattr(running, "_read", lambda path: "")
    assert goes_on(identity()) is True
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert goes_on(".".join([*identity().split(".")[:3], str(ended.pid), ""])) is False
