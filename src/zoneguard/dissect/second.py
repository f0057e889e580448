"""A second opinion: what our own readers could not name goes to tshark, in one temporary capture."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture.writing import write_capture
from zoneguard.dissect.record import Sight
from zoneguard.dissect.tool import find_tshark
from zoneguard.dissect.tshark import complete, dissect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoneguard.capture.cutting import CutFlow
    from zoneguard.dissect.record import Look
    from zoneguard.dissect.tool import Lack, Tool

# Ends of a flow: tshark tells flows apart by these alone, so that two alike may not share a capture.
Ends = tuple[object, ...]


def needs_second(look: Look) -> bool:
    """Tell whether something was there to be seen and was not understood."""
    return look.spoken is None and look.sight is not Sight.NOTHING


class SecondOpinion:
    """Asks the tshark of this machine, which is looked for when the first flow needs it."""

    def __init__(self, search: str) -> None:
        self._search = search
        self._tool: Tool | Lack | None = None

    def of(
        self, flows: Sequence[tuple[Ends, CutFlow, Look]], *, declared: Mapping[int, str]
    ) -> list[tuple[Look, Lack | None]]:
        """Give the looks of these flows with what tshark adds, or what kept it from that.

        `declared` maps TCP ports to protocols.
        """
        if self._tool is None:
            self._tool = find_tshark(self._search)
        told: list[tuple[Look, Lack | None]] = [(look, None) for _, _, look in flows]
        waiting = list(range(len(flows)))
        while waiting:
            share, waiting = _apart(waiting, flows)
            self._ask(share, flows, told, declared, self._tool)
        return told

    def _ask(
        self,
        share: Sequence[int],
        flows: Sequence[tuple[Ends, CutFlow, Look]],
        told: list[tuple[Look, Lack | None]],
        declared: Mapping[int, str],
        tool: Tool | Lack,
    ) -> None:
        packets = sorted(
            (packet.time, packet.file, packet.frame, at) for at in share for packet in flows[at][1].packets
        )
        places = {(packet.file, packet.frame, at): packet for at in share for packet in flows[at][1].packets}
        with tempfile.TemporaryDirectory(prefix="zoneguard-") as folder:
            capture = Path(folder, "flows.pcapng")
            write_capture(capture, (places[file, frame, at] for _, file, frame, at in packets))
            seen = dissect(capture, owners=[at for *_, at in packets], declared=declared, tool=tool)
        for at in share:
            look, _ = told[at]
            told[at] = complete(look, seen.flows[at]) if at in seen.flows else look, seen.lack


def _apart(
    waiting: Sequence[int], flows: Sequence[tuple[Ends, CutFlow, Look]]
) -> tuple[list[int], list[int]]:
    """Take the flows of which no two have the same ends; give them and the rest."""
    taken: dict[Ends, int] = {}
    rest = [at for at in waiting if taken.setdefault(flows[at][0], at) != at]
    return list(taken.values()), rest
