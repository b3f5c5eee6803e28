"""The command line: what it prints, and its exit status."""

import json

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.store_laws import STORE_LAWS
from samples import a_trace


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(("arguments", "says"), [
    (("prove", "--law", "X-1"), "unknown law 'X-1'"),
    (("prove", "--rule", "fly"), "unknown rule 'fly'"),
    (("prove", "--mutant", "none"), "unknown mutant 'none'"),
    (("prove", "--law", "OP-5", "--rule", "create"), "nothing to prove"),
    (("explore", "--size", "Moon=2"), "unknown sort 'Moon'"),
    (("explore", "--size", "Layer=x"), "size of Layer"),
    (("explore", "--trait", "x=true"), "unknown trait 'x'"),
    (("explore", "--dialect", "lxc"), "unknown dialect 'lxc'"),
    (("drive", "--operations", "0"), "no operations"),
    (("conform", "nothing"), "unknown engine 'nothing'"),
    (("conform", "directory", "--operations", "0"), "no operations"),
    (("conform", "directory", "--socket", "x"), "has no socket"),
    (("conform", "docker", "--socket", "/nowhere.sock"), "not reachable"),
    (("replay", "/nowhere.json"), "cannot be read"),
])
def test_a_wrong_request_is_one_sentence_and_status_2(arguments, says):
    result = run(*arguments)
    assert 2 == result.exit_code
    assert says in result.output
    assert 1 == len(result.output.strip().splitlines())


def test_an_empty_trace_is_a_wrong_request(tmp_path):
    empty = tmp_path / "trace.json"
    empty.write_text("")
    assert 2 == run("replay", str(empty)).exit_code


def test_laws_are_listed_with_their_sources():
    listed = json.loads(run("laws", "--format", "json").output)
    assert [law.id for law in STORE_LAWS.laws] == [law["id"] for law in listed]
    assert all(law["sources"] for law in listed)


def test_the_rule_book_reads_aloud():
    book = run("rules", "--rule", "create").output
    assert "no-such-image" in book
    assert "then     the container exists" in book


def test_a_mutant_is_refuted_with_a_drawing():
    result = run("prove", "--mutant", "tag-moves-digest", "--law", "DEP-12", "--jobs", "1")
    assert 1 == result.exit_code
    assert "step: tag" in result.output
    assert "dependencies after the step" in result.output


def test_a_trace_replays_and_is_explained(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(a_trace().to_json())
    assert 0 == run("replay", str(path)).exit_code
    assert 0 == run("replay", str(path), "--on", "directory").exit_code
    explained = run("explain", str(path), "image-0").output
    assert "container-0 stands in the way" in explained
    assert "digraph" in run("explain", str(path), "--dot").output
    assert 2 == run("explain", str(path), "image-7").exit_code
