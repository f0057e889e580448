"""What the sensor says about itself, in whole sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.errors import ZoneGuardError, why
from zoneguard.sensor.events import Link
from zoneguard.sensor.state import Phase
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.sensor.state import State

SECOND = 1_000_000_000

PHASES = {
    Phase.STARTING: Text(ja="起動中", en="starting"),
    Phase.IDLE: Text(ja="待機中（予定の時間外）", en="idle (outside the schedule)"),
    Phase.WATCHING: Text(ja="観測中", en="watching"),
    Phase.DRAINING: Text(ja="終了処理中", en="stopping"),
    Phase.STOPPED: Text(ja="停止", en="stopped"),
}


def said(error: Exception) -> Text:
    """Say what an error says, in one text."""
    if isinstance(error, ZoneGuardError):
        faults = error.faults
        return Text(ja="".join(fault.ja for fault in faults), en=" ".join(fault.en for fault in faults))
    return why(error) if isinstance(error, OSError) else Text(ja=str(error), en=str(error))


def status(state: State) -> Text:
    """Say in one line what the sensor is doing."""
    phase, waiting = PHASES[state.phase], len(state.outstanding.numbers)
    faults = len(state.refused)
    ja = [f"{phase.ja}、判定した区間 {state.windows - (state.window is not None)}"]
    en = [f"{phase.en}, windows judged: {state.windows - (state.window is not None)}"]
    if waiting:
        ja.append(f"保存待ち {waiting}")
        en.append(f"waiting for the store: {waiting}")
    if faults:
        ja.append(f"新しい設定は誤り {faults} 件のため不採用（前の設定で継続中）")
        en.append(f"the new configuration has {faults} mistakes and is not in use")
    blind = [ear.interface.name for ear in state.ears if ear.blindness is not None]
    if blind:
        ja.append(f"見えていないインターフェース {', '.join(blind)}")
        en.append(f"blind on {', '.join(blind)}")
    return Text(ja="、".join(ja) + "。", en="; ".join(en) + ".")


def stopping() -> Text:
    """Say that a stop was asked for."""
    return Text(
        ja="停止を求められました。残りを判定し、保存してから終わります。",
        en="Asked to stop: judging and committing what is left.",
    )


def uncommitted(windows: int) -> Text:
    """Say that the store did not take the end."""
    return Text(
        ja=f"保存できなかった判定が {windows} 区間あります。データベースと空き容量を確かめてください。",
        en=f"{windows} judged windows could not be committed; check the database and the free space.",
    )


def file_left(path: str) -> Text:
    """Say that a file was not read to its end before the stop."""
    return Text(
        ja=f"{path}: 読み終える前に停止の期限が来ました。次の起動で始めから読みます。",
        en=f"{path}: not read to its end before the stop; it is read from its beginning at the next start.",
    )


def not_opened_yet(path: str, reason: Text) -> Text:
    """Say that a file could not be opened and will be tried again."""
    return Text(
        ja=f"{path}: 開けません（{reason.ja}）。少し待って、もう一度試します。",
        en=f"{path}: cannot be opened ({reason.en}); it is tried again after a while.",
    )


def not_opened(path: str, reason: Text, *, tries: int) -> Text:
    """Say that a file that could not be opened is set aside."""
    return Text(
        ja=f"{path}: {tries} 回試しましたが開けないため（{reason.ja}）、判定せずに除きました。"
        "開けるようにしたあと、touch で更新日時を変えると読み直します。",
        en=f"{path}: could not be opened in {tries} attempts ({reason.en}); it is set aside and was not judged. When it"
        " can be opened, touch it to have it read.",
    )


def late_watch() -> Text:
    """Say that a watch is kept late."""
    return Text(
        ja="予定の観測時間が過ぎていました（時計の変更または休止）。今から同じ長さだけ観測します。",
        en="A scheduled watch went by (the clock was set, or the machine slept); it is kept now, at full length.",
    )


def clock_stepped(stepped: int) -> Text:
    """Say that the wall clock was set."""
    seconds = abs(stepped) / SECOND
    if stepped > 0:
        return Text(
            ja=f"時計が {seconds:,.1f} 秒進められました。記録の時刻はこの前後で連続しません。NTPを確かめてください。",
            en=f"The clock was set {seconds:,.1f} s forward, so times on record do not join up here; check NTP.",
        )
    return Text(
        ja=f"時計が {seconds:,.1f} 秒戻されました。記録の時刻はこの前後で重なります。NTPを確かめてください。",
        en=f"The clock was set {seconds:,.1f} s back, so times on record overlap here; check NTP.",
    )


def store_failed(reason: Text) -> Text:
    """Say that a commit failed."""
    return Text(
        ja=f"結果を保存できません（{reason.ja}）。判定結果を保持したまま、保存できるまで繰り返します。",
        en=f"Results cannot be stored ({reason.en}); they are kept and the commit is repeated until it succeeds.",
    )


def store_back() -> Text:
    """Say that commits succeed again."""
    return Text(
        ja="結果を保存できるようになりました。待っていた結果も保存しました。",
        en="Results are stored again, those that were waiting included.",
    )


def ring_failed(interface: str, reason: Text) -> Text:
    """Say that a ring could not be opened."""
    return Text(
        ja=f"{interface}: 受信を開始できません（{reason.ja}）。開始できるまで、この口は見えません。",
        en=f"{interface}: cannot be opened for capture ({reason.en}); nothing is seen there until it can.",
    )


def ring_opened(interface: str) -> Text:
    """Say that a ring that had failed is open."""
    return Text(ja=f"{interface}: 受信を再開しました。", en=f"{interface}: captured again.")


def link(interface: str, state: Link) -> Text:
    """Say what became of an interface."""
    match state:
        case Link.UP:
            return Text(ja=f"{interface}: リンクが回復しました。", en=f"{interface}: the link is up again.")
        case Link.DOWN:
            return Text(
                ja=f"{interface}: リンクが切れています。この間の通信は見えません。ミラーポートの配線と設定を確かめてください。",
                en=f"{interface}: the link is down and nothing is seen; check the cable and the mirror port.",
            )
        case Link.GONE:
            return Text(
                ja=f"{interface}: インターフェースがなくなりました。戻れば受信を再開します。",
                en=f"{interface}: the interface is gone; capture goes on when it is back.",
            )


def loss(interface: str, dropped: int) -> Text:
    """Say that packets were dropped."""
    return Text(
        ja=f"{interface}: 受信が追いつかず {dropped:,} パケットを取りこぼしました。ring を増やすか、ミラー元を減らしてください。",
        en=f"{interface}: {dropped:,} packets were dropped because the ring was full; "
        "give it a larger ring, or mirror less.",
    )


def no_loss(interface: str) -> Text:
    """Say that nothing was dropped any more."""
    return Text(
        ja=f"{interface}: 取りこぼしは止まりました。", en=f"{interface}: no packets are dropped any more."
    )


def disk_low(free: int) -> Text:
    """Say that the disk is nearly full."""
    return Text(
        ja=f"空き容量が残り {free >> 20:,} MiB です。フロー履歴の書き込みを止め、古い記録を消します。指摘の記録は続けます。",
        en=f"Only {free >> 20:,} MiB are free: flow history is paused and old records are removed; "
        "findings are still written.",
    )


def disk_ok() -> Text:
    """Say that there is room again."""
    return Text(
        ja="空き容量が戻りました。フロー履歴の書き込みを再開します。",
        en="There is room again; flow history is written again.",
    )


def kept_old(faults: int) -> Text:
    """Say that a reload was refused."""
    return Text(
        ja=f"新しい設定または方針に誤りが {faults} 件あるため、採用しません。前の設定と方針のまま続けます。"
        "誤りを直して、もう一度読み込ませてください（SIGHUP）。",
        en=f"The new configuration or policy has {faults} mistakes and is not taken; the old ones stay in use. "
        "Mend it and reload (SIGHUP).",
    )


def adopted() -> Text:
    """Say that configuration and policy are in use."""
    return Text(
        ja="設定と方針を読み込み、採用しました。", en="Configuration and policy were read and are in use."
    )


def unchanged() -> Text:
    """Say that a reload changed nothing."""
    return Text(
        ja="設定と方針を読み込みましたが、変更はありません。",
        en="Configuration and policy were read; nothing has changed.",
    )
