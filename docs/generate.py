"""Write the generated pages: `python docs/generate.py`. A test compares them with what would be written now."""

from __future__ import annotations

import os
from pathlib import Path

from click.testing import CliRunner

from layerproof.cli import main

HERE = Path(__file__).parent
PAGES = {f"{book}-{machine}.md": (book, machine) for book in ("rules", "laws") for machine in ("store", "union")}
_TITLES = {"rules": "The rule book of the machine `{}`", "laws": "The laws of the machine `{}`"}
_COLUMNS = "100"


def page(book: str, machine: str) -> str:
    """The text of a page: what the command prints."""
    command = f"{book} --machine {machine}"
    os.environ["COLUMNS"], before = _COLUMNS, os.environ.get("COLUMNS")
    try:
        printed = CliRunner().invoke(main, command.split(), catch_exceptions=False)
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before
    assert printed.exit_code == 0, printed.output
    return (f"# {_TITLES[book].format(machine)}\n\nThis is what `layerproof {command}` prints, written by "
            f"`python docs/generate.py`.\n\n```text\n{printed.output.rstrip()}\n```\n")


if __name__ == "__main__":
    for name, (book, machine) in PAGES.items():
        (HERE / name).write_text(page(book, machine), encoding="utf-8")
