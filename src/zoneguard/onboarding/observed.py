"""From observed endpoints to segments: which addresses were at home in which VLAN, gathered block by block."""

from __future__ import annotations

from collections import Counter, defaultdict
from ipaddress import IPv4Address, IPv4Network, collapse_addresses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zoneguard.net.address import V4_FIRST, V4_LAST, is_link_scope, is_public, mac_text
from zoneguard.net.flow import ClaimKind
from zoneguard.onboarding.proposal import SegmentDraft, ZoneDraft
from zoneguard.policy.model import Role
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from zoneguard.net.address import Network
    from zoneguard.net.flow import Claim, FlowTable
    from zoneguard.onboarding.proposal import Draft

MOST_GROUPS = 200_000  # of one VLAN, /24 and MAC; about 200 octets each
MOST_ZONES = 100  # beyond these, captures add none
MOST_RANGES = 50  # of one such zone
WIDEST = 20  # the shortest prefix that is proposed for one VLAN
_CLAIMS = frozenset({ClaimKind.ARP, ClaimKind.DHCP_SERVER})


class Home(NamedTuple):
    """A VLAN (0: untagged) and a /24 whose hosts, as bits by their last octet, were seen at home there."""

    vlan: int
    prefix: int  # the first 24 bits
    hosts: int
    router: int = 0  # MAC of the router behind which alone they were seen

    @property
    def is_remote(self) -> bool:
        """Tell whether the VLAN is that of a router on the way, if it is known at all."""
        return self.router != 0


class Endpoints:
    """Who sent from which VLAN with which MAC; bounded, and what is beyond the bound is counted."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[int, int, int], int] = {}
        self._six: set[int] = set()
        self.beyond = 0

    def add(self, block: FlowTable) -> None:
        """Take the senders of a block of flows. Addresses inside tunnels are at home elsewhere, and left out."""
        for side in ("orig", "resp"):
            address: NDArray[np.uint64] = getattr(block, f"{side}_address")
            vlan, mac = getattr(block, f"{side}_vlan"), getattr(block, f"{side}_mac")
            low = address[:, 1]
            sent = (getattr(block, f"{side}_packets") > 0) & (block.tunnel == 0)
            four = sent & (address[:, 0] == 0) & (low >> np.uint64(32) == np.uint64(0xFFFF))
            self._six.update(
                np.unique(vlan[sent & ~four & (address[:, 0] >> np.uint64(56) != 0xFE)]).tolist()
            )
            keys = np.stack(
                [
                    vlan[four].astype(np.uint64) << np.uint64(32) | low[four] & np.uint64(0xFFFFFFFF),
                    mac[four].astype(np.uint64),
                ],
                axis=1,
            )
            for key, mac_number in np.unique(keys, axis=0).tolist():
                self._note(key >> 32, key & 0xFFFFFFFF, mac_number)

    def _note(self, vlan: int, address: int, mac: int) -> None:
        group = vlan, address >> 8, mac
        bit = 1 << (address & 0xFF)
        if group in self._hosts:
            self._hosts[group] |= bit
        elif len(self._hosts) < MOST_GROUPS:
            self._hosts[group] = bit
        else:
            self.beyond += 1

    def homes(self, claims: Iterable[Claim]) -> list[Home]:
        """Tell where addresses are at home.

        A MAC that sends for several addresses is a router's, unless each of them was claimed by it (ARP, a DHCP
        server): what it sends for is at home elsewhere.
        """
        claimed: dict[tuple[int, int], dict[int, int]] = {}
        for claim in claims:
            number = claim.address[0] << 64 | claim.address[1]
            if claim.kind in _CLAIMS and V4_FIRST <= number <= V4_LAST:
                bits = claimed.setdefault((claim.vlan, claim.mac), {})
                prefix, last = (number & 0xFFFFFFFF) >> 8, number & 0xFF
                bits[prefix] = bits.get(prefix, 0) | 1 << last
        sends: Counter[tuple[int, int]] = Counter()
        for (vlan, _, mac), hosts in self._hosts.items():
            sends[vlan, mac] += hosts.bit_count()
        local: defaultdict[tuple[int, int], int] = defaultdict(int)
        remote: defaultdict[tuple[int, int, int], int] = defaultdict(int)
        for (vlan, _), bits in claimed.items():
            for prefix, hosts in bits.items():
                local[vlan, prefix] |= hosts
        for (vlan, prefix, mac), hosts in self._hosts.items():
            own = claimed.get((vlan, mac))
            if own is None and (mac == 0 or sends[vlan, mac] == 1):
                local[vlan, prefix] |= hosts
            elif away := hosts & ~(own or {}).get(prefix, 0):
                remote[vlan, mac, prefix] |= away
        homes = [Home(vlan, prefix, hosts) for (vlan, prefix), hosts in sorted(local.items())]
        homes = [home for home in homes if _is_private(home)]
        return [*homes, *self._behind_routers(homes, remote)]

    @staticmethod
    def _behind_routers(homes: list[Home], remote: dict[tuple[int, int, int], int]) -> Iterator[Home]:
        """Yield what was at home nowhere.

        In a VLAN of routers only, what one of them sends for is the network behind it. Elsewhere a router sends for
        everything else there is, and its VLAN says nothing of it.
        """
        known: defaultdict[int, int] = defaultdict(int)
        for home in homes:
            known[home.prefix] |= home.hosts
        lived_in = {home.vlan for home in homes}
        for (vlan, mac, prefix), hosts in sorted(remote.items()):
            away = hosts & ~known[prefix]
            known[prefix] |= away
            home = Home(0 if vlan in lived_in else vlan, prefix, away, router=mac)
            if _is_private(home):
                yield home

    def vlans_of_ipv6(self) -> list[int]:
        """Give the VLANs in which IPv6 other than link-local was sent."""
        return sorted(self._six)


def fill(draft: Draft, endpoints: Endpoints, homes: list[Home]) -> None:
    """Put VLANs to the draft's segments, and add zones for what lies in none of them."""
    seen: dict[int, Counter[int]] = {}
    segments = [segment for zone in draft.zones.values() for segment in zone.segments]
    index = _Index(segments)
    unplaced: list[Home] = []
    for home in homes:
        rest = home.hosts
        for segment in index.holding(home.prefix):
            mask = _mask(segment.network, home.prefix)
            if rest & mask and not home.is_remote:
                at = seen.setdefault(id(segment), Counter())
                at[home.vlan] += (rest & mask).bit_count()
            rest &= ~mask
        if rest:
            unplaced.append(home._replace(hosts=rest))
    for segment in segments:
        _confirm(segment, seen.get(id(segment), Counter()))
    _add_zones(draft, unplaced)
    if endpoints.beyond:
        draft.remarks.append(
            Text(
                ja=f"観測した端末が多いため、{endpoints.beyond:,} 件は集計に入れていません（上限 {MOST_GROUPS:,}）",
                en=f"so many hosts were observed that {endpoints.beyond:,} sightings were left out (the bound is {MOST_GROUPS:,})",
            )
        )
    if six := endpoints.vlans_of_ipv6():
        listed = ", ".join(map(str, six[:40]))
        draft.remarks.append(
            Text(
                ja=f"IPv6 の通信を観測しました（VLAN {listed}、0 はタグなし）。範囲は提案していません。使わないはずなら漏れです",
                en=f"IPv6 was observed (VLAN {listed}; 0 is untagged). No range is proposed; where it is not in use, it is a leak",
            )
        )


class _Index:
    """Segments by what they hold of a /24, the longest prefix first."""

    def __init__(self, segments: Iterable[SegmentDraft]) -> None:
        self._long: dict[int, list[SegmentDraft]] = {}
        self._short: dict[tuple[int, int], list[SegmentDraft]] = {}
        for segment in segments:
            network = segment.network
            if network.version == 4 and network.prefixlen > 24:
                self._long.setdefault(int(network.network_address) >> 8, []).append(segment)
            elif network.version == 4:
                key = network.prefixlen, int(network.network_address) >> 8
                self._short.setdefault(key, []).append(segment)
        self._lengths = sorted({length for length, _ in self._short}, reverse=True)

    def holding(self, prefix: int) -> list[SegmentDraft]:
        long = sorted(self._long.get(prefix, ()), key=lambda one: -one.network.prefixlen)
        short = (
            self._short.get((length, prefix >> (24 - length) << (24 - length)), ())
            for length in self._lengths
        )
        return [*long, *(segment for segments in short for segment in segments)]


def _confirm(segment: SegmentDraft, vlans: Counter[int]) -> None:
    tagged = sorted(vlan for vlan in vlans if vlan)
    hosts = sum(vlans.values())
    if not hosts:
        segment.remarks.append(
            Text(ja="キャプチャには現れませんでした", en="not seen at home in the captures")
        )
    elif segment.vlan is not None and tagged and tagged != [segment.vlan]:
        listed = ", ".join(f"{vlan} ({vlans[vlan]:,})" for vlan in tagged)
        segment.remarks.append(
            Text(
                ja=f"設定では VLAN {segment.vlan} ですが、キャプチャでは VLAN {listed} で観測しました（括弧内は端末数）。確かめてください",
                en=f"VLAN {segment.vlan} by configuration, but seen in VLAN {listed} (hosts in brackets); find out why",
            )
        )
    elif len(tagged) > 1:
        listed = ", ".join(f"{vlan} ({vlans[vlan]:,})" for vlan in tagged)
        segment.remarks.append(
            Text(
                ja=f"複数の VLAN で観測したため vlan を決めていません: {listed}（括弧内は端末数）",
                en=f"seen in several VLANs, so none is written: {listed} (hosts in brackets)",
            )
        )
    elif tagged:
        segment.vlan = tagged[0]
        segment.remarks.append(
            Text(
                ja=f"キャプチャで端末 {hosts:,} 台を VLAN {tagged[0]} に観測",
                en=f"hosts seen: {hosts:,}, in VLAN {tagged[0]}",
            )
        )
    else:
        segment.remarks.append(
            Text(ja=f"キャプチャで端末 {hosts:,} 台を観測（タグなし）", en=f"hosts seen: {hosts:,}, untagged")
        )


def _grouped(homes: list[Home]) -> dict[tuple[int, int], list[Home]]:
    """Put homes together by VLAN and router; without a VLAN ranges cannot be told to belong together."""
    groups: dict[tuple[int, int], list[Home]] = {}
    for home in homes:
        groups.setdefault(_key(home), []).append(home)
    return groups


def _lives(homes: list[Home]) -> dict[int, set[tuple[int, int]]]:
    """Give the groups that have hosts in each /24."""
    lives: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for home in homes:
        lives[home.prefix].add(_key(home))
    return lives


def _key(home: Home) -> tuple[int, int]:
    return (home.vlan, home.router) if home.vlan else (0, home.prefix)


def _add_zones(draft: Draft, homes: list[Home]) -> None:
    lives = _lives(homes)
    claims: defaultdict[Network, list[int]] = defaultdict(list)
    for zone in draft.zones.values():
        for segment in zone.segments:
            claims[segment.network].append(segment.vlan or 0)
    left_out = 0
    # Untagged ranges come last: one that a VLAN has as well is left with the VLAN.
    for key, members in sorted(_grouped(homes).items(), key=lambda group: (group[0][0] == 0, group[0])):
        vlan, _ = key
        networks = []
        for network in _ranges(members, lives, claims):
            rivals = claims[network]
            if not rivals or (vlan and vlan not in rivals and 0 not in rivals):
                networks.append(network)
        left_out += max(0, len(networks) - MOST_RANGES)
        if len(draft.zones) >= MOST_ZONES:
            left_out += min(len(networks), MOST_RANGES)
        elif networks:
            zone = _zone_of(draft, vlan, members, networks[:MOST_RANGES])
            draft.zones[zone.id] = zone
            for network in networks[:MOST_RANGES]:
                claims[network].append(vlan)
    if left_out:
        draft.remarks.append(
            Text(
                ja=f"ほかに {left_out:,} の範囲を観測しましたが、書いていません。宣言するまで unknown になります",
                en=f"{left_out:,} more ranges were observed and left out; until they are declared they are `unknown`",
            )
        )


def _zone_of(draft: Draft, vlan: int, members: list[Home], networks: list[IPv4Network]) -> ZoneDraft:
    wanted = f"vlan-{vlan}" if vlan else f"net-{networks[0].network_address}".replace(".", "-")
    label = f"VLAN {vlan}" if vlan else str(networks[0])
    return ZoneDraft(
        id=draft.free_id(wanted),
        role=Role.OTHER,
        name=Text(ja=label, en=label),
        question=_question(vlan, members[0].router),
        segments=[
            SegmentDraft(
                network=network,
                vlan=vlan or None,
                remarks=[_seen([home for home in members if _mask(network, home.prefix)])],
            )
            for network in networks
        ],
    )


def _ranges(
    members: list[Home], lives: Mapping[int, set[tuple[int, int]]], taken: Mapping[Network, object]
) -> Iterator[IPv4Network]:
    """Give one covering range, not wider than WIDEST and free of everybody else's; else the /24s themselves.

    `lives` gives the groups that have hosts in a /24.
    """
    own = {_key(members[0])}
    prefixes = sorted({home.prefix for home in members})
    differing = (prefixes[0] ^ prefixes[-1]).bit_length()
    if 24 - differing >= WIDEST:
        first = prefixes[0] >> differing << differing
        one = IPv4Network((first << 8, 24 - differing))
        if all(
            lives.get(prefix, own) == own for prefix in range(first, first + (1 << differing))
        ) and not any(_meets(one, other) for other in taken):
            yield one
            return
    wholes = (IPv4Network((prefix << 8, 24)) for prefix in prefixes if lives[prefix] == own)
    yield from (network for network in collapse_addresses(wholes) if network not in taken)
    # The same range in several VLANs is told apart by them, each /24 by itself.
    yield from (IPv4Network((prefix << 8, 24)) for prefix in prefixes if lives[prefix] != own)


def _meets(one: IPv4Network, other: Network) -> bool:
    return isinstance(other, IPv4Network) and one.overlaps(other)


def _mask(network: Network, prefix: int) -> int:
    """Give the hosts of a /24, as bits, that lie in a network."""
    if not isinstance(network, IPv4Network):
        return 0
    first, last = int(network.network_address), int(network.broadcast_address)
    low, high = max(first, prefix << 8), min(last, prefix << 8 | 0xFF)
    return ((1 << (high - low + 1)) - 1) << (low & 0xFF) if low <= high else 0


def _is_private(home: Home) -> bool:
    number = V4_FIRST | home.prefix << 8 | 1
    return (
        bool(home.hosts)
        and not is_public(number)
        and not is_link_scope(number)
        and home.prefix >> 16 not in (0, 127)
    )


def _seen(members: list[Home]) -> Text:
    hosts = sum(home.hosts.bit_count() for home in members)
    first, last = members[0], members[-1]
    low = IPv4Address(first.prefix << 8 | (first.hosts & -first.hosts).bit_length() - 1)
    high = IPv4Address(last.prefix << 8 | last.hosts.bit_length() - 1)
    return Text(
        ja=f"端末 {hosts:,} 台を観測（{low}～{high}）。範囲の長さは推定です。アドレス管理表で確かめてください",
        en=f"hosts seen: {hosts:,} ({low} to {high}); the length of the prefix is a guess: check the address plan",
    )


def _question(vlan: int, router: int) -> Text:
    if not router:
        return Text(
            ja="キャプチャで見つけたアドレスです。どの領域のものか決めてください（role、または該当ゾーンの segments へ移す）",
            en="found in captures only: decide which domain it belongs to (choose the role, or move the segments to its zone)",
        )
    shown = mac_text(router)
    if vlan:
        return Text(
            ja=f"VLAN {vlan} のルータ {shown} の向こうに見えたアドレスです。外部の網なら role: external にしてください",
            en=f"seen behind the router {shown} in VLAN {vlan}: role external, if it is another organisation's network",
        )
    return Text(
        ja=f"ルータ {shown} の向こうに見えたアドレスで、VLANは分かりません。どの領域のものか決めてください",
        en=f"seen behind the router {shown}, so its VLAN is not known: decide which domain it belongs to",
    )
