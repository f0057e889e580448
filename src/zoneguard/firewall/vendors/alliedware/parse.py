"""A configuration of AlliedWare Plus to a ruleset: the statements sorted, and what none reads told apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.indented import mark_all, statements_of
from zoneguard.firewall.model import LineState, Ruleset
from zoneguard.firewall.vendors.alliedware.entities import Device, read_interface, read_route, read_zone
from zoneguard.firewall.vendors.alliedware.rules import filter_of, rewrites_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.firewall.model import Step

_SECRET = re.compile(
    r"(?i)\b(?:auth\s+(?:md5|sha)|authentication-key\s+\d+\s+(?:md5|sha1)|authentication\s+(?:text|string)"
    r"|message-digest-key\s+\d+\s+md5|priv(?:\s+(?:aes|des))?|snmp-server\s+host\s+\S+\s+(?:\w+\s+)?version\s+(?:1|2c)"
    r"|key\s+hex|key|secret|password|community|passphrase|psk|digest-key|authentication-key)"
    r"\s+(?:\d\s+)?(?P<secret>\S+)|(?P<hash>\$\d\$\S+)"
)
# By the first word, behind `no` too: nothing of what is forwarded depends on these.
_HARMLESS = frozenset({
    "aaa", "advanced-ipreputation", "antivirus", "arp", "atmf", "autoboot", "awc", "banner", "boot", "clock", "cpu-protect", "cri", "crypto", "cwm", "dpi", "dot1x", "ecofriendly",
    "email", "end", "exec-timeout", "feature", "flowcontrol", "fib", "gui", "hostname", "http", "ip-reputation", "ips", "isakmp", "key", "l2tp-profile", "l3-filtering", "lacp",
    "ldap-server", "line", "lldp", "local-proxy-arp", "log", "loop-protection", "mac", "mail", "malware-protection", "maximum-paths",
    "max-fib-routes", "max-static-routes", "mls", "modeltype", "multicast", "name-server", "ntp", "openflow", "openvpn", "platform", "ping-poll", "ppp", "privilege", "qos",
    "radius-server", "router", "route-map", "rmon", "security-password", "service", "sflow", "snmp-server", "spanning-tree", "sntp", "ssh", "ssl", "stack", "switch",
    "system", "tacacs-server", "telnet", "traffic-control", "trigger", "update", "url-filter", "username", "ip-limited-local-proxy-arp",
    "virtual-server", "vlan", "vrf", "web-control", "wireless", "zeroconf",
})  # fmt: skip
_HARMLESS_IP = frozenset({
    "address", "arp", "as-path", "community-list", "ddns-update-method", "dhcp", "dhcp-client", "dhcp-relay", "dns", "domain-list", "domain-lookup", "domain-name",
    "extcommunity-list", "forwarding", "forward-protocol", "gratuitous-arp-link", "helper-address", "icmp", "igmp", "irdp", "limited-local-proxy-arp", "local-proxy-arp",
    "mroute", "multicast", "multicast-routing", "name-server", "nd", "ospf", "pim", "prefix-list", "proxy-arp", "radius", "rip", "source", "ssh", "tcp", "tftp", "tunnel", "unreachables", "vrf",
})  # fmt: skip
# What may drop or lead packets elsewhere and is not modelled.
_BEARING = frozenset(
    {
        "access-group",
        "access-list",
        "policy-route",
        "pbr",
        "traffic-filter",
        "service-policy",
        "policy-map",
        "class-map",
        "acl-group",
    }
)
_BEARING_LINES = re.compile(
    r"\b(?:access-group|policy-route|traffic-filter|service-policy|vlan filter|access-map)\b"
)


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration."""
    _put_away(export)
    forest = statements_of(export, comment="!", delimited_banners=False)
    device = Device(export)
    host = "awplus"
    blocks: dict[str, list[Statement]] = {"firewall": [], "nat": []}
    for node in forest:
        first = node.words[0]
        if first in blocks and len(node.words) == 1:
            blocks[first].append(node)
            export.mark(node.number, LineState.PARSED)
        elif first == "zone":
            read_zone(device, node)
        elif first == "application":
            device.applications[node.tail(1).lower()] = node
            mark_all(export, node, LineState.PARSED)
        else:
            _other(device, node)
        if first == "hostname":
            host = node.tail(1) or host
    device.inspects = any(
        node.words == ["dpi"] and any(one.words == ["enable"] for one in node.children) for node in forest
    )
    return (
        Ruleset(
            device=host,
            format="alliedware",
            steps=_steps(device, blocks["firewall"], blocks["nat"]),
            interfaces=tuple(device.interfaces),
            routes=tuple(device.routes),
        ),
    )


def _steps(device: Device, firewalls: Iterable[Statement], nats: Iterable[Statement]) -> tuple[Step, ...]:
    before: list[Step] = []
    after: list[Step] = []
    for block in nats:
        inward, outward = rewrites_of(device, block)
        before += inward
        after += outward
    filters = [made for block in firewalls if (made := filter_of(device, block)) is not None]
    return (*before, *filters, *after)


def _other(device: Device, node: Statement) -> None:
    """Read or tell apart what is neither entity, application, firewall nor NAT."""
    export = device.export
    words = node.words[1:] if node.words[0] == "no" and len(node.words) > 1 else node.words
    if words[0] == "interface":
        mark_all(export, node, LineState.IRRELEVANT)
        export.mark(node.number, LineState.PARSED)
        read_interface(device, node)
        for one in node.children:
            if _BEARING_LINES.search(one.text) and one.words[0] != "no":
                export.fault(one.number, LineState.UNSUPPORTED, _not_modelled(one.text[:80]))
    elif words[:2] in (["ip", "route"], ["ipv6", "route"]) and node.words[0] != "no":
        read_route(device, node)
    elif words[0] in ("ip", "ipv6") and len(words) > 1:
        if words[1] in _BEARING or words[1] not in _HARMLESS_IP:
            _tell(export, node, is_known=words[1] in _BEARING)
        else:
            mark_all(export, node, LineState.IRRELEVANT)
    elif words[0] in _HARMLESS and not _BEARING_LINES.search(node.text):
        mark_all(export, node, LineState.IRRELEVANT)
    else:
        _tell(export, node, is_known=words[0] in _BEARING or bool(_BEARING_LINES.search(node.text)))


def _tell(export: Export, node: Statement, *, is_known: bool) -> None:
    state = LineState.UNSUPPORTED if is_known else LineState.UNKNOWN
    mark_all(export, node, state)
    export.fault(
        node.number, state, _not_modelled(node.text[:80]) if is_known else _not_known(node.text[:80])
    )


def _put_away(export: Export) -> None:
    for number, line in enumerate(export.lines, 1):
        if line.split()[:1] and line.split()[0] in ("application", "host", "network", "rule", "zone"):
            continue
        for found in _SECRET.finditer(line):
            secret = found["secret"] or found["hash"]
            if len(secret) > 3 and not secret.startswith("<"):
                export.redact(number, secret)


def _not_modelled(said: str) -> Text:
    return Text(
        ja=f"「{said}」はモデルにありません。この設定が通過を左右するかどうかは検証していません。",
        en=f"{said!r} is not modelled; whether it changes what passes is not verified.",
    )


def _not_known(said: str) -> Text:
    return Text(
        ja=f"「{said}」は知られていない設定です。この設定が通過を左右するかどうかは分かりません。",
        en=f"{said!r} is not known; whether it changes what passes is not known.",
    )
