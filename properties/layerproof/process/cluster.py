"""Pieces of work on a Dask cluster: workers of the same sources only, each piece once more if its worker dies."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import uuid
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from layerproof.errors import WrongRequest
from layerproof.process.cache import sources

if TYPE_CHECKING:
    from distributed import Client, Worker

Made = TypeVar("Made")

_PATIENCE = 10
"""Seconds in which a cluster has to answer."""
_ADDRESS = re.compile(r"(?:[a-z]+://)?(?:[^\s:/\[\]]+|\[[0-9A-Fa-f:.%]+\]):(?P<port>\d{1,5})")


@contextlib.contextmanager
def connected(address: str, recipe: Callable[[], Any]) -> Iterator[Cluster]:
    """Reach a cluster, see that its workers are fit, and leave nothing of ours there to be done.

    A piece that is being done when a run ends before its end is done to its end, and nobody hears of it.

    Args:
        address: of the scheduler, as ``host:8786`` or ``tls://host:8786``.
        recipe: makes what all pieces are about, in each worker once.

    Raises:
        WrongRequest: if distributed is not installed, the address is none, nobody answers, there is no worker, or
            one of them has other sources than this process, or several threads.
    """
    with _client(address) as client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise WrongRequest(f"the cluster at {address} has no worker") from None
        mine = sources()
        for worker, unfit in client.run(_unfit, mine, on_error="return").items():
            if unfit is not None:
                raise WrongRequest(_said(worker, unfit))
        yield Cluster(client, address, partial(_piece, str(uuid.uuid4()), mine, recipe), len(client.nthreads()))


@contextlib.contextmanager
def _client(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise WrongRequest("--cluster needs Dask distributed, which is not installed: pip install "
                           "'layerproof[cluster]'") from None
    port = _ADDRESS.fullmatch(address)
    if port is None or not 0 < int(port["port"]) < 1 << 16:
        raise WrongRequest(f"--cluster takes the address of a Dask scheduler, as host:8786, not {address!r}")
    for name in [*logging.root.manager.loggerDict]:
        if name.startswith(("distributed", "tornado")):  # what they say of lost connections comes as an error, too
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except Exception as error:  # whoever speaks another protocol is taken to ask for exabytes of memory, say
        raise WrongRequest(f"no Dask scheduler answers at {address} within {_PATIENCE} seconds") from error
    try:
        yield client
    finally:
        with contextlib.suppress(OSError, CancelledError):
            client.close(timeout=1)


class Cluster:
    """The workers of a cluster, as :class:`layerproof.process.pieces.Pool` has it."""

    def __init__(self, client: Client, address: str, piece: Callable[..., Any], width: int) -> None:
        """Submit pieces, each done by ``piece``."""
        self._executor, self._address = client.get_executor(pure=False), address
        self._piece, self.width = piece, width

    def submit(self, name: str, do: Callable[..., Made], *arguments: Any) -> Future[Made]:
        """Have a piece done."""
        there = self._executor.submit(self._piece, do, *arguments, key=f"{name}{_MARK}{uuid.uuid4()}")
        here = Future[Made]()
        # `there` is held by nobody but this callback's caller: as soon as its result is here, the cluster forgets
        # it. Else a worker that dies would have all pieces done again whose results it still keeps.
        there.add_done_callback(partial(self._pass_on, here))
        return here

    def _pass_on(self, here: Future[Made], there: Future[Made]) -> None:
        from distributed import KilledWorker

        try:
            here.set_result(there.result())
        except KilledWorker as error:
            name = str(error.task).partition(_MARK)[0]
            here.set_exception(WrongRequest(
                f"{error.allowed_failures + 1} workers of the cluster at {self._address} died one after the other "
                f"when they did one piece: {name}"))
        except CancelledError:
            here.set_exception(WrongRequest(f"the cluster at {self._address} is gone, or has dropped what it was "
                                            "to do"))
        except BaseException as error:
            here.set_exception(error)


_MARK = " #"
"""Between the name of a piece and what makes it unique."""


# In the workers.

_made: OrderedDict[str, Any] = OrderedDict()
"""What was made of recipes, by run; of the last runs only."""
_RUNS = 2
_one_at_a_time = threading.RLock()


def _unfit(wanted: str, dask_worker: Worker) -> str | None:
    """Why a worker cannot take pieces; None if it can. Dask gives it an argument of this name."""
    if sources() != wanted:
        return "has other sources of layerproof, whose verdict would be on other rules"
    if dask_worker.state.nthreads != 1:
        return "has several threads, and Z3 takes one question at a time in a process: start it with --nthreads 1"
    return None


def _said(worker: str, unfit: str | BaseException) -> str:
    if isinstance(unfit, BaseException):
        return f"the worker {worker} cannot do what is asked here: {type(unfit).__name__}: {unfit}"
    return f"the worker {worker} {unfit}"


def _piece(run: str, wanted: str, recipe: Callable[[], Any], do: Callable[..., Made], *arguments: Any) -> Made:
    """Do a piece in a worker: it may have joined later than the others were looked at."""
    from distributed import get_worker

    worker = get_worker()
    if (unfit := _unfit(wanted, worker)) is not None:
        raise WrongRequest(_said(worker.address, unfit))
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.devnull)  # as in the command line
    # Hypothesis sees that somebody takes random numbers while it draws: the worker does, in another thread.
    warnings.filterwarnings("ignore", "Do not use the `random` module inside strategies")
    with _one_at_a_time:
        if run not in _made:
            _made[run] = recipe()
            while len(_made) > _RUNS:
                _made.popitem(last=False)
        return do(_made[run], *arguments)
