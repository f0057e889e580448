"""What Linux says of an interface: whether it is there and up, of what type, and what it does to packets."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from enum import Enum
from typing import Final

from zoneguard.errors import MachineLacksError
from zoneguard.text import Text

_GET_FLAGS: Final = 0x8913  # SIOCGIFFLAGS and its kin
_GET_MTU: Final = 0x8921
_GET_TYPE: Final = 0x8927
_GET_INDEX: Final = 0x8933
_ETHTOOL: Final = 0x8946
_UP, _RUNNING = 0x1, 0x40
_GET_GRO: Final = 0x2B  # ETHTOOL_GGRO
_GET_OFFLOADS: Final = 0x25  # ETHTOOL_GFLAGS
_LRO: Final = 1 << 15  # ETH_FLAG_LRO
_AROUND: Final = 14 + 4  # octets of Ethernet and of one tag that is still in the frame

# Link types (ARPHRD_… of linux/if_arp.h) that can be read, as those of pcap.
_LINKS: Final = {1: 1, 772: 1, 512: 12, 65534: 12, 801: 105, 803: 127}


class Link(Enum):
    """How an interface stands."""

    UP = "up"
    DOWN = "down"  # is heard again when it comes up
    GONE = "gone"  # deleted: an interface of that name, if there is one, is another


def state(opened: socket.socket) -> Link:
    """Tell how the interface stands that a packet socket is bound to."""
    # The system unbinds the socket from an interface that is deleted, and keeps it bound to one renamed.
    name = opened.getsockname()[0]
    if not name:
        return Link.GONE
    return _state(opened, name)


def state_of(name: str) -> Link:
    """Tell how an interface stands that no socket is bound to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return _state(asking, name)


def index_of(opened: socket.socket, name: str) -> int:
    """Give the number of an interface; raises MachineLacksError when there is none."""
    try:
        (index,) = struct.unpack_from("i", _ask(opened, _GET_INDEX, name), 16)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        raise MachineLacksError(_absent(name)) from error
    return int(index)


def type_of(opened: socket.socket, name: str) -> int:
    """Give the interface's link type as pcap numbers them; raises MachineLacksError when it cannot be read."""
    (kind,) = struct.unpack_from("H", _ask(opened, _GET_TYPE, name), 16)
    if kind not in _LINKS:
        raise MachineLacksError(_foreign(name, kind))
    return _LINKS[kind]


def largest_frame(opened: socket.socket, name: str) -> int:
    """Give the octets of the largest frame that one packet can be on this interface."""
    (mtu,) = struct.unpack_from("i", _ask(opened, _GET_MTU, name), 16)
    return int(mtu) + _AROUND


def merging(opened: socket.socket, name: str) -> list[Text]:
    """Say whether the interface puts several packets together before they are seen."""
    found = []
    if _offload(opened, name, _GET_GRO):
        found.append("gro")
    if _offload(opened, name, _GET_OFFLOADS) & _LRO:
        found.append("lro")
    if not found:
        return []
    names, off = ", ".join(word.upper() for word in found), " ".join(f"{word} off" for word in found)
    return [
        Text(
            ja=f"{name}: {names}が有効です。受信時に複数のパケットがまとめられ、パケット数が実際より少なくなることが"
            f"あります。「ethtool -K {name} {off}」で無効にできます。",
            en=f"{name}: {names} is on, so several packets may be put together on arrival and counted as one; turn it "
            f"off with: ethtool -K {name} {off}",
        )
    ]


def _state(opened: socket.socket, name: str) -> Link:
    try:
        (flags,) = struct.unpack_from("H", _ask(opened, _GET_FLAGS, name), 16)
    except OSError:
        return Link.GONE
    return Link.UP if flags & _UP and flags & _RUNNING else Link.DOWN


def _offload(opened: socket.socket, name: str, command: int) -> int:
    value = ctypes.create_string_buffer(struct.pack("II", command, 0), 8)
    request = struct.pack("16sP", name.encode(), ctypes.addressof(value)).ljust(40, b"\0")
    import fcntl

    try:
        fcntl.ioctl(opened, _ETHTOOL, request)
    except OSError:  # a driver that does not say
        return 0
    return int(struct.unpack("II", value.raw)[1])


def _ask(opened: socket.socket, command: int, name: str) -> bytes:
    import fcntl  # not on Windows, where this module is only named

    # A name that is too long is not cut to one that exists.
    if len(name.encode()) > 15:
        raise OSError(errno.ENODEV, name)
    return fcntl.ioctl(opened, command, struct.pack("16s", name.encode()).ljust(40, b"\0"))


def _absent(name: str) -> Text:
    others = ", ".join(sorted(other for _, other in socket.if_nameindex()))
    return Text(
        ja=f"{name}: インターフェースがありません。あるのは次のものです: {others}",
        en=f"{name}: no such interface; there are: {others}",
    )


def _foreign(name: str, kind: int) -> Text:
    return Text(
        ja=f"{name}: この種類のインターフェース（ARPHRD {kind}）は読めません。Ethernetのインターフェースを"
        "指定してください。",
        en=f"{name}: interfaces of this type (ARPHRD {kind}) cannot be read; name an Ethernet interface.",
    )
