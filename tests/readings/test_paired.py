"""Every two steps on one object are executed one after the other, where that is asked for."""

import contextlib
import json
import re
from itertools import pairwise

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.commands.certificate import certificate_text, every
from layerproof.commands.data import certificate_json
from layerproof.errors import Refused, WrongRequest
from layerproof.readings.exhaust import exhaust
from layerproof.readings.graph import Graph
from layerproof.readings.paired import EveryPair
from toy.lock import SUBJECT, Forgetful, Lock

FILE = "tests/toy/lock.py"


class Tells(Lock):
    """It notes what is asked, each with who had the lock before."""

    def __init__(self):
        self.asked = []

    def reset(self):
        super().reset()
        self.asked.append(None)

    def _note(self, rule, process):
        self.asked.append((rule, process, frozenset(self.readers), self.writer))

    def read(self, process):
        self._note("read", process)
        super().read(process)

    def write(self, process):
        self._note("write", process)
        super().write(process)

    def release(self, process):
        self._note("release", process)
        super().release(process)


def followed(engine):
    """Of what was asked, every two on one process, one after the other."""
    return {(one, other) for one, other in pairwise(engine.asked) if one and other and one[1] == other[1]}


def there_are():
    """Every two steps on one process, by another search than the one that is tested."""
    found, states = set(), [(frozenset(), None)]

    def after(step):
        engine = Lock()
        rule, process, engine.readers, engine.writer = step[0], step[1], set(step[2]), step[3]
        with contextlib.suppress(Refused):
            getattr(engine, rule)(process)
        return frozenset(engine.readers), engine.writer

    def steps(state):
        return [(rule, process, *state) for rule in ("read", "write", "release") for process in range(3)]

    for state in states:
        for step in steps(state):
            then = after(step)
            if then not in states:
                states.append(then)
            found |= {(step, other) for other in steps(then) if other[1] == step[1]}
    return found


def test_every_two_steps_on_one_object_follow_each_other():
    engine, kinds = Tells(), Tells()
    certificate = exhaust(SUBJECT, engine, every_pair=True)
    one, = certificate.every
    assert there_are() == followed(engine)
    assert (len(there_are()), 0, 0) == (one.all, one.count, one.apart)
    assert "certified" == certificate.verdict
    exhaust(SUBJECT, kinds)
    assert followed(kinds) < there_are()


def test_what_is_left_is_not_certified():
    certificate = exhaust(SUBJECT, Lock(), every_pair=True)
    one, = certificate.every
    one.count = 1
    assert "incomplete" == certificate.verdict
    assert "1 pair could not be executed: what differs stands in the way" in certificate_text(certificate, SUBJECT)


def test_pairs_with_a_step_that_differs_are_given_up_and_counted():
    certificate = exhaust(SUBJECT, Forgetful(), every_pair=True)
    one, = certificate.every
    assert one.apart > 0
    assert one.count == 0
    assert {"pairs": one.all, "executed": one.all - one.apart, "apart": one.apart} == every(certificate)
    assert certificate_json(certificate, SUBJECT)["everyPair"] == every(certificate)
    assert f"and of {one.apart:,} one step differed" in " ".join(certificate_text(certificate, SUBJECT).split())


@pytest.mark.parametrize("engine", [Lock, Forgetful])
def test_a_run_that_was_ended_is_gone_on_with(tmp_path, engine):
    path, looks = tmp_path / "run", []

    class Slow(engine):
        ends = (90, 150, 1000)

        def observe(self):
            looks.append(1)
            if len(looks) in self.ends:
                raise KeyboardInterrupt
            return super().observe()

    left = []
    for _ in Slow.ends[:2]:
        with pytest.raises(KeyboardInterrupt) as caught:
            exhaust(SUBJECT, Slow(), every_pair=True, resume=path)
        left += [one.count for one in caught.value.so_far.every]
    certificate = exhaust(SUBJECT, Slow(), every_pair=True, resume=path)
    at_once = exhaust(SUBJECT, engine(), every_pair=True)
    assert left[0] > left[1] > 0
    both = at_once, certificate
    assert 1 == len({(every(one)["pairs"], one.verdict, sum(e.count for e in one.every)) for one in both})
    assert (engine is Forgetful) == (every(certificate)["apart"] > 0)
    again = exhaust(SUBJECT, Slow(), every_pair=True, resume=path)
    assert (0, every(certificate)) == (again.operations, every(again))
    exhaust(SUBJECT, Slow(), resume=path)  # a run that does not ask for it leaves what was had
    assert 0 == exhaust(SUBJECT, Slow(), every_pair=True, resume=path).operations


def test_what_is_of_another_graph_is_refused():
    class Two(Lock):
        def observe(self):
            return {name: {p: shown[p] for p in range(2)} for name, shown in super().observe().items()}

    small, large = (exhaust(SUBJECT, engine(), sizes=[{"Process": n}], every_pair=True).every[0]
                    for n, engine in ((2, Two), (3, Lock)))
    assert small.all < large.all
    with pytest.raises(ValueError, match="there are"):
        large.unpack(small.packed(), 0)
    with pytest.raises(ValueError, match="there are"):
        EveryPair(Graph({}, frozenset())).unpack(small.packed(), 0)


def test_the_command_says_how_many(tmp_path):
    arguments = ("conform", f"{FILE}:Lock", "--machine-file", FILE, "--exhaust", "--every-pair", "--resume",
                 str(tmp_path / "run"))
    said = CliRunner().invoke(main, arguments)
    there, had = re.search(r"of all ([\d,]+) pairs of such steps ([\d,]+) were executed",
                           " ".join(said.output.split())).groups()
    assert (0, there) == (said.exit_code, had)
    data = json.loads(CliRunner().invoke(main, [*arguments, "--format", "json"]).output)
    assert {"pairs": int(there), "executed": int(there), "apart": 0} == data["everyPair"]
    without = CliRunner().invoke(main, [*arguments[:4], "--every-pair"])
    assert (2, True) == (without.exit_code, "--every-pair goes with --exhaust" in without.output)


def test_a_file_with_damaged_pairs_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "run"
    exhaust(SUBJECT, Lock(), every_pair=True, resume=path)
    monkeypatch.setattr(Graph, "digest", "another")
    with pytest.raises(WrongRequest, match="its steps are not those of this one"):
        exhaust(SUBJECT, Lock(), every_pair=True, resume=path)
