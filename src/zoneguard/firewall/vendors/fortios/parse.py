"""A configuration of a FortiGate to a ruleset for each VDOM."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.model import (
    Action,
    Filter,
    Line,
    LineState,
    Mapping,
    Match,
    Rewrite,
    Ruleset,
    Translation,
)
from zoneguard.firewall.vendors.fortios.accounts import account
from zoneguard.firewall.vendors.fortios.nat import PORTS, claims_of, hidden_behind
from zoneguard.firewall.vendors.fortios.policy import made_behind, made_of, policies_of
from zoneguard.firewall.vendors.fortios.reach import ANY_V6, port_span
from zoneguard.firewall.vendors.fortios.tree import read
from zoneguard.firewall.vendors.fortios.vdom import routes_of, vdom_of
from zoneguard.net.service import Service
from zoneguard.net.spans import ANY_V4, spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Step
    from zoneguard.firewall.vendors.fortios.nat import Claim
    from zoneguard.firewall.vendors.fortios.tree import Entry, Table, Tree
    from zoneguard.firewall.vendors.fortios.vdom import Vdom
    from zoneguard.net.address import Span

_VERSION = re.compile(r"-(\d+)\.(\d+)\.(\d+)-")
# From these on a packet that leaves by the interface it came in by needs a policy as well.
_NO_REDIRECT_SINCE: dict[tuple[int, ...], int] = {(7, 4): 10, (7, 6): 5}


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration."""
    tree = read(export)
    for line in tree.comments:
        export.mark(line, LineState.IRRELEVANT)
    for line in tree.unclosed:
        export.fault(line, LineState.UNKNOWN, _unclosed())
    found = _VERSION.search(tree.head)
    version = tuple(int(part) for part in found.groups()) if found else ()
    shared, scopes = _scopes(tree)
    account(export, tree, shared, scopes)
    system = shared.get("system global")
    host = (system.body.word("hostname") if system else "") or "fortigate"
    rulesets = []
    for name, tables in scopes.items():
        vdom = vdom_of(export, name, tables, shared, many=len(scopes) > 1)
        steps = _steps(vdom, version)
        rulesets.append(
            Ruleset(
                device=f"{host}/{name}" if len(scopes) > 1 else host,
                format="fortios",
                steps=steps,
                interfaces=vdom.every_interface(),
                routes=routes_of(vdom),
                version=".".join(str(part) for part in version),
                forwards=_setting(vdom, "vdom-type") != "admin",
            )
        )
    return tuple(rulesets)


def _scopes(tree: Tree) -> tuple[dict[str, Table], dict[str, dict[str, Table]]]:
    """Give the tables of the whole device, and those of each VDOM; a device without VDOMs is one, named root."""
    vdoms = tree.root.tables.get("vdom")
    shared = tree.root.tables.get("global")
    everywhere = {path: table for path, table in tree.root.tables.items() if path not in ("vdom", "global")}
    if vdoms is None or not vdoms.entries:
        tables = {**(shared.body.tables if shared else {}), **everywhere}
        return tables, {"root": tables}
    held = {**(shared.body.tables if shared else {}), **everywhere}
    scopes = {name: dict(entry.tables) for name, entry in vdoms.entries.items()}
    for path, table in everywhere.items():  # outside of every VDOM: of the first one that has none of its own
        if not path.startswith("system "):
            next((tables for tables in scopes.values() if path not in tables), {}).setdefault(path, table)
    return held, scopes


def _steps(vdom: Vdom, version: tuple[int, ...]) -> tuple[Step, ...]:
    by_application = _setting(vdom, "ngfw-mode") == "policy-based"
    central = by_application or _setting(vdom, "central-nat") == "enable"
    claims = claims_of(vdom)
    policies = policies_of(vdom, claims, central=central)
    made = made_behind(vdom, policies) if central else made_of(vdom, policies, claims, version=version)
    log = vdom.body("log setting")
    listed = Filter(
        name="firewall policy",
        lines=(*made.lines, *_within_zones(vdom), *_redirected(vdom, version)),
        default=Action.DENY,
        default_log=log.on("fwpolicy-implicit-log") if log else False,
    )
    if not central:
        return (listed, *([Rewrite(name="nat", translations=made.translations)] if made.translations else []))
    inward = tuple(_sent_on(vdom, claims))
    outward = tuple(_central(vdom))
    return (
        *([Rewrite(name="vip", translations=inward)] if inward else []),
        listed,
        *((_by_application(),) if by_application else ()),
        *([Rewrite(name="central-snat-map", translations=outward)] if outward else []),
    )


def _setting(vdom: Vdom, key: str) -> str:
    table = vdom.tables.get("system settings")
    return table.body.word(key) if table else ""


def _by_application() -> Filter:
    """Ask the second stage of policy-based NGFW mode, whose lines are of applications and not modelled."""
    line = Line(
        id="security-policy",
        action=Action.PERMIT,
        match=Match(unknown=("security-policy",)),
        places=(),
    )
    return Filter(name="firewall security-policy", lines=(line,), default=Action.DENY)


def _within_zones(vdom: Vdom) -> Iterator[Line]:
    """Yield what zones let pass between their own interfaces; policies come before."""
    for entry in vdom.entries("system zone"):
        if entry.word("intrazone") != "allow":
            continue
        members = frozenset(entry.words("interface"))
        yield Line(
            id=f"zone {entry.name} intrazone",
            action=Action.PERMIT,
            match=Match(ingress=members, egress=members),
            places=(vdom.place(entry.line), vdom.place(entry.line_of("intrazone"))),
            name=entry.name,
            log=False,
        )


def _redirected(vdom: Vdom, version: tuple[int, ...]) -> Iterator[Line]:
    """Yield what may pass without a policy because it leaves by the interface it came in by."""
    body = vdom.shared["system global"].body if "system global" in vdom.shared else None
    since = _NO_REDIRECT_SINCE.get(version[:2])
    off_by_default = version >= (8,) or (since is not None and version[2] >= since)
    for key, family in (("allow-traffic-redirect", ANY_V4), ("ipv6-allow-traffic-redirect", ANY_V6)):
        written = body.word(key) if body else ""
        if written == "disable" or (not written and off_by_default):
            continue
        places = (vdom.place(body.line_of(key)),) if body and written else ()
        for one in vdom.every_interface():
            ways = frozenset({one.name})
            yield Line(
                id=key,
                action=Action.PERMIT,
                match=Match(source=family, destination=family, ingress=ways, egress=ways, unknown=(key,)),
                places=places or ((one.place,) if one.place else ()),
                name=one.name,
                log=False,
                implicit=True,
            )


def _sent_on(vdom: Vdom, claims: dict[str, Claim]) -> Iterator[Translation]:
    for claim in claims.values():
        for target in claim.targets:
            yield Translation(
                id=f"vip {claim.name}",
                match=Match(
                    source=claim.source,
                    destination=claim.destination,
                    services=claim.services,
                    ingress=claim.ingress,
                    unknown=claim.unknown,
                ),
                places=(vdom.place(claim.line),),
                destination=target,
            )


def _central(vdom: Vdom) -> Iterator[Translation]:
    """Yield the central source NAT table."""
    for entry in vdom.entries("firewall central-snat-map"):
        unknown: list[str] = []
        sides = []
        for side in ("orig-addr", "dst-addr"):
            reaches = [
                book.of(entry.words(key))
                for book, key in ((vdom.addresses, side), (vdom.addresses6, f"{side}6"))
                if entry.words(key)
            ]
            unknown += [said for reach in reaches for said in reach.unknown]
            spans = spans_from(span for reach in reaches for span in reach.spans)
            sides.append(((0, (1 << 128) - 1),) if any(reach.unknown for reach in reaches) else spans)
        service = _central_service(entry)
        if service is None:
            unknown.append(f"central-snat-map {entry.name}")
        ingress = vdom.ways(entry.words("srcintf") or ("any",), entry.line)
        egress = vdom.ways(entry.words("dstintf") or ("any",), entry.line)
        unknown += [*ingress.unknown, *egress.unknown]
        if unknown:
            vdom.export.fault(entry.line, LineState.UNSUPPORTED, _central_left_open(entry.name))
        match = Match(
            source=sides[0],
            destination=sides[1],
            services=(service or Service(),),
            ingress=ingress.names,
            unknown=tuple(unknown),
        )
        names = (*entry.words("nat-ippool"), *entry.words("nat-ippool6"))
        behind: list[tuple[frozenset[str] | None, Span | None]] = [(egress.names, None)]
        if entry.word("nat") != "disable":
            behind = list(hidden_behind(vdom, names, egress.names))
        for ways, address in behind:
            yield Translation(
                id=f"central-snat-map {entry.name}",
                match=Match(
                    source=match.source,
                    destination=match.destination,
                    services=match.services,
                    ingress=match.ingress,
                    egress=ways,
                    unknown=match.unknown,
                ),
                places=(vdom.place(entry.line),),
                source=Mapping(address=address, port=PORTS) if address else None,
                enabled=entry.word("status") != "disable",
            )


def _central_service(entry: Entry) -> Service | None:
    try:
        number = int(entry.word("protocol", "0"))
        sport = port_span(entry.word("orig-port", "0"))
        dport = port_span(entry.word("dst-port", "0"))
    except ValueError:
        return None
    if not 0 <= number <= 255:
        return None
    every = (0, 65535)
    return Service(
        (number, number) if number else (0, 255),
        sport=every if sport == (0, 0) else sport,
        dport=every if dport == (0, 0) else dport,
    )


def _unclosed() -> Text:
    return Text(
        ja="この行で始まる引用符が閉じられていません。行末までを値として読みます。",
        en="A quotation begins on this line and never ends; its value is read to the end of the line.",
    )


def _central_left_open(name: str) -> Text:
    return Text(
        ja=f"セントラルSNAT {name} の条件が、設定だけでは決まりません。一致しうるものとして扱います。",
        en=f"What central SNAT {name} matches does not follow from the export; it is read as a may.",
    )
