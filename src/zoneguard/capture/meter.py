"""Columns to flows (the metering process of RFC 7011). Hot loop.

Packets come in batches of 32, and each batch is gone through three times: decode, touch the slots, update
the rows. The touch brings the slots into the cache while there is still other work (measured: 1.4 to 2.2
times the packets per second of one packet at a time).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.capture.decode import decode_frame, octet, release, word32
from zoneguard.capture.jit import inlined, integers, kernel
from zoneguard.capture.layout import (
    B_ACK,
    B_BYTES,
    B_COUNT,
    B_DPORT,
    B_DST,
    B_DST_MAC,
    B_EXTRA,
    B_EXTRA_BYTES,
    B_FLAGS,
    B_FLIP,
    B_FRAME,
    B_HASH,
    B_IDENT,
    B_KIND,
    B_PAYLOAD,
    B_PAYLOAD_AT,
    B_PAYLOAD_END,
    B_PLACE,
    B_PROTOCOL,
    B_REQUEST,
    B_SEQ,
    B_SPORT,
    B_SRC,
    B_SRC_MAC,
    B_TIME,
    B_TTL,
    B_TUNNEL,
    B_VLAN,
    BAD_RECORD,
    BATCH,
    BATCH_STRIDE,
    CLAIMS,
    CLAIMS_FULL,
    COPY_WINDOW,
    DONE_FULL,
    F_PACKETS,
    F_RECORD,
    FORMAT_PCAP,
    FORMAT_PCAPNG,
    FRAGMENT_STRIDE,
    FRAGMENTS,
    FRAME_STRIDE,
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
    MAX_RECORD,
    MORE,
    MOST_NEW,
    N_BAD_INTERFACE,
    N_BYTES,
    N_CLOCK_BACK,
    N_COPIES,
    N_DECODED,
    N_PACKETS,
    OTHER_BLOCK,
    R_A_BYTES,
    R_A_HIGH,
    R_A_LINK,
    R_A_LOW,
    R_A_MAC,
    R_A_NEXT_HOP,
    R_A_PACKETS,
    R_B_HIGH,
    R_B_LINK,
    R_B_LOW,
    R_B_PACKETS,
    R_COPIES,
    R_COPY_MAC,
    R_COPY_NEXT_HOP,
    R_FIRST,
    R_FRAME,
    R_ISN,
    R_LAST,
    R_PLACE,
    R_PORTS,
    R_STATE,
    R_TUNNEL,
    R_VLANS,
    RECENT,
    RECENT_STRIDE,
    RELEASED,
    ROW_STRIDE,
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
    S_RESET,
    S_RUNG_MASK,
    S_RUNG_SHIFT,
    S_UNREACHABLE,
    TWIN_WINDOW,
    W_AT,
    W_CAPTURED,
    W_LINK,
    W_SENSOR,
    W_TIME,
    W_WIRE,
    Z_ACTIVE,
    Z_BATCH,
    Z_BIG,
    Z_CLAIMS,
    Z_DONE,
    Z_FIRST_TIME,
    Z_FORMAT,
    Z_FRAME,
    Z_FRAMES,
    Z_IDLE_OTHER,
    Z_IDLE_TCP,
    Z_INTERFACES,
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
    from zoneguard.capture.layout import Octets, Tables

i64, u64 = integers()

# net.flow.Opener and net.flow.Payload, as the kernel writes them
BY_SYN, BY_SYN_ACK, BY_ISN, BY_GREETING, BY_FIRST_PACKET = 0, 1, 2, 3, 7
(
    OTHER, TLS_CLIENT, TLS_SERVER, HTTP_REQUEST, HTTP_RESPONSE, SSH, RDP, RFB, SMB, SERVER_220,
    SMTP_CLIENT, FTP_CLIENT, DNS_QUERY, DNS_RESPONSE, SOCKS, ICA, QUIC,
) = range(1, 18)  # fmt: skip

FIN, SYN, RST, ACK = 1, 2, 4, 16

# Fixed numbers, unlike the keys of the flow table: which copies are recognised must not depend on the run.
SIGNATURE = (
    0x1B873593CC9E2D51, 0x27D4EB2F165667C5, 0x2545F4914F6CDD1D, 0x369DEA0F31A53F85, 0x3C6EF372FE94F82B,
    0x106689D45497FDB5, 0x1D8E4E27C47D124F, 0x2127599BF4325C37, 0x0B0D7C3F2EA1C6A3, 0x2C9277B5B89F3C5B,
    0x1F83D9ABFB41BD6B, 0x1BE0CD19137E2179, 0x3C44D1A1CD55A2B7, 0x2A54FF53A5F1D36F, 0x34E90C6CC0AC29B7,
    0x2D9B1F7C0F6E5A93,
)  # fmt: skip


@kernel
def run(t: Tables, b: Octets, n: int) -> int:
    """Meter the whole records in `b[Z_POSITION:n]`; give the reason for coming back.

    Cost: one pass, nothing allocated. The caller makes room (rows, claims, done) and calls again.
    """
    z = t.scalars
    done_room = len(t.done) // ROW_STRIDE
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
        else:
            reason = let_fragments_go(t)
        z[Z_BATCH] = 1 if reason == RELEASED else 0
        for i in range(z[Z_FRAMES]):
            if z[Z_BATCH] >= BATCH:
                settle(t, b)
                z[Z_BATCH] = 0
            frame(t, b, i * FRAME_STRIDE)
        settle(t, b)
        if reason >= 0:
            return reason


@kernel
def settle(t: Tables, b: Octets) -> int:
    """Find or make the row of every record in the batch, and update it."""
    z = t.scalars
    m = t.batch
    count = z[Z_BATCH]
    mask = len(t.slots) - 1
    touched = 0
    for i in range(count):
        r = i * BATCH_STRIDE
        prepare(t, r)
        touched += t.slots[m[r + B_HASH] & mask] & 1
    for i in range(count):
        slot = t.slots[t.batch[i * BATCH_STRIDE + B_HASH] & mask]
        if slot != 0:
            w = ((slot & MASK32) - 1) * ROW_STRIDE
            touched += (t.rows[w] + t.rows[w + R_A_PACKETS] + t.rows[w + R_B_LINK]) & 1
    for i in range(count):
        r = i * BATCH_STRIDE
        if m[r + B_KIND] == ICMP_ERROR:
            refuse(t, r, mask)
        else:
            update(t, b, r, mask)
    return touched  # read, so that the touching is not optimised away


@inlined
def walk_pcap(t: Tables, b: Octets, n: int) -> int:
    """Note where up to 32 pcap records stand; give -1 to be called again, else the reason to stop."""
    z = t.scalars
    at = z[Z_POSITION]
    big = z[Z_BIG]
    while z[Z_FRAMES] < BATCH:
        if n - at < 16:
            z[Z_POSITION] = at
            return MORE
        if big:
            seconds = word32(b, at)
            fraction = word32(b, at + 4)
            captured = word32(b, at + 8)
            wire = word32(b, at + 12)
        else:
            seconds = little32(b, at)
            fraction = little32(b, at + 4)
            captured = little32(b, at + 8)
            wire = little32(b, at + 12)
        if captured > MAX_RECORD:
            z[Z_POSITION] = at
            return BAD_RECORD
        if n - at - 16 < captured:
            z[Z_POSITION] = at
            return MORE
        at += 16
        time = seconds * 1_000_000_000 + fraction * z[Z_UNIT]
        note(t, at, captured, wire, z[Z_LINK], z[Z_SENSOR], time)
        at += captured
    z[Z_POSITION] = at
    return -1


@inlined
def walk_pcapng(t: Tables, b: Octets, n: int) -> int:
    """Likewise for pcapng blocks; blocks without a packet are left to the caller (OTHER_BLOCK)."""
    z = t.scalars
    at = z[Z_POSITION]
    big = z[Z_BIG]
    while z[Z_FRAMES] < BATCH:
        z[Z_POSITION] = at
        if n - at < 12:
            return MORE
        kind = word32(b, at) if big else little32(b, at)
        size = word32(b, at + 4) if big else little32(b, at + 4)
        if kind not in (2, 3, 6):
            return OTHER_BLOCK
        if size < 16 or size & 3 or size > MAX_RECORD + 65_536:
            return BAD_RECORD
        if n - at < size:
            return MORE
        end = at + size - 4
        if (word32(b, end) if big else little32(b, end)) != size:
            return BAD_RECORD
        interface = 0
        time = -1
        if kind == 3:
            wire = word32(b, at + 8) if big else little32(b, at + 8)
            body = at + 12
            captured = min(wire, end - body)
            if z[Z_INTERFACES] > 0 and t.interfaces[I_SNAPLEN] > 0:
                captured = min(captured, t.interfaces[I_SNAPLEN])
        else:
            if size < 32:
                return BAD_RECORD
            if kind == 6:
                interface = word32(b, at + 8) if big else little32(b, at + 8)
            elif big:
                interface = octet(b, at + 8) << 8 | octet(b, at + 9)
            else:
                interface = octet(b, at + 9) << 8 | octet(b, at + 8)
            if big:
                high = word32(b, at + 12)
                low = word32(b, at + 16)
                captured = word32(b, at + 20)
                wire = word32(b, at + 24)
            else:
                high = little32(b, at + 12)
                low = little32(b, at + 16)
                captured = little32(b, at + 20)
                wire = little32(b, at + 24)
            body = at + 28
            if captured > end - body:
                return BAD_RECORD
        at += size
        if interface >= z[Z_INTERFACES]:
            note(t, body, captured, wire, -1, 0, -1)
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
        note(t, body, captured, wire, t.interfaces[f + I_LINK], t.interfaces[f + I_SENSOR], time)
    z[Z_POSITION] = at
    return -1


@inlined
def note(t: Tables, at: int, captured: int, wire: int, link: int, sensor: int, time: int) -> None:
    """Enter one record into the list of frames to decode."""
    f = t.scalars[Z_FRAMES] * FRAME_STRIDE
    t.frames[f + W_AT] = at
    t.frames[f + W_CAPTURED] = captured
    t.frames[f + W_WIRE] = wire
    t.frames[f + W_LINK] = link
    t.frames[f + W_SENSOR] = sensor
    t.frames[f + W_TIME] = time
    t.scalars[Z_FRAMES] += 1


@inlined
def frame(t: Tables, b: Octets, f: int) -> None:
    """Count one captured frame and decode it into the batch."""
    z = t.scalars
    at = t.frames[f + W_AT]
    captured = t.frames[f + W_CAPTURED]
    wire = t.frames[f + W_WIRE]
    time = t.frames[f + W_TIME]
    if time < 0:
        time = z[Z_NOW]
    z[Z_FRAME] += 1
    z[N_PACKETS] += 1
    z[N_BYTES] += wire
    if time < z[Z_NOW]:
        if z[Z_NOW] - time > 1_000_000_000:
            z[N_CLOCK_BACK] += 1
    else:
        z[Z_NOW] = time
    if z[Z_FIRST_TIME] == 0 or time < z[Z_FIRST_TIME]:
        z[Z_FIRST_TIME] = time
    link = t.frames[f + W_LINK]
    sensor = t.frames[f + W_SENSOR]
    if link < 0:
        z[N_BAD_INTERFACE] += 1
    elif decode_frame(t, b, at, at + captured, link, max(wire, captured), sensor, time) > 0:
        z[N_DECODED] += 1


@inlined
def let_fragments_go(t: Tables) -> int:
    """Let the earliest of the fragments that still wait leave as a flow without ports (at the end of the input)."""
    earliest = -1
    for s in range(0, FRAGMENTS * FRAGMENT_STRIDE, FRAGMENT_STRIDE):
        if t.fragments[s + F_PACKETS] > 0 and (
            earliest < 0 or t.fragments[s + F_RECORD + B_FRAME] < t.fragments[earliest + F_RECORD + B_FRAME]
        ):
            earliest = s
    if earliest < 0:
        return MORE
    release(t, earliest, 0)
    return RELEASED


@inlined
def little32(b: Octets, at: int) -> int:
    return i64(b[u64(at)]) | i64(b[u64(at + 1)]) << 8 | i64(b[u64(at + 2)]) << 16 | i64(b[u64(at + 3)]) << 24


@inlined
def prepare(t: Tables, r: int) -> None:
    """Put the endpoints in order and hash them.

    Keyed multilinear hashing (Lemire and Kaser, 2013) over words of 32 bits: without the key nobody can
    choose addresses that fall into one bucket.
    """
    m = t.batch
    k = t.keys
    flip = 0
    for i in range(4):
        difference = m[r + B_SRC + i] - m[r + B_DST + i]
        if difference != 0:
            flip = 1 if difference > 0 else 2
            break
    if flip == 0:
        flip = 1 if m[r + B_SPORT] > m[r + B_DPORT] else 2
    flip &= 1
    m[r + B_FLIP] = flip
    x = r + B_SRC + 4 * flip
    y = r + B_DST - 4 * flip
    h = k[0]
    h += k[1] * m[x] + k[2] * m[x + 1] + k[3] * m[x + 2] + k[4] * m[x + 3]
    h += k[5] * m[y] + k[6] * m[y + 1] + k[7] * m[y + 2] + k[8] * m[y + 3]
    h += k[9] * (m[r + B_SPORT + flip] << 16 | m[r + B_DPORT - flip])
    h += k[10] * m[r + B_PROTOCOL] + k[11] * m[r + B_PLACE]
    tunnel = m[r + B_TUNNEL]
    if tunnel != 0:
        h += k[12] * (tunnel & MASK32) + k[13] * (tunnel >> 32)
    m[r + B_HASH] = h >> 32 & MASK32


@inlined
def is_copy(t: Tables, r: int, link: int) -> bool:
    """Tell a second sighting of a packet: alike but for TTL, checksum, MACs and tags, shortly after.

    A copy from another port or VLAN may come within two seconds; a frame that is alike to the last bit
    must come within a millisecond, else it is a repetition by its sender. An acknowledgement that carries
    neither data nor an IP identification may well be sent twice.
    """
    m = t.batch
    numbered = m[r + B_IDENT] >> 16 != 0 or m[r + B_PAYLOAD] > 0 or m[r + B_FLAGS] & (SYN | FIN) != 0
    k = SIGNATURE
    s = k[0] + m[r + B_SRC + 3] * k[1] + m[r + B_DST + 3] * k[8]
    s += (m[r + B_SRC + 1] + (m[r + B_SRC + 2] << 31)) * k[9]
    s += (m[r + B_DST + 1] + (m[r + B_DST + 2] << 31)) * k[14]
    s += (m[r + B_SRC] + (m[r + B_DST] << 31)) * k[15]
    s += (m[r + B_SPORT] << 16 | m[r + B_DPORT]) * k[10] + m[r + B_PROTOCOL] * k[11] + m[r + B_PLACE] * k[12]
    tunnel = m[r + B_TUNNEL]
    if tunnel != 0:
        s += (tunnel & MASK32) * k[13] + (tunnel >> 32) * k[12]
    s += k[2] * (m[r + B_IDENT] & MASK32) + k[3] * (m[r + B_IDENT] >> 32) + k[4] * m[r + B_BYTES]
    s += k[5] * m[r + B_SEQ] + k[6] * m[r + B_ACK] + k[7] * m[r + B_FLAGS]
    s = s >> 16 & 0xFFFFFFFFFFFF
    e = (s & (RECENT - 1)) * RECENT_STRIDE
    if t.recent[e] == s:
        age = abs(m[r + B_TIME] - t.recent[e + 1])
        if t.recent[e + 2] != link:
            if age <= COPY_WINDOW:
                return True
        elif age <= TWIN_WINDOW and numbered:
            return True
    t.recent[e] = s
    t.recent[e + 1] = m[r + B_TIME]
    t.recent[e + 2] = link
    return False


@inlined
def find(t: Tables, r: int, mask: int) -> int:
    """Give the row index of record `r`, or -1 - slot where it belongs."""
    m = t.batch
    rows = t.rows
    flip = m[r + B_FLIP]
    x = r + B_SRC + 4 * flip
    y = r + B_DST - 4 * flip
    a_high = m[x] << 32 | m[x + 1]
    a_low = m[x + 2] << 32 | m[x + 3]
    b_high = m[y] << 32 | m[y + 1]
    b_low = m[y + 2] << 32 | m[y + 3]
    ports = m[r + B_SPORT + flip] << 32 | m[r + B_DPORT - flip] << 16 | m[r + B_PROTOCOL]
    h = m[r + B_HASH]
    tag = h & 0x7FFFFFFF
    at = h & mask
    while True:
        slot = t.slots[at]
        if slot == 0:
            return -1 - at
        if slot >> 32 == tag:
            w = ((slot & MASK32) - 1) * ROW_STRIDE
            if (
                rows[w + R_A_LOW] == a_low
                and rows[w + R_B_LOW] == b_low
                and rows[w + R_PORTS] == ports
                and rows[w + R_PLACE] == m[r + B_PLACE]
                and rows[w + R_TUNNEL] == m[r + B_TUNNEL]
                and rows[w + R_A_HIGH] == a_high
                and rows[w + R_B_HIGH] == b_high
            ):
                return (slot & MASK32) - 1
        at = (at + 1) & mask


@inlined
def begin(t: Tables, r: int, w: int) -> None:
    """Write a new flow into row `w` from its first packet."""
    m = t.batch
    rows = t.rows
    flip = m[r + B_FLIP]
    x = r + B_SRC + 4 * flip
    y = r + B_DST - 4 * flip
    rows[w + R_A_HIGH] = m[x] << 32 | m[x + 1]
    rows[w + R_A_LOW] = m[x + 2] << 32 | m[x + 3]
    rows[w + R_B_HIGH] = m[y] << 32 | m[y + 1]
    rows[w + R_B_LOW] = m[y + 2] << 32 | m[y + 3]
    rows[w + R_PORTS] = m[r + B_SPORT + flip] << 32 | m[r + B_DPORT - flip] << 16 | m[r + B_PROTOCOL]
    rows[w + R_PLACE] = m[r + B_PLACE]
    rows[w + R_TUNNEL] = m[r + B_TUNNEL]
    rows[w + R_STATE] = BY_FIRST_PACKET << S_RUNG_SHIFT | flip * S_OPENER_B
    restart(t, r, w)


@inlined
def restart(t: Tables, r: int, w: int) -> None:
    """Zero what a flow counts, keeping its key and its state word."""
    m = t.batch
    rows = t.rows
    rows[w + R_LAST] = m[r + B_TIME]
    rows[w + R_FIRST] = m[r + B_TIME]
    rows[w + R_FRAME] = m[r + B_FRAME]
    for i in range(R_A_PACKETS, R_STATE):
        rows[w + i] = 0
    for i in range(R_A_MAC, ROW_STRIDE):
        rows[w + i] = 0
    rows[w + R_A_LINK] = -1
    rows[w + R_B_LINK] = -1
    if m[r + B_PROTOCOL] == 6 and m[r + B_FLAGS] & (SYN | RST) == SYN:
        rows[w + R_STATE] |= S_FRESH_ANSWER if m[r + B_FLAGS] & ACK else S_FRESH


@inlined
def retire(t: Tables, w: int) -> None:
    """Move a finished flow to the done table; the driver has made sure of room."""
    at = t.scalars[Z_DONE] * ROW_STRIDE
    for i in range(ROW_STRIDE):
        t.done[at + i] = t.rows[w + i]
    t.scalars[Z_DONE] += 1


@inlined
def update(t: Tables, b: Octets, r: int, mask: int) -> None:
    """Add one packet to its flow."""
    m = t.batch
    rows = t.rows
    z = t.scalars
    flags = m[r + B_FLAGS]
    tcp = m[r + B_PROTOCOL] == 6
    time = m[r + B_TIME]
    link = m[r + B_SRC_MAC] * 0x10001 ^ m[r + B_DST_MAC] * 0x1003 ^ m[r + B_VLAN] << 50 ^ m[r + B_TTL] << 40
    link &= 0x7FFFFFFFFFFFFFFF
    copied = is_copy(t, r, link)
    row = find(t, r, mask)
    if row < 0:
        row = enter(t, r, row)
        w = row * ROW_STRIDE
        if copied and z[Z_SPILLED]:  # its flow has left for the disk: a piece without packets of its own
            rows[w + R_STATE] &= ~(S_FRESH | S_FRESH_ANSWER)
            count_copy(t, r, w)
            return
        state = rows[w + R_STATE]
    else:
        w = row * ROW_STRIDE
        state = rows[w + R_STATE]
        if copied:
            count_copy(t, r, w)
            return
        gap = time - rows[w + R_LAST]
        # A copy or a refusal alone, of a flow that has left for the disk, stays a piece of its own.
        fresh = rows[w + R_A_PACKETS] + rows[w + R_B_PACKETS] == 0
        if not fresh and tcp and flags & (SYN | RST) == SYN:
            if flags & ACK == 0:
                if state & S_ISN:
                    fresh = rows[w + R_ISN] != m[r + B_SEQ] and (
                        state & (S_FIN_A | S_FIN_B | S_RESET | S_ANSWERED | S_ACKED) != 0
                    )
                else:
                    fresh = True
            elif state & S_ISN == 0 and state & (S_FIN_A | S_FIN_B | S_RESET) != 0:
                fresh = True
        if fresh:
            retire(t, w)
            state = BY_FIRST_PACKET << S_RUNG_SHIFT | m[r + B_FLIP] * S_OPENER_B
            rows[w + R_STATE] = state
            restart(t, r, w)
            state = rows[w + R_STATE]
        elif gap > (z[Z_IDLE_TCP] if tcp else z[Z_IDLE_OTHER]) or (
            z[Z_ACTIVE] > 0 and time - rows[w + R_FIRST] > z[Z_ACTIVE]
        ):
            # The same conversation goes on: who opened it is still known.
            retire(t, w)
            state &= ~(0xFFFF | S_UNREACHABLE | S_FRESH | S_FRESH_ANSWER)
            rows[w + R_STATE] = state
            restart(t, r, w)
    rows[w + R_LAST] = max(rows[w + R_LAST], time)
    rows[w + R_FIRST] = min(rows[w + R_FIRST], time)
    flip = m[r + B_FLIP]
    rows[w + R_A_PACKETS + 2 * flip] += m[r + B_COUNT] + m[r + B_EXTRA]
    rows[w + R_A_BYTES + 2 * flip] += m[r + B_BYTES] + m[r + B_EXTRA_BYTES]
    if rows[w + R_A_LINK + flip] != link:
        if rows[w + R_A_LINK + flip] == -1:
            rows[w + R_A_MAC + 2 * flip] = m[r + B_SRC_MAC]
            rows[w + R_A_NEXT_HOP + 2 * flip] = m[r + B_DST_MAC]
            rows[w + R_VLANS] |= m[r + B_VLAN] << 16 * flip
        rows[w + R_A_LINK + flip] = link
    if tcp:
        before = state
        state |= flags << S_B_SHIFT * flip
        if flags & (SYN | RST) == SYN:
            if flags & ACK == 0:
                state |= S_ISN
                rows[w + R_ISN] = m[r + B_SEQ]
                state = state & ~(S_RUNG_MASK | S_OPENER_B) | flip * S_OPENER_B
            else:
                if state & S_ISN == 0:
                    state |= S_ISN
                    rows[w + R_ISN] = (m[r + B_ACK] - 1) & MASK32
                if state & S_RUNG_MASK > BY_SYN_ACK << S_RUNG_SHIFT:
                    state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_SYN_ACK << S_RUNG_SHIFT
                    state |= (1 - flip) * S_OPENER_B
                state |= S_ANSWERED
        elif flags & RST:
            state |= S_RESET
            if (
                flags & ACK
                and m[r + B_SEQ] == 0
                and m[r + B_ACK] != 0
                and state & S_RUNG_MASK > BY_ISN << S_RUNG_SHIFT
            ):
                # A refusal (RFC 9293 section 3.5.3, CLOSED state): its sender was asked.
                state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_ISN << S_RUNG_SHIFT
                state |= (1 - flip) * S_OPENER_B
        elif flags & ACK:
            state |= S_ACKED
        if flags & FIN:
            state |= S_FIN_B if flip else S_FIN_A
        if m[r + B_PAYLOAD] > 0 and flags & (SYN | RST) == 0:
            state = payload(t, b, r, flip, state)
        if state != before:
            rows[w + R_STATE] = state
        return
    if m[r + B_REQUEST] and state & S_RUNG_MASK > BY_GREETING << S_RUNG_SHIFT:
        opener = flip if m[r + B_REQUEST] == 1 else 1 - flip
        state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_GREETING << S_RUNG_SHIFT | opener * S_OPENER_B
    if m[r + B_PAYLOAD] > 0:
        state = payload(t, b, r, flip, state)
    rows[w + R_STATE] = state


@inlined
def enter(t: Tables, r: int, place: int) -> int:
    """Make a row for record `r` where `find` said that it belongs."""
    row = t.scalars[Z_ROWS]
    t.scalars[Z_ROWS] = row + 1
    t.slots[-1 - place] = (t.batch[r + B_HASH] & 0x7FFFFFFF) << 32 | (row + 1)
    begin(t, r, row * ROW_STRIDE)
    return row


@inlined
def count_copy(t: Tables, r: int, w: int) -> None:
    """Note a second sighting, and by which way it came."""
    m = t.batch
    rows = t.rows
    t.scalars[N_COPIES] += 1
    rows[w + R_COPIES] += 1
    rows[w + R_COPY_MAC] = m[r + B_SRC_MAC]
    rows[w + R_COPY_NEXT_HOP] = m[r + B_DST_MAC]
    rows[w + R_VLANS] = rows[w + R_VLANS] & MASK32 | m[r + B_VLAN] << 32


@kernel
def refuse(t: Tables, r: int, mask: int) -> None:
    """Mark the flow that an ICMP error quotes as refused; an error about nothing seen is only counted."""
    row = find(t, r, mask)
    if not t.batch[r + B_REQUEST]:
        return
    if row < 0:
        if t.scalars[Z_SPILLED] == 0:
            return
        row = enter(t, r, row)  # its flow may have left for the disk: a piece without packets
    t.rows[row * ROW_STRIDE + R_STATE] |= S_UNREACHABLE


@inlined
def payload(t: Tables, b: Octets, r: int, flip: int, state: int) -> int:
    """Note that a direction carried payload, of what class its first was, and who so greets whom."""
    bit = S_PAYLOAD_B if flip else S_PAYLOAD_A
    if state & bit:
        return state
    state |= bit
    m = t.batch
    start = m[r + B_PAYLOAD_AT]
    if start == 0:
        return state
    kind = classify(b, start, m[r + B_PAYLOAD_END], m[r + B_PROTOCOL], m[r + B_SPORT], m[r + B_DPORT])
    state |= kind << (S_CLASS_B_SHIFT if flip else S_CLASS_A_SHIFT)
    if state & S_RUNG_MASK > BY_GREETING << S_RUNG_SHIFT:
        if kind in (TLS_CLIENT, HTTP_REQUEST, SMTP_CLIENT, FTP_CLIENT, DNS_QUERY):
            state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_GREETING << S_RUNG_SHIFT | flip * S_OPENER_B
        elif kind in (TLS_SERVER, HTTP_RESPONSE, SERVER_220, DNS_RESPONSE):
            state = state & ~(S_RUNG_MASK | S_OPENER_B) | BY_GREETING << S_RUNG_SHIFT
            state |= (1 - flip) * S_OPENER_B
    return state


@inlined
def classify(b: Octets, at: int, end: int, protocol: int, source_port: int, port: int) -> int:
    """Tell the class of a first payload by its opening octets; they are not kept."""
    have = end - at
    if have < 4:
        return OTHER
    w = word32(b, at)
    if protocol == 17:
        if (port in (53, 5353, 5355) or source_port in (53, 5353, 5355)) and have >= 12:
            return DNS_RESPONSE if octet(b, at + 2) & 0x80 else DNS_QUERY
        if w >> 30 == 3 and have >= 1200 and word32(b, at + 1) in (1, 0x6B3343CF):
            return QUIC
        return OTHER
    if protocol != 6:
        return OTHER
    if w >> 8 in (0x160300, 0x160301, 0x160302, 0x160303) and have >= 6:
        kind = octet(b, at + 5)
        return TLS_CLIENT if kind == 1 else TLS_SERVER if kind == 2 else OTHER
    if w == 0x5353482D:  # SSH-
        return SSH
    if w == 0x48545450:  # HTTP
        return HTTP_RESPONSE
    if w in (
        0x47455420,
        0x504F5354,
        0x48454144,
        0x50555420,
        0x434F4E4E,
        0x4F505449,
        0x44454C45,
        0x50415443,
        0x50524F50,
    ):
        return HTTP_REQUEST  # GET, POST, HEAD, PUT, CONN, OPTI, DELE, PATC, PROP
    if w >> 16 == 0x0300 and have >= 7 and octet(b, at + 5) in (0xE0, 0xD0):
        return RDP  # TPKT, X.224 connection request or confirm
    if w == 0x52464220:  # RFB and a space
        return RFB
    if have >= 8 and w >> 24 == 0 and word32(b, at + 4) in (0xFE534D42, 0xFF534D42, 0xFD534D42):
        return SMB
    if w in (0x32323020, 0x3232302D):  # "220 " and "220-"
        return SERVER_220
    if w in (0x45484C4F, 0x48454C4F, 0x65686C6F, 0x68656C6F):
        return SMTP_CLIENT
    if w in (0x55534552, 0x75736572):
        return FTP_CLIENT
    if w == 0x7F7F4943 or w == 0x1A434750:  # ICA; CGP
        return ICA
    if w >> 16 in (0x0501, 0x0502, 0x0401) and have <= 64:
        return SOCKS
    return OTHER


@kernel
def index_rows(t: Tables) -> None:
    """Enter all rows into the (cleared) slots anew, after the table has grown."""
    k = t.keys
    rows = t.rows
    mask = len(t.slots) - 1
    for row in range(t.scalars[Z_ROWS]):
        w = row * ROW_STRIDE
        h = k[0]
        h += k[1] * (rows[w] >> 32 & MASK32) + k[2] * (rows[w] & MASK32)
        h += k[3] * (rows[w + 1] >> 32 & MASK32) + k[4] * (rows[w + 1] & MASK32)
        h += k[5] * (rows[w + 2] >> 32 & MASK32) + k[6] * (rows[w + 2] & MASK32)
        h += k[7] * (rows[w + 3] >> 32 & MASK32) + k[8] * (rows[w + 3] & MASK32)
        ports = rows[w + R_PORTS]
        h += k[9] * (ports >> 16 & MASK32) + k[10] * (ports & 0xFFFF) + k[11] * rows[w + R_PLACE]
        tunnel = rows[w + R_TUNNEL]
        if tunnel != 0:
            h += k[12] * (tunnel & MASK32) + k[13] * (tunnel >> 32)
        h = h >> 32 & MASK32
        at = h & mask
        while t.slots[at] != 0:
            at = (at + 1) & mask
        t.slots[at] = (h & 0x7FFFFFFF) << 32 | (row + 1)
