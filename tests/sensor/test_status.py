"""How a sensor is: the file and the page."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.sensor.building import CONFIG, JST, NOON, POLICY, SECOND, at, config
from tests.sensor.test_metrics import COUNTS
from zoneguard.errors import InputRefusedError, MachineLacksError
from zoneguard.report.width import cells
from zoneguard.sensor import events as ev
from zoneguard.sensor.config import Folder
from zoneguard.sensor.counts import Counts
from zoneguard.sensor.events import Link
from zoneguard.sensor.folder import File
from zoneguard.sensor.machine import step
from zoneguard.sensor.page import status_page
from zoneguard.sensor.state import State
from zoneguard.sensor.status import SCHEMA, read_status, status_of, write_status
from zoneguard.text import Text

MISTAKE = Text(ja="zones.yaml:3:1: 誤り", en="zones.yaml:3:1: a mistake")


def state(*events, settings=CONFIG) -> State:
    made = State()
    for happened in (
        ev.Started(),
        ev.ConfigRead(config=settings),
        ev.PolicyRead(policy=POLICY),
        ev.RingOpened(interface="eth1"),
        *events,
    ):
        made, _ = step(made, happened, at(0))
    return made


def status(*events, counts: Counts = COUNTS, settings=CONFIG):
    return status_of(state(*events, settings=settings), counts, pid=4711, zone=JST)


TROUBLED = (
    ev.LinkChanged(interface="eth1", link=Link.DOWN),
    ev.ReloadAsked(),
    ev.ConfigRead(config=CONFIG),
    ev.PolicyRefused(faults=(MISTAKE,)),
    ev.DiskLow(free=1),
)


def test_the_status_says_what_is_seen_and_what_is_not():
    told = status(*TROUBLED)
    assert told["schema"] == SCHEMA
    assert (told["phase"], told["pid"], told["name"]) == ("watching", 4711, "core")
    assert told["written"] == "2026-11-24T12:00:00.000000000+09:00"
    assert told["interfaces"][0]["blind"] == "down"
    assert told["interfaces"][0]["dropped"] == 2
    assert told["refused"] == [{"ja": MISTAKE.ja, "en": MISTAKE.en}]
    assert told["outputs"]["soc"]["failing"] == "refused"
    assert told["findings"] == {"high": 4}
    assert told["disk_low"]
    assert told["policy"]["sha256"] == POLICY.sha256


def test_what_does_not_apply_is_absent():
    made = status(counts=Counts())
    assert {"refused", "uncommitted", "last_success", "files"} & made.keys() == set()
    early = status_of(State(), Counts(), pid=1, zone=JST)
    assert {"name", "policy"} & early.keys() == set()
    assert status_page(early, "en", now=0).startswith("Sensor ?: starting")


def test_windows_that_wait_for_the_store_are_told():
    waiting, _ = step(state(), ev.Tick(), at(60))
    waiting, _ = step(waiting, ev.StoreFailed(reason=Text(ja="満杯", en="full")), at(60))
    told = status_of(waiting, COUNTS, pid=1, zone=JST)
    assert told["uncommitted"] == {"windows": 1, "failed_attempts": 1, "reason": {"ja": "満杯", "en": "full"}}
    page = status_page(told, "en", now=at(61).wall)
    assert "! 1 judged windows wait for the store (full)." in page


def test_the_file_is_written_whole_and_readable_and_read_back(tmp_path):
    path = tmp_path / "status.json"
    write_status(path, status())
    write_status(path, status(*TROUBLED))
    assert read_status(path) == json.loads(json.dumps(status(*TROUBLED)))
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(MachineLacksError, match="cannot be written"):
        write_status(tmp_path / "none" / "status.json", {})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": "other"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_status_is_refused(content, tmp_path):
    path = tmp_path / "status.json"
    path.write_bytes(content)
    with pytest.raises(InputRefusedError, match="no status file"):
        read_status(path)


def test_a_status_that_cannot_be_opened_is_told(tmp_path):
    with pytest.raises(InputRefusedError, match="it is a folder"):
        read_status(tmp_path)


def test_a_status_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputRefusedError, match="no status file"):
        read_status(tmp_path / "status.json")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_page_fits_80_columns_and_shows_every_trouble(lang):
    folders = (Folder(path=CONFIG.state, sensor="S1"),)
    settled = ev.FilesSettled(files=(File(path="a", inode=1, size=1, mtime=1),) * 2)
    page = status_page(
        status(settled, *TROUBLED, settings=config(folders=folders)), lang, now=NOON + 1000 * SECOND
    )
    assert max(cells(line) for line in page.splitlines()) <= 80
    words = {
        "ja": (
            "観測中",
            "リンク断",
            "1,000 秒前",
            MISTAKE.ja,
            "空き容量が足りません",
            "「soc」に届いていません",
            "高 4",
        ),
        "en": (
            "watching",
            "link down",
            "1,000 s old",
            MISTAKE.en,
            "nearly full",
            "'soc' takes nothing",
            "High 4",
        ),
    }
    for word in words[lang]:
        assert word in page


def test_a_fresh_status_without_trouble_raises_no_alarm():
    calm = replace(COUNTS, spools={}, policy_refused=False)
    assert "!" not in status_page(status(counts=calm), "en", now=NOON + SECOND)


def test_a_page_lets_no_control_character_through():
    told = status() | {"name": "core\x1b[31m"}
    assert "\x1b" not in status_page(told, "en", now=NOON)
