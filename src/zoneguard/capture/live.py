"""Packets straight from an interface: a ring shared with the Linux kernel (AF_PACKET, TPACKET_V3).

The system fills blocks of the ring, the meter's kernel reads them where they are, and each block goes back as
soon as it has been metered: no packet is copied, and nothing of it stays. Source of the layouts:
include/uapi/linux/if_packet.h and Documentation/networking/packet_mmap.rst of Linux.
"""

from __future__ import annotations

import ctypes
import mmap
import select
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from zoneguard.capture import layout, link
from zoneguard.capture.link import Link
from zoneguard.errors import MachineLacksError, why
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.capture.tables import Meter

_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP: Final = 1
_RX_RING: Final = 5
_STATISTICS: Final = 6
_VERSION: Final = 10
_FANOUT: Final = 18
_IGNORE_OUTGOING: Final = 23
_TPACKET_V3: Final = 2
_PROMISCUOUS: Final = 1
_BY_FLOW: Final = 0  # PACKET_FANOUT_HASH: both directions of a flow go to one member
_EVERY_PROTOCOL: Final = 3  # ETH_P_ALL
_ATTACH_FILTER: Final = 26
_TO_USER: Final = 1  # TP_STATUS_USER: the block is ours
_RETIRE_MS: Final = 60  # a block that is not full comes after so long
_SLOT: Final = 2048  # octets; only says how many packets the system counts with, not how they lie

BLOCKS: Final = 64
BLOCK_OCTETS: Final = 1 << 20
SNAPLEN: Final = (
    2048  # octets of a frame that are looked at: every header, and the opening of a first payload
)


class Statistics(NamedTuple):
    """What the system counted since the ring was opened: received + dropped is all that came by."""

    received: int  # reached the ring
    dropped: int  # found it full
    freezes: int  # times it was full


class Ring:
    """Packets of one interface, for one meter; several rings may feed the same.

    `fanout`: number of a group; rings of one group on one interface (in several processes) share its packets,
    a flow always going to the same one. Raises MachineLacksError when the interface or the right to it is
    missing, or the system is not Linux 4.20 or newer.
    """

    def __init__(
        self,
        interface: str,
        *,
        blocks: int = BLOCKS,
        block_octets: int = BLOCK_OCTETS,
        fanout: int | None = None,
        promiscuous: bool = True,
        snaplen: int = SNAPLEN,
    ) -> None:
        self.interface = interface
        self.blocks, self.block_octets, self.snaplen = blocks, block_octets, snaplen
        self.fanout, self.promiscuous = fanout, promiscuous
        self.frames = 0  # metered since the ring was first opened
        self.merged = 0  # of these, larger than one packet can be: put together by the card or the system
        self.shortened = 0  # of these, longer than `snaplen`
        self.damaged = 0  # blocks that could not be read to their end
        self._before = Statistics(0, 0, 0)
        self._now = 0
        self._block = 0
        self._octets: layout.Octets = None
        self._socket: socket.socket | None = None
        self._open()

    def wait(self, seconds: float) -> bool:
        """Wait until packets may be there, at most so long; tell whether they may be."""
        return bool(wait_for([self], seconds))

    def drain(self, meter: Meter, sensor: int, *, file: int = 0) -> int:
        """Meter all that the ring holds, at most one turn of it, and give it back; give the number of packets.

        `file` is the number by which flows name this ring as the place of their first packet; their frame
        number is that of `frames`.
        """
        z = meter.t.scalars
        latest = int(z[layout.Z_NOW])
        z[layout.Z_FORMAT], z[layout.Z_BIG] = layout.FORMAT_RING, int(sys.byteorder == "big")
        z[layout.Z_LINK], z[layout.Z_SENSOR], z[layout.Z_LARGEST] = self._kind, sensor, self._largest
        z[layout.Z_FILE], z[layout.Z_FRAME], z[layout.Z_NOW] = file, self.frames, self._now
        counted = [int(z[n]) for n in (layout.N_PACKETS, layout.N_MERGED, layout.N_SHORTENED)]
        for _ in range(self.blocks):
            status = (self._block * self.block_octets + layout.B_STATUS) // 4
            if not self._words[status] & _TO_USER:
                break
            # What the block says may be read only after it was seen to be ours, and the block may be given
            # back only after the last look at it. x86 keeps both in order by itself; aarch64 does not.
            meter.kernel.barrier()
            self._meter_block(meter, self._block * self.block_octets)
            meter.kernel.barrier()
            self._words[status] = 0  # one store of 32 bits
            self._block = (self._block + 1) % self.blocks
        packets, merged, shortened = (
            int(z[n]) - before
            for n, before in zip(
                (layout.N_PACKETS, layout.N_MERGED, layout.N_SHORTENED), counted, strict=True
            )
        )
        meter.claims.drain(meter.t)  # they are told to be of `file`
        self._now = int(z[layout.Z_NOW])
        z[layout.Z_NOW] = max(latest, self._now)
        self.frames += packets
        self.merged += merged
        self.shortened += shortened
        return packets

    def statistics(self) -> Statistics:
        """Give what the system counted since the first opening (its own counters begin anew at each reading)."""
        if self._socket is not None:
            said = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12)
            passed, dropped, freezes = struct.unpack("3I", said)
            before = self._before
            # The first number holds the second (net/packet/af_packet.c, packet_getsockopt).
            self._before = Statistics(
                before.received + passed - dropped, before.dropped + dropped, before.freezes + freezes
            )
        return self._before

    def link(self) -> Link:
        """Tell whether the interface is up, down, or gone (then only `reopen` can hear it again)."""
        if self._socket is None:
            return Link.GONE
        return link.state(self._socket)

    def remarks(self) -> tuple[Text, ...]:
        """Say what makes the packets differ from those on the wire, as far as it was seen."""
        found = []
        if self._socket is not None:
            found += link.merging(self._socket, self.interface)
        if self.merged:
            found.append(_merged(self.interface, self.merged, self._largest))
        return tuple(found)

    def reopen(self) -> None:
        """Open the interface of the same name anew; counters go on. Raises as opening does."""
        self.close()
        self._open()

    def close(self) -> None:
        """Give the ring back; what it still held is lost and counted neither as received nor as dropped."""
        if self._socket is None:
            return
        self.statistics()
        self._words.release()
        self._octets = None
        self._map.close()
        self._socket.close()
        self._socket = None

    def forget_error(self) -> None:
        """Fetch what the system has to say of the socket, so that it is not said again."""
        if self._socket is not None:
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def fileno(self) -> int:
        """Give the descriptor to wait for; -1 when the ring is closed."""
        return -1 if self._socket is None else self._socket.fileno()

    def _meter_block(self, meter: Meter, at: int) -> None:
        word = at // 4
        length = min(self._words[word + layout.B_LENGTH // 4], self.block_octets)
        first = self._words[word + layout.B_FIRST // 4]
        meter.t.scalars[layout.Z_LEFT] = self._words[word + layout.B_PACKETS // 4]
        octets = self._array() if meter.compiled else self._map
        if not (layout.B_HEADER <= first <= length and meter.take(octets, at + first, at + length)):
            self.damaged += 1

    def _array(self) -> layout.Octets:
        if self._octets is None:
            import numpy as np

            self._octets = np.frombuffer(self._map, np.uint8)
        return self._octets

    def _open(self) -> None:
        if not hasattr(socket, "AF_PACKET"):
            raise MachineLacksError(_not_linux())
        self._block = 0
        try:
            # Protocol 0: nothing is received before the ring stands and the interface is chosen.
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            raise MachineLacksError(_no_right(self.interface)) from error
        try:
            self._set_up(opened)
        except OSError as error:  # the interface went away meanwhile, or the group is of another kind
            opened.close()
            raise MachineLacksError(_not_opened(self.interface, self.fanout, error)) from error
        except MachineLacksError:
            opened.close()
            raise
        self._socket = opened

    def _set_up(self, opened: socket.socket) -> None:
        index = link.index_of(opened, self.interface)
        self._kind = link.type_of(opened, self.interface)
        self._largest = link.largest_frame(opened, self.interface)
        opened.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        try:
            # A sensor that also speaks on this interface is not to hear itself.
            opened.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        except OSError as error:
            raise MachineLacksError(_too_old(error)) from error
        keep = struct.pack("HBBI", 0x06, 0, 0, self.snaplen)  # the filter program "keep so many octets"
        with _Held(keep) as address:
            opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HL", 1, address))
        size = self.blocks * self.block_octets
        ring = (self.block_octets, self.blocks, _SLOT, size // _SLOT, _RETIRE_MS, 0, 0)
        try:
            opened.setsockopt(_SOL_PACKET, _RX_RING, struct.pack("7I", *ring))
            self._map = mmap.mmap(opened.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except OSError as error:
            raise MachineLacksError(_no_room(size, error)) from error
        self._words = memoryview(self._map).cast("I")
        if self.promiscuous:
            opened.setsockopt(
                _SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("iHH8s", index, _PROMISCUOUS, 0, bytes(8))
            )
        opened.bind((self.interface, _EVERY_PROTOCOL))
        if self.fanout is not None:
            opened.setsockopt(_SOL_PACKET, _FANOUT, self.fanout & 0xFFFF | _BY_FLOW << 16)


def wait_for(rings: Sequence[Ring], seconds: float) -> list[Ring]:
    """Wait until one of the rings may hold packets, at most so long; give those that may."""
    poll = select.poll()
    by_number = {ring.fileno(): ring for ring in rings if ring.fileno() >= 0}
    for number in by_number:
        poll.register(number, select.POLLIN)
    told: set[int] = set()
    end = time.monotonic() + seconds
    while events := poll.poll(max(0, round((end - time.monotonic()) * 1000))):
        ready = [by_number[number] for number, event in events if event & select.POLLIN]
        if ready:
            return ready
        for number, _ in events:
            # The interface went down: that is told once, and must be fetched before poll waits again.
            by_number[number].forget_error()
            if number in told:
                poll.unregister(number)
            told.add(number)
    return []


class _Held:
    """Octets at an address, for as long as the block lasts."""

    def __init__(self, octets: bytes) -> None:
        self._buffer = ctypes.create_string_buffer(octets, len(octets))

    def __enter__(self) -> int:
        return ctypes.addressof(self._buffer)

    def __exit__(self, *_: object) -> None:
        del self._buffer


def _not_linux() -> Text:
    return Text(
        ja="パケットの直接の取り込み（AF_PACKET）はLinuxだけにあります。scapyによる取り込みを使うか、"
        "キャプチャファイルを指定してください。",
        en="Capture from an interface by AF_PACKET exists on Linux only; capture through scapy, or give capture files.",
    )


def _no_right(interface: str) -> Text:
    return Text(
        ja=f"{interface}: パケットを取り込む権限がありません。rootで実行するか、systemdのAmbientCapabilitiesなどで"
        "CAP_NET_RAWを与えてください。",
        en=f"{interface}: no right to capture packets; run as root, or grant CAP_NET_RAW, for instance by systemd's "
        "AmbientCapabilities.",
    )


def _not_opened(interface: str, fanout: int | None, error: OSError) -> Text:
    said = why(error)
    if fanout is None:
        return Text(
            ja=f"{interface}: 開けません（{said.ja}）。インターフェースの状態を確かめてください。",
            en=f"{interface}: cannot be opened ({said.en}); check the state of the interface.",
        )
    return Text(
        ja=f"{interface}: ファンアウトグループ{fanout}で開けません（{said.ja}）。同じ番号を別の用途で使って"
        "いないことを確かめてください。",
        en=f"{interface}: cannot be opened in fanout group {fanout} ({said.en}); check that nothing else uses "
        "this number.",
    )


def _too_old(error: OSError) -> Text:
    said = why(error)
    return Text(
        ja=f"このLinuxではPACKET_IGNORE_OUTGOINGが使えません（{said.ja}）。Linux 4.20以降が必要です。",
        en=f"This Linux does not know PACKET_IGNORE_OUTGOING ({said.en}); Linux 4.20 or newer is needed.",
    )


def _no_room(size: int, error: OSError) -> Text:
    said, mib = why(error), size / (1 << 20)
    return Text(
        ja=f"{mib:.0f} MiBの受信リングを確保できません（{said.ja}）。ブロックの数か大きさを減らしてください"
        "（大きさはページの2の累乗倍です）。",
        en=f"A receive ring of {mib:.0f} MiB cannot be had ({said.en}); ask for fewer or smaller blocks, whose size is "
        "a page times a power of two.",
    )


def _merged(interface: str, count: int, largest: int) -> Text:
    return Text(
        ja=f"{interface}: {largest}バイトを超えるフレームが{count}個ありました。受信時に複数のパケットがまとめられて"
        f"います（GRO・LRO）。パケット数を正しく数えるには「ethtool -K {interface} gro off lro off」を実行してください。",
        en=f"{interface}: {count} frames were larger than {largest} octets, so several packets were put together on "
        f"arrival (GRO, LRO); for true packet counts run: ethtool -K {interface} gro off lro off",
    )
