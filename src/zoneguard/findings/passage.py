"""What was seen of a sanitising gateway: the proof, as far as traffic gives one, that crossings passed through it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSeen:
    """One leg of a gateway: the flows with data that met it, and octets towards the gateway and from it."""

    zone: str  # whose hosts meet this leg
    flows: int
    bytes_in: int
    bytes_out: int
    first_seen: int | None  # ns since 1970; None: this leg was not seen
    last_seen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What was seen of one gateway.

    `carried` flows brought data out of it at one leg; for `paired` of them a flow that had brought about as much
    in at another leg was seen. `past` flows with data went between the zones of its legs without it.
    """

    gateway: str
    sanitizes: str
    legs: tuple[LegSeen, ...]
    carried: int
    paired: int
    past: int
    whole: bool  # False: more flows met it than are held for pairing

    @property
    def is_seen_whole(self) -> bool:
        """Tell whether every leg was observed, without which nothing can be paired."""
        return len(self.legs) > 1 and all(leg.first_seen is not None for leg in self.legs)
