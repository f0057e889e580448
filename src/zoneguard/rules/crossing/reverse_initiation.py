"""ZG-A05: a declared flow was opened from the side that should answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.net.flow import State
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Evidence


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered conversation that a declared flow allows in the other direction only."""
    policy = evidence.policy
    for one in evidence.conversations:
        if one.decision is not Decision.REVERSED or one.state is State.ATTEMPT:
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} の接続を開き、成立しました。"
                f"許可 {one.allowed_by} は逆向きの開始だけを認めています。",
                en=f"{orig.en} opened {service.en} to {resp.en} and was answered; flow"
                f" {one.allowed_by} allows it to be opened from the other side only.",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-A05",
    name="reverse-initiation",
    order=30,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-12",
        "youkou-6-3-b",
        "gl-3-2",
        "gl-3-3",
        "kisoku-5",
    ),
    title=Text(ja="許可方向と逆向きの通信開始", en="A declared flow was opened from the wrong side"),
    why=Text(
        ja="同じポートの通信でも、開始する側が逆であれば別の通信です。画面転送の向きはモデルごとに決まっています。",
        en="The same port opened from the other side is another flow; each model fixes the side that opens a screen session.",
    ),
    remedy=Text(
        ja="逆向きの開始を許している機器の設定を直してください。モデルを変えたのであれば、flows の from と to を改めてください。",
        en="Correct the device that lets the wrong side open; if the model was changed, exchange from and to under flows.",
    ),
    example=Text(
        ja="αモデルで、インターネット接続系の端末 192.168.20.9 が LGWAN接続系の 172.16.20.5 の tcp/3389 へ接続した。",
        en="Under model α, terminal 192.168.20.9 of the Internet zone opened tcp/3389 to 172.16.20.5 in the LGWAN zone.",
    ),
    false_positives=Text(
        ja="途中から記録された通信、FTPのアクティブモード、RPCの折り返し接続。",
        en="Captures that begin in mid-connection, active FTP and RPC call-backs.",
    ),
    check=check,
)
