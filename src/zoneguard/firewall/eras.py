"""Dates as people write them beside a line: Japanese eras, fiscal years and ISO, and the words for temporary."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from datetime import date
from typing import NamedTuple

LONGEST = 2000  # characters of one text that are read


class Dated(NamedTuple):
    """A date in a text; `is_end` when the words beside it say that something ends then."""

    day: date
    is_end: bool
    words: str  # as written, digits and signs narrowed


def dates_in(text: str) -> tuple[Dated, ...]:
    """Find the dates of a text in their order.

    A month or a fiscal year (年度, which ends on 31 March) stands for its last day. A date without a year is
    none, nor is one with a year of two digits and no era.
    """
    narrow = unicodedata.normalize("NFKC", text[:LONGEST])
    found = []
    for match in _DATE.finditer(narrow):
        day = _day(match)
        if day:
            ends = _ENDS_AFTER.match(narrow, match.end()) or _ENDS_BEFORE.search(
                narrow, max(0, match.start() - 24), match.start()
            )
            found.append(Dated(day=day, is_end=ends is not None, words=match[0]))
    return tuple(found)


def date_of(text: str) -> date | None:
    """Read a text that should hold one date: the last that reads as an end, else the last there is."""
    found = dates_in(text)
    ends = [one for one in found if one.is_end]
    return (ends or list(found))[-1].day if found else None


def temporary_words(text: str) -> tuple[str, ...]:
    """List the words that call something temporary or a test, in their order, each once."""
    narrow = unicodedata.normalize("NFKC", text[:LONGEST])
    return tuple(dict.fromkeys(match[0].lower() for match in _TEMPORARY.finditer(narrow)))


_ERAS = {"令和": 2018, "R": 2018, "r": 2018, "平成": 1988, "H": 1988, "h": 1988}
_MONTHS = {
    name: at
    for at, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}

_YEAR = r"(?:(?P<era{0}>令和|平成|(?<![A-Za-z0-9])[RHrh])\s?(?P<year{0}>\d{{1,2}}|元)|(?<![\d.])(?P<full{0}>(?:19|20)\d\d))"
_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(
    "|".join(
        (
            _YEAR.format("_f") + r"\s?年度(?P<fiscal>末)?",
            _YEAR.format("_d")
            + r"(?:\s?年\s?(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?日"
            + r"|(?P<sign>[./-])(?P<month_s>\d{1,2})(?P=sign)(?P<day_s>\d{1,2})(?!\d|\.\d))",
            _YEAR.format("_m") + r"\s?年\s?(?P<month_m>\d{1,2})\s?月",
            _YEAR.format("_y") + r"\s?年末",
            r"(?<![\d.A-Za-z-])(?P<compact>20\d{6}|[RHrh]\d{6})(?![\d.-])",
            rf"(?<!\d)(?P<day_e>\d{{1,2}})[ -](?P<month_e>{_NAMES})[a-z]{{0,6}}[ ,.-]{{1,2}}(?P<year_e>20\d\d)",
            rf"\b(?P<month_a>{_NAMES})[a-z]{{0,6}}[ .]{{1,2}}(?P<day_a>\d{{1,2}}),? (?P<year_a>20\d\d)",
        )
    ),
    re.IGNORECASE,
)

_ENDS_AFTER = re.compile(
    r"[\s)\]」】]{0,3}(?:\([日月火水木金土]\))?[\s)\]」】]{0,3}末?(?:日)?[\s:=]{0,2}(?:まで|迄|期限|を期限|終了|で終了|に終了|満了|失効"
    r"|廃止|に廃止|削除|に削除|撤去|に撤去|に閉じ|expir|end\b)",
    re.IGNORECASE,
)
_ENDS_BEFORE = re.compile(
    r"(?:期限|終了日?|終了予定日?|満了日?|失効日?|廃止予定日?|削除予定日?|until|till|through|valid\s+to|expir(?:es?|ed|y|ation)|\bexp|deadline"
    r"|\bends?|\bby|[~〜―])(?:\s*(?:on|date))?[\s:=は「(\[【/.]{0,4}$",
    re.IGNORECASE,
)

# Longer words that hold one of these and mean something else: virtual, pseudonym, an hour, a lump sum, day care.
_TEMPORARY = re.compile(
    r"暫定|(?<!コン)(?<!プロ)テスト|一時(?![間金保預])|仮(?![想名払称説眠])|(?<![a-z])(?:temporar(?:y|ily)|temp|tmp|test|testing)(?![a-z])",
    re.IGNORECASE,
)


def _day(match: re.Match[str]) -> date | None:
    part = match.groupdict()
    try:
        return _western(part) or _whole_year(part) or _calendar(part)
    except ValueError:
        return None


def _western(part: dict[str, str | None]) -> date | None:
    for kind in ("_e", "_a"):
        year, month, day = part["year" + kind], part["month" + kind], part["day" + kind]
        if year and month and day:
            return date(int(year), _MONTHS[month.lower()], int(day))
    return _compact(part["compact"]) if part["compact"] else None


def _whole_year(part: dict[str, str | None]) -> date | None:
    if year := _year(part, "_f"):
        return date(year + 1, 3, 31)
    if year := _year(part, "_y"):
        return date(year, 12, 31)
    return None


def _calendar(part: dict[str, str | None]) -> date:
    if part["month_m"]:
        year, month = _year(part, "_m"), int(part["month_m"])
        if not 1 <= month <= 12:
            raise ValueError(part["month_m"])
        return date(year, month, monthrange(year, month)[1])
    month_text, day_text = part["month"] or part["month_s"], part["day"] or part["day_s"]
    return date(_year(part, "_d"), int(month_text or 0), int(day_text or 0))


def _year(part: dict[str, str | None], kind: str) -> int:
    full, era, year = part["full" + kind], part["era" + kind], part["year" + kind]
    if full:
        return int(full)
    if era and year:
        return _ERAS[era] + (1 if year == "元" else int(year))
    return 0


def _compact(text: str) -> date:
    if text[0] == "2":
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    return date(_ERAS[text[0]] + int(text[1:3]), int(text[3:5]), int(text[5:]))
