"""What judging an engine came to as Markdown, as bug trackers have it: to be pasted, and read as it stands.

Whatever comes from an engine is text that could say anything. In sentences and tables every sign of it that could
mean something in Markdown or HTML is written as a character reference, and longer text stands between fences that
it cannot close.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from layerproof.commands.account import Account, accounts
from layerproof.commands.judged import STATES, Judged, Told, facts
from layerproof.commands.layout import printable
from layerproof.commands.outcomes import told
from layerproof.subject import Subject


def markdown(judged: Judged, subject: Subject, strict: bool = False) -> str:
    """The whole text.

    Args:
        strict: known deviations are wrong, too.
    """
    every, found = told(judged, subject, strict), accounts(judged, subject)
    parts = [f"# {words(judged.engine)}: {words(judged.verdict)}", words(judged.concludes),
             *([f"Not all was done: {words(judged.incomplete)}"] if judged.incomplete else []),
             table(("what", "value"), [*facts(judged, subject, strict).items()]),
             *(["## Findings", *map(_finding, found)] if found else []),
             "## Rules and laws", *_all_told(every), "## What was gone through", *_coverage(judged)]
    return "\n\n".join(parts)


def words(text: str) -> str:
    """Text on one line that means nothing but itself, also in a table."""
    return _BEGINS.sub(_reference, _inert(text))


def _inert(text: str) -> str:
    return _MEANS.sub(_reference, " ".join(printable(text).split()))


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0][0])};{found[0][1:]}"


_MEANS = re.compile(r"[^\w .,;:()/='≠✓✗…\N{REPLACEMENT CHARACTER}-]|_|(?<=\w):(?=//)|(?<=[wW]{3})\.")
"""What could mean something; also a link that nobody wrote as one."""
_BEGINS = re.compile(r"^(?:[-=]|\d+(?=[.)]))")
"""What could begin a list or underline a line."""


def code(text: str) -> str:
    """The same as code, in which no name is taken for that of a person or a ticket."""
    return f"<code>{_inert(text)}</code>" if text.strip() else "-"


def fenced(text: str, language: str = "text") -> str:
    """Text between fences that are longer than any in it."""
    shown = printable(text).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}"


def _folded(title: str, text: str, language: str = "text") -> str:
    return f"<details><summary>{title}</summary>\n\n{fenced(text, language)}\n\n</details>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are text."""
    lines = [headings, ["---"] * len(headings), *([code(cell) if n else words(cell) for n, cell in enumerate(row)]
                                                  for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# Rules and laws.


def _all_told(every: Sequence[Told]) -> list[str]:
    lines = ["| state | of | what is said |", "| --- | --- | --- |"]
    lines += [f"| {words(one.label)} | {one.about} {code(one.name)} | {_said(one)} |" for one in every]
    meant = [f"- {words(state)}: {words(says)}" for state, says in STATES.items()
             if any(one.state == state for one in every)]
    return ["\n".join(lines), "\n".join(meant)]


def _said(one: Told) -> str:
    numbers = ", ".join(f"finding {n}" for n in one.findings)
    return " ".join(filter(None, (words(one.says), words(one.sentence), f"See {numbers}." if numbers else "")))


# Findings.


def _finding(one: Account) -> str:
    laws = [f"- **{words(law)}**: {words(statement)}" + (f" False: {code(false)}" if false else "")
            for law, statement, false in one.laws]
    steps = [f"{n}. {code(step)}" for n, step in enumerate(one.operations, 1)]
    detail = f" ({code(one.detail)})" if one.detail else ""
    parts = [
        f"### Finding {one.number}: {words(one.state)}", f"{words(one.head)}{':' if laws else '.'}",
        "\n".join(laws),
        *map(words, one.notes), "#### What was done", fenced(one.before) if one.before else "",
        "\n".join(steps) or "Nothing: it is so from the start.",
        f"#### What came of {'the last operation' if steps else 'that'}",
        f"Expected: {code(one.expected)}. Observed: {code(one.observed)}{detail}.",
        table(("what", "of", "expected", "observed"), [
            (d.what, d.where, d.expected, d.observed) for d in one.differences]) if one.differences else "",
        *(["#### Its log ends with", fenced(one.log)] if one.log else []), *_seen(one),
        _folded("A script that shows it", one.script, "sh") if one.script is not None else ""]
    return "\n\n".join(filter(None, parts))


def _seen(one: Account) -> list[str]:
    """The states around the last operation."""
    if one.compared:
        return [_folded("The state afterwards, expected and observed: * marks what differs", one.compared)]
    if one.alike:
        return ["Afterwards all that can be seen is as expected."]
    titles = ("Before", "Afterwards, expected", "Afterwards, observed: * marks what differs")
    return [_folded(title, sight) for title, sight in zip(titles, one.sights, strict=False)]


# What was done.


def _coverage(judged: Judged) -> list[str]:
    parts = [words(one) for one in judged.sentences]
    if judged.done is not None and judged.done.rows:
        parts.append(table(judged.done.headings, judged.done.rows))
    for title, items in judged.lists.items():
        if items:
            parts += [f"{words(title)}:", "\n".join(f"- {code(item)}" for item in items)]
    return parts
