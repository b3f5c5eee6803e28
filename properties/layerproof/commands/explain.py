"""``layerproof explain``: what depends on what."""

from __future__ import annotations

import json
from typing import Any

import click

from layermodel.graph import blockers, freed_by, shared_bytes, unique_bytes
from layermodel.view import StoreView
from layerproof.commands.common import common, emit, read
from layerproof.commands.traces import replayed
from layerproof.draw import dot, from_json, mermaid, text_graph, to_json
from layerproof.errors import WrongRequest
from layerproof.traces import Trace


@click.command("explain")
@click.argument("file")
@click.argument("thing", required=False)
@click.option("--dot", "drawing", flag_value="dot", help="The whole graph for Graphviz.")
@click.option("--mermaid", "drawing", flag_value="mermaid", help="The whole graph for Mermaid.")
@common
def explain_command(
    file: str, thing: str | None, drawing: str | None, format_: str, output: str | None,
) -> None:
    """What depends on what at the end of a trace, or in a store written as JSON: what blocks the removal of
    a thing and why, what removing it would free, what it shares.
    """
    view = _view(read(file))
    if drawing is not None:
        emit("text", output, lambda: None, lambda: (dot if drawing == "dot" else mermaid)(view))
        return
    if thing is None:
        emit(format_, output, lambda: to_json(view), lambda: text_graph(view))
        return
    try:
        standing = blockers(view, thing)
        freed = freed_by(view, thing) if thing in view.images else None
    except KeyError:
        raise WrongRequest(f"there is no {thing!r} in this store") from None

    def data() -> dict[str, Any]:
        return {
            "thing": thing, "blockers": [vars(b) for b in standing],
            "freed": None if freed is None else {"images": sorted(freed.images),
                                                 "layers": sorted(freed.layers), "bytes": freed.bytes},
            "shared": shared_bytes(view, thing) if freed is not None else None,
            "unique": unique_bytes(view, thing) if freed is not None else None,
        }

    def text() -> str:
        parts = [f"nothing stands in the way of removing {thing}"] if not standing else [
            f"{b.name} stands in the way: {b.reason}" for b in standing]
        if freed is not None:
            parts.append(f"{shared_bytes(view, thing)} B shared, {unique_bytes(view, thing)} B unique")
            if not standing:
                parts.append(f"removing it would free {freed.bytes} B: images {sorted(freed.images)}, "
                             f"layers {sorted(freed.layers)}")
        return "\n".join(parts)

    emit(format_, output, data, text)


def _view(text: str) -> StoreView:
    """The store at the end of a trace, or one written as JSON."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongRequest(f"the file is not JSON: {error}") from None
    if isinstance(data, dict) and "events" in data:
        return replayed(Trace.from_json(text))[0][-1]
    try:
        return from_json(data)
    except ValueError as error:
        raise WrongRequest(str(error)) from None
