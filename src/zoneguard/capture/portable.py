"""Packets of an interface where there is no AF_PACKET (macOS, Windows, BSD): scapy hears, the same kernel meters.

A few thousand packets a second, times to about a microsecond, and no word from the system on how many packets
it lost: enough to look at a quiet port, not to leave on a busy one.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Final

from zoneguard.capture import layout
from zoneguard.capture.link import Link, state_of
from zoneguard.capture.live import Ring, Statistics
from zoneguard.errors import MachineLacksError
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.capture.tables import Meter

_MOST: Final = 4096  # packets metered at once
_BUFFER: Final = 1 << 24  # octets asked for, of which the system gives what it will
_SECOND: Final = 1_000_000_000


def listen(interface: str, **options: Any) -> Ring | Portable:  # noqa: ANN401 - those of Ring
    """Hear an interface by the best means of this machine; `options` are those of Ring."""
    if hasattr(socket, "AF_PACKET"):
        return Ring(interface, **options)
    return Portable(interface, promiscuous=options.get("promiscuous", True))


def stands(interface: str) -> Link:
    """Tell how an interface stands that nobody hears."""
    if hasattr(socket, "AF_PACKET"):
        return state_of(interface)
    return Link.GONE if _index(interface) is None else Link.UP


class Portable:
    """Packets of one interface through scapy, to be used as a Ring is.

    Raises MachineLacksError when scapy, the interface or the right to it is missing.
    """

    def __init__(
        self, interface: str, *, promiscuous: bool = True, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.interface, self.promiscuous, self._clock = interface, promiscuous, clock
        self.frames = 0  # metered since it was first opened
        self.merged = self.shortened = self.damaged = 0
        self._now = 0
        self._socket: Any = None
        self._open()

    def wait(self, seconds: float) -> bool:
        """Wait until packets may be there, at most so long; tell whether they may be."""
        if self._socket is None:
            return False
        return bool(self._socket.select([self._socket], seconds))

    def drain(self, meter: Meter, sensor: int, *, file: int = 0) -> int:
        """Meter what has arrived, at most some thousand packets; give their number. As with a Ring."""
        records = bytearray()
        count = 0
        while count < _MOST and self.wait(0):
            try:
                _, frame, seconds = self._socket.recv_raw()
            except OSError:  # the interface went down
                break
            if frame:
                at = self._clock() if seconds is None else round(float(seconds) * 1e9)
                records += struct.pack("<4I", at // _SECOND, at % _SECOND, len(frame), len(frame)) + frame
                self.merged += len(frame) > self._largest
                count += 1
        if count:
            self._meter(meter, records, sensor, file)
        self.frames += count
        return count

    def statistics(self) -> Statistics:
        """Give what was received; what the system lost it does not tell (see `remarks`)."""
        return Statistics(self.frames, 0, 0)

    def link(self) -> Link:
        """Tell whether the interface is still there; that it is down cannot be told."""
        if self._socket is None:
            return Link.GONE
        return Link.UP if self._index is None or _index(self.interface) == self._index else Link.GONE

    def remarks(self) -> tuple[Text, ...]:
        """Say what this way of hearing cannot do."""
        return (_limits(self.interface),)

    def reopen(self) -> None:
        """Open the interface of the same name anew; counters go on. Raises as opening does."""
        self.close()
        self._open()

    def close(self) -> None:
        """Hear no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def fileno(self) -> int:
        """Give the descriptor to wait for; -1 when there is none."""
        return -1 if self._socket is None else int(self._socket.fileno())

    def _open(self) -> None:
        try:
            from scapy.config import conf
            from scapy.error import Scapy_Exception
        except ImportError as error:
            raise MachineLacksError(_no_scapy()) from error
        import scapy.arch  # puts the sockets of this system into conf
        import scapy.layers.l2  # noqa: F401 - and this the link types

        conf.bufsize = max(conf.bufsize, _BUFFER)
        self._index = _index(self.interface)
        try:
            self._socket = conf.L2listen(iface=self.interface, promisc=self.promiscuous)
        except PermissionError as error:
            raise MachineLacksError(_no_right(self.interface)) from error
        except (OSError, RuntimeError, ValueError, Scapy_Exception) as error:
            raise MachineLacksError(_not_opened(self.interface, error)) from error
        layer: Any = getattr(self._socket, "LL", None)
        self._kind = conf.l2types.layer2num.get(layer, 1)
        self._largest = 1500 + 14 + 8

    def _meter(self, meter: Meter, records: bytearray, sensor: int, file: int) -> None:
        z = meter.t.scalars
        latest = int(z[layout.Z_NOW])
        z[layout.Z_FORMAT], z[layout.Z_BIG] = layout.FORMAT_PCAP, 0
        z[layout.Z_LINK], z[layout.Z_UNIT], z[layout.Z_SENSOR] = self._kind, 1, sensor
        z[layout.Z_FILE], z[layout.Z_FRAME], z[layout.Z_NOW] = file, self.frames, self._now
        words: Any = records
        if meter.compiled:
            import numpy as np

            words = np.frombuffer(records, np.uint8)
        if not meter.take(words, 0, len(records)):
            self.damaged += 1
        meter.claims.drain(meter.t)
        self._now = int(z[layout.Z_NOW])
        z[layout.Z_NOW] = max(latest, self._now)


def _index(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _no_scapy() -> Text:
    return Text(
        ja="このOSでインターフェースから直接取り込むには、scapyが必要です。「pip install scapy」で導入するか、"
        "キャプチャファイルを指定してください。",
        en="To capture from an interface on this system scapy is needed: pip install scapy; or give capture files.",
    )


def _no_right(interface: str) -> Text:
    return Text(
        ja=f"{interface}: パケットを取り込む権限がありません。管理者として実行してください。",
        en=f"{interface}: no right to capture packets; run as administrator.",
    )


def _not_opened(interface: str, error: Exception) -> Text:
    return Text(
        ja=f"{interface}: 開けません（{error}）。インターフェースの名前と、WindowsならNpcap、macOSなら/dev/bpfの"
        "権限を確かめてください。",
        en=f"{interface}: cannot be opened ({error}); check the name, and Npcap on Windows or the right to /dev/bpf "
        "on macOS.",
    )


def _limits(interface: str) -> Text:
    return Text(
        ja=f"{interface}: scapyで取り込んでいます。毎秒数千パケットまでで、取りこぼした数は分かりません。この計算機"
        "自身が送ったパケットも含まれます。",
        en=f"{interface}: captured through scapy, which follows a few thousand packets a second; how many were lost is "
        "not known, and what this machine itself sends is among them.",
    )
