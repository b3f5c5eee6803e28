"""``layerproof schema``: what programs and reports say to each other, as JSON Schema."""

from __future__ import annotations

import json

import click

from layerproof.errors import WrongRequest

_NAMES = ("engine", "report")


@click.command("schema")
@click.argument("name")
def schema_command(name: str) -> None:
    """Print a JSON Schema: of messages to an engine (engine), or of a report (report)."""
    if name not in _NAMES:
        raise WrongRequest(f"there is no schema {name!r}; known: {', '.join(_NAMES)}")
    if name == "engine":
        from layerproof.machines.store.messages import schema
    else:
        from layerproof.commands.data import schema
    print(json.dumps(schema(), indent=1), flush=True)
