"""Temporary folders go with the run that has them, or with the next one."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from layerproof.process.folders import Temporary, clear

HOLDER = """
import time
from layerproof.process.folders import Temporary
held = Temporary()
(held.path / "a").mkdir()
(held.path / "a" / "file").write_text("x")
print(held.path, flush=True)
time.sleep(600)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(place):
    """Another process that has a folder, and the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "TMPDIR": str(place)})
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


def test_a_folder_is_private_and_is_removed_with_its_lock(place):
    made = Temporary("docker")
    assert (0o700, []) == (made.path.stat().st_mode & 0o777, list(made.path.iterdir()))
    assert made.path.name.startswith("layerproof-docker-")
    made.remove()
    made.remove()
    assert [] == list(place.iterdir())


def test_what_a_living_run_has_stays_and_what_a_killed_one_left_goes(place, holder):
    process, folder = holder
    assert [] == clear()
    assert (folder / "a" / "file").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert folder.exists()
    assert [folder] == clear()
    assert [] == list(place.iterdir())


def test_a_folder_that_a_process_has_inherited_stays(place):
    made = Temporary()
    child = subprocess.Popen(["sleep", "600"], pass_fds=(made.descriptor,))
    try:
        os.close(made.descriptor)  # as when this process is gone
        assert [] == clear()
    finally:
        child.kill()
        child.wait()
    assert [made.path] == clear()


def test_a_forked_process_does_not_remove_what_its_parent_has(place):
    made = Temporary()
    forked = multiprocessing.get_context("fork").Process(target=made.remove)
    forked.start()
    forked.join()
    assert made.path.exists()
    made.remove()


def test_the_next_run_says_what_it_removed(place, holder):
    process, folder = holder
    process.kill()
    process.wait()
    program = "from layerproof.process.folders import Temporary; Temporary().remove(); Temporary().remove()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                          env={**os.environ, "TMPDIR": str(place)})
    assert ("", f"layerproof: removed what a run that was killed had left: {folder}\n") == (done.stdout, done.stderr)
    assert [] == list(place.iterdir())


SAYS = "layerproof: process 1 has the folder beside this file\n"


@pytest.mark.parametrize("words", ["my notes\n", SAYS + "and more\n", SAYS.replace("1", "one")])
def test_what_only_looks_like_ours_stays(place, words):
    folder = place / "layerproof-notes"
    folder.mkdir()
    (place / "layerproof-notes.lock").write_text(words)
    assert [] == clear()
    assert ["layerproof-notes", "layerproof-notes.lock"] == sorted(p.name for p in place.iterdir())


def test_a_link_is_not_followed(place):
    mine = place / "mine"
    mine.mkdir()
    (mine / "file").write_text("x")
    (place / "layerproof-a").symlink_to(mine)
    (place / "layerproof-a.lock").write_text(SAYS)
    (place / "words").write_text(SAYS)
    (place / "layerproof-b").mkdir()
    (place / "layerproof-b.lock").symlink_to(place / "words")
    assert [] == clear()
    assert (mine / "file").exists()
    assert (place / "layerproof-b").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_another_user_has_stays(place):
    folder = place / "layerproof-a"
    folder.mkdir()
    lock = place / "layerproof-a.lock"
    lock.write_text(SAYS)
    os.chown(lock, 12345, 12345)
    assert [] == clear()
    os.chown(lock, 0, 0)
    os.chown(folder, 12345, 12345)
    assert [] == clear()
    assert folder.exists()


def test_a_run_that_was_killed_between_lock_and_folder_leaves_nothing_for_long(place):
    (place / "layerproof-a.lock").touch()
    (place / "layerproof-b.lock").write_text(SAYS)
    assert [] == clear()
    assert [] == list(place.iterdir())


def _make_and_remove(times):
    for _ in range(times):
        made = Temporary()
        (made.path / "file").write_text("x")
        if not (made.path / "file").exists() or not made.lock.exists():
            os._exit(3)
        made.remove()
    os._exit(0)


def test_who_clears_never_takes_what_another_has_just_made(place):
    makers = [multiprocessing.get_context("fork").Process(target=_make_and_remove, args=(300,)) for _ in range(2)]
    for maker in makers:
        maker.start()
    cleared = []
    while any(maker.is_alive() for maker in makers):
        cleared += clear()
    for maker in makers:
        maker.join()
    assert ([0, 0], []) == ([maker.exitcode for maker in makers], cleared)
    assert [] == list(place.iterdir())
