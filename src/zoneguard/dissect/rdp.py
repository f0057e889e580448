"""The opening of RDP: the security agreed upon and, where that is RDP's own, the channels ([MS-RDPBCGR] 2.2.1)."""

from __future__ import annotations

import re

from zoneguard.dissect.octets import Octets, ShortError
from zoneguard.dissect.record import ScreenSeen, Spoken

_CONNECTION_REQUEST, _CONNECTION_CONFIRM = 0xE0, 0xD0
_SELECTED = {0: "rdp", 1: "tls", 2: "credssp", 4: "rdstls", 8: "credssp-ex", 16: "rdsaad"}
_CHANNEL = re.compile(r"[a-z0-9_#-]{1,8}")
_NETWORK = 0xC003  # CS_NET, Client Network Data
_MOST_CHANNELS = 31  # [MS-RDPBCGR] 2.2.1.3.4
_SYN = b"\xff\xff\xff\xff"


def is_rdp(orig: bytes) -> bool:
    """Tell an X.224 Connection Request as RDP sends it; other users of TPKT put TSAP parameters there."""
    variable = _variable_part(orig, _CONNECTION_REQUEST)
    if variable is None:
        return False
    return (
        not variable
        or variable.startswith((b"Cookie:", b"msts=", b"tsv:"))
        or variable[:1] in {b"\x01", b"\x06"}
    )


def is_rdp_answer(resp: bytes) -> bool:
    """Tell an X.224 Connection Confirm that carries RDP's negotiation."""
    variable = _variable_part(resp, _CONNECTION_CONFIRM)
    return variable is not None and variable[:1] in {b"\x02", b"\x03"} and variable[2:4] == b"\x08\0"


def is_rdp_udp(datagram: bytes) -> bool:
    """Tell the first datagram of RDP over UDP ([MS-RDPEUDP] 2.2.1): SYN, nothing acknowledged, padded."""
    flags = int.from_bytes(datagram[6:8], "big")
    return len(datagram) >= 1132 and datagram.startswith(_SYN) and flags & 0x0001 != 0 and flags & 0x0004 == 0


def read_rdp(orig: bytes, resp: bytes) -> tuple[ScreenSeen, tuple[int, int] | None]:
    """Read the negotiation; give also the offsets at which TLS begins, where that may have been agreed upon."""
    answer = _variable_part(resp, _CONNECTION_CONFIRM)
    security = None
    if answer is not None:
        security = "rdp"
        if answer[:1] == b"\x02" and len(answer) >= 8:
            security = _SELECTED.get(int.from_bytes(answer[4:8], "little"))
        elif answer[:1] == b"\x03":
            security = "refused"
    ends = _packet_end(orig), _packet_end(resp)
    channels = _channels(orig[ends[0] :]) if security in {"rdp", None} else ()
    seen = ScreenSeen(protocol=Spoken.RDP, security=security, channels=channels)
    return seen, ends if security not in {"rdp", "refused"} else None


def _variable_part(octets: bytes, kind: int) -> bytes | None:
    """Give what follows the fixed part of an X.224 connection TPDU in its TPKT (RFC 1006, X.224 section 13.3)."""
    if len(octets) < 11 or octets[:2] != b"\x03\0" or octets[5] & 0xF0 != kind:
        return None
    size, length = int.from_bytes(octets[2:4], "big"), octets[4]
    if size < 11 or length != size - 5 or (kind == _CONNECTION_REQUEST and octets[6:8] != b"\0\0"):
        return None
    return octets[11:size]


def _packet_end(octets: bytes) -> int:
    return int.from_bytes(octets[2:4], "big") if octets[:2] == b"\x03\0" else 0


def _channels(octets: bytes) -> tuple[str, ...]:
    """Read the names of the static channels from the MCS Connect Initial ([MS-RDPBCGR] 2.2.1.3.4).

    The user data of the GCC conference (T.124) begin behind the key "Duca"; they are blocks of type and length.
    """
    size = _packet_end(octets)
    if octets[4:9] != b"\x02\xf0\x80\x7f\x65":
        return ()
    data = octets[:size]
    at = data.find(b"Duca")
    if at < 0:
        return ()
    reader = Octets(data, at + 4)
    try:
        if reader.number(1) & 0x80:  # a length in two octets (X.691 section 10.9)
            reader.take(1)
        while reader.left:
            kind, length = _little(reader, 2), _little(reader, 2)
            block = Octets(reader.take(length - 4))
            if kind == _NETWORK:
                count = min(_little(block, 4), _MOST_CHANNELS)
                return tuple(filter(None, [_name(block) for _ in range(count)]))
    except ShortError:
        pass
    return ()


def _name(block: Octets) -> str | None:
    name = block.take(8).split(b"\0")[0].decode("latin-1").lower()
    block.take(4)
    return name if _CHANNEL.fullmatch(name) else None


def _little(reader: Octets, size: int) -> int:
    return int.from_bytes(reader.take(size), "little")
