"""Look into every flow of a corpus of captures and list where a reference tells another protocol or JA4.

RESULTS holds, for a capture NAME, NAME.out as ndpiReader prints it (a line for each flow) or NAME.snap as FoxIO's
own tests keep it (streams with their JA4). Without RESULTS only what was seen is counted.
Usage: python bench/compare_looks.py FOLDER [RESULTS]
"""

from __future__ import annotations

import collections
import ipaddress
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture.cutting import Wanted, cut
from zoneguard.capture.metering import Input, meter
from zoneguard.dissect.look import look
from zoneguard.net.flow import FlowTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.dissect.record import Look

NUMBERS = (
    "orig_port",
    "resp_port",
    "protocol",
    "domain",
    "tunnel",
    "file",
    "frame",
    "first_seen",
    "last_seen",
)
MOST_OCTETS = 4 << 20
SLOW = 2.0  # seconds
SPOKEN = {  # of nDPI's names, those of the protocols that the first payload tells
    "DNS": "dns",
    "DTLS": "dtls",
    "FTP_CONTROL": "ftp",
    "HTTP": "http",
    "HTTP_Connect": "http",
    "HTTP_Proxy": "http",
    "IMAP": "imap",
    "IMAPS": "tls",
    "IPSec": "ike",
    "Kerberos": "kerberos",
    "LDAP": "ldap",
    "NTP": "ntp",
    "OpenVPN": "openvpn",
    "POP3": "pop3",
    "POPS": "tls",
    "QUIC": "quic",
    "RDP": "rdp",
    "SMBv1": "smb",
    "SMBv23": "smb",
    "SMTP": "smtp",
    "SMTPS": "tls",
    "SNMP": "snmp",
    "SOCKS": "socks",
    "SSH": "ssh",
    "TLS": "tls",
    "Telnet": "telnet",
    "VNC": "rfb",
    "WireGuard": "wireguard",
}
ASKED = ("rdp", "rfb", "ssh", "tls", "http", "smtp", "dns", "smb", "ftp")
LINE = re.compile(r"^\s*\d+\s+(TCP|UDP) (\S+) (?:<->|->) (\S+) .*?\[proto: [0-9.]+/([A-Za-z0-9_.-]+)\]")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reference says of a flow."""

    spoken: str | None
    ja4: str | None


Ends = tuple[int, frozenset[tuple[str, int]]]


def looks(path: Path) -> Iterator[tuple[Ends, bool, Look, float]]:
    """Look into each flow of a capture; has it payload, what was seen, in how many seconds."""
    blocks: list[FlowTable] = []
    inputs = [Input(path=path, sensor=0)]
    metered = meter(inputs, blocks.append, jobs=1, digests=False)
    table = FlowTable.concatenate(blocks)
    wanted = [
        Wanted(
            orig=tuple(table.orig_address[i].tolist()),
            resp=tuple(table.resp_address[i].tolist()),
            most_octets=MOST_OCTETS,
            **{name: int(getattr(table, name)[i]) for name in NUMBERS},
        )
        for i in range(len(table))
    ]
    for flow, found in zip(wanted, cut(inputs, metered.inputs, wanted), strict=True):
        begin = time.perf_counter()
        seen = look(found, flow.protocol, flow.resp_port)
        ends = frozenset({(address(flow.orig), flow.orig_port), (address(flow.resp), flow.resp_port)})
        payload = any(packet.payload for packet in found.packets)
        yield (flow.protocol, ends), payload, seen, time.perf_counter() - begin


def address(pair: tuple[int, int]) -> str:
    """Write an address as the references do."""
    six = ipaddress.IPv6Address(pair[0] << 64 | pair[1])
    return str(six.ipv4_mapped or six)


def by_ndpi(path: Path) -> dict[Ends, Expected]:
    """Read what ndpiReader printed."""
    told: dict[Ends, Expected] = {}
    for line in path.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        try:
            ends = frozenset(map(end, match.group(2, 3)))
        except ValueError:
            continue
        names = [SPOKEN[name] for name in match.group(4).split(".") if name in SPOKEN]
        ja4 = re.search(r"\[JA4: (\w+)\]", line)
        told[6 if match.group(1) == "TCP" else 17, ends] = Expected(
            names[0] if names else None, ja4.group(1) if ja4 else None
        )
    return told


def by_foxio(path: Path) -> dict[Ends, Expected]:
    """Read a snapshot of FoxIO's tests: a list of streams, a field on each line."""
    told: dict[Ends, Expected] = {}
    for block in path.read_text().split("\n- stream: ")[1:]:
        fields = dict(
            re.findall(r"^\s+(transport|src|dst|src_port|dst_port|ja4): (.+)$", block, re.MULTILINE)
        )
        if "ja4" in fields:
            sides = ((fields[one], int(fields[f"{one}_port"])) for one in ("src", "dst"))
            number = 6 if fields["transport"] == "tcp" else 17
            told[number, frozenset((str(ipaddress.ip_address(host)), port) for host, port in sides)] = (
                Expected(None, fields["ja4"])
            )
    return told


def end(text: str) -> tuple[str, int]:
    """Read `host:port` or `[host]:port`."""
    host, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)


def difference(ja4: str | None, want: str) -> str:
    """Name the class of a difference.

    ndpiReader of 2024 does not keep to the specification in three places: it writes "d" for a hello without SNI,
    the first two characters of the ALPN name where the first and the last are meant, and the hash of nothing
    for a hello without extensions.
    """
    if ja4 == want:
        return "alike"
    want = want.replace("_e3b0c44298fc", "_000000000000")
    if ja4 is not None and ja4[1:3] + ja4[4:8] + ja4[10:] == want[1:3] + want[4:8] + want[10:]:
        return "the reference departs from the specification (SNI, ALPN or no extensions)"
    return "other"


@dataclass(slots=True)
class Compared:
    """Sums over a corpus."""

    seen: collections.Counter[str]
    spoken: dict[str, collections.Counter[bool]]
    fingerprints: collections.Counter[str]
    slow: int = 0

    def add(self, name: str, ends: Ends, payload: bool, seen: Look, want: Expected | None) -> None:  # noqa: FBT001 - one of a row
        """Take one flow, and print what differs."""
        self.seen.update(("flows", seen.sight.value, *seen.troubles))
        if want is None or not payload:
            return
        if want.spoken is not None:
            alike = want.spoken in {seen.spoken, seen.inside}
            self.spoken[want.spoken][alike] += 1
            if not alike:
                told = f"{seen.spoken} ({seen.sight})"
                print(f"protocol: {name} {sorted(ends[1])} {want.spoken}, here {told} {seen.troubles}")
        if want.ja4 is not None:
            ja4 = seen.tls.ja4 if seen.tls else None
            kind = difference(ja4, want.ja4)
            self.fingerprints[kind] += 1
            if kind == "other":
                print(f"ja4: {name} {sorted(ends[1])} {want.ja4}, here {ja4} {seen.troubles}")

    def tell(self) -> None:
        """Print the sums."""
        print(dict(self.seen))
        for name, count in sorted(self.spoken.items()):
            print(f"{name}: {count[True]} of {count[True] + count[False]} alike")
        asked = [self.spoken[name] for name in ASKED]
        alike, other = sum(one[True] for one in asked), sum(one[False] for one in asked)
        print(f"protocols: {alike} of {alike + other} alike ({100 * alike / max(alike + other, 1):.1f} %)")
        print(f"JA4: {sum(self.fingerprints.values())} compared, {dict(self.fingerprints)}")


def expected(results: Path | None, name: str) -> dict[Ends, Expected]:
    """Give what the reference says of a capture."""
    if results is not None and (results / f"{name}.out").exists():
        return by_ndpi(results / f"{name}.out")
    if results is not None and (results / f"{name}.snap").exists():
        return by_foxio(results / f"{name}.snap")
    return {}


def main() -> int:
    """Compare; the exit status is 1 when a look was slow."""
    folder = Path(sys.argv[1])
    folder = folder / "pcap" if (folder / "pcap").is_dir() else folder
    results = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    compared = Compared(
        collections.Counter(), collections.defaultdict(collections.Counter), collections.Counter()
    )
    for path in sorted(folder.iterdir()):
        reference = expected(results, path.name)
        for ends, payload, seen, seconds in looks(path):
            if seconds > SLOW:
                compared.slow += 1
                print(f"slow: {path.name} {sorted(ends[1])} {seconds:.1f} s")
            compared.add(path.name, ends, payload, seen, reference.get(ends))
    compared.tell()
    return 1 if compared.slow else 0


if __name__ == "__main__":
    sys.exit(main())
