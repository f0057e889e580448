"""Packets, one or a table of them, through every device given: permitted or not, and by which line."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError, why
from zoneguard.firewall.model import Action
from zoneguard.firewall.trace import trace
from zoneguard.net.address import number_of
from zoneguard.net.product import Probe
from zoneguard.net.service import Point
from zoneguard.policy.regions import allowed_regions, zone_spans
from zoneguard.policy.services import protocol_of
from zoneguard.policy.verdict import Packet, verdict
from zoneguard.policy.zoning import Zoning
from zoneguard.report.harmless import harmless_cell
from zoneguard.rules.permitting import Held
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from zoneguard.api.exports import ExportRead
    from zoneguard.firewall.trace import Trace
    from zoneguard.net.address import Address
    from zoneguard.policy.model import Policy
    from zoneguard.policy.verdict import Ruling

MOST_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One packet that is asked about; `ingress` is the interface it comes in by, "" for any that fits."""

    source: Address
    destination: Address
    protocol: int
    dport: int = 0  # ICMP: type*256+code
    sport: int = 49152
    ingress: str = ""
    expected: Action | None = None  # what the table says should happen


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDevice:
    """What one device does with it, on the first way that fits its zones."""

    device: str
    ingress: str | None
    egress: str | None
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the policy and the devices say of one packet; `permitted` None when no device decides it for sure."""

    asked: Asked
    zones: tuple[str, str]
    ruling: Ruling
    devices: tuple[AtDevice, ...]
    permitted: Action | None


class Explainer:
    """Answers about packets, with the exports read and placed once."""

    def __init__(self, policy: Policy, exports: Sequence[ExportRead]) -> None:
        self._policy = policy
        self._zoning = Zoning(policy)
        spans = zone_spans(policy)
        regions = allowed_regions(policy, spans)
        self._held = [
            Held(policy, spans, regions, one.result, ruleset)
            for one in exports
            for ruleset in one.result.rulesets
        ]

    def answer(self, asked: Asked) -> Answer:
        """Ask the policy, then every device that joins the packet's zones."""
        zones = self._zoning.zone_of(asked.source), self._zoning.zone_of(asked.destination)
        packet = Packet(
            orig=asked.source,
            resp=asked.destination,
            orig_zone=zones[0],
            resp_zone=zones[1],
            protocol=asked.protocol,
            port=asked.dport,
        )
        devices = tuple(self._at_devices(asked, zones))
        return Answer(
            asked=asked,
            zones=zones,
            ruling=verdict(self._policy, packet),
            devices=devices,
            permitted=_overall(devices),
        )

    def _at_devices(self, asked: Asked, zones: tuple[str, str]) -> Iterator[AtDevice]:
        flags = 2 if asked.protocol == 6 else 0
        probe = Probe(
            number_of(asked.source),
            number_of(asked.destination),
            Point(asked.protocol, asked.sport, asked.dport, flags=flags),
        )
        for held in self._held:
            ways = [way for way in held.faces.ways(*zones) if asked.ingress in ("", way[0])]
            if not ways and asked.ingress and not held.faces.zones:
                ways = [(asked.ingress, None)]
            traced = [(way, trace(held.ruleset, probe, *way)) for way in ways]
            # Where several ways fit, the one that lets it pass is the one that matters.
            best = min(traced, key=lambda one: _ORDER[one[1].verdict], default=None)
            if best is not None:
                (ingress, egress), found = best
                yield AtDevice(
                    device=held.ruleset.device,
                    ingress=ingress,
                    egress=egress,
                    trace=found,
                )


_ORDER = {Action.PERMIT: 0, None: 1, Action.DENY: 2}


def _overall(devices: Sequence[AtDevice]) -> Action | None:
    """Tell what becomes of a packet: it passes when every device on its way lets it pass."""
    verdicts = [one.trace.verdict for one in devices]
    if Action.DENY in verdicts:
        return Action.DENY
    return Action.PERMIT if verdicts and None not in verdicts else None


_COLUMNS = {
    "source": ("src", "source", "送信元", "送信元アドレス"),
    "destination": ("dst", "destination", "宛先", "宛先アドレス"),
    "protocol": ("proto", "protocol", "プロトコル"),
    "sport": ("sport", "source-port", "送信元ポート"),
    "dport": ("dport", "port", "destination-port", "ポート", "宛先ポート"),
    "ingress": ("in-interface", "ingress", "interface", "入力インターフェイス"),
    "expected": ("expected", "期待", "期待値"),
}
_WORDS = {
    "permit": Action.PERMIT,
    "allow": Action.PERMIT,
    "accept": Action.PERMIT,
    "許可": Action.PERMIT,
    "deny": Action.DENY,
    "drop": Action.DENY,
    "reject": Action.DENY,
    "拒否": Action.DENY,
}


def read_packets(path: Path) -> tuple[Asked, ...]:
    """Read a table of packets (CSV with a heading). Raises InputRefusedError naming every row that cannot be read."""
    from zoneguard.firewall.export import decode

    try:
        text = decode(path.read_bytes())
    except OSError as error:
        raise InputRefusedError(
            Text(
                ja=f"{path}: 開けません（{why(error).ja}）。",
                en=f"{path}: cannot be opened ({why(error).en}).",
            )
        ) from error
    rows = csv.reader(io.StringIO(text))
    heading = [name.strip().lower() for name in next(rows, [])]
    at = {
        column: heading.index(name) for column, names in _COLUMNS.items() for name in names if name in heading
    }
    if not {"source", "destination"} <= at.keys():
        raise InputRefusedError(
            Text(
                ja=f"{path}:1: 見出しに src と dst がありません。src,dst,proto,dport のような見出しの行を置いてください。",
                en=f"{path}:1: the heading lacks src and dst; begin with a line such as src,dst,proto,dport.",
            )
        )
    asked: list[Asked] = []
    faults: list[Text] = []
    for number, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row) or number > MOST_ROWS:
            continue
        cells = {column: row[place].strip() if place < len(row) else "" for column, place in at.items()}
        try:
            asked.append(_asked(cells))
        except ValueError as error:
            faults.append(
                Text(
                    ja=f"{path}:{number}: 「{error}」を読めません。アドレス、プロトコル名、ポート番号を確かめてください。",
                    en=f"{path}:{number}: {error!s:.80} cannot be read; check the addresses, protocol and ports.",
                )
            )
    if faults:
        raise InputRefusedError(*faults[:20])
    return tuple(asked)


def _asked(cells: dict[str, str]) -> Asked:
    protocol = cells.get("protocol") or "tcp"
    number = protocol_of(protocol)
    if number is None:
        raise ValueError(protocol)
    expected = cells.get("expected", "").lower()
    if expected and expected not in _WORDS:
        raise ValueError(expected)
    return Asked(
        source=ip_address(cells["source"]),
        destination=ip_address(cells["destination"]),
        protocol=number,
        dport=_port(cells.get("dport", ""), 0),
        sport=_port(cells.get("sport", ""), 49152),
        ingress=cells.get("ingress", ""),
        expected=_WORDS.get(expected),
    )


def _port(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ValueError(text)
    return int(text)


def table(answers: Sequence[Answer]) -> str:
    """Give the answers as CSV: the packet, the policy's decision, each device's verdict and line, the whole."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    devices = list(dict.fromkeys(one.device for answer in answers for one in answer.devices))
    writer.writerow(
        ["src", "dst", "proto", "sport", "dport", "in-interface", "from", "to", "policy", "flow"]
        + [harmless_cell(word) for device in devices for word in (f"{device} verdict", f"{device} line")]
        + ["verdict", "expected", "agrees"]
    )
    for answer in answers:
        asked = answer.asked
        at = {one.device: one for one in answer.devices}
        row = [asked.source, asked.destination, asked.protocol, asked.sport, asked.dport, asked.ingress]
        row += [*answer.zones, answer.ruling.decision.value, answer.ruling.flow or ""]
        for device in devices:
            one = at.get(device)
            row += [verdict_word(one.trace.verdict), one.trace.decided_by] if one else ["", ""]
        row += [verdict_word(answer.permitted) if answer.devices else ""]
        row += [verdict_word(asked.expected) if asked.expected else "", _agrees(answer)]
        writer.writerow([harmless_cell(str(cell)) for cell in row])
    return file.getvalue()


def verdict_word(action: Action | None) -> str:
    """Name a verdict in the words of the table."""
    return action.value if action is not None else "may-permit"


def agrees(answer: Answer) -> bool:
    """Tell whether a packet fares as the table expects; without an expectation it does."""
    return answer.asked.expected is None or answer.asked.expected is answer.permitted


def _agrees(answer: Answer) -> str:
    return "" if answer.asked.expected is None else "yes" if agrees(answer) else "no"
