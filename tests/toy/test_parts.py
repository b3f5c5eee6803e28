"""What a part of a machine says that does not fit the machine, and what its functions raise, is said in one sentence."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof import Drivable, Finite, Judged, Plan, Shown, WrongRequest, check, conform, drive, explore, prove
from layerproof.cli import main
from layerproof.fitting import _PARTS, Guarded
from layerproof.subject import _KINDS, Explored, Small, Subject
from toy.lock import SUBJECT, Lock

SOURCE = Path(__file__).with_name("lock.py").read_text()
HEAD = """
from dataclasses import replace
from layerproof import *
from layerproof.subject import Explored, Small
def fails(*given):
    return 1 / 0
def leaves(*given):
    raise SystemExit(0)
"""


def refused(tmp_path, command, changed):
    """The one sentence with which a command about a changed machine ends."""
    path = tmp_path / "mine.py"
    path.write_text(f"{SOURCE}\n{HEAD}\nSUBJECT = replace(SUBJECT, {changed})\n")
    result = CliRunner().invoke(main, [*command.split(), "--machine-file", str(path)])
    assert 2 == result.exit_code, result.output
    assert 1 == len(result.output.splitlines()), result.output
    return result.output


def test_every_attribute_of_every_part_is_looked_at():
    for name, kind in {**_KINDS, "Subject": Subject}.items():
        whole = {"machine", "catalogue", "dialects"} if kind is Subject else set()
        assert kind.__dataclass_fields__.keys() - whole == _PARTS[name].keys(), name


NAMES = [
    ("dialects={'strict': {'upgrades': 'no'}}", "the dialect strict of the machine lock says 'no' of the trait upgrades, "
     "which is neither True nor False"),
    ("dialects={'strict': True}", "is to be a mapping from traits to True or False, not True"),
    ("dialects=5", "Subject.dialects is to be a Mapping, not 5"),
    ("catalogue=(5,)", "Subject.catalogue is to be a Catalogue, not (5,)"),
    ("finite=None", "Subject.finite of the machine lock is to be of the type Finite, not None"),
    ("finite=Finite(sizes={'Proces': 3})", "Finite.sizes of the machine lock names the sort 'Proces', which it does not have; "
     "known: Process"),
    ("finite=Finite(sizes={'Process': 0})", "says 0 of the sort Process, which is no whole number from 1"),
    ("finite=Finite(sizes={'Process': True})", "says True of the sort Process"),
    ("finite=Finite(sizes=3)", "Finite.sizes of the machine lock is to be a mapping from sorts to numbers, not 3"),
    ("finite=Finite(mutated={'Proces': 3})", "Finite.mutated of the machine lock names the sort 'Proces'"),
    ("finite=Finite(fresh={'Proces'})", "Finite.fresh of the machine lock names the sort 'Proces'"),
    ("finite=Finite(fresh='Process')", "is to be a set of names, not 'Process'"),
    ("finite=Finite(large={'LOCK-9'})", "Finite.large of the machine lock names the law 'LOCK-9', which it does not have; "
     "known: LOCK-1, LOCK-2"),
    ("finite=Finite(ties={'no'})", "names the relation or function from one object to another 'no', which it does not have"),
    ("finite=Finite(empties='no')", "Finite.empties of the machine lock is to be True or False, not 'no'"),
    ("finite=Finite(universes=5)", "Finite.universes of the machine lock is to be a function, not 5"),
    ("plan=Plan(explored=(Explored({'Process': 1}, ('strct',)),))", "Explored.dialects of the machine lock names the dialect "
     "'strct', which it does not have; known: strict, upgrading"),
    ("plan=Plan(explored=(Explored({'Proces': 1}, ('strict',)),))", "Explored.sizes of the machine lock names the sort 'Proces'"),
    ("plan=Plan(explored=(Explored({}, ()),))", "Explored.dialects of the machine lock is to be a tuple of the names of dialects"),
    ("plan=Plan(explored=(5,))", "Plan.explored of the machine lock is to be of the type Explored, not 5"),
    ("plan=Plan(driven=0)", "Plan.driven of the machine lock is to be a whole number from 1, not 0"),
    ("plan=Plan(judged='x')", "Plan.judged of the machine lock is to be a whole number from 0, not 'x'"),
    ("shown=Shown(any_size=5)", "Shown.any_size of the machine lock is to be a text, not 5"),
    ("lemmas=5", "Subject.lemmas of the machine lock is to be a function, not 5"),
    ("judged=5", "Subject.judged of the machine lock is to be a function, not 5"),
    ("shipped=5", "Subject.shipped of the machine lock is to be a machine and its catalogue, not 5"),
    ("option=5", "Subject.option of the machine lock is to be a text, not 5"),
]


@pytest.mark.parametrize(("changed", "says"), NAMES)
def test_what_is_misspelled_is_refused_when_the_machine_is_made(tmp_path, changed, says):
    assert says in refused(tmp_path, "explore", changed)


MADE = [
    ("drive --operations 50", "driven=lambda: Drivable(sizes={'Proces': 3})", "Drivable.sizes of the machine lock names the sort"),
    ("drive --operations 50", "driven=lambda: Drivable(sizes={})", "Drivable.sizes of the machine lock says nothing of the sort"),
    ("drive --operations 50", "driven=lambda: Drivable(weights={'rad': 3})", "Drivable.weights of the machine lock names the "
     "rule 'rad', which it does not have; known: read, write, release"),
    ("drive --operations 50", "driven=lambda: Drivable(tries=-1)", "Drivable.tries of the machine lock is to be a whole number"),
    ("drive --operations 50", "driven=lambda: None", "what Subject.driven of the machine lock gives is to be of the type Drivable, not None"),
    ("drive --operations 50", "driven=lambda: Drivable(scenes=lambda *a: 5)", "gives 5, which is no strategy of Hypothesis"),
    ("drive --operations 50", "driven=lambda: Drivable(begin=lambda *a: 5)", "is to be a Run, not 5"),
    ("drive --operations 50", "driven=lambda: Drivable(choose=lambda *a: (9, 9))", "gives (9, 9) as the arguments of "),
    ("drive --operations 50", "driven=lambda: Drivable(choose=lambda *a: 'x')", "gives 'x' as the arguments of "),
    ("drive --operations 50", "driven=lambda: Drivable(opening=lambda *a: [('rad', (0,))])", "names the rule 'rad'"),
    ("drive --operations 50", "driven=lambda: Drivable(opening=lambda *a: (1 / 0 for _ in 'x'))", "Drivable.opening of the "
     "machine lock fails: ZeroDivisionError: division by zero (mine.py, line "),
    ("explore", "finite=Finite(universes=lambda g: [])", "Finite.universes of the machine lock gives no rigid values"),
    ("drive --operations 50", "finite=Finite(universes=lambda g: [])", "Finite.universes of the machine lock gives no rigid"),
    ("explore", "finite=Finite(universes=lambda g: [(1, 2)])", "gives (1, 2), which are no rigid values at these sizes"),
    ("explore", "mutants=lambda: [5]", "what Subject.mutants of the machine lock gives is to be of Mutants only, not 5"),
    ("explore", "mutants=lambda: [replace(MUTANTS[0], sizes={'Proces': 1})]", "the mutant reads-beside-a-writer of the machine "
     "lock names the sort 'Proces'"),
    ("prove", "lemmas=lambda: 5", "what Subject.lemmas of the machine lock gives is to be a tuple, not 5"),
    ("prove", "lemmas=lambda: (5,)", "what Subject.lemmas of the machine lock gives is to be of Lemmas only, not 5"),
    ("prove --law LOCK-1", "small=lambda n: Small({'Proces': n})", "Small.sizes of the machine lock names the sort 'Proces'"),
    ("prove --law LOCK-1", "small=lambda n: Small({'Process': n}, lambda layout: {99: True})", "Small.known of the machine lock"),
]


@pytest.mark.parametrize(("command", "changed", "says"), MADE)
def test_what_a_function_gives_is_looked_at(tmp_path, command, changed, says):
    assert says in refused(tmp_path, command, changed)


RAISING = [
    ("drive --operations 50", "driven={0}", "Subject.driven"),
    *(("drive --operations 50", f"driven=lambda: Drivable({name}={{0}})", f"Drivable.{name}")
      for name in ("scenes", "begin", "opening", "choose")),
    ("drive --operations 50", "driven=lambda: Drivable(scenes=lambda s, b: __import__('hypothesis').strategies.just(0).map({0}))",
     "Drivable.scenes"),
    ("explore", "finite=Finite(universes={0})", "Finite.universes"),
    ("check", "mutants={0}", "Subject.mutants"),
    ("prove", "lemmas={0}", "Subject.lemmas"),
    ("prove", "longer={0}", "Subject.longer"),
    ("prove --law LOCK-1", "small={0}", "Subject.small"),
    ("prove --law LOCK-1", "small=lambda n: Small({{'Process': n}}, {0})", "Small.known"),
    *(("prove --mutant releases-all", f"shown=Shown({name}={{0}})", f"Shown.{name}") for name in ("picture", "says")),
    ("prove --mutant releases-all --format json", "shown=Shown(data={0})", "Shown.data"),
]


@pytest.mark.parametrize(("command", "changed", "part"), RAISING)
def test_what_a_function_raises_is_said_with_its_line(tmp_path, command, changed, part):
    for function, error, marked in (("fails", "ZeroDivisionError: division by zero", "return 1 / 0"),
                                    ("leaves", "SystemExit: 0", "raise SystemExit(0)")):
        sentence = refused(tmp_path, command, changed.format(function))
        line = next(n for n, text in enumerate((tmp_path / "mine.py").read_text().splitlines(), 1) if marked in text)
        assert f"{part} of the machine lock fails: {error} (mine.py, line {line})" in sentence


def test_the_same_in_python():
    for reading, changed in ((explore, {"finite": Finite(universes=lambda ground: 1 / 0)}),
                             (prove, {"small": lambda count: 1 / 0}),
                             (lambda one: check([one]), {"lemmas": lambda: 1 / 0}),
                             (lambda one: drive(one, dialect="strict", operations=50),
                              {"driven": lambda: Drivable(choose=lambda *given: 1 / 0)}),
                             (lambda one: conform(one, Lock(), operations=50), {"judged": lambda: 1 / 0})):
        with pytest.raises(WrongRequest, match=r" of the machine lock fails: ZeroDivisionError: .*test_parts.py, line"):
            reading(replace(SUBJECT, **changed))


def judging(**changed):
    from layerproof.anyengine import judged

    usual = judged(SUBJECT.machine)
    return replace(SUBJECT, judged=lambda: replace(usual, **changed))


@pytest.mark.parametrize(("changed", "says"), [
    ({"tours": ({"Proces": 1},)}, "Judged.tours of the machine lock names the sort 'Proces'"),
    ({"searched": 0}, "Judged.searched of the machine lock is to be a whole number from 1"),
    ({"operations": None}, "Judged.operations of the machine lock is to be a whole number from 1"),
    ({"sizes": lambda engine: {"Proces": 1}}, "what Judged.sizes of the machine lock gives names the sort 'Proces'"),
    ({"unreachable": lambda engine, rules: {("read", "bussy")}}, "gives ('read', 'bussy'), which is no rule with one of its"),
    ({"beside": lambda engine, run: 5}, "gives 5, which has no method 'begin'"),
    *(({name: lambda *given: 1 / 0}, f"Judged.{name} of the machine lock fails: ZeroDivisionError")
      for name in ("beside", "able", "needs", "sizes", "scenes", "unreachable")),
])
def test_what_judging_asks(changed, says):
    with pytest.raises(WrongRequest) as error:
        conform(judging(**changed), Lock(), operations=50)
    assert says in str(error.value)


def test_a_part_that_fits_stays_as_it_is_and_is_guarded_once():
    def universes(ground):
        return [()]

    one = replace(SUBJECT, finite=Finite(universes=universes), shown=Shown(), plan=Plan((Explored({}, ("strict",)),)))
    again = replace(one, small=lambda count: Small({"Process": count}))
    assert again.finite.universes._function is universes
    assert not isinstance(Finite().universes, Guarded)
    assert SUBJECT.finite.universes is Finite().universes
    assert explore(again).verdict == "held"
    assert Judged is _KINDS["Judged"]
