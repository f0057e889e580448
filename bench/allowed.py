"""What a policy allows, as boxes: that of zones.yaml, and flows that nearly cover a generated list."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.net.service import Service
from zoneguard.net.spans import ANY_V4
from zoneguard.policy.load import load_policy
from zoneguard.policy.verdict import allowed_set

if TYPE_CHECKING:
    from rulelists import Row

    from zoneguard.net.spans import Spans

Box: TypeAlias = "tuple[Spans, Spans, Service]"


def allowed_boxes(rows: list[Row]) -> list[Box]:
    """Give the allowed set of zones.yaml and what approves every tenth generated permit line."""
    policy = load_policy(Path(__file__).resolve().parents[1] / "zones.yaml")
    boxes: list[Box] = [
        ((box.orig,), (box.resp,), Service(protocol=box.protocol, dport=box.port))
        for box in allowed_set(policy).products()
    ]
    permits = [row for row in rows if row.permits and ANY_V4 not in (row.source, row.destination)]
    chosen = Random(7).sample(permits, len(permits) // 10)
    return boxes + [(row.source, row.destination, row.service) for row in chosen]
