"""Pages keep to their width, and words stay whole."""

import fcntl
import io
import os
import pty
import struct
import sys
import termios

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from layerproof.cli import main
from layerproof.commands.layout import a, counted, prose, rows, width

WORDS = st.text(st.characters(categories=("Ll", "Lu", "Nd")), min_size=1, max_size=12)
SENTENCES = st.lists(WORDS, max_size=30).map(" ".join)


@given(st.lists(st.tuples(WORDS, SENTENCES, WORDS, SENTENCES), min_size=1, max_size=6), st.integers(60, 120))
def test_a_table_keeps_to_its_width_and_its_words_whole(lines, columns):
    text = rows("", ("id", "says", "n", "statement"), lines, columns)
    assert max(map(len, text.split("\n"))) <= columns
    whole = text.split()
    for row in lines:
        for word in " ".join(row).split():
            assert word in whole


def test_columns_are_as_wide_as_what_is_in_them():
    assert "id   says\nA-1  yes" == rows("", ("id", "says"), [("A-1", "yes")], 80)
    assert "laws\nid   says\nA-1  yes" == rows("laws", ("id", "says"), [("A-1", "yes")], 80)
    assert "id  says" == rows("", ("id", "says"), [], 80)


def test_a_sentence_wraps_beside_its_row_or_goes_below_it():
    lines = [("LAW-1", "not applicable", "What goes leaves nothing behind that needs it.")]
    headings = ("law", "explored", "statement")
    assert rows("", headings, lines, 50) == (
        "law    explored        statement\n"
        "LAW-1  not applicable  What goes leaves nothing\n"
        "                       behind that needs it.")
    wide = [("a-very-long-identifier", "another-long-one", lines[0][2])]
    assert rows("", headings, wide, 60) == (
        "law                     explored\n"
        "    statement\n"
        "a-very-long-identifier  another-long-one\n"
        "    What goes leaves nothing behind that needs it.")


def test_a_word_is_folded_only_if_there_is_no_other_way():
    text = rows("", ("name", "n"), [("x" * 70, "1")], 60)
    assert [60, 60] >= [len(line) for line in text.split("\n")[1:]]
    assert 70 == text.count("x")


def test_prose_hangs():
    assert "  then  one two\n        three" == prose("  then  one two three", 8, 16)
    assert "x" * 90 == prose("x" * 90, 4, 80)


@pytest.mark.parametrize(("number", "noun", "says"), [
    (1, "finding", "1 finding"), (0, "finding", "0 findings"), (2, "known deviation", "2 known deviations"),
    (1234, "universe", "1,234 universes"), (2, "entry", "2 entries"), (2, "way", "2 ways"),
    (2, "witness", "2 witnesses"), (1, "witness", "1 witness")])
def test_a_number_and_its_noun_agree(number, noun, says):
    assert says == counted(number, noun)


@pytest.mark.parametrize(("noun", "says"), [
    ("image", "an image"), ("Image", "an Image"), ("layer", "a layer"), ("union", "a union"), ("user", "a user"),
    ("inode", "an inode"), ("upper", "an upper"), ("hour", "an hour"), ("owner", "an owner")])
def test_a_noun_has_its_article(noun, says):
    assert says == a(noun)


def test_the_width_is_what_there_is(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    for said, columns in (("80", 80), ("7", 40), ("x", 100), ("0", 100), ("", 100), ("²", 100)):
        monkeypatch.setenv("COLUMNS", said)
        assert columns == width()
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "stdout", None)
    assert 100 == width()
    leader, follower = pty.openpty()
    try:
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 93, 0, 0))
        with open(follower, "w", closefd=False) as terminal:
            monkeypatch.setattr(sys, "stdout", terminal)
            assert 93 == width()
    finally:
        os.close(leader)
        os.close(follower)


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("machine", ["store", "union"])
@pytest.mark.parametrize("command", ["laws", "rules"])
def test_the_books_keep_to_the_width(monkeypatch, command, machine, columns):
    def words(wide):
        monkeypatch.setenv("COLUMNS", str(wide))
        return CliRunner().invoke(main, [command, "--machine", machine]).output

    text, endless = words(columns), words(1000)
    assert columns - 30 < max(map(len, text.split("\n"))) <= columns
    assert endless.split() == text.split()
