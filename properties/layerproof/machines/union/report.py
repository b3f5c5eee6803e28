"""What the commands print about union file systems that were judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from layermodel.union.rules import UNION
from layerproof.commands.report import statistics_text, verdict_of
from layerproof.laws.law import Catalogue
from layerproof.machines.union.conform import UnionConformance, UnionFinding
from layerproof.machines.union.draw import stack_text
from layerproof.machines.union.script import script
from layerproof.machines.union.traces import UnionTrace, spoken
from layerproof.runs.trace import Event


def union_event_text(event: Event, trace: UnionTrace) -> str:
    """An operation as one line: its arguments as what they stand for, and what came of it."""
    rule = UNION.rule_by_name[event.rule]
    said = {n: _shown(n, v) for n, v in spoken(rule, event, trace.scene.paths).items()}
    arguments = " ".join(f"{name}={value}" for name, value in said.items())
    return f"{event.rule} {arguments}" + (f"  -> {event.refusal}" if event.refusal else "")


def _shown(name: str, value: Any) -> str:
    if name == "content":
        return repr(bytes.fromhex(value).decode())
    if name in ("path", "target"):
        return f"/{value}"
    return f"{value:o}" if name == "mode" else f"container-{value}" if name == "container" else str(value)


def union_trace_text(trace: UnionTrace) -> str:
    """A run: the layers, and one numbered line an operation."""
    events = [f"  {n}. {union_event_text(e, trace)}" for n, e in enumerate(trace.events, 1)]
    return "\n".join(["layers, the top first:", stack_text(trace.stack, trace.scene), "operations:", *events])


def union_finding_text(finding: UnionFinding, catalogue: Catalogue, options: Sequence[str]) -> str:
    """A finding about a union file system: a bug report."""
    laws = finding.laws or (finding.known.laws if finding.known else ())
    head = "KNOWN DEVIATION" if finding.known else "FINDING"
    parts = [f"{head}: {finding.engine} {finding.version} breaks",
             *(f"  {i}: {catalogue.law(i).statement}" for i in laws),
             *([] if laws else [f"  no law; it departs from the rule {finding.rule} only"])]
    if finding.known:
        parts.append(f"  listed as {finding.known.key}: {finding.known.says} ({finding.known.source})")
    return "\n".join([
        *parts, union_trace_text(finding.trace),
        f"the last one: expected {finding.expected or 'done'}, observed {finding.observed or 'done'}",
        *(f"  {d}" for d in finding.departures), "a script that shows it:", script(finding, options)])


def union_finding_json(finding: UnionFinding, options: Sequence[str]) -> dict[str, Any]:
    """A finding about a union file system as data."""
    return {
        "engine": finding.engine, "version": finding.version, "rule": finding.rule,
        "expected": finding.expected or "done", "observed": finding.observed or "done",
        "laws": list(finding.laws), "known": finding.known.key if finding.known else None,
        "differences": [{"what": d.what, "where": d.where, "expected": d.expected, "observed": d.observed}
                        for d in finding.departures],
        "trace": json.loads(finding.trace.to_json()), "script": script(finding, options)}


def union_conformance_text(
    result: UnionConformance, catalogue: Catalogue, options: Sequence[str], strict: bool = False,
) -> str:
    """The result of judging a union file system."""
    statistics = result.statistics
    named = f"{result.engine}{' with ' + ','.join(options) if options else ''}"
    parts = [union_finding_text(f, catalogue, options) + "\n" for f in result.findings]
    parts += [statistics_text(statistics.done, statistics.refused), "",
              f"{named} ({result.version}) as {result.dialect}: {statistics.steps:,} operations over "
              f"{result.stacks:,} stacks of layers; after each the answer, everything that is seen and every byte "
              "of the layers below were compared"]
    if result.not_applicable:
        parts.append(f"not applicable (it cannot do them here): {' '.join(result.not_applicable)}")
    parts += [f"never reached: {text}" for text in result.never]
    if result.not_done:
        parts.append(f"the time limit was reached: {result.not_done} operations were not done")
    known = len(result.findings) - len(result.unknown)
    parts.append(f"{len(result.unknown)} findings, {known} known deviations: {verdict_of(result, strict)}")
    return "\n".join(parts)


def union_conformance_json(
    result: UnionConformance, options: Sequence[str], strict: bool = False,
) -> dict[str, Any]:
    """The same as data."""
    return {
        "verdict": verdict_of(result, strict), "strict": strict, "engine": result.engine,
        "options": list(options), "version": result.version, "dialect": result.dialect,
        "operations": result.statistics.steps, "stacks": result.stacks,
        "done": dict(result.statistics.done),
        "refused": {f"{r} {n}": c for (r, n), c in result.statistics.refused.items()},
        "never": result.never, "not_applicable": result.not_applicable, "not_done": result.not_done,
        "findings": [union_finding_json(f, options) for f in result.findings]}
