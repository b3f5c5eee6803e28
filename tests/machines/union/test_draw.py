"""What containers see, drawn beside each other: by the names that operations have, and marked where it differs."""

from layermodel.union.memory import UnionFileSystem
from layerproof.engines.memory.engine import MemoryEngine
from layerproof.machines.union.subject import UNION_SUBJECT
from layerproof.readings.conform import conform


class KeepsNames(UnionFileSystem):
    def unlink(self, path):
        pass


def test_what_is_seen_has_the_names_of_the_operations_and_a_mark_where_it_differs():
    result = conform(UNION_SUBJECT, MemoryEngine(kind=KeepsNames), operations=300, complete=False, most=1)
    finding = result.findings[0]
    states, scene = finding.states, finding.trace.scene
    before, expected, observed = UNION_SUBJECT.shown.sights(
        UNION_SUBJECT.machine, scene, states.rigid, (states.before, states.expected, states.observed))
    name = finding.differences[0].where.partition(" in ")[0].rpartition("/")[2]
    marked = [line for line in observed.splitlines() if " *" in line]
    assert [name] == [line.partition(" *")[0].split()[-1] for line in marked]
    assert "*" not in before
    assert "container-0 sees: /" in expected
    assert "path-" not in before + expected + observed
