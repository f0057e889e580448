"""A day in the example town as a rotating sensor writes it: flows that span the borders of its files."""

from __future__ import annotations

import os
import shutil
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from tests.naive import generate as g
from tests.sensor.faults.daemon import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = 1_794_754_800 * g.SECOND  # 2026-11-16 00:00 in Japan
HOUR = 3600
ROUTER = 0x02_00_00_FE_02_10
RDP = bytes.fromhex("030000130ee00000000000") + b"\x01\0\x08\0\x03\0\0\0"  # X.224, a connection request
SMB = b"\0\0\0\x40\xfeSMB" + bytes(60)
TERMINALS, SCREENS = "172.16.20.", "192.168.10."  # of LGWAN and of the Internet zone


def day(*, hours: int = 24, flows: int = 40, seed: int = 4) -> list[bytes]:
    """Give a capture an hour. TCP sessions go on for up to four hours, with pauses in which a flow stays alive.

    Allowed screens, file sharing that crosses zones, refused attempts, names asked outside, and a scan.
    """
    chance = Random(seed)
    frames: list[g.Frame] = []
    for number in range(flows):
        start = BEGIN + int(chance.uniform(0, hours * HOUR - 60) * g.SECOND)
        client = f"{TERMINALS}{1 + number % 200}"
        match number % 4:
            case 0:
                screen = f"{SCREENS}{1 + number % 60}"
                frames += session(chance, start, client, screen, 3389, sport=50_000 + number, greeting=RDP)
            case 1:
                server = f"192.168.20.{1 + number % 9}"
                frames += session(chance, start, client, server, 445, sport=50_000 + number, greeting=SMB)
            case 2:
                frames += session(
                    chance, start, client, "203.0.113.80", 443, sport=50_000 + number, refused=True
                )
            case _:
                frames += questions(chance, start, client, "198.51.100.53", 50_000 + number)
    for number in range(100):
        at = BEGIN + (hours * HOUR * g.SECOND) // 2 - 50 * g.SECOND + number * g.SECOND
        frames += session(
            chance, at, f"{TERMINALS}250", f"192.168.21.{number + 1}", 22, sport=40_000, refused=True
        )
    last = BEGIN + hours * HOUR * g.SECOND
    ordered = sorted(frame for frame in frames if frame.time < last)
    files: list[list[g.Frame]] = [[] for _ in range(hours)]
    for frame in ordered:
        files[(frame.time - BEGIN) // (HOUR * g.SECOND)].append(frame)
    return [g.pcap(some, nano=True) for some in files]


def session(
    chance: Random,
    start: int,
    client: str,
    server: str,
    port: int,
    *,
    sport: int,
    greeting: bytes = b"",
    refused: bool = False,
) -> Iterator[g.Frame]:
    """Play a TCP connection that lasts up to four hours, or one that is refused at once."""
    idents = count(chance.randrange(30_000))

    def packet(at: int, *, ask: bool, flags: int, seq: int, ack: int, payload: bytes = b"") -> g.Frame:
        ends = (client, server) if ask else (server, client)
        ports = (sport, port) if ask else (port, sport)
        inner = g.ipv4(*ends, 6, g.tcp(*ports, flags, seq=seq, ack=ack, payload=payload), ident=next(idents))
        return g.Frame(at, g.tagged(inner, 220, src=g.A_MAC if ask else ROUTER))

    yield packet(start, ask=True, flags=g.SYN, seq=1000, ack=0)
    if refused:
        yield packet(start + g.MILLISECOND, ask=False, flags=g.RST | g.ACK, seq=0, ack=1001)
        return
    yield packet(start + g.MILLISECOND, ask=False, flags=g.SYN | g.ACK, seq=5000, ack=1001)
    yield packet(start + 2 * g.MILLISECOND, ask=True, flags=g.ACK, seq=1001, ack=5001)
    at, asked, answered = start, 1001, 5001
    for _ in range(chance.randrange(4, 12)):
        at += int(chance.uniform(60, 1500) * g.SECOND)
        yield packet(at, ask=True, flags=g.PSH | g.ACK, seq=asked, ack=answered, payload=greeting)
        asked += len(greeting)
        yield packet(
            at + g.MILLISECOND, ask=False, flags=g.PSH | g.ACK, seq=answered, ack=asked, payload=b"\0" * 400
        )
        answered += 400
    yield packet(at + g.SECOND, ask=True, flags=g.FIN | g.ACK, seq=asked, ack=answered)
    yield packet(at + g.SECOND + g.MILLISECOND, ask=False, flags=g.FIN | g.ACK, seq=answered, ack=asked + 1)


def questions(chance: Random, start: int, client: str, server: str, sport: int) -> Iterator[g.Frame]:
    """Ask by UDP, with pauses around the idle timeout, so that some go on as new flows."""
    at = start
    for number in range(8):
        at += int(chance.uniform(1, 900) * g.SECOND)
        for ends, ports in (((client, server), (sport, 53)), ((server, client), (53, sport))):
            inner = g.ipv4(*ends, 17, g.udp(*ports, b"\0\1\1\0\0\1\0\0\0\0\0\0\0"), ident=number)
            yield g.Frame(at, g.tagged(inner, 220, src=g.A_MAC if ends[0] == client else ROUTER))
            at += 20 * g.MILLISECOND


def samples() -> list[Path]:
    """Name the sample captures of the project, those of real programs last: they are opened to be judged."""
    return [*sorted((ROOT / "captures").glob("*.pcap")), *real()]


def real() -> list[Path]:
    """Name the captures of real programs."""
    return sorted((ROOT / "captures/real").glob("*.pcap*"))


class Rotation:
    """Puts captures into a folder as a rotating sensor does: each grows under its name, then the next begins."""

    def __init__(self, inbox: Path) -> None:
        self._inbox, self._number = inbox, 0
        self.files: list[Path] = []

    def put(self, capture: bytes | Path) -> Path:
        path = self._inbox / f"s2-{self._number:04d}.pcap"
        self._number += 1
        if isinstance(capture, bytes):
            path.write_bytes(capture)
        else:
            shutil.copyfile(capture, path)
        # One a second, as written by a clock: the order of the names is that of the files.
        stamp = (1_795_000_000 + self._number) * g.SECOND
        os.utime(path, ns=(stamp, stamp))
        self.files.append(path)
        return path
