"""One frame to its IP packets: link layers, tags, tunnels, extension headers (hot loop).

Every load is behind a comparison with `end`, the end of what was captured of this frame. A frame that is
shorter than its headers is counted as truncated, never guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.capture.jit import inlined, integers, kernel, wide_loads
from zoneguard.capture.layout import (
    C_FRAME,
    C_HIGH,
    C_KIND,
    C_LOW,
    C_MAC,
    C_SENSOR,
    C_TIME,
    C_VLAN,
    CLAIM_ETHERTYPE,
    CLAIM_STRIDE,
    CLAIMS,
    F_BYTES,
    F_KEY,
    F_PACKETS,
    F_PORTS,
    F_TIME,
    FRAGMENT_STRIDE,
    FRAGMENT_WINDOW,
    FRAGMENTS,
    ICMP_ERROR,
    MASK32,
    N_BAD_IP,
    N_EMPTY,
    N_ENCRYPTED_WLAN,
    N_FRAGMENTS_LOST,
    N_ICMP_ERRORS,
    N_NOT_IP,
    N_NOT_OPENED,
    N_OTHER_LLC,
    N_TOO_DEEP,
    N_TRUNCATED,
    N_TUNNELS_LOST,
    N_UNKNOWN_LINK,
    N_WLAN_CONTROL,
    PACKET,
    T_IDENTITY,
    T_KIND,
    T_NUMBER,
    T_OUTER,
    T_PARENT,
    TUNNEL_STRIDE,
    TUNNELS,
    Z_BATCH,
    Z_CLAIMS,
    Z_FILE,
    Z_FRAME,
    Z_TUNNELS,
)

if TYPE_CHECKING:
    from zoneguard.capture.layout import Octets, Packet, Tables

i64, u64 = integers()
big16, big32, big64 = wide_loads()

DEEPEST = 6  # layers of tunnels in one frame
MOST_EXTENSIONS = 12  # IPv6 extension headers in one packet
MOST_LABELS = 16

# What stands at `at`, inside decode_frame.
ETHERNET = 1
ETHERTYPE = 2  # `kind` is an ethertype and `at` stands behind it
IP = 3  # the version nibble tells

# net.flow.Tunnel and net.flow.ClaimKind, as the kernel writes them
GRE, VXLAN, GENEVE, GTP_U, IPIP, SIX_IN_FOUR, TEREDO, PPPOE = 1, 3, 4, 5, 6, 7, 8, 10
ARP_CLAIM, NDP_CLAIM, DHCP_CLIENT, DHCP_SERVER, ROUTER, REDIRECT, STP, CDP, LLDP = 1, 2, 3, 4, 5, 6, 7, 8, 9


@inlined
def octet(b: Octets, at: int) -> int:
    return i64(b[u64(at)])


@inlined
def word16(b: Octets, at: int) -> int:
    if at < 0 or at + 2 > len(b):
        raise IndexError
    return big16(b, at)


@inlined
def word32(b: Octets, at: int) -> int:
    if at < 0 or at + 4 > len(b):
        raise IndexError
    return big32(b, at)


@inlined
def word48(b: Octets, at: int) -> int:
    return word16(b, at) << 32 | word32(b, at + 2)


@inlined
def word64(b: Octets, at: int) -> int:
    if at < 0 or at + 8 > len(b):
        raise IndexError
    return big64(b, at)


@kernel
def mix(a: int, b: Octets) -> int:
    """Fold two numbers into 31 bits; for identities of tunnels and fragments, not against an adversary."""
    x = (a & MASK32) * 0x5BD1E995 + (b & MASK32) * 0x1B873593 + (a >> 32 & MASK32) * 0x27D4EB2D
    x = x ^ x >> 29
    return (x & MASK32) * 0x2545F491 >> 16 & 0x7FFFFFFF


@kernel
def claim(t: Tables, kind: int, mac: int, high: int, low: int, vlan: int, place: int, time: int) -> None:
    """Note a claim; the driver returns before the table can be full."""
    at = t.scalars[Z_CLAIMS]
    if at >= CLAIMS:
        return
    c = at * CLAIM_STRIDE
    t.claims[c + C_KIND] = kind
    t.claims[c + C_MAC] = mac
    t.claims[c + C_HIGH] = high
    t.claims[c + C_LOW] = low
    t.claims[c + C_VLAN] = vlan
    t.claims[c + C_SENSOR] = place & 0xFFFF
    t.claims[c + C_TIME] = time
    t.claims[c + C_FRAME] = t.scalars[Z_FRAME]
    t.scalars[Z_CLAIMS] = at + 1


@kernel
def enter_tunnel(t: Tables, r: Packet, kind: int, number: int, parent: int) -> int:
    """Give the identity of the tunnel whose outer packet is `r`; remember its ends."""
    a = mix(mix(r.src_high, r.src_high) ^ r.src_low, r.src_low)
    c = mix(mix(r.dst_high, r.dst_high) ^ r.dst_low, r.dst_low)
    # The same from both sides: one tunnel carries both directions.
    identity = mix(a + c, kind << 24 ^ number) << 31 | mix((a ^ c) + number, parent ^ kind)
    identity = (identity & 0x3FFFFFFFFFFFFFFF) | 1
    where = identity % TUNNELS
    for probe in range(8):
        s = (where + probe) % TUNNELS * TUNNEL_STRIDE
        if t.tunnels[s + T_IDENTITY] == identity:
            return identity
        if t.tunnels[s + T_IDENTITY] == 0:
            t.tunnels[s + T_IDENTITY] = identity
            t.tunnels[s + T_KIND] = kind
            t.tunnels[s + T_NUMBER] = number
            t.tunnels[s + T_PARENT] = parent
            t.tunnels[s + T_OUTER] = r.src_high
            t.tunnels[s + T_OUTER + 1] = r.src_low
            t.tunnels[s + T_OUTER + 2] = r.dst_high
            t.tunnels[s + T_OUTER + 3] = r.dst_low
            t.scalars[Z_TUNNELS] += 1
            return identity
    t.scalars[N_TUNNELS_LOST] += 1
    return identity


@kernel
def dhcp(
    t: Tables, b: Octets, at: int, end: int, mac: int, vlan: int, place: int, time: int, r: Packet
) -> None:
    """Read the message type of DHCP (RFC 2132 option 53) and note who claims what."""
    if end - at < 244 or word32(b, at + 236) != 0x63825363:
        return
    o = at + 240
    message = 0
    requested = 0
    for _ in range(64):
        if o >= end:
            break
        code = octet(b, o)
        if code == 255:
            break
        if code == 0:
            o += 1
            continue
        if o + 1 >= end:
            break
        size = octet(b, o + 1)
        if code == 53 and size == 1 and o + 2 < end:
            message = octet(b, o + 2)
        if code == 50 and size == 4 and o + 5 < end:
            requested = word32(b, o + 2)
        o += 2 + size
    low = 0xFFFF << 32
    if message in (2, 5):  # OFFER, ACK
        claim(t, DHCP_SERVER, mac, 0, low | r.src_low & MASK32, vlan, place, time)
    elif message in (1, 3) and octet(b, at + 2) == 6:
        # The client's own hardware address, not the relay's.
        address = word32(b, at + 12)
        address = address if address != 0 else requested
        claim(t, DHCP_CLIENT, word48(b, at + 28), 0, low | address if address != 0 else 0, vlan, place, time)


@kernel
def neighbour(
    t: Tables, b: Octets, at: int, end: int, kind: int, mac: int, vlan: int, place: int, time: int, r: Packet
) -> None:
    """Read neighbour discovery (RFC 4861): who has which address, who says it is a router."""
    if kind == 134:
        claim(t, ROUTER, mac, r.src_high, r.src_low, vlan, place, time)
    elif kind == 137:
        claim(t, REDIRECT, mac, r.src_high, r.src_low, vlan, place, time)
    elif kind == 136 and end - at >= 24:
        high = word64(b, at + 8)
        low = word64(b, at + 16)
        owner = mac
        if end - at >= 32 and octet(b, at + 24) == 2 and octet(b, at + 25) == 1:
            owner = word48(b, at + 26)
        claim(t, NDP_CLAIM, owner, high, low, vlan, place, time)
    elif kind == 135 and r.src_low != 0 and end - at >= 32:
        if octet(b, at + 24) == 1 and octet(b, at + 25) == 1:
            claim(t, NDP_CLAIM, word48(b, at + 26), r.src_high, r.src_low, vlan, place, time)


@kernel
def arp(t: Tables, b: Octets, at: int, end: int, vlan: int, place: int, time: int) -> None:
    """Read ARP over Ethernet and IPv4 (RFC 826): the sender's own claim; probes name no address."""
    if end - at < 28:
        t.scalars[N_TRUNCATED] += 1
        return
    if word16(b, at) != 1 or word16(b, at + 2) != 0x0800 or octet(b, at + 4) != 6 or octet(b, at + 5) != 4:
        claim(t, CLAIM_ETHERTYPE, 0, 0, 0x0806, vlan, place, time)
        return
    address = word32(b, at + 14)
    claim(
        t, ARP_CLAIM, word48(b, at + 8), 0, 0xFFFF << 32 | address if address != 0 else 0, vlan, place, time
    )


@kernel
def assign(to: Packet, r: Packet) -> None:
    """Copy one packet; field by field, since an interpreted table holds references."""
    to.src_high = r.src_high
    to.src_low = r.src_low
    to.dst_high = r.dst_high
    to.dst_low = r.dst_low
    to.sport = r.sport
    to.dport = r.dport
    to.protocol = r.protocol
    to.place = r.place
    to.tunnel = r.tunnel
    to.time = r.time
    to.bytes = r.bytes
    to.flags = r.flags
    to.seq = r.seq
    to.ack = r.ack
    to.payload = r.payload
    to.payload_at = r.payload_at
    to.payload_end = r.payload_end
    to.body = r.body
    to.src_mac = r.src_mac
    to.dst_mac = r.dst_mac
    to.vlan = r.vlan
    to.frame = r.frame
    to.ident = r.ident
    to.ttl = r.ttl
    to.count = r.count
    to.kind = r.kind
    to.extra_bytes = r.extra_bytes
    to.request = r.request


@kernel
def fragment(t: Tables, r: Packet, key: int, first: bool, more: bool, time: int) -> bool:
    """Let a fragment follow its first one; give True when it is to stay in the batch.

    Fragments that come before their first wait, and are added to it when it comes. Those whose first
    never comes leave as a flow without ports when their place is needed, or at the end.
    """
    f = t.fragments
    place = key % FRAGMENTS
    other = (key ^ 1) % FRAGMENTS
    s = place * FRAGMENT_STRIDE
    o = other * FRAGMENT_STRIDE
    if f[s + F_KEY] != key and (f[o + F_KEY] == key or f[o + F_TIME] < f[s + F_TIME]):
        place = other
        s = o  # two places for each datagram: the older one gives way
    known = f[s + F_KEY] == key and abs(time - f[s + F_TIME]) <= FRAGMENT_WINDOW
    if not known and f[s + F_PACKETS] > 0:
        release(t, place, t.batch[t.scalars[Z_BATCH]])
        t.scalars[Z_BATCH] += 1
    if first:
        if known and f[s + F_PORTS] < 0:
            r.count += f[s + F_PACKETS]
            r.extra_bytes = f[s + F_BYTES]
        if more:
            f[s + F_KEY] = key
            f[s + F_TIME] = time
            f[s + F_PORTS] = r.sport << 16 | r.dport
            f[s + F_PACKETS] = 0
            f[s + F_BYTES] = 0
        return True
    if known and f[s + F_PORTS] >= 0:
        r.sport = f[s + F_PORTS] >> 16
        r.dport = f[s + F_PORTS] & 0xFFFF
        return True
    if not known:
        f[s + F_KEY] = key
        f[s + F_TIME] = time
        f[s + F_PORTS] = -1
        f[s + F_PACKETS] = 0
        f[s + F_BYTES] = 0
        assign(t.waiting[place], r)
    f[s + F_PACKETS] += 1
    f[s + F_BYTES] += r.bytes
    return False


@kernel
def release(t: Tables, place: int, r: Packet) -> None:
    """Write the fragments that wait at `place` to `r`, as one packet record without ports."""
    f = t.fragments
    s = place * FRAGMENT_STRIDE
    assign(r, t.waiting[place])
    r.count = f[s + F_PACKETS]
    r.bytes = f[s + F_BYTES]
    t.scalars[N_FRAGMENTS_LOST] += f[s + F_PACKETS]
    f[s + F_KEY] = 0
    f[s + F_PACKETS] = 0


@inlined
def transport(b: Octets, at: int, end: int, r: Packet, protocol: int, octets: int) -> bool:
    """Fill in ports, flags and numbers of `r` from the header at `at`.

    `octets` is the length of the transport segment by the IP header. Gives False when the header was
    cut before its ports.
    """
    have = end - at
    if protocol == 6:
        if have < 4:
            return False
        r.sport = word16(b, at)
        r.dport = word16(b, at + 2)
        if have < 14:
            return True
        r.seq = word32(b, at + 4)
        r.ack = word32(b, at + 8)
        size = (octet(b, at + 12) >> 4) * 4
        r.flags = octet(b, at + 13)
        if have >= 18:
            r.ident |= word16(b, at + 16)
        if size >= 20 and octets > size:
            r.payload = octets - size
            r.payload_at = at + size
        return True
    if protocol in (17, 136):
        if have < 4:
            return False
        r.sport = word16(b, at)
        r.dport = word16(b, at + 2)
        if have >= 8:
            r.ident |= word16(b, at + 6)
        if octets > 8:
            r.payload = octets - 8
            r.payload_at = at + 8
        if have >= 16:  # part of what tells two datagrams apart when nothing numbers them
            r.seq = word32(b, at + 8)
            r.ack = word32(b, at + 12)
        return True
    if protocol == 132:
        if have < 4:
            return False
        r.sport = word16(b, at)
        r.dport = word16(b, at + 2)
        if have >= 12:
            r.seq = word32(b, at + 8)
        if octets > 12:
            r.payload = octets - 12
        return True
    if have >= 8:
        r.seq = word32(b, at)
        r.ack = word32(b, at + 4)
    if octets > 0:
        r.payload = octets
    return True


@kernel
def quoted(b: Octets, at: int, end: int, r: Packet, time: int) -> bool:
    """Turn `r`, an ICMP error, into the flow whose packet it quotes; False when it cannot be read."""
    if end - at < 20:
        return False
    version = octet(b, at) >> 4
    if version == 4:
        size = (octet(b, at) & 15) * 4
        protocol = octet(b, at + 9)
        if size < 20 or word16(b, at + 6) & 0x1FFF != 0:
            return False
    elif version == 6 and end - at >= 40:
        size = 40
        protocol = octet(b, at + 6)
    else:
        return False
    p = at + size
    if end - p < (4 if protocol in (6, 17, 132, 136) else 2 if protocol in (1, 58) else 0):
        return False  # before anything is written: the record is still the error itself
    if version == 4:
        addresses_v4(b, at, r)
    else:
        addresses_v6(b, at, r)
    r.protocol = protocol
    r.sport = 0
    r.dport = 0
    if protocol in (6, 17, 132, 136):
        r.sport = word16(b, p)
        r.dport = word16(b, p + 2)
    elif protocol in (1, 58):
        icmp_ports(b, p, r, protocol)
    r.kind = ICMP_ERROR
    r.time = time
    return True


@inlined
def addresses_v4(b: Octets, at: int, r: Packet) -> None:
    """Read the addresses of the IPv4 header at `at`; they are kept as ::ffff:a.b.c.d."""
    r.src_high = 0
    r.src_low = 0xFFFF << 32 | word32(b, at + 12)
    r.dst_high = 0
    r.dst_low = 0xFFFF << 32 | word32(b, at + 16)


@inlined
def addresses_v6(b: Octets, at: int, r: Packet) -> None:
    """Likewise of the IPv6 header at `at`."""
    r.src_high = word64(b, at + 8)
    r.src_low = word64(b, at + 16)
    r.dst_high = word64(b, at + 24)
    r.dst_low = word64(b, at + 32)


@inlined
def icmp_ports(b: Octets, at: int, r: Packet, protocol: int) -> None:
    """Put an ICMP exchange under its request's type and code, on both sides alike."""
    kind = octet(b, at)
    code = octet(b, at + 1)
    request = 0
    if protocol == 1:
        if kind in (8, 13, 15, 17, 10):
            request = 1
        elif kind in (14, 16, 18):
            kind -= 1
            request = 2
        elif kind == 0:
            kind = 8
            request = 2
        elif kind == 9:
            kind = 10
            request = 2
    elif kind in (128, 139):
        request = 1
    elif kind in (129, 140):
        kind -= 1
        request = 2
    r.sport = kind << 8 | code
    r.dport = kind << 8 | code
    r.request = request


@kernel
def looks_like_ip(b: Octets, at: int, end: int) -> bool:
    """Tell whether an IP header that fits may stand at `at`."""
    if end - at < 20:
        return False
    version = octet(b, at) >> 4
    if version == 4:
        size = (octet(b, at) & 15) * 4
        return size >= 20 and word16(b, at + 2) >= size
    return version == 6 and end - at >= 40


@inlined
def decode_frame(
    t: Tables, b: Octets, at: int, end: int, link: int, wire: int, place: int, time: int, vlan: int
) -> int:
    """Write one batch record for each IP packet in the frame, outermost first; give how many.

    `wire` is the frame's length from `at` on. `place` is the sensor's index; the overlap domain is added
    here, when the VLAN is known. `vlan` is that of a tag which is no longer in the frame; an inner one holds.
    """
    z = t.scalars
    first = z[Z_BATCH]
    src_mac = 0
    dst_mac = 0
    kind = 0
    tunnel = 0
    stage = ETHERNET
    wire_end = at + wire
    if end <= at:
        z[N_EMPTY] += 1
        return 0

    # --- to the first layer ---------------------------------------------------------------------------
    if link == 192:  # PPI: a header in front of another link type
        if end - at < 8:
            z[N_TRUNCATED] += 1
            return 0
        size = octet(b, at + 2) | octet(b, at + 3) << 8
        link = octet(b, at + 4) | octet(b, at + 5) << 8 | octet(b, at + 6) << 16 | octet(b, at + 7) << 24
        at += size
    if link in (127, 119):  # radiotap, Prism or AVS: likewise, in front of 802.11
        if end - at < 8:
            z[N_TRUNCATED] += 1
            return 0
        if link == 127:
            at += octet(b, at + 2) | octet(b, at + 3) << 8
        elif word32(b, at) == 0x80211001:
            at += word32(b, at + 4)
        else:
            at += octet(b, at + 4) | octet(b, at + 5) << 8 | octet(b, at + 6) << 16 | octet(b, at + 7) << 24
        link = 105
    if at > end:
        z[N_TRUNCATED] += 1
        return 0
    if link == 1:
        stage = ETHERNET
    elif link in (12, 14, 101, 228, 229):
        stage = IP
    elif link in (0, 108):
        if end - at < 4:
            z[N_TRUNCATED] += 1
            return 0
        stage = IP  # the family's number differs between systems; the version nibble does not
        at += 4
    elif link == 113:
        if end - at < 16:
            z[N_TRUNCATED] += 1
            return 0
        if word16(b, at + 4) == 6:
            src_mac = word48(b, at + 6)
        kind = word16(b, at + 14)
        at += 16
        stage = ETHERTYPE
    elif link == 276:
        if end - at < 20:
            z[N_TRUNCATED] += 1
            return 0
        kind = word16(b, at)
        if octet(b, at + 11) == 6:
            src_mac = word48(b, at + 12)
        at += 20
        stage = ETHERTYPE
    elif link == 9:
        stage = 4  # PPP
        if end - at >= 4 and word16(b, at) in (0x0F00, 0x8F00):  # Cisco HDLC under the same link type
            kind = word16(b, at + 2)
            at += 4
            stage = ETHERTYPE
        elif end - at >= 2 and word16(b, at) == 0xFF03:
            at += 2
    elif link in (50, 204):
        at += 1 if link == 204 else 0
        if end - at >= 2 and word16(b, at) == 0xFF03:
            at += 2
        stage = 4
    elif link == 104:
        if end - at < 4:
            z[N_TRUNCATED] += 1
            return 0
        kind = word16(b, at + 2)
        at += 4
        stage = ETHERTYPE
    elif link == 105:
        if end - at < 24:
            z[N_WLAN_CONTROL] += 1  # shorter than any data frame
            return 0
        control = octet(b, at)
        flags = octet(b, at + 1)
        if control & 0x0C != 0x08 or control & 0x40 != 0:
            z[N_WLAN_CONTROL] += 1  # management, control, or data without a body
            return 0
        if flags & 0x40:
            z[N_ENCRYPTED_WLAN] += 1
            return 0
        size = 24
        dst_mac = word48(b, at + 16) if flags & 1 else word48(b, at + 4)
        src_mac = word48(b, at + 16) if flags & 2 and not flags & 1 else word48(b, at + 10)
        if flags & 3 == 3:
            size += 6
        if control & 0x80:
            size += 2
        at += size
        stage = 5  # LLC
    else:
        z[N_UNKNOWN_LINK] += 1
        return 0

    # --- layer by layer -------------------------------------------------------------------------------
    for _ in range(64):
        if stage == ETHERNET:
            if end - at < 14:
                z[N_TRUNCATED] += 1
                break
            dst_mac = word48(b, at)
            src_mac = word48(b, at + 6)
            kind = word16(b, at + 12)
            at += 14
            stage = ETHERTYPE
            if kind <= 1500:
                stage = 5
                continue
        if stage == 4:  # PPP: one octet when its low bit is set (RFC 1661 section 2)
            if end - at < 2:
                z[N_TRUNCATED] += 1
                break
            if octet(b, at) & 1:
                kind = octet(b, at)
                at += 1
            else:
                kind = word16(b, at)
                at += 2
            if kind == 0x21:
                kind = 0x0800
            elif kind == 0x57:
                kind = 0x86DD
            elif kind == 0x281:
                kind = 0x8847
            else:
                z[N_NOT_IP] += 1
                break
            stage = ETHERTYPE
        if stage == 5:  # LLC, with SNAP or without
            if end - at < 3:
                z[N_TRUNCATED] += 1
                break
            sap = word16(b, at)
            if sap == 0xAAAA and end - at >= 8:
                organisation = octet(b, at + 3) << 16 | word16(b, at + 4)
                kind = word16(b, at + 6)
                at += 8
                stage = ETHERTYPE
                if organisation == 0x00000C:
                    if kind == 0x2000:
                        claim(t, CDP, src_mac, 0, 0, vlan, place, time)
                    else:
                        claim(t, CLAIM_ETHERTYPE, src_mac, 0, kind, vlan, place, time)
                    break
                if organisation not in (0, 0x0000F8):
                    z[N_OTHER_LLC] += 1
                    break
            elif sap == 0x4242:
                claim(t, STP, src_mac, 0, 0, vlan, place, time)
                break
            elif sap == 0x0606:
                at += 3
                stage = IP
            else:
                z[N_OTHER_LLC] += 1
                break
        if stage == ETHERTYPE:
            if kind == 0x0800 or kind == 0x86DD:
                stage = IP
            elif kind in (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300):
                if end - at < 4:
                    z[N_TRUNCATED] += 1
                    break
                tag = word16(b, at) & 0x0FFF
                if tag != 0:  # a priority tag (VID 0) names no VLAN
                    vlan = tag
                kind = word16(b, at + 2)
                at += 4
                if kind <= 1500:
                    stage = 5
                continue
            elif kind in (0x8847, 0x8848):
                labels = 0
                bottom = False
                while labels < MOST_LABELS and end - at >= 4 and not bottom:
                    bottom = octet(b, at + 2) & 1 == 1
                    at += 4
                    labels += 1
                if not bottom or end - at < 1:
                    z[N_TRUNCATED] += 1
                    break
                version = octet(b, at) >> 4
                if version == 4 or version == 6:
                    stage = IP
                elif version == 0 and end - at >= 18:  # pseudowire control word (RFC 4385)
                    at += 4
                    stage = ETHERNET
                else:
                    z[N_NOT_OPENED] += 1
                    break
                continue
            elif kind == 0x8864:
                if end - at < 8:
                    z[N_TRUNCATED] += 1
                    break
                r = t.batch[z[Z_BATCH]]  # a spare record, to name the tunnel's ends
                r.src_high = 0
                r.src_low = 0
                r.dst_high = 0
                r.dst_low = 0
                tunnel = enter_tunnel(t, r, PPPOE, word16(b, at + 2), tunnel)
                at += 6
                stage = 4
                continue
            elif kind == 0x0806:
                arp(t, b, at, end, vlan, place, time)
                break
            elif kind == 0x88CC:
                claim(t, LLDP, src_mac, 0, 0, vlan, place, time)
                break
            else:
                claim(t, CLAIM_ETHERTYPE, src_mac, 0, kind, vlan, place, time)
                break

        # --- stage is IP ------------------------------------------------------------------------------
        if z[Z_BATCH] - first >= DEEPEST:
            z[N_TOO_DEEP] += 1
            break
        if end - at < 20:
            z[N_TRUNCATED] += 1
            break
        version = octet(b, at) >> 4
        r = t.batch[z[Z_BATCH]]
        later = False
        more = False
        ident = 0
        if version == 4:
            size = (octet(b, at) & 15) * 4
            total = word16(b, at + 2)
            if size < 20:
                z[N_BAD_IP] += 1
                break
            if total == 0:  # segmentation offload or BIG TCP: the frame tells
                total = max(wire_end, end) - at
            if total < size:
                z[N_BAD_IP] += 1
                break
            protocol = octet(b, at + 9)
            ident = word16(b, at + 4)
            offset = word16(b, at + 6)
            more = offset & 0x2000 != 0
            later = offset & 0x1FFF != 0
            r.ttl = octet(b, at + 8)
            addresses_v4(b, at, r)
            body = at + size
            last = min(end, at + total)
            octets = total - size
            offset &= 0x1FFF
        elif version == 6:
            if end - at < 40:
                z[N_TRUNCATED] += 1
                break
            total = word16(b, at + 4) + 40
            protocol = octet(b, at + 6)
            r.ttl = octet(b, at + 7)
            addresses_v6(b, at, r)
            body = at + 40
            if total == 40 and protocol == 0:  # a jumbogram (RFC 2675): the frame tells
                total = max(wire_end, end) - at
            last = min(end, at + total)
            offset = 0
            for _e in range(MOST_EXTENSIONS):
                if protocol in (0, 43, 60, 135, 139, 140):
                    if last - body < 8:
                        break
                    protocol = octet(b, body)
                    body += (octet(b, body + 1) + 1) * 8
                elif protocol == 44:
                    if last - body < 8:
                        break
                    protocol = octet(b, body)
                    offset = word16(b, body + 2)
                    more = offset & 1 == 1
                    offset >>= 3
                    later = offset != 0
                    ident = word32(b, body + 4)
                    body += 8
                    if later:
                        break
                else:
                    break
            octets = at + total - body
        else:
            z[N_BAD_IP] += 1
            break
        body = min(body, last)
        octets = max(octets, 0)
        wire_end = min(max(wire_end, end), at + total)
        r.sport = 0
        r.dport = 0
        r.protocol = protocol
        here = t.domains[vlan] << 16 | place
        r.place = here
        r.tunnel = tunnel
        r.time = time
        r.bytes = wire_end - at  # no more than the wire can have carried
        r.flags = 0
        r.seq = 0
        r.ack = 0
        r.payload = 0
        r.payload_at = 0
        r.payload_end = last
        r.body = body
        r.src_mac = src_mac
        r.dst_mac = dst_mac
        r.vlan = vlan
        r.frame = z[Z_FILE] << 40 | z[Z_FRAME]
        r.ident = (ident & 0xFFFFFFFF) << 16
        r.count = 1
        r.kind = PACKET
        r.extra_bytes = 0
        r.request = 0
        stood = z[Z_BATCH]
        z[Z_BATCH] = stood + 1
        if later:
            r.body = -body
            r.seq = offset
            key = fragment_key(r, ident)
            if not fragment(t, r, key, False, more, time):
                # It waits; what its arrival pushed out, if anything, stands behind it.
                z[Z_BATCH] -= 1
                if z[Z_BATCH] > stood:
                    assign(r, t.batch[stood + 1])
                return z[Z_BATCH] - first + 1
            break
        if protocol in (1, 58) and last - body >= 2:
            if not icmp(t, b, body, last, r, protocol, src_mac, vlan, here, time):
                break
            if more:
                fragment(t, r, fragment_key(r, ident), True, more, time)
            break
        if not transport(b, body, last, r, protocol, octets):
            z[N_TRUNCATED] += 1
        if more:
            fragment(t, r, fragment_key(r, ident), True, more, time)
            break
        if protocol == 6:
            break

        # --- tunnels ----------------------------------------------------------------------------------
        if protocol == 17:
            low = r.sport
            port = r.dport
            p = body + 8
            if port == 67 or port == 68:
                dhcp(t, b, p, last, src_mac, vlan, here, time, r)
                break
            if (port == 4789 or port == 8472) and last - p >= 22 and octet(b, p) & 0x08:
                tunnel = enter_tunnel(t, r, VXLAN, word32(b, p + 4) >> 8, tunnel)
                at = p + 8
                vlan = 0
                stage = ETHERNET
            elif port == 6081 and last - p >= 8 and octet(b, p) >> 6 == 0:
                inner = word16(b, p + 2)
                at = p + 8 + (octet(b, p) & 0x3F) * 4
                if at > last:
                    z[N_TRUNCATED] += 1
                    break
                tunnel = enter_tunnel(t, r, GENEVE, word32(b, p + 4) >> 8, tunnel)
                vlan = 0
                kind = inner
                stage = ETHERNET if inner == 0x6558 else ETHERTYPE
            elif (port == 2152 or low == 2152) and last - p >= 8 and octet(b, p) >> 4 == 3:
                if octet(b, p + 1) != 255:
                    break  # GTP signalling: nothing inside
                at = p + 8
                if octet(b, p) & 7:
                    at += 4
                    follow = octet(b, at - 1) if octet(b, p) & 4 and at <= last else 0
                    for _e in range(8):
                        if follow == 0 or at + 4 > last:
                            break
                        size = max(octet(b, at), 1) * 4
                        at += size
                        if at > last:
                            break
                        follow = octet(b, at - 1)
                if not looks_like_ip(b, at, last):
                    z[N_NOT_OPENED] += 1
                    break
                # Without its number: each direction has its own (3GPP TS 29.281 section 5.1).
                tunnel = enter_tunnel(t, r, GTP_U, 0, tunnel)
                stage = IP
            elif port == 3544 or low == 3544:
                at = p
                if last - at >= 13 and word16(b, at) == 1:  # authentication (RFC 4380 section 5.1.1)
                    at += 13 + octet(b, at + 2) + octet(b, at + 3)
                if last - at >= 8 and word16(b, at) == 0:  # origin indication
                    at += 8
                if last - at < 40 or octet(b, at) >> 4 != 6:
                    break
                tunnel = enter_tunnel(t, r, TEREDO, 0, tunnel)
                stage = IP
            else:
                break
        elif protocol == 4 or protocol == 41:
            if not looks_like_ip(b, body, last):
                z[N_NOT_OPENED] += 1
                break
            tunnel = enter_tunnel(t, r, SIX_IN_FOUR if protocol == 41 and version == 4 else IPIP, 0, tunnel)
            at = body
            stage = IP
        elif protocol == 97 and last - body >= 16:
            tunnel = enter_tunnel(t, r, GRE, 97, tunnel)
            at = body + 2
            vlan = 0
            stage = ETHERNET
        elif protocol == 47 and last - body >= 4:
            head = word16(b, body)
            kind = word16(b, body + 2)
            at = body + 4
            number = 0
            if head & 0x8000 or head & 0x4000:
                at += 4
            if head & 0x2000:
                number = word32(b, at) if at + 4 <= last else 0
                at += 4
            if head & 0x1000:
                at += 4
            if head & 7 == 1 and head & 0x0080:  # enhanced GRE of PPTP (RFC 2637): an acknowledgement
                at += 4
            if at >= last:
                break  # keep-alive: nothing inside
            if kind == 0x6558:
                tunnel = enter_tunnel(t, r, GRE, number, tunnel)
                vlan = 0
                stage = ETHERNET
            elif kind == 0x880B:
                if last - at >= 2 and word16(b, at) == 0xFF03:
                    at += 2
                tunnel = enter_tunnel(t, r, GRE, 0, tunnel)  # the call numbers differ by direction
                stage = 4
            elif kind == 0x88BE or kind == 0x22EB:
                # A mirror's own carriage: what is inside was seen, it was not tunnelled by anybody.
                vlan = 0
                if kind == 0x88BE and head & 0x1000:
                    if last - at < 8:
                        z[N_TRUNCATED] += 1
                        break
                    vlan = word16(b, at) & 0x0FFF
                    at += 8
                elif kind == 0x22EB:
                    if last - at < 12:
                        z[N_TRUNCATED] += 1
                        break
                    vlan = word16(b, at) & 0x0FFF
                    at += 20 if octet(b, at + 11) & 1 else 12
                stage = ETHERNET
            elif kind in (0x0800, 0x86DD, 0x8847, 0x8848, 0x8100):
                tunnel = enter_tunnel(t, r, GRE, number, tunnel)
                stage = ETHERTYPE
            else:
                z[N_NOT_OPENED] += 1
                break
        else:
            break
        end = last
    else:
        z[N_TOO_DEEP] += 1
    return z[Z_BATCH] - first


@kernel
def fragment_key(r: Packet, ident: int) -> int:
    """Name the datagram that a fragment belongs to (RFC 791, RFC 8200: addresses, protocol, number)."""
    x = mix(ident, r.protocol + r.place * 256)
    y = mix(r.tunnel, ident + 1)
    x = mix(x ^ r.src_high, r.src_high)
    y = mix(y ^ r.src_low, x)
    x = mix(x ^ r.src_low, r.src_low)
    y = mix(y ^ r.dst_high, x)
    x = mix(x ^ r.dst_high, r.dst_high)
    y = mix(y ^ r.dst_low, x)
    x = mix(x ^ r.dst_low, r.dst_low)
    return (x << 31 | y) + 1


@inlined
def icmp(
    t: Tables,
    b: Octets,
    at: int,
    end: int,
    r: Packet,
    protocol: int,
    mac: int,
    vlan: int,
    place: int,
    time: int,
) -> bool:
    """Tell requests, replies, errors and neighbour discovery apart; False: the record became a quoted flow."""
    kind = octet(b, at)
    code = octet(b, at + 1)
    r.payload = 1 if end - at > 8 else 0
    if end - at >= 8:
        r.seq = word32(b, at + 4)
        r.ident |= word16(b, at + 2)
    if protocol == 1 and kind == 5:
        claim(t, REDIRECT, mac, r.src_high, r.src_low, vlan, place, time)
    if protocol == 58 and 134 <= kind <= 137:
        neighbour(t, b, at, end, kind, mac, vlan, place, time, r)
    error = kind in (3, 4, 5, 11, 12) if protocol == 1 else kind < 128
    if error:
        # Administrative and reachability refusals end an attempt; "fragmentation needed" does not.
        refused = (kind == 3 and code != 4) if protocol == 1 else kind == 1
        t.scalars[N_ICMP_ERRORS] += 1
        if quoted(b, at + 8, end, r, time):
            r.request = 1 if refused else 0
            return False
    icmp_ports(b, at, r, protocol)
    return True
