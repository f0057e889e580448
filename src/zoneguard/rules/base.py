"""What a rule is: an identity, its words, and a check that yields findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zoneguard.findings.finding import Finding, Severity
    from zoneguard.policy.model import FlowKind, Role
    from zoneguard.rules.evidence import Evidence
    from zoneguard.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong; the name reads "ZoneGuard reports …".

    `check` never claims innocence: it yields what it finds. Several rules may speak of one conversation;
    the one with the lowest `order` gives the primary finding and the others hang on it (primary.py).
    """

    id: str  # ZG-A05
    name: str  # reverse-initiation
    order: int
    severity: Severity
    clauses: tuple[str, ...]  # keys of the clause table
    title: Text
    why: Text
    remedy: Text
    example: Text
    false_positives: Text
    check: Callable[[Evidence], Iterator[Finding]]
    needs_traffic: bool = True  # False: asked as well when exports were given and no capture
    needs_exports: bool = False  # True: without exports of devices it has nothing to look at
    roles: tuple[Role, ...] = ()  # of zones: without traffic of any zone of one of these it tells nothing
    opens: bool = False  # True: what was to be opened and was not, it does not speak of
    kinds: tuple[
        FlowKind, ...
    ] = ()  # of declared flows: without one of these in the policy it has no subject
