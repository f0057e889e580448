"""How services are written: tcp/443, udp/3478-3481, icmp/8/0, gre, ip/47, any."""

from __future__ import annotations

import re

from zoneguard.policy.model import Service
from zoneguard.text import Text

ANY_PORTS = (0, 65535)

# Names of protocols that have ports; ICMP keeps its type and code where the others keep the port.
WITH_PORTS = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132}
WITH_TYPES = {"icmp": 1, "icmpv6": 58}
WITHOUT_PORTS = {
    "ah": 51,
    "egp": 8,
    "eigrp": 88,
    "esp": 50,
    "etherip": 97,
    "gre": 47,
    "igmp": 2,
    "ipip": 4,
    "ipv6": 41,
    "l2tp": 115,
    "ospf": 89,
    "pim": 103,
    "vrrp": 112,
}
NAMES = {number: name for name, number in (WITH_PORTS | WITH_TYPES | WITHOUT_PORTS).items()}

# As people name a protocol on the command line or in a table of packets.
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "sctp": 132}

PATTERN = (
    r"^(any|(tcp|udp|dccp|sctp)(/(\*|\d{1,5}(-\d{1,5})?))?|(icmp|icmpv6)(/(\*|\d{1,3}(/(\*|\d{1,3}))?))?"
    rf"|{'|'.join(sorted(WITHOUT_PORTS))}|ip/\d{{1,3}})$"
)
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)


class ServiceTextError(ValueError):
    """A service is not written as ZoneGuard reads it; `text` says what is wrong."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def parse_service(written: str) -> Service:
    """Read one service.

    Raises ServiceTextError.
    """
    name, _, rest = written.strip().lower().partition("/")
    if name == "any" and not rest:
        return Service(protocol=None)
    if name in WITH_PORTS:
        return Service(protocol=WITH_PORTS[name], ports=_ports(written, rest))
    if name in WITH_TYPES:
        return Service(protocol=WITH_TYPES[name], ports=_types(written, rest))
    if name in WITHOUT_PORTS and not rest:
        return Service(protocol=WITHOUT_PORTS[name])
    if name == "ip" and (number := _number(rest, 255)) is not None:
        return Service(protocol=number)
    raise _unreadable(written)


def format_service(service: Service) -> str:
    """Write a service in the shortest form that `parse_service` reads back as the same."""
    low, high = service.ports
    if service.protocol is None:
        return "any"
    name = NAMES.get(service.protocol)
    if name is None:
        return f"ip/{service.protocol}"
    if name in WITHOUT_PORTS:
        return name
    if service.ports == ANY_PORTS:
        return f"{name}/*"
    if name in WITH_TYPES:
        kind, code = divmod(low, 256)
        return f"{name}/{kind}/{code}" if low == high else f"{name}/{kind}"
    return f"{name}/{low}" if low == high else f"{name}/{low}-{high}"


def protocol_of(text: str) -> int | None:
    """Read a protocol by one of PROTOCOLS or by its number; None for anything else."""
    number = PROTOCOLS.get(text.lower(), int(text) if text.isascii() and text.isdigit() else -1)
    return number if 0 <= number <= 255 else None


def _ports(written: str, rest: str) -> tuple[int, int]:
    if rest in {"", "*"}:
        return ANY_PORTS
    first, dash, last = rest.partition("-")
    low = _number(first, 65535)
    high = _number(last, 65535) if dash else low
    if low is None or high is None:
        raise _unreadable(written)
    if low > high:
        raise ServiceTextError(
            Text(
                ja=f"サービス「{written}」のポート範囲は大きい番号から始まっています。{high}-{low} と書いてください",
                en=f"service '{written}' has its port range backwards; write {high}-{low}",
            )
        )
    return low, high


def _types(written: str, rest: str) -> tuple[int, int]:
    if rest in {"", "*"}:
        return ANY_PORTS
    kind_text, _, code_text = rest.partition("/")
    kind = _number(kind_text, 255)
    if kind is None:
        raise _unreadable(written)
    if code_text in {"", "*"}:
        return kind * 256, kind * 256 + 255
    code = _number(code_text, 255)
    if code is None:
        raise _unreadable(written)
    return kind * 256 + code, kind * 256 + code


def _number(written: str, highest: int) -> int | None:
    if not _NUMBER.fullmatch(written) or int(written) > highest:
        return None
    return int(written)


def _unreadable(written: str) -> ServiceTextError:
    return ServiceTextError(
        Text(
            ja=f"サービス「{written}」を読めません。tcp/443、udp/3478-3481、icmp/8/0、gre、ip/47、any のように書いてください",
            en=f"service '{written}' cannot be read; write it like tcp/443, udp/3478-3481, icmp/8/0, gre, ip/47 or any",
        )
    )
