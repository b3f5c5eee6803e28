"""A private daemon is configured by the caller, and stays private."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from layerproof.cli import main
from layerproof.engines.docker.configured import Configured, configured
from layerproof.engines.docker.engine import DockerEngine
from layerproof.errors import WrongRequest


def test_nothing_said_is_an_empty_file_and_the_usual_driver() -> None:
    assert Configured("{}\n", (), False) == configured(None, ())


@pytest.mark.parametrize("arguments", [
    ("--data-root", "/var/lib/docker"), ("--data-root=/var/lib/docker",), ("-H", "unix:///run/docker.sock"),
    ("-Hunix:///run/docker.sock",), ("-DHunix:///run/docker.sock",), ("-DDH", "unix:///run/docker.sock"),
    ("-D=true", "-H=fd://"), ("--debug", "--iptables=true"), ("--containerd=/run/containerd.sock",),
    ("-b", "none"), ("--metrics-addr", "127.0.0.1:9323"), ("--userns-remap=default",), ("--no-such-flag",), ("-",), ("--",)])
def test_what_reaches_beyond_cannot_be_set_by_an_argument(arguments: tuple[str, ...]) -> None:
    with pytest.raises(WrongRequest, match="cannot be set for a private Docker Engine: it is none of the settings"):
        configured(None, arguments)


@pytest.mark.parametrize("field", [
    "data-root", "hosts", "exec-root", "pidfile", "iptables", "cgroup-parent", "metrics-addr", "userns-remap", ""])
def test_nor_by_a_field_of_the_file(tmp_path: Path, field: str) -> None:
    (tmp_path / "daemon.json").write_text(json.dumps({"debug": True, field: "x"}))
    with pytest.raises(WrongRequest, match=f"^{field} cannot be set"):
        configured(str(tmp_path / "daemon.json"), ())


@pytest.mark.parametrize("arguments", [
    ("-l", "-Hfd://"), ("--label", "--storage-driver=overlay2"), ("--log-level", "--debug")])
def test_a_value_is_never_taken_for_a_flag(arguments: tuple[str, ...]) -> None:
    with pytest.raises(WrongRequest, match="has a value that begins with a hyphen"):
        configured(None, arguments)


@pytest.mark.parametrize(("config", "arguments"), [
    ({}, ("--log-driver=journald",)), ({"log-driver": "syslog"}, ()), ({"storage-driver": ["vfs"]}, ()),
    ({"storage-driver": "devicemapper"}, ()), ({}, ("-s", "zfs")), ({}, ("-Dszfs",)), ({}, ("--storage-driver=zfs",)),
    ({}, ("--storage-driver",))])
def test_a_driver_that_keeps_things_elsewhere_cannot_be_had(
    tmp_path: Path, config: dict[str, object], arguments: tuple[str, ...],
) -> None:
    (tmp_path / "daemon.json").write_text(json.dumps(config))
    with pytest.raises(WrongRequest, match="keep all in its own folder"):
        configured(str(tmp_path / "daemon.json"), arguments)


@pytest.mark.parametrize(("text", "says"), [
    (None, "cannot be read: No such file"), ("{", "is no daemon.json: "),
    ('{"labels": ' + "[" * 200_000, "nested too deeply"), ('{"mtu": NaN}', "NaN is no number"), ("[]", "is no daemon.json: it is no object")])
def test_a_file_that_is_none_is_a_wrong_request(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "daemon.json").write_text(text)
    with pytest.raises(WrongRequest, match=says):
        configured(str(tmp_path / "daemon.json"), ())


@pytest.mark.parametrize(("config", "arguments", "driver"), [
    ({"storage-driver": "vfs"}, (), True), ({}, ("--storage-driver", "vfs"), True), ({}, ("-s", "vfs"), True),
    ({"features": {"containerd-snapshotter": True}}, (), True), ({"debug": True}, ("--debug",), False),
    ({}, ("-Dsvfs",), True), ({}, ("-Dldebug", "-D=false"), False), ({"features": {"containerd-snapshotter": False}}, (), False)])
def test_who_says_a_driver_gets_it(
    tmp_path: Path, config: dict[str, object], arguments: tuple[str, ...], driver: bool,
) -> None:
    (tmp_path / "daemon.json").write_text(json.dumps(config))
    said = configured(str(tmp_path / "daemon.json"), arguments)
    assert (config, arguments, driver) == (json.loads(said.text), said.flags, said.driver)


def test_what_is_for_a_private_one_is_refused_of_a_shared_one_and_of_others(tmp_path: Path) -> None:
    with pytest.raises(WrongRequest, match="are for a private Docker Engine"):
        DockerEngine(socket="unix:///nowhere", daemon_arg=("--debug",))
    for option in ("--daemon-config", "--daemon-arg"):
        result = CliRunner().invoke(main, ["conform", "directory", option, "x"])
        assert (2, True) == (result.exit_code, f"{option} is for docker" in result.output)


@pytest.mark.docker
@pytest.mark.usefixtures("needs_docker")
def test_the_daemon_is_as_it_was_configured(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text('{"storage-driver": "vfs", "labels": ["of=ours"]}')
    with DockerEngine(daemon_config=str(tmp_path / "daemon.json"), daemon_arg=("--max-concurrent-uploads", "1")) as engine:
        info = engine.api.get("/info")
        assert ("vfs", ["of=ours"]) == (info["Driver"], info["Labels"])
        assert engine.observe().layers is None
        assert engine.daemon is not None
        folder = Path(engine.daemon.folder)
        assert info["DockerRootDir"] == str(folder / "data")
    assert not folder.exists()
