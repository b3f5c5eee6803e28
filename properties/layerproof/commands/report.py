"""What the commands print: results as JSON objects and as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from layermodel.language.rules import Machine
from layermodel.store.view import element_name
from layerproof.commands.layout import rows as rows
from layerproof.laws.law import Catalogue
from layerproof.machines.registry import Subject
from layerproof.machines.store.draw import table
from layerproof.machines.store.engine import Scripter
from layerproof.readings.conform import Conformance, EngineFinding
from layerproof.readings.explore import Exploration
from layerproof.readings.prove.finite import Instance
from layerproof.readings.prove.prove import Proof, Verdict
from layerproof.runs.monitor import Violation
from layerproof.runs.trace import Event, Trace


def event_text(machine: Machine, event: Event) -> str:
    """An event as one line: the rule, its arguments by name, and what came of it."""
    rule = machine.rule_by_name[event.rule]
    arguments = " ".join(f"{p.name}={element_name(p.sort, int(a))}"
                         for p, a in zip(rule.parameters, event.arguments, strict=True))
    return f"{event.rule} {arguments}".rstrip() + (f"  -> refused: {event.refusal}" if event.refusal else "")


def trace_text(machine: Machine, trace: Trace) -> str:
    """A trace, one numbered line an operation."""
    return "\n".join(f"  {n}. {event_text(machine, e)}" for n, e in enumerate(trace.events, 1))


def instance_text(subject: Subject, verdict: Verdict, drawing: str = "text") -> str:
    """A counterexample to induction: the step, the law, what is false, and both states."""
    instance, machine = verdict.instance, subject.machine
    assert instance is not None
    law = subject.catalogue.law(verdict.law)
    sorts = {s.name: s for s in machine.sorts}
    where = ", ".join(f"{name} = {element_name(sorts[sort], e)}" for name, sort, e in instance.variables)
    called = verdict.rule.replace(" = ", ";").split(";")
    steps = [Event(r, a, verdict.refusal) for r, a in zip(
        [c for c in called if c in machine.rule_by_name], instance.arguments, strict=False)]
    traits = ", ".join(t.name for t, v in zip(machine.traits, instance.traits, strict=True) if v) or "none"
    return "\n".join([
        f"{verdict.name}: refuted. {law.id}: {law.statement}",
        *(f"  step: {event_text(machine, step)}" for step in steps),
        f"  false: {'; '.join(instance.false)}" + (f" (at {where})" if where else ""),
        f"  traits that hold: {traits}",
        "", subject.draw(instance.sizes, instance.rigid, instance.states, drawing)])


def violation_text(catalogue: Catalogue, violation: Violation) -> str:
    """A broken law in one line."""
    law = catalogue.law(violation.law)
    at = ", ".join(f"{name}-{element}" for name, _, element in violation.variables)
    return f"{law.id}: {law.statement} False: {'; '.join(violation.false)}" + (f" (at {at})" if at else "")


def proof_json(proof: Proof, subject: Subject) -> dict[str, Any]:
    """The result of proving."""
    return {
        "verdict": "held" if proof.holds else "violated" if proof.count("refuted") else "undecided",
        "obligations": {o: proof.count(o) for o in ("proved", "refuted", "undecided")},
        "laws": [
            {"id": law.id, "statement": law.statement,
             "obligations": sum(v.law == law.id for v in proof.verdicts),
             "proved": sum(v.law == law.id and v.outcome == "proved" for v in proof.verdicts),
             "used": sorted({u for v in proof.verdicts if v.law == law.id for u in v.used})}
            for law in subject.catalogue.laws if any(v.law == law.id for v in proof.verdicts)],
        "proofs": [{"rule": v.rule, "law": v.law, "refusal": v.refusal, "outcome": v.outcome,
                    "used": list(v.used)} for v in proof.verdicts],
        "lemmas": dict(proof.lemmas),
        "witnesses": proof.witnesses,
        "vacuous": list(proof.vacuous),
        "counterexamples": [instance_json(subject, v) for v in proof.verdicts if v.instance],
    }


def instance_json(subject: Subject, verdict: Verdict) -> dict[str, Any]:
    """A counterexample to induction as data."""
    instance: Instance | None = verdict.instance
    assert instance is not None
    return {
        "rule": verdict.rule, "law": verdict.law, "refusal": verdict.refusal, "false": list(instance.false),
        "variables": [{"name": n, "sort": s, "element": e} for n, s, e in instance.variables],
        "arguments": [list(a) for a in instance.arguments],
        "traits": {t.name: bool(v) for t, v in zip(subject.machine.traits, instance.traits, strict=True)},
        "states": subject.data(instance.sizes, instance.rigid, instance.states),
    }


def proof_text(proof: Proof, subject: Subject, drawing: str = "text") -> str:
    """The result of proving, law by law, with every counterexample drawn."""
    lines = []
    for law in subject.catalogue.laws:
        mine = [v for v in proof.verdicts if v.law == law.id]
        if mine:
            used = sorted({u for v in mine for u in v.used if u != law.id})
            proved = sum(v.outcome == "proved" for v in mine)
            lines.append((law.id, f"{proved}/{len(mine)}", law.statement, " ".join(used) or "-"))
    parts = [rows("", ("law", "proved", "statement", "with the help of"), lines)]
    parts += [f"undecided: {v.name}" for v in proof.verdicts if v.outcome == "undecided"]
    shown = [v for v in proof.verdicts if v.outcome == "refuted"]
    parts += ["\n" + instance_text(subject, v, drawing) for v in shown[:_DRAWN]]
    parts += [f"also refuted: {v.name}" for v in shown[_DRAWN:]]
    parts += [f"vacuous: {text}" for text in proof.vacuous]
    parts += [f"the lemma {n!r} was not proved" for n, ok in proof.lemmas.items() if not ok]
    parts.append(
        f"\n{proof.count('proved')} proved, {proof.count('refuted')} refuted, {proof.count('undecided')} "
        f"undecided, for stores of any size and all traits free; {len(proof.lemmas)} "
        f"lemmas; {proof.witnesses} witnesses that none of it is vacuous")
    return "\n".join(parts)


_DRAWN = 3  # counterexamples that are drawn; further ones are named


def exploration_json(e: Exploration) -> dict[str, Any]:
    """The result of exploring."""
    return {
        "verdict": "violated" if e.findings or e.stuck else "held", "sizes": dict(e.sizes),
        "dialects": list(e.dialects), "universes": e.universes, "complete": e.complete, "states": e.states,
        "steps": e.steps, "depth": e.depth, "stuck": e.stuck,
        "findings": [{"law": f.violation.law, "false": list(f.violation.false),
                      "trace": trace_json(f.trace)} for f in e.findings.values()],
    }


def trace_json(trace: Trace) -> Any:
    """A trace as data."""
    import json

    return json.loads(trace.to_json())


def exploration_text(e: Exploration, subject: Subject) -> str:
    """The result of exploring, with the shortest run to each broken law."""
    sizes = " ".join(f"{n}={c}" for n, c in e.sizes.items())
    parts = [f"{'all' if e.complete else 'some'} universes of {sizes}: {e.universes}, in the dialects "
             f"{' and '.join(e.dialects)}",
             f"{e.states:,} states, {e.steps:,} steps, depth {e.depth}" + (
                 f"; from all but {e.stuck} the empty store can be reached again" if subject.empties else "")]
    for finding in e.findings.values():
        parts += [violation_text(subject.catalogue, finding.violation),
                  trace_text(subject.machine, finding.trace)]
    return "\n".join(parts)


def finding_json(finding: EngineFinding, script: Scripter | None) -> dict[str, Any]:
    """A finding about an engine as data."""
    from layerproof.machines.store.draw import to_json

    return {
        "engine": finding.engine, "version": finding.version, "rule": finding.rule,
        "expected": finding.expected or "done", "observed": finding.observed or "done",
        "detail": finding.detail, "laws": list(finding.laws),
        "known": finding.known.key if finding.known else None,
        "differences": [{"what": d.what, "expected": d.expected, "observed": d.observed}
                        for d in finding.differences],
        "before": to_json(finding.before), "after_expected": to_json(finding.after),
        "after_observed": to_json(finding.seen), "trace": trace_json(finding.trace),
        "script": script(finding.calls) if script else None,
    }


def finding_text(
    finding: EngineFinding, catalogue: Catalogue, machine: Machine, script: Scripter | None,
) -> str:
    """A finding about an engine: a bug report."""
    laws = [f"{i}: {catalogue.law(i).statement}" for i in finding.laws] or [
        f"no law; {finding.engine} departs from the rule {finding.rule} only"]
    head = "KNOWN DEVIATION" if finding.known else "FINDING"
    parts = [f"{head}: {finding.engine} {finding.version} breaks", *(f"  {law}" for law in laws)]
    if finding.known:
        parts.append(f"  listed as {finding.known.key}: {finding.known.says} ({finding.known.source})")
    parts += ["operations:", trace_text(machine, finding.trace),
              f"the last one: expected {finding.expected or 'done'}, observed {finding.observed or 'done'}"
              + (f" ({finding.detail})" if finding.detail else ""),
              *(f"  {d}" for d in finding.differences),
              "expected (left) and observed (right) afterwards:", table(finding.after, finding.seen)]
    if script is not None:
        parts += ["a script that shows it:", script(finding.calls)]
    return "\n".join(parts)


def conformance_json(
    result: Conformance, script: Scripter | None, strict: bool = False,
) -> dict[str, Any]:
    """The result of judging an engine."""
    return {
        "verdict": verdict_of(result, strict), "strict": strict,
        "engine": result.engine, "version": result.version, "dialect": result.dialect,
        "operations": result.statistics.steps,
        "examples": result.statistics.examples,
        "done": dict(result.statistics.done),
        "refused": {f"{r} {n}": c for (r, n), c in result.statistics.refused.items()},
        "never": result.never, "not_applicable": result.not_applicable, "not_done": result.not_done,
        "findings": [finding_json(f, script) for f in result.findings],
    }


class Judged(Protocol):
    """What a verdict is made from, whatever was judged."""

    @property
    def findings(self) -> Sequence[object]:
        """All findings."""

    @property
    def unknown(self) -> Sequence[object]:
        """Those that are not listed as known."""

    @property
    def never(self) -> Sequence[str]:
        """What was never reached."""

    @property
    def not_done(self) -> int:
        """Operations that there was no time for."""


def verdict_of(result: Judged, strict: bool = False) -> str:
    """``held``, ``violated`` or, where something was never reached or not done, ``incomplete``.

    Known deviations violate only if the judgement is strict.
    """
    if result.unknown or (strict and result.findings):
        return "violated"
    return "incomplete" if result.never or result.not_done else "held"


def conformance_text(
    result: Conformance, catalogue: Catalogue, machine: Machine, script: Scripter | None,
    strict: bool = False,
) -> str:
    """The result of judging an engine."""
    refusals = len(result.statistics.refused)
    parts = [finding_text(f, catalogue, machine, script) + "\n" for f in result.findings]
    parts.append(
        f"{result.engine} {result.version} as {result.dialect}: {result.statistics.steps} operations in "
        f"{result.statistics.examples} runs; {len(result.statistics.done)} rules done, {refusals} refusals "
        "had; after each the answer and the whole observable state were compared")
    if result.not_applicable:
        parts.append(f"not applicable (the engine cannot express them): {' '.join(result.not_applicable)}")
    parts += [f"never reached: {text}" for text in result.never]
    if result.not_done:
        parts.append(f"the time limit was reached: {result.not_done} operations were not done")
    known = len(result.findings) - len(result.unknown)
    parts.append(f"{len(result.unknown)} findings, {known} known deviations: {verdict_of(result, strict)}")
    return "\n".join(parts)


def statistics_text(done: Mapping[str, int], refused: Mapping[tuple[str, str], int]) -> str:
    """How often each rule was done and each refusal had."""
    names = sorted({*done, *(r for r, _ in refused)})
    return rows("", ("rule", "done", "refused"), [
        (n, str(done.get(n, 0)), " ".join(f"{r}:{c}" for (rule, r), c in sorted(refused.items()) if rule == n)
         or "-") for n in names])
