"""What ``layerproof`` and ``python -m layerproof`` run."""

from __future__ import annotations

from layerproof.process.start import begin


def main() -> None:
    """Run the command line; a signal ends it in one sentence even while its modules are imported."""
    begin()
    from layerproof.cli import main as commands

    commands(prog_name="layerproof")


if __name__ == "__main__":
    main()
