"""Hold the classes of first payloads against nDPI's names: a folder of captures and its results for them.

RESULTS is tests/cfgs/default/result of nDPI: for each capture a file NAME.out with a line for each flow.
Usage: python bench/compare_classes.py FOLDER RESULTS; ends with 1 when the bar is missed.
"""

from __future__ import annotations

import collections
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from compare_flows import NUMBERS, address, observed, split

from zoneguard.net.flow import Payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.net.flow import FlowTable

BAR: Final = 0.98
FLOW: Final = re.compile(
    r"^\t\s*\d+\t(?P<transport>TCP|UDP) (?P<one>\S+) (?:<->|->) (?P<other>\S+) .*?"
    r"\[proto: (?:[A-Z]+:)?[\d.]+/(?P<name>[^\]]+)\].*?\[Confidence: (?P<by>[^\]]+)\]"
)
CLASSES: Final = {
    "DNS": {Payload.DNS_QUERY, Payload.DNS_RESPONSE},
    "FTP": {Payload.FTP_CLIENT, Payload.FTP_SERVER},
    "HTTP": {Payload.HTTP_REQUEST, Payload.HTTP_RESPONSE},
    "RDP": {Payload.RDP},
    "SMB": {Payload.SMB},
    "SMTP": {Payload.SMTP_CLIENT, Payload.SMTP_SERVER},
    "SSH": {Payload.SSH},
    "TLS": {Payload.TLS_CLIENT, Payload.TLS_SERVER, Payload.TLS_RECORD},
    "VNC": {Payload.RFB},
}
# nDPI's names of what they are, and of what may come first: it names by what a connection turns to (STARTTLS).
NAMED: Final = {
    "DNS": ("DNS",),
    "FTP_CONTROL": ("FTP",),
    "FTPS": ("TLS", "FTP"),
    "HTTP": ("HTTP",),
    "HTTP_Connect": ("HTTP",),
    "HTTP_Proxy": ("HTTP",),
    "LLMNR": ("DNS",),
    "MDNS": ("DNS",),
    "RDP": ("RDP",),
    "SMBv1": ("SMB",),
    "SMBv23": ("SMB",),
    "SMTP": ("SMTP",),
    "SMTPS": ("TLS", "SMTP"),
    "SSH": ("SSH",),
    "TLS": ("TLS",),
    "VNC": ("VNC",),
}
OVER: Final = {"SOAP": "HTTP"}  # what runs over one of them
MAIL: Final = {
    "IMAPS": ("TLS", {Payload.IMAP_SERVER}),
    "POPS": ("TLS", {Payload.POP3_SERVER, Payload.POP3_CLIENT}),
}


class Flow(NamedTuple):
    """One flow of nDPI's."""

    capture: str
    transport: str
    ends: frozenset[tuple[str, int]]
    name: str  # "TLS.Google": what it is, and whose
    by: str


def named(results: Path, capture: str) -> Iterator[Flow]:
    """Read nDPI's flows of one capture."""
    path = results / f"{capture}.out"
    for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else ():
        found = FLOW.match(line)
        if found is None:
            continue
        try:
            ends = frozenset((split(found["one"]), split(found["other"])))
        except ValueError:  # no valid address
            continue
        yield Flow(capture, found["transport"], ends, found["name"], found["by"])


def classed(table: FlowTable) -> dict[object, set[Payload]]:
    """Give the classes of both directions of the flows between two ends, when they carried payload."""
    seen: dict[object, set[Payload]] = collections.defaultdict(set)
    for i in range(len(table)):
        orig = (address(table.orig_address[i]), int(table.orig_port[i]))
        resp = (address(table.resp_address[i]), int(table.resp_port[i]))
        both = {Payload(int(table.orig_payload[i])), Payload(int(table.resp_payload[i]))} - {Payload.NONE}
        seen[int(table.protocol[i]), frozenset((orig, resp))] |= both
    return seen


def verdict(flow: Flow, seen: set[Payload]) -> tuple[str, str]:
    """Say which of the nine nDPI names, if one, and how our classes stand to it."""
    ours = {name for name, classes in CLASSES.items() if seen & classes}
    first, *rest = flow.name.split(".")
    over = {OVER[part] for part in (first, *rest) if part in OVER}
    may = {name for part in (first, *rest) for name in NAMED.get(part, ())} | over
    if first in MAIL:
        want, words = MAIL[first]
        agreed = bool(ours == {want} or (seen & words and not ours - {want}))
        return want, "alike" if agreed else "unlike"
    if first not in NAMED:
        return "", "named by us alone" if ours - may else ""
    want = NAMED[first][0]
    if ours and ours <= may:
        return want, "alike"
    if ours - may:
        return want, "another of the nine"
    # A port is no evidence of what was spoken, and nDPI says where it went by nothing else.
    return want, "unlike" if flow.by.startswith("DPI") else "nDPI by port"


def main() -> int:
    """Compare and print; every difference has its line."""
    folder, results = Path(sys.argv[1]), Path(sys.argv[2])
    told: collections.Counter[tuple[str, str]] = collections.Counter()
    for path in sorted(folder.iterdir()):
        flows = list(named(results, path.name))
        seen = classed(observed(path)[0]) if flows else {}
        for flow in flows:
            classes = seen.get((NUMBERS[flow.transport], flow.ends))
            if not classes:
                continue
            want, kind = verdict(flow, classes)
            told[want, kind] += 1
            if kind not in ("", "alike"):
                ends = " ".join(f"{host}:{port}" for host, port in sorted(flow.ends))
                ours = ", ".join(sorted(one.name for one in classes))
                print(f"{kind}: {flow.capture} {flow.transport} {ends} {flow.name} ({flow.by}); ours: {ours}")
    for name in CLASSES:
        kinds = {kind: count for (want, kind), count in sorted(told.items()) if want == name}
        print(name, kinds)
    alike = sum(count for (want, kind), count in told.items() if want and kind == "alike")
    spoken = sum(count for (want, kind), count in told.items() if want and kind != "nDPI by port")
    crossed = sum(count for (_, kind), count in told.items() if kind == "another of the nine")
    share = alike / max(spoken, 1)
    print(
        f"{spoken} flows with payload that nDPI names by what they carry, {alike} alike ({100 * share:.1f} %)"
    )
    guessed = sum(count for (_, kind), count in told.items() if kind == "nDPI by port")
    print(f"{guessed} more that nDPI names by their port alone, and whose payload is of no class")
    return 0 if spoken and share >= BAR and not crossed else 1


if __name__ == "__main__":
    sys.exit(main())
