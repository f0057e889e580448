"""Columns to flows (the metering process of RFC 7011). Hot loop.

Packets come in batches of 32, and each batch is gone through four times: decode, ask for the slots, ask for the
rows, update the rows. What was asked for comes into the cache while there is still other work. To ask is not to
read: a read holds up all that follows until the memory has answered (measured on 5 M small packets over 200,000
flows: 1.0 s with reads, 0.57 s with prefetches).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.capture.classes import (
    DNS_QUERY,
    DNS_RESPONSE,
    FTP_CLIENT,
    FTP_SERVER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    IMAP_SERVER,
    LEAST,
    POP3_CLIENT,
    POP3_SERVER,
    SERVER_220,
    SMTP_CLIENT,
    SMTP_SERVER,
    TLS_CLIENT,
    TLS_SERVER,
    classify,
)
from zoneguard.capture.decode import decode_frame, release, word16, word32
from zoneguard.capture.jit import fence, inlined, kernel, prefetch
from zoneguard.capture.layout import (
    BAD_RECORD,
    BATCH,
    CLAIMS,
    CLAIMS_FULL,
    COPY_WINDOW,
    DONE_FULL,
    F_PACKETS,
    FORMAT_PCAP,
    FORMAT_PCAPNG,
    FORMAT_RING,
    FRAGMENT_STRIDE,
    FRAGMENTS,
    FULL,
    FURTHEST,
    I_DIVIDE,
    I_LINK,
    I_MOST,
    I_MULTIPLY,
    I_OFFSET,
    I_SENSOR,
    I_SNAPLEN,
    ICMP_ERROR,
    INTERFACE_STRIDE,
    MASK32,
    MASK63,
    MAX_RECORD,
    MORE,
    MOST_NEW,
    N_BAD_INTERFACE,
    N_BYTES,
    N_CLOCK_BACK,
    N_COPIES,
    N_DECODED,
    N_MERGED,
    N_PACKETS,
    N_SHORTENED,
    NO_TIME,
    OTHER_BLOCK,
    P_CAPTURED,
    P_HEADER,
    P_MAC,
    P_NANOSECONDS,
    P_NEXT,
    P_SECONDS,
    P_STATUS,
    P_TCI,
    P_WIRE,
    RECENT,
    RELEASED,
    S_ACKED,
    S_ANSWERED,
    S_B_SHIFT,
    S_CLASS_A_SHIFT,
    S_CLASS_B_SHIFT,
    S_FIN_A,
    S_FIN_B,
    S_FRESH,
    S_FRESH_ANSWER,
    S_ISN,
    S_OPENER_B,
    S_PAYLOAD_A,
    S_PAYLOAD_B,
    S_PIECE,
    S_RESET,
    S_RUNG_MASK,
    S_RUNG_SHIFT,
    S_UNREACHABLE,
    TWIN_WINDOW,
    VLAN_VALID,
    Z_ACTIVE,
    Z_BATCH,
    Z_BIG,
    Z_CLAIMS,
    Z_CURSOR,
    Z_DONE,
    Z_FORMAT,
    Z_FRAME,
    Z_FRAMES,
    Z_IDLE_OTHER,
    Z_IDLE_TCP,
    Z_INTERFACES,
    Z_LARGEST,
    Z_LEAST,
    Z_LEFT,
    Z_LIMIT,
    Z_LINK,
    Z_NOW,
    Z_POSITION,
    Z_ROWS,
    Z_SENSOR,
    Z_SPILLED,
    Z_UNIT,
)

if TYPE_CHECKING:
    from zoneguard.capture.layout import Flow, Octets, Packet, Tables

full_fence = fence()
ask_for = prefetch()

# net.flow.Opener, as the kernel writes it
BY_SYN, BY_SYN_ACK, BY_ISN, BY_GREETING, BY_FIRST_PACKET = 0, 1, 2, 3, 7

FIN, SYN, RST, ACK = 1, 2, 4, 16

# Fixed numbers, unlike the keys of the flow table: which copies are recognised must not depend on the run.
SIGNATURE = (
    0x1B873593CC9E2D51, 0x27D4EB2F165667C5, 0x2545F4914F6CDD1D, 0x369DEA0F31A53F85, 0x3C6EF372FE94F82B,
    0x106689D45497FDB5, 0x1D8E4E27C47D124F, 0x2127599BF4325C37, 0x0B0D7C3F2EA1C6A3, 0x2C9277B5B89F3C5B,
    0x1F83D9ABFB41BD6B, 0x1BE0CD19137E2179, 0x3C44D1A1CD55A2B7, 0x2A54FF53A5F1D36F,
)  # fmt: skip


@kernel
def run(t: Tables, b: Octets, n: int) -> int:
    """Meter the whole records in `b[Z_POSITION:n]`; give the reason for coming back.

    Cost: one pass, nothing allocated. The caller makes room (rows, claims, done) and calls again.
    """
    z = t.scalars
    done_room = len(t.done)
    while True:
        if z[Z_ROWS] + MOST_NEW > z[Z_LIMIT]:
            return FULL
        if z[Z_DONE] + MOST_NEW > done_room:
            return DONE_FULL
        if z[Z_CLAIMS] + MOST_NEW > CLAIMS:
            return CLAIMS_FULL
        z[Z_FRAMES] = 0
        if z[Z_FORMAT] == FORMAT_PCAP:
            reason = walk_pcap(t, b, n)
        elif z[Z_FORMAT] == FORMAT_PCAPNG:
            reason = walk_pcapng(t, b, n)
        elif z[Z_FORMAT] == FORMAT_RING:
            reason = walk_ring(t, b, n)
        else:
            reason = let_fragments_go(t)
        z[Z_BATCH] = 1 if reason == RELEASED else 0
        frames = z[Z_FRAMES]
        z[N_PACKETS] += frames
        for i in range(frames):
            if z[Z_BATCH] >= BATCH:
                settle(t, b)
                z[Z_BATCH] = 0
            frame(t, b, i)
        settle(t, b)
        if reason >= 0:
            return reason


@kernel
def settle(t: Tables, b: Octets) -> int:
    """Find or make the row of every record in the batch, and update it."""
    count = t.scalars[Z_BATCH]
    mask = len(t.slots) - 1
    for i in range(count):
        r = t.batch[i]
        prepare(t, r)
        ask_for(t.slots, r.hash & mask, 0)
        ask_for(t.recent, r.signature & (RECENT - 1), 0)
    for i in range(count):
        slot = t.slots[t.batch[i].hash & mask]
        if slot != 0:
            ask_for(t.rows, (slot & MASK32) - 1, 0)
            ask_for(t.rows, (slot & MASK32) - 1, 1)
    for i in range(count):
        r = t.batch[i]
        if r.kind == ICMP_ERROR:
            refuse(t, r, mask)
        else:
            update(t, b, r, mask)
    return count


@inlined
def walk_pcap(t: Tables, b: Octets, n: int) -> int:
    """Note where up to 32 pcap records stand; give -1 to be called again, else the reason to stop."""
    z = t.scalars
    at = z[Z_POSITION]
    big = z[Z_BIG]
    unit = z[Z_UNIT]
    link = z[Z_LINK]
    sensor = z[Z_SENSOR]
    reason = -1
    frames = 0
    while frames < BATCH:
        if n - at < 16:
            reason = MORE
            break
        captured = number32(b, at + 8, big)
        if captured > MAX_RECORD:
            reason = BAD_RECORD
            break
        if n - at - 16 < captured:
            reason = MORE
            break
        time = number32(b, at, big) * 1_000_000_000 + number32(b, at + 4, big) * unit
        note(t, frames, at + 16, captured, number32(b, at + 12, big), link, sensor, time, 0)
        at += 16 + captured
        frames += 1
    z[Z_FRAMES] = frames
    z[Z_POSITION] = at
    return reason


@inlined
def walk_pcapng(t: Tables, b: Octets, n: int) -> int:
    """Likewise for pcapng blocks; blocks without a packet are left to the caller (OTHER_BLOCK)."""
    z = t.scalars
    at = z[Z_POSITION]
    big = z[Z_BIG]
    frames = 0
    while frames < BATCH:
        z[Z_POSITION] = at
        z[Z_FRAMES] = frames
        if n - at < 12:
            return MORE
        kind = number32(b, at, big)
        size = number32(b, at + 4, big)
        if kind not in (2, 3, 6):
            return OTHER_BLOCK
        if size < 16 or size & 3 or size > MAX_RECORD + 65_536:
            return BAD_RECORD
        if n - at < size:
            return MORE
        end = at + size - 4
        if (number32(b, end, big)) != size:
            return BAD_RECORD
        interface = 0
        time = -1
        if kind == 3:
            wire = number32(b, at + 8, big)
            body = at + 12
            captured = min(wire, end - body)
            if z[Z_INTERFACES] > 0 and t.interfaces[I_SNAPLEN] > 0:
                captured = min(captured, t.interfaces[I_SNAPLEN])
        else:
            if size < 32:
                return BAD_RECORD
            if kind == 6:
                interface = number32(b, at + 8, big)
            else:
                interface = word16(b, at + 8)
                if not big:
                    interface = interface >> 8 | (interface & 0xFF) << 8
            high = number32(b, at + 12, big)
            low = number32(b, at + 16, big)
            captured = number32(b, at + 20, big)
            wire = number32(b, at + 24, big)
            body = at + 28
            if captured > end - body:
                return BAD_RECORD
        at += size
        if interface >= z[Z_INTERFACES]:
            note(t, frames, body, captured, wire, -1, 0, -1, 0)
            frames += 1
            continue
        f = interface * INTERFACE_STRIDE
        if kind != 3:
            units = (high & 0x7FFFFFFF) << 32 | low
            divide = t.interfaces[f + I_DIVIDE]
            # Whole and broken part apart, so that units × multiply cannot overflow.
            time = FURTHEST
            if units // divide <= t.interfaces[f + I_MOST]:
                time = units // divide * t.interfaces[f + I_MULTIPLY]
                time = min(time + units % divide * t.interfaces[f + I_MULTIPLY] // divide, FURTHEST)
            time = min(max(time + t.interfaces[f + I_OFFSET], 0), FURTHEST)
        link = t.interfaces[f + I_LINK]
        note(t, frames, body, captured, wire, link, t.interfaces[f + I_SENSOR], time, 0)
        frames += 1
    z[Z_FRAMES] = frames
    z[Z_POSITION] = at
    return -1


@inlined
def walk_ring(t: Tables, b: Octets, n: int) -> int:
    """Likewise for the packets of one block of a TPACKET_V3 ring, which ends at `n`.

    The kernel has taken the outer VLAN tag out of the frame and tells it beside; the four octets count.
    """
    z = t.scalars
    at = z[Z_POSITION]
    big = z[Z_BIG]
    link = z[Z_LINK]
    sensor = z[Z_SENSOR]
    largest = z[Z_LARGEST]
    left = z[Z_LEFT]
    reason = -1
    frames = 0
    while frames < BATCH:
        if left <= 0:
            reason = MORE
            break
        if n - at < P_HEADER:
            reason = BAD_RECORD
            break
        offset = number16(b, at + P_MAC, big)
        captured = number32(b, at + P_CAPTURED, big)
        wire = number32(b, at + P_WIRE, big)
        follow = number32(b, at + P_NEXT, big)
        if offset < P_HEADER or captured > n - at - offset or (left > 1 and not P_HEADER <= follow <= n - at):
            reason = BAD_RECORD
            break
        time = number32(b, at + P_SECONDS, big) * 1_000_000_000 + number32(b, at + P_NANOSECONDS, big)
        if wire > captured:
            z[N_SHORTENED] += 1
        if wire > largest:
            z[N_MERGED] += 1
        vlan = 0
        if number32(b, at + P_STATUS, big) & VLAN_VALID:
            vlan = number32(b, at + P_TCI, big) & 0x0FFF
            z[N_BYTES] += 4
        note(t, frames, at + offset, captured, wire, link, sensor, time, vlan)
        at += follow
        left -= 1
        frames += 1
    z[Z_LEFT] = left
    z[Z_FRAMES] = frames
    z[Z_POSITION] = at
    return reason


@inlined
def note(
    t: Tables, i: int, at: int, captured: int, wire: int, link: int, sensor: int, time: int, vlan: int
) -> None:
    """Enter one record into the list of frames to decode."""
    f = t.frames[i]
    f.at = at
    f.captured = captured
    f.wire = wire
    f.link = link
    f.sensor = sensor
    f.time = time
    f.vlan = vlan


@inlined
def frame(t: Tables, b: Octets, i: int) -> None:
    """Count one captured frame and decode it into the batch."""
    z = t.scalars
    f = t.frames[i]
    now = z[Z_NOW]
    time = f.time if f.time >= 0 else now
    z[Z_FRAME] += 1
    z[N_BYTES] += f.wire
    if time < now:
        if now - time > 1_000_000_000:
            z[N_CLOCK_BACK] += 1
    else:
        z[Z_NOW] = time
    z[Z_LEAST] = min(z[Z_LEAST], time)
    if f.link < 0:
        z[N_BAD_INTERFACE] += 1
        return
    wire = max(f.wire, f.captured)
    if decode_frame(t, b, f.at, f.at + f.captured, f.link, wire, f.sensor, time, f.vlan) > 0:
        z[N_DECODED] += 1


@inlined
def let_fragments_go(t: Tables) -> int:
    """Let the earliest of the fragments that still wait leave as a flow without ports (at the end of the input)."""
    earliest = -1
    for i in range(FRAGMENTS):
        if t.fragments[i * FRAGMENT_STRIDE + F_PACKETS] > 0 and (
            earliest < 0 or t.waiting[i].frame < t.waiting[earliest].frame
        ):
            earliest = i
    if earliest < 0:
        return MORE
    release(t, earliest, t.batch[0])
    return RELEASED


@inlined
def number32(b: Octets, at: int, big: int) -> int:
    """Read one of the file's own numbers."""
    x = word32(b, at)
    if big:
        return x
    return x >> 24 | x >> 8 & 0xFF00 | (x & 0xFF00) << 8 | (x & 0xFF) << 24


@inlined
def number16(b: Octets, at: int, big: int) -> int:
    """Likewise of two octets."""
    x = word16(b, at)
    if big:
        return x
    return x >> 8 | (x & 0xFF) << 8


@inlined
def is_above(a: int, b: int) -> bool:
    """Compare two words of 64 bits as unsigned ones."""
    x = a >> 1 & MASK63
    y = b >> 1 & MASK63
    return x > y or (x == y and (a & 1) > (b & 1))


@inlined
def keyed_hash(
    t: Tables, high: int, low: int, high2: int, low2: int, ports: int, place: int, tunnel: int
) -> int:
    """Hash the key of a flow into 32 bits; `ports` is a << 32 | b << 16 | protocol.

    Keyed multilinear hashing (Lemire and Kaser, 2013) over words of 32 bits: without the key nobody can
    choose addresses that fall into one bucket.
    """
    k = t.keys
    h = k[0]
    h += k[1] * (high >> 32 & MASK32) + k[2] * (high & MASK32)
    h += k[3] * (low >> 32 & MASK32) + k[4] * (low & MASK32)
    h += k[5] * (high2 >> 32 & MASK32) + k[6] * (high2 & MASK32)
    h += k[7] * (low2 >> 32 & MASK32) + k[8] * (low2 & MASK32)
    h += k[9] * (ports >> 16) + k[10] * (ports & 0xFFFF) + k[11] * place
    if tunnel != 0:
        h += k[12] * (tunnel & MASK32) + k[13] * (tunnel >> 32)
    return h >> 32 & MASK32


@inlined
def prepare(t: Tables, r: Packet) -> None:
    """Put the endpoints in order, hash them, and digest what tells a mirror copy."""
    if r.src_high == r.dst_high and r.src_low == r.dst_low:
        flip = 1 if r.sport > r.dport else 0
    elif r.src_high == r.dst_high:
        flip = 1 if is_above(r.src_low, r.dst_low) else 0
    else:
        flip = 1 if is_above(r.src_high, r.dst_high) else 0
    r.flip = flip
    if flip:
        ports = r.dport << 32 | r.sport << 16 | r.protocol
        r.hash = keyed_hash(t, r.dst_high, r.dst_low, r.src_high, r.src_low, ports, r.place, r.tunnel)
    else:
        ports = r.sport << 32 | r.dport << 16 | r.protocol
        r.hash = keyed_hash(t, r.src_high, r.src_low, r.dst_high, r.dst_low, ports, r.place, r.tunnel)
    link = r.src_mac * 0x10001 ^ r.dst_mac * 0x1003 ^ r.vlan << 50 ^ r.ttl << 40
    r.link = link & MASK63
    k = SIGNATURE
    s = k[0] + r.src_high * k[1] + r.src_low * k[2] + r.dst_high * k[3] + r.dst_low * k[4]
    s += (r.sport << 16 | r.dport) * k[5] + r.protocol * k[6] + r.place * k[7] + r.tunnel * k[8]
    s += r.ident * k[9] + r.bytes * k[10] + r.seq * k[11] + r.ack * k[12] + r.flags * k[13]
    r.signature = s >> 16 & 0xFFFFFFFFFFFF


@inlined
def is_copy(t: Tables, r: Packet) -> bool:
    """Tell a second sighting of a packet: alike but for TTL, checksum, MACs and tags, shortly after.

    A copy from another port or VLAN may come within two seconds; a frame that is alike to the last bit
    must come within a millisecond, else it is a repetition by its sender. An acknowledgement that carries
    neither data nor an IP identification may well be sent twice.
    """
    seen = t.recent[r.signature & (RECENT - 1)]
    if seen.signature == r.signature:
        age = abs(r.time - seen.time)
        if seen.link != r.link:
            if age <= COPY_WINDOW:
                return True
        elif age <= TWIN_WINDOW and (r.ident >> 16 != 0 or r.payload > 0 or r.flags & (SYN | FIN) != 0):
            return True
    seen.signature = r.signature
    seen.time = r.time
    seen.link = r.link
    return False


@inlined
def find(t: Tables, r: Packet, mask: int) -> int:
    """Give the row index of record `r`, or -1 - slot where it belongs."""
    if r.flip:
        a_high = r.dst_high
        a_low = r.dst_low
        b_high = r.src_high
        b_low = r.src_low
        ports = r.dport << 32 | r.sport << 16 | r.protocol
    else:
        a_high = r.src_high
        a_low = r.src_low
        b_high = r.dst_high
        b_low = r.dst_low
        ports = r.sport << 32 | r.dport << 16 | r.protocol
    tag = r.hash & 0x7FFFFFFF
    at = r.hash & mask
    while True:
        slot = t.slots[at]
        if slot == 0:
            return -1 - at
        if slot >> 32 == tag:
            row = t.rows[(slot & MASK32) - 1]
            if (
                row.a_low == a_low
                and row.b_low == b_low
                and row.ports == ports
                and row.place == r.place
                and row.tunnel == r.tunnel
                and row.a_high == a_high
                and row.b_high == b_high
            ):
                return (slot & MASK32) - 1
        at = (at + 1) & mask


@inlined
def begin(row: Flow, r: Packet) -> None:
    """Write a new flow into `row` from its first packet."""
    if r.flip:
        row.a_high = r.dst_high
        row.a_low = r.dst_low
        row.b_high = r.src_high
        row.b_low = r.src_low
        row.ports = r.dport << 32 | r.sport << 16 | r.protocol
    else:
        row.a_high = r.src_high
        row.a_low = r.src_low
        row.b_high = r.dst_high
        row.b_low = r.dst_low
        row.ports = r.sport << 32 | r.dport << 16 | r.protocol
    row.place = r.place
    row.tunnel = r.tunnel
    row.isn = 0
    row.state = BY_FIRST_PACKET << S_RUNG_SHIFT | r.flip * S_OPENER_B
    restart(row, r)


@inlined
def restart(row: Flow, r: Packet) -> None:
    """Begin to count anew with packet `r`, keeping the key, the state word and the initial sequence number."""
    row.last = r.time
    row.first = r.time
    row.frame = r.frame
    empty(row)
    if r.protocol == 6 and r.flags & (SYN | RST) == SYN:
        row.state |= S_FRESH_ANSWER if r.flags & ACK else S_FRESH


@inlined
def empty(row: Flow) -> None:
    """Zero what a flow counts."""
    for way in range(2):
        row.ways[way].packets = 0
        row.ways[way].bytes = 0
        row.hops[way].mac = 0
        row.hops[way].next_hop = 0
    row.vlans = 0
    row.copies = 0
    row.copy_mac = 0
    row.copy_next_hop = 0


@inlined
def retire(t: Tables, row: Flow) -> None:
    """Hand on a flow or a piece of one; the driver has made sure of room."""
    done = t.done[t.scalars[Z_DONE]]
    copy_flow(done, row)
    done.first = min(row.first, row.last)  # NO_TIME: only mirror copies came since a sweep
    t.scalars[Z_DONE] += 1


@inlined
def copy_flow(to: Flow, row: Flow) -> None:
    """Copy one flow; field by field, since an interpreted table holds references."""
    to.a_high = row.a_high
    to.a_low = row.a_low
    to.b_high = row.b_high
    to.b_low = row.b_low
    to.ports = row.ports
    to.place = row.place
    to.tunnel = row.tunnel
    to.last = row.last
    to.state = row.state
    to.isn = row.isn
    to.first = row.first
    to.frame = row.frame
    for way in range(2):
        to.ways[way].packets = row.ways[way].packets
        to.ways[way].bytes = row.ways[way].bytes
        to.hops[way].mac = row.hops[way].mac
        to.hops[way].next_hop = row.hops[way].next_hop
    to.vlans = row.vlans
    to.copies = row.copies
    to.copy_mac = row.copy_mac
    to.copy_next_hop = row.copy_next_hop


@inlined
def is_told(row: Flow) -> bool:
    """Tell whether nothing has come since a sweep handed on what was before."""
    return row.first == NO_TIME and row.copies == 0 and row.state & S_UNREACHABLE == 0


@inlined
def going_on(row: Flow) -> int:
    """Give the state word of a flow of which a piece has been handed on: what tells of that piece is off."""
    state = row.state
    if row.ports & 0xFFFF != 6 and row.ways[0].packets > 0 and row.ways[1].packets > 0:
        state |= S_ANSWERED  # the next piece may hold packets of one direction only
    return state & ~(0xFFFF | S_UNREACHABLE | S_FRESH | S_FRESH_ANSWER) | S_PIECE


@inlined
def update(t: Tables, b: Octets, r: Packet, mask: int) -> None:
    """Add one packet to its flow."""
    z = t.scalars
    flags = r.flags
    tcp = r.protocol == 6
    time = r.time
    flip = r.flip
    copied = is_copy(t, r)
    place = find(t, r, mask)
    if place < 0:
        row = enter(t, r, place)
        if copied and z[Z_SPILLED]:  # its flow has left for the disk: a piece without packets of its own
            row.state &= ~(S_FRESH | S_FRESH_ANSWER)
            count_copy(t, row, r)
            return
        state = row.state
    else:
        row = t.rows[place]
        state = row.state
        if copied:
            count_copy(t, row, r)
            return
        gap = time - row.last
        # A copy or a refusal alone, of a flow that has left for the disk, stays a piece of its own.
        fresh = z[Z_SPILLED] != 0 and row.ways[0].packets + row.ways[1].packets == 0
        if not fresh and tcp and flags & (SYN | RST) == SYN:
            if flags & ACK == 0:
                if state & S_ISN:
                    fresh = row.isn != r.seq and (
                        state & (S_FIN_A | S_FIN_B | S_RESET | S_ANSWERED | S_ACKED) != 0
                    )
                else:
                    fresh = True
            elif state & S_ISN == 0 and state & (S_FIN_A | S_FIN_B | S_RESET) != 0:
                fresh = True
        if fresh:
            if not is_told(row):
                retire(t, row)
            row.state = BY_FIRST_PACKET << S_RUNG_SHIFT | flip * S_OPENER_B
            restart(row, r)
            state = row.state
        elif gap > (z[Z_IDLE_TCP] if tcp else z[Z_IDLE_OTHER]) or (
            z[Z_ACTIVE] > 0 and time - row.first > z[Z_ACTIVE]
        ):
            # The same conversation goes on: who opened it is still known.
            if not is_told(row):
                retire(t, row)
            state = going_on(row)
            if gap > (z[Z_IDLE_TCP] if tcp else z[Z_IDLE_OTHER]):
                state &= ~S_PIECE  # a flow of its own (docs/decisions/0003)
                if not tcp:
                    state &= ~S_ANSWERED
            row.state = state
            restart(row, r)
    way = row.ways[flip]
    if way.packets == 0:
        if row.first == NO_TIME:  # the first packet since a sweep has handed on what was before
            row.frame = r.frame
            row.last = time
        row.hops[flip].mac = r.src_mac
        row.hops[flip].next_hop = r.dst_mac
        row.vlans |= r.vlan << 16 * flip
    row.last = max(row.last, time)
    row.first = min(row.first, time)
    way.packets += r.count
    way.bytes += r.bytes + r.extra_bytes
    if tcp:
        before = state
        state |= flags << S_B_SHIFT * flip
        if flags & (SYN | RST) == SYN:
            if flags & ACK == 0:
                state |= S_ISN
                row.isn = r.seq
                state = state & ~(S_RUNG_MASK | S_OPENER_B) | flip * S_OPENER_B
            else:
                if state & S_ISN == 0:
                    state |= S_ISN
                    row.isn = (r.ack - 1) & MASK32
                if state & S_RUNG_MASK > BY_SYN_ACK << S_RUNG_SHIFT:
                    state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_SYN_ACK << S_RUNG_SHIFT
                    state |= (1 - flip) * S_OPENER_B
                state |= S_ANSWERED
        elif flags & RST:
            state |= S_RESET
            if flags & ACK and r.seq == 0 and r.ack != 0 and state & S_RUNG_MASK > BY_ISN << S_RUNG_SHIFT:
                # A refusal (RFC 9293 section 3.5.3, CLOSED state): its sender was asked.
                state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_ISN << S_RUNG_SHIFT
                state |= (1 - flip) * S_OPENER_B
        elif flags & ACK:
            state |= S_ACKED
        if flags & FIN:
            state |= S_FIN_B if flip else S_FIN_A
        if r.payload > 0 and flags & (SYN | RST) == 0:
            state = payload(b, r, flip, state)
        if state != before:
            row.state = state
        return
    if r.request and state & S_RUNG_MASK > BY_GREETING << S_RUNG_SHIFT:
        opener = flip if r.request == 1 else 1 - flip
        state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_GREETING << S_RUNG_SHIFT | opener * S_OPENER_B
    if r.payload > 0:
        state = payload(b, r, flip, state)
    row.state = state


@inlined
def enter(t: Tables, r: Packet, place: int) -> Flow:
    """Make a row for record `r` where `find` said that it belongs."""
    row = t.scalars[Z_ROWS]
    t.scalars[Z_ROWS] = row + 1
    t.slots[-1 - place] = (r.hash & 0x7FFFFFFF) << 32 | (row + 1)
    begin(t.rows[row], r)
    return t.rows[row]


@inlined
def count_copy(t: Tables, row: Flow, r: Packet) -> None:
    """Note a second sighting, and by which way it came."""
    t.scalars[N_COPIES] += 1
    row.copies += 1
    row.copy_mac = r.src_mac
    row.copy_next_hop = r.dst_mac
    row.vlans = row.vlans & MASK32 | r.vlan << 32


@kernel
def refuse(t: Tables, r: Packet, mask: int) -> None:
    """Mark the flow that an ICMP error quotes as refused; an error about nothing seen is only counted."""
    place = find(t, r, mask)
    if not r.request:
        return
    if place >= 0:
        t.rows[place].state |= S_UNREACHABLE
    elif t.scalars[Z_SPILLED]:
        enter(t, r, place).state |= S_UNREACHABLE  # its flow may be on the disk: a piece without packets


@inlined
def payload(b: Octets, r: Packet, flip: int, state: int) -> int:
    """Note that a direction carried payload, of what class its first was, and who so greets whom.

    One or two octets say nothing and are not the first: keep-alives of TCP and of NAT carry as many.
    """
    shift = S_CLASS_B_SHIFT if flip else S_CLASS_A_SHIFT
    if state & 0xFF << shift:
        return state
    state |= S_PAYLOAD_B if flip else S_PAYLOAD_A
    start = r.payload_at
    if start == 0 or r.payload < LEAST:
        return state
    kind = classify(b, start, r.payload_end, r.payload, r.protocol, r.sport, r.dport)
    state |= kind << shift
    if state & S_RUNG_MASK > BY_GREETING << S_RUNG_SHIFT:
        if kind in (TLS_CLIENT, HTTP_REQUEST, SMTP_CLIENT, FTP_CLIENT, POP3_CLIENT, DNS_QUERY):
            state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_GREETING << S_RUNG_SHIFT | flip * S_OPENER_B
        elif kind in (
            TLS_SERVER,
            HTTP_RESPONSE,
            SERVER_220,
            SMTP_SERVER,
            FTP_SERVER,
            POP3_SERVER,
            IMAP_SERVER,
            DNS_RESPONSE,
        ):
            state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_GREETING << S_RUNG_SHIFT
            state |= (1 - flip) * S_OPENER_B
    return state


@kernel
def index_rows(t: Tables) -> None:
    """Enter all rows into the (cleared) slots anew, after the table has grown."""
    mask = len(t.slots) - 1
    for i in range(t.scalars[Z_ROWS]):
        row = t.rows[i]
        h = keyed_hash(t, row.a_high, row.a_low, row.b_high, row.b_low, row.ports, row.place, row.tunnel)
        at = h & mask
        while t.slots[at] != 0:
            at = (at + 1) & mask
        t.slots[at] = (h & 0x7FFFFFFF) << 32 | (i + 1)


@kernel
def sweep(t: Tables, now: int, ahead: int, light: int, tcp: int, other: int, active: int, budget: int) -> int:
    """Look at `budget` rows from the cursor on; hand on and drop those whose last packet is too old.

    Times in ns: `light` holds for attempts and closed connections, `tcp` and `other` for the rest. Of a flow
    whose first packet is older than `active`, or whose last is later than `ahead` since the clock was put
    back, a piece is handed on and the row stays, with who opened it. Gives how many rows are still to be looked at
    when the table of finished ones is full, else 0. Cost: a few cache lines a row, nothing allocated.
    """
    z = t.scalars
    done_room = len(t.done)
    i = z[Z_CURSOR]
    while budget > 0 and z[Z_ROWS] > 0:
        if z[Z_DONE] >= done_room:
            break
        if i >= z[Z_ROWS]:
            i = 0
        budget -= 1
        row = t.rows[i]
        before = tcp if row.ports & 0xFFFF == 6 else other
        if row.last < before or (row.last < light and is_light(row)):
            if not is_told(row):
                retire(t, row)
            remove(t, i)
            continue
        if row.first < active or row.last > ahead:
            if not is_told(row):
                retire(t, row)
                row.state = going_on(row)
                empty(row)
                row.first = NO_TIME
            row.last = min(row.last, now)
        i += 1
    z[Z_CURSOR] = i
    return budget if z[Z_ROWS] > 0 else 0


@inlined
def is_light(row: Flow) -> bool:
    """Tell attempts and closed connections, of which little can still come."""
    state = row.state
    if row.ports & 0xFFFF != 6:
        answered = state & S_ANSWERED != 0 or (row.ways[0].packets > 0 and row.ways[1].packets > 0)
        return not answered
    closed = state & S_RESET != 0 or (state & S_FIN_A != 0 and state & S_FIN_B != 0)
    return closed or state & (S_ANSWERED | S_ACKED) == 0


@inlined
def remove(t: Tables, i: int) -> None:
    """Take row `i` out of the table: the last row takes its place, and no gap stays among the slots."""
    mask = len(t.slots) - 1
    hole = slot_of(t, i, mask)
    at = hole
    while True:
        at = (at + 1) & mask
        slot = t.slots[at]
        if slot == 0:
            break
        # What stands behind the gap moves into it unless it would then stand before its own place.
        if (at - (slot >> 32)) & mask >= (at - hole) & mask:
            t.slots[hole] = slot
            hole = at
    t.slots[hole] = 0
    last = t.scalars[Z_ROWS] - 1
    if i != last:
        at = slot_of(t, last, mask)
        t.slots[at] = t.slots[at] >> 32 << 32 | (i + 1)
        copy_flow(t.rows[i], t.rows[last])
    t.scalars[Z_ROWS] = last


@inlined
def slot_of(t: Tables, i: int, mask: int) -> int:
    """Give the slot that leads to row `i`."""
    row = t.rows[i]
    h = keyed_hash(t, row.a_high, row.a_low, row.b_high, row.b_low, row.ports, row.place, row.tunnel)
    at = h & mask
    while t.slots[at] & MASK32 != i + 1:
        if t.slots[at] == 0:
            raise IndexError
        at = (at + 1) & mask
    return at


@kernel
def barrier() -> int:
    """Keep what stands before it and what stands behind it in order, for memory shared with the system."""
    return full_fence()
