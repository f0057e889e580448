"""The meter: drives the kernel over inputs, keeps its tables within bounds and hands on finished flows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zoneguard.capture import kernels, layout, pcap, records
from zoneguard.capture.layout import Tables
from zoneguard.net.address import MASK64
from zoneguard.net.flow import CaptureCoverage, Claim, ClaimKind, Tunnel, TunnelEnds
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zoneguard.capture.source import Source

CHUNK = 1 << 19  # octets; measured best between 256 KiB and 1 MiB, since larger ones leave the L2 cache
FIRST_ROWS = 1 << 12
MOST_CLAIMS = 100_000
SKIP_AT_MOST = 1 << 32  # octets of one pcapng block that carries no packet

REASONS = {
    layout.N_UNKNOWN_LINK: "unsupported link type",
    layout.N_BAD_IP: "malformed IP header",
    layout.N_TOO_DEEP: "too many layers of tunnels",
    layout.N_ENCRYPTED_WLAN: "encrypted wireless frame",
    layout.N_WLAN_CONTROL: "wireless management or control frame",
    layout.N_OTHER_LLC: "LLC frame without IP",
    layout.N_EMPTY: "empty frame",
    layout.N_NOT_IP: "PPP control frame",
    layout.N_BAD_INTERFACE: "undeclared pcapng interface",
}


@dataclass(slots=True)
class Reading:
    """What came of reading one input."""

    format: str = "unknown"
    packets: int = 0
    first_seen: int | None = None
    last_seen: int | None = None
    faults: list[Text] = field(default_factory=list)
    refused: bool = False  # nothing of it could be read


class Meter:
    """Meters inputs one after another as one stream.

    `emit` receives blocks of finished rows, shape (n, ROW_STRIDE), as they come and at `finish`.
    `most_rows` bounds the live flows in memory; when they are reached, all go to `spill`, which joins
    the pieces at the end, so that the result is the same as with room for everything.
    """

    def __init__(
        self,
        *,
        compiled: bool,
        emit: Callable[[NDArray[np.int64]], None] = lambda rows: None,
        spill: Callable[[NDArray[np.int64]], None] | None = None,
        most_rows: int = 1 << 20,
        domains: Sequence[int] = (),
        idle_tcp: int = layout.IDLE_TCP,
        idle_other: int = layout.IDLE_OTHER,
        active: int = 0,
    ) -> None:
        self.compiled = compiled
        self.kernel = kernels.load(compiled=compiled)
        self.emit = emit
        self.spill = spill
        self.most_rows = most_rows
        self.coverage_drops = 0
        self.spills = 0
        self.claims: dict[tuple[int, ...], list[int]] = {}
        self.claims_lost = 0
        self.ethertypes: dict[int, int] = {}
        self.rows_now = FIRST_ROWS
        self.t = self._new_tables(domains)
        z = self.t.scalars
        z[layout.Z_LIMIT] = self.rows_now
        z[layout.Z_IDLE_TCP] = idle_tcp * 1_000_000_000
        z[layout.Z_IDLE_OTHER] = idle_other * 1_000_000_000
        z[layout.Z_ACTIVE] = active * 1_000_000_000

    # --- reading ----------------------------------------------------------------------------------------

    def read_bytes(self, data: bytes) -> Reading:
        """Meter a capture that is already in memory."""
        import hashlib
        import io

        from zoneguard.capture.source import Source

        stream = io.BytesIO(data)
        return self.read(
            Source(
                name="",
                size=len(data),
                stream=stream,
                compressed=False,
                digest=hashlib.sha256(),
                raw=stream,
            )
        )

    def read(
        self,
        source: Source,
        *,
        file: int = 0,
        sensor: int = 0,
        sensor_of: Callable[[str], int | None] = lambda name: None,
        progress: Callable[[int, int], None] = lambda octets, packets: None,
    ) -> Reading:
        """Meter one input to its end. Never raises on what the input holds: faults are in the result."""
        reading = Reading()
        z = self.t.scalars
        z[layout.Z_FILE], z[layout.Z_FRAME], z[layout.Z_SENSOR] = file, 0, sensor
        z[layout.Z_FIRST_TIME], z[layout.Z_NOW] = 0, 0
        buffer = bytearray(CHUNK + layout.MAX_RECORD + 65_536)
        view = memoryview(buffer)
        words: Any = buffer
        if self.compiled:
            import numpy as np

            words = np.frombuffer(buffer, np.uint8)
        have = _fill(source, view, 0, 24)
        walk = _Walk(source=source, file_sensor=sensor, sensor_of=sensor_of, reading=reading)
        before = int(z[layout.N_PACKETS])
        at = self._begin(bytes(view[: min(have, 24)]), walk)
        while not reading.refused:
            used = self._meter_chunk(words, view, at, have, walk)
            if used < 0:
                break
            rest = have - used
            view[:rest] = bytes(view[used:have])
            walk.base += used
            got = source.read_into(view[rest : rest + CHUNK]) if rest + CHUNK <= len(view) else 0
            progress(source.raw.tell() if source.size else walk.base, int(z[layout.N_PACKETS]))
            at, have = 0, rest + got
            if got == 0:
                if rest:
                    reading.faults.append(_cut(source.name, walk.base, int(z[layout.Z_FRAME])))
                break
        if source.fault is not None:
            reading.faults.append(source.fault)
        reading.packets = int(z[layout.N_PACKETS]) - before
        if reading.packets:
            reading.first_seen, reading.last_seen = int(z[layout.Z_FIRST_TIME]), int(z[layout.Z_NOW])
        return reading

    def finish(self) -> None:
        """Hand on every flow that is still live, and the fragments that still wait."""
        self.t.scalars[layout.Z_FORMAT] = layout.FORMAT_END
        self._run(self._no_bytes(), 0)
        self._drain_done()
        self._drain_claims()
        rows = self._live_rows()
        target = self.emit if self.spill is None or not self.spills else self.spill
        step = 1 << 15
        for begin in range(0, len(rows), step):
            target(rows[begin : begin + step])
        self.t.scalars[layout.Z_ROWS] = 0

    # --- what was seen ----------------------------------------------------------------------------------

    def coverage(self) -> CaptureCoverage:
        """Count what was read, and what was not understood and why."""
        z = self.t.scalars
        reasons = {reason: int(z[n]) for n, reason in REASONS.items() if z[n]}
        reasons |= {f"ethertype 0x{kind:04x}": n for kind, n in sorted(self.ethertypes.items())}
        if self.claims_lost:
            reasons["address claims beyond the bound"] = self.claims_lost
        if z[layout.N_TUNNELS_LOST]:
            reasons["tunnels beyond the bound"] = int(z[layout.N_TUNNELS_LOST])
        return CaptureCoverage(
            packets=int(z[layout.N_PACKETS]),
            bytes=int(z[layout.N_BYTES]),
            decoded=int(z[layout.N_DECODED]),
            not_decoded=reasons,
            duplicates=int(z[layout.N_COPIES]),
            truncated=int(z[layout.N_TRUNCATED]),
            dropped=self.coverage_drops,
            fragments_without_first=int(z[layout.N_FRAGMENTS_LOST]),
            icmp_errors=int(z[layout.N_ICMP_ERRORS]),
            clock_steps_back=int(z[layout.N_CLOCK_BACK]),
            tunnels_not_opened=int(z[layout.N_NOT_OPENED]),
            flow_table_spills=self.spills,
        )

    def all_claims(self) -> list[Claim]:
        """Give who claimed what, in the order of first sight."""
        return [
            Claim(
                kind=ClaimKind(kind),
                mac=mac,
                address=(high, low),
                vlan=vlan,
                sensor=sensor,
                first_seen=first,
                last_seen=last,
                count=count,
                file=file,
                frame=frame,
            )
            for (kind, mac, high, low, vlan, sensor), (
                first,
                last,
                count,
                file,
                frame,
            ) in self.claims.items()
        ]

    def tunnels(self) -> list[TunnelEnds]:
        """Give the tunnels that were opened."""
        t = self.t.tunnels
        found = []
        for s in range(0, layout.TUNNELS * layout.TUNNEL_STRIDE, layout.TUNNEL_STRIDE):
            if t[s + layout.T_IDENTITY]:
                w = [int(x) & MASK64 for x in t[s + layout.T_OUTER : s + layout.T_OUTER + 4]]
                found.append(
                    TunnelEnds(
                        identity=int(t[s + layout.T_IDENTITY]),
                        kind=Tunnel(int(t[s + layout.T_KIND])),
                        outer_orig=(w[0], w[1]),
                        outer_resp=(w[2], w[3]),
                        number=int(t[s + layout.T_NUMBER]),
                        parent=int(t[s + layout.T_PARENT]),
                    )
                )
        return sorted(found, key=lambda ends: (ends.outer_orig, ends.outer_resp, ends.kind, ends.number))

    def _meter_chunk(self, words: layout.Octets, view: memoryview, at: int, have: int, walk: _Walk) -> int:
        """Meter what is whole in the chunk; give how far that was, -1 when the input ends here."""
        z = self.t.scalars
        while True:
            z[layout.Z_POSITION] = at
            reason = self._run(words, have)
            at = int(z[layout.Z_POSITION])
            if reason == layout.MORE:
                return at
            if reason == layout.BAD_RECORD:
                walk.reading.faults.append(
                    _bad_record(walk.source.name, walk.base + at, int(z[layout.Z_FRAME]) + 1)
                )
                return -1
            used = self._other_block(view, at, have, walk)
            if used <= 0:
                return at if used == 0 else -1
            at += used

    # --- room -------------------------------------------------------------------------------------------

    def _run(self, words: layout.Octets, have: int) -> int:
        while True:
            reason: int = self.kernel.run(self.t, words, have)
            if reason not in (layout.FULL, layout.CLAIMS_FULL, layout.DONE_FULL):
                return reason
            self._make_room(reason)

    def _make_room(self, reason: int) -> None:
        if reason == layout.CLAIMS_FULL:
            self._drain_claims()
        elif reason == layout.DONE_FULL:
            self._drain_done()
        elif self.rows_now < self.most_rows or self.spill is None:
            self._grow()
        else:
            self._drain_done()
            self._drain_done()  # before the live ones: pieces of a flow go to the disk in their order
            self.spill(self._live_rows())
            self.spills += 1
            self.t.scalars[layout.Z_SPILLED] = 1
            self.t.scalars[layout.Z_ROWS] = 0
            self._clear_slots(len(self.t.slots))

    def _grow(self) -> None:
        self.rows_now *= 2
        if len(self.t.rows) < self.rows_now:
            rows = self._records(layout.FLOW_SHAPE, self.rows_now)
            if isinstance(rows, records.Objects):
                rows.update(self.t.rows)
            else:
                rows[: len(self.t.rows)] = self.t.rows
            self.t = self.t._replace(rows=rows)
        self.t.scalars[layout.Z_LIMIT] = self.rows_now
        self._clear_slots(self.rows_now * 2)
        self.kernel.index_rows(self.t)

    def _clear_slots(self, size: int) -> None:
        self.t = self.t._replace(slots=self._words(size))

    def _words(self, size: int) -> layout.Words:
        if not self.compiled:
            return [0] * size
        import numpy as np

        return np.zeros(size, np.int64)

    def _records(self, shape: layout.Shape, count: int) -> Any:  # noqa: ANN401 - by mode
        return records.structured(shape, count) if self.compiled else records.Objects(shape, count)

    def _live_rows(self) -> NDArray[np.int64]:
        return records.words(self.t.rows, int(self.t.scalars[layout.Z_ROWS]))

    def _drain_done(self) -> None:
        count = int(self.t.scalars[layout.Z_DONE])
        if count:
            self.emit(records.words(self.t.done, count).copy())
            self.t.scalars[layout.Z_DONE] = 0

    def _drain_claims(self) -> None:
        z, c = self.t.scalars, self.t.claims
        for at in range(0, int(z[layout.Z_CLAIMS]) * layout.CLAIM_STRIDE, layout.CLAIM_STRIDE):
            kind, mac, high, low, vlan, sensor, time, frame = (
                int(x) for x in c[at : at + layout.CLAIM_STRIDE]
            )
            if kind == layout.CLAIM_ETHERTYPE:
                if low in self.ethertypes or len(self.ethertypes) < 256:
                    self.ethertypes[low] = self.ethertypes.get(low, 0) + 1
                continue
            key = (kind, mac, high & MASK64, low & MASK64, vlan, sensor)
            seen = self.claims.get(key)
            if seen is not None:
                seen[0], seen[1], seen[2] = min(seen[0], time), max(seen[1], time), seen[2] + 1
            elif len(self.claims) < MOST_CLAIMS:
                self.claims[key] = [time, time, 1, int(z[layout.Z_FILE]), frame]
            else:
                self.claims_lost += 1
        z[layout.Z_CLAIMS] = 0

    def _new_tables(self, domains: Sequence[int]) -> Tables:
        flat = {
            "scalars": layout.SCALARS,
            "keys": 16,
            "slots": FIRST_ROWS * 2,
            "fragments": layout.FRAGMENTS * layout.FRAGMENT_STRIDE,
            "claims": layout.CLAIMS * layout.CLAIM_STRIDE,
            "tunnels": layout.TUNNELS * layout.TUNNEL_STRIDE,
            "domains": 4096,
            "interfaces": layout.INTERFACES * layout.INTERFACE_STRIDE,
        }
        shaped = {
            "batch": (layout.PACKET_SHAPE, layout.BATCH + 2 * layout.BATCH_RESERVE),
            "frames": (layout.FRAME_SHAPE, layout.BATCH),
            # Where rows may spill, as many as may ever be needed: the system gives zeroed pages when they are
            # first written, so only rows in use take memory, and growing copies nothing.
            "rows": (
                layout.FLOW_SHAPE,
                FIRST_ROWS if self.spill is None else 2 * max(self.most_rows, FIRST_ROWS),
            ),
            "done": (layout.FLOW_SHAPE, 4096),
            "recent": (layout.SIGHTING_SHAPE, layout.RECENT),
            "waiting": (layout.PACKET_SHAPE, layout.FRAGMENTS),
        }
        tables: dict[str, Any] = {name: self._words(size) for name, size in flat.items()}
        tables |= {name: self._records(shape, count) for name, (shape, count) in shaped.items()}
        for i in range(16):
            # 62 bits, so that no mode of running can see them as negative.
            tables["keys"][i] = secrets.randbits(62) | 1
        for vlan, domain in enumerate(domains):
            tables["domains"][vlan] = domain
        return Tables(**tables)

    def _no_bytes(self) -> layout.Octets:
        if not self.compiled:
            return bytearray(16)
        import numpy as np

        return np.frombuffer(bytearray(16), np.uint8)

    # --- formats ----------------------------------------------------------------------------------------

    def _begin(self, head: bytes, walk: _Walk) -> int:
        z, reading = self.t.scalars, walk.reading
        z[layout.Z_INTERFACES] = 0
        header = pcap.read_header(head)
        if header is not None:
            reading.format = "pcap"
            z[layout.Z_FORMAT], z[layout.Z_BIG] = layout.FORMAT_PCAP, int(header.big)
            z[layout.Z_UNIT], z[layout.Z_LINK] = header.unit, header.link
            return 24
        if head[:4] == pcap.PCAPNG:
            reading.format = "pcapng"
            z[layout.Z_FORMAT], z[layout.Z_BIG] = layout.FORMAT_PCAPNG, 0
            return 0
        reading.refused = True
        reading.faults.append(_not_a_capture(walk.source.name, head))
        return 0

    def _other_block(self, view: memoryview, at: int, have: int, walk: _Walk) -> int:
        """Read a pcapng block that is no packet; give its length, 0 for more octets, -1 to stop."""
        z, reading = self.t.scalars, walk.reading
        name, frame = walk.source.name, int(z[layout.Z_FRAME])
        if have - at < 12:
            return 0
        kind = bytes(view[at : at + 4])
        if kind == pcap.PCAPNG:
            mark = bytes(view[at + 8 : at + 12])
            if mark not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                reading.faults.append(_bad_record(name, walk.base + at, frame + 1))
                return -1
            z[layout.Z_BIG] = int(mark == b"\x1a\x2b\x3c\x4d")
            z[layout.Z_INTERFACES] = 0
        big = bool(z[layout.Z_BIG])
        order: Literal["big", "little"] = "big" if big else "little"
        size = int.from_bytes(view[at + 4 : at + 8], order)
        if size < 12 or size & 3:
            reading.faults.append(_bad_record(name, walk.base + at, frame + 1))
            return -1
        if size > layout.MAX_RECORD:
            return self._skip(view, have - at, size, walk)
        if have - at < size:
            return 0
        body = bytes(view[at + 8 : at + size - 4])
        number = int.from_bytes(kind, order)
        if number == 1:
            self._add_interface(pcap.read_interface(body, big=big), walk)
        elif number == 5:
            self.coverage_drops += pcap.read_drops(body, big=big)
        return size

    def _skip(self, view: memoryview, have: int, size: int, walk: _Walk) -> int:
        """Pass over a block that is larger than the buffer, of which `have` octets have been read."""
        left = size - have
        while left > 0:
            # Behind what is still wanted nothing is kept: the block's own octets may be overwritten.
            got = walk.source.read_into(view[: min(left, CHUNK)])
            if got == 0:
                frames = int(self.t.scalars[layout.Z_FRAME])
                walk.reading.faults.append(_cut(walk.source.name, walk.base, frames))
                return -1
            left -= got
            walk.base += got
        return have if left == 0 else size

    def _add_interface(self, interface: pcap.Interface | None, walk: _Walk) -> None:
        z = self.t.scalars
        index = int(z[layout.Z_INTERFACES])
        if interface is None or index >= layout.INTERFACES:
            return
        sensor = walk.sensor_of(interface.name)
        values = (
            interface.link,
            interface.multiply,
            interface.divide,
            interface.offset,
            walk.file_sensor if sensor is None else sensor,
            interface.snaplen,
            layout.FURTHEST // interface.multiply,
        )
        for i, value in enumerate(values):
            self.t.interfaces[index * layout.INTERFACE_STRIDE + i] = value
        z[layout.Z_INTERFACES] = index + 1


@dataclass(slots=True)
class _Walk:
    source: Source
    file_sensor: int
    sensor_of: Callable[[str], int | None]
    reading: Reading
    base: int = 0  # offset in the input of the buffer's first octet


def _fill(source: Source, view: memoryview, have: int, want: int) -> int:
    while have < want:
        got = source.read_into(view[have:CHUNK])
        if got == 0:
            break
        have += got
    return have


def _bad_record(name: str, offset: int, frame: int) -> Text:
    return Text(
        ja=f"{name}: {offset}バイト目のレコード（フレーム{frame}）の長さが成り立ちません。そこまでを判定しました。"
        "キャプチャを取り直すか、壊れていない写しを指定してください。",
        en=f"{name}: the record at offset {offset} (frame {frame}) has an impossible length; what came before "
        "it was judged. Capture again, or give an undamaged copy.",
    )


def _cut(name: str, offset: int, frames: int) -> Text:
    return Text(
        ja=f"{name}: {offset}バイト目でファイルが途切れています。完全な{frames}フレームを判定しました。"
        "書き込み中の最後のファイルなら、次の区切りのあとにもう一度指定してください。",
        en=f"{name}: the file is cut at offset {offset}; its {frames} whole frames were judged. If it is the "
        "last file of a running capture, give it again after the next rotation.",
    )


def _not_a_capture(name: str, head: bytes) -> Text:
    from zoneguard.capture.source import FOREIGN

    if not head:
        return Text(
            ja=f"{name}: 空のファイルです。パケットを含むキャプチャを指定してください。",
            en=f"{name}: the file is empty; give a capture that holds packets.",
        )
    if head[:4] in pcap.MODIFIED:
        kind = "modified pcap (Kuznetzov)"
    else:
        kind = next((kind for magic, kind in FOREIGN.items() if head.startswith(magic)), "")
    if kind:
        return Text(
            ja=f"{name}: {kind}形式は読めません。Wireshark付属のeditcapでpcapngに変換してください。",
            en=f"{name}: the format {kind} cannot be read; convert it to pcapng with Wireshark's editcap.",
        )
    return Text(
        ja=f"{name}: pcapでもpcapngでもありません。キャプチャファイルを指定してください。",
        en=f"{name}: neither pcap nor pcapng; give a capture file.",
    )
