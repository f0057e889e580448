"""What became of each line of a Junos configuration: taken by a reader, harmless by its name, not modelled, or not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.junos.tree import Node, Tree

MOST_FAULTS = 2000  # told one by one; all lines keep their state

# Blocks that decide nothing of what is forwarded beyond what readers take of them, by the words they begin with; `*` is
# any word. A word within an object that a policy names and that is not understood leaves the policy open.
_HARMLESS = (
    "access", "accounting-options", "applications", "bridge-domains", "chassis", "class-of-service",
    "diameter", "dynamic-profiles", "ethernet-switching-options", "event-options", "fabric", "firewall policer",
    "firewall three-color-policer", "firewall family * filter * interface-specific", "forwarding-options", "groups",
    "interfaces", "logical-systems * interfaces", "multi-chassis", "multicast-snooping-options", "poe",
    "policy-options", "protocols", "routing-instances", "routing-options", "schedulers", "security address-book", "security advance-policy-based-routing",
    "security alarms", "security alg", "security analysis", "security application-tracking", "security authentication-key-chains", "security certificates", "security cloud",
    "security datapath-debug", "security firewall-authentication", "security flow", "security group-vpn", "security idp", "security ike",
    "security ipsec", "security log", "security nat source address-persistent", "security nat * * proxy-arp",
    "security nat allow-overlapping-pools", "security nat destination pool", "security nat natv6v4", "security nat proxy-arp", "security nat proxy-ndp",
    "security nat source interface", "security nat source pool", "security nat source pool-utilization-alarm",
    "security nat source port", "security nat source session-drop-hold-down", "security nat traceoptions",
    "security pki", "security policies policy-rematch", "security policies policy-stats", "security policies pre-id-default-policy",
    "security policies traceoptions", "security policies unified-policy", "security remote-access", "security screen",
    "security secure-wire", "security softwires", "security ssh-known-hosts", "security traceoptions", "security tcp-encap",
    "security tunnel-inspection", "security utm", "security vpn", "security zones functional-zone",
    "security zones security-zone * address-book", "security zones security-zone * advance-policy-based-routing-profile",
    "security zones security-zone * application-tracking", "security zones security-zone * enable-reverse-reroute",
    "security zones security-zone * host-inbound-traffic", "security zones security-zone * interfaces",
    "security zones security-zone * screen", "security zones security-zone * source-identity-log",
    "security zones security-zone * tcp-rst", "security zones security-zone * unidirectional-session-refreshing",
    "services application-identification", "services analytics", "services flow-monitoring", "services hosted-services", "services ip-monitoring",
    "services rpm", "services ssl", "services user-identification", "services security-intelligence", "snmp", "switch-options", "system", "version", "virtual-chassis",
    "vlans", "vmhost", "wlan",
)  # fmt: skip

# What may bear on a packet and is not modelled.
_UNMODELLED = (
    "bridge-domains * forwarding-options", "firewall family", "firewall filter * physical-interface-filter", "firewall interface-set", "firewall service-filter",
    "forwarding-options family", "interfaces interface-range * unit", "security application-firewall", "security dynamic-address",
    "security gprs", "security gtp", "security sctp", "security forwarding-options",
    "security forwarding-process", "security l3vpn", "security nat", "security user-identification",
    "services nat", "services service-set", "services stateful-firewall", "vlans * filter", "vlans * forwarding-options",
)  # fmt: skip

_ANYWHERE_HARMLESS = frozenset({"apply-groups", "apply-groups-except", "apply-macro", "description"})


class _Branch:
    """One word of the tables above and what follows it."""

    def __init__(self) -> None:
        self.below: dict[str, _Branch] = {}
        self.state: LineState | None = None


def account(export: Export, tree: Tree) -> None:
    """State what became of every statement."""
    worst: dict[int, tuple[LineState, Node]] = {}
    for line, node in tree.statements:
        state = LineState.PARSED if node.used else _state_of(node)
        before = worst.get(line)
        if before is None or _ORDER[state] > _ORDER[before[0]]:
            worst[line] = state, node
    told = 0
    for line, (state, node) in sorted(worst.items(), key=lambda one: one[0]):
        if state in (LineState.PARSED, LineState.IRRELEVANT) or told >= MOST_FAULTS:
            export.mark(line, state)
            continue
        told += 1
        said = " ".join(node.path())[:80]
        export.fault(line, state, _not_modelled(said) if state is LineState.UNSUPPORTED else _not_known(said))


# Of the words of one line, one that is not understood counts, then one that is, then what is harmless.
_ORDER = {
    LineState.IRRELEVANT: 0,
    LineState.PARSED: 1,
    LineState.UNSUPPORTED: 2,
    LineState.UNKNOWN: 3,
}


def _state_of(node: Node) -> LineState:
    if node.is_off:
        return LineState.IRRELEVANT
    path = node.path()
    if _ANYWHERE_HARMLESS & set(path):
        return LineState.IRRELEVANT
    while path[:1] in (["groups"], ["logical-systems"], ["tenants"]):
        if len(path) <= 2:
            return LineState.IRRELEVANT
        path = path[2:]
    at, found = _TABLE, LineState.UNKNOWN
    for word in path:
        step = at.below.get(word) or at.below.get("*")
        if step is None:
            break
        at = step
        found = at.state or found
    return found


def _table() -> _Branch:
    root = _Branch()
    for entries, state in ((_HARMLESS, LineState.IRRELEVANT), (_UNMODELLED, LineState.UNSUPPORTED)):
        for entry in entries:
            at = root
            for word in entry.split():
                at = at.below.setdefault(word, _Branch())
            at.state = state
    return root


_TABLE = _table()


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
