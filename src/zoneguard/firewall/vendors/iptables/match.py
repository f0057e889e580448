"""The conditions of an iptables rule as unions of matches."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.known import ICMP6_TYPES, ICMP_TYPES
from zoneguard.firewall.matching import WITH_PORTS, not_sure, subtract_services, without
from zoneguard.firewall.model import Match
from zoneguard.firewall.netfilter import STATES, services, states_before_tracking
from zoneguard.firewall.vendors.iptables.address import port_span, protocol_number, range_named, spans_named
from zoneguard.firewall.vendors.iptables.ipset import matches_of
from zoneguard.firewall.vendors.iptables.words import ICMP6_CODES, ICMP_CODES, LONG, TCP_FLAGS, Word
from zoneguard.net.service import ALL_FLAGS, ALL_STATES, Service, flags_matching
from zoneguard.net.spans import spans_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.firewall.netfilter import Names
    from zoneguard.firewall.vendors.iptables.ipset import IpSet
    from zoneguard.net.spans import Spans

Union = tuple[Match, ...]

MOST_NEGATED = 512  # boxes of services of which the complement is made


@dataclass(slots=True)
class Conditions:
    """What the options of one rule say: all of `unions` hold."""

    unions: list[Union] = field(default_factory=list)
    protocol: int | None = None
    comment: str = ""
    begins: date | None = None
    expires: date | None = None
    target: str = ""
    goes: bool = False
    target_options: dict[str, str] = field(default_factory=dict)


class Option(NamedTuple):
    """The values of one option, whether it is negated, and the protocol that the rule has named before it."""

    values: list[str]
    negated: bool
    protocol: int | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a condition is read against."""

    names: Names
    sets: dict[str, IpSet]
    v6: bool
    tracked: bool  # False in the raw table, before connections are tracked


def read_conditions(words: list[Word], context: Context) -> Conditions:
    """Read the options of a rule, from behind its chain to its end. Never fails: what it does not know is open."""
    found = Conditions()
    at, negated = 0, False
    while at < len(words):
        word = words[at]
        at += 1
        if word.text == "!" and not word.quoted:
            negated = True
            continue
        name = LONG.get(word.text, word.text)
        values: list[str] = []
        while at < len(words) and not words[at].is_option:
            if words[at].text == "!" and not words[at].quoted:
                if values or (at + 1 < len(words) and words[at + 1].is_option):
                    break  # belongs to the next option
                negated = True  # as dumps before 1.4 wrote it, behind the option
            else:
                values.append(words[at].text)
            at += 1
        if name in {"--jump", "--goto"}:
            found.goes = name == "--goto"
            found.target = values[0] if values else ""
        elif found.target and name not in _READERS and name not in _ANYWHERE:
            found.target_options[name] = " ".join(values)
        else:
            _take(found, context, name, values, negated=negated)
        negated = False
    return found


def _take(found: Conditions, context: Context, name: str, values: list[str], *, negated: bool) -> None:
    said = " ".join([*(["!"] if negated else []), name, *values])
    if name == "--match":
        found.unions += [(not_sure(f"-m {one}"),) for one in values if one in _ALONE]
    elif name == "--comment":
        found.comment = values[0] if values else ""
    elif name in _SILENT:
        return
    elif name in {"--datestart", "--datestop"} and values and not negated and (day := _day(values[0], name)):
        if name == "--datestart":
            found.begins = day
        else:
            found.expires = day
    elif (reader := _READERS.get(name)) is not None:
        try:
            found.unions.append(reader(context, Option(values, negated, found.protocol)))
            if name == "--protocol" and not negated:
                found.protocol = protocol_number(values[0])
        except (ValueError, KeyError, IndexError):
            found.unions.append((not_sure(said),))
    else:
        found.unions.append((not_sure(said),))


def _day(value: str, name: str) -> date | None:
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d))?)?)?", value)
    if not found:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
        midnight = not any(int(part or 0) for part in found.groups()[3:])
        # The stop at 00:00:00 is the end of the day before.
        return day - timedelta(days=1) if name == "--datestop" and midnight else day
    except (ValueError, OverflowError):
        return None


def _addresses(spans: Spans, *, source: bool, negated: bool) -> Union:
    if negated:
        spans = without(spans)
    if not spans:
        return ()
    return (Match(source=spans) if source else Match(destination=spans),)


def _network(_: Context, option: Option, *, source: bool) -> Union:
    words = option.values[0].split(",")
    if option.negated and len(words) > 1:
        raise ValueError(option.values[0])
    spans = spans_from(span for word in words for span in spans_named(word))
    return _addresses(spans, source=source, negated=option.negated)


def _services(
    boxes: tuple[Service, ...], *, negated: bool, within: tuple[Service, ...] = (Service(),)
) -> Union:
    if negated and len(boxes) > MOST_NEGATED:
        raise ValueError(len(boxes))
    made = subtract_services(within, boxes) if negated else boxes
    return (Match(services=made),) if made else ()


def _protocol(_: Context, option: Option) -> Union:
    number = protocol_number(option.values[0])
    if number is None:
        return () if option.negated else (Match(),)
    return _services(services([number]), negated=option.negated)


def _interface(context: Context, option: Option, *, ingress: bool) -> Union:
    everything = context.names.everything()
    names = context.names.matching([option.values[0]], "+")
    if option.negated:
        names = everything - names
    if not names:
        return ()
    if names >= everything:
        return (Match(),)
    return (Match(ingress=names) if ingress else Match(egress=names),)


def _ports(_: Context, option: Option, *, fields: str, several: bool) -> Union:
    words = option.values[0].split(",") if several else [option.values[0]]
    spans = spans_from(port_span(word) for word in words)
    sides = ("sport", "dport") if fields == "either" else (fields,)
    protocols = [one for one in WITH_PORTS if option.protocol in {None, one}]
    boxes = tuple(box for side in sides for span in spans for box in services(protocols, **{side: span}))
    return _services(boxes, negated=option.negated, within=services(protocols))


def _tcp_flags(_: Context, option: Option) -> Union:
    mask, value = (_flags(word) for word in option.values[:2])
    return _tcp(flags_matching(mask, value), negated=option.negated)


def _syn(_: Context, option: Option) -> Union:
    if option.values:
        raise ValueError(option.values[0])
    return _tcp(flags_matching(0x17, 0x02), negated=option.negated)


def _tcp(flags: int, *, negated: bool) -> Union:
    made = ALL_FLAGS & ~flags if negated else flags
    return (Match(services=services([6], flags=made)),) if made else ()


def _flags(word: str) -> int:
    if word == "NONE":
        return 0
    if word == "ALL":
        return 0x3F
    return sum({TCP_FLAGS[one] for one in word.split(",")})


def _icmp(_: Context, option: Option, *, protocol: int) -> Union:
    word = option.values[0]
    within = services([protocol])
    if word in {"any", "255"} and protocol == 1:
        return _services(within, negated=option.negated, within=within)
    names = ICMP_CODES if protocol == 1 else ICMP6_CODES
    if word in names:
        kind, code = names[word]
        span = (kind * 256 + code, kind * 256 + code)
    else:
        text, slash, code_text = word.partition("/")
        types = ICMP_TYPES if protocol == 1 else ICMP6_TYPES
        kind = int(text) if text.isdecimal() and text.isascii() else types[text]
        code = int(code_text) if slash else 0
        if not (0 <= kind <= 255 and 0 <= code <= 255):
            raise ValueError(word)
        span = (kind * 256 + code, kind * 256 + (code if slash else 255))
    return _services(services([protocol], dport=span), negated=option.negated, within=within)


def _states(context: Context, option: Option) -> Union:
    states = 0
    words = option.values[0].split(",")
    translated = [word for word in words if word in {"SNAT", "DNAT"}]
    if translated and option.negated:
        raise ValueError(option.values[0])
    for word in words:
        states |= STATES[word.lower()] if word not in translated else 0
    if option.negated:
        states = ALL_STATES & ~states
    if not context.tracked:
        states = states_before_tracking(states)
    union = (Match(services=(Service(states=states),)),) if states else ()
    return (*union, *(not_sure(f"--ctstate {word}") for word in translated))


def _range(_: Context, option: Option, *, source: bool) -> Union:
    return _addresses(range_named(option.values[0]), source=source, negated=option.negated)


def _set(context: Context, option: Option) -> Union:
    found = matches_of(context.sets, option.values[0], option.values[1].split(","))
    if not option.negated:
        return found
    if found and found[0].unknown:
        return (not_sure(f"not in {found[0].unknown[0]}"),)
    return _complement(found)


def _complement(union: Union) -> Union:
    """Give what a union leaves out, where it speaks of one field only."""
    if not union:
        return (Match(),)
    plain = Match()
    if all(one == replace(plain, source=one.source) for one in union):
        return _addresses(spans_from(span for one in union for span in one.source), source=True, negated=True)
    if all(one == replace(plain, destination=one.destination) for one in union):
        spans = spans_from(span for one in union for span in one.destination)
        return _addresses(spans, source=False, negated=True)
    if all(one == replace(plain, services=one.services) for one in union):
        return _services(tuple(box for one in union for box in one.services), negated=True)
    return (not_sure("not in a set of several parts"),)


def _reader(function: Callable[..., Union], **fixed: object) -> Callable[[Context, Option], Union]:
    return partial(function, **fixed)


_READERS: dict[str, Callable[[Context, Option], Union]] = {
    "--ctstate": _states,
    "--destination": _reader(_network, source=False),
    "--dport": _reader(_ports, fields="dport", several=False),
    "--dports": _reader(_ports, fields="dport", several=True),
    "--dst-range": _reader(_range, source=False),
    "--icmp-type": _reader(_icmp, protocol=1),
    "--icmpv6-type": _reader(_icmp, protocol=58),
    "--in-interface": _reader(_interface, ingress=True),
    "--match-set": _set,
    "--out-interface": _reader(_interface, ingress=False),
    "--ports": _reader(_ports, fields="either", several=True),
    "--protocol": _protocol,
    "--set": _set,
    "--source": _reader(_network, source=True),
    "--sport": _reader(_ports, fields="sport", several=False),
    "--sports": _reader(_ports, fields="sport", several=True),
    "--src-range": _reader(_range, source=True),
    "--state": _states,
    "--syn": _syn,
    "--tcp-flags": _tcp_flags,
}

# Options that say how a line is shown or counted, and decide no packet.
_SILENT = frozenset({"--ipv4", "--ipv6", "--nfacct-name", "--set-counters", "-c", "--kerneltz", "--utc"})
# Conditions that may also stand behind the target.
_ANYWHERE = frozenset({"--comment", "--fragment", "--match"})
# Modules that match something of their own without any option.
_ALONE = frozenset(
    {"rpfilter", "socket", "ipv6header", "eui64", "unclean", "ah", "esp", "frag", "dst", "hbh", "rt"}
)
