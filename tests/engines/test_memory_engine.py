"""The file system in memory is judged like any union, without root; a wrong one is found, and shrunk."""

from __future__ import annotations

import pytest

from layermodel.union.memory import UnionFileSystem
from layermodel.union.words import DIALECTS
from layerproof.engines.memory.engine import MemoryEngine
from layerproof.machines.union.mutants import UNION_MUTANTS
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.mutants.runs import kill_by_conform
from layerproof.readings.conform import conform, replay_on
from layerproof.runs.trace import trace_json, trace_of


@pytest.mark.parametrize("dialect", ["overlayfs", "overlayfs-index-redirect", "fuse-overlayfs"])
def test_it_is_as_the_machine_says(dialect):
    result = conform(UNION_SUBJECT, MemoryEngine(dialect), operations=400, complete=False)
    assert [] == [str(d) for f in result.findings for d in f.differences]
    assert result.statistics.steps >= 400
    assert dialect == result.dialect


@pytest.mark.campaign
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_long_campaign_finds_nothing(dialect):
    result = conform(UNION_SUBJECT, MemoryEngine(dialect), operations=20_000)
    assert ([], []) == (result.findings, result.never)


class ForgetsMode(UnionFileSystem):
    def chmod(self, path, mode, *, follow_symlinks=True):
        super().chmod(path, self.lstat(path).st_mode & 0o7777, follow_symlinks=follow_symlinks)


class LosesLinks(UnionFileSystem):
    def link(self, src, dst, *, follow_symlinks=False):
        super().link(src, dst, follow_symlinks=follow_symlinks)
        self.unlink(dst)
        self.symlink("nowhere", dst)


class WritesThrough(UnionFileSystem):
    def open(self, path, flags, mode=0o777):
        layer = self._layers[0]
        name = str(path).strip("/")
        if flags & self.O_TRUNC and name in layer:
            object.__setattr__(layer[name], "mtime", 1)
        return super().open(path, flags, mode)


class RemountsEmpty(UnionFileSystem):
    def remounted(self):
        return type(self)(self._layers, self._dialect, upper={"": self.upper()[""]}, owner=(0, 0), clock=self._clock)


@pytest.mark.parametrize(("kind", "rule", "what"), [
    (ForgetsMode, "chmod", {"mode"}), (LosesLinks, "link", {"kind"}), (WritesThrough, "write", {"layer below"}),
    (RemountsEmpty, "remount", {"kind", "content", "entry"})])  # whatever was done last before it
def test_a_wrong_one_is_found_and_replays(kind, rule, what):
    result = conform(UNION_SUBJECT, MemoryEngine(kind=kind), operations=1000, complete=False, most=1)
    finding = result.findings[0]
    assert (rule, True) == (finding.rule, bool(what & {d.what for d in finding.differences}))
    assert len(finding.trace.events) <= 2
    assert finding.script() is None
    trace = trace_of(UNION_SUBJECT, trace_json(UNION_SUBJECT, finding.trace))
    again = replay_on(UNION_SUBJECT, trace, MemoryEngine(kind=kind))
    assert again is not None
    assert finding.signature == again.signature
    assert replay_on(UNION_SUBJECT, trace, MemoryEngine()) is None


@pytest.mark.parametrize("name", ["unlink-no-whiteout", "hard-link-split"])
def test_a_wrong_model_is_told_from_it(name):
    mutant = next(m for m in UNION_MUTANTS if m.name == name)
    kill = kill_by_conform(UNION_SUBJECT, mutant)
    assert kill is not None
    assert kill.length <= 4
