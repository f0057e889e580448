"""Display filters that find the packets of a finding again in Wireshark (manual page wireshark-filter)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding, Party

_PORTS = {6: "tcp.port", 17: "udp.port", 132: "sctp.port", 136: "udplite.port"}


def display_filter(finding: Finding) -> str:
    """Give a filter for the traffic that a finding speaks of; "" when it names neither addresses nor MACs."""
    terms = [term for party in (finding.orig, finding.resp) if party for term in _party(party, finding)]
    if not terms:
        return ""
    if finding.protocol is None:  # its ends were seen each for itself, not as the ends of one packet
        return " || ".join(terms)
    port = finding.resp.port if finding.resp else None
    if finding.protocol in _PORTS and port is not None:
        terms.append(f"{_PORTS[finding.protocol]} == {port}")
    elif finding.protocol is not None:
        terms.append(f"ip.proto == {finding.protocol} || ipv6.nxt == {finding.protocol}")
    return " && ".join(f"({term})" if "||" in term else term for term in terms)


def _party(party: Party, finding: Finding) -> Iterator[str]:
    """Name one end by its address, else by its MAC; an end that stands for many is left open."""
    try:
        version = ip_address(party.address or "").version
    except ValueError:
        if party.mac:
            yield f"eth.addr == {party.mac}"
        return
    if version == 6:
        yield f"ipv6.addr == {party.address}"
    elif finding.protocol is None:  # claims stand in ARP, which has fields of its own
        yield f"ip.addr == {party.address} || arp.src.proto_ipv4 == {party.address}"
    else:
        yield f"ip.addr == {party.address}"
