"""Every step is executed, what differs is found, and nothing is certified that was not executed."""

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.commands.certificate import certificate_text
from layerproof.commands.data import certificate_json
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.memory.engine import MemoryEngine
from layerproof.errors import EngineUnreachable, Refused, WrongRequest
from layerproof.machines.registry import subject
from layerproof.readings.exhaust import exhaust
from layerproof.readings.explore import explore
from readings.test_known import FORGETS
from toy.lock import SUBJECT, Forgetful, Lock

FILE = "tests/toy/lock.py"
ONE = {s.name: 1 for s in subject("store").machine.sorts if not s.values}


def test_every_step_is_executed_and_every_pair_had():
    certificate = exhaust(SUBJECT, Lock())
    part, = certificate.parts
    steps = explore(SUBJECT, {}, dialects=["strict"], algebra=False).steps
    assert (steps, steps, 0) == (part.steps, part.executed, part.differed)
    assert ("certified", [], {}) == (certificate.verdict, certificate.never, certificate.causes)
    assert certificate.pairs
    assert certificate.pairs <= certificate.pairs_had
    assert certificate.operations >= steps


def test_what_differs_is_found_with_the_fewest_operations():
    certificate = exhaust(SUBJECT, Forgetful())
    cause, = certificate.causes.values()
    assert ["read", "read", "release"] == [e.rule for e in cause.finding.trace.events]
    assert ("violated", (2, 2)) == (certificate.verdict, cause.finding.again)
    part, = certificate.parts
    assert 0 < part.differed <= cause.count
    assert part.executed == part.steps


def test_a_known_deviation_is_certified_with():
    certificate = exhaust(SUBJECT, Forgetful(), deviations=[FORGETS])
    assert ("certified", ["forgets"]) == (
        certificate.verdict, [cause.finding.known.key for cause in certificate.causes.values()])
    assert next(iter(certificate.causes.values())).count >= certificate.parts[0].differed > 0
    assert "violated" == certificate_json(certificate, SUBJECT, strict=True)["verdict"]


class Remembers(Lock):
    """It is wrong just after a writer was refused."""

    refused = False

    def reset(self):
        super().reset()
        self.refused = False

    def write(self, process):
        try:
            super().write(process)
        except Refused:
            self.refused = True
            raise
        self.refused = False

    def read(self, process):
        super().read(process)
        self.refused = False

    def release(self, process):
        was, self.refused = self.refused, False
        super().release(process)
        if was:
            self.readers, self.writer = set(), None


def test_what_hides_in_the_past_is_found_by_what_follows_what():
    cause, *_ = exhaust(SUBJECT, Remembers()).causes.values()
    assert ["write", "release"] == [e.rule for e in cause.finding.trace.events][-2:]


class Follows(Lock):
    """It notes what is asked of it, by run, and forgets to release just after some operations in a row."""

    def __init__(self, wrong=()):
        self.wrong, self.runs = list(wrong), [[]]

    def reset(self):
        super().reset()
        self.runs.append([])

    def read(self, process):
        self.runs[-1].append(("read", process))
        super().read(process)

    def write(self, process):
        self.runs[-1].append(("write", process))
        super().write(process)

    def release(self, process):
        has = process in self.readers or self.writer == process
        self.runs[-1].append(("release" if has else "release nothing", process))
        had = self.readers.copy(), self.writer
        super().release(process)
        if self.wrong and self.runs[-1][-len(self.wrong):] == self.wrong:
            self.readers, self.writer = had


def test_what_hides_deep_in_a_tour_is_shown_by_a_short_run():
    right = Follows()
    assert "certified" == exhaust(SUBJECT, right).verdict
    tour = max(right.runs, key=len)
    at = next(n for n in range(40, len(tour)) if tour[n][0] == "release" and len({*tour[n - 3:n + 1]}) == 4
              and not any(tour[n - 3:n + 1] == run[m:m + 4] for run in right.runs for m in range(len(run) - 3)
                          if run is not tour or m < n - 3))
    causes = exhaust(SUBJECT, Follows(tour[at - 3:at + 1])).causes
    cause, = causes.values()
    assert 4 <= len(cause.finding.trace.events) <= 7
    assert (2, 2) == cause.finding.again


class NeverTwo(Lock):
    """No second reader is let in, so that what could be done then cannot be."""

    def read(self, process):
        if self.readers - {process}:
            raise Refused("busy")
        super().read(process)


def test_what_cannot_be_executed_is_not_certified():
    certificate = exhaust(SUBJECT, NeverTwo())
    part, = certificate.parts
    assert part.executed < part.steps
    assert ("violated", False) == (certificate.verdict, certificate.whole)
    assert "steps could not be executed: what differs stands in the way" in certificate_text(certificate, SUBJECT)
    certificate.causes.clear()
    assert "incomplete" == certificate.verdict


def test_nothing_executed_certifies_nothing():
    certificate = exhaust(SUBJECT, Lock())
    assert "incomplete" == replace(certificate, parts=[]).verdict
    assert "incomplete" == replace(certificate, parts=[replace(certificate.parts[0], steps=0, executed=0)]).verdict
    assert "incomplete" == replace(certificate, pairs_had=set()).verdict


class Ends(Lock):
    """It goes for good after some operations."""

    left = 20

    def read(self, process):
        self.left -= 1
        if self.left < 0:
            raise EngineUnreachable("it is gone")
        super().read(process)

    def reset(self):
        if self.left < 0:
            raise EngineUnreachable("it is gone")
        super().reset()


def test_an_engine_that_goes_is_reported_with_what_was_executed():
    certificate = exhaust(SUBJECT, Ends())
    assert ("violated", "it is gone") == (certificate.verdict, certificate.ended)
    assert 0 < certificate.parts[0].executed
    assert ["died"] == [cause.finding.kind for cause in certificate.causes.values()]


def whole(certificate):
    return [(p.sizes, p.universes, p.states, p.steps, p.executed, p.differed) for p in certificate.parts]


@pytest.mark.parametrize("engine", [Lock, Forgetful])
def test_a_run_that_was_ended_is_gone_on_with(tmp_path, engine):
    path, ends, looks = tmp_path / "run", [20, 70], []

    class Slow(engine):
        def observe(self):
            looks.append(1)
            if len(looks) in ends:
                raise KeyboardInterrupt
            return super().observe()

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt) as caught:
            exhaust(SUBJECT, Slow(), resume=path)
        assert 0 < caught.value.so_far.operations < 70
    certificate = exhaust(SUBJECT, Slow(), resume=path)
    at_once = exhaust(SUBJECT, engine())
    assert whole(at_once) == whole(certificate)
    assert (at_once.verdict, at_once.pairs) == (certificate.verdict, certificate.pairs)
    assert [c.finding.signature for c in at_once.causes.values()] == [
        c.finding.signature for c in certificate.causes.values()]
    again = exhaust(SUBJECT, Slow(), resume=path)
    assert (0, certificate.verdict) == (again.operations, again.verdict)
    assert whole(certificate) == whole(again)
    data, before = (certificate_json(c, SUBJECT) for c in (again, certificate))
    for told in ("laws", "violations"):
        assert [f[told] for f in before["findings"]] == [f[told] for f in data["findings"]]


def test_a_budget_ends_it_and_leaves_what_was_done(tmp_path):
    path = tmp_path / "run"
    certificate = exhaust(SUBJECT, Lock(), resume=path, budget=0.000001)
    assert ("incomplete", True) == (certificate.verdict, "the time limit was reached" in certificate.ended)
    assert "certified" == exhaust(SUBJECT, Lock(), resume=path).verdict


@pytest.mark.parametrize(("spoil", "says"), [
    (lambda text: "x" + text, "is no unfinished exhaustive run"), (lambda text: text[:-9] + "x" + text[-8:], "is damaged"),
    (lambda text: "", "is no unfinished exhaustive run"), (lambda text: text[:40], "is no unfinished exhaustive run")])
def test_a_file_that_is_none_is_refused_and_stays(tmp_path, spoil, says):
    path = tmp_path / "run"
    exhaust(SUBJECT, Lock(), resume=path)
    spoilt = spoil(path.read_text())
    path.write_text(spoilt)
    with pytest.raises(WrongRequest, match=says):
        exhaust(SUBJECT, Lock(), resume=path)
    assert spoilt == path.read_text()


def test_a_file_of_another_engine_or_version_is_refused(tmp_path):
    path = tmp_path / "run"
    exhaust(SUBJECT, Lock(), resume=path)
    newer = Lock()
    newer.version = "2"
    for engine, what in ((Forgetful(), "its engine is"), (newer, "its version is")):
        with pytest.raises(WrongRequest, match=what):
            exhaust(SUBJECT, engine, resume=path)


def test_the_engine_in_a_folder_is_certified():
    engine = DirectoryEngine()
    try:
        certificate = exhaust(subject("store"), engine, sizes=[ONE])
    finally:
        engine.close()
    assert ("certified", {}) == (certificate.verdict, certificate.causes)
    assert certificate.parts[0].executed > 1000


def test_the_file_system_in_memory_is_certified():
    sizes = {"Path": 2, "Data": 1, "Time": 2, "Value": 1}
    certificate = exhaust(subject("union"), MemoryEngine(), sizes=[sizes])
    assert ("certified", 3) == (certificate.verdict, certificate.parts[0].universes)


def run(*arguments):
    return CliRunner().invoke(main, ["conform", *arguments])


def test_the_command_prints_a_certificate(tmp_path):
    arguments = (f"{FILE}:Lock", "--machine-file", FILE, "--exhaust")
    text = run(*arguments)
    assert (0, "certified") == (text.exit_code, text.output.splitlines()[-1])
    had, there = re.search(r"of ([\d,]+) ways in which one step can follow another on one object ([\d,]+) were had",
                           " ".join(text.output.split())).groups()
    assert had == there
    data = json.loads(run(*arguments, "--format", "json", "--resume", str(tmp_path / "run")).output)
    assert ("certified", 0) == (data["verdict"], data["parts"][0]["steps"] - data["parts"][0]["executed"])
    wrong = run(f"{FILE}:Forgetful", "--machine-file", FILE, "--exhaust", "--record", str(tmp_path / "trace"))
    assert (1, "violated") == (wrong.exit_code, wrong.output.splitlines()[-1])
    assert re.search(r"\(it differed so \d+ times\)", wrong.output)
    assert 3 == len(json.loads((tmp_path / "trace").read_text())["events"])
    small = json.loads(run(*arguments, "--size", "Process=3", "--format", "json").output)
    assert 3 == small["parts"][0]["sizes"]["Process"]


@pytest.mark.parametrize(("options", "says"), [
    (("--exhaust", "--operations", "5"), "--operations is for random operations, and --exhaust executes every one"),
    (("--exhaust", "--seed", "5"), "--seed is for random operations"),
    (("--size", "Process=2"), "--size goes with --exhaust"), (("--everywhere",), "--everywhere goes with --exhaust"),
    (("--resume", "x"), "--resume goes with --exhaust"), (("--exhaust", "--size", "Lock=2"), "unknown sort")])
def test_options_that_say_nothing_of_such_a_run_are_refused(options, says):
    result = run(f"{FILE}:Lock", "--machine-file", FILE, *options)
    assert (2, True) == (result.exit_code, says in result.output), result.output


def test_what_was_executed_of_another_engine_of_the_same_name_is_not_taken(tmp_path):
    class Wrong(Lock):
        """It calls itself as the right one does."""

        def write(self, process):
            self.writer = process

    path = tmp_path / "run"
    assert "certified" == exhaust(SUBJECT, Lock(), resume=path).verdict
    with pytest.raises(WrongRequest, match="is of another run: its code is other than of this one"):
        exhaust(SUBJECT, Wrong(), resume=path)


def test_what_was_found_is_not_lost_where_it_cannot_be_kept(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()

    class Removes(Forgetful):
        def observe(self):
            if folder.exists():
                folder.rmdir()
            return super().observe()

    with pytest.raises(WrongRequest, match="cannot be written: No such file") as error:
        exhaust(SUBJECT, Removes(), resume=folder / "run")
    assert ["violated", 1] == [error.value.so_far.verdict, len(error.value.so_far.causes)]
