from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from layermodel.formats.content import ArchiveEntry, ImageSpec, archive
from layerproof.engines.docker.daemon import PrivateDaemon, last_words
from layerproof.engines.docker.engine import DockerEngine
from layerproof.errors import EngineUnreachable

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("needs_docker")]

OWNER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run in the background of a shell
import time
from layermodel.formats.content import ArchiveEntry, ImageSpec, archive
from layerproof.engines.docker.engine import DockerEngine
with DockerEngine() as engine:
    image = ImageSpec((engine.program,), command=engine.command)
    engine.load(archive([ArchiveEntry(image)]))
    engine.start(engine.create(image.image_id, "alpha"))
    print(engine.daemon.folder, flush=True)
    time.sleep(60)
"""


def processes(word: str) -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                groups = (entry / "cgroup").read_text()
            except OSError:
                continue
            if word in line or Path(word).name in groups:
                found[int(entry.name)] = line
    return found


def dockerd(folder: str) -> int:
    return next(pid for pid, line in processes(folder).items() if line.split()[0].endswith("/dockerd"))


def traces(folder: str) -> list[str]:
    """Return every process, mount, control group and folder that is left of a daemon."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if folder in line]
    # As os.walk does it, groups that go while one looks are passed over.
    groups = [found for found, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(found) == Path(folder).name]
    folders = [folder] if os.path.lexists(folder) else []
    return [*processes(folder).values(), *mounts, *groups, *folders]


def traces_after(folder: str, seconds: float = 10.0) -> list[str]:
    deadline = time.monotonic() + seconds
    while traces(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return traces(folder)


def run_container(engine: DockerEngine) -> str:
    image = ImageSpec((engine.program,), command=engine.command)
    engine.load(archive([ArchiveEntry(image)]))
    container = engine.create(image.image_id, "alpha")
    engine.start(container)
    return container


def test_stop_leaves_nothing_and_may_be_repeated() -> None:
    engine = DockerEngine()
    assert engine.daemon is not None
    run_container(engine)
    folder = engine.daemon.folder
    assert len(processes(folder)) >= 4, "the guard, dockerd, containerd and the container are running"
    engine.close()
    engine.close()
    assert [] == traces(folder)


def test_two_daemons_do_not_disturb_each_other() -> None:
    with PrivateDaemon() as first, PrivateDaemon() as second:
        assert first.socket != second.socket
        first.stop()
        assert [] == traces(first.folder)
        assert processes(second.folder)


def test_nothing_is_left_after_an_exception() -> None:
    with pytest.raises(KeyboardInterrupt), PrivateDaemon() as daemon:
        raise KeyboardInterrupt
    assert [] == traces(daemon.folder)


def test_nothing_is_left_after_dockerd_was_killed() -> None:
    engine = DockerEngine(timeout=5.0)
    assert engine.daemon is not None
    run_container(engine)
    os.kill(dockerd(engine.daemon.folder), signal.SIGKILL)
    with pytest.raises(EngineUnreachable, match="is not reachable"):
        engine.observe()
    engine.close()
    assert [] == traces(engine.daemon.folder)


def guard(daemon: PrivateDaemon) -> int:
    """Return the guard of a daemon: the child of this process above the one above dockerd."""
    return parent(parent(dockerd(daemon.folder)))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_nothing_is_left_after_the_guard_was_killed() -> None:
    daemon = PrivateDaemon()
    assert os.getpid() == parent(guard(daemon))
    os.kill(guard(daemon), signal.SIGKILL)
    daemon.stop()
    assert [] == traces_after(daemon.folder)


@pytest.mark.parametrize("killed", ["nothing", "dockerd", "guard"])
def test_nothing_is_left_of_a_paused_container(killed: str) -> None:
    engine = DockerEngine()
    assert engine.daemon is not None
    engine.pause(run_container(engine))
    if killed != "nothing":
        os.kill(guard(engine.daemon) if killed == "guard" else dockerd(engine.daemon.folder), signal.SIGKILL)
    begin = time.monotonic()
    engine.close()
    assert time.monotonic() - begin < 15.0, "a frozen process does not die, so that its guard waits for it"
    assert [] == traces_after(engine.daemon.folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_after_the_owner_got_a_signal(number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert owner.stdout is not None
    folder = owner.stdout.readline().strip()
    assert traces(folder)
    # To the whole process group, as the terminal does on Ctrl-C.
    os.killpg(owner.pid, number)
    owner.wait(timeout=30)
    owner.stdout.close()
    assert [] == traces_after(folder)


def test_a_daemon_that_hangs_is_unreachable_within_the_timeout() -> None:
    engine = DockerEngine(timeout=1.0)
    assert engine.daemon is not None
    os.kill(dockerd(engine.daemon.folder), signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(EngineUnreachable, match="did not answer within 1 seconds"):
        engine.observe()
    assert time.monotonic() - begin < 3.0
    engine.close()
    assert [] == traces(engine.daemon.folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dockerd": "no-such-dockerd"}, "there is no program no-such-dockerd"),
        ({"flags": ("--no-such-flag",)}, "did not start"),
        ({"storage_driver": "no-such-driver"}, "driver not supported"),
        ({"limit": 0.001}, "did not answer within 0.001 seconds"),
    ],
)
def test_a_daemon_that_does_not_start_is_explained(options: dict[str, object], words: str) -> None:
    with pytest.raises(EngineUnreachable, match=words) as caught:
        PrivateDaemon(**options)  # type: ignore[arg-type]
    assert 1 == len(str(caught.value).splitlines())


def test_the_last_words_of_a_log() -> None:
    log = 'time="x" level=info msg="starting"\ntime="x" level=error msg="no \\"space\\""\n'
    assert 'no "space"' == last_words(log)
    assert "failed to start daemon: why" == last_words(log + "failed to start daemon: why\n")
