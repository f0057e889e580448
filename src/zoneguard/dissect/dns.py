"""DNS messages over UDP and TCP: what was asked, by shape (RFC 1035, RFC 7766)."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.dissect.octets import Octets, ShortError
from zoneguard.dissect.record import NamesSeen

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    10: "NULL",
    12: "PTR",
    13: "HINFO",
    15: "MX",
    16: "TXT",
    24: "SIG",
    25: "KEY",
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    43: "DS",
    46: "RRSIG",
    48: "DNSKEY",
    52: "TLSA",
    64: "SVCB",
    65: "HTTPS",
    99: "SPF",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
    257: "CAA",
    65399: "PRIVATE",
}
_A, _AAAA = 1, 28
_TXT, _NULL, _PRIVATE = 16, 10, 65399
_JP_SECOND_LEVELS = frozenset({"ac", "ad", "co", "ed", "go", "gr", "lg", "ne", "or"})
_MOST_NAME = 255
_MOST_POINTERS = 64
_MOST_MESSAGES = 20_000
_MOST_RECORDS = 50_000  # answers of one flow whose data are counted
_MOST_SUFFIXES = 64  # told of one flow
_MOST_KEPT = 1 << 16
_MOST_ADDRESSES = 4096  # of one flow
_SINGLE = "*"  # stands for every name of a single label, which may be a machine's own

Name = tuple[bytes, ...]


def read_names(messages: Iterable[tuple[bool, bytes]]) -> NamesSeen | None:
    """Put together what the messages of one flow ask and are answered; None where none of them is DNS.

    An answer whose query was not seen tells what was asked, too.
    """
    told = _Told()
    for count, (_, message) in enumerate(messages):
        if count == _MOST_MESSAGES:
            break
        told.add(message)
    return told.seen() if told.queries else None


def is_dns(message: bytes) -> bool:
    """Tell whether octets are one whole query or answer: counts, names and lengths fit."""
    if len(message) < 17 or message[2] & 0x78 or message[3] & 0x40:
        return False
    counts = [int.from_bytes(message[at : at + 2], "big") for at in (4, 6, 8, 10)]
    is_answer = message[2] & 0x80 != 0
    if (
        counts[0] != 1
        or (not is_answer and (counts[1] or counts[2] > 16 or message[3] & 0x0F))
        or counts[3] > 64
    ):
        return False
    reader = Octets(message, 12)
    try:
        name = _name(reader)
        kind, group = reader.number(2), reader.number(2) & 0x7FFF
    except ShortError:
        return False
    return group in {1, 3, 4, 254, 255} and kind != 0 and all(len(label) < 64 for label in name)


def type_name(kind: int) -> str:
    """Name a type of records; one without a name here is written by its number (RFC 3597 section 5)."""
    return _TYPES.get(kind, f"TYPE{kind}")


def over_tcp(octets: bytes) -> list[bytes]:
    """Give the messages of one direction of a TCP connection, each behind its length."""
    messages: list[bytes] = []
    reader = Octets(octets)
    while reader.left > 2 and len(messages) < _MOST_MESSAGES:
        size = reader.number(2)
        if size > reader.left:
            break
        messages.append(reader.take(size))
    return messages


class _Told:
    def __init__(self) -> None:
        self.queries = 0
        self._answered = 0
        self._waiting: Counter[tuple[int, Name, int]] = Counter()
        self._suffixes: Counter[str] = Counter()
        self._types: Counter[str] = Counter()
        self._names: set[int] = set()
        self._longest = 0
        self._octets = 0
        self._addresses: dict[tuple[str, str], None] = {}
        self._left = _MOST_RECORDS

    def add(self, message: bytes) -> None:
        if not is_dns(message):
            return
        reader = Octets(message, 12)
        name = tuple(label.lower() for label in _name(reader))
        kind = reader.number(2)
        reader.take(2)
        key = (int.from_bytes(message[:2], "big"), name, kind)
        if not message[2] & 0x80:
            self._ask(name, kind)
            if len(self._waiting) < _MOST_KEPT:
                self._waiting[key] += 1
            return
        if self._waiting[key]:
            self._waiting[key] -= 1
        else:
            self._ask(name, kind)
        answers = int.from_bytes(message[6:8], "big")
        if message[3] & 0x0F == 0 and answers:
            self._answered += 1
            answers = min(answers, self._left)
            self._left -= answers
            carried, addresses = _carried(reader, answers)
            self._octets += carried
            for address in addresses:
                if len(self._addresses) < _MOST_ADDRESSES:
                    self._addresses[b".".join(name).decode("latin-1"), address] = None

    def seen(self) -> NamesSeen:
        return NamesSeen(
            queries=self.queries,
            answered=self._answered,
            suffixes=_most(self._suffixes)[:_MOST_SUFFIXES],
            longest=self._longest,
            types=_most(self._types),
            distinct=len(self._names),
            octets=self._octets,
            addresses=tuple(self._addresses),
        )

    def _ask(self, name: Name, kind: int) -> None:
        size = sum(len(label) + 1 for label in name)
        self.queries += 1
        self._longest = max(self._longest, size)
        self._octets += size
        suffix = _suffix(name)
        if suffix in self._suffixes or len(self._suffixes) < _MOST_KEPT:
            self._suffixes[suffix] += 1
        self._types[type_name(kind)] += 1
        if len(self._names) < _MOST_KEPT:
            self._names.add(hash((name, kind)))


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _suffix(name: Name) -> str:
    """Give the registrable end of a name: two labels, three under the organisational second levels of jp."""
    labels = [label.decode("latin-1") for label in name]
    if len(labels) < 2:
        return _SINGLE
    under = labels[-1] == "jp" and labels[-2] in _JP_SECOND_LEVELS
    end = ".".join(labels[-3:] if under else labels[-2:])
    return end if end.isascii() and end.isprintable() and " " not in end else "?"


def _name(reader: Octets) -> Name:
    """Read a name; pointers go backwards only, and not often (RFC 1035 section 4.1.4)."""
    labels: list[bytes] = []
    size = pointers = 0
    at, behind = reader.at, None
    data = reader.data
    while True:
        if at >= reader.end:
            raise ShortError
        length = data[at]
        if length & 0xC0 == 0xC0:
            if at + 2 > reader.end:
                raise ShortError
            target = (length & 0x3F) << 8 | data[at + 1]
            behind = at + 2 if behind is None else behind
            pointers += 1
            if target >= at or pointers > _MOST_POINTERS:
                raise ShortError
            at = target
            continue
        at += 1
        if length == 0:
            break
        size += length + 1
        if length & 0xC0 or at + length > reader.end or size > _MOST_NAME:
            raise ShortError
        labels.append(data[at : at + length])
        at += length
    reader.at = at if behind is None else behind
    return tuple(labels)


def _carried(reader: Octets, answers: int) -> tuple[int, list[str]]:
    """Count the octets of the answered data that can hold anything, and give the addresses among it."""
    carried, addresses = 0, []
    try:
        for _ in range(answers):
            _name(reader)
            kind = reader.number(2)
            reader.take(6)
            size = reader.number(2)
            data = reader.take(size)
            if kind in {_TXT, _NULL, _PRIVATE}:
                carried += size
            elif (kind, size) in {(_A, 4), (_AAAA, 16)}:
                addresses.append(str(ip_address(data)))
    except ShortError:
        pass
    return carried, addresses
