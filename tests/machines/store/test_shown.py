"""What an engine shows that is no observation is named, whatever it is."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from layermodel.formats.content import layer_tar
from layerproof.cli import main
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.errors import Refused, Unintelligible, WrongRequest
from layerproof.machines.store.engine import ContainerSeen, ImageSeen, Observation
from layerproof.machines.store.shown import check_observation
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import conform

IMAGE = ImageSeen(frozenset({"repo:tag"}), None, ("sha256:1",), 10)
CONTAINER = ContainerSeen("name", "sha256:1", "created", 0, 10)
SEEN = Observation({"i": IMAGE}, {"c": CONTAINER})


class ShowsNothing(DirectoryEngine):
    def observe(self):
        return None


class ShowsNoImages(DirectoryEngine):
    def observe(self):
        return replace(super().observe(), images=None)


class Numbered(DirectoryEngine):
    def __init__(self):
        super().__init__()
        self.version = 5


class Leaves(DirectoryEngine):
    def tag(self, image, reference):
        raise SystemExit(0)


class NotClosed(DirectoryEngine):
    def close(self):
        super().close()
        raise OSError("cannot close")


class SaysNoMore(DirectoryEngine):
    def abort(self, lease):
        raise Refused(None)


class MakesNothing(DirectoryEngine):
    def pull_begin(self):
        super().pull_begin()


def judged(engine):
    return CliRunner().invoke(main, ["conform", f"{__file__}:{engine.__name__}", "--operations", "100"])


@pytest.mark.parametrize(("engine", "says"), [
    (ShowsNothing, "the engine directory shows None, which is not an Observation: it has no 'images'"),
    (ShowsNoImages, "the engine directory shows None as 'images', which is not a mapping from image IDs to ImageSeen"),
    (Numbered, "the engine directory has no attribute 'version' that is a string, but 5"),
])
def test_an_engine_that_shows_nonsense_from_the_first_is_not_judged(engine, says):
    result = judged(engine)
    line, = result.output.splitlines()
    assert 2 == result.exit_code
    assert says in line


def test_one_that_says_nonsense_later_is_found_to():
    result = judged(MakesNothing)
    says = "the method pull_begin of the engine directory returns None, and is to return the ID of the new lease"
    assert (1, True) == (result.exit_code, says in " ".join(result.output.split()))


class LeavesBehind(DirectoryEngine):
    """Emptying it leaves an image, when it had one with a tag."""

    def reset(self):
        left = getattr(self, "left", None)
        self.left = max(self.observe().images.items(), default=None, key=lambda one: one[0])
        super().reset()
        if left is not None:
            self.import_(layer_tar({"left": b"behind"}), None)


def test_what_an_earlier_run_left_behind_is_seen_before_the_next_begins():
    engine = LeavesBehind()
    try:
        finding, *_ = conform(STORE_SUBJECT, engine, operations=450, complete=False).findings
    finally:
        engine.close()
    assert ("", ()) == (finding.rule, finding.trace.events)
    assert "an image that no operation made" in str(finding.differences[0])


def test_what_cannot_be_so_is_a_difference():
    class Twice(DirectoryEngine):
        def observe(self):
            seen = super().observe()
            return replace(seen, strange=tuple(f"the list shows image {i} 2 times" for i in sorted(seen.images)[:1]))

    engine = Twice()
    try:
        finding, *_ = conform(STORE_SUBJECT, engine, operations=450, complete=False, most=1).findings
    finally:
        engine.close()
    assert 1 == len(finding.trace.events)
    assert "the list shows image" in str(finding.differences[0])


def test_files_that_nobody_wrote_are_a_difference_that_names_what_holds_them():
    class Adds(DirectoryEngine):
        def observe(self):
            seen = super().observe()
            holders = [*sorted(seen.containers)[:1], *sorted(seen.layers)[:1]] if seen.containers else []
            return replace(seen, unwritten=dict.fromkeys(holders, ("etc/hosts", "x")))

    engine = Adds()
    try:
        finding, *_ = conform(STORE_SUBJECT, engine, operations=450, complete=False, most=1).findings
    finally:
        engine.close()
    container, layer = finding.differences
    assert "create" == finding.rule
    assert re.fullmatch(r"container-\d+ holds etc/hosts, x, which nobody wrote", container.observed)
    assert re.fullmatch(r"layer-\d+ holds etc/hosts, x, which nobody wrote", layer.observed)


def test_an_engine_that_leaves_or_cannot_be_closed():
    result = judged(Leaves)
    assert (1, True) == (result.exit_code, "raised SystemExit" in result.output)
    result = judged(NotClosed)
    *_, verdict, last = result.output.splitlines()
    assert (2, "0 findings, 0 known deviations: held") == (result.exit_code, verdict)
    assert "layerproof: the engine directory cannot be closed: OSError: cannot close (test_shown.py, line" in last


def test_a_refusal_without_a_name_is_not_taken_as_done():
    engine = SaysNoMore()
    try:
        found = conform(STORE_SUBJECT, engine, operations=900, complete=False, most=1, often=("pull-begin", "abort")).findings
    finally:
        engine.close()
    assert ["None"] == [finding.observed for finding in found]


def test_what_is_an_observation():
    check_observation("mine", SEEN)
    check_observation("mine", replace(SEEN, layers={"sha256:1": "2"}, usage=10, leases=frozenset({"lease"})))


@pytest.mark.parametrize(("seen", "says"), [
    (replace(SEEN, containers=[]), "shows [] as 'containers', which is not a mapping from container IDs to ContainerSeen"),
    (replace(SEEN, layers={"sha256:1": 2}), "as 'layers', which is not a mapping from chain IDs to digests, or None"),
    (replace(SEEN, usage="10"), "shows '10' as 'usage', which is not a number of bytes, or None"),
    (replace(SEEN, leases="lease"), "shows 'lease' as 'leases', which is not a set of leases, or None"),
    (replace(SEEN, images={1: IMAGE}), "shows 1 among its images, which is no ID: no string"),
    (replace(SEEN, images={"i": None}), "shows None of the image i, which is not an ImageSeen: it has no 'references'"),
    (replace(SEEN, images={"i": replace(IMAGE, size=None)}), "shows None as 'size' of the image i, which is not a number"),
    (replace(SEEN, images={"i": replace(IMAGE, layers=["x"])}), "shows ['x'] as 'layers' of the image i"),
    (replace(SEEN, containers={"c": replace(CONTAINER, status=None)}), "shows None as 'status' of the container c"),
])
def test_what_is_none(seen, says):
    with pytest.raises(Unintelligible) as error:
        check_observation("mine", seen)
    assert f"the engine mine {says}" in str(error.value) or says in str(error.value)


def test_what_an_engine_needs_for_its_containers():
    for name, value, says in (("program", 5, "which is no mapping from paths to bytes"),
                              ("command", "sh", "which is no tuple of strings"),
                              ("labels", {"of": 1}, "which is no mapping from strings to strings"),
                              ("labels", "mine", "which is no mapping from strings to strings")):
        engine = DirectoryEngine()
        try:
            setattr(engine, name, value)
            with pytest.raises(WrongRequest, match=says):
                conform(STORE_SUBJECT, engine, operations=10)
        finally:
            engine.close()
