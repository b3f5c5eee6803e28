"""``layerproof explain``: what depends on what."""

from __future__ import annotations

import click

from layerproof.commands.common import common, emit, graph_options, read_limit_option


@click.command("explain")
@click.argument("file")
@click.argument("thing", required=False)
@click.option("--dialect", help="Whose rules to ask; those of the trace or else docker's, if not given.")
@graph_options("The whole graph for Graphviz.", "The whole graph for Mermaid.")
@read_limit_option
@common
def explain_command(
    file: str, thing: str | None, dialect: str | None, drawing: str | None, read_limit: int | None, format_: str,
    output: str | None,
) -> None:
    """What depends on what, and what stands in the way of a removal.

    FILE is a trace, of which the end is meant; a store written as JSON; or an archive (`docker save`, or an OCI
    image layout; a tar archive or a folder), of which the store is meant that loading it makes. With a THING (a
    tag, an ID or the beginning of one, a container's name): what blocks its removal and why, what removing it
    would free, what it shares.
    """
    from layerproof.commands.answers import Answer, named, store
    from layerproof.machines.store.draw import dot, mermaid, text_graph, to_json

    view, spoken = store(file, dialect, read_limit)
    if drawing is not None:
        emit("text", output, lambda: None, lambda: (dot if drawing == "dot" else mermaid)(view))
    elif thing is None:
        emit(format_, output, lambda: to_json(view), lambda: text_graph(view))
    else:
        answer = Answer.to(view, named(view, thing), spoken)
        emit(format_, output, answer.data, answer.text)
