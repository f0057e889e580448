"""SMB 1 to 3: how many reads and writes were asked for, never of what ([MS-SMB2] 2.2.1, [MS-CIFS] 2.2.3.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.dissect.record import FilesSeen

if TYPE_CHECKING:
    from collections.abc import Iterable

_SMB1, _SMB2, _SEALED, _PACKED = b"\xffSMB", b"\xfeSMB", b"\xfdSMB", b"\xfcSMB"
_MARKS = (_SMB1, _SMB2, _SEALED, _PACKED)
_MARK = re.compile(rb"[\xfc-\xff]SMB")
_READS_1 = frozenset({0x0A, 0x1A, 0x1B, 0x2E})
_WRITES_1 = frozenset({0x0B, 0x0C, 0x1D, 0x1E, 0x1F, 0x2C, 0x2F})
_READ, _WRITE = 8, 9
_MOST_COMPOUND = 256
_MOST_MESSAGES = 500_000


def is_smb(octets: bytes) -> bool:
    """Tell SMB in a session message (RFC 1002 section 4.3.1), also behind a session request."""
    if octets[:2] == b"\x81\0":
        at = 4 + int.from_bytes(octets[2:4], "big")
        return at == 72 and (len(octets) == at or is_smb(octets[at : at + 8]))
    return octets[:1] == b"\0" and octets[4:8] in _MARKS


def read_smb(orig: Iterable[bytes], resp: Iterable[bytes]) -> FilesSeen:
    """Count the requests to read and to write, and tell whether messages were encrypted."""
    told = _Told()
    for pieces in (orig, resp):
        for piece in pieces:
            told.read(piece)
    return FilesSeen(
        protocol="smb2" if told.second or not told.first else "smb1",
        reads=told.reads,
        writes=told.writes,
        encrypted=told.encrypted,
    )


class _Told:
    def __init__(self) -> None:
        self.first = self.second = self.encrypted = False
        self.reads = self.writes = 0
        self._left = _MOST_MESSAGES

    def read(self, octets: bytes) -> None:
        """Go from message to message; behind a gap, from the next mark on."""
        at = 0
        while at + 8 <= len(octets) and self._left:
            self._left -= 1
            kind = octets[at]
            size = int.from_bytes(octets[at + 1 : at + 4], "big")
            mark = octets[at + 4 : at + 8]
            if kind in {0x81, 0x82, 0x83, 0x85}:
                at += 4 + (size & 0x1FFFF)
            elif kind == 0 and mark in _MARKS:
                self._message(octets[at + 4 : min(at + 4 + size, at + 4 + (1 << 16))], mark)
                at += 4 + size
            else:
                found = _MARK.search(octets, at + 5)
                if found is None:
                    return
                at = found.start() - 4

    def _message(self, message: bytes, mark: bytes) -> None:
        if mark == _SMB1:
            self.first = True
            if len(message) >= 10 and not message[9] & 0x80:
                self.reads += message[4] in _READS_1
                self.writes += message[4] in _WRITES_1
            return
        self.second = True
        if mark == _SEALED:
            self.encrypted = True
        elif mark == _SMB2:
            self._compound(message)

    def _compound(self, message: bytes) -> None:
        at = 0
        for _ in range(_MOST_COMPOUND):
            header = message[at : at + 64]
            if len(header) < 24 or header[:4] != _SMB2:
                return
            command = int.from_bytes(header[12:14], "little")
            if not header[16] & 1:
                self.reads += command == _READ
                self.writes += command == _WRITE
            following = int.from_bytes(header[20:24], "little")
            if following == 0:
                return
            at += following
