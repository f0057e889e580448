"""A stored run, read back: the JSON contract `zoneguard.report/1` as a `Report`, or every fault in it at once."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from zoneguard.errors import ExitCode, InputRefusedError, why
from zoneguard.findings.finding import (
    AppliedWaiver,
    Clause,
    Finding,
    LineLocator,
    PacketLocator,
    Party,
    Severity,
    Verdict,
)
from zoneguard.findings.passage import LegSeen, Passage
from zoneguard.report.contract import faults
from zoneguard.report.model import (
    SCHEMA,
    Baseline,
    ClauseGraded,
    Coverage,
    Grade,
    InputRead,
    MatrixCell,
    PolicyRead,
    Registered,
    Report,
    RuleRead,
    Summary,
    Tool,
    Unverifiable,
    WaiverRead,
    ZoneRead,
)
from zoneguard.report.when import SECOND, time_zone
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOST_BYTES = 512 << 20  # 10,000 findings with their clauses are about 30 MB
_MOST_FAULTS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Json = dict[str, Any]


def read_report(path: Path) -> tuple[Report, str]:
    """Read a report from a file, with the SHA-256 of the file. Raises InputRefusedError."""
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = why(error)
        raise InputRefusedError(
            Text(
                ja=f"{path}: 読み取れません（{reason.ja}）。",
                en=f"{path}: cannot be read ({reason.en}).",
            )
        ) from error
    if len(octets) > MOST_BYTES:
        raise InputRefusedError(
            Text(
                ja=f"{path}: 報告が大きすぎます（上限 {MOST_BYTES >> 20} MiB）。",
                en=f"{path}: the report is too large (the bound is {MOST_BYTES >> 20} MiB).",
            )
        )
    return parse_report(octets, name=str(path)), hashlib.sha256(octets).hexdigest()


def parse_report(octets: bytes, *, name: str) -> Report:
    """Read a report from JSON; `name` says whose faults they are. Raises InputRefusedError."""
    document = _json(octets, name)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputRefusedError(
            Text(
                ja=f"{name}: ZoneGuard の報告（schema: {SCHEMA}）ではありません。check --format json の出力を指定してください。",
                en=f"{name}: this is no report of ZoneGuard (schema: {SCHEMA}); give what check --format json wrote.",
            )
        )
    _refuse(name, faults(document))
    try:
        return report_of(document)
    except (
        ValueError,
        OverflowError,
    ) as error:  # what the schema cannot say: a day of no calendar, a blank text
        raise InputRefusedError(
            Text(
                ja=f"{name}: 報告の値に誤りがあります（{error}）。check --format json で作り直してください。",
                en=f"{name}: a value of the report is wrong ({error}); make it anew with check --format json.",
            )
        ) from error


def report_of(document: Json) -> Report:
    """Give the report that a document of the contract holds; raises ValueError for what no schema can refuse."""
    baseline = document.get("baseline")
    time_zone(document["policy"]["timezone"])
    return Report(
        tool=Tool(**document["tool"]),
        generated=_time(document["generated"]),
        lang=document["lang"],
        policy=_policy(document["policy"]),
        inputs=tuple(_input(one) for one in document["inputs"]),
        coverage=_coverage(document["coverage"]),
        summary=_summary(document["summary"]),
        matrix=tuple(_cell(one) for one in document["matrix"]),
        findings=tuple(_finding(one) for one in document["findings"]),
        gateways=tuple(_passage(one) for one in document.get("gateways", ())),
        rules=tuple(_rule(one) for one in document.get("rules", ())),
        waivers=tuple(WaiverRead(**one) for one in document.get("waivers", ())),
        baseline=_baseline(baseline) if baseline is not None else None,
        absent=tuple(_finding(one) for one in document.get("absent", ())),
        today=document.get("today"),
        register=tuple(_registered(one) for one in document.get("register", ())),
        clauses=tuple(_graded(one) for one in document.get("clauses", ())),
    )


def _json(octets: bytes, name: str) -> object:
    try:
        return json.loads(octets, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        at = f"{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else "1:1"
        raise InputRefusedError(
            Text(
                ja=f"{name}:{at}: JSON として読めません。check --format json の出力を、書き換えずに指定してください。",
                en=f"{name}:{at}: this is not JSON; give what check --format json wrote, as it was written.",
            )
        ) from error


def _no_number(word: str) -> float:
    raise ValueError(word)


def _once(pairs: list[tuple[str, Any]]) -> Json:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is there twice")
    return made


def _refuse(name: str, found: Iterable[tuple[str, Text]]) -> None:
    told = [
        Text(ja=f"{name}: {place or '.'}: {fault.ja}", en=f"{name}: {place or '.'}: {fault.en}")
        for place, fault in islice(found, _MOST_FAULTS)
    ]
    if told:
        raise InputRefusedError(*told)


def _text(value: Json) -> Text:
    return Text(ja=value["ja"], en=value["en"])


def _time(text: str) -> int:
    """Read ISO 8601 with nanoseconds; the schema has seen to its shape."""
    whole, fraction, offset = re.fullmatch(r"(.{19})\.(\d{9})(.*)", text).groups()  # type: ignore[union-attr]
    since = datetime.fromisoformat(whole + offset) - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + int(fraction)


def _times(value: Json) -> Json:
    return {key: _time(value[key]) if key in ("first_seen", "last_seen") else value[key] for key in value}


def _policy(value: Json) -> PolicyRead:
    zones = tuple(
        ZoneRead(id=one["id"], role=one["role"], name=_text(one["name"])) for one in value.get("zones", ())
    )
    return PolicyRead(**{**value, "organization": _text(value["organization"]), "zones": zones})


def _input(value: Json) -> InputRead:
    return InputRead(**{**_times(value), "notes": tuple(_text(note) for note in value["notes"])})


def _coverage(value: Json) -> Coverage:
    return Coverage(
        **{
            **value,
            "zones_observed": tuple(value["zones_observed"]),
            "zones_not_observed": tuple(value["zones_not_observed"]),
            "unverifiable": tuple(
                Unverifiable(rule=one["rule"], reason=_text(one["reason"])) for one in value["unverifiable"]
            ),
        }
    )


def _summary(value: Json) -> Summary:
    return Summary(
        findings=value["findings"],
        waived=value["waived"],
        by_severity={Severity(key): count for key, count in value["by_severity"].items()},
        by_verdict={Verdict(key): count for key, count in value["by_verdict"].items()},
        exit_code=ExitCode(value["exit_code"]),
        fail_on=Severity(value["fail_on"]),
        fail_on_new=value.get("fail_on_new", False),
    )


def _cell(value: Json) -> MatrixCell:
    rest = {key: value[key] for key in value if key not in ("from", "to")}
    return MatrixCell(orig=value["from"], resp=value["to"], **rest)


def _passage(value: Json) -> Passage:
    rest = {key: value[key] for key in value if key not in ("id", "legs")}
    unseen = {"first_seen": None, "last_seen": None}
    legs = tuple(LegSeen(**{**unseen, **_times(one)}) for one in value["legs"])
    return Passage(gateway=value["id"], legs=legs, **rest)


def _rule(value: Json) -> RuleRead:
    words: Json = {key: _text(value[key]) for key in ("title", "why", "remedy", "shortfall") if key in value}
    return RuleRead(**{**value, **words, "severity": Severity(value["severity"])})


def _registered(value: Json) -> Registered:
    made = _times(value)
    ends = {"orig": made.pop("from"), "resp": made.pop("to"), "services": tuple(made.pop("services"))}
    return Registered(**made, **ends)


def _graded(value: Json) -> ClauseGraded:
    clause = {key: value[key] for key in ("document", "edition", "section", "text", "verified")}
    return ClauseGraded(
        key=value["key"],
        clause=Clause(**clause),
        grade=Grade(value["grade"]),
        rules=tuple(value["rules"]),
        short=tuple(value["short"]),
        violated=value["violated"],
        review=value["review"],
        waived=value["waived"],
    )


def _baseline(value: Json) -> Baseline:
    notes = tuple(_text(note) for note in value["notes"])
    return Baseline(**{**value, "generated": _time(value["generated"]), "notes": notes})


def _finding(value: Json) -> Finding:
    zones = value.get("zones", {})
    made = {key: one for key, one in _times(value).items() if key not in ("zones", "orig", "resp")}
    made |= {key: _text(value[key]) for key in ("title", "message", "remedy")}
    made |= {side: _party(side, zones, value.get(side, {})) for side in ("orig", "resp")}
    made["verdict"], made["severity"] = Verdict(value["verdict"]), Severity(value["severity"])
    made["clauses"] = tuple(Clause(**one) for one in value["clauses"])
    made["locators"] = tuple(_locator(one) for one in value["locators"])
    made["related"] = tuple(value.get("related", ()))
    made["waiver"] = AppliedWaiver(**value["waiver"]) if "waiver" in value else None
    return Finding(**made)


def _party(side: str, zones: Json, value: Json) -> Party | None:
    if side in zones:
        return Party(zone=zones[side], **value)
    if value:
        raise ValueError(f"a finding has {side} without zones.{side}")
    return None


def _locator(value: Json) -> PacketLocator | LineLocator:
    if "frame" in value:
        return PacketLocator(file=value["file"], frame=value["frame"], time=_time(value["time"]))
    return LineLocator(**value)
