"""Flows, claims and coverage: what a capture says, in columns and plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class State(IntEnum):
    """How far a flow came: an attempt is not a breach, and a breach is not an attempt."""

    ATTEMPT = 0  # SYN only, SYN answered by RST or ICMP error, UDP without reply
    ESTABLISHED = 1  # answered (TCP SYN-ACK or both directions), no payload seen both or one way
    DATA = 2  # established, with payload


class Opener(IntEnum):
    """The rung of evidence by which `orig` was told, strongest first."""

    SYN = 0
    SYN_ACK = 1
    ISN = 2
    GREETING = 3  # the first payload is a client's (or a server's) opening words
    DECLARED = 4  # exactly one side's port is a service the policy declares
    DEGREE = 5  # a server port has many peers
    LOWER_PORT = 6
    FIRST_PACKET = 7


class Blocked(IntEnum):
    """Who refused an attempt."""

    NO = 0
    RESET = 1
    ICMP = 2


class Payload(IntEnum):
    """The class of the first payload bytes of one direction; the bytes themselves are never kept."""

    NONE = 0
    OTHER = 1
    TLS_CLIENT = 2
    TLS_SERVER = 3
    HTTP_REQUEST = 4
    HTTP_RESPONSE = 5
    SSH = 6
    RDP = 7
    RFB = 8
    SMB = 9
    SMTP_OR_FTP_SERVER = 10  # "220 " without a word that tells which
    SMTP_CLIENT = 11
    FTP_CLIENT = 12
    DNS_QUERY = 13
    DNS_RESPONSE = 14
    SOCKS = 15
    ICA = 16  # or CGP
    QUIC = 17
    SMTP_SERVER = 18
    FTP_SERVER = 19
    POP3_SERVER = 20
    POP3_CLIENT = 21
    IMAP_SERVER = 22
    TLS_RECORD = 23  # of TLS, but no hello: an alert, or the middle of a connection
    DTLS = 24
    WIREGUARD = 25
    OPENVPN = 26
    IKE = 27
    TELNET = 28
    LDAP = 29
    KERBEROS = 30
    NTP = 31
    SNMP = 32
    MSRPC = 33


class Tunnel(IntEnum):
    """What carried an inner packet, or what kind of opaque tunnel a flow is."""

    NONE = 0
    GRE = 1
    ERSPAN = 2
    VXLAN = 3
    GENEVE = 4
    GTP_U = 5
    IPIP = 6
    SIX_IN_FOUR = 7
    TEREDO = 8
    MPLS = 9
    PPPOE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTable:
    """Columns of n bidirectional flows: index i of every column is one flow.

    Addresses are pairs of uint64 (high, low); IPv4 is its IPv4-mapped form ::ffff:a.b.c.d.
    Bytes are octets of the IP packet (RFC 7011 octetDeltaCount), times are nanoseconds since 1970.
    VLAN 0 means untagged (or priority-tagged). MAC 0 means none was on the wire.
    Ports of protocols without ports are 0; ICMP carries type*256+code in `resp_port`, 0 in `orig_port`.
    """

    orig_address: NDArray[np.uint64]  # (n, 2)
    resp_address: NDArray[np.uint64]  # (n, 2)
    orig_port: NDArray[np.uint16]
    resp_port: NDArray[np.uint16]
    protocol: NDArray[np.uint8]
    domain: NDArray[np.uint16]  # overlap domain, as given to the meter
    sensor: NDArray[np.uint16]  # index of the observation point, as given to the meter
    tunnel: NDArray[np.uint64]  # 0, or the identity of an entry in `tunnels`
    opener: NDArray[np.uint8]  # Opener
    state: NDArray[np.uint8]  # State
    blocked: NDArray[np.uint8]  # Blocked
    first_seen: NDArray[np.int64]
    last_seen: NDArray[np.int64]
    orig_packets: NDArray[np.int64]
    resp_packets: NDArray[np.int64]
    orig_bytes: NDArray[np.int64]
    resp_bytes: NDArray[np.int64]
    orig_flags: NDArray[np.uint8]  # TCP flags, OR of all packets
    resp_flags: NDArray[np.uint8]
    orig_payload: NDArray[np.uint8]  # Payload
    resp_payload: NDArray[np.uint8]
    orig_vlan: NDArray[np.uint16]  # tag on packets sent by orig, first sighting
    resp_vlan: NDArray[np.uint16]
    orig_mac: NDArray[np.uint64]  # source MAC of packets sent by orig
    orig_next_hop: NDArray[np.uint64]  # destination MAC of packets sent by orig
    resp_mac: NDArray[np.uint64]
    resp_next_hop: NDArray[np.uint64]
    copies: NDArray[np.int64]  # mirror copies recognised and not counted
    copy_vlan: NDArray[np.uint16]  # tag on the last second sighting
    copy_mac: NDArray[np.uint64]  # source MAC of the last second sighting (a router, if it was routed)
    copy_next_hop: NDArray[np.uint64]
    file: NDArray[np.int64]  # index of the input that holds the first packet
    frame: NDArray[np.int64]  # its frame number there, from 1, as Wireshark counts

    def __len__(self) -> int:
        return len(self.protocol)

    def take(self, index: NDArray[Any]) -> Self:
        """Select flows by an index array or a mask."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def replace(self, **columns: NDArray[Any]) -> Self:
        """Give the same flows with some columns put anew."""
        return type(self)(**{f.name: columns.get(f.name, getattr(self, f.name)) for f in fields(self)})

    @classmethod
    def empty(cls, n: int = 0) -> Self:
        """Make a table of n flows in which every column is zero."""
        return cls(
            **{
                name: np.zeros((n, 2) if name.endswith("_address") else n, dtype)
                for name, dtype in COLUMNS.items()
            }
        )

    @classmethod
    def concatenate(cls, tables: Sequence[Self]) -> Self:
        """Join tables, in order."""
        if not tables:
            return cls.empty()
        return cls(**{f.name: np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(cls)})


COLUMNS: dict[str, Any] = {
    "orig_address": np.uint64,
    "resp_address": np.uint64,
    "orig_port": np.uint16,
    "resp_port": np.uint16,
    "protocol": np.uint8,
    "domain": np.uint16,
    "sensor": np.uint16,
    "tunnel": np.uint64,
    "opener": np.uint8,
    "state": np.uint8,
    "blocked": np.uint8,
    "first_seen": np.int64,
    "last_seen": np.int64,
    "orig_packets": np.int64,
    "resp_packets": np.int64,
    "orig_bytes": np.int64,
    "resp_bytes": np.int64,
    "orig_flags": np.uint8,
    "resp_flags": np.uint8,
    "orig_payload": np.uint8,
    "resp_payload": np.uint8,
    "orig_vlan": np.uint16,
    "resp_vlan": np.uint16,
    "orig_mac": np.uint64,
    "orig_next_hop": np.uint64,
    "resp_mac": np.uint64,
    "resp_next_hop": np.uint64,
    "copies": np.int64,
    "copy_vlan": np.uint16,
    "copy_mac": np.uint64,
    "copy_next_hop": np.uint64,
    "file": np.int64,
    "frame": np.int64,
}

# The columns that change places when it turns out that the responder opened the flow.
PAIRED = ("address", "port", "packets", "bytes", "flags", "payload", "vlan", "mac", "next_hop")


def swap(table: FlowTable, where: NDArray[np.bool_]) -> FlowTable:
    """Exchange orig and resp in the flows that `where` marks."""
    columns: dict[str, NDArray[Any]] = {}
    for name in PAIRED:
        orig, resp = getattr(table, f"orig_{name}"), getattr(table, f"resp_{name}")
        mask = where[:, None] if orig.ndim == 2 else where
        columns[f"orig_{name}"] = np.where(mask, resp, orig)
        columns[f"resp_{name}"] = np.where(mask, orig, resp)
    return table.replace(**columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelEnds:
    """One tunnel that was opened: what kind, between whom, under which number (VNI, TEID, key)."""

    identity: int
    kind: Tunnel
    outer_orig: tuple[int, int]  # (high, low), as in FlowTable
    outer_resp: tuple[int, int]
    number: int
    parent: int  # identity of the tunnel around this one, or 0


class ClaimKind(IntEnum):
    """By which message a device claimed to be somebody."""

    ARP = 1  # sender fields of a request, reply or announcement
    NDP = 2  # neighbour solicitation or advertisement with its link-layer option
    DHCP_CLIENT = 3  # DISCOVER, REQUEST: address is the requested one, or 0
    DHCP_SERVER = 4  # OFFER, ACK: the sender's own address
    ROUTER_ADVERTISEMENT = 5
    REDIRECT = 6  # ICMP or ICMPv6 redirect: the sender's address
    STP = 7
    CDP = 8
    LLDP = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A MAC said, in a VLAN, that an address is its own (or that it has an office: router, DHCP server)."""

    kind: ClaimKind
    mac: int
    address: tuple[int, int]  # (high, low); (0, 0) when the message names none
    vlan: int
    sensor: int
    first_seen: int
    last_seen: int
    count: int
    file: int
    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCoverage:
    """What was read, and what was not understood and why."""

    packets: int = 0
    bytes: int = 0  # octets on the wire, as the capture records them
    decoded: int = 0
    not_decoded: dict[str, int] = field(default_factory=dict)  # reason → packets
    duplicates: int = 0  # mirror copies
    truncated: int = 0  # packets cut by the snap length so that headers are incomplete
    dropped: int = 0  # as told by pcapng interface statistics
    fragments_without_first: int = 0
    icmp_errors: int = 0
    clock_steps_back: int = 0
    tunnels_not_opened: int = 0
    flow_table_spills: int = 0
