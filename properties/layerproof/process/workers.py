"""Processes that share a piece of work, and leave nothing behind however the run ends."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from layerproof.process.folders import Temporary
from layerproof.process.heap import keep_freed_memory


@contextlib.contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Fork so many processes; they end when this one does, even by SIGKILL.

    What they put into temporary folders is removed at the end, at the latest: a signal ends them at once,
    wherever they are, so that they cannot remove it themselves.
    """
    folder = Temporary()
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("fork"), initializer=_begin,
                               initargs=(str(folder.path),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)  # else what is in vain would be done first
        raise
    else:
        pool.shutdown()
    finally:
        folder.remove()


def _begin(folder: str) -> None:
    """Have temporary files made in a folder, and end with the process that forked this one."""
    tempfile.tempdir = folder
    keep_freed_memory()
    gc.freeze()  # what is there already stays: to look through it again and again takes long
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait until the parent is gone, then end, wherever the work is.

    The parent holds the other end of a pipe, and so do workers that were forked later; the last of them
    ends first. This needs no Linux, and cannot miss a parent that ended before it was looked for.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
