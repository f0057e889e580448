"""Findings, judgements and commits as a sensor would make them."""

from __future__ import annotations

from typing import Any

from zoneguard.findings.finding import (
    AppliedWaiver,
    Clause,
    Finding,
    LineLocator,
    PacketLocator,
    Party,
    Severity,
    Verdict,
)
from zoneguard.findings.lifecycle import advance
from zoneguard.sensor.messages import findings_messages
from zoneguard.store.records import Commit
from zoneguard.text import Text

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOW = 1_795_000_000 * SECOND  # 2026-11-18T13:06:40Z
WAIVER = AppliedWaiver(id="W-1", owner="情報政策課", reason="移行期間", until="2027-03-31")


def finding(fingerprint: str, severity: Severity = Severity.HIGH, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "rule": "ZG-A05",
        "name": "reverse-initiation",
        "verdict": Verdict.VIOLATED,
        "severity": severity,
        "title": Text(ja="逆方向からの開始", en="Opened from the wrong side"),
        "message": Text(ja=f"{fingerprint} が開始しました。", en=f"{fingerprint} opened it."),
        "remedy": Text(ja="遮断してください。", en="Block it."),
        "clauses": (Clause(document="要綱", edition="令和8年", section="6(1)", text="分離", verified=False),),
        "orig": Party(zone="internet", address="172.16.40.9", port=50123, mac="02:00:00:00:00:09", vlan=440),
        "resp": Party(zone="lgwan", address="172.16.20.5", port=445),
        "protocol": 6,
        "service": "tcp/445",
        "state": "data",
        "initiator": "orig",
        "flows": 3,
        "packets": 30,
        "bytes": 4_000,
        "first_seen": NOW - 60 * SECOND,
        "last_seen": NOW,
        "locators": (
            PacketLocator(file="ring \udc80.pcap", frame=7, time=NOW),
            LineLocator(file="fw.conf", line=3, text="set action accept"),
        ),
        "related": ("ZG-A02",),
        "fingerprint": fingerprint,
    }
    return Finding(**values | changes)


def judged(
    store: Any,
    *,
    run: int,
    serial: int,
    findings: list[Finding],
    sensor: str = "s1",
    at: int = NOW,
    gone_after: float = 3600,
    sinks: tuple[str, ...] = ("log",),
    **changes: Any,
) -> Commit:
    """Hold findings against what the store knows, and give the commit of it."""
    step = advance(store.known(sensor), findings, sensor=sensor, now=at, gone_after=gone_after)
    messages = findings_messages(step, sensor=sensor, at=at, sinks=dict.fromkeys(sinks, Severity.INFO))
    return Commit(
        sensor=sensor,
        run=run,
        serial=serial,
        at=at,
        known=step.known,
        findings=findings,
        messages=[*messages],
        **changes,
    )


def begin(store: Any, sensor: str = "s1", started: int = NOW) -> int:
    return store.begin_run(sensor, started=started, policy_sha256="ab" * 32, tool_version="0.1.0")


def told(store: Any, sink: str = "log", sensor: str = "s1") -> list[tuple[str, str]]:
    return [
        (one["change"], one["finding"]["fingerprint"])
        for message in store.pending(sensor, sink)
        for one in message.body["told"]
    ]
