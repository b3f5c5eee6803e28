"""What the commands print of any machine: results as plain text, and of what has no engine as JSON, too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any

from layermodel.language.rules import BOOL
from layerproof.commands.layout import counted, late, prose, rows
from layerproof.readings.conform import Conformance
from layerproof.readings.drive import Driven
from layerproof.readings.exploration import Exploration
from layerproof.readings.prove.finite import Instance
from layerproof.readings.prove.prove import OUTCOMES, Proof, Verdict, supposed
from layerproof.readings.replay import Replayed
from layerproof.runs.finding import Finding, Violation, listed
from layerproof.runs.statistics import Statistics
from layerproof.runs.trace import Event, Scene, Settled, Trace, trace_json
from layerproof.runs.trouble import DIFFERS
from layerproof.subject import Subject

# Runs.


def event_text(subject: Subject, event: Event, scene: Scene) -> str:
    """An event as one line: the rule, its arguments by name, and what came of it."""
    rule = subject.machine.rule_by_name[event.rule]
    shown = [(p, a) for p, a in zip(rule.parameters, event.arguments, strict=True)
             if p.role == "named" or isinstance(scene, Settled)]
    arguments = " ".join(f"{p.name}={subject.shown.says(p.sort, int(a), scene)}" for p, a in shown)
    return f"{event.rule} {arguments}".rstrip() + (f"  -> refused: {event.refusal}" if event.refusal else "")


def trace_text(subject: Subject, trace: Trace) -> str:
    """A trace: what it starts from, and one numbered line an operation."""
    lines = [prose(f"  {n}. {event_text(subject, e, trace.scene)}", 5) for n, e in enumerate(trace.events, 1)]
    before = subject.shown.before(trace.scene)
    return "\n".join([*([before, "operations:"] if before else []), *lines])


def violation_text(subject: Subject, violation: Violation, scene: Scene) -> str:
    """A broken law in one line."""
    law = subject.catalogue.law(violation.law)
    false = "; ".join(violation.false)
    return prose(f"{law.id}: {law.statement} False: {false}" + at_text(subject, violation.variables, scene), 4)


def at_text(subject: Subject, variables: Sequence[tuple[str, str, int]], scene: Scene) -> str:
    """The objects for which a law is broken, called as in the operations."""
    sorts = {s.name: s for s in subject.machine.sorts}
    at = ", ".join(f"{name} = {subject.shown.says(sorts.get(sort, BOOL), e, scene)}"
                   for name, sort, e in variables)
    return f" (at {at})" if at else ""


# Proofs.


def instance_text(subject: Subject, verdict: Verdict) -> str:
    """A counterexample to induction: the step, the law, what is false, and both states."""
    instance, machine = verdict.instance, subject.machine
    assert instance is not None
    law = subject.catalogue.law(verdict.law)
    scene = Settled(instance.sizes, instance.rigid)
    traits = ", ".join(t.name for t, v in zip(machine.traits, instance.traits, strict=True) if v) or "none"
    return "\n".join([
        prose(f"{verdict.name}: refuted. {law.id}: {law.statement}", 2),
        *(prose(f"  step: {event_text(subject, step, scene)}", 4) for step in _steps(subject, verdict)),
        prose(f"  false: {'; '.join(instance.false)}" + at_text(subject, instance.variables, scene), 4),
        *([prose(f"  traits that hold: {traits}", 4)] if machine.traits else []),
        "", picture(subject, instance.sizes, instance.rigid, instance.states)])


def _steps(subject: Subject, verdict: Verdict) -> list[Event]:
    assert verdict.instance is not None
    called = [c for c in verdict.rule.replace(" = ", ";").split(";") if c in subject.machine.rule_by_name]
    return [Event(r, a, verdict.refusal) for r, a in zip(called, verdict.instance.arguments, strict=False)]


def picture(
    subject: Subject, sizes: Mapping[str, int], rigid: tuple[Any, ...], states: Sequence[tuple[Any, ...]],
    style: str = "text", titles: tuple[str, str] = ("before", "after"),
) -> str:
    """States as text in a style, see :class:`~layerproof.subject.Shown`."""
    return subject.shown.picture(subject.machine, sizes, rigid, states, style, titles)


def proof_json(proof: Proof, subject: Subject) -> dict[str, Any]:
    """The result of proving."""
    return {
        "verdict": "held" if proof.holds else "violated" if proof.count("refuted") else "undecided",
        "obligations": {o: proof.count(o) for o in OUTCOMES},
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
        "rests_on": list(proof.rests_on),
        "supposed": supposed(proof),
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
        "states": subject.shown.data(subject.machine, instance.sizes, instance.rigid, instance.states),
    }


def proof_text(proof: Proof, subject: Subject) -> str:
    """The result of proving, law by law, with every counterexample drawn."""
    lines = []
    for law in subject.catalogue.laws:
        mine = [v for v in proof.verdicts if v.law == law.id]
        if mine:
            used = sorted({u for v in mine for u in v.used if u != law.id})
            proved = sum(v.outcome == "proved" for v in mine)
            lines.append((law.id, f"{proved}/{len(mine)}", law.statement, " ".join(used) or "-"))
    parts = [rows("", ("law", "proved", "statement", "with the help of"), lines)]
    parts += [f"{v.outcome}: {v.name}" for v in proof.verdicts if v.outcome in ("undecided", "timed out")]
    shown = [v for v in proof.verdicts if v.outcome == "refuted"]
    parts += ["\n" + instance_text(subject, v) for v in shown[:_DRAWN]]
    parts += [f"also refuted: {v.name}" for v in shown[_DRAWN:]]
    parts += [f"vacuous: {text}" for text in proof.vacuous]
    parts += supposed(proof)
    parts += [f"the lemma {n!r} was not proved" for n, ok in proof.lemmas.items() if not ok]
    return "\n".join([*parts, "", summary_text(proof, subject)])


def summary_text(proof: Proof, subject: Subject) -> str:
    """The result of proving in one line."""
    free = " and all traits free" if subject.machine.traits else ""
    lemmas = f"; {counted(len(proof.lemmas), 'lemma')}" if proof.lemmas else ""
    return prose(f"{proof.count('proved'):,} proved, {proof.count('refuted'):,} refuted, "
                 f"{proof.count('undecided'):,} undecided{late(proof.count('timed out'))}, "
                 f"for {subject.shown.any_size}{free}{lemmas}; "
                 f"{counted(proof.witnesses, 'witness')} that none of it is vacuous")


_DRAWN = 3  # counterexamples that are drawn; further ones are named


def drawn(proof: Proof, subject: Subject, style: str) -> str:
    """The state after the step of the first counterexample, as a graph alone; empty if there is none."""
    instance = next((v.instance for v in proof.verdicts if v.instance), None)
    return "" if instance is None else picture(subject, instance.sizes, instance.rigid, instance.states, style)


# Explorations.


def exploration_json(e: Exploration, subject: Subject) -> dict[str, Any]:
    """The result of exploring."""
    return {
        "verdict": e.verdict, "sizes": dict(e.sizes),
        "dialects": list(e.dialects), "universes": e.universes, "complete": e.complete, "states": e.states,
        "standFor": e.stand_for, "compiled": e.compiled, "steps": e.steps, "depth": e.depth, "stuck": e.stuck,
        "findings": [{"law": law, "false": list(f.violations[0].false), "trace": trace_json(subject, f.trace)}
                     for law, f in e.findings.items()],
    }


def exploration_text(e: Exploration, subject: Subject) -> str:
    """The result of exploring, with the shortest run to each broken law."""
    sizes = " ".join(f"{n}={c}" for n, c in e.sizes.items())
    rigid = bool(subject.machine.rigid)
    seen = f"{'all' if e.complete else 'some'} universes of {sizes}: {e.universes:,}" if rigid else sizes
    spoken = f"{'in the dialect' if len(e.dialects) == 1 else 'in the dialects'} {' and '.join(e.dialects)}"
    parts = [prose(", ".join([seen, *([spoken] if subject.machine.traits else [])])),
             prose(f"{counted(e.states, 'state')}{_alike(e)}, {counted(e.steps, 'step')}, depth {e.depth}"
                   + _back(e, subject))]
    if e.cut:
        parts.append(prose(f"NOT ALL OF IT: the search ended after {counted(e.states, 'state')}, as many as it "
                           "may visit, keep or get to (--states, --memory, --budget); of more that can be reached "
                           "it says nothing"))
    for finding in e.findings.values():
        parts += [violation_text(subject, finding.violations[0], finding.trace.scene),
                  trace_text(subject, finding.trace)]
    if not e.findings:
        parts.append(prose(_held(e, subject)))
    return "\n".join(parts)


def _alike(e: Exploration) -> str:
    """How many states those stand for that were visited, where it is more."""
    return "" if e.stand_for == e.states else f" that stand for {e.stand_for:,}"


def _held(e: Exploration, subject: Subject) -> str:
    """What was asked of what was visited, where no law is broken."""
    laws = [law.id for law in subject.catalogue.laws]
    idle = [law for law in laws if not e.premises[law]]
    if idle == laws:
        says = "no law was put to the test"
    else:
        says = "every law held in every state and step that was visited"
        says += f"; not put to the test: {' '.join(idle)}" if idle else ""
    return says if e.verdict == "held" else f"{says}; verdict: {e.verdict}"


def _back(e: Exploration, subject: Subject) -> str:
    """Whether the initial state can be reached again, where that is asked."""
    if not subject.finite.empties or (e.cut and not e.stuck):  # nobody knows of a search that was cut short
        return ""
    where = f"all but {e.stuck:,}" if e.stuck else "every one"
    return f"; from {where} the initial state can be reached again"


# Random runs.


def driven_json(results: Mapping[str, Driven], subject: Subject) -> dict[str, Any]:
    """The results of driving, by dialect."""
    return {name: {
        "operations": r.statistics.steps, "done": dict(r.statistics.done), "never": r.never,
        "refused": {f"{a} {b}": n for (a, b), n in r.statistics.refused.items()},
        "pairs": len(r.statistics.pairs),
        "findings": [{"law": f.laws[0], "trace": trace_json(subject, f.trace)} for f in r.findings],
    } for name, r in results.items()}


def driven_text(results: Mapping[str, Driven], subject: Subject) -> str:
    """The results of driving, with the run to each broken law."""
    from layerproof.readings.drive import sizes_of_runs

    parts, sizes = [], " ".join(f"{sort}={count}" for sort, count in sizes_of_runs(subject).items())
    for name, r in results.items():
        parts.append(prose(f"{name}: {done_text(r.statistics)}"))
        parts.append(statistics_text(r.statistics.done, r.statistics.refused))
        parts += [prose(f"never reached as {name}, with {sizes}: {t}", 2) for t in r.never]
        for f in r.findings:
            parts += [*(violation_text(subject, v, f.trace.scene) for v in f.violations),
                      trace_text(subject, f.trace)]
    return "\n".join(parts)


def done_text(statistics: Statistics) -> str:
    """How much was done, and in how many ways two operations followed each other on one object."""
    pairs = f", {counted(len(statistics.pairs), 'kind')} of two on one object" if statistics.pairs else ""
    return f"{counted(statistics.steps, 'operation')} in {counted(statistics.examples, 'run')}{pairs}"


def statistics_text(done: Mapping[str, int], refused: Mapping[tuple[str, str], int]) -> str:
    """How often each rule was done and each refusal had."""
    names = sorted({*done, *(r for r, _ in refused)})
    return rows("", ("rule", "done", "refused"), [
        (n, str(done.get(n, 0)), " ".join(f"{r}:{c}" for (rule, r), c in sorted(refused.items()) if rule == n)
         or "-") for n in names])


# Engines.


def finding_text(finding: Finding, subject: Subject, verbose: bool = False) -> str:
    """A finding about an engine: a bug report.

    Args:
        verbose: with what was really asked of the engine, and what it answered.
    """
    named = [f"{i}: {subject.catalogue.law(i).statement}" for i in finding.breaks]
    what = "KNOWN DEVIATION" if finding.known else "UNSTABLE FINDING" if finding.unstable else "FINDING"
    parts = [prose(f"{what}: {head_text(finding)}", 2), *(prose(f"  {n}", 4) for n in named)]
    if finding.unstable:
        parts.append(prose(f"  {unstable_text(finding)}", 4))
    if finding.known:
        parts.append(prose(f"  listed as {finding.known.key}: {finding.known.says} ({finding.known.source})", 4))
    run = trace_text(subject, finding.trace)
    parts += [run if "operations:" in run else f"operations:\n{run}",
              prose(f"the last one: expected {finding.expected or 'done'}, observed {finding.observed or 'done'}"
                    + (f" ({finding.detail})" if finding.detail else ""), 2),
              *(prose(f"  {d}", 4) for d in finding.differences if finding.kind == DIFFERS)]
    if finding.log:
        parts += ["its log ends with:", indent(finding.log.rstrip(), "  ")]
    states, scene = finding.states, finding.trace.scene
    if states is not None and states.expected != states.observed and subject.shown.compared(scene):
        parts += ["afterwards:", picture(subject, scene.sizes, states.rigid, (states.expected, states.observed),
                                         titles=("expected", "observed"))]
    if verbose and finding.calls:
        parts += ["what was asked of it, and answered:", *(prose(f"  {_call(one)}", 4) for one in finding.calls)]
    script = finding.script()
    return "\n".join([*parts, *(["a script that shows it:", script] if script is not None else [])])


def head_text(finding: Finding) -> str:
    """What the engine does, in a few words; the laws that it breaks are to follow."""
    rule = f"from the rule {finding.rule}" if finding.rule else "in what it starts from"
    does = _MISBEHAVES.get(finding.kind) or ("breaks" if finding.breaks else f"departs {rule}, and breaks no law")
    return f"{_engine(finding)} {does}"


def unstable_text(finding: Finding) -> str:
    """How often it showed again."""
    return "it showed again in {} of {} further runs of the same operations".format(*finding.again)


def _call(one: Mapping[str, Any]) -> str:
    return f"{one['call']} {json.dumps(one['arguments'])} -> {json.dumps(one['answered'])}"


_MISBEHAVES = {
    "died": "died, or cannot be reached any more", "hung": "did not answer in time",
    "unintelligible answer": "answered what cannot be understood", "contradicts itself": "contradicts itself",
    "raised": "raised an exception that is no refusal"}
"""What is said of an engine that did something else than to answer, by kind of finding."""


def _engine(finding: Finding) -> str:
    """The engine with its version, of which some only say that nobody knows it."""
    unknown = finding.version in ("", "unknown")
    return f"{finding.engine} (version unknown)" if unknown else f"{finding.engine} {finding.version}"


def verdict_of(result: Conformance, strict: bool = False) -> str:
    """``held``, ``violated`` or, where something was never reached or not done, ``incomplete``.

    Known deviations violate only if the judgement is strict.
    """
    if result.unknown or (strict and result.findings):
        return "violated"
    return "incomplete" if result.never or result.not_done else "held"


def conformance_text(
    result: Conformance, subject: Subject, strict: bool = False, verbose: bool = False,
) -> str:
    """The result of judging an engine; ``verbose``: see :func:`finding_text`."""
    statistics, (unknown, known) = result.statistics, listed(result.findings)
    named = f"{result.engine}{' with ' + ','.join(result.options) if result.options else ''}"
    spoken = f" as {result.dialect}" if subject.machine.traits else ""
    parts = [finding_text(f, subject, verbose) + "\n" for f in result.findings]
    parts += [statistics_text(statistics.done, statistics.refused), "",
              prose(f"{named} ({result.version}){spoken}: {done_text(statistics)}; after each the answer and the "
                    "whole observable state were compared")]
    if result.not_applicable:
        parts.append(prose(
            f"not applicable (the engine cannot express them): {' '.join(result.not_applicable)}", 4))
    if result.beyond:
        parts.append(prose(f"nor what needs them: {'; '.join(result.beyond)}", 4))
    if result.not_compared:
        parts.append(prose(f"not compared, though the engine reports it: {', '.join(result.not_compared)}", 4))
    parts += [f"never reached: {text}" for text in result.never]
    if result.not_done:
        parts.append(prose(f"the run ended early: {counted(result.not_done, 'operation')} "
                           f"{'was' if result.not_done == 1 else 'were'} not done"
                           + (f", as {result.ended}" if result.ended else ""), 4))
    parts.append(f"{counted(len(unknown), 'finding')}, {counted(len(known), 'known deviation')}: "
                 f"{verdict_of(result, strict)}")
    return "\n".join(parts)


# Traces.


def replayed_text(done: Replayed, subject: Subject) -> str:
    """What replaying a trace in the model showed."""
    parts = [trace_text(subject, done.trace)]
    if subject.shown.compared(done.trace.scene):
        parts.append(picture(subject, done.trace.scene.sizes, done.rigid, done.ends))
    parts += [violation_text(subject, v, f.trace.scene) for f in done.findings for v in f.violations]
    parts += [prose(f"the model answers otherwise: {d}", 4) for f in done.findings for d in f.differences]
    if not done.findings and not done.not_done:
        parts.append(f"{counted(len(done.trace.events), 'operation')} in the model: every law held")
    return "\n".join(parts)
