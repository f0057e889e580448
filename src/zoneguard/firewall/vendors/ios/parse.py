"""A configuration of IOS to a ruleset: the statements sorted, then read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.cisco import is_number
from zoneguard.firewall.indented import all_below, mark_all, statements_of
from zoneguard.firewall.model import Action, Filter, Line, LineState, Match, Ruleset
from zoneguard.firewall.vendors.ios.interfaces import (
    IosInterface,
    read_interface,
    read_route,
    vrf_filters,
)
from zoneguard.firewall.vendors.ios.lists import (
    REPLIES,
    AccessList,
    AccessLists,
    neighbour_discovery,
)
from zoneguard.firewall.vendors.ios.nat import Translations, rewrites
from zoneguard.firewall.vendors.ios.objects import ANY_V6, Objects
from zoneguard.firewall.vendors.ios.zones import ZonePolicies, zone_filters
from zoneguard.net.service import ALL_PORTS, Service
from zoneguard.net.spans import ANY_V4
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement
    from zoneguard.firewall.model import Place, Route, Step

# Top-level statements that decide no forwarded packet, by how they begin.
_IRRELEVANT = re.compile(
    r"""(?x) (?:no\ |default\ )?(?: aaa | access-session | alias | archive | arp | authentication | banner | bba-group
      | boot | boot-start-marker | boot-end-marker | bridge | call-home | cdp | class-map(?!\ type\ inspect) | clns
      | clock | config-register | controller | control-plane | crypto | cwmp | default-gateway | device-tracking
      | diagnostic | dial-peer | dialer | dialer-list | do | dot1x | enable | end | energywise | epm | errdisable
      | ethernet | event | exception | exit | fabric | fhrp | file | flow | hw-module | hostname | interface\ range
      | ip\ (?:admission\ name|arp|as-path|bgp-community|bootp|cef|community-list|default-gateway|default-network
          |dhcp|dns|domain|domain-list|domain-lookup|domain-name|finger|flow-export|flow-cache|flow-top|forward-protocol
          |ftp|gratuitous-arps|host|http|icmp|igmp|local\ pool|multicast|multicast-routing|name-server|nbar|ospf|pim
          |prefix-list|radius|rcmd|rsvp|scp|sla|source-route|source\ binding|spd|ssh|subnet-zero|tacacs|tcp|telnet
          |tftp|wccp|extcommunity-list|sdr|ips\ name|classless|identd|mroute|access-list\ log-update
          |access-list\ logging|access-list\ persistent|access-list\ resequence|nat\ (?:log|translation|settings
          |service|portmap|create|switchover)|device|verify\ source|cef)
      | ipv6\ (?:cef|dhcp|general-prefix|hop-limit|host|icmp|local|mld|multicast|nd|neighbor|ospf|prefix-list|rip
          |router|source-route)
      | key | kron | l2 | l2tp-class | lacp | ldap | license | line | lldp | logging | login | logout | mac
      | mac-address-table | macro | map-class | memory | memory-size | microcode | mls | mmi | modemcap | monitor
      | mpls | mta | multilink | netconf | netconf-yang | network-clock | nmsp | ntp | parameter-map | parser
      | password | platform | policy-map(?!\ type\ inspect) | port-channel | power | privilege | process | prompt
      | pseudowire-class | qos | queue | quit | radius | radius-server | redundancy | regexp | restconf | rmon
      | route-map | router | rtr | sampler | sccp | scheduler | sdm | security\ (?:authentication|passwords)
      | service | service-template | snmp | snmp-server | spanning-tree | stackwise | standby | stack | statistics
      | subscriber | switch | system | tacacs | tacacs-server | telemetry | template | tftp-server | track
      | transceiver | transport | tunnel | udld | username | vers
      | version | virtual-service | vlan(?!\ (?:access-map|filter)) | voice | voice-card | vpdn | vpdn-group | vtp
      | wrr-queue | wsma | webui | wireless | ap | hsrp | vrrp | terminal | upgrade | mode | clid | isdn | vlan\ dot1q
      | app-hosting | iox | guestshell | remote-management | automate-tester | set\ platform | show )\b.*
      | Building\ configuration.* | Current\ configuration.* | Using\ \d+\ out\ of.* | Load\ for.* | Time\ source.*
      | [\w.-]+[\#>].*
    """
)
_SECRETS = re.compile(
    r"""(?x) (?: key-string | set-key\ (?:ascii|hex) | (?<![\w-])key\ [0-7](?=\ \S) | (?:isakmp|hash)\ key | (?:tacacs-server|radius-server)\ (?:host\ \S+\ .{0,128}?)?key
      | ^\ +key(?!\ \d+$) | authentication-key\ \d+\ (?:md5|sha\S*|cmac\S*|hmac\S*) | md5 | authentication-key | auth\ (?:md5|sha\S*)
      | priv\ (?:des|3des|aes(?:\ \d+)?) | snmp-server\ host\ \S+(?:\ vrf\ \S+)?(?:\ informs|\ traps)?(?:\ version\ \S+(?:\ (?:auth|noauth|priv))?)?
      | nhrp\ authentication | authentication\ text | (?:standby|vrrp|glbp)\ \d+\ authentication(?!\ (?:md5|text)\b)
      | password\ level\ \d+ | hash_string | pac\ key | (?:address\ \S+(?:\ \S+)?)\ key
      | community-map | secret\ (?:<redacted>|\d)(?=\ \S{8}) | password\ (?:<redacted>|\d)(?=\ \S{4}) )
    (?:\ \d(?=\ \S))?\ (?P<secret>\S+)"""
)


@dataclass(slots=True)
class _Config:
    """One configuration, sorted into what it speaks of."""

    export: Export
    objects: Objects
    lists: AccessLists
    zones: ZonePolicies
    nat: Translations
    interfaces: dict[str, IosInterface] = field(default_factory=dict)
    vrfs: list[Statement] = field(default_factory=list)
    routes: list[Statement] = field(default_factory=list)
    device: str = ""
    version: str = ""
    routes_v4: bool = True
    routes_v6: bool = False
    leaks: bool = False


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration."""
    for number, line in enumerate(export.lines, 1):
        for found in _SECRETS.finditer(line):
            export.redact(number, found["secret"])
    objects = Objects(export)
    lists = AccessLists(export, objects)
    config = _Config(export, objects, lists, ZonePolicies(export, lists), Translations(export, lists))
    current: AccessList | None = None
    for statement in statements_of(export, comment="!", delimited_banners=True):
        entry = current is not None and statement.words[0] in ("permit", "deny", "remark", "evaluate")
        if current and entry:  # pasted without indentation
            current.written.append((statement.number, statement.words))
            continue
        current = _access_list(config, statement)
        if current is None:
            _sort_in(config, statement)
    ruleset = _ruleset(config)
    lists.mark_unused()
    for group in (*objects.groups.values(), *objects.ranges.values(), *config.zones.classes.values()):
        _leave_unused(export, group)
    for policy in (*config.zones.policies.values(), *config.nat.pools.values()):
        _leave_unused(export, policy)
    for clauses in config.nat.route_maps.values():
        for clause in clauses:
            _leave_unused(export, clause)
    return (ruleset,)


def _leave_unused(export: Export, statement: Statement) -> None:
    """State that what nothing refers to decides no packet."""
    for one in all_below(statement):
        if not export.is_marked(one.number):
            export.mark(one.number, LineState.IRRELEVANT)


def _access_list(config: _Config, statement: Statement) -> AccessList | None:
    """Read the head of an access list, or a line of a numbered one."""
    words = statement.words
    match words:
        case ["ip", "access-list", ("extended" | "standard") as kind, name]:
            key = 4, name
        case ["ipv6", "access-list", name]:
            key, kind = (6, name), "extended"
        case ["access-list", name, *entry] if is_number(name, 4) and entry:
            if not _is_ip(name):
                config.export.mark(statement.number, LineState.IRRELEVANT)
                return AccessList(name, 4, standard=False, header=statement.number)
            key, kind = (4, name), "standard" if len(name) < 3 or 1300 <= int(name) <= 1999 else "extended"
            found = config.lists.written.setdefault(
                key, AccessList(name, 4, standard=kind == "standard", header=statement.number)
            )
            found.written.append((statement.number, entry))
            return found
        case _:
            return None
    found = config.lists.written.setdefault(
        key, AccessList(name, key[0], standard=kind == "standard", header=statement.number)
    )
    config.export.mark(statement.number, LineState.PARSED)
    for one in statement.children:
        found.written.append((one.number, one.words))
    return found


def _is_ip(name: str) -> bool:
    number = int(name)
    return 1 <= number <= 199 or 1300 <= number <= 2699


_REFERRED = frozenset({"class-map", "object-group", "policy-map", "route-map", "time-range"})


def _sort_in(config: _Config, statement: Statement) -> None:  # noqa: C901, PLR0912 - a table of statements
    words = statement.words
    if words[0] not in _REFERRED and words[:3] != ["ip", "nat", "pool"]:
        config.export.mark(statement.number, LineState.PARSED)
    match words:
        case ["hostname", name]:
            config.device = name
        case ["version", version]:
            config.version = version
        case ["interface", *name] if name and name[0] != "range":
            one = read_interface(config.export, statement)
            config.interfaces[one.name] = one
        case ["object-group", _, name]:
            config.objects.groups[name] = statement
        case ["time-range", name]:
            config.objects.ranges[name] = statement
        case ["zone", "security", name]:
            config.zones.zones[name] = statement.number
            mark_all(config.export, statement, LineState.PARSED)
        case ["zone-pair", "security", *_]:
            config.zones.pairs.append(statement)
        case ["class-map", "type", "inspect", *_, name]:
            config.zones.classes[name] = statement
        case ["policy-map", "type", "inspect", name]:
            config.zones.policies[name] = statement
        case ["route-map", name, *_]:
            config.nat.route_maps.setdefault(name, []).append(statement)
        case ["ip", "nat", "pool", name, _, _, *_]:
            config.nat.pools[name] = statement
        case ["ip", "nat", "inside" | "outside" | "source", *_]:
            config.nat.statements.append(statement)
        case ["ip" | "ipv6", "route", *_]:
            config.routes.append(statement)
        case ["no", "ip", "routing"]:
            config.routes_v4 = False
        case ["ip", "routing"]:
            pass
        case ["ipv6", "unicast-routing"]:
            config.routes_v6 = True
        case ["vrf", "definition", _] | ["ip", "vrf", _]:
            config.vrfs.append(statement)
            mark_all(config.export, statement, LineState.PARSED)
        case ["ip" | "ipv6", "inspect", *_]:
            pass
        case ["ip", "port-map", name, "port", *ports]:
            _port_map(config, name, ports, statement)
        case _:
            _other(config, statement)


def _port_map(config: _Config, name: str, words: list[str], statement: Statement) -> None:
    protocols = [6, 17]
    if words[:1] in (["tcp"], ["udp"]):
        protocols, words = [6 if words[0] == "tcp" else 17], words[1:]
    if not words or not all(is_number(word, 5) and int(word) < 65536 for word in words):
        _other(config, statement)
        return
    services = tuple(
        Service((protocol, protocol), ALL_PORTS, (int(word), int(word)))
        for protocol in protocols
        for word in words
    )
    config.zones.port_map[name] = config.zones.port_map.get(name, ()) + services


_NOT_MODELLED = ("cts role-based", "ip access-list", "ip admission", "ip auth-proxy", "ip ips", "ip local policy",
                 "ip port-map", "utd", "vlan access-map", "vlan filter", "zone-pair", "ip nat")  # fmt: skip


def _other(config: _Config, statement: Statement) -> None:
    if statement.text.startswith(_NOT_MODELLED):
        mark_all(config.export, statement, LineState.UNSUPPORTED)
        config.export.fault(statement.number, LineState.UNSUPPORTED, _not_modelled(statement.text))
    elif _IRRELEVANT.fullmatch(statement.text):
        mark_all(config.export, statement, LineState.IRRELEVANT)
    else:
        mark_all(config.export, statement, LineState.UNKNOWN)
        config.export.fault(statement.number, LineState.UNKNOWN, _not_modelled(statement.text))


def _ruleset(config: _Config) -> Ruleset:
    interfaces = {
        name: one
        for name, one in config.interfaces.items()
        if not one.switched and (one.routed or one.networks or one.lists)
    }
    for one in interfaces.values():
        if one.nat:
            (config.nat.inside if one.nat == "inside" else config.nat.outside).add(one.name)
    routes: list[Route] = []
    config.leaks = _vrfs_leak(config)
    for statement in config.routes:
        route, away = read_route(config.export, statement, interfaces)
        config.leaks |= away
        routes += [route] if route else []
    translated = rewrites(config.nat, interfaces)
    zones = zone_filters(config.zones, {name: one.zone for name, one in interfaces.items()})
    steps: list[Step | None] = [
        *_routing_filter(config),
        *_interface_filters(config, interfaces, "in"),
        translated.incoming,
        *vrf_filters(interfaces, leaks=config.leaks),
        *(zones if config.zones.zones else ()),
        translated.leaving,
        *_interface_filters(config, interfaces, "out"),
    ]
    return Ruleset(
        device=config.device or "ios",
        format="ios",
        steps=tuple(step for step in steps if step is not None),
        interfaces=tuple(one.model(config.export) for one in interfaces.values()),
        routes=tuple(routes),
        version=config.version,
        forwards=config.routes_v4 or config.routes_v6,
    )


def _routing_filter(config: _Config) -> list[Filter]:
    """Deny the family that the device does not route; IPv6 is routed only where it says so."""
    if config.routes_v4 and config.routes_v6:
        return []
    routed = ANY_V4 if config.routes_v4 else ANY_V6
    lines: tuple[Line, ...] = ()
    if config.routes_v4 or config.routes_v6:
        match = Match(source=routed, destination=routed)
        lines = (Line(id="routed", action=Action.PERMIT, match=match, places=(), implicit=True),)
    return [Filter(name="routing", lines=lines, default=Action.DENY, stateful=False)]


def _interface_filters(config: _Config, interfaces: dict[str, IosInterface], way: str) -> list[Filter]:
    """Give one filter for all interfaces that apply the same lists in the same direction."""
    alike: dict[tuple[str | None, str | None], list[IosInterface]] = {}
    for one in interfaces.values():
        names = tuple(applied[0] if (applied := one.lists.get((family, way))) else None for family in (4, 6))
        if names != (None, None):
            alike.setdefault((names[0], names[1]), []).append(one)
    replies = _replies(config.export, interfaces)
    return [_list_filter(config, names, way, members, replies) for names, members in alike.items()]


def _list_filter(
    config: _Config,
    names: tuple[str | None, str | None],
    way: str,
    members: list[IosInterface],
    replies: tuple[Line, ...],
) -> Filter:
    places: list[Place] = []
    lines: list[Line] = []
    open_families = 0
    for family, name, anywhere in ((4, names[0], ANY_V4), (6, names[1], ANY_V6)):
        applied = [one.lists[family, way][1] for one in members if name is not None]
        found: tuple[Line, ...] = config.lists.lines(family, name) if name is not None else ()
        if found:
            lines += found
            lines += neighbour_discovery(name or "") if family == 6 else ()
        else:  # none applied, or one that is undefined or empty: this family passes
            open_families += 1
            places += [config.export.place(number) for number in applied]
            lines.append(
                Line(
                    id=f"{name or 'no list'} permits all (IPv{family})",
                    action=Action.PERMIT,
                    match=Match(source=anywhere, destination=anywhere),
                    places=tuple(config.export.place(number) for number in applied),
                    implicit=True,
                )
            )
    inside = frozenset(one.name for one in members)
    return Filter(
        name=f"{' and '.join(name for name in names if name)} {way}",
        lines=() if open_families == 2 else (*replies, *lines),
        default=Action.PERMIT if open_families == 2 else Action.DENY,
        default_places=tuple(places) if open_families == 2 else (),
        default_log=False,
        ingress=inside if way == "in" else None,
        egress=inside if way == "out" else None,
        stateful=False,
    )


def _replies(export: Export, interfaces: dict[str, IosInterface]) -> tuple[Line, ...]:
    """Give what `ip inspect` may open on the way back, through the interface that it stands on."""
    return tuple(
        Line(
            id=f"ip inspect {name} {way} on {one.name}",
            action=Action.PERMIT,
            match=Match(
                services=(Service(states=int(REPLIES)),),
                ingress=frozenset({one.name}) if way == "out" else None,
                egress=frozenset({one.name}) if way == "in" else None,
                unknown=(f"ip inspect {name}",),
            ),
            places=(export.place(number),),
            implicit=True,
        )
        for one in interfaces.values()
        for name, way, number in one.inspects
    )


def _vrfs_leak(config: _Config) -> bool:
    """Tell whether routes may pass from one routing instance to another."""
    exported: dict[str, set[str]] = {}
    imported: dict[str, set[str]] = {}
    for vrf in config.vrfs:
        for one in all_below(vrf):
            match one.words:
                case ["route-target", target] | ["route-target", "both", target]:
                    exported.setdefault(target, set()).add(vrf.words[-1])
                    imported.setdefault(target, set()).add(vrf.words[-1])
                case ["route-target", "export", target]:
                    exported.setdefault(target, set()).add(vrf.words[-1])
                case ["route-target", "import", target]:
                    imported.setdefault(target, set()).add(vrf.words[-1])
                case ["route-replicate", *_] | ["import", *_] | ["export", "ipv4" | "ipv6", *_]:
                    return True
    between = any(
        len(exported.get(target, set()) | importers) > 1 and exported.get(target)
        for target, importers in imported.items()
    )
    moved = any(
        below.words[:2] in (["set", "vrf"], ["set", "global"]) or below.words[:3] == ["set", "ip", "vrf"]
        for clauses in config.nat.route_maps.values()
        for clause in clauses
        for below in clause.children
    )
    return between or moved


def _not_modelled(what: str) -> Text:
    return Text(
        ja=f"「{what}」は読み取れません。この設定が通信に与える影響は、判定に含めていません。",
        en=f"{what!r} is not modelled; what it does to traffic is left out of the verdict.",
    )
