"""What a script on scapy or dpkt does to get flows: one dictionary entry for each 5-tuple.

Run as `python bench/dissectors.py scapy|dpkt CAPTURE`; prints how many packets and flows it saw.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

Flow = tuple[object, ...]


def _scapy(path: Path) -> Counter[Flow]:
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader

    flows: Counter[Flow] = Counter()
    with PcapReader(str(path)) as packets:
        for packet in packets:
            ip = packet.getlayer(IP) or packet.getlayer(IPv6)
            transport = packet.getlayer(TCP) or packet.getlayer(UDP)
            if ip is not None and transport is not None:
                ends = sorted(((ip.src, transport.sport), (ip.dst, transport.dport)))
                flows[type(transport), *ends] += 1
    return flows


def _dpkt(path: Path) -> Counter[Flow]:
    import dpkt

    flows: Counter[Flow] = Counter()
    with path.open("rb") as file:
        for _, octets in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(octets).data
            transport = getattr(ip, "data", None)
            if isinstance(transport, dpkt.tcp.TCP | dpkt.udp.UDP):
                ends = sorted(((ip.src, transport.sport), (ip.dst, transport.dport)))
                flows[type(transport), *ends] += 1
    return flows


if __name__ == "__main__":
    found = {"scapy": _scapy, "dpkt": _dpkt}[sys.argv[1]](Path(sys.argv[2]))
    print(f"{sum(found.values())} packets, {len(found)} flows")
