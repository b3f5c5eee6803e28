"""An operation of which no answer comes may have been done, or not: either is taken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.errors import EngineHung
from layerproof.machines.registry import subject
from layerproof.machines.store.making import runs
from layerproof.readings.conform import conform
from layerproof.readings.judge import EngineWorld, Judge
from layerproof.runs.finding import Finding

STORE = subject("store")
ONE = {"Layer": 1, "Image": 1, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1, "Content": 2}


class Silent(DirectoryEngine):
    """While it is quiet, one of its operations gets no answer, whether it is done or not."""

    kind = ""
    done, quiet = True, False

    def revive(self) -> None:
        self.quiet = False

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return self._silent(value) if name == type(self).kind and self.quiet else value

    def _silent(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def silent(*given: Any) -> Any:
            if self.done:
                method(*given)
            raise EngineHung("no answer came within 30 seconds")

        return silent


BEFORE: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "load": (), "create": (("load-unnamed", (0,)),), "tag": (("load-unnamed", (0,)),),
    "start": (("load-unnamed", (0,)), ("create", (0, 0, 0))), "build-begin": (("load-unnamed", (0,)),)}
"""What is done before an operation of which no answer comes."""
SILENT = {"load": (0, 0), "create": (0, 0, 0), "tag": (0, 0), "start": (0,), "build-begin": (0, 0)}
AFTER: dict[str, tuple[str, tuple[int, ...]]] = {
    "load": ("untag", (0,)), "create": ("remove", (0, 0)), "tag": ("untag", (0,)), "start": ("pause", (0,)),
    "build-begin": ("abort", (0,))}
"""And what is then done to what it was about."""


def step(world: EngineWorld, name: str, arguments: tuple[int, ...]) -> Finding | None:
    return world.compare(STORE.machine.rule_by_name[name], arguments)


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("kind", BEFORE)
def test_the_run_goes_on_from_what_is_there(kind: str, done: bool) -> None:
    class Engine(Silent):
        pass

    Engine.kind, Engine.done = kind.replace("-", "_"), done
    with closing(Engine()) as engine:
        judge = Judge(STORE, engine, None, None, (), ONE)
        ground = judge.bench.ground
        scene = next(s for s, _ in runs(STORE, ground, engine)
                     if not ground.read(ground.layout.zero, s.rigid, "is_digest", 0))
        for known in (False, True):
            world = EngineWorld(judge, scene)
            assert all(step(world, *one) is None for one in BEFORE[kind])
            before, engine.quiet = world.run.state, True
            finding = step(world, kind, SILENT[kind])
            if not known:
                assert finding is not None
                assert "hung" == finding.kind
                judge.keep(finding)
                continue
            assert judge.ailing == (not done)
            if not done:  # or not yet: nothing is known of what follows
                assert finding is not None
                assert "hung" == finding.kind
                continue
            assert finding is None
            assert world.run.state != before
            engine.quiet = False
            assert step(world, *AFTER[kind]) is None


def test_one_that_does_half_of_it_is_found_to() -> None:
    class Half(DirectoryEngine):
        loads = 0

        def load(self, archive: bytes) -> None:
            super().load(archive)
            self.loads += 1
            if self.loads % 4 == 0:
                self._save("references", {})  # what was named so far is forgotten
                raise EngineHung("no answer came within 30 seconds")

    with closing(Half()) as engine:
        found = conform(STORE, engine, operations=2000, complete=False, seed=3).findings
    assert {"hung", "differs"} == {finding.kind for finding in found}

    def names(finding: Finding) -> bool:
        return any(difference.what == "names" for difference in finding.differences)

    assert all(names(finding) for finding in found if finding.kind == "differs")
