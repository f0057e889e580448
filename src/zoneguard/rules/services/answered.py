"""Crossings of given services that were answered: what the rules of this family look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.rules.sight import is_breach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zoneguard.rules.evidence import Conversation, Evidence


def answered_on(evidence: Evidence, ports: Mapping[int, frozenset[int]]) -> Iterator[Conversation]:
    """Give answered crossings to the ports, named by protocol number.

    Where the two zones owe isolation or division, the crossing itself is the primary finding and that of the
    service hangs on it; elsewhere the service is the more telling (primary.py).
    """
    for one in evidence.conversations:
        if is_breach(one) and one.services == 1 and one.port in ports.get(one.protocol, ()):
            yield one
