"""Each process that runs tests has a folder of its own for temporary files.

A run clears what a run that was killed has left there, and says so; a test that kills one would speak in another's.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.mkdtemp(prefix="lp-", dir="/tmp")  # a short name: sockets are in it
    os.chmod(folder, 0o1777)  # some tests become another user
    os.environ["TMPDIR"], tempfile.tempdir = folder, None
    os.environ["XDG_CACHE_HOME"] = str(config.rootpath / ".pytest_cache" / "computed")  # not the user's own
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
