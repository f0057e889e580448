"""Juniper SRX and other Junos devices: `show configuration` in braces, as `display set` and as `display xml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.firewall.model import Ruleset
from zoneguard.firewall.secrets import REDACTED
from zoneguard.firewall.vendors.junos.accounts import account
from zoneguard.firewall.vendors.junos.filters import filters_of
from zoneguard.firewall.vendors.junos.groups import inherit
from zoneguard.firewall.vendors.junos.nat import moves_of
from zoneguard.firewall.vendors.junos.policies import policies_of
from zoneguard.firewall.vendors.junos.tree import is_set_form, read_braces, read_sets
from zoneguard.firewall.vendors.junos.xmlform import read_xml
from zoneguard.firewall.vendors.junos.zones import device_of, routes_of
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Step
    from zoneguard.firewall.vendors.junos.tree import Node
    from zoneguard.firewall.vendors.junos.zones import Device

_SURE = re.compile(
    r"(?m)^\s*(?:from-zone \S+ to-zone \S+ \{|security-zone \S+ \{"
    r"|set (?:logical-systems \S+ |tenants \S+ |groups \S+ )?security (?:policies|zones|nat|address-book)\b"
    r"|set (?:version \d|firewall family inet|interfaces (?:ge|xe|et|reth|irb|ae|lo|fxp|st)[-\d]\S* unit))"
    r"|<configuration[^>]*xmlns(?::junos)?=\"http://(?:xml|yang)\.juniper\.net"
    r"|<rpc-reply[^>]*junos|<security-zone>|<from-zone-name>"
)
_LIKELY = re.compile(
    r"(?m)^(?:version \d+\.\d\S*;|(?:system|security|interfaces|routing-options|policy-options|applications|firewall) \{)\s*$"
)
_SECRETS = (
    re.compile(r"(?P<secret>\$(?:\d|sha\d+|argon2\w*)\$[^\s\"';<>]+)"),
    re.compile(r"(?:authentication|privacy|shared)-(?:key|password|secret)\s+(?P<secret>\"[^\"]*\"|[^\s;{]+)"),
    re.compile(r"(?P<secret>\"[^\"]*\");?\s*##\s*SECRET-DATA"),
    re.compile(r"^(?:\s*set snmp (?:.* )?|\s*)community\s+(?P<secret>\"[^\"]+\"|[^\s;{\"]+)(?=\s*(?:[;{]|$|authorization|clients|view|client-list))"),
    re.compile(r"<(?:encrypted-password|secret|authentication-key|simple-password|ascii-text|hexadecimal|key)>(?P<secret>[^<]+)<"),
    re.compile(r"<community>\s*<name>(?P<secret>[^<]+)<"),
    re.compile(r"\b(?:simple-password|hexadecimal|trap-community|community-name)\s+(?P<secret>\"[^\"]*\"|[^\s;{]+)"),
)  # fmt: skip


def _recognises(head: str) -> int:
    if _SURE.search(head):
        return 95
    return 80 if len(_LIKELY.findall(head)) >= 2 else 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    _put_away(export)
    head = next((line.strip() for line in export.lines if line.strip()), "")
    if head.startswith("<"):
        tree = read_xml(export)
    else:
        tree = read_sets(export) if is_set_form(export.lines) else read_braces(export)
    roots = [("", tree.root)]
    for kind in ("logical-systems", "tenants"):
        held = tree.root.children.get(kind)
        if held is not None and not held.inactive:
            roots += [(one.use().word, one) for one in held.use().children.values() if not one.inactive]
    inherit(export, tree.root)
    host = tree.root.word_at("system", "host-name") or "junos"
    version = tree.root.word_at("version")
    rulesets = tuple(
        _ruleset(export, root, f"{host}/{name}" if name else host, version) for name, root in roots
    )
    account(export, tree)
    return rulesets


def _ruleset(export: Export, root: Node, device: str, version: str) -> Ruleset:
    found = device_of(export, root)
    inward, outward = filters_of(found)
    steps: tuple[Step, ...] = (*inward, *outward)
    if _works_on_flows(found):
        moves = moves_of(found)
        steps = (*inward, *moves.before, policies_of(found), *moves.after, *outward)
    return Ruleset(
        device=device,
        format=FORMAT.name,
        steps=steps,
        interfaces=tuple(found.interfaces),
        routes=routes_of(found),
        version=version,
    )


def _works_on_flows(device: Device) -> bool:
    """Tell a device that asks security policies from one that forwards packet by packet."""
    modes = [
        device.root.word_at("security", "forwarding-options", "family", family, "mode")
        for family in ("inet", "mpls")
    ]
    if "packet-based" in modes:
        return False
    return device.root.has("security", "zones") or device.root.has("security", "policies")


def _put_away(export: Export) -> None:
    """Put the secrets of Junos out of sight, before anything reads the lines."""
    for at, line in enumerate(export.lines):
        shown = line
        for pattern in _SECRETS:
            shown, count = pattern.subn(_hidden, shown)
            export.redacted += count
        export.lines[at] = shown


def _hidden(found: re.Match[str]) -> str:
    secret = found["secret"]
    if secret.strip('"') == REDACTED:
        return found[0]
    start = found.start("secret") - found.start()
    return f"{found[0][:start]}{REDACTED}{found[0][start + len(secret) :]}"


FORMAT = Format(
    name="junos",
    title=Text(ja="Juniper SRX（Junos OS）", en="Juniper SRX (Junos OS)"),
    recognises=_recognises,
    parse=_parse,
)
