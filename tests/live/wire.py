"""One wire in a network namespace of its own: what is sent at `near` is heard at `far`. Needs root.

No address, no IPv6: nothing is on the wire but what a test sends.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.oracle.world import _in_namespace as in_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BATCH = 256
_QDISC_BYPASS = 20
_SOL_PACKET = 263


class Wire:
    """A pair of interfaces, `near` and `far`, of a namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def build(self) -> None:
        run("ip", "netns", "add", self.name)
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.run("ip", "link", "set", "lo", "up")
        self.add("near", "far")

    def add(self, near: str, far: str) -> None:
        self.run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        for name in (near, far):
            self.run("ip", "link", "set", name, "up")

    def run(self, *command: str) -> str:
        return run("ip", "netns", "exec", self.name, *command)

    def here(self):
        """Make sockets of this thread in the namespace."""
        return in_namespace(self.name)

    def send(self, frames: Sequence[bytes], *, interface: str = "near", times: int = 1) -> int:
        """Send the frames in order, so many times over; give how many the wire took.

        A busy machine may lose frames on their way to the other end, before anybody could hear them.
        """
        before = self.lost(interface)
        with self.here():
            sender = Sender(interface)
        try:
            sent = sum(sender.send(frames) for _ in range(times))
        finally:
            sender.close()
        return sent - (self.lost(interface) - before - sender.refused)

    def lost(self, interface: str) -> int:
        (about,) = json.loads(self.run("ip", "-j", "-s", "link", "show", interface))
        return about["stats64"]["tx"]["dropped"]

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)


class Sender:
    """Sends frames by sendmmsg: about 600,000 a second over a veth pair."""

    def __init__(self, interface: str) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        self.socket.bind((interface, 0))
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.refused = 0  # frames that were lost, and so sent again
        self._made: tuple[object, list[tuple[object, int]]] | None = None

    def prepare(self, frames: Sequence[bytes]) -> None:
        """Make the messages of frames that are sent next, so that sending takes no time for it."""
        if self._made is None or self._made[0] is not frames:
            self._made = frames, [_messages(frames[i : i + _BATCH]) for i in range(0, len(frames), _BATCH)]

    def send(self, frames: Sequence[bytes]) -> int:
        self.prepare(frames)
        sent = 0
        for messages, count in self._made[1]:
            done = 0
            while done < count:
                at = ctypes.addressof(messages.headers) + done * 64
                got = self.libc.sendmmsg(self.socket.fileno(), ctypes.c_void_p(at), count - done, 0)
                if got < 0:
                    number = ctypes.get_errno()
                    if number == errno.ENOBUFS:
                        self.refused += 1
                        continue
                    raise OSError(number, os.strerror(number))
                done += got
            sent += done
        return sent

    def close(self) -> None:
        self.socket.close()


class _Messages:
    """An array of struct mmsghdr, and what it points to."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self.octets = [ctypes.create_string_buffer(frame, len(frame)) for frame in frames]
        vectors = b"".join(struct.pack("PN", ctypes.addressof(o), len(o)) for o in self.octets)
        self.vectors = ctypes.create_string_buffer(vectors, len(vectors))
        base = ctypes.addressof(self.vectors)
        headers = b"".join(
            struct.pack("PIxxxxPNPNiIIxxxx", 0, 0, base + 16 * i, 1, 0, 0, 0, 0, 0)
            for i in range(len(frames))
        )
        assert len(headers) == 64 * len(frames)
        self.headers = ctypes.create_string_buffer(headers, len(headers))


def _messages(frames: Sequence[bytes]) -> tuple[_Messages, int]:
    return _Messages(frames), len(frames)


@contextmanager
def wire() -> Iterator[Wire]:
    """Build the namespace, and remove it whatever happens."""
    made = Wire(f"zgl{os.getpid()}")
    try:
        made.build()
        yield made
    finally:
        made.remove()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
