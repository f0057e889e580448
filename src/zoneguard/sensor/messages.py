"""What a message says, as the JSON values that wait in the outbox: times in ns, findings without loss."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.findings.lifecycle import Change, graver
from zoneguard.findings.record import finding_of, finding_record
from zoneguard.store.records import Message
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.findings.lifecycle import Step, Telling

MOST_TOLD = 500  # of one commit in one message; more go in further messages, so that memory stays bounded
MOST_IN_DIGEST = 50  # gravest first; the store and the JSON lines hold all

Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One change as a sink reads it."""

    change: Change
    finding: Finding
    first_seen: int
    last_seen: int
    spell: int
    before: Severity | None


def findings_messages(
    step: Step, *, sensor: str, at: int, sinks: Mapping[str, Severity]
) -> Iterator[Message]:
    """Make the messages of one judgement: one a sink, of what is at least as grave as the sink asks for."""
    for sink, least in sinks.items():
        wanted = [one for one in step.tellings if not graver(least, _gravest(one))]
        for start in range(0, len(wanted), MOST_TOLD):
            some = wanted[start : start + MOST_TOLD]
            yield Message(
                sink=sink,
                kind="findings",
                items=len(some),
                body={"sensor": sensor, "at": at, "told": [_telling(one) for one in some]},
            )


def notice_messages(notice: Text, *, sensor: str, at: int, sinks: Iterable[str]) -> Iterator[Message]:
    """Make the messages of something the sensor itself must say: blind, store set aside, policy refused."""
    for sink in sinks:
        yield Message(
            sink=sink,
            kind="notice",
            body={"sensor": sensor, "at": at, "text": {"ja": notice.ja, "en": notice.en}},
        )


def digest(bodies: Sequence[Mapping[str, Any]]) -> Body:
    """Make one body of many, digests among them: how many of what, the gravest in full, the last notices."""
    told = [one for body in bodies for one in body.get("told", ())]
    counts: Counter[tuple[str, str]] = Counter()
    for body in bodies:
        counts.update(_counts(body))
    gravest = sorted(range(len(told)), key=lambda at: (_rank(told[at]["finding"]["severity"]), at))
    notices = [one for body in bodies for one in [*body.get("notices", ()), *_own_notice(body)]]
    return {
        "sensor": bodies[0]["sensor"],
        "at": bodies[-1]["at"],
        "since": bodies[0].get("since", bodies[0]["at"]),
        "messages": sum(body.get("messages", 1) for body in bodies),
        "items": counts.total(),
        "counts": [
            {"change": change, "severity": severity, "count": counts[change, severity]}
            for change, severity in sorted(counts, key=lambda one: (_rank(one[1]), one[0]))
        ],
        "told": [told[at] for at in sorted(gravest[:MOST_IN_DIGEST])],
        "notices": notices[-MOST_IN_DIGEST:],
    }


def told_of(body: Mapping[str, Any]) -> list[Told]:
    """Read the changes of a body."""
    return [
        Told(
            change=Change(one["change"]),
            finding=finding_of(one["finding"]),
            first_seen=one["first_seen"],
            last_seen=one["last_seen"],
            spell=one["spell"],
            before=Severity(one["before"]) if one["before"] else None,
        )
        for one in body.get("told", ())
    ]


def notices_of(body: Mapping[str, Any]) -> list[Text]:
    """Read the notices of a body."""
    found = [*body.get("notices", ()), *_own_notice(body)]
    return [Text(ja=one["ja"], en=one["en"]) for one in found]


def _counts(body: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    if "counts" in body:
        return Counter({(one["change"], one["severity"]): one["count"] for one in body["counts"]})
    return Counter((one["change"], one["finding"]["severity"]) for one in body.get("told", ()))


def _own_notice(body: Mapping[str, Any]) -> list[dict[str, str]]:
    return [body["text"]] if "text" in body else []


def _telling(one: Telling) -> Body:
    return {
        "change": one.change.value,
        "finding": finding_record(one.known.finding),
        "first_seen": one.known.first_seen,
        "last_seen": one.known.last_seen,
        "spell": one.known.spell,
        "before": one.before and one.before.value,
    }


def _gravest(one: Telling) -> Severity:
    # An all-clear goes to those who were told, though it became less grave before it went.
    told = [one.known.severity, *([one.before] if one.before else [])]
    return min(told, key=SEVERITY_ORDER.index)


def _rank(severity: str) -> int:
    return SEVERITY_ORDER.index(Severity(severity))
