"""Words on a page: tables and paragraphs as wide as there is room.

What other rooms need of it, too, is in rooms below (:mod:`layerproof.process.terminal`, :mod:`layerproof.words`).
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence

from layerproof.process.terminal import width as width
from layerproof.words import a as a
from layerproof.words import counted as counted

_GAP = 2
_LEAST_PROSE = 24
"""Columns below which a sentence beside others is no pleasure to read."""


def rows(title: str, headings: Sequence[str], lines: Iterable[Sequence[str]], width: int | None = None) -> str:
    """Return a plain-text table.

    Columns are as wide as what is in them. Where that is too wide, those with several words wrap, between
    words; where even the longest words leave no room, the last column goes below its row, if it is prose; and
    a word is folded only if there is no other way.

    Args:
        width: in columns; what there is, if it is None.
    """
    table = [tuple(row) for row in lines]
    room = _width_or(width)
    columns = list(zip(headings, *table, strict=True))
    least, most = [_longest_word(c) for c in columns], [_longest_line(c) for c in columns]
    gaps = _GAP * (len(columns) - 1)
    below = len(columns) > 1 and sum(most) + gaps > room and (
        most[-1] > _LEAST_PROSE > room - sum(least[:-1]) - gaps)
    parts = [title] if title else []
    if not below:
        return "\n".join([*parts, _grid([headings, *table], _shared(least, most, room - gaps))])
    widths = _shared(least[:-1], most[:-1], room - _GAP * (len(columns) - 2))
    parts.append(f"{_grid([headings[:-1]], widths)}\n    {headings[-1]}")
    for row in table:
        parts += [_grid([row[:-1]], widths), prose("    " + row[-1], 4, room)]
    return "\n".join(parts)


def _width_or(given: int | None) -> int:
    return width() if given is None else given


def _longest_word(column: Iterable[str]) -> int:
    return max((_cells(word) for cell in column for word in cell.split()), default=0)


def _longest_line(column: Iterable[str]) -> int:
    return max((_cells(line) for cell in column for line in cell.split("\n")), default=0)


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _shared(least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """The widths of columns: what is missing is taken from the widest first, and from words only at last."""
    widths = list(most)
    for floors in (least, [1] * len(least)):
        while sum(widths) > room:
            able = [n for n, floor in enumerate(floors) if widths[n] > floor]
            if not able:
                break
            widths[max(able, key=widths.__getitem__)] -= 1
    return [max(1, n) for n in widths]


def _grid(table: Iterable[Sequence[str]], widths: Sequence[int]) -> str:
    """Rows of cells that wrap within the widths of their columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
    for number in widths:
        grid.add_column(width=number, overflow="fold")
    for row in table:
        grid.add_row(*map(Text, row))
    out = io.StringIO()
    whole = sum(widths) + _GAP * len(widths)
    Console(file=out, width=whole, color_system=None).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def prose(text: str, indent: int = 0, width: int | None = None) -> str:
    """Return a paragraph wrapped at words, each line but the first with so many blanks before it.

    Args:
        text: may begin with blanks, which stay.
        width: in columns; what there is, if it is None.
    """
    # An indent that takes most of the line would leave words one below the other.
    room = _width_or(width)
    hanging = " " * min(indent, room // 2)
    return textwrap.fill(text, room, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def late(obligations: int) -> str:
    """How many obligations were not waited for, if there are any."""
    return f", {obligations:,} timed out" if obligations else ""


def printable(text: str) -> str:
    """Text in which whatever cannot be printed is replaced, as an engine may say whatever it likes."""
    return "".join(c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
