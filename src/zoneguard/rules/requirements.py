"""Required flows: absent, alive, or not to be told from this observation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneguard.policy.model import AllowedFlow
    from zoneguard.rules.evidence import Evidence

SECOND = 1_000_000_000  # ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """What the observation says of the required flows; absences are in ns."""

    absent: tuple[tuple[AllowedFlow, int], ...]
    untold: tuple[AllowedFlow, ...]


def required(evidence: Evidence) -> Required:
    """Hold each required flow against the window; without packets there is nothing to hold it against.

    Absence is measured at both edges of the window: times in between are not kept. A flow that was never
    seen is absent only if the window is longer than its interval and one of its zones was observed.
    """
    absent: list[tuple[AllowedFlow, int]] = []
    untold: list[AllowedFlow] = []
    begin, end = evidence.window or (0, 0)
    for flow in evidence.policy.flows:
        if flow.required_every is None or evidence.window is None:
            continue
        seen = evidence.allowed_seen.get(flow.id)
        silence = max(seen[0] - begin, end - seen[1]) if seen else end - begin
        too_long = silence > flow.required_every * SECOND
        observed = bool({flow.source.zone, flow.destination.zone} & evidence.zones_observed)
        if too_long and (seen or observed):
            absent.append((flow, silence))
        elif not seen:
            untold.append(flow)
    return Required(absent=tuple(absent), untold=tuple(untold))
