"""A web server and a syslog server of the test's own, on ports that stay theirs while they are down."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.sensor.sinks.test_syslog import parsed


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class WebServer:
    """Takes POSTs while it is up; for the first `hang_ups` of them the sender gets no answer."""

    def __init__(self, port: int, *, hang_ups: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        received, left = self.got, [hang_ups]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Idempotency-Key"] == body["key"]
                received.append(body)
                if left[0]:
                    left[0] -= 1
                    self.close_connection = True
                    return
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def told(self) -> list[str]:
        """Give the fingerprints of what was told as new, a message that came again counted once."""
        messages = {one["key"]: one for one in self.got}
        assert all(one == messages[one["key"]] for one in self.got)
        return [
            one["finding"]["fingerprint"]
            for message in messages.values()
            for one in message["told"]
            if one["change"] == "new"
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class SyslogServer:
    """Takes frames with counted octets (RFC 6587) over TCP while it is up."""

    def __init__(self, port: int) -> None:
        self.frames: list[dict[str, Any]] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def told(self) -> list[str]:
        """Give the fingerprints of what was told as new, a frame that came again counted once."""
        frames = {one["data"]["key"]: one["data"] for one in self.frames if one["id"] == "finding"}
        return [one["fingerprint"] for one in frames.values() if one["change"] == "new"]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        octets = b""
        while part := connection.recv(65536):
            octets += part
        while octets:
            length, _, rest = octets.partition(b" ")
            self.frames.append(parsed(rest[: int(length)]))
            octets = rest[int(length) :]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
