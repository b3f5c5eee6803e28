"""What judging an engine came to as JSON, and the JSON Schema that it keeps to.

Each part of the schema stands below what writes that part. Where nothing else is said, an object has the fields
that the schema names, all of them, and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layerproof.commands import certificate
from layerproof.commands.judged import (
    EXCUSED,
    FAILED,
    PASSED,
    STATES,
    UNKNOWN,
    Judged,
    of_certificate,
    of_conformance,
)
from layerproof.commands.outcomes import told
from layerproof.readings.conform import Conformance
from layerproof.readings.exhaust import Certificate
from layerproof.readings.replay import Replayed
from layerproof.runs.finding import Finding
from layerproof.runs.trace import FORMAT, trace_json
from layerproof.subject import Subject

SCHEMA = "layerproof-report/1"
"""What a report says that it is. The number is another one as soon as a program that read the old could not read
the new; fields may be added without that, in another version of layerproof."""

_Json = dict[str, Any]
_TEXT: _Json = {"type": "string"}
_FLAG: _Json = {"type": "boolean"}
_COUNT: _Json = {"type": "integer", "minimum": 0}
_TEXTS: _Json = {"type": "array", "items": _TEXT}
_COUNTS: _Json = {"type": "object", "additionalProperties": _COUNT}
_TEXT_OR_NONE: _Json = {"type": ["string", "null"]}


def _object(fields: Mapping[str, _Json], optional: Mapping[str, _Json] | None = None) -> _Json:
    """An object of these fields and no others."""
    return {"type": "object", "properties": {**fields, **(optional or {})}, "required": [*fields],
            "additionalProperties": False}


def _list(of: _Json) -> _Json:
    return {"type": "array", "items": of}


def _part(name: str) -> _Json:
    return {"$ref": f"#/$defs/{name}"}


# A finding.


def finding_json(finding: Finding, subject: Subject) -> _Json:
    """A finding about an engine."""
    states = finding.states
    data = None
    if states is not None and subject.shown.compared(finding.trace.scene):
        data = subject.shown.data(subject.machine, finding.trace.scene.sizes, states.rigid,
                                  (states.before, states.expected, states.observed))
    return {
        "engine": finding.engine, "version": finding.version, "rule": finding.rule,
        "expected": finding.expected or "done", "observed": finding.observed or "done",
        "detail": finding.detail, "laws": list(finding.laws), "kind": finding.kind, "log": finding.log,
        "violations": [{"law": v.law, "false": list(v.false), "at": [
            {"name": name, "sort": sort, "element": int(element)} for name, sort, element in v.variables]}
            for v in finding.violations],
        "again": {"shown": finding.again[0], "of": finding.again[1]}, "unstable": finding.unstable,
        "known": finding.known.key if finding.known else None,
        "differences": [{"what": d.what, "where": d.where, "expected": d.expected, "observed": d.observed}
                        for d in finding.differences],
        **({} if data is None else dict(zip(_AROUND, data, strict=True))),
        "trace": trace_json(subject, finding.trace), "script": finding.script(),
        "calls": [dict(one) for one in finding.calls],
    }


_AROUND = ("before", "after_expected", "after_observed")
"""The states around the last operation, as the machine has them as data; left out if nobody knows them."""

_VIOLATION = _object({"law": _TEXT, "false": _TEXTS,
                      "at": _list(_object({"name": _TEXT, "sort": _TEXT, "element": {"type": "integer"}}))})
_DIFFERENCE = _object({"what": _TEXT, "where": _TEXT, "expected": _TEXT, "observed": _TEXT})
_EVENT: _Json = {"type": "object", "required": ["rule"], "properties": {"rule": _TEXT, "refused": _TEXT_OR_NONE},
                 "description": "The other fields are the arguments of the operation, by name."}
_TRACE: _Json = {
    "type": "object", "required": ["layerproof", "machine", "dialect", "events"],
    "properties": {"layerproof": {"const": FORMAT}, "machine": _TEXT, "dialect": _TEXT,
                   "traits": {"type": "object", "additionalProperties": _FLAG}, "events": _list(_EVENT)},
    "description": "What replay reads; the other fields are what the run starts from, as the machine puts it."}
_CALL: _Json = {
    "type": "object", "required": ["call", "arguments", "answered"], "properties": {"call": _TEXT},
    "description": "What was really asked of the engine, and what it answered, in its own names."}
_STATE: _Json = {"description": "A state, as the machine has it as data."}
_FINDING_FIELDS: Mapping[str, _Json] = {
    "engine": _TEXT, "version": _TEXT, "rule": _TEXT, "expected": _TEXT, "observed": _TEXT, "detail": _TEXT,
    "laws": _TEXTS, "kind": _TEXT, "log": _TEXT, "violations": _list(_VIOLATION),
    "again": _object({"shown": _COUNT, "of": _COUNT}), "unstable": _FLAG, "known": _TEXT_OR_NONE,
    "differences": _list(_DIFFERENCE), "trace": _part("trace"), "script": _TEXT_OR_NONE, "calls": _list(_CALL)}
_STATES_AROUND = dict.fromkeys(_AROUND, _STATE)


# What is told of each rule and each law.


def told_json(judged: Judged, subject: Subject, strict: bool) -> list[_Json]:
    """The state of each rule, each law and the run."""
    return [{"about": one.about, "name": one.name, "state": one.state, "comes_to": one.comes_to, "why": one.why,
             "known": one.key or None, "unstable": one.unstable, "findings": list(one.findings)}
            for one in told(judged, subject, strict)]


_TOLD = _object({
    "about": {"enum": ["rule", "law", "run"]}, "name": _TEXT, "state": {"enum": [*STATES]},
    "comes_to": {"enum": [PASSED, FAILED, UNKNOWN, EXCUSED]}, "why": _TEXT, "known": _TEXT_OR_NONE,
    "unstable": _FLAG, "findings": _list({"type": "integer", "minimum": 1})})


# Random operations.


def conformance_json(
    result: Conformance, subject: Subject, strict: bool = False, seed: int | None = None,
) -> _Json:
    """What judging by random operations came to."""
    judged = of_conformance(result, subject, strict, seed)
    return {
        "schema": SCHEMA, "verdict": judged.verdict, "strict": strict, "engine": result.engine,
        "options": list(result.options), "version": result.version, "dialect": result.dialect, "seed": seed,
        "operations": result.statistics.steps, "runs": result.statistics.examples,
        "done": dict(result.statistics.done),
        "refused": {f"{r} {n}": c for (r, n), c in result.statistics.refused.items()},
        "pairs": len(result.statistics.pairs),
        "never": result.never, "not_applicable": result.not_applicable,
        "beyond": result.beyond, "not_done": result.not_done,
        "ended": result.ended, "not_compared": list(result.not_compared),
        "judged": told_json(judged, subject, strict),
        "findings": [finding_json(f, subject) for f in result.findings],
    }


_ALWAYS: Mapping[str, _Json] = {
    "schema": {"const": SCHEMA}, "strict": _FLAG, "engine": _TEXT, "version": _TEXT, "options": _TEXTS,
    "dialect": _TEXT, "operations": _COUNT, "pairs": _COUNT, "never": _TEXTS, "not_applicable": _TEXTS,
    "ended": _TEXT, "judged": _list(_part("told"))}
_CONFORMANCE = _object({
    **_ALWAYS, "verdict": {"enum": ["held", "violated", "incomplete"]}, "seed": {"type": ["integer", "null"]},
    "runs": _COUNT, "done": _COUNTS, "refused": _COUNTS, "beyond": _TEXTS, "not_done": _COUNT,
    "not_compared": _TEXTS, "findings": _list(_object(_FINDING_FIELDS, _STATES_AROUND))})


# Every step.


def certificate_json(c: Certificate, subject: Subject, strict: bool = False) -> _Json:
    """The certificate of what was executed."""
    judged = of_certificate(c, subject, strict)
    return {
        "schema": SCHEMA, "verdict": certificate.verdict_of(c, strict), "strict": strict, "engine": c.engine,
        "version": c.version, "options": list(c.options), "dialect": c.dialect, "ended": c.ended,
        "parts": [{"sizes": part.sizes, "universes": part.universes, "ofUniverses": part.of, "states": part.states,
                   "steps": part.steps, "executed": part.executed, "differed": part.differed} for part in c.parts],
        "pairs": len(c.pairs), "pairsHad": len(c.pairs & c.pairs_had),
        "pairsApart": len(c.pairs & c.pairs_apart - c.pairs_had),
        "everyPair": certificate.every(c) if c.every else None, "operations": c.operations,
        "resets": c.resets, "never": c.never, "not_applicable": c.not_applicable,
        "judged": told_json(judged, subject, strict),
        "findings": [{"shown": cause.count, **finding_json(cause.finding, subject)}
                     for cause in c.causes.values()],
    }


_CERTIFICATE = _object({
    **_ALWAYS, "verdict": {"enum": ["certified", "violated", "incomplete"]},
    "parts": _list(_object({"sizes": _COUNTS} | dict.fromkeys(
        ("universes", "ofUniverses", "states", "steps", "executed", "differed"), _COUNT))),
    "pairsHad": _COUNT, "pairsApart": _COUNT, "resets": _COUNT,
    "everyPair": {"type": ["object", "null"], "additionalProperties": _COUNT},
    "findings": _list(_object({"shown": _COUNT, **_FINDING_FIELDS}, _STATES_AROUND))})


def schema() -> _Json:
    """The JSON Schema of what ``conform --format json`` prints, at random or of every step."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"layerproof: a report ({SCHEMA})",
            "oneOf": [_part("conformance"), _part("certificate")],
            "$defs": {"conformance": _CONFORMANCE, "certificate": _CERTIFICATE, "told": _TOLD, "trace": _TRACE}}


# Traces.


def replayed_json(done: Replayed, subject: Subject, verdict: str, judged: Conformance | None) -> _Json:
    """The result of replaying a trace in the model, and beside an engine."""
    return {
        "verdict": verdict, "refusals": [e.refusal for e in done.trace.events],
        "not_done": done.not_done if judged is None else judged.not_done,
        "states": subject.shown.data(subject.machine, done.trace.scene.sizes, done.rigid, done.ends)
        if subject.shown.compared(done.trace.scene) else None,
        "broken": [law for f in done.findings for law in f.laws],
        "differences": [str(d) for f in done.findings for d in f.differences],
        "findings": [] if judged is None else [finding_json(f, subject) for f in judged.findings]}
