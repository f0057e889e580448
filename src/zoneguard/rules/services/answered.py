"""Crossings of given services that were answered: what the rules of this family look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.rules.sight import is_breach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zoneguard.net.flow import Payload
    from zoneguard.rules.evidence import Conversation, Evidence


def answered_on(
    evidence: Evidence,
    ports: Mapping[int, frozenset[int]],
    spoken: frozenset[Payload] = frozenset(),
) -> Iterator[Conversation]:
    """Give answered crossings to the ports, named by protocol number, or that spoke so on whatever port.

    Where the two zones owe isolation or division, the crossing itself is the primary finding and that of the
    service hangs on it; elsewhere the service is the more telling (primary.py).
    """
    for one in evidence.conversations:
        if not is_breach(one) or one.services > 1:
            continue
        if one.port in ports.get(one.protocol, ()) or spoken & {one.orig_payload, one.resp_payload}:
            yield one
