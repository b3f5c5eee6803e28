"""What judging an engine came to as one page of HTML, which needs nothing beside itself: no network, no script.

Whatever comes from an engine is text that could say anything, and is written as text. Nothing is told by colour
alone. The page is as wide as there is room; what cannot be broken into lines scrolls by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from layerproof.commands.account import AROUND, Account, accounts
from layerproof.commands.judged import EXCUSED, FAILED, PASSED, STATES, UNKNOWN, Judged, Told, facts
from layerproof.commands.layout import printable
from layerproof.commands.outcomes import told
from layerproof.subject import Subject

SIGNS = {PASSED: "✓", FAILED: "✗", UNKNOWN: "?", EXCUSED: "–"}
"""What stands before a state, for whoever looks only."""


def page(judged: Judged, subject: Subject, strict: bool = False) -> str:
    """The whole page.

    Args:
        strict: known deviations are wrong, too.
    """
    every, found = told(judged, subject, strict), accounts(judged, subject)
    title = f"{judged.engine} {judged.version}: {judged.verdict}"
    return document(title, [_top(judged, subject, strict, found), *([_findings(found)] if found else []),
                            _all_told(every), _coverage(judged)])


def document(title: str, body: Iterable[str]) -> str:
    """A page of parts that are HTML already.

    Args:
        title: as plain text.
    """
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            f"<title>{words(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
            + "\n".join(body) + "\n</main>\n</body>\n</html>")


def words(text: str) -> str:
    """Text as HTML that means nothing but itself."""
    return escape(printable(text))


def preformatted(text: str) -> str:
    """Text as it stands, which scrolls by itself where it is wider than the page."""
    return f'<pre tabindex="0">{words(text)}</pre>'


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table of cells that are HTML already; on a narrow screen each row is a block of its own."""
    head = "".join(f'<th scope="col">{one}</th>' for one in headings)
    body = "\n".join("<tr>" + "".join(f'<td data-label="{heading}">{cell}</td>' for heading, cell in zip(
        headings, row, strict=True)) + "</tr>" for row in rows)
    caption = f"<caption>{title}</caption>\n" if title else ""
    return (f"<table{kind}>\n{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>")


# The top.


def _top(judged: Judged, subject: Subject, strict: bool, found: Sequence[Account]) -> str:
    listed = "".join(f"<div><dt>{words(name)}</dt><dd>{words(value)}</dd></div>"
                     for name, value in facts(judged, subject, strict).items())
    links = "".join(f'<li><a href="#finding-{one.number}">Finding {one.number}</a>: {words(one.state)}; '
                    f"{words(one.head)} {words(', '.join(law for law, _, _ in one.laws))}</li>" for one in found)
    return (f"<header>\n<h1>{words(judged.engine)}: {words(judged.verdict)}</h1>\n"
            f"<p>{words(judged.concludes)}</p>\n"
            + (f"<p>Not all was done: {words(judged.incomplete)}</p>\n" if judged.incomplete else "")
            + f"<dl>{listed}</dl>\n" + (f"<ul>{links}</ul>\n" if links else "") + "</header>")


# Rules and laws.


def _all_told(every: Sequence[Told]) -> str:
    rows = [(f'<span class="{one.comes_to}">{SIGNS[one.comes_to]}&nbsp;{words(one.label)}</span>',
             f"{one.about} <b>{words(one.name)}</b>",
             _said(one)) for one in _worst_first(every)]
    meant = "".join(f"<li>{words(state)}: {words(says)}</li>" for state, says in STATES.items()
                    if any(one.state == state for one in every))
    listed = table("", ("state", "of", "what is said"), rows, ' class="told"')
    return f'<section id="told">\n<h2>Rules and laws</h2>\n{listed}\n<ul>{meant}</ul>\n</section>'


def _worst_first(every: Sequence[Told]) -> list[Told]:
    order = (FAILED, UNKNOWN, EXCUSED, PASSED)
    return sorted(every, key=lambda one: order.index(one.comes_to))


def _said(one: Told) -> str:
    links = ", ".join(f'<a href="#finding-{n}">finding {n}</a>' for n in one.findings)
    return " ".join(filter(None, (words(one.says), words(one.sentence), f"See {links}." if links else "")))


# Findings.


def _findings(found: Sequence[Account]) -> str:
    return f'<section id="findings">\n<h2>Findings</h2>\n{"".join(map(_finding, found))}\n</section>'


def _finding(one: Account) -> str:
    laws = "".join(
        f"<li><b>{words(law)}</b>: {words(statement)}{f'<br>False: {words(false)}' if false else ''}</li>"
        for law, statement, false in one.laws)
    steps = "".join(f"<li><code>{words(step)}</code></li>" for step in one.operations)
    parts = [
        f'<article id="finding-{one.number}">', f"<h3>Finding {one.number}: {words(one.state)}</h3>",
        f"<p>{words(one.head)}{':' if laws else '.'}</p>", f"<ul>{laws}</ul>" if laws else "",
        *(f"<p>{words(note)}</p>" for note in one.notes),
        f"<h4>What was done</h4>{preformatted(one.before) if one.before else ''}",
        f"<ol>{steps}</ol>" if steps else "<p>Nothing: it is so from the start.</p>",
        f"<h4>What came of {'the last operation' if steps else 'that'}</h4>",
        f"<p>Expected: <code>{words(one.expected)}</code>. Observed: <code>{words(one.observed)}</code>"
        + (f" ({words(one.detail)})" if one.detail else "") + ".</p>",
        _differences(one), f"<h4>Its log ends with</h4>{preformatted(one.log)}" if one.log else "", _seen(one),
        "" if one.script is None else f"<h4>A script that shows it</h4>{preformatted(one.script)}", "</article>"]
    return "\n".join(filter(None, parts))


def _differences(one: Account) -> str:
    if not one.differences:
        return ""
    rows = [tuple(map(words, (d.what, d.where or "-", d.expected, d.observed))) for d in one.differences]
    return table("What differs", ("what", "of", "expected", "observed"), rows)


def _seen(one: Account) -> str:
    """The states around the last operation, beside each other where there is room."""
    titles = ("Before", "Afterwards, expected", "Afterwards, observed")
    drawn = one.graphs or [preformatted(sight) for sight in one.sights]
    beside = "".join(f"<figure><figcaption>{title}</figcaption>{each}</figure>"
                     for title, each in zip(titles, drawn, strict=True)) if drawn else ""
    marks = "≠ and a thick line mark" if one.graphs else "* marks"
    says = "Afterwards all that can be seen is as expected." if one.alike else (
        f"{marks} where {AROUND[1]} and {AROUND[2]} differ.")
    parts = [f"<h4>The states around it</h4>\n<p>{says}</p>\n"
             f'<div class="beside">{beside}</div>' if beside else "",
             f"<details{'' if beside else ' open'}><summary>Afterwards, as a table: * marks what differs</summary>"
             f"{preformatted(one.compared)}</details>" if one.compared else ""]
    return "\n".join(filter(None, parts))


# What was done.


def _coverage(judged: Judged) -> str:
    done = judged.done
    lists = "".join(f"<h3>{words(title)}</h3><ul>{''.join(f'<li>{words(one)}</li>' for one in items)}</ul>"
                    for title, items in judged.lists.items() if items)
    counted = "" if done is None or not done.rows else table(
        done.title, done.headings, [tuple(map(words, row)) for row in done.rows])
    return ('<section id="coverage">\n<h2>What was gone through</h2>\n'
            + "".join(f"<p>{words(one)}</p>" for one in judged.sentences)
            + f"{counted}{lists}</section>")


_STYLE = """
:root { color-scheme: light dark; --line: rgb(128 128 128 / 45%); --bad: #b00020; --odd: #8a5a00; --good: #1b6e3c }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a93; --odd: #f0c060; --good: #7fd6a0 } }
* { box-sizing: border-box }
body { margin: 0; background: Canvas; color: CanvasText; font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere }
main { max-width: 76rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0 }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 2px solid var(--line) }
h3 { font-size: 1.1rem; margin: 1.25rem 0 .25rem }
h4 { font-size: 1rem; margin: 1rem 0 .25rem }
p, ul, ol { margin: .4rem 0 }
ul, ol { padding-left: 1.5rem }
a { color: inherit }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .5rem 1rem }
dt { font-size: .8rem; opacity: .75 }
dd { margin: 0; font-weight: 600 }
code, pre { font: .85rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace }
pre { overflow-x: auto; overflow-wrap: normal; margin: .4rem 0; padding: .6rem; border: 1px solid var(--line);
  border-radius: 6px }
article { border: 1px solid var(--line); border-radius: 8px; padding: 0 1rem 1rem; margin: 1rem 0 }
table { border-collapse: collapse; width: 100%; margin: .75rem 0 }
caption { text-align: left; font-weight: 600; padding: .25rem 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line) }
.told td:first-child { min-width: 9rem }
.told td:nth-child(2) { min-width: 14rem }
.failed { color: var(--bad); font-weight: 700 }
.unknown, .excused { color: var(--odd); font-weight: 600 }
.passed { color: var(--good) }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 1rem }
figure { margin: 0; min-width: 0 }
figcaption { font-weight: 600; margin-bottom: .25rem }
svg { display: block; max-width: 100%; height: auto }
summary { cursor: pointer; padding: .4rem 0 }
@media (max-width: 40rem) {
  caption { display: block }
  td:empty { display: none }
  .told td::before { content: none }
  .told td { padding-right: .6rem }
  .told td:nth-child(-n+2) { display: inline-block; width: auto; min-width: 0 }
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
  table, tbody, tr, td { display: block; width: 100% }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0 }
  td { border: 0; padding: .05rem 0 }
  td::before { content: attr(data-label) ": "; opacity: .75; font-size: .85rem }
  article { padding: 0 .7rem .7rem }
}
"""
