"""Security groups and network ACLs to a ruleset each."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.firewall import jsontree
from zoneguard.firewall.known import PROTOCOLS
from zoneguard.firewall.model import Action, Filter, Interface, Line, LineState, Match, Ruleset
from zoneguard.net.address import spans_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE, spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.jsontree import Value
    from zoneguard.net.address import Network, Span
    from zoneguard.net.spans import Spans

INSIDE, OUTSIDE = "inside", "outside"
_GROUP_KEYS = frozenset({
    "Description", "GroupId", "GroupName", "IpPermissions", "IpPermissionsEgress", "OwnerId", "SecurityGroupArn", "Tags", "VpcId",
})  # fmt: skip
_PERMISSION_KEYS = frozenset(
    {"FromPort", "IpProtocol", "IpRanges", "Ipv6Ranges", "PrefixListIds", "ToPort", "UserIdGroupPairs"}
)
_ACL_KEYS = frozenset({"Associations", "Entries", "IsDefault", "NetworkAclId", "OwnerId", "Tags", "VpcId"})
_ENTRY_KEYS = frozenset({
    "CidrBlock", "Egress", "IcmpTypeCode", "Ipv6CidrBlock", "PortRange", "Protocol", "RuleAction", "RuleNumber",
})  # fmt: skip
_HARMLESS = frozenset({"ResponseMetadata", "Subnets", "Vpcs"})


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read groups and lists; raises InputRefusedError when the JSON is broken or holds none."""
    try:
        root = jsontree.read("\n".join(export.lines))
    except jsontree.JsonRefusedError as error:
        raise InputRefusedError(_broken(export.file, error.line, str(error))) from None
    jsontree.put_away(export, root)
    documents = root.data if isinstance(root.data, list) else [root]
    if not any(one.get(key) for one in documents for key in ("SecurityGroups", "NetworkAcls")):
        raise InputRefusedError(_broken(export.file, root.line, "no SecurityGroups, no NetworkAcls"))
    for number, line in enumerate(export.lines, 1):
        export.mark(number, LineState.PARSED if line.strip() else LineState.IRRELEVANT)
    rulesets: list[Ruleset] = []
    networks = _networks_of(documents)
    for document in documents:
        rulesets += [_group(export, one, networks) for one in document.each("SecurityGroups")]
        rulesets += [_acl(export, one, networks) for one in document.each("NetworkAcls")]
        for key, value in document.pairs():
            if key == "NextToken" and value.data is not None:
                export.fault(value.line, LineState.UNSUPPORTED, _not_whole())
            elif key not in ("NetworkAcls", "NextToken", "SecurityGroups", *_HARMLESS):
                export.fault(value.line, LineState.UNKNOWN, _not_known(key[:60]))
    return tuple(rulesets)


def _networks_of(documents: list[Value]) -> dict[str, tuple[Network, ...]]:
    """Give the networks of each VPC and each subnet by its id; of a VPC that is not told, those of its subnets."""
    found: dict[str, list[Network]] = {}
    of_subnets: dict[str, list[Network]] = {}
    for document in documents:
        for key, id_key in (("Vpcs", "VpcId"), ("Subnets", "SubnetId")):
            for one in document.each(key):
                held = list(_blocks(one))
                found.setdefault(one.text(id_key), []).extend(held)
                if key == "Subnets":
                    of_subnets.setdefault(one.text("VpcId"), []).extend(held)
    return {name: tuple(dict.fromkeys(held)) for name, held in (of_subnets | found).items() if name}


def _blocks(one: Value) -> Iterator[Network]:
    texts = [one.text("CidrBlock")]
    for key, field in (
        ("CidrBlockAssociationSet", "CidrBlock"),
        ("Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock"),
    ):
        texts += [held.text(field) for held in one.each(key)]
    for text in texts:
        try:
            yield ip_network(text)
        except ValueError:
            continue


def _group(export: Export, group: Value, networks: Mapping[str, tuple[Network, ...]]) -> Ruleset:
    name = group.text("GroupId") or group.text("GroupName") or f"line {group.line}"
    _strange(export, group, _GROUP_KEYS)
    steps = []
    for key, direction in (("IpPermissions", "ingress"), ("IpPermissionsEgress", "egress")):
        lines = [
            line
            for at, one in enumerate(group.each(key), 1)
            for line in _permission(export, one, f"{name} {direction} {at}", direction)
        ]
        if group.get(key) is None:
            export.fault(group.line, LineState.UNSUPPORTED, _left_out(name, key))
            lines.append(_open(export, group, f"{name} {direction}"))
        steps.append(
            _filter(f"{name} {direction}", lines, direction, stateful=True, line=group, export=export)
        )
    label = group.text("GroupName")
    device = name if not label or label == name else f"{name} ({label})"
    return _ruleset(device, steps, networks.get(group.text("VpcId"), ()))


def _permission(export: Export, one: Value, name: str, direction: str) -> Iterator[Line]:
    """Yield a permission; addresses it names come before groups and prefix lists, whose members are elsewhere."""
    unknown = _strange(export, one, _PERMISSION_KEYS)
    service = _service(one.text("IpProtocol"), one.text("FromPort"), one.text("ToPort"))
    if service is None:
        unknown.append(f"protocol {one.text('IpProtocol')}"[:80])
    spans, members, comments = _reach(one)
    if unknown or members:
        export.fault(one.line, LineState.UNSUPPORTED, _left_open(name, (*unknown, *members)[0]))
    parts: list[tuple[Spans, tuple[str, ...]]] = []
    if spans:
        parts.append((spans_from(spans), tuple(unknown)))
    if members:
        parts.append((ANYWHERE, (*unknown, *members)[:16]))
    for reach, open_by in parts:
        yield Line(
            id=name,
            action=Action.PERMIT,
            match=Match(
                source=reach if direction == "ingress" else ANYWHERE,
                destination=reach if direction == "egress" else ANYWHERE,
                services=(service or Service(),),
                unknown=open_by,
            ),
            places=(export.place(one.line),),
            comment=" ".join(dict.fromkeys(text for text in comments if text))[:500],
        )


def _reach(one: Value) -> tuple[list[Span], list[str], list[str]]:
    """Give the addresses of a permission, what else it names, and the descriptions of both."""
    spans: list[Span] = []
    members: list[str] = []
    comments: list[str] = []
    for key, field in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
        for held in one.each(key):
            comments.append(held.text("Description"))
            found = _network(held.text(field))
            if found is None:
                members.append(f"{field} {held.text(field)}"[:80])
            else:
                spans += found
    for key, field in (("PrefixListIds", "PrefixListId"), ("UserIdGroupPairs", "GroupId")):
        for held in one.each(key):
            comments.append(held.text("Description"))
            members.append(held.text(field)[:80] or key)
    return spans, members, comments


def _acl(export: Export, acl: Value, networks: Mapping[str, tuple[Network, ...]]) -> Ruleset:
    name = acl.text("NetworkAclId") or f"line {acl.line}"
    _strange(export, acl, _ACL_KEYS)
    lines: dict[str, list[tuple[int, Line]]] = {"ingress": [], "egress": []}
    for one in acl.each("Entries"):
        direction = "egress" if one.text("Egress") == "True" else "ingress"
        number = one.text("RuleNumber")
        rank = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else 1 << 30
        lines[direction].append((rank, _entry(export, one, f"{name} {direction} {number or '?'}", direction)))
    steps = [
        _filter(
            f"{name} {direction}",
            [line for _, line in sorted(held, key=lambda one: one[0])],
            direction,
            stateful=False,
            line=acl,
            export=export,
        )
        for direction, held in lines.items()
    ]
    bound = [
        network for one in acl.each("Associations") for network in networks.get(one.text("SubnetId"), ())
    ]
    return _ruleset(name, steps, tuple(bound) or networks.get(acl.text("VpcId"), ()))


def _entry(export: Export, one: Value, name: str, direction: str) -> Line:
    unknown = _strange(export, one, _ENTRY_KEYS)
    kind, ports = one.get("IcmpTypeCode"), one.get("PortRange")
    first, last = (kind.text("Type"), kind.text("Code")) if kind else ("", "")
    if ports is not None:
        first, last = ports.text("From"), ports.text("To")
    service = _service(one.text("Protocol"), first, last)
    reach = _network(one.text("CidrBlock") or one.text("Ipv6CidrBlock"))
    action = one.text("RuleAction").lower()
    if service is None or reach is None:
        unknown.append("protocol or addresses")
    if action not in ("allow", "deny"):
        unknown.append(f"action {action}"[:80])
    if unknown:
        export.fault(one.line, LineState.UNSUPPORTED, _left_open(name, unknown[0]))
    return Line(
        id=name,
        action=Action.PERMIT if action == "allow" else Action.DENY,
        match=Match(
            source=(reach or ANYWHERE) if direction == "ingress" else ANYWHERE,
            destination=(reach or ANYWHERE) if direction == "egress" else ANYWHERE,
            services=(service or Service(),),
            unknown=tuple(unknown),
        ),
        places=(export.place(one.line),),
    )


def _filter(
    name: str, lines: list[Line], direction: str, *, stateful: bool, line: Value, export: Export
) -> Filter:
    side = frozenset({INSIDE})
    return Filter(
        name=name,
        lines=tuple(lines),
        default=Action.DENY,
        default_places=(export.place(line.line),),
        ingress=side if direction == "egress" else None,
        egress=side if direction == "ingress" else None,
        stateful=stateful,
    )


def _ruleset(device: str, steps: list[Filter], networks: tuple[Network, ...]) -> Ruleset:
    return Ruleset(
        device=device,
        format="aws",
        steps=tuple(steps),
        interfaces=(Interface(name=INSIDE, networks=networks), Interface(name=OUTSIDE)),
    )


def _open(export: Export, group: Value, name: str) -> Line:
    return Line(
        id=name,
        action=Action.PERMIT,
        match=Match(unknown=("permissions left out",)),
        places=(export.place(group.line),),
        implicit=True,
    )


def _service(protocol: str, first: str, last: str) -> Service | None:
    """Read a protocol with its ports, or its ICMP type and code; None when it is none."""
    word = protocol.lower()
    try:
        number = -1 if word in ("-1", "all") else PROTOCOLS[word] if word in PROTOCOLS else int(word)
        low, high = int(first or -1), int(last or -1)
    except ValueError:
        return None
    if number == -1:
        return Service()
    if not 0 <= number <= 255:
        return None
    span = (0, 65535)
    if number in (1, 58):
        if low >= 0:
            span = (low * 256, low * 256 + 255) if high < 0 else (low * 256 + high,) * 2
    elif low >= 0 and number in (6, 17):
        span = (low, high)
    if not 0 <= span[0] <= span[1] <= 65535:
        return None
    return Service((number, number), dport=span)


def _network(text: str) -> Spans | None:
    try:
        return spans_from(spans_of(ip_network(text, strict=False)))
    except ValueError:
        return None


def _strange(export: Export, value: Value, known: frozenset[str]) -> list[str]:
    """Tell the keys that nobody knows; what they stand for may narrow what is permitted."""
    found = []
    for key, held in value.pairs():
        if key not in known:
            found.append(key[:60])
            export.fault(held.line, LineState.UNKNOWN, _not_known(key[:60]))
    return found


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"{name} の「{said}」が指す範囲は、この出力だけでは決まりません。一致しうるものとして扱います。",
        en=f"What {said!r} of {name} stands for does not follow from this output; it is read as a may.",
    )


def _left_out(name: str, key: str) -> Text:
    return Text(
        ja=f"{name} に {key} がありません。何が許可されるかは分かりません。",
        en=f"{name} has no {key}; what is permitted is not known.",
    )


def _not_whole() -> Text:
    return Text(
        ja="NextToken があるため、出力は途中までです。残りのセキュリティグループまたはネットワークACLは検証していません。",
        en="There is a NextToken, so this output is not whole; the other security groups or network ACLs are not verified.",
    )


def _not_known(said: str) -> Text:
    return Text(
        ja=f"「{said}」は知られていない項目です。許可する範囲を左右するかどうかは分かりません。",
        en=f"{said!r} is not known; whether it changes what is permitted is not known.",
    )


def _broken(file: str, line: int, said: str) -> Text:
    return Text(
        ja=f"{file}:{line}: aws ec2 describe-security-groups・describe-network-acls の出力として読めません（{said}）。--output json で"
        "出力したものを渡してください。",
        en=f"{file}:{line}: this is no output of aws ec2 describe-security-groups or describe-network-acls ({said}); give what "
        "--output json prints.",
    )
