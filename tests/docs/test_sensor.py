"""The pages on the sensor: every key, metric, and the page that `sensor status` shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from tests.sensor.building import CONFIG, JST, NOON, POLICY, SECOND, at
from zoneguard.findings.finding import Severity
from zoneguard.sensor import events as ev
from zoneguard.sensor.counts import Counts, FindingCount, InterfaceCounts, SpoolCounts
from zoneguard.sensor.document import sensor_schema
from zoneguard.sensor.machine import step
from zoneguard.sensor.metrics import Metrics
from zoneguard.sensor.page import status_page
from zoneguard.sensor.state import State
from zoneguard.sensor.status import status_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {"en": DOCS / "sensor.md", "ja": DOCS / "ja" / "sensor.md"}
COUNTS = Counts(
    started=NOON - 86_400 * SECOND,
    interfaces={"eth1": InterfaceCounts(packets=48_200_519, bytes=31_000_000_000, dropped=120, blind=3.5)},
    spools={
        "soc": SpoolCounts(waiting=0, delivered=41, last_success=NOON - 300 * SECOND),
        "desk": SpoolCounts(waiting=2, oldest=NOON, delivered=6, failing="connection refused"),
    },
    findings=(
        FindingCount(rule="ZG-A05", severity=Severity.HIGH, orig="internet", resp="lgwan", number=1),
        FindingCount(rule="ZG-E02", severity=Severity.MEDIUM, orig="lgwan", resp="lgwan", number=3),
    ),
    flows=912_004,
    windows=1440,
    table_rows=18_411,
    table_room=1_048_576,
    last_success=NOON,
)


def shown_status() -> dict[str, object]:
    state = State()
    for happened in (
        ev.Started(),
        ev.ConfigRead(config=CONFIG),
        ev.PolicyRead(policy=POLICY),
        ev.RingOpened(interface="eth1"),
    ):
        state, _ = step(state, happened, at(0))
    return status_of(state, COUNTS, pid=812, zone=JST)


@pytest.mark.parametrize("lang", PAGES)
def test_the_page_shows_what_the_status_command_prints(lang):
    page = status_page(shown_status(), lang, now=NOON + 20 * SECOND)
    assert f"```\n{page}```\n" in PAGES[lang].read_text("utf-8")


@pytest.mark.parametrize("lang", PAGES)
def test_every_key_of_sensor_yaml_is_described(lang):
    page = PAGES[lang].read_text("utf-8")
    schema = sensor_schema()
    keys = {key for shape in [schema, *schema["$defs"].values()] for key in shape.get("properties", {})}
    assert {"watch", "for", "from"} <= keys
    assert {key for key in keys if not re.search(rf"[`.]{key}\b", page)} == set()


@pytest.mark.parametrize("lang", PAGES)
def test_every_metric_is_described_and_no_other(lang):
    metrics = Metrics()
    metrics.show(COUNTS)
    text = generate_latest(metrics._registry).decode()
    told = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for name in re.findall(r"^(zoneguard_\w+)", text, re.MULTILINE)
    }
    page = PAGES[lang].read_text("utf-8")
    assert set(re.findall(r"`(zoneguard_\w+)`", page)) == told
