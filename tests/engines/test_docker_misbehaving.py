"""A Docker Engine that dies, hangs or answers nonsense: each is a finding, and the run goes on or ends in order."""

import os
import re
import shutil
import signal
from dataclasses import replace

import pytest

from engines.test_docker_daemon import dockerd
from engines.test_docker_engine import ran
from layerproof.engines.docker.engine import DockerEngine
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.conform import conform, conform_to
from layerproof.runs.trace import Event
from proxy import (
    CLOSES,
    EXITED,
    FAILS,
    FAILS_AFTER,
    GARBAGE,
    HALF,
    HANGS,
    LARGER,
    LATE,
    MOVING,
    NO_ID,
    NULL,
    NUMBER,
    TWICE,
    Proxy,
)
from samples import a_trace

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("needs_docker")]

CREATE, IMAGES, CONTAINERS = r"POST .*/containers/create", r"GET .*/images/json", r"GET .*/containers/json"
INSPECT = r"GET .*/images/sha256:.*/json"
DIED, HUNG, ODD, CONTRADICTS, DIFFERS = "died", "hung", "unintelligible answer", "contradicts itself", "differs"


@pytest.mark.parametrize(("where", "how", "kind", "says"), [
    (CREATE, CLOSES, DIED, "is not reachable"), (CREATE, HANGS, HUNG, "did not answer within 2 seconds"),
    (CREATE, GARBAGE, ODD, "did not answer in JSON"), (CREATE, NULL, ODD, "is None, not an object"),
    (CREATE, NUMBER, ODD, "is 7, not an object"), (CREATE, HALF, DIED, "the answer broke off"),
    (CREATE, NO_ID, ODD, "has no Id, which is to be a string"),
    (CREATE, FAILS, DIFFERS, "out of order"), (CREATE, FAILS_AFTER, DIFFERS, "out of order"),
    (IMAGES, NULL, ODD, "the answer of GET /images/json is None, not a list"),
    (IMAGES, NUMBER, ODD, "is 7, not a list"), (IMAGES, NO_ID, ODD, "row 0 of the answer of GET /images/json has no Id"),
    (IMAGES, TWICE, DIFFERS, ""), (INSPECT, NULL, ODD, "is None, not an object"),
    (CONTAINERS, GARBAGE, ODD, "did not answer in JSON"), (CONTAINERS, HANGS, HUNG, "did not answer within"),
    (CONTAINERS, TWICE, DIFFERS, ""), (CONTAINERS, LATE, DIFFERS, ""),
    (CONTAINERS, MOVING, CONTRADICTS, "as removing, and shows it as created, for 2 seconds"),
    (CONTAINERS, FAILS, DIED, "would not tell its state: out of order"),
])
def test_what_it_does_is_told_with_the_operations_that_led_to_it(shared_docker, tmp_path, where, how, kind, says):
    with Proxy(shared_docker.socket, tmp_path) as proxy, DockerEngine(socket=proxy.path, timeout=2.0) as engine:
        begun = []

        def plan(method, path):
            begun.append(method == "POST" and "/images/load" in path)  # what is before is how it was set up
            return how if any(begun) and re.fullmatch(where, f"{method} {path.partition('?')[0]}") else None

        proxy.plan = plan
        trace = replace(a_trace(), events=a_trace().events[:2])
        result = conform_to(STORE_SUBJECT, trace, engine)
        proxy.plan = lambda method, path: None
        finding, = result.findings
        assert kind == finding.kind
        assert says in finding.detail
        assert 0 < len(finding.trace.events) <= 2
        if how == TWICE:
            assert re.search(r"the list shows (image|container) \S+ 2 times", str(finding.differences[0]))


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command")
@pytest.mark.parametrize(("where", "how", "says"), [
    (CREATE, FAILS, "the last command: expected done, observed refused"),
    (CONTAINERS, TWICE, "the list of containers: expected "),
    (r"GET .*/containers/(json|[^/]*/json)", EXITED, "container container-0: status: expected created, observed exited"),
    (r"GET .*/images/(json|[^/]*/json)", LARGER, "image image-0: size: expected "),
])
def test_the_script_of_a_finding_exits_with_1_where_it_shows_and_with_0_where_it_does_not(
        docker, tmp_path, where, how, says):
    with Proxy(docker.socket, tmp_path) as proxy, DockerEngine(socket=proxy.path, timeout=5.0) as engine:
        def plan(method, path):
            return how if re.fullmatch(where, f"{method} {path.partition('?')[0]}") else None

        proxy.plan = plan
        finding = conform_to(STORE_SUBJECT, replace(a_trace(), events=a_trace().events[:2]), engine).findings[0]
        engine.reset()
        text = finding.script()
        assert 40 >= len(text.splitlines()), text
        shows = ran(f"unix://{proxy.path}", text)
        assert 1 == shows.returncode, shows.stdout + shows.stderr
        assert says in shows.stdout
        docker.reset()
        fine = ran(str(docker.socket), text)
        assert 0 == fine.returncode, fine.stdout + fine.stderr
        assert "as expected: " in fine.stdout


def test_a_private_daemon_that_was_killed_is_started_anew():
    class Dies(DockerEngine):
        """Its daemon is killed when a container is renamed."""

        deaths = 0

        def rename(self, container, name):
            if self.deaths < 3:
                self.deaths += 1
                os.kill(dockerd(self.daemon.folder), signal.SIGKILL)
            super().rename(container, name)

    with Dies(timeout=20.0) as engine:
        first = engine.daemon.folder
        result = conform(STORE_SUBJECT, engine, operations=150, complete=False, often=("rename", "create"), most=1)
        finding, = result.findings
        assert ("died", "rename") == (finding.kind, finding.rule)
        assert "is not reachable" in finding.detail
        assert finding.log
        assert not os.path.lexists(first)
        assert engine.daemon.folder != first
        trace = replace(a_trace(), events=(*a_trace().events[:2], Event("rename", (0, 0), "same-name")))
        assert [] == conform_to(STORE_SUBJECT, trace, engine).findings


def test_a_shared_engine_that_goes_for_good_ends_the_run_with_what_was_found(shared_docker, tmp_path):
    with Proxy(shared_docker.socket, tmp_path) as proxy:
        engine = DockerEngine(socket=proxy.path, timeout=2.0)
        made = []

        def plan(method, path):
            made.append("/containers/create" in path)
            return CLOSES if sum(made) > 3 else None

        proxy.plan = plan
        result = conform(STORE_SUBJECT, engine, operations=450, complete=False)
        assert ["died"] == [f.kind for f in result.findings]
        assert "is not reachable" in result.ended
        assert result.not_done > 0
        proxy.plan = lambda method, path: None
        engine.close()
