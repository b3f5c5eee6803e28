"""``layerproof schema``: what programs and reports say to each other, as JSON Schema."""

from __future__ import annotations

import json

import click

from layerproof.errors import WrongRequest

_NAMES = ("engine",)


@click.command("schema")
@click.argument("name")
def schema_command(name: str) -> None:
    """Print a JSON Schema: of the messages to an engine that is a program (engine)."""
    if name not in _NAMES:
        raise WrongRequest(f"there is no schema {name!r}; known: {', '.join(_NAMES)}")
    from layerproof.machines.store.messages import schema

    print(json.dumps(schema(), indent=1), flush=True)
