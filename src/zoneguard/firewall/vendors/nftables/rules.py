"""Rules as what they do with the packets that they match: statement by statement, as the kernel goes through them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from zoneguard.firewall.chains import ChainRule, Way
from zoneguard.firewall.matching import EVERYTHING, FAMILIES, meet_all, meet_unions, not_sure
from zoneguard.firewall.model import Action, Mapping, Match
from zoneguard.firewall.netfilter import NO_NAT, SOME_V4, SOME_V6, Nat, services
from zoneguard.firewall.vendors.nftables.match import (
    NotKnownError,
    Scope,
    compared,
    condition,
    elements_of,
    joined,
    said,
    words_of,
)
from zoneguard.net.address import V4_FIRST, V4_LAST, number_of

if TYPE_CHECKING:
    from zoneguard.firewall.vendors.nftables.items import Item
    from zoneguard.net.address import Span

_ENDS = frozenset(
    {"accept", "dnat", "drop", "goto", "jump", "masquerade", "redirect", "reject", "return", "snat"}
)
MOST_PARTS = 4096  # elements of a verdict map that become rules of their own

# Statements that decide nothing and change nothing that is matched here.
_SILENT = frozenset({"continue", "counter", "ct helper", "ct timeout", "ct expectation", "dup", "flow", "last", "meter",
                     "secmark", "set"})  # fmt: skip
# Statements that let some packets pass on to the next one, and stop the rule for the others.
_NARROWING = frozenset({"ct count", "limit", "quota"})


_REJECTS = {
    "icmp": FAMILIES["ipv4"],
    "icmpv6": FAMILIES["ipv6"],
    "tcp reset": Match(services=services([6])),
}
DROPPED = Nat(dropped=True)
LOCAL = Nat(local=True)


class Outcome(NamedTuple):
    """What a rule does with a packet, and to which chain it goes."""

    way: Way
    end: Action | Nat | None = None
    target: str = ""


_IN_NAT = {
    "accept": Outcome(Way.END, NO_NAT),
    "drop": Outcome(Way.END, DROPPED),
    "redirect": Outcome(Way.END, LOCAL),
    "reject": Outcome(Way.END, DROPPED),
    "tproxy": Outcome(Way.END, LOCAL),
}
_IN_FILTER = {
    "accept": Outcome(Way.END, Action.PERMIT),
    "drop": Outcome(Way.END, Action.DENY),
    "reject": Outcome(Way.END, Action.DENY),
    "tproxy": Outcome(Way.END, Action.DENY),
}


@dataclass(slots=True)
class _Building:
    scope: Scope
    nat: bool
    item: Item
    name: str
    made: list[ChainRule[Any]] = field(default_factory=list)
    matches: tuple[Match, ...] = (EVERYTHING,)
    untracked: list[Match] = field(default_factory=list)
    over: bool = False

    @property
    def ends(self) -> bool:
        """Tell whether the last statement decides."""
        statements = self.item.data.get("expr")
        last = statements[-1] if isinstance(statements, list) and statements else None
        return isinstance(last, dict) and bool(_ENDS & last.keys())

    def narrow(self, union: tuple[Match, ...]) -> None:
        self.matches = meet_unions(self.matches, union)

    def emit(self, outcome: Outcome, union: tuple[Match, ...] | None = None) -> None:
        matches = self.matches if union is None else meet_unions(self.matches, union)
        comment = self.item.data.get("comment")
        self.made.append(
            ChainRule(
                id=self.name,
                places=(self.item.place,),
                matches=matches,
                way=outcome.way,
                end=outcome.end,
                target=outcome.target,
                comment=comment if isinstance(comment, str) else "",
            )
        )


def read_rule(item: Item, name: str, scope: Scope, *, nat: bool) -> tuple[list[ChainRule[Any]], list[Match]]:
    """Read one rule: the rules that it comes to, in order, and the packets that it takes out of tracking."""
    building = _Building(scope, nat, item, name)
    statements = item.data.get("expr")
    if not isinstance(statements, list):
        statements = [{"unknown": "a rule without statements"}]
    for statement in statements:
        if building.over:
            break
        kind, value = "", None
        if isinstance(statement, dict) and statement:
            kind, value = next(iter(statement.items()))
        try:
            _take(building, str(kind), value)
        except (NotKnownError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            # What this statement would do is not known, nor whether the next one is reached.
            why = f"{kind} {words_of(value)}".strip()
            building.emit(Outcome(Way.OPEN, target=why))
            building.narrow((not_sure(why),))
    return building.made, building.untracked


def _take(building: _Building, kind: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    if kind == "match":
        building.narrow(compared(building.scope, value))
        return
    outcome = outcome_of(kind, value, nat=building.nat)
    if kind == "reject" and isinstance(value, dict) and value.get("type") in _REJECTS:
        # A listing leaves out what the answer implies: `meta nfproto ipv6 reject` shows as `reject with icmpv6`.
        building.narrow((_REJECTS[value["type"]],))
    if outcome is not None:
        building.emit(outcome)
        building.over = outcome.way is not Way.LOG
    elif kind == "vmap":
        _verdict_map(building, value["key"], value["data"])
    elif kind in {"dnat", "snat"}:
        _translation(building, kind, value)
        building.over = True
    elif kind not in _SILENT:
        _take_other(building, kind, value)


def _take_other(building: _Building, kind: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    if kind == "notrack":
        building.untracked += building.matches
    elif kind in _NARROWING:
        building.narrow((not_sure(f"{kind} of a rate or an amount"),))
    elif kind == "mangle":
        _mangle(building, value)
    elif kind in {"xt", "unknown"}:
        # It may narrow the rule, and it may end it, unless something else does.
        why = "what only iptables shows (xt)" if kind == "xt" else words_of(value)
        if kind == "xt" or not building.ends:
            building.emit(Outcome(Way.OPEN, target=why))
        building.narrow((not_sure(why),))
    else:
        building.emit(Outcome(Way.OPEN, target=f"{kind} {words_of(value)}".strip()))


def outcome_of(kind: str, value: Any, *, nat: bool) -> Outcome | None:  # noqa: ANN401 - any JSON
    """Give what a verdict, log or masquerade does; None for every other statement."""
    if kind in {"jump", "goto"}:
        return Outcome(Way.JUMP if kind == "jump" else Way.GOTO, target=str(value["target"]))
    if kind in {"return", "log"}:
        return Outcome(Way.RETURN if kind == "return" else Way.LOG)
    if kind == "masquerade":
        port = _span(value["port"], port=True) if isinstance(value, dict) and "port" in value else None
        return Outcome(Way.END, Nat(source=Mapping(address=SOME_V4, port=port)))
    return _IN_NAT.get(kind) if nat else _IN_FILTER.get(kind)


def _verdict_map(building: _Building, key: Any, data: Any) -> None:  # noqa: ANN401 - any JSON
    """Make a rule of each element; what none of them matches goes on with the next statement."""
    pairs = elements_of(building.scope, data)
    if pairs is None or len(pairs) > MOST_PARTS:
        raise NotKnownError
    rest: list[Any] = []
    verdicts: dict[str, tuple[Any, list[Any]]] = {}
    for element, verdict in pairs:
        if element == "*":
            rest.append(verdict)
        else:
            verdicts.setdefault(str(verdict), (verdict, []))[1].append(element)
    for verdict, keys in verdicts.values():
        _emit_verdict(building, _keys(building.scope, key, keys), verdict)
    for verdict in rest:
        others = [element for element, _ in pairs if element != "*"]
        _emit_verdict(building, condition(building.scope, "!=", key, {"set": others}), verdict)
        building.over = True
    if any(kind in {"jump", "goto"} for verdict, _ in verdicts.values() for kind in verdict):
        # After a chain that returns the next rule is asked, not the next statement.
        building.narrow((not_sure("not in the verdict map"),))


def _emit_verdict(building: _Building, union: tuple[Match, ...], verdict: Any) -> None:  # noqa: ANN401 - any JSON
    ((kind, value),) = verdict.items()
    outcome = outcome_of(kind, value, nat=building.nat)
    if outcome is not None:
        building.emit(outcome, union)
    elif kind != "continue":
        building.emit(Outcome(Way.OPEN, target=kind), union)


def _keys(scope: Scope, key: Any, keys: list[Any]) -> tuple[Match, ...]:  # noqa: ANN401 - any JSON
    """Give the packets whose key is one of several elements."""
    if isinstance(key, dict) and "concat" in key:
        try:
            return joined(scope, key["concat"], keys)
        except (NotKnownError, ValueError, KeyError, TypeError):
            return (not_sure(said("==", key, keys)),)
    return condition(scope, "==", key, {"set": keys})


def _translation(building: _Building, kind: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    address = value.get("addr")
    port = _span(value["port"], port=True) if "port" in value else None
    if isinstance(address, dict) and "map" in address:
        if port is not None:
            raise NotKnownError
        key, data = address["map"]["key"], address["map"]["data"]
        pairs = elements_of(building.scope, data)
        if pairs is None or len(pairs) > MOST_PARTS:
            raise NotKnownError
        for element, to in pairs:
            parts = to["concat"] if isinstance(to, dict) and "concat" in to else [to]
            mapping = Mapping(
                address=_span(parts[0]), port=_span(parts[1], port=True) if len(parts) > 1 else None
            )
            union = (EVERYTHING,) if element == "*" else _keys(building.scope, key, [element])
            _emit_translation(building, kind, mapping, union, one_to_one=value.get("type_flags") == "prefix")
        return
    mapping = Mapping(address=None if address is None else _span(address), port=port)
    _emit_translation(building, kind, mapping, (EVERYTHING,), one_to_one=value.get("type_flags") == "prefix")


def _emit_translation(
    building: _Building, kind: str, mapping: Mapping, union: tuple[Match, ...], *, one_to_one: bool
) -> None:
    end = Nat(
        source=mapping if kind == "snat" else None,
        destination=mapping if kind == "dnat" else None,
        one_to_one=one_to_one,
    )
    if mapping.address is not None:
        family = FAMILIES["ipv4" if V4_FIRST <= mapping.address[0] <= V4_LAST else "ipv6"]
        union = meet_all([union, (family,)])
    building.emit(Outcome(Way.END, end), union)


def _span(value: Any, *, port: bool = False) -> Span:  # noqa: ANN401 - any JSON
    """Read the address, network, range or port that a translation writes."""
    if isinstance(value, dict) and "range" in value:
        low, high = (_span(one, port=port)[0] for one in value["range"])
        return low, high
    if isinstance(value, dict) and "prefix" in value:
        address = ip_address(value["prefix"]["addr"])
        size = 1 << (address.max_prefixlen - value["prefix"]["len"])
        first = number_of(address) & -size
        return first, first + size - 1
    if port:
        number = int(value)
        if not 0 <= number <= 65535:
            raise NotKnownError(value)
        return number, number
    number = number_of(ip_address(value))
    return number, number


def _mangle(building: _Building, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Let writing of marks pass; a rewritten header is left open, for what is asked of it afterwards is not known."""
    key = value["key"]
    payload = key.get("payload") if isinstance(key, dict) else None
    if isinstance(payload, dict) and payload.get("field") not in {
        "dscp",
        "ecn",
        "ttl",
        "hoplimit",
        "checksum",
    }:
        building.emit(Outcome(Way.OPEN, target=f"{words_of(key)} set"))


def masquerade_of(end: Nat, *, v6: bool) -> Nat:
    """Give a masquerade the pool of the family that it is asked for."""
    if v6 and end.source is not None and end.source.address == SOME_V4:
        return end._replace(source=replace(end.source, address=SOME_V6))
    return end
