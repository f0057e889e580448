"""One packet through a ruleset, first match by first match: plain, and apart from the engine."""

from __future__ import annotations

from ipaddress import ip_address

from zoneguard.firewall.model import Action, Filter, Mapping, Match, Ruleset
from zoneguard.net.address import number_of


def verdict(
    ruleset: Ruleset,
    *,
    ingress: str,
    egress: str,
    source: str,
    destination: str,
    protocol: int,
    dport: int = 0,
    sport: int = 49152,
    flags: int = 2,
    state: int = 1,
) -> tuple[Action | None, str]:
    """Give the action and the line that decides; (None, id) when an unknown condition decides."""
    src, dst = number_of(ip_address(source)), number_of(ip_address(destination))

    def meets(match: Match) -> bool:
        return (
            (match.ingress is None or ingress in match.ingress)
            and (match.egress is None or egress in match.egress)
            and any(first <= src <= last for first, last in match.source)
            and any(first <= dst <= last for first, last in match.destination)
            and any(
                one.protocol[0] <= protocol <= one.protocol[1]
                and one.sport[0] <= sport <= one.sport[1]
                and one.dport[0] <= dport <= one.dport[1]
                and one.flags >> flags & 1
                and one.states & state
                for one in match.services
            )
        )

    decided = ""
    for step in ruleset.steps:
        if isinstance(step, Filter):
            if (step.ingress is not None and ingress not in step.ingress) or (
                step.egress is not None and egress not in step.egress
            ):
                continue
            line = next((one for one in step.lines if one.enabled and meets(one.match)), None)
            decided = line.id if line else f"{step.name} default"
            if line and line.match.unknown:
                return None, decided
            if (line.action if line else step.default) is Action.DENY:
                return Action.DENY, decided
        else:
            for one in step.translations:
                if one.enabled and meets(one.match):
                    if one.match.unknown:
                        return None, one.id
                    src, sport = _mapped(one.source, one.match.source, src, sport)
                    dst, dport = _mapped(one.destination, one.match.destination, dst, dport)
                    break
    return Action.PERMIT, decided


def _mapped(to: Mapping | None, matched: tuple, address: int, port: int) -> tuple[int, int]:
    if to and to.address:
        first, last = to.address
        offset = address - matched[0][0] if last - first == matched[-1][1] - matched[0][0] else 0
        address = first + offset
    if to and to.port:
        port = to.port[0] if not to.port[0] <= port <= to.port[1] else port
    return address, port
