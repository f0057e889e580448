"""Configurations and times for tests of the sensor."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

from zoneguard.sensor.config import Config, Interface, Judging, Recurrence, Retention, Store, Timeouts
from zoneguard.sensor.events import Now, PolicyVersion

SECOND = 1_000_000_000
JST = timezone(timedelta(hours=9), "JST")
NOON = 1_795_489_200 * SECOND  # 2026-11-24 12:00 JST, a Tuesday
POLICY = PolicyVersion(sha256="a" * 64, zone=JST)
OTHER_POLICY = PolicyVersion(sha256="b" * 64, zone=JST)
CONFIG = Config(
    path="sensor.yaml",
    sha256="c" * 64,
    name="core",
    policy=Path("zones.yaml"),
    state=Path("/var/lib/zoneguard"),
    interfaces=(Interface(name="eth1", sensor="S1"),),
    folders=(),
    schedule=(),
    judge=Judging(window=60),
    timeouts=Timeouts(),
    memory=1 << 30,
    store=Store(url="sqlite:////var/lib/zoneguard/store.db"),
    retention=Retention(),
    outputs=(),
    metrics=None,
    low_water=1 << 30,
    status=Path("/var/lib/zoneguard/status.json"),
)
TEN_MINUTES_EACH_HOUR = (Recurrence(begin="0 * * * *", seconds=600),)


def config(**changes) -> Config:
    return replace(CONFIG, **changes)


def at(seconds: float, *, stepped: float = 0) -> Now:
    """Give the time so many seconds after the start, the wall clock set off by `stepped` seconds."""
    return Now(mono=int((1000 + seconds) * SECOND), wall=NOON + int((seconds + stepped) * SECOND))
