"""What Prometheus may ask."""

from __future__ import annotations

from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.sensor.building import NOON, SECOND, at
from zoneguard.errors import MachineLacksError
from zoneguard.findings.finding import Severity
from zoneguard.sensor.commands import Blind, Blindness, Window
from zoneguard.sensor.counts import Counts, FindingCount, InterfaceCounts, SpoolCounts, with_window
from zoneguard.sensor.folder import File
from zoneguard.sensor.metrics import Metrics

COUNTS = Counts(
    started=NOON,
    interfaces={"eth1": InterfaceCounts(packets=10, bytes=1000, dropped=2, blind=1.5)},
    spools={"soc": SpoolCounts(waiting=3, oldest=NOON, delivered=7, last_success=NOON, failing="refused")},
    findings=(FindingCount(rule="ZG-A05", severity=Severity.HIGH, orig="internet", resp="lgwan", number=4),),
    flows=99,
    table_rows=5,
    table_room=50,
    last_success=NOON,
    policy_refused=True,
)


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def metrics():
    made = Metrics()
    yield made
    made.close()


def asked(port: int) -> dict[tuple[str, ...], float]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return samples(answer.read().decode())


def test_the_newest_snapshot_is_shown_over_http(metrics):
    port = metrics.serve("127.0.0.1", 0)
    assert asked(port)["zoneguard_flows_total",] == 0
    metrics.show(COUNTS)
    told = asked(port)
    assert told["zoneguard_packets_total", "eth1"] == 10
    assert told["zoneguard_bytes_total", "eth1"] == 1000
    assert told["zoneguard_dropped_packets_total", "eth1"] == 2
    assert told["zoneguard_blind_seconds_total", "eth1"] == 1.5
    assert told["zoneguard_findings", "internet", "lgwan", "ZG-A05", "high"] == 4
    assert told["zoneguard_flow_table_rows",] == 5
    assert told["zoneguard_spool_messages", "soc"] == 3
    assert told["zoneguard_output_failing", "soc"] == 1
    assert told["zoneguard_last_success_seconds",] == NOON / SECOND
    assert told["zoneguard_reload_refused",] == 1
    assert not any("created" in name[0] for name in told)


def test_a_window_adds_what_it_states(metrics):
    window = Window(
        number=1,
        period="2026-11-24",
        policy="a",
        begun=at(0),
        ended=at(60),
        blind=(Blind(interface="eth1", begun=at(0).mono, ended=at(4).mono, reason=Blindness.DOWN),),
        dropped=(("eth2", 5),),
        files=(File(path="a", inode=1, size=1, mtime=1),),
    )
    counts = with_window(with_window(Counts(), window, 0.2), window, 100.0)
    assert counts.interfaces["eth1"].blind == 8
    assert counts.interfaces["eth2"].dropped == 10
    assert (counts.windows, counts.files) == (2, 2)
    metrics.show(counts)
    told = asked(metrics.serve("127.0.0.1", 0))
    assert told["zoneguard_judge_seconds_bucket", "0.1"] == 0
    assert told["zoneguard_judge_seconds_bucket", "0.3"] == 1
    assert told["zoneguard_judge_seconds_bucket", "60.0"] == 1
    assert told["zoneguard_judge_seconds_bucket", "+Inf"] == 2
    assert told["zoneguard_judge_seconds_count",] == 2
    assert told["zoneguard_judge_seconds_sum",] == pytest.approx(100.2)


def test_a_run_of_one_window_leaves_its_metrics_in_a_file(metrics, tmp_path):
    metrics.show(COUNTS)
    metrics.write(tmp_path / "zoneguard.prom")
    assert samples((tmp_path / "zoneguard.prom").read_text("utf-8"))["zoneguard_flows_total",] == 99
    assert [file.name for file in tmp_path.iterdir()] == ["zoneguard.prom"]


def test_a_place_that_cannot_be_had_is_told(metrics, tmp_path):
    port = metrics.serve("127.0.0.1", 0)
    with pytest.raises(MachineLacksError, match=f"port {port}"):
        Metrics().serve("127.0.0.1", port)
    with pytest.raises(MachineLacksError, match="cannot be written"):
        metrics.write(tmp_path / "none" / "zoneguard.prom")


def test_no_metric_holds_an_address_of_a_host(metrics):
    metrics.show(COUNTS)
    labels = {
        label
        for family in metrics._registry.collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert labels == {"version", "interface", "rule", "severity", "orig_zone", "resp_zone", "output", "le"}
