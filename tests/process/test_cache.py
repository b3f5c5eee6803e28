"""What is kept from one process to the next is given back as it was, or not at all."""

import os
import stat

import pytest

from layerproof.process import cache
from layerproof.process.cache import Cache


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches" / "layerproof"


def test_what_was_put_is_had_again_under_its_key_only(place):
    Cache("code").put(b"one", b"\0data")
    assert [b"\0data", None, None] == [Cache("code").get(b"one"), Cache("code").get(b"two"), Cache("proof").get(b"one")]
    assert 0o700 == stat.S_IMODE(place.stat().st_mode)
    assert 1 == len(list(place.iterdir()))


@pytest.mark.parametrize("spoil", [
    lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: b"", lambda data: data + b"x",
    lambda data: b"X" + data[1:], lambda data: data.replace(b"cache 1", b"cache 0"), lambda data: data[:20]])
def test_what_is_damaged_is_as_if_it_were_not_there(place, spoil):
    Cache("code").put(b"one", b"some data")
    entry = next(place.iterdir())
    entry.write_bytes(spoil(entry.read_bytes()))
    assert Cache("code").get(b"one") is None
    Cache("code").put(b"one", b"some data")
    assert b"some data" == Cache("code").get(b"one")


def test_a_folder_that_others_may_write_to_is_not_used(place):
    Cache("code").put(b"one", b"some data")
    place.chmod(0o770)
    assert Cache("code").get(b"one") is None
    Cache("code").put(b"two", b"some data")
    assert 1 == len(list(place.iterdir()))


def test_where_there_can_be_no_folder_nothing_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for name in (str(tmp_path / "file"), "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", name)
        monkeypatch.chdir(tmp_path)
        Cache("code").put(b"one", b"some data")
        assert Cache("code").get(b"one") is None
    assert ["file"] == [p.name for p in tmp_path.iterdir()]


def test_no_more_is_kept_than_may_be_and_the_latest_stay(place, monkeypatch):
    monkeypatch.setattr(cache, "_MOST", 1000)
    for n in range(8):
        Cache("code").put(b"%d" % n, bytes(200))
        for age, entry in enumerate(sorted(place.iterdir(), key=lambda p: p.stat().st_mtime_ns, reverse=True), 1):
            os.utime(entry, ns=(10**18 - age * 10**9,) * 2)
    kept = [n for n in range(8) if Cache("code").get(b"%d" % n) is not None]
    assert 3 <= len(kept) <= 4
    assert 7 in kept
