"""An exploration that ended before its end goes on, and comes to what one that was not ended comes to."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from layerproof.errors import WrongRequest
from layerproof.machines.registry import subject
from layerproof.readings.exploration import Exploration, Stop
from layerproof.readings.explore import Explorer

CASES = {
    "store, one thread": ("store", {"Container": 2, "Name": 2}, {"jobs": 1}, 3),
    "store, alike": ("store", {"Container": 2, "Name": 2}, {"jobs": 1, "symmetry": True}, 3),
    "union, all threads": ("union", {"Path": 3, "Container": 2, "Data": 1, "Time": 1}, {"jobs": 2}, 1),
}


def explorer(name, sizes, options, **more):
    of = subject(name)
    return Explorer(of, of.sizes(sizes), **options, **more)


def explored(name, sizes, options, universes, **more):
    dialects = dict(list(subject(name).traits(()).items())[:2])
    return explorer(name, sizes, options, **more).run(dialects, limit=universes)


def what(result: Exploration):
    return {name: value for name, value in vars(replace(result, waiting=0, memory=0)).items() if name != "runs"}


@pytest.mark.parametrize("case", CASES)
def test_it_comes_to_the_same_however_often_it_was_ended(case, tmp_path):
    kept, draw, ended = tmp_path / "rest", random.Random(case), 0
    whole = explored(*CASES[case])
    while True:
        left = draw.randrange(1, 12)

        def told(e):
            nonlocal left
            left -= 1
            if left < 0:
                raise Stop

        result = explored(*CASES[case], resume=kept, progress=told)
        if result.verdict == "held":
            break
        assert kept.exists()
        ended += 1
    assert what(result) == what(whole)
    assert ended > 2
    assert not kept.exists()


def test_what_did_not_fit_into_the_memory_goes_on_with_more(tmp_path):
    kept, case = tmp_path / "rest", CASES["store, one thread"]
    ends = [explored(*case, resume=kept, most=most).states for most in (2000, 9000)]
    assert ends == [2000, 9000]
    assert what(explored(*case, resume=kept)) == what(explored(*case))


def unfinished(path):
    def told(e):
        if e.states > 300:
            raise Stop

    explored(*CASES["store, one thread"], resume=path, progress=told)
    return path.read_bytes()


def test_a_file_that_is_damaged_or_of_another_exploration_is_left_as_it_is(tmp_path):
    path = tmp_path / "rest"
    data = unfinished(path)
    wrong = {"no unfinished": b"something else", "damaged": data[:-3]}
    for place in (40, len(data) // 2, len(data) - 1):
        wrong[f"damaged at {place}"] = data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]
    for why, content in wrong.items():
        path.write_bytes(content)
        with pytest.raises(WrongRequest, match="no unfinished exploration" if "no" in why else "is damaged"):
            explored(*CASES["store, one thread"], resume=path)
        assert path.read_bytes() == content
    path.write_bytes(data)
    with pytest.raises(WrongRequest, match="of another exploration: its symmetry is not that of this one"):
        explored(*CASES["store, alike"], resume=path)
    with pytest.raises(WrongRequest, match="of another exploration: its machine"):
        explored(*CASES["union, all threads"], resume=path)
    assert path.read_bytes() == data


def test_a_signal_leaves_what_is_not_done(tmp_path):
    kept = tmp_path / "rest"
    command = [sys.executable, "-m", "layerproof", "explore", "--size", "Container=3,Name=3", "--resume", str(kept)]
    running = subprocess.Popen([*command, "--jobs", "1"], stderr=subprocess.PIPE, text=True, env=os.environ | {
        "COLUMNS": "200"})
    # It ignores no signal from its first line on, and searches for minutes.
    time.sleep(8)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM, said
    assert "Traceback" not in said
    assert kept.exists()
    done = subprocess.run([*command, "--jobs", "1", "--budget", "0.2"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "goes on from there" in done.stderr
