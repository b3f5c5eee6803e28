"""``layerproof conform docker`` as a whole command: however it ends, it says why and leaves nothing behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker as sdk
import pytest

from layermodel.formats.content import layer_tar
from layerproof.engines.docker.daemon import PrivateDaemon
from layerproof.engines.service.files import find_program

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("needs_docker")]

PATIENCE = 60.0
"""Seconds after which something that is waited for is taken to hang."""

MAIN = """
import signal
# The tests may run in the background of a shell or under nohup, which have their programs ignore these.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from layerproof.cli import main
main()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder with a short name: the paths of Unix sockets below it have a limit."""
    folder = Path(tempfile.mkdtemp(prefix="lp-"))
    (folder / "tmp").mkdir()
    yield folder
    shutil.rmtree(folder)


class Command:
    """A running ``layerproof conform docker``, whose temporary files are all in one folder."""

    def __init__(self, place: Path, *arguments: str) -> None:
        self.place = place
        self.temporary = place / "tmp"
        self.name = "layerproof-docker-?"
        self._process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "conform", "docker", *arguments],
            cwd=place,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, reached: Callable[[], object]) -> None:
        """Wait for something, as long as the command runs."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert self._process.poll() is None, self._process.communicate()
            assert time.monotonic() < deadline, "the command did not come so far"
            time.sleep(0.005)

    @property
    def folder(self) -> Path | None:
        """Return the folder of the private daemon, once there is one."""
        for folder in filter(Path.is_dir, self.temporary.glob("layerproof-docker-*")):
            self.name = folder.name
            return folder
        return None

    def has_containers(self) -> bool:
        return self.folder is not None and any(self.folder.glob("data/containers/*"))

    def dockerd(self) -> int:
        assert self.folder is not None
        # Its guard has the daemon's command line in its own.
        return next(pid for pid, line in processes(str(self.folder)).items() if line.split()[0].endswith("/dockerd"))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group, as a terminal does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit status and what was printed, to both streams."""
        try:
            out, err = self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
        return self._process.returncode, out, err

    def left(self) -> list[str]:
        """Return the processes, mounts, control groups and temporary files that are left of it."""
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.place) in line]
        groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{self.name}")]
        files = [str(path) for path in self.temporary.rglob("*")]
        running = {**processes(str(self.place)), **processes(self.name)}
        return [*running.values(), *mounts, *groups, *files]


def processes(word: str) -> dict[int, str]:
    """Return the command lines of the processes that have a word in it, in their environment or control group."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                texts = [(entry / file).read_bytes() for file in ("cmdline", "environ", "cgroup")]
                if any(word.encode() in text for text in texts):
                    found[int(entry.name)] = texts[0].replace(b"\0", b" ").decode(errors="replace")
    return found


def sentence(result: tuple[int, str, str]) -> str:
    """Return the one sentence that a command gave as its reason to end with status 2."""
    status, out, err = result
    assert (2, "", 1) == (status, out, len(err.splitlines())), err
    assert err.startswith("layerproof: ")
    return err.removeprefix("layerproof: ").rstrip("\n")


def ended_by(result: tuple[int, str, str]) -> str:
    """Return the signal that ended a command, which has printed what it had come to, if to anything."""
    status, out, err = result
    name = err.removeprefix("layerproof: ended by ").rstrip("\n")
    assert (128 + signal.Signals[name], f"layerproof: ended by {name}\n") == (status, err)
    assert not out or re.search(rf"operations were not done,\s+as {name}\n", out)
    return name


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_ends_it_and_nothing_is_left(place: Path, number: signal.Signals) -> None:
    command = Command(place, "--operations", "100000")
    command.until(command.has_containers)
    command.send(number)
    assert number.name == ended_by(command.result())
    assert [] == command.left()


def test_a_signal_while_the_daemon_starts(place: Path) -> None:
    command = Command(place)
    command.until(lambda: command.folder)
    command.send(signal.SIGINT)
    assert "SIGINT" == ended_by(command.result())
    assert [] == command.left()


def test_further_signals_while_it_cleans_up(place: Path) -> None:
    command = Command(place, "--operations", "100000")
    command.until(command.has_containers)
    while not command.ended:
        command.send(signal.SIGINT)
        time.sleep(0.01)
    assert "SIGINT" == ended_by(command.result())
    assert [] == command.left()


# A daemon that dies, hangs, or does not start


def test_a_daemon_that_is_killed_in_the_middle(place: Path) -> None:
    command = Command(place, "--operations", "100000", "--budget", "12")
    command.until(command.has_containers)
    os.kill(command.dockerd(), signal.SIGKILL)
    status, out, err = command.result()
    said = " ".join(out.split())
    assert (1, "") == (status, err)
    assert re.search(r"UNSTABLE FINDING: docker \S+ died, or cannot be reached any more", said)
    assert " is not reachable (" in said
    assert "the run ended early: " in said
    assert [] == command.left()


def test_a_daemon_that_hangs_in_the_middle(place: Path) -> None:
    command = Command(place, "--operations", "100000", "--timeout", "5", "--budget", "15")
    command.until(command.has_containers)
    os.kill(command.dockerd(), signal.SIGSTOP)
    status, out, err = command.result()
    said = " ".join(out.split())
    assert (1, "") == (status, err)
    assert re.search(r"FINDING: docker \S+ did not answer in time", said)
    assert " did not answer within 5 seconds (" in said
    assert [] == command.left()


DAEMONS = {
    "ends": ("#!/bin/sh\necho starting\necho no space left for a daemon\nexit 1\n", 0o755,
             "did not start: no space left for a daemon"),
    "ends in silence": ("#!/bin/sh\nexit 1\n", 0o755, "did not start: it gave no reason"),
    "sleeps": ("#!/bin/sh\nsleep 1000000\n", 0o755, "did not answer within 1 seconds: it gave no reason"),
    "is no program": ("\0", 0o755, "/daemon cannot be run: Exec format error"),
    "has no interpreter": ("#!/none\n", 0o755, "/daemon cannot be run: No such file or directory"),
    "is not executable": ("#!/bin/sh\n", 0o644, "/daemon is not an executable file"),
    "is not there": (None, 0, "there is no program "),
}


@pytest.mark.parametrize("kind", DAEMONS)
def test_a_daemon_that_does_not_start(place: Path, kind: str) -> None:
    text, mode, words = DAEMONS[kind]
    daemon = place / "daemon"
    if text is not None:
        daemon.write_text(text)
        daemon.chmod(mode)
    command = Command(place, "--dockerd", str(daemon), "--timeout", "1")
    assert words in sentence(command.result())
    assert [] == command.left()


# Sockets


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


ANSWERS = {
    "closes": (b"", " is not reachable (GET /version)"),
    "no HTTP": (b"hello\r\nthere\r\n", " is not reachable (GET /version)"),
    "no JSON": (http("200 OK", "<html>\n<p>hello"), " did not answer in JSON (GET /version): '<html> <p>hello'"),
    "no Docker": (http("200 OK", '{"hello": 1}'), "no Docker Engine answers at "),
    "a list": (http("200 OK", "[]"), "no Docker Engine answers at "),
    "a refusal": (http("503 No", "not\nnow"), ": not now"),
}


@contextlib.contextmanager
def answering(path: Path, answer: bytes) -> Iterator[None]:
    """Answer every request on a Unix socket alike."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(65536)
                        client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_socket_that_answers_otherwise(place: Path, kind: str) -> None:
    answer, words = ANSWERS[kind]
    with answering(place / "socket", answer):
        command = Command(place, "--socket", str(place / "socket"), "--timeout", "5")
        assert words in sentence(command.result())
    assert [] == command.left()


def test_a_socket_that_nobody_accepts_on(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place / "socket"))
        silent.listen()
        command = Command(place, "--socket", str(place / "socket"), "--timeout", "1")
        assert " did not answer within 1 seconds (GET /version)" in sentence(command.result())


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("none", " is not reachable (GET /version): [Errno 2] No such file or directory"),
        ("file", " is not reachable (GET /version): [Errno 111] Connection refused"),
        ("", "an empty text is no address of a Docker Engine"),
        ("ftp://none", "ftp://none is no address of a Docker Engine"),
        ("tcp://none:port", "tcp://none:port is no address of a Docker Engine"),
    ],
)
def test_what_is_no_socket(place: Path, address: str, words: str) -> None:
    (place / "file").write_text("")
    assert words in sentence(Command(place, "--socket", address).result())


# A Docker that is shared with others


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files of an archive, and of what is no file its type."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: tar.extractfile(m).read() if m.isreg() else m.type for m in tar}  # type: ignore[union-attr]


class Shared:
    """A running Docker with images, containers and a volume of somebody else."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = sdk.DockerClient(base_url=address)
        self._api = self._client.api
        program, command = find_program("auto")
        changes = [f"CMD {json.dumps(command)}"]
        imported = self._api.import_image_from_data(
            layer_tar({**program, "file": b"theirs"}), repository="theirs", tag="1", changes=changes)
        image = json.loads(imported.splitlines()[-1])["status"]
        self._api.tag(image, "theirs", "2")
        self._client.volumes.create("theirs")
        for name in ("running", "stopped", "created"):
            container = self._client.containers.create(
                image, name=name, network_mode="none", volumes={"theirs": {"bind": "/volume"}}, stop_signal="SIGKILL")
            container.put_archive("/", layer_tar({"written": name.encode()}))
            if name != "created":
                container.start()
            if name == "stopped":
                container.stop(timeout=0)
        self._client.containers.get("stopped").commit("theirs", "child")
        self._client.containers.get("stopped").commit()

    def everything(self) -> dict[str, Any]:
        """Return all that there is, with the files in containers."""
        containers = self._api.containers(all=True)
        volumes = self._api.volumes()["Volumes"]
        return {
            "images": sorted((self._api.inspect_image(row["Id"]) for row in self._api.images(all=True)),
                             key=lambda image: image["Id"]),
            "containers": sorted((self._api.inspect_container(row["Id"]) for row in containers),
                                 key=lambda container: container["Id"]),
            "files": {row["Id"]: self._files(row["Id"]) for row in containers},
            "volumes": {volume["Name"]: volume for volume in volumes},
            "networks": {row["Id"]: row for row in self._api.networks()},
            "usage": self._api.df()["LayersSize"],
        }

    def settled(self) -> dict[str, Any]:
        """Return all that there is once the engine has done what it was asked for by who is gone."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(sdk.errors.APIError):  # a container may go while it is looked at
                before = self.everything()
                time.sleep(0.1)
                if before == self.everything():
                    return before
        raise AssertionError("the engine does not come to rest")

    def _files(self, container: str) -> dict[str, bytes]:
        stream, _ = self._api.get_archive(container, "/")
        return unpacked(b"".join(stream))

    def made(self) -> list[str]:
        """Return the names of the containers that a run has made."""
        names = [name for row in self._api.containers(all=True) for name in row["Names"]]
        return [name for name in names if name.startswith("/lp-")]

    def use_of(self, container: str) -> str:
        """Create a container of somebody else's from the image of another one; return the image's ID."""
        image = self._client.containers.get(container.lstrip("/")).image.id
        self._client.containers.create(image, name="user", network_mode="none")
        return image

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def shared(needs_docker: None) -> Iterator[Shared]:
    with PrivateDaemon() as daemon:
        docker = Shared(daemon.socket)
        yield docker
        docker.close()


def test_what_others_have_on_a_shared_docker_stays_as_it_is(place: Path, shared: Shared) -> None:
    before = shared.everything()
    assert ["created", "exited", "running"] == sorted(c["State"]["Status"] for c in before["containers"])
    assert 3 == len(before["images"])
    command = Command(place, "--socket", shared.address, "--budget", "30", "--format", "json")
    _, out, err = command.result()
    assert ("incomplete", "") == (json.loads(out)["verdict"], err)  # it takes longer to come to all
    assert 60 <= json.loads(out)["operations"]
    assert before == shared.everything()
    assert [] == command.left()


@pytest.mark.parametrize("times", [1, 1000])
def test_a_signal_in_the_middle_of_a_shared_run_removes_what_it_made(
    place: Path, shared: Shared, times: int,
) -> None:
    before = shared.everything()
    command = Command(place, "--socket", shared.address, "--operations", "100000")
    command.until(shared.made)
    while times and not command.ended:
        command.send(signal.SIGINT)
        times -= 1
        time.sleep(0.001)
    assert "SIGINT" == ended_by(command.result())
    assert before == shared.everything()
    assert [] == command.left()


@pytest.mark.parametrize("moment", range(10))
def test_what_a_killed_run_left_is_told_and_removed_and_nothing_else(
        place: Path, shared: Shared, moment: int) -> None:
    before = shared.everything()
    killed = Command(place, "--socket", shared.address, "--operations", "100000")
    killed.until(shared.made)
    time.sleep(moment * 0.17)
    killed.send(signal.SIGKILL)
    killed.result()
    left = shared.settled()
    if moment == 0:  # another run on the same engine, meanwhile, meets none of it
        status, out, err = Command(place, "--socket", shared.address, "--operations", "30", "--format", "json").result()
        assert (0, 30) <= (status, json.loads(out)["operations"])
        assert " that killed runs left can be removed: --cleanup lists and removes them\n" in err
        assert left == shared.everything()
    old = shared.made()
    goes_on = Command(place, "--socket", shared.address, "--operations", "100000")
    goes_on.until(lambda: {*shared.made()} - {*old})
    status, out, err = Command(place, "--socket", shared.address, "--cleanup").result()
    assert (0, "") == (status, err)
    assert (left != before) == bool(re.search(r"^removed: (container|image) [0-9a-f]{12}", out, re.MULTILINE))
    assert re.search(r"^left alone: \w+ [0-9a-f]{12}.*: the run lp-[0-9a-f]{8} goes on$", out, re.MULTILINE)
    goes_on.send(signal.SIGINT)
    goes_on.result()
    assert before == shared.everything()
    status, out, err = Command(place, "--socket", shared.address, "--cleanup").result()
    assert (0, "0 things of killed runs removed\n", "") == (status, out, err)


def test_what_somebody_else_uses_of_a_killed_run_stays(place: Path, shared: Shared) -> None:
    killed = Command(place, "--socket", shared.address, "--operations", "100000")
    killed.until(shared.made)
    killed.send(signal.SIGKILL)
    killed.result()
    used = shared.use_of(shared.made()[0])
    status, out, _ = Command(place, "--socket", shared.address, "--cleanup").result()
    assert 1 == status
    assert re.search(rf"^not removed: image {used[7:19]}.*: somebody else uses it$", out, re.MULTILINE)
    assert used in {image["Id"] for image in shared.everything()["images"]}


@pytest.mark.parametrize(("arguments", "says"), [
    (["--cleanup"], "--cleanup needs --socket: a private Docker Engine leaves nothing behind"),
    (["--cleanup", "--socket", "/none.sock"], "is not reachable")])
def test_what_cannot_be_cleaned_up(place: Path, arguments: list[str], says: str) -> None:
    assert says in sentence(Command(place, *arguments).result())


def test_a_shared_docker_that_is_killed_in_the_middle(place: Path) -> None:
    with PrivateDaemon() as daemon:
        docker = Shared(daemon.socket)
        command = Command(place, "--socket", docker.address, "--operations", "100000")
        command.until(docker.made)
        prefix = docker.made()[0][1:12]
        docker.close()
        pid = next(pid for pid, line in processes(daemon.folder).items() if "/dockerd " in line.partition("--")[0])
        os.kill(pid, signal.SIGKILL)
        status, out, err = command.result()
    assert 1 == status
    assert re.search(r"FINDING: docker \S+ died, or cannot be reached any more", out)
    assert " is not reachable (" in err
    assert f"may be left, the names of it begin with {prefix}-" in err


# The output file


@pytest.mark.parametrize("output", ["none/report", "file/report", "folder"])
def test_an_output_file_that_cannot_be_written_is_refused_before_the_run(place: Path, output: str) -> None:
    (place / "file").write_text("")
    (place / "folder").mkdir()
    daemon = place / "daemon"
    daemon.write_text(f"#!/bin/sh\ntouch {place}/started\n")
    daemon.chmod(0o755)
    said = sentence(Command(place, "--dockerd", str(daemon), "--output", output).result())
    assert said.startswith(f"the output file {output} cannot be written: ")
    assert not (place / "started").exists()
