"""Where each word stands in the integer tables that the kernels share.

Tables of records are told by their shapes; all others are flat (a list when interpreted, an int64 array when
compiled), and what they hold is `STRIDE` words each.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

# --- records: by name in the kernels, compiled as well as interpreted (capture/records.py) ---------------
# A name is one word; a name with names is one such group for each direction, a before b.
Shape: TypeAlias = "tuple[str | tuple[str, tuple[str, ...]], ...]"

PACKET_SHAPE: Final[Shape] = (  # one decoded packet (or one layer of it), in the batch
    "src_high",  # IPv4 is ::ffff:a.b.c.d
    "src_low",
    "dst_high",
    "dst_low",
    "sport",
    "dport",
    "protocol",
    "place",  # overlap domain << 16 | sensor
    "tunnel",  # identity, 0 .. 2**62
    "time",
    "bytes",
    "flags",  # TCP flags
    "seq",
    "ack",
    "payload",  # octets of payload behind the transport header
    "payload_at",
    "payload_end",  # of what was captured of the packet
    "body",  # where the transport header stands; negative: a later fragment, which has none
    "src_mac",
    "dst_mac",
    "vlan",
    "frame",  # file << 40 | frame
    "ident",  # IP identification << 16 | transport checksum
    "ttl",
    "count",  # packets this record stands for (1, and fragments that waited for their first)
    "extra_bytes",  # octets of those that waited
    "kind",  # PACKET, or ICMP_ERROR: the flow that an ICMP error quotes
    "request",  # 1: by its type this (ICMP) packet is a request, 2: a reply, 0: not told
    "flip",  # 1: the sender is the greater endpoint
    "hash",
    "link",  # digest of MACs, VLAN and TTL
    "signature",  # digest of what a mirror copy has in common with its original
)
BATCH: Final = 32
BATCH_RESERVE: Final = 8  # records one packet may add: the layers of a tunnel and an evicted fragment
PACKET: Final = 0
ICMP_ERROR: Final = 1

FRAME_SHAPE: Final[Shape] = (  # one captured frame, noted by the walk over the file
    "at",
    "captured",
    "wire",
    "link",  # link type; -1: of an undeclared interface
    "sensor",
    "time",  # -1: none was recorded, the latest one seen holds
    "vlan",  # of a tag that is no longer in the frame
)
MOST_NEW: Final = 512  # rows, finished rows or claims that one round over BATCH frames may add

FLOW_SHAPE: Final[Shape] = (  # one live flow: three cache lines, of which an ordinary packet touches two
    "a_high",
    "a_low",
    "b_high",
    "b_low",
    "ports",  # a << 32 | b << 16 | protocol
    "place",
    "tunnel",
    "last",
    ("ways", ("packets", "bytes")),
    "state",
    "isn",
    "first",
    "frame",  # file << 40 | frame
    ("hops", ("mac", "next_hop")),
    "vlans",  # a | b << 16 | second sighting << 32
    "copies",
    "copy_mac",
    "copy_next_hop",
)

SIGHTING_SHAPE: Final[Shape] = ("signature", "time", "link", "spare")  # a recent packet; half a cache line

# Where the words of a flow stand in a row of the tables that leave the kernels.
R_A_HIGH: Final = 0
R_A_LOW: Final = 1
R_B_HIGH: Final = 2
R_B_LOW: Final = 3
R_PORTS: Final = 4
R_PLACE: Final = 5
R_TUNNEL: Final = 6
R_LAST: Final = 7
R_A_PACKETS: Final = 8
R_A_BYTES: Final = 9
R_B_PACKETS: Final = 10
R_B_BYTES: Final = 11
R_STATE: Final = 12
R_ISN: Final = 13
R_FIRST: Final = 14
R_FRAME: Final = 15
R_A_MAC: Final = 16
R_A_NEXT_HOP: Final = 17
R_B_MAC: Final = 18
R_B_NEXT_HOP: Final = 19
R_VLANS: Final = 20
R_COPIES: Final = 21
R_COPY_MAC: Final = 22
R_COPY_NEXT_HOP: Final = 23
ROW_STRIDE: Final = 24

# --- bits of a flow's state -----------------------------------------------------------------------------------
S_B_SHIFT: Final = 8  # TCP flags: a in bits 0-7, b in bits 8-15
S_RUNG_SHIFT: Final = 16  # 4 bits: net.flow.Opener
S_RUNG_MASK: Final = 15 << 16
S_OPENER_B: Final = 1 << 20
S_FIN_A: Final = 1 << 21
S_FIN_B: Final = 1 << 22
S_RESET: Final = 1 << 23
S_ISN: Final = 1 << 24
S_ANSWERED: Final = 1 << 25
S_ACKED: Final = 1 << 26  # an ACK with neither SYN nor RST: the connection stands
S_PAYLOAD_A: Final = 1 << 27
S_PAYLOAD_B: Final = 1 << 28
S_UNREACHABLE: Final = 1 << 29
S_CLASS_A_SHIFT: Final = 32  # 8 bits: net.flow.Payload
S_CLASS_B_SHIFT: Final = 40
S_FRESH: Final = 1 << 48  # the first packet was a SYN: it may not continue an earlier piece
S_FRESH_ANSWER: Final = 1 << 49  # the first packet was a SYN-ACK: likewise
S_PIECE: Final = 1 << 50  # earlier packets of this flow have been handed on in a piece before

# --- recent packets, to tell mirror copies -------------------------------------------------------------
RECENT: Final = 8192  # entries, directly mapped
COPY_WINDOW: Final = 2_000_000_000  # ns, for a second sighting that differs in MAC, VLAN or TTL
TWIN_WINDOW: Final = 1_000_000  # ns, for an identical frame (both directions of one port mirrored)

# --- fragments that share an identification ------------------------------------------------------------
FRAGMENTS: Final = 2048
F_KEY: Final = 0
F_TIME: Final = 1
F_PORTS: Final = 2  # -1: the first fragment has not been seen
F_PACKETS: Final = 3  # waiting
F_BYTES: Final = 4
FRAGMENT_STRIDE: Final = 5
FRAGMENT_WINDOW: Final = 60_000_000_000  # RFC 8200 section 4.5: 60 seconds

# --- claims waiting to be fetched ----------------------------------------------------------------------
CLAIMS: Final = 4096
C_KIND: Final = 0
C_MAC: Final = 1
C_HIGH: Final = 2
C_LOW: Final = 3
C_VLAN: Final = 4
C_SENSOR: Final = 5
C_TIME: Final = 6
C_FRAME: Final = 7
CLAIM_STRIDE: Final = 8
CLAIM_ETHERTYPE: Final = 100  # not a claim: a frame of a protocol that carries no IP; C_LOW tells which

# --- tunnels seen, by identity -------------------------------------------------------------------------
TUNNELS: Final = 4096
T_IDENTITY: Final = 0
T_KIND: Final = 1
T_NUMBER: Final = 2
T_PARENT: Final = 3
T_OUTER: Final = 4  # four words, from and to
TUNNEL_STRIDE: Final = 8

# --- wanted flows, whose packets are picked (capture/picking.py) ------------------------------------------------
W_A_HIGH: Final = 0
W_A_LOW: Final = 1
W_B_HIGH: Final = 2
W_B_LOW: Final = 3
W_PORTS: Final = 4  # as R_PORTS
W_DOMAIN: Final = 5
W_TUNNEL: Final = 6
W_OCTETS: Final = 7  # of payload that may still be picked
W_FRAMES: Final = 8  # of whole frames, likewise
W_PACKETS: Final = 9  # likewise
W_STATE: Final = 10
WANT_STRIDE: Final = 11
W_FOUND: Final = 1  # its first packet was met
W_CLOSED: Final = 2  # nothing more is picked
W_PARTIAL: Final = 4  # a packet of it was left out

# --- packets picked ----------------------------------------------------------------------------------------
H_WANT: Final = 0  # which wanted flow; -1: the frame itself is wanted
H_FRAME: Final = 1
H_TIME: Final = 2
H_FLIP: Final = 3
H_FLAGS: Final = 4
H_SEQ: Final = 5
H_ACK: Final = 6
H_PROTOCOL: Final = 7
H_PAYLOAD: Final = 8  # octets on the wire, as the packet says
H_BEGIN: Final = 9  # of what was captured of it, in the chunk
H_END: Final = 10
H_AT: Final = 11  # of the frame, in the chunk
H_CAPTURED: Final = 12
H_WIRE: Final = 13
H_LINK: Final = 14
HIT_STRIDE: Final = 15
HITS: Final = 4096
MOST_HITS: Final = 512  # that one round over BATCH frames may add

# --- scalars and counters ------------------------------------------------------------------------------
Z_POSITION: Final = 0  # in the chunk
Z_FRAME: Final = 1  # packets met in this file
Z_FILE: Final = 2
Z_LINK: Final = 3  # link type of a pcap file
Z_BIG: Final = 4  # 1: the file's integers are big-endian
Z_UNIT: Final = 5  # ns per unit of the fraction of a pcap time
Z_ROWS: Final = 6
Z_BATCH: Final = 7
Z_DONE: Final = 8
Z_CLAIMS: Final = 9
Z_TUNNELS: Final = 10
Z_NOW: Final = 11  # the latest time seen
Z_SENSOR: Final = 12
Z_LIMIT: Final = 13  # rows the table may hold
Z_IDLE_TCP: Final = 14
Z_IDLE_OTHER: Final = 15
Z_FORMAT: Final = 16
Z_INTERFACES: Final = 17
Z_ACTIVE: Final = 18  # ns; 0: flows are not cut by age
Z_LEAST: Final = 19  # the earliest time in this chunk of a file
N_PACKETS: Final = 20
N_BYTES: Final = 21
N_DECODED: Final = 22
N_COPIES: Final = 23
N_TRUNCATED: Final = 24
N_ICMP_ERRORS: Final = 25
N_CLOCK_BACK: Final = 26
N_NOT_OPENED: Final = 27
N_FRAGMENTS_LOST: Final = 28
N_UNKNOWN_LINK: Final = 29
N_BAD_IP: Final = 30
N_TOO_DEEP: Final = 31
N_ENCRYPTED_WLAN: Final = 32
N_WLAN_CONTROL: Final = 33
N_OTHER_LLC: Final = 34
N_TUNNELS_LOST: Final = 35
N_EMPTY: Final = 36
N_NOT_IP: Final = 37
N_BAD_INTERFACE: Final = 38
Z_FRAMES: Final = 39
Z_SPILLED: Final = 40  # 1: pieces of flows are on disk
Z_LEFT: Final = 41  # packets of the ring's block that were not yet walked over
Z_LARGEST: Final = 42  # octets of the largest frame that one packet can be on this interface
N_MERGED: Final = 43  # frames beyond it: several packets that the receiving card or kernel has put together
N_SHORTENED: Final = 44  # packets of the ring of which less was kept than was on the wire
Z_CURSOR: Final = 45  # row at which the next sweep goes on
Z_SWEPT: Final = 46  # time of the latest sweep
Z_HOLD: Final = 47  # until when established flows do not expire, since the clock has jumped
N_EVICTED: Final = 48  # rows that left before their time, since the table was full
N_FORGOTTEN: Final = 49  # of these, conversations: should they go on, it is not known who opened them
Z_HITS: Final = 50  # picked packets that wait to be fetched
Z_OPEN: Final = 51  # wanted flows of which packets may still come
SCALARS: Final = 64

FORMAT_PCAP: Final = 0
FORMAT_PCAPNG: Final = 1
FORMAT_END: Final = 2  # nothing to walk: the waiting fragments leave
FORMAT_RING: Final = 3  # one block of a TPACKET_V3 ring

# --- the ring of a packet socket (linux/if_packet.h), offsets in octets ----------------------------------
B_STATUS: Final = 8  # of a block: tpacket_block_desc and tpacket_hdr_v1
B_PACKETS: Final = 12
B_FIRST: Final = 16
B_LENGTH: Final = 20
B_HEADER: Final = 48
P_NEXT: Final = 0  # of a packet: tpacket3_hdr
P_SECONDS: Final = 4
P_NANOSECONDS: Final = 8
P_CAPTURED: Final = 12
P_WIRE: Final = 16
P_STATUS: Final = 20
P_MAC: Final = 24  # where the frame stands
P_TCI: Final = 32
P_HEADER: Final = 48
VLAN_VALID: Final = 1 << 4  # TP_STATUS_VLAN_VALID

# --- pcapng interfaces ---------------------------------------------------------------------------------
INTERFACES: Final = 1024
I_LINK: Final = 0
I_MULTIPLY: Final = 1  # time in ns = units * multiply // divide + offset
I_DIVIDE: Final = 2
I_OFFSET: Final = 3
I_SENSOR: Final = 4
I_SNAPLEN: Final = 5
I_MOST: Final = 6  # whole units / divide beyond which the time is FURTHEST
INTERFACE_STRIDE: Final = 7

# --- why the driver came back --------------------------------------------------------------------------
RELEASED: Final = -2  # a record stands in the batch already; call again
MORE: Final = 0  # the chunk is used up to Z_POSITION
FULL: Final = 1  # the flow table
CLAIMS_FULL: Final = 2
DONE_FULL: Final = 3
BAD_RECORD: Final = 4
OTHER_BLOCK: Final = 5  # a pcapng block that is no packet

# Seconds of silence after which a further packet begins a new flow.
IDLE_TCP: Final = 3600
IDLE_OTHER: Final = 600

FURTHEST: Final = 1 << 62  # ns (the year 2116); differences of two times fit into a word
NO_TIME: Final = FURTHEST + 1  # first packet of a piece that has none yet
MAX_RECORD: Final = 262_144  # octets; libpcap's own limit
MASK32: Final = 0xFFFFFFFF
MASK63: Final = (1 << 63) - 1


Octets = Any  # bytearray when interpreted, uint8 array when compiled
Words = Any  # list when interpreted, int64 array when compiled
Packet = Any  # a record of PACKET_SHAPE
Flow = Any  # a record of FLOW_SHAPE


class Picks(NamedTuple):
    """What is wanted of captures that are read again, and what was found of it."""

    starts: Any  # file << 40 | frame of the first packet of each wanted flow, in ascending order
    wants: Any
    owners: Any  # by row: the wanted flow that it counts
    frames: Any  # file << 40 | frame of each wanted frame, in ascending order
    hits: Any


class Tables(NamedTuple):
    """Everything the driver works on."""

    scalars: Any
    keys: Any  # 16 secret numbers of the keyed hash
    batch: Any  # records of PACKET_SHAPE
    frames: Any  # records of FRAME_SHAPE
    slots: Any
    rows: Any  # records of FLOW_SHAPE
    done: Any  # likewise
    recent: Any  # records of SIGHTING_SHAPE
    fragments: Any
    waiting: Any  # records of PACKET_SHAPE: the first one waiting of each place in `fragments`
    claims: Any
    tunnels: Any
    domains: Any  # 4096: VLAN → overlap domain
    interfaces: Any
