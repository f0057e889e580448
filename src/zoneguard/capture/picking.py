"""Packets of wanted flows, and wanted frames, picked out of captures that are read again. Hot loop.

A wanted flow begins at its first packet, wherever that stands, and goes on as long as the meter itself would
count packets to it: the rows are the meter's, of wanted flows only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.capture.jit import inlined, kernel
from zoneguard.capture.layout import (
    FORMAT_PCAP,
    FORMAT_PCAPNG,
    FULL,
    H_ACK,
    H_AT,
    H_BEGIN,
    H_CAPTURED,
    H_END,
    H_FLAGS,
    H_FLIP,
    H_FRAME,
    H_LINK,
    H_PAYLOAD,
    H_PROTOCOL,
    H_SEQ,
    H_TIME,
    H_WANT,
    H_WIRE,
    HIT_STRIDE,
    HITS,
    ICMP_ERROR,
    MORE,
    MOST_HITS,
    W_A_HIGH,
    W_A_LOW,
    W_B_HIGH,
    W_B_LOW,
    W_CLOSED,
    W_DOMAIN,
    W_FOUND,
    W_FRAMES,
    W_OCTETS,
    W_PACKETS,
    W_PARTIAL,
    W_PORTS,
    W_STATE,
    W_TUNNEL,
    WANT_STRIDE,
    Z_BATCH,
    Z_DONE,
    Z_FILE,
    Z_FORMAT,
    Z_FRAME,
    Z_FRAMES,
    Z_HITS,
    Z_OPEN,
)
from zoneguard.capture.meter import (
    begin,
    enter,
    find,
    frame,
    prepare,
    update,
    walk_pcap,
    walk_pcapng,
)

if TYPE_CHECKING:
    from zoneguard.capture.layout import Octets, Packet, Picks, Tables, Words


@kernel
def run(t: Tables, c: Picks, b: Octets, n: int) -> int:
    """Pick from the whole records in `b[Z_POSITION:n]`; give the reason for coming back, as the meter's `run`.

    FULL: the hits are to be fetched; they point into `b`.
    """
    z = t.scalars
    mask = len(t.slots) - 1
    reason = -1
    while reason < 0:
        if z[Z_HITS] + MOST_HITS > HITS:
            return FULL
        z[Z_FRAMES] = 0
        if z[Z_FORMAT] == FORMAT_PCAP:
            reason = walk_pcap(t, b, n)
        elif z[Z_FORMAT] == FORMAT_PCAPNG:
            reason = walk_pcapng(t, b, n)
        else:
            reason = MORE
        for i in range(z[Z_FRAMES]):
            z[Z_BATCH] = 0
            frame(t, b, i)
            if len(c.frames) > 0:
                pick_frame(t, c, i)
            for j in range(z[Z_BATCH]):
                r = t.batch[j]
                if r.kind != ICMP_ERROR:
                    prepare(t, r)
                    pick(t, c, b, r, i, mask)
    z[Z_BATCH] = 0
    return reason


@inlined
def pick_frame(t: Tables, c: Picks, i: int) -> None:
    """Pick frame `i` of the batch if it is wanted itself."""
    number = t.scalars[Z_FILE] << 40 | t.scalars[Z_FRAME]
    at = first_of(c.frames, number)
    if at < len(c.frames) and c.frames[at] == number:
        f = t.frames[i]
        h = hit(t, c, i, -1)
        c.hits[h + H_FRAME] = number
        c.hits[h + H_TIME] = max(f.time, 0)


@inlined
def pick(t: Tables, c: Picks, b: Octets, r: Packet, i: int, mask: int) -> None:
    """Pick packet `r` of frame `i` if it belongs to a wanted flow."""
    started = start(t, c, r, mask)
    place = find(t, r, mask)
    if place < 0:
        return
    want = c.owners[place]
    w = want * WANT_STRIDE
    if c.wants[w + W_STATE] & W_CLOSED:
        return
    row = t.rows[place]
    copies = row.copies
    update(t, b, r, mask)
    t.scalars[Z_DONE] = 0
    if row.frame != c.starts[want] or (row.copies != copies and not started):
        return  # another flow between the same ends, or a mirror copy
    keep(t, c, r, i, want)


@inlined
def start(t: Tables, c: Picks, r: Packet, mask: int) -> bool:
    """Begin the wanted flow whose first packet this is, if there is one."""
    k = first_of(c.starts, r.frame)
    found = False
    while k < len(c.starts) and c.starts[k] == r.frame:
        w = k * WANT_STRIDE
        if c.wants[w + W_STATE] & (W_FOUND | W_CLOSED) == 0 and is_key(c.wants, w, r):
            place = find(t, r, mask)
            if place < 0:
                enter(t, r, place)
                place = find(t, r, mask)
            else:
                begin(t.rows[place], r)
            c.owners[place] = k
            c.wants[w + W_STATE] |= W_FOUND
            found = True
        k += 1
    return found


@inlined
def first_of(numbers: Words, number: int) -> int:
    """Give the index of the first entry that is not less than `number`."""
    low = 0
    high = len(numbers)
    while low < high:
        middle = (low + high) >> 1
        if numbers[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def is_key(wants: Words, w: int, r: Packet) -> bool:
    """Tell whether packet `r` lies between the ends of a wanted flow."""
    if r.place >> 16 != wants[w + W_DOMAIN] or r.tunnel != wants[w + W_TUNNEL]:
        return False
    if r.flip:
        return (
            r.dst_high == wants[w + W_A_HIGH]
            and r.dst_low == wants[w + W_A_LOW]
            and r.src_high == wants[w + W_B_HIGH]
            and r.src_low == wants[w + W_B_LOW]
            and r.dport << 32 | r.sport << 16 | r.protocol == wants[w + W_PORTS]
        )
    return (
        r.src_high == wants[w + W_A_HIGH]
        and r.src_low == wants[w + W_A_LOW]
        and r.dst_high == wants[w + W_B_HIGH]
        and r.dst_low == wants[w + W_B_LOW]
        and r.sport << 32 | r.dport << 16 | r.protocol == wants[w + W_PORTS]
    )


@inlined
def keep(t: Tables, c: Picks, r: Packet, i: int, want: int) -> None:
    """Enter packet `r` into the hits, or close its flow when there is no more room for it."""
    z = t.scalars
    w = want * WANT_STRIDE
    if r.count > 1:  # fragments that came before their first one stood in earlier frames
        c.wants[w + W_STATE] |= W_PARTIAL
    if r.frame != z[Z_FILE] << 40 | z[Z_FRAME]:  # likewise, those whose first one never came
        c.wants[w + W_STATE] |= W_PARTIAL
        return
    begins = payload_begin(r)
    octets = max(r.payload_end - begins, 0) if begins > 0 else 0
    captured = t.frames[i].captured
    if octets > c.wants[w + W_OCTETS] or captured > c.wants[w + W_FRAMES] or c.wants[w + W_PACKETS] <= 0:
        c.wants[w + W_STATE] |= W_CLOSED | W_PARTIAL
        z[Z_OPEN] -= 1
        return
    c.wants[w + W_OCTETS] -= octets
    c.wants[w + W_FRAMES] -= captured
    c.wants[w + W_PACKETS] -= 1
    h = hit(t, c, i, want)
    c.hits[h + H_FRAME] = r.frame
    c.hits[h + H_TIME] = r.time
    c.hits[h + H_FLIP] = r.flip
    c.hits[h + H_FLAGS] = r.flags
    c.hits[h + H_SEQ] = r.seq
    c.hits[h + H_ACK] = r.ack
    c.hits[h + H_PROTOCOL] = r.protocol
    c.hits[h + H_PAYLOAD] = r.payload
    c.hits[h + H_BEGIN] = begins
    c.hits[h + H_END] = begins + octets


@inlined
def payload_begin(r: Packet) -> int:
    """Give where the payload of packet `r` begins; 0: it has none, or is a later fragment."""
    if r.protocol in (6, 17, 136) or r.body < 0:
        return r.payload_at
    if r.protocol in (1, 58):
        return r.body + 8
    return r.body + 12 if r.protocol == 132 else r.body


@inlined
def hit(t: Tables, c: Picks, i: int, want: int) -> int:
    """Take the next place among the hits, and note frame `i` in it."""
    z = t.scalars
    h = z[Z_HITS] * HIT_STRIDE
    z[Z_HITS] += 1
    f = t.frames[i]
    c.hits[h + H_WANT] = want
    c.hits[h + H_AT] = f.at
    c.hits[h + H_CAPTURED] = f.captured
    c.hits[h + H_WIRE] = f.wire
    c.hits[h + H_LINK] = f.link
    return h
