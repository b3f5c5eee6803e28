"""The signals that end a run, and what they must not cut in two."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from layerproof.process.start import ENDING as ENDING


class Ended(BaseException):
    """A signal asked the run to end.

    It is no Exception and no SystemExit: Hypothesis takes both for failures of what it drives.
    """

    def __init__(self, number: int) -> None:
        """Say which signal it was."""
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let a signal that ends the run wait until the block is done.

    Handlers belong to the main thread; in any other one no signal can cut the block in two.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    # What did not install its handler in Python is None, and cannot be put back.
    before = {n: handler for n in ENDING if (handler := signal.getsignal(n)) is not None}
    for each in before:
        signal.signal(each, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in came[:1]:
            signal.raise_signal(number)


class Ending:
    """Within it, a signal that ends a run is raised as :class:`Ended`.

    A second one changes nothing: what the run made is being removed by then. Signals that are ignored stay
    so, as for a program under ``nohup``.

    Attributes:
        number: the signal that came, or None.
    """

    def __init__(self) -> None:
        """Wait to be entered."""
        self.number: int | None = None
        self._owner = os.getpid()
        self._raised: weakref.ref[Ended] | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._hook = sys.unraisablehook
        self._over = False

    def __enter__(self) -> Ending:
        """Begin to raise; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
            for number in ENDING:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the handlers back; after a signal further ones are ignored, as the program is ending."""
        self._over = True
        for number, handler in self._before.items():
            signal.signal(number, handler if self.number is None else signal.SIG_IGN)
        if self.number is None:
            sys.unraisablehook = self._hook

    def _came(self, number: int, _: object) -> None:
        if os.getpid() != self._owner:
            os._exit(128 + number)  # a forked worker: who forked it deals with the rest
        if self._raised is not None and self._raised() is not None:
            return  # still on its way, or being dealt with
        self.number = number
        threading.excepthook = lambda _: None  # a pool stumbles when it loses its workers
        for worker in multiprocessing.active_children():
            worker.terminate()  # else what waits for its workers would wait until they have done their share
        ended = Ended(number)
        self._raised = weakref.ref(ended, self._gone)
        try:
            raise ended
        finally:
            del ended  # it holds this frame; were it held by it, it would outlive whoever swallows it

    def _gone(self, _: object = None) -> None:
        """Send the signal again where what it raised was swallowed on its way and did not come to the end."""
        self._raised = None
        if self._over:  # perhaps the interpreter is, too, and starts no threads any more
            return
        again = threading.Timer(0.01, self._again)
        again.daemon = True
        again.start()

    def _again(self) -> None:
        if not self._over and self.number is not None:
            os.kill(os.getpid(), self.number)

    def _unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Send the signal again where Python could not raise it, as in a ``__del__`` (Z3's terms have one).

        What else cannot be raised once a signal came, as in what was not made whole, tells nobody anything.
        """
        if isinstance(lost.exc_value, Ended):
            self._gone()
        elif self.number is None:
            self._hook(lost)
