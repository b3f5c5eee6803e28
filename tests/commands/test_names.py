"""An object is called by one name wherever it is shown: in operations, tables, trees, counterexamples, differences."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import find

from layerproof import conform
from layerproof.cli import main
from layerproof.commands.report import violation_text
from layerproof.engines.directory.faults import faulty
from layerproof.machines.registry import subject
from layerproof.runs.finding import Violation
from layerproof.runs.monitor import Bench
from layerproof.runs.trace import trace_of

SAMPLES = Path(__file__).parents[2] / "samples"
FORGETFUL = str(SAMPLES / "forgetful.json")


def run(*arguments):
    return CliRunner().invoke(main, list(arguments)).output


def references(text):
    return set(re.findall(r"\b(?:reference|tag|digest)-\d+", text))


def test_operations_tables_and_explain_have_one_name():
    replayed = run("replay", FORGETFUL)
    assert "load image=image-2 reference=tag-1" in replayed
    assert {"tag-1"} == references(replayed) == references(run("explain", FORGETFUL))
    assert "removing reference tag-1" in run("explain", FORGETFUL, "tag-1")


def test_a_counterexample_has_the_names_of_its_picture():
    text = run("prove", "--mutant", "tag-moves-digest", "--law", "DEP-12", "--jobs", "1")
    named = re.search(r"\(at reference = ([\w-]+),", text)[1]
    assert f"reference={named}" in text
    assert {named} == references(text)


def test_a_broken_law_of_a_run_has_the_names_of_its_operations():
    driven = run("drive", "--mutant", "tag-moves-digest", "--dialect", "docker", "--operations", "50")
    assert "DEP-12" in driven
    assert "reference-" not in driven
    assert re.search(r"\(at reference = (?:tag|digest)-\d", driven)


def test_what_differs_in_an_engine_has_the_names_of_the_operations():
    engine = faulty("moved-tag-names-both")
    try:
        found = conform(subject("store"), engine, operations=500, complete=False, most=1).findings[0]
    finally:
        engine.close()
    wheres = " ".join(d.where for d in found.differences)
    assert references(wheres)
    assert "reference-" not in wheres


def test_paths_and_modes_of_a_broken_law_are_what_they_stand_for():
    union = subject("union")
    trace = trace_of(union, json.loads((SAMPLES / "unlink-no-whiteout.json").read_text()))
    broken = Violation("COW-5", ("it is so",), (("path", "Path", 3), ("c", "Container", 0), ("mode", "Mode", 1),
                                                ("by", "Bool", 1)))
    assert "path = /c, c = container-0, mode = 644, by = true" in " ".join(
        violation_text(union, broken, trace.scene).split())


@pytest.mark.parametrize("machine", ["store", "union"])
def test_every_sort_has_names(machine):
    of = subject(machine)
    bench = Bench(of.machine, of.catalogue, of.drivable.sizes or of.sizes())
    drawn = find(of.drivable.scenes(of, bench), lambda scene: True)
    scene = of.drivable.scene(of.drivable.begin(bench.ground, drawn, next(iter(of.dialects.values()))))
    for sort in of.machine.sorts:
        said = [of.shown.says(sort, element, scene) for element in bench.ground.layout.elements(sort)]
        assert len(said) == len(set(said)), sort
