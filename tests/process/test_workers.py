"""Nothing outlives a run, not even one that is killed."""

import os
import signal
import time
from pathlib import Path

import pytest

from layerproof.process.workers import workers
from processes import PATIENCE, children, runs, start, until

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux")


@pytest.mark.parametrize(("arguments", "forks"), [
    (("prove", "--jobs", "2"), 2), (("check",), 2), (("conform", "directory", "--operations", "1000000"), 0),
    (("mutants", "--reading", "conform", "--jobs", "2"), 2),
])
def test_a_killed_run_leaves_no_process_and_the_next_run_removes_its_folders(tmp_path, arguments, forks):
    process = start(*arguments, tmp=tmp_path)
    try:
        until(lambda: list(tmp_path.glob("layerproof-*")) and len(children(process.pid)) >= forks, "workers at work")
        forked = children(process.pid)
    finally:
        process.kill()
        process.communicate()
    until(lambda: not any(map(runs, forked)), "its workers end")
    left = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert 1 == len(left)
    again = start("conform", "directory", "--operations", "1", "--budget", "0.001", tmp=tmp_path, text=True)
    _, said = again.communicate(timeout=PATIENCE)
    assert f"layerproof: removed what a run that was killed had left: {left[0]}\n" == said
    assert [] == list(tmp_path.iterdir())


def test_a_worker_ends_though_it_is_busy_with_python(tmp_path):
    # One that does nothing but compute, and never waits for anything.
    parent = os.fork()
    if parent == 0:
        with workers(2) as pool:
            for number in range(2):
                pool.submit(_busy, str(tmp_path / str(number)))
            time.sleep(PATIENCE * 2)
        os._exit(0)
    try:
        until(lambda: all((tmp_path / str(n)).exists() for n in range(2)), "both are busy")
        busy = children(parent)
    finally:
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
    assert 2 == len(busy)
    until(lambda: not any(map(runs, busy)), "they end")


def _busy(path):
    Path(path).touch()
    while True:
        pass


def _fails():
    raise ValueError("as it must")


def test_what_is_in_vain_is_not_done():
    later = []

    def run():
        with workers(1) as pool:
            failing = pool.submit(_fails)
            later.extend(pool.submit(time.sleep, 0.1) for _ in range(200))
            failing.result()

    with pytest.raises(ValueError, match="as it must"):
        run()
    assert any(one.cancelled() for one in later)
