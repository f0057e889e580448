"""A sensor on an interface that goes and comes back, and whose policy is replaced. Needs root."""

from __future__ import annotations

import shutil
import signal
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.live.wire import wire
from tests.naive import generate as g
from tests.oracle.world import may_build
from tests.sensor.faults.daemon import NAME, ROOT, Daemon, findings_of_check, numbers
from tests.sensor.faults.traffic import RDP, SMB, session
from zoneguard.errors import ExitCode
from zoneguard.store.opening import visit_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    shutil.which("ip") is None or not may_build(), reason="needs root, network namespaces and iproute2"
)


@pytest.fixture
def line():
    with wire() as made:
        yield made


@pytest.fixture
def daemon(tmp_path, line):
    shutil.copy(ROOT / "zones.yaml", tmp_path / "zones.yaml")
    made = Daemon(
        tmp_path,
        policy="zones.yaml",
        watch={"interfaces": [{"interface": "far", "sensor": "S2", "ring": "8MiB"}]},
    )
    made.prefix = ("ip", "netns", "exec", line.name)
    yield made
    made.close()


def test_findings_come_within_a_window_through_a_lost_interface_and_a_broken_policy(daemon, line, tmp_path):
    parts = [conversations(seed) for seed in range(4)]
    expected = [expected_of(parts[: count + 1], tmp_path / "same.pcap") for count in range(4)]
    daemon.start()
    daemon.until(lambda: interface(daemon).get("ring") == "open", "opening")

    line.send(parts[0])
    sent = time.monotonic()
    daemon.until(lambda: seen(daemon) == expected[0], "finding what was sent")
    assert time.monotonic() - sent < 5 + 10  # a window, and time for a machine that is busy
    daemon.until(
        lambda: {fingerprint for _, fingerprint in daemon.tellings()} >= expected[0].keys(), "telling it"
    )

    line.run("ip", "link", "delete", "near")
    daemon.until(lambda: interface(daemon).get("link") == "gone", "missing the interface")
    line.add("near", "far")
    daemon.until(lambda: interface(daemon).get("ring") == "open", "opening it again")
    line.send(parts[1])
    daemon.until(lambda: seen(daemon) == expected[1], "finding what was sent after it was back")

    before = daemon.status()["policy"]["sha256"]
    policy = tmp_path / "zones.yaml"
    good = policy.read_text("utf-8")
    policy.write_text(good.replace("role: lgwan", "role: lgwam"), "utf-8")
    daemon.signal(signal.SIGHUP)
    refused = daemon.until(lambda: daemon.status().get("refused"), "refusing the policy")
    assert "zones.yaml:" in refused[0]["en"]
    assert daemon.status()["policy"]["sha256"] == before
    line.send(parts[2])
    daemon.until(lambda: seen(daemon) == expected[2], "finding by the old policy")
    policy.write_text(good + "\n# once more\n", "utf-8")
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: daemon.status()["policy"]["sha256"] != before, "adopting the policy")
    assert "refused" not in daemon.status()
    line.send(parts[3])
    daemon.until(lambda: seen(daemon) == expected[3], "finding by the new policy")

    assert daemon.stop() == ExitCode.CLEAN
    assert seen(daemon) == expected[3]
    daemon.assert_told_once()
    said = daemon.notices()
    for words in (
        "far: the interface is gone",
        "far: the link is up",
        "mistakes and is not taken",
        "are in use",
    ):
        assert len([one for one in said if words in one]) == 1, (words, said)
    assert {blind.reason for blind in blindness(daemon)} == {"opening", "gone"}


def conversations(seed: int) -> list[bytes]:
    """Give the frames of screens, file sharing and refused attempts, each with ends of its own."""
    chance = Random(seed)
    frames: list[g.Frame] = []
    for number in range(seed * 10, seed * 10 + 9):
        client, sport = f"172.16.20.{number + 1}", 50_000 + number
        match number % 3:
            case 0:
                frames += session(
                    chance, 0, client, f"192.168.10.{number + 1}", 3389, sport=sport, greeting=RDP
                )
            case 1:
                frames += session(
                    chance, 0, client, f"192.168.20.{number + 1}", 445, sport=sport, greeting=SMB
                )
            case _:
                frames += session(
                    chance, 0, client, f"192.168.21.{number + 1}", 22, sport=sport, refused=True
                )
    return [frame.data for frame in sorted(frames, key=lambda one: one.time)]


def expected_of(parts: list[list[bytes]], path: Path) -> dict:
    """Give what `check` says of the same frames: of those findings that are about packets."""
    frames = [data for part in parts for data in part]
    start = time.time_ns() // g.SECOND * g.SECOND
    path.write_bytes(g.pcap([g.Frame(start + i * g.MILLISECOND, data) for i, data in enumerate(frames)]))
    named = path.with_name(f"s2-{path.name}")
    path.rename(named)
    # At an interface nothing is opened.
    return with_packets(numbers(findings_of_check([named], most_looks=0)))


def seen(daemon) -> dict:
    return with_packets(daemon.held())


def with_packets(held: dict) -> dict:
    return {fingerprint: one for fingerprint, one in held.items() if one[3]}


def interface(daemon) -> dict:
    return next(iter(daemon.status().get("interfaces", [])), {})


def blindness(daemon):
    with visit_store(daemon.url) as store:
        now = time.time_ns()
        sums = store.coverage(now - 3600 * g.SECOND, now, sensor=NAME)
    return [blind for one in sums for blind in one.blind]
