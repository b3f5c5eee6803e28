"""A program as an :class:`~layerproof.machines.store.engine.Engine`: a line of JSON for each request and answer.

See :mod:`layerproof.machines.store.messages`. What the program writes to standard error is its log.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from layerproof.errors import EngineHung, EngineUnreachable, Unintelligible, WrongRequest
from layerproof.machines.store.messages import METHODS, VERSION, files_of, request, result

_LONGEST = 256 << 20
"""Bytes that one answer may have."""
_ENDING = 2.0
"""Seconds that the program may take to end when its input does."""
_LOG = 4000
"""Bytes of the log that are told."""


class ProgramEngine:
    """A program that is judged.

    Attributes:
        name, version, dialect, capabilities, program, command: as the program says in its first answer.
        identity: the command, and a digest of the file that it runs.
    """

    def __init__(self, line: str, timeout: float = 60.0) -> None:
        """Start the program.

        Args:
            line: its path and its arguments, as a shell splits them.
            timeout: seconds that one answer may take.

        Raises:
            WrongRequest: if the line is none.
            EngineUnreachable: if it cannot be started, or does not answer.
            Unintelligible: if it answers otherwise.
        """
        try:
            self._command = shlex.split(line)
        except ValueError as error:
            raise WrongRequest(f"the command {line!r} cannot be split: {str(error).lower()}") from None
        self._timeout = timeout
        with contextlib.suppress(OSError, IndexError):
            self.identity = f"{line} {hashlib.blake2b(Path(self._command[0]).read_bytes()).hexdigest()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A method of an engine: what the program is asked."""
        if name not in METHODS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return partial(self._call, name)

    def _start(self) -> None:
        """Start the program, and ask who it is."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (it is open as long as the program runs)
        self._read = b""
        try:
            # A session of its own: a Ctrl-C is for us, and what the program has started is ended with it.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                start_new_session=True)
        except OSError as error:
            self._errors.close()
            raise EngineUnreachable(f"{self._command[0]} cannot be run: {error.strerror}") from None
        try:
            self._greet(self._ask({"do": "hello", "messages": VERSION}))
        except BaseException:
            self._end()
            raise

    def _greet(self, answer: Any) -> None:
        """Take what the program says of itself.

        Raises:
            Unintelligible: if that is not as it should be.
        """
        said = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(said, dict):
            raise Unintelligible(f"{self._command[0]} answers {answer!r:.120} to hello, which has no 'result'")
        if said.get("messages") != VERSION:
            raise Unintelligible(f"{self._command[0]} speaks messages {said.get('messages')!r}, not {VERSION}")
        for name in ("name", "version", "dialect"):
            if not isinstance(said.get(name), str) and (name != "dialect" or said.get(name) is not None):
                raise Unintelligible(f"{self._command[0]} says {said.get(name)!r} as {name!r}, which is no string")
        for name in ("capabilities", "command"):
            value = said.get(name, [])
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise Unintelligible(
                    f"{self._command[0]} says {value!r:.80} as {name!r}, which is no list of strings")
        self.name, self.version, self.dialect = said["name"], said["version"], said.get("dialect")
        self.capabilities = frozenset(said["capabilities"])
        self.program = files_of(said.get("program", {}), f"'program' of {self._command[0]}")
        self.command = tuple(said.get("command", ()))

    def _call(self, method: str, *arguments: Any) -> Any:
        """Have the program do something."""
        return result(method, self._ask(request(method, arguments)))

    def _ask(self, message: dict[str, Any]) -> Any:
        """Send a line, and read one.

        Raises:
            EngineUnreachable: if the program is gone; EngineHung: if it is silent for too long.
            Unintelligible: if what it writes is no JSON.
        """
        process = self._process
        if process is None or process.stdin is None:
            raise EngineUnreachable(f"{self._command[0]} was ended")
        deadline = time.monotonic() + self._timeout
        self._see_that_nothing_is_left(process, message["do"])
        self._send(process, json.dumps(message).encode() + b"\n", deadline, message["do"])
        line = self._line(process, deadline, message["do"])
        try:
            return json.loads(line)
        except ValueError:
            said = line.decode(errors="replace")
            raise Unintelligible(
                f"{self._command[0]} answers {said!r:.120} to {message['do']}, which is no JSON") from None

    def _see_that_nothing_is_left(self, process: subprocess.Popen[bytes], doing: str) -> None:
        """See that the program has not written more than it was asked for.

        Raises:
            Unintelligible: if it has.
        """
        assert process.stdout is not None
        if select.select([process.stdout], [], [], 0)[0]:
            self._read += os.read(process.stdout.fileno(), 1 << 16)
        if self._read:
            said, self._read = self._read.decode(errors="replace"), b""
            raise Unintelligible(f"{self._command[0]} wrote {said!r:.120} before it was asked for {doing}")

    def _send(self, process: subprocess.Popen[bytes], data: bytes, deadline: float, doing: str) -> None:
        """Write a line; a program that does not read is silent, too."""
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        while data:
            if not select.select([], [process.stdin], [], max(0.0, deadline - time.monotonic()))[1]:
                raise self._silent(doing)
            try:
                data = data[os.write(process.stdin.fileno(), data):]
            except OSError:
                raise self._gone(doing) from None

    def _line(self, process: subprocess.Popen[bytes], deadline: float, doing: str) -> bytes:
        """Read a line."""
        assert process.stdout is not None
        while b"\n" not in self._read:
            if not select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise self._silent(doing)
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                raise self._gone(doing)
            self._read += part
            if len(self._read) > _LONGEST:
                raise Unintelligible(f"{self._command[0]} answers more than {_LONGEST >> 20} MiB to {doing}")
        line, _, self._read = self._read.partition(b"\n")
        return line

    def _silent(self, doing: str) -> EngineHung:
        return EngineHung(f"{self._command[0]} did not answer within {self._timeout:g} seconds ({doing})")

    def _gone(self, doing: str) -> EngineUnreachable:
        """What to say of a program that has ended, or closed what it answers by."""
        assert self._process is not None
        try:
            status = self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            return EngineUnreachable(f"{self._command[0]} closed its output ({doing})")
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        return EngineUnreachable(f"{self._command[0]} {how} ({doing})")

    def log(self) -> str:
        """The end of what the program wrote to standard error."""
        with contextlib.suppress(OSError, ValueError):
            end = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, end - _LOG))
            return self._errors.read().decode(errors="replace")
        return ""

    def revive(self) -> None:
        """Start the program anew.

        Raises:
            EngineUnreachable: if it cannot be started, or does not answer.
        """
        self._end()
        self._start()

    def close(self) -> None:
        """Have the program remove what the run made, and end it; may be called twice.

        Raises:
            EngineUnreachable: if it is gone or silent.
        """
        if self._process is not None:
            try:
                self._call("close")
            finally:
                self._end()

    def _end(self) -> None:
        """End the program, and all that it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._errors.close()
