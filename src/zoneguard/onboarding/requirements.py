"""A list of required communication (通信要件一覧) to flows: what a row does not say is asked, never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.errors import InputRefusedError
from zoneguard.firewall.eras import date_of
from zoneguard.firewall.model import Action
from zoneguard.firewall.vendors.csv.cells import addresses_of, services_of
from zoneguard.firewall.vendors.csv.words import (
    Column,
    action_of,
    column_of,
    is_any,
    is_nothing,
    narrow,
    switch_of,
)
from zoneguard.net.address import address_at, is_public, number_of
from zoneguard.onboarding.dangers import why_not_between, why_not_service
from zoneguard.onboarding.proposal import ApprovalDraft, FlowDraft
from zoneguard.onboarding.writing import clean, shown
from zoneguard.policy.model import PUBLIC, FlowKind, Role, Service
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.net.address import Network
    from zoneguard.net.service import Service as Box
    from zoneguard.net.spans import Spans
    from zoneguard.onboarding.proposal import Draft
    from zoneguard.onboarding.spreadsheet import Row, Sheet

MOST_TITLE_ROWS = 40  # before the header
MOST_NETWORKS = 256  # of one cell
MOST_FLOWS = 5_000
MOST_PORTS = 1_000  # of one service; as many or more are asked about


class Own(StrEnum):
    """Columns that lists of filters do not have, or do not tell apart."""

    APPROVAL = "approval"
    APPROVED_BY = "approved by"
    APPROVED_ON = "approved on"
    REASON = "reason"
    KIND = "kind"
    DIRECTION = "direction"


_OWN = {
    narrow(word): column
    for column, words in {
        Own.APPROVAL: "承認番号 許可番号 申請番号 決裁番号 文書番号 管理番号 approval approvalnumber approvalno ticket",
        Own.APPROVED_BY: "承認者 決裁者 許可者 承認者名 承認責任者 approvedby approver",
        Own.APPROVED_ON: "承認日 許可日 決裁日 承認年月日 approvedon approvaldate",
        Own.REASON: "用途 目的 理由 利用目的 通信目的 通信内容 通信用途 業務 業務名 通信要件 要件 必要性 概要 備考 reason purpose",
        Own.KIND: "種別 区分 通信種別 通信区分 通信の種別 無害化 無害化方式 分類 kind type",
        Own.DIRECTION: "方向 通信方向 向き direction",
    }.items()
    for word in words.split()
}
_KINDS = (
    ("画面転送", FlowKind.SCREEN), ("screen", FlowKind.SCREEN), ("メール無害化", FlowKind.MAIL),
    ("ファイル無害化", FlowKind.FILE), ("特定通信", FlowKind.TOKUTEI), ("ローカルブレイクアウト", FlowKind.BREAKOUT),
)  # fmt: skip


class Header(NamedTuple):
    """Which column stands where; `after` is the index of the first row of the list."""

    columns: dict[Column | Own, list[int]]
    after: int
    unknown: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """One row being read, and what it leaves open."""

    row: Row
    header: Header
    doubts: list[Text]

    def cell(self, column: Column | Own) -> str:
        """Give the first cell of a column that says something."""
        for at in self.header.columns.get(column, ()):
            if at < len(self.row.cells) and self.row.cells[at].strip():
                return self.row.cells[at]
        return ""

    def doubt(self, ja: str, en: str) -> None:
        self.doubts.append(Text(ja=ja, en=en))


def propose_flows(draft: Draft, sheets: Sequence[Sheet], file: str) -> None:
    """Add the flows of a list to a draft. Raises InputRefusedError when no sheet holds one."""
    for sheet in sheets:
        header = _header(sheet.rows)
        if header is not None:
            break
    else:
        raise InputRefusedError(
            Text(
                ja=f"{file}: 見出しの行が見つかりません。送信元・宛先・ポート（またはサービス）の列のある表にしてください。",
                en=f"{file}: no row heads the columns; the list needs columns for source, destination and port (or service).",
            )
        )
    if header.unknown:
        listed = ", ".join(clean(word, 40) for word in header.unknown[:20])
        draft.remarks.append(
            Text(ja=f"{file}: 使わなかった列: {listed}", en=f"{file}: columns that were not used: {listed}")
        )
    if sheet.formulas:
        draft.remarks.append(
            Text(
                ja=f"{file}: 数式のセルが {sheet.formulas:,} 個あります。保存された値を読みました（計算はしていません）",
                en=f"{file}: {sheet.formulas:,} cells hold formulas; the values saved with them were read, nothing was computed",
            )
        )
    taken = {flow.id for flow in draft.flows}
    for row in sheet.rows[header.after :]:
        if not any(cell.strip() for cell in row.cells):
            continue
        if len(draft.flows) >= MOST_FLOWS:
            draft.remarks.append(
                Text(
                    ja=f"{file}:{row.number}: {MOST_FLOWS:,} 件を超えたため、ここから先は読んでいません",
                    en=f"{file}:{row.number}: more than {MOST_FLOWS:,} flows; nothing from here on was read",
                )
            )
            break
        _row(draft, _Reading(row, header, []), f"{file}:{row.number}", taken)


def _header(rows: Sequence[Row]) -> Header | None:
    """Find the row that heads the columns, by how many it names; it may stand in two, 送信元 over IPアドレス."""
    best: tuple[int, Header] | None = None
    for at, row in enumerate(rows[:MOST_TITLE_ROWS]):
        below = rows[at + 1].cells if at + 1 < len(rows) else []
        for cells, after in ((row.cells, at + 1), (_stacked(row.cells, below), at + 2)):
            columns: dict[Column | Own, list[int]] = {}
            unknown = []
            for place, cell in enumerate(cells):
                column = _column(cell)
                if column is not None:
                    columns.setdefault(column, []).append(place)
                elif cell.strip():
                    unknown.append(cell)
            services = {Column.SERVICE, Column.DPORT, Column.PROTOCOL}
            if not {Column.SOURCE, Column.DESTINATION} <= {*columns} or not services & {*columns}:
                continue
            known = len(columns) - len(unknown)
            if best is None or known > best[0]:
                best = known, Header(columns, after, tuple(unknown))
    return best[1] if best else None


def _stacked(above: list[str], below: list[str]) -> list[str]:
    """Join two rows of headers; what is merged over both says the same twice."""
    joined = []
    for at in range(max(len(above), len(below))):
        one = above[at].strip() if at < len(above) else ""
        other = below[at].strip() if at < len(below) else ""
        joined.append(one if one == other else f"{one}{other}")
    return joined


def _column(header: str) -> Column | Own | None:
    word = re.sub(r"[\s_・/()\[\]【】:*※.-]+", "", narrow(header).lower())
    return _OWN.get(word) or column_of(header)


def _row(draft: Draft, reading: _Reading, place: str, taken: set[str]) -> None:
    action, enabled = action_of(reading.cell(Column.ACTION)), switch_of(reading.cell(Column.ENABLED))
    if action is Action.DENY or enabled is False:
        draft.refused.append(
            Text(
                ja=f"{place}: 拒否または無効の行なので入れていません",
                en=f"{place}: denied or disabled by the list, left out",
            )
        )
        return
    source, destination = reading.cell(Column.SOURCE), reading.cell(Column.DESTINATION)
    origs, resps = _networks(reading, source), _networks(reading, destination)
    services = _services(reading)
    if origs is None or resps is None or services is None:
        why = " / ".join(one.ja for one in reading.doubts), "; ".join(one.en for one in reading.doubts)
        draft.refused.append(
            Text(ja=f"{place}: 読み取れません（{why[0]}）", en=f"{place}: not understood ({why[1]})")
        )
        return
    by_orig, lost = _by_zone(draft, origs)
    by_resp, lost_resp = _by_zone(draft, resps)
    for network in (*lost, *lost_resp):
        draft.refused.append(
            Text(
                ja=f"{place}: {shown(network)} はどのゾーンにもありません。segments に足してから書いてください",
                en=f"{place}: {shown(network)} lies in no zone; add it to the segments, then write the flow",
            )
        )
    approval = _read_approval(reading)
    if narrow(reading.cell(Own.DIRECTION)) in ("双方向", "両方向", "⇔", "⇄", "<->", "<=>", "↔"):
        reading.doubt(
            "一覧では双方向です。開始側ごとに1件ずつに分けてください",
            "the list says both directions: make it one flow for each side that opens",
        )
    wanted = clean(reading.cell(Column.NUMBER) or reading.cell(Column.ORDER), 40)
    base = f"REQ-{wanted}" if wanted else f"REQ-{reading.row.number:03d}"
    pairs = [(one, other) for one in by_orig for other in by_resp if one != other]
    if not pairs and by_orig and by_resp:
        draft.refused.append(
            Text(
                ja=f"{place}: 同じゾーンの中の通信なので、書く必要がありません",
                en=f"{place}: within one zone, so it need not be written",
            )
        )
    for orig_zone, resp_zone in pairs:
        identity, number = base, 2
        while identity in taken:
            identity, number = f"{base}-{number}", number + 1
        taken.add(identity)
        kind = _kind(reading, draft, orig_zone, resp_zone)
        questions = [
            *reading.doubts,
            *_questions(draft, kind, orig_zone, resp_zone, services=services, approval=approval),
        ]
        draft.flows.append(
            FlowDraft(
                id=identity,
                kind=kind,
                orig_zone=orig_zone,
                resp_zone=resp_zone,
                orig=tuple(by_orig[orig_zone]),
                resp=tuple(by_resp[resp_zone]),
                services=services,
                approval=approval,
                question=_together(questions),
                remarks=[Text(ja=f"{place} から", en=f"from {place}"), *_cautions(services)],
            )
        )


def _networks(reading: _Reading, cell: str) -> list[Network] | None:
    if not cell.strip() or is_any(cell):
        reading.doubt("アドレスが空欄か「すべて」です", "an address is blank, or any")
        return None
    read = addresses_of(cell)
    if read.unclear:
        listed = ", ".join(clean(one, 40) for one in read.unclear[:5])
        reading.doubt(f"アドレスとして読めません: {listed}", f"not an address: {listed}")
        return None
    networks = list(islice(_networks_of(read.spans), MOST_NETWORKS + 1))
    if len(networks) > MOST_NETWORKS:
        reading.doubt(
            f"アドレスが {MOST_NETWORKS} 個を超えます", f"more than {MOST_NETWORKS} ranges of addresses"
        )
        return None
    return networks


def _networks_of(spans: Spans) -> Iterator[Network]:
    for first, last in spans:
        low, high = address_at(first), address_at(last)
        if (isinstance(low, IPv4Address) and isinstance(high, IPv4Address)) or (
            isinstance(low, IPv6Address) and isinstance(high, IPv6Address)
        ):
            yield from summarize_address_range(low, high)


def _services(reading: _Reading) -> tuple[Service, ...] | None:
    cells = (Column.PROTOCOL, Column.DPORT, Column.SPORT, Column.SERVICE)
    protocol, port, _, service = (reading.cell(column) for column in cells)
    if not (protocol.strip() or port.strip() or service.strip()):
        reading.doubt("プロトコルもポートも空欄です", "neither a protocol nor a port is written")
        return None
    read = services_of(protocol, port, "", service)
    if read.unclear:
        listed = ", ".join(clean(one, 40) for one in read.unclear[:5])
        reading.doubt(f"サービスとして読めません: {listed}", f"not a service: {listed}")
        return None
    return tuple(_service(box) for box in read.services)


def _service(box: Box) -> Service:
    low, high = box.protocol
    return Service(protocol=low if low == high else None, ports=box.dport)


def _by_zone(draft: Draft, networks: list[Network]) -> tuple[dict[str, list[Network]], list[Network]]:
    """Put networks to the zones that hold them, by the longest segment; what none holds is given apart."""
    zones: dict[str, list[Network]] = {}
    lost = []
    for network in networks:
        holding = [
            (segment.network.prefixlen, zone.id)
            for zone in draft.zones.values()
            for segment in zone.segments
            if segment.network.version == network.version and network.subnet_of(segment.network)  # type: ignore[arg-type]
        ]
        longest = max(holding, default=(0, ""))[0]
        owners = {zone for length, zone in holding if length == longest}
        if len(owners) == 1:
            zones.setdefault(owners.pop(), []).append(network)
        elif not owners and is_public(number_of(network.network_address)):
            zones.setdefault(PUBLIC, []).append(network)
        else:
            lost.append(network)
    return zones, lost


def _read_approval(reading: _Reading) -> ApprovalDraft:
    def said(column: Column | Own) -> str | None:
        text = reading.cell(column)
        return None if is_nothing(text) else clean(text) or None

    on, until = reading.cell(Own.APPROVED_ON), reading.cell(Column.EXPIRES)
    days = date_of(on), date_of(until)
    if (on.strip() and not is_nothing(on) and days[0] is None) or (
        until.strip() and not is_nothing(until) and days[1] is None
    ):
        told = clean(f"{on} {until}", 60)
        reading.doubt(
            f"承認日か期限の日付が読めません: {told}", f"the day of approval or its end is not a date: {told}"
        )
    if days[0] and days[1] and days[1] < days[0]:
        reading.doubt("期限が承認日より前です", "the approval ends before it was given")
        days = days[0], None
    return ApprovalDraft(
        number=said(Own.APPROVAL),
        by=said(Own.APPROVED_BY),
        on=days[0],
        until=days[1],
        reason=said(Own.REASON) or said(Column.COMMENT),
    )


def _kind(reading: _Reading, draft: Draft, orig_zone: str, resp_zone: str) -> FlowKind:
    text = narrow(reading.cell(Own.KIND))
    found = next((kind for word, kind in _KINDS if word in text), FlowKind.PERMIT)
    roles = draft.role(orig_zone), draft.role(resp_zone)
    has_mynumber = Role.MYNUMBER in roles
    if found is FlowKind.TOKUTEI and not has_mynumber and Role.OTHER not in roles:
        return (
            FlowKind.PERMIT
        )  # the word is used of any permitted communication; only My Number has it by law
    return FlowKind.TOKUTEI if has_mynumber else found


def _questions(
    draft: Draft,
    kind: FlowKind,
    orig_zone: str,
    resp_zone: str,
    *,
    services: tuple[Service, ...],
    approval: ApprovalDraft,
) -> Iterator[Text]:
    roles = draft.role(orig_zone), draft.role(resp_zone)
    if not approval.is_decided:
        yield Text(
            ja="一覧に承認の番号も、承認者と承認日もありません。承認を確かめて approval を書いてください",
            en="the list has neither the number of an approval nor who approved it and when: find out, and write it",
        )
    if Role.OTHER in roles:
        yield Text(ja="ゾーンの role を先に決めてください", en="choose the roles of its zones first")
    if kind is FlowKind.SCREEN and set(roles) == {Role.LGWAN, Role.INTERNET}:
        return
    reason = why_not_between((orig_zone, resp_zone), roles)
    if reason is not None:
        yield reason
    if any(
        service.protocol is None or service.ports[1] - service.ports[0] >= MOST_PORTS for service in services
    ):
        yield Text(
            ja=f"ポートが {MOST_PORTS:,} 以上の範囲です。必要なものに絞ってください",
            en=f"it opens {MOST_PORTS:,} ports or more: narrow it to what is needed",
        )


def _cautions(services: tuple[Service, ...]) -> list[Text]:
    """Tell what an approved row had better be looked at for: remote control, tunnels, clear text."""
    reasons = (
        why_not_service((service.protocol or 0, port), ())
        for service in services
        for port in range(service.ports[0], min(service.ports[1], service.ports[0] + MOST_PORTS) + 1)
    )
    return list(dict.fromkeys(reason for reason in reasons if reason is not None))


def _together(questions: list[Text]) -> Text | None:
    unique = list(dict.fromkeys(questions))
    if not unique:
        return None
    return Text(ja="。".join(one.ja for one in unique), en=". ".join(one.en for one in unique))
