"""How much of the time of a run that judges an engine is the engine's own, and how much the checker's.

Seconds are of wall time, from the first operation on; the engine's are those spent in its methods, and in waiting
for it. *Alone* is how fast the engine does the same operations and shows itself after each, with nothing judged:
no run can be faster. An engine that cannot be opened here has a row that says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from figures import Table, rounded, tabled

from layerproof.engines.registry import closed, entry
from layerproof.errors import LayerproofError
from layerproof.machines.registry import subject
from layerproof.readings.conform import Conformance, conform
from layerproof.readings.judge import Judge

ENGINES = {"directory": 3000, "memory": 3000, "docker": 150, "overlayfs": 3000}
"""How many operations each does at least; of Docker's some take seconds."""


class Timed:
    """An engine of which it is counted how long its methods take, those that they call left to them."""

    def __init__(self, engine: Any) -> None:
        """Begin with nothing called."""
        self._engine, self.seconds = engine, 0.0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._engine, name)
        return self._timed(value) if callable(value) and not name.startswith("_") else value

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                self.seconds += time.perf_counter() - begun

        return timed


def judged(name: str) -> tuple[Timed, Conformance, float]:
    """An engine, what judging it came to, and the seconds of that.

    Raises:
        LayerproofError: if it cannot be opened here, or is lost.
    """
    known = entry(name, "")
    of = subject(known.machine)
    with closed(known.open) as opened:
        bench = Judge(of, opened).bench
        # Once to compile what is needed, and then the same run again.
        for _ in range(2):
            engine = Timed(opened)
            begun = time.perf_counter()
            done = conform(of, engine, operations=ENGINES[name], complete=False, seed=1,
                           deviations=known.deviations, like=bench)
            took = time.perf_counter() - begun
    return engine, done, took


def row(name: str) -> dict[str, Any]:
    """The figures of one engine, or why there are none."""
    try:
        engine, done, took = judged(name)
    except LayerproofError as error:
        return {"engine": name, "not run": " ".join(str(error).split())}
    steps = done.statistics.steps
    return {"engine": name, "version": done.version, "operations": steps, "findings": len(done.findings),
            "operations a second": rounded(steps / took), "alone": rounded(steps / engine.seconds),
            "own share": f"{1 - engine.seconds / took:.0%}",
            "own milliseconds an operation": rounded((took - engine.seconds) / steps * 1000)}


def tables() -> Iterator[Table]:
    """One table."""
    yield tabled("judging engines", [row(name) for name in ENGINES])
