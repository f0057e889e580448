"""From observed flows between zones to flows that people may approve; what is dangerous is told, not proposed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from zoneguard.net.address import address_at
from zoneguard.net.flow import Opener, State
from zoneguard.onboarding.dangers import why_not
from zoneguard.onboarding.proposal import FlowDraft
from zoneguard.onboarding.writing import shown
from zoneguard.policy.model import PUBLIC, Role, Service
from zoneguard.policy.services import format_service
from zoneguard.policy.verdict import DECISIONS, Decision
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from zoneguard.net.address import Network
    from zoneguard.net.flow import FlowTable
    from zoneguard.onboarding.proposal import Draft
    from zoneguard.policy.decide import Decider
    from zoneguard.policy.model import Policy
    from zoneguard.policy.zoning import Zoning

MOST_CONVERSATIONS = 50_000  # of one zone pair, responder and service
MOST_HOSTS = 8  # listed one by one; beyond, the segments they lie in
MOST_KEPT = 64  # hosts of one conversation
MOST_PROPOSED = 300
MOST_REFUSED = 200
_ALLOWED = DECISIONS.index(Decision.ALLOWED)
_ICMP = (1, 58)
_SURE = Opener.DECLARED
_JAPAN = ZoneInfo("Asia/Tokyo")


@dataclass(slots=True)
class _Seen:
    """What was observed of one conversation."""

    flows: int = 0
    first: int = 1 << 62
    last: int = 0
    hosts: set[int] = field(default_factory=set)
    peers: set[int] = field(default_factory=set)  # of public responders, which are not told apart
    payloads: set[int] = field(default_factory=set)
    is_unsure: bool = False
    has_more_hosts: bool = False

    def merge(self, other: _Seen) -> None:
        self.flows += other.flows
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.hosts |= other.hosts
        self.peers |= other.peers
        self.payloads |= other.payloads
        self.is_unsure |= other.is_unsure
        self.has_more_hosts |= other.has_more_hosts


class Conversations:
    """Answered flows between zones, gathered block by block; bounded, and what is beyond is counted."""

    def __init__(self, policy: Policy, zoning: Zoning, decider: Decider) -> None:
        self._policy = policy
        self._zoning = zoning
        self._names = zoning.names
        self._decider = decider
        self._seen: dict[tuple[int, int, int, int, int], _Seen] = {}
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._listed: dict[int, _Seen] = defaultdict(_Seen)  # by index of the allowed flow
        self.beyond = 0

    def add(self, block: FlowTable) -> None:
        """Take a block of flows."""
        decided = self._decider.decide(block)
        table = decided.table
        # Multicast and link-local ends have the zone of the wire they were seen on, and no address in it.
        local = self._is_link_scope(table, "orig") | self._is_link_scope(table, "resp")
        crosses = (decided.orig_zone != decided.resp_zone) & ~local
        answered = table.state >= State.ESTABLISHED
        tried = np.stack([decided.orig_zone, decided.resp_zone], axis=1)[crosses & ~answered]
        pairs, counts = np.unique(tried, axis=0, return_counts=True)
        for (orig_zone, resp_zone), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            self._attempts[self._names[orig_zone], self._names[resp_zone]] += count
        public = self._names.index(PUBLIC)
        for at in np.flatnonzero(crosses & answered).tolist():
            resp = int(table.resp_address[at, 0]) << 64 | int(table.resp_address[at, 1])
            is_public = decided.resp_zone[at] == public
            port = int(table.resp_port[at])
            key = (
                int(decided.orig_zone[at]),
                int(decided.resp_zone[at]),
                0 if is_public else resp,
                int(table.protocol[at]),
                port,
            )
            if decided.decision[at] == _ALLOWED:
                seen = self._listed[int(decided.flow[at])]
            elif key in self._seen:
                seen = self._seen[key]
            elif len(self._seen) < MOST_CONVERSATIONS:
                seen = self._seen[key] = _Seen()
            else:
                self.beyond += 1
                continue
            _count(seen, table, at, resp if is_public else None)

    def _is_link_scope(self, table: FlowTable, side: str) -> NDArray[np.bool_]:
        address, vlan = getattr(table, f"{side}_address"), getattr(table, f"{side}_vlan")
        zone = self._zoning.zones_of(address[:, 0], address[:, 1], vlan, table.sensor)
        marked: NDArray[np.bool_] = zone == self._zoning.link_scope
        return marked

    def propose(self, draft: Draft) -> None:
        """Add what was seen to a draft: remarks to listed flows, proposals, and what is not proposed."""
        flows = {flow.id: flow for flow in draft.flows}
        for index, seen in sorted(self._listed.items()):
            flow = flows[self._policy.flows[index].id]
            flow.remarks.append(_observed(seen))
        self._tell_unseen(draft)
        refused: dict[tuple[str, str, Text], list[tuple[int, Service, _Seen]]] = defaultdict(list)
        wanted: dict[tuple[str, str, frozenset[int], bool, int], list[tuple[Service, _Seen]]] = defaultdict(
            list
        )
        for (orig, resp, address, protocol, port), seen in sorted(self._seen.items()):
            zones = self._names[orig], self._names[resp]
            roles = draft.role(zones[0]), draft.role(zones[1])
            service = Service(
                protocol=protocol, ports=(port, port) if protocol in (6, 17, 132, *_ICMP) else (0, 65535)
            )
            reason = why_not(zones, roles, (protocol, port), seen.payloads)
            if reason is not None:
                refused[*zones, reason].append((address, service, seen))
            else:
                wanted[*zones, frozenset(seen.hosts), seen.has_more_hosts, address].append((service, seen))
        self._add_proposals(draft, wanted)
        for (orig_zone, resp_zone, reason), rows in list(refused.items())[:MOST_REFUSED]:
            draft.refused.append(_told(orig_zone, resp_zone, reason, rows))
        if len(refused) > MOST_REFUSED:
            more = len(refused) - MOST_REFUSED
            draft.refused.append(Text(ja=f"ほか {more:,} 件", en=f"and {more:,} more"))
        for (orig_zone, resp_zone), count in self._attempts.most_common(MOST_REFUSED):
            draft.refused.append(
                Text(
                    ja=f"{orig_zone} → {resp_zone}: 応答のなかった試み {count:,} 件",
                    en=f"{orig_zone} → {resp_zone}: {count:,} attempts that nobody answered",
                )
            )
        if self.beyond:
            draft.remarks.append(
                Text(
                    ja=f"通信の組が {MOST_CONVERSATIONS:,} を超えたため、{self.beyond:,} 件は提案の対象にしていません",
                    en=f"more than {MOST_CONVERSATIONS:,} conversations: {self.beyond:,} flows were left out of the proposals",
                )
            )

    def _tell_unseen(self, draft: Draft) -> None:
        seen = {self._policy.flows[index].id for index in self._listed}
        for flow in draft.flows:
            if flow.id not in seen:
                flow.remarks.append(
                    Text(
                        ja="キャプチャには現れませんでした（期間が短いだけかもしれません）",
                        en="not seen in the captures, which may only have been too short",
                    )
                )

    def _add_proposals(
        self,
        draft: Draft,
        wanted: dict[tuple[str, str, frozenset[int], bool, int], list[tuple[Service, _Seen]]],
    ) -> None:
        # Responders that the same hosts use in the same way are one flow.
        alike: dict[tuple[str, str, frozenset[int], bool, tuple[Service, ...]], tuple[list[int], _Seen]] = {}
        for (orig_zone, resp_zone, hosts, more, address), rows in wanted.items():
            services = tuple(service for service, _ in rows)
            addresses, seen = alike.setdefault((orig_zone, resp_zone, hosts, more, services), ([], _Seen()))
            addresses.append(address)
            for _, one in rows:
                seen.merge(one)
        for number, ((orig_zone, resp_zone, hosts, more, services), (addresses, seen)) in enumerate(
            alike.items(), 1
        ):
            if number > MOST_PROPOSED:
                draft.remarks.append(
                    Text(
                        ja=f"提案は {MOST_PROPOSED} 件までです。ほかに {len(alike) - MOST_PROPOSED:,} 件ありました",
                        en=f"{MOST_PROPOSED} flows are proposed at most; there were {len(alike) - MOST_PROPOSED:,} more",
                    )
                )
                return
            remarks = [_observed(seen)]
            if seen.is_unsure:
                remarks.append(_UNSURE)
            if resp_zone == PUBLIC:
                remarks.append(_peers(seen))
            draft.flows.append(
                FlowDraft(
                    id=_free(f"OBS-{number:03d}", draft),
                    orig_zone=orig_zone,
                    resp_zone=resp_zone,
                    orig=_networks(draft, orig_zone, hosts, more=more),
                    resp=() if resp_zone == PUBLIC else _networks(draft, resp_zone, addresses, more=False),
                    services=services,
                    question=_QUESTION,
                    is_held=Role.OTHER in (draft.role(orig_zone), draft.role(resp_zone)),
                    remarks=remarks,
                )
            )


def _count(seen: _Seen, table: FlowTable, at: int, peer: int | None) -> None:
    seen.flows += 1
    seen.first = min(seen.first, int(table.first_seen[at]))
    seen.last = max(seen.last, int(table.last_seen[at]))
    host = int(table.orig_address[at, 0]) << 64 | int(table.orig_address[at, 1])
    if len(seen.hosts) < MOST_KEPT:
        seen.hosts.add(host)
    else:
        seen.has_more_hosts |= host not in seen.hosts
    if peer is not None and len(seen.peers) < MOST_KEPT:
        seen.peers.add(peer)
    seen.payloads |= {int(table.orig_payload[at]), int(table.resp_payload[at])}
    seen.is_unsure |= int(table.opener[at]) > _SURE


def _networks(draft: Draft, zone: str, hosts: Iterable[int], *, more: bool) -> tuple[Network, ...]:
    """Name a few hosts one by one, many by the segments they lie in."""
    addresses = [address_at(host) for host in sorted(hosts)]
    if len(addresses) <= MOST_HOSTS and not more:
        return tuple(ip_network(address) for address in addresses)
    segments = sorted(
        (segment.network for segment in draft.zones[zone].segments), key=lambda one: -one.prefixlen
    )
    if more:
        return tuple(dict.fromkeys(segments))
    held = [next((one for one in segments if address in one), ip_network(address)) for address in addresses]
    return tuple(dict.fromkeys(held))


def _free(wanted: str, draft: Draft) -> str:
    taken, number, chosen = {flow.id for flow in draft.flows}, 2, wanted
    while chosen in taken:
        chosen, number = f"{wanted}-{number}", number + 1
    return chosen


def _observed(seen: _Seen) -> Text:
    hosts = f"{len(seen.hosts):,}" + ("+" if seen.has_more_hosts else "")
    first, last = _when(seen.first), _when(seen.last)
    return Text(
        ja=f"観測: {seen.flows:,} 件、開始側 {hosts} 台、{first} ～ {last}",
        en=f"seen: flows {seen.flows:,}, opened by hosts {hosts}, {first} to {last}",
    )


def _peers(seen: _Seen) -> Text:
    listed = ", ".join(str(address_at(peer)) for peer in sorted(seen.peers)[:MOST_HOSTS])
    more = " …" if len(seen.peers) > MOST_HOSTS else ""
    return Text(
        ja=f"相手の公開アドレス: {listed}{more}。決まった相手だけなら external のゾーンにして絞ってください",
        en=f"public addresses met: {listed}{more}; if they are known partners only, declare them as a zone of role external",
    )


def _told(orig_zone: str, resp_zone: str, reason: Text, rows: list[tuple[int, Service, _Seen]]) -> Text:
    total = _Seen()
    for _, _, seen in rows:
        total.merge(seen)
    services = list(dict.fromkeys(format_service(service) for _, service, _ in rows))
    named = ", ".join(services[:6]) + (" …" if len(services) > 6 else "")
    responders = [shown(ip_network(address_at(address))) for address, _, _ in rows if address]
    responders = list(dict.fromkeys(responders))
    listed = ", ".join(responders[:4]) + (" …" if len(responders) > 4 else "")
    to = f"{resp_zone} ({listed})" if listed else resp_zone
    told = _observed(total)
    return Text(
        ja=f"{orig_zone} → {to} {named}: {reason.ja}（{told.ja}）",
        en=f"{orig_zone} → {to} {named}: {reason.en} ({told.en})",
    )


def _when(nanoseconds: int) -> str:
    at = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).astimezone(_JAPAN)
    return f"{at:%Y-%m-%d %H:%M}"


_UNSURE = Text(
    ja="開始側はポート番号などからの推定です。向きを確かめてください",
    en="who opened it was told by port numbers only: check the direction",
)
_QUESTION = Text(
    ja="観測しただけの通信です。必要なら承認して approval を書き、不要なら削除してください",
    en="only observed: if it is needed, approve it and write the approval; if not, remove it",
)
