"""A proxy before the API of an engine, that misbehaves as it is told."""

import contextlib
import http.client
import json
import os
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

CLOSES, HANGS, GARBAGE, NULL, NUMBER, HALF, FAILS, FAILS_AFTER, TWICE, LATE, MOVING, NO_ID, LARGER, EXITED = (
    "closes", "hangs", "garbage", "null", "number", "half", "fails", "fails-after", "twice", "late", "moving", "no-id",
    "larger", "exited")
"""What it does instead of passing an answer on: the last six change a list, or an object, of the engine's own."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker")
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _do(self):
        proxy = self.server.proxy
        body = self._body()
        how = proxy.plan(self.command, self.path)
        if how == CLOSES:
            self.close_connection = True
            return
        if how == HANGS:
            proxy.ended.wait(20)
            self.close_connection = True
            return
        status, answer = (500, _OUT) if how == FAILS else self._passed_on(body)
        if how == FAILS_AFTER:
            status, answer = 500, _OUT
        elif how in _SAID:
            status, answer = 200, _SAID[how]
        elif how in _CHANGED and status < 300:
            answer = _CHANGED[how](proxy, answer)
        self._answer(status, answer, half=how == HALF)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _do

    def _body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _passed_on(self, body):
        connection = _Connection(self.server.proxy.target)
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("transfer-encoding", "content-length", "connection")}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def _answer(self, status, content, half=False):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:len(content) // 2] if half else content)
        if half:
            self.close_connection = True


def _first(change):
    def changed(proxy, answer):
        value = json.loads(answer)
        return json.dumps(change(value)).encode()
    return changed


def _late(proxy, answer):
    before, proxy.last = proxy.last, answer
    return before or answer


def _each(change):
    """Change each row of a list, or the object."""
    return _first(lambda value: [*map(change, value)] if isinstance(value, list) else change(value))


_OUT = b'{"message": "out of order"}'
_SAID = {GARBAGE: b"<html>it works</html>", NULL: b"null", NUMBER: b"7"}
_CHANGED = {
    TWICE: _first(lambda rows: rows[:1] + rows), LATE: _late,
    MOVING: _first(lambda rows: [{**row, "State": "removing"} for row in rows]),
    NO_ID: _each(lambda row: {k: v for k, v in row.items() if k != "Id"}),
    LARGER: _each(lambda row: {**row, "Size": row["Size"] + 1}),
    EXITED: _each(lambda row: {**row, "State": {**row["State"], "Status": "exited"} if isinstance(row["State"], dict)
                               else "exited"})}


class Proxy:
    """Passes requests on to ``target``, a Unix socket; ``plan`` says by method and path what is done instead.

    Attributes:
        plan: of a method and a path; None passes the request on.
        last: the answer before, of what is one behind.
    """

    def __init__(self, target, folder):
        self.target, self.path, self.last = target.removeprefix("unix://"), f"{folder}/proxy.sock", None
        self.plan, self.ended = lambda method, path: None, threading.Event()

    def __enter__(self):
        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads, proxy = True, self

            def get_request(self):
                connection, _ = super().get_request()
                return connection, ("local", 0)

            def handle_error(self, *_):
                pass  # who asked is gone

        self._server = Server(self.path, _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
