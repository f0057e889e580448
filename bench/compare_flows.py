"""Hold the flow table against a reference: a folder of captures and their expected flows, as JSON lines.

Each line: {"capture": name, "flows": [{proto, client, server, vlan, c2s_pkts, s2c_pkts, …}]}.
Usage: python bench/compare_flows.py FOLDER FLOWS.jsonl
"""

from __future__ import annotations

import collections
import ipaddress
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture import flows, source, tables
from zoneguard.net.flow import FlowTable

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBERS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPV6": 58, "SCTP": 132, "ESP": 50, "AH": 51, "VRRP": 112,
           "OSPF": 89, "PIM": 103}  # fmt: skip


def observed(path: Path) -> tuple[FlowTable, tables.Reading, tables.Meter]:
    blocks: list[FlowTable] = []
    meter = tables.Meter(compiled=False, emit=lambda rows: blocks.append(flows.to_flows(rows)))
    reading = meter.read(source.open_source(path))
    meter.finish()
    return FlowTable.concatenate(blocks), reading, meter


def address(pair: Sequence[int]) -> str:
    value = int(pair[0]) << 64 | int(pair[1])
    six = ipaddress.IPv6Address(value)
    return str(six.ipv4_mapped or six)


def split(end: str) -> tuple[str, int]:
    host, _, port = end.rpartition(":")
    if host.startswith("["):
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    try:
        return str(ipaddress.ip_address(host)), int(port)
    except ValueError:
        return str(ipaddress.ip_address(end.strip("[]"))), 0


def seen_by_ends(table: FlowTable) -> dict[object, list[tuple[tuple[str, int], int, int, int, int]]]:
    """Index flows by protocol and unordered ends: opener, packets each way, copies, rung."""
    seen = collections.defaultdict(list)
    for i in range(len(table)):
        orig = (address(table.orig_address[i]), int(table.orig_port[i]))
        resp = (address(table.resp_address[i]), int(table.resp_port[i]))
        protocol = int(table.protocol[i])
        if protocol in (1, 58, 132):  # the reference gives these no ports
            orig, resp = (orig[0], 0), (resp[0], 0)
        packets = int(table.orig_packets[i]), int(table.resp_packets[i])
        rest = int(table.copies[i]), int(table.opener[i])
        seen[protocol, frozenset((orig, resp))].append((orig, *packets, *rest))
    return seen


def difference(found: list[tuple[tuple[str, int], int, int, int, int]], want: tuple[int, int]) -> str:
    """Name the class of a difference."""
    if not found:
        return "absent"
    if sum(f[1] + f[2] for f in found) == sum(want):
        return "split or merged in time"
    if sum(f[1] + f[2] + f[3] for f in found) == sum(want):
        return "mirror copies not counted"
    return "other counts"


def main() -> int:
    folder, reference = Path(sys.argv[1]), Path(sys.argv[2])
    total = exact = opposite = 0
    classes: collections.Counter[str] = collections.Counter()
    for case in map(json.loads, reference.read_text().splitlines()):
        table, reading, meter = observed(folder / case["capture"])
        if not len(table):
            print("no flow:", case["capture"], meter.coverage().not_decoded, [x.en for x in reading.faults])
        seen = seen_by_ends(table)
        for flow in case["flows"]:
            total += 1
            try:
                client, server = split(flow["client"]), split(flow["server"])
            except ValueError:
                classes["reference prints no valid address"] += 1
                continue
            number = NUMBERS.get(flow["proto"]) or int(flow["proto"])
            found = seen.get((number, frozenset((client, server))), [])
            want = (flow["c2s_pkts"], flow["s2c_pkts"])
            match = next((f for f in found if (f[1:3] if f[0] == client else (f[2], f[1])) == want), None)
            if match is None:
                kind = difference(found, want)
                classes[kind] += 1
                print(f"{kind}: {case['capture']} {flow['proto']} {client} {server} {want} {found[:3]}")
            else:
                exact += 1
                opposite += match[0] != client
                if match[0] != client:
                    print("opposite:", case["capture"], flow["proto"], client, server, "rung", match[4])
    print(f"{total} expected, {exact} found alike ({100 * exact / total:.1f} %)")
    print(f"opener opposite in {opposite} ({100 * opposite / max(exact, 1):.1f} %)", dict(classes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
