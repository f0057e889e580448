"""What more than one rule reads from opened flows: conversations with their looks, and findings that name them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from zoneguard.dissect.trouble import TROUBLES
from zoneguard.rules.telling import LOCATORS, merge, tell
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zoneguard.findings.finding import Finding, Severity, Verdict
    from zoneguard.rules.base import Rule
    from zoneguard.rules.choosing import Ask
    from zoneguard.rules.evidence import Conversation, Evidence, Looked

_MOST_TROUBLES = 2  # told of one finding


def opened_for(evidence: Evidence, *asks: Ask) -> tuple[Looked, ...]:
    """Give the flows that were opened for one of these questions."""
    return tuple(one for one in evidence.looks if one.ask in asks)


def by_conversation(looks: Iterable[Looked]) -> Mapping[Conversation, tuple[Looked, ...]]:
    """Group opened flows by the conversation that they are a part of, in the order of their first packets."""
    table: dict[Conversation, list[Looked]] = {}
    for one in looks:
        table.setdefault(one.conversation, []).append(one)
    return {conversation: tuple(group) for conversation, group in table.items()}


def by_flow(looks: Iterable[Looked]) -> Mapping[str, tuple[Looked, ...]]:
    """Group opened flows by the declared flow that allows them, or comes nearest."""
    table: dict[str, list[Looked]] = {}
    for one in looks:
        table.setdefault(one.conversation.allowed_by or "", []).append(one)
    return {flow: tuple(group) for flow, group in table.items()}


def troubles(looks: Iterable[Looked]) -> Text | None:
    """Say what kept the readers from seeing more of these flows, the most frequent first."""
    counted = Counter(key for one in looks for key in one.look.troubles)
    told = [TROUBLES[key] for key, _ in counted.most_common(_MOST_TROUBLES)]
    if not told:
        return None
    return Text(ja="".join(one.ja for one in told), en=" ".join(one.en for one in told))


def tell_looked(
    rule: Rule,
    looks: Sequence[Looked],
    message: Text,
    *,
    verdict: Verdict,
    severity: Severity | None = None,
    name: str | None = None,
) -> Finding:
    """Make one finding of opened flows; it counts their conversations whole and points at the flows themselves."""
    told = []
    for conversation, group in by_conversation(looks).items():
        finding = tell(rule, conversation, message, verdict=verdict, severity=severity, name=name)
        places = (conversation.locator, *(one.locator for one in group))
        told.append(replace(finding, locators=tuple(dict.fromkeys(places))[:LOCATORS]))
    return merge(told)
