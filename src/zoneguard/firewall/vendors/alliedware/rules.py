"""Rules of the firewall and of NAT, in the order of their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.firewall.model import Action, Filter, Line, LineState, Mapping, Match, Rewrite, Translation
from zoneguard.firewall.vendors.alliedware.entities import Part
from zoneguard.net.address import V4_FIRST, V4_LAST
from zoneguard.net.spans import spans_from
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.indented import Statement
    from zoneguard.firewall.model import Place
    from zoneguard.firewall.vendors.alliedware.entities import Device
    from zoneguard.net.address import Span

HIDDEN_PORTS = (1024, 65535)
MOST_PAIRS = 256  # interfaces of the source times those of the destination
_ACTIONS = {"permit": Action.PERMIT, "deny": Action.DENY, "reject": Action.DENY, "log": None}
_NAT_ACTIONS = frozenset({"masq", "netmap", "portfwd"})


class _Rule(NamedTuple):
    """One rule taken apart: `with` holds the words behind it."""

    node: Statement
    number: int
    action: str
    application: str
    source: str
    destination: str | None
    options: tuple[str, ...]
    given: tuple[str, ...]


def filter_of(device: Device, block: Statement) -> Filter | None:
    """Give the firewall as a filter; None when it does not protect."""
    rules, protects = [], False
    for one in block.children:
        if one.words == ["protect"]:
            protects = True
            device.export.mark(one.number, LineState.PARSED)
        elif one.words[0] == "rule":
            made = _apart(device, one, frozenset(_ACTIONS))
            if made is not None:
                rules.append(made)
        elif one.words[0] in (
            "connection-limit",
            "connection-log",
            "connection-timeout",
            "debug",
            "ip",
            "no",
        ):
            device.export.mark(one.number, LineState.IRRELEVANT)
        else:
            device.export.fault(one.number, LineState.UNKNOWN, _not_known(one.text[:80]))
    lines = tuple(line for rule in _in_order(rules) for line in _lines(device, rule))
    if not protects:
        return None
    return Filter(
        name="firewall",
        lines=lines,
        default=Action.DENY,
        default_places=(device.export.place(block.number),),
        default_log=False,
    )


def _in_order(rules: list[_Rule]) -> list[_Rule]:
    """Sort by number; a rule without one comes behind those before it."""
    numbered: list[tuple[int, _Rule]] = []
    highest = 0
    for rule in rules:
        number = rule.number or highest + 10
        highest = max(highest, number)
        numbered.append((number, rule))
    return [rule for _, rule in sorted(numbered, key=lambda one: one[0])]


def _apart(device: Device, node: Statement, actions: frozenset[str]) -> _Rule | None:
    """Take apart `rule [N] ACTION APPLICATION from A [to B] [with …] [options]`."""
    words = node.words[1:]
    number = 0
    if words and words[0].isascii() and words[0].isdecimal() and len(words[0]) < 9:
        number, words = int(words[0]), words[1:]
    if len(words) < 4 or words[0] not in actions or words[2] != "from":
        device.export.fault(node.number, LineState.UNKNOWN, _not_known(node.text[:80]))
        return None
    rest = words[4:]
    destination: str | None = None
    if len(rest) > 1 and rest[0] == "to":
        destination, rest = rest[1], rest[2:]
    given: list[str] = []
    if rest[:1] == ["with"]:
        given = rest[1:]
        rest = []
        while given and given[-1] in ("log", "no-state-enforcement"):
            rest.append(given.pop())
    device.export.mark(node.number, LineState.PARSED)
    return _Rule(node, number, words[0], words[1], words[3], destination, tuple(rest), tuple(given))


def _lines(device: Device, rule: _Rule) -> Iterator[Line]:
    action = _ACTIONS[rule.action]
    if action is None:
        return  # logs, and goes on to the next rule
    name = f"rule {rule.number}" if rule.number else rule.node.text[:60]
    odd = [one for one in rule.options if one not in ("log", "no-state-enforcement")]
    offer = device.offer(rule.application)
    source = device.parts(rule.source)
    destination = device.parts(rule.destination or "")
    effective = offer.is_defined and bool(source) and bool(destination)
    if not effective:
        device.export.fault(rule.node.number, LineState.UNSUPPORTED, _not_effective(name))
    unknown = (*offer.unknown, *(f"option {one}" for one in odd))
    pairs = [(a, b) for a in source or () for b in destination or ()][:MOST_PAIRS]
    if unknown or any(a.unknown or b.unknown for a, b in pairs):
        said = (*unknown, *(word for a, b in pairs for word in (*a.unknown, *b.unknown)))[0]
        device.export.fault(rule.node.number, LineState.UNSUPPORTED, _left_open(name, said))
    matches = [
        Match(
            source=a.spans,
            destination=b.spans,
            services=offer.services,
            ingress=None if a.interface is None else frozenset({a.interface}),
            egress=None if b.interface is None else frozenset({b.interface}),
            unknown=tuple(dict.fromkeys((*unknown, *a.unknown, *b.unknown)))[:8],
        )
        for a, b in pairs
    ]
    # What is sure comes before what only may be, as all of it is one line.
    for match in sorted(matches, key=lambda one: bool(one.unknown)) or [Match(source=(), destination=())]:
        yield Line(
            id=name,
            action=action,
            match=match,
            places=_places(device, rule),
            enabled=effective,
            log="log" in rule.options,
        )


def _places(device: Device, rule: _Rule) -> tuple[Place, ...]:
    found = [rule.node.number]
    for name in (rule.source, rule.destination or ""):
        entity = device.entities.get(name.lower())
        found += [entity.line] if entity is not None else []
    application = device.applications.get(rule.application.lower())
    found += [application.number] if application is not None else []
    return tuple(device.export.place(number) for number in dict.fromkeys(found))


def rewrites_of(device: Device, block: Statement) -> tuple[tuple[Rewrite, ...], tuple[Rewrite, ...]]:
    """Give what NAT writes ahead of the firewall (destinations) and behind it (sources)."""
    rules, enabled = [], False
    for one in block.children:
        if one.words == ["enable"]:
            enabled = True
            device.export.mark(one.number, LineState.PARSED)
        elif one.words[0] == "rule":
            made = _apart(device, one, _NAT_ACTIONS)
            if made is not None:
                rules.append(made)
        elif one.words[0] in ("alg", "no", "port-allocation"):
            device.export.mark(one.number, LineState.IRRELEVANT)
        else:
            device.export.fault(one.number, LineState.UNKNOWN, _not_known(one.text[:80]))
    inward: list[Translation] = []
    outward: list[Translation] = []
    for rule in _in_order(rules) if enabled else ():
        side = "dst" if rule.action == "portfwd" or rule.given[:1] == ("dst",) else "src"
        (inward if side == "dst" else outward).extend(_moves(device, rule, side))
    return (
        (Rewrite(name="nat dst", translations=tuple(inward)),) if inward else (),
        (Rewrite(name="nat src", translations=tuple(outward)),) if outward else (),
    )


def _moves(device: Device, rule: _Rule, side: str) -> Iterator[Translation]:
    name = f"nat rule {rule.number}" if rule.number else rule.node.text[:60]
    offer = device.plain_offer(rule.application)
    source = device.parts(rule.source)
    destination = device.parts(rule.destination) if rule.destination else _itself(device)
    target, port = _target(device, rule)
    unknown = [*offer.unknown]
    wants = rule.action != "masq" or bool(rule.given)
    if wants and target is None:
        unknown.append(f"with {' '.join(rule.given)}"[:80])
    effective = offer.is_defined and bool(source) and bool(destination)
    pairs = [(a, b) for a in source or () for b in destination or ()][:MOST_PAIRS]
    said = [*unknown, *(word for a, b in pairs for word in (*a.unknown, *b.unknown))]
    if not effective or said:
        device.export.fault(
            rule.node.number,
            LineState.UNSUPPORTED,
            _left_open(name, said[0]) if said else _not_effective(name),
        )
    for a, b in pairs:
        match = Match(
            source=a.spans,
            destination=b.spans,
            services=offer.services,
            ingress=None if a.interface is None else frozenset({a.interface}),
            egress=None if b.interface is None or side == "dst" else frozenset({b.interface}),
            unknown=tuple(dict.fromkeys((*unknown, *a.unknown, *b.unknown)))[:8],
        )
        made = Translation(id=name, match=match, places=_places(device, rule), enabled=effective)
        if side == "dst":
            yield _writing(made, destination=Mapping(address=target or (V4_FIRST, V4_LAST), port=port))
        elif wants:
            keeps = rule.action == "netmap"
            yield _writing(
                made,
                source=Mapping(address=target or (V4_FIRST, V4_LAST), port=None if keeps else HIDDEN_PORTS),
            )
        else:
            yield from _hidden(device, made)


def _writing(
    made: Translation, *, source: Mapping | None = None, destination: Mapping | None = None
) -> Translation:
    return Translation(
        id=made.id,
        match=made.match,
        places=made.places,
        source=source,
        destination=destination,
        enabled=made.enabled,
    )


def _hidden(device: Device, made: Translation) -> Iterator[Translation]:
    """Yield masquerading behind the address of each interface by which a packet may leave."""
    ways = made.match.egress or frozenset(one.name for one in device.interfaces)
    for name in sorted(ways):
        own = [at for at in device.own.get(name, ()) if V4_FIRST <= at <= V4_LAST]
        match = made.match
        yield Translation(
            id=made.id,
            match=Match(
                source=match.source,
                destination=match.destination,
                services=match.services,
                ingress=match.ingress,
                egress=frozenset({name}),
                unknown=match.unknown,
            ),
            places=made.places,
            source=Mapping(address=(own[0], own[0]) if own else (V4_FIRST, V4_LAST), port=HIDDEN_PORTS),
            enabled=made.enabled,
        )


def _target(device: Device, rule: _Rule) -> tuple[Span | None, Span | None]:
    """Read `src|dst ENTITY [dport N]`; one span of addresses that are sure, or None."""
    words = list(rule.given)
    port: Span | None = None
    if (
        len(words) == 4
        and words[2] == "dport"
        and words[3].isascii()
        and words[3].isdecimal()
        and len(words[3]) < 6
    ):
        number = int(words[3])
        port = (number, number) if number <= 65535 else None
        words = words[:2]
    if len(words) != 2 or words[0] not in ("dst", "src"):
        return None, port
    parts = device.parts(words[1]) or ()
    spans = spans_from(span for part in parts for span in part.spans)
    return (spans[0] if len(spans) == 1 and not any(part.unknown for part in parts) else None), port


def _itself(device: Device) -> tuple[Part, ...]:
    """Give the device's own addresses, to which a port forward without a destination listens."""
    if device.dynamic:
        return (Part(None, ((V4_FIRST, V4_LAST),), ("address of the device",)),)
    return (Part(None, spans_from((at, at) for own in device.own.values() for at in own)),)


def _not_effective(name: str) -> Text:
    return Text(
        ja=f"{name} は、エンティティーまたはアプリケーションの定義が不完全なため、機器では有効になりません。無効なルールとして扱います。",
        en=f"{name} names an entity or application that is not completely defined, so the device does not put it to use; "
        "it is read as disabled.",
    )


def _left_open(name: str, said: str) -> Text:
    return Text(
        ja=f"{name} の「{said}」は、設定だけでは決まりません。一致しうるものとして扱います。",
        en=f"{said!r} of {name} does not follow from the export; it is read as a may.",
    )


def _not_known(said: str) -> Text:
    return Text(
        ja=f"「{said}」は知られていない設定です。この設定が通過を左右するかどうかは分かりません。",
        en=f"{said!r} is not known; whether it changes what passes is not known.",
    )
