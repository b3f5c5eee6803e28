"""Asking what there is imports nothing that takes long."""

import subprocess
import sys

import click
import pytest

from layerproof.cli import COMMANDS, main

HEAVY = ("z3", "hypothesis", "networkx", "docker", "rich", "numpy")
ASKS = """
import sys
from layerproof.__main__ import main
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("imported:", *sorted(set({heavy!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *(
    [name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_that_takes_long(arguments):
    done = subprocess.run([sys.executable, "-c", ASKS.format(arguments=arguments, heavy=HEAVY)], check=False,
                          capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    assert "imported:" == done.stdout.splitlines()[-1]
    assert len(done.stdout.splitlines()) > 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_command_says_first(name):
    command = main.get_command(click.Context(main), name)
    assert name == command.name
    assert COMMANDS[name][1] == command.help.split("\n\n")[0].replace("\n", " ").strip()


def test_an_unknown_command_is_said():
    assert main.get_command(click.Context(main), "fly") is None
