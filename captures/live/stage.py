"""The stage of the demonstration: a network namespace of its own, one wire in it, and what is played onto the wire."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import subprocess
import time
from pathlib import Path

CORE, MIRROR = "core0", "mirror0"  # the switch's end of the wire, and the sensor's
_CLONE_NEWNET = 0x40000000
_PCAP = bytes.fromhex("d4c3b2a1")  # what make_captures.py writes: little-endian, microseconds
_LONGEST_GAP = 0.001  # seconds between two packets, however long they were apart when recorded


def enter() -> None:
    """Move this process, and all that it starts from now on, into a new network namespace with one wire.

    The namespace has no name: it goes when the last of these processes ends, however that comes. Without IPv6,
    nothing is on the wire but what is played. Raises OSError.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for which in ("all", "default"):
        switch = Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6")
        if switch.exists():
            switch.write_text("1", encoding="ascii")
    _ip("link", "set", "lo", "up")
    _ip("link", "add", CORE, "type", "veth", "peer", "name", MIRROR)
    for end in (CORE, MIRROR):
        _ip("link", "set", end, "up")


def frames(path: Path) -> list[tuple[float, bytes]]:
    """Read a sample capture: seconds since the packet before, and the frame with its VLAN tags."""
    octets = path.read_bytes()
    if octets[:4] != _PCAP:
        raise ValueError(f"{path}: not as make_captures.py writes it")
    found, at, before = [], 24, None
    while at < len(octets):
        seconds, micro, length, _ = struct.unpack_from("<IIII", octets, at)
        moment = seconds + micro / 1_000_000
        found.append((0.0 if before is None else moment - before, octets[at + 16 : at + 16 + length]))
        before, at = moment, at + 16 + length
    return found


class Player:
    """Plays captures onto the switch's end of the wire."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((CORE, 0))
        self.sent = 0

    def play(self, path: Path) -> int:
        """Send the frames of a capture in order, pauses shortened; give their number."""
        played = frames(path)
        for gap, frame in played:
            time.sleep(min(max(gap, 0.0), _LONGEST_GAP))
            self._send(frame)
        self.sent += len(played)
        return len(played)

    def close(self) -> None:
        """Let go of the wire."""
        self._socket.close()

    def _send(self, frame: bytes) -> None:
        while True:
            try:
                self._socket.send(frame)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                time.sleep(_LONGEST_GAP)
            else:
                return


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(errno.EPERM, f"ip {' '.join(words)}: {done.stderr.strip()}")
