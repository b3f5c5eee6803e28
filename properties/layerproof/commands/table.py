"""How engines behave beside each other, as text, Markdown, one page of HTML, and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from layerproof.commands import markdown, page
from layerproof.commands.data import finding_json
from layerproof.commands.judged import EXCUSED, FAILED, PASSED, UNKNOWN
from layerproof.commands.layout import prose
from layerproof.readings.grid import Case
from layerproof.readings.matrix import (
    AGREES,
    DEPARTS,
    KNOWN,
    NO_SITUATION,
    NOT_APPLICABLE,
    NOT_COME_TO,
    Cell,
    Column,
    Matrix,
    Row,
)
from layerproof.runs.trace import trace_json
from layerproof.words import counted

_MEANS = {
    AGREES: "the outcome was observed, and is what the rules come to under the traits of the engine",
    KNOWN: "the outcome was observed, and is a known deviation of the engine from its rules",
    DEPARTS: "the outcome was observed, and is neither: a finding",
    NOT_APPLICABLE: "the engine does not have the operation",
    NO_SITUATION: "there is no such situation under the traits of the engine, or none within few operations",
    NOT_COME_TO: "what leads to the situation came to something else already",
}
_SIGNS = {AGREES: "", KNOWN: page.SIGNS[EXCUSED], DEPARTS: page.SIGNS[FAILED], NOT_COME_TO: page.SIGNS[UNKNOWN]}
_STATES = {AGREES: PASSED, KNOWN: EXCUSED, DEPARTS: FAILED}
DIFFERENT = "≠"
"""What stands before a situation in which engines behave otherwise than others."""


def cases_text(cases: Sequence[Case]) -> str:
    """A situation in words: of each object what is so of it."""
    def subject_of(case: Case) -> str:
        return case[0].partition(": ")[0]

    parts = []
    for name, group in groupby(cases, subject_of):
        asked = [(what.partition(": ")[2], case) for what, case in group]
        if len(asked) > 1:
            asked = [one for one in asked if one != ("", "there")]
        parts.append(f"{name.replace('_', ' ')}: "
                     + ", ".join(f"{what} {case}" if what else case for what, case in asked))
    return "; ".join(parts) or "whatever there is"


def cell_text(cell: Cell) -> str:
    """What came of a situation, in words."""
    if cell.seen is None:
        return f"({cell.standing}{f': {cell.why}' if cell.standing == NOT_COME_TO and cell.why else ''})"
    sign = f"{_SIGNS[cell.standing]} " if _SIGNS[cell.standing] else ""
    more = f" [{cell.why}]" if cell.standing == KNOWN else ""
    return sign + ", ".join((cell.outcome, *cell.changes)) + more


def column_text(column: Column) -> str:
    """An engine in words."""
    engine = f"{column.engine.name} {column.engine.version}"
    named = "" if column.name in (column.engine.name, engine) else f"{column.name}: "
    return f"{named}{engine}, held to {column.dialect}"


def concludes(result: Matrix) -> list[str]:
    """What is said of the whole, in sentences."""
    different = sum(row.differs for row in result.rows)
    rules = len({row.rule for row in result.rows})
    said = [f"{counted(len(result.rows), 'situation')} of {counted(rules, 'operation')}"
            + (f" (of {result.situations:,})" if len(result.rows) < result.situations else "")
            + f"; in {different:,} engines were seen to behave otherwise than others ({DIFFERENT})",
            f"{counted(result.operations, 'operation')} were done"]
    for column in result.columns:
        standings = Counter(row.cells[column.name].standing for row in result.rows)
        said.append(f"{column_text(column)}: " + ", ".join(
            f"{standings[standing]:,} {standing}" for standing in _MEANS if standings[standing]))
    if result.ended:
        said.append(f"not all was done: {result.ended}")
    return said


def legend(result: Matrix) -> list[tuple[str, str]]:
    """The standings that there are, with their signs, and what each means."""
    there = {cell.standing for cell in result.cells}
    return [(f"{_SIGNS.get(standing, '')} {standing}".strip(), means)
            for standing, means in _MEANS.items() if standing in there]


def _shown(result: Matrix, differing: bool) -> Iterator[tuple[str, list[Row]]]:
    """The situations by operation, all or those in which engines differ."""
    rows = [row for row in result.rows if row.differs or not differing]
    for rule, group in groupby(rows, lambda row: row.rule):
        yield rule, list(group)


# Text.


def matrix_text(result: Matrix, differing: bool = False) -> str:
    """As text: below each situation the engines, together where the same came of it."""
    lines = []
    for rule, rows in _shown(result, differing):
        lines += [rule]
        for row in rows:
            lines.append(prose(f"{DIFFERENT if row.differs else ' '} {cases_text(row.cases)}", 4))
            lines += [prose(f"    {names}: {said}", 8) for names, said in _together(row)]
        lines.append("")
    lines += [prose(f"{sign}: {means}", 4) for sign, means in legend(result)]
    return "\n".join([*lines, "", *(prose(one, 4) for one in concludes(result))])


def _together(row: Row) -> list[tuple[str, str]]:
    """What came, each once, with the engines of which it did."""
    said: dict[str, list[str]] = {}
    for name, cell in row.cells.items():
        said.setdefault(cell_text(cell), []).append(name)
    return [(", ".join(names), text) for text, names in said.items()]


# Markdown.


def matrix_markdown(result: Matrix, differing: bool = False) -> str:
    """As Markdown: a table for each operation, an engine a column."""
    names = [column.name for column in result.columns]
    parts = ["# How engines behave", *(f"- {markdown.words(one)}" for one in concludes(result))]
    text = [parts[0], "\n".join(parts[1:]),
            "\n".join(f"- **{markdown.words(sign)}**: {markdown.words(means)}" for sign, means in legend(result))]
    for rule, rows in _shown(result, differing):
        lines = [(f"{DIFFERENT} {cases_text(row.cases)}" if row.differs else cases_text(row.cases),
                  *(cell_text(row.cells[name]) for name in names)) for row in rows]
        text += [f"## {markdown.words(rule)}",
                 markdown.table(("situation", *map(markdown.words, names)), lines)]
    return "\n\n".join(text)


# HTML.


def matrix_page(result: Matrix, differing: bool = False) -> str:
    """As one page: a table for each operation; below it how each difference is shown by itself."""
    names = [column.name for column in result.columns]
    engines = ", ".join(names)
    body = ["<header>", f"<h1>How engines behave: {page.words(engines)}</h1>",
            *(f"<p>{page.words(one)}</p>" for one in concludes(result)),
            "<ul>" + "".join(f"<li><b>{page.words(sign)}</b>: {page.words(means)}</li>"
                             for sign, means in legend(result)) + "</ul>", "</header>"]
    for rule, rows in _shown(result, differing):
        body += [f"<h2>{page.words(rule)}</h2>", page.table(
            "", ("situation", *map(page.words, names)),
            [(_situation(row), *(_cell(row.cells[name]) for name in names)) for row in rows])]
    return page.document(f"How engines behave: {engines}", body)


def _situation(row: Row) -> str:
    says = page.words(cases_text(row.cases))
    return f"<strong>{DIFFERENT}</strong> {says}" if row.differs else says


def _cell(cell: Cell) -> str:
    """A cell, with the script that shows it where there is one."""
    kind = _STATES.get(cell.standing, UNKNOWN)
    text = f'<span class="{kind}">{page.words(cell_text(cell))}</span>'
    script = cell.finding.script() if cell.finding is not None and cell.seen is not None else None
    if script is None:
        return text
    return f"{text}<details><summary>a script that shows it</summary>{page.preformatted(script)}</details>"


# JSON.


def matrix_json(result: Matrix, differing: bool = False) -> dict[str, Any]:
    """As JSON: each cell with the run that led to it."""
    return {
        "columns": [{"name": c.name, "engine": c.engine.name, "version": c.engine.version, "dialect": c.dialect,
                     "traits": dict(c.traits)} for c in result.columns],
        "situations": result.situations, "operations": result.operations, "ended": result.ended or None,
        "rows": [{"operation": row.rule, "cases": [{"what": what, "case": case} for what, case in row.cases],
                  "differs": row.differs, "cells": {
                      column.name: _cell_json(row.cells[column.name], column) for column in result.columns}}
                 for row in result.rows if row.differs or not differing]}


def _cell_json(cell: Cell, column: Column) -> dict[str, Any]:
    subject = column.subject
    return {
        "standing": cell.standing, "outcome": cell.outcome or None, "changes": list(cell.changes),
        "why": cell.why or None,
        "trace": None if cell.trace is None else trace_json(subject, cell.trace),
        "finding": None if cell.finding is None else finding_json(cell.finding, subject)}
