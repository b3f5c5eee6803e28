"""Names of images are read as Docker reads them."""

import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layermodel.formats.references import familiar, is_tagged
from layerproof.engines.docker.engine import DockerEngine
from layerproof.errors import Refused

GOOD = ["foo:1", "a/b:latest", "host:5000/a/b:1", "localhost/a:1", "a.b/c:1", "a__b--c.d/e:T_x.-1", "docker.io/foo:1",
        "docker.io/library/foo:1", "index.docker.io/library/foo:1", "docker.io/a/b:1", "Host/foo:1", "[::1]:5000/a:1",
        "a" * 64 + ":1", "foo:" + "t" * 128, "docker.io/library/a/b:1", "HOST.x/a:1", "library/zz:1"]
BAD = ["Foo:1", "foo", "foo:", ":1", "", "foo:bar:baz", "foo@sha256:" + "0" * 64, "foo:1@sha256:" + "0" * 64, "a//b:1",
       "foo:" + "t" * 129, "a___b:1", "-a:1", "a/-b:1", "foo:-1", "foo :1", "a/B:1", "ä:1", "foo:ä", "host:port/a:1",
       "a" * 256 + ":1"]
APART = {"Host/foo:1", "[::1]:5000/a:1", "a" * 64 + ":1", "foo:bar:baz"}
"""Docker 20.10 takes no address and no host in upper case without a point, which later ones do; and where repository
and tag are said apart, no repository of 64 digits, and the first of two tags is not looked at."""


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_what_an_image_can_be_called(name):
    assert (name in GOOD) == is_tagged(name)


@pytest.mark.parametrize(("name", "short"), [
    ("foo:1", "foo:1"), ("docker.io/library/foo:1", "foo:1"), ("index.docker.io/library/foo", "foo"),
    ("docker.io/foo:1", "foo:1"), ("docker.io/a/b:1", "a/b:1"), ("quay.io/library/foo:1", "quay.io/library/foo:1"),
    ("docker.io/library/a/b:1", "library/a/b:1"), ("library/foo:1", "foo:1"), ("library/a/b:1", "library/a/b:1"), ("docker.io", "docker.io")])
def test_the_short_form_leaves_out_where_most_come_from(name, short):
    assert short == familiar(name)


@given(st.from_regex(r"((docker\.io|index\.docker\.io|h:1)/)?(library/)?([a-z0-9]{1,3}/)?[a-z0-9]{1,3}:[a-z0-9]", fullmatch=True))
def test_a_short_form_is_a_name_too(name):
    assert is_tagged(name)
    assert is_tagged(familiar(name))


@pytest.mark.docker
def test_docker_takes_and_shows_the_same():
    if shutil.which("dockerd") is None or os.geteuid():
        required = os.environ.get("LAYERPROOF_REQUIRE_DOCKER") == "1"
        (pytest.fail if required else pytest.skip)("needs dockerd and root")
    with DockerEngine(timeout=60.0) as engine:
        image = engine.import_(bytes(1024), None)
        shown = {}
        for name in [*GOOD, *BAD]:
            repository, colon, tag = name.rpartition(":")
            if name in APART or not colon or not tag or "/" in tag or "@" in name:  # no tag is latest to the API
                continue
            try:
                engine.api.post(f"/images/{image}/tag", repo=repository, tag=tag)
            except Refused:
                shown[name] = None
            else:
                shown[name], = engine.api.get(f"/images/{image}/json")["RepoTags"]
                engine.api.request("DELETE", f"/images/{shown[name]}")
                image = engine.import_(bytes(1024), None)
    assert {name: familiar(name) if name in GOOD else None for name in shown} == shown
    assert len(shown) > 25
