"""Those whom the sensor of the demonstration tells: a service manager, a webhook, and a reader of its files."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import IO

METRICS_PORT = 9473
METRICS = f"http://127.0.0.1:{METRICS_PORT}/metrics"
_LOOK = 0.1  # seconds


class ServiceManager:
    """What systemd would be: the socket at which the sensor says that it is ready (sd_notify(3))."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def is_told(self, word: str, seconds: float) -> bool:
        """Wait for a word like READY=1; tell whether it came."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if word in self._socket.recv(4096).decode().splitlines():
                    return True
            except TimeoutError:
                break
        return False

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()


class Receiver:
    """A web server on this machine that takes what the sensor posts."""

    def __init__(self, taken: Callable[[str, dict[str, Any]], None]) -> None:
        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                octets = self.rfile.read(int(self.headers["Content-Length"]))
                taken(self.headers["Idempotency-Key"], json.loads(octets))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing; `taken` does."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self._server.server_port}/zoneguard"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._server.server_close()


class Reader:
    """Follows a file of JSON lines, as `tail -F` does; what follows it is read to its end when it closes."""

    def __init__(self, path: Path, read: Callable[[dict[str, Any]], None]) -> None:
        self._path, self._read = path, read
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read what is there, and stop."""
        self._closing.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._path.exists():
            if self._closing.wait(_LOOK):
                return
        with self._path.open("rb") as file:
            while True:
                closing = self._closing.is_set()
                self._read_lines(file)
                if closing:
                    return
                self._closing.wait(_LOOK)

    def _read_lines(self, file: IO[bytes]) -> None:
        while True:
            at, line = file.tell(), file.readline()
            if not line.endswith(b"\n"):
                file.seek(at)
                return
            self._read(json.loads(line))


def metrics_page() -> str:
    """Ask for the metrics as Prometheus does."""
    with urlopen(METRICS, timeout=5) as answer:
        return str(answer.read().decode())


def metric(page: str, name: str) -> float | None:
    """Give the sum of a metric over its labels; None when it is not there."""
    found = [
        float(line.rsplit(" ", 1)[1])
        for line in page.splitlines()
        if line.partition("{")[0].split(" ")[0] == name
    ]
    return sum(found) if found else None
