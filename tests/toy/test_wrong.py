"""What is wrong with a machine or an engine of the user's own is said early, in one sentence, with its line."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof import Catalogue, Refused, Subject, WrongRequest, check, conform, explore, prove
from layerproof.cli import main
from layerproof.commands.check import _text
from layerproof.machines.registry import subject_in
from layerproof.mutants.kills import kill_by_exploration
from layerproof.mutants.runs import kill_by_drive
from layerproof.runs.finding import Difference
from toy.lock import LAWS, LOCK, MUTANTS, SUBJECT, Forgetful, Lock

SOURCE = Path(__file__).with_name("lock.py").read_text()
FILE = str(Path(__file__).with_name("lock.py"))


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def refused(*arguments):
    """The one sentence with which a command ends."""
    result = run(*arguments)
    assert 2 == result.exit_code, result.output
    assert 1 == len(result.output.splitlines()), result.output
    return result.output.removeprefix("layerproof: ").strip()


def line_of(text, what):
    return next(n for n, line in enumerate(text.splitlines(), 1) if what in line)


# Machines.

COMMANDS = [("prove",), ("explore",), ("drive",), ("check",), ("laws",), ("rules",), ("mutants",)]


@pytest.mark.parametrize(("text", "says"), [
    ("x = 1\n", "the machine '{0}:SUBJECT': {0} has no 'SUBJECT'"),
    ("SUBJECT = 5\n", "is no Subject (a machine with its laws), but of the type int"),
    ("\nimport nothing_of_the_kind\n", "No module named 'nothing_of_the_kind' (mine.py, line 2)"),
    ("x = (\n", "SyntaxError: '(' was never closed (mine.py, line 1)"),
    ("x = 1\n\nx / 0\n", "ZeroDivisionError: division by zero (mine.py, line 3)"),
    ("import sys\nsys.exit()\n", "cannot be run: SystemExit (mine.py, line 2)"),
    ("raise GeneratorExit\n", "cannot be run: GeneratorExit (mine.py, line 1)"),
])
def test_a_file_that_is_none(tmp_path, text, says):
    path = tmp_path / "mine.py"
    path.write_text(text)
    for command in COMMANDS:
        assert says.format(path) in refused(*command, "--machine-file", str(path))


def test_a_file_that_is_not_there(tmp_path):
    assert f"the machine's file '{tmp_path}/none.py' is not there" == refused(
        "explore", "--machine-file", f"{tmp_path}/none.py")
    (tmp_path / "folder.py").mkdir()
    assert "is no file" in refused("explore", "--machine-file", f"{tmp_path}/folder.py")
    (tmp_path / "lock.txt").write_text(SOURCE)
    assert "none of Python's: its name does not end in .py" in refused("explore", "--machine-file", f"{tmp_path}/lock.txt")
    assert "the machine's module 'nothing_of_it' cannot be imported" in refused("explore", "--machine", "nothing_of_it:X")
    assert "is to be named as" in refused("explore", "--machine", ":SUBJECT")
    assert "name two machines" in refused("explore", "--machine", "store", "--machine-file", FILE)


@pytest.mark.parametrize(("old", "new", "says", "marked"), [
    ("s.writing(process)), \"process has", "s.writting(process)), \"process has",
     "the rule read can't be applied to its parameters: the machine lock has no symbol or trait 'writting'", "writting"),
    ("Not(s.reading(p))}", "Not(s.reding(p))}", "what LOCK-2 concludes cannot be said of a state", "reding"),
    ("lambda s, p: s.writing(p),", "lambda s: s.writing(p),", "the premise of LOCK-2 cannot be said of a state",
     "lambda s: s.writing"),
    ('a.argument("process")', 'a.argument("proces")', "the runs have no parameter 'proces', but process", '"proces"'),
    ("{\"it does not read\": Not(s.reading(p))}", "p", "what LOCK-2 concludes of a state is no mapping", None),
    ("Not(t.named(p, PROCESS))", "p", "LOCK-3 says of the rule read what is no condition (the premise)", None),
    ('"LOCK-2", "Safety"', '"LOCK-1", "Safety"', "a catalogue has two laws named 'LOCK-1'", "LAWS = "),
    ('refusals=("*",)', 'rules=("lock",)', "LOCK-4 speaks of the rule 'lock', which the machine lock does not have", None),
    ('"strict": {"upgrades"', '"strict": {"upgrade"', "the dialect strict of the machine lock names an unknown trait "
     "upgrade", "SUBJECT = "),
    ('"strict": {"upgrades": False}', '"strict": {}', "says nothing of the trait upgrades", "SUBJECT = "),
    ('    "lock", (PROCESS,)', '    "store", (PROCESS,)', "is called 'store', which is the name of another", None),
    ('"reading": lambda p: BoolVal(False), ', "", "the initial condition of the machine lock says nothing of reading",
     "LOCK = "),
    ('("release",), "releasing ends', '("relase",), "releasing ends', "the mutant releases-all cannot be made: Unknown: "
     "the machine lock has no rule 'relase', but read, write, release", None),
    ('without("busy")', 'without("bussy")', "the mutant reads-beside-a-writer cannot be made: Unknown: the rule has no "
     "refusal 'bussy', but held, busy", None),
    ('half_happens("busy", "writing")', 'half_happens("bussy", "writing")', "the rule has no refusal 'bussy'", None),
    ('forgets("writing")', 'forgets("wriiting")', "the rule has no update of 'wriiting', but writing, reading", None),
    ('    yield refuses("not-held"', '    refuses("not-held"', "the rule release can't be applied to its parameters: it "
     "makes refuses('not-held', …) and does not yield it", "LOCK = "),
    ('half_happens("busy", "writing")', 'half_happens("busy", "writting")', "the mutant takes-though-refused cannot be "
     "made: Unknown: the rule has no update of 'writting', but writing, reading", None),
    ('"reads-beside-a-writer"', '"releases-all"', "two mutants named 'releases-all'", None),
    ('reading", "LOCK-3"', 'reading", "LOCK-33"', "breaks 'LOCK-33', which is no law of its", None),
])
def test_a_machine_that_says_what_it_cannot(tmp_path, old, new, says, marked):
    assert 1 == SOURCE.count(old)
    text = SOURCE.replace(old, new)
    path = tmp_path / "mine.py"
    path.write_text(text)
    sentence = refused("explore", "--machine-file", str(path))
    assert says in sentence
    if marked is not None:
        assert f"(mine.py, line {line_of(text, marked)})" in sentence


COUNTER = '''
from z3 import BoolVal, IntVal
from layermodel import BOOL, CHANGES, INT, Clauses, Machine, Sort, State, Symbol, rule, updates
from layerproof import Catalogue, Subject, state_law

@rule(CHANGES, then="the counter is one more", source="none")
def up(s: State) -> Clauses:
    yield updates({"count": lambda: s.count + 1})

PLACE = Sort("Place")
COUNTER = Machine("counter", (PLACE,), (
    Symbol("count", (), INT, "how many"), Symbol("near", (PLACE, PLACE), BOOL, "they are near", rigid=True)),
    (), (), {"count": lambda: IntVal(0)}, (up,))
SUBJECT = Subject(COUNTER, Catalogue((state_law(
    "C-1", "Counting", "It is never negative.", (), lambda s: BoolVal(True), lambda s: {"it is not": s.count >= 0},
    ("none",)),)))
'''


@pytest.fixture
def counter(tmp_path):
    path = tmp_path / "counter.py"
    path.write_text(COUNTER)
    return str(path)


def test_a_machine_with_more_universes_than_can_be_looked_through(counter):
    assert ("the machine counter has 33,554,432 choices of rigid values at these sizes, more than 1,000,000: take "
            "smaller ones, or say which there are (Finite.universes)") == refused(
                "explore", "--machine-file", counter, "--size", "Place=5")


def test_a_machine_that_has_no_end_is_explored_to_an_end_and_said_not_to_be(counter):
    result = run("explore", "--machine-file", counter, "--size", "Place=1", "--states", "500")
    assert 1 == result.exit_code
    first, second, third, *more, last = result.output.splitlines()
    assert "some universes of Place=1: 1" == first
    assert "500 states, 500 steps, depth 499" == second
    assert third.startswith("NOT ALL OF IT: the search ended after 500 states")
    assert "it says nothing" in " ".join(more)
    assert "every law held in every state and step that was visited; verdict: incomplete" == last
    found = explore(subject_in(counter), {"Place": 1}, most=500)
    assert (True, False, "incomplete", 500) == (found.cut, found.complete, found.verdict, found.states)


def test_check_is_incomplete_where_an_exploration_is():
    result = check([SUBJECT])
    assert "held" == result.verdict
    assert "NOT ALL OF IT" not in _text(result)
    result.machines[0].explorations[0].cut = True
    assert "incomplete" == result.verdict
    assert "NOT ALL OF IT: more states can be reached than are visited" in " ".join(_text(result).split())


def test_exactly_as_many_states_as_may_be_visited_are_all():
    states = explore(SUBJECT).states
    assert (states, False, "held") == ((found := explore(SUBJECT, most=states)).states, found.cut, found.verdict)
    assert explore(SUBJECT, most=states - 1).cut


def test_mutants_of_a_machine_that_has_none(counter):
    assert "the machine counter has no mutants to kill" == refused("mutants", "--machine-file", counter)


def test_a_machine_with_traits_and_no_dialect_can_be_proved_only():
    bare = Subject(LOCK, LAWS)
    for reading in (explore, lambda one: check([one]), lambda one: conform(one, NoDialect(), operations=10),
                    lambda one: kill_by_exploration(one, MUTANTS[0]), lambda one: kill_by_drive(one, MUTANTS[0])):
        with pytest.raises(WrongRequest, match="has traits and no dialect that says which of them hold"):
            reading(bare)
    assert prove(bare).holds


def test_a_machine_without_laws_is_not_said_to_keep_them(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE.replace("SUBJECT = Subject(LOCK, LAWS,", "SUBJECT = Subject(LOCK, Catalogue(()),").replace(
        "mutants=lambda: MUTANTS,", ""))
    result = run("explore", "--machine-file", str(path))
    assert (0, "no law was put to the test") == (result.exit_code, result.output.splitlines()[-1])
    assert "nothing to prove" in refused("prove", "--machine-file", str(path))


def test_an_engine_that_is_none_of_the_machine_is_told_what_it_lacks():
    assert ("the engine lock has no attribute 'capabilities'; no machine was named, so store was meant (--machine or "
            "--machine-file names another)") == refused("conform", f"{FILE}:Lock")


@pytest.mark.parametrize(("old", "new"), [
    ("s.writing(p), p != q)", "s.writing(p))"),  # broken wherever somebody writes
    ("lambda t, p: Not(t.named(p, PROCESS))", "lambda t, p: BoolVal(True)"),
    ("lambda a: Not(a.start.reading", "lambda a: BoolVal(True) if a else Not(a.start.reading"),
])
def test_check_says_which_law_is_broken(tmp_path, old, new):
    """In text and as data, though what was found comes from other processes."""
    assert 1 == SOURCE.count(old)
    path = tmp_path / "mine.py"
    path.write_text(SOURCE.replace(old, new))
    result = run("check", "--machine-file", str(path))
    assert (1, True) == (result.exit_code, "violated" in result.output)
    data = json.loads(run("check", "--machine-file", str(path), "--format", "json").stdout)
    assert [("broken", "broken")] == [(law["explore"], law["drive"]) for law in data["laws"] if law["prove"]["refuted"]]


# Engines.


class NoDialect(Lock):
    dialect = None


class NoVersion(Lock):
    version = None


class NoReset:
    name, version = "short", "1"

    def observe(self):
        return {}


class Steals(Lock):
    capabilities = frozenset({"read", "steal"})


class CannotWrite(Lock):
    capabilities = frozenset({"read", "write"})
    write = None


class Idle(Lock):
    capabilities = frozenset()


class TakesOther(Lock):
    def read(self, who):
        raise AssertionError


class NotMade(Lock):
    def __init__(self):
        raise OSError("the lock server is away")


class Needs(Lock):
    def __init__(self, server):
        raise AssertionError


class NotEmptied(Lock):
    def reset(self):
        raise OSError("the lock server is away")


class ShowsNothing(Lock):
    def observe(self):
        return None


class ShowsOwner(Lock):
    def observe(self):
        return {"owner": 1}


class ShowsSets(Lock):
    def observe(self):
        return {"reading": {1}}


class ShowsOthers(Lock):
    def observe(self):
        return {"reading": {7: True}}


class Speaks(Lock):
    dialect = "loose"


def test_an_engine_of_the_command_line_names_the_file_and_the_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("class Away:\n    def __init__(self):\n        raise OSError('the lock server is away')\n")
    assert f"the engine '{path}:Away' cannot be made: OSError: the lock server is away (mine.py, line 3)" == refused(
        "conform", f"{path}:Away", "--machine-file", FILE)
    assert "has no 'Lock'" in refused("conform", f"{path}:Lock", "--machine-file", FILE)
    assert "is not there" in refused("conform", f"{tmp_path}/none.py:Lock", "--machine-file", FILE)


@pytest.mark.parametrize(("engine", "says"), [
    (NoVersion, "the engine lock has no attribute 'version' that is a string"),
    (NoReset, "the engine short has no method 'reset'"),
    (Steals, "says that it can do 'steal', which is no operation of the machine lock; known: read, write, release"),
    (CannotWrite, "says that it can do 'write', and has no method 'write'"),
    (Idle, "says that it can do none of the operations"),
    (TakesOther, "is to take read as read(process=…), and takes (who)"),
    (NotMade, "NotMade' cannot be made: OSError: the lock server is away (test_wrong.py, line "),
    (Needs, "Needs' cannot be made: TypeError: "),
    (NotEmptied, "cannot be emptied, or does not say what it shows: OSError: the lock server is away (test_wrong.py"),
    (ShowsNothing, "shows None, which is no mapping from symbols to values"),
    (ShowsOwner, "shows 'owner', which is no symbol of the state"),
    (ShowsSets, "shows {1} as reading, which is no mapping from objects to values"),
    (ShowsOthers, "shows reading of 7, which is no object: of the sort Process there are 0 to 2"),
    (Speaks, "unknown dialect 'loose'; known: strict, upgrading"),
])
def test_an_engine_that_is_none_is_refused_before_anything_is_done(engine, says):
    assert says in refused("conform", f"{__file__}:{engine.__name__}", "--machine-file", FILE, "--operations", "100")


class Raises(Lock):
    name = "raises"

    def release(self, process):
        if process in self.readers and len(self.readers) > 1:
            raise KeyError("nobody")
        super().release(process)


def test_an_exception_in_the_middle_is_a_finding_of_the_fewest_operations():
    result = run("conform", f"{__file__}:Raises", "--machine-file", FILE, "--operations", "300")
    assert 1 == result.exit_code
    line = line_of(Path(__file__).read_text(), 'raise KeyError("nobody")')
    assert (f"the last one: expected done, observed raised KeyError ('nobody' (test_wrong.py, line {line}))"
            in " ".join(result.output.split()))
    finding, = conform(SUBJECT, Raises(), operations=300).findings
    assert ["read", "read", "release"] == [e.rule for e in finding.trace.events]
    assert (Difference("answer", "done", "raised KeyError"),) == finding.differences


class RaisesWhenLookedAt(Lock):
    def observe(self):
        return 1 / 0 if self.writer is not None else super().observe()


def test_what_raises_when_it_is_looked_at_is_a_finding_too():
    finding, = conform(SUBJECT, RaisesWhenLookedAt(), operations=300).findings
    assert (["write"], "raised ZeroDivisionError") == ([e.rule for e in finding.trace.events], finding.observed)


class Leaving(BaseException):
    """One that is no Exception, of the user's own."""


class Leaves(Lock):
    """It would end the run, and with it the command, as if all had held."""

    name, how = "leaves", SystemExit

    def write(self, process):
        raise self.how(0)


class LeavesWhenLookedAt(Lock):
    def observe(self):
        if self.writer is not None:
            raise SystemExit(0)
        return super().observe()


class LeavesAtFirst(Lock):
    def reset(self):
        raise SystemExit(0)


class LeavesBefore(Lock):
    def __init__(self):
        raise SystemExit(0)


class LeavesWhenAsked(Lock):
    @property
    def capabilities(self):
        raise SystemExit(0)


@pytest.mark.parametrize("how", [SystemExit, GeneratorExit, Leaving])
def test_what_an_engine_leaves_by_is_a_finding_like_any_exception(how):
    engine = Leaves()
    engine.how = how
    finding, = conform(SUBJECT, engine, operations=300, most=1).findings
    assert ["write"] == [e.rule for e in finding.trace.events]
    assert (f"raised {how.__name__}", (Difference("answer", "done", f"raised {how.__name__}"),)) == (
        finding.observed, finding.differences)
    looked, = conform(SUBJECT, LeavesWhenLookedAt(), operations=300, most=1).findings
    assert (["write"], "raised SystemExit") == ([e.rule for e in looked.trace.events], looked.observed)


def test_an_engine_that_leaves_does_not_end_the_command():
    result = run("conform", f"{__file__}:Leaves", "--machine-file", FILE, "--operations", "300")
    assert 1 == result.exit_code
    assert "observed raised SystemExit (0 (test_wrong.py, line" in " ".join(result.output.split())
    for engine, says in ((LeavesAtFirst, "cannot be emptied, or does not say what it shows: SystemExit: 0 (test_wrong.py"),
                         (LeavesBefore, "LeavesBefore' cannot be made: SystemExit: 0 (test_wrong.py, line"),
                         (LeavesWhenAsked, "cannot be asked what it has: SystemExit: 0 (test_wrong.py, line")):
        assert says in refused("conform", f"{__file__}:{engine.__name__}", "--machine-file", FILE)


def test_who_interrupts_a_run_ends_it():
    engine = Leaves()
    engine.how = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        conform(SUBJECT, engine, operations=300)


class CannotBeClosed(Lock):
    def close(self):
        raise OSError("the lock server is away")


class LeavesAtTheEnd(Forgetful):
    def close(self):
        raise SystemExit(0)


class NeitherNor(LeavesAtFirst):
    def close(self):
        raise OSError("the lock server is away")


def test_an_engine_that_cannot_be_closed_hides_nothing_of_what_was_found(tmp_path):
    result = run("conform", f"{__file__}:CannotBeClosed", "--machine-file", FILE, "--operations", "300")
    *_, verdict, last = result.output.splitlines()
    assert (2, "0 findings, 0 known deviations: held") == (result.exit_code, verdict)
    assert "layerproof: the engine lock cannot be closed: OSError: the lock server is away (test_wrong.py, line" in last
    record = tmp_path / "trace.json"
    result = run("conform", f"{__file__}:LeavesAtTheEnd", "--machine-file", FILE, "--operations", "300", "--record",
                 str(record))
    *_, verdict, last = result.output.splitlines()
    assert (1, "1 finding, 0 known deviations: violated") == (result.exit_code, verdict)
    assert "layerproof: the engine forgetful cannot be closed: SystemExit: 0 (test_wrong.py, line" in last
    for engine, status in (("CannotBeClosed", 2), ("LeavesAtTheEnd", 1)):
        result = run("replay", str(record), "--on", f"{__file__}:{engine}", "--machine-file", FILE)
        assert (status, True) == (result.exit_code, "cannot be closed: " in result.output.splitlines()[-1])
    result = run("conform", f"{__file__}:NeitherNor", "--machine-file", FILE)
    assert 2 == result.exit_code
    assert ["cannot be closed: OSError", "cannot be emptied"] == [
        said for line, said in zip(result.output.splitlines(), ("cannot be closed: OSError", "cannot be emptied"), strict=True)
        if said in line]


@pytest.mark.parametrize(("attribute", "value", "says"), [
    ("version", 5, "has no attribute 'version' that is a string, but 5"),
    ("dialect", ["strict"], "has no attribute 'dialect' that is a string, but ['strict']"),
    ("options", 5, "has 5 as 'options', which is no set of strings"),
    ("capabilities", "read", "has 'read' as 'capabilities', which is no set of strings"),
])
def test_attributes_of_an_engine_are_looked_at(attribute, value, says):
    engine = Lock()
    setattr(engine, attribute, value)
    with pytest.raises(WrongRequest) as error:
        conform(SUBJECT, engine, operations=10)
    assert f"the engine lock {says}" == str(error.value)


class OwnWords(Lock):
    def write(self, process):
        if self.writer is not None and self.writer != process:
            raise Refused("too-busy", "try later")
        super().write(process)


def test_a_refusal_of_an_unknown_name_is_a_difference():
    finding, = conform(SUBJECT, OwnWords(), operations=600).findings
    assert ("busy", "too-busy", "try later") == (finding.expected, finding.observed, finding.detail)
    assert ["write", "write"] == [e.rule for e in finding.trace.events]


class Confused(Forgetful):
    """Wrong soon, and later it shows what nobody can have."""

    name = "confused"

    def __init__(self):
        self.asked = 0

    def observe(self):
        self.asked += 1
        return {"reading": {0: "perhaps"}} if self.asked > 1500 else super().observe()


def test_what_was_found_before_an_engine_showed_nonsense_is_not_lost(tmp_path):
    record = tmp_path / "trace.json"
    result = run("conform", f"{__file__}:Confused", "--machine-file", FILE, "--operations", "5000", "--record",
                 str(record))
    assert 1 == result.exit_code
    assert "FINDING: confused 1.0 breaks\n  LOCK-3" in result.output
    assert "FINDING: confused 1.0 answered what cannot be understood" in result.output
    assert "shows 'perhaps' as reading, which is no Bool" in " ".join(result.output.split())
    assert "the run ended early: " in result.output
    assert record.exists()


class ShowsAWish(Lock):
    def observe(self):
        return {"writing": {0: "perhaps"}} if self.writer is not None else super().observe()


def test_what_nobody_can_read_is_a_finding_of_the_fewest_operations():
    finding, = conform(SUBJECT, ShowsAWish(), operations=300, most=1).findings
    assert (["write"], "unintelligible answer") == ([e.rule for e in finding.trace.events], finding.kind)
    assert "the engine lock shows 'perhaps' as writing, which is no Bool" == finding.detail


@pytest.mark.parametrize("ends", [KeyboardInterrupt, WrongRequest])
def test_what_was_found_before_the_run_was_ended_goes_with_what_ended_it(ends):
    engine, told = Forgetful(), []

    def end(finding):
        told.append(finding)
        raise ends("enough")

    with pytest.raises(ends) as error:
        conform(SUBJECT, engine, operations=5000, found=end)
    so_far = error.value.so_far
    assert (told, ["release"], "enough") == (so_far.findings, [f.rule for f in so_far.findings], so_far.ended)
    assert so_far.not_done > 0


def test_an_error_of_ours_is_pickled_without_what_it_carries():
    error = WrongRequest("enough")
    error.so_far = conform(SUBJECT, Forgetful(), operations=300, most=1)
    sent = pickle.loads(pickle.dumps(error))
    assert (WrongRequest, "enough", None) == (type(sent), str(sent), sent.so_far)


def test_what_cannot_be_done_is_said_to_be_not_applicable():
    class Reader(Lock):
        write = None

    result = conform(SUBJECT, Reader(), operations=200)
    assert (["write"], []) == (result.not_applicable, result.findings)


def test_laws_of_another_machine_are_refused_in_python_too():
    other = replace(SUBJECT, catalogue=Catalogue((replace(LAWS.laws[3], rules=("fly",)),)))
    with pytest.raises(WrongRequest, match="speaks of the rule 'fly'"):
        prove(other)
