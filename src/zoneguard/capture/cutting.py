"""Packets of chosen flows, read again from their captures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One flow of the flow table whose packets are asked for."""

    orig: tuple[int, int]  # address, high and low
    resp: tuple[int, int]
    orig_port: int
    resp_port: int
    protocol: int
    domain: int
    tunnel: int
    file: int  # of its first packet: index of the input
    frame: int  # likewise, from 1
    first_seen: int  # ns since 1970
    last_seen: int
    most_octets: int  # of payload, both directions together; packets beyond are left


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPacket:
    """One packet of a wanted flow. Mirror copies are left out; each packet stands here once."""

    file: int
    frame: int
    time: int  # ns since 1970
    by_orig: bool
    flags: int  # TCP
    seq: int
    ack: int
    payload: bytes  # behind the transport header, as far as captured
    length: int  # octets of payload on the wire
    link: int  # link type of the frame
    data: bytes  # the whole frame as captured
    wire: int  # octets of the frame on the wire


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFlow:
    """The packets of one wanted flow in the order of their frames."""

    packets: tuple[CutPacket, ...]
    whole: bool  # False: some were left out for `most_octets`, or could not be read again
    lost: str | None = None  # why nothing could be read again: "standard input", "changed", "unreadable"
