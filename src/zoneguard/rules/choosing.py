"""Which flows the deep look shall open: chosen from their headers, spread over who spoke with whom, bounded."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from zoneguard.net.flow import FlowTable, Payload, State
from zoneguard.net.mixing import mix
from zoneguard.policy.model import FlowKind, Role
from zoneguard.policy.verdict import DECISIONS, VIOLATIONS, Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from zoneguard.policy.decide import Decided
    from zoneguard.policy.model import AllowedFlow, Policy
    from zoneguard.policy.zoning import Zoning


class Ask(IntEnum):
    """What is asked of a flow, the costliest question first; a flow is opened for the first that holds."""

    MAIL = 0  # was it turned into what the gateway's mode says? (ZG-B04)
    SCREEN = 1  # is it the screen protocol that was declared? (ZG-B02)
    BREAKOUT = 2  # where does it go, and how well is it encrypted? (ZG-D01, ZG-D02)
    NAMES = 3  # what is asked of a DNS server? (ZG-G01, ZG-F01)
    TOOL = 4  # whose software is it? (ZG-B05, ZG-G02, ZG-G03)


MOST_OCTETS: Mapping[Ask, int] = {  # of payload that is read again from one flow, both directions together
    Ask.MAIL: 32 << 20,
    Ask.SCREEN: 64 << 10,
    Ask.BREAKOUT: 32 << 10,
    Ask.NAMES: 256 << 10,
    Ask.TOOL: 32 << 10,
}
_SLACK = 4  # so many times as many wait before they are sifted
_CROSSINGS = [decision in VIOLATIONS or decision is Decision.ALLOWED for decision in DECISIONS]
_ALLOWED = DECISIONS.index(Decision.ALLOWED)
_LINK_SCOPE = DECISIONS.index(Decision.LINK_SCOPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Flows to be opened; `asked[i]` is the Ask of flow i. `left` tells how many of each question were not chosen."""

    flows: Decided
    asked: NDArray[np.int8]
    left: Mapping[Ask, int]


class Chooser:
    """Takes judged flows block by block and keeps the few that shall be opened.

    Of each question at most `most` flows are kept: those of different (opener, responder, port) before further
    ones of the same, and in an order that a fixed hash gives, so that the choice depends on the traffic alone
    and not on the order in which blocks came.
    """

    def __init__(self, policy: Policy, zoning: Zoning, *, most: int) -> None:
        self._most = most
        self._flow_ask = np.array([*(_ask_of(flow) for flow in policy.flows), -1], np.int8)
        self._into_lgwan = np.array([policy.role(name) is Role.LGWAN for name in zoning.names])
        self._kept: list[tuple[Decided, NDArray[np.int8]]] = []
        self._waiting = 0
        self._met = np.zeros(len(Ask), np.int64)

    def add(self, decided: Decided) -> None:
        """Note what of a block may be opened."""
        if not self._most or not len(decided.table):
            return
        asked = self._asked(decided)
        rows = np.flatnonzero(asked >= 0)
        if not len(rows):
            return
        self._met += np.bincount(asked[rows], minlength=len(Ask))
        self._kept.append((taken(decided, rows), asked[rows]))
        self._waiting += len(rows)
        if self._waiting > _SLACK * self._most * len(Ask):
            self._sift()

    def fork(self) -> Chooser:
        """Give a chooser that knows the same and may be told what is not final yet."""
        made = copy(self)
        made._kept, made._met = list(self._kept), self._met.copy()  # noqa: SLF001 - its own
        return made

    def files_in_use(self) -> set[int]:
        """Give the numbers of the files that the flows begin in which it keeps."""
        return {number for flows, _ in self._kept for number in np.unique(flows.table.file).tolist()}

    def chosen(self) -> Chosen | None:
        """Give what was kept, in the order of their first packets; None when there is nothing to open."""
        if not self._kept:
            return None
        self._sift()
        flows, asked = self._kept[0]
        order = np.lexsort((flows.table.frame, flows.table.file, flows.table.first_seen))
        left = self._met - np.bincount(asked, minlength=len(Ask))
        return Chosen(
            flows=taken(flows, order),
            asked=asked[order],
            left={ask: int(left[ask]) for ask in Ask if left[ask]},
        )

    def _asked(self, decided: Decided) -> NDArray[np.int8]:
        """Tell the question that each flow is to be opened for; -1: none."""
        table = decided.table
        asked = np.full(len(table), -1, np.int8)
        spoke = (table.state == State.DATA) & np.isin(table.protocol, (6, 17))
        is_dns = (
            spoke
            & (decided.decision != _LINK_SCOPE)
            & ((table.resp_port == 53) | (table.orig_payload == Payload.DNS_QUERY))
        )
        tool = spoke & np.array(_CROSSINGS)[decided.decision]
        declared = np.where(decided.decision == _ALLOWED, self._flow_ask[decided.flow], -1)
        declared[(declared == Ask.MAIL) & ~self._into_lgwan[decided.resp_zone]] = -1
        declared[~spoke] = -1
        asked[tool] = Ask.TOOL
        asked[is_dns] = Ask.NAMES
        return np.where(declared >= 0, declared, asked)

    def _sift(self) -> None:
        flows = _joined([one for one, _ in self._kept])
        asked = np.concatenate([one for _, one in self._kept])
        table = flows.table
        count = len(table)
        pair = mix(
            (
                asked,
                table.orig_address[:, 0],
                table.orig_address[:, 1],
                table.resp_address[:, 0],
                table.resp_address[:, 1],
                table.resp_port,
            ),
            count,
        )
        single = mix((pair, table.orig_port, table.first_seen, table.file, table.frame), count)
        order = np.lexsort((single, pair, asked))
        again = _places((asked[order], pair[order]))  # the how-manyth flow of its opener, responder and port
        order = order[np.lexsort((pair[order], again, asked[order]))]
        kept = order[_places((asked[order],)) < self._most]
        self._kept = [(taken(flows, kept), asked[kept])]
        self._waiting = len(kept)


def carrying(decided: Decided) -> Decided:
    """Select the flows that carried data: all that may be opened, or bring anything through a gateway."""
    return taken(decided, np.flatnonzero(decided.table.state == State.DATA))


def taken(decided: Decided, rows: NDArray[np.intp]) -> Decided:
    """Select judged flows by an index array."""
    columns = {one.name: getattr(decided, one.name)[rows] for one in fields(decided) if one.name != "table"}
    return replace(decided, table=decided.table.take(rows), **columns)


def _ask_of(flow: AllowedFlow) -> int:
    if flow.kind is FlowKind.MAIL:
        return Ask.MAIL
    if flow.kind is FlowKind.SCREEN:
        return Ask.SCREEN
    if flow.kind is FlowKind.BREAKOUT or flow.destination.names:
        return Ask.BREAKOUT
    return -1


def _joined(parts: Sequence[Decided]) -> Decided:
    columns = {
        one.name: np.concatenate([getattr(part, one.name) for part in parts])
        for one in fields(parts[0])
        if one.name != "table"
    }
    table = FlowTable(
        **{
            one.name: np.concatenate([getattr(part.table, one.name) for part in parts])
            for one in fields(FlowTable)
        }
    )
    return replace(parts[0], table=table, **columns)


def _places(sorted_columns: Sequence[NDArray[np.generic]]) -> NDArray[np.intp]:
    """Give each row its place (from 0) among the neighbours that are equal in all columns."""
    count = len(sorted_columns[0])
    begins = np.ones(count, np.bool_)
    begins[1:] = False
    for column in sorted_columns:
        begins[1:] |= column[1:] != column[:-1]
    firsts = np.flatnonzero(begins)
    return np.arange(count) - np.repeat(firsts, np.diff(np.append(firsts, count)))
