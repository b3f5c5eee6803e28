"""A real Podman is judged: only what the catalogue lists is found, and what is planted is found, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from layerproof.engines.podman.deviations import DEVIATIONS
from layerproof.engines.podman.dialects import DIALECTS
from layerproof.engines.podman.engine import PodmanEngine
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import conform, conform_to
from layerproof.readings.profile import OPERATIONS, profile
from samples import a_trace

pytestmark = [pytest.mark.podman, pytest.mark.usefixtures("needs_podman")]

SUBJECT = replace(STORE_SUBJECT, dialects={**STORE_SUBJECT.dialects, **DIALECTS})


def test_podman_departs_only_where_it_is_known_to():
    with PodmanEngine(busybox=None) as engine:
        result = conform(SUBJECT, engine, deviations=DEVIATIONS, operations=120, complete=False, seed=4)
    assert [] == [(f.rule, f.laws, f.differences) for f in result.unknown]
    assert result.statistics.steps >= 120


def test_its_dialect_is_found_out(podman):
    found = profile(SUBJECT, podman, deviations=DEVIATIONS)
    assert (("podman-api",), []) == (found.dialects, found.unexplained)
    assert {"intermediate_images_hidden"} >= {*found.open}  # shared sizes are not compared
    assert found.operations <= OPERATIONS


class WrongTag(PodmanEngine):
    """It lists a tag on another image than that which has it."""

    def observe(self):
        seen = super().observe()
        named = [identity for identity, image in seen.images.items() if image.references]
        other = next((identity for identity in seen.images if identity not in named), None)
        if not named or other is None:
            return seen
        images = dict(seen.images)
        moved = images[named[0]].references
        images[named[0]] = replace(images[named[0]], references=frozenset())
        images[other] = replace(images[other], references=moved)
        return replace(seen, images=images)


class LosesContainers(PodmanEngine):
    """An unforced removal of a container does nothing."""

    def remove(self, container, force):
        if force:
            super().remove(container, force)


class CountsTwice(PodmanEngine):
    """SizeRw is twice what is written."""

    def observe(self):
        seen = super().observe()
        return replace(seen, containers={
            c: replace(one, size_rw=2 * one.size_rw) for c, one in seen.containers.items()})


@pytest.mark.parametrize(("kind", "differs", "often"), [
    (WrongTag, "names", ("load", "load-unnamed")), (LosesContainers, "the answer", ("create", "remove")),
    (CountsTwice, "size_rw", ("create", "write"))])
def test_what_is_planted_is_found(kind, differs, often):
    with kind(timeout=30.0) as engine:
        result = conform(SUBJECT, engine, deviations=DEVIATIONS, operations=60, complete=False, often=often, most=1)
    assert any(d.what == differs for finding in result.unknown for d in finding.differences)


def test_a_trace_is_done_again(podman):
    trace, traits = a_trace(), DIALECTS["podman-api"]
    taken = replace(trace, dialect="podman-api", traits=traits, events=(*trace.events[:2], replace(
        trace.events[2], refusal=None)))  # by force the container goes, too
    assert [] == conform_to(SUBJECT, taken, podman).findings
