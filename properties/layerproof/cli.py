"""The command line. Exit status: 0 all held; 1 a law was violated, undecided or something never reached;
2 the request was wrong or an engine was unreachable.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from layerproof.errors import LayerproofError
from layerproof.process.heap import keep_freed_memory

COMMANDS = {
    "check": ("check", "Everything about the model: the main job."),
    "prove": ("prove", "Prove every law of every rule, for any number of objects, in any dialect."),
    "explore": ("run", "Visit every state that can be reached with few objects."),
    "drive": ("run", "Let Hypothesis drive the model and check every law after every step."),
    "conform": ("engine", "Judge an engine by random operations beside the model."),
    "profile": ("profile", "Find out which dialect an engine speaks, from what it does alone."),
    "matrix": ("matrix", "Have every situation on some engines, and print what came of it on each."),
    "mutants": ("mutants", "The kill matrix: deliberately wrong machines, and what catches each."),
    "laws": ("catalogue", "The catalogue of laws."),
    "rules": ("catalogue", "The rule book; or all rules and laws, for another model checker."),
    "replay": ("replay", "Replay a trace file in the model, or beside an engine."),
    "schema": ("schema", "Print a JSON Schema: of messages to an engine (engine), or of a report (report)."),
    "explain": ("explain", "What depends on what, and what stands in the way of a removal."),
}
"""The commands, each with its module in :mod:`layerproof.commands`, imported when it is asked for, and with what
the list of commands says of it."""


class _Main(click.Group):
    """Imports a command when it is used, and turns our errors into one sentence and exit status 2."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().main(*arguments, **options)
        except LayerproofError as error:
            click.echo(f"layerproof: {error}", err=True)
            sys.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"layerproof.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx  # click would import every command for its first sentence
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(cls=_Main)
@click.version_option(package_name="layerproof")
def main() -> None:
    """A formal model of container storage, and a checker that judges real engines by it."""
    # Hypothesis would keep a cache in the working folder, which is the user's.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.devnull)
    keep_freed_memory()


if __name__ == "__main__":
    main()
