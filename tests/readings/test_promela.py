"""Spin visits the states that the explorer visits, and finds wrong machines by runs of the same length."""

import os
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.errors import WrongRequest
from layerproof.laws.law import Kind
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.mutants.kills import confined, kill_by_exploration
from layerproof.readings.explore import explore
from layerproof.readings.promela import promela
from toy.lock import SUBJECT as LOCK

needs_spin = pytest.mark.skipif(
    not os.environ.get("LAYERPROOF_REQUIRE_SPIN") and not (shutil.which("spin") and shutil.which("gcc")),
    reason="needs spin and gcc")


def verified(model, folder, flags=(), options=("-m1000000",)):
    """What Spin says of a model, and the run that it found, if it found one."""
    (folder / "model.pml").write_text(model)

    def do(*command):
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert "" == do("spin", "-a", "model.pml").stdout
    built = do("gcc", "-O0", "-w", "-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=8192", *flags, "-o", "pan", "pan.c")
    assert (0, "") == (built.returncode, built.stderr)
    said = do("./pan", *options, "-w20", "-n").stdout
    run = do("./pan", "-r", "-n").stdout if "model.pml.trail" in os.listdir(folder) else ""
    return said, [line.strip() for line in run.splitlines() if re.match(r"\s*([\w-]+\(|broken:)", line)]


def stored(said):
    assert "errors: 0" in said
    assert "max search depth too small" not in said
    return int(re.search(r"(\d+) states, stored", said)[1])


COUNTED = [
    *((STORE_SUBJECT, dialect, sizes) for dialect, sizes in (
        ("docker", {}), ("podman", {}), ("docker", {"Image": 1, "Layer": 1, "Name": 2}),
        ("podman", {"Container": 2, "Image": 1, "Layer": 1}), ("docker", {"Reference": 2, "Content": 1}),
        ("podman", {"Lease": 2, "Content": 1}))),
    *((UNION_SUBJECT, dialect, {"Path": 2, "Inode": 3, "Data": 1, "Time": 1, **sizes}) for dialect, sizes in (
        ("overlayfs", {}), ("overlayfs-index-redirect", {"Data": 2}), ("fuse-overlayfs", {"Container": 2}),
        ("overlayfs-redirect", {"Time": 2}), ("overlayfs-index", {"Value": 2}),
        ("overlayfs-index-redirect", {"Path": 3}))),
    (LOCK, next(iter(LOCK.dialects)), {}),
]


@needs_spin
@pytest.mark.parametrize(("subject", "dialect", "sizes"), COUNTED,
                         ids=[f"{s.name}-{d}-{','.join(f'{n}={c}' for n, c in z.items())}" for s, d, z in COUNTED])
def test_spin_counts_the_same_states(subject, dialect, sizes, tmp_path):
    """And one more, before the universe is chosen."""
    ours = explore(subject, sizes, dialects=[dialect], algebra=False)
    said, run = verified(promela(subject, dialect, sizes), tmp_path)
    assert (ours.states + 1, []) == (stored(said), run)




def wrong(subject):
    """Mutants that break laws of states or of steps within few operations."""
    found = []
    for mutant in subject.mutants():
        kill = kill_by_exploration(subject, mutant, algebra=False)
        if kill is not None and subject.catalogue.law(kill.law).kind is not Kind.ALGEBRAIC:
            found.append((mutant, kill))
        if len(found) == 5:
            break
    return found


@needs_spin
@pytest.mark.parametrize("subject", [STORE_SUBJECT, UNION_SUBJECT], ids=lambda s: s.name)
def test_spin_finds_wrong_machines_by_runs_of_the_same_length(subject, tmp_path):
    found = wrong(subject)
    assert 5 == len(found)
    for mutant, kill in found:
        folder = tmp_path / mutant.name
        folder.mkdir()
        sizes = subject.sizes(mutant.sizes or subject.finite.mutated)
        # A kill is a shortest run in its universe. Each step is two moves of the model's; `-i` looks for shorter ones.
        of_kill = replace(confined(subject, mutant), finite=replace(
            subject.finite, universes=lambda _, kill=kill: [kill.trace.scene.rigid]))
        model = promela(of_kill, kill.trace.dialect, sizes)
        _, run = verified(model, folder, ["-DREACH"], ["-i", f"-m{2 * kill.length + 10}"])
        assert (kill.length, "broken") == (len(run) - 1, run[-1].partition(":")[0])


@pytest.mark.parametrize(("arguments", "says"), [
    (["--promela", "--rule", "tag"], "a model has all rules: leave out --rule"),
    (["--promela", "--format", "json"], "a model is text: leave out --format"),
    (["--promela", "--mutant", "nothing"], "unknown mutant 'nothing'"),
    (["--promela", "--dialect", "nothing"], "unknown dialect 'nothing'"),
    (["--size", "Image=1"], "--size, --dialect and --mutant are of a model; ask for one with --promela or --tla"),
])
def test_what_is_no_model_is_refused_in_a_sentence(arguments, says):
    done = CliRunner().invoke(main, ["rules", *arguments])
    assert 2 == done.exit_code
    assert says in done.output


def test_the_command_prints_the_model(tmp_path):
    path = tmp_path / "store.pml"
    done = CliRunner().invoke(main, ["rules", "--promela", "--size", "Image=1", "--dialect", "podman", "--output",
                                     str(path)])
    assert (0, "") == (done.exit_code, done.output)
    assert path.read_text() == promela(STORE_SUBJECT, "podman", {"Image": 1})
    assert all(rule.name in path.read_text() for rule in STORE_SUBJECT.machine.rules)


def test_a_dialect_that_there_is_not_has_no_model():
    with pytest.raises(WrongRequest, match="unknown dialect"):
        promela(STORE_SUBJECT, "nothing")
