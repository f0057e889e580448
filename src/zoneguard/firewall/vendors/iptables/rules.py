"""The lines of a table as chains of rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoneguard.firewall.chains import ChainRule, Way
from zoneguard.firewall.matching import FAMILIES, meet_all, not_sure
from zoneguard.firewall.model import Action, LineState, Mapping
from zoneguard.firewall.netfilter import SOME_V4, SOME_V6, Nat
from zoneguard.firewall.vendors.iptables.address import mapping_span, network_span, port_span
from zoneguard.firewall.vendors.iptables.match import Conditions, Context, read_conditions
from zoneguard.firewall.vendors.iptables.words import DENYING, GOING_ON, LOGGING, Word
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Match


@dataclass(slots=True)
class Table:
    """One table of one family; `policies` are those of the built-in chains, with the line that says them."""

    name: str
    v6: bool
    chains: dict[str, list[ChainRule[Any]]] = field(default_factory=dict)
    policies: dict[str, tuple[str, int]] = field(default_factory=dict)
    untracked: list[Match] = field(default_factory=list)
    line: int = 0
    committed: bool = False
    written: dict[str, list[tuple[int, list[Word]]]] = field(default_factory=dict)  # lines not yet read


def read_rule(
    export: Export, table: Table, name: str, written: tuple[int, list[Word]], context: Context
) -> ChainRule[Any]:
    """Read one rule, called `name`; what it does not know it leaves open and says."""
    line, words = written
    found = read_conditions(words, context)
    family = FAMILIES["ipv6" if table.v6 else "ipv4"]
    matches = meet_all([(family,), *found.unions])
    way, end, target = _outcome(table, found)
    if (found.begins or found.expires) and not isinstance(end, Action):
        # Only a line of a filter carries its days.
        days = f"from {found.begins or '…'} to {found.expires or '…'}"
        matches = meet_all([matches, (not_sure(days),)])
    if way is Way.NOTHING and _takes_out_of_tracking(found):
        table.untracked += matches
    rule: ChainRule[Any] = ChainRule(
        id=name,
        places=(export.place(line),),
        matches=matches,
        way=way,
        end=end,
        target=target,
        comment=found.comment,
        begins=found.begins,
        expires=found.expires,
    )
    export.mark(line, LineState.PARSED)
    _say_unknown(export, line, rule)
    if found.target in {"REDIRECT", "TPROXY"}:
        _say_local(export, line, rule.id, found.target)
    return rule


def _say_unknown(export: Export, line: int, rule: ChainRule[Any]) -> None:
    conditions = list(dict.fromkeys(word for match in rule.matches for word in match.unknown))[:16]
    if not conditions or rule.way in {Way.NOTHING, Way.LOG}:
        return
    said = "、".join(conditions), "; ".join(conditions)
    export.fault(
        line,
        LineState.UNSUPPORTED,
        Text(
            ja=f"規則「{rule.id}」の条件のうち、次のものは評価できません: {said[0]}。この規則は「当たるかもしれない」として扱います。",
            en=f"Rule {rule.id!r} has conditions that are not evaluated: {said[1]}. It is read as one that may match.",
        ),
    )


def _say_local(export: Export, line: int, rule: str, target: str) -> None:
    export.fault(
        line,
        LineState.UNSUPPORTED,
        Text(
            ja=f"規則「{rule}」（{target}）は通信をこの機器自身に渡します。転送されないものとして扱います。"
            "機器上のプロキシがその先へ送る通信は、この設定からは分かりません。",
            en=f"Rule {rule!r} ({target}) hands packets to the device itself, so they are read as not forwarded. "
            "What a proxy there sends on is not in this export.",
        ),
    )


def _takes_out_of_tracking(found: Conditions) -> bool:
    return found.target == "NOTRACK" or (found.target == "CT" and "--notrack" in found.target_options)


def _outcome(table: Table, found: Conditions) -> tuple[Way, Action | Nat | None, str]:
    target = found.target
    if target in table.written or target in table.policies:
        return (Way.GOTO if found.goes else Way.JUMP), None, target
    if target == "RETURN" or target in LOGGING:
        return (Way.LOG if target in LOGGING else Way.RETURN), None, ""
    if not target or target in GOING_ON:
        return Way.NOTHING, None, ""
    end = _nat_end(found, v6=table.v6) if table.name == "nat" else _filter_end(target)
    if end is None:
        return Way.OPEN, None, f"target {target}"
    return Way.END, end, ""


def _filter_end(target: str) -> Action | None:
    if target == "ACCEPT":
        return Action.PERMIT
    # TPROXY delivers to a socket of the device: the packet is not forwarded.
    return Action.DENY if target in DENYING or target == "TPROXY" else None


def _nat_end(found: Conditions, *, v6: bool) -> Nat | None:
    if found.target in {"ACCEPT", "REDIRECT"}:
        return Nat(local=found.target == "REDIRECT")
    options = found.target_options
    ends = {
        "DNAT": lambda: Nat(destination=_mapping(options["--to-destination"])),
        "MASQUERADE": lambda: _masquerade(options.get("--to-ports", ""), v6=v6),
        "NETMAP": lambda: Nat(destination=Mapping(address=network_span(options["--to"])), one_to_one=True),
        "SNAT": lambda: Nat(source=_mapping(options["--to-source"])),
    }
    try:
        return ends[found.target]()
    except (KeyError, ValueError):
        return None


def _masquerade(ports: str, *, v6: bool) -> Nat:
    span = port_span(ports, "-") if ports else None
    return Nat(source=Mapping(address=SOME_V6 if v6 else SOME_V4, port=span))


def _mapping(word: str) -> Mapping:
    """Read `address[-address][:port[-port[/base]]]`, the address in brackets for IPv6 with a port."""
    if word.startswith("["):
        address, _, ports = word[1:].partition("]")
        ports = ports.removeprefix(":")
    elif word.count(":") > 1:
        address, ports = word, ""
    else:
        address, _, ports = word.partition(":")
    ports, shifted, _ = ports.partition("/")
    if shifted:
        raise ValueError(word)
    return Mapping(
        address=mapping_span(address.replace("]-[", "-")) if address else None,
        port=port_span(ports, "-") if ports else None,
    )
