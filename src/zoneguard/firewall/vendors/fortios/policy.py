"""The policies of one VDOM, in the order the device asks them, as lines and translations.

Without central NAT a packet for a virtual IP meets only the policies that name it (and those with match-vip), and
every other packet only the others. The lines keep to that: first those of virtual IPs, then what the device denies
of them, then the rest; all speak of packets as they arrive, with the interface by which they leave.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Action, Line, LineState, Mapping, Match, Translation
from zoneguard.firewall.vendors.fortios import defaults
from zoneguard.firewall.vendors.fortios.nat import PORTS, hidden_behind
from zoneguard.firewall.vendors.fortios.reach import ANY_V6, Offer, Reach, services_but, when
from zoneguard.net.service import Service
from zoneguard.net.spans import ANY_V4, intersect_spans, spans_from, spans_meet, spans_within
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.fortios.nat import Claim
    from zoneguard.firewall.vendors.fortios.reach import Addresses, When
    from zoneguard.firewall.vendors.fortios.tree import Entry
    from zoneguard.firewall.vendors.fortios.vdom import Vdom, Ways
    from zoneguard.net.spans import Spans

MOST_PLACES = 24
MOST_MEETINGS = 100_000  # policies times virtual IPs that they meet
_OFF = frozenset({"disable", "0", "0x00", "none", "", "default"})
_MATCH_VIP_SINCE = (7, 2, 4)  # on by default from here; Fortinet's notes differ about 7.2.3


@dataclass(slots=True, kw_only=True)
class Policy:
    """One policy, its names resolved but not yet a line."""

    entry: Entry
    id: str
    ingress: Ways
    egress: Ways
    source: Reach
    destination: Reach
    vips: tuple[str, ...]
    offer: Offer
    when: When
    unknown: tuple[str, ...]  # what narrows the whole policy
    action: Action
    families: Spans  # everything that its families could speak of
    expires: date | None = None
    places: tuple[Place, ...] = ()

    @property
    def enabled(self) -> bool:
        """Tell whether the policy is asked at all."""
        return self.entry.word("status") != "disable" and not self.when.never


class _Names(NamedTuple):
    """What policies of one VDOM name besides addresses and services."""

    claims: dict[str, Claim]
    groups: dict[str, tuple[str, ...]]
    times: tuple[dict[str, Entry], ...]  # one-time, recurring, groups
    central: bool


class Made(NamedTuple):
    """What the policies of a VDOM come to."""

    lines: tuple[Line, ...]
    translations: tuple[Translation, ...]


@dataclass(slots=True)
class _Making:
    lines: list[Line] = field(default_factory=list)
    translations: list[Translation] = field(default_factory=list)
    room: int = MOST_MEETINGS


def policies_of(vdom: Vdom, claims: dict[str, Claim], *, central: bool) -> list[Policy]:
    """Resolve every policy of a VDOM, in file order, the IPv4 table before the IPv6 one."""
    found: list[Policy] = []
    names = _Names(
        claims=claims,
        groups={one.name: one.words("member") for one in vdom.entries("firewall vipgrp", "firewall vipgrp6")},
        times=tuple(
            {one.name: one for one in vdom.entries(f"firewall schedule {kind}")}
            for kind in ("onetime", "recurring", "group")
        ),
        central=central,
    )
    for path, said, families in (
        ("firewall policy", "policy", ("4", "6")),
        ("firewall consolidated policy", "consolidated policy", ("4", "6")),
        ("firewall policy6", "policy6", ("6",)),
    ):
        for entry in vdom.entries(path):
            resolving = _Resolving(vdom, entry, families, names)
            found.append(resolving.policy(f"{said} {entry.name}"))
    return found


class _Resolving:
    def __init__(self, vdom: Vdom, entry: Entry, families: tuple[str, ...], names: _Names) -> None:
        self.vdom, self.entry, self.families, self.names = vdom, entry, families, names
        self.unknown: list[str] = []
        self.lines: list[int] = []
        self.vips: dict[str, None] = {}

    def policy(self, name: str) -> Policy:
        entry, vdom = self.entry, self.vdom
        self._narrowed()
        held = when(entry.words("schedule"), *self.names.times)
        self.lines += [one.line for kind in self.names.times if (one := kind.get(entry.word("schedule")))]
        source = self._reach("src", open_by=("internet-service-src", "internet-service6-src"))
        destination = self._reach("dst", open_by=("internet-service", "internet-service6"))
        action = entry.word("action", "deny")
        if action not in ("accept", "deny"):
            self._open("action", f"action {action}")
        ingress = vdom.ways(entry.words("srcintf"), entry.line_of("srcintf"))
        egress = vdom.ways(entry.words("dstintf"), entry.line_of("dstintf"))
        for key in ("srcintf", "dstintf", "schedule"):
            if not entry.words(key):
                self._open(key, f"no {key}")
        for ways in (ingress, egress):
            if ways.unknown:
                vdom.export.fault(entry.line, LineState.UNKNOWN, _interface_unknown(name, ways.unknown[0]))
        return Policy(
            entry=entry,
            id=name,
            ingress=ingress,
            egress=egress,
            source=source,
            destination=destination,
            vips=tuple(self.vips),
            offer=self._offer(),
            when=held,
            unknown=tuple(dict.fromkeys((*self.unknown, *ingress.unknown, *egress.unknown, *held.unknown))),
            action=Action.DENY if action == "deny" else Action.PERMIT,
            families=self._families(),
            expires=_policy_expiry(entry),
            places=tuple(vdom.place(line) for line in dict.fromkeys((entry.line, *self.lines)))[:MOST_PLACES],
        )

    def _families(self) -> Spans:
        every = {"4": ANY_V4, "6": ANY_V6}
        return spans_from(span for one in self.families for span in every[one])

    def _open(self, key: str, said: str) -> None:
        self.unknown.append(said)
        self.vdom.export.fault(
            self.entry.line_of(key), LineState.UNSUPPORTED, _narrowed(self.entry.name, said)
        )

    def _narrowed(self) -> None:
        """Leave open what narrows the policy and is not modelled, and every setting that nobody knows."""
        for key, setting in self.entry.settings.items():
            value = " ".join(setting.words)
            if key in defaults.NARROWING or key in defaults.REDIRECTING:
                if value not in _OFF and not value.startswith("00000000"):
                    self._open(key, f"{key} {value[:60]}")
            elif key not in defaults.HARMLESS_POLICY and key not in _READ and value not in _OFF:
                self.unknown.append(f"{key} {value[:60]}")
                self.vdom.export.fault(setting.first, LineState.UNKNOWN, _unknown_key(self.entry.name, key))

    def _reach(self, side: str, *, open_by: tuple[str, ...]) -> Reach:
        """Give the addresses of one side, both families together."""
        entry, found, any_written = self.entry, Reach(), False
        if any(entry.on(key) for key in open_by):
            return Reach((), (next(key for key in open_by if entry.on(key)),))
        for family in self.families:
            book = self.vdom.addresses if family == "4" else self.vdom.addresses6
            keys = (
                (f"{side}addr", f"{side}addr4")
                if family == "4" or len(self.families) == 1
                else (f"{side}addr6",)
            )
            names = tuple(name for key in keys for name in entry.words(key))
            any_written |= bool(names)
            plain = self._without_vips(names, book) if side == "dst" else names
            self.lines += [line for name in plain[:MOST_PLACES] if (line := book.line_of(name))]
            reach = self._known(book, plain)
            if any(entry.on(f"{key}-negate") for key in keys):
                reach = book.negated(reach)
                if self.vips:
                    self._open(keys[0], "negated virtual IPs")
            elif not names:
                reach = Reach()
            found = Reach(spans_from((*found.spans, *reach.spans)), (*found.unknown, *reach.unknown))
        if not any_written:
            self._open(f"{side}addr", f"no {side}addr")
        return found

    def _known(self, book: Addresses, names: tuple[str, ...]) -> Reach:
        reach = book.of(names)
        for name in names:
            if book.line_of(name) is None and name not in ("all", "none"):
                self.vdom.export.fault(self.entry.line, LineState.UNKNOWN, _undefined(self.entry.name, name))
        return reach

    def _without_vips(self, names: tuple[str, ...], book: Addresses) -> tuple[str, ...]:
        plain: list[str] = []
        for name in names:
            members = self.names.groups.get(name) or ((name,) if name in self.names.claims else ())
            if book.line_of(name) is not None or not members:
                plain.append(name)
                continue
            for member in members:
                if member in self.names.claims:
                    self.vips[member] = None
                    self.lines.append(self.names.claims[member].line)
            if self.names.central:
                self._open("dstaddr", f"virtual IP {name} under central NAT")
        return tuple(plain)

    def _offer(self) -> Offer:
        entry = self.entry
        if any(entry.on(key) for key in ("internet-service", "internet-service6")):
            return Offer((), ("internet-service",))
        names = entry.words("service")
        if not names:
            self._open("service", "no service")
            return Offer((), ("no service",))
        self.lines += [line for name in names[:MOST_PLACES] if (line := self.vdom.services.line_of(name))]
        offer = self.vdom.services.of(names)
        for said in offer.unknown:
            if self.vdom.services.line_of(said.removeprefix("service ")) is None:
                self.vdom.export.fault(
                    entry.line_of("service"), LineState.UNKNOWN, _undefined(entry.name, said)
                )
        return services_but(offer) if entry.on("service-negate") else offer


_READ = frozenset({
    "action", "dstaddr", "dstaddr-negate", "dstaddr4", "dstaddr4-negate", "dstaddr6", "dstaddr6-negate", "dstintf",
    "fixedport", "ippool", "match-vip", "match-vip-only", "name", "nat", "policy-expiry-date", "policyid", "poolname",
    "poolname6", "schedule", "service", "service-negate", "srcaddr", "srcaddr-negate", "srcaddr4",
    "srcaddr4-negate", "srcaddr6", "srcaddr6-negate", "srcintf", "status",
})  # fmt: skip
UNDERSTOOD = _READ | defaults.NARROWING | defaults.REDIRECTING | {"comments", "logtraffic", "policy-expiry"}


def _policy_expiry(entry: Entry) -> date | None:
    from datetime import date

    if not entry.on("policy-expiry"):
        return None
    text = " ".join(entry.words("policy-expiry-date") or entry.words("policy-expiry-date-utc"))
    digits = text.replace("/", "-").split(" ")[0].split("T")[0]
    try:
        made = date.fromisoformat(digits)
    except ValueError:
        return None
    return made if made.year > 1 else None


def made_of(
    vdom: Vdom, policies: list[Policy], claims: dict[str, Claim], *, version: tuple[int, ...]
) -> Made:
    """Give the lines of a VDOM without central NAT, and what its policies and virtual IPs translate."""
    making = _Making()
    named = {name for policy in policies if policy.enabled for name in policy.vips}
    taken = [claim for name, claim in claims.items() if name in named]
    alike = _alike(taken)
    for policy in policies:
        if making.room <= 0:
            break
        for name in policy.vips:
            _with_vip(making, vdom, policy, claims[name])
        if taken and (met := _match_vip(policy, version)) is not None:
            for claim in taken if policy.action is Action.PERMIT else alike:
                if claim.name not in policy.vips and making.room > 0:
                    _meeting_vip(making, vdom, policy, claim, sure=met)
    if making.room <= 0:
        vdom.export.fault(taken[0].line, LineState.UNSUPPORTED, _too_many_meetings())
        making.lines.append(_any_of(taken))
    making.lines += [_unasked(vdom, claim) for claim in taken]
    for policy in policies:
        # A policy of virtual IPs alone has said all it says above.
        if not policy.entry.on("match-vip-only") and (not policy.vips or policy.destination != Reach()):
            _plain(making, vdom, policy, translate=True)
    return Made(tuple(making.lines), tuple(_up_to_the_last_that_acts(making.translations)))


def made_behind(vdom: Vdom, policies: list[Policy]) -> Made:
    """Give the lines of a VDOM with central NAT, which speak of packets already sent on by virtual IPs."""
    making = _Making()
    for policy in policies:
        _plain(making, vdom, policy, translate=False)
    return Made(tuple(making.lines), ())


def _plain(making: _Making, vdom: Vdom, policy: Policy, *, translate: bool) -> None:
    for match in _matches(policy, policy.destination, policy.offer.services, policy.offer.unknown):
        making.lines.append(_line(policy, match))
        if translate and policy.action is Action.PERMIT:
            making.translations += _translations(vdom, policy, match, None)


def _with_vip(making: _Making, vdom: Vdom, policy: Policy, claim: Claim) -> None:
    ways = _both(policy.ingress.names, claim.ingress)
    making.room -= 1
    if making.room <= 0:
        return
    for match in _matches(
        policy,
        Reach(claim.destination),
        claim.before_mapping(policy.offer.services),
        (*policy.offer.unknown, *claim.unknown),
        at_most=claim.services,
        within=claim.source,
    ):
        made = replace(match, ingress=ways)
        making.lines.append(_line(policy, made))
        if policy.action is Action.PERMIT:
            making.translations += _translations(vdom, policy, made, claim)


def _match_vip(policy: Policy, version: tuple[int, ...]) -> bool | None:
    """Tell whether a policy that names no virtual IP meets their packets: surely, perhaps (False), or not (None)."""
    written = policy.entry.word("match-vip")
    if policy.entry.on("match-vip-only") or written == "enable":
        return True
    if written == "disable" or policy.action is not Action.DENY:
        return None
    if not version or version == (7, 2, 3):
        return False
    return True if version >= _MATCH_VIP_SINCE else None


def _meeting_vip(making: _Making, vdom: Vdom, policy: Policy, claim: Claim, *, sure: bool) -> None:
    reach = policy.destination
    ways = _both(policy.ingress.names, claim.ingress)
    making.room -= 1
    if making.room <= 0 or ways == frozenset():
        return
    inside = claim.mapped()
    if not (reach.unknown or spans_meet(reach.spans, claim.destination) or spans_meet(reach.spans, inside)):
        return
    whole = spans_within(claim.destination, reach.spans) and spans_within(inside, reach.spans)
    doubt = () if sure and whole and not reach.unknown else (f"match-vip and vip {claim.name}",)
    for match in _matches(
        policy,
        Reach(claim.destination),
        claim.before_mapping(policy.offer.services),
        (*policy.offer.unknown, *claim.unknown, *doubt),
        at_most=claim.services,
        within=claim.source,
    ):
        made = replace(match, ingress=ways)
        if made.source and made.services:
            making.lines.append(_line(policy, made))
            if policy.action is Action.PERMIT:
                making.translations += _translations(vdom, policy, made, claim)


def _alike(claims: list[Claim]) -> list[Claim]:
    """Take claims together that differ in their addresses only."""
    found: dict[tuple[object, ...], list[Claim]] = {}
    for claim in claims:
        key = (claim.services, claim.ports, claim.source, claim.ingress, bool(claim.unknown) and claim.name)
        found.setdefault(key, []).append(claim)
    return [
        replace(
            group[0],
            destination=spans_from(span for claim in group for span in claim.destination),
            targets=tuple(target for claim in group for target in claim.targets),
        )
        if len(group) > 1
        else group[0]
        for group in found.values()
    ]


def _any_of(claims: list[Claim]) -> Line:
    """Leave open all that virtual IPs take, where there are too many to say more."""
    return Line(
        id="policy 0",
        action=Action.DENY,
        match=Match(
            destination=spans_from(span for claim in claims for span in claim.destination),
            unknown=("too many virtual IPs",),
        ),
        places=(),
        implicit=True,
    )


def _unasked(vdom: Vdom, claim: Claim) -> Line:
    """Deny what a virtual IP takes and no policy of it permits."""
    inner = any(entry.word("intrazone") == "allow" for entry in vdom.entries("system zone"))
    return Line(
        id="policy 0",
        action=Action.DENY,
        match=Match(
            source=claim.source,
            destination=claim.destination,
            services=claim.services,
            ingress=claim.ingress,
            unknown=(*claim.unknown, *(("intrazone",) if inner else ())),
        ),
        places=(vdom.place(claim.line),),
        name=f"vip {claim.name}",
        log=False,
        implicit=True,
    )


def _matches(
    policy: Policy,
    destination: Reach,
    services: tuple[Service, ...],
    unknown: tuple[str, ...],
    *,
    at_most: tuple[Service, ...] = (Service(),),
    within: Spans | None = None,
) -> Iterator[Match]:
    """Yield what a policy surely matches, then what it may match besides.

    A policy of which everything is known is one match, even where that is empty.
    """
    source = policy.source.spans if within is None else intersect_spans(policy.source.spans, within)
    widest = policy.families if within is None else intersect_spans(policy.families, within)
    left_open = tuple(
        dict.fromkeys((*policy.unknown, *policy.source.unknown, *destination.unknown, *unknown))
    )
    sure = Match(
        source=source,
        destination=destination.spans,
        services=services,
        ingress=policy.ingress.names,
        egress=policy.egress.names,
    )
    parts_only = not policy.unknown and (policy.offer.unknown == unknown)
    if not left_open or (parts_only and source and destination.spans and services):
        yield sure
    if left_open:
        yield replace(
            sure,
            source=widest if policy.source.unknown else source,
            destination=policy.families if destination.unknown else destination.spans,
            services=at_most if policy.offer.unknown else services,
            unknown=left_open,
        )


def _line(policy: Policy, match: Match) -> Line:
    entry = policy.entry
    expires = [day for day in (policy.expires, policy.when.expires) if day]
    return Line(
        id=policy.id,
        action=policy.action,
        match=match,
        places=policy.places,
        name=entry.word("name"),
        comment=entry.word("comments"),
        enabled=policy.enabled,
        log=entry.word("logtraffic", "utm") == "all",
        expires=min(expires) if expires else None,
        begins=policy.when.begins,
    )


def _translations(vdom: Vdom, policy: Policy, match: Match, claim: Claim | None) -> Iterator[Translation]:
    """Yield what one matching line of a policy rewrites; one that rewrites nothing keeps later ones from it."""
    entry = policy.entry
    said = policy.id if claim is None else f"{policy.id} vip {claim.name}"
    targets: tuple[Mapping | None, ...] = claim.targets if claim else (None,)
    names = (*entry.words("poolname"), *entry.words("poolname6")) if entry.on("ippool") else ()
    behind = hidden_behind(vdom, names, match.egress) if entry.on("nat") else [(match.egress, None)]
    for target in targets:
        for ways, address in behind:
            source = (
                Mapping(address=address, port=None if entry.on("fixedport") else PORTS) if address else None
            )
            yield Translation(
                id=said,
                match=replace(match, egress=ways),
                places=policy.places,
                source=source,
                destination=target,
                enabled=policy.enabled,
            )


def _up_to_the_last_that_acts(translations: list[Translation]) -> list[Translation]:
    last = max(
        (at for at, one in enumerate(translations) if one.source is not None or one.destination is not None),
        default=-1,
    )
    return translations[: last + 1]


def _both(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _narrowed(name: str, said: str) -> Text:
    return Text(
        ja=f"ポリシー {name} の条件「{said}」は、どのパケットに一致するかが設定だけでは決まりません。"
        "一致しうるものとして扱います。",
        en=f"Which packets the condition {said!r} of policy {name} matches does not follow from the export; it is read "
        "as a may.",
    )


def _unknown_key(name: str, key: str) -> Text:
    return Text(
        ja=f"ポリシー {name} の設定「{key}」は知られていません。このポリシーは一致しうるものとして扱います。",
        en=f"The setting {key!r} of policy {name} is not known; the policy is read as a may.",
    )


def _undefined(name: str, said: str) -> Text:
    return Text(
        ja=f"ポリシー {name} が指す「{said}」の定義がこの設定にありません。一致しうるものとして扱います。",
        en=f"Policy {name} names {said!r}, which this export does not define; it is read as a may.",
    )


def _too_many_meetings() -> Text:
    return Text(
        ja="バーチャルIPとポリシーの組み合わせが多すぎます。バーチャルIP宛ての通信は確定できないものとして扱います。",
        en="There are too many pairs of virtual IPs and policies; traffic to virtual IPs is left open.",
    )


def _interface_unknown(name: str, said: str) -> Text:
    return Text(
        ja=f"{name} が指す「{said}」は、この設定のインターフェースにもゾーンにもありません。"
        "どのインターフェースかは確定できないものとして扱います。",
        en=f"{name} names {said!r}, which is neither an interface nor a zone of this export; which interface it is stays "
        "open.",
    )
