"""The scalars of zones.yaml: networks, MACs, dates, durations, services, choices, each with its JSON Schema."""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import no_info_plain_validator_function

from zoneguard.net.address import mac_number
from zoneguard.policy import services
from zoneguard.policy.model import Service

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

    from pydantic_core import CoreSchema

FAULT = "zoneguard"  # the pydantic error type that carries our own bilingual sentence

_MAC = re.compile(
    r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}", re.ASCII | re.IGNORECASE
)
MOST_SENTENCE = 1000  # characters
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
SPAN = "[1-9][0-9]{0,5}[smhdw]"  # as a pattern for JSON Schema
_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def fault(*, ja: str, en: str) -> PydanticCustomError:
    """Make a validation error that says its sentence in both languages."""
    return PydanticCustomError(FAULT, "{en}", {"ja": ja, "en": en})


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that was probably meant."""
    return next(iter(get_close_matches(word[:200], sorted(known), n=1, cutoff=0.6)), None)


def seconds_of(value: object) -> int | None:
    """Read an interval such as 15m, 6h, 1d or 1w; None when it is none."""
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * _SECONDS[match[2]] if match else None


def _text(value: object, what_ja: str, what_en: str) -> str:
    if not isinstance(value, str):
        raise fault(
            ja=f"{what_ja}は文字列で書きます。引用符で囲んでください",
            en=f"{what_en} is written as text; put it in quotes",
        )
    return value.strip()


def _network(value: object) -> IPv4Network | IPv6Network:
    text = _text(value, "アドレス", "an address")
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_interface(text).network
    except ValueError:
        raise fault(
            ja=f"「{text}」はアドレス範囲ではありません。10.2.0.0/24 または 10.2.0.7 のように書いてください",
            en=f"'{text}' is not a range of addresses; write it like 10.2.0.0/24 or 10.2.0.7",
        ) from None
    raise fault(
        ja=f"{text} はホスト部にビットが立っています。範囲なら {meant}、1台なら {text.partition('/')[0]} と書いてください",
        en=f"{text} has host bits set; write {meant} for the range or {text.partition('/')[0]} for one host",
    )


def _mac(value: object) -> int:
    text = _text(value, "MACアドレス", "a MAC address")
    if not _MAC.fullmatch(text):
        raise fault(
            ja=f"「{text}」はMACアドレスではありません。02:00:00:00:00:01 のように書いてください",
            en=f"'{text}' is not a MAC address; write it like 02:00:00:00:00:01",
        )
    return mac_number(text)


def _date(value: object) -> date:
    text = _text(value, "日付", "a date")
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise fault(
        ja=f"「{text}」は日付ではありません。2027-03-31 のように西暦で書いてください",
        en=f"'{text}' is not a date; write it like 2027-03-31",
    )


def _span(value: object) -> int:
    text = _text(value, "間隔", "an interval")
    seconds = seconds_of(text)
    if seconds is None:
        raise fault(
            ja=f"「{text}」は間隔ではありません。15m、6h、1d、1w のように書いてください",
            en=f"'{text}' is not an interval; write it like 15m, 6h, 1d or 1w",
        )
    return seconds


def _service(value: object) -> Service:
    text = _text(value, "サービス", "a service")
    try:
        return services.parse_service(text)
    except services.ServiceTextError as error:
        raise fault(ja=error.text.ja, en=error.text.en) from None


def _timezone(value: object) -> str:
    text = _text(value, "タイムゾーン", "a time zone")
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        pass
    near = suggest(text, available_timezones())
    raise fault(
        ja=f"タイムゾーン「{text}」はありません。{near or 'Asia/Tokyo'} のように書いてください",
        en=f"there is no time zone '{text}'; write it like {near or 'Asia/Tokyo'}",
    )


def _identifier(value: object) -> str:
    text = _text(value, "この値", "this value")
    if not text or text != value or len(text) > 200 or not text.isprintable():
        raise fault(
            ja="この値は、前後に空白がなく制御文字を含まない1〜200字の文字列にしてください",
            en="this must be 1 to 200 printable characters without spaces around them",
        )
    return text


def _sentence(value: object) -> str:
    text = _text(value, "この値", "this value")
    if not text or len(text) > MOST_SENTENCE or not text.isprintable():
        raise fault(
            ja=f"この値は、制御文字を含まない1〜{MOST_SENTENCE}字の1行の文にしてください",
            en=f"this must be one line of 1 to {MOST_SENTENCE} printable characters",
        )
    return text


class OneOf:
    """Marks a value that is one of the words of an enumeration."""

    def __init__(self, kind: type[StrEnum]) -> None:
        self.kind = kind
        self.words = [member.value for member in kind]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Tell pydantic to read the value with `choose`."""
        return no_info_plain_validator_function(self.choose)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        """Tell editors the words."""
        return {"type": "string", "enum": self.words}

    def choose(self, value: object) -> StrEnum:
        """Read one word."""
        if isinstance(value, str) and value in self.words:
            return self.kind(value)
        near = suggest(str(value), self.words)
        listed = ", ".join(self.words)
        raise fault(
            ja=f"「{value}」は使えません。{f'{near} のことですか。' if near else ''}使える語は {listed} です",
            en=f"'{value}' is not known; {f'did you mean {near}? ' if near else ''}the words are {listed}",
        )


NetworkText = Annotated[
    IPv4Network | IPv6Network,
    PlainValidator(_network),
    WithJsonSchema({"type": "string", "examples": ["10.2.0.0/24", "10.2.0.7", "2001:db8::/64"]}),
]
MacText = Annotated[
    int,
    PlainValidator(_mac),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}$",
        }
    ),
]
DateText = Annotated[
    date, PlainValidator(_date), WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"})
]
SpanText = Annotated[int, PlainValidator(_span), WithJsonSchema({"type": "string", "pattern": f"^{SPAN}$"})]
ServiceText = Annotated[
    Service, PlainValidator(_service), WithJsonSchema({"type": "string", "pattern": services.PATTERN})
]
TimezoneText = Annotated[str, PlainValidator(_timezone), WithJsonSchema({"type": "string"})]
Identifier = Annotated[
    str, PlainValidator(_identifier), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})
]
# None stands for a key that is absent; a key without a value is refused, as it would undo what it says.
Sentence = Annotated[
    str | None,
    PlainValidator(_sentence),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MOST_SENTENCE}),
]
