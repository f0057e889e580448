"""Display filters with which Wireshark finds the packets of a finding again (wireshark-filter(4))."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.findings.finding import PacketLocator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding, LineLocator, Party

_PORTS = {6: "tcp.port", 17: "udp.port", 33: "dccp.port", 132: "sctp.port"}
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)


def frame_filters(locators: Sequence[PacketLocator | LineLocator]) -> list[tuple[str, str]]:
    """Give, for each capture file, the filter that shows just the frames that are named of it."""
    frames: dict[str, list[int]] = {}
    for locator in locators:
        if isinstance(locator, PacketLocator):
            frames.setdefault(locator.file, []).append(locator.frame)
    return [(file, _frames(sorted(set(numbers)))) for file, numbers in frames.items()]


def flow_filter(finding: Finding) -> str | None:
    """Give the filter that shows more than the frames: the conversation, or what its device sent and received.

    None when nothing is known to filter by. Only addresses, MACs and numbers go into it: whatever else stands
    in their place is left out.
    """
    if finding.protocol is None:  # claims of a device, each in a packet of its own
        macs = {party.mac for party in (finding.orig, finding.resp) if party is not None and party.mac}
        shown = sorted(mac for mac in macs if _MAC.fullmatch(mac))
        return " || ".join(f"eth.addr == {mac}" for mac in shown) or None
    terms = list(dict.fromkeys([*_end(finding.orig), *_end(finding.resp)]))
    if not terms:
        return None
    port = finding.resp.port if finding.resp else None
    if finding.protocol in _PORTS and port is not None and 0 <= port <= 65535:
        terms.append(f"{_PORTS[finding.protocol]} == {port}")
    elif finding.protocol == 1:
        terms.append("icmp")
    elif finding.protocol == 58:
        terms.append("icmpv6")
    return " && ".join(terms)


def _frames(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"frame.number == {numbers[0]}"
    return f"frame.number in {{{', '.join(map(str, numbers))}}}"


def _end(party: Party | None) -> Iterator[str]:
    if party is None:
        return
    if party.address is not None:
        try:
            address = ip_address(party.address.partition("%")[0])
        except ValueError:
            return
        yield f"{'ip' if address.version == 4 else 'ipv6'}.addr == {address}"
    elif party.mac is not None and _MAC.fullmatch(party.mac):
        yield f"eth.addr == {party.mac}"
