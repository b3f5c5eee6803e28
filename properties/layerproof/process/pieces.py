"""Pieces of work that do not wait for each other: done by processes of this machine, or by a Dask cluster.

What all pieces of a run are about, such as a machine, holds functions and Z3 terms, which cannot be sent. Forked
processes find it in their memory; elsewhere it is made anew, once in each process, by its *recipe*.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from layerproof.errors import WrongRequest
from layerproof.process.workers import workers

Made = TypeVar("Made")
Recipe = Callable[[], Made]
"""Makes the same again in another process, to which it can be sent: a function of a module, with its arguments."""

_recipes: WeakKeyDictionary[Any, Recipe[Any]] = WeakKeyDictionary()


def made_by(one: Made, recipe: Recipe[Made]) -> Made:
    """Say how other processes make the same as this, which is given back."""
    _recipes[one] = recipe
    return one


def recipe(one: Made) -> Recipe[Made]:
    """How other processes make the same.

    Raises:
        WrongRequest: if nobody has said how; what was made of it by changing it, say, is another.
    """
    if one not in _recipes:
        raise WrongRequest(f"a {type(one).__name__.lower()} that was made in this process alone cannot be sent to "
                           "a cluster: it has to have a name there, of a module or of a file")
    return _recipes[one]


def has_recipe(one: object) -> bool:
    """Whether other processes can make the same."""
    return one in _recipes


class Pool(Protocol):
    """What does pieces.

    Attributes:
        width: how many it does at a time.
    """

    width: int

    def submit(self, name: str, do: Callable[..., Made], *arguments: Any) -> Future[Made]:
        """Have a piece done.

        Args:
            name: the piece in words, should it have to be said which it was.
            do: a function of a module; it is given what all pieces are about, then the arguments.
        """


@contextlib.contextmanager
def pool(
    shared: Made, anew: Callable[[], Recipe[Made]], *, jobs: int, cluster: str | None = None,
) -> Iterator[Pool]:
    """Begin to do pieces, and leave none behind.

    Args:
        shared: what all of them are about.
        anew: gives its recipe; it is asked only if there is a cluster.
        jobs: how many processes are forked, if there is no cluster.
        cluster: the address of a Dask cluster.

    Raises:
        WrongRequest: if the cluster cannot be had, or is of other sources; or if those die who did a piece.
    """
    if cluster is not None:
        from layerproof.process.cluster import connected

        with connected(cluster, anew()) as found:
            yield found
        return
    global _shared
    _shared = shared
    try:
        with workers(jobs) as processes:
            yield _Forked(processes, jobs)
    except BrokenProcessPool as error:
        raise WrongRequest("a process that did a piece of the work was killed; if it was for want of memory, "
                           "fewer of them (--jobs) need less") from error
    finally:
        _shared = None


_shared: Any = None
"""What forked processes find."""


class _Forked:
    """Forked processes."""

    def __init__(self, processes: ProcessPoolExecutor, width: int) -> None:
        self._processes, self.width = processes, width

    def submit(self, name: str, do: Callable[..., Made], *arguments: Any) -> Future[Made]:
        return self._processes.submit(_do, do, *arguments)


def _do(do: Callable[..., Made], *arguments: Any) -> Made:
    return do(_shared, *arguments)
