"""Flows gathered into conversations, and conversations that fan out gathered into one line, in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from zoneguard.net.mixing import mix
from zoneguard.rules.members import ORIG_WILD, RESP_WILD, SERVICE_WILD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from zoneguard.rules.members import Members

Columns: TypeAlias = "dict[str, NDArray[Any]]"

_ALL_WILD = ORIG_WILD | RESP_WILD | SERVICE_WILD

_ORIG = ("orig_high", "orig_low", "orig_mac")
_RESP = ("resp_high", "resp_low")
_SERVICE = ("protocol", "port", "orig_payload", "resp_payload")
_CONTEXT = ("orig_zone", "resp_zone", "decision", "flow", "state", "certain", "one_way")
_PATH = ("blocked", "sensor", "orig_vlan", "orig_next_hop", "tunnel")
KEYS = (*_ORIG, *_RESP, *_SERVICE, *_CONTEXT, *_PATH, "wild")
SUMS = ("flows", "packets", "bytes", "orig_bytes", "resp_packets")
# Of the earliest flow: what it was before columns were blanked, and what is not part of the key.
FIRST = ("opener", "resp_mac", "resp_next_hop", "resp_vlan", "file", "frame")
EXAMPLE = {
    "first_orig_high": "orig_high",
    "first_orig_low": "orig_low",
    "first_orig_mac": "orig_mac",
    "first_resp_high": "resp_high",
    "first_resp_low": "resp_low",
    "first_protocol": "protocol",
    "first_port": "port",
    "first_next_hop": "orig_next_hop",
    "first_vlan": "orig_vlan",
}

MOST_PEERS = 32  # hosts or services that are told one by one
MOST_LINES = 1024  # conversations of one zone pair and decision that are told one by one
MOST_IN_ALL = (
    20_000  # conversations, whatever their zones; beyond, fewer of each pair and decision are told one by one
)


class _Stage(NamedTuple):
    """Which columns to blank where more than `most` conversations agree in all others."""

    wild: int
    blank: tuple[str, ...]
    most: int


_HOST = ("orig_high", "orig_low", "orig_mac", "orig_next_hop", "blocked")
_STAGES = (
    _Stage(RESP_WILD, _RESP, MOST_PEERS),
    _Stage(ORIG_WILD, _ORIG, MOST_PEERS),
    _Stage(SERVICE_WILD, (*_SERVICE, "blocked"), MOST_PEERS),
    _Stage(RESP_WILD | SERVICE_WILD, (*_RESP, *_SERVICE, "blocked"), MOST_PEERS),
    _Stage(ORIG_WILD | SERVICE_WILD, (*_HOST, *_SERVICE), MOST_PEERS),
    _Stage(_ALL_WILD, (*_HOST, *_RESP, *_SERVICE, "orig_vlan", "tunnel"), MOST_LINES),
)


def line_of(columns: Columns) -> NDArray[np.uint64]:
    """Give each row its identity: a hash of the whole key."""
    return mix((columns[name] for name in KEYS), len(columns["wild"]))


def gather(columns: Columns) -> Columns:
    """Join rows of equal keys: sums are added, times span, and the earliest row speaks for the rest."""
    rows = len(columns["wild"])
    if rows < 2:
        return columns
    varying = [column for name in KEYS if (column := columns[name]).size and (column != column[0]).any()]
    order = np.argsort(mix(varying, rows), kind="stable")
    begins = np.zeros(rows, np.bool_)
    begins[0] = True
    for column in varying:  # the hash only brings equal keys together; the keys themselves decide
        placed = column[order]
        begins[1:] |= placed[1:] != placed[:-1]
    if begins.all():
        return columns
    starts = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    times = columns["first_seen"][order]
    first_seen = np.minimum.reduceat(times, starts)
    hits = np.flatnonzero(times == first_seen[group])
    earliest = order[hits[np.flatnonzero(np.diff(group[hits], prepend=-1))]]
    joined = {name: column[earliest] for name, column in columns.items()}
    for name in SUMS:
        joined[name] = np.add.reduceat(columns[name][order], starts)
    joined["last_seen"] = np.maximum.reduceat(columns["last_seen"][order], starts)
    joined["routed_by"] = np.maximum.reduceat(columns["routed_by"][order], starts)
    return joined


def collapse(columns: Columns, members: Members, bound_flows: Iterable[int]) -> Columns:
    """Gather what fans out: many responders, openers or services of one line become that line.

    `bound_flows` are allowed flows limited to MACs: their openers stay apart as long as they are few.
    """
    bound = np.array(sorted(bound_flows), np.int32)
    for stage in _STAGES:
        columns = _staged(columns, stage, members, bound)
    most = MOST_LINES
    while len(columns["wild"]) > MOST_IN_ALL and most:
        most //= 4
        columns = _staged(columns, _STAGES[-1]._replace(most=most), members, bound)
    return columns


def _staged(columns: Columns, stage: _Stage, members: Members, bound: NDArray[np.int32]) -> Columns:
    rows = len(columns["wild"])
    if rows <= MOST_PEERS and not (columns["wild"] == stage.wild).any():
        return columns
    chosen, groups = _fanning(columns, stage)
    if stage.wild & ORIG_WILD and not stage.wild & RESP_WILD and len(bound):
        chosen &= ~np.isin(columns["flow"], bound)
    if not chosen.any():
        return columns
    fans = np.flatnonzero(chosen)
    return _blanked(columns, fans, groups[fans], stage, members)


def _fanning(columns: Columns, stage: _Stage) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Mark the rows that agree with too many others, or with a line that already gathers their like.

    The second array numbers the groups of rows that agree.
    """
    kept = [columns[name] for name in KEYS if name != "wild" and name not in stage.blank]
    rows = len(columns["wild"])
    key = mix([column for column in kept if (column != column[0]).any()], rows)
    _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    many = count > stage.most
    # Lines gathered by other columns than these stand in the way of nothing and stay as they are.
    eligible = (columns["wild"] & ~np.uint8(stage.wild)) == 0
    gathered = np.bincount(inverse, weights=columns["wild"] == stage.wild) > 0
    if many.any():
        many &= np.bincount(inverse, weights=eligible) > stage.most
    if stage.wild == _ALL_WILD:  # many openers that each fan out already: both sides exploded
        many |= np.bincount(inverse, weights=columns["wild"] > 0) > MOST_PEERS
    fans: NDArray[np.bool_] = (many | gathered)[inverse] & eligible
    if stage.most == MOST_PEERS and fans.any():
        fans &= _diverse(columns, stage, inverse, fans, gathered)
    return fans, inverse


def _diverse(
    columns: Columns,
    stage: _Stage,
    inverse: NDArray[np.intp],
    fans: NDArray[np.bool_],
    gathered: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Keep groups with many hosts or many services; many rows alone may be one pair in many moods."""
    rows = np.flatnonzero(fans)
    enough = gathered.copy()
    for wild in (ORIG_WILD, RESP_WILD, SERVICE_WILD):
        if not stage.wild & wild:
            continue
        member = mix((inverse[rows], _member(columns, rows, wild)), len(rows))
        _, once = np.unique(member, return_index=True)
        enough |= np.bincount(inverse[rows[once]], minlength=len(gathered)) > stage.most
        enough |= np.bincount(inverse[rows], columns["wild"][rows] & wild > 0, len(gathered)) > 0
    diverse: NDArray[np.bool_] = enough[inverse]
    return diverse


def _blanked(
    columns: Columns, rows: NDArray[np.intp], group: NDArray[np.intp], stage: _Stage, members: Members
) -> Columns:
    """Gather the rows, each group to one line, and remember who they were."""
    rest = np.ones(len(columns["wild"]), np.bool_)
    rest[rows] = False
    before = {name: column[rows] for name, column in columns.items()}
    after = dict(before)
    for name in stage.blank:
        after[name] = np.zeros_like(before[name])
    after["wild"] = np.full_like(before["wild"], stage.wild)
    lines = _lines_of_groups(after, group)
    gathered = np.flatnonzero(before["wild"] > 0)
    members.move(line_of({name: before[name][gathered] for name in KEYS}), lines[gathered])
    for wild in (ORIG_WILD, RESP_WILD, SERVICE_WILD):
        if stage.wild & wild:
            fresh = np.flatnonzero((before["wild"] & wild) == 0)
            members.add(wild, lines[fresh], _member(before, fresh, wild))
    joined = gather(after)
    return {name: np.concatenate([columns[name][rest], joined[name]]) for name in columns}


def _lines_of_groups(columns: Columns, group: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Hash one row of each group for all of it: its keys are equal."""
    example = np.zeros(int(group.max()) + 1, np.intp)
    example[group] = np.arange(len(group))
    used = np.flatnonzero(np.bincount(group))
    lines = np.zeros(len(example), np.uint64)
    lines[used] = line_of({name: columns[name][example[used]] for name in KEYS})
    return lines[group]


def _member(columns: Columns, rows: NDArray[np.intp], wild: int) -> NDArray[np.uint64]:
    names = {
        ORIG_WILD: ("orig_high", "orig_low"),
        RESP_WILD: ("resp_high", "resp_low"),
        SERVICE_WILD: ("protocol", "port"),
    }[wild]
    return mix((columns[name][rows] for name in names), len(rows))
