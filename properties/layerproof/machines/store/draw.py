"""Pictures of a store: its dependency graph, tables of it before and after a step, and JSON.

Everything is plain text without colour. Digests are cut to twelve hexadecimal digits, as Docker does.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from layermodel.store.graph import dangling, dependency_graph, sharing, unreachable
from layermodel.store.grounded import grounded
from layermodel.store.view import ContainerRow, ImageRow, LayerRow, LeaseRow, StoreView, is_digest, parents
from layermodel.store.words import STATUS
from layerproof.process import terminal

if TYPE_CHECKING:
    from layermodel.store.graph import Graph

ABSENT = "NOT PRESENT"
"""What is said of something that is needed, and is not there."""

_DIGEST = re.compile(r"\b([0-9a-f]{12})(?:[0-9a-f]{52}|[0-9a-f]{116})\b")


def label(name: str) -> str:
    """Return a name as it is shown: digests cut short, characters that cannot be printed escaped."""
    short = _DIGEST.sub(r"\1", name)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def _size(number: int) -> str:
    return f"{number:,} B"


def _order(name: str) -> tuple[list[str | int], str]:
    """A sort key by which ``layer-2`` comes before ``layer-10``."""
    return [int(part) if n % 2 else part for n, part in enumerate(re.split(r"(\d+)", name))], name


def in_order(names: Iterable[str]) -> list[str]:
    """Names as a person would sort them, numbers by what they count."""
    return sorted(names, key=_order)


def _listed(names: Iterable[str], separator: str = ", ") -> str:
    return separator.join(label(n) for n in names)


def _rendered(item: RenderableType, width: int | None) -> str:
    """Render to plain text without blanks at the ends of lines."""
    columns = terminal.width() if width is None else width
    console = Console(file=StringIO(), width=columns, color_system=None, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(item)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")


# The dependency graph as text.


def text_graph(view: StoreView, *, width: int | None = None) -> str:
    """Draw the dependency graph as trees: each image with what keeps it above and its layers below.

    Layers are listed from the top down. What is needed but absent is marked, and so are shared layers and
    layers that no image has.

    Args:
        width: in columns; what there is, if it is None.
    """
    store = _Store(view, dependency_graph(view), sharing(view), unreachable(view))
    images = store.of_kind("image")
    items: list[RenderableType] = [_image_tree(store, image) for image in images]
    of_images = {layer for image in images for layer in _chain(store.graph, image)}
    loose = [layer for layer in store.of_kind("layer") if layer not in of_images]
    if loose:
        tree = Tree(Text("layers of no image"))
        for layer in loose:
            tree.add(Text(_layer_line(store, layer)))
        items.append(tree)
    items += [Text(f"{label(x)} holds nothing") for x in store.of_kind("lease") if not store.graph.succ[x]]
    return "\n\n".join([_summary(view), *(_rendered(item, width) for item in items)])


@dataclass(frozen=True)
class _Store:
    """A store with what is worked out once for all of its drawing."""

    view: StoreView
    graph: Graph
    sharing: Mapping[str, frozenset[str]]
    unreachable: frozenset[str]

    def of_kind(self, kind: str, among: Iterable[str] | None = None) -> list[str]:
        nodes = self.graph if among is None else among
        return in_order(n for n in nodes if self.graph.nodes[n]["kind"] == kind)


def _summary(view: StoreView) -> str:
    counts = {"image": len(view.images), "layer": len(view.layers), "container": len(view.containers),
              "lease": len(view.leases)}
    parts = [f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in counts.items()]
    return f"{', '.join(parts)}; usage {_size(view.usage)}"


def _chain(graph: Graph, image: str) -> list[str]:
    """The layers of an image, top first, along the graph's edges (those of a broken store, too)."""
    found: list[str] = []
    ahead = [image]
    while ahead:
        for below in graph.succ[ahead.pop()]:
            if graph.nodes[below]["kind"] == "layer" and below not in found:
                found.append(below)
                ahead.append(below)
    return found


def _image_tree(store: _Store, image: str) -> Tree:
    view = store.view
    if image in view.images:
        untagged = ", dangling" if image in dangling(view) else ""
        tree = Tree(Text(f"{label(image)}  {_size(view.images[image].size)}{untagged}"))
    else:
        tree = Tree(Text(f"{label(image)}  {ABSENT}"))
    for line in _image_lines(store, image):
        tree.add(Text(line))
    layers = _chain(store.graph, image)
    if layers:
        branch = tree.add(Text("layers, top first"))
        for layer in layers:
            branch.add(Text(_layer_line(store, layer, image)))
    return tree


def _image_lines(store: _Store, image: str) -> list[str]:
    """What keeps an image, and what it was made from."""
    view, needs = store.view, store.graph.pred[image]
    lines = [f"{'digest' if is_digest(r) else 'tag'} {label(r)}" for r in store.of_kind("reference", needs)]
    for name in store.of_kind("container", needs):
        row = view.containers[name]
        called = f" called {_listed(in_order(row.names))}" if row.names else ""
        lines.append(f"container {label(name)}{called}, {label(row.status)}, SizeRw {_size(row.size_rw)}")
    lines += [f"lease {label(name)}" for name in store.of_kind("lease", needs)]
    made_from = in_order(parents(view, image)) if image in view.images else []
    return lines + [f"made from {label(p)}" for p in made_from]


def _layer_line(store: _Store, layer: str, image: str | None = None) -> str:
    """A layer's name, its size, and the others (than the image whose tree it is in) that have it."""
    stored = layer in store.view.layers
    others = in_order(i for i in store.sharing.get(layer, ()) if i != image)
    leases = store.of_kind("lease", store.graph.pred[layer])
    parts = [
        _size(store.view.layers[layer].size) if stored else ABSENT,
        f"shared with {_listed(others)}" if others else "",
        f"held by {_listed(leases)}" if leases else "",
        "reached by nothing" if layer in store.unreachable else "",
    ]
    return f"{label(layer)}  {', '.join(p for p in parts if p)}"


# The dependency graph for Graphviz and Mermaid.

_DOT_SHAPES = {"reference": "cds", "container": "component", "lease": "hexagon", "image": "box",
               "layer": "cylinder"}
_MERMAID_SHAPES = {"reference": '>"{}"]', "container": '(["{}"])', "lease": '{{{{"{}"}}}}', "image": '["{}"]',
                   "layer": '[("{}")]'}
_SIZED = ("container", "image", "layer")


def _numbered(graph: Graph) -> dict[str, str]:
    """Identifiers for the nodes, so that names stand in labels only."""
    return {name: f"n{number}" for number, name in enumerate(in_order(graph))}


def _lines(graph: Graph, name: str) -> list[str]:
    """The lines of a node's label."""
    node = graph.nodes[name]
    if not node["present"]:
        return [label(name), ABSENT]
    return [label(name), _size(node["size"])] if node["kind"] in _SIZED else [label(name)]


def dot(view: StoreView) -> str:
    """Return the dependency graph in Graphviz's language."""
    graph = dependency_graph(view)
    number = _numbered(graph)
    lines = ["digraph store {", "  rankdir=LR;"]
    for name, node in number.items():
        text = r"\n".join(_dot_text(line) for line in _lines(graph, name))
        absent = "" if graph.nodes[name]["present"] else ", style=dashed, color=red"
        lines.append(f'  {node} [label="{text}", shape={_DOT_SHAPES[graph.nodes[name]["kind"]]}{absent}];')
    for source, target in graph.edges:
        relation = graph.edges[source, target]["relation"]
        lines.append(f'  {number[source]} -> {number[target]} [tooltip="{relation}"];')
    return "\n".join([*lines, "}", ""])


def _dot_text(text: str) -> str:
    """Escape text for a quoted label: quotes, backslashes, and what would begin an HTML entity."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def mermaid(view: StoreView) -> str:
    """Return the dependency graph as a Mermaid flowchart."""
    graph = dependency_graph(view)
    number = _numbered(graph)
    lines = ["flowchart LR"]
    for name, node in number.items():
        text = "<br/>".join(_mermaid_text(line) for line in _lines(graph, name))
        lines.append(f"  {node}{_MERMAID_SHAPES[graph.nodes[name]['kind']].format(text)}")
    lines += [f"  {number[source]} --> {number[target]}" for source, target in graph.edges]
    absent = [node for name, node in number.items() if not graph.nodes[name]["present"]]
    if absent:
        lines.append("  classDef absent stroke:#c00,stroke-dasharray:5 5")
        lines.append(f"  class {','.join(absent)} absent")
    return "\n".join([*lines, ""])


def _mermaid_text(text: str) -> str:
    """Escape text for a quoted label: whatever could mean something becomes an entity (``#34;``)."""
    return re.sub(r"[^\w .,:/@-]", lambda found: f"#{ord(found[0])};", text)


# Tables, and what differs.

_PHRASES: Mapping[str, Mapping[str, str]] = {
    "image": {"size": "{}", "layers": "layers {}", "ancestors": "made from {}"},
    "container": {"status": "{}", "image": "from {}", "layers": "layers {}", "names": "called {}",
                  "size_rw": "SizeRw {}", "upper": "upper {}"},
    "reference": {"images": "names {}", "repository": "in {}"},
    "layer": {"size": "{}", "beneath": "on {}", "files": "files {}"},
    "lease": {"layers": "holds {}", "images": "holds {}"},
    "usage": {"bytes": "{}"},
}
"""The kinds of rows, in the order of the table, and how the fields of each are put."""

_Fields = Mapping[str, Any]
_Key = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """What differs in one object: ``mark`` is ``+`` (appeared), ``-`` (disappeared) or ``*`` (changed).

    ``fields`` are those that differ; of an object that appeared or disappeared, all.
    """

    kind: str
    name: str
    mark: str
    fields: tuple[str, ...]


def difference(before: StoreView, after: StoreView) -> list[Change]:
    """List what differs between two stores, in the order of the table; nothing if they are equal.

    A reference counts as an object of its own, not as part of the image that it names.
    """
    old, new = _rows(before), _rows(after)
    found = [_change(key, old.get(key), new.get(key)) for key in _keys(old, new)]
    return [change for change in found if change.mark]


def _rows(view: StoreView) -> dict[_Key, _Fields]:
    """The objects of a store with the fields that are compared and shown."""
    rows: dict[_Key, _Fields] = {("usage", "usage"): {"bytes": view.usage}}
    objects: dict[str, Mapping[str, Any]] = {"image": view.images, "container": view.containers,
                                             "layer": view.layers, "lease": view.leases}
    for kind, named in objects.items():
        for name, row in named.items():
            rows[kind, name] = {field: getattr(row, field) for field in _PHRASES[kind]}
    for reference in {r for row in view.images.values() for r in row.references}:
        named_images = frozenset(i for i, row in view.images.items() if reference in row.references)
        repository = view.repositories.get(reference, "")
        rows["reference", reference] = {"images": named_images, "repository": repository}
    return rows


def _keys(*stores: Collection[_Key]) -> list[_Key]:
    kinds = list(_PHRASES)
    return sorted({key for rows in stores for key in rows}, key=lambda k: (kinds.index(k[0]), _order(k[1])))


def _change(key: _Key, old: _Fields | None, new: _Fields | None) -> Change:
    """Compare one object; the mark is empty if nothing differs."""
    fields_of = tuple(_PHRASES[key[0]])
    if old is None or new is None:
        return Change(*key, "+" if old is None else "-", fields_of)
    changed = tuple(f for f in fields_of if old[f] != new[f])
    return Change(*key, "*" if changed else "", changed)


def table(before: StoreView, after: StoreView | None = None, *, width: int | None = None,
          titles: tuple[str, str] = ("before", "after")) -> str:
    """Draw a store, or a store before and after side by side, one row an object.

    In the first column ``+`` marks what appeared, ``-`` what disappeared and ``*`` what changed; within a
    changed row ``*`` stands before each field that differs.

    Args:
        width: in columns; what there is, if it is None.
        titles: of the two.
    """
    old = _rows(before)
    new = old if after is None else _rows(after)
    grid = Table(box=box.SIMPLE_HEAD, expand=False, pad_edge=False)
    if after is not None:
        grid.add_column("", no_wrap=True)
    # Of names that take more room than what is said of them only so much stands on one line.
    columns = terminal.width() if width is None else width
    grid.add_column("object", overflow="fold", min_width=9, max_width=max(30, columns * 2 // 5))
    for title in ("store",) if after is None else titles:
        grid.add_column(title, overflow="fold", ratio=1)
    kind = ""
    for key in _keys(old, new):
        if kind not in ("", key[0]):
            grid.add_row()
        kind = key[0]
        change = _change(key, old.get(key), new.get(key))
        marked = change.fields if change.mark == "*" else ()
        cells = [label(key[1]), _cell(kind, old.get(key), marked)]
        if after is not None:
            cells = [change.mark, *cells, _cell(kind, new.get(key), marked)]
        grid.add_row(*(Text(c) for c in cells))
    return _rendered(grid, columns)


def _cell(kind: str, row: _Fields | None, marked: Collection[str]) -> str:
    """The fields of an object in words; what is empty is left out unless it is marked.

    The layers of a container are its image's, and are left out likewise.
    """
    if row is None:
        return ""
    parts = []
    for field, phrase in _PHRASES[kind].items():
        if field in marked:
            parts.append("*" + phrase.format(_value(row[field])))
        elif row[field] not in ((), frozenset(), "") and (kind, field) != ("container", "layers"):
            parts.append(phrase.format(_value(row[field])))
    return "; ".join(parts) or "holds nothing"  # only of a lease can all be empty


def _value(value: Any) -> str:
    if isinstance(value, int):
        return _size(value)
    if isinstance(value, str):
        return label(value)
    names = in_order(value) if isinstance(value, frozenset) else value
    return _listed(names, " ") or "nothing"


# JSON.


def to_json(view: StoreView) -> dict[str, Any]:
    """Return a store as plain data that :mod:`json` can write; sets become sorted lists."""
    data: dict[str, Any] = {
        part: {name: {f.name: _plain(getattr(row, f.name)) for f in fields(row)}
               for name, row in sorted(getattr(view, part).items())}
        for part in _PARTS
    }
    return {**data, "repositories": dict(sorted(view.repositories.items())), "usage": view.usage}


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def from_json(data: object) -> StoreView:
    """Read a store that :func:`to_json` wrote.

    Raises:
        ValueError: if the data is anything else; the sentence says what was wrong, and where.
    """
    if isinstance(data, dict):
        data = {"repositories": {}, **data}  # what a store of engines' names need not have
    store = _object(data, "the store", {*_PARTS, "repositories", "usage"})
    parts = {part: {name: _row(row, f"{part}[{name!r}]", *_PARTS[part])
                    for name, row in _object(store[part], part).items()}
             for part in _PARTS}
    view = StoreView(**parts, usage=_integer(store["usage"], "usage"),
                     repositories=_repositories(store["repositories"]))
    for reference in view.repositories:
        if not any(reference in row.references for row in view.images.values()):
            raise ValueError(f"repositories[{reference!r}] is of a reference that names no image")
    dependency_graph(view)  # refuses a name that stands for things of two kinds
    grounded(view)  # refuses what no store can be like
    return view


def _repositories(data: object) -> dict[str, str]:
    where = "repositories"
    return {name: _string(value, f"{where}[{name!r}]") for name, value in _object(data, where).items()}


_Reader = Callable[[object, str], Any]


def _row(data: object, where: str, row: type[Any], readers: Mapping[str, _Reader]) -> Any:
    known = _object(data, where, readers.keys())
    return row(**{field: read(known[field], f"{where}.{field}") for field, read in readers.items()})


def _wrong(where: str, expected: str, value: object) -> ValueError:
    return ValueError(f"{where} must be {expected}, not {reprlib.repr(value)}")


def _object(value: object, where: str, keys: Collection[str] | None = None) -> dict[str, object]:
    """A JSON object, with exactly these keys if they are given."""
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    for key in value:
        if not isinstance(key, str):
            raise _wrong(f"a key in {where}", "a string", key)
        if keys is not None and key not in keys:
            raise ValueError(f"{where} has an unknown key: {reprlib.repr(key)}")
    for key in sorted(keys or ()):
        if key not in value:
            raise ValueError(f"{where} lacks the key {key!r}")
    return value


def _integer(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(where, "a whole number", value)
    return value


def _string(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(where, "a string", value)
    return value


def _status(value: object, where: str) -> str:
    if not isinstance(value, str) or value not in STATUS.values:
        raise _wrong(where, f"one of {', '.join(STATUS.values)}", value)
    return value


def _strings(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    return tuple(_string(item, f"{where}[{n}]") for n, item in enumerate(value))


def _set(value: object, where: str) -> frozenset[str]:
    strings = _strings(value, where)
    for number, item in enumerate(strings):
        if item in strings[:number]:
            raise ValueError(f"{where}[{number}] repeats {reprlib.repr(item)}")
    return frozenset(strings)


_PARTS: Mapping[str, tuple[type[Any], Mapping[str, _Reader]]] = {
    "layers": (LayerRow, {"beneath": _strings, "size": _integer, "files": _string}),
    "images": (ImageRow, {"layers": _strings, "size": _integer, "references": _set, "ancestors": _set}),
    "containers": (ContainerRow, {"image": _string, "layers": _strings, "status": _status, "names": _set,
                                  "size_rw": _integer, "upper": _string}),
    "leases": (LeaseRow, {"layers": _set, "images": _set}),
}
"""The parts of a store, with the type of their rows and what reads each field."""
