"""Telling systemd how the sensor is (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_STATUS = 1000


class Supervisor:
    """systemd, or nobody: without NOTIFY_SOCKET everything is told to nobody.

    Told is what sd_notify knows: READY=1, RELOADING=1 with MONOTONIC_USEC, STOPPING=1, WATCHDOG=1, STATUS=….
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None

    def tell(self, words: Sequence[str], status: str = "") -> bool:
        """Send assignments in one datagram; tell whether somebody took it. A supervisor that is gone is no error."""
        lines = [*words]
        if status:
            lines.append("STATUS=" + " ".join(status.split())[:_MOST_STATUS])
        if self._address is None or not lines:
            return False
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.settimeout(0)  # a supervisor that hangs must not hang the sensor
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def watchdog_limit(environment: Mapping[str, str], pid: int) -> int | None:
    """Give systemd's limit between two signs of life in ns; None when it set none, or set it for another process."""
    usec = environment.get("WATCHDOG_USEC", "")
    if not usec.isascii() or not usec.isdigit() or int(usec) == 0:
        return None
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(usec) * 1000


def _address(name: str) -> bytes | None:
    if name.startswith("@"):
        return b"\0" + name[1:].encode()  # Linux' abstract sockets
    return name.encode() if name.startswith("/") else None
