"""Where the interfaces of a device lead: to which zones, and by which of them packets go from one to another."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.firewall.model import Filter
from zoneguard.net.address import spans_of
from zoneguard.net.spans import spans_from, spans_meet
from zoneguard.policy.model import PUBLIC
from zoneguard.policy.verdict import root_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zoneguard.firewall.model import ParseResult, Ruleset
    from zoneguard.net.spans import Spans
    from zoneguard.policy.model import Device, Policy

Way: TypeAlias = tuple[str | None, str | None]  # interfaces by which packets come in and leave


def device_of(policy: Policy, result: ParseResult, ruleset: Ruleset) -> Device | None:
    """Find the policy's entry for a ruleset: by its name, by its host name, or by the file."""
    for device in policy.devices:
        if device.id in {ruleset.device, ruleset.device.partition("/")[0]}:
            return device
    for device in policy.devices:
        if device.file is not None and result.file.endswith(device.file):
            return device
    alike = [one for one in policy.devices if one.format == result.format]
    return alike[0] if len(alike) == 1 and len(policy.devices) == 1 else None


class Faces:
    """The zones that each interface of one ruleset leads to, as the policy or the export says."""

    def __init__(
        self, policy: Policy, spans: Mapping[str, Spans], device: Device | None, ruleset: Ruleset
    ) -> None:
        self._policy, self._spans, self._device, self._ruleset = policy, spans, device, ruleset
        self._standing = {one.name for one in ruleset.interfaces if one.stands_for_others}
        self.zones = self._zones()

    def _zones(self) -> dict[str, tuple[str, ...]]:
        declared = dict(self._device.interfaces) if self._device else {}
        interfaces = {one.name: one for one in self._ruleset.interfaces if one.enabled}
        names = list(dict.fromkeys([*interfaces, *_mentioned(self._ruleset)]))
        known = {one.zone for one in interfaces.values()}
        # Where lines name the zones themselves, a declared interface stands for a zone that none of them names.
        called = {self._called(name) for name in names}
        names += [
            name
            for name, zone in declared.items()
            if name not in known and name not in names and zone not in called
        ]
        faces: dict[str, tuple[str, ...]] = {}
        for name in names:
            interface = interfaces.get(name)
            zone = declared.get(name) or (declared.get(interface.zone or "") if interface else None)
            zone = zone or self._called(name) or (self._called(interface.zone or "") if interface else None)
            if zone is not None:
                faces[name] = (zone,)
                continue
            networks = spans_from(
                span for network in (interface.networks if interface else ()) for span in spans_of(network)
            )
            routed = [route.network for route in self._ruleset.routes if route.interface == name]
            behind = spans_from(
                span for network in routed if network.prefixlen > 0 for span in spans_of(network)
            )
            zones = [
                zone
                for zone, own in self._spans.items()
                if spans_meet(own, networks) or spans_meet(own, behind)
            ]
            if any(network.prefixlen == 0 for network in routed) and PUBLIC not in zones:
                zones.append(PUBLIC)
            faces[name] = tuple(zones)
        return faces

    def _called(self, name: str) -> str | None:
        """Take an interface or device zone that is called as a zone of the policy for that zone."""
        return self._names.get(name) or self._names.get(name.lower())

    @cached_property
    def _names(self) -> dict[str, str]:
        names = {one.id: one.id for one in self._policy.zones}
        return names | {called: one.id for one in self._policy.zones for called in (one.name.ja, one.name.en)}

    def _facing(self, zone: str) -> tuple[str | None, ...]:
        """Give the interfaces that lead to a zone; where none does, those of which no zone is known; None: any."""
        if not self.zones:
            return (None,)
        found = tuple(name for name, zones in self.zones.items() if zone in zones)
        return found or tuple(name for name, zones in self.zones.items() if not zones)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the pairs of zones between which something may be separated; a zone and its parts are one."""
        for orig in self._spans:
            for resp in self._spans:
                if orig != resp and self._spans[orig] and self._spans[resp] and not self._are_kin(orig, resp):
                    yield orig, resp

    @property
    def joins(self) -> bool:
        """Whether two interfaces are known that may lead to different zones."""
        return any(True for pair in self.pairs() for _ in self.ways(*pair))

    def _are_kin(self, a: str, b: str) -> bool:
        return root_zone(self._policy, a) == root_zone(self._policy, b)

    def ways(self, orig: str, resp: str) -> Iterator[Way]:
        """Yield the pairs of interfaces by which packets may go from one zone to another."""
        for ingress in self._facing(orig):
            for egress in self._facing(resp):
                if ingress is None or ingress != egress or ingress in self._standing:
                    yield ingress, egress

    def is_placed(self, zone: str) -> bool:
        """Tell whether an interface is known to lead to a zone."""
        return any(zone in zones for zones in self.zones.values())


def _mentioned(ruleset: Ruleset) -> Iterator[str]:
    for step in ruleset.steps:
        for one in step.lines if isinstance(step, Filter) else step.translations:
            for names in (one.match.ingress, one.match.egress):
                yield from sorted(names or ())
