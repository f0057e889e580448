"""A finding as plain JSON values and back, without loss: what is stored, spooled and sent."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

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
from zoneguard.text import Text

Json = dict[str, Any]


def finding_record(finding: Finding) -> Json:
    """Give a finding as JSON values; fields that do not apply are left out, times are ns since 1970."""
    return {
        field.name: _plain(value) for field in fields(finding) if _says(value := getattr(finding, field.name))
    }


def finding_of(record: Json) -> Finding:
    """Read a finding from what `finding_record` gave; raises ValueError for anything else."""
    try:
        return Finding(**{name: _READ.get(name, _as_is)(value) for name, value in record.items()})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"This is no record of a finding: {error}") from error


def _says(value: object) -> bool:
    return value not in (None, (), "")


def _plain(value: object) -> object:
    match value:
        case Verdict() | Severity():
            return value.value
        case tuple():
            return [_plain(one) for one in value]
        case Text() | Clause() | Party() | AppliedWaiver() | PacketLocator() | LineLocator():
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def _locator(value: Json) -> PacketLocator | LineLocator:
    return PacketLocator(**value) if "frame" in value else LineLocator(**value)


def _as_is(value: object) -> object:
    return value


_READ: dict[str, Any] = {
    "verdict": Verdict,
    "severity": Severity,
    "title": lambda value: Text(**value),
    "message": lambda value: Text(**value),
    "remedy": lambda value: Text(**value),
    "clauses": lambda value: tuple(Clause(**one) for one in value),
    "orig": lambda value: Party(**value),
    "resp": lambda value: Party(**value),
    "locators": lambda value: tuple(_locator(one) for one in value),
    "related": tuple,
    "waiver": lambda value: AppliedWaiver(**value),
}
