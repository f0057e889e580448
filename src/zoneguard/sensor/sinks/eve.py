"""A message as alerts of Suricata's EVE log: what changed in the shape of `report.eve`, notices beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoneguard.report.eve import OWN_ID, alert, eve_time, signature
from zoneguard.sensor.messages import notices_of, told_of
from zoneguard.sensor.sinks.wording import counts_of, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from zoneguard.sensor.sinks.base import Outgoing
    from zoneguard.text import Lang

Json = dict[str, Any]


def alerts(message: Outgoing, zone: tzinfo, lang: Lang) -> Iterator[Json]:
    """Give one EVE record for each thing a message tells."""
    host = message.body["sensor"]
    place = 0
    for one in told_of(message.body):
        made = alert(
            one.finding,
            time=one.last_seen,
            zone=zone,
            lang=lang,
            metadata={
                "zoneguard_key": f"{message.key}#{place}",
                "change": one.change.value,
                "first_seen": eve_time(one.first_seen, zone),
            },
        )
        yield {**made, "host": host}
        place += 1
    texts = notices_of(message.body)
    if message.kind == "digest":
        texts.insert(0, summary(counts_of(message.body)))
    for text in texts:
        said = signature(OWN_ID, text.in_(lang), "ZoneGuard", 3)
        said["metadata"] = {"zoneguard_key": [f"{message.key}#{place}"]}
        time = eve_time(message.body["at"], zone)
        yield {"timestamp": time, "event_type": "alert", "host": host, "alert": said}
        place += 1
