"""The first moments of the program, before anything that takes time is imported.

It knows nothing but the standard library's smallest modules, so that a signal finds it in place.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from typing import Any

from layerproof.errors import WrongRequest

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What Ctrl-C, a service manager, and a terminal that is closed send."""


def begin() -> None:
    """Have signals end the program in one sentence, and have all that is printed arrive or be missed loudly.

    Commands put their own handlers in place of these while there is something to clean up
    (:class:`layerproof.process.signals.Ending`).
    """
    for number in ENDING:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):  # ignored as under nohup
            signal.signal(number, _end)
    if sys.stdout is not None:
        sys.stdout = _printer(sys.stdout)


def _end(number: int, _: object) -> None:
    try:
        os.write(2, f"layerproof: ended by {signal.Signals(number).name}\n".encode())
    finally:  # where standard error is closed, too
        os._exit(128 + number)


def _printer(stream: Any) -> io.TextIOWrapper:
    """The standard output, but whole.

    Characters that its encoding lacks are printed as escapes: somebody who asked for Latin-1 gets text that
    they can read, and nothing is lost; bytes of UTF-8 would be garbled there.
    """
    stream.flush()
    return io.TextIOWrapper(io.BufferedWriter(_Whole(stream.fileno())), encoding=stream.encoding,
                            errors="backslashreplace", line_buffering=stream.isatty())


class _Whole(io.RawIOBase):
    """A file that is written whole; ``python -u`` drops the rest where the system takes only a part.

    When the reader is gone, as in ``| head -1``, what is left is dropped: they have what they wanted.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._over = False

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        count = len(left)
        while left and not self._over:
            try:
                left = left[os.write(self._descriptor, left):]
            except BlockingIOError:  # whoever shares the terminal or pipe has made it so
                _wait(self._descriptor)
            except OSError as error:
                self._over = True  # there is no use in trying again while the program ends
                if error.errno != errno.EPIPE:
                    raise WrongRequest(f"the result cannot be printed: {error.strerror}") from None
        return count


def _wait(descriptor: int) -> None:
    import select

    select.select([], [descriptor], [])
