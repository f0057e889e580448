"""The status of a sensor as a page of 80 columns."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from zoneguard.findings.finding import SEVERITY_ORDER
from zoneguard.report.harmless import harmless
from zoneguard.report.width import cells, left, right, wrap
from zoneguard.report.words import SEVERITIES
from zoneguard.sensor.sentences import PHASES
from zoneguard.sensor.state import Phase
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zoneguard.text import Lang

WIDTH = 80
STALE = 180  # seconds after which a status says little about now

SECOND = 1_000_000_000
_BLIND = {
    "gone": Text(ja="インターフェースなし", en="interface gone"),
    "down": Text(ja="リンク断", en="link down"),
    "failed": Text(ja="受信できず", en="cannot be opened"),
    "opening": Text(ja="開始中", en="opening"),
}
_HEADS = {
    "interfaces": Text(ja="インターフェース", en="Interfaces"),
    "outputs": Text(ja="出力", en="Outputs"),
    "findings": Text(ja="継続中の指摘", en="Open findings"),
}
_INTERFACE_ROW = (
    Text(ja="名前", en="name"),
    Text(ja="観測点", en="sensor"),
    Text(ja="状態", en="state"),
    Text(ja="パケット", en="packets"),
    Text(ja="取りこぼし", en="dropped"),
    Text(ja="見えず(秒)", en="blind s"),
)
_OUTPUT_ROW = (
    Text(ja="名前", en="name"),
    Text(ja="待ち", en="waiting"),
    Text(ja="送信済み", en="delivered"),
    Text(ja="最後の成功", en="last success"),
)
_SEEN = Text(ja="受信中", en="seeing")
_CLOSED = Text(ja="停止", en="closed")
_NONE = Text(ja="なし", en="none")


def status_page(status: Mapping[str, Any], lang: Lang, *, now: int) -> str:
    """Write the page; `now` (ns since 1970) tells whether the status is stale. Ends in a newline."""
    return "".join(f"{harmless(line)}\n" for line in _lines(status, lang, now))


def _lines(status: Mapping[str, Any], lang: Lang, now: int) -> Iterator[str]:
    yield from wrap(_first(status).in_(lang), WIDTH)
    for text in _alarms(status, now):
        yield from wrap(f"! {text.in_(lang)}", WIDTH)
    yield ""
    for name, value in _facts(status):
        yield from _fact(name.in_(lang), value.in_(lang))
    yield from _table(_HEADS["interfaces"], _INTERFACE_ROW, list(_interfaces(status, lang)), lang)
    yield from _table(_HEADS["outputs"], _OUTPUT_ROW, list(_outputs(status, lang)), lang)
    yield ""
    yield _HEADS["findings"].in_(lang)
    findings = _mapping(status, "findings")
    counted = [
        f"{SEVERITIES[one].in_(lang)} {findings[one]:,}" for one in SEVERITY_ORDER if findings.get(one)
    ]
    yield "  " + ("  ".join(counted) or _NONE.in_(lang))


def _first(status: Mapping[str, Any]) -> Text:
    phase = PHASES[Phase(status["phase"])]
    name, pid = status.get("name", "?"), status.get("pid", "?")
    return Text(
        ja=f"センサー {name}: {phase.ja}（プロセス {pid}、ZoneGuard {status.get('version', '?')}）",
        en=f"Sensor {name}: {phase.en} (process {pid}, ZoneGuard {status.get('version', '?')})",
    )


def _alarms(status: Mapping[str, Any], now: int) -> Iterator[Text]:
    age = _age(status, now)
    if age is not None and age > STALE and status.get("phase") != Phase.STOPPED:
        yield Text(
            ja=f"この状態は {age:,} 秒前のものです。センサーが動いているか確かめてください。",
            en=f"This status is {age:,} s old; check whether the sensor runs.",
        )
    for fault in _list(status, "refused"):
        yield Text(
            ja=f"新しい設定または方針は不採用です: {fault['ja']}",
            en=f"The newest configuration or policy is not in use: {fault['en']}",
        )
    waiting = _mapping(status, "uncommitted")
    if waiting:
        reason = waiting.get("reason", {"ja": "保存中", "en": "being stored"})
        yield Text(
            ja=f"保存を待つ判定が {waiting['windows']} 区間あります（{reason['ja']}）。",
            en=f"{waiting['windows']} judged windows wait for the store ({reason['en']}).",
        )
    if status.get("disk_low"):
        yield Text(
            ja="空き容量が足りません。フロー履歴の書き込みを止めています。",
            en="The disk is nearly full; flow history is paused.",
        )
    for name, output in _mapping(status, "outputs").items():
        if "failing" in output:
            yield Text(
                ja=f"出力「{name}」に届いていません: {output['failing']}",
                en=f"Output '{name}' takes nothing: {output['failing']}",
            )


def _facts(status: Mapping[str, Any]) -> Iterator[tuple[Text, Text]]:
    same = _same
    yield Text(ja="開始", en="started"), same(_short(status.get("started")))
    yield Text(ja="状態の時刻", en="status of"), same(_short(status.get("written")))
    none = Text(ja="まだなし", en="not yet")
    last = status.get("last_success")
    yield Text(ja="最後の保存", en="last commit"), same(_short(last)) if last else none
    config, policy = _mapping(status, "config"), _mapping(status, "policy")
    if config:
        yield Text(ja="設定", en="configuration"), same(str(config["path"]))
    if policy:
        yield Text(ja="方針", en="policy"), same(f"{policy['path']} ({str(policy['sha256'])[:12]})")
        yield Text(ja="判定期間", en="period"), same(str(policy["period"] or "-"))
    table = _mapping(status, "table")
    rows, room = int(table.get("rows", 0)), int(table.get("room", 0))
    share = f"{100 * rows / room:.0f} %" if room else "-"
    windows, flows = int(status.get("windows", 0)), int(status.get("flows", 0))
    yield (
        Text(ja="判定", en="judged"),
        Text(ja=f"{windows:,} 区間、{flows:,} フロー", en=f"{windows:,} windows, {flows:,} flows"),
    )
    yield (
        Text(ja="フロー表", en="flow table"),
        Text(ja=f"{rows:,} 行（使用率 {share}）", en=f"{rows:,} rows ({share} full)"),
    )
    files = _mapping(status, "files")
    if files:
        read, refused, waiting = files["read"], files["refused"], files["waiting"]
        yield (
            Text(ja="ファイル", en="files"),
            Text(
                ja=f"読了 {read:,}、読めず {refused:,}、待ち {waiting:,}",
                en=f"{read:,} read, {refused:,} refused, {waiting:,} waiting",
            ),
        )


def _interfaces(status: Mapping[str, Any], lang: Lang) -> Iterator[list[str]]:
    for one in _list(status, "interfaces"):
        state = _CLOSED if one["ring"] == "closed" else _BLIND.get(one.get("blind", ""), _SEEN)
        yield [
            str(one["name"]),
            str(one["sensor"]),
            state.in_(lang),
            f"{one.get('packets', 0):,}",
            f"{one.get('dropped', 0):,}",
            f"{one.get('blind_seconds', 0):,.1f}",
        ]


def _outputs(status: Mapping[str, Any], lang: Lang) -> Iterator[list[str]]:
    for name, one in _mapping(status, "outputs").items():
        last = one.get("last_success")
        yield [
            name,
            f"{one['waiting']:,}",
            f"{one['delivered']:,}",
            _short(last) if last else _NONE.in_(lang),
        ]


def _table(head: Text, names: Sequence[Text], rows: Sequence[Sequence[str]], lang: Lang) -> Iterator[str]:
    """Align columns; those of numbers to the right. A row that is too wide is wrapped, never cut."""
    if not rows:
        return
    yield ""
    yield head.in_(lang)
    grid = [[name.in_(lang) for name in names], *rows]
    widths = [max(cells(row[at]) for row in grid) for at in range(len(names))]
    numeric = [
        all(row[at][:1].isdigit() and row[at][-1:].isdigit() and "-" not in row[at] for row in rows)
        for at in range(len(names))
    ]
    for row in grid:
        line = "  ".join(
            (right if numeric[at] else left)(cell, widths[at]) for at, cell in enumerate(row)
        ).rstrip()
        yield from (f"  {part}" for part in wrap(line, WIDTH - 2))


def _fact(name: str, value: str) -> Iterator[str]:
    lines = wrap(value, WIDTH - 18)
    yield f"  {left(name, 14)}  {lines[0]}"
    for line in lines[1:]:
        yield " " * 18 + line


def _short(moment: object) -> str:
    return str(moment).replace("T", " ")[:19] if isinstance(moment, str) else "-"


def _age(status: Mapping[str, Any], now: int) -> int | None:
    written = status.get("written")
    try:
        moment = datetime.fromisoformat(str(written)[:19] + str(written)[29:])
    except ValueError:
        return None
    return int(now // SECOND - moment.timestamp())


def _same(text: str) -> Text:
    return Text(ja=text or "-", en=text or "-")


def _mapping(status: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = status.get(key)
    return value if isinstance(value, dict) else {}


def _list(status: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    value = status.get(key)
    return value if isinstance(value, list) else []
