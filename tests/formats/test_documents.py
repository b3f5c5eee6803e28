"""Files of anybody's are read within limits, and JSON is taken strictly; what is wrong is one sentence."""

import os
import resource
import socket
import subprocess
import sys
import threading

import pytest

from layermodel.formats import documents
from layermodel.formats.documents import Malformed, contents, opened, parsed, text_of


@pytest.mark.parametrize(("text", "says"), [
    ("", "the trace is not JSON: Expecting value: line 1 column 1"),
    ("{", "the trace is not JSON: Expecting property name"),
    ('{"a": ' + "9" * 5_000 + "}", "an integer of 5,000 digits is more than 64 bits hold"),
    ("-" + "9" * 19, "an integer of 19 digits is more than 64 bits hold"),
    ("[" * 100_000, "it is nested too deep"),
    ('{"a":' * 100_000, "it is nested too deep"),
    ('{"a": NaN}', "NaN is no number"), ("[-Infinity]", "-Infinity is no number"), ("1e999", "'1e999' is too large"),
    ('{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' is in one object more than once"),
    ('{"' + "x" * 1000 + '": 1, "' + "x" * 1000 + '": 1}', "xxx…' is in one object more than once"),
    (b"\xff\xfe", "it is not text in UTF-8: there is a byte 0xff at 0"),
])
def test_what_is_no_json_is_one_sentence(text, says):
    with pytest.raises(Malformed) as caught:
        parsed(text, "the trace")
    assert str(caught.value).startswith("the trace is not JSON")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_json_is_what_it_says():
    assert {"a": [1, 2.5, None, True, "é"], "b": {"a": -(1 << 63)}} == parsed(
        '\ufeff{"a": [1, 2.5, null, true, "é"], "b": {"a": -9223372036854775808}}'.encode(), "it")


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert b"12345" == contents(path, 5)
    with pytest.raises(Malformed, match="it has 5 bytes, and at most 4 are read"):
        contents(path, 4)


def test_a_file_that_tells_no_size_is_read_up_to_its_limit():
    with pytest.raises(Malformed, match="it has more than 10 bytes"):
        contents("/proc/self/status", 10)  # of size 0, as all files there


def test_a_huge_file_of_nothing_takes_no_memory(tmp_path):
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(1500 << 20)
    with pytest.raises(Malformed, match="it has 1,572,864,000 bytes"):
        contents(path, 256 << 20)


MEMORY = """
import resource, sys
from pathlib import Path
from layermodel.formats.documents import Malformed, contents, parsed
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
try:
    {what}
except Malformed as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["contents(Path(sys.argv[1]), 1 << 40)", "parsed('[' + '{},' * 4_000_000, 'it')"])
def test_what_is_larger_than_memory_is_one_sentence(tmp_path, what):
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(1500 << 20)
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", MEMORY.format(what=what), str(path)], capture_output=True, text=True,
                          check=False)
    assert ("it is too large for the memory there is\n", "", 0) == (done.stdout, done.stderr, done.returncode)


def _socket(path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    return listening


@pytest.mark.parametrize(("path", "says"), [("/dev/zero", "a device"), ("/dev/null", "a device"), ("/", "a folder")])
@pytest.mark.parametrize("read", [opened, lambda path: contents(path, 10)])
def test_what_is_no_file_is_not_read(read, path, says):
    with pytest.raises(Malformed, match=f"it is {says}, not a file"):
        read(path)


def test_a_socket_is_not_read(tmp_path):
    with _socket(tmp_path / "s"), pytest.raises(OSError, match="No such device or address"):
        contents(tmp_path / "s", 10)


def test_a_pipe_into_which_nobody_writes_is_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Malformed, match="it is a pipe, not a file"):
        opened(tmp_path / "pipe")
    monkeypatch.setattr(documents, "SILENCE", 0.05)
    with pytest.raises(Malformed, match=r"nothing came through it within 0\.05 s"):
        contents(tmp_path / "pipe", 10)


def test_a_pipe_is_read_to_its_end_and_up_to_its_limit():
    def fill(descriptor, data):
        with os.fdopen(descriptor, "wb") as pipe:
            pipe.write(data)

    for count, limit in ((300_000, 300_000), (20, 10)):
        read, write = os.pipe()
        writer = threading.Thread(target=fill, args=(write, b"x" * count))
        writer.start()
        try:
            if count <= limit:
                assert b"x" * count == contents(f"/dev/fd/{read}", limit)
            else:
                with pytest.raises(Malformed, match="it has more than 10 bytes"):
                    contents(f"/dev/fd/{read}", limit)
        finally:
            writer.join()
            os.close(read)


def test_text_is_utf_8_with_or_without_its_mark():
    assert ("é", "é") == (text_of("é".encode()), text_of("\ufeffé".encode()))
    with pytest.raises(Malformed, match="there is a byte 0xe9 at 1"):
        text_of("aé".encode("latin-1"))
