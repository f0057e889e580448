"""File transfers by FTP and TFTP: how many ways files went, never their names (RFC 959, RFC 4217, RFC 1350)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.dissect.dialogue import Replies, lines
from zoneguard.dissect.record import FilesSeen

if TYPE_CHECKING:
    from collections.abc import Iterable

_READS = frozenset({b"RETR"})
_WRITES = frozenset({b"STOR", b"STOU", b"APPE"})
_AUTH = re.compile(rb"AUTH\s+(?:TLS|TLS-C|SSL|TLS-P)\s*", re.IGNORECASE)
_TFTP = re.compile(rb"\0[\x01\x02][^\0]{1,255}\0(?:netascii|octet|mail)\0", re.IGNORECASE)


def read_ftp(orig: bytes, resp: bytes) -> tuple[FilesSeen, tuple[int, int] | None]:
    """Count the commands; give also the offsets behind an accepted AUTH TLS."""
    replies = Replies(resp)
    replies.take()  # the greeting
    reads = writes = 0
    for line, behind in lines(orig):
        verb = line.split(b" ", 1)[0].upper()
        reads += verb in _READS
        writes += verb in _WRITES
        code = replies.take()
        while code is not None and 100 <= code < 200:  # "opening data connection", before the final one
            code = replies.take()
        if _AUTH.fullmatch(line) and code == 234:
            seen = FilesSeen(protocol="ftp", reads=reads, writes=writes, encrypted=True)
            return seen, (behind, replies.at)
    return FilesSeen(protocol="ftp", reads=reads, writes=writes), None


def is_tftp(datagram: bytes) -> bool:
    """Tell a request to read or to write."""
    return _TFTP.match(datagram) is not None


def read_tftp(sent: Iterable[tuple[bool, bytes]]) -> FilesSeen:
    """Count the requests."""
    kinds = [datagram[1] for _, datagram in sent if is_tftp(datagram)]
    return FilesSeen(protocol="tftp", reads=kinds.count(1), writes=kinds.count(2))
