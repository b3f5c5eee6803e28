"""Whatever file a user names, it ends in one sentence."""

import json
import os
import random

import pytest
from click.testing import CliRunner

from layermodel.formats import documents
from layermodel.formats.content import ArchiveEntry, ImageSpec, archive
from layerproof.cli import main
from layerproof.commands.common import _size
from layerproof.errors import WrongRequest
from processes import PATIENCE, start
from samples import a_trace_file


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def a_file(place, name):
    path = place / name
    match name:
        case "binary":
            path.write_bytes(random.Random(1).randbytes(5000))
        case "zeros":
            with path.open("wb") as file:
                file.truncate(1500 << 20)
        case "digits":
            path.write_text('{"layerproof": ' + "9" * 5_000 + "}")
        case "deep":
            path.write_text("[" * 100_000)
        case "nan":
            path.write_text(a_trace_file().replace('"layerproof": 2', '"layerproof": NaN'))
        case "twice":
            path.write_text(a_trace_file().replace('"layerproof": 2', '"layerproof": 2, "layerproof": 2'))
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            return name
    return str(path)


@pytest.mark.parametrize("command", ["explain", "replay"])
@pytest.mark.parametrize(("name", "says"), [
    ("binary", "it is not text in UTF-8"), ("zeros", "at most 268,435,456 are read"),
    ("digits", "an integer of 5,000 digits"), ("deep", "it is nested too deep"), ("nan", "NaN is no number"),
    ("twice", "the key 'layerproof' is in one object more than once"),
    ("pipe", "it is a pipe, and nothing came through it"), ("/dev/zero", "it is a device, not a file"),
    ("/proc/self/mem", "Input/output error"), ("/nowhere", "No such file or directory"),
    ("a\0b", "a\\x00b cannot be read: embedded null byte"), ("", "the name of the file is empty"),
])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, monkeypatch, command, name, says):
    monkeypatch.setattr(documents, "SILENCE", 0.05)
    result = run(command, a_file(tmp_path, name))
    assert (2, True) == (result.exit_code, says in result.output), result.output
    assert 1 == len(result.output.strip().splitlines())


def test_a_folder_is_an_archive_or_nothing(tmp_path):
    folder = a_file(tmp_path, "folder")
    assert "it is a folder, not a file" in run("replay", folder).output
    assert "it has neither manifest.json nor index.json" in run("explain", folder).output


def test_an_option_says_how_much_is_read(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(a_trace_file())
    for command in ("explain", "replay"):
        assert 0 == run(command, str(path), "--read-limit", "1MiB").exit_code
        small = run(command, str(path), "--read-limit", "100B")
        assert (2, True) == (small.exit_code, "and at most 100 are read" in small.output)


def test_the_option_goes_for_archives_too(tmp_path):
    path = tmp_path / "images.tar"
    path.write_bytes(archive([ArchiveEntry(ImageSpec(({"a": b"1" * 100_000},), "a"), ("a:1",))]))
    assert 0 == run("explain", str(path), "--read-limit", "1MB").exit_code
    small = run("explain", str(path), "--read-limit", "50k")
    assert (2, True) == (small.exit_code, "is more than 51,200 bytes" in small.output), small.output


@pytest.mark.parametrize(("text", "count"), [
    ("7", 7), ("7B", 7), ("2k", 2048), ("2KiB", 2048), ("2 kB", 2000), ("64MiB", 64 << 20), ("1g", 1 << 30),
    ("1TB", 10 ** 12), (None, None)])
def test_units_of_bytes(text, count):
    assert count == _size(None, None, text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5MiB", "MiB", "1XiB", "١MiB", "1" * 30])
def test_what_is_no_number_of_bytes_is_refused(text):
    with pytest.raises(WrongRequest, match="--read-limit takes a number of bytes above 0"):
        _size(None, None, text)


def test_a_trace_may_come_through_a_pipe_and_an_archive_may_not(tmp_path):
    made = archive([ArchiveEntry(ImageSpec(({"a": b"1"},), "a"), ("a:1",))])
    for command, data, status, says in (
            ("replay", a_trace_file().encode(), 0, "remove-by-id"),
            ("explain", a_trace_file().encode(), 0, "container-0"),
            ("explain", made, 2, "is an archive that comes through a pipe; it is read from a file only")):
        read, write = os.pipe()
        process = start(command, "/dev/stdin", tmp=tmp_path, stdin=read)
        os.close(read)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(data)
        out, err = process.communicate(timeout=PATIENCE)
        assert (status, True) == (process.returncode, says in (out + err).decode())


def test_a_store_is_explained_as_it_was_written(tmp_path):
    (tmp_path / "trace.json").write_text(a_trace_file())
    data = run("explain", str(tmp_path / "trace.json"), "--format", "json").output
    (tmp_path / "store.json").write_text(data)
    again = run("explain", str(tmp_path / "store.json"), "--format", "json").output
    assert json.loads(data) == json.loads(again)
