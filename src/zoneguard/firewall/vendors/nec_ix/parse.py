"""A configuration of a UNIVERGE IX to a ruleset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.firewall.model import (
    Action,
    Filter,
    Interface,
    Line,
    LineState,
    Mapping,
    Match,
    Rewrite,
    Ruleset,
    Translation,
)
from zoneguard.firewall.vendors.nec_ix import napt
from zoneguard.firewall.vendors.nec_ix.config import Config
from zoneguard.firewall.vendors.nec_ix.lists import (
    ANY_V6,
    dynamic_lines,
    session_lines,
    static_lines,
    undefined_lines,
)
from zoneguard.net.spans import ANY_V4
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Place, Step
    from zoneguard.firewall.vendors.nec_ix.config import Applied

MOST_LINES = 300_000  # of all filters together, an entry counted for each filter that names its list
_UNSURE = ("NAPT before or behind the filter",)


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration."""
    config = Config(export)
    config.read()
    for lists in config.lists.values():
        for name, entries in lists.items():
            lists[name] = sorted(entries, key=lambda entry: entry.sequence)
    interfaces = tuple(
        Interface(
            name=name,
            networks=tuple(one.network for one in port.addresses),
            vlan=port.vlan,
            vrf=port.vrf,
            enabled=port.enabled,
            description=port.description,
            place=port.place,
        )
        for name, port in sorted(config.ports.items())
    )
    return (
        Ruleset(
            device=config.hostname or export.file,
            format="nec-ix",
            steps=tuple(_steps(config)),
            interfaces=interfaces,
            routes=tuple(config.routes),
            version=config.version,
        ),
    )


def _steps(config: Config) -> list[Step]:
    """Put the steps in order; on which side of a filter NAPT stands is left open where both meet."""
    filters = _Filters(config)
    steps: list[Step] = list(_beside(config))
    for direction in ("in", "out"):
        if direction == "in":
            steps += [_anything(name, port.nat) for name, port in sorted(config.ports.items()) if port.nat]
        steps += _napt(config, direction, before=True)
        steps += [filters.step(key) for key in sorted(config.applied) if key[2] == direction]
        steps += _napt(config, direction, before=False)
    return steps


def _napt(config: Config, direction: str, *, before: bool) -> list[Rewrite]:
    found = []
    for name, port in sorted(config.ports.items()):
        if not port.napt or (before and ("ip", name, direction) not in config.applied):
            continue
        extra = _UNSURE if before else ()
        made = (
            napt.incoming(name, port, extra)
            if direction == "in"
            else napt.outgoing(name, port, config.lists["ip"], extra)
        )
        if made:
            found.append(Rewrite(name=f"{name} napt {direction}", translations=tuple(made)))
    return found


def _beside(config: Config) -> list[Filter]:
    """Give the filters of what stands beside the lists: a family not routed, and filters of frames."""
    found = []
    if not config.speaks_ipv6:
        line = Line(
            id="ipv6 is not enabled", action=Action.DENY, match=Match(source=ANY_V6, destination=ANY_V6), places=(), implicit=True
        )  # fmt: skip
        found.append(Filter(name="routing", lines=(line,), default=Action.PERMIT, stateful=False))
    for name, port in sorted(config.ports.items()):
        for direction, place in sorted(port.mac_filters.items()):
            line = Line(
                id=f"{name} filter {direction}", action=Action.DENY, match=Match(unknown=("filter of frames",)), places=(place,)
            )  # fmt: skip
            here = frozenset((name,))
            found.append(
                Filter(
                    name=line.id, lines=(line,), default=Action.PERMIT, stateful=False,
                    ingress=here if direction == "in" else None, egress=here if direction != "in" else None,
                )
            )  # fmt: skip
    return found


def _anything(name: str, place: Place) -> Rewrite:
    """Give a rewrite that may put any address in place of any, for translations that are not modelled."""
    here, pool = frozenset((name,)), Mapping(address=ANY_V4[0])
    both = tuple(
        Translation(
            id=f"{name} ip nat",
            match=Match(
                source=ANY_V4, destination=ANY_V4, ingress=ingress, egress=egress, unknown=("ip nat",)
            ),
            places=(place,),
            source=pool,
            destination=pool,
        )
        for ingress, egress in ((here, None), (None, here))
    )
    return Rewrite(name=f"{name} nat", translations=both)


class _Filters:
    """Makes the filters of interfaces, with a bound on all their lines together."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._made = 0

    def step(self, key: tuple[str, str, str]) -> Filter:
        """Make one filter: open sessions, then the lists by their sequence numbers, then discard."""
        family, name, direction = key
        config = self._config
        port = config.ports[name]
        lists, dynamics = config.lists[family], config.dynamics[family]
        lines: list[Line] = []
        if config.speaks_ipv6 or family == "ipv6":
            other = ANY_V6 if family == "ip" else ANY_V4
            lines.append(
                Line(id="of the other family", action=Action.PERMIT, match=Match(source=other, destination=other), places=(), implicit=True)
            )  # fmt: skip
        if direction == "in" and family == "ip" and port.napt:
            lines += napt.overriding(port, config.version)
        opposite = config.applied.get((family, name, "out" if direction == "in" else "in"), [])
        for back, applied in ((False, config.applied[key]), (True, opposite)):
            for one in sorted(applied, key=_in_order):
                if one.name in dynamics:
                    lines += session_lines(one.name, dynamics[one.name], lists, one.place, back=back)
        for one in sorted(config.applied[key], key=_in_order):
            lines += self._list(family, one)
        here = frozenset((name,))
        return Filter(
            name=f"{name} {family} filter {direction}",
            lines=tuple(lines),
            default=Action.DENY,
            default_log=config.logs,
            ingress=here if direction == "in" else None,
            egress=here if direction == "out" else None,
            stateful=False,
        )

    def _list(self, family: str, one: Applied) -> list[Line]:
        """Make the lines of one list on an interface; of two lists of one name the dynamic one counts."""
        lists = self._config.lists[family]
        dynamic = self._config.dynamics[family].get(one.name)
        entries = lists.get(dynamic.trigger if dynamic else one.name, [])
        self._made += len(entries) + 1
        if self._made > MOST_LINES:
            return undefined_lines(family, "beyond the limit", one.place)
        if not entries:
            name = (dynamic and dynamic.trigger) or one.name
            return self._undefined(family, name, one.place)
        if dynamic:
            return dynamic_lines(one.name, dynamic, entries, one.place)
        return static_lines(one.name, entries, one.place, logs=self._config.logs)

    def _undefined(self, family: str, name: str, place: Place) -> list[Line]:
        self._config.export.fault(
            place.line,
            LineState.UNKNOWN,
            Text(
                ja=f"アクセスリスト {name} は定義されていません。ここまで来た通信は通過も破棄もありうるものとして扱います。",
                en=f"The access list {name} is not defined; what reaches it counts as passed or discarded.",
            ),
        )
        return undefined_lines(family, name, place)


def _in_order(one: Applied) -> int:
    return one.sequence
