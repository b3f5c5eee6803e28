"""docs/machines.md: every file, command and snippet of it, in a folder of its own, and what is printed."""

import re
import shlex
import sys
from pathlib import Path

from click.testing import CliRunner

from layerproof import conform
from layerproof.cli import main
from layerproof.machines.registry import subject_in

PAGE = Path(__file__).parents[2] / "docs" / "machines.md"
BLOCK = re.compile(r"(?:<!-- (?P<what>[a-z]+)(?:: (?P<how>.*?))? -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)
LEFT_OUT = "…"


def blocks():
    return [match.groupdict() for match in BLOCK.finditer(PAGE.read_text())]


def plain(text, random):
    """Text without what is another each time: seconds; of random runs all numbers, and the widths of columns."""
    text = re.sub(r"\d+\.\d s", "_ s", text)
    return re.sub(r"[ ]+", " ", re.sub(r"\d[\d,]*", "N", text)) if random else text


def shows(text, printed):
    """Whether a page shows what is printed: whole lines, in order, with any where lines are left out."""
    pattern = "".join(r"(?:.*\n)*" if line == LEFT_OUT else re.escape(line + "\n") for line in text.strip().splitlines())
    return re.fullmatch(pattern, printed.strip() + "\n") is not None


def test_every_block_is_done_and_shows_what_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    commands = 0
    for block in blocks():
        how = [part.strip() for part in (block["how"] or "").split(",")]
        if block["what"] in ("file", "more"):
            with Path(how[0]).open("w" if block["what"] == "file" else "a") as file:
                file.write(("\n\n" if block["what"] == "more" else "") + block["text"])
        elif block["language"] == "python":
            exec(compile(block["text"], str(PAGE), "exec"), {})
            assert capsys.readouterr().out == "[('LIB-1',)]\n"
        else:
            commands += 1
            first, _, expected = block["text"].partition("\n")
            program, *arguments = shlex.split(first.removeprefix("$ "))
            status = next((int(part.split()[1]) for part in how if part.startswith("status")), 0)
            done = CliRunner().invoke(main, arguments, env={"COLUMNS": "80"})
            assert ("layerproof", status) == (program, done.exit_code), done.output
            random = "random" in how
            assert shows(plain(expected, random), plain(done.output, random)), done.output
    assert commands == len(re.findall(r"^\$ ", PAGE.read_text(), re.MULTILINE))
    for module in ("library", "shelf"):
        sys.modules.pop(module, None)


def test_no_block_is_left_unmarked():
    assert all(block["what"] for block in blocks())
    assert {"file", "more", "run"} == {block["what"] for block in blocks()}


def test_the_machine_has_about_fifty_lines():
    lines = "".join(b["text"] for b in blocks() if (b["how"] or "") == "library.py").strip().splitlines()
    assert len(lines) <= 60


def test_every_command_that_is_named_in_the_text_is_one():
    """Options of commands that stand in sentences are those of some command."""
    text = BLOCK.sub("", PAGE.read_text())
    known = {o for name in main.list_commands(None) for p in main.get_command(None, name).params for o in p.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= known


def test_what_is_compared_can_differ():
    assert shows("a\n…\nc\n", "a\nb\nc\n")
    assert not shows("a\n…\nc\n", "a\nb\n")
    assert not shows("b\n", "a\nb\n")
    assert not shows("a\n", "a\nb\n")
    assert shows("…\nb\n", "a\nb\n")


def test_what_a_symbol_means_nothing_of_is_not_compared(tmp_path, monkeypatch):
    """An engine that remembers to whom a book was lent that nobody has departs from nothing."""
    (tmp_path / "library.py").write_text("".join(b["text"] for b in blocks() if b["how"] == "library.py"))
    subject = subject_in(str(tmp_path / "library.py"))
    scope = {}
    exec("".join(b["text"] for b in blocks() if b["how"] == "shelf.py"), scope)

    class Remembers(scope["Shelf"]):
        def reset(self):
            super().reset()
            self.last = {}

        def lend(self, book, reader):
            super().lend(book, reader)
            self.last[book] = reader

        def observe(self):
            return {**super().observe(), "to": dict(self.last)}

    assert [] == conform(subject, Remembers(), operations=500).findings
    assert ["lent"] == [d.what for f in conform(subject, scope["Generous"](), operations=500).findings
                        for d in f.differences if d.what != "answer"]
