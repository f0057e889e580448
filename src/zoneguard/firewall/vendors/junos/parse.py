"""A configuration of Junos to a ruleset for each logical system."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Step
    from zoneguard.firewall.vendors.junos.tree import Node
    from zoneguard.firewall.vendors.junos.zones import Device

_SECRETS = (
    re.compile(r"(?P<secret>\$(?:\d|sha\d+|argon2\w*)\$[^\s\"';<>]+)"),
    re.compile(r"(?:authentication|privacy|shared)-(?:key|password|secret)\s+(?P<secret>\"[^\"]*\"|[^\s;{]+)"),
    re.compile(r"(?P<secret>\"[^\"]*\");?\s*##\s*SECRET-DATA"),
    re.compile(r"^(?:\s*set snmp (?:.* )?|\s*)community\s+(?P<secret>\"[^\"]+\"|[^\s;{\"]+)(?=\s*(?:[;{]|$|authorization|clients|view|client-list))"),
    re.compile(r"<(?:encrypted-password|secret|authentication-key|simple-password|ascii-text|hexadecimal|key)>(?P<secret>[^<]+)<"),
    re.compile(r"<community>\s*<name>(?P<secret>[^<]+)<"),
    re.compile(r"\b(?:simple-password|hexadecimal|trap-community|community-name)\s+(?P<secret>\"[^\"]*\"|[^\s;{]+)"),
)  # fmt: skip


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration."""
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
        format="junos",
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
