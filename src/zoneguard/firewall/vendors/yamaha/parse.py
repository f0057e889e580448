"""A configuration of a YAMAHA router to a ruleset."""

from __future__ import annotations

import re
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
from zoneguard.firewall.secrets import REDACTED
from zoneguard.firewall.vendors.yamaha import nat
from zoneguard.firewall.vendors.yamaha.commands import commands_of
from zoneguard.firewall.vendors.yamaha.config import Applied, Config
from zoneguard.firewall.vendors.yamaha.filters import (
    ANY_V6,
    dynamic_line,
    dynamic_of,
    family_of,
    session_lines,
    static_lines,
    undefined_lines,
)
from zoneguard.net.address import number_of
from zoneguard.net.spans import ANY_V4
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Step
    from zoneguard.firewall.vendors.yamaha.filters import Dynamic
    from zoneguard.net.spans import Spans

MOST_LINES = 300_000  # of all lists together, a filter counted for each list that names it


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration."""
    config = Config(export)
    for command in commands_of(export):
        config.read(command)
    for (family, name), (chosen, place) in config.named.items():
        for direction, applied in config.sets.get((family, chosen), []):
            config.applied[family, name, direction] = applied._replace(place=place)
    heading = re.search(
        r"^# ((?:RTX|NVR|FWX|RT|SRT)\w*) Rev\.(\S+)", "\n".join(export.lines[:50]), re.MULTILINE
    )
    device = (
        config.name if config.name and REDACTED not in config.name else heading[1] if heading else export.file
    )
    return (
        Ruleset(
            device=device,
            format="yamaha",
            steps=tuple(_steps(config)),
            interfaces=tuple(_interface(config, name) for name in sorted(_names(config))),
            routes=tuple(config.routes),
            version=heading[2] if heading else "",
            forwards=config.routing["ip"] or (config.routing["ipv6"] and config.speaks_ipv6),
        ),
    )


def _names(config: Config) -> set[str]:
    on_filters = {name for _, name, _ in config.applied}
    return {*config.interfaces, *config.addresses, *on_filters, *config.translated, *config.vlans} - {"null"}


def _interface(config: Config, name: str) -> Interface:
    return Interface(
        name=name,
        networks=tuple(one.network for one in config.addresses.get(name, [])),
        vlan=config.vlans.get(name),
        enabled=name not in config.closed,
        description=config.descriptions.get(name, ""),
        place=config.interfaces.get(name),
    )


def _steps(config: Config) -> list[Step]:
    """Put the steps in the router's order: in NAT then filter, out filter then NAT, routing between them."""
    incoming, outgoing = [], []
    for name, (words, _) in sorted(config.translated.items()):
        into, out = _translations(config, name, words)
        if into:
            incoming.append(Rewrite(name=f"{name} nat in", translations=tuple(into)))
        if out:
            outgoing.append(Rewrite(name=f"{name} nat out", translations=tuple(out)))
    filters = _Filters(config)
    return [
        *filters.before(),
        *incoming,
        *(filters.step(key) for key in sorted(config.applied) if key[2] == "in"),
        *(filters.step(key) for key in sorted(config.applied) if key[2] == "out"),
        *outgoing,
    ]


class _Filters:
    """Makes the filters of interfaces; definitions that refer to others are read once, when all are known."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._made = 0
        self._dynamics: dict[str, dict[str, Dynamic]] = {"ip": {}, "ipv6": {}}
        for family, definitions in config.dynamics.items():
            for number, one in definitions.items():
                made = dynamic_of(family, one.words, config.statics[family], one.place, one.remark)
                if made:
                    self._dynamics[family][number] = made

    def before(self) -> list[Filter]:
        """Give the filters of things that stand beside the lists: a family not routed, and what is not modelled."""
        found = []
        closed = [
            family
            for family in ("ip", "ipv6")
            if not self._config.routing[family] or (family == "ipv6" and not self._config.speaks_ipv6)
        ]
        if closed:
            lines = tuple(
                Line(
                    id=f"{family} is not routed",
                    action=Action.DENY,
                    match=Match(source=family_of(family), destination=family_of(family)),
                    places=(),
                    implicit=True,
                )
                for family in closed
            )
            found.append(Filter(name="routing", lines=lines, default=Action.PERMIT, stateful=False))
        for (name, direction), place in sorted(self._config.ethernet.items()):
            deny = Line(
                id=f"ethernet {name} filter {direction}", action=Action.DENY, match=Match(unknown=("ethernet filter",)), places=(place,)
            )  # fmt: skip
            here = frozenset((name,))
            found.append(
                Filter(
                    name=deny.id, lines=(deny,), default=Action.PERMIT, stateful=False,
                    ingress=here if direction == "in" else None, egress=here if direction == "out" else None,
                )
            )  # fmt: skip
        if self._config.policy:
            deny = Line(
                id="ip policy filter", action=Action.DENY, match=Match(unknown=("ip policy filter",)), places=tuple(self._config.policy[:1])
            )  # fmt: skip
            found.append(Filter(name=deny.id, lines=(deny,), default=Action.PERMIT))
        return found

    def step(self, key: tuple[str, str, str]) -> Filter:
        """Make the filter of one list: open sessions, static filters in the list's order, dynamic ones, discard."""
        family, name, direction = key
        applied = self._config.applied[key]
        opposite = self._config.applied.get((family, name, "out" if direction == "in" else "in"))
        lines: list[Line] = []
        if self._config.speaks_ipv6 or family == "ipv6":
            other = ANY_V6 if family == "ip" else ANY_V4
            lines.append(
                Line(id="of the other family", action=Action.PERMIT, match=Match(source=other, destination=other), places=(), implicit=True)
            )  # fmt: skip
        for one in self._dynamic(family, applied):
            lines += session_lines(family, one, applied.place)[0]
        if opposite:
            for one in self._dynamic(family, opposite):
                lines += session_lines(family, one, opposite.place)[1]
        lines += self._static(family, applied)
        lines += [dynamic_line(family, one, applied.place) for one in self._dynamic(family, applied)]
        here = frozenset((name,))
        return Filter(
            name=f"{family} {name} secure filter {direction}",
            lines=tuple(lines),
            default=Action.DENY,
            default_log=self._config.notices,
            ingress=here if direction == "in" else None,
            egress=here if direction == "out" else None,
            stateful=False,
        )

    def _static(self, family: str, applied: Applied) -> list[Line]:
        lines: list[Line] = []
        export, statics = self._config.export, self._config.statics[family]
        if applied.unsure:
            export.fault(applied.place.line, LineState.UNKNOWN, _CUT)
            lines += undefined_lines(family, "cut by the console", applied.place)
        for number in applied.statics:
            self._made += 1
            if self._made > MOST_LINES:
                lines += undefined_lines(family, "beyond the limit", applied.place)
                break
            if number in statics:
                lines += static_lines(family, statics[number], applied.place, logs=self._config.notices)
            else:
                export.fault(applied.place.line, LineState.UNKNOWN, _undefined(family, number))
                lines += undefined_lines(family, number, applied.place)
        for number in applied.dynamics:
            if number not in self._dynamics[family]:
                export.fault(applied.place.line, LineState.UNKNOWN, _undefined(family, f"dynamic {number}"))
                lines += undefined_lines(family, f"dynamic {number}", applied.place)
        return lines

    def _dynamic(self, family: str, applied: Applied) -> list[Dynamic]:
        known = self._dynamics[family]
        return [known[number] for number in dict.fromkeys(applied.dynamics) if number in known]


def _translations(config: Config, name: str, words: list[str]) -> tuple[list[Translation], list[Translation]]:
    place = config.translated[name][1]
    incoming: list[Translation] = []
    outgoing: list[Translation] = []
    for number in words:
        if number == "reverse":
            config.export.fault(place.line, LineState.UNSUPPORTED, _REVERSE)
            incoming.append(
                _anything(f"{name} nat descriptor reverse", place_of=config, name=name, inward=True)
            )
            outgoing.append(
                _anything(f"{name} nat descriptor reverse", place_of=config, name=name, inward=False)
            )
            break
        one = config.descriptors.get(number)
        if one is None:
            config.export.fault(place.line, LineState.UNKNOWN, _no_descriptor(number))
            continue
        built = nat.build(name, number, one, primary=_primary(config, name))
        incoming += built.incoming
        outgoing += built.outgoing
        if any(translation.match.unknown for translation in built.incoming):
            config.export.fault(place.line, LineState.UNSUPPORTED, _OUTER)
    return incoming, outgoing


def _anything(label: str, *, place_of: Config, name: str, inward: bool) -> Translation:
    """Give a translation that may write any address in place of any."""
    here, pool = frozenset((name,)), Mapping(address=ANY_V4[0])
    return Translation(
        id=label,
        match=Match(
            source=ANY_V4,
            destination=ANY_V4,
            ingress=here if inward else None,
            egress=None if inward else here,
            unknown=("reverse",),
        ),
        places=(place_of.translated[name][1],),
        source=pool,
        destination=pool,
    )


def _primary(config: Config, name: str) -> Spans | None:
    for one in config.addresses.get(name, []):
        if one.version == 4:
            return ((number_of(one.ip), number_of(one.ip)),)
    return None


def _undefined(family: str, number: str) -> Text:
    return Text(
        ja=f"このリストにある {family} filter {number} は定義されていません。ここまで来た通信は通過も破棄もありうるものとして扱います。",
        en=f"`{family} filter {number}` of this list is not defined; what reaches it counts as passed or discarded.",
    )


def _no_descriptor(number: str) -> Text:
    return Text(
        ja=f"NAT ディスクリプタ {number} は定義されていないため、アドレス変換をしないものとして扱います。",
        en=f"NAT descriptor {number} is not defined; nothing is translated by it.",
    )


_CUT = Text(
    ja="コンソールの折り返しがフィルタ番号の途中にあるかどうか決められません。`console columns 200` で出力し直すか、TFTP などで取得した設定を"
    "使ってください。",
    en="Whether the console broke this list inside a filter number cannot be told. Export it again with `console columns 200`, or "
    "take the configuration by TFTP.",
)
_OUTER = Text(
    ja="外側アドレスが設定に書かれていない（ipcp など）ため、静的な変換がどの宛先に効くかは確定しないものとして扱います。",
    en="The outer address is not in the configuration (ipcp and the like), so which destinations the static entries translate "
    "stays open.",
)
_REVERSE = Text(
    ja="「nat descriptor … reverse」はモデルに入れていません。このインターフェースを通る通信のアドレスは確定しないものとして扱います。",
    en="`nat descriptor … reverse` is not modelled; addresses of what passes this interface stay open.",
)
