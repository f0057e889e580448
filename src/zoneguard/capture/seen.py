"""What the meter saw besides flows: claims, tunnels, and what it did not understand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.capture import layout
from zoneguard.net.address import MASK64
from zoneguard.net.flow import CaptureCoverage, Claim, ClaimKind, Tunnel, TunnelEnds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoneguard.capture.layout import Tables

MOST_CLAIMS = 100_000
MOST_ETHERTYPES = 256

REASONS = {
    layout.N_UNKNOWN_LINK: "unsupported link type",
    layout.N_BAD_IP: "malformed IP header",
    layout.N_TOO_DEEP: "too many layers of tunnels",
    layout.N_ENCRYPTED_WLAN: "encrypted wireless frame",
    layout.N_WLAN_CONTROL: "wireless management or control frame",
    layout.N_OTHER_LLC: "LLC frame without IP",
    layout.N_EMPTY: "empty frame",
    layout.N_NOT_IP: "PPP control frame",
    layout.N_BAD_INTERFACE: "undeclared pcapng interface",
}


# What is counted anew in each window.
COUNTERS = (*range(layout.N_PACKETS, layout.N_BAD_INTERFACE + 1), layout.N_MERGED, layout.N_SHORTENED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was seen besides flows in a stretch of an input without end."""

    claims: list[Claim]
    tunnels: list[TunnelEnds]
    coverage: CaptureCoverage


class Claims:
    """Who claimed which address, and which protocols without IP were met; both bounded."""

    def __init__(self, most: int = MOST_CLAIMS) -> None:
        self.most = most
        self.ethertypes: dict[int, int] = {}
        self.lost = 0
        self._seen: dict[tuple[int, ...], list[int]] = {}

    def drain(self, t: Tables) -> None:
        """Take what the kernel has noted since the last time."""
        z, c = t.scalars, t.claims
        for at in range(0, int(z[layout.Z_CLAIMS]) * layout.CLAIM_STRIDE, layout.CLAIM_STRIDE):
            kind, mac, high, low, vlan, sensor, time, frame = (
                int(x) for x in c[at : at + layout.CLAIM_STRIDE]
            )
            if kind == layout.CLAIM_ETHERTYPE:
                if low in self.ethertypes or len(self.ethertypes) < MOST_ETHERTYPES:
                    self.ethertypes[low] = self.ethertypes.get(low, 0) + 1
                continue
            key = (kind, mac, high & MASK64, low & MASK64, vlan, sensor)
            seen = self._seen.get(key)
            if seen is not None:
                seen[0], seen[1], seen[2] = min(seen[0], time), max(seen[1], time), seen[2] + 1
            elif len(self._seen) < self.most:
                self._seen[key] = [time, time, 1, int(z[layout.Z_FILE]), frame]
            else:
                self.lost += 1
        z[layout.Z_CLAIMS] = 0

    def items(self) -> Iterable[tuple[tuple[int, ...], list[int]]]:
        """Give what is known of each claim: its key, and when, how often and where it was seen."""
        return self._seen.items()

    def restore(self, seen: dict[tuple[int, ...], list[int]]) -> None:
        """Take up what `items` gave."""
        self._seen = seen

    def all(self) -> list[Claim]:
        """Give who claimed what, in the order of first sight."""
        return [
            Claim(
                kind=ClaimKind(kind),
                mac=mac,
                address=(high, low),
                vlan=vlan,
                sensor=sensor,
                first_seen=first,
                last_seen=last,
                count=count,
                file=file,
                frame=frame,
            )
            for (kind, mac, high, low, vlan, sensor), (
                first,
                last,
                count,
                file,
                frame,
            ) in self._seen.items()
        ]


def covered(z: layout.Words, claims: Claims, *, dropped: int, spills: int) -> CaptureCoverage:
    """Count what was read, and what was not understood and why."""
    reasons = {reason: int(z[n]) for n, reason in REASONS.items() if z[n]}
    reasons |= {f"ethertype 0x{kind:04x}": n for kind, n in sorted(claims.ethertypes.items())}
    if claims.lost:
        reasons["address claims beyond the bound"] = claims.lost
    if z[layout.N_TUNNELS_LOST]:
        reasons["tunnels beyond the bound"] = int(z[layout.N_TUNNELS_LOST])
    return CaptureCoverage(
        packets=int(z[layout.N_PACKETS]),
        bytes=int(z[layout.N_BYTES]),
        decoded=int(z[layout.N_DECODED]),
        not_decoded=reasons,
        duplicates=int(z[layout.N_COPIES]),
        truncated=int(z[layout.N_TRUNCATED]),
        dropped=dropped,
        fragments_without_first=int(z[layout.N_FRAGMENTS_LOST]),
        icmp_errors=int(z[layout.N_ICMP_ERRORS]),
        clock_steps_back=int(z[layout.N_CLOCK_BACK]),
        tunnels_not_opened=int(z[layout.N_NOT_OPENED]),
        flow_table_spills=spills,
    )


def opened_tunnels(t: layout.Words) -> list[TunnelEnds]:
    """Give the tunnels that were opened."""
    found = []
    for s in range(0, layout.TUNNELS * layout.TUNNEL_STRIDE, layout.TUNNEL_STRIDE):
        if t[s + layout.T_IDENTITY]:
            w = [int(x) & MASK64 for x in t[s + layout.T_OUTER : s + layout.T_OUTER + 4]]
            found.append(
                TunnelEnds(
                    identity=int(t[s + layout.T_IDENTITY]),
                    kind=Tunnel(int(t[s + layout.T_KIND])),
                    outer_orig=(w[0], w[1]),
                    outer_resp=(w[2], w[3]),
                    number=int(t[s + layout.T_NUMBER]),
                    parent=int(t[s + layout.T_PARENT]),
                )
            )
    return sorted(found, key=lambda ends: (ends.outer_orig, ends.outer_resp, ends.kind, ends.number))


def keep_tunnels(t: Tables, used: set[int]) -> None:
    """Forget the tunnels in which nothing runs; `used` are the identities of the others, their parents apart."""
    if not t.scalars[layout.Z_TUNNELS]:
        return
    words = t.tunnels
    stride = layout.TUNNEL_STRIDE
    entries = {
        int(words[s]): [int(word) for word in words[s : s + stride]]
        for s in range(0, layout.TUNNELS * stride, stride)
        if words[s + layout.T_IDENTITY]
    }
    kept: dict[int, list[int]] = {}
    for one in sorted(used & entries.keys()):
        identity = one
        while identity in entries and identity not in kept:
            kept[identity] = entries[identity]
            identity = entries[identity][layout.T_PARENT]
    for at in range(layout.TUNNELS * stride):
        words[at] = 0
    for identity, entry in kept.items():
        for probe in range(8):  # as decode.enter_tunnel looks for it
            s = (identity + probe) % layout.TUNNELS * stride
            if not words[s + layout.T_IDENTITY]:
                words[s : s + stride] = entry
                break
    t.scalars[layout.Z_TUNNELS] = len(kept)
