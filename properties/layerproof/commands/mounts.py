"""What ``conform`` and ``replay`` do with union file systems."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn

from layermodel.language.ground import GroundMachine
from layermodel.union.reference import GroundUnion, UnionReference
from layermodel.union.rules import UNION
from layermodel.union.words import DIALECTS
from layerproof.commands.common import Progress, emit, parsed, status
from layerproof.commands.report import trace_text, verdict_of, violation_text
from layerproof.engines.mount.engine import KINDS, MountEngine
from layerproof.errors import WrongRequest
from layerproof.machines.registry import SUBJECTS
from layerproof.machines.union.conform import UnionFinding, UnionJudge, conform_union, follow, settled
from layerproof.machines.union.laws import UNION_LAWS
from layerproof.machines.union.report import (
    union_conformance_json,
    union_conformance_text,
    union_finding_json,
    union_finding_text,
    union_trace_text,
)
from layerproof.machines.union.traces import UnionTrace
from layerproof.process.signals import held_back
from layerproof.runs.monitor import Monitor, Violation
from layerproof.runs.trace import Trace


@contextlib.contextmanager
def mounted(name: str, options: str | None, timeout: float) -> Iterator[MountEngine]:
    """Mount a union file system where nobody else sees it, and end it at the end."""
    engine = MountEngine(name, options.split(",") if options else (), timeout=timeout)
    try:
        yield engine
    finally:
        with held_back():
            engine.close()


def conform_mount(
    name: str, options: str | None, *, operations: int, seed: int, budget: float | None, timeout: float,
    strict: bool, format_: str, output: str | None,
) -> NoReturn:
    """Judge a union file system, print the verdict and end the command."""
    with mounted(name, options, timeout) as mount, Progress() as tell:
        result = conform_union(UNION, UNION_LAWS, mount, operations=operations, entropy=seed, budget=budget,
                               progress=lambda n: tell(f"{name}: {n:,} operations"))
    emit(format_, output, lambda: union_conformance_json(result, mount.options, strict),
         lambda: union_conformance_text(result, UNION_LAWS, mount.options, strict))
    status(verdict_of(result, strict) != "held")


def is_union_trace(text: str) -> bool:
    """Whether a trace file is one of a union file system, with layers."""
    data = parsed(text, "the trace")
    return isinstance(data, dict) and data.get("machine") == "union" and "layers" in data


def replay_mount(
    trace: UnionTrace, name: str | None, options: str | None, timeout: float, format_: str, output: str | None,
) -> NoReturn:
    """Replay a trace in the model, and beside a union file system if one is named; end the command."""
    if name is not None and name not in KINDS:
        raise WrongRequest(f"the trace is of a union file system, and cannot be replayed on {name}")
    refusals, broken = _replayed(trace)
    findings: list[UnionFinding] = []
    given: tuple[str, ...] = ()
    if name is not None:
        with mounted(name, options, timeout) as mount:
            given = mount.options
            found = follow(UnionJudge(UNION, UNION_LAWS, mount, trace.scene, trace.dialect), trace)
            findings = [] if found is None else [found]

    def text() -> str:
        parts = [union_trace_text(trace), "the model answers: " + " ".join(r or "done" for r in refusals)]
        parts += [violation_text(UNION_LAWS, v) for v in broken]
        parts += [union_finding_text(f, UNION_LAWS, given) for f in findings]
        if name is not None and not findings:
            parts.append(f"{name} did the same in all {len(trace.events)} operations")
        return "\n".join(parts)

    verdict = "violated" if broken or findings else "held"
    emit(format_, output, lambda: {
        "verdict": verdict, "refusals": refusals, "broken": [v.law for v in broken],
        "findings": [union_finding_json(f, given) for f in findings]}, text)
    status(verdict != "held")


def _replayed(trace: UnionTrace) -> tuple[list[str | None], list[Violation]]:
    """What the model answers to each operation, and the laws that are broken on the way."""
    union = GroundUnion(trace.scene, UNION)
    reference = UnionReference(union, DIALECTS[trace.dialect], trace.stack)
    monitor, refusals, broken = Monitor(union.ground, UNION_LAWS), list[str | None](), list[Violation]()
    for number, event in enumerate(trace.events, 1):
        rule, before = UNION.rule_by_name[event.rule], reference.state
        arguments = settled(reference, rule, event)
        if arguments is None:
            raise WrongRequest(f"event {number}: {event.rule} presupposes what is not so there")
        outcome = reference.run(rule.name, arguments)
        refusals.append(outcome.refusal)
        broken += monitor.step(rule, before, outcome, reference.rigid, reference.traits, arguments)
    return refusals, broken


def replay_model(trace: Trace, format_: str, output: str | None) -> NoReturn:
    """Replay a run of the union machine in the model; end the command."""
    subject = SUBJECTS[trace.machine]
    ground = GroundMachine(subject.machine, trace.sizes)
    monitor, traits = Monitor(ground, subject.catalogue), ground.traits(subject.dialects[trace.dialect])
    states, broken = [ground.initial(trace.rigid, traits)], list[Violation]()
    for number, event in enumerate(trace.events, 1):
        rule, before = ground.rule(event.rule), states[-1]
        if not rule.given(before, before, trace.rigid, traits, event.arguments):
            raise WrongRequest(f"event {number}: {event.rule} presupposes what is not so there")
        outcome = rule.run(before, trace.rigid, traits, event.arguments)
        broken += monitor.step(rule.rule, before, outcome, trace.rigid, traits, event.arguments)
        broken += monitor.state(outcome.state, trace.rigid, traits)
        states.append(outcome.state)
    ends = [states[0], states[-1]]
    data: Any = {"verdict": "violated" if broken else "held", "broken": [v.law for v in broken],
                 "states": subject.data(trace.sizes, trace.rigid, states)}
    emit(format_, output, lambda: data, lambda: "\n".join([
        trace_text(subject.machine, trace), subject.draw(trace.sizes, trace.rigid, ends, "text"),
        *(violation_text(subject.catalogue, v) for v in broken)]))
    status(bool(broken))
