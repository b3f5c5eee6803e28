"""The dependency graph of a store as SVG: who needs above who is needed, and what differs from another one marked.

The graphs of several stores lie alike, so that one can be held beside the other: what is in any of them has its
place in all. Nothing is told by colour alone: what differs has a thick border and says so in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import networkx as nx

from layermodel.store.graph import dependency_graph
from layermodel.store.view import StoreView
from layerproof.machines.store.draw import ABSENT, difference, in_order, label

if TYPE_CHECKING:
    from layermodel.store.graph import Graph

_ACROSS = 3
"""Things beside each other, so that the words are large enough on a telephone."""
_WIDE, _HIGH, _GAP, _BETWEEN = 148, 58, 12, 34
"""Of a box, and what is left free beside and beneath it, in the units of the drawing."""
_LINE, _MOST = 15, 20
"""The height of a line of text, and the letters that a box has room for."""
_FIELDS = {"size_rw": "SizeRw", "ancestors": "made from", "beneath": "lies on"}
"""What a field is called that has another name in tables."""


def figures(views: Sequence[StoreView]) -> list[str]:
    """Draw stores alike; of the last two, when there are two, it is marked where they differ.

    Returns:
        an SVG element for each, which takes the colour of the text around it.
    """
    graphs = [dependency_graph(view) for view in views]
    places = _places(nx.compose_all(graphs))
    drawn = []
    for number, (view, graph) in enumerate(zip(views, graphs, strict=True)):
        others = {len(views) - 2: -1, len(views) - 1: -2}
        other = views[others[number]] if len(views) > 1 and number in others else None
        drawn.append(_Figure(view, graph, places, other).svg())
    return drawn


# Where things are.


@dataclass(frozen=True)
class _Place:
    x: int
    y: int


def _places(graph: Graph) -> Mapping[str, _Place]:
    """Rows of boxes: names, containers and leases; then images, who needs above who is needed; then layers."""
    rows: dict[tuple[int, int], list[str]] = {}
    depth = _depths(graph)
    for name in graph:
        room = {"image": 1, "layer": 2}.get(graph.nodes[name]["kind"], 0)
        rows.setdefault((room, depth[name] if room else 0), []).append(name)
    ordered = [in_order(row) for _, row in sorted(rows.items())]
    lines = [row[n:n + _ACROSS] for row in ordered for n in range(0, len(row), _ACROSS)]
    return {name: _Place(_GAP + n * (_WIDE + _GAP), _GAP + y * (_HIGH + _BETWEEN))
            for y, line in enumerate(lines) for n, name in enumerate(line)}


def _depths(graph: Graph) -> Mapping[str, int]:
    """How many of its kind stand above each at most; of those that need each other, as many."""
    alike: Graph = nx.DiGraph()
    alike.add_nodes_from(graph)
    alike.add_edges_from((a, b) for a, b in graph.edges if graph.nodes[a]["kind"] == graph.nodes[b]["kind"])
    whole = nx.condensation(alike)
    depth: dict[int, int] = {}
    for part in nx.topological_sort(whole):
        depth[part] = max((depth[above] + 1 for above in whole.pred[part]), default=0)
    return {name: depth[part] for name, part in whole.graph["mapping"].items()}


# What is drawn there.


@dataclass(frozen=True)
class _Figure:
    """One store, in the places of all."""

    view: StoreView
    graph: Graph
    places: Mapping[str, _Place]
    other: StoreView | None

    def svg(self) -> str:
        """The whole drawing."""
        changes = {} if self.other is None else {
            (change.kind, change.name): change for change in difference(self.other, self.view)}
        other = dependency_graph(self.other) if self.other is not None else None
        across = min(_ACROSS, max((place.x // (_WIDE + _GAP) + 1 for place in self.places.values()), default=1))
        wide = _GAP + max(2, across) * (_WIDE + _GAP)
        base = max((place.y + _HIGH for place in self.places.values()), default=0)
        usage = f"usage {self.view.usage:,} B"
        differs = ("usage", "usage") in changes
        words = f"≠ {usage}: differs" if differs else usage
        high = base + _GAP + _LINE
        parts = [*self._edges(other)]
        for name, place in self.places.items():
            if name in self.graph:
                change = changes.get((self.graph.nodes[name]["kind"], name))
                parts.append(self._box(name, place, () if change is None else _says(change.mark, change.fields)))
            elif other is not None and name in other:
                parts.append(_drawn(place, [label(name), "≠ not here"], "1.5", "4 4"))
        parts.append(_text(_GAP, base + _LINE, words, differs))
        named = escape(f"Dependency graph: {', '.join(map(label, in_order(self.graph))) or 'nothing'}; {words}")
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" role="img" '
                f'aria-label="{named}" font-family="ui-monospace, monospace" font-size="12" fill="none" '
                f'stroke="currentColor">{"".join(parts)}</svg>')

    def _edges(self, other: Graph | None) -> Iterator[str]:
        """Lines from what needs to what is needed; thick where the other store has none."""
        for source, target in self.graph.edges:
            here, there = self.places[source], self.places[target]
            x, y, to_x, to_y = here.x + _WIDE // 2, here.y + _HIGH, there.x + _WIDE // 2, there.y
            if here.y >= there.y:  # beside each other, or in a circle
                x, y, to_x, to_y = here.x + _WIDE // 2, here.y, there.x + _WIDE // 2, there.y + _HIGH
            new = other is not None and not other.has_edge(source, target)
            relation = f"{label(source)} {self.graph.edges[source, target]['relation']} {label(target)}"
            yield (f'<g stroke-width="{"3" if new else "1"}"><title>{escape(relation)}</title>'
                   f'<path d="M{x} {y}L{to_x} {to_y}"/>{_head(x, y, to_x, to_y)}</g>')

    def _box(self, name: str, place: _Place, differs: Sequence[str]) -> str:
        """Something that is there, or is needed."""
        node = self.graph.nodes[name]
        if differs:
            says = differs
        elif not node["present"]:
            says = [ABSENT]
        elif node["kind"] == "container":
            says = [self.view.containers[name].status]
        else:
            says = [f"{node['size']:,} B" if node["kind"] in ("image", "layer") else node["kind"]]
        return _drawn(place, [label(name), *says], "3" if differs else "1.5", "" if node["present"] else "4 4")


def _says(mark: str, fields: Sequence[str]) -> list[str]:
    """How something differs from what it is in the other store."""
    if mark == "*":
        return ["≠ differs:", ", ".join(_FIELDS.get(one, one) for one in fields)]
    return ["≠ only here" if mark == "+" else f"≠ {ABSENT}"]  # it is gone, and something needs it


def _drawn(place: _Place, lines: Sequence[str], border: str, dashes: str) -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    first = place.y + (_HIGH - _LINE * (len(lines) - 1)) // 2 + 4
    words = "".join(_text(place.x + _WIDE // 2, first + n * _LINE, line, n == 0, "middle")
                    for n, line in enumerate(lines))
    return (f'<g><title>{escape("; ".join(lines))}</title><rect x="{place.x}" y="{place.y}" width="{_WIDE}" '
            f'height="{_HIGH}" rx="8" fill="Canvas" stroke-width="{border}"{dashed}/>{words}</g>')


def _text(x: int, y: int, words: str, bold: bool, anchor: str = "start") -> str:
    short = words if len(words) <= _MOST or anchor == "start" else words[:_MOST - 1] + "…"
    weight = ' font-weight="bold"' if bold else ""
    return (f'<text x="{x}" y="{y}" text-anchor="{anchor}" stroke="none" fill="currentColor"{weight}>'
            f"{escape(short)}</text>")


def _head(x: int, y: int, to_x: int, to_y: int) -> str:
    """The head of an arrow."""
    long = max(1.0, ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5)
    dx, dy = (to_x - x) / long * 8, (to_y - y) / long * 8
    return (f'<path fill="currentColor" d="M{to_x} {to_y}L{to_x - dx - dy / 2:.1f} {to_y - dy + dx / 2:.1f}'
            f'L{to_x - dx + dy / 2:.1f} {to_y - dy - dx / 2:.1f}Z"/>')
