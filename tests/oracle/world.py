"""Three hosts in network namespaces of their own: a sender, a firewall, a receiver. Needs root.

    sender  in0 ─┐           ┌─ out0  receiver
            in1 ─┴ firewall ─┴─ out1

The names are the firewall's. Each interface has a network of each family (10.1.0.0/17, 10.1.128.0/17 before it,
10.2.0.0/17, 10.2.128.0/17 behind it, fd00:N:M::/64 likewise), every address of which is at the other end of the
wire, so that no neighbour is ever asked for. Nothing leaves the namespaces.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INSIDE = ("in0", "in1")
OUTSIDE = ("out0", "out1")
NETWORKS = {
    "in0": ("10.1.0.0/17", "fd00:1:0::/64"),
    "in1": ("10.1.128.0/17", "fd00:1:1::/64"),
    "out0": ("10.2.0.0/17", "fd00:2:0::/64"),
    "out1": ("10.2.128.0/17", "fd00:2:1::/64"),
}
# The firewall's own addresses; traffic to them is not forwarded.
OWN = {
    "in0": ("10.1.0.1", "fd00:1:0::1"),
    "in1": ("10.1.128.1", "fd00:1:1::1"),
    "out0": ("10.2.0.1", "fd00:2:0::1"),
    "out1": ("10.2.128.1", "fd00:2:1::1"),
}
_PEER = ("10.2.0.2", "fd00:ffff::2")  # only a name for the other end of a wire
_CLONE_NEWNET = 0x40000000
_SO_RCVBUFFORCE = 33
_PACKET_STATISTICS = 6
_SOL_PACKET = 263
_IDLE = 0.1


class World:
    """The namespaces, and a raw socket at the far end of each interface."""

    def __init__(self, prefix: str) -> None:
        self.firewall = f"{prefix}-fw"
        self.far_end = {**dict.fromkeys(INSIDE, f"{prefix}-a"), **dict.fromkeys(OUTSIDE, f"{prefix}-b")}
        self.sockets: dict[str, socket.socket] = {}
        self.headers: dict[str, bytes] = {}

    def build(self) -> None:
        hosts = sorted({self.firewall, *self.far_end.values()})
        for host in hosts:
            _run("ip", "netns", "add", host)
            self.inside(
                "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0",
                "net.ipv6.conf.default.router_solicitations=0", host=host,
            )  # fmt: skip
        self.inside(
            "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv4.icmp_ratelimit=0",
            "net.ipv6.icmp.ratelimit=0", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0",
        )  # fmt: skip
        for name, host in self.far_end.items():
            self._wire(name, host)

    def _wire(self, name: str, host: str) -> None:
        _run(
            "ip", "link", "add", name, "netns", self.firewall, "type", "veth", "peer", "name", name, "netns", host
        )  # fmt: skip
        far = _mac(host, name)
        # No address of its own: the far end answers nothing.
        self.inside("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1", host=host)
        _run("ip", "-n", host, "link", "set", name, "up")
        _run("ip", "-n", self.firewall, "link", "set", name, "up")
        for own, network in zip(OWN[name], NETWORKS[name], strict=True):
            version = "-6" if ":" in own else "-4"
            peer = "fd00:ffff::2" if ":" in own else "10.9.9.9"
            _run("ip", version, "-n", self.firewall, "addr", "add", own, "dev", name)
            _run(
                "ip", version, "-n", self.firewall, "neigh", "replace", peer, "lladdr", far, "dev", name,
                "nud", "permanent",
            )  # fmt: skip
            _run(
                "ip", version, "-n", self.firewall, "route", "replace", network, "via", peer, "dev", name, "onlink"
            )  # fmt: skip
        near = _mac(self.firewall, name)
        self.headers[name] = bytes.fromhex((near + far).replace(":", ""))
        self.sockets[name] = _socket_in(host, name)

    def inside(self, *command: str, host: str | None = None, text: str | None = None) -> str:
        """Run a program in a namespace, the firewall's unless said otherwise."""
        return _run("ip", "netns", "exec", host or self.firewall, *command, text=text)

    def forget_connections(self) -> None:
        """Empty the connection table of the firewall (what `conntrack -F` does)."""
        with _in_namespace(self.firewall):
            wire = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
        with wire:
            delete = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
            wire.send(struct.pack("=IHHIIBBH", 20, delete, 5, 1, 0, 0, 0, 0))
            answer = wire.recv(4096)
            assert struct.unpack_from("=i", answer, 16)[0] == 0

    def pass_through(self, packets: list[tuple[str, bytes]]) -> dict[str, list[bytes]]:
        """Send (interface, packet) in order; give the packets that came out at each interface."""
        for wire in self.sockets.values():
            _drain(wire)
        received: dict[str, list[bytes]] = {name: [] for name in self.sockets}
        for at, (name, packet) in enumerate(packets):
            kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
            self.sockets[name].send(self.headers[name] + kind + packet)
            if at % 256 == 255:
                self._collect(received)
        self._collect(received, wait=_IDLE)
        return received

    def _collect(self, received: dict[str, list[bytes]], wait: float = 0.0) -> None:
        for name, wire in self.sockets.items():
            received[name] += _drain(wire, wait)
            packets, dropped = struct.unpack("II", wire.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
            assert not dropped, f"{name} lost {dropped} of {packets} packets: this run says nothing"

    def list_namespaces(self) -> str:
        return _run("ip", "netns", "list")

    def remove(self) -> None:
        for wire in self.sockets.values():
            wire.close()
        for host in {self.firewall, *self.far_end.values()}:
            subprocess.run(["ip", "netns", "delete", host], check=False, capture_output=True)


@contextmanager
def world() -> Iterator[World]:
    """Build the namespaces, and remove them whatever happens."""
    made = World(f"zgo{os.getpid()}")
    try:
        made.build()
        yield made
    finally:
        made.remove()


def may_build() -> bool:
    """Tell whether this process may make namespaces, by making one."""
    if os.geteuid():
        return False
    probe = f"zgo{os.getpid()}-probe"
    try:
        _run("ip", "netns", "add", probe)
        _run("ip", "netns", "delete", probe)
    except (OSError, RuntimeError):
        return False
    return True


def _drain(wire: socket.socket, wait: float = 0.0) -> list[bytes]:
    found = []
    wire.settimeout(wait)
    while True:
        try:
            frame, address = wire.recvfrom(4096)
        except (BlockingIOError, TimeoutError):
            return found
        if address[2] != 4:  # PACKET_OUTGOING: our own
            found.append(frame[14:])


def _socket_in(host: str, name: str) -> socket.socket:
    with _in_namespace(host):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
    wire.bind((name, 3))
    return wire


@contextmanager
def _in_namespace(host: str) -> Iterator[None]:
    """Make sockets of this thread in a namespace; they stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/var/run/netns/{host}", os.O_RDONLY)
    try:
        assert libc.setns(other, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert libc.setns(own, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(own)
        os.close(other)


def _mac(host: str, name: str) -> str:
    # Not from /sys, which shows the interfaces of the host.
    return str(json.loads(_run("ip", "-n", host, "-j", "link", "show", "dev", name))[0]["address"])


def _run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=text, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
