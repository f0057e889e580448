"""What Prometheus may ask of a sensor. No address of any host is ever in it."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector

from zoneguard import __version__
from zoneguard.errors import MachineLacksError, why
from zoneguard.sensor.counts import LATENCIES, SECOND, Counts
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from prometheus_client import Metric

    from zoneguard.sensor.counts import Latency


class Metrics:
    """A registry of its own that shows the newest snapshot; scrapes come from another thread."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Snapshot(self))
        self._server: tuple[WSGIServer, Thread] | None = None

    @property
    def counts(self) -> Counts:
        """The snapshot that is shown."""
        return self._counts

    def show(self, counts: Counts) -> None:
        """Show this snapshot from now on."""
        self._counts = counts

    def serve(self, host: str, port: int) -> int:
        """Answer on an address, in a thread; port 0 takes any free one. Gives the port.

        Raises MachineLacksError when the address cannot be had.
        """
        try:
            self._server = start_http_server(port, addr=host, registry=self._registry)
        except OSError as error:
            raise _no_address(host, port, error) from error
        return int(self._server[0].server_port)

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
            self._server = None

    def write(self, path: Path) -> None:
        """Write the snapshot for node_exporter's textfile collector, whole or not at all.

        Raises MachineLacksError when it cannot be written.
        """
        try:
            write_to_textfile(str(path), self._registry)
        except OSError as error:
            raise _not_written(path, error) from error


class _Snapshot(Collector):
    """Families made anew for each scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        counts = self._metrics.counts
        yield InfoMetricFamily("zoneguard_build", "The version.", value={"version": __version__})
        yield from _interfaces(counts)
        yield from _judgement(counts)
        yield from _outputs(counts)


def _interfaces(counts: Counts) -> Iterator[Metric]:
    families = (
        CounterMetricFamily("zoneguard_packets", "Packets that reached the meter.", labels=["interface"]),
        CounterMetricFamily("zoneguard_bytes", "Octets of these packets on the wire.", labels=["interface"]),
        CounterMetricFamily("zoneguard_dropped_packets", "Packets dropped: ring full.", labels=["interface"]),
        CounterMetricFamily(
            "zoneguard_blind_seconds",
            "Time within scheduled watches in which nothing could be seen.",
            labels=["interface"],
        ),
    )
    for name, one in counts.interfaces.items():
        for family, value in zip(families, (one.packets, one.bytes, one.dropped, one.blind), strict=True):
            family.add_metric([name], value)
    yield from families


def _judgement(counts: Counts) -> Iterator[Metric]:
    yield _counter("zoneguard_flows", "Flows that have ended and were judged.", counts.flows)
    yield _counter("zoneguard_windows", "Windows judged.", counts.windows)
    yield _counter("zoneguard_files", "Capture files read to their end.", counts.files)
    yield _counter("zoneguard_files_refused", "Capture files that could not be read.", counts.files_refused)
    yield _gauge("zoneguard_flow_table_rows", "Flows in the table now.", counts.table_rows)
    yield _gauge("zoneguard_flow_table_room", "Flows the table has room for.", counts.table_room)
    yield _histogram(counts.judging)
    yield _gauge("zoneguard_started_seconds", "When the sensor started.", counts.started / SECOND)
    if counts.last_success is not None:
        told = "When the store last took a judgement."
        yield _gauge("zoneguard_last_success_seconds", told, counts.last_success / SECOND)
    told = "1 while a newer configuration or policy is refused."
    yield _gauge("zoneguard_reload_refused", told, int(counts.policy_refused))
    yield _gauge("zoneguard_disk_low", "1 while less is free than the low-water mark.", int(counts.disk_low))
    open_ = GaugeMetricFamily(
        "zoneguard_findings", "Open findings.", labels=["rule", "severity", "orig_zone", "resp_zone"]
    )
    for one in counts.findings:
        open_.add_metric([one.rule, one.severity.value, one.orig, one.resp], one.number)
    yield open_


def _outputs(counts: Counts) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("zoneguard_spool_messages", "Messages that wait.", labels=["output"])
    oldest = GaugeMetricFamily(
        "zoneguard_spool_oldest_seconds", "When the oldest message that waits was made.", labels=["output"]
    )
    delivered = CounterMetricFamily("zoneguard_delivered_messages", "Messages taken.", labels=["output"])
    success = GaugeMetricFamily(
        "zoneguard_delivery_last_success_seconds", "When the output last took a message.", labels=["output"]
    )
    failing = GaugeMetricFamily("zoneguard_output_failing", "1 when the last try failed.", labels=["output"])
    for name, one in counts.spools.items():
        waiting.add_metric([name], one.waiting)
        delivered.add_metric([name], one.delivered)
        failing.add_metric([name], int(one.failing is not None))
        if one.oldest is not None:
            oldest.add_metric([name], one.oldest / SECOND)
        if one.last_success is not None:
            success.add_metric([name], one.last_success / SECOND)
    yield from (waiting, oldest, delivered, success, failing)


def _histogram(latency: Latency) -> Metric:
    bounds = [*(str(bound) for bound in LATENCIES), "+Inf"]
    buckets = list(zip(bounds, (float(number) for number in accumulate(latency.classes)), strict=True))
    return HistogramMetricFamily(
        "zoneguard_judge_seconds", "How long a judgement took.", buckets=buckets, sum_value=latency.total
    )


def _counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(name, told, value=value)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


def _no_address(host: str, port: int, error: OSError) -> MachineLacksError:
    reason = why(error)
    return MachineLacksError(
        Text(
            ja=f"メトリクスを {host} のポート {port} で公開できません（{reason.ja}）。metrics の address と port を変えてください。",
            en=f"Metrics cannot be served on {host} port {port} ({reason.en}); change address or port under metrics.",
        )
    )


def _not_written(path: Path, error: OSError) -> MachineLacksError:
    reason = why(error)
    return MachineLacksError(
        Text(
            ja=f"{path}: メトリクスを書き込めません（{reason.ja}）。空き容量と権限を確かめてください。",
            en=f"{path}: metrics cannot be written ({reason.en}); check space and rights.",
        )
    )
