"""What a rule asks of a packet, as unions of matches.

Each field is a stretch of numbers; a comparison is a set of them, and what the field has besides is its domain:
`tcp dport != 80` is TCP all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from zoneguard.firewall.known import ICMP6_TYPES, ICMP_TYPES, PORTS, PROTOCOLS
from zoneguard.firewall.matching import (
    EVERYTHING,
    FAMILIES,
    MOST_MATCHES,
    WITH_PORTS,
    meet_all,
    not_sure,
)
from zoneguard.firewall.model import Match
from zoneguard.firewall.netfilter import STATES, Names, services, states_before_tracking
from zoneguard.net.address import V4_FIRST
from zoneguard.net.service import Service
from zoneguard.net.spans import spans_from, subtract_spans, wildcard_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from zoneguard.net.spans import Spans

Union = tuple[Match, ...]


class NotKnownError(Exception):
    """This reader does not know what is asked; the condition is left open."""


class Field(NamedTuple):
    """What one key asks: the numbers it has, what it implies, how numbers become matches, and names of numbers."""

    last: int
    made: Callable[[Spans], Union]
    names: dict[str, int]
    address: int = 0  # bits, where the numbers are addresses
    bitmask: bool = False
    first: int = 0


@dataclass(slots=True)
class Scope:
    """What a rule is read against: interfaces, the named sets of its table, and whether connections are tracked."""

    names: Names
    sets: dict[str, dict[str, Any]]
    tracked: bool | None = True  # None: by the priority of the chain it cannot be told
    cache: dict[str, Union] = field(default_factory=dict)
    compared: dict[int, tuple[Any, Union]] = field(
        default_factory=dict
    )  # by identity: a text shares what is equal


def compared(scope: Scope, match: dict[str, Any]) -> Union:
    """Give the packets for which a match statement holds."""
    known = scope.compared.get(id(match))
    if known is None:
        known = match, condition(scope, match["op"], match["left"], match["right"])
        scope.compared[id(match)] = known  # the statement is kept, so that its identity stays its own
    return known[1]


def condition(scope: Scope, operator: str, left: Any, right: Any) -> Union:  # noqa: ANN401 - any JSON
    """Give the packets for which a comparison holds; what is not known gives a match that is left open."""
    try:
        if isinstance(left, dict) and "meta" in left and left["meta"].get("key") in INTERFACES:
            return _interface(scope, operator, left["meta"]["key"], right)
        if isinstance(left, dict) and "concat" in left:
            return _concatenation(scope, operator, left["concat"], right)
        return _comparison(scope, operator, left, right)
    except (NotKnownError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return (not_sure(said(operator, left, right)),)


def said(operator: str, left: Any, right: Any) -> str:  # noqa: ANN401 - any JSON
    """Say a condition that is left open, in few words."""
    return " ".join([words_of(left), *([operator] if operator not in {"==", "in"} else []), words_of(right)])[
        :120
    ]


def words_of(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Say any key or value in few words."""
    if isinstance(value, dict):
        return " ".join(words_of(one) for one in list(value.values())[:4])[:80]
    if isinstance(value, list):
        return ", ".join(words_of(one) for one in value[:4])[:80]
    return str(value)[:80]


def elements_of(scope: Scope, right: Any) -> list[Any] | None:  # noqa: ANN401 - any JSON
    """Give the elements of a set, anonymous or named; None when it is no set. Raises NotKnownError."""
    if isinstance(right, str) and right.startswith("@"):
        known = scope.sets.get(right[1:])
        if known is None or known.get("unknown"):
            raise NotKnownError(right)
        flags = known.get("flags", [])
        if "timeout" in known or {"dynamic", "timeout"} & set(flags if isinstance(flags, list) else [flags]):
            raise NotKnownError(right)  # its elements come and go
        return list(known.get("elem", []))
    if isinstance(right, dict) and "set" in right:
        return list(right["set"] if isinstance(right["set"], list) else [right["set"]])
    return None


def _comparison(scope: Scope, operator: str, left: Any, right: Any) -> Union:  # noqa: ANN401 - any JSON
    mask = None
    if isinstance(left, dict) and "&" in left:
        left, mask_value = left["&"]
        asked = _field(scope, left)
        mask = _bits(asked, mask_value)
    else:
        asked = _field(scope, left)
    elements = elements_of(scope, right)
    if asked.bitmask or (mask is not None and not asked.address):
        return asked.made(_bit_numbers(asked, operator, mask, right, elements))
    if mask is not None:
        if elements is not None or operator not in {"==", "!="}:
            raise NotKnownError
        width = (1 << asked.address) - 1
        found = wildcard_spans(_bits(asked, right), ~mask & width, bits=asked.address)
    else:
        found = _numbers(asked, elements if elements is not None else [right])
    return asked.made(_compared(asked, operator, found))


def _compared(asked: Field, operator: str, found: Spans) -> Spans:
    everything = ((asked.first, asked.last),)
    if operator in {"==", "in"}:
        return found
    if operator == "!=":
        return subtract_spans(everything, found)
    ((number, last),) = found
    if number != last:
        raise NotKnownError
    ends = {
        "<": (asked.first, number - 1),
        "<=": (asked.first, number),
        ">": (number + 1, asked.last),
        ">=": (number, asked.last),
    }
    first, last = ends[operator]
    return ((first, last),) if first <= last else ()


def _numbers(asked: Field, elements: Sequence[Any]) -> Spans:
    if len(elements) == 1:
        return _number(asked, elements[0])
    return spans_from(span for element in elements for span in _number(asked, element))


def _number(asked: Field, element: Any) -> Spans:  # noqa: ANN401 - any JSON
    if element == "*":
        return ((asked.first, asked.last),)
    if not isinstance(element, dict):
        number = _plain(asked, element)
        return ((number, number),)
    if "elem" in element:
        if {"limit", "quota", "ct count", "timeout", "expires"} & element["elem"].keys():
            raise NotKnownError
        return _number(asked, element["elem"]["val"])
    if "range" in element:
        low, high = element["range"]
        low, high = _plain(asked, low), _plain(asked, high)
        return ((low, high),) if low <= high else ()
    if "prefix" in element:
        base, length = _plain(asked, element["prefix"]["addr"]), element["prefix"]["len"]
        size = 1 << (asked.address - length)
        first = base & -size
        return ((first, first + size - 1),)
    raise NotKnownError(element)


def _plain(asked: Field, value: Any) -> int:  # noqa: ANN401 - any JSON
    if asked.address and isinstance(value, str):
        number = _address(value)
    elif isinstance(value, str):
        number = asked.names[value] if value in asked.names else int(value, 0)
    elif isinstance(value, bool) or not isinstance(value, int):
        raise NotKnownError(value)
    else:
        number = value
    if not asked.first <= number <= asked.last:
        raise NotKnownError(value)
    return number


@lru_cache(maxsize=1 << 16)
def _address(text: str) -> int:
    """Read an address as ipaddress does; raises ValueError or KeyError.

    IPv4 by a table takes an eighth of the time, and a listing has one or two addresses in every line.
    """
    if ":" in text:
        return int(IPv6Address(text))
    a, b, c, d = text.split(".")
    return V4_FIRST | _OCTETS[a] << 24 | _OCTETS[b] << 16 | _OCTETS[c] << 8 | _OCTETS[d]


_OCTETS = {str(octet): octet for octet in range(256)}


def _bits(asked: Field, value: Any) -> int:  # noqa: ANN401 - any JSON
    """Read a mask or a value of bits: a number, a name, or several that are joined."""
    if isinstance(value, dict) and "|" in value:
        return _bits(asked, value["|"])
    if isinstance(value, list):
        made = 0
        for one in value:
            made |= _bits(asked, one)
        return made
    if asked.address and isinstance(value, str):
        return int(ip_address(value))
    if isinstance(value, dict) and "prefix" in value:
        raise NotKnownError
    return asked.names[value] if isinstance(value, str) and value in asked.names else int(str(value), 0)


def _bit_numbers(
    asked: Field,
    operator: str,
    mask: int | None,
    right: Any,  # noqa: ANN401 - any JSON
    elements: list[Any] | None,
) -> Spans:
    """Give the values of a field of bits for which a comparison holds."""
    if asked.last > 255:
        raise NotKnownError
    under = asked.last if mask is None else mask
    if elements is not None:
        wanted = {
            _bits(asked, one["elem"]["val"] if isinstance(one, dict) and "elem" in one else one)
            for one in elements
        }
    else:
        wanted = {_bits(asked, right)}
    tests: dict[str, Callable[[int], bool]] = {
        "==": lambda number: number & under in wanted,
        "!=": lambda number: number & under not in wanted,
        "in": lambda number: any(number & one for one in wanted),
        "!": lambda number: not any(number & one for one in wanted),
    }
    if elements is not None and operator == "in":
        operator = "=="
    return spans_from((number, number) for number in range(asked.last + 1) if tests[operator](number))


def _concatenation(scope: Scope, operator: str, parts: list[Any], right: Any) -> Union:  # noqa: ANN401 - any JSON
    elements = elements_of(scope, right)
    if operator not in {"==", "in"}:
        raise NotKnownError
    key = str((parts, right)) if isinstance(right, str) else ""
    if key and key in scope.cache:
        return scope.cache[key]
    found = joined(scope, parts, elements if elements is not None else [right])
    if key:
        scope.cache[key] = found
    return found


def joined(scope: Scope, parts: list[Any], elements: Iterable[Any]) -> Union:
    """Give the packets of a set of joined fields; elements that differ in the first part only are one match."""
    grouped: dict[str, tuple[list[Any], list[Any]]] = {}
    for element in elements:
        value = element
        if isinstance(element, dict) and "elem" in element:
            if {"limit", "quota", "ct count", "timeout", "expires"} & element["elem"].keys():
                raise NotKnownError
            value = element["elem"]["val"]
        words = value["concat"]
        if len(words) != len(parts):
            raise NotKnownError
        grouped.setdefault(str(words[1:]), (words[1:], []))[1].append(words[0])
    if len(grouped) > MOST_MATCHES:
        return (not_sure(f"a set of {len(grouped)} combinations"),)
    found: list[Match] = []
    for rest, firsts in grouped.values():
        unions = [condition(scope, "==", parts[0], {"set": firsts})]
        unions += [condition(scope, "==", part, word) for part, word in zip(parts[1:], rest, strict=True)]
        found += meet_all(unions)
    return tuple(found)


INTERFACES = {"iif": "ingress", "iifname": "ingress", "oif": "egress", "oifname": "egress"}


def _interface(scope: Scope, operator: str, key: str, right: Any) -> Union:  # noqa: ANN401 - any JSON
    elements = elements_of(scope, right)
    words = [right] if elements is None else elements
    words = [one["elem"]["val"] if isinstance(one, dict) and "elem" in one else one for one in words]
    if not all(isinstance(one, str) for one in words) or operator not in {"==", "!=", "in"}:
        raise NotKnownError
    everything = scope.names.everything()
    names = scope.names.matching(words, "*" if key.endswith("name") else "\0")
    if operator == "!=":
        names = everything - names
    if not names:
        return ()
    if names >= everything:
        return (EVERYTHING,)
    return (Match(ingress=names) if INTERFACES[key] == "ingress" else Match(egress=names),)


def _field(scope: Scope, left: Any) -> Field:  # noqa: ANN401 - any JSON
    if "payload" in left:
        return _payload(str(left["payload"]["protocol"]), str(left["payload"]["field"]))
    if "meta" in left:
        return _META[left["meta"]["key"]]
    if left == {"ct": {"key": "state"}}:
        return Field(last=127, made=partial(_states, scope), names=_STATE_BITS, bitmask=True)
    raise NotKnownError


def _payload(protocol: str, name: str) -> Field:
    if name in {"sport", "dport"} and protocol in _PORT_PROTOCOLS:
        return Field(last=65535, made=partial(_ports, _PORT_PROTOCOLS[protocol], name), names=PORTS)
    return _PAYLOAD[protocol, name]


def _of_addresses(family: str, side: str, spans: Spans) -> Union:
    if not spans:
        return ()
    every = FAMILIES[family].source
    if side == "source":
        return (Match(source=spans, destination=every),)
    return (Match(source=every, destination=spans),)


def _addresses(protocol: str, name: str) -> Field:
    side = "source" if name == "saddr" else "destination"
    if protocol == "ip":
        first, bits, family = V4_FIRST, 32, "ipv4"
    else:
        first, bits, family = 0, 128, "ipv6"
    made = partial(_of_addresses, family, side)
    return Field(last=first + (1 << bits) - 1, made=made, names={}, address=bits, first=first)


def _ports(protocols: tuple[int, ...], name: str, spans: Spans) -> Union:
    made = tuple(box for span in spans for box in services(protocols, **{name: span}))
    union: Union = (Match(services=made),) if made else ()
    if protocols == WITH_PORTS:
        # Of a protocol without ports the same octets are compared, and what they hold is not known here.
        gaps = subtract_spans(((0, 255),), spans_from((one, one) for one in WITH_PORTS))
        others = Match(
            services=tuple(Service(protocol=gap) for gap in gaps), unknown=("th of a protocol without ports",)
        )
        return (*union, others)
    return union


def _protocols(family: str, spans: Spans) -> Union:
    if not spans:
        return ()
    return (
        replace(FAMILIES.get(family, EVERYTHING), services=tuple(Service(protocol=one) for one in spans)),
    )


def _of_families(numbers: dict[int, str], spans: Spans) -> Union:
    return tuple(
        FAMILIES[family] for number, family in numbers.items() if any(a <= number <= b for a, b in spans)
    )


def _icmp(protocol: int, spans: Spans) -> Union:
    made = tuple(
        Service(protocol=(protocol, protocol), dport=(low * 256, high * 256 + 255)) for low, high in spans
    )
    return (replace(_icmp_family(protocol), services=made),) if made else ()


def _icmp_family(protocol: int) -> Match:
    """Give the family that nft implies with a header; it leaves it out of listings."""
    return FAMILIES["ipv4" if protocol == 1 else "ipv6"]


def _icmp_code(protocol: int, spans: Spans) -> Union:
    made = tuple(
        Service(protocol=(protocol, protocol), dport=(kind * 256 + low, kind * 256 + high))
        for kind in range(256)
        for low, high in spans
    )
    return (replace(_icmp_family(protocol), services=made),) if made else ()


def _tcp_flags(spans: Spans) -> Union:
    flags = sum(1 << number for low, high in spans for number in range(low, high + 1))
    return (Match(services=services([6], flags=flags)),) if flags else ()


def _states(scope: Scope, spans: Spans) -> Union:
    if scope.tracked is None:
        raise NotKnownError
    states = 0
    for name, bit in _STATE_BITS.items():
        if any(low <= bit <= high for low, high in spans):
            states |= STATES[name]
    if not scope.tracked:
        states = states_before_tracking(states)
    return (Match(services=(Service(states=states),)),) if states else ()


_STATE_BITS = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
_TCP_FLAG_BITS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}
_PORT_PROTOCOLS = {
    "dccp": (33,),
    "sctp": (132,),
    "tcp": (6,),
    "th": WITH_PORTS,
    "udp": (17,),
    "udplite": (136,),
}
_PROTOCOL_NAMES = {**PROTOCOLS, "comp": 108, "dccp": 33, "ipv6-icmp": 58, "igmp": 2, "ipencap": 4}
_ICMP_NAMES = {**ICMP_TYPES, "info-request": 15, "info-reply": 16}
_ICMP6_NAMES = {
    **ICMP6_TYPES, "mld-listener-query": 130, "mld-listener-report": 131, "mld-listener-done": 132,
    "mld-listener-reduction": 132, "router-renumbering": 138, "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142,
    "mld2-listener-report": 143,
}  # fmt: skip
_ICMP_CODES = {
    "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
    "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
}  # fmt: skip
_ICMP6_CODES = {
    "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5,
    "reject-route": 6,
}  # fmt: skip
_NF_FAMILIES = {2: "ipv4", 10: "ipv6"}
_ETHER_TYPES = {0x0800: "ipv4", 0x86DD: "ipv6"}
_ETHER_NAMES = {"ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806, "vlan": 0x8100}

_META = {
    "l4proto": Field(last=255, made=partial(_protocols, ""), names=_PROTOCOL_NAMES),
    "nfproto": Field(last=255, made=partial(_of_families, _NF_FAMILIES), names={"ipv4": 2, "ipv6": 10}),
    "protocol": Field(last=65535, made=partial(_of_families, _ETHER_TYPES), names=_ETHER_NAMES),
}
_PAYLOAD = {
    ("ether", "type"): _META["protocol"],
    ("icmp", "code"): Field(last=255, made=partial(_icmp_code, 1), names=_ICMP_CODES),
    ("icmp", "type"): Field(last=255, made=partial(_icmp, 1), names=_ICMP_NAMES),
    ("icmpv6", "code"): Field(last=255, made=partial(_icmp_code, 58), names=_ICMP6_CODES),
    ("icmpv6", "type"): Field(last=255, made=partial(_icmp, 58), names=_ICMP6_NAMES),
    ("ip", "daddr"): _addresses("ip", "daddr"),
    ("ip", "protocol"): Field(last=255, made=partial(_protocols, "ipv4"), names=_PROTOCOL_NAMES),
    ("ip", "saddr"): _addresses("ip", "saddr"),
    ("ip6", "daddr"): _addresses("ip6", "daddr"),
    ("ip6", "nexthdr"): Field(last=255, made=partial(_protocols, "ipv6"), names=_PROTOCOL_NAMES),
    ("ip6", "saddr"): _addresses("ip6", "saddr"),
    ("tcp", "flags"): Field(last=255, made=_tcp_flags, names=_TCP_FLAG_BITS, bitmask=True),
}
