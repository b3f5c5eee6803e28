"""What is exported is what is written down here, and docs/api.md has all of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import layermodel
import layerproof
import layerproof.testing

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text()

LAYERMODEL = """
BOOL CHANGES INT LOOKS MAKES STORE SWEEPS TAKES UNION WHITEOUT Axiom Chosen Clauses Definition
Directory Effect Fifo File Flag Found GroundMachine Hint Machine MalformedFile MalformedMachine New
NotSaid Outcome Parameter Rule RuleKind Run Sort State Step StoreView Symbol Symlink Term Trait
UnionFileSystem Witness another define dependency_graph exists forall instead loaded presupposes read_archive
refuses removal rule store_view sum_of together updates
"""
LAYERPROOF = """
Algebra Answer Apart Aspect Beside Case Catalogue Certificate Checks Column Conformance ContainerSeen
Contradiction Deviation Difference DirectoryEngine DockerEngine Drivable Driven Engine
EngineHung EngineUnreachable Event Exhausted Exploration Explored Figure Finding Finite ImageSeen
Judged KillMatrix Kind Law LayerproofError Lemma Matrix MountEngine Mutant Observation Observed Plan
Profile Profiled Proof Refused Replayed Runs Settled Shown Small Subject Trace Unintelligible UnionEngine
VacuousCheck Verdict Violation WrongRequest check conform conformance_text drive ends_agree
exhaust explore forgets half_happens kill_matrix machine matrix profile proof_text prove replay replay_on sets
state_law step_law trace_of trace_text without
"""


@pytest.mark.parametrize(("package", "names"), [
    (layermodel, LAYERMODEL.split()), (layerproof, LAYERPROOF.split()), (layerproof.testing, ["EngineTests"])])
def test_what_is_exported(package, names):
    assert sorted(names) == sorted(package.__all__) == dir(package)
    assert all(getattr(package, name) is not None for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018  (asking for it is what is tested)


@pytest.mark.parametrize("package", [layermodel, layerproof, layerproof.testing])
def test_the_page_has_each_name_once(package):
    part = re.split(r"^## `([\w.]+)`$", API, flags=re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \| \S", part[part.index(package.__name__) + 1], re.MULTILINE)
    assert sorted(package.__all__) == sorted(rows)


def test_a_name_is_imported_when_it_is_asked_for():
    program = ("import sys, layerproof, layermodel; assert not {'z3', 'hypothesis', 'networkx'} & sys.modules.keys(); "
               "layermodel.STORE; assert 'z3' in sys.modules")
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode
