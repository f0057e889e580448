"""A backup of pfSense or OPNsense to a ruleset."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.firewall import xmltree
from zoneguard.firewall.model import LineState, Route, Ruleset
from zoneguard.firewall.secrets import REDACTED
from zoneguard.firewall.vendors.pfsense.nat import moves_of
from zoneguard.firewall.vendors.pfsense.objects import is_on, objects_of
from zoneguard.firewall.vendors.pfsense.rules import filters_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Step
    from zoneguard.firewall.vendors.pfsense.objects import Objects
    from zoneguard.firewall.xmltree import Element
    from zoneguard.net.address import Network

_SECRET = re.compile(
    r"pass(?!ive|through)|secret|hash|^prv$|key$|keys$|^key|psk|community|seed|token|pwd|bindpw|^tls$|^crt$|^csr$|credential"
    r"|^trapstring$|^api$"
)
_READ = frozenset({"aliases", "filter", "ifgroups", "interfaces", "nat", "virtualip", "vlans"})
_HARMLESS = frozenset({
    "acb", "apinger", "bridges", "ca", "cert", "cron", "crl", "dashboard", "dhcpd", "dhcpdv6", "dhcpbackend", "dhcrelay", "dhcrelay6", "diag",
    "dnsmasq", "dnsupdates", "dyndnses", "ezshaper", "gateways", "gifs", "gres", "hasync", "igmpproxy", "installedpackages", "ipsec", "kea", "l2tp",
    "laggs", "lastchange", "load_balancer", "notifications", "nut", "ntpd", "openvpn", "ovpnserver", "package", "ppps", "pppoes", "pptpd", "proxyarp", "qinqs",
    "revision", "rrd", "schedules", "shaper", "snmpd", "sshdata", "staticroutes", "switches", "sysctl", "syslog", "system", "tftp", "theme", "time_period", "tailscale",
    "trigger_initial_wizard", "unbound", "version", "voucher", "wireless", "widgets", "wizardtemp", "wol",
})  # fmt: skip
_FILTER_HARMLESS = frozenset({"rule", "separator", "bypassstaticroutes", "scrub"})


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a backup."""
    try:
        root = xmltree.read("\n".join(export.lines).replace(REDACTED, "-"))
    except xmltree.XmlRefusedError as error:
        raise InputRefusedError(_broken(export.file, error.line, str(error))) from None
    _put_away(export, root)
    _account(export, root)
    objects = objects_of(export, root)
    moves = moves_of(objects)
    inward, outward = filters_of(objects, moves.passing)
    steps: tuple[Step, ...] = (*moves.inward, inward, *moves.outward, outward)
    if is_on(root.find("system", "disablefilter")):
        steps = ()  # pf is off: everything passes as it is
    host = ".".join(word for word in (root.word("system", "hostname"), root.word("system", "domain")) if word)
    return (
        Ruleset(
            device=host or root.tag,
            format="pfsense",
            steps=steps,
            interfaces=tuple(objects.interfaces),
            routes=tuple(_routes(objects)),
            version=root.word("version") or "",
        ),
    )


def _routes(objects: Objects) -> Iterator[Route]:
    gateways = {one.word("name"): one for one in objects.root.all("gateways", "gateway_item")}
    held = [(one, one.word("network") or "") for one in objects.root.all("staticroutes", "route")]
    for one, text in held:
        gateway = gateways.get(one.word("gateway"))
        disabled = one.find("disabled")
        if disabled is not None and is_on(disabled):
            continue
        for span in _networks(objects, text):
            yield Route(
                network=span,
                interface=gateway.word("interface") if gateway is not None else None,
                gateway=_address(gateway.word("gateway")) if gateway is not None else None,
                place=objects.export.place(one.line),
            )
    yield from _default_routes(objects, gateways)


def _default_routes(objects: Objects, gateways: dict[str | None, Element]) -> Iterator[Route]:
    """Yield where all else goes: the gateway that is chosen, or each that the device may choose by itself.

    Source: pfSense Documentation, "Managing the Default Gateway": a name, automatic (nothing is kept) or none
    ("-"). OPNsense, and pfSense before 2.4.4, mark the gateway itself with `defaultgw`.
    """
    for key, network in (("defaultgw4", "0.0.0.0/0"), ("defaultgw6", "::/0")):
        chosen = objects.root.word("gateways", key)
        if chosen == "-":
            continue
        marked = [
            one
            for name, one in gateways.items()
            if (name == chosen if chosen else (mark := one.find("defaultgw")) is not None and is_on(mark))
            and (network == "::/0") == (one.word("ipprotocol") == "inet6")
        ]
        for one in marked:
            yield Route(
                network=ip_network(network),
                interface=one.word("interface"),
                gateway=_address(one.word("gateway")),
                place=objects.export.place(one.line),
            )
        if not marked and not chosen and key == "defaultgw4":
            for name in sorted(objects.outside):
                yield Route(network=ip_network(network), interface=name)


def _networks(objects: Objects, text: str) -> Iterator[Network]:
    try:
        yield ip_network(text, strict=False)
    except ValueError:
        alias = objects.aliases.get(text)
        for word in (alias.word("address") or "").split() if alias is not None else ():
            try:
                yield ip_network(word, strict=False)
            except ValueError:
                continue


def _address(text: str | None) -> str | None:
    try:
        return str(ip_address(text or ""))
    except ValueError:
        return None


def _account(export: Export, root: Element) -> None:
    """State what became of every line by the block it stands in; readers of rules make a state worse where needed."""
    for number in range(1, len(export.lines) + 1):
        inside = root.line < number < root.last_line
        if not inside or export.lines[number - 1].strip().startswith("<!--"):
            export.mark(number, LineState.IRRELEVANT)
    for one in root.children:
        _account_block(export, one)
    held = root.find("filter")
    for one in held.children if held else ():
        if one.tag not in _FILTER_HARMLESS:
            export.fault(one.line, LineState.UNKNOWN, _not_known(f"filter {one.tag}"[:60]))
    bypass = root.find("filter", "bypassstaticroutes")
    if bypass is not None and is_on(bypass):
        export.fault(bypass.line, LineState.UNSUPPORTED, _not_modelled("bypassstaticroutes"))


def _account_block(export: Export, block: Element) -> None:
    if block.tag in _READ:
        _mark(export, block, LineState.PARSED)
    elif block.tag in _HARMLESS or block.tag.startswith(("dhcp", "wireguard")):
        _mark(export, block, LineState.IRRELEVANT)
    elif block.tag == "OPNsense":
        _mark(export, block, LineState.IRRELEVANT)
        _account_models(export, block)
    elif block.tag == "captiveportal":
        _mark(export, block, LineState.IRRELEVANT)
        if any(is_on(zone.find("enable")) for zone in block.children):
            export.fault(block.line, LineState.UNSUPPORTED, _not_modelled(block.tag))
    else:
        _mark(export, block, LineState.UNKNOWN)
        export.fault(block.line, LineState.UNKNOWN, _not_known(block.tag[:60]))


def _account_models(export: Export, models: Element) -> None:
    """Tell what the newer models of OPNsense hold that decides packets and is not read."""
    for path in (
        ("Firewall", "Filter", "rules", "rule"),
        ("Firewall", "Filter", "snatrules", "rule"),
        ("Firewall", "Filter", "npt", "rule"),
        ("Firewall", "Filter", "onetoone", "rule"),
        ("Firewall", "DNat", "rule"),
    ):
        for one in models.all(*path):
            if is_on(one.find("enabled")):
                export.fault(one.line, LineState.UNSUPPORTED, _not_modelled(" ".join(path[:-1])))


def _mark(export: Export, element: Element, state: LineState) -> None:
    for number in range(element.line, element.last_line + 1):
        export.mark(number, state)


def _put_away(export: Export, root: Element) -> None:
    """Put the texts of elements out of sight whose name says that they hold a secret."""
    waiting = [root]
    while waiting:
        one = waiting.pop()
        waiting += one.children
        if one.children or one.text in ("", "-") or not _SECRET.search(one.tag.lower()):
            continue
        for number in range(one.line, one.last_line + 1):
            if one.line == one.last_line:
                for written in _as_written(export.lines[number - 1], one):
                    export.redact(number, written)
            else:
                export.lines[number - 1] = REDACTED
                export.redacted += 1


def _as_written(line: str, element: Element) -> list[str]:
    """Give the text of every element of this tag as the line spells it: several may stand on one line."""
    tag = re.escape(element.tag)
    found = [
        text
        for text in re.findall(rf"<{tag}(?:\s[^<>]*)?>([^<>]*|<!\[CDATA\[.*?\]\]>)</{tag}>", line)
        if text
    ]
    return [one.removeprefix("<![CDATA[").removesuffix("]]>") for one in found] or [element.text]


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


def _broken(file: str, line: int, said: str) -> Text:
    return Text(
        ja=f"{file}:{line}: pfSense・OPNsense の config.xml として読めません（{said}）。「診断 > バックアップ」で書き出したものを渡してください。",
        en=f"{file}:{line}: this is no config.xml of pfSense or OPNsense ({said}); give what Diagnostics > Backup writes.",
    )
