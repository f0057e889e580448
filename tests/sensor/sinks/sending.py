"""Messages as the outbox hands them out, hostile ones among them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from tests.store.made import NOW, SECOND, finding
from zoneguard.findings.finding import Party, Severity
from zoneguard.findings.lifecycle import advance
from zoneguard.sensor.messages import digest, findings_messages, notice_messages
from zoneguard.sensor.sinks.base import Outgoing
from zoneguard.text import Text

JST = timezone(timedelta(hours=9), "JST")
HOSTILE = "x\"]\\\r\n<13>1 - - - - - - \x1b[2J\u202e\ud800\0=cmd|'/c calc'"
HOSTILE_FINDING = finding(
    "hostile",
    Severity.CRITICAL,
    message=Text(ja=HOSTILE, en=HOSTILE),
    orig=Party(zone=HOSTILE, address="10.0.0.1", port=1),
    device=HOSTILE,
    service=HOSTILE,
)


def outgoing(*findings, sequence=1, sensor="s1", gone=False):
    step = advance({}, findings, sensor=sensor, now=NOW, gone_after=10)
    if gone:
        known = {one.key: one for one in step.known}
        step = advance(known, [], sensor=sensor, now=NOW + 60 * SECOND, gone_after=10)
    (message,) = findings_messages(step, sensor=sensor, at=NOW, sinks={"x": Severity.INFO})
    return _out(message, sequence)


def notice(sequence=1):
    text = Text(ja="観測が 30 秒途切れました。", en="Nothing was observed for 30 seconds.")
    (message,) = notice_messages(text, sensor="s1", at=NOW, sinks=["x"])
    return _out(message, sequence)


def digested(*messages):
    return replace(messages[-1], kind="digest", body=digest([one.body for one in messages]))


def _out(message, sequence):
    return Outgoing(
        key=f"s1/18f/x/{sequence}", sequence=sequence, kind=message.kind, created=NOW, body=message.body
    )
