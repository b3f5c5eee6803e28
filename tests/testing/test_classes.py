"""Tests of an engine in pytest, as a user runs them: a process of its own, and the plugin found as an installed one."""

import os
import re
import tomllib
from pathlib import Path

import pytest

import layermodel
import layerproof
import layerproof.testing

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "engines.md").read_text()
HEAD = """
import pytest
from layerproof.testing import EngineTests
from readings.test_known import FORGETS
from toy.lock import SUBJECT, Forgetful, Lock

def engine_of(make):
    @pytest.fixture(scope="module")
    def engine():
        return make()
    return engine

"""
LAWS, RULES = 5, 3
ALL = 2 + LAWS + RULES


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a module of tests where layerproof is installed."""
    installed = pytester.mkdir("installed") / "layerproof_here-0.dist-info"
    installed.mkdir()
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: layerproof-here\nVersion: 0\n")
    (installed / "entry_points.txt").write_text("".join(["[pytest11]\n", *(f"{n} = {w}\n" for n, w in points.items())]))
    folders = [installed.parent, ROOT / "tests", *(Path(p.__file__).parents[1] for p in (layermodel, layerproof))]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, folders)))
    monkeypatch.setenv("COLUMNS", "160")

    def with_options(text, *options, head=HEAD):
        pytester.makepyfile(test_engine=head + text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", "-rA", *options)

    return with_options


def lock(keywords="operations=300", make="Lock"):
    return f"engine = engine_of({make})\n\nclass TestIt(EngineTests, machine=SUBJECT, {keywords}):\n    pass\n"


def failed(result):
    """What is said of each test that did not pass, by its name."""
    found = re.findall(r"^(FAILED|ERROR|XFAIL) \S+?::(\w+\[.*?\])(?: - (.*))?$", result.stdout.str(), re.MULTILINE)
    return {name: (kind, says) for kind, name, says in found}


# What holds.


def test_the_example_on_the_page_is_a_right_engine(run):
    store = layerproof.machine("store")
    example = re.search(r"<!-- file: test_engine.py -->\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
    result = run(example, "-q", head="")
    result.assert_outcomes(passed=2 + len(store.machine.rules) + len(store.catalogue.laws))
    assert 0 == result.ret
    for name in ("test_rule[remove-by-tag]", "test_law[DEP-1]", "test_run[complete]"):
        assert f"PASSED test_engine.py::TestMyEngine::{name}\n" in result.stdout.str()


def test_a_right_engine_of_a_machine_of_ones_own(run):
    result = run(lock(), "-p", "no:xdist")
    result.assert_outcomes(passed=ALL)
    assert 0 == result.ret


def test_a_machine_by_the_name_of_its_module(run):
    run(lock().replace("SUBJECT", "'toy.lock:SUBJECT'")).assert_outcomes(passed=ALL)


def test_every_step_of_few_objects(run):
    run(lock("exhaust=True")).assert_outcomes(passed=ALL)


def test_every_step_with_sizes(run):
    result = run("""
class One(Lock):
    def observe(self):
        return {symbol: {0: values[0]} for symbol, values in super().observe().items()}

""" + lock("exhaust=True, sizes={'Process': 1}", "One"))
    result.assert_outcomes(passed=ALL)


def test_a_union_file_system(run):
    result = run("""
from layerproof.engines.memory.engine import MemoryEngine
engine = engine_of(MemoryEngine)

class TestIt(EngineTests, machine="union", operations=100):
    pass
""", "-k", "unlink or [COW-5] or test_run")
    assert (0, 4) == (result.ret, result.parseoutcomes()["passed"])


# What does not.

FORGETS_ALL = """violated: LOCK-3: An operation of one process takes nothing from another.

FINDING: forgetful 1.0 breaks
  LOCK-3: An operation of one process takes nothing from another.
operations:
  1. read process=process-0
  2. read process=process-1
  3. release process=process-0
the last one: expected done, observed done
  reading of process-1: expected true, observed false
"""


@pytest.mark.parametrize("how", ["operations=300", "exhaust=True"])
def test_a_broken_law_shows_its_run_and_nothing_of_ours(run, how):
    result = run(lock(how, "Forgetful"))
    result.assert_outcomes(passed=ALL - 3, failed=2, errors=1)
    assert 1 == result.ret
    assert FORGETS_ALL in result.stdout.str()
    assert "classes.py" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert {"test_law[LOCK-3]": "violated: LOCK-3: An operation of one process takes nothing from another.",
            "test_rule[release]": "departs from the rule: release",
            "test_law[LOCK-5]": "not known: it follows from release, which the engine does not follow",
            } == {name: says.removeprefix("Failed: ") for name, (_, says) in failed(result).items()}


def test_a_wrong_store_engine(run):
    result = run("""
from layerproof import DirectoryEngine

class Loses(DirectoryEngine):
    def stop(self, container):
        super().stop(container)
        self.write(container, {})

engine = engine_of(Loses)

class TestIt(EngineTests, operations=300):
    pass
""", "-k", "[RO-5] or [stop] or [tag]")
    result.assert_outcomes(passed=1, failed=2, deselected=result.parseoutcomes()["deselected"])
    assert {"test_rule[stop]", "test_law[RO-5]"} == failed(result).keys()
    result.stdout.fnmatch_lines(["violated: RO-5: *", "FINDING: directory * breaks", "  *. stop *"])


def test_what_an_engine_cannot_do_is_skipped(run):
    result = run("class Reader(Lock):\n    write = None\n\n" + lock(make="Reader"))
    assert 0 == result.ret
    result.assert_outcomes(passed=ALL - 2, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*not applicable: the engine cannot express write",
                                 "SKIPPED*not applicable: it follows from write: the engine cannot express write"])


def test_an_exception_is_a_finding(run):
    result = run("class Raises(Lock):\n    def release(self, process):\n        raise KeyError('nobody')\n\n"
                 + lock(make="Raises"))
    assert 1 == result.ret
    assert ("FAILED", "Failed: raised: release") == failed(result)["test_rule[release]"]
    result.stdout.fnmatch_lines(["*raised KeyError ('nobody' (test_engine.py, line *"])
    assert "Traceback" not in result.stdout.str()


KEEPS = """
class Keeps(Lock):
    def reset(self):
        if not hasattr(self, "readers"):
            super().reset()

"""
FULL = """
class Full(Lock):
    resets = 0

    def reset(self):
        self.resets += 1
        if self.resets > 3:
            raise OSError("full")
        super().reset()

"""


@pytest.mark.parametrize(("text", "make", "says"), [
    (KEEPS, "Keeps", "does not begin empty"), (FULL, "Full", "raised")])
def test_an_engine_that_is_not_emptied_holds_nothing(run, text, make, says):
    result = run(text + lock(make=make))
    result.assert_outcomes(failed=1, errors=ALL - 1)
    assert ("FAILED", f"Failed: {says}: begins-empty") == failed(result)["test_run[begins-empty]"]


DIES = """
from layerproof import EngineUnreachable

class Dies(Lock):
    left = 60

    def release(self, process):
        self.left -= 1
        if self.left < 0:
            raise EngineUnreachable("it is gone")
        super().release(process)

    def reset(self):
        if self.left < 0:
            raise EngineUnreachable("it is gone")
        super().reset()

"""


def test_what_an_engine_was_not_asked_before_it_died_did_not_pass(run):
    result = run(DIES + lock(make="Dies"))
    result.assert_outcomes(failed=1, errors=ALL - 1)
    found = failed(result)
    assert ("FAILED", "Failed: died: release") == found["test_rule[release]"]
    assert re.search("incomplete: [0-9]+ operations not done: .*it is gone", found["test_run[complete]"][1])


def test_an_engine_that_cannot_be_judged_makes_every_test_an_error(run):
    result = run("class Blind(Lock):\n    observe = None\n\n" + lock(make="Blind"))
    result.assert_outcomes(errors=ALL)
    assert {("ERROR", "Failed: the engine cannot be judged: the engine lock has no method 'observe'")} == set(
        failed(result).values())


def test_a_fixture_that_fails_is_an_error_as_always(run):
    result = run(lock(make="lambda: 1 / 0"))
    result.assert_outcomes(errors=ALL)
    result.stdout.fnmatch_lines(["E   ZeroDivisionError: division by zero"])


def test_a_fixture_of_one_test_is_refused(run):
    result = run(lock().replace("engine_of(Lock)", "pytest.fixture(lambda: Lock())"))
    result.assert_outcomes(errors=ALL)
    result.stdout.fnmatch_lines(["ScopeMismatch: *function scoped fixture engine*"])


def test_what_is_known_is_expected_unless_it_is_strict(run):
    known = lock("operations=300, deviations=[FORGETS]", "Forgetful")
    result = run(known)
    assert 0 == result.ret
    result.assert_outcomes(passed=ALL - 3, xfailed=3)
    assert ("XFAIL", "known deviation forgets: Who releases releases all. (measured)") == failed(result)["test_law[LOCK-3]"]
    for text, options in ((known, ["--layerproof-strict"]), (known.replace("300", "300, strict=True"), [])):
        run(text, *options).assert_outcomes(passed=ALL - 3, failed=2, errors=1)


@pytest.mark.parametrize("options", [["--layerproof-budget", "0.000001"], []])
def test_what_ended_early_did_not_pass(run, options):
    result = run(lock("operations=300" if options else "operations=300, budget=0.000001"), *options)
    result.assert_outcomes(errors=ALL)
    found = failed(result)
    assert ("ERROR", "Failed: incomplete: 300 operations not done") == found["test_run[complete]"]
    assert "never reached: read; read refused held; read refused busy (300 operations not done)" in found["test_rule[read]"][1]


# It is judged once.

COUNTS = """
from layerproof.testing import asked
real = asked.conform

def counting(subject, engine, **options):
    with open("judged", "a") as file:
        print(engine.name, options["operations"], options["seed"], file=file)
    return real(subject, engine, **options)

asked.conform = counting
"""
TWO = """
@pytest.fixture(scope="module", params=[Lock, Forgetful], ids=["right", "wrong"])
def engine(request):
    return request.param()

class TestIt(EngineTests, machine=SUBJECT, operations=300):
    pass
"""


@pytest.mark.parametrize(("options", "judged"), [
    ([], ["lock 300 0", "forgetful 300 0"]), (["-k", "wrong and LOCK-3"], ["forgetful 300 0"]),
    (["-k", "right", "--layerproof-seed", "7", "--layerproof-operations", "200"], ["lock 200 7"])])
def test_an_engine_is_judged_once_whichever_tests_are_selected(run, pytester, options, judged):
    pytester.makeconftest(COUNTS)
    result = run(TWO, *options)
    assert judged == (pytester.path / "judged").read_text().splitlines()
    assert (1 if "forgetful" in judged[-1] else 0) == result.ret


def test_one_is_selected_by_its_name(run):
    run(lock(), "-k", "[LOCK-1]").assert_outcomes(passed=1, deselected=ALL - 1)
    run(lock(), "-k", "read").assert_outcomes(passed=1, deselected=ALL - 1)
    assert pytest.ExitCode.NO_TESTS_COLLECTED == run(lock(), "-k", "LOCK-9").ret


def test_a_class_has_what_the_class_above_has(run, pytester):
    pytester.makeconftest(COUNTS)
    run(lock() + "\nclass TestOther(TestIt, seed=5):\n    pass\n").assert_outcomes(passed=2 * ALL)
    assert ["lock 300 0", "lock 300 5"] == (pytester.path / "judged").read_text().splitlines()


# What would check nothing, or is misspelled.


@pytest.mark.parametrize(("keywords", "says"), [
    ("operations=0", "a run of no operations would check nothing"),
    ("exhaust=True, seed=1", "operations and seed are for random operations; exhaust=True executes every one"),
    ("sizes={'Process': 1}", "sizes go with exhaust=True"),
    ("exhaust=True, sizes={'Reader': 1}", "unknown sort 'Reader' in --size; known: Process"),
    ("dialect='stirct'", "unknown dialect 'stirct'; known: strict, upgrading"),
    ("traits={'upgrade': True}", "unknown trait 'upgrade'; known: upgrades"),
    ("budget=0", "the budget is a number of seconds above 0, not 0"),
])
def test_what_cannot_be_asked_is_said_when_tests_are_collected(run, keywords, says):
    result = run(lock(keywords))
    assert (pytest.ExitCode.INTERRUPTED, {"errors": 1}) == (result.ret, result.parseoutcomes())
    result.stdout.fnmatch_lines_random([says])


@pytest.mark.parametrize(("machine", "says"), [
    ("'shop'", "unknown machine 'shop'; known: *"), ("3", "the machine 3 is neither a name nor a Subject"),
    ("SUBJECT.of(SUBJECT.machine, Catalogue(()))", "the machine lock has no laws, so nothing would be judged by them"),
])
def test_there_is_something_to_judge_by(run, machine, says):
    result = run("from layerproof import Catalogue\n" + lock().replace("SUBJECT", machine))
    assert (pytest.ExitCode.INTERRUPTED, {"errors": 1}) == (result.ret, result.parseoutcomes())
    result.stdout.fnmatch_lines([says])


def test_no_operations_are_said_for_one_run_either(run):
    result = run(lock(), "--layerproof-operations", "0")
    assert pytest.ExitCode.INTERRUPTED == result.ret
    result.stdout.fnmatch_lines(["a run of no operations would check nothing"])


def test_what_is_misspelled_is_named(run):
    result = run(lock("operatoins=3"))
    assert pytest.ExitCode.INTERRUPTED == result.ret
    result.stdout.fnmatch_lines(["E *unexpected keyword argument 'operatoins'"])


# Where it is not used.


def test_nothing_is_imported_where_it_is_not_used(run):
    result = run("""
import sys

def test_other():
    assert "layerproof.testing.plugin" in sys.modules
    assert [] == [name for name in sys.modules if name.startswith(("z3", "layermodel", "layerproof"))
                  and name not in ("layerproof", "layerproof.testing", "layerproof.testing.plugin")]
""", head="")
    result.assert_outcomes(passed=1)


def test_the_options_are_in_the_help(run):
    run("", "--help", head="").stdout.fnmatch_lines(["judging engines by layerproof:", "*--layerproof-operations=N*"])


def test_nothing_passes_without_the_plugin(run):
    result = run(lock(), "-p", "no:layerproof")
    result.assert_outcomes(errors=ALL)
    result.stdout.fnmatch_lines(["E * fixture 'layerproof_judged' not found"])


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        layerproof.testing.nothing  # noqa: B018  (asking for it is what is tested)
