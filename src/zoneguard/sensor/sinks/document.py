"""A message as the JSON that leaves the machine: the contract `zoneguard.notice/1`, findings as in the report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zoneguard.report.harmless import harmless_json
from zoneguard.report.json import finding_document
from zoneguard.report.when import iso
from zoneguard.sensor.messages import notices_of, told_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from zoneguard.sensor.messages import Told
    from zoneguard.sensor.sinks.base import Outgoing

SCHEMA = "zoneguard.notice/1"

Json = dict[str, Any]


def document(message: Outgoing, zone: tzinfo) -> Json:
    """Give a whole message as one object."""
    made = _head(message, zone)
    if message.kind == "digest":
        made["digest"] = _counted(message, zone)
    made["told"] = [_told(one, zone) for one in told_of(message.body)]
    made["notices"] = [{"ja": one.ja, "en": one.en} for one in notices_of(message.body)]
    return made


def line_documents(message: Outgoing, zone: tzinfo) -> Iterator[Json]:
    """Give one object for each thing a message tells; `key` is the message's with the place in it."""
    things: list[Json] = [_told(one, zone) for one in told_of(message.body)]
    things += [{"notice": {"ja": one.ja, "en": one.en}} for one in notices_of(message.body)]
    if message.kind == "digest":
        things.insert(0, {"digest": _counted(message, zone)})
    for place, thing in enumerate(things):
        yield {**_head(message, zone), "key": f"{message.key}#{place}", **thing}


def one_line(value: Json) -> str:
    """Write an object on one line that no terminal can be tricked with."""
    return harmless_json(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _head(message: Outgoing, zone: tzinfo) -> Json:
    return {
        "schema": SCHEMA,
        "key": message.key,
        "sequence": message.sequence,
        "kind": message.kind,
        "sensor": message.body["sensor"],
        "time": iso(message.body["at"], zone),
    }


def _told(one: Told, zone: tzinfo) -> Json:
    made: Json = {
        "change": one.change.value,
        "first_seen": iso(one.first_seen, zone),
        "last_seen": iso(one.last_seen, zone),
        "spell": one.spell,
    }
    if one.before is not None:
        made["told_before"] = one.before.value
    return made | {"finding": finding_document(one.finding, zone)}


def _counted(message: Outgoing, zone: tzinfo) -> Json:
    body = message.body
    return {
        "since": iso(body["since"], zone),
        "messages": body["messages"],
        "items": body["items"],
        "counts": body["counts"],
    }
