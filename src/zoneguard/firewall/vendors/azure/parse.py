"""Network security groups to a ruleset each."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from zoneguard.errors import InputRefusedError
from zoneguard.firewall import jsontree
from zoneguard.firewall.model import Action, Filter, Interface, Line, LineState, Match, Ruleset
from zoneguard.net.address import number_of, spans_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE, spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.jsontree import Value
    from zoneguard.net.address import Span
    from zoneguard.net.spans import Spans

_Default: TypeAlias = tuple[str, int, str, str, str, str]

INSIDE, OUTSIDE = "inside", "outside"
MOST_SERVICES = 4096
_KIND = "microsoft.network/networksecuritygroups"
_PROTOCOLS = {"*": (0, 255), "any": (0, 255), "ah": (51, 51), "esp": (50, 50), "icmp": (1, 1), "tcp": (6, 6), "udp": (17, 17)}  # fmt: skip
# Rules that every group has, where the export leaves them out. Source: Azure, default security rules.
_DEFAULTS: tuple[_Default, ...] = (
    ("Inbound", 65000, "AllowVnetInBound", "VirtualNetwork", "VirtualNetwork", "Allow"),
    ("Inbound", 65001, "AllowAzureLoadBalancerInBound", "AzureLoadBalancer", "*", "Allow"),
    ("Inbound", 65500, "DenyAllInBound", "*", "*", "Deny"),
    ("Outbound", 65000, "AllowVnetOutBound", "VirtualNetwork", "VirtualNetwork", "Allow"),
    ("Outbound", 65001, "AllowInternetOutBound", "*", "Internet", "Allow"),
    ("Outbound", 65500, "DenyAllOutBound", "*", "*", "Deny"),
)
_RULE_KEYS = frozenset({
    "access", "description", "destinationaddressprefix", "destinationaddressprefixes", "destinationapplicationsecuritygroups",
    "destinationportrange", "destinationportranges", "direction", "etag", "id", "name", "priority", "properties", "protocol",
    "provisioningstate", "resourcegroup", "sourceaddressprefix", "sourceaddressprefixes", "sourceapplicationsecuritygroups",
    "sourceportrange", "sourceportranges", "type", "dependson", "apiversion",
})  # fmt: skip


class _Numbered(NamedTuple):
    direction: str
    priority: int
    line: Line


class _Reach(NamedTuple):
    spans: Spans
    unknown: tuple[str, ...]


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read groups; raises InputRefusedError when the JSON is broken or holds none."""
    try:
        root = jsontree.read("\n".join(export.lines))
    except jsontree.JsonRefusedError as error:
        raise InputRefusedError(_broken(export.file, error.line, str(error))) from None
    jsontree.put_away(export, root)
    for number, line in enumerate(export.lines, 1):
        export.mark(number, LineState.PARSED if line.strip() else LineState.IRRELEVANT)
    found = _resources(root)
    groups = [one for one in found if _is_group(one)]
    apart = [one for one in found if one.text("type").lower() == f"{_KIND}/securityrules"]
    if not groups:
        raise InputRefusedError(_broken(export.file, root.line, "no networkSecurityGroups"))
    if root.text("nextLink"):
        export.fault(root.line, LineState.UNSUPPORTED, _not_whole())
    return tuple(_group(export, one, apart) for one in groups)


def _resources(root: Value) -> list[Value]:
    """Give the resources of one of the shapes in which they are exported."""
    for key in ("value", "resources"):
        if root.get(key) is not None:
            return root.each(key)
    return root.data if isinstance(root.data, list) else [root]


def _is_group(one: Value) -> bool:
    kind = one.text("type").lower()
    return kind == _KIND or (
        not kind and any(one.get(*path) for path in (("securityRules",), ("properties", "securityRules")))
    )


def _group(export: Export, group: Value, apart: list[Value]) -> Ruleset:
    name = group.text("name") or f"line {group.line}"
    inner = group.get("properties") or group
    rules = [*inner.each("securityRules"), *(one for one in apart if _belongs(one, name))]
    defaults = inner.each("defaultSecurityRules")
    numbered = [_rule(export, one, implicit=False) for one in rules]
    numbered += [_rule(export, one, implicit=True) for one in defaults]
    if not defaults:
        numbered += [_default(one) for one in _DEFAULTS]
    side = frozenset({INSIDE})
    steps = []
    for direction in ("Inbound", "Outbound"):
        held = sorted(
            (one for one in numbered if one.direction in (direction, "")), key=lambda one: one.priority
        )
        steps.append(
            Filter(
                name=f"{name} {direction}",
                lines=tuple(one.line for one in held),
                default=Action.DENY,
                default_places=(export.place(group.line),),
                ingress=side if direction == "Outbound" else None,
                egress=side if direction == "Inbound" else None,
            )
        )
    return Ruleset(
        device=name,
        format="azure",
        steps=tuple(steps),
        interfaces=(Interface(name=INSIDE), Interface(name=OUTSIDE)),
    )


def _belongs(rule: Value, group: str) -> bool:
    name = rule.text("name")
    return name.rpartition("/")[0] == group or group.strip("[]") in name


def _default(one: _Default) -> _Numbered:
    direction, priority, name, source, destination, access = one
    reaches = [_reach([word], []) for word in (source, destination)]
    line = Line(
        id=f"{priority} {name}",
        action=Action.PERMIT if access == "Allow" else Action.DENY,
        match=Match(
            source=reaches[0].spans,
            destination=reaches[1].spans,
            unknown=(*reaches[0].unknown, *reaches[1].unknown),
        ),
        places=(),
        name=name,
        implicit=True,
    )
    return _Numbered(direction, priority, line)


def _rule(export: Export, rule: Value, *, implicit: bool) -> _Numbered:
    inner = rule.get("properties") or rule
    unknown = [
        key[:60]
        for one in dict.fromkeys((rule, inner))
        for key, _ in one.pairs()
        if key.lower() not in _RULE_KEYS
    ]
    name = rule.text("name").rpartition("/")[2]
    written = inner.text("priority")
    is_number = written.isascii() and written.isdecimal() and len(written) < 9
    if not is_number:
        unknown.append(f"priority {written}"[:80])
    direction = inner.text("direction").capitalize()
    access = inner.text("access").lower()
    if direction not in ("Inbound", "Outbound"):
        unknown.append(f"direction {direction}"[:80])
        direction = ""
    if access not in ("allow", "deny"):
        unknown.append(f"access {access}"[:80])
    sides = [_side(inner, side) for side in ("source", "destination")]
    services = _services(inner, unknown)
    said = (*unknown, *sides[0].unknown, *sides[1].unknown)
    if said and not implicit:
        export.fault(rule.line, LineState.UNSUPPORTED, _left_open(name or written, said[0]))
    line = Line(
        id=f"{written} {name}".strip() or f"line {rule.line}",
        action=Action.PERMIT if access == "allow" else Action.DENY,
        match=Match(
            source=sides[0].spans,
            destination=sides[1].spans,
            services=services,
            unknown=tuple(dict.fromkeys(said))[:16],
        ),
        places=(export.place(rule.line),),
        name=name,
        comment=inner.text("description"),
        implicit=implicit,
    )
    return _Numbered(direction, int(written) if is_number else 0, line)


def _side(inner: Value, side: str) -> _Reach:
    one = inner.text(f"{side}AddressPrefix")
    many = [str(value.data) for value in inner.each(f"{side}AddressPrefixes")]
    groups = inner.each(f"{side}ApplicationSecurityGroups")
    return _reach([one] if one else many, ["application security group" for _ in groups])


def _reach(words: list[str], groups: list[str]) -> _Reach:
    """Give the addresses of prefixes; service tags and application groups stand for what is not in the export."""
    spans: list[Span] = []
    unknown = list(dict.fromkeys(groups))
    for word in words:
        if word.lower() in ("*", "any"):
            return _Reach(ANYWHERE, ())
        try:
            low, dash, high = word.partition("-")
            if dash:
                first, last = number_of(ip_address(low)), number_of(ip_address(high))
                spans += spans_from([(first, last)])
            else:
                spans += spans_of(ip_network(word, strict=False))
        except ValueError:
            unknown.append(f"tag {word}"[:80])
    if not words and not groups:
        unknown.append("no addresses")
    return _Reach(ANYWHERE if unknown else spans_from(spans), tuple(unknown))


def _services(inner: Value, unknown: list[str]) -> tuple[Service, ...]:
    protocol = _PROTOCOLS.get(inner.text("protocol").lower())
    if protocol is None:
        unknown.append(f"protocol {inner.text('protocol')}"[:80])
        return (Service(),)
    sports, dports = (list(_ports(inner, side, unknown)) for side in ("source", "destination"))
    if len(sports) * len(dports) > MOST_SERVICES:
        unknown.append("one of many ports")
        return (Service(protocol),)
    return tuple(Service(protocol, sport, dport) for sport in sports for dport in dports)


def _ports(inner: Value, side: str, unknown: list[str]) -> Iterator[Span]:
    one = inner.text(f"{side}PortRange")
    words = [one] if one else [str(value.data) for value in inner.each(f"{side}PortRanges")]
    every = (0, 65535)
    if not words:
        unknown.append(f"no {side} ports")
        yield every
    for word in words:
        low, _, high = word.partition("-")
        try:
            span = every if word == "*" else (int(low), int(high or low))
        except ValueError:
            span = (-1, -1)
        if 0 <= span[0] <= span[1] <= 65535:
            yield span
        else:
            unknown.append(f"port {word}"[:80])
            yield every


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"規則 {name} の「{said}」が指す範囲は、この出力だけでは決まりません。一致しうるものとして扱います。",
        en=f"What {said!r} of rule {name} stands for does not follow from this output; it is read as a may.",
    )


def _not_whole() -> Text:
    return Text(
        ja="nextLink があるため、出力は途中までです。残りのネットワークセキュリティグループは検証していません。",
        en="There is a nextLink, so this output is not whole; the other network security groups are not verified.",
    )


def _broken(file: str, line: int, said: str) -> Text:
    return Text(
        ja=f"{file}:{line}: Azure のネットワークセキュリティグループの JSON として読めません（{said}）。az network nsg list の出力を渡してください。",
        en=f"{file}:{line}: this is no JSON of Azure network security groups ({said}); give what az network nsg list prints.",
    )
