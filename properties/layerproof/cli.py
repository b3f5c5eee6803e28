"""The command line. Exit status: 0 all held; 1 a law was violated, undecided or something never reached;
2 the request was wrong or an engine was unreachable.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import click

from layerproof.commands.catalogue import laws_command, rules_command
from layerproof.commands.check import check_command
from layerproof.commands.engine import conform_command
from layerproof.commands.explain import explain_command
from layerproof.commands.mutants import mutants_command
from layerproof.commands.prove import prove_command
from layerproof.commands.replay import replay_command
from layerproof.commands.run import drive_command, explore_command
from layerproof.errors import LayerproofError


class _Main(click.Group):
    """Turns our errors into one sentence and exit status 2, whatever command they come from."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LayerproofError as error:
            click.echo(f"layerproof: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Main)
@click.version_option(package_name="layerproof")
def main() -> None:
    """A formal model of container storage, and a checker that judges real engines by it."""
    # Hypothesis would keep a cache in the working folder, which is the user's.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.devnull)
    # A terminated run cleans up its engine just as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


for command in (
    check_command, prove_command, explore_command, drive_command, conform_command, mutants_command,
    laws_command, rules_command, replay_command, explain_command,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
