"""Do the operations of a trace in the model again, and ask every law on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from layermodel.language.ground import Vector
from layerproof.readings.conform import cannot_happen
from layerproof.runs.checked import Checked
from layerproof.runs.finding import Difference, Finding
from layerproof.runs.monitor import Bench
from layerproof.runs.trace import Trace
from layerproof.subject import Subject


@dataclass
class Replayed:
    """What a trace came to in the model.

    Attributes:
        trace: as it was done: with the model's answers.
        ends: the state at the start and the latest, over ``rigid`` values.
        findings: laws that are broken, and recorded answers that are not the model's.
        not_done: operations that there was no time for.
    """

    trace: Trace
    rigid: Vector
    ends: tuple[Vector, Vector]
    findings: list[Finding] = field(default_factory=list)
    not_done: int = 0

    @property
    def verdict(self) -> str:
        """``held``, ``violated``, or ``incomplete``."""
        return "violated" if self.findings else "incomplete" if self.not_done else "held"


def replay(
    subject: Subject, trace: Trace, *, budget: float | None = None,
    progress: Callable[[int], None] = lambda steps: None,
) -> Replayed:
    """Do the operations of a trace in the model.

    Args:
        budget: seconds after which it stops, whatever was done by then; None for no limit.
        progress: is told how many operations are done.

    Raises:
        WrongRequest: if an operation cannot happen in the state that it comes to.
    """
    until = None if budget is None else time.monotonic() + budget
    bench = Bench(subject.machine, subject.catalogue, trace.scene.sizes)
    run = subject.drivable.begin(bench.ground, trace.scene, trace.traits)
    start = run.state
    checked = Checked(bench, run, trace.dialect, trace.traits, subject.drivable.scene)
    findings: list[Finding] = []
    for number, event in enumerate(trace.events, 1):
        if until is not None and time.monotonic() > until:
            break
        rule = subject.machine.rule_by_name[event.rule]
        arguments = run.settled(rule, event.arguments)
        if arguments is None:
            raise cannot_happen(number, event)
        outcome, broken = checked.do(rule, arguments)
        if broken is not None:
            findings.append(broken)
        if event.recorded and event.refusal != outcome.refusal:
            says = Difference("recorded answer", outcome.refusal or "done", event.refusal or "done",
                              f"event {number}")
            findings.append(Finding(checked.trace(), (), differences=(says,), expected=outcome.refusal,
                                    observed=event.refusal))
        progress(number)
    done = replace(checked.trace(), scene=trace.scene)
    return Replayed(done, run.rigid, (start, run.state), findings, len(trace.events) - len(done.events))
