"""Chains of rules that call each other, laid out as one list of which the first match decides.

What a packet meets is a matter of order only: a called chain stands where its call stands, each of its rules
narrowed by the condition of the call. A return leaves out what it takes, where that narrows one field only;
otherwise the rest of the calling chain stands once more at the return, for the packets that it takes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from zoneguard.firewall.matching import EVERYTHING, covers, meet, subtract_one_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from zoneguard.firewall.model import Match, Place

MOST_LINES = 100_000  # laid-out lines of one list; beyond, calls are left open
MOST_STEPS = 200_000  # rules asked while laying out, those of many services counted for more
DEEPEST = 64  # calls within calls
LOGGED = 32  # logging rules that are remembered in one chain

End = TypeVar("End")


class Way(Enum):
    """What a rule does with the packets that it matches."""

    NOTHING = "nothing"
    LOG = "log"
    END = "end"
    OPEN = "open"  # something that may decide either way
    JUMP = "jump"
    GOTO = "goto"
    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRule(Generic[End]):
    """One rule of a chain; `matches` is a union, and empty when it matches nothing."""

    id: str
    places: tuple[Place, ...]
    matches: tuple[Match, ...]
    way: Way
    end: End | None = None  # of Way.END
    target: str = ""  # of Way.JUMP and Way.GOTO: the chain; of Way.OPEN: what is left open
    comment: str = ""
    begins: date | None = None
    expires: date | None = None


class Laid(NamedTuple, Generic[End]):
    """One line of the list: the way to its rule, what it still matches there, and what it ends in."""

    path: tuple[str, ...]
    rule: ChainRule[End] | None  # None: the default of the entry chain
    match: Match
    end: End
    log: bool

    @property
    def id(self) -> str:
        """Say the line as the way to it: "FORWARD 3 > lan 2"."""
        return " > ".join(self.path)


class Layout(NamedTuple, Generic[End]):
    """The list, what was left open on the way ((rule, why)), and whether what no line matches is logged."""

    lines: list[Laid[End]]
    left_open: list[tuple[ChainRule[End], str]]
    default_log: bool


class _TooLongError(Exception):
    pass


class _Back(NamedTuple, Generic[End]):
    """Where a chain continues when the chain that it called is over."""

    rules: Sequence[ChainRule[End]]
    at: int
    path: tuple[str, ...]
    names: tuple[str, ...]
    back: _Back[End] | None


class _State(NamedTuple, Generic[End]):
    """A chain from one of its rules on, for the packets of a region.

    `closes`: what reaches its end does not come to what is laid out next, but to where `back` says.
    """

    rules: Sequence[ChainRule[End]]
    at: int
    region: Match
    path: tuple[str, ...]
    names: tuple[str, ...]
    back: _Back[End] | None
    closes: bool


def lay_out(
    chains: Mapping[str, Sequence[ChainRule[End]]],
    entry: str,
    *,
    default: End,
    either: Iterable[End],
    region: Match = EVERYTHING,
) -> Layout[End]:
    """Lay out the chain `entry` and all that it calls, for the packets of a region.

    `default` is what the end of the entry chain comes to, `either` what a rule that is left open may come to.
    A list beyond MOST_LINES is laid out again with every call left open.
    """
    try:
        return _Laying(chains, entry, default, tuple(either), calls=True).run(region)
    except _TooLongError:
        return _Laying(chains, entry, default, tuple(either), calls=False).run(region)


class _Laying(Generic[End]):
    def __init__(
        self,
        chains: Mapping[str, Sequence[ChainRule[End]]],
        entry: str,
        default: End,
        either: tuple[End, ...],
        *,
        calls: bool,
    ) -> None:
        self.chains = chains
        self.entry = entry
        self.default = default
        self.either = either
        self.calls = calls
        self.lines: list[Laid[End]] = []
        self.left_open: dict[str, tuple[ChainRule[End], str]] = {}
        self.states: list[_State[End]] = []
        self.logged: deque[Match] = deque(maxlen=LOGGED)
        self.steps = 0

    def run(self, region: Match) -> Layout[End]:
        self.states.append(
            _State(self.chains.get(self.entry, ()), 0, region, (), (self.entry,), None, closes=False)
        )
        while self.states:
            self._walk(self.states.pop())
        default_log = any(covers(one, region) for one in self.logged)
        return Layout(self.lines, list(self.left_open.values()), default_log)

    def _walk(self, state: _State[End]) -> None:
        """Ask the rules of one chain in order, until one calls: then the call stands on top of the rest."""
        region = state.region
        for at in range(state.at, len(state.rules)):
            rule = state.rules[at]
            self.steps += 1 + sum(len(one.services) for one in rule.matches) * len(region.services) // 16
            if self.calls and self.steps > MOST_STEPS:
                raise _TooLongError
            found = [both for one in rule.matches if (both := meet(region, one)) is not None]
            if not found or rule.way is Way.NOTHING:
                continue
            if rule.way is Way.LOG:
                # A rate limit keeps some packets out of the log, not the line.
                kept = (replace(one, unknown=()) for one in found[:LOGGED])
                self.logged.extend(one for one in kept if one not in self.logged)
            elif rule.way is Way.RETURN:
                left = self._leave(state, rule, found, region, at)
                if left is None:
                    return
                region = left
            elif rule.way is Way.JUMP or rule.way is Way.GOTO:
                self._call(state, rule, found, region, at)
                return
            else:
                self._end(state, rule, found)
                if state.closes and rule.way is Way.END and _whole(found, region):
                    return
        if state.closes:
            self._resume(state, region, (*state.path, f"{self.entry} policy"), None)

    def _end(self, state: _State[End], rule: ChainRule[End], found: list[Match]) -> None:
        path = (*state.path, rule.id)
        for match in found:
            if rule.way is Way.END and rule.end is not None:
                self._add(path, rule, match, rule.end)
            else:
                self._open(path, rule, match, rule.target)

    def _open(self, path: tuple[str, ...], rule: ChainRule[End], match: Match, why: str) -> None:
        self.left_open.setdefault(rule.id, (rule, why))
        unsure = replace(match, unknown=tuple(dict.fromkeys((*match.unknown, why))))
        for end in self.either:
            self._add(path, rule, unsure, end)

    def _leave(
        self, state: _State[End], rule: ChainRule[End], found: list[Match], region: Match, at: int
    ) -> Match | None:
        """Let packets return; give what stays in this chain, or None when this walk of it is over."""
        whole = _whole(found, region)
        falls_through = state.back is not None and not state.closes
        if falls_through:
            if at + 1 == len(state.rules) or whole:
                return None
            left = None
            if len(found) == 1 and found[0].unknown == region.unknown:
                left = subtract_one_way(region, found[0])
            if left is not None:
                return left
        if not (whole and state.closes):
            self.states.append(state._replace(at=at + 1, region=region))
        for match in reversed(found):
            self._resume(state, match, (*state.path, rule.id), rule)
        return None

    def _resume(
        self, state: _State[End], region: Match, path: tuple[str, ...], rule: ChainRule[End] | None
    ) -> None:
        """Lay out what follows for packets that are done with a chain: the rest of its caller, or the default."""
        back = state.back
        if back is None and rule is None and self.lines and covers(self.lines[-1].match, region):
            return  # the chain that was called last has decided all of it
        if back is None:
            self._add(path, rule, region, self.default)
        else:
            self.states.append(
                _State(back.rules, back.at, region, back.path, back.names, back.back, closes=True)
            )

    def _call(
        self,
        state: _State[End],
        rule: ChainRule[End],
        found: list[Match],
        region: Match,
        at: int,
    ) -> None:
        path = (*state.path, rule.id)
        self.states.append(state._replace(at=at + 1, region=region))
        why = self._refused(state, rule)
        if why:
            for match in found:
                self._open(path, rule, match, why)
            return
        if rule.way is Way.GOTO:
            back, closes = state.back, state.back is None or state.closes or at + 1 < len(state.rules)
        else:
            back = _Back(state.rules, at + 1, state.path, state.names, state.back)
            closes = False
        names = (*state.names, rule.target)
        for match in reversed(found):
            self.states.append(_State(self.chains[rule.target], 0, match, path, names, back, closes))

    def _refused(self, state: _State[End], rule: ChainRule[End]) -> str:
        """Say why a call is not followed; empty when it is."""
        if rule.target not in self.chains:
            return f"chain {rule.target} is not in the file"
        if rule.target in state.names:
            return f"chain {rule.target} calls itself"
        if len(state.names) >= DEEPEST:
            return f"chain {rule.target} is called more than {DEEPEST} calls deep"
        if not self.calls:
            return f"chain {rule.target} is too large to lay out"
        return ""

    def _add(self, path: tuple[str, ...], rule: ChainRule[End] | None, match: Match, end: End) -> None:
        if self.calls and len(self.lines) >= MOST_LINES:
            raise _TooLongError
        log = any(covers(one, match) for one in self.logged)
        self.lines.append(Laid(path, rule, match, end, log))


def _whole(found: list[Match], region: Match) -> bool:
    """Tell whether a rule takes every packet of a region, if the region is met at all."""
    return (
        len(found) == 1
        and found[0].unknown == region.unknown
        and covers(replace(found[0], unknown=()), region)
    )
