"""Two workers of a Dask cluster come to what one process comes to; one that dies costs its piece once more."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

import clusters
import layerproof.process.cluster
from clusters import times
from layerproof.cli import main
from layerproof.errors import WrongRequest
from layerproof.machines.registry import subject, subject_in
from layerproof.mutants.matrix import kill_matrix
from layerproof.process.pieces import pool
from layerproof.readings.drive import campaign
from layerproof.readings.exploration import Exploration
from layerproof.readings.explore import Explorer, explore
from layerproof.readings.prove.prove import prove
from layerproof.subject import mutated
from processes import PATIENCE, start, until

if importlib.util.find_spec("distributed") is None and os.environ.get("LAYERPROOF_REQUIRE_CLUSTER") != "1":
    pytest.skip("distributed is not installed", allow_module_level=True)

TOY = str(Path(__file__).parents[1] / "toy" / "lock.py")
SMALL = {"Layer": 1, "Image": 2, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1, "Content": 1}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a cluster of two workers."""
    process, address = clusters.begun(tmp_path_factory.mktemp("cluster"))
    yield address
    process.communicate(timeout=PATIENCE)


def run(*arguments):
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done


def seen(e: Exploration):
    """All that an exploration says, but for what it took."""
    return {**vars(e), "memory": None, "waiting": None, "findings": [(law, f.trace) for law, f in e.findings.items()]}


# The same counts and verdicts.


@pytest.mark.parametrize("options", [{}, {"limit": 2}, {"dialects": ["podman"]}, {"symmetry": True}])
def test_a_store_is_explored_as_by_one_process(cluster, options):
    alone = explore(subject("store"), SMALL, jobs=1, **options)
    assert seen(alone) == seen(explore(subject("store"), SMALL, cluster=cluster, **options))
    assert alone.states > 100


def test_a_wrong_machine_breaks_the_same_laws_by_runs_of_the_same_length(cluster):
    wrong = mutated(subject("store"), "remove-used")
    alone, together = (explore(wrong, SMALL, algebra=False, **who) for who in ({"jobs": 1}, {"cluster": cluster}))
    assert "violated" == together.verdict
    assert seen(alone) == seen(together)


@pytest.mark.parametrize("arguments", [
    ["explore", "--format", "json"], ["explore", "--format", "json", "--interpreted", "--size", "Process=2"],
    ["prove", "--format", "json"], ["prove", "--mutant", "goes-on-reading", "--format", "json"]], ids=" ".join)
def test_a_machine_in_a_file_comes_to_the_same(cluster, arguments):
    command, *options = [*arguments, "--machine-file", TOY]
    alone = run(command, *options, *([] if command == "explore" else ["--jobs", "1"]))
    there = run(command, *options, "--cluster", cluster)
    assert (alone.exit_code, json.loads(alone.stdout)) == (there.exit_code, json.loads(there.stdout))


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--mutant", "goes-on-reading"], 1)])
def test_random_runs_come_to_the_same_verdict(cluster, options, status):
    command = ["drive", "--machine-file", TOY, "--operations", "400", "--seeds", "2", "--format", "json", *options]
    alone, there = (run(*command, *who) for who in ([], ["--cluster", cluster]))
    assert [status, status] == [alone.exit_code, there.exit_code]
    assert json.loads(alone.stdout) == json.loads(there.stdout)


def test_a_machine_in_a_module_comes_to_the_same(cluster):
    options = ["explore", "--machine", "toy.lock:SUBJECT", "--format", "json"]
    assert json.loads(run(*options).stdout) == json.loads(run(*options, "--cluster", cluster).stdout)


def test_mutants_are_killed_by_the_same_laws(cluster):
    store = subject("store")
    chosen = [store.mutant(name) for name in ("remove-used", "tag-moves-digest", "prune-takes-used")]
    alone, together = (kill_matrix(store, chosen, ["prove", "explore"], **who) for who in ({}, {"cluster": cluster}))
    assert {place: (cell.law, cell.length) for place, cell in alone.cells.items()} == {
        place: (cell.law, cell.length) for place, cell in together.cells.items()}
    assert together.holds


def test_a_part_of_the_store_is_proved(cluster):
    store, chosen = subject("store"), {"rules": ["tag", "untag"], "laws": ["DEP-1", "DEP-12"]}
    alone, together = (prove(store, **chosen, cached=False, beside=store.lemmas(), **who) for who in (
        {}, {"cluster": cluster}))
    assert alone == together
    assert all(together.lemmas.values())


def test_check_comes_to_the_same(cluster):
    done = [run("check", "--machine-file", TOY, "--format", "json", *who) for who in ([], ["--cluster", cluster])]
    alone, there = (json.loads(one.stdout) for one in done)
    assert [0, 0] == [one.exit_code for one in done]
    assert {**alone, "seconds": None} == {**there, "seconds": None}


def test_seeds_add_up():
    lock = subject_in(TOY)
    both = campaign(lock, ["strict"], operations=200, seed=3, seeds=2)["strict"]
    first, second = (campaign(lock, ["strict"], operations=200, seed=n)["strict"] for n in (3, 4))
    assert first.statistics.steps + second.statistics.steps == both.statistics.steps
    first.add(second)
    assert vars(first) == vars(both)


# Workers that die.


def test_a_worker_that_dies_costs_its_piece_once_more_and_nothing_else(cluster, tmp_path):
    with pool(tmp_path, partial(partial, clusters.makes, str(tmp_path)), jobs=1, cluster=cluster) as pieces:
        early = [pieces.submit(f"early {n}", clusters.works, f"early-{n}", 0.05) for n in range(6)]
        assert [f"early-{n} done" for n in range(6)] == [one.result(PATIENCE) for one in early]
        deadly = pieces.submit("deadly", clusters.kills_once, "deadly")
        late = [pieces.submit(f"late {n}", clusters.works, f"late-{n}", 0.05) for n in range(6)]
        assert "deadly done" == deadly.result(PATIENCE)
        assert [f"late-{n} done" for n in range(6)] == [one.result(PATIENCE) for one in late]
    assert 2 == len(times(tmp_path, "deadly"))
    assert [1] * 12 == [len(times(tmp_path, f"{when}-{n}")) for when in ("early", "late") for n in range(6)]
    made = times(tmp_path, "made")
    assert sorted(set(made)) == sorted(made), "once in each process"


def test_a_proof_goes_on_when_a_worker_is_killed(cluster):
    store, killed = subject("store"), []

    def kill(_):
        if not killed:
            killed.append(pids(cluster)[0])
            os.kill(killed[0], signal.SIGKILL)

    options = {"rules": ["tag", "load"], "laws": ["DEP-1", "DEP-2", "DEP-3"], "cached": False}
    assert prove(store, **options) == prove(store, **options, cluster=cluster, progress=kill)
    assert 1 == len(killed)


def pids(address):
    """The processes of the workers."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return [*client.run(os.getpid).values()]


def test_a_piece_of_which_workers_die_is_named(cluster, tmp_path):
    with (pytest.raises(WrongRequest, match=r"2 workers of .* died .* did one piece: the deadly one$"),
          pool(tmp_path, partial(partial, clusters.makes, str(tmp_path)), jobs=1, cluster=cluster) as pieces):
        pieces.submit("the deadly one", clusters.kills, "deadly").result(PATIENCE)
    assert 2 == len(times(tmp_path, "deadly"))


def test_what_others_found_is_not_lost(cluster, monkeypatch):
    submit = layerproof.process.cluster.Cluster.submit
    monkeypatch.setattr(layerproof.process.cluster.Cluster, "submit", lambda self, name, do, *arguments: submit(
        self, name, clusters.dies if name == "universe 2 as podman" else do, *arguments))
    explorer = Explorer(subject("store"), subject("store").sizes(SMALL), cluster=cluster)
    with pytest.raises(WrongRequest, match="universe 2 as podman") as error:
        explorer.run(subject("store").traits(()))
    assert isinstance(error.value.so_far, Exploration)
    assert ("incomplete", False) == (error.value.so_far.verdict, error.value.so_far.complete)


# What is refused.


def test_what_goes_wrong_in_a_piece_is_said_as_here(cluster, tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(Path(TOY).read_text().replace("empties=True", "universes=lambda ground: [()] and 1 / 0"))
    here = run("check", "--machine-file", wrong)
    there = run("check", "--machine-file", wrong, "--cluster", cluster)
    assert 2 == here.exit_code
    assert (here.exit_code, here.stderr) == (there.exit_code, there.stderr)


def test_other_sources_are_refused(cluster, monkeypatch):
    monkeypatch.setattr(layerproof.process.cluster, "sources", lambda: "other")
    done = run("explore", "--machine-file", TOY, "--cluster", cluster)
    assert (2, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith("layerproof: the worker tcp://127.0.0.1:")
    assert "has other sources of layerproof" in done.stderr


def test_a_worker_that_joins_later_is_looked_at_too(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(layerproof.process.cluster, "_unfit", lambda *_: None)  # sent by its name: it is theirs there
    monkeypatch.setattr(layerproof.process.cluster, "sources", lambda: "other")
    monkeypatch.setattr("distributed.Client.run", lambda *_, **__: {})
    with (pytest.raises(WrongRequest, match="has other sources"),
          pool(tmp_path, partial(partial, clusters.makes, str(tmp_path)), jobs=1, cluster=cluster) as pieces):
        pieces.submit("a piece", clusters.works, "never", 0).result(PATIENCE)
    assert [] == times(tmp_path, "never")


def test_a_module_that_says_other_things_there_is_refused(cluster, monkeypatch):
    monkeypatch.setattr("layerproof.machines.registry._text_of", lambda name: "other")
    done = run("explore", "--machine", "toy.lock:SUBJECT", "--cluster", cluster)
    assert (2, "layerproof: on a worker of the cluster the machine's module 'toy.lock' is another\n") == (
        done.exit_code, done.stderr)


def test_nobody_listens():
    with socket.socket() as taken:  # a port that is nobody's, as it is bound and not listened at
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        begun = time.monotonic()
        done = run("prove", "--machine-file", TOY, "--cluster", address)
    assert (2, f"layerproof: no Dask scheduler answers at {address} within 10 seconds\n") == (
        done.exit_code, done.stderr)
    assert time.monotonic() - begun < PATIENCE / 2


def test_somebody_else_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            while True:
                with contextlib.suppress(OSError), server.accept()[0] as taken:
                    taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        done = run("prove", "--machine-file", TOY, "--cluster", address)
        assert (2, f"layerproof: no Dask scheduler answers at {address} within 10 seconds\n") == (
            done.exit_code, done.stderr)


@pytest.mark.parametrize("address", ["", "host", "host:", "host:0", "host:70000", "a b:1", "http://x/y:1", "::1"])
def test_an_address_that_is_none(address):
    done = run("prove", "--machine-file", TOY, "--cluster", address)
    assert (2, f"layerproof: --cluster takes the address of a Dask scheduler, as host:8786, not {address!r}\n") == (
        done.exit_code, done.stderr)


def test_without_distributed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run("prove", "--machine-file", TOY, "--cluster", "host:1")
    assert (2, "layerproof: --cluster needs Dask distributed, which is not installed: pip install "
               "'layerproof[cluster]'\n") == (done.exit_code, done.stderr)


@pytest.mark.parametrize("arguments", [
    ["prove", "--jobs", "2"], ["mutants", "--jobs", "1"], ["check", "--jobs", "2"], ["explore", "--jobs", "2"],
    ["drive", "--jobs", "2"]], ids=" ".join)
def test_one_says_who_does_it(arguments):
    done = run(*arguments, "--cluster", "host:1")
    assert (2, "layerproof: --jobs and --cluster both say who does the work; give one of them\n") == (
        done.exit_code, done.stderr)


@pytest.mark.parametrize("option", [["--states", "5"], ["--resume", "left"]])
def test_what_only_one_machine_can_do(option):
    done = run("explore", *option, "--cluster", "host:1")
    assert 2 == done.exit_code
    assert done.stderr.startswith("layerproof: --states and --resume are for one machine")


def test_a_machine_without_a_name_cannot_be_sent(cluster):
    from dataclasses import replace

    with pytest.raises(WrongRequest, match="a subject that was made in this process alone cannot be sent"):
        explore(replace(subject("store"), plan=subject("store").plan), SMALL, cluster=cluster)


# The end.


def test_a_signal_ends_the_command_and_leaves_nothing_to_be_done(cluster, tmp_path):
    process = start("mutants", "--reading", "drive", "--cluster", cluster, tmp=tmp_path, text=True)
    until(lambda: left(cluster) > 10, "pieces wait")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert (130, "layerproof: ended by SIGINT\n") == (process.returncode, said)
    until(lambda: left(cluster) == 0, "they are forgotten")


def left(address):
    """How many pieces the scheduler has."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return client.run_on_scheduler(_tasks)


def _tasks(dask_scheduler):
    return len(dask_scheduler.tasks)


def test_a_cluster_that_goes_is_said(tmp_path):
    process, address = clusters.begun(tmp_path)
    mine = start("mutants", "--reading", "drive", "--cluster", address, tmp=tmp_path, text=True)
    try:
        until(lambda: left(address) > 10, "pieces wait")
    finally:
        process.kill()
        process.communicate()
    _, said = mine.communicate(timeout=PATIENCE)
    assert 2 == mine.returncode
    assert said == f"layerproof: the cluster at {address} is gone, or has dropped what it was to do\n"


def test_a_killed_process_here_is_said_in_a_sentence():
    with pytest.raises(WrongRequest, match="a process that did a piece of the work was killed"), pool(
            None, None, jobs=1) as pieces:
        pieces.submit("deadly", clusters.dies).result(PATIENCE)


def test_asking_for_no_cluster_imports_none_of_it():
    program = ("import sys; from layerproof.process.pieces import pool; import layerproof.checks; "
               "assert 'distributed' not in sys.modules")
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode
