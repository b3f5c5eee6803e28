"""Processes that share a piece of work, and leave nothing behind when a signal ends them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


@contextlib.contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Fork so many processes; what they put into temporary folders is removed at the end, at the latest.

    A signal ends them at once, wherever they are, so that they cannot remove it themselves.
    """
    with (tempfile.TemporaryDirectory(prefix="layerproof-") as folder,
          ProcessPoolExecutor(jobs, mp_context=get_context("fork"),
                              initializer=_into, initargs=(folder,)) as pool):
        yield pool


def _into(folder: str) -> None:
    """Have temporary files made in a folder."""
    tempfile.tempdir = folder
